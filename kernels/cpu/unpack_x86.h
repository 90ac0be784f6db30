/* SPDX-License-Identifier: Apache-2.0
 *
 * What AVX2 and AVX-512 bring to unpack_blocks.h.
 */
#ifndef VS_KERNELS_CPU_UNPACK_X86_H
#define VS_KERNELS_CPU_UNPACK_X86_H

#include "lanes.h"

typedef __m128i bytes16;
#define BYTES16(...) _mm_setr_epi8(__VA_ARGS__)
#define COUNTING BYTES16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

VS_TARGET_AVX2 VS_BODY bytes16 bytes16_at(const uint8_t *p)
{
    return _mm_loadu_si128((const void *)p);
}

VS_TARGET_AVX2 VS_BODY bytes16 words(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return _mm_setr_epi32((int)a, (int)b, (int)c, (int)d);
}

/* ---- AVX2: lanes 0-7 and 8-15 ---- */

typedef struct { __m256 low, high; } vec_avx2;

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

/* 16 bytes in each half, for what follows. */
VS_TARGET_AVX2 VS_BODY __m256i twice_avx2(__m128i q)
{
    return _mm256_broadcastsi128_si256(q);
}

/* A shuffle puts a byte on top of 32 bits at once, where it counts 2^24 times; factors count as much less. They stay exact:
 * no float16 is under 2^-24. */
VS_TARGET_AVX2 VS_BODY float factor_avx2(float d)
{
    return d * 0x1p-24f;
}

/* Bytes 0-7 and 8-15 of q, which is there twice, on top of 32 bits each. */
VS_TARGET_AVX2 VS_BODY __m256i tops_avx2(__m256i q, bool high)
{
    const __m256i first = _mm256_setr_epi8(-1, -1, -1, 0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1, 4, -1, -1, -1, 5, -1, -1, -1, 6, -1, -1, -1, 7);
    const __m256i second = _mm256_setr_epi8(-1, -1, -1, 8, -1, -1, -1, 9, -1, -1, -1, 10, -1, -1, -1, 11, -1, -1, -1, 12, -1, -1, -1, 13, -1, -1, -1, 14, -1, -1, -1, 15);
    return _mm256_shuffle_epi8(q, high ? second : first);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 times_avx2(__m256i q, float d, float m)
{
    const __m256 a = _mm256_cvtepi32_ps(tops_avx2(q, false)), b = _mm256_cvtepi32_ps(tops_avx2(q, true));
    return (vec_avx2){_mm256_mul_ps(a, _mm256_set1_ps(d)), _mm256_mul_ps(b, _mm256_set1_ps(m))};
}

VS_TARGET_AVX2 VS_BODY vec_avx2 halves_avx2(__m128i q, float d, float m)
{
    return times_avx2(twice_avx2(q), d, m);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 scaled_avx2(__m128i q, float d)
{
    return times_avx2(twice_avx2(q), d, d);
}

typedef __m256i ints_avx2; /* 16 bytes, twice */

VS_TARGET_AVX2 VS_BODY vec_avx2 ints_scaled_avx2(__m256i i, float d)
{
    return times_avx2(i, d, d);
}

VS_TARGET_AVX2 VS_BODY vec_avx2 ints_affine_avx2(__m256i i, float d, float m)
{
    const __m256 a = _mm256_cvtepi32_ps(tops_avx2(i, false)), b = _mm256_cvtepi32_ps(tops_avx2(i, true)), times = _mm256_set1_ps(d), plus = _mm256_set1_ps(m);
    return (vec_avx2){_mm256_fmadd_ps(a, times, plus), _mm256_fmadd_ps(b, times, plus)};
}

VS_TARGET_AVX2 VS_BODY void nibbles_avx2(__m128i q, __m256i *out)
{
    const __m256i both = twice_avx2(q), nibble = _mm256_set1_epi8(15);
    out[0] = _mm256_and_si256(both, nibble);
    out[1] = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
}

VS_TARGET_AVX2 VS_BODY void nibbles_scaled_avx2(__m128i q, char less, float d, vec_avx2 *out)
{
    __m256i i[2];
    nibbles_avx2(q, i);
    out[0] = ints_scaled_avx2(_mm256_sub_epi8(i[0], _mm256_set1_epi8(less)), d);
    out[1] = ints_scaled_avx2(_mm256_sub_epi8(i[1], _mm256_set1_epi8(less)), d);
}

VS_TARGET_AVX2 VS_BODY void nibbles_affine_avx2(__m128i q, float d, float m, float d2, float m2, vec_avx2 *out)
{
    __m256i i[2];
    nibbles_avx2(q, i);
    out[0] = ints_affine_avx2(i[0], d, m);
    out[1] = ints_affine_avx2(i[1], d2, m2);
}

VS_TARGET_AVX2 VS_BODY void looked_avx2(__m128i q, __m128i values, float d, vec_avx2 *out)
{
    __m256i i[2];
    nibbles_avx2(q, i);
    for (int h = 0; h < 2; h++) {
        const __m256i v = _mm256_shuffle_epi8(twice_avx2(values), i[h]);
        const __m256 a = _mm256_cvtepi32_ps(_mm256_srai_epi32(tops_avx2(v, false), 24)), b = _mm256_cvtepi32_ps(_mm256_srai_epi32(tops_avx2(v, true), 24));
        out[h] = (vec_avx2){_mm256_mul_ps(a, _mm256_set1_ps(d)), _mm256_mul_ps(b, _mm256_set1_ps(d))};
    }
}

typedef __m256i bits_avx2; /* bytes of ones, the low half first */

/* Bytes in which the bits of mask are all set. */
VS_TARGET_AVX2 VS_BODY __m256i set_in_avx2(__m256i q, __m256i mask)
{
    return _mm256_cmpeq_epi8(_mm256_and_si256(q, mask), mask);
}

VS_TARGET_AVX2 VS_BODY __m256i bits32_avx2(const uint8_t *p)
{
    const __m256i byte = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
    const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)vs_quant_u32(p)), byte);
    return set_in_avx2(spread, _mm256_set1_epi64x((long long)0x8040201008040201ull));
}

VS_TARGET_AVX2 VS_BODY __m256i bits_of_avx2(__m128i q, uint32_t n)
{
    return set_in_avx2(twice_avx2(q), _mm256_setr_m128i(_mm_set1_epi8((char)(1u << n)), _mm_set1_epi8((char)(2u << n))));
}

/* 32 bytes to two times 16. */
VS_TARGET_AVX2 VS_BODY void apart_avx2(__m256i q, __m256i *out)
{
    out[0] = _mm256_permute2x128_si256(q, q, 0x00);
    out[1] = _mm256_permute2x128_si256(q, q, 0x11);
}

VS_TARGET_AVX2 VS_BODY void fives_avx2(__m128i q, __m256i bits, char less, __m256i *out)
{
    const __m256i four = _mm256_and_si256(_mm256_srlv_epi64(twice_avx2(q), _mm256_setr_epi64x(0, 0, 4, 4)), _mm256_set1_epi8(15));
    const __m256i fifth = less ? _mm256_andnot_si256(bits, _mm256_set1_epi8(-16)) : _mm256_and_si256(bits, _mm256_set1_epi8(16));
    apart_avx2(_mm256_or_si256(four, fifth), out);
}

VS_TARGET_AVX2 VS_BODY void sixes_avx2(const uint8_t *low, const uint8_t *high, uint32_t part, __m256i *out)
{
    const __m256i l = _mm256_loadu_si256((const void *)low), h = _mm256_loadu_si256((const void *)high);
    const __m256i two = part < 2 ? _mm256_slli_epi16(h, (int)(4 - 2 * part)) : _mm256_srli_epi16(h, (int)(2 * part - 4));
    const __m256i four = _mm256_and_si256(part < 2 ? l : _mm256_srli_epi16(l, 4), _mm256_set1_epi8(15));
    apart_avx2(_mm256_sub_epi8(_mm256_or_si256(four, _mm256_and_si256(two, _mm256_set1_epi8(0x30))), _mm256_set1_epi8(32)), out);
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

/* ---- AVX-512: 16 values of nibbles are a register ---- */

typedef __m512 vec_avx512;

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

VS_TARGET_AVX512 VS_BODY float factor_avx512(float d)
{
    return d;
}

VS_TARGET_AVX512 VS_BODY __m512 scaled_avx512(__m128i q, float d)
{
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), _mm512_set1_ps(d));
}

VS_TARGET_AVX512 VS_BODY __m512 halves_avx512(__m128i q, float d, float m)
{
    const __m512 factors = _mm512_insertf32x8(_mm512_set1_ps(d), _mm256_set1_ps(m), 1);
    return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), factors);
}

/* The permutation looks at four bits of an index only. */
VS_TARGET_AVX512 VS_BODY void look_avx512(__m128i q, __m512 low, __m512 high, __m512 *out)
{
    const __m512i index = _mm512_cvtepu8_epi32(q);
    out[0] = _mm512_permutexvar_ps(index, low);
    out[1] = _mm512_permutexvar_ps(_mm512_srli_epi32(index, 4), high);
}

VS_TARGET_AVX512 VS_BODY void looked_avx512(__m128i q, __m128i values, float d, __m512 *out)
{
    const __m512 table = scaled_avx512(values, d);
    look_avx512(q, table, table, out);
}

VS_TARGET_AVX512 VS_BODY void nibbles_scaled_avx512(__m128i q, char less, float d, __m512 *out)
{
    looked_avx512(q, _mm_sub_epi8(COUNTING, _mm_set1_epi8(less)), d, out);
}

VS_TARGET_AVX512 VS_BODY __m512 counting_avx512(float d, float m)
{
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(COUNTING)), _mm512_set1_ps(d), _mm512_set1_ps(m));
}

VS_TARGET_AVX512 VS_BODY void nibbles_affine_avx512(__m128i q, float d, float m, float d2, float m2, __m512 *out)
{
    look_avx512(q, counting_avx512(d, m), counting_avx512(d2, m2), out);
}

typedef __m512i ints_avx512;
typedef struct { __mmask16 low, high; } bits_avx512;

VS_TARGET_AVX512 VS_BODY bits_avx512 bits32_avx512(const uint8_t *p)
{
    return (bits_avx512){(__mmask16)(p[0] | p[1] << 8), (__mmask16)(p[2] | p[3] << 8)};
}

VS_TARGET_AVX512 VS_BODY bits_avx512 bits_of_avx512(__m128i q, uint32_t n)
{
    return (bits_avx512){_mm_test_epi8_mask(q, _mm_set1_epi8((char)(1u << n))), _mm_test_epi8_mask(q, _mm_set1_epi8((char)(2u << n)))};
}

/* A bit that is clear counts -16 where 16 is to be taken away: the addition is the same. */
VS_TARGET_AVX512 VS_BODY void fives_avx512(__m128i q, bits_avx512 bits, char less, __m512i *out)
{
    const __m512i both = _mm512_cvtepu8_epi32(q), first = _mm512_and_si512(both, _mm512_set1_epi32(15)), second = _mm512_srli_epi32(both, 4);
    const __m512i fifth = _mm512_set1_epi32(less ? -16 : 16);
    out[0] = _mm512_mask_add_epi32(first, less ? _knot_mask16(bits.low) : bits.low, first, fifth);
    out[1] = _mm512_mask_add_epi32(second, less ? _knot_mask16(bits.high) : bits.high, second, fifth);
}

VS_TARGET_AVX512 VS_BODY void sixes_avx512(const uint8_t *low, const uint8_t *high, uint32_t part, __m512i *out)
{
    for (int i = 0; i < 2; i++) {
        const __m128i l = bytes16_at(low + 16 * i), h = bytes16_at(high + 16 * i);
        const __m128i two = part < 2 ? _mm_slli_epi16(h, (int)(4 - 2 * part)) : _mm_srli_epi16(h, (int)(2 * part - 4));
        const __m128i four = _mm_and_si128(part < 2 ? l : _mm_srli_epi16(l, 4), _mm_set1_epi8(15));
        const __m128i six = _mm_or_si128(four, _mm_and_si128(two, _mm_set1_epi8(0x30)));
        out[i] = _mm512_cvtepi8_epi32(_mm_sub_epi8(six, _mm_set1_epi8(32)));
    }
}

VS_TARGET_AVX512 VS_BODY __m512 ints_scaled_avx512(__m512i i, float d)
{
    return _mm512_mul_ps(_mm512_cvtepi32_ps(i), _mm512_set1_ps(d));
}

VS_TARGET_AVX512 VS_BODY __m512 ints_affine_avx512(__m512i i, float d, float m)
{
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(i), _mm512_set1_ps(d), _mm512_set1_ps(m));
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
