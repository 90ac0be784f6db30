/* SPDX-License-Identifier: Apache-2.0
 *
 * Dot products of rows with probes, in the canonical order of canon.h: sixteen threads are its sixteen lanes.
 */
#include "cuda.h"

#define GROUPS 8u  /* of 16 threads in a block */
#define ROWS 4u     /* per group */
#define PROBES 8u   /* per group */

struct probe_args {
    struct vs_rows w;
    const float *hidden, *bias; /* bias of these rows, or NULL */
    uint64_t probes, tiles;     /* tiles of PROBES */
    float *logits;              /* [probes][w.count] */
};

/* The products of one lane. Rows and probes past the end repeat the last ones; their results are dropped. */
VS_HD void lane_sums(const struct probe_args *a, enum vs_dtype dtype, uint64_t r0, uint64_t p0, uint32_t lane, float (*acc)[PROBES])
{
    uint64_t row_at[ROWS], probe_at[PROBES];
    for (uint32_t r = 0; r < ROWS; r++)
        row_at[r] = (r0 + r < a->w.count ? r0 + r : a->w.count - 1) * a->w.cols;
    for (uint32_t p = 0; p < PROBES; p++)
        probe_at[p] = (p0 + p < a->probes ? p0 + p : a->probes - 1) * a->w.cols;
    for (uint32_t r = 0; r < ROWS; r++)
        for (uint32_t p = 0; p < PROBES; p++)
            acc[r][p] = 0;
    for (uint64_t k = lane; k < a->w.cols; k += VS_DOT_LANES) {
        float x[PROBES];
        for (uint32_t p = 0; p < PROBES; p++)
            x[p] = a->hidden[probe_at[p] + k];
        for (uint32_t r = 0; r < ROWS; r++) {
            const float w = vs_get_f32(a->w.data, dtype, row_at[r] + k);
            for (uint32_t p = 0; p < PROBES; p++)
                acc[r][p] = vs_fmaf(x[p], w, acc[r][p]);
        }
    }
}

VS_KERNEL(head_probe, struct probe_args)
{
    VS_BEGIN();
    const uint32_t lane = threadIdx.x % VS_DOT_LANES, group = threadIdx.x / VS_DOT_LANES;
    const uint64_t row_tiles = (a.w.count + ROWS * GROUPS - 1) / (ROWS * GROUPS);
    for (uint64_t item = blockIdx.x; item < row_tiles * a.tiles; item += gridDim.x) {
        const uint64_t r0 = item / a.tiles * ROWS * GROUPS + group * ROWS, p0 = item % a.tiles * PROBES;
        float acc[ROWS][PROBES];
#define CALL(T) lane_sums(&a, T, r0, p0, lane, acc)
        VS_FOR_DTYPE(a.w.dtype, CALL)
#undef CALL
        for (uint32_t r = 0; r < ROWS; r++)
            for (uint32_t p = 0; p < PROBES; p++) {
                float dot = acc[r][p];
                for (uint32_t half = VS_DOT_LANES / 2; half; half /= 2)
                    dot += __shfl_down_sync(0xffffffffu, dot, half, VS_DOT_LANES);
                if (!lane && r0 + r < a.w.count && p0 + p < a.probes)
                    a.logits[(p0 + p) * a.w.count + r0 + r] = vs_quiet(a.bias ? dot + a.bias[r0 + r] : dot);
            }
    }
}

enum vs_code vs_cuda_head_probe(struct vs_dev *dev, const struct vs_rows *window, const float *hidden, uint64_t probes,
                                const float *bias, float *logits, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    uint64_t step = vs_cuda_chunk_rows(cuda, window->cols * vs_float_size(window->dtype));
    const uint64_t by_logits = vs_cuda_chunk_rows(cuda, probes * sizeof *logits);
    step = step < by_logits ? step : by_logits;
    enum vs_code code = vs_cuda_put(cuda, VS_SLOT_A, hidden, probes * window->cols * sizeof *hidden, err);
    for (uint64_t at = 0; at < window->count && !code; at += step) {
        const uint64_t n = window->count - at < step ? window->count - at : step;
        struct probe_args a;
        code = vs_cuda_rows(cuda, window, at, n, &a.w, err);
        if (!code && bias)
            code = vs_cuda_put(cuda, VS_SLOT_B, bias + at, n * sizeof *bias, err);
        if (!code)
            code = vs_cuda_room(cuda, VS_SLOT_OUT, probes * n * sizeof *logits, err);
        a.hidden = (const float *)cuda->slots[VS_SLOT_A].p;
        a.bias = bias ? (const float *)cuda->slots[VS_SLOT_B].p : NULL;
        a.probes = probes;
        a.tiles = (probes + PROBES - 1) / PROBES;
        a.logits = (float *)cuda->slots[VS_SLOT_OUT].p;
        VS_LAUNCH(cuda, code, head_probe, vs_cuda_blocks((n + ROWS * GROUPS - 1) / (ROWS * GROUPS) * a.tiles, 1),
                  GROUPS * VS_DOT_LANES, a, err);
        cuda->behind_kernel = false;
        if (!code)
            code = vs_cuda_check(cudaMemcpy2DAsync(logits + at, window->count * sizeof *logits, a.logits, n * sizeof *logits,
                                                   n * sizeof *logits, probes, cudaMemcpyDeviceToHost, cuda->stream),
                                 "copy from the device", err);
        if (!code)
            code = vs_cuda_check(cudaStreamSynchronize(cuda->stream), "head probe", err);
    }
    return code;
}
