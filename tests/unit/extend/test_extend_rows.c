/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: old ones stay as they are, new ones are what the methods say, computed here once more in plain loops.
 */
#include <math.h>
#include "fixture.h"
#include "vs_kernels.h"

TestSuite(extend_rows, .fini = vst_cleanup);

#define EMBED "model.embed_tokens.weight"
#define HEAD "lm_head.weight"
#define FILE1 "model.safetensors"

static const char *const dtypes[] = {"F32", "BF16", "F16", "F64"};

static void mean_of(const unsigned char *table, const char *dtype, unsigned rows, double mean[COLS])
{
    for (unsigned c = 0; c < COLS; c++) {
        mean[c] = 0;
        for (unsigned r = 0; r < rows; r++)
            mean[c] += value_at(table, dtype, (size_t)r * COLS + c);
        mean[c] /= rows;
    }
}

static void expect_row(const unsigned char *table, const char *dtype, unsigned row, const double want[COLS])
{
    for (unsigned c = 0; c < COLS; c++)
        cr_assert_eq(bits_at(table, dtype, (size_t)row * COLS + c), bits_of(want[c], dtype), "%s row %u column %u: %g, expected %g", dtype, row, c,
                     value_at(table, dtype, (size_t)row * COLS + c), want[c]);
}

static void expect_same_rows(const char *model, const char *out, const char *name, unsigned rows)
{
    size_t before_n, after_n;
    const unsigned char *before = tensor_bytes(model, FILE1, name, &before_n, NULL), *after = tensor_bytes(out, FILE1, name, &after_n, NULL);
    size_t n = rows ? before_n / 50 * rows : before_n;
    cr_assert(after_n >= n);
    cr_assert_arr_eq(after, before, n, "%s: old bytes differ", name);
}

Test(extend_rows, mean_of_all_rows_without_a_tokenizer)
{
    for (size_t d = 0; d < 4; d++) {
        const char *model = make_model((struct model){.rows = 50, .dtype = dtypes[d], .tie = true});
        struct vs_extend_request q = request_for(model);
        q.add = 3;
        const char *out = extend(&q, NULL);
        double mean[COLS];
        size_t n;
        const unsigned char *table = tensor_bytes(out, FILE1, EMBED, &n, NULL);
        cr_assert_eq(n, (size_t)53 * COLS * width_of(dtypes[d]));
        expect_same_rows(model, out, EMBED, 50);
        mean_of(table, dtypes[d], 50, mean);
        for (unsigned r = 50; r < 53; r++)
            expect_row(table, dtypes[d], r, mean);
        expect_same_rows(model, out, "model.norm.weight", 0);
        expect_same_rows(model, out, "model.layers.0.mlp.up_proj.weight", 0);
        vst_cleanup();
    }
}

/* 50 rows, 45 tokens: rows 45 .. 49 are spare; they count for nothing and become tokens. */
Test(extend_rows, spare_rows_first_and_out_of_the_mean)
{
    const char *model = make_model((struct model){.rows = 50, .tokens = 45, .tie = true});
    struct vs_extend_request q = request_for(model);
    double mean[COLS];
    size_t n;
    q.add = 3;
    const char *out = extend(&q, NULL);
    const unsigned char *table = tensor_bytes(out, FILE1, EMBED, &n, NULL), *old = tensor_bytes(model, FILE1, EMBED, NULL, NULL);
    cr_assert_eq(n, 50u * COLS * 4, "the table must not grow");
    mean_of(old, "F32", 45, mean);
    cr_assert_arr_eq(table, old, 45u * COLS * 4);
    for (unsigned r = 45; r < 48; r++)
        expect_row(table, "F32", r, mean);
    cr_assert_arr_eq(table + 48u * COLS * 4, old + 48u * COLS * 4, 2u * COLS * 4, "spare rows that stay spare must not change");

    struct vs_jdoc d = {0};
    read_receipt(out, &d);
    cr_assert_eq(integer_at(&d, "/freeze_until_index"), 45);
    cr_assert_eq(vs_jpath(d.root, "/tables/0/ranges")->count, 3);
    cr_assert(vs_str_is(text_at(&d, "/tables/0/ranges/0/state"), "frozen"));
    cr_assert(vs_str_is(text_at(&d, "/tables/0/ranges/1/state"), "trainable"));
    cr_assert(vs_str_is(text_at(&d, "/tables/0/ranges/2/state"), "inert"));
    cr_assert_eq(integer_at(&d, "/tables/0/ranges/2/from"), 48);
    vs_jdoc_free(&d);
}

Test(extend_rows, zero_and_copy)
{
    const char *model = make_model((struct model){.rows = 50, .head = true, .dtype = "BF16"});
    struct vs_extend_request q = request_for(model);
    q.add = 2;
    q.in_init = (struct vs_init){.method = VS_INIT_COPY, .copy_id = 7};
    q.out_init = (struct vs_init){.method = VS_INIT_ZERO};
    const char *out = extend(&q, NULL);
    const unsigned char *input = tensor_bytes(out, FILE1, EMBED, NULL, NULL), *head = tensor_bytes(out, FILE1, HEAD, NULL, NULL);
    static const unsigned char zero[2 * COLS * 2];
    expect_same_rows(model, out, EMBED, 50);
    expect_same_rows(model, out, HEAD, 50);
    cr_assert_arr_eq(input + 50 * COLS * 2, input + 7 * COLS * 2, COLS * 2);
    cr_assert_arr_eq(input + 51 * COLS * 2, input + 7 * COLS * 2, COLS * 2);
    cr_assert_arr_eq(head + 50 * COLS * 2, zero, sizeof zero);
}

static const uint32_t two[] = {3, 17, VS_NO_ID}, three[] = {49, 3, 3, VS_NO_ID};
static const struct new_token news[] = {{50, "alpha", two}, {51, "beta", three}, {52, "gamma", NULL}};

Test(extend_rows, pieces_where_the_map_knows_them_else_mean)
{
    for (size_t d = 0; d < 4; d++) {
        const char *model = make_model((struct model){.rows = 50, .tokens = 50, .dtype = dtypes[d], .tie = true});
        struct vs_extend_request q = request_for(model);
        q.map = write_map(vst_tempdir(), model, 50, news, 3);
        const char *out = extend(&q, NULL);
        const unsigned char *t = tensor_bytes(out, FILE1, EMBED, NULL, NULL);
        double want[COLS], mean[COLS];
        expect_same_rows(model, out, EMBED, 50);
        for (unsigned c = 0; c < COLS; c++)
            want[c] = value_at(t, dtypes[d], 3 * COLS + c) * 0.5 + value_at(t, dtypes[d], 17 * COLS + c) * 0.5;
        expect_row(t, dtypes[d], 50, want);
        mean_of(t, dtypes[d], 50, mean);
        expect_row(t, dtypes[d], 52, mean);
        for (unsigned c = 0; c < COLS; c++) { /* thirds do not come out even: to the last place of the stored type, or of the sum */
            double w = (value_at(t, dtypes[d], 49 * COLS + c) + 2 * value_at(t, dtypes[d], 3 * COLS + c)) / 3;
            double ulp = strcmp(dtypes[d], "F64") == 0 ? 1e-15 : fabs(w) * 0.004 + 1e-7;
            cr_assert(fabs(value_at(t, dtypes[d], 51 * COLS + c) - w) <= ulp);
        }
        vst_cleanup();
    }
}

/* column mean + column deviation x noise; the noise is the kernels' own, its key and the rest are computed here. */
Test(extend_rows, normal)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true, .tokens = 50});
    struct vs_extend_request q = request_for(model);
    struct vs_run run = {.seed = 42};
    struct vs_err err;
    struct vs_dev *dev = NULL;
    double mean[COLS], deviation[COLS] = {0};
    float want[COLS];
    q.map = write_map(vst_tempdir(), model, 50, news, 3);
    q.init.method = VS_INIT_NORMAL;
    const char *out = extend(&q, &run);
    const unsigned char *t = tensor_bytes(out, FILE1, EMBED, NULL, NULL);
    mean_of(t, "F32", 50, mean);
    for (unsigned c = 0; c < COLS; c++) {
        for (unsigned r = 0; r < 50; r++)
            deviation[c] += pow(value_at(t, "F32", r * COLS + c) - mean[c], 2);
        deviation[c] = sqrt(deviation[c] / 50);
    }
    cr_assert_eq(vs_dev_open(VS_DEV_CPU, 1, &dev, &err), VS_OK);
    for (unsigned i = 0; i < 3; i++) {
        struct vs_k_key key = vs_k_key_make(42, VS_ROLE_INPUT, news[i].token, strlen(news[i].token));
        cr_assert_eq(vs_k_affine_noise(dev, mean, deviation, COLS, &key, 1, VS_F32, want, &err), VS_OK);
        for (unsigned c = 0; c < COLS; c++)
            cr_assert(fabs(value_at(t, "F32", (50 + i) * COLS + c) - (double)want[c]) <= 1e-6 * (fabs((double)want[c]) + 1));
    }
    cr_assert_neq(memcmp(t + 50 * COLS * 4, t + 51 * COLS * 4, COLS * 4), 0, "two tokens must differ");
    vs_dev_close(dev);
}

Test(extend_rows, nothing_depends_on_memory_threads_or_other_tokens)
{
    static const uint32_t p[] = {1, 2, 3, VS_NO_ID};
    const struct new_token all[] = {{300, "aa", p}, {301, "bb", NULL}, {302, "cc", p}}, some[] = {{300, "cc", p}, {301, "bb", NULL}};
    const char *model = make_model((struct model){.rows = 300, .tokens = 300, .head = true, .dtype = "BF16"});
    struct vs_extend_request q = request_for(model);
    q.init.method = VS_INIT_NORMAL;
    q.map = write_map(vst_tempdir(), model, 300, all, 3);
    const char *out = extend(&q, &(struct vs_run){.seed = 5});
    const char *other = extend(&q, &(struct vs_run){.seed = 5, .memory = 1, .threads = 3});
    cr_assert_str_empty(vst_tree_diff(out, other));
    const char *seeded = extend(&q, &(struct vs_run){.seed = 6});
    const unsigned char *a = tensor_bytes(out, FILE1, EMBED, NULL, NULL), *b = tensor_bytes(seeded, FILE1, EMBED, NULL, NULL);
    cr_assert_neq(memcmp(a + 300 * COLS * 2, b + 300 * COLS * 2, COLS * 2), 0, "the seed must matter");
    const unsigned char *h = tensor_bytes(out, FILE1, HEAD, NULL, NULL);
    cr_assert_neq(memcmp(a + 300 * COLS * 2, h + 300 * COLS * 2, COLS * 2), 0, "input and head must not share their noise");

    q.map = write_map(vst_tempdir(), model, 300, some, 2);
    const unsigned char *c = tensor_bytes(extend(&q, &(struct vs_run){.seed = 5}), FILE1, EMBED, NULL, NULL);
    cr_assert_arr_eq(c + 300 * COLS * 2, a + 302 * COLS * 2, COLS * 2, "a token's row must not depend on the other tokens");
    cr_assert_arr_eq(c + 301 * COLS * 2, a + 301 * COLS * 2, COLS * 2);
}

/* First two tokens, then the third: the same rows as all three at once, where a method looks at base rows only. */
Test(extend_rows, step_by_step_is_at_once)
{
    static const uint32_t p[] = {1, 2, VS_NO_ID}, q1[] = {5, 9, VS_NO_ID};
    const struct new_token all[] = {{50, "aa", p}, {51, "bb", q1}}, first[] = {{50, "aa", p}}, second[] = {{51, "bb", q1}};
    const char *model = make_model((struct model){.rows = 50, .tokens = 50, .tie = true}), *more[] = {"aa", "bb"};
    struct vs_extend_request q = request_for(model);
    const char *maps = vst_tempdir(), *step_maps = vst_tempdir(), *last_maps = vst_tempdir();
    write_tokenizer(maps, 50, more, 2);
    q.map = write_map(maps, model, 50, all, 2);
    const char *once = extend(&q, NULL);
    write_tokenizer(step_maps, 50, more, 1);
    q.map = write_map(step_maps, model, 50, first, 1);
    const char *step = extend(&q, NULL);
    write_tokenizer(last_maps, 50, more, 2);
    q.model = step;
    q.map = write_map(last_maps, step, 51, second, 1);
    const char *twice = extend(&q, NULL);
    size_t n;
    const unsigned char *a = tensor_bytes(once, FILE1, EMBED, &n, NULL);
    cr_assert_arr_eq(tensor_bytes(twice, FILE1, EMBED, NULL, NULL), a, n);
    cr_assert_str_eq(vst_read(vst_path(once, "tokenizer.json"), NULL), vst_read(vst_path(twice, "tokenizer.json"), NULL));
}

Test(extend_rows, a_stored_head_that_is_tied_grows_with_the_input)
{
    const char *model = make_model((struct model){.rows = 50, .head = true, .head_is_input = true, .tie = true});
    struct vs_extend_request q = request_for(model);
    size_t n;
    q.add = 4;
    q.init.method = VS_INIT_NORMAL;
    const char *out = extend(&q, NULL);
    const unsigned char *head = tensor_bytes(out, FILE1, HEAD, &n, NULL);
    cr_assert_eq(n, 54u * COLS * 4);
    cr_assert_arr_eq(head, tensor_bytes(out, FILE1, EMBED, NULL, NULL), n);

    struct vs_err err;
    q.out_init.method = VS_INIT_ZERO;
    cr_assert_eq(try_extend(&q, NULL, vst_path(vst_tempdir(), "out"), &err), VS_EUSAGE);
    cr_assert(strstr(err.message, "tied"));
}

/* The config says tied, the bytes say otherwise: two tables, each with rows of its own. */
Test(extend_rows, a_head_that_differs_is_not_tied_whatever_the_config_says)
{
    const char *model = make_model((struct model){.rows = 50, .head = true, .tie = true});
    struct vs_extend_request q = request_for(model);
    double mean[COLS];
    q.add = 1;
    const char *out = extend(&q, NULL);
    const unsigned char *head = tensor_bytes(out, FILE1, HEAD, NULL, NULL);
    mean_of(head, "F32", 50, mean);
    expect_row(head, "F32", 50, mean);
    struct vs_jdoc d = {0};
    bool tied = true;
    read_receipt(out, &d);
    cr_assert(vs_jbool(vs_jget(d.root, "tied"), &tied) && !tied);
    vs_jdoc_free(&d);
}

/* Bias of a head [V], and BART's final_logits_bias [1, V]: the vocabulary is axis 1. */
Test(extend_rows, biases)
{
    const char *dir = vst_tempdir();
    float bias[50], logits[50];
    for (int i = 0; i < 50; i++) {
        bias[i] = (float)i;
        logits[i] = (float)(100 + 2 * i);
    }
    const struct vst_tensor t[] = {{"lm_head.bias", "F32", {50}, 1, bias}, {"lm_head.weight", "F32", {50, COLS}, 2, NULL},
                                   {"model.embed_tokens.weight", "F32", {50, COLS}, 2, NULL}, {"odd.bias", "F32", {1, 50}, 2, logits}};
    vst_write_safetensors(vst_path(dir, FILE1), t, 4, NULL);
    vst_write_text(vst_path(dir, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 50, \"tie_word_embeddings\": false}");
    const char *tables[] = {"odd.bias:1=bias", "lm_head.bias:0=bias"};
    struct vs_extend_request q = request_for(dir);
    q.tables = tables;
    q.table_count = 2;
    q.add = 2;
    const char *out = extend(&q, NULL);
    size_t n;
    const unsigned char *b = tensor_bytes(out, FILE1, "lm_head.bias", &n, NULL), *l = tensor_bytes(out, FILE1, "odd.bias", NULL, NULL);
    cr_assert_eq(n, 52u * 4);
    cr_assert_float_eq(value_at(b, "F32", 51), 24.5, 0);
    cr_assert_float_eq(value_at(l, "F32", 50), 149, 0);
    cr_assert_arr_eq(l, logits, sizeof logits);
    cr_assert(strstr(vst_read(vst_path(out, FILE1), NULL) + 8, "[1,52]"));
}

Test(extend_rows, per_token_methods_from_a_file)
{
    const char *model = make_model((struct model){.rows = 50, .tokens = 50, .tie = true});
    struct vs_extend_request q = request_for(model);
    q.map = write_map(vst_tempdir(), model, 50, news, 3);
    q.init_file = vst_path(vst_tempdir(), "init.jsonl");
    vst_write_text(q.init_file, "{\"token\": \"alpha\", \"id\": null, \"init\": \"zero\"}\n\n{\"token\": null, \"id\": 52, \"init\": \"copy:4\"}");
    const char *out = extend(&q, NULL);
    const unsigned char *t = tensor_bytes(out, FILE1, EMBED, NULL, NULL);
    static const unsigned char zero[COLS * 4];
    cr_assert_arr_eq(t + 50 * COLS * 4, zero, sizeof zero);
    cr_assert_arr_eq(t + 52 * COLS * 4, t + 4 * COLS * 4, COLS * 4);
    struct vs_jdoc d = {0};
    read_receipt(out, &d);
    cr_assert(vs_str_is(text_at(&d, "/tokens/0/in"), "zero"));
    cr_assert(vs_str_is(text_at(&d, "/tokens/1/in"), "pieces"));
    cr_assert(vs_str_is(text_at(&d, "/tokens/2/in"), "copy:4"));
    cr_assert(vs_str_is(text_at(&d, "/tables/0/ranges/1/method"), "mixed"));
    vs_jdoc_free(&d);

    static const struct { const char *line; const char *says; } bad[] = {
        {"{\"token\": \"nobody\", \"init\": \"zero\"}", "none of the new tokens"},
        {"{\"id\": 3, \"init\": \"zero\"}", "none of the new ids"},
        {"{\"id\": 50, \"init\": \"copy:50\"}", "no id of the model uses"},
        {"{\"id\": 52, \"init\": \"pieces\"}", "knows no pieces"},
        {"{\"id\": 50, \"token\": \"alpha\", \"init\": \"zero\"}", "one of"},
        {"{\"id\": 50, \"token\": 7, \"init\": \"zero\"}", "one of"},
        {"{\"id\": \"50\", \"token\": \"alpha\", \"init\": \"zero\"}", "one of"},
        {"{\"id\": 50, \"init\": \"best\"}", "is unknown"},
        {"{\"id\": 50}", "\"init\""},
        {"{\"id\": 50, ", "line 1"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vs_err err = {0};
        vst_write_text(q.init_file, bad[i].line);
        cr_assert_neq(try_extend(&q, NULL, vst_path(vst_tempdir(), "out"), &err), VS_OK, "%s", bad[i].line);
        cr_assert(strstr(err.message, bad[i].says), "%s: %s", bad[i].line, err.message);
    }
}

/* The hashes of the receipt are those of the bytes, taken here from the files as they lie. */
Test(extend_rows, the_receipt_proves_every_range)
{
    const char *model = make_model((struct model){.rows = 50, .tokens = 45, .head = true, .dtype = "BF16"});
    struct vs_extend_request q = request_for(model);
    char hex[VS_SHA256_HEX];
    struct vs_jdoc d = {0};
    q.add = 9;
    q.pad_multiple = 64;
    const char *out = extend(&q, NULL);
    read_receipt(out, &d);
    cr_assert_eq(vs_jget(d.root, "tables")->count, 2);
    for (int t = 0; t < 2; t++) {
        const char *name = vst_format("%.*s", VS_STR(text_at(&d, vst_format("/tables/%d/tensor", t))));
        const struct vs_jval *ranges = vs_jpath(d.root, vst_format("/tables/%d/ranges", t));
        const unsigned char *before = tensor_bytes(model, FILE1, name, NULL, NULL), *after = tensor_bytes(out, FILE1, name, NULL, NULL);
        int64_t row = 0, begin = 0, end = 0, from = 0;
        cr_assert_eq(integer_at(&d, vst_format("/tables/%d/rows_after", t)), 64);
        for (const struct vs_jval *r = ranges->child; r; r = r->next, row = end) {
            struct vs_str sha = {0};
            vs_ji64(&d, vs_jget(r, "begin"), &begin);
            vs_ji64(&d, vs_jget(r, "end"), &end);
            cr_assert_eq(begin, row, "ranges must cover the table without gaps");
            vs_sha256_of((struct vs_str){(const char *)after + begin * COLS * 2, (size_t)(end - begin) * COLS * 2}, hex);
            cr_assert(vs_jstr(vs_jget(r, "sha256_after"), &sha) && vs_str_is(sha, hex));
            if (vs_ji64(&d, vs_jget(r, "from"), &from)) {
                vs_sha256_of((struct vs_str){(const char *)before + from * COLS * 2, (size_t)(end - begin) * COLS * 2}, hex);
                cr_assert(vs_jstr(vs_jget(r, "sha256_before"), &sha) && vs_str_is(sha, hex));
            }
        }
        cr_assert_eq(row, 64);
    }
    cr_assert_eq(integer_at(&d, "/freeze_until_index"), 45);
    vs_jdoc_free(&d);
}

/* Millions of rows that are asked for by number are one entry of the plan and one of the receipt; a file that names ids takes them apart. */
Test(extend_rows, rows_by_number_are_runs)
{
    struct vs_extend_request q = request_for(make_model((struct model){.rows = 50, .tie = true, .tokens = 52}));
    struct vs_plan *plan;
    struct vs_err err;
    struct vs_jdoc d = {0};
    q.rows = 20000;
    q.pad_multiple = 128;
    q.init.method = VS_INIT_NORMAL;
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK, "%s", err.message);
    cr_assert_eq(plan->tables[0].init_count, 4, "two tokens without a row, the rows, the padding");
    cr_assert_eq(plan->tables[0].inits[2].row, 52);
    cr_assert_eq(plan->tables[0].inits[2].count, 20000 - 52);
    cr_assert_eq(plan->tables[0].inits[3].count, 20096 - 20000);
    vs_plan_free(plan);
    read_receipt(extend(&q, NULL), &d);
    cr_assert_eq(integer_at(&d, "/tokens/2/id"), 52);
    cr_assert_eq(integer_at(&d, "/tokens/2/count"), 20000 - 52);
    cr_assert_eq(integer_at(&d, "/tables/0/ranges/1/end"), 20000);
    cr_assert_eq(integer_at(&d, "/tables/0/ranges/2/end"), 20096);
    vs_jdoc_free(&d);

    q.rows = 60;
    q.pad_multiple = 0;
    q.init_file = vst_path(vst_tempdir(), "init.jsonl");
    vst_write_text(q.init_file, "{\"id\": 55, \"init\": \"zero\"}");
    read_receipt(extend(&q, NULL), &d);
    cr_assert(vs_str_is(text_at(&d, "/tokens/4/in"), "normal"));
    cr_assert(vs_str_is(text_at(&d, "/tokens/5/in"), "zero"));
    vs_jdoc_free(&d);
}
