/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions.
 */
#include "canon.h"
#include "forward.h"

struct rope_job { const struct vs_f_heads *x; const uint32_t *position; const float *cos_sin; uint64_t pairs; bool interleaved; };

VS_BODY void rotate_head(float *x, const float *cs, uint64_t pairs, const uint64_t step, const uint64_t apart)
{
    for (uint64_t i = 0; i < pairs; i++) {
        const float a = x[i * step], b = x[i * step + apart], c = cs[2 * i], s = cs[2 * i + 1];
        x[i * step] = vs_quiet(vs_fmaf(a, c, -(b * s)));
        x[i * step + apart] = vs_quiet(vs_fmaf(b, c, a * s));
    }
}

VS_BODY void rope_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct rope_job *j = job;
    for (uint64_t i = begin; i < end; i++) {
        const uint64_t t = i / j->x->heads, h = i % j->x->heads;
        float *x = j->x->data + t * j->x->token_stride + h * j->x->head_stride;
        const float *cs = j->cos_sin + j->position[t] * j->pairs * 2;
        if (j->interleaved)
            rotate_head(x, cs, j->pairs, 2, 1);
        else
            rotate_head(x, cs, j->pairs, 1, j->pairs);
    }
}
VS_CPU_KERNEL(rope)

enum vs_code vs_cpu_rope(struct vs_dev *dev, const struct vs_f_heads *x, uint64_t tokens, const uint32_t *position,
                         const float *cos_sin, uint64_t pairs, bool interleaved, struct vs_err *err)
{
    const struct rope_job job = {x, position, cos_sin, pairs, interleaved};
    vs_cpu_for(dev, rope, &job, tokens * x->heads, 16);
    return VS_OK;
}
