/* SPDX-License-Identifier: Apache-2.0
 *
 * The pair table of a vocabulary that has scores and no merges (SentencePiece's BPE).
 */
#ifndef VS_TOKENIZER_BPE_SCORES_H
#define VS_TOKENIZER_BPE_SCORES_H

#include <signal.h>
#include "tokenizer/bpe.h"
#include "tokenizer/vocab.h"

/* Any two entries whose texts make a third one, side by side, are a pair; its rank goes by the score of what it makes, best first, and
 * equal scores have one rank, so that the leftmost pair is merged (llama.cpp, llm_tokenizer_spm_session; transformers' converter
 * makes its merges in the same way). scores: one per entry, no NaN. An entry that is apart takes no part. VS_ELIMIT when there are
 * more than 2^23 pairs, VS_ECANCELED when cancel, which may be NULL, is set. Time goes with the bytes of all entries, whatever they
 * are, and a logarithm for sorting them. */
enum vs_code vs_bpe_by_score(const struct vs_vocab *v, const float *scores, const bool *apart, const volatile sig_atomic_t *cancel,
                             struct vs_bpe **out, struct vs_err *err) VS_NODISCARD;

#endif
