/* SPDX-License-Identifier: Apache-2.0
 *
 * Models whose text is followed by blocks of other ids: the new rows stand at the end of the text block, and the layout
 * engine (offsets.h) says what that means for every tensor and every file.
 */
#include "plan/extend.h"
#include "plan/offsets.h"

static struct vs_str table_name(const struct vs_planner *p, uint32_t table)
{
    return p->checkpoint->tensors[p->checkpoint->tables[table].tensor].name;
}

static const struct vs_offsets_tensor *find(const struct vs_offsets *o, struct vs_str name)
{
    for (uint32_t i = 0; i < o->tensor_count; i++)
        if (vs_str_eq(o->tensors[i].name, name))
            return &o->tensors[i];
    return NULL;
}

/* A layout that lets a tensor grow which is no table here would leave it behind. */
static enum vs_code check_all_found(const struct vs_planner *p, const struct vs_offsets *o, struct vs_err *err)
{
    for (uint32_t i = 0; i < o->tensor_count; i++) {
        bool found = !o->tensors[i].present || !o->tensors[i].grows;
        for (uint32_t k = 0; k < p->plan->table_count && !found; k++)
            found = vs_str_eq(table_name(p, p->plan->tables[k].table), o->tensors[i].name);
        if (!found)
            return vs_fail(err, VS_EUNSUPPORTED, "%s: the layout of %s says that %.*s grows, but it is no known table or is ignored; "
                           "name it with --table", p->request->model, o->rule, VS_STR(o->tensors[i].name));
    }
    return VS_OK;
}

static enum vs_code place_tables(struct vs_planner *p, const struct vs_offsets *o, struct vs_err *err)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < p->plan->table_count; i++) {
        struct vs_table_plan t = p->plan->tables[i];
        const struct vs_offsets_tensor *at = find(o, table_name(p, t.table));
        if (!at)
            return vs_fail(err, VS_EUNSUPPORTED, "%s: the layout of %s does not name the table %.*s; leave it as it is with --ignore",
                           p->request->model, o->rule, VS_STR(table_name(p, t.table)));
        if (!at->grows)
            continue;
        if (at->first_id) /* rows are counted as ids from here on */
            return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s begins at id %llu (%s); only tables whose row 0 is id 0 can grow", p->request->model,
                           VS_STR(at->name), (unsigned long long)at->first_id, o->rule);
        t.insert_at = at->insert_at;
        t.rows_after = at->rows_after;
        p->plan->tables[kept++] = t;
    }
    p->plan->table_count = kept;
    return check_all_found(p, o, err);
}

/* Placeholders have names: a token each. */
static enum vs_code name_runs(struct vs_planner *p, const struct vs_offsets *o, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    struct vs_extend_token *each = vs_arena_array(p->arena, x->id_count + 1, sizeof *each);
    uint32_t n = 0;
    if (!each)
        return vs_enomem(err, "the new tokens", x->id_count * sizeof *each);
    for (uint32_t i = 0; i < x->token_count; i++)
        for (uint64_t k = 0; k < x->tokens[i].count; k++, n++) {
            each[n] = x->tokens[i];
            each[n].count = 1;
            if (each[n].token.n == 0)
                each[n].token = o->names[n];
        }
    x->tokens = each;
    x->token_count = n;
    return VS_OK;
}

/* In the output the new ids are P, P + 1, ...; all that was there stays in use. */
static enum vs_code renumber(struct vs_planner *p, const struct vs_offsets *o, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    enum vs_code code = o->names ? name_runs(p, o, err) : VS_OK;
    uint64_t id = p->plan->shift.at;
    for (uint32_t i = 0; !code && i < x->token_count; i++) {
        x->tokens[i].id = id;
        id += x->tokens[i].count;
    }
    x->base_needed = x->rows_before;
    x->needed = p->plan->shift.at + x->id_count;
    x->rows_after = x->rows_before + p->plan->shift.by;
    x->spare_used = 0;
    x->in_use = NULL;
    return code;
}

static uint64_t padding(const struct vs_planner *p)
{
    uint64_t m = p->request->pad_multiple, rows = p->x->rows_before + p->x->id_count;
    return m && rows % m ? m - rows % m : 0;
}

enum vs_code vs_extend_blocks(struct vs_planner *p, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    struct vs_offsets offsets = {0};
    struct vs_offsets_request request = {.checkpoint = p->checkpoint, .token_dir = p->token_dir,
                                         .new_count = (uint32_t)x->id_count, .rows_extra = padding(p), .again = true,
                                         .cancel = p->run->cancel};
    uint32_t *ids = vs_arena_array(p->arena, (size_t)x->token_count + 1, sizeof *ids);
    if (!ids)
        return vs_enomem(err, "the new ids", x->token_count * sizeof *ids);
    for (uint32_t i = 0; i < x->token_count; i++)
        ids[i] = (uint32_t)x->tokens[i].id;
    request.new_ids = p->request->map || p->request->tokenizer ? ids : NULL;
    if (p->request->rows >= 0) { /* rows asked for by number have no tokens, not even placeholders */
        request.new_count = 0;
        request.rows_extra += x->id_count;
    }
    enum vs_code code = vs_offsets_plan(&request, p->plan, &offsets, err);
    if (code || !offsets.rule || !p->plan->shift.by)
        return code;
    code = renumber(p, &offsets, err);
    return code ? code : place_tables(p, &offsets, err);
}
