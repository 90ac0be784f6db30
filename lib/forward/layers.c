/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs from layer to layer: windows, layers without positions, layers with experts. By the config's lists where it
 * has them, else by the rules of the architecture.
 */
#include "forward/arch.h"

static uint64_t number(const struct vs_describe *d, const char *name, uint64_t fallback)
{
    uint64_t v;
    return vs_setting_u64(vs_setting(d, name), &v) ? v : fallback;
}

static bool flag(const struct vs_describe *d, const char *name, bool fallback)
{
    bool v;
    return vs_setting_bool(vs_setting(d, name), &v) ? v : fallback;
}

/* The entry of the layer at hand: lists are gone through beside the layers. */
static const struct vs_jval *first(struct vs_setting list)
{
    return list.v ? list.v->child : NULL;
}

static const struct vs_jval *next(const struct vs_jval *v)
{
    return v ? v->next : NULL;
}

static void short_list(const struct vs_describe *d, struct vs_obstacle *o, const char *name, uint32_t found, uint32_t layers)
{
    vs_obstacle_setting(o, VS_BAD_CONFIG, d, name);
    vs_obstacle_found(o, "%u entries", found);
    vs_obstacle_expected(o, "one for each of %u layers", layers);
}

/* Is the layer a sliding one? */
static bool slides(const struct vs_describe *d, struct vs_setting types, const struct vs_jval *v, uint32_t l, struct vs_obstacle *o)
{
    if (types.v) {
        struct vs_str type = v ? v->str : VS_LIT("nothing");
        if (vs_str_is(type, "sliding_attention"))
            return true;
        if (!vs_str_is(type, "full_attention")) {
            vs_obstacle_setting(o, VS_BEYOND, d, "layer_types");
            vs_obstacle_found(o, "%.*s", VS_STR(type));
        }
        return false;
    }
    uint64_t every = number(d, "full_every", 0);
    return l >= number(d, "window_from", 0) && (every == 0 || (l + 1) % every != 0);
}

static bool rotates(const struct vs_describe *d, struct vs_setting list, const struct vs_jval *v, bool sliding, uint32_t l)
{
    int64_t on = 1;
    if (list.v)
        return !v || !vs_ji64(list.doc, v, &on) || on != 0;
    uint64_t every = number(d, "no_rope_every", 0);
    if (every && (l + 1) % every == 0)
        return false;
    return !vs_setting_is(vs_setting(d, "rope_on"), "sliding") || sliding;
}

/* moe of every layer: by the step, without those that a list names. */
static void place_experts(const struct vs_describe *d, struct vs_arch *a)
{
    struct vs_setting dense = vs_setting(d, "dense_layers");
    uint64_t step = number(d, "sparse_step", 1);
    int64_t x;
    for (uint64_t l = step; a->experts && step && l <= a->layers; l += step)
        a->layer[l - 1].moe = true;
    for (const struct vs_jval *v = first(dense); v; v = v->next)
        if (vs_ji64(dense.doc, v, &x) && x >= 0 && x < (int64_t)a->layers)
            a->layer[x].moe = false;
}

enum vs_code vs_arch_layers(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err)
{
    struct vs_setting types = vs_setting(d, "layer_types"), no_rope = vs_setting(d, "no_rope_layers");
    uint64_t window = flag(d, "use_window", true) ? number(d, "window", 0) : 0;
    a->layer = vs_arena_array(&a->arena, a->layers, sizeof *a->layer);
    if (!a->layer)
        return vs_enomem(err, "layers", a->layers);
    if (types.v && types.v->count != a->layers)
        short_list(d, o, "layer_types", types.v->count, a->layers);
    else if (no_rope.v && no_rope.v->count != a->layers)
        short_list(d, o, "no_rope_layers", no_rope.v->count, a->layers);
    place_experts(d, a);
    const struct vs_jval *type = first(types), *rope = first(no_rope);
    for (uint32_t l = 0; l < a->layers && !o->kind; l++, type = next(type), rope = next(rope)) {
        bool sliding = slides(d, types, type, l, o);
        bool windowed = sliding && window && window < UINT32_MAX;
        if (types.v && sliding && !windowed) {
            vs_obstacle_setting(o, VS_BAD_CONFIG, d, "window");
            vs_obstacle_found(o, "none");
            vs_obstacle_expected(o, "a number: layer %u is sliding_attention", l);
        }
        if (windowed && a->encoder && !o->kind) {
            vs_obstacle_setting(o, VS_BEYOND, d, "window");
            vs_obstacle_found(o, "%llu, in an encoder", (unsigned long long)window);
        }
        a->layer[l].window = windowed ? (uint32_t)window : 0;
        a->layer[l].rope = !a->has_rope || !rotates(d, no_rope, rope, sliding, l) ? VS_NO_ROPE : sliding && (types.v || windowed);
    }
    return VS_OK;
}
