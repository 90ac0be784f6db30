/* SPDX-License-Identifier: Apache-2.0
 *
 * Every kernel as its contract reads in vs_kernels.h and canon.h: one value at a time, no tiles, no threads, no tricks.
 * This is what every backend is compared with, bit for bit.
 */
#include <stdlib.h>
#include "checks.h"
#include "canon.h"
#include "rng.h"

static void close_reference(struct vs_dev *dev)
{
    free(dev);
}

static bool legal(const struct vs_rows *w, int64_t id, const struct vs_k_range *ranges, uint32_t range_count)
{
    if (id < 0 || (uint64_t)id >= w->total)
        return false;
    for (uint32_t r = 0; r < range_count; r++)
        if ((uint64_t)id >= ranges[r].begin && (uint64_t)id < ranges[r].end)
            return true;
    return false;
}

static enum vs_code gather(struct vs_dev *dev, const struct vs_rows *w, const int64_t *ids, uint64_t n,
                           const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                           uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err)
{
    uint64_t found = 0;
    for (uint64_t i = 0; i < n; i++) {
        const bool ok = legal(w, ids[i], ranges, range_count);
        const bool here = ok && (uint64_t)ids[i] >= w->first && (uint64_t)ids[i] < w->first + w->count;
        if (!ok && bad_count) {
            if (found < bad_cap)
                bad[found] = (struct vs_k_bad){i, ids[i]};
            found++;
        }
        for (uint64_t c = 0; c < w->cols && out; c++)
            if (!ok)
                vs_store_uint32_t(out, i * w->cols + c, VS_NAN_F32);
            else if (here)
                out[i * w->cols + c] = vs_get_f32(w->data, w->dtype, ((uint64_t)ids[i] - w->first) * w->cols + c);
    }
    if (bad_count)
        *bad_count = found;
    return VS_OK;
}

static struct vs_k_row one_row(const struct vs_rows *w, uint64_t row)
{
    const uint64_t bytes = w->cols * vs_float_size(w->dtype);
    struct vs_k_row r = {0};
    double lanes[VS_SQUARE_LANES] = {0}, max = 0;
    uint64_t hash = 0;
    for (uint64_t c = 0; c < w->cols; c++) {
        const double x = fabs(vs_get_f64(w->data, w->dtype, row * w->cols + c));
        r.nan += isnan(x) != 0;
        r.inf += isinf(x) != 0;
        if (isfinite(x)) {
            lanes[c % VS_SQUARE_LANES] = fma(x, x, lanes[c % VS_SQUARE_LANES]);
            max = x > max ? x : max;
        }
    }
    for (uint64_t i = 0; i < bytes; i += 8) {
        uint64_t word = 0;
        for (uint64_t b = i; b < i + 8 && b < bytes; b++)
            word |= (uint64_t)((const unsigned char *)w->data)[row * bytes + b] << 8 * (b - i);
        hash += vs_hash_word(word, i / 8);
    }
    for (int half = 64; half; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    r.max_abs = (float)max;
    r.sum_squares = lanes[0];
    r.hash = vs_hash_finish(hash, bytes);
    return r;
}

static enum vs_code row_stats(struct vs_dev *dev, const struct vs_rows *w, struct vs_k_row *out, struct vs_err *err)
{
    for (uint64_t r = 0; r < w->count; r++)
        out[r] = one_row(w, r);
    return VS_OK;
}

static enum vs_code column_sums(struct vs_dev *dev, const struct vs_rows *w, const uint64_t *use, const double *center,
                                double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err)
{
    for (uint64_t r = 0; r < w->count; r++) {
        const uint64_t row = w->first + r;
        bool ok = !use || (use[row / 64] >> row % 64 & 1);
        for (uint64_t c = 0; c < w->cols; c++)
            ok = ok && isfinite(vs_get_f64(w->data, w->dtype, r * w->cols + c));
        *rows_added += ok;
        for (uint64_t c = 0; c < w->cols && ok; c++) {
            const double x = vs_get_f64(w->data, w->dtype, r * w->cols + c), d = center ? x - center[c] : x;
            sum[c] += x;
            if (sum_squares)
                sum_squares[c] = fma(d, d, sum_squares[c]);
        }
    }
    return VS_OK;
}

static enum vs_code affine_noise(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                                 const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err)
{
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < cols; c++) {
            double z[2] = {0, 0};
            if (scale)
                vs_normal_pair(keys[r], c / 2, &z[0], &z[1]);
            vs_put_f64(out, dtype, r * cols + c, scale ? fma(scale[c], z[c % 2], shift[c]) : shift[c]);
        }
    return VS_OK;
}

static enum vs_code combine(struct vs_dev *dev, const struct vs_rows *w, const uint64_t *starts, const uint64_t *pieces,
                            const double *weights, uint64_t rows, void *out, struct vs_err *err)
{
    for (uint64_t r = 0; r < rows; r++)
        for (uint64_t c = 0; c < w->cols; c++) {
            double sum = 0;
            for (uint64_t p = starts[r]; p < starts[r + 1]; p++) {
                const double x = vs_get_f64(w->data, w->dtype, (pieces[p] - w->first) * w->cols + c);
                if (weights)
                    sum = p == starts[r] ? weights[p] * x : fma(weights[p], x, sum);
                else
                    sum = p == starts[r] ? x : sum + x;
            }
            vs_put_f64(out, w->dtype, r * w->cols + c, weights ? sum : sum / (double)(starts[r + 1] - starts[r]));
        }
    return VS_OK;
}

static enum vs_code head_probe(struct vs_dev *dev, const struct vs_rows *w, const float *hidden, uint64_t probes,
                               const float *bias, float *logits, struct vs_err *err)
{
    for (uint64_t p = 0; p < probes; p++)
        for (uint64_t r = 0; r < w->count; r++) {
            float lanes[16] = {0};
            for (uint64_t k = 0; k < w->cols; k++)
                lanes[k % 16] = fmaf(hidden[p * w->cols + k], vs_get_f32(w->data, w->dtype, r * w->cols + k), lanes[k % 16]);
            for (int half = 8; half; half /= 2)
                for (int l = 0; l < half; l++)
                    lanes[l] += lanes[l + half];
            logits[p * w->count + r] = vs_quiet(bias ? lanes[0] + bias[r] : lanes[0]);
        }
    return VS_OK;
}

static enum vs_code argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                           struct vs_k_max *out, struct vs_err *err)
{
    for (uint64_t i = 0; i < n; i++) {
        struct vs_k_max r = {.index = UINT64_MAX};
        for (uint64_t k = 0; k < m; k++) {
            const float x = logits[i * m + k];
            if (use && !(use[k / 64] >> k % 64 & 1))
                continue;
            r.nan += isnan(x) != 0;
            r.inf += isinf(x) != 0;
            if (!isnan(x) && (r.index == UINT64_MAX || x > r.value)) {
                r.index = k;
                r.value = x;
            }
        }
        out[i] = r;
    }
    return VS_OK;
}

static const struct vs_backend backend = {close_reference, gather, row_stats, column_sums, affine_noise, combine, head_probe, argmax};

struct vs_dev *reference_open(void)
{
    struct vs_dev *dev = calloc(1, sizeof *dev);
    if (dev)
        *dev = (struct vs_dev){.backend = &backend, .forward = &reference_forward, .kind = VS_DEV_CPU, .name = "reference"};
    return dev;
}
