/* SPDX-License-Identifier: Apache-2.0
 *
 * embed-extend's plan: grow only, spare rows first, every table that has the vocabulary's height.
 */
#include "base/io.h"
#include "plan/extend.h"

static enum vs_code check_usage(const struct vs_extend_request *q, struct vs_err *err)
{
    int asked = (q->map != NULL) + (q->tokenizer != NULL) + (q->add >= 0) + (q->rows >= 0);
    if (asked > 1)
        return vs_fail(err, VS_EUSAGE, "--map, --tokenizer, --add and --rows each say how many rows are needed: expected one of them, found %d",
                       asked);
    if (asked == 0 && q->pad_multiple == 0)
        return vs_fail(err, VS_EUSAGE, "nothing to do: expected one of --map, --tokenizer, --add, --rows (or --pad-multiple alone)");
    return VS_OK;
}

static enum vs_code open_model(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_checkpoint_options options = {.data_dir = p->run->data_dir};
    enum vs_code code = vs_checkpoint_open(p->request->model, &options, &p->plan->impl->checkpoint, err);
    if (code)
        return code;
    p->checkpoint = p->plan->impl->checkpoint;
    p->plan->checkpoint = p->checkpoint;
    if (p->checkpoint->tensor_count == 0)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: no weights found: expected *.safetensors", p->request->model);
    return VS_OK;
}

/* A tied head has no rows of its own to initialise. */
static enum vs_code check_out_init(const struct vs_planner *p, struct vs_err *err)
{
    if (p->request->out_init.method == VS_INIT_DEFAULT)
        return VS_OK;
    for (uint32_t i = 0; i < p->plan->table_count; i++)
        if (vs_role_is_output(p->checkpoint->tables[p->plan->tables[i].table].role))
            return VS_OK;
    return vs_fail(err, VS_EUSAGE, "--out-init: %s stores no head (tied to the input, or a model without one); use --in-init", p->request->model);
}

static enum vs_code plan_steps(struct vs_planner *p, struct vs_err *err)
{
    enum vs_code (*const steps[])(struct vs_planner *, struct vs_err *) = {
        open_model, vs_extend_choose_tables, vs_extend_ids, vs_extend_inits, vs_extend_blocks, vs_extend_fill_tables,
        vs_extend_config_edits, vs_extend_index, vs_extend_files, vs_extend_hazards, vs_extend_layout};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        enum vs_code code = steps[i](p, err);
        if (code)
            return code;
        if (p->run->cancel && *p->run->cancel)
            return vs_fail(err, VS_ECANCELED, "interrupted; nothing was written");
    }
    return check_out_init(p, err);
}

enum vs_code vs_extend_plan(const struct vs_extend_request *request, const struct vs_run *run, struct vs_plan **out, struct vs_err *err)
{
    struct vs_planner p = {.request = request, .run = run};
    enum vs_code code = check_usage(request, err);
    *out = NULL;
    if (code)
        return code;
    if (!(p.plan = vs_plan_new()))
        return vs_enomem(err, "a plan", sizeof *p.plan);
    p.arena = &p.plan->impl->arena;
    if (!(p.x = p.plan->impl->extend = vs_arena_alloc(p.arena, sizeof *p.x)))
        code = vs_enomem(err, "a plan", sizeof *p.x);
    else
        code = plan_steps(&p, err);
    if (code)
        vs_plan_free(p.plan);
    else
        *out = p.plan;
    return code;
}
