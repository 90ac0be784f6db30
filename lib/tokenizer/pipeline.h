/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of the text pipeline, for those who ask what a tokenizer would do with a text before its model runs.
 * A component that is not handled is VS_EUNSUPPORTED with its name, as in vs_encode.
 */
#ifndef VS_TOKENIZER_PIPELINE_H
#define VS_TOKENIZER_PIPELINE_H

#include <vs/tokenizer.h>
#include "base/str.h"

/* Texts are valid UTF-8. */

/* The normalizer alone, on a text without added tokens. Appends to *out. */
enum vs_code vs_normalize(const struct vs_tokenizer *t, struct vs_str text, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;

/* What is left of the content of an added token that is looked for in normalised text (the flag normalized), given what the normalizer makes
 * of it: "nothing", or "a blank" of what was none or a run of them, and the token would be found between all characters, or at every blank, of
 * any text (tokenizers 0.23.3). NULL: it stands. */
const char *vs_added_left(struct vs_str content, struct vs_str normal);

/* Pre-tokens as the model sees them: byte alphabet or U+2581 applied. Ranges of text.p. {0} is empty; vs_pieces_free. */
struct vs_piece { uint32_t begin, end; };
struct vs_pieces {
    struct vs_buf text;
    struct vs_piece *items;
    size_t count, cap;
};
void vs_pieces_free(struct vs_pieces *p);
/* Normalizer and pre-tokenizer on a text that starts a document; added tokens are not looked for. Replaces *out's content. */
enum vs_code vs_pretokenize(const struct vs_tokenizer *t, struct vs_str text, struct vs_pieces *out, struct vs_err *err) VS_NODISCARD;

/* May the token come out of a text at all (tokenizers.md 5.2, rules 4 and 5)? text is what it stands for, spelled is the
 * same in the tokenizer's own alphabet. *stable: the normalizer leaves the text as it is. *atomic: with nothing or
 * one of " ", "a", "1", ".", "\n" on either side there is a pre-token that holds all of it. */
enum vs_code vs_text_reaches(const struct vs_tokenizer *t, struct vs_str text, struct vs_str spelled, bool *stable,
                             bool *atomic, struct vs_err *err) VS_NODISCARD;

#endif
