/* SPDX-License-Identifier: Apache-2.0
 *
 * A tokenizer as the libraries run it: effective ids, not declared ones (the loader of huggingface/tokenizers,
 * src/tokenizer/added_vocabulary.rs, simulated; @huggingface/tokenizers in JavaScript takes the declared ids).
 *
 * PATH is a directory with tokenizer.json (and siblings) or a tokenizer.json itself. All pointers belong to the
 * tokenizer and live until vs_tokenizer_close.
 */
#ifndef VS_TOKENIZER_H
#define VS_TOKENIZER_H

#include <stdbool.h>
#include <vs/err.h>
#include <vs/vs.h>

VS_C_BEGIN

#define VS_NO_ID UINT32_MAX

enum vs_tok_kind { VS_TOK_BPE, VS_TOK_UNIGRAM, VS_TOK_WORDPIECE, VS_TOK_WORDLEVEL };
const char *vs_tok_kind_name(enum vs_tok_kind kind); /* "bpe" "unigram" "wordpiece" "wordlevel" */

/* How vocabulary strings spell text (tokenizers.md 5.1). */
enum vs_alphabet {
    VS_ALPHA_BYTE,      /* GPT-2 byte alphabet: 256 characters stand for 256 bytes */
    VS_ALPHA_METASPACE, /* U+2581 stands for a space; <0xHH> byte tokens may exist */
    VS_ALPHA_WORDPIECE, /* "##" marks a continuation */
    VS_ALPHA_PLAIN      /* the string is the text */
};

struct vs_added {
    struct vs_str content;
    uint32_t declared, effective; /* declared may be VS_NO_ID (not an integer, or absent) */
    bool single_word, lstrip, rstrip, normalized, special;
    bool in_model;                /* the same string is in model.vocab */
    bool from_sibling;            /* only added_tokens_decoder / added_tokens.json names it, not tokenizer.json */
};

struct vs_id_range { uint32_t begin, end; }; /* half-open */

/* A place outside model.vocab and added_tokens that names a token, an id, or both: special tokens of the siblings, ids that
 * the post-processor and the padding of tokenizer.json carry. */
struct vs_named_token {
    const char *file, *at;        /* "tokenizer_config.json", JSON Pointer */
    struct vs_str name;           /* "bos_token", "pad_token", "[CLS]" */
    struct vs_str token;          /* its text */
    uint32_t declared, effective; /* the id that stands there, the id that the text has here; or VS_NO_ID */
};

/* A token that model.vocab lists again: loaders keep the last id. */
struct vs_repeat { struct vs_str token; uint32_t first, last; };

struct vs_tokenizer {
    const char *path;              /* of tokenizer.json */
    enum vs_tok_kind kind;
    enum vs_alphabet alphabet;
    bool byte_fallback, fuse_unk, ignore_merges;
    uint32_t base_count;           /* entries of model.vocab */
    uint32_t max_base_id;          /* VS_NO_ID when empty */
    uint32_t len;                  /* distinct strings, base and added: len(tokenizer) */
    uint32_t max_id;               /* highest effective id */
    uint32_t rows_needed;          /* max_id + 1 */
    uint64_t merge_count;
    struct vs_added *added; uint32_t added_count;     /* in file order, siblings last */
    struct vs_id_range *holes; uint32_t hole_count;   /* ids below rows_needed that no token has */
    uint32_t *moved; uint32_t moved_count;            /* positions in added[] whose declared id is not the one that runs */
    struct vs_repeat *repeats; uint32_t repeat_count; /* only with options.repeats */
    struct vs_named_token *named; uint32_t named_count;
    const char **findings; uint32_t finding_count;    /* inconsistencies that load (duplicates, gaps): facts for vocab-check */
    struct vs_tokenizer_impl *impl;
};

struct vs_tokenizer_options {
    bool lenient;    /* report what loads but is inconsistent in findings[] instead of refusing it */
    bool repeats;    /* a token that an object model.vocab lists twice is reported in repeats[]; otherwise VS_EFORMAT */
    bool holes;      /* ids without a token are a fact (holes[]) and no inconsistency: whoever sizes a table needs the highest id alone */
    bool ids_only;   /* facts and ids (vocab-inspect): merges are counted and checked, not kept, and all that encodes is VS_EUSAGE */
    /* As that of a vs_run, or NULL: looked at while tokens and merges are read. The loads of a GGUF file's vocabulary have none. */
    const volatile sig_atomic_t *cancel;
};

/* Siblings are read when PATH is a directory (as transformers does, tokenizers.md 1.7); a tokenizer.json itself stands alone.
 * VS_EFORMAT when PATH has no tokenizer.json and no other recognised tokenizer file; VS_EUNSUPPORTED, by name, when
 * it has only formats that are not handled yet. */
enum vs_code vs_tokenizer_open(const char *path, const struct vs_tokenizer_options *options, struct vs_tokenizer **out,
                               struct vs_err *err) VS_NODISCARD;
bool vs_tokenizer_present(const char *dir); /* a tokenizer.json is there */
void vs_tokenizer_close(struct vs_tokenizer *t); /* accepts NULL */

uint32_t vs_token_id(const struct vs_tokenizer *t, struct vs_str token);   /* effective id, VS_NO_ID when absent */
struct vs_str vs_token_text(const struct vs_tokenizer *t, uint32_t id);    /* as spelled in the vocabulary; p NULL for a hole */
bool vs_token_is_added(const struct vs_tokenizer *t, uint32_t id, struct vs_added *out); /* out may be NULL */
/* Bytes the token stands for in text (byte alphabet undone, U+2581 -> space, "##" dropped); appended to a vs_buf. False for
 * tokens that stand for no text (byte-level strings with foreign characters, special tokens still give their content). */
struct vs_buf;
bool vs_token_bytes(const struct vs_tokenizer *t, uint32_t id, struct vs_buf *out);
/* Two ids with identical text bytes etc. are not looked for here: see check. */

struct vs_ids { uint32_t *ids; size_t count, cap; }; /* {0} is empty; vs_ids_free */
void vs_ids_free(struct vs_ids *ids);

/* The model alone on one token's own symbols: no added tokens, no normalizer, no pre-tokenizer, ignore_merges off.
 * token is spelled as in a vocabulary of the same alphabet. Appends ids; a symbol without an id is VS_EMISMATCH. */
enum vs_code vs_encode_symbols(const struct vs_tokenizer *t, struct vs_str token, struct vs_ids *out, struct vs_err *err) VS_NODISCARD;
/* The whole pipeline as shipped, without the post-processor: added tokens, normalizer, pre-tokenizer, model. text is
 * UTF-8. A pipeline component that is not handled is VS_EUNSUPPORTED with its name. */
enum vs_code vs_encode(const struct vs_tokenizer *t, struct vs_str text, struct vs_ids *out, struct vs_err *err) VS_NODISCARD;
/* The same with what stands around every text: what the post-processor puts there, or the keys of a .gguf file (add_bos_token ...).
 * A post-processor that is not handled is VS_EUNSUPPORTED. */
enum vs_code vs_encode_prompt(const struct vs_tokenizer *t, struct vs_str text, struct vs_ids *out, struct vs_err *err) VS_NODISCARD;

VS_C_END

#endif
