/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the pair table: for the loops that cannot afford a call (bpe.c, bpe_merge.c).
 */
#ifndef VS_TOKENIZER_BPE_TABLE_H
#define VS_TOKENIZER_BPE_TABLE_H

#include "tokenizer/bpe.h"

struct vs_bpe_slot {
    uint64_t key; /* left << 32 | right */
    uint32_t rank, product;
};

struct vs_bpe {
    struct vs_bpe_slot *slots;
    uint64_t mask, multiplier;
    unsigned shift;
    uint32_t count;            /* pairs in the table */
    uint64_t *log;             /* keys of the pairs that vs_bpe_add added, oldest first */
    uint32_t logged;
};

enum vs_code vs_bpe_copy(const struct vs_bpe *from, struct vs_bpe **out, struct vs_err *err) VS_NODISCARD;

static inline uint64_t vs_bpe_key(uint32_t left, uint32_t right)
{
    return (uint64_t)left << 32 | right;
}

static inline uint64_t vs_bpe_home(const struct vs_bpe *b, uint64_t key)
{
    return key * b->multiplier >> b->shift;
}

static inline const struct vs_bpe_slot *vs_bpe_find(const struct vs_bpe *b, uint32_t left, uint32_t right)
{
    uint64_t key = vs_bpe_key(left, right);
    for (uint64_t at = vs_bpe_home(b, key);; at = (at + 1) & b->mask) {
        if (b->slots[at].key == key)
            return &b->slots[at];
        if (b->slots[at].key == UINT64_MAX)
            return NULL;
    }
}

#endif
