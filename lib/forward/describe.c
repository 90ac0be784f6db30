/* SPDX-License-Identifier: Apache-2.0
 *
 * Which description fits a checkpoint, and what its settings say: a literal, or a key of the config with a default.
 */
#include <stdarg.h>
#include <stdio.h>
#include "forward/arch.h"
#include "json/schema.h"

/* ---- obstacles ---- */

void vs_obstacle_set(struct vs_obstacle *o, enum vs_obstacle_kind kind, const char *file, const char *at)
{
    *o = (struct vs_obstacle){.kind = kind};
    snprintf(o->file, sizeof o->file, "%s", file ? file : "");
    vs_escape(o->at, sizeof o->at, vs_cstr(at ? at : ""));
}

static void put(char *out, size_t n, const char *fmt, va_list ap)
{
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    vs_escape(out, n, vs_cstr(text));
}

void vs_obstacle_found(struct vs_obstacle *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(o->found, sizeof o->found, fmt, ap);
    va_end(ap);
}

void vs_obstacle_expected(struct vs_obstacle *o, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    put(o->expected, sizeof o->expected, fmt, ap);
    va_end(ap);
}

/* ---- finding one ---- */

static bool lists(const struct vs_jval *list, struct vs_str name)
{
    for (const struct vs_jval *v = list ? list->child : NULL; v; v = v->next)
        if (vs_str_eq(v->str, name))
            return true;
    return false;
}

static bool has_tensors(const struct vs_checkpoint *c, const struct vs_jval *names)
{
    for (const struct vs_jval *v = names ? names->child : NULL; v; v = v->next)
        if (!vs_checkpoint_tensor(c, v->str))
            return false;
    return names != NULL;
}

/* Of the text model; of a GGUF file its architecture. */
static struct vs_str type_of(const struct vs_checkpoint *c)
{
    const struct vs_config *config = &c->config;
    return c->gguf ? c->gguf->architecture : config->text_model_type.n ? config->text_model_type : config->model_type;
}

/* Converters write some models under the name of another: a key tells them apart. */
static bool has_key(const struct vs_checkpoint *c, const struct vs_jval *root)
{
    struct vs_str key;
    char name[128];
    int64_t v;
    if (!vs_jstr(vs_jget(root, "gguf_key"), &key))
        return false;
    snprintf(name, sizeof name, "%.*s", VS_STR(key));
    return vs_gguf_i64(vs_gguf_find_arch(c->gguf, name), &v) && v > 0;
}

static bool fits(const struct vs_describe *d, const struct vs_jval *root, bool by_key)
{
    struct vs_str type = type_of(d->c);
    if (d->gguf && (vs_jget(root, "gguf_key") != NULL) != by_key)
        return false;
    if (by_key && !has_key(d->c, root))
        return false;
    if (has_tensors(d->c, vs_jget(root, "match")))
        return true;
    return type.n && lists(vs_jget(root, d->gguf ? "gguf" : "model_types"), type);
}

static enum vs_code read_one(const char *data_dir, const char *name, struct vs_jdoc *out, struct vs_err *err)
{
    char path[300];
    snprintf(path, sizeof path, "arch/%s", name);
    enum vs_code code = vs_data_read(data_dir, path, out, err);
    return code ? code : vs_schema_check(data_dir, "arch", out, err);
}

static enum vs_code search(struct vs_describe *d, const char *data_dir, bool by_key, struct vs_err *err)
{
    struct vs_arena names_arena = {0};
    const char **names;
    size_t count;
    enum vs_code code = vs_data_list(data_dir, "arch/", &names_arena, &names, &count, err);
    for (size_t i = 0; !code && i < count && !d->depth; i++) {
        const char *slash = strrchr(names[i], '/');
        code = read_one(data_dir, slash ? slash + 1 : names[i], &d->docs[0], err);
        if (!code && fits(d, d->docs[0].root, by_key))
            d->depth = 1;
        else
            vs_jdoc_free(&d->docs[0]);
    }
    vs_arena_free(&names_arena);
    return code;
}

static enum vs_code follow(struct vs_describe *d, const char *data_dir, struct vs_err *err)
{
    struct vs_str like;
    while (vs_jstr(vs_jget(d->docs[d->depth - 1].root, "like"), &like)) {
        char name[128];
        if (d->depth == VS_LIKE_MAX)
            return vs_fail(err, VS_ELIMIT, "%s: more than %d descriptions, each \"like\" the next", d->docs[0].file, VS_LIKE_MAX);
        snprintf(name, sizeof name, "%.*s.json", VS_STR(like));
        enum vs_code code = read_one(data_dir, name, &d->docs[d->depth], err);
        if (code)
            return code;
        d->depth++;
    }
    return VS_OK;
}

enum vs_code vs_describe_open(const struct vs_checkpoint *c, const char *data_dir, const char *file, struct vs_describe *d,
                              struct vs_obstacle *o, struct vs_err *err)
{
    *d = (struct vs_describe){.c = c, .gguf = c->gguf, .config = vs_checkpoint_json(c, "config.json")};
    d->roots[0] = c->config.text;
    d->roots[1] = d->config ? d->config->root : NULL;
    enum vs_code code = VS_OK;
    if (file) {
        code = vs_jdoc_read(file, &d->docs[0], err);
        if (!code)
            code = vs_schema_check(data_dir, "arch", &d->docs[0], err);
        d->depth = 1;
    } else {
        code = d->gguf ? search(d, data_dir, true, err) : VS_OK;
        if (!code && !d->depth)
            code = search(d, data_dir, false, err);
    }
    if (!code && !d->depth) {
        struct vs_str type = type_of(c);
        vs_obstacle_set(o, VS_NO_DESCRIPTION, d->config ? "config.json" : NULL, d->gguf ? "general.architecture" : "/model_type");
        vs_obstacle_found(o, type.n ? "%.*s" : "no model_type", VS_STR(type));
        return VS_OK;
    }
    return code ? code : follow(d, data_dir, err);
}

void vs_describe_close(struct vs_describe *d)
{
    for (uint32_t i = 0; i < VS_LIKE_MAX; i++)
        vs_jdoc_free(&d->docs[i]);
    d->depth = 0;
}

/* ---- looking up ---- */

struct vs_str vs_describe_id(const struct vs_describe *d)
{
    struct vs_str id = {NULL, 0};
    (void)vs_jstr(vs_jget(d->docs[0].root, "id"), &id);
    return id;
}

static const struct vs_jval *class_of(const struct vs_describe *d)
{
    const struct vs_jval *class = NULL;
    for (uint32_t i = 0; i < d->depth && !class; i++)
        class = vs_jget(d->docs[i].root, "class");
    return class;
}

static const struct vs_jdoc *doc_of(const struct vs_describe *d, const struct vs_jval *class)
{
    uint32_t i = 0;
    while (i + 1 < d->depth && vs_jget(d->docs[i].root, "class") != class)
        i++;
    return &d->docs[i];
}

/* What the config says, null included: in the text config where there is one. */
static const struct vs_jval *in_config(const struct vs_describe *d, const char *key)
{
    return vs_jget(d->roots[0] ? d->roots[0] : d->roots[1], key);
}

/* {"default": 4096, "null": true}, a plain default, or null: no default, null allowed. */
static bool takes_null(const struct vs_jval *field)
{
    bool null = field->type == VS_JSON_NULL;
    (void)vs_jbool(vs_jget(field, "null"), &null);
    return null;
}

static struct vs_setting by_class(const struct vs_jdoc *doc, const struct vs_jval *field)
{
    const struct vs_jval *v = field->type == VS_JSON_OBJECT ? vs_jget(field, "default") : field;
    return (struct vs_setting){.doc = doc, .v = v && v->type != VS_JSON_NULL ? v : NULL};
}

/* Said: the config has the key, be it null. */
static struct vs_setting known_value(const struct vs_describe *d, const char *key, bool *said)
{
    const struct vs_jval *class = class_of(d), *field = vs_jget(class, key), *v = in_config(d, key);
    *said = v && (field || !class);
    if (class && !field)
        return (struct vs_setting){0};
    if (*said && (v->type != VS_JSON_NULL || (field && !takes_null(field))))
        return (struct vs_setting){.doc = d->config, .v = v};
    if (!class) /* nobody knows what null means there */
        *said = false;
    if (*said) /* a null that means none */
        return (struct vs_setting){.doc = d->config};
    return field && d->config ? by_class(doc_of(d, class), field) : (struct vs_setting){0};
}

struct vs_setting vs_config_value(const struct vs_describe *d, const char *key)
{
    bool said;
    return d->gguf ? (struct vs_setting){.kv = vs_gguf_find_arch(d->c->gguf, key)} : known_value(d, key, &said);
}

/* The first key that the config has; of none, the first that has a default. */
static struct vs_setting from_config(const struct vs_describe *d, const struct vs_jval *keys, bool *said)
{
    struct vs_setting fallback = {0};
    for (const struct vs_jval *k = keys ? keys->child : NULL; k; k = k->next) {
        char key[128];
        snprintf(key, sizeof key, "%.*s", VS_STR(k->str));
        struct vs_setting s = d->gguf ? vs_config_value(d, key) : known_value(d, key, said);
        if (*said || (d->gguf && s.kv))
            return s;
        fallback = fallback.v ? fallback : s;
    }
    return fallback;
}

/* A class may take one name for another. */
static const struct vs_jval *meaning(const struct vs_jval *means, struct vs_str name)
{
    for (const struct vs_jval *v = means ? means->child : NULL; v; v = v->next)
        if (vs_str_eq(v->key, name))
            return v;
    return NULL;
}

/* llama.cpp does not load a file without some keys: nothing stands for them. */
static bool must_say(const struct vs_jval *lookup)
{
    bool must = false;
    (void)vs_jbool(vs_jget(lookup, "gguf_required"), &must);
    return must;
}

static struct vs_setting value_of(const struct vs_describe *d, const struct vs_jdoc *doc, const struct vs_jval *v)
{
    bool looked_up = v->type == VS_JSON_OBJECT && (vs_jget(v, "config") || vs_jget(v, "gguf")), said = false;
    if (!looked_up)
        return (struct vs_setting){.doc = doc, .v = v->type == VS_JSON_NULL ? NULL : v};
    struct vs_setting s = from_config(d, vs_jget(v, d->gguf ? "gguf" : "config"), &said);
    if (d->gguf && !s.kv && must_say(v))
        return s;
    const struct vs_jval *fallback = d->gguf ? vs_jget(v, "gguf_default") : NULL;
    fallback = fallback ? fallback : vs_jget(v, "default");
    s = said || vs_setting_there(s) || !fallback ? s : (struct vs_setting){.doc = doc, .v = fallback};
    const struct vs_jval *meant = s.v && s.v->type == VS_JSON_STRING ? meaning(vs_jget(v, "means"), s.v->str) : NULL;
    return meant ? (struct vs_setting){.doc = doc, .v = meant} : s;
}

static const struct vs_jval *member(const struct vs_describe *d, const char *group, const char *name, const struct vs_jdoc **doc)
{
    for (uint32_t i = 0; i < d->depth; i++) {
        const struct vs_jval *v = vs_jget(vs_jget(d->docs[i].root, group), name);
        *doc = &d->docs[i];
        if (v)
            return v;
    }
    return NULL;
}

struct vs_setting vs_setting(const struct vs_describe *d, const char *name)
{
    const struct vs_jdoc *doc = NULL;
    const struct vs_jval *v = member(d, "settings", name, &doc);
    return v ? value_of(d, doc, v) : (struct vs_setting){0};
}

/* The spelling that is there; the first one when none is. */
static void spelling(const struct vs_describe *d, const struct vs_jval *keys, char *out, size_t n)
{
    const struct vs_jval *k = keys->child;
    for (const struct vs_jval *v = k; v; v = v->next) {
        char key[128];
        snprintf(key, sizeof key, "%.*s", VS_STR(v->str));
        if (d->gguf ? vs_config_value(d, key).kv != NULL : in_config(d, key) != NULL) {
            k = v;
            break;
        }
    }
    if (d->gguf)
        snprintf(out, n, "%.*s.%.*s", VS_STR(d->c->gguf->architecture), VS_STR(k->str));
    else
        snprintf(out, n, "%.*s", VS_STR(k->str));
}

static const struct vs_jval *keys_of(const struct vs_describe *d, const char *name, const struct vs_jdoc **doc)
{
    return vs_jget(member(d, "settings", name, doc), d->gguf ? "gguf" : "config");
}

void vs_obstacle_setting(struct vs_obstacle *o, enum vs_obstacle_kind kind, const struct vs_describe *d, const char *name)
{
    const struct vs_jdoc *doc = NULL;
    const struct vs_jval *v = member(d, "settings", name, &doc), *keys = vs_jget(v, d->gguf ? "gguf" : "config");
    char key[256];
    if (keys && keys->child && (d->gguf || d->config)) {
        spelling(d, keys, key, sizeof key);
        vs_obstacle_set(o, kind, d->gguf ? d->c->files[0].name : "config.json", key);
        return;
    }
    snprintf(key, sizeof key, "/settings/%s", name);
    vs_obstacle_set(o, kind, v ? doc->file : d->docs[0].file, key);
}

void vs_setting_key(const struct vs_describe *d, const char *name, char *out, size_t n)
{
    const struct vs_jdoc *doc = NULL;
    const struct vs_jval *keys = keys_of(d, name, &doc);
    if (keys && keys->child)
        spelling(d, keys, out, n);
    else
        snprintf(out, n, "%s", name);
}

bool vs_setting_is_required(const struct vs_describe *d, const char *name)
{
    const struct vs_jdoc *doc = NULL;
    return d->gguf && must_say(member(d, "settings", name, &doc));
}

/* A class may have a size without a key for it. */
bool vs_setting_has_key(const struct vs_describe *d, const char *name)
{
    const struct vs_jdoc *doc = NULL;
    const struct vs_jval *keys = keys_of(d, name, &doc), *class = d->gguf ? NULL : class_of(d);
    char key[128];
    for (const struct vs_jval *k = keys ? keys->child : NULL; k; k = k->next) {
        snprintf(key, sizeof key, "%.*s", VS_STR(k->str));
        if (!class || vs_jget(class, key))
            return true;
    }
    return false;
}

bool vs_setting_is_looked_up(const struct vs_describe *d, const char *name)
{
    const struct vs_jdoc *doc = NULL;
    const struct vs_jval *v = member(d, "settings", name, &doc);
    return v && v->type == VS_JSON_OBJECT;
}

struct vs_setting vs_describe_tensor(const struct vs_describe *d, const char *role)
{
    const struct vs_jdoc *doc = NULL;
    const struct vs_jval *v = member(d, "tensors", role, &doc);
    return (struct vs_setting){.doc = doc, .v = v && v->type == VS_JSON_OBJECT ? v : NULL};
}
