/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products of few tokens: the weights are read once, and nothing but their bytes should cost time. The canonical sum of
 * a row is 16 chains, so no more than 16 threads could share one; too few loads of theirs would be in flight. So rows, and
 * the tokens beside them, stream through a ring in shared memory, by copies that no register waits for.
 *
 * A block has 16 rows, 8 threads each. A stage of the ring has up to 528 bytes of every row, whole blocks, from the multiple of
 * 16 before them on.
 *
 * Products of the same tokens behind one another (queries, keys and values; gate and up) go in one launch, which has no end
 * but one, and rows enough for all processors: so a product waits until something else is asked of the device.
 */
#include "product.h"
#include "unpack.h"

#define ROWS 16u
#define THREADS (ROWS * VS_ROW_THREADS)
#define SLOT 544u /* bytes; 8 banks further from row to row, so that the four rows of a warp do not collide */
#define SLOT_USED 528u

/* One token, or up to VS_FEW_TOKENS: stages, and values of a stage. Below 48 KiB, which every device has. */
#define STAGES(tokens) ((tokens) == 1 ? 4u : 3u)
#define MOST(tokens) ((tokens) == 1 ? THREADS * 4 : THREADS * 2)
#define RING(tokens) struct { uint8_t w[STAGES(tokens)][ROWS][SLOT]; float x[STAGES(tokens)][tokens][MOST(tokens)]; }

/* Values of a stage: a multiple of 64, whole blocks. */
VS_HD uint32_t stage_values(int dtype, uint32_t tokens)
{
    const uint32_t block = vs_unpack_values(dtype), unit = block < 64 ? 64 : block, bytes = unit / block * vs_unpack_bytes(dtype);
    const uint32_t fit = SLOT_USED / bytes * unit, most = MOST(tokens);
    return fit < most ? fit : most / unit * unit;
}

/* What a thread knows: its row, which it copies with the 7 others of it; rows past the end repeat the last. */
struct stream {
    const struct product_args *a;
    const uint8_t *row, *exponents;
    uint8_t *slot;         /* of its row in the first stage */
    float *x;
    uint64_t values;       /* of a row, in whole blocks */
    uint32_t t;
    bool wide;             /* tokens begin at multiples of 16 bytes */
};

/* r: the row of this thread. */
VS_DEVICE struct stream begin_stream(const struct product_args *a, int dtype, uint64_t r, uint8_t *w, float *x)
{
    const uint32_t block = vs_unpack_values(dtype), mine = threadIdx.x / VS_ROW_THREADS;
    const uint64_t row = r < a->w.rows ? r : a->w.rows - 1;
    struct stream s;
    s.a = a;
    s.row = vs_mat_row(&a->w, row);
    s.exponents = vs_mat_scales(&a->w, row);
    s.slot = w + mine * SLOT;
    s.x = x;
    s.values = a->w.cols / block * block;
    s.t = threadIdx.x % VS_ROW_THREADS;
    s.wide = ((uintptr_t)a->x | a->x_stride * sizeof *x) % 16 == 0;
    return s;
}

VS_HD const uint8_t *bytes_at(const struct stream *s, int dtype, uint64_t k)
{
    return s->row + k / vs_unpack_values(dtype) * vs_unpack_bytes(dtype);
}

/* The head of the row to the L2 cache, a line for each thread: before the kernel before this one is done, which may yet write it. */
VS_HD void fetch_early(const struct stream *s, int dtype)
{
    if (s->t * 128 < s->values / vs_unpack_values(dtype) * vs_unpack_bytes(dtype))
        VS_PREFETCH(s->row + s->t * 128);
}

/* Values [k, k + n) of every row and token into a stage. Tokens past the end repeat the last. */
VS_DEVICE void fetch(const struct stream *s, int dtype, const uint32_t tokens, uint64_t k, uint32_t n, uint32_t stage)
{
    const uint8_t *from = bytes_at(s, dtype, k);
    const uint32_t most = MOST(tokens), head = (uint32_t)((uintptr_t)from % 16);
    const uint32_t end = head + n / vs_unpack_values(dtype) * vs_unpack_bytes(dtype);
    const uint32_t whole = k + n < s->values ? end + 15 : end; /* what follows in the row may be read as well */
    uint8_t *to = s->slot + stage * (ROWS * SLOT) + s->t * 16;
    from += (int32_t)(s->t * 16) - (int32_t)head;
    for (uint32_t i = 0; i * VS_ROW_THREADS * 16 < SLOT; i++)
        if ((i * VS_ROW_THREADS + s->t + 1) * 16 <= whole)
            VS_COPY16(to + i * VS_ROW_THREADS * 16, from + i * VS_ROW_THREADS * 16);
        else if ((i * VS_ROW_THREADS + s->t) * 16 < end)
            VS_COPY_PART(to + i * VS_ROW_THREADS * 16, from + i * VS_ROW_THREADS * 16, end % 16);
    for (uint32_t i = 0; i < tokens; i++) {
        const float *token = s->a->x + (i < s->a->m ? i : s->a->m - 1) * s->a->x_stride + k;
        float *x = s->x + (stage * tokens + i) * most;
        if (s->wide) {
            if (threadIdx.x * 4 < n)
                VS_COPY16(x + threadIdx.x * 4, token + threadIdx.x * 4);
        } else {
            VS_UNROLL(1)
            for (uint32_t at = threadIdx.x; at < n; at += THREADS)
                VS_COPY4(x + at, token + at);
        }
    }
}

/* acc[i]: the two lanes of this thread for token i, over the values of a stage. */
VS_HD void stage_dots(int dtype, const uint32_t tokens, const uint8_t *row, const uint8_t *exponents, const float *x, uint32_t t, uint32_t n,
                      float (*acc)[2])
{
    const uint32_t steps = vs_unpack_steps(dtype), groups = n / (16 * steps), most = MOST(tokens);
    VS_UNROLL(8)
    for (uint32_t g = 0; g < groups; g++) {
        float v[VS_GROUP_STEPS][2];
        vs_unpack(dtype, row, exponents, g, t, v);
        for (uint32_t s = 0; s < steps; s++)
            for (uint32_t i = 0; i < tokens; i++) {
                const uint64_t two = VS_LOAD(uint64_t, x + i * most, (g * steps + s) * 8 + t);
                acc[i][0] = vs_fmaf(vs_bits_f32((uint32_t)two), v[s][0], acc[i][0]);
                acc[i][1] = vs_fmaf(vs_bits_f32((uint32_t)(two >> 32)), v[s][1], acc[i][1]);
            }
    }
}

VS_DEVICE void stream_rows(const struct stream *s, int dtype, const uint32_t tokens, float (*acc)[2])
{
    const uint32_t each = stage_values(dtype, tokens), stages = STAGES(tokens);
    uint32_t to = 0, from = 0; /* stages */
    uint64_t next = 0;         /* value to fetch */
    VS_UNROLL(1)
    for (uint32_t i = 0; i + 1 < stages; i++, next += each, to++) {
        if (next < s->values)
            fetch(s, dtype, tokens, next, (uint32_t)(s->values - next < each ? s->values - next : each), to);
        VS_COPY_COMMIT();
    }
    VS_UNROLL(1)
    for (uint64_t k = 0; k < s->values; k += each, next += each) {
        if (stages == 4) /* a constant of the instruction */
            VS_COPY_WAIT(2);
        else
            VS_COPY_WAIT(1);
        __syncthreads(); /* what others copied has arrived as well; all are done with the stage before */
        if (next < s->values)
            fetch(s, dtype, tokens, next, (uint32_t)(s->values - next < each ? s->values - next : each), to);
        VS_COPY_COMMIT();
        const uint8_t *row = s->slot + from * (ROWS * SLOT) + (uintptr_t)bytes_at(s, dtype, k) % 16;
        const uint8_t *exponents = dtype == VS_SPLIT ? s->exponents + k / 32 : NULL;
        stage_dots(dtype, tokens, row, exponents, s->x + from * tokens * MOST(tokens), s->t,
                   (uint32_t)(s->values - k < each ? s->values - k : each), acc);
        to = to + 1 == stages ? 0 : to + 1;
        from = from + 1 == stages ? 0 : from + 1;
    }
}

struct few_args { struct product_args of[VS_TOGETHER]; uint32_t first[VS_TOGETHER]; }; /* first: block of each, or UINT32_MAX */

#define PRODUCT(name, dtype, tokens)                                                                                  \
    VS_KERNEL(name, struct few_args)                                                                                  \
    {                                                                                                                 \
        __shared__ VS_ALIGN16 RING(tokens) ring;                                                                      \
        const uint32_t n = (blockIdx.x >= a.first[1]) + (blockIdx.x >= a.first[2]);                                   \
        const struct product_args p = a.of[n];                                                                        \
        const uint64_t r = (uint64_t)(blockIdx.x - a.first[n]) * ROWS + threadIdx.x / VS_ROW_THREADS;                 \
        const struct stream s = begin_stream(&p, dtype, r, &ring.w[0][0][0], &ring.x[0][0][0]);                       \
        float acc[tokens][2];                                                                                         \
        fetch_early(&s, dtype);                                                                                       \
        VS_BEGIN();                                                                                                   \
        for (uint32_t i = 0; i < (tokens); i++)                                                                       \
            acc[i][0] = acc[i][1] = 0;                                                                                \
        stream_rows(&s, dtype, tokens, acc);                                                                          \
        if (vs_unpack_values(dtype) == 16 && s.values < p.w.cols)                                                     \
            plain_values(&p, (enum vs_dtype)dtype, s.row, NULL, s.values, s.t, p.m < (tokens) ? p.m : (tokens), acc); \
        for (uint32_t i = 0; i < (tokens); i++) {                                                                     \
            const float dot = pair_tree(acc[i]);                                                                      \
            if (!s.t && r < p.w.rows && i < p.m)                                                                      \
                put_product(&p, i, r, dot);                                                                           \
        }                                                                                                             \
    }

#define FORMATS(X) X(BF16) X(F16) X(F32) X(F8_E4M3) X(F8_E5M2) X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q8_0) X(Q4_K) X(Q5_K) X(Q6_K) X(MXFP4) X(SPLIT)
#define PRODUCTS(name) PRODUCT(one_##name, VS_##name, 1u) PRODUCT(few_##name, VS_##name, VS_FEW_TOKENS)
FORMATS(PRODUCTS)

static int kind_of(const struct vs_mat *w)
{
    return w->scales ? VS_SPLIT : (int)w->dtype;
}

bool vs_cuda_few_takes(const struct vs_mat *w, uint64_t m)
{
    const int kind = kind_of(w);
    return m <= VS_FEW_TOKENS && vs_unpack_values(kind) && ((uintptr_t)w->data | w->stride) % vs_unpack_align(kind) == 0;
}

static bool apart(const struct product_args *a, const struct product_args *b)
{
    return a->y + (a->m - 1) * a->y_stride + a->w.rows <= b->y || b->y + (b->m - 1) * b->y_stride + b->w.rows <= a->y;
}

/* Whether it can go with those that wait. */
static bool joins(const struct vs_cuda *cuda, const struct product_args *a)
{
    const struct product_args *b = &cuda->waiting[0];
    bool so = cuda->waiting_count < VS_TOGETHER && kind_of(&a->w) == kind_of(&b->w) && a->w.cols == b->w.cols && a->x == b->x &&
              a->x_stride == b->x_stride && a->m == b->m;
    for (uint32_t i = 0; i < cuda->waiting_count; i++)
        so = so && apart(a, &cuda->waiting[i]);
    return so;
}

enum vs_code vs_cuda_flush_products(struct vs_cuda *cuda, struct vs_err *err)
{
    struct few_args a;
    uint64_t blocks = 0;
    enum vs_code code = VS_OK;
    if (!cuda->waiting_count)
        return VS_OK;
    memset(&a, 0, sizeof a);
    for (uint32_t i = 0; i < VS_TOGETHER; i++) {
        a.first[i] = i < cuda->waiting_count ? (uint32_t)blocks : UINT32_MAX;
        if (i < cuda->waiting_count) {
            a.of[i] = cuda->waiting[i];
            blocks += vs_cuda_blocks(a.of[i].w.rows, ROWS);
        }
    }
    cuda->waiting_count = 0;
#define CASE(name)                                                                \
    case VS_##name:                                                               \
        if (a.of[0].m == 1)                                                       \
            VS_LAUNCH(cuda, code, one_##name, blocks, THREADS, a, err);           \
        else                                                                      \
            VS_LAUNCH(cuda, code, few_##name, blocks, THREADS, a, err);           \
        break;
    switch (kind_of(&a.of[0].w)) { FORMATS(CASE) }
#undef CASE
    return code;
}

/* What is timed is timed by itself. */
enum vs_code vs_cuda_few(struct vs_cuda *cuda, const struct product_args *a, struct vs_err *err)
{
    enum vs_code code = vs_cuda_flush_addition(cuda, err);
    if (!code && !joins(cuda, a))
        code = vs_cuda_flush_products(cuda, err);
    if (!code)
        cuda->waiting[cuda->waiting_count++] = *a;
    return code || !cuda->timed ? code : vs_cuda_flush_products(cuda, err);
}
