/* SPDX-License-Identifier: Apache-2.0
 *
 * The layout of a container, so that what is appended looks like what was there.
 */
#include <string.h>
#include "json/edit.h"
#include "json/scan.h"
#include "tokenizer/save.h"

/* What stands before an element: behind the comma, or for the first one behind the bracket. A lone element on the line
 * of its bracket does not tell, so a space is taken. */
static struct vs_str space_before(struct vs_str s, size_t from, size_t begin, bool first)
{
    const char *comma = first ? NULL : memchr(s.p + from, ',', begin - from);
    if (comma)
        return vs_save_part(s, (size_t)(comma - s.p) + 1, begin);
    return begin > from ? vs_save_part(s, from, begin) : VS_LIT(" ");
}

/* From the end of a key to its value. */
static struct vs_str colon_before(struct vs_str s, size_t value)
{
    size_t key_end = value;
    while (key_end > 0 && s.p[key_end - 1] != '"')
        key_end--;
    return vs_save_part(s, key_end, value);
}

bool vs_save_tail(struct vs_json *j, struct vs_tail *tail)
{
    bool object = vs_json_peek(j) == VS_JSON_OBJECT;
    size_t previous_end;
    struct vs_span value;
    struct vs_str key;
    *tail = (struct vs_tail){.empty = true, .space = VS_LIT(" "), .colon = VS_LIT(": ")};
    if (!(object ? vs_json_object(j) : vs_json_array(j)))
        return false;
    tail->at = previous_end = j->at;
    while (object ? vs_json_key(j, &key) : vs_json_item(j)) {
        if (!vs_json_skip(j, &value))
            return false;
        const char *quote = object ? memchr(j->text + previous_end, '"', j->n - previous_end) : NULL;
        size_t begin = object ? (size_t)(quote - j->text) : value.begin;
        struct vs_str space = space_before((struct vs_str){j->text, j->n}, previous_end, begin, tail->empty);
        *tail = (struct vs_tail){value.end, space, tail->colon, false, begin, value.end, value.begin};
        previous_end = value.end;
    }
    if (object && !tail->empty)
        tail->colon = colon_before((struct vs_str){j->text, j->n}, tail->last_value);
    return !j->failed;
}

enum vs_code vs_save_splice(struct vs_edits *edits, size_t begin, size_t end, struct vs_buf *b, const char *file, struct vs_err *err)
{
    enum vs_code code = b->failed ? vs_enomem(err, file, b->n) : VS_OK;
    if (!code && b->n)
        code = vs_edit(edits, begin, end, (struct vs_str){b->p, b->n}, err);
    vs_buf_free(b);
    return code;
}

void vs_save_joint(struct vs_buf *b, const struct vs_tail *tail, bool first)
{
    if (first && tail->empty)
        return;
    vs_buf_puts(b, ",");
    vs_buf_str(b, tail->space);
}

struct vs_object_style vs_save_object_style(struct vs_str object)
{
    struct vs_object_style style = {VS_LIT(""), VS_LIT(" "), VS_LIT(": "), VS_LIT("")};
    struct vs_json j;
    struct vs_arena scratch = {0};
    struct vs_str key;
    struct vs_span value = {0, 0};
    struct vs_err ignored;
    size_t previous_end = 1;
    unsigned members = 0;
    if (object.n < 2 || object.p[0] != '{')
        return style;
    vs_json_begin(&j, "", object.p, object.n, &scratch);
    vs_json_object(&j);
    while (vs_json_key(&j, &key) && vs_json_skip(&j, &value)) {
        const char *quote = memchr(object.p + previous_end, '"', object.n - previous_end);
        size_t begin = (size_t)(quote - object.p);
        style.space = space_before(object, previous_end, begin, members == 0);
        if (members++ == 0)
            style.open = vs_save_part(object, 1, begin);
        style.colon = colon_before(object, value.begin);
        previous_end = value.end;
    }
    if (members)
        style.close = vs_save_part(object, previous_end, object.n - 1);
    if (vs_json_end(&j, &ignored) != VS_OK) /* the caller has scanned it before; a layout is never worth an error */
        style = (struct vs_object_style){VS_LIT(""), VS_LIT(" "), VS_LIT(": "), VS_LIT("")};
    vs_arena_free(&scratch);
    return style;
}

static void put_key(struct vs_buf *b, const struct vs_object_style *style, const char *key, bool first)
{
    vs_buf_puts(b, first ? "" : ",");
    vs_buf_str(b, first ? style->open : style->space);
    vs_buf_printf(b, "\"%s\"", key);
    vs_buf_str(b, style->colon);
}

static void put_flag(struct vs_buf *b, const struct vs_object_style *style, const char *key, bool value)
{
    put_key(b, style, key, false);
    vs_buf_puts(b, value ? "true" : "false");
}

/* Keys in the order that the libraries write: tokenizer.json with the id first, added_tokens_decoder alphabetically. */
void vs_save_added_object(struct vs_buf *b, const struct vs_object_style *style, const struct vs_save_added *a, bool with_id)
{
    vs_buf_puts(b, "{");
    if (with_id) {
        put_key(b, style, "id", true);
        vs_buf_printf(b, "%u", a->id);
    }
    put_key(b, style, "content", !with_id);
    vs_buf_json_str(b, a->content);
    if (with_id)
        put_flag(b, style, "single_word", false);
    put_flag(b, style, "lstrip", false);
    if (!with_id)
        put_flag(b, style, "normalized", a->normalized);
    put_flag(b, style, "rstrip", false);
    if (with_id)
        put_flag(b, style, "normalized", a->normalized);
    else
        put_flag(b, style, "single_word", false);
    put_flag(b, style, "special", a->special);
    vs_buf_str(b, style->close);
    vs_buf_puts(b, "}");
}
