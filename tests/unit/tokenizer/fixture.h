/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokenizers from a line of JSON, and what they make of a text, as strings to compare.
 */
#ifndef VS_TESTS_TOKENIZER_FIXTURE_H
#define VS_TESTS_TOKENIZER_FIXTURE_H

#include <vs/tokenizer.h>
#include "base/str.h"

#define COUNT(list) (sizeof(list) / sizeof *(list))
/* An added token with flags as a string: w single_word, l lstrip, r rstrip, n normalized, s special. */
struct added { const char *content, *flags; unsigned id; };

/* A document around a model; every part but the model may be NULL. The text belongs to the test support. */
const char *tok_document(const char *added, const char *normalizer, const char *pre_tokenizer, const char *model);
const char *tok_added(const struct added *tokens, size_t count);
/* The tokenizer of a document that opens (lenient); closed by tok_end with every other one. */
struct vs_tokenizer *tok_open(const char *document);
/* Beside a tokenizer_config.json and such: names and texts in turn, NULL at the end. */
struct vs_tokenizer *tok_open_beside(const char *document, const char *const *siblings);
/* Why it does not open, or "" */
const char *tok_refused(const char *document);
void tok_end(void);

/* "12 7 3", or the message. */
const char *tok_ids(const struct vs_tokenizer *t, const char *text);
const char *tok_prompt(const struct vs_tokenizer *t, const char *text); /* with what stands around every text */
const char *tok_symbols(const struct vs_tokenizer *t, const char *token);
const char *tok_normal(const struct vs_tokenizer *t, const char *text);
const char *tok_pieces(const struct vs_tokenizer *t, const char *text); /* "a|b|c" */

#endif
