/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipeline as a flat list of steps: sequences are unrolled, patterns compiled once.
 */
#ifndef VS_TOKENIZER_STEPS_H
#define VS_TOKENIZER_STEPS_H

#include "tokenizer/charsmap.h"
#include "tokenizer/encode.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/regex.h"

enum vs_step_kind {
    /* normalizers */
    VS_STEP_NFC, VS_STEP_NFD, VS_STEP_NFKC, VS_STEP_NFKD, VS_STEP_LOWERCASE, VS_STEP_STRIP, VS_STEP_STRIP_ACCENTS, VS_STEP_BERT,
    VS_STEP_REPLACE, VS_STEP_PREPEND, VS_STEP_BYTES, VS_STEP_NMT, VS_STEP_PRECOMPILED,
    /* pre-tokenizers */
    VS_STEP_BYTE_LEVEL, VS_STEP_SPLIT, VS_STEP_METASPACE, VS_STEP_BERT_WORDS, VS_STEP_WHITESPACE, VS_STEP_DIGITS, VS_STEP_PUNCTUATION
};

/* What becomes of a match: taken out, a piece of its own, or joined to a neighbour. */
enum vs_behavior { VS_REMOVED, VS_ISOLATED, VS_WITH_PREVIOUS, VS_WITH_NEXT, VS_CONTIGUOUS };
enum vs_prepend { VS_PREPEND_ALWAYS, VS_PREPEND_FIRST, VS_PREPEND_NEVER };

struct vs_step {
    enum vs_step_kind kind;
    struct vs_regex *re;          /* owned; NULL: `pattern` is a plain string */
    struct vs_charsmap *charsmap; /* owned; PRECOMPILED */
    struct vs_str pattern, with;  /* borrowed from the sections */
    enum vs_behavior behavior;
    enum vs_prepend prepend;
    bool invert, left, right;     /* left, right: STRIP; left: add_prefix_space, right: use_regex of BYTE_LEVEL */
    bool clean, chinese, accents, lower; /* BERT */
    bool split;                   /* METASPACE */
};

#define VS_STEPS 32

struct vs_step_list { struct vs_step items[VS_STEPS]; uint32_t count; };

struct vs_pipeline {
    struct vs_step_list normalizer, pre;
    struct vs_regex *byte_words;  /* the pattern of ByteLevel itself; NULL until a step needs it */
    struct vs_regex_memory *match;       /* one search at a time: a tokenizer is used by one thread */
    struct vs_prefix raw, normalized;  /* contents of added tokens, by when they are looked for */
    struct vs_arena arena;        /* normalized contents */
};

/* Opened when it is first asked for: a file with a component that is not handled can still be extended by its symbols. The tokenizer's. */
enum vs_code vs_pipeline_of(const struct vs_tokenizer *t, struct vs_pipeline **out, struct vs_err *err) VS_NODISCARD;
void vs_pipeline_close(struct vs_pipeline *p); /* accepts NULL */
/* *cut: characters at the beginning were taken out, so that what is left does not begin where the text did. */
enum vs_code vs_run_normalizer(const struct vs_pipeline *p, struct vs_str text, struct vs_buf *out, bool *cut, struct vs_err *err) VS_NODISCARD;
/* first: the text stands at the beginning of the document. Replaces *out's content. */
enum vs_code vs_run_pretokenizer(const struct vs_pipeline *p, struct vs_str text, bool first, struct vs_pieces *out, struct vs_err *err) VS_NODISCARD;

#endif
