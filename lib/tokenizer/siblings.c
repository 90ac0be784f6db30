/* SPDX-License-Identifier: Apache-2.0
 *
 * The files beside tokenizer.json, read as transformers does after loading it: what added_tokens_decoder (else
 * added_tokens.json) names and tokenizer.json does not is added, by id, then special tokens that are still missing.
 */
#include <stdlib.h>
#include "base/io.h"
#include "tokenizer/load.h"

static const char config_name[] = "tokenizer_config.json", added_name[] = "added_tokens.json",
                  map_name[] = "special_tokens_map.json";

struct pending { struct vs_added token; uint32_t order; };

struct siblings {
    struct vs_load *l;
    const char *dir;
    struct pending *list; /* tokens that are not in tokenizer.json */
    uint32_t count;
    struct vs_map pending; /* their texts */
    struct vs_map special; /* texts that a special name has */
};

/* ---- small helpers ---- */

static bool read_beside(struct siblings *s, const char *name, struct vs_jdoc *doc, enum vs_code *code, struct vs_err *err)
{
    char *path = vs_path_join(&s->l->impl->arena, s->dir, name);
    *code = path ? VS_OK : vs_enomem(err, "a path", 0);
    if (!path || !vs_path_exists(path))
        return false;
    *code = vs_jdoc_read(path, doc, err);
    if (*code == VS_OK && doc->root->type != VS_JSON_OBJECT)
        *code = vs_fail(err, VS_EFORMAT, "%s: an object expected", path);
    return *code == VS_OK;
}

static bool keep(struct siblings *s, struct vs_str *text)
{
    text->p = vs_arena_dup(&s->l->impl->arena, text->p, text->n);
    return text->p != NULL;
}

/* Token text of "x" or {"content": "x"}; false when v is neither. */
static bool content_of(const struct vs_jval *v, struct vs_str *text)
{
    return vs_jstr(v, text) || (v && v->type == VS_JSON_OBJECT && vs_jstr(vs_jget(v, "content"), text));
}

static bool is_pending(const struct siblings *s, struct vs_str text)
{
    return vs_map_get(&s->pending, text) != VS_NONE;
}

static enum vs_code pend(struct siblings *s, const struct vs_jval *v, struct vs_str text, uint32_t declared, bool special,
                         struct vs_err *err)
{
    struct pending *list = vs_list_room(s->list, s->count, sizeof *list);
    if (!list)
        return vs_enomem(err, "added tokens", 0);
    s->list = list;
    struct vs_added a = {.content = text, .declared = declared, .effective = VS_NO_ID, .special = special,
                         .normalized = !special, .from_sibling = true};
    if (v && v->type == VS_JSON_OBJECT) {
        (void)vs_jbool(vs_jget(v, "single_word"), &a.single_word);
        (void)vs_jbool(vs_jget(v, "lstrip"), &a.lstrip);
        (void)vs_jbool(vs_jget(v, "rstrip"), &a.rstrip);
        (void)vs_jbool(vs_jget(v, "special"), &a.special);
        a.normalized = !a.special;
        (void)vs_jbool(vs_jget(v, "normalized"), &a.normalized);
    }
    if (!keep(s, &a.content) || !vs_map_put(&s->pending, a.content, s->count, NULL))
        return vs_enomem(err, "added tokens", 0);
    s->list[s->count] = (struct pending){a, s->count};
    s->count++;
    return VS_OK;
}

/* ---- tables of ids ---- */

static bool parse_id(struct vs_str s, uint32_t *id)
{
    uint64_t v;
    bool good = vs_str_u64(s, &v) && v <= VS_ID_MAX;
    *id = good ? (uint32_t)v : VS_NO_ID;
    return good;
}

/* A token and the id that a sibling gives it: known to tokenizer.json (then the ids are compared) or pending. */
static enum vs_code meet(struct siblings *s, const char *file, const struct vs_jval *v, struct vs_str text, uint32_t id, struct vs_err *err)
{
    char shown[200];
    uint32_t at = vs_map_get(&s->l->impl->added, text);
    if (at == VS_NONE)
        return text.n == 0 || is_pending(s, text) ? VS_OK : pend(s, v, text, id, false, err);
    const struct vs_added *a = &s->l->t->added[at];
    if (a->effective == id)
        return VS_OK;
    return vs_load_finding(s->l, err, "%s gives \"%s\" id %u; tokenizer.json makes it %u", file,
                           vs_escape(shown, sizeof shown, text), id, a->effective);
}

static enum vs_code decoder_table(struct siblings *s, const struct vs_jval *table, struct vs_err *err)
{
    char shown[200];
    enum vs_code code = VS_OK;
    for (const struct vs_jval *v = table->child; v && code == VS_OK; v = v->next) {
        struct vs_str text;
        uint32_t id;
        if (!parse_id(v->key, &id))
            code = vs_load_finding(s->l, err, "%s: added_tokens_decoder: found key \"%s\": a token id expected", config_name,
                                   vs_escape(shown, sizeof shown, v->key));
        else if (!content_of(v, &text))
            code = vs_load_finding(s->l, err, "%s: added_tokens_decoder: id %u has no content", config_name, id);
        else
            code = meet(s, config_name, v, text, id, err);
    }
    return code;
}

static enum vs_code added_table(struct siblings *s, const struct vs_jdoc *doc, struct vs_err *err)
{
    char shown[200];
    enum vs_code code = VS_OK;
    for (const struct vs_jval *v = doc->root->child; v && code == VS_OK; v = v->next) {
        int64_t id;
        if (!vs_ji64(doc, v, &id) || id < 0 || id > VS_ID_MAX)
            code = vs_load_finding(s->l, err, "%s: \"%s\" has no usable id", added_name, vs_escape(shown, sizeof shown, v->key));
        else
            code = meet(s, added_name, NULL, v->key, (uint32_t)id, err);
    }
    return code;
}

static int by_id(const void *left, const void *right)
{
    const struct pending *a = left, *b = right;
    if (a->token.declared != b->token.declared)
        return a->token.declared < b->token.declared ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* ---- special tokens by name ---- */

static enum vs_code name_one(struct siblings *s, const char *file, const struct vs_jval *v, struct vs_str name, int place,
                             struct vs_err *err)
{
    struct vs_named_token n = {.file = file, .name = name, .declared = VS_NO_ID, .effective = VS_NO_ID};
    struct vs_buf at = {0};
    if (!content_of(v, &n.token))
        return VS_OK;
    vs_buf_pointer(&at, name);
    if (place >= 0)
        vs_buf_printf(&at, "/%d", place);
    n.at = at.failed ? NULL : vs_arena_dup(&s->l->impl->arena, at.p, at.n);
    vs_buf_free(&at);
    if (!n.at || !keep(s, &n.name) || !keep(s, &n.token))
        return vs_enomem(err, "special tokens", 0);
    return vs_load_named(s->l, &n, err);
}

static enum vs_code name_tokens(struct siblings *s, const char *file, const struct vs_jdoc *doc, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (const struct vs_jval *v = doc->root->child; v && code == VS_OK; v = v->next) {
        const bool one = vs_str_ends(v->key, VS_LIT("_token")), list = vs_str_ends(v->key, VS_LIT("_special_tokens")) && v->type == VS_JSON_ARRAY;
        int place = 0;
        if ((one || list) && v->key.n > VS_NAME_MAX)
            code = vs_load_long_name(s->l, file, v->key, err);
        else if (one)
            code = name_one(s, file, v, v->key, -1, err);
        else
            for (const struct vs_jval *c = list ? v->child : NULL; c && code == VS_OK; c = c->next)
                code = name_one(s, file, c, v->key, place++, err);
    }
    return code;
}

/* The attributes that transformers itself knows as special tokens. */
static bool is_special_name(struct vs_str name)
{
    static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token",
                                        "mask_token", "additional_special_tokens", "extra_special_tokens"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (vs_str_is(name, names[i]))
            return true;
    return false;
}

static enum vs_code note_specials(struct siblings *s, struct vs_err *err)
{
    const struct vs_tokenizer *t = s->l->t;
    for (uint32_t i = 0; i < t->named_count; i++)
        if (is_special_name(t->named[i].name) && t->named[i].token.n && !vs_map_put(&s->special, t->named[i].token, i, NULL))
            return vs_enomem(err, "special tokens", 0);
    return VS_OK;
}

static enum vs_code pend_specials(struct siblings *s, struct vs_err *err)
{
    const struct vs_load *l = s->l;
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; i < l->t->named_count && code == VS_OK; i++) {
        const struct vs_named_token *n = &l->t->named[i];
        if (is_special_name(n->name) && n->token.n && vs_map_get(&l->impl->added, n->token) == VS_NONE && !is_pending(s, n->token))
            code = pend(s, NULL, n->token, VS_NO_ID, true, err);
    }
    return code;
}

/* ---- the whole ---- */

/* transformers adds in runs of special and not special tokens; each run counts from where the one before ended. */
static enum vs_code add_pending(struct siblings *s, struct vs_err *err)
{
    struct vs_load *l = s->l;
    enum vs_code code = note_specials(s, err);
    uint32_t from = l->t->added_count;
    for (uint32_t i = 0; i < s->count && code == VS_OK; i++) {
        struct vs_added *a = &s->list[i].token;
        a->special = a->special || vs_map_get(&s->special, a->content) != VS_NONE;
        if (l->t->added_count > from && l->t->added[from].special != a->special) {
            code = vs_assign_ids(l, from, err);
            from = l->t->added_count;
        }
        if (code == VS_OK)
            code = vs_load_add(l, a, err);
    }
    return code == VS_OK && l->t->added_count > from ? vs_assign_ids(l, from, err) : code;
}

static enum vs_code read_config(struct siblings *s, bool *has_table, struct vs_err *err)
{
    enum vs_code code;
    struct vs_jdoc doc = {0};
    if (read_beside(s, config_name, &doc, &code, err)) {
        const struct vs_jval *table = vs_jget(doc.root, "added_tokens_decoder");
        *has_table = table && table->type == VS_JSON_OBJECT;
        code = name_tokens(s, config_name, &doc, err);
        if (code == VS_OK && *has_table)
            code = decoder_table(s, table, err);
    }
    vs_jdoc_free(&doc);
    return code;
}

static enum vs_code read_legacy(struct siblings *s, bool has_table, struct vs_err *err)
{
    enum vs_code code;
    struct vs_jdoc map = {0}, added = {0};
    if (read_beside(s, map_name, &map, &code, err))
        code = name_tokens(s, map_name, &map, err);
    if (code == VS_OK && !has_table && read_beside(s, added_name, &added, &code, err))
        code = added_table(s, &added, err);
    vs_jdoc_free(&map);
    vs_jdoc_free(&added);
    return code;
}

enum vs_code vs_load_siblings(struct vs_load *l, const char *dir, struct vs_err *err)
{
    struct siblings s = {.l = l, .dir = dir};
    bool has_table = false;
    enum vs_code code = read_config(&s, &has_table, err);
    if (code == VS_OK)
        code = read_legacy(&s, has_table, err);
    if (code == VS_OK && s.count)
        qsort(s.list, s.count, sizeof *s.list, by_id);
    if (code == VS_OK)
        code = pend_specials(&s, err);
    if (code == VS_OK)
        code = add_pending(&s, err);
    vs_map_free(&s.pending);
    vs_map_free(&s.special);
    vs_free(s.list);
    return code;
}
