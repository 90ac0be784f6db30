/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include "base/str.h"
#include "json/dom.h"
#include "support.h"

static const char text[] =
    "{\n  \"model_type\": \"gemma3\",\n  \"vocab_size\": 262208,\n  \"eps\": 1e-06,\n  \"tie\": true, \"no\": false, \"none\": null,\n"
    "  \"list\": [1, [2, 3], {\"x\": \"\\u00e9\"}],\n  \"a/b\": {\"m~n\": 5, \"\": 6}, \"big\": 9007199254740993, \"one\": 1.0\n}\n";

static struct vs_jdoc parse(const char *t)
{
    struct vs_jdoc d;
    struct vs_err err;
    cr_assert_eq(vs_jdoc_parse("config.json", vs_cstr(t), &d, &err), VS_OK, "%s", err.message);
    return d;
}

Test(dom, getters)
{
    struct vs_jdoc d = parse(text);
    struct vs_str s;
    int64_t i;
    double f;
    bool b;
    char place[64];
    cr_assert(vs_jstr(vs_jget(d.root, "model_type"), &s) && vs_str_is(s, "gemma3"));
    cr_assert(vs_ji64(&d, vs_jget(d.root, "vocab_size"), &i) && i == 262208);
    cr_assert(vs_ji64(&d, vs_jget(d.root, "big"), &i) && i == 9007199254740993);
    cr_assert(!vs_ji64(&d, vs_jget(d.root, "one"), &i) && vs_jf64(&d, vs_jget(d.root, "one"), &f) && f == 1);
    cr_assert(vs_jf64(&d, vs_jget(d.root, "eps"), &f) && f == 1e-6);
    cr_assert(vs_jbool(vs_jget(d.root, "tie"), &b) && b && vs_jbool(vs_jget(d.root, "no"), &b) && !b);
    cr_assert(!vs_jbool(vs_jget(d.root, "none"), &b) && !vs_jbool(NULL, &b) && !vs_jstr(NULL, &s));
    cr_assert(!vs_ji64(&d, vs_jget(d.root, "model_type"), &i) && !vs_jf64(&d, NULL, &f));
    cr_assert_null(vs_jget(vs_jget(d.root, "list"), "x"));
    cr_assert_null(vs_jget(d.root, "Model_type"));
    cr_assert_null(vs_jget(NULL, "x"));
    const struct vs_jval *v = vs_jget(d.root, "vocab_size");
    cr_assert_str_eq(vs_jplace(&d, v, place), "line 3, column 17");
    cr_assert_eq(strncmp(d.text.p + v->key_span.begin, "\"vocab_size\"", v->key_span.end - v->key_span.begin), 0);
    cr_assert_eq(strncmp(d.text.p + v->span.begin, "262208", v->span.end - v->span.begin), 0);
    cr_assert_eq(d.root->count, 10);
    vs_jdoc_free(&d);
    cr_assert_null(d.root);
    vs_jdoc_free(&d);
    vst_cleanup();
}

Test(dom, pointers)
{
    struct vs_jdoc d = parse(text);
    int64_t i;
    struct vs_str s;
    cr_assert_eq(vs_jpath(d.root, ""), d.root);
    cr_assert(vs_ji64(&d, vs_jpath(d.root, "/list/1/0"), &i) && i == 2);
    cr_assert(vs_jstr(vs_jpath(d.root, "/list/2/x"), &s) && vs_str_is(s, "\xc3\xa9"));
    cr_assert(vs_ji64(&d, vs_jpath(d.root, "/a~1b/m~0n"), &i) && i == 5);
    cr_assert(vs_ji64(&d, vs_jpath(d.root, "/a~1b/"), &i) && i == 6);
    static const char *const nowhere[] = {"list", "/list/3", "/list/-1", "/list/01", "/list/", "/list/1/0/0", "/list/99999999999",
                                          "/model_type/0", "/a/b", "/nothing", "/list/x"};
    for (size_t k = 0; k < sizeof nowhere / sizeof nowhere[0]; k++)
        cr_assert_null(vs_jpath(d.root, nowhere[k]), "%s", nowhere[k]);
    vs_jdoc_free(&d);
    vst_cleanup();
}

static void expect_duplicate(const char *t, const char *says)
{
    struct vs_jdoc d;
    struct vs_err err = {0};
    cr_assert_eq(vs_jdoc_parse("f", vs_cstr(t), &d, &err), VS_EFORMAT, "%s", t);
    cr_assert(strstr(err.message, says), "%s", err.message);
    cr_assert_null(d.root);
    cr_assert_null(d.arena.chunks);
}

Test(dom, duplicate_names_anywhere)
{
    expect_duplicate("{\"a\": 1, \"a\": 2}", "f: line 1, column 10 (byte 9): duplicate name \"a\"; the first one stands at line 1, column 2 (byte 1)");
    expect_duplicate("[{\"x\": {\"a\": 1,\n\"\\u0061\": 2}}]", "line 2, column 1 (byte 16): duplicate name \"a\"");
    char big[40000] = "{";
    for (int n = 2; n <= 1000; n = n < 12 ? n + 1 : n * 3) {
        for (int twin = 0; twin < n; twin = twin < 9 ? twin + 1 : twin * 2) {
            size_t at = 1;
            for (int i = 0; i < n; i++)
                at += (size_t)sprintf(big + at, "\"k%d\":%d,", i, i);
            sprintf(big + at, "\"k%d\":0}", twin);
            char want[100];
            const char *first = strstr(big, strchr(big + at - 1, '"'));
            snprintf(want, sizeof want, "duplicate name \"k%d\"; the first one", twin);
            cr_assert(first);
            expect_duplicate(big, want);
            sprintf(want, "\"k%d\":%d", twin, twin);
            size_t byte = (size_t)(strstr(big, want) - big);
            sprintf(want, "(byte %zu)", byte);
            struct vs_jdoc d;
            struct vs_err err;
            cr_assert_eq(vs_jdoc_parse("f", vs_cstr(big), &d, &err), VS_EFORMAT);
            cr_assert(strstr(strstr(err.message, "duplicate"), want), "%s, not at %zu", err.message, byte);
            big[at - 1] = '}';
            big[at] = '\0';
            cr_assert_eq(vs_jdoc_parse("f", vs_cstr(big), &d, &err), VS_OK, "%s", err.message);
            cr_assert_eq(d.root->count, (uint32_t)n);
            vs_jdoc_free(&d);
        }
    }
    vst_cleanup();
}

/* Names are compared in linear time altogether: a quadratic search over 60,000 names would take minutes. */
Test(dom, a_large_object, .timeout = 20)
{
    struct vs_buf b = {0};
    for (int i = 0; i < 60000; i++)
        vs_buf_printf(&b, "%s\"token-%d\":%d", i ? "," : "{", i, i);
    vs_buf_puts(&b, "}");
    struct vs_jdoc d = parse(b.p);
    cr_assert_eq(d.root->count, 60000);
    vs_jdoc_free(&d);
    vs_buf_free(&b);
    vst_cleanup();
}

Test(dom, files)
{
    struct vs_jdoc d;
    struct vs_err err;
    const char *path = vst_path(vst_tempdir(), "config.json");
    cr_assert_eq(vs_jdoc_read(path, &d, &err), VS_EFORMAT);
    vst_write_text(path, "{\"a\": 1}");
    cr_assert_eq(vs_jdoc_read(path, &d, &err), VS_OK);
    cr_assert_str_eq(d.file, path);
    cr_assert(vs_jget(d.root, "a"));
    vs_jdoc_free(&d);
    vst_write_text(path, "{\"a\": 1");
    cr_assert_eq(vs_jdoc_read(path, &d, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, path));
    vst_cleanup();
}

Test(dom, every_failing_allocation)
{
    struct vs_buf b = {0};
    for (int i = 0; i < 40; i++)
        vs_buf_printf(&b, "%s\"n\\u0142%d\": [%d, {\"x\": \"\\n%d\"}]", i ? "," : "{", i, i, i);
    vs_buf_puts(&b, "}");
    unsigned long n = 1;
    for (;; n++) {
        struct vs_jdoc d;
        struct vs_err err = {0};
        vs_mem_fail_at(n, n % 2);
        enum vs_code code = vs_jdoc_parse("f", (struct vs_str){b.p, b.n}, &d, &err);
        vs_mem_fail_at(0, false);
        if (!code) {
            vs_jdoc_free(&d);
            break;
        }
        cr_assert_eq(code, VS_ENOMEM, "%s", err.message);
        cr_assert(strstr(err.message, "not enough memory"));
        cr_assert_null(d.arena.chunks);
    }
    cr_assert(n > 4, "only %lu allocations", n);
    vs_buf_free(&b);
    vst_cleanup();
}
