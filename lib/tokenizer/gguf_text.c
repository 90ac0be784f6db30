/* SPDX-License-Identifier: Apache-2.0
 *
 * Text with the keys of a GGUF file: they are put in the words of tokenizer.json, and the engines that are there do the rest.
 * What the keys mean is data (gguf-text.json).
 */
#include <stdio.h>
#include <string.h>
#include "json/schema.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/gguf_text.h"
#include "tokenizer/load.h"
#include "tokenizer/load_gguf.h"

#define P "tokenizer.ggml."
#define DATA "gguf-text.json"
#define WORD_MAX 256u
#define KEY_MAX 100u

struct teaching {
    const struct vs_gguf *g;
    struct vs_load l;
    struct vs_jdoc data;
    const struct vs_jval *model, *pre; /* of data; pre: NULL but for a vocabulary with merges */
    struct vs_err *err;
};

enum vs_code vs_gguf_no_text(const struct vs_gguf *g, struct vs_err *err, const char *key, const char *fmt, ...)
{
    char text[VS_ERR_MAX * 3 / 4];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return vs_fail(err, VS_EUNSUPPORTED, "%s: %s: %s; text is not encoded for this file: give --prompt-ids", g->path, key, text);
}

static uint32_t entry_at(const struct teaching *x, int64_t id)
{
    const struct vs_str text = id >= 0 && id < VS_NO_ID ? vs_token_text(x->l.t, (uint32_t)id) : (struct vs_str){NULL, 0};
    return text.p ? vs_vocab_find(&x->l.impl->vocab, text) : VS_NO_ENTRY;
}

/* The key that a member of the data names; empty without the member. */
static const char *key_in(const struct vs_jval *data, const char *member, char out[KEY_MAX])
{
    struct vs_str s = {NULL, 0};
    (void)vs_jstr(vs_jget(data, member), &s);
    snprintf(out, KEY_MAX, "%.*s", VS_STR(s));
    return out;
}

/* ---- what the keys mean ---- */

static enum vs_code find_model(struct teaching *x)
{
    const struct vs_jval *models = vs_jget(x->data.root, "models");
    struct vs_str name = {NULL, 0};
    char shown[100];
    struct vs_buf known = {0};
    (void)vs_gguf_string(vs_gguf_find(x->g, P "model"), &name);
    for (const struct vs_jval *m = models->child; m; m = m->next) {
        if (vs_str_eq(m->key, name))
            x->model = m;
        vs_buf_printf(&known, "%s%.*s", known.n ? ", " : "", VS_STR(m->key));
    }
    enum vs_code code = x->model ? VS_OK : vs_gguf_no_text(x->g, x->err, P "model", "found \"%s\", expected one of %s",
                                                           vs_escape(shown, sizeof shown, name), known.p ? known.p : "");
    vs_buf_free(&known);
    return code;
}

static bool lists(const struct vs_jval *names, struct vs_str name)
{
    struct vs_str s;
    for (const struct vs_jval *n = names ? names->child : NULL; n; n = n->next)
        if (vs_jstr(n, &s) && vs_str_eq(s, name))
            return true;
    return false;
}

/* Without the key llama.cpp takes its default too, and warns. */
static enum vs_code find_pre(struct teaching *x)
{
    struct vs_str name = VS_LIT("default"), s;
    const struct vs_gguf_kv *kv = vs_gguf_find(x->g, P "pre");
    char shown[100];
    struct vs_buf known = {0};
    unsigned count = 0;
    if (kv && !vs_gguf_string(kv, &name))
        return vs_gguf_no_text(x->g, x->err, P "pre", "found %s, expected a string", vs_gguf_type_name(kv->type));
    if (!name.n)
        name = VS_LIT("default");
    for (const struct vs_jval *p = vs_jget(x->data.root, "pre")->child; p; p = p->next) {
        const struct vs_jval *names = vs_jget(p, "names");
        if (lists(names, name))
            x->pre = p;
        if (vs_jstr(names->child, &s))
            vs_buf_printf(&known, "%s%.*s", known.n ? ", " : "", VS_STR(s));
        count += names->count;
    }
    enum vs_code code = x->pre ? VS_OK : vs_gguf_no_text(x->g, x->err, P "pre",
                                                         "found \"%s\", expected one of the %u names of " DATA " (%s and their like)",
                                                             vs_escape(shown, sizeof shown, name), count, known.p ? known.p : "");
    vs_buf_free(&known);
    return code;
}

static enum vs_code look_up(struct teaching *x)
{
    const struct vs_tokenizer *t = x->l.t;
    char shown[100];
    enum vs_code code = find_model(x);
    if (!code && t->repeat_count)
        code = vs_gguf_no_text(x->g, x->err, P "tokens", "\"%s\" stands there twice, with ids %u and %u: which one is a text to have?",
                               vs_escape(shown, sizeof shown, t->repeats[0].token), t->repeats[0].first, t->repeats[0].last);
    return code;
}

/* ---- the sections of tokenizer.json ---- */

static enum vs_code set_section(struct teaching *x, enum vs_section s, struct vs_buf *b)
{
    enum vs_code code = b->failed ? vs_enomem(x->err, "the pipeline", b->n)
                                  : vs_jdoc_parse(x->g->path, (struct vs_str){b->p, b->n}, &x->l.impl->sections[s], x->err);
    vs_buf_free(b);
    return code;
}

/* *on stays where the key is absent. */
static enum vs_code read_flag(const struct teaching *x, const char *key, bool *on)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(x->g, key);
    return !kv || vs_gguf_bool(kv, on) ? VS_OK : vs_gguf_no_text(x->g, x->err, key, "found %s, expected a bool", vs_gguf_type_name(kv->type));
}

/* The splits in order, each on the pieces of the one before; what is between two matches is a piece too. Patterns are copied as they
 * are spelled in the data, quotes and escapes included. */
static enum vs_code split_bytes(struct teaching *x)
{
    struct vs_buf b = {0};
    vs_buf_puts(&b, "{\"type\": \"Sequence\", \"pretokenizers\": [");
    for (const struct vs_jval *s = vs_jget(x->pre, "splits")->child; s; s = s->next) {
        vs_buf_puts(&b, "{\"type\": \"Split\", \"behavior\": \"Isolated\", \"invert\": false, \"pattern\": {\"Regex\": ");
        vs_buf_add(&b, x->data.text.p + s->span.begin, s->span.end - s->span.begin);
        vs_buf_puts(&b, "}}, ");
    }
    vs_buf_puts(&b, "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]}");
    return set_section(x, VS_SEC_PRE_TOKENIZER, &b);
}

/* The normalizer runs on each stretch between two tokens that are cut out: there is where llama.cpp puts the space, too. */
static enum vs_code spell_spaces(struct teaching *x)
{
    struct vs_buf b = {0};
    bool space = true;
    enum vs_code code = read_flag(x, P "add_space_prefix", &space);
    if (code)
        return code;
    vs_buf_puts(&b, "{\"type\": \"Sequence\", \"normalizers\": [");
    if (space)
        vs_buf_puts(&b, "{\"type\": \"Prepend\", \"prepend\": \"" VS_SPACE_MARK "\"}, ");
    vs_buf_puts(&b, "{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" VS_SPACE_MARK "\"}]}");
    return set_section(x, VS_SEC_NORMALIZER, &b);
}

/* llama.cpp takes marks of every kind away, BERT's own normalizer those without a width; and blanks of every kind part words. */
static enum vs_code spell_words(struct teaching *x)
{
    bool lower = true, strip;
    struct vs_buf b = {0};
    enum vs_code code = read_flag(x, P "normalizer.lowercase", &lower);
    strip = lower;
    if (!code)
        code = read_flag(x, P "normalizer.strip_accents", &strip);
    if (code)
        return code;
    vs_buf_puts(&b, "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\s\"}, \"content\": \" \"}, ");
    if (strip)
        vs_buf_puts(&b, "{\"type\": \"NFD\"}, {\"type\": \"StripAccents\"}, ");
    vs_buf_puts(&b, "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, \"strip_accents\": false, ");
    vs_buf_printf(&b, "\"lowercase\": %s}]}", lower ? "true" : "false");
    code = set_section(x, VS_SEC_NORMALIZER, &b);
    vs_buf_puts(&b, "{\"type\": \"BertPreTokenizer\"}");
    return code ? code : set_section(x, VS_SEC_PRE_TOKENIZER, &b);
}

/* ---- tokens with a part of their own ---- */

static enum vs_code cut_out(struct teaching *x, uint32_t id)
{
    const struct vs_added a = {.content = vs_token_text(x->l.t, id), .declared = id, .effective = id, .special = true, .in_model = true};
    return vs_token_is_added(x->l.t, id, NULL) ? VS_OK : vs_load_add(&x->l, &a, x->err);
}

/* Control tokens and those of the user are in added[] by now. llama.cpp cuts out unknown ones as well, and takes texts that end
 * generation for control tokens whatever their type says. */
static enum vs_code cut_more(struct teaching *x)
{
    const struct vs_vocab *v = &x->l.impl->vocab;
    enum vs_code code = VS_OK;
    struct vs_str s;
    for (uint32_t i = 0; !code && i < v->count; i++)
        if (vs_gguf_token_type(x->g, v->ids[i]) == VS_GGUF_UNKNOWN)
            code = cut_out(x, v->ids[i]);
    for (const struct vs_jval *c = vs_jget(x->data.root, "control")->child; !code && c; c = c->next) {
        const uint32_t entry = vs_jstr(c, &s) ? vs_vocab_find(v, s) : VS_NO_ENTRY;
        if (entry != VS_NO_ENTRY && vs_gguf_token_type(x->g, v->ids[entry]) != VS_GGUF_UNKNOWN)
            code = cut_out(x, v->ids[entry]);
    }
    return code;
}

/* Does the key's value, in lower case, hold one of the words? */
static bool holds(const struct teaching *x, const struct vs_jval *strip)
{
    struct vs_str value, word;
    char key[KEY_MAX], lower[200];
    if (!vs_gguf_string(vs_gguf_find(x->g, key_in(strip, "key", key)), &value))
        return false;
    size_t n = value.n < sizeof lower ? value.n : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = value.p[i] >= 'A' && value.p[i] <= 'Z' ? (char)(value.p[i] + 'a' - 'A') : value.p[i];
    for (const struct vs_jval *w = vs_jget(strip, "holds")->child; w; w = w->next)
        if (vs_jstr(w, &word) && memmem(lower, n, word.p, word.n))
            return true;
    return false;
}

/* Tokens that take the blanks on one side with them. No key says so: llama.cpp goes by names. */
static void set_strips(struct teaching *x)
{
    const struct vs_jval *strip = vs_jget(x->data.root, "strips")->child;
    struct vs_tokenizer *t = x->l.t;
    struct vs_str side = {NULL, 0};
    while (strip && !holds(x, strip))
        strip = strip->next;
    if (!strip || !vs_jstr(vs_jget(strip, "side"), &side))
        return;
    for (uint32_t i = 0; i < t->added_count; i++) {
        const struct vs_jval *only = vs_jget(strip, "only");
        if ((only && !lists(only, t->added[i].content)) || lists(vs_jget(strip, "but"), t->added[i].content))
            continue;
        *(vs_str_is(side, "left") ? &t->added[i].lstrip : &t->added[i].rstrip) = true;
    }
}

/* An id beyond the list counts as none. */
static int64_t id_at(const struct teaching *x, const char *key, int64_t otherwise)
{
    int64_t id;
    return vs_gguf_i64(vs_gguf_find(x->g, key), &id) && id >= 0 && id < x->l.t->rows_needed ? id : otherwise;
}

static void set_unknown(struct teaching *x)
{
    struct vs_model *m = &x->l.impl->model;
    int64_t id = -1;
    if (vs_ji64(&x->data, vs_jget(x->model, "unknown"), &id)) { /* a vocabulary of bytes has no such token */
        id = id_at(x, P "unknown_token_id", id);
        m->unk_token = VS_LIT("<unk>");
    }
    m->unk = entry_at(x, id);
}

/* The token before or behind every prompt, or -1: whether, says a switch where there is one. */
static enum vs_code edge(struct teaching *x, const char *which, int64_t *out)
{
    const struct vs_jval *data = vs_jget(x->model, which);
    int64_t id = -1;
    bool there = false;
    char key[KEY_MAX], with[KEY_MAX];
    (void)vs_jbool(vs_jget(data, "add"), &there);
    (void)vs_ji64(&x->data, vs_jget(data, "id"), &id);
    id = id_at(x, key_in(data, "key", key), id);
    if (x->pre && strcmp(which, "begin") == 0)
        (void)vs_jbool(vs_jget(x->pre, "add_bos"), &there);
    enum vs_code code = read_flag(x, key_in(data, "switch", with), &there);
    if (code)
        return code;
    if (there && entry_at(x, id) == VS_NO_ENTRY)
        return vs_gguf_no_text(x->g, x->err, key, "a token is to stand there in every prompt, and this key names none");
    *out = there ? id : -1;
    return VS_OK;
}

static enum vs_code put_edges(struct teaching *x)
{
    struct vs_buf b = {0};
    int64_t begin, end;
    enum vs_code code = edge(x, "begin", &begin);
    if (!code)
        code = edge(x, "end", &end);
    if (code)
        return code;
    vs_buf_printf(&b, "{\"type\": \"TemplateProcessing\", \"single\": [%s{\"Sequence\": {\"id\": \"A\"}}%s], \"special_tokens\": "
                  "{\"begin\": {\"ids\": [%lld]}, \"end\": {\"ids\": [%lld]}}}", begin < 0 ? "" : "{\"SpecialToken\": {\"id\": \"begin\"}}, ",
                  end < 0 ? "" : ", {\"SpecialToken\": {\"id\": \"end\"}}", (long long)begin, (long long)end);
    return set_section(x, VS_SEC_POST_PROCESSOR, &b);
}

/* ---- the three kinds ---- */

static enum vs_code teach_bytes(struct teaching *x)
{
    enum vs_code code = find_pre(x);
    if (!code)
        (void)vs_jbool(vs_jget(x->pre, "whole_words"), &x->l.t->ignore_merges);
    if (!code)
        code = split_bytes(x);
    return code ? code : vs_gguf_read_merges(x->g, &x->l, x->err);
}

static enum vs_code teach_scores(struct teaching *x)
{
    x->l.t->fuse_unk = true;
    enum vs_code code = spell_spaces(x);
    return code ? code : vs_gguf_read_scores(x->g, &x->l, x->err);
}

/* A word begins with U+2581 in the vocabulary, and what goes on has nothing in front; no word is too long. At every byte of a word as much
 * of it is looked at as the longest token has: that one is bounded instead. */
static enum vs_code teach_words(struct teaching *x)
{
    const struct vs_vocab *v = &x->l.impl->vocab;
    struct vs_model *m = &x->l.impl->model;
    m->word_begin = VS_LIT(VS_SPACE_MARK);
    m->max_chars = UINT64_MAX;
    for (uint32_t i = 0; i < v->count; i++) {
        const size_t n = vs_vocab_text(v, i).n;
        if (n > WORD_MAX)
            return vs_gguf_no_text(x->g, x->err, P "tokens", "token %u has %zu bytes, expected %u at most where words are cut",
                                   v->ids[i], n, WORD_MAX);
    }
    return spell_words(x);
}

static enum vs_code teach(struct teaching *x)
{
    enum vs_code code = look_up(x);
    if (!code)
        set_unknown(x);
    if (!code)
        code = x->l.t->kind == VS_TOK_WORDPIECE ? teach_words(x) : x->l.t->alphabet == VS_ALPHA_BYTE ? teach_bytes(x) : teach_scores(x);
    if (!code)
        code = cut_more(x);
    if (!code)
        set_strips(x);
    if (!code)
        code = put_edges(x);
    return code ? code : vs_encoder_open(x->l.impl, x->err);
}

enum vs_code vs_encoder_from_gguf(const struct vs_gguf *g, const char *data_dir, const volatile sig_atomic_t *cancel,
                                  struct vs_tokenizer **out, struct vs_err *err)
{
    struct teaching x = {.g = g, .err = err};
    struct vs_tokenizer *t = NULL;
    *out = NULL;
    enum vs_code code = vs_data_read(data_dir, DATA, &x.data, err);
    if (!code && data_dir)
        code = vs_schema_check(data_dir, "gguf-text", &x.data, err);
    if (!code)
        code = vs_tokenizer_from_gguf(g, cancel, &t, err);
    if (!code) {
        x.l = (struct vs_load){.impl = t->impl, .t = t, .wish = {.cancel = cancel}};
        code = teach(&x);
    }
    vs_jdoc_free(&x.data);
    if (code)
        vs_tokenizer_close(t);
    else
        *out = t;
    return code;
}
