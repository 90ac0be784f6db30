/* SPDX-License-Identifier: Apache-2.0 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include "base/str.h"
#include "json/lex.h"
#include "json/schema.h"

#define DEEPEST 256 /* schemas within each other; the document alone allows 64, the rest is $ref, anyOf, oneOf */

/* Where we are in the document: "/tables/0/rows". */
struct place { const struct place *up; const struct vs_jval *value; size_t position; };

struct pattern { struct pattern *next; const struct vs_jval *node; pcre2_code *code; };

struct check {
    const struct vs_jdoc *schema, *doc;
    struct vs_arena arena;
    struct pattern *patterns;
    pcre2_general_context *memory;
    pcre2_match_data *match;
    unsigned depth;
    struct vs_err *err;
    size_t err_depth; /* how far into the document the last message points */
};

/* ---- messages ---- */

static void put_place(struct vs_buf *b, const struct place *p)
{
    if (!p->up)
        return;
    put_place(b, p->up);
    vs_buf_add(b, "/", 1);
    if (p->up->value->type == VS_JSON_OBJECT)
        vs_buf_escaped(b, p->value->key);
    else
        vs_buf_printf(b, "%zu", p->position);
}

static size_t depth_of(const struct place *p)
{
    size_t depth = 0;
    while (p->up) {
        p = p->up;
        depth++;
    }
    return depth;
}

VS_PRINTF(3, 4) static enum vs_code bad(struct check *c, const struct place *p, const char *fmt, ...)
{
    struct vs_buf b = {0};
    char what[512], line[64];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    put_place(&b, p);
    vs_fail(c->err, VS_EFORMAT, "%s: %s: %s%s%s", c->doc->file, vs_jplace(c->doc, p->value, line), b.n ? b.p : "",
            b.n ? ": " : "", what);
    c->err_depth = depth_of(p);
    vs_buf_free(&b);
    return VS_EFORMAT;
}

/* What a value is, for "found ...": its text when it is short, else its type. */
static const char *show(const struct check *c, const struct vs_jval *v, char out[128])
{
    static const char *const names[] = {"nothing", "null", "false", "true", "a number", "a string", "an array", "an object"};
    size_t n = v->span.end - v->span.begin;
    if (v->type > VS_JSON_STRING || n > 60)
        return names[v->type];
    return vs_escape(out, 128, (struct vs_str){c->doc->text.p + v->span.begin, n});
}

static enum vs_code defect(struct check *c, const struct vs_jval *node, const char *what)
{
    char line[64];
    c->err_depth = SIZE_MAX;
    return vs_fail(c->err, VS_EFORMAT, "%s: %s: %s", c->schema->file, vs_jplace(c->schema, node, line), what);
}

/* ---- keywords ---- */

static bool lexeme_is_integer(const struct vs_jdoc *d, const struct vs_jval *v)
{
    for (size_t at = v->span.begin; at < v->span.end; at++)
        if (d->text.p[at] != '-' && !(vs_lex_class[(unsigned char)d->text.p[at]] & VS_LEX_DIGIT))
            return false;
    return true;
}

static bool has_type(const struct check *c, const struct vs_jval *v, struct vs_str type)
{
    switch (v->type) {
    case VS_JSON_NULL: return vs_str_is(type, "null");
    case VS_JSON_FALSE:
    case VS_JSON_TRUE: return vs_str_is(type, "boolean");
    case VS_JSON_STRING: return vs_str_is(type, "string");
    case VS_JSON_ARRAY: return vs_str_is(type, "array");
    case VS_JSON_OBJECT: return vs_str_is(type, "object");
    case VS_JSON_NUMBER: return vs_str_is(type, "number") || (vs_str_is(type, "integer") && lexeme_is_integer(c->doc, v));
    default: return false;
    }
}

static enum vs_code check_type(struct check *c, const struct vs_jval *want, const struct place *p)
{
    char found[128], names[128] = "";
    size_t n = 0;
    if (want->type == VS_JSON_STRING) {
        if (has_type(c, p->value, want->str))
            return VS_OK;
        return bad(c, p, "found %s, expected %.*s", show(c, p->value, found), VS_STR(want->str));
    }
    for (const struct vs_jval *t = want->child; t; t = t->next) {
        if (has_type(c, p->value, t->str))
            return VS_OK;
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%.*s", n ? " or " : "", VS_STR(t->str));
        if (n >= sizeof names)
            break;
    }
    return bad(c, p, "found %s, expected %s", show(c, p->value, found), names);
}

static bool same_scalar(const struct check *c, const struct vs_jval *want, const struct vs_jval *v)
{
    double a, b;
    if (want->type != v->type)
        return false;
    if (v->type == VS_JSON_STRING)
        return vs_str_eq(want->str, v->str);
    if (v->type == VS_JSON_NUMBER)
        return vs_jf64(c->schema, want, &a) && vs_jf64(c->doc, v, &b) && a == b;
    return v->type < VS_JSON_ARRAY;
}

/* "const": one value; "enum": a list of them. */
static enum vs_code check_choice(struct check *c, const struct vs_jval *want, bool list, const struct place *p)
{
    char found[128];
    struct vs_span span = want->span;
    for (const struct vs_jval *w = list ? want->child : want; w; w = list ? w->next : NULL)
        if (same_scalar(c, w, p->value))
            return VS_OK;
    return bad(c, p, "found %s, expected %s%.*s", show(c, p->value, found), list ? "one of " : "",
               VS_STR(((struct vs_str){c->schema->text.p + span.begin, span.end - span.begin})));
}

static enum vs_code check_bound(struct check *c, const struct vs_jval *want, bool least, const struct place *p)
{
    double bound, v;
    char found[128];
    if (!vs_jf64(c->schema, want, &bound))
        return defect(c, want, "a number expected");
    if (!vs_jf64(c->doc, p->value, &v) || (least ? v >= bound : v <= bound))
        return VS_OK;
    return bad(c, p, "found %s, expected at %s %g", show(c, p->value, found), least ? "least" : "most", bound);
}

/* minItems, minLength: characters, not bytes. */
static enum vs_code check_count(struct check *c, const struct vs_jval *want, enum vs_json_type type, const struct place *p)
{
    int64_t least, n = p->value->count;
    if (!vs_ji64(c->schema, want, &least))
        return defect(c, want, "an integer expected");
    if (p->value->type != type)
        return VS_OK;
    if (type == VS_JSON_STRING) {
        n = 0;
        for (size_t i = 0; i < p->value->str.n; i++)
            n += (p->value->str.p[i] & 0xc0) != 0x80;
    }
    if (n >= least)
        return VS_OK;
    return bad(c, p, "found %lld %s, expected at least %lld", (long long)n,
               type == VS_JSON_STRING ? "characters" : "elements", (long long)least);
}

static void *regex_malloc(size_t n, void *unused)
{
    return vs_malloc(n);
}

static void regex_free(void *p, void *unused)
{
    vs_free(p);
}

static enum vs_code compile(struct check *c, const struct vs_jval *node, struct pattern **out)
{
    for (struct pattern *p = c->patterns; p; p = p->next)
        if (p->node == node) {
            *out = p;
            return VS_OK;
        }
    int why;
    PCRE2_SIZE at;
    if (!c->memory)
        c->memory = pcre2_general_context_create(regex_malloc, regex_free, NULL);
    if (c->memory && !c->match)
        c->match = pcre2_match_data_create(1, c->memory);
    struct pattern *p = vs_arena_alloc(&c->arena, sizeof *p);
    pcre2_compile_context *ctx = c->match && p ? pcre2_compile_context_create(c->memory) : NULL;
    if (!ctx)
        return vs_enomem(c->err, "a pattern", 0);
    p->code = pcre2_compile((PCRE2_SPTR)node->str.p, node->str.n, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &why, &at, ctx);
    pcre2_compile_context_free(ctx);
    if (!p->code)
        return why == PCRE2_ERROR_HEAP_FAILED ? vs_enomem(c->err, "a pattern", 0) : defect(c, node, "no valid pattern");
    p->node = node;
    p->next = c->patterns;
    *out = c->patterns = p;
    return VS_OK;
}

static enum vs_code check_pattern(struct check *c, const struct vs_jval *want, const struct place *p)
{
    struct pattern *pattern = NULL;
    char found[128];
    if (p->value->type != VS_JSON_STRING)
        return VS_OK;
    enum vs_code code = compile(c, want, &pattern);
    if (code)
        return code;
    struct vs_str s = p->value->str;
    int rc = pcre2_match(pattern->code, (PCRE2_SPTR)(s.n ? s.p : ""), s.n, 0, PCRE2_NO_UTF_CHECK, c->match, NULL);
    if (rc >= 0)
        return VS_OK;
    if (rc == PCRE2_ERROR_NOMEMORY)
        return vs_enomem(c->err, "a pattern", 0);
    return bad(c, p, "found %s, expected a text that matches %.*s", show(c, p->value, found), VS_STR(want->str));
}

static enum vs_code check_value(struct check *c, const struct vs_jval *node, const struct place *p);

static enum vs_code check_required(struct check *c, const struct vs_jval *names, const struct place *p)
{
    if (p->value->type != VS_JSON_OBJECT)
        return VS_OK;
    for (const struct vs_jval *n = names->child; n; n = n->next) {
        const struct vs_jval *m = p->value->child;
        while (m && !vs_str_eq(m->key, n->str))
            m = m->next;
        if (!m)
            return bad(c, p, "lacks \"%.*s\"", VS_STR(n->str));
    }
    return VS_OK;
}

static const struct vs_jval *property(const struct vs_jval *properties, struct vs_str name)
{
    const struct vs_jval *s = properties ? properties->child : NULL;
    while (s && !vs_str_eq(s->key, name))
        s = s->next;
    return s;
}

static enum vs_code check_members(struct check *c, const struct vs_jval *properties, const struct vs_jval *additional,
                                  const struct place *p)
{
    char name[128];
    enum vs_code code = VS_OK;
    if (p->value->type != VS_JSON_OBJECT)
        return VS_OK;
    for (const struct vs_jval *m = p->value->child; m && !code; m = m->next) {
        struct place below = {p, m, 0};
        const struct vs_jval *s = property(properties, m->key);
        if (!s)
            s = additional;
        if (s && s->type == VS_JSON_FALSE)
            code = bad(c, &below, "unknown name \"%s\"", vs_escape(name, sizeof name, m->key));
        else if (s && s->type == VS_JSON_OBJECT)
            code = check_value(c, s, &below);
    }
    return code;
}

static enum vs_code check_items(struct check *c, const struct vs_jval *node, const struct place *p)
{
    size_t position = 0;
    if (p->value->type != VS_JSON_ARRAY)
        return VS_OK;
    for (const struct vs_jval *v = p->value->child; v; v = v->next) {
        struct place below = {p, v, position++};
        enum vs_code code = check_value(c, node, &below);
        if (code)
            return code;
    }
    return VS_OK;
}

/* anyOf, oneOf. When nothing matches, the message is that of the form that got furthest into the document. */
static enum vs_code check_forms(struct check *c, const struct vs_jval *forms, bool exactly_one, const struct place *p)
{
    struct vs_err *outer = c->err, tried, best = {0};
    size_t matches = 0, deepest = 0;
    enum vs_code code = VS_OK;
    c->err = &tried;
    for (const struct vs_jval *f = forms->child; f; f = f->next) {
        code = check_value(c, f, p);
        if (!code) {
            matches++;
        } else if (code != VS_EFORMAT || c->err_depth == SIZE_MAX) {
            best = tried; /* a defect or no memory: no question of forms */
            goto out;
        } else if (!best.code || c->err_depth > deepest) {
            best = tried;
            deepest = c->err_depth;
        }
    }
    code = matches ? VS_OK : best.code;
out:
    c->err = outer;
    c->err_depth = code ? deepest : 0;
    if (code)
        *outer = best;
    else if (exactly_one && matches > 1)
        code = bad(c, p, "matches %zu of the forms that exclude each other", matches);
    return code;
}

static enum vs_code check_ref(struct check *c, const struct vs_jval *ref, const struct place *p)
{
    char pointer[256];
    if (ref->str.n < 2 || ref->str.n >= sizeof pointer || ref->str.p[0] != '#')
        return defect(c, ref, "\"#/$defs/NAME\" expected");
    memcpy(pointer, ref->str.p + 1, ref->str.n - 1);
    pointer[ref->str.n - 1] = '\0';
    const struct vs_jval *node = vs_jpath(c->schema->root, pointer);
    if (!node)
        return defect(c, ref, "points to nothing in this schema");
    return check_value(c, node, p);
}

/* ---- schemas ---- */

enum keyword {
    K_NOTE, K_DEFS, K_TYPE, K_PROPERTIES, K_REQUIRED, K_ADDITIONAL, K_ITEMS, K_ENUM, K_CONST, K_MINIMUM, K_MAXIMUM,
    K_MIN_ITEMS, K_MIN_LENGTH, K_PATTERN, K_ONE_OF, K_ANY_OF, K_REF, K_UNKNOWN
};

static enum keyword keyword_of(struct vs_str name)
{
    static const struct { const char *name; enum keyword keyword; } table[] = {
        {"$schema", K_NOTE}, {"$id", K_NOTE}, {"$comment", K_NOTE}, {"title", K_NOTE}, {"description", K_NOTE},
        {"$defs", K_DEFS}, {"type", K_TYPE}, {"properties", K_PROPERTIES}, {"required", K_REQUIRED},
        {"additionalProperties", K_ADDITIONAL}, {"items", K_ITEMS}, {"enum", K_ENUM}, {"const", K_CONST},
        {"minimum", K_MINIMUM}, {"maximum", K_MAXIMUM}, {"minItems", K_MIN_ITEMS}, {"minLength", K_MIN_LENGTH},
        {"pattern", K_PATTERN}, {"oneOf", K_ONE_OF}, {"anyOf", K_ANY_OF}, {"$ref", K_REF},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (vs_str_is(name, table[i].name))
            return table[i].keyword;
    return K_UNKNOWN;
}

static enum vs_code check_keyword(struct check *c, enum keyword keyword, const struct vs_jval *k, const struct place *p)
{
    switch (keyword) {
    case K_TYPE: return check_type(c, k, p);
    case K_REQUIRED: return check_required(c, k, p);
    case K_ITEMS: return check_items(c, k, p);
    case K_ENUM: return check_choice(c, k, true, p);
    case K_CONST: return check_choice(c, k, false, p);
    case K_MINIMUM: return check_bound(c, k, true, p);
    case K_MAXIMUM: return check_bound(c, k, false, p);
    case K_MIN_ITEMS: return check_count(c, k, VS_JSON_ARRAY, p);
    case K_MIN_LENGTH: return check_count(c, k, VS_JSON_STRING, p);
    case K_PATTERN: return check_pattern(c, k, p);
    case K_ONE_OF: return check_forms(c, k, true, p);
    case K_ANY_OF: return check_forms(c, k, false, p);
    case K_REF: return check_ref(c, k, p);
    default: return VS_OK; /* notes; properties and additionalProperties belong together */
    }
}

static enum vs_code check_value(struct check *c, const struct vs_jval *node, const struct place *p)
{
    const struct vs_jval *properties = NULL, *additional = NULL;
    if (node->type != VS_JSON_OBJECT)
        return defect(c, node, "a schema must be an object");
    if (c->depth >= DEEPEST)
        return defect(c, node, "the schema refers to itself without end");
    c->depth++;
    enum vs_code code = VS_OK;
    for (const struct vs_jval *k = node->child; k && !code; k = k->next) {
        enum keyword keyword = keyword_of(k->key);
        if (keyword == K_PROPERTIES)
            properties = k;
        else if (keyword == K_ADDITIONAL)
            additional = k;
        else
            code = check_keyword(c, keyword, k, p);
    }
    if (!code && (properties || additional))
        code = check_members(c, properties, additional, p);
    c->depth--;
    return code;
}

static enum vs_code vet(struct check *c, const struct vs_jval *node);

static enum vs_code vet_children(struct check *c, const struct vs_jval *list)
{
    enum vs_code code = VS_OK;
    for (const struct vs_jval *n = list->child; n && !code; n = n->next)
        code = vet(c, n);
    return code;
}

static bool is_list_of(const struct vs_jval *v, enum vs_json_type type)
{
    if (v->type != VS_JSON_ARRAY || !v->child)
        return false;
    for (const struct vs_jval *n = v->child; n; n = n->next)
        if (n->type != type)
            return false;
    return true;
}

static bool is_scalars(const struct vs_jval *v)
{
    for (const struct vs_jval *n = v->child; n; n = n->next)
        if (n->type >= VS_JSON_ARRAY)
            return false;
    return v->type == VS_JSON_ARRAY && v->child;
}

static enum vs_code vet_keyword(struct check *c, const struct vs_jval *k)
{
    switch (keyword_of(k->key)) {
    case K_UNKNOWN: return defect(c, k, "this keyword is not understood, so nothing would check it");
    case K_DEFS:
    case K_PROPERTIES: return k->type == VS_JSON_OBJECT ? vet_children(c, k) : defect(c, k, "an object of schemas expected");
    case K_ONE_OF:
    case K_ANY_OF:
        return is_list_of(k, VS_JSON_OBJECT) ? vet_children(c, k) : defect(c, k, "a list of schemas expected");
    case K_ITEMS: return vet(c, k);
    case K_ADDITIONAL: return k->type == VS_JSON_TRUE || k->type == VS_JSON_FALSE ? VS_OK : vet(c, k);
    case K_TYPE:
        return k->type == VS_JSON_STRING || is_list_of(k, VS_JSON_STRING) ? VS_OK : defect(c, k, "a type or types expected");
    case K_REQUIRED: return is_list_of(k, VS_JSON_STRING) ? VS_OK : defect(c, k, "a list of names expected");
    case K_ENUM: return is_scalars(k) ? VS_OK : defect(c, k, "a list of strings and numbers expected");
    case K_CONST: return k->type < VS_JSON_ARRAY ? VS_OK : defect(c, k, "a string or number expected");
    case K_PATTERN:
    case K_REF: return k->type == VS_JSON_STRING ? VS_OK : defect(c, k, "a string expected");
    default: return VS_OK;
    }
}

/* Looks through the schema itself before anything is checked by it. Its nesting is bounded as that of every document. */
static enum vs_code vet(struct check *c, const struct vs_jval *node)
{
    enum vs_code code = node->type == VS_JSON_OBJECT ? VS_OK : defect(c, node, "a schema must be an object");
    for (const struct vs_jval *k = node->child; k && !code; k = k->next)
        code = vet_keyword(c, k);
    return code;
}

enum vs_code vs_schema_check(const char *data_dir, const char *name, const struct vs_jdoc *doc, struct vs_err *err)
{
    struct vs_jdoc schema = {0};
    char file[128];
    snprintf(file, sizeof file, "%s.schema.json", name);
    enum vs_code code = vs_data_read(data_dir, file, &schema, err);
    if (code)
        return code;
    struct check c = {.schema = &schema, .doc = doc, .err = err};
    struct place root = {NULL, doc->root, 0};
    code = vet(&c, schema.root);
    if (!code)
        code = check_value(&c, schema.root, &root);
    for (struct pattern *p = c.patterns; p; p = p->next)
        pcre2_code_free(p->code);
    pcre2_match_data_free(c.match);
    pcre2_general_context_free(c.memory);
    vs_arena_free(&c.arena);
    vs_jdoc_free(&schema);
    return code;
}
