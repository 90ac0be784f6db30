/* SPDX-License-Identifier: Apache-2.0
 *
 * What the header reader accepts (what it refuses is in tests/malformed), and dtypes.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "format/safetensors.h"
#include "support.h"

static const struct { const char *name; unsigned bits; bool is_float; } dtypes[] = {
    {"BOOL", 8, false}, {"F4", 4, false}, {"F6_E2M3", 6, false}, {"F6_E3M2", 6, false}, {"U8", 8, false}, {"I8", 8, false},
    {"F8_E5M2", 8, false}, {"F8_E4M3", 8, false}, {"F8_E8M0", 8, false}, {"F8_E4M3FNUZ", 8, false}, {"F8_E5M2FNUZ", 8, false},
    {"I16", 16, false}, {"U16", 16, false}, {"F16", 16, true}, {"BF16", 16, true}, {"I32", 32, false}, {"U32", 32, false},
    {"F32", 32, true}, {"C64", 64, false}, {"F64", 64, true}, {"I64", 64, false}, {"U64", 64, false}};

Test(dtype, table)
{
    cr_assert_eq(sizeof dtypes / sizeof *dtypes, VS_ST_DTYPE_COUNT);
    for (unsigned i = 0; i < VS_ST_DTYPE_COUNT; i++) {
        enum vs_dtype d = VS_DTYPE_COUNT;
        cr_expect(vs_dtype_parse(vs_cstr(dtypes[i].name), &d), "%s", dtypes[i].name);
        cr_expect_eq(d, i, "%s", dtypes[i].name);
        cr_expect_str_eq(vs_dtype_name(d), dtypes[i].name);
        cr_expect_eq(vs_dtype_bits(d), dtypes[i].bits, "%s", dtypes[i].name);
        cr_expect_eq(vs_dtype_is_float(d), dtypes[i].is_float, "%s", dtypes[i].name);
        cr_expect_eq(vs_dtype_block(d), 1, "%s", dtypes[i].name);
    }
    enum vs_dtype d;
    cr_expect_not(vs_dtype_parse(VS_LIT("F"), &d));
    cr_expect_not(vs_dtype_parse(VS_LIT("F32 "), &d));
    cr_expect_not(vs_dtype_parse(VS_LIT(""), &d));
    cr_expect_eq(vs_dtype_bits(VS_DTYPE_COUNT), 0);
}

/* GGUF's: blocks of elements, and no names of safetensors. */
Test(dtype, blocks)
{
    uint64_t bytes = 0;
    enum vs_dtype d;
    cr_expect_eq(vs_dtype_block(VS_Q6_K), 256);
    cr_expect_eq(vs_dtype_bits(VS_Q6_K), 210 * 8);
    cr_expect_str_eq(vs_dtype_name(VS_IQ2_XXS), "IQ2_XXS");
    cr_expect_not(vs_dtype_is_float(VS_Q8_0));
    cr_expect_not(vs_dtype_parse(VS_LIT("Q8_0"), &d));
    cr_expect(vs_dtype_row_bytes(VS_Q4_0, 96, &bytes) && bytes == 3 * 18);
    cr_expect(vs_dtype_row_bytes(VS_BF16, 7, &bytes) && bytes == 14);
    cr_expect_not(vs_dtype_row_bytes(VS_Q4_0, 97, &bytes));
    cr_expect_not(vs_dtype_row_bytes(VS_F4, 3, &bytes));
    cr_expect_not(vs_dtype_row_bytes(VS_F64, UINT64_MAX / 4, &bytes));
}

struct opened { struct vs_arena arena; struct vs_st st; struct vs_err err; };

static enum vs_code parse(struct opened *o, const char *header, uint64_t payload)
{
    memset(o, 0, sizeof *o);
    struct vs_str text = vs_cstr(header);
    return vs_st_parse("x.safetensors", 8 + text.n + payload, text, 3, &o->arena, &o->st, &o->err);
}

#define T(name, dtype, shape, begin, end) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

Test(safetensors, accepts)
{
    static const struct { const char *why, *header; uint64_t payload; uint32_t count; } cases[] = {
        {"no tensors", "{}", 0, 0},
        {"padding", "{}      ", 0, 0},
        {"leading white space", " \t\n\r{}", 0, 0},
        {"trailing tab and newline", "{}\t\n", 0, 0},
        {"rank 0", "{" T("t", "F32", "", 0, 4) "}", 4, 1},
        {"zero dimension", "{" T("t", "F32", "2,0,3", 0, 0) "}", 0, 1},
        {"[0, 2^64-1]", "{" T("t", "U8", "0,18446744073709551615", 0, 0) "}", 0, 1},
        {"empty tensor between others", "{" T("a", "U8", "4", 0, 4) "," T("z", "U8", "0", 4, 4) "," T("b", "U8", "4", 4, 8) "}", 8, 3},
        {"empty tensor at 0 beside one that starts there", "{" T("a", "U8", "4", 0, 4) "," T("z", "U8", "0", 0, 0) "}", 4, 2},
        {"any order", "{" T("b", "U8", "4", 4, 8) "," T("a", "U8", "4", 0, 4) "}", 8, 2},
        {"odd offset", "{" T("a", "U8", "1", 0, 1) "," T("b", "F32", "1", 1, 5) "}", 5, 2},
        {"unknown field", "{\"t\":{\"dtype\":\"U8\",\"x\":[{\"y\":null}],\"shape\":[1],\"data_offsets\":[0,1]}}", 1, 1},
        {"empty name", "{" T("", "U8", "1", 0, 1) "}", 1, 1},
        {"metadata null", "{\"__metadata__\":null," T("t", "U8", "1", 0, 1) "}", 1, 1},
        {"metadata empty", "{\"__metadata__\":{}}", 0, 0},
        {"non-ASCII name", "{" T("t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "U8", "1", 0, 1) "}", 1, 1},
        {"F4 in whole bytes", "{" T("t", "F4", "4", 0, 2) "}", 2, 1},
        {"64 dimensions", "{" T("t", "U8", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
                                           "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", 0, 1) "}", 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct opened o;
        enum vs_code code = parse(&o, cases[i].header, cases[i].payload);
        cr_expect_eq(code, VS_OK, "%s: %s", cases[i].why, o.err.message);
        cr_expect_eq(o.st.count, cases[i].count, "%s", cases[i].why);
        vs_arena_free(&o.arena);
    }
}

Test(safetensors, says_what_it_read)
{
    struct opened o;
    const char *header = "{\"__metadata__\": {\"format\": \"pt\"} ," T("\\u0062", "BF16", "2,3", 4, 16) "," T("a", "F32", "", 0, 4) "}";
    cr_assert_eq(parse(&o, header, 16), VS_OK, "%s", o.err.message);
    uint64_t data = 8 + strlen(header);
    cr_expect_eq(o.st.data_begin, data);
    cr_expect(vs_str_is(o.st.metadata, "{\"format\": \"pt\"}"));
    cr_assert_eq(o.st.count, 2);
    const struct vs_tensor *a = &o.st.tensors[0], *b = &o.st.tensors[1];
    cr_expect(vs_str_is(a->name, "a") && a->dtype == VS_F32 && a->ndim == 0 && a->begin == data && a->end == data + 4 && a->file == 3);
    cr_expect(vs_str_is(b->name, "b") && b->dtype == VS_BF16 && b->ndim == 2 && b->shape[0] == 2 && b->shape[1] == 3);
    cr_expect(b->begin == data + 4 && b->end == data + 16);
    vs_arena_free(&o.arena);
}

Test(safetensors, header_of_100_000_000_bytes)
{
    const size_t n = VS_ST_HEADER_MAX;
    char *header = malloc(n + 1);
    memset(header, ' ', n);
    memcpy(header, "{}", 2);
    header[n] = '\0';
    struct opened o;
    cr_expect_eq(parse(&o, header, 0), VS_OK, "%s", o.err.message);
    cr_expect_eq(o.st.data_begin, 8 + n);
    vs_arena_free(&o.arena);
    free(header);
}

/* Every prefix of a sound file is refused, and the message says which file. */
Test(safetensors, every_truncation)
{
    const struct vst_tensor tensors[] = {{"a", "F32", {2, 3}, 2, NULL}, {"b", "BF16", {5}, 1, NULL}};
    const char *dir = vst_tempdir(), *path = vst_path(dir, "x.safetensors");
    size_t n;
    void *file = vst_safetensors(tensors, 2, "{\"format\":\"pt\"}", &n);
    for (size_t cut = 0; cut <= n; cut++) {
        struct vs_arena a = {0};
        struct vs_st st;
        struct vs_err err = {0};
        vst_write(path, file, cut);
        enum vs_code code = vs_st_open(path, 0, &a, &st, &err);
        cr_expect_eq(code, cut == n ? VS_OK : VS_EFORMAT, "cut at %zu: %s", cut, err.message);
        cr_expect(cut == n || strstr(err.message, path), "cut at %zu: %s", cut, err.message);
        vs_arena_free(&a);
    }
    vst_cleanup();
}

Test(safetensors, file_that_shrinks)
{
    const struct vst_tensor tensors[] = {{"a", "F32", {2, 3}, 2, NULL}};
    const char *path = vst_path(vst_tempdir(), "x.safetensors");
    struct vs_arena a = {0};
    struct vs_file f;
    struct vs_st st;
    struct vs_err err = {0};
    vst_write_safetensors(path, tensors, 1, NULL);
    cr_assert_eq(vs_file_open(path, &f, &err), VS_OK);
    cr_assert_eq(truncate(path, 20), 0);
    cr_expect_eq(vs_st_read(&f, 0, &a, &st, &err), VS_EFORMAT);
    cr_expect(strstr(err.message, "shrank"), "%s", err.message);
    vs_file_close(&f);
    vs_arena_free(&a);
    vst_cleanup();
}

/* Memory that fails at any point is an error, not a crash. */
Test(safetensors, no_memory)
{
    const char *header = "{\"__metadata__\":{\"a\":\"b\"}," T("\\u0061", "U8", "1", 0, 1) "," T("b", "U8", "1", 1, 2) "}";
    enum vs_code code = VS_ENOMEM;
    unsigned long n = 0;
    while (code == VS_ENOMEM && ++n < 100) {
        struct opened o;
        vs_mem_fail_at(n, false);
        code = parse(&o, header, 2);
        vs_mem_fail_at(0, false);
        vs_arena_free(&o.arena);
    }
    cr_expect_eq(code, VS_OK);
    cr_expect(n > 3, "%lu", n);
}
