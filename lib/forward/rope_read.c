/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions: the scalings that configs and GGUF files name.
 */
#include <math.h>
#include <stdio.h>
#include "base/io.h"
#include "forward/arch.h"

/* ---- members of a setting ---- */

static struct vs_setting member(struct vs_setting object, const char *key)
{
    const struct vs_jval *v = vs_jget(object.v, key);
    return (struct vs_setting){.doc = object.doc, .v = v && v->type != VS_JSON_NULL ? v : NULL};
}

static double number_of(struct vs_setting s, double fallback)
{
    double v;
    return vs_setting_f64(s, &v) ? v : fallback;
}

static double number(struct vs_setting object, const char *name, double fallback)
{
    return number_of(member(object, name), fallback);
}

static double key_number(const struct vs_describe *d, const char *name, double fallback)
{
    return number_of(vs_config_value(d, name), fallback);
}

static struct vs_setting type_of(struct vs_setting scaling, const char **spelling)
{
    const struct vs_setting type = member(scaling, *spelling = "rope_type");
    return type.v ? type : member(scaling, *spelling = "type");
}

static bool kind_of(struct vs_setting type, enum vs_rope_kind *kind)
{
    static const struct { const char *name; enum vs_rope_kind kind; } kinds[] = {
        {"default", VS_ROPE_DEFAULT}, {"none", VS_ROPE_DEFAULT}, {"linear", VS_ROPE_LINEAR}, {"dynamic", VS_ROPE_DYNAMIC}, {"llama3", VS_ROPE_LLAMA3},
        {"yarn", VS_ROPE_YARN},       {"longrope", VS_ROPE_LONGROPE}, {"su", VS_ROPE_LONGROPE},
        {"mrope", VS_ROPE_DEFAULT}, /* of text alone it is the plain one */
    };
    *kind = VS_ROPE_DEFAULT;
    if (!type.v)
        return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (vs_setting_is(type, kinds[i].name)) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

/* ---- what is wrong with it ---- */

/* Where a class has its numbers from: the setting of its theta; in a config also an object of this name, which may be absent. */
struct origin { const struct vs_describe *d; const char *theta, *object; struct vs_setting scaling; };

/* A member of the object, wherever that stands: the config has it, or the description. */
static void at_member(const struct origin *from, enum vs_obstacle_kind kind, const char *key, struct vs_obstacle *o)
{
    const struct vs_jdoc *doc = from->scaling.doc;
    const bool literal = doc && doc != from->d->config;
    char at[200];
    snprintf(at, sizeof at, literal ? "/settings/%s/%s" : "%s.%s", from->object, key);
    vs_obstacle_set(o, kind, literal ? doc->file : "config.json", at);
}

static void at_key(const struct origin *from, const char *key, struct vs_obstacle *o)
{
    const struct vs_gguf *g = from->d->c->gguf;
    char at[200];
    snprintf(at, sizeof at, "%.*s.%s", VS_STR(g->architecture), key);
    vs_obstacle_set(o, VS_BAD_CONFIG, from->d->c->files[0].name, at);
}

enum number { THETA, ORIGINAL, FACTOR, LOW, HIGH };

static void at_theta(const struct origin *from, struct vs_obstacle *o)
{
    if (vs_setting_there(member(from->scaling, "rope_theta")))
        at_member(from, VS_BAD_CONFIG, "rope_theta", o);
    else
        vs_obstacle_setting(o, VS_BAD_CONFIG, from->d, from->theta);
}

static void at_number(const struct origin *from, const struct vs_rope *r, enum number n, struct vs_obstacle *o)
{
    static const struct { const char *member, *of_yarn, *key; } names[] = {
        [ORIGINAL] = {"original_max_position_embeddings", "original_max_position_embeddings", "rope.scaling.original_context_length"},
        [FACTOR] = {"factor", "factor", "rope.scaling.factor"},
        [LOW] = {"low_freq_factor", "beta_slow", "rope.scaling.yarn_beta_slow"},
        [HIGH] = {"high_freq_factor", "beta_fast", "rope.scaling.yarn_beta_fast"}};
    const char *key = r->kind == VS_ROPE_YARN ? names[n].of_yarn : names[n].member;
    const bool old = n == FACTOR && !vs_setting_there(vs_config_value(from->d, "rope.scaling.factor"));
    if (n == THETA)
        at_theta(from, o);
    else if (from->d->gguf)
        at_key(from, old ? "rope.scale_linear" : names[n].key, o);
    else if (n == ORIGINAL && !vs_setting_there(member(from->scaling, key)))
        vs_obstacle_set(o, VS_BAD_CONFIG, "config.json", key);
    else
        at_member(from, VS_BAD_CONFIG, key, o);
}

static void at_rotated(const struct origin *from, uint32_t head_dim, struct vs_obstacle *o)
{
    if (head_dim < 2)
        vs_obstacle_setting(o, VS_BAD_CONFIG, from->d, "head_dim");
    else if (vs_setting_there(vs_setting(from->d, "rotary_dim")))
        vs_obstacle_setting(o, VS_BAD_CONFIG, from->d, "rotary_dim");
    else if (vs_setting_there(member(from->scaling, "partial_rotary_factor")))
        at_member(from, VS_BAD_CONFIG, "partial_rotary_factor", o);
    else
        vs_obstacle_setting(o, VS_BAD_CONFIG, from->d, "rotary_factor");
}

static bool is_positive(double v)
{
    return v > 0 && isfinite(v);
}

static void check_rotated(const struct origin *from, const struct vs_rope *r, uint32_t head_dim, struct vs_obstacle *o)
{
    if (r->pairs)
        return;
    at_rotated(from, head_dim, o);
    vs_obstacle_found(o, "0 rotated pairs of %u dimensions", head_dim);
    vs_obstacle_expected(o, "at least one");
}

/* What the formulas divide by, or take logarithms and roots of. */
static void check_class(const struct origin *from, const struct vs_rope *r, uint32_t head_dim, struct vs_obstacle *o)
{
    const bool dynamic = r->kind == VS_ROPE_DYNAMIC, llama3 = r->kind == VS_ROPE_LLAMA3, ramp = llama3 || r->kind == VS_ROPE_YARN;
    const double low = llama3 ? r->low : 0;
    const struct { enum number n; double found, above; bool good; } numbers[] = {
        {THETA, r->theta, 0, is_positive(r->theta)},
        {ORIGINAL, r->original, 0, r->original > 0},
        {FACTOR, r->factor, 0, is_positive(r->factor) && (!dynamic || r->factor >= 1)},
        {LOW, r->low, 0, r->low > 0},
        {HIGH, r->high, low, !ramp || r->high > low}};
    check_rotated(from, r, head_dim, o);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !o->kind; i++) {
        if (numbers[i].good)
            continue;
        at_number(from, r, numbers[i].n, o);
        vs_obstacle_found(o, "%g", numbers[i].found);
        vs_obstacle_expected(o, "a number above %g", numbers[i].above);
        if (dynamic && numbers[i].n == FACTOR)
            vs_obstacle_expected(o, "a factor of at least 1");
    }
}

/* ---- the config ---- */

static enum vs_code factors(const struct origin *from, struct vs_arch *a, struct vs_rope *r, const char *key, double **out, struct vs_obstacle *o,
                            struct vs_err *err)
{
    struct vs_setting list = member(from->scaling, key);
    uint32_t n = list.v && list.v->type == VS_JSON_ARRAY ? list.v->count : 0, i = 0;
    *out = vs_arena_array(&a->arena, r->pairs + 1u, sizeof **out);
    if (!*out)
        return vs_enomem(err, "rope factors", r->pairs);
    for (const struct vs_jval *v = n == r->pairs ? list.v->child : NULL; v; v = v->next, i++)
        if (!vs_jf64(list.doc, v, *out + i) || !((*out)[i] > 0))
            n = 0;
    if (n == r->pairs)
        return VS_OK;
    at_member(from, VS_BAD_CONFIG, key, o);
    vs_obstacle_found(o, "%u factors", list.v ? list.v->count : 0);
    vs_obstacle_expected(o, "%u positive numbers, one for each pair of %u rotated dimensions", r->pairs, 2 * r->pairs);
    return VS_OK;
}

static uint32_t rotated_pairs(const struct origin *from, uint32_t head_dim)
{
    const struct vs_describe *d = from->d;
    double rotated;
    if (vs_setting_f64(vs_setting(d, "rotary_dim"), &rotated))
        return (uint32_t)(rotated > 0 && rotated <= head_dim ? rotated / 2 : 0);
    if (vs_setting_f64(member(from->scaling, "partial_rotary_factor"), &rotated) || vs_setting_f64(vs_setting(d, "rotary_factor"), &rotated))
        return (uint32_t)(rotated > 0 && rotated <= 1 ? head_dim * rotated : 0) / 2;
    return head_dim / 2;
}

static void read_numbers(struct vs_setting scaling, struct vs_rope *r)
{
    r->factor = number(scaling, "factor", r->kind == VS_ROPE_LONGROPE || r->kind == VS_ROPE_YARN ? r->positions / r->original : 1);
    r->attention = number(scaling, "attention_factor", 0);
    r->mscale = number(scaling, "mscale", 0);
    r->mscale_all = number(scaling, "mscale_all_dim", 0);
    if (r->kind == VS_ROPE_LLAMA3) {
        r->low = number(scaling, "low_freq_factor", 1);
        r->high = number(scaling, "high_freq_factor", 4);
    } else if (r->kind == VS_ROPE_YARN) {
        r->low = number(scaling, "beta_slow", 1);
        r->high = number(scaling, "beta_fast", 32);
        (void)vs_setting_bool(member(scaling, "truncate"), &r->truncate);
    }
}

static enum vs_code read_class(const struct origin *from, struct vs_arch *a, struct vs_rope *r, double theta, struct vs_obstacle *o,
                               struct vs_err *err)
{
    const struct vs_setting scaling = from->scaling;
    const char *spelling;
    const struct vs_setting type = type_of(scaling, &spelling);
    const double positions = (double)a->positions, elsewhere = key_number(from->d, "original_max_position_embeddings", positions);
    *r = (struct vs_rope){.theta = number(scaling, "rope_theta", theta), .positions = positions, .low = 1, .high = 1, .truncate = true,
                          .original = number(scaling, "original_max_position_embeddings", elsewhere), .pairs = rotated_pairs(from, a->head_dim)};
    if (!kind_of(type, &r->kind)) {
        at_member(from, VS_BEYOND, spelling, o);
        vs_obstacle_found(o, "%.*s", VS_STR(type.v->type == VS_JSON_STRING ? type.v->str : VS_LIT("no string")));
        return VS_OK;
    }
    read_numbers(scaling, r);
    check_class(from, r, a->head_dim, o);
    if (o->kind || r->kind != VS_ROPE_LONGROPE)
        return VS_OK;
    enum vs_code code = factors(from, a, r, "short_factor", &r->short_factors, o, err);
    return code || o->kind ? code : factors(from, a, r, "long_factor", &r->long_factors, o, err);
}

/* ---- GGUF: a few keys, and divisors as tensors ---- */

static enum vs_code stored_factors(const struct vs_describe *d, struct vs_arch *a, struct vs_rope *r, const char *name, double **out,
                                   struct vs_obstacle *o, struct vs_err *err)
{
    const struct vs_tensor *t = vs_checkpoint_tensor(d->c, vs_cstr(name));
    struct vs_file f = {.fd = -1};
    float *values = t ? vs_arena_array(&a->arena, r->pairs + 1u, sizeof *values) : NULL;
    if (!t)
        return VS_OK;
    *out = vs_arena_array(&a->arena, r->pairs + 1u, sizeof **out);
    if (!values || !*out)
        return vs_enomem(err, "rope factors", r->pairs);
    if (t->dtype != VS_F32 || t->ndim != 1 || t->shape[0] != r->pairs) {
        vs_obstacle_set(o, VS_BAD_SHAPE, d->c->files[t->file].name, name);
        vs_obstacle_found(o, "%s, %llu values", vs_dtype_name(t->dtype), (unsigned long long)(t->ndim == 1 ? t->shape[0] : 0));
        vs_obstacle_expected(o, "F32, one value for each pair of %u rotated dimensions", 2 * r->pairs);
        return VS_OK;
    }
    enum vs_code code = vs_file_open(d->c->files[t->file].path, &f, err);
    if (!code)
        code = vs_file_pread(&f, t->begin, values, r->pairs * sizeof *values, err);
    vs_file_close(&f);
    for (uint32_t i = 0; !code && !o->kind && i < r->pairs; i++) {
        (*out)[i] = (double)values[i];
        if (values[i] > 0 && isfinite(values[i]))
            continue;
        vs_obstacle_set(o, VS_BAD_CONFIG, d->c->files[t->file].name, name);
        vs_obstacle_found(o, "%g for pair %u", (double)values[i], i);
        vs_obstacle_expected(o, "positive numbers: frequencies are divided by them");
    }
    return code;
}

static bool key_is(const struct vs_describe *d, const char *name, const char *text)
{
    struct vs_str s;
    return vs_gguf_string(vs_config_value(d, name).kv, &s) && vs_str_is(s, text);
}

/* Absent, and 0: none. A factor without a type is linear, as loaders have it. */
static void gguf_scaling(const struct vs_describe *d, struct vs_rope *r)
{
    const double factor = key_number(d, "rope.scaling.factor", key_number(d, "rope.scale_linear", 0));
    const double original = key_number(d, "rope.scaling.original_context_length", 0);
    bool typed = vs_setting_there(vs_config_value(d, "rope.scaling.type")), linear = !typed || key_is(d, "rope.scaling.type", "linear");
    r->original = original != 0 ? original : r->positions;
    r->factor = factor != 0 ? factor : 1;
    r->attention = key_number(d, "rope.scaling.attn_factor", 0);
    r->kind = linear ? VS_ROPE_LINEAR : key_is(d, "rope.scaling.type", "yarn") ? VS_ROPE_YARN : VS_ROPE_DEFAULT;
    if (r->kind == VS_ROPE_YARN) {
        r->attention *= vs_yarn_mscale(r->factor, 1); /* the key stands beside the formula, not for it */
        r->low = key_number(d, "rope.scaling.yarn_beta_slow", 1);
        r->high = key_number(d, "rope.scaling.yarn_beta_fast", 32);
        (void)vs_setting_bool(vs_setting(d, "rope_truncate"), &r->truncate);
    }
}

static enum vs_code gguf_class(const struct origin *from, struct vs_arch *a, struct vs_rope *r, double theta, bool scaled, struct vs_obstacle *o,
                               struct vs_err *err)
{
    const struct vs_describe *d = from->d;
    enum vs_code code = read_class(from, a, r, theta, o, err);
    if (code || o->kind || !scaled)
        return code;
    gguf_scaling(d, r);
    check_class(from, r, a->head_dim, o);
    if (o->kind)
        return VS_OK;
    code = stored_factors(d, a, r, "rope_freqs.weight", &r->short_factors, o, err);
    if (!code && !o->kind && vs_checkpoint_tensor(d->c, VS_LIT("rope_factors_long.weight"))) {
        r->kind = VS_ROPE_LONGROPE;
        r->factor = r->positions / r->original;
        code = stored_factors(d, a, r, "rope_factors_short.weight", &r->short_factors, o, err);
        if (!code && !o->kind)
            code = stored_factors(d, a, r, "rope_factors_long.weight", &r->long_factors, o, err);
    }
    return code;
}

/* transformers 5 keeps all of it in rope_parameters, by layer type where the types differ; transformers 4 has rope_theta,
 * rope_scaling and, for sliding layers, rope_local_base_freq, which is not scaled. */
enum vs_code vs_arch_rope(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err)
{
    double theta = 10000, local;
    struct vs_setting all = vs_config_value(d, "rope_parameters"), old = vs_config_value(d, "rope_scaling");
    (void)vs_setting_f64(vs_setting(d, "theta"), &theta);
    bool has_local = vs_setting_f64(vs_setting(d, "local_theta"), &local);
    if (!old.v)
        old = vs_setting(d, "rope_scaling");
    struct origin full = {d, "theta", all.v ? "rope_parameters" : "rope_scaling", all.v ? all : old}, sliding = full;
    sliding.theta = has_local ? "local_theta" : "theta";
    const double slow = has_local ? local : theta;
    if (d->gguf) {
        full.scaling = sliding.scaling = (struct vs_setting){0};
        enum vs_code read = gguf_class(&full, a, &a->rope[0], theta, true, o, err);
        return read || o->kind ? read : gguf_class(&sliding, a, &a->rope[1], slow, !has_local, o, err);
    }
    struct vs_setting of_full = member(all, "full_attention"), of_sliding = member(all, "sliding_attention");
    if (of_full.v || of_sliding.v) {
        full = (struct origin){d, "theta", "rope_parameters.full_attention", of_full};
        sliding = (struct origin){d, sliding.theta, "rope_parameters.sliding_attention", of_sliding};
    } else if (has_local) {
        sliding.scaling = (struct vs_setting){0};
    }
    enum vs_code code = read_class(&full, a, &a->rope[0], theta, o, err);
    return code || o->kind ? code : read_class(&sliding, a, &a->rope[1], slow, o, err);
}
