/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "catalogue.h"

#define FILE_NAME "model.safetensors"
#define T(body) "{\"t\":{" body "}}"
#define F32_2 "\"dtype\":\"F32\",\"shape\":[2]"
#define AT(begin, end) "\"data_offsets\":[" #begin "," #end "]"
#define U8(name, n, begin, end) "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" #n "]," AT(begin, end) "}"

static void header(const struct bad *b, const char *dir)
{
    put_raw(dir, FILE_NAME, b->text, strlen(b->text), b->payload);
}

static void header_and_nul(const struct bad *b, const char *dir)
{
    put_raw(dir, FILE_NAME, b->text, strlen(b->text) + 1, b->payload);
}

/* The bytes of text, at most payload of them. */
static void bytes(const struct bad *b, const char *dir)
{
    put_file(dir, FILE_NAME, b->text, b->payload);
}

static void too_large(const struct bad *b, const char *dir)
{
    (void)b;
    put_sparse(dir, FILE_NAME, "\x01\xe1\xf5\x05\0\0\0\0{", 9, 8 + 100000001ull);
}

static void polyglot(const struct bad *b, const char *dir)
{
    char file[256];
    size_t n = strlen(b->text);
    memset(file, 0, sizeof file);
    file[0] = (char)n;
    memcpy(file + 8, b->text, n);
    memcpy(file + 8 + n + 8, "PK\005\006", 4);
    put_file(dir, FILE_NAME, file, 8 + n + 8 + 22);
}

/* b->text, then piece n times, then the text behind the first '|' of b->text. */
static void repeated(const struct bad *b, const char *dir, const char *piece, size_t count)
{
    size_t head = strcspn(b->text, "|"), n = strlen(piece);
    const char *tail = b->text + head + 1;
    char *text = malloc(head + n * count + strlen(tail) + 1);
    if (!text)
        exit(99);
    memcpy(text, b->text, head);
    for (size_t i = 0; i < count; i++)
        memcpy(text + head + n * i, piece, n);
    strcpy(text + head + n * count, tail);
    put_raw(dir, FILE_NAME, text, strlen(text), b->payload);
    free(text);
}

static void deep(const struct bad *b, const char *dir)
{
    repeated(b, dir, "[", 100);
}

static void long_name(const struct bad *b, const char *dir)
{
    repeated(b, dir, "n", 65537);
}

static void many_dims(const struct bad *b, const char *dir)
{
    repeated(b, dir, "1,", 64);
}

static void many_tensors(const struct bad *b, const char *dir)
{
    const size_t count = 1000001, each = 64;
    char *text = malloc(count * each);
    (void)b;
    if (!text)
        exit(99);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, each, "%c\"%zx\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}", i ? ',' : '{', i);
    text[n++] = '}';
    put_raw(dir, FILE_NAME, text, n, 0);
    free(text);
}

#define BAD(name, code, needle, build, text, payload) {name, BAD_MODEL, code, needle, build, text, payload}

const struct bad bad_safetensors[] = {
    BAD("st-empty-file", VS_EFORMAT, "found 0 bytes, expected at least 8", bytes, "", 0),
    BAD("st-one-byte", VS_EFORMAT, "found 1 bytes", bytes, "\x08", 1),
    BAD("st-seven-bytes", VS_EFORMAT, "found 7 bytes", bytes, "\x08\0\0\0\0\0\0", 7),
    BAD("st-length-zero", VS_EFORMAT, "header length at byte 0: found 0", bytes, "\0\0\0\0\0\0\0\0", 8),
    BAD("st-length-beyond-file", VS_EFORMAT, "found 3, but only 2 bytes follow", bytes, "\x03\0\0\0\0\0\0\0{}", 10),
    BAD("st-length-wraps", VS_EFORMAT, "found 18446744073709551615", bytes, "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10),
    BAD("st-lfs-pointer", VS_EFORMAT, SAYS_LFS_POINTER, bytes, LFS_POINTER, sizeof LFS_POINTER - 1),
    BAD("st-length-above-limit", VS_ELIMIT, "found 100000001, at most 100000000", too_large, NULL, 0),
    BAD("st-not-utf8", VS_EFORMAT, "UTF-8", header, "{\"\xff\xfe\":{" F32_2 "," AT(0, 8) "}}", 8),
    BAD("st-byte-order-mark", VS_EFORMAT, "byte order mark", header, "\xef\xbb\xbf{}", 0),
    BAD("st-array", VS_EFORMAT, "an object expected", header, "[]", 0),
    BAD("st-null", VS_EFORMAT, "an object expected", header, "null", 0),
    BAD("st-string", VS_EFORMAT, "an object expected", header, "\"x\"", 0),
    BAD("st-number", VS_EFORMAT, "an object expected", header, "1 ", 0),
    BAD("st-truncated-json", VS_EFORMAT, "the end of the text", header, "{ ", 0),
    BAD("st-trailing-nul", VS_EFORMAT, "byte 0x00", header_and_nul, "{}", 0),
    BAD("st-trailing-garbage", VS_EFORMAT, "nothing may follow", header, "{}x", 0),
    BAD("st-two-documents", VS_EFORMAT, "nothing may follow", header, "{}{}", 0),
    BAD("st-single-quotes", VS_EFORMAT, "byte", header, "{'t':1}", 0),
    BAD("st-comment", VS_EFORMAT, "byte", header, "{/**/}", 0),
    BAD("st-trailing-comma", VS_EFORMAT, "byte", header, T(F32_2 "," AT(0, 8) ","), 8),
    BAD("st-nan", VS_EFORMAT, "tensor \"t\", shape", header, T("\"dtype\":\"F32\",\"shape\":[NaN]," AT(0, 8)), 8),
    BAD("st-control-character", VS_EFORMAT, "byte 0x01", header, "{\"a\x01\":{" F32_2 "," AT(0, 8) "}}", 8),
    BAD("st-lone-surrogate", VS_EFORMAT, "surrogate", header, "{\"\\ud800\":{" F32_2 "," AT(0, 8) "}}", 8),
    BAD("st-too-deep", VS_ELIMIT, "nested deeper than 64", deep, "{\"t\":{\"x\":|", 0),
    BAD("st-duplicate-tensor", VS_EFORMAT, "tensor \"t\" a second time", header, "{" U8("t", 8, 0, 8) "," U8("t", 8, 0, 8) "}", 8),
    BAD("st-duplicate-tensor-escaped", VS_EFORMAT, "tensor \"t\" a second time", header,
        "{" U8("t", 4, 0, 4) "," U8("\\u0074", 4, 4, 8) "}", 8),
    BAD("st-duplicate-metadata", VS_EFORMAT, "\"__metadata__\" a second time", header, "{\"__metadata__\":{},\"__metadata__\":{}}", 0),
    BAD("st-duplicate-metadata-escaped", VS_EFORMAT, "\"__metadata__\" a second time", header, "{\"__metadata__\":{},\"\\u005f_metadata__\":{}}", 0),
    BAD("st-duplicate-metadata-key", VS_EFORMAT, "\"a\" a second time", header, "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0),
    BAD("st-duplicate-field", VS_EFORMAT, "\"dtype\" a second time", header, T(F32_2 ",\"dtype\":\"F32\"," AT(0, 8)), 8),
    BAD("st-no-dtype", VS_EFORMAT, "found no dtype", header, T("\"shape\":[2]," AT(0, 8)), 8),
    BAD("st-no-shape", VS_EFORMAT, "found no shape", header, T("\"dtype\":\"F32\"," AT(0, 8)), 8),
    BAD("st-no-offsets", VS_EFORMAT, "found no data_offsets", header, T(F32_2), 8),
    BAD("st-metadata-integer", VS_EFORMAT, "__metadata__", header, "{\"__metadata__\":{\"a\":1}}", 0),
    BAD("st-metadata-null-value", VS_EFORMAT, "__metadata__", header, "{\"__metadata__\":{\"a\":null}}", 0),
    BAD("st-metadata-object-value", VS_EFORMAT, "__metadata__", header, "{\"__metadata__\":{\"a\":{}}}", 0),
    BAD("st-metadata-array-value", VS_EFORMAT, "__metadata__", header, "{\"__metadata__\":{\"a\":[]}}", 0),
    BAD("st-metadata-array", VS_EFORMAT, "__metadata__", header, "{\"__metadata__\":[]}", 0),
    BAD("st-metadata-as-tensor", VS_EFORMAT, "__metadata__", header, "{\"__metadata__\":{" F32_2 "," AT(0, 8) "}}", 8),
    BAD("st-shape-float", VS_EFORMAT, "found 2.0", header, T("\"dtype\":\"F32\",\"shape\":[2.0]," AT(0, 8)), 8),
    BAD("st-shape-exponent", VS_EFORMAT, "found 2e0", header, T("\"dtype\":\"F32\",\"shape\":[2e0]," AT(0, 8)), 8),
    BAD("st-shape-negative", VS_EFORMAT, "found -2", header, T("\"dtype\":\"F32\",\"shape\":[-2]," AT(0, 8)), 8),
    BAD("st-shape-minus-zero", VS_EFORMAT, "found -0", header, T("\"dtype\":\"F32\",\"shape\":[-0]," AT(0, 0)), 0),
    BAD("st-shape-string", VS_EFORMAT, "tensor \"t\", shape", header, T("\"dtype\":\"F32\",\"shape\":[\"2\"]," AT(0, 8)), 8),
    BAD("st-shape-null", VS_EFORMAT, "tensor \"t\", shape", header, T("\"dtype\":\"F32\",\"shape\":[null]," AT(0, 8)), 8),
    BAD("st-shape-leading-zero", VS_EFORMAT, "tensor \"t\", shape", header, T("\"dtype\":\"F32\",\"shape\":[02]," AT(0, 8)), 8),
    BAD("st-shape-2-to-64", VS_EFORMAT, "found 18446744073709551616", header,
        T("\"dtype\":\"F32\",\"shape\":[18446744073709551616]," AT(0, 8)), 8),
    BAD("st-offset-float", VS_EFORMAT, "found 0.0", header, T(F32_2 "," AT(0.0, 8)), 8),
    BAD("st-one-offset", VS_EFORMAT, "found 1 offsets", header, T(F32_2 ",\"data_offsets\":[8]"), 8),
    BAD("st-three-offsets", VS_EFORMAT, "more than 2 offsets", header, T(F32_2 ",\"data_offsets\":[0,8,8]"), 8),
    BAD("st-offsets-reversed", VS_EFORMAT, "[8, 0]: the end lies before", header, T(F32_2 "," AT(8, 0)), 8),
    BAD("st-first-not-at-zero", VS_EFORMAT, "a hole of 4 bytes", header, T(F32_2 "," AT(4, 12)), 12),
    BAD("st-hole", VS_EFORMAT, "tensor \"b\" begins at byte 8 of the data, expected 4", header,
        "{" U8("a", 4, 0, 4) "," U8("b", 4, 8, 12) "}", 12),
    BAD("st-overlap", VS_EFORMAT, "\"b\" begins at byte 2 of the data, inside tensor \"a\"", header,
        "{" U8("a", 4, 0, 4) "," U8("b", 4, 2, 6) "}", 6),
    BAD("st-same-bytes", VS_EFORMAT, "inside tensor \"a\"", header, "{" U8("a", 4, 0, 4) "," U8("b", 4, 0, 4) "}", 4),
    BAD("st-empty-inside", VS_EFORMAT, "\"z\" begins at byte 4 of the data, inside", header,
        "{" U8("a", 8, 0, 8) "," U8("z", 0, 4, 4) "}", 8),
    BAD("st-span-too-short", VS_EFORMAT, "span 4 bytes, F32 and shape need 8", header, T(F32_2 "," AT(0, 4)), 4),
    BAD("st-span-too-long", VS_EFORMAT, "span 12 bytes, F32 and shape need 8", header, T(F32_2 "," AT(0, 12)), 12),
    BAD("st-elements-overflow", VS_EFORMAT, "number of elements does not fit", header,
        T("\"dtype\":\"U8\",\"shape\":[18446744073709551615,2,0]," AT(0, 0)), 0),
    BAD("st-bits-overflow", VS_EFORMAT, "number of bits does not fit", header,
        T("\"dtype\":\"U8\",\"shape\":[2305843009213693952]," AT(0, 0)), 0),
    BAD("st-f4-half-byte", VS_EFORMAT, "do not fill whole bytes", header, T("\"dtype\":\"F4\",\"shape\":[3]," AT(0, 1)), 1),
    BAD("st-f6-part-byte", VS_EFORMAT, "do not fill whole bytes", header, T("\"dtype\":\"F6_E2M3\",\"shape\":[2]," AT(0, 1)), 1),
    BAD("st-unknown-dtype", VS_EFORMAT, "dtype \"F128\"", header, T("\"dtype\":\"F128\",\"shape\":[2]," AT(0, 32)), 32),
    BAD("st-lower-case-dtype", VS_EFORMAT, "dtype \"f32\"", header, T("\"dtype\":\"f32\",\"shape\":[2]," AT(0, 8)), 8),
    BAD("st-one-byte-short", VS_EFORMAT, "1 are missing", header, T(F32_2 "," AT(0, 8)), 7),
    BAD("st-one-byte-long", VS_EFORMAT, "1 too many", header, T(F32_2 "," AT(0, 8)), 9),
    BAD("st-polyglot-zip", VS_EFORMAT, "22 too many", polyglot, T(F32_2 "," AT(0, 8)), 0),
    BAD("st-name-nul", VS_EFORMAT, "U+0000", header, "{\"a\\u0000b\":{" F32_2 "," AT(0, 8) "}}", 8),
    BAD("st-name-too-long", VS_ELIMIT, "65537 bytes; at most 65536", long_name, "{\"|\":{" F32_2 "," AT(0, 8) "}}", 8),
    BAD("st-too-many-dims", VS_ELIMIT, "more than 64 dimensions", many_dims, T("\"dtype\":\"U8\",\"shape\":[|1]," AT(0, 1)), 1),
    BAD("st-tensor-as-array", VS_EFORMAT, "an object expected", header, "{\"t\":[\"F32\",[2],[0,8]]}", 8),
    BAD("st-dtype-as-object", VS_EFORMAT, "tensor \"t\", dtype", header, T("\"dtype\":{\"F32\":null},\"shape\":[2]," AT(0, 8)), 8),
    BAD("st-too-many-tensors", VS_ELIMIT, "more than 1000000 tensors", many_tensors, NULL, 0),
    {NULL, BAD_MODEL, VS_OK, NULL, NULL, NULL, 0},
};
