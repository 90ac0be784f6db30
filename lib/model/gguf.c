/* SPDX-License-Identifier: Apache-2.0
 *
 * A GGUF file, or all parts of a split one, as a checkpoint: its keys are the config.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/model_impl.h"

/* ---- parts ---- */

/* "PREFIX-00001-of-00004.gguf": where the number of the part begins; NULL for other names. */
static const char *part_number(const char *path, uint32_t *part, uint32_t *count)
{
    static const char shape[] = "-ddddd-of-ddddd.gguf";
    const size_t n = strlen(path), m = sizeof shape - 1;
    if (n <= m)
        return NULL;
    const char *tail = path + n - m;
    for (size_t i = 0; i < m; i++)
        if (shape[i] == 'd' ? tail[i] < '0' || tail[i] > '9' : tail[i] != shape[i])
            return NULL;
    *part = *count = 0;
    for (int i = 0; i < 5; i++) {
        *part = *part * 10 + (uint32_t)(tail[1 + i] - '0');
        *count = *count * 10 + (uint32_t)(tail[10 + i] - '0');
    }
    return tail + 1;
}

static int64_t key_or(const struct vs_gguf *g, const char *key, int64_t otherwise)
{
    int64_t v;
    return vs_gguf_i64(vs_gguf_find(g, key), &v) ? v : otherwise;
}

static enum vs_code open_part(struct vs_checkpoint *c, uint32_t i, const char *path, struct vs_err *err)
{
    struct vs_gguf *g = &c->impl->ggufs[i];
    enum vs_code code = vs_gguf_open(path, i, &c->impl->arena, g, err);
    if (code)
        return code;
    c->impl->gguf_count = i + 1;
    c->files[i] = (struct vs_ckpt_file){.name = vs_path_base(path), .path = path, .size = g->size, .data_begin = g->data_begin};
    c->file_count = i + 1;
    for (uint32_t w = 0; w < g->warning_count && !code; w++)
        code = vs_ckpt_remark(c, err, "%s", g->warnings[w]);
    if (!code && g->untold)
        code = vs_ckpt_remark(c, err, "%s: %llu more of this kind", path, (unsigned long long)g->untold);
    return code;
}

static enum vs_code room_for_parts(struct vs_checkpoint *c, uint32_t count, struct vs_err *err)
{
    struct vs_gguf *ggufs = vs_arena_array(&c->impl->arena, count, sizeof *ggufs);
    struct vs_ckpt_file *files = vs_arena_array(&c->impl->arena, count, sizeof *files);
    if (!ggufs || !files)
        return vs_enomem(err, c->path, count * (sizeof *ggufs + sizeof *files));
    if (c->file_count) {
        ggufs[0] = c->impl->ggufs[0];
        files[0] = c->files[0];
    }
    c->impl->ggufs = ggufs;
    c->files = files;
    return VS_OK;
}

static enum vs_code check_first(const struct vs_checkpoint *c, int64_t count, const char **number, struct vs_err *err)
{
    const int64_t no = key_or(&c->impl->ggufs[0], "split.no", 0);
    uint32_t part = 0, of = 0;
    *number = part_number(c->path, &part, &of);
    if (count < 1 || count > UINT16_MAX)
        return vs_fail(err, VS_EFORMAT, "%s: split.count: found %lld, expected 1 to 65535", c->path, (long long)count);
    if (no != 0)
        return vs_fail(err, VS_EMISMATCH, "%s: split.no: found %lld: this is part %lld of %lld; name the first part, which ends in "
                       "-00001-of-%05lld.gguf", c->path, (long long)no, (long long)no + 1, (long long)count, (long long)count);
    if (!*number || part != 1 || of != count)
        return vs_fail(err, VS_EMISMATCH, "%s: split.count: found %lld parts, but the name does not end in -00001-of-%05lld.gguf: "
                       "rename the parts as they were", c->path, (long long)count, (long long)count);
    return VS_OK;
}

static enum vs_code open_other(struct vs_checkpoint *c, uint32_t i, const char *number, int64_t count, struct vs_err *err)
{
    char digits[8];
    char *path = vs_arena_dup(&c->impl->arena, c->path, strlen(c->path));
    if (!path)
        return vs_enomem(err, c->path, 0);
    snprintf(digits, sizeof digits, "%05u", i + 1);
    memcpy(path + (number - c->path), digits, 5);
    if (!vs_path_exists(path))
        return vs_fail(err, VS_EFORMAT, "%s: not found: part %u of the %lld that %s names", path, i + 1, (long long)count, c->path);
    enum vs_code code = open_part(c, i, path, err);
    if (code)
        return code;
    const struct vs_gguf *g = &c->impl->ggufs[i];
    const int64_t no = key_or(g, "split.no", -1), of = key_or(g, "split.count", -1);
    if (no != (int64_t)i)
        return vs_fail(err, VS_EMISMATCH, "%s: split.no: found %lld, expected %u", path, (long long)no, i);
    if (of != count)
        return vs_fail(err, VS_EMISMATCH, "%s: split.count: found %lld, expected %lld as in %s", path, (long long)of, (long long)count, c->path);
    return VS_OK;
}

static enum vs_code open_parts(struct vs_checkpoint *c, struct vs_err *err)
{
    const char *number = NULL;
    enum vs_code code = room_for_parts(c, 1, err);
    if (!code)
        code = open_part(c, 0, c->path, err);
    if (code)
        return code;
    const int64_t count = key_or(&c->impl->ggufs[0], "split.count", 1);
    const bool split = vs_gguf_find(&c->impl->ggufs[0], "split.count") && count != 1;
    if (split)
        code = check_first(c, count, &number, err);
    if (!code && split)
        code = room_for_parts(c, (uint32_t)count, err);
    for (uint32_t i = 1; split && !code && i < count; i++)
        code = open_other(c, i, number, count, err);
    return code;
}

/* ---- tensors ---- */

static int by_name(const void *a, const void *b)
{
    return vs_str_cmp(((const struct vs_tensor *)a)->name, ((const struct vs_tensor *)b)->name);
}

/* Within a file, the reader has seen to it. */
static enum vs_code check_unique(const struct vs_checkpoint *c, struct vs_err *err)
{
    char name[200];
    for (uint64_t i = 1; i < c->tensor_count; i++)
        if (vs_str_eq(c->tensors[i].name, c->tensors[i - 1].name))
            return vs_fail(err, VS_EFORMAT, "%s: tensor \"%s\" stands in two parts, %s and %s", c->path,
                           vs_escape(name, sizeof name, c->tensors[i].name), c->files[c->tensors[i - 1].file].name,
                           c->files[c->tensors[i].file].name);
    return VS_OK;
}

static enum vs_code join_tensors(struct vs_checkpoint *c, struct vs_err *err)
{
    const struct vs_checkpoint_impl *x = c->impl;
    const int64_t declared = key_or(&x->ggufs[0], "split.tensors.count", -1);
    uint64_t total = 0;
    for (uint32_t i = 0; i < c->file_count; i++)
        total += x->ggufs[i].count;
    if (c->file_count > 1 && declared >= 0 && (uint64_t)declared != total)
        return vs_fail(err, VS_EMISMATCH, "%s: split.tensors.count: found %lld, the parts have %llu tensors", c->path, (long long)declared,
                       (unsigned long long)total);
    if (total > VS_GGUF_TENSOR_MAX)
        return vs_fail(err, VS_ELIMIT, "%s: more than %u tensors in %u files", c->path, VS_GGUF_TENSOR_MAX, c->file_count);
    c->tensors = vs_arena_array(&c->impl->arena, (size_t)total + 1, sizeof *c->tensors);
    if (!c->tensors)
        return vs_enomem(err, c->path, total * sizeof *c->tensors);
    for (uint32_t i = 0; i < c->file_count; i++) {
        if (x->ggufs[i].count)
            memcpy(c->tensors + c->tensor_count, x->ggufs[i].tensors, x->ggufs[i].count * sizeof *c->tensors);
        c->tensor_count += x->ggufs[i].count;
    }
    qsort(c->tensors, (size_t)total, sizeof *c->tensors, by_name);
    return check_unique(c, err);
}

/* The tables of the vocabulary must be matrices with something in them; other tensors are nobody's business here. */
static enum vs_code check_tables(const struct vs_checkpoint *c, struct vs_err *err)
{
    static const char *const names[] = {"token_embd.weight", "output.weight", "per_layer_token_embd.weight"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct vs_tensor *t = vs_checkpoint_tensor(c, vs_cstr(names[i]));
        if (!t)
            continue;
        const char *path = c->files[t->file].path;
        if (t->ndim != 2)
            return vs_fail(err, VS_EFORMAT, "%s: tensor \"%s\": found %u dimensions, expected 2", path, names[i], t->ndim);
        if (!t->shape[0] || !t->shape[1])
            return vs_fail(err, VS_EFORMAT, "%s: tensor \"%s\": found %llu rows of %llu values, expected some", path, names[i],
                           (unsigned long long)t->shape[0], (unsigned long long)t->shape[1]);
    }
    return VS_OK;
}

/* Caches name a file by its hash: the first bytes decide, unless its name says that it is something else that is read. Why a file
 * cannot be opened is for its reader to say. */
bool vs_ckpt_is_gguf(const struct vs_checkpoint *c)
{
    struct vs_file f = {.fd = -1};
    struct vs_err none;
    char magic[4];
    const struct vs_str path = vs_cstr(c->path);
    if (!c->is_file || vs_str_ends(path, VS_LIT(".gguf")) || vs_str_ends(path, VS_LIT(".safetensors")))
        return c->is_file && vs_str_ends(path, VS_LIT(".gguf"));
    bool is = !vs_file_open(c->path, &f, &none) && f.size >= sizeof magic && !vs_file_pread(&f, 0, magic, sizeof magic, &none) &&
              memcmp(magic, "GGUF", sizeof magic) == 0;
    vs_file_close(&f);
    return is;
}

enum vs_code vs_ckpt_read_gguf(struct vs_checkpoint *c, struct vs_err *err)
{
    enum vs_code code = open_parts(c, err);
    if (code)
        return code;
    c->gguf = &c->impl->ggufs[0];
    c->sharded = c->file_count > 1;
    code = join_tensors(c, err);
    return code ? code : check_tables(c, err);
}

/* ---- keys ---- */

static struct vs_str last_part(struct vs_str key)
{
    size_t at = key.n;
    while (at && key.p[at - 1] != '.')
        at--;
    return (struct vs_str){key.p + at, key.n - at};
}

static enum vs_code add_id(struct vs_checkpoint *c, const char *at, struct vs_str name, int64_t value, struct vs_err *err)
{
    struct vs_config *f = &c->config;
    struct vs_config_int *list = vs_arena_room(&c->impl->arena, f->special_ids, f->special_id_count, sizeof *list);
    if (!list)
        return vs_enomem(err, c->path, 0);
    f->special_ids = list;
    list[f->special_id_count++] = (struct vs_config_int){c->files[0].name, at, name, value, {NULL, 0}, vs_keys_match(c, "suppressions", name)};
    return VS_OK;
}

static enum vs_code read_ids(struct vs_checkpoint *c, const struct vs_gguf_kv *kv, struct vs_err *err)
{
    const struct vs_str name = last_part(kv->key);
    const char *at = vs_arena_dup(&c->impl->arena, kv->key.p, kv->key.n);
    int64_t id;
    enum vs_code code = at ? VS_OK : vs_enomem(err, c->path, 0);
    if (!code && vs_gguf_i64(kv, &id))
        return add_id(c, at, name, id, err);
    for (uint64_t i = 0; !code && vs_gguf_item_i64(kv, i, &id); i++)
        code = add_id(c, at, name, id, err);
    if (!code && kv->type != VS_GGUF_ARRAY)
        code = vs_ckpt_remark(c, err, "%s: %s: found a value of type %s, expected a token id", c->path, at, vs_gguf_type_name(kv->type));
    return code;
}

static enum vs_code read_size(struct vs_checkpoint *c, struct vs_err *err)
{
    const struct vs_gguf_kv *kv = vs_gguf_find_arch(c->gguf, "vocab_size");
    int64_t value;
    if (!kv)
        return VS_OK;
    struct vs_config_int *size = vs_arena_array(&c->impl->arena, 1, sizeof *size);
    const char *at = vs_arena_dup(&c->impl->arena, kv->key.p, kv->key.n);
    if (!size || !at)
        return vs_enomem(err, c->path, 0);
    if (!vs_gguf_i64(kv, &value) || value < 1 || value > INT32_MAX)
        return vs_ckpt_remark(c, err, "%s: %s: expected an integer from 1 to 2147483647", c->path, at);
    *size = (struct vs_config_int){c->files[0].name, at, last_part(kv->key), value, {NULL, 0}, false};
    c->config.vocab_sizes = size;
    c->config.vocab_size_count = 1;
    c->config.text_vocab = 0;
    return VS_OK;
}

enum vs_code vs_ckpt_read_keys(struct vs_checkpoint *c, struct vs_err *err)
{
    const struct vs_gguf *g = c->gguf;
    enum vs_code code = read_size(c, err);
    c->has_config = true;
    c->config.model_type = g->architecture;
    if (!vs_gguf_i64(vs_gguf_find_arch(g, "embedding_length"), &c->config.hidden_size) || c->config.hidden_size < 0)
        c->config.hidden_size = 0;
    for (uint32_t i = 0; i < g->kv_count && !code; i++)
        if (vs_keys_match(c, "gguf_ids", g->kvs[i].key))
            code = read_ids(c, &g->kvs[i], err);
    return code;
}
