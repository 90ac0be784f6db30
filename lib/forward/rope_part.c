/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions: how much of a head is rotated.
 */
#include <stdio.h>
#include "forward/rope_read.h"

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
static uint32_t part_of_head(const struct vs_rope_origin *from, struct vs_setting part, bool of_object, bool parts, uint32_t head_dim,
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
        vs_rope_at_member(from, good && parts ? VS_BEYOND : VS_BAD_CONFIG, "partial_rotary_factor", o);
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
uint32_t vs_rope_pairs(const struct vs_rope_origin *from, enum vs_rope_kind kind, uint32_t head_dim, struct vs_obstacle *o)
{
    const struct vs_describe *d = from->d;
    bool parts = false;
    const struct vs_setting own = vs_rope_member(from->scaling, "partial_rotary_factor"), part = own.v ? own : vs_setting(d, "rotary_factor");
    vs_read_flag(d, "rotary_part", &parts, o);
    if (o->kind)
        return 0;
    if (vs_setting_there(vs_setting(d, "rotary_dim")))
        return even_dimensions(d, head_dim, o) / 2;
    if (vs_setting_there(part) && (parts || kind != VS_ROPE_DEFAULT))
        return part_of_head(from, part, own.v != NULL, parts, head_dim, o) / 2;
    return whole_head(d, head_dim, o) / 2;
}
