/* SPDX-License-Identifier: Apache-2.0
 *
 * What NEON brings to unpack_blocks.h. 16 float32 are four registers; a table of values is one of bytes.
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

VS_BODY bytes16 sixes(bytes16 low, bytes16 high, uint32_t part)
{
    const bytes16 two = vandq_u8(shifted(high, 4 - 2 * (int)part), vdupq_n_u8(0x30));
    return vsubq_u8(vorrq_u8(part < 2 ? low_nibbles(low) : high_nibbles(low), two), vdupq_n_u8(32));
}

typedef struct { float32x4_t q[4]; } vec_neon;
typedef struct { bytes16 values; float d, m; bool plus; } table_neon;

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

VS_BODY vec_neon affine_neon(bytes16 q, float d, float m)
{
    vec_neon v = scaled_neon(q, d);
    for (int i = 0; i < 4; i++)
        v.q[i] = vaddq_f32(v.q[i], vdupq_n_f32(m));
    return v;
}

VS_BODY table_neon table_scaled_neon(bytes16 values, float d)
{
    return (table_neon){values, d, 0, false};
}

VS_BODY table_neon table_affine_neon(bytes16 values, float d, float m)
{
    return (table_neon){values, d, m, true};
}

VS_BODY vec_neon looked_neon(bytes16 nibbles, table_neon t)
{
    const bytes16 q = vqtbl1q_u8(t.values, nibbles);
    return t.plus ? affine_neon(q, t.d, t.m) : scaled_neon(q, t.d);
}

VS_BODY void look_neon(bytes16 q, table_neon low, table_neon high, vec_neon *out)
{
    out[0] = looked_neon(low_nibbles(q), low);
    out[1] = looked_neon(high_nibbles(q), high);
}

typedef bytes16 bits_neon, ints_neon; /* bit 4 of each byte; bytes */

VS_BODY bytes16 bits16_neon(const uint8_t *p)
{
    const bytes16 spread = vcombine_u8(vdup_n_u8(p[0]), vdup_n_u8(p[1]));
    const bytes16 mask = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201));
    return vandq_u8(vtstq_u8(spread, mask), vdupq_n_u8(16));
}

VS_BODY bytes16 bit_of_neon(bytes16 q, uint32_t n)
{
    return vandq_u8(shifted(q, 4 - (int)n), vdupq_n_u8(16));
}

VS_BODY void fives_neon(bytes16 q, bytes16 low, bytes16 high, bytes16 *out)
{
    out[0] = vorrq_u8(low_nibbles(q), low);
    out[1] = vorrq_u8(high_nibbles(q), high);
}

VS_BODY vec_neon ints_scaled_neon(bytes16 i, uint8_t less, float d)
{
    return scaled_neon(vsubq_u8(i, vdupq_n_u8(less)), d);
}

VS_BODY vec_neon ints_affine_neon(bytes16 i, float d, float m)
{
    return affine_neon(i, d, m);
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
