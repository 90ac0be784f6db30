/* SPDX-License-Identifier: Apache-2.0
 *
 * A tokenizer.json and the files beside it. The sound one has the tokens a, b, ab and the added token <s>, ids 0 to 3.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "catalogue.h"

#define FILE_NAME "tokenizer.json"
#define FLAGS "\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true"
#define ADDED(id, content) "{\"id\":" id ",\"content\":\"" content "\"," FLAGS "}"
#define SOUND_ADDED ADDED("3", "<s>")
#define SOUND_VOCAB "\"a\":0,\"b\":1,\"ab\":2"
#define DOC(version, added, model) "{\"version\":" version ",\"added_tokens\":[" added "],\"normalizer\":null,\"model\":{" model "}}"
#define BPE(vocab, merges) "\"type\":\"BPE\",\"vocab\":{" vocab "},\"merges\":[" merges "]"
#define SOUND_BPE BPE(SOUND_VOCAB, "\"a b\"")
#define MODEL(model) DOC("\"1.0\"", SOUND_ADDED, model)
#define VOCAB(vocab) MODEL(BPE(vocab, ""))
#define MERGES(merges) MODEL(BPE(SOUND_VOCAB, merges))
#define TOKENS(added) DOC("\"1.0\"", added, SOUND_BPE)
#define SOUND MODEL(SOUND_BPE)

static void tokenizer(const struct bad *b, const char *dir)
{
    put_text(dir, FILE_NAME, b->text);
}

static void tokenizer_bytes(const struct bad *b, const char *dir)
{
    put_file(dir, FILE_NAME, b->text, b->payload);
}

static void tokenizer_deep(const struct bad *b, const char *dir)
{
    char text[256] = "{\"x\":";
    (void)b;
    memset(text + strlen(text), '[', 100);
    put_text(dir, FILE_NAME, text);
}

static void tokenizer_huge(const struct bad *b, const char *dir)
{
    (void)b;
    put_sparse(dir, FILE_NAME, "{", 1, (1ull << 30) + 1);
}

static void beside(const char *dir, const char *name, const char *text)
{
    put_text(dir, FILE_NAME, SOUND);
    put_text(dir, name, text);
}

static void tokenizer_config(const struct bad *b, const char *dir) { beside(dir, "tokenizer_config.json", b->text); }
static void added_file(const struct bad *b, const char *dir) { beside(dir, "added_tokens.json", b->text); }
static void special_file(const struct bad *b, const char *dir) { beside(dir, "special_tokens_map.json", b->text); }

static void config_huge(const struct bad *b, const char *dir)
{
    (void)b;
    put_text(dir, FILE_NAME, SOUND);
    put_sparse(dir, "tokenizer_config.json", "{}", 2, (1ull << 30) + 1);
}

static void other_format(const struct bad *b, const char *dir)
{
    put_text(dir, b->text, "\n");
}

#define BAD(name, code, needle, build, text) {name, BAD_TOKENIZER, code, needle, build, text, 0}
#define FORMAT(name, needle, text) BAD(name, VS_EFORMAT, needle, tokenizer, text)
#define REFUSED(name, needle, build, text) {name, BAD_TOKENIZER_WRITERS, VS_EMISMATCH, needle, build, text, 0}

const struct bad bad_tokenizer[] = {
    FORMAT("tokenizer-empty-file", "an object expected", ""),
    FORMAT("tokenizer-lfs-pointer", SAYS_LFS_POINTER, LFS_POINTER),
    FORMAT("tokenizer-not-utf8", "UTF-8", VOCAB("\"a\xff\":0")),
    FORMAT("tokenizer-byte-order-mark", "byte order mark", "\xef\xbb\xbf" SOUND),
    {"tokenizer-nul", BAD_TOKENIZER, VS_EFORMAT, "byte 0x00", tokenizer_bytes, SOUND "\0", sizeof SOUND},
    FORMAT("tokenizer-truncated", "the end of the text", "{\"version\":\"1.0\",\"model\":{\"vocab\":{\"a\":0"),
    FORMAT("tokenizer-trailing-garbage", "nothing may follow", SOUND "x"),
    FORMAT("tokenizer-nan", "line 1, column", MODEL("\"dropout\":NaN," SOUND_BPE)),
    FORMAT("tokenizer-infinity", "line 1, column", MODEL("\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",-Infinity]]")),
    BAD("tokenizer-too-deep", VS_ELIMIT, "nested deeper than 64", tokenizer_deep, NULL),
    BAD("tokenizer-too-large", VS_ELIMIT, "1073741825 bytes", tokenizer_huge, NULL),
    FORMAT("tokenizer-array", "an object expected", "[]"),
    FORMAT("tokenizer-no-model", "no \"model\"", "{\"version\":\"1.0\"}"),
    FORMAT("tokenizer-duplicate-version", "\"version\" appears twice", "{\"version\":\"1.0\",\"version\":\"1.0\"}"),
    FORMAT("tokenizer-duplicate-model", "\"model\" appears twice", "{\"model\":{" SOUND_BPE "},\"model\":{" SOUND_BPE "}}"),
    FORMAT("tokenizer-duplicate-vocab", "\"vocab\" appears twice", MODEL(SOUND_BPE ",\"vocab\":{}")),
    FORMAT("tokenizer-duplicate-merges", "\"merges\" appears twice", MODEL(SOUND_BPE ",\"m\\u0065rges\":[]")),
    FORMAT("tokenizer-duplicate-id-field", "\"id\" appears twice", TOKENS("{\"id\":3,\"id\":4,\"content\":\"<s>\"," FLAGS "}")),
    FORMAT("tokenizer-duplicate-in-section", "duplicate name \"type\"",
           "{\"normalizer\":{\"type\":\"NFC\",\"type\":\"NFD\"},\"model\":{" SOUND_BPE "}}"),
    FORMAT("tokenizer-version-2", "version: found \"2.0\"", DOC("\"2.0\"", "", SOUND_BPE)),
    FORMAT("tokenizer-version-number", "a string expected", DOC("1.0", "", SOUND_BPE)),
    FORMAT("tokenizer-model-type", "model.type: found \"bpe\"", MODEL("\"type\":\"bpe\",\"vocab\":{},\"merges\":[]")),
    FORMAT("tokenizer-model-string", "an object expected", "{\"model\":\"BPE\"}"),
    FORMAT("tokenizer-no-merges", "\"merges\" is missing", MODEL("\"type\":\"BPE\",\"vocab\":{}")),
    FORMAT("tokenizer-vocab-string", "model.vocab: an object", MODEL("\"type\":\"BPE\",\"vocab\":\"a\",\"merges\":[]")),
    FORMAT("tokenizer-vocab-list", "found a list, BPE needs an object", MODEL("\"type\":\"BPE\",\"vocab\":[],\"merges\":[]")),
    FORMAT("tokenizer-id-string", "model.vocab[\"a\"]", VOCAB("\"a\":\"0\"")),
    FORMAT("tokenizer-id-float", "found 0.0", VOCAB("\"a\":0.0")),
    FORMAT("tokenizer-id-exponent", "found 1e3", VOCAB("\"a\":1e3")),
    FORMAT("tokenizer-id-negative", "found -1", VOCAB("\"a\":-1")),
    FORMAT("tokenizer-id-null", "model.vocab[\"a\"]", VOCAB("\"a\":null")),
    BAD("tokenizer-id-2-to-24", VS_ELIMIT, "model.vocab[\"a\"]: found id 16777216: at most 16777215 expected", tokenizer, VOCAB("\"a\":16777216")),
    BAD("tokenizer-added-id-2-to-31", VS_ELIMIT, "found id 2147483647: at most 16777215 expected", tokenizer, TOKENS(ADDED("2147483647", "<s>"))),
    FORMAT("tokenizer-id-2-to-32", "found id 4294967296", VOCAB("\"a\":4294967296")),
    FORMAT("tokenizer-id-2-to-64", "model.vocab[\"a\"]", VOCAB("\"a\":18446744073709551616")),
    FORMAT("tokenizer-added-id-string", "added_tokens[0]", TOKENS(ADDED("\"3\"", "<s>"))),
    FORMAT("tokenizer-added-id-negative", "added_tokens[0]", TOKENS(ADDED("-3", "<s>"))),
    FORMAT("tokenizer-added-not-object", "added_tokens[0]", TOKENS("\"<s>\"")),
    FORMAT("tokenizer-added-no-flags", "\"single_word\" is missing", TOKENS("{\"id\":3,\"content\":\"<s>\"}")),
    FORMAT("tokenizer-added-flag-string", "added_tokens[0]", TOKENS("{\"id\":3,\"content\":\"<s>\",\"special\":\"true\"}")),
    FORMAT("tokenizer-token-twice", "token \"a\" appears twice, with ids 0 and 1", VOCAB("\"a\":0,\"a\":1")),
    FORMAT("tokenizer-token-twice-escaped", "token \"a\" appears twice, with ids 0 and 1", VOCAB("\"a\":0,\"\\u0061\":1")),
    FORMAT("tokenizer-word-twice", "token \"a\" appears twice", MODEL("\"type\":\"WordLevel\",\"unk_token\":\"a\",\"vocab\":{\"a\":0,\"a\":0}")),
    FORMAT("tokenizer-piece-twice", "token \"a\" appears twice", MODEL("\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\",0],[\"\\u0061\",-1.5]]")),
    FORMAT("tokenizer-piece-no-score", "model.vocab[0]: [piece, score] expected", MODEL("\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\"]]")),
    FORMAT("tokenizer-unk-beyond", "model.unk_id: found 1", MODEL("\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"a\",0]]")),
    FORMAT("tokenizer-merge-no-space", "model.merges[0]: found a string without a space", MERGES("\"ab\"")),
    FORMAT("tokenizer-merge-two-spaces", "model.merges[0]: found a string with more than one space", MERGES("\"a b c\"")),
    FORMAT("tokenizer-merge-list-of-1", "model.merges[0]: found a list of 1", MERGES("[\"a\"]")),
    FORMAT("tokenizer-merge-list-of-3", "model.merges[0]: found a list of 3", MERGES("[\"a\",\"b\",\"c\"]")),
    FORMAT("tokenizer-merge-number", "model.merges[1]: found another type", MERGES("\"a b\",7")),
    FORMAT("tokenizer-merge-left-unknown", "model.merges[0]: its left part \"x\" is not in model.vocab", MERGES("\"x b\"")),
    FORMAT("tokenizer-merge-right-unknown", "model.merges[1]: its right part \"x\" is not in model.vocab", MERGES("[\"a\",\"b\"],[\"a\",\"x\"]")),
    FORMAT("tokenizer-merge-result-unknown", "model.merges[0]: its product \"ba\" is not in model.vocab", MERGES("\"b a\"")),
    FORMAT("tokenizer-merge-twice", "stands at [0] and again at [1]", MERGES("\"a b\",\"a b\"")),
    FORMAT("tokenizer-lone-surrogate", "surrogate", VOCAB("\"\\ud800\":0")),
    FORMAT("tokenizer-lone-surrogate-added", "surrogate", TOKENS(ADDED("3", "\\udc00"))),
    FORMAT("tokenizer-overlong-utf8", "UTF-8", VOCAB("\"\xc0\xaf\":0")),
    FORMAT("tokenizer-surrogate-as-utf8", "UTF-8", VOCAB("\"\xed\xa0\x80\":0")),
    BAD("tokenizer-config-lfs-pointer", VS_EFORMAT, SAYS_LFS_POINTER, tokenizer_config, LFS_POINTER),
    BAD("tokenizer-config-truncated", VS_EFORMAT, "tokenizer_config.json", tokenizer_config, "{\"eos_token\":"),
    BAD("tokenizer-config-trailing-garbage", VS_EFORMAT, "nothing may follow", tokenizer_config, "{}]"),
    BAD("tokenizer-config-not-utf8", VS_EFORMAT, "UTF-8", tokenizer_config, "{\"eos_token\":\"\xff\"}"),
    BAD("tokenizer-config-duplicate", VS_EFORMAT, "duplicate name \"eos_token\"", tokenizer_config, "{\"eos_token\":\"a\",\"eos_token\":\"b\"}"),
    BAD("tokenizer-config-array", VS_EFORMAT, "an object expected", tokenizer_config, "[]"),
    BAD("tokenizer-config-lone-surrogate", VS_EFORMAT, "surrogate", tokenizer_config, "{\"eos_token\":\"\\ud834\"}"),
    BAD("tokenizer-config-too-large", VS_ELIMIT, "1073741825 bytes", config_huge, NULL),
    BAD("added-tokens-truncated", VS_EFORMAT, "added_tokens.json", added_file, "{\"<s>\":3"),
    BAD("added-tokens-duplicate", VS_EFORMAT, "duplicate name \"<s>\"", added_file, "{\"<s>\":3,\"<s>\":4}"),
    BAD("special-tokens-truncated", VS_EFORMAT, "special_tokens_map.json", special_file, "{\"eos_token\":{"),
    BAD("special-tokens-nan", VS_EFORMAT, "special_tokens_map.json", special_file, "{\"eos_token\":NaN}"),
    BAD("tokenizer-sentencepiece-alone", VS_EUNSUPPORTED, "tokenizer.model", other_format, "tokenizer.model"),
    BAD("tokenizer-tiktoken-alone", VS_EUNSUPPORTED, "qwen.tiktoken", other_format, "qwen.tiktoken"),
    BAD("tokenizer-vocab-txt-alone", VS_EUNSUPPORTED, "vocab.txt", other_format, "vocab.txt"),
    REFUSED("tokenizer-ids-shared", "id 1 is both \"b\" and \"ab\"", tokenizer, VOCAB("\"a\":0,\"b\":1,\"ab\":1")),
    REFUSED("tokenizer-id-hole", "belongs to no token, the first is 1", tokenizer, DOC("\"1.0\"", "", BPE("\"a\":0,\"b\":2", ""))),
    REFUSED("tokenizer-added-moved", "declares id 9 and runs as 3", tokenizer, TOKENS(ADDED("9", "<s>"))),
    REFUSED("tokenizer-added-twice", "\"<s>\" is listed twice", tokenizer, TOKENS(SOUND_ADDED "," SOUND_ADDED)),
    REFUSED("tokenizer-added-empty", "added_tokens[0]: empty content", tokenizer, TOKENS(ADDED("3", ""))),
    REFUSED("tokenizer-decoder-key", "found key \"three\": a token id expected", tokenizer_config,
            "{\"added_tokens_decoder\":{\"three\":{\"content\":\"<s>\"}}}"),
    REFUSED("tokenizer-decoder-disagrees", "gives \"<s>\" id 4; tokenizer.json makes it 3", tokenizer_config,
            "{\"added_tokens_decoder\":{\"4\":{\"content\":\"<s>\"}}}"),
    REFUSED("added-tokens-disagree", "gives \"<s>\" id 5; tokenizer.json makes it 3", added_file, "{\"<s>\":5}"),
    {NULL, BAD_TOKENIZER, VS_OK, NULL, NULL, NULL, 0},
};

