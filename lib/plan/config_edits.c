/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab_size in every place that sizes the text table, by splice. Sizes of other id spaces (vision, audio, codec) stay.
 */
#include <stdio.h>
#include "base/io.h"
#include "json/edit.h"
#include "model/data.h"
#include "plan/extend.h"

/* Places below which a vocabulary is not the text's. */
static bool is_foreign(const struct vs_checkpoint *c, const char *at)
{
    return vs_keys_match(c, "foreign_places", vs_cstr(at));
}

static bool sizes_text(const struct vs_planner *p, size_t i)
{
    const struct vs_config *c = &p->checkpoint->config;
    const struct vs_config_int *v = &c->vocab_sizes[i];
    if (c->text_vocab >= 0 && (size_t)c->text_vocab == i)
        return true;
    return !is_foreign(p->checkpoint, v->at) && ((uint64_t)v->value == p->x->rows_before ||
                                  (c->text_vocab >= 0 && v->value == c->vocab_sizes[c->text_vocab].value));
}

static enum vs_code apply(struct vs_planner *p, const char *file, const struct vs_jdoc *doc, struct vs_edits *e, struct vs_err *err)
{
    struct vs_buf out = {0};
    const char *source = vs_path_join(p->arena, p->checkpoint->dir, file);
    enum vs_code code = source ? vs_edits_apply(e, file, doc->text, &out, err) : vs_enomem(err, file, 0);
    if (!code)
        code = vs_plan_add_text(p->plan, file, source, (struct vs_str){out.p, out.n}, err);
    vs_buf_free(&out);
    return code;
}

/* Gemma3 and others leave vocab_size to the class default: it is written out when it moves. */
static enum vs_code materialise(struct vs_planner *p, const struct vs_jdoc *doc, struct vs_str value, struct vs_edits *e, struct vs_err *err)
{
    static const char *const nested[] = {"text_config", "llm_config", "language_config"};
    const struct vs_jval *object = doc->root;
    char at[64] = "/vocab_size";
    for (size_t i = 0; i < sizeof nested / sizeof *nested; i++) {
        const struct vs_jval *v = vs_jget(doc->root, nested[i]);
        if (v && v->type == VS_JSON_OBJECT) {
            object = v;
            snprintf(at, sizeof at, "/%s/vocab_size", nested[i]);
            break;
        }
    }
    enum vs_code code = vs_edit_add_member(e, doc, object, "vocab_size", value, err);
    return code ? code : vs_plan_add_change(p->plan, "config.json", at, VS_LIT(""), value, err);
}

static enum vs_code edit_size(struct vs_planner *p, const struct vs_jdoc *doc, const char *at, struct vs_str value, struct vs_edits *e,
                              struct vs_err *err)
{
    const struct vs_jval *v = vs_jpath(doc->root, at);
    if (!v)
        return VS_OK;
    struct vs_str before = {doc->text.p + v->span.begin, v->span.end - v->span.begin};
    enum vs_code code = vs_edit(e, v->span.begin, v->span.end, value, err);
    return code ? code : vs_plan_add_change(p->plan, "config.json", at, before, value, err);
}

/* Keys that may count rows and may as well be something else (embedding_size: OLMo's rows, ALBERT's columns): they count
 * rows when they have that value. Recursion is bounded by the parser's depth limit. */
static enum vs_code row_counts(struct vs_planner *p, const struct vs_jdoc *doc, const struct vs_jval *object, struct vs_buf *at,
                               struct vs_str value, struct vs_edits *e, bool *found, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (const struct vs_jval *v = object->child; v && !code; v = v->next) {
        size_t n = at->n;
        int64_t rows;
        vs_buf_pointer(at, v->key);
        if (at->failed)
            return vs_enomem(err, "a place", at->n);
        if (v->type == VS_JSON_OBJECT)
            code = row_counts(p, doc, v, at, value, e, found, err);
        else if (vs_keys_match(p->checkpoint, "row_counts", v->key) && !is_foreign(p->checkpoint, at->p) && vs_ji64(doc, v, &rows) &&
                 (uint64_t)rows == p->x->rows_before) {
            *found = true;
            if (p->x->rows_after != p->x->rows_before)
                code = edit_size(p, doc, at->p, value, e, err);
        }
        at->n = n;
    }
    return code;
}

/* A config that contradicts the table is corrected first, unless the table grows to what it says (VOC101): which of the sizes is meant is not
 * for us to guess. The default
 * of a class at the top (PaliGemma's) sizes nothing, so it stays beside the text's own. Where the rows are counted under a name of their
 * own, vocab_size counts tokens. */
static enum vs_code check_sizes(struct vs_planner *p, bool rows_counted, struct vs_err *err)
{
    const struct vs_checkpoint *c = p->checkpoint;
    const struct vs_config_int *top = NULL, *text = NULL, *v = c->config.text_vocab < 0 ? NULL : &c->config.vocab_sizes[c->config.text_vocab];
    const struct vs_table *input = &c->tables[p->plan->tables[0].table];
    bool reached = v && v->value > 0 && (uint64_t)v->value > p->x->rows_before && (uint64_t)v->value <= p->x->rows_after;
    if (v && (uint64_t)v->value != p->x->rows_before && !rows_counted && !reached)
        return vs_fail(err, VS_EMISMATCH, "%s/%s: %s: found %lld, expected %llu: %.*s has so many rows; correct the config first", c->dir, v->file,
                       v->at, (long long)v->value, (unsigned long long)p->x->rows_before, VS_STR(c->tensors[input->tensor].name));
    for (size_t i = 0; i < c->config.vocab_size_count; i++) {
        v = &c->config.vocab_sizes[i];
        top = strcmp(v->at, "/vocab_size") == 0 ? v : top;
        text = strcmp(v->at, "/text_config/vocab_size") == 0 ? v : text;
    }
    if (!top || !text || top->value == text->value)
        return VS_OK;
    if (top->value != c->config.top_size_default || (uint64_t)text->value != p->x->rows_before)
        return vs_fail(err, VS_EMISMATCH, "%s/%s: %s: found %lld, expected %lld as in %s; correct the config first", c->dir, top->file, top->at,
                       (long long)top->value, (long long)text->value, text->at);
    return vs_plan_note(p->plan, err, "%s: %s stays %lld, the default of its class: the rows are counted by %s (%lld)", top->file, top->at,
                        (long long)top->value, text->at, (long long)text->value);
}

static enum vs_code edit_config(struct vs_planner *p, const struct vs_jdoc *doc, struct vs_str value, struct vs_edits *e, struct vs_err *err)
{
    const struct vs_config *c = &p->checkpoint->config;
    struct vs_buf at = {0};
    bool rows_counted = false;
    enum vs_code code = row_counts(p, doc, doc->root, &at, value, e, &rows_counted, err);
    if (!code)
        code = check_sizes(p, rows_counted, err);
    for (size_t i = 0; !code && i < c->vocab_size_count; i++)
        if ((uint64_t)c->vocab_sizes[i].value != p->x->rows_after && sizes_text(p, i))
            code = edit_size(p, doc, c->vocab_sizes[i].at, value, e, err);
    if (!code && c->text_vocab < 0 && p->x->rows_after != p->x->rows_before)
        code = materialise(p, doc, value, e, err);
    vs_buf_free(&at);
    return code;
}

static enum vs_code edit_sizes(struct vs_planner *p, const struct vs_jdoc *doc, struct vs_edits *e, struct vs_err *err)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)p->x->rows_after);
    return edit_config(p, doc, (struct vs_str){digits, (size_t)n}, e, err);
}

static enum vs_code edit_file(struct vs_planner *p, const char *file, bool sizes, struct vs_err *err)
{
    const struct vs_jdoc *doc = vs_checkpoint_json(p->checkpoint, file);
    struct vs_edits e = {0};
    enum vs_code code = doc && sizes ? edit_sizes(p, doc, &e, err) : VS_OK;
    if (!code && doc)
        code = vs_extend_wake(p, file, doc, &e, err);
    if (!code && e.count)
        code = apply(p, file, doc, &e, err);
    vs_edits_free(&e);
    return code;
}

enum vs_code vs_extend_config_edits(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_config *c = &p->checkpoint->config;
    const char *file = "config.json";
    if (p->plan->shift.by)
        return VS_OK;
    enum vs_code code = edit_file(p, file, true, err);
    for (size_t i = 0; !code && i < c->special_id_count; i++) /* file by file */
        if (strcmp(c->special_ids[i].file, file) != 0) {
            file = c->special_ids[i].file;
            if (strcmp(file, "config.json") != 0 && !vs_is_tokenizer_file(file))
                code = edit_file(p, file, false, err);
        }
    return code;
}
