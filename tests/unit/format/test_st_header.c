/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers as they are written, and read again.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "format/safetensors.h"
#include "support.h"

static const uint64_t shape_a[] = {2, 3}, shape_b[] = {5}, odd[] = {3};

static const struct vs_tensor tensors[] = {
    {{"lm_head.weight", 14}, VS_BF16, 2, shape_a, 0, 0, 0},
    {{"a \"quoted\" \xc3\xa9 name", 18}, VS_F32, 1, shape_b, 0, 0, 0},
    {{"scalar", 6}, VS_I64, 0, shape_b, 0, 0, 0},
};

Test(header, bytes)
{
    static const char want[] = "{\"__metadata__\":{\"format\":\"pt\"},\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[2,3],"
                               "\"data_offsets\":[0,12]}}";
    struct vs_buf b = {0};
    struct vs_err err = {0};
    cr_assert_eq(vs_st_write_header("x", tensors, 1, (struct vs_str){NULL, 0}, VS_ST_ANYWHERE, &b, &err), VS_OK, "%s", err.message);
    cr_expect_eq(b.n % 8, 0);
    cr_expect_eq((unsigned char)b.p[0], b.n - 8);
    cr_expect_eq(memcmp(b.p + 8, want, sizeof want - 1), 0, "%s", b.p + 8);
    for (size_t i = 8 + sizeof want - 1; i < b.n; i++)
        cr_expect_eq(b.p[i], ' ');
    cr_expect(b.n - (8 + sizeof want - 1) < 8);
    vs_buf_free(&b);
}

Test(header, comes_back)
{
    const struct vs_str metadata = VS_LIT("{ \"format\": \"mlx\", \"lm_head.weight\":\"model.embed_tokens.weight\" }");
    for (uint64_t residue = 0; residue < VS_ST_PAGE + 8; residue += 8) {
        struct vs_buf b = {0};
        struct vs_arena a = {0};
        struct vs_st st;
        struct vs_err err = {0};
        enum vs_code code = vs_st_write_header("x", tensors, 3, metadata, residue, &b, &err);
        cr_assert_eq(code, VS_OK, "%s", err.message);
        cr_expect_eq(b.n % VS_ST_PAGE, residue % VS_ST_PAGE);
        cr_assert_eq(vs_st_parse("x", b.n + 40, (struct vs_str){b.p + 8, b.n - 8}, 0, &a, &st, &err), VS_OK, "%s", err.message);
        cr_expect(vs_str_eq(st.metadata, metadata));
        uint64_t at = b.n;
        for (uint32_t i = 0; i < 3; i++) {
            cr_expect(vs_str_eq(st.tensors[i].name, tensors[i].name));
            cr_expect_eq(st.tensors[i].dtype, tensors[i].dtype);
            cr_expect_eq(st.tensors[i].ndim, tensors[i].ndim);
            cr_expect_eq(st.tensors[i].begin, at);
            at = st.tensors[i].end;
        }
        cr_expect_eq(at, b.n + 40);
        vs_arena_free(&a);
        vs_buf_free(&b);
    }
}

Test(header, behind_other_bytes)
{
    struct vs_buf b = {0};
    struct vs_err err = {0};
    vs_buf_puts(&b, "abc");
    cr_assert_eq(vs_st_write_header("x", tensors, 3, (struct vs_str){NULL, 0}, 16, &b, &err), VS_OK);
    cr_expect_eq((b.n - 3) % VS_ST_PAGE, 16);
    cr_expect_eq(memcmp(b.p, "abc", 3), 0);
    vs_buf_free(&b);
}

Test(header, refuses_part_of_a_byte)
{
    const struct vs_tensor t = {{"t", 1}, VS_F4, 1, odd, 0, 0, 0};
    struct vs_buf b = {0};
    struct vs_err err = {0};
    cr_expect_eq(vs_st_write_header("out.safetensors", &t, 1, (struct vs_str){NULL, 0}, VS_ST_ANYWHERE, &b, &err), VS_EFORMAT);
    cr_expect(strstr(err.message, "out.safetensors: tensor \"t\""), "%s", err.message);
    vs_buf_free(&b);
}

/* The maker of the tests' own files knows the format from elsewhere. */
Test(header, agrees_with_the_test_maker)
{
    const struct vst_tensor t[] = {{"a", "F16", {4, 8}, 2, NULL}, {"b", "U8", {3}, 1, NULL}};
    size_t n;
    const char *file = vst_safetensors(t, 2, "{\"format\":\"pt\"}", &n);
    uint64_t length;
    memcpy(&length, file, 8);
    struct vs_arena a = {0};
    struct vs_st st;
    struct vs_buf b = {0};
    struct vs_err err = {0};
    cr_assert_eq(vs_st_parse("x", n, (struct vs_str){file + 8, length}, 0, &a, &st, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_st_write_header("x", st.tensors, st.count, st.metadata, VS_ST_ANYWHERE, &b, &err), VS_OK);
    cr_expect_eq(b.n, length + 8);
    cr_expect_eq(memcmp(b.p, file, b.n), 0);
    vs_buf_free(&b);
    vs_arena_free(&a);
    vst_cleanup();
}
