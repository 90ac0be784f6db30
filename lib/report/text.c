/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer as tools see it, and small things that every report writes the same way.
 */
#include <string.h>
#include "base/mem.h"
#include "report/report.h"
#include "tokenizer/alphabet.h"

struct vs_buf *vs_text_new(void)
{
    return vs_calloc(1, sizeof(struct vs_buf));
}

const char *vs_text_get(const struct vs_buf *b, size_t *n)
{
    *n = b->n;
    return b->failed ? NULL : b->p ? b->p : "";
}

void vs_text_free(struct vs_buf *b)
{
    if (b)
        vs_buf_free(b);
    vs_free(b);
}

void vs_text_command(struct vs_buf *b, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        vs_buf_puts(b, i ? " " : "");
        vs_buf_word(b, words[i]);
    }
}

const char *vs_color_on(const struct vs_look *look, enum vs_color color)
{
    static const char *const codes[] = {"", "\033[31m", "\033[33m", "\033[32m", "\033[36m", "\033[1m"};
    return look->color ? codes[color] : "";
}

const char *vs_color_off(const struct vs_look *look)
{
    return look->color ? "\033[0m" : "";
}

void vs_put_bytes(struct vs_buf *b, uint64_t bytes)
{
    static const char *const units[] = {"KB", "MB", "GB", "TB"};
    double v = (double)bytes / 1e3;
    int unit = 0;
    while (v >= 999.95 && unit < 3) {
        v /= 1e3;
        unit++;
    }
    vs_buf_printf(b, "%.1f %s", v, units[unit]);
}

void vs_put_text(struct vs_buf *b, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\\");
        vs_buf_escaped(b, (struct vs_str){text, n});
        text += n;
        if (*text)
            vs_buf_add(b, text++, 1);
    }
}

void vs_put_token(struct vs_buf *b, struct vs_str token, bool bytes)
{
    struct vs_buf text = {0};
    if (bytes && vs_undo_bytes(token, &text) && text.n)
        token = (struct vs_str){text.p, text.n};
    bool quotes = token.n && (token.p[0] == ' ' || token.p[token.n - 1] == ' ');
    vs_buf_puts(b, quotes ? "\"" : "");
    vs_buf_escaped(b, token);
    vs_buf_puts(b, quotes ? "\"" : "");
    b->failed |= text.failed;
    vs_buf_free(&text);
}

void vs_put_id(struct vs_buf *b, int64_t id, struct vs_str token)
{
    vs_buf_printf(b, "%lld", (long long)id);
    if (token.n) {
        vs_buf_puts(b, " ");
        vs_buf_escaped(b, token);
    }
}
