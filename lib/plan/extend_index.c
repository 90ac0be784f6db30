/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of a sharded checkpoint: names and shards stay, the totals move. weight_map may be long, so the text is
 * scanned, never held as a tree.
 */
#include <stdio.h>
#include "base/io.h"
#include "json/edit.h"
#include "plan/extend.h"

static uint64_t elements(const struct vs_tensor *t)
{
    uint64_t n = 1;
    for (uint32_t d = 0; d < t->ndim; d++)
        n *= t->shape[d];
    return n;
}

/* Payload bytes and parameters after; the headers have been checked, so the products cannot overflow. */
static void totals(const struct vs_planner *p, uint64_t *bytes, uint64_t *parameters)
{
    const struct vs_checkpoint *c = p->checkpoint;
    *bytes = *parameters = 0;
    for (uint64_t i = 0; i < c->tensor_count; i++) {
        *bytes += c->tensors[i].end - c->tensors[i].begin;
        *parameters += elements(&c->tensors[i]);
    }
    for (uint32_t i = 0; i < p->plan->table_count; i++) {
        const struct vs_table_plan *t = &p->plan->tables[i];
        const struct vs_table *table = &c->tables[t->table];
        uint64_t grown = (t->rows_after - t->rows_before) * table->cols;
        *parameters += grown;
        *bytes += grown * vs_dtype_bits(c->tensors[table->tensor].dtype) / 8;
    }
}

struct index { struct vs_planner *p; struct vs_json s; struct vs_edits edits; struct vs_err *err; };

static enum vs_code edit_number(struct index *x, const char *at, uint64_t value)
{
    struct vs_json *s = &x->s;
    struct vs_span span = {0};
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    if (vs_json_peek(s) != VS_JSON_NUMBER) {
        vs_json_fail(s, VS_EFORMAT, "%s must be an integer", at);
        return VS_OK; /* reported once, by vs_json_end */
    }
    if (!vs_json_skip(s, &span))
        return VS_OK;
    struct vs_str was = {s->text + span.begin, span.end - span.begin}, is = {digits, (size_t)n};
    if (vs_str_eq(was, is))
        return VS_OK;
    enum vs_code code = vs_edit(&x->edits, span.begin, span.end, is, x->err);
    return code ? code : vs_plan_add_change(x->p->plan, x->p->checkpoint->index_name, at, was, is, x->err);
}

static enum vs_code scan(struct index *x)
{
    struct vs_json *s = &x->s;
    struct vs_str key;
    uint64_t bytes, parameters;
    enum vs_code code = VS_OK;
    totals(x->p, &bytes, &parameters);
    vs_json_object(s);
    while (!code && vs_json_key(s, &key)) {
        if (!vs_str_is(key, "metadata") || vs_json_peek(s) != VS_JSON_OBJECT) {
            vs_json_skip(s, NULL);
            continue;
        }
        vs_json_object(s);
        while (!code && vs_json_key(s, &key)) {
            if (vs_str_is(key, "total_size"))
                code = edit_number(x, "/metadata/total_size", bytes);
            else if (vs_str_is(key, "total_parameters"))
                code = edit_number(x, "/metadata/total_parameters", parameters);
            else
                vs_json_skip(s, NULL);
        }
    }
    return code ? code : vs_json_end(s, x->err);
}

enum vs_code vs_extend_index(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_checkpoint *c = p->checkpoint;
    struct index x = {.p = p, .err = err};
    struct vs_buf out = {0};
    char *text = NULL;
    size_t n = 0;
    if (!c->index_name)
        return VS_OK;
    const char *path = vs_path_join(p->arena, c->dir, c->index_name);
    enum vs_code code = path ? vs_read_all(path, VS_JSON_FILE_MAX, &text, &n, err) : vs_enomem(err, "a path", 0);
    if (code)
        return code;
    vs_json_begin(&x.s, path, text, n, &x.edits.arena);
    code = scan(&x);
    if (!code)
        code = vs_edits_apply(&x.edits, path, (struct vs_str){text, n}, &out, err);
    if (!code) {
        p->x->index = (struct vs_str){vs_arena_dup(p->arena, out.p, out.n), out.n};
        code = p->x->index.p ? VS_OK : vs_enomem(err, path, out.n);
    }
    vs_buf_free(&out);
    vs_edits_free(&x.edits);
    vs_free(text);
    return code;
}
