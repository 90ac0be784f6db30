/* SPDX-License-Identifier: Apache-2.0
 *
 * The pair table: open addressing, at most half full, 16 bytes a slot, one cache miss a lookup. The multiplier is
 * random, so that a hostile merge list cannot choose its collisions.
 */
#include <string.h>
#include "base/map.h"
#include "base/mem.h"
#include "tokenizer/bpe.h"
#include "tokenizer/bpe_table.h"

#define EMPTY UINT64_MAX /* the pair of VS_NO_SYMBOL with itself: no pair */

enum { AHEAD = 24 }; /* slots fetched before they are needed, while a table is built */

static uint64_t slots_for(uint64_t pairs)
{
    uint64_t slots = 64;
    while (slots < pairs * 2)
        slots *= 2;
    return slots;
}

static bool slots_new(struct vs_bpe *b, uint64_t count)
{
    b->slots = vs_realloc_array(NULL, count, sizeof *b->slots);
    if (!b->slots)
        return false;
    memset(b->slots, 0xff, count * sizeof *b->slots);
    b->mask = count - 1;
    b->shift = 64 - (unsigned)__builtin_ctzll(count);
    return true;
}

/* An empty table with room for count pairs. */
static enum vs_code new_table(uint64_t count, struct vs_bpe **out, struct vs_err *err)
{
    *out = NULL;
    if (count >= 1u << 30)
        return vs_fail(err, VS_ELIMIT, "%llu merges: the limit is 2^30", (unsigned long long)count);
    struct vs_bpe *b = vs_calloc(1, sizeof *b);
    if (!b || !slots_new(b, slots_for(count + 1))) {
        vs_free(b);
        return vs_enomem(err, "the merge table", slots_for(count + 1) * sizeof *b->slots);
    }
    b->multiplier = vs_hash_seed(b) | 1;
    *out = b;
    return VS_OK;
}

void vs_bpe_free(struct vs_bpe *b)
{
    if (!b)
        return;
    vs_free(b->slots);
    vs_free(b->log);
    vs_free(b);
}

enum vs_code vs_bpe_copy(const struct vs_bpe *from, struct vs_bpe **out, struct vs_err *err)
{
    *out = NULL;
    size_t bytes = (size_t)(from->mask + 1) * sizeof *from->slots;
    struct vs_bpe *b = vs_calloc(1, sizeof *b);
    struct vs_bpe_slot *slots = b ? vs_malloc(bytes) : NULL;
    if (!slots) {
        vs_free(b);
        return vs_enomem(err, "a copy of the merge table", bytes);
    }
    *b = *from;
    b->slots = memcpy(slots, from->slots, bytes);
    b->log = NULL;
    b->logged = 0;
    *out = b;
    return VS_OK;
}

static void put(struct vs_bpe *b, struct vs_bpe_slot slot)
{
    uint64_t at = vs_bpe_home(b, slot.key);
    while (b->slots[at].key != EMPTY)
        at = (at + 1) & b->mask;
    b->slots[at] = slot;
}

static bool grow(struct vs_bpe *b)
{
    struct vs_bpe_slot *old = b->slots;
    uint64_t old_mask = b->mask;
    if (!slots_new(b, (old_mask + 1) * 2)) {
        b->slots = old;
        return false;
    }
    for (uint64_t i = 0; i <= old_mask; i++)
        if (old[i].key != EMPTY)
            put(b, old[i]);
    vs_free(old);
    return true;
}

enum vs_code vs_bpe_build(const struct vs_bpe_merge *merges, const uint32_t *ranks, uint64_t count, struct vs_bpe **out, uint64_t *twin,
                          struct vs_err *err)
{
    struct vs_bpe *b;
    *twin = count;
    enum vs_code code = new_table(count, &b, err);
    *out = b;
    if (code)
        return code;
    for (uint64_t i = 0; i < count; i++) {
        if (i + AHEAD < count)
            __builtin_prefetch(&b->slots[vs_bpe_home(b, vs_bpe_key(merges[i + AHEAD].left, merges[i + AHEAD].right))]);
        uint64_t key = vs_bpe_key(merges[i].left, merges[i].right), at = vs_bpe_home(b, key);
        while (b->slots[at].key != EMPTY && b->slots[at].key != key)
            at = (at + 1) & b->mask;
        if (b->slots[at].key == key) {
            *twin = i;
            *out = NULL;
            vs_bpe_free(b);
            return VS_OK;
        }
        b->slots[at] = (struct vs_bpe_slot){key, ranks ? ranks[i] : (uint32_t)i, merges[i].product};
    }
    b->count = (uint32_t)count;
    return VS_OK;
}

enum vs_code vs_bpe_add(struct vs_bpe *b, uint32_t left, uint32_t right, uint32_t product, struct vs_err *err)
{
    uint64_t key = vs_bpe_key(left, right);
    if (key == EMPTY || vs_bpe_find(b, left, right))
        return vs_fail(err, VS_EUSAGE, "the pair of symbols %u and %u is in the merge table already", left, right);
    uint64_t *log = vs_list_room(b->log, b->logged, sizeof *log);
    if (!log)
        return vs_enomem(err, "new merges", 0);
    b->log = log;
    if (((uint64_t)b->count + 1) * 2 > b->mask + 1 && !grow(b))
        return vs_enomem(err, "the merge table", (b->mask + 1) * 2 * sizeof *b->slots);
    put(b, (struct vs_bpe_slot){key, b->count, product});
    b->log[b->logged++] = key;
    b->count++;
    return VS_OK;
}

uint32_t vs_bpe_mark(const struct vs_bpe *b)
{
    return b->logged;
}

/* Empties a slot and moves later ones of the same run up, so that every key stays reachable from its home. */
static void drop(struct vs_bpe *b, uint64_t key)
{
    uint64_t gap = vs_bpe_home(b, key);
    while (b->slots[gap].key != key)
        gap = (gap + 1) & b->mask;
    for (uint64_t at = (gap + 1) & b->mask; b->slots[at].key != EMPTY; at = (at + 1) & b->mask) {
        uint64_t home = vs_bpe_home(b, b->slots[at].key);
        if (((at - home) & b->mask) < ((at - gap) & b->mask))
            continue;
        b->slots[gap] = b->slots[at];
        gap = at;
    }
    b->slots[gap].key = EMPTY;
}

void vs_bpe_take_back(struct vs_bpe *b, uint32_t mark)
{
    while (b->logged > mark) {
        drop(b, b->log[--b->logged]);
        b->count--;
    }
}
