/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include "base/io.h"
#include "json/dom.h"
#include "plan/offsets_tokens.h"

uint64_t vs_renumber_id(const struct vs_renumber *r, uint64_t id)
{
    uint32_t low = 0, high = r->new_count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (r->new_ids[mid] < id)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < r->new_count && r->new_ids[low] == id)
        return r->shift.at + low;
    return id < r->shift.at ? id : id + r->shift.by;
}

/* ---- one added token as JSON ---- */

static bool is_flag(struct vs_str key)
{
    static const char *const flags[] = {"single_word", "lstrip", "rstrip", "normalized", "special"};
    return VS_GLOB_ANY(flags, key);
}

static void plain_entry(struct vs_buf *out, uint64_t id, struct vs_str name)
{
    vs_buf_puts(out, "{");
    if (id != VS_NO_ID)
        vs_buf_printf(out, "\"id\": %" PRIu64 ", ", id);
    vs_buf_puts(out, "\"content\": ");
    vs_buf_json_str(out, name);
    vs_buf_puts(out, ", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": false}");
}

void vs_renumber_entry(struct vs_buf *out, const struct vs_jdoc *d, const struct vs_jval *v, uint64_t id, struct vs_str name)
{
    if (!v || v->type != VS_JSON_OBJECT || !vs_jget(v, "content")) {
        plain_entry(out, id, name);
        return;
    }
    size_t at = v->span.begin;
    for (const struct vs_jval *m = v->child; m; m = m->next) {
        vs_buf_add(out, d->text.p + at, m->span.begin - at);
        at = m->span.end;
        if (vs_str_is(m->key, "id"))
            vs_buf_printf(out, "%" PRIu64, id);
        else if (vs_str_is(m->key, "content"))
            vs_buf_json_str(out, name);
        else if (is_flag(m->key))
            vs_buf_puts(out, "false");
        else
            vs_buf_add(out, d->text.p + m->span.begin, m->span.end - m->span.begin);
    }
    vs_buf_add(out, d->text.p + at, v->span.end - at);
}

/* ---- tokenizer_config.json, added_tokens.json, vocab.json ---- */

struct sibling {
    const struct vs_renumber *r;
    const char *name, *path;
    struct vs_jdoc doc;
    struct vs_edits *edits;
    struct vs_err *err;
};

/* Replaces the number or the name at span, when it changes. */
static enum vs_code put(struct sibling *s, const char *parent, const struct vs_jval *v, struct vs_span span, struct vs_str with)
{
    struct vs_str before = {s->doc.text.p + span.begin, span.end - span.begin};
    struct vs_buf at = {0};
    if (vs_str_eq(before, with))
        return VS_OK;
    vs_buf_puts(&at, parent);
    vs_buf_pointer(&at, v->key);
    enum vs_code code = vs_edit(s->edits, span.begin, span.end, with, s->err);
    if (!code)
        code = vs_plan_add_change(s->r->plan, s->name, at.failed ? NULL : at.p, before, with, s->err);
    vs_buf_free(&at);
    return code;
}

static enum vs_code add(struct sibling *s, const char *parent, const struct vs_jval *object, struct vs_str key, struct vs_str value)
{
    struct vs_buf at = {0};
    char *name = vs_arena_dup(&s->doc.arena, key.p, key.n);
    vs_buf_puts(&at, parent);
    vs_buf_pointer(&at, key);
    enum vs_code code = name ? vs_edit_add_member(s->edits, &s->doc, object, name, value, s->err) : vs_enomem(s->err, s->path, key.n);
    if (!code)
        code = vs_plan_add_change(s->r->plan, s->name, at.failed ? NULL : at.p, VS_LIT(""), value, s->err);
    vs_buf_free(&at);
    return code;
}

/* {token: id}: added_tokens.json and vocab.json. */
static enum vs_code renumber_values(struct sibling *s)
{
    enum vs_code code = VS_OK;
    char text[24], place[64];
    if (s->doc.root->type != VS_JSON_OBJECT)
        return vs_fail(s->err, VS_EFORMAT, "%s: an object from token to id expected", s->path);
    for (const struct vs_jval *v = s->doc.root->child; !code && v; v = v->next) {
        int64_t id;
        if (!vs_ji64(&s->doc, v, &id) || id < 0)
            return vs_fail(s->err, VS_EFORMAT, "%s: %s: a token id expected", s->path, vs_jplace(&s->doc, v, place));
        int n = snprintf(text, sizeof text, "%" PRIu64, vs_renumber_id(s->r, (uint64_t)id));
        code = put(s, "", v, v->span, (struct vs_str){text, (size_t)n});
    }
    for (uint32_t i = 0; !code && i < s->r->add_count; i++) {
        int n = snprintf(text, sizeof text, "%" PRIu64, s->r->shift.at + i);
        code = add(s, "", s->doc.root, s->r->add[i], (struct vs_str){text, (size_t)n});
    }
    return code;
}

/* {"added_tokens_decoder": {"id": token}} */
static enum vs_code renumber_decoder(struct sibling *s)
{
    const struct vs_jval *object = vs_jget(s->doc.root, "added_tokens_decoder"), *last = NULL;
    enum vs_code code = VS_OK;
    char text[32], place[64];
    if (!object || object->type != VS_JSON_OBJECT)
        return VS_OK;
    for (const struct vs_jval *v = object->child; !code && v; last = v, v = v->next) {
        uint64_t id;
        if (!vs_str_u64(v->key, &id))
            return vs_fail(s->err, VS_EFORMAT, "%s: %s: a token id expected as the name", s->path, vs_jplace(&s->doc, v, place));
        if (vs_renumber_id(s->r, id) == id)
            continue;
        int n = snprintf(text, sizeof text, "\"%" PRIu64 "\"", vs_renumber_id(s->r, id));
        code = put(s, "/added_tokens_decoder", v, v->key_span, (struct vs_str){text, (size_t)n});
    }
    for (uint32_t i = 0; !code && i < s->r->add_count; i++) {
        struct vs_buf value = {0};
        int n = snprintf(text, sizeof text, "%" PRIu64, s->r->shift.at + i);
        vs_renumber_entry(&value, &s->doc, last, VS_NO_ID, s->r->add[i]);
        code = value.failed ? vs_enomem(s->err, s->path, value.n)
                            : add(s, "/added_tokens_decoder", object, (struct vs_str){text, (size_t)n}, (struct vs_str){value.p, value.n});
        vs_buf_free(&value);
    }
    return code;
}

/* ---- any of them ---- */

bool vs_renumber_handles(const char *name)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "added_tokens.json", "vocab.json"};
    return VS_GLOB_ANY(names, vs_cstr(name));
}

static enum vs_code edit_sibling(const struct vs_renumber *r, const char *name, const char *path, struct vs_buf *text, bool *edited,
                                 struct vs_err *err)
{
    struct vs_edits edits = {0};
    struct sibling s = {.r = r, .name = name, .path = path, .edits = &edits, .err = err};
    enum vs_code code = vs_jdoc_read(path, &s.doc, err);
    if (!code)
        code = strcmp(name, "tokenizer_config.json") == 0 ? renumber_decoder(&s) : renumber_values(&s);
    *edited = edits.count > 0;
    if (!code && *edited)
        code = vs_edits_apply(&edits, path, s.doc.text, text, err);
    vs_edits_free(&edits);
    vs_jdoc_free(&s.doc);
    return code;
}

enum vs_code vs_renumber_file(const struct vs_renumber *r, const char *name, const char *path, struct vs_buf *text, bool *edited,
                              struct vs_err *err)
{
    struct vs_edits edits = {0};
    char *source = NULL;
    size_t n = 0;
    if (strcmp(name, "tokenizer.json") != 0)
        return edit_sibling(r, name, path, text, edited, err);
    enum vs_code code = vs_read_all(path, VS_JSON_FILE_MAX, &source, &n, err);
    if (!code)
        code = vs_renumber_tokenizer_json(r, name, path, (struct vs_str){source, n}, &edits, err);
    *edited = edits.count > 0;
    if (!code && *edited)
        code = vs_edits_apply(&edits, path, (struct vs_str){source, n}, text, err);
    vs_edits_free(&edits);
    vs_free(source);
    return code;
}
