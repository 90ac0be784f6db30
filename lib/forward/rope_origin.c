/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions: which object of a config has the numbers of a class, its members, and where they stand.
 */
#include <stdio.h>
#include "forward/rope_read.h"

/* ---- members ---- */

/* Null is a value here: no class takes one, but where it is asked for it. */
struct vs_setting vs_rope_member(struct vs_setting object, const char *key)
{
    return (struct vs_setting){.doc = object.doc, .v = vs_jget(object.v, key)};
}

/* A member of the object, wherever that stands: the config has it, or the description. */
void vs_rope_at_member(const struct vs_rope_origin *from, enum vs_obstacle_kind kind, const char *key, struct vs_obstacle *o)
{
    const struct vs_jdoc *doc = from->scaling.doc;
    const bool literal = doc && doc != from->d->config;
    char at[200];
    snprintf(at, sizeof at, literal ? "/settings/%s/%s" : "%s.%s", from->object, key);
    vs_obstacle_set(o, kind, literal ? doc->file : "config.json", at);
}

void vs_rope_bad_member(const struct vs_rope_origin *from, const char *key, const char *expected, struct vs_obstacle *o)
{
    char found[120];
    if (o->kind)
        return;
    vs_setting_show(vs_rope_member(from->scaling, key), found, sizeof found);
    vs_rope_at_member(from, VS_BAD_CONFIG, key, o);
    vs_obstacle_found(o, "%s", found);
    vs_obstacle_expected(o, "%s", expected);
}

/* ---- objects ---- */

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
    struct vs_setting s = vs_rope_member(parent, key);
    if (s.v && s.v->type == VS_JSON_NULL)
        s.v = NULL;
    return has_members(d, s, name, o) ? s : (struct vs_setting){.doc = s.doc};
}

/* Numbers for each type of layers, in rope_parameters; rope_scaling, which is older, has those of the full ones. */
static void origins_by_type(const struct vs_describe *d, struct vs_setting new, struct vs_setting old, struct vs_rope_origin *full,
                            struct vs_rope_origin *sliding, struct vs_obstacle *o)
{
    const struct vs_setting of_full = only_object(d, new, "full_attention", "rope_parameters.full_attention", o);
    const struct vs_setting of_sliding = only_object(d, new, "sliding_attention", "rope_parameters.sliding_attention", o);
    *full = (struct vs_rope_origin){d, "theta", old.v ? "rope_scaling" : "rope_parameters.full_attention", old.v ? old : of_full, true};
    *sliding = (struct vs_rope_origin){d, "local_theta", "rope_parameters.sliding_attention", of_sliding, true};
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
    const struct vs_rope_origin from = {.d = d, .object = object, .scaling = scaling};
    for (size_t i = 0; i < 2 && !o->kind; i++)
        if (vs_rope_member(scaling, types[i]).v) {
            vs_rope_at_member(&from, VS_BAD_CONFIG, types[i], o);
            vs_obstacle_found(o, "numbers of one type of layers");
            vs_obstacle_expected(o, "one set of numbers: %s has the same for all layers", a->id);
        }
}

/* transformers 5 keeps all of it in rope_parameters, by layer type where the types differ; transformers 4 has rope_theta,
 * rope_scaling, which goes before, and, for sliding layers, rope_local_base_freq, which is not scaled. */
void vs_rope_origins(const struct vs_describe *d, const struct vs_arch *a, struct vs_rope_origin *full, struct vs_rope_origin *sliding,
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
    *full = (struct vs_rope_origin){d, "theta", old.v ? "rope_scaling" : "rope_parameters", old.v ? old : new, false};
    *sliding = *full;
    refuse_types(d, a, full->scaling, full->object, o);
}
