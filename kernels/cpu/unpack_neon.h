/* SPDX-License-Identifier: Apache-2.0
 *
 * What NEON brings to unpack_blocks.h. 16 float32 are four registers.
 */
#ifndef VS_KERNELS_CPU_UNPACK_NEON_H
#define VS_KERNELS_CPU_UNPACK_NEON_H

#include "lanes.h"

typedef uint8x16_t bytes16;
#define BYTES16(...) vreinterpretq_u8_s8((int8x16_t){__VA_ARGS__})

/* Loaded as bytes: rows are aligned to nothing. */
VS_BODY bytes16 bytes16_at(const uint8_t *p)
{
    return vld1q_u8(p);
}

VS_BODY bytes16 words(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return vreinterpretq_u8_u32((uint32x4_t){a, b, c, d});
}

VS_BODY bytes16 low_nibbles(bytes16 q)
{
    return vandq_u8(q, vdupq_n_u8(15));
}

VS_BODY bytes16 high_nibbles(bytes16 q)
{
    return vshrq_n_u8(q, 4);
}

/* To the left, or with n below 0 to the right. */
VS_BODY bytes16 shifted(bytes16 q, int n)
{
    return vshlq_u8(q, vdupq_n_s8((int8_t)n));
}

typedef struct { float32x4_t q[4]; } vec_neon;

VS_BODY float f16_neon(const uint8_t *p)
{
    const uint16_t bits = (uint16_t)(p[0] | p[1] << 8);
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(bits))), 0);
}

VS_BODY vec_neon zero_neon(void)
{
    return (vec_neon){{vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)}};
}

VS_BODY vec_neon load_neon(const float *p)
{
    return (vec_neon){{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

VS_BODY void store_neon(float *p, vec_neon v)
{
    for (int i = 0; i < 4; i++)
        vst1q_f32(p + 4 * i, v.q[i]);
}

VS_BODY vec_neon fma_neon(vec_neon x, vec_neon v, vec_neon acc)
{
    for (int i = 0; i < 4; i++)
        acc.q[i] = vfmaq_f32(acc.q[i], x.q[i], v.q[i]);
    return acc;
}

VS_BODY float sum_neon(vec_neon v)
{
    return vs_lanes_sum_neon(v.q);
}

VS_BODY float factor_neon(float d)
{
    return d;
}

VS_BODY vec_neon floats_neon(bytes16 q)
{
    const int16x8_t low = vmovl_s8(vreinterpret_s8_u8(vget_low_u8(q))), high = vmovl_high_s8(vreinterpretq_s8_u8(q));
    return (vec_neon){{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
                       vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}

VS_BODY vec_neon halves_neon(bytes16 q, float d, float m)
{
    vec_neon v = floats_neon(q);
    for (int i = 0; i < 4; i++)
        v.q[i] = vmulq_n_f32(v.q[i], i < 2 ? d : m);
    return v;
}

VS_BODY vec_neon scaled_neon(bytes16 q, float d)
{
    return halves_neon(q, d, d);
}

typedef bytes16 ints_neon;

VS_BODY vec_neon ints_scaled_neon(bytes16 i, float d)
{
    return scaled_neon(i, d);
}

VS_BODY vec_neon ints_affine_neon(bytes16 i, float d, float m)
{
    vec_neon v = floats_neon(i);
    for (int k = 0; k < 4; k++)
        v.q[k] = vfmaq_n_f32(vdupq_n_f32(m), v.q[k], d);
    return v;
}

VS_BODY void nibbles_scaled_neon(bytes16 q, uint8_t less, float d, vec_neon *out)
{
    out[0] = scaled_neon(vsubq_u8(low_nibbles(q), vdupq_n_u8(less)), d);
    out[1] = scaled_neon(vsubq_u8(high_nibbles(q), vdupq_n_u8(less)), d);
}

VS_BODY void nibbles_affine_neon(bytes16 q, float d, float m, float d2, float m2, vec_neon *out)
{
    out[0] = ints_affine_neon(low_nibbles(q), d, m);
    out[1] = ints_affine_neon(high_nibbles(q), d2, m2);
}

VS_BODY void looked_neon(bytes16 q, bytes16 values, float d, vec_neon *out)
{
    out[0] = scaled_neon(vqtbl1q_u8(values, low_nibbles(q)), d);
    out[1] = scaled_neon(vqtbl1q_u8(values, high_nibbles(q)), d);
}

typedef struct { bytes16 low, high; } bits_neon; /* bytes of ones */

VS_BODY bytes16 bits16(const uint8_t *p)
{
    return vtstq_u8(vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1])), vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201)));
}

VS_BODY bits_neon bits32_neon(const uint8_t *p)
{
    return (bits_neon){bits16(p), bits16(p + 2)};
}

VS_BODY bits_neon bits_of_neon(bytes16 q, uint32_t n)
{
    return (bits_neon){vtstq_u8(q, vdupq_n_u8((uint8_t)(1u << n))), vtstq_u8(q, vdupq_n_u8((uint8_t)(2u << n)))};
}

VS_BODY bytes16 fifth(bytes16 set, uint8_t less)
{
    return less ? vbicq_u8(vdupq_n_u8(0xf0), set) : vandq_u8(set, vdupq_n_u8(16));
}

VS_BODY void fives_neon(bytes16 q, bits_neon bits, uint8_t less, bytes16 *out)
{
    out[0] = vorrq_u8(low_nibbles(q), fifth(bits.low, less));
    out[1] = vorrq_u8(high_nibbles(q), fifth(bits.high, less));
}

VS_BODY void sixes_neon(const uint8_t *low, const uint8_t *high, uint32_t part, bytes16 *out)
{
    for (int i = 0; i < 2; i++) {
        const bytes16 l = bytes16_at(low + 16 * i), two = vandq_u8(shifted(bytes16_at(high + 16 * i), 4 - 2 * (int)part), vdupq_n_u8(0x30));
        out[i] = vsubq_u8(vorrq_u8(part < 2 ? low_nibbles(l) : high_nibbles(l), two), vdupq_n_u8(32));
    }
}

VS_BODY vec_neon bf16_neon(const uint8_t *p)
{
    const uint16x8_t low = vreinterpretq_u16_u8(vld1q_u8(p)), high = vreinterpretq_u16_u8(vld1q_u8(p + 16));
    return (vec_neon){{vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(low), 16)), vreinterpretq_f32_u32(vshll_high_n_u16(low, 16)),
                       vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(high), 16)), vreinterpretq_f32_u32(vshll_high_n_u16(high, 16))}};
}

VS_BODY vec_neon f16s_neon(const uint8_t *p)
{
    const float16x8_t low = vreinterpretq_f16_u8(vld1q_u8(p)), high = vreinterpretq_f16_u8(vld1q_u8(p + 16));
    return (vec_neon){{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low), vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)}};
}

VS_BODY vec_neon f32_neon(const uint8_t *p)
{
    vec_neon v;
    for (int i = 0; i < 4; i++)
        v.q[i] = vreinterpretq_f32_u8(vld1q_u8(p + 16 * i));
    return v;
}

#endif
