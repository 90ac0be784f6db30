/* SPDX-License-Identifier: Apache-2.0
 *
 * L1 for GGUF files: the keys that the architecture computes with are the base's.
 */
#include <string.h>
#include "check/checker.h"
#include "format/gguf.h"

/* Names and vocabularies may differ, and what growth changes. */
static bool may_differ(struct vs_str key)
{
    static const char *const free_keys[] = {"general.*", "tokenizer.*", "split.*", "*.vocab_size", "*.decoder_start_token_id"};
    return VS_GLOB_ANY(free_keys, key);
}

static void say_value(struct checker *k, const char *name, const struct vs_gguf_kv *kv)
{
    int64_t i;
    double d;
    bool b;
    if (!kv)
        vs_say(k, name, "absent");
    else if (kv->type == VS_GGUF_ARRAY)
        vs_say(k, name, "%llu %s", (unsigned long long)kv->count, vs_gguf_type_name(kv->element));
    else if (kv->type == VS_GGUF_STRING)
        vs_say_text(k, name, kv->value);
    else if (vs_gguf_i64(kv, &i))
        vs_say(k, name, "%lld (%s)", (long long)i, vs_gguf_type_name(kv->type));
    else if (vs_gguf_f64(kv, &d))
        vs_say(k, name, "%.9g (%s)", d, vs_gguf_type_name(kv->type));
    else
        vs_say(k, name, "%s", vs_gguf_bool(kv, &b) ? b ? "true" : "false" : "another number");
}

static bool same_value(const struct vs_gguf_kv *x, const struct vs_gguf_kv *y)
{
    return x && y && x->type == y->type && x->element == y->element && x->count == y->count && vs_str_eq(x->value, y->value);
}

static const struct vs_gguf_kv *twin(const struct vs_gguf *g, struct vs_str key)
{
    const uint32_t i = vs_map_get(&g->keys, key);
    return i == VS_NONE ? NULL : &g->kvs[i];
}

/* x of the base, y of the checked file; one of them may be absent. */
static void differs(struct checker *k, const struct vs_gguf_kv *x, const struct vs_gguf_kv *y)
{
    vs_say(k, "file", "%s", k->c->files[0].name);
    vs_say_text(k, "at", y ? y->key : x->key);
    say_value(k, "found", y);
    say_value(k, "expected", x);
    vs_found(k, "VOC122");
}

bool vs_prove_keys(struct checker *k, const struct vs_gguf *base)
{
    const struct vs_gguf *g = k->c->gguf;
    bool good = vs_str_eq(base->architecture, g->architecture);
    if (!good)
        differs(k, vs_gguf_find(base, "general.architecture"), vs_gguf_find(g, "general.architecture"));
    for (uint32_t i = 0; i < base->kv_count; i++) {
        const struct vs_gguf_kv *x = &base->kvs[i], *y = twin(g, x->key);
        if (may_differ(x->key) || same_value(x, y))
            continue;
        differs(k, x, y);
        good = false;
    }
    for (uint32_t i = 0; i < g->kv_count; i++) {
        if (may_differ(g->kvs[i].key) || twin(base, g->kvs[i].key))
            continue;
        differs(k, NULL, &g->kvs[i]);
        good = false;
    }
    return good;
}
