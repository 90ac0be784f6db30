/* SPDX-License-Identifier: Apache-2.0
 *
 * The findings of vocab-check in GGUF files: one small file each.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <vs/check.h>
#include "base/str.h"
#include "gguf_file.h"
#include "json/schema.h"
#include "support.h"

#define DIMS(...) (const uint64_t[]){__VA_ARGS__}
static const uint32_t numbers[9] = {0};
static const uint32_t types[] = {2, 3, 3, 6, 1, 1, 1, 5, 1};

static void pass(struct gg *g) { (void)g; }

static void more_rows(struct gg *g)
{
    gg_tensor(g, "token_embd.weight", GG_Q8_0, 2, DIMS(32, 16), NULL, 544);
}

static void fewer_head_rows(struct gg *g) { gg_tensor(g, "output.weight", GG_F16, 2, DIMS(32, 7), NULL, 448); }
static void short_scores(struct gg *g) { gg_numbers(g, "tokenizer.ggml.scores", GG_FLOAT32, numbers, 7); }
static void scores_u32(struct gg *g) { gg_numbers(g, "tokenizer.ggml.scores", GG_U32, numbers, 8); }
static void long_types(struct gg *g) { gg_numbers(g, "tokenizer.ggml.token_type", GG_I32, types, 9); }
static void types_string(struct gg *g) { gg_string(g, "tokenizer.ggml.token_type", "normal"); }
static void other_size(struct gg *g) { gg_u32(g, "llama.vocab_size", 9); }
static void other_width(struct gg *g) { gg_u32(g, "llama.embedding_length", 33); }
static void eos_beyond(struct gg *g) { gg_u32(g, "tokenizer.ggml.eos_token_id", 8); }
static void eos_minus_1(struct gg *g) { gg_u32(g, "tokenizer.ggml.eos_token_id", UINT32_MAX); }
static void fim_beyond(struct gg *g) { gg_u32(g, "tokenizer.ggml.fim_pre_token_id", 4000); }

static void token_twice(struct gg *g)
{
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<0x41>", "\xe2\x96\x81" "a", "b", "b", "[PAD7]"};
    gg_strings(g, "tokenizer.ggml.tokens", tokens, 8);
}

static void padding_as_words(struct gg *g)
{
    static const uint32_t normal[] = {2, 3, 3, 6, 1, 1, 1, 1};
    gg_numbers(g, "tokenizer.ggml.token_type", GG_I32, normal, 8);
}

static void bool_2(struct gg *g)
{
    if (gg_key(g, "tokenizer.ggml.add_eos_token", GG_BOOL))
        gg_number(&g->kv, 2, 1);
}

static void fill_rows(unsigned char blocks[272])
{
    for (int i = 0; i < 272; i++)
        blocks[i] = i % 34 == 1 ? 0x20 : (unsigned char)(i * 7);
}

static void equal_rows(struct gg *g)
{
    unsigned char blocks[272];
    fill_rows(blocks);
    memcpy(blocks + 5 * 34, blocks + 4 * 34, 34);
    gg_tensor(g, "token_embd.weight", GG_Q8_0, 2, DIMS(32, 8), blocks, 272);
}

/* The scale of the first block of row 4 is NaN. */
static void nan_scale(struct gg *g)
{
    unsigned char blocks[272];
    fill_rows(blocks);
    blocks[4 * 34 + 1] = 0x7e;
    gg_tensor(g, "token_embd.weight", GG_Q8_0, 2, DIMS(32, 8), blocks, 272);
}

static const struct {
    const char *name, *rule; enum vs_severity severity;
    const char *file_at, *message; /* where it stands; what it says */
    const char *omit;
    void (*add)(struct gg *g);
    const char *remedy;            /* a part of it */
} cases[] = {
    {"more rows than tokens", "VOC701", VS_ERROR, "token_embd.weight", "the file lists 8 tokens, token_embd.weight has 16 rows", "token_embd.weight", more_rows},
    {"a head of fewer rows", "VOC701", VS_ERROR, "output.weight", "output.weight has 7 rows", "output.weight", fewer_head_rows},
    {"too few scores", "VOC702", VS_ERROR, "tokenizer.ggml.scores", "found 7 entries, expected 8 of type f32", "tokenizer.ggml.scores", short_scores},
    {"scores of another type", "VOC702", VS_ERROR, "tokenizer.ggml.scores", "array of u32, expected 8 of type f32", "tokenizer.ggml.scores", scores_u32},
    {"too many types", "VOC702", VS_ERROR, "tokenizer.ggml.token_type", "found 9 entries", "tokenizer.ggml.token_type", long_types},
    {"types no array", "VOC702", VS_ERROR, "tokenizer.ggml.token_type", "a value of type string", "tokenizer.ggml.token_type", types_string},
    {"another declared size", "VOC703", VS_WARNING, "llama.vocab_size", "llama.vocab_size is 9, the file lists 8 tokens", "llama.vocab_size", other_size},
    {"another width", "VOC114", VS_ERROR, "token_embd.weight", "the table has 32 columns, llama.embedding_length says 33", "llama.embedding_length", other_width,
     "convert the model again"},
    {"end of text beyond the list", "VOC704", VS_ERROR, "tokenizer.ggml.eos_token_id", "is 8, expected an id below 8", "tokenizer.ggml.eos_token_id", eos_beyond},
    {"end of text -1", "VOC704", VS_ERROR, "tokenizer.ggml.eos_token_id", "is 4294967295", "tokenizer.ggml.eos_token_id", eos_minus_1},
    {"a fill-in token beyond the list", "VOC704", VS_ERROR, "tokenizer.ggml.fim_pre_token_id", "is 4000", NULL, fim_beyond},
    {"a token twice", "VOC706", VS_ERROR, "tokenizer.ggml.tokens", "1 token with the text of an earlier one: 6 b; the earlier one is 5 b", "tokenizer.ggml.tokens", token_twice},
    {"placeholders", "VOC707", VS_INFO, "tokenizer.ggml.tokens", "1 placeholder for ids without a token: 7; 0 of them", NULL, pass},
    {"placeholders typed as words", "VOC707", VS_WARNING, "tokenizer.ggml.tokens", "1 of them of another type", "tokenizer.ggml.token_type", padding_as_words},
    {"a bool of 2", "VOC123", VS_WARNING, NULL, "found the bool 2, expected 0 or 1", NULL, bool_2},
    {"a scale that is NaN", "VOC401", VS_WARNING, "token_embd.weight", "1 row with NaN or Inf: 4", "token_embd.weight", nan_scale},
    {"two rows alike", "VOC404", VS_WARNING, "token_embd.weight", "2 tokens share their vector with another one: 4 .. 5", "token_embd.weight", equal_rows,
     "train them in the model that the file was made from, and convert again"},
};

static struct vs_check_result *run_check(const char *path)
{
    struct vs_check_request q = {.path = path, .device = VS_DEVICE_CPU, .fail_on = VS_ERROR};
    struct vs_check_result *r = NULL;
    struct vs_err err = {0};
    cr_assert_eq(vs_check(&q, &(struct vs_run){.threads = 1}, &r, &err), VS_OK, "%s", err.message);
    return r;
}

static const struct vs_finding *find(const struct vs_check_result *r, const char *rule)
{
    for (uint32_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].rule, rule) == 0)
            return &r->findings[i];
    return NULL;
}

Test(gguf_check, findings)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = vst_path(vst_tempdir(), "model.gguf");
        struct gg g = {.version = 3, .omit = cases[i].omit};
        gg_sound(&g);
        g.omit = NULL;
        cases[i].add(&g);
        gg_write(&g, path);
        gg_free(&g);
        struct vs_check_result *r = run_check(path);
        const struct vs_finding *f = find(r, cases[i].rule);
        cr_expect(f, "%s: no %s", cases[i].name, cases[i].rule);
        if (f) {
            cr_expect_eq(f->severity, cases[i].severity, "%s: severity %d", cases[i].name, f->severity);
            cr_expect(strstr(f->message, cases[i].message), "%s: %s", cases[i].name, f->message);
            cr_expect(f->file && strcmp(f->file, "model.gguf") == 0, "%s: file %s", cases[i].name, f->file);
            cr_expect(!cases[i].file_at || (f->at && strcmp(f->at, cases[i].file_at) == 0), "%s: at %s", cases[i].name, f->at);
            cr_expect(!cases[i].remedy || (f->remedy && strstr(f->remedy, cases[i].remedy)), "%s: %s", cases[i].name, f->remedy);
            cr_expect(!strchr(f->message, '{') && !(f->remedy && strchr(f->remedy, '{')), "%s: a value is missing: %s", cases[i].name, f->message);
        }
        for (uint32_t n = 0; n < r->finding_count; n++) /* nothing else is as bad */
            cr_expect(r->findings[n].severity < VS_ERROR || strcmp(r->findings[n].rule, cases[i].rule) == 0, "%s: %s too: %s", cases[i].name,
                      r->findings[n].rule, r->findings[n].message);
        vs_check_free(r);
        vst_cleanup();
    }
}

/* Rules 7xx are about GGUF files alone; the others have their cases in tests/unit/check. */
Test(gguf_check, every_rule_has_a_case)
{
    struct vs_jdoc d = {0};
    struct vs_err err;
    unsigned count = 0;
    cr_assert_eq(vs_data_read(NULL, "rules.json", &d, &err), VS_OK, "%s", err.message);
    for (const struct vs_jval *r = vs_jget(d.root, "rules")->child; r; r = r->next) {
        struct vs_str id, severity;
        bool as_listed = false;
        cr_assert(vs_jstr(vs_jget(r, "id"), &id) && vs_jstr(vs_jget(r, "severity"), &severity));
        if (!vs_str_starts(id, VS_LIT("VOC7")))
            continue;
        count++;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            as_listed |= vs_str_is(id, cases[i].rule) && vs_str_is(severity, vs_severity_name(cases[i].severity));
        cr_expect(as_listed, "%.*s has no case of the severity that rules.json gives it", VS_STR(id));
    }
    cr_expect_geq(count, 6u);
    vs_jdoc_free(&d);
    vst_cleanup();
}

Test(gguf_check, sound)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct gg g = {.version = 3};
    gg_sound(&g);
    gg_write(&g, path);
    gg_free(&g);
    struct vs_check_result *r = run_check(path);
    for (uint32_t i = 0; i < r->finding_count; i++)
        cr_expect(r->findings[i].severity < VS_WARNING, "%s: %s", r->findings[i].rule, r->findings[i].message);
    cr_expect_eq(r->levels[0].state, VS_PASS);
    cr_expect_eq(r->levels[1].state, VS_NOT_RUN);
    cr_expect_eq(r->levels[2].state, VS_PASS, "%s", r->levels[2].why ? r->levels[2].why : "");
    cr_expect_eq(r->gather.bad_count, 0);
    vs_check_free(r);
    vst_cleanup();
}

static void check_against(const char *path, const char *base, struct vs_check_result **r)
{
    struct vs_check_request q = {.path = path, .base = base, .device = VS_DEVICE_CPU, .fail_on = VS_ERROR};
    struct vs_err err = {0};
    cr_assert_eq(vs_check(&q, &(struct vs_run){.threads = 1}, r, &err), VS_OK, "%s", err.message);
}

/* A key that the architecture computes with is part of the proof; a name or a token is not. */
Test(gguf_check, keys_of_the_base)
{
    static const struct { const char *key; uint32_t value; const char *found, *expected; } edits[] = {
        {"llama.embedding_length", 64, "64 (u32)", "32 (u32)"},
        {"llama.block_count", 3, "3 (u32)", "absent"},
        {"general.quantization_version", 2, NULL, NULL},
        {"tokenizer.ggml.eos_token_id", 1, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        const char *dir = vst_tempdir(), *path = vst_path(dir, "model.gguf"), *base = vst_path(dir, "base.gguf");
        struct gg g = {.version = 3}, h = {.version = 3, .omit = edits[i].key};
        struct vs_check_result *r = NULL;
        gg_sound(&g);
        gg_write(&g, base);
        gg_sound(&h);
        memcpy(h.data.p, g.data.p, g.data.n);
        h.omit = NULL;
        gg_u32(&h, edits[i].key, edits[i].value);
        gg_write(&h, path);
        gg_free(&g);
        gg_free(&h);
        check_against(path, base, &r);
        const struct vs_finding *f = find(r, "VOC122");
        cr_expect_eq(f != NULL, edits[i].found != NULL, "%s", edits[i].key);
        cr_expect_eq(r->levels[1].state, edits[i].found ? VS_FAIL : VS_PASS, "%s", edits[i].key);
        if (f && edits[i].found)
            cr_expect(strcmp(f->at, edits[i].key) == 0 && strcmp(f->found, edits[i].found) == 0 && strcmp(f->expected, edits[i].expected) == 0,
                      "%s: found %s, expected %s", f->at, f->found, f->expected);
        vs_check_free(r);
        vst_cleanup();
    }
}

Test(gguf_check, base_of_another_format)
{
    const char *dir = vst_tempdir(), *path = vst_path(dir, "model.gguf"), *base = vst_path(dir, "base.safetensors");
    struct gg g = {.version = 3};
    struct vs_check_result *r = NULL;
    gg_sound(&g);
    gg_write(&g, path);
    gg_free(&g);
    vst_write_safetensors(base, &(struct vst_tensor){"model.embed_tokens.weight", "F32", {8, 32}, 2, NULL}, 1, NULL);
    check_against(path, base, &r);
    cr_expect_eq(r->levels[1].state, VS_NOT_RUN);
    cr_expect_str_eq(r->levels[1].why, "the base is of another format");
    cr_expect_eq(r->levels[2].state, VS_PASS);
    cr_expect_eq(find(r, "VOC418"), NULL);
    vs_check_free(r);
    vst_cleanup();
}

/* Against itself every byte is proven, quantised rows in their stored form; against another one a changed row is named. */
Test(gguf_check, base)
{
    const char *dir = vst_tempdir(), *path = vst_path(dir, "model.gguf"), *changed = vst_path(dir, "changed.gguf");
    struct gg g = {.version = 3};
    gg_sound(&g);
    gg_write(&g, path);
    g.data.p[2 * 34 + 5] ^= 1; /* of row 2 */
    gg_write(&g, changed);
    gg_free(&g);
    struct vs_check_request q = {.path = path, .base = path, .device = VS_DEVICE_CPU, .fail_on = VS_ERROR};
    struct vs_check_result *r = NULL;
    struct vs_err err = {0};
    cr_assert_eq(vs_check(&q, &(struct vs_run){.threads = 1}, &r, &err), VS_OK, "%s", err.message);
    cr_expect_eq(r->levels[1].state, VS_PASS);
    vs_check_free(r);
    q.path = changed;
    cr_assert_eq(vs_check(&q, &(struct vs_run){.threads = 1}, &r, &err), VS_OK, "%s", err.message);
    cr_expect_eq(r->levels[1].state, VS_FAIL);
    const struct vs_finding *f = find(r, "VOC413");
    cr_assert(f);
    cr_expect(strstr(f->message, "1 frozen row differs from the base: 2"), "%s", f->message);
    vs_check_free(r);
    vst_cleanup();
}
