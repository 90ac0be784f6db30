/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole directories: configs, tokenizer files and weights of a small model before and after.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>
#include "base/io.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/str.h"
#include "json/schema.h"
#include "plan/offsets_facts.h"
#include "small_model.h"
#include "support.h"

static const struct vs_run run = {0};
static const char *const edited[] = {"config.json", "generation_config.json", "processor_config.json", "tokenizer.json",
                                     "tokenizer_config.json", "added_tokens.json"};

static struct vs_plan *plan_of(const char *dir, int64_t add, enum vs_code want, struct vs_err *err)
{
    const struct vs_patch_request request = {.dir = dir, .add = add};
    struct vs_plan *plan;
    enum vs_code code = vs_patch_plan(&request, &run, &plan, err);
    cr_assert_eq(code, want, "%d: %s", code, err->message);
    return plan;
}

static void patch(const char *dir, int64_t add, const char *out, bool in_place)
{
    const struct vs_patch_request request = {.dir = dir, .add = add};
    struct vs_err err = {0};
    struct vs_plan *plan = plan_of(dir, add, VS_OK, &err);
    cr_assert_eq(vs_patch_write(plan, &request, out, in_place, &run, &err), VS_OK, "%s", err.message);
    vs_plan_free(plan);
}

static const char *model(const struct small_model *m)
{
    const char *dir = vst_path(vst_tempdir(), "model");
    small_model_write(dir, m);
    return dir;
}

/* Ids of both tokenizers by their texts, and each added token runs under the id that is written. */
static void check_tokenizer(const char *before, const char *after, uint64_t by)
{
    const struct vs_tokenizer_options lenient = {.lenient = true, .ids_only = true};
    struct vs_tokenizer *a, *b;
    struct vs_err err;
    cr_assert_eq(vs_tokenizer_open(before, &lenient, &a, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_tokenizer_open(after, &lenient, &b, &err), VS_OK, "%s", err.message);
    for (uint32_t id = 0; id < a->rows_needed; id++) {
        struct vs_str text = vs_token_text(a, id);
        if (text.p)
            cr_assert_eq(vs_token_id(b, text), id < SMALL_TEXT ? id : id + by, "%.*s", VS_STR(text));
    }
    cr_assert_eq(b->moved_count, a->moved_count);
    vs_tokenizer_close(a);
    vs_tokenizer_close(b);
}

/* ---- the property: every file is what the generator writes for the moved ids ---- */

Test(offsets_plan, every_file_moves_together)
{
    for (unsigned k = 0; k < 36; k++) {
        const struct small_model m = {.seed = k, .style = k % 3, .added = k / 3 % 3};
        struct small_model want = m;
        const char *dir = model(&m), *root = vst_tempdir(), *out = vst_path(root, "out"), *expected = vst_path(root, "expected");
        unsigned add = 1 + k % 4;
        want.by = want.tokens = add;
        small_model_write(expected, &want);
        patch(dir, add, out, false);
        check_tokenizer(dir, out, add);
        for (size_t i = 0; i < sizeof edited / sizeof *edited; i++)
            cr_assert_str_eq(vst_read(vst_path(out, edited[i]), NULL), vst_read(vst_path(expected, edited[i]), NULL), "%s, case %u", edited[i], k);
        vst_remove(vst_path(out, VS_OFFSETS_RECEIPT));
        cr_assert_str_eq(vst_tree_diff(out, expected), "");
    }
    vst_cleanup();
}

Test(offsets_plan, nothing_to_insert_is_nothing_to_do)
{
    for (unsigned style = 0; style < 3; style++) {
        const struct small_model m = {.seed = 7, .style = style};
        const char *dir = model(&m), *out = vst_path(vst_tempdir(), "out");
        patch(dir, 0, out, false);
        cr_assert_str_eq(vst_tree_diff(dir, out), "");
        uint64_t before = vst_tree_hash(dir);
        patch(dir, 0, NULL, true);
        cr_assert_eq(vst_tree_hash(dir), before);
    }
    vst_cleanup();
}

Test(offsets_plan, in_place_is_the_same_and_happens_once)
{
    const struct small_model m = {.seed = 3, .style = 1};
    const char *dir = model(&m), *out = vst_path(vst_tempdir(), "out");
    struct vs_err err = {0};
    struct vs_jdoc receipt = {0};
    int64_t at, by;
    vst_write_text(vst_path(dir, "notes.txt"), "mine");
    patch(dir, 5, out, false);
    patch(dir, 5, NULL, true);
    cr_assert_str_eq(vst_read(vst_path(dir, "notes.txt"), NULL), "mine");
    vst_remove(vst_path(dir, "notes.txt"));
    cr_assert_str_eq(vst_tree_diff(dir, out), "");
    cr_assert_eq(vs_jdoc_read(vst_path(dir, VS_OFFSETS_RECEIPT), &receipt, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_schema_check(NULL, "offset-receipt", &receipt, &err), VS_OK, "%s", err.message);
    cr_assert(vs_ji64(&receipt, vs_jpath(receipt.root, "/shift/at"), &at) && at == SMALL_TEXT);
    cr_assert(vs_ji64(&receipt, vs_jpath(receipt.root, "/shift/by"), &by) && by == 5);
    vs_jdoc_free(&receipt);
    plan_of(dir, 5, VS_EMISMATCH, &err);
    cr_assert(strstr(err.message, "moved before: those from 32 on by 5"), "%s", err.message);
    vst_write_text(vst_path(dir, VS_OFFSETS_RECEIPT), "{");
    plan_of(dir, 5, VS_EMISMATCH, &err);
    cr_assert(strstr(err.message, "cannot be read"), "%s", err.message);
    vst_cleanup();
}

Test(offsets_plan, in_place_is_undone)
{
    static const char *const names[] = {"tokenizer_config.json", "config.json"};
    for (size_t i = 0; i < 2; i++) {
        const struct small_model m = {.seed = 3};
        const struct vs_patch_request request = {.add = 4};
        const char *dir = model(&m), *elsewhere = vst_path(vst_tempdir(), "file");
        struct vs_err err = {0};
        cr_assert_eq(rename(vst_path(dir, names[i]), elsewhere), 0);
        cr_assert_eq(symlink(elsewhere, vst_path(dir, names[i])), 0);
        uint64_t before = vst_tree_hash(dir), there = vst_tree_hash(elsewhere);
        struct vs_plan *plan = plan_of(dir, 4, VS_OK, &err);
        struct vs_patch_request q = request;
        q.dir = dir;
        cr_assert_eq(vs_patch_write(plan, &q, NULL, true, &run, &err), VS_EEXIST);
        cr_assert(strstr(err.message, "is a link"), "%s", err.message);
        cr_assert_eq(vst_tree_hash(dir), before);
        cr_assert_eq(vst_tree_hash(elsewhere), there);
        cr_assert_eq(vs_patch_write(plan, &q, dir, false, &run, &err), VS_EEXIST); /* never into the input */
        cr_assert_eq(vst_tree_hash(dir), before);
        cr_assert_eq(vs_patch_write(plan, &q, NULL, false, &run, &err), VS_EUSAGE);
        vs_plan_free(plan);
    }
    vst_cleanup();
}

/* ---- with the new tokens of a merge ---- */

/* Tokens 40, 41, 42 in a tokenizer that goes on behind the blocks, as a merge makes it. */
static void write_merged(const char *dir, const char *to)
{
    char *text = vst_read(vst_path(dir, "tokenizer.json"), NULL), *at = strstr(text, "\"t31\":31");
    cr_assert(at);
    vst_write_text(vst_path(to, "tokenizer.json"), vst_format("%.*s,\"neu\":40,\"wort\":42,\"alt\":41%s", (int)(at + 8 - text), text, at + 8));
    vst_write_text(vst_path(to, "added_tokens.json"), "{\"alt\":41}");
}

Test(offsets_plan, new_tokens_of_another_directory)
{
    static const struct { unsigned added; uint64_t extra; } cases[] = {{0, 0}, {0, 5}, {2, 0}, {2, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const struct small_model m = {.seed = k, .added = cases[k].added};
        static const uint32_t ids[] = {40, 41, 42};
        const char *dir = model(&m), *merged = vst_tempdir(), *out = vst_tempdir();
        const struct vs_checkpoint_options options = {0};
        struct vs_checkpoint *c;
        struct vs_err err = {0};
        struct vs_offsets o;
        struct vs_plan *plan = vs_plan_new();
        write_merged(dir, merged);
        cr_assert_eq(vs_checkpoint_open(dir, &options, &c, &err), VS_OK, "%s", err.message);
        const struct vs_offsets_request request = {.checkpoint = c, .new_ids = ids, .new_count = 3, .token_dir = merged, .rows_extra = cases[k].extra};
        cr_assert_eq(vs_offsets_plan(&request, plan, &o, &err), VS_OK, "%s", err.message);
        cr_assert_str_eq(o.rule, "gemma3n");
        cr_assert_eq(plan->shift.at, SMALL_TEXT);
        cr_assert_eq(plan->shift.by, 3 + cases[k].extra);
        cr_assert(vs_str_is(o.names[0], "neu") && vs_str_is(o.names[1], "alt") && vs_str_is(o.names[2], "wort"));
        for (uint32_t i = 0; i < plan->file_count; i++)
            vst_write(vst_path(out, plan->files[i].name), plan->files[i].text.p, plan->files[i].text.n);
        check_tokenizer(dir, out, 3 + cases[k].extra);
        struct vs_tokenizer *t;
        const struct vs_tokenizer_options lenient = {.lenient = true, .ids_only = true};
        cr_assert_eq(vs_tokenizer_open(out, &lenient, &t, &err), VS_OK);
        cr_assert_eq(vs_token_id(t, VS_LIT("neu")), 32);
        cr_assert_eq(vs_token_id(t, VS_LIT("alt")), 33);
        cr_assert_eq(vs_token_id(t, VS_LIT("wort")), 34);
        cr_assert_str_eq(vst_read(vst_path(out, "added_tokens.json"), NULL), "{\"alt\":33}");
        cr_assert_eq(plan->blocks_after[2].begin, 39 + cases[k].extra);
        vs_tokenizer_close(t);
        vs_plan_free(plan);
        vs_checkpoint_close(c);
    }
    vst_cleanup();
}

static const char *write_map(const char *dir, const char *merged, const char *alt)
{
    char hex[VS_SHA256_HEX];
    struct vs_err err;
    const char *path = vst_path(merged, "vocab-map.json");
    cr_assert_eq(vs_sha256_path(vst_path(dir, "tokenizer.json"), NULL, hex, &err), VS_OK);
    vst_write_text(path, vst_format(
        "{\"schema\": \"vocabsurgeon/vocab-map/1\", \"base\": {\"path\": \"model\", \"sha256\": \"%s\", \"rows_needed\": 40}, \"rows_needed\": 43, "
        "\"new\": [{\"id\": 40, \"token\": \"neu\", \"kind\": \"merged\", \"source\": \"de\", \"source_id\": 7, \"pieces\": [3, 4]}, "
        "{\"id\": 41, \"token\": \"%s\", \"kind\": \"added\", \"source\": \"--add-token\", \"source_id\": null, \"pieces\": []}, "
        "{\"id\": 42, \"token\": \"wort\", \"kind\": \"merged\", \"source\": \"de\", \"source_id\": 8, \"pieces\": [31]}], "
        "\"overlap\": [{\"token\": \"t01\", \"source\": \"de\", \"source_id\": 0, \"id\": 1}, "
        "{\"token\": \"<end_of_audio>\", \"source\": \"de\", \"source_id\": 5, \"id\": 36}], \"rejected\": []}", hex, alt));
    return path;
}

Test(offsets_plan, a_map_is_renumbered)
{
    const struct small_model m = {.seed = 5};
    const char *dir = model(&m), *merged = vst_tempdir(), *out = vst_path(vst_tempdir(), "out");
    write_merged(dir, merged);
    vst_write_text(vst_path(merged, "merges.txt"), "a b\n");
    const char *map_path = write_map(dir, merged, "alt");
    const struct vs_patch_request request = {.dir = dir, .map = map_path, .add = -1};
    struct vs_err err = {0};
    struct vs_plan *plan;
    struct vs_vocab_map *map;
    cr_assert_eq(vs_patch_plan(&request, &run, &plan, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_patch_write(plan, &request, out, false, &run, &err), VS_OK, "%s", err.message);
    check_tokenizer(dir, out, 3);
    cr_assert_eq(vs_vocab_map_read(vst_path(out, "vocab-map.json"), &map, &err), VS_OK, "%s", err.message);
    cr_assert_eq(map->new_count, 3);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(map->news[i].id, SMALL_TEXT + i);
    cr_assert_eq(map->news[2].pieces[0], 31);
    cr_assert_eq(map->rows_needed, 43);
    cr_assert_eq(map->base_rows_needed, 40);
    cr_assert_eq(map->overlaps[0].id, 1);
    cr_assert_eq(map->overlaps[1].id, 39);
    vs_vocab_map_free(map);
    cr_assert_str_eq(vst_read(vst_path(out, "merges.txt"), NULL), "a b\n"); /* the tokenizer's files are the map's, edited or not */
    cr_assert_str_eq(vst_read(vst_path(out, "added_tokens.json"), NULL), "{\"alt\":33}");
    cr_assert(strstr(vst_read(vst_path(out, "tokenizer_config.json"), NULL), "\"35\"")); /* those it lacks are the model's, renumbered */
    cr_assert_eq(vs_patch_write(plan, &request, NULL, true, &run, &err), VS_OK, "%s", err.message);
    cr_assert_str_eq(vst_tree_diff(dir, out), "");
    vs_plan_free(plan);
    cr_assert_eq(vs_patch_plan(&request, &run, &plan, &err), VS_EMISMATCH);
    vst_cleanup();
}

Test(offsets_plan, a_map_of_something_else)
{
    static const char *const why[] = {"was made for another tokenizer", "the map expects \"old\""};
    for (unsigned i = 0; i < 2; i++) {
        const struct small_model m = {.seed = 5};
        const char *dir = model(&m), *merged = vst_tempdir();
        write_merged(dir, merged);
        const struct vs_patch_request request = {.dir = dir, .map = write_map(dir, merged, i ? "old" : "alt"), .add = -1, .check = true};
        struct vs_err err = {0};
        struct vs_plan *plan;
        if (i == 0)
            vst_write_text(vst_path(dir, "tokenizer.json"), vst_format("%s ", vst_read(vst_path(dir, "tokenizer.json"), NULL)));
        cr_assert_eq(vs_patch_plan(&request, &run, &plan, &err), VS_EMISMATCH);
        cr_assert(strstr(err.message, why[i]), "%s", err.message);
    }
    vst_cleanup();
}

/* Added tokens that are in no vocabulary run by their place in the file: once the new tokens came between, they cannot. */
Test(offsets_plan, added_tokens_are_mirrored_when_they_must)
{
    for (unsigned extra = 0; extra < 3; extra++) {
        const struct small_model m = {.added = 1, .style = 1};
        const char *dir = model(&m), *out = vst_tempdir();
        const struct vs_checkpoint_options options = {0};
        struct vs_checkpoint *c;
        struct vs_err err = {0};
        struct vs_offsets o;
        struct vs_plan *plan = vs_plan_new();
        cr_assert_eq(vs_checkpoint_open(dir, &options, &c, &err), VS_OK, "%s", err.message);
        const struct vs_offsets_request request = {.checkpoint = c, .new_count = 2, .rows_extra = extra};
        cr_assert_eq(vs_offsets_plan(&request, plan, &o, &err), VS_OK, "%s", err.message);
        for (uint32_t i = 0; i < plan->file_count; i++)
            vst_write(vst_path(out, plan->files[i].name), plan->files[i].text.p, plan->files[i].text.n);
        check_tokenizer(dir, out, 2 + extra);
        char *vocab = strstr(vst_read(vst_path(out, "tokenizer.json"), NULL), "\"vocab\"");
        cr_assert_eq(strstr(vocab, "\"<audio \\\"2\\\">\": 4") != NULL, extra > 0);
        vs_plan_free(plan);
        vs_checkpoint_close(c);
    }
    vst_cleanup();
}

Test(offsets_plan, placeholders_take_names_that_are_free)
{
    const struct small_model m = {0};
    const char *dir = model(&m), *path = vst_path(dir, "tokenizer.json");
    struct vs_err err = {0};
    char *text = vst_read(path, NULL), *at = strstr(text, "\"t05\":5");
    vst_write_text(path, vst_format("%.*s\"<|extra_1|>\":5%s", (int)(at - text), text, at + 7));
    struct vs_plan *plan = plan_of(dir, 2, VS_OK, &err);
    unsigned seen = 0;
    for (uint32_t i = 0; i < plan->change_count; i++) {
        seen += strcmp(plan->changes[i].at, "/model/vocab/<|extra_0|>") == 0 && vs_str_is(plan->changes[i].after, "32");
        seen += strcmp(plan->changes[i].at, "/model/vocab/<|extra_2|>") == 0 && vs_str_is(plan->changes[i].after, "33");
    }
    cr_assert_eq(seen, 2);
    vs_plan_free(plan);
    vst_cleanup();
}

/* ---- weights ---- */

static void write_weights(const char *dir, uint64_t ple_rows)
{
    const struct vst_tensor tensors[] = {
        {"model.embed_audio.embedding.weight", "F32", {4, 2}, 2, NULL}, {"model.embed_vision.embedding.weight", "F32", {4, 2}, 2, NULL},
        {"model.language_model.embed_tokens.weight", "F32", {40, 2}, 2, NULL},
        {"model.language_model.embed_tokens_per_layer.weight", "F32", {ple_rows, 2}, 2, NULL}};
    vst_write_safetensors(vst_path(dir, "model.safetensors"), tensors, ple_rows ? 4 : 3, NULL);
}

Test(offsets_plan, tables)
{
    const struct small_model m = {0};
    const char *dir = model(&m);
    struct vs_err err = {0};
    write_weights(dir, 32);
    struct vs_plan *plan = plan_of(dir, 6, VS_OK, &err);
    cr_assert_eq(plan->table_count, 2);
    cr_assert_eq(plan->tables[0].insert_at, 32);
    cr_assert_eq(plan->tables[0].rows_after, 46);
    cr_assert_eq(plan->tables[0].copy_count, 2);
    cr_assert_eq(plan->tables[0].copies[1].begin, 38);
    cr_assert_eq(plan->tables[0].copies[1].from, 32);
    cr_assert_eq(plan->tables[1].insert_at, 32);
    cr_assert_eq(plan->tables[1].rows_before, 32);
    cr_assert_eq(plan->tables[1].rows_after, 38);
    cr_assert_eq(plan->tables[1].copy_count, 1);
    for (uint32_t i = 0; i < plan->invariant_count; i++)
        cr_assert(plan->invariants[i].before && plan->invariants[i].after, "%s", plan->invariants[i].text);
    struct vs_buf json = {0};
    struct vs_jdoc doc = {0};
    cr_assert_eq(vs_plan_json(plan, NULL, &json, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_jdoc_parse("plan", (struct vs_str){json.p, json.n}, &doc, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_schema_check(NULL, "plan", &doc, &err), VS_OK, "%s", err.message);
    vs_jdoc_free(&doc);
    vs_buf_free(&json);
    vs_plan_free(plan);
    vst_cleanup();
}

/* ---- what is refused, and what --check says instead ---- */

static void refused(const char *dir, const char *why)
{
    struct vs_err err = {0};
    struct vs_plan *plan;
    bool holds = true;
    plan_of(dir, 3, VS_EMISMATCH, &err);
    cr_assert(strstr(err.message, why), "%s", err.message);
    cr_assert_eq(vs_patch_check(dir, &run, &plan, &err), VS_OK, "%s", err.message);
    for (uint32_t i = 0; i < plan->invariant_count; i++)
        holds = holds && plan->invariants[i].before;
    cr_assert(!holds);
    cr_assert_eq(plan->change_count, 0);
    vs_plan_free(plan);
}

Test(offsets_plan, ends_where_somebody_wants_to_stop)
{
    const struct small_model m = {0};
    const volatile sig_atomic_t stop = 1;
    struct vs_err err = {0};
    struct vs_plan *plan;
    cr_assert_eq(vs_patch_check(model(&m), &(struct vs_run){.cancel = &stop}, &plan, &err), VS_ECANCELED);
    cr_assert_str_eq(err.message, "interrupted");
    cr_assert_null(plan);
    vst_cleanup();
}

static const char *with(const char *file, const char *from, const char *to)
{
    const struct small_model m = {0};
    const char *dir = model(&m), *path = vst_path(dir, file);
    char *text = vst_read(path, NULL), *at = strstr(text, from);
    cr_assert(at, "%s in %s", from, text);
    vst_write_text(path, vst_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from)));
    return dir;
}

Test(offsets_plan, refusals)
{
    refused(with("config.json", "\"vocab_size\":40", "\"vocab_size\":64"),
            "text_config.vocab_size == audio_config.vocab_offset + audio_config.vocab_size [config.json /text_config/vocab_size is 64");
    refused(with("config.json", "\"vocab_size_per_layer_input\":32", "\"vocab_size_per_layer_input\":40"),
            "vision_config.vocab_offset == text_config.vocab_size_per_layer_input");
    refused(with("config.json", "\"image_token_id\":33", "\"image_token_id\":34"), "image_token_id is the id of <image_soft_token> [34 in config.json");
    refused(with("generation_config.json", "\"bos_token_id\":", "\"forced_eos_token_id\":40,\"bos_token_id\":"),
            "every id of the configs is below text_config.vocab_size [generation_config.json /forced_eos_token_id is 40");
    refused(with("tokenizer.json", "\"t05\":5", "\"t05\":55"), "the tokenizer's ids are below text_config.vocab_size");
    const struct small_model m = {0};
    const char *dir = model(&m);
    write_weights(dir, 40);
    refused(dir, "rows of model.language_model.embed_tokens_per_layer.weight == text_config.vocab_size_per_layer_input [40 rows, not 32]");
    write_weights(dir, 0);
    refused(dir, "there is a tensor model.language_model.embed_tokens_per_layer.weight");
    vst_cleanup();
}

Test(offsets_plan, ids_that_were_moved_already)
{
    static const uint32_t taken[] = {33}, absent[] = {77};
    const struct small_model m = {0};
    const char *dir = model(&m);
    const struct vs_checkpoint_options options = {0};
    struct vs_checkpoint *c;
    struct vs_err err = {0};
    struct vs_offsets o;
    cr_assert_eq(vs_checkpoint_open(dir, &options, &c, &err), VS_OK, "%s", err.message);
    for (unsigned i = 0; i < 2; i++) {
        struct vs_plan *plan = vs_plan_new();
        const struct vs_offsets_request request = {.checkpoint = c, .new_ids = i ? absent : taken, .new_count = 1};
        cr_assert_eq(vs_offsets_plan(&request, plan, &o, &err), VS_EMISMATCH);
        cr_assert(strstr(err.message, i ? "no token with id 77" : "moved already"), "%s", err.message);
        vs_plan_free(plan);
    }
    vs_checkpoint_close(c);
    vst_cleanup();
}

/* ---- models of other kinds ---- */

Test(offsets_plan, no_blocks_no_work)
{
    const char *dir = vst_path(vst_tempdir(), "m");
    struct vs_err err = {0};
    vst_write_text(vst_path(dir, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 100}");
    struct vs_plan *plan = plan_of(dir, 3, VS_OK, &err);
    cr_assert_eq(plan->block_count + plan->file_count + plan->change_count + plan->invariant_count, 0);
    cr_assert_eq(plan->shift.by, 0);
    cr_assert_eq(plan->note_count, 1);
    vs_plan_free(plan);
    vst_cleanup();
}

Test(offsets_plan, configs_alone)
{
    const char *dir = vst_path(vst_tempdir(), "m"), *out = vst_path(vst_tempdir(), "out");
    vst_write_text(vst_path(dir, "config.json"), "{\"model_type\": \"gemma3n\"}\n");
    patch(dir, 1000, out, false);
    cr_assert_str_eq(vst_read(vst_path(out, "config.json"), NULL),
                     "{\"model_type\": \"gemma3n\", \"text_config\": {\"vocab_size\": 263400, \"vocab_size_per_layer_input\": 263144}, "
                     "\"vision_config\": {\"vocab_offset\": 263144}, \"audio_config\": {\"vocab_offset\": 263272}, \"eoi_token_id\": 263144, "
                     "\"image_token_id\": 263145, \"eoa_token_id\": 263272, \"audio_token_id\": 263273}\n");
    cr_assert_eq(vst_count(out, "*"), 2);
    vst_cleanup();
}

Test(offsets_plan, blocks_find)
{
    const struct small_model m = {0};
    const char *dir = model(&m);
    const struct vs_checkpoint_options options = {0};
    struct vs_checkpoint *c;
    struct vs_block *blocks;
    struct vs_arena a = {0};
    struct vs_err err = {0};
    uint32_t count;
    cr_assert_eq(vs_checkpoint_open(dir, &options, &c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_blocks_find(c, &a, &blocks, &count, &err), VS_OK, "%s", err.message);
    cr_assert_eq(count, 3);
    cr_assert_str_eq(blocks[0].name, "text");
    cr_assert_eq(blocks[0].end, 32);
    cr_assert_str_eq(blocks[1].name, "vision");
    cr_assert_str_eq(blocks[1].basis, "config.json /vision_config/vocab_offset");
    cr_assert_eq(blocks[2].begin, 36);
    cr_assert_eq(blocks[2].end, 40);
    vs_checkpoint_close(c);
    vs_arena_free(&a);
    vst_cleanup();
}

/* Allocations fail, the early ones each: an error each time, nothing leaks, nothing half done succeeds. */
Test(offsets_plan, every_failing_allocation)
{
    const struct small_model m = {.added = 1, .style = 1};
    const char *dir = model(&m);
    for (unsigned long n = 1;; n += 1 + n / 100) {
        const struct vs_patch_request request = {.dir = dir, .add = 2};
        struct vs_plan *plan;
        struct vs_err err = {0};
        vs_mem_fail_at(n, true);
        enum vs_code code = vs_patch_plan(&request, &run, &plan, &err);
        vs_mem_fail_at(0, false);
        if (code == VS_OK) {
            vs_plan_free(plan);
            break;
        }
        cr_assert_eq(code, VS_ENOMEM, "allocation %lu: %d %s", n, code, err.message);
        cr_assert_null(plan);
        cr_assert(n < 100000);
    }
    vst_cleanup();
}

/* ---- memory ---- */

static bool same_files(const struct vs_plan *a, const struct vs_plan *b)
{
    bool same = a->file_count == b->file_count && a->change_count == b->change_count;
    for (uint32_t i = 0; same && i < a->file_count; i++)
        same = vs_str_eq(a->files[i].text, b->files[i].text);
    for (uint32_t i = 0; same && i < a->change_count; i++)
        same = strcmp(a->changes[i].at, b->changes[i].at) == 0;
    return same;
}

/* An added token is spelled with an escape: its text needs memory too. */
static void spell_with_escape(const char *path)
{
    char *text = vst_read(path, NULL), *at = strstr(text, "\"<end_of_image>\"");
    vst_write_text(path, vst_format("%.*s\"\\u003cend_of_image>\"%s", (int)(at - text), text, at + strlen("\"<end_of_image>\"")));
}

Test(offsets_plan, a_failed_allocation_never_leaves_half_a_plan)
{
    const char *dir = model(&(struct small_model){.seed = 3});
    const struct vs_patch_request request = {.dir = dir, .add = 2};
    struct vs_err err;
    spell_with_escape(vst_path(dir, "tokenizer.json"));
    struct vs_plan *want = plan_of(dir, 2, VS_OK, &err);
    bool enough = false;
    unsigned long n = 0;
    while (!enough) {
        struct vs_plan *plan = NULL;
        vs_mem_fail_at(++n, false);
        enum vs_code code = vs_patch_plan(&request, &run, &plan, &err);
        vs_mem_fail_at(0, false);
        cr_assert(code == VS_ENOMEM || code == VS_OK, "allocation %lu: %d: %s", n, code, err.message);
        cr_assert(code || same_files(plan, want), "allocation %lu: half a plan", n);
        if (!code)
            vs_plan_free(plan);
        if (code)
            continue;
        vs_mem_fail_at(n, true); /* when nothing is left that could fail, this was the end */
        enough = vs_patch_plan(&request, &run, &plan, &err) == VS_OK;
        vs_mem_fail_at(0, false);
        if (enough)
            vs_plan_free(plan);
    }
    cr_assert_gt(n, 1000);
    vs_plan_free(want);
    vst_cleanup();
}

/* ---- what happens meanwhile ---- */

Test(offsets_plan, a_file_that_changed_after_the_plan_is_not_replaced)
{
    const char *dir = model(&(struct small_model){.seed = 3}), *path = vst_path(dir, "config.json");
    const struct vs_patch_request request = {.dir = dir, .add = 2};
    struct vs_err err;
    struct vs_plan *plan = plan_of(dir, 2, VS_OK, &err);
    const char *text = vst_format("%s\n", vst_read(path, NULL));
    vst_write_text(path, text);
    uint64_t before = vst_tree_hash(dir);
    cr_assert_eq(vs_patch_write(plan, &request, NULL, true, &run, &err), VS_EMISMATCH);
    cr_assert(strstr(err.message, "config.json: has changed since it was read"), "%s", err.message);
    cr_assert_eq(vst_tree_hash(dir), before);
    vs_plan_free(plan);
    vst_cleanup();
}

Test(offsets_plan, a_receipt_that_memory_does_not_suffice_for)
{
    const char *dir = model(&(struct small_model){.seed = 3});
    struct vs_err err;
    struct vs_checkpoint *c = NULL;
    patch(dir, 2, NULL, true);
    cr_assert_eq(vs_checkpoint_open(dir, &(struct vs_checkpoint_options){0}, &c, &err), VS_OK, "%s", err.message);
    for (unsigned long n = 1; n < 4; n++) {
        vs_mem_fail_at(n, false);
        enum vs_code code = vs_offsets_refuse_again(c, false, &err);
        vs_mem_fail_at(0, false);
        cr_assert_eq(code, VS_ENOMEM, "allocation %lu: %d: %s", n, code, err.message);
    }
    cr_assert_eq(vs_offsets_refuse_again(c, false, &err), VS_EMISMATCH);
    vs_checkpoint_close(c);
    vst_cleanup();
}
