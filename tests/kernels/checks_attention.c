/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions and attention.
 */
#include <math.h>
#include "checks.h"
#include "canon_f32.h"
#include "cuda/measure.h"

static float *floats(struct run *r, uint64_t n, enum fill how)
{
    float *p = take(r, n * 4);
    fill(r, p, VS_F32, n, how);
    return p;
}

void check_rope(struct run *r)
{
    for (unsigned i = 0; i < 24; i++) {
        const uint64_t heads = 1 + below(r, 5), dim = 2 + below(r, 70), tokens = 1 + below(r, 20);
        const uint64_t pairs = i % 3 ? dim / 2 : 1 + below(r, dim / 2), positions = 40;
        struct vs_f_heads x = {.head_stride = dim + below(r, 3), .heads = heads, .dim = dim};
        x.token_stride = heads * x.head_stride + below(r, 9);
        describe(r, "%llu of %llu values of %llu heads, %s", (unsigned long long)pairs * 2, (unsigned long long)dim,
                 (unsigned long long)heads, i % 2 ? "interleaved" : "halves");
        const uint64_t n = tokens * x.token_stride;
        float *table = floats(r, positions * pairs * 2, FILL_VALUES);
        uint32_t *position = take(r, tokens * 4);
        for (uint64_t t = 0; t < tokens; t++)
            position[t] = (uint32_t)below(r, positions);
        x.data = floats(r, n, i % 5 == 4 ? FILL_EDGES : FILL_VALUES);
        struct vs_f_heads dx = x;
        dx.data = to_device(r, x.data, n * 4);
        const uint32_t *dposition = to_device(r, position, tokens * 4);
        const float *dtable = to_device(r, table, positions * pairs * 8);
        BOTH(r, vs_f_rope(r->ref, &x, tokens, position, table, pairs, i % 2, &err_),
             vs_f_rope(r->dev, &dx, tokens, dposition, dtable, pairs, i % 2, &err_));
        same(r, "rotated value", x.data, from_device(r, dx.data, n * 4), n * 4);
        release(r);
    }
}

struct shape { uint32_t heads, kv_heads, dim, v_dim, spans, longest, most_queries; }; /* 0: as many as there are keys */

static void random_spans(struct run *r, struct vs_f_span *spans, const struct shape *s, bool causal, uint32_t *q_tokens, uint32_t *k_tokens)
{
    *q_tokens = (uint32_t)below(r, 3);
    *k_tokens = (uint32_t)below(r, 3);
    for (uint32_t i = 0; i < s->spans; i++) {
        const uint32_t keys = 1 + (uint32_t)below(r, s->longest), kind = (uint32_t)below(r, 3);
        const uint32_t any = kind == 0 ? 1 : kind == 1 ? keys : 1 + (uint32_t)below(r, causal ? keys : 9);
        const uint32_t queries = s->most_queries && any > s->most_queries ? s->most_queries : any;
        spans[i] = (struct vs_f_span){*q_tokens, queries, *k_tokens, keys};
        *q_tokens += queries + (uint32_t)below(r, 2);
        *k_tokens += keys + (uint32_t)below(r, 2);
    }
}

/* Heads of tokens as a projection of its own, or as a part of a wider one. */
static struct vs_f_heads heads_of(struct run *r, uint64_t heads, uint64_t dim, uint64_t tokens, enum fill how)
{
    struct vs_f_heads h = {.heads = heads, .dim = dim, .head_stride = dim, .token_stride = heads * dim + below(r, 2) * below(r, 40)};
    h.data = floats(r, tokens * h.token_stride, how);
    return h;
}

static struct vs_f_heads sent(struct run *r, struct vs_f_heads h, uint64_t tokens)
{
    h.data = to_device(r, h.data, tokens * h.token_stride * 4);
    return h;
}

static void *zeros(struct run *r, uint64_t bytes)
{
    return memset(take(r, bytes), 0, bytes);
}

static bool finite_f32(float x)
{
    return (vs_f32_bits(x) & 0x7f800000) != 0x7f800000;
}

/* Weights and values rounded to BF16: within one part in a hundred, measured over all. What is no number is none in both. */
static void expect_near(struct run *r, const float *a, const float *b, uint64_t n)
{
    double squares = 0, sum = 0;
    uint64_t unlike = 0;
    for (uint64_t k = 0; k < n; k++) {
        unlike += finite_f32(a[k]) != finite_f32(b[k]);
        if (!finite_f32(a[k]) || !finite_f32(b[k]))
            continue;
        squares += ((double)b[k] - a[k]) * ((double)b[k] - a[k]);
        sum += (double)a[k] * a[k];
    }
    expect(r, "fast attention is off by more than rounding to BF16 explains", squares <= 1e-4 * sum);
    expect(r, "a value that a row does not see reaches it, or one that it sees does not", !unlike);
}

/* What no row sees: slots between spans, and keys before every window. */
enum spoil { SOUND, UNSEEN, LAST }; /* nothing; those are no numbers; besides, two values of each last key */

static void spoil_token(const struct vs_f_heads *h, uint64_t token)
{
    static const float specials[3] = {NAN, INFINITY, -INFINITY};
    for (uint64_t i = 0; i < h->heads; i++)
        for (uint64_t d = 0; d < h->dim; d++)
            h->data[token * h->token_stride + i * h->head_stride + d] = specials[(token + d) % 3];
}

static void spoil(const struct vs_f_attention *a, uint32_t k_tokens, enum spoil how)
{
    for (uint32_t t = 0; t < k_tokens && how; t++) {
        bool seen = false;
        for (uint32_t s = 0; s < a->span_count; s++) {
            const struct vs_f_span *x = &a->spans[s];
            const uint32_t first = a->window && x->k_count + 1 > x->q_count + a->window ? x->k_count + 1 - x->q_count - a->window : 0;
            seen |= t >= x->k_begin + first && t < x->k_begin + x->k_count;
        }
        if (!seen) {
            spoil_token(&a->k, t);
            spoil_token(&a->v, t);
        }
    }
    for (uint32_t s = 0; s < a->span_count && how == LAST; s++) {
        float *v = a->v.data + (a->spans[s].k_begin + a->spans[s].k_count - 1ull) * a->v.token_stride;
        v[0] = NAN;
        v[a->v.dim > 5 ? 5 : 0] = INFINITY;
    }
}

struct attend_how { enum fill fill; bool fast; enum spoil spoil; };

static void attend_case(struct run *r, const struct shape *s, unsigned i, struct attend_how how)
{
    struct vs_f_attention a = {.span_count = s->spans, .scale = 0.3f, .causal = i % 5 != 4}, b;
    struct vs_f_span *spans = take(r, s->spans * sizeof *spans);
    const bool fast = how.fast;
    uint32_t q_tokens, k_tokens;
    double errors[2] = {0, 0};
    random_spans(r, spans, s, a.causal, &q_tokens, &k_tokens);
    a.spans = spans;
    a.window = a.causal && i % 3 == 1 ? 1 + (uint32_t)below(r, 20) : 0;
    a.softcap = i % 4 == 2 ? 5.0f : 0;
    a.sinks = i % 4 == 1 ? floats(r, s->heads, FILL_VALUES) : NULL;
    a.q = heads_of(r, s->heads, s->dim, q_tokens, how.fill);
    a.k = heads_of(r, s->kv_heads, s->dim, k_tokens, how.fill == FILL_EDGES ? FILL_VALUES : how.fill);
    a.v = heads_of(r, s->kv_heads, s->v_dim, k_tokens, how.fill);
    spoil(&a, k_tokens, how.spoil);
    describe(r, "%u heads over %u of %u, %u spans, window %u, softcap %g, %s%s, data %u, spoilt %u", s->heads, s->kv_heads, s->dim, s->spans,
             a.window, a.softcap, a.causal ? "causal" : "all keys", a.sinks ? ", sinks" : "", how.fill, how.spoil);
    const uint64_t bytes = (uint64_t)q_tokens * s->heads * s->v_dim * 4;
    b = a;
    b.q = sent(r, a.q, q_tokens);
    b.k = sent(r, a.k, k_tokens);
    b.v = sent(r, a.v, k_tokens);
    b.sinks = a.sinks ? to_device(r, a.sinks, s->heads * 4) : NULL;
    b.out = to_device(r, fast ? zeros(r, bytes) : NULL, bytes);
    b.scores = to_device(r, NULL, vs_f_attention_scores(r->dev, &b) * 4);
    a.out = take(r, bytes);
    if (fast) /* rows between spans keep what they held, which must be a number here */
        memset(a.out, 0, bytes);
    a.scores = take(r, vs_f_attention_scores(r->ref, &a) * 4);
    a.row_sum_error = i % 2 && !fast ? &errors[0] : NULL;
    b.row_sum_error = i % 2 && !fast ? &errors[1] : NULL;
    BOTH(r, vs_f_attend(r->ref, &a, &err_), vs_f_attend(r->dev, &b, &err_));
    if (fast)
        expect_near(r, a.out, from_device(r, b.out, bytes), bytes / 4);
    else
        same(r, "attended value", a.out, from_device(r, b.out, bytes), bytes);
    same(r, "error of the sums", &errors[0], &errors[1], sizeof errors[0]);
    expect(r, "weights do not sum to 1", how.fill != FILL_VALUES || !a.row_sum_error || errors[0] < 1e-5);
    release(r);
}

void check_attend(struct run *r)
{
    static const struct shape shapes[] = {{1, 1, 1, 1, 1, 3}, {2, 1, 7, 7, 2, 20}, {4, 2, 16, 16, 3, 40}, {4, 1, 64, 64, 1, 70},
                                          {6, 2, 20, 12, 2, 33}, {3, 3, 33, 33, 1, 150}, {8, 2, 32, 48, 2, 19}, {2, 2, 128, 128, 1, 50},
                                          {1, 1, 257, 300, 1, 18}, {2, 1, 16, 36, 1, 900, 3}};
    for (unsigned s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (unsigned i = 0; i < 12; i++)
            attend_case(r, &shapes[s], i, (struct attend_how){i == 5 ? FILL_EDGES : i == 11 ? FILL_BITS : FILL_VALUES, false, (enum spoil)(i % 3)});
    if (r->large) {
        const struct shape wide = {32, 8, 128, 128, 2, 700};
        for (unsigned i = 0; i < 5; i++)
            attend_case(r, &wide, i, (struct attend_how){FILL_VALUES, false, SOUND});
    }
}

void check_attend_fast(struct run *r)
{
    static const struct shape shapes[] = {{8, 2, 64, 64, 1, 90}, {4, 4, 128, 128, 2, 150}, {6, 1, 16, 8, 3, 70}, {4, 1, 48, 120, 1, 64}};
    describe(r, "a device without it");
    if (vs_dev_kind_of(r->dev) != VS_DEV_CUDA)
        return;
    vs_cuda_fast_attention(r->dev, true);
    for (unsigned s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (unsigned i = 0; i < 18; i++)
            attend_case(r, &shapes[s], i, (struct attend_how){FILL_VALUES, true, (enum spoil)(i / 6)});
    vs_cuda_fast_attention(r->dev, false);
}
