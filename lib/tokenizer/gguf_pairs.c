/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tokens merge: by the merges of a GGUF file, or by its scores.
 */
#include <float.h>
#include <math.h>
#include <string.h>
#include "tokenizer/bpe_scores.h"
#include "tokenizer/gguf_text.h"
#include "tokenizer/load_gguf.h"

#define P "tokenizer.ggml."

struct reading {
    const struct vs_gguf *g;
    const struct vs_load *l;
    struct vs_err *err;
};

/* ---- merges ---- */

static enum vs_code no_part(const struct reading *x, uint64_t i, const char *role, struct vs_str text)
{
    char shown[200];
    return vs_gguf_no_text(x->g, x->err, P "merges", "entry %llu: its %s \"%s\" is no token, and a merge is of two tokens that make one",
                           (unsigned long long)i, role, vs_escape(shown, sizeof shown, text));
}

/* The loader of ids has seen that there is a space behind the first byte. */
static enum vs_code read_merge(const struct reading *x, uint64_t i, struct vs_str s, struct vs_buf *product, struct vs_bpe_merge *out)
{
    const struct vs_vocab *v = &x->l->impl->vocab;
    const char *space = memchr(s.p + 1, ' ', s.n - 1);
    const struct vs_str left = {s.p, (size_t)(space - s.p)}, right = {space + 1, s.n - left.n - 1};
    product->n = 0;
    vs_buf_str(product, left);
    vs_buf_str(product, right);
    if (product->failed)
        return vs_enomem(x->err, "a merge", product->n);
    const struct vs_str whole = {product->p, product->n};
    *out = (struct vs_bpe_merge){vs_vocab_find(v, left), vs_vocab_find(v, right), vs_vocab_find(v, whole)};
    if (out->left == VS_NO_ENTRY)
        return no_part(x, i, "left part", left);
    if (out->right == VS_NO_ENTRY)
        return no_part(x, i, "right part", right);
    return out->product == VS_NO_ENTRY ? no_part(x, i, "product", whole) : VS_OK;
}

enum vs_code vs_gguf_read_merges(const struct vs_gguf *g, const struct vs_load *l, struct vs_err *err)
{
    const struct reading x = {g, l, err};
    const struct vs_gguf_kv *kv = vs_gguf_find(g, P "merges");
    struct vs_buf product = {0};
    struct vs_str s;
    uint64_t at = 0, n = 0, twin = 0;
    if (!kv)
        return vs_gguf_no_text(g, err, P "merges", "no such key, and tokenizer.ggml.model has no other way to make tokens of bytes");
    struct vs_bpe_merge *merges = vs_realloc_array(NULL, kv->count + 1, sizeof *merges);
    enum vs_code code = merges ? VS_OK : vs_enomem(err, "merges", kv->count * sizeof *merges);
    while (!code && vs_gguf_next(kv, &at, &s)) {
        code = vs_load_look(l, n, err);
        if (!code)
            code = read_merge(&x, n, s, &product, &merges[n]);
        n++;
    }
    if (!code)
        code = vs_bpe_build(merges, NULL, n, &l->impl->bpe, &twin, err);
    if (!code && twin < n)
        code = vs_gguf_no_text(g, err, P "merges", "entry %llu repeats a pair that stands before it: which rank is meant?", (unsigned long long)twin);
    vs_buf_free(&product);
    vs_free(merges);
    return code;
}

/* ---- scores ---- */

/* *scores: one per entry, 0 without the key. */
static enum vs_code read_scores(const struct reading *x, float *scores, bool *apart)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(x->g, P "scores");
    const struct vs_vocab *v = &x->l->impl->vocab;
    for (uint32_t i = 0; i < v->count; i++) {
        double score = 0;
        int64_t whole;
        const enum vs_code code = vs_load_look(x->l, i, x->err);
        if (code)
            return code;
        if (kv && vs_gguf_item_i64(kv, v->ids[i], &whole))
            score = (double)whole;
        else if (kv && !vs_gguf_item_f64(kv, v->ids[i], &score))
            return vs_gguf_no_text(x->g, x->err, P "scores", "found no number for token %u, expected one for every token", v->ids[i]);
        if (!(fabs(score) <= (double)FLT_MAX))
            return vs_gguf_no_text(x->g, x->err, P "scores", "found %g for token %u, expected a finite number of 32 bits", score, v->ids[i]);
        scores[i] = (float)score;
        apart[i] = vs_gguf_token_type(x->g, v->ids[i]) == VS_GGUF_BYTE;
    }
    return VS_OK;
}

enum vs_code vs_gguf_read_scores(const struct vs_gguf *g, const struct vs_load *l, struct vs_err *err)
{
    const struct reading x = {g, l, err};
    const uint32_t count = l->impl->vocab.count;
    float *scores = vs_realloc_array(NULL, count + (size_t)1, sizeof *scores);
    bool *apart = vs_realloc_array(NULL, count + (size_t)1, sizeof *apart);
    enum vs_code code = scores && apart ? read_scores(&x, scores, apart) : vs_enomem(err, "scores", count * (uint64_t)sizeof *scores);
    if (!code)
        code = vs_bpe_by_score(&l->impl->vocab, scores, apart, l->wish.cancel, &l->impl->bpe, err);
    if (code == VS_ELIMIT)
        code = vs_gguf_no_text(g, err, P "tokens", "%s", err->message);
    vs_free(scores);
    vs_free(apart);
    return code;
}
