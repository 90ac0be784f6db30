/* SPDX-License-Identifier: Apache-2.0
 *
 * Published models (and what people made of them) with their true vocabulary sizes and eight columns: what vocab-check says
 * about each, warnings and errors to the letter. Notes (info) that are listed must come; others may.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"
#include "fixture.h"
#include "support.h"

static const struct vs_run plain;

struct named { unsigned id; const char *token; };

struct published {
    const char *name, *model_type;
    unsigned base, added;          /* entries of model.vocab; added tokens after them */
    uint64_t rows, head;           /* head 0: none is stored, and the config says tied */
    const char *expected;          /* "VOC101E VOC103E VOC106I" */
    uint64_t vocab_size;           /* of the config; 0: rows */
    uint64_t live;                 /* rows from here on are padding; 0: tokens */
    const char *config;            /* more members of config.json */
    const char *siblings;          /* tokenizer_config.json */
    struct named named[4];         /* other texts for some ids */
    unsigned (*declared)(unsigned i); /* ids that the added tokens declare, where they are not the next ones */
    const struct published *before;   /* --base */
    void (*poke)(const char *dir);
};

#define EMBED "model.embed_tokens.weight"

/* ---- making one ---- */

static const char *name_of(const struct published *m, unsigned id, char text[48])
{
    for (size_t i = 0; i < 4; i++)
        if (m->named[i].token && m->named[i].id == id)
            return m->named[i].token;
    snprintf(text, 48, id < m->base ? "t%06u" : "<|added_%u|>", id);
    return text;
}

static void write_tokenizer(const char *dir, const struct published *m)
{
    struct vs_buf b = {0};
    char text[48];
    vs_buf_puts(&b, "{\"version\": \"1.0\", \"added_tokens\": [");
    for (unsigned i = 0; i < m->added; i++)
        vs_buf_printf(&b, "%s\n{\"id\": %u, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}",
                      i ? "," : "", m->declared ? m->declared(i) : m->base + i, name_of(m, m->base + i, text));
    vs_buf_puts(&b, "\n], \"normalizer\": null, \"pre_tokenizer\": null, \"post_processor\": null, \"decoder\": null,\n"
                    "\"model\": {\"type\": \"BPE\", \"merges\": [], \"vocab\": {");
    for (unsigned id = 0; id < m->base; id++)
        vs_buf_printf(&b, "%s\"%s\": %u", id ? ",\n" : "\n", name_of(m, id, text), id);
    vs_buf_puts(&b, "}}}\n");
    cr_assert(!b.failed);
    vst_write(vst_path(dir, "tokenizer.json"), b.p, b.n);
    vs_buf_free(&b);
}

static float *table_of(const char *name, uint64_t rows, uint64_t live)
{
    float *data = malloc(rows * COLS * sizeof *data);
    cr_assert(data);
    for (uint64_t k = 0; k < rows * COLS; k++)
        data[k] = small_value(name, k) * (k / COLS >= live ? 0.001f : 1);
    return data;
}

static void write_weights(const char *dir, const struct published *m)
{
    uint64_t live = m->live ? m->live : m->base + m->added;
    float *embed = table_of(EMBED, m->rows, live), *head = m->head ? table_of("lm_head.weight", m->head, live) : NULL;
    struct vst_tensor list[] = {{EMBED, "F32", {m->rows, COLS}, 2, embed}, {"model.norm.weight", "F32", {COLS}, 1, NULL},
                                {"lm_head.weight", "F32", {m->head, COLS}, 2, head}};
    vst_write_safetensors(vst_path(dir, "model.safetensors"), list, head ? 3 : 2, NULL);
    free(embed);
    free(head);
}

static const char *make(const struct published *m)
{
    const char *dir = vst_tempdir();
    write_tokenizer(dir, m);
    write_weights(dir, m);
    vst_write_text(vst_path(dir, "config.json"),
                   vst_format("{\n  \"model_type\": \"%s\",\n  \"hidden_size\": 8,\n  \"tie_word_embeddings\": %s,\n%s  \"vocab_size\": %llu\n}\n",
                              m->model_type, m->head ? "false" : "true", m->config ? m->config : "",
                              (unsigned long long)(m->vocab_size ? m->vocab_size : m->rows)));
    if (m->siblings)
        vst_write_text(vst_path(dir, "tokenizer_config.json"), m->siblings);
    if (m->poke)
        m->poke(dir);
    return dir;
}

/* ---- details ---- */

static void no_padding(const char *dir) /* Phi-3: padding rows of zeros */
{
    for (uint64_t row = 32011; row < 32064; row++)
        poke_file(dir, &(struct poke){EMBED, row, POKE_ZERO, 0});
}

static void no_padding_head(const char *dir)
{
    for (uint64_t row = 125600; row < 125696; row++)
        poke_file(dir, &(struct poke){"lm_head.weight", row, POKE_ZERO, 0});
}

static void untrained(const char *dir) /* Llama 3 base: three chat tokens and some reserved ones, not exactly zero */
{
    static const unsigned rows[] = {128006, 128007, 128009, 128010, 128011, 128012};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        poke_file(dir, &(struct poke){EMBED, rows[i], POKE_SCALE, 1e-20});
}

static unsigned sparse(unsigned i) /* Kimi K2: 23 ids spread over the last 256 */
{
    return i < 22 ? 163584 + 2 * i : 163839;
}

static unsigned after_hole(unsigned i)
{
    return 10 + i;
}

static void two_holes(const char *dir) /* base ids 0 .. 9 without 6 and 7 */
{
    const char *path = vst_path(dir, "tokenizer.json");
    size_t n;
    char *text = vst_read(path, &n), *six = strstr(text, "\"t000006\": 6"), *end = strstr(text, "\"t000008\": 8");
    cr_assert(six && end);
    memmove(six, end, strlen(end) + 1);
    vst_write_text(path, text);
}

static void own_head(const char *dir)
{
    const char *path = vst_path(dir, "config.json");
    char *text = vst_read(path, NULL), *at = strstr(text, "false");
    cr_assert(at);
    memcpy(at, "true ", 5);
    vst_write_text(path, text);
}

static void no_head(const char *dir)
{
    const char *path = vst_path(dir, "config.json");
    char *text = vst_read(path, NULL), *at = strstr(text, "true");
    cr_assert(at);
    vst_write_text(path, vst_format("%.*sfalse%s", (int)(at - text), text, at + 4));
}

/* ---- the models ---- */

#define QWEN_IDS "  \"bos_token_id\": 151643,\n  \"eos_token_id\": 151645,\n"
#define LLAMA3_CHAT {{128006, "<|start_header_id|>"}, {128007, "<|end_header_id|>"}, {128009, "<|eot_id|>"}, {128010, "<|reserved_special_token_2|>"}}

static const struct published qwen25 = {"qwen2.5-0.5b", "qwen2", 151643, 22, 151936, 0, "VOC107I", .config = QWEN_IDS,
                                        .siblings = "{\"bos_token\": null, \"eos_token\": \"<|added_151645|>\", \"pad_token\": \"<|added_151643|>\"}"};
static const struct published bloom = {"bloom", "bloom", 250680, 0, 250880, 0, "VOC106I"};

static const struct published known_good[] = {
    {"qwen2.5-7b", "qwen2", 151643, 22, 152064, 152064, "VOC106I", .config = QWEN_IDS},
    {"phi-3-mini", "phi3", 32000, 11, 32064, 0, "VOC106I VOC403I", .poke = no_padding},
    {"phi-2", "phi", 50257, 38, 51200, 51200, "VOC106I"},
    {"pythia-70m", "gpt_neox", 50254, 23, 50304, 50304, "VOC106I"},
    {"pythia-6.9b", "gpt_neox", 50254, 23, 50432, 50432, "VOC106I"},
    {"pythia-12b", "gpt_neox", 50254, 23, 50688, 50688, "VOC106I"},
    {"gpt-j", "gptj", 50257, 0, 50400, 50400, "VOC107I"},
    {"deepseek-r1", "deepseek_v3", 128000, 815, 129280, 129280, "VOC107I"},
    {"gemma-3-4b", "gemma3", 262144, 1, 262208, 0, "VOC106I", .config = "  \"image_token_index\": 262144,\n", .named = {{262144, "<image_soft_token>"}}},
    {"llama-2-7b resized", "llama", 32000, 1, 32001, 32001, "VOC111I"},
    {"hermes-mixtral", "mixtral", 32000, 2, 32002, 32002, "VOC111I"},
    {"codellama-7b", "llama", 32016, 0, 32016, 32016, ""},
    {"command-r", "cohere", 255000, 29, 256000, 0, "VOC106I"},
    {"olmo", "olmo", 50254, 26, 50304, 50304, "VOC106I"},
    {"gpt-oss-20b", "gpt_oss", 199998, 21, 201088, 201088, "VOC107I"},
    {"deberta-v3", "deberta-v2", 128000, 1, 128100, 0, "VOC107I"},
    {"nllb-600m", "m2m_100", 256000, 204, 256206, 0, "VOC107I"},
    {"t5", "t5", 32000, 100, 32128, 0, "VOC106I"},
    {"mt5", "mt5", 250000, 100, 250112, 250112, "VOC106I"},
    {"chatglm2", "chatglm", 64789, 5, 65024, 65024, "VOC106I"},
    {"llama-3", "llama", 128000, 256, 128256, 128256, ""},
    {"mistral-7b", "mistral", 32000, 0, 32000, 32000, ""},
    {"mistral-7b-v0.3", "mistral", 32768, 0, 32768, 32768, ""},
    {"falcon", "falcon", 65024, 0, 65024, 0, ""},
    {"yi", "llama", 64000, 0, 64000, 64000, ""},
    {"gemma-2", "gemma2", 256000, 0, 256000, 0, ""},
    {"llama-4", "llama4_text", 200000, 2048, 202048, 202048, ""},
};

static const struct published broken[] = {
    {"qwen2.5 shrunk by a fine-tune", "qwen2", 151643, 23, 151666, 0, "VOC118E VOC111I", .config = QWEN_IDS, .before = &qwen25},
    {"baichuan2 with zero rows in its padding", "baichuan", 125600, 0, 125696, 125696, "VOC106I VOC403W", .poke = no_padding_head},
    {"an odd surplus that is in no list", "other", 50257, 0, 50400, 50400, "VOC108W"},
    {"deepseek-r1 with live padding", "deepseek_v3", 128000, 815, 129280, 129280, "VOC107I VOC408W", .live = 129280},
    {"gemma-3-1b", "gemma3_text", 262144, 1, 262144, 0, "VOC102W", .named = {{262144, "<image_soft_token>"}}},
    {"llama-2 with a stray pad", "llama", 32000, 1, 32000, 32000, "VOC101E"},
    {"baichuan-7b", "baichuan", 64000, 1, 64000, 64000, "VOC101E"},
    {"codellama-34b", "llama", 32000, 4, 32000, 32000, "VOC101E"},
    {"internlm2 lora export", "internlm2", 92544, 6, 92544, 92544, "VOC101E VOC103E", .vocab_size = 92550},
    {"kimi-k2", "kimi_k2", 163584, 23, 163840, 163840, "VOC205E VOC110W", .declared = sparse},
    {"added tokens after holes", "llama", 10, 2, 16, 16, "VOC206E VOC201W", .live = 10, .declared = after_hole, .poke = two_holes},
    {"bloom-sft", "bloom", 250680, 0, 250680, 0, "VOC118E", .before = &bloom},
    {"opt", "opt", 50265, 0, 50272, 0, "VOC106I VOC303W", .config = "  \"bos_token_id\": 0,\n", .siblings = "{\"bos_token\": \"t000002\"}"},
    {"opencoder", "llama", 96541, 0, 96640, 96640, "VOC106I VOC303W", .config = "  \"eos_token_id\": 96539,\n", .siblings = "{\"eos_token\": \"t000002\"}"},
    {"mllama", "mllama", 128256, 1, 128264, 128256, "VOC105W", .vocab_size = 128256, .config = "  \"image_token_index\": 128256,\n", .named = {{128256, "<|image|>"}}},
    {"tied, says the config; a head of its own is stored", "llama", 1000, 0, 1000, 1000, "VOC409E", .poke = own_head},
    {"not tied, says the config; none is stored", "llama", 1000, 0, 1000, 0, "VOC409E", .poke = no_head},
    {"llama-3 base without a template", "llama", 128000, 256, 128256, 128256, "VOC402W VOC402I", .config = "  \"eos_token_id\": 128001,\n",
     .named = LLAMA3_CHAT, .poke = untrained},
    {"llama-3 base with a chat template", "llama", 128000, 256, 128256, 128256, "VOC402E VOC402I", .config = "  \"eos_token_id\": 128001,\n",
     .named = LLAMA3_CHAT, .poke = untrained,
     .siblings = "{\"chat_template\": \"<|start_header_id|>user<|end_header_id|>{{ m }}<|eot_id|><|added_128011|><|added_128012|>\"}"},
    {"german-gpt2", "gpt2", 52000, 0, 52000, 0, "VOC301E", .config = "  \"eos_token_id\": 52000,\n"},
    {"llava-1.6-34b", "llava", 64000, 3, 64064, 64064, "VOC505E", .config = "  \"image_token_index\": 64000,\n", .named = {{64002, "<image>"}}},
    {"chatterbox, three sizes", "llama", 2454, 81, 887, 887, "VOC101E VOC103E", .vocab_size = 3000},
};

/* ---- judging ---- */

static const char *listed(const struct vs_check_result *r)
{
    const char *text = "";
    for (uint32_t i = 0; i < r->finding_count; i++)
        text = vst_format("%s\n  %s %s %s (%s)", text, r->findings[i].rule, vs_severity_name(r->findings[i].severity), r->findings[i].message,
                          r->findings[i].at ? r->findings[i].at : "");
    return text;
}

static const char *tag_of(const struct vs_finding *f)
{
    return vst_format("%s%c", f->rule, "IWE"[f->severity]);
}

static void judge(const struct published *m)
{
    const char *dir = make(m), *base = m->before ? make(m->before) : NULL;
    struct vs_check_result *r = check(dir, base, NULL, NULL);
    enum vs_severity worst = strchr(m->expected, 'E') ? VS_ERROR : strchr(m->expected, 'W') ? VS_WARNING : VS_INFO;
    for (const char *e = m->expected; *e; e += strlen(e) > 8 ? 8 : strlen(e)) { /* "VOC106I " */
        bool there = e[0] == ' ';
        for (uint32_t i = 0; i < r->finding_count; i++)
            there |= strncmp(tag_of(&r->findings[i]), e, 7) == 0;
        cr_expect(there, "%s: %.7s is missing:%s", m->name, e, listed(r));
    }
    for (uint32_t i = 0; i < r->finding_count; i++)
        cr_expect(r->findings[i].severity == VS_INFO || strstr(m->expected, tag_of(&r->findings[i])), "%s: %s was not expected:%s", m->name,
                  tag_of(&r->findings[i]), listed(r));
    cr_expect_eq(r->verdict, worst, "%s: verdict %s", m->name, vs_severity_name(r->verdict));
    vs_check_free(r);
    vst_remove(dir);
    if (base)
        vst_remove(base);
}

Test(configs, published_models_are_healthy)
{
    judge(&qwen25);
    judge(&bloom);
    for (size_t i = 0; i < sizeof known_good / sizeof *known_good; i++) {
        cr_assert(!strchr(known_good[i].expected, 'E') && !strchr(known_good[i].expected, 'W'));
        judge(&known_good[i]);
    }
    vst_cleanup();
}

Test(configs, what_people_made_of_them)
{
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        judge(&broken[i]);
    vst_cleanup();
}

/* ---- Gemma3n: blocks behind the text ---- */

static const char *make_gemma3n(unsigned rows)
{
    const struct published m = {.base = rows, .named = {{262144, "<end_of_image>"}, {262145, "<image_soft_token>"}, {262272, "<end_of_audio>"}, {262273, "<audio_soft_token>"}}};
    const char *dir = vst_tempdir();
    struct vst_tensor list[] = {{"model.embed_audio.embedding.weight", "BF16", {128, COLS}, 2, NULL}, {"model.embed_vision.embedding.weight", "BF16", {128, COLS}, 2, NULL},
                                {"model.language_model.embed_tokens.weight", "BF16", {rows, COLS}, 2, NULL},
                                {"model.language_model.embed_tokens_per_layer.weight", "BF16", {262144, 4}, 2, NULL}};
    write_tokenizer(dir, &m);
    vst_write_safetensors(vst_path(dir, "model.safetensors"), list, 4, NULL);
    vst_write_text(vst_path(dir, "config.json"),
                   vst_format("{\"model_type\": \"gemma3n\", \"audio_config\": {\"vocab_offset\": 262272, \"vocab_size\": 128}, \"audio_token_id\": 262273, "
                              "\"boa_token_id\": 256000, \"boi_token_id\": 255999, \"eoa_token_id\": 262272, \"eoi_token_id\": 262144, \"image_token_id\": 262145, "
                              "\"text_config\": {\"hidden_size\": 8, \"vocab_size\": %u, \"vocab_size_per_layer_input\": 262144}, \"tie_word_embeddings\": true, "
                              "\"vision_config\": {\"vocab_offset\": 262144, \"vocab_size\": 128}}\n", rows));
    return dir;
}

Test(configs, gemma3n_as_published_and_with_ten_tokens_appended)
{
    struct vs_check_result *r = check(make_gemma3n(262400), NULL, NULL, NULL);
    cr_expect_eq(r->finding_count, 0, "%s", listed(r));
    vs_check_free(r);
    r = check(make_gemma3n(262410), NULL, NULL, NULL);
    cr_expect_eq(r->finding_count, 3, "%s", listed(r));
    cr_expect_str_eq(tag_of(&r->findings[0]), "VOC504E", "%s", listed(r));
    cr_expect_str_eq(tag_of(&r->findings[1]), "VOC506E", "%s", listed(r));
    cr_expect_str_eq(tag_of(&r->findings[2]), "VOC111I", "%s", listed(r));
    vs_check_free(r);
    vst_cleanup();
}

/* ---- whose flag says that the head is tied ---- */

/* As transformers 5.23 reads them: the class with the head asks its own config, and some take the text's where theirs is not true. Where nothing
 * above the text has the flag the text's own stands; 5.23 takes the default of the class there. */
static const struct { const char *type, *flags; enum vs_tie tie; const char *at; } flags[] = {
    {"qwen2_5_omni", "\"thinker_config\": {\"tie_word_embeddings\": false, \"text_config\": {\"tie_word_embeddings\": true}}", VS_TIE_FALSE,
     "/thinker_config/tie_word_embeddings"},
    {"qwen2_5_omni", "\"thinker_config\": {\"text_config\": {\"tie_word_embeddings\": true}}", VS_TIE_TRUE,
     "/thinker_config/text_config/tie_word_embeddings"},
    {"qwen2_5_omni", "\"tie_word_embeddings\": false, \"thinker_config\": {\"tie_word_embeddings\": true, \"text_config\": {}}", VS_TIE_TRUE,
     "/thinker_config/tie_word_embeddings"},
    {"qwen2_5_omni", "\"thinker_config\": {\"text_config\": {}}, \"tie_word_embeddings\": false", VS_TIE_FALSE, "/tie_word_embeddings"},
    {"gemma3", "\"tie_word_embeddings\": false, \"text_config\": {\"tie_word_embeddings\": true}", VS_TIE_FALSE, "/tie_word_embeddings"},
    {"qwen2_5_vl", "\"tie_word_embeddings\": false, \"text_config\": {\"tie_word_embeddings\": true}", VS_TIE_TRUE, "/text_config/tie_word_embeddings"},
    {"qwen2_5_vl", "\"tie_word_embeddings\": true, \"text_config\": {\"tie_word_embeddings\": false}", VS_TIE_TRUE, "/tie_word_embeddings"},
    {"qwen2_5_vl", "\"tie_word_embeddings\": false, \"text_config\": {}", VS_TIE_FALSE, "/tie_word_embeddings"},
    {"qwen2_5_vl", "\"text_config\": {\"tie_word_embeddings\": true}", VS_TIE_TRUE, "/text_config/tie_word_embeddings"},
    {"llama", "\"tie_word_embeddings\": true", VS_TIE_TRUE, "/tie_word_embeddings"},
};

Test(configs, the_flag_of_the_class_with_the_head)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        const char *dir = vst_tempdir();
        struct vs_checkpoint *c;
        struct vs_err err;
        vst_write_text(vst_path(dir, "config.json"), vst_format("{\"model_type\": \"%s\", %s}", flags[i].type, flags[i].flags));
        cr_assert_eq(vs_checkpoint_open(dir, &(struct vs_checkpoint_options){.lenient = true}, &c, &err), VS_OK, "%s", err.message);
        cr_expect_eq(c->config.tie, flags[i].tie, "case %zu", i);
        cr_expect_str_eq(c->config.tie_at, flags[i].at, "case %zu", i);
        vs_checkpoint_close(c);
    }
    vst_cleanup();
}

/* ---- not inconsistent but unreadable: no verdict at all ---- */

static enum vs_code code_of(const char *dir)
{
    struct vs_check_request q = {.path = dir, .device = VS_DEVICE_CPU};
    struct vs_check_result *r = NULL;
    struct vs_err err = {0};
    enum vs_code code = vs_check(&q, &plain, &r, &err);
    vs_check_free(r);
    return code;
}

static void cut(const char *path, size_t keep)
{
    size_t n;
    const char *text = vst_read(path, &n);
    cr_assert_lt(keep, n);
    vst_write(path, text, keep);
}

Test(configs, what_cannot_be_read_has_no_verdict)
{
    static const struct published m = {"small", "llama", 1000, 0, 1000, 1000, ""};
    const char *dir = make(&m);
    cut(vst_path(dir, "model.safetensors"), 40);
    cr_expect_eq(code_of(dir), VS_EFORMAT, "a cut header");
    dir = make(&m);
    cut(vst_path(dir, "config.json"), 30);
    cr_expect_eq(code_of(dir), VS_EFORMAT, "a cut config.json");
    dir = make(&m);
    vst_remove(vst_path(dir, "model.safetensors"));
    vst_write_text(vst_path(dir, "model.safetensors.index.json"), "{\"metadata\": {}, \"weight_map\": {\"" EMBED "\": \"model-00001-of-00001.safetensors\"}}");
    cr_expect_eq(code_of(dir), VS_EFORMAT, "an index that names a file which is not there");
    vst_cleanup();
}
