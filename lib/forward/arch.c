/* SPDX-License-Identifier: Apache-2.0
 *
 * From settings to the numbers of a forward pass.
 */
#include <math.h>
#include <stdio.h>
#include "forward/arch.h"

#define SMALL_MOST 65536u

/* It is looked up, and nobody has it: the description's own file is named, for the number may stand there. */
static void absent(const struct vs_describe *d, struct vs_obstacle *o, const char *name)
{
    char key[96];
    if (o->kind)
        return;
    vs_setting_key(d, name, key, sizeof key);
    vs_obstacle_setting(o, VS_BAD_CONFIG, d, name);
    if (d->gguf || d->config)
        vs_obstacle_found(o, "absent");
    else
        vs_obstacle_found(o, "%s of config.json, which is absent", key);
    vs_obstacle_expected(o, "a whole number above 0");
}

/* A size of the model: present, above zero. */
static uint64_t size_up_to(const struct vs_describe *d, const char *name, uint64_t fallback, uint64_t most, struct vs_obstacle *o)
{
    const struct vs_setting s = vs_setting(d, name);
    uint64_t v = vs_setting_is_required(d, name) ? 0 : fallback;
    char expected[80];
    snprintf(expected, sizeof expected, "a whole number from 1 to %llu", (unsigned long long)most);
    if (!vs_setting_there(s) && !v)
        absent(d, o, name);
    else if (vs_setting_there(s) && (!vs_setting_u64(s, &v) || !v || v > most))
        vs_obstacle_value(o, d, name, expected);
    return v && v <= most ? v : 0;
}

static uint64_t size(const struct vs_describe *d, const char *name, uint64_t fallback, struct vs_obstacle *o)
{
    return size_up_to(d, name, fallback, UINT32_MAX, o);
}

/* The same with a limit: what is larger is no model. */
static uint32_t small(const struct vs_describe *d, const char *name, uint64_t fallback, struct vs_obstacle *o)
{
    return (uint32_t)size_up_to(d, name, fallback, SMALL_MOST, o);
}

/* 0: none. */
static uint64_t count(const struct vs_describe *d, const char *name, struct vs_obstacle *o)
{
    uint64_t v = 0;
    vs_read_whole(d, name, &v, o);
    return v;
}

static float real(const struct vs_describe *d, const char *name, double fallback, struct vs_obstacle *o)
{
    vs_read_number(d, name, &fallback, o);
    return (float)fallback;
}

static bool flag(const struct vs_describe *d, const char *name, struct vs_obstacle *o)
{
    bool v = false;
    vs_read_flag(d, name, &v, o);
    return v;
}

/* ---- names of the description and the config ---- */

struct name { const char *text; int value; };

static bool name_of(struct vs_setting s, const struct name *names, size_t n, int *out)
{
    for (size_t i = 0; i < n; i++)
        if (vs_setting_is(s, names[i].text)) {
            *out = names[i].value;
            return true;
        }
    return false;
}

static void read_names(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o)
{
    static const struct name acts[] = {
        {"silu", VS_F_SILU}, {"swish", VS_F_SILU}, {"gelu", VS_F_GELU_ERF}, {"gelu_new", VS_F_GELU_TANH}, {"gelu_pytorch_tanh", VS_F_GELU_TANH},
        {"gelu_fast", VS_F_GELU_TANH}, {"gelu_python", VS_F_GELU_ERF}, {"relu", VS_F_RELU}, {"relu2", VS_F_RELU2}, {"swiglu_oai", VS_F_SWIGLU_OAI}};
    static const struct name norms[] = {{"rms", VS_F_RMS}, {"layer", VS_F_LAYER}};
    static const struct name blocks[] = {{"sequential", VS_SEQUENTIAL}, {"parallel", VS_PARALLEL}, {"post", VS_POST_NORM}};
    static const struct name qk[] = {{"none", VS_QK_NONE}, {"head", VS_QK_HEAD}, {"full", VS_QK_FULL}};
    static const struct name routes[] = {{"softmax_topk", VS_F_SOFTMAX_TOPK}, {"topk_softmax", VS_F_TOPK_SOFTMAX}};
    int v[5] = {0};
    bool parallel = false;
    const struct vs_setting act = vs_setting(d, "act");
    if (act.v && act.v->type != VS_JSON_STRING)
        vs_obstacle_value(o, d, "act", "the name of an activation");
    else if (!name_of(act, acts, sizeof acts / sizeof *acts, &v[0])) {
        vs_obstacle_setting(o, VS_BEYOND, d, "act");
        vs_obstacle_found(o, "%.*s", VS_STR(act.v ? act.v->str : VS_LIT("nothing")));
    }
    (void)name_of(vs_setting(d, "norm"), norms, 2, &v[1]);
    (void)name_of(vs_setting(d, "block"), blocks, 3, &v[2]);
    (void)name_of(vs_setting(d, "qk_norm"), qk, 3, &v[3]);
    (void)name_of(vs_setting(d, "route"), routes, 2, &v[4]);
    vs_read_flag(d, "parallel", &parallel, o);
    if (vs_setting_there(vs_setting(d, "parallel")))
        v[2] = parallel ? VS_PARALLEL : VS_SEQUENTIAL;
    a->act = (enum vs_f_act)v[0];
    a->norm = (enum vs_f_norm_kind)v[1];
    a->block = (enum vs_block_kind)v[2];
    a->qk_norm = (enum vs_qk_norm)v[3];
    a->route = (enum vs_f_route)v[4];
}

/* What a config may switch on and this pass does not compute. */
static void refuse_beyond(const struct vs_describe *d, const struct vs_arch *a, struct vs_obstacle *o)
{
    static const char *const flags[] = {"bidirectional", "is_decoder"};
    for (size_t i = 0; i < 2 && !o->kind; i++)
        if (flag(d, flags[i], o)) {
            vs_obstacle_setting(o, VS_BEYOND, d, flags[i]);
            vs_obstacle_found(o, "true");
        }
    const float alpha = real(d, "swiglu_alpha", 1.702, o), limit = real(d, "swiglu_limit", 7, o);
    const bool by_alpha = alpha != 1.702f;
    if (a->act == VS_F_SWIGLU_OAI && (by_alpha || limit != 7) && !o->kind) {
        vs_obstacle_setting(o, VS_BEYOND, d, by_alpha ? "swiglu_alpha" : "swiglu_limit");
        vs_obstacle_found(o, "%g, another value than %s", (double)(by_alpha ? alpha : limit), by_alpha ? "1.702" : "7");
    }
}

/* ---- numbers ---- */

static void read_heads(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o)
{
    char key[160], expected[256];
    a->heads = small(d, "heads", 0, o);
    a->kv_heads = small(d, "kv_heads", a->heads, o);
    if (o->kind)
        return;
    vs_setting_key(d, "head_dim", key, sizeof key);
    snprintf(expected, sizeof expected, "a divisor of the hidden size, %llu, or %s beside it", (unsigned long long)a->hidden, key);
    if (!vs_setting_there(vs_setting(d, "head_dim")) && a->hidden % a->heads)
        vs_obstacle_value(o, d, "heads", expected);
    a->head_dim = small(d, "head_dim", a->hidden / a->heads, o);
    vs_setting_key(d, "heads", key, sizeof key);
    snprintf(expected, sizeof expected, "a divisor of %s, %u", key, a->heads);
    if (!o->kind && a->heads % a->kv_heads)
        vs_obstacle_value(o, d, "kv_heads", expected);
}

static void read_experts(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o)
{
    uint64_t experts = count(d, "experts", o), used = count(d, "experts_used", o);
    char expected[80];
    snprintf(expected, sizeof expected, "a whole number from 1 to the %llu experts", (unsigned long long)experts);
    if (experts > SMALL_MOST)
        vs_obstacle_value(o, d, "experts", "a whole number up to 65536");
    else if (experts && (used == 0 || used > experts))
        vs_obstacle_value(o, d, "experts_used", expected);
    a->experts = experts > SMALL_MOST ? 0 : (uint32_t)experts;
    a->experts_used = a->experts ? (uint32_t)used : 0;
    a->expert_size = count(d, "expert_size", o);
    a->expert_size = a->expert_size ? a->expert_size : a->intermediate;
    a->shared_size = count(d, "shared_size", o);
    if (a->expert_size > UINT32_MAX || a->shared_size > UINT32_MAX)
        vs_obstacle_value(o, d, a->expert_size > UINT32_MAX ? "expert_size" : "shared_size", "a whole number up to 4294967295");
}

/* A GGUF file without the size of its feed-forward has one of 0, except where all of it is experts. */
static bool has_inner_size(const struct vs_describe *d)
{
    return !d->gguf || (vs_setting_there(vs_setting(d, "experts")) && vs_setting_there(vs_setting(d, "expert_size")));
}

static void read_sizes(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o)
{
    a->hidden = size(d, "hidden", 0, o);
    a->layers = small(d, "layers", 0, o);
    a->positions = size(d, "positions", 1u << 20, o);
    if (!o->kind)
        read_heads(d, a, o);
    if (o->kind)
        return;
    a->intermediate = size(d, "intermediate", has_inner_size(d) ? 4 * a->hidden : 0, o);
    read_experts(d, a, o);
}

/* Roots are taken of it, or it is divided by: above 0, where it is there at all. */
static double divisor(const struct vs_describe *d, const char *name, double fallback, struct vs_obstacle *o)
{
    double v = fallback;
    vs_read_number(d, name, &v, o);
    if (!(v > 0) && vs_setting_there(vs_setting(d, name)))
        vs_obstacle_value(o, d, name, "a number above 0");
    return v;
}

static float attention_scale(const struct vs_describe *d, const struct vs_arch *a, struct vs_obstacle *o)
{
    double scale = 1 / sqrt(a->head_dim);
    bool scaled = true;
    if (!d->gguf && vs_setting_there(vs_setting(d, "query_scalar")))
        scale = 1 / sqrt(divisor(d, "query_scalar", a->head_dim, o));
    if (d->gguf && count(d, "gguf_wide_layers", o) == a->layers) /* the one size whose scalar is not its head size */
        scale = 1 / sqrt((double)a->hidden / a->heads);
    vs_read_number(d, "attention_scale", &scale, o);
    vs_read_flag(d, "scale_attention", &scaled, o);
    return scaled ? (float)scale : 1;
}

static void read_scales(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o)
{
    const bool by_hidden = vs_setting_is(vs_setting(d, "embed_scale"), "sqrt_hidden");
    a->scale = attention_scale(d, a, o);
    a->scale_by_layer = flag(d, "scale_by_layer", o);
    a->softcap = d->gguf ? real(d, "softcap", 0, o) : (float)divisor(d, "softcap", 0, o); /* a key of a file may say 0: none */
    a->final_softcap = d->gguf ? real(d, "final_softcap", 0, o) : (float)divisor(d, "final_softcap", 0, o);
    a->embed_scale = by_hidden ? (float)sqrt((double)a->hidden) : real(d, "embed_scale", 1, o);
    a->residual_scale = real(d, "residual_scale", 1, o);
    a->logit_scale = (float)((double)real(d, "logit_scale", 1, o) / (double)real(d, "logit_divisor", 1, o));
    a->eps = 1e-6;
    vs_read_number(d, "eps", &a->eps, o);
    if (a->eps < 0)
        vs_obstacle_value(o, d, "eps", "a number from 0 on");
}

/* The flag where the config has one; the default of the class otherwise. */
static bool is_tied(const struct vs_describe *d, struct vs_obstacle *o)
{
    const struct vs_config *c = &d->c->config;
    if (d->gguf)
        return true; /* a file without a head has none of its own */
    const bool tied = flag(d, "tied", o);
    return c->tie != VS_TIE_UNKNOWN ? c->tie == VS_TIE_TRUE : tied;
}

enum vs_code vs_arch_resolve(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err)
{
    struct vs_str id = vs_describe_id(d);
    *a = (struct vs_arch){.gguf = d->gguf};
    a->id = vs_arena_dup(&a->arena, id.p, id.n);
    if (!a->id)
        return vs_enomem(err, "a name", id.n);
    read_names(d, a, o);
    if (!o->kind)
        read_sizes(d, a, o);
    if (!o->kind)
        refuse_beyond(d, a, o);
    if (o->kind)
        return VS_OK;
    read_scales(d, a, o);
    a->encoder = vs_setting_is(vs_setting(d, "kind"), "encoder");
    a->plus_one = flag(d, "norm_plus_one", o) && !d->gguf; /* converters add the one */
    a->renorm = flag(d, "renorm", o);
    a->tied = is_tied(d, o);
    (void)flag(d, "attention_bias", o); /* what the tensors are asked by later */
    (void)flag(d, "mlp_bias", o);
    if (o->kind)
        return VS_OK;
    struct vs_setting rope = vs_setting(d, d->gguf ? "gguf_rope" : "rope");
    a->has_rope = !vs_setting_is(rope, "none");
    a->interleaved = vs_setting_is(rope, "interleaved");
    enum vs_code code = a->has_rope ? vs_arch_rope(d, a, o, err) : VS_OK;
    return code || o->kind ? code : vs_arch_layers(d, a, o, err);
}

void vs_arch_free(struct vs_arch *a)
{
    vs_arena_free(&a->arena);
    *a = (struct vs_arch){0};
}
