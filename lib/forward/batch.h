/* SPDX-License-Identifier: Apache-2.0
 *
 * One run over all prompts: what its files (run.c, heads.c) share.
 */
#ifndef VS_FORWARD_BATCH_H
#define VS_FORWARD_BATCH_H

#include "forward/run.h"

struct entry { uint64_t key; bool old; uint32_t prompt; };

struct runner {
    const struct vs_forward_job *j;
    struct vs_forward_report *r;
    struct vs_forward_verdicts *v;
    struct entry *entries; uint32_t entry_count, at; /* prompts in the order of running */
    unsigned halvings;                               /* of what the memory of the device suggests */
    uint64_t longest;
    uint32_t limit, room;                            /* tokens that there is workspace for; of a batch: more when layers compute slices */
    struct vs_weights *trunk, *head, *base_trunk, *base_head;
    struct vs_pass *pass, *base_pass;
    /* the batch at hand */
    uint32_t *ids, *base_ids, tokens, old_tokens;
    struct vs_sequence *sequences; uint32_t sequence_count, old_sequences, batch_first;
    uint64_t batch_key, batch_longest;
    float *logits, *base_logits;                     /* device: [tokens][tile rows] */
    uint8_t *classes;                                /* device: [tile rows] */
    float *tile;                                     /* host: [tokens][tile rows], for the dump; NULL without one */
    struct vs_f_logit_stats *stats;                  /* [tokens] */
    struct vs_npy *dump;
    struct vs_task task;                             /* of all batches */
    char note[160];                                  /* of the task */
    double mass_sum; uint64_t mass_positions;
};

/* Logits of the batch: statistics, the dump, and the comparison with the base's head. */
enum vs_code vs_run_heads(struct runner *k, struct vs_err *err) VS_NODISCARD;

#endif
