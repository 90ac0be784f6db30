/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VS_TESTS_BENCH_H
#define VS_TESTS_BENCH_H

#include "vs_kernels.h"

/* A table of BENCH_ROWS x BENCH_COLS BF16 through every operation. */
struct bench {
    struct vs_rows w;
    int64_t *ids;
    float *rows, *hidden, *logits;
    struct vs_k_row *stats;
    struct vs_k_max *max;
    double *sum, *squares;
    struct vs_k_key *keys;
    uint64_t *starts;
    void *out;
    uint64_t probes, ids_count;
};

struct bench_op {
    const char *name;
    enum vs_code (*run)(struct vs_dev *dev, struct bench *b, struct vs_err *err);
    uint64_t (*bytes)(const struct bench *b); /* read and written */
};
extern const struct bench_op bench_ops[];
extern const unsigned bench_op_count;

int bench_make(struct bench *b, uint64_t rows, uint64_t cols); /* 0, or 1 without memory */
void bench_free(struct bench *b);
int bench_cpu(void);
int bench_forward(struct vs_dev *dev);

#endif
