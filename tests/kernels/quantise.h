/* SPDX-License-Identifier: Apache-2.0
 *
 * Block dtypes for tests: decoded one value at a time, and quantised plainly (no importance matrix).
 */
#ifndef VS_TESTS_QUANTISE_H
#define VS_TESTS_QUANTISE_H

#include <vs/tensor.h>

/* scales: MXFP4 in two tensors (in[blocks][16], scales[blocks]); else NULL. */
void reference_dequant(const void *in, const uint8_t *scales, enum vs_dtype t, uint64_t blocks, float *out);
/* n values, whole blocks, of one of the dtypes that kernels/quant.h decodes. */
void quantise(const float *x, enum vs_dtype t, uint64_t n, uint8_t *out);

#endif
