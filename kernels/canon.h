/* SPDX-License-Identifier: Apache-2.0
 *
 * Canonical arithmetic: what every backend computes, to the last bit. Reductions run in an order that depends on the
 * row length alone; where a fused multiply-add is wanted it is written, and the compilers are told to make none.
 */
#ifndef VS_KERNELS_CANON_H
#define VS_KERNELS_CANON_H

#include <math.h>
#include "dtype.h"

#if defined(__CUDA_ARCH__)
VS_HD float vs_fmaf(float a, float b, float c) { return __fmaf_rn(a, b, c); }
VS_HD double vs_fma(double a, double b, double c) { return __fma_rn(a, b, c); }
#else
VS_HD float vs_fmaf(float a, float b, float c) { return fmaf(a, b, c); }
VS_HD double vs_fma(double a, double b, double c) { return fma(a, b, c); }
#endif

/* Dot product in float32: lane l of 16 starts at +0 and takes the products k = l, l + 16, l + 32 ... by fused
 * multiply-add; then lanes l and l + 8 are added, l and l + 4, l and l + 2, l and l + 1. A NaN result is the one
 * quiet NaN. */
#define VS_DOT_LANES 16

VS_HD float vs_quiet(float x)
{
    return x == x ? x : vs_bits_f32(VS_NAN_F32);
}

/* lanes is used up. */
VS_HD float vs_dot_finish(float *lanes)
{
    for (int half = VS_DOT_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

/* Sum of squares in float64: the same shape with 128 lanes, so that a warp of 32 threads with four neighbouring
 * elements each reads whole cache lines. Values that are not finite count as zero. */
#define VS_SQUARE_LANES 128

VS_HD double vs_square_finish(double *lanes)
{
    for (int half = VS_SQUARE_LANES / 2; half; half /= 2)
        for (int l = 0; l < half; l++)
            lanes[l] += lanes[l + half];
    return lanes[0];
}

/* ---- hash of a row's stored bytes ---- */

/* A bijection of 64 bits that spreads every bit (xor-shift-multiply; constants of Stafford's variant 13). */
VS_HD uint64_t vs_mix64(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

#define VS_GOLDEN 0x9e3779b97f4a7c15ull /* 2^64 / golden ratio, odd */

/* The hash is the sum over 8-byte little-endian words (the last one padded with zeros) of vs_hash_word, then
 * vs_hash_finish: sums of integers may run in any order. */
VS_HD uint64_t vs_hash_word(uint64_t word, uint64_t position)
{
    return vs_mix64(word + (position + 1) * VS_GOLDEN);
}

VS_HD uint64_t vs_hash_finish(uint64_t sum, uint64_t bytes)
{
    return vs_mix64(sum + bytes);
}

/* ---- elementary functions in float64, within a few units in the last place ---- */

/* x normal and positive. x = 2^e m with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1) / (m + 1)), as its series. */
VS_HD double vs_log(double x)
{
    uint64_t b = vs_f64_bits(x) - 0x3fe6a09e667f3bcdull; /* - sqrt(1/2) */
    int64_t e = (int64_t)b >> 52;
    double m = vs_bits_f64((b & 0xfffffffffffffull) + 0x3fe6a09e667f3bcdull);
    /* e as a float64 by a bias that makes its bits positive: vectorises everywhere */
    double de = vs_bits_f64(0x4330000000000000ull + (uint64_t)(e + 2048)) - (0x1p52 + 2048);
    double s = (m - 1) / (m + 1), z = s * s;
    double p = 1.0 / 23;
    p = vs_fma(p, z, 1.0 / 21);
    p = vs_fma(p, z, 1.0 / 19);
    p = vs_fma(p, z, 1.0 / 17);
    p = vs_fma(p, z, 1.0 / 15);
    p = vs_fma(p, z, 1.0 / 13);
    p = vs_fma(p, z, 1.0 / 11);
    p = vs_fma(p, z, 1.0 / 9);
    p = vs_fma(p, z, 1.0 / 7);
    p = vs_fma(p, z, 1.0 / 5);
    p = vs_fma(p, z, 1.0 / 3);
    double low = vs_fma(s + s, z * p, de * 0x1.abc9e3b39803fp-56); /* ln 2 = 0x1.62e42fefa39efp-1 + this */
    return vs_fma(de, 0x1.62e42fefa39efp-1, (s + s) + low);
}

/* sin and cos of a whole turn's fraction t in [0, 1): the quarter turn is split off exactly, the rest is a Taylor
 * series on [-pi/4, pi/4]. */
VS_HD void vs_sincos_turn(double t, double *sin_out, double *cos_out)
{
    double shifted = vs_fma(t, 4.0, 0x1.8p52); /* rounds 4t to an integer in the last places */
    uint64_t quarter = vs_f64_bits(shifted) & 3;
    double r = vs_fma(shifted - 0x1.8p52, -0.25, t); /* exact, |r| <= 1/8 */
    double x = vs_fma(r, 0x1.921fb54442d18p+2, r * 0x1.1a62633145c07p-52); /* 2 pi in two parts */
    double z = x * x;
    double s = 1.0 / 355687428096000;
    s = vs_fma(s, z, -1.0 / 1307674368000);
    s = vs_fma(s, z, 1.0 / 6227020800);
    s = vs_fma(s, z, -1.0 / 39916800);
    s = vs_fma(s, z, 1.0 / 362880);
    s = vs_fma(s, z, -1.0 / 5040);
    s = vs_fma(s, z, 1.0 / 120);
    s = vs_fma(s, z, -1.0 / 6);
    s = vs_fma(s * z, x, x);
    double c = -1.0 / 6402373705728000;
    c = vs_fma(c, z, 1.0 / 20922789888000);
    c = vs_fma(c, z, -1.0 / 87178291200);
    c = vs_fma(c, z, 1.0 / 479001600);
    c = vs_fma(c, z, -1.0 / 3628800);
    c = vs_fma(c, z, 1.0 / 40320);
    c = vs_fma(c, z, -1.0 / 720);
    c = vs_fma(c, z, 1.0 / 24);
    c = vs_fma(c, z, -0.5);
    c = vs_fma(c, z, 1.0);
    uint64_t odd = quarter & 1;
    double a = odd ? c : s, b = odd ? s : c;
    *sin_out = vs_bits_f64(vs_f64_bits(a) ^ (quarter >> 1) << 63);
    *cos_out = vs_bits_f64(vs_f64_bits(b) ^ ((quarter >> 1) ^ odd) << 63);
}

#endif
