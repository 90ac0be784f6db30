/* SPDX-License-Identifier: Apache-2.0
 *
 * What the keys and tensors of a GGUF file make of rotary positions, and files whose shapes are not what their keys say.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>
#include "forward/run.h"
#include "gguf_file.h"
#include "support.h"

#define WIDTH 16u
#define DIM 8u /* of a head; two heads share one of keys */
#define INNER 12u
#define WORDS 10u
#define DIMS(...) (const uint64_t[]){__VA_ARGS__}
#define NEAR(a, b) (fabs((double)(a) - (double)(b)) <= 1e-9 * fabs((double)(b)))

static void put_f32(struct gg *g, const char *key, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    if (gg_key(g, key, GG_FLOAT32))
        gg_number(&g->kv, bits, 4);
}

static void put_true(struct gg *g, const char *key)
{
    if (gg_key(g, key, GG_BOOL))
        gg_number(&g->kv, 1, 1);
}

static void put_vector(struct gg *g, const char *name, uint64_t n)
{
    gg_tensor(g, name, GG_F32, 1, DIMS(n), NULL, n * 4);
}

static void put_matrix(struct gg *g, const char *name, uint64_t rows, uint64_t cols)
{
    gg_tensor(g, name, GG_F32, 2, DIMS(cols, rows), NULL, rows * cols * 4);
}

static void put_llama(struct gg *g, uint32_t inner)
{
    gg_string(g, "general.architecture", "llama");
    gg_u32(g, "llama.embedding_length", WIDTH);
    gg_u32(g, "llama.block_count", 1);
    gg_u32(g, "llama.attention.head_count", 2);
    gg_u32(g, "llama.attention.head_count_kv", 1);
    gg_u32(g, "llama.feed_forward_length", inner);
    gg_u32(g, "llama.context_length", 64);
    gg_u32(g, "llama.rope.dimension_count", DIM);
    put_f32(g, "llama.attention.layer_norm_rms_epsilon", 1e-6f);
    put_matrix(g, "token_embd.weight", WORDS, WIDTH);
    put_vector(g, "blk.0.attn_norm.weight", WIDTH);
    put_matrix(g, "blk.0.attn_q.weight", WIDTH, WIDTH);
    put_matrix(g, "blk.0.attn_k.weight", DIM, WIDTH);
    put_matrix(g, "blk.0.attn_v.weight", DIM, WIDTH);
    put_matrix(g, "blk.0.attn_output.weight", WIDTH, WIDTH);
    put_vector(g, "blk.0.ffn_norm.weight", WIDTH);
    put_matrix(g, "blk.0.ffn_gate.weight", inner, WIDTH);
    put_matrix(g, "blk.0.ffn_up.weight", inner, WIDTH);
    put_matrix(g, "blk.0.ffn_down.weight", WIDTH, inner);
    put_vector(g, "output_norm.weight", WIDTH);
}

static void open_model(uint32_t inner, const char *omit, void (*add)(struct gg *g), struct vs_checkpoint **c, struct vs_model *m)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    const struct vs_checkpoint_options options = {.gguf = true};
    struct gg g = {.version = 3, .omit = omit};
    struct vs_err err = {0};
    put_llama(&g, inner);
    g.omit = NULL;
    add(&g);
    gg_write(&g, path);
    gg_free(&g);
    cr_assert_eq(vs_checkpoint_open(path, &options, c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(*c, NULL, NULL, m, &err), VS_OK, "%s", err.message);
}

/* ---- rotary positions ---- */

static void factor(struct gg *g, float v) { put_f32(g, "llama.rope.scaling.factor", v); }
static void type(struct gg *g, const char *v) { gg_string(g, "llama.rope.scaling.type", v); }
static void original(struct gg *g, uint32_t v) { gg_u32(g, "llama.rope.scaling.original_context_length", v); }
static void attention(struct gg *g, float v) { put_f32(g, "llama.rope.scaling.attn_factor", v); }
static void rotated(struct gg *g, uint32_t v) { gg_u32(g, "llama.rope.dimension_count", v); }
static void divisors(struct gg *g, const char *name, uint64_t n, float first)
{
    float v[2 * DIM];
    for (uint64_t i = 0; i < n; i++)
        v[i] = first + (float)i;
    gg_tensor(g, name, GG_F32, 1, DIMS(n), v, n * sizeof *v);
}

static void plain(struct gg *g) { (void)g; }
static void linear(struct gg *g) { type(g, "linear"); factor(g, 4); }
static void untyped(struct gg *g) { factor(g, 8); }
static void old_key(struct gg *g) { put_f32(g, "llama.rope.scale_linear", 2); }
static void both_keys(struct gg *g) { put_f32(g, "llama.rope.scale_linear", 2); factor(g, 8); }
static void no_factor(struct gg *g) { type(g, "linear"); factor(g, 0); }
static void none(struct gg *g) { type(g, "none"); factor(g, 4); }
static void yarn(struct gg *g) { type(g, "yarn"); factor(g, 4); original(g, 32); }
static void yarn_0_original(struct gg *g) { type(g, "yarn"); factor(g, 4); original(g, 0); }
static void yarn_attention(struct gg *g) { yarn(g); attention(g, 1.5f); }
static void yarn_betas(struct gg *g) { yarn(g); put_f32(g, "llama.rope.scaling.yarn_beta_slow", 2); put_f32(g, "llama.rope.scaling.yarn_beta_fast", 16); }
static void linear_attention(struct gg *g) { linear(g); attention(g, 1.25f); }
static void stored(struct gg *g) { divisors(g, "rope_freqs.weight", 4, 1); }
static void theta(struct gg *g) { put_f32(g, "llama.rope.freq_base", 500000); }
static void partial(struct gg *g) { rotated(g, 4); }
static void odd(struct gg *g) { rotated(g, 5); }
static void longrope(struct gg *g)
{
    type(g, "longrope");
    original(g, 16);
    attention(g, 1.19f);
    divisors(g, "rope_factors_long.weight", 4, 3);
    divisors(g, "rope_factors_short.weight", 4, 1);
}
static void longrope_formula(struct gg *g)
{
    original(g, 16);
    divisors(g, "rope_factors_long.weight", 4, 3);
    divisors(g, "rope_factors_short.weight", 4, 1);
}

#define LENGTH 20u /* of the sequence: beyond the original 16 of longrope */

/* Frequency of pair 1 and the factor of cos and sin, worked out from the meaning of the keys. */
static const struct {
    const char *name, *omit; void (*add)(struct gg *g);
    enum vs_rope_kind kind; uint32_t pairs; double frequency, attention;
} ropes[] = {
    {"nothing said", NULL, plain, VS_ROPE_LINEAR, 4, 0.1, 1},
    {"linear", NULL, linear, VS_ROPE_LINEAR, 4, 0.1 / 4, 1},
    {"a factor without a type is linear", NULL, untyped, VS_ROPE_LINEAR, 4, 0.1 / 8, 1},
    {"the old key of the factor", NULL, old_key, VS_ROPE_LINEAR, 4, 0.1 / 2, 1},
    {"the new key goes before the old one", NULL, both_keys, VS_ROPE_LINEAR, 4, 0.1 / 8, 1},
    {"a factor of 0 is none", NULL, no_factor, VS_ROPE_LINEAR, 4, 0.1, 1},
    {"type none: the factor does not count", NULL, none, VS_ROPE_DEFAULT, 4, 0.1, 1},
    {"yarn", NULL, yarn, VS_ROPE_YARN, 4, -1, 0.1 * 1.3862943611198906 + 1},
    {"yarn, original 0 is the context length", NULL, yarn_0_original, VS_ROPE_YARN, 4, -2, 0.1 * 1.3862943611198906 + 1},
    {"yarn: attn_factor beside the formula", NULL, yarn_attention, VS_ROPE_YARN, 4, -1, 1.5 * (0.1 * 1.3862943611198906 + 1)},
    {"yarn: its betas", NULL, yarn_betas, VS_ROPE_YARN, 4, -3, 0.1 * 1.3862943611198906 + 1},
    {"linear: attn_factor", NULL, linear_attention, VS_ROPE_LINEAR, 4, 0.1 / 4, 1.25},
    {"stored divisors", NULL, stored, VS_ROPE_LINEAR, 4, 0.1 / 2, 1},
    {"another base", NULL, theta, VS_ROPE_LINEAR, 4, 0.03760603093086393, 1},
    {"half of a head is rotated", "llama.rope.dimension_count", partial, VS_ROPE_LINEAR, 2, 0.01, 1},
    {"without a number of dimensions: whole heads", "llama.rope.dimension_count", plain, VS_ROPE_LINEAR, 4, 0.1, 1},
    {"long and short divisors, attn_factor", NULL, longrope, VS_ROPE_LONGROPE, 4, 0.1 / 4, (double)1.19f},
    {"long and short divisors, by formula", NULL, longrope_formula, VS_ROPE_LONGROPE, 4, 0.1 / 4, 1.2247448713915890}, /* sqrt(1 + ln 4 / ln 16) */
};

/* YaRN's blend of pair 1, for heads of 8 and base 10000; beta_fast and beta_slow turns over so many positions. */
static double yarn_frequency(double positions, double fast, double slow)
{
    const double low = fmax(floor(8 * log(positions / (fast * 2 * acos(-1))) / (2 * log(10000))), 0);
    const double high = fmin(ceil(8 * log(positions / (slow * 2 * acos(-1))) / (2 * log(10000))), 7), t = fmin(fmax((1 - low) / (high - low), 0), 1);
    return 0.1 / 4 * t + 0.1 * (1 - t);
}

Test(forward_gguf, rope)
{
    for (size_t i = 0; i < sizeof ropes / sizeof *ropes; i++) {
        struct vs_checkpoint *c;
        struct vs_model m;
        double f[DIM], wanted = ropes[i].frequency;
        open_model(INNER, ropes[i].omit, ropes[i].add, &c, &m);
        cr_expect_eq(m.obstacle.kind, VS_RUNNABLE, "%s: %s: %s", ropes[i].name, m.obstacle.at, m.obstacle.found);
        const struct vs_rope *r = &m.arch.rope[0];
        cr_expect_eq(r->kind, ropes[i].kind, "%s: kind %d", ropes[i].name, (int)r->kind);
        cr_expect_eq(r->pairs, ropes[i].pairs, "%s: %u pairs", ropes[i].name, r->pairs);
        const double attended = vs_rope_frequencies(r, LENGTH, f);
        wanted = wanted == -1 ? yarn_frequency(32, 32, 1) : wanted == -2 ? yarn_frequency(64, 32, 1) : wanted == -3 ? yarn_frequency(32, 16, 2) : wanted;
        cr_expect(NEAR(f[1], wanted), "%s: frequency %.17g, not %.17g", ropes[i].name, f[1], wanted);
        cr_expect(NEAR(attended, ropes[i].attention), "%s: factor %.17g, not %.17g", ropes[i].name, attended, ropes[i].attention);
        vs_model_close(&m);
        vs_checkpoint_close(c);
    }
    vst_cleanup();
}

/* ---- what does not fit ---- */

static void too_many_rotated(struct gg *g) { rotated(g, DIM + 2); }
static void none_rotated(struct gg *g) { rotated(g, 0); }
static void one_rotated(struct gg *g) { rotated(g, 1); }
static void negative_factor(struct gg *g) { factor(g, -4); }
static void negative_scale(struct gg *g) { put_f32(g, "llama.rope.scale_linear", -2); }
static void factor_nan(struct gg *g) { factor(g, NAN); }
static void base_0(struct gg *g) { put_f32(g, "llama.rope.freq_base", 0); }
static void few_divisors(struct gg *g) { divisors(g, "rope_freqs.weight", 3, 1); }
static void divisor_0(struct gg *g) { divisors(g, "rope_freqs.weight", 4, 0); }
static void divisor_below_0(struct gg *g) { divisors(g, "rope_freqs.weight", 4, -1.5f); }
static void divisors_f16(struct gg *g) { gg_tensor(g, "rope_freqs.weight", GG_F16, 1, DIMS(4), NULL, 8); }
static void divisors_2d(struct gg *g) { gg_tensor(g, "rope_freqs.weight", GG_F32, 2, DIMS(4, 1), NULL, 16); }
static void short_long(struct gg *g) { original(g, 16); divisors(g, "rope_factors_long.weight", 5, 1); }
static void q_rows(struct gg *g) { put_matrix(g, "blk.0.attn_q.weight", WIDTH + 1, WIDTH); }
static void q_cols(struct gg *g) { put_matrix(g, "blk.0.attn_q.weight", WIDTH, WIDTH - 1); }
static void k_rows(struct gg *g) { put_matrix(g, "blk.0.attn_k.weight", WIDTH, WIDTH); }
static void v_cols(struct gg *g) { put_matrix(g, "blk.0.attn_v.weight", DIM, WIDTH - 1); }
static void down_turned(struct gg *g) { put_matrix(g, "blk.0.ffn_down.weight", INNER, WIDTH); }
static void short_norm(struct gg *g) { put_vector(g, "blk.0.attn_norm.weight", WIDTH - 1); }
static void norm_matrix(struct gg *g) { put_matrix(g, "output_norm.weight", 1, WIDTH); }
static void embed_cols(struct gg *g) { put_matrix(g, "token_embd.weight", WORDS, WIDTH + 2); }
static void head_cols(struct gg *g) { put_matrix(g, "output.weight", WORDS, WIDTH - 2); }
static void layers_beyond(struct gg *g) { gg_u32(g, "llama.block_count", 2); }
static void second_layer(struct gg *g) { put_vector(g, "blk.1.attn_norm.weight", WIDTH); put_matrix(g, "blk.1.attn_q.weight", WIDTH, WIDTH); }
static void far_layer(struct gg *g) { put_vector(g, "blk.999999999.attn_norm.weight", WIDTH); }
static void strange_layer(struct gg *g) { second_layer(g); put_vector(g, "blk.1.nextn.enorm.weight", WIDTH); }
static void no_layer(struct gg *g) { put_vector(g, "blk.1x.attn_norm.weight", WIDTH); }
static void other_layers(struct gg *g) { put_vector(g, "tower.blk.1.attn_norm.weight", WIDTH); }
static void layers_absurd(struct gg *g) { gg_u32(g, "llama.block_count", 60000); }
static void experts_absurd(struct gg *g) { gg_u32(g, "llama.expert_count", 65537); gg_u32(g, "llama.expert_used_count", 2); }
static void experts_unused(struct gg *g) { gg_u32(g, "llama.expert_count", 4); gg_u32(g, "llama.expert_used_count", 5); }

static void text_factor(struct gg *g) { gg_string(g, "llama.rope.scaling.factor", "4"); }
static void negative_eps(struct gg *g) { put_f32(g, "llama.attention.layer_norm_rms_epsilon", -1); }
static void text_heads(struct gg *g) { gg_string(g, "llama.attention.head_count", "2"); }
static void three_kv(struct gg *g) { gg_u32(g, "llama.attention.head_count_kv", 3); }

static const struct {
    const char *name, *omit; void (*add)(struct gg *g);
    enum vs_obstacle_kind kind; const char *at, *found;
} bad[] = {
    {"more dimensions than a head has", "llama.rope.dimension_count", too_many_rotated, VS_BAD_CONFIG, "llama.rope.dimension_count", "10"},
    {"no dimension", "llama.rope.dimension_count", none_rotated, VS_BAD_CONFIG, "llama.rope.dimension_count", "0"},
    {"one dimension", "llama.rope.dimension_count", one_rotated, VS_BAD_CONFIG, "llama.rope.dimension_count", "1"},
    {"an odd number of dimensions", "llama.rope.dimension_count", odd, VS_BAD_CONFIG, "llama.rope.dimension_count", "5"},
    {"a factor that is text", NULL, text_factor, VS_BAD_CONFIG, "llama.rope.scaling.factor", "\"4\""},
    {"an eps below 0", "llama.attention.layer_norm_rms_epsilon", negative_eps, VS_BAD_CONFIG, "llama.attention.layer_norm_rms_epsilon", "-1"},
    {"heads that are no number", "llama.attention.head_count", text_heads, VS_BAD_CONFIG, "llama.attention.head_count", "\"2\""},
    {"heads of keys that do not divide", "llama.attention.head_count_kv", three_kv, VS_BAD_CONFIG, "llama.attention.head_count_kv", "3"},
    {"a factor below 0", NULL, negative_factor, VS_BAD_CONFIG, "llama.rope.scaling.factor", "-4"},
    {"a factor that is no number", NULL, factor_nan, VS_BAD_CONFIG, "llama.rope.scaling.factor", "nan"},
    {"the old key of a factor below 0", NULL, negative_scale, VS_BAD_CONFIG, "llama.rope.scale_linear", "-2"},
    {"a base of 0", NULL, base_0, VS_BAD_CONFIG, "llama.rope.freq_base", "0"},
    {"too few divisors", NULL, few_divisors, VS_BAD_SHAPE, "rope_freqs.weight", "3 values"},
    {"a divisor of 0", NULL, divisor_0, VS_BAD_CONFIG, "rope_freqs.weight", "0 for pair 0"},
    {"a divisor below 0", NULL, divisor_below_0, VS_BAD_CONFIG, "rope_freqs.weight", "-1.5 for pair 0"},
    {"divisors in another dtype", NULL, divisors_f16, VS_BAD_SHAPE, "rope_freqs.weight", "F16"},
    {"divisors as a matrix", NULL, divisors_2d, VS_BAD_SHAPE, "rope_freqs.weight", "0 values"},
    {"too many long divisors", NULL, short_long, VS_BAD_SHAPE, "rope_factors_long.weight", "5 values"},
    {"a query row too many", "blk.0.attn_q.weight", q_rows, VS_BAD_SHAPE, "blk.0.attn_q.weight", "[17, 16]"},
    {"keys of every head", "blk.0.attn_k.weight", k_rows, VS_BAD_SHAPE, "blk.0.attn_k.weight", "[16, 16]"},
    {"a column too few", "blk.0.attn_v.weight", v_cols, VS_BAD_SHAPE, "blk.0.attn_v.weight", "[8, 15]"},
    {"rows and columns exchanged", "blk.0.ffn_down.weight", down_turned, VS_BAD_SHAPE, "blk.0.ffn_down.weight", "[12, 16]"},
    {"a short norm", "blk.0.attn_norm.weight", short_norm, VS_BAD_SHAPE, "blk.0.attn_norm.weight", "[15]"},
    {"a norm of two dimensions", "output_norm.weight", norm_matrix, VS_BAD_SHAPE, "output_norm.weight", "[1, 16]"},
    {"a table of other columns", "token_embd.weight", embed_cols, VS_BAD_SHAPE, "token_embd.weight", "[10, 18]"},
    {"a head of other columns", NULL, head_cols, VS_BAD_SHAPE, "output.weight", "[10, 14]"},
    {"a layer that is not counted", NULL, second_layer, VS_MORE_LAYERS, "llama.block_count", "1"},
    {"a layer far beyond the count", NULL, far_layer, VS_MORE_LAYERS, "llama.block_count", "1"},
    {"beyond the count, of a kind of its own", NULL, strange_layer, VS_UNREAD, "blk.1.", "not known"},
    {"no number of a layer", NULL, no_layer, VS_UNREAD, "blk.1x.attn_norm.weight", "not known"},
    {"another list of layers", NULL, other_layers, VS_UNREAD, "tower.blk.1.attn_norm.weight", "not known"},
    {"a layer too many", "llama.block_count", layers_beyond, VS_MISSING, "blk.1.attn_norm.weight", "absent"},
    {"more layers than tensors", "llama.block_count", layers_absurd, VS_BAD_CONFIG, "llama.block_count", "60000"},
    {"too many experts", NULL, experts_absurd, VS_BAD_CONFIG, "llama.expert_count", "65537"},
    {"more experts in use than there are", NULL, experts_unused, VS_BAD_CONFIG, "llama.expert_used_count", "5"},
};

static void expect_obstacle(const char *name, const struct vs_model *m, enum vs_obstacle_kind kind, const char *at, const char *found)
{
    cr_expect_eq(m->obstacle.kind, kind, "%s: %d, %s: %s", name, (int)m->obstacle.kind, m->obstacle.at, m->obstacle.found);
    cr_expect(strstr(m->obstacle.at, at), "%s: at %s", name, m->obstacle.at);
    cr_expect(strstr(m->obstacle.found, found), "%s: found %s", name, m->obstacle.found);
}

Test(forward_gguf, what_does_not_fit)
{
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vs_checkpoint *c;
        struct vs_model m;
        open_model(INNER, bad[i].omit, bad[i].add, &c, &m);
        expect_obstacle(bad[i].name, &m, bad[i].kind, bad[i].at, bad[i].found);
        cr_expect_str_eq(m.obstacle.file, "model.gguf");
        vs_model_close(&m);
        vs_checkpoint_close(c);
    }
    vst_cleanup();
}

/* By the names of the file. */
Test(forward_gguf, what_is_expected)
{
    struct vs_checkpoint *c;
    struct vs_model m;
    open_model(INNER, "llama.attention.head_count_kv", three_kv, &c, &m);
    cr_expect_str_eq(m.obstacle.expected, "a divisor of llama.attention.head_count, 2");
    vs_model_close(&m);
    vs_checkpoint_close(c);
    open_model(INNER, "llama.rope.dimension_count", odd, &c, &m);
    cr_expect_str_eq(m.obstacle.expected, "an even number from 2 to 8, the size of a head");
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vst_cleanup();
}

/* ---- keys without which llama.cpp does not load a file ---- */

#define RMS "attention.layer_norm_rms_epsilon"
#define ODD_HEAD 192u /* the width of a quarter of the heads, that no class has by itself */
#define LAYER_NORM "attention.layer_norm_epsilon"

/* Beside those that every architecture must have; head_count is none of them there, and yet no file loads without it. */
static const char *const of_all[] = {"context_length", "embedding_length", "block_count", "attention.head_count"};
static const struct { const char *arch; bool experts; const char *keys[4]; } required[] = {
    {"llama", false, {RMS}}, {"llama", true, {RMS}}, {"qwen2", false, {RMS}}, {"qwen2moe", true, {RMS}}, {"qwen3", false, {RMS}},
    {"qwen3moe", true, {RMS}}, {"gemma", false, {RMS}}, {"gemma2", false, {RMS}}, {"gemma3", false, {RMS}}, {"phi3", false, {RMS}},
    {"olmo2", false, {RMS}}, {"olmo3", false, {RMS}}, {"smollm3", false, {RMS}}, {"granite", false, {RMS, "logit_scale"}},
    {"gpt-oss", true, {RMS, "expert_feed_forward_length", "attention.sliding_window"}}, {"phi2", false, {LAYER_NORM}}, {"gptj", false, {LAYER_NORM}},
    {"gpt2", false, {LAYER_NORM}}, {"bert", false, {LAYER_NORM}}, {"gptneox", false, {LAYER_NORM, "use_parallel_residual"}},
    {"command-r", false, {LAYER_NORM}}, {"cohere2", false, {LAYER_NORM, "logit_scale", "attention.sliding_window"}},
};

static void put_required(struct gg *g, const char *arch, const char *key)
{
    const char *name = vst_format("%s.%s", arch, key);
    if (strstr(key, "epsilon") || strstr(key, "scale"))
        put_f32(g, name, 1e-5f);
    else if (strcmp(key, "use_parallel_residual") == 0)
        put_true(g, name);
    else
        gg_u32(g, name, strcmp(key, "embedding_length") == 0 ? 4 * ODD_HEAD : strcmp(key, "block_count") == 0 ? 1 : 4);
}

/* An architecture's keys and a single tensor, without the key that is to be missed. */
static void open_keys(size_t which, const char *omit, struct vs_checkpoint **c, struct vs_model *m)
{
    const char *path = vst_path(vst_tempdir(), "keys.gguf"), *arch = required[which].arch;
    const struct vs_checkpoint_options options = {.gguf = true};
    struct gg g = {.version = 3, .omit = omit};
    struct vs_err err = {0};
    gg_string(&g, "general.architecture", arch);
    gg_u32(&g, vst_format("%s.feed_forward_length", arch), 8);
    for (size_t i = 0; i < sizeof of_all / sizeof *of_all; i++)
        put_required(&g, arch, of_all[i]);
    for (size_t i = 0; required[which].keys[i]; i++)
        put_required(&g, arch, required[which].keys[i]);
    if (required[which].experts) {
        gg_u32(&g, vst_format("%s.expert_count", arch), 4);
        gg_u32(&g, vst_format("%s.expert_used_count", arch), 2);
    }
    put_vector(&g, "another.weight", 1);
    gg_write(&g, path);
    gg_free(&g);
    cr_assert_eq(vs_checkpoint_open(path, &options, c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(*c, NULL, NULL, m, &err), VS_OK, "%s", err.message);
}

static void expect_missed(size_t which, const char *key)
{
    const char *name = vst_format("%s.%s", required[which].arch, key);
    struct vs_checkpoint *c;
    struct vs_model m;
    open_keys(which, name, &c, &m);
    expect_obstacle(name, &m, VS_BAD_CONFIG, name, "absent");
    cr_expect(m.obstacle.expected[0], "%s", name);
    vs_model_close(&m);
    vs_checkpoint_close(c);
}

Test(forward_gguf, required_keys)
{
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        struct vs_checkpoint *c;
        struct vs_model m;
        open_keys(i, NULL, &c, &m);
        cr_expect_eq(m.obstacle.kind, VS_MISSING, "%s: %s: %s", required[i].arch, m.obstacle.at, m.obstacle.found);
        vs_model_close(&m);
        vs_checkpoint_close(c);
        for (size_t k = 0; k < sizeof of_all / sizeof *of_all; k++)
            expect_missed(i, of_all[k]);
        for (size_t k = 0; required[i].keys[k]; k++)
            expect_missed(i, required[i].keys[k]);
    }
    vst_cleanup();
}

/* Without its number heads of keys are as many as heads; without its size a feed-forward has none. Nothing is said of what no key says. */
Test(forward_gguf, absent_sizes)
{
    static const struct { const char *omit; void (*add)(struct gg *g); enum vs_obstacle_kind kind; const char *at, *found, *expected; } cases[] = {
        {"llama.attention.head_count_kv", plain, VS_BAD_SHAPE, "blk.0.attn_k.weight", "F32 [8, 16]",
         "[16, 16], by llama.attention.head_count, as llama.attention.head_count_kv is absent"},
        {"blk.0.attn_q.weight", q_rows, VS_BAD_SHAPE, "blk.0.attn_q.weight", "F32 [17, 16]",
         "[16, 16], by llama.embedding_length over llama.attention.head_count, as llama.attention.key_length is absent"},
        {"blk.0.attn_q.weight", q_cols, VS_BAD_SHAPE, "blk.0.attn_q.weight", "F32 [16, 15]", "[16, 16], as the keys say"},
        {"blk.0.attn_v.weight", v_cols, VS_BAD_SHAPE, "blk.0.attn_v.weight", "F32 [8, 15]", "[8, 16], as the keys say"},
        {"blk.0.ffn_down.weight", down_turned, VS_BAD_SHAPE, "blk.0.ffn_down.weight", "F32 [12, 16]", "[16, 12], as the keys say"},
        {"llama.feed_forward_length", plain, VS_BAD_CONFIG, "llama.feed_forward_length", "absent", "a whole number above 0"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_checkpoint *c;
        struct vs_model m;
        open_model(INNER, cases[i].omit, cases[i].add, &c, &m);
        expect_obstacle(cases[i].omit, &m, cases[i].kind, cases[i].at, cases[i].found);
        cr_expect_str_eq(m.obstacle.expected, cases[i].expected);
        vs_model_close(&m);
        vs_checkpoint_close(c);
    }
    vst_cleanup();
}

/* What llama.cpp takes where a key is absent that a file may lack: not what the model's class has for it. */
Test(forward_gguf, keys_that_may_be_absent)
{
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        const char *arch = required[i].arch, *second = required[i].keys[1];
        struct vs_checkpoint *c;
        struct vs_model m;
        open_keys(i, NULL, &c, &m);
        cr_expect_eq(m.arch.head_dim, ODD_HEAD, "%s: heads of %u", arch, m.arch.head_dim);
        cr_expect_eq(m.arch.kv_heads, 4, "%s: %u heads of keys", arch, m.arch.kv_heads);
        cr_expect(NEAR(m.arch.scale, (float)(1 / sqrt(ODD_HEAD))), "%s: attention scaled by %g", arch, (double)m.arch.scale);
        cr_expect(!m.arch.has_rope || m.arch.rope[0].theta == 10000, "%s: a base of %g", arch, m.arch.rope[0].theta);
        cr_expect(!m.arch.has_rope || strcmp(arch, "gptj") == 0 || m.arch.rope[0].pairs == ODD_HEAD / 2, "%s: %u pairs", arch, m.arch.rope[0].pairs);
        cr_expect((second && strcmp(second, "logit_scale") == 0) || m.arch.logit_scale == 1, "%s: logits scaled by %g", arch, (double)m.arch.logit_scale);
        cr_expect(strcmp(arch, "gemma3") != 0 || m.arch.layer[0].window == 0, "%s: a window of %u", arch, m.arch.layer[0].window);
        vs_model_close(&m);
        vs_checkpoint_close(c);
    }
    vst_cleanup();
}

/* Layers and experts are counted together before memory is taken. */
static void many_experts(struct gg *g)
{
    gg_u32(g, "llama.block_count", 100);
    gg_u32(g, "llama.expert_count", 65536);
    gg_u32(g, "llama.expert_used_count", 2);
    for (int i = 0; i < 100; i++)
        put_vector(g, vst_format("more.%d", i), 1);
}

Test(forward_gguf, experts_of_all_layers)
{
    struct vs_checkpoint *c;
    struct vs_model m;
    open_model(INNER, "llama.block_count", many_experts, &c, &m);
    expect_obstacle("experts", &m, VS_BAD_CONFIG, "llama.expert_count", "100 layers of 65536 experts");
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vst_cleanup();
}

/* A feed-forward of width 1: its last matrix is one column, and columns stand where vectors do. Said, not computed wrongly. */
Test(forward_gguf, one_column)
{
    struct vs_checkpoint *c;
    struct vs_model m;
    open_model(1, NULL, plain, &c, &m);
    expect_obstacle("one column", &m, VS_BEYOND, "blk.0.ffn_down.weight", "a matrix of one column");
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vst_cleanup();
}

/* ---- no number ---- */

/* Of row 3 of the tensor the scale is NaN. */
static void broken_block(struct gg *g)
{
    unsigned char blocks[WIDTH * 34] = {0};
    blocks[3 * 34 + 1] = 0x7e;
    gg_tensor(g, "blk.0.ffn_down.weight", GG_Q8_0, 2, DIMS(32, WIDTH), blocks, sizeof blocks);
}

static void no_block(struct gg *g) { put_matrix(g, "blk.0.ffn_down.weight", WIDTH, 32); }

Test(forward_gguf, a_block_that_is_no_number)
{
    for (int broken = 0; broken < 2; broken++)
        for (uint32_t look = 0; look < 3; look++) {
            struct vs_checkpoint *c;
            struct vs_model m;
            struct vs_prompts prompts = {0};
            struct vs_broken found = {0};
            struct vs_err err = {0};
            open_model(32, "blk.0.ffn_down.weight", broken ? broken_block : no_block, &c, &m);
            cr_assert_eq(m.obstacle.kind, VS_RUNNABLE, "%s: %s", m.obstacle.at, m.obstacle.found);
            cr_assert_eq(vs_prompts_parse("1 2 3", &prompts, &err), VS_OK);
            cr_assert_eq(vs_find_broken(&m, look, &prompts, NULL, &found, &err), VS_OK, "%s", err.message);
            if (broken && look == 1)
                cr_expect(found.tensor && vs_str_is(found.tensor->name, "blk.0.ffn_down.weight") && found.at == 3 * 32 && found.nan, "at %llu",
                          (unsigned long long)found.at);
            else
                cr_expect_null(found.tensor, "look %u", look);
            vs_prompts_free(&prompts);
            vs_model_close(&m);
            vs_checkpoint_close(c);
        }
    vst_cleanup();
}

/* MXFP4 of safetensors: exponents are a tensor of their own, and the last one is no power of two. */
Test(forward_gguf, an_exponent_that_is_no_number)
{
    uint8_t blocks[4 * 16] = {0}, exponents[4] = {127, 254, 255, 255};
    const struct vst_tensor stored[] = {{"blocks", "U8", {4, 16}, 2, blocks}, {"scales", "U8", {4, 1}, 2, exponents}};
    const char *path = vst_path(vst_tempdir(), "model.safetensors");
    struct vs_layer layer = {0};
    struct vs_weight roles[VS_LAYER_ROLES] = {{{0}}};
    struct vs_checkpoint *c;
    struct vs_broken found = {0};
    struct vs_prompts none = {0};
    struct vs_err err = {0};
    vst_write_safetensors(path, stored, 2, NULL);
    cr_assert_eq(vs_checkpoint_open(path, &(struct vs_checkpoint_options){.lenient = true}, &c, &err), VS_OK, "%s", err.message);
    roles[VS_W_DOWN].weight = (struct vs_view){.tensor = vs_checkpoint_tensor(c, VS_LIT("blocks")), .scales = vs_checkpoint_tensor(c, VS_LIT("scales")),
                                               .rows = 4, .cols = 32, .mxfp4 = true};
    const struct vs_model m = {.c = c, .arch = {.layers = 1, .layer = &layer}, .binding = {.layer = roles}};
    cr_assert_eq(vs_find_broken(&m, 1, &none, NULL, &found, &err), VS_OK, "%s", err.message);
    cr_expect(found.tensor == roles[VS_W_DOWN].weight.scales && found.at == 2 && found.nan, "at %llu", (unsigned long long)found.at);
    vs_checkpoint_close(c);
    vst_cleanup();
}
