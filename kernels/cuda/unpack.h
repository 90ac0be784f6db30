/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored weights as the 8 threads of a row take them: thread t has lanes 2t and 2t + 1 of the 16, so that of every 16 values
 * it needs two neighbours. The bits are those of quant.h and dtype.h; what a NaN looks like is not.
 *
 *     vs_unpack(dtype, b, e, t, v)   v[s]: values 16 s + 2t and the next of the group at b; e: where its exponent lies (VS_SPLIT)
 *
 * A group is what shares a scale, or a pair of them: 16 values without one, else 32, or 64 of the 256 of a block.
 */
#ifndef VS_KERNELS_CUDA_UNPACK_H
#define VS_KERNELS_CUDA_UNPACK_H

#include "quant.h"

#define VS_SPLIT 0x100 /* beside the dtypes: MXFP4 in two tensors */
#define VS_GROUP_STEPS 4u /* of 16 values, at most */

/* Values and bytes of the blocks that rows are made of, bytes that a row must be aligned to; 0 values: not unpacked here. */
VS_HD uint32_t vs_unpack_values(int t)
{
    const bool single = t == VS_BF16 || t == VS_F16 || t == VS_F32 || t == VS_F8_E4M3 || t == VS_F8_E5M2;
    return t == VS_SPLIT ? 32 : single ? 16 : vs_quant_elements((enum vs_dtype)t);
}

VS_HD uint32_t vs_unpack_bytes(int t)
{
    const bool bytes = t == VS_SPLIT || t == VS_F8_E4M3 || t == VS_F8_E5M2;
    return bytes ? 16 : t == VS_F32 ? 64 : t == VS_BF16 || t == VS_F16 ? 32 : vs_quant_bytes((enum vs_dtype)t);
}

VS_HD uint32_t vs_unpack_align(int t)
{
    return t == VS_F32 ? 8 : t == VS_BF16 || t == VS_F16 ? 4 : t == VS_SPLIT || t == VS_MXFP4 ? 1 : 2;
}

VS_HD float vs_half(uint16_t h)
{
#if defined(__CUDA_ARCH__)
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
    return x;
#else
    return vs_f16_to_f32(h);
#endif
}

VS_HD float vs_half_at(const uint8_t *p)
{
    return vs_half(VS_LOAD(uint16_t, p, 0));
}

/* q - less for a q below 2^23: exact, and cheaper than a conversion. */
VS_HD float vs_whole(uint32_t q, float less)
{
    return vs_bits_f32(0x4b000000u | q) - (8388608.0f + less);
}

/* ---- 32 values: a low and a high nibble in each byte ---- */

/* Two bytes at q: nibbles of step 0, then of step 1, and where there is one the fifth bit of each. */
VS_HD void vs_nibbles(uint32_t q, uint32_t fifth0, uint32_t fifth1, float less, float (*v)[2])
{
    v[0][0] = vs_whole((q & 15) | (fifth0 & 1) << 4, less);
    v[0][1] = vs_whole((q >> 8 & 15) | (fifth0 & 2) << 3, less);
    v[1][0] = vs_whole((q >> 4 & 15) | (fifth1 & 1) << 4, less);
    v[1][1] = vs_whole((q >> 12 & 15) | (fifth1 & 2) << 3, less);
}

VS_HD void vs_times(float (*v)[2], uint32_t steps, float d)
{
    for (uint32_t s = 0; s < steps; s++) {
        v[s][0] *= d;
        v[s][1] *= d;
    }
}

/* Each operation rounded: nothing is fused here (--fmad=false, -ffp-contract=off). */
VS_HD void vs_affine(float (*v)[2], uint32_t steps, float d, float m)
{
    for (uint32_t s = 0; s < steps; s++) {
        v[s][0] = v[s][0] * d + m;
        v[s][1] = v[s][1] * d + m;
    }
}

VS_HD uint32_t vs_two(const uint8_t *p, uint32_t t)
{
    return VS_LOAD(uint16_t, p, t);
}

VS_HD void vs_unpack_fives(int dtype, const uint8_t *b, uint32_t t, float (*v)[2])
{
    const uint32_t at = dtype == VS_Q5_1 ? 4 : 2;
    vs_nibbles(vs_two(b + at + 4, t), vs_two(b + at, 0) >> 2 * t, vs_two(b + at, 1) >> 2 * t, dtype == VS_Q5_0 ? 16 : 0, v);
    if (dtype == VS_Q5_0)
        vs_times(v, 2, vs_half_at(b));
    else
        vs_affine(v, 2, vs_half_at(b), vs_half_at(b + 2));
}

VS_HD void vs_unpack_bytes8(const uint8_t *b, uint32_t t, float (*v)[2])
{
    const float d = vs_half_at(b);
    for (uint32_t s = 0; s < 2; s++) {
        const uint32_t q = vs_two(b + 2 + 16 * s, t);
        v[s][0] = (float)(int8_t)(q & 255) * d;
        v[s][1] = (float)(int8_t)(q >> 8) * d;
    }
}

VS_HD void vs_unpack_mxfp4(const uint8_t *b, uint32_t t, float (*v)[2])
{
    const float scale = vs_e8m0_half(b[0]);
    for (uint32_t e = 0; e < 2; e++) {
        const uint32_t q = b[1 + 2 * t + e];
        v[0][e] = vs_mxfp4_value(q & 15, scale);
        v[1][e] = vs_mxfp4_value(q >> 4, scale);
    }
}

VS_HD void vs_unpack_split(const uint8_t *b, uint8_t scale, uint32_t t, float (*v)[2])
{
    for (uint32_t s = 0; s < 2; s++)
        for (uint32_t e = 0; e < 2; e++)
            v[s][e] = vs_mxfp4_split_at(b, scale, 16 * s + 2 * t + e);
}

/* ---- 64 of 256 values: group c ---- */

VS_HD void vs_unpack_pairs(int dtype, const uint8_t *b, uint32_t c, uint32_t t, float (*v)[2])
{
    const float d = vs_half_at(b), min = vs_half_at(b + 2);
    const uint8_t *q = b + (dtype == VS_Q5_K ? 48 : 16) + 32 * c;
    for (uint32_t h = 0; h < 2; h++) { /* values 16 h + 2t of both sub-blocks */
        const uint32_t fifth = dtype == VS_Q5_K ? vs_two(b + 16 + 16 * h, t) >> 2 * c : 0;
        float w[2][2];
        vs_nibbles(vs_two(q + 16 * h, t), (fifth & 1) | (fifth >> 7 & 2), (fifth >> 1 & 1) | (fifth >> 8 & 2), 0, w);
        for (uint32_t e = 0; e < 2; e++) {
            v[h][e] = w[0][e];
            v[2 + h][e] = w[1][e];
        }
    }
    vs_affine(v, 2, d * (float)vs_quant_scale(b + 4, 2 * c), -(min * (float)vs_quant_min(b + 4, 2 * c)));
    vs_affine(v + 2, 2, d * (float)vs_quant_scale(b + 4, 2 * c + 1), -(min * (float)vs_quant_min(b + 4, 2 * c + 1)));
}

VS_HD void vs_unpack_sixes(const uint8_t *b, uint32_t c, uint32_t t, float (*v)[2])
{
    const float d = vs_half_at(b + 208);
    for (uint32_t s = 0; s < 4; s++) {
        const uint32_t at = s % 2 * 16; /* of the 32 values that share a byte for their high bits */
        const uint32_t low = vs_two(b + 64 * (c / 2) + s / 2 * 32 + at, t) >> 4 * (c % 2);
        const uint32_t high = vs_two(b + 128 + 32 * (c / 2) + at, t) >> (4 * (c % 2) + s / 2 * 2);
        const float scale = d * (float)(int8_t)b[192 + 4 * c + s];
        v[s][0] = scale * vs_whole((low & 15) | (high & 3) << 4, 32);
        v[s][1] = scale * vs_whole((low >> 8 & 15) | (high >> 8 & 3) << 4, 32);
    }
}

/* ---- 16 values, each for itself ---- */

VS_HD void vs_unpack_floats(int dtype, const uint8_t *b, uint32_t t, float *v)
{
    if (dtype == VS_F32) {
        const uint64_t two = VS_LOAD(uint64_t, b, t);
        v[0] = vs_bits_f32((uint32_t)two);
        v[1] = vs_bits_f32((uint32_t)(two >> 32));
    } else if (dtype == VS_BF16) {
        const uint32_t two = VS_LOAD(uint32_t, b, t);
        v[0] = vs_bits_f32(two << 16);
        v[1] = vs_bits_f32(two & 0xffff0000u);
    } else if (dtype == VS_F16) {
        const uint32_t two = VS_LOAD(uint32_t, b, t);
        v[0] = vs_half((uint16_t)two);
        v[1] = vs_half((uint16_t)(two >> 16));
    } else {
        const uint32_t two = vs_two(b, t);
        v[0] = dtype == VS_F8_E4M3 ? vs_f8_e4m3_to_f32((uint8_t)two) : vs_f8_e5m2_to_f32((uint8_t)two);
        v[1] = dtype == VS_F8_E4M3 ? vs_f8_e4m3_to_f32((uint8_t)(two >> 8)) : vs_f8_e5m2_to_f32((uint8_t)(two >> 8));
    }
}

VS_HD uint32_t vs_unpack_steps(int dtype)
{
    const uint32_t values = vs_unpack_values(dtype);
    return values == 256 ? 4 : values / 16;
}

/* g: number of the group in the row that begins at b. */
VS_HD void vs_unpack(int dtype, const uint8_t *b, const uint8_t *e, uint32_t g, uint32_t t, float (*v)[2])
{
    const uint32_t c = vs_unpack_values(dtype) == 256 ? g % 4 : 0;
    b += (vs_unpack_values(dtype) == 256 ? g / 4 : g) * vs_unpack_bytes(dtype);
    switch (dtype) {
    case VS_Q4_0:
        vs_nibbles(vs_two(b + 2, t), 0, 0, 8, v);
        vs_times(v, 2, vs_half_at(b));
        break;
    case VS_Q4_1:
        vs_nibbles(vs_two(b + 4, t), 0, 0, 0, v);
        vs_affine(v, 2, vs_half_at(b), vs_half_at(b + 2));
        break;
    case VS_Q5_0:
    case VS_Q5_1: vs_unpack_fives(dtype, b, t, v); break;
    case VS_Q8_0: vs_unpack_bytes8(b, t, v); break;
    case VS_MXFP4: vs_unpack_mxfp4(b, t, v); break;
    case VS_SPLIT: vs_unpack_split(b, e[g], t, v); break;
    case VS_Q4_K:
    case VS_Q5_K: vs_unpack_pairs(dtype, b, c, t, v); break;
    case VS_Q6_K: vs_unpack_sixes(b, c, t, v); break;
    default: vs_unpack_floats(dtype, b, t, v[0]); break;
    }
}

#endif
