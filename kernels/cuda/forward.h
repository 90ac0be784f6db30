/* SPDX-License-Identifier: Apache-2.0
 *
 * The forward pass's operations on a CUDA device. Everything lies on the device already; operations are queued on the one
 * compute stream and only those that give something to the host wait for it.
 */
#ifndef VS_KERNELS_CUDA_FORWARD_H
#define VS_KERNELS_CUDA_FORWARD_H

#include "cuda.h"

#define VS_LOOK_BYTES (1ull << 20) /* of VS_SLOT_LOOK, and of the bounce buffer, since the device was opened */

#ifdef __cplusplus
extern "C" {
#endif

extern const struct vs_forward vs_cuda_forward;

enum vs_code vs_cuda_forward_open(struct vs_cuda *cuda, struct vs_err *err); /* streams, events, VS_SLOT_LOOK */
void vs_cuda_forward_close(struct vs_cuda *cuda);

enum vs_code vs_cuda_linear(struct vs_dev *dev, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                            const float *bias, float *y, uint64_t y_stride, struct vs_err *err);
enum vs_code vs_cuda_norm(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols,
                          const float *weight, const float *bias, double eps, float *y, struct vs_err *err);
enum vs_code vs_cuda_rope(struct vs_dev *dev, const struct vs_f_heads *x, uint64_t tokens, const uint32_t *position,
                          const float *cos_sin, uint64_t pairs, bool interleaved, struct vs_err *err);
uint64_t vs_cuda_attention_scores(struct vs_dev *dev, const struct vs_f_attention *a);
enum vs_code vs_cuda_attend(struct vs_dev *dev, const struct vs_f_attention *a, struct vs_err *err);
enum vs_code vs_cuda_act(struct vs_dev *dev, enum vs_f_act act, const float *gate, const float *x, uint64_t n, float *y, struct vs_err *err);
enum vs_code vs_cuda_add(struct vs_dev *dev, float *x, const float *y, float scale, uint64_t n, struct vs_err *err);
enum vs_code vs_cuda_scale(struct vs_dev *dev, float *x, float scale, float cap, uint64_t n, struct vs_err *err);
enum vs_code vs_cuda_take(struct vs_dev *dev, const float *x, const uint32_t *rows, uint64_t n, uint64_t cols, float *out, struct vs_err *err);
enum vs_code vs_cuda_put_back(struct vs_dev *dev, float *x, const uint32_t *rows, const float *weights, const float *y, uint64_t n,
                              uint64_t cols, struct vs_err *err);
enum vs_code vs_cuda_look(struct vs_dev *dev, const float *x, uint64_t n, struct vs_f_stats *out, struct vs_err *err);
enum vs_code vs_cuda_logit_tile(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                                const uint8_t *row_class, struct vs_f_logit_stats *stats, struct vs_err *err);
enum vs_code vs_cuda_choose(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                            const uint8_t *row_class, struct vs_f_best *best, struct vs_err *err);
enum vs_code vs_cuda_compare(struct vs_dev *dev, const float *reference, uint64_t ref_stride, const float *x, uint64_t x_stride,
                             uint64_t m, uint64_t n, struct vs_f_diff *out, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
