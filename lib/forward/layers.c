/* SPDX-License-Identifier: Apache-2.0
 *
 * What differs from layer to layer: windows, layers without positions, layers with experts. By the config's lists where it
 * has them, else by the rules of the architecture.
 */
#include <stdio.h>
#include "forward/arch.h"

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

/* What decides of a layer without lists, read once. */
struct rules {
    uint64_t window, from, until, full_every, no_rope_every, sparse_step;
    bool use_window, rope_on_sliding, window_without_rope;
    struct vs_setting types, no_rope, dense;
};

static struct rules read_rules(const struct vs_describe *d, struct vs_obstacle *o)
{
    struct rules r = {.until = UINT64_MAX, .sparse_step = 1, .use_window = true};
    vs_read_whole(d, "window", &r.window, o);
    vs_read_whole(d, "window_from", &r.from, o);
    vs_read_whole(d, "window_until", &r.until, o);
    vs_read_whole(d, "full_every", &r.full_every, o);
    vs_read_whole(d, "no_rope_every", &r.no_rope_every, o);
    vs_read_whole(d, "sparse_step", &r.sparse_step, o);
    vs_read_flag(d, "use_window", &r.use_window, o);
    vs_read_list(d, "layer_types", &r.types, o);
    vs_read_list(d, "no_rope_layers", &r.no_rope, o);
    vs_read_list(d, "dense_layers", &r.dense, o);
    r.rope_on_sliding = vs_setting_is(vs_setting(d, "rope_on"), "sliding");
    r.window_without_rope = vs_setting_is(vs_setting(d, "window_on"), "no_rope");
    if (!r.use_window && !r.window_without_rope) /* that class asks for the flag only where no list is given */
        r.window = 0;
    return r;
}

static bool listed_type(const struct vs_describe *d, const struct vs_jval *v, struct vs_obstacle *o)
{
    const struct vs_str type = v ? v->str : VS_LIT("nothing");
    if (vs_str_is(type, "sliding_attention"))
        return true;
    if (!vs_str_is(type, "full_attention")) {
        vs_obstacle_setting(o, VS_BEYOND, d, "layer_types");
        vs_obstacle_found(o, "%.*s", VS_STR(type));
    }
    return false;
}

static bool has_positions(const struct rules *r, const struct vs_jval *v, uint32_t l)
{
    int64_t on = 1;
    if (r->no_rope.v)
        return !v || !vs_ji64(r->no_rope.doc, v, &on) || on != 0;
    return !r->no_rope_every || (l + 1) % r->no_rope_every != 0;
}

/* Without a list: by the place of the layer. */
static bool slides(const struct rules *r, bool rotated, uint32_t l)
{
    if (!r->use_window || (r->window_without_rope && rotated))
        return false;
    return l >= r->from && l < r->until && (!r->full_every || (l + 1) % r->full_every != 0);
}

/* moe of every layer: by the step, without those that a list names. */
static void place_experts(const struct rules *r, struct vs_arch *a)
{
    int64_t x;
    for (uint64_t l = r->sparse_step; a->experts && r->sparse_step && l <= a->layers; l += r->sparse_step)
        a->layer[l - 1].moe = true;
    for (const struct vs_jval *v = first(r->dense); v; v = v->next)
        if (vs_ji64(r->dense.doc, v, &x) && x >= 0 && x < (int64_t)a->layers)
            a->layer[x].moe = false;
}

/* A layer that must slide has a window to do it in; a key of a file may say 0: none. */
static void check_window(const struct vs_describe *d, const struct vs_arch *a, const struct rules *r, uint32_t l, struct vs_obstacle *o)
{
    const bool must = r->types.v || (!d->gguf && (r->full_every || vs_setting_there(vs_setting(d, "window"))));
    char expected[80];
    if (!r->window && must) {
        snprintf(expected, sizeof expected, "%s: layer %u is sliding_attention", r->use_window ? "a number above 0" : "true", l);
        vs_obstacle_value(o, d, r->use_window ? "window" : "use_window", expected);
    }
    if (r->window && a->encoder && !o->kind) {
        vs_obstacle_setting(o, VS_BEYOND, d, "window");
        vs_obstacle_found(o, "%llu, in an encoder", (unsigned long long)r->window);
    }
}

enum vs_code vs_arch_layers(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err)
{
    const struct rules r = read_rules(d, o);
    a->layer = vs_arena_array(&a->arena, a->layers, sizeof *a->layer);
    if (!a->layer)
        return vs_enomem(err, "layers", a->layers);
    if (r.types.v && r.types.v->count != a->layers && !o->kind)
        short_list(d, o, "layer_types", r.types.v->count, a->layers);
    else if (r.no_rope.v && r.no_rope.v->count != a->layers && !o->kind)
        short_list(d, o, "no_rope_layers", r.no_rope.v->count, a->layers);
    place_experts(&r, a);
    const struct vs_jval *type = first(r.types), *rope = first(r.no_rope);
    for (uint32_t l = 0; l < a->layers && !o->kind; l++, type = next(type), rope = next(rope)) {
        const bool rotated = has_positions(&r, rope, l);
        const bool sliding = r.types.v ? listed_type(d, type, o) : slides(&r, rotated, l);
        const bool windowed = sliding && r.window && r.window < UINT32_MAX;
        if (sliding)
            check_window(d, a, &r, l, o);
        a->layer[l].window = windowed ? (uint32_t)r.window : 0;
        a->layer[l].rope = !a->has_rope || !rotated || (r.rope_on_sliding && !sliding) ? VS_NO_ROPE : sliding && (r.types.v || windowed);
    }
    return VS_OK;
}
