/* SPDX-License-Identifier: Apache-2.0
 *
 * What is measured on the device: statistics of every row, and the range-checked gather over every id that can occur.
 */
#include <string.h>
#include "check/checker.h"

/* ---- row statistics ---- */

/* Of rows that have a token and are not new: what the others are compared with. */
static enum vs_code median_norm(struct checker *k, const struct vs_table *t, struct vs_table_rows *out)
{
    double *norms = vs_calloc(t->rows, sizeof *norms);
    uint64_t n = 0;
    if (!norms)
        return vs_enomem(k->err, "row norms", 0);
    for (uint64_t i = 0; i < t->rows; i++)
        if (out->rows[i].nan + out->rows[i].inf == 0 && (vs_has_token(k, i) || !k->t) && !vs_bit(k->impl->fresh, i))
            norms[n++] = __builtin_sqrt(out->rows[i].sum_squares);
    vs_sort_values(norms, n);
    out->median = n ? norms[n / 2] : 0;
    vs_free(norms);
    return VS_OK;
}

/* ---- gather ---- */

#define SAMPLE 64 /* rows that are really fetched; the ids are all checked */

struct gather {
    struct checker *k;
    int64_t *ids; uint64_t n, tokens;
    struct vs_k_range *ranges; uint32_t range_count;
    float *out; int64_t sample[SAMPLE]; uint64_t sampled;
    struct vs_k_bad bad[8]; uint64_t bad_count;
    bool checked;
};

static enum vs_code collect_ids(struct gather *g)
{
    struct checker *k = g->k;
    const uint64_t lost = vs_checkpoint_rows(k->c, k->input);
    uint64_t room = (k->t ? k->t->rows_needed : k->input->rows) + k->c->config.special_id_count;
    g->ids = vs_calloc(room + 1, sizeof *g->ids);
    if (!g->ids)
        return vs_enomem(k->err, "probe ids", 0);
    for (uint64_t id = 0; id < (k->t ? k->t->rows_needed : k->input->rows); id++)
        if (!k->t || (vs_has_token(k, id) && (id < k->input->rows || id >= lost)))
            g->ids[g->n++] = (int64_t)id;
    g->tokens = g->n;
    for (size_t i = 0; i < k->c->config.special_id_count; i++)
        if (k->c->config.special_ids[i].value >= 0)
            g->ids[g->n++] = k->c->config.special_ids[i].value;
    for (uint64_t i = 0; i < SAMPLE && g->n; i++)
        g->sample[g->sampled++] = g->ids[i * g->n / SAMPLE];
    return VS_OK;
}

/* Strict ranges, begin <= id < end: the blocks where there are some, else the whole table. */
static enum vs_code set_ranges(struct gather *g)
{
    const struct vs_facts *f = g->k->r->facts;
    g->ranges = vs_arena_array(&g->k->impl->arena, (size_t)f->block_count + 1, sizeof *g->ranges);
    if (!g->ranges)
        return vs_enomem(g->k->err, "the blocks", 0);
    for (uint32_t i = 0; i < f->block_count; i++)
        g->ranges[g->range_count++] = (struct vs_k_range){f->blocks[i].begin, f->blocks[i].end};
    if (!g->range_count)
        g->ranges[g->range_count++] = (struct vs_k_range){0, g->k->input->rows};
    return VS_OK;
}

static enum vs_code gather_window(struct gather *g, const struct vs_rows *w, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    if (!g->checked)
        code = vs_k_gather(g->k->dev, w, g->ids, g->n, g->ranges, g->range_count, NULL, g->bad, 8, &g->bad_count, err);
    g->checked = true;
    if (!code)
        code = vs_k_gather(g->k->dev, w, g->sample, g->sampled, g->ranges, g->range_count, g->out, NULL, 0, NULL, err);
    return code;
}

static enum vs_code begin_gather(struct gather *g)
{
    struct checker *k = g->k;
    enum vs_code code = set_ranges(g);
    if (!code)
        code = collect_ids(g);
    g->out = code ? NULL : vs_calloc(SAMPLE * k->input->cols, sizeof *g->out);
    return code || g->out ? code : vs_enomem(k->err, "gathered rows", 0);
}

static void keep_gather(const struct gather *g)
{
    struct checker *k = g->k;
    k->impl->gathered = g->n;
    k->impl->bad_count = g->bad_count;
    k->r->gather = (struct vs_gather){.checked = g->n, .tokens = g->tokens, .bad_count = g->bad_count};
    for (uint64_t i = 0; i < g->bad_count && i < 8; i++)
        k->r->gather.bad[k->r->gather.shown++] = (struct vs_bad_id){g->bad[i].position, g->bad[i].id};
}

/* ---- one pass over each table ---- */

struct pass { struct vs_dev *dev; struct vs_k_row *rows; struct gather *gather; }; /* the latter two: or NULL */

static enum vs_code visit(void *user, const struct vs_rows *window, struct vs_err *err)
{
    struct pass *p = user;
    enum vs_code code = p->rows ? vs_k_row_stats(p->dev, window, p->rows + window->first, err) : VS_OK;
    return code || !p->gather ? code : gather_window(p->gather, window, err);
}

static bool has_statistics(const struct checker *k, const struct vs_table *t)
{
    bool wanted = t->role == VS_ROLE_INPUT || t->role == VS_ROLE_HEAD || t->role == VS_ROLE_PLE;
    return wanted && !t->suspect && t->rows && t->cols && vs_rows_readable(k->c, t);
}

static enum vs_code measure_table(struct checker *k, uint32_t i)
{
    const struct vs_table *t = &k->c->tables[i];
    struct gather g = {.k = k};
    struct pass p = {.dev = k->dev, .gather = t == k->input ? &g : NULL};
    enum vs_code code = p.gather ? begin_gather(&g) : VS_OK;
    if (!code && has_statistics(k, t)) {
        p.rows = vs_arena_array(&k->impl->arena, t->rows, sizeof *p.rows);
        code = p.rows ? VS_OK : vs_enomem(k->err, "row statistics", 0);
    }
    if (!code && (p.rows || p.gather))
        code = vs_scan_rows(k->c, t, 0, t->rows, k->run, "rows", vs_watch_tap(k->watch), visit, &p, k->err);
    if (!code && p.gather)
        keep_gather(&g);
    k->impl->table_rows[i].rows = p.rows;
    if (!code && p.rows)
        code = median_norm(k, t, &k->impl->table_rows[i]);
    vs_free(g.ids);
    vs_free(g.out);
    return code;
}

enum vs_code vs_measure_rows(struct checker *k)
{
    enum vs_code code = VS_OK;
    k->impl->table_rows = vs_arena_array(&k->impl->arena, k->c->table_count + 1u, sizeof *k->impl->table_rows);
    if (!k->impl->table_rows)
        return vs_enomem(k->err, "row statistics", 0);
    for (uint32_t i = 0; !code && i < k->c->table_count; i++)
        code = measure_table(k, i);
    return code;
}
