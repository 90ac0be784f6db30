/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/mem.h"

/* The test hook: allocations left until one fails; 0 = off. The only state of the library that outlives a call. */
static atomic_ulong fail_in;
static atomic_bool fail_sticky;

void vs_mem_fail_at(unsigned long n, bool sticky)
{
    atomic_store(&fail_sticky, sticky);
    atomic_store(&fail_in, n);
}

static bool must_fail(void)
{
    unsigned long left = atomic_load_explicit(&fail_in, memory_order_relaxed);
    while (left > 1)
        if (atomic_compare_exchange_weak(&fail_in, &left, left - 1))
            return false;
    if (left == 0)
        return false;
    if (!atomic_load(&fail_sticky))
        atomic_store(&fail_in, 0);
    return true;
}

/* Large blocks in huge pages where the system leaves that to programs: what is filled from end to end is faulted in by
 * megabytes, which saves a seventh of the time that loading a large tokenizer takes. Advice: that it is not taken does not matter. */
#define LARGE ((size_t)4 << 20)

static void *advised(void *p, size_t n)
{
    const uintptr_t page = 4096, begin = ((uintptr_t)p + page - 1) / page * page, end = ((uintptr_t)p + n) / page * page;
    if (p && n >= LARGE)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
    return p;
}

void *vs_malloc(size_t n)
{
    if (n > PTRDIFF_MAX || must_fail())
        return NULL;
    return advised(malloc(n ? n : 1), n);
}

void *vs_calloc(size_t count, size_t size)
{
    uint64_t n;
    if (!vs_mul(count, size, &n) || n > PTRDIFF_MAX || must_fail())
        return NULL;
    return advised(calloc(n ? (size_t)n : 1, 1), (size_t)n);
}

void *vs_realloc_array(void *ptr, size_t count, size_t size)
{
    uint64_t n;
    if (!vs_mul(count, size, &n) || n > PTRDIFF_MAX || must_fail())
        return NULL;
    return advised(realloc(ptr, n ? (size_t)n : 1), (size_t)n);
}

void vs_free(void *ptr)
{
    free(ptr);
}

#define LIST_FIRST 8

/* Full when count is a power of two, from the first room on. */
static size_t list_wants(size_t count)
{
    if (count == 0)
        return LIST_FIRST;
    return count < LIST_FIRST || (count & (count - 1)) ? 0 : 2 * count;
}

void *vs_list_room(void *list, size_t count, size_t size)
{
    size_t room = list_wants(count);
    return room ? vs_realloc_array(list, room, size) : list;
}

void *vs_arena_room(struct vs_arena *a, void *list, size_t count, size_t size)
{
    size_t room = list_wants(count);
    if (!room)
        return list;
    void *longer = vs_arena_array(a, room, size);
    if (longer && count)
        memcpy(longer, list, count * size);
    return longer;
}

enum vs_code vs_enomem(struct vs_err *err, const char *what, uint64_t bytes)
{
    if (bytes == 0)
        return vs_fail(err, VS_ENOMEM, "not enough memory for %s", what);
    return vs_fail(err, VS_ENOMEM, "not enough memory for %s (%llu bytes)", what, (unsigned long long)bytes);
}

/* ---- arena ---- */

#define CHUNK_MIN ((size_t)4 << 10)
#define CHUNK_MAX ((size_t)1 << 20)
#define ALIGN 16

struct vs_chunk {
    struct vs_chunk *next;
    size_t size;
    _Alignas(ALIGN) unsigned char data[];
};

static struct vs_chunk *chunk_new(size_t size)
{
    struct vs_chunk *c = vs_calloc(1, sizeof *c + size);
    if (c)
        c->size = size;
    return c;
}

void *vs_arena_alloc(struct vs_arena *a, size_t n)
{
    if (n > PTRDIFF_MAX / 2)
        return NULL;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (a->chunks && n <= a->chunks->size - a->used) {
        void *p = a->chunks->data + a->used;
        a->used += n;
        return p;
    }
    /* Something large gets a chunk of its own behind the head, so that the rest of the head is not wasted. */
    if (a->chunks && n > a->chunks->size / 4) {
        struct vs_chunk *own = chunk_new(n);
        if (!own)
            return NULL;
        own->next = a->chunks->next;
        a->chunks->next = own;
        return own->data;
    }
    size_t size = a->chunks ? a->chunks->size * 2 : CHUNK_MIN;
    if (size > CHUNK_MAX)
        size = CHUNK_MAX;
    struct vs_chunk *c = chunk_new(n > size ? n : size);
    if (!c)
        return NULL;
    c->next = a->chunks;
    a->chunks = c;
    a->used = n;
    return c->data;
}

void *vs_arena_array(struct vs_arena *a, size_t count, size_t size)
{
    uint64_t n;
    return vs_mul(count, size, &n) ? vs_arena_alloc(a, (size_t)n) : NULL;
}

char *vs_arena_dup(struct vs_arena *a, const char *p, size_t n)
{
    char *copy = n < SIZE_MAX ? vs_arena_alloc(a, n + 1) : NULL;
    if (copy && n)
        memcpy(copy, p, n);
    return copy;
}

void vs_arena_free(struct vs_arena *a)
{
    if (!a)
        return;
    for (struct vs_chunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        vs_free(c);
    }
    *a = (struct vs_arena){0};
}
