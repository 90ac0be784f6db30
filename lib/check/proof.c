/* SPDX-License-Identifier: Apache-2.0
 *
 * L1: every tensor that is no table has the bytes of the base's, every frozen row too, and the config computes the same
 * (forward.md 3.1). Then hidden states and old logits are equal for every prompt of old ids, without running the model.
 */
#include <stdio.h>
#include <string.h>
#include "base/run.h"
#include "check/demand.h"

#define BUFFER (4u << 20)

/* Tensors that are stored in one dtype here and in another one in the base. More kinds than these are told by the last one. */
#define RECASTS 8
struct recast { const struct vs_tensor *x, *y; uint64_t count; };

struct proof {
    struct checker *k;
    const struct vs_checkpoint *a, *b;   /* base, checked */
    bool ahead;                          /* nothing was read yet: whether a stored head is a copy of the input, nobody knows */
    bool good;
    struct recast recast[RECASTS]; uint32_t recast_count;
    struct vs_task task;
    char *left, *right;
};

/* ---- the walk ---- */

/* A tensor more computes something more; only a stored copy of a tied input is nothing new. */
static bool is_more(const struct proof *p, const struct vs_tensor *y)
{
    const struct checker *k = p->k;
    bool head = k->head && y == &p->b->tensors[k->head->tensor];
    return !(head && (p->ahead || k->r->facts->tied_stored == 1)) && !vs_checkpoint_tensor(p->a, y->name);
}

static enum vs_code walk(struct proof *p, enum vs_code (*meet)(struct proof *p, struct demand *d),
                         void (*more)(struct proof *p, const struct vs_tensor *y))
{
    enum vs_code code = VS_OK;
    for (uint64_t i = 0; !code && i < p->a->tensor_count; i++) {
        struct demand d = vs_demand_of(p->k, &p->a->tensors[i]);
        code = meet(p, &d);
    }
    for (uint64_t i = 0; !code && i < p->b->tensor_count; i++)
        if (is_more(p, &p->b->tensors[i]))
            more(p, &p->b->tensors[i]);
    return code;
}

/* ---- beforehand ---- */

static enum vs_code expect(struct proof *p, struct demand *d)
{
    struct piece q;
    enum vs_code code = VS_OK;
    p->good = p->good && d->kind != UNMET && d->kind != RECAST;
    while (!code && vs_next_piece(p->k, d, &q))
        code = vs_watch_same(p->k->watch, &q.at, p->k->err);
    return code;
}

static void expect_no_more(struct proof *p, const struct vs_tensor *y)
{
    p->good = false;
}

enum vs_code vs_expect_bytes(struct checker *k, bool *possible)
{
    struct proof p = {.k = k, .a = k->impl->base->checkpoint, .b = k->c, .ahead = true, .good = true};
    enum vs_code code = walk(&p, expect, expect_no_more);
    *possible = p.good;
    return code;
}

/* ---- bytes ---- */

struct pair { struct vs_file a, b; };                     /* base, checked */
struct unlike { uint64_t first; struct id_set rows; };    /* of a tensor: the byte of a piece, the rows */

static enum vs_code read_both(struct proof *p, const struct pair *f, const struct vs_same_bytes *s, size_t n)
{
    enum vs_code code = n ? vs_file_pread(&f->a, s->base_begin, p->left, n, p->k->err) : VS_OK;
    return code || !n ? code : vs_file_pread(&f->b, s->begin, p->right, n, p->k->err);
}

static size_t equal_bytes(const char *a, const char *b, size_t n)
{
    size_t i = 0;
    if (memcmp(a, b, n) == 0)
        return n;
    while (a[i] == b[i])
        i++;
    return i;
}

/* Bytes [from, from + n) of the piece are in the buffers. Returns where to go on: behind a row that differs, nothing is looked for in it. */
static uint64_t look(const struct proof *p, const struct piece *q, uint64_t from, size_t n, struct unlike *u)
{
    uint64_t at = from, end = from + n;
    while (at < end) {
        at += equal_bytes(p->left + (at - from), p->right + (at - from), (size_t)(end - at));
        if (at == end)
            break;
        u->first = u->rows.count ? u->first : at;
        vs_set_add(&u->rows, q->id + at / q->unit);
        at = (at / q->unit + 1) * q->unit;
    }
    return at;
}

/* What was seen to be equal is not read again. */
static enum vs_code compare(struct proof *p, const struct pair *f, const struct piece *q, struct unlike *u)
{
    const struct vs_same_bytes *s = &q->at;
    const uint64_t n = s->end - s->begin;
    enum vs_code code = VS_OK;
    if (vs_file_same_place(&f->a, s->base_begin, &f->b, s->begin))
        return vs_task_step(&p->task, n, p->k->err);
    for (uint64_t at = 0; !code && at < n;) {
        const struct vs_same_bytes rest = {s->file, s->begin + at, s->end, s->base_file, s->base_begin + at};
        const struct vs_same_bytes unknown = vs_watch_unknown(p->k->watch, &rest);
        const uint64_t from = unknown.begin - s->begin, left = unknown.end - unknown.begin, before = at;
        const size_t step = left < BUFFER ? (size_t)left : BUFFER;
        code = read_both(p, f, &unknown, step);
        if (!code) {
            at = look(p, q, from, step, u);
            code = vs_task_step(&p->task, at - before, p->k->err);
        }
    }
    return code;
}

/* ---- in the end ---- */

static void tensor_finding(struct proof *p, const struct demand *d, const char *found, const char *expected)
{
    struct checker *k = p->k;
    char name[200];
    vs_escape(name, sizeof name, d->x->name);
    vs_say(k, "file", "%s", d->y ? p->b->files[d->y->file].name : p->b->dir);
    vs_say(k, "at", "%s", name);
    vs_say(k, "found", "%s %s", name, found);
    vs_say(k, "expected", "%s", expected);
    vs_say_also(k, p->a->files[d->x->file].path, name);
    vs_found(k, "VOC415");
    p->good = false;
}

static void rows_finding(struct proof *p, const struct demand *d, const struct id_set *rows)
{
    struct checker *k = p->k;
    vs_say_table(k, p->b, d->after);
    vs_say_ids(k, rows);
    vs_say(k, "found", "rows unlike the base's");
    vs_say(k, "expected", "the rows of the base");
    vs_say_also_table(k, p->a, d->before);
    vs_found(k, "VOC413");
    p->good = false;
}

static void note_recast(struct proof *p, const struct demand *d)
{
    uint32_t i = 0;
    while (i < p->recast_count && (p->recast[i].x->dtype != d->x->dtype || p->recast[i].y->dtype != d->y->dtype))
        i++;
    if (i == RECASTS)
        i--;
    else if (i == p->recast_count)
        p->recast[p->recast_count++] = (struct recast){.x = d->x, .y = d->y};
    p->recast[i].count++;
    p->good = false;
}

static void say_recast_cure(struct checker *k)
{
    struct vs_buf b = {0};
    vs_buf_puts(&b, "`vocab-check ");
    vs_buf_word(&b, k->q->path);
    vs_buf_puts(&b, " --base ");
    vs_buf_word(&b, k->q->base);
    vs_buf_puts(&b, " --forward` runs both and compares what they compute (L4)");
    if (k->q->forward)
        vs_say(k, "cure", "see L4, which compares what both compute; where the dtype was not meant to change, start from the base again");
    else
        vs_say(k, "cure", "%s", b.p && !b.failed ? b.p : "");
    if (b.failed)
        vs_check_no_memory(k, "a finding");
    vs_buf_free(&b);
}

/* One finding for each pair of dtypes: whoever converts a model converts nearly all of it. */
static void recast_findings(struct proof *p)
{
    struct checker *k = p->k;
    for (uint32_t i = 0; i < p->recast_count; i++) {
        const struct recast *r = &p->recast[i];
        char name[200];
        vs_escape(name, sizeof name, r->x->name);
        vs_say(k, "n", "%llu", (unsigned long long)r->count);
        vs_say(k, "file", "%s", p->b->files[r->y->file].name);
        vs_say(k, "at", "%s", name);
        vs_say(k, "found", "%s", vs_dtype_name(r->y->dtype));
        vs_say(k, "expected", "%s", vs_dtype_name(r->x->dtype));
        say_recast_cure(k);
        vs_say_also(k, p->a->files[r->x->file].path, name);
        vs_found(k, "VOC128");
    }
}

static void unlike_finding(struct proof *p, const struct demand *d, const struct unlike *u)
{
    char what[96];
    snprintf(what, sizeof what, "differs from byte %llu on", (unsigned long long)u->first);
    if (d->kind == FROZEN_ROWS)
        rows_finding(p, d, &u->rows);
    else if (d->kind == KEPT_ROWS)
        tensor_finding(p, d, d->found, d->expected);
    else
        tensor_finding(p, d, what, "the bytes of the base");
}

static enum vs_code prove(struct proof *p, struct demand *d)
{
    struct pair f = {{.fd = -1}, {.fd = -1}};
    struct unlike u = {0};
    struct piece q;
    if (d->kind == UNMET)
        tensor_finding(p, d, d->found, d->expected);
    if (d->kind == RECAST)
        note_recast(p, d);
    if (d->kind == UNMET || d->kind == RECAST || d->kind == NO_DEMAND)
        return VS_OK;
    enum vs_code code = vs_file_open(p->a->files[d->x->file].path, &f.a, p->k->err);
    if (!code)
        code = vs_file_open(p->b->files[d->y->file].path, &f.b, p->k->err);
    while (!code && vs_next_piece(p->k, d, &q) && (d->kind == FROZEN_ROWS || !u.rows.count)) /* a table's rows are listed */
        code = compare(p, &f, &q, &u);
    if (!code)
        code = vs_file_unchanged(&f.a, p->k->err);
    if (!code)
        code = vs_file_unchanged(&f.b, p->k->err);
    if (!code && u.rows.count)
        unlike_finding(p, d, &u);
    vs_file_close(&f.a);
    vs_file_close(&f.b);
    return code;
}

static void one_more(struct proof *p, const struct vs_tensor *y)
{
    struct checker *k = p->k;
    char name[200];
    vs_escape(name, sizeof name, y->name);
    vs_say(k, "file", "%s", p->b->files[y->file].name);
    vs_say(k, "at", "%s", name);
    vs_say(k, "found", "%s", name);
    vs_say(k, "expected", "no such tensor, as in the base");
    vs_say_also(k, p->a->path, "");
    vs_found(k, "VOC415");
    p->good = false;
}

enum vs_code vs_prove_bytes(struct checker *k, bool *good)
{
    struct proof p = {.k = k, .a = k->impl->base->checkpoint, .b = k->c, .good = true};
    uint64_t total = 0;
    for (uint64_t i = 0; i < p.a->tensor_count; i++)
        total += p.a->tensors[i].end - p.a->tensors[i].begin;
    vs_task_begin(&p.task, k->run, "proof", total);
    p.left = vs_malloc(BUFFER);
    p.right = vs_malloc(BUFFER);
    enum vs_code code = p.left && p.right ? walk(&p, prove, one_more) : vs_enomem(k->err, "buffers", 2 * BUFFER);
    if (!code)
        recast_findings(&p);
    vs_free(p.left);
    vs_free(p.right);
    *good = p.good;
    return code;
}
