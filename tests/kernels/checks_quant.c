/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "checks.h"
#include "canon.h"
#include "cuda/measure.h"
#include "quant.h"
#include "quantise.h"

#define QUANT_DTYPE(name) VS_##name,
static const enum vs_dtype dtypes[] = {VS_QUANT_DTYPES(QUANT_DTYPE)};
#undef QUANT_DTYPE
#define DTYPES (sizeof dtypes / sizeof *dtypes)

/* ---- golden sums ---- */

#define N 2048u /* 4 rows of 512 */

static uint32_t crc32_of(const void *p, uint64_t n)
{
    const uint8_t *b = p;
    uint32_t crc = ~0u;
    for (uint64_t i = 0; i < n; i++) {
        crc ^= b[i];
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* Made so that the rows differ in kind: usual, usual, small, mostly zeros with outliers. */
static void golden_input(float *x)
{
    for (uint32_t i = 0; i < N; i++) {
        uint32_t h = i * 2654435761u + 12345u;
        h = (h ^ h >> 15) * 2246822519u;
        h ^= h >> 13;
        x[i] = (float)((int)(h % 4001) - 2000) / 4096.0f;
        if (i / 512 == 2)
            x[i] *= 0.001f;
        if (i / 512 == 3)
            x[i] = i % 7 == 0 ? x[i] * 8 : 0;
    }
}

/* What ggml makes of that input (commit d99724f, x86-64 without fused multiply-add): CRC-32 of the quantised bytes and
 * of the float32 values that they stand for. */
static const struct { enum vs_dtype dtype; uint32_t quantised, values; } golden[] = {
    {VS_Q4_0, 0x07380bc0, 0xe0c49de7}, {VS_Q4_1, 0x82bd214a, 0xb56c0605}, {VS_Q5_0, 0xb2985129, 0xe3ce1c1e},
    {VS_Q5_1, 0xb9f6b5ab, 0x53dd8e0a}, {VS_Q8_0, 0xe755a37d, 0xff694fc7}, {VS_Q4_K, 0x423ae14e, 0x7dc2a42e},
    {VS_Q5_K, 0x276f5b44, 0x09297e70}, {VS_Q6_K, 0x5221d925, 0x0c3a3ba8}, {VS_MXFP4, 0x6de2111c, 0x713f2748},
};
_Static_assert(sizeof golden / sizeof *golden == DTYPES, "one row per dtype");

void check_quant_golden(struct run *r)
{
    float *x = take(r, N * sizeof *x);
    golden_input(x);
    for (unsigned i = 0; i < DTYPES; i++) {
        struct vs_err err = {VS_OK, ""};
        describe(r, "golden input as %s", vs_dtype_name(golden[i].dtype));
        const uint64_t bytes = N / vs_dtype_block(golden[i].dtype) * vs_dtype_bits(golden[i].dtype) / 8;
        uint8_t *blocks = take_odd(r, bytes);
        float *y = take(r, N * sizeof *y);
        quantise(x, golden[i].dtype, N, blocks);
        expect(r, "the quantised bytes are not the golden ones", crc32_of(blocks, bytes) == golden[i].quantised);
        expect(r, "dequantising failed", !vs_k_dequant(r->dev, blocks, golden[i].dtype, N, y, &err));
        expect(r, "the values are not the golden ones", crc32_of(y, N * sizeof *y) == golden[i].values);
    }
    release(r);
}

/* ---- any bytes ---- */

/* Bytes at random; the scales are usual numbers (0), anything (1), or specials (2). */
static void fill_blocks(struct run *r, uint8_t *p, uint64_t blocks, enum vs_dtype dtype, unsigned how)
{
    static const uint16_t specials[] = {0, 0x8000, 1, 0x8001, 0x03ff, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfdff, 0x3c00};
    const uint32_t bytes = vs_quant_bytes(dtype), at = dtype == VS_Q6_K ? 208 : 0;
    const uint32_t scales = dtype == VS_MXFP4 ? 0 : dtype == VS_Q4_0 || dtype == VS_Q5_0 || dtype == VS_Q8_0 || dtype == VS_Q6_K ? 1 : 2;
    for (uint64_t i = 0; i < blocks * bytes; i++)
        p[i] = (uint8_t)next_random(r);
    for (uint64_t i = 0; i < blocks && how != 1; i++)
        for (uint32_t s = 0; s < scales; s++) {
            const uint16_t h = how ? specials[below(r, 12)] : (uint16_t)(0x2000 + below(r, 0x1c00) + (below(r, 2) << 15));
            memcpy(p + i * bytes + at + 2 * s, &h, 2);
        }
}

static void random_case(struct run *r, enum vs_dtype dtype, uint64_t blocks)
{
    const uint64_t n = blocks * vs_quant_elements(dtype);
    struct vs_err err = {VS_OK, ""};
    uint8_t *in = take_odd(r, blocks * vs_quant_bytes(dtype));
    float *a = take(r, n * 4), *b = take(r, n * 4), *c = take(r, n * 4);
    fill_blocks(r, in, blocks, dtype, (unsigned)below(r, 3));
    reference_dequant(in, NULL, dtype, blocks, a);
    expect(r, "dequantising failed", !vs_k_dequant(r->dev, in, dtype, n, b, &err) && !vs_k_to_f32(in, dtype, n, c, &err));
    same(r, "value", a, b, n * 4);
    same(r, "value of vs_k_to_f32", a, c, n * 4);
    for (uint64_t i = 0; i < n; i++) /* the form for one value, the form for a block */
        b[i] = vs_quiet(vs_quant_at(dtype, in + i / vs_quant_elements(dtype) * vs_quant_bytes(dtype), (uint32_t)(i % vs_quant_elements(dtype))));
    same(r, "value by itself", a, b, n * 4);
}

void check_dequant(struct run *r)
{
    static const uint64_t counts[] = {1, 2, 3, 7, 33, 257, 1000};
    for (unsigned d = 0; d < DTYPES; d++)
        for (unsigned i = 0; i < 7; i++)
            for (unsigned repeat = 0; repeat < 3; repeat++) {
                describe(r, "%u blocks of %s", (unsigned)counts[i], vs_dtype_name(dtypes[d]));
                if (vs_dev_kind_of(r->dev) == VS_DEV_CUDA)
                    vs_cuda_tune(r->dev, i % 2 ? 1u << (8 + below(r, 8)) : 64u << 20, false);
                random_case(r, dtypes[d], counts[i]);
                release(r);
            }
}

void check_dequant_mxfp4(struct run *r)
{
    static const uint64_t counts[] = {1, 2, 31, 300};
    for (unsigned i = 0; i < 4; i++) {
        const uint64_t n = counts[i] * 32;
        struct vs_err err = {VS_OK, ""};
        describe(r, "%u blocks of MXFP4 in two tensors", (unsigned)counts[i]);
        if (vs_dev_kind_of(r->dev) == VS_DEV_CUDA)
            vs_cuda_tune(r->dev, i % 2 ? 256u << below(r, 8) : 64u << 20, false);
        uint8_t *blocks = take_odd(r, counts[i] * 16), *scales = take_odd(r, counts[i]);
        float *a = take(r, n * 4), *b = take(r, n * 4);
        for (uint64_t k = 0; k < counts[i] * 16; k++)
            blocks[k] = (uint8_t)next_random(r);
        for (uint64_t k = 0; k < counts[i]; k++)
            scales[k] = (uint8_t)(below(r, 3) ? next_random(r) : below(r, 2) ? 255 - below(r, 4) : below(r, 3));
        reference_dequant(blocks, scales, VS_MXFP4, counts[i], a);
        expect(r, "dequantising failed", !vs_k_dequant_mxfp4(r->dev, blocks, scales, n, b, &err));
        same(r, "value", a, b, n * 4);
        release(r);
    }
}

/* What no caller may ask for. */
void check_quant_refused(struct run *r)
{
    struct vs_err err;
    uint8_t block[VS_Q6_K_BYTES] = {0};
    float y[256];
    describe(r, "half a block");
    expect(r, "not refused", vs_k_dequant(r->dev, block, VS_Q6_K, 255, y, &err) == VS_EUSAGE);
    expect(r, "vs_k_to_f32: not refused", vs_k_to_f32(block, VS_Q4_0, 31, y, &err) == VS_EUSAGE);
    describe(r, "a dtype without a decoder");
    expect(r, "not refused", vs_k_dequant(r->dev, block, VS_IQ2_XXS, 256, y, &err) == VS_EUNSUPPORTED);
    expect(r, "vs_k_to_f32: not refused", vs_k_to_f32(block, VS_Q2_K, 256, y, &err) == VS_EUNSUPPORTED);
    expect(r, "no values: not done", !vs_k_dequant(r->dev, NULL, VS_Q8_0, 0, NULL, &err));
}
