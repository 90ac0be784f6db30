/* SPDX-License-Identifier: Apache-2.0
 *
 * receipt.json: what was read, what was written, and the hash of every range of rows before and after.
 */
#include "exec/exec.h"

static void hash_or_null(struct vs_buf *b, const char *sha256)
{
    if (sha256[0])
        vs_buf_printf(b, "\"%s\"", sha256);
    else
        vs_buf_puts(b, "null");
}

static void seen(struct vs_buf *b, const char *key, const struct vs_seen_list *list)
{
    vs_buf_printf(b, "  \"%s\": [", key);
    for (uint32_t i = 0; i < list->count; i++) {
        vs_buf_printf(b, "%s\n    {\"file\": ", i ? "," : "");
        vs_buf_json_str(b, vs_cstr(list->items[i].file));
        vs_buf_puts(b, ", \"sha256\": ");
        hash_or_null(b, list->items[i].sha256);
        vs_buf_puts(b, "}");
    }
    vs_buf_puts(b, "\n  ],\n");
}

static void range(struct vs_buf *b, const struct vs_range *r)
{
    vs_buf_printf(b, "{\"begin\": %llu, \"end\": %llu, \"from\": ", (unsigned long long)r->begin, (unsigned long long)r->end);
    if (r->copied)
        vs_buf_printf(b, "%llu", (unsigned long long)r->from);
    else
        vs_buf_puts(b, "null");
    vs_buf_printf(b, ", \"state\": \"%s\", \"sha256_before\": ", vs_row_state_name(r->state));
    hash_or_null(b, r->before);
    vs_buf_puts(b, ", \"sha256_after\": ");
    hash_or_null(b, r->after);
    vs_buf_puts(b, ", \"method\": ");
    if (r->copied)
        vs_buf_puts(b, "null}");
    else
        vs_buf_printf(b, "\"%s\"}", r->method);
}

static void table(struct vs_buf *b, const struct vs_job *j, uint32_t i)
{
    const struct vs_checkpoint *c = j->plan->checkpoint;
    const struct vs_table_plan *t = &j->plan->tables[i];
    const struct vs_table *table = &c->tables[t->table];
    const struct vs_tensor *tensor = &c->tensors[table->tensor];
    vs_buf_puts(b, "    {\"tensor\": ");
    vs_buf_json_str(b, tensor->name);
    vs_buf_puts(b, ", \"file\": ");
    vs_buf_json_str(b, vs_cstr(c->files[tensor->file].name));
    vs_buf_printf(b, ", \"role\": \"%s\", \"dtype\": \"%s\", \"cols\": %llu,\n     \"rows_before\": %llu, \"rows_after\": %llu, \"ranges\": [",
                  vs_role_name(table->role), vs_dtype_name(tensor->dtype), (unsigned long long)table->cols,
                  (unsigned long long)t->rows_before, (unsigned long long)t->rows_after);
    for (uint32_t k = 0; k < j->ranges[i].count; k++) {
        vs_buf_puts(b, k ? ",\n       " : "\n       ");
        range(b, &j->ranges[i].items[k]);
    }
    vs_buf_puts(b, "]}");
}

static void method(struct vs_buf *b, const char *key, struct vs_init init)
{
    vs_buf_printf(b, ", \"%s\": \"%s", key, vs_init_name(init.method));
    if (init.method == VS_INIT_COPY)
        vs_buf_printf(b, ":%u", init.copy_id);
    vs_buf_puts(b, "\"");
}

static void tokens(struct vs_buf *b, const struct vs_job *j)
{
    vs_buf_puts(b, "  \"tokens\": [");
    for (uint32_t i = 0; i < j->x->token_count; i++) {
        const struct vs_extend_token *t = &j->x->tokens[i];
        vs_buf_printf(b, "%s\n    {\"id\": %llu, ", i ? "," : "", (unsigned long long)t->id);
        if (t->count > 1)
            vs_buf_printf(b, "\"count\": %llu, ", (unsigned long long)t->count);
        vs_buf_puts(b, "\"token\": ");
        if (t->token.n)
            vs_buf_json_str(b, t->token);
        else
            vs_buf_puts(b, "null");
        method(b, "in", t->in);
        method(b, "out", j->tied == 1 ? t->in : t->out);
        vs_buf_puts(b, "}");
    }
    vs_buf_puts(b, "\n  ]\n}\n");
}

/* Lowest id whose row may be trained. Without one, all rows of the text table. */
static uint64_t freeze_until(const struct vs_job *j)
{
    const struct vs_ranges *r = &j->ranges[0];
    for (uint32_t i = 0; i < r->count; i++)
        if (r->items[i].state != VS_ROW_FROZEN)
            return r->items[i].begin;
    return j->plan->tables[0].rows_after;
}

enum vs_code vs_receipt_write(struct vs_job *j, struct vs_err *err)
{
    struct vs_buf b = {0};
    enum vs_code code = VS_OK;
    j->report.freeze_until = freeze_until(j);
    vs_buf_printf(&b, "{\n  \"schema\": \"vocabsurgeon/receipt/1\",\n  \"tool_version\": \"%s\",\n  \"seed\": %llu,\n  \"tied\": %s,\n", vs_version(),
                  (unsigned long long)j->run->seed, j->tied < 0 ? "null" : j->tied ? "true" : "false");
    seen(&b, "inputs", &j->inputs);
    seen(&b, "outputs", &j->outputs);
    vs_buf_puts(&b, "  \"tables\": [\n");
    for (uint32_t i = 0; i < j->plan->table_count; i++) {
        table(&b, j, i);
        vs_buf_puts(&b, i + 1 < j->plan->table_count ? ",\n" : "\n");
    }
    vs_buf_printf(&b, "  ],\n  \"freeze_until_index\": %llu,\n  \"notes\": [", (unsigned long long)j->report.freeze_until);
    for (uint32_t i = 0; i < j->plan->note_count; i++) {
        vs_buf_puts(&b, i ? ", " : "");
        vs_buf_json_str(&b, vs_cstr(j->plan->notes[i]));
    }
    vs_buf_puts(&b, "],\n");
    tokens(&b, j);
    if (b.failed)
        code = vs_enomem(err, "receipt.json", b.n);
    if (!code)
        code = vs_outdir_write(j->out, "receipt.json", NULL, (struct vs_str){b.p, b.n}, err);
    j->report.bytes_total += b.n;
    j->report.bytes_written += b.n;
    vs_buf_free(&b);
    return code;
}
