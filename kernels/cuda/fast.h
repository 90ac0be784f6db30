/* SPDX-License-Identifier: Apache-2.0
 *
 * Fast mode: products of BF16 weights by cuBLASLt, which is looked for when the mode is asked for.
 */
#ifndef VS_KERNELS_CUDA_FAST_H
#define VS_KERNELS_CUDA_FAST_H

#include "cuda.h"

#ifdef __cplusplus
extern "C" {
#endif

enum vs_code vs_cuda_fast(struct vs_dev *dev, bool fast, struct vs_err *err);
void vs_cuda_fast_close(struct vs_cuda *cuda);
/* Whether fast mode has a product for it; with few tokens the strict kernel is as fast as memory is. */
bool vs_cuda_fast_takes(const struct vs_cuda *cuda, const struct vs_mat *w, uint64_t m);
/* VS_EUNSUPPORTED where the library has no algorithm for the shape: the strict product has. */
enum vs_code vs_cuda_fast_product(struct vs_cuda *cuda, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                                  const float *bias, float *y, uint64_t y_stride, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
