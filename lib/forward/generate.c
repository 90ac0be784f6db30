/* SPDX-License-Identifier: Apache-2.0
 *
 * Greedy continuation of the user's prompts: keys and values are kept, only ids that a token has are eligible.
 */
#include "forward/run.h"

struct writer {
    const struct vs_forward_job *j;
    struct vs_pass *pass;
    struct vs_cache cache;
    uint32_t n, *lengths, *out, *step;          /* prompts; their lengths; ids so far [n][generate]; how many */
    uint32_t *ids, *last_rows;
    struct vs_sequence *sequences;
    float *last, *logits;                       /* device: [n][hidden], [n][tile rows] */
    uint32_t *rows; uint8_t *classes;           /* device */
    struct vs_f_logit_stats *stats;
    bool *ended;
    uint64_t tokens, longest;
};

static enum vs_code head_tile(void *user, const float *logits, uint64_t stride, uint64_t first, uint64_t rows, struct vs_err *err)
{
    struct writer *k = user;
    enum vs_code code = vs_dev_put(k->j->dev, k->classes, k->j->row_class + first, rows, err);
    return code ? code : vs_f_logit_tile(k->j->dev, logits, stride, k->n, rows, first, k->classes, k->stats, err);
}

/* The highest logit among ids that exist; VS_NO_ID when every one is NaN. */
static uint32_t best(const struct vs_f_logit_stats *s)
{
    const struct vs_f_logit_class *a = &s->of[VS_F_OLD], *b = &s->of[VS_F_NEW];
    bool have_a = a->count > a->nan, have_b = b->count > b->nan;
    if (!have_a && !have_b)
        return VS_NO_ID;
    bool second = have_b && (!have_a || b->max > a->max || (b->max == a->max && b->id < a->id));
    return (uint32_t)(second ? b->id : a->id);
}

static bool is_eos(const struct vs_forward_job *j, uint32_t id)
{
    for (uint32_t i = 0; i < j->eos_count; i++)
        if (j->eos[i] == id)
            return true;
    return false;
}

/* One id for each prompt that goes on. */
static void take_best(struct writer *k, bool *any)
{
    *any = false;
    for (uint32_t s = 0; s < k->n; s++) {
        uint32_t id = best(&k->stats[s]);
        if (k->ended[s])
            continue;
        k->ended[s] = id == VS_NO_ID || is_eos(k->j, id);
        if (id != VS_NO_ID)
            k->out[(uint64_t)s * k->j->q->generate + k->step[s]++] = id;
        *any = *any || !k->ended[s];
    }
}

/* Hidden states of the last token of every sequence, then the head over them. */
static enum vs_code choose(struct writer *k, struct vs_weights *head, bool *any, struct vs_err *err)
{
    const struct vs_arch *a = &k->j->model->arch;
    for (uint32_t s = 0; s < k->n; s++)
        k->last_rows[s] = k->sequences[s].begin + k->sequences[s].count - 1;
    memset(k->stats, 0, k->n * sizeof *k->stats);
    enum vs_code code = vs_dev_put(k->j->dev, k->rows, k->last_rows, k->n * sizeof *k->last_rows, err);
    if (!code)
        code = vs_f_take(k->j->dev, vs_pass_hidden(k->pass), k->rows, k->n, a->hidden, k->last, err);
    if (!code)
        code = vs_head_run(k->j->dev, a, head, k->last, k->n, k->logits, head_tile, k, err);
    if (!code)
        take_best(k, any);
    return code;
}

static enum vs_code go_on(struct writer *k, struct vs_weights *trunk, struct vs_weights *head, struct vs_forward_report *r, struct vs_err *err)
{
    struct vs_batch batch = {.ids = k->ids, .count = (uint32_t)k->tokens, .sequences = k->sequences, .sequence_count = k->n, .length = k->longest};
    bool any = false;
    uint64_t written = 0;
    enum vs_code code = vs_pass_run(k->pass, trunk, &batch, &k->cache, err);
    if (!code)
        code = choose(k, head, &any, err);
    double began = vs_forward_now();
    for (uint32_t step = 1; !code && any && step < k->j->q->generate; step++) {
        for (uint32_t s = 0; s < k->n; s++) {
            uint32_t have = k->step[s] ? k->step[s] - 1 : 0;
            k->ids[s] = k->out[(uint64_t)s * k->j->q->generate + have];
            k->sequences[s] = (struct vs_sequence){s, 1, k->lengths[s] + step - 1};
            written += !k->ended[s];
        }
        batch.count = k->n;
        code = vs_pass_run(k->pass, trunk, &batch, &k->cache, err);
        if (!code)
            code = choose(k, head, &any, err);
    }
    double seconds = vs_forward_now() - began;
    r->tokens_per_second = written && seconds > 0 ? (double)written / seconds : 0;
    return code;
}

/* ---- room and results ---- */

static enum vs_code make_room(struct writer *k, struct vs_weights *head, struct vs_arena *arena, struct vs_err *err)
{
    const struct vs_arch *a = &k->j->model->arch;
    struct vs_dev *dev = k->j->dev;
    uint64_t n = k->n, tile = vs_weights_tile_rows(head), width = (uint64_t)a->kv_heads * a->head_dim;
    k->cache.slots = k->tokens + n * k->j->q->generate;
    uint64_t cache = a->layers * k->cache.slots * width * sizeof(float);
    k->lengths = vs_arena_array(arena, n + 1, sizeof *k->lengths);
    k->out = vs_arena_array(arena, n * k->j->q->generate + 1, sizeof *k->out);
    k->step = vs_arena_array(arena, n + 1, sizeof *k->step);
    k->ids = vs_arena_array(arena, k->tokens + n, sizeof *k->ids);
    k->last_rows = vs_arena_array(arena, n + 1, sizeof *k->last_rows);
    k->sequences = vs_arena_array(arena, n + 1, sizeof *k->sequences);
    k->stats = vs_arena_array(arena, n + 1, sizeof *k->stats);
    k->ended = vs_arena_array(arena, n + 1, sizeof *k->ended);
    k->cache.slot = vs_arena_array(arena, n + 1, sizeof *k->cache.slot);
    if (!k->lengths || !k->out || !k->step || !k->ids || !k->last_rows || !k->sequences || !k->stats || !k->ended || !k->cache.slot)
        return vs_enomem(err, "a continuation", n * k->j->q->generate * sizeof *k->out);
    const struct { void *out; uint64_t bytes; } wanted[] = {
        {&k->cache.k, cache}, {&k->cache.v, cache}, {&k->last, n * a->hidden * 4}, {&k->logits, n * tile * 4}, {&k->rows, n * 4}, {&k->classes, tile}};
    enum vs_code code = VS_OK;
    for (size_t i = 0; !code && i < sizeof wanted / sizeof *wanted; i++)
        code = vs_dev_alloc(dev, wanted[i].bytes + 4, wanted[i].out, err);
    return code ? code : vs_pass_open(dev, k->j->model, (uint32_t)k->tokens, (uint32_t)(k->longest > k->tokens ? k->longest : k->tokens), &k->pass, err);
}

static void list_prompts(struct writer *k)
{
    const struct vs_prompts *p = k->j->prompts;
    uint32_t s = 0, token = 0, slot = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct vs_prompt *x = &p->list[i];
        if (x->origin != VS_PROMPT_USER || x->skip)
            continue;
        k->sequences[s] = (struct vs_sequence){token, x->count, 0};
        k->lengths[s] = x->count;
        k->cache.slot[s++] = slot;
        slot += x->count + k->j->q->generate;
        for (uint32_t t = 0; t < x->count; t++)
            k->ids[token++] = (uint32_t)p->ids[x->begin + t];
    }
}

static enum vs_code put_text(struct writer *k, const uint32_t *ids, uint32_t count, struct vs_arena *arena, struct vs_str *out, struct vs_err *err)
{
    struct vs_buf b = {0};
    for (uint32_t i = 0; k->j->tokenizer && i < count; i++)
        (void)vs_token_bytes(k->j->tokenizer, ids[i], &b);
    char *copy = vs_arena_dup(arena, b.n ? b.p : "", b.n);
    *out = (struct vs_str){copy, b.n};
    bool failed = b.failed || !copy;
    vs_buf_free(&b);
    return failed ? vs_enomem(err, "the text of a continuation", out->n) : VS_OK;
}

static enum vs_code keep_results(struct writer *k, struct vs_arena *arena, struct vs_forward_report *r, struct vs_err *err)
{
    uint32_t *prompts = vs_arena_array(arena, k->tokens + 1, sizeof *prompts), at = 0;
    r->generated = vs_arena_array(arena, k->n + 1u, sizeof *r->generated);
    if (!r->generated || !prompts)
        return vs_enomem(err, "continuations", k->n);
    enum vs_code code = VS_OK;
    list_prompts(k); /* again: decoding used the room */
    memcpy(prompts, k->ids, k->tokens * sizeof *prompts);
    for (uint32_t s = 0; !code && s < k->n; s++) {
        const uint32_t *ids = k->out + (uint64_t)s * k->j->q->generate;
        r->generated[s] = (struct vs_generated){.prompt = prompts + at, .prompt_count = k->lengths[s], .ids = ids, .count = k->step[s]};
        code = put_text(k, ids, k->step[s], arena, &r->generated[s].text, err);
        at += k->lengths[s];
    }
    r->generated_count = k->n;
    return code;
}

enum vs_code vs_generate(const struct vs_forward_job *j, struct vs_weights *trunk, struct vs_weights *head, struct vs_arena *arena,
                         struct vs_forward_report *r, struct vs_err *err)
{
    struct writer k = {.j = j};
    for (uint32_t i = 0; i < j->prompts->count; i++) {
        const struct vs_prompt *x = &j->prompts->list[i];
        if (x->origin != VS_PROMPT_USER || x->skip)
            continue;
        k.n++;
        k.tokens += x->count;
        k.longest = x->count + j->q->generate > k.longest ? x->count + j->q->generate : k.longest;
    }
    if (!k.n)
        return VS_OK;
    enum vs_code code = make_room(&k, head, arena, err);
    if (!code) {
        list_prompts(&k);
        code = go_on(&k, trunk, head, r, err);
    }
    if (!code)
        code = keep_results(&k, arena, r, err);
    void *device[] = {k.cache.k, k.cache.v, k.last, k.logits, k.rows, k.classes};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        vs_dev_free(j->dev, device[i]);
    vs_pass_close(k.pass);
    return code;
}
