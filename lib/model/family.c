/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of schemas/families: which one is about this model, and what they say about its type.
 */
#include <string.h>
#include "json/schema.h"
#include "model/model_impl.h"

const struct vs_jdoc *vs_ckpt_family(const struct vs_checkpoint *c)
{
    return c->impl->family;
}

static enum vs_code load(struct vs_checkpoint *c, const char *name, struct vs_err *err)
{
    struct vs_checkpoint_impl *x = c->impl;
    enum vs_code code = vs_data_read(x->data_dir, name, &x->families[x->family_count], err);
    if (code)
        return code;
    x->family_count++;
    /* The compiled-in ones are checked when they are built into a release; somebody's own, whenever they are read. */
    return x->data_dir ? vs_schema_check(x->data_dir, "family", &x->families[x->family_count - 1], err) : VS_OK;
}

enum vs_code vs_ckpt_load_families(struct vs_checkpoint *c, struct vs_err *err)
{
    struct vs_checkpoint_impl *x = c->impl;
    const char **names;
    size_t count;
    enum vs_code code = vs_data_list(x->data_dir, "families/", &x->arena, &names, &count, err);
    if (code)
        return code;
    x->families = vs_arena_array(&x->arena, count + 1, sizeof *x->families);
    if (!x->families)
        return vs_enomem(err, c->path, 0);
    for (size_t i = 0; i < count && !code; i++)
        code = load(c, names[i], err);
    return code;
}

static bool contains(const struct vs_jval *list, struct vs_str s)
{
    for (const struct vs_jval *v = list ? list->child : NULL; v; v = v->next)
        if (s.n && v->type == VS_JSON_STRING && vs_str_eq(v->str, s))
            return true;
    return false;
}

/* All conditions of "match" hold; false for a family without any. */
bool vs_ckpt_family_matches(const struct vs_checkpoint *c, const struct vs_jval *family)
{
    const struct vs_jval *match = vs_jget(family, "match");
    for (const struct vs_jval *m = match ? match->child : NULL; m; m = m->next) {
        struct vs_str file, path;
        char name[256], pointer[256];
        if (!vs_jstr(vs_jget(m, "file"), &file) || !vs_jstr(vs_jget(m, "path"), &path) || file.n >= sizeof name || path.n >= sizeof pointer)
            return false;
        memcpy(name, file.p, file.n);
        name[file.n] = '\0';
        memcpy(pointer, path.p, path.n);
        pointer[path.n] = '\0';
        const struct vs_jdoc *d = vs_checkpoint_json(c, name);
        const struct vs_jval *v = d ? vs_jpath(d->root, pointer) : NULL, *in = vs_jget(m, "in");
        if (!v || (in && !contains(in, v->str)))
            return false;
    }
    return match != NULL;
}

bool vs_ckpt_is_type(const struct vs_checkpoint *c, const struct vs_jval *model_types)
{
    return contains(model_types, c->config.model_type) || contains(model_types, c->config.text_model_type);
}

/* The entry of a families' list that names this model_type, or NULL. */
static const struct vs_jval *by_type(const struct vs_checkpoint *c, const char *key, const struct vs_jdoc **doc)
{
    for (uint32_t i = 0; i < c->impl->family_count; i++) {
        const struct vs_jval *list = vs_jget(c->impl->families[i].root, key);
        for (const struct vs_jval *v = list ? list->child : NULL; v; v = v->next)
            if (contains(vs_jget(v, "model_types"), c->config.model_type)) {
                *doc = &c->impl->families[i];
                return v;
            }
    }
    return NULL;
}

enum vs_tie vs_ckpt_tie_default(const struct vs_checkpoint *c)
{
    const struct vs_jdoc *doc;
    const struct vs_jval *v = by_type(c, "tie_default", &doc);
    bool tied;
    return v && vs_jbool(vs_jget(v, "tied"), &tied) ? (tied ? VS_TIE_TRUE : VS_TIE_FALSE) : VS_TIE_UNKNOWN;
}

int64_t vs_ckpt_top_size_default(const struct vs_checkpoint *c)
{
    const struct vs_jdoc *doc;
    const struct vs_jval *v = by_type(c, "top_size_default", &doc);
    int64_t size;
    return v && vs_ji64(doc, vs_jget(v, "vocab_size"), &size) ? size : -1;
}
