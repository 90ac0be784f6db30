/* SPDX-License-Identifier: Apache-2.0
 *
 * L3 and L4: the model runs. Which ids of the vocabulary it is asked, which of its rows are old, new or without a token, and whether the
 * base must run as well.
 */
#include "check/forward.h"

#define PROMPT_LENGTH 8u
#define SAMPLE_CPU 24u   /* old ids; as many tokens again for new and special ones make a batch that costs no more than reading */
#define SAMPLE_GPU 256u
#define PROMPTS_ONLY "--prompts-only: nothing but the prompts given ran"

static void not_run(struct checker *k, const char *why)
{
    k->r->levels[3].why = k->r->levels[4].why = why;
}

/* ---- rows ---- */

/* New: what a map, a receipt or a shift says; without one, tokens behind those of the base. */
static bool is_new(const struct forward *f, uint64_t id)
{
    const struct checker *k = f->k;
    const struct vs_facts *base = k->impl->base;
    if (k->impl->fresh)
        return id < f->rows && vs_bit(k->impl->fresh, id);
    return base && base->tokenizer && !vs_is_unlike(k) && id >= base->tokenizer->rows_needed;
}

/* A model that cannot be run has its input table all the same. */
static enum vs_code classify(struct forward *f, bool runnable)
{
    struct checker *k = f->k;
    uint64_t head = runnable ? f->model.binding.model[VS_W_HEAD].weight.rows : 0;
    bool blocks = k->r->facts->block_count > 1; /* ids of other modalities have no token */
    f->rows = runnable ? f->model.binding.model[VS_W_EMBED].weight.rows : k->input && k->input->cols ? k->input->rows : 0;
    f->class_rows = head > f->rows ? head : f->rows;
    f->classes = vs_arena_array(&k->impl->arena, f->class_rows + 1, sizeof *f->classes);
    f->fresh = vs_bits_new(k, f->class_rows);
    if (!f->classes || !f->fresh)
        return vs_enomem(k->err, "classes of rows", f->class_rows);
    for (uint64_t id = 0; id < f->class_rows; id++) {
        bool token = !k->t || blocks || vs_has_token(k, id);
        f->classes[id] = !token && k->input && vs_is_suppressed(k, id) ? VS_F_MASKED : !token ? VS_F_SURPLUS : is_new(f, id) ? VS_F_NEW : VS_F_OLD;
        if (f->classes[id] == VS_F_NEW || is_new(f, id))
            vs_bit_set(f->fresh, id);
    }
    return VS_OK;
}

/* ---- prompts of the vocabulary ---- */

static enum vs_code add_specials(struct forward *f, uint32_t length)
{
    struct checker *k = f->k;
    struct vs_bits *set = vs_bits_new(k, f->rows);
    if (!set)
        return k->err->code;
    for (size_t i = 0; i < k->c->config.special_id_count; i++) {
        int64_t id = k->c->config.special_ids[i].value;
        if (id >= 0 && (uint64_t)id < f->rows && !k->c->config.special_ids[i].suppressed)
            vs_bit_set(set, (uint64_t)id);
    }
    return vs_prompts_every(set->words, f->rows, length, VS_PROMPT_SPECIAL, &f->prompts, k->err);
}

static enum vs_code add_sets(struct forward *f)
{
    struct checker *k = f->k;
    struct vs_bits *old = vs_bits_new(k, f->rows), *fresh = vs_bits_new(k, f->rows);
    uint64_t n = vs_dev_shares(k->dev) ? SAMPLE_CPU : SAMPLE_GPU;
    uint32_t length = vs_forward_positions(f) < PROMPT_LENGTH ? vs_forward_positions(f) : PROMPT_LENGTH;
    if (!old || !fresh)
        return k->err->code;
    for (uint64_t id = 0; id < f->rows; id++)
        if (!vs_is_tokenless(f, id))
            vs_bit_set(f->classes[id] == VS_F_NEW ? fresh : old, id);
    enum vs_code code = vs_prompts_sample(old->words, f->rows, n, length, &f->prompts, k->err);
    if (!code)
        code = vs_prompts_every(fresh->words, f->rows, length, VS_PROMPT_NEW, &f->prompts, k->err);
    return code ? code : add_specials(f, length);
}

/* ---- running ---- */

static enum vs_code read_eos(struct forward *f)
{
    struct checker *k = f->k;
    f->eos = vs_arena_array(&k->impl->arena, k->c->config.special_id_count + 1, sizeof *f->eos);
    if (!f->eos)
        return vs_enomem(k->err, "end tokens", k->c->config.special_id_count);
    for (size_t i = 0; i < k->c->config.special_id_count; i++)
        if (vs_str_is(k->c->config.special_ids[i].name, "eos_token_id") && k->c->config.special_ids[i].value >= 0)
            f->eos[f->eos_count++] = (uint32_t)k->c->config.special_ids[i].value;
    return VS_OK;
}

static uint64_t old_end(const struct forward *f, uint64_t rows)
{
    const struct vs_tokenizer *t = f->k->impl->base->tokenizer;
    return f->k->impl->shift.by || !t || t->rows_needed > rows ? rows : t->rows_needed;
}

static bool another_model(const struct forward *f)
{
    const struct vs_arch *a = &f->base.arch, *b = &f->model.arch;
    return f->k->impl->another_model || a->hidden != b->hidden || a->layers != b->layers || a->encoder != b->encoder;
}

/* NULL: the base runs too. */
static const char *why_not_compared(const struct forward *f)
{
    return !f->base.c ? "no --base" : f->base.obstacle.kind ? "the base cannot be run" : another_model(f) ? "the base is another model" : NULL;
}

/* L1 is decided. Nothing stands for the base then but its own trunk? */
static bool both_run(const struct forward *f)
{
    return !why_not_compared(f) && f->k->r->levels[1].state != VS_PASS;
}

/* The trunks differ, which the first run did not know. What it wrote and continued when it came to its end is the model's own,
 * and stays. */
static enum vs_code run_again(struct forward *f, const struct vs_forward_job *j, struct vs_forward_report *r, struct vs_forward_verdicts *v)
{
    struct checker *k = f->k;
    struct vs_forward_report first = *r;
    struct vs_forward_request q = *j->q;
    struct vs_forward_job job = *j;
    if (v->stopped)
        return vs_forward_run(&job, &k->impl->arena, r, v, k->err);
    q.generate = 0;
    q.dump_logits = NULL;
    job.q = &q;
    enum vs_code code = vs_forward_run(&job, &k->impl->arena, r, v, k->err);
    r->generated = first.generated;
    r->generated_count = first.generated_count;
    r->tokens_per_second = first.tokens_per_second;
    r->dumped = first.dumped;
    return code;
}

/* While L1 is hoped for, one trunk is taken for both and compared as it is read: that decides L1. Where the bytes part, a run that
 * stood for the base too stops. */
static enum vs_code run_hoping(struct forward *f, const struct vs_forward_job *j, struct vs_forward_report *r, struct vs_forward_verdicts *v)
{
    struct checker *k = f->k;
    struct vs_forward_job job = *j;
    job.same_trunk = true;
    job.tap = vs_watch_tap(k->watch);
    vs_watch_stop(k->watch, j->base != NULL);
    enum vs_code code = vs_forward_run(&job, &k->impl->arena, r, v, k->err);
    vs_watch_stop(k->watch, false);
    if (!code)
        code = vs_level_1(k);
    if (code)
        return code;
    if (both_run(f))
        return run_again(f, j, r, v);
    return !v->stopped ? VS_OK : vs_fail(k->err, VS_EFORMAT, "%s: bytes that differed from the base's are equal now: a file changed while it was "
                                         "read; check again when nobody writes", k->q->path);
}

static enum vs_code run(struct forward *f)
{
    struct checker *k = f->k;
    const char *alone = why_not_compared(f);
    bool good;
    struct vs_forward_verdicts v;
    const struct vs_forward_job j = {
        .dev = k->dev, .run = k->run, .q = f->q, .model = &f->model, .base = alone ? NULL : &f->base, .same_trunk = k->r->levels[1].state == VS_PASS,
        .tokenizer = k->t, .prompts = &f->prompts, .row_class = f->classes, .shift_at = k->impl->shift.at, .shift_by = k->impl->shift.by,
        .fresh = f->fresh->words, .eos = f->eos, .eos_count = f->eos_count, .dump = &k->impl->dump,
        .old_end = alone ? 0 : old_end(f, f->base.binding.model[f->model.arch.encoder ? VS_W_EMBED : VS_W_HEAD].weight.rows)};
    struct vs_forward_report *r = vs_arena_alloc(&k->impl->arena, sizeof *r);
    if (!r)
        return vs_enomem(k->err, "a report", sizeof *r);
    enum vs_code code = k->l1 == L1_HOPED ? run_hoping(f, &j, r, &v) : vs_forward_run(&j, &k->impl->arena, r, &v, k->err);
    if (code)
        return code;
    bool two = both_run(f);
    k->r->forward = r;
    vs_forward_findings(k, &f->model, &v, two, &good);
    if (!r->prompts) {
        not_run(k, "no prompt that can be run");
        return VS_OK;
    }
    const bool passes = good && (!two || !r->first_differing_stage);
    k->r->levels[two ? 4 : 3] = !passes ? (struct vs_level){VS_FAIL, NULL} : f->q->prompts_only ? (struct vs_level){VS_NOT_RUN, PROMPTS_ONLY} :
                                                                                                 (struct vs_level){VS_PASS, NULL};
    const char *instead = two ? "L1 does not pass: both models ran, which is L4" : "L1 proves the trunks equal: one run stands for both";
    k->r->levels[two ? 3 : 4].why = alone ? alone : instead;
    return VS_OK;
}

/* What cannot be given is not passed over where it was asked for. */
static enum vs_code refuse(const struct forward *f, const char *why)
{
    not_run(f->k, why);
    if (!f->q->dump_logits && !f->q->generate && !f->q->prompts_only)
        return VS_OK;
    return vs_fail(f->k->err, VS_EUNSUPPORTED, "%s: %s: %s", f->k->q->path, f->q->generate ? "nothing can follow a prompt" :
                   f->q->dump_logits ? "no logits to write" : "no prompt can run", why);
}

static enum vs_code open_models(struct forward *f, bool *runnable)
{
    struct checker *k = f->k;
    *runnable = false;
    if (!k->c || !k->c->tensor_count) /* a vocabulary alone is a GGUF file too */
        return refuse(f, "no weights");
    enum vs_code code = vs_model_open(k->c, k->q->data_dir, f->q->arch_desc, &f->model, k->err);
    if (code)
        return code;
    if (f->model.obstacle.kind)
        return refuse(f, vs_obstacle_finding(k, &f->model.obstacle));
    *runnable = true;
    if (f->model.arch.encoder && f->q->generate)
        return vs_fail(k->err, VS_EUSAGE, "%s: --generate: this is an encoder, nothing follows a prompt; leave it out", k->q->path);
    if (k->impl->base && k->impl->base->checkpoint && k->impl->base->checkpoint->file_count)
        code = vs_model_open(k->impl->base->checkpoint, k->q->data_dir, f->q->arch_desc, &f->base, k->err);
    return code;
}

enum vs_code vs_check_forward(struct checker *k)
{
    struct forward f = {.k = k, .q = k->q->forward};
    bool runnable = false;
    enum vs_code code = vs_list_prompt_ids(&f);
    if (!code)
        code = open_models(&f, &runnable);
    if (!code && runnable && f.q->fast)
        code = vs_dev_fast(k->dev, true, k->err);
    if (!code && (runnable || f.prompts.count))
        code = classify(&f, runnable);
    if (!code && runnable)
        code = vs_list_prompts(&f);
    if (!code)
        code = vs_check_prompts(&f, runnable);
    if (!code && runnable && !f.q->prompts_only)
        code = add_sets(&f);
    if (!code && runnable)
        code = read_eos(&f);
    if (!code && runnable)
        code = run(&f);
    vs_prompts_free(&f.prompts);
    vs_tokenizer_close(f.encoder);
    vs_model_close(&f.model);
    vs_model_close(&f.base);
    return code;
}
