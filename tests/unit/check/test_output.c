/* SPDX-License-Identifier: Apache-2.0
 *
 * What the five programs really print and write is what the schemas say, and has the names that scripts rely on
 * (one list of them below: whoever changes a name changes it here too).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"
#include "fixture.h"
#include "json/schema.h"
#include "support.h"

/* ---- names ---- */

/* A path through a document: "*" is every element of a list. One of the documents of the kind must have something there. */
static const struct { const char *schema, *paths; } promised[] = {
    {"facts", "schema path tokenizer/kind tokenizer/base_count tokenizer/max_base_id tokenizer/len tokenizer/max_id tokenizer/rows_needed "
              "tokenizer/holes/*/begin tokenizer/holes/*/end tokenizer/moved/*/token tokenizer/moved/*/declared tokenizer/moved/*/effective "
              "config/model_type config/vocab_size/*/file config/vocab_size/*/at config/vocab_size/*/value config/tie_word_embeddings "
              "tables/*/tensor tables/*/file tables/*/role tables/*/dtype tables/*/rows tables/*/cols tied/declared tied/stored "
              "special_ids/*/file special_ids/*/at special_ids/*/name special_ids/*/id special_ids/*/token "
              "blocks/*/name blocks/*/begin blocks/*/end blocks/*/basis surplus/rows surplus/class"},
    {"findings", "schema path verdict levels/L0/state levels/L0/why levels/L1 levels/L2 levels/L3/state levels/L4/why device/kind device/name "
                 "forward/kl_max forward/hidden_nmse forward/logits_max_abs forward/first_differing_layer forward/first_differing_stage "
                 "findings/*/rule findings/*/severity findings/*/message findings/*/file findings/*/at findings/*/found findings/*/expected "
                 "findings/*/remedy facts/schema"},
    {"vocab-map", "schema base/path base/sha256 base/rows_needed rows_needed new/*/id new/*/token new/*/kind new/*/source new/*/source_id new/*/pieces/* "
                  "overlap/*/token overlap/*/source overlap/*/source_id overlap/*/id rejected/*/token rejected/*/source rejected/*/source_id rejected/*/reason"},
    {"plan", "schema inputs/* tables/*/tensor tables/*/file tables/*/rows_before tables/*/rows_after tables/*/copy/* tables/*/insert/* tables/*/init/* "
             "edits/*/file edits/*/at edits/*/before edits/*/after blocks/* invariants/*"},
    {"receipt", "schema tool_version seed inputs/*/file inputs/*/sha256 outputs/*/file outputs/*/sha256 tables/*/tensor tables/*/file tables/*/rows_before "
                "tables/*/rows_after tables/*/ranges/*/begin tables/*/ranges/*/end tables/*/ranges/*/from tables/*/ranges/*/state "
                "tables/*/ranges/*/sha256_before tables/*/ranges/*/sha256_after tables/*/ranges/*/method freeze_until_index tokens/*"},
    {"offset-receipt", "schema"},
    {"merge", "schema"},
};

/* ---- documents ---- */

struct document { const char *schema; struct vs_jdoc json; };
static struct document seen[64];
static size_t seen_count;

static void keep(const char *schema, const char *what, struct vs_str text)
{
    struct vs_err err;
    cr_assert_lt(seen_count, sizeof seen / sizeof *seen);
    struct document *d = &seen[seen_count++];
    d->schema = schema;
    cr_assert_eq(vs_jdoc_parse(what, text, &d->json, &err), VS_OK, "%s", err.message);
    cr_expect_eq(vs_schema_check(NULL, schema, &d->json, &err), VS_OK, "%s: %s", what, err.message);
}

static void keep_file(const char *schema, const char *path)
{
    size_t n;
    const char *text = vst_read(path, &n);
    keep(schema, path, (struct vs_str){text, n});
}

#define ARGS(...) (const char *const[]){__VA_ARGS__, NULL}

static struct vst_result run(const char *const argv[], int status)
{
    struct vst_result r = vst_run(argv, ARGS("NO_COLOR=1"));
    cr_assert_eq(r.status, status, "%s: status %d: %s", argv[0], r.status, r.err);
    return r;
}

/* JSON Lines: one document a line, at least one. */
static void keep_lines(const char *schema, const char *const argv[], int status)
{
    struct vst_result r = run(argv, status);
    unsigned lines = 0;
    for (const char *line = r.out, *end; *line; line = end + 1, lines++) {
        cr_assert(end = strchr(line, '\n'), "%s: a line without an end", argv[0]);
        keep(schema, argv[0], (struct vs_str){line, (size_t)(end - line)});
    }
    cr_expect_gt(lines, 0u, "%s printed nothing", argv[0]);
}

/* The facts inside of the findings are those of vocab-inspect. */
static void keep_check(const char *const argv[], int status)
{
    keep_lines("findings", argv, status);
    const struct document *d = &seen[seen_count - 1];
    const struct vs_jval *facts = vs_jget(d->json.root, "facts");
    cr_assert(facts);
    keep("facts", "facts of the findings", (struct vs_str){d->json.text.p + facts->span.begin, facts->span.end - facts->span.begin});
}

static bool reaches(const struct vs_jval *v, const char *path, size_t n)
{
    const char *slash = memchr(path, '/', n);
    size_t first = slash ? (size_t)(slash - path) : n;
    for (const struct vs_jval *m = v ? v->child : NULL; m; m = m->next) {
        bool here = (first == 1 && *path == '*') ? v->type == VS_JSON_ARRAY : m->key.n == first && memcmp(m->key.p, path, first) == 0;
        if (here && (!slash || reaches(m, slash + 1, n - first - 1)))
            return true;
    }
    return false;
}

static void check_names(void)
{
    for (size_t i = 0; i < sizeof promised / sizeof *promised; i++)
        for (const char *path = promised[i].paths; *path; path += strspn(path, " ")) {
            size_t n = strcspn(path, " ");
            bool found = false;
            for (size_t k = 0; k < seen_count; k++)
                found |= strcmp(seen[k].schema, promised[i].schema) == 0 && reaches(seen[k].json.root, path, n);
            cr_expect(found, "%s: nothing printed has %.*s", promised[i].schema, (int)n, path);
            path += n;
        }
}

/* ---- the five programs ---- */

static void inspect_and_check(void)
{
    const char *inspect = vst_tool("vocab-inspect"), *checker = vst_tool("vocab-check");
    const char *plain = make_small(&(struct small){0}), *tied = make_small(&(struct small){.name = "tied"});
    const char *gemma = make_small(&(struct small){.name = "gemma3n"});
    const char *odd = make_small(&(struct small){.words = 25, .edits = {{"tokenizer.json", "\"t5\": 5, ", ""}, {"tokenizer.json", "\"id\": 2", "\"id\": 7"},
                                                                          {"generation_config.json", "\"bos", "\"forced_eos_token_id\": 99, \"bos"}}});
    const char *model_alone = make_small(&(struct small){.edits = {{"tokenizer.json", NULL, NULL}, {"tokenizer_config.json", NULL, NULL}}});
    keep_lines("facts", ARGS(inspect, "--json", plain, tied, gemma, odd, model_alone, vst_path(plain, "tokenizer.json"), vst_path(plain, "model.safetensors")), 0);
    keep_lines("facts", ARGS(inspect, "--json", "--rows", plain, tied), 0);
    keep_check(ARGS(checker, "--json", "--device", "cpu", plain), 0);
    keep_check(ARGS(checker, "--json", "--device", "cpu", odd), 1);
    keep_check(ARGS(checker, "--json", "--device", "cpu", gemma), 0);
    keep_check(ARGS(checker, "--json", model_alone), 0);
    keep_check(ARGS(checker, "--json", vst_path(plain, "tokenizer.json")), 0);
}

static const char *make_sample(const char *name)
{
    const char *dir = vst_path(vst_tempdir(), name), *program = getenv("VS_MAKE_CHECKPOINT");
    cr_assert(program, "VS_MAKE_CHECKPOINT is not set");
    run(ARGS(program, name, dir), 0);
    return dir;
}

static void merge_and_extend(void)
{
    const char *base = make_sample("small"), *german = make_sample("small-german"), *dir = vst_tempdir();
    const char *merged = vst_path(dir, "merged"), *map = vst_path(merged, "vocab-map.json"), *out = vst_path(dir, "out");
    const char *words = vst_path(dir, "words.txt");
    vst_write_text(words, "<|im_end|>\nneu\n");
    keep_lines("merge", ARGS(vst_tool("vocab-merge"), "--json", base, german, "--tokens-file", words, "-o", merged), 0);
    keep_file("vocab-map", map);
    run(ARGS(vst_tool("vocab-merge"), german, base, "-o", vst_path(dir, "reverse")), 0); /* the chat tokens of an extension are rejected */
    keep_file("vocab-map", vst_path(vst_path(dir, "reverse"), "vocab-map.json"));
    keep_lines("plan", ARGS(vst_tool("embed-extend"), "--json", "-n", base, "--map", map), 0);
    run(ARGS(vst_tool("embed-extend"), base, "--map", map, "--pad-multiple", "64", "-o", out), 0);
    keep_file("receipt", vst_path(out, "receipt.json"));
    keep_check(ARGS(vst_tool("vocab-check"), "--json", "--device", "cpu", out, "--base", base, "--map", map, "--receipt", vst_path(out, "receipt.json")), 0);
    const struct vs_jval *state = vs_jpath(seen[seen_count - 2].json.root, "/levels/L1/state");
    cr_expect(state && vs_str_is(state->str, "pass"));
    keep_check(ARGS(vst_tool("vocab-check"), "--json", "--device", "cpu", "--forward", out, "--base", base), 0);
    apply_edit(out, &(struct edit){"config.json", "10000.0", "20000.0"});
    keep_check(ARGS(vst_tool("vocab-check"), "--json", "--device", "cpu", "--forward", out, "--base", base), 1);
    const struct vs_jval *stage = vs_jpath(seen[seen_count - 2].json.root, "/forward/first_differing_stage");
    cr_expect(stage && vs_str_is(stage->str, "layer"));
}

static void patch(void)
{
    const char *gemma = make_sample("gemma3n"), *out = vst_path(vst_tempdir(), "out");
    keep_lines("plan", ARGS(vst_tool("offset-patch"), "--json", gemma, "--add", "2", "--check"), 0);
    run(ARGS(vst_tool("offset-patch"), gemma, "--add", "2", "-o", out), 0);
    keep_file("offset-receipt", vst_path(out, "offset-receipt.json"));
}

Test(output, documents_are_as_their_schemas_say)
{
    inspect_and_check();
    merge_and_extend();
    patch();
    check_names();
    while (seen_count)
        vs_jdoc_free(&seen[--seen_count].json);
    vst_cleanup();
}

/* ---- shipped data ---- */

Test(output, shipped_data_is_as_its_schemas_say)
{
    static const char *const names[] = {"rules", "known-good", "model-keys"};
    struct vs_arena arena = {0};
    struct vs_jdoc d = {0};
    struct vs_err err;
    const char **families;
    size_t count;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert_eq(vs_data_read(NULL, vst_format("%s.json", names[i]), &d, &err), VS_OK, "%s", err.message);
        cr_expect_eq(vs_schema_check(NULL, names[i], &d, &err), VS_OK, "%s", err.message);
        vs_jdoc_free(&d);
    }
    cr_assert_eq(vs_data_list(NULL, "families/", &arena, &families, &count, &err), VS_OK, "%s", err.message);
    cr_expect_gt(count, 3u);
    for (size_t i = 0; i < count; i++) {
        cr_assert_eq(vs_data_read(NULL, families[i], &d, &err), VS_OK, "%s", err.message);
        cr_expect_eq(vs_schema_check(NULL, "family", &d, &err), VS_OK, "%s", err.message);
        vs_jdoc_free(&d);
    }
    vs_arena_free(&arena);
    vst_cleanup();
}

/* ---- null where a thing is absent ---- */

static const struct { const char *what; struct small small; const char *at, *expected; } absences[] = {
    {"no tokenizer", {.edits = {{"tokenizer.json", NULL, NULL}, {"tokenizer_config.json", NULL, NULL}}}, "/tokenizer", "null"},
    {"no tokenizer", {.edits = {{"tokenizer.json", NULL, NULL}, {"tokenizer_config.json", NULL, NULL}}}, "/surplus", "null"},
    {"no config", {.edits = {{"config.json", NULL, NULL}}}, "/config", "null"},
    {"no config", {.edits = {{"config.json", NULL, NULL}}}, "/tied/declared", "null"},
    {"no model type", {.edits = {{"config.json", "\"model_type\": \"llama\",", ""}}}, "/config/model_type", "null"},
    {"no flag", {.edits = {{"config.json", "\"tie_word_embeddings\": false,", ""}}}, "/config/tie_word_embeddings", "null"},
    {"a head that was not read", {0}, "/tied/stored", "null"},
    {"no head", {.name = "tied"}, "/tied/stored", "true"},
    {"no weights", {.edits = {{"model.safetensors", NULL, NULL}}}, "/tied", "null"},
    {"no weights", {.edits = {{"model.safetensors", NULL, NULL}}}, "/surplus", "null"},
    {"no weights", {.edits = {{"model.safetensors", NULL, NULL}}}, "/tables", "[]"},
    {"an id that no token has", {.words = 23, .edits = {{"generation_config.json", "\"bos_token_id\": 0", "\"bos_token_id\": 23"}}}, "/special_ids/2/token", "null"},
    {"as many rows as ids", {0}, "/surplus", "{\"rows\":0,\"class\":\"equal\"}"},
    {"more ids than rows", {.words = 26}, "/surplus", "{\"rows\":-2,\"class\":\"over\"}"},
    {"padding", {.words = 20}, "/surplus", "{\"rows\":4,\"class\":\"align\"}"},
    {"unexplained rows", {.shapes = {{"model.embed_tokens.weight", 36, COLS}}}, "/surplus", "{\"rows\":12,\"class\":\"odd\"}"},
    {"a reserve", {.words = 2554, .shapes = {{"model.embed_tokens.weight", 2624, COLS}}}, "/surplus", "{\"rows\":70,\"class\":\"reserve\"}"},
};

Test(output, null_where_a_thing_is_absent)
{
    for (size_t i = 0; i < sizeof absences / sizeof *absences; i++) {
        struct vst_result r = run(ARGS(vst_tool("vocab-inspect"), "--json", make_small(&absences[i].small)), 0);
        struct vs_jdoc d = {0};
        struct vs_err err;
        cr_assert_eq(vs_jdoc_parse(absences[i].what, (struct vs_str){r.out, r.out_n}, &d, &err), VS_OK, "%s", err.message);
        const struct vs_jval *v = vs_jpath(d.root, absences[i].at);
        cr_expect(v && vs_str_is((struct vs_str){d.text.p + v->span.begin, v->span.end - v->span.begin}, absences[i].expected), "%s: %s should be %s: %s",
                  absences[i].what, absences[i].at, absences[i].expected, r.out);
        vs_jdoc_free(&d);
    }
    vst_cleanup();
}
