/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of finished logits: the highest one, and how many are not finite.
 */
#include "forward.h"

#define THREADS 256u
#define PIECES 64u       /* of a row, at most, where an id is chosen */
#define PIECE_LEAST 2048u
#define PARTS 4096u      /* that come to the host at a time */

struct argmax_args { const float *logits; uint64_t n, m; const uint64_t *use; struct vs_k_max *out; };

struct best { int32_t key; uint64_t index, nan, inf; };

/* Integers in the order of the floats: -0 equals 0, NaN lies below everything. */
VS_HD int32_t order_key(uint32_t b)
{
    const uint32_t abs32 = b & 0x7fffffff;
    const int32_t key = b >> 31 ? -(int32_t)abs32 : (int32_t)abs32;
    return abs32 > 0x7f800000 ? INT32_MIN : key;
}

VS_HD struct best best_of(struct best x, struct best y)
{
    struct best r = y.key > x.key || (y.key == x.key && y.index < x.index) ? y : x;
    r.nan = x.nan + y.nan;
    r.inf = x.inf + y.inf;
    return r;
}

VS_HD struct best best_of_thread(const struct argmax_args *a, const float *row, uint32_t t)
{
    struct best r = {INT32_MIN, UINT64_MAX, 0, 0};
    for (uint64_t i = t; i < a->m; i += THREADS) {
        const uint32_t b = VS_LOAD(uint32_t, row, i), abs32 = b & 0x7fffffff;
        if (a->use && !(a->use[i / 64] >> i % 64 & 1))
            continue;
        const int32_t key = order_key(b);
        if (key > r.key) {
            r.key = key;
            r.index = i;
        }
        r.nan += abs32 > 0x7f800000;
        r.inf += abs32 == 0x7f800000;
    }
    return r;
}

/* Of all threads of a block, in bests[0]. */
VS_DEVICE void best_of_block(struct best *bests, struct best mine)
{
    bests[threadIdx.x] = mine;
    __syncthreads();
    for (uint32_t half = THREADS / 2; half; half /= 2) {
        if (threadIdx.x < half)
            bests[threadIdx.x] = best_of(bests[threadIdx.x], bests[threadIdx.x + half]);
        __syncthreads();
    }
}

/* One block per row. */
VS_KERNEL(argmax, struct argmax_args)
{
    VS_BEGIN();
    __shared__ struct best bests[THREADS];
    for (uint64_t row = blockIdx.x; row < a.n; row += gridDim.x) {
        const float *p = a.logits + row * a.m;
        best_of_block(bests, best_of_thread(&a, p, threadIdx.x));
        if (!threadIdx.x) {
            struct vs_k_max out;
            out.index = bests[0].index;
            out.value = bests[0].index < a.m ? p[bests[0].index] : 0;
            out.nan = bests[0].nan;
            out.inf = bests[0].inf;
            a.out[row] = out;
        }
        __syncthreads(); /* bests is used again */
    }
}

enum vs_code vs_cuda_argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                            struct vs_k_max *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const uint64_t step = vs_cuda_chunk_rows(cuda, m * sizeof *logits);
    enum vs_code code = use ? vs_cuda_put(cuda, VS_SLOT_A, use, (m + 63) / 64 * sizeof *use, err) : VS_OK;
    for (uint64_t at = 0; at < n && !code; at += step) {
        struct argmax_args a;
        a.n = n - at < step ? n - at : step;
        code = vs_cuda_put(cuda, VS_SLOT_ROWS, logits + at * m, a.n * m * sizeof *logits, err);
        if (!code)
            code = vs_cuda_room(cuda, VS_SLOT_OUT, a.n * sizeof *out, err);
        a.logits = (const float *)cuda->slots[VS_SLOT_ROWS].p;
        a.m = m;
        a.use = use ? (const uint64_t *)cuda->slots[VS_SLOT_A].p : NULL;
        a.out = (struct vs_k_max *)cuda->slots[VS_SLOT_OUT].p;
        VS_LAUNCH(cuda, code, argmax, vs_cuda_blocks(a.n, 1), THREADS, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_OUT, out + at, a.n * sizeof *out, err);
    }
    return code;
}

/* ---- the id to write ---- */

struct choose_args { const float *logits; uint64_t stride, n, first, step, pieces; const uint8_t *row_class; struct vs_f_best *out; };

/* Elements t, t + THREADS, ... of [begin, end). */
VS_HD struct best choice_of_thread(const struct choose_args *a, const float *row, uint64_t begin, uint64_t end, uint32_t t)
{
    struct best r = {INT32_MIN, UINT64_MAX, 0, 0};
    for (uint64_t i = begin + t; i < end; i += THREADS) {
        const int32_t key = a->row_class[i] <= VS_F_NEW ? order_key(VS_LOAD(uint32_t, row, i)) : INT32_MIN;
        if (key > r.key) {
            r.key = key;
            r.index = i;
        }
    }
    return r;
}

/* One block per piece of a row: a row alone has work for every processor. */
VS_KERNEL(choose, struct choose_args)
{
    VS_BEGIN();
    __shared__ struct best bests[THREADS];
    const float *row = a.logits + blockIdx.x / a.pieces * a.stride;
    const uint64_t begin = blockIdx.x % a.pieces * a.step, end = a.n - begin < a.step ? a.n : begin + a.step;
    best_of_block(bests, choice_of_thread(&a, row, begin, end, threadIdx.x));
    if (!threadIdx.x) {
        const uint64_t at = bests[0].index;
        struct vs_f_best out;
        out.id = at == UINT64_MAX ? at : a.first + at;
        out.value = at == UINT64_MAX ? 0 : row[at];
        a.out[blockIdx.x] = out;
    }
}

enum vs_code vs_cuda_choose(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                            const uint8_t *row_class, struct vs_f_best *best, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct vs_f_best *parts = (struct vs_f_best *)cuda->bounce;
    const uint64_t even = (n + PIECES - 1) / PIECES, step = even < PIECE_LEAST ? PIECE_LEAST : even, pieces = (n + step - 1) / step;
    const uint64_t rows = PARTS / pieces;
    enum vs_code code = VS_OK;
    for (uint64_t at = 0; at < m && !code; at += rows) {
        const uint64_t count = m - at < rows ? m - at : rows;
        const struct choose_args a = {logits + at * stride, stride, n, first, step, pieces, row_class,
                                      (struct vs_f_best *)cuda->slots[VS_SLOT_LOOK].p};
        VS_LAUNCH(cuda, code, choose, count * pieces, THREADS, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_LOOK, parts, count * pieces * sizeof *parts, err);
        for (uint64_t i = 0; i < count * pieces && !code; i++)
            vs_best_add(&best[at + i / pieces], parts[i]);
    }
    return code;
}
