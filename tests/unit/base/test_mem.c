/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <string.h>
#include "base/mem.h"
#include "support.h"

Test(mem, sizes_that_overflow_are_refused)
{
    cr_assert_null(vs_malloc((size_t)PTRDIFF_MAX + 1));
    cr_assert_null(vs_calloc(SIZE_MAX / 2, 3));
    void *p = vs_malloc(4);
    cr_assert_null(vs_realloc_array(p, SIZE_MAX / 2, 3));
    memset(p, 1, 4); /* still ours */
    vs_free(p);
    uint64_t sum = 7;
    cr_assert(!vs_add(UINT64_MAX, 1, &sum) && sum == 7);
    cr_assert(!vs_mul(UINT64_MAX / 2, 3, &sum) && sum == 7);
    cr_assert(vs_add(1, 2, &sum) && sum == 3);
    vst_cleanup();
}

Test(mem, nothing_is_something)
{
    void *p = vs_malloc(0), *q = vs_calloc(0, 8);
    cr_assert(p && q && p != q);
    p = vs_realloc_array(p, 0, 8);
    cr_assert(p);
    vs_free(p);
    vs_free(q);
    vs_free(NULL);
    vst_cleanup();
}

Test(mem, the_nth_allocation_fails)
{
    vs_mem_fail_at(2, false);
    void *a = vs_malloc(1), *b = vs_malloc(1), *c = vs_malloc(1);
    cr_assert(a && !b && c);
    vs_mem_fail_at(2, true);
    void *d = vs_calloc(1, 1), *e = vs_realloc_array(NULL, 1, 1), *f = vs_malloc(1);
    cr_assert(d && !e && !f);
    vs_mem_fail_at(0, false);
    vs_free(a);
    vs_free(c);
    vs_free(d);
    vst_cleanup();
}

Test(mem, an_arena_is_zeroed_aligned_and_keeps_what_it_gave)
{
    struct vs_arena a = {0};
    unsigned char *given[400];
    for (size_t i = 0; i < 400; i++) {
        size_t n = i * i % 9000;
        given[i] = vs_arena_alloc(&a, n);
        cr_assert(given[i] && (uintptr_t)given[i] % 16 == 0);
        for (size_t k = 0; k < n; k++)
            cr_assert_eq(given[i][k], 0);
        memset(given[i], (int)i, n);
    }
    for (size_t i = 0; i < 400; i++)
        for (size_t k = 0; k < i * i % 9000; k++)
            cr_assert_eq(given[i][k], (unsigned char)i);
    cr_assert_null(vs_arena_array(&a, SIZE_MAX / 2, 3));
    cr_assert_null(vs_arena_alloc(&a, SIZE_MAX - 3));
    cr_assert_str_eq(vs_arena_dup(&a, "token", 3), "tok");
    cr_assert_str_eq(vs_arena_dup(&a, NULL, 0), "");
    vs_arena_free(&a);
    cr_assert_null(a.chunks);
    vs_arena_free(&a);
    vs_arena_free(NULL);
    vst_cleanup();
}

Test(mem, an_arena_survives_a_failed_allocation)
{
    struct vs_arena a = {0};
    vs_mem_fail_at(1, false);
    cr_assert_null(vs_arena_alloc(&a, 10));
    char *p = vs_arena_dup(&a, "x", 1);
    vs_mem_fail_at(1, false);
    cr_assert_null(vs_arena_alloc(&a, 1 << 20));
    cr_assert_str_eq(p, "x");
    vs_arena_free(&a);
    vst_cleanup();
}

/* Appends count .. to - 1; false when an allocation failed, the list holds count items then. */
static bool append(struct vs_arena *a, uint32_t **list, size_t *count, size_t to)
{
    while (*count < to) {
        uint32_t *room = a ? vs_arena_room(a, *list, *count, sizeof *room) : vs_list_room(*list, *count, sizeof *room);
        if (!room)
            return false;
        *list = room;
        room[*count] = (uint32_t)*count;
        ++*count;
    }
    return true;
}

static void expect_counted(const uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(list[i] == i, "item %zu is %u", i, list[i]);
}

/* Under AddressSanitizer a room that is too small shows at once. */
Test(mem, a_list_keeps_its_items_while_it_grows)
{
    struct vs_arena arena = {0};
    for (int own = 0; own < 2; own++) {
        uint32_t *list = NULL;
        size_t count = 0;
        cr_assert(append(own ? NULL : &arena, &list, &count, 1000));
        expect_counted(list, count);
        for (size_t back = 0; back <= 40; back++) { /* shorter, then longer again */
            count = back;
            cr_assert(append(own ? NULL : &arena, &list, &count, 2 * back + 9));
            expect_counted(list, count);
        }
        if (own)
            vs_free(list);
    }
    vs_arena_free(&arena);
    vst_cleanup();
}

Test(mem, a_list_survives_a_failed_allocation)
{
    uint32_t *list = NULL;
    size_t count = 0;
    cr_assert(append(NULL, &list, &count, 16));
    vs_mem_fail_at(1, false);
    cr_assert(!append(NULL, &list, &count, 17) && count == 16);
    expect_counted(list, count);
    cr_assert(append(NULL, &list, &count, 17));
    expect_counted(list, count);
    vs_free(list);
    vst_cleanup();
}
