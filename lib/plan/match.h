/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tokens of an extension are candidates for a base: each is translated into the base's spelling and passes the
 * filter of tokenizers.md 5.2 in its order, or is an overlap or a reject of the map, with the reason.
 */
#ifndef VS_PLAN_MATCH_H
#define VS_PLAN_MATCH_H

#include "base/map.h"
#include "plan/vocab_map.h"

struct vs_candidate {
    struct vs_str token;    /* in the base's spelling; lives in the map's arena */
    struct vs_str text;     /* the bytes it stands for; likewise */
    struct vs_str source;
    uint32_t source_id;
};

/* Why a token of an extension is no candidate when it is to be added by its text: it is new all the same. */
#define VS_MATCH_ASKED_FOR "among the tokens to add"

struct vs_match;            /* what is known of the base: made once for all extensions */
/* taken: contents that --add-token and its like will add; they are no candidates either. Borrowed, as is base. */
enum vs_code vs_match_begin(const struct vs_tokenizer *base, const struct vs_str *taken, size_t taken_count,
                            struct vs_match **out, struct vs_err *err) VS_NODISCARD;
/* Goes through the tokens of ext by ascending id. source is the name that the map gives. */
enum vs_code vs_match_extension(struct vs_match *m, const struct vs_tokenizer *ext, struct vs_str source, struct vs_vocab_map *map,
                                const struct vs_run *run, struct vs_err *err) VS_NODISCARD;
const struct vs_candidate *vs_match_candidates(const struct vs_match *m, uint32_t *count);
void vs_match_end(struct vs_match *m); /* accepts NULL */

/* The base's spelling of a text; false (and *reason) where it has none. Appended to out. */
bool vs_match_spell(enum vs_alphabet alphabet, struct vs_str text, struct vs_buf *out, const char **reason);

#endif
