/* SPDX-License-Identifier: Apache-2.0
 *
 * The plan as --dry-run --json prints it: schema vocabsurgeon/plan/1.
 */
#include "base/str.h"
#include "plan/plan_impl.h"

typedef unsigned long long ull;

static void inputs(const struct vs_plan *p, struct vs_buf *b)
{
    bool first = true;
    vs_buf_puts(b, ",\"inputs\":[");
    for (uint32_t i = 0; p->checkpoint && i < p->checkpoint->file_count; i++, first = false) {
        vs_buf_puts(b, first ? "" : ",");
        vs_buf_json_str(b, vs_cstr(p->checkpoint->files[i].path));
    }
    for (uint32_t i = 0; i < p->file_count; i++) {
        if (!p->files[i].source)
            continue;
        vs_buf_puts(b, first ? "" : ",");
        vs_buf_json_str(b, vs_cstr(p->files[i].source));
        first = false;
    }
    vs_buf_puts(b, "]");
}

static void inits(const struct vs_table_plan *t, struct vs_buf *b)
{
    vs_buf_puts(b, ",\"init\":[");
    for (uint32_t i = 0, n; i < t->init_count; i += n) {
        const struct vs_row_init *run = &t->inits[i];
        for (n = 1; i + n < t->init_count && vs_init_continues(&run[n - 1], &run[n]); n++)
            ;
        vs_buf_printf(b, "%s{\"begin\":%llu,\"end\":%llu,\"method\":\"%s", i ? "," : "", (ull)run->row, (ull)(run[n - 1].row + run[n - 1].count),
                      vs_init_name(run->init.method));
        if (run->init.method == VS_INIT_COPY)
            vs_buf_printf(b, ":%u", run->init.copy_id);
        vs_buf_puts(b, "\"}");
    }
    vs_buf_puts(b, "]");
}

static void table(const struct vs_plan *p, const struct vs_table_plan *t, struct vs_buf *b)
{
    const struct vs_table *table = &p->checkpoint->tables[t->table];
    const struct vs_tensor *tensor = &p->checkpoint->tensors[table->tensor];
    vs_buf_puts(b, "{\"tensor\":");
    vs_buf_json_str(b, tensor->name);
    vs_buf_puts(b, ",\"file\":");
    vs_buf_json_str(b, vs_cstr(p->checkpoint->files[tensor->file].name));
    vs_buf_printf(b, ",\"role\":\"%s\",\"rows_before\":%llu,\"rows_after\":%llu,\"copy\":[", vs_role_name(table->role),
                  (ull)t->rows_before, (ull)t->rows_after);
    for (uint32_t i = 0; i < t->copy_count; i++)
        vs_buf_printf(b, "%s{\"begin\":%llu,\"end\":%llu,\"from\":%llu}", i ? "," : "", (ull)t->copies[i].begin, (ull)t->copies[i].end,
                      (ull)t->copies[i].from);
    vs_buf_puts(b, "],\"insert\":[");
    if (t->rows_after > t->rows_before)
        vs_buf_printf(b, "{\"at\":%llu,\"rows\":%llu}", (ull)t->insert_at, (ull)(t->rows_after - t->rows_before));
    vs_buf_puts(b, "]");
    inits(t, b);
    vs_buf_puts(b, "}");
}

static void edits(const struct vs_plan *p, struct vs_buf *b)
{
    vs_buf_puts(b, ",\"edits\":[");
    for (uint32_t i = 0; i < p->change_count; i++) {
        const struct vs_json_change *c = &p->changes[i];
        vs_buf_puts(b, i ? ",{\"file\":" : "{\"file\":");
        vs_buf_json_str(b, vs_cstr(c->file));
        vs_buf_puts(b, ",\"at\":");
        vs_buf_json_str(b, vs_cstr(c->at));
        vs_buf_puts(b, ",\"before\":");
        vs_buf_str(b, c->before.n ? c->before : VS_LIT("null"));
        vs_buf_puts(b, ",\"after\":");
        vs_buf_str(b, c->after.n ? c->after : VS_LIT("null"));
        vs_buf_puts(b, "}");
    }
    vs_buf_puts(b, "]");
}

static void text_or_null(const char *key, const char *text, struct vs_buf *b)
{
    vs_buf_printf(b, ",\"%s\":", key);
    if (text)
        vs_buf_json_str(b, vs_cstr(text));
    else
        vs_buf_puts(b, "null");
}

static void blocks(const char *key, const struct vs_block *list, uint32_t count, struct vs_buf *b)
{
    vs_buf_printf(b, ",\"%s\":[", key);
    for (uint32_t i = 0; i < count; i++) {
        vs_buf_puts(b, i ? ",{\"name\":" : "{\"name\":");
        vs_buf_json_str(b, vs_cstr(list[i].name));
        vs_buf_printf(b, ",\"begin\":%llu,\"end\":%llu", (ull)list[i].begin, (ull)list[i].end);
        text_or_null("basis", list[i].basis, b);
        vs_buf_puts(b, "}");
    }
    vs_buf_puts(b, "]");
}

static void invariants(const struct vs_plan *p, struct vs_buf *b)
{
    vs_buf_puts(b, ",\"invariants\":[");
    for (uint32_t i = 0; i < p->invariant_count; i++) {
        vs_buf_puts(b, i ? ",{\"text\":" : "{\"text\":");
        vs_buf_json_str(b, vs_cstr(p->invariants[i].text));
        vs_buf_printf(b, ",\"before\":%s,\"after\":%s}", p->invariants[i].before ? "true" : "false", p->invariants[i].after ? "true" : "false");
    }
    vs_buf_puts(b, "]");
}

static void strings(const char *key, const char *const *list, uint32_t count, struct vs_buf *b)
{
    vs_buf_printf(b, ",\"%s\":[", key);
    for (uint32_t i = 0; i < count; i++) {
        vs_buf_puts(b, i ? "," : "");
        vs_buf_json_str(b, vs_cstr(list[i]));
    }
    vs_buf_puts(b, "]");
}

enum vs_code vs_plan_json(const struct vs_plan *plan, const struct vs_plan_done *done, struct vs_buf *json, struct vs_err *err)
{
    vs_buf_puts(json, "{\"schema\":\"vocabsurgeon/plan/1\"");
    text_or_null("out", done ? done->out : NULL, json);
    text_or_null("receipt", done ? done->receipt : NULL, json);
    inputs(plan, json);
    vs_buf_printf(json, ",\"shift\":{\"at\":%llu,\"by\":%llu},\"tables\":[", (ull)plan->shift.at, (ull)plan->shift.by);
    for (uint32_t i = 0; plan->checkpoint && i < plan->table_count; i++) {
        vs_buf_puts(json, i ? "," : "");
        table(plan, &plan->tables[i], json);
    }
    vs_buf_puts(json, "]");
    edits(plan, json);
    blocks("blocks", plan->blocks, plan->block_count, json);
    blocks("blocks_after", plan->blocks_after, plan->blocks_after_count, json);
    invariants(plan, json);
    strings("notes", plan->notes, plan->note_count, json);
    vs_buf_puts(json, "}\n");
    return json->failed ? vs_enomem(err, "the plan", json->n) : VS_OK;
}
