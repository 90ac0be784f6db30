/* SPDX-License-Identifier: Apache-2.0
 *
 * The forward pass as vocab-check runs it: what is asked for, and what came out. Part of a check, see vs/check.h.
 */
#ifndef VS_FORWARD_H
#define VS_FORWARD_H

#include <stdbool.h>
#include <vs/err.h>

VS_C_BEGIN

/* All strings and lists may be NULL; lists end with NULL. Prompts are run, continued and dumped in this order. */
struct vs_forward_request {
    const char *const *prompt_ids; /* of each: "1 2 3" or "[1, 2, 3]", one prompt a line; or a file of such lines */
    const char *const *prompt;     /* texts, encoded as vs_encode_prompt() does */
    const char *arch_desc;    /* a description of the architecture, schemas/arch */
    const char *dump_logits;  /* a .npy file: float32 [positions, rows] of the prompts, one behind the other; of an encoder the
                                 hidden states [positions, hidden]. Not written when one of the prompts cannot be run */
    uint32_t generate;        /* tokens to continue each prompt with, greedily; 0 = none */
    bool prompts_only;        /* these prompts and none of the vocabulary: whatever comes of them, L3 and L4 do not pass */
    bool fast;                /* cuBLASLt, not bit-exact */
    bool debug;               /* measures how far attention rows are from a sum of 1 */
};

/* Where in the model hidden states are looked at, in this order; behind each layer once. */
enum vs_stage { VS_STAGE_NONE, VS_STAGE_EMBEDDING, VS_STAGE_LAYER, VS_STAGE_FINAL_NORM };
const char *vs_stage_name(enum vs_stage s); /* "embedding" "layer" "final_norm"; NULL for none */

struct vs_generated { const uint32_t *prompt; uint32_t prompt_count; const uint32_t *ids; uint32_t count; struct vs_str text; };

/* What became of dump_logits. why_not: NULL when there is a file. */
struct vs_dumped { const char *file; bool hidden_states; uint64_t rows, cols; uint32_t prompts; const char *why_not; };

struct vs_forward_report {
    const char *architecture;
    uint32_t prompts; uint64_t positions;
    double seconds;                         /* of the passes */
    double mass_new_max, mass_new_mean;     /* softmax mass on new rows, over positions of old ids alone; -1: no new rows */
    double mass_surplus_max;                /* on rows without a token, over all positions */
    double kl_max;                          /* KL(old || new) in nats, the largest: ln of the sum of exp(logit) over all rows, less that
                                               over all but the new ones; -ln(1 - mass_new) where that can be told */
    double hidden_nmse;                     /* of two runs; -1 where one was enough */
    double logits_max_abs;                  /* how far old logits are from the base's; -1: not compared */
    enum vs_stage first_differing_stage;    /* of two runs; none: they are equal, or one was enough */
    int64_t first_differing_layer;          /* as names of tensors count, from 0; -1 for the embedding, the number of layers for the final
                                               norm; nothing where there is no such stage */
    double row_sum_error;                   /* -1: not measured */
    struct vs_generated *generated; uint32_t generated_count;
    double tokens_per_second;               /* of the continuation, 0 without one */
    struct vs_dumped dumped;                /* file is NULL when dump_logits was */
};

VS_C_END

#endif
