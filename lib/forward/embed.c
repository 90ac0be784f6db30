/* SPDX-License-Identifier: Apache-2.0
 *
 * From ids to the first residual stream: rows of the tables, their scale, positions, and what the layers need to know of
 * positions.
 */
#include "forward/pass.h"

/* out += rows of a table that are found by number, one for each token. */
static enum vs_code add_rows(struct vs_pass *p, const struct vs_weight *table, const uint32_t *rows, bool first, struct vs_err *err)
{
    uint64_t n = (uint64_t)p->batch->count * p->a->hidden;
    enum vs_code code = vs_view_rows(p->m->c, &table->weight, rows, p->batch->count, p->row, p->host, err);
    if (!code)
        code = vs_dev_put(p->dev, first ? p->x : p->branch, p->host, n * sizeof *p->host, err);
    return code || first ? code : vs_f_add(p->dev, p->x, p->branch, 1, n, err);
}

static void list_positions(struct vs_pass *p)
{
    for (uint32_t s = 0; s < p->batch->sequence_count; s++)
        for (uint32_t i = 0; i < p->batch->sequences[s].count; i++)
            p->host_ids[p->batch->sequences[s].begin + i] = p->batch->sequences[s].past + i;
}

enum vs_code vs_embed(struct vs_pass *p, struct vs_err *err)
{
    const struct vs_weight *w = p->m->binding.model;
    uint32_t m = p->batch->count;
    enum vs_code code = add_rows(p, &w[VS_W_EMBED], p->batch->ids, true, err);
    if (!code && p->a->embed_scale != 1)
        code = vs_f_scale(p->dev, p->x, p->a->embed_scale, 0, (uint64_t)m * p->a->hidden, err);
    if (!code && w[VS_W_TOKEN_TYPES].weight.tensor) {
        memset(p->host_ids, 0, m * sizeof *p->host_ids);
        code = add_rows(p, &w[VS_W_TOKEN_TYPES], p->host_ids, false, err);
    }
    if (!code && w[VS_W_POSITIONS].weight.tensor) {
        list_positions(p);
        code = add_rows(p, &w[VS_W_POSITIONS], p->host_ids, false, err);
    }
    return code;
}

static enum vs_code make_rope(struct vs_pass *p, int class, struct vs_err *err)
{
    const struct vs_rope *r = &p->a->rope[class];
    uint64_t places = p->keys > p->tokens ? p->keys : p->tokens;
    if (p->rope_made[class] == p->batch->length + 1)
        return VS_OK;
    vs_rope_table(r, p->batch->length, places, p->host, p->inv_freq);
    p->rope_made[class] = p->batch->length + 1;
    return vs_dev_put(p->dev, p->rope[class], p->host, places * r->pairs * 2 * sizeof *p->host, err);
}

enum vs_code vs_positions(struct vs_pass *p, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t s = 0; s < p->batch->sequence_count; s++) {
        const struct vs_sequence *q = &p->batch->sequences[s];
        p->spans[s] = (struct vs_f_span){q->begin, q->count, p->cache ? p->cache->slot[s] : q->begin, q->past + q->count};
    }
    for (int class = 0; !code && p->a->has_rope && class < 2; class++)
        code = make_rope(p, class, err);
    list_positions(p);
    return code ? code : vs_dev_put(p->dev, p->position, p->host_ids, p->batch->count * sizeof *p->host_ids, err);
}
