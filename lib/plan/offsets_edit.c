/* SPDX-License-Identifier: Apache-2.0
 *
 * One extension event as edits of the configs: every number that is an id, an offset or a size of the space moves, by
 * splices of exactly its bytes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "plan/offsets_layout.h"

/* One value being edited: its file and the JSON Pointer that has been walked so far. */
struct walk {
    struct vs_layout *l;
    struct vs_layout_file *f;
    struct vs_buf at;
    struct vs_err *err;
};

/* The pointer, for messages. */
static const char *place_of(const struct walk *w)
{
    return w->at.p ? w->at.p : "";
}

static enum vs_code note_change(struct walk *w, struct vs_str before, struct vs_str after)
{
    return vs_plan_add_change(w->l->plan, w->f->name, w->at.failed ? NULL : w->at.p, before, after, w->err);
}

static enum vs_code replace(struct walk *w, struct vs_span span, struct vs_str with)
{
    struct vs_str before = {w->f->doc[VS_BEFORE].text.p + span.begin, span.end - span.begin};
    if (vs_str_eq(before, with))
        return VS_OK;
    enum vs_code code = vs_edit(&w->f->edits, span.begin, span.end, with, w->err);
    return code ? code : note_change(w, before, with);
}

static enum vs_code wrong(struct walk *w, const struct vs_jval *v, const char *expected)
{
    char place[64];
    return vs_fail(w->err, VS_EFORMAT, "%s: %s (%s): %s expected", w->f->name, place_of(w),
                   vs_jplace(&w->f->doc[VS_BEFORE], v, place), expected);
}

static enum vs_code add(struct walk *w, int64_t value, int64_t *out)
{
    if (__builtin_add_overflow(value, (int64_t)w->l->shift.by, out))
        return vs_fail(w->err, VS_ELIMIT, "%s: %s: %" PRId64 " and %" PRIu64 " more is beyond 64 bits", w->f->name, place_of(w), value,
                       w->l->shift.by);
    return VS_OK;
}

static enum vs_code moved(struct walk *w, int64_t id, int64_t *out)
{
    *out = id;
    return id < 0 || (uint64_t)id < w->l->shift.at ? VS_OK : add(w, id, out);
}

static enum vs_code put_number(struct walk *w, const struct vs_jval *v, int64_t value)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, value);
    return replace(w, v->span, (struct vs_str){text, (size_t)n});
}

/* ---- the kinds that hold many ids ---- */

static enum vs_code walk_ids(struct walk *w, const struct vs_jval *v, unsigned lists);

static size_t enter(struct walk *w, const struct vs_jval *child, size_t position)
{
    size_t n = w->at.n;
    if (!child->key_span.end) {
        vs_buf_printf(&w->at, "/%zu", position);
        return n;
    }
    vs_buf_pointer(&w->at, child->key);
    return n;
}

static void leave(struct walk *w, size_t n)
{
    w->at.n = n;
    if (w->at.p)
        w->at.p[n] = 0;
}

/* Every child, or with only >= 0 the child in that position, of an array or object. */
static enum vs_code walk_children(struct walk *w, const struct vs_jval *v, int only, unsigned lists)
{
    enum vs_code code = VS_OK;
    size_t i = 0;
    for (const struct vs_jval *c = v->child; !code && c; c = c->next, i++) {
        if (only >= 0 && i != (size_t)only)
            continue;
        size_t n = enter(w, c, i);
        code = walk_ids(w, c, lists);
        leave(w, n);
    }
    return code;
}

/* An id, null, or lists of them, at most so many deep. */
static enum vs_code walk_ids(struct walk *w, const struct vs_jval *v, unsigned lists)
{
    int64_t id, to;
    if (v->type == VS_JSON_NULL)
        return VS_OK;
    if (v->type == VS_JSON_ARRAY && lists)
        return walk_children(w, v, -1, lists - 1);
    if (!vs_ji64(&w->f->doc[VS_BEFORE], v, &id))
        return wrong(w, v, lists ? "ids" : "an id");
    enum vs_code code = moved(w, id, &to);
    return code ? code : put_number(w, v, to);
}

/* Pairs of which one side holds ids: [position, id] or [[ids], bias]. */
static enum vs_code walk_pairs(struct walk *w, const struct vs_jval *v, int side, unsigned lists)
{
    enum vs_code code = VS_OK;
    size_t i = 0;
    if (v->type == VS_JSON_NULL)
        return VS_OK;
    if (v->type != VS_JSON_ARRAY)
        return wrong(w, v, "a list of pairs");
    for (const struct vs_jval *c = v->child; !code && c; c = c->next, i++) {
        size_t n = enter(w, c, i);
        if (c->type != VS_JSON_ARRAY || c->count != 2)
            code = wrong(w, c, "a pair");
        else
            code = walk_children(w, c, side, lists);
        leave(w, n);
    }
    return code;
}

static enum vs_code add_member(struct walk *w, const struct vs_jval *object, struct vs_str key, struct vs_str value)
{
    char shown[128];
    const char *name;
    if (memchr(key.p, 0, key.n))
        return vs_fail(w->err, VS_EUNSUPPORTED, "%s: %s: a token with a NUL character cannot be entered: \"%s\"", w->f->name, place_of(w),
                       vs_escape(shown, sizeof shown, key));
    enum vs_code code = vs_layout_keep(w->l, key, &name, w->err);
    if (!code)
        code = vs_edit_add_member(&w->f->edits, &w->f->doc[VS_BEFORE], object, name, value, w->err);
    if (code)
        return code;
    const struct vs_jval member = {.key = key, .key_span = {0, 1}};
    size_t n = enter(w, &member, 0);
    code = note_change(w, VS_LIT(""), value);
    leave(w, n);
    return code;
}

/* The new tokens, for a map that lists all of them by name or by id. */
static enum vs_code add_tokens(struct walk *w, const struct vs_jval *object, bool by_id)
{
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < w->l->name_count; i++) {
        struct vs_buf name = {0};
        char id[24];
        int n = snprintf(id, sizeof id, "%" PRIu64, w->l->first_new + i);
        vs_buf_json_str(&name, w->l->names[i]);
        if (name.failed)
            code = vs_enomem(w->err, "a token", name.n);
        else if (by_id)
            code = add_member(w, object, (struct vs_str){id, (size_t)n}, (struct vs_str){name.p, name.n});
        else
            code = add_member(w, object, w->l->names[i], (struct vs_str){id, (size_t)n});
        vs_buf_free(&name);
    }
    return code;
}

static enum vs_code move_key(struct walk *w, const struct vs_jval *member)
{
    char text[32];
    uint64_t id;
    int64_t to;
    if (!vs_str_u64(member->key, &id) || id > INT64_MAX)
        return wrong(w, member, "an id as the name");
    enum vs_code code = moved(w, (int64_t)id, &to);
    if (code || to == (int64_t)id)
        return code;
    int n = snprintf(text, sizeof text, "\"%" PRId64 "\"", to);
    return replace(w, member->key_span, (struct vs_str){text, (size_t)n});
}

static enum vs_code walk_map(struct walk *w, const struct vs_jval *v, const struct vs_rule_field *field)
{
    bool keys = field->kind == VS_FIELD_MAP_KEYS;
    enum vs_code code = VS_OK;
    if (v->type == VS_JSON_NULL)
        return VS_OK;
    if (v->type != VS_JSON_OBJECT)
        return wrong(w, v, "an object");
    if (!keys)
        code = walk_children(w, v, -1, 1);
    for (const struct vs_jval *c = v->child; keys && !code && c; c = c->next) {
        size_t n = enter(w, c, 0);
        code = move_key(w, c);
        leave(w, n);
    }
    return !code && field->add_new_tokens && w->l->shift.by ? add_tokens(w, v, keys) : code;
}

/* ---- fields ---- */

/* What a number of this kind becomes. */
static enum vs_code new_value(struct walk *w, const struct vs_rule_field *field, int64_t old, int64_t *out)
{
    const struct vs_layout *l = w->l;
    bool own = field->block == l->rule->extend;
    *out = old;
    switch (field->kind) {
    case VS_FIELD_TOTAL:
    case VS_FIELD_MIRROR:
        return add(w, old, out);
    case VS_FIELD_END:
        return own || l->blocks[VS_BEFORE][field->block].end > l->shift.at ? add(w, old, out) : VS_OK;
    case VS_FIELD_LEN:
        return own ? add(w, old, out) : VS_OK;
    case VS_FIELD_FOREIGN:
    case VS_FIELD_IGNORE:
    case VS_FIELD_SENTINEL:
    case VS_FIELD_MODULUS:
        return VS_OK;
    default:
        return moved(w, old, out);
    }
}

static enum vs_code edit_present(struct walk *w, const struct vs_rule_field *field, const struct vs_jval *v)
{
    int64_t old, new;
    switch (field->kind) {
    case VS_FIELD_ID_LIST:
        return walk_ids(w, v, 1);
    case VS_FIELD_ID_LIST_NESTED:
        return walk_ids(w, v, VS_JSON_DEPTH);
    case VS_FIELD_POS_ID_PAIRS:
        return walk_pairs(w, v, 1, 0);
    case VS_FIELD_IDS_BIAS_PAIRS:
        return walk_pairs(w, v, 0, 1);
    case VS_FIELD_MAP_VALUES:
    case VS_FIELD_MAP_KEYS:
        return walk_map(w, v, field);
    default:
        break;
    }
    if (field->kind >= VS_FIELD_FOREIGN || v->type == VS_JSON_NULL)
        return VS_OK;
    if (!vs_ji64(&w->f->doc[VS_BEFORE], v, &old))
        return wrong(w, v, "an integer");
    enum vs_code code = new_value(w, field, old, &new);
    return code ? code : put_number(w, v, new);
}

/* Every spelling that is there; an absent one whose default moved is written, or the loader would use the stale default. */
static enum vs_code edit_field(struct vs_layout *l, const struct vs_rule_field *field, struct vs_err *err)
{
    const struct vs_rule_symbol *s = &l->rule->symbols[field->symbol];
    const struct vs_layout_value *value = &l->values[VS_BEFORE][field->symbol];
    struct walk w = {.l = l, .f = &l->files[l->file_of[field->symbol]], .err = err};
    enum vs_code code = VS_OK;
    int64_t new;
    for (uint32_t i = 0; !code && i < s->at_count; i++) {
        const struct vs_jval *v = vs_jpath(w.f->doc[VS_BEFORE].root, s->at[i]);
        leave(&w, 0);
        vs_buf_puts(&w.at, s->at[i]);
        if (v)
            code = edit_present(&w, field, v);
    }
    leave(&w, 0);
    vs_buf_puts(&w.at, s->at[0]);
    if (!code && !value->found && value->known && !(code = new_value(&w, field, value->value, &new)) && new != value->value)
        l->missing[l->missing_count++] = (struct vs_missing){field->symbol, new, false};
    vs_buf_free(&w.at);
    return code;
}

/* ---- ids that no field claims, by the names that hold ids ---- */

static bool pointer_within(const char *at, const char *claimed)
{
    size_t n = strlen(claimed);
    return strncmp(at, claimed, n) == 0 && (at[n] == 0 || at[n] == '/');
}

/* The field that names an id's place, NULL when none does. */
static const struct vs_rule_field *claimed(const struct vs_layout *l, const struct vs_config_int *id)
{
    for (uint32_t i = 0; i < l->rule->field_count; i++) {
        const struct vs_rule_symbol *s = &l->rule->symbols[l->rule->fields[i].symbol];
        for (uint32_t k = 0; k < s->at_count; k++)
            if (strcmp(s->file, id->file) == 0 && pointer_within(id->at, s->at[k]))
                return &l->rule->fields[i];
    }
    return NULL;
}

static bool swept(const struct vs_layout *l, const struct vs_config_int *id)
{
    for (uint32_t i = 0; i < l->rule->sweep_count; i++)
        if (strcmp(l->rule->sweep[i], id->file) == 0)
            return id->token.n == 0;
    return false;
}

bool vs_layout_owns(const struct vs_layout *l, const struct vs_config_int *id)
{
    const struct vs_rule_field *field = claimed(l, id);
    return field ? field->kind < VS_FIELD_FOREIGN : swept(l, id);
}

/* The value that was found last: lists may be long, so the next element is looked for from the last one on. */
struct cursor { const struct vs_config_int *id; const struct vs_jval *v; };

static const struct vs_jval *find_from(const struct cursor *last, const struct vs_config_int *id)
{
    const char *a = last->v ? strrchr(last->id->at, '/') : NULL, *b = strrchr(id->at, '/');
    size_t n = a && b ? (size_t)(b - id->at) : 0;
    if (!a || !b || last->v->key_span.end || last->id->file != id->file || (size_t)(a - last->id->at) != n || memcmp(last->id->at, id->at, n) != 0)
        return NULL;
    unsigned long from = strtoul(a + 1, NULL, 10), to = strtoul(b + 1, NULL, 10);
    const struct vs_jval *v = to > from ? last->v : NULL;
    while (v && from++ < to)
        v = v->next;
    return v;
}

static enum vs_code sweep(struct vs_layout *l, const struct vs_config_int *id, struct cursor *last, struct vs_err *err)
{
    struct walk w = {.l = l, .err = err};
    for (uint32_t i = 0; i < l->file_count; i++)
        if (strcmp(l->files[i].name, id->file) == 0)
            w.f = &l->files[i];
    const struct vs_jval *v = w.f ? find_from(last, id) : NULL;
    if (w.f && !v)
        v = vs_jpath(w.f->doc[VS_BEFORE].root, id->at);
    if (!v || v->type != VS_JSON_NUMBER)
        return VS_OK;
    *last = (struct cursor){id, v};
    vs_buf_puts(&w.at, id->at);
    enum vs_code code = walk_ids(&w, v, 0);
    vs_buf_free(&w.at);
    return code;
}

static enum vs_code note_missing(struct vs_layout *l, const struct vs_missing *m, struct vs_err *err)
{
    struct walk w = {.l = l, .f = &l->files[l->file_of[m->symbol]], .err = err};
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRId64, m->value);
    vs_buf_puts(&w.at, l->rule->symbols[m->symbol].at[0]);
    enum vs_code code = note_change(&w, VS_LIT(""), (struct vs_str){text, (size_t)n});
    vs_buf_free(&w.at);
    return code;
}

/* ---- all of it ---- */

static enum vs_code read_again(struct vs_layout *l, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < l->file_count; i++) {
        struct vs_layout_file *f = &l->files[i];
        struct vs_buf text = {0};
        code = vs_edits_apply(&f->edits, f->name, f->doc[VS_BEFORE].text, &text, err);
        if (!code)
            code = vs_jdoc_parse(f->name, (struct vs_str){text.p, text.n}, &f->doc[VS_AFTER], err);
        vs_buf_free(&text);
    }
    return code ? code : vs_layout_read_values(l, VS_AFTER, err);
}

enum vs_code vs_layout_edit(struct vs_layout *l, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    struct cursor last = {0};
    for (uint32_t i = 0; !code && l->shift.by && i < l->rule->field_count; i++)
        code = edit_field(l, &l->rule->fields[i], err);
    for (size_t i = 0; !code && l->shift.by && i < l->id_count; i++)
        if (!claimed(l, &l->ids[i]) && swept(l, &l->ids[i]))
            code = sweep(l, &l->ids[i], &last, err);
    for (uint32_t i = 0; !code && i < l->missing_count; i++)
        code = note_missing(l, &l->missing[i], err);
    if (!code)
        code = vs_layout_write_defaults(l, err);
    return code ? code : read_again(l, err);
}
