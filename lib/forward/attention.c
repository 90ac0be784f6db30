/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention of one layer: projections, their norms, rotation, softmax over the keys of each sequence.
 */
#include <math.h>
#include "forward/pass.h"

static struct vs_f_heads heads_of(float *data, uint32_t heads, uint32_t dim)
{
    return (struct vs_f_heads){data, (uint64_t)heads * dim, dim, heads, dim};
}

/* Keys and values go where they stay: behind the tokens that the sequence has already, or into this layer's buffer. */
static float *home(const struct vs_pass *p, float *cached, float *local, uint32_t sequence, uint64_t width)
{
    const struct vs_sequence *s = &p->batch->sequences[sequence];
    if (!p->cache)
        return local + s->begin * width;
    return cached + ((uint64_t)p->layer * p->cache->slots + p->cache->slot[sequence] + s->past) * width;
}

/* One projection into the homes of all sequences: with a cache they lie apart. */
static enum vs_code project(struct vs_pass *p, const struct vs_weight *w, const float *h, float *cached, float *local, struct vs_err *err)
{
    uint64_t width = w->weight.rows;
    enum vs_code code = VS_OK;
    if (!p->cache)
        return vs_linear(p, w, h, p->batch->count, local, err);
    for (uint64_t r = 0; !code && r < width;) {
        struct vs_piece piece;
        code = vs_take(p, w, &piece, err);
        for (uint32_t s = 0; !code && s < p->batch->sequence_count; s++) {
            const struct vs_sequence *q = &p->batch->sequences[s];
            code = vs_f_linear(p->dev, &piece.mat, h + q->begin * p->a->hidden, p->a->hidden, q->count, piece.bias,
                               home(p, cached, local, s, width) + piece.first, width, err);
        }
        r += piece.rows;
    }
    return code;
}

/* One projection, as heads, for each stretch of memory: q and uncached k lie in one. */
static enum vs_code finish(struct vs_pass *p, const struct vs_weight *norm, float *data, uint32_t heads, uint32_t tokens, const uint32_t *position,
                           const struct vs_piece *piece, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    uint64_t cols = norm->weight.rows;
    int class = a->layer[p->layer].rope;
    enum vs_code code = VS_OK;
    if (norm->weight.tensor)
        code = vs_f_norm(p->dev, a->norm, data, (uint64_t)tokens * heads * a->head_dim / cols, cols, piece->vector, piece->bias, a->eps, data, err);
    if (!code && class != VS_NO_ROPE) {
        struct vs_f_heads x = heads_of(data, heads, a->head_dim);
        code = vs_f_rope(p->dev, &x, tokens, position, p->rope[class], a->rope[class].pairs, a->interleaved, err);
    }
    return code;
}

static enum vs_code make_keys(struct vs_pass *p, const struct vs_weight *w, const float *h, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    const struct vs_weight *norm = &w[VS_W_K_NORM];
    uint64_t width = (uint64_t)a->kv_heads * a->head_dim;
    float *cached = p->cache ? p->cache->k : NULL;
    struct vs_piece piece = {0};
    enum vs_code code = project(p, &w[VS_W_K], h, cached, p->k, err);
    if (!code && norm->weight.tensor)
        code = vs_take(p, norm, &piece, err);
    if (!code && !p->cache)
        return finish(p, norm, p->k, a->kv_heads, p->batch->count, p->position, &piece, err);
    for (uint32_t s = 0; !code && s < p->batch->sequence_count; s++) {
        const struct vs_sequence *q = &p->batch->sequences[s];
        code = finish(p, norm, home(p, cached, p->k, s, width), a->kv_heads, q->count, p->position + q->begin, &piece, err);
    }
    return code;
}

static enum vs_code attend(struct vs_pass *p, const struct vs_weight *w, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    uint64_t layer = p->cache ? (uint64_t)p->layer * p->cache->slots * a->kv_heads * a->head_dim : 0;
    struct vs_piece sinks = {0};
    double error = 0;
    enum vs_code code = w[VS_W_SINKS].weight.tensor ? vs_take(p, &w[VS_W_SINKS], &sinks, err) : VS_OK;
    struct vs_f_attention x = {
        .q = heads_of(p->q, a->heads, a->head_dim),
        .k = heads_of(p->cache ? p->cache->k + layer : p->k, a->kv_heads, a->head_dim),
        .v = heads_of(p->cache ? p->cache->v + layer : p->v, a->kv_heads, a->head_dim),
        .spans = p->spans, .span_count = p->batch->sequence_count,
        .scale = a->scale_by_layer ? a->scale / (float)(p->layer + 1) : a->scale, .softcap = a->softcap,
        .window = a->layer[p->layer].window, .causal = !a->encoder, .sinks = sinks.vector, .scores = p->scores, .out = p->heads,
        .row_sum_error = p->debug ? &error : NULL,
    };
    if (!code)
        code = vs_f_attend(p->dev, &x, err);
    if (error > p->row_sum_error)
        p->row_sum_error = error;
    return code;
}

enum vs_code vs_attention(struct vs_pass *p, const struct vs_weight *w, const float *h, float *out, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    struct vs_piece norm = {0};
    enum vs_code code = vs_linear(p, &w[VS_W_Q], h, p->batch->count, p->q, err);
    if (!code && w[VS_W_Q_NORM].weight.tensor)
        code = vs_take(p, &w[VS_W_Q_NORM], &norm, err);
    if (!code)
        code = finish(p, &w[VS_W_Q_NORM], p->q, a->heads, p->batch->count, p->position, &norm, err);
    if (!code)
        code = make_keys(p, w, h, err);
    if (!code)
        code = project(p, &w[VS_W_V], h, p->cache ? p->cache->v : NULL, p->v, err);
    if (!code)
        code = attend(p, w, err);
    return code ? code : vs_linear(p, &w[VS_W_O], p->heads, p->batch->count, out, err);
}
