/* SPDX-License-Identifier: Apache-2.0
 *
 * Attention of fast mode: BF16 products on tensor cores, float32 sums, the softmax renewed tile by tile. A block has 64
 * rows, 16 for each of four warps, and meets the keys in tiles of 64.
 *
 * Fragments of the 16 x 8 x 16 product, for thread t = 4 g + i of a warp; each register holds two neighbouring values:
 *   a[0..3]  rows g, g + 8, g, g + 8; columns 2i, 2i, 2i + 8, 2i + 8
 *   b[0..1]  column g; rows 2i, 2i + 8
 *   d[0..3]  row g: columns 2i, 2i + 1; row g + 8: the same
 */
#include "attend_rows.h"
#include "canon_f32.h"

#define WARPS 4u
#define THREADS (WARPS * 32u)
#define KEYS 64u
#define DIM THREADS        /* of queries, keys and values, at most */
#define PAD 8u
#define ALL 0xffffffffu

#ifndef VS_MMA
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
VS_DEVICE void mma(float *d, const uint32_t *a, const uint32_t *b)
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
VS_DEVICE void mma(float *d, const uint32_t *a, const uint32_t *b) {} /* never launched there: vs_cuda_fast_attends */
#endif
#define VS_MMA mma
#endif

VS_HD uint32_t pack(float low, float high)
{
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    uint32_t both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
#else
    return (uint32_t)vs_f32_to_bf16(low) | (uint32_t)vs_f32_to_bf16(high) << 16;
#endif
}

struct four { VS_ALIGN16 uint32_t word[4]; };

/* Two neighbouring values in each word. */
struct tile {
    uint32_t k[KEYS][(DIM + PAD) / 2];
    struct four v[DIM][(KEYS + PAD) / 8]; /* transposed */
    uint64_t spoilt; /* base + KEYS of the last tile with a value that is no finite number */
};

VS_HD bool finite_bf16(uint32_t bits)
{
    return (bits & 0x7f80) != 0x7f80;
}

/* A product with a weight of 0 must be 0: what is no finite number is left out here, see tile_spoilt. */
VS_HD uint32_t finite_pair(uint32_t pair, bool *spoilt)
{
    const uint32_t low = finite_bf16(pair) ? pair & 0xffff : 0, high = finite_bf16(pair >> 16) ? pair & 0xffff0000u : 0;
    *spoilt |= (low | high) != pair;
    return low | high;
}

#define BATCH 8u /* pairs that a thread reads before it stores the first: 16 loads are in flight */

VS_HD bool in_tile(uint64_t key, uint64_t from, uint64_t to)
{
    return key >= from && key < to;
}

/* Keys [base, base + KEYS); zeros for those that no row of the block sees: before from, and from to on. */
VS_DEVICE void load_keys(const struct attend_args *a, const struct block_rows *b, struct tile *m, uint64_t base, uint64_t from, uint64_t to)
{
    const uint32_t d = threadIdx.x % (DIM / 2), first = threadIdx.x / (DIM / 2), step = THREADS / (DIM / 2);
    const float *k = a->k.data + (b->span.k_begin + base) * a->k.token_stride + b->kv * a->k.head_stride + 2 * d;
    if (d >= a->k.dim / 2)
        return;
    VS_UNROLL(1)
    for (uint32_t key = first; key < KEYS; key += BATCH * step) {
        float x[BATCH][2];
        VS_UNROLL(8)
        for (uint32_t i = 0; i < BATCH; i++) {
            const float *p = k + (key + i * step) * a->k.token_stride;
            const bool seen = in_tile(base + key + i * step, from, to);
            x[i][0] = seen ? p[0] : 0;
            x[i][1] = seen ? p[1] : 0;
        }
        VS_UNROLL(8)
        for (uint32_t i = 0; i < BATCH; i++)
            m->k[key + i * step][d] = pack(x[i][0], x[i][1]);
    }
}

/* One column a thread, two keys a word, four words at a time: so the stores of a warp do not collide. */
VS_DEVICE void load_values(const struct attend_args *a, const struct block_rows *b, struct tile *m, uint64_t base, uint64_t from, uint64_t to)
{
    const uint32_t d = threadIdx.x;
    const float *v = a->v.data + (b->span.k_begin + base) * a->v.token_stride + b->kv * a->v.head_stride + d;
    bool spoilt = false;
    if (d >= a->v.dim)
        return;
    VS_UNROLL(1)
    for (uint32_t key = 0; key < KEYS; key += 2 * BATCH) {
        float x[2 * BATCH];
        struct four words[BATCH / 4];
        VS_UNROLL(16)
        for (uint32_t i = 0; i < 2 * BATCH; i++)
            x[i] = in_tile(base + key + i, from, to) ? v[(key + i) * a->v.token_stride] : 0;
        VS_UNROLL(8)
        for (uint32_t i = 0; i < BATCH; i++)
            words[i / 4].word[i % 4] = finite_pair(pack(x[2 * i], x[2 * i + 1]), &spoilt);
        VS_UNROLL(2)
        for (uint32_t i = 0; i < BATCH / 4; i++)
            m->v[d][key / 8 + i] = words[i];
    }
    if (spoilt)
        m->spoilt = base + KEYS;
}

/* What a thread knows of its two rows, g and g + 8 of its warp. */
struct mine {
    struct attend_row row[2];
    uint32_t q[DIM / 16][4];
    float out[DIM / 8][4], max[2], sum[2];
};

VS_DEVICE void begin_rows(const struct attend_args *a, const struct block_rows *b, struct mine *m)
{
    const uint32_t first = threadIdx.x / 32 * 16, g = threadIdx.x % 32 / 4, i = threadIdx.x % 4;
    for (uint32_t h = 0; h < 2; h++) {
        m->row[h] = row_of(a, b, first + g + 8 * h);
        m->max[h] = a->sinks ? a->sinks[m->row[h].head] : -INFINITY;
        m->sum[h] = a->sinks ? 1 : 0;
        const float *q = a->q.data + m->row[h].token * a->q.token_stride + m->row[h].head * a->q.head_stride;
        for (uint32_t c = 0; c < DIM / 16; c++)
            if (c * 16 < a->q.dim) {
                m->q[c][h] = pack(q[c * 16 + 2 * i], q[c * 16 + 2 * i + 1]);
                m->q[c][2 + h] = pack(q[c * 16 + 2 * i + 8], q[c * 16 + 2 * i + 9]);
            }
    }
    for (uint32_t n = 0; n < DIM / 8; n++)
        for (uint32_t e = 0; e < 4; e++)
            m->out[n][e] = 0;
}

/* Keys of the tile at base that a row sees: [begin, end). */
VS_HD void seen_of_tile(const struct attend_row *row, uint64_t base, uint32_t *begin, uint32_t *end)
{
    *begin = row->from > base ? row->from - base < KEYS ? (uint32_t)(row->from - base) : KEYS : 0;
    *end = row->to > base ? row->to - base < KEYS ? (uint32_t)(row->to - base) : KEYS : 0;
}

/* Loops are unrolled, here and below, for the sake of s: an array that is not indexed by constants leaves the registers. */
VS_DEVICE void tile_scores(const struct attend_args *a, const struct tile *t, const struct mine *m, uint64_t base, float (*s)[4])
{
    const uint32_t g = threadIdx.x % 32 / 4, i = threadIdx.x % 4;
    uint32_t begin[2], end[2];
    for (uint32_t h = 0; h < 2; h++)
        seen_of_tile(&m->row[h], base, &begin[h], &end[h]);
    VS_UNROLL(8)
    for (uint32_t n = 0; n < KEYS / 8; n++) {
        for (uint32_t e = 0; e < 4; e++)
            s[n][e] = 0;
        VS_UNROLL(8)
        for (uint32_t c = 0; c < DIM / 16; c++)
            if (c * 16 < a->q.dim) {
                const uint32_t k[2] = {t->k[n * 8 + g][c * 8 + i], t->k[n * 8 + g][c * 8 + i + 4]};
                VS_MMA(s[n], m->q[c], k);
            }
        for (uint32_t e = 0; e < 4; e++)
            s[n][e] *= a->scale;
    }
    if (a->softcap > 0) {
        VS_UNROLL(8)
        for (uint32_t n = 0; n < KEYS / 8; n++)
            VS_UNROLL(4)
            for (uint32_t e = 0; e < 4; e++)
                s[n][e] = vs_softcap(s[n][e], a->softcap);
    }
    VS_UNROLL(8)
    for (uint32_t n = 0; n < KEYS / 8; n++)
        for (uint32_t e = 0; e < 4; e++) {
            const uint32_t key = n * 8 + 2 * i + e % 2;
            s[n][e] = key >= begin[e / 2] && key < end[e / 2] ? s[n][e] : -INFINITY;
        }
}

/* Four threads share a row. */
VS_DEVICE float row_max(float x)
{
    const float y = __shfl_xor_sync(ALL, x, 1), z = y > x ? y : x, w = __shfl_xor_sync(ALL, z, 2);
    return w > z ? w : z;
}

VS_DEVICE float row_sum(float x)
{
    x += __shfl_xor_sync(ALL, x, 1);
    return x + __shfl_xor_sync(ALL, x, 2);
}

/* Scores become weights beside the new maximum; what was summed before shrinks to it. */
VS_DEVICE void renew(struct mine *m, float (*s)[4])
{
    for (uint32_t h = 0; h < 2; h++) {
        float max = m->max[h], sum = 0;
        for (uint32_t n = 0; n < KEYS / 8; n++)
            for (uint32_t e = 2 * h; e < 2 * h + 2; e++)
                max = s[n][e] > max ? s[n][e] : max;
        max = row_max(max);
        const float base = max == -INFINITY ? 0 : max, shrink = vs_exp(m->max[h] - base);
        VS_UNROLL(8)
        for (uint32_t n = 0; n < KEYS / 8; n++)
            for (uint32_t e = 2 * h; e < 2 * h + 2; e++) {
                s[n][e] = vs_exp(s[n][e] - base);
                sum += s[n][e];
            }
        m->max[h] = max;
        m->sum[h] = m->sum[h] * shrink + row_sum(sum);
        for (uint32_t n = 0; n < DIM / 8; n++) {
            m->out[n][2 * h] *= shrink;
            m->out[n][2 * h + 1] *= shrink;
        }
    }
}

/* The weights' fragments as results are those that the next product wants as its left side. */
VS_DEVICE void tile_values(const struct attend_args *a, const struct tile *t, struct mine *m, float (*s)[4])
{
    const uint32_t g = threadIdx.x % 32 / 4, i = threadIdx.x % 4;
    for (uint32_t c = 0; c < KEYS / 16; c++) {
        const uint32_t p[4] = {pack(s[2 * c][0], s[2 * c][1]), pack(s[2 * c][2], s[2 * c][3]), pack(s[2 * c + 1][0], s[2 * c + 1][1]),
                               pack(s[2 * c + 1][2], s[2 * c + 1][3])};
        for (uint32_t n = 0; n < DIM / 8; n++)
            if (n * 8 < a->v.dim) {
                const uint32_t v[2] = {t->v[n * 8 + g][2 * c].word[i], t->v[n * 8 + g][2 * c + 1].word[i]};
                VS_MMA(m->out[n], p, v);
            }
    }
}

/* The values that load_values left out, to the rows that see them and to no other. */
VS_DEVICE void tile_spoilt(const struct attend_args *a, const struct block_rows *b, struct mine *m, uint64_t base)
{
    const uint32_t i = threadIdx.x % 4;
    const float *v = a->v.data + b->span.k_begin * a->v.token_stride + b->kv * a->v.head_stride;
    for (uint32_t n = 0; n < DIM / 8; n++)
        for (uint32_t e = 0; e < 4 && n * 8 < a->v.dim; e++) {
            const struct attend_row *row = &m->row[e / 2];
            for (uint64_t key = base > row->from ? base : row->from; key < base + KEYS && key < row->to; key++) {
                const uint32_t x = vs_f32_to_bf16(v[key * a->v.token_stride + n * 8 + 2 * i + e % 2]);
                if (!finite_bf16(x))
                    m->out[n][e] += vs_bits_f32(x << 16);
            }
        }
}

VS_DEVICE void end_rows(const struct attend_args *a, const struct block_rows *b, const struct mine *m)
{
    const uint32_t first = threadIdx.x / 32 * 16, g = threadIdx.x % 32 / 4, i = threadIdx.x % 4;
    for (uint32_t h = 0; h < 2; h++) {
        float *out = a->out + (m->row[h].token * a->q.heads + m->row[h].head) * a->v.dim;
        for (uint32_t n = 0; n < DIM / 8; n++)
            if (n * 8 < a->v.dim && first + g + 8 * h < b->count) {
                out[n * 8 + 2 * i] = vs_quiet(m->out[n][2 * h] / m->sum[h]);
                out[n * 8 + 2 * i + 1] = vs_quiet(m->out[n][2 * h + 1] / m->sum[h]);
            }
    }
}

VS_KERNEL(attend_fast, struct attend_args)
{
    VS_BEGIN();
    __shared__ VS_ALIGN16 struct tile t;
    if (!threadIdx.x)
        t.spoilt = 0;
    for (uint64_t item = blockIdx.x; item < a.first_item[a.span_count]; item += gridDim.x) {
        const struct block_rows b = rows_of_item(&a, item);
        const uint64_t from = row_of(&a, &b, 0).from, to = row_of(&a, &b, VS_FAST_ROWS - 1).to;
        struct mine m;
        begin_rows(&a, &b, &m);
        for (uint64_t base = from / KEYS * KEYS; base < to; base += KEYS) {
            float s[KEYS / 8][4];
            __syncthreads(); /* the tile before has been used */
            load_keys(&a, &b, &t, base, from, to);
            load_values(&a, &b, &t, base, from, to);
            __syncthreads();
            tile_scores(&a, &t, &m, base, s);
            renew(&m, s);
            tile_values(&a, &t, &m, s);
            if (t.spoilt == base + KEYS)
                tile_spoilt(&a, &b, &m, base);
        }
        end_rows(&a, &b, &m);
    }
}

bool vs_cuda_fast_attends(const struct vs_cuda *cuda, const struct vs_f_attention *a)
{
    uint64_t queries = 0;
    for (uint32_t i = 0; i < a->span_count; i++)
        queries += a->spans[i].q_count;
    return cuda->fast_attention && cuda->multiplies && !a->row_sum_error && a->q.dim % 16 == 0 && a->q.dim <= DIM && a->v.dim % 8 == 0 &&
           a->v.dim <= DIM && queries / a->span_count * (a->q.heads / a->k.heads) >= VS_FAST_ROWS / 4;
}

enum vs_code vs_cuda_attend_fast(struct vs_cuda *cuda, const struct attend_args *args, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    VS_LAUNCH(cuda, code, attend_fast, vs_cuda_blocks(args->first_item[args->span_count], 1), THREADS, *args, err);
    return code;
}
