/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading tokenizer.json: one pass over the text, in these files:
 *     load_json.c    the document, its sections, added_tokens
 *     load_model.c   the fields of the model, the vocabulary
 *     load_merges.c  the merge list
 *     siblings.c     tokenizer_config.json and the other files beside it
 *     ids.c          which id everything really gets
 */
#ifndef VS_TOKENIZER_LOAD_H
#define VS_TOKENIZER_LOAD_H

#include "json/scan.h"
#include "tokenizer/impl.h"

/* The largest id a file may give. No vocabulary comes near it, and a list by id stays affordable: three tokens with an id of two
 * billion must not cost 8 GB. */
#define VS_ID_MAX 0xffffffu

struct vs_load {
    struct vs_tokenizer_impl *impl;
    struct vs_tokenizer *t;     /* &impl->t */
    struct vs_tokenizer_options wish;
    uint32_t past_added;        /* one more than the highest id that an added token has so far; 0: there is none */
    struct vs_json j;
    struct vs_arena scratch;    /* strings with escapes; freed with the text */
};

enum { VS_LOOK_EVERY = 1 << 12 }; /* tokens between two looks at whether the result is still wanted */

static inline bool vs_load_cancelled(const struct vs_load *l)
{
    return l->wish.cancel && *l->wish.cancel;
}

/* Before token or merge number at. */
static inline enum vs_code vs_load_look(const struct vs_load *l, uint64_t at, struct vs_err *err)
{
    return at % VS_LOOK_EVERY == 0 && vs_load_cancelled(l) ? vs_fail(err, VS_ECANCELED, "interrupted") : VS_OK;
}

enum vs_code vs_load_json(struct vs_load *l, const char *path, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_load_model(struct vs_load *l, struct vs_err *err) VS_NODISCARD; /* the scanner stands before the object */
/* Resolves the merge list that begins at a byte of the scanner's text; product = left + right without continuing_subword_prefix. */
enum vs_code vs_load_merges(struct vs_load *l, size_t begin, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_load_siblings(struct vs_load *l, const char *dir, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_load_embedded(struct vs_load *l, struct vs_err *err) VS_NODISCARD; /* ids in post_processor and padding */

/* The loader of the Rust library: ids for t->added[from ..] in order, starting where it starts at load (from == 0) or later. */
enum vs_code vs_assign_ids(struct vs_load *l, uint32_t from, struct vs_err *err) VS_NODISCARD;
/* After all added tokens are known: owners, counts, holes, moved, findings. */
enum vs_code vs_finish_ids(struct vs_load *l, struct vs_err *err) VS_NODISCARD;

/* From owners, which are there: the highest id, how many rows that makes, the holes below it. VS_ENOMEM only. */
enum vs_code vs_measure_ids(struct vs_tokenizer_impl *impl, struct vs_err *err) VS_NODISCARD;

/* Append to t->added, t->named and t->repeats; VS_ENOMEM only. Texts must live as long as the tokenizer. */
enum vs_code vs_load_add(struct vs_load *l, const struct vs_added *token, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_load_named(struct vs_load *l, const struct vs_named_token *n, struct vs_err *err) VS_NODISCARD;
/* Each token under a name carries it: a name of a megabyte over a list of as many would take a terabyte. What has a longer one is not read,
 * and that is a finding. */
#define VS_NAME_MAX 255u
enum vs_code vs_load_long_name(struct vs_load *l, const char *file, struct vs_str name, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_load_repeat(struct vs_load *l, const struct vs_repeat *r, struct vs_err *err) VS_NODISCARD;
/* Adds to the scanner's message where in the document it failed. Returns false. */
bool vs_load_where(struct vs_load *l, const char *fmt, ...) VS_PRINTF(2, 3);
/* Something that loads but is inconsistent: a finding when lenient, VS_EMISMATCH otherwise. */
enum vs_code vs_load_finding(struct vs_load *l, struct vs_err *err, const char *fmt, ...) VS_PRINTF(3, 4) VS_NODISCARD;

#endif
