/* SPDX-License-Identifier: Apache-2.0 */
#include "small_model.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "support.h"

typedef unsigned long long ull;

struct writer {
    const struct small_model *m;
    struct vs_buf b;
    uint64_t state;
    unsigned depth;
    bool first;
};

static uint64_t next(struct writer *w)
{
    uint64_t x = w->state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static ull id(const struct writer *w, uint64_t old)
{
    return old < SMALL_TEXT ? old : old + w->m->by;
}

static ull random_id(struct writer *w)
{
    return id(w, next(w) % SMALL_TOTAL);
}

/* ---- white space of three styles ---- */

static void new_line(struct writer *w)
{
    if (w->m->style == 0)
        return;
    vs_buf_puts(&w->b, w->m->style == 1 ? "\n" : " \r\n\t");
    for (unsigned i = 0; w->m->style == 1 && i < w->depth; i++)
        vs_buf_puts(&w->b, "  ");
}

static void item(struct writer *w)
{
    if (!w->first)
        vs_buf_puts(&w->b, ",");
    w->first = false;
    new_line(w);
}

static void open(struct writer *w, const char *bracket)
{
    vs_buf_puts(&w->b, bracket);
    w->depth++;
    w->first = true;
}

static void shut(struct writer *w, const char *bracket)
{
    bool empty = w->first;
    w->depth--;
    w->first = false;
    if (!empty)
        new_line(w);
    vs_buf_puts(&w->b, bracket);
}

static void key(struct writer *w, const char *name)
{
    item(w);
    vs_buf_json_str(&w->b, vs_cstr(name));
    vs_buf_puts(&w->b, w->m->style == 0 ? ":" : w->m->style == 1 ? ": " : "\t: ");
}

static void number(struct writer *w, const char *name, ull v)
{
    key(w, name);
    vs_buf_printf(&w->b, "%llu", v);
}

static void raw(struct writer *w, const char *name, const char *text)
{
    key(w, name);
    vs_buf_puts(&w->b, text);
}

static void id_list(struct writer *w, unsigned count)
{
    open(w, "[");
    for (unsigned i = 0; i < count; i++) {
        item(w);
        vs_buf_printf(&w->b, "%llu", random_id(w));
    }
    shut(w, "]");
}

static void begin(struct writer *w, const struct small_model *m, uint64_t salt)
{
    *w = (struct writer){.m = m, .state = m->seed * 977 + salt};
    open(w, "{");
}

static void end(struct writer *w, const char *dir, const char *name)
{
    shut(w, "}");
    vs_buf_puts(&w->b, w->m->style == 0 ? "" : "\n");
    if (!w->m->skip || strcmp(w->m->skip, name) != 0)
        vst_write(vst_path(dir, name), w->b.p, w->b.n);
    vs_buf_free(&w->b);
}

/* ---- configs ---- */

static void section(struct writer *w, const char *name, const char *first, ull a, const char *second, ull b)
{
    key(w, name);
    open(w, "{");
    raw(w, "dropout", "0.10");
    number(w, first, a);
    number(w, second, b);
    if (strcmp(name, "text_config") == 0)
        number(w, "pad_token_id", id(w, 0));
    shut(w, "}");
}

static void config(const char *dir, const struct small_model *m)
{
    struct writer w;
    begin(&w, m, 1);
    raw(&w, "model_type", "\"gemma3n\"");
    section(&w, "audio_config", "vocab_offset", id(&w, 36), "vocab_size", 4);
    number(&w, "audio_soft_tokens_per_image", 38);
    number(&w, "audio_token_id", id(&w, 37));
    number(&w, "boa_token_id", 31);
    number(&w, "boi_token_id", 30);
    number(&w, "eoa_token_id", id(&w, 36));
    number(&w, "eoi_token_id", id(&w, 32));
    key(&w, "eos_token_id");
    id_list(&w, 3);
    number(&w, "image_token_id", id(&w, 33));
    raw(&w, "rope_theta", "10000.0");
    section(&w, "text_config", "vocab_size", SMALL_TOTAL + m->by, "vocab_size_per_layer_input", SMALL_TEXT + m->by);
    section(&w, "vision_config", "vocab_offset", id(&w, 32), "vocab_size", 4);
    number(&w, "vision_soft_tokens_per_image", 33);
    end(&w, dir, "config.json");
}

static void pairs(struct writer *w)
{
    key(w, "forced_decoder_ids");
    open(w, "[");
    for (unsigned i = 0; i < 3; i++) {
        item(w);
        vs_buf_printf(&w->b, "[%u, ", 32 + i);
        if (i == 1)
            vs_buf_puts(&w->b, "null]");
        else
            vs_buf_printf(&w->b, "%llu]", random_id(w));
    }
    shut(w, "]");
    key(w, "sequence_bias");
    open(w, "[");
    item(w);
    vs_buf_printf(&w->b, "[[%llu, 3], -35.5]", random_id(w));
    item(w);
    vs_buf_printf(&w->b, "[[%llu], 36]", random_id(w));
    shut(w, "]");
}

static void generation(const char *dir, const struct small_model *m)
{
    struct writer w;
    begin(&w, m, 2);
    number(&w, "bos_token_id", random_id(&w));
    raw(&w, "pad_token_id", "null");
    key(&w, "eos_token_id");
    id_list(&w, 2);
    number(&w, "max_length", 33);
    key(&w, "suppress_tokens");
    id_list(&w, 8);
    key(&w, "begin_suppress_tokens");
    id_list(&w, 0);
    key(&w, "bad_words_ids");
    open(&w, "[");
    item(&w);
    id_list(&w, 2);
    item(&w);
    id_list(&w, 1);
    shut(&w, "]");
    raw(&w, "force_words_ids", vst_format("[[5, null, %llu, %llu, null], [%llu]]", id(&w, 33), id(&w, 31), id(&w, 39)));
    pairs(&w);
    raw(&w, "max_initial_timestamp_index", "38");
    end(&w, dir, "generation_config.json");

    begin(&w, m, 3);
    number(&w, "image_token_id", id(&w, 33));
    number(&w, "audio_seq_length", 35);
    end(&w, dir, "processor_config.json");
}

/* ---- tokenizer ---- */

static const char *const named[8] = {"<end_of_image>", "<image_soft_token>", "<vision/2>", "<vision~3>",
                                     "<end_of_audio>", "<audio_soft_token>", "<audio \"2\">", "<audio\\3>"};

static bool exists(const struct small_model *m, unsigned i)
{
    return m->added != 2 || i % 4 < 2;
}

static void vocab(struct writer *w)
{
    key(w, "vocab");
    open(w, "{");
    for (unsigned i = 0; i < SMALL_TEXT; i++)
        number(w, vst_format("t%02u", i), i);
    for (unsigned i = 0; w->m->added != 1 && i < 8; i++)
        if (exists(w->m, i))
            number(w, named[i], id(w, SMALL_TEXT + i));
    for (unsigned i = 0; i < w->m->tokens; i++)
        number(w, vst_format("<|extra_%u|>", i), SMALL_TEXT + i);
    shut(w, "}");
}

static void added_token(struct writer *w, ull number_of, bool with_id, const char *content, const char *special)
{
    open(w, "{");
    if (with_id)
        number(w, "id", number_of);
    key(w, "content");
    vs_buf_json_str(&w->b, vs_cstr(content));
    raw(w, "single_word", "false");
    raw(w, "lstrip", "false");
    raw(w, "rstrip", "false");
    raw(w, "normalized", "false");
    raw(w, "special", special);
    shut(w, "}");
}

static void added_tokens(struct writer *w)
{
    key(w, "added_tokens");
    open(w, "[");
    item(w);
    added_token(w, 1, true, "t01", "true");
    for (unsigned i = 0; i < 8; i++)
        if (exists(w->m, i)) {
            item(w);
            added_token(w, id(w, SMALL_TEXT + i), true, named[i], "true");
        }
    for (unsigned i = 0; i < w->m->tokens; i++) {
        item(w);
        added_token(w, SMALL_TEXT + i, true, vst_format("<|extra_%u|>", i), "false");
    }
    shut(w, "]");
}

static void post_processor(struct writer *w)
{
    raw(w, "padding", vst_format("{\"strategy\": \"BatchLongest\", \"direction\": \"Right\", \"pad_to_multiple_of\": 33, \"pad_id\": %llu, "
                                 "\"pad_type_id\": 0, \"pad_token\": \"<vision/2>\"}", id(w, 34)));
    raw(w, "post_processor",
        vst_format("{\"type\": \"Sequence\", \"processors\": [{\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"t01\", \"type_id\": 0}}, "
                   "{\"Sequence\": {\"id\": \"A\", \"type_id\": 33}}], \"pair\": [], \"special_tokens\": {\"t01\": {\"id\": \"t01\", \"ids\": [1], \"tokens\": [\"t01\"]}, "
                   "\"<end_of_image>\": {\"id\": \"<end_of_image>\", \"ids\": [%llu , 5], \"tokens\": [\"<end_of_image>\", \"t05\"]}}}, "
                   "{\"type\": \"BertProcessing\", \"sep\": [\"<end_of_audio>\", %llu], \"cls\": [\"t01\",1]}]}", id(w, 32), id(w, 36)));
}

static void tokenizer(const char *dir, const struct small_model *m)
{
    struct writer w;
    begin(&w, m, 4);
    raw(&w, "version", "\"1.0\"");
    raw(&w, "truncation", "null");
    added_tokens(&w);
    raw(&w, "normalizer", "null");
    raw(&w, "pre_tokenizer", "null");
    post_processor(&w);
    raw(&w, "decoder", "null");
    key(&w, "model");
    open(&w, "{");
    raw(&w, "type", "\"WordLevel\"");
    vocab(&w);
    raw(&w, "unk_token", "\"t00\"");
    shut(&w, "}");
    end(&w, dir, "tokenizer.json");
}

static void siblings(const char *dir, const struct small_model *m)
{
    struct writer w;
    begin(&w, m, 5);
    key(&w, "added_tokens_decoder");
    open(&w, "{");
    key(&w, "1");
    added_token(&w, 0, false, "t01", "true");
    for (unsigned i = 0; i < 8; i++)
        if (exists(m, i)) {
            key(&w, vst_format("%llu", id(&w, SMALL_TEXT + i)));
            added_token(&w, 0, false, named[i], "true");
        }
    for (unsigned i = 0; i < m->tokens; i++) {
        key(&w, vst_format("%u", SMALL_TEXT + i));
        added_token(&w, 0, false, vst_format("<|extra_%u|>", i), "false");
    }
    shut(&w, "}");
    number(&w, "model_max_length", 35);
    raw(&w, "tokenizer_class", "\"PreTrainedTokenizerFast\"");
    end(&w, dir, "tokenizer_config.json");

    begin(&w, m, 6);
    for (unsigned i = 0; i < 8; i++)
        if (exists(m, i))
            number(&w, named[i], id(&w, SMALL_TEXT + i));
    for (unsigned i = 0; i < m->tokens; i++)
        number(&w, vst_format("<|extra_%u|>", i), SMALL_TEXT + i);
    end(&w, dir, "added_tokens.json");
}

void small_model_write(const char *dir, const struct small_model *m)
{
    config(dir, m);
    generation(dir, m);
    tokenizer(dir, m);
    siblings(dir, m);
}
