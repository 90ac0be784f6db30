/* SPDX-License-Identifier: Apache-2.0
 *
 * The forward pass's operations as vs_forward_kernels.h says them, one value at a time.
 */
#include <stdlib.h>
#include "checks.h"
#include "canon_f32.h"
#include "mat.h"

static enum vs_code linear(struct vs_dev *dev, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m, const float *bias,
                           float *y, uint64_t y_stride, struct vs_err *err)
{
    float *row = malloc(w->cols * sizeof *row); /* once for all tokens: there may be hundreds */
    if (!row)
        return vs_fail(err, VS_ENOMEM, "no memory for the reference itself");
    for (uint64_t r = 0; r < w->rows; r++) {
        for (uint64_t k = 0; k < w->cols; k++)
            row[k] = vs_mat_value(w, r, k);
        for (uint64_t i = 0; i < m; i++) {
            float lanes[16] = {0};
            for (uint64_t k = 0; k < w->cols; k++)
                lanes[k % 16] = fmaf(x[i * x_stride + k], row[k], lanes[k % 16]);
            const float dot = vs_dot_finish(lanes);
            y[i * y_stride + r] = vs_quiet(bias ? dot + bias[r] : dot);
        }
    }
    free(row);
    return VS_OK;
}

static enum vs_code norm(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols, const float *weight,
                         const float *bias, double eps, float *y, struct vs_err *err)
{
    for (uint64_t r = 0; r < rows; r++) {
        const float *in = x + r * cols;
        double sums[128] = {0}, squares[128] = {0}, mean = 0;
        for (uint64_t k = 0; k < cols; k++)
            sums[k % 128] += in[k];
        if (kind == VS_F_LAYER)
            mean = vs_square_finish(sums) / (double)cols;
        for (uint64_t k = 0; k < cols; k++)
            squares[k % 128] = fma(in[k] - mean, in[k] - mean, squares[k % 128]);
        const float factor = (float)(1 / sqrt(vs_square_finish(squares) / (double)cols + eps));
        for (uint64_t k = 0; k < cols; k++) {
            float v = (float)(in[k] - mean) * factor;
            v = weight ? v * weight[k] : v;
            y[r * cols + k] = vs_quiet(bias ? v + bias[k] : v);
        }
    }
    return VS_OK;
}

static enum vs_code rope(struct vs_dev *dev, const struct vs_f_heads *x, uint64_t tokens, const uint32_t *position, const float *cos_sin,
                         uint64_t pairs, bool interleaved, struct vs_err *err)
{
    for (uint64_t t = 0; t < tokens; t++)
        for (uint64_t h = 0; h < x->heads; h++)
            for (uint64_t i = 0; i < pairs; i++) {
                float *head = x->data + t * x->token_stride + h * x->head_stride;
                float *a = head + (interleaved ? 2 * i : i), *b = head + (interleaved ? 2 * i + 1 : i + pairs);
                const float *cs = cos_sin + (position[t] * pairs + i) * 2, first = fmaf(*a, cs[0], -(*b * cs[1]));
                *b = vs_quiet(fmaf(*b, cs[0], *a * cs[1]));
                *a = vs_quiet(first);
            }
    return VS_OK;
}

static bool allowed(const struct vs_f_attention *a, const struct vs_f_span *s, uint64_t query, uint64_t key)
{
    const uint64_t at = (uint64_t)s->k_count - s->q_count + query;
    return !a->causal || (key <= at && (!a->window || key + a->window > at));
}

static void attend_row(const struct vs_f_attention *a, const struct vs_f_span *s, uint64_t query, uint64_t head, float *p)
{
    const uint64_t kv = head / (a->q.heads / a->k.heads), n = s->k_count;
    float max = a->sinks ? a->sinks[head] : -INFINITY, lanes[16] = {0};
    double wide[128] = {0};
    for (uint64_t j = 0; j < n; j++) {
        float dots[16] = {0};
        for (uint64_t d = 0; d < a->q.dim; d++)
            dots[d % 16] = fmaf(a->q.data[(s->q_begin + query) * a->q.token_stride + head * a->q.head_stride + d],
                                a->k.data[(s->k_begin + j) * a->k.token_stride + kv * a->k.head_stride + d], dots[d % 16]);
        p[j] = vs_dot_finish(dots) * a->scale;
        if (a->softcap > 0)
            p[j] = vs_tanh(p[j] / a->softcap) * a->softcap;
        if (allowed(a, s, query, j) && p[j] > max)
            max = p[j];
    }
    for (uint64_t j = 0; j < n; j++)
        if (allowed(a, s, query, j)) {
            p[j] = vs_exp(p[j] - max);
            lanes[j % 16] += p[j];
            wide[j % 128] += p[j];
        }
    const float sink = a->sinks ? vs_exp(a->sinks[head] - max) : 0;
    const float sum = a->sinks ? vs_dot_finish(lanes) + sink : vs_dot_finish(lanes);
    for (uint64_t d = 0; d < a->v.dim; d++) {
        float acc = 0;
        for (uint64_t j = 0; j < n; j++)
            if (allowed(a, s, query, j))
                acc = fmaf(p[j], a->v.data[(s->k_begin + j) * a->v.token_stride + kv * a->v.head_stride + d], acc);
        a->out[((s->q_begin + query) * a->q.heads + head) * a->v.dim + d] = vs_quiet(acc / sum);
    }
    if (a->row_sum_error) {
        const double e = fabs((vs_square_finish(wide) + sink) / sum - 1);
        if (isnan(e) || e > *a->row_sum_error)
            *a->row_sum_error = isnan(e) ? INFINITY : e;
    }
}

static uint64_t attention_scores(struct vs_dev *dev, const struct vs_f_attention *a)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < a->span_count; i++)
        n = a->spans[i].k_count > n ? a->spans[i].k_count : n;
    return n;
}

static enum vs_code attend(struct vs_dev *dev, const struct vs_f_attention *a, struct vs_err *err)
{
    for (uint32_t i = 0; i < a->span_count; i++)
        for (uint64_t q = 0; q < a->spans[i].q_count; q++)
            for (uint64_t h = 0; h < a->q.heads; h++)
                attend_row(a, &a->spans[i], q, h, a->scores);
    return VS_OK;
}

static enum vs_code act(struct vs_dev *dev, enum vs_f_act kind, const float *gate, const float *x, uint64_t n, float *y, struct vs_err *err)
{
    for (uint64_t i = 0; i < n; i++)
        y[i] = vs_quiet(gate ? vs_act2(kind, gate[i], x[i]) : vs_act1(kind, x[i]));
    return VS_OK;
}

static enum vs_code add(struct vs_dev *dev, float *x, const float *y, float scale, uint64_t n, struct vs_err *err)
{
    for (uint64_t i = 0; i < n; i++)
        x[i] = vs_quiet(x[i] + y[i] * scale);
    return VS_OK;
}

static enum vs_code scale(struct vs_dev *dev, float *x, float factor, float cap, uint64_t n, struct vs_err *err)
{
    for (uint64_t i = 0; i < n; i++)
        x[i] = vs_quiet(cap > 0 ? vs_tanh(x[i] * factor / cap) * cap : x[i] * factor);
    return VS_OK;
}

static enum vs_code take_rows(struct vs_dev *dev, const float *x, const uint32_t *rows, uint64_t n, uint64_t cols, float *out, struct vs_err *err)
{
    for (uint64_t i = 0; i < n * cols; i++)
        out[i] = x[rows[i / cols] * cols + i % cols];
    return VS_OK;
}

static enum vs_code put_back(struct vs_dev *dev, float *x, const uint32_t *rows, const float *weights, const float *y, uint64_t n,
                             uint64_t cols, struct vs_err *err)
{
    for (uint64_t i = 0; i < n * cols; i++) {
        float *to = &x[rows[i / cols] * cols + i % cols];
        *to = vs_quiet(*to + y[i] * weights[i / cols]);
    }
    return VS_OK;
}

static enum vs_code look(struct vs_dev *dev, const float *x, uint64_t n, struct vs_f_stats *out, struct vs_err *err)
{
    uint64_t hash = 0;
    *out = (struct vs_f_stats){0};
    for (uint64_t i = 0; i < n; i++) {
        out->nan += isnan(x[i]) != 0;
        out->inf += isinf(x[i]) != 0;
        if (isfinite(x[i]) && fabsf(x[i]) > out->max_abs)
            out->max_abs = fabsf(x[i]);
    }
    for (uint64_t i = 0; i < n; i += 2)
        hash += vs_hash_word((uint64_t)(i + 1 < n ? vs_f32_bits(x[i + 1]) : 0) << 32 | vs_f32_bits(x[i]), i / 2);
    out->hash = vs_hash_finish(hash, n * 4);
    return VS_OK;
}

/* One class of one tile. */
static struct vs_f_logit_class tile_class(const float *x, uint64_t n, uint64_t first, const uint8_t *row_class, int c)
{
    struct vs_f_logit_class s = {0};
    double lanes[128] = {0};
    bool any = false;
    for (uint64_t i = 0; i < n; i++)
        if (row_class[i] == c) {
            s.count++;
            s.nan += isnan(x[i]) != 0;
            s.inf += isinf(x[i]) != 0;
            if (!isnan(x[i]) && (!any || x[i] > s.max)) {
                s.max = x[i];
                s.id = first + i;
                any = true;
            }
        }
    for (uint64_t i = 0; i < n; i++)
        if (row_class[i] == c && !isnan(x[i]))
            lanes[i % 128] += x[i] == s.max ? 1.0 : vs_exp(x[i] - s.max);
    s.sum_exp = vs_square_finish(lanes);
    return s;
}

static enum vs_code logit_tile(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                               const uint8_t *row_class, struct vs_f_logit_stats *stats, struct vs_err *err)
{
    for (uint64_t i = 0; i < m; i++)
        for (int c = 0; c < VS_F_CLASSES; c++) {
            const struct vs_f_logit_class t = tile_class(logits + i * stride, n, first, row_class, c);
            struct vs_f_logit_class *o = &stats[i].of[c];
            const bool had = o->count > o->nan, has = t.count > t.nan, better = has && (!had || t.max > o->max);
            if (has && better)
                o->sum_exp = t.sum_exp + (had ? o->sum_exp * vs_exp(o->max - t.max) : 0);
            else if (has)
                o->sum_exp += t.sum_exp * (t.max == o->max ? 1 : vs_exp(t.max - o->max));
            o->max = better ? t.max : o->max;
            o->id = better ? t.id : o->id;
            o->count += t.count;
            o->nan += t.nan;
            o->inf += t.inf;
        }
    return VS_OK;
}

static enum vs_code choose(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                           const uint8_t *row_class, struct vs_f_best *best, struct vs_err *err)
{
    for (uint64_t i = 0; i < m * n; i++) {
        const float x = logits[i / n * stride + i % n];
        struct vs_f_best *b = &best[i / n];
        const bool eligible = row_class[i % n] == VS_F_OLD || row_class[i % n] == VS_F_NEW;
        if (eligible && !isnan(x) && (b->id == UINT64_MAX || x > b->value))
            *b = (struct vs_f_best){first + i % n, x};
    }
    return VS_OK;
}

static enum vs_code compare(struct vs_dev *dev, const float *reference, uint64_t ref_stride, const float *x, uint64_t x_stride, uint64_t m,
                            uint64_t n, struct vs_f_diff *out, struct vs_err *err)
{
    for (uint64_t i = 0; i < m; i++) {
        double squares[128] = {0}, sums[128] = {0};
        for (uint64_t k = 0; k < n; k++) {
            const float a = reference[i * ref_stride + k], b = x[i * x_stride + k];
            if (vs_f32_bits(a) != vs_f32_bits(b)) {
                out->different++;
                out->first = out->first == UINT64_MAX ? out->count + k : out->first;
            }
            if (!isfinite(a) || !isfinite(b))
                continue;
            const double d = (double)b - a;
            out->max_abs = fabs(d) > out->max_abs ? fabs(d) : out->max_abs;
            squares[k % 128] = fma(d, d, squares[k % 128]);
            sums[k % 128] = fma(a, a, sums[k % 128]);
        }
        out->count += n;
        out->sum_squares += vs_square_finish(squares);
        out->sum_reference += vs_square_finish(sums);
    }
    return VS_OK;
}

const struct vs_forward reference_forward = {
    .linear = linear, .norm = norm, .rope = rope, .attention_scores = attention_scores, .attend = attend, .act = act, .add = add,
    .scale = scale, .take = take_rows, .put_back = put_back, .look = look, .logit_tile = logit_tile, .choose = choose, .compare = compare,
};
