/* SPDX-License-Identifier: Apache-2.0
 *
 * Every file of OUT that is no weight file of the checkpoint: OUT must load in place of MODEL, so all of MODEL comes
 * along unchanged, but for the files that speak of the vocabulary, and copies of the weights that would now be stale.
 */
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include "base/io.h"
#include "plan/extend.h"

#define DEPTH_MAX 16

/* Other copies of the weights: after the table has grown they no longer belong to the config. What may as well be something
 * else (a voice, a speaker table) is a copy only when the table would fit into it at four bits an element. */
static bool is_stale_weight(const struct vs_planner *p, const char *name, uint64_t size)
{
    static const char *const formats[] = {"*.safetensors.index.json", "*.bin.index.json", "*.gguf", "*.ggml", "*.h5", "*.h5.index.json",
                                          "*.msgpack", "*.msgpack.index.json", "*.onnx", "*.onnx_data", "*.onnx.data", "*.tflite", "*.mlmodel",
                                          "*.ot", "*.pdparams"};
    static const char *const containers[] = {"*.safetensors", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.npz"};
    static const char *const usual[] = {"model*", "pytorch_model*", "consolidated*"};
    const struct vs_table *input = &p->checkpoint->tables[p->plan->tables[0].table];
    if (VS_GLOB_ANY(formats, vs_cstr(name)))
        return true;
    return VS_GLOB_ANY(containers, vs_cstr(name)) && (VS_GLOB_ANY(usual, vs_cstr(name)) || size / input->cols >= input->rows / 2);
}

/* Folders in which models are published once more. */
static bool is_stale_folder(const char *name)
{
    static const char *const names[] = {"onnx", "openvino", "coreml", "gguf", "tflite", "original", "metal"};
    return VS_GLOB_ANY(names, vs_cstr(name));
}

bool vs_is_tokenizer_file(const char *name)
{
    static const char *const names[] = {"tokenizer.json", "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json",
                                        "vocab.json", "merges.txt", "vocab.txt", "tokenizer.model", "spiece.model",
                                        "sentencepiece.bpe.model", "tekken.json", "*.tiktoken"};
    return VS_GLOB_ANY(names, vs_cstr(name));
}

static bool names_ids(const char *name)
{
    return vs_is_tokenizer_file(name) && strcmp(name, "tokenizer_config.json") != 0 && strcmp(name, "special_tokens_map.json") != 0 &&
           strcmp(name, "added_tokens.json") != 0;
}

static bool is_weight_file(const struct vs_checkpoint *c, const char *name)
{
    for (uint32_t i = 0; i < c->file_count; i++)
        if (strcmp(c->files[i].name, name) == 0)
            return true;
    return c->index_name && strcmp(c->index_name, name) == 0;
}

/* The tokenizer files beside the map, and the map itself. */
static enum vs_code from_token_dir(struct vs_planner *p, struct vs_err *err)
{
    const char **names = NULL;
    size_t count = 0;
    enum vs_code code = VS_OK;
    if (p->token_dir)
        code = vs_dir_list(p->token_dir, p->arena, &names, &count, err);
    for (size_t i = 0; !code && i < count; i++)
        if (vs_is_tokenizer_file(names[i]))
            code = vs_plan_add_source(p->plan, names[i], vs_path_join(p->arena, p->token_dir, names[i]), err);
    if (!code && p->request->map)
        code = vs_plan_add_source(p->plan, "vocab-map.json", p->request->map, err);
    return code;
}

/* Our own documents about the model as it was before, and the map, are replaced; OUT gets its own. */
static bool is_ours(const char *name)
{
    return strcmp(name, "receipt.json") == 0 || strcmp(name, "vocab-map.json") == 0;
}

/* A folder with a config of its own is a part of the model (2_Dense of sentence-transformers), not a copy of it. */
static bool is_left_out(const struct vs_planner *p, const char *dir, const char *name, unsigned depth)
{
    char path[PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof path || stat(path, &st) != 0 || !is_stale_weight(p, name, (uint64_t)st.st_size))
        return false;
    return depth == 0 || !vs_path_has(dir, "config.json");
}

static const char *const adapter_files[] = {"adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"};

/* The weights of the adapter in dir where they are left out, else NULL: its config alone makes loaders ask for them. */
static const char *adapter_left_out(const struct vs_planner *p, const char *dir, unsigned depth)
{
    for (size_t i = 1; vs_path_has(dir, adapter_files[0]) && i < sizeof adapter_files / sizeof *adapter_files; i++)
        if (is_left_out(p, dir, adapter_files[i], depth))
            return adapter_files[i];
    return NULL;
}

/* One note for both of its files. */
static enum vs_code note_adapter(struct vs_planner *p, const char *config, const char *weights, struct vs_err *err)
{
    return vs_plan_note(p->plan, err, "%.200s and %s are left out: an adapter comes along whole or not at all, and its weights are another copy "
                        "of the table, which does not have the new rows", config, weights);
}

static enum vs_code walk(struct vs_planner *p, const char *dir, const char *prefix, unsigned depth, struct vs_err *err);

static enum vs_code visit(struct vs_planner *p, const char *dir, const char *prefix, const char *name, unsigned depth, struct vs_err *err)
{
    char *path = vs_path_join(p->arena, dir, name);
    char *full = !path ? NULL : *prefix ? vs_path_join(p->arena, prefix, name) : vs_arena_dup(p->arena, name, strlen(name));
    struct stat st;
    if (!path || !full)
        return vs_enomem(err, "a path", 0);
    if (stat(path, &st) != 0)
        return vs_plan_note(p->plan, err, "%.200s is left out: it cannot be read (a dangling link?)", full);
    if (S_ISDIR(st.st_mode)) {
        if (name[0] == '.' || (depth == 0 && is_stale_folder(name)))
            return vs_plan_note(p->plan, err, "%.200s/ is left out: %s", full, name[0] == '.' ? "hidden" : "weights in another format");
        return walk(p, path, full, depth + 1, err);
    }
    if (!S_ISREG(st.st_mode) || strcmp(name, ".DS_Store") == 0)
        return vs_plan_note(p->plan, err, "%.200s is left out: not a file of a model", full);
    if (depth == 0 && (is_weight_file(p->checkpoint, name) || is_ours(name)))
        return VS_OK;
    const char *adapter = VS_GLOB_ANY(adapter_files, vs_cstr(name)) ? adapter_left_out(p, dir, depth) : NULL;
    if (adapter)
        return strcmp(name, adapter_files[0]) == 0 ? note_adapter(p, full, adapter, err) : VS_OK;
    if (is_left_out(p, dir, name, depth))
        return vs_plan_note(p->plan, err, "%.200s is left out: another copy of the weights, which does not have the new rows", full);
    if (depth == 0 && p->token_dir && names_ids(name) && !vs_plan_has_file(p->plan, name)) {
        enum vs_code code = vs_plan_note(p->plan, err, "%.200s is MODEL's: %.200s has none, so it does not know the new tokens", full, p->token_dir);
        if (code)
            return code;
    }
    return vs_plan_add_source(p->plan, full, path, err);
}

static enum vs_code walk(struct vs_planner *p, const char *dir, const char *prefix, unsigned depth, struct vs_err *err)
{
    const char **names;
    size_t count;
    if (depth > DEPTH_MAX)
        return vs_fail(err, VS_ELIMIT, "%s: folders are nested deeper than %d", dir, DEPTH_MAX);
    enum vs_code code = vs_dir_list(dir, p->arena, &names, &count, err);
    for (size_t i = 0; !code && i < count; i++)
        code = visit(p, dir, prefix, names[i], depth, err);
    return code;
}

enum vs_code vs_extend_files(struct vs_planner *p, struct vs_err *err)
{
    enum vs_code code = from_token_dir(p, err);
    if (!code && !p->checkpoint->is_file)
        code = walk(p, p->checkpoint->dir, "", 0, err);
    if (!code)
        vs_plan_sort_files(p->plan);
    return code;
}
