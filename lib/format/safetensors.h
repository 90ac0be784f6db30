/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors headers: read strictly, written compactly. No payload.
 *
 *     0            8                8 + N = data_begin                       end of file
 *     | N (u64 LE) | JSON, N bytes  | tensors, without gaps, in any order    |
 */
#ifndef VS_FORMAT_SAFETENSORS_H
#define VS_FORMAT_SAFETENSORS_H

#include <vs/tensor.h>
#include "base/io.h"
#include "base/str.h"

#define VS_ST_HEADER_MAX 100000000ull
#define VS_ST_HEADER_USUAL 25000000u /* what the Hub reads */
#define VS_ST_TENSOR_MAX 1000000u
#define VS_ST_NAME_MAX 65536u

/* Strings and shapes belong to the arena that the reader was given, or to the header text. */
struct vs_st {
    const char *path;
    uint64_t size, data_begin;
    uint64_t inode; int64_t mtime_ns; /* of the file that was read; 0 for a header that was parsed alone */
    struct vs_str header;       /* JSON text, padding included */
    struct vs_str metadata;     /* JSON text of __metadata__; empty when absent or null */
    struct vs_tensor *tensors; uint32_t count; /* ascending begin; begin/end from the first byte of the file */
    struct vs_str unknown_field;/* of a tensor's description, the first one: legal, but nobody keeps it; or empty */
};

/* The checks of the reference reader and those it lacks: duplicate names, two spellings of an integer, limits. size is
 * of the whole file, the header of N bytes stands at byte 8. file goes into every tensor. */
enum vs_code vs_st_parse(const char *path, uint64_t size, struct vs_str header, uint32_t file, struct vs_arena *a,
                         struct vs_st *out, struct vs_err *err) VS_NODISCARD;
/* Reads the 8 + N bytes of an open file and parses them. */
enum vs_code vs_st_read(const struct vs_file *f, uint32_t file, struct vs_arena *a, struct vs_st *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_st_open(const char *path, uint32_t file, struct vs_arena *a, struct vs_st *out, struct vs_err *err) VS_NODISCARD;

/* Bytes of a tensor. Overflow and a part of a byte are VS_EFORMAT; *why is a static sentence. */
enum vs_code vs_tensor_bytes(enum vs_dtype dtype, uint32_t ndim, const uint64_t *shape, uint64_t *bytes, const char **why) VS_NODISCARD;

#define VS_ST_PAGE 4096u
#define VS_ST_ANYWHERE UINT64_MAX

/* Appends the 8 length bytes and the JSON text for tensors that lie one behind the other in the given order (their
 * begin and end are not read). metadata is JSON text and kept as it is; empty = {"format":"pt"}, which readers want to
 * see. Spaces at the end bring the data to a multiple of 8, or to residue modulo VS_ST_PAGE when that is not
 * VS_ST_ANYWHERE. */
enum vs_code vs_st_write_header(const char *path, const struct vs_tensor *tensors, uint64_t count, struct vs_str metadata,
                                uint64_t residue, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;

#endif
