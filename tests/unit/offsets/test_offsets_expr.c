/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdlib.h>
#include "base/str.h"
#include "plan/offsets_rule.h"

static bool get(const void *user, struct vs_str name, int64_t *value)
{
    static const struct { const char *name; int64_t value; } known[] = {
        {"V", 262400}, {"VOFF", 262144}, {"K", 32}, {"C", 2049}, {"BIG", INT64_MAX}, {"LOW", INT64_MIN}, {"min3", 7}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (vs_str_is(name, known[i].name)) {
            *value = known[i].value;
            return true;
        }
    return false;
}
static const struct vs_expr_names names = {get, NULL};

Test(offsets_expr, values)
{
    static const struct { const char *text; int64_t value; } cases[] = {
        {"0", 0}, {"262144", 262144}, {"V", 262400}, {"VOFF+128", 262272}, {" V - VOFF ", 256}, {"1-2-3", -4}, {"2+3*4", 14},
        {"(2+3)*4", 20}, {"-3+5", 2}, {"-(1+2)*2", -6}, {"2*-3", -6}, {"V+K*C+1", 327969}, {"min(3, 1, 2)", 1}, {"max(V, VOFF)", 262400},
        {"max(min(1,2),min3)", 7}, {"V == VOFF+256", 1}, {"V != 262400", 0}, {"VOFF < V", 1}, {"V<VOFF", 0}, {"V <= V", 1},
        {"V >= V+1", 0}, {"V > VOFF", 1}, {"BIG", INT64_MAX}, {"9223372036854775807", INT64_MAX}, {"-9223372036854775807-1", INT64_MIN}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_err err = {0};
        int64_t v = -77;
        cr_assert_eq(vs_expr_eval(cases[i].text, &names, &v, &err), VS_OK, "%s: %s", cases[i].text, err.message);
        cr_assert_eq(v, cases[i].value, "%s is %" PRId64, cases[i].text, v);
    }
}

Test(offsets_expr, refusals)
{
    static const struct { const char *text, *why; } cases[] = {
        {"", "expected"}, {"V+", "expected"}, {"+V", "expected"}, {"(V", "\")\" expected"}, {"V)", "the end expected"}, {"V V", "the end expected"},
        {"V = 3", "== or !="}, {"V ! 3", "== or !="}, {"1 < 2 < 3", "the end expected"}, {"(1 == 1)", "\")\" expected"}, {"X", "no file gives a value"},
        {"min", "no file gives a value"}, {"min(", "expected"}, {"min()", "expected"}, {"min(1", "\")\" expected"}, {"min(1,)", "expected"},
        {"2/3", "the end expected"}, {"3V", "cannot begin with a digit"}, {"--1", "two minus signs"}, {"V.W", "the end expected"},
        {"9223372036854775808", "beyond 64 bits"}, {"BIG+1", "overflow"}, {"LOW-1", "overflow"}, {"BIG*2", "overflow"}, {"-LOW", "overflow"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_err err = {0};
        int64_t v = -77;
        cr_assert_eq(vs_expr_eval(cases[i].text, &names, &v, &err), VS_EFORMAT, "%s", cases[i].text);
        cr_assert(strstr(err.message, cases[i].why), "%s: %s", cases[i].text, err.message);
        cr_assert_eq(v, -77);
    }
}

/* Parentheses, signs and calls nest up to the limit and not beyond; nothing long is slow or deep. */
Test(offsets_expr, depth)
{
    static const char *const open[] = {"(", "-(", "min("};
    for (size_t k = 0; k < sizeof open / sizeof *open; k++)
        for (int depth = VS_EXPR_DEPTH - 1; depth <= 5000; depth = depth < VS_EXPR_DEPTH ? depth + 1 : 5000 + (depth == 5000)) {
            struct vs_buf b = {0};
            struct vs_err err = {0};
            int64_t v;
            for (int i = 0; i < depth; i++)
                vs_buf_puts(&b, open[k]);
            vs_buf_puts(&b, "1");
            for (int i = 0; i < depth; i++)
                vs_buf_puts(&b, ")");
            enum vs_code code = vs_expr_eval(b.p, &names, &v, &err);
            cr_assert_eq(code, depth < VS_EXPR_DEPTH ? VS_OK : VS_EFORMAT, "%s at depth %d", open[k], depth);
            cr_assert(code == VS_OK || strstr(err.message, "too deeply"));
            vs_buf_free(&b);
        }
}

static void collect(void *user, struct vs_str name)
{
    struct vs_buf *b = user;
    vs_buf_str(b, name);
    vs_buf_puts(b, " ");
}

Test(offsets_expr, each_name)
{
    struct vs_buf b = {0};
    vs_expr_each_name("AOFF == VOFF+VN*2 - min(A1, 3)", collect, &b);
    cr_assert_str_eq(b.p, "AOFF VOFF VN A1 ");
    vs_buf_free(&b);
}
