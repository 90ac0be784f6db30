/* SPDX-License-Identifier: Apache-2.0
 *
 * 5xx: are the blocks behind the text where ids, rows and the model's code expect them?
 */
#include <stdio.h>
#include <string.h>
#include "check/checker.h"
#include "plan/offsets.h"

typedef unsigned long long ull;

/* What says where a block begins: "config.json /vision_config/vocab_offset". */
static void say_basis(struct checker *k, const char *file, const char *at, const struct vs_block *b)
{
    const char *space = b->basis ? strchr(b->basis, ' ') : NULL;
    if (space) {
        vs_say(k, file, "%.*s", (int)(space - b->basis), b->basis);
        vs_say(k, at, "%s", space + 1);
    } else {
        vs_say(k, file, "config.json");
    }
}

static void place_block(struct checker *k, const struct vs_block *b)
{
    say_basis(k, "file", "at", b);
    vs_say(k, "name", "%s", b->name);
}

static void ranges(struct checker *k)
{
    const struct vs_facts *f = k->r->facts;
    for (uint32_t i = 0; i < f->block_count; i++) {
        const struct vs_block *b = &f->blocks[i], *next = i + 1 < f->block_count ? b + 1 : NULL;
        if (next && next->begin < b->end) {
            place_block(k, b);
            vs_say(k, "found", "%llu, %llu", (ull)b->begin, (ull)b->end);
            vs_say(k, "other", "%s", next->name);
            vs_say(k, "expected", "%llu, %llu", (ull)next->begin, (ull)next->end);
            say_basis(k, "also_file", "also_at", next);
            vs_found(k, "VOC501");
        }
        if (b->end > k->input->rows) {
            place_block(k, b);
            vs_say(k, "found", "%llu", (ull)b->end);
            vs_say(k, "expected", "%llu", (ull)k->input->rows);
            vs_say_also_table(k, k->c, k->input);
            vs_found(k, "VOC502");
        }
    }
}

/* A token of the text inside a block: one that came out of merges, not one of the block's own names. */
static void text_inside(struct checker *k, const struct vs_block *b)
{
    struct id_set s = {0};
    for (uint64_t id = b->begin; id < b->end; id++)
        if (vs_has_token(k, id) && !vs_token_is_added(k->t, (uint32_t)id, NULL) && !k->stopped)
            vs_set_add(&s, id);
    if (!s.count || s.count == b->end - b->begin) /* a vocabulary that spells the whole block has names for it */
        return;
    place_block(k, b);
    vs_say_ids(k, &s);
    vs_say(k, "found", "text");
    vs_say(k, "expected", "tokens of the block");
    vs_say_also_token(k, (uint32_t)s.first);
    vs_found(k, "VOC503");
}

static void beyond(struct checker *k, const struct vs_block *last)
{
    struct id_set s = {0};
    for (uint64_t id = last->end; id < k->t->rows_needed; id++)
        if (vs_has_token(k, id))
            vs_set_add(&s, id);
    if (!s.count)
        return;
    place_block(k, last);
    vs_say_ids(k, &s);
    vs_say(k, "last", "%llu", (ull)last->end);
    vs_say(k, "found", "%u ids", k->t->rows_needed);
    vs_say(k, "expected", "%llu", (ull)last->end);
    vs_say_also_token(k, (uint32_t)s.first);
    vs_found(k, "VOC504");
    const struct vs_table *ple = vs_checkpoint_table(k->c, VS_ROLE_PLE);
    if (!ple || ple->rows >= k->t->rows_needed)
        return;
    vs_say_table(k, k->c, ple);
    vs_say_ids(k, &s);
    vs_say(k, "found", "%llu", (ull)ple->rows);
    vs_say(k, "expected", "%u", k->t->rows_needed);
    vs_say(k, "what", "%llu text ids from %llu on reach it", (ull)s.count, (ull)s.first);
    vs_say_also_token(k, (uint32_t)s.first);
    vs_found(k, "VOC506");
}

/* ---- tables of the blocks ---- */

static const struct vs_block *block_named(const struct checker *k, const char *name)
{
    const struct vs_facts *f = k->r->facts;
    for (uint32_t i = 0; i < f->block_count; i++)
        if (strcmp(f->blocks[i].name, name) == 0)
            return &f->blocks[i];
    return NULL;
}

static void tables(struct checker *k)
{
    for (uint32_t i = 0; i < k->c->table_count; i++) {
        const struct vs_table *t = &k->c->tables[i];
        const struct vs_block *b = t->role == VS_ROLE_VISION ? block_named(k, "vision") : t->role == VS_ROLE_AUDIO ? block_named(k, "audio") :
                                   t->role == VS_ROLE_PLE ? block_named(k, "text") : NULL;
        if (!b || t->rows == b->end - b->begin)
            continue;
        vs_say_table(k, k->c, t);
        vs_say(k, "name", "%.*s", VS_STR(k->c->tensors[t->tensor].name));
        vs_say(k, "found", "%llu", (ull)t->rows);
        vs_say(k, "expected", "%llu", (ull)(b->end - b->begin));
        vs_say(k, "what", "the text has %llu ids", (ull)(b->end - b->begin));
        say_basis(k, "also_file", "also_at", b);
        vs_found(k, t->role == VS_ROLE_PLE ? "VOC506" : "VOC507");
    }
}

/* ---- placeholders and invariants ---- */

static bool holds_word(struct vs_str token, const struct vs_jval *words)
{
    for (const struct vs_jval *w = words ? words->child : NULL; w; w = w->next)
        if (token.n && vs_glob(w->str, token))
            return true;
    return false;
}

/* The id that the config gives a placeholder is a token that looks like one, or none of the names that families use for it
 * is in the tokenizer: then nothing is known against it. */
static void placeholder(struct checker *k, const struct vs_config_int *s, const struct vs_jval *kind)
{
    const struct vs_jval *tokens = vs_jget(kind, "tokens");
    struct vs_str now = s->value >= 0 && vs_has_token(k, (uint64_t)s->value) ? vs_token_text(k->t, (uint32_t)s->value) : (struct vs_str){NULL, 0};
    if (holds_word(now, vs_jget(kind, "looks")))
        return;
    for (const struct vs_jval *t = tokens ? tokens->child : NULL; t; t = t->next) {
        uint32_t id = vs_token_id(k->t, t->str);
        if (id == VS_NO_ID)
            continue;
        vs_say_config(k, s);
        vs_say_text(k, "token", t->str);
        vs_say(k, "expected", "%u", id);
        vs_say_also_token(k, id);
        vs_found(k, "VOC505");
        return;
    }
}

static void placeholders(struct checker *k)
{
    const struct vs_jval *kinds = vs_jget(k->impl->known_good.root, "placeholders");
    for (size_t i = 0; i < k->c->config.special_id_count; i++) {
        const struct vs_config_int *s = &k->c->config.special_ids[i];
        for (const struct vs_jval *kind = kinds ? kinds->child : NULL; kind; kind = kind->next)
            if (s->value >= 0 && holds_word(s->name, vs_jget(kind, "keys")))
                placeholder(k, s, kind);
    }
}

/* The invariants say it in the words of the model's code: when a rule has told it already, once is enough. */
static bool told(const struct checker *k)
{
    for (uint32_t i = 0; i < k->r->finding_count; i++)
        if (k->r->findings[i].rule[3] == '5')
            return true;
    return false;
}

static enum vs_code invariants(struct checker *k)
{
    struct vs_plan *plan = vs_plan_new();
    struct vs_offsets offsets = {0};
    struct vs_offsets_request q = {.checkpoint = k->c, .again = true, .report_only = true, .cancel = k->run->cancel};
    if (!plan)
        return vs_enomem(k->err, "a plan", sizeof *plan);
    enum vs_code code = vs_offsets_plan(&q, plan, &offsets, k->err);
    for (uint32_t i = 0; !code && i < plan->invariant_count; i++) {
        if (plan->invariants[i].before)
            continue;
        vs_say(k, "file", "config.json");
        vs_say(k, "found", "%s", plan->invariants[i].text);
        vs_found(k, "VOC511");
    }
    vs_plan_free(plan);
    return code;
}

void vs_rules_blocks(struct checker *k)
{
    const struct vs_facts *f = k->r->facts;
    if (k->t)
        placeholders(k);
    if (!f->block_count || vs_only_ids_moved(k)) /* VOC125 says it all */
        return;
    ranges(k);
    tables(k);
    for (uint32_t i = 1; k->t && i < f->block_count; i++)
        text_inside(k, &f->blocks[i]);
    if (k->t && f->block_count > 1)
        beyond(k, &f->blocks[f->block_count - 1]);
    if (!told(k) && invariants(k) != VS_OK)
        k->stopped = true;
}
