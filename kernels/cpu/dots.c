/* SPDX-License-Identifier: Apache-2.0
 *
 * 16 lanes are one AVX-512 register, two AVX registers or four NEON registers. The accumulators of a tile,
 * of AVX2 those of half its lanes, stay in registers.
 */
#include "canon.h"
#include "dots.h"

/* The rest of a row that fills no more than a part of the lanes, then the tree. */
VS_BODY float finish(float *lanes, const float *x, const float *w, uint64_t k, uint64_t n)
{
    for (; k < n; k++)
        lanes[k % VS_DOT_LANES] = vs_fmaf(x[k], w[k], lanes[k % VS_DOT_LANES]);
    return vs_dot_finish(lanes);
}

static void dots_portable(const float *const *x, unsigned m, const float *const *w, unsigned rows, uint64_t n, float *out)
{
    for (unsigned i = 0; i < m; i++)
        for (unsigned r = 0; r < rows; r++) {
            float lanes[VS_DOT_LANES] = {0};
            uint64_t k = 0;
            for (; n - k >= VS_DOT_LANES; k += VS_DOT_LANES)
                for (uint64_t l = 0; l < VS_DOT_LANES; l++)
                    lanes[l] = vs_fmaf(x[i][k + l], w[r][k + l], lanes[l]);
            out[i * VS_TILE_ROWS + r] = finish(lanes, x[i], w[r], k, n);
        }
}

#if VS_CPU_X86
#include "lanes.h"

/* ---- AVX-512: 4 by 6 ---- */

/* Lanes l and l + 8 of a and of b. */
VS_TARGET_AVX512 VS_BODY __m512 halves(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}

VS_TARGET_AVX512 VS_BODY __m512 quarters(__m512 a, __m512 b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
}

/* The trees of 16 accumulators side by side: sums of acc[0..15], in this order. */
VS_TARGET_AVX512 VS_BODY __m512 trees(const __m512 *acc)
{
    __m512 four[4], two[2];
    for (int i = 0; i < 4; i++) /* accumulator 4 b + i goes to part b */
        four[i] = quarters(halves(acc[i], acc[4 + i]), halves(acc[8 + i], acc[12 + i]));
    for (int i = 0; i < 2; i++)
        two[i] = _mm512_add_ps(_mm512_shuffle_ps(four[2 * i], four[2 * i + 1], 0x44), _mm512_shuffle_ps(four[2 * i], four[2 * i + 1], 0xee));
    return _mm512_add_ps(_mm512_shuffle_ps(two[0], two[1], 0x88), _mm512_shuffle_ps(two[0], two[1], 0xdd));
}

VS_TARGET_AVX512 VS_BODY void tile_avx512(const float *const *x, const float *const *w, uint64_t n, float *out, const int M)
{
    const int N = VS_TILE_ROWS;
    __m512 acc[32];
    uint64_t k = 0;
    for (int i = 0; i < 32; i++)
        acc[i] = _mm512_setzero_ps();
    for (; n - k >= VS_DOT_LANES; k += VS_DOT_LANES) {
        __m512 row[VS_TILE_ROWS];
        for (int r = 0; r < N; r++)
            row[r] = _mm512_loadu_ps(w[r] + k);
        for (int i = 0; i < M; i++) {
            const __m512 token = _mm512_loadu_ps(x[i] + k);
            for (int r = 0; r < N; r++)
                acc[i * N + r] = _mm512_fmadd_ps(token, row[r], acc[i * N + r]);
        }
    }
    if (k < n) {
        const __mmask16 rest = (__mmask16)((1u << (n - k)) - 1);
        for (int r = 0; r < N; r++) {
            const __m512 row = _mm512_maskz_loadu_ps(rest, w[r] + k);
            for (int i = 0; i < M; i++)
                acc[i * N + r] = _mm512_mask3_fmadd_ps(_mm512_maskz_loadu_ps(rest, x[i] + k), row, acc[i * N + r], rest);
        }
    }
    _mm512_storeu_ps(out, trees(acc));
    if (M * N > 16)
        _mm512_mask_storeu_ps(out + 16, 0xff, trees(acc + 16));
}

VS_TARGET_AVX512 static void dots_avx512(const float *const *x, unsigned m, const float *const *w, unsigned rows, uint64_t n, float *out)
{
    switch (m) {
    case 1: tile_avx512(x, w, n, out, 1); break;
    case 2: tile_avx512(x, w, n, out, 2); break;
    case 3: tile_avx512(x, w, n, out, 3); break;
    default: tile_avx512(x, w, n, out, 4); break;
    }
}

/* ---- AVX2: 4 by 3 at a time, in two halves: 12 accumulators of 8 lanes, then those of the other 8 ---- */

#define SPAN 512u /* values after which the half changes: what both read stays in the innermost cache */

VS_TARGET_AVX2 VS_BODY void span_avx2(const float *const *x, const float *const *w, uint64_t k, uint64_t end, __m256 *sums, const int M)
{
    __m256 acc[12];
    for (int i = 0; i < 3 * M; i++)
        acc[i] = sums[i];
    for (; k < end; k += VS_DOT_LANES) {
        const __m256 w0 = _mm256_loadu_ps(w[0] + k), w1 = _mm256_loadu_ps(w[1] + k), w2 = _mm256_loadu_ps(w[2] + k);
        for (int i = 0; i < M; i++) {
            const __m256 token = _mm256_loadu_ps(x[i] + k);
            acc[3 * i] = _mm256_fmadd_ps(token, w0, acc[3 * i]);
            acc[3 * i + 1] = _mm256_fmadd_ps(token, w1, acc[3 * i + 1]);
            acc[3 * i + 2] = _mm256_fmadd_ps(token, w2, acc[3 * i + 2]);
        }
    }
    for (int i = 0; i < 3 * M; i++)
        sums[i] = acc[i];
}

/* The first n of 8 lanes. The other accumulators stay as they are: adding a product of zeros would turn -0 into +0. */
VS_TARGET_AVX2 VS_BODY void rest_avx2(const float *const *x, const float *const *w, uint64_t k, uint64_t n, __m256 *sums, const int M)
{
    const __m256i some = vs_lanes_first_avx2(n);
    __m256 row[3];
    for (int r = 0; r < 3; r++)
        row[r] = _mm256_maskload_ps(w[r] + k, some);
    for (int i = 0; i < M; i++) {
        const __m256 token = _mm256_maskload_ps(x[i] + k, some);
        for (int r = 0; r < 3; r++) {
            __m256 *sum = &sums[3 * i + r];
            *sum = _mm256_blendv_ps(*sum, _mm256_fmadd_ps(token, row[r], *sum), _mm256_castsi256_ps(some));
        }
    }
}

VS_TARGET_AVX2 VS_BODY void tile_avx2(const float *const *x, const float *const *w, uint64_t n, float *out, const int M)
{
    const uint64_t whole = n / VS_DOT_LANES * VS_DOT_LANES;
    __m256 low[12], high[12]; /* lanes 0-7 and 8-15 */
    for (int i = 0; i < 3 * M; i++)
        low[i] = high[i] = _mm256_setzero_ps();
    for (uint64_t k = 0; k < whole; k += SPAN) {
        const uint64_t end = whole - k < SPAN ? whole : k + SPAN;
        span_avx2(x, w, k, end, low, M);
        span_avx2(x, w, k + 8, end + 8, high, M);
    }
    if (whole < n)
        rest_avx2(x, w, whole, n - whole, low, M);
    if (whole + 8 < n)
        rest_avx2(x, w, whole + 8, n - whole - 8, high, M);
    for (int i = 0; i < M; i++)
        for (int r = 0; r < 3; r++)
            out[i * (int)VS_TILE_ROWS + r] = vs_lanes_sum_avx2(low[3 * i + r], high[3 * i + r]);
}

VS_TARGET_AVX2 static void dots_avx2(const float *const *x, unsigned m, const float *const *w, unsigned rows, uint64_t n, float *out)
{
    for (unsigned r = 0; r < rows; r += 3)
        switch (m) {
        case 1: tile_avx2(x, w + r, n, out + r, 1); break;
        case 2: tile_avx2(x, w + r, n, out + r, 2); break;
        case 3: tile_avx2(x, w + r, n, out + r, 3); break;
        default: tile_avx2(x, w + r, n, out + r, 4); break;
        }
}

vs_cpu_dots_fn *const vs_cpu_dots[VS_CPU_LEVELS] = {dots_portable, dots_avx2, dots_avx512};
#elif VS_CPU_ARM
#include "lanes.h"

/* ---- NEON: 2 by 3 at a time ---- */

VS_BODY void tile_neon(const float *const *x, const float *const *w, uint64_t n, float *out, const int M)
{
    float32x4_t acc[2][3][4]; /* by fours of lanes */
    uint64_t k = 0;
    for (int i = 0; i < M; i++)
        for (int r = 0; r < 3; r++)
            for (int q = 0; q < 4; q++)
                acc[i][r][q] = vdupq_n_f32(0);
    for (; n - k >= VS_DOT_LANES; k += VS_DOT_LANES)
        for (int q = 0; q < 4; q++)
            for (int r = 0; r < 3; r++) {
                const float32x4_t row = vld1q_f32(w[r] + k + 4 * q);
                for (int i = 0; i < M; i++)
                    acc[i][r][q] = vfmaq_f32(acc[i][r][q], vld1q_f32(x[i] + k + 4 * q), row);
            }
    for (int q = 0; q < 3 && n - k >= 4; q++, k += 4) /* of the rest what fills four lanes */
        for (int r = 0; r < 3; r++) {
            const float32x4_t row = vld1q_f32(w[r] + k);
            for (int i = 0; i < M; i++)
                acc[i][r][q] = vfmaq_f32(acc[i][r][q], vld1q_f32(x[i] + k), row);
        }
    float lanes[2][3][VS_DOT_LANES]; /* a copy for the rest of the rows, so that acc itself never has to be in memory */
    for (int i = 0; i < M; i++)
        for (int r = 0; r < 3; r++) {
            out[i * (int)VS_TILE_ROWS + r] = vs_lanes_sum_neon(acc[i][r]);
            for (int q = 0; q < 4; q++)
                vst1q_f32(lanes[i][r] + 4 * q, acc[i][r][q]);
        }
    for (int i = 0; i < M && k < n; i++)
        for (int r = 0; r < 3; r++)
            out[i * (int)VS_TILE_ROWS + r] = finish(lanes[i][r], x[i], w[r], k, n);
}

static void dots_neon(const float *const *x, unsigned m, const float *const *w, unsigned rows, uint64_t n, float *out)
{
    for (unsigned r = 0; r < rows; r += 3) {
        unsigned i = 0;
        for (; i + 2 <= m; i += 2)
            tile_neon(x + i, w + r, n, out + i * VS_TILE_ROWS + r, 2);
        if (i < m)
            tile_neon(x + i, w + r, n, out + i * VS_TILE_ROWS + r, 1);
    }
}

vs_cpu_dots_fn *const vs_cpu_dots[VS_CPU_LEVELS] = {dots_portable, dots_neon};
#else
vs_cpu_dots_fn *const vs_cpu_dots[VS_CPU_LEVELS] = VS_CPU_SAME(dots_portable);
#endif
