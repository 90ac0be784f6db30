/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics of each row, and sums of each column.
 */
#include "cuda.h"

#define WARP 32u
#define ALL 0xffffffffu
#define ROWS_PER_BLOCK 8u /* one warp each */

/* Word number w of a row: 8 bytes, those past its end zero. A row whose bytes are no multiple of 8 may start anywhere
 * its elements may. */
VS_HD uint64_t row_word(const void *table, enum vs_dtype dtype, uint64_t cols, uint64_t row, uint64_t w)
{
    const uint32_t size = vs_float_size(dtype), per = 8 / size;
    const uint64_t at = row * cols + w * per, left = cols - w * per;
    uint64_t word = 0;
    if (cols % per == 0)
        return VS_LOAD(uint64_t, table, at / per);
    for (uint32_t i = 0; i < per && i < left; i++)
        word |= size == 2 ? (uint64_t)VS_LOAD(uint16_t, table, at + i) << 16 * i : (uint64_t)VS_LOAD(uint32_t, table, at + i) << 32 * i;
    return word;
}

/* ---- rows ---- */

struct stats_args { struct vs_rows w; struct vs_k_row *out; };

struct partial {
    double squares[4];
    uint64_t hash, max;
    uint32_t nan, inf;
};

VS_HD void partial_value(struct partial *p, uint32_t lane, enum vs_dtype dtype, uint64_t bits)
{
    if (dtype == VS_F64) {
        const uint64_t abs64 = bits & 0x7fffffffffffffff, finite = abs64 < 0x7ff0000000000000 ? abs64 : 0;
        const double v = vs_bits_f64(finite);
        p->squares[lane] = vs_fma(v, v, p->squares[lane]);
        p->max = p->max > finite ? p->max : finite;
        p->nan += abs64 > 0x7ff0000000000000;
        p->inf += abs64 == 0x7ff0000000000000;
        return;
    }
    const float x = dtype == VS_F32 ? vs_bits_f32((uint32_t)bits)
                  : dtype == VS_BF16 ? vs_bf16_to_f32((uint16_t)bits) : vs_f16_to_f32((uint16_t)bits);
    const uint32_t abs32 = vs_f32_bits(x) & 0x7fffffff, finite = abs32 < 0x7f800000 ? abs32 : 0;
    const double v = vs_bits_f32(finite);
    p->squares[lane] = vs_fma(v, v, p->squares[lane]);
    p->max = p->max > finite ? p->max : finite;
    p->nan += abs32 > 0x7f800000;
    p->inf += abs32 == 0x7f800000;
}

/* Each thread takes four neighbouring elements out of 128: lanes 4t .. 4t + 3 of the canonical sum, in whole words. */
VS_HD void partial_row(struct partial *p, const struct vs_rows *w, enum vs_dtype dtype, uint64_t row, uint32_t t)
{
    const uint32_t size = vs_float_size(dtype), per = 8 / size, width = 8 * size;
    const uint64_t words = (w->cols + per - 1) / per;
    for (uint64_t k = 4 * t; k < w->cols; k += VS_SQUARE_LANES)
        for (uint32_t i = 0; i < 4 / per; i++) {
            const uint64_t at = k / per + i;
            if (at >= words)
                continue;
            uint64_t word = row_word(w->data, dtype, w->cols, row, at);
            p->hash += vs_hash_word(word, at);
            for (uint32_t e = 0; e < per; e++) {
                if (at * per + e >= w->cols)
                    break;
                partial_value(p, i * per + e, dtype, word & (~0ull >> (64 - width)));
                word = width < 64 ? word >> (width & 63) : 0;
            }
        }
}

VS_KERNEL(row_stats, struct stats_args)
{
    VS_BEGIN();
    const uint32_t t = threadIdx.x % WARP;
    for (uint64_t row = (uint64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP; row < a.w.count; row += (uint64_t)gridDim.x * ROWS_PER_BLOCK) {
        struct partial p;
        memset(&p, 0, sizeof p);
#define CALL(T) partial_row(&p, &a.w, T, row, t)
        VS_FOR_DTYPE(a.w.dtype, CALL)
#undef CALL
        for (uint32_t half = WARP / 2; half; half /= 2) {
            for (int i = 0; i < 4; i++)
                p.squares[i] += __shfl_down_sync(ALL, p.squares[i], half);
            const uint64_t max = __shfl_down_sync(ALL, p.max, half);
            p.max = p.max > max ? p.max : max;
            p.hash += __shfl_down_sync(ALL, p.hash, half);
            p.nan += __shfl_down_sync(ALL, p.nan, half);
            p.inf += __shfl_down_sync(ALL, p.inf, half);
        }
        if (t)
            continue;
        struct vs_k_row out;
        out.nan = p.nan;
        out.inf = p.inf;
        out.max_abs = a.w.dtype == VS_F64 ? vs_f64_to_f32(vs_bits_f64(p.max)) : vs_bits_f32((uint32_t)p.max);
        out.sum_squares = (p.squares[0] + p.squares[2]) + (p.squares[1] + p.squares[3]);
        out.hash = vs_hash_finish(p.hash, a.w.cols * vs_float_size(a.w.dtype));
        a.out[row] = out;
    }
}

enum vs_code vs_cuda_row_stats(struct vs_dev *dev, const struct vs_rows *window, struct vs_k_row *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const uint64_t step = vs_cuda_chunk_rows(cuda, window->cols * vs_float_size(window->dtype));
    enum vs_code code = VS_OK;
    for (uint64_t at = 0; at < window->count && !code; at += step) {
        const uint64_t n = window->count - at < step ? window->count - at : step;
        struct stats_args a;
        code = vs_cuda_rows(cuda, window, at, n, &a.w, err);
        if (!code)
            code = vs_cuda_room(cuda, VS_SLOT_OUT, n * sizeof *out, err);
        a.out = (struct vs_k_row *)cuda->slots[VS_SLOT_OUT].p;
        VS_LAUNCH(cuda, code, row_stats, vs_cuda_blocks(n, ROWS_PER_BLOCK), WARP * ROWS_PER_BLOCK, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_OUT, out + at, n * sizeof *out, err);
    }
    return code;
}

/* ---- columns ---- */

#define AHEAD 8u /* loads in flight per column */

struct sums_args {
    struct vs_rows w;
    const uint64_t *use;  /* bitmap of the whole table, or NULL */
    const double *center;
    double *sum, *squares;
    uint8_t *ok;          /* [count]: rows to be added */
    unsigned long long *added;
};

VS_HD uint32_t not_finite(const void *table, enum vs_dtype dtype, uint64_t i)
{
    if (dtype == VS_F64)
        return (VS_LOAD(uint64_t, table, i) & 0x7ff0000000000000) == 0x7ff0000000000000;
    return (vs_f32_bits(vs_get_f32(table, dtype, i)) & 0x7f800000) == 0x7f800000;
}

/* One warp per row. */
VS_KERNEL(finite_rows, struct sums_args)
{
    VS_BEGIN();
    const uint32_t t = threadIdx.x % WARP;
    for (uint64_t row = (uint64_t)blockIdx.x * ROWS_PER_BLOCK + threadIdx.x / WARP; row < a.w.count; row += (uint64_t)gridDim.x * ROWS_PER_BLOCK) {
        const uint64_t table_row = a.w.first + row;
        uint32_t bad = 0;
        for (uint64_t c = t; c < a.w.cols; c += WARP)
            bad |= not_finite(a.w.data, a.w.dtype, row * a.w.cols + c);
        for (uint32_t half = WARP / 2; half; half /= 2)
            bad |= __shfl_down_sync(ALL, bad, half);
        if (t)
            continue;
        const bool ok = !bad && (!a.use || (a.use[table_row / 64] >> table_row % 64 & 1));
        a.ok[row] = ok;
        if (ok)
            atomicAdd(a.added, 1ull);
    }
}

/* One thread per column, rows ascending: the order of the additions is the order of the table. */
VS_HD void sum_column(const struct sums_args *a, enum vs_dtype dtype, uint64_t c)
{
    double sum = a->sum[c], squares = a->squares ? a->squares[c] : 0;
    const double center = a->center ? a->center[c] : 0;
    for (uint64_t r = 0; r < a->w.count; r += AHEAD) {
        double x[AHEAD];
        for (uint32_t i = 0; i < AHEAD; i++)
            x[i] = r + i < a->w.count ? vs_get_f64(a->w.data, dtype, (r + i) * a->w.cols + c) : 0;
        for (uint32_t i = 0; i < AHEAD; i++)
            if (r + i < a->w.count && a->ok[r + i]) {
                const double d = x[i] - center;
                sum += x[i];
                squares = vs_fma(d, d, squares);
            }
    }
    a->sum[c] = sum;
    if (a->squares)
        a->squares[c] = squares;
}

VS_KERNEL(column_sums, struct sums_args)
{
    VS_BEGIN();
    for (uint64_t c = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; c < a.w.cols; c += (uint64_t)gridDim.x * blockDim.x) {
#define CALL(T) sum_column(&a, T, c)
        VS_FOR_DTYPE(a.w.dtype, CALL)
#undef CALL
    }
}

static enum vs_code sums_room(struct vs_cuda *cuda, const struct vs_rows *w, uint64_t step, const uint64_t *use, const double *center,
                              const double *sum, const double *squares, struct vs_err *err)
{
    const uint64_t bytes = w->cols * sizeof *sum;
    static const unsigned long long zero = 0; /* CUDA may read pageable memory after the call */
    enum vs_code code = vs_cuda_put(cuda, VS_SLOT_A, sum, bytes, err);
    if (!code && squares)
        code = vs_cuda_put(cuda, VS_SLOT_B, squares, bytes, err);
    if (!code && center)
        code = vs_cuda_put(cuda, VS_SLOT_C, center, bytes, err);
    if (!code && use)
        code = vs_cuda_put(cuda, VS_SLOT_IDS, use, (w->total + 63) / 64 * sizeof *use, err);
    if (!code)
        code = vs_cuda_put(cuda, VS_SLOT_D, &zero, sizeof zero, err);
    return code ? code : vs_cuda_room(cuda, VS_SLOT_OUT, step, err);
}

enum vs_code vs_cuda_column_sums(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *use, const double *center,
                                 double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const uint64_t most = vs_cuda_chunk_rows(cuda, window->cols * vs_float_size(window->dtype));
    const uint64_t step = window->count < most ? window->count : most;
    unsigned long long added = 0;
    struct sums_args a;
    enum vs_code code = sums_room(cuda, window, step, use, center, sum, sum_squares, err);
    a.use = use ? (const uint64_t *)cuda->slots[VS_SLOT_IDS].p : NULL;
    a.center = center ? (const double *)cuda->slots[VS_SLOT_C].p : NULL;
    a.sum = (double *)cuda->slots[VS_SLOT_A].p;
    a.squares = sum_squares ? (double *)cuda->slots[VS_SLOT_B].p : NULL;
    a.ok = (uint8_t *)cuda->slots[VS_SLOT_OUT].p;
    a.added = (unsigned long long *)cuda->slots[VS_SLOT_D].p;
    for (uint64_t at = 0; at < window->count && !code; at += step) {
        code = vs_cuda_rows(cuda, window, at, window->count - at < step ? window->count - at : step, &a.w, err);
        VS_LAUNCH(cuda, code, finite_rows, vs_cuda_blocks(a.w.count, ROWS_PER_BLOCK), WARP * ROWS_PER_BLOCK, a, err);
        VS_LAUNCH(cuda, code, column_sums, vs_cuda_blocks(a.w.cols, WARP), WARP, a, err);
    }
    if (!code)
        code = vs_cuda_get(cuda, VS_SLOT_A, sum, window->cols * sizeof *sum, err);
    if (!code && sum_squares)
        code = vs_cuda_get(cuda, VS_SLOT_B, sum_squares, window->cols * sizeof *sum, err);
    if (!code)
        code = vs_cuda_get(cuda, VS_SLOT_D, &added, sizeof added, err);
    *rows_added += code ? 0 : added;
    return code;
}
