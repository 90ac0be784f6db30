/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree over the 16 lanes of a dot product (canon.h), in registers; and the lanes of a rest.
 */
#ifndef VS_KERNELS_CPU_LANES_H
#define VS_KERNELS_CPU_LANES_H

#include "cpu.h"

#if VS_CPU_X86
#include <immintrin.h>

/* Lanes 0-7 and 8-15. */
VS_TARGET_AVX2 VS_BODY float vs_lanes_sum_avx2(__m256 low, __m256 high)
{
    const __m256 eight = _mm256_add_ps(low, high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

/* All ones in lanes [0, n), n of any size. */
VS_TARGET_AVX2 VS_BODY __m256i vs_lanes_first_avx2(uint64_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < 8 ? (int)n : 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#elif VS_CPU_ARM
#include <arm_neon.h>

/* By fours of lanes. */
VS_BODY float vs_lanes_sum_neon(const float32x4_t *v)
{
    const float32x4_t four = vaddq_f32(vaddq_f32(v[0], v[2]), vaddq_f32(v[1], v[3]));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}
#endif

#endif
