/* SPDX-License-Identifier: Apache-2.0
 *
 * One line a rule: what is done to a healthy model, and what vocab-check must say then. Every case is also a negative test of all
 * other rules: nothing may fire but the rule itself and those named in "with". A rule without a line fails the last test.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "fixture.h"
#include "base/str.h"
#include "json/schema.h"
#include "support.h"
#include <vs/report.h>

enum side { ALONE, BASE, MAP, BASE_AND_MAP, RECEIPT, FOREIGN_RECEIPT };

struct broken {
    const char *rule;
    enum vs_severity severity;
    const char *file, *at;        /* where the finding stands */
    const char *found, *expected; /* NULL: the finding has none */
    const char *also;             /* the other side, "file at"; NULL: none, "*": a path that differs from run to run */
    struct small small;
    const char *with;             /* rules that the same damage sets off as well */
    enum side side;
    struct small base;            /* with BASE: the model before */
};

#define EMBED "model.embed_tokens.weight"
#define HEAD "lm_head.weight"
#define IN_TABLE "model.safetensors", EMBED
#define TABLE "model.safetensors " EMBED
#define OBJECT(id, text) "{\"id\": " id ", \"content\": \"" text "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}"
#define ADDED(id, text) {"tokenizer.json", "true}\n]", "true},\n" OBJECT(id, text) "\n]"}
#define NORMALIZED(id, text) {"tokenizer.json", "true}\n]", "true},\n{\"id\": " id ", \"content\": \"" text "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": true, \"special\": false}\n]"}
#define REPLACE(from, to) TOKENIZER("\"normalizer\": null", "\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \"" from "\"}, \"content\": \"" to "\"}")
#define CONFIG(from, to) {"config.json", from, to}
#define TOKENIZER(from, to) {"tokenizer.json", from, to}
#define ROWS(n) {{EMBED, n, COLS}, {HEAD, n, COLS}}
#define GEMMA_TABLE "model.language_model.embed_tokens.weight"

static const struct broken table[] = {
    /* 1xx */
    {"VOC101", VS_ERROR, IN_TABLE, "24 rows", "at least 25, as tokenizer.json needs", "tokenizer.json /added_tokens/4", {.edits = {ADDED("24", "<x>")}}},
    {"VOC101", VS_ERROR, IN_TABLE, "24 rows", "at least 25, as tokenizer.json needs", "tokenizer.json /model/vocab", {.words = 25}},
    {"VOC101", VS_WARNING, IN_TABLE, "24 rows", "at least 25, as tokenizer.json needs", "tokenizer.json /added_tokens/4", {.edits = {ADDED("24", "<extra_id_0>")}}},
    {"VOC101", VS_ERROR, IN_TABLE, "24 rows", "at least 25, as tokenizer.json needs", "tokenizer_config.json /pad_token", {.edits = {{"tokenizer_config.json", "<pad>", "[PADDING]"}}}, "VOC302"},
    {"VOC101", VS_ERROR, IN_TABLE, "24 rows", "at least 27, as tokenizer.json needs", "tokenizer.json /added_tokens/6", {.name = "idefics", .edits = {ADDED("26", "<x>")}}},
    {"VOC102", VS_WARNING, IN_TABLE, "24 rows", "at least 25, as tokenizer.json needs", "tokenizer.json /added_tokens/4", {.edits = {ADDED("24", "<image_soft_token>")}}},
    {"VOC102", VS_WARNING, IN_TABLE, "24 rows", "at least 25, as tokenizer.json needs", "tokenizer.json /added_tokens/4",
     {.edits = {ADDED("24", "<IMG>"), CONFIG("\"bos_token_id\"", "\"image_token_id\": 24, \"bos_token_id\"")}}},
    {"VOC103", VS_ERROR, "config.json", "/vocab_size", "32", "24", TABLE, {.edits = {CONFIG("size\": 24", "size\": 32")}}},
    {"VOC104", VS_ERROR, "model.safetensors", HEAD, "16", "24", TABLE, {.shapes = {{HEAD, 16, COLS}}}},
    {"VOC105", VS_WARNING, "model.safetensors", "language_model.lm_head.weight", "24 rows", "32 rows, as the input has",
     "model.safetensors language_model.model.embed_tokens.weight", {.name = "mllama", .edits = {ADDED("24", "<|image|>")}}, "VOC106"},
    {"VOC106", VS_INFO, IN_TABLE, "24 rows", "23 needed", "tokenizer.json ", {.words = 23, .live = 23}},
    {"VOC107", VS_INFO, IN_TABLE, "2624 rows", "2554 needed", "tokenizer.json ", {.words = 2554, .live = 2554, .shapes = ROWS(2624), .edits = {CONFIG("size\": 24", "size\": 2624")}}},
    {"VOC108", VS_WARNING, IN_TABLE, "36 rows", "24 needed", "tokenizer.json ", {.shapes = ROWS(36), .edits = {CONFIG("size\": 24", "size\": 36")}}, "VOC111"},
    {"VOC109", VS_WARNING, IN_TABLE, "5000 rows", "24 needed", "tokenizer.json ", {.shapes = ROWS(5000), .edits = {CONFIG("size\": 24", "size\": 5000")}}},
    {"VOC109", VS_WARNING, IN_TABLE, "50400 rows", "24 needed", "tokenizer.json ", /* a known size does not excuse another model's tokenizer */
     {.shapes = ROWS(50400), .edits = {CONFIG("size\": 24", "size\": 50400"), CONFIG("\"llama\"", "\"gptj\"")}}},
    {"VOC110", VS_WARNING, "tokenizer.json", NULL, "23 tokens", "24, the highest id + 1", NULL, {.edits = {TOKENIZER("\"t5\": 5, ", "")}}, "VOC201"},
    {"VOC111", VS_INFO, IN_TABLE, "25 rows", "a multiple of 8", NULL, {.words = 25, .live = 25, .shapes = ROWS(25), .edits = {CONFIG("size\": 24", "size\": 25")}}},
    {"VOC112", VS_WARNING, "config.json", "/vocab_size", "32", "24", "config.json /text_config/vocab_size",
     {.edits = {CONFIG("\"vocab_size\": 24", "\"vocab_size\": 32, \"text_config\": {\"vocab_size\": 24}")}}},
    {"VOC113", VS_ERROR, IN_TABLE, "[0]", "one row for each id", NULL, {.shapes = {{EMBED, 0, 0}}}},
    {"VOC113", VS_ERROR, IN_TABLE, "[0, 8]", "one row for each id", NULL, {.shapes = {{EMBED, 0, COLS}}}},
    {"VOC114", VS_ERROR, IN_TABLE, "8", "16", "config.json ", {.edits = {CONFIG("hidden_size\": 8", "hidden_size\": 16")}}},
    {"VOC115", VS_WARNING, "config.json", "/vocab_size", NULL, "24", TABLE, {.edits = {CONFIG(",\n  \"vocab_size\": 24", "")}}},
    {"VOC116", VS_ERROR, "model.safetensors", "final_logits_bias", "16", "24", "model.safetensors model.decoder.embed_tokens.weight", {.name = "bart", .shapes = {{"final_logits_bias", 1, 16}}}},
    {"VOC117", VS_ERROR, "model.safetensors", "model.encoder.embed_tokens.weight", "16", "24", "model.safetensors model.decoder.embed_tokens.weight",
     {.name = "bart", .shapes = {{"model.encoder.embed_tokens.weight", 16, COLS}}}},
    {"VOC117", VS_ERROR, "config.json", "/decoder_vocab_size", "32", "24", "model.safetensors model.decoder.embed_tokens.weight",
     {.name = "bart", .edits = {CONFIG("\"vocab_size\": 24", "\"vocab_size\": 24, \"decoder_vocab_size\": 32")}}},
    {"VOC118", VS_ERROR, IN_TABLE, "24", "32", "*", {0}, "VOC415", BASE, {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}}},
    {"VOC119", VS_INFO, "config.json", "/vocab_size", "23", NULL, "tokenizer.json /model/vocab",
     {.words = 23, .edits = {ADDED("23", "<x>"), CONFIG("size\": 24", "size\": 23")}}, "VOC103"},
    {"VOC120", VS_ERROR, IN_TABLE, "24", "32", "*", {0}, "VOC121", MAP},
    {"VOC121", VS_ERROR, "tokenizer.json", NULL, "absent", "24", "*", {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32"), TOKENIZER("\"t24\"", "\"u24\"")}}, NULL, MAP},
    {"VOC122", VS_ERROR, "config.json", "/rope_theta", "20000.0", "10000.0", "*", {.edits = {CONFIG("10000.0", "20000.0")}}, NULL, BASE},
    {"VOC122", VS_ERROR, "config.json", "/rope_theta", "absent", "10000.0", "*", {.edits = {CONFIG("  \"rope_theta\": 10000.0,\n", "")}}, NULL, BASE},
    {"VOC123", VS_WARNING, "*", NULL, "*", NULL, NULL, {.edits = {{"model.safetensors.index.json", NULL, "{\"metadata\": {}, \"weight_map\": {\"a\": \"model-00001-of-00001.safetensors\"}}"}}}},
    {"VOC124", VS_ERROR, "*", NULL, "*", NULL, NULL,
     {.shard = "model-00001-of-00001.safetensors",
      .edits = {{"model.safetensors.index.json", NULL, "{\"metadata\": {}, \"weight_map\": {\"ghost\": \"model-00001-of-00001.safetensors\"}}"}}}, "VOC123"},
    {"VOC124", VS_ERROR, "*", NULL, "*", NULL, NULL, /* of a head that is in the index, no VOC409 says that there is none */
     {.shard = "model-00001-of-00001.safetensors", .shapes = {{HEAD, GONE, 0}},
      .edits = {{"model.safetensors.index.json", NULL, "{\"metadata\": {}, \"weight_map\": {\"lm_head.weight\": \"model-00001-of-00001.safetensors\"}}"}}}, "VOC123"},
    {"VOC125", VS_ERROR, "model.safetensors", GEMMA_TABLE, "40 rows", "42 rows", "offset-receipt.json /shift", /* and nothing about sizes, which follow from it */
     {.name = "gemma3n", .edits = {CONFIG("\"vocab_size\": 40", "\"vocab_size\": 42"), {"offset-receipt.json", NULL,
      "{\"shift\": {\"at\": 24, \"by\": 2}, \"blocks\": [{\"end\": 42}, {\"end\": 34}]}\n"}}}},
    {"VOC127", VS_ERROR, "*", "/tables", NULL, NULL, "*", {0}, NULL, FOREIGN_RECEIPT}, /* and not one for each table */
    {"VOC128", VS_WARNING, "model.safetensors", HEAD, "F64", "F32", "*", {.dtype = "F64"}, NULL, BASE}, /* the same values: no other model, no other rows */
    {"VOC128", VS_WARNING, "model.safetensors", HEAD, "F32", "F64", "*",
     {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}}, NULL, BASE_AND_MAP, {.dtype = "F64"}},
    {"VOC126", VS_ERROR, "config.json", NULL, "llama", "gemma3n", "*", {0}, NULL, BASE, {.name = "gemma3n"}}, /* and no list of all that differs */
    {"VOC129", VS_INFO, "model (1).safetensors", NULL, "model (1).safetensors", "model.safetensors", NULL, {.shard = "model (1).safetensors"}},
    /* 2xx */
    {"VOC201", VS_WARNING, "tokenizer.json", "/model/vocab", NULL, NULL, NULL, {.edits = {TOKENIZER("\"t5\": 5, \"t6\": 6, ", "")}}, "VOC110"},
    {"VOC202", VS_ERROR, "tokenizer.json", "/model/vocab", "t6", "t5", NULL, {.edits = {TOKENIZER("\"t5\": 5", "\"t5\": 6")}}, "VOC201"},
    {"VOC203", VS_INFO, "tokenizer.json", "/model/vocab", NULL, NULL, NULL,
     {.edits = {TOKENIZER("\"t5\"", "\"<0x20>\""), TOKENIZER("\"t6\"", "\"\xe2\x96\x81\""), TOKENIZER("\"decoder\": null", "\"decoder\": {\"type\": \"Metaspace\"}"),
                TOKENIZER("\"type\": \"WordLevel\"", "\"type\": \"BPE\", \"byte_fallback\": true, \"merges\": []")}}},
    {"VOC204", VS_ERROR, "tokenizer.json", "/model/vocab", "5", "9", NULL, {.edits = {TOKENIZER("\"t5\": 5, ", "\"t5\": 9, \"t5\": 5, ")}}},
    {"VOC205", VS_ERROR, "tokenizer.json", "/added_tokens/4", "23", "30", NULL, {.words = 23, .edits = {ADDED("30", "<x>")}}, "VOC110"},
    {"VOC206", VS_ERROR, "tokenizer.json", "/added_tokens/4", "23", "24", NULL, {.edits = {TOKENIZER("\"t5\": 5, ", ""), ADDED("24", "<x>")}}, "VOC201"},
    {"VOC206", VS_ERROR, "tokenizer.json", "/added_tokens/4", "23", "23", NULL, {.edits = {TOKENIZER("\"t5\": 5, ", ""), ADDED("23", "<x>")}}, "VOC201"},
    {"VOC207", VS_ERROR, "tokenizer.json", "/added_tokens/2", "2", "7", NULL, {.edits = {TOKENIZER("\"id\": 2", "\"id\": 7")}}},
    {"VOC219", VS_WARNING, "tokenizer.json", NULL, "*", NULL, NULL, {.edits = {ADDED("2", "<pad>")}}},
    {"VOC220", VS_ERROR, "tokenizer.json", "/added_tokens/4", "nothing", NULL, NULL, {.words = 23, .edits = {NORMALIZED("23", "gone"), REPLACE("gone", "")}}},
    {"VOC220", VS_ERROR, "tokenizer.json", "/added_tokens/4", "a blank", NULL, NULL, {.words = 23, .edits = {NORMALIZED("23", "gone"), REPLACE("gone", " ")}}},
    {"VOC220", VS_ERROR, "tokenizer.json", "/added_tokens/4", "a blank", NULL, NULL, {.words = 23, .edits = {NORMALIZED("23", "  "), REPLACE("  ", " ")}}},
    /* 3xx */
    {"VOC301", VS_ERROR, "generation_config.json", "/forced_eos_token_id", "99", "an id below 24", TABLE,
     {.edits = {{"generation_config.json", "\"bos", "\"forced_eos_token_id\": 99, \"bos"}}}},
    {"VOC301", VS_ERROR, "generation_config.json", "/suppress_tokens/1", "-5", "an id below 24", TABLE,
     {.edits = {{"generation_config.json", "\"bos", "\"suppress_tokens\": [4, -5], \"bos"}}}},
    {"VOC301", VS_ERROR, "config.json", "/sep_token_id", "24", "an id below 24", TABLE, /* the token is there, its row is not */
     {.edits = {ADDED("24", "<x>"), CONFIG("\"bos", "\"sep_token_id\": 24, \"bos")}}, "VOC101"},
    {"VOC301", VS_ERROR, "generation_config.json", "/suppress_tokens", "-5, 99, 101 .. 102", "an id below 24", TABLE, /* one list, one finding */
     {.edits = {{"generation_config.json", "\"bos", "\"suppress_tokens\": [102, 101, 4, 99, -5], \"bos"}}}},
    {"VOC302", VS_ERROR, "tokenizer_config.json", "/pad_token", "[PADDING]", "a token of tokenizer.json", NULL, {.edits = {{"tokenizer_config.json", "<pad>", "[PADDING]"}}}, "VOC101"},
    {"VOC303", VS_WARNING, "tokenizer_config.json", "/eos_token", "0 <s>", "1 </s>", "config.json /eos_token_id", {.edits = {{"tokenizer_config.json", "</s>", "<s>"}}}},
    {"VOC315", VS_ERROR, "generation_config.json", "/forced_eos_token_id", "23", "the id of a token", "tokenizer.json ",
     {.words = 23, .live = 23, .edits = {{"generation_config.json", "\"bos", "\"forced_eos_token_id\": 23, \"bos"}}}, "VOC106"},
    {"VOC315", VS_ERROR, "generation_config.json", "/force_words_ids", "21 .. 23", "the id of a token", "tokenizer.json ",
     {.words = 21, .live = 21, .edits = {{"generation_config.json", "\"bos", "\"force_words_ids\": [[23, 4], [21, 22]], \"bos"}}}, "VOC106"},
    {"VOC315", VS_WARNING, "config.json", "/video_token_id", "23", "the id of a token", "tokenizer.json ",
     {.words = 23, .live = 23, .edits = {CONFIG("\"bos", "\"video_token_id\": 23, \"bos")}}, "VOC106"},
    /* 4xx */
    {"VOC401", VS_ERROR, IN_TABLE, NULL, NULL, NULL, {.pokes = {{EMBED, 5, POKE_NAN}}}},
    {"VOC401", VS_ERROR, IN_TABLE, NULL, NULL, NULL, {.pokes = {{EMBED, 5, POKE_INF}}}},
    {"VOC401", VS_WARNING, IN_TABLE, NULL, NULL, NULL, {.words = 23, .live = 23, .pokes = {{EMBED, 23, POKE_NAN}}}, "VOC106"},
    {"VOC402", VS_WARNING, IN_TABLE, NULL, NULL, NULL, {.pokes = {{EMBED, 5, POKE_ZERO}}}},
    {"VOC402", VS_WARNING, IN_TABLE, NULL, NULL, NULL, {.pokes = {{EMBED, 5, POKE_SCALE, 1e-20}}}}, /* dead rows are not always exactly zero */
    {"VOC402", VS_ERROR, IN_TABLE, NULL, NULL, NULL, {.pokes = {{EMBED, 1, POKE_ZERO}}}},           /* an end of generation */
    {"VOC402", VS_ERROR, IN_TABLE, NULL, NULL, NULL, {.edits = {{"chat_template.jinja", NULL, "{{ '<pad>' }}\n"}}, .pokes = {{EMBED, 2, POKE_ZERO}}}},
    {"VOC402", VS_ERROR, IN_TABLE, NULL, NULL, NULL, {.edits = {{"tokenizer_config.json", "{\n", "{\n\"chat_template\": [{\"name\": \"default\", \"template\": \"<pad>\"}],\n"}}, .pokes = {{EMBED, 2, POKE_ZERO}}}},
    {"VOC402", VS_INFO, IN_TABLE, NULL, NULL, NULL, {.pokes = {{EMBED, 2, POKE_ZERO}}}},            /* the padding token of tokenizer_config.json */
    {"VOC402", VS_INFO, IN_TABLE, NULL, NULL, NULL, {.edits = {CONFIG("\"bos", "\"pad_token_id\": 3, \"bos"), {"tokenizer_config.json", "  \"pad_token\": \"<pad>\"\n", "  \"unk_token\": \"<unk>\"\n"}}, .pokes = {{EMBED, 3, POKE_ZERO}}}},
    {"VOC402", VS_INFO, IN_TABLE, NULL, NULL, NULL, {.edits = {TOKENIZER("\"t5\"", "\"<unused5>\"")}, .pokes = {{EMBED, 5, POKE_ZERO}}}},
    {"VOC403", VS_INFO, IN_TABLE, NULL, NULL, NULL, {.words = 23, .live = 23, .pokes = {{EMBED, 23, POKE_ZERO}}}, "VOC106"},
    {"VOC404", VS_ERROR, IN_TABLE, "row 5 equal to row 6", "a row of its own for each token", NULL, {.name = "gemma4", .pokes = {{EMBED, 6, POKE_COPY, 5}}}},
    {"VOC404", VS_WARNING, IN_TABLE, "row 5 equal to row 6", "a row of its own for each token", NULL, {.pokes = {{EMBED, 6, POKE_COPY, 5}}}},
    {"VOC404", VS_WARNING, IN_TABLE, "row 5 equal to row 6", "a row of its own for each token", NULL, /* no byte is compared, so that VOC413 says nothing */
     {.pokes = {{EMBED, 6, POKE_COPY, 5}}}, "VOC128", BASE, {.dtype = "F64"}},
    {"VOC404", VS_INFO, IN_TABLE, "row 30 equal to row 5", "a row of its own for each token", NULL, /* a new token of one piece */
     {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}, .pokes = {{EMBED, 30, POKE_COPY, 5}}}, NULL, MAP},
    {"VOC407", VS_WARNING, IN_TABLE, "*", NULL, NULL, {.pokes = {{EMBED, 5, POKE_SCALE, 100}}}},
    {"VOC407", VS_WARNING, "model.safetensors", HEAD, "*", NULL, NULL, {.pokes = {{HEAD, 5, POKE_SCALE, 100}}}},
    {"VOC408", VS_WARNING, "model.safetensors", HEAD, NULL, NULL, NULL, {.words = 23}, "VOC106"},
    {"VOC408", VS_WARNING, "model.safetensors", HEAD, NULL, NULL, NULL, {.words = 20, .live = 20, .pokes = {{HEAD, 22, POKE_SCALE, 1e5}}}, "VOC106"},
    {"VOC408", VS_WARNING, "model.safetensors", HEAD, NULL, NULL, NULL, /* what is only silent at the start is not silent */
     {.words = 22, .edits = {{"generation_config.json", "\"bos", "\"suppress_tokens\": [22], \"begin_suppress_tokens\": [23], \"bos"}}}, "VOC106"},
    {"VOC409", VS_ERROR, "config.json", "/tie_word_embeddings", "a head unlike the input", "true", "model.safetensors lm_head.weight", {.edits = {CONFIG("false", "true")}}},
    {"VOC409", VS_ERROR, "config.json", "/tie_word_embeddings", "no head", "false", TABLE, {.shapes = {{HEAD, GONE, 0}}}},
    {"VOC409", VS_ERROR, "config.json", "/tie_word_embeddings", "no head", "false, the default of its class", TABLE,
     {.shapes = {{HEAD, GONE, 0}}, .edits = {CONFIG("  \"tie_word_embeddings\": false,\n", "")}}},
    {"VOC411", VS_WARNING, IN_TABLE, "4.5", "0.5 to 2", NULL, {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}, .pokes = {{EMBED, 30, POKE_SCALE, 5}}}, NULL, MAP},
    {"VOC411", VS_INFO, IN_TABLE, "0.18", "0.5 to 2", NULL, {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}, .pokes = {{EMBED, 30, POKE_SCALE, 0.2}}}, NULL, MAP},
    {"VOC413", VS_ERROR, IN_TABLE, "rows unlike the base's", "the rows of the base", "*", {.pokes = {{EMBED, 5, POKE_SCALE, 1.01}}}, NULL, BASE},
    {"VOC413", VS_ERROR, IN_TABLE, "rows unlike the base's", "the rows of the base", "*",
     {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}, .pokes = {{EMBED, 5, POKE_SCALE, 1.01}}}, NULL, BASE_AND_MAP},
    {"VOC415", VS_ERROR, "model.safetensors", "model.norm.weight", "model.norm.weight differs from byte 14 on", "the bytes of the base", "*", {.pokes = {{"model.norm.weight", 3, POKE_SCALE, 2}}}, NULL, BASE},
    {"VOC415", VS_ERROR, "*", "model.norm.weight", "model.norm.weight is absent", "the tensor of the base", "*", {.shapes = {{"model.norm.weight", GONE, 0}}}, NULL, BASE},
    {"VOC415", VS_ERROR, "model.safetensors", "model.norm.weight", "model.norm.weight", "no such tensor, as in the base", "*", {0}, NULL, BASE, {.shapes = {{"model.norm.weight", GONE, 0}}}},
    {"VOC415", VS_ERROR, "*", HEAD, "lm_head.weight is absent", "the table of the base, grown", "*", {.shapes = {{HEAD, GONE, 0}}}, "VOC409 VOC418", BASE},
    {"VOC416", VS_ERROR, IN_TABLE, "*", "*", "*", {.pokes = {{EMBED, 5, POKE_SCALE, 1.01}}}, "VOC106", RECEIPT},
    {"VOC417", VS_ERROR, "model.safetensors", HEAD, NULL, NULL, NULL, {.pokes = {{HEAD, 5, POKE_NAN}}}, "VOC401"},
    {"VOC418", VS_ERROR, "model.safetensors", HEAD, NULL, NULL, "*", {.pokes = {{HEAD, 5, POKE_SCALE, 1.01}}}, "VOC413", BASE},
    /* 5xx */
    {"VOC501", VS_ERROR, "config.json", "/vision_config/vocab_offset", "24, 32", "30, 38", "config.json /audio_config/vocab_offset",
     {.name = "gemma3n", .edits = {CONFIG("\"vocab_offset\": 32", "\"vocab_offset\": 30")}}, "VOC504 VOC506"},
    {"VOC502", VS_ERROR, "config.json", "/audio_config/vocab_offset", "48", "40", "model.safetensors " GEMMA_TABLE,
     {.name = "gemma3n", .edits = {CONFIG("{\"vocab_offset\": 32, \"vocab_size\": 8}", "{\"vocab_offset\": 32, \"vocab_size\": 16}")}}, "VOC507"},
    {"VOC503", VS_ERROR, "config.json", "/vision_config/vocab_offset", "text", "tokens of the block", "tokenizer.json /model/vocab",
     {.name = "gemma3n", .edits = {TOKENIZER(OBJECT("26", "<v2>") ",\n", "")}}},
    {"VOC504", VS_ERROR, "config.json", "/audio_config/vocab_offset", "48 ids", "40", "tokenizer.json /model/vocab",
     {.name = "gemma3n", .words = 48, .live = 48, .shapes = {{GEMMA_TABLE, 48, COLS}}, .edits = {CONFIG("size\": 40", "size\": 48")}}, "VOC506"},
    {"VOC505", VS_ERROR, "config.json", "/image_token_id", "26", "25", "tokenizer.json /added_tokens/1", {.name = "gemma3n", .edits = {CONFIG("image_token_id\": 25", "image_token_id\": 26")}}},
    {"VOC505", VS_ERROR, "config.json", "/image_token_id", "5", "7", "tokenizer.json /added_tokens/4",
     {.edits = {TOKENIZER("\"t7\"", "\"<image>\""), ADDED("7", "<image>"), CONFIG("\"bos", "\"image_token_id\": 5, \"bos")}}},
    {"VOC506", VS_ERROR, "model.safetensors", "model.language_model.embed_tokens_per_layer.weight", "16", "24", "config.json *",
     {.name = "gemma3n", .shapes = {{"model.language_model.embed_tokens_per_layer.weight", 16, COLS}}}},
    {"VOC507", VS_ERROR, "model.safetensors", "model.embed_vision.embedding.weight", "4", "8", "config.json /vision_config/vocab_offset",
     {.name = "gemma3n", .shapes = {{"model.embed_vision.embedding.weight", 4, COLS}}}},
    {"VOC511", VS_ERROR, "config.json", NULL, "*", NULL, NULL, {.name = "gemma3n", .edits = {CONFIG("boi_token_id\": 4", "boi_token_id\": 30")}}},
};
#define CASES (sizeof table / sizeof *table)

/* ---- one case ---- */

static bool is(const char *wanted, const char *text)
{
    if (wanted && strcmp(wanted, "*") == 0)
        return text && *text;
    size_t n = wanted ? strlen(wanted) : 0;
    if (n && wanted[n - 1] == '*')
        return text && strncmp(wanted, text, n - 1) == 0;
    return strcmp(wanted ? wanted : "", text ? text : "") == 0;
}

static const char *also_of(const struct vs_finding *f)
{
    return f->also_file ? vst_format("%s %s", f->also_file, f->also_at ? f->also_at : "") : NULL;
}

static const char *listed(const struct vs_check_result *r)
{
    const char *text = "";
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const struct vs_finding *f = &r->findings[i];
        text = vst_format("%s\n  %s %s %s | %s %s | found %s | expected %s | also %s", text, f->rule, vs_severity_name(f->severity), f->message,
                          f->file ? f->file : "-", f->at ? f->at : "-", f->found ? f->found : "-", f->expected ? f->expected : "-",
                          f->also_file ? also_of(f) : "-");
    }
    return text;
}

static struct vs_check_result *check_case(const struct broken *b)
{
    const char *dir, *base = NULL, *map = NULL, *receipt = NULL;
    if (b->side == RECEIPT) {
        struct small intact = b->small;
        memset(intact.pokes, 0, sizeof intact.pokes);
        dir = extend_small(make_small(&intact), 32);
        receipt = vst_path(dir, "receipt.json");
        poke_file(dir, &b->small.pokes[0]);
        return check(dir, NULL, NULL, receipt);
    }
    dir = make_small(&b->small);
    if (b->side == FOREIGN_RECEIPT)
        receipt = vst_path(extend_small(make_small(&b->base), 32), "receipt.json");
    if (b->side == BASE || b->side == BASE_AND_MAP)
        base = make_small(&b->base);
    if (b->side == MAP || b->side == BASE_AND_MAP)
        map = write_small_map(base, WORDS, 8);
    return check(dir, base, map, receipt);
}

/* Every template was filled, and each finding says what, why and (where the rule has one) what to do. */
static void check_words(const struct vs_finding *f)
{
    const char *texts[] = {f->message, f->why, f->remedy};
    cr_expect(f->message && f->why, "%s: a finding without a message or a reason", f->rule);
    for (size_t i = 0; i < 3; i++)
        for (const char *at = texts[i]; at && (at = strchr(at, '{')); at++)
            cr_expect(!strchr(at, '}'), "%s: a template was not filled: %s", f->rule, texts[i]);
}

/* Scripts look at the levels: of an error one of them says that it failed. */
static void check_levels(const char *case_name, const struct vs_check_result *r)
{
    bool failed = false;
    for (size_t i = 0; i < sizeof r->levels / sizeof *r->levels; i++)
        failed |= r->levels[i].state == VS_FAIL;
    cr_expect(failed || r->verdict != VS_ERROR, "%s: no level failed, and yet there are errors:%s", case_name, listed(r));
}

static void check_findings(size_t at, const struct broken *b, const struct vs_check_result *r)
{
    uint32_t hits = 0;
    const char *case_name = vst_format("case %zu, %s", at, b->rule);
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const struct vs_finding *f = &r->findings[i];
        check_words(f);
        bool own = strcmp(f->rule, b->rule) == 0 && f->severity == b->severity && is(b->file, f->file) && is(b->at, f->at) && is(b->found, f->found) &&
                   is(b->expected, f->expected) && is(b->also, also_of(f));
        hits += own;
        cr_expect(strcmp(f->rule, b->rule) == 0 || (b->with && strstr(b->with, f->rule)), "%s: %s fired as well:%s", case_name, f->rule, listed(r));
    }
    check_levels(case_name, r);
    cr_expect_eq(hits, 1, "%s: the finding as it was expected came %u times:%s", case_name, hits, listed(r));
    for (const char *w = b->with; w; w = strchr(w, ' ') ? strchr(w, ' ') + 1 : NULL) {
        bool there = false;
        for (uint32_t i = 0; i < r->finding_count; i++)
            there |= strncmp(r->findings[i].rule, w, 6) == 0;
        cr_expect(there, "%s: %.6s did not fire:%s", case_name, w, listed(r));
    }
}

static void run_cases(char group)
{
    for (size_t i = 0; i < CASES; i++) {
        if (table[i].rule[3] != group)
            continue;
        struct vs_check_result *r = check_case(&table[i]);
        check_findings(i, &table[i], r);
        vs_check_free(r);
    }
    vst_cleanup();
}

Test(rules, sizes) { run_cases('1'); }
Test(rules, tokens) { run_cases('2'); }
Test(rules, special_ids) { run_cases('3'); }
Test(rules, rows) { run_cases('4'); }
Test(rules, blocks) { run_cases('5'); }

/* ---- healthy models ---- */

static void expect_clean(const char *name, const struct vs_check_result *r, const char *allowed)
{
    for (uint32_t i = 0; i < r->finding_count; i++)
        cr_expect(allowed && strcmp(r->findings[i].rule, allowed) == 0, "%s: %s fired:%s", name, r->findings[i].rule, listed(r));
}

Test(rules, a_healthy_model_has_no_finding)
{
    for (const char *const *name = healthy_models(); *name; name++) {
        const char *allowed = strcmp(*name, "mllama") == 0 ? "VOC106" : NULL;
        const char *dir = make_small(&(struct small){.name = *name});
        struct vs_check_result *r = check(dir, NULL, NULL, NULL);
        expect_clean(*name, r, allowed);
        vs_check_free(r);
        r = check(dir, make_small(&(struct small){.name = *name}), NULL, NULL);
        expect_clean(*name, r, allowed);
        cr_expect_eq(r->levels[0].state, VS_PASS, "%s: L0", *name);
        cr_expect_eq(r->levels[1].state, VS_PASS, "%s: L1", *name);
        cr_expect_eq(r->levels[2].state, VS_PASS, "%s: L2", *name);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* Near misses: what looks like a finding and is none. Notes are listed in allowed. */
static const struct quiet { const char *name, *allowed; struct small small; } near_misses[] = {
    {"sentinels are replaced before any lookup", NULL, {.edits = {CONFIG("\"bos", "\"image_token_index\": -200, \"pad_token_id\": -1, \"bos")}}},
    {"a list of ends that holds the other file's", NULL, {.edits = {{"generation_config.json", "[1]", "[3, 1]"}}}},
    {"ids of a nested decoder are another model's", NULL, {.edits = {CONFIG("\"bos", "\"decoder\": {\"eos_token_id\": 3}, \"bos")}}},
    {"a size of a codec beside text_vocab_size", NULL, {.edits = {CONFIG("\"vocab_size\": 24", "\"vocab_size\": 51, \"text_vocab_size\": 24")}}},
    {"a factorised embedding", NULL, {.edits = {CONFIG("hidden_size\": 8", "hidden_size\": 16, \"embedding_size\": 8")}}},
    {"## marks a place, not another spelling", NULL,
     {.edits = {TOKENIZER("\"t5\"", "\"##x\""), TOKENIZER("\"t6\"", "\"x\""), TOKENIZER("\"type\": \"WordLevel\"", "\"type\": \"WordPiece\", \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100")}}},
    {"a variant of the weights", NULL, {.shard = "model.fp16.safetensors"}},
    {"the name of another program", NULL, {.shard = "consolidated.safetensors"}},
    {"no config that says transformers", "VOC115 VOC105", {.shard = "t3_cfg.safetensors", .edits = {CONFIG("\"model_type\": \"llama\"", "\"class\": \"T3\"")}}},
    {"copies behind the text are made by a converter", NULL, {.name = "gemma3n", .pokes = {{GEMMA_TABLE, 26, POKE_COPY, 27}}}},
    {"a placeholder of another name", NULL, {.edits = {TOKENIZER("\"t7\"", "\"<image>\""), TOKENIZER("\"t8\"", "\"<img_context>\""), CONFIG("\"bos", "\"image_token_id\": 8, \"bos")}}},
    {"decoder_vocab_size that the table has", NULL, {.name = "bart", .edits = {CONFIG("\"vocab_size\": 24", "\"vocab_size\": 24, \"decoder_vocab_size\": 24")}}},
    {"rows that are never generated may be live", "VOC106",
     {.words = 22, .edits = {{"generation_config.json", "\"bos", "\"suppress_tokens\": [22, 23], \"begin_suppress_tokens\": [22], \"bad_words_ids\": [[23]], \"bos"}}}},
    {"padding rows close to zero have no say", "VOC106", {.words = 23, .live = 23}},
    {"a word of the template that is no added token", NULL, {.edits = {{"chat_template.jinja", NULL, "t5\n"}}}},
    {"new rows of the base's length", NULL, {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}}},
};

Test(rules, near_misses_are_quiet)
{
    for (size_t i = 0; i < sizeof near_misses / sizeof *near_misses; i++) {
        struct vs_check_result *r = check(make_small(&near_misses[i].small), NULL, NULL, NULL);
        expect_clean(near_misses[i].name, r, near_misses[i].allowed);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* A stored copy of the input is what a tied config promises. */
Test(rules, a_tied_copy_is_quiet)
{
    const char *dir = make_small(&(struct small){.edits = {CONFIG("false", "true")}});
    const char *path = vst_path(dir, "model.safetensors");
    size_t n;
    char *file = vst_read(path, &n), *head = file + n - 4 * (COLS + 2 * COLS * WORDS), *embed = head + 4 * COLS * WORDS;
    memcpy(head, embed, 4 * COLS * WORDS);
    vst_write(path, file, n);
    struct vs_check_result *r = check(dir, NULL, NULL, NULL);
    expect_clean("tied copy", r, NULL);
    cr_expect_eq(r->facts->tied_stored, 1);
    vs_check_free(r);
    vst_cleanup();
}

static void expect_shown(const struct small *m, const char *says)
{
    const struct vs_look look = {.width = 100};
    struct vs_check_result *r = check(make_small(m), NULL, NULL, NULL);
    struct vs_buf text = {0};
    struct vs_err err;
    cr_assert_eq(vs_facts_text(r->facts, &look, &text, &err), VS_OK);
    cr_expect(memmem(text.p, text.n, says, strlen(says)), "\"%s\" is not in: %.*s", says, (int)text.n, text.p);
    vs_buf_free(&text);
    vs_check_free(r);
}

Test(rules, ids_apart_are_not_those_without_a_row)
{
    expect_shown(&(struct small){.name = "idefics"}, "none: ids from 24 on have rows in a table apart\n");
    expect_shown(&(struct small){.name = "idefics", .edits = {ADDED("26", "<x>")}}, "1 token has no row: 26\n");
}

Test(rules, a_model_that_grew_is_healthy_too)
{
    const struct small grown = {.words = 32, .live = 32, .shapes = ROWS(32), .edits = {CONFIG("size\": 24", "size\": 32")}};
    const char *base = make_small(&(struct small){0});
    struct vs_check_result *r = check(make_small(&grown), base, write_small_map(base, WORDS, 8), NULL);
    expect_clean("grown", r, NULL);
    cr_expect_eq(r->levels[1].state, VS_PASS);
    vs_check_free(r);
    const char *out = extend_small(base, 32);
    r = check(out, base, NULL, vst_path(out, "receipt.json"));
    expect_clean("extended", r, "VOC106");
    cr_expect_eq(r->levels[1].state, VS_PASS);
    vs_check_free(r);
    vst_cleanup();
}

/* ---- what the device saw ---- */

static void expect_bad(const struct small *s, uint64_t count, const struct vs_bad_id *first)
{
    struct vs_check_result *r = check(make_small(s), NULL, NULL, NULL);
    cr_assert_eq(r->gather.bad_count, count, "%llu ids out of range", (unsigned long long)r->gather.bad_count);
    cr_expect_eq(r->gather.shown, count < 8 ? count : 8);
    cr_expect_eq(r->gather.bad[0].id, first->id);
    cr_expect_eq(r->gather.bad[0].position, first->position, "at %llu", (unsigned long long)r->gather.bad[0].position);
    vs_check_free(r);
}

Test(gather, ids_out_of_range_are_recorded_with_their_positions)
{
    expect_bad(&(struct small){.words = 26}, 2, &(struct vs_bad_id){24, 24});
    expect_bad(&(struct small){.words = 40}, 16, &(struct vs_bad_id){24, 24});
    /* Tokens come first, then the ids of the configs: bos, eos, forced. */
    expect_bad(&(struct small){.edits = {{"generation_config.json", "\"bos", "\"forced_eos_token_id\": 99, \"bos"}}}, 1, &(struct vs_bad_id){26, 99});
    /* Blocks are strict: what lies between two of them is out of range, though the table has the rows. */
    expect_bad(&(struct small){.name = "gemma3n", .edits = {CONFIG("\"vocab_offset\": 32", "\"vocab_offset\": 34")}}, 4, &(struct vs_bad_id){32, 32}); /* two tokens and the config's names for them */
    vst_cleanup();
}

/* ---- an empty table ---- */

Test(rules, writers_refuse_an_empty_table)
{
    static const struct vs_run plain;
    const char *dir = make_small(&(struct small){.shapes = {{EMBED, 0, 0}}});
    struct vs_extend_request q = {.model = dir, .add = 4, .rows = -1};
    struct vs_plan *plan = NULL;
    struct vs_err err = {0};
    cr_expect_eq(vs_extend_plan(&q, &plain, &plan, &err), VS_EMISMATCH);
    cr_expect(strstr(err.message, EMBED) && strstr(err.message, "no rows"), "%s", err.message);
    vs_plan_free(plan);
    vst_cleanup();
}

/* ---- the catalogue ---- */

/* What is said follows the case. */
Test(rules, words)
{
    const struct { const char *rule; struct small small; bool why; const char *has, *lacks; } cases[] = {
        {"VOC401", {.pokes = {{EMBED, 5, POKE_NAN}}}, true, "every logit of a prompt that touches one becomes NaN", "head"},
        {"VOC401", {.pokes = {{HEAD, 5, POKE_NAN}}}, true, "the logit of such a row is NaN or Inf for every prompt", "touches"},
        {"VOC401", {.name = "tied", .pokes = {{EMBED, 5, POKE_NAN}}}, true, "the table is the head too", NULL},
        {"VOC409", {.edits = {CONFIG("false", "true")}}, false, "set tie_word_embeddings to false", "text_config"},
        {"VOC409", {.name = "mllama", .shapes = {{"language_model.lm_head.weight", GONE, 0}}}, false, "set tie_word_embeddings, at the top and in text_config, to true", NULL},
        {"VOC409", {.edits = {CONFIG("\"tie_word_embeddings\": false", "\"thinker_config\": {\"tie_word_embeddings\": true, \"text_config\": {\"hidden_size\": 8}}")}}, false,
         "set tie_word_embeddings, in thinker_config and its text_config, to false", NULL},
        {"VOC114", {.edits = {CONFIG("hidden_size\": 8", "hidden_size\": 16")}}, false, "download both from one revision", NULL},
        {"VOC506", {.name = "gemma3n", .shapes = {{"model.language_model.embed_tokens_per_layer.weight", 16, COLS}}}, false, "MAP as vocab-merge wrote it", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_check_result *r = check(make_small(&cases[i].small), NULL, NULL, NULL);
        const char *text = NULL;
        for (uint32_t n = 0; n < r->finding_count; n++)
            if (strcmp(r->findings[n].rule, cases[i].rule) == 0)
                text = cases[i].why ? r->findings[n].why : r->findings[n].remedy;
        cr_expect(text && strstr(text, cases[i].has), "case %zu: %s", i, text ? text : "none");
        cr_expect(!text || !cases[i].lacks || !strstr(text, cases[i].lacks), "case %zu: %s", i, text);
        vs_check_free(r);
    }
    vst_cleanup();
}

Test(rules, every_rule_of_the_catalogue_has_a_case)
{
    struct vs_jdoc d = {0};
    struct vs_err err;
    unsigned count = 0;
    cr_assert_eq(vs_data_read(NULL, "rules.json", &d, &err), VS_OK, "%s", err.message);
    for (const struct vs_jval *r = vs_jget(d.root, "rules")->child; r; r = r->next, count++) {
        struct vs_str id, severity;
        bool tested = false, as_listed = false;
        cr_assert(vs_jstr(vs_jget(r, "id"), &id) && vs_jstr(vs_jget(r, "severity"), &severity));
        if (vs_str_starts(id, VS_LIT("VOC7"))) /* of GGUF files: tests/unit/gguf/test_check.c */
            continue;
        if (vs_jget(r, "needs")) /* a run: tests/unit/forward/test_forward_rules.c */
            continue;
        for (size_t i = 0; i < CASES; i++)
            if (vs_str_is(id, table[i].rule)) {
                tested = true;
                as_listed |= vs_str_is(severity, vs_severity_name(table[i].severity));
            }
        cr_expect(tested, "%.*s has no case in test_rules.c", VS_STR(id));
        cr_expect(as_listed, "%.*s has no case of the severity that rules.json gives it", VS_STR(id));
    }
    cr_expect_gt(count, 50u);
    vs_jdoc_free(&d);
    vst_cleanup();
}
