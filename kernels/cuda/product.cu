/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products in strict mode. Few tokens: few.cu. Many: tiles in shared memory, whose 16 lanes are shared out among the
 * warps of a block.
 */
#include "fast.h"
#include "forward.h"
#include "product.h"

#define WARP 32u

/* ---- few tokens of weights that few.cu does not take ---- */

#define PLAIN_THREADS 128u
#define PLAIN_ROWS (PLAIN_THREADS / VS_ROW_THREADS)

VS_KERNEL(product_plain, struct product_args)
{
    VS_BEGIN();
    const uint64_t r = (uint64_t)blockIdx.x * PLAIN_ROWS + threadIdx.x / VS_ROW_THREADS;
    float acc[VS_FEW_TOKENS][2];
    for (uint32_t i = 0; i < VS_FEW_TOKENS; i++)
        acc[i][0] = acc[i][1] = 0;
    const uint64_t row = r < a.w.rows ? r : a.w.rows - 1;
    plain_values(&a, a.w.dtype, vs_mat_row(&a.w, row), vs_mat_scales(&a.w, row), 0, threadIdx.x % VS_ROW_THREADS, a.m, acc);
    for (uint32_t i = 0; i < VS_FEW_TOKENS; i++) {
        const float dot = pair_tree(acc[i]);
        if (threadIdx.x % VS_ROW_THREADS == 0 && r < a.w.rows && i < a.m)
            put_product(&a, i, r, dot);
    }
}

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

/* One value after the other, whatever they are stored as. */
VS_DEVICE void load_any(const struct product_args *a, struct tile_memory *m, uint64_t r0, uint64_t k)
{
    for (uint32_t i = threadIdx.x; i < TILE_ROWS * COLS; i += MANY_THREADS) {
        const uint64_t r = r0 + i / COLS, c = k + i % COLS;
        m->w[i % COLS][i / COLS] = r < a->w.rows && c < a->w.cols ? vs_mat_value(&a->w, r, c) : 0.0f;
    }
}

/* dtype is a constant: all loads of a thread are in flight before it stores the first. */
VS_DEVICE void load_floats(const struct product_args *a, enum vs_dtype dtype, struct tile_memory *m, uint64_t r0, uint64_t k)
{
    const uint32_t col = threadIdx.x % COLS, row = threadIdx.x / COLS;
    float w[TILE_ROWS * COLS / MANY_THREADS];
    VS_UNROLL(16)
    for (uint32_t i = 0; i < TILE_ROWS * COLS / MANY_THREADS; i++) {
        const uint64_t r = r0 + row + i * (MANY_THREADS / COLS);
        w[i] = r < a->w.rows && k + col < a->w.cols ? vs_get_f32(vs_mat_row(&a->w, r), dtype, k + col) : 0.0f;
    }
    VS_UNROLL(16)
    for (uint32_t i = 0; i < TILE_ROWS * COLS / MANY_THREADS; i++)
        m->w[col][row + i * (MANY_THREADS / COLS)] = w[i];
}

VS_DEVICE void load_tokens(const struct product_args *a, struct tile_memory *m, uint64_t t0, uint64_t k)
{
    const uint32_t col = threadIdx.x % COLS, row = threadIdx.x / COLS;
    float x[TILE_TOKENS * COLS / MANY_THREADS];
    VS_UNROLL(8)
    for (uint32_t i = 0; i < TILE_TOKENS * COLS / MANY_THREADS; i++) {
        const uint64_t t = t0 + row + i * (MANY_THREADS / COLS);
        x[i] = t < a->m && k + col < a->w.cols ? a->x[t * a->x_stride + k + col] : 0.0f;
    }
    VS_UNROLL(8)
    for (uint32_t i = 0; i < TILE_TOKENS * COLS / MANY_THREADS; i++)
        m->x[col][row + i * (MANY_THREADS / COLS)] = x[i];
}

/* Columns [k, k + COLS) of the tile's rows and tokens; past the end zeros, which are never used. */
VS_DEVICE void load_tile(const struct product_args *a, struct tile_memory *m, uint64_t r0, uint64_t t0, uint64_t k)
{
    if (a->w.dtype == VS_BF16)
        load_floats(a, VS_BF16, m, r0, k);
    else if (a->w.dtype == VS_F16)
        load_floats(a, VS_F16, m, r0, k);
    else if (a->w.dtype == VS_F32)
        load_floats(a, VS_F32, m, r0, k);
    else
        load_any(a, m, r0, k);
    load_tokens(a, m, t0, k);
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
    VS_BEGIN();
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
    const struct product_args a = {*w, x, bias, x_stride, m, y, y_stride};
    const uint64_t tiles = (w->rows + TILE_ROWS - 1) / TILE_ROWS * ((m + TILE_TOKENS - 1) / TILE_TOKENS);
    enum vs_code code = VS_OK;
    if (cuda->fast && vs_cuda_fast_takes(cuda, w, m)) {
        code = vs_cuda_fast_product(cuda, w, x, x_stride, m, bias, y, y_stride, err);
        if (code != VS_EUNSUPPORTED)
            return code;
        code = VS_OK;
    }
    if (vs_cuda_few_takes(w, m))
        return vs_cuda_few(cuda, &a, err);
    if (m <= VS_FEW_TOKENS)
        VS_LAUNCH(cuda, code, product_plain, vs_cuda_blocks(w->rows, PLAIN_ROWS), PLAIN_THREADS, a, err);
    else
        VS_LAUNCH(cuda, code, product_many, vs_cuda_blocks(tiles, 1), MANY_THREADS, a, err);
    return code;
}
