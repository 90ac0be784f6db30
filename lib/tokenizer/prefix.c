/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tokenizer/prefix.h"

static int by_text(const void *left, const void *right)
{
    const struct vs_prefix_item *a = left, *b = right;
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n ? memcmp(a->p, b->p, n) : 0;
    if (order == 0)
        order = a->n < b->n ? -1 : a->n > b->n;
    if (order == 0)
        order = a->which < b->which ? -1 : a->which > b->which;
    return order;
}

void vs_prefix_build(struct vs_prefix *p, struct vs_prefix_item *items, uint32_t count)
{
    *p = (struct vs_prefix){.items = items, .count = count};
    if (count)
        qsort(items, count, sizeof *items, by_text);
    uint32_t at = 0;
    while (at < count && items[at].n == 0)
        at++;
    for (unsigned byte = 0; byte < 256; byte++) {
        p->first[byte] = at;
        while (at < count && (unsigned char)items[at].p[0] == byte)
            at++;
    }
    p->first[256] = at;
}

void vs_prefix_free(struct vs_prefix *p)
{
    vs_free(p->items);
    *p = (struct vs_prefix){0};
}

/* The first item of [lo, hi) whose byte at depth is at least `byte`; items that end there come before all others. */
static uint32_t lower(const struct vs_prefix *p, uint32_t lo, uint32_t hi, uint32_t depth, unsigned byte)
{
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (p->items[mid].n <= depth || (unsigned char)p->items[mid].p[depth] < byte)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool vs_prefix_step(const struct vs_prefix *p, struct vs_prefix_walk *w, unsigned char byte)
{
    if (w->depth == 0) {
        w->lo = p->first[byte];
        w->hi = p->first[byte + 1];
    } else {
        w->lo = lower(p, w->lo, w->hi, w->depth, byte);
        w->hi = lower(p, w->lo, w->hi, w->depth, byte + 1u);
    }
    w->depth++;
    return w->lo < w->hi;
}
