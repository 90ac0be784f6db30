/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include "canon.h"
#include "cuda/measure.h"
#include "llama.h"

struct layer { struct vs_mat q, k, v, o, gate, up, down; float *keys, *values; };

struct llama {
    struct vs_dev *dev;
    struct llama_shape s;
    struct layer *layers;
    struct vs_mat head;
    float *start, *x, *h, *q, *attended, *gate, *up, *scores, *cos_sin, *logits, *before;
    uint32_t *positions;
    uint8_t *classes;                 /* of rows of the head: all have a token */
    uint64_t scores_count, weight_bytes, launches;
    double ms;                        /* these two: before the operation at hand */
    struct llama_part parts[LLAMA_PARTS];
    void **blocks; /* all device memory */
    uint32_t block_count;
};

#define MOST_BLOCKS 600u

static enum vs_code room(struct llama *l, uint64_t bytes, void *out, struct vs_err *err)
{
    void *p = NULL;
    const enum vs_code code = vs_dev_alloc(l->dev, bytes, &p, err);
    if (p)
        l->blocks[l->block_count++] = p;
    memcpy(out, &p, sizeof p);
    return code;
}

/* Variance 1 / cols: activations keep their size. */
static enum vs_code matrix(struct llama *l, uint64_t rows, uint64_t cols, struct vs_mat *m, struct vs_err *err)
{
    void *p;
    *m = (struct vs_mat){.dtype = VS_BF16, .rows = rows, .cols = cols, .stride = cols * 2};
    const enum vs_code code = room(l, rows * cols * 2, &p, err);
    m->data = p;
    l->weight_bytes += rows * cols * 2;
    return code ? code : vs_cuda_fill_bf16(l->dev, p, rows * cols, l->block_count, sqrtf(3.0f / (float)cols), err);
}

static enum vs_code make_layer(struct llama *l, struct layer *y, struct vs_err *err)
{
    const struct llama_shape *s = &l->s;
    const uint64_t q = (uint64_t)s->heads * s->dim, kv = (uint64_t)s->kv_heads * s->dim;
    const struct { struct vs_mat *m; uint64_t rows, cols; } all[] = {
        {&y->q, q, s->width}, {&y->k, kv, s->width}, {&y->v, kv, s->width}, {&y->o, s->width, q},
        {&y->gate, s->inner, s->width}, {&y->up, s->inner, s->width}, {&y->down, s->width, s->inner},
    };
    enum vs_code code = VS_OK;
    for (unsigned i = 0; i < sizeof all / sizeof *all && !code; i++)
        code = matrix(l, all[i].rows, all[i].cols, all[i].m, err);
    if (!code)
        code = room(l, s->context * kv * 4, &y->keys, err);
    return code ? code : room(l, s->context * kv * 4, &y->values, err);
}

static void attention_of(const struct llama *l, const struct layer *y, const struct vs_f_span *span, struct vs_f_attention *a)
{
    const struct llama_shape *s = &l->s;
    *a = (struct vs_f_attention){.q = {l->q, (uint64_t)s->heads * s->dim, s->dim, s->heads, s->dim},
                                 .k = {y->keys, (uint64_t)s->kv_heads * s->dim, s->dim, s->kv_heads, s->dim},
                                 .v = {y->values, (uint64_t)s->kv_heads * s->dim, s->dim, s->kv_heads, s->dim},
                                 .spans = span, .span_count = 1, .scale = 1 / sqrtf((float)s->dim), .causal = true, .scores = l->scores,
                                 .out = l->attended};
}

static enum vs_code make_buffers(struct llama *l, struct vs_err *err)
{
    const struct llama_shape *s = &l->s;
    const struct vs_f_span whole = {0, s->context, 0, s->context};
    const uint64_t n = s->context, q = (uint64_t)s->heads * s->dim;
    struct vs_f_attention a;
    attention_of(l, &l->layers[0], &whole, &a);
    l->scores_count = vs_f_attention_scores(l->dev, &a);
    const struct { float **p; uint64_t floats; } all[] = {
        {&l->start, n * s->width}, {&l->x, n * s->width}, {&l->h, n * s->width}, {&l->q, n * q}, {&l->attended, n * q}, {&l->gate, n * s->inner},
        {&l->up, n * s->inner}, {&l->scores, l->scores_count}, {&l->cos_sin, n * s->dim}, {&l->logits, s->vocabulary}, {&l->before, s->vocabulary},
    };
    enum vs_code code = room(l, n * 4, &l->positions, err);
    if (!code)
        code = room(l, s->vocabulary, &l->classes, err);
    for (unsigned i = 0; i < sizeof all / sizeof *all && !code; i++)
        code = room(l, all[i].floats * 4, all[i].p, err);
    return code;
}

/* Activations, positions and the rotary table come from the host. */
static enum vs_code send_inputs(struct llama *l, struct vs_err *err)
{
    const uint64_t n = l->s.context, width = l->s.width, pairs = l->s.dim / 2;
    float *x = malloc(n * width * 4), *table = malloc(n * pairs * 8);
    uint32_t *positions = malloc(n * 4);
    uint8_t *classes = calloc(l->s.vocabulary, 1); /* VS_F_OLD */
    enum vs_code code = x && table && positions && classes ? VS_OK : vs_fail(err, VS_ENOMEM, "no memory for the inputs of the test");
    for (uint64_t i = 0; i < n * width && !code; i++)
        x[i] = (float)((double)(vs_mix64(i) >> 40) * 0x1p-23 - 1);
    for (uint64_t i = 0; i < n * pairs && !code; i++) {
        const double angle = (double)(i / pairs) * pow(500000.0, -(double)(i % pairs) / (double)pairs);
        table[2 * i] = (float)cos(angle);
        table[2 * i + 1] = (float)sin(angle);
    }
    for (uint64_t i = 0; i < n && !code; i++)
        positions[i] = (uint32_t)i;
    if (!code)
        code = vs_dev_put(l->dev, l->start, x, n * width * 4, err);
    if (!code)
        code = vs_dev_put(l->dev, l->cos_sin, table, n * pairs * 8, err);
    if (!code)
        code = vs_dev_put(l->dev, l->positions, positions, n * 4, err);
    if (!code)
        code = vs_dev_put(l->dev, l->classes, classes, l->s.vocabulary, err);
    free(classes);
    free(x);
    free(table);
    free(positions);
    return code;
}

enum vs_code llama_open(struct vs_dev *dev, const struct llama_shape *shape, struct llama **out, struct vs_err *err)
{
    struct llama *l = calloc(1, sizeof *l);
    *out = l;
    if (l) {
        l->dev = dev;
        l->s = *shape;
        l->layers = calloc(shape->layers, sizeof *l->layers);
        l->blocks = calloc(MOST_BLOCKS, sizeof *l->blocks);
    }
    if (!l || !l->layers || !l->blocks)
        return vs_fail(err, VS_ENOMEM, "no memory for the model of the test");
    enum vs_code code = matrix(l, shape->vocabulary, shape->width, &l->head, err);
    for (uint32_t i = 0; i < shape->layers && !code; i++)
        code = make_layer(l, &l->layers[i], err);
    if (!code)
        code = make_buffers(l, err);
    return code ? code : send_inputs(l, err);
}

void llama_close(struct llama *l)
{
    if (!l)
        return;
    for (uint32_t i = 0; i < l->block_count; i++)
        vs_dev_free(l->dev, l->blocks[i]);
    free(l->blocks);
    free(l->layers);
    free(l);
}

#define TRY(call)                  \
    do {                           \
        enum vs_code try_ = call;  \
        if (try_)                  \
            return try_;           \
    } while (0)

/* ---- a run, taken apart ---- */

static void begin_part(struct llama *l)
{
    l->ms = vs_cuda_kernel_ms(l->dev);
    l->launches = vs_cuda_launches(l->dev);
}

static void end_part(struct llama *l, enum llama_part_number n, double bytes, double operations)
{
    struct llama_part *p = &l->parts[n];
    p->ms += vs_cuda_kernel_ms(l->dev) - l->ms;
    p->launches += vs_cuda_launches(l->dev) - l->launches;
    p->bytes += bytes;
    p->operations += operations;
}

#define OP(l, part, bytes, operations, call)                  \
    do {                                                      \
        begin_part(l);                                        \
        TRY(call);                                            \
        end_part(l, part, (double)(bytes), operations);       \
    } while (0)

static enum vs_code product(struct llama *l, enum llama_part_number part, const struct vs_mat *w, const float *x, uint32_t n, float *y,
                            struct vs_err *err)
{
    const double values = (double)w->rows * (double)w->cols;
    OP(l, part, values * 2 + 4.0 * n * (double)(w->rows + w->cols), 2 * values * n, vs_f_linear(l->dev, w, x, w->cols, n, NULL, y, w->rows, err));
    return VS_OK;
}

static enum vs_code attend(struct llama *l, const struct layer *y, uint32_t at, uint32_t n, struct vs_err *err)
{
    const struct vs_f_span span = {0, n, 0, at + n};
    const uint64_t kv = (uint64_t)l->s.kv_heads * l->s.dim, pairs = l->s.dim / 2, q = (uint64_t)l->s.heads * l->s.dim;
    const double keys = at + (n + 1) / 2.0; /* that a query sees, on average */
    struct vs_f_attention a;
    attention_of(l, y, &span, &a);
    struct vs_f_heads k = a.k;
    k.data += at * kv;
    TRY(product(l, LLAMA_QKV, &y->q, l->h, n, l->q, err));
    TRY(product(l, LLAMA_QKV, &y->k, l->h, n, k.data, err));
    TRY(product(l, LLAMA_QKV, &y->v, l->h, n, y->values + at * kv, err));
    OP(l, LLAMA_ROPE, 8 * n * q, 0, vs_f_rope(l->dev, &a.q, n, l->positions + at, l->cos_sin, pairs, false, err));
    OP(l, LLAMA_ROPE, 8 * n * kv, 0, vs_f_rope(l->dev, &k, n, l->positions + at, l->cos_sin, pairs, false, err));
    OP(l, LLAMA_ATTENTION, 8 * (at + n) * kv + 8 * n * q, 4 * keys * n * (double)q, vs_f_attend(l->dev, &a, err));
    return product(l, LLAMA_O, &y->o, l->attended, n, l->h, err);
}

static enum vs_code run_layer(struct llama *l, const struct layer *y, uint32_t at, uint32_t n, struct vs_err *err)
{
    const uint64_t width = l->s.width, inner = l->s.inner;
    OP(l, LLAMA_NORM, 8 * n * width, 0, vs_f_norm(l->dev, VS_F_RMS, l->x, n, width, NULL, NULL, 1e-5, l->h, err));
    TRY(attend(l, y, at, n, err));
    OP(l, LLAMA_ADD, 12 * n * width, 0, vs_f_add(l->dev, l->x, l->h, 1, n * width, err));
    OP(l, LLAMA_NORM, 8 * n * width, 0, vs_f_norm(l->dev, VS_F_RMS, l->x, n, width, NULL, NULL, 1e-5, l->h, err));
    TRY(product(l, LLAMA_GATE_UP, &y->gate, l->h, n, l->gate, err));
    TRY(product(l, LLAMA_GATE_UP, &y->up, l->h, n, l->up, err));
    OP(l, LLAMA_ACT, 12 * n * inner, 0, vs_f_act(l->dev, VS_F_SILU, l->gate, l->up, n * inner, l->up, err));
    TRY(product(l, LLAMA_DOWN, &y->down, l->up, n, l->h, err));
    OP(l, LLAMA_ADD, 12 * n * width, 0, vs_f_add(l->dev, l->x, l->h, 1, n * width, err));
    return VS_OK;
}

enum vs_code llama_run(struct llama *l, uint32_t at, uint32_t n, struct vs_err *err)
{
    const uint64_t width = l->s.width;
    OP(l, LLAMA_TAKE, 8 * n * width, 0, vs_f_take(l->dev, l->start, l->positions + at, n, width, l->x, err));
    for (uint32_t i = 0; i < l->s.layers; i++)
        TRY(run_layer(l, &l->layers[i], at, n, err));
    OP(l, LLAMA_NORM, 8 * width, 0, vs_f_norm(l->dev, VS_F_RMS, l->x + (n - 1) * width, 1, width, NULL, NULL, 1e-5, l->h, err));
    TRY(product(l, LLAMA_HEAD, &l->head, l->h, 1, l->logits, err));
    struct vs_f_best best = {.id = UINT64_MAX};
    OP(l, LLAMA_CHOICE, 5 * l->head.rows, 0, vs_f_choose(l->dev, l->logits, l->head.rows, 1, l->head.rows, 0, l->classes, &best, err));
    return best.id < l->head.rows ? VS_OK : vs_fail(err, VS_EDEVICE, "every logit of the test's model is NaN");
}

enum vs_code llama_parts(struct llama *l, uint32_t at, uint32_t n, struct llama_part out[LLAMA_PARTS], struct vs_err *err)
{
    static const char *const names[LLAMA_PARTS] = {"take", "norm", "q_k_v", "rope", "attention", "o", "add", "gate_up", "act", "down", "head", "choice"};
    memset(l->parts, 0, sizeof l->parts);
    vs_cuda_tune(l->dev, 0, true);
    const enum vs_code code = llama_run(l, at, n, err);
    vs_cuda_tune(l->dev, 0, false);
    memcpy(out, l->parts, sizeof l->parts);
    for (unsigned i = 0; i < LLAMA_PARTS; i++)
        out[i].name = names[i];
    return code;
}

enum vs_code llama_launches(struct llama *l, uint32_t n, struct vs_err *err)
{
    for (uint32_t i = 0; i < n; i++)
        TRY(vs_f_add(l->dev, l->x, l->h, 1, 1, err));
    return vs_dev_wait(l->dev, err);
}

enum vs_code llama_compare(struct llama *l, struct vs_f_diff *out, struct vs_err *err)
{
    const uint64_t n = l->s.vocabulary;
    *out = (struct vs_f_diff){.first = UINT64_MAX};
    TRY(vs_f_compare(l->dev, l->before, n, l->logits, n, 1, n, out, err));
    return vs_f_take(l->dev, l->logits, l->positions, 1, n, l->before, err); /* row 0 */
}

uint64_t llama_bytes(const struct llama *l, uint32_t at)
{
    return l->weight_bytes + 8ull * at * l->s.kv_heads * l->s.dim * l->s.layers;
}

double llama_operations(const struct llama *l, uint32_t n)
{
    const double trunk = (double)l->weight_bytes / 2 - (double)l->head.rows * (double)l->head.cols;
    const double pairs = (double)n * (n + 1) / 2, attention = 4.0 * pairs * l->s.heads * l->s.dim * l->s.layers;
    return 2 * trunk * n + attention + 2.0 * (double)l->head.rows * (double)l->head.cols;
}
