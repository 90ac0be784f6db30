/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdio.h>
#include "base/mem.h"
#include "base/str.h"
#include "tokenizer/regex.h"

struct vs_regex { pcre2_code *code; };
struct vs_regex_memory { pcre2_match_data *data; };

static void *take(size_t n, void *unused)
{
    return vs_malloc(n);
}

static void give(void *p, void *unused)
{
    vs_free(p);
}

/* ---- rewriting ---- */

/* White space without U+180E, words as in Unicode's annex 18, hexadecimal digits: the inside of a class each. Outside of a class
 * Oniguruma counts the raised digits and fractions of Latin-1 among the words too. */
static const char space_class[] = "\\x09-\\x0d\\x20\\x85\\xa0\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}";
static const char word_class[] = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
static const char latin_digits[] = "\\xb2\\xb3\\xb9\\xbc-\\xbe";
static const char hex_class[] = "0-9A-Fa-f";

struct rewrite {
    pcre2_compile_context *context;
    struct vs_str in;
    size_t at;
    struct vs_buf out;
    bool in_class; /* inside [...] */
    bool unclosed; /* no } follows: it is not looked for again */
    const char *refused;
};

/* \p{Name}: scripts are meant as Script, not Script_Extensions; PCRE2 wants that said. */
static void property(struct rewrite *r)
{
    const char *p = r->in.p + r->at, *end = r->in.p + r->in.n;
    const bool braced = end - p >= 4 && p[2] == '{' && !r->unclosed;
    const char *close = braced ? memchr(p, '}', (size_t)(end - p)) : NULL;
    r->unclosed |= braced && !close;
    if (!close) {
        vs_buf_add(&r->out, p, 2);
        r->at += 2;
        return;
    }
    bool negated = p[3] == '^';
    struct vs_str name = {p + 3 + negated, (size_t)(close - p) - 3 - negated};
    char probe[96];
    int error;
    size_t place;
    snprintf(probe, sizeof probe, "\\p{sc:%.*s}", (int)(name.n < 64 ? name.n : 64), name.p);
    pcre2_code *script = name.n > 2 ? pcre2_compile((PCRE2_SPTR)probe, PCRE2_ZERO_TERMINATED, PCRE2_UTF, &error, &place, r->context) : NULL;
    r->out.failed |= name.n > 2 && !script && error == PCRE2_ERROR_HEAP_FAILED;
    vs_buf_printf(&r->out, "\\%c{%s%s%.*s}", p[1], negated ? "^" : "", script ? "sc:" : "", (int)name.n, name.p);
    pcre2_code_free(script);
    r->at = (size_t)(close - r->in.p) + 1;
}

static void class_escape(struct rewrite *r, const char *inside, bool negated)
{
    if (r->in_class && negated)
        r->refused = "a negated shorthand inside a class";
    const char *more = inside == word_class && !r->in_class ? latin_digits : "";
    vs_buf_printf(&r->out, r->in_class ? "%s%s%s" : "[%s%s%s]", negated ? "^" : "", inside, more);
    r->at += 2;
}

static void escape(struct rewrite *r)
{
    char c = r->at + 1 < r->in.n ? r->in.p[r->at + 1] : '\0';
    switch (c) {
    case 's': class_escape(r, space_class, false); return;
    case 'S':
        if (r->in_class) { /* no way to write it in a class; they differ in U+180E alone */
            vs_buf_puts(&r->out, "\\S");
            r->at += 2;
        } else {
            class_escape(r, space_class, true);
        }
        return;
    case 'w': class_escape(r, word_class, false); return;
    case 'W': class_escape(r, word_class, true); return;
    case 'h': class_escape(r, hex_class, false); return;
    case 'H': class_escape(r, hex_class, true); return;
    case 'p':
    case 'P': property(r); return;
    case 'R': case 'X': case 'K': case 'Q': case 'E': case 'Z': case 'G': case 'k': case 'g': case 'C':
        r->refused = "an escape that the two libraries read differently";
        return;
    default:
        vs_buf_add(&r->out, r->in.p + r->at, c ? 2 : 1);
        r->at += c ? 2 : 1;
    }
}

/* [:name:] inside a class: PCRE2 goes by categories where Oniguruma goes by properties. */
static void posix_class(struct rewrite *r, struct vs_str name)
{
#define ALPHABETIC "\\p{Alphabetic}\\x{363}-\\x{36f}\\x{f82}\\x{f83}" /* these since Unicode 15 or 16, which Oniguruma has */
    static const struct { const char *name, *inside; } classes[] = {
        {"[:alpha:]", ALPHABETIC}, {"[:alnum:]", ALPHABETIC "\\p{Nd}"}, {"[:upper:]", "\\p{Uppercase}"}, {"[:lower:]", "\\p{Lowercase}"},
        {"[:punct:]", "\\p{P}\\p{S}"}, {"[:space:]", space_class}, {"[:word:]", word_class}, {"[:digit:]", "\\p{Nd}"}, {"[:xdigit:]", hex_class}};
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (vs_str_is(name, classes[i].name)) {
            vs_buf_puts(&r->out, classes[i].inside);
            return;
        }
    r->refused = "a POSIX class that is not known here";
}

/* Oniguruma nests and intersects classes, PCRE2 takes the same characters literally. */
static void in_class(struct rewrite *r)
{
    const char *p = r->in.p + r->at;
    size_t left = r->in.n - r->at;
    if (*p == '[' && (left < 2 || p[1] != ':'))
        r->refused = "a class inside a class";
    if (left >= 2 && p[0] == '&' && p[1] == '&')
        r->refused = "an intersection of classes";
    if (r->refused)
        return;
    if (*p == '[') { /* a POSIX class: up to its ":]" */
        const char *close = left > 2 ? memmem(p + 2, left - 2, ":]", 2) : NULL;
        size_t n = close ? (size_t)(close - p) + 2 : 1;
        posix_class(r, (struct vs_str){p, n});
        r->at += n;
        return;
    }
    if (*p == ']')
        r->in_class = false;
    vs_buf_add(&r->out, p, 1);
    r->at++;
}

static void open_class(struct rewrite *r)
{
    size_t n = 1;
    if (r->at + n < r->in.n && r->in.p[r->at + n] == '^')
        n++;
    if (r->at + n < r->in.n && r->in.p[r->at + n] == ']')
        r->refused = "a class that begins with ]";
    vs_buf_add(&r->out, r->in.p + r->at, n);
    r->at += n;
    r->in_class = true;
}

/* (?m) of Ruby lets . match line feeds, which PCRE2 writes (?s). */
static void group(struct rewrite *r)
{
    const char *p = r->in.p + r->at;
    size_t left = r->in.n - r->at, n = 2;
    if (left < 2 || p[1] != '?') {
        vs_buf_add(&r->out, p, 1);
        r->at++;
        return;
    }
    while (n < left && ((p[n] >= 'a' && p[n] <= 'z') || p[n] == '-'))
        n++;
    if (n < left && (p[n] == ':' || p[n] == ')') && memchr(p + 2, 'm', n - 2))
        r->refused = "the option m";
    vs_buf_add(&r->out, p, n);
    r->at += n;
}

static void rewrite(struct rewrite *r)
{
    while (r->at < r->in.n && !r->refused) {
        char c = r->in.p[r->at];
        if (c == '\\')
            escape(r);
        else if (r->in_class)
            in_class(r);
        else if (c == '[')
            open_class(r);
        else if (c == '(')
            group(r);
        else {
            vs_buf_add(&r->out, &c, 1);
            r->at++;
        }
    }
}

/* ---- compiling ---- */

static enum vs_code compile(const struct rewrite *r, struct vs_regex *re, struct vs_err *err)
{
    char shown[200], why[128];
    int error;
    size_t at;
    /* ^ and $ match at every line in Ruby */
    re->code = pcre2_compile((PCRE2_SPTR)(r->out.p ? r->out.p : ""), r->out.n, PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE, &error, &at, r->context);
    if (re->code) {
        (void)pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE); /* without JIT it is slower, that is all */
        return VS_OK;
    }
    if (error == PCRE2_ERROR_HEAP_FAILED)
        return vs_enomem(err, "a pattern", r->in.n);
    pcre2_get_error_message(error, (PCRE2_UCHAR *)why, sizeof why);
    return vs_fail(err, VS_EUNSUPPORTED, "the pattern \"%s\" cannot be compiled: %s", vs_escape(shown, sizeof shown, r->in), why);
}

enum vs_code vs_regex_new(struct vs_str pattern, struct vs_regex **out, struct vs_err *err)
{
    pcre2_general_context *memory = pcre2_general_context_create(take, give, NULL);
    struct rewrite r = {.in = pattern, .context = memory ? pcre2_compile_context_create(memory) : NULL};
    char shown[200];
    enum vs_code code = VS_OK;
    *out = NULL;
    if (r.context)
        rewrite(&r);
    if (r.refused)
        code = vs_fail(err, VS_EUNSUPPORTED, "the pattern \"%s\" uses %s, which is not handled",
                       vs_escape(shown, sizeof shown, pattern), r.refused);
    else if (!r.context || r.out.failed || !(*out = vs_calloc(1, sizeof **out)))
        code = vs_enomem(err, "a pattern", pattern.n);
    else
        code = compile(&r, *out, err);
    vs_buf_free(&r.out);
    pcre2_compile_context_free(r.context);
    pcre2_general_context_free(memory);
    if (code) {
        vs_regex_free(*out);
        *out = NULL;
    }
    return code;
}

void vs_regex_free(struct vs_regex *re)
{
    if (!re)
        return;
    pcre2_code_free(re->code);
    vs_free(re);
}

/* ---- matching ---- */

struct vs_regex_memory *vs_regex_memory_new(void)
{
    struct vs_regex_memory *m = vs_malloc(sizeof *m);
    pcre2_general_context *memory = m ? pcre2_general_context_create(take, give, NULL) : NULL;
    pcre2_match_data *data = memory ? pcre2_match_data_create(1, memory) : NULL;
    pcre2_general_context_free(memory);
    if (!data) {
        vs_free(m);
        return NULL;
    }
    m->data = data;
    return m;
}

void vs_regex_memory_free(struct vs_regex_memory *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    vs_free(m);
}

static enum vs_code search(const struct vs_regex *re, struct vs_regex_memory *m, struct vs_search *s, bool *found, struct vs_err *err)
{
    PCRE2_SPTR text = (PCRE2_SPTR)(s->text.p ? s->text.p : "");
    int n = pcre2_match(re->code, text, s->text.n, s->at, PCRE2_NO_UTF_CHECK, m->data, NULL);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(re->code, text, s->text.n, s->at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, m->data, NULL);
    *found = n >= 0;
    if (n == PCRE2_ERROR_NOMEMORY)
        return vs_enomem(err, "a pattern search", 0);
    if (n < 0 && n != PCRE2_ERROR_NOMATCH)
        return vs_fail(err, VS_ELIMIT, "a pattern of the pre-tokenizer or normalizer gives up on this text (PCRE2 error %d)", n);
    if (*found) {
        const size_t *range = pcre2_get_ovector_pointer(m->data);
        s->begin = range[0];
        s->end = range[1];
    }
    return VS_OK;
}

enum vs_code vs_regex_next(const struct vs_regex *re, struct vs_regex_memory *m, struct vs_search *s, bool *found, struct vs_err *err)
{
    *found = false;
    while (s->at <= s->text.n) {
        enum vs_code code = search(re, m, s, found, err);
        if (code || !*found)
            return code;
        if (s->begin != s->end || s->last_end != s->end) {
            s->at = s->last_end = s->end;
            return VS_OK;
        }
        *found = false;
        for (s->at++; s->at < s->text.n && (s->text.p[s->at] & 0xc0) == 0x80; s->at++)
            ;
    }
    return VS_OK;
}
