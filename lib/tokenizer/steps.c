/* SPDX-License-Identifier: Apache-2.0
 *
 * From the sections of tokenizer.json to steps. A component that is not handled is refused by its name.
 */
#include <stdio.h>
#include "tokenizer/alphabet.h"
#include "tokenizer/steps.h"

/* ByteLevel's own pattern (huggingface/tokenizers pre_tokenizers/byte_level.rs, after GPT-2). */
#define BYTE_WORDS "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/* Whitespace's: \w+|[^\w\s]+ of Rust's regex, where \w has the two joiners too. */
#define WORDS "[\\w\\x{200c}\\x{200d}]+|[^\\w\\s\\x{200c}\\x{200d}]+"
#define DEPTH 8

struct opener {
    const struct vs_tokenizer_impl *impl;
    struct vs_pipeline *p;
    const char *section;
    struct vs_err *err;
};

static bool flag(const struct vs_jval *v, const char *key, bool otherwise)
{
    bool b;
    return vs_jbool(vs_jget(v, key), &b) ? b : otherwise;
}

static struct vs_str text(const struct vs_jval *v, const char *key)
{
    struct vs_str s = {NULL, 0};
    (void)vs_jstr(vs_jget(v, key), &s);
    return s;
}

static enum vs_code refuse(struct opener *o, struct vs_str what, const char *part)
{
    char shown[100];
    return vs_fail(o->err, VS_EUNSUPPORTED, "%s: /%s: %s \"%s\" is not handled", o->impl->t.path, o->section, part,
                   vs_escape(shown, sizeof shown, what));
}

static void close_step(struct vs_step *s)
{
    vs_regex_free(s->re);
    vs_charsmap_free(s->charsmap);
}

static enum vs_code add_step(struct opener *o, struct vs_step_list *list, struct vs_step s)
{
    if (list->count == VS_STEPS) {
        close_step(&s);
        return vs_fail(o->err, VS_ELIMIT, "%s: /%s: more than %d steps", o->impl->t.path, o->section, VS_STEPS);
    }
    list->items[list->count++] = s;
    return VS_OK;
}

/* A failure of the pattern room, with its place in front. */
static enum vs_code located(struct opener *o, enum vs_code code)
{
    char why[VS_ERR_MAX / 2];
    if (code == VS_OK || code == VS_ENOMEM)
        return code;
    snprintf(why, sizeof why, "%.*s", (int)sizeof why - 1, o->err->message);
    return vs_fail(o->err, code, "%s: /%s: %s", o->impl->t.path, o->section, why);
}

/* {"String": ...} or {"Regex": ...} */
static enum vs_code set_pattern(struct opener *o, const struct vs_jval *v, struct vs_step *s)
{
    const struct vs_jval *pattern = vs_jget(v, "pattern");
    struct vs_str re = text(pattern, "Regex");
    s->pattern = text(pattern, "String");
    if (re.p)
        return located(o, vs_regex_new(re, &s->re, o->err));
    return s->pattern.p ? VS_OK : refuse(o, VS_LIT(""), "a pattern without String or Regex:");
}

static enum vs_code set_behavior(struct opener *o, const struct vs_jval *v, enum vs_behavior otherwise, struct vs_step *s)
{
    static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
    struct vs_str name = text(v, "behavior");
    s->behavior = otherwise;
    if (!name.p)
        return VS_OK;
    for (int i = 0; i < 5; i++)
        if (vs_str_is(name, names[i])) {
            s->behavior = (enum vs_behavior)i;
            return VS_OK;
        }
    return refuse(o, name, "behavior");
}

/* ---- normalizers ---- */

static const struct { const char *name; enum vs_step_kind kind; } plain_normalizers[] = {
    {"NFC", VS_STEP_NFC}, {"NFD", VS_STEP_NFD}, {"NFKC", VS_STEP_NFKC}, {"NFKD", VS_STEP_NFKD}, {"Lowercase", VS_STEP_LOWERCASE},
    {"StripAccents", VS_STEP_STRIP_ACCENTS}, {"ByteLevel", VS_STEP_BYTES}, {"Nmt", VS_STEP_NMT}};

static enum vs_code add_normalizer(struct opener *o, const struct vs_jval *v, unsigned depth);

static enum vs_code add_list(struct opener *o, const struct vs_jval *list, unsigned depth,
                             enum vs_code (*add)(struct opener *, const struct vs_jval *, unsigned))
{
    enum vs_code code = depth < DEPTH ? VS_OK : vs_fail(o->err, VS_ELIMIT, "%s: /%s: nested deeper than %d", o->impl->t.path, o->section, DEPTH);
    for (const struct vs_jval *v = list ? list->child : NULL; !code && v; v = v->next)
        code = add(o, v, depth + 1);
    return code;
}

static enum vs_code add_normalizer(struct opener *o, const struct vs_jval *v, unsigned depth)
{
    struct vs_str type = text(v, "type");
    struct vs_step s = {0};
    enum vs_code code = VS_OK;
    if (vs_str_is(type, "Sequence"))
        return add_list(o, vs_jget(v, "normalizers"), depth, add_normalizer);
    for (size_t i = 0; i < sizeof plain_normalizers / sizeof *plain_normalizers; i++)
        if (vs_str_is(type, plain_normalizers[i].name)) {
            s.kind = plain_normalizers[i].kind;
            return add_step(o, &o->p->normalizer, s);
        }
    if (vs_str_is(type, "BertNormalizer")) {
        s.kind = VS_STEP_BERT;
        s.lower = flag(v, "lowercase", true);
        s.clean = flag(v, "clean_text", true);
        s.chinese = flag(v, "handle_chinese_chars", true);
        s.accents = flag(v, "strip_accents", s.lower);
    } else if (vs_str_is(type, "Strip")) {
        s.kind = VS_STEP_STRIP;
        s.left = flag(v, "strip_left", true);
        s.right = flag(v, "strip_right", true);
    } else if (vs_str_is(type, "Prepend")) {
        s.kind = VS_STEP_PREPEND;
        s.with = text(v, "prepend");
    } else if (vs_str_is(type, "Replace")) {
        s.kind = VS_STEP_REPLACE;
        s.with = text(v, "content");
        code = set_pattern(o, v, &s);
    } else if (vs_str_is(type, "Precompiled")) {
        s.kind = VS_STEP_PRECOMPILED;
        code = vs_charsmap_new(o->impl->t.path, text(v, "precompiled_charsmap"), &s.charsmap, o->err);
    } else {
        return refuse(o, type, "normalizer");
    }
    return code ? code : add_step(o, &o->p->normalizer, s);
}

/* ---- pre-tokenizers ---- */

static enum vs_code set_metaspace(struct opener *o, const struct vs_jval *v, struct vs_step *s)
{
    struct vs_str scheme = text(v, "prepend_scheme");
    s->kind = VS_STEP_METASPACE;
    s->with = text(v, "replacement");
    if (!s->with.p)
        s->with = VS_LIT(VS_SPACE_MARK);
    s->split = flag(v, "split", true);
    if (!scheme.p)
        s->prepend = flag(v, "add_prefix_space", true) ? VS_PREPEND_ALWAYS : VS_PREPEND_NEVER;
    else if (vs_str_is(scheme, "always") || vs_str_is(scheme, "first") || vs_str_is(scheme, "never"))
        s->prepend = scheme.p[0] == 'a' ? VS_PREPEND_ALWAYS : scheme.p[0] == 'f' ? VS_PREPEND_FIRST : VS_PREPEND_NEVER;
    else
        return refuse(o, scheme, "prepend_scheme");
    return VS_OK;
}

static enum vs_code set_byte_level(struct opener *o, const struct vs_jval *v, struct vs_step *s)
{
    s->kind = VS_STEP_BYTE_LEVEL;
    s->left = flag(v, "add_prefix_space", true);
    s->right = flag(v, "use_regex", true);
    return s->right && !o->p->byte_words ? vs_regex_new(VS_LIT(BYTE_WORDS), &o->p->byte_words, o->err) : VS_OK;
}

static enum vs_code add_pre(struct opener *o, const struct vs_jval *v, unsigned depth)
{
    struct vs_str type = text(v, "type");
    struct vs_step s = {0};
    enum vs_code code = VS_OK;
    if (vs_str_is(type, "Sequence"))
        return add_list(o, vs_jget(v, "pretokenizers"), depth, add_pre);
    if (vs_str_is(type, "ByteLevel")) {
        code = set_byte_level(o, v, &s);
    } else if (vs_str_is(type, "Metaspace")) {
        code = set_metaspace(o, v, &s);
    } else if (vs_str_is(type, "Split")) {
        s.kind = VS_STEP_SPLIT;
        s.invert = flag(v, "invert", false);
        code = set_pattern(o, v, &s);
        if (!code)
            code = set_behavior(o, v, VS_REMOVED, &s);
    } else if (vs_str_is(type, "Whitespace")) {
        s = (struct vs_step){.kind = VS_STEP_SPLIT, .behavior = VS_REMOVED, .invert = true};
        code = vs_regex_new(VS_LIT(WORDS), &s.re, o->err);
    } else if (vs_str_is(type, "WhitespaceSplit")) {
        s.kind = VS_STEP_WHITESPACE;
    } else if (vs_str_is(type, "BertPreTokenizer")) {
        s.kind = VS_STEP_BERT_WORDS;
    } else if (vs_str_is(type, "Digits")) {
        s.kind = VS_STEP_DIGITS;
        s.behavior = flag(v, "individual_digits", false) ? VS_ISOLATED : VS_CONTIGUOUS;
    } else if (vs_str_is(type, "Punctuation")) {
        s.kind = VS_STEP_PUNCTUATION;
        code = set_behavior(o, v, VS_ISOLATED, &s);
    } else {
        return refuse(o, type, "pre_tokenizer");
    }
    if (code) {
        close_step(&s);
        return code;
    }
    return add_step(o, &o->p->pre, s);
}

/* ---- added tokens ---- */

static enum vs_code content_of(struct opener *o, const struct vs_added *a, struct vs_str *out)
{
    struct vs_buf b = {0};
    bool cut;
    *out = a->content;
    if (!a->normalized)
        return VS_OK;
    enum vs_code code = vs_run_normalizer(o->p, a->content, &b, &cut, o->err);
    char *copy = code ? NULL : vs_arena_dup(&o->p->arena, b.p, b.n);
    if (!code && !copy)
        code = vs_enomem(o->err, "an added token", b.n);
    *out = (struct vs_str){copy, b.n};
    vs_buf_free(&b);
    return code;
}

/* Tokens that are looked for in the text as it is (raw), or after the normalizer. Of entries with one id the last has the say:
 * the same content again, or another that a hole in the ids gave the same number. */
static enum vs_code open_added(struct opener *o, bool normalized, struct vs_prefix *out)
{
    const struct vs_tokenizer *t = &o->impl->t;
    struct vs_prefix_item *items = vs_calloc(t->added_count + 1u, sizeof *items);
    struct vs_map seen = {0};
    uint32_t n = 0, later;
    enum vs_code code = items ? VS_OK : vs_enomem(o->err, "the added tokens", 0);
    for (uint32_t i = t->added_count; !code && i-- > 0;) {
        const struct vs_added *a = &t->added[i];
        struct vs_str s;
        struct vs_str id = {(const char *)&a->effective, sizeof a->effective};
        if (!vs_map_put(&seen, id, i, &later))
            code = vs_enomem(o->err, "the added tokens", 0);
        else if (later == VS_NONE && a->normalized == normalized) {
            code = content_of(o, a, &s);
            if (!code && s.n && s.n <= UINT32_MAX)
                items[n++] = (struct vs_prefix_item){s.p, (uint32_t)s.n, i};
        }
    }
    vs_map_free(&seen);
    if (code)
        vs_free(items);
    else
        vs_prefix_build(out, items, n);
    return code;
}

static enum vs_code open_pipeline(const struct vs_tokenizer_impl *impl, struct vs_pipeline **out, struct vs_err *err)
{
    struct vs_pipeline *p = vs_calloc(1, sizeof *p);
    struct opener o = {impl, p, "normalizer", err};
    enum vs_code code = p && (p->match = vs_regex_memory_new()) ? VS_OK : vs_enomem(err, "the pipeline", sizeof *p);
    const struct vs_jval *normalizer = impl->sections[VS_SEC_NORMALIZER].root, *pre = impl->sections[VS_SEC_PRE_TOKENIZER].root;
    if (!code && normalizer && normalizer->type == VS_JSON_OBJECT)
        code = add_normalizer(&o, normalizer, 0);
    o.section = "pre_tokenizer";
    if (!code && pre && pre->type == VS_JSON_OBJECT)
        code = add_pre(&o, pre, 0);
    if (!code)
        code = open_added(&o, false, &p->raw);
    if (!code)
        code = open_added(&o, true, &p->normalized);
    if (code)
        vs_pipeline_close(p);
    else
        *out = p;
    return code;
}

enum vs_code vs_pipeline_of(const struct vs_tokenizer *t, struct vs_pipeline **out, struct vs_err *err)
{
    struct vs_tokenizer_impl *impl = t->impl;
    if (impl->no_pipeline)
        return vs_fail(err, VS_EUNSUPPORTED, "%s", impl->no_pipeline);
    enum vs_code code = impl->pipeline ? VS_OK : open_pipeline(impl, &impl->pipeline, err);
    if (code == VS_EUNSUPPORTED)
        impl->no_pipeline = vs_arena_dup(&impl->arena, err->message, strlen(err->message));
    *out = impl->pipeline;
    return code;
}

static void close_list(struct vs_step_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        close_step(&list->items[i]);
}

void vs_pipeline_close(struct vs_pipeline *p)
{
    if (!p)
        return;
    close_list(&p->normalizer);
    close_list(&p->pre);
    vs_regex_free(p->byte_words);
    vs_regex_memory_free(p->match);
    vs_prefix_free(&p->raw);
    vs_prefix_free(&p->normalized);
    vs_arena_free(&p->arena);
    vs_free(p);
}
