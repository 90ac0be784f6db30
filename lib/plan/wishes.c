/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens that a person asks for by their text.
 */
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "base/map.h"
#include "base/str.h"
#include "plan/merge.h"
#include "tokenizer/pipeline.h"

#define TOKENS_FILE_MAX (1ull << 28)

struct wishes {
    struct vs_arena *arena;
    const struct vs_tokenizer *t;
    const struct vs_tokenizer *base; /* the same; NULL where its normalizer cannot be run: nothing is tried on text then */
    struct vs_wishes *out;
    struct vs_map seen, normal; /* by content; those that are looked for in normalised text by what they are there */
    struct vs_map there;        /* so the base's own, by position in added[] */
};

static enum vs_code wish(struct wishes *w, struct vs_str content, const char *source, bool special, struct vs_err *err)
{
    if (vs_map_get(&w->seen, content) != VS_NONE)
        return VS_OK;
    struct vs_wishes *out = w->out;
    struct vs_wish *items = vs_arena_room(w->arena, out->items, out->count, sizeof *items);
    if (items)
        out->items = items;
    struct vs_str *contents = vs_arena_room(w->arena, out->contents, out->count, sizeof *contents);
    if (contents)
        out->contents = contents;
    if (!items || !contents)
        return vs_enomem(err, "the tokens to add", 0);
    char *p = vs_arena_dup(w->arena, content.p, content.n);
    struct vs_str kept = {p, content.n};
    if (!p || !vs_map_put(&w->seen, kept, (uint32_t)out->count, NULL))
        return vs_enomem(err, "a token to add", content.n);
    out->contents[out->count] = kept;
    out->items[out->count++] = (struct vs_wish){vs_cstr(source), special};
    return VS_OK;
}

/* What the base's normalizer makes of a content. Where it cannot be run, nothing is asked of it any more. */
static enum vs_code normalize(struct wishes *w, struct vs_str content, struct vs_buf *out, struct vs_err *err)
{
    const enum vs_code code = vs_normalize(w->base, content, out, err);
    if (code == VS_EUNSUPPORTED)
        w->base = NULL;
    return w->base ? code : VS_OK;
}

/* Remembers a token by what it is in normalised text. *before: the one that is the same there, or VS_NONE. */
static enum vs_code remember(struct wishes *w, struct vs_map *map, struct vs_str normal, uint32_t token, uint32_t *before,
                             struct vs_err *err)
{
    const char *key = vs_arena_dup(w->arena, normal.p, normal.n);
    return key && vs_map_put(map, (struct vs_str){key, normal.n}, token, before) ? VS_OK : vs_enomem(err, "a token to add", normal.n);
}

/* The added tokens of the base that are looked for in normalised text. */
static enum vs_code look_at_base(struct wishes *w, struct vs_err *err)
{
    const struct vs_tokenizer *t = w->base;
    struct vs_buf normal = {0};
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && w->base && i < t->added_count; i++) {
        if (!t->added[i].normalized)
            continue;
        normal.n = 0;
        code = normalize(w, t->added[i].content, &normal, err);
        if (!code && w->base)
            code = remember(w, &w->there, (struct vs_str){normal.p, normal.n}, i, NULL, err);
    }
    vs_buf_free(&normal);
    return code;
}

/* Two tokens that are the same in normalised text: which one the Rust library finds is chance, another one from run to run. */
static enum vs_code must_differ(struct wishes *w, struct vs_str content, struct vs_str normal, const char *place, enum vs_code how,
                                struct vs_err *err)
{
    char shown[128], other[128];
    const uint32_t there = vs_map_get(&w->there, normal);
    uint32_t before;
    if (there != VS_NONE)
        return vs_fail(err, how, "%s: \"%s\": found what the base's normalizer also makes of its added token %u \"%s\", expected another text: "
                       "which of them a text gives would be chance; leave it out, or give it to --add-special, which takes tokens as they are",
                       place, vs_escape(shown, sizeof shown, content), w->base->added[there].effective,
                       vs_escape(other, sizeof other, w->base->added[there].content));
    enum vs_code code = remember(w, &w->normal, normal, (uint32_t)w->out->count, &before, err);
    if (code || before == VS_NONE)
        return code;
    return vs_fail(err, how, "%s: \"%s\": found what the base's normalizer also makes of \"%s\", which is asked for before it; expected one of the "
                   "two: which of them a text gives would be chance", place, vs_escape(shown, sizeof shown, content),
                   vs_escape(other, sizeof other, w->out->contents[before]));
}

/* A token of which the normalizer leaves nothing, or a blank, would cut every text into pieces. */
static enum vs_code must_stand(struct wishes *w, struct vs_str content, struct vs_str normal, const char *place, enum vs_code how,
                               struct vs_err *err)
{
    const char *left = vs_added_left(content, normal);
    char shown[128];
    if (!left)
        return must_differ(w, content, normal, place, how, err);
    return vs_fail(err, how, "%s: \"%s\": found %s behind the base's normalizer, expected text: the token would be cut out %s; leave it out, or "
                   "give it to --add-special, which takes tokens as they are", place, vs_escape(shown, sizeof shown, content), left,
                   *left == 'n' ? "between all characters of every text" : "at every blank of every text");
}

/* Of a new token, whatever the normalizer does: one blank is found between all words. Indentation is made of runs, which stay. */
static enum vs_code check_blank(const struct wishes *w, struct vs_str content, const char *place, enum vs_code how, struct vs_err *err)
{
    if (!vs_str_eq(content, VS_LIT(" ")) || vs_token_id(w->t, content) != VS_NO_ID)
        return VS_OK;
    return vs_fail(err, how, "%s: \" \": found one blank, expected text: the token would be cut out at every blank of every text; leave it out",
                   place);
}

/* Of a new token, as it is looked for. */
static enum vs_code check_normal(struct wishes *w, struct vs_str content, const char *place, enum vs_code how, struct vs_err *err)
{
    struct vs_buf normal = {0};
    if (!w->base || vs_map_get(&w->seen, content) != VS_NONE || vs_token_id(w->base, content) != VS_NO_ID)
        return VS_OK;
    enum vs_code code = normalize(w, content, &normal, err);
    if (!code && w->base)
        code = must_stand(w, content, (struct vs_str){normal.p, normal.n}, place, how, err);
    vs_buf_free(&normal);
    return code;
}

static enum vs_code wish_option(struct wishes *w, const char *text, const char *source, bool special, struct vs_err *err)
{
    struct vs_str content = vs_cstr(text);
    if (content.n == 0)
        return vs_fail(err, VS_EUSAGE, "%s: an empty token; libraries skip those", source);
    if (vs_utf8_valid(content.p, content.n) != content.n)
        return vs_fail(err, VS_EUSAGE, "%s: the token is not valid UTF-8", source);
    enum vs_code code = check_blank(w, content, source, VS_EUSAGE, err);
    if (!code && !special)
        code = check_normal(w, content, source, VS_EUSAGE, err);
    return code ? code : wish(w, content, source, special, err);
}

/* Blanks at the ends and carriage returns are text, but often nobody's wish. */
static void look_at_line(struct vs_wishes *out, struct vs_str line, size_t number)
{
    const char first = line.p[0], last = line.p[line.n - 1];
    bool odd = first == ' ' || first == '\t' || last == ' ' || last == '\t' || memchr(line.p, '\r', line.n);
    if (odd && out->odd_lines++ == 0)
        out->first_odd = number;
}

static enum vs_code wish_lines(struct wishes *w, struct vs_str text, const char *path, const char *source, struct vs_err *err)
{
    size_t line = 0;
    enum vs_code code = VS_OK;
    char place[4200];
    for (size_t at = vs_str_starts(text, VS_LIT("\xef\xbb\xbf")) ? 3 : 0; !code && at < text.n;) {
        const char *newline = memchr(text.p + at, '\n', text.n - at);
        size_t end = newline ? (size_t)(newline - text.p) : text.n, next = end + 1;
        line++;
        if (end > at && text.p[end - 1] == '\r')
            end--;
        struct vs_str content = {text.p + at, end - at};
        at = next;
        if (vs_utf8_valid(content.p, content.n) != content.n || memchr(content.p, '\0', content.n))
            return vs_fail(err, VS_EFORMAT, "%s: line %zu: found bytes that are not UTF-8 text, expected one token a line", path, line);
        if (content.n == 0)
            continue;
        look_at_line(w->out, content, line);
        snprintf(place, sizeof place, "%s: line %zu", path, line);
        code = check_blank(w, content, place, VS_EFORMAT, err);
        if (!code)
            code = check_normal(w, content, place, VS_EFORMAT, err);
        if (!code)
            code = wish(w, content, source, false, err);
    }
    return code;
}

static enum vs_code wish_file(struct wishes *w, const char *path, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0;
    enum vs_code code = vs_read_all(path, TOKENS_FILE_MAX, &text, &n, err);
    char *source = code ? NULL : vs_arena_dup(w->arena, vs_path_base(path), strlen(vs_path_base(path)));
    if (!code)
        code = source ? wish_lines(w, (struct vs_str){text, n}, path, source, err) : vs_enomem(err, "a file name", 0);
    vs_free(text);
    return code;
}

enum vs_code vs_merge_wishes(const struct vs_merge_request *q, const struct vs_tokenizer *base, struct vs_arena *arena, struct vs_wishes *out,
                             struct vs_err *err)
{
    struct wishes w = {.arena = arena, .t = base, .base = base, .out = out};
    *out = (struct vs_wishes){.count = 0};
    enum vs_code code = look_at_base(&w, err);
    for (size_t i = 0; !code && i < q->add_token_count; i++)
        code = wish_option(&w, q->add_tokens[i], "--add-token", false, err);
    for (size_t i = 0; !code && i < q->add_special_count; i++)
        code = wish_option(&w, q->add_specials[i], "--add-special", true, err);
    if (!code && q->tokens_file)
        code = wish_file(&w, q->tokens_file, err);
    if (!code && q->tokens_text.p)
        code = wish_lines(&w, q->tokens_text, "standard input", "standard input", err);
    vs_map_free(&w.seen);
    vs_map_free(&w.normal);
    vs_map_free(&w.there);
    return code;
}
