/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "base/io.h"
#include "base/map.h"
#include "base/str.h"
#include "json/dom.h"
#include "json/lex.h"

#define SMALL_OBJECT 8 /* members that are compared one by one before a hash map is worth it */

static bool build(struct vs_json *j, struct vs_jval *v);

static bool no_memory(struct vs_json *j)
{
    return vs_json_fail(j, VS_ENOMEM, "not enough memory for the document");
}

static bool duplicate(struct vs_json *j, const struct vs_jval *first, const struct vs_jval *again)
{
    char name[200];
    struct vs_lex_place at = vs_lex_place(j->text, first->key_span.begin);
    j->at = again->key_span.begin;
    return vs_json_fail(j, VS_EFORMAT, "duplicate name \"%s\"; the first one stands at line %zu, column %zu (byte %zu)",
                        vs_escape(name, sizeof name, again->key), at.line, at.column, first->key_span.begin);
}

/* Finds an earlier member of the same name. The map is filled when the object has outgrown a linear search. */
static bool check_name(struct vs_json *j, struct vs_map *names, const struct vs_jval *object, const struct vs_jval *v)
{
    if (object->count < SMALL_OBJECT) {
        for (const struct vs_jval *c = object->child; c; c = c->next)
            if (vs_str_eq(c->key, v->key))
                return duplicate(j, c, v);
        return true;
    }
    uint32_t old = VS_NONE, at = 0;
    if (object->count == SMALL_OBJECT)
        for (const struct vs_jval *c = object->child; c; c = c->next)
            if (!vs_map_put(names, c->key, at++, NULL))
                return no_memory(j);
    if (!vs_map_put(names, v->key, object->count, &old))
        return no_memory(j);
    if (old == VS_NONE)
        return true;
    const struct vs_jval *first = object->child;
    while (old--)
        first = first->next;
    return duplicate(j, first, v);
}

static bool build_members(struct vs_json *j, struct vs_jval *object)
{
    struct vs_map names = {0};
    struct vs_jval member = {0}, **tail = &object->child;
    bool ok = true;
    while (ok && vs_json_key(j, &member.key)) {
        member.key_span = j->key_span;
        struct vs_jval *v = vs_arena_alloc(j->arena, sizeof *v);
        ok = v ? check_name(j, &names, object, &member) : no_memory(j);
        if (!ok)
            break;
        *v = member;
        *tail = v;
        tail = &v->next;
        object->last = v;
        object->count++;
        ok = build(j, v);
    }
    vs_map_free(&names);
    return ok && !j->failed;
}

static bool build_elements(struct vs_json *j, struct vs_jval *array)
{
    struct vs_jval **tail = &array->child;
    while (vs_json_item(j)) {
        struct vs_jval *v = vs_arena_alloc(j->arena, sizeof *v);
        if (!v)
            return no_memory(j);
        *tail = v;
        tail = &v->next;
        array->last = v;
        array->count++;
        if (!build(j, v))
            return false;
    }
    return !j->failed;
}

/* Recursion is bounded: the scanner refuses more than VS_JSON_DEPTH levels. */
static bool build(struct vs_json *j, struct vs_jval *v)
{
    bool flag, ok = false;
    v->type = vs_json_peek(j);
    v->span.begin = j->at;
    switch (v->type) {
    case VS_JSON_NONE: return false;
    case VS_JSON_NULL: ok = vs_json_null(j); break;
    case VS_JSON_FALSE:
    case VS_JSON_TRUE: ok = vs_json_bool(j, &flag); break;
    case VS_JSON_NUMBER: ok = vs_json_skip(j, NULL); break;
    case VS_JSON_STRING: ok = vs_json_string(j, &v->str); break;
    case VS_JSON_ARRAY: ok = vs_json_array(j) && build_elements(j, v); break;
    case VS_JSON_OBJECT: ok = vs_json_object(j) && build_members(j, v); break;
    }
    v->span.end = j->at;
    return ok;
}

/* text belongs to out->arena. */
static enum vs_code parse_owned(const char *file, struct vs_jdoc *out, struct vs_err *err)
{
    struct vs_json j;
    if (out->text.n > VS_JSON_FILE_MAX)
        return vs_fail(err, VS_ELIMIT, "%s: %zu bytes; JSON documents may have at most %llu", file, out->text.n,
                       VS_JSON_FILE_MAX);
    out->file = vs_arena_dup(&out->arena, file, strlen(file));
    out->root = vs_arena_alloc(&out->arena, sizeof *out->root);
    if (!out->file || !out->root)
        return vs_enomem(err, file, 0);
    vs_json_begin(&j, out->file, out->text.p, out->text.n, &out->arena);
    build(&j, out->root);
    return vs_json_end(&j, err);
}

enum vs_code vs_jdoc_parse(const char *file, struct vs_str text, struct vs_jdoc *out, struct vs_err *err)
{
    *out = (struct vs_jdoc){0};
    out->text = (struct vs_str){vs_arena_dup(&out->arena, text.p, text.n), text.n};
    enum vs_code code = out->text.p ? parse_owned(file, out, err) : vs_enomem(err, file, text.n);
    if (code)
        vs_jdoc_free(out);
    return code;
}

enum vs_code vs_jdoc_read(const char *path, struct vs_jdoc *out, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0;
    *out = (struct vs_jdoc){0};
    enum vs_code code = vs_read_all(path, VS_JSON_FILE_MAX, &text, &n, err);
    if (!code)
        code = vs_jdoc_parse(path, (struct vs_str){text, n}, out, err);
    vs_free(text);
    return code;
}

void vs_jdoc_free(struct vs_jdoc *d)
{
    if (!d)
        return;
    vs_arena_free(&d->arena);
    *d = (struct vs_jdoc){0};
}

/* ---- getters ---- */

static const struct vs_jval *member(const struct vs_jval *v, struct vs_str key)
{
    if (!v || v->type != VS_JSON_OBJECT)
        return NULL;
    const struct vs_jval *c = v->child;
    while (c && !vs_str_eq(c->key, key))
        c = c->next;
    return c;
}

const struct vs_jval *vs_jget(const struct vs_jval *v, const char *key)
{
    return member(v, vs_cstr(key));
}

/* Element by its decimal position: "0", "12"; no sign, no leading zeros. */
static const struct vs_jval *element(const struct vs_jval *v, const char *p, size_t n)
{
    uint64_t at = 0;
    if (n == 0 || n > 10 || (n > 1 && p[0] == '0'))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return NULL;
        at = at * 10 + (uint64_t)(p[i] - '0');
    }
    if (at >= v->count)
        return NULL;
    const struct vs_jval *c = v->child;
    while (at--)
        c = c->next;
    return c;
}

void vs_buf_pointer(struct vs_buf *at, struct vs_str key)
{
    vs_buf_puts(at, "/");
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~')
            vs_buf_puts(at, "~0");
        else if (key.p[i] == '/')
            vs_buf_puts(at, "~1");
        else
            vs_buf_add(at, key.p + i, 1);
    }
}

/* Does the pointer token (with ~0 and ~1) spell this name? */
static bool token_is(const char *p, size_t n, struct vs_str name)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++, at++) {
        char c = p[i];
        if (c == '~' && i + 1 < n)
            c = p[++i] == '1' ? '/' : '~';
        if (at >= name.n || name.p[at] != c)
            return false;
    }
    return at == name.n;
}

const struct vs_jval *vs_jpath(const struct vs_jval *v, const char *pointer)
{
    while (v && *pointer) {
        if (*pointer++ != '/')
            return NULL;
        size_t n = strcspn(pointer, "/");
        if (v->type == VS_JSON_ARRAY) {
            v = element(v, pointer, n);
        } else if (v->type == VS_JSON_OBJECT) {
            v = v->child;
            while (v && !token_is(pointer, n, v->key))
                v = v->next;
        } else {
            return NULL;
        }
        pointer += n;
    }
    return v;
}

/* A scanner that stands at a number; false when v is none. */
static bool at_number(struct vs_json *j, const struct vs_jdoc *d, const struct vs_jval *v)
{
    if (!v || v->type != VS_JSON_NUMBER)
        return false;
    vs_json_begin(j, d->file, d->text.p + v->span.begin, v->span.end - v->span.begin, NULL);
    return true;
}

bool vs_ji64(const struct vs_jdoc *d, const struct vs_jval *v, int64_t *out)
{
    struct vs_json j;
    return at_number(&j, d, v) && vs_json_i64(&j, out);
}

bool vs_jf64(const struct vs_jdoc *d, const struct vs_jval *v, double *out)
{
    struct vs_json j;
    return at_number(&j, d, v) && vs_json_f64(&j, out);
}

bool vs_jbool(const struct vs_jval *v, bool *out)
{
    if (!v || (v->type != VS_JSON_TRUE && v->type != VS_JSON_FALSE))
        return false;
    *out = v->type == VS_JSON_TRUE;
    return true;
}

bool vs_jstr(const struct vs_jval *v, struct vs_str *out)
{
    if (!v || v->type != VS_JSON_STRING)
        return false;
    *out = v->str;
    return true;
}

const char *vs_jplace(const struct vs_jdoc *d, const struct vs_jval *v, char out[64])
{
    struct vs_lex_place place = vs_lex_place(d->text.p, v->span.begin);
    snprintf(out, 64, "line %zu, column %zu", place.line, place.column);
    return out;
}
