/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention. A row is one query with one head; the rows of a block share a key head, so that keys and values meet several
 * rows while they are in the cache.
 */
#include "canon_f32.h"
#include "dots.h"
#include "forward.h"

#define BLOCK_ROWS 32u

struct attend_job {
    const struct vs_f_attention *a;
    const struct vs_f_span *span;
    uint64_t group;        /* query heads of a key head */
    uint64_t block_rows, blocks; /* rows of a block; blocks of a key head */
    uint64_t scores_stride, thread_scores;
    vs_cpu_dots_fn *dots;
    vs_cpu_mix_fn *mix;
    double worst[64];      /* by thread */
};

struct row {
    const float *q;
    float *scores, *out;
    const float *sink;     /* or NULL */
    uint64_t from, to;     /* keys, counted from k_begin */
    float sum, sink_weight;
};

/* Row i of a key head: queries ascending, the heads of a query side by side. */
static struct row row_of(const struct attend_job *j, uint64_t kv, uint64_t i, float *scores)
{
    const struct vs_f_attention *a = j->a;
    const uint64_t query = i / j->group, head = kv * j->group + i % j->group, token = j->span->q_begin + query;
    struct row r = {.to = j->span->k_count, .scores = scores, .sink = a->sinks ? &a->sinks[head] : NULL};
    r.q = a->q.data + token * a->q.token_stride + head * a->q.head_stride;
    r.out = a->out + (token * a->q.heads + head) * a->v.dim;
    if (a->causal) {
        r.to = (uint64_t)j->span->k_count - j->span->q_count + query + 1;
        r.from = a->window && r.to > a->window ? r.to - a->window : 0;
    }
    return r;
}

/* Dot products of up to VS_TILE_TOKENS rows with all keys that one of them sees. */
static void tile_scores(const struct attend_job *j, const struct row *rows, unsigned n, const float *k)
{
    const uint64_t stride = j->a->k.token_stride, to = rows[n - 1].to;
    const float *x[VS_TILE_TOKENS];
    for (unsigned i = 0; i < n; i++)
        x[i] = rows[i].q;
    for (uint64_t at = rows[0].from; at < to; at += VS_TILE_ROWS) {
        const unsigned keys = to - at < VS_TILE_ROWS ? (unsigned)(to - at) : VS_TILE_ROWS;
        const float *w[VS_TILE_ROWS];
        float out[32];
        for (unsigned r = 0; r < VS_TILE_ROWS; r++)
            w[r] = k + (at + (r < keys ? r : keys - 1)) * stride;
        j->dots(x, n, w, keys, j->a->q.dim, out);
        for (unsigned i = 0; i < n; i++)
            for (unsigned r = 0; r < keys; r++)
                rows[i].scores[at + r] = out[i * VS_TILE_ROWS + r];
    }
}

/* The rows' own keys and values are aligned to nothing; whole groups of lanes are, with zeros before and after. */
VS_BODY void soften(const struct vs_f_attention *a, struct row *r)
{
    const uint64_t begin = r->from / VS_DOT_LANES * VS_DOT_LANES, end = (r->to + VS_DOT_LANES - 1) / VS_DOT_LANES * VS_DOT_LANES;
    float *s = r->scores, top[VS_DOT_LANES], lanes[VS_DOT_LANES] = {0}, max = r->sink ? *r->sink : -INFINITY;
    if (a->softcap > 0)
        for (uint64_t k = r->from; k < r->to; k++)
            s[k] = vs_softcap(s[k] * a->scale, a->softcap);
    else
        for (uint64_t k = r->from; k < r->to; k++)
            s[k] *= a->scale;
    for (uint64_t k = begin; k < r->from; k++)
        s[k] = -INFINITY;
    for (uint64_t k = r->to; k < end; k++)
        s[k] = -INFINITY;
    for (int l = 0; l < VS_DOT_LANES; l++)
        top[l] = -INFINITY;
    for (uint64_t k = begin; k < end; k += VS_DOT_LANES)
        for (int l = 0; l < VS_DOT_LANES; l++)
            top[l] = s[k + l] > top[l] ? s[k + l] : top[l];
    for (int l = 0; l < VS_DOT_LANES; l++)
        max = top[l] > max ? top[l] : max;
    for (uint64_t k = begin; k < end; k++)
        s[k] = vs_exp(s[k] - max);
    for (uint64_t k = begin; k < r->from; k++)
        s[k] = 0;
    for (uint64_t k = r->to; k < end; k++)
        s[k] = 0;
    for (uint64_t k = begin; k < end; k += VS_DOT_LANES)
        for (int l = 0; l < VS_DOT_LANES; l++)
            lanes[l] += s[k + l];
    r->sink_weight = r->sink ? vs_exp(*r->sink - max) : 0;
    r->sum = r->sink ? vs_dot_finish(lanes) + r->sink_weight : vs_dot_finish(lanes);
}

/* Keys that all rows of the tile see are taken together; first those that only the first rows see (windows move on), last
 * those that only the last ones see. Every row meets its keys in ascending order. */
static void tile_mix(const struct attend_job *j, const struct row *rows, unsigned n, const float *v)
{
    const struct vs_f_attention *a = j->a;
    const uint64_t from = rows[n - 1].from, to = rows[0].to;
    const float *weights[VS_TILE_TOKENS] = {NULL};
    float *out[VS_TILE_TOKENS] = {NULL};
    for (unsigned i = 0; i < n; i++) {
        weights[i] = rows[i].scores;
        out[i] = rows[i].out;
        for (uint64_t d = 0; d < a->v.dim; d++)
            out[i][d] = 0;
    }
    if (from >= to) {
        for (unsigned i = 0; i < n; i++)
            j->mix(weights + i, 1, v, a->v.token_stride, rows[i].from, rows[i].to, out + i, a->v.dim);
        return;
    }
    for (unsigned i = 0; i < n; i++)
        j->mix(weights + i, 1, v, a->v.token_stride, rows[i].from, from, out + i, a->v.dim);
    j->mix(weights, n, v, a->v.token_stride, from, to, out, a->v.dim);
    for (unsigned i = 0; i < n; i++)
        j->mix(weights + i, 1, v, a->v.token_stride, to, rows[i].to, out + i, a->v.dim);
}

VS_BODY double sum_error(const struct row *r)
{
    double lanes[VS_SQUARE_LANES] = {0};
    for (uint64_t k = r->from; k < r->to; k++)
        lanes[k % VS_SQUARE_LANES] += r->scores[k];
    const double e = fabs((vs_square_finish(lanes) + r->sink_weight) / r->sum - 1);
    return e == e ? e : INFINITY;
}

VS_BODY void finish_row(struct attend_job *j, struct row *r)
{
    for (uint64_t d = 0; d < j->a->v.dim; d++)
        r->out[d] = vs_quiet(r->out[d] / r->sum);
    if (j->a->row_sum_error) {
        const double e = sum_error(r);
        double *worst = &j->worst[vs_pool_self()];
        *worst = e > *worst ? e : *worst;
    }
}

VS_BODY void attend_block(struct attend_job *j, uint64_t kv, uint64_t begin, uint64_t end)
{
    const struct vs_f_attention *a = j->a;
    const float *k = a->k.data + j->span->k_begin * a->k.token_stride + kv * a->k.head_stride;
    const float *v = a->v.data + j->span->k_begin * a->v.token_stride + kv * a->v.head_stride;
    float *scores = a->scores + vs_pool_self() * j->thread_scores;
    for (uint64_t at = begin; at < end; at += VS_TILE_TOKENS) {
        const unsigned n = end - at < VS_TILE_TOKENS ? (unsigned)(end - at) : VS_TILE_TOKENS;
        struct row rows[VS_TILE_TOKENS] = {{0}};
        for (unsigned i = 0; i < n; i++)
            rows[i] = row_of(j, kv, at + i, scores + i * j->scores_stride);
        tile_scores(j, rows, n, k);
        for (unsigned i = 0; i < n; i++)
            soften(a, &rows[i]);
        tile_mix(j, rows, n, v);
        for (unsigned i = 0; i < n; i++)
            finish_row(j, &rows[i]);
    }
}

VS_BODY void attend_body(const void *job, uint64_t begin, uint64_t end)
{
    struct attend_job *j = (struct attend_job *)(uintptr_t)job;
    const uint64_t rows = j->span->q_count * j->group;
    for (uint64_t i = begin; i < end; i++) {
        const uint64_t first = i % j->blocks * j->block_rows, left = rows - first;
        attend_block(j, i / j->blocks, first, left < j->block_rows ? rows : first + j->block_rows);
    }
}
VS_CPU_KERNEL(attend)

static uint64_t longest(const struct vs_f_attention *a)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < a->span_count; i++)
        n = a->spans[i].k_count > n ? a->spans[i].k_count : n;
    return (n + 15) / 16 * 16;
}

uint64_t vs_cpu_attention_scores(struct vs_dev *dev, const struct vs_f_attention *a)
{
    return ((const struct vs_cpu *)dev)->threads * VS_TILE_TOKENS * longest(a);
}

/* Large blocks for prompts; for single tokens so small that every thread gets some. */
static uint64_t block_rows(uint64_t rows, uint64_t kv_heads, unsigned threads)
{
    const uint64_t share = (rows * kv_heads + 2 * threads - 1) / (2 * threads), tiles = (share + VS_TILE_TOKENS - 1) / VS_TILE_TOKENS;
    if (share < VS_TILE_TOKENS)
        return share;
    return tiles * VS_TILE_TOKENS < BLOCK_ROWS ? tiles * VS_TILE_TOKENS : BLOCK_ROWS;
}

enum vs_code vs_cpu_attend(struct vs_dev *dev, const struct vs_f_attention *a, struct vs_err *err)
{
    const struct vs_cpu *cpu = (const struct vs_cpu *)dev;
    struct attend_job job = {.a = a, .group = a->q.heads / a->k.heads, .scores_stride = longest(a), .dots = vs_cpu_dots[cpu->level],
                             .mix = vs_cpu_mix[cpu->level]};
    job.thread_scores = VS_TILE_TOKENS * job.scores_stride;
    for (uint32_t i = 0; i < a->span_count; i++) {
        const uint64_t rows = a->spans[i].q_count * job.group;
        if (!rows)
            continue;
        job.span = &a->spans[i];
        job.block_rows = block_rows(rows, a->k.heads, cpu->threads);
        job.blocks = (rows + job.block_rows - 1) / job.block_rows;
        vs_cpu_for(dev, attend, &job, job.blocks * a->k.heads, 1);
    }
    for (unsigned t = 0; t < 64 && a->row_sum_error; t++)
        *a->row_sum_error = job.worst[t] > *a->row_sum_error ? job.worst[t] : *a->row_sum_error;
    return VS_OK;
}
