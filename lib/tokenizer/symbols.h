/* SPDX-License-Identifier: Apache-2.0
 *
 * The vocabulary as the rooms to the right go through it: by symbol, by id in use.
 */
#ifndef VS_TOKENIZER_SYMBOLS_H
#define VS_TOKENIZER_SYMBOLS_H

#include <vs/tokenizer.h>

#define VS_NO_SYMBOL UINT32_MAX

/* Entries of model.vocab as symbols, for every model type. */
uint32_t vs_symbol_of(const struct vs_tokenizer *t, struct vs_str token);       /* VS_NO_SYMBOL when it is no entry */
struct vs_str vs_symbol_text(const struct vs_tokenizer *t, uint32_t symbol);    /* p NULL when there is no such entry */
uint32_t vs_symbol_id(const struct vs_tokenizer *t, uint32_t symbol);           /* its declared id in model.vocab */
uint32_t vs_unknown_symbol(const struct vs_tokenizer *t);                       /* VS_NO_SYMBOL when the model has none */
/* continuing_subword_prefix and end_of_word_suffix; empty: none. */
struct vs_str vs_subword_prefix(const struct vs_tokenizer *t);
struct vs_str vs_word_suffix(const struct vs_tokenizer *t);

/* The ids that have a token, ascending: position 0 .. count-1. */
uint32_t vs_used_id_count(const struct vs_tokenizer *t);
uint32_t vs_used_id(const struct vs_tokenizer *t, uint32_t position);

#endif
