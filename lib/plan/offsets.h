/* SPDX-License-Identifier: Apache-2.0
 *
 * Vocabularies whose text is followed by blocks of other ids (vision, audio). Growing the text then moves the blocks:
 * ids, offsets and sizes change together in every file, by one event: "by" ids are inserted at P, the end of the
 * text block. What a family's files say where is data: "symbols", "space" and so on in schemas/families/ID.json.
 *
 * A family without a layout has no blocks: shift stays {0, 0}, and there is nothing to do here.
 */
#ifndef VS_PLAN_OFFSETS_H
#define VS_PLAN_OFFSETS_H

#include "json/dom.h"
#include "plan/plan_impl.h"

struct vs_offsets_request {
    const struct vs_checkpoint *checkpoint; /* the model, with or without weights */
    /* Ids the new tokens have now, ascending; in the output they are P, P + 1, ... in this order. NULL: placeholders with
     * names of their own are made (--add). */
    const uint32_t *new_ids; uint32_t new_count;
    const char *token_dir;       /* where the tokenizer files with the new tokens are; NULL = the model's directory */
    uint64_t rows_extra;         /* rows without a token behind the new ones, still before the next block (padding) */
    bool again;                  /* false: a model that carries an offset-receipt.json is refused where this may be the same event once more */
    bool made_for_it;            /* the new tokens belong to a map that was made from the tokenizer of this very model */
    bool report_only;            /* violated invariants are recorded in the plan instead of refused */
    const volatile sig_atomic_t *cancel; /* as that of a vs_run, or NULL: for the tokenizers that are read */
};

/* What happens to one tensor that the layout names. A tensor that does not grow is untouched. */
struct vs_offsets_tensor {
    struct vs_str name;          /* as the checkpoint has it; as the layout has it when there are no weights */
    bool present;                /* in the checkpoint */
    bool grows;
    uint64_t first_id;           /* of row 0 */
    uint64_t insert_at, rows_before, rows_after; /* insert_at == rows_before is an append */
};

struct vs_offsets {              /* everything is owned by the plan */
    const char *rule;            /* id of the family whose layout matched; NULL = no blocks, nothing to do */
    struct vs_offsets_tensor *tensors; uint32_t tensor_count;
    struct vs_str *names;        /* of the new tokens, by rank: new_count of them where a tokenizer is there; else NULL */
};

/* Fills plan->shift, blocks, blocks_after, invariants and changes; adds the edited (and only the edited) JSON and
 * tokenizer files to plan->files, with their text, and VS_OFFSETS_RECEIPT; renumbers plan->map when there is one and adds it
 * as vocab-map.json. shift.by is new_count + rows_extra; with 0 nothing is edited and invariants are still checked.
 * A violated invariant is VS_EMISMATCH and named with its values. */
#define VS_OFFSETS_RECEIPT "offset-receipt.json"
enum vs_code vs_offsets_plan(const struct vs_offsets_request *request, struct vs_plan *plan, struct vs_offsets *out,
                             struct vs_err *err) VS_NODISCARD;

/* What an offset-receipt.json says: the event (false: nothing that makes sense), and where the last block ends since. */
bool vs_offsets_receipt_shift(const struct vs_jdoc *doc, struct vs_shift *out);
uint64_t vs_offsets_receipt_end(const struct vs_jdoc *doc);

/* The blocks of the id space, in its order; *count 0 when the family has none. Reads configs only and checks nothing. */
enum vs_code vs_blocks_find(const struct vs_checkpoint *checkpoint, struct vs_arena *arena,
                            struct vs_block **blocks, uint32_t *count, struct vs_err *err) VS_NODISCARD;

/* Where an id of the input is in the output. */
static inline uint64_t vs_shift_id(struct vs_shift s, uint64_t id)
{
    return id < s.at ? id : id + s.by;
}

#endif
