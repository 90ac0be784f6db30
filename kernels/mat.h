/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights as the matrix product reads them: bytes of a row, and one value of it.
 */
#ifndef VS_KERNELS_MAT_H
#define VS_KERNELS_MAT_H

#include "quant.h"
#include "vs_forward_kernels.h"

/* Bytes of a row; 0 for a dtype, or a length, that the matrix product does not take. */
VS_HD uint64_t vs_mat_row_bytes(const struct vs_mat *w)
{
    const uint32_t elements = vs_quant_elements(w->dtype);
    if (w->scales)
        return w->dtype == VS_MXFP4 && w->cols % 32 == 0 ? w->cols / 2 : 0;
    if (elements)
        return w->cols % elements ? 0 : w->cols / elements * vs_quant_bytes(w->dtype);
    return w->dtype == VS_F8_E4M3 || w->dtype == VS_F8_E5M2 ? w->cols : w->cols * vs_float_size(w->dtype);
}

/* Value k of a row at row, whose exponents are at scales (NULL but for MXFP4 of safetensors). */
VS_HD float vs_mat_at(enum vs_dtype dtype, const uint8_t *row, const uint8_t *scales, uint64_t k)
{
    const uint32_t elements = vs_quant_elements(dtype);
    if (scales)
        return vs_mxfp4_split_at(row + k / 32 * 16, scales[k / 32], (uint32_t)(k % 32));
    if (elements)
        return vs_quant_at(dtype, row + k / elements * vs_quant_bytes(dtype), (uint32_t)(k % elements));
    if (dtype == VS_F8_E4M3)
        return vs_f8_e4m3_to_f32(row[k]);
    if (dtype == VS_F8_E5M2)
        return vs_f8_e5m2_to_f32(row[k]);
    return vs_get_f32(row, dtype, k);
}

VS_HD const uint8_t *vs_mat_row(const struct vs_mat *w, uint64_t r)
{
    return (const uint8_t *)w->data + r * w->stride;
}

VS_HD const uint8_t *vs_mat_scales(const struct vs_mat *w, uint64_t r)
{
    return w->scales ? (const uint8_t *)w->scales + r * w->scale_stride : NULL;
}

VS_HD float vs_mat_value(const struct vs_mat *w, uint64_t r, uint64_t k)
{
    return vs_mat_at(w->dtype, vs_mat_row(w, r), vs_mat_scales(w, r), k);
}

#endif
