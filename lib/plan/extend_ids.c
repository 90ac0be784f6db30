/* SPDX-License-Identifier: Apache-2.0
 *
 * Which ids are in use before, which are new, and how many rows that makes. An id is what the libraries run (effective),
 * not what a file declares.
 */
#include <stdlib.h>
#include "base/io.h"
#include "model/id_lists.h"
#include "plan/extend.h"
#include "tokenizer/alphabet.h"

#define ROWS_MAX ((uint64_t)VS_NO_ID) /* ids are 32 bits, the highest is no id */

static bool in_use(const struct vs_extend *x, uint64_t id)
{
    return id < x->base_needed && (!x->in_use || (x->in_use[id / 64] >> (id % 64) & 1));
}

/* Marks the ids of a tokenizer that have a row. */
static enum vs_code mark(struct vs_planner *p, const struct vs_tokenizer *t, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    uint64_t words = x->rows_before / 64 + 1, end = t->rows_needed < x->rows_before ? t->rows_needed : x->rows_before;
    if (!(x->in_use = vs_arena_array(p->arena, words, sizeof *x->in_use)))
        return vs_enomem(err, "the ids in use", words * 8);
    uint64_t id = 0;
    for (uint32_t h = 0; h <= t->hole_count; h++) {
        uint64_t stop = h < t->hole_count && t->holes[h].begin < end ? t->holes[h].begin : end;
        for (; id < stop; id++)
            x->in_use[id / 64] |= 1ull << (id % 64);
        if (h < t->hole_count && t->holes[h].end > id)
            id = t->holes[h].end;
    }
    return VS_OK;
}

/* A special id without a row and without a token would come to mean some new token; with --rows no token is made. */
static enum vs_code refuse_id(const struct vs_planner *p, const struct vs_config_int *s, const struct vs_tokenizer *known, struct vs_err *err)
{
    unsigned long long rows = p->x->rows_before;
    if (p->request->rows >= 0 || (known && s->value < (int64_t)known->rows_needed && vs_token_text(known, (uint32_t)s->value).p))
        return VS_OK;
    return vs_fail(err, VS_EMISMATCH, "%s/%s: %s: found %lld, expected an id below %llu, the rows of the table; no token has it: point it at the "
                   "one that is meant first", p->checkpoint->dir, s->file, s->at, (long long)s->value, rows);
}

/* Ids that a config names are in use too (placeholders that no tokenizer spells). */
static enum vs_code mark_config_ids(struct vs_planner *p, const struct vs_tokenizer *known, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    const struct vs_config *c = &p->checkpoint->config;
    for (size_t i = 0; i < c->special_id_count; i++) {
        uint64_t id = (uint64_t)c->special_ids[i].value;
        enum vs_code code = c->special_ids[i].value >= (int64_t)x->rows_before ? refuse_id(p, &c->special_ids[i], known, err) : VS_OK;
        if (code)
            return code;
        if (!vs_id_reserves(&c->special_ids[i], x->rows_before))
            continue;
        if (x->in_use)
            x->in_use[id / 64] |= 1ull << (id % 64);
        if (id + 1 > x->base_needed)
            x->base_needed = id + 1;
    }
    return VS_OK;
}

/* vocab-merge gives no id below the base's own: such a map went through an extension that inserted text before other blocks. */
static const char *why_in_use(const struct vs_planner *p, uint64_t id)
{
    const bool moved = p->request->map && id < p->plan->map->base_rows_needed;
    return moved ? "; this copy of the map has ids as they were moved by an extension: give the map that vocab-merge wrote" : "";
}

static enum vs_code add_token(struct vs_planner *p, uint32_t cap, const struct vs_extend_token *t, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    char shown[128];
    if (in_use(x, t->id))
        return vs_fail(err, VS_EMISMATCH, "%s: id %llu (\"%s\") is new there, but %s already uses it: row %llu is not free%s",
                       p->request->map ? p->request->map : p->request->tokenizer, (unsigned long long)t->id,
                       vs_escape(shown, sizeof shown, t->token), p->request->model, (unsigned long long)t->id,
                       why_in_use(p, t->id));
    if (x->token_count == cap)
        return vs_fail(err, VS_EUSAGE, "more new tokens than were counted");
    x->tokens[x->token_count] = *t;
    if (!t->count)
        x->tokens[x->token_count].count = 1;
    x->token_count++;
    return VS_OK;
}

static enum vs_code reserve(struct vs_planner *p, uint64_t count, struct vs_err *err)
{
    if (count > ROWS_MAX)
        return vs_fail(err, VS_ELIMIT, "%llu new rows: the limit is %llu", (unsigned long long)count, (unsigned long long)ROWS_MAX);
    p->x->tokens = vs_arena_array(p->arena, count ? count : 1, sizeof *p->x->tokens);
    return p->x->tokens ? VS_OK : vs_enomem(err, "the new tokens", count * sizeof *p->x->tokens);
}

static enum vs_code copy_text(struct vs_planner *p, struct vs_str text, struct vs_str *out, struct vs_err *err)
{
    char *copy = vs_arena_dup(p->arena, text.p, text.n);
    *out = (struct vs_str){copy, text.n};
    return copy ? VS_OK : vs_enomem(err, "token text", text.n);
}

static struct vs_str text_of(const struct vs_tokenizer *t, uint64_t id)
{
    return t && id < t->rows_needed ? vs_token_text(t, (uint32_t)id) : (struct vs_str){0};
}

/* Base tokens that have no row yet (VOC101), and rows [from, to) asked for by number. */
static enum vs_code add_numbered(struct vs_planner *p, const struct vs_tokenizer *t, uint64_t from, uint64_t to, uint32_t cap,
                                 struct vs_err *err)
{
    for (uint64_t id = from, end; id < to; id = end) {
        struct vs_extend_token token = {.id = id};
        enum vs_code code;
        struct vs_str text = text_of(t, id);
        if (text.p && (code = copy_text(p, text, &token.token, err)))
            return code;
        token.bytes = text.p && vs_is_spelled_in_bytes(t, (uint32_t)id);
        for (end = id + 1; !text.p && !p->request->init_file && end < to && !text_of(t, end).p; end++)
            ;
        token.count = end - id;
        if ((code = add_token(p, cap, &token, err)))
            return code;
    }
    return VS_OK;
}

/* Entries that add_numbered makes: an --init-file may name each id, else what lies between texts is one. */
static uint64_t numbered(const struct vs_planner *p, const struct vs_tokenizer *t, uint64_t from, uint64_t to)
{
    uint64_t texts = t && t->rows_needed > from ? t->rows_needed - from : 0;
    return p->request->init_file || 2 * texts + 1 > to - from ? to - from : 2 * texts + 1;
}

static enum vs_code from_map(struct vs_planner *p, const struct vs_tokenizer *base, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    const struct vs_vocab_map *map = p->plan->map;
    uint64_t base_end = base ? base->rows_needed : 0, orphans = base_end > x->rows_before ? base_end - x->rows_before : 0;
    enum vs_code code = reserve(p, map->new_count + orphans, err);
    if (!code)
        code = add_numbered(p, base, x->rows_before, x->rows_before + orphans, (uint32_t)(map->new_count + orphans), err);
    for (uint32_t i = 0; !code && i < map->new_count; i++) {
        const struct vs_new_token *n = &map->news[i];
        bool merged = n->kind == VS_NEW_MERGED || n->kind == VS_NEW_INTERMEDIATE;
        struct vs_extend_token t = {.id = n->id, .token = n->token, .pieces = n->pieces, .piece_count = n->piece_count,
                                    .bytes = merged && base && base->alphabet == VS_ALPHA_BYTE};
        for (uint32_t k = 0; k < n->piece_count; k++)
            if (n->pieces[k] >= x->rows_before)
                return vs_fail(err, VS_EMISMATCH, "%s: id %u is made of piece %u, but the table has %llu rows", p->request->map, n->id,
                               n->pieces[k], (unsigned long long)x->rows_before);
        code = add_token(p, (uint32_t)(map->new_count + orphans), &t, err);
    }
    x->needed = map->rows_needed > base_end ? map->rows_needed : base_end;
    return code;
}

/* The base's tokens must stand where they stood; what has no row, or is not in the base, is new. */
static enum vs_code from_tokenizer(struct vs_planner *p, const struct vs_tokenizer *base, const struct vs_tokenizer *t, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    char shown[128];
    uint64_t count = 0;
    for (uint32_t id = 0; base && id < base->rows_needed; id++) {
        struct vs_str text = vs_token_text(base, id);
        uint32_t now = text.p ? vs_token_id(t, text) : id;
        if (now != id)
            return vs_fail(err, VS_EMISMATCH, "%s: token %u \"%s\" of %s %s; base ids must not move: make the tokenizer with vocab-merge",
                           p->request->tokenizer, id, vs_escape(shown, sizeof shown, text), p->request->model,
                           now == VS_NO_ID ? "is absent" : "has another id");
    }
    for (uint32_t id = 0; id < t->rows_needed; id++)
        count += vs_token_text(t, id).p && !in_use(x, id);
    enum vs_code code = reserve(p, count, err);
    for (uint32_t id = 0; !code && id < t->rows_needed; id++) {
        struct vs_extend_token token = {.id = id};
        struct vs_str text = vs_token_text(t, id);
        if (!text.p || in_use(x, id))
            continue;
        token.bytes = vs_is_spelled_in_bytes(t, id);
        if (!(code = copy_text(p, text, &token.token, err)))
            code = add_token(p, (uint32_t)count, &token, err);
    }
    x->needed = t->rows_needed;
    return code ? code : vs_extend_find_pieces(p, t, err);
}

static enum vs_code by_number(struct vs_planner *p, const struct vs_tokenizer *base, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    const struct vs_extend_request *q = p->request;
    uint64_t base_end = base && base->rows_needed > x->base_needed ? base->rows_needed : x->base_needed, end = base_end;
    /* --rows names no tokens: spare rows stay as they are. Base tokens without a row get one in any case. */
    uint64_t from = q->rows >= 0 || base_end > x->rows_before ? x->rows_before : base_end;
    if (q->rows >= 0 && (uint64_t)q->rows < x->rows_before)
        return vs_fail(err, VS_EMISMATCH, "--rows %lld is fewer than the %llu rows of %.*s; embed-extend never shrinks a table "
                       "(surplus rows are harmless)", (long long)q->rows, (unsigned long long)x->rows_before,
                       VS_STR(p->checkpoint->tensors[p->checkpoint->tables[p->plan->tables[0].table].tensor].name));
    if (q->rows >= 0 && (uint64_t)q->rows < base_end)
        return vs_fail(err, VS_EMISMATCH, "--rows %lld is fewer than the %llu ids of %s: expected at least the highest effective id + 1",
                       (long long)q->rows, (unsigned long long)base_end, base->path);
    if (q->rows >= 0)
        end = (uint64_t)q->rows;
    else if (q->add > 0 && !vs_add(base_end, (uint64_t)q->add, &end))
        return vs_fail(err, VS_ELIMIT, "--add %lld is beyond what ids can count", (long long)q->add);
    if (end > ROWS_MAX)
        return vs_fail(err, VS_ELIMIT, "%llu rows: the limit is %llu", (unsigned long long)end, (unsigned long long)ROWS_MAX);
    uint64_t entries = numbered(p, base, from, end);
    enum vs_code code = reserve(p, entries, err);
    if (!code)
        code = add_numbered(p, base, from, end, (uint32_t)entries, err);
    x->named = base_end;
    x->needed = end;
    return code;
}

static int by_id(const void *a, const void *b)
{
    const struct vs_extend_token *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static enum vs_code finish(struct vs_planner *p, struct vs_err *err)
{
    struct vs_extend *x = p->x;
    uint64_t m = p->request->pad_multiple;
    qsort(x->tokens, x->token_count, sizeof *x->tokens, by_id);
    for (uint32_t i = 1; i < x->token_count; i++)
        if (x->tokens[i].id < x->tokens[i - 1].id + x->tokens[i - 1].count)
            return vs_fail(err, VS_EMISMATCH, "id %llu is given to two new tokens", (unsigned long long)x->tokens[i].id);
    const struct vs_extend_token *last = x->token_count ? &x->tokens[x->token_count - 1] : NULL;
    if (last && last->id + last->count > x->needed)
        x->needed = last->id + last->count;
    x->named = p->request->map || p->request->tokenizer ? x->needed : x->named;
    x->rows_after = x->needed > x->rows_before ? x->needed : x->rows_before;
    if (m && x->rows_after % m && !vs_add(x->rows_after, m - x->rows_after % m, &x->rows_after))
        return vs_fail(err, VS_ELIMIT, "--pad-multiple %llu is beyond what ids can count", (unsigned long long)m);
    if (x->rows_after > ROWS_MAX)
        return vs_fail(err, VS_ELIMIT, "%llu rows: the limit is %llu", (unsigned long long)x->rows_after, (unsigned long long)ROWS_MAX);
    for (uint32_t i = 0; i < x->token_count; i++) {
        const struct vs_extend_token *t = &x->tokens[i];
        uint64_t spare = t->id < x->rows_before ? x->rows_before - t->id : 0;
        x->spare_used += spare < t->count ? spare : t->count;
        x->id_count += t->count;
    }
    return VS_OK;
}

static enum vs_code open_map(struct vs_planner *p, const struct vs_tokenizer *base, struct vs_err *err)
{
    const struct vs_extend_request *q = p->request;
    enum vs_code code = vs_vocab_map_read(q->map, &p->plan->map, err);
    if (!code)
        code = vs_plan_check_map(p->plan, q->map, base ? base->path : NULL, q->model, p->run, err);
    if (!code && p->plan->map->dir && vs_tokenizer_present(p->plan->map->dir))
        p->token_dir = p->plan->map->dir;
    return code;
}

enum vs_code vs_extend_ids(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_tokenizer_options strict = {.holes = true, .ids_only = true, .cancel = p->run->cancel};
    const struct vs_extend_request *q = p->request;
    struct vs_extend *x = p->x;
    struct vs_tokenizer *base = NULL, *other = NULL;
    const struct vs_tokenizer *known;
    enum vs_code code = VS_OK;

    if (!p->checkpoint->is_file && vs_tokenizer_present(p->checkpoint->dir) && (code = vs_tokenizer_open(p->checkpoint->dir, &strict, &base, err)))
        goto out;
    if (q->tokenizer && (code = vs_tokenizer_open(q->tokenizer, &strict, &other, err)))
        goto out;
    if (q->map && (code = open_map(p, base, err)))
        goto out;
    known = base ? base : other;
    x->base_needed = x->rows_before;
    if (known) {
        x->base_needed = known->rows_needed < x->rows_before ? known->rows_needed : x->rows_before;
        if ((code = mark(p, known, err)))
            goto out;
    } else if (p->plan->map && p->plan->map->base_rows_needed < x->rows_before) {
        x->base_needed = p->plan->map->base_rows_needed;
    }
    if ((code = mark_config_ids(p, known, err)))
        goto out;
    if (q->map)
        code = from_map(p, base, err);
    else if (q->tokenizer)
        code = from_tokenizer(p, base, other, err);
    else
        code = by_number(p, base, err);
    if (q->tokenizer && vs_path_is_dir(q->tokenizer))
        p->token_dir = q->tokenizer;
    if (!code)
        code = finish(p, err);
out:
    vs_tokenizer_close(base);
    vs_tokenizer_close(other);
    return code;
}
