/* SPDX-License-Identifier: Apache-2.0
 *
 * What is decided on the host, the same for every device: which experts a token goes to.
 */
#include "canon_f32.h"

float vs_f_sigmoid(float x)
{
    return vs_quiet(vs_sigmoid(x));
}

/* Of two scores the higher one; a NaN is below everything. */
static bool higher(float a, float b)
{
    return a > b || (a == a && b != b);
}

static bool taken(const uint32_t *chosen, uint32_t n, uint32_t e)
{
    for (uint32_t i = 0; i < n; i++)
        if (chosen[i] == e)
            return true;
    return false;
}

static uint32_t best_of_rest(const float *logits, uint32_t experts, const uint32_t *chosen, uint32_t n)
{
    uint32_t best = experts;
    for (uint32_t e = 0; e < experts; e++)
        if (!taken(chosen, n, e) && (best == experts || higher(logits[e], logits[best])))
            best = e;
    return best;
}

/* Order of the exponentials is that of the logits, so the logits choose in both cases; what differs is the sum. */
void vs_f_route(enum vs_f_route order, const float *logits, uint32_t experts, uint32_t k, bool renorm, uint32_t *chosen, float *weights)
{
    float all = 0, some = 0;
    for (uint32_t i = 0; i < k; i++)
        chosen[i] = best_of_rest(logits, experts, chosen, i);
    const float max = k ? logits[chosen[0]] : 0;
    for (uint32_t i = 0; i < k; i++)
        some += weights[i] = vs_exp(logits[chosen[i]] - max);
    for (uint32_t e = 0; e < experts; e++)
        all += vs_exp(logits[e] - max);
    const float sum = order == VS_F_TOPK_SOFTMAX || renorm ? some : all;
    for (uint32_t i = 0; i < k; i++)
        weights[i] = vs_quiet(weights[i] / sum);
}
