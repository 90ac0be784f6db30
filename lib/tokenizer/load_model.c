/* SPDX-License-Identifier: Apache-2.0
 *
 * The model: its fields in any order, the vocabulary straight into the table, the merges as soon as they can be resolved.
 */
#include "tokenizer/load.h"

enum field { F_TYPE, F_DROPOUT, F_UNK_TOKEN, F_PREFIX, F_SUFFIX, F_FUSE_UNK, F_BYTE_FALLBACK, F_IGNORE_MERGES, F_UNK_ID,
             F_MAX_CHARS, F_VOCAB, F_MERGES, FIELDS };
static const char *const field_names[FIELDS] = {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix",
    "fuse_unk", "byte_fallback", "ignore_merges", "unk_id", "max_input_chars_per_word", "vocab", "merges"};

static const struct { const char *name; enum vs_tok_kind kind; unsigned needs; } kinds[] = {
    {"BPE", VS_TOK_BPE, 1u << F_VOCAB | 1u << F_MERGES},
    {"Unigram", VS_TOK_UNIGRAM, 1u << F_VOCAB},
    {"WordPiece", VS_TOK_WORDPIECE, 1u << F_VOCAB | 1u << F_UNK_TOKEN | 1u << F_PREFIX | 1u << F_MAX_CHARS},
    {"WordLevel", VS_TOK_WORDLEVEL, 1u << F_VOCAB | 1u << F_UNK_TOKEN},
};

struct state {
    unsigned seen;              /* a bit per field */
    int kind;                   /* position in kinds, or -1 while unknown */
    bool vocab_is_list, resolved;
    uint64_t unk_id;
    bool has_unk_id;
    struct vs_span merges;      /* of the list, until it is resolved */
};

static bool no_memory(struct vs_json *j)
{
    return vs_json_fail(j, VS_ENOMEM, "not enough memory for the vocabulary");
}

static bool model_type(struct vs_load *l, struct state *s)
{
    struct vs_str name;
    char shown[64];
    if (!vs_json_string(&l->j, &name))
        return false;
    for (s->kind = 3; s->kind >= 0; s->kind--)
        if (vs_str_is(name, kinds[s->kind].name))
            return true;
    return vs_json_fail(&l->j, VS_EFORMAT, "model.type: found \"%s\": BPE, Unigram, WordPiece or WordLevel expected",
                        vs_escape(shown, sizeof shown, name));
}

/* A string that outlives the text; null gives {NULL, 0}. */
static bool text_or_null(struct vs_load *l, struct vs_str *s)
{
    *s = (struct vs_str){0};
    if (vs_json_peek(&l->j) == VS_JSON_NULL)
        return vs_json_null(&l->j);
    if (!vs_json_string(&l->j, s))
        return false;
    s->p = vs_arena_dup(&l->impl->arena, s->p, s->n);
    return s->p || no_memory(&l->j);
}

static bool flag_or_null(struct vs_json *j, bool *flag)
{
    return vs_json_peek(j) == VS_JSON_NULL ? vs_json_null(j) : vs_json_bool(j, flag);
}

static bool dropout(struct vs_json *j)
{
    double d = 0;
    if (vs_json_peek(j) == VS_JSON_NULL)
        return vs_json_null(j);
    if (!vs_json_f64(j, &d))
        return false;
    return (d >= 0 && d <= 1) || vs_json_fail(j, VS_EFORMAT, "model.dropout: found %g: null or 0 to 1 expected", d);
}

/* ---- vocabulary ---- */

static bool twin(struct vs_load *l, uint32_t first, uint32_t id, size_t at)
{
    char shown[200];
    const struct vs_vocab *v = &l->impl->vocab;
    l->j.at = at;
    return vs_json_fail(&l->j, VS_EFORMAT, "model.vocab: token \"%s\" appears twice, with ids %u and %u; which row is meant?",
                        vs_escape(shown, sizeof shown, vs_vocab_text(v, first)), v->ids[first], id);
}

/* As loaders do: the last id stays. */
static bool repeated(struct vs_load *l, uint32_t first, uint32_t id, struct vs_err *err)
{
    struct vs_vocab *v = &l->impl->vocab;
    struct vs_repeat r = {vs_vocab_text(v, first), v->ids[first], id};
    r.token.p = vs_arena_dup(&l->impl->arena, r.token.p, r.token.n); /* entries move when the vocabulary grows */
    v->ids[first] = id;
    return (r.token.p && vs_load_repeat(l, &r, err) == VS_OK) || no_memory(&l->j);
}

static bool add_entry(struct vs_load *l, struct vs_str token, uint32_t id, size_t at, bool may_repeat, struct vs_err *err)
{
    uint32_t first;
    if (vs_load_look(l, l->impl->vocab.count, err))
        return false;
    if (vs_vocab_add(&l->impl->vocab, token, id, &first, err))
        return no_memory(&l->j);
    return first == VS_NO_ENTRY || (may_repeat ? repeated(l, first, id, err) : twin(l, first, id, at));
}

static bool entry_id(struct vs_load *l, struct vs_str token, uint32_t *id)
{
    uint64_t wide;
    char shown[200];
    size_t at = l->j.at;
    if (!vs_json_u64(&l->j, &wide))
        return vs_load_where(l, "model.vocab[\"%s\"]", vs_escape(shown, sizeof shown, token));
    *id = (uint32_t)wide;
    if (wide <= VS_ID_MAX)
        return true;
    l->j.at = at;
    return vs_json_fail(&l->j, wide > UINT32_MAX ? VS_EFORMAT : VS_ELIMIT, "model.vocab[\"%s\"]: found id %llu: at most %u expected",
                        vs_escape(shown, sizeof shown, token), (unsigned long long)wide, VS_ID_MAX);
}

static bool vocab_map(struct vs_load *l, struct vs_err *err)
{
    struct vs_str token;
    uint32_t id = 0;
    if (!vs_json_object(&l->j))
        return false;
    while (vs_json_key(&l->j, &token)) {
        size_t at = l->j.key_span.begin;
        if (!entry_id(l, token, &id) || !add_entry(l, token, id, at, l->wish.repeats, err))
            return false;
    }
    return !l->j.failed;
}

static bool reserve_score(struct vs_load *l)
{
    uint32_t n = l->impl->vocab.count;
    if (n < 1024 ? n != 0 : (n & (n - 1)) != 0)
        return true;
    double *scores = vs_realloc_array(l->impl->model.scores, n < 1024 ? 1024 : (size_t)n * 2, sizeof *scores);
    if (!scores)
        return no_memory(&l->j);
    l->impl->model.scores = scores;
    return true;
}

static bool vocab_list(struct vs_load *l, struct vs_err *err)
{
    struct vs_json *j = &l->j;
    const struct vs_vocab *v = &l->impl->vocab;
    struct vs_str token;
    if (!vs_json_array(j))
        return false;
    while (vs_json_item(j)) {
        size_t at = j->at;
        double score;
        if (!vs_json_array(j) || !vs_json_item(j) || !vs_json_string(j, &token) || !vs_json_item(j) || !vs_json_f64(j, &score) ||
            vs_json_item(j) || j->failed)
            return vs_json_fail(j, VS_EFORMAT, "model.vocab[%u]: [piece, score] expected", v->count);
        if (!reserve_score(l))
            return false;
        l->impl->model.scores[v->count] = score;
        if (!add_entry(l, token, v->count, at, false, err))
            return false;
    }
    return !j->failed;
}

static bool vocab(struct vs_load *l, struct state *s, struct vs_err *err)
{
    enum vs_json_type type = vs_json_peek(&l->j);
    s->vocab_is_list = type == VS_JSON_ARRAY;
    if (type != VS_JSON_ARRAY && type != VS_JSON_OBJECT)
        return vs_json_fail(&l->j, VS_EFORMAT, "model.vocab: an object, or a list for Unigram, expected");
    return s->vocab_is_list ? vocab_list(l, err) : vocab_map(l, err);
}

/* ---- fields ---- */

/* Right away when vocabulary and prefix are known, as in every file that the library writes; else at the end. */
static bool merges(struct vs_load *l, struct state *s, struct vs_err *err)
{
    if (vs_json_peek(&l->j) != VS_JSON_ARRAY)
        return vs_json_fail(&l->j, VS_EFORMAT, "model.merges: a list expected");
    unsigned needs = 1u << F_VOCAB | 1u << F_PREFIX;
    if ((s->seen & needs) != needs || s->vocab_is_list)
        return vs_json_skip(&l->j, &s->merges);
    s->resolved = true;
    return vs_load_merges(l, l->j.at, err) == VS_OK;
}

static bool unk_id(struct vs_load *l, struct state *s)
{
    if (vs_json_peek(&l->j) == VS_JSON_NULL)
        return vs_json_null(&l->j);
    s->has_unk_id = true;
    return vs_json_u64(&l->j, &s->unk_id);
}

static bool field(struct vs_load *l, struct state *s, enum field f, struct vs_err *err)
{
    struct vs_model *m = &l->impl->model;
    switch (f) {
    case F_TYPE: return model_type(l, s);
    case F_DROPOUT: return dropout(&l->j);
    case F_UNK_TOKEN: return text_or_null(l, &m->unk_token);
    case F_PREFIX: return text_or_null(l, &m->prefix);
    case F_SUFFIX: return text_or_null(l, &m->suffix);
    case F_FUSE_UNK: return flag_or_null(&l->j, &l->t->fuse_unk);
    case F_BYTE_FALLBACK: return flag_or_null(&l->j, &l->t->byte_fallback);
    case F_IGNORE_MERGES: return flag_or_null(&l->j, &l->t->ignore_merges);
    case F_UNK_ID: return unk_id(l, s);
    case F_MAX_CHARS: return vs_json_u64(&l->j, &m->max_chars);
    case F_VOCAB: return vocab(l, s, err);
    case F_MERGES: return merges(l, s, err);
    case FIELDS: break;
    }
    return vs_json_skip(&l->j, NULL);
}

static bool fields(struct vs_load *l, struct state *s, struct vs_err *err)
{
    struct vs_str key;
    if (!vs_json_object(&l->j))
        return false;
    while (vs_json_key(&l->j, &key)) {
        enum field f = 0;
        while (f < FIELDS && !vs_str_is(key, field_names[f]))
            f++;
        if (f < FIELDS && s->seen & 1u << f) {
            l->j.at = l->j.key_span.begin;
            return vs_json_fail(&l->j, VS_EFORMAT, "model: \"%s\" appears twice", field_names[f]);
        }
        if (!field(l, s, f, err))
            return false;
        s->seen |= f < FIELDS ? 1u << f : 0;
    }
    return !l->j.failed;
}

/* ---- the whole ---- */

/* A file without model.type: the library tries its types in order. */
static int guess(const struct state *s)
{
    if (s->seen & 1u << F_MERGES)
        return 0;
    if (s->vocab_is_list)
        return 1;
    return s->seen & 1u << F_MAX_CHARS ? 2 : 3;
}

static bool complete(struct vs_load *l, struct state *s)
{
    if (s->kind < 0)
        s->kind = guess(s);
    unsigned lacks = kinds[s->kind].needs & ~s->seen;
    if (lacks)
        return vs_json_fail(&l->j, VS_EFORMAT, "model: \"%s\" is missing; %s needs it", field_names[__builtin_ctz(lacks)],
                            kinds[s->kind].name);
    l->t->kind = kinds[s->kind].kind;
    if (s->vocab_is_list != (l->t->kind == VS_TOK_UNIGRAM))
        return vs_json_fail(&l->j, VS_EFORMAT, "model.vocab: found %s, %s needs %s",
                            s->vocab_is_list ? "a list" : "an object", kinds[s->kind].name, s->vocab_is_list ? "an object" : "a list");
    return true;
}

static bool unknown_token(struct vs_load *l, const struct state *s)
{
    struct vs_model *m = &l->impl->model;
    uint32_t count = l->impl->vocab.count;
    m->unk = VS_NO_ENTRY;
    if (l->t->kind == VS_TOK_UNIGRAM && s->has_unk_id) {
        if (s->unk_id >= count)
            return vs_json_fail(&l->j, VS_EFORMAT, "model.unk_id: found %llu: a position in model.vocab (%u pieces) expected",
                                (unsigned long long)s->unk_id, count);
        m->unk = (uint32_t)s->unk_id;
    } else if (l->t->kind != VS_TOK_UNIGRAM && m->unk_token.p) {
        m->unk = vs_vocab_find(&l->impl->vocab, m->unk_token);
    }
    return true;
}

enum vs_code vs_load_model(struct vs_load *l, struct vs_err *err)
{
    struct state s = {.kind = -1};
    err->code = VS_OK;
    bool ok = fields(l, &s, err) && complete(l, &s) && unknown_token(l, &s);
    if (ok && l->t->kind == VS_TOK_BPE && !s.resolved) {
        size_t after = l->j.at;
        ok = vs_load_merges(l, s.merges.begin, err) == VS_OK;
        l->j.at = after;
    }
    if (l->j.failed)
        return l->j.error.code;
    if (ok)
        vs_vocab_trim(&l->impl->vocab);
    return ok ? VS_OK : err->code;
}
