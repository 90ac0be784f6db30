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

static bool differs(const char *before, const char *after, const char *at)
{
    const char *a = bare(10, 0), *b = bare(10, 0);
    bool found = false;
    vst_write_text(vst_path(a, "config.json"), before);
    vst_write_text(vst_path(b, "config.json"), after);
    struct vs_check_result *r = check(b, a, NULL, NULL);
    for (uint32_t i = 0; i < r->finding_count; i++)
        found |= strcmp(r->findings[i].rule, "VOC122") == 0 && (!at || strcmp(r->findings[i].at, at) == 0);
    vs_check_free(r);
    return found;
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

#define LONG_KEY "a_key_that_is_longer_than_a_hundred_and_twenty_seven_bytes_as_they_come_with_quantisation_of_modules_by_name_model_layers_0_mlp_up_proj"

/* What two configs say is compared, not how they spell it. */
Test(against_base, configs)
{
    cr_expect(!differs("{\"vocab_size\": 10, \"" LONG_KEY "\": 1}", "{\"vocab_size\": 10, \"" LONG_KEY "\": 1}", NULL));
    cr_expect(!differs("{\"vocab_size\": 10, \"x\": [1, {\"a\": 1e-05}]}", "{\"vocab_size\": 10, \"x\":[1,{ \"a\":0.00001}]}", NULL));
    cr_expect(!differs("{\"vocab_size\": 10, \"x\": \"a\"}", "{\"vocab_size\": 10, \"x\": \"\\u0061\"}", NULL));
    cr_expect(differs("{\"vocab_size\": 10, \"x\": [1, 2]}", "{\"vocab_size\": 10, \"x\": [2, 1]}", "/x"));
    cr_expect(differs("{\"vocab_size\": 10, \"x\": [1]}", "{\"vocab_size\": 10, \"x\": [1, 2]}", "/x"));
    cr_expect(differs("{\"vocab_size\": 10, \"x\": 1}", "{\"vocab_size\": 10, \"x\": 1.0}", "/x"));
    cr_expect(differs("{\"vocab_size\": 10, \"a/b~\": 1}", "{\"vocab_size\": 10, \"a/b~\": 2}", "/a~1b~0"));
    cr_expect(differs("{\"vocab_size\": 10, \"" LONG_KEY "\": 1}", "{\"vocab_size\": 10, \"" LONG_KEY "\": 2}", "/" LONG_KEY));
    vst_cleanup();
}

/* Ids of the seventeenth block and later are in range too. */
Test(against_base, many_blocks)
{
    const char *data = vst_tempdir(), *dir = bare(40, 0), *blocks = "";
    for (unsigned i = 0; i < 20; i++)
        blocks = vst_format("%s%s{\"name\": \"b%u\", \"start\": \"%u\", \"end\": \"%s\"}", blocks, i ? ", " : "", i, 2 * i,
                            i < 19 ? vst_format("%u", 2 * i + 2) : "V");
    vst_write_text(vst_path(data, "families/many.json"),
                   vst_format("{\"format\": 1, \"id\": \"many\", \"match\": [{\"file\": \"config.json\", \"path\": \"/model_type\", \"in\": [\"llama\"]}],"
                              "\"symbols\": {\"V\": {\"file\": \"config.json\", \"path\": \"/vocab_size\"}}, \"space\": {\"extend\": \"b0\", \"insert_at\": \"2\","
                              "\"total\": \"V\", \"blocks\": [%s], \"partition\": \"exact\"}, \"fields\": [{\"sym\": \"V\", \"kind\": \"total\"}], \"tensors\": [],"
                              "\"invariants\": [], \"strategies\": [\"insert_shift\"]}", blocks));
    const struct vs_run own = {.data_dir = data};
    const struct vs_check_request q = {.path = dir, .device = VS_DEVICE_CPU, .data_dir = data};
    struct vs_check_result *r = NULL;
    struct vs_err err = {0};
    cr_assert_eq(vs_check(&q, &own, &r, &err), VS_OK, "%s", err.message);
    cr_expect_eq(r->facts->block_count, 20);
    cr_expect_eq(r->gather.bad_count, 0);
    vs_check_free(r);
    vst_cleanup();
}
