/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <string.h>
#include "bad_gguf.h"

#define LFS_POINTER "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 2421696\n"
#define N(...) (const uint64_t[]){__VA_ARGS__}

static void put(struct gg_bytes *f, size_t at, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        f->p[at + i] = (unsigned char)(v >> 8 * i);
}

/* ---- the first 24 bytes ---- */

static void cut_23(struct gg_bytes *f) { f->n = 23; }
static void empty(struct gg_bytes *f) { f->n = 0; }
static void magic_ggjt(struct gg_bytes *f) { memcpy(f->p, "tjgg", 4); }
static void magic_fugg(struct gg_bytes *f) { memcpy(f->p, "FUGG", 4); }
static void lfs_pointer(struct gg_bytes *f)
{
    f->n = 0;
    gg_raw(f, LFS_POINTER, sizeof LFS_POINTER - 1);
}
static void version_0(struct gg_bytes *f) { put(f, 4, 0, 4); }
static void version_1(struct gg_bytes *f) { put(f, 4, 1, 4); }
static void version_4(struct gg_bytes *f) { put(f, 4, 4, 4); }
static void version_swapped(struct gg_bytes *f) { put(f, 4, 0x03000000, 4); }
static void tensors_negative(struct gg_bytes *f) { put(f, 8, UINT64_MAX, 8); }
static void tensors_too_many(struct gg_bytes *f) { put(f, 8, f->n / 24 + 1, 8); }
static void kvs_negative(struct gg_bytes *f) { put(f, 16, UINT64_MAX, 8); }
static void kvs_too_many(struct gg_bytes *f) { put(f, 16, f->n / 13 + 1, 8); }

/* ---- keys ---- */

static void key_of_length(struct gg *g, uint64_t n)
{
    g->kvs++;
    gg_number(&g->kv, n, 8);
}

static void key_2_64(struct gg *g) { key_of_length(g, UINT64_MAX); }
static void key_beyond(struct gg *g) { key_of_length(g, 1 << 20); }
static void key_empty(struct gg *g) { gg_u32(g, "", 1); }

static void key_65536(struct gg *g)
{
    key_of_length(g, 65536);
    gg_raw(&g->kv, NULL, 65536);
    memset(g->kv.p + g->kv.n - 65536, 'k', 65536);
    gg_number(&g->kv, GG_U8, 4);
    gg_number(&g->kv, 1, 1);
}

static void key_not_utf8(struct gg *g) { gg_u32(g, "key\xff", 1); }
static void key_control(struct gg *g) { gg_u32(g, "key\n", 1); }

static void key_nul(struct gg *g)
{
    key_of_length(g, 3);
    gg_raw(&g->kv, "a\0b", 3);
    gg_number(&g->kv, GG_U8, 4);
    gg_number(&g->kv, 1, 1);
}

static void key_twice(struct gg *g) { gg_string(g, "general.architecture", "llama"); }

/* ---- values ---- */

static void type_13(struct gg *g) { (void)gg_key(g, "k", 13); }

static void start_array(struct gg *g, uint32_t element, uint64_t count)
{
    (void)gg_key(g, "k", GG_ARRAY);
    gg_number(&g->kv, element, 4);
    gg_number(&g->kv, count, 8);
}

static void element_13(struct gg *g) { start_array(g, 13, 1); }
static void array_2_61(struct gg *g) { start_array(g, GG_U64, 1ull << 61); }
static void strings_2_28(struct gg *g) { start_array(g, GG_STRING, 1ull << 28); }

static void nest(struct gg *g, int depth)
{
    start_array(g, GG_ARRAY, 1);
    for (int i = 2; i < depth; i++) {
        gg_number(&g->kv, GG_ARRAY, 4);
        gg_number(&g->kv, 1, 8);
    }
    gg_number(&g->kv, GG_U8, 4);
    gg_number(&g->kv, 1, 8);
    gg_number(&g->kv, 7, 1);
}

static void depth_5(struct gg *g) { nest(g, 5); }

static void string_2_62(struct gg *g)
{
    (void)gg_key(g, "k", GG_STRING);
    gg_number(&g->kv, 1ull << 62, 8);
}

static void bool_2(struct gg *g)
{
    if (gg_key(g, "k", GG_BOOL))
        gg_number(&g->kv, 2, 1);
}

static void bools_3(struct gg *g)
{
    start_array(g, GG_BOOL, 3);
    gg_number(&g->kv, 0x030001, 3);
}

/* ---- general keys ---- */

static void align_0(struct gg *g) { gg_u32(g, "general.alignment", 0); }
static void align_13(struct gg *g) { gg_u32(g, "general.alignment", 13); }
static void align_2_21(struct gg *g) { gg_u32(g, "general.alignment", 1u << 21); }
static void align_2_31(struct gg *g) { gg_u32(g, "general.alignment", 1u << 31); }

static void align_u64(struct gg *g)
{
    if (gg_key(g, "general.alignment", GG_U64))
        gg_number(&g->kv, 32, 8);
}

static void architecture_number(struct gg *g) { gg_u32(g, "general.architecture", 1); }
static void architecture_empty(struct gg *g) { gg_string(g, "general.architecture", ""); }

/* ---- tensors ---- */

static void name_empty(struct gg *g) { gg_tensor(g, "", GG_F32, 1, N(32), NULL, 128); }

static void name_64(struct gg *g)
{
    gg_tensor(g, "0123456789012345678901234567890123456789012345678901234567890123", GG_F32, 1, N(32), NULL, 128);
}

static void name_nul(struct gg *g)
{
    gg_tensor(g, "nul.here", GG_F32, 1, N(32), NULL, 128);
    *(char *)memchr(g->info.p + g->info.n - 32, 'h', 32) = '\0';
}

static void name_twice(struct gg *g) { gg_tensor(g, "output_norm.weight", GG_F32, 1, N(32), NULL, 128); }
static void dims_5(struct gg *g) { gg_tensor(g, "t", GG_F32, 5, N(1, 1, 1, 1, 1), NULL, 4); }
static void dims_many(struct gg *g) { gg_info(g, "t", GG_F32, 0, NULL, 0); put(&g->info, g->info.n - 16, UINT32_MAX, 4); }
static void dims_0(struct gg *g) { gg_tensor(g, "token_embd.weight", GG_F32, 0, NULL, NULL, 4); }
static void dims_3(struct gg *g) { gg_tensor(g, "token_embd.weight", GG_F32, 3, N(2, 2, 2), NULL, 32); }
static void no_rows(struct gg *g) { gg_tensor(g, "output.weight", GG_F32, 2, N(32, 0), NULL, 0); }
static void dim_negative(struct gg *g) { gg_tensor(g, "t", GG_F32, 2, N(32, UINT64_MAX), NULL, 0); }
static void product_2_64(struct gg *g) { gg_tensor(g, "t", GG_F32, 2, N(1ull << 32, 1ull << 32), NULL, 0); }
static void product_2_64_low(struct gg *g) { gg_tensor(g, "t", GG_F32, 2, N(1ull << 62, 4), NULL, 0); }
static void bytes_2_64(struct gg *g) { gg_tensor(g, "t", GG_F64, 1, N(1ull << 61), NULL, 0); }
static void bytes_rows(struct gg *g) { gg_tensor(g, "t", GG_F64, 2, N(1ull << 30, 1ull << 33), NULL, 0); }
static void pad_2_64(struct gg *g) { gg_tensor(g, "t", GG_I8_DATA, 2, N(0x7ffffffffffffff8, 2), NULL, 0); }
static void type_removed(struct gg *g) { gg_tensor(g, "t", 4, 1, N(32), NULL, 20); }
static void type_unknown(struct gg *g) { gg_tensor(g, "t", 141, 1, N(32), NULL, 20); }
static void half_block(struct gg *g) { gg_tensor(g, "t", GG_Q8_0, 2, N(48, 2), NULL, 102); }
static void scalar_block(struct gg *g) { gg_tensor(g, "t", GG_Q8_0, 0, NULL, NULL, 34); }
static void offset_8(struct gg *g) { gg_info(g, "t", GG_F32, 1, N(1), 8); }
static void offset_end(struct gg *g) { gg_info(g, "t", GG_F32, 1, N(32), UINT64_MAX - 31); }
static void overlap(struct gg *g) { gg_info(g, "t", GG_F32, 1, N(32), 0); }
static void cut_data(struct gg_bytes *f) { f->n--; }
static void no_data(struct gg_bytes *f) { f->n -= 928; }

static void gap(struct gg *g)
{
    gg_raw(&g->data, NULL, 64);
    gg_tensor(g, "t", GG_F32, 1, N(32), NULL, 128);
}

static void trailing(struct gg_bytes *f) { gg_raw(f, "PK\005\006 hidden", 11); }

static void sum_2_64(struct gg *g)
{
    gg_info(g, "a", GG_I8_DATA, 1, N((1ull << 63) - 64), 928);
    gg_info(g, "b", GG_I8_DATA, 1, N((1ull << 63) - 64), 928 + ((1ull << 63) - 64));
}

/* ---- the vocabulary ---- */

static const uint32_t numbers[8] = {0};
static void tokens_numbers(struct gg *g) { gg_numbers(g, "tokenizer.ggml.tokens", GG_U32, numbers, 8); }
static void tokens_string(struct gg *g) { gg_string(g, "tokenizer.ggml.tokens", "a b c"); }
static void merges_numbers(struct gg *g) { gg_numbers(g, "tokenizer.ggml.merges", GG_U32, numbers, 8); }

static void merges_one_word(struct gg *g)
{
    static const char *const merges[] = {"a b", "ab"};
    gg_strings(g, "tokenizer.ggml.merges", merges, 2);
}

static void merges_first_space(struct gg *g)
{
    static const char *const merges[] = {" ab"};
    gg_strings(g, "tokenizer.ggml.merges", merges, 1);
}

static void charsmap(struct gg *g)
{
    (void)gg_key(g, "tokenizer.ggml.precompiled_charsmap", GG_ARRAY);
    gg_number(&g->kv, GG_U8, 4);
    gg_number(&g->kv, 8, 8);
    gg_number(&g->kv, 5, 8); /* a trie of 5 bytes in the 4 that are left */
}

static void charsmap_string(struct gg *g) { gg_string(g, "tokenizer.ggml.precompiled_charsmap", "abcdefgh"); }

static void byte_token(struct gg *g)
{
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<0x-1>", "a", "b", "ab", "c"};
    gg_strings(g, "tokenizer.ggml.tokens", tokens, 8);
}

static void model_unknown(struct gg *g) { gg_string(g, "tokenizer.ggml.model", "novel"); }
static void model_number(struct gg *g) { gg_u32(g, "tokenizer.ggml.model", 1); }

const struct bad_gguf bad_gguf[] = {
    {"shorter than 24 bytes", VS_EFORMAT, "23 bytes", .patch = cut_23},
    {"empty file", VS_EFORMAT, "0 bytes", .patch = empty},
    {"a pointer of git-lfs", VS_EFORMAT, "run `git lfs pull`", .patch = lfs_pointer},
    {"magic of a predecessor", VS_EFORMAT, "\"GGUF\"", .patch = magic_ggjt},
    {"magic swapped", VS_EFORMAT, "\"GGUF\"", .patch = magic_fugg},
    {"version 0", VS_EFORMAT, "found 0", .patch = version_0},
    {"version 1", VS_EUNSUPPORTED, "found 1", .patch = version_1},
    {"version of the future", VS_EUNSUPPORTED, "found 4, expected 2 or 3", .patch = version_4},
    {"version byte-swapped", VS_EUNSUPPORTED, "big-endian", .patch = version_swapped},
    {"number of tensors negative", VS_EFORMAT, "number of tensors: found 18446744073709551615", .patch = tensors_negative},
    {"number of tensors beyond the file", VS_EFORMAT, "number of tensors", .patch = tensors_too_many},
    {"number of keys negative", VS_EFORMAT, "number of keys: found 18446744073709551615", .patch = kvs_negative},
    {"number of keys beyond the file", VS_EFORMAT, "number of keys", .patch = kvs_too_many},
    {"key length 2^64 - 1", VS_EFORMAT, "cut off", .add = key_2_64},
    {"key length beyond the file", VS_EFORMAT, "cut off", .add = key_beyond},
    {"key of 65536 bytes", VS_EFORMAT, "expected 1 to 65535", .add = key_65536},
    {"key empty", VS_EFORMAT, "found a name of 0 bytes", .add = key_empty},
    {"key not UTF-8", VS_EFORMAT, "not UTF-8", .add = key_not_utf8},
    {"key with NUL", VS_EFORMAT, "control character (0x00) at byte 1", .add = key_nul},
    {"key with a control character", VS_EFORMAT, "control character (0x0a)", .add = key_control},
    {"key twice", VS_EFORMAT, "a second time", .add = key_twice},
    {"value type 13", VS_EFORMAT, "value type 13", .add = type_13},
    {"array of type 13", VS_EFORMAT, "array of type 13", .add = element_13},
    {"array of 2^61 u64", VS_EFORMAT, "2305843009213693952 u64", .add = array_2_61},
    {"array of 2^28 strings", VS_EFORMAT, "268435456 string", .add = strings_2_28},
    {"arrays 5 deep", VS_ELIMIT, "more than 4 deep", .add = depth_5},
    {"string of 2^62 bytes", VS_EFORMAT, "4611686018427387904 bytes are expected", .add = string_2_62},
    {"bool 2", VS_OK, "key \"k\": found the bool 2", .add = bool_2},
    {"bools with a 3", VS_OK, "found the bool 3", .add = bools_3},
    {"alignment of the wrong type", VS_EFORMAT, "found a value of type u64, expected u32", .add = align_u64},
    {"alignment 0", VS_EFORMAT, "found 0, expected a power of two", .add = align_0},
    {"alignment 13", VS_EFORMAT, "found 13, expected a power of two", .add = align_13},
    {"alignment above 1 MiB", VS_EFORMAT, "at most 1048576", .add = align_2_21},
    {"alignment 2^31", VS_EFORMAT, "at most 1048576", .add = align_2_31},
    {"architecture missing", VS_EFORMAT, "no key general.architecture", "general.architecture"},
    {"architecture a number", VS_EFORMAT, "type u32, expected a string", "general.architecture", architecture_number},
    {"architecture empty", VS_EFORMAT, "0 bytes", "general.architecture", architecture_empty},
    {"tensor name empty", VS_EFORMAT, "found a name of 0 bytes, expected 1 to 63", .add = name_empty},
    {"tensor name of 64 bytes", VS_EFORMAT, "found a name of 64 bytes", .add = name_64},
    {"tensor name with NUL", VS_EFORMAT, "control character (0x00)", .add = name_nul},
    {"tensor twice", VS_EFORMAT, "tensor \"output_norm.weight\": found a second time", .add = name_twice},
    {"5 dimensions", VS_EFORMAT, "found 5 dimensions", .add = dims_5},
    {"2^32 - 1 dimensions", VS_EFORMAT, "found 4294967295 dimensions", .add = dims_many},
    {"table without dimensions", VS_EFORMAT, "found 0 dimensions, expected 2", "token_embd.weight", dims_0},
    {"table of 3 dimensions", VS_EFORMAT, "found 3 dimensions, expected 2", "token_embd.weight", dims_3},
    {"table without rows", VS_EFORMAT, "found 0 rows of 32 values", "output.weight", no_rows},
    {"dimension negative", VS_EFORMAT, "dimension 1: found -1", .add = dim_negative},
    {"2^32 x 2^32 elements", VS_EFORMAT, "elements does not fit", .add = product_2_64},
    {"2^62 x 4 elements", VS_EFORMAT, "elements does not fit", .add = product_2_64_low},
    {"2^64 bytes in a row", VS_EFORMAT, "bytes does not fit", .add = bytes_2_64},
    {"2^66 bytes in rows", VS_EFORMAT, "bytes does not fit", .add = bytes_rows},
    {"2^64 - 16 bytes, whose padding wraps", VS_EFORMAT, "tensor \"t\"", .add = pad_2_64},
    {"type 4, removed", VS_EFORMAT, "type 4, which was removed", .add = type_removed},
    {"type 141, unknown", VS_EUNSUPPORTED, "type 141, which is not known", .add = type_unknown},
    {"row of half a block", VS_EFORMAT, "rows of 48 values: Q8_0 has blocks of 32", .add = half_block},
    {"block without dimensions", VS_EFORMAT, "rows of 1 values: Q8_0 has blocks of 32", .add = scalar_block},
    {"offset not aligned", VS_EFORMAT, "offset 8 is no multiple of the alignment 32", .add = offset_8},
    {"offset near 2^64", VS_EFORMAT, "do not fit 64 bits", .add = offset_end},
    {"data cut off", VS_EFORMAT, "cut off?", .patch = cut_data},
    {"data absent", VS_EFORMAT, "the file has 0 of them", .patch = no_data},
    {"two tensors overlap", VS_EFORMAT, "inside of tensor", .add = overlap},
    {"gap before a tensor", VS_OK, "a gap of 64 bytes", .add = gap},
    {"bytes behind the last tensor", VS_EFORMAT, "bytes follow the last tensor", .patch = trailing},
    {"sum of sizes beyond 2^64", VS_EFORMAT, "do not fit 64 bits", .add = sum_2_64},
    {"tokens an array of numbers", VS_EFORMAT, "found array of u32, expected an array of string", "tokenizer.ggml.tokens", tokens_numbers},
    {"tokens a string", VS_EFORMAT, "found string, expected an array of string", "tokenizer.ggml.tokens", tokens_string},
    {"tokens missing", VS_EFORMAT, "found no such key, expected an array of string", "tokenizer.ggml.tokens"},
    {"merges an array of numbers", VS_EFORMAT, "merges: found array of u32", "tokenizer.ggml.merges", merges_numbers},
    {"merge of one word", VS_EFORMAT, "entry 1: found \"ab\"", "tokenizer.ggml.merges", merges_one_word},
    {"merge with a space in front only", VS_EFORMAT, "entry 0: found \" ab\"", "tokenizer.ggml.merges", merges_first_space},
    {"charsmap shorter than its trie", VS_EFORMAT, "said to have 5 bytes, the array has 8", .add = charsmap},
    {"charsmap a string", VS_EFORMAT, "found string, expected an array of u8", .add = charsmap_string},
    {"byte token of another form", VS_EFORMAT, "found \"<0x-1>\", expected <0xHH>", "tokenizer.ggml.tokens", byte_token},
    {"tokenizer model unknown", VS_EUNSUPPORTED, "found \"novel\": not known", "tokenizer.ggml.model", model_unknown},
    {"tokenizer model a number", VS_EFORMAT, "found u32, expected a string", "tokenizer.ggml.model", model_number},
    {.name = NULL},
};
