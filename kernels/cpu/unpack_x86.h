/* SPDX-License-Identifier: Apache-2.0
 *
 * What AVX2 and AVX-512 bring to unpack_blocks.h.
 */
#ifndef VS_KERNELS_CPU_UNPACK_X86_H
#define VS_KERNELS_CPU_UNPACK_X86_H

#include "lanes.h"

typedef __m128i bytes16;
#define BYTES16(...) _mm_setr_epi8(__VA_ARGS__)

VS_TARGET_AVX2 VS_BODY bytes16 bytes16_at(const uint8_t *p)
{
    return _mm_loadu_si128((const void *)p);
}

VS_TARGET_AVX2 VS_BODY bytes16 words(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return _mm_setr_epi32((int)a, (int)b, (int)c, (int)d);
}

VS_TARGET_AVX2 VS_BODY bytes16 sixes(bytes16 low, bytes16 high, uint32_t part)
{
    const __m128i two = part < 2 ? _mm_slli_epi16(high, (int)(4 - 2 * part)) : _mm_srli_epi16(high, (int)(2 * part - 4));
    const __m128i four = _mm_and_si128(part < 2 ? low : _mm_srli_epi16(low, 4), _mm_set1_epi8(15));
    return _mm_sub_epi8(_mm_or_si128(four, _mm_and_si128(two, _mm_set1_epi8(0x30))), _mm_set1_epi8(32));
}

/* ---- AVX2: lanes 0-7 and 8-15 ---- */

typedef struct { __m256 low, high; } vec_avx2;
typedef struct { __m128i values; float d, m; bool plus; } table_avx2;

VS_TARGET_AVX2 VS_BODY float f16_avx2(const uint8_t *p)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(p[0] | p[1] << 8)));
}

VS_TARGET_AVX2 VS_BODY vec_avx2 zero_avx2(void)
{
    return (vec_avx2){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

VS_TARGET_AVX2 VS_BODY vec_avx2 load_avx2(const float *p)
{
    return (vec_avx2){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

VS_TARGET_AVX2 VS_BODY void store_avx2(float *p, vec_avx2 v)
{
    _mm256_storeu_ps(p, v.low);
    _mm256_storeu_ps(p + 8, v.high);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 fma_avx2(vec_avx2 x, vec_avx2 v, vec_avx2 acc)
{
    return (vec_avx2){_mm256_fmadd_ps(x.low, v.low, acc.low), _mm256_fmadd_ps(x.high, v.high, acc.high)};
}

VS_TARGET_AVX2 VS_BODY float sum_avx2(vec_avx2 v)
{
    return vs_lanes_sum_avx2(v.low, v.high);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 halves_avx2(__m128i q, float d, float m)
{
    const __m256 a = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)), b = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(q, 8)));
    return (vec_avx2){_mm256_mul_ps(a, _mm256_set1_ps(d)), _mm256_mul_ps(b, _mm256_set1_ps(m))};
}

VS_TARGET_AVX2 VS_BODY vec_avx2 scaled_avx2(__m128i q, float d)
{
    return halves_avx2(q, d, d);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 affine_avx2(__m128i q, float d, float m)
{
    const vec_avx2 v = scaled_avx2(q, d);
    return (vec_avx2){_mm256_add_ps(v.low, _mm256_set1_ps(m)), _mm256_add_ps(v.high, _mm256_set1_ps(m))};
}

VS_TARGET_AVX2 VS_BODY table_avx2 table_scaled_avx2(__m128i values, float d)
{
    return (table_avx2){values, d, 0, false};
}

VS_TARGET_AVX2 VS_BODY table_avx2 table_affine_avx2(__m128i values, float d, float m)
{
    return (table_avx2){values, d, m, true};
}

VS_TARGET_AVX2 VS_BODY vec_avx2 looked_avx2(__m128i nibbles, table_avx2 t)
{
    const __m128i q = _mm_shuffle_epi8(t.values, nibbles);
    return t.plus ? affine_avx2(q, t.d, t.m) : scaled_avx2(q, t.d);
}

VS_TARGET_AVX2 VS_BODY void look_avx2(__m128i q, table_avx2 low, table_avx2 high, vec_avx2 *out)
{
    const __m128i nibble = _mm_set1_epi8(15);
    out[0] = looked_avx2(_mm_and_si128(q, nibble), low);
    out[1] = looked_avx2(_mm_and_si128(_mm_srli_epi16(q, 4), nibble), high);
}

typedef __m128i bits_avx2, ints_avx2; /* bit 4 of each byte; bytes */

VS_TARGET_AVX2 VS_BODY __m128i bits16_avx2(const uint8_t *p)
{
    const __m128i bits = _mm_set1_epi16((short)(p[0] | p[1] << 8));
    const __m128i spread = _mm_shuffle_epi8(bits, _mm_set_epi8(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m128i mask = _mm_set1_epi64x((long long)0x8040201008040201ull);
    return _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(spread, mask), mask), _mm_set1_epi8(16));
}

VS_TARGET_AVX2 VS_BODY __m128i bit_of_avx2(__m128i q, uint32_t n)
{
    const __m128i fifth = n < 4 ? _mm_slli_epi16(q, (int)(4 - n)) : _mm_srli_epi16(q, (int)(n - 4));
    return _mm_and_si128(fifth, _mm_set1_epi8(16));
}

VS_TARGET_AVX2 VS_BODY void fives_avx2(__m128i q, __m128i low, __m128i high, __m128i *out)
{
    const __m128i nibble = _mm_set1_epi8(15);
    out[0] = _mm_or_si128(_mm_and_si128(q, nibble), low);
    out[1] = _mm_or_si128(_mm_and_si128(_mm_srli_epi16(q, 4), nibble), high);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 ints_scaled_avx2(__m128i i, char less, float d)
{
    return scaled_avx2(_mm_sub_epi8(i, _mm_set1_epi8(less)), d);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 ints_affine_avx2(__m128i i, float d, float m)
{
    return affine_avx2(i, d, m);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 bf16_avx2(const uint8_t *p)
{
    const __m256i a = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p)), b = _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)(p + 16)));
    return (vec_avx2){_mm256_castsi256_ps(_mm256_slli_epi32(a, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(b, 16))};
}

VS_TARGET_AVX2 VS_BODY vec_avx2 f16s_avx2(const uint8_t *p)
{
    return (vec_avx2){_mm256_cvtph_ps(_mm_loadu_si128((const void *)p)), _mm256_cvtph_ps(_mm_loadu_si128((const void *)(p + 16)))};
}

VS_TARGET_AVX2 VS_BODY vec_avx2 f32_avx2(const uint8_t *p)
{
    return load_avx2((const void *)p);
}

/* ---- AVX-512: a table of 16 values is a register ---- */

typedef __m512 vec_avx512;
typedef __m512 table_avx512;

VS_TARGET_AVX512 VS_BODY float f16_avx512(const uint8_t *p)
{
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(p[0] | p[1] << 8)));
}

VS_TARGET_AVX512 VS_BODY __m512 zero_avx512(void)
{
    return _mm512_setzero_ps();
}

VS_TARGET_AVX512 VS_BODY __m512 load_avx512(const float *p)
{
    return _mm512_loadu_ps(p);
}

VS_TARGET_AVX512 VS_BODY void store_avx512(float *p, __m512 v)
{
    _mm512_storeu_ps(p, v);
}

VS_TARGET_AVX512 VS_BODY __m512 fma_avx512(__m512 x, __m512 v, __m512 acc)
{
    return _mm512_fmadd_ps(x, v, acc);
}

VS_TARGET_AVX512 VS_BODY float sum_avx512(__m512 v)
{
    return vs_lanes_sum_avx2(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
}

VS_TARGET_AVX512 VS_BODY __m512 scaled_avx512(__m128i q, float d)
{
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), _mm512_set1_ps(d));
}

VS_TARGET_AVX512 VS_BODY __m512 affine_avx512(__m128i q, float d, float m)
{
    return _mm512_add_ps(scaled_avx512(q, d), _mm512_set1_ps(m));
}

VS_TARGET_AVX512 VS_BODY __m512 halves_avx512(__m128i q, float d, float m)
{
    const __m512 factors = _mm512_insertf32x8(_mm512_set1_ps(d), _mm256_set1_ps(m), 1);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), factors);
}

VS_TARGET_AVX512 VS_BODY __m512 table_scaled_avx512(__m128i values, float d)
{
    return scaled_avx512(values, d);
}

VS_TARGET_AVX512 VS_BODY __m512 table_affine_avx512(__m128i values, float d, float m)
{
    return affine_avx512(values, d, m);
}

/* The permutation looks at four bits of an index only. */
VS_TARGET_AVX512 VS_BODY void look_avx512(__m128i q, __m512 low, __m512 high, __m512 *out)
{
    const __m512i index = _mm512_cvtepu8_epi32(q);
    out[0] = _mm512_permutexvar_ps(index, low);
    out[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(index, 4), high);
}

typedef __mmask16 bits_avx512;
typedef __m512i ints_avx512;

VS_TARGET_AVX512 VS_BODY __mmask16 bits16_avx512(const uint8_t *p)
{
    return (__mmask16)(p[0] | p[1] << 8);
}

VS_TARGET_AVX512 VS_BODY __mmask16 bit_of_avx512(__m128i q, uint32_t n)
{
    return _mm_test_epi8_mask(q, _mm_set1_epi8((char)(1u << n)));
}

VS_TARGET_AVX512 VS_BODY void fives_avx512(__m128i q, __mmask16 low, __mmask16 high, __m512i *out)
{
    const __m512i both = _mm512_cvtepu8_epi32(q), first = _mm512_and_si512(both, _mm512_set1_epi32(15)), second = _mm512_srli_epi32(both, 4);
    out[0] = _mm512_mask_add_epi32(first, low, first, _mm512_set1_epi32(16));
    out[1] = _mm512_mask_add_epi32(second, high, second, _mm512_set1_epi32(16));
}

VS_TARGET_AVX512 VS_BODY __m512 ints_scaled_avx512(__m512i i, char less, float d)
{
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(i, _mm512_set1_epi32(less))), _mm512_set1_ps(d));
}

VS_TARGET_AVX512 VS_BODY __m512 ints_affine_avx512(__m512i i, float d, float m)
{
    return _mm512_add_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(i), _mm512_set1_ps(d)), _mm512_set1_ps(m));
}

VS_TARGET_AVX512 VS_BODY __m512 bf16_avx512(const uint8_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p)), 16));
}

VS_TARGET_AVX512 VS_BODY __m512 f16s_avx512(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}

VS_TARGET_AVX512 VS_BODY __m512 f32_avx512(const uint8_t *p)
{
    return _mm512_loadu_ps(p);
}

#endif
