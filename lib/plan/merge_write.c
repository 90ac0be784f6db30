/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a merge: files are staged, re-opened and proven, and only then visible.
 */
#include <string.h>
#include "base/io.h"
#include "plan/merge.h"

#define TOKENIZER_FILE_MAX (1ull << 30)

/* What belongs to a tokenizer and comes along; a * stands for any characters. */
static const char *const companions[] = {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt",
                                         "vocab.txt", "chat_template.jinja", "chat_template.json"};
/* The same vocabulary in formats that are not written: they would go on saying the old one. */
static const char *const stale[] = {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "*.tiktoken", "tekken.json", "vocab.bpe",
                                    "encoder.json", "tokenizer.model.v*"};

static enum vs_code write_one(struct vs_merge *m, struct vs_outdir *d, const char *source, const char *name, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0;
    struct vs_buf out = {0};
    enum vs_code code = vs_read_all(source, TOKENIZER_FILE_MAX, &text, &n, err);
    if (!code && strcmp(name, "tokenizer.json") == 0)
        code = vs_save_tokenizer_json(source, (struct vs_str){text, n}, &m->save, &out, err);
    else if (!code)
        code = vs_save_sibling(source, (struct vs_str){text, n}, &m->save, &out, err);
    if (!code)
        code = vs_outdir_write(d, name, source, (struct vs_str){out.p, out.n}, err);
    vs_buf_free(&out);
    vs_free(text);
    return code;
}

/* A line of vocab.txt is an id: it can be continued only when the next line is the next id. */
static enum vs_code lines_fit(struct vs_merge *m, const char *path, bool *fits, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0, lines = 0;
    enum vs_code code = vs_read_all(path, TOKENIZER_FILE_MAX, &text, &n, err);
    for (size_t i = 0; !code && i < n; i++)
        lines += text[i] == '\n' || i + 1 == n;
    *fits = m->save.entry_count == 0 || lines == m->save.entries[0].id;
    vs_free(text);
    return code;
}

static enum vs_code write_sibling(struct vs_merge *m, struct vs_outdir *d, const char *name, struct vs_err *err)
{
    const char *path = vs_path_join(&m->arena, m->base_dir, name);
    bool fits = true;
    if (!path)
        return vs_enomem(err, "a path", strlen(name));
    enum vs_code code = strcmp(name, "vocab.txt") == 0 ? lines_fit(m, path, &fits, err) : VS_OK;
    if (!code && !fits)
        return vs_merge_note(m, err, "%s is left out: its lines are not the ids of tokenizer.json", name);
    return code ? code : write_one(m, d, path, name, err);
}

/* What special_tokens_map.json lists decides what tokenizer_config.json has to. */
static enum vs_code look_at_map(struct vs_merge *m, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0;
    const char *path = vs_path_join(&m->arena, m->base_dir, "special_tokens_map.json");
    if (!path)
        return vs_enomem(err, "a path", 0);
    enum vs_code code = vs_path_exists(path) ? vs_read_all(path, TOKENIZER_FILE_MAX, &text, &n, err) : VS_OK;
    if (text)
        code = vs_save_names_specials((struct vs_str){text, n}, &m->save.map_names_specials, err);
    vs_free(text);
    return code;
}

/* transformers names special tokens in tokenizer_config.json; a base without one gets one that says nothing else. */
static enum vs_code write_missing_config(struct vs_merge *m, struct vs_outdir *d, struct vs_err *err)
{
    static const char name[] = "tokenizer_config.json";
    struct vs_buf out = {0};
    const char *path = vs_path_join(&m->arena, m->base_dir, name);
    if (!path)
        return vs_enomem(err, "a path", 0);
    if (!m->save.special_count || m->save.map_names_specials || vs_path_exists(path))
        return VS_OK;
    enum vs_code code = vs_save_sibling(path, VS_LIT("{}"), &m->save, &out, err);
    if (!code)
        code = vs_outdir_write(d, name, NULL, (struct vs_str){out.p, out.n}, err);
    vs_buf_free(&out);
    return code;
}

static enum vs_code write_siblings(struct vs_merge *m, struct vs_outdir *d, struct vs_err *err)
{
    const char **names = NULL;
    size_t count = 0;
    if (!m->base_dir)
        return VS_OK;
    enum vs_code code = vs_dir_list(m->base_dir, &m->arena, &names, &count, err);
    if (!code)
        code = look_at_map(m, err);
    if (!code)
        code = write_missing_config(m, d, err);
    for (size_t i = 0; !code && i < count; i++) {
        if (VS_GLOB_ANY(companions, vs_cstr(names[i])))
            code = write_sibling(m, d, names[i], err);
        else if (VS_GLOB_ANY(stale, vs_cstr(names[i])))
            code = vs_merge_note(m, err, "%s is left out: it holds the old vocabulary, and its format is not written", names[i]);
    }
    return code;
}

static enum vs_code write_map(struct vs_merge *m, struct vs_outdir *d, struct vs_err *err)
{
    struct vs_buf json = {0};
    enum vs_code code = vs_vocab_map_write(m->map, &json, err);
    if (!code)
        code = vs_outdir_write(d, "vocab-map.json", NULL, (struct vs_str){json.p, json.n}, err);
    vs_buf_free(&json);
    return code;
}

/* ---- the proof ---- */

static enum vs_code check_id(const struct vs_tokenizer *t, struct vs_str token, uint32_t id, struct vs_err *err)
{
    char shown[128];
    uint32_t got = vs_token_id(t, token);
    if (got == id)
        return VS_OK;
    return vs_fail(err, VS_EMISMATCH, "%s: %s would run as id %d, expected %u; nothing is written", vs_path_base(t->path),
                   vs_escape(shown, sizeof shown, token), got == VS_NO_ID ? -1 : (int)got, id);
}

/* Every base id means what it meant, every new id what the map says, and there is no other. */
static enum vs_code check_ids(const struct vs_merge *m, const struct vs_tokenizer *t, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t id = 0; !code && id < m->base->rows_needed; id++) {
        struct vs_str token = vs_token_text(m->base, id);
        if (token.p)
            code = check_id(t, token, id, err);
    }
    for (uint32_t i = 0; !code && i < m->map->new_count; i++)
        code = check_id(t, m->map->news[i].token, m->map->news[i].id, err);
    if (!code && (t->rows_needed != m->map->rows_needed || t->hole_count || t->moved_count))
        code = vs_fail(err, VS_EMISMATCH, "%s: %u ids with %u holes and %u moved tokens, expected %u without any; nothing is written",
                       vs_path_base(t->path), t->rows_needed, t->hole_count, t->moved_count, m->map->rows_needed);
    return code;
}

static bool holds(const struct vs_ids *ids, uint32_t id)
{
    for (size_t i = 0; i < ids->count; i++)
        if (ids->ids[i] == id)
            return true;
    return false;
}

static enum vs_code gives(const struct vs_tokenizer *t, const char *before, struct vs_str text, const char *after, uint32_t id,
                          struct vs_witness *w, bool *found, struct vs_err *err)
{
    w->text.n = 0;
    w->ids.count = 0;
    vs_buf_puts(&w->text, before);
    vs_buf_str(&w->text, text);
    vs_buf_puts(&w->text, after);
    const struct vs_str all = {w->text.p, w->text.n};
    enum vs_code code = w->text.failed ? vs_enomem(err, "a text", w->text.n) : vs_encode(t, all, &w->ids, err);
    *found = !code && holds(&w->ids, id);
    return code;
}

enum vs_code vs_comes_out(const struct vs_tokenizer *t, struct vs_str text, uint32_t id, struct vs_witness *w, bool *found, struct vs_err *err)
{
    static const char *const around[] = {"", "a", " ", "1", ".", "\n"};
    enum vs_code code = VS_OK;
    *found = false;
    for (int k = 0; !code && !*found && k < 36; k++) {
        const char *side[] = {around[k / 6], around[k % 6]};
        bool of_side = false;
        code = gives(t, side[0], text, side[1], id, w, found, err);
        for (int i = 0; !code && *found && k && i < 2; i++) { /* a neighbour that gives the id by itself proves nothing */
            code = gives(t, side[i], VS_LIT(""), "", id, w, &of_side, err);
            *found = !of_side;
        }
    }
    return code;
}

void vs_witness_free(struct vs_witness *w)
{
    vs_buf_free(&w->text);
    vs_ids_free(&w->ids);
}

struct proof { struct vs_witness witness; struct vs_buf bytes; struct vs_named mute; }; /* mute: tokens that no text gives */

/* The merges alone, whatever ignore_merges hides: the token's own symbols give the token. */
static enum vs_code count_by_merges(struct vs_merge_report *r, const struct vs_tokenizer *t, const struct vs_new_token *n, struct proof *w,
                                    struct vs_err *err)
{
    if (n->kind != VS_NEW_MERGED && n->kind != VS_NEW_INTERMEDIATE)
        return VS_OK;
    struct vs_ids *ids = &w->witness.ids;
    ids->count = 0;
    enum vs_code code = vs_encode_symbols(t, n->token, ids, err);
    r->reachable_by_merges += !code && ids->count == 1 && ids->ids[0] == n->id;
    return code;
}

static enum vs_code count_by_text(struct vs_merge_report *r, const struct vs_tokenizer *t, const struct vs_new_token *n, struct proof *w,
                                  struct vs_err *err)
{
    char shown[128];
    bool found;
    w->bytes.n = 0;
    if (!vs_token_bytes(t, n->id, &w->bytes) || vs_utf8_valid(w->bytes.p, w->bytes.n) != w->bytes.n) {
        r->parts++;
        return VS_OK;
    }
    r->text_checked++;
    const struct vs_str text = {w->bytes.p, w->bytes.n};
    enum vs_code code = vs_comes_out(t, text, n->id, &w->witness, &found, err);
    r->reachable_by_text += !code && found;
    if (!code && !found)
        vs_name_one(&w->mute, "%u \"%s\"", n->id, vs_escape(shown, sizeof shown, text));
    return code;
}

static enum vs_code note_mute(struct vs_merge *m, const struct vs_named *mute, struct vs_err *err)
{
    if (mute->text.failed)
        return vs_enomem(err, "a note", 0);
    return mute->count ? vs_merge_note(m, err, "%u new token%s out for no text: %s", mute->count, mute->count == 1 ? " comes" : "s come", mute->text.p)
                       : VS_OK;
}

static enum vs_code count_reached(struct vs_merge *m, const struct vs_tokenizer *t, const struct vs_run *run, struct vs_err *err)
{
    struct proof w = {0};
    enum vs_code code = VS_OK;
    m->report.text_checked = m->report.reachable_by_text = m->report.parts = m->report.reachable_by_merges = 0;
    m->report.text_tried = !m->no_text;
    for (uint32_t i = 0; !code && i < m->map->new_count; i++) {
        code = count_by_merges(&m->report, t, &m->map->news[i], &w, err);
        if (!code && !m->no_text)
            code = count_by_text(&m->report, t, &m->map->news[i], &w, err);
        if (!code && run->cancel && *run->cancel)
            code = vs_fail(err, VS_ECANCELED, "interrupted");
    }
    if (!code)
        code = note_mute(m, &w.mute, err);
    vs_buf_free(&w.mute.text);
    vs_buf_free(&w.bytes);
    vs_witness_free(&w.witness);
    return code;
}

static enum vs_code prove(struct vs_merge *m, const struct vs_outdir *d, const struct vs_run *run, struct vs_err *err)
{
    const struct vs_tokenizer_options options = {.lenient = true, .cancel = run->cancel};
    struct vs_tokenizer *t = NULL;
    const char *path = vs_outdir_path(d, m->base_dir ? "." : "tokenizer.json", &m->arena); /* with its siblings where it has some */
    enum vs_code code = path ? vs_tokenizer_open(path, &options, &t, err) : vs_enomem(err, "a path", 0);
    if (!code)
        code = check_ids(m, t, err);
    if (!code)
        code = count_reached(m, t, run, err);
    vs_tokenizer_close(t);
    return code;
}

enum vs_code vs_merge_stage(struct vs_merge *m, const char *out, bool force, const struct vs_run *run, struct vs_err *err)
{
    enum vs_code code = vs_outdir_begin(out, force, m->inputs, m->input_count, &m->staged, err);
    if (!code)
        code = write_one(m, m->staged, m->base->path, "tokenizer.json", err);
    if (!code)
        code = write_siblings(m, m->staged, err);
    if (!code)
        code = prove(m, m->staged, run, err);
    if (!code)
        code = write_map(m, m->staged, err);
    return code;
}

void vs_merge_unstage(struct vs_merge *m)
{
    vs_outdir_abort(m->staged);
    m->staged = NULL;
}

enum vs_code vs_merge_commit(struct vs_merge *m, struct vs_err *err)
{
    enum vs_code code = vs_outdir_commit(m->staged, err);
    if (!code)
        m->staged = NULL;
    return code;
}

enum vs_code vs_merge_write(struct vs_merge *m, const char *out, bool force, const struct vs_run *run, struct vs_err *err)
{
    enum vs_code code = vs_merge_stage(m, out, force, run, err);
    if (!code)
        code = vs_merge_commit(m, err);
    if (code)
        vs_merge_unstage(m);
    return code;
}
