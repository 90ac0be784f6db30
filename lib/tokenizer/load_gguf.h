/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of a GGUF file: ids, texts and types, no encoder.
 */
#ifndef VS_TOKENIZER_LOAD_GGUF_H
#define VS_TOKENIZER_LOAD_GGUF_H

#include <vs/tokenizer.h>
#include "format/gguf.h"

/* Does the file have a vocabulary? Some say that they have none, parts after the first have no keys. */
bool vs_gguf_has_vocab(const struct vs_gguf *g);
/* Types of tokens. */
enum { VS_GGUF_NORMAL = 1, VS_GGUF_UNKNOWN, VS_GGUF_CONTROL, VS_GGUF_USER_DEFINED, VS_GGUF_UNUSED, VS_GGUF_BYTE };
int vs_gguf_token_type(const struct vs_gguf *g, uint64_t id); /* normal where the file does not say */
/* "[PAD7]" at id 7 stands for an id without a token: converters fill the list up to the rows of the table. */
bool vs_gguf_is_padding(struct vs_str token, uint64_t id);

/* Control and user-defined tokens are added[] with in_model; a text that stands twice is in repeats[], its later id keeps the
 * text. Padding and empty texts are holes. g must outlive the tokenizer. */
enum vs_code vs_tokenizer_from_gguf(const struct vs_gguf *g, struct vs_tokenizer **out, struct vs_err *err) VS_NODISCARD;

#endif
