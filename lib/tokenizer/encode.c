/* SPDX-License-Identifier: Apache-2.0
 *
 * Text to ids, as the file says: added tokens, normalizer, added tokens again, pre-tokenizer, model.
 */
#include <stdio.h>
#include <string.h>
#include "tokenizer/alphabet.h"
#include "tokenizer/steps.h"
#include "tokenizer/unicode.h"

enum vs_code vs_ids_reserve(struct vs_ids *ids, size_t more, struct vs_err *err)
{
    size_t cap = ids->cap ? ids->cap : 16;
    while (cap - ids->count < more)
        cap *= 2;
    uint32_t *items = vs_realloc_array(ids->ids, cap, sizeof *items);
    if (!items)
        return vs_enomem(err, "ids", 0);
    ids->ids = items;
    ids->cap = cap;
    return VS_OK;
}

void vs_ids_free(struct vs_ids *ids)
{
    vs_free(ids->ids);
    *ids = (struct vs_ids){0};
}

/* ---- the encoder ---- */

static void open_bytes(struct vs_encoder *e, const struct vs_tokenizer_impl *impl)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[8];
        int n = snprintf(name, sizeof name, "<0x%02X>", byte);
        e->bytes[byte] = vs_vocab_find(&impl->vocab, (struct vs_str){name, (size_t)n});
    }
}

static void open_chars(struct vs_encoder *e, const struct vs_tokenizer_impl *impl)
{
    for (uint32_t cp = 0; cp < VS_CHAR_TABLE; cp++) {
        char utf8[4];
        e->chars[cp] = vs_vocab_find(&impl->vocab, (struct vs_str){utf8, vs_utf8_put(utf8, cp)});
    }
}

static double score_of_unknown(const double *scores, uint32_t count)
{
    double least = count ? scores[0] : 0;
    for (uint32_t i = 1; i < count; i++)
        least = scores[i] < least ? scores[i] : least;
    return least - 10; /* huggingface/tokenizers models/unigram: K_UNK_PENALTY */
}

enum vs_code vs_encoder_open(struct vs_tokenizer_impl *impl, struct vs_err *err)
{
    struct vs_encoder *e = vs_calloc(1, sizeof *e);
    if (!e)
        return vs_enomem(err, "the encoder", sizeof *e);
    if (impl->t.byte_fallback)
        open_bytes(e, impl);
    if (impl->t.kind == VS_TOK_BPE)
        open_chars(e, impl);
    if (impl->t.kind == VS_TOK_UNIGRAM)
        e->unk_score = score_of_unknown(impl->model.scores, impl->vocab.count);
    impl->encoder = e;
    return VS_OK;
}

void vs_encoder_close(struct vs_encoder *e)
{
    if (!e)
        return;
    vs_prefix_free(&e->pieces);
    vs_free(e);
}

enum vs_code vs_sort_pieces(const struct vs_tokenizer_impl *impl, struct vs_err *err)
{
    const struct vs_vocab *v = &impl->vocab;
    if (impl->encoder->pieces.items)
        return VS_OK;
    struct vs_prefix_item *items = vs_realloc_array(NULL, v->count, sizeof *items);
    if (!items)
        return vs_enomem(err, "the pieces", 0);
    for (uint32_t i = 0; i < v->count; i++) {
        struct vs_str s = vs_vocab_text(v, i);
        items[i] = (struct vs_prefix_item){s.p, (uint32_t)s.n, i};
    }
    vs_prefix_build(&impl->encoder->pieces, items, v->count);
    return VS_OK;
}

static enum vs_code need_encoder(const struct vs_tokenizer *t, struct vs_err *err)
{
    return t->impl->encoder ? VS_OK : vs_fail(err, VS_EUSAGE, "%s: opened for ids only", t->path);
}

/* ---- the model ---- */

static enum vs_code encode_word(const struct vs_tokenizer_impl *impl, struct vs_str piece, struct vs_ids *out, struct vs_err *err)
{
    uint32_t entry = vs_vocab_find(&impl->vocab, piece);
    char shown[200];
    if (entry == VS_NO_ENTRY)
        entry = impl->model.unk;
    if (entry == VS_NO_ENTRY)
        return vs_fail(err, VS_EMISMATCH, "%s: \"%s\" is no token, and there is no unknown token", impl->t.path,
                       vs_escape(shown, sizeof shown, piece));
    return vs_ids_add(out, entry, err);
}

enum vs_code vs_encode_bytes(const struct vs_tokenizer_impl *impl, struct vs_str s, struct vs_ids *out, bool *done, struct vs_err *err)
{
    const uint32_t *entries = impl->encoder->bytes;
    enum vs_code code = VS_OK;
    *done = impl->t.byte_fallback;
    for (size_t i = 0; i < s.n && *done; i++)
        *done = entries[(unsigned char)s.p[i]] != VS_NO_ENTRY;
    for (size_t i = 0; i < s.n && *done && code == VS_OK; i++)
        code = vs_ids_add(out, entries[(unsigned char)s.p[i]], err);
    return code;
}

enum vs_code vs_model_encode(const struct vs_tokenizer_impl *impl, struct vs_str piece, struct vs_ids *out, struct vs_err *err)
{
    switch (impl->t.kind) {
    case VS_TOK_BPE: return vs_encode_bpe(impl, piece, impl->t.ignore_merges, out, err);
    case VS_TOK_UNIGRAM: return vs_encode_unigram(impl, piece, out, err);
    case VS_TOK_WORDPIECE: return vs_encode_wordpiece(impl, piece, false, out, err);
    default: return encode_word(impl, piece, out, err);
    }
}

static void to_ids(const struct vs_tokenizer *t, struct vs_ids *out, size_t from)
{
    for (size_t i = from; i < out->count; i++)
        out->ids[i] = vs_symbol_id(t, out->ids[i]);
}

enum vs_code vs_encode_symbols(const struct vs_tokenizer *t, struct vs_str token, struct vs_ids *out, struct vs_err *err)
{
    const struct vs_tokenizer_impl *impl = t->impl;
    const struct vs_model *m = &impl->model;
    size_t from = out->count;
    bool inside = t->kind == VS_TOK_WORDPIECE && m->prefix.n && vs_str_starts(token, m->prefix) && token.n > m->prefix.n;
    struct vs_str bare = inside ? (struct vs_str){token.p + m->prefix.n, token.n - m->prefix.n} : token;
    char shown[200];
    enum vs_code code = need_encoder(t, err);
    if (!code)
        code = t->kind == VS_TOK_BPE ? vs_encode_bpe(impl, token, false, out, err) :
               t->kind == VS_TOK_WORDPIECE ? vs_encode_wordpiece(impl, bare, inside, out, err) : vs_model_encode(impl, token, out, err);
    if (code)
        return code;
    for (size_t i = from; i < out->count; i++)
        if (m->unk_token.p && out->ids[i] == m->unk && !vs_str_eq(token, m->unk_token))
            return vs_fail(err, VS_EMISMATCH, "%s: a symbol of \"%s\" has no id", t->path, vs_escape(shown, sizeof shown, token));
    to_ids(t, out, from);
    return VS_OK;
}

/* ---- added tokens ---- */

static uint32_t char_before(struct vs_str s, size_t at)
{
    uint32_t cp = 0;
    size_t begin = at;
    while (begin > 0 && (s.p[--begin] & 0xc0) == 0x80)
        ;
    if (at)
        vs_utf8_next(s.p + begin, s.p + s.n, &cp);
    return cp;
}

static uint32_t char_at(struct vs_str s, size_t at)
{
    uint32_t cp = 0;
    if (at < s.n)
        vs_utf8_next(s.p + at, s.p + s.n, &cp);
    return cp;
}

struct hit { size_t begin, end; uint32_t added; };

/* The longest added token at a place. */
static bool hit_at(const struct vs_prefix *set, struct vs_str s, size_t at, struct hit *hit)
{
    struct vs_prefix_walk w = vs_prefix_begin(set);
    bool found = false;
    uint32_t which;
    for (size_t i = at; set->count && i < s.n && vs_prefix_step(set, &w, (unsigned char)s.p[i]); i++)
        if (vs_prefix_match(set, &w, &which)) {
            *hit = (struct hit){at, i + 1, which};
            found = true;
        }
    return found;
}

/* Between characters that are not of a word. */
static bool stands_alone(struct vs_str s, const struct hit *hit)
{
    return !(hit->begin && vs_is_word(char_before(s, hit->begin))) && !(hit->end < s.n && vs_is_word(char_at(s, hit->end)));
}

/* lstrip and rstrip take the white space beside the token with it; what the token before took stays taken. *blank: up to where there is
 * nothing but white space, as an earlier token has seen; tokens among it would look through it once each. */
static void widen(const struct vs_tokenizer *t, struct vs_str s, size_t from, size_t *blank, struct hit *hit)
{
    const struct vs_added *a = &t->added[hit->added];
    if (a->lstrip && hit->begin < from)
        hit->begin = from;
    while (a->lstrip && hit->begin > from && vs_is_space(char_before(s, hit->begin)))
        do
            hit->begin--;
        while (hit->begin > from && (s.p[hit->begin] & 0xc0) == 0x80);
    if (a->rstrip && hit->end < *blank)
        hit->end = *blank;
    while (a->rstrip && hit->end < s.n && vs_is_space(char_at(s, hit->end))) {
        uint32_t cp;
        hit->end += vs_utf8_next(s.p + hit->end, s.p + s.n, &cp);
    }
    *blank = a->rstrip ? hit->end : *blank;
}

struct encoding {
    const struct vs_tokenizer *t;
    struct vs_pipeline *p;
    struct vs_ids *out;
    struct vs_pieces pieces;
    struct vs_err *err;
};

typedef enum vs_code (*encode_rest)(struct encoding *e, struct vs_str text, bool first);

/* Cuts text at the added tokens of a set; what stands between them goes on to `rest`. As in the Rust library a single_word token
 * that does not stand alone hides those inside it, and the search goes on behind the token, not behind the blanks it took. */
static enum vs_code cut_added(struct encoding *e, const struct vs_prefix *set, struct vs_str s, bool first, encode_rest rest)
{
    size_t done = 0, blank = 0;
    enum vs_code code = VS_OK;
    for (size_t at = 0; !code && set->count && at < s.n;) {
        struct hit hit = {0, 0, 0};
        if (!hit_at(set, s, at, &hit)) {
            at++;
            continue;
        }
        at = hit.end;
        if (e->t->added[hit.added].single_word && !stands_alone(s, &hit))
            continue;
        widen(e->t, s, done, &blank, &hit);
        if (hit.begin > done)
            code = rest(e, (struct vs_str){s.p + done, hit.begin - done}, first && done == 0);
        if (!code && hit.begin < hit.end)
            code = vs_ids_add(e->out, e->t->added[hit.added].effective, e->err);
        done = hit.end;
    }
    return code || done >= s.n ? code : rest(e, (struct vs_str){s.p + done, s.n - done}, first && done == 0);
}

static enum vs_code encode_normalized(struct encoding *e, struct vs_str text, bool first)
{
    enum vs_code code = vs_run_pretokenizer(e->p, text, first, &e->pieces, e->err);
    for (size_t i = 0; !code && i < e->pieces.count; i++) {
        const struct vs_piece *piece = &e->pieces.items[i];
        size_t from = e->out->count;
        code = vs_model_encode(e->t->impl, (struct vs_str){e->pieces.text.p + piece->begin, piece->end - piece->begin}, e->out, e->err);
        to_ids(e->t, e->out, from);
    }
    return code;
}

static enum vs_code encode_raw(struct encoding *e, struct vs_str text, bool first)
{
    struct vs_buf b = {0};
    bool cut;
    enum vs_code code = vs_run_normalizer(e->p, text, &b, &cut, e->err);
    if (!code)
        code = cut_added(e, &e->p->normalized, vs_buf_view(&b), first && !cut, encode_normalized);
    vs_buf_free(&b);
    return code;
}

enum vs_code vs_encode(const struct vs_tokenizer *t, struct vs_str text, struct vs_ids *out, struct vs_err *err)
{
    struct encoding e = {.t = t, .out = out, .err = err};
    size_t valid = vs_utf8_valid(text.p, text.n);
    if (valid != text.n)
        return vs_fail(err, VS_EFORMAT, "text: byte %zu is not valid UTF-8", valid);
    enum vs_code code = need_encoder(t, err);
    if (!code)
        code = vs_pipeline_of(t, &e.p, err);
    if (!code)
        code = cut_added(&e, &e.p->raw, text, true, encode_raw);
    vs_pieces_free(&e.pieces);
    return code;
}
