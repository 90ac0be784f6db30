/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend implements. Arguments have been checked by kernels.c: dtypes are float dtypes, sizes do not
 * overflow, no count is zero, piece ids lie in the window.
 */
#ifndef VS_KERNELS_BACKEND_H
#define VS_KERNELS_BACKEND_H

#include "vs_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The library's only malloc, see base/mem.h: a link-time need, so that kernels include nothing of lib. */
void *vs_calloc(size_t count, size_t size);
void vs_free(void *ptr);

struct vs_backend {
    void (*close)(struct vs_dev *dev);
    enum vs_code (*gather)(struct vs_dev *dev, const struct vs_rows *window, const int64_t *ids, uint64_t n,
                           const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                           uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err);
    enum vs_code (*row_stats)(struct vs_dev *dev, const struct vs_rows *window, struct vs_k_row *out, struct vs_err *err);
    enum vs_code (*column_sums)(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *use, const double *center,
                                double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err);
    enum vs_code (*affine_noise)(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                                 const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err);
    enum vs_code (*combine)(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *starts, const uint64_t *piece_ids,
                            const double *weights, uint64_t rows, void *out, struct vs_err *err);
    enum vs_code (*head_probe)(struct vs_dev *dev, const struct vs_rows *window, const float *hidden, uint64_t probes,
                               const float *bias, float *logits, struct vs_err *err);
    enum vs_code (*argmax)(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                           struct vs_k_max *out, struct vs_err *err);
    enum vs_code (*dequant)(struct vs_dev *dev, const void *in, const uint8_t *scales, enum vs_dtype dtype, uint64_t blocks,
                            float *out, struct vs_err *err); /* scales: MXFP4 in two tensors; else NULL */
};

struct vs_dev {
    const struct vs_backend *backend;
    enum vs_dev_kind kind;
    char name[160];
};

enum vs_code vs_cpu_open(unsigned threads, struct vs_dev **out, struct vs_err *err);
enum vs_code vs_cuda_open(struct vs_dev **out, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
