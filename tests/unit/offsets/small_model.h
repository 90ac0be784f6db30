/* SPDX-License-Identifier: Apache-2.0
 *
 * A small model of the gemma3n family: text 0 .. 31, vision 32 .. 35, audio 36 .. 39. It can be written as it was or as
 * it must be after ids were inserted at 32, byte for byte: what is expected needs no second edit engine.
 */
#ifndef SMALL_MODEL_H
#define SMALL_MODEL_H

#include <stdint.h>

#define SMALL_TEXT 32
#define SMALL_TOTAL 40

struct small_model {
    uint64_t seed;      /* of the ids in lists */
    unsigned style;     /* 0 one line, 1 indented, 2 odd white space */
    unsigned added;     /* 0: added tokens are entries of model.vocab too; 1: they are not; 2: only four of them exist */
    uint64_t by;        /* ids inserted at SMALL_TEXT */
    unsigned tokens;    /* how many of them are placeholders that the tokenizer names */
    const char *skip;   /* a file that is not written, or NULL */
};
void small_model_write(const char *dir, const struct small_model *m);

#endif
