/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary of a GGUF file: ids, texts and types; and text encoded with it.
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

/* cancel of both that follow: as that of a vs_run, or NULL. */

/* Control and user-defined tokens are added[] with in_model; a text that stands twice is in repeats[], its later id keeps the
 * text. Padding and empty texts are holes. g must outlive the tokenizer. */
enum vs_code vs_tokenizer_from_gguf(const struct vs_gguf *g, const volatile sig_atomic_t *cancel, struct vs_tokenizer **out,
                                    struct vs_err *err) VS_NODISCARD;

/* The same, for vs_encode and vs_encode_prompt. Ids are those of llama_tokenize with add_special and parse_special
 * (llama.cpp, src/llama-vocab.cpp); names and defaults are in gguf-text.json:
 *
 *     tokenizer.ggml.model   gpt2    byte-level BPE by merges; tokenizer.ggml.pre names the patterns that cut the text first
 *                            llama   BPE by scores; a space before each stretch of text unless add_space_prefix is false; a character that
 *                                    is no token becomes the tokens of its bytes
 *                            bert    lower case, no accents, words; the longest piece first
 *     types                  control, user-defined and unknown tokens are cut out of the text as they stand, the leftmost first,
 *                            the longest there; so are texts that end generation, whatever their type
 *     add_bos_token, add_eos_token   the ids that vs_encode_prompt puts before and behind; bert: always
 *
 * Other than llama.cpp, which cuts the longest of all tokens first, wherever it stands: tokens that overlap in a text are cut otherwise.
 * A character that is no token takes part in no merge; one of a gpt2 vocabulary is left out before pairs merge, as tokenizers does. Blanks
 * that a special token takes with it (Phi-3, Jina) are of every kind, not of ASCII alone. Of a syllable of Hangul llama.cpp's bert keeps
 * the first letter, here all of them stay, as in BERT's own tokenizer.
 *
 * A model or a pre that is not known is VS_EUNSUPPORTED, and so is a list of tokens or merges that repeats one.
 * data_dir: NULL, or where a gguf-text.json is looked for first. */
enum vs_code vs_encoder_from_gguf(const struct vs_gguf *g, const char *data_dir, const volatile sig_atomic_t *cancel,
                                  struct vs_tokenizer **out, struct vs_err *err) VS_NODISCARD;

#endif
