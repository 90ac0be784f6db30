/* SPDX-License-Identifier: Apache-2.0
 *
 * Greedy continuation of the user's prompts: keys and values are kept, only ids that a token has are eligible.
 *
 * Prompts go together that share a rope table, as many as memory has room for: what is written does not depend on neighbours.
 */
#include <stdlib.h>
#include "base/mem.h"
#include "forward/run.h"

#define CACHE_LEAST (16ull << 20)

struct turn { uint64_t key; uint32_t prompt, place; }; /* number of the prompt, and of its result */
struct pace { uint64_t written; double seconds; };

/* One group of prompts. */
struct writer {
    const struct vs_forward_job *j;
    const struct turn *turns;                   /* [n] */
    struct vs_pass *pass;
    struct vs_cache cache;
    uint32_t n, *lengths, *out, *step;          /* prompts; their lengths; ids so far [n][generate]; how many */
    uint32_t *ids, *last_rows;
    struct vs_sequence *sequences;
    float *last, *logits;                       /* device: [n][hidden], [n][tile rows] */
    uint32_t *rows; uint8_t *classes;           /* device: [n], [rows of the head] */
    struct vs_f_best *best;                     /* [n] */
    bool *ended;
    uint64_t tokens, longest;
};

static enum vs_code head_tile(void *user, const float *logits, uint64_t stride, uint64_t first, uint64_t rows, struct vs_err *err)
{
    struct writer *k = user;
    return vs_f_choose(k->j->dev, logits, stride, k->n, rows, first, k->classes + first, k->best, err);
}

static bool is_eos(const struct vs_forward_job *j, uint32_t id)
{
    for (uint32_t i = 0; i < j->eos_count; i++)
        if (j->eos[i] == id)
            return true;
    return false;
}

/* One id for each prompt that goes on; none where every logit is NaN. */
static void take_best(struct writer *k, bool *any)
{
    *any = false;
    for (uint32_t s = 0; s < k->n; s++) {
        const uint64_t id = k->best[s].id;
        if (k->ended[s])
            continue;
        k->ended[s] = id == UINT64_MAX || is_eos(k->j, (uint32_t)id);
        if (id != UINT64_MAX)
            k->out[(uint64_t)s * k->j->q->generate + k->step[s]++] = (uint32_t)id;
        *any = *any || !k->ended[s];
    }
}

/* Hidden states of the last token of every sequence, then the head over them. */
static enum vs_code choose(struct writer *k, struct vs_weights *head, bool *any, struct vs_err *err)
{
    const struct vs_arch *a = &k->j->model->arch;
    for (uint32_t s = 0; s < k->n; s++) {
        k->last_rows[s] = k->sequences[s].begin + k->sequences[s].count - 1;
        k->best[s] = (struct vs_f_best){.id = UINT64_MAX};
    }
    enum vs_code code = vs_dev_put(k->j->dev, k->rows, k->last_rows, k->n * sizeof *k->last_rows, err);
    if (!code)
        code = vs_f_take(k->j->dev, vs_pass_hidden(k->pass), k->rows, k->n, a->hidden, k->last, err);
    if (!code)
        code = vs_head_run(k->j->dev, a, head, k->last, k->n, k->logits, head_tile, k, err);
    if (!code)
        take_best(k, any);
    return code;
}

static enum vs_code go_on(struct writer *k, struct vs_weights *trunk, struct vs_weights *head, struct pace *pace, struct vs_err *err)
{
    struct vs_batch batch = {.ids = k->ids, .count = (uint32_t)k->tokens, .sequences = k->sequences, .sequence_count = k->n, .length = k->longest};
    bool any = false;
    enum vs_code code = vs_pass_run(k->pass, trunk, &batch, &k->cache, err);
    if (!code)
        code = choose(k, head, &any, err);
    double began = vs_now();
    for (uint32_t step = 1; !code && any && step < k->j->q->generate; step++) {
        for (uint32_t s = 0; s < k->n; s++) {
            uint32_t have = k->step[s] ? k->step[s] - 1 : 0;
            k->ids[s] = k->out[(uint64_t)s * k->j->q->generate + have];
            k->sequences[s] = (struct vs_sequence){s, 1, k->lengths[s] + step - 1};
            pace->written += !k->ended[s];
        }
        batch.count = k->n;
        code = vs_pass_run(k->pass, trunk, &batch, &k->cache, err);
        if (!code)
            code = choose(k, head, &any, err);
    }
    pace->seconds += vs_now() - began;
    return code;
}

/* ---- room and results ---- */

static enum vs_code make_room(struct writer *k, struct vs_weights *head, struct vs_arena *arena, struct vs_err *err)
{
    const struct vs_arch *a = &k->j->model->arch;
    struct vs_dev *dev = k->j->dev;
    const uint64_t rows = k->j->model->binding.model[VS_W_HEAD].weight.rows;
    uint64_t n = k->n, tile = vs_weights_tile_rows(head), width = (uint64_t)a->kv_heads * a->head_dim;
    k->cache.slots = k->tokens + n * k->j->q->generate;
    uint64_t cache = a->layers * k->cache.slots * width * sizeof(float);
    k->lengths = vs_arena_array(arena, n + 1, sizeof *k->lengths);
    k->out = vs_arena_array(arena, n * k->j->q->generate + 1, sizeof *k->out);
    k->step = vs_arena_array(arena, n + 1, sizeof *k->step);
    k->ids = vs_arena_array(arena, k->tokens + n, sizeof *k->ids);
    k->last_rows = vs_arena_array(arena, n + 1, sizeof *k->last_rows);
    k->sequences = vs_arena_array(arena, n + 1, sizeof *k->sequences);
    k->best = vs_arena_array(arena, n + 1, sizeof *k->best);
    k->ended = vs_arena_array(arena, n + 1, sizeof *k->ended);
    k->cache.slot = vs_arena_array(arena, n + 1, sizeof *k->cache.slot);
    if (!k->lengths || !k->out || !k->step || !k->ids || !k->last_rows || !k->sequences || !k->best || !k->ended || !k->cache.slot)
        return vs_enomem(err, "a continuation", n * k->j->q->generate * sizeof *k->out);
    const struct { void *out; uint64_t bytes; } wanted[] = {
        {&k->cache.k, cache}, {&k->cache.v, cache}, {&k->last, n * a->hidden * 4}, {&k->logits, n * tile * 4}, {&k->rows, n * 4},
        {&k->classes, rows}};
    enum vs_code code = VS_OK;
    for (size_t i = 0; !code && i < sizeof wanted / sizeof *wanted; i++)
        code = vs_dev_alloc(dev, wanted[i].bytes + 4, wanted[i].out, err);
    if (!code)
        code = vs_dev_put(dev, k->classes, k->j->row_class, rows, err);
    const uint64_t keys = k->longest > k->tokens ? k->longest : k->tokens;
    return code ? code : vs_pass_open(dev, k->j->model, (uint32_t)k->tokens, (uint32_t)keys, &k->pass, err);
}

static void list_prompts(struct writer *k)
{
    const struct vs_prompts *p = k->j->prompts;
    uint32_t token = 0, slot = 0;
    for (uint32_t s = 0; s < k->n; s++) {
        const struct vs_prompt *x = &p->list[k->turns[s].prompt];
        k->sequences[s] = (struct vs_sequence){token, x->count, 0};
        k->lengths[s] = x->count;
        k->cache.slot[s] = slot;
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
    if (!prompts)
        return vs_enomem(err, "continuations", k->n);
    enum vs_code code = VS_OK;
    list_prompts(k); /* again: decoding used the room */
    memcpy(prompts, k->ids, k->tokens * sizeof *prompts);
    for (uint32_t s = 0; !code && s < k->n; s++) {
        const uint32_t *ids = k->out + (uint64_t)s * k->j->q->generate;
        struct vs_generated *out = &r->generated[k->turns[s].place];
        *out = (struct vs_generated){.prompt = prompts + at, .prompt_count = k->lengths[s], .ids = ids, .count = k->step[s]};
        code = put_text(k, ids, k->step[s], arena, &out->text, err);
        at += k->lengths[s];
    }
    return code;
}

static enum vs_code write_group(struct writer *k, struct vs_weights *trunk, struct vs_weights *head, struct vs_arena *arena,
                                struct vs_forward_report *r, struct pace *pace, struct vs_err *err)
{
    for (uint32_t s = 0; s < k->n; s++) {
        const struct vs_prompt *x = &k->j->prompts->list[k->turns[s].prompt];
        k->tokens += x->count;
        k->longest = x->count + k->j->q->generate > k->longest ? x->count + k->j->q->generate : k->longest;
    }
    enum vs_code code = make_room(k, head, arena, err);
    if (!code) {
        list_prompts(k);
        code = go_on(k, trunk, head, pace, err);
    }
    if (!code)
        code = keep_results(k, arena, r, err);
    void *device[] = {k->cache.k, k->cache.v, k->last, k->logits, k->rows, k->classes};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        vs_dev_free(k->j->dev, device[i]);
    vs_pass_close(k->pass);
    return code;
}

/* ---- groups ---- */

static int by_key(const void *a, const void *b)
{
    const struct turn *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Keys and values of one token. */
static uint64_t slot_bytes(const struct vs_arch *a)
{
    return 2ull * sizeof(float) * a->layers * a->kv_heads * a->head_dim;
}

static uint64_t slots_of(const struct vs_forward_job *j, uint32_t prompt)
{
    return (uint64_t)j->prompts->list[prompt].count + j->q->generate;
}

static uint32_t group_size(const struct vs_forward_job *j, const struct turn *turns, uint32_t count)
{
    uint64_t memory = vs_batch_memory(j->run), tokens = 0, slots = 0;
    uint64_t most = vs_batch_tokens(j->run, &j->model->arch), room = memory / 4 / slot_bytes(&j->model->arch);
    uint32_t n = 0;
    for (; n < count && turns[n].key == turns[0].key; n++) {
        tokens += j->prompts->list[turns[n].prompt].count;
        slots += slots_of(j, turns[n].prompt);
        if (n && (tokens > most || slots > room))
            break;
    }
    return n;
}

static bool is_turn(const struct vs_prompt *p)
{
    return p->origin == VS_PROMPT_USER && !p->skip;
}

/* The user's prompts in the order of writing. Returns how many. */
static uint32_t list_turns(const struct vs_forward_job *j, struct turn *turns)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < j->prompts->count; i++) {
        if (!is_turn(&j->prompts->list[i]))
            continue;
        turns[count] = (struct turn){.prompt = i, .place = count};
        turns[count].key = vs_batch_key(&j->model->arch, slots_of(j, i));
        count++;
    }
    qsort(turns, count, sizeof *turns, by_key);
    return count;
}

enum vs_code vs_generate_fits(const struct vs_forward_job *j, struct vs_err *err)
{
    const uint64_t memory = vs_batch_memory(j->run), room = memory > CACHE_LEAST ? memory : CACHE_LEAST;
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < j->prompts->count; i++)
        if (is_turn(&j->prompts->list[i]) && (!vs_mul(slots_of(j, i), slot_bytes(&j->model->arch), &bytes) || bytes > room))
            return vs_fail(err, VS_ELIMIT, "--generate %u: keys and values of a prompt of %u tokens and its continuation take %llu bytes, --memory is "
                           "%llu; give fewer tokens or more memory", j->q->generate, j->prompts->list[i].count, (unsigned long long)bytes,
                           (unsigned long long)memory);
    return VS_OK;
}

/* One bar over all groups; continuations that end early leave it short. */
static void begin_task(const struct vs_forward_job *j, const struct turn *turns, uint32_t count, struct vs_weights *trunk, struct vs_weights *head,
                       struct vs_task *task)
{
    uint64_t passes = 0;
    for (uint32_t at = 0; at < count; at += group_size(j, turns + at, count - at))
        passes += j->q->generate;
    vs_task_begin(task, j->run, "generate", passes * (vs_weights_bytes(trunk) + vs_weights_bytes(head)));
    vs_weights_task(trunk, task);
    vs_weights_task(head, task);
}

enum vs_code vs_generate(const struct vs_forward_job *j, struct vs_weights *trunk, struct vs_weights *head, struct vs_arena *arena,
                         struct vs_forward_report *r, struct vs_err *err)
{
    struct turn *turns = vs_arena_array(arena, j->prompts->count + 1u, sizeof *turns);
    struct pace pace = {0};
    r->generated = vs_arena_array(arena, j->prompts->count + 1u, sizeof *r->generated);
    if (!turns || !r->generated)
        return vs_enomem(err, "continuations", j->prompts->count * sizeof *r->generated);
    const uint32_t count = list_turns(j, turns);
    enum vs_code code = VS_OK;
    struct vs_task task;
    begin_task(j, turns, count, trunk, head, &task);
    for (uint32_t at = 0; !code && at < count;) {
        struct writer k = {.j = j, .turns = turns + at, .n = group_size(j, turns + at, count - at)};
        code = write_group(&k, trunk, head, arena, r, &pace, err);
        at += k.n;
    }
    vs_weights_task(trunk, NULL);
    vs_weights_task(head, NULL);
    r->generated_count = code ? 0 : count;
    r->tokens_per_second = pace.written && pace.seconds > 0 ? (double)pace.written / pace.seconds : 0;
    return code;
}
