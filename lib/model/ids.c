/* SPDX-License-Identifier: Apache-2.0
 *
 * Token ids in the JSON files of a model: by the names of their keys, which are data (model-keys.json).
 */
#include <stdio.h>
#include <string.h>
#include "model/model_impl.h"

struct walk {
    struct vs_checkpoint *c;
    const struct vs_jdoc *d;
    const char *file;
    struct vs_buf at;
    bool tokens;         /* this file names tokens by their text */
    struct vs_err *err;
};

static enum vs_code add(struct walk *w, struct vs_str name, int64_t value, struct vs_str token)
{
    struct vs_config *f = &w->c->config;
    struct vs_config_int *list = vs_arena_room(&w->c->impl->arena, f->special_ids, f->special_id_count, sizeof *list);
    const char *at = w->at.failed ? NULL : vs_arena_dup(&w->c->impl->arena, w->at.p, w->at.n);
    if (!list || !at)
        return vs_enomem(w->err, w->file, 0);
    f->special_ids = list;
    list[f->special_id_count++] = (struct vs_config_int){w->file, at, name, value, token, vs_keys_match(w->c, "suppressions", name)};
    return VS_OK;
}

static size_t step_into(struct walk *w, uint32_t position)
{
    size_t n = w->at.n;
    vs_buf_printf(&w->at, "/%u", position);
    return n;
}

/* An id, or lists of ids at any depth. */
static enum vs_code add_ids(struct walk *w, struct vs_str name, const struct vs_jval *v)
{
    char place[64], found[100];
    int64_t id;
    enum vs_code code = VS_OK;
    if (v->type == VS_JSON_NULL)
        return VS_OK;
    if (v->type == VS_JSON_ARRAY) {
        uint32_t i = 0;
        for (const struct vs_jval *e = v->child; e && !code; e = e->next) {
            size_t n = step_into(w, i++);
            code = add_ids(w, name, e);
            w->at.n = n;
        }
        return code;
    }
    if (vs_ji64(w->d, v, &id))
        return add(w, name, id, (struct vs_str){NULL, 0});
    struct vs_str span = {w->d->text.p + v->span.begin, v->span.end - v->span.begin};
    return vs_ckpt_note(w->c, VS_EFORMAT, w->err, "%s: %s: %.*s: found %s, a token id (an integer) or a list of them is expected", w->d->file,
                        vs_jplace(w->d, v, place), VS_STR(name), vs_escape(found, sizeof found, span));
}

/* [[x, y], ...]: the ids are the members at position which of every element. */
static enum vs_code add_column(struct walk *w, struct vs_str name, const struct vs_jval *v, uint32_t which)
{
    uint32_t i = 0;
    enum vs_code code = VS_OK;
    for (const struct vs_jval *e = v->type == VS_JSON_ARRAY ? v->child : NULL; e && !code; e = e->next) {
        size_t n = step_into(w, i++);
        uint32_t k = 0;
        for (const struct vs_jval *m = e->type == VS_JSON_ARRAY ? e->child : NULL; m && !code; m = m->next, k++) {
            if (k != which)
                continue;
            step_into(w, k);
            code = add_ids(w, name, m);
        }
        w->at.n = n;
    }
    return code;
}

/* "bos_token": "<s>", or {"content": "<s>", ...}, or a list of either. */
static enum vs_code add_tokens(struct walk *w, struct vs_str name, const struct vs_jval *v)
{
    enum vs_code code = VS_OK;
    struct vs_str text;
    if (v->type == VS_JSON_ARRAY) {
        uint32_t i = 0;
        for (const struct vs_jval *e = v->child; e && !code; e = e->next) {
            size_t n = step_into(w, i++);
            code = add_tokens(w, name, e);
            w->at.n = n;
        }
        return code;
    }
    if (vs_jstr(v, &text) || vs_jstr(vs_jget(v, "content"), &text))
        return add(w, name, -1, text);
    return VS_OK;
}

static enum vs_code add_map(struct walk *w, const struct vs_jval *v)
{
    enum vs_code code = VS_OK;
    for (const struct vs_jval *e = v->type == VS_JSON_OBJECT ? v->child : NULL; e && !code; e = e->next) {
        size_t n = w->at.n;
        vs_buf_pointer(&w->at, e->key);
        code = add_ids(w, e->key, e);
        w->at.n = n;
    }
    return code;
}

static enum vs_code visit(struct walk *w, const struct vs_jval *v);

/* Objects inside of a list: only they have names. */
static enum vs_code visit_items(struct walk *w, const struct vs_jval *list)
{
    uint32_t i = 0;
    enum vs_code code = VS_OK;
    for (const struct vs_jval *e = list->child; e && !code; e = e->next, i++) {
        if (e->type != VS_JSON_OBJECT && e->type != VS_JSON_ARRAY)
            continue;
        size_t n = step_into(w, i);
        code = visit(w, e);
        w->at.n = n;
    }
    return code;
}

static enum vs_code visit_member(struct walk *w, const struct vs_jval *v)
{
    const struct vs_checkpoint *c = w->c;
    if (vs_keys_match(c, "not_walked", v->key) || vs_keys_match(c, "foreign_ids", v->key))
        return VS_OK;
    if (vs_keys_match(c, "ids", v->key))
        return add_ids(w, v->key, v);
    if (vs_keys_match(c, "id_pairs", v->key))
        return add_column(w, v->key, v, 1);
    if (vs_keys_match(c, "id_biases", v->key))
        return add_column(w, v->key, v, 0);
    if (vs_keys_match(c, "id_maps", v->key))
        return add_map(w, v);
    if (w->tokens && vs_keys_match(c, "tokens", v->key))
        return add_tokens(w, v->key, v);
    return v->type == VS_JSON_OBJECT || v->type == VS_JSON_ARRAY ? visit(w, v) : VS_OK;
}

/* Recursion is bounded by the parser's depth limit. */
static enum vs_code visit(struct walk *w, const struct vs_jval *v)
{
    enum vs_code code = VS_OK;
    if (v->type == VS_JSON_ARRAY)
        return visit_items(w, v);
    for (const struct vs_jval *m = v->child; m && !code; m = m->next) {
        size_t n = w->at.n;
        vs_buf_pointer(&w->at, m->key);
        code = visit_member(w, m);
        w->at.n = n;
    }
    return code;
}

enum vs_code vs_ckpt_collect_ids(struct vs_checkpoint *c, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; i < c->impl->doc_count && !code; i++) {
        const struct vs_config_doc *d = &c->impl->docs[i];
        struct walk w = {.c = c, .d = &d->doc, .file = d->name, .err = err};
        w.tokens = vs_keys_match(c, "token_files", vs_cstr(d->name));
        code = visit(&w, d->doc.root);
        vs_buf_free(&w.at);
    }
    return code;
}
