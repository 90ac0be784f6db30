/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole checks with a forward pass on the GPU and on the CPU, weights streamed and kept: the same logits to the last bit and
 * the same continuation. One JSON object a line, for gpu-verify; 0 all the same, 1 not, 77 no device.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vs/check.h>
#include "canon.h"
#include "dtype.h"
#include "gpu_parts.h"
#include "support.h"

#define ROWS 1000u
#define HEADS 8u
#define KV_HEADS 2u
#define CONTINUED 12u
#define SLICED 600u /* ids of many prompts; the workspace of 32 MiB has room for 273 */
#define WIDTH 512u
#define INNER 1408u
#define LAYERS 6u
#define DIM (WIDTH / HEADS)

static struct vst_tensor list[LAYERS * 9 + 3];
static size_t count;

static void add(const char *name, const char *dtype, uint64_t rows, uint64_t cols)
{
    const uint64_t n = rows * (cols ? cols : 1), seed = vs_mix64(count + 1);
    void *data = malloc(n * 4);
    if (!data)
        exit(1);
    for (uint64_t i = 0; i < n; i++) { /* matrices of variance 1 / cols keep the size of activations */
        const float uniform = (float)((double)(vs_mix64(seed + i) >> 40) * 0x1p-23 - 1);
        const float x = cols ? uniform * (float)__builtin_sqrt(3.0 / (double)cols) : 1 + 0.2f * uniform;
        if (dtype[0] == 'B')
            vs_store_uint16_t(data, i, vs_f32_to_bf16(x));
        else
            memcpy((char *)data + i * 4, &x, 4);
    }
    list[count++] = (struct vst_tensor){.name = name, .dtype = dtype, .shape = {rows, cols}, .ndim = cols ? 2 : 1, .data = data};
}

static void add_layer(const char *dtype, unsigned l)
{
    static const struct { const char *name; uint64_t rows, cols; } parts[] = {
        {"input_layernorm", WIDTH, 0}, {"post_attention_layernorm", WIDTH, 0}, {"self_attn.q_proj", WIDTH, WIDTH},
        {"self_attn.k_proj", KV_HEADS * DIM, WIDTH}, {"self_attn.v_proj", KV_HEADS * DIM, WIDTH}, {"self_attn.o_proj", WIDTH, WIDTH},
        {"mlp.gate_proj", INNER, WIDTH}, {"mlp.up_proj", INNER, WIDTH}, {"mlp.down_proj", WIDTH, INNER}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        add(vst_format("model.layers.%u.%s.weight", l, parts[i].name), dtype, parts[i].rows, parts[i].cols);
}

static const char *make_model(const char *dtype)
{
    const char *dir = vst_tempdir();
    count = 0;
    add("model.embed_tokens.weight", dtype, ROWS, WIDTH);
    for (unsigned l = 0; l < LAYERS; l++)
        add_layer(dtype, l);
    add("model.norm.weight", dtype, WIDTH, 0);
    add("lm_head.weight", dtype, ROWS, WIDTH);
    vst_write_safetensors(vst_path(dir, "model.safetensors"), list, count, NULL);
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)list[i].data);
    vst_write_text(vst_path(dir, "config.json"),
                   vst_format("{\"model_type\": \"llama\", \"vocab_size\": %u, \"hidden_size\": %u, \"intermediate_size\": %u, "
                              "\"num_hidden_layers\": %u, \"num_attention_heads\": %u, \"num_key_value_heads\": %u, "
                              "\"rms_norm_eps\": 1e-06, \"max_position_embeddings\": 512, \"tie_word_embeddings\": false}\n",
                              ROWS, WIDTH, INNER, LAYERS, HEADS, KV_HEADS));
    return dir;
}

struct outcome { enum vs_code code; struct vs_err err; const char *logits; size_t bytes; uint32_t ids[CONTINUED]; double seconds; };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One prompt and its continuation, or so many prompts that layers compute slices of them: then weights are not kept, and there is
 * room for a whole layer. */
struct way { uint64_t memory; bool sliced; };

static const char *many_prompts(void)
{
    const char *path = vst_path(vst_tempdir(), "prompts"), *text = "";
    for (unsigned i = 0; i < SLICED; i++)
        text = vst_format("%s%u%s", text, (i + 1) * 7919 % ROWS, (i + 1) % 40 ? " " : "\n");
    vst_write_text(path, text);
    return path;
}

static struct outcome check_on(const char *dir, enum vs_device device, const struct way *way)
{
    const char *out = vst_path(vst_tempdir(), "logits.npy"), *one = "4 8 15 16 23 42 108 999 0 1 2 3 500";
    const char *const prompts[] = {way->sliced ? many_prompts() : one, NULL};
    struct vs_forward_request q = {.prompt_ids = prompts, .generate = way->sliced ? 0 : CONTINUED, .dump_logits = out};
    struct vs_check_request request = {.path = dir, .device = device, .fail_on = VS_ERROR, .forward = &q};
    struct vs_run run = {.memory = way->memory};
    struct vs_check_result *r = NULL;
    struct outcome o = {0};
    const double began = now();
    o.code = vs_check(&request, &run, &r, &o.err);
    if (!o.code)
        o.code = vs_check_commit(r, &o.err);
    o.seconds = now() - began;
    if (o.code)
        return o;
    o.logits = vst_read(out, &o.bytes);
    if (r->forward && r->forward->generated_count)
        memcpy(o.ids, r->forward->generated[0].ids, r->forward->generated[0].count * sizeof *o.ids);
    vs_check_free(r);
    return o;
}

static int compare(const char *dtype, const char *dir, const struct way *way, int *status)
{
    const struct outcome gpu = check_on(dir, VS_DEVICE_CUDA, way);
    const struct outcome cpu = gpu.code == VS_EDEVICE ? gpu : check_on(dir, VS_DEVICE_CPU, way);
    const struct vs_err *err = gpu.code ? &gpu.err : &cpu.err;
    const bool same = !gpu.code && !cpu.code && gpu.bytes == cpu.bytes && memcmp(gpu.logits, cpu.logits, gpu.bytes) == 0;
    const bool as_written = same && memcmp(gpu.ids, cpu.ids, sizeof gpu.ids) == 0;
    printf("{\"model\": \"llama, %s\", \"memory\": %llu, \"sliced\": %s, \"same_logits\": %s, \"same_continuation\": %s, "
           "\"gpu_s\": %.2f, \"cpu_s\": %.2f, \"error\": ", dtype, (unsigned long long)way->memory, way->sliced ? "true" : "false",
           same ? "true" : "false", as_written ? "true" : "false", gpu.seconds, cpu.seconds);
    put_text(stdout, gpu.code || cpu.code ? err->message : "");
    puts("}");
    fflush(stdout);
    *status |= !as_written;
    return gpu.code == VS_EDEVICE ? PART_SKIPPED : 0;
}

int main(void)
{
    static const char *const dtypes[] = {"BF16", "F32"};
    static const struct way ways[] = {{1u << 20, false}, {1u << 30, false}, {1u << 25, true}};
    int status = 0, skipped = 0;
    for (unsigned i = 0; i < 2 && !skipped; i++) {
        const char *dir = make_model(dtypes[i]);
        for (size_t n = 0; n < sizeof ways / sizeof *ways && !skipped; n++)
            skipped = compare(dtypes[i], dir, &ways[n], &status);
    }
    vst_cleanup();
    return skipped ? skipped : status;
}
