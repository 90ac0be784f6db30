/* SPDX-License-Identifier: Apache-2.0
 *
 * The id space as one line of boxes, and small things that every report writes the same way.
 */
#include <stdio.h>
#include <string.h>
#include "report/report.h"
#include "tokenizer/alphabet.h"

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

struct box { char range[48], label[96]; size_t width; };

static void fill_box(struct box *box, const struct vs_stretch *s)
{
    unsigned long long begin = s->begin, last = s->end - 1;
    if (begin == last)
        snprintf(box->range, sizeof box->range, "%llu", begin);
    else
        snprintf(box->range, sizeof box->range, "%llu .. %llu", begin, last);
    snprintf(box->label, sizeof box->label, "%.60s %llu", s->name, (unsigned long long)s->count);
    size_t range = strlen(box->range), label = strlen(box->label) + 4;
    box->width = range > label ? range : label;
}

/* Boxes are as wide as their text; what is left of the line goes to the stretch with the most ids. */
static void widen(struct box *boxes, const struct vs_stretch *s, uint32_t count, unsigned width)
{
    size_t used = 6;
    uint32_t widest = 0;
    for (uint32_t i = 0; i < count; i++) {
        used += boxes[i].width + 1;
        if (s[i].end - s[i].begin > s[widest].end - s[widest].begin)
            widest = i;
    }
    size_t room = width > 100 ? 100 : width;
    if (used < room)
        boxes[widest].width += room - used;
}

void vs_put_idstrip(struct vs_buf *b, const struct vs_stretch *s, uint32_t count, const struct vs_look *look)
{
    struct box boxes[STRETCHES_MAX];
    count = count > STRETCHES_MAX ? STRETCHES_MAX : count;
    if (!count)
        return;
    for (uint32_t i = 0; i < count; i++)
        fill_box(&boxes[i], &s[i]);
    widen(boxes, s, count, look->width ? look->width : 80);
    vs_buf_puts(b, "ids  ");
    for (uint32_t i = 0; i < count; i++)
        vs_buf_printf(b, " %-*s", i + 1 < count ? (int)boxes[i].width : 0, boxes[i].range);
    vs_buf_puts(b, "\n     ");
    for (uint32_t i = 0; i < count; i++)
        vs_buf_printf(b, " [ %s%-*s%s ]", vs_color_on(look, s[i].color), (int)boxes[i].width - 4, boxes[i].label, vs_color_off(look));
    vs_buf_puts(b, "\n");
}
