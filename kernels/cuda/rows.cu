/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole rows: range-checked gather, new rows from noise, new rows from other rows.
 */
#include <stdlib.h>
#include "cuda.h"
#include "rng.h"

/* ---- gather ---- */

#define BATCH_BYTES (16ull << 20) /* of gathered rows */
enum { GATHER_SKIP, GATHER_ROW, GATHER_BAD };

struct gather_args {
    struct vs_rows w;
    const int64_t *ids;
    uint64_t n, position;  /* of ids[0] in the caller's list */
    const struct vs_k_range *ranges;
    uint32_t range_count;
    uint8_t *state;        /* [n] */
    struct vs_k_bad *bad;  /* [n] */
    unsigned long long *bad_count, *touched;
    float *out;            /* [n][cols] */
};

/* Unsigned compares: no address is formed from an id that did not pass. */
VS_HD int gather_state(const struct gather_args *a, int64_t id)
{
    const uint64_t row = (uint64_t)id;
    int in_range = 0;
    for (uint32_t r = 0; r < a->range_count; r++)
        in_range |= row >= a->ranges[r].begin && row < a->ranges[r].end;
    if (!in_range || id < 0 || row >= a->w.total)
        return GATHER_BAD;
    return row >= a->w.first && row - a->w.first < a->w.count ? GATHER_ROW : GATHER_SKIP;
}

/* One thread per id. The count of offenders is exact, their order is not: the host sorts. */
VS_KERNEL(check_ids, struct gather_args)
{
    VS_BEGIN();
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += (uint64_t)gridDim.x * blockDim.x) {
        const int state = gather_state(&a, a.ids[i]);
        a.state[i] = (uint8_t)state;
        if (state != GATHER_SKIP)
            atomicAdd(a.touched, 1ull);
        if (state == GATHER_BAD) {
            const uint64_t slot = atomicAdd(a.bad_count, 1ull);
            a.bad[slot].position = a.position + i;
            a.bad[slot].id = a.ids[i];
        }
    }
}

/* One block per id. */
VS_KERNEL(gather_rows, struct gather_args)
{
    VS_BEGIN();
    for (uint64_t i = blockIdx.x; i < a.n; i += gridDim.x) {
        const int state = a.state[i];
        if (state == GATHER_SKIP)
            continue;
        float *out = a.out + i * a.w.cols;
        const uint64_t row = state == GATHER_ROW ? (uint64_t)a.ids[i] - a.w.first : 0;
        for (uint64_t c = threadIdx.x; c < a.w.cols; c += blockDim.x)
            out[c] = state == GATHER_ROW ? vs_get_f32(a.w.data, a.w.dtype, row * a.w.cols + c) : vs_bits_f32(VS_NAN_F32);
    }
}

static int by_position(const void *x, const void *y)
{
    const uint64_t a = ((const struct vs_k_bad *)x)->position, b = ((const struct vs_k_bad *)y)->position;
    return a < b ? -1 : a > b;
}

/* What the caller of gather wants to know of offenders, over all batches. */
struct offenders { struct vs_k_bad *bad; uint64_t cap, found; };

/* counts: offenders, touched rows. Offenders of this batch come back through the bounce buffer, sorted by position. */
static enum vs_code take_offenders(struct vs_cuda *cuda, uint64_t n, struct offenders *o, struct vs_err *err)
{
    if (!n)
        return VS_OK;
    const uint64_t room = o->cap > o->found ? o->cap - o->found : 0;
    o->found += n;
    if (!room)
        return VS_OK;
    const enum vs_code code = vs_cuda_get(cuda, VS_SLOT_A, cuda->bounce, n * sizeof(struct vs_k_bad), err);
    if (code)
        return code;
    struct vs_k_bad *bad = (struct vs_k_bad *)cuda->bounce;
    qsort(bad, n, sizeof *bad, by_position);
    memcpy(o->bad + (o->found - n), bad, (n < room ? n : room) * sizeof *bad);
    return VS_OK;
}

/* Rows that were touched, and only those, reach the caller's memory. */
static enum vs_code take_rows(struct vs_cuda *cuda, const struct gather_args *a, float *out, struct vs_err *err)
{
    const uint64_t row_bytes = a->w.cols * sizeof *out;
    uint8_t *state = (uint8_t *)cuda->bounce;
    char *rows = (char *)cuda->bounce + (a->n + 15) / 16 * 16;
    enum vs_code code = vs_cuda_get(cuda, VS_SLOT_B, state, a->n, err);
    if (!code)
        code = vs_cuda_get(cuda, VS_SLOT_OUT, rows, a->n * row_bytes, err);
    for (uint64_t i = 0; i < a->n && !code; i++)
        if (state[i] != GATHER_SKIP)
            memcpy((char *)out + i * row_bytes, rows + i * row_bytes, row_bytes);
    return code;
}

static enum vs_code gather_batch(struct vs_cuda *cuda, struct gather_args *a, const int64_t *ids, float *out, struct offenders *o,
                                 struct vs_err *err)
{
    unsigned long long counts[2] = {0, 0};
    enum vs_code code = vs_cuda_put(cuda, VS_SLOT_IDS, ids, a->n * sizeof *ids, err);
    if (!code)
        code = vs_cuda_put(cuda, VS_SLOT_C, counts, sizeof counts, err);
    VS_LAUNCH(cuda, code, check_ids, vs_cuda_blocks(a->n, 256), 256, *a, err);
    if (!code)
        code = vs_cuda_get(cuda, VS_SLOT_C, counts, sizeof counts, err);
    if (!code && o)
        code = take_offenders(cuda, counts[0], o, err);
    if (code || !out || !counts[1])
        return code;
    VS_LAUNCH(cuda, code, gather_rows, vs_cuda_blocks(a->n, 1), 128, *a, err);
    return code ? code : take_rows(cuda, a, out, err);
}

static enum vs_code gather_room(struct vs_cuda *cuda, struct gather_args *a, uint64_t batch, bool rows, struct vs_err *err)
{
    const uint64_t out_bytes = rows ? batch * a->w.cols * sizeof(float) : 0, bad_bytes = batch * sizeof(struct vs_k_bad);
    const uint64_t bounce = batch + 16 + out_bytes;
    enum vs_code code = vs_cuda_room(cuda, VS_SLOT_IDS, batch * sizeof(int64_t), err);
    if (!code)
        code = vs_cuda_room(cuda, VS_SLOT_A, bad_bytes, err);
    if (!code)
        code = vs_cuda_room(cuda, VS_SLOT_B, batch, err);
    if (!code)
        code = vs_cuda_room(cuda, VS_SLOT_C, 2 * sizeof(unsigned long long), err);
    if (!code)
        code = vs_cuda_room(cuda, VS_SLOT_OUT, out_bytes, err);
    if (!code)
        code = vs_cuda_bounce(cuda, bounce > bad_bytes ? bounce : bad_bytes, err);
    a->ids = (const int64_t *)cuda->slots[VS_SLOT_IDS].p;
    a->ranges = (const struct vs_k_range *)cuda->slots[VS_SLOT_RANGES].p;
    a->bad = (struct vs_k_bad *)cuda->slots[VS_SLOT_A].p;
    a->state = (uint8_t *)cuda->slots[VS_SLOT_B].p;
    a->bad_count = (unsigned long long *)cuda->slots[VS_SLOT_C].p;
    a->touched = a->bad_count + 1;
    a->out = (float *)cuda->slots[VS_SLOT_OUT].p;
    return code;
}

enum vs_code vs_cuda_gather(struct vs_dev *dev, const struct vs_rows *window, const int64_t *ids, uint64_t n,
                            const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                            uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct offenders o = {bad, bad_cap, 0};
    const uint64_t out_row = window->cols * sizeof *out;
    const uint64_t most = out && out_row ? BATCH_BYTES / out_row + 1 : BATCH_BYTES / sizeof *ids;
    const uint64_t step = vs_cuda_chunk_rows(cuda, window->cols * vs_float_size(window->dtype));
    uint64_t at = 0;
    enum vs_code code = vs_cuda_put(cuda, VS_SLOT_RANGES, ranges, range_count * sizeof *ranges, err);
    do { /* once at least: ids are checked even where the window is empty */
        struct gather_args a;
        const uint64_t rows = window->count - at < step ? window->count - at : step;
        memset(&a, 0, sizeof a);
        a.range_count = range_count;
        a.w = *window;
        a.w.first = window->first + at;
        a.w.count = rows;
        if (!code && out)
            code = vs_cuda_rows(cuda, window, at, rows, &a.w, err);
        if (!code)
            code = gather_room(cuda, &a, n < most ? n : most, out != NULL, err);
        for (uint64_t i = 0; i < n && !code; i += a.n) {
            a.n = n - i < most ? n - i : most;
            a.position = i;
            code = gather_batch(cuda, &a, ids + i, out ? out + i * window->cols : NULL, !at && bad_count ? &o : NULL, err);
        }
        at += rows;
    } while (!code && out && at < window->count);
    if (bad_count)
        *bad_count = o.found;
    return code;
}

/* ---- shift + scale * noise ---- */

struct noise_args {
    const double *shift, *scale;
    uint64_t cols, pairs; /* pairs of columns in a row, the last one perhaps half */
    const struct vs_k_key *keys;
    uint64_t rows;
    enum vs_dtype dtype;
    void *out;
};

VS_KERNEL(noise, struct noise_args)
{
    VS_BEGIN();
    const uint64_t stride = (uint64_t)gridDim.x * blockDim.x;
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.rows * a.pairs; i += stride) {
        const uint64_t row = i / a.pairs, c = i % a.pairs * 2;
        double v[2];
        if (a.scale)
            vs_normal_pair(a.keys[row], c / 2, &v[0], &v[1]);
        for (uint64_t k = 0; k < 2 && c + k < a.cols; k++)
            vs_put_f64(a.out, a.dtype, row * a.cols + c + k, a.scale ? vs_fma(a.scale[c + k], v[k], a.shift[c + k]) : a.shift[c + k]);
    }
}

enum vs_code vs_cuda_affine_noise(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                                  const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const uint64_t row_bytes = cols * vs_float_size(dtype), step = vs_cuda_chunk_rows(cuda, row_bytes);
    enum vs_code code = vs_cuda_put(cuda, VS_SLOT_A, shift, cols * sizeof *shift, err);
    if (!code && scale)
        code = vs_cuda_put(cuda, VS_SLOT_B, scale, cols * sizeof *scale, err);
    for (uint64_t r = 0; r < rows && !code; r += step) {
        const uint64_t n = rows - r < step ? rows - r : step;
        struct noise_args a;
        code = vs_cuda_put(cuda, VS_SLOT_C, keys + r, n * sizeof *keys, err);
        if (!code)
            code = vs_cuda_room(cuda, VS_SLOT_OUT, n * row_bytes, err);
        a.shift = (const double *)cuda->slots[VS_SLOT_A].p;
        a.scale = scale ? (const double *)cuda->slots[VS_SLOT_B].p : NULL;
        a.cols = cols;
        a.pairs = (cols + 1) / 2;
        a.keys = (const struct vs_k_key *)cuda->slots[VS_SLOT_C].p;
        a.rows = n;
        a.dtype = dtype;
        a.out = cuda->slots[VS_SLOT_OUT].p;
        VS_LAUNCH(cuda, code, noise, vs_cuda_blocks(n * a.pairs, 256), 256, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_OUT, (char *)out + r * row_bytes, n * row_bytes, err);
    }
    return code;
}

/* ---- weighted sums of rows ---- */

struct combine_args {
    struct vs_rows w;
    const uint64_t *starts, *pieces; /* starts of these rows; pieces[0] is piece number base */
    const double *weights;
    uint64_t base, rows;
    void *out;
};

VS_HD double combine_one(const struct combine_args *a, uint64_t r, uint64_t c)
{
    const uint64_t begin = a->starts[r] - a->base, end = a->starts[r + 1] - a->base;
    double sum = 0;
    for (uint64_t p = begin; p < end; p++) {
        const double x = vs_get_f64(a->w.data, a->w.dtype, (a->pieces[p] - a->w.first) * a->w.cols + c);
        if (p == begin)
            sum = a->weights ? a->weights[p] * x : x;
        else
            sum = a->weights ? vs_fma(a->weights[p], x, sum) : sum + x;
    }
    return a->weights ? sum : sum / (double)(end - begin);
}

VS_KERNEL(combine, struct combine_args)
{
    VS_BEGIN();
    const uint64_t stride = (uint64_t)gridDim.x * blockDim.x;
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.rows * a.w.cols; i += stride)
        vs_put_f64(a.out, a.w.dtype, i, combine_one(&a, i / a.w.cols, i % a.w.cols));
}

/* The whole window is on the device at once, since a row may need any piece. */
enum vs_code vs_cuda_combine(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *starts, const uint64_t *piece_ids,
                             const double *weights, uint64_t rows, void *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const uint64_t row_bytes = window->cols * vs_float_size(window->dtype), step = vs_cuda_chunk_rows(cuda, row_bytes);
    struct combine_args a;
    enum vs_code code = vs_cuda_rows(cuda, window, 0, window->count, &a.w, err);
    for (uint64_t r = 0; r < rows && !code; r += a.rows) {
        a.rows = rows - r < step ? rows - r : step;
        a.base = starts[r];
        const uint64_t pieces = starts[r + a.rows] - a.base;
        code = vs_cuda_put(cuda, VS_SLOT_A, starts + r, (a.rows + 1) * sizeof *starts, err);
        if (!code)
            code = vs_cuda_put(cuda, VS_SLOT_B, piece_ids + a.base, pieces * sizeof *piece_ids, err);
        if (!code && weights)
            code = vs_cuda_put(cuda, VS_SLOT_C, weights + a.base, pieces * sizeof *weights, err);
        if (!code)
            code = vs_cuda_room(cuda, VS_SLOT_OUT, a.rows * row_bytes, err);
        a.starts = (const uint64_t *)cuda->slots[VS_SLOT_A].p;
        a.pieces = (const uint64_t *)cuda->slots[VS_SLOT_B].p;
        a.weights = weights ? (const double *)cuda->slots[VS_SLOT_C].p : NULL;
        a.out = cuda->slots[VS_SLOT_OUT].p;
        VS_LAUNCH(cuda, code, combine, vs_cuda_blocks(a.rows * window->cols, 256), 256, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_OUT, (char *)out + r * row_bytes, a.rows * row_bytes, err);
    }
    return code;
}
