/* SPDX-License-Identifier: Apache-2.0
 *
 * The steps of planning an embed-extend, in order. Each takes the planner and fills its part of the plan.
 */
#ifndef VS_PLAN_EXTEND_H
#define VS_PLAN_EXTEND_H

#include "base/str.h"
#include "json/edit.h"
#include "plan/plan_impl.h"

struct vs_planner {
    const struct vs_extend_request *request;
    const struct vs_run *run;
    struct vs_plan *plan;
    struct vs_checkpoint *checkpoint;
    struct vs_extend *x;
    struct vs_arena *arena;      /* of the plan */
    const char *token_dir;       /* where the tokenizer files of OUT come from; NULL = MODEL's own */
};

/* extend_tables.c: --ignore and --table applied, suspects refused, x->rows_before known; tables that will grow are in plan->tables. */
enum vs_code vs_extend_choose_tables(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;
/* extend_tables.c: copies and inits of every table, once ids and sizes are known. */
enum vs_code vs_extend_fill_tables(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* extend_ids.c: ids in use, new tokens, rows after. */
enum vs_code vs_extend_ids(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* The new token of an id, or NULL. */
struct vs_extend_token *vs_extend_token_at(const struct vs_extend *x, uint64_t id);

/* extend_pieces.c: what the new tokens of --tokenizer are made of, by the vocab-map.json beside it; x->tokens[] is complete and sorted. */
enum vs_code vs_extend_find_pieces(struct vs_planner *p, const struct vs_tokenizer *t, struct vs_err *err) VS_NODISCARD;

/* init.c: methods from --init, --in-init, --out-init, --init-file into x->tokens[]. */
enum vs_code vs_extend_inits(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* extend_blocks.c: where blocks follow the text, new ids stand at its end; files and tables follow the family's layout. */
enum vs_code vs_extend_blocks(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* config_edits.c: vocab_size in every place that sizes the text table; ids that are new no longer suppressed. */
enum vs_code vs_extend_config_edits(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* suppressed.c: the new tokens leave the lists of a file of MODEL that keep their ids from being generated. */
enum vs_code vs_extend_wake(struct vs_planner *p, const char *file, const struct vs_jdoc *doc, struct vs_edits *e, struct vs_err *err) VS_NODISCARD;

/* extend_files.c: every file of OUT that is no weight file of the checkpoint. */
enum vs_code vs_extend_files(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* hazards.c: constants outside the model's files that depend on its sizes, as notes. */
enum vs_code vs_extend_hazards(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* extend_index.c: the index with its totals brought up to date, into x->index. */
enum vs_code vs_extend_index(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

/* layout.c: which weight files are rewritten, and where every byte of them comes from. */
enum vs_code vs_extend_layout(struct vs_planner *p, struct vs_err *err) VS_NODISCARD;

static inline bool vs_role_is_text(enum vs_role role)
{
    return role == VS_ROLE_INPUT || role == VS_ROLE_HEAD || role == VS_ROLE_BIAS || role == VS_ROLE_PLE;
}
static inline bool vs_role_is_output(enum vs_role role)
{
    return role == VS_ROLE_HEAD || role == VS_ROLE_BIAS;
}

#endif
