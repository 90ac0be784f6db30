/* SPDX-License-Identifier: Apache-2.0
 *
 * Norms of rows: one block of 128 threads a row, which are the 128 lanes of canon.h.
 */
#include "forward.h"

#define LANES ((uint32_t)VS_SQUARE_LANES)

struct norm_args {
    enum vs_f_norm_kind kind;
    const float *x;
    uint64_t rows, cols;
    const float *weight, *bias;
    double eps;
    float *y;
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

VS_KERNEL(norm_rows, struct norm_args)
{
    VS_BEGIN();
    __shared__ double lanes[LANES];
    for (uint64_t row = blockIdx.x; row < a.rows; row += gridDim.x) {
        const float *x = a.x + row * a.cols;
        double mean = 0, sum = 0;
        if (a.kind == VS_F_LAYER) {
            VS_UNROLL(8)
            for (uint64_t k = threadIdx.x; k < a.cols; k += LANES)
                sum += x[k];
            mean = lanes_sum(lanes, sum) / (double)a.cols;
        }
        sum = 0;
        VS_UNROLL(8)
        for (uint64_t k = threadIdx.x; k < a.cols; k += LANES) {
            const double d = x[k] - mean;
            sum = vs_fma(d, d, sum);
        }
        const float factor = (float)(1 / sqrt(lanes_sum(lanes, sum) / (double)a.cols + a.eps));
        VS_UNROLL(8)
        for (uint64_t k = threadIdx.x; k < a.cols; k += LANES) {
            float v = (a.kind == VS_F_LAYER ? (float)(x[k] - mean) : x[k]) * factor;
            v = a.weight ? v * a.weight[k] : v;
            a.y[row * a.cols + k] = vs_quiet(a.bias ? v + a.bias[k] : v);
        }
    }
}

enum vs_code vs_cuda_norm(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols,
                          const float *weight, const float *bias, double eps, float *y, struct vs_err *err)
{
    const struct norm_args a = {kind, x, rows, cols, weight, bias, eps, y};
    enum vs_code code = VS_OK;
    VS_LAUNCH((struct vs_cuda *)dev, code, norm_rows, vs_cuda_blocks(rows, 1), LANES, a, err);
    return code;
}
