/* SPDX-License-Identifier: Apache-2.0
 *
 * What single instructions of PTX do (PTX ISA 9.0, chapter 9), for the C that ptx_to_c.py makes. Generic addresses are those of
 * the host; shared memory has its own, from 0 on.
 */
#ifndef VS_TESTS_PTX_H
#define VS_TESTS_PTX_H

#include <math.h>
#include <string.h>
#include "dtype.h"
#include "emu.h"

#define PTX_ALIGNED _Alignas(64)
#define PTX static inline __attribute__((unused))

/* What memory holds may be read as anything. The memory of a thread alone, and arguments, are nobody else's: plain ptx_NAME. */
#define PTX_MEMORY(name, type)                                                  \
    typedef type ptx_##name __attribute__((may_alias));                         \
    PTX type ptx_load_##name(uint64_t at, enum emu_reach reach)                 \
    {                                                                           \
        emu_read((const void *)at, sizeof(type), reach);                        \
        return *(const ptx_##name *)at;                                         \
    }                                                                           \
    PTX void ptx_store_##name(uint64_t at, type value, enum emu_reach reach)    \
    {                                                                           \
        emu_write((const void *)at, &value, sizeof value, reach);               \
        *(ptx_##name *)at = value;                                              \
    }
PTX_MEMORY(b8, uint8_t) PTX_MEMORY(u8, uint8_t) PTX_MEMORY(s8, int8_t)
PTX_MEMORY(b16, uint16_t) PTX_MEMORY(u16, uint16_t) PTX_MEMORY(s16, int16_t)
PTX_MEMORY(b32, uint32_t) PTX_MEMORY(u32, uint32_t) PTX_MEMORY(s32, int32_t)
PTX_MEMORY(b64, uint64_t) PTX_MEMORY(u64, uint64_t) PTX_MEMORY(s64, int64_t)
PTX_MEMORY(f32, float) PTX_MEMORY(f64, double)

/* ---- memory ---- */

PTX uint64_t ptx_aligned(uint64_t address, uint64_t bytes)
{
    if (address % bytes)
        emu_die("misaligned address");
    return address;
}

/* As a generic address. What lies behind the memory of the kernel is AddressSanitizer's to find. */
PTX uint64_t ptx_shared(unsigned char *shared, size_t bytes, uint32_t at)
{
    if (at >= bytes)
        emu_die("an address outside of the shared memory of the block");
    return (uint64_t)(uintptr_t)shared + at;
}

PTX uint64_t ptx_atomic_add(uint64_t address, uint64_t n)
{
    ptx_u64 *p = (ptx_u64 *)ptx_aligned(address, sizeof *p);
    const uint64_t old = *p;
    *p = old + n;
    return old;
}

PTX uint64_t ptx_atomic_max(uint64_t address, uint64_t n)
{
    ptx_u64 *p = (ptx_u64 *)ptx_aligned(address, sizeof *p);
    const uint64_t old = *p;
    *p = n > old ? n : old;
    return old;
}

/* ---- numbers ---- */

PTX float ptx_number(float x) /* NaN results of float32 are this one (9.3: NaN payloads are not supported) */
{
    return x == x ? x : vs_bits_f32(0x7fffffff);
}

PTX float ptx_add_f32(float a, float b) { return ptx_number(a + b); }
PTX float ptx_sub_f32(float a, float b) { return ptx_number(a - b); }
PTX float ptx_mul_f32(float a, float b) { return ptx_number(a * b); }
PTX float ptx_div_f32(float a, float b) { return ptx_number(a / b); }
PTX float ptx_rcp_f32(float a) { return ptx_number(1.0f / a); }
PTX float ptx_fma_f32(float a, float b, float c) { return ptx_number(fmaf(a, b, c)); }
PTX float ptx_neg_f32(float a) { return vs_bits_f32(vs_f32_bits(a) ^ 0x80000000u); }
PTX double ptx_add_f64(double a, double b) { return a + b; }
PTX double ptx_sub_f64(double a, double b) { return a - b; }
PTX double ptx_mul_f64(double a, double b) { return a * b; }
PTX double ptx_div_f64(double a, double b) { return a / b; }
PTX double ptx_rcp_f64(double a) { return 1.0 / a; }
PTX double ptx_fma_f64(double a, double b, double c) { return fma(a, b, c); }
PTX double ptx_sqrt_f64(double a) { return sqrt(a); }
PTX double ptx_abs_f64(double a) { return vs_bits_f64(vs_f64_bits(a) & 0x7fffffffffffffffull); }

PTX float ptx_half(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31)
        return fraction ? vs_bits_f32(0x7fffffff) : vs_bits_f32(sign | 0x7f800000u);
    const float x = exponent ? vs_bits_f32((exponent + 112) << 23 | fraction << 13) : (float)fraction * 0x1p-24f;
    return sign ? -x : x;
}

PTX uint16_t ptx_bf16(float x)
{
    const uint32_t bits = vs_f32_bits(x);
    return x == x ? (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16) : 0x7fff;
}

PTX uint64_t ptx_divisor(uint64_t x)
{
    if (!x)
        emu_die("division by zero");
    return x;
}

/* bfi: bits [at, at + n) of b become the low bits of a. */
PTX uint64_t ptx_insert(uint64_t a, uint64_t b, uint32_t at, uint32_t n, uint32_t width)
{
    at &= 0xff;
    n &= 0xff;
    if (at >= width || !n)
        return b;
    const uint64_t mask = (n < 64 ? (1ull << n) - 1 : ~0ull) << at;
    return (b & ~mask) | (a << at & mask);
}

/* ---- warps ---- */

/* The value of lane j below; whether it is one of the same segment above. */
PTX uint64_t ptx_shuffle(uint32_t a, uint32_t j, bool inside, uint32_t mask)
{
    uint32_t all[32];
    if (mask != 0xffffffffu)
        emu_die("shuffle: only whole warps are emulated");
    emu_all(&a, all, sizeof a);
    return all[inside ? j : threadIdx.x % 32] | (uint64_t)inside << 32;
}

/* Last lane of this one's segment (9.7.9.6). */
PTX uint32_t ptx_last_lane(uint32_t c)
{
    const uint32_t segment = c >> 8 & 31;
    return (threadIdx.x % 32 & segment) | (c & 31 & ~segment);
}

PTX uint64_t ptx_shuffle_down(uint32_t a, uint32_t b, uint32_t c, uint32_t mask)
{
    const uint32_t j = threadIdx.x % 32 + (b & 31);
    return ptx_shuffle(a, j, j <= ptx_last_lane(c), mask);
}

PTX uint64_t ptx_shuffle_bfly(uint32_t a, uint32_t b, uint32_t c, uint32_t mask)
{
    const uint32_t j = threadIdx.x % 32 ^ (b & 31);
    return ptx_shuffle(a, j, j <= ptx_last_lane(c), mask);
}

#endif
