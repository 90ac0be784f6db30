/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of finished logits: the highest one, and how many are not finite.
 */
#include "canon.h"
#include "cpu.h"

struct argmax_job { const float *logits; uint64_t m; const uint64_t *use; struct vs_k_max *out; };

/* Integers in the order of the floats: -0 equals 0, NaN lies below everything. */
VS_BODY int32_t order_key(uint32_t b)
{
    const uint32_t a = b & 0x7fffffff;
    const int32_t key = (int32_t)(b >> 31 ? ~a + 1 : a); /* 0 for both zeros */
    return a > 0x7f800000 ? INT32_MIN : key;
}

/* One word of the bitmap at a time. */
VS_BODY void argmax_word(const float *p, uint64_t at, uint32_t n, uint64_t use, int32_t *best, struct vs_k_max *r)
{
    int32_t top = INT32_MIN;
    uint32_t nan = 0, inf = 0;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t b = VS_LOAD(uint32_t, p, at + i), a = b & 0x7fffffff;
        const bool in = use >> i & 1;
        const int32_t key = in ? order_key(b) : INT32_MIN;
        nan += in & (a > 0x7f800000);
        inf += in & (a == 0x7f800000);
        top = top > key ? top : key;
    }
    r->nan += nan;
    r->inf += inf;
    if (top <= *best)
        return;
    *best = top;
    for (uint32_t i = 0; i < n; i++)
        if (use >> i & 1 && order_key(VS_LOAD(uint32_t, p, at + i)) == top) {
            r->index = at + i;
            r->value = p[at + i];
            return;
        }
}

VS_BODY void argmax_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct argmax_job *j = job;
    for (uint64_t row = begin; row < end; row++) {
        struct vs_k_max r = {.index = UINT64_MAX};
        int32_t best = INT32_MIN;
        for (uint64_t at = 0; at < j->m; at += 64)
            argmax_word(j->logits + row * j->m, at, j->m - at < 64 ? (uint32_t)(j->m - at) : 64,
                        j->use ? j->use[at / 64] : UINT64_MAX, &best, &r);
        j->out[row] = r;
    }
}
VS_CPU_KERNEL(argmax)

enum vs_code vs_cpu_argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                           struct vs_k_max *out, struct vs_err *err)
{
    const struct argmax_job job = {logits, m, use, out};
    vs_cpu_for(dev, argmax, &job, n, 1);
    return VS_OK;
}
