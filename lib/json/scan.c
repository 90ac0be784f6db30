/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "json/lex.h"
#include "json/scan.h"

/* ---- errors ---- */

/* What stands at a place, for people: 'x', byte 0x07, the end of the text. */
static const char *found_at(const struct vs_json *j, size_t at, char out[32])
{
    if (at >= j->n)
        snprintf(out, 32, "the end of the text");
    else if (j->text[at] > 0x20 && j->text[at] < 0x7f)
        snprintf(out, 32, "'%c'", j->text[at]);
    else
        snprintf(out, 32, "byte 0x%02X", (unsigned char)j->text[at]);
    return out;
}

static bool fail_at(struct vs_json *j, size_t at, enum vs_code code, const char *what)
{
    if (j->failed)
        return false;
    struct vs_lex_place place = vs_lex_place(j->text, at < j->n ? at : j->n);
    j->failed = true;
    vs_fail(&j->error, code, "%s: line %zu, column %zu (byte %zu): %s", j->file, place.line, place.column, at, what);
    return false;
}

static bool syntax(struct vs_json *j, size_t at, const char *expected)
{
    char found[32], what[256];
    snprintf(what, sizeof what, "found %s: %s", found_at(j, at, found), expected);
    return fail_at(j, at, VS_EFORMAT, what);
}

bool vs_json_fail(struct vs_json *j, enum vs_code code, const char *fmt, ...)
{
    char what[VS_ERR_MAX / 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return fail_at(j, j->at, code, what);
}

/* ---- structure ---- */

void vs_json_begin(struct vs_json *j, const char *file, const char *text, size_t n, struct vs_arena *arena)
{
    j->file = file;
    j->text = text;
    j->n = n;
    j->at = 0;
    j->arena = arena;
    j->depth = 0;
    j->first[0] = true;
    j->object[0] = false;
    j->key_span = (struct vs_span){0, 0};
    j->failed = false;
    j->error.code = VS_OK;
    j->error.message[0] = '\0';
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        fail_at(j, 0, VS_EFORMAT, "found a byte order mark: JSON starts with its value; remove the first three bytes");
}

static void skip_space(struct vs_json *j)
{
    j->at = vs_lex_space(j->text, j->n, j->at);
}

enum vs_code vs_json_end(struct vs_json *j, struct vs_err *err)
{
    if (!j->failed) {
        skip_space(j);
        if (j->depth)
            syntax(j, j->at, "an object or array is not finished");
        else if (j->at < j->n)
            syntax(j, j->at, "nothing may follow the document");
    }
    if (j->failed)
        *err = j->error;
    return j->failed ? j->error.code : VS_OK;
}

enum vs_json_type vs_json_peek(struct vs_json *j)
{
    if (j->failed)
        return VS_JSON_NONE;
    skip_space(j);
    enum vs_json_type type = vs_lex_type(j->text, j->n, j->at);
    if (type == VS_JSON_NONE)
        syntax(j, j->at, "a value expected");
    return type;
}

/* Is a value of this type next? Otherwise says what is wrong. */
static bool want(struct vs_json *j, enum vs_json_type type, const char *expected)
{
    if (j->failed)
        return false;
    skip_space(j);
    return vs_lex_type(j->text, j->n, j->at) == type || syntax(j, j->at, expected);
}

static bool enter(struct vs_json *j, bool object)
{
    if (j->depth >= VS_JSON_DEPTH)
        return vs_json_fail(j, VS_ELIMIT, "nested deeper than %d levels", VS_JSON_DEPTH);
    j->at++;
    j->depth++;
    j->first[j->depth] = true;
    j->object[j->depth] = object;
    return true;
}

bool vs_json_object(struct vs_json *j)
{
    return want(j, VS_JSON_OBJECT, "an object expected") && enter(j, true);
}

bool vs_json_array(struct vs_json *j)
{
    return want(j, VS_JSON_ARRAY, "an array expected") && enter(j, false);
}

/* Stands the scanner at the next member or element? False at the closing bracket, which is consumed. */
static bool next(struct vs_json *j, bool object)
{
    if (j->failed)
        return false;
    if (j->depth == 0 || j->object[j->depth] != object)
        return vs_json_fail(j, VS_EUSAGE, "the scanner stands in no %s", object ? "object" : "array");
    skip_space(j);
    if (j->at < j->n && j->text[j->at] == (object ? '}' : ']')) {
        j->at++;
        j->depth--;
        return false;
    }
    if (j->first[j->depth]) {
        j->first[j->depth] = false;
        return true;
    }
    if (j->at >= j->n || j->text[j->at] != ',')
        return syntax(j, j->at, object ? "',' or '}' expected" : "',' or ']' expected");
    j->at++;
    skip_space(j);
    return true;
}

static bool take_string(struct vs_json *j, struct vs_str *s)
{
    struct vs_lex_bad bad;
    bool escaped;
    size_t end = vs_lex_string(j->text, j->n, j->at, &escaped, &bad);
    if (end == 0)
        return syntax(j, bad.at, bad.why);
    const char *p = j->text + j->at + 1;
    size_t n = end - j->at - 2;
    if (escaped) {
        if (!j->arena)
            return vs_json_fail(j, VS_EUSAGE, "a string with escapes, and no arena to decode it to");
        char *out = vs_arena_alloc(j->arena, n);
        if (!out)
            return vs_json_fail(j, VS_ENOMEM, "not enough memory for a string (%zu bytes)", n);
        n = vs_lex_decode(p, n, out);
        p = out;
    }
    *s = (struct vs_str){p, n};
    j->at = end;
    return true;
}

bool vs_json_key(struct vs_json *j, struct vs_str *key)
{
    if (!next(j, true))
        return false;
    size_t begin = j->at;
    if (begin >= j->n || j->text[begin] != '"')
        return syntax(j, begin, "a name in quotes expected");
    if (!take_string(j, key))
        return false;
    j->key_span = (struct vs_span){begin, j->at};
    if (memchr(key->p, 0, key->n))
        return fail_at(j, begin, VS_EFORMAT, "a name holds the character U+0000");
    skip_space(j);
    if (j->at >= j->n || j->text[j->at] != ':')
        return syntax(j, j->at, "':' expected");
    j->at++;
    return true;
}

bool vs_json_item(struct vs_json *j)
{
    return next(j, false);
}

/* ---- values ---- */

bool vs_json_string(struct vs_json *j, struct vs_str *s)
{
    return want(j, VS_JSON_STRING, "a string expected") && take_string(j, s);
}

static bool take_number(struct vs_json *j, struct vs_str *lexeme, const char *expected)
{
    struct vs_lex_bad bad;
    *lexeme = (struct vs_str){NULL, 0};
    if (!want(j, VS_JSON_NUMBER, expected))
        return false;
    size_t end = vs_lex_number(j->text, j->n, j->at, &bad);
    if (end == 0)
        return syntax(j, bad.at, bad.why);
    *lexeme = (struct vs_str){j->text + j->at, end - j->at};
    return true;
}

static bool bad_integer(struct vs_json *j, struct vs_str s, const char *expected)
{
    return vs_json_fail(j, VS_EFORMAT, "found %.*s%s: %s", s.n > 40 ? 40 : (int)s.n, s.p, s.n > 40 ? "..." : "", expected);
}

/* Digits only, at most 2^64-1. */
static bool parse_u64(struct vs_str s, uint64_t *v)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9' || !vs_mul(sum, 10, &sum) || !vs_add(sum, (uint64_t)(s.p[i] - '0'), &sum))
            return false;
    *v = sum;
    return s.n > 0;
}

bool vs_json_u64(struct vs_json *j, uint64_t *v)
{
    struct vs_str s;
    if (!take_number(j, &s, "an integer expected"))
        return false;
    if (!parse_u64(s, v))
        return bad_integer(j, s, "an integer from 0 to 18446744073709551615 expected");
    j->at += s.n;
    return true;
}

bool vs_json_i64(struct vs_json *j, int64_t *v)
{
    struct vs_str s;
    if (!take_number(j, &s, "an integer expected"))
        return false;
    uint64_t sum;
    bool minus = s.p[0] == '-';
    if (!parse_u64((struct vs_str){s.p + minus, s.n - minus}, &sum) || sum > (uint64_t)INT64_MAX + minus || (minus && !sum))
        return bad_integer(j, s, "an integer from -9223372036854775808 to 9223372036854775807 expected");
    *v = minus ? (int64_t)(0 - sum) : (int64_t)sum;
    j->at += s.n;
    return true;
}

bool vs_json_f64(struct vs_json *j, double *v)
{
    struct vs_str s;
    enum vs_code code;
    const char *why;
    if (!take_number(j, &s, "a number expected"))
        return false;
    if (!vs_lex_f64(s, v, &code, &why))
        return fail_at(j, j->at, code, why);
    j->at += s.n;
    return true;
}

static bool take_word(struct vs_json *j, const char *word)
{
    struct vs_lex_bad bad;
    size_t end = vs_lex_word(j->text, j->n, j->at, word, &bad);
    if (end == 0)
        return syntax(j, bad.at, bad.why);
    j->at = end;
    return true;
}

bool vs_json_bool(struct vs_json *j, bool *v)
{
    if (j->failed)
        return false;
    skip_space(j);
    enum vs_json_type type = vs_lex_type(j->text, j->n, j->at);
    if (type != VS_JSON_TRUE && type != VS_JSON_FALSE)
        return syntax(j, j->at, "true or false expected");
    if (!take_word(j, type == VS_JSON_TRUE ? "true" : "false"))
        return false;
    *v = type == VS_JSON_TRUE;
    return true;
}

bool vs_json_null(struct vs_json *j)
{
    return want(j, VS_JSON_NULL, "null expected") && take_word(j, "null");
}

bool vs_json_skip(struct vs_json *j, struct vs_span *span)
{
    struct vs_lex_bad bad;
    if (j->failed)
        return false;
    skip_space(j);
    size_t end = vs_lex_value(j->text, j->n, j->at, VS_JSON_DEPTH - j->depth, &bad);
    if (end == 0 && bad.why == vs_lex_too_deep) {
        j->at = bad.at;
        return vs_json_fail(j, VS_ELIMIT, "nested deeper than %d levels", VS_JSON_DEPTH);
    }
    if (end == 0)
        return syntax(j, bad.at, bad.why);
    if (span)
        *span = (struct vs_span){j->at, end};
    j->at = end;
    return true;
}
