/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "plan/offsets_rule.h"

struct expr {
    const char *text, *at;
    unsigned depth;
    const struct vs_expr_names *names;
    struct vs_err *err;
    enum vs_code code;
};

static bool sum(struct expr *e, int64_t *v);

static bool fail(struct expr *e, const char *why)
{
    char shown[256];
    e->code = vs_fail(e->err, VS_EFORMAT, "layout expression \"%s\": %s at character %zu",
                      vs_escape(shown, sizeof shown, vs_cstr(e->text)), why, (size_t)(e->at - e->text) + 1);
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || is_digit(c);
}

static char peek(struct expr *e)
{
    while (*e->at == ' ')
        e->at++;
    return *e->at;
}

static bool take(struct expr *e, char c)
{
    if (peek(e) != c)
        return false;
    e->at++;
    return true;
}

static struct vs_str name_at(const char *p)
{
    const char *end = p;
    while (is_name(*end))
        end++;
    return (struct vs_str){p, (size_t)(end - p)};
}

static bool number(struct expr *e, int64_t *v)
{
    for (*v = 0; is_digit(*e->at); e->at++)
        if (__builtin_mul_overflow(*v, 10, v) || __builtin_add_overflow(*v, *e->at - '0', v))
            return fail(e, "number beyond 64 bits");
    return is_name(*e->at) ? fail(e, "a name cannot begin with a digit") : true;
}

/* The arguments of min() and max(), behind the name. */
static bool extreme(struct expr *e, bool largest, int64_t *v)
{
    int64_t w;
    e->at++; /* the parenthesis */
    if (!sum(e, v))
        return false;
    while (take(e, ',')) {
        if (!sum(e, &w))
            return false;
        if (largest ? w > *v : w < *v)
            *v = w;
    }
    return take(e, ')') ? true : fail(e, "\")\" expected");
}

static bool name(struct expr *e, int64_t *v)
{
    struct vs_str s = name_at(e->at);
    if (!e->names->get(e->names->user, s, v)) {
        bool call = (vs_str_is(s, "min") || vs_str_is(s, "max")) && s.p[s.n] == '(';
        if (!call)
            return fail(e, "a name that no file gives a value to");
        e->at += s.n;
        return extreme(e, s.p[1] == 'a', v);
    }
    e->at += s.n;
    return true;
}

static bool operand(struct expr *e, int64_t *v)
{
    if (take(e, '('))
        return sum(e, v) && (take(e, ')') || fail(e, "\")\" expected"));
    if (take(e, '-')) {
        if (peek(e) == '-')
            return fail(e, "two minus signs");
        return operand(e, v) && (!__builtin_sub_overflow(0, *v, v) || fail(e, "overflow"));
    }
    if (is_digit(peek(e)))
        return number(e, v);
    return is_name(*e->at) ? name(e, v) : fail(e, "a number, a name or \"(\" expected");
}

static bool product(struct expr *e, int64_t *v)
{
    int64_t w;
    if (!operand(e, v))
        return false;
    while (take(e, '*'))
        if (!operand(e, &w) || (__builtin_mul_overflow(*v, w, v) && !fail(e, "overflow")))
            return false;
    return true;
}

static bool sum(struct expr *e, int64_t *v)
{
    int64_t w;
    if (++e->depth > VS_EXPR_DEPTH)
        return fail(e, "nested too deeply");
    if (!product(e, v))
        return false;
    while (peek(e) == '+' || *e->at == '-') {
        char op = *e->at++;
        if (!product(e, &w))
            return false;
        if (op == '+' ? __builtin_add_overflow(*v, w, v) : __builtin_sub_overflow(*v, w, v))
            return fail(e, "overflow");
    }
    e->depth--;
    return true;
}

/* sum, and at most one comparison with another. */
static bool comparison(struct expr *e, int64_t *v)
{
    int64_t w;
    if (!sum(e, v))
        return false;
    char op = peek(e);
    if (!op || !strchr("<>=!", op))
        return true;
    bool equal = e->at[1] == '=';
    if ((op == '=' || op == '!') && !equal)
        return fail(e, "== or != expected");
    e->at += equal ? 2 : 1;
    if (!sum(e, &w))
        return false;
    if (op == '=' || op == '!')
        *v = (*v == w) == (op == '=');
    else if (op == '<')
        *v = equal ? *v <= w : *v < w;
    else
        *v = equal ? *v >= w : *v > w;
    return true;
}

enum vs_code vs_expr_eval(const char *text, const struct vs_expr_names *names, int64_t *value, struct vs_err *err)
{
    struct expr e = {.text = text, .at = text, .names = names, .err = err};
    int64_t v;
    if (!comparison(&e, &v))
        return e.code;
    if (peek(&e)) {
        fail(&e, "the end expected");
        return e.code;
    }
    *value = v;
    return VS_OK;
}

void vs_expr_each_name(const char *text, void (*visit)(void *user, struct vs_str name), void *user)
{
    while (*text) {
        struct vs_str s = name_at(text);
        if (s.n && !is_digit(*text) && !vs_str_is(s, "min") && !vs_str_is(s, "max"))
            visit(user, s);
        text += s.n ? s.n : 1;
    }
}
