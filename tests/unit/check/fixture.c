/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/sha256.h"
#include "base/str.h"
#include "json/dom.h"
#include "support.h"
#include "vs_kernels.h"

static const struct vs_run plain;

/* ---- the healthy models ---- */

struct named { unsigned id; const char *token; };
struct model {
    const char *name;
    unsigned words;
    struct named named[17];                /* tokens that are special, and added */
    struct edit files[4];
    struct reshape tensors[8];
};

#define CHAT {0, "<s>"}, {1, "</s>"}, {2, "<pad>"}, {3, "<unk>"}
#define SIBLINGS                                                                                     \
    {"generation_config.json", NULL, "{\n  \"bos_token_id\": 0,\n  \"eos_token_id\": [1]\n}\n"},     \
    {"tokenizer_config.json", NULL, "{\n  \"bos_token\": \"<s>\",\n  \"eos_token\": \"</s>\",\n  \"pad_token\": \"<pad>\"\n}\n"}
#define TRUNK {"model.norm.weight", COLS, 0}

static const struct model models[] = {
    {"llama", WORDS, {CHAT},
     {{"config.json", NULL, "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"model_type\": \"llama\",\n  \"bos_token_id\": 0,\n  \"eos_token_id\": 1,\n"
       "  \"hidden_size\": 8,\n  \"rope_theta\": 10000.0,\n  \"tie_word_embeddings\": false,\n  \"vocab_size\": 24\n}\n"}, SIBLINGS},
     {{"lm_head.weight", WORDS, COLS}, {"model.embed_tokens.weight", WORDS, COLS}, TRUNK}},
    {"tied", WORDS, {CHAT},
     {{"config.json", NULL, "{\n  \"model_type\": \"llama\",\n  \"hidden_size\": 8,\n  \"tie_word_embeddings\": true,\n  \"vocab_size\": 24\n}\n"}, SIBLINGS},
     {{"model.embed_tokens.weight", WORDS, COLS}, TRUNK}},
    {"encoder only", WORDS, {CHAT}, /* a class without a head: nothing is tied and nothing is missing */
     {{"config.json", NULL, "{\n  \"architectures\": [\"MistralModel\"],\n  \"model_type\": \"mistral\",\n  \"hidden_size\": 8,\n  \"tie_word_embeddings\": false,\n  \"vocab_size\": 24\n}\n"}},
     {{"embed_tokens.weight", WORDS, COLS}, {"norm.weight", COLS, 0}}},
    {"mllama", WORDS, {CHAT},
     {{"config.json", NULL, "{\n  \"model_type\": \"mllama\",\n  \"text_config\": {\n    \"hidden_size\": 8,\n    \"tie_word_embeddings\": false,\n    \"vocab_size\": 24\n  }\n}\n"}},
     {{"language_model.lm_head.weight", WORDS, COLS}, {"language_model.model.embed_tokens.weight", WORDS + 8, COLS}, {"language_model.model.norm.weight", COLS, 0}}},
    {"idefics", WORDS + 2, {CHAT, {WORDS, "<fake_token_around_image>"}, {WORDS + 1, "<image>"}}, /* the last two have a table of their own */
     {{"config.json", NULL, "{\n  \"model_type\": \"idefics\",\n  \"additional_vocab_size\": 2,\n  \"hidden_size\": 8,\n  \"tie_word_embeddings\": false,\n  \"vocab_size\": 24\n}\n"}},
     {{"lm_head.additional_fc.weight", 2, COLS}, {"lm_head.weight", WORDS, COLS}, {"model.embed_tokens.additional_embedding.weight", 2, COLS},
      {"model.embed_tokens.weight", WORDS, COLS}, TRUNK}},
    {"bart", WORDS, {CHAT},
     {{"config.json", NULL, "{\n  \"model_type\": \"bart\",\n  \"d_model\": 8,\n  \"vocab_size\": 24\n}\n"}, SIBLINGS},
     {{"final_logits_bias", 1, WORDS}, {"model.decoder.embed_tokens.weight", WORDS, COLS}, {"model.encoder.embed_tokens.weight", WORDS, COLS},
      {"model.shared.weight", WORDS, COLS}}},
    {"gemma4", WORDS, {CHAT},
     {{"config.json", NULL, "{\n  \"model_type\": \"gemma4_text\",\n  \"hidden_size\": 8,\n  \"tie_word_embeddings\": true,\n  \"vocab_size\": 24\n}\n"}},
     {{"model.embed_tokens.weight", WORDS, COLS}, {"model.embed_tokens_per_layer.weight", WORDS, COLS}, TRUNK}},
    {"gemma3n", 40, {{24, "<end_of_image>"}, {25, "<image_soft_token>"}, {26, "<v2>"}, {27, "<v3>"}, {28, "<v4>"}, {29, "<v5>"}, {30, "<v6>"}, {31, "<v7>"},
      {32, "<end_of_audio>"}, {33, "<audio_soft_token>"}, {34, "<a2>"}, {35, "<a3>"}, {36, "<a4>"}, {37, "<a5>"}, {38, "<a6>"}, {39, "<a7>"}},
     {{"config.json", NULL, "{\n  \"model_type\": \"gemma3n\",\n  \"audio_config\": {\"vocab_offset\": 32, \"vocab_size\": 8},\n  \"audio_token_id\": 33,\n"
       "  \"boa_token_id\": 5,\n  \"boi_token_id\": 4,\n  \"eoa_token_id\": 32,\n  \"eoi_token_id\": 24,\n  \"image_token_id\": 25,\n"
       "  \"text_config\": {\"hidden_size\": 8, \"vocab_size\": 40, \"vocab_size_per_layer_input\": 24},\n  \"tie_word_embeddings\": true,\n"
       "  \"vision_config\": {\"vocab_offset\": 24, \"vocab_size\": 8}\n}\n"}},
     {{"model.embed_audio.embedding.weight", 8, COLS}, {"model.embed_vision.embedding.weight", 8, COLS},
      {"model.language_model.embed_tokens.weight", 40, COLS}, {"model.language_model.embed_tokens_per_layer.weight", WORDS, COLS},
      {"model.language_model.norm.weight", COLS, 0}}},
};
#define MODELS (sizeof models / sizeof *models)

const char *const *healthy_models(void)
{
    static const char *names[MODELS + 1];
    for (size_t i = 0; i < MODELS; i++)
        names[i] = models[i].name;
    return names;
}

static const struct model *model_named(const char *name)
{
    for (size_t i = 0; i < MODELS; i++)
        if (strcmp(models[i].name, name ? name : "llama") == 0)
            return &models[i];
    cr_assert_fail("no model is named %s", name);
    return NULL;
}

/* ---- files ---- */

static const char *special_name(const struct model *m, unsigned id)
{
    for (size_t i = 0; i < sizeof m->named / sizeof *m->named; i++)
        if (m->named[i].token && m->named[i].id == id)
            return m->named[i].token;
    return NULL;
}

static void write_small_tokenizer(const char *dir, const struct model *m, unsigned words)
{
    struct vs_buf b = {0};
    const char *comma = "";
    vs_buf_puts(&b, "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null,\n\"added_tokens\": [");
    for (size_t i = 0; i < sizeof m->named / sizeof *m->named && m->named[i].token; i++, comma = ",")
        vs_buf_printf(&b, "%s\n{\"id\": %u, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}",
                      comma, m->named[i].id, m->named[i].token);
    vs_buf_puts(&b, "\n],\n\"normalizer\": null, \"pre_tokenizer\": {\"type\": \"Whitespace\"}, \"post_processor\": null, \"decoder\": null,\n"
                    "\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"<unk>\", \"vocab\": {");
    for (unsigned id = 0; id < words; id++) {
        const char *name = special_name(m, id);
        vs_buf_printf(&b, id ? ", " : "");
        if (name)
            vs_buf_printf(&b, "\"%s\": %u", name, id);
        else
            vs_buf_printf(&b, "\"t%u\": %u", id, id);
    }
    vs_buf_puts(&b, "}}}\n");
    vst_write(vst_path(dir, "tokenizer.json"), b.p, b.n);
    vs_buf_free(&b);
}

void apply_edit(const char *dir, const struct edit *e)
{
    const char *path = vst_path(dir, e->file);
    if (!e->from && !e->to) {
        vst_remove(path);
        return;
    }
    if (!e->from) {
        vst_write_text(path, e->to);
        return;
    }
    size_t n;
    const char *text = vst_read(path, &n), *at = strstr(text, e->from);
    cr_assert(at, "%s does not hold %s", e->file, e->from);
    cr_assert_null(strstr(at + 1, e->from), "%s holds %s twice", e->file, e->from);
    struct vs_buf b = {0};
    vs_buf_add(&b, text, (size_t)(at - text));
    vs_buf_puts(&b, e->to);
    vs_buf_puts(&b, at + strlen(e->from));
    vst_write(path, b.p, b.n);
    vs_buf_free(&b);
}

/* ---- weights ---- */

float small_value(const char *tensor, uint64_t i)
{
    uint64_t x = i + 1;
    for (const char *c = tensor; *c; c++)
        x = (x ^ (unsigned char)*c) * 0x9e3779b97f4a7c15u;
    x ^= x >> 29;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 32;
    return (float)((double)(x >> 11) / 9007199254740992.0 - 0.5);
}

static bool follows_text(const char *tensor)
{
    return strstr(tensor, "embed_tokens") || strstr(tensor, "lm_head") || strstr(tensor, "shared");
}

static void convert(struct vst_tensor *t, uint64_t count, const char *to, float **data)
{
    enum vs_dtype dtype;
    struct vs_err err;
    void *out = malloc(count * sizeof(double) + 1);
    cr_assert(out && vs_dtype_parse(vs_cstr(to), &dtype));
    cr_assert_eq(vs_k_from_f32(*data, dtype, count, out, &err), VS_OK, "%s", err.message);
    free(*data);
    t->data = *data = out;
    t->dtype = to;
}

static void write_weights(const char *dir, const struct model *m, const struct small *s)
{
    struct vst_tensor list[8];
    float *data[8];
    size_t n = 0;
    unsigned live = s->live ? s->live : m->words;
    for (size_t i = 0; i < 8 && m->tensors[i].tensor; i++) {
        struct reshape t = m->tensors[i];
        for (size_t k = 0; k < 4; k++)
            if (s->shapes[k].tensor && strcmp(s->shapes[k].tensor, t.tensor) == 0)
                t = s->shapes[k];
        if (t.rows == GONE)
            continue;
        uint64_t count = t.rows * (t.cols ? t.cols : 1), cols = t.cols ? t.cols : 1;
        cr_assert(data[n] = malloc(count * sizeof(float) + 1));
        for (uint64_t k = 0; k < count; k++)
            data[n][k] = small_value(t.tensor, k) * (follows_text(t.tensor) && k / cols >= live ? 0.001f : 1);
        list[n] = (struct vst_tensor){t.tensor, "F32", {t.rows, t.cols}, t.cols ? 2 : 1, data[n]};
        if (s->dtype)
            convert(&list[n], count, s->dtype, &data[n]);
        n++;
    }
    vst_write_safetensors(vst_path(dir, s->shard ? s->shard : "model.safetensors"), list, n, "{\"format\":\"pt\"}");
    while (n)
        free(data[--n]);
}

void poke_file(const char *dir, const struct poke *p)
{
    struct vs_checkpoint *c;
    struct vs_err err;
    cr_assert_eq(vs_checkpoint_open(dir, &(struct vs_checkpoint_options){.lenient = true}, &c, &err), VS_OK, "%s", err.message);
    const struct vs_tensor *t = vs_checkpoint_tensor(c, vs_cstr(p->tensor));
    cr_assert(t, "no tensor %s", p->tensor);
    uint64_t cols = t->ndim > 1 ? t->shape[1] : 1;
    size_t n;
    char *file = vst_read(c->files[t->file].path, &n);
    float *row = malloc(cols * sizeof *row);
    cr_assert(row);
    char *at = file + t->begin + p->row * cols * sizeof *row;
    memcpy(row, at, cols * sizeof *row);
    if (p->what == POKE_COPY)
        memcpy(row, file + t->begin + (uint64_t)p->arg * cols * sizeof *row, cols * sizeof *row);
    for (uint64_t i = 0; i < cols; i++)
        row[i] = p->what == POKE_NAN && i == 0 ? NAN : p->what == POKE_INF && i == 0 ? INFINITY : p->what == POKE_ZERO ? 0 :
                 p->what == POKE_SCALE ? (float)(row[i] * p->arg) : row[i];
    memcpy(at, row, cols * sizeof *row);
    vst_write(c->files[t->file].path, file, n);
    free(row);
    vs_checkpoint_close(c);
}

const char *make_small(const struct small *s)
{
    const struct model *m = model_named(s->name);
    const char *dir = vst_tempdir();
    write_small_tokenizer(dir, m, s->words ? s->words : m->words);
    for (size_t i = 0; i < 4 && m->files[i].file; i++)
        apply_edit(dir, &m->files[i]);
    write_weights(dir, m, s);
    for (size_t i = 0; i < 4 && s->edits[i].file; i++)
        apply_edit(dir, &s->edits[i]);
    for (size_t i = 0; i < 2 && s->pokes[i].what; i++)
        poke_file(dir, &s->pokes[i]);
    return dir;
}

/* ---- what stands beside a model ---- */

const char *write_small_map(const char *base, unsigned first, unsigned count)
{
    struct vs_buf b = {0};
    char hex[VS_SHA256_HEX];
    const char *path = vst_path(vst_tempdir(), "vocab-map.json");
    memset(hex, '0', 64);
    hex[64] = 0;
    struct vs_err err;
    if (base)
        cr_assert_eq(vs_sha256_path(vst_path(base, "tokenizer.json"), NULL, hex, &err), VS_OK, "%s", err.message);
    vs_buf_printf(&b, "{\"schema\": \"vocabsurgeon/vocab-map/1\", \"base\": {\"path\": \"base\", \"sha256\": \"%s\", \"rows_needed\": %u},\n"
                  " \"rows_needed\": %u, \"new\": [", hex, first, first + count);
    for (unsigned i = 0; i < count; i++)
        vs_buf_printf(&b, "%s{\"id\": %u, \"token\": \"t%u\", \"kind\": \"added\", \"source\": \"ext\", \"source_id\": %u, \"pieces\": []}",
                      i ? ", " : "", first + i, first + i, i);
    vs_buf_puts(&b, "], \"overlap\": [], \"rejected\": []}\n");
    vst_write(path, b.p, b.n);
    vs_buf_free(&b);
    return path;
}

const char *extend_small(const char *dir, int64_t rows)
{
    struct vs_extend_request q = {.model = dir, .add = -1, .rows = rows};
    struct vs_extend_report report;
    struct vs_plan *plan = NULL;
    struct vs_err err;
    const char *out = vst_path(vst_tempdir(), "out");
    cr_assert_eq(vs_extend_plan(&q, &plain, &plan, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_extend_run(plan, &q, out, &plain, &report, &err), VS_OK, "%s", err.message);
    vs_plan_free(plan);
    return out;
}

struct vs_check_result *check(const char *dir, const char *base, const char *map, const char *receipt)
{
    struct vs_check_request q = {.path = dir, .base = base, .map = map, .receipt = receipt, .device = VS_DEVICE_CPU};
    struct vs_check_result *r = NULL;
    struct vs_err err = {0};
    cr_assert_eq(vs_check(&q, &plain, &r, &err), VS_OK, "%s", err.message);
    return r;
}
