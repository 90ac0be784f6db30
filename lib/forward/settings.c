/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings as values of a type. What has another type than its setting is said, never replaced by a default.
 */
#include <math.h>
#include <stdio.h>
#include "forward/arch.h"

/* ---- types ---- */

bool vs_setting_f64(struct vs_setting s, double *out)
{
    int64_t whole;
    if (s.kv && vs_gguf_i64(s.kv, &whole)) {
        *out = (double)whole;
        return true;
    }
    return s.kv ? vs_gguf_f64(s.kv, out) : s.v && vs_jf64(s.doc, s.v, out);
}

bool vs_setting_u64(struct vs_setting s, uint64_t *out)
{
    int64_t v;
    bool known = s.kv ? vs_gguf_i64(s.kv, &v) : s.v && vs_ji64(s.doc, s.v, &v);
    if (!known || v < 0)
        return false;
    *out = (uint64_t)v;
    return true;
}

bool vs_setting_bool(struct vs_setting s, bool *out)
{
    return s.kv ? vs_gguf_bool(s.kv, out) : s.v && vs_jbool(s.v, out);
}

bool vs_setting_there(struct vs_setting s)
{
    return s.v || s.kv;
}

bool vs_setting_is(struct vs_setting s, const char *text)
{
    return s.v && s.v->type == VS_JSON_STRING && vs_str_is(s.v->str, text);
}

/* ---- as they stand ---- */

#define SHOWN 100u

static void show_key(const struct vs_gguf_kv *kv, char *out, size_t n)
{
    int64_t whole;
    double v;
    bool on;
    struct vs_str text;
    char cut[SHOWN];
    if (vs_gguf_i64(kv, &whole))
        snprintf(out, n, "%lld", (long long)whole);
    else if (vs_gguf_f64(kv, &v))
        snprintf(out, n, "%.9g", v);
    else if (vs_gguf_bool(kv, &on))
        snprintf(out, n, on ? "true" : "false");
    else if (vs_gguf_string(kv, &text))
        snprintf(out, n, "\"%s\"", vs_escape(cut, sizeof cut, text));
    else
        snprintf(out, n, kv->type == VS_GGUF_ARRAY ? "an array" : "a value of type %s", vs_gguf_type_name(kv->type));
}

void vs_setting_show(struct vs_setting s, char *out, size_t n)
{
    const size_t length = s.v ? s.v->span.end - s.v->span.begin : 0;
    if (s.kv)
        show_key(s.kv, out, n);
    else if (s.v)
        snprintf(out, n, length > SHOWN ? "%.*s..." : "%.*s", (int)(length > SHOWN ? SHOWN : length), s.doc->text.p + s.v->span.begin);
    else
        snprintf(out, n, "absent");
}

bool vs_setting_is_default(const struct vs_describe *d, const char *name)
{
    const struct vs_setting s = vs_setting(d, name);
    return s.v && s.doc != d->config && vs_setting_is_looked_up(d, name);
}

void vs_obstacle_value(struct vs_obstacle *o, const struct vs_describe *d, const char *name, const char *expected)
{
    const struct vs_setting s = vs_setting(d, name);
    char found[120] = "null";
    if (o->kind)
        return;
    if (vs_setting_there(s) || !s.doc || s.doc != d->config)
        vs_setting_show(s, found, sizeof found);
    vs_obstacle_setting(o, VS_BAD_CONFIG, d, name);
    vs_obstacle_found(o, vs_setting_is_default(d, name) ? "absent, which is %s" : "%s", found);
    vs_obstacle_expected(o, "%s", expected);
}

/* ---- of a type ---- */

static bool is_left_out(const struct vs_describe *d, const char *name, struct vs_setting s)
{
    return !vs_setting_there(s) && !vs_setting_is_required(d, name);
}

void vs_read_number(const struct vs_describe *d, const char *name, double *out, struct vs_obstacle *o)
{
    const struct vs_setting s = vs_setting(d, name);
    double v;
    if (is_left_out(d, name, s))
        return;
    if (vs_setting_f64(s, &v) && isfinite(v))
        *out = v;
    else
        vs_obstacle_value(o, d, name, "a number");
}

void vs_read_whole(const struct vs_describe *d, const char *name, uint64_t *out, struct vs_obstacle *o)
{
    const struct vs_setting s = vs_setting(d, name);
    if (!is_left_out(d, name, s) && !vs_setting_u64(s, out))
        vs_obstacle_value(o, d, name, "a whole number from 0 on");
}

void vs_read_flag(const struct vs_describe *d, const char *name, bool *out, struct vs_obstacle *o)
{
    const struct vs_setting s = vs_setting(d, name);
    if (!is_left_out(d, name, s) && !vs_setting_bool(s, out))
        vs_obstacle_value(o, d, name, "true or false");
}

void vs_read_list(const struct vs_describe *d, const char *name, struct vs_setting *out, struct vs_obstacle *o)
{
    *out = vs_setting(d, name);
    if (!vs_setting_there(*out) || (out->v && out->v->type == VS_JSON_ARRAY))
        return;
    vs_obstacle_value(o, d, name, "a list");
    *out = (struct vs_setting){0};
}
