/* SPDX-License-Identifier: Apache-2.0
 *
 * The BPE engine: a table of pairs, and the merge loop over it.
 *
 * A symbol is the number of an entry of model.vocab in file order: 0 .. base_count-1, dense whatever the ids are.
 * Whoever extends a table numbers new symbols upwards from base_count, in its own way.
 *
 *     vs_bpe_clone(t, &b, err);                      a private copy of the tokenizer's merges
 *     mark = vs_bpe_mark(b);
 *     vs_bpe_add(b, left, right, product, err);      ranked after everything before it
 *     vs_bpe_merge(b, symbols, &n, err);             in place
 *     vs_bpe_take_back(b, mark);                     forgets what was added since the mark
 */
#ifndef VS_TOKENIZER_BPE_H
#define VS_TOKENIZER_BPE_H

#include "tokenizer/symbols.h"

struct vs_bpe;
struct vs_bpe_merge { uint32_t left, right, product; };

/* VS_EUSAGE when t is not BPE or was opened with ids_only. */
enum vs_code vs_bpe_clone(const struct vs_tokenizer *t, struct vs_bpe **out, struct vs_err *err) VS_NODISCARD;
/* A table of a whole merge list. ranks: one for each merge; NULL: its place in the list. *twin is the place of the
 * first pair that repeats an earlier one (*out is NULL then), or count. */
enum vs_code vs_bpe_build(const struct vs_bpe_merge *merges, const uint32_t *ranks, uint64_t count, struct vs_bpe **out, uint64_t *twin,
                          struct vs_err *err) VS_NODISCARD;
void vs_bpe_free(struct vs_bpe *b); /* accepts NULL */

/* Adds a pair at the next rank. A pair that is there already is VS_EUSAGE. */
enum vs_code vs_bpe_add(struct vs_bpe *b, uint32_t left, uint32_t right, uint32_t product, struct vs_err *err) VS_NODISCARD;
uint32_t vs_bpe_mark(const struct vs_bpe *b);
void vs_bpe_take_back(struct vs_bpe *b, uint32_t mark); /* newest first; only what vs_bpe_add added */

/* Merges symbols[0 .. *n) in place until no pair is left, lowest rank first, leftmost on ties; *n is the new length. */
enum vs_code vs_bpe_merge(const struct vs_bpe *b, uint32_t *symbols, uint32_t *n, struct vs_err *err) VS_NODISCARD;

#endif
