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

Test(prompts, what_is_neither)
{
    struct vs_prompts p;
    struct vs_err err = {0};
    const char *path = vst_path(vst_tempdir(), "prompts");
    const char *lists[] = {"1 - 2", "1-2", "--", " , "};
    for (int i = 0; i < 4; i++) {
        enum vs_code code = parse(lists[i], &p, &err);
        cr_expect(code == VS_EUSAGE || code == VS_EFORMAT, "%s: %d", lists[i], (int)code);
        vs_prompts_free(&p);
    }
    const char *files[] = {"1 two 3\n", "\n\n", "", "0x10\n", "1.5\n"};
    for (int i = 0; i < 5; i++) {
        vst_write_text(path, files[i]);
        cr_expect_eq(parse(path, &p, &err), VS_EUSAGE, "file %d", i);
        cr_expect(strstr(err.message, path), "%s", err.message);
        vs_prompts_free(&p);
    }
    cr_expect_eq(parse("/no/such/file", &p, &err), VS_EFORMAT);
    vs_prompts_free(&p);
    vst_cleanup();
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
