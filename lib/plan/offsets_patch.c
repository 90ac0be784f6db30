/* SPDX-License-Identifier: Apache-2.0
 *
 * offset-patch: the plan of embed-extend without its weights. What it writes is what embed-extend writes under the same
 * names; only where the files end up differs.
 */
#include "base/io.h"
#include "base/sha256.h"
#include "base/str.h"
#include "format/foreign.h"
#include "json/dom.h"
#include "plan/offsets_facts.h"

struct patch {
    const struct vs_patch_request *q;
    const struct vs_run *run;
    struct vs_plan *plan;
    struct vs_checkpoint *checkpoint;
    struct vs_arena *arena;
    const char *token_dir; /* the map's, when its tokenizer files come along; else NULL */
};

/* ---- the map ---- */

/* *mine: the tokenizer of DIR is the one that the map was made from. */
static enum vs_code check_base(struct patch *p, bool *mine, struct vs_err *err)
{
    const char *path = vs_path_join(p->arena, p->checkpoint->dir, "tokenizer.json");
    if (!path)
        return vs_enomem(err, p->q->dir, 0);
    bool known = vs_path_exists(path);
    enum vs_code code = vs_plan_check_map(p->plan, p->q->map, known ? path : NULL, p->q->dir, p->run, err);
    *mine = known && !code;
    return code;
}

static enum vs_code read_map(struct patch *p, struct vs_offsets_request *r, struct vs_err *err)
{
    enum vs_code code = vs_vocab_map_read(p->q->map, &p->plan->map, err);
    struct vs_err other = {0};
    enum vs_code fits = code ? code : check_base(p, &r->made_for_it, &other);
    if (!code && !p->q->check && p->plan->map->new_count)
        code = vs_offsets_refuse_again(p->checkpoint, r->made_for_it, err); /* moved ids are why the map's base would not fit */
    if (!code && fits)
        *err = other;
    if (code || fits)
        return code ? code : fits;
    const struct vs_vocab_map *map = p->plan->map;
    uint32_t *ids = vs_arena_array(p->arena, (size_t)map->new_count + 1, sizeof *ids);
    if (!ids)
        return vs_enomem(err, p->q->map, 0);
    for (uint32_t i = 0; i < map->new_count; i++)
        ids[i] = map->news[i].id;
    if (map->dir && vs_tokenizer_present(map->dir))
        p->token_dir = map->dir;
    r->new_ids = ids;
    r->new_count = map->new_count;
    r->token_dir = p->token_dir;
    return VS_OK;
}

/* ---- files ---- */

/* The index of weight files speaks of weights, and receipts of another model. */
static bool is_json(const char *name)
{
    struct vs_str s = vs_cstr(name);
    return vs_str_ends(s, VS_LIT(".json")) && !vs_str_ends(s, VS_LIT(".index.json")) && strcmp(name, "receipt.json") != 0 &&
           strcmp(name, "vocab-map.json") != 0;
}

static enum vs_code add_sources(struct patch *p, const char *dir, bool tokenizer_only, struct vs_err *err)
{
    const char **names;
    size_t count;
    enum vs_code code = vs_dir_list(dir, p->arena, &names, &count, err);
    for (size_t i = 0; !code && i < count; i++) {
        const char *path = vs_path_join(p->arena, dir, names[i]);
        bool wanted = vs_is_tokenizer_file(names[i]) || (!tokenizer_only && is_json(names[i]));
        if (!path)
            return vs_enomem(err, names[i], 0);
        if (wanted && vs_path_exists(path) && !vs_path_is_dir(path))
            code = vs_plan_add_source(p->plan, names[i], path, err);
    }
    return code;
}

static enum vs_code add_files(struct patch *p, struct vs_err *err)
{
    enum vs_code code = p->token_dir ? add_sources(p, p->token_dir, true, err) : VS_OK;
    if (!code && p->q->map)
        code = vs_plan_add_source(p->plan, "vocab-map.json", p->q->map, err);
    if (!code)
        code = add_sources(p, p->checkpoint->dir, false, err);
    if (!code)
        vs_plan_sort_files(p->plan);
    return code;
}

/* ---- tables: what embed-extend will do with the rows ---- */

static const struct vs_offsets_tensor *tensor_of(const struct patch *p, const struct vs_offsets *o, uint32_t table)
{
    struct vs_str name = p->checkpoint->tensors[p->checkpoint->tables[table].tensor].name;
    for (uint32_t i = 0; i < o->tensor_count; i++)
        if (o->tensors[i].present && o->tensors[i].grows && vs_str_eq(o->tensors[i].name, name))
            return &o->tensors[i];
    return NULL;
}

static enum vs_code add_tables(struct patch *p, const struct vs_offsets *o, struct vs_err *err)
{
    struct vs_plan *plan = p->plan;
    plan->tables = vs_arena_array(p->arena, (size_t)p->checkpoint->table_count + 1, sizeof *plan->tables);
    if (!plan->tables)
        return vs_enomem(err, "the tables", 0);
    for (uint32_t i = 0; i < p->checkpoint->table_count; i++) {
        const struct vs_offsets_tensor *t = tensor_of(p, o, i);
        if (!t)
            continue;
        struct vs_row_copy *copies = vs_arena_array(p->arena, 2, sizeof *copies);
        if (!copies)
            return vs_enomem(err, "the tables", 0);
        copies[0] = (struct vs_row_copy){0, t->insert_at, 0};
        copies[1] = (struct vs_row_copy){t->insert_at + plan->shift.by, t->rows_after, t->insert_at};
        plan->tables[plan->table_count++] = (struct vs_table_plan){
            .table = i, .rows_before = t->rows_before, .rows_after = t->rows_after, .insert_at = t->insert_at, .copies = copies,
            .copy_count = t->insert_at < t->rows_before ? 2 : 1};
    }
    for (uint32_t i = 0; i < o->tensor_count; i++)
        if (o->tensors[i].grows && p->checkpoint->tensor_count == 0) {
            enum vs_code code = vs_plan_note(plan, err, "rows of %.*s: insert %llu at %llu", VS_STR(o->tensors[i].name),
                                             (unsigned long long)plan->shift.by, (unsigned long long)o->tensors[i].insert_at);
            if (code)
                return code;
        }
    return VS_OK;
}

/* ---- files as they were ---- */

static enum vs_code mark_file(const char *path, struct vs_file_mark *out, struct vs_err *err)
{
    struct vs_file f;
    enum vs_code code = vs_file_open(path, &f, err);
    if (!code)
        *out = (struct vs_file_mark){out->name, f.size, f.ino, vs_file_mtime_ns(&f)};
    vs_file_close(&f);
    return code;
}

static enum vs_code mark_files(struct patch *p, struct vs_err *err)
{
    struct vs_plan_impl *x = p->plan->impl;
    const char **names;
    size_t count;
    if (!vs_path_is_dir(p->q->dir) || p->q->check)
        return VS_OK;
    enum vs_code code = vs_dir_list(p->q->dir, p->arena, &names, &count, err);
    if (!code && !(x->marks = vs_arena_array(p->arena, count + 1, sizeof *x->marks)))
        code = vs_enomem(err, "the files", 0);
    for (size_t i = 0; !code && i < count; i++) {
        const char *path = is_json(names[i]) || vs_is_tokenizer_file(names[i]) ? vs_path_join(p->arena, p->q->dir, names[i]) : "";
        if (!path)
            return vs_enomem(err, names[i], 0);
        if (!*path || !vs_path_exists(path) || vs_path_is_dir(path))
            continue;
        x->marks[x->mark_count].name = names[i];
        code = mark_file(path, &x->marks[x->mark_count++], err);
    }
    return code;
}

/* Somebody wrote to the file, made it or replaced it since it was read: the plan is about another one. */
static enum vs_code check_mark(const struct vs_plan *plan, const char *name, const char *path, struct vs_err *err)
{
    const struct vs_plan_impl *x = plan->impl;
    struct vs_file_mark now = {0};
    uint32_t i = 0;
    while (i < x->mark_count && strcmp(x->marks[i].name, name) != 0)
        i++;
    bool was = i < x->mark_count, is = vs_path_exists(path);
    if (!was && !is)
        return VS_OK;
    enum vs_code code = is ? mark_file(path, &now, err) : VS_OK;
    if (code || (was && is && now.size == x->marks[i].size && now.inode == x->marks[i].inode && now.mtime_ns == x->marks[i].mtime_ns))
        return code;
    return vs_fail(err, VS_EMISMATCH, "%s: has changed since it was read; run again when nobody writes to it. Nothing was written", path);
}

/* ---- the plan ---- */

/* Files are patched by the names that they have in a directory. */
static enum vs_code check_dir(const char *path, struct vs_err *err)
{
    if (!vs_path_exists(path))
        return vs_path_missing(path, "a model directory", err);
    if (vs_path_is_dir(path) || vs_foreign_weights(vs_path_base(path))) /* of which more is said than that they are a file */
        return VS_OK;
    return vs_fail(err, VS_EUNSUPPORTED, "%s: found a file; expected a model directory, such as the one that it stands in", path);
}

static enum vs_code plan_all(struct patch *p, struct vs_err *err)
{
    const struct vs_checkpoint_options options = {.data_dir = p->run->data_dir, .lenient = p->q->check};
    struct vs_offsets_request r = {.again = p->q->check, .report_only = p->q->check, .cancel = p->run->cancel};
    struct vs_offsets o;
    enum vs_code code = check_dir(p->q->dir, err);
    if (!code)
        code = mark_files(p, err);
    if (!code)
        code = vs_checkpoint_open(p->q->dir, &options, &p->checkpoint, err);
    if (code)
        return code;
    p->plan->impl->checkpoint = p->checkpoint;
    p->plan->checkpoint = r.checkpoint = p->checkpoint;
    if (p->q->add > (int64_t)VS_NO_ID)
        return vs_fail(err, VS_ELIMIT, "--add %lld: the limit is %u ids", (long long)p->q->add, VS_NO_ID);
    if (p->q->add > 0)
        r.new_count = (uint32_t)p->q->add;
    if ((p->q->map && (code = read_map(p, &r, err))) || (code = vs_offsets_plan(&r, p->plan, &o, err)))
        return code;
    if (!o.rule)
        return vs_plan_note(p->plan, err, "no blocks follow the text of this model: nothing to move");
    if ((code = add_tables(p, &o, err)))
        return code;
    return p->q->map || p->q->add >= 0 ? add_files(p, err) : VS_OK;
}

enum vs_code vs_patch_plan(const struct vs_patch_request *request, const struct vs_run *run, struct vs_plan **out, struct vs_err *err)
{
    struct patch p = {.q = request, .run = run};
    *out = NULL;
    if (request->map && request->add >= 0)
        return vs_fail(err, VS_EUSAGE, "--map and --add exclude each other");
    if (!(p.plan = vs_plan_new()))
        return vs_enomem(err, "a plan", sizeof *p.plan);
    p.arena = &p.plan->impl->arena;
    enum vs_code code = plan_all(&p, err);
    if (code)
        vs_plan_free(p.plan);
    else
        *out = p.plan;
    return code;
}

enum vs_code vs_patch_check(const char *dir, const struct vs_run *run, struct vs_plan **out, struct vs_err *err)
{
    const struct vs_patch_request request = {.dir = dir, .add = -1, .check = true};
    return vs_patch_plan(&request, run, out, err);
}

/* ---- writing ---- */

static enum vs_code poll_cancel(const struct vs_run *run, struct vs_err *err)
{
    return run->cancel && *run->cancel ? vs_fail(err, VS_ECANCELED, "interrupted; nothing was written") : VS_OK;
}

enum vs_code vs_patch_stage(const struct vs_plan *plan, const struct vs_patch_request *q, const char *out, const struct vs_run *run,
                            struct vs_outdir **staged, struct vs_err *err)
{
    const char *inputs[2] = {q->dir, q->map};
    *staged = NULL;
    enum vs_code code = vs_outdir_begin(out, q->force, inputs, q->map ? 2 : 1, staged, err);
    for (uint32_t i = 0; !code && i < plan->file_count; i++) {
        const struct vs_file_plan *f = &plan->files[i];
        code = f->edited ? vs_outdir_write(*staged, f->name, f->source, f->text, err)
                         : vs_outdir_copy(*staged, f->name, f->source, false, run, NULL, err);
        if (!code)
            code = poll_cancel(run, err);
    }
    if (code) {
        vs_outdir_abort(*staged);
        *staged = NULL;
    }
    return code;
}

static enum vs_code write_out(const struct vs_plan *plan, const struct vs_patch_request *q, const char *out, const struct vs_run *run,
                              struct vs_err *err)
{
    struct vs_outdir *staged;
    enum vs_code code = vs_patch_stage(plan, q, out, run, &staged, err);
    if (!code && (code = vs_outdir_commit(staged, err)))
        vs_outdir_abort(staged);
    return code;
}

/* A file of the map's directory, to be compared with the one that is there. */
static enum vs_code same_as_there(const struct vs_file_plan *f, const char *path, bool *same, struct vs_err *err)
{
    char there[VS_SHA256_HEX], here[VS_SHA256_HEX];
    *same = false;
    if (!vs_path_exists(path))
        return VS_OK;
    enum vs_code code = vs_sha256_path(path, NULL, there, err);
    if (!code)
        code = vs_sha256_path(f->source, NULL, here, err);
    *same = !code && strcmp(there, here) == 0;
    return code;
}

static enum vs_code write_in_place(const struct vs_plan *plan, const char *dir, const struct vs_run *run, struct vs_err *err)
{
    struct vs_arena a = {0};
    struct vs_replace *list = vs_arena_array(&a, (size_t)plan->file_count + 1, sizeof *list);
    char **texts = vs_arena_array(&a, (size_t)plan->file_count + 1, sizeof *texts);
    size_t count = 0, n;
    enum vs_code code = list && texts ? VS_OK : vs_enomem(err, dir, 0);
    for (uint32_t i = 0; !code && i < plan->file_count; i++) {
        const struct vs_file_plan *f = &plan->files[i];
        const char *path = vs_path_join(&a, dir, f->name);
        struct vs_str text = f->text;
        bool same = false;
        if (!path)
            code = vs_enomem(err, f->name, 0);
        else if (!f->edited && !(code = same_as_there(f, path, &same, err)) && !same) {
            code = vs_read_all(f->source, VS_JSON_FILE_MAX, &texts[count], &n, err);
            text = (struct vs_str){texts[count], code ? 0 : n};
        }
        if (!code && !same)
            code = check_mark(plan, f->name, path, err);
        if (!code && !same)
            list[count++] = (struct vs_replace){path, text, true};
        if (!code)
            code = poll_cancel(run, err);
    }
    if (!code)
        code = vs_replace_files(list, count, err);
    for (size_t i = 0; texts && i < count + 1; i++)
        vs_free(texts[i]);
    vs_arena_free(&a);
    return code;
}

enum vs_code vs_patch_check_place(const struct vs_plan *plan, const struct vs_patch_request *request, struct vs_err *err)
{
    struct vs_arena a = {0};
    enum vs_code code = VS_OK;
    if (plan->checkpoint->is_file)
        return vs_fail(err, VS_EUSAGE, "%s: --in-place needs a directory", request->dir);
    for (uint32_t i = 0; !code && i < plan->file_count; i++) {
        const char *path = vs_path_join(&a, plan->checkpoint->dir, plan->files[i].name);
        code = path ? vs_replace_check(path, err) : vs_enomem(err, plan->files[i].name, 0);
    }
    vs_arena_free(&a);
    return code;
}

enum vs_code vs_patch_write(const struct vs_plan *plan, const struct vs_patch_request *request, const char *out, bool in_place,
                            const struct vs_run *run, struct vs_err *err)
{
    if (in_place == (out != NULL))
        return vs_fail(err, VS_EUSAGE, "either an output directory or --in-place");
    if (in_place && plan->checkpoint->is_file)
        return vs_fail(err, VS_EUSAGE, "%s: --in-place needs a directory", request->dir);
    return in_place ? write_in_place(plan, plan->checkpoint->dir, run, err) : write_out(plan, request, out, run, err);
}
