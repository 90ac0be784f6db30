/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer as tools see it, and words of commands.
 */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "report/report.h"

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

static bool is_plain(const char *text)
{
    return *text && *text != '-' && strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_") == strlen(text);
}

const char *vs_shell_word(char out[VS_WORD_MAX], const char *dir, const char *name)
{
    struct vs_buf path = {0}, shown = {0};
    vs_buf_printf(&path, "%s%s%s%s", *dir == '-' ? "./" : "", dir, name ? "/" : "", name ? name : "");
    vs_put_text(&shown, path.p); /* a control character does harm in a terminal, quoted or not */
    const char *text = shown.p ? shown.p : dir;
    size_t n = 0;
    if (is_plain(text)) {
        snprintf(out, VS_WORD_MAX, "%s", text);
    } else {
        out[n++] = '\'';
        for (; *text && n < VS_WORD_MAX - 6; text++)
            n += (size_t)snprintf(out + n, 5, "%s%c%s", *text == '\'' ? "'\\" : "", *text, *text == '\'' ? "'" : "");
        out[n++] = '\'';
        out[n] = '\0';
    }
    vs_buf_free(&path);
    vs_buf_free(&shown);
    return out;
}
