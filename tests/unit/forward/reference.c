/* SPDX-License-Identifier: Apache-2.0
 *
 * The four kinds of the fixture in float64, one token after the other, from the formulas.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "fixture.h"

#define MOST 64
#define Q (HEADS * HEAD_DIM)
#define KV (KV_HEADS * HEAD_DIM)

struct model { enum kind kind; unsigned layer; };

static double weight(const struct model *m, const char *part, uint64_t i, int norm)
{
    char name[160];
    snprintf(name, sizeof name, "model.layers.%u.%s", m->layer, part);
    return (double)value_of(name, i, norm);
}

static void norm(const struct model *m, const char *part, const double *x, unsigned n, double *y)
{
    double sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += x[i] * x[i];
    double factor = 1 / sqrt(sum / n + 1e-6);
    for (unsigned i = 0; i < n; i++) {
        double w = part ? weight(m, part, i, 1) : (double)value_of("model.norm.weight", i, 1);
        y[i] = x[i] * factor * (m->kind == GEMMA2 ? 1 + w : w);
    }
}

static void multiply(const struct model *m, const char *part, const double *x, unsigned rows, unsigned cols, double *y)
{
    char name[96], bias[96];
    snprintf(name, sizeof name, "%s.weight", part);
    snprintf(bias, sizeof bias, "%s.bias", part);
    int has_bias = m->kind == QWEN2 && (strstr(part, "q_proj") || strstr(part, "k_proj") || strstr(part, "v_proj"));
    for (unsigned r = 0; r < rows; r++) {
        y[r] = has_bias ? weight(m, bias, r, 0) : 0;
        for (unsigned c = 0; c < cols; c++)
            y[r] += weight(m, name, (uint64_t)r * cols + c, 0) * x[c];
    }
}

static void rotate(double *head, unsigned position)
{
    for (unsigned i = 0; i < HEAD_DIM / 2; i++) {
        double angle = position * pow(10000, -2.0 * i / HEAD_DIM), a = head[i], b = head[i + HEAD_DIM / 2];
        head[i] = a * cos(angle) - b * sin(angle);
        head[i + HEAD_DIM / 2] = a * sin(angle) + b * cos(angle);
    }
}

static void heads(const struct model *m, const char *part, const char *norm_part, const double *h, unsigned count, unsigned position, double *y)
{
    multiply(m, part, h, count * HEAD_DIM, HIDDEN, y);
    for (unsigned k = 0; k < count; k++) {
        if (m->kind == QWEN3)
            norm(m, norm_part, y + k * HEAD_DIM, HEAD_DIM, y + k * HEAD_DIM);
        rotate(y + k * HEAD_DIM, position);
    }
}

static void attend(const struct model *m, const double *q, double keys[][KV], double values[][KV], unsigned last, double *out)
{
    double scale = m->kind == GEMMA2 ? 1.0 / 3 : 1 / sqrt(HEAD_DIM); /* 9 ** -0.5 */
    unsigned from = m->kind == GEMMA2 && m->layer % 2 == 0 && last >= 3 ? last - 2 : 0;
    for (unsigned h = 0; h < HEADS; h++) {
        unsigned g = h / (HEADS / KV_HEADS) * HEAD_DIM;
        double score[MOST], sum = 0, top = -INFINITY;
        for (unsigned t = from; t <= last; t++) {
            score[t] = 0;
            for (unsigned i = 0; i < HEAD_DIM; i++)
                score[t] += q[h * HEAD_DIM + i] * keys[t][g + i] * scale;
            if (m->kind == GEMMA2)
                score[t] = tanh(score[t] / 4) * 4;
            top = fmax(top, score[t]);
        }
        for (unsigned t = from; t <= last; t++)
            sum += exp(score[t] - top);
        for (unsigned i = 0; i < HEAD_DIM; i++) {
            out[h * HEAD_DIM + i] = 0;
            for (unsigned t = from; t <= last; t++)
                out[h * HEAD_DIM + i] += exp(score[t] - top) / sum * values[t][g + i];
        }
    }
}

static double act(enum kind kind, double x)
{
    return kind == GEMMA2 ? 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))) : x / (1 + exp(-x));
}

static void mlp(const struct model *m, const double *h, double *out)
{
    double gate[INNER], up[INNER];
    multiply(m, "mlp.gate_proj", h, INNER, HIDDEN, gate);
    multiply(m, "mlp.up_proj", h, INNER, HIDDEN, up);
    for (unsigned i = 0; i < INNER; i++)
        up[i] *= act(m->kind, gate[i]);
    multiply(m, "mlp.down_proj", up, HIDDEN, INNER, out);
}

static void add(double *x, const double *y)
{
    for (unsigned i = 0; i < HIDDEN; i++)
        x[i] += y[i];
}

static void layer(const struct model *m, double x[][HIDDEN], unsigned count)
{
    static double keys[MOST][KV], values[MOST][KV];
    double h[HIDDEN], q[Q], mixed[Q], branch[HIDDEN];
    int four = m->kind == GEMMA2;
    for (unsigned t = 0; t < count; t++) { /* a token's keys need its own input of this layer alone */
        norm(m, "input_layernorm.weight", x[t], HIDDEN, h);
        heads(m, "self_attn.q_proj", "self_attn.q_norm.weight", h, HEADS, t, q);
        heads(m, "self_attn.k_proj", "self_attn.k_norm.weight", h, KV_HEADS, t, keys[t]);
        multiply(m, "self_attn.v_proj", h, KV, HIDDEN, values[t]);
        attend(m, q, keys, values, t, mixed);
        multiply(m, "self_attn.o_proj", mixed, HIDDEN, Q, branch);
        if (four)
            norm(m, "post_attention_layernorm.weight", branch, HIDDEN, branch);
        add(x[t], branch);
        norm(m, four ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight", x[t], HIDDEN, h);
        mlp(m, h, branch);
        if (four)
            norm(m, "post_feedforward_layernorm.weight", branch, HIDDEN, branch);
        add(x[t], branch);
    }
}

void reference_logits(enum kind kind, const uint32_t *ids, unsigned count, double *logits)
{
    static double x[MOST][HIDDEN];
    struct model m = {.kind = kind};
    for (unsigned t = 0; t < count; t++)
        for (unsigned i = 0; i < HIDDEN; i++)
            x[t][i] = (double)value_of("model.embed_tokens.weight", ids[t] * HIDDEN + i, 0) * (kind == GEMMA2 ? sqrt(HIDDEN) : 1);
    for (m.layer = 0; m.layer < LAYERS; m.layer++)
        layer(&m, x, count);
    for (unsigned t = 0; t < count; t++) {
        double h[HIDDEN];
        norm(&m, NULL, x[t], HIDDEN, h);
        for (unsigned r = 0; r < ROWS; r++) {
            double sum = 0;
            for (unsigned i = 0; i < HIDDEN; i++)
                sum += (double)value_of("lm_head.weight", r * HIDDEN + i, 0) * h[i];
            logits[t * ROWS + r] = kind == GEMMA2 ? tanh(sum / 6) * 6 : sum;
        }
    }
}
