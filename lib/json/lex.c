/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/str.h"
#include "json/lex.h"

#define S VS_LEX_SPACE
#define X VS_LEX_STOP
#define D VS_LEX_DIGIT
/* clang-format off */
const unsigned char vs_lex_class[256] = {
    X, X, X, X, X, X, X, X, X, X | S, X | S, X, X, X | S, X, X,
    X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
    [' '] = S, ['"'] = X, ['\\'] = X,
    ['0'] = D, ['1'] = D, ['2'] = D, ['3'] = D, ['4'] = D, ['5'] = D, ['6'] = D, ['7'] = D, ['8'] = D, ['9'] = D,
    [128] = X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
            X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
            X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
            X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X,
};
/* clang-format on */
#undef S
#undef X
#undef D

static size_t wrong(struct vs_lex_bad *bad, size_t at, const char *why)
{
    *bad = (struct vs_lex_bad){at, why};
    return 0;
}

/* Four hex digits at p; -1 when they are not. */
static int hex4(const char *p, size_t n)
{
    int v = 0;
    if (n < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = p[i], lower = c | 0x20;
        if (c >= '0' && c <= '9')
            v = v << 4 | (c - '0');
        else if (lower >= 'a' && lower <= 'f')
            v = v << 4 | (lower - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* The escape at text[at] == '\\': returns the position behind it. A high surrogate takes its low half along. */
static size_t lex_escape(const char *text, size_t n, size_t at, struct vs_lex_bad *bad)
{
    if (at + 1 >= n)
        return wrong(bad, n, "the string does not end");
    char c = text[at + 1];
    if (c && strchr("\"\\/bfnrt", c))
        return at + 2;
    if (c != 'u')
        return wrong(bad, at, "no such escape; one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX expected");
    int unit = hex4(text + at + 2, n - at - 2);
    if (unit < 0)
        return wrong(bad, at, "four hex digits expected after \\u");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return wrong(bad, at, "a low surrogate without its high half");
    if (unit < 0xd800 || unit > 0xdbff)
        return at + 6;
    int low = n - at >= 12 && text[at + 6] == '\\' && text[at + 7] == 'u' ? hex4(text + at + 8, n - at - 8) : -1;
    if (low < 0xdc00 || low > 0xdfff)
        return wrong(bad, at, "a high surrogate without its low half");
    return at + 12;
}

/* Bytes of the non-ASCII character at p, 0 when it is not valid UTF-8 (Unicode 3.9, table 3-7). */
static inline size_t lex_wide(const unsigned char *p, size_t n)
{
    unsigned c = p[0];
    if (c >= 0xc2 && c <= 0xdf)
        return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((c & 0xf0) == 0xe0) {
        if (n < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        return (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) ? 0 : 3;
    }
    return vs_utf8_valid((const char *)p, n < 4 ? n : 4) == 4 ? 4 : 0;
}

size_t vs_lex_string(const char *text, size_t n, size_t at, bool *escaped, struct vs_lex_bad *bad)
{
    *escaped = false;
    if (at >= n || text[at] != '"')
        return wrong(bad, at, "a string expected");
    for (at++;;) {
        while (at < n && !(vs_lex_class[(unsigned char)text[at]] & VS_LEX_STOP))
            at++;
        if (at >= n)
            return wrong(bad, n, "the string does not end");
        unsigned char c = (unsigned char)text[at];
        if (c >= 0x80) {
            size_t len = lex_wide((const unsigned char *)text + at, n - at);
            if (len == 0)
                return wrong(bad, at, "invalid UTF-8");
            at += len;
        } else if (c == '"') {
            return at + 1;
        } else if (c == '\\') {
            *escaped = true;
            at = lex_escape(text, n, at, bad);
            if (at == 0)
                return 0;
        } else {
            return wrong(bad, at, "control characters in strings must be escaped");
        }
    }
}

size_t vs_lex_decode(const char *p, size_t n, char *out)
{
    size_t used = 0;
    for (size_t at = 0; at < n;) {
        const char *slash = memchr(p + at, '\\', n - at);
        size_t plain = slash ? (size_t)(slash - p) - at : n - at;
        memcpy(out + used, p + at, plain);
        used += plain;
        at += plain;
        if (!slash)
            break;
        char c = p[at + 1];
        if (c != 'u') {
            const char *from = "bfnrt", *found = strchr(from, c);
            out[used++] = found ? "\b\f\n\r\t"[found - from] : c;
            at += 2;
            continue;
        }
        uint32_t cp = (uint32_t)hex4(p + at + 2, 4);
        at += 6;
        if (cp >= 0xd800 && cp <= 0xdbff) {
            cp = 0x10000 + ((cp - 0xd800) << 10) + ((uint32_t)hex4(p + at + 2, 4) - 0xdc00);
            at += 6;
        }
        used += vs_utf8_put(out + used, cp);
    }
    return used;
}

size_t vs_lex_word(const char *text, size_t n, size_t at, const char *word, struct vs_lex_bad *bad)
{
    size_t len = strlen(word);
    if (at > n || n - at < len || memcmp(text + at, word, len) != 0)
        return wrong(bad, at, "a value expected");
    return at + len;
}

enum vs_json_type vs_lex_type(const char *text, size_t n, size_t at)
{
    if (at >= n)
        return VS_JSON_NONE;
    switch (text[at]) {
    case '"': return VS_JSON_STRING;
    case '{': return VS_JSON_OBJECT;
    case '[': return VS_JSON_ARRAY;
    case 't': return VS_JSON_TRUE;
    case 'f': return VS_JSON_FALSE;
    case 'n': return VS_JSON_NULL;
    default:
        return text[at] == '-' || (text[at] >= '0' && text[at] <= '9') ? VS_JSON_NUMBER : VS_JSON_NONE;
    }
}

struct vs_lex_place vs_lex_place(const char *text, size_t at)
{
    struct vs_lex_place place = {1, 1};
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n')
            place = (struct vs_lex_place){place.line + 1, 1};
        else if ((text[i] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}
