/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens that a person asks for by their text.
 */
#include <string.h>
#include "base/io.h"
#include "base/map.h"
#include "base/str.h"
#include "plan/merge.h"

#define TOKENS_FILE_MAX (1ull << 28)

struct wishes {
    struct vs_arena *arena;
    struct vs_wishes *out;
    struct vs_map seen;
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

static enum vs_code wish_option(struct wishes *w, const char *text, const char *source, bool special, struct vs_err *err)
{
    struct vs_str content = vs_cstr(text);
    if (content.n == 0)
        return vs_fail(err, VS_EUSAGE, "%s: an empty token; libraries skip those", source);
    if (vs_utf8_valid(content.p, content.n) != content.n)
        return vs_fail(err, VS_EUSAGE, "%s: the token is not valid UTF-8", source);
    return wish(w, content, source, special, err);
}

static enum vs_code wish_file(struct wishes *w, const char *path, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0, line = 0;
    enum vs_code code = vs_read_all(path, TOKENS_FILE_MAX, &text, &n, err);
    char *source = code ? NULL : vs_arena_dup(w->arena, vs_path_base(path), strlen(vs_path_base(path)));
    if (!code && !source)
        code = vs_enomem(err, "a file name", 0);
    for (size_t at = 0; !code && at < n;) {
        const char *newline = memchr(text + at, '\n', n - at);
        size_t end = newline ? (size_t)(newline - text) : n, next = end + 1;
        line++;
        if (end > at && text[end - 1] == '\r')
            end--;
        if (vs_utf8_valid(text + at, end - at) != end - at || memchr(text + at, '\0', end - at))
            code = vs_fail(err, VS_EFORMAT, "%s: line %zu: found bytes that are not UTF-8 text, expected one token a line", path, line);
        else if (end > at)
            code = wish(w, (struct vs_str){text + at, end - at}, source, false, err);
        at = next;
    }
    vs_free(text);
    return code;
}

enum vs_code vs_merge_wishes(const struct vs_merge_request *q, struct vs_arena *arena, struct vs_wishes *out, struct vs_err *err)
{
    struct wishes w = {.arena = arena, .out = out};
    *out = (struct vs_wishes){.count = 0};
    enum vs_code code = VS_OK;
    for (size_t i = 0; !code && i < q->add_token_count; i++)
        code = wish_option(&w, q->add_tokens[i], "--add-token", false, err);
    for (size_t i = 0; !code && i < q->add_special_count; i++)
        code = wish_option(&w, q->add_specials[i], "--add-special", true, err);
    if (!code && q->tokens_file)
        code = wish_file(&w, q->tokens_file, err);
    vs_map_free(&w.seen);
    return code;
}
