/* SPDX-License-Identifier: Apache-2.0
 *
 * Statistics of each row, and sums of each column.
 */
#include "canon.h"
#include "cpu.h"

/* ---- rows ---- */

struct stats_job { const struct vs_rows *w; struct vs_k_row *out; };

VS_BODY uint64_t hash_row(const void *row, uint64_t bytes)
{
    uint64_t sum = 0, tail = 0;
    for (uint64_t i = 0; i < bytes / 8; i++)
        sum += vs_hash_word(VS_LOAD(uint64_t, row, i), i);
    if (bytes % 8) {
        memcpy(&tail, (const char *)row + bytes / 8 * 8, bytes % 8);
        sum += vs_hash_word(tail, bytes / 8);
    }
    return vs_hash_finish(sum, bytes);
}

/* Up to VS_SQUARE_LANES values: n is a constant in all calls but the last one of a row. */
VS_BODY void stats_block(const void *row, enum vs_dtype dtype, uint64_t k, uint32_t n, double *lanes, uint32_t *counts, uint32_t *max)
{
    uint32_t nan = 0, inf = 0, top = *max;
    for (uint32_t l = 0; l < n; l++) {
        const uint32_t a = vs_f32_bits(vs_get_f32(row, dtype, k + l)) & 0x7fffffff;
        const uint32_t finite = a < 0x7f800000 ? a : 0;
        const double v = vs_bits_f32(finite);
        lanes[l] = vs_fma(v, v, lanes[l]);
        top = top > finite ? top : finite;
        nan += a > 0x7f800000;
        inf += a == 0x7f800000;
    }
    counts[0] += nan;
    counts[1] += inf;
    *max = top;
}

VS_BODY void stats_block_f64(const void *row, uint64_t k, uint32_t n, double *lanes, uint32_t *counts, uint64_t *max)
{
    for (uint32_t l = 0; l < n; l++) {
        const uint64_t a = VS_LOAD(uint64_t, row, k + l) & 0x7fffffffffffffff;
        const uint64_t finite = a < 0x7ff0000000000000 ? a : 0;
        const double v = vs_bits_f64(finite);
        lanes[l] = vs_fma(v, v, lanes[l]);
        *max = *max > finite ? *max : finite;
        counts[0] += a > 0x7ff0000000000000;
        counts[1] += a == 0x7ff0000000000000;
    }
}

VS_BODY struct vs_k_row stats_row(const void *row, enum vs_dtype dtype, uint64_t cols)
{
    double lanes[VS_SQUARE_LANES] = {0};
    uint32_t counts[2] = {0}, max = 0;
    uint64_t max64 = 0, k = 0;
    if (dtype == VS_F64) {
        for (; cols - k >= VS_SQUARE_LANES; k += VS_SQUARE_LANES)
            stats_block_f64(row, k, VS_SQUARE_LANES, lanes, counts, &max64);
        stats_block_f64(row, k, (uint32_t)(cols - k), lanes, counts, &max64);
    } else {
        for (; cols - k >= VS_SQUARE_LANES; k += VS_SQUARE_LANES)
            stats_block(row, dtype, k, VS_SQUARE_LANES, lanes, counts, &max);
        stats_block(row, dtype, k, (uint32_t)(cols - k), lanes, counts, &max);
    }
    struct vs_k_row r = {.nan = counts[0], .inf = counts[1]};
    r.max_abs = dtype == VS_F64 ? vs_f64_to_f32(vs_bits_f64(max64)) : vs_bits_f32(max);
    r.sum_squares = vs_square_finish(lanes);
    r.hash = hash_row(row, cols * vs_float_size(dtype));
    return r;
}

VS_BODY void row_stats_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct stats_job *j = job;
    const uint64_t cols = j->w->cols, row_bytes = cols * vs_float_size(j->w->dtype);
    for (uint64_t r = begin; r < end; r++) {
        const char *row = (const char *)j->w->data + r * row_bytes;
        switch (j->w->dtype) {
        case VS_BF16: j->out[r] = stats_row(row, VS_BF16, cols); break;
        case VS_F16: j->out[r] = stats_row(row, VS_F16, cols); break;
        case VS_F32: j->out[r] = stats_row(row, VS_F32, cols); break;
        default: j->out[r] = stats_row(row, VS_F64, cols); break;
        }
    }
}
VS_CPU_KERNEL(row_stats)

enum vs_code vs_cpu_row_stats(struct vs_dev *dev, const struct vs_rows *window, struct vs_k_row *out, struct vs_err *err)
{
    const struct stats_job job = {window, out};
    vs_cpu_for(dev, row_stats, &job, window->count, 16);
    return VS_OK;
}

/* ---- columns ---- */

#define BLOCK_ROWS 1024u /* rows that are checked, then added while they are in the cache */

struct sums_job {
    const struct vs_rows *w;
    const uint64_t *use;
    uint64_t first;        /* of the block, in the window */
    bool *ok;              /* of each row in the block */
    const char **rows;     /* those to be added */
    uint32_t count;
    const double *center;
    double *sum, *squares;
};

VS_BODY bool all_finite(const char *row, enum vs_dtype dtype, uint64_t cols)
{
    uint32_t bad = 0;
    for (uint64_t c = 0; c < cols; c++) {
        if (dtype == VS_BF16)
            bad |= (VS_LOAD(uint16_t, row, c) & 0x7f80) == 0x7f80;
        else if (dtype == VS_F16)
            bad |= (VS_LOAD(uint16_t, row, c) & 0x7c00) == 0x7c00;
        else if (dtype == VS_F32)
            bad |= (VS_LOAD(uint32_t, row, c) & 0x7f800000) == 0x7f800000;
        else
            bad |= (VS_LOAD(uint64_t, row, c) & 0x7ff0000000000000) == 0x7ff0000000000000;
    }
    return !bad;
}

VS_BODY void finite_rows_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct sums_job *j = job;
    const uint64_t cols = j->w->cols, row_bytes = cols * vs_float_size(j->w->dtype);
    for (uint64_t r = begin; r < end; r++) {
        const uint64_t at = j->first + r, row = j->w->first + at;
        const char *p = (const char *)j->w->data + at * row_bytes;
        bool ok = !j->use || (j->use[row / 64] >> row % 64 & 1);
        if (ok)
            switch (j->w->dtype) {
            case VS_BF16: ok = all_finite(p, VS_BF16, cols); break;
            case VS_F16: ok = all_finite(p, VS_F16, cols); break;
            case VS_F32: ok = all_finite(p, VS_F32, cols); break;
            default: ok = all_finite(p, VS_F64, cols); break;
            }
        j->ok[r] = ok;
    }
}
VS_CPU_KERNEL(finite_rows)

VS_BODY void add_rows(const struct sums_job *j, enum vs_dtype dtype, uint64_t begin, uint64_t end)
{
    double *restrict sum = j->sum;
    uint32_t r = 0;
    for (; r + 4 <= j->count; r += 4) /* four rows for one load and store of the sums */
        for (uint64_t c = begin; c < end; c++)
            sum[c] = (((sum[c] + vs_get_f64(j->rows[r], dtype, c)) + vs_get_f64(j->rows[r + 1], dtype, c)) +
                      vs_get_f64(j->rows[r + 2], dtype, c)) + vs_get_f64(j->rows[r + 3], dtype, c);
    for (; r < j->count; r++)
        for (uint64_t c = begin; c < end; c++)
            sum[c] += vs_get_f64(j->rows[r], dtype, c);
}

VS_BODY void add_squares(const struct sums_job *j, enum vs_dtype dtype, uint64_t begin, uint64_t end)
{
    double *restrict squares = j->squares;
    for (uint32_t r = 0; r < j->count; r++) {
        const char *row = j->rows[r];
        if (j->center)
            for (uint64_t c = begin; c < end; c++) {
                const double d = vs_get_f64(row, dtype, c) - j->center[c];
                squares[c] = vs_fma(d, d, squares[c]);
            }
        else
            for (uint64_t c = begin; c < end; c++) {
                const double d = vs_get_f64(row, dtype, c);
                squares[c] = vs_fma(d, d, squares[c]);
            }
    }
}

VS_BODY void add_columns(const struct sums_job *j, enum vs_dtype dtype, uint64_t begin, uint64_t end)
{
    add_rows(j, dtype, begin, end);
    if (j->squares)
        add_squares(j, dtype, begin, end);
}

VS_BODY void columns_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct sums_job *j = job;
    switch (j->w->dtype) {
    case VS_BF16: add_columns(j, VS_BF16, begin, end); break;
    case VS_F16: add_columns(j, VS_F16, begin, end); break;
    case VS_F32: add_columns(j, VS_F32, begin, end); break;
    default: add_columns(j, VS_F64, begin, end); break;
    }
}
VS_CPU_KERNEL(columns)

enum vs_code vs_cpu_column_sums(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *use, const double *center,
                                double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err)
{
    bool ok[BLOCK_ROWS];
    const char *rows[BLOCK_ROWS];
    const uint64_t row_bytes = window->cols * vs_float_size(window->dtype);
    struct sums_job job = {window, use, 0, ok, rows, 0, center, sum, sum_squares};
    uint64_t block = (1u << 20) / row_bytes;
    block = block < 16 ? 16 : block > BLOCK_ROWS ? BLOCK_ROWS : block;
    for (; job.first < window->count; job.first += block) {
        const uint64_t n = window->count - job.first < block ? window->count - job.first : block;
        vs_cpu_for(dev, finite_rows, &job, n, 8);
        job.count = 0;
        for (uint64_t r = 0; r < n; r++)
            if (ok[r])
                rows[job.count++] = (const char *)window->data + (job.first + r) * row_bytes;
        vs_cpu_for(dev, columns, &job, window->cols, 512);
        *rows_added += job.count;
    }
    return VS_OK;
}
