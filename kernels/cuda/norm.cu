/* SPDX-License-Identifier: Apache-2.0
 *
 * Norms of rows: one block of 128 threads a row, which are the 128 lanes of canon.h. An addition to the rows that waits is made
 * on the way.
 */
#include "forward.h"

#define LANES ((uint32_t)VS_SQUARE_LANES)

struct norm_args {
    enum vs_f_norm_kind kind;
    const float *x;
    uint64_t rows, cols;
    const float *weight, *bias;
    double eps;
    float *y, *sum;     /* sum: x, where something is added to it first */
    const float *add;
    float scale;
};

/* The tree over lanes; every thread gets the sum. */
VS_DEVICE double lanes_sum(double *lanes, double mine)
{
    __syncthreads();
    lanes[threadIdx.x] = mine;
    __syncthreads();
    for (uint32_t half = LANES / 2; half; half /= 2) {
        if (threadIdx.x < half)
            lanes[threadIdx.x] += lanes[threadIdx.x + half];
        __syncthreads();
    }
    return lanes[0];
}

#define BATCH 16u /* values that a thread reads before it needs the first, and before it stores any: stores hold back what is behind them */

VS_DEVICE void read_batch(const float *p, uint64_t k, uint64_t cols, float *v)
{
    VS_UNROLL(16)
    for (uint32_t i = 0; i < BATCH; i++)
        v[i] = p && k + i * LANES < cols ? p[k + i * LANES] : 0;
}

/* The first pass over a row makes it what it is. */
VS_DEVICE void read_first(const struct norm_args *a, uint64_t row, uint64_t k, float *v)
{
    float add[BATCH];
    read_batch(a->x + row * a->cols, k, a->cols, v);
    if (!a->add)
        return;
    read_batch(a->add + row * a->cols, k, a->cols, add);
    VS_UNROLL(16)
    for (uint32_t i = 0; i < BATCH; i++) {
        v[i] = vs_quiet(v[i] + add[i] * a->scale);
        if (k + i * LANES < a->cols)
            a->sum[row * a->cols + k + i * LANES] = v[i];
    }
}

VS_DEVICE double lane_sum(const struct norm_args *a, uint64_t row)
{
    double sum = 0;
    for (uint64_t k = threadIdx.x; k < a->cols; k += BATCH * LANES) {
        float v[BATCH];
        read_first(a, row, k, v);
        VS_UNROLL(16)
        for (uint32_t i = 0; i < BATCH; i++)
            if (k + i * LANES < a->cols)
                sum += v[i];
    }
    return sum;
}

VS_DEVICE double lane_squares(const struct norm_args *a, uint64_t row, double mean)
{
    double sum = 0;
    for (uint64_t k = threadIdx.x; k < a->cols; k += BATCH * LANES) {
        float v[BATCH];
        if (a->kind == VS_F_LAYER)
            read_batch(a->x + row * a->cols, k, a->cols, v);
        else
            read_first(a, row, k, v);
        VS_UNROLL(16)
        for (uint32_t i = 0; i < BATCH; i++) {
            const double d = v[i] - mean;
            if (k + i * LANES < a->cols)
                sum = vs_fma(d, d, sum);
        }
    }
    return sum;
}

VS_DEVICE void scale_lane(const struct norm_args *a, uint64_t row, double mean, float factor)
{
    const float *x = a->x + row * a->cols;
    float *y = a->y + row * a->cols;
    for (uint64_t k = threadIdx.x; k < a->cols; k += BATCH * LANES) {
        float v[BATCH], weight[BATCH], bias[BATCH];
        read_batch(x, k, a->cols, v);
        read_batch(a->weight, k, a->cols, weight);
        read_batch(a->bias, k, a->cols, bias);
        VS_UNROLL(16)
        for (uint32_t i = 0; i < BATCH; i++) {
            float n = (a->kind == VS_F_LAYER ? (float)(v[i] - mean) : v[i]) * factor;
            n = a->weight ? n * weight[i] : n;
            if (k + i * LANES < a->cols)
                y[k + i * LANES] = vs_quiet(a->bias ? n + bias[i] : n);
        }
    }
}

/* To the L2 cache, a line for each thread, before the kernel before this one is done. */
VS_HD void fetch_early(const float *p, uint64_t cols, uint32_t t)
{
    if (p && t * 32 < cols)
        VS_PREFETCH(p + t * 32);
}

VS_KERNEL(norm_rows, struct norm_args)
{
    fetch_early(a.weight, a.cols, threadIdx.x);
    fetch_early(a.bias, a.cols, threadIdx.x);
    VS_BEGIN();
    __shared__ double lanes[LANES];
    for (uint64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
        const double mean = a.kind == VS_F_LAYER ? lanes_sum(lanes, lane_sum(&a, row)) / (double)a.cols : 0;
        const double squares = lanes_sum(lanes, lane_squares(&a, row, mean));
        scale_lane(&a, row, mean, (float)(1 / sqrt(squares / (double)a.cols + a.eps)));
    }
}

/* An addition to all these rows, whose results do not lie where what is added is read yet by others. */
static bool takes_addition(const struct vs_cuda *cuda, const float *x, uint64_t n, const float *y)
{
    const float *add = cuda->addition.y;
    return cuda->addition.n == n && cuda->addition.x == x && (y == add || y + n <= add || add + n <= y);
}

enum vs_code vs_cuda_norm(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols,
                          const float *weight, const float *bias, double eps, float *y, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct norm_args a = {kind, x, rows, cols, weight, bias, eps, y, NULL, NULL, 0};
    enum vs_code code = VS_OK;
    if (takes_addition(cuda, x, rows * cols, y)) {
        a.sum = cuda->addition.x;
        a.add = cuda->addition.y;
        a.scale = cuda->addition.scale;
        cuda->addition.n = 0;
    }
    VS_LAUNCH(cuda, code, norm_rows, vs_cuda_blocks(rows, 1), LANES, a, err);
    return code;
}
