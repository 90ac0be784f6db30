/* SPDX-License-Identifier: Apache-2.0
 *
 * What the model is asked: sequences of ids, from the user and from the vocabulary.
 */
#ifndef VS_FORWARD_PROMPTS_H
#define VS_FORWARD_PROMPTS_H

#include <vs/tokenizer.h>
#include "base/str.h"

enum vs_prompt_origin { VS_PROMPT_SAMPLE, VS_PROMPT_NEW, VS_PROMPT_SPECIAL, VS_PROMPT_USER };
struct vs_prompt { uint64_t begin; uint32_t count; enum vs_prompt_origin origin; bool skip; uint64_t dump_row; }; /* skip: not to be run */

struct vs_prompts { /* {0} is empty */
    int64_t *ids; uint64_t id_count, id_cap;
    struct vs_prompt *list; uint32_t count, cap;
};
void vs_prompts_free(struct vs_prompts *p);

/* "1 2 3" or "1,2,3" is one prompt; anything else is the name of a file with one prompt a line. A number too large for 64
 * bits counts as the largest: it is out of every range. VS_EUSAGE when it is neither. */
enum vs_code vs_prompts_parse(const char *text, struct vs_prompts *p, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_prompts_text(const struct vs_tokenizer *t, const char *text, struct vs_prompts *p, struct vs_err *err) VS_NODISCARD;

/* Old ids in a stratified sample with the first and the last, in prompts of `length`; n ids at most. is_old: bitmap over rows. */
enum vs_code vs_prompts_sample(const uint64_t *is_old, uint64_t rows, uint64_t n, uint32_t length, struct vs_prompts *p,
                               struct vs_err *err) VS_NODISCARD;
/* Every id of the bitmap, packed into prompts of `length`. */
enum vs_code vs_prompts_every(const uint64_t *set, uint64_t rows, uint32_t length, enum vs_prompt_origin origin, struct vs_prompts *p,
                              struct vs_err *err) VS_NODISCARD;
enum vs_code vs_prompts_add(struct vs_prompts *p, int64_t id, struct vs_err *err) VS_NODISCARD; /* to the last prompt */
enum vs_code vs_prompts_begin(struct vs_prompts *p, enum vs_prompt_origin origin, struct vs_err *err) VS_NODISCARD;

#endif
