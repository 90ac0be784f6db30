/* SPDX-License-Identifier: Apache-2.0
 *
 * What embed-extend refuses, by name and with a remedy, before anything is written.
 */
#include "fixture.h"

TestSuite(extend_refuses, .fini = vst_cleanup);

static void expect(const struct vs_extend_request *q, enum vs_code want, const char *says)
{
    const char *dir = vst_tempdir();
    struct vs_err err = {0};
    enum vs_code code = try_extend(q, NULL, vst_path(dir, "out"), &err);
    cr_assert_eq(code, want, "code %d, expected %d: %s", code, want, err.message);
    cr_assert(strstr(err.message, says), "%s: expected it to say \"%s\"", err.message, says);
    cr_assert_eq(vst_count(dir, "*"), 0, "nothing may be left behind");
}

static const char *model_with(const struct vst_tensor *t, size_t count)
{
    const char *dir = vst_tempdir();
    vst_write_safetensors(vst_path(dir, "model.safetensors"), t, count, NULL);
    vst_write_text(vst_path(dir, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 5003, \"tie_word_embeddings\": false}");
    return dir;
}

static const struct vst_tensor embed = {"model.embed_tokens.weight", "F32", {5003, 4}, 2, NULL};

Test(extend_refuses, contradictory_requests)
{
    struct vs_extend_request q = request_for(make_model((struct model){.rows = 50, .tie = true}));
    expect(&q, VS_EUSAGE, "nothing to do");
    q.add = 1;
    q.rows = 60;
    expect(&q, VS_EUSAGE, "expected one of them");
    q.rows = -1;
    q.init.method = VS_INIT_PIECES;
    expect(&q, VS_EUSAGE, "no pieces are known");
    q.init = (struct vs_init){VS_INIT_COPY, 50};
    expect(&q, VS_EMISMATCH, "copy:50");
    q.init = (struct vs_init){0};
    q.out_init.method = VS_INIT_ZERO;
    expect(&q, VS_EUSAGE, "stores no head");
}

Test(extend_refuses, to_shrink)
{
    struct vs_extend_request q = request_for(make_model((struct model){.rows = 50, .tie = true, .tokens = 50}));
    q.rows = 49;
    expect(&q, VS_EMISMATCH, "never shrinks");
    q.rows = 50;
    const char *out = extend(&q, NULL);
    size_t n;
    tensor_bytes(out, "model.safetensors", "model.embed_tokens.weight", &n, NULL);
    cr_assert_eq(n, 50u * COLS * 4);
}

Test(extend_refuses, rows_for_fewer_than_the_tokens)
{
    struct vs_extend_request q = request_for(make_model((struct model){.rows = 50, .tie = true, .tokens = 60}));
    q.rows = 55;
    expect(&q, VS_EMISMATCH, "60 ids");
}

/* Idefics: whoever left it alone would find other rows under its ids. */
Test(extend_refuses, ids_behind_the_table)
{
    const struct vst_tensor t[] = {embed, {"model.embed_tokens.additional_embedding.weight", "F32", {2, COLS}, 2, NULL}};
    struct vs_extend_request q = request_for(model_with(t, 2));
    const char *name = t[1].name;
    q.add = 1;
    expect(&q, VS_EUNSUPPORTED, "cannot be extended yet");
    q.ignore = &name;
    q.ignore_count = 1;
    expect(&q, VS_EUNSUPPORTED, "cannot be extended yet");
}

Test(extend_refuses, a_table_that_nobody_knows)
{
    const struct vst_tensor t[] = {embed, {"strange.projection", "F32", {6, 5003}, 2, NULL}};
    struct vs_extend_request q = request_for(model_with(t, 2));
    const char *name = "strange.projection", *table = "strange.projection:1=head";
    q.add = 1;
    expect(&q, VS_EUNSUPPORTED, "--ignore strange.projection");
    q.tables = &table;
    q.table_count = 1;
    expect(&q, VS_EUNSUPPORTED, "rows lie one after the other");
    q.table_count = 0;
    q.ignore = &name;
    q.ignore_count = 1;
    const char *out = extend(&q, NULL);
    size_t n;
    tensor_bytes(out, "model.safetensors", "strange.projection", &n, NULL);
    cr_assert_eq(n, 6u * 5003 * 4);
    name = "no.such.tensor";
    expect(&q, VS_EMISMATCH, "no tensor of that name");
}

Test(extend_refuses, bad_table_options)
{
    static const struct { const char *option; enum vs_code code; const char *says; } bad[] = {
        {"model.embed_tokens.weight", VS_EUSAGE, "NAME:AXIS=ROLE"}, {"model.embed_tokens.weight:0=wings", VS_EUSAGE, "NAME:AXIS=ROLE"},
        {"model.embed_tokens.weight:2=input", VS_EMISMATCH, "axis 2 does not exist"}, {"nobody:0=input", VS_EMISMATCH, "no tensor of that name"}};
    struct vs_extend_request q = request_for(model_with(&embed, 1));
    q.add = 1;
    q.table_count = 1;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        q.tables = &bad[i].option;
        expect(&q, bad[i].code, bad[i].says);
    }
}

Test(extend_refuses, quantised_tables)
{
    const struct vst_tensor t[] = {{"model.embed_tokens.weight", "I8", {5003, 4}, 2, NULL}};
    struct vs_extend_request q = request_for(model_with(t, 1));
    q.add = 1;
    expect(&q, VS_EUNSUPPORTED, "quantised");
}

Test(extend_refuses, a_head_of_another_height)
{
    const struct vst_tensor t[] = {embed, {"lm_head.weight", "F32", {4995, 4}, 2, NULL}};
    const char *head = "lm_head.weight:0=head";
    struct vs_extend_request q = request_for(model_with(t, 2));
    q.tables = &head;
    q.table_count = 1;
    q.add = 1;
    expect(&q, VS_EUNSUPPORTED, "4995 rows");
    expect(&q, VS_EUNSUPPORTED, "take the head of the original model");
}

/* What is known to be the head is no stranger that may stay behind, unless the input needs no more rows than it has. */
Test(extend_refuses, to_leave_the_head_behind)
{
    const char *model = make_model((struct model){.rows = 50, .head = true, .tokens = 45}), *head = "lm_head.weight";
    struct vs_extend_request q = request_for(model);
    q.ignore = &head;
    q.ignore_count = 1;
    q.add = 6;
    expect(&q, VS_EMISMATCH, "does not load");
    q.add = 5;
    const char *out = extend(&q, NULL);
    size_t n;
    tensor_bytes(out, "model.safetensors", head, &n, NULL);
    cr_assert_eq(n, 50u * COLS * 4);
}

Test(extend_refuses, a_map_for_another_tokenizer)
{
    static const struct new_token news[] = {{50, "aa", NULL}}, taken[] = {{40, "aa", NULL}};
    const char *model = make_model((struct model){.rows = 50, .tie = true, .tokens = 50});
    struct vs_extend_request q = request_for(model);
    q.map = write_map(vst_tempdir(), NULL, 50, news, 1);
    expect(&q, VS_EMISMATCH, "another tokenizer");
    q.map = write_map(vst_tempdir(), model, 30, taken, 1);
    expect(&q, VS_EMISMATCH, "already uses it");
}

Test(extend_refuses, a_tokenizer_that_moves_base_tokens)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true, .tokens = 50}), *dir = vst_tempdir();
    struct vs_extend_request q = request_for(model);
    write_tokenizer(dir, 10, (const char *[]){"aa", "t10"}, 2);
    q.tokenizer = dir;
    expect(&q, VS_EMISMATCH, "must not move");
}

Test(extend_refuses, an_id_that_a_config_names)
{
    static const struct new_token news[] = {{45, "aa", NULL}};
    const char *model = make_model((struct model){.rows = 50, .tie = true, .tokens = 45});
    struct vs_extend_request q = request_for(model);
    vst_write_text(vst_path(model, "generation_config.json"), "{\"pad_token_id\": 45}");
    q.map = write_map(vst_tempdir(), model, 45, news, 1);
    expect(&q, VS_EMISMATCH, "already uses it");
    q.map = NULL;
    q.add = 2;
    struct vs_jdoc d = {0};
    read_receipt(extend(&q, NULL), &d);
    cr_assert_eq(integer_at(&d, "/tokens/0/id"), 46);
    vs_jdoc_free(&d);
}

Test(extend_refuses, output_into_the_input)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true});
    struct vs_extend_request q = request_for(model);
    struct vs_err err;
    uint64_t hash = vst_tree_hash(model);
    q.add = 1;
    q.force = true;
    cr_assert_eq(try_extend(&q, NULL, model, &err), VS_EEXIST);
    cr_assert_eq(try_extend(&q, NULL, vst_path(model, "sub"), &err), VS_EEXIST);
    cr_assert_eq(vst_tree_hash(model), hash);
    const char *busy = vst_tempdir();
    vst_write_text(vst_path(busy, "mine"), "x");
    q.force = false;
    cr_assert_eq(try_extend(&q, NULL, busy, &err), VS_EEXIST);
}

/* Every allocation fails once: an error, no output, no damage; then it succeeds. */
Test(extend_refuses, to_go_on_without_memory)
{
    static const uint32_t pieces[] = {1, 2, VS_NO_ID};
    const struct new_token news[] = {{50, "aa", pieces}, {51, "bb", NULL}};
    const char *model = make_model((struct model){.rows = 50, .head = true, .tokens = 50, .shards = true}), *dir = vst_tempdir();
    struct vs_extend_request q = request_for(model);
    struct vs_run run = {.threads = 1};
    unsigned long n = 1;
    q.map = write_map(vst_tempdir(), model, 50, news, 2);
    for (enum vs_code code = VS_ENOMEM; code; n++) {
        struct vs_err err = {0};
        vs_mem_fail_at(n, false);
        code = try_extend(&q, &run, vst_path(dir, "out"), &err);
        vs_mem_fail_at(0, false);
        cr_assert(code == VS_OK || code == VS_ENOMEM, "allocation %lu: code %d: %s", n, code, err.message);
        cr_assert_eq(vst_count(dir, "*"), code == VS_OK ? 1 : 0, "allocation %lu left something behind", n);
        cr_assert(n < 100000);
    }
    cr_assert(n > 20, "the hook must have been reached");
}

/* Rows are counted as ids: a table whose row 0 is another id would get rows of other tokens. */
Test(extend_refuses, a_table_that_does_not_begin_at_id_0)
{
    static const char family[] =
        "{\"format\": 1, \"id\": \"prefixed\", \"match\": [{\"file\": \"config.json\", \"path\": \"/model_type\", \"in\": [\"prefixed\"]}],"
        "\"symbols\": {\"V\": {\"file\": \"config.json\", \"path\": \"/vocab_size\"}}, \"space\": {\"extend\": \"text\", \"insert_at\": \"V-8\", \"total\": \"V\","
        "\"blocks\": [{\"name\": \"prefix\", \"start\": \"0\", \"end\": \"4\"}, {\"name\": \"text\", \"start\": \"4\", \"end\": \"V-8\"},"
        "{\"name\": \"tail\", \"start\": \"V-8\", \"end\": \"V\"}], \"partition\": \"exact\"}, \"fields\": [{\"sym\": \"V\", \"kind\": \"total\"}],"
        "\"tensors\": [{\"name\": \"model.embed_tokens.weight\", \"covers\": [\"text\"], \"rows\": \"V-12\"}], \"invariants\": [], \"strategies\": [\"insert_shift\"]}";
    const char *dir = vst_tempdir(), *data = vst_tempdir();
    const struct vst_tensor t = {"model.embed_tokens.weight", "F32", {50, 4}, 2, NULL};
    vst_write_text(vst_path(data, "families/of-another-name.json"), family);
    vst_write_safetensors(vst_path(dir, "model.safetensors"), &t, 1, NULL);
    vst_write_text(vst_path(dir, "config.json"), "{\"model_type\": \"prefixed\", \"vocab_size\": 62, \"tie_word_embeddings\": true}");
    const struct vs_run run = {.data_dir = data};
    struct vs_extend_request q = request_for(dir);
    struct vs_err err = {0};
    q.add = 2;
    cr_assert_eq(try_extend(&q, &run, vst_path(data, "out"), &err), VS_EUNSUPPORTED, "%s", err.message);
    cr_assert(strstr(err.message, "begins at id 4"), "%s", err.message);
}

/* What the plan cannot edit is refused by the plan, not by the run when everything else is written. */
Test(extend_refuses, an_index_whose_totals_are_no_integers)
{
    const char *dir = make_model((struct model){.rows = 50, .shards = true, .tie = true}), *path = vst_path(dir, "model.safetensors.index.json");
    struct vs_extend_request q = request_for(dir);
    struct vs_plan *plan = NULL;
    struct vs_err err = {0};
    unsigned edits = 0;
    q.add = 1;
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK, "%s", err.message);
    for (uint32_t i = 0; i < plan->change_count; i++)
        edits += strcmp(plan->changes[i].file, "model.safetensors.index.json") == 0 && strcmp(plan->changes[i].at, "/metadata/total_size") == 0;
    cr_assert_eq(edits, 1, "the edit of the index is not in the plan");
    vs_plan_free(plan);
    char *text = vst_read(path, NULL), *at = strstr(text, "\"total_size\"");
    vst_write_text(path, vst_format("%.*s\"total_parameters\": \"x\", %s", (int)(at - text), text, at));
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, "/metadata/total_parameters"), "%s", err.message);
}

/* A file of the same size is not the file whose header was read. */
Test(extend_refuses, weights_that_were_replaced_after_the_plan)
{
    const char *dir = make_model((struct model){.rows = 50, .tie = true}), *path = vst_path(dir, "model.safetensors"), *root = vst_tempdir();
    struct vs_extend_request q = request_for(dir);
    struct vs_extend_report report;
    struct vs_plan *plan = NULL;
    struct vs_err err = {0};
    size_t n;
    q.add = 1;
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK, "%s", err.message);
    char *bytes = vst_read(path, &n);
    vst_remove(path);
    vst_write(path, bytes, n);
    cr_assert_eq(vs_extend_run(plan, &q, vst_path(root, "out"), &(struct vs_run){0}, &report, &err), VS_EIO);
    cr_assert(strstr(err.message, "has changed since its header was read"), "%s", err.message);
    cr_assert_eq(vst_count(root, "*"), 0);
    vs_plan_free(plan);
}
