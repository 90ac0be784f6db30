/* SPDX-License-Identifier: Apache-2.0
 *
 * All strings of a set that a text starts with: a sorted list, narrowed byte by byte.
 *
 *     struct vs_prefix_walk w = vs_prefix_begin(&p);
 *     while (i < n && vs_prefix_step(&p, &w, text[i++]))
 *         if (vs_prefix_match(&p, &w, &which)) ...       text[0 .. i) is string number `which`
 */
#ifndef VS_TOKENIZER_PREFIX_H
#define VS_TOKENIZER_PREFIX_H

#include <stdbool.h>
#include <vs/err.h>

struct vs_prefix_item { const char *p; uint32_t n, which; };

struct vs_prefix { /* {0} is the empty set */
    struct vs_prefix_item *items; /* sorted bytewise; of equal strings the lowest `which` comes first */
    uint32_t count;
    uint32_t first[257];          /* where the items with each first byte begin */
};
struct vs_prefix_walk { uint32_t lo, hi, depth; };

/* Takes over items (a vs_malloc block); the strings are borrowed. Empty strings match nothing. */
void vs_prefix_build(struct vs_prefix *p, struct vs_prefix_item *items, uint32_t count);
void vs_prefix_free(struct vs_prefix *p); /* accepts {0}; leaves {0} */

static inline struct vs_prefix_walk vs_prefix_begin(const struct vs_prefix *p)
{
    return (struct vs_prefix_walk){0, p->count, 0};
}

bool vs_prefix_step(const struct vs_prefix *p, struct vs_prefix_walk *w, unsigned char byte); /* false: nothing goes on so */

static inline bool vs_prefix_match(const struct vs_prefix *p, const struct vs_prefix_walk *w, uint32_t *which)
{
    if (p->items[w->lo].n != w->depth)
        return false;
    *which = p->items[w->lo].which;
    return true;
}

#endif
