/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "base/io.h"
#include "model/data.h"
#include "plan/offsets_facts.h"

#define PLACEHOLDERS_MAX (1u << 20) /* a token each in every file of the tokenizer */

struct planner {
    const struct vs_offsets_request *q;
    struct vs_plan *plan;
    struct vs_offsets *out;
    struct vs_arena *arena;              /* of the plan */
    struct vs_arena rule_arena;
    const char *token_dir;
    struct vs_tokenizer *base, *tokens;  /* of the model, and of the files that are renumbered: the same when token_dir is the model's */
    struct vs_layout layout;
    struct vs_renumber renumber;
    struct vs_offsets_facts facts;
    uint32_t first_file;                 /* of the plan's files: those from here on are ours */
};

/* ---- rule and files ---- */

static enum vs_code read_rule(const struct vs_checkpoint *c, struct vs_arena *arena, struct vs_rule **rule, struct vs_err *err)
{
    *rule = NULL;
    const struct vs_jdoc *family = vs_ckpt_family(c);
    return family ? vs_rule_parse(family, arena, rule, err) : VS_OK;
}

static enum vs_code read_json(void *user, const char *name, struct vs_jdoc *doc, bool *present, struct vs_err *err)
{
    struct vs_arena a = {0};
    char *path = vs_path_join(&a, user, name);
    enum vs_code code = VS_OK;
    *present = path && vs_path_exists(path);
    if (!path)
        code = vs_enomem(err, name, 0);
    else if (*present)
        code = vs_jdoc_read(path, doc, err);
    doc->file = name; /* the path dies here */
    vs_arena_free(&a);
    return code;
}

static enum vs_code sorted_blocks(const struct vs_layout *l, int pass, struct vs_arena *a, struct vs_block **out, uint32_t *count, struct vs_err *err)
{
    *count = l->rule->block_count;
    *out = vs_arena_array(a, *count, sizeof **out);
    if (!*out)
        return vs_enomem(err, "the blocks", 0);
    memcpy(*out, l->blocks[pass], *count * sizeof **out);
    vs_blocks_sort(*out, *count);
    return VS_OK;
}

/* ---- the tokenizer ---- */

static enum vs_code open_tokenizers(struct planner *p, struct vs_err *err)
{
    const struct vs_tokenizer_options options = {.lenient = p->q->report_only, .holes = true, .ids_only = true, .cancel = p->q->cancel};
    const char *dir = p->q->checkpoint->dir;
    bool same = !p->q->token_dir || strcmp(p->q->token_dir, dir) == 0;
    enum vs_code code = VS_OK;
    p->token_dir = same ? dir : p->q->token_dir;
    if (vs_tokenizer_present(dir))
        code = vs_tokenizer_open(dir, &options, &p->base, err);
    if (!code && same)
        p->tokens = p->base;
    else if (!code && vs_tokenizer_present(p->token_dir))
        code = vs_tokenizer_open(p->token_dir, &options, &p->tokens, err);
    return code;
}

/* An id that is new to the model: the model's own tokenizer must not use it for another token. */
static enum vs_code check_new(const struct planner *p, uint32_t rank, struct vs_err *err)
{
    uint32_t id = p->q->new_ids[rank];
    const struct vs_vocab_map *map = p->plan->map;
    struct vs_str is = p->base ? vs_token_text(p->base, id) : (struct vs_str){0}, token = vs_token_text(p->tokens, id);
    char shown[128], taken[128];
    if (!token.p)
        return vs_fail(err, VS_EMISMATCH, "%s: has no token with id %u, which is new according to the map", p->tokens->path, id);
    if (map && rank < map->new_count && !vs_str_eq(map->news[rank].token, token))
        return vs_fail(err, VS_EMISMATCH, "%s: id %u is \"%s\", the map expects \"%s\"; map and tokenizer do not belong together", p->tokens->path,
                       id, vs_escape(shown, sizeof shown, token), vs_escape(taken, sizeof taken, map->news[rank].token));
    if (is.p)
        return vs_fail(err, VS_EMISMATCH, "id %u (\"%s\" in %s) is not new: %s uses it for \"%s\"; were these ids moved already?", id,
                       vs_escape(shown, sizeof shown, token), p->tokens->path, p->base->path, vs_escape(taken, sizeof taken, is));
    return VS_OK;
}

static bool name_taken(const struct planner *p, const char *name)
{
    return vs_token_id(p->tokens, vs_cstr(name)) != VS_NO_ID;
}

/* The texts of the new tokens by rank: as the tokenizer has them, or placeholders that no token is called. */
static enum vs_code name_tokens(struct planner *p, struct vs_err *err)
{
    const struct vs_offsets_request *q = p->q;
    uint64_t number = 0;
    if (!p->tokens || !q->new_count)
        return VS_OK;
    if (!q->new_ids && q->new_count > PLACEHOLDERS_MAX)
        return vs_fail(err, VS_ELIMIT, "%u placeholder tokens: the limit is %u", q->new_count, PLACEHOLDERS_MAX);
    if (!(p->out->names = vs_arena_array(p->arena, q->new_count, sizeof *p->out->names)))
        return vs_enomem(err, "the new tokens", q->new_count * sizeof *p->out->names);
    for (uint32_t i = 0; i < q->new_count; i++) {
        char name[40];
        struct vs_str text = {name, 0};
        enum vs_code code = q->new_ids ? check_new(p, i, err) : VS_OK;
        if (code)
            return code;
        if (q->new_ids)
            text = vs_token_text(p->tokens, q->new_ids[i]);
        else
            do
                text.n = (size_t)snprintf(name, sizeof name, "<|extra_%llu|>", (unsigned long long)number++);
            while (name_taken(p, name));
        p->out->names[i] = (struct vs_str){vs_arena_dup(p->arena, text.p, text.n), text.n};
        if (!p->out->names[i].p)
            return vs_enomem(err, "the new tokens", text.n);
    }
    return VS_OK;
}

/* Tokenizers may number a block from its begin; the shift in their numbers, and what they are made of. */
static enum vs_code prepare_renumber(struct planner *p, struct vs_err *err)
{
    const struct vs_layout *l = &p->layout;
    const char *base = l->rule->blocks[l->rule->extend].base;
    int64_t begin = 0;
    enum vs_code code = base ? vs_layout_eval(l, VS_BEFORE, base, &begin, err) : VS_OK;
    if (!code && (begin < 0 || (uint64_t)begin > l->shift.at))
        code = vs_fail(err, VS_EMISMATCH, "%s: tokenizer ids begin at %lld, behind the text", l->rule->id, (long long)begin);
    if (code)
        return code;
    p->facts = (struct vs_offsets_facts){p->q->checkpoint, p->base, &p->renumber, (uint64_t)begin};
    p->renumber = (struct vs_renumber){.shift = {l->shift.at - (uint64_t)begin, l->shift.by}, .new_ids = p->q->new_ids,
                                       .new_count = p->q->new_ids ? p->q->new_count : 0, .tokenizer = p->tokens, .plan = p->plan};
    code = name_tokens(p, err);
    if (!p->q->new_ids && p->out->names) {
        p->renumber.add = p->out->names;
        p->renumber.add_count = p->q->new_count;
    }
    return code;
}

/* ---- checks ---- */

static enum vs_code check(struct planner *p, int pass, struct vs_err *err)
{
    struct vs_layout *l = &p->layout;
    enum vs_code code = vs_layout_check_all(l, pass, err);
    if (!code)
        code = vs_offsets_check_facts(l, &p->facts, pass, err);
    if (code || !l->violated[pass].n || p->q->report_only)
        return code;
    return vs_fail(err, VS_EMISMATCH, "%s: %s the layout of %s does not hold: %s%s", p->q->checkpoint->path,
                   pass == VS_BEFORE ? "as it is," : "after the edits", l->rule->id, l->violated[pass].p,
                   pass == VS_BEFORE ? "; correct these numbers first" : "");
}

/* ---- files of the output ---- */

static enum vs_code add_configs(struct planner *p, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < p->layout.file_count; i++) {
        const struct vs_layout_file *f = &p->layout.files[i];
        const char *source = f->present ? vs_path_join(p->arena, p->q->checkpoint->dir, f->name) : NULL;
        if (!f->edits.count)
            continue;
        if (f->present && !source)
            return vs_enomem(err, f->name, 0);
        code = vs_plan_add_text(p->plan, f->name, source, f->doc[VS_AFTER].text, err);
    }
    return code;
}

/* Forms of a tokenizer that hold ids by position, and that nobody rewrites here. */
static bool holds_positions(const char *name)
{
    static const char *const names[] = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.txt", "tekken.json", "*.tiktoken"};
    return VS_GLOB_ANY(names, vs_cstr(name));
}

static enum vs_code add_token_file(struct planner *p, const char *dir, const char *name, struct vs_err *err)
{
    const char *source = vs_path_join(p->arena, dir, name);
    struct vs_buf text = {0};
    bool edited = false;
    if (!source)
        return vs_enomem(err, name, 0);
    if (holds_positions(name))
        return vs_plan_note(p->plan, err, "%.200s stays as it is: it numbers tokens by position and does not know the new ones", name);
    if (!vs_renumber_handles(name))
        return VS_OK;
    enum vs_code code = vs_renumber_file(&p->renumber, name, source, &text, &edited, err);
    if (!code && edited)
        code = vs_plan_add_text(p->plan, name, source, (struct vs_str){text.p, text.n}, err);
    vs_buf_free(&text);
    return code;
}

/* What the tokenizer's directory does not have comes from the model's: its ids move, too. */
static enum vs_code add_tokenizer(struct planner *p, struct vs_err *err)
{
    static const char *const siblings[] = {"tokenizer_config.json", "added_tokens.json", "vocab.json"};
    const char **names;
    size_t count;
    if (!p->tokens)
        return VS_OK;
    enum vs_code code = vs_dir_list(p->token_dir, p->arena, &names, &count, err);
    for (size_t i = 0; !code && i < count; i++)
        code = add_token_file(p, p->token_dir, names[i], err);
    for (size_t i = 0; !code && p->tokens != p->base && i < sizeof siblings / sizeof *siblings; i++) {
        const char *there = vs_path_join(p->arena, p->token_dir, siblings[i]), *here = vs_path_join(p->arena, p->q->checkpoint->dir, siblings[i]);
        if (!there || !here)
            return vs_enomem(err, siblings[i], 0);
        if (!vs_path_exists(there) && vs_path_exists(here))
            code = add_token_file(p, p->q->checkpoint->dir, siblings[i], err);
    }
    return code;
}

/* The map as it is true of the output. Its pieces stay ids of the base. */
static enum vs_code add_map(struct planner *p, struct vs_err *err)
{
    struct vs_vocab_map *map = p->plan->map;
    const struct vs_renumber *r = &p->renumber;
    struct vs_buf text = {0};
    if (!map || !p->q->new_ids)
        return VS_OK;
    uint64_t end = map->base_rows_needed ? vs_shift_id(r->shift, map->base_rows_needed - 1) + 1 : 0;
    for (uint32_t i = 0; i < map->new_count; i++)
        map->news[i].id = (uint32_t)vs_renumber_id(r, map->news[i].id);
    for (uint32_t i = 0; i < map->overlap_count; i++)
        map->overlaps[i].id = (uint32_t)vs_renumber_id(r, map->overlaps[i].id);
    if (r->shift.at + r->new_count > end)
        end = r->shift.at + r->new_count;
    map->rows_needed = (uint32_t)end;
    enum vs_code code = vs_vocab_map_write(map, &text, err);
    if (!code)
        code = vs_plan_add_text(p->plan, "vocab-map.json", NULL, (struct vs_str){text.p, text.n}, err);
    vs_buf_free(&text);
    return code;
}

static enum vs_code add_files(struct planner *p, struct vs_err *err)
{
    struct vs_buf receipt = {0};
    p->first_file = p->plan->file_count;
    enum vs_code code = add_configs(p, err);
    if (!code)
        code = add_tokenizer(p, err);
    if (!code)
        code = add_map(p, err);
    if (!code)
        code = vs_offsets_receipt(&p->layout, p->q->checkpoint->dir, p->q->new_count, p->first_file, &receipt, err);
    if (!code)
        code = vs_plan_add_text(p->plan, VS_OFFSETS_RECEIPT, NULL, (struct vs_str){receipt.p, receipt.n}, err);
    vs_buf_free(&receipt);
    return code;
}

/* ---- the plan ---- */

static enum vs_code apply(struct planner *p, struct vs_err *err)
{
    struct vs_layout *l = &p->layout;
    enum vs_code code;
    l->names = p->out->names;
    l->name_count = p->out->names ? p->q->new_count : 0;
    l->first_new = l->shift.at;
    if ((code = vs_layout_edit(l, err)) || (code = check(p, VS_AFTER, err)))
        return code;
    p->plan->shift = l->shift;
    if ((code = sorted_blocks(l, VS_AFTER, p->arena, &p->plan->blocks_after, &p->plan->blocks_after_count, err)))
        return code;
    return l->shift.by ? add_files(p, err) : VS_OK;
}

static enum vs_code plan_layout(struct planner *p, const struct vs_rule *rule, struct vs_err *err)
{
    const struct vs_offsets_request *q = p->q;
    struct vs_layout *l = &p->layout;
    const struct vs_layout_source source = {read_json, (void *)(uintptr_t)q->checkpoint->dir};
    uint64_t by;
    enum vs_code code = vs_layout_open(l, rule, p->plan, &source, err);
    if (code || !vs_layout_follows(l))
        return code;
    l->ids = q->checkpoint->config.special_ids;
    l->id_count = q->checkpoint->config.special_id_count;
    if (!vs_add(q->new_count, q->rows_extra, &by))
        return vs_fail(err, VS_ELIMIT, "more rows than 64 bits can count");
    if ((code = vs_layout_keep(l, vs_cstr(rule->id), &p->out->rule, err)))
        return code;
    if (by && !q->again && (code = vs_offsets_refuse_again(q->checkpoint, q->made_for_it, err)))
        return code;
    if ((code = open_tokenizers(p, err)) || (code = vs_layout_event(l, by, err)) || (code = prepare_renumber(p, err)))
        return code;
    if ((code = sorted_blocks(l, VS_BEFORE, p->arena, &p->plan->blocks, &p->plan->block_count, err)))
        return code;
    if ((code = check(p, VS_BEFORE, err)) || l->violated[VS_BEFORE].n)
        return code; /* a report: nothing is planned on top of what does not hold */
    if ((code = vs_offsets_tensors(l, q->checkpoint, p->out, err)))
        return code;
    return apply(p, err);
}

enum vs_code vs_offsets_plan(const struct vs_offsets_request *request, struct vs_plan *plan, struct vs_offsets *out, struct vs_err *err)
{
    struct planner p = {.q = request, .plan = plan, .out = out, .arena = &plan->impl->arena};
    struct vs_rule *rule = NULL;
    *out = (struct vs_offsets){0};
    enum vs_code code = read_rule(request->checkpoint, &p.rule_arena, &rule, err);
    if (!code && rule)
        code = plan_layout(&p, rule, err);
    vs_layout_close(&p.layout);
    if (p.tokens != p.base)
        vs_tokenizer_close(p.tokens);
    vs_tokenizer_close(p.base);
    vs_arena_free(&p.rule_arena);
    return code;
}

enum vs_code vs_blocks_find(const struct vs_checkpoint *checkpoint, struct vs_arena *arena, struct vs_block **blocks,
                            uint32_t *count, struct vs_err *err)
{
    struct vs_arena rules = {0};
    struct vs_rule *rule = NULL;
    struct vs_layout l = {0};
    struct vs_plan *plan = NULL;
    const struct vs_layout_source source = {read_json, (void *)(uintptr_t)checkpoint->dir};
    *blocks = NULL;
    *count = 0;
    enum vs_code code = read_rule(checkpoint, &rules, &rule, err);
    if (code || !rule)
        goto out;
    if (!(plan = vs_plan_new())) {
        code = vs_enomem(err, "the blocks", 0);
        goto out;
    }
    if (!(code = vs_layout_open(&l, rule, plan, &source, err)))
        code = sorted_blocks(&l, VS_BEFORE, arena, blocks, count, err);
    for (uint32_t i = 0; !code && i < *count; i++) {
        struct vs_block *b = &(*blocks)[i];
        b->name = vs_arena_dup(arena, b->name, strlen(b->name));
        b->basis = vs_arena_dup(arena, b->basis, strlen(b->basis));
        if (!b->name || !b->basis)
            code = vs_enomem(err, "the blocks", 0);
    }
out:
    vs_layout_close(&l);
    vs_plan_free(plan);
    vs_arena_free(&rules);
    if (code)
        *count = 0;
    return code;
}
