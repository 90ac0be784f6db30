/* SPDX-License-Identifier: Apache-2.0
 *
 * What is done to a model, and what a run must say then: one line a rule. And the levels that a run stands for.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <vs/report.h>
#include "fixture.h"
#include "base/io.h"
#include "base/str.h"
#include "gguf_file.h"
#include "json/schema.h"
#include "support.h"

#define QUANTISED(method) .from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000.0, \"quantization_config\": {" method "}"
#define GPTQ QUANTISED("\"quant_method\": \"gptq\"")
#define NORM1 "model.layers.1.input_layernorm.weight"

struct broken { const char *rule; struct tiny tiny, base; bool against, grown; const char *prompts; enum vs_level_state l3, l4; const char *at; };

static const struct broken table[] = {
    {"VOC419", {.extra = "model.layers.0.altup.weight"}, .at = "model.layers.0.altup.weight"},
    {"VOC419", {.from = "\"llama\"", .to = "\"mystery\""}, .at = "/model_type"},
    {"VOC419", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000.0, \"hidden_act\": \"mish\""}, .at = "hidden_act"},
    {"VOC419", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000.0, \"rope_scaling\": {\"rope_type\": \"spiral\"}"}, .at = "rope_scaling.rope_type"},
    {"VOC419", {.from = "layers\": 3", .to = "layers\": 2", .extra = "model.layers.2.eh_proj.weight"}, .at = "model.layers.2.eh_proj.weight"},
    {"VOC419", {GPTQ, .drop = "model.layers.2.mlp.up_proj.weight", .extra = "model.layers.2.mlp.up_proj.qweight"}, .at = "quantization_config"},
    {"VOC419", {QUANTISED("\"quant_method\": \"fp8\""), .extra = "model.layers.0.mlp.up_proj.weight_scale_inv"}, .at = "quantization_config"},
    {"VOC419", {QUANTISED("\"load_in_8bit\": true"), .as_i32 = "model.layers.0.mlp.up_proj.weight"}, .at = "quantization_config"},
    {"VOC419", {QUANTISED("\"quant_method\": \"mxfp4\""), .extra = "model.layers.0.mlp.up_proj.weight.absmax"}, .at = "quantization_config"},
    {"VOC419", {GPTQ, .extra = "model.layers.0.altup.weight"}, .at = "model.layers.0.altup.weight"},
    {"VOC420", {.from = "layers\": 3", .to = "layers\": 1"}, .at = "num_hidden_layers"},
    {"VOC420", {.kind = BERT, .from = "layers\": 3", .to = "layers\": 2"}, .at = "num_hidden_layers"},
    {"VOC420", {.kind = QWEN2_MOE, .from = "layers\": 3", .to = "layers\": 2", .extra = "model.layers.0.odd.weight"}, .at = "num_hidden_layers"},
    {"VOC421", {.from = "heads\": 2", .to = "heads\": 3"}, .at = "num_key_value_heads"},
    {"VOC421", {.from = "layers\": 3", .to = "layers\": 0"}, .at = "num_hidden_layers"},
    {"VOC421", {.from = "head_dim\": 6", .to = "head_dim\": 4294967302"}, .at = "head_dim"},
    {"VOC421", {.from = "layers\": 3", .to = "layers\": 4294967299"}, .at = "num_hidden_layers"},
    {"VOC421", {.from = "head_dim\": 6", .to = "head_dim\": 0"}, .at = "head_dim"},
    {"VOC421", {.from = "layers\": 3", .to = "layers\": 65536"}, .at = "num_hidden_layers"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000.0, \"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1, 2], \"long_factor\": [1, 2, 3]}"}, .at = "rope_scaling.short_factor"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000.0, \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 1e-9}"}, .at = "rope_scaling.factor"},
    {"VOC419", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_parameters\": {\"type\": \"spiral\"}"}, .at = "rope_parameters.type"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": -1.0"}, .at = "rope_theta"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_parameters\": {\"full_attention\": {\"rope_theta\": 0}}"}, .at = "rope_parameters.full_attention"},
    {"VOC421", {.from = "\"llama\"", .to = "\"gemma3_text\", \"rope_parameters\": {\"full_attention\": {\"rope_theta\": 0}}"},
     .at = "rope_parameters.full_attention.rope_theta"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, \"partial_rotary_factor\": 0.1"}, .at = "partial_rotary_factor"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 2, \"low_freq_factor\": 4, \"high_freq_factor\": 1}"},
     .at = "rope_scaling.high_freq_factor"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2, \"beta_slow\": -1}"}, .at = "rope_scaling.beta_slow"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"original_max_position_embeddings\": -8, \"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2}"}, .at = "original_max_position_embeddings"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_scaling\": {\"rope_type\": 7}"}, .at = "rope_scaling.rope_type"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_parameters\": {\"rope_type\": \"linear\", \"factor\": 2, \"partial_rotary_factor\": 0.1}"}, .at = "rope_parameters.partial_rotary_factor"},
    {"VOC421", {.from = "head_dim\": 6", .to = "head_dim\": 1"}, .at = "head_dim"},
    {"VOC421", {.from = "\"rope_theta\": 10000.0", .to = "\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1, 2, 0], \"long_factor\": [1, 2, 3]}"},
     .at = "rope_scaling.short_factor"},
    {"VOC421", {.from = "\"llama\"", .to = "\"gemma3_text\", \"rope_local_base_freq\": -1"}, .at = "rope_local_base_freq"},
    {"VOC421", {.kind = GEMMA2, .from = "\"sliding_window\": 3", .to = "\"sliding_window\": 3, \"layer_types\": [\"full_attention\"]"}, .at = "layer_types"},
    {"VOC422", {.kind = QWEN2, .drop = "model.layers.1.self_attn.q_proj.bias"}, .at = "model.layers.1.self_attn.q_proj.bias"},
    {"VOC422", {.drop = "model.layers.2.mlp.up_proj.weight"}, .at = "model.layers.2.mlp.up_proj.weight"},
    {"VOC422", {.from = "layers\": 3", .to = "layers\": 4"}, .at = "model.layers.3.input_layernorm.weight"},
    {"VOC422", {GPTQ, .drop = "model.layers.2.mlp.up_proj.weight"}, .at = "model.layers.2.mlp.up_proj.weight"},
    {"VOC422", {.kind = QWEN2, .drop = "model.layers.1.self_attn.q_proj.weight"}, .at = "model.layers.1.self_attn.q_proj.weight"},
    {"VOC423", {.from = "intermediate_size\": 23", .to = "intermediate_size\": 24, \"quantization_config\": {}"}, .at = "model.layers.0.mlp.gate_proj.weight"},
    {"VOC423", {.from = "intermediate_size\": 23", .to = "intermediate_size\": 24"}, .at = "model.layers.0.mlp.gate_proj.weight"},
    {"VOC421", {.from = "head_dim\": 6", .to = "head_dim\": 5"}, .at = "head_dim"},
    {"VOC423", {.from = "head_dim\": 6", .to = "head_dim\": 4"}, .at = "model.layers.0.self_attn.q_proj.weight"},
    {"VOC423", {.from = "value_heads\": 2", .to = "value_heads\": 1"}, .at = "model.layers.0.self_attn.k_proj.weight"},
    {"VOC423", {.kind = QWEN2, .from = "hidden_size\": 20", .to = "hidden_size\": 24"}, .at = "model.embed_tokens.weight"},
    {"VOC424", {.as_i32 = "model.layers.0.mlp.up_proj.weight"}, .at = "model.layers.0.mlp.up_proj.weight"},
    {"VOC425", {.poke = NORM1, .poke_value = NAN}, .l3 = VS_FAIL, .at = NORM1},
    {"VOC426", {.poke = "lm_head.weight", .poke_at = 5 * HIDDEN, .poke_value = INFINITY}, .l3 = VS_FAIL, .at = "lm_head.weight"},
    {"VOC427", {.words = 36, .poke = "lm_head.weight", .poke_at = 38 * HIDDEN, .poke_value = 9, .poke_count = HIDDEN}, .l3 = VS_FAIL, .at = "lm_head.weight"},
    {"VOC428", {.poke = "lm_head.weight", .poke_at = 3 * HIDDEN, .poke_value = 2}, .against = true, .l4 = VS_FAIL, .at = "lm_head.weight"},
    {"VOC429", {.rows = 48, .words = 44, .poke = "lm_head.weight", .poke_at = 41 * HIDDEN, .poke_value = 9, .poke_count = HIDDEN}, .against = true, .grown = true, .l3 = VS_PASS, .at = "lm_head.weight"},
    {"VOC430", {.poke = NORM1, .poke_at = 2, .poke_value = 2}, .against = true, .l4 = VS_FAIL, .at = "layer 1"},
    {"VOC431", {0}, .prompts = "1 2 40", .l3 = VS_PASS, .at = "prompt 1, position 2"},
    {"VOC431", {0}, .prompts = "-1", .l3 = VS_PASS, .at = "prompt 1, position 0"},
    {"VOC431", {0}, .prompts = "3\n99999999999999999999", .l3 = VS_PASS, .at = "prompt 2, position 0"},
    {"VOC432", {.words = 36}, .prompts = "1 37", .l3 = VS_PASS, .at = "prompt 1, position 1"},
    {"VOC431", {.extra = "model.layers.0.altup.weight"}, .prompts = "1 2 40", .at = "prompt 1, position 2"},
    {"VOC432", {.words = 36, .from = "layers\": 3", .to = "layers\": 4"}, .prompts = "1\n37", .at = "prompt 2, position 0"},
    {"VOC433", {.from = "embeddings\": 64", .to = "embeddings\": 9"}, .prompts = "1 2 3 4 5 6 7 8 9 10", .l3 = VS_PASS, .at = "prompt 1, position 9"},
};
#define CASES (sizeof table / sizeof *table)

static const struct vs_finding *find(const struct vs_check_result *r, const char *rule)
{
    for (uint32_t i = 0; i < r->finding_count; i++)
        if (strcmp(r->findings[i].rule, rule) == 0)
            return &r->findings[i];
    return NULL;
}

Test(forward_rules, each)
{
    for (size_t i = 0; i < CASES; i++) {
        const struct broken *b = &table[i];
        const char *dir = make_tiny(&b->tiny), *base = b->against ? make_tiny(&b->base) : NULL, *map = b->grown ? tiny_map(base, ROWS, 4) : NULL;
        struct vs_check_result *r = run_check(dir, base, map, &(struct vs_forward_request){.prompt_ids = ONE_LIST(b->prompts)}, 0);
        const struct vs_finding *f = find(r, b->rule);
        cr_expect(f, "case %zu: no %s", i, b->rule);
        if (f && b->at)
            cr_expect(f->at && strcmp(f->at, b->at) == 0, "case %zu: %s at %s, not at %s", i, b->rule, f->at ? f->at : "nowhere", b->at);
        cr_expect_eq(r->levels[3].state, b->l3, "case %zu, %s: L3 is %d", i, b->rule, (int)r->levels[3].state);
        cr_expect_eq(r->levels[4].state, b->l4, "case %zu, %s: L4 is %d", i, b->rule, (int)r->levels[4].state);
        cr_expect(r->levels[3].state != VS_NOT_RUN || r->levels[3].why, "case %zu", i);
        cr_expect(!f || f->severity == VS_ERROR || r->verdict == VS_ERROR || r->levels[3].state != VS_FAIL || says(r, "VOC427"), "case %zu: a warning fails L3", i);
        cr_expect(strncmp(b->rule, "VOC421", 5) != 0 || b->rule[5] < '1' || b->rule[5] > '4' || r->levels[0].state != VS_PASS, "case %zu: L0 passes", i);
        vs_check_free(r);
    }
    vst_cleanup();
}

Test(forward_rules, healthy_models_have_no_findings)
{
    struct vs_jdoc d = {0};
    struct vs_err err;
    cr_assert_eq(vs_data_read(NULL, "rules.json", &d, &err), VS_OK, "%s", err.message);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct vs_check_result *r = run_check(make_tiny(&(struct tiny){.kind = kind, .tied = kind == GEMMA2}), NULL, NULL, &(struct vs_forward_request){0}, 0);
        for (const struct vs_jval *rule = vs_jget(d.root, "rules")->child; rule; rule = rule->next) {
            char id[8] = "";
            memcpy(id, vs_jget(rule, "id")->str.p, 6);
            cr_expect(!vs_jget(rule, "needs") || !says(r, id), "kind %d: %s", (int)kind, id);
        }
        cr_expect_eq(r->levels[3].state, VS_PASS);
        vs_check_free(r);
    }
    vs_jdoc_free(&d);
    vst_cleanup();
}

/* What the config calls quantised is said to be that; and weights of another form do not hinder whoever has them. */
Test(forward_rules, quantised)
{
    struct tiny odd = {GPTQ, .drop = "model.layers.2.mlp.up_proj.weight", .extra = "model.layers.2.mlp.up_proj.qweight"}, plain = {GPTQ};
    struct vs_check_result *r = run_check(make_tiny(&odd), NULL, NULL, &(struct vs_forward_request){0}, 0);
    cr_expect_eq(r->levels[3].state, VS_NOT_RUN);
    cr_expect_str_eq(r->levels[3].why, "the weights are quantised (quant_method gptq)");
    cr_expect(r->levels[0].state == VS_PASS && r->levels[2].state == VS_PASS && r->verdict == VS_INFO);
    vs_check_free(r);
    r = run_check(make_tiny(&plain), NULL, NULL, &(struct vs_forward_request){0}, 0);
    cr_expect_eq(r->levels[3].state, VS_PASS);
    vs_check_free(r);
    vst_cleanup();
}

/* Bytes proved equal: one run stands for both, old logits are the base's to the last bit, with text appended or inserted. */
Test(forward_rules, extended_by_appending)
{
    const char *base = make_tiny(&(struct tiny){.kind = QWEN2}), *dir = make_tiny(&(struct tiny){.kind = QWEN2, .rows = 48, .words = 44});
    struct vs_check_result *r = run_check(dir, base, tiny_map(base, ROWS, 4), &(struct vs_forward_request){0}, 0);
    cr_expect_eq(r->levels[1].state, VS_PASS);
    cr_expect_eq(r->levels[3].state, VS_PASS);
    cr_expect_eq(r->levels[4].state, VS_NOT_RUN);
    cr_expect_not(says(r, "VOC428"));
    cr_assert(r->forward);
    cr_expect(r->forward->mass_new_max > 0 && r->forward->mass_new_max < 1);
    cr_expect(fabs(r->forward->kl_max + log1p(-r->forward->mass_new_max)) < 1e-12);
    cr_expect_eq(r->forward->first_differing_stage, VS_STAGE_NONE);
    cr_expect(r->forward->mass_surplus_max > 0);
    vs_check_free(r);
    vst_cleanup();
}

/* A value that is none: the key, what stands there, and what should. From one text of the config to another. */
static const struct { enum kind kind; const char *from, *to, *message; } values[] = {
#define ROPE "\"rope_theta\": 10000.0"
#define EPS "\"rms_norm_eps\": 1e-06"
    {LLAMA, "layers\": 3", "layers\": -1", "num_hidden_layers: found -1, expected a whole number from 1 to 65536"},
    {LLAMA, "layers\": 3", "layers\": 1.5", "num_hidden_layers: found 1.5, expected a whole number from 1 to 65536"},
    {LLAMA, "layers\": 3", "layers\": \"1\"", "num_hidden_layers: found \"1\", expected a whole number from 1 to 65536"},
    {LLAMA, "layers\": 3", "layers\": null", "num_hidden_layers: found null, expected a whole number from 1 to 65536"},
    {LLAMA, "layers\": 3", "layers\": 18446744073709551616", "num_hidden_layers: found 18446744073709551616, expected a whole number from 1 to 65536"},
    {LLAMA, "heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 6", "heads\": 3", "num_attention_heads: found 3, expected a divisor of the hidden size, 20, or head_dim beside it"},
    {LLAMA, "heads\": 2", "heads\": 3", "num_key_value_heads: found 3, expected a divisor of num_attention_heads, 4"},
    {LLAMA, EPS, "\"rms_norm_eps\": \"x\"", "rms_norm_eps: found \"x\", expected a number"},
    {LLAMA, EPS, "\"rms_norm_eps\": -1", "rms_norm_eps: found -1, expected a number from 0 on"},
    {LLAMA, EPS, "\"rms_norm_eps\": null", "rms_norm_eps: found null, expected a number"},
    {LLAMA, ROPE, "\"attention_bias\": \"no\"", "attention_bias: found \"no\", expected true or false"},
    {LLAMA, ROPE, "\"hidden_act\": [\"silu\"]", "hidden_act: found [\"silu\"], expected the name of an activation"},
    {LLAMA, ROPE, "\"rope_scaling\": \"linear\"", "rope_scaling: found \"linear\", expected an object: rope_type and its numbers"},
    {LLAMA, ROPE, "\"rope_scaling\": [1]", "rope_scaling: found [1], expected an object: rope_type and its numbers"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"type\": \"linear\"}", "rope_scaling.factor: found absent, expected a number"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"type\": \"linear\", \"factor\": \"2\"}", "rope_scaling.factor: found \"2\", expected a number"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8}", "rope_scaling.low_freq_factor: found absent, expected a number"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1}", "rope_scaling.high_freq_factor: found absent, expected a number"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"yarn\"}", "rope_scaling.factor: found absent, expected a number"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": 2, \"truncate\": \"no\"}", "rope_scaling.truncate: found \"no\", expected true or false"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": null}", "rope_scaling.rope_type: found null, expected the name of a scaling"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1, \"b\", 1], \"long_factor\": [1, 1, 1]}",
     "rope_scaling.short_factor: found \"b\" for pair 1, expected 3 positive numbers, one for each pair of 6 rotated dimensions"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1, 1, 1], \"long_factor\": [1, 1, -2]}",
     "rope_scaling.long_factor: found -2 for pair 2, expected 3 positive numbers, one for each pair of 6 rotated dimensions"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1, 1], \"long_factor\": [1, 1, 1]}",
     "rope_scaling.short_factor: found 2 values, expected 3 positive numbers, one for each pair of 6 rotated dimensions"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"rope_type\": \"longrope\"}", "rope_scaling.short_factor: found absent, expected 3 positive numbers, one for each pair of 6 rotated dimensions"},
    {LLAMA, ROPE, "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, \"partial_rotary_factor\": 0.5", "partial_rotary_factor: found 0.5, expected 1: all 6 dimensions of a head are rotated"},
    {LLAMA, ROPE, "\"rope_theta\": null", "rope_theta: found null, expected a number"},
    {GEMMA2, "\"query_pre_attn_scalar\": 9", "\"query_pre_attn_scalar\": 0", "query_pre_attn_scalar: found 0, expected a number above 0"},
    {GEMMA2, "\"sliding_window\": 3", "\"sliding_window\": null", "sliding_window: found null, expected a number above 0: layer 0 is sliding_attention"},
    {QWEN3, "head_dim\": 6", "head_dim\": null", "head_dim: found null, expected a whole number from 1 to 65536"},
    {QWEN2_MOE, "per_tok\": 2", "per_tok\": 6", "num_experts_per_tok: found 6, expected a whole number from 1 to the 5 experts"},
    {LLAMA, ROPE, "\"mlp_bias\": \"\\u001b[31m 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\"",
     "mlp_bias: found \"\\\\u001b[31m 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 ..., expected true or false"},
};

Test(forward_rules, values_that_are_none, .timeout = 100)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *dir = make_tiny(&(struct tiny){.kind = values[i].kind, .from = values[i].from, .to = values[i].to});
        struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST("1 2")}, 0);
        const struct vs_finding *f = find(r, "VOC421");
        cr_expect(f && strcmp(f->message, values[i].message) == 0, "case %zu: %s\n  not: %s", i, f ? f->message : "no VOC421", values[i].message);
        cr_expect(r->levels[0].state != VS_PASS && r->levels[3].state == VS_NOT_RUN, "case %zu", i);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* A config that counts fewer layers than there are: transformers runs the shorter model, llama.cpp refuses the file. */
Test(forward_rules, more_layers_than_are_counted)
{
    struct vs_check_result *r = run_check(make_tiny(&(struct tiny){.from = "layers\": 3", .to = "layers\": 2"}), NULL, NULL, &(struct vs_forward_request){0}, 0);
    const struct vs_finding *f = find(r, "VOC420");
    cr_assert(f);
    cr_expect(strncmp(f->message, "num_hidden_layers: found 2, expected 3, there is model.layers.2.", 64) == 0, "%s", f->message);
    cr_expect_eq(f->severity, VS_WARNING);
    cr_expect_eq(r->levels[0].state, VS_PASS);
    cr_expect(!says(r, "VOC419") && r->levels[3].state == VS_NOT_RUN);
    vs_check_free(r);
    vst_cleanup();
}

/* Who says what shape a tensor should have, where no key does. */
Test(forward_rules, shapes_that_nobody_says)
{
    static const struct { enum kind kind; const char *from, *to, *expected; } shapes[] = {
        {LLAMA, "\"num_key_value_heads\": 2, ", "", "[24, 20], by num_attention_heads, as num_key_value_heads is absent"},
        {LLAMA, "value_heads\": 2", "value_heads\": null", "[24, 20], by num_attention_heads, as num_key_value_heads is null"},
        {LLAMA, "\"intermediate_size\": 23, ", "", "[11008, 20], by the default of intermediate_size, which is absent"},
        {LLAMA, "value_heads\": 2", "value_heads\": 1", "[6, 20], as the config says"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct vs_check_result *r = run_check(make_tiny(&(struct tiny){.kind = shapes[i].kind, .from = shapes[i].from, .to = shapes[i].to}), NULL, NULL,
                                              &(struct vs_forward_request){.prompt_ids = ONE_LIST("1 2")}, 0);
        const struct vs_finding *f = find(r, "VOC423");
        cr_expect(f && strcmp(f->expected, shapes[i].expected) == 0, "case %zu: %s\n  not: %s", i, f ? f->expected : "no VOC423", shapes[i].expected);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* ---- what a class makes of keys ---- */

/* from and to of a config that must compute the same, or must not. */
static const struct { const char *name; enum kind kind; const char *from, *to; bool same; } keys[] = {
    {"llama has no windows", LLAMA, ROPE, ROPE ", \"sliding_window\": 1", true},
    {"nor types of layers", LLAMA, ROPE, ROPE ", \"layer_types\": [\"sliding_attention\"]", true},
    {"nor soft-capping", LLAMA, ROPE, ROPE ", \"attn_logit_softcapping\": 0.1, \"final_logit_softcapping\": 0.1", true},
    {"nor a part of its heads", LLAMA, ROPE, ROPE ", \"rotary_pct\": 0.34, \"rotary_dim\": 2, \"partial_rotary_factor\": 0.5", true},
    {"qwen2 has windows when it is told so", QWEN2, ROPE, ROPE ", \"sliding_window\": 1, \"max_window_layers\": 0", true},
    {"and then only", QWEN2, ROPE, ROPE ", \"sliding_window\": 1, \"max_window_layers\": 0, \"use_sliding_window\": true", false},
    {"null is off there too", GEMMA2, "attn_logit_softcapping\": 4.0", "attn_logit_softcapping\": null", false},
    {"null is off, absent the default", GEMMA2, "final_logit_softcapping\": 6.0", "final_logit_softcapping\": null", false},
    {"no scaling is null, and {}", LLAMA, ROPE, ROPE ", \"rope_scaling\": null, \"rope_parameters\": {}", true},
};

static const float *logits_of(const struct tiny *t, const char *name, uint64_t *values_count)
{
    const char *out = vst_path(vst_tempdir(), name);
    uint64_t rows, cols;
    struct vs_check_result *r = run_check(make_tiny(t), NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST("1 2 3 4 5"), .dump_logits = out}, 0);
    vs_check_free(r);
    const float *v = read_npy(out, &rows, &cols);
    *values_count = rows * cols;
    return v;
}

Test(forward_rules, keys_of_a_class)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        uint64_t n, m;
        const float *plain = logits_of(&(struct tiny){.kind = keys[i].kind}, "plain.npy", &n);
        const float *changed = logits_of(&(struct tiny){.kind = keys[i].kind, .from = keys[i].from, .to = keys[i].to}, "changed.npy", &m);
        cr_assert(n == m && n > 0, "%s", keys[i].name);
        cr_expect_eq(memcmp(plain, changed, n * sizeof *plain) == 0, keys[i].same, "%s", keys[i].name);
    }
    vst_cleanup();
}

/* Absent and null apart: 50 and none. */
Test(forward_rules, soft_capping_absent_and_null)
{
    const char *ends[] = {"\"attn_logit_softcapping\": null", "\"attn_logit_softcapping\": 50", "\"eos\": 0"};
    const float *v[3];
    uint64_t n[3];
    for (int i = 0; i < 3; i++)
        v[i] = logits_of(&(struct tiny){.kind = GEMMA2, .from = "\"attn_logit_softcapping\": 4.0", .to = ends[i]}, "capped.npy", &n[i]);
    cr_assert(n[0] == n[1] && n[1] == n[2]);
    cr_expect(memcmp(v[1], v[2], n[1] * sizeof *v[1]) == 0);
    cr_expect(memcmp(v[0], v[2], n[0] * sizeof *v[0]) != 0);
    vst_cleanup();
}

/* What a description leaves out, or combines, and no pass computes. */
Test(forward_rules, descriptions_that_do_not_fit)
{
    const struct { const char *settings, *tensors, *rule, *at; } bad[] = {
        {"\"kind\": \"encoder\", \"window\": 3", "", "VOC419", "/settings/window"},
        {"\"act\": \"swiglu_oai\"", "\"gate\": null", "VOC419", "/settings/act"},
        {"\"theta\": 0", "", "VOC421", "/settings/theta"},
        {"\"rope_scaling\": {\"rope_type\": \"linear\", \"factor\": -2}", "", "VOC421", "/settings/rope_scaling/factor"},
        {"\"act\": \"swiglu_oai\", \"swiglu_limit\": 5", "", "VOC419", "/settings/swiglu_limit"},
        {"", "\"up\": null", "VOC422", "up"},
        {"", "\"head\": null", "VOC422", "head"},
    };
    const char *dir = make_tiny(&(struct tiny){0}), *file = vst_path(vst_tempdir(), "odd.json");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        vst_write_text(file, vst_format("{\"schema\": \"vocabsurgeon/arch/1\", \"id\": \"odd\", \"like\": \"llama\", \"model_types\": [\"llama\"], \"gguf\": [], "
                                        "\"settings\": {%s}, \"tensors\": {%s}}\n", bad[i].settings, bad[i].tensors));
        struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.arch_desc = file}, 0);
        const struct vs_finding *f = find(r, bad[i].rule);
        cr_expect(f && f->at && strcmp(f->at, bad[i].at) == 0, "case %zu: %s at %s", i, f ? f->rule : "nothing", f && f->at ? f->at : "nowhere");
        cr_expect_eq(r->levels[3].state, VS_NOT_RUN);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* What the description looks up, and nobody has: by the name that a config would give it. */
Test(forward_rules, no_config)
{
    const char *dir = make_tiny(&(struct tiny){0}), *file = vst_path(vst_tempdir(), "odd.json");
    vst_remove(vst_path(dir, "config.json"));
    vst_write_text(file, "{\"schema\": \"vocabsurgeon/arch/1\", \"id\": \"odd\", \"like\": \"llama\", \"model_types\": [\"llama\"], \"gguf\": [], \"settings\": {}, \"tensors\": {}}\n");
    struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.arch_desc = file}, 0);
    const struct vs_finding *f = find(r, "VOC421");
    cr_assert(f);
    cr_expect_str_eq(f->message, "/settings/hidden: found hidden_size of config.json, which is absent, expected a whole number above 0");
    vs_check_free(r);
    vst_cleanup();
}

/* One's own prompts and no others: what they show fails a level, what they do not show passes none. */
Test(forward_rules, prompts_only)
{
    const struct tiny other = {.poke = NORM1, .poke_at = 2, .poke_value = 2}, broken = {.poke = NORM1, .poke_value = NAN};
    const char *base = make_tiny(&(struct tiny){0}), *dirs[] = {base, make_tiny(&other), make_tiny(&broken)};
    const struct vs_forward_request q = {.prompt_ids = ONE_LIST("1 2 3"), .prompts_only = true};
    static const struct { int dir; bool against; enum vs_level_state l3, l4; } cases[] = {
        {0, false, VS_NOT_RUN, VS_NOT_RUN}, {0, true, VS_NOT_RUN, VS_NOT_RUN}, {1, true, VS_NOT_RUN, VS_FAIL}, {2, false, VS_FAIL, VS_NOT_RUN}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_check_result *r = run_check(dirs[cases[i].dir], cases[i].against ? base : NULL, NULL, &q, 0);
        cr_assert(r->forward);
        cr_expect(r->forward->prompts == 1 && r->forward->positions == 3, "case %u: %u prompts", i, r->forward->prompts);
        cr_expect(r->levels[3].state == cases[i].l3 && r->levels[4].state == cases[i].l4, "case %u: L3 is %d, L4 is %d", i,
                  (int)r->levels[3].state, (int)r->levels[4].state);
        cr_expect(cases[i].l3 || cases[i].l4 || strstr(r->levels[3].why, "--prompts-only"), "case %u: %s", i, r->levels[3].why);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* More positions than a number holds. */
Test(forward_rules, a_factor_of_any_size)
{
    const char *dir = make_tiny(&(struct tiny){.from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000.0, \"rope_scaling\": {\"type\": \"dynamic\", \"factor\": 1e300}"});
    struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST("1 2 3")}, 0);
    cr_expect_eq(r->levels[3].state, VS_PASS);
    vs_check_free(r);
    vst_cleanup();
}

/* Bits are compared with a base, and fast ones are none. */
Test(forward_rules, fast_against_a_base)
{
    const char *dir = make_tiny(&(struct tiny){0});
    struct vs_err err = {0};
    struct vs_check_result *r;
    struct vs_check_request q = {.path = dir, .base = dir, .device = VS_DEVICE_CPU, .forward = &(struct vs_forward_request){.fast = true}};
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EUSAGE);
    cr_expect(strstr(err.message, "--fast with --base"), "%s", err.message);
    vst_cleanup();
}

/* Said at once: before anything is read. */
Test(forward_rules, logits_over_a_file)
{
    const char *file = vst_path(vst_tempdir(), "logits.npy");
    struct vs_err err = {0};
    struct vs_check_result *r;
    struct vs_check_request q = {.path = "/no/such/model", .device = VS_DEVICE_CPU, .forward = &(struct vs_forward_request){.prompt_ids = ONE_LIST("1"), .dump_logits = file}};
    vst_write_text(file, "mine");
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EEXIST);
    cr_expect(strstr(err.message, file), "%s", err.message);
    vst_cleanup();
}

/* As every output: by another name of the directory too, and before anything is read. */
Test(forward_rules, logits_into_an_input)
{
    const char *dir = vst_tempdir(), *other = vst_tempdir(), *link = vst_path(other, "link");
    struct vs_err err = {0};
    struct vs_check_result *r;
    struct vs_forward_request f = {.prompt_ids = ONE_LIST("1"), .dump_logits = vst_path(dir, "logits.npy")};
    struct vs_check_request q = {.path = dir, .device = VS_DEVICE_CPU, .forward = &f};
    cr_assert_eq(symlink(dir, link), 0);
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EEXIST);
    cr_expect(strstr(err.message, "logits.npy: lies in the input directory"), "%s", err.message);
    q.path = "/no/such/model";
    q.base = dir;
    f.dump_logits = vst_path(link, "logits.npy");
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EEXIST);
    cr_expect(strstr(err.message, "lies in the input directory"), "%s", err.message);
    q.base = NULL;
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EFORMAT);
    vst_cleanup();
}

Test(forward_rules, an_encoder_writes_nothing)
{
    const char *dir = make_tiny(&(struct tiny){0}), *file = vst_path(vst_tempdir(), "encoder.json");
    struct vs_err err = {0};
    struct vs_check_result *r;
    vst_write_text(file, "{\"schema\": \"vocabsurgeon/arch/1\", \"id\": \"e\", \"like\": \"llama\", \"model_types\": [\"llama\"], \"gguf\": [], \"settings\": {\"kind\": \"encoder\"}, \"outside\": [\"lm_head.weight\"], \"tensors\": {\"head\": null}}\n");
    struct vs_check_request q = {.path = dir, .device = VS_DEVICE_CPU, .forward = &(struct vs_forward_request){.arch_desc = file, .prompt_ids = ONE_LIST("1"), .generate = 2}};
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EUSAGE);
    cr_expect(strstr(err.message, "encoder"), "%s", err.message);
    vst_cleanup();
}

/* A base with fewer layers is no base. */
Test(forward_rules, a_base_of_another_depth)
{
    const char *base = make_tiny(&(struct tiny){0}), *dir = make_tiny(&(struct tiny){.from = "layers\": 3", .to = "layers\": 2"});
    const char *text = "{\"schema\": \"vocabsurgeon/arch/1\", \"id\": \"short\", \"like\": \"llama\", \"model_types\": [\"llama\"], \"gguf\": [], \"outside\": [\"model.layers.2.*\"]}\n";
    const char *file = vst_path(vst_tempdir(), "short.json");
    vst_write_text(file, text);
    struct vs_check_result *r = run_check(dir, base, NULL, &(struct vs_forward_request){.arch_desc = file}, 0);
    cr_expect_eq(r->levels[3].state, VS_PASS);
    cr_expect_eq(r->levels[4].state, VS_NOT_RUN);
    cr_expect_str_eq(r->levels[4].why, "the base is another model");
    vs_check_free(r);
    vst_cleanup();
}

static const struct vs_finding *only_finding(const struct vs_check_result *r, const char *rule)
{
    const struct vs_finding *f = find(r, rule);
    for (uint32_t i = 0; i < r->finding_count; i++)
        cr_expect(&r->findings[i] == f || strcmp(r->findings[i].rule, rule) != 0, "%s twice", rule);
    return f;
}

/* What makes a prompt too long: its own ids, or what continues it. Of several the longest is told. */
Test(forward_rules, too_many_positions)
{
    static const struct { const char *prompts; uint32_t generate; const char *message; } cases[] = {
        {"1 2 3 4 5 6 7 8 9 10\n", 0, "1 prompt has more positions than the model, which has 9; prompt 1 (@:1) has 10"},
        {"1 2 3 4 5 6 7 8 9 10\n", 1, "1 prompt has more positions than the model, which has 9; prompt 1 (@:1) has 10"},
        {"1 2 3 4 5 6 7\n", 5, "1 prompt has more positions than the model, which has 9; prompt 1 (@:1) has 11, 7 of its own and 4 that --generate 5 continues it by"},
        {"1 2 3 4 5 6 7\n\n1 2 3 4 5 6 7 8\n1 2 3\n", 5,
         "2 prompts have more positions than the model, which has 9; the longest, prompt 2 (@:3), has 12, 8 of its own and 4 that --generate 5 continues it by"},
        {"1 2 3 4 5 6 7\n", 3, NULL},
    };
    const char *dir = make_tiny(&(struct tiny){.from = "embeddings\": 64", .to = "embeddings\": 9"}), *file = vst_path(vst_tempdir(), "prompts");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        vst_write_text(file, cases[i].prompts);
        struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST(file), .generate = cases[i].generate}, 0);
        const struct vs_finding *f = only_finding(r, "VOC433");
        cr_expect_eq(f != NULL, cases[i].message != NULL, "case %zu", i);
        const char *at = f ? strchr(cases[i].message, '@') : NULL;
        if (at)
            cr_expect_str_eq(f->message, vst_format("%.*s%s%s", (int)(at - cases[i].message), cases[i].message, file, at + 1));
        vs_check_free(r);
    }
    vst_cleanup();
}

/* Which prompt it is, by its number and where it was written, and the number as it was written. */
Test(forward_rules, ids_without_a_row)
{
    const char *dir = make_tiny(&(struct tiny){.words = 36}), *file = vst_path(vst_tempdir(), "prompts");
    const char *const prompts[] = {"1 2\n37 3", file, NULL};
    vst_write_text(file, "1 2 3\n\n[4, 99999999999999999999, 40]\n-1 38\n");
    struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = prompts}, 0);
    const struct vs_finding *f = only_finding(r, "VOC431");
    cr_assert(f);
    cr_expect_str_eq(f->message, vst_format("3 ids in 2 prompts have no row, the first is 99999999999999999999 at position 1 of prompt 4 (%s:3); "
                                            "the table ends at 39", file));
    cr_expect_str_eq(f->file, file);
    cr_expect_str_eq(f->at, "line 3, position 1");
    cr_expect_str_eq(f->found, "99999999999999999999");
    f = only_finding(r, "VOC432");
    cr_assert(f);
    cr_expect_str_eq(f->message, "2 ids in 2 prompts are rows without a token, the first is 37 at position 0 of prompt 2");
    vs_check_free(r);
    vst_cleanup();
}

/* ---- what is written ---- */

static void fits_schema(const struct vs_check_result *r)
{
    struct vs_buf text = {0};
    struct vs_jdoc d = {0};
    struct vs_err err;
    cr_assert_eq(vs_check_json(r, &text, &err), VS_OK);
    cr_assert_eq(vs_jdoc_parse("findings", (struct vs_str){text.p, text.n}, &d, &err), VS_OK, "%s", err.message);
    cr_expect_eq(vs_schema_check(NULL, "findings", &d, &err), VS_OK, "%s", err.message);
    vs_jdoc_free(&d);
    vs_buf_free(&text);
}

/* Lists before texts, each in the order given: rows of every one of them. */
Test(forward_rules, prompts_in_the_order_given)
{
    const char *dir = make_tiny(&(struct tiny){0}), *folder = vst_tempdir(), *all = vst_path(folder, "all.npy");
    static const char *const lists[] = {"4 5\n6", "1 2 3", NULL}, *const each[] = {"4 5", "6", "1 2 3"};
    struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = lists, .dump_logits = all, .generate = 1}, 0);
    uint64_t rows, cols, n, wide, at = 0;
    const float *together = read_npy(all, &rows, &cols);
    cr_expect(rows == 6 && cols == ROWS && r->forward->generated_count == 3);
    const struct vs_dumped *d = &r->forward->dumped;
    cr_expect(strcmp(d->file, all) == 0 && d->rows == 6 && d->cols == ROWS && d->prompts == 3 && !d->why_not && !d->hidden_states);
    fits_schema(r);
    vs_check_free(r);
    for (int i = 0; i < 3; i++) {
        const char *one = vst_path(folder, vst_format("%d.npy", i));
        vs_check_free(run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST(each[i]), .dump_logits = one}, 0));
        const float *alone = read_npy(one, &n, &wide);
        cr_expect(memcmp(alone, together + at * cols, n * cols * sizeof *alone) == 0, "prompt %d", i);
        at += n;
    }
    vst_cleanup();
}

/* A file whose rows are those of other prompts than were given is worse than none. */
Test(forward_rules, no_file_without_every_prompt)
{
    static const struct { const char *prompts, *why; } cases[] = {
        {"1 2 3\n1 40\n4 5", "1 of 3 prompts cannot be run, the first is prompt 2"},
        {"40", "1 of 1 prompt cannot be run, the first is prompt 1"},
        {"1\n1 2 3 4 5 6 7 8 9 10\n-1", "2 of 3 prompts cannot be run, the first is prompt 2"}};
    const char *dir = make_tiny(&(struct tiny){.from = "embeddings\": 64", .to = "embeddings\": 9"}), *file = vst_path(vst_tempdir(), "logits.npy");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST(cases[i].prompts), .dump_logits = file}, 0);
        const struct vs_dumped *d = &r->forward->dumped;
        cr_assert(d->why_not, "case %zu", i);
        cr_expect_str_eq(d->why_not, cases[i].why);
        cr_expect(!vs_path_exists(file) && r->verdict == VS_ERROR, "case %zu", i);
        fits_schema(r);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* The trunk of the base runs in a second pass: where bytes differ that no pass reads, the file is of the first one, and is told all
 * the same. */
Test(forward_rules, logits_of_two_runs)
{
    const char *description = "{\"schema\": \"vocabsurgeon/arch/1\", \"id\": \"more\", \"like\": \"llama\", \"model_types\": [\"llama\"], \"gguf\": [], \"outside\": [\"more.weight\"]}\n";
    const char *const pokes[] = {NORM1, "more.weight"}, *desc = vst_path(vst_tempdir(), "more.json"), *base = make_tiny(&(struct tiny){.extra = "more.weight"});
    vst_write_text(desc, description);
    for (int i = 0; i < 2; i++) {
        const char *dir = make_tiny(&(struct tiny){.extra = "more.weight", .poke = pokes[i], .poke_at = 2, .poke_value = 2}), *file = vst_path(vst_tempdir(), "logits.npy");
        const struct vs_forward_request q = {.prompt_ids = ONE_LIST("1 2"), .dump_logits = file, .arch_desc = desc};
        struct vs_check_result *r = run_check(dir, base, NULL, &q, 0);
        cr_expect(r->levels[1].state == VS_FAIL && r->levels[4].state == (i ? VS_PASS : VS_FAIL), "%s", pokes[i]);
        const struct vs_dumped *d = &r->forward->dumped;
        cr_expect(d->file && strcmp(d->file, file) == 0 && d->rows == 2 && d->cols == ROWS && vs_path_exists(file), "%s", pokes[i]);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* What was asked for and cannot be given is no success, whatever the reason. */
Test(forward_rules, nothing_to_run)
{
    const char *dir = make_tiny(&(struct tiny){0}), *file = vst_path(vst_tempdir(), "logits.npy");
    const struct vs_forward_request asked[] = {{.prompt_ids = ONE_LIST("1"), .dump_logits = file}, {.generate = 2}};
    struct vs_err err = {0};
    struct vs_check_result *r;
    vst_remove(vst_path(dir, "model.safetensors"));
    for (int i = 0; i < 2; i++) {
        struct vs_check_request q = {.path = dir, .device = VS_DEVICE_CPU, .forward = &asked[i]};
        cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EUNSUPPORTED, "%d", i);
        cr_expect(strstr(err.message, "no weights"), "%s", err.message);
    }
    struct vs_check_request q = {.path = dir, .device = VS_DEVICE_CPU, .forward = &(struct vs_forward_request){.prompt_ids = ONE_LIST("1 x")}};
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EUSAGE);
    r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST("1 99")}, 0);
    cr_expect(r->levels[3].state == VS_NOT_RUN && !says(r, "VOC431")); /* there is no table */
    vs_check_free(r);
    vst_cleanup();
}

/* Prompts of special ids are no longer than the model's positions. */
Test(forward_rules, few_positions)
{
    const char *dir = make_tiny(&(struct tiny){.from = "embeddings\": 64", .to = "embeddings\": 3, \"pad_token_id\": 0, \"sep_token_id\": 5, \"cls_token_id\": 6, \"decoder_start_token_id\": 7"});
    struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){0}, 0);
    cr_expect_eq(r->levels[3].state, VS_PASS);
    cr_expect_not(says(r, "VOC433"));
    vs_check_free(r);
    vst_cleanup();
}

/* The same trunk under another dtype of one norm's bytes is another trunk; without differences L4 passes. */
Test(forward_rules, two_runs_that_agree)
{
    const char *base = make_tiny(&(struct tiny){.kind = QWEN3}), *dir = make_tiny(&(struct tiny){.kind = QWEN3, .from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000"});
    struct vs_check_result *r = run_check(dir, base, NULL, &(struct vs_forward_request){0}, 0);
    cr_assert_eq(r->levels[1].state, VS_FAIL);
    cr_expect_eq(r->levels[4].state, VS_PASS, "%s", r->levels[4].why ? r->levels[4].why : "");
    cr_expect_eq(r->levels[3].state, VS_NOT_RUN);
    cr_expect(r->forward && r->forward->hidden_nmse == 0 && !r->forward->first_differing_stage);
    vs_check_free(r);
    vst_cleanup();
}

/* ---- another dtype ---- */

static uint32_t count_of(const struct vs_check_result *r, const char *rule)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->finding_count; i++)
        n += strcmp(r->findings[i].rule, rule) == 0;
    return n;
}

/* The same values in another dtype: bytes prove nothing, and what is computed is the same to the last bit. */
Test(forward_rules, stored_in_another_dtype)
{
    for (int tied = 0; tied < 2; tied++) {
        const char *base = make_tiny(&(struct tiny){.kind = QWEN2, .tied = tied, .dtype = "BF16"});
        const char *exact = make_tiny(&(struct tiny){.kind = QWEN2, .tied = tied, .dtype = "BF16"});
        const char *wide = make_tiny(&(struct tiny){.kind = QWEN2, .tied = tied, .rows = 44, .words = 44, .dtype = "F32"}), *map = tiny_map(base, ROWS, 4);
        struct vs_check_result *same = run_check(exact, base, NULL, &(struct vs_forward_request){0}, 0), *r;
        cr_expect_eq(same->levels[1].state, VS_PASS);
        cr_expect_not(says(same, "VOC128"));
        vs_check_free(same);
        r = run_check(wide, base, map, &(struct vs_forward_request){0}, 0); /* of values that BF16 has rounded */
        const struct vs_finding *f = find(r, "VOC128");
        cr_assert(f, "no VOC128");
        cr_expect_eq(count_of(r, "VOC128"), 1);
        cr_expect(f->severity == VS_WARNING && strcmp(f->found, "F32") == 0 && strcmp(f->expected, "BF16") == 0, "%s", f->message);
        cr_expect(strstr(f->message, vst_format("%u tensors", LAYERS * 12 + 2 + !tied)), "%s", f->message);
        cr_expect(!says(r, "VOC126") && !says(r, "VOC415"));
        cr_expect_eq(r->levels[1].state, VS_FAIL);
        cr_expect_eq(r->levels[3].state, VS_NOT_RUN);
        cr_expect_eq(r->levels[4].state, VS_FAIL);
        cr_expect(says(r, "VOC428") && r->forward->logits_max_abs > 0 && r->forward->hidden_nmse > 0);
        cr_expect(r->forward->first_differing_stage == VS_STAGE_EMBEDDING && r->forward->first_differing_layer == -1);
        vs_check_free(r);
    }
    vst_cleanup();
}

Test(forward_rules, cast_without_loss)
{
    static const char *const wider[] = {"F64", "F32"}; /* than F32, than what is F32 already */
    for (int i = 0; i < 2; i++) {
        const char *base = make_tiny(&(struct tiny){.kind = QWEN3}), *dir = make_tiny(&(struct tiny){.kind = QWEN3, .rows = 44, .words = 44, .dtype = wider[i]});
        struct vs_check_result *r = run_check(dir, base, tiny_map(base, ROWS, 4), &(struct vs_forward_request){0}, 0);
        cr_expect_eq(says(r, "VOC128"), i == 0);
        cr_expect_eq(r->levels[1].state, i ? VS_PASS : VS_FAIL);
        cr_expect_eq(r->levels[2].state, VS_PASS);
        cr_expect_eq(r->levels[i ? 3 : 4].state, VS_PASS);
        cr_expect(r->forward && r->forward->logits_max_abs == 0 && !r->forward->first_differing_stage);
        cr_expect(r->verdict < VS_ERROR);
        vs_check_free(r);
    }
    vst_cleanup();
}

/* ---- the first layer, as tensors are named ---- */

Test(forward_rules, where_two_models_part)
{
    const struct { const char *poke; uint64_t at; enum vs_stage stage; int64_t layer; const char *said; } cases[] = {
        {"model.embed_tokens.weight", 0, VS_STAGE_EMBEDDING, -1, "at the embedded tokens;"},
        {"model.layers.0.mlp.up_proj.weight", 5, VS_STAGE_LAYER, 0, "at layer 0;"},
        {"model.layers.2.input_layernorm.weight", 5, VS_STAGE_LAYER, 2, "at layer 2;"},
        {"model.norm.weight", 5, VS_STAGE_FINAL_NORM, LAYERS, "at the final norm;"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *base = make_tiny(&(struct tiny){0}), *dir = make_tiny(&(struct tiny){.poke = cases[i].poke, .poke_at = cases[i].at, .poke_value = 3});
        for (int small = 0; small < 2; small++) {
            struct vs_check_result *r = run_check(dir, base, NULL, &(struct vs_forward_request){0}, small ? 1 : 0);
            const struct vs_finding *f = find(r, "VOC430");
            cr_assert(f && r->forward, "%s", cases[i].poke);
            cr_expect(strstr(f->message, cases[i].said), "%s", f->message);
            cr_expect(r->forward->first_differing_stage == cases[i].stage && r->forward->first_differing_layer == cases[i].layer, "%s: %lld", cases[i].poke,
                      (long long)r->forward->first_differing_layer);
            vs_check_free(r);
        }
    }
    vst_cleanup();
}

/* Of all batches the first stage counts: an id of the second one has another row, what the first one shows is behind it. */
Test(forward_rules, where_a_later_batch_parts)
{
    const char *ids = "1";
    for (unsigned i = 1; i < 60; i++)
        ids = vst_format("%s %u", ids, 1 + i % 30);
    const char *base = make_tiny(&(struct tiny){0}), *dir = make_tiny(&(struct tiny){.from = "rope_theta\": 10000.0", .to = "rope_theta\": 20000.0",
        .poke = "model.embed_tokens.weight", .poke_at = 39 * HIDDEN, .poke_value = 3});
    struct vs_check_result *r = run_check(dir, base, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST(ids)}, 1);
    cr_expect(r->forward->first_differing_stage == VS_STAGE_EMBEDDING && r->forward->first_differing_layer == -1, "%lld", (long long)r->forward->first_differing_layer);
    vs_check_free(r);
    vst_cleanup();
}

/* ---- no number ---- */

Test(forward_rules, where_a_value_is_no_number)
{
    const struct { struct tiny tiny; bool against; const char *message, *at, *remedy; } cases[] = {
        {{.poke = "model.norm.weight", .poke_at = 7, .poke_value = NAN}, false, "from the final norm on: model.norm.weight is NaN at [7]", "model.norm.weight", "download"},
        {{.poke = "model.layers.2.mlp.down_proj.weight", .poke_at = 3 * INNER + 4, .poke_value = INFINITY, .dtype = "F16"}, false,
         "from layer 2 on: model.layers.2.mlp.down_proj.weight is Inf at [3, 4]", "model.layers.2.mlp.down_proj.weight", "F16 ends at 65504"},
        {{.kind = QWEN2, .poke = "model.layers.0.self_attn.k_proj.bias", .poke_at = 2, .poke_value = NAN}, true,
         "from layer 0 on (old ids too): model.layers.0.self_attn.k_proj.bias is NaN at [2]", "model.layers.0.self_attn.k_proj.bias", "download"},
        {{.kind = QWEN2_MOE, .poke = "model.layers.1.mlp.experts.3.up_proj.weight", .poke_value = NAN, .poke_count = EXPERT_SIZE * HIDDEN}, false,
         "from layer 1 on: model.layers.1.mlp.experts.3.up_proj.weight is NaN at [0, 0]", "model.layers.1.mlp.experts.3.up_proj.weight", "download"},
        {{.rows = 44, .words = 44, .poke = "model.embed_tokens.weight", .poke_at = 41 * HIDDEN + 3, .poke_value = NAN}, true,
         "from the embedded tokens on (only with new or special ids): model.embed_tokens.weight is NaN at [41, 3]", "model.embed_tokens.weight", "extend the base again"},
        {{.kind = BERT, .poke = "encoder.layer.1.output.LayerNorm.bias", .poke_at = 1, .poke_value = INFINITY}, false,
         "from layer 1 on: encoder.layer.1.output.LayerNorm.bias is Inf at [1]", "encoder.layer.1.output.LayerNorm.bias", "download"},
        {{.kind = BERT, .poke = "embeddings.position_embeddings.weight", .poke_at = 2 * HIDDEN + 1, .poke_value = NAN}, false,
         "from the embedded tokens on: embeddings.position_embeddings.weight is NaN at [2, 1]", "embeddings.position_embeddings.weight", "download"},
        {{.poke = "model.layers.1.mlp.up_proj.weight", .poke_value = 3e38f, .poke_count = INNER * HIDDEN}, false,
         "from layer 1 on: its weights are numbers, what it computes of values up to ", "layer 1", "config.json"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *base = cases[i].against ? make_tiny(&(struct tiny){.kind = cases[i].tiny.kind}) : NULL, *dir = make_tiny(&cases[i].tiny);
        struct vs_check_result *r = run_check(dir, base, cases[i].tiny.rows ? tiny_map(base, ROWS, 4) : NULL, &(struct vs_forward_request){0}, 0);
        const struct vs_finding *f = find(r, "VOC425");
        cr_assert(f, "case %zu: no VOC425", i);
        cr_expect(strstr(f->message, cases[i].message), "case %zu: %s", i, f->message);
        cr_expect(strcmp(f->at, cases[i].at) == 0, "case %zu: %s", i, f->at);
        cr_expect(f->remedy && strstr(f->remedy, cases[i].remedy), "case %zu: %s", i, f->remedy ? f->remedy : "no remedy");
        vs_check_free(r);
    }
    vst_cleanup();
}

Test(forward_rules, every_rule_has_a_case)
{
    struct vs_jdoc d = {0};
    struct vs_err err;
    cr_assert_eq(vs_data_read(NULL, "rules.json", &d, &err), VS_OK, "%s", err.message);
    for (const struct vs_jval *r = vs_jget(d.root, "rules")->child; r; r = r->next) {
        bool tested = !vs_jget(r, "needs");
        for (size_t i = 0; i < CASES; i++)
            tested |= vs_str_is(vs_jget(r, "id")->str, table[i].rule);
        cr_expect(tested, "%.*s has no case", VS_STR(vs_jget(r, "id")->str));
    }
    vs_jdoc_free(&d);
    vst_cleanup();
}

/* A description of one's own makes an unknown model run. */
Test(forward_rules, arch_desc)
{
    const char *dir = make_tiny(&(struct tiny){.from = "\"llama\"", .to = "\"mystery\""}), *file = vst_path(vst_tempdir(), "mystery.json");
    struct vs_err err = {0};
    struct vs_check_result *r;
    vst_write_text(file, "{\"schema\": \"vocabsurgeon/arch/1\", \"id\": \"mystery\", \"like\": \"llama\", \"model_types\": [\"mystery\"], \"gguf\": []}\n");
    r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.arch_desc = file}, 0);
    cr_expect_eq(r->levels[3].state, VS_PASS);
    cr_expect_str_eq(r->forward->architecture, "mystery");
    vs_check_free(r);
    vst_write_text(file, "{\"schema\": \"vocabsurgeon/arch/1\", \"id\": \"mystery\", \"like\": \"llama\", \"model_types\": [], \"gguf\": [], \"setings\": {}}\n");
    struct vs_check_request q = {.path = dir, .device = VS_DEVICE_CPU, .forward = &(struct vs_forward_request){.arch_desc = file}};
    cr_expect_eq(vs_check(&q, &(struct vs_run){0}, &r, &err), VS_EFORMAT);
    cr_expect(strstr(err.message, "setings"), "%s", err.message);
    vst_cleanup();
}

/* Keys alone are a vocabulary: nothing to run, and nothing wrong with it. */
Test(forward_rules, a_vocabulary_alone)
{
    const char *path = vst_path(vst_tempdir(), "vocabulary.gguf");
    struct gg g = {.version = 3};
    gg_string(&g, "general.architecture", "llama");
    gg_u32(&g, "llama.embedding_length", 16);
    gg_u32(&g, "llama.block_count", 32);
    gg_u32(&g, "llama.attention.head_count", 2);
    gg_u32(&g, "llama.context_length", 64);
    gg_write(&g, path);
    gg_free(&g);
    struct vs_check_result *r = run_check(path, NULL, NULL, &(struct vs_forward_request){0}, 0);
    cr_expect_not(says(r, "VOC421"));
    cr_expect_eq(r->levels[3].state, VS_NOT_RUN);
    cr_expect_str_eq(r->levels[3].why, "no weights");
    vs_check_free(r);
    vst_cleanup();
}
