/* SPDX-License-Identifier: Apache-2.0
 *
 * The only malloc of ours. An arena owns everything that one opened object points to; freeing the arena frees it all.
 *
 * PCRE2 allocates through here too, by a context for each object. cJSON, libcrypto and the C library do not: hooks,
 * where they have any, are one set for the whole process, which a library must not change under its host. What they return is
 * checked all the same, but vs_mem_fail_at does not reach it.
 */
#ifndef VS_BASE_MEM_H
#define VS_BASE_MEM_H

#include <stdbool.h>
#include <vs/err.h>

/* NULL on failure. vs_realloc_array grows ptr to count*size bytes, checked for overflow; ptr stays valid on failure. */
void *vs_malloc(size_t n) VS_NODISCARD;
void *vs_calloc(size_t count, size_t size) VS_NODISCARD;
void *vs_realloc_array(void *ptr, size_t count, size_t size) VS_NODISCARD;
void vs_free(void *ptr);

/* Test hook: the n-th allocation from now on fails (1 = the next), and every later one too when sticky. 0 = off. */
void vs_mem_fail_at(unsigned long n, bool sticky);

struct vs_arena {
    struct vs_chunk *chunks;
    size_t used;
};

/* {0} is a valid empty arena. Memory is aligned to 16 and zeroed. NULL on failure. */
void *vs_arena_alloc(struct vs_arena *a, size_t n) VS_NODISCARD;
void *vs_arena_array(struct vs_arena *a, size_t count, size_t size) VS_NODISCARD; /* checked multiplication */
char *vs_arena_dup(struct vs_arena *a, const char *p, size_t n) VS_NODISCARD;     /* n bytes plus a NUL */
void vs_arena_free(struct vs_arena *a);                                           /* accepts {0}; leaves {0} */

/* A list that grows one by one is a pointer and a count: both return it with room for item number count, NULL when memory is
 * short (the list stays as it is then). Its room follows from count alone, 8, 16, 32 ...; NULL and 0 are an empty list. */
void *vs_list_room(void *list, size_t count, size_t size) VS_NODISCARD; /* of vs_malloc: vs_free */
void *vs_arena_room(struct vs_arena *a, void *list, size_t count, size_t size) VS_NODISCARD;

/* The one message for a failed allocation. */
enum vs_code vs_enomem(struct vs_err *err, const char *what, uint64_t bytes);

/* Checked arithmetic on sizes from files: false on overflow, *out untouched then. */
static inline bool vs_add(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

static inline bool vs_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

#endif
