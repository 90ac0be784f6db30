/* SPDX-License-Identifier: Apache-2.0
 *
 * The models on one pre-token, and what they need beyond the vocabulary.
 */
#ifndef VS_TOKENIZER_ENCODE_H
#define VS_TOKENIZER_ENCODE_H

#include "tokenizer/impl.h"
#include "tokenizer/prefix.h"

enum { VS_CHAR_TABLE = 0x250 }; /* code points whose entry is looked up without hashing: the byte alphabet is among them */

struct vs_encoder {
    uint32_t chars[VS_CHAR_TABLE]; /* BPE: entry of a one-character token, or VS_NO_ENTRY */
    uint32_t bytes[256];           /* byte_fallback: entries of <0x00> ... <0xFF>, or VS_NO_ENTRY */
    struct vs_prefix pieces;       /* Unigram, WordPiece: entries by text, from vs_sort_pieces on */
    double unk_score;              /* Unigram */
};

/* Appends the entries (not ids) of one pre-token, in the model's own alphabet. */
enum vs_code vs_model_encode(const struct vs_tokenizer_impl *impl, struct vs_str piece, struct vs_ids *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_encode_bpe(const struct vs_tokenizer_impl *impl, struct vs_str piece, bool whole_first, struct vs_ids *out,
                           struct vs_err *err) VS_NODISCARD;
enum vs_code vs_encode_unigram(const struct vs_tokenizer_impl *impl, struct vs_str piece, struct vs_ids *out, struct vs_err *err) VS_NODISCARD;
/* inside: the piece continues a word, so its first part takes the prefix too. */
enum vs_code vs_encode_wordpiece(const struct vs_tokenizer_impl *impl, struct vs_str piece, bool inside, struct vs_ids *out,
                                 struct vs_err *err) VS_NODISCARD;

/* The tokens of the bytes of s, for what is unknown: with byte_fallback, and when there is one for each of them. *done: they are appended. */
enum vs_code vs_encode_bytes(const struct vs_tokenizer_impl *impl, struct vs_str s, struct vs_ids *out, bool *done, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_sort_pieces(const struct vs_tokenizer_impl *impl, struct vs_err *err) VS_NODISCARD; /* once; before pieces are used */

enum vs_code vs_ids_reserve(struct vs_ids *ids, size_t more, struct vs_err *err) VS_NODISCARD;

static inline enum vs_code vs_ids_add(struct vs_ids *ids, uint32_t id, struct vs_err *err)
{
    enum vs_code code = ids->count < ids->cap ? VS_OK : vs_ids_reserve(ids, 1, err);
    if (code == VS_OK)
        ids->ids[ids->count++] = id;
    return code;
}

#endif
