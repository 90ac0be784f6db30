/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include "catalogue.h"

static void put_weights(const char *dir)
{
    put_raw(dir, "model.safetensors", SOUND_HEADER, strlen(SOUND_HEADER), SOUND_PAYLOAD);
}

static void config(const struct bad *b, const char *dir)
{
    put_weights(dir);
    put_text(dir, "config.json", b->text);
}

static void config_bytes(const struct bad *b, const char *dir)
{
    put_weights(dir);
    put_file(dir, "config.json", b->text, b->payload);
}

static void generation(const struct bad *b, const char *dir)
{
    put_weights(dir);
    put_text(dir, "config.json", "{\"vocab_size\":4}");
    put_text(dir, "generation_config.json", b->text);
}

static void config_deep(const struct bad *b, const char *dir)
{
    char text[256] = "{\"x\":";
    (void)b;
    memset(text + strlen(text), '[', 100);
    put_weights(dir);
    put_text(dir, "config.json", text);
}

static void config_huge(const struct bad *b, const char *dir)
{
    (void)b;
    put_weights(dir);
    put_sparse(dir, "config.json", "{}", 2, (1ull << 30) + 1);
}

#define BAD(name, code, needle, build, text) {name, BAD_MODEL, code, needle, build, text, 0}
#define REFUSED(name, code, needle, build, text) {name, BAD_WRITERS, code, needle, build, text, 0}

const struct bad bad_config[] = {
    BAD("config-lfs-pointer", VS_EFORMAT, SAYS_LFS_POINTER, config, LFS_POINTER),
    BAD("config-not-utf8", VS_EFORMAT, "UTF-8", config, "{\"a\":\"\xc3\x28\"}"),
    BAD("config-byte-order-mark", VS_EFORMAT, "byte order mark", config, "\xef\xbb\xbf{}"),
    {"config-nul", BAD_MODEL, VS_EFORMAT, "byte 0x00", config_bytes, "{}\0", 3},
    BAD("config-truncated", VS_EFORMAT, "the end of the text", config, "{\"vocab_size\": 4"),
    BAD("config-trailing-garbage", VS_EFORMAT, "nothing may follow", config, "{}}"),
    BAD("config-nan", VS_EFORMAT, "line 1, column 6", config, "{\"a\":NaN}"),
    BAD("config-infinity", VS_EFORMAT, "line 2, column 6", config, "{\n\"a\":-Infinity}"),
    BAD("config-too-deep", VS_ELIMIT, "nested deeper than 64", config_deep, NULL),
    BAD("config-duplicate-key", VS_EFORMAT, "duplicate name \"vocab_size\"", config, "{\"vocab_size\":4,\"vocab_size\":5}"),
    BAD("config-duplicate-key-nested", VS_EFORMAT, "duplicate name \"vocab_size\"", config,
        "{\"text_config\":{\"vocab_size\":4,\"vocab\\u005fsize\":5}}"),
    BAD("config-array", VS_EFORMAT, "an object expected", config, "[]"),
    BAD("config-lone-surrogate", VS_EFORMAT, "surrogate", config, "{\"a\":\"\\udfff\"}"),
    BAD("config-too-large", VS_ELIMIT, "1073741825 bytes", config_huge, NULL),
    BAD("config-vocab-size-float", VS_EFORMAT, "/vocab_size: found 4.0", config, "{\"vocab_size\":4.0}"),
    BAD("config-vocab-size-string", VS_EFORMAT, "/vocab_size: found \"4\"", config, "{\"vocab_size\":\"4\"}"),
    BAD("config-vocab-size-null", VS_EFORMAT, "/vocab_size: found null", config, "{\"vocab_size\":null}"),
    BAD("config-vocab-size-zero", VS_EFORMAT, "/vocab_size: found 0", config, "{\"vocab_size\":0}"),
    BAD("config-vocab-size-negative", VS_EFORMAT, "/text_config/vocab_size: found -1", config, "{\"text_config\":{\"vocab_size\":-1}}"),
    BAD("config-vocab-size-2-to-31", VS_EFORMAT, "found 2147483648, expected an integer from 1 to 2147483647", config,
        "{\"vocab_size\":2147483648}"),
    BAD("generation-truncated", VS_EFORMAT, "generation_config.json", generation, "{\"eos_token_id\":["),
    REFUSED("config-id-string", VS_EFORMAT, "eos_token_id: found \"2\"", config, "{\"vocab_size\":4,\"eos_token_id\":\"2\"}"),
    REFUSED("generation-id-float", VS_EFORMAT, "eos_token_id: found 1.5", generation, "{\"eos_token_id\":[1,1.5]}"),
    REFUSED("config-tie-string", VS_EFORMAT, "true or false expected", config, "{\"vocab_size\":4,\"tie_word_embeddings\":\"no\"}"),
    {NULL, BAD_MODEL, VS_OK, NULL, NULL, NULL, 0},
};
