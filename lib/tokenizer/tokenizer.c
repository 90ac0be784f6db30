/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening, closing, and asking for tokens.
 */
#include "base/io.h"
#include "format/foreign.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/load.h"
#include "tokenizer/steps.h"

const char *vs_tok_kind_name(enum vs_tok_kind kind)
{
    static const char *const names[] = {"bpe", "unigram", "wordpiece", "wordlevel"};
    return names[kind];
}

/* ---- which file ---- */

static const char json_name[] = "tokenizer.json";

bool vs_tokenizer_present(const char *dir)
{
    return vs_path_has(dir, json_name);
}

/* The first name that is of such a format. */
static const char *first(const char **names, size_t count, const char *(*what)(const char *name))
{
    for (size_t i = 0; i < count; i++)
        if (what(names[i]))
            return names[i];
    return NULL;
}

/* Why there is no tokenizer in dir: one in another format, or none; weights of a kind that may hold one are named. */
static enum vs_code no_tokenizer(const char *dir, struct vs_err *err)
{
    struct vs_arena a = {0};
    const char **names;
    size_t count;
    enum vs_code code = vs_dir_list(dir, &a, &names, &count, err);
    if (!code) {
        const char *other = first(names, count, vs_foreign_tokenizer), *weights = first(names, count, vs_foreign_weights);
        if (other)
            code = vs_fail(err, VS_EUNSUPPORTED, "%s: found %s (%s) and no tokenizer.json; this format is not handled yet: convert it, for "
                           "example by loading and saving it with transformers", dir, other, vs_foreign_tokenizer(other));
        else if (weights)
            code = vs_fail(err, VS_EFORMAT, "%s: found %s (%s), expected a tokenizer.json", dir, weights, vs_foreign_weights(weights));
        else if (vs_path_has(dir, "snapshots"))
            code = vs_fail(err, VS_EFORMAT, "%s: found an entry of a Hugging Face cache, expected one of its snapshots: %s/snapshots/...", dir, dir);
        else
            code = vs_fail(err, VS_EFORMAT, "%s: no tokenizer found: tokenizer.json expected", dir);
    }
    vs_arena_free(&a);
    return code;
}

/* A path that is a file: a tokenizer.json of any name, or something that is known by its name. */
static enum vs_code check_file_name(const char *path, struct vs_err *err)
{
    const char *name = vs_path_base(path), *what = vs_foreign_tokenizer(name);
    what = what ? what : vs_foreign_weights(name);
    return what ? vs_fail(err, VS_EUNSUPPORTED, "%s: found %s; this format is not handled yet: expected a tokenizer.json", path, what) : VS_OK;
}

/* ---- open and close ---- */

static enum vs_code load(struct vs_load *l, const char *path, struct vs_err *err)
{
    bool dir = vs_path_is_dir(path);
    const char *file = dir ? vs_path_join(&l->impl->arena, path, json_name) : path;
    if (!file)
        return vs_enomem(err, "a path", 0);
    if (!vs_path_exists(path))
        return vs_path_missing(path, "a directory with a tokenizer.json, or such a file", err);
    if (dir && !vs_path_exists(file))
        return no_tokenizer(path, err);
    enum vs_code code = dir ? VS_OK : check_file_name(path, err);
    if (code == VS_OK)
        code = vs_load_json(l, file, err);
    if (code == VS_OK)
        code = vs_assign_ids(l, 0, err);
    if (code == VS_OK && dir)
        code = vs_load_siblings(l, path, err);
    if (code == VS_OK)
        code = vs_load_embedded(l, err);
    return code == VS_OK ? vs_finish_ids(l, err) : code;
}

enum vs_code vs_tokenizer_open(const char *path, const struct vs_tokenizer_options *options, struct vs_tokenizer **out,
                               struct vs_err *err)
{
    struct vs_tokenizer_impl *impl = vs_calloc(1, sizeof *impl);
    struct vs_load l = {.impl = impl, .wish = options ? *options : (struct vs_tokenizer_options){0}};
    *out = NULL;
    if (!impl)
        return vs_enomem(err, "a tokenizer", sizeof *impl);
    l.t = &impl->t;
    impl->t.impl = impl;
    enum vs_code code = load(&l, path, err);
    if (code == VS_OK)
        vs_find_alphabet(impl);
    if (code == VS_OK && !l.wish.ids_only)
        code = vs_encoder_open(impl, err);
    if (code) {
        vs_tokenizer_close(&impl->t);
        return code;
    }
    *out = &impl->t;
    return VS_OK;
}

void vs_tokenizer_close(struct vs_tokenizer *t)
{
    if (!t)
        return;
    struct vs_tokenizer_impl *impl = t->impl;
    vs_encoder_close(impl->encoder);
    vs_pipeline_close(impl->pipeline);
    for (unsigned i = 0; i < VS_SECTIONS; i++)
        vs_jdoc_free(&impl->sections[i]);
    vs_vocab_free(&impl->vocab);
    vs_bpe_free(impl->bpe);
    vs_map_free(&impl->added);
    vs_free(impl->model.scores);
    vs_free(impl->owners);
    vs_free(t->added);
    vs_free(t->named);
    vs_free(t->repeats);
    vs_free(t->findings);
    vs_arena_free(&impl->arena);
    vs_free(impl);
}

/* ---- tokens ---- */

uint32_t vs_token_id(const struct vs_tokenizer *t, struct vs_str token)
{
    uint32_t at = vs_map_get(&t->impl->added, token);
    if (at != VS_NONE)
        return t->added[at].effective;
    uint32_t entry = vs_vocab_find(&t->impl->vocab, token);
    return entry == VS_NO_ENTRY ? VS_NO_ID : t->impl->vocab.ids[entry];
}

/* The owner of an id: at its number while there are no holes before it, else by bisection. */
static const struct vs_owner *owner_of(const struct vs_tokenizer *t, uint32_t id)
{
    const struct vs_owner *owners = t->impl->owners;
    uint32_t lo = 0, hi = t->impl->owner_count;
    if (id < hi && owners[id].id == id)
        return &owners[id];
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (owners[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < t->impl->owner_count && owners[lo].id == id ? &owners[lo] : NULL;
}

struct vs_str vs_token_text(const struct vs_tokenizer *t, uint32_t id)
{
    const struct vs_owner *o = owner_of(t, id);
    if (!o)
        return (struct vs_str){0};
    return o->who & VS_OWNER_ADDED ? t->added[o->who & ~VS_OWNER_ADDED].content : vs_vocab_text(&t->impl->vocab, o->who);
}

bool vs_token_is_added(const struct vs_tokenizer *t, uint32_t id, struct vs_added *out)
{
    const struct vs_owner *o = owner_of(t, id);
    if (!o || !(o->who & VS_OWNER_ADDED))
        return false;
    if (out)
        *out = t->added[o->who & ~VS_OWNER_ADDED];
    return true;
}

uint32_t vs_symbol_of(const struct vs_tokenizer *t, struct vs_str token)
{
    return vs_vocab_find(&t->impl->vocab, token);
}

struct vs_str vs_symbol_text(const struct vs_tokenizer *t, uint32_t symbol)
{
    return symbol < t->impl->vocab.count ? vs_vocab_text(&t->impl->vocab, symbol) : (struct vs_str){0};
}

uint32_t vs_symbol_id(const struct vs_tokenizer *t, uint32_t symbol)
{
    return symbol < t->impl->vocab.count ? t->impl->vocab.ids[symbol] : VS_NO_ID;
}

uint32_t vs_unknown_symbol(const struct vs_tokenizer *t)
{
    return t->impl->model.unk;
}

struct vs_str vs_subword_prefix(const struct vs_tokenizer *t)
{
    return t->impl->model.prefix;
}

struct vs_str vs_word_suffix(const struct vs_tokenizer *t)
{
    return t->impl->model.suffix;
}

uint32_t vs_used_id_count(const struct vs_tokenizer *t)
{
    return t->impl->owner_count;
}

uint32_t vs_used_id(const struct vs_tokenizer *t, uint32_t position)
{
    return t->impl->owners[position].id;
}
