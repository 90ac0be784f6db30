/* SPDX-License-Identifier: Apache-2.0
 *
 * embed-extend: the whole plan into a staged directory, which becomes OUT in one rename.
 */
#include "exec/exec.h"

#define WORK_MOST (16ull << 20) /* larger windows gain nothing, unless rows are wider */
#define WORK_LEAST (64ull << 10)

/* What one step needs at once: two rows, or a new row and the old ones that it is made of. */
static uint64_t widest_step(const struct vs_job *j)
{
    uint64_t widest = 0;
    for (uint32_t i = 0; i < j->plan->table_count; i++) {
        const struct vs_table_plan *t = &j->plan->tables[i];
        const struct vs_table *table = &j->plan->checkpoint->tables[t->table];
        uint64_t rows = 2, bytes = table->cols * vs_dtype_bits(j->plan->checkpoint->tensors[table->tensor].dtype) / 8;
        for (uint32_t k = 0; k < t->init_count; k++)
            if (t->inits[k].init.method == VS_INIT_PIECES && 1 + (uint64_t)t->inits[k].piece_count > rows)
                rows = 1 + (uint64_t)t->inits[k].piece_count;
        if (!vs_mul(rows, bytes, &bytes) || bytes > widest)
            widest = bytes;
    }
    return widest;
}

/* Half of --memory is the window; the rest is left to the kernels and to what the plan holds. */
static enum vs_code workspace(struct vs_job *j, struct vs_err *err)
{
    uint64_t memory = j->run->memory ? j->run->memory : VS_MEMORY_DEFAULT, size = memory / 2, most = widest_step(j) + 64;
    most = most > WORK_MOST ? most : WORK_MOST;
    size = size > most ? most : size < WORK_LEAST ? WORK_LEAST : size;
    j->work_size = (size_t)(size & ~63ull);
    j->work = vs_malloc(j->work_size);
    return j->work ? VS_OK : vs_enomem(err, "the workspace", j->work_size);
}

static bool same_methods(const struct vs_table_plan *a, const struct vs_table_plan *b)
{
    for (uint32_t i = 0; i < a->init_count; i++)
        if (a->inits[i].init.method != b->inits[i].init.method || a->inits[i].init.copy_id != b->inits[i].init.copy_id)
            return false;
    return true;
}

static enum vs_code decide_tie(struct vs_job *j, uint32_t table, struct vs_err *err)
{
    const struct vs_table_plan *head = &j->plan->tables[table], *input = &j->plan->tables[0];
    const struct vs_checkpoint *c = j->plan->checkpoint;
    struct vs_str name = c->tensors[c->tables[head->table].tensor].name;
    enum vs_code code = vs_tables_equal(j, head, input, &j->twin[table], err);
    if (code)
        return code;
    j->tied = j->tied != 0 && j->twin[table];
    if (j->twin[table])
        j->report.twin = name;
    else if (c->config.tie == VS_TIE_TRUE || (c->config.tie == VS_TIE_UNKNOWN && c->config.tie_default == VS_TIE_TRUE))
        j->report.loner = name;
    if (j->twin[table] && j->request->out_init.method != VS_INIT_DEFAULT && !same_methods(head, input))
        return vs_fail(err, VS_EUSAGE, "--out-init: %.*s is tied to the input (the config says so and the bytes agree), so its rows are the input's; "
                       "use --in-init", VS_STR(name));
    return VS_OK;
}

static enum vs_code decide_ties(struct vs_job *j, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    j->tied = -1;
    j->ranges = vs_arena_array(&j->arena, j->plan->table_count, sizeof *j->ranges);
    j->twin = vs_arena_array(&j->arena, j->plan->table_count, sizeof *j->twin);
    if (!j->ranges || !j->twin)
        return vs_enomem(err, "the list of tables", j->plan->table_count * sizeof *j->ranges);
    for (uint32_t i = 0; !code && i < j->plan->table_count; i++)
        if (j->x->maybe_tied[i])
            code = decide_tie(j, i, err);
    return code;
}

static enum vs_code begin_output(struct vs_job *j, const char *out, struct vs_err *err)
{
    const struct vs_extend_request *q = j->request;
    const struct vs_checkpoint *c = j->plan->checkpoint;
    uint32_t count = 0;
    const char **inputs = vs_arena_array(&j->arena, 5 + (size_t)c->file_count, sizeof *inputs);
    if (!inputs)
        return vs_enomem(err, "the list of inputs", c->file_count * sizeof *inputs);
    if (!c->is_file)
        inputs[count++] = c->dir;
    for (uint32_t i = 0; i < c->file_count; i++)
        inputs[count++] = c->files[i].path;
    const char *others[] = {q->map, q->tokenizer, q->init_file};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i])
            inputs[count++] = others[i];
    return vs_outdir_begin(out, q->force, inputs, count, &j->out, err);
}

/* What a table takes beside being written: every row is read back, and old rows are read twice for a deviation. */
static uint64_t bytes_to_read(const struct vs_job *j, uint32_t i)
{
    const struct vs_table_plan *t = &j->plan->tables[i];
    const struct vs_table *table = &j->plan->checkpoint->tables[t->table];
    uint64_t row = table->cols * vs_dtype_bits(j->plan->checkpoint->tensors[table->tensor].dtype) / 8;
    const struct vs_table_plan *made_as = &j->plan->tables[j->twin[i] ? 0 : i];
    bool normal = false;
    for (uint32_t k = 0; k < made_as->init_count && !normal; k++)
        normal = made_as->inits[k].init.method == VS_INIT_NORMAL;
    return t->init_count ? row * (t->rows_after + (normal ? t->rows_before : 0)) : 0;
}

/* The whole way of the progress bar; only the small files are not counted. */
static uint64_t bytes_to_move(const struct vs_job *j)
{
    const struct vs_checkpoint *c = j->plan->checkpoint;
    uint64_t total = 0;
    for (uint32_t i = 0; i < c->file_count; i++) {
        const struct vs_file_layout *layout = &j->x->layouts[i];
        if (layout->header.p)
            total += layout->size - layout->header.n;
        else if (!j->request->hardlink)
            total += c->files[i].size;
        if (j->request->verify)
            total += c->files[i].size + (layout->header.p ? layout->size : c->files[i].size);
    }
    for (uint32_t i = 0; i < j->plan->table_count; i++)
        total += bytes_to_read(j, i);
    return total;
}

enum vs_code vs_extend_stage(const struct vs_plan *plan, const struct vs_extend_request *request, const char *out, const struct vs_run *run,
                             struct vs_extend_report *report, struct vs_outdir **staged, struct vs_err *err)
{
    struct vs_job j = {.plan = plan, .x = vs_plan_recipe(plan), .request = request, .run = run, .quiet = *run};
    j.quiet.progress = NULL;
    *staged = NULL;
    vs_task_begin(&j.task, &j.quiet, "comparing", 0);
    enum vs_code code = workspace(&j, err);
    if (!code)
        code = vs_dev_open(VS_DEV_CPU, run->threads, &j.dev, err);
    if (!code)
        code = decide_ties(&j, err);
    if (!code)
        code = begin_output(&j, out, err);
    if (code)
        goto done;
    vs_task_begin(&j.task, run, "writing", bytes_to_move(&j));
    if (!(code = vs_job_files(&j, err)))
        code = vs_receipt_write(&j, err);
    if (!code)
        code = vs_task_step(&j.task, 0, err);
    if (code)
        vs_outdir_abort(j.out);
    else
        *staged = j.out;
done:
    j.report.files_total = plan->checkpoint->file_count;
    if (report)
        *report = j.report;
    vs_dev_close(j.dev);
    vs_free(j.work);
    vs_arena_free(&j.arena);
    return code;
}

enum vs_code vs_extend_run(const struct vs_plan *plan, const struct vs_extend_request *request, const char *out,
                           const struct vs_run *run, struct vs_extend_report *report, struct vs_err *err)
{
    struct vs_outdir *staged;
    enum vs_code code = vs_extend_stage(plan, request, out, run, report, &staged, err);
    if (!code && (code = vs_outdir_commit(staged, err)))
        vs_outdir_abort(staged);
    return code;
}
