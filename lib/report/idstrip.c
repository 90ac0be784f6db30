/* SPDX-License-Identifier: Apache-2.0
 *
 * The id space as one line of boxes.
 */
#include <stdio.h>
#include <string.h>
#include "report/report.h"

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
