/* SPDX-License-Identifier: Apache-2.0
 *
 * Element by element: activations, additions, scaling; and whole rows moved or added.
 */
#include <string.h>
#include "canon_f32.h"
#include "forward.h"

#define GRAIN 2048u /* elements: a few microseconds */

struct act_job { enum vs_f_act act; const float *gate, *x; float *y; };

/* act is a constant in each call, so that each loop holds one formula. */
VS_BODY void act_loop(const struct act_job *j, enum vs_f_act act, uint64_t begin, uint64_t end)
{
    const float *gate = j->gate, *x = j->x;
    float *y = j->y;
    if (gate)
        for (uint64_t i = begin; i < end; i++)
            y[i] = vs_quiet(vs_act2(act, gate[i], x[i]));
    else
        for (uint64_t i = begin; i < end; i++)
            y[i] = vs_quiet(vs_act1(act, x[i]));
}

VS_BODY void act_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct act_job *j = job;
    switch (j->act) {
    case VS_F_SILU: act_loop(j, VS_F_SILU, begin, end); break;
    case VS_F_GELU_ERF: act_loop(j, VS_F_GELU_ERF, begin, end); break;
    case VS_F_GELU_TANH: act_loop(j, VS_F_GELU_TANH, begin, end); break;
    case VS_F_RELU: act_loop(j, VS_F_RELU, begin, end); break;
    case VS_F_RELU2: act_loop(j, VS_F_RELU2, begin, end); break;
    case VS_F_SWIGLU_OAI: act_loop(j, VS_F_SWIGLU_OAI, begin, end); break;
    case VS_F_SIGMOID: act_loop(j, VS_F_SIGMOID, begin, end); break;
    case VS_F_TANH: act_loop(j, VS_F_TANH, begin, end); break;
    }
}
VS_CPU_KERNEL(act)

enum vs_code vs_cpu_act(struct vs_dev *dev, enum vs_f_act kind, const float *gate, const float *x, uint64_t n, float *y, struct vs_err *err)
{
    const struct act_job job = {kind, gate, x, y};
    vs_cpu_for(dev, act, &job, n, GRAIN);
    return VS_OK;
}

struct add_job { float *x; const float *y; float scale, cap; };

VS_BODY void add_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct add_job *j = job;
    for (uint64_t i = begin; i < end; i++)
        j->x[i] = vs_quiet(j->x[i] + j->y[i] * j->scale);
}
VS_CPU_KERNEL(add)

enum vs_code vs_cpu_add(struct vs_dev *dev, float *x, const float *y, float scale, uint64_t n, struct vs_err *err)
{
    const struct add_job job = {x, y, scale, 0};
    vs_cpu_for(dev, add, &job, n, GRAIN * 4);
    return VS_OK;
}

VS_BODY void scale_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct add_job *j = job;
    if (j->cap > 0)
        for (uint64_t i = begin; i < end; i++)
            j->x[i] = vs_quiet(vs_softcap(j->x[i] * j->scale, j->cap));
    else
        for (uint64_t i = begin; i < end; i++)
            j->x[i] = vs_quiet(j->x[i] * j->scale);
}
VS_CPU_KERNEL(scale)

enum vs_code vs_cpu_scale(struct vs_dev *dev, float *x, float factor, float cap, uint64_t n, struct vs_err *err)
{
    const struct add_job job = {x, NULL, factor, cap};
    vs_cpu_for(dev, scale, &job, n, GRAIN);
    return VS_OK;
}

struct rows_job { const float *from; float *to; const uint32_t *rows; const float *weights; uint64_t cols; };

VS_BODY void take_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct rows_job *j = job;
    for (uint64_t i = begin; i < end; i++)
        memcpy(j->to + i * j->cols, j->from + j->rows[i] * j->cols, j->cols * sizeof *j->to);
}
VS_CPU_KERNEL(take)

enum vs_code vs_cpu_take(struct vs_dev *dev, const float *x, const uint32_t *rows, uint64_t n, uint64_t cols, float *out, struct vs_err *err)
{
    const struct rows_job job = {x, out, rows, NULL, cols};
    vs_cpu_for(dev, take, &job, n, 16);
    return VS_OK;
}

VS_BODY void put_back_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct rows_job *j = job;
    for (uint64_t i = begin; i < end; i++) {
        const float *y = j->from + i * j->cols;
        const float weight = j->weights[i];
        float *x = j->to + j->rows[i] * j->cols;
        for (uint64_t c = 0; c < j->cols; c++)
            x[c] = vs_quiet(x[c] + y[c] * weight);
    }
}
VS_CPU_KERNEL(put_back)

enum vs_code vs_cpu_put_back(struct vs_dev *dev, float *x, const uint32_t *rows, const float *weights, const float *y, uint64_t n,
                             uint64_t cols, struct vs_err *err)
{
    const struct rows_job job = {y, x, rows, weights, cols};
    vs_cpu_for(dev, put_back, &job, n, 8);
    return VS_OK;
}
