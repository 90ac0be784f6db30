/* SPDX-License-Identifier: Apache-2.0
 *
 * What a layout says, held against the rest of the model: tensors, tokenizer, ids in the configs.
 */
#ifndef VS_PLAN_OFFSETS_FACTS_H
#define VS_PLAN_OFFSETS_FACTS_H

#include "plan/offsets_layout.h"
#include "plan/offsets_tokens.h"

struct vs_offsets_facts {
    const struct vs_checkpoint *checkpoint;
    const struct vs_tokenizer *base;     /* of the model; NULL when it has none */
    const struct vs_renumber *renumber;  /* its shift, for the ids of the tokenizer after the event */
    uint64_t tokenizer_base;             /* model id = tokenizer id + this */
};

enum vs_code vs_offsets_check_facts(struct vs_layout *l, const struct vs_offsets_facts *f, int pass, struct vs_err *err) VS_NODISCARD;
/* The tensors of the rule as the checkpoint has them, with what the event does to each. After vs_layout_event. */
enum vs_code vs_offsets_tensors(struct vs_layout *l, const struct vs_checkpoint *c, struct vs_offsets *out, struct vs_err *err) VS_NODISCARD;

/* offsets_receipt.c: a model that carries a receipt is refused, unless its rows have moved as its ids; without weights, unless the new tokens
 * were made for its very tokenizer. */
enum vs_code vs_offsets_refuse_again(const struct vs_checkpoint *c, bool made_for_it, struct vs_err *err) VS_NODISCARD;
/* The receipt of the plan's files from first_file on. */
enum vs_code vs_offsets_receipt(const struct vs_layout *l, const char *dir, uint64_t tokens, uint32_t first_file, struct vs_buf *text,
                                struct vs_err *err) VS_NODISCARD;

#endif
