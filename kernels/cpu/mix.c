/* SPDX-License-Identifier: Apache-2.0
 *
 * Weighted sums of rows, one after another: the second half of attention.
 */
#include "canon.h"
#include "dots.h"

/* Columns [c, width), key by key. */
VS_BODY void columns(const float *const *weights, unsigned rows, const float *v, uint64_t stride, uint64_t from, uint64_t to, float *const *out,
                     uint64_t c, uint64_t width)
{
    for (unsigned i = 0; i < rows; i++)
        for (uint64_t k = from; k < to; k++)
            for (uint64_t d = c; d < width; d++)
                out[i][d] = vs_fmaf(weights[i][k], v[k * stride + d], out[i][d]);
}

static void mix_portable(const float *const *weights, unsigned rows, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                         float *const *out, uint64_t width)
{
    columns(weights, rows, v, stride, from, to, out, 0, width);
}

#if VS_CPU_X86
#include "lanes.h"

#define WIDE 4 /* registers of columns */

/* 64 columns, or as many as the masks say, of R rows. */
VS_TARGET_AVX512 VS_BODY void mix_tile_avx512(const float *const *weights, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                                              float *const *out, uint64_t c, const __mmask16 *mask, const int R)
{
    __m512 acc[VS_TILE_TOKENS][WIDE];
    for (int i = 0; i < R; i++)
        for (int b = 0; b < WIDE; b++)
            acc[i][b] = _mm512_maskz_loadu_ps(mask[b], out[i] + c + 16 * b);
    for (uint64_t k = from; k < to; k++) {
        __m512 row[WIDE];
        for (int b = 0; b < WIDE; b++)
            row[b] = _mm512_maskz_loadu_ps(mask[b], v + k * stride + c + 16 * b);
        for (int i = 0; i < R; i++) {
            const __m512 weight = _mm512_set1_ps(weights[i][k]);
            for (int b = 0; b < WIDE; b++)
                acc[i][b] = _mm512_fmadd_ps(weight, row[b], acc[i][b]);
        }
    }
    for (int i = 0; i < R; i++)
        for (int b = 0; b < WIDE; b++)
            _mm512_mask_storeu_ps(out[i] + c + 16 * b, mask[b], acc[i][b]);
}

VS_TARGET_AVX512 static void mix_avx512(const float *const *weights, unsigned rows, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                                        float *const *out, uint64_t width)
{
    for (uint64_t c = 0; c < width; c += 16 * WIDE) {
        __mmask16 mask[WIDE];
        for (uint64_t b = 0; b < WIDE; b++) {
            const uint64_t at = c + 16 * b, left = at < width ? width - at : 0;
            mask[b] = (__mmask16)(left >= 16 ? 0xffffu : (1u << left) - 1);
        }
        if (rows == VS_TILE_TOKENS)
            mix_tile_avx512(weights, v, stride, from, to, out, c, mask, VS_TILE_TOKENS);
        else
            for (unsigned i = 0; i < rows; i++)
                mix_tile_avx512(weights + i, v, stride, from, to, out + i, c, mask, 1);
    }
}

VS_TARGET_AVX2 VS_BODY void mix_tile_avx2(const float *const *weights, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                                          float *const *out, uint64_t c, const int R)
{
    __m256 acc[VS_TILE_TOKENS][2];
    for (int i = 0; i < R; i++)
        for (int b = 0; b < 2; b++)
            acc[i][b] = _mm256_loadu_ps(out[i] + c + 8 * b);
    for (uint64_t k = from; k < to; k++) {
        const __m256 a = _mm256_loadu_ps(v + k * stride + c), b = _mm256_loadu_ps(v + k * stride + c + 8);
        for (int i = 0; i < R; i++) {
            const __m256 weight = _mm256_set1_ps(weights[i][k]);
            acc[i][0] = _mm256_fmadd_ps(weight, a, acc[i][0]);
            acc[i][1] = _mm256_fmadd_ps(weight, b, acc[i][1]);
        }
    }
    for (int i = 0; i < R; i++)
        for (int b = 0; b < 2; b++)
            _mm256_storeu_ps(out[i] + c + 8 * b, acc[i][b]);
}

/* Fewer than 16 columns. */
VS_TARGET_AVX2 VS_BODY void mix_rest_avx2(const float *const *weights, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                                          float *const *out, uint64_t c, uint64_t n, const int R)
{
    const __m256i some[2] = {vs_lanes_first_avx2(n), vs_lanes_first_avx2(n < 8 ? 0 : n - 8)};
    __m256 acc[VS_TILE_TOKENS][2];
    for (int i = 0; i < R; i++)
        for (int b = 0; b < 2; b++)
            acc[i][b] = _mm256_maskload_ps(out[i] + c + 8 * b, some[b]);
    for (uint64_t k = from; k < to; k++) {
        const float *row = v + k * stride + c;
        const __m256 a = _mm256_maskload_ps(row, some[0]), b = _mm256_maskload_ps(row + 8, some[1]);
        for (int i = 0; i < R; i++) {
            const __m256 weight = _mm256_set1_ps(weights[i][k]);
            acc[i][0] = _mm256_fmadd_ps(weight, a, acc[i][0]);
            acc[i][1] = _mm256_fmadd_ps(weight, b, acc[i][1]);
        }
    }
    for (int i = 0; i < R; i++)
        for (int b = 0; b < 2; b++)
            _mm256_maskstore_ps(out[i] + c + 8 * b, some[b], acc[i][b]);
}

VS_TARGET_AVX2 static void mix_avx2(const float *const *weights, unsigned rows, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                                    float *const *out, uint64_t width)
{
    uint64_t c = 0;
    for (; width - c >= 16; c += 16)
        if (rows == VS_TILE_TOKENS)
            mix_tile_avx2(weights, v, stride, from, to, out, c, VS_TILE_TOKENS);
        else
            for (unsigned i = 0; i < rows; i++)
                mix_tile_avx2(weights + i, v, stride, from, to, out + i, c, 1);
    if (c == width)
        return;
    if (rows == VS_TILE_TOKENS)
        mix_rest_avx2(weights, v, stride, from, to, out, c, width - c, VS_TILE_TOKENS);
    else
        for (unsigned i = 0; i < rows; i++)
            mix_rest_avx2(weights + i, v, stride, from, to, out + i, c, width - c, 1);
}

vs_cpu_mix_fn *const vs_cpu_mix[VS_CPU_LEVELS] = {mix_portable, mix_avx2, mix_avx512};
#elif VS_CPU_ARM
#include <arm_neon.h>

VS_BODY void mix_tile_neon(const float *const *weights, const float *v, uint64_t stride, uint64_t from, uint64_t to, float *const *out,
                           uint64_t c, const int R)
{
    float32x4_t acc[VS_TILE_TOKENS][4];
    for (int i = 0; i < R; i++)
        for (int b = 0; b < 4; b++)
            acc[i][b] = vld1q_f32(out[i] + c + 4 * b);
    for (uint64_t k = from; k < to; k++) {
        float32x4_t row[4];
        for (int b = 0; b < 4; b++)
            row[b] = vld1q_f32(v + k * stride + c + 4 * b);
        for (int i = 0; i < R; i++)
            for (int b = 0; b < 4; b++)
                acc[i][b] = vfmaq_n_f32(acc[i][b], row[b], weights[i][k]);
    }
    for (int i = 0; i < R; i++)
        for (int b = 0; b < 4; b++)
            vst1q_f32(out[i] + c + 4 * b, acc[i][b]);
}

/* Four columns. */
VS_BODY void mix_four_neon(const float *const *weights, unsigned rows, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                           float *const *out, uint64_t c)
{
    for (unsigned i = 0; i < rows; i++) {
        float32x4_t acc = vld1q_f32(out[i] + c);
        for (uint64_t k = from; k < to; k++)
            acc = vfmaq_n_f32(acc, vld1q_f32(v + k * stride + c), weights[i][k]);
        vst1q_f32(out[i] + c, acc);
    }
}

static void mix_neon(const float *const *weights, unsigned rows, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                     float *const *out, uint64_t width)
{
    uint64_t c = 0;
    for (; width - c >= 16; c += 16)
        if (rows == VS_TILE_TOKENS)
            mix_tile_neon(weights, v, stride, from, to, out, c, VS_TILE_TOKENS);
        else
            for (unsigned i = 0; i < rows; i++)
                mix_tile_neon(weights + i, v, stride, from, to, out + i, c, 1);
    for (; width - c >= 4; c += 4)
        mix_four_neon(weights, rows, v, stride, from, to, out, c);
    columns(weights, rows, v, stride, from, to, out, c, width);
}

vs_cpu_mix_fn *const vs_cpu_mix[VS_CPU_LEVELS] = {mix_portable, mix_neon};
#else
vs_cpu_mix_fn *const vs_cpu_mix[VS_CPU_LEVELS] = VS_CPU_SAME(mix_portable);
#endif
