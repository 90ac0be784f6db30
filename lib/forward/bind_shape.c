/* SPDX-License-Identifier: Apache-2.0
 *
 * Who says what shape a tensor should have: the config, a default, or other sizes; and what a refusal says of it.
 */
#include <stdio.h>
#include <string.h>
#include "forward/bind.h"

static void say_shape(struct vs_obstacle *o, const struct vs_tensor *t)
{
    char text[200];
    size_t n = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < t->ndim && i < 8; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, i ? ", %llu" : "%llu", (unsigned long long)t->shape[i]);
    vs_obstacle_found(o, "%s [%s]", vs_dtype_name(t->dtype), text);
}

/* Sizes that a role is made of beside the hidden one, the likeliest to be wrong first. */
static const char *const *sizes_of(const struct vs_bound *r)
{
    static const struct { const char *role, *sizes[4]; } made_of[] = {
        {"q", {"head_dim", "heads"}}, {"k", {"kv_heads"}}, {"v", {"kv_heads"}}, {"qkv", {"kv_heads", "head_dim", "heads"}},
        {"q_norm", {"head_dim"}}, {"k_norm", {"head_dim"}}, {"sinks", {"heads"}},
        {"gate", {"intermediate"}}, {"up", {"intermediate"}}, {"down", {"intermediate"}}, {"router", {"experts"}},
        {"expert_gate", {"expert_size", "experts"}}, {"expert_up", {"expert_size", "experts"}}, {"expert_down", {"expert_size", "experts"}},
        {"shared_gate", {"shared_size"}}, {"shared_up", {"shared_size"}}, {"shared_down", {"shared_size"}}};
    static const char *const none[] = {NULL};
    const bool stacked = strcmp(r->name, "q") == 0 && r->stored_rows != r->rows;
    for (size_t i = 0; i < sizeof made_of / sizeof *made_of; i++)
        if (strcmp(made_of[i].role, stacked ? "qkv" : r->name) == 0)
            return made_of[i].sizes;
    return none;
}

/* A size that nobody says, worked out of others. */
static bool told_by_others(const struct vs_describe *d, const char *size, char *out, size_t n)
{
    static const struct { const char *size, *times, *of, *over; } rules[] = {
        {"kv_heads", "", "heads", NULL}, {"head_dim", "", "hidden", "heads"}, {"intermediate", "4 times ", "hidden", NULL},
        {"expert_size", "", "intermediate", NULL}};
    const struct vs_setting s = vs_setting(d, size);
    char key[160], of[160], over[160] = "";
    if (vs_setting_there(s) || !vs_setting_has_key(d, size))
        return false;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(rules[i].size, size) != 0)
            continue;
        vs_setting_key(d, size, key, sizeof key);
        vs_setting_key(d, rules[i].of, of, sizeof of);
        if (rules[i].over)
            vs_setting_key(d, rules[i].over, over, sizeof over);
        const char *why = s.doc && s.doc == d->config ? "null" : "absent";
        snprintf(out, n, "by %s%s%s%s, as %s is %s", rules[i].times, of, over[0] ? " over " : "", over, key, why);
        return true;
    }
    return false;
}

static bool told_by_default(const struct vs_describe *d, const char *size, char *out, size_t n)
{
    char key[160];
    if (!vs_setting_is_default(d, size))
        return false;
    vs_setting_key(d, size, key, sizeof key);
    snprintf(out, n, "by the default of %s, which is absent", key);
    return true;
}

/* Those sizes are columns of what leads back to the hidden size, and rows of everything else. */
static bool own_size_fits(const struct vs_tensor *t, const struct vs_bound *r, bool transposed)
{
    const size_t length = strlen(r->name);
    const bool back = strcmp(r->name, "o") == 0 || (length >= 4 && strcmp(r->name + length - 4, "down") == 0);
    const uint32_t from_end = r->vector || back != transposed ? 1 : 2;
    return t->ndim >= from_end && t->shape[t->ndim - from_end] == (back && !r->vector ? r->cols : r->stored_rows);
}

/* Who says what shape it should be. */
static void told_by(const struct vs_describe *d, const struct vs_tensor *t, const struct vs_bound *r, bool transposed, char *out, size_t n)
{
    for (const char *const *size = sizes_of(r); *size && !own_size_fits(t, r, transposed); size++)
        if (told_by_default(d, *size, out, n) || told_by_others(d, *size, out, n))
            return;
    if (!told_by_default(d, "hidden", out, n))
        snprintf(out, n, d->gguf ? "as the keys say" : d->config ? "as the config says" : "as the description says");
}

void vs_obstacle_tensor(struct vs_obstacle *o, enum vs_obstacle_kind kind, const struct vs_describe *d, const struct vs_tensor *t)
{
    char name[200];
    vs_obstacle_set(o, kind, d->c->files[t->file].name, vs_escape(name, sizeof name, t->name));
}

void vs_wrong_shape(struct vs_obstacle *o, const struct vs_describe *d, const struct vs_tensor *t, const struct vs_bound *r,
                    bool transposed)
{
    char teller[600];
    unsigned long long rows = r->stored_rows, cols = r->cols;
    told_by(d, t, r, transposed, teller, sizeof teller);
    vs_obstacle_tensor(o, VS_BAD_SHAPE, d, t);
    say_shape(o, t);
    if (r->vector)
        vs_obstacle_expected(o, "%llu values, %s", rows, teller);
    else
        vs_obstacle_expected(o, "[%llu, %llu], %s", transposed ? cols : rows, transposed ? rows : cols, teller);
}

void vs_wrong_dtype(struct vs_obstacle *o, const struct vs_describe *d, const struct vs_tensor *t, const char *expected)
{
    vs_obstacle_tensor(o, VS_BAD_DTYPE, d, t);
    say_shape(o, t);
    vs_obstacle_expected(o, "%s", expected);
}
