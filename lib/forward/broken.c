/* SPDX-License-Identifier: Apache-2.0
 *
 * Where hidden states stop being numbers: the weights of that stage are read once more, for one that is NaN or Inf.
 */
#include <math.h>
#include "forward/run.h"

#define CHUNK 65536u /* values at a time: whole blocks of every dtype */

struct search {
    const struct vs_model *m;
    struct vs_broken *out;
    const struct vs_tensor **list; bool *scales; uint64_t count; /* to be read, each once: parts of fused tensors name the same one */
    struct vs_task task;
    uint8_t *raw; float *values;
};

static void look_at(struct search *s, const struct vs_tensor *x, const float *values, uint64_t n, uint64_t first)
{
    for (uint64_t i = 0; i < n; i++)
        if (!isfinite(values[i])) {
            *s->out = (struct vs_broken){x, first + i, isnan(values[i]) != 0};
            return;
        }
}

/* Exponents of MXFP4 are bytes: all but the last are powers of two. */
static void look_at_scales(struct search *s, const struct vs_tensor *x, uint64_t n, uint64_t first)
{
    const uint8_t *at = memchr(s->raw, 255, n);
    if (at)
        *s->out = (struct vs_broken){x, first + (uint64_t)(at - s->raw), true};
}

static uint64_t elements(const struct vs_tensor *x)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < x->ndim; i++)
        n *= x->shape[i]; /* headers with more are refused */
    return n;
}

static enum vs_code read_tensor(struct search *s, const struct vs_tensor *x, bool scales, struct vs_err *err)
{
    struct vs_file f = {.fd = -1};
    const uint64_t all = elements(x);
    enum vs_code code = vs_file_open(s->m->c->files[x->file].path, &f, err);
    for (uint64_t at = 0; !code && at < all && !s->out->tensor; at += CHUNK) {
        const uint64_t n = all - at < CHUNK ? all - at : CHUNK;
        uint64_t skip = 0, bytes = 0;
        if (!vs_dtype_row_bytes(x->dtype, at, &skip) || !vs_dtype_row_bytes(x->dtype, n, &bytes))
            break;
        code = vs_file_pread(&f, x->begin + skip, s->raw, bytes, err);
        if (!code && scales)
            look_at_scales(s, x, n, at);
        else if (!code)
            code = vs_k_to_f32(s->raw, x->dtype, n, s->values, err);
        if (!code && !scales)
            look_at(s, x, s->values, n, at);
        if (!code)
            code = vs_task_step(&s->task, bytes, err);
    }
    vs_file_close(&f);
    return code;
}

static enum vs_code read_list(struct search *s, const struct vs_run *run, struct vs_err *err)
{
    uint64_t total = 0;
    enum vs_code code = VS_OK;
    for (uint64_t i = 0; i < s->count; i++)
        total += s->list[i]->end - s->list[i]->begin;
    vs_task_begin(&s->task, run, "weights", total);
    for (uint64_t i = 0; !code && !s->out->tensor && i < s->count; i++)
        code = read_tensor(s, s->list[i], s->scales[i], err);
    return code;
}

static void list_view(struct search *s, const struct vs_view *v)
{
    const struct vs_tensor *x = v->mxfp4 ? v->scales : v->tensor; /* four bits are always a number */
    for (uint64_t i = 0; i < s->count; i++)
        if (s->list[i] == x)
            return;
    if (!x)
        return;
    s->scales[s->count] = v->mxfp4;
    s->list[s->count++] = x;
}

static void list_weights(struct search *s, const struct vs_weight *w, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        list_view(s, &w[i].weight);
        list_view(s, &w[i].bias);
    }
}

static void list_layer(struct search *s, uint32_t layer)
{
    const struct vs_arch *a = &s->m->arch;
    const struct vs_binding *b = &s->m->binding;
    list_weights(s, b->layer + (uint64_t)layer * VS_LAYER_ROLES, VS_LAYER_ROLES);
    if (b->expert && a->layer[layer].moe)
        list_weights(s, b->expert + layer * (uint64_t)a->experts * VS_EXPERT_ROLES, (uint64_t)a->experts * VS_EXPERT_ROLES);
}

static void list_stage(struct search *s, uint32_t look)
{
    static const enum vs_model_role beside_rows[] = {VS_W_TOKEN_TYPES, VS_W_POSITIONS, VS_W_EMBED_NORM};
    const struct vs_weight *model = s->m->binding.model;
    const enum vs_stage stage = vs_pass_stage(&s->m->arch, look);
    for (size_t i = 0; stage == VS_STAGE_EMBEDDING && i < sizeof beside_rows / sizeof *beside_rows; i++)
        list_weights(s, &model[beside_rows[i]], 1);
    if (stage == VS_STAGE_LAYER)
        list_layer(s, look - 1);
    if (stage == VS_STAGE_FINAL_NORM)
        list_weights(s, &model[VS_W_FINAL_NORM], 1);
}

/* Of the input table only rows that were asked for: another one spoils nothing here. */
static enum vs_code search_rows(struct search *s, const struct vs_prompts *prompts, struct vs_err *err)
{
    const struct vs_view *table = &s->m->binding.model[VS_W_EMBED].weight;
    uint8_t *room = vs_malloc(vs_view_row_room(table) + 1);
    float *row = vs_calloc(table->cols + 1, sizeof *row);
    enum vs_code code = room && row ? VS_OK : vs_enomem(err, "a row", table->cols * sizeof *row);
    for (uint32_t p = 0; !code && p < prompts->count; p++)
        for (uint32_t i = 0; !code && !prompts->list[p].skip && i < prompts->list[p].count && !s->out->tensor; i++) {
            const uint32_t id = (uint32_t)prompts->ids[prompts->list[p].begin + i];
            code = vs_view_rows(s->m->c, table, &id, 1, room, row, err);
            if (!code)
                look_at(s, table->tensor, row, table->cols, id * table->cols);
        }
    vs_free(room);
    vs_free(row);
    return code;
}

enum vs_code vs_find_broken(const struct vs_model *m, uint32_t look, const struct vs_prompts *prompts, const struct vs_run *run,
                            struct vs_broken *out, struct vs_err *err)
{
    const uint64_t most = 2 * (VS_LAYER_ROLES + VS_MODEL_ROLES + (uint64_t)m->arch.experts * VS_EXPERT_ROLES);
    struct search s = {.m = m, .out = out, .list = vs_calloc(most, sizeof *s.list), .scales = vs_calloc(most, sizeof *s.scales)};
    s.raw = vs_malloc(CHUNK * sizeof(double));
    s.values = vs_calloc(CHUNK, sizeof *s.values);
    enum vs_code code = s.list && s.scales && s.raw && s.values ? VS_OK : vs_enomem(err, "weights", CHUNK * sizeof(double));
    if (!code && vs_pass_stage(&m->arch, look) == VS_STAGE_EMBEDDING)
        code = search_rows(&s, prompts, err);
    if (!code && !out->tensor) {
        list_stage(&s, look);
        code = read_list(&s, run, err);
    }
    vs_free(s.list);
    vs_free(s.scales);
    vs_free(s.raw);
    vs_free(s.values);
    return code;
}
