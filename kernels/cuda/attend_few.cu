/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict attention of few rows, as when one token is written after many: every processor should have a part, though a row's
 * column is one chain of multiply-adds over all keys. Two kernels: scores by tiles of keys, then values by slices of columns.
 * The blocks of the second make the weights of their rows anew, tile by tile, which costs less than a kernel between them.
 */
#include "attend_scores.h"

#define THREADS VS_SCORE_THREADS
#define ROWS VS_FEW_ROWS   /* one for each warp */
#define LANES ((uint32_t)VS_DOT_LANES)
#define COLS 32u           /* of values, one for each thread of a warp */
#define KEYS 64u           /* of a tile */
#define STAGES 3u          /* of values on their way */
#define EACH (ROWS * KEYS / THREADS) /* weights of a tile that a thread makes */

/* Scores of item i in the workspace. */
VS_HD float *scores_of(const struct attend_args *a, uint64_t item)
{
    return a->scores + item * ROWS * a->scores_stride;
}

VS_KERNEL(few_scores, struct attend_args)
{
    VS_BEGIN();
    const uint64_t tiles = (a.scores_stride + VS_SCORE_TILE - 1) / VS_SCORE_TILE, item = blockIdx.x / tiles;
    const struct block_rows b = rows_of_item(&a, item);
    const uint64_t key = row_of(&a, &b, 0).from + blockIdx.x % tiles * VS_SCORE_TILE;
    if (key >= row_of(&a, &b, ROWS - 1).to)
        return;
    if (b.count <= ROWS / 2)
        tile_scores(&a, &b, key, ROWS / 2, scores_of(&a, item));
    else
        tile_scores(&a, &b, key, ROWS, scores_of(&a, item));
}

struct few_memory {
    float v[STAGES][KEYS][COLS], weights[2][ROWS][KEYS], tops[ROWS], sums[ROWS];
};

/* What a block has: rows, keys [from, to) that any of them sees, columns from col on. */
struct few { const struct attend_args *a; struct block_rows b; const float *scores; uint64_t from, to, col; };

/* A warp a row, all columns of threads: the largest score that the row sees, or its sink. */
VS_DEVICE void find_top(const struct few *f, float *tops)
{
    const uint32_t r = threadIdx.x / 32, t = threadIdx.x % 32;
    const struct attend_row row = row_of(f->a, &f->b, r);
    const float *s = f->scores + (r < f->b.count ? r : f->b.count - 1) * f->a->scores_stride;
    float max = f->a->sinks ? f->a->sinks[row.head] : -INFINITY;
    VS_UNROLL(8)
    for (uint64_t k = row.from + t; k < row.to; k += 32)
        max = s[k] > max ? s[k] : max;
    for (uint32_t half = 16; half; half /= 2) {
        const float other = __shfl_down_sync(0xffffffffu, max, half);
        max = other > max ? other : max;
    }
    if (!t)
        tops[r] = max;
}

VS_DEVICE void fetch_values(const struct few *f, struct few_memory *m, uint64_t base, uint32_t stage)
{
    const uint32_t d = threadIdx.x % COLS;
    const float *v = f->a->v.data + (f->b.span.k_begin + base) * f->a->v.token_stride + f->b.kv * f->a->v.head_stride + f->col + d;
    for (uint32_t key = threadIdx.x / COLS; key < KEYS; key += THREADS / COLS)
        if (base + key >= f->from && base + key < f->to && f->col + d < f->a->v.dim)
            VS_COPY4(&m->v[stage][key][d], v + key * f->a->v.token_stride);
}

/* Scores of the tile at base that this thread makes weights of; those that a row does not see are not read. */
VS_DEVICE void read_scores(const struct few *f, uint64_t base, float *s)
{
    for (uint32_t i = 0; i < EACH; i++) {
        const uint32_t r = (i * THREADS + threadIdx.x) / KEYS;
        const uint64_t k = base + threadIdx.x % KEYS;
        s[i] = r < f->b.count && k >= f->from && k < f->to ? f->scores[r * f->a->scores_stride + k] : 0;
    }
}

/* One row a warp, one column a thread, keys ascending. */
VS_DEVICE float mix_tile(const struct attend_row *row, float (*v)[COLS], const float *weights, uint64_t base, float acc)
{
    const uint32_t begin = (uint32_t)(row->from > base ? row->from - base : 0), end = (uint32_t)(row->to - base < KEYS ? row->to - base : KEYS);
    VS_UNROLL(16)
    for (uint32_t k = begin; k < end; k++)
        acc = vs_fmaf(weights[k], v[k][threadIdx.x % COLS], acc);
    return acc;
}

/* The canonical lanes of a row's sum: threads 16 r + lane, for rows below 8. */
VS_DEVICE float sum_tile(const struct attend_row *row, const float *weights, uint64_t base, float lane)
{
    for (uint32_t k = threadIdx.x % LANES; k < KEYS; k += LANES)
        if (base + k >= row->from && base + k < row->to)
            lane += weights[k];
    return lane;
}

VS_DEVICE void finish_sums(const struct few *f, const struct attend_row *row, const float *tops, float lane, float *sums)
{
    const uint32_t r = threadIdx.x / LANES % ROWS;
    for (uint32_t half = LANES / 2; half; half /= 2)
        lane += __shfl_down_sync(0xffffffffu, lane, half, LANES);
    if (threadIdx.x < ROWS * LANES && threadIdx.x % LANES == 0)
        sums[r] = f->a->sinks ? lane + vs_exp(f->a->sinks[row->head] - tops[r]) : lane;
}

VS_DEVICE void mix_rows(const struct few *f, struct few_memory *m)
{
    const uint32_t r = threadIdx.x / 32;
    const uint64_t first = f->from / KEYS * KEYS;
    const struct attend_row row = row_of(f->a, &f->b, r), summed = row_of(f->a, &f->b, threadIdx.x / LANES % ROWS);
    float acc = 0, lane = 0, s[EACH];
    for (uint32_t i = 0; i + 1 < STAGES; i++) {
        fetch_values(f, m, first + i * KEYS, i);
        VS_COPY_COMMIT();
    }
    read_scores(f, first, s);
    uint32_t stage = 0, turn = 0;
    for (uint64_t base = first; base < f->to; base += KEYS) {
        for (uint32_t i = 0; i < EACH; i++) {
            const uint32_t n = i * THREADS + threadIdx.x;
            m->weights[turn][n / KEYS][n % KEYS] = vs_exp(s[i] - m->tops[n / KEYS]);
        }
        VS_COPY_WAIT(1);
        __syncthreads(); /* weights and values of this tile are there; all are done with the tile before */
        fetch_values(f, m, base + (STAGES - 1) * KEYS, (stage + STAGES - 1) % STAGES);
        VS_COPY_COMMIT();
        read_scores(f, base + KEYS, s);
        acc = base < row.to ? mix_tile(&row, m->v[stage], m->weights[turn][r], base, acc) : acc;
        lane = threadIdx.x < ROWS * LANES ? sum_tile(&summed, m->weights[turn][threadIdx.x / LANES], base, lane) : 0;
        stage = stage + 1 == STAGES ? 0 : stage + 1;
        turn = 1 - turn;
    }
    finish_sums(f, &summed, m->tops, lane, m->sums);
    __syncthreads();
    const uint64_t d = f->col + threadIdx.x % COLS;
    if (r < f->b.count && d < f->a->v.dim)
        f->a->out[(row.token * f->a->q.heads + row.head) * f->a->v.dim + d] = vs_quiet(acc / m->sums[r]);
}

VS_KERNEL(few_values, struct attend_args)
{
    VS_BEGIN();
    __shared__ struct few_memory m;
    const uint64_t slices = (a.v.dim + COLS - 1) / COLS, item = blockIdx.x / slices;
    struct few f;
    f.a = &a;
    f.b = rows_of_item(&a, item);
    f.scores = scores_of(&a, item);
    f.from = row_of(&a, &f.b, 0).from;
    f.to = row_of(&a, &f.b, ROWS - 1).to;
    f.col = blockIdx.x % slices * COLS;
    find_top(&f, m.tops);
    __syncthreads();
    mix_rows(&f, &m);
}

enum vs_code vs_cuda_attend_few(struct vs_cuda *cuda, const struct attend_args *args, struct vs_err *err)
{
    const uint64_t items = args->first_item[args->span_count];
    enum vs_code code = VS_OK;
    VS_LAUNCH(cuda, code, few_scores, items * ((args->scores_stride + VS_SCORE_TILE - 1) / VS_SCORE_TILE), THREADS, *args, err);
    VS_LAUNCH(cuda, code, few_values, items * ((args->v.dim + COLS - 1) / COLS), THREADS, *args, err);
    return code;
}
