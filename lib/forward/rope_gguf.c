/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions of a GGUF file: a few keys, and divisors as tensors.
 */
#include <stdio.h>
#include "base/io.h"
#include "forward/rope_read.h"

/* ---- keys ---- */

void vs_rope_at_key(const struct vs_describe *d, const char *key, struct vs_obstacle *o)
{
    char at[200];
    snprintf(at, sizeof at, "%.*s.%s", VS_STR(d->c->gguf->architecture), key);
    vs_obstacle_set(o, VS_BAD_CONFIG, d->c->files[0].name, at);
}

/* A number under a key of a file. */
static double key_number(const struct vs_describe *d, const char *key, double fallback, struct vs_obstacle *o)
{
    const struct vs_setting s = vs_config_value(d, key);
    double v = fallback;
    char found[120];
    if (o->kind || !vs_setting_there(s) || (vs_setting_f64(s, &v) && isfinite(v)))
        return v;
    vs_setting_show(s, found, sizeof found);
    vs_rope_at_key(d, key, o);
    vs_obstacle_found(o, "%s", found);
    vs_obstacle_expected(o, "a number");
    return fallback;
}

static bool key_is(const struct vs_describe *d, const char *name, const char *text)
{
    struct vs_str s;
    return vs_gguf_string(vs_config_value(d, name).kv, &s) && vs_str_is(s, text);
}

/* Absent, and 0: none. A factor without a type is linear, as loaders have it. */
static void gguf_scaling(const struct vs_describe *d, struct vs_rope *r, struct vs_obstacle *o)
{
    const double factor = key_number(d, "rope.scaling.factor", key_number(d, "rope.scale_linear", 0, o), o);
    const double original = key_number(d, "rope.scaling.original_context_length", 0, o);
    bool typed = vs_setting_there(vs_config_value(d, "rope.scaling.type")), linear = !typed || key_is(d, "rope.scaling.type", "linear");
    r->original = original != 0 ? original : r->positions;
    r->factor = factor != 0 ? factor : 1;
    r->attention = key_number(d, "rope.scaling.attn_factor", 0, o);
    r->kind = linear ? VS_ROPE_LINEAR : key_is(d, "rope.scaling.type", "yarn") ? VS_ROPE_YARN : VS_ROPE_DEFAULT;
    if (r->kind == VS_ROPE_YARN) {
        r->attention *= vs_yarn_mscale(r->factor, 1); /* the key stands beside the formula, not for it */
        r->low = key_number(d, "rope.scaling.yarn_beta_slow", 1, o);
        r->high = key_number(d, "rope.scaling.yarn_beta_fast", 32, o);
        (void)vs_setting_bool(vs_setting(d, "rope_truncate"), &r->truncate);
    }
}

/* ---- tensors ---- */

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

enum vs_code vs_rope_scale_gguf(const struct vs_rope_origin *from, struct vs_arch *a, struct vs_rope *r, struct vs_obstacle *o,
                                struct vs_err *err)
{
    const struct vs_describe *d = from->d;
    gguf_scaling(d, r, o);
    if (!o->kind)
        vs_rope_check(from, r, o);
    if (o->kind)
        return VS_OK;
    enum vs_code code = stored_factors(d, a, r, "rope_freqs.weight", &r->short_factors, o, err);
    if (!code && !o->kind && vs_checkpoint_tensor(d->c, VS_LIT("rope_factors_long.weight"))) {
        r->kind = VS_ROPE_LONGROPE;
        r->factor = r->positions / r->original;
        code = stored_factors(d, a, r, "rope_factors_short.weight", &r->short_factors, o, err);
        if (!code && !o->kind)
            code = stored_factors(d, a, r, "rope_factors_long.weight", &r->long_factors, o, err);
    }
    return code;
}
