/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tensors follow the vocabulary, by the name tables in schemas/families. Rules that ask for a model type or for
 * another tensor come before those that do not; then the first rule that names a tensor decides about it.
 */
#include <stdlib.h>
#include <string.h>
#include "model/model_impl.h"

static const char *const role_names[] = {[VS_ROLE_NONE] = "none", [VS_ROLE_INPUT] = "input", [VS_ROLE_HEAD] = "head",
                                         [VS_ROLE_BIAS] = "bias", [VS_ROLE_PLE] = "ple",     [VS_ROLE_VISION] = "vision",
                                         [VS_ROLE_AUDIO] = "audio", [VS_ROLE_OTHER] = "other"};

const char *vs_role_name(enum vs_role role)
{
    return (unsigned)role < sizeof role_names / sizeof *role_names ? role_names[role] : "?";
}

struct rule {
    enum vs_role role;
    uint32_t axis;
    const struct vs_jdoc *family;
    const struct vs_jval *prefixes; /* NULL: none */
    const struct vs_jval *v;
};

struct roles {
    struct vs_checkpoint *c;
    bool *known;                   /* per tensor: some rule has named it */
    struct vs_buf name;            /* prefix and pattern of the rule at hand */
    const struct vs_jdoc *input_family, *any_family; /* the first whose rule found an input table, or any table */
    struct vs_err *err;
};

enum vs_code vs_ckpt_add_table(struct vs_checkpoint *c, const struct vs_table *table, struct vs_err *err)
{
    struct vs_table *list = vs_arena_room(&c->impl->arena, c->tables, c->table_count, sizeof *list);
    if (!list)
        return vs_enomem(err, c->path, 0);
    c->tables = list;
    list[c->table_count++] = *table;
    return VS_OK;
}

/* ---- one tensor ---- */

/* A table without rows keeps its name; its shape is [0] or [0, columns]. */
static bool is_empty(const struct rule *r, const struct vs_tensor *t)
{
    return (r->role == VS_ROLE_INPUT || r->role == VS_ROLE_HEAD) && (t->ndim == 1 || t->ndim == 2) && t->shape[0] == 0;
}

static bool shape_fits(const struct rule *r, const struct vs_tensor *t)
{
    if (r->role == VS_ROLE_OTHER)
        return t->ndim >= 1 && t->ndim > r->axis;
    return t->ndim == (r->role == VS_ROLE_BIAS ? r->axis + 1 : 2) || is_empty(r, t);
}

/* What a trainer leaves that saved its own partition (ZeRO-3): writers have nothing to grow, vocab-check reports it. */
static enum vs_code refuse_empty(struct roles *s, const struct vs_tensor *t)
{
    char text[300];
    if (s->c->impl->lenient)
        return VS_OK;
    return vs_fail(s->err, VS_EMISMATCH, "%s: %s: found a table of no rows, expected one for each id; a partition of a sharded training run was "
                   "saved instead of the model: consolidate it with the trainer's own export", s->c->files[t->file].path,
                   vs_escape(text, sizeof text, t->name));
}

static enum vs_code refuse_quantised(struct roles *s, struct vs_str name, const char *how)
{
    char text[300];
    return vs_fail(s->err, VS_EUNSUPPORTED, "%s: %s is quantised (%s): quantised tables are not handled yet; use the unquantised model",
                   s->c->path, vs_escape(text, sizeof text, name), how);
}

static enum vs_code assign(struct roles *s, const struct rule *r, uint64_t at)
{
    const struct vs_tensor *t = &s->c->tensors[at];
    if (s->known[at])
        return VS_OK;
    if (r->role == VS_ROLE_NONE) {
        s->known[at] = true;
        return VS_OK;
    }
    const char *how = NULL;
    enum vs_code code = r->role == VS_ROLE_OTHER ? VS_OK : vs_ckpt_quantised(s->c, t->name, t, &how, s->err);
    if (code)
        return code;
    if (how) {
        s->known[at] = true;
        return refuse_quantised(s, t->name, how);
    }
    if (!shape_fits(r, t))
        return VS_OK;
    s->known[at] = true;
    if (r->role == VS_ROLE_INPUT && !s->input_family)
        s->input_family = r->family;
    if (!s->any_family)
        s->any_family = r->family;
    struct vs_table table = {.tensor = (uint32_t)at, .role = r->role, .axis = r->axis, .rows = t->shape[r->axis], .cols = 1,
                             .suspect = r->role == VS_ROLE_OTHER};
    for (uint32_t i = 0; i < t->ndim; i++)
        if (i != r->axis)
            table.cols *= t->shape[i]; /* fits: the product of all of them was checked */
    if (is_empty(r, t))
        code = refuse_empty(s, t);
    return code ? code : vs_ckpt_add_table(s->c, &table, s->err);
}

/* ---- one name ---- */

/* First tensor whose name is not below s. */
static uint64_t lower_bound(const struct vs_checkpoint *c, struct vs_str s)
{
    uint64_t low = 0, high = c->tensor_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (vs_str_cmp(c->tensors[middle].name, s) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A packed table has no tensor of the name itself. */
static enum vs_code assign_packed(struct roles *s, const struct rule *r, struct vs_str name)
{
    if (r->role != VS_ROLE_INPUT && r->role != VS_ROLE_HEAD)
        return VS_OK;
    const char *how;
    enum vs_code code = vs_ckpt_quantised(s->c, name, NULL, &how, s->err);
    return code ? code : how ? refuse_quantised(s, name, how) : VS_OK;
}

static enum vs_code assign_named(struct roles *s, const struct rule *r, struct vs_str name)
{
    const struct vs_checkpoint *c = s->c;
    const char *star = memchr(name.p, '*', name.n);
    if (!star) {
        const struct vs_tensor *t = vs_checkpoint_tensor(c, name);
        return t ? assign(s, r, (uint64_t)(t - c->tensors)) : assign_packed(s, r, name);
    }
    struct vs_str head = {name.p, (size_t)(star - name.p)};
    enum vs_code code = VS_OK;
    for (uint64_t i = lower_bound(c, head); i < c->tensor_count && !code && vs_str_starts(c->tensors[i].name, head); i++)
        if (vs_glob(name, c->tensors[i].name))
            code = assign(s, r, i);
    return code;
}

static struct vs_str join(struct roles *s, struct vs_str prefix, struct vs_str name)
{
    s->name.n = 0;
    vs_buf_str(&s->name, prefix);
    vs_buf_str(&s->name, name);
    return (struct vs_str){s->name.p, s->name.n};
}

/* ---- one rule ---- */

static bool tensor_present(struct roles *s, const struct rule *r, const struct vs_jval *name)
{
    for (const struct vs_jval *p = r->prefixes ? r->prefixes->child : NULL; p; p = p->next)
        if (vs_checkpoint_tensor(s->c, join(s, p->str, name->str)))
            return true;
    return vs_checkpoint_tensor(s->c, name->str) != NULL;
}

static bool holds(struct roles *s, const struct rule *r)
{
    const struct vs_jval *types = vs_jget(r->v, "model_types"), *with = vs_jget(r->v, "with"), *without = vs_jget(r->v, "without");
    return (!types || vs_ckpt_is_type(s->c, types)) && (!with || tensor_present(s, r, with)) &&
           (!without || !tensor_present(s, r, without));
}

static bool conditional(const struct rule *r)
{
    return vs_jget(r->v, "model_types") || vs_jget(r->v, "with") || vs_jget(r->v, "without");
}

static enum vs_code apply(struct roles *s, const struct rule *r)
{
    struct vs_str name;
    enum vs_code code = VS_OK;
    if (!vs_jstr(vs_jget(r->v, "name"), &name) || !holds(s, r))
        return VS_OK;
    /* "*..." stands for any prefix by itself. */
    if (!r->prefixes || (name.n && name.p[0] == '*'))
        return assign_named(s, r, name);
    for (const struct vs_jval *p = r->prefixes->child; p && !code; p = p->next) {
        struct vs_str full = join(s, p->str, name);
        code = s->name.failed ? vs_enomem(s->err, s->c->path, 0) : assign_named(s, r, full);
    }
    return code;
}

static bool read_rule(const struct vs_jdoc *family, const struct vs_jval *v, struct rule *r)
{
    struct vs_str role;
    int64_t axis = 0;
    *r = (struct rule){.family = family, .v = v, .prefixes = vs_jget(family->root, "prefixes")};
    if (!vs_jstr(vs_jget(v, "role"), &role))
        return false;
    vs_ji64(family, vs_jget(v, "axis"), &axis);
    r->axis = axis == 1;
    for (unsigned i = 0; i < sizeof role_names / sizeof *role_names; i++)
        if (vs_str_is(role, role_names[i])) {
            r->role = (enum vs_role)i;
            return true;
        }
    return false;
}

static enum vs_code apply_family(struct roles *s, const struct vs_jdoc *family, bool with_conditions)
{
    const struct vs_jval *tables = vs_jget(family->root, "tables");
    enum vs_code code = VS_OK;
    struct rule r;
    for (const struct vs_jval *v = tables ? tables->child : NULL; v && !code; v = v->next)
        if (read_rule(family, v, &r) && conditional(&r) == with_conditions)
            code = apply(s, &r);
    return code;
}

/* ---- what was lost ---- */

static bool is_named(struct roles *s, const struct rule *r, struct vs_str tensor)
{
    struct vs_str name;
    if (!vs_jstr(vs_jget(r->v, "name"), &name) || !holds(s, r))
        return false;
    for (const struct vs_jval *p = r->prefixes ? r->prefixes->child : NULL; p; p = p->next)
        if (vs_glob(join(s, p->str, name), tensor))
            return true;
    return vs_glob(name, tensor);
}

static bool is_head(struct roles *s, const struct vs_jdoc *family, struct vs_str tensor)
{
    const struct vs_jval *tables = vs_jget(family->root, "tables");
    struct rule r;
    for (const struct vs_jval *v = tables ? tables->child : NULL; v; v = v->next)
        if (read_rule(family, v, &r) && r.role == VS_ROLE_HEAD && is_named(s, &r, tensor))
            return true;
    return false;
}

static void find_lost_head(struct roles *s)
{
    const struct vs_checkpoint_impl *x = s->c->impl;
    for (uint64_t i = 0; i < x->lost_count; i++)
        for (uint32_t f = 0; f < x->family_count && !s->c->head_lost; f++)
            if (!vs_jget(x->families[f].root, "match") || vs_ckpt_family_matches(s->c, x->families[f].root))
                s->c->head_lost = is_head(s, &x->families[f], x->lost[i]);
}

/* ---- all of them ---- */

/* A family that is about certain models speaks before those that are about tensor names in general, and of no others. */
static enum vs_code apply_families(struct roles *s, const struct vs_jdoc **matched)
{
    struct vs_checkpoint_impl *x = s->c->impl;
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; i < x->family_count && !code; i++)
        if (vs_ckpt_family_matches(s->c, x->families[i].root)) {
            *matched = *matched ? *matched : &x->families[i];
            code = apply_family(s, &x->families[i], true);
            if (!code)
                code = apply_family(s, &x->families[i], false);
        }
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < x->family_count && !code; i++)
            if (!vs_jget(x->families[i].root, "match"))
                code = apply_family(s, &x->families[i], pass == 0);
    return code;
}

/* By role, suspects last; the order in which the rules found them says which input table is the first. */
static void sort_tables(struct vs_checkpoint *c)
{
    for (uint32_t i = 1; i < c->table_count; i++) {
        struct vs_table t = c->tables[i];
        uint32_t at = i;
        while (at && (c->tables[at - 1].suspect > t.suspect || (c->tables[at - 1].suspect == t.suspect && c->tables[at - 1].role > t.role))) {
            c->tables[at] = c->tables[at - 1];
            at--;
        }
        c->tables[at] = t;
    }
}

static enum vs_code name_family(struct vs_checkpoint *c, const struct vs_jdoc *family, struct vs_err *err)
{
    struct vs_str id;
    if (!family || !vs_jstr(vs_jget(family->root, "id"), &id))
        return VS_OK;
    c->impl->family = family;
    c->family = vs_arena_dup(&c->impl->arena, id.p, id.n);
    return c->family ? VS_OK : vs_enomem(err, c->path, 0);
}

enum vs_code vs_ckpt_assign_roles(struct vs_checkpoint *c, struct vs_err *err)
{
    struct roles s = {.c = c, .err = err};
    const struct vs_jdoc *matched = NULL;
    s.known = vs_arena_array(&c->impl->arena, (size_t)c->tensor_count + 1, sizeof *s.known);
    if (!s.known)
        return vs_enomem(err, c->path, 0);
    enum vs_code code = apply_families(&s, &matched);
    if (!code)
        code = name_family(c, matched ? matched : s.input_family ? s.input_family : s.any_family, err);
    if (!code)
        code = vs_ckpt_add_suspects(c, s.known, err);
    if (!code)
        sort_tables(c);
    if (!code)
        find_lost_head(&s);
    vs_buf_free(&s.name);
    return code;
}
