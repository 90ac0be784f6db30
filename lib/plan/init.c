/* SPDX-License-Identifier: Apache-2.0
 *
 * How new rows are made: the methods, and which one each new token gets.
 */
#include <stdio.h>
#include "base/io.h"
#include "base/map.h"
#include "json/dom.h"
#include "json/lex.h"
#include "plan/extend.h"

#define INIT_FILE_MAX (256ull << 20)

const char *vs_init_name(enum vs_init_method method)
{
    static const char *const names[] = {"default", "mean", "zero", "normal", "copy", "pieces"};
    return names[method];
}

bool vs_init_parse(const char *text, struct vs_init *out)
{
    uint64_t id;
    for (enum vs_init_method m = VS_INIT_MEAN; m <= VS_INIT_PIECES; m++)
        if (m != VS_INIT_COPY && strcmp(text, vs_init_name(m)) == 0) {
            *out = (struct vs_init){.method = m};
            return true;
        }
    if (strncmp(text, "copy:", 5) != 0 || !vs_str_u64(vs_cstr(text + 5), &id) || id >= VS_NO_ID)
        return false;
    *out = (struct vs_init){.method = VS_INIT_COPY, .copy_id = (uint32_t)id};
    return true;
}

static enum vs_code check_copy(const struct vs_extend *x, struct vs_init init, const char *where, struct vs_err *err)
{
    if (init.method == VS_INIT_COPY && init.copy_id >= x->base_needed)
        return vs_fail(err, VS_EMISMATCH, "%s: copy:%u names a row that no id of the model uses: expected an id below %llu",
                       where, init.copy_id, (unsigned long long)x->base_needed);
    return VS_OK;
}

/* What a token gets when only the command line speaks. */
static struct vs_init pick(const struct vs_extend_request *q, struct vs_init side, uint32_t piece_count)
{
    struct vs_init init = side.method != VS_INIT_DEFAULT ? side : q->init;
    if (init.method == VS_INIT_DEFAULT)
        init.method = VS_INIT_PIECES;
    if (init.method == VS_INIT_PIECES && piece_count == 0)
        init.method = VS_INIT_MEAN;
    return init;
}

struct vs_extend_token *vs_extend_token_at(const struct vs_extend *x, uint64_t id)
{
    size_t lo = 0, hi = x->token_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->tokens[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < x->token_count && x->tokens[lo].id == id ? &x->tokens[lo] : NULL;
}

/* The n bytes of a line at begin. Where they are no JSON, the error names their place in the file: there all that stands
 * before them is taken for white space, which is why text does not survive it. */
static enum vs_code parse_line(const char *path, char *text, size_t begin, size_t n, struct vs_jdoc *out, struct vs_err *err)
{
    enum vs_code code = vs_jdoc_parse(path, (struct vs_str){text + begin, n}, out, err);
    if (!code)
        return VS_OK;
    for (size_t i = 0; i < begin; i++)
        if (text[i] != '\n')
            text[i] = ' ';
    return vs_jdoc_parse(path, (struct vs_str){text, begin + n}, out, err);
}

static bool absent(const struct vs_jval *v)
{
    return !v || v->type == VS_JSON_NULL;
}

/* What a line says: {"token" or "id", "init"}. */
static enum vs_code init_token(struct vs_planner *p, const struct vs_map *names, const struct vs_jdoc *doc, const char *where,
                               struct vs_err *err)
{
    const struct vs_jval *token = vs_jget(doc->root, "token"), *id = vs_jget(doc->root, "id"), *init = vs_jget(doc->root, "init");
    struct vs_str name, text;
    int64_t number = -1;
    struct vs_extend_token *t = NULL;
    struct vs_init parsed;
    char method[64] = "", shown[128];

    const bool named = vs_jstr(token, &name);
    if (!vs_jstr(init, &text) || !(named ? absent(id) : absent(token) && vs_ji64(doc, id, &number)))
        return vs_fail(err, VS_EFORMAT, "%s: expected an object with \"init\" and one of \"token\" (text) and \"id\" (integer)", where);
    if (text.n < sizeof method)
        memcpy(method, text.p, text.n);
    if (!vs_init_parse(method, &parsed))
        return vs_fail(err, VS_EFORMAT, "%s: init \"%s\" is unknown: expected mean, zero, normal, pieces or copy:ID", where,
                       vs_escape(shown, sizeof shown, text));
    if (named) {
        uint32_t at = vs_map_get(names, name);
        t = at == VS_NONE ? NULL : &p->x->tokens[at];
    } else {
        t = number < 0 ? NULL : vs_extend_token_at(p->x, (uint64_t)number);
    }
    if (!t && named)
        return vs_fail(err, VS_EMISMATCH, "%s: \"%s\" is none of the new tokens", where, vs_escape(shown, sizeof shown, name));
    if (!t)
        return vs_fail(err, VS_EMISMATCH, "%s: id %lld is none of the new ids", where, (long long)number);
    if (t->by_file)
        return vs_fail(err, VS_EMISMATCH, "%s: an earlier line says already how id %llu begins; keep one of them", where, (unsigned long long)t->id);
    if (parsed.method == VS_INIT_PIECES && t->piece_count == 0)
        return vs_fail(err, VS_EMISMATCH, "%s: the map knows no pieces of this token; use mean, zero, normal or copy:ID", where);
    enum vs_code code = check_copy(p->x, parsed, where, err);
    if (code)
        return code;
    t->in = t->out = parsed;
    t->by_file = true;
    return VS_OK;
}

static enum vs_code init_file(struct vs_planner *p, struct vs_err *err)
{
    const char *path = p->request->init_file;
    char *text = NULL, where[512];
    size_t n = 0, at = 0;
    struct vs_map names = {0};
    enum vs_code code = vs_read_all(path, INIT_FILE_MAX, &text, &n, err);
    if (code)
        return code;
    for (uint32_t i = 0; i < p->x->token_count; i++)
        if (p->x->tokens[i].token.n && !vs_map_put(&names, p->x->tokens[i].token, i, NULL)) {
            code = vs_enomem(err, "the names of the new tokens", 0);
            goto out;
        }
    for (unsigned long line = 1; at < n; line++) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t len = end ? (size_t)(end - (text + at)) : n - at;
        struct vs_jdoc doc = {0};
        snprintf(where, sizeof where, "%.400s: line %lu", path, line);
        if (vs_lex_space(text + at, len, 0) < len && !(code = parse_line(path, text, at, len, &doc, err)))
            code = init_token(p, &names, &doc, where, err);
        vs_jdoc_free(&doc);
        if (code)
            goto out;
        at += len + 1;
    }
out:
    vs_map_free(&names);
    vs_free(text);
    return code;
}

enum vs_code vs_extend_inits(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_extend_request *q = p->request;
    const struct { struct vs_init init; const char *name; } given[] = {
        {q->init, "--init"}, {q->in_init, "--in-init"}, {q->out_init, "--out-init"}};
    for (uint32_t i = 0; i < p->x->token_count; i++) {
        struct vs_extend_token *t = &p->x->tokens[i];
        t->in = pick(q, q->in_init, t->piece_count);
        t->out = pick(q, q->out_init, t->piece_count);
        p->x->pieces_known |= t->piece_count > 0;
    }
    for (size_t i = 0; i < 3; i++) {
        enum vs_code code = check_copy(p->x, given[i].init, given[i].name, err);
        if (code)
            return code;
        if (given[i].init.method == VS_INIT_PIECES && p->x->token_count && !p->x->pieces_known)
            return vs_fail(err, VS_EUSAGE, "%s pieces: no pieces are known; they come from the vocab-map.json of vocab-merge (--map, or beside the "
                           "tokenizer of --tokenizer)", given[i].name);
    }
    return q->init_file ? init_file(p, err) : VS_OK;
}
