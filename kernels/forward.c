/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks the arguments of the forward pass's operations once for every backend. Data on the device are not looked at.
 */
#include "backend.h"
#include "canon.h"
#include "mat.h"

#define FAR UINT32_MAX /* token counts, head counts and strides stay below it, so that products of two do not overflow */

bool vs_dev_shares(const struct vs_dev *dev)
{
    return dev->kind == VS_DEV_CPU;
}

bool vs_dev_ran_out(struct vs_dev *dev)
{
    const bool so = dev->ran_out;
    dev->ran_out = false;
    return so;
}

enum vs_code vs_dev_alloc(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err)
{
    *out = NULL;
    const enum vs_code code = vs_check_bytes(1, bytes, 1, err);
    return code ? code : dev->forward->alloc(dev, bytes, out, err);
}

void vs_dev_free(struct vs_dev *dev, void *p)
{
    if (p)
        dev->forward->free(dev, p);
}

enum vs_code vs_dev_memory(struct vs_dev *dev, uint64_t *free_bytes, uint64_t *total_bytes, struct vs_err *err)
{
    return dev->forward->memory(dev, free_bytes, total_bytes, err);
}

enum vs_code vs_dev_put(struct vs_dev *dev, void *dst, const void *host, uint64_t bytes, struct vs_err *err)
{
    return bytes ? dev->forward->put(dev, dst, host, bytes, err) : VS_OK;
}

enum vs_code vs_dev_get(struct vs_dev *dev, void *host, const void *src, uint64_t bytes, struct vs_err *err)
{
    return bytes ? dev->forward->get(dev, host, src, bytes, err) : dev->forward->wait(dev, err);
}

enum vs_code vs_dev_wait(struct vs_dev *dev, struct vs_err *err)
{
    return dev->forward->wait(dev, err);
}

enum vs_code vs_dev_reserve(struct vs_dev *dev, uint64_t cols, struct vs_err *err)
{
    const enum vs_code code = vs_check_bytes(1, cols, sizeof(float), err);
    return code ? code : dev->forward->reserve(dev, cols, err);
}

enum vs_code vs_dev_fast(struct vs_dev *dev, bool fast, struct vs_err *err)
{
    return dev->forward->fast(dev, fast, err);
}

/* ---- read-ahead ---- */

enum vs_code vs_dev_host_alloc(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err)
{
    *out = NULL;
    const enum vs_code code = vs_check_bytes(1, bytes, 1, err);
    return code ? code : dev->forward->host_alloc(dev, bytes, out, err);
}

void vs_dev_host_free(struct vs_dev *dev, void *p)
{
    if (p)
        dev->forward->host_free(dev, p);
}

static enum vs_code check_lane(unsigned lane, struct vs_err *err)
{
    return lane < 2 ? VS_OK : vs_fail(err, VS_EUSAGE, "read-ahead lane %u: there are 0 and 1", lane);
}

enum vs_code vs_dev_send(struct vs_dev *dev, unsigned lane, void *dst, const void *host, uint64_t bytes, struct vs_err *err)
{
    const enum vs_code code = check_lane(lane, err);
    return code || !bytes ? code : dev->forward->send(dev, lane, dst, host, bytes, err);
}

enum vs_code vs_dev_arrived(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    const enum vs_code code = check_lane(lane, err);
    return code ? code : dev->forward->arrived(dev, lane, err);
}

enum vs_code vs_dev_used(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    const enum vs_code code = check_lane(lane, err);
    return code ? code : dev->forward->used(dev, lane, err);
}

enum vs_code vs_dev_sent(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    const enum vs_code code = check_lane(lane, err);
    return code ? code : dev->forward->sent(dev, lane, err);
}

/* ---- matrix product and norm ---- */

static enum vs_code check_mat(const struct vs_mat *w, struct vs_err *err)
{
    const uint64_t row_bytes = vs_mat_row_bytes(w);
    if (!row_bytes)
        return vs_fail(err, VS_EUNSUPPORTED, "weights of dtype %s with rows of %llu values: cannot be multiplied with",
                       vs_dtype_name(w->dtype), (unsigned long long)w->cols);
    if (!w->data || w->stride < row_bytes)
        return vs_fail(err, VS_EUSAGE, "weights: rows of %llu bytes every %llu bytes", (unsigned long long)row_bytes,
                       (unsigned long long)w->stride);
    return vs_check_bytes(w->rows, w->stride, 1, err);
}

enum vs_code vs_f_linear(struct vs_dev *dev, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                         const float *bias, float *y, uint64_t y_stride, struct vs_err *err)
{
    enum vs_code code = check_mat(w, err);
    if (!code && m > 1 && (x_stride < w->cols || y_stride < w->rows))
        code = vs_fail(err, VS_EUSAGE, "matrix product: rows of %llu and %llu values every %llu and %llu", (unsigned long long)w->cols,
                       (unsigned long long)w->rows, (unsigned long long)x_stride, (unsigned long long)y_stride);
    if (!code)
        code = vs_check_bytes(m, x_stride > y_stride ? x_stride : y_stride, sizeof *x, err);
    return code || !m || !w->rows ? code : dev->forward->linear(dev, w, x, x_stride, m, bias, y, y_stride, err);
}

enum vs_code vs_f_norm(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols,
                       const float *weight, const float *bias, double eps, float *y, struct vs_err *err)
{
    const enum vs_code code = vs_check_bytes(rows, cols, sizeof *x, err);
    return code || !rows || !cols ? code : dev->forward->norm(dev, kind, x, rows, cols, weight, bias, eps, y, err);
}

/* ---- attention ---- */

static enum vs_code check_heads(const char *name, const struct vs_f_heads *h, struct vs_err *err)
{
    if (!h->data || !h->heads || !h->dim || h->heads > FAR || h->dim > FAR || h->head_stride > FAR || h->token_stride > FAR)
        return vs_fail(err, VS_EUSAGE, "attention: %s: %llu heads of %llu values", name, (unsigned long long)h->heads,
                       (unsigned long long)h->dim);
    return VS_OK;
}

enum vs_code vs_f_rope(struct vs_dev *dev, const struct vs_f_heads *x, uint64_t tokens, const uint32_t *position,
                       const float *cos_sin, uint64_t pairs, bool interleaved, struct vs_err *err)
{
    enum vs_code code = check_heads("rotary", x, err);
    if (!code && (pairs > x->dim / 2 || tokens > FAR))
        code = vs_fail(err, VS_EUSAGE, "rotary: %llu pairs of heads of %llu values", (unsigned long long)pairs,
                       (unsigned long long)x->dim);
    return code || !tokens || !pairs ? code : dev->forward->rope(dev, x, tokens, position, cos_sin, pairs, interleaved, err);
}

static enum vs_code check_span(const struct vs_f_attention *a, uint32_t i, struct vs_err *err)
{
    const struct vs_f_span *s = &a->spans[i];
    if (s->q_count > UINT32_MAX - s->q_begin || s->k_count > UINT32_MAX - s->k_begin)
        return vs_fail(err, VS_EUSAGE, "attention: span %u runs past 2^32 tokens", i);
    if (s->q_count && (!s->k_count || (a->causal && s->k_count < s->q_count)))
        return vs_fail(err, VS_EUSAGE, "attention: span %u: %u queries, %u keys", i, s->q_count, s->k_count);
    return VS_OK;
}

static enum vs_code check_attention(const struct vs_f_attention *a, struct vs_err *err)
{
    enum vs_code code = check_heads("queries", &a->q, err);
    if (!code)
        code = check_heads("keys", &a->k, err);
    if (!code)
        code = check_heads("values", &a->v, err);
    if (!code && (a->k.heads != a->v.heads || a->q.heads % a->k.heads || a->q.dim != a->k.dim))
        code = vs_fail(err, VS_EUSAGE, "attention: %llu query heads of %llu values over %llu key heads of %llu and %llu value heads",
                       (unsigned long long)a->q.heads, (unsigned long long)a->q.dim, (unsigned long long)a->k.heads,
                       (unsigned long long)a->k.dim, (unsigned long long)a->v.heads);
    if (!code && a->window && !a->causal)
        code = vs_fail(err, VS_EUSAGE, "attention: a window of %u keys without causal order", a->window);
    for (uint32_t i = 0; i < a->span_count && !code; i++)
        code = check_span(a, i, err);
    return code;
}

uint64_t vs_f_attention_scores(struct vs_dev *dev, const struct vs_f_attention *a)
{
    return dev->forward->attention_scores(dev, a);
}

enum vs_code vs_f_attend(struct vs_dev *dev, const struct vs_f_attention *a, struct vs_err *err)
{
    if (a->row_sum_error)
        *a->row_sum_error = 0;
    const enum vs_code code = check_attention(a, err);
    return code ? code : dev->forward->attend(dev, a, err);
}

/* ---- elementwise ---- */

enum vs_code vs_f_act(struct vs_dev *dev, enum vs_f_act act, const float *gate, const float *x, uint64_t n, float *y, struct vs_err *err)
{
    if (act == VS_F_SWIGLU_OAI && !gate)
        return vs_fail(err, VS_EUSAGE, "this activation needs a gate");
    return n ? dev->forward->act(dev, act, gate, x, n, y, err) : VS_OK;
}

enum vs_code vs_f_add(struct vs_dev *dev, float *x, const float *y, float scale, uint64_t n, struct vs_err *err)
{
    return n ? dev->forward->add(dev, x, y, scale, n, err) : VS_OK;
}

enum vs_code vs_f_scale(struct vs_dev *dev, float *x, float scale, float cap, uint64_t n, struct vs_err *err)
{
    return n ? dev->forward->scale(dev, x, scale, cap, n, err) : VS_OK;
}

enum vs_code vs_f_take(struct vs_dev *dev, const float *x, const uint32_t *rows, uint64_t n, uint64_t cols, float *out, struct vs_err *err)
{
    const enum vs_code code = vs_check_bytes(n, cols, sizeof *x, err);
    return code || !n || !cols ? code : dev->forward->take(dev, x, rows, n, cols, out, err);
}

enum vs_code vs_f_put_back(struct vs_dev *dev, float *x, const uint32_t *rows, const float *weights, const float *y, uint64_t n,
                           uint64_t cols, struct vs_err *err)
{
    const enum vs_code code = vs_check_bytes(n, cols, sizeof *x, err);
    return code || !n || !cols ? code : dev->forward->put_back(dev, x, rows, weights, y, n, cols, err);
}

/* ---- looking at results ---- */

enum vs_code vs_f_look(struct vs_dev *dev, const float *x, uint64_t n, struct vs_f_stats *out, struct vs_err *err)
{
    *out = (struct vs_f_stats){.hash = vs_hash_finish(0, 0)};
    return n ? dev->forward->look(dev, x, n, out, err) : dev->forward->wait(dev, err);
}

static enum vs_code check_rows(uint64_t m, uint64_t n, uint64_t stride, struct vs_err *err)
{
    if (m > 1 && stride < n)
        return vs_fail(err, VS_EUSAGE, "rows of %llu values every %llu", (unsigned long long)n, (unsigned long long)stride);
    return vs_check_bytes(m, stride > n ? stride : n, sizeof(float), err);
}

enum vs_code vs_f_logit_tile(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                             const uint8_t *row_class, struct vs_f_logit_stats *stats, struct vs_err *err)
{
    const enum vs_code code = check_rows(m, n, stride, err);
    return code || !m || !n ? code : dev->forward->logit_tile(dev, logits, stride, m, n, first, row_class, stats, err);
}

enum vs_code vs_f_choose(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                         const uint8_t *row_class, struct vs_f_best *best, struct vs_err *err)
{
    const enum vs_code code = check_rows(m, n, stride, err);
    return code || !m || !n ? code : dev->forward->choose(dev, logits, stride, m, n, first, row_class, best, err);
}

enum vs_code vs_f_compare(struct vs_dev *dev, const float *reference, uint64_t ref_stride, const float *x, uint64_t x_stride, uint64_t m,
                          uint64_t n, struct vs_f_diff *out, struct vs_err *err)
{
    enum vs_code code = check_rows(m, n, ref_stride, err);
    if (!code)
        code = check_rows(m, n, x_stride, err);
    return code || !m || !n ? code : dev->forward->compare(dev, reference, ref_stride, x, x_stride, m, n, out, err);
}
