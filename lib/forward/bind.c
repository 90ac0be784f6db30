/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tensor is what: names of the description (bind_name.c) against the tensors of the checkpoint, shapes against the config
 * (bind_shape.c). Every tensor must be known to the description, otherwise the model computes something that it does not describe.
 */
#include <stdio.h>
#include "forward/bind.h"
#include "quant.h"

#define EXPERTS_MOST (1u << 22)

struct binder {
    const struct vs_describe *d;
    const struct vs_arch *a;
    struct vs_binding *b;
    struct vs_obstacle *o;
    struct vs_err *err;
    struct vs_names names;
    bool *used; /* by position in the checkpoint's tensors */
};

/* ---- shapes ---- */

static bool readable(enum vs_dtype dtype, uint64_t cols)
{
    bool plain = vs_dtype_is_float(dtype) || dtype == VS_F8_E4M3 || dtype == VS_F8_E5M2;
    return plain || (vs_quant_elements(dtype) && cols % vs_quant_elements(dtype) == 0);
}

/* Rows of the part that the role is: where they begin and how they step. */
static void place(const struct vs_arch *a, const struct vs_side *s, const struct vs_bound *r, struct vs_view *v)
{
    uint64_t q = (uint64_t)a->heads * a->head_dim, kv = (uint64_t)a->kv_heads * a->head_dim;
    v->block = v->step = r->rows;
    if (s->part == VS_PART_STACK && (r->name[0] == 'g' || r->name[0] == 'u' || r->name[0] == 'e'))
        v->first = s->nth * r->rows;
    else if (s->part == VS_PART_STACK)
        v->first = s->nth == 0 ? 0 : q + (s->nth - 1) * kv;
    else if (s->part == VS_PART_BY_HEAD) {
        v->first = (uint64_t)s->nth * a->head_dim;
        v->block = a->head_dim;
        v->step = 3ull * a->head_dim;
    } else if (s->part == VS_PART_INTERLEAVE) {
        v->first = s->nth;
        v->block = 1;
        v->step = 2;
    }
}

static uint64_t stored_rows(const struct vs_arch *a, const struct vs_side *s, const struct vs_bound *r)
{
    bool mlp = r->name[0] == 'g' || r->name[0] == 'u' || r->name[0] == 'e';
    uint64_t qkv = (a->heads + 2ull * a->kv_heads) * a->head_dim;
    if (s->part == VS_PART_STACK)
        return mlp ? 2 * r->rows : qkv;
    return s->part == VS_PART_BY_HEAD ? 3ull * a->heads * a->head_dim : s->part == VS_PART_INTERLEAVE ? 2 * r->rows : r->rows;
}

/* Dimensions after those of the experts must be these. */
static bool has_shape(const struct vs_tensor *t, uint32_t skip, const uint64_t *dims, uint32_t n)
{
    if (t->ndim != skip + n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (t->shape[skip + i] != dims[i])
            return false;
    return true;
}

/* ---- one role ---- */

static void use(const struct binder *k, const struct vs_tensor *t)
{
    k->used[t - k->d->c->tensors] = true;
}

static void missing(const struct binder *k, const char *name)
{
    vs_obstacle_set(k->o, VS_MISSING, k->d->c->file_count ? k->d->c->files[0].name : NULL, name);
    vs_obstacle_found(k->o, "absent");
    vs_obstacle_expected(k->o, "a tensor of this name: %s has it", k->a->id);
}

static void view_matrix(const struct binder *k, const struct vs_side *s, struct vs_bound *r, uint32_t experts, uint32_t e,
                        const struct vs_tensor *scales, struct vs_view *v)
{
    const struct vs_tensor *t = v->tensor;
    bool stacked = experts && t->ndim > 2, blocks = scales != NULL;
    r->stored_rows = stored_rows(k->a, s, r);
    uint64_t plain[2] = {r->stored_rows, r->cols}, turned[2] = {r->cols, r->stored_rows}, mx[3] = {r->stored_rows, r->cols / 32, 16};
    bool fits = blocks ? r->cols % 32 == 0 && has_shape(t, stacked, mx, 3) && has_shape(scales, stacked, mx, 2) :
                has_shape(t, stacked, s->transposed ? turned : plain, 2);
    fits = fits || (r->rows == 1 && r->stored_rows == 1 && has_shape(t, 0, &r->cols, 1));
    if (!fits || (stacked && t->shape[0] != experts)) {
        vs_wrong_shape(k->o, k->d, t, r, s->transposed);
        return;
    }
    if (blocks ? t->dtype != VS_U8 || scales->dtype != VS_U8 : !readable(t->dtype, r->cols)) {
        vs_wrong_dtype(k->o, k->d, t, "a dtype that holds numbers of its own: F32, F16, BF16, F8, or blocks of GGUF");
        return;
    }
    if (r->cols == 1) { /* a column is a vector here */
        vs_obstacle_tensor(k->o, VS_BEYOND, k->d, t);
        vs_obstacle_found(k->o, "a matrix of one column");
        return;
    }
    v->scales = scales;
    v->mxfp4 = blocks;
    v->rows = r->rows;
    v->cols = r->cols;
    v->stored_rows = r->stored_rows;
    v->transposed = s->transposed && !blocks;
    v->offset = stacked ? (t->end - t->begin) / experts * e : 0;
    v->scale_offset = stacked && blocks ? (scales->end - scales->begin) / experts * e : 0;
    place(k->a, s, r, v);
}

static void view_vector(const struct binder *k, const struct vs_side *s, const struct vs_bound *r, uint32_t experts, uint32_t e,
                        struct vs_view *v)
{
    const struct vs_tensor *t = v->tensor;
    bool stacked = experts && t->ndim == 2;
    uint64_t n = stored_rows(k->a, s, r);
    struct vs_bound all = {r->name, r->rows, 1, n, true};
    if (!has_shape(t, stacked, &n, 1) || (stacked && t->shape[0] != experts)) {
        vs_wrong_shape(k->o, k->d, t, &all, false);
        return;
    }
    if (!readable(t->dtype, 1)) {
        vs_wrong_dtype(k->o, k->d, t, "F32, F16, BF16 or F8");
        return;
    }
    v->rows = r->rows; /* a vector is a column of rows: parts are laid out alike */
    v->cols = 1;
    v->stored_rows = n;
    v->offset = stacked ? (t->end - t->begin) / experts * e : 0;
    place(k->a, s, r, v);
}

static bool wants_bias(const struct binder *k, struct vs_setting role)
{
    bool want = false;
    const struct vs_jval *v = vs_jget(role.v, "bias");
    char name[64];
    if (!v)
        return false;
    if (v->type != VS_JSON_STRING)
        return vs_jbool(v, &want) && want;
    snprintf(name, sizeof name, "%.*s", VS_STR(v->str));
    if (k->d->gguf && vs_setting_is_looked_up(k->d, name))
        return true;
    return vs_setting_bool(vs_setting(k->d, name), &want) && want;
}

/* GGUF files do not keep the flag of a config: the tensor is there, or it is not. */
static bool may_lack_bias(const struct binder *k, struct vs_setting role)
{
    const struct vs_jval *v = vs_jget(role.v, "bias");
    char name[64];
    snprintf(name, sizeof name, "%.*s", VS_STR(v->str));
    return k->d->gguf && v->type == VS_JSON_STRING && vs_setting_is_looked_up(k->d, name);
}

/* No model is without these, where it has the layer at all. */
static bool is_required(const struct binder *k, const char *name)
{
    static const char *const names[] = {"embed", "q", "k", "v", "o", "up", "down", "router", "expert_up", "expert_down", "shared_router", "shared_up",
                                        "shared_down"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strcmp(name, "head") == 0 && !k->a->encoder;
}

static void not_described(const struct binder *k, const char *name)
{
    if (k->o->kind || !is_required(k, name))
        return;
    vs_obstacle_set(k->o, VS_MISSING, k->d->c->files[0].name, name);
    vs_obstacle_found(k->o, "a description, %s, that does not name it", k->a->id);
    vs_obstacle_expected(k->o, "the name of its tensor in the description");
}

/* Binds one role; nothing happens when the model has no such role. */
static void bind_role(struct binder *k, const struct vs_bound *r, uint32_t l, uint32_t experts, uint32_t e, struct vs_weight *w)
{
    const struct vs_setting role = vs_describe_tensor(k->d, r->name);
    const struct vs_tensor *weight, *scales;
    struct vs_side s;
    char name[512];
    struct vs_bound copy = *r;
    if (!role.v || k->o->kind || !vs_name_choose(&k->names, role, l, e, &s, &weight)) {
        not_described(k, r->name);
        return;
    }
    if (!weight) {
        missing(k, vs_name_spell(&k->names, &s, 0, l, e, name));
        return;
    }
    use(k, weight);
    scales = s.suffix[2].n ? vs_name_look(&k->names, &s, 2, l, e) : NULL;
    if (scales)
        use(k, scales);
    w->weight.tensor = weight;
    if (r->vector)
        view_vector(k, &s, r, 0, 0, &w->weight);
    else
        view_matrix(k, &s, &copy, experts, e, scales, &w->weight);
    if (k->o->kind || !wants_bias(k, role))
        return;
    w->bias.tensor = vs_name_look(&k->names, &s, 1, l, e);
    if (!w->bias.tensor) {
        if (!may_lack_bias(k, role))
            missing(k, vs_name_spell(&k->names, &s, 1, l, e, name));
        return;
    }
    use(k, w->bias.tensor);
    view_vector(k, &s, r, experts, e, &w->bias);
}

/* ---- all of them ---- */

static void bind_layer(struct binder *k, uint32_t l)
{
    const struct vs_arch *a = k->a;
    uint64_t h = a->hidden, q = (uint64_t)a->heads * a->head_dim, kv = (uint64_t)a->kv_heads * a->head_dim, hd = a->head_dim;
    bool full = a->qk_norm == VS_QK_FULL, moe = a->layer[l].moe;
    const struct { enum vs_layer_role at; struct vs_bound role; } roles[] = {
        {VS_W_ATTN_NORM, {"attn_norm", h, 1, 0, true}},
        {VS_W_Q, {"q", q, h, 0, false}},
        {VS_W_K, {"k", kv, h, 0, false}},
        {VS_W_V, {"v", kv, h, 0, false}},
        {VS_W_Q_NORM, {"q_norm", full ? q : hd, 1, 0, true}},
        {VS_W_K_NORM, {"k_norm", full ? kv : hd, 1, 0, true}},
        {VS_W_SINKS, {"sinks", a->heads, 1, 0, true}},
        {VS_W_O, {"o", h, q, 0, false}},
        {VS_W_ATTN_POST_NORM, {"attn_post_norm", h, 1, 0, true}},
        {VS_W_FFN_NORM, {"ffn_norm", h, 1, 0, true}},
        {VS_W_FFN_POST_NORM, {"ffn_post_norm", h, 1, 0, true}},
    };
    const struct { enum vs_layer_role at; struct vs_bound role; bool moe; } mlp[] = {
        {VS_W_GATE, {"gate", a->intermediate, h, 0, false}, false},
        {VS_W_UP, {"up", a->intermediate, h, 0, false}, false},
        {VS_W_DOWN, {"down", h, a->intermediate, 0, false}, false},
        {VS_W_ROUTER, {"router", a->experts, h, 0, false}, true},
        {VS_W_SHARED_ROUTER, {"shared_router", 1, h, 0, false}, true},
        {VS_W_SHARED_GATE, {"shared_gate", a->shared_size, h, 0, false}, true},
        {VS_W_SHARED_UP, {"shared_up", a->shared_size, h, 0, false}, true},
        {VS_W_SHARED_DOWN, {"shared_down", h, a->shared_size, 0, false}, true},
    };
    struct vs_weight *w = k->b->layer + (uint64_t)l * VS_LAYER_ROLES;
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        bind_role(k, &roles[i].role, l, 0, 0, &w[roles[i].at]);
    for (size_t i = 0; i < sizeof mlp / sizeof *mlp; i++)
        if (mlp[i].moe == moe && (a->shared_size || mlp[i].at < VS_W_SHARED_ROUTER))
            bind_role(k, &mlp[i].role, l, 0, 0, &w[mlp[i].at]);
    for (uint32_t e = 0; moe && e < a->experts && !k->o->kind; e++) {
        struct vs_weight *x = k->b->expert + ((uint64_t)l * a->experts + e) * VS_EXPERT_ROLES;
        bind_role(k, &(struct vs_bound){"expert_gate", a->expert_size, h, 0, false}, l, a->experts, e, &x[VS_W_EXPERT_GATE]);
        bind_role(k, &(struct vs_bound){"expert_up", a->expert_size, h, 0, false}, l, a->experts, e, &x[VS_W_EXPERT_UP]);
        bind_role(k, &(struct vs_bound){"expert_down", h, a->expert_size, 0, false}, l, a->experts, e, &x[VS_W_EXPERT_DOWN]);
    }
}

/* The one activation that is made of two inputs. */
static void check_gate(struct binder *k, uint32_t l)
{
    const struct vs_weight *w = k->a->layer[l].moe ? &k->b->expert[(uint64_t)l * k->a->experts * VS_EXPERT_ROLES + VS_W_EXPERT_GATE]
                                                   : &k->b->layer[(uint64_t)l * VS_LAYER_ROLES + VS_W_GATE];
    if (k->o->kind || k->a->act != VS_F_SWIGLU_OAI || w->weight.tensor)
        return;
    vs_obstacle_setting(k->o, VS_BEYOND, k->d, "act");
    vs_obstacle_found(k->o, "swiglu_oai, in a model without gates");
}

/* Tables have as many rows as they have. */
static void bind_table(struct binder *k, const char *name, uint64_t cols, struct vs_weight *w)
{
    const struct vs_setting role = vs_describe_tensor(k->d, name);
    const struct vs_tensor *t;
    struct vs_side s;
    if (!role.v || k->o->kind || !vs_name_choose(&k->names, role, 0, 0, &s, &t)) {
        not_described(k, name);
        return;
    }
    if (t && t->ndim == 2 && t->shape[0] == 0)
        vs_wrong_shape(k->o, k->d, t, &(struct vs_bound){name, 1, cols, 1, false}, s.transposed);
    else
        bind_role(k, &(struct vs_bound){name, t && t->ndim == 2 ? t->shape[0] : 1, cols, 0, false}, 0, 0, 0, w);
}

static bool has_tensor(const struct binder *k, const char *name)
{
    const struct vs_setting role = vs_describe_tensor(k->d, name);
    const struct vs_tensor *t = NULL;
    struct vs_side s;
    return role.v && vs_name_choose(&k->names, role, 0, 0, &s, &t) && t;
}

/* Tied: the input table is the head, and a head that is stored as well is left alone, as loaders do. */
static void bind_head(struct binder *k)
{
    struct vs_weight *head = &k->b->model[VS_W_HEAD], *embed = &k->b->model[VS_W_EMBED];
    bool stored = has_tensor(k, "head");
    if (!vs_describe_tensor(k->d, "head").v) {
        not_described(k, "head");
        return;
    }
    if (stored || !k->a->tied)
        bind_table(k, "head", k->a->hidden, head);
    if (k->a->tied && (!k->d->gguf || !stored))
        head->weight = embed->weight;
}

static void bind_model(struct binder *k)
{
    const struct vs_arch *a = k->a;
    struct vs_weight *w = k->b->model;
    bind_table(k, "embed", a->hidden, &w[VS_W_EMBED]);
    bind_table(k, "positions", a->hidden, &w[VS_W_POSITIONS]);
    bind_table(k, "token_types", a->hidden, &w[VS_W_TOKEN_TYPES]);
    bind_role(k, &(struct vs_bound){"embed_norm", a->hidden, 1, 0, true}, 0, 0, 0, &w[VS_W_EMBED_NORM]);
    bind_role(k, &(struct vs_bound){"final_norm", a->hidden, 1, 0, true}, 0, 0, 0, &w[VS_W_FINAL_NORM]);
    bind_head(k);
}

/* Before memory is taken for what the config says. */
static bool has_room(const struct binder *k, uint64_t experts)
{
    char expected[80];
    snprintf(expected, sizeof expected, "no more than there are tensors, %llu", (unsigned long long)k->d->c->tensor_count);
    if (k->a->layers > k->d->c->tensor_count)
        vs_obstacle_value(k->o, k->d, "layers", expected);
    else if (experts > EXPERTS_MOST) {
        vs_obstacle_setting(k->o, VS_BAD_CONFIG, k->d, "experts");
        vs_obstacle_found(k->o, "%u layers of %u experts", k->a->layers, k->a->experts);
        vs_obstacle_expected(k->o, "%u experts in all, at most", EXPERTS_MOST);
    }
    return !k->o->kind;
}

enum vs_code vs_bind(const struct vs_describe *d, const struct vs_arch *a, struct vs_binding *b, struct vs_obstacle *o, struct vs_err *err)
{
    struct binder k = {.d = d, .a = a, .b = b, .o = o, .err = err};
    uint64_t experts = (uint64_t)a->layers * a->experts;
    *b = (struct vs_binding){0};
    if (!has_room(&k, experts))
        return VS_OK;
    b->layer = vs_arena_array(&b->arena, (uint64_t)a->layers * VS_LAYER_ROLES, sizeof *b->layer);
    b->expert = vs_arena_array(&b->arena, experts * VS_EXPERT_ROLES + 1, sizeof *b->expert);
    k.used = vs_arena_array(&b->arena, d->c->tensor_count + 1, sizeof *k.used);
    if (!b->layer || !b->expert || !k.used)
        return vs_enomem(err, "names of weights", experts * VS_EXPERT_ROLES * sizeof *b->expert);
    vs_names_begin(&k.names, d);
    bind_model(&k);
    for (uint32_t l = 0; l < a->layers && !o->kind; l++) {
        bind_layer(&k, l);
        check_gate(&k, l);
    }
    vs_find_unread(d, a, b, k.used, o);
    return VS_OK;
}

void vs_binding_free(struct vs_binding *b)
{
    vs_arena_free(&b->arena);
    *b = (struct vs_binding){0};
}
