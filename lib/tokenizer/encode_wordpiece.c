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

/* The longest piece that begins at text.p; prefix.p precedes the text in one buffer. Returns its bytes, 0 for none. */
static size_t longest(const struct vs_tokenizer_impl *impl, const char *begin, size_t prefix, size_t n, uint32_t *entry)
{
    const size_t most = impl->model.longest ? impl->model.longest : n;
    for (size_t end = n < most ? n : most; end > 0;) {
        *entry = vs_vocab_find(&impl->vocab, (struct vs_str){begin, prefix + end});
        if (*entry != VS_NO_ENTRY)
            return end;
        for (end--; end > 0 && (begin[prefix + end] & 0xc0) == 0x80; end--)
            ;
    }
    return 0;
}

enum vs_code vs_encode_wordpiece(const struct vs_tokenizer_impl *impl, struct vs_str piece, bool inside, struct vs_ids *out,
                                 struct vs_err *err)
{
    const struct vs_model *m = &impl->model;
    size_t from = out->count, at = 0, n = piece.n + (inside ? 0 : m->word_begin.n);
    if (count_chars(piece) > m->max_chars)
        return unknown_word(impl, out, err);
    /* word[0 .. prefix.n) is room for the prefix in front of whatever is left of the word. */
    struct vs_buf word = {0};
    vs_buf_str(&word, m->prefix);
    if (!inside)
        vs_buf_str(&word, m->word_begin);
    vs_buf_str(&word, piece);
    enum vs_code code = word.failed ? vs_enomem(err, "a word", piece.n) : VS_OK;
    while (code == VS_OK && at < n) {
        uint32_t entry;
        size_t used;
        char *begin = word.p + m->prefix.n + at;
        size_t prefix = at || inside ? m->prefix.n : 0;
        if (prefix)
            memcpy(begin -= prefix, m->prefix.p, prefix); /* over what has been matched already */
        used = longest(impl, begin, prefix, n - at, &entry);
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
