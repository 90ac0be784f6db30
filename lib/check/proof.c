/* SPDX-License-Identifier: Apache-2.0
 *
 * L1: every tensor that is no table has the bytes of the base's, every frozen row too, and the config computes the same
 * (forward.md 3.1). Then hidden states and old logits are equal for every prompt of old ids, without running the model.
 */
#include <stdio.h>
#include <string.h>
#include "base/run.h"
#include "check/checker.h"

#define BUFFER (4u << 20)

struct proof {
    struct checker *k;
    const struct vs_checkpoint *a, *b;   /* base, checked */
    struct vs_task task;
    char *left, *right;
    bool good;
};

/* ---- bytes ---- */

/* First byte that differs, or n. What was seen to be equal is not read again. */
static enum vs_code compare(struct proof *p, const struct vs_file *a, const struct vs_file *b, const struct vs_stretch *s, uint64_t *differs)
{
    enum vs_code code = VS_OK;
    uint64_t n = s->end - s->begin;
    *differs = n;
    if (vs_file_same_place(a, s->base_begin, b, s->begin))
        return vs_task_step(&p->task, n, p->k->err);
    for (uint64_t done = 0; !code && done < n && *differs == n; done += BUFFER) {
        size_t step = n - done < BUFFER ? (size_t)(n - done) : BUFFER, i = 0;
        struct vs_stretch part = {s->file, s->begin + done, s->begin + done + step, s->base_file, s->base_begin + done};
        bool known = vs_watch_knows(p->k->watch, &part);
        if (!known)
            code = vs_file_pread(a, part.base_begin, p->left, step, p->k->err);
        if (!code && !known)
            code = vs_file_pread(b, part.begin, p->right, step, p->k->err);
        if (!code && !known && memcmp(p->left, p->right, step) != 0) {
            while (p->left[i] == p->right[i])
                i++;
            *differs = done + i;
        }
        if (!code)
            code = vs_task_step(&p->task, step, p->k->err);
    }
    return code;
}

static enum vs_code open_both(struct proof *p, const struct vs_tensor *x, const struct vs_tensor *y, struct vs_file *a, struct vs_file *b)
{
    a->fd = b->fd = -1;
    enum vs_code code = vs_file_open(p->a->files[x->file].path, a, p->k->err);
    if (!code)
        code = vs_file_open(p->b->files[y->file].path, b, p->k->err);
    return code;
}

/* ---- the trunk ---- */

static void tensor_finding(struct proof *p, const struct vs_tensor *x, const char *what, const char *expected)
{
    struct checker *k = p->k;
    char name[200];
    vs_escape(name, sizeof name, x->name);
    const struct vs_tensor *y = vs_checkpoint_tensor(p->b, x->name);
    vs_say(k, "file", "%s", y ? p->b->files[y->file].name : p->b->dir);
    vs_say(k, "at", "%s", name);
    vs_say(k, "found", "%s %s", name, what);
    vs_say(k, "expected", "%s", expected);
    vs_say_also(k, p->a->files[x->file].path, name);
    vs_found(k, "VOC415");
    p->good = false;
}

/* A tensor more computes something more; only a stored copy of a tied input is nothing new. */
static bool is_more(const struct proof *p, const struct vs_tensor *y)
{
    const struct checker *k = p->k;
    bool copy = k->head && y == &p->b->tensors[k->head->tensor] && k->r->facts->tied_stored == 1;
    return !copy && !vs_checkpoint_tensor(p->a, y->name);
}

static void new_tensors(struct proof *p)
{
    struct checker *k = p->k;
    for (uint64_t i = 0; i < p->b->tensor_count; i++) {
        const struct vs_tensor *y = &p->b->tensors[i];
        char name[200];
        if (!is_more(p, y))
            continue;
        vs_escape(name, sizeof name, y->name);
        vs_say(k, "file", "%s", p->b->files[y->file].name);
        vs_say(k, "at", "%s", name);
        vs_say(k, "found", "%s", name);
        vs_say(k, "expected", "no such tensor, as in the base");
        vs_say_also(k, p->a->path, "");
        vs_found(k, "VOC415");
        p->good = false;
    }
}

static bool same_shape(const struct vs_tensor *x, const struct vs_tensor *y)
{
    if (x->dtype != y->dtype || x->ndim != y->ndim)
        return false;
    for (uint32_t i = 0; i < x->ndim; i++)
        if (x->shape[i] != y->shape[i])
            return false;
    return true;
}

/* Rows that the receipt says were kept. */
static struct vs_stretch kept_rows(const struct vs_tensor *x, const struct vs_tensor *y, const struct vs_receipt_range *r)
{
    uint64_t bytes = (x->end - x->begin) / x->shape[0];
    return (struct vs_stretch){y->file, y->begin + r->begin * bytes, y->begin + r->end * bytes, x->file, x->begin + r->from * bytes};
}

static bool are_there(const struct vs_tensor *x, const struct vs_tensor *y, const struct vs_receipt_range *r)
{
    uint64_t n = r->end - r->begin, before = x->shape[0], after = y->shape[0];
    return n <= after && r->begin <= after - n && n <= before && r->from <= before - n;
}

/* A table that no name tells, grown because somebody said how its rows follow the ids: the receipt has the ranges that were kept. */
static enum vs_code receipt_rows(struct proof *p, const struct vs_tensor *x, const struct vs_tensor *y, const struct vs_jval *table)
{
    const struct vs_jval *ranges = vs_jget(table, "ranges");
    struct vs_file a, b;
    struct vs_receipt_range r;
    enum vs_code code = open_both(p, x, y, &a, &b);
    for (const struct vs_jval *v = ranges ? ranges->child : NULL; v && !code; v = v->next) {
        if (!vs_receipt_range(p->k, v, &r) || !r.kept)
            continue;
        struct vs_stretch s = kept_rows(x, y, &r);
        uint64_t differs = 0;
        bool there = are_there(x, y, &r);
        if (there)
            code = compare(p, &a, &b, &s, &differs);
        if (!code && (!there || differs < s.end - s.begin)) {
            tensor_finding(p, x, "has other rows than the base where the receipt says that they were kept", "the rows of the base");
            break;
        }
    }
    vs_file_close(&a);
    vs_file_close(&b);
    return code;
}

static bool grew_by_receipt(const struct vs_tensor *x, const struct vs_tensor *y)
{
    if (!y || x->dtype != y->dtype || x->ndim != y->ndim || !x->ndim || !x->shape[0] || y->shape[0] <= x->shape[0])
        return false;
    for (uint32_t i = 1; i < x->ndim; i++)
        if (x->shape[i] != y->shape[i])
            return false;
    return true;
}

static struct vs_stretch whole(const struct vs_tensor *x, const struct vs_tensor *y)
{
    return (struct vs_stretch){y->file, y->begin, y->end, x->file, x->begin};
}

static enum vs_code trunk_tensor(struct proof *p, const struct vs_tensor *x)
{
    const struct vs_tensor *y = vs_checkpoint_tensor(p->b, x->name);
    struct vs_file a, b;
    uint64_t differs;
    char what[96];
    const struct vs_jval *table = vs_receipt_table(p->k, x->name);
    if (table && grew_by_receipt(x, y))
        return receipt_rows(p, x, y, table);
    if (!y || !same_shape(x, y)) {
        tensor_finding(p, x, y ? "has another shape or dtype than in the base" : "is absent", "the tensor of the base");
        return VS_OK;
    }
    struct vs_stretch s = whole(x, y);
    enum vs_code code = open_both(p, x, y, &a, &b);
    if (!code)
        code = compare(p, &a, &b, &s, &differs);
    if (!code && differs < x->end - x->begin) {
        snprintf(what, sizeof what, "differs from byte %llu on", (unsigned long long)differs);
        tensor_finding(p, x, what, "the bytes of the base");
    }
    vs_file_close(&a);
    vs_file_close(&b);
    return code;
}

static bool follows_vocabulary(const struct vs_checkpoint *c, const struct vs_tensor *x, const struct vs_table **table)
{
    for (uint32_t i = 0; i < c->table_count; i++) {
        const struct vs_table *t = &c->tables[i];
        bool grows = !t->suspect && (t->role == VS_ROLE_INPUT || t->role == VS_ROLE_HEAD || t->role == VS_ROLE_BIAS || t->role == VS_ROLE_PLE);
        if (&c->tensors[t->tensor] == x && grows) {
            *table = t;
            return true;
        }
    }
    return false;
}

/* ---- frozen rows ---- */

static const struct vs_table *twin_of(const struct vs_checkpoint *c, struct vs_str name)
{
    for (uint32_t i = 0; i < c->table_count; i++)
        if (vs_str_eq(c->tensors[c->tables[i].tensor].name, name))
            return &c->tables[i];
    return NULL;
}

struct rows { struct proof *p; const struct vs_table *t; struct vs_file file; uint64_t shift, row_bytes; char *buffer; uint64_t room; struct id_set changed; };

/* A row of the base by its place there is frozen when no new token took its place. */
static bool is_frozen(const struct checker *k, uint64_t new_row)
{
    return !vs_bit(k->impl->fresh, new_row);
}

static enum vs_code visit_rows(void *user, const struct vs_rows *w, struct vs_err *err)
{
    struct rows *r = user;
    const struct vs_tensor *y = &r->p->b->tensors[r->t->tensor];
    uint64_t n = w->count * r->row_bytes;
    if (n > r->room) {
        char *buffer = vs_realloc_array(r->buffer, n, 1);
        if (!buffer)
            return vs_enomem(err, "a window of rows", n);
        r->buffer = buffer;
        r->room = n;
    }
    enum vs_code code = vs_file_pread(&r->file, y->begin + (w->first + r->shift) * r->row_bytes, r->buffer, n, err);
    const char *old = w->data;
    for (uint64_t i = 0; !code && i < w->count; i++)
        if (is_frozen(r->p->k, w->first + i + r->shift) && memcmp(old + i * r->row_bytes, r->buffer + i * r->row_bytes, r->row_bytes) != 0)
            vs_set_add(&r->changed, w->first + i + r->shift);
    return code;
}

static uint64_t frozen_end(const struct checker *k, uint64_t rows)
{
    const struct vs_tokenizer *t = k->impl->base->tokenizer;
    return k->impl->shift.by || !t || t->rows_needed > rows ? rows : t->rows_needed;
}

/* The table of the base that is in question: rows [0, at) are at the same place now, [at, end) behind what was inserted. */
struct grown { const struct vs_table *before, *after; const struct vs_tensor *x, *y; uint64_t at, end, by; };

static struct grown grown_of(const struct proof *p, const struct vs_table *before)
{
    const struct vs_tensor *x = &p->a->tensors[before->tensor];
    const struct vs_table *after = twin_of(p->b, x->name);
    const struct vs_shift s = p->k->impl->shift;
    uint64_t end = frozen_end(p->k, before->rows);
    return (struct grown){before, after, x, after ? &p->b->tensors[after->tensor] : NULL, s.by && s.at < end ? s.at : end, end, s.by};
}

static bool fits(const struct grown *g)
{
    return g->y->dtype == g->x->dtype && g->after->cols == g->before->cols && g->after->rows >= g->end + (g->at < g->end ? g->by : 0);
}

/* A tied model needs no copy of its head. */
static bool may_be_absent(const struct proof *p, const struct vs_table *before)
{
    const struct vs_config *config = &p->b->config;
    return before->role == VS_ROLE_HEAD && (config->tie == VS_TIE_UNKNOWN ? config->tie_default : config->tie) == VS_TIE_TRUE;
}

/* Rows [row, row + n) of the base; row and the last one on the same side of what was inserted. */
static struct vs_stretch rows_at(const struct grown *g, uint64_t row, uint64_t n, uint64_t row_bytes)
{
    uint64_t begin = g->y->begin + (row + (row < g->at ? 0 : g->by)) * row_bytes;
    return (struct vs_stretch){g->y->file, begin, begin + n * row_bytes, g->x->file, g->x->begin + row * row_bytes};
}

static bool is_known(const struct rows *r, const struct grown *g, uint64_t row)
{
    struct vs_stretch s = rows_at(g, row, 1, r->row_bytes);
    return vs_watch_knows(r->p->k->watch, &s);
}

/* Rows [begin, end), those that must be equal and that nobody has seen to be. */
static enum vs_code scan_unknown(struct rows *r, const struct grown *g, uint64_t begin, uint64_t end)
{
    struct checker *k = r->p->k;
    enum vs_code code = VS_OK;
    for (uint64_t row = begin, next; !code && row < end; row = next) {
        next = row + 1;
        if (is_known(r, g, row) || !is_frozen(k, row + r->shift))
            continue;
        while (next < end && !is_known(r, g, next))
            next++;
        code = vs_scan_stored(r->p->a, g->before, row, next, k->run, "proof", visit_rows, r, k->err);
    }
    return code;
}

static enum vs_code table_rows(struct proof *p, const struct vs_table *before)
{
    struct checker *k = p->k;
    const struct grown g = grown_of(p, before);
    if (!g.after) {
        if (!may_be_absent(p, before))
            tensor_finding(p, g.x, "is absent", "the table of the base, grown");
        return VS_OK;
    }
    if (!fits(&g)) {
        tensor_finding(p, g.x, "has other columns, another dtype or fewer rows than in the base", "the table of the base, grown");
        return VS_OK;
    }
    struct rows r = {.p = p, .t = g.after, .file = {.fd = -1}, .row_bytes = vs_row_bytes(p->a, before)};
    enum vs_code code = vs_file_open(p->b->files[g.y->file].path, &r.file, k->err);
    if (!code)
        code = scan_unknown(&r, &g, 0, g.at);
    r.shift = g.by;
    if (!code)
        code = scan_unknown(&r, &g, g.at, g.end);
    if (!code && r.changed.count) {
        vs_say_table(k, p->b, g.after);
        vs_say_ids(k, &r.changed);
        vs_say(k, "found", "rows unlike the base's");
        vs_say(k, "expected", "the rows of the base");
        vs_say_also_table(k, p->a, before);
        vs_found(k, "VOC413");
        p->good = false;
    }
    vs_file_close(&r.file);
    vs_free(r.buffer);
    return code;
}

/* ---- another model ---- */

/* Most tensors of the trunk are not here, or have another shape: nothing is gained by a list of them. */
bool vs_is_another_model(struct checker *k)
{
    const struct vs_checkpoint *a = k->impl->base->checkpoint, *b = k->c;
    const struct vs_table *table;
    uint64_t trunk = 0, unlike = 0;
    if (!a || !b || !a->file_count || !b->file_count || !a->gguf != !b->gguf)
        return false;
    for (uint64_t i = 0; i < a->tensor_count; i++) {
        const struct vs_tensor *x = &a->tensors[i], *y = vs_checkpoint_tensor(b, x->name);
        if (follows_vocabulary(a, x, &table))
            continue;
        trunk++;
        unlike += !y || !same_shape(x, y);
    }
    bool other_type = !vs_str_eq(a->config.model_type, b->config.model_type);
    if (2 * unlike <= trunk || (trunk < 4 && !other_type))
        return false;
    vs_say(k, "file", "%s", b->has_config ? "config.json" : b->files[0].name);
    vs_say(k, "unlike", "%llu", (unsigned long long)unlike);
    vs_say(k, "most", "%llu", (unsigned long long)trunk);
    vs_say_text(k, "found", b->config.model_type.n ? b->config.model_type : VS_LIT("model of unknown type"));
    vs_say_text(k, "expected", a->config.model_type.n ? a->config.model_type : VS_LIT("model of unknown type"));
    vs_say_also(k, a->path, "");
    vs_found(k, "VOC126");
    return true;
}

/* ---- what will be compared ---- */

/* *unlike: no bytes can make this good. */
static enum vs_code expect_trunk(const struct proof *p, const struct vs_tensor *x, bool *unlike)
{
    struct checker *k = p->k;
    const struct vs_tensor *y = vs_checkpoint_tensor(p->b, x->name);
    const struct vs_jval *table = vs_receipt_table(k, x->name), *ranges = table ? vs_jget(table, "ranges") : NULL;
    bool kept = table && grew_by_receipt(x, y);
    struct vs_receipt_range r;
    enum vs_code code = VS_OK;
    if (!kept && (!y || !same_shape(x, y))) {
        *unlike = true;
        return VS_OK;
    }
    struct vs_stretch s = whole(x, y);
    if (!kept)
        return vs_watch_same(k->watch, &s, k->err);
    for (const struct vs_jval *v = ranges ? ranges->child : NULL; v && !code; v = v->next) {
        if (!vs_receipt_range(k, v, &r) || !r.kept)
            continue;
        s = kept_rows(x, y, &r);
        if (are_there(x, y, &r))
            code = vs_watch_same(k->watch, &s, k->err);
        else
            *unlike = true;
    }
    return code;
}

static enum vs_code expect_rows(const struct proof *p, const struct vs_table *before, bool *unlike)
{
    struct checker *k = p->k;
    const struct grown g = grown_of(p, before);
    const uint64_t row_bytes = vs_row_bytes(p->a, before);
    enum vs_code code = VS_OK;
    if (!g.after || !fits(&g)) {
        *unlike = *unlike || g.after || !may_be_absent(p, before);
        return VS_OK;
    }
    for (uint64_t row = 0, next; !code && row_bytes && row < g.end; row = next) {
        uint64_t shift = row < g.at ? 0 : g.by, stop = row < g.at ? g.at : g.end;
        next = row + 1;
        if (!is_frozen(k, row + shift))
            continue;
        while (next < stop && is_frozen(k, next + shift))
            next++;
        struct vs_stretch s = rows_at(&g, row, next - row, row_bytes);
        code = vs_watch_same(k->watch, &s, k->err);
    }
    return code;
}

bool vs_can_prove(const struct checker *k)
{
    const struct vs_checkpoint *a = k->impl->base ? k->impl->base->checkpoint : NULL, *b = k->c;
    return a && b && a->file_count && b->file_count && !a->gguf == !b->gguf && /* names and bytes are a format's own */
           !k->impl->another_model;
}

/* Whether a stored head is a copy is not known before the rows are read. */
static bool is_head(const struct proof *p, const struct vs_tensor *y)
{
    return p->k->head && y == &p->b->tensors[p->k->head->tensor];
}

enum vs_code vs_expect_bytes(struct checker *k, bool *unlike)
{
    const struct proof p = {.k = k, .a = k->impl->base->checkpoint, .b = k->c};
    enum vs_code code = VS_OK;
    *unlike = false;
    for (uint64_t i = 0; !code && i < p.a->tensor_count; i++) {
        const struct vs_table *table;
        const struct vs_tensor *x = &p.a->tensors[i];
        code = follows_vocabulary(p.a, x, &table) ? expect_rows(&p, table, unlike) : expect_trunk(&p, x, unlike);
    }
    for (uint64_t i = 0; i < p.b->tensor_count; i++)
        *unlike = *unlike || (is_more(&p, &p.b->tensors[i]) && !is_head(&p, &p.b->tensors[i]));
    return code;
}

/* ---- all of it ---- */

enum vs_code vs_prove_bytes(struct checker *k, bool *good)
{
    struct proof p = {.k = k, .a = k->impl->base->checkpoint, .b = k->c, .good = true};
    uint64_t total = 0;
    for (uint64_t i = 0; i < p.a->tensor_count; i++)
        total += p.a->tensors[i].end - p.a->tensors[i].begin;
    vs_task_begin(&p.task, k->run, "proof", total);
    p.left = vs_malloc(BUFFER);
    p.right = vs_malloc(BUFFER);
    enum vs_code code = p.left && p.right ? VS_OK : vs_enomem(k->err, "buffers", 2 * BUFFER);
    for (uint64_t i = 0; !code && i < p.a->tensor_count; i++) {
        const struct vs_table *table;
        const struct vs_tensor *x = &p.a->tensors[i];
        code = follows_vocabulary(p.a, x, &table) ? table_rows(&p, table) : trunk_tensor(&p, x);
    }
    if (!code)
        new_tensors(&p);
    vs_free(p.left);
    vs_free(p.right);
    *good = p.good;
    return code;
}
