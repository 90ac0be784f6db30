/* SPDX-License-Identifier: Apache-2.0
 *
 * Small models for the rules of vocab-check, and what can be done to them: one rule needs one line.
 */
#ifndef VS_TEST_CHECK_FIXTURE_H
#define VS_TEST_CHECK_FIXTURE_H

#include <stdint.h>
#include <vs/check.h>

#define COLS 8
#define WORDS 24 /* tokens and rows of a small model unless a case says otherwise */

/* Text that is replaced in a file, once and only where it stands; from NULL: the file is written; to NULL: it is removed. */
struct edit { const char *file, *from, *to; };
/* Another shape for a tensor; cols 0: one axis. GONE leaves the tensor out. */
struct reshape { const char *tensor; uint64_t rows, cols; };
#define GONE UINT64_MAX
enum poke_what { POKE_NONE, POKE_NAN, POKE_INF, POKE_ZERO, POKE_COPY, POKE_SCALE };
/* One row is overwritten: NaN or Inf in one place, zeros, a copy of row arg, the row times arg. */
struct poke { const char *tensor; uint64_t row; enum poke_what what; double arg; };

struct small {
    const char *name;             /* of the healthy model in fixture.c; NULL: llama */
    const char *shard;            /* name of the weight file; NULL: model.safetensors */
    const char *dtype;            /* of all tensors; NULL: F32 */
    unsigned words;               /* entries of model.vocab; 0: WORDS */
    unsigned live;                /* rows from here on are padding, nearly zero; 0: WORDS */
    struct edit edits[4];
    struct reshape shapes[4];
    struct poke pokes[2];
};

float small_value(const char *tensor, uint64_t i); /* of its element i; made up, the same each time */
/* Makes the model in a new directory. */
const char *make_small(const struct small *m);
/* A vocab-map.json of count new tokens t<first> ... after those of base; base NULL: of some tokenizer or other. */
const char *write_small_map(const char *base, unsigned first, unsigned count);
/* The same directory, extended by embed-extend to that many rows: with a receipt.json. */
const char *extend_small(const char *dir, int64_t rows);
void apply_edit(const char *dir, const struct edit *e);
void poke_file(const char *dir, const struct poke *p);
const char *const *healthy_models(void); /* names, NULL at the end */

struct vs_check_result *check(const char *dir, const char *base, const char *map, const char *receipt);

#endif
