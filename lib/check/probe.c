/* SPDX-License-Identifier: Apache-2.0
 *
 * L2: the head alone, on vectors that look like final hidden states (forward.md 3.1): rows of the head itself, scaled to
 * unit root mean square as a final norm does. No trunk is run, so every architecture can be probed.
 */
#include <math.h>
#include <string.h>
#include "check/checker.h"

#define PROBES 16

struct probe {
    struct checker *k;
    const struct vs_checkpoint *c;
    const struct vs_table *head;
    const float *hidden;       /* [PROBES, cols] */
    float *window; uint64_t room;
    float *logits;             /* [PROBES, rows] */
    const float *bias;
};

/* ---- reading ---- */

static enum vs_code read_f32(struct checker *k, const struct vs_checkpoint *c, const struct vs_table *t, uint64_t row, uint64_t count, float *out)
{
    const struct vs_tensor *x = &c->tensors[t->tensor];
    uint64_t bytes = vs_row_bytes(c, t);
    void *raw = vs_malloc(count * bytes + 1);
    struct vs_file f = {.fd = -1};
    enum vs_code code = raw ? vs_file_open(c->files[x->file].path, &f, k->err) : vs_enomem(k->err, "rows", count * bytes);
    if (!code)
        code = vs_file_pread(&f, x->begin + row * bytes, raw, count * bytes, k->err);
    if (!code)
        code = vs_k_to_f32(raw, x->dtype, count * t->cols, out, k->err);
    vs_file_close(&f);
    vs_free(raw);
    return code;
}

static void normalise(float *v, uint64_t n)
{
    double sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += (double)v[i] * v[i];
    double rms = sqrt(sum / (double)n);
    for (uint64_t i = 0; i < n && rms > 0; i++)
        v[i] = (float)(v[i] / rms);
}

/* Stratified over old ids: those that the base has too, so that both heads see the same vectors; and those with a token: a
 * row that no token has is the best answer to itself. */
static uint64_t probe_row(const struct checker *k, uint64_t p, uint64_t ids)
{
    uint64_t row = p * (ids - 1) / (PROBES - 1);
    while (k->t && row + 1 < ids && !vs_has_token(k, row))
        row++;
    return row;
}

static enum vs_code make_hidden(struct checker *k, const struct vs_checkpoint *c, const struct vs_table *head, uint64_t ids, float *hidden)
{
    enum vs_code code = VS_OK;
    for (uint64_t p = 0; !code && p < PROBES; p++) {
        float *v = hidden + p * head->cols;
        code = read_f32(k, c, head, probe_row(k, p, ids), 1, v);
        for (uint64_t i = 0; !code && i < head->cols; i++)
            v[i] = isfinite(v[i]) ? v[i] : 0;
        normalise(v, head->cols);
    }
    return code;
}

/* ---- logits ---- */

static enum vs_code visit(void *user, const struct vs_rows *w, struct vs_err *err)
{
    struct probe *p = user;
    if (w->count * PROBES > p->room) {
        float *window = vs_realloc_array(p->window, w->count * PROBES, sizeof *window);
        if (!window)
            return vs_enomem(err, "logits", 0);
        p->window = window;
        p->room = w->count * PROBES;
    }
    enum vs_code code = vs_k_head_probe(p->k->dev, w, p->hidden, PROBES, p->bias ? p->bias + w->first : NULL, p->window, err);
    for (uint64_t i = 0; !code && i < PROBES; i++)
        memcpy(p->logits + i * w->total + w->first, p->window + i * w->count, w->count * sizeof(float));
    return code;
}

static const struct vs_table *bias_of(const struct vs_checkpoint *c, const struct vs_table *head)
{
    const struct vs_table *bias = vs_checkpoint_table(c, VS_ROLE_BIAS);
    return bias && !bias->suspect && bias->rows == head->rows && vs_dtype_is_float(c->tensors[bias->tensor].dtype) ? bias : NULL;
}

static enum vs_code run_head(struct checker *k, const struct vs_checkpoint *c, const struct vs_table *head, const float *hidden, float **logits)
{
    const struct vs_table *bias = bias_of(c, head);
    float *bias_values = bias ? vs_calloc(bias->rows, sizeof *bias_values) : NULL;
    struct probe p = {.k = k, .c = c, .head = head, .hidden = hidden, .bias = bias_values};
    p.logits = vs_calloc(head->rows, PROBES * sizeof *p.logits);
    enum vs_code code = p.logits && (!bias || bias_values) ? VS_OK : vs_enomem(k->err, "logits", 0);
    if (!code && bias)
        code = read_f32(k, c, &(struct vs_table){.tensor = bias->tensor, .rows = bias->rows, .cols = 1}, 0, bias->rows, bias_values);
    if (!code)
        code = vs_scan_rows(c, head, 0, head->rows, k->run, "head", NULL, visit, &p, k->err);
    vs_free(p.window);
    vs_free(bias_values);
    if (code)
        vs_free(p.logits);
    else
        *logits = p.logits;
    return code;
}

/* ---- judging ---- */

static const struct vs_table *head_of(const struct vs_checkpoint *c)
{
    const struct vs_table *head = vs_checkpoint_table(c, VS_ROLE_HEAD);
    return head ? head : vs_checkpoint_table(c, VS_ROLE_INPUT);
}

static bool can_probe(const struct vs_checkpoint *c)
{
    const struct vs_table *head = c ? head_of(c) : NULL;
    return head && !head->suspect && head->rows > 1 && head->cols && vs_rows_readable(c, head);
}

/* The rows have told it already: they are as long as real ones. */
static bool told(const struct checker *k)
{
    for (uint32_t i = 0; i < k->r->finding_count; i++)
        if (strcmp(k->r->findings[i].rule, "VOC408") == 0)
            return true;
    return false;
}

static enum vs_code judge_argmax(struct checker *k, const struct vs_table *head, const float *logits, bool *good)
{
    struct vs_k_max best[PROBES];
    struct id_set live = {0};
    uint64_t broken = 0;
    enum vs_code code = vs_k_argmax(k->dev, logits, PROBES, head->rows, NULL, best, k->err);
    for (uint64_t p = 0; !code && p < PROBES; p++) {
        broken += best[p].nan + best[p].inf;
        bool real = best[p].index == UINT64_MAX || !k->t || vs_has_token(k, best[p].index) || k->r->facts->block_count > 1 ||
                    vs_is_suppressed(k, best[p].index);
        if (!real)
            vs_set_add(&live, best[p].index);
        k->r->head.above += k->t && best[p].index != UINT64_MAX && best[p].index >= k->t->rows_needed;
    }
    if (!code && k->t && k->t->rows_needed < head->rows) {
        k->r->head.count = PROBES;
        k->r->head.end = k->t->rows_needed;
    }
    if (!code && broken) {
        vs_say_table(k, k->c, head);
        vs_say(k, "n", "%llu", (unsigned long long)broken);
        vs_say_broken_cure(k, head);
        vs_found(k, "VOC417");
    }
    if (!code && live.count && !told(k)) {
        vs_say_table(k, k->c, head);
        vs_say_ids(k, &live);
        vs_say(k, "how", "the best answer to %llu of %d probes", (unsigned long long)live.count, PROBES);
        vs_found(k, "VOC408");
    }
    *good = !broken; /* live rows are a warning */
    return code;
}

static void judge_old(struct checker *k, const struct vs_table *before, const struct vs_table *after, const float *old, const float *now, bool *good)
{
    const struct vs_tokenizer *t = k->impl->base->tokenizer;
    struct vs_shift s = k->impl->shift;
    uint64_t end = t && !s.by && t->rows_needed < before->rows ? t->rows_needed : before->rows, differs = 0, first = 0;
    for (uint64_t id = 0; id < end; id++) {
        uint64_t to = id < s.at || !s.by ? id : id + s.by;
        if (to >= after->rows || vs_bit(k->impl->fresh, to))
            continue;
        for (uint64_t p = 0; p < PROBES; p++)
            if (memcmp(&old[p * before->rows + id], &now[p * after->rows + to], sizeof *old) != 0) {
                first = differs++ ? first : to;
                break;
            }
    }
    if (!differs)
        return;
    vs_say_table(k, k->c, after);
    vs_say(k, "n", "%llu", (unsigned long long)differs);
    vs_say(k, "ids", "%llu", (unsigned long long)first);
    vs_say_also_table(k, k->impl->base->checkpoint, before);
    vs_found(k, "VOC418");
    *good = false;
}

enum vs_code vs_probe_head(struct checker *k, bool *good)
{
    const struct vs_checkpoint *base = k->impl->base ? k->impl->base->checkpoint : NULL;
    const struct vs_table *head = head_of(k->c), *before = can_probe(base) ? head_of(base) : NULL;
    float *hidden = NULL, *now = NULL, *old = NULL;
    uint64_t ids = before && before->rows < head->rows ? before->rows : head->rows;
    if (k->t && k->t->rows_needed > 1 && k->t->rows_needed < ids)
        ids = k->t->rows_needed;
    *good = true;
    if (before && (k->impl->another_model || before->cols != head->cols || !base->gguf != !k->c->gguf)) /* of another format: rounded otherwise */
        before = NULL;
    hidden = vs_calloc(PROBES * head->cols, sizeof *hidden);
    enum vs_code code = hidden ? make_hidden(k, k->c, head, ids, hidden) : vs_enomem(k->err, "probes", 0);
    if (!code)
        code = run_head(k, k->c, head, hidden, &now);
    if (!code)
        code = judge_argmax(k, head, now, good);
    if (!code && before)
        code = run_head(k, base, before, hidden, &old);
    if (!code && before)
        judge_old(k, before, head, old, now, good);
    vs_free(hidden);
    vs_free(now);
    vs_free(old);
    return code;
}

bool vs_can_probe_head(const struct checker *k)
{
    return can_probe(k->c);
}
