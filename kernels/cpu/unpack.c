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

static void row_dots_portable(const struct vs_mat *w, uint64_t r, uint64_t n, const float *x, float *out)
{
    for (; n; n--, r++, out++) {
        float lanes[VS_DOT_LANES] = {0};
        for (uint64_t k = 0; k < w->cols; k++)
            lanes[k % VS_DOT_LANES] = vs_fmaf(x[k], vs_mat_value(w, r, k), lanes[k % VS_DOT_LANES]);
        *out = vs_dot_finish(lanes);
    }
}

/* Short rows side by side look like no stream to the processor, but the bytes of a group of them are one: it is asked for in
 * the order of the addresses, this far ahead. Of long rows the same place in the next group is asked for. Behind the last row
 * nothing needs to be. */
#define VS_AHEAD 8192u

/* Returns the first line that was not asked for. */
VS_BODY uintptr_t vs_prefetch(uintptr_t from, uintptr_t to)
{
    for (; from < to; from += 64)
        __builtin_prefetch((const char *)from);
    return from;
}

#if VS_CPU_X86
#include "unpack_x86.h"

#define TARGET VS_TARGET_AVX2
#define V(name) name##_avx2
#include "unpack_blocks.h"
#undef TARGET
#undef V

#define TARGET VS_TARGET_AVX512
#define V(name) name##_avx512
#include "unpack_blocks.h"
#undef TARGET
#undef V

vs_cpu_unpack_fn *const vs_cpu_unpack[VS_CPU_LEVELS] = {unpack_portable, unpack_avx2, unpack_avx512};
vs_cpu_row_dots_fn *const vs_cpu_row_dots[VS_CPU_LEVELS] = {row_dots_portable, row_dots_avx2, row_dots_avx512};
#elif VS_CPU_ARM
#include "unpack_neon.h"

#define TARGET
#define V(name) name##_neon
#include "unpack_blocks.h"
#undef TARGET
#undef V

vs_cpu_unpack_fn *const vs_cpu_unpack[VS_CPU_LEVELS] = {unpack_portable, unpack_neon};
vs_cpu_row_dots_fn *const vs_cpu_row_dots[VS_CPU_LEVELS] = {row_dots_portable, row_dots_neon};
#else
vs_cpu_unpack_fn *const vs_cpu_unpack[VS_CPU_LEVELS] = VS_CPU_SAME(unpack_portable);
vs_cpu_row_dots_fn *const vs_cpu_row_dots[VS_CPU_LEVELS] = VS_CPU_SAME(row_dots_portable);
#endif
