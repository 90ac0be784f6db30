/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors as the file headers describe them: name, dtype, shape, byte range. No payload.
 */
#ifndef VS_TENSOR_H
#define VS_TENSOR_H

#include <stdbool.h>
#include <vs/err.h>

VS_C_BEGIN

/* The block dtypes of GGUF: X(name, id in the file, elements of a block, bytes of a block). A row is whole blocks. */
#define VS_BLOCK_DTYPES(X)                                                                                             \
    X(Q4_0, 2, 32, 18)      X(Q4_1, 3, 32, 20)      X(Q5_0, 6, 32, 22)      X(Q5_1, 7, 32, 24)      X(Q8_0, 8, 32, 34)      \
    X(Q8_1, 9, 32, 36)      X(Q2_K, 10, 256, 84)    X(Q3_K, 11, 256, 110)   X(Q4_K, 12, 256, 144)   X(Q5_K, 13, 256, 176)   \
    X(Q6_K, 14, 256, 210)   X(Q8_K, 15, 256, 292)   X(IQ2_XXS, 16, 256, 66) X(IQ2_XS, 17, 256, 74)  X(IQ3_XXS, 18, 256, 98) \
    X(IQ1_S, 19, 256, 50)   X(IQ4_NL, 20, 32, 18)   X(IQ3_S, 21, 256, 110)  X(IQ2_S, 22, 256, 82)   X(IQ4_XS, 23, 256, 136) \
    X(IQ1_M, 29, 256, 56)   X(TQ1_0, 34, 256, 54)   X(TQ2_0, 35, 256, 66)   X(MXFP4, 39, 32, 17)    X(NVFP4, 40, 64, 36)    \
    X(Q1_0, 41, 128, 18)    X(Q2_0, 42, 64, 18)

/* safetensors dtypes in the enum order of the reference implementation (huggingface/safetensors tensor.rs), then those of GGUF. */
enum vs_dtype {
    VS_BOOL, VS_F4, VS_F6_E2M3, VS_F6_E3M2, VS_U8, VS_I8, VS_F8_E5M2, VS_F8_E4M3, VS_F8_E8M0, VS_F8_E4M3FNUZ,
    VS_F8_E5M2FNUZ, VS_I16, VS_U16, VS_F16, VS_BF16, VS_I32, VS_U32, VS_F32, VS_C64, VS_F64, VS_I64, VS_U64,
#define VS_BLOCK_DTYPE_ENUM(name, id, elements, bytes) VS_##name,
    VS_BLOCK_DTYPES(VS_BLOCK_DTYPE_ENUM)
#undef VS_BLOCK_DTYPE_ENUM
    VS_DTYPE_COUNT,
    VS_ST_DTYPE_COUNT = VS_U64 + 1
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
unsigned vs_dtype_block(enum vs_dtype dtype);       /* elements of a block: 1 outside of GGUF's block dtypes */
unsigned vs_dtype_bits(enum vs_dtype dtype);        /* bits of a block: of an element where blocks have one */
bool vs_dtype_row_bytes(enum vs_dtype dtype, uint64_t elements, uint64_t *bytes); /* false: overflow, or no whole blocks and bytes */
bool vs_dtype_parse(struct vs_str name, enum vs_dtype *out); /* as safetensors spells them: no block dtypes */
bool vs_dtype_is_float(enum vs_dtype dtype);        /* F16 BF16 F32 F64: what the row kernels can average */

VS_C_END

#endif
