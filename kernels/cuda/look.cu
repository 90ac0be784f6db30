/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of finished activations and logits. Results come to the host through VS_SLOT_LOOK.
 */
#include "canon_f32.h"
#include "forward.h"

#define LANES ((uint32_t)VS_SQUARE_LANES)
#define WARP 32u
#define ALL 0xffffffffu

/* ---- look ---- */

struct look_args { const float *x; uint64_t n; unsigned long long *out; }; /* out: nan, inf, hash, bits of max_abs */

VS_KERNEL(look, struct look_args)
{
    VS_BEGIN();
    unsigned long long nan = 0, inf = 0, hash = 0, max = 0;
    for (uint64_t i = ((uint64_t)blockIdx.x * blockDim.x + threadIdx.x) * 2; i < a.n; i += (uint64_t)gridDim.x * blockDim.x * 2) {
        uint64_t word = 0;
        for (uint32_t e = 0; e < 2 && i + e < a.n; e++) {
            const uint32_t b = vs_f32_bits(a.x[i + e]), m = b & 0x7fffffff;
            word |= (uint64_t)b << 32 * e;
            nan += m > 0x7f800000;
            inf += m == 0x7f800000;
            max = m < 0x7f800000 && m > max ? m : max;
        }
        hash += vs_hash_word(word, i / 2);
    }
    for (uint32_t half = WARP / 2; half; half /= 2) {
        nan += __shfl_down_sync(ALL, nan, half);
        inf += __shfl_down_sync(ALL, inf, half);
        hash += __shfl_down_sync(ALL, hash, half);
        const unsigned long long other = __shfl_down_sync(ALL, max, half);
        max = other > max ? other : max;
    }
    if (threadIdx.x % WARP == 0) {
        atomicAdd(&a.out[0], nan);
        atomicAdd(&a.out[1], inf);
        atomicAdd(&a.out[2], hash);
        atomicMax(&a.out[3], max);
    }
}

enum vs_code vs_cuda_look(struct vs_dev *dev, const float *x, uint64_t n, struct vs_f_stats *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    unsigned long long sums[4] = {0, 0, 0, 0};
    const struct look_args a = {x, n, (unsigned long long *)cuda->slots[VS_SLOT_LOOK].p};
    const uint64_t blocks = vs_cuda_blocks(n, 1024);
    enum vs_code code = vs_cuda_put(cuda, VS_SLOT_LOOK, sums, sizeof sums, err);
    VS_LAUNCH(cuda, code, look, blocks < 1024 ? blocks : 1024, 256, a, err);
    if (!code)
        code = vs_cuda_get(cuda, VS_SLOT_LOOK, sums, sizeof sums, err);
    out->nan = sums[0];
    out->inf = sums[1];
    out->hash = vs_hash_finish(sums[2], n * sizeof *x);
    out->max_abs = vs_bits_f32((uint32_t)sums[3]);
    return code;
}

/* ---- compare: one block of 128 lanes a row ---- */

struct compare_args { const float *reference, *x; uint64_t ref_stride, x_stride, m, n; struct vs_f_diff *out; };

struct lane_diff { double squares, reference, max; uint64_t different, first; };

VS_HD struct lane_diff join(struct lane_diff p, struct lane_diff q)
{
    p.squares += q.squares;
    p.reference += q.reference;
    p.max = q.max > p.max ? q.max : p.max;
    p.different += q.different;
    p.first = q.first < p.first ? q.first : p.first;
    return p;
}

VS_HD struct lane_diff compare_lane(const struct compare_args *a, uint64_t row, uint32_t lane)
{
    struct lane_diff d = {0, 0, 0, 0, UINT64_MAX};
    for (uint64_t k = lane; k < a->n; k += LANES) {
        const float r = a->reference[row * a->ref_stride + k], x = a->x[row * a->x_stride + k];
        if (vs_f32_bits(r) != vs_f32_bits(x)) {
            d.different++;
            d.first = k < d.first ? k : d.first;
        }
        if ((vs_f32_bits(r) & 0x7f800000) == 0x7f800000 || (vs_f32_bits(x) & 0x7f800000) == 0x7f800000)
            continue;
        const double delta = (double)x - r;
        d.max = fabs(delta) > d.max ? fabs(delta) : d.max;
        d.squares = vs_fma(delta, delta, d.squares);
        d.reference = vs_fma(r, r, d.reference);
    }
    return d;
}

VS_KERNEL(compare, struct compare_args)
{
    VS_BEGIN();
    __shared__ struct lane_diff lanes[LANES];
    for (uint64_t row = blockIdx.x; row < a.m; row += gridDim.x) {
        __syncthreads(); /* lanes may still be read for the row before */
        lanes[threadIdx.x] = compare_lane(&a, row, threadIdx.x);
        __syncthreads();
        for (uint32_t half = LANES / 2; half; half /= 2) {
            if (threadIdx.x < half)
                lanes[threadIdx.x] = join(lanes[threadIdx.x], lanes[threadIdx.x + half]);
            __syncthreads();
        }
        if (threadIdx.x == 0) {
            struct vs_f_diff out;
            out.count = a.n;
            out.different = lanes[0].different;
            out.first = lanes[0].first;
            out.max_abs = lanes[0].max;
            out.sum_squares = lanes[0].squares;
            out.sum_reference = lanes[0].reference;
            a.out[row] = out;
        }
    }
}

enum vs_code vs_cuda_compare(struct vs_dev *dev, const float *reference, uint64_t ref_stride, const float *x, uint64_t x_stride,
                             uint64_t m, uint64_t n, struct vs_f_diff *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct vs_f_diff *rows = (struct vs_f_diff *)cuda->bounce;
    const uint64_t step = VS_LOOK_BYTES / sizeof *rows;
    enum vs_code code = VS_OK;
    for (uint64_t at = 0; at < m && !code; at += step) {
        const uint64_t count = m - at < step ? m - at : step;
        const struct compare_args a = {reference + at * ref_stride, x + at * x_stride, ref_stride, x_stride, count, n,
                                       (struct vs_f_diff *)cuda->slots[VS_SLOT_LOOK].p};
        VS_LAUNCH(cuda, code, compare, vs_cuda_blocks(count, 1), LANES, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_LOOK, rows, count * sizeof *rows, err);
        for (uint64_t r = 0; r < count && !code; r++)
            vs_diff_add_row(out, &rows[r], n);
    }
    return code;
}

/* ---- classes of logits: one block of 128 lanes a row ---- */

struct tile_args { const float *logits; uint64_t stride, m, n, first; const uint8_t *row_class; struct vs_f_logit_stats *out; };

struct top { float max; uint64_t at, count, nan, inf; }; /* at UINT64_MAX: nothing but NaN so far */

VS_HD struct top join_top(struct top p, struct top q)
{
    if (q.at != UINT64_MAX && (p.at == UINT64_MAX || q.max > p.max || (q.max == p.max && q.at < p.at))) {
        p.max = q.max;
        p.at = q.at;
    }
    p.count += q.count;
    p.nan += q.nan;
    p.inf += q.inf;
    return p;
}

VS_HD struct top top_lane(const struct tile_args *a, const float *x, uint32_t c, uint32_t lane)
{
    struct top t = {0, UINT64_MAX, 0, 0, 0};
    for (uint64_t k = lane; k < a->n; k += LANES)
        if (a->row_class[k] == c) {
            const uint32_t m = vs_f32_bits(x[k]) & 0x7fffffff;
            t.count++;
            t.nan += m > 0x7f800000;
            t.inf += m == 0x7f800000;
            if (m <= 0x7f800000 && (t.at == UINT64_MAX || x[k] > t.max)) {
                t.max = x[k];
                t.at = k;
            }
        }
    return t;
}

VS_HD double sum_lane(const struct tile_args *a, const float *x, uint32_t c, float max, uint32_t lane)
{
    double sum = 0;
    for (uint64_t k = lane; k < a->n; k += LANES)
        if (a->row_class[k] == c && x[k] == x[k])
            sum += vs_exp_below(x[k], max);
    return sum;
}

VS_DEVICE void tile_class(const struct tile_args *a, const float *x, uint32_t c, struct top *tops, double *lanes, struct vs_f_logit_class *out)
{
    tops[threadIdx.x] = top_lane(a, x, c, threadIdx.x);
    __syncthreads();
    for (uint32_t half = LANES / 2; half; half /= 2) {
        if (threadIdx.x < half)
            tops[threadIdx.x] = join_top(tops[threadIdx.x], tops[threadIdx.x + half]);
        __syncthreads();
    }
    const struct top t = tops[0];
    lanes[threadIdx.x] = t.at == UINT64_MAX ? 0 : sum_lane(a, x, c, t.max, threadIdx.x);
    __syncthreads();
    for (uint32_t half = LANES / 2; half; half /= 2) {
        if (threadIdx.x < half)
            lanes[threadIdx.x] += lanes[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        out->count = t.count;
        out->nan = t.nan;
        out->inf = t.inf;
        out->id = t.at == UINT64_MAX ? 0 : a->first + t.at;
        out->max = t.max;
        out->sum_exp = lanes[0];
    }
    __syncthreads(); /* tops and lanes are used again */
}

VS_KERNEL(logit_tile, struct tile_args)
{
    VS_BEGIN();
    __shared__ struct top tops[LANES];
    __shared__ double lanes[LANES];
    for (uint64_t row = blockIdx.x; row < a.m; row += gridDim.x)
        for (uint32_t c = 0; c < VS_F_CLASSES; c++)
            tile_class(&a, a.logits + row * a.stride, c, tops, lanes, &a.out[row].of[c]);
}

enum vs_code vs_cuda_logit_tile(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                                const uint8_t *row_class, struct vs_f_logit_stats *stats, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct vs_f_logit_stats *rows = (struct vs_f_logit_stats *)cuda->bounce;
    const uint64_t step = VS_LOOK_BYTES / sizeof *rows;
    enum vs_code code = VS_OK;
    for (uint64_t at = 0; at < m && !code; at += step) {
        const uint64_t count = m - at < step ? m - at : step;
        const struct tile_args a = {logits + at * stride, stride, count, n, first, row_class, (struct vs_f_logit_stats *)cuda->slots[VS_SLOT_LOOK].p};
        VS_LAUNCH(cuda, code, logit_tile, vs_cuda_blocks(count, 1), LANES, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_LOOK, rows, count * sizeof *rows, err);
        for (uint64_t r = 0; r < count && !code; r++)
            vs_logits_add_tile(&stats[at + r], &rows[r]);
    }
    return code;
}
