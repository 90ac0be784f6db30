/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sha256.h"
#include "base/str.h"
#include "fixture.h"
#include "support.h"
#include "vs_kernels.h"

static const char *const types[ALL_KINDS] = {"llama", "qwen2", "qwen3", "gemma2", "qwen2_moe", "bert"};

/* ---- values ---- */

static double uniform(const char *tensor, uint64_t i)
{
    uint64_t x = i * 0x9e3779b97f4a7c15ull;
    for (const char *p = tensor; *p; p++)
        x = (x ^ (unsigned char)*p) * 0x100000001b3ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return (double)((x ^ x >> 31) >> 11) / 9007199254740992.0 * 2 - 1;
}

float value_of(const char *tensor, uint64_t i, bool norm)
{
    return (float)(norm ? 1 + 0.4 * uniform(tensor, i) : 0.6 * uniform(tensor, i));
}

/* ---- files ---- */

static struct vst_tensor list[160];
static size_t list_count;

static void add(const struct tiny *t, const char *name, uint64_t rows, uint64_t cols, bool norm)
{
    if (t->drop && strcmp(t->drop, name) == 0)
        return;
    uint64_t n = rows * (cols ? cols : 1);
    float *data = malloc(n * sizeof *data);
    for (uint64_t i = 0; i < n; i++)
        data[i] = value_of(name, i, norm) * (cols == HIDDEN && rows >= ROWS && i / HIDDEN >= (t->words ? t->words : ROWS) ? 0.01f : 1); /* padding */
    for (uint64_t i = 0; t->poke && strcmp(t->poke, name) == 0 && i < (t->poke_count ? t->poke_count : 1); i++)
        data[t->poke_at + i] = t->poke_value;
    list[list_count++] = (struct vst_tensor){.name = strdup(name), .dtype = t->as_i32 && strcmp(t->as_i32, name) == 0 ? "I32" : "F32", .shape = {rows, cols}, .ndim = cols ? 2 : 1, .data = data};
}

/* With a bias, as in BERT. */
static void add_linear(const struct tiny *t, const char *name, uint64_t rows, uint64_t cols)
{
    add(t, vst_format("%s.weight", name), rows, cols, !cols);
    add(t, vst_format("%s.bias", name), rows, 0, false);
}

static void add_encoder_layer(const struct tiny *t, unsigned l)
{
    static const struct { const char *name; uint64_t rows, cols; } parts[] = {
        {"attention.self.query", HIDDEN, HIDDEN}, {"attention.self.key", HIDDEN, HIDDEN}, {"attention.self.value", HIDDEN, HIDDEN},
        {"attention.output.dense", HIDDEN, HIDDEN}, {"attention.output.LayerNorm", HIDDEN, 0}, {"intermediate.dense", INNER, HIDDEN},
        {"output.dense", HIDDEN, INNER}, {"output.LayerNorm", HIDDEN, 0}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        add_linear(t, vst_format("encoder.layer.%u.%s", l, parts[i].name), parts[i].rows, parts[i].cols);
}

static void add_gated(const struct tiny *t, const char *name, uint64_t inner)
{
    add(t, vst_format("%s.gate_proj.weight", name), inner, HIDDEN, false);
    add(t, vst_format("%s.up_proj.weight", name), inner, HIDDEN, false);
    add(t, vst_format("%s.down_proj.weight", name), HIDDEN, inner, false);
}

static void add_experts(const struct tiny *t, unsigned l)
{
    const char *mlp = vst_format("model.layers.%u.mlp", l);
    add(t, vst_format("%s.gate.weight", mlp), EXPERTS, HIDDEN, false);
    for (unsigned e = 0; e < EXPERTS; e++)
        add_gated(t, vst_format("%s.experts.%u", mlp, e), EXPERT_SIZE);
    add_gated(t, vst_format("%s.shared_expert", mlp), SHARED_SIZE);
    add(t, vst_format("%s.shared_expert_gate.weight", mlp), 1, HIDDEN, false);
}

/* Kinds that have a tensor: a bit each. */
enum { BIASED = 1 << QWEN2 | 1 << QWEN2_MOE, DECODERS = BIASED | 1 << LLAMA | 1 << QWEN3 | 1 << GEMMA2 };

static void add_layer(const struct tiny *t, unsigned l)
{
    static const struct { const char *name; uint64_t rows, cols; bool norm; int kinds; } parts[] = {
        {"input_layernorm.weight", HIDDEN, 0, true, DECODERS},
        {"post_attention_layernorm.weight", HIDDEN, 0, true, DECODERS},
        {"pre_feedforward_layernorm.weight", HIDDEN, 0, true, 1 << GEMMA2},
        {"post_feedforward_layernorm.weight", HIDDEN, 0, true, 1 << GEMMA2},
        {"self_attn.q_proj.weight", HEADS * HEAD_DIM, HIDDEN, false, DECODERS},
        {"self_attn.k_proj.weight", KV_HEADS * HEAD_DIM, HIDDEN, false, DECODERS},
        {"self_attn.v_proj.weight", KV_HEADS * HEAD_DIM, HIDDEN, false, DECODERS},
        {"self_attn.q_proj.bias", HEADS * HEAD_DIM, 0, false, BIASED},
        {"self_attn.k_proj.bias", KV_HEADS * HEAD_DIM, 0, false, BIASED},
        {"self_attn.v_proj.bias", KV_HEADS * HEAD_DIM, 0, false, BIASED},
        {"self_attn.q_norm.weight", HEAD_DIM, 0, true, 1 << QWEN3},
        {"self_attn.k_norm.weight", HEAD_DIM, 0, true, 1 << QWEN3},
        {"self_attn.o_proj.weight", HIDDEN, HEADS * HEAD_DIM, false, DECODERS},
    };
    if (t->kind == BERT) {
        add_encoder_layer(t, l);
        return;
    }
    if (t->kind == QWEN2_MOE)
        add_experts(t, l);
    else
        add_gated(t, vst_format("model.layers.%u.mlp", l), INNER);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].kinds >> t->kind & 1)
            add(t, vst_format("model.layers.%u.%s", l, parts[i].name), parts[i].rows, parts[i].cols, parts[i].norm);
}

static const char *encoder_config(unsigned rows)
{
    return vst_format("{\"model_type\": \"bert\", \"vocab_size\": %u, \"hidden_size\": %u, \"intermediate_size\": %u, \"num_hidden_layers\": %u,\n"
                      " \"num_attention_heads\": %u, \"layer_norm_eps\": 1e-06, \"max_position_embeddings\": 64, \"type_vocab_size\": 2, \"hidden_act\": \"gelu\"}\n",
                      rows, HIDDEN, INNER, LAYERS, HEADS);
}

static const char *decoder_config(const struct tiny *t, unsigned rows)
{
    const char *more = t->kind == GEMMA2 ? ", \"sliding_window\": 3, \"query_pre_attn_scalar\": 9, \"attn_logit_softcapping\": 4.0, \"final_logit_softcapping\": 6.0" : "";
    if (t->kind == QWEN2_MOE)
        more = vst_format(", \"num_experts\": %u, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": %u, \"shared_expert_intermediate_size\": %u",
                          EXPERTS, EXPERT_SIZE, SHARED_SIZE);
    return vst_format(
        "{\"model_type\": \"%s\", \"vocab_size\": %u, \"hidden_size\": %u, \"intermediate_size\": %u, \"num_hidden_layers\": %u,\n"
        " \"num_attention_heads\": %u, \"num_key_value_heads\": %u, \"head_dim\": %u, \"rms_norm_eps\": 1e-06, \"rope_theta\": 10000.0,\n"
        " \"max_position_embeddings\": 64, \"tie_word_embeddings\": %s, \"bos_token_id\": 1, \"eos_token_id\": null%s}\n",
        types[t->kind], rows, HIDDEN, INNER, LAYERS, HEADS, KV_HEADS, HEAD_DIM, t->tied ? "true" : "false", more);
}

static void write_config(const struct tiny *t, const char *dir, unsigned rows)
{
    const char *text = t->kind == BERT ? encoder_config(rows) : decoder_config(t, rows);
    const char *found = t->from ? strstr(text, t->from) : NULL;
    cr_assert(!t->from || found, "%s is not in the config", t->from ? t->from : "");
    if (found)
        text = vst_format("%.*s%s%s", (int)(found - text), text, t->to, found + strlen(t->from));
    vst_write_text(vst_path(dir, "config.json"), text);
}

static void write_tokenizer(const char *dir, unsigned words)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    fputs("{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [], \"normalizer\": null,\n"
          "\"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, \"post_processor\": null, \"decoder\": null,\n"
          "\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"t0\", \"vocab\": {", f);
    for (unsigned i = 0; i < words; i++)
        fprintf(f, "%s\"t%u\": %u", i ? ", " : "", i, i);
    fputs("}}}\n", f);
    fclose(f);
    vst_write_text(vst_path(dir, "tokenizer.json"), text);
    free(text);
}

static void add_encoder_tables(const struct tiny *t, unsigned rows)
{
    add(t, "embeddings.word_embeddings.weight", rows, HIDDEN, false);
    add(t, "embeddings.position_embeddings.weight", 64, HIDDEN, false);
    add(t, "embeddings.token_type_embeddings.weight", 2, HIDDEN, false);
    add_linear(t, "embeddings.LayerNorm", HIDDEN, 0);
}

static void add_decoder_tables(const struct tiny *t, unsigned rows)
{
    add(t, "model.embed_tokens.weight", rows, HIDDEN, false);
    add(t, "model.norm.weight", HIDDEN, 0, true);
    if (!t->tied)
        add(t, "lm_head.weight", t->head_rows ? t->head_rows : rows, HIDDEN, false);
}

/* As a copy of the model in another dtype has them. */
static void convert(struct vst_tensor *t, const char *to)
{
    uint64_t n = t->shape[0] * (t->ndim > 1 ? t->shape[1] : 1);
    void *data = malloc(n * sizeof(double));
    enum vs_dtype dtype;
    struct vs_err err;
    cr_assert(vs_dtype_parse(vs_cstr(to), &dtype));
    cr_assert_eq(vs_k_from_f32(t->data, dtype, n, data, &err), VS_OK, "%s", err.message);
    free((void *)(uintptr_t)t->data);
    t->data = data;
    t->dtype = to;
}

const char *make_tiny(const struct tiny *t)
{
    const char *dir = vst_tempdir();
    unsigned rows = t->rows ? t->rows : ROWS;
    list_count = 0;
    for (unsigned l = 0; l < LAYERS; l++)
        add_layer(t, l);
    if (t->kind == BERT)
        add_encoder_tables(t, rows);
    else
        add_decoder_tables(t, rows);
    if (t->extra)
        add(t, t->extra, 5, 7, false);
    for (size_t i = 0; t->dtype && i < list_count; i++)
        convert(&list[i], t->dtype);
    vst_write_safetensors(vst_path(dir, "model.safetensors"), list, list_count, NULL);
    for (size_t i = 0; i < list_count; i++) {
        free((void *)(uintptr_t)list[i].data);
        free((void *)(uintptr_t)list[i].name);
    }
    write_config(t, dir, rows);
    write_tokenizer(dir, t->words ? t->words : ROWS);
    return dir;
}

const char *tiny_map(const char *dir, unsigned first, unsigned count)
{
    const char *path = vst_path(vst_tempdir(), "vocab-map.json"), *list_text = "";
    char sha[VS_SHA256_HEX];
    struct vs_err err = {0};
    cr_assert_eq(vs_sha256_path(vst_path(dir, "tokenizer.json"), NULL, sha, &err), VS_OK, "%s", err.message);
    for (unsigned i = 0; i < count; i++)
        list_text = vst_format("%s%s{\"id\": %u, \"token\": \"t%u\", \"kind\": \"added\", \"source\": \"x\", \"source_id\": null, \"pieces\": [2, 3]}", list_text,
                               i ? ", " : "", first + i, first + i);
    vst_write_text(path, vst_format("{\"schema\": \"vocabsurgeon/vocab-map/1\", \"base\": {\"path\": \"base\", \"sha256\": \"%s\", \"rows_needed\": %u},\n"
                                    "\"rows_needed\": %u, \"new\": [%s], \"overlap\": [], \"rejected\": []}\n", sha, first, first + count, list_text));
    return path;
}

/* ---- running ---- */

struct vs_check_result *run_check(const char *dir, const char *base, const char *map, const struct vs_forward_request *q, uint64_t memory)
{
    struct vs_err err = {0};
    struct vs_check_result *r = NULL;
    struct vs_run run = {.memory = memory, .threads = 2};
    struct vs_check_request request = {.path = dir, .base = base, .map = map, .device = VS_DEVICE_CPU, .fail_on = VS_ERROR, .forward = q};
    cr_assert_eq(vs_check(&request, &run, &r, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_check_commit(r, &err), VS_OK, "%s", err.message);
    return r;
}

bool says(const struct vs_check_result *r, const char *rule)
{
    for (uint32_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].rule, rule) == 0)
            return true;
    return false;
}

const float *read_npy(const char *path, uint64_t *rows, uint64_t *cols)
{
    size_t n;
    const char *text = vst_read(path, &n);
    const char *shape = strstr(text + 10, "'shape': (");
    unsigned long long r = 0, c = 0;
    cr_assert(n > 128 && shape && sscanf(shape, "'shape': (%llu, %llu)", &r, &c) == 2, "%s is no matrix", path);
    size_t begin = 10 + (unsigned char)text[8] + 256u * (unsigned char)text[9];
    cr_assert_eq(n, begin + r * c * sizeof(float));
    *rows = r;
    *cols = c;
    return (const float *)(const void *)(text + begin);
}
