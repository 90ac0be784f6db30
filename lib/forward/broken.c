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
    const struct vs_tensor **seen; uint64_t seen_count; /* parts of fused tensors name the same one */
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
    }
    vs_file_close(&f);
    return code;
}

static enum vs_code search_view(struct search *s, const struct vs_view *v, struct vs_err *err)
{
    const struct vs_tensor *x = v->mxfp4 ? v->scales : v->tensor; /* four bits are always a number */
    if (!x || s->out->tensor)
        return VS_OK;
    for (uint64_t i = 0; i < s->seen_count; i++)
        if (s->seen[i] == x)
            return VS_OK;
    s->seen[s->seen_count++] = x;
    return read_tensor(s, x, v->mxfp4, err);
}

static enum vs_code search_weights(struct search *s, const struct vs_weight *w, uint64_t n, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint64_t i = 0; !code && i < n; i++) {
        code = search_view(s, &w[i].weight, err);
        if (!code)
            code = search_view(s, &w[i].bias, err);
    }
    return code;
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

static enum vs_code search_embedding(struct search *s, const struct vs_prompts *prompts, struct vs_err *err)
{
    static const enum vs_model_role others[] = {VS_W_TOKEN_TYPES, VS_W_POSITIONS, VS_W_EMBED_NORM};
    enum vs_code code = search_rows(s, prompts, err);
    for (size_t i = 0; !code && i < sizeof others / sizeof *others; i++)
        code = search_weights(s, &s->m->binding.model[others[i]], 1, err);
    return code;
}

static enum vs_code search_layer(struct search *s, uint32_t layer, struct vs_err *err)
{
    const struct vs_arch *a = &s->m->arch;
    const struct vs_binding *b = &s->m->binding;
    const uint64_t experts = b->expert && a->layer[layer].moe ? (uint64_t)a->experts * VS_EXPERT_ROLES : 0;
    enum vs_code code = search_weights(s, b->layer + (uint64_t)layer * VS_LAYER_ROLES, VS_LAYER_ROLES, err);
    return code || !experts ? code : search_weights(s, b->expert + layer * (uint64_t)a->experts * VS_EXPERT_ROLES, experts, err);
}

enum vs_code vs_find_broken(const struct vs_model *m, uint32_t look, const struct vs_prompts *prompts, struct vs_broken *out, struct vs_err *err)
{
    const uint64_t most = 2 * (VS_LAYER_ROLES + VS_MODEL_ROLES + (uint64_t)m->arch.experts * VS_EXPERT_ROLES);
    struct search s = {.m = m, .out = out, .seen = vs_calloc(most, sizeof *s.seen)};
    s.raw = vs_malloc(CHUNK * sizeof(double));
    s.values = vs_calloc(CHUNK, sizeof *s.values);
    enum vs_code code = s.seen && s.raw && s.values ? VS_OK : vs_enomem(err, "weights", CHUNK * sizeof(double));
    if (!code && vs_pass_stage(&m->arch, look) == VS_STAGE_EMBEDDING)
        code = search_embedding(&s, prompts, err);
    else if (!code && vs_pass_stage(&m->arch, look) == VS_STAGE_LAYER)
        code = search_layer(&s, look - 1, err);
    else if (!code)
        code = search_weights(&s, &m->binding.model[VS_W_FINAL_NORM], 1, err);
    vs_free(s.seen);
    vs_free(s.raw);
    vs_free(s.values);
    return code;
}
