/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "support.h"

enum { MANY = 20000 };
static char keys[MANY][12];

static struct vs_str key(uint32_t i)
{
    int n = snprintf(keys[i], sizeof keys[i], "t%u", (unsigned)i);
    return (struct vs_str){keys[i], (size_t)n};
}

Test(map, many_keys)
{
    struct vs_map m = {0};
    uint32_t old;
    cr_assert_eq(vs_map_get(&m, VS_LIT("x")), VS_NONE);
    for (uint32_t i = 0; i < MANY; i++)
        cr_assert(vs_map_put(&m, key(i), i, &old) && old == VS_NONE);
    cr_assert_eq(m.count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        cr_assert_eq(vs_map_get(&m, key(i)), i);
    cr_assert_eq(vs_map_get(&m, VS_LIT("t20000")), VS_NONE);
    cr_assert(vs_map_put(&m, key(7), 99, &old) && old == 7);
    cr_assert(vs_map_put(&m, key(8), 98, NULL));
    cr_assert_eq(vs_map_get(&m, VS_LIT("t7")), 99);
    cr_assert_eq(m.count, MANY);
    vs_map_free(&m);
    cr_assert_eq(vs_map_get(&m, VS_LIT("t7")), VS_NONE);
    vs_map_free(&m);
    vs_map_free(NULL);
    vst_cleanup();
}

Test(map, keys_are_bytes)
{
    struct vs_map m = {0};
    cr_assert(vs_map_put(&m, (struct vs_str){NULL, 0}, 0, NULL));
    cr_assert(vs_map_put(&m, (struct vs_str){"a\0b", 3}, 1, NULL));
    cr_assert(vs_map_put(&m, (struct vs_str){"a\0c", 3}, 2, NULL));
    cr_assert_eq(vs_map_get(&m, VS_LIT("")), 0);
    cr_assert_eq(vs_map_get(&m, (struct vs_str){"a\0c", 3}), 2);
    cr_assert_eq(vs_map_get(&m, VS_LIT("a")), VS_NONE);
    cr_assert_not(vs_map_put(&m, VS_LIT("none"), VS_NONE, NULL));
    vs_map_free(&m);
    vst_cleanup();
}

Test(map, room_asked_for_is_room_had)
{
    struct vs_map m = {0};
    cr_assert(vs_map_reserve(&m, 1000));
    size_t cap = m.cap;
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert(vs_map_put(&m, key(i), i, NULL));
    cr_assert_eq(m.cap, cap);
    vs_map_free(&m);
    vst_cleanup();
}

Test(map, every_failing_allocation_leaves_a_usable_map)
{
    for (unsigned long n = 1;; n++) {
        struct vs_map m = {0};
        uint32_t i = 0;
        vs_mem_fail_at(n, false);
        while (i < 200 && vs_map_put(&m, key(i), i, NULL))
            i++;
        vs_mem_fail_at(0, false);
        for (uint32_t k = 0; k < i; k++)
            cr_assert_eq(vs_map_get(&m, key(k)), k);
        cr_assert(vs_map_put(&m, key(i), i, NULL));
        vs_map_free(&m);
        if (i == 200)
            break;
        cr_assert(n < 20);
    }
    vst_cleanup();
}

Test(map, the_hash_is_the_same_everywhere_and_depends_on_everything)
{
    char text[64] = {0};
    for (size_t n = 0; n < sizeof text; n++) {
        uint64_t h = vs_hash_bytes(text, n, 1);
        cr_assert_neq(h, vs_hash_bytes(text, n, 2));
        cr_assert_neq(h, vs_hash_bytes(text, n + 1, 1));
        for (size_t i = 0; i < n; i++) {
            text[i] = 1;
            cr_assert_neq(h, vs_hash_bytes(text, n, 1), "length %zu, byte %zu", n, i);
            text[i] = 0;
        }
    }
    cr_assert_eq(vs_hash_bytes("vocabsurgeon, seventeen", 23, 42), UINT64_C(0xfa2b4a1db7d90499));
}

/* Distribution: with as many keys as buckets, the fullest of 4096 buckets stays small. */
Test(map, the_hash_spreads)
{
    unsigned short counts[4096] = {0}, most = 0;
    for (uint32_t i = 0; i < 4096; i++) {
        struct vs_str k = key(i);
        unsigned short c = ++counts[vs_hash_bytes(k.p, k.n, 5) % 4096];
        most = c > most ? c : most;
    }
    cr_assert(most <= 10, "%d keys in one bucket", most);
}
