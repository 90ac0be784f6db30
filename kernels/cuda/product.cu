/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products in strict mode. Few tokens: the weights are read once, and nothing but their bytes costs time. Many: tiles
 * in shared memory, whose 16 lanes are shared out among the warps of a block.
 */
#include "forward.h"
#include "fast.h"
#include "mat.h"

#define WARP 32u
#define ALL 0xffffffffu

struct product_args {
    struct vs_mat w;
    const float *x, *bias;
    uint64_t x_stride, m;
    float *y;
    uint64_t y_stride;
    bool pairs;            /* rows of weights and of x may be read two values at a time */
};

VS_HD void put_product(const struct product_args *a, uint64_t token, uint64_t row, float dot)
{
    a->y[token * a->y_stride + row] = vs_quiet(a->bias ? dot + a->bias[row] : dot);
}

/* ---- up to FEW tokens: 8 threads a row, two lanes each ---- */

#define FEW 4u
#define FEW_THREADS 256u
#define ROW_THREADS 8u
#define AHEAD 32u          /* pairs of weights in flight for each thread */

VS_HD void x_pair(const float *x, bool pairs, float *out)
{
    if (pairs) {
        const uint64_t two = VS_LOAD(uint64_t, x, 0);
        out[0] = vs_bits_f32((uint32_t)two);
        out[1] = vs_bits_f32((uint32_t)(two >> 32));
    } else {
        out[0] = x[0];
        out[1] = x[1];
    }
}

VS_HD void pair_at(enum vs_dtype dtype, const uint8_t *row, const uint8_t *scales, uint64_t k, bool pairs, float *w)
{
    if (pairs && dtype == VS_BF16) {
        const uint32_t two = VS_LOAD(uint32_t, row, k / 2);
        w[0] = vs_bits_f32(two << 16);
        w[1] = vs_bits_f32(two & 0xffff0000u);
    } else if (pairs && dtype == VS_F16) {
        const uint32_t two = VS_LOAD(uint32_t, row, k / 2);
        w[0] = vs_f16_to_f32((uint16_t)two);
        w[1] = vs_f16_to_f32((uint16_t)(two >> 16));
    } else if (pairs && dtype == VS_F32) {
        x_pair((const float *)(const void *)row + k, true, w);
    } else {
        w[0] = vs_mat_at(dtype, row, scales, k);
        w[1] = vs_mat_at(dtype, row, scales, k + 1);
    }
}

/* The chunk after the next of a row to the L2 cache, a line for each of the 8 threads: what a few thousand rows have in
 * flight by themselves does not fill the memory's pipe. */
VS_HD void fetch_ahead(enum vs_dtype dtype, const uint8_t *row, uint64_t k, uint64_t cols, uint32_t t)
{
    const uint64_t at = (k + 2 * AHEAD * VS_DOT_LANES) * vs_float_size(dtype) + t * 128;
    if (vs_float_size(dtype) && at < cols * vs_float_size(dtype))
        VS_PREFETCH(row + at);
}

/* The rest of a row: fewer than 16 values, of which this thread has up to two. */
VS_HD void last_values(const struct product_args *a, enum vs_dtype dtype, const uint8_t *row, const uint8_t *scales, uint64_t k, uint64_t lanes,
                       uint32_t tokens, float (*acc)[2])
{
    for (uint32_t e = 0; e < 2; e++)
        if (k + lanes + e < a->w.cols)
            for (uint32_t i = 0; i < tokens; i++)
                acc[i][e] = vs_fmaf(a->x[(i < a->m ? i : a->m - 1) * a->x_stride + k + lanes + e],
                                    vs_mat_at(dtype, row, scales, k + lanes + e), acc[i][e]);
}

/* acc[i]: the two lanes of this thread for token i. pairs and tokens (1 or FEW) are constants, so that a chunk's loads stand
 * together, before the first value is used; tokens past the end repeat the last. */
VS_HD void row_lanes(const struct product_args *a, enum vs_dtype dtype, const bool pairs, uint64_t r, uint32_t t, const uint32_t tokens,
                     float (*acc)[2])
{
    const uint8_t *row = vs_mat_row(&a->w, r), *scales = vs_mat_scales(&a->w, r);
    uint64_t k = 0;
    for (uint32_t i = 0; i < tokens; i++)
        acc[i][0] = acc[i][1] = 0;
    for (; a->w.cols - k >= AHEAD * VS_DOT_LANES; k += AHEAD * VS_DOT_LANES) {
        float w[AHEAD][2];
        for (uint32_t s = 0; s < AHEAD; s++)
            pair_at(dtype, row, scales, k + s * VS_DOT_LANES + 2 * t, pairs, w[s]);
        fetch_ahead(dtype, row, k, a->w.cols, t);
        for (uint32_t s = 0; s < AHEAD; s++)
            for (uint32_t i = 0; i < tokens; i++) {
                float x[2];
                x_pair(a->x + (i < a->m ? i : a->m - 1) * a->x_stride + k + s * VS_DOT_LANES + 2 * t, pairs, x);
                acc[i][0] = vs_fmaf(x[0], w[s][0], acc[i][0]);
                acc[i][1] = vs_fmaf(x[1], w[s][1], acc[i][1]);
            }
    }
    for (; k < a->w.cols; k += VS_DOT_LANES)
        last_values(a, dtype, row, scales, k, 2 * t, tokens, acc);
}

/* Lanes 2t and 2t + 1 of the tree over 16: partners are 4, 2, 1 threads away, then in the thread itself. */
VS_DEVICE float pair_tree(float *acc)
{
    for (uint32_t half = ROW_THREADS / 2; half; half /= 2) {
        acc[0] += __shfl_down_sync(ALL, acc[0], half, ROW_THREADS);
        acc[1] += __shfl_down_sync(ALL, acc[1], half, ROW_THREADS);
    }
    return acc[0] + acc[1];
}

#define FOR_MAT(call)                                                          \
    if (a.w.dtype == VS_BF16 && a.pairs)                                       \
        call(VS_BF16, true);                                                   \
    else if (a.w.dtype == VS_F16 && a.pairs)                                   \
        call(VS_F16, true);                                                    \
    else if (a.w.dtype == VS_F32 && a.pairs)                                   \
        call(VS_F32, true);                                                    \
    else                                                                       \
        call(a.w.dtype, false);

#define FEW_KERNEL(name, tokens)                                                                                           \
    VS_KERNEL(name, struct product_args)                                                                                   \
    {                                                                                                                      \
        const uint32_t t = threadIdx.x % ROW_THREADS, per_block = FEW_THREADS / ROW_THREADS;                               \
        for (uint64_t r0 = (uint64_t)blockIdx.x * per_block; r0 < a.w.rows; r0 += (uint64_t)gridDim.x * per_block) {       \
            const uint64_t r = r0 + threadIdx.x / ROW_THREADS;                                                             \
            float acc[tokens][2];                                                                                          \
            FOR_MAT(tokens##_CALL)                                                                                         \
            for (uint32_t i = 0; i < tokens; i++) {                                                                        \
                const float dot = pair_tree(acc[i]);                                                                       \
                if (!t && r < a.w.rows && i < a.m)                                                                         \
                    put_product(&a, i, r, dot);                                                                            \
            }                                                                                                              \
        }                                                                                                                  \
    }
#define ONE 1u
#define ONE_CALL(T, pairs) row_lanes(&a, T, pairs, r < a.w.rows ? r : a.w.rows - 1, t, ONE, acc)
#define FEW_CALL(T, pairs) row_lanes(&a, T, pairs, r < a.w.rows ? r : a.w.rows - 1, t, FEW, acc)
FEW_KERNEL(product_one, ONE)
FEW_KERNEL(product_few, FEW)

/* ---- many tokens ---- */

#define TILE_ROWS 64u
#define TILE_TOKENS 32u
#define STEPS 4u           /* of 16 columns in shared memory at a time */
#define COLS (STEPS * (uint32_t)VS_DOT_LANES)
#define PAD 4u
#define MANY_THREADS 256u
#define SIDE 8u            /* outputs of a thread: SIDE x SIDE */
#define WARPS (MANY_THREADS / WARP)
#define PART 512u          /* outputs that are put together at a time */

struct tile_memory {
    float w[COLS][TILE_ROWS + PAD], x[COLS][TILE_TOKENS + PAD];
};

/* Columns [k, k + COLS) of the tile's rows and tokens; past the end zeros, which are never used. */
VS_DEVICE void load_tile(const struct product_args *a, struct tile_memory *m, uint64_t r0, uint64_t t0, uint64_t k)
{
    for (uint32_t i = threadIdx.x; i < TILE_ROWS * COLS; i += MANY_THREADS) {
        const uint64_t r = r0 + i / COLS, c = k + i % COLS;
        m->w[i % COLS][i / COLS] = r < a->w.rows && c < a->w.cols ? vs_mat_value(&a->w, r, c) : 0.0f;
    }
    for (uint32_t i = threadIdx.x; i < TILE_TOKENS * COLS; i += MANY_THREADS) {
        const uint64_t t = t0 + i / COLS, c = k + i % COLS;
        m->x[i % COLS][i / COLS] = t < a->m && c < a->w.cols ? a->x[t * a->x_stride + c] : 0.0f;
    }
}

/* One column: the products of SIDE rows with SIDE tokens. */
VS_HD void column_products(const float *w, const float *x, float (*acc)[SIDE])
{
    float ws[SIDE], xs[SIDE];
    for (uint32_t i = 0; i < SIDE; i++) {
        ws[i] = w[i];
        xs[i] = x[i];
    }
    for (uint32_t i = 0; i < SIDE; i++)
        for (uint32_t j = 0; j < SIDE; j++)
            acc[i][j] = vs_fmaf(xs[j], ws[i], acc[i][j]);
}

/* Warp v holds the sum of lanes v and v + 8 of every output; the tree over the warps goes through shared memory in parts of
 * two rows of each thread. */
VS_DEVICE void put_tile(const struct product_args *a, float *parts, uint64_t r0, uint64_t t0, float (*acc)[SIDE])
{
    const uint32_t warp = threadIdx.x / WARP, t = threadIdx.x % WARP;
    for (uint32_t part = 0; part < SIDE / 2; part++) {
        __syncthreads();
        for (uint32_t i = 0; i < 2; i++)
            for (uint32_t j = 0; j < SIDE; j++)
                parts[warp * PART + (i * SIDE + j) * WARP + t] = acc[part * 2 + i][j];
        __syncthreads();
        for (uint32_t o = threadIdx.x; o < PART; o += MANY_THREADS) {
            float s[WARPS];
            for (uint32_t v = 0; v < WARPS; v++)
                s[v] = parts[v * PART + o];
            const float dot = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
            const uint64_t r = r0 + o % WARP / 4 * SIDE + part * 2 + o / WARP / SIDE, token = t0 + o % WARP % 4 * SIDE + o / WARP % SIDE;
            if (r < a->w.rows && token < a->m)
                put_product(a, token, r, dot);
        }
    }
    __syncthreads();
}

VS_KERNEL(product_many, struct product_args)
{
    __shared__ union { struct tile_memory tile; float parts[WARPS * PART]; } m;
    const uint64_t row_tiles = (a.w.rows + TILE_ROWS - 1) / TILE_ROWS, token_tiles = (a.m + TILE_TOKENS - 1) / TILE_TOKENS;
    const uint32_t warp = threadIdx.x / WARP, row = threadIdx.x % WARP / 4 * SIDE, token = threadIdx.x % 4 * SIDE;
    for (uint64_t item = blockIdx.x; item < row_tiles * token_tiles; item += gridDim.x) {
        const uint64_t r0 = item / token_tiles * TILE_ROWS, t0 = item % token_tiles * TILE_TOKENS;
        float acc[2][SIDE][SIDE];
        for (uint32_t i = 0; i < SIDE; i++)
            for (uint32_t j = 0; j < SIDE; j++)
                acc[0][i][j] = acc[1][i][j] = 0;
        for (uint64_t k = 0; k < a.w.cols; k += COLS) {
            load_tile(&a, &m.tile, r0, t0, k);
            __syncthreads();
            for (uint32_t s = 0; s < STEPS; s++)
                for (uint32_t h = 0; h < 2; h++) {
                    const uint32_t c = s * (uint32_t)VS_DOT_LANES + h * WARPS + warp;
                    if (k + c < a.w.cols)
                        column_products(&m.tile.w[c][row], &m.tile.x[c][token], acc[h]);
                }
            __syncthreads();
        }
        for (uint32_t i = 0; i < SIDE; i++)
            for (uint32_t j = 0; j < SIDE; j++)
                acc[0][i][j] += acc[1][i][j];
        put_tile(&a, m.parts, r0, t0, acc[0]);
    }
}

enum vs_code vs_cuda_linear(struct vs_dev *dev, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                            const float *bias, float *y, uint64_t y_stride, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const bool even = ((uintptr_t)w->data | w->stride | (uintptr_t)x | x_stride * sizeof *x) % 8 == 0;
    const struct product_args a = {*w, x, bias, x_stride, m, y, y_stride, even};
    const uint64_t tiles = (w->rows + TILE_ROWS - 1) / TILE_ROWS * ((m + TILE_TOKENS - 1) / TILE_TOKENS);
    enum vs_code code = VS_OK;
    if (cuda->fast && vs_cuda_fast_takes(cuda, w, m))
        return vs_cuda_fast_product(cuda, w, x, x_stride, m, bias, y, y_stride, err);
    if (m == 1)
        VS_LAUNCH(cuda, code, product_one, vs_cuda_blocks(w->rows, FEW_THREADS / ROW_THREADS), FEW_THREADS, a, err);
    else if (m <= FEW)
        VS_LAUNCH(cuda, code, product_few, vs_cuda_blocks(w->rows, FEW_THREADS / ROW_THREADS), FEW_THREADS, a, err);
    else
        VS_LAUNCH(cuda, code, product_many, vs_cuda_blocks(tiles, 1), MANY_THREADS, a, err);
    return code;
}
