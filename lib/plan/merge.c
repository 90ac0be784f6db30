/* SPDX-License-Identifier: Apache-2.0
 *
 * Planning a merge: the base is opened, extensions give candidates, candidates become merges; merge_build.c gives the ids.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "base/sha256.h"
#include "plan/merge.h"
#include "plan/offsets.h"
#include "tokenizer/pipeline.h"

enum vs_code vs_merge_note(struct vs_merge *m, struct vs_err *err, const char *fmt, ...)
{
    char text[3072];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    const char **notes = vs_arena_room(&m->arena, m->notes, m->report.note_count, sizeof *notes);
    const char *copy = vs_arena_dup(&m->arena, text, strlen(text));
    if (!notes || !copy)
        return vs_enomem(err, "a note", 0);
    m->report.notes = m->notes = notes;
    notes[m->report.note_count++] = copy;
    return VS_OK;
}

/* ---- the base ---- */

static enum vs_code check_base(const struct vs_tokenizer *t, struct vs_err *err)
{
    char token[128];
    if (t->hole_count)
        return vs_fail(err, VS_EMISMATCH, "%s: found %u ranges of ids without a token, the first %u .. %u; expected ids without holes: the Rust "
                       "library numbers new tokens by count and would hand these ids out again; give each of them a placeholder entry in "
                       "model.vocab first", t->path, t->hole_count, t->holes[0].begin, t->holes[0].end - 1);
    if (t->moved_count) {
        const struct vs_added *a = &t->added[t->moved[0]];
        return vs_fail(err, VS_EMISMATCH, "%s: /added_tokens: %s is declared as id %u but runs as %u; expected the two to agree: decide "
                       "which one the model was trained with and correct the file", t->path, vs_escape(token, sizeof token, a->content),
                       a->declared, a->effective);
    }
    return t->finding_count ? vs_fail(err, VS_EMISMATCH, "%s: %s; correct the file first", t->path, t->findings[0]) : VS_OK;
}

/* Blocks that cannot be read are for those to refuse who move them. */
static enum vs_code follows(struct vs_merge *m, struct vs_err *err)
{
    struct vs_block *blocks;
    uint32_t count;
    enum vs_code code = vs_blocks_find(m->checkpoint, &m->arena, &blocks, &count, err);
    m->report.blocks = count > 1;
    return code == VS_ENOMEM ? code : VS_OK;
}

static enum vs_code open_base(struct vs_merge *m, const struct vs_merge_request *q, const struct vs_run *run, struct vs_err *err)
{
    char sha[VS_SHA256_HEX];
    enum vs_code code = vs_tokenizer_open(q->base, &(struct vs_tokenizer_options){.lenient = true, .cancel = run->cancel}, &m->base, err);
    if (!code)
        code = check_base(m->base, err);
    if (!code && vs_path_is_dir(q->base)) {
        m->base_dir = q->base;
        bool model;
        code = vs_checkpoint_present(q->base, &model, err);
        if (!code && model)
            code = vs_checkpoint_open(q->base, &(struct vs_checkpoint_options){.data_dir = run->data_dir}, &m->checkpoint, err);
    }
    if (!code)
        code = vs_sha256_path(m->base->path, run, sha, err);
    if (code)
        return code;
    struct vs_arena *a = &m->map->impl->arena;
    m->map->base_path = vs_cstr(vs_arena_dup(a, q->base, strlen(q->base)));
    m->map->base_sha256 = vs_cstr(vs_arena_dup(a, sha, strlen(sha)));
    m->map->base_rows_needed = m->base->rows_needed;
    m->report.base_tokens = m->base->len;
    const struct vs_table *input = m->checkpoint ? vs_checkpoint_table(m->checkpoint, VS_ROLE_INPUT) : NULL;
    m->report.model_rows = input ? input->rows : 0;
    if (m->checkpoint && (code = follows(m, err)))
        return code;
    return m->map->base_sha256.p && m->map->base_path.p ? VS_OK : vs_enomem(err, "a path", strlen(q->base));
}

/* A pipeline that cannot be run is no obstacle for tokens that are asked for by their text; the ids are proven all the same. */
static enum vs_code try_pipeline(struct vs_merge *m, struct vs_err *err)
{
    struct vs_buf b = {0};
    enum vs_code code = vs_normalize(m->base, VS_LIT("a"), &b, err);
    m->no_text = code == VS_EUNSUPPORTED;
    if (m->no_text)
        code = vs_merge_note(m, err, "%s; so new tokens are not tried on text", err->message);
    vs_buf_free(&b);
    return code;
}

/* Everything that is read, so that nothing of it is written to. */
static enum vs_code name_inputs(struct vs_merge *m, const struct vs_merge_request *q, struct vs_err *err)
{
    m->inputs = vs_arena_array(&m->arena, q->extension_count + 3, sizeof *m->inputs);
    if (!m->inputs)
        return vs_enomem(err, "the inputs", 0);
    m->inputs[m->input_count++] = m->base->path;
    m->inputs[m->input_count++] = q->base;
    for (size_t i = 0; i < q->extension_count; i++)
        m->inputs[m->input_count++] = q->extensions[i];
    if (q->tokens_file)
        m->inputs[m->input_count++] = q->tokens_file;
    return VS_OK;
}

/* ---- extensions ---- */

static enum vs_code match_one(struct vs_merge *m, struct vs_match *match, const char *path, const struct vs_run *run, struct vs_err *err)
{
    struct vs_tokenizer *ext = NULL;
    size_t n = strlen(path), begin = (size_t)(vs_path_base(path) - path);
    while (n > begin + 1 && path[n - 1] == '/')
        n--;
    const char *source = vs_arena_dup(&m->map->impl->arena, path + begin, n - begin);
    enum vs_code code = source ? VS_OK : vs_enomem(err, "a name", n);
    if (!code)
        code = vs_tokenizer_open(path, &(struct vs_tokenizer_options){.holes = true, .ids_only = true, .cancel = run->cancel}, &ext, err);
    if (!code)
        code = vs_match_extension(match, ext, vs_cstr(source), m->map, run, err);
    if (!code)
        m->report.extension_tokens += ext->len;
    vs_tokenizer_close(ext);
    return code;
}

static enum vs_code match_all(struct vs_merge *m, const struct vs_merge_request *q, const struct vs_wishes *wishes,
                              struct vs_match **match, const struct vs_run *run, struct vs_err *err)
{
    if (q->extension_count && m->base->kind != VS_TOK_BPE)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: /model/type: found %s, expected BPE: merging a vocabulary into %s is not covered; --add-token, "
                       "--add-special and --tokens-file are", m->base->path, vs_tok_kind_name(m->base->kind), vs_tok_kind_name(m->base->kind));
    enum vs_code code = vs_match_begin(m->base, wishes->contents, wishes->count, match, err);
    for (size_t i = 0; !code && i < q->extension_count; i++)
        code = match_one(m, *match, q->extensions[i], run, err);
    return code;
}

static enum vs_code note_odd_lines(struct vs_merge *m, const struct vs_wishes *w, struct vs_err *err)
{
    return w->odd_lines ? vs_merge_note(m, err, "%zu line%s of the tokens file %s blanks at the ends or a carriage return, which belong to the "
                                        "token: see line %zu", w->odd_lines, w->odd_lines == 1 ? "" : "s", w->odd_lines == 1 ? "has" : "have",
                        w->first_odd) : VS_OK;
}

static void fill_report(struct vs_merge *m, const struct vs_fold *fold)
{
    struct vs_merge_report *r = &m->report;
    struct vs_vocab_map *map = m->map;
    r->map = map;
    for (uint32_t i = 0; i < map->overlap_count; i++)
        r->known += map->overlaps[i].source_id == VS_NO_ID, r->made_special += map->overlaps[i].made_special;
    r->shared = map->overlap_count - r->known;
    r->rejected = map->reject_count;
    r->new_total = map->new_count;
    r->first_id = map->new_count ? map->news[0].id : VS_NO_ID;
    r->last_id = map->new_count ? map->news[map->new_count - 1].id : VS_NO_ID;
    r->rows_needed = map->rows_needed = map->new_count ? r->last_id + 1 : map->base_rows_needed;
    r->merged = fold->token_count;
    r->accepted = fold->token_count - r->intermediates;
    r->added = r->new_total - fold->token_count;
    r->byte_level = m->base->alphabet == VS_ALPHA_BYTE;
    r->reachable_by_merges = fold->reached;
}

enum vs_code vs_merge_plan(const struct vs_merge_request *q, const struct vs_run *run, struct vs_merge **out, struct vs_err *err)
{
    struct vs_match *match = NULL;
    struct vs_wishes wishes = {0};
    uint32_t candidate_count = 0;
    struct vs_fold fold = {0};
    struct vs_merge *m = vs_calloc(1, sizeof *m);
    const struct vs_candidate *candidates = NULL;
    enum vs_code code = m && (m->map = vs_vocab_map_new()) ? VS_OK : vs_enomem(err, "the merge", sizeof *m);
    if (!code)
        code = open_base(m, q, run, err);
    if (!code)
        code = name_inputs(m, q, err);
    if (!code && !q->extension_count)
        code = try_pipeline(m, err);
    if (!code)
        code = vs_merge_wishes(q, m->base, &m->map->impl->arena, &wishes, err);
    if (!code)
        code = note_odd_lines(m, &wishes, err);
    if (!code)
        code = match_all(m, q, &wishes, &match, run, err);
    if (!code && m->base->kind == VS_TOK_BPE && q->extension_count) {
        candidates = vs_match_candidates(match, &candidate_count);
        struct vs_fold_request fold_request = {m->base, candidates, candidate_count, wishes.contents, wishes.count};
        code = vs_fold(&fold_request, &m->map->impl->arena, run, &fold, err);
    }
    if (!code)
        code = vs_merge_build(m, &fold, candidates, candidate_count, &wishes, run, err);
    if (!code)
        fill_report(m, &fold);
    vs_match_end(match);
    if (code)
        vs_merge_free(m);
    else
        *out = m;
    return code;
}

const struct vs_merge_report *vs_merge_report(const struct vs_merge *m)
{
    return &m->report;
}

void vs_merge_free(struct vs_merge *m)
{
    if (!m)
        return;
    vs_merge_unstage(m);
    vs_tokenizer_close(m->base);
    vs_checkpoint_close(m->checkpoint);
    vs_vocab_map_free(m->map);
    vs_arena_free(&m->arena);
    vs_free(m);
}
