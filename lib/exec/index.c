/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of a sharded checkpoint: names and shards stay, the totals move. weight_map may be long, so the text is
 * scanned, never held as a tree.
 */
#include <stdio.h>
#include "exec/exec.h"
#include "json/edit.h"

static uint64_t elements(const struct vs_tensor *t)
{
    uint64_t n = 1;
    for (uint32_t d = 0; d < t->ndim; d++)
        n *= t->shape[d];
    return n;
}

/* Payload bytes and parameters after; the headers have been checked, so the products cannot overflow. */
static void totals(const struct vs_job *j, uint64_t *bytes, uint64_t *parameters)
{
    const struct vs_checkpoint *c = j->plan->checkpoint;
    *bytes = *parameters = 0;
    for (uint64_t i = 0; i < c->tensor_count; i++) {
        *bytes += c->tensors[i].end - c->tensors[i].begin;
        *parameters += elements(&c->tensors[i]);
    }
    for (uint32_t i = 0; i < j->plan->table_count; i++) {
        const struct vs_table_plan *t = &j->plan->tables[i];
        const struct vs_table *table = &c->tables[t->table];
        uint64_t grown = (t->rows_after - t->rows_before) * table->cols;
        *parameters += grown;
        *bytes += grown * vs_dtype_bits(c->tensors[table->tensor].dtype) / 8;
    }
}

static enum vs_code edit_number(struct vs_edits *e, struct vs_json *s, uint64_t value, struct vs_err *err)
{
    struct vs_span span = {0};
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    if (vs_json_peek(s) != VS_JSON_NUMBER) {
        vs_json_fail(s, VS_EFORMAT, "total_size and total_parameters must be integers");
        return VS_OK; /* reported once, by vs_json_end */
    }
    vs_json_skip(s, &span);
    char *copy = vs_arena_dup(&e->arena, digits, (size_t)n);
    return copy ? vs_edit(e, span.begin, span.end, (struct vs_str){copy, (size_t)n}, err) : vs_enomem(err, "an edit", sizeof digits);
}

static enum vs_code scan(struct vs_job *j, struct vs_json *s, struct vs_edits *e, struct vs_err *err)
{
    struct vs_str key;
    uint64_t bytes, parameters;
    enum vs_code code = VS_OK;
    totals(j, &bytes, &parameters);
    vs_json_object(s);
    while (!code && vs_json_key(s, &key)) {
        if (!vs_str_is(key, "metadata") || vs_json_peek(s) != VS_JSON_OBJECT) {
            vs_json_skip(s, NULL);
            continue;
        }
        vs_json_object(s);
        while (!code && vs_json_key(s, &key)) {
            if (vs_str_is(key, "total_size"))
                code = edit_number(e, s, bytes, err);
            else if (vs_str_is(key, "total_parameters"))
                code = edit_number(e, s, parameters, err);
            else
                vs_json_skip(s, NULL);
        }
    }
    return code;
}

enum vs_code vs_index_edit(struct vs_job *j, struct vs_buf *out, struct vs_err *err)
{
    const struct vs_checkpoint *c = j->plan->checkpoint;
    struct vs_edits e = {0};
    struct vs_json s;
    char *text = NULL;
    size_t n = 0;
    const char *path = vs_path_join(&j->arena, c->dir, c->index_name);
    enum vs_code code = path ? vs_read_all(path, 1ull << 30, &text, &n, err) : vs_enomem(err, "a path", 0);
    if (code)
        return code;
    vs_json_begin(&s, path, text, n, &e.arena);
    code = scan(j, &s, &e, err);
    if (!code)
        code = vs_json_end(&s, err);
    if (!code)
        code = vs_edits_apply(&e, path, (struct vs_str){text, n}, out, err);
    vs_edits_free(&e);
    vs_free(text);
    return code;
}
