/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include "base/mem.h"
#include "base/str.h"
#include "support.h"

Test(str, comparing)
{
    cr_assert(vs_str_cmp(VS_LIT("a"), VS_LIT("b")) < 0);
    cr_assert(vs_str_cmp(VS_LIT("a"), VS_LIT("aa")) < 0);
    cr_assert(vs_str_cmp(VS_LIT("\xff"), VS_LIT("a")) > 0);
    cr_assert_eq(vs_str_cmp((struct vs_str){NULL, 0}, VS_LIT("")), 0);
    cr_assert(vs_str_starts(VS_LIT("token"), VS_LIT("tok")) && !vs_str_starts(VS_LIT("to"), VS_LIT("tok")));
    cr_assert(vs_str_ends(VS_LIT("a.bin"), VS_LIT(".bin")) && !vs_str_ends(VS_LIT("bin"), VS_LIT(".bin")));
    cr_assert(vs_str_ends(VS_LIT("a"), VS_LIT("")));
}

Test(str, glob)
{
    static const struct { const char *pattern, *s; bool match; } cases[] = {
        {"", "", true}, {"", "a", false}, {"*", "", true}, {"*", "abc", true}, {"a*c", "abbbc", true},
        {"a*c", "abbbcd", false}, {"*.weight", "model.embed.weight", true}, {"model.*.weight", "model.weight", false},
        {"*a*b*", "xxaxxbxx", true}, {"*a*b*", "xxbxxaxx", false}, {"a.b", "axb", false}, {"[a]", "a", false},
        {"a**b", "ab", true}, {"*aab", "aaaab", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_assert_eq(vs_glob(vs_cstr(cases[i].pattern), vs_cstr(cases[i].s)), cases[i].match, "%s ~ %s", cases[i].pattern,
                     cases[i].s);
    static const char *const list[] = {"vocab.json", "*.tiktoken"};
    cr_assert(VS_GLOB_ANY(list, VS_LIT("vocab.json")) && VS_GLOB_ANY(list, VS_LIT("a.tiktoken")));
    cr_assert(!VS_GLOB_ANY(list, VS_LIT("vocab.jsonl")) && !vs_glob_any(list, 1, VS_LIT("a.tiktoken")));
}

Test(str, a_buffer_grows_and_stays_terminated)
{
    struct vs_buf b = {0};
    for (int i = 0; i < 1000; i++) {
        vs_buf_printf(&b, "%d,", i);
        cr_assert_eq(strlen(b.p), b.n);
    }
    char big[300];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    vs_buf_printf(&b, "%s", big);
    cr_assert(vs_str_ends((struct vs_str){b.p, b.n}, VS_LIT("999,xxx")) || b.p[b.n - 1] == 'x');
    vs_buf_add(&b, NULL, 0);
    cr_assert_not(b.failed);
    vs_buf_free(&b);
    cr_assert_null(b.p);
    vs_buf_free(NULL);
    vst_cleanup();
}

Test(str, a_failed_append_sticks)
{
    struct vs_buf b = {0};
    vs_buf_puts(&b, "kept");
    vs_mem_fail_at(1, false);
    vs_buf_add(&b, "0123456789012345678901234567890123456789012345678901234567890123456789", 70);
    cr_assert(b.failed);
    vs_buf_puts(&b, "x");
    vs_buf_printf(&b, "%d", 1);
    cr_assert_str_eq(b.p, "kept");
    vs_buf_free(&b);
    vst_cleanup();
}

Test(str, escaping_for_people)
{
    static const struct { const char *in; size_t n; const char *out; } cases[] = {
        {"plain \xc3\xa4 \xe2\x96\x81", 12, "plain \xc3\xa4 \xe2\x96\x81"},
        {"a\nb\x1b[0m", 7, "a\\x0Ab\\x1B[0m"},
        {"back\\slash", 10, "back\\\\slash"},
        {"\xff\xc3", 2, "\\xFF\\xC3"},
        {"\xe2\x80\xae", 3, "\\u{202E}"}, /* right-to-left override */
        {"\xe2\x80\x8b", 3, "\\u{200B}"}, /* zero width space */
        {"\xc2\xa0", 2, "\\u{00A0}"},     /* no-break space */
        {"\xc2\x9b", 2, "\\u{009B}"},     /* CSI */
        {"\xed\xa0\x80", 3, "\\xED\\xA0\\x80"},
        {"\xf3\xa0\x81\x81", 4, "\\u{E0041}"},
        {"a\0b", 3, "a\\x00b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vs_buf b = {0};
        char out[64];
        struct vs_str s = {cases[i].in, cases[i].n};
        vs_buf_escaped(&b, s);
        cr_assert_str_eq(b.p, cases[i].out);
        cr_assert_str_eq(vs_escape(out, sizeof out, s), cases[i].out);
        vs_buf_free(&b);
    }
    vst_cleanup();
}

Test(str, escaping_into_any_room)
{
    struct vs_str s = VS_LIT("ab\xc3\xa4\n\xe2\x80\xae" "cdefgh");
    for (size_t cap = 1; cap < 40; cap++) {
        char out[40];
        memset(out, 'G', sizeof out);
        vs_escape(out, cap, s);
        size_t n = strlen(out);
        cr_assert(n < cap, "cap %zu", cap);
        cr_assert_eq(vs_utf8_valid(out, n), n);
        cr_assert(cap >= 23 || cap < 4 || memcmp(out + n - 3, "...", 3) == 0, "cap %zu: %s", cap, out);
        for (size_t i = cap; i < sizeof out; i++)
            cr_assert_eq(out[i], 'G');
    }
}

Test(str, json_strings)
{
    struct vs_buf b = {0};
    vs_buf_json_str(&b, (struct vs_str){"\"\\\b\f\n\r\t\0\x1f\xc3\xa4/", 12});
    cr_assert_str_eq(b.p, "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\xc3\xa4/\"");
    vs_buf_free(&b);
    vs_buf_json_str(&b, (struct vs_str){NULL, 0});
    cr_assert_str_eq(b.p, "\"\"");
    vs_buf_free(&b);
    vst_cleanup();
}

/* Every character, encoded by hand, goes there and back; everything else that has its length is refused. */
Test(str, utf8_of_every_character)
{
    for (uint32_t cp = 0; cp < 0x110000; cp++) {
        char c[4];
        uint32_t back = 0;
        unsigned n = vs_utf8_put(c, cp);
        bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
        if (vs_utf8_valid(c, n) != (surrogate ? 0 : n))
            cr_assert_fail("U+%04X", cp);
        if (!surrogate && (vs_utf8_next(c, c + n, &back) != n || back != cp))
            cr_assert_fail("U+%04X came back as U+%04X", cp, back);
    }
}

static bool naive_valid(const unsigned char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t len = p[at] < 0x80 ? 1 : (p[at] & 0xe0) == 0xc0 ? 2 : (p[at] & 0xf0) == 0xe0 ? 3 : (p[at] & 0xf8) == 0xf0 ? 4 : 0;
        uint32_t cp = p[at] & (len == 1 ? 0x7f : 0xff >> (len + 1));
        if (len == 0 || at + len > n)
            return false;
        for (size_t i = 1; i < len; i++) {
            if ((p[at + i] & 0xc0) != 0x80)
                return false;
            cp = cp << 6 | (p[at + i] & 0x3f);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
            return false;
        at += len;
    }
    return true;
}

Test(str, utf8_of_all_short_byte_strings_agrees_with_the_definition)
{
    static const unsigned char bytes[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf,
                                          0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xff};
    const size_t k = sizeof bytes;
    for (size_t i = 0; i < k * k * k * k; i++) {
        char s[13] = "12345678";
        unsigned char *t = (unsigned char *)s + 8;
        t[0] = bytes[i % k], t[1] = bytes[i / k % k], t[2] = bytes[i / k / k % k], t[3] = bytes[i / k / k / k];
        bool valid = naive_valid(t, 4);
        if ((vs_utf8_valid((char *)t, 4) == 4) != valid || (vs_utf8_valid(s, 12) == 12) != valid)
            cr_assert_fail("%02x %02x %02x %02x", t[0], t[1], t[2], t[3]);
    }
}

Test(str, messages_are_one_clean_line)
{
    struct vs_err err;
    cr_assert_eq(vs_fail(&err, VS_EIO, "a\nb\t%s", "\x1b[31m\xff\xc3\xa4"), VS_EIO);
    cr_assert_str_eq(err.message, "a\\x0Ab\\x09\\x1B[31m\\xFF\xc3\xa4");
    vs_fail(&err, VS_EFORMAT, "outer: %s", err.message);
    cr_assert_str_eq(err.message, "outer: a\\x0Ab\\x09\\x1B[31m\\xFF\xc3\xa4");
    char big[5000];
    memset(big, '\n', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    vs_fail(&err, VS_EFORMAT, "%s", big);
    cr_assert(strlen(err.message) < VS_ERR_MAX && vs_str_ends(vs_cstr(err.message), VS_LIT("...")));
}

Test(str, digits_and_nothing_else_are_a_number)
{
    static const struct { const char *text; bool good; uint64_t value; } cases[] = {
        {"0", true, 0}, {"007", true, 7}, {"18446744073709551615", true, UINT64_MAX}, {"18446744073709551616", false, 0},
        {"184467440737095516150", false, 0}, {"", false, 0}, {"-1", false, 0}, {"+1", false, 0}, {" 1", false, 0}, {"1 ", false, 0}, {"0x1", false, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0;
        bool good = vs_str_u64(vs_cstr(cases[i].text), &value);
        cr_expect(good == cases[i].good && (!good || value == cases[i].value), "\"%s\" is %d, %llu", cases[i].text, good, (unsigned long long)value);
    }
    vst_cleanup();
}
