/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of weights as float32: to memory, or straight into a dot product. Dtypes that only single values have use for are
 * left to the compiler's loops.
 */
#include "canon.h"
#include "unpack.h"

bool vs_cpu_in_vectors(const struct vs_mat *w)
{
    return !w->scales && (vs_quant_elements(w->dtype) || w->dtype == VS_BF16 || w->dtype == VS_F16 || w->dtype == VS_F32);
}

VS_BODY void each_value(const struct vs_mat *w, enum vs_dtype dtype, uint64_t r, float *out)
{
    const uint8_t *row = vs_mat_row(w, r);
    for (uint64_t k = 0; k < w->cols; k++)
        out[k] = vs_mat_at(dtype, row, NULL, k);
}

#define BLOCKS(name)                                                                                       \
    case VS_##name:                                                                                        \
        for (uint64_t i = 0; i < w->cols / VS_##name##_ELEMENTS; i++)                                      \
            vs_##name##_block(row + i * VS_##name##_BYTES, out + i * VS_##name##_ELEMENTS);                \
        break;

VS_BODY void unpack_plain(const struct vs_mat *w, uint64_t r, float *out)
{
    const uint8_t *row = vs_mat_row(w, r);
    if (w->scales) {
        for (uint64_t i = 0; i < w->cols / 32; i++)
            vs_mxfp4_split_block(row + i * 16, vs_mat_scales(w, r)[i], out + i * 32);
        return;
    }
    switch ((int)w->dtype) {
        VS_QUANT_DTYPES(BLOCKS)
    case VS_BF16: each_value(w, VS_BF16, r, out); break;
    case VS_F16: each_value(w, VS_F16, r, out); break;
    case VS_F32: each_value(w, VS_F32, r, out); break;
    case VS_F8_E4M3: each_value(w, VS_F8_E4M3, r, out); break;
    case VS_F8_E5M2: each_value(w, VS_F8_E5M2, r, out); break;
    default: each_value(w, VS_F64, r, out); break;
    }
}

static void unpack_portable(const struct vs_mat *w, uint64_t r, float *out)
{
    unpack_plain(w, r, out);
}

static float row_dot_portable(const struct vs_mat *w, uint64_t r, const float *x)
{
    float lanes[VS_DOT_LANES] = {0};
    for (uint64_t k = 0; k < w->cols; k++)
        lanes[k % VS_DOT_LANES] = vs_fmaf(x[k], vs_mat_value(w, r, k), lanes[k % VS_DOT_LANES]);
    return vs_dot_finish(lanes);
}

#if VS_CPU_X86
#include <immintrin.h>

/* ---- AVX2 ---- */

#define TARGET VS_TARGET_AVX2
#define V(name) name##_avx2

struct sink_avx2 { float *y; const float *x; __m256 low, high; }; /* y NULL: products with x, lanes 0-7 and 8-15 */

TARGET VS_BODY float f16_avx2(const uint8_t *p)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(p[0] | p[1] << 8)));
}

TARGET VS_BODY void put_floats_avx2(struct sink_avx2 *s, uint64_t at, __m256 a, __m256 b)
{
    if (s->y) {
        _mm256_storeu_ps(s->y + at, a);
        _mm256_storeu_ps(s->y + at + 8, b);
    } else {
        s->low = _mm256_fmadd_ps(_mm256_loadu_ps(s->x + at), a, s->low);
        s->high = _mm256_fmadd_ps(_mm256_loadu_ps(s->x + at + 8), b, s->high);
    }
}

TARGET VS_BODY void put_avx2(struct sink_avx2 *s, uint64_t at, __m128i q, float d)
{
    const __m256 a = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)), b = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(q, 8)));
    put_floats_avx2(s, at, _mm256_mul_ps(a, _mm256_set1_ps(d)), _mm256_mul_ps(b, _mm256_set1_ps(d)));
}

TARGET VS_BODY void put_minus_avx2(struct sink_avx2 *s, uint64_t at, __m128i q, float d, float m)
{
    const __m256 a = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)), b = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(q, 8)));
    put_floats_avx2(s, at, _mm256_sub_ps(_mm256_mul_ps(a, _mm256_set1_ps(d)), _mm256_set1_ps(m)),
                    _mm256_sub_ps(_mm256_mul_ps(b, _mm256_set1_ps(d)), _mm256_set1_ps(m)));
}

TARGET VS_BODY void put_bf16_avx2(struct sink_avx2 *s, uint64_t at, const uint8_t *p)
{
    const __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), b = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(p + 16)));
    put_floats_avx2(s, at, _mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16)));
}

TARGET VS_BODY void put_f16_avx2(struct sink_avx2 *s, uint64_t at, const uint8_t *p)
{
    put_floats_avx2(s, at, _mm256_cvtph_ps(_mm_loadu_si128((const void *)p)), _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p + 16))));
}

TARGET VS_BODY void put_f32_avx2(struct sink_avx2 *s, uint64_t at, const uint8_t *p)
{
    put_floats_avx2(s, at, _mm256_loadu_ps((const void *)p), _mm256_loadu_ps((const void *)(p + 32)));
}

TARGET VS_BODY void clear_avx2(struct sink_avx2 *s)
{
    s->low = s->high = _mm256_setzero_ps();
}

TARGET VS_BODY void lanes_avx2(const struct sink_avx2 *s, float *lanes)
{
    _mm256_storeu_ps(lanes, s->low);
    _mm256_storeu_ps(lanes + 8, s->high);
}
#include "unpack_blocks.h"
#undef TARGET
#undef V

/* ---- AVX-512 ---- */

#define TARGET VS_TARGET_AVX512
#define V(name) name##_avx512

struct sink_avx512 { float *y; const float *x; __m512 acc; };

TARGET VS_BODY float f16_avx512(const uint8_t *p)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(p[0] | p[1] << 8)));
}

TARGET VS_BODY void put_floats_avx512(struct sink_avx512 *s, uint64_t at, __m512 v)
{
    if (s->y)
        _mm512_storeu_ps(s->y + at, v);
    else
        s->acc = _mm512_fmadd_ps(_mm512_loadu_ps(s->x + at), v, s->acc);
}

TARGET VS_BODY void put_avx512(struct sink_avx512 *s, uint64_t at, __m128i q, float d)
{
    put_floats_avx512(s, at, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), _mm512_set1_ps(d)));
}

TARGET VS_BODY void put_minus_avx512(struct sink_avx512 *s, uint64_t at, __m128i q, float d, float m)
{
    const __m512 v = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), _mm512_set1_ps(d));
    put_floats_avx512(s, at, _mm512_sub_ps(v, _mm512_set1_ps(m)));
}

TARGET VS_BODY void put_bf16_avx512(struct sink_avx512 *s, uint64_t at, const uint8_t *p)
{
    const __m512i v = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    put_floats_avx512(s, at, _mm512_castsi512_ps(_mm512_slli_epi32(v, 16)));
}

TARGET VS_BODY void put_f16_avx512(struct sink_avx512 *s, uint64_t at, const uint8_t *p)
{
    put_floats_avx512(s, at, _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p)));
}

TARGET VS_BODY void put_f32_avx512(struct sink_avx512 *s, uint64_t at, const uint8_t *p)
{
    put_floats_avx512(s, at, _mm512_loadu_ps(p));
}

TARGET VS_BODY void clear_avx512(struct sink_avx512 *s)
{
    s->acc = _mm512_setzero_ps();
}

TARGET VS_BODY void lanes_avx512(const struct sink_avx512 *s, float *lanes)
{
    _mm512_storeu_ps(lanes, s->acc);
}
#include "unpack_blocks.h"
#undef TARGET
#undef V

vs_cpu_unpack_fn *const vs_cpu_unpack[VS_CPU_LEVELS] = {unpack_portable, unpack_avx2, unpack_avx512};
vs_cpu_row_dot_fn *const vs_cpu_row_dot[VS_CPU_LEVELS] = {row_dot_portable, row_dot_avx2, row_dot_avx512};
#else
vs_cpu_unpack_fn *const vs_cpu_unpack[VS_CPU_LEVELS] = {unpack_portable, unpack_portable, unpack_portable};
vs_cpu_row_dot_fn *const vs_cpu_row_dot[VS_CPU_LEVELS] = {row_dot_portable, row_dot_portable, row_dot_portable};
#endif
