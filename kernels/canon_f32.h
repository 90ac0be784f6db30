/* SPDX-License-Identifier: Apache-2.0
 *
 * Elementary functions and activations in float32, within two units in the last place, the same bits everywhere: IEEE
 * operations and written fused multiply-adds only, without branches on values, so that loops over them vectorise. The
 * coefficients are minimax fits of our own. NaN in, NaN out (of whatever bits: what is stored goes through vs_quiet).
 */
#ifndef VS_KERNELS_CANON_F32_H
#define VS_KERNELS_CANON_F32_H

#include "canon.h"
#include "vs_forward_kernels.h"

/* 2^n as a factor, n in [-126, 127]; any other n gives some value. */
VS_HD float vs_power2(int32_t n)
{
    return vs_bits_f32((uint32_t)(n + 127) << 23);
}

/* x = n ln 2 + r, |r| <= ln 2 / 2; 2^n in two factors, so that subnormal results round once. */
VS_HD float vs_exp(float x)
{
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    const float shifted = vs_fmaf(x, 0x1.715476p+0f, 0x1.8p23f); /* rounds x / ln 2 to an integer in the last places */
    const float n = shifted - 0x1.8p23f;
    const int32_t i = (int32_t)(vs_f32_bits(shifted) << 9) >> 9;
    const int32_t half = i >> 1;
    float r = vs_fmaf(n, -0x1.62e400p-1f, x);
    r = vs_fmaf(n, -0x1.7f7d1cp-20f, r);
    float p = 0x1.6a1a6ap-10f;
    p = vs_fmaf(p, r, 0x1.123fc8p-7f);
    p = vs_fmaf(p, r, 0x1.555916p-5f);
    p = vs_fmaf(p, r, 0x1.55548ap-3f);
    p = vs_fmaf(p, r, 0x1.fffffcp-2f);
    p = vs_fmaf(p, r * r, r) + 1.0f;
    return p * vs_power2(half) * vs_power2(i - half);
}

/* exp(x - max) for x <= max; 1 at the maximum itself, were it infinite. */
VS_HD float vs_exp_below(float x, float max)
{
    const float e = vs_exp(x - max);
    return x == max ? 1.0f : e;
}

VS_HD float vs_sigmoid(float x)
{
    return 1.0f / (1.0f + vs_exp(-x));
}

VS_HD float vs_with_sign_of(float magnitude, float x)
{
    return vs_bits_f32((vs_f32_bits(magnitude) & 0x7fffffffu) | (vs_f32_bits(x) & 0x80000000u));
}

VS_HD float vs_tanh(float x)
{
    const float a = vs_bits_f32(vs_f32_bits(x) & 0x7fffffffu), z = x * x;
    float p = -0x1.762d24p-8f;
    p = vs_fmaf(p, z, 0x1.523bb4p-6f);
    p = vs_fmaf(p, z, -0x1.b84056p-5f);
    p = vs_fmaf(p, z, 0x1.11074cp-3f);
    p = vs_fmaf(p, z, -0x1.555534p-2f);
    const float near = vs_fmaf(p * z, a, a), far = 1.0f - 2.0f / (vs_exp(a + a) + 1.0f);
    return vs_with_sign_of(a < 0.625f ? near : far, x);
}

/* Below 1 a polynomial, above it 1 - exp(-polynomial). */
VS_HD float vs_erf(float x)
{
    const float a = vs_bits_f32(vs_f32_bits(x) & 0x7fffffffu), z = x * x;
    float p = 0x1.496a1cp-14f;
    p = vs_fmaf(p, z, -0x1.a3f6f8p-11f);
    p = vs_fmaf(p, z, 0x1.5405b0p-8f);
    p = vs_fmaf(p, z, -0x1.b7f90cp-6f);
    p = vs_fmaf(p, z, 0x1.ce2cf8p-4f);
    p = vs_fmaf(p, z, -0x1.81273ep-2f);
    const float near = vs_fmaf(vs_fmaf(p, z, 0x1.06eba0p-3f), a, a);
    const float b = a > 4.0f ? 4.0f : a;
    float q = 0x1.6c071ep-16f;
    q = vs_fmaf(q, b, -0x1.ceeb58p-12f);
    q = vs_fmaf(q, b, 0x1.13991ap-8f);
    q = vs_fmaf(q, b, -0x1.9d0becp-6f);
    q = vs_fmaf(q, b, 0x1.bc18dap-4f);
    q = vs_fmaf(q, b, 0x1.4434f0p-1f);
    q = vs_fmaf(q, b, 0x1.212c2ep+0f);
    q = vs_fmaf(q, b, -0x1.8b40c2p-13f);
    const float far = 1.0f - vs_exp(-q);
    return vs_with_sign_of(a < 1.0f ? near : far, x);
}

/* act(x), gate-less. */
VS_HD float vs_act1(enum vs_f_act act, float x)
{
    switch (act) {
    case VS_F_SILU: return x / (1.0f + vs_exp(-x));
    case VS_F_GELU_ERF: return 0.5f * x * (1.0f + vs_erf(x * 0x1.6a09e6p-1f)); /* sqrt(1/2) */
    case VS_F_GELU_TANH: return 0.5f * x * (1.0f + vs_tanh(0x1.988454p-1f * (x + 0x1.6e4e26p-5f * (x * x * x)))); /* sqrt(2/pi), 0.044715 */
    case VS_F_RELU: return x < 0.0f ? 0.0f : x;
    case VS_F_RELU2: return x < 0.0f ? 0.0f : x * x;
    case VS_F_SIGMOID: return vs_sigmoid(x);
    case VS_F_TANH: return vs_tanh(x);
    default: return x * vs_sigmoid(1.702f * x);
    }
}

VS_HD float vs_act2(enum vs_f_act act, float gate, float x)
{
    if (act == VS_F_SWIGLU_OAI) {
        gate = gate > 7.0f ? 7.0f : gate;
        x = x > 7.0f ? 7.0f : x;
        x = x < -7.0f ? -7.0f : x;
        return (x + 1.0f) * vs_act1(act, gate);
    }
    return vs_act1(act, gate) * x;
}

/* tanh(x / cap) * cap: no value leaves (-cap, cap). */
VS_HD float vs_softcap(float x, float cap)
{
    return vs_tanh(x / cap) * cap;
}

#endif
