/* SPDX-License-Identifier: Apache-2.0
 *
 * Maps and bases that do not belong together, and tables of different heights: everything here comes from files.
 */
#include <criterion/criterion.h>
#include "fixture.h"
#include "support.h"

#define INPUT "model.embed_tokens.weight"
#define HEAD "lm_head.weight"

static const struct vs_run run = {0};

static const char *bare(uint64_t rows, uint64_t head_rows)
{
    const char *dir = vst_tempdir();
    const struct vst_tensor t[] = {{INPUT, "F32", {rows, 2}, 2, NULL}, {HEAD, "F32", {head_rows, 2}, 2, NULL}};
    vst_write_safetensors(vst_path(dir, "model.safetensors"), t, head_rows ? 2 : 1, NULL);
    vst_write_text(vst_path(dir, "config.json"), vst_format("{\"model_type\": \"llama\", \"vocab_size\": %llu}\n", (unsigned long long)rows));
    return dir;
}

static const char *map_of(uint64_t base_rows, uint64_t id, uint64_t rows_needed)
{
    const char *path = vst_path(vst_tempdir(), "vocab-map.json");
    vst_write_text(path, vst_format("{\"schema\": \"vocabsurgeon/vocab-map/1\", \"base\": {\"path\": \"b\", \"sha256\": "
        "\"0000000000000000000000000000000000000000000000000000000000000000\", \"rows_needed\": %llu}, \"rows_needed\": %llu, \"new\": [{\"id\": %llu, "
        "\"token\": \"x\", \"kind\": \"added\", \"source\": \"e\", \"source_id\": null, \"pieces\": []}], \"overlap\": [], \"rejected\": []}\n",
        (unsigned long long)base_rows, (unsigned long long)rows_needed, (unsigned long long)id));
    return path;
}

static enum vs_code run_check(const char *dir, const char *base, const char *map, struct vs_err *err)
{
    const struct vs_check_request q = {.path = dir, .base = base, .map = map, .device = VS_DEVICE_CPU};
    struct vs_check_result *r = NULL;
    enum vs_code code = vs_check(&q, &run, &r, err);
    if (!code)
        vs_check_free(r);
    return code;
}

Test(against_base, a_map_that_inserts_beyond_the_base)
{
    struct vs_err err = {0};
    cr_expect_eq(run_check(bare(20010, 0), bare(10, 0), map_of(20001, 20000, 20001), &err), VS_EMISMATCH);
    cr_expect(strstr(err.message, "/new/0/id"), "%s", err.message);
    vst_cleanup();
}

Test(against_base, tables_of_another_height_than_the_input)
{
    struct vs_err err = {0};
    cr_expect_eq(run_check(bare(100, 300000), bare(100, 300000), map_of(99, 99, 100), &err), VS_OK, "%s", err.message);
    vst_cleanup();
}

Test(against_base, a_map_of_another_tokenizer)
{
    struct vs_err err = {0};
    const char *dir = make_small(&(struct small){0});
    cr_expect_eq(run_check(dir, dir, write_small_map(NULL, WORDS, 1), &err), VS_EMISMATCH);
    cr_expect(strstr(err.message, "was made for another tokenizer"), "%s", err.message);
    vst_cleanup();
}
