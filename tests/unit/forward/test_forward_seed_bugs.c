/* SPDX-License-Identifier: Apache-2.0
 *
 * Bugs that were seen in extended models, one fixture each, under a check that runs the model: each has a finding of its own, which
 * no other bug of the table sets off and no healthy model has.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"
#include "fixture.h"
#include "support.h"

/* Sizes of the published models, where the numbers are the point: tokens and rows of Qwen2.5; ids of the text in Gemma3n. */
#define QWEN_WORDS 151665u
#define QWEN_ROWS 151936u
#define GEMMA_TEXT 262144u
#define GEMMA_BLOCK 128u /* ids of the vision, and of the audio, behind the text */
#define GEMMA_COLS 8u
#define GEMMA_NEW 64u    /* new ids of the text */

#define EMBED "model.embed_tokens.weight"
#define HEAD "lm_head.weight"
#define BIAS "model.layers.1.self_attn.q_proj.bias"
#define UP "model.layers.1.mlp.up_proj.weight"
#define PLE "model.language_model.embed_tokens_per_layer.weight"
#define THETA "\"rope_theta\": 10000.0"
#define SCALED THETA ", \"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": 4.0}"
#define GROWN .rows = 48, .words = 44

enum change { AS_IT_IS, FLIP_BYTE, SWAP_ROWS, LONG_ROW };
enum side { ALONE, BASE, BASE_AND_MAP };

struct seed_bug {
    const char *name, *rule, *at;
    enum side side;
    struct tiny healthy, broken;      /* with BASE the healthy model is the base too; with BASE_AND_MAP the base has ROWS rows */
    enum change change;               /* what is done to rows, or a byte, of the broken one's tensor afterwards */
    const char *tensor; uint64_t row;
    unsigned ple_rows;                /* a grown Gemma3n with so many instead */
    const char *run, *run_at;         /* what the run says about it besides; NULL: nothing is asked */
};

static const struct seed_bug bugs[] = {
    {"a Qwen2.5 whose head has a row for each word only", "VOC104", HEAD,
     .healthy = {.kind = QWEN2, .rows = QWEN_ROWS, .words = QWEN_WORDS}, .broken = {.kind = QWEN2, .rows = QWEN_ROWS, .words = QWEN_WORDS, .head_rows = 151643}},
    {"live padding logits", "VOC427", HEAD,
     .healthy = {.words = 36}, .broken = {.words = 36, .poke = HEAD, .poke_at = 38 * HIDDEN, .poke_value = 9, .poke_count = HIDDEN}},
    {"a dropped bias", "VOC422", BIAS, .healthy = {.kind = QWEN2}, .broken = {.kind = QWEN2, .drop = BIAS}},
    {"a lying tie flag", "VOC409", "/tie_word_embeddings", .broken = {.from = "embeddings\": false", .to = "embeddings\": true"}},
    {"a new row NaN", "VOC401", EMBED, BASE_AND_MAP, {GROWN}, {GROWN, .poke = EMBED, .poke_at = 41 * HIDDEN + 3, .poke_value = NAN}, .run = "VOC425", .run_at = EMBED},
    {"a new row 100 times too long", "VOC411", EMBED, BASE_AND_MAP, {GROWN}, {GROWN}, LONG_ROW, EMBED, 41},
    {"a Gemma3n whose per-layer table was not grown", "VOC506", PLE, .ple_rows = GEMMA_TEXT},
    {"one byte of the trunk", "VOC415", UP, BASE, {0}, {0}, FLIP_BYTE, UP, 5, .run = "VOC430", .run_at = "layer 1"},
    {"two rows swapped", "VOC413", EMBED, BASE, {0}, {0}, SWAP_ROWS, EMBED, 7, .run = "VOC430", .run_at = "embedded tokens"},
    {"vocab_size one too small", "VOC103", "/vocab_size", .broken = {.from = "size\": 40", .to = "size\": 39"}},
    {"vocab_size one too large", "VOC103", "/vocab_size", .broken = {.from = "size\": 40", .to = "size\": 41"}},
    {"rope_scaling dropped", "VOC122", "/rope_scaling", BASE, {.from = THETA, .to = SCALED}, {0}, .run = "VOC430", .run_at = "layer 0"},
};
#define BUGS (sizeof bugs / sizeof *bugs)
#define SEEDS 7 /* the first of them were found in models that people use; the others are made up to test the check */

/* ---- fixtures ---- */

static void change_rows(const char *dir, enum change change, const char *tensor, uint64_t row)
{
    struct vs_checkpoint *c;
    struct vs_err err = {0};
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &c, &err), VS_OK, "%s", err.message);
    const struct vs_tensor *t = vs_checkpoint_tensor(c, vs_cstr(tensor));
    cr_assert(t, "no tensor %s", tensor);
    size_t n, bytes = t->shape[1] * sizeof(float);
    char *file = vst_read(c->files[t->file].path, &n), *at = file + t->begin + row * bytes;
    if (change == FLIP_BYTE)
        at[2] ^= 0x40;
    for (uint64_t i = 0; i < t->shape[1]; i++) {
        float here, next;
        memcpy(&here, at + i * sizeof here, sizeof here);
        memcpy(&next, at + bytes + i * sizeof next, sizeof next);
        if (change == SWAP_ROWS)
            memcpy(at + bytes + i * sizeof here, &here, sizeof here);
        here = change == LONG_ROW ? 100 * here : change == SWAP_ROWS ? next : here;
        memcpy(at + i * sizeof here, &here, sizeof here);
    }
    vst_write(c->files[t->file].path, file, n);
    vs_checkpoint_close(c);
}

/* Token i behind the text: four have names that the family looks for. */
static const char *block_token(unsigned i)
{
    switch (i) {
    case 0: return "<end_of_image>";
    case 1: return "<image_soft_token>";
    case GEMMA_BLOCK: return "<end_of_audio>";
    case GEMMA_BLOCK + 1: return "<audio_soft_token>";
    default: return vst_format("<b%u>", i);
    }
}

static void write_gemma_tokenizer(const char *dir, unsigned text, unsigned end)
{
    char *json = NULL;
    size_t n;
    FILE *f = open_memstream(&json, &n);
    fputs("{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": [", f);
    for (unsigned id = text; id < end; id++)
        fprintf(f, "%s{\"id\": %u, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": true}",
                id == text ? "" : ",\n", id, block_token(id - text));
    fputs("], \"normalizer\": null, \"pre_tokenizer\": {\"type\": \"WhitespaceSplit\"}, \"post_processor\": null, \"decoder\": null,\n"
          "\"model\": {\"type\": \"WordLevel\", \"unk_token\": \"t0\", \"vocab\": {", f);
    for (unsigned id = 0; id < text; id++)
        fprintf(f, "%s\"t%u\": %u", id ? ", " : "", id, id);
    fputs("}}}\n", f);
    fclose(f);
    vst_write_text(vst_path(dir, "tokenizer.json"), json);
    free(json);
}

/* Tables of a Gemma3n with new text before its blocks; no trunk, which is not described anyway. */
static const char *make_gemma3n(unsigned ple_rows)
{
    const unsigned text = GEMMA_TEXT + GEMMA_NEW, audio = text + GEMMA_BLOCK, end = audio + GEMMA_BLOCK;
    const char *dir = vst_tempdir();
    const struct vst_tensor tensors[] = {
        {"model.embed_audio.embedding.weight", "F32", {GEMMA_BLOCK, GEMMA_COLS}, 2, NULL},
        {"model.embed_vision.embedding.weight", "F32", {GEMMA_BLOCK, GEMMA_COLS}, 2, NULL},
        {"model.language_model.embed_tokens.weight", "F32", {end, GEMMA_COLS}, 2, NULL},
        {PLE, "F32", {ple_rows, GEMMA_COLS}, 2, NULL},
        {"model.language_model.norm.weight", "F32", {GEMMA_COLS}, 1, NULL},
    };
    vst_write_safetensors(vst_path(dir, "model.safetensors"), tensors, sizeof tensors / sizeof *tensors, NULL);
    vst_write_text(vst_path(dir, "config.json"), vst_format(
        "{\"model_type\": \"gemma3n\", \"audio_config\": {\"vocab_offset\": %u, \"vocab_size\": %u}, \"audio_token_id\": %u, \"boa_token_id\": 256000,\n"
        "\"boi_token_id\": 255999, \"eoa_token_id\": %u, \"eoi_token_id\": %u, \"image_token_id\": %u, \"tie_word_embeddings\": true,\n"
        "\"text_config\": {\"hidden_size\": %u, \"vocab_size\": %u, \"vocab_size_per_layer_input\": %u},\n"
        "\"vision_config\": {\"vocab_offset\": %u, \"vocab_size\": %u}}\n",
        audio, GEMMA_BLOCK, audio + 1, audio, text, text + 1, GEMMA_COLS, end, text, text, GEMMA_BLOCK));
    write_gemma_tokenizer(dir, text, end);
    return dir;
}

static struct vs_check_result *check_bug(const struct seed_bug *b, bool broken)
{
    const struct vs_forward_request run = {0};
    if (b->ple_rows)
        return run_check(make_gemma3n(broken ? b->ple_rows : GEMMA_TEXT + GEMMA_NEW), NULL, NULL, &run, 0);
    const char *dir = make_tiny(broken ? &b->broken : &b->healthy), *base = NULL, *map = NULL;
    if (broken && b->change)
        change_rows(dir, b->change, b->tensor, b->row);
    if (b->side == BASE)
        base = make_tiny(&b->healthy);
    if (b->side == BASE_AND_MAP) {
        base = make_tiny(&(struct tiny){.kind = b->healthy.kind});
        map = tiny_map(base, ROWS, b->healthy.words - ROWS);
    }
    return run_check(dir, base, map, &run, 0);
}

/* ---- what is said ---- */

static bool says_at(const struct vs_check_result *r, const char *rule, const char *at)
{
    for (uint32_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].rule, rule) == 0 && r->findings[i].at && strcmp(r->findings[i].at, at) == 0)
            return true;
    return false;
}

static const char *listed(const struct vs_check_result *r)
{
    const char *text = "";
    for (uint32_t i = 0; i < r->finding_count; i++)
        text = vst_format("%s\n  %s %s: %s", text, r->findings[i].rule, r->findings[i].at ? r->findings[i].at : "-", r->findings[i].message);
    return text;
}

/* None of the table's rules but this one; NULL: none at all. */
static void expect_only(const struct seed_bug *b, const char *rule, const struct vs_check_result *r)
{
    for (size_t i = 0; i < BUGS; i++)
        cr_expect((rule && strcmp(rule, bugs[i].rule) == 0) || !says(r, bugs[i].rule), "%s: %s as well:%s", b->name, bugs[i].rule, listed(r));
}

Test(seed_bugs, each_gives_its_own_finding, .timeout = 100)
{
    for (size_t i = 0; i < BUGS; i++) {
        const struct seed_bug *b = &bugs[i];
        struct vs_check_result *r = check_bug(b, true);
        cr_expect(says_at(r, b->rule, b->at), "%s: no %s at %s:%s", b->name, b->rule, b->at, listed(r));
        cr_expect(!b->run || says_at(r, b->run, b->run_at), "%s: no %s at %s:%s", b->name, b->run, b->run_at, listed(r));
        cr_expect(strcmp(b->rule, "VOC427") != 0 || r->levels[3].state == VS_FAIL, "%s: L3 is %d", b->name, (int)r->levels[3].state);
        cr_expect(b->side != BASE || r->levels[4].state == VS_FAIL, "%s: L4 is %d", b->name, (int)r->levels[4].state);
        expect_only(b, b->rule, r);
        vs_check_free(r);
    }
    vst_cleanup();
}

Test(seed_bugs, the_healthy_models_give_none, .timeout = 100)
{
    for (size_t i = 0; i < BUGS; i++) {
        struct vs_check_result *r = check_bug(&bugs[i], false);
        expect_only(&bugs[i], NULL, r);
        cr_expect(bugs[i].side != BASE || r->levels[1].state == VS_PASS, "%s: L1:%s", bugs[i].name, listed(r));
        cr_expect_eq(r->levels[0].state, VS_PASS, "%s: L0:%s", bugs[i].name, listed(r));
        cr_expect(bugs[i].ple_rows || r->levels[3].state == VS_PASS, "%s: L3: %s%s", bugs[i].name, r->levels[3].why ? r->levels[3].why : "", listed(r));
        vs_check_free(r);
    }
    vst_cleanup();
}

/* Two directions of one mistake share a rule; nothing else does. */
Test(seed_bugs, no_two_share_a_rule)
{
    for (size_t i = 0; i < BUGS; i++)
        for (size_t j = i + 1; j < BUGS; j++)
            cr_expect(strcmp(bugs[i].rule, bugs[j].rule) != 0 || (i >= SEEDS && strcmp(bugs[i].at, "/vocab_size") == 0), "%s and %s", bugs[i].name, bugs[j].name);
}
