/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "tokenizer/alphabet.h"
#include "tokenizer/load.h"
#include "tokenizer/load_gguf.h"

#define TOKENS "tokenizer.ggml.tokens"
#define MERGES "tokenizer.ggml.merges"
#define CHARSMAP "tokenizer.ggml.precompiled_charsmap"

/* What tokenizer.ggml.model says of the way text is split and spelled. Word pieces carry U+2581 here where they begin a word. */
static const struct { const char *name; enum vs_tok_kind kind; enum vs_alphabet alphabet; } models[] = {
    {"llama", VS_TOK_BPE, VS_ALPHA_METASPACE},      {"gpt2", VS_TOK_BPE, VS_ALPHA_BYTE},       {"bert", VS_TOK_WORDPIECE, VS_ALPHA_METASPACE},
    {"t5", VS_TOK_UNIGRAM, VS_ALPHA_METASPACE},     {"gemma4", VS_TOK_BPE, VS_ALPHA_METASPACE}, {"plamo2", VS_TOK_UNIGRAM, VS_ALPHA_PLAIN},
    {"hybriddna", VS_TOK_BPE, VS_ALPHA_BYTE},       {"rwkv", VS_TOK_WORDLEVEL, VS_ALPHA_PLAIN},
};

static bool without_vocab(struct vs_str model)
{
    return vs_str_is(model, "none") || vs_str_is(model, "no_vocab");
}

bool vs_gguf_has_vocab(const struct vs_gguf *g)
{
    struct vs_str model = {NULL, 0};
    (void)vs_gguf_string(vs_gguf_find(g, "tokenizer.ggml.model"), &model);
    return vs_gguf_find(g, TOKENS) || (model.n && !without_vocab(model));
}

int vs_gguf_token_type(const struct vs_gguf *g, uint64_t id)
{
    const struct vs_gguf_kv *types = vs_gguf_find(g, "tokenizer.ggml.token_type");
    int64_t type;
    return vs_gguf_is_array(types, VS_GGUF_I32) && vs_gguf_item_i64(types, id, &type) ? (int)type : VS_GGUF_NORMAL;
}

bool vs_gguf_is_padding(struct vs_str token, uint64_t id)
{
    char text[32];
    snprintf(text, sizeof text, "[PAD%llu]", (unsigned long long)id);
    return vs_str_is(token, text);
}

struct loading {
    const struct vs_gguf *g;
    struct vs_load l;
    struct vs_err *err;
};

static enum vs_code bad(struct loading *x, const char *key, const char *fmt, ...) VS_PRINTF(3, 4);
static enum vs_code bad(struct loading *x, const char *key, const char *fmt, ...)
{
    char text[VS_ERR_MAX / 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return vs_fail(x->err, VS_EFORMAT, "%s: %s: %s", x->g->path, key, text);
}

static const char *shown_type(const struct vs_gguf_kv *kv, char *out, size_t n)
{
    snprintf(out, n, kv->type == VS_GGUF_ARRAY ? "array of %s" : "%s",
             vs_gguf_type_name(kv->type == VS_GGUF_ARRAY ? kv->element : kv->type));
    return out;
}

static enum vs_code read_model(struct loading *x)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(x->g, "tokenizer.ggml.model");
    struct vs_str model;
    char text[100];
    if (!vs_gguf_string(kv, &model))
        return bad(x, "tokenizer.ggml.model", "found %s, expected a string", kv ? shown_type(kv, text, sizeof text) : "no such key");
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (vs_str_is(model, models[i].name)) {
            x->l.t->kind = models[i].kind;
            x->l.t->alphabet = models[i].alphabet;
            return VS_OK;
        }
    return vs_fail(x->err, VS_EUNSUPPORTED, "%s: tokenizer.ggml.model: found \"%s\": not known; expected llama, gpt2, bert, t5, gemma4, plamo2, "
                   "hybriddna or rwkv", x->g->path, vs_escape(text, sizeof text, model));
}

/* ---- tokens ---- */

static enum vs_code add_owner(struct loading *x, uint32_t id, uint32_t entry, struct vs_str token)
{
    struct vs_tokenizer_impl *impl = x->l.impl;
    const int type = vs_gguf_token_type(x->g, id);
    uint32_t who = entry;
    /* A second token of the same text has no entry of its own: its text stands in added[]. */
    if (type == VS_GGUF_CONTROL || type == VS_GGUF_USER_DEFINED || entry == VS_NO_ENTRY) {
        const struct vs_added added = {.content = token, .declared = id, .effective = id, .special = type == VS_GGUF_CONTROL, .in_model = true};
        who = x->l.t->added_count | VS_OWNER_ADDED;
        enum vs_code code = vs_load_add(&x->l, &added, x->err);
        if (code)
            return code;
    }
    impl->owners[impl->owner_count++] = (struct vs_owner){id, who};
    return VS_OK;
}

static enum vs_code add_token(struct loading *x, uint32_t id, struct vs_str token)
{
    struct vs_tokenizer_impl *impl = x->l.impl;
    char text[100];
    uint32_t twin = VS_NO_ENTRY;
    if (token.n == 0 || vs_gguf_is_padding(token, id))
        return VS_OK;
    if (vs_gguf_token_type(x->g, id) == VS_GGUF_BYTE) {
        if (vs_byte_token(token) < 0)
            return bad(x, TOKENS, "token %u is of type byte: found \"%s\", expected <0xHH>", id, vs_escape(text, sizeof text, token));
        x->l.t->byte_fallback = true;
    }
    enum vs_code code = vs_vocab_add(&impl->vocab, token, id, &twin, x->err);
    if (!code && twin != VS_NO_ENTRY)
        code = vs_load_repeat(&x->l, &(struct vs_repeat){token, impl->vocab.ids[twin], id}, x->err);
    return code ? code : add_owner(x, id, twin == VS_NO_ENTRY ? impl->vocab.count - 1 : VS_NO_ENTRY, token);
}

static enum vs_code read_tokens(struct loading *x)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(x->g, TOKENS);
    struct vs_str token;
    char text[40];
    uint64_t at = 0;
    uint32_t id = 0;
    if (!vs_gguf_is_array(kv, VS_GGUF_STRING))
        return bad(x, TOKENS, "found %s, expected an array of string", kv ? shown_type(kv, text, sizeof text) : "no such key");
    if (kv->count > VS_ID_MAX)
        return vs_fail(x->err, VS_ELIMIT, "%s: %s: %llu tokens; at most %u are read", x->g->path, TOKENS, (unsigned long long)kv->count, VS_ID_MAX);
    x->l.impl->owners = vs_realloc_array(NULL, (size_t)kv->count + 1, sizeof *x->l.impl->owners);
    enum vs_code code = x->l.impl->owners ? VS_OK : vs_enomem(x->err, "token ids", (kv->count + 1) * sizeof *x->l.impl->owners);
    for (; !code && vs_gguf_next(kv, &at, &token); id++) {
        code = vs_load_look(&x->l, id, x->err);
        if (!code)
            code = add_token(x, id, token);
    }
    return code;
}

/* ---- what stands beside them ---- */

/* Loaders split an entry at the first space behind its first byte. */
static enum vs_code check_merges(struct loading *x)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(x->g, MERGES);
    struct vs_str s;
    char text[100];
    uint64_t at = 0;
    if (!kv)
        return VS_OK;
    if (!vs_gguf_is_array(kv, VS_GGUF_STRING))
        return bad(x, MERGES, "found %s, expected an array of string", shown_type(kv, text, sizeof text));
    for (uint64_t i = 0; vs_gguf_next(kv, &at, &s); i++) {
        const enum vs_code code = vs_load_look(&x->l, i, x->err);
        if (code)
            return code;
        if (s.n < 3 || !memchr(s.p + 1, ' ', s.n - 1))
            return bad(x, MERGES, "entry %llu: found \"%s\", expected two tokens with a space between them", (unsigned long long)i,
                       vs_escape(text, sizeof text, s));
    }
    x->l.t->merge_count = kv->count;
    return VS_OK;
}

/* u32 n | n bytes of a trie | replacements. */
static enum vs_code check_charsmap(struct loading *x)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(x->g, CHARSMAP);
    char text[40];
    uint64_t trie = 0;
    if (!kv)
        return VS_OK;
    if (!vs_gguf_is_array(kv, VS_GGUF_U8) && !vs_gguf_is_array(kv, VS_GGUF_I8))
        return bad(x, CHARSMAP, "found %s, expected an array of u8", shown_type(kv, text, sizeof text));
    for (unsigned i = 0; i < 4 && kv->count >= 4; i++)
        trie |= (uint64_t)(unsigned char)kv->value.p[i] << 8 * i;
    if (kv->count && (kv->count < 4 || trie > kv->count - 4))
        return bad(x, CHARSMAP, "its trie is said to have %llu bytes, the array has %llu", (unsigned long long)trie, (unsigned long long)kv->count);
    return VS_OK;
}

/* ---- facts ---- */

static enum vs_code count(struct loading *x)
{
    struct vs_tokenizer *t = x->l.t;
    enum vs_code code = vs_measure_ids(x->l.impl, x->err);
    t->base_count = x->l.impl->owner_count;
    t->len = x->l.impl->vocab.count;
    t->max_base_id = t->max_id;
    return code;
}

enum vs_code vs_tokenizer_from_gguf(const struct vs_gguf *g, const volatile sig_atomic_t *cancel, struct vs_tokenizer **out,
                                    struct vs_err *err)
{
    struct vs_tokenizer_impl *impl = vs_calloc(1, sizeof *impl);
    *out = NULL;
    if (!impl)
        return vs_enomem(err, "a tokenizer", sizeof *impl);
    struct loading x = {.g = g, .l = {.impl = impl, .t = &impl->t, .wish = {.lenient = true, .ids_only = true, .cancel = cancel}}, .err = err};
    impl->t.impl = impl;
    impl->t.path = g->path;
    enum vs_code code = read_model(&x);
    if (!code)
        code = read_tokens(&x);
    if (!code)
        code = check_merges(&x);
    if (!code)
        code = check_charsmap(&x);
    if (!code)
        code = count(&x);
    if (code)
        vs_tokenizer_close(&impl->t);
    else
        *out = &impl->t;
    return code;
}
