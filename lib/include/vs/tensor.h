/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors as the file headers describe them: name, dtype, shape, byte range. No payload.
 */
#ifndef VS_TENSOR_H
#define VS_TENSOR_H

#include <stdbool.h>
#include <vs/err.h>

VS_C_BEGIN

/* safetensors dtypes in the enum order of the reference implementation (huggingface/safetensors tensor.rs). */
enum vs_dtype {
    VS_BOOL, VS_F4, VS_F6_E2M3, VS_F6_E3M2, VS_U8, VS_I8, VS_F8_E5M2, VS_F8_E4M3, VS_F8_E8M0, VS_F8_E4M3FNUZ,
    VS_F8_E5M2FNUZ, VS_I16, VS_U16, VS_F16, VS_BF16, VS_I32, VS_U32, VS_F32, VS_C64, VS_F64, VS_I64, VS_U64,
    VS_DTYPE_COUNT
};

#define VS_MAX_DIMS 64

/* One tensor. shape is in elements, C order; begin/end are byte offsets from the first byte of the file. */
struct vs_tensor {
    struct vs_str name;
    enum vs_dtype dtype;
    uint32_t ndim;
    const uint64_t *shape;
    uint64_t begin, end;
    uint32_t file; /* which file of the checkpoint, see vs/checkpoint.h */
};

const char *vs_dtype_name(enum vs_dtype dtype);     /* "BF16" ... */
unsigned vs_dtype_bits(enum vs_dtype dtype);        /* bits per element */
bool vs_dtype_parse(struct vs_str name, enum vs_dtype *out);
bool vs_dtype_is_float(enum vs_dtype dtype);        /* F16 BF16 F32 F64: what the row kernels can average */

VS_C_END

#endif
