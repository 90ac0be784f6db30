/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files of a directory are its weights, and what their headers say.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "model/model_impl.h"

#define SINGLE "model.safetensors"
#define INDEX ".safetensors.index.json"

/* ---- choosing ---- */

struct choice {
    const char *single, *index;     /* model.safetensors, and the index that counts */
    const char *only;               /* a lone .safetensors file of another name */
    const char *foreign, *adapter;  /* the first of each */
    size_t safetensors, indexes;
    bool config, tokenizer_json, tokenizer_model;
};

static void look_at(struct choice *x, const char *name)
{
    struct vs_str s = vs_cstr(name);
    if (vs_str_starts(s, VS_LIT("adapter_"))) {
        x->adapter = x->adapter ? x->adapter : name;
    } else if (vs_str_ends(s, VS_LIT(INDEX))) {
        /* Of several, the standard name counts. */
        if (!x->index || strcmp(name, "model" INDEX) == 0)
            x->index = name;
        x->indexes++;
    } else if (vs_str_ends(s, VS_LIT(".safetensors"))) {
        if (strcmp(name, SINGLE) == 0)
            x->single = name;
        x->only = x->only ? x->only : name;
        x->safetensors++;
    } else if (vs_foreign_weights(name)) {
        x->foreign = x->foreign ? x->foreign : name;
    }
    x->config |= strcmp(name, "config.json") == 0;
    x->tokenizer_json |= strcmp(name, "tokenizer.json") == 0;
    x->tokenizer_model |= strcmp(name, "tokenizer.model") == 0;
}

static enum vs_code unsupported(const struct vs_checkpoint *c, const char *name, struct vs_err *err)
{
    char text[300];
    if (c->impl->gguf && vs_str_ends(vs_cstr(name), VS_LIT(".gguf")))
        return vs_fail(err, VS_EUNSUPPORTED, "%s: no weights but GGUF files: name the file itself, %s/%s", c->dir, c->dir,
                       vs_escape(text, sizeof text, vs_cstr(name)));
    return vs_fail(err, VS_EUNSUPPORTED, "%s%s%s: found %s, which are not handled yet: expected .safetensors files", c->is_file ? "" : c->dir,
                   c->is_file ? "" : "/", vs_escape(text, sizeof text, vs_cstr(c->is_file ? c->path : name)), vs_foreign_weights(name));
}

/* A directory without weights that can be read. */
static enum vs_code no_weights(struct vs_checkpoint *c, const struct choice *x, struct vs_err *err)
{
    if (x->foreign)
        return unsupported(c, x->foreign, err);
    if (x->adapter)
        return unsupported(c, vs_foreign_weights(x->adapter) ? x->adapter : "adapter_config.json", err);
    if (x->config)
        return VS_OK;
    if (x->tokenizer_model && !x->tokenizer_json)
        return vs_fail(err, VS_EUNSUPPORTED, "%s/tokenizer.model: found %s alone, which is not handled yet: expected a tokenizer.json", c->dir,
                       vs_foreign_tokenizer("tokenizer.model"));
    if (vs_path_has(c->dir, "snapshots"))
        return vs_fail(err, VS_EFORMAT, "%s: found an entry of a Hugging Face cache, expected one of its snapshots: %s/snapshots/...", c->dir,
                       c->dir);
    if (x->tokenizer_json)
        return vs_fail(err, VS_EFORMAT, "%s: found a tokenizer alone, expected a model: config.json, *.safetensors, or shards with their "
                       "model.safetensors.index.json", c->dir);
    return vs_fail(err, VS_EFORMAT, "%s: no tokenizer.json, no config.json and no weights: expected *.safetensors, or shards with their "
                   "model.safetensors.index.json", c->dir);
}

static enum vs_code add_file(struct vs_checkpoint *c, const char *name, struct vs_err *err)
{
    struct vs_ckpt_file *f = &c->files[c->file_count];
    f->name = name;
    f->path = vs_path_join(&c->impl->arena, c->dir, name);
    c->file_count++;
    return f->path ? VS_OK : vs_enomem(err, c->path, 0);
}

static enum vs_code take_single(struct vs_checkpoint *c, const char *name, struct vs_err *err)
{
    c->files = vs_arena_array(&c->impl->arena, 1, sizeof *c->files);
    return c->files ? add_file(c, name, err) : vs_enomem(err, c->path, 0);
}

bool vs_ckpt_is_listed(const struct vs_st_index *index, const char *name)
{
    for (uint32_t i = 0; i < index->shard_count; i++)
        if (strcmp(index->shards[i], name) == 0)
            return true;
    return false;
}

/* Mistral ships its own layout of the same weights beside the shards; anything else may be a leftover. */
static enum vs_code remark_extras(struct vs_checkpoint *c, const struct vs_st_index *index, struct vs_err *err)
{
    char text[300];
    enum vs_code code = VS_OK;
    for (size_t i = 0; i < c->impl->name_count && !code; i++) {
        struct vs_str name = vs_cstr(c->impl->names[i]);
        if (vs_str_ends(name, VS_LIT(".safetensors")) && !vs_str_starts(name, VS_LIT("adapter_")) &&
            !vs_str_starts(name, VS_LIT("consolidated")) && !vs_ckpt_is_listed(index, c->impl->names[i]))
            code = vs_ckpt_remark(c, err, "%s/%s: not in the weight_map of %s: a leftover, or a part that loaders leave out", c->dir,
                                  vs_escape(text, sizeof text, name), c->index_name);
    }
    return code;
}

static enum vs_code take_index(struct vs_checkpoint *c, const char *name, struct vs_st_index *index, struct vs_err *err)
{
    char *path = vs_path_join(&c->impl->arena, c->dir, name);
    if (!path)
        return vs_enomem(err, c->path, 0);
    enum vs_code code = vs_st_index_open(path, &c->impl->arena, index, err);
    if (code)
        return code;
    c->sharded = true;
    c->index_name = name;
    c->files = vs_arena_array(&c->impl->arena, index->shard_count, sizeof *c->files);
    if (!c->files)
        return vs_enomem(err, c->path, 0);
    for (uint32_t i = 0; i < index->shard_count && !code; i++)
        code = add_file(c, index->shards[i], err);
    return code ? code : remark_extras(c, index, err);
}

static enum vs_code choose(struct vs_checkpoint *c, const struct choice *x, struct vs_st_index *index, struct vs_err *err)
{
    if (x->single && x->index) {
        enum vs_code code = vs_ckpt_note(c, VS_EMISMATCH, err, "%s: both " SINGLE " and %s: transformers loads the first, others the second; remove "
                                         "the stale one", c->dir, x->index);
        return code ? code : take_single(c, x->single, err);
    }
    if (x->indexes > 1 && strcmp(x->index, "model" INDEX) != 0)
        return vs_fail(err, VS_EFORMAT, "%s: %zu index files, none of them model" INDEX ": which one counts is not known; keep one", c->dir,
                       x->indexes);
    if (x->index)
        return take_index(c, x->index, index, err);
    if (x->single || x->safetensors == 1)
        return take_single(c, x->single ? x->single : x->only, err);
    if (x->safetensors)
        return vs_fail(err, VS_EFORMAT, "%s: %zu .safetensors files (%s ...) and no model" INDEX ": give one of the files, or put the index back",
                       c->dir, x->safetensors, x->only);
    return no_weights(c, x, err);
}

enum vs_code vs_ckpt_find_weights(struct vs_checkpoint *c, struct vs_st_index *index, struct vs_err *err)
{
    struct choice x = {0};
    if (c->is_file) {
        const char *base = vs_path_base(c->path);
        const char *kind = vs_ckpt_is_gguf(c) ? ".gguf" : base;
        if (vs_foreign_weights(kind))
            return unsupported(c, kind, err);
        if (vs_foreign_tokenizer(base))
            return vs_fail(err, VS_EUNSUPPORTED, "%s: found %s, which is not handled yet: expected a tokenizer.json", c->path,
                           vs_foreign_tokenizer(base));
        return take_single(c, base, err);
    }
    for (size_t i = 0; i < c->impl->name_count; i++)
        look_at(&x, c->impl->names[i]);
    return choose(c, &x, index, err);
}

/* ---- headers ---- */

static enum vs_code shard_missing(const struct vs_checkpoint *c, const struct vs_ckpt_file *f, struct vs_err *err)
{
    struct stat st;
    bool dangling = lstat(f->path, &st) == 0 && S_ISLNK(st.st_mode);
    return vs_fail(err, VS_EFORMAT, "%s: %s%s%s; fetch it again", f->path, dangling ? "a link to a file that is not there" : "not found",
                   c->index_name ? ", but named in the weight_map of " : "", c->index_name ? c->index_name : "");
}

static enum vs_code read_file(struct vs_checkpoint *c, uint32_t at, struct vs_st *st, struct vs_err *err)
{
    struct vs_ckpt_file *f = &c->files[at];
    char name[300];
    if (!vs_path_exists(f->path))
        return shard_missing(c, f, err);
    enum vs_code code = vs_st_open(f->path, at, &c->impl->arena, st, err);
    if (code)
        return code;
    f->size = st->size;
    f->inode = st->inode;
    f->mtime_ns = st->mtime_ns;
    f->data_begin = st->data_begin;
    f->header = st->header;
    f->metadata = st->metadata;
    if (st->unknown_field.p)
        code = vs_ckpt_remark(c, err, "%s: a field \"%s\" in the header that the format does not know: it is not kept", f->path,
                              vs_escape(name, sizeof name, st->unknown_field));
    if (!code && f->data_begin > VS_ST_HEADER_USUAL)
        code = vs_ckpt_remark(c, err, "%s: a header of %llu bytes: the Hub reads at most %u", f->path,
                              (unsigned long long)(f->data_begin - 8), VS_ST_HEADER_USUAL);
    return code;
}

static int by_name(const void *a, const void *b)
{
    return vs_str_cmp(((const struct vs_tensor *)a)->name, ((const struct vs_tensor *)b)->name);
}

/* Of two tensors with one name the one where the index says stays, else the first. */
static enum vs_code drop_twins(struct vs_checkpoint *c, const struct vs_st_index *index, struct vs_err *err)
{
    char name[200];
    uint64_t kept = c->tensor_count ? 1 : 0;
    for (uint64_t i = 1; i < c->tensor_count; i++) {
        struct vs_tensor *last = &c->tensors[kept - 1], *t = &c->tensors[i];
        if (!vs_str_eq(t->name, last->name)) {
            c->tensors[kept++] = *t;
            continue;
        }
        enum vs_code code = vs_ckpt_fault(c, err, "%s: tensor \"%s\" stands in two shards, %s and %s; expected one", c->dir,
                                          vs_escape(name, sizeof name, t->name), c->files[last->file].name, c->files[t->file].name);
        if (code)
            return code;
        if (vs_st_index_shard(index, t->name) == t->file)
            *last = *t;
    }
    c->tensor_count = kept;
    if (c->tensor_count && c->tensors[0].name.n == 0)
        return vs_ckpt_remark(c, err, "%s: a tensor with an empty name", c->files[c->tensors[0].file].path);
    return VS_OK;
}

/* Some writers had a float here; -1 for what is no number. */
static double total_as_float(const struct vs_st_index *index)
{
    struct vs_json j;
    double v;
    vs_json_begin(&j, index->path, index->total_text.p, index->total_text.n, NULL);
    return vs_json_f64(&j, &v) ? v : -1;
}

static enum vs_code check_index(struct vs_checkpoint *c, const struct vs_st_index *index, struct vs_err *err)
{
    char name[200];
    struct vs_st_cross x;
    enum vs_code code = vs_st_index_check(index, c->tensors, c->tensor_count, &x, err);
    if (!code && x.misplaced)
        code = vs_ckpt_say_misplaced(c, index, &x, err);
    if (!code && x.orphans)
        code = vs_ckpt_note(c, VS_EMISMATCH, err, "%s: %llu tensors of the shards are not in weight_map, the first is \"%s\"", index->path,
                            (unsigned long long)x.orphans, vs_escape(name, sizeof name, x.first_orphan));
    if (code || !index->total_text.p || (index->has_total && index->total_size == x.payload))
        return code;
    vs_escape(name, sizeof name, index->total_text);
    if (total_as_float(index) == (double)x.payload)
        return vs_ckpt_remark(c, err, "%s: metadata.total_size: found %s, an integer is expected", index->path, name);
    return vs_ckpt_note(c, VS_EMISMATCH, err, "%s: metadata.total_size: found %s, the tensors have %llu bytes", index->path, name,
                        (unsigned long long)x.payload);
}

enum vs_code vs_ckpt_read_headers(struct vs_checkpoint *c, const struct vs_st_index *index, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    uint64_t total = 0, at = 0;
    struct vs_st *st = vs_arena_array(&c->impl->arena, c->file_count + 1u, sizeof *st);
    if (!st)
        return vs_enomem(err, c->path, 0);
    for (uint32_t i = 0; i < c->file_count && !code; i++) {
        code = read_file(c, i, &st[i], err);
        total += st[i].count;
        if (!code && total > VS_ST_TENSOR_MAX)
            code = vs_fail(err, VS_ELIMIT, "%s: more than %u tensors in %u files", c->dir, VS_ST_TENSOR_MAX, c->file_count);
    }
    if (code)
        return code;
    c->tensors = vs_arena_array(&c->impl->arena, (size_t)total + 1, sizeof *c->tensors);
    if (!c->tensors)
        return vs_enomem(err, c->path, total * sizeof *c->tensors);
    for (uint32_t i = 0; i < c->file_count; i++) {
        if (st[i].count)
            memcpy(c->tensors + at, st[i].tensors, st[i].count * sizeof *c->tensors);
        at += st[i].count;
    }
    c->tensor_count = total;
    qsort(c->tensors, (size_t)total, sizeof *c->tensors, by_name);
    code = drop_twins(c, index, err);
    return !code && index->path ? check_index(c, index, err) : code;
}
