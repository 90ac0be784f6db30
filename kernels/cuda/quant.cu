/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks to float32, one value a thread.
 */
#include "cuda.h"
#include "quant.h"

struct dequant_args {
    const uint8_t *in, *scales; /* scales: MXFP4 in two tensors; else NULL */
    enum vs_dtype dtype;
    uint32_t elements, bytes;   /* of a block */
    uint64_t n;                 /* values */
    float *out;
};

VS_KERNEL(dequant, struct dequant_args)
{
    VS_BEGIN();
    const uint64_t stride = (uint64_t)gridDim.x * blockDim.x;
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += stride) {
        const uint64_t block = i / a.elements;
        const uint8_t *b = a.in + block * a.bytes;
        const uint32_t j = (uint32_t)(i % a.elements);
        a.out[i] = vs_quiet(a.scales ? vs_mxfp4_split_at(b, a.scales[block], j) : vs_quant_at(a.dtype, b, j));
    }
}

enum vs_code vs_cuda_dequant(struct vs_dev *dev, const void *in, const uint8_t *scales, enum vs_dtype dtype, uint64_t blocks,
                             float *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct dequant_args a;
    enum vs_code code = VS_OK;
    a.dtype = dtype;
    a.elements = vs_quant_elements(dtype);
    a.bytes = scales ? 16 : vs_quant_bytes(dtype);
    const uint64_t step = vs_cuda_chunk_rows(cuda, a.elements * sizeof *out);
    for (uint64_t at = 0; at < blocks && !code; at += step) {
        const uint64_t n = blocks - at < step ? blocks - at : step;
        code = vs_cuda_put(cuda, VS_SLOT_ROWS, (const uint8_t *)in + at * a.bytes, n * a.bytes, err);
        if (!code && scales)
            code = vs_cuda_put(cuda, VS_SLOT_A, scales + at, n, err);
        if (!code)
            code = vs_cuda_room(cuda, VS_SLOT_OUT, n * a.elements * sizeof *out, err);
        a.in = (const uint8_t *)cuda->slots[VS_SLOT_ROWS].p;
        a.scales = scales ? (const uint8_t *)cuda->slots[VS_SLOT_A].p : NULL;
        a.n = n * a.elements;
        a.out = (float *)cuda->slots[VS_SLOT_OUT].p;
        VS_LAUNCH(cuda, code, dequant, vs_cuda_blocks(a.n, 256), 256, a, err);
        if (!code)
            code = vs_cuda_get(cuda, VS_SLOT_OUT, out + at * a.elements, a.n * sizeof *out, err);
    }
    return code;
}
