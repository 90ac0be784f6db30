/* SPDX-License-Identifier: Apache-2.0
 *
 * Scores of strict attention, for blocks of 256 threads: sixteen threads are the lanes of some keys times some rows.
 */
#ifndef VS_KERNELS_CUDA_ATTEND_SCORES_H
#define VS_KERNELS_CUDA_ATTEND_SCORES_H

#include "attend_rows.h"
#include "canon_f32.h"

#define VS_SCORE_KEYS 4u   /* that 16 threads take at a time */
#define VS_SCORE_THREADS 256u
#define VS_SCORE_TILE (VS_SCORE_THREADS / VS_DOT_LANES * VS_SCORE_KEYS)

VS_HD void score_lane(const struct attend_args *a, const struct block_rows *b, const float *const *q, uint64_t key, uint64_t to, uint32_t lane,
                      const uint32_t rows, float (*acc)[VS_FEW_ROWS])
{
    const float *k[VS_SCORE_KEYS];
    for (uint32_t i = 0; i < VS_SCORE_KEYS; i++)
        k[i] = a->k.data + (b->span.k_begin + (key + i < to ? key + i : to - 1)) * a->k.token_stride + b->kv * a->k.head_stride;
    for (uint32_t i = 0; i < VS_SCORE_KEYS; i++)
        for (uint32_t r = 0; r < rows; r++)
            acc[i][r] = 0;
    VS_UNROLL(4)
    for (uint64_t d = lane; d < a->q.dim; d += VS_DOT_LANES) {
        float x[VS_FEW_ROWS];
        for (uint32_t r = 0; r < rows; r++)
            x[r] = q[r][d];
        for (uint32_t i = 0; i < VS_SCORE_KEYS; i++) {
            const float y = k[i][d];
            for (uint32_t r = 0; r < rows; r++)
                acc[i][r] = vs_fmaf(x[r], y, acc[i][r]);
        }
    }
}

/* Keys [key, key + VS_SCORE_TILE) of up to rows rows, to scores[row * a->scores_stride + key]. All threads of a warp come here
 * together, for the shuffles. Scores that a row may not see are written and never read. */
VS_DEVICE void tile_scores(const struct attend_args *a, const struct block_rows *b, uint64_t key, const uint32_t rows, float *scores)
{
    const uint32_t lane = threadIdx.x % VS_DOT_LANES;
    const uint64_t to = row_of(a, b, b->count - 1).to;
    const float *q[VS_FEW_ROWS];
    float acc[VS_SCORE_KEYS][VS_FEW_ROWS], mine[VS_SCORE_KEYS * VS_FEW_ROWS / VS_DOT_LANES];
    for (uint32_t r = 0; r < rows; r++) {
        const struct attend_row row = row_of(a, b, r);
        q[r] = a->q.data + row.token * a->q.token_stride + row.head * a->q.head_stride;
    }
    key += threadIdx.x / VS_DOT_LANES * VS_SCORE_KEYS;
    score_lane(a, b, q, key, to, lane, rows, acc);
    VS_UNROLL(4)
    for (uint32_t i = 0; i < VS_SCORE_KEYS; i++)
        VS_UNROLL(8)
        for (uint32_t r = 0; r < rows; r++) { /* the sum comes to all lanes alike, and one keeps it */
            float dot = acc[i][r];
            for (uint32_t half = VS_DOT_LANES / 2; half; half /= 2)
                dot += __shfl_xor_sync(0xffffffffu, dot, half);
            if ((i * rows + r) % VS_DOT_LANES == lane)
                mine[(i * rows + r) / VS_DOT_LANES] = dot;
        }
    VS_UNROLL(2)
    for (uint32_t i = 0; i < VS_SCORE_KEYS * rows / VS_DOT_LANES; i++) { /* counted, for mine to be registers */
        const uint32_t n = i * VS_DOT_LANES + lane;
        if (key + n / rows < to && n % rows < b->count) {
            const float dot = mine[i] * a->scale;
            scores[n % rows * a->scores_stride + key + n / rows] = a->softcap > 0 ? vs_softcap(dot, a->softcap) : dot;
        }
    }
}

#endif
