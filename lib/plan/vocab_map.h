/* SPDX-License-Identifier: Apache-2.0
 *
 * Building a vocabulary map in memory. Strings and pieces are borrowed: those that must outlive the caller go into the
 * map's arena.
 */
#ifndef VS_PLAN_VOCAB_MAP_H
#define VS_PLAN_VOCAB_MAP_H

#include <vs/plan.h>
#include "base/mem.h"

#define VS_VOCAB_MAP_SCHEMA "vocabsurgeon/vocab-map/1"
#define VS_VOCAB_MAP_MAX (1ull << 30) /* bytes of a vocab-map.json */

struct vs_map_impl { struct vs_arena arena; };

struct vs_vocab_map *vs_vocab_map_new(void); /* empty; NULL when memory is short */
enum vs_code vs_vocab_map_add(struct vs_vocab_map *map, const struct vs_new_token *token, struct vs_err *err) VS_NODISCARD; /* in ascending id */
enum vs_code vs_vocab_map_overlap(struct vs_vocab_map *map, const struct vs_overlap *overlap, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_vocab_map_reject(struct vs_vocab_map *map, const struct vs_rejected *reject, struct vs_err *err) VS_NODISCARD;

/* A map is for the tokenizer it was made from: that of the model (path of its tokenizer.json) must be the same bytes. */
enum vs_code vs_map_check_base(const struct vs_vocab_map *map, const char *map_path, const char *tokenizer, const char *model,
                               const struct vs_run *run, struct vs_err *err) VS_NODISCARD;

#endif
