/* SPDX-License-Identifier: Apache-2.0
 *
 * Class defaults that an event moved are written into the configs that left them out, or loaders would use the old ones.
 */
#include <inttypes.h>
#include "plan/offsets_layout.h"

/* The pointer's components up to depth are the same. */
static bool same_parent(const char *a, const char *b, unsigned depth)
{
    for (;; a++, b++) {
        if (*a == '/' && *b == '/' && depth-- == 0)
            return true;
        if (*a != *b || !*a)
            return false;
    }
}

/* Component number depth of a pointer, unescaped into out. */
static bool component(const char *at, unsigned depth, struct vs_buf *out)
{
    out->n = 0;
    while (*at && (*at != '/' || depth--))
        at++;
    if (*at != '/')
        return false;
    vs_buf_puts(out, ""); /* "/" names the empty key */
    for (at++; *at && *at != '/'; at++)
        if (*at == '~' && at[1])
            vs_buf_puts(out, *++at == '1' ? "/" : "~");
        else
            vs_buf_add(out, at, 1);
    return !out->failed;
}

static bool is_leaf(const char *at, unsigned depth)
{
    while (*at && (*at != '/' || depth--))
        at++;
    return *at && !strchr(at + 1, '/');
}

/* The value of a missing member: its number, or an object with all missing members below it. */
static void put_missing(struct vs_layout *l, struct vs_buf *b, const struct vs_missing *m, unsigned depth)
{
    const struct vs_rule_symbol *s = &l->rule->symbols[m->symbol];
    struct vs_buf key = {0};
    if (is_leaf(s->at[0], depth)) {
        vs_buf_printf(b, "%" PRId64, m->value);
        return;
    }
    bool first = true;
    vs_buf_puts(b, "{");
    for (uint32_t i = (uint32_t)(m - l->missing); i < l->missing_count; i++) {
        struct vs_missing *other = &l->missing[i];
        const struct vs_rule_symbol *o = &l->rule->symbols[other->symbol];
        if (other->done || l->file_of[other->symbol] != l->file_of[m->symbol] || !same_parent(o->at[0], s->at[0], depth + 1) ||
            !component(o->at[0], depth + 1, &key))
            continue;
        vs_buf_puts(b, first ? "" : ", ");
        vs_buf_json_str(b, (struct vs_str){key.p, key.n});
        vs_buf_puts(b, ": ");
        put_missing(l, b, other, depth + 1);
        other->done = is_leaf(o->at[0], depth + 1) || other->done;
        first = false;
    }
    vs_buf_puts(b, "}");
    b->failed |= key.failed;
    vs_buf_free(&key);
}

/* Adds the member where the path to it ends in f->doc[VS_BEFORE]: parent is the last object that is there, key the member it lacks. */
static enum vs_code write_member(struct vs_layout *l, struct vs_missing *m, const struct vs_jval *parent, const char *key, unsigned depth,
                                 struct vs_err *err)
{
    struct vs_layout_file *f = &l->files[l->file_of[m->symbol]];
    const struct vs_jval *null = vs_jget(parent, key);
    struct vs_buf b = {0};
    if (null && null->type != VS_JSON_NULL)
        return vs_fail(err, VS_EFORMAT, "%s: %s: \"%s\" on its way is no object", f->name, l->rule->symbols[m->symbol].at[0], key);
    put_missing(l, &b, m, depth);
    m->done = true;
    enum vs_code code = b.failed ? vs_enomem(err, "a config", b.n) : VS_OK;
    struct vs_str value = {b.p, b.n};
    if (!code && null) /* null stands for the defaults too */
        code = vs_edit(&f->edits, null->span.begin, null->span.end, value, err);
    else if (!code)
        code = vs_edit_add_member(&f->edits, &f->doc[VS_BEFORE], parent, key, value, err);
    vs_buf_free(&b);
    return code;
}

static enum vs_code write_missing(struct vs_layout *l, struct vs_missing *m, struct vs_err *err)
{
    const char *at = l->rule->symbols[m->symbol].at[0];
    const struct vs_jval *parent = l->files[l->file_of[m->symbol]].doc[VS_BEFORE].root, *next;
    struct vs_buf key = {0};
    unsigned depth = 0;
    while (component(at, depth, &key) && (next = vs_jget(parent, key.p)) && next->type == VS_JSON_OBJECT) {
        parent = next;
        depth++;
    }
    enum vs_code code = key.failed ? vs_enomem(err, "a config", 0) : write_member(l, m, parent, key.p, depth, err);
    vs_buf_free(&key);
    return code;
}

enum vs_code vs_layout_write_defaults(struct vs_layout *l, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < l->missing_count; i++)
        if (!l->missing[i].done)
            code = write_missing(l, &l->missing[i], err);
    return code;
}
