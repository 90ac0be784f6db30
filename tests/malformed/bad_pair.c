/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are sound alone and contradict each other. needle is the rule under which vocab-check finds it.
 */
#include <stddef.h>
#include <string.h>
#include "catalogue.h"

#define TABLE(name, rows, begin, end) "\"" name "\":{\"dtype\":\"F32\",\"shape\":[" #rows ",2],\"data_offsets\":[" #begin "," #end "]}"
#define INPUT "model.embed_tokens.weight"
#define TOKENIZER "{\"added_tokens\":[],\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"ab\":3},\"merges\":[\"a b\"]}}"

static void put_model(const char *dir, const char *header, unsigned long payload, const char *config)
{
    put_raw(dir, "model.safetensors", header, strlen(header), payload);
    put_text(dir, "config.json", config);
    put_text(dir, "tokenizer.json", TOKENIZER);
}

static void config(const struct bad *b, const char *dir)
{
    put_model(dir, SOUND_HEADER, SOUND_PAYLOAD, b->text);
}

static void generation(const struct bad *b, const char *dir)
{
    put_model(dir, SOUND_HEADER, SOUND_PAYLOAD, "{\"vocab_size\":4,\"eos_token_id\":3}");
    put_text(dir, "generation_config.json", b->text);
}

static void short_table(const struct bad *b, const char *dir)
{
    put_model(dir, "{" TABLE(INPUT, 3, 0, 24) "}", 24, b->text);
}

static void short_head(const struct bad *b, const char *dir)
{
    put_model(dir, "{" TABLE(INPUT, 4, 0, 32) "," TABLE("lm_head.weight", 3, 32, 56) "}", 56, b->text);
}

/* The head holds zeros, the input something else. */
static void other_head(const struct bad *b, const char *dir)
{
    const char *header = "{" TABLE(INPUT, 4, 0, 32) "," TABLE("lm_head.weight", 4, 32, 64) "}";
    char file[512] = {(char)strlen(header)};
    size_t n = 8 + strlen(header);
    put_model(dir, header, 64, b->text);
    memcpy(file + 8, header, strlen(header));
    for (size_t i = 0; i < 8; i++)
        file[n + 4 * i + 3] = 0x3f;
    put_file(dir, "model.safetensors", file, n + 64);
}

#define REFUSED(name, rule, build, text) {name, BAD_PAIR, VS_EMISMATCH, rule, build, text, 0}
#define REPORTED(name, rule, build, text) {name, BAD_REPORTED, VS_OK, rule, build, text, 0}

const struct bad bad_pair[] = {
    REFUSED("config-sizes-disagree", "VOC112", config, "{\"vocab_size\":5,\"text_config\":{\"vocab_size\":4}}"),
    REFUSED("config-size-below-rows", "VOC103", config, "{\"vocab_size\":3}"),
    REFUSED("config-size-above-rows", "VOC103", config, "{\"vocab_size\":8}"),
    REFUSED("special-id-without-row", "VOC301", config, "{\"vocab_size\":4,\"eos_token_id\":99}"),
    REFUSED("special-id-of-list-without-row", "VOC301", generation, "{\"eos_token_id\":[3,99]}"),
    REFUSED("head-of-other-height", "VOC104", short_head, "{\"vocab_size\":4}"),
    REFUSED("tied-head-of-other-height", "VOC104", short_head, "{\"vocab_size\":4,\"tie_word_embeddings\":true}"),
    REPORTED("config-without-vocab-size", "VOC115", config, "{}"),
    REPORTED("token-without-row", "VOC101", short_table, "{\"vocab_size\":3}"),
    REPORTED("tied-but-different", "VOC409", other_head, "{\"vocab_size\":4,\"tie_word_embeddings\":true}"),
    REPORTED("generation-ids-disagree", "VOC303", generation, "{\"eos_token_id\":2}"),
    {NULL, BAD_PAIR, VS_OK, NULL, NULL, NULL, 0},
};
