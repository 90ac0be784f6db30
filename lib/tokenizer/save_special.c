/* SPDX-License-Identifier: Apache-2.0
 *
 * Special tokens in files that are there: the flags of added tokens that become special, and the lists that name special tokens.
 *
 * transformers 5 reads tokenizer_config.json: extra_special_tokens when that is a list with something in it, else
 * additional_special_tokens; only without added_tokens_decoder the same keys of special_tokens_map.json come on top. A name that
 * stands in none of them is special for the Rust library alone: all_special_ids does not have it.
 */
#include "base/map.h"
#include "json/edit.h"
#include "json/scan.h"
#include "tokenizer/save.h"

static const char additional[] = "additional_special_tokens", extra[] = "extra_special_tokens", decoder[] = "added_tokens_decoder";

static bool is_one_of(const struct vs_str *list, uint32_t count, struct vs_str s)
{
    for (uint32_t i = 0; i < count; i++)
        if (vs_str_eq(list[i], s))
            return true;
    return false;
}

/* ---- flags ---- */

struct flags { bool wanted, special, normalized; struct vs_span special_at, normalized_at; };

static bool read_flag(struct vs_json *j, bool *flag, struct vs_span *at)
{
    enum vs_json_type type = vs_json_peek(j); /* stands before the value from here on */
    at->begin = j->at;
    bool ok = type == VS_JSON_TRUE || type == VS_JSON_FALSE ? vs_json_bool(j, flag) : vs_json_skip(j, NULL);
    at->end = j->at;
    return ok;
}

/* One added token; special before and after it only where its file says so. */
static bool read_flags(struct vs_json *j, const struct vs_save *s, struct flags *f)
{
    struct vs_str key, content;
    *f = (struct flags){.special = true};
    if (vs_json_peek(j) != VS_JSON_OBJECT)
        return vs_json_skip(j, NULL);
    vs_json_object(j);
    while (vs_json_key(j, &key)) {
        bool is_content = vs_str_is(key, "content") && vs_json_peek(j) == VS_JSON_STRING;
        if (is_content && vs_json_string(j, &content))
            f->wanted = is_one_of(s->specials, s->special_count, content);
        else if (vs_str_is(key, "special"))
            read_flag(j, &f->special, &f->special_at);
        else if (vs_str_is(key, "normalized"))
            read_flag(j, &f->normalized, &f->normalized_at);
        else if (!is_content)
            vs_json_skip(j, NULL);
    }
    return !j->failed;
}

enum vs_code vs_save_promote(struct vs_json *j, const struct vs_save *s, struct vs_edits *edits, struct vs_err *err)
{
    bool object = vs_json_peek(j) == VS_JSON_OBJECT;
    struct vs_str key;
    struct flags f;
    enum vs_code code = VS_OK;
    if (!object && vs_json_peek(j) != VS_JSON_ARRAY) {
        vs_json_skip(j, NULL);
        return VS_OK;
    }
    (void)(object ? vs_json_object(j) : vs_json_array(j));
    while (!code && (object ? vs_json_key(j, &key) : vs_json_item(j)) && read_flags(j, s, &f)) {
        if (!f.wanted || f.special)
            continue;
        code = vs_edit(edits, f.special_at.begin, f.special_at.end, VS_LIT("true"), err);
        if (!code && f.normalized)
            code = vs_edit(edits, f.normalized_at.begin, f.normalized_at.end, VS_LIT("false"), err);
    }
    return !code && j->failed ? vs_json_end(j, err) : code;
}

/* ---- lists ---- */

/* What a document says: is there a list under the key, and does it hold anything? */
struct lists { bool additional, extra, extra_empty, decoder; };

/* A text that is no such document has no lists. VS_ENOMEM only. */
static enum vs_code find_lists(struct vs_str text, struct lists *l, struct vs_err *err)
{
    struct vs_json j;
    struct vs_arena scratch = {0};
    struct vs_str key;
    *l = (struct lists){.extra_empty = true};
    vs_json_begin(&j, "", text.p, text.n, &scratch);
    for (bool ok = vs_json_peek(&j) == VS_JSON_OBJECT && vs_json_object(&j); ok && vs_json_key(&j, &key);) {
        enum vs_json_type type = vs_json_peek(&j);
        struct vs_tail tail = {.empty = true};
        ok = type == VS_JSON_ARRAY ? vs_save_tail(&j, &tail) : vs_json_skip(&j, NULL);
        l->decoder |= type == VS_JSON_OBJECT && vs_str_is(key, decoder);
        l->additional |= type == VS_JSON_ARRAY && vs_str_is(key, additional);
        l->extra |= type == VS_JSON_ARRAY && vs_str_is(key, extra);
        l->extra_empty &= tail.empty || !vs_str_is(key, extra);
    }
    vs_arena_free(&scratch);
    return j.error.code == VS_ENOMEM ? vs_json_end(&j, err) : VS_OK;
}

enum vs_code vs_save_names_specials(struct vs_str text, bool *yes, struct vs_err *err)
{
    struct lists l;
    enum vs_code code = find_lists(text, &l, err);
    *yes = l.additional || l.extra;
    return code;
}

/* The names that the list of the scanner does not hold, quoted, as its next elements. */
static enum vs_code continue_list(struct vs_json *j, const struct vs_save *s, struct vs_edits *edits, struct vs_err *err)
{
    struct vs_json twin = *j;
    struct vs_tail tail;
    struct vs_buf b = {0};
    struct vs_map held = {0};
    struct vs_str name;
    enum vs_code code = VS_OK;
    if (!vs_save_tail(j, &tail))
        return vs_json_end(j, err);
    vs_json_array(&twin);
    while (!code && vs_json_item(&twin)) {
        if (vs_json_peek(&twin) != VS_JSON_STRING)
            vs_json_skip(&twin, NULL);
        else if (vs_json_string(&twin, &name) && !vs_map_put(&held, name, 0, NULL))
            code = vs_enomem(err, "the special tokens", 0);
    }
    if (!code && twin.failed)
        code = vs_json_end(&twin, err);
    for (uint32_t i = 0; !code && i < s->special_count; i++)
        if (vs_map_get(&held, s->specials[i]) == VS_NONE) {
            vs_save_joint(&b, &tail, b.n == 0);
            vs_buf_json_str(&b, s->specials[i]);
        }
    if (!code)
        code = vs_save_splice(edits, tail.at, tail.at, &b, "the special tokens", err);
    vs_map_free(&held);
    return code;
}

/* Where the member stands that holds something else than a list, such as null; {0, 0}: nowhere. */
static enum vs_code find_place(struct vs_json j, struct vs_span *found, struct vs_err *err)
{
    struct vs_span value;
    struct vs_str key;
    *found = (struct vs_span){0, 0};
    vs_json_object(&j);
    while (vs_json_key(&j, &key)) {
        bool here = vs_str_is(key, additional);
        if (vs_json_skip(&j, &value) && here)
            *found = value;
    }
    return j.failed ? vs_json_end(&j, err) : VS_OK;
}

static enum vs_code add_list(struct vs_json *j, const struct vs_save *s, struct vs_edits *edits, struct vs_err *err)
{
    struct vs_span value;
    struct vs_tail tail;
    struct vs_buf b = {0};
    enum vs_code code = find_place(*j, &value, err);
    if (code)
        return code;
    if (!vs_save_tail(j, &tail))
        return vs_json_end(j, err);
    if (!value.end) {
        value = (struct vs_span){tail.at, tail.at};
        vs_save_joint(&b, &tail, true);
        vs_buf_printf(&b, "\"%s\"", additional);
        vs_buf_str(&b, tail.colon);
    }
    for (uint32_t i = 0; i < s->special_count; i++) {
        vs_buf_puts(&b, i ? ", " : "[");
        vs_buf_json_str(&b, s->specials[i]);
    }
    vs_buf_puts(&b, "]");
    return vs_save_splice(edits, value.begin, value.end, &b, "the special tokens", err);
}

enum vs_code vs_save_list_specials(struct vs_json *j, const struct vs_save *s, bool is_config, struct vs_edits *edits, struct vs_err *err)
{
    struct lists l;
    struct vs_str key;
    if (!s->special_count || vs_json_peek(j) != VS_JSON_OBJECT)
        return VS_OK;
    enum vs_code code = find_lists((struct vs_str){j->text, j->n}, &l, err);
    if (code)
        return code;
    bool into_extra = l.extra && !(l.extra_empty && l.additional), is_new = is_config && !l.additional && !l.extra &&
                      (l.decoder || !s->map_names_specials);
    if (is_new)
        return add_list(j, s, edits, err);
    vs_json_object(j);
    while (!code && vs_json_key(j, &key)) {
        bool wanted = vs_str_is(key, additional) || (into_extra && vs_str_is(key, extra));
        if (wanted && vs_json_peek(j) == VS_JSON_ARRAY)
            code = continue_list(j, s, edits, err);
        else
            vs_json_skip(j, NULL);
    }
    return !code && j->failed ? vs_json_end(j, err) : code;
}
