/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <string.h>
#include "forward/prompts.h"
#include "support.h"

static enum vs_code parse(const char *text, struct vs_prompts *p, struct vs_err *err)
{
    *p = (struct vs_prompts){0};
    return vs_prompts_parse(text, p, err);
}

Test(prompts, a_list_is_one_prompt)
{
    struct vs_prompts p;
    struct vs_err err = {0};
    const char *texts[] = {"1 2 30", "1,2,30", " 1,\t2 , 30 "};
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(parse(texts[i], &p, &err), VS_OK, "%s", err.message);
        cr_expect(p.count == 1 && p.list[0].count == 3 && p.ids[0] == 1 && p.ids[2] == 30);
        vs_prompts_free(&p);
    }
    cr_assert_eq(parse("-7 18446744073709551616", &p, &err), VS_OK);
    cr_expect(p.ids[0] == -7 && p.ids[1] == INT64_MAX, "%lld", (long long)p.ids[1]);
    vs_prompts_free(&p);
}

Test(prompts, a_file_has_one_a_line)
{
    struct vs_prompts p;
    struct vs_err err = {0};
    const char *path = vst_path(vst_tempdir(), "prompts");
    vst_write_text(path, "1 2\n\n3,4,5\r\n6");
    cr_assert_eq(parse(path, &p, &err), VS_OK, "%s", err.message);
    cr_assert_eq(p.count, 3);
    cr_expect(p.list[1].begin == 2 && p.list[1].count == 3 && p.list[2].count == 1 && p.ids[5] == 6);
    vs_prompts_free(&p);
    vst_cleanup();
}

/* As Python and as a shell write them: brackets, a prompt a line, the mark that an editor puts before a text. */
Test(prompts, lists_as_people_write_them)
{
    static const struct { const char *text; uint32_t prompts; uint64_t ids; int64_t last; } lists[] = {
        {"[1, 2, 30]", 1, 3, 30}, {" [1,2 ,30] \r", 1, 3, 30}, {"[ 7 ]", 1, 1, 7}, {"1 2\n\n3 4 5\n", 2, 5, 5}, {"[1, 2]\n[3]", 2, 3, 3},
        {"\xEF\xBB\xBF" "1 2 3", 1, 3, 3}, {"\n\n8", 1, 1, 8}, {"[]\n4", 1, 1, 4}, {"9223372036854775807", 1, 1, INT64_MAX}};
    struct vs_prompts p;
    struct vs_err err = {0};
    const char *path = vst_path(vst_tempdir(), "prompts");
    for (size_t i = 0; i < 2 * (sizeof lists / sizeof *lists); i++) {
        const char *text = lists[i / 2].text;
        if (i % 2)
            vst_write_text(path, text);
        cr_assert_eq(parse(i % 2 ? path : text, &p, &err), VS_OK, "%s: %s", text, err.message);
        cr_expect(p.count == lists[i / 2].prompts && p.id_count == lists[i / 2].ids, "%s: %u prompts", text, p.count);
        cr_expect_eq(p.ids[p.id_count - 1], lists[i / 2].last, "%s", text);
        cr_expect((i % 2 ? p.list[0].file == path : !p.list[0].file) && !p.long_id.text[0], "%s", text);
        vs_prompts_free(&p);
    }
    vst_cleanup();
}

Test(prompts, where_they_stand)
{
    struct vs_prompts p;
    struct vs_err err = {0};
    const char *path = vst_path(vst_tempdir(), "12");
    vst_write_text(path, "1\n\n2 3\n");
    cr_assert_eq(parse(path, &p, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_prompts_parse("4 5", &p, &err), VS_OK, "%s", err.message);
    cr_assert_eq(p.count, 3);
    cr_expect(p.list[0].line == 1 && p.list[1].line == 3 && strcmp(p.list[1].file, path) == 0);
    cr_expect(!p.list[2].file && p.list[2].begin == 3 && p.list[2].count == 2);
    vs_prompts_free(&p);
    vst_cleanup();
}

/* What does not fit is kept as it was written; the first one is enough. */
Test(prompts, numbers_of_any_length)
{
    struct vs_prompts p;
    struct vs_err err = {0};
    cr_assert_eq(parse("5 9223372036854775808 -99999999999999999999", &p, &err), VS_OK);
    cr_expect(p.ids[1] == INT64_MAX && p.ids[2] == -INT64_MAX);
    cr_expect(p.long_id.at == 1 && strcmp(p.long_id.text, "9223372036854775808") == 0, "%s", p.long_id.text);
    vs_prompts_free(&p);
    cr_assert_eq(parse("-123456789012345678901234567890123456789012345678901234567890", &p, &err), VS_OK);
    cr_expect_str_eq(p.long_id.text, "-1234567890123456789012345678901234567890123...");
    vs_prompts_free(&p);
}

Test(prompts, what_is_neither)
{
    static const struct { const char *text, *says; } lists[] = {
        {"1 - 2", "column 3: found \"- 2\""}, {"1-2", "column 1: found \"1-2\""}, {"--", "column 1"}, {" , ", "no token id in it"}, {"", "no token id in it"},
        {"[]", "no token id in it"}, {"\"1 2 3\"", "column 1: found \"\"1 2 3\"\""}, {"(1 2)", "column 1"}, {"+1", "column 1: found \"+1\""},
        {"\uFF11\uFF12", "column 1"}, {"x y", "column 1: found \"x y\""}, {"prompts", "column 1: found \"prompts\""}, {"1.5", "column 1: found \"1.5\""},
        {"1e3 4", "column 1"}, {"1 2]", "column 3: found \"2]\""}, {"[1, 2", "column 6: found the end, ] is expected"}, {"[[1]]", "column 2: found \"[1]]\""},
        {"[1,\n2]", "line 1, column 3: found the end"}, {"1 2\n3 x", "line 2, column 3: found \"x\""}, {"[1] 2]", "column 2: found \"1] 2]\""}, {"[", "column 2: found the end"}};
    struct vs_prompts p;
    struct vs_err err = {0};
    const char *path = vst_path(vst_tempdir(), "prompts");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        cr_expect_eq(parse(lists[i].text, &p, &err), VS_EUSAGE, "%s", lists[i].text);
        cr_expect(strstr(err.message, lists[i].says) && strstr(err.message, "file"), "%s: %s", lists[i].text, err.message);
        vs_prompts_free(&p);
    }
    const char *files[] = {"1 two 3\n", "\n\n", "", "0x10\n", "1.5\n", "[1, 2\n", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        vst_write_text(path, files[i]);
        cr_expect_eq(parse(path, &p, &err), VS_EUSAGE, "file %zu", i);
        cr_expect(strstr(err.message, path), "%s", err.message);
        vs_prompts_free(&p);
    }
    vst_cleanup();
}

/* Spelled like a path, and nothing is there: the input is missing. */
Test(prompts, missing_files)
{
    static const char *const paths[] = {"/no/such/file", "ids.txt", "./12", "../x y", "12/13"};
    struct vs_prompts p;
    struct vs_err err = {0};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        cr_expect_eq(parse(paths[i], &p, &err), VS_EFORMAT, "%s", paths[i]);
        cr_expect(strstr(err.message, paths[i]) && strstr(err.message, "not found; expected a file with one prompt a line, or token ids"), "%s", err.message);
        vs_prompts_free(&p);
    }
}

Test(prompts, samples_are_stratified)
{
    struct vs_prompts p = {0};
    struct vs_err err = {0};
    uint64_t set[4] = {~0ull, 0xff, 0, 1ull << 63};
    cr_assert_eq(vs_prompts_sample(set, 256, 10, 4, &p, &err), VS_OK);
    cr_assert_eq(p.id_count, 10);
    cr_expect(p.count == 3 && p.list[2].count == 2 && p.list[0].origin == VS_PROMPT_SAMPLE);
    cr_expect(p.ids[0] == 0 && p.ids[9] == 255);
    for (uint64_t i = 1; i < p.id_count; i++)
        cr_expect(p.ids[i] > p.ids[i - 1] && (set[p.ids[i] / 64] >> (p.ids[i] % 64) & 1));
    vs_prompts_free(&p);
    cr_assert_eq(vs_prompts_sample(set, 256, 1000, 8, &p, &err), VS_OK);
    cr_expect_eq(p.id_count, 73);
    cr_assert_eq(vs_prompts_every(set + 3, 64, 8, VS_PROMPT_NEW, &p, &err), VS_OK);
    cr_expect(p.id_count == 74 && p.ids[73] == 63 && p.list[p.count - 1].origin == VS_PROMPT_NEW);
    vs_prompts_free(&p);
}
