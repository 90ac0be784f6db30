/* SPDX-License-Identifier: Apache-2.0
 *
 * A row of weights as float32 values, for the products of the CPU.
 */
#ifndef VS_KERNELS_CPU_UNPACK_H
#define VS_KERNELS_CPU_UNPACK_H

#include "cpu.h"
#include "mat.h"

/* All values of row r to out[cols]. NaN values have any bits: for products only. */
typedef void vs_cpu_unpack_fn(const struct vs_mat *w, uint64_t r, float *out);
extern vs_cpu_unpack_fn *const vs_cpu_unpack[VS_CPU_LEVELS];

/* out[i] = row r + i times x, i < n, in canonical order, without a detour through memory: fast for what vs_cpu_in_vectors says. */
#define VS_ROWS_AT_ONCE (VS_CPU_ARM ? 2u : 4u) /* n is best a multiple of it; a row in four registers is four chains already */
typedef void vs_cpu_row_dots_fn(const struct vs_mat *w, uint64_t r, uint64_t n, const float *x, float *out);
extern vs_cpu_row_dots_fn *const vs_cpu_row_dots[VS_CPU_LEVELS];
bool vs_cpu_in_vectors(const struct vs_mat *w);

#endif
