/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <vs/tensor.h>
#include "base/mem.h"
#include "base/str.h"

static const struct { const char *name; unsigned bits, block; } dtypes[] = {
    [VS_BOOL] = {"BOOL", 8},       [VS_F4] = {"F4", 4},           [VS_F6_E2M3] = {"F6_E2M3", 6},
    [VS_F6_E3M2] = {"F6_E3M2", 6}, [VS_U8] = {"U8", 8},           [VS_I8] = {"I8", 8},
    [VS_F8_E5M2] = {"F8_E5M2", 8}, [VS_F8_E4M3] = {"F8_E4M3", 8}, [VS_F8_E8M0] = {"F8_E8M0", 8},
    [VS_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 8}, [VS_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 8},
    [VS_I16] = {"I16", 16},        [VS_U16] = {"U16", 16},        [VS_F16] = {"F16", 16},
    [VS_BF16] = {"BF16", 16},      [VS_I32] = {"I32", 32},        [VS_U32] = {"U32", 32},
    [VS_F32] = {"F32", 32},        [VS_C64] = {"C64", 64},        [VS_F64] = {"F64", 64},
    [VS_I64] = {"I64", 64},        [VS_U64] = {"U64", 64},
#define VS_BLOCK_ROW(name, id, elements, bytes) [VS_##name] = {#name, (bytes) * 8, elements},
    VS_BLOCK_DTYPES(VS_BLOCK_ROW)
#undef VS_BLOCK_ROW
};
_Static_assert(sizeof dtypes / sizeof *dtypes == VS_DTYPE_COUNT, "one row per dtype");

const char *vs_dtype_name(enum vs_dtype dtype)
{
    return (unsigned)dtype < VS_DTYPE_COUNT ? dtypes[dtype].name : "?";
}

unsigned vs_dtype_bits(enum vs_dtype dtype)
{
    return (unsigned)dtype < VS_DTYPE_COUNT ? dtypes[dtype].bits : 0;
}

unsigned vs_dtype_block(enum vs_dtype dtype)
{
    return (unsigned)dtype < VS_DTYPE_COUNT && dtypes[dtype].block ? dtypes[dtype].block : 1;
}

bool vs_dtype_row_bytes(enum vs_dtype dtype, uint64_t elements, uint64_t *bytes)
{
    const uint64_t block = vs_dtype_block(dtype), size = vs_dtype_bits(dtype);
    uint64_t bits;
    if (elements % block == 0 && size % 8 == 0)
        return vs_mul(elements / block, size / 8, bytes);
    if (elements % block || !vs_mul(elements / block, size, &bits) || bits % 8)
        return false;
    *bytes = bits / 8;
    return true;
}

bool vs_dtype_parse(struct vs_str name, enum vs_dtype *out)
{
    for (unsigned i = 0; i < VS_ST_DTYPE_COUNT; i++)
        if (vs_str_is(name, dtypes[i].name)) {
            *out = (enum vs_dtype)i;
            return true;
        }
    return false;
}

bool vs_dtype_is_float(enum vs_dtype dtype)
{
    return dtype == VS_F16 || dtype == VS_BF16 || dtype == VS_F32 || dtype == VS_F64;
}
