/* SPDX-License-Identifier: Apache-2.0
 *
 * Renumbering the files of a tokenizer: new tokens come to stand at the end of the text block, what stood there moves
 * up, and the ids that are written are the ids that run.
 */
#ifndef VS_PLAN_OFFSETS_TOKENS_H
#define VS_PLAN_OFFSETS_TOKENS_H

#include <vs/tokenizer.h>
#include "base/str.h"
#include "json/edit.h"
#include "plan/plan_impl.h"

struct vs_renumber {
    struct vs_shift shift;                  /* in ids of the tokenizer */
    const uint32_t *new_ids; uint32_t new_count; /* tokens that become shift.at, shift.at + 1, ...; ascending */
    const struct vs_str *add; uint32_t add_count; /* placeholders that are written into the files at shift.at, ... */
    const struct vs_tokenizer *tokenizer;   /* of the directory whose files are renumbered */
    struct vs_plan *plan;                   /* changes are appended to it; its arena owns all text */
};

uint64_t vs_renumber_id(const struct vs_renumber *r, uint64_t id);
bool vs_renumber_handles(const char *name); /* tokenizer.json, tokenizer_config.json, added_tokens.json, vocab.json */
/* The edited text of one of these files; *edited false: it stays as it is. name is the file's name in changes. */
enum vs_code vs_renumber_file(const struct vs_renumber *r, const char *name, const char *path, struct vs_buf *text, bool *edited,
                              struct vs_err *err) VS_NODISCARD;
/* offsets_tokenizer_json.c: text was read from path. */
enum vs_code vs_renumber_tokenizer_json(const struct vs_renumber *r, const char *name, const char *path, struct vs_str text,
                                        struct vs_edits *edits, struct vs_err *err) VS_NODISCARD;

/* The JSON of a placeholder, spelled like the entry v of d (NULL: {"content": ...} in one line); id VS_NO_ID: none. */
void vs_renumber_entry(struct vs_buf *out, const struct vs_jdoc *d, const struct vs_jval *v, uint64_t id, struct vs_str name);

#endif
