/* SPDX-License-Identifier: Apache-2.0
 *
 * Bit-exact float conversion, the same on host and device, with integer arithmetic and IEEE operations only.
 *
 * Widening is exact and carries NaN payloads over. Narrowing rounds once, to nearest, ties to even, straight from the
 * source type (never float64 -> float32 -> bfloat16), and turns every NaN into the one quiet NaN of the target, so
 * that results of arithmetic have the same bits wherever they were computed.
 *
 *   F32  s eeeeeeee mmmmmmmmmmmmmmmmmmmmmmm     F16  s eeeee mmmmmmmmmm
 *   BF16 s eeeeeeee mmmmmmm                     F8_E5M2 s eeeee mm    F8_E4M3 s eeee mmm (no infinity, 0x7f is NaN)
 */
#ifndef VS_KERNELS_DTYPE_H
#define VS_KERNELS_DTYPE_H

#include <string.h>
#include <vs/tensor.h>

#if defined(__CUDACC__)
#define VS_HD static __host__ __device__ __forceinline__
#else
#define VS_HD static inline __attribute__((always_inline, unused))
#endif

#define VS_NAN_F32 0x7fc00000u
#define VS_NAN_F64 0x7ff8000000000000ull
#define VS_NAN_F16 0x7e00u
#define VS_NAN_BF16 0x7fc0u

VS_HD uint32_t vs_f32_bits(float x)
{
    uint32_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

VS_HD float vs_bits_f32(uint32_t b)
{
    float x;
    memcpy(&x, &b, sizeof x);
    return x;
}

VS_HD uint64_t vs_f64_bits(double x)
{
    uint64_t b;
    memcpy(&b, &x, sizeof b);
    return b;
}

VS_HD double vs_bits_f64(uint64_t b)
{
    double x;
    memcpy(&x, &b, sizeof x);
    return x;
}

/* ---- widening ---- */

VS_HD float vs_bf16_to_f32(uint16_t h)
{
    return vs_bits_f32((uint32_t)h << 16);
}

/* The magnitude, moved to float32's place, is too small by 2^112 exactly, subnormals included. */
VS_HD float vs_f16_to_f32(uint16_t h)
{
    uint32_t b = vs_f32_bits(vs_bits_f32((uint32_t)(h & 0x7fff) << 13) * 0x1p112f);
    b |= (h & 0x7c00) == 0x7c00 ? 0x7f800000u : 0;
    return vs_bits_f32(b | (uint32_t)(h & 0x8000) << 16);
}

VS_HD double vs_f32_to_f64(float x)
{
    return x;
}

VS_HD float vs_f8_e5m2_to_f32(uint8_t v)
{
    return vs_f16_to_f32((uint16_t)(v << 8));
}

VS_HD float vs_f8_e4m3_to_f32(uint8_t v)
{
    uint32_t b = vs_f32_bits(vs_bits_f32((uint32_t)(v & 0x7f) << 20) * 0x1p120f);
    b = (v & 0x7f) == 0x7f ? VS_NAN_F32 : b;
    return vs_bits_f32(b | (uint32_t)(v & 0x80) << 24);
}

/* ---- narrowing ---- */

VS_HD uint16_t vs_f32_to_bf16(float x)
{
    uint32_t b = vs_f32_bits(x);
    uint32_t r = (b + 0x7fff + (b >> 16 & 1)) >> 16;
    return (uint16_t)((b & 0x7fffffff) > 0x7f800000 ? VS_NAN_BF16 : r);
}

/* Below the smallest normal, adding 0.5 (whose last place is the last place of float16's subnormals) rounds. */
VS_HD uint16_t vs_f32_to_f16(float x)
{
    uint32_t b = vs_f32_bits(x), a = b & 0x7fffffff;
    uint32_t small = vs_f32_bits(vs_bits_f32(a < 0x38800000 ? a : 0) + 0.5f) - 0x3f000000;
    uint32_t normal = (a - 0x38000000 + 0xfff + (a >> 13 & 1)) >> 13;
    uint32_t r = a < 0x38800000 ? small : a < 0x47800000 ? normal : 0x7c00;
    r |= b >> 16 & 0x8000;
    return (uint16_t)(a > 0x7f800000 ? VS_NAN_F16 : r);
}

VS_HD float vs_f64_to_f32(double x)
{
    return x == x ? (float)x : vs_bits_f32(VS_NAN_F32);
}

/* float64 -> float32, inexact results forced to an odd last place: a second rounding to at most 22 bits is then the
 * correct rounding of x. */
VS_HD float vs_f64_to_f32_odd(double x)
{
    float f = (float)x;
    uint32_t b = vs_f32_bits(f);
    double back = f;
    uint32_t away = (x < 0 ? back < x : back > x) ? 1 : 0;
    uint32_t inexact = back != x ? 1 : 0;
    return x == x ? vs_bits_f32((b - away) | inexact) : vs_bits_f32(VS_NAN_F32);
}

VS_HD uint16_t vs_f64_to_bf16(double x)
{
    return vs_f32_to_bf16(vs_f64_to_f32_odd(x));
}

VS_HD uint16_t vs_f64_to_f16(double x)
{
    return vs_f32_to_f16(vs_f64_to_f32_odd(x));
}

/* ---- elements of an array of the row dtypes: F64 F32 F16 BF16 ---- */

/* 0 for a dtype that the kernels do not compute with. */
VS_HD uint32_t vs_float_size(enum vs_dtype t)
{
    return t == VS_F64 ? 8 : t == VS_F32 ? 4 : t == VS_F16 || t == VS_BF16 ? 2 : 0;
}

/* Host buffers may be unaligned (a window of a file); device buffers never are. */
#if defined(__CUDA_ARCH__)
#define VS_LOAD(T, p, i) (((const T *)(p))[i])
#define VS_STORE(T, p, i, v) ((void)(((T *)(p))[i] = (v)))
#else
#define VS_LOAD_AS(T, name)                                     \
    VS_HD T vs_load_##name(const void *p, uint64_t i)           \
    {                                                           \
        T v;                                                    \
        memcpy(&v, (const char *)p + i * sizeof v, sizeof v);   \
        return v;                                               \
    }                                                           \
    VS_HD void vs_store_##name(void *p, uint64_t i, T v)        \
    {                                                           \
        memcpy((char *)p + i * sizeof v, &v, sizeof v);         \
    }
VS_LOAD_AS(uint16_t, uint16_t)
VS_LOAD_AS(uint32_t, uint32_t)
VS_LOAD_AS(uint64_t, uint64_t)
VS_LOAD_AS(float, float)
VS_LOAD_AS(double, double)
#define VS_LOAD(T, p, i) vs_load_##T(p, i)
#define VS_STORE(T, p, i, v) vs_store_##T(p, i, v)
#endif

VS_HD float vs_get_f32(const void *p, enum vs_dtype t, uint64_t i)
{
    if (t == VS_BF16)
        return vs_bf16_to_f32(VS_LOAD(uint16_t, p, i));
    if (t == VS_F16)
        return vs_f16_to_f32(VS_LOAD(uint16_t, p, i));
    if (t == VS_F32)
        return VS_LOAD(float, p, i);
    return vs_f64_to_f32(VS_LOAD(double, p, i));
}

VS_HD double vs_get_f64(const void *p, enum vs_dtype t, uint64_t i)
{
    return t == VS_F64 ? VS_LOAD(double, p, i) : vs_f32_to_f64(vs_get_f32(p, t, i));
}

VS_HD void vs_put_f64(void *p, enum vs_dtype t, uint64_t i, double x)
{
    if (t == VS_BF16)
        VS_STORE(uint16_t, p, i, vs_f64_to_bf16(x));
    else if (t == VS_F16)
        VS_STORE(uint16_t, p, i, vs_f64_to_f16(x));
    else if (t == VS_F32)
        VS_STORE(float, p, i, vs_f64_to_f32(x));
    else
        VS_STORE(uint64_t, p, i, x == x ? vs_f64_bits(x) : VS_NAN_F64);
}

VS_HD void vs_put_f32(void *p, enum vs_dtype t, uint64_t i, float x)
{
    if (t == VS_BF16)
        VS_STORE(uint16_t, p, i, vs_f32_to_bf16(x));
    else if (t == VS_F16)
        VS_STORE(uint16_t, p, i, vs_f32_to_f16(x));
    else if (t == VS_F32)
        VS_STORE(uint32_t, p, i, x == x ? vs_f32_bits(x) : VS_NAN_F32);
    else
        vs_put_f64(p, t, i, vs_f32_to_f64(x));
}

#endif
