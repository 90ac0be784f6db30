/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of finished logits: the highest one, how many are not finite, how much of the mass each class has.
 */
#include "canon_f32.h"
#include "forward.h"

struct argmax_job { const float *logits; uint64_t m; const uint64_t *use; struct vs_k_max *out; };

/* Integers in the order of the floats: -0 equals 0, NaN lies below everything. */
VS_BODY int32_t order_key(uint32_t b)
{
    const uint32_t a = b & 0x7fffffff;
    const int32_t key = (int32_t)(b >> 31 ? ~a + 1 : a); /* 0 for both zeros */
    return a > 0x7f800000 ? INT32_MIN : key;
}

/* One word of the bitmap at a time. */
VS_BODY void argmax_word(const float *p, uint64_t at, uint32_t n, uint64_t use, int32_t *best, struct vs_k_max *r)
{
    int32_t top = INT32_MIN;
    uint32_t nan = 0, inf = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t b = VS_LOAD(uint32_t, p, at + i), a = b & 0x7fffffff;
        const bool in = use >> i & 1;
        const int32_t key = in ? order_key(b) : INT32_MIN;
        nan += in & (a > 0x7f800000);
        inf += in & (a == 0x7f800000);
        top = top > key ? top : key;
    }
    r->nan += nan;
    r->inf += inf;
    if (top <= *best)
        return;
    *best = top;
    for (uint32_t i = 0; i < n; i++)
        if (use >> i & 1 && order_key(VS_LOAD(uint32_t, p, at + i)) == top) {
            r->index = at + i;
            r->value = p[at + i];
            return;
        }
}

VS_BODY void argmax_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct argmax_job *j = job;
    for (uint64_t row = begin; row < end; row++) {
        struct vs_k_max r = {.index = UINT64_MAX};
        int32_t best = INT32_MIN;
        for (uint64_t at = 0; at < j->m; at += 64)
            argmax_word(j->logits + row * j->m, at, j->m - at < 64 ? (uint32_t)(j->m - at) : 64,
                        j->use ? j->use[at / 64] : UINT64_MAX, &best, &r);
        j->out[row] = r;
    }
}
VS_CPU_KERNEL(argmax)

enum vs_code vs_cpu_argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                           struct vs_k_max *out, struct vs_err *err)
{
    const struct argmax_job job = {logits, m, use, out};
    vs_cpu_for(dev, argmax, &job, n, 1);
    return VS_OK;
}

/* ---- the id to write ---- */

#define PIECES 64u

struct choose_job { const float *logits; uint64_t n, first, step; const uint8_t *row_class; struct vs_f_best *out; }; /* step: of a piece */

VS_BODY uint64_t eligible_word(const uint8_t *row_class, uint32_t n)
{
    uint64_t use = 0;
    for (uint32_t i = 0; i < n; i++)
        use |= (uint64_t)(row_class[i] <= VS_F_NEW) << i;
    return use;
}

VS_BODY void choose_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct choose_job *j = job;
    for (uint64_t p = begin; p < end; p++) {
        const uint64_t to = j->n - p * j->step < j->step ? j->n : (p + 1) * j->step;
        struct vs_k_max r = {.index = UINT64_MAX};
        int32_t best = INT32_MIN;
        for (uint64_t at = p * j->step; at < to; at += 64) {
            const uint32_t n = to - at < 64 ? (uint32_t)(to - at) : 64;
            argmax_word(j->logits, at, n, eligible_word(j->row_class + at, n), &best, &r);
        }
        j->out[p] = (struct vs_f_best){r.index == UINT64_MAX ? UINT64_MAX : j->first + r.index, r.value};
    }
}
VS_CPU_KERNEL(choose)

enum vs_code vs_cpu_choose(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                           const uint8_t *row_class, struct vs_f_best *best, struct vs_err *err)
{
    struct vs_f_best parts[PIECES];
    const uint64_t step = (n + 64 * PIECES - 1) / (64 * PIECES) * 64, count = (n + step - 1) / step;
    for (uint64_t row = 0; row < m; row++) {
        const struct choose_job job = {logits + row * stride, n, first, step, row_class, parts};
        vs_cpu_for(dev, choose, &job, count, 1);
        for (uint64_t p = 0; p < count; p++)
            vs_best_add(&best[row], parts[p]);
    }
    return VS_OK;
}

/* ---- classes of rows ---- */

struct tile_job { const float *logits; uint64_t stride, n, first; const uint8_t *row_class; struct vs_f_logit_stats *out; };

#define LANES VS_SQUARE_LANES

/* Counts and the highest logit of each class. */
VS_BODY void tile_max(const struct tile_job *j, const float *x, struct vs_f_logit_stats *s)
{
    for (uint64_t i = 0; i < j->n; i++) {
        struct vs_f_logit_class *c = &s->of[j->row_class[i]];
        const uint32_t a = vs_f32_bits(x[i]) & 0x7fffffff;
        c->nan += a > 0x7f800000;
        c->inf += a == 0x7f800000;
        if (a <= 0x7f800000 && (c->count < c->nan + 1 || x[i] > c->max)) {
            c->max = x[i];
            c->id = j->first + i;
        }
        c->count++;
    }
}

/* Adding the zero of another class changes no lane: all lanes are at least +0. */
VS_BODY void tile_chunk(const struct tile_job *j, const float *x, uint64_t at, uint64_t n, uint32_t c, float max, double *lanes)
{
    for (uint64_t l = 0; l < n; l++) {
        const float e = vs_exp_below(x[at + l], max);
        lanes[l] += j->row_class[at + l] == c && x[at + l] == x[at + l] ? e : 0.0f;
    }
}

VS_BODY double tile_sum(const struct tile_job *j, const float *x, uint32_t c, float max)
{
    double lanes[LANES] = {0};
    uint64_t at = 0;
    for (; j->n - at >= LANES; at += LANES)
        tile_chunk(j, x, at, LANES, c, max, lanes);
    tile_chunk(j, x, at, j->n - at, c, max, lanes);
    return vs_square_finish(lanes);
}

VS_BODY void logit_tile_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct tile_job *j = job;
    for (uint64_t row = begin; row < end; row++) {
        const float *x = j->logits + row * j->stride;
        struct vs_f_logit_stats s = {0};
        tile_max(j, x, &s);
        for (uint32_t c = 0; c < VS_F_CLASSES; c++)
            if (s.of[c].count > s.of[c].nan)
                s.of[c].sum_exp = tile_sum(j, x, c, s.of[c].max);
        vs_logits_add_tile(&j->out[row], &s);
    }
}
VS_CPU_KERNEL(logit_tile)

enum vs_code vs_cpu_logit_tile(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                               const uint8_t *row_class, struct vs_f_logit_stats *stats, struct vs_err *err)
{
    const struct tile_job job = {logits, stride, n, first, row_class, stats};
    vs_cpu_for(dev, logit_tile, &job, m, 1);
    return VS_OK;
}
