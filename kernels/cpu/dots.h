/* SPDX-License-Identifier: Apache-2.0
 *
 * The innermost loops of matrix products and of attention: tiles of dot products in canonical order, and of weighted sums.
 */
#ifndef VS_KERNELS_CPU_DOTS_H
#define VS_KERNELS_CPU_DOTS_H

#include "cpu.h"

#define VS_TILE_TOKENS 4u /* the most that any level takes at a time */
#define VS_TILE_ROWS 6u

/* out[i * VS_TILE_ROWS + r] = dot(x[i], w[r]) over n values, for i < m, r < rows, m from 1 to VS_TILE_TOKENS; more rows may be
 * written, up to VS_TILE_ROWS, whose w must be readable as well: repeat the last one. */
typedef void vs_cpu_dots_fn(const float *const *x, unsigned m, const float *const *w, unsigned rows, uint64_t n, float *out);
extern vs_cpu_dots_fn *const vs_cpu_dots[VS_CPU_LEVELS];

/* out[i][d] += weights[i][k] * v[k * stride + d] by fused multiply-add, for k from .. to ascending, i < rows <= VS_TILE_TOKENS,
 * d < width. */
typedef void vs_cpu_mix_fn(const float *const *weights, unsigned rows, const float *v, uint64_t stride, uint64_t from, uint64_t to,
                           float *const *out, uint64_t width);
extern vs_cpu_mix_fn *const vs_cpu_mix[VS_CPU_LEVELS];

#endif
