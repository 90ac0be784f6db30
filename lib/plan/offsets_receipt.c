/* SPDX-License-Identifier: Apache-2.0
 *
 * offset-receipt.json: what was moved, by how much, so that nobody moves it twice. It depends on the input alone, so that
 * offset-patch and embed-extend write the same bytes.
 */
#include <cjson/cJSON.h>
#include "base/io.h"
#include "base/sha256.h"
#include "plan/offsets_facts.h"

uint64_t vs_offsets_receipt_end(const struct vs_jdoc *doc)
{
    const struct vs_jval *blocks = vs_jget(doc->root, "blocks");
    uint64_t most = 0;
    int64_t end;
    for (const struct vs_jval *b = blocks ? blocks->child : NULL; b; b = b->next)
        if (vs_ji64(doc, vs_jget(b, "end"), &end) && end > 0 && (uint64_t)end > most)
            most = (uint64_t)end;
    return most;
}

bool vs_offsets_receipt_shift(const struct vs_jdoc *doc, struct vs_shift *out)
{
    int64_t at, by;
    bool told = vs_ji64(doc, vs_jpath(doc->root, "/shift/at"), &at) && vs_ji64(doc, vs_jpath(doc->root, "/shift/by"), &by) && at >= 0 && by > 0;
    *out = told ? (struct vs_shift){(uint64_t)at, (uint64_t)by} : (struct vs_shift){0, 0};
    return told;
}

/* Rows that moved with the ids are a whole model, which may grow once more; without rows only the map can tell that its tokens are others. */
static enum vs_code judge(const struct vs_checkpoint *c, const struct vs_jdoc *doc, const char *path, bool made_for_it, struct vs_err *err)
{
    const struct vs_table *input = vs_checkpoint_table(c, VS_ROLE_INPUT);
    struct vs_shift s;
    if (!vs_offsets_receipt_shift(doc, &s))
        return vs_fail(err, VS_EFORMAT, "%s: no shift", path);
    if (input ? input->rows == vs_offsets_receipt_end(doc) : made_for_it)
        return VS_OK;
    if (input)
        return vs_fail(err, VS_EMISMATCH, "%s: its ids were moved before: those from %llu on by %llu (%s says so), but its rows were not; start from "
                       "the model as it was, and let embed-extend move both", c->dir, (unsigned long long)s.at, (unsigned long long)s.by, path);
    return vs_fail(err, VS_EMISMATCH, "%s: its ids were moved before: those from %llu on by %llu (%s says so), and nothing says that these tokens "
                   "are others; for further ones make the map of them with vocab-merge %s", c->dir, (unsigned long long)s.at,
                   (unsigned long long)s.by, path, c->dir);
}

enum vs_code vs_offsets_refuse_again(const struct vs_checkpoint *c, bool made_for_it, struct vs_err *err)
{
    struct vs_arena a = {0};
    struct vs_jdoc doc = {0};
    char *path = vs_path_join(&a, c->dir, VS_OFFSETS_RECEIPT);
    enum vs_code code = VS_OK;
    if (!path) {
        code = vs_enomem(err, c->dir, 0);
    } else if (vs_path_exists(path)) {
        code = vs_jdoc_read(path, &doc, err);
        if (!code)
            code = judge(c, &doc, path, made_for_it, err);
        if (code == VS_EFORMAT || code == VS_ELIMIT) /* other failures speak for themselves */
            code = vs_fail(err, VS_EMISMATCH, "%s: is there, but cannot be read; it says that ids were moved before. Start from the original files",
                           path);
    }
    vs_jdoc_free(&doc);
    vs_arena_free(&a);
    return code;
}

/* Sticky: a failed allocation leaves *ok false and later calls do nothing. */
static void number(cJSON *to, const char *key, uint64_t v, bool *ok)
{
    *ok = *ok && cJSON_AddNumberToObject(to, key, (double)v); /* ids are below 2^32: exact */
}

static void text(cJSON *to, const char *key, const char *v, bool *ok)
{
    *ok = *ok && cJSON_AddItemToObject(to, key, v ? cJSON_CreateString(v) : cJSON_CreateNull());
}

static cJSON *entry(cJSON *list, bool *ok)
{
    cJSON *o = cJSON_CreateObject();
    *ok = *ok && o && cJSON_AddItemToArray(list, o);
    return o;
}

static void put_blocks(cJSON *root, const struct vs_plan *plan, bool *ok)
{
    cJSON *list = cJSON_AddArrayToObject(root, "blocks");
    *ok = *ok && list;
    for (uint32_t i = 0; *ok && i < plan->block_count; i++) {
        cJSON *o = entry(list, ok);
        text(o, "name", plan->blocks[i].name, ok);
        number(o, "begin_before", plan->blocks[i].begin, ok);
        number(o, "end_before", plan->blocks[i].end, ok);
        number(o, "begin", plan->blocks_after[i].begin, ok);
        number(o, "end", plan->blocks_after[i].end, ok);
    }
}

static enum vs_code put_files(cJSON *root, const struct vs_plan *plan, uint32_t first, const char *dir, bool *ok, struct vs_err *err)
{
    struct vs_arena a = {0};
    enum vs_code code = VS_OK;
    cJSON *list = cJSON_AddArrayToObject(root, "files");
    *ok = *ok && list;
    for (uint32_t i = first; !code && *ok && i < plan->file_count; i++) {
        const struct vs_file_plan *f = &plan->files[i];
        char before[VS_SHA256_HEX], after[VS_SHA256_HEX];
        char *path = vs_path_join(&a, dir, f->name);
        bool was = path && vs_path_exists(path);
        vs_sha256_of(f->text, after);
        if (!path || !after[0])
            code = vs_enomem(err, f->name, 0);
        else if (was)
            code = vs_sha256_path(path, NULL, before, err);
        if (code)
            break;
        cJSON *o = entry(list, ok);
        text(o, "file", f->name, ok);
        text(o, "sha256_before", was ? before : NULL, ok);
        text(o, "sha256", after, ok);
    }
    vs_arena_free(&a);
    return code;
}

enum vs_code vs_offsets_receipt(const struct vs_layout *l, const char *dir, uint64_t tokens, uint32_t first_file, struct vs_buf *out,
                                struct vs_err *err)
{
    cJSON *root = cJSON_CreateObject(), *shift;
    bool ok = root != NULL;
    text(root, "schema", "vocabsurgeon/offset-receipt/1", &ok);
    text(root, "tool_version", vs_version(), &ok);
    text(root, "rule", l->rule->id, &ok);
    text(root, "strategy", "insert_shift", &ok);
    shift = cJSON_AddObjectToObject(root, "shift");
    number(shift, "at", l->shift.at, &ok);
    number(shift, "by", l->shift.by, &ok);
    number(root, "tokens", tokens, &ok);
    put_blocks(root, l->plan, &ok);
    enum vs_code code = put_files(root, l->plan, first_file, dir, &ok, err);
    char *json = !code && ok ? cJSON_Print(root) : NULL;
    if (json) {
        vs_buf_puts(out, json);
        vs_buf_puts(out, "\n");
    }
    if (!code && (!json || out->failed))
        code = vs_enomem(err, VS_OFFSETS_RECEIPT, 0);
    cJSON_free(json);
    cJSON_Delete(root);
    return code;
}
