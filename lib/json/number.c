/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "json/lex.h"

static bool digit_at(const char *text, size_t n, size_t at)
{
    return at < n && vs_lex_class[(unsigned char)text[at]] & VS_LEX_DIGIT;
}

static size_t wrong(struct vs_lex_bad *bad, size_t at, const char *why)
{
    *bad = (struct vs_lex_bad){at, why};
    return 0;
}

size_t vs_lex_number(const char *text, size_t n, size_t at, struct vs_lex_bad *bad)
{
    if (at < n && text[at] == '-')
        at++;
    if (!digit_at(text, n, at))
        return wrong(bad, at, "a digit expected");
    bool zero = text[at++] == '0';
    if (zero && digit_at(text, n, at))
        return wrong(bad, at - 1, "numbers have no leading zeros");
    while (digit_at(text, n, at))
        at++;
    if (at < n && text[at] == '.') {
        if (!digit_at(text, n, ++at))
            return wrong(bad, at, "a digit expected after the point");
        while (digit_at(text, n, at))
            at++;
    }
    if (at < n && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < n && (text[at] == '+' || text[at] == '-'))
            at++;
        if (!digit_at(text, n, at))
            return wrong(bad, at, "a digit expected in the exponent");
        while (digit_at(text, n, at))
            at++;
    }
    return at;
}

/* A number taken apart: value = digits (without the point) x 10^exponent. */
struct parts {
    bool negative;
    int64_t exponent;   /* saturated far outside the range of a double */
    uint64_t mantissa;  /* of the digits when small */
    bool small;         /* the digits fit in 53 bits */
    size_t digits;      /* bytes of the lexeme that hold digits and point */
};

static struct parts take_apart(struct vs_str s)
{
    struct parts p = {.negative = s.p[0] == '-', .small = true};
    int64_t fraction = 0, exponent = 0;
    bool in_fraction = false;
    size_t at = p.negative;
    for (; at < s.n && s.p[at] != 'e' && s.p[at] != 'E'; at++) {
        if (s.p[at] == '.') {
            in_fraction = true;
            continue;
        }
        fraction += in_fraction;
        if (p.small)
            p.mantissa = p.mantissa * 10 + (uint64_t)(s.p[at] - '0');
        if (p.mantissa > (uint64_t)1 << 53)
            p.small = false;
    }
    p.digits = at;
    bool minus = false;
    for (at++; at < s.n; at++) {
        if (s.p[at] == '-')
            minus = true;
        else if (s.p[at] != '+' && exponent < INT64_C(1) << 50)
            exponent = exponent * 10 + (s.p[at] - '0');
    }
    p.exponent = (minus ? -exponent : exponent) - fraction;
    return p;
}

/* strtod reads the point of the current locale; an integer with an exponent has none. */
static bool slow_f64(struct vs_str s, const struct parts *p, double *v)
{
    char fixed[128], *text = s.n + 24 <= sizeof fixed ? fixed : vs_malloc(s.n + 24);
    if (!text)
        return false;
    size_t used = 0;
    for (size_t at = 0; at < p->digits; at++)
        if (s.p[at] != '.')
            text[used++] = s.p[at];
    snprintf(text + used, 24, "e%lld", (long long)p->exponent);
    *v = strtod(text, NULL);
    if (text != fixed)
        vs_free(text);
    return true;
}

bool vs_lex_f64(struct vs_str s, double *v, enum vs_code *code, const char **why)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    struct parts p = take_apart(s);
    if (p.small && p.exponent >= -22 && p.exponent <= 22) { /* both factors are exact, so one rounding (Clinger) */
        double m = (double)p.mantissa;
        m = p.exponent < 0 ? m / power[-p.exponent] : m * power[p.exponent];
        *v = p.negative ? -m : m;
        return true;
    }
    if (!slow_f64(s, &p, v)) {
        *code = VS_ENOMEM;
        *why = "not enough memory for a number";
        return false;
    }
    if (isinf(*v)) {
        *code = VS_EFORMAT;
        *why = "the number is beyond the range of a 64-bit float";
        return false;
    }
    return true;
}
