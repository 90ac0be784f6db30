/* SPDX-License-Identifier: Apache-2.0
 *
 * Which id does a token really get? The loader of the Rust library ignores the "id" of an added token: a string of
 * model.vocab keeps that id, any other gets the next free number, counted from the NUMBER of entries, in list order, and
 * never compared with ids that the model uses (src/tokenizer/added_vocabulary.rs).
 */
#include <stdio.h>
#include <stdlib.h>
#include "tokenizer/load.h"

/* What writers refuse and what facts of their own tell to everybody else (holes, moved, owners): no finding is needed. */
static enum vs_code refuse(struct vs_load *l, struct vs_err *err, const char *fmt, ...) VS_PRINTF(3, 4);

static enum vs_code refuse(struct vs_load *l, struct vs_err *err, const char *fmt, ...)
{
    char text[VS_ERR_MAX / 2];
    va_list args;
    if (l->wish.lenient)
        return VS_OK;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return vs_fail(err, VS_EMISMATCH, "%s: %s", l->t->path, text);
}

enum vs_code vs_load_finding(struct vs_load *l, struct vs_err *err, const char *fmt, ...)
{
    struct vs_tokenizer *t = l->t;
    char text[VS_ERR_MAX / 2];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!l->wish.lenient)
        return vs_fail(err, VS_EMISMATCH, "%s: %s", t->path, text);
    const char **all = vs_list_room(t->findings, t->finding_count, sizeof *all);
    if (!all)
        return vs_enomem(err, "findings", 0);
    t->findings = all;
    const char *copy = vs_arena_dup(&l->impl->arena, text, strlen(text));
    if (!copy)
        return vs_enomem(err, "findings", 0);
    t->findings[t->finding_count++] = copy;
    return VS_OK;
}

enum vs_code vs_load_add(struct vs_load *l, const struct vs_added *token, struct vs_err *err)
{
    struct vs_tokenizer *t = l->t;
    struct vs_added *all = vs_list_room(t->added, t->added_count, sizeof *all);
    if (!all)
        return vs_enomem(err, "added tokens", 0);
    t->added = all;
    t->added[t->added_count++] = *token;
    return VS_OK;
}

enum vs_code vs_load_repeat(struct vs_load *l, const struct vs_repeat *r, struct vs_err *err)
{
    struct vs_tokenizer *t = l->t;
    struct vs_repeat *all = vs_list_room(t->repeats, t->repeat_count, sizeof *all);
    if (!all)
        return vs_enomem(err, "repeated tokens", 0);
    t->repeats = all;
    t->repeats[t->repeat_count++] = *r;
    return VS_OK;
}

/* ---- the loader, simulated ---- */

enum vs_code vs_assign_ids(struct vs_load *l, uint32_t from, struct vs_err *err)
{
    struct vs_tokenizer *t = l->t;
    uint32_t next = l->past_added > l->impl->vocab.count ? l->past_added : l->impl->vocab.count;
    for (uint32_t i = from; i < t->added_count; i++) {
        struct vs_added *a = &t->added[i];
        uint32_t entry = vs_vocab_find(&l->impl->vocab, a->content), first = vs_map_get(&l->impl->added, a->content);
        if (a->content.n == 0)
            continue; /* the loader passes it over */
        a->in_model = entry != VS_NO_ENTRY;
        if (first != VS_NONE)
            a->effective = t->added[first].effective;
        else
            a->effective = a->in_model ? l->impl->vocab.ids[entry] : next++;
        if (a->effective >= l->past_added)
            l->past_added = a->effective + 1;
        if (first == VS_NONE && !vs_map_put(&l->impl->added, a->content, i, NULL))
            return vs_enomem(err, "added tokens", 0);
    }
    return VS_OK;
}

/* ---- who has which id ---- */

/* Stable, by id: entries stay before added tokens, both in file order. */
static bool sort_owners(struct vs_owner *owners, uint32_t n)
{
    bool sorted = true;
    for (uint32_t i = 1; i < n && sorted; i++)
        sorted = owners[i - 1].id <= owners[i].id;
    if (sorted)
        return true;
    struct vs_owner *from = owners, *to = vs_realloc_array(NULL, n, sizeof *to), *spare = to;
    if (!to)
        return false;
    for (unsigned shift = 0; shift < 32; shift += 8) { /* an even number of passes: the result lies in owners again */
        uint32_t places[257] = {0};
        for (uint32_t i = 0; i < n; i++)
            places[(from[i].id >> shift & 255) + 1]++;
        for (unsigned b = 0; b < 256; b++)
            places[b + 1] += places[b];
        for (uint32_t i = 0; i < n; i++)
            to[places[from[i].id >> shift & 255]++] = from[i];
        struct vs_owner *swap = from;
        from = to;
        to = swap;
    }
    vs_free(spare);
    return true;
}

static struct vs_str owner_text(const struct vs_load *l, uint32_t who)
{
    return who & VS_OWNER_ADDED ? l->t->added[who & ~VS_OWNER_ADDED].content : vs_vocab_text(&l->impl->vocab, who);
}

/* One id, several owners: the same string twice is an added token that the model has too; of other strings a writer would
 * lose one. */
static enum vs_code report_shared(struct vs_load *l, const struct vs_owner *first, const struct vs_owner *second,
                                  struct vs_err *err)
{
    char a[200], b[200];
    struct vs_str left = owner_text(l, first->who), right = owner_text(l, second->who);
    if (vs_str_eq(left, right))
        return VS_OK;
    return refuse(l, err, "id %u is both \"%s\" and \"%s\"", first->id, vs_escape(a, sizeof a, left),
                  vs_escape(b, sizeof b, right));
}

static enum vs_code find_owners(struct vs_load *l, struct vs_err *err)
{
    struct vs_tokenizer_impl *impl = l->impl;
    const struct vs_tokenizer *t = l->t;
    size_t most = (size_t)impl->vocab.count + t->added_count;
    uint32_t n = 0, kept = 0;
    struct vs_owner *owners = vs_realloc_array(NULL, most, sizeof *owners);
    impl->owners = owners;
    if (!owners)
        return vs_enomem(err, "token ids", most * sizeof *owners);
    for (uint32_t i = 0; i < impl->vocab.count; i++)
        owners[n++] = (struct vs_owner){impl->vocab.ids[i], i};
    for (uint32_t i = 0; i < t->added_count; i++)
        if (t->added[i].effective != VS_NO_ID)
            owners[n++] = (struct vs_owner){t->added[i].effective, i | VS_OWNER_ADDED};
    if (!sort_owners(owners, n))
        return vs_enomem(err, "token ids", n * sizeof *owners);
    for (uint32_t i = 0; i < n; i++) {
        if (kept == 0 || owners[kept - 1].id != owners[i].id) {
            owners[kept++] = owners[i];
            continue;
        }
        enum vs_code code = report_shared(l, &owners[kept - 1], &owners[i], err);
        if (code)
            return code;
        if (owners[i].who & VS_OWNER_ADDED) /* an added token hides a model token; of two the last wins */
            owners[kept - 1] = owners[i];
    }
    impl->owner_count = kept;
    return VS_OK;
}

/* ---- facts ---- */

enum vs_code vs_measure_ids(struct vs_tokenizer_impl *impl, struct vs_err *err)
{
    const struct vs_owner *owners = impl->owners;
    struct vs_tokenizer *t = &impl->t;
    uint32_t n = 0, next = 0;
    t->max_id = impl->owner_count ? owners[impl->owner_count - 1].id : VS_NO_ID;
    t->rows_needed = t->max_id + 1; /* 0 when there are no ids at all */
    for (uint32_t i = 0; i < impl->owner_count; next = owners[i++].id + 1)
        n += owners[i].id != next;
    t->hole_count = n;
    t->holes = vs_arena_array(&impl->arena, n, sizeof *t->holes);
    if (!t->holes)
        return vs_enomem(err, "holes", n * (uint64_t)sizeof *t->holes);
    n = next = 0;
    for (uint32_t i = 0; i < impl->owner_count; next = owners[i++].id + 1)
        if (owners[i].id != next)
            t->holes[n++] = (struct vs_id_range){next, owners[i].id};
    return VS_OK;
}

static enum vs_code refuse_holes(struct vs_load *l, struct vs_err *err)
{
    const struct vs_tokenizer *t = l->t;
    uint32_t missing = 0;
    for (uint32_t i = 0; i < t->hole_count; i++)
        missing += t->holes[i].end - t->holes[i].begin;
    if (l->wish.holes || !missing)
        return VS_OK;
    return refuse(l, err, "%u id%s below %u belong%s to no token, the first is %u: a count of tokens is not the number of rows",
                  missing, missing == 1 ? "" : "s", t->rows_needed, missing == 1 ? "s" : "", t->holes[0].begin);
}

static enum vs_code find_moved(struct vs_load *l, struct vs_err *err)
{
    struct vs_tokenizer *t = l->t;
    char shown[200];
    t->moved = vs_arena_array(&l->impl->arena, t->added_count + 1u, sizeof *t->moved);
    if (!t->moved)
        return vs_enomem(err, "moved tokens", 0);
    for (uint32_t i = 0; i < t->added_count; i++) {
        const struct vs_added *a = &t->added[i];
        enum vs_code code = VS_OK;
        const char *name = vs_escape(shown, sizeof shown, a->content);
        if (a->content.n == 0)
            code = vs_load_finding(l, err, "added_tokens[%u]: empty content: loaders pass it over", i);
        else if (vs_map_get(&l->impl->added, a->content) != i && !a->from_sibling)
            code = vs_load_finding(l, err, "added_tokens[%u]: \"%s\" is listed twice", i, name);
        else if (a->declared != VS_NO_ID && a->declared != a->effective) {
            t->moved[t->moved_count++] = i;
            code = refuse(l, err, "added token \"%s\" declares id %u and runs as %u%s; expected the two to agree: write %u as its id, the one that "
                          "libraries run, or give the ids before %u entries in model.vocab if the model was trained with that one", name, a->declared,
                          a->effective, a->in_model ? ", its id in model.vocab" : "", a->effective, a->declared);
        }
        if (code)
            return code;
    }
    return VS_OK;
}

static void count(struct vs_load *l)
{
    const struct vs_tokenizer_impl *impl = l->impl;
    struct vs_tokenizer *t = l->t;
    t->base_count = t->len = impl->vocab.count;
    t->max_base_id = VS_NO_ID;
    for (uint32_t i = 0; i < impl->vocab.count; i++)
        if (t->max_base_id == VS_NO_ID || impl->vocab.ids[i] > t->max_base_id)
            t->max_base_id = impl->vocab.ids[i];
    for (uint32_t i = 0; i < t->added_count; i++)
        t->len += !t->added[i].in_model && vs_map_get(&impl->added, t->added[i].content) == i;
}

enum vs_code vs_finish_ids(struct vs_load *l, struct vs_err *err)
{
    enum vs_code code = find_owners(l, err);
    if (code)
        return code;
    count(l);
    code = vs_measure_ids(l->impl, err);
    if (code == VS_OK)
        code = refuse_holes(l, err);
    if (code == VS_OK)
        code = find_moved(l, err);
    for (uint32_t i = 0; i < l->t->named_count; i++)
        l->t->named[i].effective = vs_token_id(l->t, l->t->named[i].token);
    return code;
}
