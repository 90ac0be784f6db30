/* SPDX-License-Identifier: Apache-2.0
 *
 * BPE on one pre-token: its characters become symbols, unknown ones bytes or the unknown token, then pairs are merged.
 */
#include "tokenizer/bpe_table.h"
#include "tokenizer/encode.h"

/* An unknown token that waits: fused with the next one, or written before the next known symbol. */
struct symbols {
    const struct vs_tokenizer_impl *impl;
    struct vs_ids *out;
    struct vs_err *err;
    bool unk_waits;
};

static uint32_t entry_of(const struct vs_tokenizer_impl *impl, struct vs_str s, uint32_t cp)
{
    return cp < VS_CHAR_TABLE ? impl->encoder->chars[cp] : vs_vocab_find(&impl->vocab, s);
}

/* The entry of the character [p, p + n), with the prefix and suffix that its place asks for. */
static enum vs_code symbol_at(const struct vs_tokenizer_impl *impl, struct vs_str s, uint32_t cp, bool first, bool last,
                              uint32_t *entry, struct vs_err *err)
{
    const struct vs_model *m = &impl->model;
    bool prefixed = !first && m->prefix.n, suffixed = last && m->suffix.n;
    if (!prefixed && !suffixed) {
        *entry = entry_of(impl, s, cp);
        return VS_OK;
    }
    struct vs_buf b = {0};
    if (prefixed)
        vs_buf_str(&b, m->prefix);
    vs_buf_str(&b, s);
    if (suffixed)
        vs_buf_str(&b, m->suffix);
    *entry = b.failed ? VS_NO_ENTRY : vs_vocab_find(&impl->vocab, (struct vs_str){b.p, b.n});
    enum vs_code code = b.failed ? vs_enomem(err, "a symbol", 0) : VS_OK;
    vs_buf_free(&b);
    return code;
}

static enum vs_code flush_unk(struct symbols *s)
{
    if (!s->unk_waits)
        return VS_OK;
    s->unk_waits = false;
    return vs_ids_add(s->out, s->impl->model.unk, s->err);
}

/* Its bytes, and an unknown token that waits stays behind them, as in the Rust library; or the unknown token. */
static enum vs_code unknown(struct symbols *s, struct vs_str c)
{
    const struct vs_model *m = &s->impl->model;
    bool done;
    char shown[200];
    enum vs_code code = vs_encode_bytes(s->impl, c, s->out, &done, s->err);
    if (code || done || !m->unk_token.p)
        return code; /* without an unknown token the character is dropped */
    if (m->unk == VS_NO_ENTRY)
        return vs_fail(s->err, VS_EMISMATCH, "%s: \"%s\" is unknown, and so is the unknown token itself: it is not in model.vocab",
                       s->impl->t.path, vs_escape(shown, sizeof shown, c));
    if (!s->impl->t.fuse_unk)
        code = flush_unk(s);
    s->unk_waits = true;
    return code;
}

static enum vs_code split(struct symbols *s, struct vs_str piece)
{
    const char *end = piece.p + piece.n;
    for (const char *p = piece.p; p < end;) {
        uint32_t cp, entry;
        struct vs_str c = {p, vs_utf8_next(p, end, &cp)};
        enum vs_code code = symbol_at(s->impl, c, cp, p == piece.p, p + c.n == end, &entry, s->err);
        if (code == VS_OK && entry == VS_NO_ENTRY)
            code = unknown(s, c);
        else if (code == VS_OK && (code = flush_unk(s)) == VS_OK)
            code = vs_ids_add(s->out, entry, s->err);
        if (code)
            return code;
        p += c.n;
    }
    return flush_unk(s);
}

static enum vs_code merge_tail(const struct vs_bpe *b, struct vs_ids *out, size_t from, struct vs_err *err)
{
    if (out->count - from >= UINT32_MAX / 4)
        return vs_fail(err, VS_ELIMIT, "one piece of text of %zu symbols: at most %u", out->count - from, UINT32_MAX / 4);
    uint32_t n = (uint32_t)(out->count - from);
    enum vs_code code = vs_bpe_merge(b, out->ids + from, &n, err);
    out->count = from + n;
    return code;
}

enum vs_code vs_encode_bpe(const struct vs_tokenizer_impl *impl, struct vs_str piece, bool whole_first, struct vs_ids *out,
                           struct vs_err *err)
{
    uint32_t whole = whole_first ? vs_vocab_find(&impl->vocab, piece) : VS_NO_ENTRY;
    if (whole != VS_NO_ENTRY)
        return vs_ids_add(out, whole, err);
    size_t from = out->count;
    struct symbols s = {.impl = impl, .out = out, .err = err};
    enum vs_code code = split(&s, piece);
    return code == VS_OK && out->count > from ? merge_tail(impl->bpe, out, from, err) : code;
}

/* ---- for those who build on the engine ---- */

enum vs_code vs_bpe_clone(const struct vs_tokenizer *t, struct vs_bpe **out, struct vs_err *err)
{
    *out = NULL;
    if (!t->impl->bpe)
        return vs_fail(err, VS_EUSAGE, "%s: its merge table is not there: %s", t->path,
                       t->kind == VS_TOK_BPE ? "opened for ids only" : "it is not a BPE tokenizer");
    return vs_bpe_copy(t->impl->bpe, out, err);
}
