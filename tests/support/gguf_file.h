/* SPDX-License-Identifier: Apache-2.0
 *
 * GGUF files built piece by piece, sound ones and damaged ones. Keys and tensors appear in the order of the calls.
 *
 *     struct gg g = {.version = 3};
 *     gg_string(&g, "general.architecture", "llama");
 *     gg_tensor(&g, "token_embd.weight", GG_F32, 2, (uint64_t[]){16, 8}, NULL, 512);
 *     gg_write(&g, path);
 *     gg_free(&g);
 */
#ifndef VS_TESTS_GGUF_FILE_H
#define VS_TESTS_GGUF_FILE_H

#include <stddef.h>
#include <stdint.h>

struct gg_bytes { unsigned char *p; size_t n, cap; };
struct gg {
    uint32_t version;
    uint64_t alignment;       /* of the data; 0: 32 */
    const char *omit;         /* the call for this key or tensor does nothing */
    uint64_t kvs, tensors;    /* counted; what is written unless a test changes it */
    struct gg_bytes kv, info, data;
};

enum { GG_U8, GG_I8, GG_U16, GG_I16, GG_U32, GG_I32, GG_FLOAT32, GG_BOOL, GG_STRING, GG_ARRAY, GG_U64, GG_I64, GG_FLOAT64 }; /* of values */
enum { GG_F32, GG_F16, GG_Q8_0 = 8, GG_I8_DATA = 24, GG_F64 = 28 };                                                       /* of tensors */

void gg_raw(struct gg_bytes *b, const void *p, size_t n);
void gg_number(struct gg_bytes *b, uint64_t v, unsigned bytes); /* little-endian */
void gg_text(struct gg_bytes *b, const char *s);                /* u64 length, bytes */

/* false when omitted; the value has to follow in g->kv. */
int gg_key(struct gg *g, const char *key, uint32_t type);
void gg_u32(struct gg *g, const char *key, uint32_t v);
void gg_string(struct gg *g, const char *key, const char *v);
void gg_strings(struct gg *g, const char *key, const char *const *list, size_t n);
void gg_numbers(struct gg *g, const char *key, uint32_t element, const uint32_t *list, size_t n); /* of 4 bytes each */

/* A tensor's description only. dims: row length first. */
void gg_info(struct gg *g, const char *name, uint32_t type, uint32_t ndim, const uint64_t *dims, uint64_t offset);
/* With bytes behind the data so far, aligned; NULL: finite numbers in any type. */
void gg_tensor(struct gg *g, const char *name, uint32_t type, uint32_t ndim, const uint64_t *dims, const void *data, size_t bytes);

struct gg_bytes gg_file(const struct gg *g);      /* the whole file; freed by the caller */
void gg_write(const struct gg *g, const char *path);
void gg_free(struct gg *g);

/* Eight tokens, table and head of 8 rows of 32 values (Q8_0, F16), one norm; with every key that the rules look at. */
void gg_sound(struct gg *g);

#endif
