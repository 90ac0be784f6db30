/* SPDX-License-Identifier: Apache-2.0
 *
 * The heads over one batch, tile by tile; with a base both heads in step, so that logits of one id meet.
 */
#include <math.h>
#include "forward/batch.h"

/* One head's tile at hand: ids [first, first + rows). */
struct side { const struct vs_model *m; struct vs_weights *w; const float *hidden; float *logits; uint32_t count; uint64_t first, rows; bool done; };

static enum vs_code advance(const struct runner *k, struct side *s, struct vs_err *err)
{
    enum vs_code code = vs_head_next(k->j->dev, &s->m->arch, s->w, s->hidden, s->count, s->logits, &s->first, &s->rows, err);
    s->done = !code && !s->rows;
    return code;
}

/* ---- this model's tiles ---- */

static enum vs_code dump_tile(struct runner *k, const struct side *s, struct vs_err *err)
{
    enum vs_code code = vs_dev_get(k->j->dev, k->tile, s->logits, (uint64_t)s->count * s->rows * sizeof(float), err);
    for (uint32_t q = 0; q < k->sequence_count; q++) {
        const struct vs_prompt *p = &k->j->prompts->list[k->entries[k->batch_first + q].prompt];
        for (uint32_t i = 0; !code && p->origin == VS_PROMPT_USER && i < p->count; i++)
            code = vs_npy_put(k->dump, p->dump_row + i, s->first, k->tile + (k->sequences[q].begin + i) * s->rows, s->rows, err);
    }
    return code;
}

static enum vs_code take_tile(struct runner *k, const struct side *s, struct vs_err *err)
{
    enum vs_code code = vs_dev_put(k->j->dev, k->classes, k->j->row_class + s->first, s->rows, err);
    if (!code)
        code = vs_f_logit_tile(k->j->dev, s->logits, s->rows, s->count, s->rows, s->first, k->classes, k->stats, err);
    return code || !k->dump ? code : dump_tile(k, s, err);
}

/* ---- against the base ---- */

static uint64_t here(const struct vs_forward_job *j, uint64_t base_id)
{
    return base_id < j->shift_at || !j->shift_by ? base_id : base_id + j->shift_by;
}

static bool is_fresh(const struct vs_forward_job *j, uint64_t id)
{
    return j->fresh && (j->fresh[id / 64] >> (id % 64) & 1);
}

/* Base ids [begin, end) whose rows lie in both tiles and in one piece. */
static enum vs_code compare_run(struct runner *k, const struct side *base, const struct side *now, uint64_t begin, uint64_t end, struct vs_err *err)
{
    struct vs_f_diff diff = {.first = UINT64_MAX};
    uint64_t n = end - begin;
    enum vs_code code = vs_f_compare(k->j->dev, base->logits + (begin - base->first), base->rows, now->logits + (here(k->j, begin) - now->first),
                                     now->rows, k->old_tokens, n, &diff, err);
    if (code || !diff.different)
        return code;
    k->v->logits_different += diff.different;
    uint64_t id = here(k->j, begin) + diff.first % n;
    k->v->first_different_id = id < k->v->first_different_id ? id : k->v->first_different_id;
    k->r->logits_max_abs = diff.max_abs > k->r->logits_max_abs ? diff.max_abs : k->r->logits_max_abs;
    return VS_OK;
}

static enum vs_code compare_tiles(struct runner *k, const struct side *base, const struct side *now, struct vs_err *err)
{
    const struct vs_forward_job *j = k->j;
    uint64_t end = base->first + base->rows < j->old_end ? base->first + base->rows : j->old_end;
    enum vs_code code = VS_OK;
    for (uint64_t id = base->first; !code && id < end;) {
        uint64_t n = 0, at = here(j, id);
        while (id + n < end && here(j, id + n) == at + n && at + n >= now->first && at + n < now->first + now->rows && !is_fresh(j, at + n))
            n++;
        if (n)
            code = compare_run(k, base, now, id, id + n, err);
        id += n ? n : 1; /* a run that ends at the shift ends on an id that can be compared */
    }
    return code;
}

/* Whichever tile ends first is replaced. */
static enum vs_code both(struct runner *k, struct side *now, struct side *base, struct vs_err *err)
{
    enum vs_code code = advance(k, base, err);
    while (!code && !now->done) {
        code = advance(k, now, err);
        if (!code && !now->done)
            code = take_tile(k, now, err);
        while (!code && !now->done && !base->done && base->first < k->j->old_end) {
            code = compare_tiles(k, base, now, err);
            if (code || here(k->j, base->first + base->rows - 1) >= now->first + now->rows)
                break;
            code = advance(k, base, err);
        }
    }
    while (!code && !base->done)
        code = advance(k, base, err);
    return code;
}

/* ---- what the statistics say ---- */

/* What is masked has no part in the softmax. */
static double mass_of(const struct vs_f_logit_stats *s, int class)
{
    double top = -INFINITY, total = 0, own = 0;
    for (int c = 0; c < VS_F_MASKED; c++)
        if (s->of[c].count > s->of[c].nan && s->of[c].max > top)
            top = s->of[c].max;
    for (int c = 0; c < VS_F_MASKED; c++) {
        double sum = s->of[c].count > s->of[c].nan ? s->of[c].sum_exp * exp((double)s->of[c].max - top) : 0;
        total += sum;
        own = c == class ? sum : own;
    }
    return total > 0 ? own / total : 0;
}

/* log of the sum of exp(logit) over the classes of the set; -INFINITY where none of them has a number. */
static double log_sum(const struct vs_f_logit_stats *s, unsigned set)
{
    double top = -INFINITY, sum = 0;
    for (int c = 0; c < VS_F_CLASSES; c++)
        if (set >> c & 1 && s->of[c].count > s->of[c].nan && s->of[c].max > top)
            top = s->of[c].max;
    for (int c = 0; c < VS_F_CLASSES && top > -INFINITY; c++)
        if (set >> c & 1 && s->of[c].count > s->of[c].nan)
            sum += s->of[c].sum_exp * exp((double)s->of[c].max - top);
    return sum > 0 ? top + log(sum) : -INFINITY;
}

/* KL(old || new) = log sum over all rows - log sum over all but the new ones: those that were there before have kept their logits, so
 * that each lost the same share. Never by 1 - mass: a mass next to 1 rounds to 1. */
static double divergence(const struct vs_f_logit_stats *s)
{
    const double fresh = log_sum(s, 1u << VS_F_NEW), before = log_sum(s, 1u << VS_F_OLD | 1u << VS_F_SURPLUS), apart = fresh - before;
    return apart > 0 ? apart + log1p(exp(-apart)) : log1p(exp(apart));
}

static bool beats(const struct vs_f_logit_class *a, const struct vs_f_logit_class *b)
{
    return a->count > a->nan && (b->count == b->nan || a->max > b->max);
}

static void note_live(struct runner *k, uint64_t id)
{
    struct vs_forward_verdicts *v = k->v;
    v->live_positions++;
    for (uint32_t i = 0; i < v->live_shown; i++)
        if (v->live_ids[i] == id)
            return;
    if (v->live_shown < VS_SHOWN_IDS)
        v->live_ids[v->live_shown++] = id;
}

static void judge_position(struct runner *k, uint32_t t)
{
    const struct vs_f_logit_stats *s = &k->stats[t];
    const struct vs_f_logit_class *old = &s->of[VS_F_OLD], *fresh = &s->of[VS_F_NEW], *surplus = &s->of[VS_F_SURPLUS];
    uint64_t bad = 0;
    for (int c = 0; c < VS_F_CLASSES; c++)
        bad += s->of[c].nan + s->of[c].inf;
    k->v->logits_bad += bad;
    if (beats(surplus, old) && beats(surplus, fresh))
        note_live(k, surplus->id);
    double mass = surplus->count ? mass_of(s, VS_F_SURPLUS) : 0;
    k->r->mass_surplus_max = mass > k->r->mass_surplus_max ? mass : k->r->mass_surplus_max;
    if (t >= k->old_tokens || !fresh->count)
        return;
    mass = mass_of(s, VS_F_NEW);
    k->mass_sum += mass;
    k->mass_positions++;
    k->r->mass_new_max = mass > k->r->mass_new_max ? mass : k->r->mass_new_max;
    double kl = divergence(s);
    k->r->kl_max = kl > k->r->kl_max ? kl : k->r->kl_max;
    k->v->intrusions += beats(fresh, old) && beats(fresh, surplus);
}

enum vs_code vs_run_heads(struct runner *k, struct vs_err *err)
{
    const struct vs_forward_job *j = k->j;
    bool compare = j->base && k->old_tokens;
    const float *base_hidden = compare && k->base_pass ? vs_pass_hidden(k->base_pass) : vs_pass_hidden(k->pass);
    struct side now = {.m = j->model, .w = k->head, .hidden = vs_pass_hidden(k->pass), .logits = k->logits, .count = k->tokens};
    struct side base = {.m = j->base, .w = k->base_head, .hidden = base_hidden, .logits = k->base_logits, .count = k->old_tokens, .done = !compare};
    struct vs_err last;
    memset(k->stats, 0, k->tokens * sizeof *k->stats);
    enum vs_code code = vs_weights_begin(k->head, err), ended = VS_OK;
    if (!code && compare)
        code = vs_weights_begin(k->base_head, err);
    if (!code && compare)
        code = both(k, &now, &base, err);
    while (!code && !now.done) {
        code = advance(k, &now, err);
        if (!code && !now.done)
            code = take_tile(k, &now, err);
    }
    if (vs_weights_end(k->head, &last))
        ended = last.code;
    if (compare && vs_weights_end(k->base_head, &last))
        ended = last.code;
    if (!code && ended)
        *err = last;
    for (uint32_t t = 0; !code && t < k->tokens; t++)
        judge_position(k, t);
    return code ? code : ended;
}
