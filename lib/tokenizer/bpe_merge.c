/* SPDX-License-Identifier: Apache-2.0
 *
 * The merge loop: lowest rank first, leftmost on ties. Short sequences are scanned, long ones use a heap, so that a
 * text without a single cut stays O(n log n).
 */
#include <string.h>
#include "base/mem.h"
#include "tokenizer/bpe_table.h"

enum { SHORT = 32 };

#define NO_RANK UINT32_MAX

struct pair { uint32_t rank, product; }; /* of a symbol and its right neighbour */

static inline struct pair pair_of(const struct vs_bpe *b, uint32_t left, uint32_t right)
{
    const struct vs_bpe_slot *s = vs_bpe_find(b, left, right);
    return s ? (struct pair){s->rank, s->product} : (struct pair){NO_RANK, VS_NO_SYMBOL};
}

static uint32_t merge_short(const struct vs_bpe *b, uint32_t *symbols, uint32_t n)
{
    struct pair pairs[SHORT];
    for (uint32_t i = 0; i + 1 < n; i++)
        pairs[i] = pair_of(b, symbols[i], symbols[i + 1]);
    while (n > 1) {
        uint32_t best = 0;
        for (uint32_t i = 1; i + 1 < n; i++)
            if (pairs[i].rank < pairs[best].rank)
                best = i;
        if (pairs[best].rank == NO_RANK)
            break;
        symbols[best] = pairs[best].product;
        n--;
        memmove(symbols + best + 1, symbols + best + 2, (n - best - 1) * sizeof *symbols);
        if (best + 1 < n) {
            memmove(pairs + best + 1, pairs + best + 2, (n - best - 2) * sizeof *pairs);
            pairs[best] = pair_of(b, symbols[best], symbols[best + 1]);
        }
        if (best > 0)
            pairs[best - 1] = pair_of(b, symbols[best - 1], symbols[best]);
    }
    return n;
}

struct node { struct pair pair; uint32_t symbol, prev, next; };

struct work {
    const struct vs_bpe *b;
    struct node *nodes;
    uint64_t *heap; /* rank << 32 | position; an entry is stale when the node's pair has another rank by now */
    uint32_t n, heaped;
};

static void heap_push(struct work *w, uint64_t key)
{
    uint32_t at = w->heaped++;
    for (; at && w->heap[(at - 1) / 2] > key; at = (at - 1) / 2)
        w->heap[at] = w->heap[(at - 1) / 2];
    w->heap[at] = key;
}

static uint64_t heap_pop(struct work *w)
{
    uint64_t top = w->heap[0], last = w->heap[--w->heaped];
    uint32_t at = 0;
    for (uint32_t child; (child = 2 * at + 1) < w->heaped; at = child) {
        if (child + 1 < w->heaped && w->heap[child + 1] < w->heap[child])
            child++;
        if (w->heap[child] >= last)
            break;
        w->heap[at] = w->heap[child];
    }
    w->heap[at] = last;
    return top;
}

static void refresh(struct work *w, uint32_t at)
{
    struct node *node = &w->nodes[at];
    node->pair = (struct pair){NO_RANK, VS_NO_SYMBOL};
    if (node->next >= w->n)
        return;
    node->pair = pair_of(w->b, node->symbol, w->nodes[node->next].symbol);
    if (node->pair.rank != NO_RANK)
        heap_push(w, (uint64_t)node->pair.rank << 32 | at);
}

static void merge_at(struct work *w, uint32_t at)
{
    struct node *node = &w->nodes[at], *right = &w->nodes[node->next];
    node->symbol = node->pair.product;
    node->next = right->next;
    right->pair.rank = NO_RANK; /* it is gone: entries of its own are stale */
    if (node->next < w->n)
        w->nodes[node->next].prev = at;
    refresh(w, at);
    if (node->prev != UINT32_MAX)
        refresh(w, node->prev);
}

static uint32_t merge_long(struct work *w, uint32_t *symbols)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++)
        w->nodes[i] = (struct node){.symbol = symbols[i], .prev = i - 1, .next = i + 1};
    for (uint32_t i = 0; i < w->n; i++)
        refresh(w, i);
    while (w->heaped) {
        uint64_t top = heap_pop(w);
        if (w->nodes[(uint32_t)top].pair.rank == top >> 32)
            merge_at(w, (uint32_t)top);
    }
    for (uint32_t i = 0; i < w->n; i = w->nodes[i].next)
        symbols[n++] = w->nodes[i].symbol;
    return n;
}

enum vs_code vs_bpe_merge(const struct vs_bpe *b, uint32_t *symbols, uint32_t *n, struct vs_err *err)
{
    if (*n <= SHORT) {
        *n = merge_short(b, symbols, *n);
        return VS_OK;
    }
    /* Every merge pushes at most two entries beyond the first n. */
    struct work w = {.b = b, .n = *n};
    w.nodes = vs_realloc_array(NULL, w.n, sizeof *w.nodes);
    w.heap = w.nodes && w.n < UINT32_MAX / 3 ? vs_realloc_array(NULL, (size_t)w.n * 3, sizeof *w.heap) : NULL;
    enum vs_code code = VS_OK;
    if (w.heap)
        *n = merge_long(&w, symbols);
    else
        code = vs_enomem(err, "merging one long piece of text", (uint64_t)w.n * (sizeof *w.nodes + 3 * sizeof *w.heap));
    vs_free(w.nodes);
    vs_free(w.heap);
    return code;
}
