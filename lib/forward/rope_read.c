/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions: the scalings that configs name, and what each of them reads.
 */
#include "forward/rope_read.h"

/* ---- which one ---- */

static struct vs_setting type_of(struct vs_setting scaling, const char **spelling)
{
    const struct vs_setting type = vs_rope_member(scaling, *spelling = "rope_type");
    return type.v ? type : vs_rope_member(scaling, *spelling = "type");
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

/* ---- its numbers ---- */

/* How a member may be missing. */
enum lack { NEVER, ABSENT, NULLED, OFTEN };

/* out stays where the member is missing and may be. */
static void read_member(const struct vs_rope_origin *from, const char *key, enum lack lack, double *out, struct vs_obstacle *o)
{
    const struct vs_setting s = vs_rope_member(from->scaling, key);
    const enum lack is = !s.v ? ABSENT : s.v->type == VS_JSON_NULL ? NULLED : NEVER;
    double v;
    if (is != NEVER && (lack == is || lack == OFTEN))
        return;
    if (vs_setting_f64(s, &v) && isfinite(v))
        *out = v;
    else
        vs_rope_bad_member(from, key, "a number", o);
}

static void bad_factors(const struct vs_rope_origin *from, struct vs_setting list, const char *key, uint32_t n, uint32_t wrong,
                        struct vs_obstacle *o)
{
    const struct vs_jval *v = list.v && list.v->type == VS_JSON_ARRAY ? list.v->child : NULL;
    char found[120];
    for (uint32_t i = 0; v && i < wrong; i++)
        v = v->next;
    vs_setting_show(v ? (struct vs_setting){.doc = list.doc, .v = v} : list, found, sizeof found);
    vs_rope_at_member(from, VS_BAD_CONFIG, key, o);
    if (v && list.v->count != n)
        vs_obstacle_found(o, "%u values", list.v->count);
    else
        vs_obstacle_found(o, v ? "%s for pair %u" : "%s", found, wrong);
    vs_obstacle_expected(o, "%u positive numbers, one for each pair of %u rotated dimensions", n, 2 * n);
}

static enum vs_code factors(const struct vs_rope_origin *from, struct vs_arch *a, struct vs_rope *r, const char *key, double **out,
                            struct vs_obstacle *o, struct vs_err *err)
{
    const struct vs_setting list = vs_rope_member(from->scaling, key);
    const uint32_t n = list.v && list.v->type == VS_JSON_ARRAY ? list.v->count : 0;
    uint32_t i = 0;
    *out = vs_arena_array(&a->arena, r->pairs + 1u, sizeof **out);
    if (!*out)
        return vs_enomem(err, "rope factors", r->pairs);
    for (const struct vs_jval *v = n == r->pairs ? list.v->child : NULL; v; v = v->next, i++)
        if (!vs_jf64(list.doc, v, *out + i) || !vs_is_positive((*out)[i]))
            break;
    if (n != r->pairs || i < n)
        bad_factors(from, list, key, r->pairs, i, o);
    return VS_OK;
}

/* Members that YaRN takes null, or 0, for its own numbers. */
static void read_yarn(const struct vs_rope_origin *from, struct vs_rope *r, struct vs_obstacle *o)
{
    const struct vs_setting truncate = vs_rope_member(from->scaling, "truncate");
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
        vs_rope_bad_member(from, "truncate", "true or false", o);
}

static void read_original(const struct vs_rope_origin *from, struct vs_rope *r, struct vs_obstacle *o)
{
    const struct vs_setting top = vs_config_value(from->d, "original_max_position_embeddings");
    if (from->by_type || !top.v)
        read_member(from, "original_max_position_embeddings", ABSENT, &r->original, o);
    else if (!vs_setting_f64(top, &r->original))
        r->original = 0;
}

/* Where it is a field of the class it has to be a number, whatever scaling there is. */
static void check_original(const struct vs_describe *d, struct vs_obstacle *o)
{
    double not_used;
    vs_read_number(d, "original", &not_used, o);
}

static void read_numbers(const struct vs_rope_origin *from, struct vs_rope *r, struct vs_obstacle *o)
{
    const bool yarn = r->kind == VS_ROPE_YARN, longrope = r->kind == VS_ROPE_LONGROPE, llama3 = r->kind == VS_ROPE_LLAMA3;
    check_original(from->d, o);
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

static enum vs_code read_members(const struct vs_rope_origin *from, struct vs_arch *a, struct vs_rope *r, double theta,
                                 struct vs_obstacle *o, struct vs_err *err)
{
    const char *spelling;
    const struct vs_setting type = type_of(from->scaling, &spelling);
    const double positions = (double)a->positions;
    *r = (struct vs_rope){.theta = theta, .positions = positions, .original = positions, .factor = 1, .low = 1, .high = 1,
                          .truncate = true};
    if (type.v && type.v->type != VS_JSON_STRING)
        vs_rope_bad_member(from, spelling, "the name of a scaling", o);
    else if (!kind_of(type, &r->kind)) {
        vs_rope_at_member(from, VS_BEYOND, spelling, o);
        vs_obstacle_found(o, "%.*s", VS_STR(type.v->str));
    }
    r->pairs = vs_rope_pairs(from, r->kind, a->head_dim, o);
    if (!o->kind)
        read_numbers(from, r, o);
    if (!o->kind)
        vs_rope_check(from, r, o);
    if (o->kind || r->kind != VS_ROPE_LONGROPE)
        return VS_OK;
    enum vs_code code = factors(from, a, r, "short_factor", &r->short_factors, o, err);
    return code || o->kind ? code : factors(from, a, r, "long_factor", &r->long_factors, o, err);
}

/* A GGUF file has no object of members: its keys come behind, for layers that are scaled. */
static enum vs_code read_rope(const struct vs_rope_origin *from, struct vs_arch *a, struct vs_rope *r, double theta, bool scaled,
                              struct vs_obstacle *o, struct vs_err *err)
{
    enum vs_code code = read_members(from, a, r, theta, o, err);
    return code || o->kind || !from->d->gguf || !scaled ? code : vs_rope_scale_gguf(from, a, r, o, err);
}

enum vs_code vs_arch_rope(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err)
{
    double theta = 10000;
    vs_read_number(d, "theta", &theta, o);
    double slow = theta;
    vs_read_number(d, "local_theta", &slow, o);
    const bool has_local = vs_setting_there(vs_setting(d, "local_theta"));
    struct vs_rope_origin full = {.d = d, .theta = "theta"}, sliding = {.d = d, .theta = has_local ? "local_theta" : "theta"};
    if (!d->gguf)
        vs_rope_origins(d, a, &full, &sliding, o);
    if (o->kind)
        return VS_OK;
    enum vs_code code = read_rope(&full, a, &a->rope[0], theta, true, o, err);
    return code || o->kind ? code : read_rope(&sliding, a, &a->rope[1], slow, !has_local, o, err);
}
