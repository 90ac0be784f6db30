/* SPDX-License-Identifier: Apache-2.0
 *
 * What the model is asked: sequences of ids, from the user and from the vocabulary.
 */
#ifndef VS_FORWARD_PROMPTS_H
#define VS_FORWARD_PROMPTS_H

#include <vs/tokenizer.h>
#include "base/str.h"

enum vs_prompt_origin { VS_PROMPT_SAMPLE, VS_PROMPT_NEW, VS_PROMPT_SPECIAL, VS_PROMPT_USER };
struct vs_prompt {
    uint64_t begin; uint32_t count;
    enum vs_prompt_origin origin;
    bool skip;                         /* not to be run */
    uint64_t dump_row;
    const char *file; uint64_t line;   /* where the user wrote it, when that is a file; file is borrowed */
};

/* A number that 64 bits do not hold, as it was written. */
struct vs_long_id { uint64_t at; char text[48]; };

struct vs_prompts { /* {0} is empty */
    int64_t *ids; uint64_t id_count, id_cap;
    struct vs_prompt *list; uint32_t count, cap;
    struct vs_long_id long_id;         /* the first one; text is empty when there is none */
};
void vs_prompts_free(struct vs_prompts *p);

/* A list, "1 2 3" or "[1, 2, 3]", one prompt a line; anything else is the name of a file of such lines. A number too large for
 * 64 bits counts as the largest: it is out of every range. VS_EUSAGE when it is neither; VS_EFORMAT for what is spelled like a
 * path and is missing. text must outlive p. */
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
