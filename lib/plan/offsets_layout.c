/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/str.h"
#include "plan/offsets_layout.h"

#define IDS_MAX ((int64_t)VS_NO_ID) /* ids are 32 bits, the highest is no id */

enum vs_code vs_layout_keep(struct vs_layout *l, struct vs_str text, const char **out, struct vs_err *err)
{
    *out = vs_arena_dup(&l->plan->impl->arena, text.p, text.n);
    return *out ? VS_OK : vs_enomem(err, "a plan", text.n);
}

/* ---- files and symbols ---- */

static enum vs_code file_named(struct vs_layout *l, const struct vs_layout_source *source, const char *name, uint32_t *out, struct vs_err *err)
{
    for (*out = 0; *out < l->file_count; ++*out)
        if (strcmp(l->files[*out].name, name) == 0)
            return VS_OK;
    struct vs_layout_file *f = &l->files[l->file_count];
    enum vs_code code = vs_layout_keep(l, vs_cstr(name), &f->name, err);
    if (!code)
        code = source->read(source->user, f->name, &f->doc[VS_BEFORE], &f->present, err);
    l->file_count++; /* read or not: what it holds is freed with the layout */
    if (!code && !f->present)
        code = vs_jdoc_parse(f->name, VS_LIT("{\n}\n"), &f->doc[VS_BEFORE], err);
    if (!code && f->doc[VS_BEFORE].root->type != VS_JSON_OBJECT)
        code = vs_fail(err, VS_EFORMAT, "%s: an object expected", f->name);
    return code;
}

static enum vs_code open_files(struct vs_layout *l, const struct vs_layout_source *source, struct vs_err *err)
{
    const struct vs_rule *r = l->rule;
    struct vs_arena *a = &l->plan->impl->arena;
    enum vs_code code = VS_OK;
    uint32_t at;
    l->files = vs_calloc((size_t)r->symbol_count + r->sweep_count + 1, sizeof *l->files);
    l->file_of = vs_arena_array(a, (size_t)r->symbol_count + 1, sizeof *l->file_of);
    l->missing = vs_arena_array(a, (size_t)r->symbol_count + 1, sizeof *l->missing);
    for (int pass = VS_BEFORE; pass <= VS_AFTER; pass++) {
        l->values[pass] = vs_arena_array(a, (size_t)r->symbol_count + 1, sizeof **l->values);
        l->blocks[pass] = vs_arena_array(a, r->block_count, sizeof **l->blocks);
        if (!l->values[pass] || !l->blocks[pass])
            return vs_enomem(err, "a layout", 0);
    }
    if (!l->files || !l->file_of || !l->missing)
        return vs_enomem(err, "a layout", 0);
    for (uint32_t i = 0; !code && i < r->symbol_count; i++)
        code = file_named(l, source, r->symbols[i].file, &l->file_of[i], err);
    for (uint32_t i = 0; !code && i < r->sweep_count; i++)
        code = file_named(l, source, r->sweep[i], &at, err);
    return code;
}

static bool is_list_kind(enum vs_field_kind kind)
{
    return kind >= VS_FIELD_ID_LIST && kind <= VS_FIELD_MAP_KEYS;
}

static bool may_be_list(const struct vs_rule *r, uint32_t symbol)
{
    for (uint32_t i = 0; i < r->field_count; i++)
        if (r->fields[i].symbol == symbol)
            return is_list_kind(r->fields[i].kind) || r->fields[i].kind >= VS_FIELD_FOREIGN;
    return true;
}

/* The first spelling that is there counts. A present null is a value that is no number, not an absent one. */
static enum vs_code read_value(struct vs_layout *l, int pass, uint32_t symbol, struct vs_err *err)
{
    const struct vs_rule_symbol *s = &l->rule->symbols[symbol];
    const struct vs_layout_file *f = &l->files[l->file_of[symbol]];
    struct vs_layout_value v = {0};
    char shown[96];
    while (v.spelling < s->at_count && !(v.found = vs_jpath(f->doc[pass].root, s->at[v.spelling])))
        v.spelling++;
    if (!v.found) {
        v = (struct vs_layout_value){.known = s->has_fallback, .value = s->fallback};
    } else if (vs_ji64(&f->doc[pass], v.found, &v.value)) {
        v.known = true;
    } else if (v.found->type != VS_JSON_NULL && !may_be_list(l->rule, symbol)) {
        struct vs_str text = {f->doc[pass].text.p + v.found->span.begin, v.found->span.end - v.found->span.begin};
        return vs_fail(err, VS_EFORMAT, "%s: %s: an integer expected, found %s", f->name, s->at[v.spelling],
                       vs_escape(shown, sizeof shown, text));
    }
    l->values[pass][symbol] = v;
    return VS_OK;
}

struct reading { const struct vs_layout *l; int pass; };

static bool symbol_value(const void *user, struct vs_str name, int64_t *value)
{
    const struct reading *at = user;
    uint32_t i = vs_rule_symbol_find(at->l->rule, name);
    if (i == at->l->rule->symbol_count || !at->l->values[at->pass][i].known)
        return false;
    *value = at->l->values[at->pass][i].value;
    return true;
}

/* The first name of an expression that the files give no value to. */
struct lack { const struct vs_layout *l; int pass; const struct vs_rule_symbol *symbol; };

static void look_for_lack(void *user, struct vs_str name)
{
    struct lack *x = user;
    uint32_t i = vs_rule_symbol_find(x->l->rule, name);
    if (!x->symbol && i < x->l->rule->symbol_count && !x->l->values[x->pass][i].known)
        x->symbol = &x->l->rule->symbols[i];
}

enum vs_code vs_layout_eval(const struct vs_layout *l, int pass, const char *text, int64_t *value, struct vs_err *err)
{
    const struct reading at = {l, pass};
    const struct vs_expr_names names = {symbol_value, &at};
    struct lack x = {.l = l, .pass = pass};
    char why[512];
    enum vs_code code = vs_expr_eval(text, &names, value, err);
    if (!code)
        return VS_OK;
    vs_expr_each_name(text, look_for_lack, &x);
    if (x.symbol)
        return vs_fail(err, code, "%s: %s: found no integer, expected one: the layout of %s needs it", x.symbol->file, x.symbol->at[0], l->rule->id);
    snprintf(why, sizeof why, "%.511s", err->message);
    return vs_fail(err, code, "%s: %s", l->rule->id, why);
}

/* ---- blocks ---- */

/* The place in the files that says where a block begins or ends: the first symbol of the expression. */
struct basis { const struct vs_layout *l; char text[256]; };

static void first_place(void *user, struct vs_str name)
{
    struct basis *b = user;
    uint32_t i = vs_rule_symbol_find(b->l->rule, name);
    if (b->text[0] || i == b->l->rule->symbol_count)
        return;
    const struct vs_rule_symbol *s = &b->l->rule->symbols[i];
    const struct vs_layout_value *v = &b->l->values[VS_BEFORE][i];
    snprintf(b->text, sizeof b->text, "%s %s%s", s->file, s->at[v->found ? v->spelling : 0], v->found ? "" : " (class default)");
}

static enum vs_code read_block(struct vs_layout *l, int pass, uint32_t i, struct vs_err *err)
{
    const struct vs_rule_block *b = &l->rule->blocks[i];
    struct vs_block *out = &l->blocks[pass][i];
    struct basis basis = {.l = l};
    char first[VS_RULE_WORDS], last[VS_RULE_WORDS];
    int64_t begin, end;
    enum vs_code code = vs_layout_eval(l, pass, b->begin, &begin, err);
    if (!code)
        code = vs_layout_eval(l, pass, b->end, &end, err);
    if (code)
        return code;
    if (begin < 0 || end < begin || end > IDS_MAX)
        return vs_fail(err, VS_EMISMATCH, "%s: the %s block is %" PRId64 " to %" PRId64 " (%s to %s): no range of ids", l->rule->id,
                       b->name, begin, end, vs_rule_words(l->rule, b->begin, first), vs_rule_words(l->rule, b->end, last));
    vs_expr_each_name(b->begin, first_place, &basis);
    vs_expr_each_name(b->end, first_place, &basis);
    *out = (struct vs_block){.begin = (uint64_t)begin, .end = (uint64_t)end};
    code = vs_layout_keep(l, vs_cstr(b->name), &out->name, err);
    return code ? code : vs_layout_keep(l, vs_cstr(basis.text), &out->basis, err);
}

static int by_begin(const void *a, const void *b)
{
    const struct vs_block *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

void vs_blocks_sort(struct vs_block *blocks, uint32_t count)
{
    if (count)
        qsort(blocks, count, sizeof *blocks, by_begin);
}

enum vs_code vs_layout_read_values(struct vs_layout *l, int pass, struct vs_err *err)
{
    char words[VS_RULE_WORDS];
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < l->rule->symbol_count; i++)
        code = read_value(l, pass, i, err);
    for (uint32_t i = 0; !code && i < l->rule->block_count; i++)
        code = read_block(l, pass, i, err);
    if (!code)
        code = vs_layout_eval(l, pass, l->rule->total, &l->total[pass], err);
    if (!code && (l->total[pass] < 0 || l->total[pass] > IDS_MAX))
        code = vs_fail(err, VS_ELIMIT, "%s: %s is %" PRId64 "; the limit is %" PRId64 " ids", l->rule->id,
                       vs_rule_words(l->rule, l->rule->total, words), l->total[pass], IDS_MAX);
    return code;
}

enum vs_code vs_layout_open(struct vs_layout *l, const struct vs_rule *rule, struct vs_plan *plan,
                            const struct vs_layout_source *source, struct vs_err *err)
{
    *l = (struct vs_layout){.rule = rule, .plan = plan};
    enum vs_code code = open_files(l, source, err);
    return code ? code : vs_layout_read_values(l, VS_BEFORE, err);
}

void vs_layout_close(struct vs_layout *l)
{
    for (uint32_t i = 0; i < l->file_count; i++) {
        vs_jdoc_free(&l->files[i].doc[VS_BEFORE]);
        vs_jdoc_free(&l->files[i].doc[VS_AFTER]);
        vs_edits_free(&l->files[i].edits);
    }
    vs_free(l->files);
    vs_buf_free(&l->violated[VS_BEFORE]);
    vs_buf_free(&l->violated[VS_AFTER]);
    *l = (struct vs_layout){0};
}

/* ---- checks ---- */

enum vs_code vs_layout_check(struct vs_layout *l, int pass, bool holds, struct vs_err *err, const char *fmt, ...)
{
    struct vs_plan *plan = l->plan;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!holds) {
        struct vs_buf *b = &l->violated[pass];
        vs_buf_printf(b, "%s%s", b->n ? "; " : "", text);
    }
    if (pass == VS_AFTER) {
        if (l->check_at == plan->invariant_count)
            return vs_fail(err, VS_EMISMATCH, "%s: the edited files make a check that the files as they were did not: %s", l->rule->id, text);
        plan->invariants[l->check_at++].after = holds;
        return VS_OK;
    }
    struct vs_invariant i = {.before = holds, .after = holds};
    size_t plain = holds ? strcspn(text, "[") : strlen(text); /* values are of interest where they are wrong */
    while (plain && text[plain - 1] == ' ')
        plain--;
    enum vs_code code = vs_layout_keep(l, (struct vs_str){text, plain}, &i.text, err);
    return code ? code : vs_plan_add_invariant(plan, &i, err);
}

/* "config.json /text_config/vocab_size is 262464, ..." of an expression's names, each once. */
struct values { const struct vs_layout *l; int pass; struct vs_buf text; uint64_t seen; };

static void add_value(void *user, struct vs_str name)
{
    struct values *v = user;
    uint32_t i = vs_rule_symbol_find(v->l->rule, name);
    if (i == v->l->rule->symbol_count || (i < 64 && v->seen >> i & 1))
        return;
    v->seen |= i < 64 ? 1ull << i : 0;
    const struct vs_rule_symbol *s = &v->l->rule->symbols[i];
    const struct vs_layout_value *at = &v->l->values[v->pass][i];
    vs_buf_printf(&v->text, "%s%s %s is %" PRId64 "%s", v->text.n ? ", " : "", s->file, s->at[at->found ? at->spelling : 0], at->value,
                  at->found ? "" : " (absent: class default)");
}

static enum vs_code check_expression(struct vs_layout *l, int pass, const char *text, struct vs_err *err)
{
    struct values v = {.l = l, .pass = pass};
    int64_t holds = 0;
    char words[VS_RULE_WORDS];
    enum vs_code code = vs_layout_eval(l, pass, text, &holds, err);
    if (!code) {
        vs_expr_each_name(text, add_value, &v);
        code = vs_layout_check(l, pass, holds != 0, err, "%s [%s]", vs_rule_words(l->rule, text, words), v.text.p ? v.text.p : "");
    }
    vs_buf_free(&v.text);
    return code;
}

/* The blocks lie one behind the other from 0 to the total. */
static enum vs_code check_partition(struct vs_layout *l, int pass, struct vs_err *err)
{
    uint32_t count = l->rule->block_count;
    struct vs_block sorted[VS_RULE_BLOCKS];
    struct vs_buf b = {0};
    char words[VS_RULE_WORDS];
    bool exact = true;
    for (uint32_t i = 0; i < count; i++)
        sorted[i] = l->blocks[pass][i];
    vs_blocks_sort(sorted, count);
    for (uint32_t i = 0; i < count; i++) {
        exact = exact && sorted[i].begin == (i ? sorted[i - 1].end : 0);
        vs_buf_printf(&b, "%s%s %" PRIu64 " to %" PRIu64, i ? ", " : "", sorted[i].name, sorted[i].begin, sorted[i].end);
    }
    exact = exact && sorted[count - 1].end == (uint64_t)l->total[pass];
    vs_rule_words(l->rule, l->rule->total, words);
    enum vs_code code = vs_layout_check(l, pass, exact, err, "the blocks fill 0 to %s without a gap [%s; %s is %" PRId64 "]",
                                        words, b.p ? b.p : "", words, l->total[pass]);
    vs_buf_free(&b);
    return code;
}

/* Two spellings of one thing agree. */
static enum vs_code check_spellings(struct vs_layout *l, int pass, uint32_t symbol, struct vs_err *err)
{
    const struct vs_rule_symbol *s = &l->rule->symbols[symbol];
    const struct vs_layout_value *v = &l->values[pass][symbol];
    const struct vs_jdoc *doc = &l->files[l->file_of[symbol]].doc[pass];
    enum vs_code code = VS_OK;
    for (uint32_t k = v->spelling + 1; !code && v->found && v->known && k < s->at_count; k++) {
        int64_t other;
        if (vs_ji64(doc, vs_jpath(doc->root, s->at[k]), &other))
            code = vs_layout_check(l, pass, other == v->value, err, "%s %s == %s [%" PRId64 " and %" PRId64 "]", s->file,
                                   s->at[v->spelling], s->at[k], v->value, other);
    }
    return code;
}

static enum vs_code check_mirror(struct vs_layout *l, int pass, const struct vs_rule_field *f, struct vs_err *err)
{
    const struct vs_layout_value *v = &l->values[pass][f->symbol], *of = &l->values[pass][f->of];
    const struct vs_rule_symbol *s = &l->rule->symbols[f->symbol], *t = &l->rule->symbols[f->of];
    char words[VS_RULE_WORDS], of_words[VS_RULE_WORDS];
    if (f->kind != VS_FIELD_MIRROR || f->of == f->symbol || !v->known || !of->known)
        return VS_OK;
    return vs_layout_check(l, pass, v->value == of->value, err, "%s == %s [%s %s is %" PRId64 ", %s %s is %" PRId64 "]",
                           vs_rule_words(l->rule, s->name, words), vs_rule_words(l->rule, t->name, of_words), s->file,
                           s->at[v->found ? v->spelling : 0], v->value, t->file, t->at[of->found ? of->spelling : 0], of->value);
}

enum vs_code vs_layout_check_all(struct vs_layout *l, int pass, struct vs_err *err)
{
    const struct vs_rule *r = l->rule;
    enum vs_code code = VS_OK;
    int64_t at = 0;
    char words[VS_RULE_WORDS];
    vs_rule_words(r, r->insert_at, words);
    l->check_at = 0;
    for (uint32_t i = 0; !code && i < r->invariant_count; i++)
        code = check_expression(l, pass, r->invariants[i], err);
    if (!code && r->exact)
        code = check_partition(l, pass, err);
    if (!code)
        code = vs_layout_eval(l, pass, r->insert_at, &at, err);
    if (!code && pass == VS_BEFORE)
        code = vs_layout_check(l, pass, at >= 0 && (uint64_t)at == l->blocks[pass][r->extend].end, err,
                               "%s is the end of the %s block [%" PRId64 " and %" PRIu64 "]", words, r->blocks[r->extend].name, at,
                               l->blocks[pass][r->extend].end);
    else if (!code)
        code = vs_layout_check(l, pass, at >= 0 && (uint64_t)at == l->shift.at + l->shift.by, err,
                               "%s is the end of the %s block [%" PRId64 "]", words, r->blocks[r->extend].name, at);
    for (uint32_t i = 0; !code && i < r->symbol_count; i++)
        code = check_spellings(l, pass, i, err);
    for (uint32_t i = 0; !code && i < r->field_count; i++)
        code = check_mirror(l, pass, &r->fields[i], err);
    return code;
}

/* ---- the event ---- */

bool vs_layout_follows(const struct vs_layout *l)
{
    uint64_t end = l->blocks[VS_BEFORE][l->rule->extend].end;
    for (uint32_t i = 0; i < l->rule->block_count; i++)
        if (i != l->rule->extend && l->blocks[VS_BEFORE][i].end > end)
            return true;
    return false;
}

enum vs_code vs_layout_event(struct vs_layout *l, uint64_t by, struct vs_err *err)
{
    const struct vs_rule *r = l->rule;
    const struct vs_block *text = &l->blocks[VS_BEFORE][r->extend];
    uint64_t total;
    bool follows = vs_layout_follows(l);
    for (uint32_t i = 0; i < r->field_count; i++)
        if (by && r->fields[i].kind == VS_FIELD_MODULUS)
            return vs_fail(err, VS_EUNSUPPORTED, "%s hashes ids by its vocabulary size (%s %s): another size makes every hashed row "
                           "another one, so the model cannot be extended", r->id, r->symbols[r->fields[i].symbol].file,
                           r->symbols[r->fields[i].symbol].at[0]);
    if (by && !(r->strategies & (follows ? VS_STRATEGY_INSERT_SHIFT : VS_STRATEGY_APPEND)))
        return vs_fail(err, VS_EUNSUPPORTED, "%s cannot grow by %s", r->id,
                       follows ? "inserting ids before the blocks that follow the text" : "appending ids");
    if (!vs_add((uint64_t)l->total[VS_BEFORE], by, &total) || total > (uint64_t)IDS_MAX)
        return vs_fail(err, VS_ELIMIT, "%s: %" PRId64 " ids and %" PRIu64 " more; the limit is %" PRId64, r->id, l->total[VS_BEFORE], by, IDS_MAX);
    l->shift = (struct vs_shift){text->end, by};
    return VS_OK;
}
