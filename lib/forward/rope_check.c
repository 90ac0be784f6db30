/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions: numbers that no scaling can be computed with, by the names that whoever wrote them has for them.
 */
#include <stdio.h>
#include "forward/rope_read.h"

enum number { THETA, ORIGINAL, FACTOR, LOW, HIGH };

static void at_theta(const struct vs_rope_origin *from, struct vs_obstacle *o)
{
    if (vs_setting_there(vs_rope_member(from->scaling, "rope_theta")))
        vs_rope_at_member(from, VS_BAD_CONFIG, "rope_theta", o);
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

static void at_number(const struct vs_rope_origin *from, const struct vs_rope *r, enum number n, struct vs_obstacle *o)
{
    if (n == THETA)
        at_theta(from, o);
    else if (from->d->gguf)
        vs_rope_at_key(from->d, key_name(from->d, n), o);
    else if (n == ORIGINAL && !from->by_type && vs_setting_there(vs_config_value(from->d, member_name(r, n))))
        vs_obstacle_set(o, VS_BAD_CONFIG, "config.json", member_name(r, n));
    else
        vs_rope_at_member(from, VS_BAD_CONFIG, member_name(r, n), o);
}

/* As it stands where it came from; nothing there: it is worked out. */
static struct vs_setting number_setting(const struct vs_rope_origin *from, const struct vs_rope *r, enum number n)
{
    const struct vs_setting theta = vs_rope_member(from->scaling, "rope_theta"), top = vs_config_value(from->d, "original_max_position_embeddings");
    if (n == THETA)
        return theta.v ? theta : vs_setting(from->d, from->theta);
    if (from->d->gguf)
        return vs_config_value(from->d, key_name(from->d, n));
    return n == ORIGINAL && !from->by_type && top.v ? top : vs_rope_member(from->scaling, member_name(r, n));
}

/* What the formulas divide by, or take logarithms and roots of. */
void vs_rope_check(const struct vs_rope_origin *from, const struct vs_rope *r, struct vs_obstacle *o)
{
    const bool scaled = r->kind != VS_ROPE_DEFAULT, dynamic = r->kind == VS_ROPE_DYNAMIC, llama3 = r->kind == VS_ROPE_LLAMA3;
    const bool ramp = llama3 || r->kind == VS_ROPE_YARN;
    const double low = llama3 ? r->low : 0;
    const struct { enum number n; double found, above; bool good; } numbers[] = {
        {THETA, r->theta, 0, vs_is_positive(r->theta)},
        {ORIGINAL, r->original, 0, !(ramp || r->kind == VS_ROPE_LONGROPE) || r->original > 0},
        {FACTOR, r->factor, 0, !scaled || (vs_is_positive(r->factor) && (!dynamic || r->factor >= 1))},
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
