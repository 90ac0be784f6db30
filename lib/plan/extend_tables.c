/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tensors grow, and where every row of them comes from.
 */
#include "plan/extend.h"

static bool listed(const char *const *names, size_t count, struct vs_str name)
{
    for (size_t i = 0; i < count; i++)
        if (vs_str_is(name, names[i]))
            return true;
    return false;
}

static struct vs_str table_name(const struct vs_planner *p, const struct vs_table *t)
{
    return p->checkpoint->tensors[t->tensor].name;
}

/* Elements per row of an axis: everything else of the shape. */
static enum vs_code measure(const struct vs_tensor *t, struct vs_table *table, struct vs_err *err)
{
    table->rows = t->shape[table->axis];
    table->cols = 1;
    for (uint32_t d = 0; d < t->ndim; d++)
        if (d != table->axis && !vs_mul(table->cols, t->shape[d], &table->cols))
            return vs_fail(err, VS_ELIMIT, "%.*s: shape overflows", VS_STR(t->name));
    return VS_OK;
}

static bool parse_role(struct vs_str s, enum vs_role *out)
{
    static const enum vs_role roles[] = {VS_ROLE_INPUT, VS_ROLE_HEAD, VS_ROLE_BIAS, VS_ROLE_PLE};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (vs_str_is(s, vs_role_name(roles[i]))) {
            *out = roles[i];
            return true;
        }
    return false;
}

/* --table NAME:axis=role. The name may hold colons, so it is split from the end. */
static enum vs_code declare(struct vs_planner *p, const char *spec, struct vs_err *err)
{
    struct vs_checkpoint *c = p->checkpoint;
    const char *colon = strrchr(spec, ':'), *equals = colon ? strchr(colon, '=') : NULL;
    struct vs_table table = {0};
    if (!equals || equals != colon + 2 || colon[1] < '0' || colon[1] > '9' || !parse_role(vs_cstr(equals + 1), &table.role))
        return vs_fail(err, VS_EUSAGE, "--table %s: expected NAME:AXIS=ROLE with an axis 0..9 and a role input, head, bias or ple", spec);
    table.axis = (uint32_t)(colon[1] - '0');
    const struct vs_tensor *t = vs_checkpoint_tensor(c, (struct vs_str){spec, (size_t)(colon - spec)});
    if (!t)
        return vs_fail(err, VS_EMISMATCH, "--table %s: %s has no tensor of that name", spec, p->request->model);
    if (table.axis >= t->ndim)
        return vs_fail(err, VS_EMISMATCH, "--table %s: the tensor has %u dimensions, axis %u does not exist", spec, t->ndim, table.axis);
    table.tensor = (uint32_t)(t - c->tensors);
    enum vs_code code = measure(t, &table, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < c->table_count; i++)
        if (c->tables[i].tensor == table.tensor) {
            c->tables[i] = table;
            return VS_OK;
        }
    struct vs_table *tables = vs_arena_array(p->arena, c->table_count + 1, sizeof *tables);
    if (!tables)
        return vs_enomem(err, "the list of tables", sizeof *tables);
    if (c->table_count)
        memcpy(tables, c->tables, c->table_count * sizeof *tables);
    tables[c->table_count++] = table;
    c->tables = tables;
    return VS_OK;
}

static bool ignored(const struct vs_planner *p, const struct vs_table *t)
{
    return listed(p->request->ignore, p->request->ignore_count, table_name(p, t));
}

static enum vs_code apply_options(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_extend_request *q = p->request;
    for (size_t i = 0; i < q->ignore_count; i++)
        if (!vs_checkpoint_tensor(p->checkpoint, vs_cstr(q->ignore[i])))
            return vs_fail(err, VS_EMISMATCH, "--ignore %s: %s has no tensor of that name", q->ignore[i], q->model);
    for (size_t i = 0; i < q->table_count; i++) {
        enum vs_code code = declare(p, q->tables[i], err);
        if (code)
            return code;
    }
    const struct vs_tensor *apart = vs_checkpoint_apart(p->checkpoint);
    if (apart) /* left as it is, its ids would become others */
        return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s holds the rows of ids behind the table, which would be in the way of new ones: such models "
                       "cannot be extended yet", q->model, VS_STR(apart->name));
    for (uint32_t i = 0; i < p->checkpoint->table_count; i++) {
        const struct vs_table *t = &p->checkpoint->tables[i];
        if (t->suspect && !ignored(p, t))
            return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s has an axis of the vocabulary's size (axis %u, %llu) but no name table knows it; "
                           "say what it is with --table %.*s:%u=ROLE (input, head, bias, ple) or leave it alone with --ignore %.*s",
                           q->model, VS_STR(table_name(p, t)), t->axis, (unsigned long long)t->rows, VS_STR(table_name(p, t)), t->axis,
                           VS_STR(table_name(p, t)));
    }
    return VS_OK;
}

/* What cannot be grown row by row is refused by name before anything is written. */
static enum vs_code check_table(const struct vs_planner *p, const struct vs_table *t, struct vs_err *err)
{
    const struct vs_tensor *tensor = &p->checkpoint->tensors[t->tensor];
    uint64_t outer = 1;
    for (uint32_t d = 0; d < t->axis; d++)
        outer *= tensor->shape[d];
    if (!vs_dtype_is_float(tensor->dtype))
        return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s is stored as %s: quantised tables cannot be extended; expected F32, F16, BF16 or F64 "
                       "(extend the unquantised model, then quantise)", p->request->model, VS_STR(tensor->name), vs_dtype_name(tensor->dtype));
    if (outer != 1)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s: the vocabulary is axis %u behind %llu other elements; only tables whose rows lie one "
                       "after the other can grow", p->request->model, VS_STR(tensor->name), t->axis, (unsigned long long)outer);
    if (t->rows == 0 || t->cols == 0)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s is empty (%llu rows of %llu); it was probably saved from a partitioned run",
                       p->request->model, VS_STR(tensor->name), (unsigned long long)t->rows, (unsigned long long)t->cols);
    return VS_OK;
}

static enum vs_code add_table(struct vs_planner *p, uint32_t at, struct vs_err *err)
{
    struct vs_plan *plan = p->plan;
    enum vs_code code = check_table(p, &p->checkpoint->tables[at], err);
    if (!code)
        plan->tables[plan->table_count++] = (struct vs_table_plan){.table = at, .rows_before = p->checkpoint->tables[at].rows};
    return code;
}

/* Input first: its rows are the rows of the text. Other copies must have as many, unless blocks say otherwise. */
enum vs_code vs_extend_choose_tables(struct vs_planner *p, struct vs_err *err)
{
    struct vs_checkpoint *c = p->checkpoint;
    enum vs_code code = apply_options(p, err);
    if (code)
        return code;
    if (!(p->plan->tables = vs_arena_array(p->arena, c->table_count + 1, sizeof *p->plan->tables)))
        return vs_enomem(err, "the list of tables", c->table_count * sizeof *p->plan->tables);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < c->table_count; i++) {
            const struct vs_table *t = &c->tables[i];
            if (vs_role_is_text(t->role) && (t->role == VS_ROLE_INPUT) == (pass == 0) && !t->suspect && !ignored(p, t) &&
                (code = add_table(p, i, err)))
                return code;
        }
    if (p->plan->table_count == 0 || c->tables[p->plan->tables[0].table].role != VS_ROLE_INPUT)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: no input embedding table is known by name among %llu tensors; "
                       "name it with --table NAME:0=input", p->request->model, (unsigned long long)c->tensor_count);
    p->x->rows_before = p->plan->tables[0].rows_before;
    return VS_OK;
}

/* Pieces and copied rows must exist in this table too: a per-layer table may be lower than the input. */
static enum vs_code check_sources(const struct vs_planner *p, const struct vs_table_plan *t, const struct vs_row_init *init, struct vs_err *err)
{
    uint64_t highest = init->init.method == VS_INIT_COPY ? init->init.copy_id : 0;
    for (uint32_t i = 0; init->init.method == VS_INIT_PIECES && i < init->piece_count; i++)
        highest = init->pieces[i] > highest ? init->pieces[i] : highest;
    if (highest < t->rows_before)
        return VS_OK;
    return vs_fail(err, VS_EMISMATCH, "%s: row %llu of %.*s is to be made from row %llu, but it has %llu rows; choose another --init",
                   p->request->model, (unsigned long long)init->row, VS_STR(table_name(p, &p->checkpoint->tables[t->table])),
                   (unsigned long long)highest, (unsigned long long)t->rows_before);
}

static struct vs_init init_for(const struct vs_extend_token *t, enum vs_role role)
{
    return vs_role_is_output(role) ? t->out : t->in;
}

static struct vs_row_init token_rows(const struct vs_extend_token *t, enum vs_role role)
{
    return (struct vs_row_init){.row = t->id, .count = t->count, .init = init_for(t, role), .token = t->token, .pieces = t->pieces,
                                .piece_count = t->piece_count};
}

/* Copies and inits of a table: rows of new tokens and rows beyond the old end (or where rows are inserted) are initialised. */
static enum vs_code fill(struct vs_planner *p, struct vs_table_plan *t, struct vs_err *err)
{
    const struct vs_extend *x = p->x;
    enum vs_role role = p->checkpoint->tables[t->table].role;
    uint64_t at = p->plan->shift.by ? t->insert_at : t->rows_before, grown = t->rows_after - t->rows_before;
    uint64_t most = 2 * (uint64_t)x->token_count + 2; /* between tokens lies one run at most */
    t->inits = vs_arena_array(p->arena, most, sizeof *t->inits);
    t->copies = vs_arena_array(p->arena, (uint64_t)x->token_count + 2, sizeof *t->copies);
    if (!t->inits || !t->copies)
        return vs_enomem(err, "the rows of a table", most * sizeof *t->inits);

    uint64_t row = 0, token = 0;
    while (row < t->rows_after) {
        const struct vs_extend_token *next = token < x->token_count ? &x->tokens[token] : NULL;
        bool is_new = row >= at && row < at + grown;
        uint64_t end = row < at ? at : is_new ? at + grown : t->rows_after;
        if (next && next->id > row && next->id < end)
            end = next->id;
        if (next && next->id == row) {
            struct vs_row_init *init = &t->inits[t->init_count++];
            *init = token_rows(next, role);
            enum vs_code code = check_sources(p, t, init, err);
            if (code)
                return code;
            end = row + next->count;
            token++;
        } else if (is_new) {
            t->inits[t->init_count++] = (struct vs_row_init){.row = row, .count = end - row, .init = {.method = VS_INIT_MEAN}};
        } else {
            t->copies[t->copy_count++] = (struct vs_row_copy){row, end, row < at ? row : row - grown};
        }
        row = end;
    }
    return VS_OK;
}

/* A head (or its bias) that was cut: the rows that are missing are in the original, nowhere else. */
static enum vs_code check_rows(struct vs_planner *p, const struct vs_table_plan *t, struct vs_err *err)
{
    const struct vs_table *first = &p->checkpoint->tables[p->plan->tables[0].table], *table = &p->checkpoint->tables[t->table];
    const char *role = vs_role_name(table->role);
    if (t->rows_before == p->x->rows_before)
        return VS_OK;
    if (vs_role_is_output(table->role) && t->rows_before < p->x->rows_before)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s has %llu rows, expected %llu as in %.*s: another height of a table (%s), without rows from id "
                       "%llu on. If it was cut, take the %s of the original model; where it is lower by design, the family's own rule is needed",
                       p->request->model, VS_STR(table_name(p, table)), (unsigned long long)t->rows_before, (unsigned long long)p->x->rows_before,
                       VS_STR(table_name(p, first)), role, (unsigned long long)t->rows_before, role);
    return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s has %llu rows, %.*s has %llu: another height of a table (%s) needs the family's own rule; "
                   "--ignore %.*s leaves it as it is", p->request->model, VS_STR(table_name(p, table)),
                   (unsigned long long)t->rows_before, VS_STR(table_name(p, first)), (unsigned long long)p->x->rows_before,
                   role, VS_STR(table_name(p, table)));
}

/* --ignore is for what is no table. A head that is known by name and left lower than the input makes a model that does not load. */
static enum vs_code check_ignored_heads(const struct vs_planner *p, struct vs_err *err)
{
    for (uint32_t i = 0; i < p->checkpoint->table_count; i++) {
        const struct vs_table *t = &p->checkpoint->tables[i];
        if (vs_role_is_output(t->role) && !t->suspect && ignored(p, t) && t->rows < p->x->rows_after)
            return vs_fail(err, VS_EMISMATCH, "--ignore %.*s: it is the model's %s and has %llu rows, the input would have %llu: such a model does "
                           "not load; %s", VS_STR(table_name(p, t)), vs_role_name(t->role), (unsigned long long)t->rows,
                           (unsigned long long)p->x->rows_after, t->rows < p->x->rows_before ? "take the head of the original model" :
                           "let it grow with the input");
    }
    return VS_OK;
}

/* A stored head that the config calls tied: whether it is, its bytes will say. */
static enum vs_code mark_tied(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_config *c = &p->checkpoint->config;
    enum vs_tie tie = c->tie == VS_TIE_UNKNOWN ? c->tie_default : c->tie;
    if (!(p->x->maybe_tied = vs_arena_array(p->arena, p->plan->table_count + 1, sizeof *p->x->maybe_tied)))
        return vs_enomem(err, "the list of tables", 0);
    for (uint32_t i = 0; i < p->plan->table_count; i++)
        p->x->maybe_tied[i] = tie != VS_TIE_FALSE && p->checkpoint->tables[p->plan->tables[i].table].role == VS_ROLE_HEAD;
    return VS_OK;
}

enum vs_code vs_extend_fill_tables(struct vs_planner *p, struct vs_err *err)
{
    struct vs_plan *plan = p->plan;
    enum vs_code code = check_ignored_heads(p, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < plan->table_count; i++) {
        struct vs_table_plan *t = &plan->tables[i];
        if (!plan->shift.by) {
            if ((code = check_rows(p, t, err)))
                return code;
            t->rows_after = p->x->rows_after;
            t->insert_at = t->rows_before;
        }
        enum vs_role role = p->checkpoint->tables[t->table].role;
        t->default_init = vs_role_is_output(role) ? p->request->out_init : p->request->in_init;
        if (t->default_init.method == VS_INIT_DEFAULT)
            t->default_init = p->request->init;
        if (t->default_init.method == VS_INIT_DEFAULT)
            t->default_init.method = plan->map || p->x->pieces_known ? VS_INIT_PIECES : VS_INIT_MEAN;
        if ((code = fill(p, t, err)))
            return code;
    }
    return mark_tied(p, err);
}
