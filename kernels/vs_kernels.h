/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers only: no files, no JSON, no model names. One interface, implemented by every backend (cpu/, cuda/).
 *
 * All buffers are host memory owned by the caller; the CUDA backend stages them itself. Row windows hold values in
 * their stored dtype (F32, F16, BF16, F64), row-major, without gaps. Sums run in an order that depends on the data's
 * shape alone (columns in parallel, each column over rows ascending, in float64): CPU and CUDA agree bit for bit, and
 * a table may be fed in windows of any size. Arithmetic results that are NaN have one bit pattern per dtype. kernels.c
 * checks arguments once for every backend: what no caller may ask for is VS_EUSAGE. One device serves one call at a time.
 */
#ifndef VS_KERNELS_H
#define VS_KERNELS_H

#include <vs/err.h>
#include <vs/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

enum vs_dev_kind { VS_DEV_CPU, VS_DEV_CUDA };

struct vs_dev; /* one opened device */

/* VS_EDEVICE when there is no usable device (cudaGetDeviceCount 35 and 100 both mean "no device") or the backend was
 * not built in. threads 0 = all CPUs, at most 64 (CPU backend only). */
enum vs_code vs_dev_open(enum vs_dev_kind kind, unsigned threads, struct vs_dev **out, struct vs_err *err);
void vs_dev_close(struct vs_dev *dev);              /* accepts NULL */
enum vs_dev_kind vs_dev_kind_of(const struct vs_dev *dev);
const char *vs_dev_name(const struct vs_dev *dev);  /* "AVX-512, 2 threads", "NEON, 1 thread", "NVIDIA H200" */

/* A window of a table: rows [first, first + count) of a table of total rows, cols columns. */
struct vs_rows {
    const void *data;
    enum vs_dtype dtype;
    uint64_t first, count, total, cols;
};

/* ---- range-checked gather ---- */

struct vs_k_range { uint64_t begin, end; };          /* legal ids: begin <= id < end */
struct vs_k_bad { uint64_t position; int64_t id; };  /* an id that lies in no legal range, or beyond the table */

/* For each ids[i] inside the window writes the row, converted to float32, to out[i * cols]. An id that is illegal (in none of
 * the ranges, negative, or >= total) gets a row of NaN and is recorded: *bad_count counts all of them, bad[] receives the
 * first bad_cap by position. Ids legal but outside the window leave their out row untouched, so that a table can be
 * fed in windows; record offenders in the first window only by passing bad_count NULL afterwards. out may be NULL
 * (check only). */
enum vs_code vs_k_gather(struct vs_dev *dev, const struct vs_rows *window, const int64_t *ids, uint64_t n,
                         const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                         uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err);

/* ---- row statistics ---- */

/* max_abs and sum_squares over finite values (order: canon.h); hash of the stored bytes: equal rows have equal hashes. */
struct vs_k_row { uint32_t nan, inf; float max_abs; double sum_squares; uint64_t hash; };
enum vs_code vs_k_row_stats(struct vs_dev *dev, const struct vs_rows *window, struct vs_k_row *out, struct vs_err *err); /* out[count] */

/* ---- column sums for mean and deviation ---- */

/* Adds rows of the window whose bit in use[] is set (bit = table row; NULL = all) to sum[cols] and, when not NULL, to
 * sum_squares[cols] of (x - center[col])^2 with center NULL = 0 (by fused multiply-add). The number of rows is added to
 * *rows_added. Rows with a NaN or Inf are skipped. */
enum vs_code vs_k_column_sums(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *use, const double *center,
                              double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err);

/* ---- new rows ---- */

/* Philox4x32-10 counter RNG (Salmon et al., SC11) keyed by (seed, role, token bytes, column): vs_k_key folds role and
 * token into the key; standard normal by Box-Muller in float64 with canonical log, sin and cos. */
struct vs_k_key { uint64_t seed, stream; };
struct vs_k_key vs_k_key_make(uint64_t seed, uint32_t role, const void *token, uint64_t n);

/* out row r (dtype, cols values) = round_to_dtype(fma(scale[c], N(0,1; keys[r], c), shift[c])); scale NULL = no noise. */
enum vs_code vs_k_affine_noise(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                               const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err);

/* out row r = round_to_dtype(sum over p of weights[p] * row(pieces[p])): pieces of row r are piece_ids[starts[r] .. starts[r+1]),
 * at least one, table rows that lie in the window; weights NULL = the sum divided by their count. In the order given, in
 * float64: the first term alone, then by addition (weights NULL) or fused multiply-add, so that one piece is a copy. */
enum vs_code vs_k_combine(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *starts, const uint64_t *piece_ids,
                          const double *weights, uint64_t rows, void *out, struct vs_err *err);

/* ---- head probes ---- */

/* logits[p * count + r] = dot(hidden[p], row r) (+ bias[r] when not NULL), float32, canonical order (canon.h): depends on cols alone. */
enum vs_code vs_k_head_probe(struct vs_dev *dev, const struct vs_rows *window, const float *hidden, uint64_t probes,
                             const float *bias, float *logits, struct vs_err *err);

/* Highest logit of each of n rows of m values; NaN is counted, never chosen; ties go to the lowest position. use[]: bitmap of
 * eligible positions or NULL; nan and inf count eligible positions only. index UINT64_MAX when nothing is eligible. */
struct vs_k_max { uint64_t index; float value; uint64_t nan, inf; };
enum vs_code vs_k_argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                         struct vs_k_max *out, struct vs_err *err);

/* ---- blocks of quantised values to float32 (quant.h): Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q4_K Q5_K Q6_K MXFP4 ---- */

/* in: whole blocks, at any address; n values, a multiple of the block's (rows of a matrix are whole blocks). */
enum vs_code vs_k_dequant(struct vs_dev *dev, const void *in, enum vs_dtype dtype, uint64_t n, float *out, struct vs_err *err);
/* MXFP4 of safetensors: blocks[n / 32][16] and scales[n / 32] are two U8 tensors. */
enum vs_code vs_k_dequant_mxfp4(struct vs_dev *dev, const uint8_t *blocks, const uint8_t *scales, uint64_t n, float *out, struct vs_err *err);

/* ---- conversion, bit-exact (dtype.h, quant.h): F64 F32 F16 BF16, and to float32 F8_E4M3 F8_E5M2 and whole blocks ---- */
enum vs_code vs_k_to_f32(const void *in, enum vs_dtype dtype, uint64_t n, float *out, struct vs_err *err);
enum vs_code vs_k_from_f32(const float *in, enum vs_dtype dtype, uint64_t n, void *out, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
