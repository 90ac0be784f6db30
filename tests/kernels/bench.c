/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "bench.h"
#include "canon.h"
#include "cpu/cpu.h"

static const struct vs_k_range everything = {0, UINT64_MAX};

static enum vs_code run_gather(struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    uint64_t bad;
    return vs_k_gather(dev, &b->w, b->ids, b->ids_count, &everything, 1, b->rows, NULL, 0, &bad, err);
}

static enum vs_code run_stats(struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    return vs_k_row_stats(dev, &b->w, b->stats, err);
}

static enum vs_code run_sums(struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    uint64_t added = 0;
    return vs_k_column_sums(dev, &b->w, NULL, NULL, b->sum, b->squares, &added, err);
}

static enum vs_code run_noise(struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    return vs_k_affine_noise(dev, b->sum, b->squares, b->w.cols, b->keys, b->ids_count, VS_BF16, b->out, err);
}

static enum vs_code run_combine(struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    return vs_k_combine(dev, &b->w, b->starts, (const uint64_t *)b->ids, NULL, b->ids_count / 4, b->out, err);
}

static enum vs_code run_probe(struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    return vs_k_head_probe(dev, &b->w, b->hidden, b->probes, NULL, b->logits, err);
}

static enum vs_code run_argmax(struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    return vs_k_argmax(dev, b->logits, b->probes, b->w.count, NULL, b->max, err);
}

static uint64_t table_bytes(const struct bench *b) { return b->w.count * b->w.cols * 2; }
static uint64_t gather_bytes(const struct bench *b) { return b->ids_count * b->w.cols * 6; }
static uint64_t noise_bytes(const struct bench *b) { return b->ids_count * b->w.cols * 2; }
static uint64_t combine_bytes(const struct bench *b) { return b->ids_count / 4 * b->w.cols * 10; }
static uint64_t logit_bytes(const struct bench *b) { return b->probes * b->w.count * 4; }
static uint64_t probe_bytes(const struct bench *b) { return table_bytes(b) + logit_bytes(b); }

const struct bench_op bench_ops[] = {
    {"gather", run_gather, gather_bytes},   {"row_stats", run_stats, table_bytes},   {"column_sums", run_sums, table_bytes},
    {"noise", run_noise, noise_bytes},      {"combine", run_combine, combine_bytes}, {"head_probe", run_probe, probe_bytes},
    {"argmax", run_argmax, logit_bytes},
};
const unsigned bench_op_count = sizeof bench_ops / sizeof *bench_ops;

static void bench_fill(struct bench *b)
{
    for (uint64_t i = 0; i < b->w.count * b->w.cols; i++)
        vs_store_uint16_t(b->out, i, vs_f32_to_bf16((float)((vs_mix64(i) >> 40) / 0x1p24 - 0.5)));
    memcpy((void *)(uintptr_t)b->w.data, b->out, table_bytes(b));
    for (uint64_t i = 0; i < b->ids_count; i++) {
        b->ids[i] = (int64_t)(vs_mix64(i) % b->w.count);
        b->keys[i] = vs_k_key_make(1, 2, &i, sizeof i);
        b->starts[i] = i * 4;
    }
    for (uint64_t i = 0; i < b->w.cols; i++)
        b->sum[i] = b->squares[i] = 1;
    for (uint64_t i = 0; i < b->probes * b->w.cols; i++)
        b->hidden[i] = (float)((vs_mix64(i) >> 40) / 0x1p24 - 0.5);
}

int bench_make(struct bench *b, uint64_t rows, uint64_t cols)
{
    *b = (struct bench){.probes = 16, .ids_count = rows / 2};
    b->w = (struct vs_rows){malloc(rows * cols * 2), VS_BF16, 0, rows, rows, cols};
    b->out = malloc(rows * cols * 2);
    b->ids = calloc(b->ids_count, sizeof *b->ids);
    b->rows = malloc(b->ids_count * cols * 4);
    b->hidden = calloc(b->probes * cols, 4);
    b->logits = calloc(b->probes * rows, 4);
    b->stats = calloc(rows, sizeof *b->stats);
    b->max = calloc(b->probes, sizeof *b->max);
    b->sum = calloc(cols, 8);
    b->squares = calloc(cols, 8);
    b->keys = calloc(b->ids_count, sizeof *b->keys);
    b->starts = calloc(b->ids_count, sizeof *b->starts);
    if (!b->w.data || !b->out || !b->ids || !b->rows || !b->hidden || !b->logits || !b->stats || !b->max || !b->sum || !b->squares ||
        !b->keys || !b->starts)
        return 1;
    bench_fill(b);
    return 0;
}

void bench_free(struct bench *b)
{
    void *all[] = {(void *)(uintptr_t)b->w.data, b->out, b->ids, b->rows, b->hidden, b->logits, b->stats, b->max,
                   b->sum, b->squares, b->keys, b->starts};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double best_seconds(const struct bench_op *op, struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        const double start = now();
        if (op->run(dev, b, err))
            return -1;
        const double s = now() - start;
        best = s < best ? s : best;
    }
    return best;
}

int bench_cpu(void)
{
    struct bench b;
    struct vs_err err;
    int failed = bench_make(&b, 8192, 2048);
    printf("%-24s", "GB/s, 8192 x 2048 BF16");
    for (unsigned i = 0; i < bench_op_count; i++)
        printf(" %11s", bench_ops[i].name);
    printf("\n");
    for (unsigned level = 0; level <= vs_cpu_best() && !failed; level++)
        for (unsigned threads = 1; threads <= 2 && !failed; threads++) {
            struct vs_dev *dev;
            if (vs_cpu_open_level((enum vs_cpu_level)level, threads, &dev, &err))
                return 1;
            printf("%-24s", vs_dev_name(dev));
            for (unsigned i = 0; i < bench_op_count; i++) {
                const double s = best_seconds(&bench_ops[i], dev, &b, &err);
                failed |= s < 0;
                printf(" %11.2f", (double)bench_ops[i].bytes(&b) / s * 1e-9);
                fflush(stdout);
            }
            printf("\n");
            vs_dev_close(dev);
        }
    bench_free(&b);
    for (unsigned level = VS_CPU_PORTABLE + 1; level <= vs_cpu_best() && !failed; level++) {
        struct vs_dev *dev;
        if (vs_cpu_open_level((enum vs_cpu_level)level, 2, &dev, &err))
            return 1;
        failed |= bench_forward(dev);
        vs_dev_close(dev);
    }
    return failed;
}
