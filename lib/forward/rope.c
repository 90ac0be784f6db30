/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions: the scalings that configs name, as frequencies and tables made once on the host in float64.
 */
#include <math.h>
#include <stdio.h>
#include "base/io.h"
#include "canon.h"
#include "forward/arch.h"

#define TWO_PI 6.283185307179586

/* ---- frequencies ---- */

static double llama3(const struct vs_rope *r, double f)
{
    double wavelength = TWO_PI / f;
    if (wavelength > r->original / r->low)
        return f / r->factor;
    if (wavelength < r->original / r->high)
        return f;
    double smooth = (r->original / wavelength - r->low) / (r->high - r->low);
    return (1 - smooth) * f / r->factor + smooth * f;
}

/* The pair that turns `rotations` times over the original positions. */
static double yarn_pair(const struct vs_rope *r, double rotations)
{
    return 2.0 * r->pairs * log(r->original / (rotations * TWO_PI)) / (2 * log(r->theta));
}

struct ramp { double low, high; };

static struct ramp yarn_ramp(const struct vs_rope *r)
{
    double low = yarn_pair(r, r->high), high = yarn_pair(r, r->low);
    low = fmax(r->truncate ? floor(low) : low, 0);
    high = fmin(r->truncate ? ceil(high) : high, 2.0 * r->pairs - 1);
    return (struct ramp){low, high == low ? high + 0.001 : high};
}

static double yarn(const struct vs_rope *r, struct ramp ramp, uint32_t pair, double f)
{
    double t = fmin(fmax((pair - ramp.low) / (ramp.high - ramp.low), 0), 1);
    return f / r->factor * t + f * (1 - t);
}

static double yarn_mscale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

static double attention_factor(const struct vs_rope *r)
{
    if (r->attention > 0)
        return r->attention;
    if (r->kind == VS_ROPE_YARN && r->mscale > 0 && r->mscale_all > 0)
        return yarn_mscale(r->factor, r->mscale) / yarn_mscale(r->factor, r->mscale_all);
    if (r->kind == VS_ROPE_YARN)
        return yarn_mscale(r->factor, 1);
    if (r->kind == VS_ROPE_LONGROPE && r->factor > 1)
        return sqrt(1 + log(r->factor) / log(r->original));
    return 1;
}

static double dynamic_theta(const struct vs_rope *r, uint64_t length)
{
    double n = fmax((double)length, r->positions), dim = 2.0 * r->pairs;
    return r->theta * pow(r->factor * (n - r->positions) / r->positions + 1, dim / (dim - 2));
}

double vs_rope_frequencies(const struct vs_rope *r, uint64_t length, double *inv_freq)
{
    double theta = r->kind == VS_ROPE_DYNAMIC ? dynamic_theta(r, length) : r->theta;
    const double *divisors = r->kind == VS_ROPE_LONGROPE && (double)length > r->original ? r->long_factors : r->short_factors;
    struct ramp ramp = r->kind == VS_ROPE_YARN ? yarn_ramp(r) : (struct ramp){0, 1};
    for (uint32_t i = 0; i < r->pairs; i++) {
        double f = pow(theta, -(double)i / r->pairs);
        if (divisors)
            f /= divisors[i];
        if (r->kind == VS_ROPE_LINEAR)
            f /= r->factor;
        else if (r->kind == VS_ROPE_LLAMA3)
            f = llama3(r, f);
        else if (r->kind == VS_ROPE_YARN)
            f = yarn(r, ramp, i, f);
        inv_freq[i] = f;
    }
    return attention_factor(r);
}

void vs_rope_table(const struct vs_rope *r, uint64_t length, uint64_t positions, float *cos_sin, double *inv_freq)
{
    double factor = vs_rope_frequencies(r, length, inv_freq);
    for (uint64_t p = 0; p < positions; p++)
        for (uint32_t i = 0; i < r->pairs; i++) {
            double turns = (double)p * inv_freq[i] / TWO_PI, s, c;
            vs_sincos_turn(turns - floor(turns), &s, &c);
            cos_sin[2 * (p * r->pairs + i)] = (float)(c * factor);
            cos_sin[2 * (p * r->pairs + i) + 1] = (float)(s * factor);
        }
}

uint64_t vs_rope_key(const struct vs_rope *r, uint64_t length)
{
    if (r->kind == VS_ROPE_DYNAMIC)
        return (double)length > r->positions ? length : 0;
    return r->kind == VS_ROPE_LONGROPE && (double)length > r->original;
}

/* ---- the config ---- */

static struct vs_setting member(struct vs_setting object, const char *key)
{
    const struct vs_jval *v = vs_jget(object.v, key);
    return (struct vs_setting){.doc = object.doc, .v = v && v->type != VS_JSON_NULL ? v : NULL};
}

static double number(struct vs_setting object, const char *key, double fallback)
{
    double v;
    return vs_setting_f64(member(object, key), &v) ? v : fallback;
}

static bool kind_of(struct vs_setting scaling, enum vs_rope_kind *kind)
{
    static const struct { const char *name; enum vs_rope_kind kind; } kinds[] = {
        {"default", VS_ROPE_DEFAULT}, {"none", VS_ROPE_DEFAULT}, {"linear", VS_ROPE_LINEAR}, {"dynamic", VS_ROPE_DYNAMIC}, {"llama3", VS_ROPE_LLAMA3},
        {"yarn", VS_ROPE_YARN},       {"longrope", VS_ROPE_LONGROPE}, {"su", VS_ROPE_LONGROPE},
        {"mrope", VS_ROPE_DEFAULT}, /* of text alone it is the plain one */
    };
    struct vs_setting type = member(scaling, "rope_type");
    if (!type.v)
        type = member(scaling, "type");
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

static enum vs_code factors(struct vs_arch *a, struct vs_rope *r, struct vs_setting scaling, const char *key, double **out, struct vs_obstacle *o,
                            struct vs_err *err)
{
    struct vs_setting list = member(scaling, key);
    uint32_t n = list.v && list.v->type == VS_JSON_ARRAY ? list.v->count : 0, i = 0;
    *out = vs_arena_array(&a->arena, r->pairs + 1u, sizeof **out);
    if (!*out)
        return vs_enomem(err, "rope factors", r->pairs);
    for (const struct vs_jval *v = n == r->pairs ? list.v->child : NULL; v; v = v->next, i++)
        if (!vs_jf64(list.doc, v, *out + i) || !((*out)[i] > 0))
            n = 0;
    if (n == r->pairs)
        return VS_OK;
    vs_obstacle_set(o, VS_BAD_CONFIG, "config.json", key);
    vs_obstacle_found(o, "%u factors", list.v ? list.v->count : 0);
    vs_obstacle_expected(o, "%u positive numbers, one for each pair of %u rotated dimensions", r->pairs, 2 * r->pairs);
    return VS_OK;
}

/* What the formulas above divide by, or take logarithms and roots of. */
static void check_class(const struct vs_rope *r, uint32_t head_dim, const char *at, struct vs_obstacle *o)
{
    bool good = r->pairs && r->theta > 0 && r->factor > 0 && r->original > 0 && r->low > 0 && isfinite(r->theta) && isfinite(r->factor);
    good = good && (r->kind != VS_ROPE_LLAMA3 || r->high > r->low) && (r->kind != VS_ROPE_YARN || r->high > 0);
    if (good && (r->kind != VS_ROPE_DYNAMIC || r->factor >= 1))
        return;
    vs_obstacle_set(o, VS_BAD_CONFIG, "config.json", at);
    vs_obstacle_found(o, "%u rotated pairs of %u dimensions, theta %g, factor %g, frequency factors %g and %g", r->pairs, head_dim, r->theta, r->factor,
                      r->low, r->high);
    vs_obstacle_expected(o, "positive numbers, low below high%s", r->kind == VS_ROPE_DYNAMIC ? ", a factor of at least 1" : "");
}

static enum vs_code read_class(const struct vs_describe *d, struct vs_arch *a, struct vs_rope *r, struct vs_setting scaling, double theta,
                               struct vs_obstacle *o, struct vs_err *err)
{
    double original, rotated;
    bool listed = vs_setting_f64(member(scaling, "original_max_position_embeddings"), &original) ||
                  vs_setting_f64(vs_config_value(d, "original_max_position_embeddings"), &original);
    if (!listed)
        original = (double)a->positions;
    *r = (struct vs_rope){.theta = number(scaling, "rope_theta", theta), .positions = (double)a->positions, .original = original,
                          .low = 1, .high = 1, .truncate = true, .pairs = a->head_dim / 2};
    if (vs_setting_f64(vs_setting(d, "rotary_dim"), &rotated))
        r->pairs = (uint32_t)(rotated > 0 && rotated <= a->head_dim ? rotated / 2 : 0);
    else if (vs_setting_f64(member(scaling, "partial_rotary_factor"), &rotated) || vs_setting_f64(vs_setting(d, "rotary_factor"), &rotated))
        r->pairs = (uint32_t)(rotated > 0 && rotated <= 1 ? a->head_dim * rotated : 0) / 2;
    if (!kind_of(scaling, &r->kind)) {
        struct vs_setting type = member(scaling, "rope_type");
        vs_obstacle_set(o, VS_BEYOND, "config.json", "rope_type");
        vs_obstacle_found(o, "%.*s", VS_STR(type.v ? type.v->str : VS_LIT("another type")));
        return VS_OK;
    }
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
    check_class(r, a->head_dim, "rope_theta, rope_scaling, rope_parameters", o);
    if (o->kind)
        return VS_OK;
    enum vs_code code = VS_OK;
    if (r->kind == VS_ROPE_LONGROPE)
        code = factors(a, r, scaling, "short_factor", &r->short_factors, o, err);
    if (!code && r->kind == VS_ROPE_LONGROPE && !o->kind)
        code = factors(a, r, scaling, "long_factor", &r->long_factors, o, err);
    return code;
}

/* ---- GGUF: a few keys, and divisors as tensors ---- */

static enum vs_code stored_factors(const struct vs_describe *d, struct vs_arch *a, struct vs_rope *r, const char *name, double **out, struct vs_obstacle *o,
                                   struct vs_err *err)
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

static double key(const struct vs_describe *d, const char *name, double fallback)
{
    double v;
    return vs_setting_f64(vs_config_value(d, name), &v) ? v : fallback;
}

static bool key_is(const struct vs_describe *d, const char *name, const char *text)
{
    struct vs_str s;
    return vs_gguf_string(vs_config_value(d, name).kv, &s) && vs_str_is(s, text);
}

/* Absent, and 0: none. A factor without a type is linear, as loaders have it. */
static void gguf_scaling(const struct vs_describe *d, struct vs_rope *r)
{
    double factor = key(d, "rope.scaling.factor", key(d, "rope.scale_linear", 0)), original = key(d, "rope.scaling.original_context_length", 0);
    bool typed = vs_setting_there(vs_config_value(d, "rope.scaling.type")), linear = !typed || key_is(d, "rope.scaling.type", "linear");
    r->original = original != 0 ? original : r->positions;
    r->factor = factor != 0 ? factor : 1;
    r->attention = key(d, "rope.scaling.attn_factor", 0);
    r->kind = linear ? VS_ROPE_LINEAR : key_is(d, "rope.scaling.type", "yarn") ? VS_ROPE_YARN : VS_ROPE_DEFAULT;
    if (r->kind == VS_ROPE_YARN) {
        r->attention *= yarn_mscale(r->factor, 1); /* the key stands beside the formula, not for it */
        r->low = key(d, "rope.scaling.yarn_beta_slow", 1);
        r->high = key(d, "rope.scaling.yarn_beta_fast", 32);
        (void)vs_setting_bool(vs_setting(d, "rope_truncate"), &r->truncate);
    }
}

static enum vs_code gguf_class(const struct vs_describe *d, struct vs_arch *a, struct vs_rope *r, double theta, bool scaled, struct vs_obstacle *o, struct vs_err *err)
{
    enum vs_code code = read_class(d, a, r, (struct vs_setting){0}, theta, o, err);
    if (code || o->kind || !scaled)
        return code;
    gguf_scaling(d, r);
    check_class(r, a->head_dim, "rope.scaling", o);
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
    struct vs_setting all = vs_config_value(d, "rope_parameters"), nothing = {0};
    struct vs_setting old = vs_config_value(d, "rope_scaling");
    (void)vs_setting_f64(vs_setting(d, "theta"), &theta);
    bool has_local = vs_setting_f64(vs_setting(d, "local_theta"), &local);
    if (!old.v)
        old = vs_setting(d, "rope_scaling");
    if (d->gguf) {
        enum vs_code read = gguf_class(d, a, &a->rope[0], theta, true, o, err);
        return read || o->kind ? read : gguf_class(d, a, &a->rope[1], has_local ? local : theta, !has_local, o, err);
    }
    struct vs_setting full = member(all, "full_attention"), sliding = member(all, "sliding_attention");
    bool nested = full.v || sliding.v;
    struct vs_setting base = all.v ? all : old;
    enum vs_code code = read_class(d, a, &a->rope[0], nested ? full : base, theta, o, err);
    if (!code && !o->kind)
        code = read_class(d, a, &a->rope[1], nested ? sliding : has_local ? nothing : base, has_local ? local : theta, o, err);
    return code;
}
