/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of a Precompiled normalizer, as SentencePiece builds it: a double array (darts-clone) whose keys are UTF-8 strings
 * and whose values are places in a blob of replacements, each of which ends with a zero byte.
 *
 *     u32 bytes of the array, little-endian; the array, one u32 a unit; the blob
 */
#ifndef VS_TOKENIZER_CHARSMAP_H
#define VS_TOKENIZER_CHARSMAP_H

#include "base/str.h"

struct vs_charsmap;

/* From its base64 text, as tokenizer.json holds it; file, for messages, is borrowed. VS_EFORMAT when the sizes or the blob cannot be;
 * whether the places in the array make sense shows only when they are used. */
enum vs_code vs_charsmap_new(const char *file, struct vs_str base64, struct vs_charsmap **out, struct vs_err *err) VS_NODISCARD;
void vs_charsmap_free(struct vs_charsmap *m); /* accepts NULL */
/* Appends what the Rust library makes of a text in valid UTF-8. A place outside the table is VS_EFORMAT. */
enum vs_code vs_charsmap_run(const struct vs_charsmap *m, struct vs_str text, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;

#endif
