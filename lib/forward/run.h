/* SPDX-License-Identifier: Apache-2.0
 *
 * The passes that a check needs: prompts in batches through one model, or through two, and what their logits say.
 */
#ifndef VS_FORWARD_RUN_H
#define VS_FORWARD_RUN_H

#include <vs/forward.h>
#include "format/npy.h"
#include "forward/pass.h"
#include "forward/prompts.h"

struct vs_forward_job {
    struct vs_dev *dev;
    const struct vs_run *run;
    const struct vs_forward_request *q;
    const struct vs_model *model;
    const struct vs_model *base;       /* NULL: nothing to compare with */
    bool same_trunk;                   /* the base's trunk has the same bytes: one run serves both */
    const struct vs_tokenizer *tokenizer; /* for the text of what is generated; or NULL */
    const uint32_t *eos; uint32_t eos_count;
    struct vs_prompts *prompts;        /* ids in range; prompts with skip set are left out */
    const uint8_t *row_class;          /* [head rows], VS_F_OLD ... */
    uint64_t old_end;                  /* base ids below it are compared */
    uint64_t shift_at, shift_by;       /* base id i is i + shift_by here from shift_at on */
    const struct vs_tap *tap;          /* sees what is read of the model's trunk and head, and may stop the run; or NULL */
    const uint64_t *fresh;             /* bitmap over rows: new tokens; or NULL */
    struct vs_npy **dump;              /* out, where q->dump_logits is given: the complete file, to be committed by whoever is content
                                          with the rest too, or aborted; NULL where report.dumped says why not */
};

/* A weight that is NaN, or else Inf: which element, as the tensor is stored. tensor NULL: none is. */
struct vs_broken { const struct vs_tensor *tensor; uint64_t at; bool nan; };

#define VS_SHOWN_IDS 6
/* What went wrong, in numbers; vocab-check words it. Lists hold the first few. */
struct vs_forward_verdicts {
    uint64_t hidden_bad; uint32_t hidden_at;           /* NaN and Inf; the first look with one, see vs_pass_looks() */
    bool hidden_bad_sample;                            /* in a prompt of old ids */
    float hidden_before;                               /* the largest value that was looked at before; 0 for the embedding */
    struct vs_broken broken;                           /* among the weights of that stage */
    uint64_t logits_bad;
    uint64_t logits_different, first_different_id;     /* of old ids, against the base */
    uint64_t live_positions, live_ids[VS_SHOWN_IDS]; uint32_t live_shown; /* the highest logit is a row without a token */
    uint64_t intrusions;                               /* prompts of old ids whose highest logit is a new row */
    bool compared;
    bool stopped;                                      /* by the tap, half way: nothing else is said here, in the report or in a dump */
};

/* Results in *r and *v; strings and lists go into the arena. A device with less room than was thought gets smaller tiles and batches. */
enum vs_code vs_forward_run(const struct vs_forward_job *j, struct vs_arena *arena, struct vs_forward_report *r, struct vs_forward_verdicts *v,
                            struct vs_err *err) VS_NODISCARD;

/* ---- for the files of this room ---- */

/* VS_ELIMIT: memory has no room for the keys and values of one of the prompts; to be asked before anything is run. */
enum vs_code vs_generate_fits(const struct vs_forward_job *j, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_generate(const struct vs_forward_job *j, struct vs_weights *trunk, struct vs_weights *head, struct vs_arena *arena,
                         struct vs_forward_report *r, struct vs_err *err) VS_NODISCARD;
/* broken.c: the weights that make hidden states of this look out of those before are read once more; of the input table the rows of
 * the prompts. */
enum vs_code vs_find_broken(const struct vs_model *m, uint32_t look, const struct vs_prompts *prompts, const struct vs_run *run,
                            struct vs_broken *out, struct vs_err *err) VS_NODISCARD;
uint64_t vs_batch_memory(const struct vs_run *run);
uint64_t vs_batch_tokens(const struct vs_run *run, const struct vs_arch *a); /* of a batch, unless one prompt is longer */
uint64_t vs_batch_key(const struct vs_arch *a, uint64_t length);             /* prompts of one batch have the same */

#endif
