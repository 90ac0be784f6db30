/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of sharded checkpoints: what is read, and how it is compared (what is refused: tests/malformed).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "base/map.h"
#include "format/st_index.h"

struct opened { struct vs_arena arena; struct vs_st_index index; struct vs_err err; };

static enum vs_code parse(struct opened *o, const char *text)
{
    memset(o, 0, sizeof *o);
    return vs_st_index_parse("i.json", vs_cstr(text), &o->arena, &o->index, &o->err);
}

Test(st_index, reads)
{
    struct opened o;
    cr_assert_eq(parse(&o, "{\"x\":[1],\"weight_map\":{\"c\":\"2.safetensors\",\"a\":\"1.safetensors\",\"\\u0062\":\"2.safetensors\"},"
                           "\"metadata\":{\"total_size\":18446744073709551615,\"y\":{}}}"), VS_OK, "%s", o.err.message);
    cr_assert_eq(o.index.shard_count, 2);
    cr_expect_str_eq(o.index.shards[0], "1.safetensors");
    cr_expect_str_eq(o.index.shards[1], "2.safetensors");
    cr_assert_eq(o.index.entry_count, 3);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(o.index.entries[i].tensor.p[0], "abc"[i]);
        cr_expect_eq(o.index.entries[i].shard, i > 0);
    }
    cr_expect(o.index.has_total && o.index.total_size == UINT64_MAX);
    vs_arena_free(&o.arena);
}

Test(st_index, total_size_is_a_claim)
{
    static const char *const claims[] = {"{}", "null", "[]", "1", "{\"total_size\":\"1\"}", "{\"total_size\":1.5e3}", "{\"total_size\":-1}",
                                         "{\"total_size\":18446744073709551616}", "{\"total_size\":null}"};
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        char text[200];
        struct opened o;
        snprintf(text, sizeof text, "{\"metadata\":%s,\"weight_map\":{\"a\":\"1.safetensors\"}}", claims[i]);
        cr_expect_eq(parse(&o, text), VS_OK, "%s: %s", claims[i], o.err.message);
        cr_expect_not(o.index.has_total, "%s", claims[i]);
        cr_expect_eq(o.index.total_text.p != NULL, strstr(claims[i], "total_size") != NULL, "%s", claims[i]);
        vs_arena_free(&o.arena);
    }
}

Test(st_index, cross_check)
{
    const struct vs_tensor held[] = {{.name = VS_LIT("a"), .begin = 10, .end = 14, .file = 0},
                                     {.name = VS_LIT("b"), .begin = 14, .end = 20, .file = 0},
                                     {.name = VS_LIT("c"), .begin = 8, .end = 9, .file = 1}};
    struct opened o;
    struct vs_st_cross x;
    cr_assert_eq(parse(&o, "{\"weight_map\":{\"a\":\"1.safetensors\",\"c\":\"2.safetensors\"}}"), VS_OK);
    cr_expect_eq(vs_st_index_check(&o.index, held, 3, &x, &o.err), VS_OK);
    cr_expect_eq(x.orphans, 1);
    cr_expect(vs_str_is(x.first_orphan, "b"));
    cr_expect_eq(x.payload, 11);
    cr_expect_eq(x.misplaced, 0);
    cr_expect_eq(vs_st_index_shard(&o.index, VS_LIT("c")), 1);
    cr_expect_eq(vs_st_index_shard(&o.index, VS_LIT("b")), VS_NONE);
    cr_expect_eq(vs_st_index_check(&o.index, held, 2, &x, &o.err), VS_OK);
    cr_expect_eq(x.misplaced, 1);
    cr_expect(vs_str_is(x.first_misplaced->tensor, "c") && x.elsewhere == NULL);
    const struct vs_tensor moved[] = {held[2]};
    cr_expect_eq(vs_st_index_check(&o.index, moved, 1, &x, &o.err), VS_OK);
    cr_expect_eq(x.misplaced, 1);
    cr_expect(vs_str_is(x.first_misplaced->tensor, "a"));
    const struct vs_tensor other[] = {held[0], {.name = VS_LIT("c"), .begin = 8, .end = 9, .file = 0}};
    cr_expect_eq(vs_st_index_check(&o.index, other, 2, &x, &o.err), VS_OK);
    cr_expect_eq(x.misplaced, 1);
    cr_expect(x.elsewhere == &other[1]);
    vs_arena_free(&o.arena);
}

Test(st_index, no_memory)
{
    enum vs_code code = VS_ENOMEM;
    unsigned long n = 0;
    while (code == VS_ENOMEM && ++n < 100) {
        struct opened o;
        vs_mem_fail_at(n, false);
        code = parse(&o, "{\"weight_map\":{\"\\u0061\":\"1.safetensors\",\"c\":\"2.safetensors\"}}");
        vs_mem_fail_at(0, false);
        vs_arena_free(&o.arena);
    }
    cr_expect_eq(code, VS_OK);
    cr_expect(n > 5, "%lu", n);
}
