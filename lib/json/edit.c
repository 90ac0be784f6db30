/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "json/edit.h"
#include "json/lex.h"

static enum vs_code push(struct vs_edits *e, size_t begin, size_t end, struct vs_str with, struct vs_err *err)
{
    struct vs_splice *list = vs_list_room(e->items, e->count, sizeof *list);
    if (!list)
        return vs_enomem(err, "the list of edits", 0);
    e->items = list;
    e->items[e->count] = (struct vs_splice){begin, end, with, e->count};
    e->count++;
    return VS_OK;
}

enum vs_code vs_edit(struct vs_edits *e, size_t begin, size_t end, struct vs_str with, struct vs_err *err)
{
    struct vs_str copy = {vs_arena_dup(&e->arena, with.p, with.n), with.n};
    if (begin > end)
        return vs_fail(err, VS_EUSAGE, "an edit ends before it begins (bytes %zu to %zu)", begin, end);
    return copy.p ? push(e, begin, end, copy, err) : vs_enomem(err, "the text of an edit", with.n);
}

/* ---- adding a member ---- */

/* White space that stands directly before a place. */
static struct vs_str space_before(struct vs_str text, size_t at)
{
    size_t begin = at;
    while (begin && vs_lex_class[(unsigned char)text.p[begin - 1]] & VS_LEX_SPACE)
        begin--;
    return (struct vs_str){text.p + begin, at - begin};
}

/* What stands between the name's closing quote and its value: ": " mostly. */
static struct vs_str colon_of(const struct vs_jdoc *d, const struct vs_jval *member)
{
    return (struct vs_str){d->text.p + member->key_span.end, member->span.begin - member->key_span.end};
}

/* The indentation of the line a place stands in, when the place begins that line after it; else an empty text. */
static struct vs_str line_indent(struct vs_str text, size_t at)
{
    size_t begin = at;
    while (begin && text.p[begin - 1] != '\n')
        begin--;
    size_t end = begin;
    while (end < at && (text.p[end] == ' ' || text.p[end] == '\t'))
        end++;
    return (struct vs_str){text.p + begin, end - begin};
}

/* One step of the document's indentation: that of the root's first member, when it stands on a line of its own. */
static struct vs_str indent_step(const struct vs_jdoc *d)
{
    const struct vs_jval *first = d->root->child;
    if (!first)
        return VS_LIT("");
    size_t at = first->key_span.end ? first->key_span.begin : first->span.begin;
    struct vs_str space = space_before(d->text, at);
    const char *line = space.n ? memrchr(space.p, '\n', space.n) : NULL;
    return line ? (struct vs_str){line + 1, (size_t)(space.p + space.n - line) - 1} : VS_LIT("");
}

static void put_member(struct vs_buf *b, const char *key, struct vs_str colon, struct vs_str value)
{
    vs_buf_json_str(b, vs_cstr(key));
    vs_buf_str(b, colon);
    vs_buf_str(b, value);
}

/* After the last member: a comma and the white space that stands before that member. */
static void append_after(struct vs_buf *b, const struct vs_jdoc *d, const struct vs_jval *object, const struct vs_jval *last,
                         const char *key, struct vs_str value)
{
    struct vs_str space = space_before(d->text, last->key_span.begin);
    bool single = last == object->child;
    vs_buf_add(b, ",", 1);
    /* {"a": 1}: the only member shows no separator; where its colon is followed by a blank, so is our comma. */
    if (single && space.n == 0 && colon_of(d, last).n > 1)
        vs_buf_add(b, " ", 1);
    else if (single && space.n && !memchr(space.p, '\n', space.n))
        vs_buf_add(b, " ", 1);
    else
        vs_buf_str(b, space);
    put_member(b, key, colon_of(d, last), value);
}

/* How members are laid out in an object that has none yet: as in the rest of the document. */
static bool empty_layout(struct vs_fill *f, struct vs_arena *a, const struct vs_jdoc *d, const struct vs_jval *object)
{
    struct vs_str step = indent_step(d), indent = line_indent(d->text, object->span.begin);
    const struct vs_jval *model = d->root->type == VS_JSON_OBJECT ? d->root->child : NULL;
    struct vs_buf b = {0};
    *f = (struct vs_fill){.object = object, .colon = model ? colon_of(d, model) : VS_LIT(": ")};
    if (!step.n && !memchr(d->text.p + object->span.begin, '\n', object->span.end - object->span.begin))
        return true;
    vs_buf_puts(&b, memmem(d->text.p, d->text.n, "\r\n", 2) ? "\r\n" : "\n");
    vs_buf_str(&b, indent);
    size_t after = b.n;
    vs_buf_str(&b, step.n ? step : VS_LIT("  "));
    char *copy = b.failed ? NULL : vs_arena_dup(a, b.p, b.n);
    f->before = (struct vs_str){copy, b.n};
    f->after = (struct vs_str){copy, after};
    vs_buf_free(&b);
    return copy != NULL;
}

/* What is between the braces gives way to the closing white space; members stand before that, in call order. */
static enum vs_code begin_fill(struct vs_edits *e, const struct vs_jdoc *d, const struct vs_jval *object, struct vs_err *err)
{
    if (!empty_layout(&e->fill, &e->arena, d, object)) {
        e->fill.object = NULL;
        return vs_enomem(err, "the text of an edit", 0);
    }
    size_t begin = object->span.begin + 1, end = object->span.end - 1;
    for (size_t i = 0; i < e->count && !e->fill.begun; i++) /* filled before, and another one since */
        e->fill.begun = e->items[i].begin == begin && e->items[i].end == end && e->items[i].order == SIZE_MAX;
    if (e->fill.begun)
        return VS_OK;
    enum vs_code code = push(e, begin, end, e->fill.after, err);
    if (!code)
        e->items[e->count - 1].order = SIZE_MAX; /* behind all that is inserted there, also in {} */
    return code;
}

static enum vs_code fill_empty(struct vs_edits *e, const struct vs_jdoc *d, const struct vs_jval *object, const char *key,
                               struct vs_str value, struct vs_err *err)
{
    struct vs_buf text = {0};
    size_t begin = object->span.begin + 1;
    enum vs_code code = e->fill.object != object ? begin_fill(e, d, object, err) : VS_OK;
    if (code)
        return code;
    if (e->fill.begun)
        vs_buf_puts(&text, e->fill.after.n || e->fill.colon.n < 2 ? "," : ", ");
    vs_buf_str(&text, e->fill.before);
    put_member(&text, key, e->fill.colon, value);
    code = text.failed ? vs_enomem(err, "the text of an edit", text.n) : vs_edit(e, begin, begin, (struct vs_str){text.p, text.n}, err);
    vs_buf_free(&text);
    e->fill.begun = true;
    return code;
}

enum vs_code vs_edit_add_member(struct vs_edits *e, const struct vs_jdoc *d, const struct vs_jval *object, const char *key,
                                struct vs_str value, struct vs_err *err)
{
    struct vs_buf b = {0};
    if (!object || object->type != VS_JSON_OBJECT)
        return vs_fail(err, VS_EUSAGE, "%s: \"%s\" can be added to an object only", d->file, key);
    const struct vs_jval *last = object->last;
    if (!last)
        return fill_empty(e, d, object, key, value, err);
    append_after(&b, d, object, last, key, value);
    enum vs_code code = b.failed ? vs_enomem(err, "the text of an edit", b.n)
                                 : vs_edit(e, last->span.end, last->span.end, (struct vs_str){b.p, b.n}, err);
    vs_buf_free(&b);
    return code;
}

/* ---- applying ---- */

static int by_place(const void *a, const void *b)
{
    const struct vs_splice *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    /* At one place insertions come first, in call order; then what replaces bytes from there on. */
    bool x_inserts = x->begin == x->end, y_inserts = y->begin == y->end;
    if (x_inserts != y_inserts)
        return x_inserts ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

enum vs_code vs_edits_apply(struct vs_edits *e, const char *file, struct vs_str text, struct vs_buf *out, struct vs_err *err)
{
    size_t at = 0;
    if (e->count)
        qsort(e->items, e->count, sizeof *e->items, by_place);
    for (size_t i = 0; i < e->count; i++) {
        const struct vs_splice *s = &e->items[i];
        if (s->end > text.n)
            return vs_fail(err, VS_EUSAGE, "%s: an edit at bytes %zu to %zu lies beyond the text (%zu bytes)", file, s->begin,
                           s->end, text.n);
        if (s->begin < at)
            return vs_fail(err, VS_EUSAGE, "%s: two edits overlap at byte %zu", file, s->begin);
        vs_buf_add(out, text.p + at, s->begin - at);
        vs_buf_str(out, s->with);
        at = s->end;
    }
    vs_buf_add(out, text.n ? text.p + at : "", text.n - at);
    return out->failed ? vs_enomem(err, file, text.n) : VS_OK;
}

void vs_edits_free(struct vs_edits *e)
{
    if (!e)
        return;
    vs_arena_free(&e->arena);
    vs_free(e->items);
    *e = (struct vs_edits){0};
}
