/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens per second of the forward pass, strict mode, weights resident: prefill of N tokens with the logits of the last one,
 * and decoding behind a prompt of 32.
 *
 *     bench_forward MODEL THREADS      prints "prefill32 T", "prefill128 T", "decode T", each the best of its runs
 */
#include <stdio.h>
#include <stdlib.h>
#include "forward/run.h"

#define RUNS 5
#define PROMPT 32u
#define DECODED 32u
#define LONGEST 128u

static struct vs_err err;

static void must(enum vs_code code)
{
    if (!code)
        return;
    fprintf(stderr, "bench_forward: %s\n", err.message);
    exit(1);
}

struct bench {
    struct vs_dev *dev;
    struct vs_model model;
    struct vs_pass *pass;
    struct vs_weights *trunk, *head;
    struct vs_cache cache;
    uint32_t slot, ids[LONGEST];
    float *logits;
};

static enum vs_code drop(void *user, const float *logits, uint64_t stride, uint64_t first, uint64_t rows, struct vs_err *e)
{
    return VS_OK;
}

/* count tokens from position past on; seconds. */
static double step(struct bench *b, uint32_t count, uint32_t past)
{
    const struct vs_sequence sequence = {0, count, past};
    const struct vs_batch batch = {.ids = b->ids, .count = count, .sequences = &sequence, .sequence_count = 1, .length = LONGEST};
    const double began = vs_now();
    must(vs_pass_run(b->pass, b->trunk, &batch, &b->cache, &err));
    const float *last = vs_pass_hidden(b->pass) + (uint64_t)(count - 1) * b->model.arch.hidden;
    must(vs_head_run(b->dev, &b->model.arch, b->head, last, 1, b->logits, drop, NULL, &err));
    return vs_now() - began;
}

static void prefill(struct bench *b, uint32_t count)
{
    double best = 1e9;
    for (int i = 0; i < RUNS; i++) {
        const double seconds = step(b, count, 0);
        best = seconds < best ? seconds : best;
    }
    printf("prefill%u %.1f\n", count, count / best);
}

static void decode(struct bench *b)
{
    double best = 1e9;
    for (int i = 0; i < RUNS; i++) {
        double seconds = 0;
        step(b, PROMPT, 0);
        for (uint32_t t = 0; t < DECODED; t++)
            seconds += step(b, 1, PROMPT + t);
        best = seconds < best ? seconds : best;
    }
    printf("decode %.1f\n", DECODED / best);
}

int main(int argc, char **argv)
{
    const struct vs_run run = {.memory = 4ull << 30};
    const struct vs_checkpoint_options options = {.gguf = true};
    struct vs_checkpoint *c = NULL;
    struct bench b = {0};
    if (argc != 3)
        return 2;
    must(vs_checkpoint_open(argv[1], &options, &c, &err));
    must(vs_dev_open(VS_DEV_CPU, (unsigned)atoi(argv[2]), &b.dev, &err));
    must(vs_model_open(c, NULL, NULL, &b.model, &err));
    must(vs_pass_open(b.dev, &b.model, LONGEST, LONGEST, &b.pass, &err));
    must(vs_weights_open(b.dev, c, &b.model.arch, &b.model.binding, VS_TRUNK, 2ull << 30, 0, true, &run, &b.trunk, &err));
    must(vs_weights_open(b.dev, c, &b.model.arch, &b.model.binding, VS_HEAD, 2ull << 30, 0, true, &run, &b.head, &err));
    const uint64_t cache = (uint64_t)b.model.arch.layers * LONGEST * b.model.arch.kv_heads * b.model.arch.head_dim * sizeof(float);
    must(vs_dev_alloc(b.dev, cache, (void **)&b.cache.k, &err));
    must(vs_dev_alloc(b.dev, cache, (void **)&b.cache.v, &err));
    must(vs_dev_alloc(b.dev, vs_weights_tile_rows(b.head) * sizeof(float), (void **)&b.logits, &err));
    b.cache.slots = LONGEST;
    b.cache.slot = &b.slot;
    for (uint32_t i = 0; i < LONGEST; i++)
        b.ids[i] = 3 + i * 7919 % 40000;
    prefill(&b, 32);
    prefill(&b, 128);
    decode(&b);
    vs_dev_free(b.dev, b.logits);
    vs_dev_free(b.dev, b.cache.v);
    vs_dev_free(b.dev, b.cache.k);
    vs_weights_close(b.head);
    vs_weights_close(b.trunk);
    vs_pass_close(b.pass);
    vs_model_close(&b.model);
    vs_dev_close(b.dev);
    vs_checkpoint_close(c);
    return 0;
}
