/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of model.vocab: strings packed end to end in file order, found by hash.
 *
 *     bytes  t h e Ġ t h i n g ...        begins[i] .. begins[i+1] is entry i, ids[i] its declared id
 *     slots  {hash, entry} ...            open addressing, at most half full; a full hash is compared before the string
 */
#ifndef VS_TOKENIZER_VOCAB_H
#define VS_TOKENIZER_VOCAB_H

#include <stdbool.h>
#include <string.h>
#include <vs/err.h>
#include "base/map.h"

#define VS_NO_ENTRY UINT32_MAX

struct vs_vocab_slot { uint32_t hash, entry; };

struct vs_vocab { /* {0} is empty */
    char *bytes;
    size_t byte_cap;
    uint32_t *begins, *ids;
    uint32_t count, cap;         /* entries; begins has cap + 1 places */
    struct vs_vocab_slot *slots;
    uint32_t slot_mask;
    uint64_t seed;
};

/* Adds an entry. *twin (may not be NULL) is the entry with the same string, and nothing is added then, or VS_NO_ENTRY. */
enum vs_code vs_vocab_add(struct vs_vocab *v, struct vs_str s, uint32_t id, uint32_t *twin, struct vs_err *err) VS_NODISCARD;
uint32_t vs_vocab_find(const struct vs_vocab *v, struct vs_str s); /* VS_NO_ENTRY when absent */
void vs_vocab_trim(struct vs_vocab *v);                            /* gives unused capacity back */
void vs_vocab_free(struct vs_vocab *v);                            /* accepts {0}; leaves {0} */

static inline struct vs_str vs_vocab_text(const struct vs_vocab *v, uint32_t entry)
{
    return (struct vs_str){v->bytes + v->begins[entry], v->begins[entry + 1] - v->begins[entry]};
}

static inline uint32_t vs_vocab_hash(const struct vs_vocab *v, struct vs_str s)
{
    uint64_t h = vs_hash_bytes(s.p, s.n, v->seed);
    return (uint32_t)(h ^ h >> 32);
}

/* The lookup in steps, so that many of them can wait for memory at the same time (load_merges.c). */
static inline void vs_vocab_fetch_slot(const struct vs_vocab *v, uint32_t hash)
{
    __builtin_prefetch(&v->slots[hash & v->slot_mask]);
}

/* The first entry whose hash fits, from *at on; *at is then the slot behind it. */
static inline uint32_t vs_vocab_probe(const struct vs_vocab *v, uint32_t hash, uint32_t *at)
{
    for (uint32_t i = *at & v->slot_mask;; i = (i + 1) & v->slot_mask) {
        const struct vs_vocab_slot *s = &v->slots[i];
        if (s->entry == VS_NO_ENTRY || s->hash == hash) {
            *at = i + 1;
            return s->entry;
        }
    }
}

static inline bool vs_vocab_is(const struct vs_vocab *v, uint32_t entry, struct vs_str s)
{
    struct vs_str e = vs_vocab_text(v, entry);
    return e.n == s.n && (s.n == 0 || memcmp(e.p, s.p, s.n) == 0);
}

#endif
