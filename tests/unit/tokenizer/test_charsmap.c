/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the Precompiled normalizer: one built by hand, and ones that lie.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include "fixture.h"
#include "support.h"
#include "tokenizer/charsmap.h"

static struct vs_err err;

static const char *base64(const unsigned char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *out = "";
    for (size_t i = 0; i < n; i += 3) {
        unsigned long v = (unsigned long)p[i] << 16 | (i + 1 < n ? (unsigned long)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);
        out = vst_format("%s%c%c%c%c", out, digits[v >> 18], digits[v >> 12 & 63], i + 1 < n ? digits[v >> 6 & 63] : '=', i + 2 < n ? digits[v & 63] : '=');
    }
    return out;
}

enum { UNITS = 512 };
struct table { uint32_t size, units[UNITS]; char blob[32]; size_t blob_n; };

#define LEAF (1u << 8)
static uint32_t unit(unsigned label, uint32_t offset, uint32_t flags)
{
    return label | offset << 10 | flags;
}

/* The root's children begin at 256: "a" -> "b", "x" -> "", "ab" has a value too but is never asked for, being longer. */
static struct table good(void)
{
    struct table t = {UNITS * 4, {0}, "b\0\0\xc3\xa9", 6};
    t.units[0] = unit(0, 256, 0);
    t.units[256 ^ 'a'] = unit('a', (256 ^ 'a') ^ 8, LEAF);
    t.units[8] = 0u | 1u << 31;                     /* "a": place 0 */
    t.units[256 ^ 'x'] = unit('x', (256 ^ 'x') ^ 9, LEAF);
    t.units[9] = 2u | 1u << 31;                     /* "x": place 2, an empty string */
    t.units[256 ^ 'E'] = unit('E', (256 ^ 'E') ^ 10, LEAF);
    t.units[10] = 3u | 1u << 31;
    return t;
}

static const char *packed(const struct table *t, size_t cut)
{
    unsigned char bytes[4 + UNITS * 4 + sizeof t->blob];
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(t->size >> 8 * i);
    for (size_t u = 0; u < UNITS; u++)
        for (int i = 0; i < 4; i++)
            bytes[4 + 4 * u + i] = (unsigned char)(t->units[u] >> 8 * i);
    memcpy(bytes + 4 + UNITS * 4, t->blob, t->blob_n);
    return base64(bytes, 4 + UNITS * 4 + t->blob_n - cut);
}

static const char *run(const char *text64, const char *text)
{
    struct vs_charsmap *m = NULL;
    struct vs_buf b = {0};
    enum vs_code code = vs_charsmap_new("f.json", vs_cstr(text64), &m, &err);
    if (!code)
        code = vs_charsmap_run(m, vs_cstr(text), &b, &err);
    const char *out = vst_format("%s", code ? err.message : b.p ? b.p : "");
    cr_assert(code == VS_OK || code == VS_EFORMAT);
    vs_charsmap_free(m);
    vs_buf_free(&b);
    return out;
}

Test(charsmap, replaces_what_it_knows)
{
    static const struct { const char *text, *expected; } examples[] = {
        {"abc", "bbc"}, {"", ""}, {"x", ""}, {"axa", "bb"}, {"E", "\xc3\xa9"}, {"\xe4\xb8\xad", "\xe4\xb8\xad"},
        {"a\xcc\x81", "b"},                                   /* a cluster of at most 5 bytes is looked up whole, by its shortest key */
        {"a\xcc\x81\xcc\x81\xcc\x81", "b\xcc\x81\xcc\x81\xcc\x81"}, /* a longer one character by character */
    };
    struct table t = good();
    const char *text64 = packed(&t, 0);
    for (size_t i = 0; i < COUNT(examples); i++)
        cr_expect_str_eq(run(text64, examples[i].text), examples[i].expected, "%s: %s", examples[i].text, run(text64, examples[i].text));
    vst_cleanup();
}

/* A replacement that the blob ends without a zero goes up to its end. */
Test(charsmap, the_last_replacement_may_lack_its_end)
{
    struct table t = good();
    t.blob_n = 5;
    cr_expect_str_eq(run(packed(&t, 0), "E"), "\xc3\xa9");
    t.units[10] = 5u | 1u << 31;
    cr_expect_str_eq(run(packed(&t, 0), "E"), "");
    vst_cleanup();
}

static void refused(const struct table *t, size_t cut, const char *text, const char *part)
{
    const char *found = run(packed(t, cut), text);
    cr_expect(strstr(found, part) && strstr(found, "f.json: /normalizer: precompiled_charsmap"), "found \"%s\", expected \"%s\"", found, part);
}

Test(charsmap, sizes_that_cannot_be)
{
    static const uint32_t sizes[] = {0, 3, UNITS * 4 + 2, UNITS * 4 + 8, 0x80000000u, UINT32_MAX, UINT32_MAX - 3};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct table t = good();
        t.size = sizes[i];
        refused(&t, 0, "", "an array of");
    }
    struct table t = good();
    refused(&t, 4 + UNITS * 4 + t.blob_n, "", "an array of 0 bytes in 0");
    refused(&t, 4 + UNITS * 4 + t.blob_n - 3, "", "an array of 0 bytes in 3");
    refused(&t, t.blob_n + 1, "", "an array of");
    t.blob[1] = (char)0xff;
    refused(&t, 0, "", "byte 1 of the replacements is not valid UTF-8");
    cr_expect(strstr(run("A", ""), "base64") && strstr(run("AAA!", ""), "base64"));
    vst_cleanup();
}

Test(charsmap, places_outside_the_table)
{
    struct table t = good();
    t.units[0] = unit(0, 0x1fffff, 0);
    refused(&t, 0, "a", "to unit");
    t = good();
    t.units[256 ^ 'a'] = unit('a', 0x1000, LEAF);
    refused(&t, 0, "a", "to unit");
    t = good();
    t.units[256 ^ 'a'] = unit('a', 0x1fffff, LEAF | 1u << 9);
    refused(&t, 0, "a", "to unit");
    t = good();
    t.units[8] = 7u | 1u << 31;
    refused(&t, 0, "a", "to byte 7");
    t.units[8] = 0x7fffffffu | 1u << 31;
    refused(&t, 0, "a", "to byte 2147483647");
    t.units[8] = 4u | 1u << 31; /* the middle of U+00E9 */
    refused(&t, 0, "a", "to byte 4");
    cr_expect_str_eq(run(packed(&t, 0), "z"), "z"); /* harmless where it is not asked */
    vst_cleanup();
}

/* A unit that leads to itself: the walk goes as far as the key, no further. And tables of noise end one way or the other. */
Test(charsmap, loops_and_noise, .timeout = 30)
{
    struct table t = good();
    for (uint32_t i = 0; i < UNITS; i++)
        t.units[i] = unit(i & 0xff, i, 0);
    cr_expect(*run(packed(&t, 0), "abcdefghabcdefghabcdefgh"));
    srand(5);
    for (int round = 0; round < 200; round++) {
        for (uint32_t i = 0; i < UNITS; i++)
            t.units[i] = (uint32_t)rand() << 1 ^ (uint32_t)rand();
        for (int i = 0; i < 8; i++)
            t.units['a' + i] = unit('a' + (unsigned)i, (uint32_t)rand() % UNITS, round % 2 ? LEAF : 0);
        t.units[0] = unit(0, 0, 0);
        (void)run(packed(&t, 0), "abcdefgh\xc3\xa9\xf0\x9f\x98\x80");
    }
    vst_cleanup();
}
