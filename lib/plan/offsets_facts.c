/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include "plan/offsets_facts.h"

/* ---- tensors ---- */

static bool applies(const struct vs_layout *l, const struct vs_rule_tensor *t, bool *out, enum vs_code *code, struct vs_err *err)
{
    int64_t holds = 1;
    *code = t->when ? vs_layout_eval(l, VS_BEFORE, t->when, &holds, err) : VS_OK;
    *out = holds != 0;
    return *code == VS_OK;
}

static bool named(const struct vs_rule_tensor *t, struct vs_str name)
{
    for (uint32_t i = 0; i < t->name_count; i++)
        if (vs_glob(vs_cstr(t->names[i]), name))
            return true;
    return false;
}

/* Where the event meets the rows of a tensor: behind the covered blocks that come before it. */
static void set_operation(const struct vs_layout *l, const struct vs_rule_tensor *t, struct vs_offsets_tensor *out)
{
    uint64_t first = UINT64_MAX;
    for (uint32_t b = 0; b < l->rule->block_count; b++)
        if (t->covers >> b & 1 && l->blocks[VS_BEFORE][b].begin < first)
            first = l->blocks[VS_BEFORE][b].begin;
    out->grows = l->shift.by && t->covers >> l->rule->extend & 1;
    out->first_id = first == UINT64_MAX ? 0 : first;
    out->insert_at = out->grows ? l->shift.at - first : out->rows_before;
    out->rows_after = out->rows_before + (out->grows ? l->shift.by : 0);
}

static enum vs_code add_tensor(struct vs_layout *l, const struct vs_rule_tensor *t, const struct vs_tensor *found, struct vs_offsets *out,
                               struct vs_err *err)
{
    struct vs_offsets_tensor *o = &out->tensors[out->tensor_count];
    const char *name;
    int64_t rows;
    enum vs_code code = vs_layout_eval(l, VS_BEFORE, t->rows, &rows, err);
    if (!code)
        code = vs_layout_keep(l, found ? found->name : vs_cstr(t->names[0]), &name, err);
    if (code)
        return code;
    o->name = vs_cstr(name);
    o->present = found != NULL;
    o->rows_before = found && found->ndim ? found->shape[0] : rows > 0 ? (uint64_t)rows : 0;
    set_operation(l, t, o);
    out->tensor_count++;
    return VS_OK;
}

enum vs_code vs_offsets_tensors(struct vs_layout *l, const struct vs_checkpoint *c, struct vs_offsets *out, struct vs_err *err)
{
    const struct vs_rule *r = l->rule;
    enum vs_code code = VS_OK;
    uint64_t count = r->tensor_count;
    for (uint32_t i = 0; i < r->tensor_count; i++)
        for (uint64_t k = 0; c && k < c->tensor_count; k++)
            count += named(&r->tensors[i], c->tensors[k].name);
    out->tensors = vs_arena_array(&l->plan->impl->arena, count + 1, sizeof *out->tensors);
    if (!out->tensors)
        return vs_enomem(err, "the tensors of a layout", 0);
    for (uint32_t i = 0; !code && i < r->tensor_count; i++) {
        const struct vs_rule_tensor *t = &r->tensors[i];
        bool use, weights = c && c->tensor_count > 0;
        if (!applies(l, t, &use, &code, err) || !use)
            continue;
        for (uint64_t k = 0; !code && weights && k < c->tensor_count; k++)
            if (named(t, c->tensors[k].name))
                code = add_tensor(l, t, &c->tensors[k], out, err);
        if (!code && !weights)
            code = add_tensor(l, t, NULL, out, err);
    }
    return code;
}

/* Rows as stored, and after the event as they will be, are what the configs say. */
static enum vs_code check_tensor(struct vs_layout *l, const struct vs_checkpoint *c, const struct vs_rule_tensor *t, int pass, struct vs_err *err)
{
    uint32_t found = 0;
    int64_t rows;
    char words[VS_RULE_WORDS];
    enum vs_code code = vs_layout_eval(l, pass, t->rows, &rows, err);
    for (uint64_t k = 0; !code && k < c->tensor_count; k++) {
        struct vs_offsets_tensor o = {.rows_before = c->tensors[k].ndim ? c->tensors[k].shape[0] : 0};
        if (!named(t, c->tensors[k].name))
            continue;
        found++;
        set_operation(l, t, &o);
        uint64_t have = pass == VS_AFTER ? o.rows_after : o.rows_before;
        code = vs_layout_check(l, pass, rows >= 0 && have == (uint64_t)rows, err, "rows of %.*s == %s [%" PRIu64 " rows, not %" PRId64 "]",
                               VS_STR(c->tensors[k].name), vs_rule_words(l->rule, t->rows, words), have, rows);
    }
    if (!code && !found && !t->optional)
        code = vs_layout_check(l, pass, false, err, "there is a tensor %s", t->names[0]);
    return code;
}

/* ---- tokenizer ---- */

static enum vs_code check_token(struct vs_layout *l, const struct vs_offsets_facts *f, const struct vs_rule_field *field, int pass,
                                struct vs_err *err)
{
    const struct vs_layout_value *v = &l->values[pass][field->symbol];
    char words[VS_RULE_WORDS];
    uint32_t id = field->token ? vs_token_id(f->base, vs_cstr(field->token)) : VS_NO_ID;
    if (id == VS_NO_ID || !v->known)
        return VS_OK; /* a tokenizer without that token cannot contradict the config */
    uint64_t is = (pass == VS_AFTER ? vs_renumber_id(f->renumber, id) : id) + f->tokenizer_base;
    return vs_layout_check(l, pass, v->value >= 0 && (uint64_t)v->value == is, err, "%s is the id of %s [%" PRId64 " in %s %s, %" PRIu64
                           " in the tokenizer]", vs_rule_words(l->rule, l->rule->symbols[field->symbol].name, words), field->token, v->value,
                           l->rule->symbols[field->symbol].file, l->rule->symbols[field->symbol].at[0], is);
}

static enum vs_code check_tokenizer_size(struct vs_layout *l, const struct vs_offsets_facts *f, int pass, struct vs_err *err)
{
    const struct vs_renumber *r = f->renumber;
    uint64_t end = f->base->rows_needed, new_end = r->shift.at + r->new_count;
    char words[VS_RULE_WORDS];
    if (pass == VS_AFTER && end)
        end = vs_renumber_id(r, end - 1) + 1;
    if (pass == VS_AFTER && r->new_count && new_end > end)
        end = new_end;
    vs_rule_words(l->rule, l->rule->total, words);
    return vs_layout_check(l, pass, end + f->tokenizer_base <= (uint64_t)l->total[pass], err, "the tokenizer's ids are below %s [it needs %" PRIu64
                           " rows, %s is %" PRId64 "]", words, end + f->tokenizer_base, words, l->total[pass]);
}

/* ---- ids in the configs ---- */

static enum vs_code check_ids(struct vs_layout *l, int pass, struct vs_err *err)
{
    const struct vs_config_int *bad = NULL;
    uint64_t value = 0;
    char words[VS_RULE_WORDS];
    for (size_t i = 0; !bad && i < l->id_count; i++) {
        if (l->ids[i].value < 0 || !vs_layout_owns(l, &l->ids[i]))
            continue;
        value = (uint64_t)l->ids[i].value;
        value = pass == VS_AFTER ? vs_shift_id(l->shift, value) : value;
        if (value >= (uint64_t)l->total[pass])
            bad = &l->ids[i];
    }
    vs_rule_words(l->rule, l->rule->total, words);
    if (!bad)
        return vs_layout_check(l, pass, true, err, "every id of the configs is below %s", words);
    return vs_layout_check(l, pass, false, err, "every id of the configs is below %s [%s %s is %" PRIu64 ", %s is %" PRId64 "]", words, bad->file,
                           bad->at, value, words, l->total[pass]);
}

enum vs_code vs_offsets_check_facts(struct vs_layout *l, const struct vs_offsets_facts *f, int pass, struct vs_err *err)
{
    enum vs_code code = check_ids(l, pass, err);
    for (uint32_t i = 0; !code && f->checkpoint->tensor_count && i < l->rule->tensor_count; i++) {
        bool use;
        if (applies(l, &l->rule->tensors[i], &use, &code, err) && use)
            code = check_tensor(l, f->checkpoint, &l->rule->tensors[i], pass, err);
    }
    for (uint32_t i = 0; !code && f->base && i < l->rule->field_count; i++)
        code = check_token(l, f, &l->rule->fields[i], pass, err);
    if (!code && f->base)
        code = check_tokenizer_size(l, f, pass, err);
    return code;
}
