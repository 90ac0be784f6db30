/* SPDX-License-Identifier: Apache-2.0
 *
 * L3 and L4: the model runs. Which ids it is asked, which of its rows are old, new or without a token, and whether the
 * base must run as well.
 */
#include "check/forward.h"
#include "tokenizer/load_gguf.h"

#define PROMPT_LENGTH 8u
#define SAMPLE_CPU 24u   /* old ids; as many tokens again for new and special ones make a batch that costs no more than reading */
#define SAMPLE_GPU 256u

struct forward {
    struct checker *k;
    const struct vs_forward_request *q;
    struct vs_model model, base;
    struct vs_prompts prompts;
    uint64_t rows, class_rows;  /* of the input table; of the longer of input table and head */
    uint8_t *classes;
    struct vs_bits *fresh;
    uint32_t *eos, eos_count;
    struct vs_tokenizer *encoder; /* the tokenizer once more, opened to encode: facts are made of ids only */
};

static bool not_run(struct checker *k, const char *why)
{
    k->r->levels[3].why = k->r->levels[4].why = why;
    return false;
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

static enum vs_code classify(struct forward *f)
{
    struct checker *k = f->k;
    uint64_t head = f->model.binding.model[VS_W_HEAD].weight.rows;
    bool blocks = k->r->facts->block_count > 1; /* ids of other modalities have no token */
    f->rows = f->model.binding.model[VS_W_EMBED].weight.rows;
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

static bool no_token(const struct forward *f, uint64_t id)
{
    return f->classes[id] == VS_F_SURPLUS || f->classes[id] == VS_F_MASKED;
}

/* ---- prompts ---- */

/* Of a sequence, the most: 1 .. UINT32_MAX. */
static uint32_t positions_of(const struct forward *f)
{
    const struct vs_arch *a = &f->model.arch;
    uint64_t table = f->model.binding.model[VS_W_POSITIONS].weight.rows;
    double n = (double)a->positions * (a->has_rope && a->rope[0].kind == VS_ROPE_DYNAMIC ? a->rope[0].factor : 1);
    n = table && (double)table < n ? (double)table : n;
    return n >= UINT32_MAX ? UINT32_MAX : n >= 1 ? (uint32_t)n : 1;
}

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
    uint32_t length = positions_of(f) < PROMPT_LENGTH ? positions_of(f) : PROMPT_LENGTH;
    if (!old || !fresh)
        return k->err->code;
    for (uint64_t id = 0; id < f->rows; id++)
        if (!no_token(f, id))
            vs_bit_set(f->classes[id] == VS_F_NEW ? fresh : old, id);
    enum vs_code code = vs_prompts_sample(old->words, f->rows, n, length, &f->prompts, k->err);
    if (!code)
        code = vs_prompts_every(fresh->words, f->rows, length, VS_PROMPT_NEW, &f->prompts, k->err);
    return code ? code : add_specials(f, length);
}

static const struct vs_config_int *special(const struct checker *k, const char *name)
{
    for (size_t i = 0; i < k->c->config.special_id_count; i++)
        if (vs_str_is(k->c->config.special_ids[i].name, name) && k->c->config.special_ids[i].value >= 0)
            return &k->c->config.special_ids[i];
    return NULL;
}

static enum vs_code add_text(struct forward *f, const char *text)
{
    struct checker *k = f->k;
    const struct vs_tokenizer_options options = {.lenient = true, .repeats = true};
    enum vs_code code = !k->t || f->encoder ? VS_OK :
                        k->c->gguf ? vs_encoder_from_gguf(k->c->gguf, k->q->data_dir, &f->encoder, k->err) :
                                     vs_tokenizer_open(k->q->path, &options, &f->encoder, k->err);
    return code ? code : vs_prompts_text(f->encoder, text, &f->prompts, k->err);
}

/* Something to continue when the user gave nothing. */
static enum vs_code add_opening(struct forward *f)
{
    struct checker *k = f->k;
    const struct vs_config_int *bos = special(k, "bos_token_id");
    const bool named = bos && (uint64_t)bos->value < f->rows;
    enum vs_code code = !named && k->t ? add_text(f, "The") : VS_EUNSUPPORTED;
    if (code != VS_EUNSUPPORTED)
        return code;
    if (!named)
        return vs_fail(k->err, VS_EUSAGE, "--generate: what shall be continued? this model names no bos_token_id to begin with; give --prompt-ids");
    code = vs_prompts_begin(&f->prompts, VS_PROMPT_USER, k->err);
    return code ? code : vs_prompts_add(&f->prompts, bos->value, k->err);
}

/* Ids of the user's prompts against the table, on the device; prompts with an id that has no row are not run. */
static enum vs_code check_range(struct forward *f)
{
    struct checker *k = f->k;
    const struct vs_k_range all = {0, f->rows};
    const struct vs_rows window = {.data = f->classes, .dtype = VS_F32, .first = 0, .count = 0, .total = f->rows, .cols = 1};
    struct vs_k_bad bad[8];
    uint64_t bad_count = 0;
    enum vs_code code = vs_k_gather(k->dev, &window, f->prompts.ids, f->prompts.id_count, &all, 1, NULL, bad, 8, &bad_count, k->err);
    if (code || !bad_count)
        return code;
    vs_say(k, "n", "%llu", (unsigned long long)bad_count);
    vs_say(k, "found", "%lld", (long long)bad[0].id);
    vs_say(k, "position", "%llu", (unsigned long long)bad[0].position);
    vs_say(k, "at", "position %llu", (unsigned long long)bad[0].position);
    vs_say(k, "last", "%llu", (unsigned long long)f->rows - 1);
    vs_say(k, "expected", "0 .. %llu", (unsigned long long)f->rows - 1);
    vs_found(k, "VOC431");
    for (uint32_t i = 0; i < f->prompts.count; i++)
        for (uint32_t t = 0; t < f->prompts.list[i].count; t++) {
            int64_t id = f->prompts.ids[f->prompts.list[i].begin + t];
            f->prompts.list[i].skip = f->prompts.list[i].skip || id < 0 || (uint64_t)id >= f->rows;
        }
    return VS_OK;
}

static void check_holes(struct forward *f)
{
    struct checker *k = f->k;
    uint64_t holes = 0, first = 0, at = 0;
    for (uint64_t i = 0; i < f->prompts.id_count; i++) {
        int64_t id = f->prompts.ids[i];
        if (id < 0 || (uint64_t)id >= f->rows || !no_token(f, (uint64_t)id))
            continue;
        first = holes ? first : (uint64_t)id;
        at = holes ? at : i;
        holes++;
    }
    if (!holes)
        return;
    vs_say(k, "n", "%llu", (unsigned long long)holes);
    vs_say(k, "found", "%llu", (unsigned long long)first);
    vs_say(k, "at", "position %llu", (unsigned long long)at);
    vs_found(k, "VOC432");
}

static void check_lengths(struct forward *f)
{
    struct checker *k = f->k;
    uint64_t limit = positions_of(f), most = 0, own = 0;
    for (uint32_t i = 0; i < f->prompts.count; i++) {
        uint64_t n = f->prompts.list[i].count + (f->q->generate ? f->q->generate - 1ull : 0);
        if (n <= limit)
            continue;
        f->prompts.list[i].skip = true;
        own = n > most ? f->prompts.list[i].count : own;
        most = n > most ? n : most;
    }
    if (!most)
        return;
    vs_say(k, "found", "%llu", (unsigned long long)most);
    if (most > own)
        vs_say(k, "parts", ", %llu of its own and %llu that --generate %u continues it by", (unsigned long long)own, (unsigned long long)(most - own),
               f->q->generate);
    else
        vs_say(k, "parts", "%s", "");
    vs_say(k, "expected", "%llu", (unsigned long long)limit);
    vs_found(k, "VOC433");
}

/* The user's prompts first: they are checked, and continued. */
static enum vs_code make_prompts(struct forward *f)
{
    struct checker *k = f->k;
    enum vs_code code = f->q->prompt_ids ? vs_prompts_parse(f->q->prompt_ids, &f->prompts, k->err) : VS_OK;
    if (!code && f->q->prompt)
        code = add_text(f, f->q->prompt);
    if (!code && !f->prompts.count && f->q->generate)
        code = add_opening(f);
    if (!code && !f->prompts.count && f->q->dump_logits)
        code = vs_fail(k->err, VS_EUSAGE, "--dump-logits: of which prompts? give --prompt-ids or --prompt");
    if (!code && f->prompts.count)
        code = check_range(f);
    if (code)
        return code;
    check_holes(f);
    check_lengths(f);
    return add_sets(f);
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
        (void)not_run(k, "no prompt that can be run");
        return VS_OK;
    }
    k->r->levels[two ? 4 : 3] = (struct vs_level){good && (!two || r->first_differing_layer < 0) ? VS_PASS : VS_FAIL, NULL};
    const char *instead = two ? "L1 does not pass: both models ran, which is L4" : "L1 proves the trunks equal: one run stands for both";
    k->r->levels[two ? 3 : 4].why = alone ? alone : instead;
    return VS_OK;
}

static enum vs_code open_models(struct forward *f, bool *runnable)
{
    struct checker *k = f->k;
    *runnable = false;
    enum vs_code code = vs_model_open(k->c, k->q->data_dir, f->q->arch_desc, &f->model, k->err);
    if (!code && f->model.obstacle.kind) {
        const char *why = vs_obstacle_finding(k, &f->model.obstacle);
        *runnable = not_run(k, why);
        if (f->q->dump_logits || f->q->generate)
            code = vs_fail(k->err, VS_EUNSUPPORTED, "%s: %s: %s", k->q->path,
                           f->q->generate ? "nothing can follow a prompt" : "no logits to write", why);
        return code;
    }
    *runnable = true;
    if (!code && f->model.arch.encoder && f->q->generate)
        return vs_fail(k->err, VS_EUSAGE, "%s: --generate: this is an encoder, nothing follows a prompt; leave it out", k->q->path);
    if (!code && k->impl->base && k->impl->base->checkpoint && k->impl->base->checkpoint->file_count)
        code = vs_model_open(k->impl->base->checkpoint, k->q->data_dir, f->q->arch_desc, &f->base, k->err);
    return code;
}

enum vs_code vs_check_forward(struct checker *k)
{
    struct forward f = {.k = k, .q = k->q->forward};
    bool runnable = k->c && k->c->tensor_count; /* a vocabulary alone is a GGUF file too */
    enum vs_code code = VS_OK;
    if (!runnable)
        (void)not_run(k, "no weights");
    else
        code = open_models(&f, &runnable);
    if (!code && runnable && f.q->fast)
        code = vs_dev_fast(k->dev, true, k->err);
    if (!code && runnable)
        code = classify(&f);
    if (!code && runnable)
        code = make_prompts(&f);
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
