/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks of quantised values to float32, the same on host and device. Two forms of every block dtype, for loops over
 * whole blocks and for threads that take one value each; both give the same bits, so either may stand in a product:
 *
 *     vs_NAME_block(b, y)   all values of the block at b
 *     vs_NAME_at(b, j)      value j of it
 *
 * A block may stand at any address (files are read into windows as they are). Values are computed in float32 from the
 * block's own float16 scales, each operation rounded, none fused. A scale that is NaN or infinite makes values NaN
 * whose bits differ between machines: who stores values passes them through vs_quiet (canon.h).
 *
 * The layouts, little-endian, f16 = float16 (nibbles: the low ones first, then the high ones, in the same byte order):
 *
 *   Q4_0  f16 d           |         | 16 x 2 nibbles        (q - 8) d
 *   Q4_1  f16 d | f16 m   |         | 16 x 2 nibbles        q d + m
 *   Q5_0  f16 d           | 32 bits | 16 x 2 nibbles        (q - 16) d      bit j is bit 4 of value j
 *   Q5_1  f16 d | f16 m   | 32 bits | 16 x 2 nibbles        q d + m
 *   Q8_0  f16 d           |         | 32 x i8               q d
 *   Q4_K  f16 d | f16 min | 8 pairs of 6 bits in 12 bytes           | 4 x 32 x 2 nibbles   (d s) q - (min m)
 *   Q5_K  f16 d | f16 min | the same | 32 x 8 bits: bit c of byte l | 4 x 32 x 2 nibbles   is bit 4 of value 32 c + l
 *   Q6_K  128 x 2 nibbles | 64 x 4 x 2 bits | 16 x i8 scales | f16 d                       (d s) (q - 32)
 *   MXFP4 u8 e            |         | 16 x 2 nibbles        E2M1, twice its value, times 2^(e - 128)
 */
#ifndef VS_KERNELS_QUANT_H
#define VS_KERNELS_QUANT_H

#include "dtype.h"

/* Elements and bytes of the blocks that can be decoded here; 0 for any other dtype. */
#define VS_QUANT_DTYPES(X) X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) X(Q4_K) X(Q5_K) X(Q6_K) X(MXFP4)

enum {
#define VS_QUANT_SIZES(name, id, elements, bytes) VS_##name##_ELEMENTS = elements, VS_##name##_BYTES = bytes,
    VS_BLOCK_DTYPES(VS_QUANT_SIZES)
#undef VS_QUANT_SIZES
};

VS_HD uint32_t vs_quant_elements(enum vs_dtype t)
{
    switch ((int)t) {
#define VS_QUANT_CASE(name) case VS_##name: return VS_##name##_ELEMENTS;
    VS_QUANT_DTYPES(VS_QUANT_CASE)
#undef VS_QUANT_CASE
    default: return 0;
    }
}

VS_HD uint32_t vs_quant_bytes(enum vs_dtype t)
{
    switch ((int)t) {
#define VS_QUANT_CASE(name) case VS_##name: return VS_##name##_BYTES;
    VS_QUANT_DTYPES(VS_QUANT_CASE)
#undef VS_QUANT_CASE
    default: return 0;
    }
}

VS_HD float vs_quant_f16(const uint8_t *p)
{
    return vs_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

VS_HD uint32_t vs_quant_u32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Nibble j of 2 * half values: the low nibbles of the bytes, then the high ones. */
VS_HD int vs_quant_nibble(const uint8_t *q, uint32_t half, uint32_t j)
{
    return j < half ? q[j] & 15 : q[j - half] >> 4;
}

/* ---- 32 values ---- */

VS_HD float vs_Q4_0_at(const uint8_t *b, uint32_t j)
{
    return (float)(vs_quant_nibble(b + 2, 16, j) - 8) * vs_quant_f16(b);
}

VS_HD void vs_Q4_0_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b);
    for (uint32_t j = 0; j < 16; j++) {
        y[j] = (float)((b[2 + j] & 15) - 8) * d;
        y[j + 16] = (float)((b[2 + j] >> 4) - 8) * d;
    }
}

VS_HD float vs_Q4_1_at(const uint8_t *b, uint32_t j)
{
    return (float)vs_quant_nibble(b + 4, 16, j) * vs_quant_f16(b) + vs_quant_f16(b + 2);
}

VS_HD void vs_Q4_1_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b), m = vs_quant_f16(b + 2);
    for (uint32_t j = 0; j < 16; j++) {
        y[j] = (float)(b[4 + j] & 15) * d + m;
        y[j + 16] = (float)(b[4 + j] >> 4) * d + m;
    }
}

VS_HD float vs_Q5_0_at(const uint8_t *b, uint32_t j)
{
    const int high = (int)(b[2 + j / 8] >> j % 8 & 1) << 4;
    return (float)((vs_quant_nibble(b + 6, 16, j) | high) - 16) * vs_quant_f16(b);
}

VS_HD void vs_Q5_0_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b);
    const uint32_t high = vs_quant_u32(b + 2);
    for (uint32_t j = 0; j < 16; j++) {
        y[j] = (float)((int)((b[6 + j] & 15u) | (high >> j & 1) << 4) - 16) * d;
        y[j + 16] = (float)((int)((uint32_t)b[6 + j] >> 4 | (high >> (j + 16) & 1) << 4) - 16) * d;
    }
}

VS_HD float vs_Q5_1_at(const uint8_t *b, uint32_t j)
{
    const int high = (int)(b[4 + j / 8] >> j % 8 & 1) << 4;
    return (float)(vs_quant_nibble(b + 8, 16, j) | high) * vs_quant_f16(b) + vs_quant_f16(b + 2);
}

VS_HD void vs_Q5_1_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b), m = vs_quant_f16(b + 2);
    const uint32_t high = vs_quant_u32(b + 4);
    for (uint32_t j = 0; j < 16; j++) {
        y[j] = (float)(int)((b[8 + j] & 15u) | (high >> j & 1) << 4) * d + m;
        y[j + 16] = (float)(int)((uint32_t)b[8 + j] >> 4 | (high >> (j + 16) & 1) << 4) * d + m;
    }
}

VS_HD float vs_Q8_0_at(const uint8_t *b, uint32_t j)
{
    return (float)(int8_t)b[2 + j] * vs_quant_f16(b);
}

VS_HD void vs_Q8_0_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b);
    for (uint32_t j = 0; j < 32; j++)
        y[j] = (float)(int8_t)b[2 + j] * d;
}

/* ---- 256 values ---- */

/* Scale and minimum of sub-block j of 8, from the 12 bytes s. */
VS_HD uint32_t vs_quant_scale(const uint8_t *s, uint32_t j)
{
    return j < 4 ? s[j] & 63u : (s[j + 4] & 15u) | (uint32_t)s[j - 4] >> 6 << 4;
}

VS_HD uint32_t vs_quant_min(const uint8_t *s, uint32_t j)
{
    return j < 4 ? s[j + 4] & 63u : (uint32_t)s[j + 4] >> 4 | (uint32_t)s[j] >> 6 << 4;
}

VS_HD float vs_Q4_K_at(const uint8_t *b, uint32_t j)
{
    const uint32_t sub = j / 32;
    const int q = vs_quant_nibble(b + 16 + j / 64 * 32, 32, j % 64);
    const float d = vs_quant_f16(b) * (float)vs_quant_scale(b + 4, sub), m = vs_quant_f16(b + 2) * (float)vs_quant_min(b + 4, sub);
    return d * (float)q - m;
}

VS_HD void vs_Q4_K_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b), min = vs_quant_f16(b + 2);
    for (uint32_t c = 0; c < 4; c++) {
        const float d0 = d * (float)vs_quant_scale(b + 4, 2 * c), m0 = min * (float)vs_quant_min(b + 4, 2 * c);
        const float d1 = d * (float)vs_quant_scale(b + 4, 2 * c + 1), m1 = min * (float)vs_quant_min(b + 4, 2 * c + 1);
        const uint8_t *q = b + 16 + 32 * c;
        for (uint32_t l = 0; l < 32; l++) {
            y[64 * c + l] = d0 * (float)(q[l] & 15) - m0;
            y[64 * c + 32 + l] = d1 * (float)(q[l] >> 4) - m1;
        }
    }
}

VS_HD float vs_Q5_K_at(const uint8_t *b, uint32_t j)
{
    const uint32_t sub = j / 32;
    const int q = vs_quant_nibble(b + 48 + j / 64 * 32, 32, j % 64) | (int)(b[16 + j % 32] >> sub & 1) << 4;
    const float d = vs_quant_f16(b) * (float)vs_quant_scale(b + 4, sub), m = vs_quant_f16(b + 2) * (float)vs_quant_min(b + 4, sub);
    return d * (float)q - m;
}

VS_HD void vs_Q5_K_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b), min = vs_quant_f16(b + 2);
    for (uint32_t c = 0; c < 4; c++) {
        const float d0 = d * (float)vs_quant_scale(b + 4, 2 * c), m0 = min * (float)vs_quant_min(b + 4, 2 * c);
        const float d1 = d * (float)vs_quant_scale(b + 4, 2 * c + 1), m1 = min * (float)vs_quant_min(b + 4, 2 * c + 1);
        const uint8_t *q = b + 48 + 32 * c, *high = b + 16;
        for (uint32_t l = 0; l < 32; l++) {
            y[64 * c + l] = d0 * (float)((q[l] & 15) | (high[l] >> (2 * c) & 1) << 4) - m0;
            y[64 * c + 32 + l] = d1 * (float)(q[l] >> 4 | (high[l] >> (2 * c + 1) & 1) << 4) - m1;
        }
    }
}

VS_HD float vs_Q6_K_at(const uint8_t *b, uint32_t j)
{
    const uint32_t n = j / 128, part = j % 128 / 32, l = j % 32; /* half; which two bits; where in it */
    const uint8_t low = b[64 * n + part % 2 * 32 + l];
    const int q = (part < 2 ? low & 15 : low >> 4) | (b[128 + 32 * n + l] >> 2 * part & 3) << 4;
    return vs_quant_f16(b + 208) * (float)(int8_t)b[192 + j / 16] * (float)(q - 32);
}

VS_HD void vs_Q6_K_block(const uint8_t *b, float *y)
{
    const float d = vs_quant_f16(b + 208);
    for (uint32_t n = 0; n < 2; n++)
        for (uint32_t s = 0; s < 2; s++) { /* 16 values of each of the four parts */
            const uint8_t *low = b + 64 * n + 16 * s, *high = b + 128 + 32 * n + 16 * s, *scale = b + 192 + 8 * n + s;
            const float d0 = d * (float)(int8_t)scale[0], d1 = d * (float)(int8_t)scale[2];
            const float d2 = d * (float)(int8_t)scale[4], d3 = d * (float)(int8_t)scale[6];
            float *out = y + 128 * n + 16 * s;
            for (uint32_t l = 0; l < 16; l++) {
                out[l] = d0 * (float)(((low[l] & 15) | (high[l] & 3) << 4) - 32);
                out[l + 32] = d1 * (float)(((low[l + 32] & 15) | (high[l] >> 2 & 3) << 4) - 32);
                out[l + 64] = d2 * (float)((low[l] >> 4 | (high[l] >> 4 & 3) << 4) - 32);
                out[l + 96] = d3 * (float)((low[l + 32] >> 4 | high[l] >> 6 << 4) - 32);
            }
        }
}

/* ---- MXFP4 ---- */

/* Twice the magnitude of an E2M1 number: 0 1 2 3 4 6 8 12. */
VS_HD int vs_e2m1_twice(uint32_t nibble)
{
    return (int)(0xc8643210u >> 4 * (nibble & 7) & 15);
}

/* 2^(e - 128), subnormal for 0 and 1. */
VS_HD float vs_e8m0_half(uint8_t e)
{
    return vs_bits_f32(e < 2 ? 0x00200000u << e : ((uint32_t)e - 1) << 23);
}

/* The integers of GGUF's table: there is no negative zero. */
VS_HD float vs_mxfp4_value(uint32_t nibble, float scale)
{
    const int v = vs_e2m1_twice(nibble);
    return (float)(nibble & 8 ? -v : v) * scale;
}

VS_HD float vs_MXFP4_at(const uint8_t *b, uint32_t j)
{
    return vs_mxfp4_value((uint32_t)vs_quant_nibble(b + 1, 16, j), vs_e8m0_half(b[0]));
}

VS_HD void vs_MXFP4_block(const uint8_t *b, float *y)
{
    const float scale = vs_e8m0_half(b[0]);
    for (uint32_t j = 0; j < 16; j++) {
        y[j] = vs_mxfp4_value(b[1 + j] & 15u, scale);
        y[j + 16] = vs_mxfp4_value((uint32_t)b[1 + j] >> 4, scale);
    }
}

/* MXFP4 of safetensors (gpt-oss): 16 bytes q and an exponent e stand in two tensors; value 2 i is the low nibble of byte i,
 * 2 i + 1 the high one; a negative zero stays one; e 255 is NaN. */
VS_HD float vs_mxfp4_split_at(const uint8_t *q, uint8_t e, uint32_t j)
{
    const uint32_t nibble = (uint32_t)q[j / 2] >> j % 2 * 4 & 15;
    const float magnitude = (float)vs_e2m1_twice(nibble) * vs_e8m0_half(e);
    return e == 255 ? vs_bits_f32(VS_NAN_F32) : nibble & 8 ? -magnitude : magnitude;
}

VS_HD void vs_mxfp4_split_block(const uint8_t *q, uint8_t e, float *y)
{
    for (uint32_t j = 0; j < 32; j++)
        y[j] = vs_mxfp4_split_at(q, e, j);
}

/* ---- by dtype: constant where the caller's is ---- */

VS_HD float vs_quant_at(enum vs_dtype t, const uint8_t *b, uint32_t j)
{
    switch ((int)t) {
#define VS_QUANT_CASE(name) case VS_##name: return vs_##name##_at(b, j);
    VS_QUANT_DTYPES(VS_QUANT_CASE)
#undef VS_QUANT_CASE
    default: return 0;
    }
}

#endif
