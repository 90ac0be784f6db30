/* SPDX-License-Identifier: Apache-2.0
 *
 * Values of a GGUF header by key and type.
 */
#include <stdio.h>
#include <string.h>
#include "format/gguf.h"

const char *vs_gguf_type_name(enum vs_gguf_type type)
{
    static const char *const names[VS_GGUF_TYPES] = {"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"};
    return (unsigned)type < VS_GGUF_TYPES ? names[type] : "?";
}

const struct vs_gguf_kv *vs_gguf_find(const struct vs_gguf *g, const char *key)
{
    const uint32_t i = vs_map_get(&g->keys, vs_cstr(key));
    return i == VS_NONE ? NULL : &g->kvs[i];
}

const struct vs_gguf_kv *vs_gguf_find_arch(const struct vs_gguf *g, const char *key)
{
    char name[512];
    const int n = snprintf(name, sizeof name, "%.*s.%s", VS_STR(g->architecture), key);
    return n < 0 || (size_t)n >= sizeof name ? NULL : vs_gguf_find(g, name);
}

static uint64_t load(const char *at, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)(unsigned char)at[i] << 8 * i;
    return v;
}

static bool integer(enum vs_gguf_type type, const char *p, uint64_t i, int64_t *out)
{
    uint64_t v;
    switch (type) {
    case VS_GGUF_U8: *out = (int64_t)load(p + i, 1); return true;
    case VS_GGUF_I8: *out = (int8_t)load(p + i, 1); return true;
    case VS_GGUF_U16: *out = (int64_t)load(p + 2 * i, 2); return true;
    case VS_GGUF_I16: *out = (int16_t)load(p + 2 * i, 2); return true;
    case VS_GGUF_U32: *out = (int64_t)load(p + 4 * i, 4); return true;
    case VS_GGUF_I32: *out = (int32_t)load(p + 4 * i, 4); return true;
    case VS_GGUF_I64: *out = (int64_t)load(p + 8 * i, 8); return true;
    case VS_GGUF_U64:
        v = load(p + 8 * i, 8);
        *out = (int64_t)v;
        return v <= INT64_MAX;
    default: return false;
    }
}

static bool number(enum vs_gguf_type type, const char *p, double *out)
{
    if (type == VS_GGUF_F32) {
        const uint32_t bits = (uint32_t)load(p, 4);
        float f;
        memcpy(&f, &bits, sizeof f);
        *out = f;
        return true;
    }
    if (type != VS_GGUF_F64)
        return false;
    const uint64_t bits = load(p, 8);
    memcpy(out, &bits, sizeof *out);
    return true;
}

bool vs_gguf_i64(const struct vs_gguf_kv *kv, int64_t *out)
{
    return kv && integer(kv->type, kv->value.p, 0, out);
}

bool vs_gguf_f64(const struct vs_gguf_kv *kv, double *out)
{
    return kv && number(kv->type, kv->value.p, out);
}

bool vs_gguf_bool(const struct vs_gguf_kv *kv, bool *out)
{
    if (!kv || kv->type != VS_GGUF_BOOL)
        return false;
    *out = kv->value.p[0] != 0;
    return true;
}

bool vs_gguf_string(const struct vs_gguf_kv *kv, struct vs_str *out)
{
    if (!kv || kv->type != VS_GGUF_STRING)
        return false;
    *out = kv->value;
    return true;
}

bool vs_gguf_is_array(const struct vs_gguf_kv *kv, enum vs_gguf_type element)
{
    return kv && kv->type == VS_GGUF_ARRAY && kv->element == element;
}

bool vs_gguf_item_i64(const struct vs_gguf_kv *kv, uint64_t i, int64_t *out)
{
    return kv && kv->type == VS_GGUF_ARRAY && i < kv->count && integer(kv->element, kv->value.p, i, out);
}

bool vs_gguf_item_f64(const struct vs_gguf_kv *kv, uint64_t i, double *out)
{
    const unsigned bytes = kv && kv->element == VS_GGUF_F64 ? 8 : 4;
    return kv && kv->type == VS_GGUF_ARRAY && i < kv->count && number(kv->element, kv->value.p + i * bytes, out);
}

bool vs_gguf_next(const struct vs_gguf_kv *kv, uint64_t *at, struct vs_str *out)
{
    if (!vs_gguf_is_array(kv, VS_GGUF_STRING) || *at >= kv->value.n)
        return false;
    *out = (struct vs_str){kv->value.p + *at + 8, (size_t)load(kv->value.p + *at, 8)}; /* the reader has seen that it fits */
    *at += 8 + out->n;
    return true;
}
