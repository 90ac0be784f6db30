/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend implements. Arguments have been checked by kernels.c: dtypes are float dtypes, sizes do not
 * overflow, no count is zero, piece ids lie in the window.
 */
#ifndef VS_KERNELS_BACKEND_H
#define VS_KERNELS_BACKEND_H

#include "vs_forward_kernels.h"

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

/* The operations of vs_forward_kernels.h, one entry each; forward.c has checked their arguments. */
struct vs_forward {
    enum vs_code (*alloc)(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err);
    void (*free)(struct vs_dev *dev, void *p);
    enum vs_code (*memory)(struct vs_dev *dev, uint64_t *free_bytes, uint64_t *total_bytes, struct vs_err *err);
    enum vs_code (*put)(struct vs_dev *dev, void *dst, const void *host, uint64_t bytes, struct vs_err *err);
    enum vs_code (*get)(struct vs_dev *dev, void *host, const void *src, uint64_t bytes, struct vs_err *err);
    enum vs_code (*wait)(struct vs_dev *dev, struct vs_err *err);
    enum vs_code (*reserve)(struct vs_dev *dev, uint64_t cols, struct vs_err *err);
    enum vs_code (*fast)(struct vs_dev *dev, bool fast, struct vs_err *err);
    enum vs_code (*host_alloc)(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err);
    void (*host_free)(struct vs_dev *dev, void *p);
    enum vs_code (*send)(struct vs_dev *dev, unsigned lane, void *dst, const void *host, uint64_t bytes, struct vs_err *err);
    enum vs_code (*arrived)(struct vs_dev *dev, unsigned lane, struct vs_err *err);
    enum vs_code (*used)(struct vs_dev *dev, unsigned lane, struct vs_err *err);
    enum vs_code (*sent)(struct vs_dev *dev, unsigned lane, struct vs_err *err);
    enum vs_code (*linear)(struct vs_dev *dev, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                           const float *bias, float *y, uint64_t y_stride, struct vs_err *err);
    enum vs_code (*norm)(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols,
                         const float *weight, const float *bias, double eps, float *y, struct vs_err *err);
    enum vs_code (*rope)(struct vs_dev *dev, const struct vs_f_heads *x, uint64_t tokens, const uint32_t *position,
                         const float *cos_sin, uint64_t pairs, bool interleaved, struct vs_err *err);
    uint64_t (*attention_scores)(struct vs_dev *dev, const struct vs_f_attention *a);
    enum vs_code (*attend)(struct vs_dev *dev, const struct vs_f_attention *a, struct vs_err *err);
    enum vs_code (*act)(struct vs_dev *dev, enum vs_f_act act, const float *gate, const float *x, uint64_t n, float *y, struct vs_err *err);
    enum vs_code (*add)(struct vs_dev *dev, float *x, const float *y, float scale, uint64_t n, struct vs_err *err);
    enum vs_code (*scale)(struct vs_dev *dev, float *x, float scale, float cap, uint64_t n, struct vs_err *err);
    enum vs_code (*take)(struct vs_dev *dev, const float *x, const uint32_t *rows, uint64_t n, uint64_t cols, float *out, struct vs_err *err);
    enum vs_code (*put_back)(struct vs_dev *dev, float *x, const uint32_t *rows, const float *weights, const float *y, uint64_t n,
                             uint64_t cols, struct vs_err *err);
    enum vs_code (*look)(struct vs_dev *dev, const float *x, uint64_t n, struct vs_f_stats *out, struct vs_err *err);
    enum vs_code (*logit_tile)(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                               const uint8_t *row_class, struct vs_f_logit_stats *stats, struct vs_err *err);
    enum vs_code (*choose)(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                           const uint8_t *row_class, struct vs_f_best *best, struct vs_err *err);
    enum vs_code (*compare)(struct vs_dev *dev, const float *reference, uint64_t ref_stride, const float *x, uint64_t x_stride,
                            uint64_t m, uint64_t n, struct vs_f_diff *out, struct vs_err *err);
};

/* rows of cols values of size bytes must be addressable. */
enum vs_code vs_check_bytes(uint64_t rows, uint64_t cols, uint64_t size, struct vs_err *err);

/* merge.c: the sums of a row, or of a tile, to those of all before it. */
void vs_diff_add_row(struct vs_f_diff *out, const struct vs_f_diff *row, uint64_t n);
void vs_logits_add_tile(struct vs_f_logit_stats *out, const struct vs_f_logit_stats *tile);
void vs_best_add(struct vs_f_best *out, struct vs_f_best part);

struct vs_dev {
    const struct vs_backend *backend;
    const struct vs_forward *forward;
    enum vs_dev_kind kind;
    char name[160];
    bool ran_out; /* of memory */
};

enum vs_code vs_cpu_open(unsigned threads, struct vs_dev **out, struct vs_err *err);
enum vs_code vs_cuda_open(struct vs_dev **out, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
