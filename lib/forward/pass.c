/* SPDX-License-Identifier: Apache-2.0
 *
 * The pass as a whole: layers in order, the residual stream between them, what is looked at on the way.
 */
#include <math.h>
#include "forward/pass.h"

/* ---- a model ---- */

enum vs_code vs_model_open(const struct vs_checkpoint *c, const char *data_dir, const char *arch_desc, struct vs_model *m, struct vs_err *err)
{
    *m = (struct vs_model){.c = c};
    enum vs_code code = vs_describe_open(c, data_dir, arch_desc, &m->describe, &m->obstacle, err);
    if (!code && !m->obstacle.kind)
        code = vs_arch_resolve(&m->describe, &m->arch, &m->obstacle, err);
    if (!code && !m->obstacle.kind)
        code = vs_bind(&m->describe, &m->arch, &m->binding, &m->obstacle, err);
    if (!code && m->obstacle.kind)
        vs_find_packed(&m->describe, &m->obstacle);
    return code;
}

void vs_model_close(struct vs_model *m)
{
    vs_binding_free(&m->binding);
    vs_arch_free(&m->arch);
    vs_describe_close(&m->describe);
}

/* ---- workspace ---- */

static uint64_t widest_mlp(const struct vs_arch *a)
{
    uint64_t n = a->intermediate > a->expert_size ? a->intermediate : a->expert_size;
    return n > a->shared_size ? n : a->shared_size;
}

static uint64_t scores_needed(struct vs_pass *p)
{
    const struct vs_arch *a = p->a;
    struct vs_f_span span = {0, p->tokens, 0, p->keys > p->tokens ? p->keys : p->tokens};
    struct vs_f_heads q = {NULL, (uint64_t)a->heads * a->head_dim, a->head_dim, a->heads, a->head_dim};
    struct vs_f_heads k = {NULL, (uint64_t)a->kv_heads * a->head_dim, a->head_dim, a->kv_heads, a->head_dim};
    struct vs_f_attention x = {.q = q, .k = k, .v = k, .spans = &span, .span_count = 1, .causal = !a->encoder};
    return vs_f_attention_scores(p->dev, &x);
}

static enum vs_code device_buffers(struct vs_pass *p, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    uint64_t n = p->tokens, h = n * a->hidden, q = n * a->heads * a->head_dim, kv = n * a->kv_heads * a->head_dim, mlp = n * widest_mlp(a);
    uint64_t places = p->keys > p->tokens ? p->keys : p->tokens, used = n * (a->experts_used ? a->experts_used : 1);
    const struct { void *out; uint64_t bytes; } wanted[] = {
        {&p->residual, (uint64_t)p->room * a->hidden * 4}, {&p->h, h * 4}, {&p->branch, h * 4}, {&p->other, h * 4}, {&p->q, q * 4}, {&p->k, kv * 4},
        {&p->v, kv * 4}, {&p->heads, q * 4}, {&p->gate, mlp * 4}, {&p->up, mlp * 4}, {&p->scores, scores_needed(p) * 4},
        {&p->rope[0], places * 2 * a->rope[0].pairs * 4}, {&p->rope[1], places * 2 * a->rope[1].pairs * 4},
        {&p->gathered, a->experts ? h * 4 : 0}, {&p->router, n * a->experts * 4}, {&p->share, a->experts ? n * 4 : 0},
        {&p->position, n * 4}, {&p->rows, used * 4}, {&p->row_weights, used * 4}};
    enum vs_code code = VS_OK;
    for (size_t i = 0; !code && i < sizeof wanted / sizeof *wanted; i++)
        code = vs_dev_alloc(p->dev, wanted[i].bytes + 4, wanted[i].out, err);
    return code;
}

static uint64_t row_room(const struct vs_pass *p)
{
    static const enum vs_model_role tables[] = {VS_W_EMBED, VS_W_TOKEN_TYPES, VS_W_POSITIONS};
    uint64_t room = 1;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        const struct vs_view *v = &p->m->binding.model[tables[i]].weight;
        uint64_t bytes = v->tensor ? vs_view_row_room(v) : 0;
        room = bytes > room ? bytes : room;
    }
    return room;
}

static uint64_t widest_row(const struct vs_arch *a)
{
    uint64_t n = widest_mlp(a), heads = (uint64_t)a->heads * a->head_dim;
    n = n > a->hidden ? n : a->hidden;
    return n > heads ? n : heads;
}

static enum vs_code host_buffers(struct vs_pass *p, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    uint64_t n = p->tokens, used = a->experts_used ? a->experts_used : 1, places = p->keys > n ? p->keys : n;
    uint64_t rope = places * 2 * (a->rope[0].pairs > a->rope[1].pairs ? a->rope[0].pairs : a->rope[1].pairs);
    uint64_t experts = n * a->experts + n * used, room = n * a->hidden;
    room = room > rope ? room : rope;
    room = room > experts ? room : experts;
    p->row = vs_malloc(row_room(p));
    p->host = vs_calloc(room + 1, sizeof *p->host);
    p->host_ids = vs_calloc(n * used + 1, sizeof *p->host_ids);
    p->inv_freq = vs_calloc(a->head_dim + 1u, sizeof *p->inv_freq);
    p->spans = vs_calloc(n + 1, sizeof *p->spans);
    p->sequences = vs_calloc(n + 1, sizeof *p->sequences);
    p->looks = vs_calloc(2 * (a->layers + 2ull), sizeof *p->looks);
    p->chosen = vs_calloc(n * used + a->experts + 1, sizeof *p->chosen);
    p->chosen_weights = vs_calloc(n * used + 1, sizeof *p->chosen_weights);
    bool good = p->row && p->host && p->host_ids && p->inv_freq && p->spans && p->sequences && p->looks && p->chosen && p->chosen_weights;
    return good ? VS_OK : vs_enomem(err, "a forward pass", room * sizeof *p->host);
}

enum vs_code vs_pass_open(struct vs_dev *dev, const struct vs_model *m, uint32_t tokens, uint32_t keys, struct vs_pass **out, struct vs_err *err)
{
    return vs_pass_open_sliced(dev, m, tokens, keys, tokens, out, err);
}

enum vs_code vs_pass_open_sliced(struct vs_dev *dev, const struct vs_model *m, uint32_t tokens, uint32_t keys, uint32_t room, struct vs_pass **out,
                                 struct vs_err *err)
{
    struct vs_pass *p = vs_calloc(1, sizeof *p);
    if (!p)
        return vs_enomem(err, "a forward pass", sizeof *p);
    *p = (struct vs_pass){.dev = dev, .m = m, .a = &m->arch, .tokens = tokens, .keys = keys, .room = room};
    enum vs_code code = host_buffers(p, err);
    if (!code)
        code = device_buffers(p, err);
    if (!code)
        code = vs_dev_reserve(dev, widest_row(p->a), err);
    if (code)
        vs_pass_close(p);
    else
        *out = p;
    return code;
}

void vs_pass_close(struct vs_pass *p)
{
    if (!p)
        return;
    void *device[] = {p->residual, p->h, p->branch, p->other, p->q, p->k, p->v, p->heads, p->gate, p->up, p->scores, p->rope[0], p->rope[1],
                      p->gathered, p->router, p->share, p->position, p->rows, p->row_weights};
    void *host[] = {p->row, p->host, p->host_ids, p->inv_freq, p->spans, p->sequences, p->looks, p->chosen, p->chosen_weights};
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        vs_dev_free(p->dev, device[i]);
    for (size_t i = 0; i < sizeof host / sizeof *host; i++)
        vs_free(host[i]);
    vs_free(p);
}

/* ---- weights as they come ---- */

enum vs_code vs_take(struct vs_pass *p, const struct vs_weight *w, struct vs_piece *piece, struct vs_err *err)
{
    enum vs_code code = vs_weights_next(p->w, piece, err);
    if (!code && piece->of != w)
        return vs_fail(err, VS_EUSAGE, "%s: the pass and its schedule of weights disagree in layer %u", p->a->id, p->layer);
    return code;
}

enum vs_code vs_linear(struct vs_pass *p, const struct vs_weight *w, const float *x, uint32_t m, float *y, struct vs_err *err)
{
    uint64_t rows = w->weight.rows;
    enum vs_code code = VS_OK;
    for (uint64_t r = 0; !code && r < rows;) {
        struct vs_piece piece;
        code = vs_take(p, w, &piece, err);
        if (!code)
            code = vs_f_linear(p->dev, &piece.mat, x, w->weight.cols, m, piece.bias, y + piece.first, rows, err);
        r += piece.rows;
    }
    return code;
}

enum vs_code vs_skip(struct vs_pass *p, const struct vs_weight *w, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    struct vs_piece piece;
    for (uint64_t r = 0; !code && w->weight.tensor && r < w->weight.rows; r += piece.rows)
        code = vs_take(p, w, &piece, err);
    return code;
}

enum vs_code vs_norm(struct vs_pass *p, const struct vs_weight *w, const float *x, uint64_t rows, float *y, struct vs_err *err)
{
    struct vs_piece piece;
    if (!w->weight.tensor)
        return VS_OK;
    enum vs_code code = vs_take(p, w, &piece, err);
    return code ? code : vs_f_norm(p->dev, p->a->norm, x, rows, w->weight.rows, piece.vector, piece.bias, p->a->eps, y, err);
}

/* ---- one layer ---- */

static enum vs_code add_branch(struct vs_pass *p, const float *branch, struct vs_err *err)
{
    return vs_f_add(p->dev, p->x, branch, p->a->residual_scale, (uint64_t)p->batch->count * p->a->hidden, err);
}

/* x += post(attention(pre(x))); x += post(mlp(pre(x))) */
static enum vs_code sequential(struct vs_pass *p, const struct vs_weight *w, struct vs_err *err)
{
    uint32_t m = p->batch->count;
    bool pre = w[VS_W_ATTN_NORM].weight.tensor, pre_mlp = w[VS_W_FFN_NORM].weight.tensor;
    enum vs_code code = vs_norm(p, &w[VS_W_ATTN_NORM], p->x, m, p->h, err);
    if (!code)
        code = vs_attention(p, w, pre ? p->h : p->x, p->branch, err);
    if (!code)
        code = vs_norm(p, &w[VS_W_ATTN_POST_NORM], p->branch, m, p->branch, err);
    if (!code)
        code = add_branch(p, p->branch, err);
    if (!code)
        code = vs_norm(p, &w[VS_W_FFN_NORM], p->x, m, p->h, err);
    if (!code)
        code = vs_mlp(p, w, pre_mlp ? p->h : p->x, p->branch, err);
    if (!code)
        code = vs_norm(p, &w[VS_W_FFN_POST_NORM], p->branch, m, p->branch, err);
    return code ? code : add_branch(p, p->branch, err);
}

/* Both halves see the same input: with one norm its output, else each its own. */
static enum vs_code parallel(struct vs_pass *p, const struct vs_weight *w, struct vs_err *err)
{
    uint32_t m = p->batch->count;
    enum vs_code code = vs_norm(p, &w[VS_W_ATTN_NORM], p->x, m, p->h, err);
    if (!code)
        code = vs_attention(p, w, p->h, p->branch, err);
    if (!code)
        code = vs_norm(p, &w[VS_W_FFN_NORM], p->x, m, p->h, err);
    if (!code)
        code = add_branch(p, p->branch, err);
    if (!code)
        code = vs_mlp(p, w, p->h, p->branch, err);
    return code ? code : add_branch(p, p->branch, err);
}

/* x = norm(x + attention(x)); x = norm(x + mlp(x)) */
static enum vs_code post_norm(struct vs_pass *p, const struct vs_weight *w, struct vs_err *err)
{
    uint32_t m = p->batch->count;
    enum vs_code code = vs_attention(p, w, p->x, p->branch, err);
    if (!code)
        code = add_branch(p, p->branch, err);
    if (!code)
        code = vs_norm(p, &w[VS_W_ATTN_POST_NORM], p->x, m, p->x, err);
    if (!code)
        code = vs_mlp(p, w, p->x, p->branch, err);
    if (!code)
        code = add_branch(p, p->branch, err);
    return code ? code : vs_norm(p, &w[VS_W_FFN_POST_NORM], p->x, m, p->x, err);
}

/* Of a continuation nobody asks, and a device would wait for the answer at every layer of every token. */
static enum vs_code look(struct vs_pass *p, uint32_t at, const float *x, struct vs_err *err)
{
    if (p->cache)
        return VS_OK;
    uint64_t h = p->a->hidden, m = p->batch->count, split = p->split < m ? p->split : m;
    enum vs_code code = vs_f_look(p->dev, x, split * h, &p->looks[at], err);
    return code ? code : vs_f_look(p->dev, x + split * h, (m - split) * h, &p->looks[p->a->layers + 2u + at], err);
}

static enum vs_code run_layer(struct vs_pass *p, struct vs_err *err)
{
    const struct vs_weight *w = p->m->binding.layer + (uint64_t)p->layer * VS_LAYER_ROLES;
    return p->a->block == VS_PARALLEL ? parallel(p, w, err) : p->a->block == VS_POST_NORM ? post_norm(p, w, err) : sequential(p, w, err);
}

/* ---- slices ---- */

/* Sequences of the batch from *at on, as many as the workspace takes. Returns the first token. */
static uint32_t cut_slice(struct vs_pass *p, uint32_t *at)
{
    const struct vs_batch *all = p->all;
    uint32_t begin = all->sequences[*at].begin, count = 0, n = 0;
    for (; *at < all->sequence_count && count + all->sequences[*at].count <= p->tokens; ++*at) {
        struct vs_sequence s = all->sequences[*at];
        p->sequences[n++] = (struct vs_sequence){s.begin - begin, s.count, s.past};
        count += s.count;
    }
    p->slice = (struct vs_batch){.ids = all->ids + begin, .count = count, .sequences = p->sequences, .sequence_count = n, .length = all->length};
    return begin;
}

static void whole_batch(struct vs_pass *p)
{
    p->batch = p->all;
    p->x = p->residual;
}

/* Positions are those of the batch already when it is one slice. */
static enum vs_code for_slices(struct vs_pass *p, enum vs_code (*run)(struct vs_pass *p, struct vs_err *err), struct vs_err *err)
{
    enum vs_code code = VS_OK;
    if (p->all->count <= p->tokens)
        return run(p, err);
    for (uint32_t at = 0; !code && at < p->all->sequence_count;) {
        uint32_t begin = cut_slice(p, &at);
        p->batch = &p->slice;
        p->x = p->residual + (uint64_t)begin * p->a->hidden;
        code = p->slice.count ? vs_positions(p, err) : vs_fail(err, VS_EUSAGE, "a sequence longer than the %u tokens of the workspace", p->tokens);
        if (!code && begin && run == run_layer)
            vs_weights_again(p->w);
        if (!code)
            code = run(p, err);
    }
    whole_batch(p);
    return code;
}

static enum vs_code run_layers(struct vs_pass *p, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (p->layer = 0; !code && p->layer < p->a->layers; p->layer++) {
        code = for_slices(p, run_layer, err);
        if (!code)
            code = look(p, p->layer + 1, p->x, err);
    }
    return code;
}

enum vs_code vs_pass_run(struct vs_pass *p, struct vs_weights *trunk, const struct vs_batch *batch, const struct vs_cache *cache, struct vs_err *err)
{
    const struct vs_weight *model = p->m->binding.model;
    p->w = trunk;
    p->all = batch;
    p->cache = cache;
    whole_batch(p);
    enum vs_code code = batch->count <= p->tokens ? vs_positions(p, err) : VS_OK, ended;
    if (!code)
        code = vs_weights_begin(trunk, err);
    if (code)
        return code;
    code = for_slices(p, vs_embed, err);
    if (!code)
        code = vs_norm(p, &model[VS_W_EMBED_NORM], p->x, batch->count, p->x, err);
    if (!code)
        code = look(p, 0, p->x, err);
    if (!code)
        code = run_layers(p, err);
    if (!code)
        code = vs_norm(p, &model[VS_W_FINAL_NORM], p->x, batch->count, p->x, err);
    if (!code)
        code = look(p, p->a->layers + 1, p->x, err);
    struct vs_err last;
    ended = vs_weights_end(trunk, &last);
    if (!code && ended)
        *err = last;
    return code ? code : ended;
}

const float *vs_pass_hidden(const struct vs_pass *p)
{
    return p->residual;
}

enum vs_stage vs_pass_stage(const struct vs_arch *a, uint32_t look)
{
    return look == 0 ? VS_STAGE_EMBEDDING : look <= a->layers ? VS_STAGE_LAYER : VS_STAGE_FINAL_NORM;
}

const char *vs_stage_name(enum vs_stage s)
{
    static const char *const names[] = {[VS_STAGE_EMBEDDING] = "embedding", [VS_STAGE_LAYER] = "layer", [VS_STAGE_FINAL_NORM] = "final_norm"};
    return names[s];
}

const struct vs_f_stats *vs_pass_old_looks(const struct vs_pass *p)
{
    return p->looks;
}

const struct vs_f_stats *vs_pass_looks(const struct vs_pass *p)
{
    return p->looks + p->a->layers + 2;
}

void vs_pass_split(struct vs_pass *p, uint32_t first_tokens)
{
    p->split = first_tokens;
}

void vs_pass_debug(struct vs_pass *p, bool on)
{
    p->debug = on;
}

double vs_pass_row_sum_error(const struct vs_pass *p)
{
    return p->row_sum_error;
}

/* ---- the head ---- */

enum vs_code vs_head_next(struct vs_dev *dev, const struct vs_arch *a, struct vs_weights *head, const float *hidden, uint32_t count,
                          float *logits, uint64_t *first, uint64_t *rows, struct vs_err *err)
{
    struct vs_piece piece;
    enum vs_code code = vs_weights_next(head, &piece, err);
    *rows = piece.of ? piece.rows : 0;
    *first = piece.first;
    if (code || !piece.of)
        return code;
    code = vs_f_linear(dev, &piece.mat, hidden, a->hidden, count, piece.bias, logits, piece.rows, err);
    if (!code && (a->logit_scale != 1 || a->final_softcap > 0))
        code = vs_f_scale(dev, logits, a->logit_scale, a->final_softcap, (uint64_t)count * piece.rows, err);
    return code;
}

enum vs_code vs_head_run(struct vs_dev *dev, const struct vs_arch *a, struct vs_weights *head, const float *hidden, uint32_t count,
                         float *logits, vs_logit_visitor *visit, void *user, struct vs_err *err)
{
    uint64_t first, rows = 1;
    struct vs_err last;
    enum vs_code code = vs_weights_begin(head, err), ended;
    while (!code && rows) {
        code = vs_head_next(dev, a, head, hidden, count, logits, &first, &rows, err);
        if (!code && rows)
            code = visit(user, logits, rows, first, rows, err);
    }
    ended = vs_weights_end(head, &last);
    if (!code && ended)
        *err = last;
    return code ? code : ended;
}
