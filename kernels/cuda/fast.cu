/* SPDX-License-Identifier: Apache-2.0
 *
 * cuBLASLt: found by dlopen, its choice of algorithm kept for every shape. Tokens are rounded to BF16 in a buffer of fixed
 * size, as many at a time as it holds.
 */
#include <dlfcn.h>
#include "cublaslt.h"
#include "fast.h"
#include "measure.h"

#define WORKSPACE_BYTES (32ull << 20)
#define STAGING_BYTES (64ull << 20)
#define SHAPES 64u

struct shape {
    uint64_t rows, cols, stride, tokens, y_stride;
    uint32_t y_align;
    void *desc, *w, *x, *y; /* descriptors of cuBLASLt */
    struct vs_lt_heuristic best;
};

struct vs_cuda_lt {
    void *library, *handle;
    struct vs_lt_functions f;
    struct shape shapes[SHAPES];
    uint32_t shape_count;
    void *workspace, *staging;
    const float *x; uint64_t x_stride, cols, tokens; /* of what lies rounded in staging, where cuda->rounded */
};

static enum vs_code lt_check(int status, const char *what, struct vs_err *err)
{
    return status == VS_LT_SUCCESS ? VS_OK : vs_fail(err, VS_EDEVICE, "cuBLASLt: %s: status %d", what, status);
}

static bool find(void *library, const char *name, void *function)
{
    void *p = dlsym(library, name);
    memcpy(function, &p, sizeof p);
    return p != NULL;
}

static bool find_functions(struct vs_cuda_lt *lt)
{
    void *l = lt->library;
    return find(l, "cublasLtCreate", &lt->f.create) && find(l, "cublasLtDestroy", &lt->f.destroy) &&
           find(l, "cublasLtMatmulDescCreate", &lt->f.desc_create) && find(l, "cublasLtMatmulDescDestroy", &lt->f.desc_destroy) &&
           find(l, "cublasLtMatmulDescSetAttribute", &lt->f.desc_set) && find(l, "cublasLtMatrixLayoutCreate", &lt->f.layout_create) &&
           find(l, "cublasLtMatrixLayoutDestroy", &lt->f.layout_destroy) && find(l, "cublasLtMatmulPreferenceCreate", &lt->f.pref_create) &&
           find(l, "cublasLtMatmulPreferenceDestroy", &lt->f.pref_destroy) &&
           find(l, "cublasLtMatmulPreferenceSetAttribute", &lt->f.pref_set) &&
           find(l, "cublasLtMatmulAlgoGetHeuristic", &lt->f.heuristic) && find(l, "cublasLtMatmul", &lt->f.matmul);
}

static void drop_shape(struct vs_cuda_lt *lt, struct shape *s)
{
    void *layouts[3] = {s->w, s->x, s->y};
    for (int i = 0; i < 3; i++)
        if (layouts[i])
            lt->f.layout_destroy(layouts[i]);
    if (s->desc)
        lt->f.desc_destroy(s->desc);
    memset(s, 0, sizeof *s);
}

void vs_cuda_fast_close(struct vs_cuda *cuda)
{
    struct vs_cuda_lt *lt = cuda->lt;
    if (!lt)
        return;
    cudaStreamSynchronize(cuda->stream); /* nothing of the library runs when it is unloaded */
    cudaFree(lt->workspace);
    cudaFree(lt->staging);
    for (uint32_t i = 0; i < lt->shape_count; i++)
        drop_shape(lt, &lt->shapes[i]);
    if (lt->handle)
        lt->f.destroy(lt->handle);
    if (lt->library)
        dlclose(lt->library);
    vs_free(lt);
    cuda->lt = NULL;
    cuda->fast = cuda->fast_attention = false;
}

static enum vs_code take_room(struct vs_cuda *cuda, void **p, uint64_t bytes, const char *where, struct vs_err *err)
{
    const cudaError_t e = cudaMalloc(p, bytes);
    if (e == cudaSuccess)
        return VS_OK;
    *p = NULL;
    return vs_cuda_no_room(cuda, e, where, bytes, err);
}

static enum vs_code fast_open(struct vs_cuda *cuda, struct vs_err *err)
{
    static const char *const names[] = {"libcublasLt.so.13", "libcublasLt.so.12"};
    struct vs_cuda_lt *lt = (struct vs_cuda_lt *)vs_calloc(1, sizeof *lt);
    if (!lt)
        return vs_fail(err, VS_ENOMEM, "no memory for fast mode (%llu bytes)", (unsigned long long)sizeof *lt);
    cuda->lt = lt;
    for (int i = 0; i < 2 && !lt->library; i++)
        lt->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!lt->library)
        return vs_fail(err, VS_EUNSUPPORTED, "fast mode: neither %s nor %s can be loaded: is its folder in LD_LIBRARY_PATH?", names[0], names[1]);
    if (!find_functions(lt))
        return vs_fail(err, VS_EUNSUPPORTED, "fast mode: the cuBLASLt that was loaded lacks a function of versions 12 and 13");
    enum vs_code code = lt_check(lt->f.create(&lt->handle), "handle", err);
    if (!code)
        code = take_room(cuda, &lt->workspace, WORKSPACE_BYTES, " of workspace for fast mode", err);
    if (!code)
        code = take_room(cuda, &lt->staging, STAGING_BYTES, " of activations for fast mode", err);
    return code;
}

enum vs_code vs_cuda_fast(struct vs_dev *dev, bool fast, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const enum vs_code code = fast && !cuda->lt ? fast_open(cuda, err) : VS_OK;
    if (code)
        vs_cuda_fast_close(cuda);
    cuda->fast = cuda->fast_attention = fast && !code;
    return code;
}

bool vs_cuda_fast_takes(const struct vs_cuda *cuda, const struct vs_mat *w, uint64_t m)
{
    return cuda->fast && w->dtype == VS_BF16 && m > 4 && w->cols % 8 == 0 && w->stride % 16 == 0 && (uintptr_t)w->data % 16 == 0 &&
           w->cols * 2 <= STAGING_BYTES;
}

/* ---- one product ---- */

struct round_args { const float *x; uint64_t x_stride, cols, pairs; bool even; uint32_t *out; }; /* even: x may be read two at a time */

#define THREADS 256u
#define EACH 4u /* pairs of a thread at a time, all of them read before one is stored */

VS_DEVICE uint64_t read_pair(const struct round_args *a, uint64_t i)
{
    const uint64_t token = i / (a->cols / 2), pair = i - token * (a->cols / 2);
    const float *x = a->x + token * a->x_stride;
    return a->even ? VS_LOAD(uint64_t, x, pair) : vs_f32_bits(x[2 * pair]) | (uint64_t)vs_f32_bits(x[2 * pair + 1]) << 32;
}

VS_KERNEL(round_tokens, struct round_args)
{
    VS_BEGIN();
    for (uint64_t at = (uint64_t)blockIdx.x * (THREADS * EACH) + threadIdx.x; at < a.pairs; at += (uint64_t)gridDim.x * (THREADS * EACH)) {
        uint64_t two[EACH];
        VS_UNROLL(4)
        for (uint32_t e = 0; e < EACH; e++)
            two[e] = at + e * THREADS < a.pairs ? read_pair(&a, at + e * THREADS) : 0;
        VS_UNROLL(4)
        for (uint32_t e = 0; e < EACH; e++)
            if (at + e * THREADS < a.pairs)
                a.out[at + e * THREADS] = vs_f32_to_bf16(vs_bits_f32((uint32_t)two[e])) |
                                          (uint32_t)vs_f32_to_bf16(vs_bits_f32((uint32_t)(two[e] >> 32))) << 16;
    }
}

struct bias_args { float *y; uint64_t y_stride, rows, n; const float *bias; };

VS_KERNEL(add_bias, struct bias_args)
{
    VS_BEGIN();
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += (uint64_t)gridDim.x * blockDim.x)
        a.y[i / a.rows * a.y_stride + i % a.rows] += a.bias[i % a.rows];
}

static enum vs_code choose(struct vs_cuda_lt *lt, struct shape *s, struct vs_err *err)
{
    static const int attributes[4] = {VS_LT_PREF_ALIGN_A, VS_LT_PREF_ALIGN_B, VS_LT_PREF_ALIGN_C, VS_LT_PREF_ALIGN_D};
    const uint64_t workspace = WORKSPACE_BYTES;
    const uint32_t none = 0, w_align = 16;
    const uint32_t alignments[4] = {w_align, 256, s->y_align, s->y_align};
    void *pref = NULL;
    int found = 0;
    enum vs_code code = lt_check(lt->f.pref_create(&pref), "preference", err);
    if (!code)
        code = lt_check(lt->f.pref_set(pref, VS_LT_PREF_MAX_WORKSPACE, &workspace, sizeof workspace), "workspace", err);
    if (!code)
        code = lt_check(lt->f.pref_set(pref, VS_LT_PREF_REDUCTION_MASK, &none, sizeof none), "reduction scheme", err);
    for (int i = 0; i < 4 && !code; i++)
        code = lt_check(lt->f.pref_set(pref, attributes[i], &alignments[i], sizeof alignments[i]), "alignment", err);
    const int status = code ? VS_LT_SUCCESS : lt->f.heuristic(lt->handle, s->desc, s->w, s->x, s->y, s->y, pref, 1, &s->best, &found);
    if (status != VS_LT_NOT_SUPPORTED)
        code = code ? code : lt_check(status, "choice of an algorithm", err);
    if (!code && !found)
        code = vs_fail(err, VS_EUNSUPPORTED, "cuBLASLt has no algorithm for %llu rows of %llu with %llu tokens", (unsigned long long)s->rows,
                       (unsigned long long)s->cols, (unsigned long long)s->tokens);
    if (pref)
        lt->f.pref_destroy(pref);
    return code;
}

/* In its terms, columns first: y [rows x tokens] = transpose of w [cols x rows] times x [cols x tokens]. */
static enum vs_code make_shape(struct vs_cuda_lt *lt, struct shape *s, struct vs_err *err)
{
    const int transposed = VS_LT_OP_T;
    enum vs_code code = lt_check(lt->f.desc_create(&s->desc, VS_LT_COMPUTE_32F, VS_LT_R_32F), "descriptor", err);
    if (!code)
        code = lt_check(lt->f.desc_set(s->desc, VS_LT_DESC_TRANSA, &transposed, sizeof transposed), "transposition", err);
    if (!code)
        code = lt_check(lt->f.layout_create(&s->w, VS_LT_R_16BF, s->cols, s->rows, (int64_t)(s->stride / 2)), "layout", err);
    if (!code)
        code = lt_check(lt->f.layout_create(&s->x, VS_LT_R_16BF, s->cols, s->tokens, (int64_t)s->cols), "layout", err);
    if (!code)
        code = lt_check(lt->f.layout_create(&s->y, VS_LT_R_32F, s->rows, s->tokens, (int64_t)s->y_stride), "layout", err);
    return code ? code : choose(lt, s, err);
}

/* The oldest shapes make room when there are too many. */
static enum vs_code shape_of(struct vs_cuda_lt *lt, const struct vs_mat *w, uint64_t tokens, const float *y, uint64_t y_stride,
                             struct shape **out, struct vs_err *err)
{
    const uint32_t y_align = y_stride % 4 == 0 && (uintptr_t)y % 16 == 0 ? 16 : 4;
    for (uint32_t i = 0; i < lt->shape_count; i++) {
        struct shape *s = &lt->shapes[i];
        if (s->rows == w->rows && s->cols == w->cols && s->stride == w->stride && s->tokens == tokens && s->y_stride == y_stride &&
            s->y_align == y_align) {
            *out = s;
            return VS_OK;
        }
    }
    if (lt->shape_count == SHAPES) {
        drop_shape(lt, &lt->shapes[0]);
        memmove(&lt->shapes[0], &lt->shapes[1], (SHAPES - 1) * sizeof lt->shapes[0]);
        memset(&lt->shapes[SHAPES - 1], 0, sizeof lt->shapes[0]);
        lt->shape_count--;
    }
    struct shape *s = &lt->shapes[lt->shape_count];
    s->rows = w->rows;
    s->cols = w->cols;
    s->stride = w->stride;
    s->tokens = tokens;
    s->y_stride = y_stride;
    s->y_align = y_align;
    const enum vs_code code = make_shape(lt, s, err);
    if (code)
        drop_shape(lt, s);
    else
        lt->shape_count++;
    *out = s;
    return code;
}

static enum vs_code multiply(struct vs_cuda *cuda, const struct shape *s, const struct vs_mat *w, float *y, struct vs_err *err)
{
    const float one = 1, zero = 0;
    struct vs_cuda_lt *lt = cuda->lt;
    vs_cuda_begin(cuda);
    const enum vs_code code = lt_check(lt->f.matmul(lt->handle, s->desc, &one, w->data, s->w, lt->staging, s->x, &zero, y, s->y, y, s->y,
                                                    &s->best.algo, lt->workspace, WORKSPACE_BYTES, cuda->stream), "product", err);
    return code ? code : vs_cuda_end(cuda, err);
}

/* Products of the same tokens behind one another find them rounded. */
static enum vs_code round_into(struct vs_cuda *cuda, const float *x, uint64_t x_stride, uint64_t cols, uint64_t tokens, struct vs_err *err)
{
    struct vs_cuda_lt *lt = cuda->lt;
    const bool even = ((uintptr_t)x | x_stride * sizeof *x) % 8 == 0;
    const struct round_args a = {x, x_stride, cols, tokens * cols / 2, even, (uint32_t *)lt->staging};
    enum vs_code code = VS_OK;
    if (cuda->rounded && lt->x == x && lt->x_stride == x_stride && lt->cols == cols && lt->tokens == tokens)
        return VS_OK;
    lt->x = x;
    lt->x_stride = x_stride;
    lt->cols = cols;
    lt->tokens = tokens;
    VS_LAUNCH(cuda, code, round_tokens, vs_cuda_blocks(a.pairs, THREADS * EACH), THREADS, a, err);
    return code;
}

enum vs_code vs_cuda_fast_product(struct vs_cuda *cuda, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                                  const float *bias, float *y, uint64_t y_stride, struct vs_err *err)
{
    const uint64_t step = STAGING_BYTES / (w->cols * 2);
    enum vs_code code = vs_cuda_flush(cuda, err);
    for (uint64_t at = 0; at < m && !code; at += step) {
        const uint64_t tokens = m - at < step ? m - at : step;
        const struct bias_args b = {y + at * y_stride, y_stride, w->rows, tokens * w->rows, bias};
        struct shape *s;
        code = shape_of(cuda->lt, w, tokens, b.y, y_stride, &s, err);
        if (!code)
            code = round_into(cuda, x + at * x_stride, x_stride, w->cols, tokens, err);
        if (!code)
            code = multiply(cuda, s, w, b.y, err);
        if (bias)
            VS_LAUNCH(cuda, code, add_bias, vs_cuda_blocks(b.n, 4 * THREADS), THREADS, b, err);
        cuda->rounded = !code;
    }
    return code;
}

/* ---- for gpu-verify: what the library makes of a large product ---- */

#define PEAK_TIMES 10

enum vs_code vs_cuda_fast_peak(struct vs_dev *dev, uint32_t side, double *flops, struct vs_err *err)
{
    const uint64_t tokens = side / 2;
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct vs_mat w = {NULL, NULL, VS_BF16, side, side, side * 2ull, 0};
    struct shape *s = NULL;
    float ms = 0;
    enum vs_code code = tokens * w.stride > STAGING_BYTES ? vs_fail(err, VS_ELIMIT, "products of %u rows: too many to be timed", side)
                                                          : vs_cuda_room(cuda, VS_SLOT_A, w.rows * w.stride, err);
    if (!code)
        code = vs_cuda_room(cuda, VS_SLOT_B, w.rows * tokens * sizeof(float), err);
    w.data = cuda->slots[VS_SLOT_A].p;
    if (!code)
        code = vs_cuda_fill_bf16(dev, cuda->slots[VS_SLOT_A].p, w.rows * w.cols, 1, 1.0f, err);
    if (!code)
        code = vs_cuda_fill_bf16(dev, cuda->lt->staging, tokens * side, 2, 1.0f, err);
    if (!code)
        code = shape_of(cuda->lt, &w, tokens, (float *)cuda->slots[VS_SLOT_B].p, w.rows, &s, err);
    for (int i = 0; i <= PEAK_TIMES && !code; i++) { /* the first one warms up */
        if (i == 1)
            cudaEventRecord(cuda->before, cuda->stream);
        code = multiply(cuda, s, &w, (float *)cuda->slots[VS_SLOT_B].p, err);
    }
    cudaEventRecord(cuda->after, cuda->stream);
    if (!code)
        code = vs_cuda_check(cudaEventSynchronize(cuda->after), "product", err);
    if (!code)
        code = vs_cuda_check(cudaEventElapsedTime(&ms, cuda->before, cuda->after), "time", err);
    *flops = ms > 0 ? 2.0 * side * side * (double)tokens * PEAK_TIMES / (ms * 1e-3) : 0;
    return code;
}
