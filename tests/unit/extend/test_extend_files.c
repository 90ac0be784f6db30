/* SPDX-License-Identifier: Apache-2.0
 *
 * Files: what is rewritten, what moves unread, what comes along, what is left out.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fixture.h"
#include "json/schema.h"

TestSuite(extend_files, .fini = vst_cleanup);

#define EMBED "model.embed_tokens.weight"
#define UP "model.layers.0.mlp.up_proj.weight"
#define SHARD1 "model-00001-of-00003.safetensors"
#define SHARD2 "model-00002-of-00003.safetensors"
#define SHARD3 "model-00003-of-00003.safetensors"

static ino_t inode(const char *dir, const char *name)
{
    struct stat st;
    cr_assert_eq(stat(vst_path(dir, name), &st), 0);
    return st.st_ino;
}

static void expect_same_file(const char *a, const char *b, const char *name)
{
    size_t n, m;
    const char *x = vst_read(vst_path(a, name), &n), *y = vst_read(vst_path(b, name), &m);
    cr_assert_eq(n, m);
    cr_assert_arr_eq(x, y, n, "%s differs", name);
}

Test(extend_files, shards_without_a_table_are_not_rewritten)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true, .shards = true, .dtype = "BF16"});
    uint64_t hash = vst_tree_hash(model), at_before, at_after;
    struct vs_extend_request q = request_for(model);
    q.add = 7;
    q.hardlink = true;
    const char *out = extend(&q, NULL);
    cr_assert_eq(vst_tree_hash(model), hash, "the input must not change");
    cr_assert_neq(inode(out, SHARD1), inode(model, SHARD1));
    cr_assert_eq(inode(out, SHARD2), inode(model, SHARD2));
    cr_assert_eq(inode(out, SHARD3), inode(model, SHARD3));

    size_t n;
    const unsigned char *old = tensor_bytes(model, SHARD1, UP, &n, &at_before), *new = tensor_bytes(out, SHARD1, UP, NULL, &at_after);
    cr_assert_arr_eq(new, old, n);
    cr_assert_eq(at_before % 4096, at_after % 4096, "unchanged tensors must keep their place in a block");

    struct vs_jdoc d = {0};
    struct vs_err err;
    cr_assert_eq(vs_jdoc_read(vst_path(out, "model.safetensors.index.json"), &d, &err), VS_OK);
    uint64_t elements = 2048 * COLS + COLS + 57 * COLS;
    cr_assert_eq((uint64_t)integer_at(&d, "/metadata/total_size"), elements * 2);
    cr_assert_eq((uint64_t)integer_at(&d, "/metadata/total_parameters"), elements);
    vs_jdoc_free(&d);
    const char *index = vst_read(vst_path(model, "model.safetensors.index.json"), NULL), *map = strstr(index, "\"weight_map\"");
    cr_assert(strstr(vst_read(vst_path(out, "model.safetensors.index.json"), NULL), map), "weight_map must not change");

    q.hardlink = false;
    const char *copy = extend(&q, NULL);
    cr_assert_neq(inode(copy, SHARD2), inode(model, SHARD2), "links only when asked for");
    expect_same_file(model, copy, SHARD2);
    cr_assert_str_empty(vst_tree_diff(out, copy));
}

Test(extend_files, both_tables_of_an_untied_sharded_model_grow)
{
    const char *model = make_model((struct model){.rows = 50, .head = true, .shards = true});
    struct vs_extend_request q = request_for(model);
    size_t n;
    q.rows = 60;
    const char *out = extend(&q, NULL);
    tensor_bytes(out, SHARD1, EMBED, &n, NULL);
    cr_assert_eq(n, 60u * COLS * 4);
    tensor_bytes(out, SHARD3, "lm_head.weight", &n, NULL);
    cr_assert_eq(n, 60u * COLS * 4);
    const unsigned char *norm = tensor_bytes(model, SHARD3, "model.norm.weight", &n, NULL);
    cr_assert_arr_eq(tensor_bytes(out, SHARD3, "model.norm.weight", NULL, NULL), norm, n);
}

/* Unchanged tensors before and behind the table: 4096 divides the table, so both runs can keep their place. */
Test(extend_files, tables_move_to_the_front_when_more_blocks_can_be_shared)
{
    const char *dir = vst_tempdir();
    const struct vst_tensor t[] = {{"a.first", "F32", {999, 3}, 2, NULL}, {EMBED, "F32", {128, COLS}, 2, NULL}, {"z.last", "F32", {777, 5}, 2, NULL}};
    uint64_t a0, a1, z0, z1;
    size_t an, zn;
    vst_write_safetensors(vst_path(dir, "model.safetensors"), t, 3, NULL);
    vst_write_text(vst_path(dir, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 128, \"tie_word_embeddings\": true}");
    struct vs_extend_request q = request_for(dir);
    q.add = 3;
    const char *out = extend(&q, NULL);
    const unsigned char *a = tensor_bytes(dir, "model.safetensors", "a.first", &an, &a0), *z = tensor_bytes(dir, "model.safetensors", "z.last", &zn, &z0);
    cr_assert_arr_eq(tensor_bytes(out, "model.safetensors", "a.first", NULL, &a1), a, an);
    cr_assert_arr_eq(tensor_bytes(out, "model.safetensors", "z.last", NULL, &z1), z, zn);
    cr_assert_eq(a0 % 4096, a1 % 4096);
    cr_assert_eq(z0 % 4096, z1 % 4096);
}

Test(extend_files, config_sizes_move_everywhere_and_nothing_else_does)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true});
    const char *text = "{\n    \"model_type\": \"gemma3\",\n    \"text_config\": {\"hidden_size\": 8, \"rope_theta\": 10000.0, \"vocab_size\": 50},\n"
                       "    \"vision_config\": {\"vocab_size\": 50},\n    \"vocab_size\": 50, \"pad\": 50,\n    \"tie_word_embeddings\": true\n}\n";
    const char *want = "{\n    \"model_type\": \"gemma3\",\n    \"text_config\": {\"hidden_size\": 8, \"rope_theta\": 10000.0, \"vocab_size\": 53},\n"
                       "    \"vision_config\": {\"vocab_size\": 50},\n    \"vocab_size\": 53, \"pad\": 50,\n    \"tie_word_embeddings\": true\n}\n";
    struct vs_extend_request q = request_for(model);
    vst_write_text(vst_path(model, "config.json"), text);
    vst_write_text(vst_path(model, "generation_config.json"), "{\"eos_token_id\": 49, \"vocab_size\": \"no\"}");
    q.add = 3;
    const char *out = extend(&q, NULL);
    cr_assert_str_eq(vst_read(vst_path(out, "config.json"), NULL), want);
    expect_same_file(model, out, "generation_config.json");
}

/* PaliGemma as transformers saves it: the class's default at the top, the table's size in the text config. */
Test(extend_files, a_default_beside_the_size_of_the_text_stays)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true});
    struct vs_extend_request q = request_for(model);
    struct vs_plan *plan;
    struct vs_err err;
    q.add = 3;
    vst_write_text(vst_path(model, "config.json"), "{\"model_type\": \"paligemma\", \"text_config\": {\"vocab_size\": 50}, \"vocab_size\": 257152}");
    cr_assert_str_eq(vst_read(vst_path(extend(&q, NULL), "config.json"), NULL),
                     "{\"model_type\": \"paligemma\", \"text_config\": {\"vocab_size\": 53}, \"vocab_size\": 257152}");
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK, "%s", err.message);
    cr_assert_eq(plan->note_count, 1);
    cr_assert_str_eq(plan->notes[0], "config.json: /vocab_size stays 257152, the default of its class: the rows are counted by /text_config/vocab_size (50)");
    vs_plan_free(plan);
    static const char *const wrong[] = {"46}, \"vocab_size\": 50", "46}, \"vocab_size\": 257152", "50}, \"vocab_size\": 46"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        vst_write_text(vst_path(model, "config.json"), vst_format("{\"model_type\": \"paligemma\", \"text_config\": {\"vocab_size\": %s}", wrong[i]));
        cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_EMISMATCH, "%s", wrong[i]);
    }
}

/* OLMo calls its rows embedding_size, others their columns. */
Test(extend_files, a_count_of_rows_under_another_name)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true});
    struct vs_extend_request q = request_for(model);
    q.add = 3;
    vst_write_text(vst_path(model, "config.json"), "{\"model_type\": \"llama\", \"embedding_size\": 50, \"vocab_size\": 48, \"vision\": {\"embedding_size\": 50},\n "
                                                   "\"text_config\": {\"embedding_size\": 8}}");
    cr_assert_str_eq(vst_read(vst_path(extend(&q, NULL), "config.json"), NULL),
                     "{\"model_type\": \"llama\", \"embedding_size\": 53, \"vocab_size\": 53, \"vision\": {\"embedding_size\": 50},\n "
                     "\"text_config\": {\"embedding_size\": 8}}");
}

/* Gemma3 ships configs that leave the size to the class default. */
Test(extend_files, a_size_that_was_a_class_default_is_written_out)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true});
    struct vs_extend_request q = request_for(model);
    struct vs_jdoc d = {0};
    struct vs_err err;
    vst_write_text(vst_path(model, "config.json"), "{\n  \"model_type\": \"llama\",\n  \"text_config\": {\n    \"hidden_size\": 8\n  }\n}\n");
    q.add = 3;
    const char *out = extend(&q, NULL);
    cr_assert_eq(vs_jdoc_read(vst_path(out, "config.json"), &d, &err), VS_OK, "%s", err.message);
    cr_assert_eq(integer_at(&d, "/text_config/vocab_size"), 53);
    vs_jdoc_free(&d);
}

/* A name that begins with a ! is a file that is large enough to hold the table at four bits an element. */
static const char *write_other(const char *model, const char *name)
{
    static const char big[50 * COLS / 2];
    const char *path = vst_path(model, name + (*name == '!'));
    if (*name == '!')
        vst_write(path, big, sizeof big);
    else
        vst_write_text(path, strstr(name, ".json") ? "{}" : name);
    return name + (*name == '!');
}

static bool is_named(const struct vs_plan *plan, const char *name)
{
    const char *slash = strchr(name, '/');
    const char *folder = slash ? vst_format("%.*s/ is left out", (int)(slash - name), name) : "?";
    for (uint32_t i = 0; i < plan->note_count; i++)
        if (strstr(plan->notes[i], vst_format("%s is left out", name)) || strstr(plan->notes[i], folder))
            return true;
    return false;
}

Test(extend_files, everything_else_comes_along_stale_weights_do_not)
{
    static const char *const kept[] = {"README.md", "LICENSE", "modeling_x.py", "chat_template.jinja", "generation_config.json", "training_args.bin",
                                       "1_Pooling/config.json", "preprocessor_config.json", "processor_config.json", "additional_chat_templates/a.jinja",
                                       ".gitattributes", "spk_dict.pt", "voices/alto.pt", "2_Dense/config.json", "!2_Dense/pytorch_model.bin"};
    static const char *const left[] = {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.gguf", "tf_model.h5", "flax_model.msgpack",
                                       "consolidated.safetensors", "!converted.pt", "rust_model.ot", "onnx/model.onnx", "original/consolidated.00.pth",
                                       "!fp16/weights.safetensors", ".git/config"};
    const char *model = make_model((struct model){.rows = 50, .tie = true}), *name;
    struct vs_extend_request q = request_for(model);
    struct vs_plan *plan;
    struct vs_err err;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        write_other(model, kept[i]);
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        write_other(model, left[i]);
    q.add = 3;
    const char *out = extend(&q, NULL);
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK);
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        expect_same_file(model, out, kept[i] + (*kept[i] == '!'));
    for (size_t i = 0; i < sizeof left / sizeof *left; i++) {
        name = left[i] + (*left[i] == '!');
        cr_assert_neq(access(vst_path(out, name), F_OK), 0, "%s must be left out", name);
        cr_assert(is_named(plan, name), "%s is left out: it must be named", name);
    }
    vs_plan_free(plan);
}

/* PEFT's modules_to_save is a second copy of the table; without it the adapter's config makes loaders ask for the file. */
Test(extend_files, an_adapter_comes_along_whole_or_not_at_all)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true}), *config = "adapter_config.json", *weights = "adapter_model.safetensors";
    struct vs_extend_request q = request_for(model);
    struct vs_plan *plan;
    struct vs_err err;
    q.add = 3;
    vst_write_text(vst_path(model, config), "{\"peft_type\": \"LORA\"}");
    write_other(model, weights);
    const char *out = extend(&q, NULL);
    expect_same_file(model, out, config);
    expect_same_file(model, out, weights);
    write_other(model, "!adapter_model.safetensors");
    out = extend(&q, NULL);
    cr_assert_neq(access(vst_path(out, config), F_OK), 0);
    cr_assert_neq(access(vst_path(out, weights), F_OK), 0);
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK);
    cr_assert_eq(plan->note_count, 1);
    cr_assert_str_eq(plan->notes[0], "adapter_config.json and adapter_model.safetensors are left out: an adapter comes along whole or not at all, and "
                                     "its weights are another copy of the table, which does not have the new rows");
    vs_plan_free(plan);
}

Test(extend_files, the_maps_tokenizer_replaces_the_models)
{
    static const uint32_t pieces[] = {1, 2, VS_NO_ID};
    const struct new_token news[] = {{50, "aa", pieces}};
    const char *model = make_model((struct model){.rows = 50, .tokens = 50, .tie = true}), *maps = vst_tempdir(), *more[] = {"aa"};
    struct vs_extend_request q = request_for(model);
    vst_write_text(vst_path(model, "tokenizer_config.json"), "{}");
    write_tokenizer(maps, 50, more, 1);
    vst_write_text(vst_path(maps, "notes.txt"), "not a tokenizer file");
    q.map = write_map(maps, model, 50, news, 1);
    const char *out = extend(&q, NULL);
    expect_same_file(maps, out, "tokenizer.json");
    expect_same_file(maps, out, "vocab-map.json");
    expect_same_file(model, out, "tokenizer_config.json");
    cr_assert_neq(access(vst_path(out, "notes.txt"), F_OK), 0);

    q.map = NULL;
    q.tokenizer = maps;
    const char *by_tokenizer = extend(&q, NULL);
    expect_same_file(maps, by_tokenizer, "tokenizer.json");
    size_t n;
    tensor_bytes(by_tokenizer, "model.safetensors", EMBED, &n, NULL);
    cr_assert_eq(n, 51u * COLS * 4);
}

/* Chatterbox ships one file without a config: OUT is a directory all the same. */
Test(extend_files, a_single_file_becomes_a_directory)
{
    const char *dir = vst_tempdir(), *path = vst_path(dir, "t3_cfg.safetensors");
    const struct vst_tensor t[] = {{"speech_emb.weight", "F32", {60, COLS}, 2, NULL}, {"text_emb.weight", "F32", {50, COLS}, 2, NULL},
                                   {"text_head.weight", "F32", {50, COLS}, 2, NULL}};
    const char *tables[] = {"text_emb.weight:0=input", "text_head.weight:0=head"};
    struct vs_extend_request q = request_for(path);
    size_t n;
    vst_write_safetensors(path, t, 3, NULL);
    q.tables = tables;
    q.table_count = 2;
    q.rows = 53;
    const char *out = extend(&q, NULL);
    tensor_bytes(out, "t3_cfg.safetensors", "text_head.weight", &n, NULL);
    cr_assert_eq(n, 53u * COLS * 4);
    tensor_bytes(out, "t3_cfg.safetensors", "speech_emb.weight", &n, NULL);
    cr_assert_eq(n, 60u * COLS * 4);
    cr_assert_eq(vst_count(out, "*"), 2, "the weights and receipt.json");
}

Test(extend_files, padding_rows_are_inert)
{
    const char *model = make_model((struct model){.rows = 50, .tokens = 50, .tie = true});
    struct vs_extend_request q = request_for(model);
    struct vs_jdoc d = {0};
    q.pad_multiple = 64;
    const char *out = extend(&q, NULL);
    read_receipt(out, &d);
    cr_assert_eq(integer_at(&d, "/tables/0/rows_after"), 64);
    cr_assert(vs_str_is(text_at(&d, "/tables/0/ranges/1/state"), "inert"));
    cr_assert_eq(integer_at(&d, "/tables/0/ranges/1/begin"), 50);
    vs_jdoc_free(&d);
}

Test(extend_files, the_receipt_and_the_plan_keep_their_schemas)
{
    const char *model = make_model((struct model){.rows = 50, .tokens = 45, .head = true});
    struct vs_extend_request q = request_for(model);
    struct vs_plan *plan;
    struct vs_err err;
    struct vs_buf json = {0};
    struct vs_jdoc d = {0};
    q.add = 9;
    const char *out = extend(&q, &(struct vs_run){.seed = 1});
    read_receipt(out, &d);
    cr_assert_eq(vs_schema_check(NULL, "receipt", &d, &err), VS_OK, "%s", err.message);
    vs_jdoc_free(&d);
    cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK);
    cr_assert_eq(vs_plan_json(plan, NULL, &json, &err), VS_OK);
    cr_assert_eq(vs_jdoc_parse("plan", (struct vs_str){json.p, json.n}, &d, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_schema_check(NULL, "plan", &d, &err), VS_OK, "%s", err.message);
    cr_assert_eq(integer_at(&d, "/tables/0/copy/0/end"), 45);
    cr_assert_eq(integer_at(&d, "/edits/0/after"), 54);
    vs_jdoc_free(&d);
    vs_buf_free(&json);
    vs_plan_free(plan);
}

Test(extend_files, an_interrupted_run_leaves_nothing)
{
    const char *model = make_model((struct model){.rows = 50, .tie = true}), *dir = vst_tempdir();
    volatile sig_atomic_t cancel = 0;
    struct vs_run run = {.cancel = &cancel};
    struct vs_extend_request q = request_for(model);
    struct vs_plan *plan;
    struct vs_err err;
    q.add = 3;
    cr_assert_eq(vs_extend_plan(&q, &run, &plan, &err), VS_OK);
    cancel = 1;
    cr_assert_eq(vs_extend_run(plan, &q, vst_path(dir, "out"), &run, NULL, &err), VS_ECANCELED);
    cr_assert_eq(vst_count(dir, "*"), 0);
    vs_plan_free(plan);
}

/* Chatterbox T3 and 81 Amharic characters: no config, two tables that follow the text, two that do not, and constants
 * in Python that no file of the model holds. */
Test(extend_files, chatterbox_and_amharic)
{
    const char *dir = vst_tempdir(), *path = vst_path(dir, "t3_mtl.safetensors");
    const struct vst_tensor t[] = {{"speech_emb.weight", "F32", {8194, 2}, 2, NULL},  {"speech_head.weight", "F32", {8194, 2}, 2, NULL},
                                   {"text_emb.weight", "F32", {2454, 2}, 2, NULL},    {"text_head.weight", "F32", {2454, 2}, 2, NULL},
                                   {"tfmr.embed_tokens.weight", "F32", {8, 2}, 2, NULL}};
    struct new_token news[81];
    struct vs_extend_request q = request_for(path);
    struct vs_jdoc d = {0};
    size_t n;
    for (uint32_t i = 0; i < 81; i++)
        news[i] = (struct new_token){2454 + i, vst_format("am%u", i), NULL};
    vst_write_safetensors(path, t, 5, NULL);
    q.map = write_map(vst_tempdir(), NULL, 2454, news, 81);
    const char *out = extend(&q, NULL);
    tensor_bytes(out, "t3_mtl.safetensors", "text_emb.weight", &n, NULL);
    cr_assert_eq(n, 2535u * 2 * 4);
    tensor_bytes(out, "t3_mtl.safetensors", "text_head.weight", &n, NULL);
    cr_assert_eq(n, 2535u * 2 * 4);
    tensor_bytes(out, "t3_mtl.safetensors", "speech_head.weight", &n, NULL);
    cr_assert_eq(n, 8194u * 2 * 4);
    read_receipt(out, &d);
    cr_assert_eq(integer_at(&d, "/freeze_until_index"), 2454);
    cr_assert_eq(vs_jpath(d.root, "/tables/0/ranges")->count, 2);
    cr_assert(strstr(vst_read(vst_path(out, "receipt.json"), NULL), "text_tokens_dict_size"));
    cr_assert(strstr(vst_read(vst_path(out, "receipt.json"), NULL), "is_multilingual"));
    vs_jdoc_free(&d);
}

/* What the report says was linked has been; where no link can be made, nothing was. */
Test(extend_files, the_report_counts_links_that_were_made)
{
    const char *model = make_model((struct model){.rows = 50, .shards = true, .tie = true});
    const char *const folders[] = {vst_tempdir(), vst_format("/dev/shm/vocabsurgeon-test-%ld", (long)getpid())};
    struct stat here, there;
    cr_assert(mkdir(folders[1], 0700) == 0);
    cr_assert(stat(folders[0], &here) == 0 && stat(folders[1], &there) == 0);
    for (size_t i = 0; i < 2; i++) {
        struct vs_extend_request q = request_for(model);
        struct vs_extend_report report;
        struct vs_plan *plan;
        struct vs_err err;
        q.add = 1;
        q.hardlink = true;
        cr_assert_eq(vs_extend_plan(&q, &(struct vs_run){0}, &plan, &err), VS_OK, "%s", err.message);
        enum vs_code code = vs_extend_run(plan, &q, vst_path(folders[i], "out"), &(struct vs_run){0}, &report, &err);
        vs_plan_free(plan);
        cr_expect_eq(code, VS_OK, "%s", err.message);
        bool linked = i == 0 || here.st_dev == there.st_dev;
        cr_expect_eq(report.files_linked, linked ? 2 : 0, "%s: %u", folders[i], report.files_linked);
        cr_expect(linked == (report.bytes_linked > 0));
    }
    vst_remove(folders[1]);
}

/* --memory is what a message says it is: rows that do not fit into the usual window get a larger one. */
Test(extend_files, rows_wider_than_the_usual_window)
{
    const char *dir = vst_tempdir(), *root = vst_tempdir();
    const struct vst_tensor t = {"model.embed_tokens.weight", "F32", {2, 2200000}, 2, NULL};
    vst_write_safetensors(vst_path(dir, "model.safetensors"), &t, 1, NULL);
    vst_write_text(vst_path(dir, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 2, \"tie_word_embeddings\": true}");
    struct vs_extend_request q = request_for(dir);
    struct vs_err err = {0};
    q.add = 1;
    cr_expect_eq(try_extend(&q, &(struct vs_run){.memory = 16u << 20}, vst_path(root, "small"), &err), VS_ELIMIT);
    cr_expect(strstr(err.message, "raise --memory"), "%s", err.message);
    cr_expect_eq(try_extend(&q, &(struct vs_run){.memory = 64u << 20}, vst_path(root, "large"), &err), VS_OK, "%s", err.message);
}
