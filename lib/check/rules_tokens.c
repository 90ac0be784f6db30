/* SPDX-License-Identifier: Apache-2.0
 *
 * 2xx: is the tokenizer at one with itself?
 */
#include <stdio.h>
#include "base/map.h"
#include "check/checker.h"
#include "tokenizer/bpe.h"
#include "tokenizer/pipeline.h"

static void place(struct checker *k, const char *at)
{
    vs_say(k, "file", "%s", vs_path_base(k->t->path));
    vs_say(k, "at", "%s", k->c && k->c->gguf ? "tokenizer.ggml.tokens" : at);
}

/* Padding between the text and the blocks, where the directory tells of ids that were inserted there, was asked for. */
static void holes(struct checker *k)
{
    const struct vs_shift inserted = k->impl->inserted;
    struct id_set s = {0};
    bool padding = true;
    for (uint32_t i = 0; i < k->t->hole_count; i++) {
        padding = padding && k->t->holes[i].begin >= inserted.at && k->t->holes[i].end <= inserted.at + inserted.by;
        for (uint64_t id = k->t->holes[i].begin; id < k->t->holes[i].end; id++)
            vs_set_add(&s, id);
    }
    if (!s.count)
        return;
    place(k, "/model/vocab");
    vs_say_ids(k, &s);
    vs_say(k, "cure", "%s", padding ? "they are the padding before the blocks: no text gives them, and nothing need be done where this library adds "
           "no more tokens; without --pad-multiple, embed-extend leaves no hole there" : "give the ids a name in tokenizer.json");
    vs_found(k, "VOC201");
}

/* Which string of model.vocab has an id, and the first id that two have. */
static void twice_in_vocab(struct checker *k, uint32_t *owner)
{
    uint32_t count = 0, first = 0, one = 0, other = 0;
    for (uint32_t s = 0; s < k->t->base_count; s++) {
        uint32_t id = vs_symbol_id(k->t, s);
        if (id >= k->t->rows_needed)
            continue;
        if (owner[id] != VS_NONE && count++ == 0) {
            first = id;
            one = owner[id];
            other = s;
        }
        owner[id] = s;
    }
    if (!count)
        return;
    place(k, "/model/vocab");
    vs_say(k, "n", "%u", count);
    vs_say(k, "id", "%u", first);
    vs_say_text(k, "token", vs_symbol_text(k->t, one));
    vs_say_text(k, "other", vs_symbol_text(k->t, other));
    vs_say_text(k, "found", vs_symbol_text(k->t, other));
    vs_say_text(k, "expected", vs_symbol_text(k->t, one));
    vs_found(k, "VOC202");
}

static void repeats(struct checker *k)
{
    if (!k->t->repeat_count)
        return;
    const struct vs_repeat *r = &k->t->repeats[0];
    place(k, "/model/vocab");
    vs_say(k, "n", "%u", k->t->repeat_count);
    vs_say_text(k, "token", r->token);
    vs_say(k, "expected", "%u", r->first);
    vs_say(k, "found", "%u", r->last);
    vs_found(k, "VOC204");
}

struct moved { const char *rule; uint32_t count, first; };

static void report_moved(struct checker *k, const struct moved *m, const uint32_t *owner)
{
    const struct vs_added *a = &k->t->added[m->first];
    char at[32];
    if (!m->count)
        return;
    snprintf(at, sizeof at, "/added_tokens/%u", m->first);
    place(k, a->from_sibling ? "" : at);
    vs_say(k, "n", "%u", m->count);
    vs_say_text(k, "token", a->content);
    vs_say(k, "expected", a->declared == VS_NO_ID ? "without an id" : "%u", a->declared);
    vs_say(k, "found", "%u", a->effective);
    if (a->effective < k->t->rows_needed && owner[a->effective] != VS_NONE)
        vs_say_text(k, "other", vs_symbol_text(k->t, owner[a->effective]));
    vs_found(k, m->rule);
}

static void moved(struct checker *k, const uint32_t *owner)
{
    struct moved all[] = {{.rule = "VOC205"}, {.rule = "VOC206"}, {.rule = "VOC207"}};
    for (uint32_t i = 0, next = 0; i < k->t->added_count; i++) {
        const struct vs_added *a = &k->t->added[i];
        bool shared = !a->in_model && a->effective < k->t->rows_needed && owner[a->effective] != VS_NONE;
        bool other = next < k->t->moved_count && k->t->moved[next] == i; /* than declared */
        struct moved *m = &all[a->in_model ? 2 : shared ? 1 : 0];
        next += other;
        if (shared || other)
            m->first = m->count++ ? m->first : i;
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        report_moved(k, &all[i], owner);
}

/* Two ids for the same bytes: of byte tokens and characters, for instance. */
static void same_bytes(struct checker *k)
{
    struct vs_map seen = {0};
    struct vs_buf b = {0};
    uint32_t pairs = 0, first = 0, other = 0;
    for (uint32_t id = 0; id < k->t->rows_needed && !k->stopped; id++) {
        b.n = 0;
        if (!vs_token_text(k->t, id).p || vs_token_is_added(k->t, id, NULL) || !vs_token_bytes(k->t, id, &b) || b.n == 0)
            continue;
        char *key = vs_arena_dup(&k->impl->arena, b.p, b.n);
        uint32_t old = VS_NONE;
        if (!key || !vs_map_put(&seen, (struct vs_str){key, b.n}, id, &old))
            vs_check_no_memory(k, "token bytes");
        if (old != VS_NONE && pairs++ == 0) {
            first = old;
            other = id;
        }
    }
    vs_map_free(&seen);
    vs_buf_free(&b);
    if (!pairs || k->t->alphabet == VS_ALPHA_WORDPIECE) /* "a" and "##a" are two places, not two spellings */
        return;
    place(k, "/model/vocab");
    vs_say(k, "n", "%u", pairs);
    vs_say_token(k, "token", first);
    vs_say_token(k, "other", other);
    vs_found(k, "VOC203");
}

/* Of an added token that is looked for in normalised text; NULL also where the normalizer cannot be run. */
static const char *left_of(struct checker *k, const struct vs_added *a, struct vs_buf *normal)
{
    struct vs_err err;
    normal->n = 0;
    if (!a->normalized || a->content.n == 0)
        return NULL;
    const enum vs_code code = vs_normalize(k->t, a->content, normal, &err);
    if (code == VS_ENOMEM)
        vs_check_no_memory(k, "an added token");
    return code ? NULL : vs_added_left(a->content, (struct vs_str){normal->p, normal->n});
}

/* An added token that is found everywhere, because the normalizer leaves nothing of it or a blank. */
static void vanishing(struct checker *k)
{
    struct vs_buf normal = {0};
    uint32_t n = 0, first = 0;
    const char *found = NULL;
    for (uint32_t i = 0; i < k->t->added_count && !k->stopped; i++) {
        const char *left = left_of(k, &k->t->added[i], &normal);
        if (left && n++ == 0) {
            first = i;
            found = left;
        }
    }
    vs_buf_free(&normal);
    if (!n)
        return;
    char at[32];
    snprintf(at, sizeof at, "/added_tokens/%u", first);
    place(k, k->t->added[first].from_sibling ? "" : at);
    vs_say(k, "n", "%u", n);
    vs_say(k, "id", "%u", k->t->added[first].effective);
    vs_say_text(k, "token", k->t->added[first].content);
    vs_say(k, "found", "%s", found);
    vs_found(k, "VOC220");
}

void vs_rules_tokens(struct checker *k)
{
    if (k->c && k->c->gguf) { /* one list, whose positions are the ids: rules_gguf.c has the rest */
        same_bytes(k);
        return;
    }
    uint32_t *owner = vs_arena_array(&k->impl->arena, k->t->rows_needed + 1u, sizeof *owner);
    if (!owner) {
        vs_check_no_memory(k, "ids");
        return;
    }
    for (uint32_t i = 0; i < k->t->rows_needed; i++)
        owner[i] = VS_NONE;
    holes(k);
    twice_in_vocab(k, owner);
    repeats(k);
    moved(k, owner);
    same_bytes(k);
    vanishing(k);
    for (uint32_t i = 0; i < k->t->finding_count; i++) {
        place(k, "");
        vs_say(k, "found", "%s", k->t->findings[i]);
        vs_found(k, "VOC219");
    }
}
