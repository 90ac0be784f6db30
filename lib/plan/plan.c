/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <vs/plan.h>
#include "base/str.h"
#include "plan/plan_impl.h"
#include "plan/vocab_map.h"

const char *vs_row_state_name(enum vs_row_state state)
{
    static const char *const names[] = {"frozen", "trainable", "inert"};
    return names[state];
}

const struct vs_extend *vs_plan_recipe(const struct vs_plan *plan)
{
    return plan->impl->extend;
}

struct vs_plan *vs_plan_new(void)
{
    struct vs_plan *plan = vs_calloc(1, sizeof *plan);
    if (plan && !(plan->impl = vs_calloc(1, sizeof *plan->impl))) {
        vs_free(plan);
        return NULL;
    }
    return plan;
}

void vs_plan_free(struct vs_plan *plan)
{
    if (!plan)
        return;
    if (plan->impl) {
        vs_checkpoint_close(plan->impl->checkpoint);
        vs_arena_free(&plan->impl->arena);
        vs_vocab_map_free(plan->impl->pieces);
        vs_free(plan->impl);
    }
    vs_vocab_map_free(plan->map);
    vs_free(plan->notes);
    vs_free(plan->files);
    vs_free(plan->changes);
    vs_free(plan->invariants);
    vs_free(plan);
}

enum vs_code vs_plan_note(struct vs_plan *plan, struct vs_err *err, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const char **list = vs_list_room(plan->notes, plan->note_count, sizeof *list);
    char *copy = vs_arena_dup(&plan->impl->arena, text, strlen(text));
    if (list)
        plan->notes = list;
    if (!list || !copy)
        return vs_enomem(err, "a note", sizeof text);
    plan->notes[plan->note_count++] = copy;
    return VS_OK;
}

/* A tokenizer that git-lfs did not fetch would be missing in OUT, though nobody reads it here. */
static enum vs_code check_fetched(const struct vs_file_plan *file, struct vs_err *err)
{
    struct vs_file f;
    if (!file->source || !vs_is_tokenizer_file(file->name))
        return VS_OK;
    enum vs_code code = vs_file_open(file->source, &f, err);
    if (code)
        return code;
    code = vs_file_fetched(&f, err);
    vs_file_close(&f);
    return code;
}

static enum vs_code add_file(struct vs_plan *plan, const struct vs_file_plan *file, struct vs_err *err)
{
    const enum vs_code code = check_fetched(file, err);
    if (code)
        return code;
    struct vs_file_plan *list = vs_list_room(plan->files, plan->file_count, sizeof *list);
    if (!list)
        return vs_enomem(err, "the list of files", sizeof *list);
    plan->files = list;
    plan->files[plan->file_count++] = *file;
    return VS_OK;
}

enum vs_code vs_plan_add_source(struct vs_plan *plan, const char *name, const char *source, struct vs_err *err)
{
    if (!name || !source)
        return vs_enomem(err, "a path", 0);
    return vs_plan_has_file(plan, name) ? VS_OK : add_file(plan, &(struct vs_file_plan){.name = name, .source = source}, err);
}

enum vs_code vs_plan_add_text(struct vs_plan *plan, const char *name, const char *source, struct vs_str text, struct vs_err *err)
{
    struct vs_arena *a = &plan->impl->arena;
    const struct vs_file_plan f = {vs_arena_dup(a, name, strlen(name)), source, {vs_arena_dup(a, text.p, text.n), text.n}, true};
    return f.name && f.text.p ? add_file(plan, &f, err) : vs_enomem(err, name, text.n);
}

enum vs_code vs_plan_add_change(struct vs_plan *plan, const char *file, const char *at, struct vs_str before, struct vs_str after,
                                struct vs_err *err)
{
    struct vs_arena *a = &plan->impl->arena;
    struct vs_json_change *list = vs_list_room(plan->changes, plan->change_count, sizeof *list);
    struct vs_json_change c = {vs_arena_dup(a, file, strlen(file)), at ? vs_arena_dup(a, at, strlen(at)) : NULL,
                               {vs_arena_dup(a, before.p, before.n), before.n}, {vs_arena_dup(a, after.p, after.n), after.n}};
    if (list)
        plan->changes = list;
    if (!list || !c.file || !c.at || !c.before.p || !c.after.p)
        return vs_enomem(err, "the list of edits", sizeof *list);
    plan->changes[plan->change_count++] = c;
    return VS_OK;
}

enum vs_code vs_plan_add_invariant(struct vs_plan *plan, const struct vs_invariant *invariant, struct vs_err *err)
{
    struct vs_invariant *list = vs_list_room(plan->invariants, plan->invariant_count, sizeof *list);
    if (!list)
        return vs_enomem(err, "the list of invariants", sizeof *list);
    plan->invariants = list;
    plan->invariants[plan->invariant_count++] = *invariant;
    return VS_OK;
}

bool vs_plan_has_file(const struct vs_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->file_count; i++)
        if (strcmp(plan->files[i].name, name) == 0)
            return true;
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct vs_file_plan *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void vs_plan_sort_files(struct vs_plan *plan)
{
    if (plan->file_count)
        qsort(plan->files, plan->file_count, sizeof *plan->files, by_name);
}

enum vs_code vs_plan_check_map(struct vs_plan *plan, const char *map, const char *tokenizer, const char *model, const struct vs_run *run,
                               struct vs_err *err)
{
    if (tokenizer)
        return vs_map_check_base(plan->map, map, tokenizer, model, run, err);
    return vs_plan_note(plan, err, "%.300s is believed: %.300s has no tokenizer.json to compare it with", map, model);
}
