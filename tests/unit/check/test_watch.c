/* SPDX-License-Identifier: Apache-2.0
 *
 * What a check learns while somebody else reads: which bytes are the base's, and what ranges hash to.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include "check/watch.h"
#include "support.h"

#define SIZE 200000u

/* A base of one file, a checked file of the same bytes, and a watch over both. */
struct scene { struct vs_ckpt_file name; struct vs_checkpoint base; struct vs_file file; char *bytes; struct vs_watch *w; };

static void set_up(struct scene *s)
{
    struct vs_err err = {0};
    const char *dir = vst_tempdir(), *now = vst_path(dir, "now");
    *s = (struct scene){.name.path = vst_path(dir, "base"), .bytes = malloc(SIZE)};
    s->base = (struct vs_checkpoint){.files = &s->name, .file_count = 1};
    for (uint32_t i = 0, x = 1; i < SIZE; i++, x = x * 1664525u + 1013904223u)
        s->bytes[i] = (char)(x >> 24);
    vst_write(s->name.path, s->bytes, SIZE);
    vst_write(now, s->bytes, SIZE);
    cr_assert_eq(vs_file_open(now, &s->file, &err), VS_OK);
    cr_assert_eq(vs_watch_new(&s->base, &s->w, &err), VS_OK);
}

static void tear_down(struct scene *s)
{
    vs_watch_free(s->w);
    vs_file_close(&s->file);
    free(s->bytes);
    vst_cleanup();
}

static void expect_same(struct scene *s, uint64_t begin, uint64_t end, uint64_t base_begin)
{
    struct vs_err err = {0};
    cr_assert_eq(vs_watch_same(s->w, &(struct vs_same_bytes){0, begin, end, 0, base_begin}, &err), VS_OK);
}

static bool knows(const struct scene *s, uint64_t begin, uint64_t end, uint64_t base_begin)
{
    const struct vs_same_bytes all = {0, begin, end, 0, base_begin}, unknown = vs_watch_unknown(s->w, &all);
    cr_expect_eq(unknown.begin - begin, unknown.base_begin - base_begin);
    return unknown.begin == end;
}

static bool show(struct scene *s, uint64_t begin, uint64_t end)
{
    const struct vs_tap *tap = vs_watch_tap(s->w);
    return tap->saw(tap->user, &s->file, 0, begin, s->bytes + begin, end - begin);
}

Test(watch, pieces_in_any_order)
{
    struct scene s;
    bool shown[SIZE / 100] = {0};
    set_up(&s);
    expect_same(&s, 0, SIZE / 2, 0);
    expect_same(&s, SIZE / 2, SIZE, SIZE / 2);
    vs_watch_begin(s.w);
    uint32_t x = 7;
    for (int turn = 0; turn < 3000; turn++) {
        x = x * 1664525u + 1013904223u;
        uint32_t a = (x >> 8) % (SIZE / 100), b = a + 1 + (x >> 28) % 3;
        b = b < SIZE / 100 ? b : SIZE / 100;
        show(&s, a * 100, b * 100);
        memset(shown + a, 1, b - a);
        for (uint32_t i = a < 5 ? 0 : a - 5; turn % 16 == 0 && i + 1 < SIZE / 200; i += 97)
            cr_assert_eq(knows(&s, i * 100, (i + 2) * 100, i * 100), shown[i] && shown[i + 1], "turn %d, %u", turn, i);
    }
    show(&s, 0, SIZE);
    cr_expect(knows(&s, 0, SIZE / 2, 0) && knows(&s, SIZE / 2, SIZE, SIZE / 2));
    cr_expect_not(knows(&s, SIZE / 2 - 1, SIZE / 2 + 1, SIZE / 2 - 1), "two expectations");
    cr_expect_not(knows(&s, 100, 200, 101), "another place of the base");
    cr_expect_not(vs_watch_saw_change(s.w));
    tear_down(&s);
}

Test(watch, what_differs_is_not_known)
{
    struct scene s;
    set_up(&s);
    expect_same(&s, 1000, 190000, 1000);
    vs_watch_begin(s.w);
    s.bytes[999] ^= 1;
    show(&s, 0, 1000);
    cr_expect_not(vs_watch_saw_change(s.w), "not expected to be equal");
    s.bytes[100000] ^= 1;
    vs_watch_stop(s.w, true);
    cr_expect(show(&s, 0, 50000));
    cr_expect_not(show(&s, 50000, SIZE));
    vs_watch_stop(s.w, false);
    cr_expect(show(&s, 0, SIZE));
    cr_expect(vs_watch_saw_change(s.w));
    cr_expect_not(knows(&s, 1000, 190000, 1000));
    cr_expect_not(knows(&s, 100000, 100001, 100000));
    cr_expect(knows(&s, 1000, 90000, 1000));
    cr_expect(knows(&s, 110000, 190000, 110000));
    const struct vs_same_bytes all = {0, 1000, 190000, 0, 1000}, unknown = vs_watch_unknown(s.w, &all);
    cr_expect(unknown.begin <= 100000 && unknown.end > 100000 && unknown.end - unknown.begin <= 4096, "%llu to %llu",
              (unsigned long long)unknown.begin, (unsigned long long)unknown.end);
    tear_down(&s);
}

Test(watch, rows_that_moved)
{
    struct scene s;
    set_up(&s);
    memmove(s.bytes + 5000, s.bytes + 3000, 10000);
    expect_same(&s, 5000, 15000, 3000);
    vs_watch_begin(s.w);
    show(&s, 0, SIZE);
    cr_expect(knows(&s, 5000, 15000, 3000));
    cr_expect_not(knows(&s, 5000, 15000, 5000));
    tear_down(&s);
}

Test(watch, the_same_file_is_not_read)
{
    struct scene s;
    struct vs_err err = {0};
    set_up(&s);
    vs_file_close(&s.file);
    cr_assert_eq(vs_file_open(s.name.path, &s.file, &err), VS_OK);
    expect_same(&s, 0, SIZE, 0);
    vs_watch_begin(s.w);
    show(&s, 50, 51);
    cr_expect(knows(&s, 0, SIZE, 0), "known without having been seen");
    tear_down(&s);
}

Test(watch, a_base_that_cannot_be_read)
{
    struct scene s;
    set_up(&s);
    vst_remove(s.name.path);
    expect_same(&s, 0, SIZE, 0);
    vs_watch_begin(s.w);
    show(&s, 0, SIZE);
    cr_expect_not(knows(&s, 0, 1, 0));
    cr_expect_not(vs_watch_saw_change(s.w), "the proof says what is wrong");
    tear_down(&s);
}

Test(watch, hashes_of_ranges)
{
    struct scene s;
    struct vs_err err = {0};
    char want[VS_SHA256_HEX];
    set_up(&s);
    const uint64_t ranges[][2] = {{100, 5000}, {5000, 5001}, {7000, 190000}, {6000, 7000}, {150000, 160000}};
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(vs_watch_hash(s.w, 0, ranges[i][0], ranges[i][1], &err), VS_OK);
    vs_watch_begin(s.w);
    show(&s, 0, 3000);
    show(&s, 50, 3000); /* again */
    cr_expect_null(vs_watch_hash_of(s.w, 0, 100, 5000), "not all of it");
    show(&s, 2000, 8000);
    show(&s, 8001, SIZE); /* a byte is missing */
    for (size_t i = 0; i < 5; i++) {
        const char *hex = vs_watch_hash_of(s.w, 0, ranges[i][0], ranges[i][1]);
        cr_assert_eq(vs_sha256_range(&s.file, ranges[i][0], ranges[i][1], NULL, want, &err), VS_OK);
        bool complete = i != 2 && i != 4; /* 4 lies in 2: it was left out */
        cr_expect_eq(hex != NULL, complete, "range %zu", i);
        cr_expect(!hex || strcmp(hex, want) == 0, "range %zu", i);
    }
    cr_expect_null(vs_watch_hash_of(s.w, 0, 100, 4999));
    cr_expect_null(vs_watch_hash_of(s.w, 1, 100, 5000));
    cr_expect_null(vs_watch_hash_of(NULL, 0, 100, 5000));
    tear_down(&s);
}

/* Another file by the same name between two readers: what was seen of the first one says nothing of it. */
Test(watch, a_file_that_was_replaced)
{
    for (int base = 0; base < 2; base++) {
        struct scene s;
        struct vs_err err = {0};
        set_up(&s);
        expect_same(&s, 0, SIZE, 0);
        cr_assert_eq(vs_watch_hash(s.w, 0, 100, 5000, &err), VS_OK);
        vs_watch_begin(s.w);
        show(&s, 0, SIZE);
        struct vs_ckpt_file now = {.path = s.file.path};
        const struct vs_checkpoint checked = {.files = &now, .file_count = 1};
        vs_watch_end(s.w, &checked);
        cr_expect(knows(&s, 0, SIZE, 0) && vs_watch_hash_of(s.w, 0, 100, 5000));
        s.bytes[7] ^= 1;
        vst_remove(base ? s.name.path : now.path);
        vst_write(base ? s.name.path : now.path, s.bytes, SIZE);
        vs_watch_end(s.w, &checked);
        cr_expect_not(knows(&s, 0, 1, 0), "base %d", base);
        cr_expect_eq(vs_watch_hash_of(s.w, 0, 100, 5000) != NULL, base == 1, "hashes are of the checked file");
        tear_down(&s);
    }
}
