/* SPDX-License-Identifier: Apache-2.0
 *
 * Rates of the forward pass's operations on the CPU, beside a plain read of memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "bench.h"
#include "canon.h"
#include "cpu/cpu.h"
#include "mat.h"

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct read_job { const uint64_t *p; _Atomic uint64_t sum; };

VS_BODY void read_body(const void *job, uint64_t begin, uint64_t end)
{
    struct read_job *j = (struct read_job *)(uintptr_t)job;
    uint64_t sum = 0;
    for (uint64_t i = begin; i < end; i++)
        sum += j->p[i];
    j->sum += sum;
}
VS_CPU_KERNEL(read)

/* Bytes per second of summing memory. */
static double read_rate(struct vs_dev *dev, const void *p, uint64_t bytes)
{
    struct read_job job = {p, 0};
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        const double start = now();
        vs_cpu_for(dev, read, &job, bytes / 8, 1 << 14);
        const double s = now() - start;
        best = s < best ? s : best;
    }
    return (double)bytes / best;
}

struct forward_bench { uint8_t *weights; uint64_t bytes; float *x, *y; double read; };

/* Different rows every time, so that weights come from memory. */
static double linear_seconds(struct vs_dev *dev, struct forward_bench *b, struct vs_mat w, uint64_t m)
{
    const uint64_t matrix = w.rows * w.stride, copies = b->bytes / matrix;
    double best = 1e9;
    struct vs_err err;
    uint64_t at = 0;
    for (int i = 0; i < 5; i++) {
        const uint64_t times = m > 8 || copies < 2 ? 1 : copies;
        const double start = now();
        for (uint64_t t = 0; t < times; t++, at++) {
            w.data = b->weights + at % copies * matrix;
            if (vs_f_linear(dev, &w, b->x, w.cols, m, NULL, b->y, w.rows, &err))
                return -1;
        }
        const double s = (now() - start) / (double)times;
        best = s < best ? s : best;
    }
    return best;
}

static int bench_linear(struct vs_dev *dev, struct forward_bench *b)
{
    static const enum vs_dtype dtypes[] = {VS_F32, VS_BF16, VS_F16, VS_F8_E4M3, VS_Q8_0, VS_Q4_0, VS_Q4_1, VS_Q5_0, VS_Q5_1,
                                           VS_Q4_K, VS_Q5_K, VS_Q6_K, VS_MXFP4};
    static const uint64_t tokens[] = {1, 4, 32, 128};
    static const uint64_t shapes[][2] = {{2048, 2048}, {4096, 640}};
    int failed = 0;
    for (unsigned s = 0; s < 2; s++)
        for (unsigned d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
            struct vs_mat w = {.dtype = dtypes[d], .rows = shapes[s][0], .cols = shapes[s][1]};
            w.stride = vs_mat_row_bytes(&w);
            if (!w.stride)
                continue;
            printf("%-7s %5llu x %-5llu", vs_dtype_name(w.dtype), (unsigned long long)w.rows, (unsigned long long)w.cols);
            for (unsigned t = 0; t < 4; t++) {
                const double s_ = linear_seconds(dev, b, w, tokens[t]), gb = (double)(w.rows * w.stride) / s_ * 1e-9;
                failed |= s_ < 0;
                printf(" %4llu: %6.1f GFLOP/s %5.1f GB/s (%.2f)", (unsigned long long)tokens[t],
                       2e-9 * (double)(w.rows * w.cols * tokens[t]) / s_, gb, gb * 1e9 / b->read);
                fflush(stdout);
            }
            printf("\n");
        }
    return failed;
}

int bench_forward(struct vs_dev *dev)
{
    struct forward_bench b = {.bytes = 256u << 20};
    int failed = 1;
    b.weights = malloc(b.bytes);
    b.x = malloc(4096 * 128 * 4);
    b.y = malloc(4096 * 128 * 4);
    if (b.weights && b.x && b.y) {
        for (uint64_t i = 0; i < b.bytes / 8; i++)
            vs_store_uint64_t(b.weights, i, vs_mix64(i) & 0x3bff3bff3bff3bff); /* no NaN, nothing subnormal */
        for (uint64_t i = 0; i < 4096 * 128; i++)
            b.x[i] = (float)((vs_mix64(i) >> 40) / 0x1p24 - 0.5);
        b.read = read_rate(dev, b.weights, b.bytes);
        printf("%s: plain read %.1f GB/s; products with 1, 4, 32, 128 tokens (share of the plain read)\n", vs_dev_name(dev), b.read * 1e-9);
        failed = bench_linear(dev, &b);
    }
    free(b.weights);
    free(b.x);
    free(b.y);
    return failed;
}
