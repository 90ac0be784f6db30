/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include "json/schema.h"
#include "model/model_impl.h"

/* ---- findings ---- */

static enum vs_code add_finding(struct vs_checkpoint *c, const char *text, struct vs_err *err)
{
    const char **list = vs_arena_room(&c->impl->arena, c->findings, c->finding_count, sizeof *list);
    const char *copy = vs_arena_dup(&c->impl->arena, text, strlen(text));
    if (!list || !copy)
        return vs_enomem(err, c->path, 0);
    c->findings = list;
    list[c->finding_count++] = copy;
    return VS_OK;
}

enum vs_code vs_ckpt_note(struct vs_checkpoint *c, enum vs_code code, struct vs_err *err, const char *fmt, ...)
{
    char text[VS_ERR_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return c->impl->lenient ? add_finding(c, text, err) : vs_fail(err, code, "%s", text);
}

enum vs_code vs_ckpt_fault(struct vs_checkpoint *c, struct vs_err *err, const char *fmt, ...)
{
    char text[VS_ERR_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (!c->impl->lenient)
        return vs_fail(err, VS_EMISMATCH, "%s", text);
    enum vs_code code = add_finding(c, text, err);
    if (code)
        return code;
    const char *last = c->findings[c->finding_count - 1];
    memmove(c->findings + c->fault_count + 1, c->findings + c->fault_count, (c->finding_count - 1 - c->fault_count) * sizeof last);
    c->findings[c->fault_count++] = last;
    return VS_OK;
}

enum vs_code vs_ckpt_remark(struct vs_checkpoint *c, struct vs_err *err, const char *fmt, ...)
{
    char text[VS_ERR_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return add_finding(c, text, err);
}

/* ---- opening ---- */

static bool ends(const char *name, const char *suffix)
{
    return vs_str_ends(vs_cstr(name), vs_cstr(suffix));
}

enum vs_code vs_checkpoint_present(const char *path, bool *present, struct vs_err *err)
{
    struct vs_arena a = {0};
    const char **names;
    size_t count;
    *present = false;
    if (!vs_path_is_dir(path)) {
        *present = vs_path_exists(path) && (ends(path, ".safetensors") || vs_foreign_weights(vs_path_base(path)));
        return VS_OK;
    }
    enum vs_code code = vs_dir_list(path, &a, &names, &count, err);
    for (size_t i = 0; !code && i < count && !*present; i++)
        *present = strcmp(names[i], "config.json") == 0 || ends(names[i], ".safetensors") ||
                   ends(names[i], ".safetensors.index.json") || vs_foreign_weights(names[i]);
    vs_arena_free(&a);
    return code;
}

/* A JSON file that is no index lies in the directory that is meant; as weights its first bytes would be a length. */
static enum vs_code check_path(const struct vs_checkpoint *c, struct vs_err *err)
{
    const char *expected = c->impl->gguf ? "a model directory, or a .safetensors or .gguf file" : "a model directory or a .safetensors file";
    if (!vs_path_exists(c->path))
        return vs_path_missing(c->path, expected, err);
    if (ends(c->path, ".json") && !ends(c->path, ".safetensors.index.json") && !vs_foreign_weights(vs_path_base(c->path)) && !vs_path_is_dir(c->path))
        return vs_fail(err, VS_EUNSUPPORTED, "%s: found a JSON file; expected %s", c->path, expected);
    return VS_OK;
}

static enum vs_code locate(struct vs_checkpoint *c, const char *path, struct vs_err *err)
{
    struct vs_checkpoint_impl *x = c->impl;
    c->path = vs_arena_dup(&x->arena, path, strlen(path));
    if (!c->path)
        return vs_enomem(err, path, 0);
    enum vs_code code = check_path(c, err);
    if (code)
        return code;
    c->is_file = !vs_path_is_dir(path);
    if (!c->is_file) {
        c->dir = c->path;
        return vs_dir_list(path, &x->arena, &x->names, &x->name_count, err);
    }
    const char *base = vs_path_base(c->path);
    c->dir = base == c->path ? "." : vs_arena_dup(&x->arena, c->path, (size_t)(base - c->path));
    return c->dir ? VS_OK : vs_enomem(err, path, 0);
}

static enum vs_code read_all_parts(struct vs_checkpoint *c, const char *path, struct vs_err *err)
{
    struct vs_st_index index = {0};
    enum vs_code code = locate(c, path, err);
    if (!code)
        code = vs_data_read(c->impl->data_dir, "model-keys.json", &c->impl->keys, err);
    const bool gguf = !code && c->impl->gguf && vs_ckpt_is_gguf(c);
    if (!code && gguf)
        code = vs_ckpt_read_gguf(c, err);
    if (!code && !gguf)
        code = vs_ckpt_find_weights(c, &index, err);
    if (!code && !gguf)
        code = vs_ckpt_read_headers(c, &index, err);
    if (!code)
        code = vs_ckpt_load_families(c, err);
    if (!code)
        code = gguf ? vs_ckpt_read_keys(c, err) : vs_ckpt_read_configs(c, err);
    if (!code)
        code = vs_ckpt_assign_roles(c, err);
    return code;
}

enum vs_code vs_checkpoint_open(const char *path, const struct vs_checkpoint_options *options, struct vs_checkpoint **out,
                                struct vs_err *err)
{
    *out = NULL;
    struct vs_checkpoint *c = vs_calloc(1, sizeof *c);
    if (!c)
        return vs_enomem(err, path, 0);
    c->impl = vs_calloc(1, sizeof *c->impl);
    if (!c->impl) {
        vs_free(c);
        return vs_enomem(err, path, 0);
    }
    c->config.text_vocab = -1;
    c->config.top_size_default = -1;
    c->impl->lenient = options && options->lenient;
    c->impl->gguf = options && options->gguf;
    c->impl->data_dir = options ? options->data_dir : NULL;
    enum vs_code code = read_all_parts(c, path, err);
    if (code)
        vs_checkpoint_close(c);
    else
        *out = c;
    return code;
}

void vs_checkpoint_close(struct vs_checkpoint *c)
{
    if (!c)
        return;
    struct vs_checkpoint_impl *x = c->impl;
    for (uint32_t i = 0; i < x->doc_count; i++)
        vs_jdoc_free(&x->docs[i].doc);
    for (uint32_t i = 0; i < x->family_count; i++)
        vs_jdoc_free(&x->families[i]);
    for (uint32_t i = 0; i < x->gguf_count; i++)
        vs_gguf_free(&x->ggufs[i]);
    vs_jdoc_free(&x->keys);
    vs_arena_free(&x->arena);
    vs_free(x);
    vs_free(c);
}

/* ---- looking things up ---- */

const struct vs_tensor *vs_checkpoint_tensor(const struct vs_checkpoint *c, struct vs_str name)
{
    uint64_t low = 0, high = c->tensor_count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int order = vs_str_cmp(c->tensors[middle].name, name);
        if (order == 0)
            return &c->tensors[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct vs_table *vs_checkpoint_table(const struct vs_checkpoint *c, enum vs_role role)
{
    for (uint32_t i = 0; i < c->table_count; i++)
        if (c->tables[i].role == role)
            return &c->tables[i];
    return NULL;
}

const struct vs_jdoc *vs_checkpoint_json(const struct vs_checkpoint *c, const char *name)
{
    for (uint32_t i = 0; i < c->impl->doc_count; i++)
        if (strcmp(c->impl->docs[i].name, name) == 0)
            return &c->impl->docs[i].doc;
    return NULL;
}
