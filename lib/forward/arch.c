/* SPDX-License-Identifier: Apache-2.0
 *
 * From settings to the numbers of a forward pass.
 */
#include <math.h>
#include <stdio.h>
#include "forward/arch.h"

#define SMALL_MOST 65536u

static void bad(const struct vs_describe *d, struct vs_obstacle *o, const char *name, const char *found, const char *expected)
{
    if (o->kind)
        return;
    vs_obstacle_setting(o, VS_BAD_CONFIG, d, name);
    vs_obstacle_found(o, "%s", found);
    vs_obstacle_expected(o, "%s", expected);
}

/* It is looked up, and nobody has it: the description's own file is named, for the number may stand there. */
static void absent(const struct vs_describe *d, struct vs_obstacle *o, const char *name)
{
    char key[96], found[160];
    vs_setting_key(d, name, key, sizeof key);
    snprintf(found, sizeof found, "%s of config.json, which is absent", key);
    bad(d, o, name, d->gguf || d->config ? "absent" : found, "a whole number above 0");
}

/* A size of the model: present, above zero. */
static uint64_t size(const struct vs_describe *d, const char *name, uint64_t fallback, struct vs_obstacle *o)
{
    uint64_t v = fallback;
    struct vs_setting s = vs_setting(d, name);
    if (vs_setting_there(s) && !vs_setting_u64(s, &v))
        bad(d, o, name, "no whole number", "a whole number above 0");
    else if (!v && !vs_setting_there(s))
        absent(d, o, name);
    else if (v == 0 || v > UINT32_MAX)
        bad(d, o, name, "0, or more than 32 bits", "a whole number above 0");
    return v;
}

/* The same with a limit: what is larger is no model. */
static uint32_t small(const struct vs_describe *d, const char *name, uint64_t fallback, struct vs_obstacle *o)
{
    uint64_t v = size(d, name, fallback, o);
    if (v > SMALL_MOST)
        bad(d, o, name, "more than 65536", "a size of a model");
    return v > SMALL_MOST ? 0 : (uint32_t)v;
}

static uint64_t count(const struct vs_describe *d, const char *name)
{
    uint64_t v = 0;
    (void)vs_setting_u64(vs_setting(d, name), &v);
    return v;
}

static float real(const struct vs_describe *d, const char *name, double fallback)
{
    double v;
    return (float)(vs_setting_f64(vs_setting(d, name), &v) ? v : fallback);
}

static bool flag(const struct vs_describe *d, const char *name)
{
    bool v = false;
    (void)vs_setting_bool(vs_setting(d, name), &v);
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
    bool parallel;
    struct vs_setting act = vs_setting(d, "act");
    if (!name_of(act, acts, sizeof acts / sizeof *acts, &v[0])) {
        vs_obstacle_setting(o, VS_BEYOND, d, "act");
        vs_obstacle_found(o, "%.*s", VS_STR(act.v ? act.v->str : VS_LIT("nothing")));
    }
    (void)name_of(vs_setting(d, "norm"), norms, 2, &v[1]);
    (void)name_of(vs_setting(d, "block"), blocks, 3, &v[2]);
    (void)name_of(vs_setting(d, "qk_norm"), qk, 3, &v[3]);
    (void)name_of(vs_setting(d, "route"), routes, 2, &v[4]);
    if (vs_setting_bool(vs_setting(d, "parallel"), &parallel))
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
        if (flag(d, flags[i])) {
            vs_obstacle_setting(o, VS_BEYOND, d, flags[i]);
            vs_obstacle_found(o, "true");
        }
    const float alpha = real(d, "swiglu_alpha", 1.702), limit = real(d, "swiglu_limit", 7);
    const bool by_alpha = alpha != 1.702f;
    if (a->act == VS_F_SWIGLU_OAI && (by_alpha || limit != 7) && !o->kind) {
        vs_obstacle_setting(o, VS_BEYOND, d, by_alpha ? "swiglu_alpha" : "swiglu_limit");
        vs_obstacle_found(o, "%g, another value than %s", (double)(by_alpha ? alpha : limit), by_alpha ? "1.702" : "7");
    }
}

/* ---- numbers ---- */

static void read_sizes(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o)
{
    a->hidden = size(d, "hidden", 0, o);
    a->layers = small(d, "layers", 0, o);
    a->heads = small(d, "heads", 0, o);
    a->kv_heads = small(d, "kv_heads", a->heads, o);
    a->positions = size(d, "positions", 1u << 20, o);
    if (o->kind)
        return;
    if (!count(d, "head_dim") && a->hidden % a->heads)
        bad(d, o, "heads", "heads that do not divide the hidden size", "head_dim, or heads that divide hidden_size");
    a->head_dim = vs_setting_there(vs_setting(d, "head_dim")) ? small(d, "head_dim", 0, o) : (uint32_t)(a->hidden / a->heads);
    if (a->heads % a->kv_heads)
        bad(d, o, "kv_heads", "more than the heads, or no divisor of them", "a divisor of num_attention_heads");
    a->intermediate = size(d, "intermediate", 4 * a->hidden, o);
    uint64_t experts = count(d, "experts"), used = count(d, "experts_used");
    if (experts && (used == 0 || used > experts))
        bad(d, o, "experts_used", "0, or more than there are experts", "1 up to the number of experts");
    if (a->head_dim > SMALL_MOST || experts > SMALL_MOST)
        bad(d, o, experts > SMALL_MOST ? "experts" : "head_dim", "more than 65536", "the sizes of a model");
    a->experts = experts > SMALL_MOST ? 0 : (uint32_t)experts;
    a->experts_used = a->experts ? (uint32_t)used : 0;
    a->expert_size = count(d, "expert_size");
    a->expert_size = a->expert_size ? a->expert_size : a->intermediate;
    a->shared_size = count(d, "shared_size");
    if (a->expert_size > UINT32_MAX || a->shared_size > UINT32_MAX)
        bad(d, o, a->expert_size > UINT32_MAX ? "expert_size" : "shared_size", "more than 32 bits", "the size of an expert");
}

static void read_scales(const struct vs_describe *d, struct vs_arch *a)
{
    double scalar;
    struct vs_setting embed = vs_setting(d, "embed_scale");
    bool scaled;
    a->scale = (float)(1 / sqrt(a->head_dim));
    if (!d->gguf && vs_setting_f64(vs_setting(d, "query_scalar"), &scalar) && scalar > 0)
        a->scale = (float)(1 / sqrt(scalar));
    if (d->gguf && count(d, "gguf_wide_layers") == a->layers) /* the one size whose scalar is not its head size */
        a->scale = (float)(1 / sqrt((double)a->hidden / a->heads));
    a->scale = real(d, "attention_scale", a->scale);
    if (vs_setting_bool(vs_setting(d, "scale_attention"), &scaled) && !scaled)
        a->scale = 1;
    a->scale_by_layer = flag(d, "scale_by_layer");
    a->softcap = real(d, "softcap", 0);
    a->final_softcap = real(d, "final_softcap", 0);
    a->embed_scale = vs_setting_is(embed, "sqrt_hidden") ? (float)sqrt((double)a->hidden) : real(d, "embed_scale", 1);
    a->residual_scale = real(d, "residual_scale", 1);
    a->logit_scale = (float)((double)real(d, "logit_scale", 1) / (double)real(d, "logit_divisor", 1));
    a->eps = real(d, "eps", 1e-6);
    (void)vs_setting_f64(vs_setting(d, "eps"), &a->eps);
}

/* The flag where the config has one; the default of the class otherwise. */
static bool is_tied(const struct vs_describe *d)
{
    const struct vs_config *c = &d->c->config;
    if (d->gguf)
        return true; /* a file without a head has none of its own */
    return c->tie != VS_TIE_UNKNOWN ? c->tie == VS_TIE_TRUE : flag(d, "tied");
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
    read_scales(d, a);
    a->encoder = vs_setting_is(vs_setting(d, "kind"), "encoder");
    a->plus_one = flag(d, "norm_plus_one") && !d->gguf; /* converters add the one */
    a->renorm = flag(d, "renorm");
    a->tied = is_tied(d);
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
