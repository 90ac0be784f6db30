/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations of a forward pass, on memory of the device: what lib/forward is made of. Implemented by every backend
 * (cpu/, cuda/); on the CPU device memory is host memory.
 *
 * Activations are float32, row-major; weights keep the dtype they are stored in and are converted as they are used.
 * Strict mode (the default): every result depends on its inputs and their shapes alone, never on threads, tiles, batch
 * or device. A reduction runs in the canonical order of canon.h over the reduced axis; CPU and CUDA agree bit for bit.
 * Operations are issued in order and may run later: vs_dev_get and vs_dev_wait wait for them. None allocates device
 * memory. Arguments are checked once, in kernels.c: what no caller may ask for is VS_EUSAGE. Sizes are in elements
 * unless a name says bytes. Overlapping inputs and outputs are allowed only where said.
 */
#ifndef VS_FORWARD_KERNELS_H
#define VS_FORWARD_KERNELS_H

#include "vs_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- memory of the device ---- */

bool vs_dev_shares(const struct vs_dev *dev);        /* device memory is host memory: nothing needs to be sent */
enum vs_code vs_dev_alloc(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err); /* 256-byte aligned; VS_ENOMEM */
bool vs_dev_ran_out(struct vs_dev *dev);             /* of memory, since this was last asked: what VS_ENOMEM of the host does not set */
void vs_dev_free(struct vs_dev *dev, void *p);       /* accepts NULL */
enum vs_code vs_dev_memory(struct vs_dev *dev, uint64_t *free_bytes, uint64_t *total_bytes, struct vs_err *err);
enum vs_code vs_dev_put(struct vs_dev *dev, void *dst, const void *host, uint64_t bytes, struct vs_err *err); /* host may be reused */
enum vs_code vs_dev_get(struct vs_dev *dev, void *host, const void *src, uint64_t bytes, struct vs_err *err); /* waits */
enum vs_code vs_dev_wait(struct vs_dev *dev, struct vs_err *err);
/* Room for matrix products with rows of up to cols values: they allocate nothing afterwards. */
enum vs_code vs_dev_reserve(struct vs_dev *dev, uint64_t cols, struct vs_err *err);
/* Fast mode: matrix products of BF16 weights with more than 4 tokens by cuBLASLt where it can be loaded (of fewer, memory
 * is the bound: strict), attention of prompts on tensor cores. VS_EUNSUPPORTED, with the reason, where this device has no
 * fast mode. */
enum vs_code vs_dev_fast(struct vs_dev *dev, bool fast, struct vs_err *err);

/* Read-ahead by two lanes (0 and 1), each a pair of a pinned host buffer and a device buffer of the caller's. send: copies
 * beside the computation, after the operations issued before the last vs_dev_used of that lane. arrived: operations
 * issued from now on see what was sent. used: operations issued so far are the last that read the device buffer.
 * sent: waits until the host buffer may be overwritten. On a device that shares memory they do nothing but copy. */
enum vs_code vs_dev_host_alloc(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err);
void vs_dev_host_free(struct vs_dev *dev, void *p);  /* accepts NULL */
enum vs_code vs_dev_send(struct vs_dev *dev, unsigned lane, void *dst, const void *host, uint64_t bytes, struct vs_err *err);
enum vs_code vs_dev_arrived(struct vs_dev *dev, unsigned lane, struct vs_err *err);
enum vs_code vs_dev_used(struct vs_dev *dev, unsigned lane, struct vs_err *err);
enum vs_code vs_dev_sent(struct vs_dev *dev, unsigned lane, struct vs_err *err);

/* ---- matrix product ---- */

/* Weights [rows, cols], rows = outputs, row r at data + r * stride bytes. A row of a block-quantised dtype is whole
 * blocks. scales: NULL, or for MXFP4 the separate U8 exponents of safetensors (one per 32 columns, row r at scales +
 * r * scale_stride; data then holds nibbles in column order, low nibble first). */
struct vs_mat {
    const void *data, *scales;
    enum vs_dtype dtype;
    uint64_t rows, cols, stride, scale_stride;
};

/* y[i * y_stride + r] = dot(x row i, weights row r) + bias[r] (bias NULL: no addition) for i < m. x rows are x_stride
 * apart. dot: canon.h, 16 lanes. Values of quantised rows are those that vs_k_dequantize gives. */
enum vs_code vs_f_linear(struct vs_dev *dev, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                         const float *bias, float *y, uint64_t y_stride, struct vs_err *err);

/* ---- norms ---- */

/* rms: y = x * (1 / sqrt(mean(x^2) + eps)) * weight. layer: y = (x - mean) * (1 / sqrt(var + eps)) * weight + bias. Sums
 * in float64 in canonical order, the factor rounded to float32 once, products in float32. weight NULL = 1, bias NULL =
 * 0. x and y may be the same. */
enum vs_f_norm_kind { VS_F_RMS, VS_F_LAYER };
enum vs_code vs_f_norm(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols,
                       const float *weight, const float *bias, double eps, float *y, struct vs_err *err);

/* ---- attention ---- */

/* One projection seen as heads: element d of head h of token t is data[t * token_stride + h * head_stride + d]. */
struct vs_f_heads { float *data; uint64_t token_stride, head_stride, heads, dim; };

/* Rotates the first 2 * pairs elements of every head in place. cos_sin: [positions][pairs][2], float32, made on the host
 * in float64. interleaved: pairs (2i, 2i + 1), else (i, i + pairs). position[t] indexes the table. (a, b) becomes
 * (fma(a, cos, -(b sin)), fma(b, cos, a sin)). */
enum vs_code vs_f_rope(struct vs_dev *dev, const struct vs_f_heads *x, uint64_t tokens, const uint32_t *position,
                       const float *cos_sin, uint64_t pairs, bool interleaved, struct vs_err *err);

/* Tokens [q_begin, q_begin + q_count) of q attend to tokens [k_begin, k_begin + k_count) of k and v; the last query stands
 * at the last key. */
struct vs_f_span { uint32_t q_begin, q_count, k_begin, k_count; };

struct vs_f_attention {
    struct vs_f_heads q, k, v;               /* k.heads = v.heads divides q.heads; v.dim may differ from q.dim = k.dim */
    const struct vs_f_span *spans;           /* host memory */
    uint32_t span_count;
    float scale, softcap;                    /* score = dot * scale; softcap > 0: tanh(score / softcap) * softcap */
    uint32_t window;                         /* > 0: key j only for i - window < j <= i */
    bool causal;                             /* false: every key of the span (encoders) */
    const float *sinks;                      /* [q.heads] extra logits of the denominator, or NULL */
    float *scores;                           /* workspace of vs_f_attention_scores(...) elements */
    float *out;                              /* [q tokens][q.heads * v.dim] */
    double *row_sum_error;                   /* NULL, or host: the largest |sum of a row's weights - 1|, sinks counted; waits */
};
uint64_t vs_f_attention_scores(struct vs_dev *dev, const struct vs_f_attention *a);
/* Scores: canonical dot over dim. Softmax over the allowed keys of a row: maximum; weights exp(score - maximum) (canon.h); their
 * sum by canonical lanes over keys counted from k_begin; output column = fma chain over keys ascending, then divided by
 * the sum. */
enum vs_code vs_f_attend(struct vs_dev *dev, const struct vs_f_attention *a, struct vs_err *err);

/* ---- elementwise ---- */

enum vs_f_act { VS_F_SILU, VS_F_GELU_ERF, VS_F_GELU_TANH, VS_F_RELU, VS_F_RELU2, VS_F_SWIGLU_OAI, VS_F_SIGMOID, VS_F_TANH };
/* gate NULL: y = act(x). Else y = act(gate) * x; SWIGLU_OAI: g = min(gate, limit), u = clamp(x, -limit, limit),
 * y = (u + 1) * g * sigmoid(1.702 g), limit 7 (gpt-oss). y may be x or gate. */
enum vs_code vs_f_act(struct vs_dev *dev, enum vs_f_act act, const float *gate, const float *x, uint64_t n, float *y, struct vs_err *err);
enum vs_code vs_f_add(struct vs_dev *dev, float *x, const float *y, float scale, uint64_t n, struct vs_err *err);  /* x += y * scale, two roundings */
/* x = x * scale, then cap > 0: tanh(x / cap) * cap. */
enum vs_code vs_f_scale(struct vs_dev *dev, float *x, float scale, float cap, uint64_t n, struct vs_err *err);

/* ---- mixture of experts ---- */

enum vs_f_route { VS_F_SOFTMAX_TOPK, VS_F_TOPK_SOFTMAX };
/* On the host, the same for every device: logits[experts] of one token -> k experts by descending score (ties: lower
 * expert) with weights. SOFTMAX_TOPK: softmax over all, then the k largest, renormed to sum 1 when renorm. */
void vs_f_route(enum vs_f_route order, const float *logits, uint32_t experts, uint32_t k, bool renorm, uint32_t *chosen, float *weights);
float vs_f_sigmoid(float x); /* on the host, as VS_F_SIGMOID */
/* out row i = x row rows[i]; rows: device memory. */
enum vs_code vs_f_take(struct vs_dev *dev, const float *x, const uint32_t *rows, uint64_t n, uint64_t cols, float *out, struct vs_err *err);
/* x row rows[i] += weights[i] * y row i, rows distinct, two roundings; rows, weights: device memory. */
enum vs_code vs_f_put_back(struct vs_dev *dev, float *x, const uint32_t *rows, const float *weights, const float *y, uint64_t n,
                           uint64_t cols, struct vs_err *err);

/* ---- looking at results ---- */

/* Hash: of the bits, in order; max_abs over finite values. Waits. */
struct vs_f_stats { uint64_t nan, inf, hash; float max_abs; };
enum vs_code vs_f_look(struct vs_dev *dev, const float *x, uint64_t n, struct vs_f_stats *out, struct vs_err *err);

/* Running statistics of one position over tiles of logits, fed in ascending order of ids; start from zeroed memory. Classes of rows:
 * 0 old, 1 new, 2 surplus (no token), 3 masked (no token, and generation leaves the id out). Per class: maximum with its id (ties:
 * lowest id), sum of exp(logit - maximum) in float64, counts. A NaN is counted, never a maximum. */
enum { VS_F_OLD, VS_F_NEW, VS_F_SURPLUS, VS_F_MASKED, VS_F_CLASSES };
struct vs_f_logit_class { uint64_t count, nan, inf, id; double sum_exp; float max; };
struct vs_f_logit_stats { struct vs_f_logit_class of[VS_F_CLASSES]; };
/* logits: [m][n], row stride `stride`, of ids [first, first + n); row_class[n] (device memory); stats[m] on the host. Waits.
 * A tile's sums run in canonical order and tiles are merged in order: the same tiles give the same bits. */
enum vs_code vs_f_logit_tile(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                             const uint8_t *row_class, struct vs_f_logit_stats *stats, struct vs_err *err);

/* The id to write next: the highest logit among the classes old and new, the lowest id where several have it, never a NaN. Over
 * tiles in ascending order of ids; best[m] on the host starts with id UINT64_MAX, for none. Waits. */
struct vs_f_best { uint64_t id; float value; };
enum vs_code vs_f_choose(struct vs_dev *dev, const float *logits, uint64_t stride, uint64_t m, uint64_t n, uint64_t first,
                         const uint8_t *row_class, struct vs_f_best *best, struct vs_err *err);

/* Bit for bit and in numbers: adds to *out. NaN beside NaN of the same bits is equal; a NaN or Inf beside anything else is
 * counted as different and left out of the sums. first: lowest differing position, UINT64_MAX at the start. Waits. */
struct vs_f_diff { uint64_t count, different, first; double max_abs, sum_squares, sum_reference; };
enum vs_code vs_f_compare(struct vs_dev *dev, const float *reference, uint64_t ref_stride, const float *x, uint64_t x_stride, uint64_t m,
                          uint64_t n, struct vs_f_diff *out, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
