/* SPDX-License-Identifier: Apache-2.0
 *
 * What all kinds of attention agree on: which rows a block has. A row is one query with one head; the rows of a block
 * share a key head.
 */
#ifndef VS_KERNELS_CUDA_ATTEND_ROWS_H
#define VS_KERNELS_CUDA_ATTEND_ROWS_H

#include "cuda.h"

#define VS_SPANS 32u /* of a launch */

struct attend_args {
    struct vs_f_heads q, k, v;
    struct vs_f_span spans[VS_SPANS];
    uint64_t first_item[VS_SPANS + 1]; /* items of spans before */
    uint32_t span_count, window, rows; /* rows of a block */
    float scale, softcap;
    bool causal;
    const float *sinks;
    float *scores, *out;
    uint64_t scores_stride;  /* from row to row */
    unsigned long long *error; /* bits of the largest error of a sum, or NULL */
};

struct block_rows {
    uint64_t kv, first, count; /* rows [first, first + count) of the key head */
    struct vs_f_span span;
};

/* All key heads of the last rows first: in causal order those have the most keys, and none of them should be left for the end. */
VS_HD struct block_rows rows_of_item(const struct attend_args *a, uint64_t item)
{
    struct block_rows b;
    uint32_t s = 0;
    while (item >= a->first_item[s + 1])
        s++;
    b.span = a->spans[s];
    const uint64_t rows = b.span.q_count * (a->q.heads / a->k.heads), blocks = (rows + a->rows - 1) / a->rows;
    b.kv = (item - a->first_item[s]) % a->k.heads;
    b.first = (blocks - 1 - (item - a->first_item[s]) / a->k.heads) * a->rows;
    b.count = rows - b.first < a->rows ? rows - b.first : a->rows;
    return b;
}

struct attend_row { uint64_t token, head, from, to; };

/* Rows past the end repeat the last one. */
VS_HD struct attend_row row_of(const struct attend_args *a, const struct block_rows *b, uint32_t i)
{
    const uint64_t group = a->q.heads / a->k.heads, n = b->first + (i < b->count ? i : b->count - 1), query = n / group;
    struct attend_row r;
    r.token = b->span.q_begin + query;
    r.head = b->kv * group + n % group;
    r.to = a->causal ? (uint64_t)b->span.k_count - b->span.q_count + query + 1 : b->span.k_count;
    r.from = a->window && r.to > a->window ? r.to - a->window : 0;
    return r;
}

#ifdef __cplusplus
extern "C" {
#endif

/* attend_fast.cu: whether it has these heads; then blocks of VS_FAST_ROWS rows. */
#define VS_FAST_ROWS 64u
bool vs_cuda_fast_attends(const struct vs_cuda *cuda, const struct vs_f_attention *a);
/* attend_few.cu: items of at most VS_FEW_ROWS rows, whose scores all lie in the workspace. */
#define VS_FEW_ROWS 8u
enum vs_code vs_cuda_attend_few(struct vs_cuda *cuda, const struct attend_args *args, struct vs_err *err);
enum vs_code vs_cuda_attend_fast(struct vs_cuda *cuda, const struct attend_args *args, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
