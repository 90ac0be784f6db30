/* SPDX-License-Identifier: Apache-2.0
 *
 * WordPiece: greedy longest match; one position without a piece makes the whole word unknown.
 */
#include "tokenizer/encode.h"

static enum vs_code unknown_word(const struct vs_tokenizer_impl *impl, struct vs_ids *out, struct vs_err *err)
{
    char shown[200];
    if (impl->model.unk != VS_NO_ENTRY)
        return vs_ids_add(out, impl->model.unk, err);
    return vs_fail(err, VS_EMISMATCH, "%s: the unknown token \"%s\" is not in model.vocab", impl->t.path,
                   vs_escape(shown, sizeof shown, impl->model.unk_token));
}

static size_t count_chars(struct vs_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += (s.p[i] & 0xc0) != 0x80;
    return n;
}

/* How many bytes of the text the longest piece takes, 0 when none begins there. before: what the vocabulary spells in front of it. */
static size_t longest(const struct vs_prefix *pieces, struct vs_str before, struct vs_str text, uint32_t *entry)
{
    struct vs_prefix_walk w = vs_prefix_begin(pieces);
    size_t found = 0;
    for (size_t i = 0; i < before.n; i++)
        if (!vs_prefix_step(pieces, &w, (unsigned char)before.p[i]))
            return 0;
    for (size_t n = 0; n < text.n && vs_prefix_step(pieces, &w, (unsigned char)text.p[n]);) {
        n++;
        const bool whole = n == text.n || (text.p[n] & 0xc0) != 0x80; /* a piece does not end inside of a character */
        if (whole && vs_prefix_match(pieces, &w, entry))
            found = n;
    }
    return found;
}

enum vs_code vs_encode_wordpiece(const struct vs_tokenizer_impl *impl, struct vs_str piece, bool inside, struct vs_ids *out,
                                 struct vs_err *err)
{
    const struct vs_model *m = &impl->model;
    size_t from = out->count, at = 0;
    if (count_chars(piece) > m->max_chars)
        return unknown_word(impl, out, err);
    struct vs_buf word = {0};
    if (!inside)
        vs_buf_str(&word, m->word_begin);
    vs_buf_str(&word, piece);
    enum vs_code code = word.failed ? vs_enomem(err, "a word", piece.n) : vs_sort_pieces(impl, err);
    while (code == VS_OK && at < word.n) {
        uint32_t entry;
        const struct vs_str before = at || inside ? m->prefix : VS_LIT(""), rest = {word.p + at, word.n - at};
        const size_t used = longest(&impl->encoder->pieces, before, rest, &entry);
        if (used == 0) {
            out->count = from;
            code = unknown_word(impl, out, err);
            break;
        }
        code = vs_ids_add(out, entry, err);
        at += used;
    }
    vs_buf_free(&word);
    return code;
}
