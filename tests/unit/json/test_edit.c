/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <time.h>
#include <stdio.h>
#include "base/str.h"
#include "json/edit.h"
#include "support.h"

static const char *apply(struct vs_edits *e, const char *text)
{
    static char out[VS_ERR_MAX];
    struct vs_buf b = {0};
    struct vs_err err;
    if (vs_edits_apply(e, "f", vs_cstr(text), &b, &err))
        snprintf(out, sizeof out, "%s", err.message);
    else
        snprintf(out, sizeof out, "%s", b.p);
    vs_buf_free(&b);
    vs_edits_free(e);
    return out;
}

static void edit(struct vs_edits *e, size_t begin, size_t end, const char *with)
{
    struct vs_err err;
    cr_assert_eq(vs_edit(e, begin, end, vs_cstr(with), &err), VS_OK);
}

Test(edit, splices_in_any_order)
{
    struct vs_edits e = {0};
    cr_assert_str_eq(apply(&e, "0123456789"), "0123456789");
    edit(&e, 8, 9, "H");
    edit(&e, 0, 0, "<");
    edit(&e, 3, 3, "first");
    edit(&e, 3, 5, "[]");
    edit(&e, 3, 3, "second");
    edit(&e, 5, 6, "");
    edit(&e, 10, 10, ">");
    cr_assert_str_eq(apply(&e, "0123456789"), "<012firstsecond[]67H9>");
    cr_assert_str_eq(apply(&e, ""), "");
    vst_cleanup();
}

Test(edit, splices_that_cannot_be)
{
    struct vs_edits e = {0};
    struct vs_err err;
    edit(&e, 2, 5, "x");
    edit(&e, 4, 6, "y");
    cr_assert_str_eq(apply(&e, "0123456789"), "f: two edits overlap at byte 4");
    edit(&e, 2, 5, "x");
    edit(&e, 3, 3, "y");
    cr_assert_str_eq(apply(&e, "0123456789"), "f: two edits overlap at byte 3");
    edit(&e, 2, 5, "x");
    edit(&e, 2, 5, "x");
    cr_assert_str_eq(apply(&e, "0123456789"), "f: two edits overlap at byte 2");
    edit(&e, 9, 11, "x");
    cr_assert_str_eq(apply(&e, "0123456789"), "f: an edit at bytes 9 to 11 lies beyond the text (10 bytes)");
    cr_assert_eq(vs_edit(&e, 3, 2, VS_LIT(""), &err), VS_EUSAGE);
    vs_edits_free(&e);
    vs_edits_free(NULL);
    vst_cleanup();
}

static void add(struct vs_edits *e, const struct vs_jdoc *d, const char *pointer, const char *key, const char *value)
{
    struct vs_err err;
    cr_assert_eq(vs_edit_add_member(e, d, vs_jpath(d->root, pointer), key, vs_cstr(value), &err), VS_OK, "%s", err.message);
}

static const struct { const char *before, *pointer, *after, *again; } members[] = {
    {"{\n  \"a\": 1\n}\n", "", "{\n  \"a\": 1,\n  \"k\": 7\n}\n", "{\n  \"a\": 1,\n  \"k\": 7,\n  \"l\": 8\n}\n"},
    {"{\n\t\"a\" : 1,\n\t\"b\" : 2\n}", "", "{\n\t\"a\" : 1,\n\t\"b\" : 2,\n\t\"k\" : 7\n}",
     "{\n\t\"a\" : 1,\n\t\"b\" : 2,\n\t\"k\" : 7,\n\t\"l\" : 8\n}"},
    {"{\"a\":1}", "", "{\"a\":1,\"k\":7}", "{\"a\":1,\"k\":7,\"l\":8}"},
    {"{\"a\": 1}", "", "{\"a\": 1, \"k\": 7}", "{\"a\": 1, \"k\": 7, \"l\": 8}"},
    {"{ \"a\": 1 }", "", "{ \"a\": 1, \"k\": 7 }", "{ \"a\": 1, \"k\": 7, \"l\": 8 }"},
    {"{\"a\": 1, \"b\": 2}", "", "{\"a\": 1, \"b\": 2, \"k\": 7}", "{\"a\": 1, \"b\": 2, \"k\": 7, \"l\": 8}"},
    {"{\"a\": 1,\"b\": 2}", "", "{\"a\": 1,\"b\": 2,\"k\": 7}", "{\"a\": 1,\"b\": 2,\"k\": 7,\"l\": 8}"},
    {"{}", "", "{\"k\": 7}", "{\"k\": 7, \"l\": 8}"},
    {"{\n}", "", "{\n  \"k\": 7\n}", "{\n  \"k\": 7,\n  \"l\": 8\n}"},
    {"{\n  \"a\": {}\n}", "/a", "{\n  \"a\": {\n    \"k\": 7\n  }\n}", "{\n  \"a\": {\n    \"k\": 7,\n    \"l\": 8\n  }\n}"},
    {"{\n    \"a\": {\n    }\n}", "/a", "{\n    \"a\": {\n        \"k\": 7\n    }\n}",
     "{\n    \"a\": {\n        \"k\": 7,\n        \"l\": 8\n    }\n}"},
    {"{\"a\":{}}", "/a", "{\"a\":{\"k\":7}}", "{\"a\":{\"k\":7,\"l\":8}}"},
    {"{\"a\": {}}", "/a", "{\"a\": {\"k\": 7}}", "{\"a\": {\"k\": 7, \"l\": 8}}"},
    {"{\r\n  \"a\": {}\r\n}", "/a", "{\r\n  \"a\": {\r\n    \"k\": 7\r\n  }\r\n}",
     "{\r\n  \"a\": {\r\n    \"k\": 7,\r\n    \"l\": 8\r\n  }\r\n}"},
    {"{\r\n  \"a\": 1\r\n}", "", "{\r\n  \"a\": 1,\r\n  \"k\": 7\r\n}", "{\r\n  \"a\": 1,\r\n  \"k\": 7,\r\n  \"l\": 8\r\n}"},
    {"{\n  \"t\": {\n    \"v\": [\n      1\n    ]\n  }\n}", "/t", "{\n  \"t\": {\n    \"v\": [\n      1\n    ],\n    \"k\": 7\n  }\n}",
     "{\n  \"t\": {\n    \"v\": [\n      1\n    ],\n    \"k\": 7,\n    \"l\": 8\n  }\n}"},
};

Test(edit, a_member_more_looks_like_its_neighbours)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        struct vs_jdoc d, back;
        struct vs_err err;
        struct vs_edits e = {0};
        cr_assert_eq(vs_jdoc_parse("f", vs_cstr(members[i].before), &d, &err), VS_OK);
        add(&e, &d, members[i].pointer, "k", "7");
        cr_assert_str_eq(apply(&e, members[i].before), members[i].after);
        add(&e, &d, members[i].pointer, "k", "7");
        add(&e, &d, members[i].pointer, "l", "8");
        const char *text = apply(&e, members[i].before);
        cr_assert_str_eq(text, members[i].again);
        cr_assert_eq(vs_jdoc_parse("f", vs_cstr(text), &back, &err), VS_OK);
        vs_jdoc_free(&back);
        vs_jdoc_free(&d);
    }
    vst_cleanup();
}

Test(edit, names_are_escaped_and_only_objects_grow)
{
    struct vs_jdoc d;
    struct vs_err err;
    struct vs_edits e = {0};
    cr_assert_eq(vs_jdoc_parse("f", VS_LIT("{\"a\":[1]}"), &d, &err), VS_OK);
    add(&e, &d, "", "q\"\n", "\"v\"");
    cr_assert_str_eq(apply(&e, "{\"a\":[1]}"), "{\"a\":[1],\"q\\\"\\n\":\"v\"}");
    cr_assert_eq(vs_edit_add_member(&e, &d, vs_jget(d.root, "a"), "k", VS_LIT("1"), &err), VS_EUSAGE);
    cr_assert_eq(vs_edit_add_member(&e, &d, NULL, "k", VS_LIT("1"), &err), VS_EUSAGE);
    vs_edits_free(&e);
    vs_jdoc_free(&d);
    vst_cleanup();
}

Test(edit, every_failing_allocation)
{
    static const char text[] = "{\n  \"a\": 1,\n  \"b\": {}\n}";
    struct vs_jdoc d;
    struct vs_err err;
    cr_assert_eq(vs_jdoc_parse("f", VS_LIT(text), &d, &err), VS_OK);
    for (unsigned long n = 1, done = 0; !done; n++) {
        struct vs_edits e = {0};
        struct vs_buf out = {0};
        enum vs_code code = VS_OK;
        vs_mem_fail_at(n, false);
        for (int i = 0; i < 20 && !code; i++)
            code = vs_edit_add_member(&e, &d, i % 2 ? d.root : vs_jget(d.root, "b"), "k", VS_LIT("7"), &err);
        if (!code)
            code = vs_edits_apply(&e, "f", VS_LIT(text), &out, &err);
        vs_mem_fail_at(0, false);
        done = !code;
        cr_assert(!code || code == VS_ENOMEM, "%s", err.message);
        vs_edits_free(&e);
        vs_buf_free(&out);
        cr_assert(n < 1000);
    }
    vs_jdoc_free(&d);
    vst_cleanup();
}

/* Empty objects may be filled in turns, and with as many members as a vocabulary has. */
Test(edit, empty_objects_in_turns)
{
    struct vs_jdoc d = {0};
    struct vs_edits e = {0};
    struct vs_buf out = {0};
    struct vs_err err;
    cr_assert_eq(vs_jdoc_parse("x.json", VS_LIT("{\"a\": {}, \"b\": { }}"), &d, &err), VS_OK, "%s", err.message);
    for (unsigned i = 0; i < 4; i++)
        cr_assert_eq(vs_edit_add_member(&e, &d, vs_jget(d.root, i % 2 ? "b" : "a"), i < 2 ? "x" : "y", VS_LIT("1"), &err), VS_OK);
    cr_assert_eq(vs_edits_apply(&e, "x.json", d.text, &out, &err), VS_OK, "%s", err.message);
    cr_assert_str_eq(out.p, "{\"a\": {\"x\": 1, \"y\": 1}, \"b\": {\"x\": 1, \"y\": 1}}");
    vs_buf_free(&out);
    vs_edits_free(&e);
    vs_jdoc_free(&d);
    vst_cleanup();
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

Test(edit, many_members)
{
    struct vs_buf full = {0};
    for (unsigned i = 0; i < 60000; i++)
        vs_buf_printf(&full, "%s\"k%u\": %u", i ? ", " : "", i, i);
    for (size_t k = 0; k < 2; k++) {
        struct vs_jdoc d = {0}, after = {0};
        struct vs_edits e = {0};
        struct vs_buf text = {0}, out = {0};
        struct vs_err err;
        double begun = seconds();
        vs_buf_printf(&text, k ? "{\"v\": {%s}}" : "{\n  \"v\": {%s}\n}", k ? full.p : "");
        cr_assert_eq(vs_jdoc_parse("x.json", (struct vs_str){text.p, text.n}, &d, &err), VS_OK, "%s", err.message);
        for (unsigned i = 0; i < 30000; i++)
            cr_assert_eq(vs_edit_add_member(&e, &d, vs_jget(d.root, "v"), vst_format("n%u", i), VS_LIT("1"), &err), VS_OK);
        cr_assert_eq(vs_edits_apply(&e, "x.json", d.text, &out, &err), VS_OK, "%s", err.message);
        cr_assert_eq(vs_jdoc_parse("y.json", (struct vs_str){out.p, out.n}, &after, &err), VS_OK, "%s", err.message);
        cr_assert_eq(vs_jget(after.root, "v")->count, (k ? 60000 : 0) + 30000);
        cr_expect_lt(seconds() - begun, 20, "%.1f s: the time grows with the square", seconds() - begun);
        vs_buf_free(&text);
        vs_buf_free(&out);
        vs_edits_free(&e);
        vs_jdoc_free(&d);
        vs_jdoc_free(&after);
    }
    vs_buf_free(&full);
    vst_cleanup();
}
