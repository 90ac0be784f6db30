/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "catalogue.h"

#define INDEX "model.safetensors.index.json"
#define A "model-00001-of-00002.safetensors"
#define B "model-00002-of-00002.safetensors"
#define TABLE "model.embed_tokens.weight"
#define MAP(entries) "{\"metadata\":{\"total_size\":40},\"weight_map\":{" entries "}}"
#define SOUND_MAP MAP("\"" TABLE "\":\"" A "\",\"n\":\"" B "\"")
#define NORM_HEADER "{\"n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"

static void put_shards(const char *dir)
{
    put_raw(dir, A, SOUND_HEADER, strlen(SOUND_HEADER), SOUND_PAYLOAD);
    put_raw(dir, B, NORM_HEADER, strlen(NORM_HEADER), 8);
}

/* Two sound shards and this index. */
static void index_text(const struct bad *b, const char *dir)
{
    put_shards(dir);
    put_text(dir, INDEX, b->text);
}

static void index_bytes(const struct bad *b, const char *dir)
{
    put_shards(dir);
    put_file(dir, INDEX, b->text, b->payload);
}

static void index_deep(const struct bad *b, const char *dir)
{
    char text[256] = "{\"x\":";
    (void)b;
    memset(text + strlen(text), '[', 100);
    put_shards(dir);
    put_text(dir, INDEX, text);
}

static void second_shard(const char *dir, void (*make)(const char *path))
{
    char path[4096];
    put_shards(dir);
    put_text(dir, INDEX, SOUND_MAP);
    snprintf(path, sizeof path, "%s/" B, dir);
    unlink(path);
    if (make)
        make(path);
}

static void must(int result, const char *what)
{
    if (result != 0) {
        perror(what);
        exit(99);
    }
}

static void make_dir(const char *path)
{
    must(mkdir(path, 0777), path);
}

static void make_fifo(const char *path)
{
    must(mkfifo(path, 0666), path);
}

static void make_dangling(const char *path)
{
    must(symlink("../../blobs/0123abcd", path), path);
}

static void make_device(const char *path)
{
    must(symlink("/dev/null", path), path);
}

static void shard_missing(const struct bad *b, const char *dir) { (void)b; second_shard(dir, NULL); }
static void shard_directory(const struct bad *b, const char *dir) { (void)b; second_shard(dir, make_dir); }
static void shard_fifo(const struct bad *b, const char *dir) { (void)b; second_shard(dir, make_fifo); }
static void shard_dangling(const struct bad *b, const char *dir) { (void)b; second_shard(dir, make_dangling); }
static void shard_device(const struct bad *b, const char *dir) { (void)b; second_shard(dir, make_device); }

/* The table stands in both shards. */
static void in_two_shards(const struct bad *b, const char *dir)
{
    put_raw(dir, A, SOUND_HEADER, strlen(SOUND_HEADER), SOUND_PAYLOAD);
    put_raw(dir, B, SOUND_HEADER, strlen(SOUND_HEADER), SOUND_PAYLOAD);
    put_text(dir, INDEX, b->text);
}

/* The second shard holds one tensor more than the index says. */
static void orphan(const struct bad *b, const char *dir)
{
    const char *two = "{\"n\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                      "\"o\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]}}";
    put_raw(dir, A, SOUND_HEADER, strlen(SOUND_HEADER), SOUND_PAYLOAD);
    put_raw(dir, B, two, strlen(two), 16);
    put_text(dir, INDEX, b->text);
}

static void single_and_index(const struct bad *b, const char *dir)
{
    put_shards(dir);
    put_text(dir, INDEX, SOUND_MAP);
    put_raw(dir, "model.safetensors", SOUND_HEADER, strlen(SOUND_HEADER), SOUND_PAYLOAD);
    (void)b;
}

static void shards_alone(const struct bad *b, const char *dir)
{
    (void)b;
    put_shards(dir);
}

static void two_indexes(const struct bad *b, const char *dir)
{
    put_shards(dir);
    put_text(dir, "a.safetensors.index.json", SOUND_MAP);
    put_text(dir, "b.safetensors.index.json", SOUND_MAP);
    (void)b;
}

static void one_file(const struct bad *b, const char *dir)
{
    put_text(dir, "config.json", "{}");
    put_text(dir, b->text, "x");
}

static void tokenizer_model(const struct bad *b, const char *dir)
{
    (void)b;
    put_text(dir, "tokenizer.model", "\n");
}

static void nothing(const struct bad *b, const char *dir)
{
    (void)b;
    put_text(dir, "README.md", "nothing here\n");
}

static void header(const struct bad *b, const char *dir)
{
    put_raw(dir, "model.safetensors", b->text, strlen(b->text), b->payload);
}

#define BAD(name, code, needle, build, text) {name, BAD_MODEL, code, needle, build, text, 0}
#define REFUSED(name, code, needle, build, text) {name, BAD_WRITERS, code, needle, build, text, 0}
#define SHARD(file) MAP("\"" TABLE "\":\"" file "\"")

const struct bad bad_index[] = {
    BAD("index-lfs-pointer", VS_EFORMAT, SAYS_LFS_POINTER, index_text, LFS_POINTER),
    BAD("index-not-utf8", VS_EFORMAT, "UTF-8", index_text, SHARD("\xff")),
    BAD("index-byte-order-mark", VS_EFORMAT, "byte order mark", index_text, "\xef\xbb\xbf" SOUND_MAP),
    {"index-nul", BAD_MODEL, VS_EFORMAT, "byte 0x00", index_bytes, SOUND_MAP "\0", sizeof SOUND_MAP},
    BAD("index-truncated", VS_EFORMAT, "the end of the text", index_text, "{\"weight_map\":{\"a\":"),
    BAD("index-trailing-garbage", VS_EFORMAT, "nothing may follow", index_text, SOUND_MAP "x"),
    BAD("index-nan", VS_EFORMAT, "byte", index_text, "{\"metadata\":{\"total_size\":NaN},\"weight_map\":{}}"),
    BAD("index-too-deep", VS_ELIMIT, "nested deeper than 64", index_deep, NULL),
    BAD("index-duplicate-weight-map", VS_EFORMAT, "\"weight_map\" a second time", index_text,
        "{\"weight_map\":{\"n\":\"" B "\"},\"weight_map\":{}}"),
    BAD("index-duplicate-tensor", VS_EFORMAT, "\"n\" a second time", index_text, MAP("\"n\":\"" B "\",\"n\":\"" A "\"")),
    BAD("index-duplicate-total-size", VS_EFORMAT, "\"total_size\" a second time", index_text,
        "{\"metadata\":{\"total_size\":1,\"total_size\":2},\"weight_map\":{}}"),
    BAD("index-no-weight-map", VS_EFORMAT, "found no weight_map", index_text, "{\"metadata\":{}}"),
    BAD("index-empty-weight-map", VS_EFORMAT, "weight_map is empty", index_text, "{\"weight_map\":{}}"),
    BAD("index-weight-map-array", VS_EFORMAT, "an object expected", index_text, "{\"weight_map\":[]}"),
    BAD("index-weight-map-integer", VS_EFORMAT, "a string expected", index_text, MAP("\"n\":1")),
    BAD("index-shard-absolute", VS_EFORMAT, "one plain file name", index_text, SHARD("/etc/passwd.safetensors")),
    BAD("index-shard-slash", VS_EFORMAT, "one plain file name", index_text, SHARD("sub/" A)),
    BAD("index-shard-backslash", VS_EFORMAT, "one plain file name", index_text, SHARD("sub\\\\" A)),
    BAD("index-shard-parent", VS_EFORMAT, "one plain file name", index_text, SHARD("../" A)),
    BAD("index-shard-dots", VS_EFORMAT, "one plain file name", index_text, SHARD("..")),
    BAD("index-shard-dot", VS_EFORMAT, "one plain file name", index_text, SHARD(".")),
    BAD("index-shard-empty", VS_EFORMAT, "one plain file name", index_text, SHARD("")),
    BAD("index-shard-home", VS_EFORMAT, "one plain file name", index_text, SHARD("~" A)),
    BAD("index-shard-nul", VS_EFORMAT, "one plain file name", index_text, SHARD("a\\u0000b.safetensors")),
    BAD("index-shard-bin", VS_EFORMAT, "ends in .safetensors", index_text, SHARD("pytorch_model-00001-of-00002.bin")),
    BAD("shard-missing", VS_EFORMAT, "not found, but named in the weight_map", shard_missing, NULL),
    BAD("shard-directory", VS_EFORMAT, "found a directory", shard_directory, NULL),
    BAD("shard-fifo", VS_EFORMAT, "expected a regular file", shard_fifo, NULL),
    BAD("shard-device", VS_EFORMAT, "expected a regular file", shard_device, NULL),
    BAD("shard-dangling-link", VS_EFORMAT, "a link to a file that is not there", shard_dangling, NULL),
    REFUSED("index-tensor-nowhere", VS_EMISMATCH, "tensor \"x\" in " A ", which does not hold it; no shard does", index_text,
        MAP("\"" TABLE "\":\"" A "\",\"n\":\"" B "\",\"x\":\"" A "\"")),
    REFUSED("index-tensor-elsewhere", VS_EMISMATCH, "\"" TABLE "\" in " B ", which does not hold it; it is in " A, index_text,
        MAP("\"" TABLE "\":\"" B "\",\"n\":\"" A "\"")),
    REFUSED("index-tensor-unlisted", VS_EMISMATCH, "\"n\" in " A ", which does not hold it; it is in " B ", which weight_map does not name",
            index_text, MAP("\"" TABLE "\":\"" A "\",\"n\":\"" A "\"")),
    REFUSED("tensor-in-two-shards", VS_EMISMATCH, "stands in two shards", in_two_shards, MAP("\"" TABLE "\":\"" A "\",\"n\":\"" B "\"")),
    REFUSED("index-orphan", VS_EMISMATCH, "1 tensors of the shards are not in weight_map, the first is \"n\"", orphan,
            "{\"weight_map\":{\"" TABLE "\":\"" A "\",\"o\":\"" B "\"}}"),
    REFUSED("index-total-size", VS_EMISMATCH, "found 41, the tensors have 40 bytes", index_text,
            "{\"metadata\":{\"total_size\":41},\"weight_map\":{\"" TABLE "\":\"" A "\",\"n\":\"" B "\"}}"),
    REFUSED("index-total-size-negative", VS_EMISMATCH, "found -40", index_text,
            "{\"metadata\":{\"total_size\":-40},\"weight_map\":{\"" TABLE "\":\"" A "\",\"n\":\"" B "\"}}"),
    REFUSED("index-total-size-string", VS_EMISMATCH, "total_size", index_text,
            "{\"metadata\":{\"total_size\":\"40\"},\"weight_map\":{\"" TABLE "\":\"" A "\",\"n\":\"" B "\"}}"),
    REFUSED("single-and-index", VS_EMISMATCH, "both model.safetensors and " INDEX, single_and_index, NULL),
    BAD("shards-without-index", VS_EFORMAT, "2 .safetensors files", shards_alone, NULL),
    BAD("two-indexes", VS_EFORMAT, "2 index files", two_indexes, NULL),
    BAD("weights-bin", VS_EUNSUPPORTED, "pytorch_model.bin: found PyTorch weights", one_file, "pytorch_model.bin"),
    BAD("weights-pt", VS_EUNSUPPORTED, "model.pt: found PyTorch weights", one_file, "model.pt"),
    BAD("weights-pth", VS_EUNSUPPORTED, "consolidated.00.pth: found PyTorch weights", one_file, "consolidated.00.pth"),
    BAD("weights-gguf", VS_EUNSUPPORTED, "model-Q4_K_M.gguf", one_file, "model-Q4_K_M.gguf"),
    BAD("adapter", VS_EUNSUPPORTED, "an adapter (PEFT)", one_file, "adapter_model.safetensors"),
    BAD("adapter-bin", VS_EUNSUPPORTED, "an adapter (PEFT)", one_file, "adapter_model.bin"),
    BAD("tokenizer-model-alone", VS_EUNSUPPORTED, "tokenizer.model", tokenizer_model, NULL),
    BAD("no-model", VS_EFORMAT, "no tokenizer.json, no config.json and no weights", nothing, NULL),
    {"quantised-gptq", BAD_MODEL, VS_EUNSUPPORTED, "lm_head.weight is quantised (GPTQ or AWQ)", header,
     "{\"lm_head.qweight\":{\"dtype\":\"I32\",\"shape\":[1,2],\"data_offsets\":[0,8]}}", 8},
    {"quantised-bitsandbytes", BAD_MODEL, VS_EUNSUPPORTED, "model.embed_tokens.weight is quantised (bitsandbytes)", header,
     "{\"model.embed_tokens.weight\":{\"dtype\":\"U8\",\"shape\":[4,1],\"data_offsets\":[0,4]},"
     "\"model.embed_tokens.weight.absmax\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8},
    {"quantised-mlx", BAD_MODEL, VS_EUNSUPPORTED, "model.embed_tokens.weight is quantised (MLX", header,
     "{\"model.embed_tokens.weight\":{\"dtype\":\"U32\",\"shape\":[1,1],\"data_offsets\":[0,4]},"
     "\"model.embed_tokens.scales\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8},
    {"quantised-int8", BAD_MODEL, VS_EUNSUPPORTED, "model.embed_tokens.weight is quantised (I8)", header,
     "{\"model.embed_tokens.weight\":{\"dtype\":\"I8\",\"shape\":[4,2],\"data_offsets\":[0,8]}}", 8},
    {NULL, BAD_MODEL, VS_OK, NULL, NULL, NULL, 0},
};
