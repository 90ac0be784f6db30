/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF headers, versions 2 and 3, little-endian: read strictly, values where they stand. No payload.
 *
 *     "GGUF" | u32 version | u64 tensors | u64 keys | key, type, value ... | name, dims, type, offset ... | pad | data
 *
 * Dimensions are stored with the row length first; shapes here are in C order, like those of safetensors.
 */
#ifndef VS_FORMAT_GGUF_H
#define VS_FORMAT_GGUF_H

#include <vs/tensor.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define VS_GGUF_HEADER_MAX (1ull << 30)
#define VS_GGUF_KEY_MAX 65535u
#define VS_GGUF_NAME_MAX 63u
#define VS_GGUF_DEPTH_MAX 4      /* of nested arrays */
#define VS_GGUF_ALIGNMENT_MAX (1u << 20)
#define VS_GGUF_TENSOR_MAX 1000000u

enum vs_gguf_type {
    VS_GGUF_U8, VS_GGUF_I8, VS_GGUF_U16, VS_GGUF_I16, VS_GGUF_U32, VS_GGUF_I32, VS_GGUF_F32, VS_GGUF_BOOL, VS_GGUF_STRING,
    VS_GGUF_ARRAY, VS_GGUF_U64, VS_GGUF_I64, VS_GGUF_F64, VS_GGUF_TYPES
};
const char *vs_gguf_type_name(enum vs_gguf_type type); /* "u32" "string" ... */

/* value: a string's text, an array's elements one behind the other, or the bytes of anything else. */
struct vs_gguf_kv {
    struct vs_str key;
    enum vs_gguf_type type, element; /* element: of an array */
    uint64_t count;                  /* of an array */
    struct vs_str value;
};

#define VS_GGUF_WARNINGS 100

/* Keys, values and names point into the header's text, which belongs to this and lives until vs_gguf_free. */
struct vs_gguf {
    const char *path;
    uint64_t size, data_begin, alignment;
    uint32_t version;
    struct vs_str architecture;      /* empty in a part that is not the first */
    struct vs_gguf_kv *kvs; uint32_t kv_count;       /* in file order */
    struct vs_tensor *tensors; uint32_t count;       /* ascending begin; begin/end from the first byte of the file */
    const char **warnings; uint32_t warning_count;   /* what loads but is odd: sentences that name the file; VS_GGUF_WARNINGS at most */
    uint64_t untold;                                 /* how many more there were */
    struct vs_map keys;
    char *text;
};

/* split.no above 0: such a part has no architecture of its own. */
enum vs_code vs_gguf_open(const char *path, uint32_t file, struct vs_arena *a, struct vs_gguf *out, struct vs_err *err) VS_NODISCARD;
/* The same from memory: the first have bytes of a file of size bytes. VS_OK with *more set: they are too few, *out is empty.
 * text must outlive out, which does not own it. */
enum vs_code vs_gguf_parse(const char *path, const char *text, uint64_t have, uint64_t size, uint32_t file, struct vs_arena *a,
                           struct vs_gguf *out, bool *more, struct vs_err *err) VS_NODISCARD;
void vs_gguf_free(struct vs_gguf *g); /* accepts NULL and {0}; leaves {0} */

/* ---- values: false, or NULL, for another type; kv may be NULL ---- */
const struct vs_gguf_kv *vs_gguf_find(const struct vs_gguf *g, const char *key);
const struct vs_gguf_kv *vs_gguf_find_arch(const struct vs_gguf *g, const char *key); /* "ARCHITECTURE.key" */
bool vs_gguf_i64(const struct vs_gguf_kv *kv, int64_t *out);      /* every integer type; a u64 beyond i64 is false */
bool vs_gguf_f64(const struct vs_gguf_kv *kv, double *out);       /* f32 and f64 */
bool vs_gguf_bool(const struct vs_gguf_kv *kv, bool *out);
bool vs_gguf_string(const struct vs_gguf_kv *kv, struct vs_str *out);
bool vs_gguf_is_array(const struct vs_gguf_kv *kv, enum vs_gguf_type element);
bool vs_gguf_item_i64(const struct vs_gguf_kv *kv, uint64_t i, int64_t *out);
bool vs_gguf_item_f64(const struct vs_gguf_kv *kv, uint64_t i, double *out);
/* The strings of an array in order: *at starts as 0; false behind the last one. */
bool vs_gguf_next(const struct vs_gguf_kv *kv, uint64_t *at, struct vs_str *out);

#endif
