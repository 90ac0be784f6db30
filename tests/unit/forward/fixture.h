/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiny models made in code: the value of every element follows from its tensor's name and its position, so that a test can
 * compute with a model without reading its files, and a longer table begins with the rows of a shorter one.
 */
#ifndef VS_TEST_FORWARD_FIXTURE_H
#define VS_TEST_FORWARD_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <vs/check.h>

#define HIDDEN 20u
#define INNER 23u
#define LAYERS 3u
#define HEADS 4u
#define KV_HEADS 2u
#define HEAD_DIM 6u
#define ROWS 40u
#define EXPERTS 5u /* of QWEN2_MOE, two at a time */
#define EXPERT_SIZE 11u
#define SHARED_SIZE 9u

enum kind { LLAMA, QWEN2, QWEN3, GEMMA2, KINDS, QWEN2_MOE = KINDS, BERT, ALL_KINDS };

struct tiny {
    enum kind kind;
    unsigned rows, words;       /* rows of the tables, tokens; 0: ROWS */
    unsigned head_rows;         /* 0: as many as rows */
    const char *from, *to;      /* text of config.json that is replaced */
    const char *drop;           /* a tensor that is left out */
    const char *as_i32;         /* a tensor whose bytes are called I32 */
    const char *extra;          /* one more tensor of this name */
    const char *poke; uint64_t poke_at; float poke_value; /* one element of a tensor; from poke_at on poke_count of them */
    uint64_t poke_count;
    const char *dtype;          /* that values are converted to, "F64" "F16" "BF16"; NULL: F32 */
    bool tied;                  /* no head, and the config says so */
};

float value_of(const char *tensor, uint64_t i, bool norm); /* of a healthy model */
const char *make_tiny(const struct tiny *t);               /* a directory: config.json, model.safetensors, tokenizer.json */
const char *tiny_map(const char *dir, unsigned first, unsigned count); /* a vocab-map.json: count new tokens from id first on */

#define ONE_LIST(text) (const char *const[]){text, NULL} /* as request.prompt_ids; none when it is NULL */

/* Checks with a run; ends the test when the check itself fails. base, map and what q holds may be NULL. */
struct vs_check_result *run_check(const char *dir, const char *base, const char *map, const struct vs_forward_request *q, uint64_t memory);
bool says(const struct vs_check_result *r, const char *rule);
const float *read_npy(const char *path, uint64_t *rows, uint64_t *cols);

/* Logits [count][ROWS] of one sequence in float64: written from the formulas, nothing of the library is used. Of kinds below KINDS. */
void reference_logits(enum kind kind, const uint32_t *ids, unsigned count, double *logits);

#endif
