/* SPDX-License-Identifier: Apache-2.0
 *
 * FOLD: the merges that make every accepted candidate come out of its own symbols (tokenizers.md 5.3).
 *
 * Each candidate is encoded with the merges known so far; while more than one symbol is left, one new merge joins an
 * adjacent pair. New merges rank after all earlier ones, repeat no pair and never yield a token of the base, so base merging
 * finishes first and new merges only join what it left. One merge makes exactly one new token.
 */
#ifndef VS_PLAN_FOLD_H
#define VS_PLAN_FOLD_H

#include "plan/match.h"
#include "tokenizer/bpe.h"

struct vs_fold_pair { uint32_t left, right; }; /* symbols */

/* A new entry of model.vocab, in the order of its id. */
struct vs_fold_token {
    struct vs_str token;      /* spelling; in the arena given to vs_fold, or the candidate's */
    uint32_t candidate;       /* position among the candidates, or VS_NONE for an intermediate */
    uint32_t left, right;     /* symbols it is merged from; VS_NO_SYMBOL for a new character */
};

struct vs_fold {
    struct vs_fold_token *tokens; uint32_t token_count; /* symbol of tokens[i]: base_count + i */
    struct vs_fold_pair *merges; uint32_t merge_count; /* in rank order */
    const char **reasons;     /* per candidate: NULL when accepted, alone or on the way to a longer one */
    uint32_t reached;         /* new tokens whose own symbols merge to them: checked, not assumed */
};

/* Everything it returns lives in the arena. base must be BPE, opened with its merges. taken: spellings that get an id in
 * another way, so no merge may yield them. */
struct vs_fold_request {
    const struct vs_tokenizer *base;
    const struct vs_candidate *candidates; uint32_t count;
    const struct vs_str *taken; size_t taken_count;
};
enum vs_code vs_fold(const struct vs_fold_request *request, struct vs_arena *arena, const struct vs_run *run, struct vs_fold *out,
                     struct vs_err *err) VS_NODISCARD;

#endif
