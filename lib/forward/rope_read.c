/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions: the scalings that configs and GGUF files name.
 */
#include <math.h>
#include <stdio.h>
#include "base/io.h"
#include "forward/arch.h"

/* ---- members of a setting ---- */

/* Null is a value here: no class takes one, but where it is asked for it. */
static struct vs_setting member(struct vs_setting object, const char *key)
{
    return (struct vs_setting){.doc = object.doc, .v = vs_jget(object.v, key)};
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
struct origin { const struct vs_describe *d; const char *theta, *object; struct vs_setting scaling; bool by_type; };

/* A member of the object, wherever that stands: the config has it, or the description. */
static void at_member(const struct origin *from, enum vs_obstacle_kind kind, const char *key, struct vs_obstacle *o)
{
    const struct vs_jdoc *doc = from->scaling.doc;
    const bool literal = doc && doc != from->d->config;
    char at[200];
    snprintf(at, sizeof at, literal ? "/settings/%s/%s" : "%s.%s", from->object, key);
    vs_obstacle_set(o, kind, literal ? doc->file : "config.json", at);
}

static void bad_member(const struct origin *from, const char *key, const char *expected, struct vs_obstacle *o)
{
    char found[120];
    if (o->kind)
        return;
    vs_setting_show(member(from->scaling, key), found, sizeof found);
    at_member(from, VS_BAD_CONFIG, key, o);
    vs_obstacle_found(o, "%s", found);
    vs_obstacle_expected(o, "%s", expected);
}

/* How a member may be missing. */
enum lack { NEVER, ABSENT, NULLED, OFTEN };

/* out stays where the member is missing and may be. */
static void read_member(const struct origin *from, const char *key, enum lack lack, double *out, struct vs_obstacle *o)
{
    const struct vs_setting s = member(from->scaling, key);
    const enum lack is = !s.v ? ABSENT : s.v->type == VS_JSON_NULL ? NULLED : NEVER;
    double v;
    if (is != NEVER && (lack == is || lack == OFTEN))
        return;
    if (vs_setting_f64(s, &v) && isfinite(v))
        *out = v;
    else
        bad_member(from, key, "a number", o);
}

static void at_key(const struct vs_describe *d, const char *key, struct vs_obstacle *o)
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
    at_key(d, key, o);
    vs_obstacle_found(o, "%s", found);
    vs_obstacle_expected(o, "a number");
    return fallback;
}

enum number { THETA, ORIGINAL, FACTOR, LOW, HIGH };

static void at_theta(const struct origin *from, struct vs_obstacle *o)
{
    if (vs_setting_there(member(from->scaling, "rope_theta")))
        at_member(from, VS_BAD_CONFIG, "rope_theta", o);
    else
        vs_obstacle_setting(o, VS_BAD_CONFIG, from->d, from->theta);
}

static const char *member_name(const struct vs_rope *r, enum number n)
{
    const bool yarn = r->kind == VS_ROPE_YARN;
    const char *const names[] = {[ORIGINAL] = "original_max_position_embeddings", [FACTOR] = "factor",
                                 [LOW] = yarn ? "beta_slow" : "low_freq_factor", [HIGH] = yarn ? "beta_fast" : "high_freq_factor"};
    return names[n];
}

static const char *key_name(const struct vs_describe *d, enum number n)
{
    static const char *const names[] = {[ORIGINAL] = "rope.scaling.original_context_length", [FACTOR] = "rope.scaling.factor",
                                        [LOW] = "rope.scaling.yarn_beta_slow", [HIGH] = "rope.scaling.yarn_beta_fast"};
    return n == FACTOR && !vs_setting_there(vs_config_value(d, names[FACTOR])) ? "rope.scale_linear" : names[n];
}

static void at_number(const struct origin *from, const struct vs_rope *r, enum number n, struct vs_obstacle *o)
{
    if (n == THETA)
        at_theta(from, o);
    else if (from->d->gguf)
        at_key(from->d, key_name(from->d, n), o);
    else if (n == ORIGINAL && !from->by_type && vs_setting_there(vs_config_value(from->d, member_name(r, n))))
        vs_obstacle_set(o, VS_BAD_CONFIG, "config.json", member_name(r, n));
    else
        at_member(from, VS_BAD_CONFIG, member_name(r, n), o);
}

/* As it stands where it came from; nothing there: it is worked out. */
static struct vs_setting number_setting(const struct origin *from, const struct vs_rope *r, enum number n)
{
    const struct vs_setting theta = member(from->scaling, "rope_theta"), top = vs_config_value(from->d, "original_max_position_embeddings");
    if (n == THETA)
        return theta.v ? theta : vs_setting(from->d, from->theta);
    if (from->d->gguf)
        return vs_config_value(from->d, key_name(from->d, n));
    return n == ORIGINAL && !from->by_type && top.v ? top : member(from->scaling, member_name(r, n));
}

static bool is_positive(double v)
{
    return v > 0 && isfinite(v);
}

/* What the formulas divide by, or take logarithms and roots of. */
static void check_class(const struct origin *from, const struct vs_rope *r, struct vs_obstacle *o)
{
    const bool scaled = r->kind != VS_ROPE_DEFAULT, dynamic = r->kind == VS_ROPE_DYNAMIC, llama3 = r->kind == VS_ROPE_LLAMA3;
    const bool ramp = llama3 || r->kind == VS_ROPE_YARN;
    const double low = llama3 ? r->low : 0;
    const struct { enum number n; double found, above; bool good; } numbers[] = {
        {THETA, r->theta, 0, is_positive(r->theta)},
        {ORIGINAL, r->original, 0, !(ramp || r->kind == VS_ROPE_LONGROPE) || r->original > 0},
        {FACTOR, r->factor, 0, !scaled || (is_positive(r->factor) && (!dynamic || r->factor >= 1))},
        {LOW, r->low, 0, !ramp || r->low > 0},
        {HIGH, r->high, low, !ramp || r->high > low}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !o->kind; i++) {
        const struct vs_setting s = number_setting(from, r, numbers[i].n);
        char found[120];
        if (numbers[i].good)
            continue;
        snprintf(found, sizeof found, "%g", numbers[i].found);
        if (vs_setting_there(s))
            vs_setting_show(s, found, sizeof found);
        at_number(from, r, numbers[i].n, o);
        vs_obstacle_found(o, "%s", found);
        vs_obstacle_expected(o, "a number above %g", numbers[i].above);
        if (dynamic && numbers[i].n == FACTOR)
            vs_obstacle_expected(o, "a factor of at least 1");
    }
}

/* ---- how much of a head ---- */

static uint32_t even_dimensions(const struct vs_describe *d, uint32_t head_dim, struct vs_obstacle *o)
{
    uint64_t v;
    char expected[80];
    snprintf(expected, sizeof expected, "an even number from 2 to %u, the size of a head", head_dim);
    if (vs_setting_u64(vs_setting(d, "rotary_dim"), &v) && v && v <= head_dim && v % 2 == 0)
        return (uint32_t)v;
    vs_obstacle_value(o, d, "rotary_dim", expected);
    return 0;
}

static uint32_t whole_head(const struct vs_describe *d, uint32_t head_dim, struct vs_obstacle *o)
{
    if (head_dim % 2 == 0)
        return head_dim;
    vs_obstacle_setting(o, VS_BAD_CONFIG, d, "head_dim");
    vs_obstacle_found(o, "%u", head_dim);
    vs_obstacle_expected(o, "an even number: positions rotate pairs of dimensions");
    return 0;
}

/* Of an odd number of dimensions classes make one pair more, or nothing that runs. */
static uint32_t part_of_head(const struct origin *from, struct vs_setting part, bool of_object, bool parts, uint32_t head_dim,
                             struct vs_obstacle *o)
{
    double v = 0;
    const bool good = vs_setting_f64(part, &v) && v > 0 && v <= 1 && head_dim * v >= 1;
    const uint32_t n = good ? (uint32_t)(head_dim * v) : 0;
    char found[120];
    if (good && n == head_dim && n % 2)
        return whole_head(from->d, head_dim, o);
    if (good && (n == head_dim || (parts && n % 2 == 0)))
        return n;
    vs_setting_show(part, found, sizeof found);
    if (of_object)
        at_member(from, good && parts ? VS_BEYOND : VS_BAD_CONFIG, "partial_rotary_factor", o);
    else
        vs_obstacle_setting(o, good && parts ? VS_BEYOND : VS_BAD_CONFIG, from->d, "rotary_factor");
    if (good && parts)
        vs_obstacle_found(o, "%s: %u of %u dimensions, an odd number", found, n, head_dim);
    else {
        vs_obstacle_found(o, "%s", found);
        vs_obstacle_expected(o, parts ? "a part of a head's %u dimensions, up to 1" : "1: all %u dimensions of a head are rotated",
                             head_dim);
    }
    return 0;
}

/* Most classes rotate whole heads: without a scaling they do not even look for a part, with one they fail of it. */
static uint32_t rotated_pairs(const struct origin *from, enum vs_rope_kind kind, uint32_t head_dim, struct vs_obstacle *o)
{
    const struct vs_describe *d = from->d;
    bool parts = false;
    const struct vs_setting own = member(from->scaling, "partial_rotary_factor"), part = own.v ? own : vs_setting(d, "rotary_factor");
    vs_read_flag(d, "rotary_part", &parts, o);
    if (o->kind)
        return 0;
    if (vs_setting_there(vs_setting(d, "rotary_dim")))
        return even_dimensions(d, head_dim, o) / 2;
    if (vs_setting_there(part) && (parts || kind != VS_ROPE_DEFAULT))
        return part_of_head(from, part, own.v != NULL, parts, head_dim, o) / 2;
    return whole_head(d, head_dim, o) / 2;
}

/* ---- the config ---- */

static void bad_factors(const struct origin *from, struct vs_setting list, const char *key, uint32_t n, uint32_t wrong,
                        struct vs_obstacle *o)
{
    const struct vs_jval *v = list.v && list.v->type == VS_JSON_ARRAY ? list.v->child : NULL;
    char found[120];
    for (uint32_t i = 0; v && i < wrong; i++)
        v = v->next;
    vs_setting_show(v ? (struct vs_setting){.doc = list.doc, .v = v} : list, found, sizeof found);
    at_member(from, VS_BAD_CONFIG, key, o);
    if (v && list.v->count != n)
        vs_obstacle_found(o, "%u values", list.v->count);
    else
        vs_obstacle_found(o, v ? "%s for pair %u" : "%s", found, wrong);
    vs_obstacle_expected(o, "%u positive numbers, one for each pair of %u rotated dimensions", n, 2 * n);
}

static enum vs_code factors(const struct origin *from, struct vs_arch *a, struct vs_rope *r, const char *key, double **out, struct vs_obstacle *o,
                            struct vs_err *err)
{
    const struct vs_setting list = member(from->scaling, key);
    const uint32_t n = list.v && list.v->type == VS_JSON_ARRAY ? list.v->count : 0;
    uint32_t i = 0;
    *out = vs_arena_array(&a->arena, r->pairs + 1u, sizeof **out);
    if (!*out)
        return vs_enomem(err, "rope factors", r->pairs);
    for (const struct vs_jval *v = n == r->pairs ? list.v->child : NULL; v; v = v->next, i++)
        if (!vs_jf64(list.doc, v, *out + i) || !is_positive((*out)[i]))
            break;
    if (n != r->pairs || i < n)
        bad_factors(from, list, key, r->pairs, i, o);
    return VS_OK;
}

/* Members that YaRN takes null, or 0, for its own numbers. */
static void read_yarn(const struct origin *from, struct vs_rope *r, struct vs_obstacle *o)
{
    const struct vs_setting truncate = member(from->scaling, "truncate");
    double slow = 0, fast = 0;
    read_member(from, "mscale", OFTEN, &r->mscale, o);
    read_member(from, "mscale_all_dim", OFTEN, &r->mscale_all, o);
    read_member(from, "beta_slow", OFTEN, &slow, o);
    read_member(from, "beta_fast", OFTEN, &fast, o);
    r->low = slow != 0 ? slow : 1;
    r->high = fast != 0 ? fast : 32;
    if (!truncate.v || from->by_type) /* there the class looks for it beside the types */
        return;
    if (truncate.v->type == VS_JSON_NULL)
        r->truncate = false;
    else if (!vs_setting_bool(truncate, &r->truncate))
        bad_member(from, "truncate", "true or false", o);
}

static void read_original(const struct origin *from, struct vs_rope *r, struct vs_obstacle *o)
{
    const struct vs_setting top = vs_config_value(from->d, "original_max_position_embeddings");
    if (from->by_type || !top.v)
        read_member(from, "original_max_position_embeddings", ABSENT, &r->original, o);
    else if (!vs_setting_f64(top, &r->original))
        r->original = 0;
}

static void read_numbers(const struct origin *from, struct vs_rope *r, struct vs_obstacle *o)
{
    const bool yarn = r->kind == VS_ROPE_YARN, longrope = r->kind == VS_ROPE_LONGROPE, llama3 = r->kind == VS_ROPE_LLAMA3;
    double original;
    vs_read_number(from->d, "original", &original, o); /* where it is a field of the class it is checked always */
    read_member(from, "rope_theta", ABSENT, &r->theta, o);
    if (yarn || longrope || llama3)
        read_original(from, r, o);
    r->factor = yarn || longrope ? r->positions / r->original : 1;
    if (r->kind != VS_ROPE_DEFAULT)
        read_member(from, "factor", longrope ? OFTEN : yarn ? NULLED : NEVER, &r->factor, o);
    if (yarn || longrope)
        read_member(from, "attention_factor", OFTEN, &r->attention, o);
    if (llama3) {
        read_member(from, "low_freq_factor", NEVER, &r->low, o);
        read_member(from, "high_freq_factor", NEVER, &r->high, o);
    } else if (yarn)
        read_yarn(from, r, o);
}

static enum vs_code read_class(const struct origin *from, struct vs_arch *a, struct vs_rope *r, double theta, struct vs_obstacle *o,
                               struct vs_err *err)
{
    const char *spelling;
    const struct vs_setting type = type_of(from->scaling, &spelling);
    const double positions = (double)a->positions;
    *r = (struct vs_rope){.theta = theta, .positions = positions, .original = positions, .factor = 1, .low = 1, .high = 1,
                          .truncate = true};
    if (type.v && type.v->type != VS_JSON_STRING)
        bad_member(from, spelling, "the name of a scaling", o);
    else if (!kind_of(type, &r->kind)) {
        at_member(from, VS_BEYOND, spelling, o);
        vs_obstacle_found(o, "%.*s", VS_STR(type.v->str));
    }
    r->pairs = rotated_pairs(from, r->kind, a->head_dim, o);
    if (!o->kind)
        read_numbers(from, r, o);
    if (!o->kind)
        check_class(from, r, o);
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

static enum vs_code gguf_class(const struct origin *from, struct vs_arch *a, struct vs_rope *r, double theta, bool scaled, struct vs_obstacle *o,
                               struct vs_err *err)
{
    const struct vs_describe *d = from->d;
    enum vs_code code = read_class(from, a, r, theta, o, err);
    if (code || o->kind || !scaled)
        return code;
    gguf_scaling(d, r, o);
    if (!o->kind)
        check_class(from, r, o);
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

/* {} is as good as nothing. */
static bool has_members(const struct vs_describe *d, struct vs_setting object, const char *key, struct vs_obstacle *o)
{
    const bool literal = object.doc && object.doc != d->config;
    char found[120], at[200];
    if (!object.v || o->kind)
        return false;
    if (object.v->type == VS_JSON_OBJECT)
        return object.v->count > 0;
    vs_setting_show(object, found, sizeof found);
    snprintf(at, sizeof at, literal ? "/settings/%s" : "%s", key);
    vs_obstacle_set(o, VS_BAD_CONFIG, literal ? object.doc->file : "config.json", at);
    vs_obstacle_found(o, "%s", found);
    vs_obstacle_expected(o, "an object: rope_type and its numbers");
    return false;
}

static struct vs_setting only_object(const struct vs_describe *d, struct vs_setting parent, const char *key, const char *name,
                                     struct vs_obstacle *o)
{
    struct vs_setting s = member(parent, key);
    if (s.v && s.v->type == VS_JSON_NULL)
        s.v = NULL;
    return has_members(d, s, name, o) ? s : (struct vs_setting){.doc = s.doc};
}

/* Numbers for each type of layers, in rope_parameters; rope_scaling, which is older, has those of the full ones. */
static void origins_by_type(const struct vs_describe *d, struct vs_setting new, struct vs_setting old, struct origin *full,
                            struct origin *sliding, struct vs_obstacle *o)
{
    const struct vs_setting of_full = only_object(d, new, "full_attention", "rope_parameters.full_attention", o);
    const struct vs_setting of_sliding = only_object(d, new, "sliding_attention", "rope_parameters.sliding_attention", o);
    *full = (struct origin){d, "theta", old.v ? "rope_scaling" : "rope_parameters.full_attention", old.v ? old : of_full, true};
    *sliding = (struct origin){d, "local_theta", "rope_parameters.sliding_attention", of_sliding, true};
    if (!old.v || !new.v || o->kind)
        return;
    vs_obstacle_set(o, VS_BEYOND, "config.json", "rope_scaling");
    vs_obstacle_found(o, "beside rope_parameters");
}

/* One set of numbers: types that have their own are of another class. */
static void refuse_types(const struct vs_describe *d, const struct vs_arch *a, struct vs_setting scaling, const char *object,
                         struct vs_obstacle *o)
{
    static const char *const types[] = {"full_attention", "sliding_attention"};
    const struct origin from = {.d = d, .object = object, .scaling = scaling};
    for (size_t i = 0; i < 2 && !o->kind; i++)
        if (member(scaling, types[i]).v) {
            at_member(&from, VS_BAD_CONFIG, types[i], o);
            vs_obstacle_found(o, "numbers of one type of layers");
            vs_obstacle_expected(o, "one set of numbers: %s has the same for all layers", a->id);
        }
}

/* transformers 5 keeps all of it in rope_parameters, by layer type where the types differ; transformers 4 has rope_theta,
 * rope_scaling, which goes before, and, for sliding layers, rope_local_base_freq, which is not scaled. */
static void find_origins(const struct vs_describe *d, const struct vs_arch *a, struct origin *full, struct origin *sliding,
                         struct vs_obstacle *o)
{
    struct vs_setting new = vs_config_value(d, "rope_parameters"), old = vs_config_value(d, "rope_scaling");
    if (!old.v && !new.v)
        old = vs_setting(d, "rope_scaling");
    if (!has_members(d, old, "rope_scaling", o))
        old.v = NULL;
    if (!has_members(d, new, "rope_parameters", o))
        new.v = NULL;
    if (vs_setting_there(vs_setting(d, "local_theta"))) {
        origins_by_type(d, new, old, full, sliding, o);
        return;
    }
    *full = (struct origin){d, "theta", old.v ? "rope_scaling" : "rope_parameters", old.v ? old : new, false};
    *sliding = *full;
    refuse_types(d, a, full->scaling, full->object, o);
}

enum vs_code vs_arch_rope(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err)
{
    double theta = 10000;
    vs_read_number(d, "theta", &theta, o);
    double slow = theta;
    vs_read_number(d, "local_theta", &slow, o);
    const bool has_local = vs_setting_there(vs_setting(d, "local_theta"));
    struct origin full = {.d = d, .theta = "theta"}, sliding = {.d = d, .theta = has_local ? "local_theta" : "theta"};
    if (d->gguf && !o->kind) {
        enum vs_code read = gguf_class(&full, a, &a->rope[0], theta, true, o, err);
        return read || o->kind ? read : gguf_class(&sliding, a, &a->rope[1], slow, !has_local, o, err);
    }
    find_origins(d, a, &full, &sliding, o);
    if (o->kind)
        return VS_OK;
    enum vs_code code = read_class(&full, a, &a->rope[0], theta, o, err);
    return code || o->kind ? code : read_class(&sliding, a, &a->rope[1], slow, o, err);
}
