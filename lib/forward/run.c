/* SPDX-License-Identifier: Apache-2.0
 *
 * Prompts in batches through the trunk, then the head: what vocab-check runs.
 *
 * A batch begins with the prompts of old ids, so that a base can be compared on its first tokens.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "forward/batch.h"

#define BATCH_MOST 4096u /* tokens of the workspace; more only when one prompt is longer */
#define HALVINGS 3u      /* of the memory, when the device runs out of it */

/* ---- order ---- */

static bool is_old_id(const struct vs_forward_job *j, int64_t id)
{
    return j->row_class ? j->row_class[id] == VS_F_OLD : true;
}

static bool of_old_ids(const struct vs_forward_job *j, const struct vs_prompt *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (!is_old_id(j, j->prompts->ids[p->begin + i]))
            return false;
    return true;
}

uint64_t vs_batch_key(const struct vs_arch *a, uint64_t length)
{
    return a->has_rope ? vs_rope_key(&a->rope[0], length) : 0;
}

static int by_kind(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->old != y->old)
        return x->old ? -1 : 1;
    return x->prompt < y->prompt ? -1 : x->prompt > y->prompt;
}

static enum vs_code order_prompts(struct runner *k, struct vs_err *err)
{
    const struct vs_prompts *p = k->j->prompts;
    k->entries = vs_calloc(p->count + 1u, sizeof *k->entries);
    if (!k->entries)
        return vs_enomem(err, "prompts", p->count * sizeof *k->entries);
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->list[i].skip && p->list[i].count) {
            k->entries[k->entry_count++] = (struct entry){vs_batch_key(&k->j->model->arch, p->list[i].count), of_old_ids(k->j, &p->list[i]), i};
            k->longest = p->list[i].count > k->longest ? p->list[i].count : k->longest;
            k->r->positions += p->list[i].count;
        }
    qsort(k->entries, k->entry_count, sizeof *k->entries, by_kind);
    k->r->prompts = k->entry_count;
    return VS_OK;
}

/* ---- sizes ---- */

/* Bytes of workspace that a token costs, the attention scores of short prompts included. */
static uint64_t token_bytes(const struct vs_arch *a)
{
    uint64_t mlp = a->intermediate > a->expert_size ? a->intermediate : a->expert_size;
    uint64_t wide = a->shared_size > mlp ? a->shared_size : mlp;
    uint64_t heads = (uint64_t)a->head_dim * (2 * a->heads + 2 * a->kv_heads);
    return sizeof(float) * (6 * a->hidden + heads + 2 * wide + a->experts + 64ull * a->heads);
}

uint64_t vs_batch_memory(const struct vs_run *run)
{
    return run->memory ? run->memory : VS_MEMORY_DEFAULT;
}

uint64_t vs_batch_tokens(const struct vs_run *run, const struct vs_arch *a)
{
    uint64_t n = vs_batch_memory(run) / 4 / token_bytes(a);
    return n < 64 ? 64 : n > BATCH_MOST ? BATCH_MOST : n;
}

static bool two_trunks(const struct vs_forward_job *j)
{
    return j->base && !j->same_trunk;
}

/* Tokens for which hidden states have an eighth of the memory go through each layer in slices, so that more prompts share one
 * reading of the weights. Weights that are kept, or of two models, leave no room for a layer, and a large one takes too much. */
static uint64_t sliced_tokens(const struct runner *k)
{
    const struct vs_forward_job *j = k->j;
    const uint64_t memory = vs_batch_memory(j->run);
    if (two_trunks(j) || j->q->generate || vs_weights_largest_layer(&j->model->arch, &j->model->binding) > memory / 2)
        return 0;
    return memory / 8 / sizeof(float) / j->model->arch.hidden;
}

static void set_limits(struct runner *k)
{
    const uint64_t all = k->r->positions;
    uint64_t n = vs_batch_tokens(k->j->run, &k->j->model->arch), more = sliced_tokens(k);
    n = n < k->longest ? k->longest : n;
    more = more < n ? n : more < UINT32_MAX ? more : UINT32_MAX;
    k->limit = (uint32_t)(n < all ? n : all);
    k->room = (uint32_t)(more < all ? more : all);
}

/* ---- one batch ---- */

/* Prompts from k->at on that fit: one behind the other. */
static void fill(struct runner *k)
{
    const struct vs_prompts *p = k->j->prompts;
    k->tokens = k->sequence_count = k->old_tokens = k->old_sequences = 0;
    k->batch_key = k->entries[k->at].key;
    k->batch_first = k->at;
    k->batch_longest = 0;
    while (k->at < k->entry_count && k->entries[k->at].key == k->batch_key) {
        const struct vs_prompt *x = &p->list[k->entries[k->at].prompt];
        if (k->tokens + x->count > k->room)
            return;
        k->sequences[k->sequence_count++] = (struct vs_sequence){k->tokens, x->count, 0};
        for (uint32_t i = 0; i < x->count; i++)
            k->ids[k->tokens + i] = (uint32_t)p->ids[x->begin + i];
        k->tokens += x->count;
        k->batch_longest = x->count > k->batch_longest ? x->count : k->batch_longest;
        if (k->entries[k->at].old) {
            k->old_tokens = k->tokens;
            k->old_sequences = k->sequence_count;
        }
        k->at++;
    }
}

static struct vs_batch batch_of(const struct runner *k, const uint32_t *ids, bool old_only)
{
    return (struct vs_batch){.ids = ids, .count = old_only ? k->old_tokens : k->tokens, .sequences = k->sequences,
                             .sequence_count = old_only ? k->old_sequences : k->sequence_count, .length = k->batch_longest};
}

/* The first stage of all batches: what is behind it follows from it. */
static void note_looks(struct runner *k, const struct vs_f_stats *looks, uint32_t layers, bool old)
{
    struct vs_forward_verdicts *v = k->v;
    for (uint32_t i = 0; i < layers + 2; i++) {
        uint64_t bad = looks[i].nan + looks[i].inf;
        if (bad && (!v->hidden_bad || i < v->hidden_at)) {
            v->hidden_at = i;
            v->hidden_before = 0;
        }
        v->hidden_bad += bad;
        v->hidden_bad_sample = v->hidden_bad_sample || (bad && old);
    }
    const float before = v->hidden_bad && v->hidden_at ? looks[v->hidden_at - 1].max_abs : 0;
    v->hidden_before = before > v->hidden_before ? before : v->hidden_before;
}

static void note_difference(struct runner *k, uint32_t look)
{
    struct vs_forward_report *r = k->r;
    const int64_t layer = (int64_t)look - 1;
    if (r->first_differing_stage && r->first_differing_layer <= layer)
        return;
    r->first_differing_stage = vs_pass_stage(&k->j->base->arch, look);
    r->first_differing_layer = layer;
}

/* The base's own trunk on the same old ids: where do the two part? */
static enum vs_code run_base(struct runner *k, struct vs_err *err)
{
    const struct vs_forward_job *j = k->j;
    struct vs_f_diff diff = {.first = UINT64_MAX};
    for (uint32_t i = 0; i < k->old_tokens; i++)
        k->base_ids[i] = k->ids[i] < j->shift_at || !j->shift_by ? k->ids[i] : k->ids[i] - (uint32_t)j->shift_by;
    struct vs_batch b = batch_of(k, k->base_ids, true);
    vs_pass_split(k->base_pass, k->old_tokens);
    enum vs_code code = vs_pass_run(k->base_pass, k->base_trunk, &b, NULL, err);
    if (!code)
        code = vs_f_compare(j->dev, vs_pass_hidden(k->base_pass), j->base->arch.hidden, vs_pass_hidden(k->pass), j->model->arch.hidden, k->old_tokens,
                            j->base->arch.hidden, &diff, err);
    if (code)
        return code;
    const struct vs_f_stats *before = vs_pass_old_looks(k->base_pass), *now = vs_pass_old_looks(k->pass);
    for (uint32_t i = j->base->arch.layers + 2; i-- > 0;)
        if (before[i].hash != now[i].hash)
            note_difference(k, i);
    const uint32_t last = j->base->arch.layers + 1;
    const bool numbers = before[last].nan + before[last].inf + now[last].nan + now[last].inf == 0; /* others are left out of the sums */
    double nmse = diff.different && !numbers ? INFINITY : diff.sum_reference > 0 ? diff.sum_squares / diff.sum_reference : diff.sum_squares > 0;
    k->r->hidden_nmse = nmse > k->r->hidden_nmse ? nmse : k->r->hidden_nmse;
    return VS_OK;
}

static enum vs_code dump_hidden(struct runner *k, struct vs_err *err)
{
    uint64_t h = k->j->model->arch.hidden;
    enum vs_code code = vs_dev_get(k->j->dev, k->tile, vs_pass_hidden(k->pass), k->tokens * h * sizeof(float), err);
    for (uint32_t s = 0; !code && s < k->sequence_count; s++) {
        const struct vs_prompt *x = &k->j->prompts->list[k->entries[k->batch_first + s].prompt];
        for (uint32_t i = 0; !code && x->origin == VS_PROMPT_USER && i < x->count; i++)
            code = vs_npy_put(k->dump, x->dump_row + i, 0, k->tile + (k->sequences[s].begin + i) * h, h, err);
    }
    return code;
}

static enum vs_code run_batch(struct runner *k, struct vs_err *err)
{
    fill(k);
    struct vs_batch b = batch_of(k, k->ids, false);
    vs_pass_split(k->pass, k->old_tokens);
    enum vs_code code = vs_pass_run(k->pass, k->trunk, &b, NULL, err);
    if (code)
        return code;
    note_looks(k, vs_pass_old_looks(k->pass), k->j->model->arch.layers, true);
    note_looks(k, vs_pass_looks(k->pass), k->j->model->arch.layers, false);
    if (k->base_pass && k->old_tokens)
        code = run_base(k, err);
    if (!code && k->j->model->arch.encoder)
        return k->dump ? dump_hidden(k, err) : VS_OK;
    return code ? code : vs_run_heads(k, err);
}

/* ---- all of it ---- */

/* What takes the time, where all of a vocabulary's new ids run; and that the user's own prompts could run without. */
static void note_work(struct runner *k)
{
    const struct vs_prompts *p = k->j->prompts;
    uint64_t fresh = 0;
    uint32_t own = 0;
    for (uint32_t i = 0; i < k->entry_count; i++) {
        const struct vs_prompt *x = &p->list[k->entries[i].prompt];
        own += x->origin == VS_PROMPT_USER;
        fresh += x->origin == VS_PROMPT_NEW ? x->count : 0;
    }
    size_t n = (size_t)snprintf(k->note, sizeof k->note, "%u prompt%s of %llu tokens", k->entry_count, k->entry_count == 1 ? "" : "s",
                                (unsigned long long)k->r->positions);
    if (fresh)
        n += (size_t)snprintf(k->note + n, sizeof k->note - n, ", %llu of them new ids", (unsigned long long)fresh);
    if (own && own < k->entry_count)
        snprintf(k->note + n, sizeof k->note - n, "; --prompts-only runs the prompts given alone");
    k->task.progress.note = k->note;
}

/* One bar over all batches, by the bytes of weights that they go through. */
static void begin_task(struct runner *k)
{
    struct vs_weights *weights[] = {k->trunk, k->head, k->base_trunk, k->base_head}; /* the base's take prompts of old ids */
    uint64_t total = 0;
    for (k->at = 0; k->at < k->entry_count;) {
        fill(k);
        for (size_t i = 0; i < (k->old_tokens ? 4 : 2); i++)
            total += weights[i] ? vs_weights_bytes(weights[i]) : 0;
    }
    k->at = 0;
    vs_task_begin(&k->task, k->j->run, "forward", total);
    note_work(k);
    for (size_t i = 0; i < 4; i++)
        if (weights[i])
            vs_weights_task(weights[i], &k->task);
}

/* Rows of the head at a time, so that the logits of a batch have an eighth of the memory. */
static uint64_t head_tile(const struct runner *k)
{
    uint64_t n = vs_batch_memory(k->j->run) / 8 / sizeof(float) / k->room;
    return n < 16 ? 16 : n / 16 * 16;
}

static enum vs_code open_weights(struct runner *k, bool keep, struct vs_err *err)
{
    const struct vs_forward_job *j = k->j;
    const struct vs_model *m = j->model;
    uint64_t memory = vs_batch_memory(j->run), total, room;
    bool two = two_trunks(j), sliced = k->room > k->limit;
    enum vs_code code = VS_OK;
    if (!vs_dev_shares(j->dev)) {
        code = vs_dev_memory(j->dev, &room, &total, err);
        room = room / 4 * 3 >> k->halvings;
        memory = keep && room > memory ? room : memory;
    }
    if (!code)
        code = vs_weights_open(j->dev, m->c, &m->arch, &m->binding, sliced ? VS_LAYERS : VS_TRUNK, two ? memory / 2 : memory, 0, keep, j->run,
                               &k->trunk, err);
    if (!code)
        vs_weights_tap(k->trunk, j->tap);
    if (!code && two)
        code = vs_weights_open(j->dev, j->base->c, &j->base->arch, &j->base->binding, VS_TRUNK, memory / 2, 0, false, j->run, &k->base_trunk, err);
    if (code || m->arch.encoder)
        return code;
    uint64_t used = vs_weights_bytes(k->trunk), tile = head_tile(k);
    uint64_t left = keep && used < memory ? memory - used : sliced ? memory / 4 : memory / 2;
    code = vs_weights_open(j->dev, m->c, &m->arch, &m->binding, VS_HEAD, left, tile, keep, j->run, &k->head, err);
    if (!code)
        vs_weights_tap(k->head, j->tap);
    if (!code && j->base)
        code = vs_weights_open(j->dev, j->base->c, &j->base->arch, &j->base->binding, VS_HEAD, sliced ? memory / 4 : memory / 2, tile, false, j->run,
                               &k->base_head, err);
    return code;
}

static enum vs_code open_workspace(struct runner *k, struct vs_err *err)
{
    const struct vs_forward_job *j = k->j;
    bool two = two_trunks(j);
    uint64_t tile = k->head ? vs_weights_tile_rows(k->head) : j->model->arch.hidden;
    uint64_t base_tile = k->base_head ? vs_weights_tile_rows(k->base_head) : 0;
    k->ids = vs_calloc(k->room + 1u, sizeof *k->ids);
    k->base_ids = vs_calloc(k->room + 1u, sizeof *k->base_ids);
    k->sequences = vs_calloc(k->room + 1u, sizeof *k->sequences);
    k->stats = vs_calloc(k->room + 1u, sizeof *k->stats);
    k->tile = j->q->dump_logits ? vs_calloc(k->room * tile + 1, sizeof *k->tile) : NULL;
    if (!k->ids || !k->base_ids || !k->sequences || !k->stats || (j->q->dump_logits && !k->tile))
        return vs_enomem(err, "a batch", k->room * tile * sizeof *k->tile);
    enum vs_code code = vs_pass_open_sliced(j->dev, j->model, k->limit, (uint32_t)k->longest, k->room, &k->pass, err);
    if (!code && two)
        code = vs_pass_open(j->dev, j->base, k->limit, (uint32_t)k->longest, &k->base_pass, err);
    if (code)
        return code;
    vs_pass_debug(k->pass, j->q->debug);
    if (!k->head)
        return VS_OK;
    code = vs_dev_alloc(j->dev, k->room * tile * sizeof(float), (void **)&k->logits, err);
    if (!code && k->base_head)
        code = vs_dev_alloc(j->dev, k->room * base_tile * sizeof(float) + 4, (void **)&k->base_logits, err);
    if (!code)
        code = vs_dev_alloc(j->dev, tile + 4, (void **)&k->classes, err);
    return code;
}

/* Rows are those of the prompts as they were given: where one of them is missing, whoever reads the file would take the rows of
 * another for its own. Findings say what is wrong with it. */
static enum vs_code begin_dump(struct runner *k, struct vs_arena *arena, struct vs_err *err)
{
    const struct vs_model *m = k->j->model;
    struct vs_dumped *d = &k->r->dumped;
    uint32_t skipped = 0, first = 0;
    *d = (struct vs_dumped){.file = k->j->q->dump_logits, .hidden_states = m->arch.encoder,
                            .cols = m->arch.encoder ? m->arch.hidden : m->binding.model[VS_W_HEAD].weight.rows};
    for (uint32_t i = 0; i < k->j->prompts->count; i++) {
        struct vs_prompt *p = &k->j->prompts->list[i];
        if (p->origin != VS_PROMPT_USER)
            continue;
        d->prompts++;
        first = p->skip && !skipped ? d->prompts : first;
        skipped += p->skip;
        p->dump_row = d->rows;
        d->rows += p->count;
    }
    if (!skipped)
        return vs_npy_begin(d->file, false, d->rows, d->cols, &k->dump, err);
    char why[100];
    snprintf(why, sizeof why, "%u of %u prompt%s cannot be run, the first is prompt %u", skipped, d->prompts, d->prompts == 1 ? "" : "s", first);
    d->why_not = vs_arena_dup(arena, why, strlen(why));
    return d->why_not ? VS_OK : vs_enomem(err, "a reason", strlen(why));
}

static void finish(struct runner *k)
{
    vs_npy_abort(k->dump);
    vs_pass_close(k->pass);
    vs_pass_close(k->base_pass);
    vs_weights_close(k->trunk);
    vs_weights_close(k->head);
    vs_weights_close(k->base_trunk);
    vs_weights_close(k->base_head);
    void *device[] = {k->logits, k->base_logits, k->classes}, *host[] = {k->entries, k->ids, k->base_ids, k->sequences, k->stats, k->tile};
    for (size_t i = 0; i < 3; i++)
        vs_dev_free(k->j->dev, device[i]);
    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        vs_free(host[i]);
}

static void sum_up(struct runner *k, double seconds)
{
    struct vs_forward_report *r = k->r;
    r->seconds = seconds;
    r->mass_new_mean = k->mass_positions ? k->mass_sum / (double)k->mass_positions : -1;
    r->row_sum_error = k->j->q->debug ? vs_pass_row_sum_error(k->pass) : -1;
    k->v->compared = k->j->base != NULL;
}

/* *far: more than one batch was begun. */
static enum vs_code run_once(const struct vs_forward_job *j, unsigned halvings, struct vs_arena *arena, struct vs_forward_report *r,
                             struct vs_forward_verdicts *v, bool *far, struct vs_err *err)
{
    struct runner k = {.j = j, .r = r, .v = v, .halvings = halvings};
    const bool continues = j->q->generate && !j->model->arch.encoder;
    double began = vs_now();
    *v = (struct vs_forward_verdicts){.first_different_id = UINT64_MAX};
    *r = (struct vs_forward_report){.hidden_nmse = -1, .mass_new_max = -1, .row_sum_error = -1,
                                       .logits_max_abs = j->base && !j->model->arch.encoder ? 0 : -1};
    r->architecture = vs_arena_dup(arena, j->model->arch.id, strlen(j->model->arch.id));
    enum vs_code code = r->architecture ? order_prompts(&k, err) : vs_enomem(err, "a name", 0);
    if (!code && continues)
        code = vs_generate_fits(j, err);
    if (!code && k.entry_count) {
        set_limits(&k);
        code = open_weights(&k, j->q->generate > 0, err);
    }
    if (!code && k.entry_count)
        code = open_workspace(&k, err);
    if (!code && j->q->dump_logits)
        code = begin_dump(&k, arena, err);
    if (!code && k.entry_count)
        begin_task(&k);
    *far = false;
    while (!code && k.at < k.entry_count) {
        *far = k.at > 0;
        code = run_batch(&k, err);
    }
    if (!code && k.entry_count)
        sum_up(&k, vs_now() - began);
    if (!code && v->hidden_bad)
        code = vs_find_broken(j->model, v->hidden_at, j->prompts, j->run, &v->broken, err);
    if (!code && k.entry_count && continues)
        code = vs_generate(j, k.trunk, k.head, arena, r, err);
    if (!code && j->q->dump_logits) {
        *j->dump = k.dump;
        k.dump = NULL;
    }
    v->stopped = code && (vs_weights_stopped(k.trunk) || vs_weights_stopped(k.head));
    finish(&k);
    return v->stopped ? VS_OK : code;
}

/* With less memory once more where the device had too little, unless that showed late: a pass may take an hour. */
enum vs_code vs_forward_run(const struct vs_forward_job *j, struct vs_arena *arena, struct vs_forward_report *r, struct vs_forward_verdicts *v,
                            struct vs_err *err)
{
    struct vs_run less = *j->run;
    struct vs_forward_job job = *j;
    bool far;
    enum vs_code code = run_once(j, 0, arena, r, v, &far, err);
    job.run = &less;
    for (unsigned n = 1; code == VS_ENOMEM && vs_dev_ran_out(j->dev) && !far && n <= HALVINGS; n++) {
        struct vs_err last;
        less.memory = vs_batch_memory(j->run) >> n;
        less.memory = less.memory ? less.memory : 1;
        enum vs_code next = run_once(&job, n, arena, r, v, &far, &last);
        if (next == VS_ELIMIT) /* of the memory that was tried, not of the one that was given */
            break;
        code = next;
        if (code)
            *err = last;
    }
    return code;
}
