/* SPDX-License-Identifier: Apache-2.0
 *
 * config.json: how large the vocabulary is said to be, whether the head is tied. Which names say so is data
 * (model-keys.json).
 */
#include <string.h>
#include "json/schema.h"
#include "model/model_impl.h"

bool vs_keys_match(const struct vs_checkpoint *c, const char *list, struct vs_str name)
{
    const struct vs_jval *v = vs_jget(c->impl->keys.root, list);
    for (const struct vs_jval *glob = v ? v->child : NULL; glob; glob = glob->next)
        if (vs_glob(glob->str, name))
            return true;
    return false;
}

static const struct vs_jval *key_list(const struct vs_checkpoint *c, const char *list)
{
    const struct vs_jval *v = vs_jget(c->impl->keys.root, list);
    return v ? v->child : NULL;
}

/* Strings of a parsed document are not NUL-terminated. */
static const char *text_of(struct vs_checkpoint *c, struct vs_str s)
{
    return vs_arena_dup(&c->impl->arena, s.p, s.n);
}

/* ---- files ---- */

static enum vs_code read_doc(struct vs_checkpoint *c, const char *name, struct vs_err *err)
{
    struct vs_config_doc *d = &c->impl->docs[c->impl->doc_count];
    char *path = vs_path_join(&c->impl->arena, c->dir, name);
    if (!path)
        return vs_enomem(err, name, 0);
    enum vs_code code = vs_jdoc_read(path, &d->doc, err);
    if (code)
        return code;
    d->name = name;
    c->impl->doc_count++;
    if (d->doc.root->type != VS_JSON_OBJECT)
        return vs_fail(err, VS_EFORMAT, "%s: an object expected at the top", path);
    return VS_OK;
}

static bool in_directory(const struct vs_checkpoint *c, const char *name)
{
    for (size_t i = 0; i < c->impl->name_count; i++)
        if (strcmp(c->impl->names[i], name) == 0)
            return true;
    return false;
}

static enum vs_code read_docs(struct vs_checkpoint *c, struct vs_err *err)
{
    const struct vs_jval *files = vs_jget(c->impl->keys.root, "files");
    c->impl->docs = vs_arena_array(&c->impl->arena, files ? files->count + 1u : 1, sizeof *c->impl->docs);
    if (!c->impl->docs)
        return vs_enomem(err, c->path, 0);
    for (const struct vs_jval *v = files ? files->child : NULL; v; v = v->next) {
        const char *name = text_of(c, v->str);
        if (!name)
            return vs_enomem(err, c->path, 0);
        enum vs_code code = in_directory(c, name) ? read_doc(c, name, err) : VS_OK;
        if (code)
            return code;
    }
    return VS_OK;
}

/* ---- sizes ---- */

/* One place that claims a vocabulary size: at is its pointer. null counts as absent, except where the text's size stands. */
static enum vs_code add_size(struct vs_checkpoint *c, const struct vs_jdoc *d, const struct vs_jval *v, struct vs_str at,
                             struct vs_err *err)
{
    char place[64], found[100];
    int64_t value;
    const struct vs_jval *text = key_list(c, "text_vocab");
    while (text && !vs_str_eq(text->str, at))
        text = text->next;
    if (v->type == VS_JSON_NULL && !text)
        return VS_OK;
    struct vs_str span = {d->text.p + v->span.begin, v->span.end - v->span.begin};
    if (!vs_ji64(d, v, &value) || value < (text ? 1 : 0) || value > INT32_MAX)
        return vs_fail(err, VS_EFORMAT, "%s: %s: %.*s: found %s, expected an integer from %d to 2147483647", d->file,
                       vs_jplace(d, v, place), VS_STR(at), vs_escape(found, sizeof found, span), text ? 1 : 0);
    struct vs_config *f = &c->config;
    struct vs_config_int *list = vs_arena_room(&c->impl->arena, f->vocab_sizes, f->vocab_size_count, sizeof *list);
    const char *pointer = vs_arena_dup(&c->impl->arena, at.p, at.n);
    if (!list || !pointer)
        return vs_enomem(err, d->file, 0);
    f->vocab_sizes = list;
    list[f->vocab_size_count++] = (struct vs_config_int){"config.json", pointer, v->key, value, {NULL, 0}, false};
    return VS_OK;
}

/* Recursion is bounded by the parser's depth limit. */
static enum vs_code collect_sizes(struct vs_checkpoint *c, const struct vs_jdoc *d, const struct vs_jval *object, struct vs_buf *at,
                                  struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (const struct vs_jval *v = object->child; v && !code; v = v->next) {
        size_t n = at->n;
        vs_buf_pointer(at, v->key);
        if (at->failed)
            return vs_enomem(err, d->file, 0);
        if (v->type == VS_JSON_OBJECT)
            code = collect_sizes(c, d, v, at, err);
        else if (vs_keys_match(c, "vocab_sizes", v->key) && !vs_keys_match(c, "other_sizes", v->key))
            code = add_size(c, d, v, (struct vs_str){at->p, at->n}, err);
        at->n = n;
    }
    return code;
}

static int find_text_size(const struct vs_checkpoint *c)
{
    for (const struct vs_jval *v = key_list(c, "text_vocab"); v; v = v->next)
        for (size_t i = 0; i < c->config.vocab_size_count; i++)
            if (vs_str_is(v->str, c->config.vocab_sizes[i].at))
                return (int)i;
    return -1;
}

/* ---- flags and names ---- */

static const struct vs_jval *text_config(struct vs_checkpoint *c, const struct vs_jdoc *d, const char **at)
{
    for (const struct vs_jval *v = key_list(c, "text_configs"); v; v = v->next) {
        *at = text_of(c, v->str);
        const struct vs_jval *found = *at ? vs_jpath(d->root, *at) : NULL;
        if (found && found->type == VS_JSON_OBJECT)
            return found;
    }
    *at = NULL;
    return NULL;
}

/* The first of the spellings in one object; null counts as absent. */
static const struct vs_jval *spelled(const struct vs_checkpoint *c, const struct vs_jval *object, const char *list)
{
    for (const struct vs_jval *name = key_list(c, list); object && name; name = name->next)
        for (const struct vs_jval *v = object->child; v; v = v->next)
            if (vs_str_eq(v->key, name->str) && v->type != VS_JSON_NULL)
                return v;
    return NULL;
}

/* A flag, and the pointer of the object that holds it. */
struct flag { const struct vs_jval *v; struct vs_str at; };

/* The nearest above the text: the class with the head reads the object that holds the text's config, neither that of the text nor that of
 * a model around it (transformers 5.23: get_expanded_tied_weights_keys asks self.config). */
static struct flag outer_flag(const struct vs_checkpoint *c, const struct vs_jdoc *d, struct vs_str text_at)
{
    struct flag f = {0};
    char above[64];
    size_t n = text_at.n;
    do {
        while (n && text_at.p[--n] != '/')
            ;
        if (n >= sizeof above)
            continue;
        memcpy(above, n ? text_at.p : "", n);
        above[n] = '\0';
        f = (struct flag){spelled(c, vs_jpath(d->root, above), "tie_flags"), {text_at.p, n}};
    } while (!f.v && n);
    return f;
}

/* Classes whose own flag, where it is not true, is that of the text. */
static bool tied_by_text(const struct vs_checkpoint *c, const struct flag *outer)
{
    bool tied;
    return !outer->v || (vs_jbool(outer->v, &tied) && !tied && vs_keys_match(c, "tie_from_text", c->config.model_type));
}

static enum vs_code read_tie(struct vs_checkpoint *c, const struct vs_jdoc *d, const struct vs_jval *text, const char *text_at,
                             struct vs_err *err)
{
    const struct vs_str place_of_text = vs_cstr(text_at);
    const struct flag inner = {spelled(c, text, "tie_flags"), place_of_text};
    struct flag f = outer_flag(c, d, place_of_text);
    struct vs_buf at = {0};
    char place[64];
    bool tied;
    if (inner.v && tied_by_text(c, &f))
        f = inner;
    if (!f.v)
        return VS_OK;
    if (!vs_jbool(f.v, &tied))
        return vs_ckpt_note(c, VS_EFORMAT, err, "%s: %s: %.*s: true or false expected", d->file, vs_jplace(d, f.v, place), VS_STR(f.v->key));
    vs_buf_add(&at, f.at.p, f.at.n);
    vs_buf_pointer(&at, f.v->key);
    c->config.tie = tied ? VS_TIE_TRUE : VS_TIE_FALSE;
    c->config.tie_at = at.failed ? NULL : vs_arena_dup(&c->impl->arena, at.p, at.n);
    vs_buf_free(&at);
    return c->config.tie_at ? VS_OK : vs_enomem(err, d->file, 0);
}

static enum vs_code read_config(struct vs_checkpoint *c, const struct vs_jdoc *d, struct vs_err *err)
{
    struct vs_buf at = {0};
    const char *text_at;
    enum vs_code code = collect_sizes(c, d, d->root, &at, err);
    vs_buf_free(&at);
    if (code)
        return code;
    c->config.text_vocab = find_text_size(c);
    const struct vs_jval *text = text_config(c, d, &text_at);
    c->config.text = text;
    vs_jstr(vs_jget(d->root, "model_type"), &c->config.model_type);
    vs_jstr(vs_jget(text, "model_type"), &c->config.text_model_type);
    const struct vs_jval *hidden = spelled(c, text, "hidden_sizes");
    if (!vs_ji64(d, hidden ? hidden : spelled(c, d->root, "hidden_sizes"), &c->config.hidden_size))
        c->config.hidden_size = 0;
    c->config.tie_default = vs_ckpt_tie_default(c);
    c->config.top_size_default = vs_ckpt_top_size_default(c);
    return read_tie(c, d, text, text_at, err);
}

enum vs_code vs_ckpt_read_configs(struct vs_checkpoint *c, struct vs_err *err)
{
    if (c->is_file)
        return VS_OK;
    enum vs_code code = read_docs(c, err);
    const struct vs_jdoc *config = vs_checkpoint_json(c, "config.json");
    c->has_config = config != NULL;
    if (!code && config)
        code = read_config(c, config, err);
    return code ? code : vs_ckpt_collect_ids(c, err);
}
