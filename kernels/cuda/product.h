/* SPDX-License-Identifier: Apache-2.0
 *
 * What the matrix products of strict mode share: product.cu (many tokens, and whatever stands askew) and few.cu.
 */
#ifndef VS_KERNELS_CUDA_PRODUCT_H
#define VS_KERNELS_CUDA_PRODUCT_H

#include "cuda.h"
#include "mat.h"

#define VS_FEW_TOKENS 4u

VS_HD void put_product(const struct product_args *a, uint64_t token, uint64_t row, float dot)
{
    a->y[token * a->y_stride + row] = vs_quiet(a->bias ? dot + a->bias[row] : dot);
}

/* ---- up to VS_FEW_TOKENS: 8 threads a row, two lanes each ---- */

#define VS_ROW_THREADS 8u

/* Lanes 2t and 2t + 1 of the tree over 16: partners are 4, 2, 1 threads away, then in the thread itself. */
VS_DEVICE float pair_tree(float *acc)
{
    for (uint32_t half = VS_ROW_THREADS / 2; half; half /= 2) {
        acc[0] += __shfl_down_sync(0xffffffffu, acc[0], half, VS_ROW_THREADS);
        acc[1] += __shfl_down_sync(0xffffffffu, acc[1], half, VS_ROW_THREADS);
    }
    return acc[0] + acc[1];
}

/* Values of a row from k on, as they are stored: acc[i] for token i of m, by the thread of lanes 2t and 2t + 1. */
VS_HD void plain_values(const struct product_args *a, enum vs_dtype dtype, const uint8_t *row, const uint8_t *scales, uint64_t k, uint32_t t,
                        uint64_t m, float (*acc)[2])
{
    for (k += 2 * t; k < a->w.cols; k += VS_DOT_LANES)
        for (uint32_t e = 0; e < 2 && k + e < a->w.cols; e++) {
            const float w = vs_mat_at(dtype, row, scales, k + e);
            for (uint32_t i = 0; i < VS_FEW_TOKENS && i < m; i++)
                acc[i][e] = vs_fmaf(a->x[i * a->x_stride + k + e], w, acc[i][e]);
        }
}

#ifdef __cplusplus
extern "C" {
#endif

/* few.cu: whether it takes these weights for m tokens, and the product then, which may wait for others of the same tokens. */
bool vs_cuda_few_takes(const struct vs_mat *w, uint64_t m);
enum vs_code vs_cuda_few(struct vs_cuda *cuda, const struct product_args *a, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
