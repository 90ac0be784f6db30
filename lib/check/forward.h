/* SPDX-License-Identifier: Apache-2.0
 *
 * L3 and L4: what forward.c (which models, which ids of the vocabulary), forward_prompts.c (what the user asks) and
 * forward_findings.c (what is said) share.
 */
#ifndef VS_CHECK_FORWARD_H
#define VS_CHECK_FORWARD_H

#include "check/checker.h"
#include "forward/run.h"

struct forward {
    struct checker *k;
    const struct vs_forward_request *q;
    struct vs_model model, base;
    struct vs_prompts prompts;
    uint64_t rows, class_rows;  /* of the input table, 0 without one; of the longer of input table and head */
    uint8_t *classes;
    struct vs_bits *fresh;
    uint32_t *eos, eos_count;
    struct vs_tokenizer *encoder; /* the tokenizer once more, opened to encode: facts are made of ids only */
};

/* Whether or not a config keeps its row from being chosen. */
static inline bool vs_is_tokenless(const struct forward *f, uint64_t id)
{
    return f->classes[id] == VS_F_SURPLUS || f->classes[id] == VS_F_MASKED;
}

uint32_t vs_forward_positions(const struct forward *f); /* of a sequence, the most: 1 .. UINT32_MAX */

/* The user's prompts, which come before all others: those that are lists of ids, what else there is, and what is wrong with them. Of
 * a model that cannot be run its ids are looked up all the same. */
enum vs_code vs_list_prompt_ids(struct forward *f) VS_NODISCARD;
enum vs_code vs_list_prompts(struct forward *f) VS_NODISCARD;
enum vs_code vs_check_prompts(struct forward *f, bool runnable) VS_NODISCARD;

/* Why a model cannot be run: a finding where something is wrong with it; the reason for the levels in any case. */
const char *vs_obstacle_finding(struct checker *k, const struct vs_obstacle *o);
/* What a run showed. *good: no error among it, and no row without a token won, so that the levels that it stands for pass. */
void vs_forward_findings(struct checker *k, const struct vs_model *m, const struct vs_forward_verdicts *v, bool two_runs, bool *good);

#endif
