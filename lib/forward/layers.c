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

static const struct vs_jval *item(const struct vs_jval *list, uint32_t at)
{
    const struct vs_jval *v = list ? list->child : NULL;
    while (v && at--)
        v = v->next;
    return v;
}

static bool list_has(struct vs_setting list, uint32_t value)
{
    int64_t x;
    for (const struct vs_jval *v = list.v ? list.v->child : NULL; v; v = v->next)
        if (vs_ji64(list.doc, v, &x) && x == (int64_t)value)
            return true;
    return false;
}

static void short_list(struct vs_obstacle *o, const char *at, uint32_t found, uint32_t layers)
{
    vs_obstacle_set(o, VS_BAD_CONFIG, "config.json", at);
    vs_obstacle_found(o, "%u entries", found);
    vs_obstacle_expected(o, "one for each of %u layers", layers);
}

/* Is the layer a sliding one? */
static bool slides(const struct vs_describe *d, struct vs_setting types, uint32_t l, struct vs_obstacle *o)
{
    if (types.v) {
        const struct vs_jval *v = item(types.v, l);
        struct vs_str type = v ? v->str : VS_LIT("nothing");
        if (vs_str_is(type, "sliding_attention"))
            return true;
        if (!vs_str_is(type, "full_attention")) {
            vs_obstacle_set(o, VS_BEYOND, "config.json", "layer_types");
            vs_obstacle_found(o, "%.*s", VS_STR(type));
        }
        return false;
    }
    uint64_t every = number(d, "full_every", 0);
    return l >= number(d, "window_from", 0) && (every == 0 || (l + 1) % every != 0);
}

static bool rotates(const struct vs_describe *d, struct vs_setting list, bool sliding, uint32_t l)
{
    int64_t on = 1;
    if (list.v) {
        const struct vs_jval *v = item(list.v, l);
        return !v || !vs_ji64(list.doc, v, &on) || on != 0;
    }
    uint64_t every = number(d, "no_rope_every", 0);
    if (every && (l + 1) % every == 0)
        return false;
    return !vs_setting_is(vs_setting(d, "rope_on"), "sliding") || sliding;
}

static bool has_experts(const struct vs_describe *d, const struct vs_arch *a, uint32_t l)
{
    uint64_t step = number(d, "sparse_step", 1);
    return a->experts && step && (l + 1) % step == 0 && !list_has(vs_setting(d, "dense_layers"), l);
}

enum vs_code vs_arch_layers(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err)
{
    struct vs_setting types = vs_setting(d, "layer_types"), no_rope = vs_setting(d, "no_rope_layers");
    uint64_t window = flag(d, "use_window", true) ? number(d, "window", 0) : 0;
    a->layer = vs_arena_array(&a->arena, a->layers, sizeof *a->layer);
    if (!a->layer)
        return vs_enomem(err, "layers", a->layers);
    if (types.v && types.v->count != a->layers)
        short_list(o, "layer_types", types.v->count, a->layers);
    else if (no_rope.v && no_rope.v->count != a->layers)
        short_list(o, "no_rope_layers", no_rope.v->count, a->layers);
    for (uint32_t l = 0; l < a->layers && !o->kind; l++) {
        bool sliding = slides(d, types, l, o);
        bool windowed = sliding && window && window < UINT32_MAX;
        if (types.v && sliding && !windowed) {
            vs_obstacle_set(o, VS_BAD_CONFIG, "config.json", "sliding_window");
            vs_obstacle_found(o, "none");
            vs_obstacle_expected(o, "a number: layer %u is sliding_attention", l);
        }
        if (windowed && a->encoder && !o->kind) {
            vs_obstacle_set(o, VS_BEYOND, "config.json", "sliding_window");
            vs_obstacle_found(o, "%llu, in an encoder", (unsigned long long)window);
        }
        a->layer[l] = (struct vs_layer){.window = windowed ? (uint32_t)window : 0, .moe = has_experts(d, a, l),
                                        .rope = !a->has_rope || !rotates(d, no_rope, sliding, l) ? VS_NO_ROPE : sliding && (types.v || windowed)};
    }
    return VS_OK;
}
