/* SPDX-License-Identifier: Apache-2.0
 *
 * Small checkpoints for the tests of embed-extend, and looks into what came out that do not go through the code under
 * test: raw bytes, a header walk of their own, float arithmetic of their own.
 */
#ifndef VS_TESTS_EXTEND_FIXTURE_H
#define VS_TESTS_EXTEND_FIXTURE_H

#include <criterion/criterion.h>
#include <string.h>
#include <vs/plan.h>
#include "base/sha256.h"
#include "base/str.h"
#include "json/dom.h"
#include "support.h"

#define COLS 8u

/* A Llama-like directory: config.json, one model.safetensors with rows x COLS tables. */
struct model {
    uint64_t rows;
    const char *dtype;      /* NULL = "F32" */
    bool head, tie;         /* a stored head; what the config says */
    bool head_is_input;     /* the stored head has the input's bytes */
    bool shards;            /* three shards; tables in the first and the last */
    unsigned tokens;        /* > 0: a WordLevel tokenizer with ids 0 .. tokens - 1 named t0, t1, ... */
};
const char *make_model(struct model m);
void write_tokenizer(const char *dir, unsigned tokens, const char *const *more, unsigned more_count);

/* A map for new tokens; pieces may be NULL, ends with VS_NO_ID. */
struct new_token { uint32_t id; const char *token; const uint32_t *pieces; };
const char *write_map(const char *dir, const char *base, uint32_t base_rows, const struct new_token *news, unsigned count);

/* Plans and runs; both must succeed. */
struct vs_extend_request request_for(const char *model);
const char *extend(const struct vs_extend_request *q, const struct vs_run *run);
/* Plans and runs; returns the code, and the message in err. */
enum vs_code try_extend(const struct vs_extend_request *q, const struct vs_run *run, const char *out, struct vs_err *err);

/* Payload of a tensor of DIR/file, by name; dies when absent. n: bytes. at: place in the file. */
const unsigned char *tensor_bytes(const char *dir, const char *file, const char *name, size_t *n, uint64_t *at);
double value_at(const unsigned char *bytes, const char *dtype, size_t i);
/* x as dtype stores it, round to nearest even: the bits. */
uint64_t bits_of(double x, const char *dtype);
uint64_t bits_at(const unsigned char *bytes, const char *dtype, size_t i);
unsigned width_of(const char *dtype);

/* Receipt of OUT; freed by the caller. */
void read_receipt(const char *out, struct vs_jdoc *d);
int64_t integer_at(const struct vs_jdoc *d, const char *pointer);
struct vs_str text_at(const struct vs_jdoc *d, const char *pointer);

#endif
