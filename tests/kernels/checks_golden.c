/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashes of results of fixed inputs: every device, every instruction set and every compiler has to give these bits.
 */
#include <stdio.h>
#include "checks.h"
#include "canon_f32.h"
#include "mat.h"

#define TOKENS 9u
#define WIDTH 256u
#define ROWS 40u

static const struct { const char *name; uint64_t hash; } golden[] = {
    {"linear F32", 0x3b7625532442f553}, {"linear BF16", 0x37206b7be7122ccd}, {"linear F16", 0x4062488569dfa59e},
    {"linear F64", 0x26573ffcf8107d58}, {"linear F8_E4M3", 0x23cc4cf40baf2987}, {"linear F8_E5M2", 0x496ddafa9db86bac},
    {"linear Q4_0", 0xc34bd2e51edc33da}, {"linear Q4_1", 0xa7b25c5be90b0844}, {"linear Q5_0", 0xd8aa469bde650a15},
    {"linear Q5_1", 0xd1f90aee02e08a0c}, {"linear Q8_0", 0x454b71aeee30f119}, {"linear Q4_K", 0x665c45a842bd54f0},
    {"linear Q5_K", 0x929f14dbc178506b}, {"linear Q6_K", 0xa2822529bca2e14e}, {"linear MXFP4", 0x07e018e28d4b8471},
    {"attend", 0xe6dfc80e903d7b52}, {"attend sinks window", 0x12bbc99788db6ed5}, {"attend softcap", 0xc1f92ba509ba381d},
    {"silu", 0xee5d3d33b8991cc9}, {"gelu erf", 0x8a4f942172b36999}, {"gelu tanh", 0xba61d69cebfcbd02},
    {"relu", 0x59a43fdee49f8f4d}, {"relu2", 0x9e5aed5504e8574a}, {"swiglu oai", 0xedeca9ff8c75d512},
    {"sigmoid", 0x866b87583d6d6b50}, {"tanh", 0x4f6c1581b9ca3d82}, {"softcap", 0x8cec1fcc00f2e79b},
    {"rms norm", 0xaf01f99576be1b18}, {"layer norm", 0xe2343072816551de}, {"rope", 0xbbefdc35d578e3dc},
};

static uint64_t hash_of(const void *p, uint64_t bytes)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < bytes; i += 4)
        sum += vs_hash_word(VS_LOAD(uint32_t, p, i / 4), i / 4);
    return vs_hash_finish(sum, bytes);
}

static void expect_golden(struct run *r, const char *name, const void *device, uint64_t bytes)
{
    const uint64_t hash = hash_of(from_device(r, device, bytes), bytes);
    uint64_t want = 0;
    char why[100];
    describe(r, "%s", name);
    for (unsigned i = 0; i < sizeof golden / sizeof *golden; i++)
        want = strcmp(golden[i].name, name) ? want : golden[i].hash;
    snprintf(why, sizeof why, "hash 0x%016llx, golden 0x%016llx", (unsigned long long)hash, (unsigned long long)want);
    expect(r, why, hash == want);
}

static float *values(struct run *r, uint64_t n)
{
    float *p = take(r, n * 4);
    fill(r, p, VS_F32, n, FILL_VALUES);
    return to_device(r, p, n * 4);
}

/* The bytes of a block dtype are any, its scales are not. */
static void golden_linear(struct run *r, enum vs_dtype dtype, const float *x, float *y)
{
    static const uint16_t scale = 0x211f; /* about 0.01 in float16 */
    struct vs_mat w = {.dtype = dtype, .rows = ROWS, .cols = WIDTH};
    struct vs_err err;
    char name[40];
    w.stride = vs_mat_row_bytes(&w);
    uint8_t *data = take(r, ROWS * w.stride);
    for (uint64_t i = 0; i < ROWS * w.stride; i++)
        data[i] = (uint8_t)next_random(r);
    for (uint64_t at = 0; vs_quant_bytes(dtype) && at < ROWS * w.stride; at += vs_quant_bytes(dtype)) {
        if (dtype == VS_MXFP4)
            data[at] = 125;
        else
            memcpy(data + at + (dtype == VS_Q6_K ? 208 : 0), &scale, 2);
        if (dtype == VS_Q4_1 || dtype == VS_Q5_1 || dtype == VS_Q4_K || dtype == VS_Q5_K)
            memcpy(data + at + 2, &scale, 2);
    }
    if (vs_float_size(dtype))
        fill(r, data, dtype, ROWS * WIDTH, FILL_VALUES);
    w.data = to_device(r, data, ROWS * w.stride);
    expect(r, "product", !vs_f_linear(r->dev, &w, x, WIDTH, TOKENS, NULL, y, ROWS, &err));
    snprintf(name, sizeof name, "linear %s", vs_dtype_name(dtype));
    expect_golden(r, name, y, TOKENS * ROWS * 4);
}

static void golden_attend(struct run *r, float *qkv, const float *sinks)
{
    static const struct vs_f_span spans[2] = {{0, 5, 0, 5}, {5, 4, 5, 4}};
    static const char *const names[3] = {"attend", "attend sinks window", "attend softcap"};
    for (unsigned i = 0; i < 3; i++) {
        struct vs_f_attention a = {.q = {qkv, WIDTH, 32, 4, 32}, .k = {qkv + 128, WIDTH, 32, 2, 32}, .v = {qkv + 192, WIDTH, 32, 2, 32},
                                   .spans = spans, .span_count = 2, .scale = 0.17677669f, .causal = true};
        struct vs_err err;
        a.sinks = i == 1 ? sinks : NULL;
        a.window = i == 1 ? 3 : 0;
        a.softcap = i == 2 ? 4.0f : 0;
        a.scores = to_device(r, NULL, vs_f_attention_scores(r->dev, &a) * 4);
        a.out = to_device(r, NULL, TOKENS * 128 * 4);
        expect(r, "attention", !vs_f_attend(r->dev, &a, &err));
        expect_golden(r, names[i], a.out, TOKENS * 128 * 4);
    }
}

static void golden_elementwise(struct run *r, const float *x, const float *gate)
{
    static const char *const names[] = {"silu", "gelu erf", "gelu tanh", "relu", "relu2", "swiglu oai", "sigmoid", "tanh"};
    struct vs_err err;
    float *y = to_device(r, NULL, TOKENS * WIDTH * 4);
    for (unsigned i = 0; i < 8; i++) {
        expect(r, "activation", !vs_f_act(r->dev, (enum vs_f_act)i, gate, x, TOKENS * WIDTH, y, &err));
        expect_golden(r, names[i], y, TOKENS * WIDTH * 4);
    }
    expect(r, "scale", !vs_f_scale(r->dev, y, 3, 2, TOKENS * WIDTH, &err));
    expect_golden(r, "softcap", y, TOKENS * WIDTH * 4);
}

static void golden_rows(struct run *r, float *x, const float *weight)
{
    static const uint32_t at[TOKENS] = {0, 1, 2, 3, 4, 0, 1, 2, 3};
    struct vs_f_heads heads = {x, WIDTH, 64, 4, 64};
    struct vs_err err;
    float *y = to_device(r, NULL, TOKENS * WIDTH * 4);
    const uint32_t *position = to_device(r, at, sizeof at);
    expect(r, "norm", !vs_f_norm(r->dev, VS_F_RMS, x, TOKENS, WIDTH, weight, NULL, 1e-6, y, &err));
    expect_golden(r, "rms norm", y, TOKENS * WIDTH * 4);
    expect(r, "norm", !vs_f_norm(r->dev, VS_F_LAYER, x, TOKENS, WIDTH, weight, weight, 1e-5, y, &err));
    expect_golden(r, "layer norm", y, TOKENS * WIDTH * 4);
    expect(r, "rotary", !vs_f_rope(r->dev, &heads, TOKENS, position, weight, 24, false, &err));
    expect(r, "rotary", !vs_f_rope(r->dev, &heads, TOKENS, position, weight, 24, true, &err));
    expect_golden(r, "rope", x, TOKENS * WIDTH * 4);
}

void check_forward_golden(struct run *r)
{
    static const enum vs_dtype dtypes[] = {VS_F32, VS_BF16, VS_F16, VS_F64, VS_F8_E4M3, VS_F8_E5M2, VS_Q4_0, VS_Q4_1, VS_Q5_0,
                                           VS_Q5_1, VS_Q8_0, VS_Q4_K, VS_Q5_K, VS_Q6_K, VS_MXFP4};
    r->random = 5;
    float *x = values(r, TOKENS * WIDTH), *gate = values(r, TOKENS * WIDTH), *y = to_device(r, NULL, TOKENS * ROWS * 4);
    for (unsigned i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        golden_linear(r, dtypes[i], x, y);
    golden_attend(r, gate, x);
    golden_elementwise(r, x, gate);
    golden_rows(r, x, gate);
    release(r);
}
