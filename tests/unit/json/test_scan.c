/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "json/dom.h"
#include "support.h"

/* Scans a document with skip; the message is empty when it is accepted. */
static const char *skip(struct vs_str text)
{
    static struct vs_err err;
    struct vs_json j;
    err.message[0] = '\0';
    vs_json_begin(&j, "f", text.p, text.n, NULL);
    vs_json_skip(&j, NULL);
    return vs_json_end(&j, &err) ? err.message : "";
}

/* The same through the document tree, that is with every pull function. */
static const char *pull(struct vs_str text)
{
    static struct vs_err err;
    struct vs_jdoc d;
    err.message[0] = '\0';
    if (vs_jdoc_parse("f", text, &d, &err))
        return err.message;
    vs_jdoc_free(&d);
    return "";
}

static const char *const good[] = {
    "null", "true", "false", "0", "-0", "-1.5e+300", "1E-2", "0.0", "\"\"", "[]", "{}", " \t\r\n[ ]\n", "{ }", "[1,2]",
    "{\"a\":1}", "{\"a\" : {\"b\" :[ null ,true,false,\"x\" ] } , \"c\":-12}", "[[[[]]]]", "[{},{}]",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\ud834\\udd1e\\uD834\\uDD1E\"", "\"\xc3\xa9\xe2\x82\xac\xf0\x9d\x84\x9e\x7f\"",
    "\"\\u0000\"", "{\"\":0}", "\"\\\\u0000\"", "{\"\\\\u0000\":1}", "\"\xf4\x8f\xbf\xbf\"", "1e99999",
};

static const struct { const char *text; size_t n; const char *says; } bad[] = {
#define BAD(text, says) {text, sizeof(text) - 1, says}
    BAD("", "the end of the text: a value expected"),
    BAD("  ", "a value expected"),
    BAD("\xef\xbb\xbf{}", "byte order mark"),
    BAD("nul", "a value expected"),
    BAD("True", "found 'T': a value expected"),
    BAD("NaN", "found 'N'"),
    BAD("Infinity", "found 'I'"),
    BAD("-Infinity", "a digit expected"),
    BAD("+1", "found '+'"),
    BAD("01", "no leading zeros"),
    BAD("-01", "no leading zeros"),
    BAD(".5", "found '.'"),
    BAD("1.", "a digit expected after the point"),
    BAD("1e", "a digit expected in the exponent"),
    BAD("1e+", "a digit expected in the exponent"),
    BAD("-", "a digit expected"),
    BAD("0x10", "nothing may follow"),
    BAD("1 2", "nothing may follow"),
    BAD("{} x", "nothing may follow"),
    BAD("{}{}", "nothing may follow"),
    BAD("[]\0", "nothing may follow"),
    BAD("'a'", "found '\\x27'"),
    BAD("\"abc", "the string does not end"),
    BAD("\"abc\\", "the string does not end"),
    BAD("\"a\nb\"", "found byte 0x0A: control characters"),
    BAD("\"a\0b\"", "found byte 0x00: control characters"),
    BAD("\"a\tb\"", "found byte 0x09: control characters"),
    BAD("\"\\x41\"", "no such escape"),
    BAD("\"\\'\"", "no such escape"),
    BAD("\"\\\0\"", "no such escape"),
    BAD("\"\\u12\"", "four hex digits"),
    BAD("\"\\u12g4\"", "four hex digits"),
    BAD("\"\\u", "four hex digits"),
    BAD("\"\\ud834\"", "a high surrogate without its low half"),
    BAD("\"\\ud834x\"", "a high surrogate without its low half"),
    BAD("\"\\ud834\\u0041\"", "a high surrogate without its low half"),
    BAD("\"\\ud834\\ud834\"", "a high surrogate without its low half"),
    BAD("\"\\udd1e\"", "a low surrogate without its high half"),
    BAD("\"\xff\"", "found byte 0xFF: invalid UTF-8"),
    BAD("\"\xc3\"", "invalid UTF-8"),
    BAD("\"\xc0\x80\"", "invalid UTF-8"),
    BAD("\"\xe0\x80\x80\"", "invalid UTF-8"),
    BAD("\"\xed\xa0\x80\"", "invalid UTF-8"),
    BAD("\"\xf0\x8f\xbf\xbf\"", "invalid UTF-8"),
    BAD("\"\xf4\x90\x80\x80\"", "invalid UTF-8"),
    BAD("\"\xf5\x80\x80\x80\"", "invalid UTF-8"),
    BAD("\"\x80\"", "invalid UTF-8"),
    BAD("\"\xe2\x82\"", "invalid UTF-8"),
    BAD("[", "a value expected"),
    BAD("[1", "',' or ']' expected"),
    BAD("[1,", "a value expected"),
    BAD("[1,]", "found ']': a value expected"),
    BAD("[,1]", "found ',': a value expected"),
    BAD("[1 2]", "',' or ']' expected"),
    BAD("[1}", "',' or ']' expected"),
    BAD("{", "a name in quotes expected"),
    BAD("{\"a\"", "':' expected"),
    BAD("{\"a\":", "a value expected"),
    BAD("{\"a\":1", "',' or '}' expected"),
    BAD("{\"a\":1,", "a name in quotes expected"),
    BAD("{\"a\":1,}", "found '}': a name in quotes expected"),
    BAD("{a:1}", "a name in quotes expected"),
    BAD("{1:1}", "a name in quotes expected"),
    BAD("{\"a\" 1}", "':' expected"),
    BAD("{\"a\":1]", "',' or '}' expected"),
    BAD("{\"a\\u0000b\":1}", "U+0000"),
    BAD("// x\n1", "found '/'"),
    BAD("\xc2\xa0" "1", "found byte 0xC2"),
    BAD("\f1", "found byte 0x0C"),
};

Test(scan, what_the_grammar_allows)
{
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        cr_assert_str_eq(skip(vs_cstr(good[i])), "", "%s", good[i]);
        cr_assert_str_eq(pull(vs_cstr(good[i])), "", "%s", good[i]);
    }
    vst_cleanup();
}

Test(scan, what_it_refuses_and_why)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vs_str text = {bad[i].text, bad[i].n};
        char want[200];
        snprintf(want, sizeof want, "%s", bad[i].says);
        if (strstr(want, "\\x27")) /* an apostrophe between apostrophes */
            snprintf(want, sizeof want, "found '''");
        cr_assert(strstr(skip(text), want), "%s: skip says \"%s\"", bad[i].text, skip(text));
        cr_assert(strstr(pull(text), want), "%s: pull says \"%s\"", bad[i].text, pull(text));
        cr_assert_eq(strncmp(pull(text), "f: line ", 8), 0);
    }
    vst_cleanup();
}

Test(scan, every_truncation_is_refused)
{
    static const char text[] = "{\"a\": [1.5e3, \"\\u00e9\xc3\xa9\\ud834\\udd1e\", true, null, {\"b\": -0}], \"c\": {}}";
    for (size_t n = 0; n + 1 < sizeof text; n++) {
        char *exact = malloc(n + 1); /* so that a sanitizer sees a read beyond n */
        char *tight = realloc(exact, n ? n : 1);
        memcpy(tight, text, n);
        cr_assert(*skip((struct vs_str){tight, n}), "%zu bytes", n);
        cr_assert(*pull((struct vs_str){tight, n}), "%zu bytes", n);
        free(tight);
    }
    cr_assert_str_eq(pull(VS_LIT(text)), "");
    vst_cleanup();
}

Test(scan, places)
{
    cr_assert(strstr(pull(VS_LIT("{\n  \"\xc3\xa4\": 01\n}")), "line 2, column 8 (byte 10)"), "%s",
              pull(VS_LIT("{\n  \"\xc3\xa4\": 01\n}")));
    cr_assert(strstr(skip(VS_LIT("[1,\n2,\n]")), "line 3, column 1 (byte 7)"));
    vst_cleanup();
}

Test(scan, depth)
{
    char text[2 * VS_JSON_DEPTH + 4];
    for (size_t depth = VS_JSON_DEPTH; depth <= VS_JSON_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        struct vs_str s = {text, 2 * depth};
        bool fits = depth <= VS_JSON_DEPTH;
        cr_assert_eq(*skip(s) == '\0', fits, "%s", skip(s));
        cr_assert_eq(*pull(s) == '\0', fits, "%s", pull(s));
        cr_assert(fits || (strstr(skip(s), "deeper than 64") && strstr(pull(s), "deeper than 64")));
    }
    /* Mixed: entered by pulling, the rest skipped. */
    memset(text, '[', sizeof text);
    struct vs_json j;
    struct vs_err err;
    vs_json_begin(&j, "f", text, VS_JSON_DEPTH + 1, NULL);
    for (int i = 0; i < 30; i++)
        cr_assert(vs_json_array(&j) && vs_json_item(&j));
    cr_assert_not(vs_json_skip(&j, NULL));
    cr_assert_eq(vs_json_end(&j, &err), VS_ELIMIT);
    vst_cleanup();
}

Test(scan, pulling)
{
    static const char text[] = "{\"vocab\": {\"a\": 0, \"\\u0142\": 1}, \"merges\": [[\"a\", \"b\"]], \"x\": [1, {}], \"s\": -2.5, \"b\": true, \"n\": null}";
    struct vs_json j;
    struct vs_arena a = {0};
    struct vs_err err;
    struct vs_str k, s;
    struct vs_span span;
    uint64_t v;
    double f;
    bool flag;
    vs_json_begin(&j, "f", text, sizeof text - 1, &a);
    cr_assert(vs_json_object(&j));
    cr_assert(vs_json_key(&j, &k) && vs_str_is(k, "vocab") && j.key_span.begin == 1 && j.key_span.end == 8);
    cr_assert(vs_json_object(&j) && vs_json_key(&j, &k) && vs_str_is(k, "a") && vs_json_u64(&j, &v) && v == 0);
    cr_assert(vs_json_key(&j, &k) && vs_str_is(k, "\xc5\x82") && vs_json_u64(&j, &v) && v == 1);
    cr_assert_not(vs_json_key(&j, &k));
    cr_assert(vs_json_key(&j, &k) && vs_json_array(&j) && vs_json_item(&j) && vs_json_array(&j));
    cr_assert(vs_json_item(&j) && vs_json_string(&j, &s) && vs_str_is(s, "a"));
    cr_assert(vs_json_item(&j) && vs_json_string(&j, &s) && vs_str_is(s, "b") && !vs_json_item(&j) && !vs_json_item(&j));
    cr_assert(vs_json_key(&j, &k) && vs_json_skip(&j, &span));
    cr_assert_eq(strncmp(text + span.begin, "[1, {}]", span.end - span.begin), 0);
    cr_assert(vs_json_key(&j, &k) && vs_json_peek(&j) == VS_JSON_NUMBER && vs_json_f64(&j, &f) && f == -2.5);
    cr_assert(vs_json_key(&j, &k) && vs_json_bool(&j, &flag) && flag);
    cr_assert(vs_json_key(&j, &k) && vs_json_null(&j));
    cr_assert_not(vs_json_key(&j, &k));
    cr_assert_eq(vs_json_end(&j, &err), VS_OK);
    vs_arena_free(&a);
    vst_cleanup();
}

Test(scan, errors_stick)
{
    struct vs_json j;
    struct vs_err err;
    struct vs_str s;
    uint64_t v;
    vs_json_begin(&j, "f", "[1, \"x\"]", 8, NULL);
    cr_assert(vs_json_array(&j) && vs_json_item(&j));
    cr_assert_not(vs_json_string(&j, &s));
    cr_assert_not(vs_json_u64(&j, &v));
    cr_assert_not(vs_json_item(&j));
    cr_assert_eq(vs_json_peek(&j), VS_JSON_NONE);
    cr_assert_not(vs_json_fail(&j, VS_EUNSUPPORTED, "later"));
    cr_assert_eq(vs_json_end(&j, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, "a string expected"));
    vs_json_begin(&j, "f", "[1]", 3, NULL);
    cr_assert(vs_json_array(&j));
    cr_assert_eq(vs_json_end(&j, &err), VS_EFORMAT, "an unfinished array");
    vs_json_begin(&j, "f", "[1]", 3, NULL);
    cr_assert(vs_json_array(&j) && !vs_json_key(&j, &s));
    cr_assert_eq(vs_json_end(&j, &err), VS_EUSAGE);
    vs_json_begin(&j, "f", "[1]", 3, NULL);
    cr_assert_not(vs_json_fail(&j, VS_EUNSUPPORTED, "type %s", "X\n"));
    cr_assert_eq(vs_json_end(&j, &err), VS_EUNSUPPORTED);
    cr_assert_str_eq(err.message, "f: line 1, column 1 (byte 0): type X\\x0A");
}

static bool u64(const char *text, uint64_t *v)
{
    struct vs_json j;
    struct vs_err err;
    vs_json_begin(&j, "f", text, strlen(text), NULL);
    vs_json_u64(&j, v);
    return vs_json_end(&j, &err) == VS_OK;
}

static bool i64(const char *text, int64_t *v)
{
    struct vs_json j;
    struct vs_err err;
    vs_json_begin(&j, "f", text, strlen(text), NULL);
    vs_json_i64(&j, v);
    return vs_json_end(&j, &err) == VS_OK;
}

Test(scan, integers_are_exact)
{
    uint64_t u;
    int64_t i;
    cr_assert(u64("18446744073709551615", &u) && u == UINT64_MAX);
    cr_assert(u64("9007199254740993", &u) && u == 9007199254740993u);
    cr_assert(!u64("18446744073709551616", &u) && !u64("99999999999999999999999", &u));
    cr_assert(!u64("-1", &u) && !u64("1.0", &u) && !u64("1e3", &u) && !u64("-0", &u) && !u64("\"1\"", &u));
    cr_assert(i64("-9223372036854775808", &i) && i == INT64_MIN);
    cr_assert(i64("9223372036854775807", &i) && i == INT64_MAX);
    cr_assert(!i64("9223372036854775808", &i) && !i64("-9223372036854775809", &i) && !i64("-0", &i) && !i64("0.0", &i));
    cr_assert(i64("0", &i) && i == 0);
}

static double f64(const char *text)
{
    struct vs_json j;
    struct vs_err err;
    double v = NAN;
    vs_json_begin(&j, "f", text, strlen(text), NULL);
    vs_json_f64(&j, &v);
    return vs_json_end(&j, &err) ? NAN : v;
}

Test(scan, floats_are_correctly_rounded)
{
    /* Written as in the source: the compiler rounds correctly too. */
    cr_assert_eq(f64("0.1"), 0.1);
    cr_assert_eq(f64("-13.815510749816895"), -13.815510749816895);
    cr_assert_eq(f64("9007199254740993"), 9007199254740992.0);
    cr_assert_eq(f64("9007199254740993.00000000000000000000001"), 9007199254740994.0);
    cr_assert_eq(f64("1.7976931348623157e308"), 1.7976931348623157e308);
    cr_assert_eq(f64("2.2250738585072011e-308"), 2.2250738585072011e-308);
    cr_assert_eq(f64("5e-324"), 5e-324);
    cr_assert_eq(f64("2e-324"), 0.0);
    cr_assert_eq(f64("1e23"), 1e23);
    cr_assert_eq(f64("123456789012345678901234567890e-10"), 123456789012345678901234567890e-10);
    cr_assert_eq(f64("0.000000000000000000000000000000000000000000000000001e50"), 0.1);
    cr_assert_eq(f64("1e-99999999999999999999"), 0.0);
    cr_assert(isnan(f64("1e999")) && isnan(f64("1e99999999999999999999")));
    cr_assert(signbit(f64("-0")) && f64("-0") == 0);
    char text[64];
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        double want;
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(&want, &x, 8);
        if (!isfinite(want))
            continue;
        snprintf(text, sizeof text, "%.*g", i % 2 ? 17 : 9, want);
        want = strtod(text, NULL);
        cr_assert(f64(text) == want || (!isfinite(want) && isnan(f64(text))), "%s", text);
    }
}

/* Digits that go on far beyond what a buffer holds still count. */
Test(scan, a_float_of_many_digits)
{
    char *text = malloc(100100);
    strcpy(text, "1.");
    memset(text + 2, '0', 100000);
    strcpy(text + 100002, "1e0");
    cr_assert_eq(f64(text), 1.0);
    memset(text, '9', 400);
    strcpy(text + 400, "e-400");
    cr_assert_eq(f64(text), 1.0);
    free(text);
    vst_cleanup();
}

Test(scan, floats_ignore_the_locale)
{
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE") && !setlocale(LC_ALL, "fr_FR.UTF-8"))
        cr_skip_test("SKIPPED: no locale with a decimal comma is installed");
    cr_assert_eq(f64("-13.815510749816895"), -13.815510749816895);
    cr_assert_eq(f64("2.5e-3"), 2.5e-3);
}

Test(scan, memory_that_runs_out_is_an_error)
{
    struct vs_json j;
    struct vs_arena a = {0};
    struct vs_err err;
    struct vs_str s;
    vs_mem_fail_at(1, false);
    vs_json_begin(&j, "f", "\"\\n\"", 4, &a);
    cr_assert_not(vs_json_string(&j, &s));
    cr_assert_eq(vs_json_end(&j, &err), VS_ENOMEM);
    vs_arena_free(&a);
    vst_cleanup();
}
