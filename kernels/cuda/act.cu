/* SPDX-License-Identifier: Apache-2.0
 *
 * Element by element: activations, additions, scaling; and whole rows moved or added.
 */
#include "canon_f32.h"
#include "forward.h"

#define THREADS 256u
#define MOST_BLOCKS 4096u

#define EACH 4u /* values of a thread at a time, all of them read before one is stored */

static unsigned blocks_for(uint64_t n, uint64_t per_block)
{
    const uint64_t blocks = vs_cuda_blocks(n, per_block);
    return blocks < MOST_BLOCKS ? (unsigned)blocks : MOST_BLOCKS;
}

#define FOR_ALL(i, n) for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < (n); i += (uint64_t)gridDim.x * blockDim.x)

/* A thread's first value of EACH, which are THREADS apart. */
#define FOR_EACH(at, n)                                                                             \
    for (uint64_t at = (uint64_t)blockIdx.x * (THREADS * EACH) + threadIdx.x; at < (n); at += (uint64_t)gridDim.x * (THREADS * EACH))

VS_DEVICE void read_each(const float *p, uint64_t at, uint64_t n, float *v)
{
    VS_UNROLL(4)
    for (uint32_t e = 0; e < EACH; e++)
        v[e] = p && at + e * THREADS < n ? p[at + e * THREADS] : 0;
}

VS_DEVICE void write_each(float *p, uint64_t at, uint64_t n, const float *v)
{
    VS_UNROLL(4)
    for (uint32_t e = 0; e < EACH; e++)
        if (at + e * THREADS < n)
            p[at + e * THREADS] = vs_quiet(v[e]);
}

struct act_args { enum vs_f_act act; const float *gate, *x; uint64_t n; float *y; };

VS_KERNEL(act, struct act_args)
{
    VS_BEGIN();
#define CASE(kind)                                                                  \
    case kind:                                                                      \
        FOR_EACH(at, a.n)                                                           \
        {                                                                           \
            float x[EACH], gate[EACH];                                              \
            read_each(a.x, at, a.n, x);                                             \
            read_each(a.gate, at, a.n, gate);                                       \
            VS_UNROLL(4)                                                            \
            for (uint32_t e = 0; e < EACH; e++)                                     \
                x[e] = a.gate ? vs_act2(kind, gate[e], x[e]) : vs_act1(kind, x[e]); \
            write_each(a.y, at, a.n, x);                                            \
        }                                                                           \
        break;
    switch (a.act) {
        CASE(VS_F_SILU)
        CASE(VS_F_GELU_ERF)
        CASE(VS_F_GELU_TANH)
        CASE(VS_F_RELU)
        CASE(VS_F_RELU2)
        CASE(VS_F_SWIGLU_OAI)
        CASE(VS_F_SIGMOID)
        CASE(VS_F_TANH)
    }
#undef CASE
}

enum vs_code vs_cuda_act(struct vs_dev *dev, enum vs_f_act kind, const float *gate, const float *x, uint64_t n, float *y, struct vs_err *err)
{
    const struct act_args a = {kind, gate, x, n, y};
    enum vs_code code = VS_OK;
    VS_LAUNCH((struct vs_cuda *)dev, code, act, blocks_for(n, THREADS * EACH), THREADS, a, err);
    return code;
}

struct scale_args { float *x; const float *y; float scale, cap; uint64_t n; };

VS_KERNEL(add, struct scale_args)
{
    VS_BEGIN();
    FOR_EACH(at, a.n)
    {
        float x[EACH], y[EACH];
        read_each(a.x, at, a.n, x);
        read_each(a.y, at, a.n, y);
        VS_UNROLL(4)
        for (uint32_t e = 0; e < EACH; e++)
            x[e] = x[e] + y[e] * a.scale;
        write_each(a.x, at, a.n, x);
    }
}

enum vs_code vs_cuda_flush_addition(struct vs_cuda *cuda, struct vs_err *err)
{
    const struct scale_args a = {cuda->addition.x, cuda->addition.y, cuda->addition.scale, 0, cuda->addition.n};
    enum vs_code code = VS_OK;
    cuda->addition.n = 0;
    if (a.n)
        VS_LAUNCH(cuda, code, add, blocks_for(a.n, THREADS * EACH), THREADS, a, err);
    return code;
}

/* Mostly a norm of the sums comes next, which makes them on the way (norm.cu). */
enum vs_code vs_cuda_add(struct vs_dev *dev, float *x, const float *y, float factor, uint64_t n, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const enum vs_code code = vs_cuda_flush(cuda, err);
    if (code)
        return code;
    cuda->addition.x = x;
    cuda->addition.y = y;
    cuda->addition.scale = factor;
    cuda->addition.n = n;
    return cuda->timed ? vs_cuda_flush(cuda, err) : VS_OK;
}

VS_KERNEL(scale, struct scale_args)
{
    VS_BEGIN();
    FOR_EACH(at, a.n)
    {
        float x[EACH];
        read_each(a.x, at, a.n, x);
        VS_UNROLL(4)
        for (uint32_t e = 0; e < EACH; e++)
            x[e] = a.cap > 0 ? vs_softcap(x[e] * a.scale, a.cap) : x[e] * a.scale;
        write_each(a.x, at, a.n, x);
    }
}

enum vs_code vs_cuda_scale(struct vs_dev *dev, float *x, float factor, float cap, uint64_t n, struct vs_err *err)
{
    const struct scale_args a = {x, NULL, factor, cap, n};
    enum vs_code code = VS_OK;
    VS_LAUNCH((struct vs_cuda *)dev, code, scale, blocks_for(n, THREADS * EACH), THREADS, a, err);
    return code;
}

/* ---- rows ---- */

struct rows_args { const float *from; float *to; const uint32_t *rows; const float *weights; uint64_t n, cols; };

VS_KERNEL(take, struct rows_args)
{
    VS_BEGIN();
    FOR_ALL(i, a.n * a.cols)
        a.to[i] = a.from[a.rows[i / a.cols] * a.cols + i % a.cols];
}

enum vs_code vs_cuda_take(struct vs_dev *dev, const float *x, const uint32_t *rows, uint64_t n, uint64_t cols, float *out, struct vs_err *err)
{
    const struct rows_args a = {x, out, rows, NULL, n, cols};
    enum vs_code code = VS_OK;
    VS_LAUNCH((struct vs_cuda *)dev, code, take, blocks_for(n * cols, THREADS), THREADS, a, err);
    return code;
}

VS_KERNEL(put_back, struct rows_args)
{
    VS_BEGIN();
    FOR_ALL(i, a.n * a.cols) {
        float *x = &a.to[a.rows[i / a.cols] * a.cols + i % a.cols];
        *x = vs_quiet(*x + a.from[i] * a.weights[i / a.cols]);
    }
}

enum vs_code vs_cuda_put_back(struct vs_dev *dev, float *x, const uint32_t *rows, const float *weights, const float *y, uint64_t n,
                              uint64_t cols, struct vs_err *err)
{
    const struct rows_args a = {y, x, rows, weights, n, cols};
    enum vs_code code = VS_OK;
    VS_LAUNCH((struct vs_cuda *)dev, code, put_back, blocks_for(n * cols, THREADS), THREADS, a, err);
    return code;
}
