/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "base/io.h"
#include "base/str.h"
#include "plan/offsets_rule.h"

#define LIST_MAX 4096 /* elements of one list of a rule: far beyond any family */

struct loader {
    const struct vs_jdoc *doc;
    struct vs_arena *arena;
    struct vs_rule *rule;
    struct vs_err *err;
};

static const struct { const char *name; enum vs_field_kind kind; } kinds[] = {
    {"total", VS_FIELD_TOTAL}, {"end", VS_FIELD_END}, {"len", VS_FIELD_LEN}, {"id", VS_FIELD_ID}, {"offset", VS_FIELD_ID},
    {"id_list", VS_FIELD_ID_LIST}, {"id_list_nested", VS_FIELD_ID_LIST_NESTED}, {"pos_id_pairs", VS_FIELD_POS_ID_PAIRS},
    {"ids_bias_pairs", VS_FIELD_IDS_BIAS_PAIRS}, {"map_values", VS_FIELD_MAP_VALUES}, {"map_keys", VS_FIELD_MAP_KEYS},
    {"last_id", VS_FIELD_LAST_ID}, {"mirror", VS_FIELD_MIRROR}, {"foreign", VS_FIELD_FOREIGN}, {"ignore", VS_FIELD_IGNORE},
    {"sentinel", VS_FIELD_SENTINEL}, {"modulus", VS_FIELD_MODULUS}};

bool vs_field_kind_parse(struct vs_str text, enum vs_field_kind *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (vs_str_is(text, kinds[i].name)) {
            *kind = kinds[i].kind;
            return true;
        }
    return false;
}

uint32_t vs_rule_symbol_find(const struct vs_rule *rule, struct vs_str name)
{
    for (uint32_t i = 0; i < rule->symbol_count; i++)
        if (vs_str_is(name, rule->symbols[i].name))
            return i;
    return rule->symbol_count;
}

struct words { const struct vs_rule *rule; const char *done; char *out; size_t n; };

static void add_words(struct words *w, const char *text, size_t n)
{
    n = n < VS_RULE_WORDS - 1 - w->n ? n : VS_RULE_WORDS - 1 - w->n;
    memcpy(w->out + w->n, text, n);
    w->n += n;
    w->out[w->n] = '\0';
}

static void add_key(struct words *w, const struct vs_rule_symbol *s)
{
    if (strcmp(s->file, "config.json") != 0) {
        add_words(w, s->file, strcspn(s->file, "."));
        add_words(w, ".", 1);
    }
    size_t from = w->n;
    add_words(w, s->at[0] + 1, strlen(s->at[0] + 1));
    for (size_t i = from; i < w->n; i++)
        w->out[i] = w->out[i] == '/' ? '.' : w->out[i];
}

static void say_name(void *user, struct vs_str name)
{
    struct words *w = user;
    uint32_t i = vs_rule_symbol_find(w->rule, name);
    add_words(w, w->done, (size_t)(name.p - w->done));
    w->done = name.p + name.n;
    if (i < w->rule->symbol_count)
        add_key(w, &w->rule->symbols[i]);
    else
        add_words(w, name.p, name.n);
}

const char *vs_rule_words(const struct vs_rule *rule, const char *text, char out[VS_RULE_WORDS])
{
    struct words w = {.rule = rule, .done = text, .out = out};
    out[0] = '\0';
    vs_expr_each_name(text, say_name, &w);
    add_words(&w, w.done, strlen(w.done));
    return out;
}

/* ---- what a value must be; the place is the line, since rules are files that people write ---- */

static enum vs_code wrong(struct loader *l, const struct vs_jval *v, const char *what)
{
    char place[64];
    return vs_fail(l->err, VS_EFORMAT, "%s: %s: %s", l->doc->file, v ? vs_jplace(l->doc, v, place) : "the layout", what);
}

static enum vs_code copy(struct loader *l, struct vs_str s, const char **out)
{
    *out = vs_arena_dup(l->arena, s.p, s.n);
    return *out ? VS_OK : vs_enomem(l->err, "a rule", s.n);
}

static enum vs_code text_of(struct loader *l, const struct vs_jval *v, const char *what, const char **out)
{
    struct vs_str s;
    if (!vs_jstr(v, &s) || s.n == 0 || memchr(s.p, 0, s.n))
        return wrong(l, v, what);
    return copy(l, s, out);
}

/* A member that must be there, or (optional) is NULL when absent. */
static enum vs_code member(struct loader *l, const struct vs_jval *v, const char *key, bool optional, const char **out)
{
    const struct vs_jval *m = vs_jget(v, key);
    char what[96];
    if (!m && optional)
        return VS_OK;
    snprintf(what, sizeof what, "\"%s\" expected as a string", key);
    return text_of(l, m ? m : v, what, out);
}

/* Room for the children of a member; *count 0 when the member is absent. */
static enum vs_code children(struct loader *l, const struct vs_jval *v, enum vs_json_type type, const char *what, size_t size,
                             void *list, uint32_t *count)
{
    void *items;
    if (v && v->type != type)
        return wrong(l, v, what);
    if (v && v->count > LIST_MAX)
        return wrong(l, v, "a list of a rule is too long");
    *count = v ? v->count : 0;
    items = vs_arena_array(l->arena, *count ? *count : 1, size);
    memcpy(list, &items, sizeof items);
    return items ? VS_OK : vs_enomem(l->err, "a rule", 0);
}

/* A list of strings; a string alone is a list of one. */
static enum vs_code strings(struct loader *l, const struct vs_jval *v, const char *what, const char ***out, uint32_t *count)
{
    bool one = v && v->type == VS_JSON_STRING;
    enum vs_code code = one ? VS_OK : children(l, v, VS_JSON_ARRAY, what, sizeof **out, out, count);
    if (one) {
        *count = 1;
        *out = vs_arena_array(l->arena, 1, sizeof **out);
        return *out ? text_of(l, v, what, *out) : vs_enomem(l->err, "a rule", 0);
    }
    uint32_t i = 0;
    for (const struct vs_jval *c = v ? v->child : NULL; !code && c; c = c->next)
        code = text_of(l, c, what, &(*out)[i++]);
    return code;
}

static enum vs_code block_named(struct loader *l, const struct vs_jval *v, uint32_t *out)
{
    for (uint32_t i = 0; v && v->type == VS_JSON_STRING && i < l->rule->block_count; i++)
        if (vs_str_is(v->str, l->rule->blocks[i].name)) {
            *out = i;
            return VS_OK;
        }
    return wrong(l, v, "the name of a block expected");
}

static enum vs_code symbol_named(struct loader *l, const struct vs_jval *v, uint32_t *out)
{
    *out = v && v->type == VS_JSON_STRING ? vs_rule_symbol_find(l->rule, v->str) : l->rule->symbol_count;
    return *out < l->rule->symbol_count ? VS_OK : wrong(l, v, "the name of a symbol expected");
}

/* ---- the parts of a layout ---- */

static enum vs_code read_symbol(struct loader *l, const struct vs_jval *v, struct vs_rule_symbol *s)
{
    const struct vs_jval *aliases = vs_jget(v, "aliases"), *fallback = vs_jget(v, "default");
    const char **more = NULL;
    uint32_t count = 0;
    enum vs_code code = copy(l, v->key, &s->name);
    if (!code)
        code = member(l, v, "file", false, &s->file);
    if (!code && !vs_name_is_safe(vs_cstr(s->file)))
        code = wrong(l, vs_jget(v, "file"), "the name of a file beside config.json expected");
    if (!code && aliases)
        code = strings(l, aliases, "a JSON Pointer expected", &more, &count);
    if (code)
        return code;
    if (!(s->at = vs_arena_array(l->arena, (size_t)count + 1, sizeof *s->at)))
        return vs_enomem(l->err, "a rule", 0);
    if ((code = member(l, v, "path", false, &s->at[0])))
        return code;
    for (uint32_t i = 0; i < count; i++)
        s->at[i + 1] = more[i];
    s->at_count = count + 1;
    for (uint32_t i = 0; i < s->at_count; i++)
        if (s->at[i][0] != '/')
            return wrong(l, v, "a JSON Pointer begins with \"/\"");
    s->has_fallback = fallback != NULL;
    if (fallback && !vs_ji64(l->doc, fallback, &s->fallback))
        return wrong(l, fallback, "an integer expected");
    return VS_OK;
}

static enum vs_code read_block(struct loader *l, const struct vs_jval *v, struct vs_rule_block *b)
{
    enum vs_code code = member(l, v, "name", false, &b->name);
    if (!code)
        code = member(l, v, "start", false, &b->begin);
    if (!code)
        code = member(l, v, "end", false, &b->end);
    return code ? code : member(l, v, "tokenizer_base", true, &b->base);
}

static enum vs_code read_space(struct loader *l, const struct vs_jval *v)
{
    struct vs_rule *r = l->rule;
    const struct vs_jval *blocks = vs_jget(v, "blocks");
    struct vs_str partition;
    if (!v || v->type != VS_JSON_OBJECT || !blocks)
        return wrong(l, v, "\"space\" with \"blocks\" expected");
    enum vs_code code = children(l, blocks, VS_JSON_ARRAY, "a list of blocks expected", sizeof *r->blocks, &r->blocks, &r->block_count);
    if (!code && (r->block_count == 0 || r->block_count > VS_RULE_BLOCKS))
        code = wrong(l, blocks, "1 to 64 blocks expected");
    uint32_t i = 0;
    for (const struct vs_jval *c = blocks->child; !code && c; c = c->next)
        code = read_block(l, c, &r->blocks[i++]);
    if (!code)
        code = block_named(l, vs_jget(v, "extend"), &r->extend);
    if (!code)
        code = member(l, v, "insert_at", false, &r->insert_at);
    if (!code)
        code = member(l, v, "total", false, &r->total);
    r->exact = vs_jstr(vs_jget(v, "partition"), &partition) && vs_str_is(partition, "exact");
    return code;
}

static enum vs_code read_field(struct loader *l, const struct vs_jval *v, struct vs_rule_field *f)
{
    const struct vs_jval *kind = vs_jget(v, "kind");
    if (!kind || kind->type != VS_JSON_STRING || !vs_field_kind_parse(kind->str, &f->kind))
        return wrong(l, kind ? kind : v, "a \"kind\" of field expected that is known");
    enum vs_code code = symbol_named(l, vs_jget(v, "sym"), &f->symbol);
    f->of = f->symbol;
    if (!code && vs_jget(v, "of"))
        code = symbol_named(l, vs_jget(v, "of"), &f->of);
    if (!code && (f->kind == VS_FIELD_END || f->kind == VS_FIELD_LEN))
        code = block_named(l, vs_jget(v, "block"), &f->block);
    if (!code)
        code = member(l, v, "token", true, &f->token);
    vs_jbool(vs_jget(v, "add_new_tokens"), &f->add_new_tokens);
    return code;
}

static enum vs_code read_tensor(struct loader *l, const struct vs_jval *v, struct vs_rule_tensor *t)
{
    const struct vs_jval *covers = vs_jget(v, "covers"), *name = vs_jget(v, "name");
    enum vs_code code = strings(l, name ? name : v, "the name of a tensor expected", &t->names, &t->name_count);
    if (!code && (!covers || covers->type != VS_JSON_ARRAY || covers->count == 0 || t->name_count == 0))
        code = wrong(l, v, "a tensor needs \"name\" and \"covers\"");
    for (const struct vs_jval *c = code ? NULL : covers->child; !code && c; c = c->next) {
        uint32_t block = 0;
        code = block_named(l, c, &block);
        t->covers |= 1ull << block;
    }
    if (!code)
        code = member(l, v, "rows", false, &t->rows);
    if (!code)
        code = member(l, v, "when", true, &t->when);
    vs_jbool(vs_jget(v, "optional"), &t->optional);
    return code;
}

static enum vs_code read_sweep(struct loader *l, const struct vs_jval *v)
{
    struct vs_rule *r = l->rule;
    enum vs_code code = strings(l, v, "a list of file names expected", &r->sweep, &r->sweep_count);
    for (uint32_t i = 0; !code && i < r->sweep_count; i++)
        if (!vs_name_is_safe(vs_cstr(r->sweep[i])))
            code = wrong(l, v, "the name of a file beside config.json expected");
    return code;
}

static enum vs_code read_strategies(struct loader *l, const struct vs_jval *v)
{
    static const struct { const char *name; unsigned bit; } known[] = {
        {"append", VS_STRATEGY_APPEND}, {"insert_shift", VS_STRATEGY_INSERT_SHIFT}};
    const char **names = NULL;
    uint32_t count = 0;
    enum vs_code code = strings(l, v, "a list of strategies expected", &names, &count);
    for (uint32_t i = 0; !code && i < count; i++) {
        size_t k = 0;
        while (k < 2 && strcmp(known[k].name, names[i]) != 0)
            k++;
        if (k == 2)
            return wrong(l, v, "strategies are append and insert_shift");
        l->rule->strategies |= known[k].bit;
    }
    return code;
}

static enum vs_code read_lists(struct loader *l, const struct vs_jval *v)
{
    struct vs_rule *r = l->rule;
    const struct vs_jval *symbols = vs_jget(v, "symbols"), *fields = vs_jget(v, "fields"), *tensors = vs_jget(v, "tensors");
    enum vs_code code = children(l, symbols, VS_JSON_OBJECT, "symbols by name expected", sizeof *r->symbols, &r->symbols, &r->symbol_count);
    uint32_t i = 0;
    for (const struct vs_jval *c = code || !symbols ? NULL : symbols->child; !code && c; c = c->next)
        code = read_symbol(l, c, &r->symbols[i++]);
    if (!code)
        code = read_space(l, vs_jget(v, "space"));
    if (!code)
        code = children(l, fields, VS_JSON_ARRAY, "a list of fields expected", sizeof *r->fields, &r->fields, &r->field_count);
    i = 0;
    for (const struct vs_jval *c = code || !fields ? NULL : fields->child; !code && c; c = c->next)
        code = read_field(l, c, &r->fields[i++]);
    if (!code)
        code = children(l, tensors, VS_JSON_ARRAY, "a list of tensors expected", sizeof *r->tensors, &r->tensors, &r->tensor_count);
    i = 0;
    for (const struct vs_jval *c = code || !tensors ? NULL : tensors->child; !code && c; c = c->next)
        code = read_tensor(l, c, &r->tensors[i++]);
    return code;
}

enum vs_code vs_rule_parse(const struct vs_jdoc *doc, struct vs_arena *arena, struct vs_rule **out, struct vs_err *err)
{
    const struct vs_jval *v = doc->root;
    struct loader l = {.doc = doc, .arena = arena, .err = err};
    *out = NULL;
    if (!vs_jget(v, "space"))
        return VS_OK;
    if (!(l.rule = vs_arena_alloc(arena, sizeof *l.rule)))
        return vs_enomem(err, "a rule", sizeof *l.rule);
    enum vs_code code = member(&l, v, "id", false, &l.rule->id);
    if (!code)
        code = read_lists(&l, v);
    if (!code)
        code = strings(&l, vs_jget(v, "invariants"), "a list of expressions expected", &l.rule->invariants, &l.rule->invariant_count);
    if (!code)
        code = read_sweep(&l, vs_jget(v, "sweep"));
    if (!code)
        code = read_strategies(&l, vs_jget(v, "strategies"));
    if (!code)
        *out = l.rule;
    return code;
}
