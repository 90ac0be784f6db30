/* SPDX-License-Identifier: Apache-2.0
 *
 * What is inside a tokenizer.
 */
#ifndef VS_TOKENIZER_IMPL_H
#define VS_TOKENIZER_IMPL_H

#include <vs/tokenizer.h>
#include "base/str.h"
#include "json/dom.h"
#include "tokenizer/bpe.h"
#include "tokenizer/vocab.h"

/* Parts of tokenizer.json that stay as small documents; root is NULL where the file has null or nothing. */
enum vs_section { VS_SEC_NORMALIZER, VS_SEC_PRE_TOKENIZER, VS_SEC_POST_PROCESSOR, VS_SEC_DECODER, VS_SEC_PADDING, VS_SECTIONS };
extern const char *const vs_section_names[VS_SECTIONS];

struct vs_model {
    struct vs_str unk_token;                 /* p NULL: none */
    struct vs_str prefix, suffix;            /* continuing_subword_prefix, end_of_word_suffix; empty: none */
    uint32_t unk;                            /* entry of the unknown token, or VS_NO_ENTRY */
    uint64_t max_chars;                      /* WordPiece: max_input_chars_per_word */
    struct vs_str word_begin;                /* WordPiece: what the vocabulary spells in front of a word; a continuation has prefix */
    double *scores;                          /* Unigram: one per entry */
};

/* Who has an id: an entry, or an added token where ADDED is set. */
#define VS_OWNER_ADDED 0x80000000u
struct vs_owner { uint32_t id, who; };

struct vs_encoder;  /* encode.h: everything beyond facts; NULL with ids_only */
struct vs_pipeline; /* steps.h */

struct vs_tokenizer_impl {
    struct vs_tokenizer t; /* t.impl points back here */
    struct vs_arena arena;
    struct vs_vocab vocab;
    struct vs_model model;
    struct vs_bpe *bpe;
    struct vs_map added;        /* content -> position in t.added */
    struct vs_owner *owners;    /* ascending id, one per id: without holes the owner of an id stands at its number */
    uint32_t owner_count;
    struct vs_jdoc sections[VS_SECTIONS];
    struct vs_encoder *encoder;
    struct vs_pipeline *pipeline; /* NULL until it is used */
    const char *no_pipeline;      /* why it cannot be opened, once that was tried; NULL */
};

void vs_find_alphabet(struct vs_tokenizer_impl *impl);       /* alphabet.c: sets t.alphabet from the sections */

enum vs_code vs_encoder_open(struct vs_tokenizer_impl *impl, struct vs_err *err) VS_NODISCARD; /* encode.c */
void vs_encoder_close(struct vs_encoder *e); /* accepts NULL */

#endif
