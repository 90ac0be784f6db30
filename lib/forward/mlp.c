/* SPDX-License-Identifier: Apache-2.0
 *
 * The second half of a layer: a plain or gated MLP, or a mixture of experts with or without a shared one.
 */
#include "forward/pass.h"

/* gate: without a tensor the MLP is plain. */
static enum vs_code gated(struct vs_pass *p, const struct vs_weight *gate, const struct vs_weight *up, const struct vs_weight *down, const float *h,
                          uint32_t m, float *out, struct vs_err *err)
{
    bool has_gate = gate->weight.tensor != NULL;
    enum vs_code code = has_gate ? vs_linear(p, gate, h, m, p->gate, err) : VS_OK;
    if (!code)
        code = vs_linear(p, up, h, m, p->up, err);
    if (!code)
        code = vs_f_act(p->dev, p->a->act, has_gate ? p->gate : NULL, p->up, (uint64_t)m * up->weight.rows, p->up, err);
    return code ? code : vs_linear(p, down, p->up, m, out, err);
}

enum vs_code vs_mlp(struct vs_pass *p, const struct vs_weight *w, const float *h, float *out, struct vs_err *err)
{
    if (p->a->layer[p->layer].moe)
        return vs_experts(p, w, h, out, err);
    return gated(p, &w[VS_W_GATE], &w[VS_W_UP], &w[VS_W_DOWN], h, p->batch->count, out, err);
}

/* ---- experts ---- */

/* Which experts each token goes to, decided on the host; then the lists of tokens, expert by expert. */
static enum vs_code route(struct vs_pass *p, const struct vs_weight *w, const float *h, uint32_t *starts, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    uint32_t m = p->batch->count, k = a->experts_used, n = 0;
    uint32_t *rows = p->host_ids;
    float *weights = p->host + (uint64_t)p->tokens * a->experts;
    enum vs_code code = vs_linear(p, &w[VS_W_ROUTER], h, m, p->router, err);
    if (!code)
        code = vs_dev_get(p->dev, p->host, p->router, (uint64_t)m * a->experts * sizeof(float), err);
    if (code)
        return code;
    for (uint32_t t = 0; t < m; t++)
        vs_f_route(a->route, p->host + (uint64_t)t * a->experts, a->experts, k, a->renorm, p->chosen + (uint64_t)t * k,
                   p->chosen_weights + (uint64_t)t * k);
    for (uint32_t e = 0; e < a->experts; e++) {
        starts[e] = n;
        for (uint32_t t = 0; t < m; t++)
            for (uint32_t i = 0; i < k; i++)
                if (p->chosen[(uint64_t)t * k + i] == e) {
                    rows[n] = t;
                    weights[n++] = p->chosen_weights[(uint64_t)t * k + i];
                }
    }
    starts[a->experts] = n;
    code = vs_dev_put(p->dev, p->rows, rows, n * sizeof *rows, err);
    return code ? code : vs_dev_put(p->dev, p->row_weights, weights, n * sizeof *weights, err);
}

static enum vs_code one_expert(struct vs_pass *p, const struct vs_weight *x, const float *h, uint32_t begin, uint32_t n, float *out,
                               struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    enum vs_code code = VS_OK;
    for (int r = 0; !code && !n && r < VS_EXPERT_ROLES; r++)
        code = vs_skip(p, &x[r], err);
    if (!n)
        return code;
    code = vs_f_take(p->dev, h, p->rows + begin, n, a->hidden, p->gathered, err);
    if (!code)
        code = gated(p, &x[VS_W_EXPERT_GATE], &x[VS_W_EXPERT_UP], &x[VS_W_EXPERT_DOWN], p->gathered, n, p->other, err);
    return code ? code : vs_f_put_back(p->dev, out, p->rows + begin, p->row_weights + begin, p->other, n, a->hidden, err);
}

static enum vs_code shared_expert(struct vs_pass *p, const struct vs_weight *w, const float *h, float *out, struct vs_err *err)
{
    uint32_t m = p->batch->count;
    enum vs_code code = vs_linear(p, &w[VS_W_SHARED_ROUTER], h, m, p->share, err);
    if (!code)
        code = vs_f_act(p->dev, VS_F_SIGMOID, NULL, p->share, m, p->share, err);
    if (!code)
        code = gated(p, &w[VS_W_SHARED_GATE], &w[VS_W_SHARED_UP], &w[VS_W_SHARED_DOWN], h, m, p->other, err);
    for (uint32_t t = 0; !code && t < m; t++)
        p->host_ids[t] = t;
    if (!code)
        code = vs_dev_put(p->dev, p->rows, p->host_ids, m * sizeof *p->host_ids, err);
    return code ? code : vs_f_put_back(p->dev, out, p->rows, p->share, p->other, m, p->a->hidden, err);
}

enum vs_code vs_experts(struct vs_pass *p, const struct vs_weight *w, const float *h, float *out, struct vs_err *err)
{
    const struct vs_arch *a = p->a;
    const struct vs_weight *x = p->m->binding.expert + (uint64_t)p->layer * a->experts * VS_EXPERT_ROLES;
    uint32_t *starts = p->chosen + (uint64_t)p->tokens * a->experts_used;
    enum vs_code code = route(p, w, h, starts, err);
    memset(p->host, 0, (uint64_t)p->batch->count * a->hidden * sizeof *p->host);
    if (!code)
        code = vs_dev_put(p->dev, out, p->host, (uint64_t)p->batch->count * a->hidden * sizeof *out, err);
    for (uint32_t e = 0; !code && e < a->experts; e++)
        code = one_expert(p, x + (uint64_t)e * VS_EXPERT_ROLES, h, starts[e], starts[e + 1] - starts[e], out, err);
    return code || !a->shared_size ? code : shared_expert(p, w, h, out, err);
}
