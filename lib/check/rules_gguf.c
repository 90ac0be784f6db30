/* SPDX-License-Identifier: Apache-2.0
 *
 * 7xx: would a loader of this GGUF file take its vocabulary, and would it mean what it says?
 */
#include "check/checker.h"
#include "tokenizer/load_gguf.h"

typedef unsigned long long ull;

#define PREFIX "tokenizer.ggml."

static void place(struct checker *k, const char *key)
{
    vs_say(k, "file", "%s", k->c->files[0].name);
    vs_say(k, "at", "%s", key);
}

/* The loader asks for exactly as many rows as the list has tokens. */
static void rows(struct checker *k, uint64_t tokens)
{
    for (uint32_t i = 0; i < k->c->table_count; i++) {
        const struct vs_table *t = &k->c->tables[i];
        if (t->suspect || t->role == VS_ROLE_OTHER || t->rows == tokens)
            continue;
        vs_say_table(k, k->c, t);
        vs_say(k, "name", "%.*s", VS_STR(k->c->tensors[t->tensor].name));
        vs_say(k, "found", "%llu", (ull)t->rows);
        vs_say(k, "expected", "%llu", (ull)tokens);
        vs_found(k, "VOC701");
    }
}

static void companion(struct checker *k, const char *key, enum vs_gguf_type element, uint64_t tokens)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(k->c->gguf, key);
    if (!kv)
        return;
    const bool array = kv->type == VS_GGUF_ARRAY;
    if (vs_gguf_is_array(kv, element) && kv->count == tokens)
        return;
    place(k, key);
    vs_say(k, "name", "%s", key);
    if (array && kv->element == element)
        vs_say(k, "found", "%llu entries", (ull)kv->count);
    else
        vs_say(k, "found", "a value of type %s%s", array ? "array of " : "", vs_gguf_type_name(array ? kv->element : kv->type));
    vs_say(k, "expected", "%llu of type %s", (ull)tokens, vs_gguf_type_name(element));
    vs_found(k, "VOC702");
}

static void declared_size(struct checker *k, uint64_t tokens)
{
    const struct vs_config_int *v = vs_text_vocab(k->c);
    if (!v || (uint64_t)v->value == tokens)
        return;
    vs_say(k, "name", "%s", v->at); /* the first of a name counts */
    vs_say_config(k, v);
    vs_say(k, "expected", "%llu", (ull)tokens);
    vs_found(k, "VOC703");
}

static void special_ids(struct checker *k, uint64_t tokens)
{
    for (size_t i = 0; i < k->c->config.special_id_count; i++) {
        const struct vs_config_int *s = &k->c->config.special_ids[i];
        if (s->value >= 0 && (uint64_t)s->value < tokens)
            continue;
        vs_say(k, "name", "%s", s->at);
        vs_say_config(k, s);
        vs_say(k, "expected", "an id below %llu", (ull)tokens);
        vs_found(k, "VOC704");
    }
}

static void repeats(struct checker *k, uint64_t tokens)
{
    struct id_set ids = {0};
    for (uint32_t i = 0; i < k->t->repeat_count; i++)
        vs_set_add(&ids, k->t->repeats[i].last);
    if (!ids.count)
        return;
    place(k, PREFIX "tokens");
    vs_say_ids(k, &ids);
    vs_say_token(k, "other", k->t->repeats[0].first);
    vs_say(k, "found", "%llu different texts", (ull)(tokens - ids.count));
    vs_say(k, "expected", "%llu", (ull)tokens);
    vs_found(k, "VOC706");
}

/* Stand-ins for ids without a token: a loader that does not know them as unused can produce them. */
static void padding(struct checker *k)
{
    const struct vs_gguf_kv *tokens = vs_gguf_find(k->c->gguf, PREFIX "tokens");
    struct id_set all = {0};
    struct vs_str token;
    uint64_t at = 0, typed = 0;
    for (uint64_t id = 0; vs_gguf_next(tokens, &at, &token); id++)
        if (vs_gguf_is_padding(token, id)) {
            vs_set_add(&all, id);
            typed += vs_gguf_token_type(k->c->gguf, id) != VS_GGUF_UNUSED;
        }
    if (!all.count)
        return;
    place(k, PREFIX "tokens");
    vs_say_ids(k, &all);
    vs_say(k, "found", "%llu of them of another type than unused", (ull)typed);
    vs_found_as(k, "VOC707", typed ? VS_WARNING : VS_INFO);
}

void vs_rules_gguf(struct checker *k)
{
    const struct vs_gguf_kv *tokens = k->t ? vs_gguf_find(k->c->gguf, PREFIX "tokens") : NULL;
    if (!tokens)
        return;
    rows(k, tokens->count);
    companion(k, PREFIX "scores", VS_GGUF_F32, tokens->count);
    companion(k, PREFIX "token_type", VS_GGUF_I32, tokens->count);
    declared_size(k, tokens->count);
    special_ids(k, tokens->count);
    repeats(k, tokens->count);
    padding(k);
}
