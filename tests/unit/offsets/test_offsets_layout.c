/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine on configs in memory: for every rule that is known, what is edited, what happens to each tensor, what is
 * refused. vectors.txt holds what an independent interpreter of the same rules gives.
 */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "json/schema.h"
#include "plan/offsets_facts.h"
#include "support.h"

struct file { const char *name, *text; };

static enum vs_code read_file(void *user, const char *name, struct vs_jdoc *doc, bool *present, struct vs_err *err)
{
    *present = false;
    for (const struct file *f = user; f && f->name; f++)
        if (strcmp(f->name, name) == 0) {
            *present = true;
            return vs_jdoc_parse(f->name, vs_cstr(f->text), doc, err);
        }
    return VS_OK;
}

struct run {
    struct vs_arena arena;
    struct vs_plan *plan;
    struct vs_layout layout;
    struct vs_offsets tensors;
    struct vs_err err;
};

static struct vs_rule *load_rule(const char *name, struct vs_arena *arena)
{
    struct vs_jdoc doc = {0};
    struct vs_rule *rule = NULL;
    struct vs_err err = {0};
    const char *folder = strcmp(name, "gemma3n") == 0 ? "schemas/families" : "tests/unit/offsets/rules";
    enum vs_code code = vs_jdoc_read(vst_format("%s/%s/%s.json", getenv("VS_SOURCE"), folder, name), &doc, &err);
    cr_assert_eq(code, VS_OK, "%s", err.message);
    code = vs_schema_check(NULL, "family", &doc, &err);
    cr_assert_eq(code, VS_OK, "%s", err.message);
    code = vs_rule_parse(&doc, arena, &rule, &err);
    cr_assert_eq(code, VS_OK, "%s", err.message);
    vs_jdoc_free(&doc);
    return rule;
}

static enum vs_code run_rule(struct run *r, const struct vs_rule *rule, const struct file *files, uint64_t by)
{
    const struct vs_layout_source source = {read_file, (void *)(uintptr_t)files};
    struct vs_layout *l = &r->layout;
    r->plan = vs_plan_new();
    enum vs_code code = vs_layout_open(l, rule, r->plan, &source, &r->err);
    if (!code)
        code = vs_layout_event(l, by, &r->err);
    if (!code)
        code = vs_layout_check_all(l, VS_BEFORE, &r->err);
    if (!code && l->violated[VS_BEFORE].n)
        code = vs_fail(&r->err, VS_EMISMATCH, "%s", l->violated[VS_BEFORE].p);
    if (!code)
        code = vs_offsets_tensors(l, NULL, &r->tensors, &r->err);
    if (!code)
        code = vs_layout_edit(l, &r->err);
    if (!code)
        code = vs_layout_check_all(l, VS_AFTER, &r->err);
    if (!code && l->violated[VS_AFTER].n)
        code = vs_fail(&r->err, VS_EMISMATCH, "after: %s", l->violated[VS_AFTER].p);
    return code;
}

static enum vs_code run(struct run *r, const char *rule, const struct file *files, uint64_t by)
{
    *r = (struct run){0};
    return run_rule(r, load_rule(rule, &r->arena), files, by);
}

static void finish(struct run *r)
{
    vs_layout_close(&r->layout);
    vs_plan_free(r->plan);
    vs_arena_free(&r->arena);
}

/* ---- what a run did, as sorted lines ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *summary(const struct run *r)
{
    const struct vs_plan *p = r->plan;
    char *lines[256];
    size_t count = 0;
    struct vs_buf b = {0};
    for (uint32_t i = 0; i < p->change_count; i++)
        lines[count++] = (char *)(uintptr_t)vst_format("%s %s %.*s%.*s%s", p->changes[i].file, p->changes[i].at, VS_STR(p->changes[i].before),
                                                       VS_STR(p->changes[i].after), p->changes[i].before.n ? "" : " written");
    for (uint32_t i = 0; i < p->change_count; i++)
        if (p->changes[i].before.n)
            lines[i] = (char *)(uintptr_t)vst_format("%s %s %.*s %.*s", p->changes[i].file, p->changes[i].at, VS_STR(p->changes[i].before),
                                                     VS_STR(p->changes[i].after));
    for (uint32_t i = 0; i < r->tensors.tensor_count; i++) {
        const struct vs_offsets_tensor *t = &r->tensors.tensors[i];
        const char *op = !t->grows ? "untouched" : t->insert_at == t->rows_before ? "append" : vst_format("insert@%" PRIu64, t->insert_at);
        lines[count++] = (char *)(uintptr_t)vst_format("T %.*s %s %" PRIu64 " %" PRIu64, VS_STR(t->name), op, t->rows_before, t->rows_after);
    }
    qsort(lines, count, sizeof *lines, by_text);
    for (size_t i = 0; i < count; i++)
        vs_buf_printf(&b, "%s\n", lines[i]);
    char *text = (char *)(uintptr_t)vst_format("%s", b.p ? b.p : "");
    vs_buf_free(&b);
    return text;
}

/* What the expected lines of a class default look like here: the value that was not in the file is no text of it. */
static char *expected(const char *block)
{
    struct vs_buf b = {0};
    char file[128], at[128], was[32], is[32], word[16];
    for (const char *line = block; *line && *line != '\n'; line = strchr(line, '\n') + 1) {
        char text[512];
        snprintf(text, sizeof text, "%.*s", (int)strcspn(line, "\n"), line);
        if (sscanf(text, "%127s %127s %31s %31s %15s", file, at, was, is, word) == 5 && strcmp(word, "written") == 0)
            vs_buf_printf(&b, "%s %s %s written\n", file, at, is);
        else
            vs_buf_printf(&b, "%s\n", text);
    }
    char *out = (char *)(uintptr_t)vst_format("%s", b.p ? b.p : "");
    vs_buf_free(&b);
    return out;
}

static const struct file gemma3n[] = {
    {"config.json", "{\"model_type\": \"gemma3n\", \"text_config\": {\"vocab_size\": 262400},\n \"vision_config\": {\"model_type\": \"gemma3n_vision\"}, "
                    "\"eos_token_id\": [1, 106]}"},
    {"generation_config.json", "{\"eos_token_id\": [1, 106]}"}, {NULL, NULL}};
static const struct file whisper[] = {
    {"config.json", "{\"vocab_size\": 51865}"},
    {"generation_config.json", "{\"no_timestamps_token_id\": 50363, \"suppress_tokens\": [1, 2, 50258, 50358, 50359, 50360, 50361, 50362],\n"
                               "\"lang_to_id\": {\"<|en|>\": 50259}, \"forced_decoder_ids\": [[1, null], [2, 50359]]}"}, {NULL, NULL}};
static const struct file chameleon[] = {
    {"config.json", "{\"vocab_size\": 65536, \"vocabulary_map\": {\"IMGIMGAZ\": 4, \"<image>\": 8711}}"}, {NULL, NULL}};
static const struct file llava[] = {
    {"config.json", "{\"image_token_index\": 32000, \"text_config\": {\"vocab_size\": 32064}, \"vision_config\": {\"vocab_size\": 32000}, "
                    "\"vocab_size\": 32064}"}, {NULL, NULL}};
static const struct file empty[] = {{"config.json", "{}"}, {NULL, NULL}};

static const struct file *input(const char *rule)
{
    return strcmp(rule, "gemma3n") == 0 ? gemma3n : strcmp(rule, "whisper") == 0 ? whisper : strcmp(rule, "chameleon") == 0 ? chameleon
           : strcmp(rule, "llava") == 0 ? llava : empty;
}

Test(offsets_layout, vectors_of_the_interpreter)
{
    char *text = vst_read(vst_format("%s/tests/unit/offsets/vectors.txt", getenv("VS_SOURCE")), NULL);
    unsigned done = 0;
    for (const char *at = strstr(text, "# "); at; at = strstr(at + 2, "\n# "), at = at ? at + 1 : NULL) {
        char rule[64];
        unsigned long long by;
        struct run r;
        cr_assert_eq(sscanf(at, "# %63s %llu", rule, &by), 2);
        enum vs_code code = run(&r, rule, input(rule), by);
        cr_assert_eq(code, VS_OK, "%s: %s", rule, r.err.message);
        cr_assert_str_eq(summary(&r), expected(strchr(at, '\n') + 1), "%s:\n%s", rule, summary(&r));
        finish(&r);
        done++;
    }
    cr_assert_eq(done, 11);
    vst_cleanup();
}

/* The vectors with other numbers; each line of want must be a line of the result, and count lines are all of it. */
Test(offsets_layout, small_vectors)
{
    static const struct { const char *rule; uint64_t by; unsigned edits; const char *want[8]; } cases[] = {
        {"gemma3n", 0, 0, {"T model.language_model.embed_tokens.weight untouched 262400 262400"}},
        {"mllama", 8, 2, {"config.json /text_config/vocab_size 128264 written", "config.json /image_token_index 128264 written",
                          "T language_model.model.embed_tokens.weight insert@128256 128264 128272", "T language_model.lm_head.weight append 128256 128264"}},
        {"kyutai_stt", 10, 2, {"config.json /vocab_size 4011 written", "config.json /audio_pad_token_id 69579 written",
                               "T model.embed_tokens.embed_tokens.weight insert@4001 69570 69580", "T lm_head.weight append 4001 4011"}},
        {"bark", 5, 4, {"config.json /semantic_config/input_vocab_size 129605 written", "config.json /semantic_config/output_vocab_size 129605 written",
                        "generation_config.json /semantic_config/text_pad_token 129600 written",
                        "generation_config.json /semantic_config/semantic_infer_token 129604 written",
                        "T semantic.input_embeds_layer.weight insert@129595 129600 129605"}},
        {"moshi", 3, 2, {"config.json /vocab_size 32003 written", "config.json /depth_decoder_config/vocab_size 32003 written",
                         "T decoder.model.embed_tokens.weight insert@32000 32001 32004", "T depth_decoder.text_embed_tokens.weight insert@32000 32001 32004",
                         "T decoder.lm_head.weight append 32000 32003"}},
        {"csm", 7, 1, {"config.json /text_vocab_size 128263 written", "T embed_text_tokens.weight append 128256 128263"}},
        {"whisper", 4, 2, {"config.json /vocab_size 51865 51869", "generation_config.json /no_timestamps_token_id 50363 50367",
                           "T model.decoder.embed_tokens.weight insert@50363 51865 51869"}},
        {"llava", 63, 2, {"config.json /vocab_size 32064 32127", "config.json /text_config/vocab_size 32064 32127"}}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r;
        enum vs_code code = run(&r, cases[i].rule, input(cases[i].rule), cases[i].by);
        cr_assert_eq(code, VS_OK, "%s: %s", cases[i].rule, r.err.message);
        char *got = summary(&r);
        for (unsigned k = 0; k < 8 && cases[i].want[k]; k++)
            cr_assert(strstr(got, vst_format("%s\n", cases[i].want[k])), "%s: no line \"%s\" in\n%s", cases[i].rule, cases[i].want[k], got);
        cr_assert_eq(r.plan->change_count, cases[i].edits, "%s:\n%s", cases[i].rule, got);
        finish(&r);
    }
    vst_cleanup();
}

/* Ids of whisper's generation config from the insertion on move in every list and map, the others do not. */
Test(offsets_layout, lists_maps_and_pairs)
{
    static const struct file files[] = {
        {"config.json", "{\"vocab_size\": 51865}"},
        {"generation_config.json",
         "{\"no_timestamps_token_id\": 50363, \"suppress_tokens\": [1, 50362, 50363, 51864], \"begin_suppress_tokens\": null,\n"
         " \"lang_to_id\": {\"<|en|>\": 50259, \"a/b~\": 50400}, \"forced_decoder_ids\": [[1, null], [50364, 50364]], \"eos_token_id\": 50257,\n"
         " \"max_initial_timestamp_index\": 50364}"}, {NULL, NULL}};
    struct run r;
    enum vs_code code = run(&r, "whisper", files, 4);
    cr_assert_eq(code, VS_OK, "%s", r.err.message);
    cr_assert_str_eq(summary(&r), "T model.decoder.embed_tokens.weight insert@50363 51865 51869\n"
                                  "T proj_out.weight insert@50363 51865 51869\n"
                                  "config.json /vocab_size 51865 51869\n"
                                  "generation_config.json /forced_decoder_ids/1/1 50364 50368\n"
                                  "generation_config.json /lang_to_id/a~1b~0 50400 50404\n"
                                  "generation_config.json /no_timestamps_token_id 50363 50367\n"
                                  "generation_config.json /suppress_tokens/2 50363 50367\n"
                                  "generation_config.json /suppress_tokens/3 51864 51868\n");
    struct vs_str after = r.layout.files[1].doc[VS_AFTER].text;
    cr_assert(vs_str_is(after, "{\"no_timestamps_token_id\": 50367, \"suppress_tokens\": [1, 50362, 50367, 51868], \"begin_suppress_tokens\": null,\n"
                               " \"lang_to_id\": {\"<|en|>\": 50259, \"a/b~\": 50404}, \"forced_decoder_ids\": [[1, null], [50364, 50368]], "
                               "\"eos_token_id\": 50257,\n \"max_initial_timestamp_index\": 50364}"), "%.*s", VS_STR(after));
    finish(&r);
    vst_cleanup();
}

Test(offsets_layout, maps_get_the_new_names)
{
    struct run r = {0};
    const struct vs_str names[] = {VS_LIT("<one>"), VS_LIT("a\"b")};
    const struct vs_layout_source source = {read_file, (void *)(uintptr_t)chameleon};
    struct vs_layout *l = &r.layout;
    r.plan = vs_plan_new();
    cr_assert_eq(vs_layout_open(l, load_rule("chameleon", &r.arena), r.plan, &source, &r.err), VS_OK);
    cr_assert_eq(vs_layout_event(l, 2, &r.err), VS_OK);
    l->names = names;
    l->name_count = 2;
    l->first_new = l->shift.at;
    cr_assert_eq(vs_layout_edit(l, &r.err), VS_OK, "%s", r.err.message);
    struct vs_str after = l->files[0].doc[VS_AFTER].text;
    cr_assert(vs_str_is(after, "{\"vocab_size\": 65538, \"vocabulary_map\": {\"IMGIMGAZ\": 4, \"<image>\": 8711, \"<one>\": 65536, \"a\\\"b\": 65537}}"),
              "%.*s", VS_STR(after));
    finish(&r);
    vst_cleanup();
}

/* What a config does not say but the class does is written where it moved, in the file's own style. */
Test(offsets_layout, sparse_config_is_written_out)
{
    static const struct file files[] = {
        {"config.json", "{\n  \"model_type\": \"gemma3n\",\n  \"audio_config\": null,\n  \"vision_config\": {\n    \"depth\": 2.50\n  }\n}\n"}, {NULL, NULL}};
    struct run r;
    enum vs_code code = run(&r, "gemma3n", files, 1000);
    cr_assert_eq(code, VS_OK, "%s", r.err.message);
    cr_assert_eq(r.plan->change_count, 8);
    struct vs_str after = r.layout.files[0].doc[VS_AFTER].text;
    cr_assert(vs_str_is(after, "{\n  \"model_type\": \"gemma3n\",\n  \"audio_config\": {\"vocab_offset\": 263272},\n  \"vision_config\": {\n    \"depth\": 2.50,\n"
                               "    \"vocab_offset\": 263144\n  },\n  \"text_config\": {\"vocab_size\": 263400, \"vocab_size_per_layer_input\": 263144},\n"
                               "  \"eoi_token_id\": 263144,\n  \"image_token_id\": 263145,\n  \"eoa_token_id\": 263272,\n  \"audio_token_id\": 263273\n}\n"),
              "%.*s", VS_STR(after));
    finish(&r);
    vst_cleanup();
}

/* The order of blocks is the file's: a text block that others follow grows in place, whatever the others are. */
Test(offsets_layout, order_is_kept)
{
    static const struct { const char *audio, *vision; const char *want; } cases[] = {
        {"262144", "262272", "config.json /audio_vocab_offset 262144 263144\nconfig.json /text_vocab_size 262144 263144\n"
                             "config.json /vision_vocab_offset 262272 263272\n"},
        {"262272", "262144", "config.json /audio_vocab_offset 262272 263272\nconfig.json /text_vocab_size 262144 263144\n"
                             "config.json /vision_vocab_offset 262144 263144\n"}};
    for (size_t i = 0; i < 2; i++) {
        const char *text = vst_format("{\"text_vocab_offset\": 0, \"text_vocab_size\": 262144, \"audio_vocab_offset\": %s, \"audio_vocab_size\": 128,"
                                      "\"vision_vocab_offset\": %s, \"vision_vocab_size\": 128}", cases[i].audio, cases[i].vision);
        const struct file files[] = {{"config.json", text}, {NULL, NULL}};
        struct run r;
        cr_assert_eq(run(&r, "generic_flat_offsets", files, 1000), VS_OK, "%s", r.err.message);
        cr_assert_str_eq(summary(&r), cases[i].want);
        finish(&r);
    }
    vst_cleanup();
}

Test(offsets_layout, refusals)
{
    static const struct { const char *what, *rule, *config, *why; uint64_t by; } cases[] = {
        {"audio before vision", "gemma3n", "{\"vision_config\": {\"vocab_offset\": 262272}, \"audio_config\": {\"vocab_offset\": 262144}}", "vision_config.vocab_offset < audio_config.vocab_offset", 8},
        {"padded at the end", "gemma3n", "{\"text_config\": {\"vocab_size\": 262464}}",
         "text_config.vocab_size == audio_config.vocab_offset + audio_config.vocab_size [config.json /text_config/vocab_size is 262464, config.json /audio_config/vocab_offset is 262272 (absent: class default)", 8},
        {"per-layer size grown to the whole", "gemma3n", "{\"text_config\": {\"vocab_size\": 262400, \"vocab_size_per_layer_input\": 262400}}", "vision_config.vocab_offset == text_config.vocab_size_per_layer_input", 8},
        {"image token behind the vision block", "gemma3n", "{\"image_token_id\": 262272}", "image_token_id < audio_config.vocab_offset", 8},
        {"end of image behind the vision block", "gemma3n", "{\"eoi_token_id\": 262399}", "eoi_token_id < audio_config.vocab_offset", 8},
        {"image token in the text", "gemma3n", "{\"image_token_id\": 262143}", "vision_config.vocab_offset <= image_token_id", 8},
        {"audio token in the vision block", "gemma3n", "{\"audio_token_id\": 262271}", "audio_config.vocab_offset <= audio_token_id", 8},
        {"end of audio behind the end", "gemma3n", "{\"eoa_token_id\": 262400}", "eoa_token_id < text_config.vocab_size", 8},
        {"begin of image behind the text", "gemma3n", "{\"boi_token_id\": 262144}", "boi_token_id < vision_config.vocab_offset", 8},
        {"a gap between the blocks", "generic_flat_offsets", "{\"text_vocab_size\": 10, \"audio_vocab_offset\": 12, \"audio_vocab_size\": 4,"
         "\"vision_vocab_offset\": 16, \"vision_vocab_size\": 4}", "fill 0 to text_vocab_size+audio_vocab_size+vision_vocab_size without a gap", 8},
        {"hashes by the size", "longcat_flash_ngram", "{\"vocab_size\": 131072}", "hashes ids by its vocabulary size", 1},
        {"a size that is text", "gemma3n", "{\"text_config\": {\"vocab_size\": \"262400\"}}", "an integer expected, found \"262400\"", 8},
        {"a size with a fraction", "gemma3n", "{\"text_config\": {\"vocab_size\": 262400.0}}", "an integer expected, found 262400.0", 8},
        {"a list where ids are", "gemma3n", "{\"eos_token_id\": [1, \"x\"]}", "/eos_token_id/1", 8},
        {"no object on the way", "gemma3n", "{\"audio_config\": 7}", "is no object", 8},
        {"more ids than 32 bits", "gemma3n", "{}", "the limit is 4294967295", 4294967295u - 262400 + 1},
        {"more ids than 64 bits", "gemma3n", "{}", "the limit is 4294967295", UINT64_MAX},
        {"an offset beyond 32 bits", "gemma3n", "{\"audio_config\": {\"vocab_offset\": 9223372036854775807}}", "overflow", 8},
        {"a negative offset", "gemma3n", "{\"vision_config\": {\"vocab_offset\": -1}}",
         "block is 0 to -1 (0 to vision_config.vocab_offset): no range of ids", 8},
        {"a missing size", "longcat_flash_ngram", "{}", "config.json: /vocab_size: found no integer, expected one", 0},
        {"no object at all", "gemma3n", "[]", "an object expected", 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct file files[] = {{"config.json", cases[i].config}, {NULL, NULL}};
        struct run r;
        enum vs_code code = run(&r, cases[i].rule, files, cases[i].by);
        cr_assert(code == VS_EMISMATCH || code == VS_EFORMAT || code == VS_EUNSUPPORTED || code == VS_ELIMIT, "%s: %d", cases[i].what, code);
        cr_assert(strstr(r.err.message, cases[i].why), "%s: %s", cases[i].what, r.err.message);
        finish(&r);
    }
    vst_cleanup();
}

/* Two spellings of one field: both are written, and they must agree. */
static const char spellings[] =
    "{\"id\": \"two\", \"symbols\": {\"V\": {\"file\": \"config.json\", \"path\": \"/v\"}, \"IMG\": {\"file\": \"config.json\", \"path\": \"/image_token_id\","
    "\"aliases\": [\"/image_token_index\"], \"default\": 10}}, \"space\": {\"extend\": \"text\", \"insert_at\": \"V-2\", \"total\": \"V\", \"blocks\": ["
    "{\"name\": \"text\", \"start\": \"0\", \"end\": \"V-2\"}, {\"name\": \"image\", \"start\": \"V-2\", \"end\": \"V\"}], \"partition\": \"exact\"},"
    "\"fields\": [{\"sym\": \"V\", \"kind\": \"total\"}, {\"sym\": \"IMG\", \"kind\": \"id\"}], \"tensors\": [], \"invariants\": [], \"strategies\": [\"insert_shift\"]}";

static struct vs_rule *parse_rule(const char *text, struct run *r, enum vs_code *code)
{
    struct vs_jdoc doc = {0};
    struct vs_rule *rule = NULL;
    *code = vs_jdoc_parse("rule.json", vs_cstr(text), &doc, &r->err);
    if (!*code)
        *code = vs_rule_parse(&doc, &r->arena, &rule, &r->err);
    vs_jdoc_free(&doc);
    return rule;
}

Test(offsets_layout, spellings)
{
    static const struct { const char *config, *after; } cases[] = {
        {"{\"v\": 12, \"image_token_index\": 11}", "{\"v\": 15, \"image_token_index\": 14}"},
        {"{\"v\": 12, \"image_token_index\": 11, \"image_token_id\": 11}", "{\"v\": 15, \"image_token_index\": 14, \"image_token_id\": 14}"},
        {"{\"v\": 12}", "{\"v\": 15, \"image_token_id\": 13}"}, {"{\"v\": 12, \"image_token_id\": null}", "{\"v\": 15, \"image_token_id\": null}"},
        {"{\"v\": 12, \"image_token_index\": 11, \"image_token_id\": 10}", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct file files[] = {{"config.json", cases[i].config}, {NULL, NULL}};
        struct run r = {0};
        enum vs_code code;
        struct vs_rule *rule = parse_rule(spellings, &r, &code);
        cr_assert_eq(code, VS_OK, "%s", r.err.message);
        code = run_rule(&r, rule, files, 3);
        if (cases[i].after) {
            struct vs_str after = r.layout.files[0].doc[VS_AFTER].text;
            cr_assert_eq(code, VS_OK, "%s", r.err.message);
            cr_assert(vs_str_is(after, cases[i].after), "%.*s", VS_STR(after));
        } else {
            cr_assert_eq(code, VS_EMISMATCH);
            cr_assert(strstr(r.err.message, "config.json /image_token_id == /image_token_index"), "%s", r.err.message);
        }
        finish(&r);
    }
    vst_cleanup();
}

/* Names that only the rule knows are not shown to people. */
Test(offsets_layout, expressions_in_words)
{
    static const char text[] =
        "{\"id\": \"words\", \"symbols\": {\"V\": {\"file\": \"config.json\", \"path\": \"/text_config/vocab_size\"}, \"E\": {\"file\":"
        "\"generation_config.json\", \"path\": \"/suppress_tokens/0\", \"default\": 1}}, \"space\": {\"extend\": \"text\", \"insert_at\": \"V\","
        "\"total\": \"V\", \"blocks\": [{\"name\": \"text\", \"start\": \"0\", \"end\": \"V\"}], \"partition\": \"exact\"},"
        "\"fields\": [{\"sym\": \"V\", \"kind\": \"total\"}, {\"sym\": \"E\", \"kind\": \"id\"}], \"tensors\": [], \"invariants\": [], \"strategies\": [\"append\"]}";
    static const struct { const char *expression, *words; } cases[] = {
        {"V", "text_config.vocab_size"}, {"2*V - 1 >= E", "2*text_config.vocab_size - 1 >= generation_config.suppress_tokens.0"},
        {"min(V, E+3)", "min(text_config.vocab_size, generation_config.suppress_tokens.0+3)"}, {"VV == 7", "VV == 7"}, {"", ""}};
    static const char sum[] = "V+V+V+V+V+V+V+V+V+V+V+V+V";
    char words[VS_RULE_WORDS];
    struct run r = {0};
    enum vs_code code;
    struct vs_rule *rule = parse_rule(text, &r, &code);
    cr_assert_eq(code, VS_OK, "%s", r.err.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(vs_rule_words(rule, cases[i].expression, words), cases[i].words);
    cr_assert_eq(strlen(vs_rule_words(rule, sum, words)), VS_RULE_WORDS - 1); /* cut, not overrun */
    finish(&r);
    vst_cleanup();
}

/* Mirrors that no file has: their class default moves, is written, and is checked like one that was there. */
Test(offsets_layout, absent_mirrors_are_checked_before_and_after)
{
    static const struct file files[] = {{"config.json", "{\"v\": 12}"}, {NULL, NULL}};
    struct vs_buf symbols = {0}, fields = {0};
    struct run r = {0};
    enum vs_code code;
    for (unsigned i = 0; i < 40; i++) {
        vs_buf_printf(&symbols, "\"M%u\": {\"file\": \"config.json\", \"path\": \"/m%u\", \"default\": 12}, ", i, i);
        vs_buf_printf(&fields, "{\"sym\": \"M%u\", \"kind\": \"mirror\", \"of\": \"V\"}, ", i);
    }
    const char *in_symbols = strstr(spellings, "\"V\": {"), *in_fields = strstr(spellings, "{\"sym\": \"V\"");
    const char *text = vst_format("%.*s%s%.*s%s%s", (int)(in_symbols - spellings), spellings, symbols.p, (int)(in_fields - in_symbols), in_symbols,
                                  fields.p, in_fields);
    struct vs_rule *rule = parse_rule(text, &r, &code);
    cr_assert_eq(code, VS_OK, "%s", r.err.message);
    cr_assert_eq(run_rule(&r, rule, files, 3), VS_OK, "%s", r.err.message);
    unsigned mirrors = 0;
    for (uint32_t i = 0; i < r.plan->invariant_count; i++)
        mirrors += strstr(r.plan->invariants[i].text, " == v") != NULL;
    cr_assert_eq(mirrors, 40);
    vs_buf_free(&symbols);
    vs_buf_free(&fields);
    finish(&r);
    vst_cleanup();
}

Test(offsets_layout, damaged_rules)
{
    static const struct { const char *from, *to, *why; } cases[] = {
        {"\"file\": \"config.json\"", "\"file\": \"../config.json\"", "name of a file"}, {"\"path\": \"/v\"", "\"path\": \"v\"", "begins with"},
        {"\"path\": \"/v\"", "\"path\": 3", "\"path\" expected"}, {"\"default\": 10", "\"default\": 1.5", "an integer expected"},
        {"\"extend\": \"text\"", "\"extend\": \"txt\"", "name of a block"}, {"\"sym\": \"V\"", "\"sym\": \"W\"", "name of a symbol"},
        {"\"kind\": \"id\"", "\"kind\": \"idd\"", "\"kind\" of field"}, {"\"kind\": \"id\"", "\"kind\": \"end\"", "name of a block"},
        {"[\"insert_shift\"]", "[\"guess\"]", "strategies are"}, {"\"tensors\": []", "\"tensors\": [{\"name\": \"x\"}]", "needs \"name\" and \"covers\""},
        {"\"invariants\": []", "\"invariants\": [1]", "list of expressions"}, {"\"total\": \"V\"", "\"totl\": \"V\"", "\"total\" expected"},
        {"\"id\": \"two\"", "\"id\": 2", "\"id\" expected"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct run r = {0};
        const char *at = strstr(spellings, cases[i].from);
        enum vs_code code;
        cr_assert(at, "%s", cases[i].from);
        parse_rule(vst_format("%.*s%s%s", (int)(at - spellings), spellings, cases[i].to, at + strlen(cases[i].from)), &r, &code);
        cr_assert_eq(code, VS_EFORMAT, "%s", cases[i].to);
        cr_assert(strstr(r.err.message, cases[i].why), "%s: %s", cases[i].to, r.err.message);
        vs_arena_free(&r.arena);
    }
    vst_cleanup();
}
