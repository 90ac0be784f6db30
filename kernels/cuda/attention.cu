/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions, and attention in canonical order. A row is one query with one head; a block takes rows that share a key
 * head, in three steps: scores, weights, weighted values.
 */
#include "attend_scores.h"
#include "forward.h"

#define THREADS 256u
#define WARP 32u
#define ALL 0xffffffffu
#define LANES ((uint32_t)VS_DOT_LANES)
#define ROWS VS_FEW_ROWS   /* of a block, at most: one for each warp */

/* ---- rotary positions ---- */

struct rope_args { struct vs_f_heads x; uint64_t tokens; const uint32_t *position; const float *cos_sin; uint64_t pairs; bool interleaved; };

VS_KERNEL(rope, struct rope_args)
{
    VS_BEGIN();
    const uint64_t all = a.tokens * a.x.heads * a.pairs;
    for (uint64_t n = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; n < all; n += (uint64_t)gridDim.x * blockDim.x) {
        const uint64_t i = n % a.pairs, h = n / a.pairs % a.x.heads, t = n / a.pairs / a.x.heads;
        float *head = a.x.data + t * a.x.token_stride + h * a.x.head_stride;
        float *p = head + (a.interleaved ? 2 * i : i), *q = p + (a.interleaved ? 1 : a.pairs);
        const float *cs = a.cos_sin + (a.position[t] * a.pairs + i) * 2, x = *p, y = *q;
        *p = vs_quiet(vs_fmaf(x, cs[0], -(y * cs[1])));
        *q = vs_quiet(vs_fmaf(y, cs[0], x * cs[1]));
    }
}

enum vs_code vs_cuda_rope(struct vs_dev *dev, const struct vs_f_heads *x, uint64_t tokens, const uint32_t *position,
                          const float *cos_sin, uint64_t pairs, bool interleaved, struct vs_err *err)
{
    const struct rope_args a = {*x, tokens, position, cos_sin, pairs, interleaved};
    enum vs_code code = VS_OK;
    VS_LAUNCH((struct vs_cuda *)dev, code, rope, vs_cuda_blocks(tokens * x->heads * pairs, THREADS), THREADS, a, err);
    return code;
}

/* ---- attention ---- */

VS_DEVICE float warp_max(float max)
{
    for (uint32_t half = WARP / 2; half; half /= 2) {
        const float other = __shfl_down_sync(ALL, max, half);
        max = other > max ? other : max;
    }
    return max;
}

/* Weights in their 128 lanes: thread t has lanes t, t + 32, t + 64, t + 96. */
VS_DEVICE void note_error(const struct attend_args *a, const struct attend_row *row, const float *s, float sum, float sink, bool real)
{
    const uint32_t t = threadIdx.x % WARP;
    double p[4] = {0, 0, 0, 0};
    for (uint64_t k = row->from + (WARP + t - row->from % WARP) % WARP; k < row->to; k += WARP)
        for (uint32_t i = 0; i < 4; i++) /* counted, for p to be registers */
            p[i] += k / WARP % 4 == i ? s[k] : 0;
    double all = (p[0] + p[2]) + (p[1] + p[3]);
    for (uint32_t half = WARP / 2; half; half /= 2)
        all += __shfl_down_sync(ALL, all, half);
    const double e = fabs((all + sink) / sum - 1);
    if (!t && real)
        atomicMax(a->error, (unsigned long long)vs_f64_bits(e == e ? e : INFINITY));
}

/* One warp a row: scores become weights; sums[row]. The steps meet at barriers that the whole block reaches. */
VS_DEVICE void block_weights(const struct attend_args *a, const struct block_rows *b, float *scores, float *tops, float *sums)
{
    const uint32_t t = threadIdx.x % WARP, r = threadIdx.x / WARP;
    const struct attend_row row = row_of(a, b, r);
    const bool real = r < b->count;
    float *s = scores + r * a->scores_stride, max = a->sinks ? a->sinks[row.head] : -INFINITY, lane = 0;
    for (uint64_t k = row.from + t; k < row.to && real; k += WARP)
        max = s[k] > max ? s[k] : max;
    max = warp_max(max);
    if (!t)
        tops[r] = max;
    __syncthreads();
    max = tops[r];
    for (uint64_t k = row.from + t; k < row.to && real; k += WARP)
        s[k] = vs_exp(s[k] - max);
    __syncthreads();
    if (t < LANES)
        for (uint64_t k = row.from + (LANES + t - row.from % LANES) % LANES; k < row.to && real; k += LANES)
            lane += s[k];
    for (uint32_t half = LANES / 2; half; half /= 2)
        lane += __shfl_down_sync(ALL, lane, half, LANES);
    const float sink = a->sinks ? vs_exp(a->sinks[row.head] - max) : 0;
    if (!t)
        sums[r] = a->sinks ? lane + sink : lane;
    __syncthreads();
    if (a->error) {
        struct attend_row seen = row;
        seen.to = real ? row.to : row.from;
        note_error(a, &seen, s, sums[r], sink, real);
    }
}

/* One thread a column of four rows, keys ascending. */
VS_DEVICE void block_values(const struct attend_args *a, const struct block_rows *b, const float *scores, const float *sums)
{
    for (uint64_t item = threadIdx.x; item < a->v.dim * (ROWS / 4); item += THREADS) {
        const uint64_t d = item % a->v.dim;
        const uint32_t r0 = (uint32_t)(item / a->v.dim) * 4;
        if (r0 >= b->count)
            continue;
        const float *v = a->v.data + b->span.k_begin * a->v.token_stride + b->kv * a->v.head_stride + d;
        struct attend_row row[4];
        float acc[4];
        for (uint32_t i = 0; i < 4; i++) {
            row[i] = row_of(a, b, r0 + i);
            acc[i] = 0;
        }
        for (uint64_t k = row[0].from; k < row[3].to; k++) {
            const float x = v[k * a->v.token_stride];
            for (uint32_t i = 0; i < 4; i++)
                if (k >= row[i].from && k < row[i].to && r0 + i < b->count)
                    acc[i] = vs_fmaf(scores[(r0 + i) * a->scores_stride + k], x, acc[i]);
        }
        for (uint32_t i = 0; i < 4 && r0 + i < b->count; i++)
            a->out[(row[i].token * a->q.heads + row[i].head) * a->v.dim + d] = vs_quiet(acc[i] / sums[r0 + i]);
    }
}

VS_KERNEL(attend, struct attend_args)
{
    VS_BEGIN();
    __shared__ float tops[ROWS], sums[ROWS];
    float *scores = a.scores + blockIdx.x * ROWS * a.scores_stride;
    for (uint64_t item = blockIdx.x; item < a.first_item[a.span_count]; item += gridDim.x) {
        const struct block_rows b = rows_of_item(&a, item);
        for (uint64_t key = row_of(&a, &b, 0).from; key < row_of(&a, &b, ROWS - 1).to; key += VS_SCORE_TILE)
            tile_scores(&a, &b, key, ROWS, scores);
        __syncthreads();
        block_weights(&a, &b, scores, tops, sums);
        block_values(&a, &b, scores, sums);
        __syncthreads(); /* scores, tops and sums are used again */
    }
}

static uint64_t longest(const struct vs_f_attention *a)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < a->span_count; i++)
        n = a->spans[i].k_count > n ? a->spans[i].k_count : n;
    return n;
}

static unsigned attend_blocks(const struct vs_cuda *cuda)
{
    return cuda->processors * 2;
}

uint64_t vs_cuda_attention_scores(struct vs_dev *dev, const struct vs_f_attention *a)
{
    return attend_blocks((const struct vs_cuda *)dev) * ROWS * longest(a);
}

/* Blocks of few rows where there are few: every processor should have one. */
static uint32_t rows_of_block(const struct vs_cuda *cuda, const struct vs_f_attention *a)
{
    uint64_t rows = 0;
    for (uint32_t i = 0; i < a->span_count; i++)
        rows += a->spans[i].q_count * a->q.heads;
    rows /= attend_blocks(cuda);
    return rows < 1 ? 1 : rows < ROWS ? (uint32_t)rows : ROWS;
}

/* Whether attend_few.cu has them: there the scores of all rows of a launch are kept, in the room for a block each. */
static bool few_rows(const struct vs_cuda *cuda, const struct vs_f_attention *a)
{
    uint64_t items = 0;
    for (uint32_t i = 0; i < a->span_count; i++)
        items += (a->spans[i].q_count * (a->q.heads / a->k.heads) + ROWS - 1) / ROWS * a->k.heads;
    return items <= attend_blocks(cuda) && !a->row_sum_error;
}

/* Spans [at, at + count) of the caller's into the arguments. */
static void take_spans(struct attend_args *args, const struct vs_f_attention *a, uint32_t at)
{
    const uint64_t group = a->q.heads / a->k.heads;
    args->span_count = a->span_count - at < VS_SPANS ? a->span_count - at : VS_SPANS;
    args->first_item[0] = 0;
    for (uint32_t i = 0; i < args->span_count; i++) {
        args->spans[i] = a->spans[at + i];
        args->first_item[i + 1] = args->first_item[i] + (args->spans[i].q_count * group + args->rows - 1) / args->rows * a->k.heads;
    }
}

enum vs_code vs_cuda_attend(struct vs_dev *dev, const struct vs_f_attention *a, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct attend_args args;
    unsigned long long error = 0;
    enum vs_code code = a->row_sum_error ? vs_cuda_put(cuda, VS_SLOT_LOOK, &error, sizeof error, err) : VS_OK;
    memset(&args, 0, sizeof args);
    args.q = a->q;
    args.k = a->k;
    args.v = a->v;
    args.window = a->window;
    const bool fast = a->span_count && vs_cuda_fast_attends(cuda, a), few = !fast && few_rows(cuda, a);
    args.rows = fast ? VS_FAST_ROWS : few ? ROWS : rows_of_block(cuda, a);
    args.scale = a->scale;
    args.softcap = a->softcap;
    args.causal = a->causal;
    args.sinks = a->sinks;
    args.scores = a->scores;
    args.out = a->out;
    args.scores_stride = longest(a);
    args.error = a->row_sum_error ? (unsigned long long *)cuda->slots[VS_SLOT_LOOK].p : NULL;
    for (uint32_t at = 0; at < a->span_count && !code; at += VS_SPANS) {
        take_spans(&args, a, at);
        const uint64_t items = args.first_item[args.span_count], most = attend_blocks(cuda);
        if (items && fast)
            code = vs_cuda_attend_fast(cuda, &args, err);
        else if (items && few)
            code = vs_cuda_attend_few(cuda, &args, err);
        else if (items)
            VS_LAUNCH(cuda, code, attend, items < most ? items : most, THREADS, args, err);
    }
    if (!code && a->row_sum_error)
        code = vs_cuda_get(cuda, VS_SLOT_LOOK, &error, sizeof error, err);
    if (a->row_sum_error)
        *a->row_sum_error = vs_bits_f64(error);
    return code;
}
