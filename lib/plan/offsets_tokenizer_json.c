/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json, scanned once without a tree (it may be tens of megabytes) and edited by splices: the ids of
 * model.vocab, of added_tokens, of the post-processor and of the padding.
 */
#include <inttypes.h>
#include <stdio.h>
#include "base/map.h"
#include "json/scan.h"
#include "plan/offsets_tokens.h"

struct added { struct vs_str content; struct vs_span spelled; uint64_t id; bool in_model; }; /* id: in the output */

struct scan {
    const struct vs_renumber *r;
    const char *name, *path;        /* in changes; in messages */
    struct vs_str text;
    struct vs_json j;
    struct vs_arena arena;          /* decoded names */
    struct vs_edits *edits;
    struct vs_buf at;               /* JSON Pointer of a change */
    struct vs_err *err;
    struct vs_span last_entry, last_key, before_key; /* of model.vocab: the last value, its key, what separates it from its predecessor */
    struct vs_span vocab;
    uint64_t vocab_count;
    struct added *added; size_t added_count;
    struct vs_map seen;
    size_t list_count;
    struct vs_span last_added, before_added, list;   /* of added_tokens */
};

/* A change at s->at. */
static enum vs_code note(struct scan *s, struct vs_str before, struct vs_str after)
{
    return vs_plan_add_change(s->r->plan, s->name, s->at.failed ? NULL : s->at.p, before, after, s->err);
}

static enum vs_code splice(struct scan *s, struct vs_span span, struct vs_str with)
{
    struct vs_str before = {s->text.p + span.begin, span.end - span.begin};
    enum vs_code code = vs_edit(s->edits, span.begin, span.end, with, s->err);
    return code ? code : note(s, before, with);
}

static void pointer(struct scan *s, const char *parent, struct vs_str key)
{
    s->at.n = 0;
    vs_buf_puts(&s->at, parent);
    if (key.p)
        vs_buf_pointer(&s->at, key);
}

static enum vs_code put_id(struct scan *s, struct vs_span span, uint64_t id)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, id);
    if (vs_str_eq((struct vs_str){s->text.p + span.begin, span.end - span.begin}, (struct vs_str){text, (size_t)n}))
        return VS_OK;
    return splice(s, span, (struct vs_str){text, (size_t)n});
}

/* A token id and where it stands. */
static bool take_id(struct vs_json *j, uint64_t *id, struct vs_span *span)
{
    if (vs_json_peek(j) == VS_JSON_NUMBER)
        span->begin = j->at; /* peek has skipped white space */
    if (!vs_json_u64(j, id))
        return false;
    span->end = j->at;
    return *id < VS_NO_ID || vs_json_fail(j, VS_EFORMAT, "a token id below 4294967295 expected");
}

/* ---- model.vocab ---- */

static enum vs_code scan_vocab(struct scan *s)
{
    struct vs_str key;
    enum vs_code code = VS_OK;
    if (vs_json_peek(&s->j) != VS_JSON_OBJECT)
        return vs_fail(s->err, VS_EUNSUPPORTED, "%s: model.vocab is a list (Unigram): ids are positions there, so nothing can be inserted before "
                       "the other blocks; expected an object from token to id, as in the model's own tokenizer", s->path);
    s->vocab.begin = s->j.at;
    vs_json_object(&s->j);
    while (!code && vs_json_key(&s->j, &key)) {
        struct vs_span span = {0};
        uint64_t id;
        s->before_key = (struct vs_span){s->last_entry.end ? s->last_entry.end : s->vocab.begin + 1, s->j.key_span.begin};
        s->last_key = s->j.key_span;
        if (!take_id(&s->j, &id, &span))
            break;
        s->last_entry = span;
        s->vocab_count++;
        uint64_t to = vs_renumber_id(s->r, id);
        if (to == id)
            continue;
        pointer(s, "/model/vocab", key);
        code = put_id(s, span, to);
    }
    s->vocab.end = s->j.at;
    return code;
}

static enum vs_code scan_model(struct scan *s)
{
    struct vs_str key;
    enum vs_code code = VS_OK;
    vs_json_object(&s->j);
    while (!code && vs_json_key(&s->j, &key)) {
        if (vs_str_is(key, "vocab"))
            code = scan_vocab(s);
        else
            vs_json_skip(&s->j, NULL);
    }
    return code;
}

/* ---- added_tokens ---- */

static enum vs_code remember(struct scan *s, const struct added *a)
{
    uint32_t known;
    if (!vs_map_put(&s->seen, a->content, 0, &known))
        return vs_enomem(s->err, "the added tokens", 0);
    if (known != VS_NONE)
        return VS_OK; /* listed again: the loader skips it */
    struct added *list = vs_list_room(s->added, s->added_count, sizeof *list);
    if (!list)
        return vs_enomem(s->err, "the added tokens", 0);
    s->added = list;
    s->added[s->added_count++] = *a;
    return VS_OK;
}

/* What runs is the id of the content, whatever the entry declares. */
static enum vs_code scan_added_token(struct scan *s, size_t position)
{
    struct added a = {.id = VS_NO_ID};
    struct vs_span declared = {0}, value;
    struct vs_str key;
    struct vs_added known;
    uint64_t id;
    vs_json_object(&s->j);
    while (vs_json_key(&s->j, &key)) {
        if (vs_str_is(key, "id") && vs_json_peek(&s->j) == VS_JSON_NUMBER) {
            take_id(&s->j, &id, &declared);
        } else if (vs_str_is(key, "content")) {
            struct vs_json copy = s->j; /* its text, and its bytes as they are spelled */
            if (vs_json_skip(&s->j, &value) && vs_json_string(&copy, &a.content))
                a.spelled = value;
            else if (copy.failed && !s->j.failed)
                return vs_json_end(&copy, s->err);
        } else {
            vs_json_skip(&s->j, NULL);
        }
    }
    if (s->j.failed || a.content.n == 0)
        return VS_OK;
    uint32_t runs = vs_token_id(s->r->tokenizer, a.content);
    if (runs == VS_NO_ID)
        return VS_OK;
    a.id = vs_renumber_id(s->r, runs);
    a.in_model = vs_token_is_added(s->r->tokenizer, runs, &known) && known.in_model;
    enum vs_code code = remember(s, &a);
    s->at.n = 0;
    vs_buf_printf(&s->at, "/added_tokens/%zu/id", position);
    return code || !declared.end ? code : put_id(s, declared, a.id);
}

static enum vs_code scan_added(struct scan *s)
{
    enum vs_code code = VS_OK;
    s->list.begin = s->j.at;
    vs_json_array(&s->j);
    while (!code && vs_json_item(&s->j)) {
        vs_json_peek(&s->j);
        s->before_added = (struct vs_span){s->last_added.end ? s->last_added.end : s->list.begin + 1, s->j.at};
        s->last_added.begin = s->j.at;
        code = scan_added_token(s, s->list_count++);
        s->last_added.end = s->j.at;
    }
    s->list.end = s->j.at;
    return code;
}

/* ---- post_processor, padding: small, so a document of their own ---- */

struct part { struct scan *s; struct vs_jdoc doc; size_t begin; }; /* begin: of the part's text in the file */

static enum vs_code put_part(struct part *p, const struct vs_jval *v)
{
    int64_t id;
    if (!v || !vs_ji64(&p->doc, v, &id) || id < 0)
        return VS_OK;
    return put_id(p->s, (struct vs_span){p->begin + v->span.begin, p->begin + v->span.end}, vs_renumber_id(p->s->r, (uint64_t)id));
}

static enum vs_code template_ids(struct part *p, const struct vs_jval *tokens)
{
    enum vs_code code = VS_OK;
    for (const struct vs_jval *t = tokens ? tokens->child : NULL; !code && t; t = t->next) {
        const struct vs_jval *ids = vs_jget(t, "ids");
        size_t i = 0, n = p->s->at.n;
        for (const struct vs_jval *id = ids ? ids->child : NULL; !code && id; id = id->next) {
            vs_buf_puts(&p->s->at, "/special_tokens");
            vs_buf_pointer(&p->s->at, t->key);
            vs_buf_printf(&p->s->at, "/ids/%zu", i++);
            code = put_part(p, id);
            p->s->at.n = n;
        }
    }
    return code;
}

/* sep and cls are [token, id] in BertProcessing and RobertaProcessing. */
static enum vs_code pair_id(struct part *p, const struct vs_jval *v, const char *key)
{
    const struct vs_jval *pair = vs_jget(v, key);
    size_t n = p->s->at.n;
    if (!pair || pair->type != VS_JSON_ARRAY || pair->count != 2)
        return VS_OK;
    vs_buf_printf(&p->s->at, "/%s/1", key);
    enum vs_code code = put_part(p, pair->child->next);
    p->s->at.n = n;
    return code;
}

static enum vs_code processor_ids(struct part *p, const struct vs_jval *v)
{
    const struct vs_jval *list = vs_jget(v, "processors");
    enum vs_code code = template_ids(p, vs_jget(v, "special_tokens"));
    size_t i = 0, n = p->s->at.n;
    if (!code)
        code = pair_id(p, v, "sep");
    if (!code)
        code = pair_id(p, v, "cls");
    for (const struct vs_jval *c = list ? list->child : NULL; !code && c; c = c->next) {
        vs_buf_printf(&p->s->at, "/processors/%zu", i++);
        code = processor_ids(p, c); /* no deeper than the parser let it be */
        p->s->at.n = n;
    }
    return code;
}

static enum vs_code scan_part(struct scan *s, bool padding)
{
    struct part p = {.s = s};
    struct vs_span span;
    if (!vs_json_skip(&s->j, &span))
        return VS_OK;
    p.begin = span.begin;
    enum vs_code code = vs_jdoc_parse(s->path, (struct vs_str){s->text.p + span.begin, span.end - span.begin}, &p.doc, s->err);
    pointer(s, padding ? "/padding/pad_id" : "/post_processor", (struct vs_str){0});
    if (!code)
        code = padding ? put_part(&p, vs_jget(p.doc.root, "pad_id")) : processor_ids(&p, p.doc.root);
    vs_jdoc_free(&p.doc);
    return code;
}

/* ---- entries that are new in the file ---- */

/* What separates an entry from the one before it; a single entry shows no comma. */
static void add_separator(struct vs_buf *b, const struct scan *s, struct vs_span between)
{
    struct vs_str text = {s->text.p + between.begin, between.end - between.begin};
    if (!memchr(text.p, ',', text.n))
        vs_buf_puts(b, ",");
    vs_buf_str(b, text);
}

static enum vs_code add_vocab(struct scan *s, struct vs_buf *b, struct vs_str spelled, struct vs_str token, uint64_t id)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%" PRIu64, id);
    if (s->vocab_count > 0) {
        add_separator(b, s, s->before_key);
        vs_buf_str(b, spelled);
        vs_buf_add(b, s->text.p + s->last_key.end, s->last_entry.begin - s->last_key.end);
    } else {
        vs_buf_puts(b, b->n ? ", " : "");
        vs_buf_str(b, spelled);
        vs_buf_puts(b, ": ");
    }
    vs_buf_add(b, text, (size_t)n);
    pointer(s, "/model/vocab", token);
    return note(s, VS_LIT(""), (struct vs_str){text, (size_t)n});
}

/* Without an entry of its own an added token runs as the number of entries of model.vocab, counted on in file order. */
static bool must_mirror(const struct scan *s)
{
    uint64_t next = s->vocab_count + s->r->add_count;
    for (size_t i = 0; i < s->added_count; i++)
        if (!s->added[i].in_model && s->added[i].id != next++)
            return true;
    return false;
}

static enum vs_code extend_vocab(struct scan *s)
{
    struct vs_buf b = {0};
    enum vs_code code = VS_OK;
    bool mirror = must_mirror(s);
    for (uint32_t i = 0; !code && i < s->r->add_count; i++) {
        struct vs_buf spelled = {0};
        vs_buf_json_str(&spelled, s->r->add[i]);
        code = spelled.failed ? vs_enomem(s->err, s->name, spelled.n)
                              : add_vocab(s, &b, (struct vs_str){spelled.p, spelled.n}, s->r->add[i], s->r->shift.at + i);
        vs_buf_free(&spelled);
    }
    for (size_t i = 0; !code && mirror && i < s->added_count; i++) {
        const struct added *a = &s->added[i];
        if (!a->in_model)
            code = add_vocab(s, &b, (struct vs_str){s->text.p + a->spelled.begin, a->spelled.end - a->spelled.begin}, a->content, a->id);
    }
    size_t at = s->vocab_count ? s->last_entry.end : s->vocab.begin + 1;
    if (!code && b.failed)
        code = vs_enomem(s->err, s->path, b.n);
    if (!code && b.n)
        code = vs_edit(s->edits, at, at, (struct vs_str){b.p, b.n}, s->err);
    vs_buf_free(&b);
    return code;
}

static enum vs_code extend_added(struct scan *s)
{
    struct vs_str like = {s->text.p + s->last_added.begin, s->last_added.end - s->last_added.begin};
    struct vs_jdoc doc = {0};
    struct vs_buf b = {0};
    enum vs_code code = like.n ? vs_jdoc_parse(s->path, like, &doc, s->err) : VS_OK;
    for (uint32_t i = 0; !code && i < s->r->add_count; i++) {
        if (like.n)
            add_separator(&b, s, s->before_added);
        else
            vs_buf_puts(&b, i ? ", " : "");
        size_t begin = b.n;
        vs_renumber_entry(&b, &doc, doc.root, s->r->shift.at + i, s->r->add[i]);
        s->at.n = 0;
        vs_buf_printf(&s->at, "/added_tokens/%zu", s->list_count + i);
        code = b.failed ? vs_enomem(s->err, s->path, b.n) : note(s, VS_LIT(""), (struct vs_str){b.p + begin, b.n - begin});
    }
    size_t at = like.n ? s->last_added.end : s->list.begin + 1;
    if (!code && s->r->add_count && !s->list.end)
        code = vs_fail(s->err, VS_EUNSUPPORTED, "%s: no list \"added_tokens\" to enter new tokens into", s->path);
    else if (!code && b.n)
        code = vs_edit(s->edits, at, at, (struct vs_str){b.p, b.n}, s->err);
    vs_buf_free(&b);
    vs_jdoc_free(&doc);
    return code;
}

/* ---- the file ---- */

static enum vs_code scan_all(struct scan *s)
{
    struct vs_str key;
    enum vs_code code = VS_OK;
    vs_json_object(&s->j);
    while (!code && vs_json_key(&s->j, &key)) {
        if (vs_str_is(key, "model"))
            code = scan_model(s);
        else if (vs_str_is(key, "added_tokens"))
            code = scan_added(s);
        else if (vs_str_is(key, "post_processor") || vs_str_is(key, "padding"))
            code = scan_part(s, vs_str_is(key, "padding"));
        else
            vs_json_skip(&s->j, NULL);
    }
    return code ? code : vs_json_end(&s->j, s->err);
}

enum vs_code vs_renumber_tokenizer_json(const struct vs_renumber *r, const char *name, const char *path, struct vs_str text,
                                        struct vs_edits *edits, struct vs_err *err)
{
    struct scan s = {.r = r, .name = name, .path = path, .text = text, .edits = edits, .err = err};
    vs_json_begin(&s.j, path, text.p, text.n, &s.arena);
    enum vs_code code = scan_all(&s);
    if (!code)
        code = extend_vocab(&s);
    if (!code)
        code = extend_added(&s);
    vs_buf_free(&s.at);
    vs_free(s.added);
    vs_map_free(&s.seen);
    vs_arena_free(&s.arena);
    return code;
}
