/* SPDX-License-Identifier: Apache-2.0
 *
 * Dot products of rows with probes, in the canonical order of canon.h: 16 lanes are one AVX-512 register, two AVX
 * registers or four NEON registers.
 */
#include "canon.h"
#include "cpu.h"

struct probe_job { const struct vs_rows *w; const float *hidden, *bias; uint64_t probes; float *logits; };

VS_BODY void put_logit(const struct probe_job *j, uint64_t p, uint64_t r, float dot)
{
    j->logits[p * j->w->count + r] = vs_quiet(j->bias ? dot + j->bias[r] : dot);
}

/* The rest of a row that fills no more than a part of the lanes, then the tree. */
VS_BODY float finish(float *lanes, const float *x, const void *w, enum vs_dtype dtype, uint64_t w_at, uint64_t k, uint64_t cols)
{
    for (uint64_t l = 0; k + l < cols; l++)
        lanes[l] = vs_fmaf(x[k + l], vs_get_f32(w, dtype, w_at + k + l), lanes[l]);
    return vs_dot_finish(lanes);
}

VS_BODY void probe_rows_plain(const struct probe_job *j, enum vs_dtype dtype, uint64_t begin, uint64_t end)
{
    const uint64_t cols = j->w->cols;
    for (uint64_t r = begin; r < end; r++)
        for (uint64_t p = 0; p < j->probes; p++) {
            const float *x = j->hidden + p * cols;
            float lanes[VS_DOT_LANES] = {0};
            uint64_t k = 0;
            for (; cols - k >= VS_DOT_LANES; k += VS_DOT_LANES)
                for (uint64_t l = 0; l < VS_DOT_LANES; l++)
                    lanes[l] = vs_fmaf(x[k + l], vs_get_f32(j->w->data, dtype, r * cols + k + l), lanes[l]);
            put_logit(j, p, r, finish(lanes, x, j->w->data, dtype, r * cols, k, cols));
        }
}

#define FOR_DTYPES(run)                                                        \
    switch (j->w->dtype) {                                                     \
    case VS_BF16: run(j, VS_BF16, begin, end); break;                          \
    case VS_F16: run(j, VS_F16, begin, end); break;                            \
    case VS_F32: run(j, VS_F32, begin, end); break;                            \
    default: run(j, VS_F64, begin, end); break;                                \
    }

static void probe_portable(const void *job, uint64_t begin, uint64_t end)
{
    const struct probe_job *j = job;
    FOR_DTYPES(probe_rows_plain)
}

/* Loads of vectors from element at on, as float32, are used in products only, and NaN results are made uniform at the
 * end, so what the hardware does to NaN payloads does not matter. */

#if VS_CPU_X86
#include <immintrin.h>

VS_TARGET_AVX512 VS_BODY __m512 load16(const char *data, enum vs_dtype dtype, uint64_t at)
{
    if (dtype == VS_BF16)
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)(data + at * 2))), 16));
    if (dtype == VS_F16)
        return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)(data + at * 2)));
    if (dtype == VS_F32)
        return _mm512_loadu_ps(data + at * 4);
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(_mm512_loadu_pd(data + at * 8))),
                              _mm512_cvtpd_ps(_mm512_loadu_pd(data + at * 8 + 64)), 1);
}

/* R rows by P probes; constants, so that all accumulators stay in registers. */
VS_TARGET_AVX512 VS_BODY void tile_avx512(const struct probe_job *j, enum vs_dtype dtype, uint64_t r, uint64_t p, const int R, const int P)
{
    const uint64_t cols = j->w->cols;
    const char *data = j->w->data;
    __m512 acc[4][4];
    uint64_t k = 0;
    for (int a = 0; a < R; a++)
        for (int b = 0; b < P; b++)
            acc[a][b] = _mm512_setzero_ps();
    for (; cols - k >= VS_DOT_LANES; k += VS_DOT_LANES) {
        __m512 x[4];
        for (int b = 0; b < P; b++)
            x[b] = _mm512_loadu_ps(j->hidden + (p + (uint64_t)b) * cols + k);
        for (int a = 0; a < R; a++) {
            const __m512 w = load16(data, dtype, (r + (uint64_t)a) * cols + k);
            for (int b = 0; b < P; b++)
                acc[a][b] = _mm512_fmadd_ps(x[b], w, acc[a][b]);
        }
    }
    for (int a = 0; a < R; a++)
        for (int b = 0; b < P; b++) {
            float lanes[VS_DOT_LANES];
            const uint64_t row = r + (uint64_t)a, probe = p + (uint64_t)b;
            _mm512_storeu_ps(lanes, acc[a][b]);
            put_logit(j, probe, row, finish(lanes, j->hidden + probe * cols, data, dtype, row * cols, k, cols));
        }
}

VS_TARGET_AVX512 VS_BODY void probe_rows_avx512(const struct probe_job *j, enum vs_dtype dtype, uint64_t begin, uint64_t end)
{
    uint64_t r = begin;
    for (; end - r >= 4; r += 4) {
        uint64_t p = 0;
        for (; j->probes - p >= 4; p += 4)
            tile_avx512(j, dtype, r, p, 4, 4);
        for (; p < j->probes; p++)
            tile_avx512(j, dtype, r, p, 4, 1);
    }
    for (; r < end; r++)
        for (uint64_t p = 0; p < j->probes; p++)
            tile_avx512(j, dtype, r, p, 1, 1);
}

VS_TARGET_AVX512 static void probe_avx512(const void *job, uint64_t begin, uint64_t end)
{
    const struct probe_job *j = job;
    FOR_DTYPES(probe_rows_avx512)
}

VS_TARGET_AVX2 VS_BODY __m256 load8(const char *data, enum vs_dtype dtype, uint64_t at)
{
    if (dtype == VS_BF16)
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(data + at * 2))), 16));
    if (dtype == VS_F16)
        return _mm256_cvtph_ps(_mm_loadu_si128((const void *)(data + at * 2)));
    if (dtype == VS_F32)
        return _mm256_loadu_ps((const void *)(data + at * 4));
    return _mm256_set_m128(_mm256_cvtpd_ps(_mm256_loadu_pd((const void *)(data + at * 8 + 32))),
                           _mm256_cvtpd_ps(_mm256_loadu_pd((const void *)(data + at * 8))));
}

VS_TARGET_AVX2 VS_BODY void tile_avx2(const struct probe_job *j, enum vs_dtype dtype, uint64_t r, uint64_t p, const int R, const int P)
{
    const uint64_t cols = j->w->cols;
    const char *data = j->w->data;
    __m256 low[2][2], high[2][2]; /* lanes 0-7 and 8-15 */
    uint64_t k = 0;
    for (int a = 0; a < R; a++)
        for (int b = 0; b < P; b++)
            low[a][b] = high[a][b] = _mm256_setzero_ps();
    for (; cols - k >= VS_DOT_LANES; k += VS_DOT_LANES)
        for (int a = 0; a < R; a++) {
            const __m256 w0 = load8(data, dtype, (r + (uint64_t)a) * cols + k);
            const __m256 w1 = load8(data, dtype, (r + (uint64_t)a) * cols + k + 8);
            for (int b = 0; b < P; b++) {
                const float *x = j->hidden + (p + (uint64_t)b) * cols + k;
                low[a][b] = _mm256_fmadd_ps(_mm256_loadu_ps(x), w0, low[a][b]);
                high[a][b] = _mm256_fmadd_ps(_mm256_loadu_ps(x + 8), w1, high[a][b]);
            }
        }
    for (int a = 0; a < R; a++)
        for (int b = 0; b < P; b++) {
            float lanes[VS_DOT_LANES];
            const uint64_t row = r + (uint64_t)a, probe = p + (uint64_t)b;
            _mm256_storeu_ps(lanes, low[a][b]);
            _mm256_storeu_ps(lanes + 8, high[a][b]);
            put_logit(j, probe, row, finish(lanes, j->hidden + probe * cols, data, dtype, row * cols, k, cols));
        }
}

VS_TARGET_AVX2 VS_BODY void probe_rows_avx2(const struct probe_job *j, enum vs_dtype dtype, uint64_t begin, uint64_t end)
{
    uint64_t r = begin;
    for (; end - r >= 2; r += 2) {
        uint64_t p = 0;
        for (; j->probes - p >= 2; p += 2)
            tile_avx2(j, dtype, r, p, 2, 2);
        for (; p < j->probes; p++)
            tile_avx2(j, dtype, r, p, 2, 1);
    }
    for (; r < end; r++)
        for (uint64_t p = 0; p < j->probes; p++)
            tile_avx2(j, dtype, r, p, 1, 1);
}

VS_TARGET_AVX2 static void probe_avx2(const void *job, uint64_t begin, uint64_t end)
{
    const struct probe_job *j = job;
    FOR_DTYPES(probe_rows_avx2)
}

static vs_cpu_fn *const probe[VS_CPU_LEVELS] = {probe_portable, probe_avx2, probe_avx512};
#elif VS_CPU_ARM
#include <arm_neon.h>

/* Loaded as bytes: rows are aligned to nothing. */
VS_BODY float32x4_t load4(const uint8_t *data, enum vs_dtype dtype, uint64_t at)
{
    if (dtype == VS_BF16)
        return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(data + at * 2)), 16));
    if (dtype == VS_F16)
        return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(data + at * 2)));
    if (dtype == VS_F32)
        return vreinterpretq_f32_u8(vld1q_u8(data + at * 4));
    return vcvt_high_f32_f64(vcvt_f32_f64(vreinterpretq_f64_u8(vld1q_u8(data + at * 8))), vreinterpretq_f64_u8(vld1q_u8(data + at * 8 + 16)));
}

VS_BODY void tile_neon(const struct probe_job *j, enum vs_dtype dtype, uint64_t r, uint64_t p, const int R, const int P)
{
    const uint64_t cols = j->w->cols;
    float32x4_t acc[2][2][4]; /* by fours of lanes */
    uint64_t k = 0;
    for (int a = 0; a < R; a++)
        for (int b = 0; b < P; b++)
            for (int q = 0; q < 4; q++)
                acc[a][b][q] = vdupq_n_f32(0);
    for (; cols - k >= VS_DOT_LANES; k += VS_DOT_LANES)
        for (int q = 0; q < 4; q++)
            for (int a = 0; a < R; a++) {
                const float32x4_t w = load4(j->w->data, dtype, (r + (uint64_t)a) * cols + k + 4 * (uint64_t)q);
                for (int b = 0; b < P; b++)
                    acc[a][b][q] = vfmaq_f32(acc[a][b][q], vld1q_f32(j->hidden + (p + (uint64_t)b) * cols + k + 4 * q), w);
            }
    float lanes[2][2][VS_DOT_LANES]; /* a copy, so that acc itself never has to be in memory */
    for (int a = 0; a < R; a++)
        for (int b = 0; b < P; b++)
            for (int q = 0; q < 4; q++)
                vst1q_f32(lanes[a][b] + 4 * q, acc[a][b][q]);
    for (int a = 0; a < R; a++)
        for (int b = 0; b < P; b++) {
            const uint64_t row = r + (uint64_t)a, at = p + (uint64_t)b;
            put_logit(j, at, row, finish(lanes[a][b], j->hidden + at * cols, j->w->data, dtype, row * cols, k, cols));
        }
}

VS_BODY void probe_rows_neon(const struct probe_job *j, enum vs_dtype dtype, uint64_t begin, uint64_t end)
{
    uint64_t r = begin;
    for (; end - r >= 2; r += 2) {
        uint64_t p = 0;
        for (; j->probes - p >= 2; p += 2)
            tile_neon(j, dtype, r, p, 2, 2);
        for (; p < j->probes; p++)
            tile_neon(j, dtype, r, p, 2, 1);
    }
    for (; r < end; r++)
        for (uint64_t p = 0; p < j->probes; p++)
            tile_neon(j, dtype, r, p, 1, 1);
}

static void probe_neon(const void *job, uint64_t begin, uint64_t end)
{
    const struct probe_job *j = job;
    FOR_DTYPES(probe_rows_neon)
}

static vs_cpu_fn *const probe[VS_CPU_LEVELS] = {probe_portable, probe_neon};
#else
static vs_cpu_fn *const probe[VS_CPU_LEVELS] = VS_CPU_SAME(probe_portable);
#endif

enum vs_code vs_cpu_head_probe(struct vs_dev *dev, const struct vs_rows *window, const float *hidden, uint64_t probes,
                               const float *bias, float *logits, struct vs_err *err)
{
    const struct probe_job job = {window, hidden, bias, probes, logits};
    vs_cpu_for(dev, probe, &job, window->count, 32);
    return VS_OK;
}
