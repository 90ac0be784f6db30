/* SPDX-License-Identifier: Apache-2.0
 *
 * L1: every tensor that is no table has the bytes of the base's, every frozen row too, and the config computes the same
 * (forward.md 3.1). Then hidden states and old logits are equal for every prompt of old ids, without running the model.
 */
#include <stdio.h>
#include <string.h>
#include "base/run.h"
#include "check/checker.h"
#include "json/dom.h"

#define BUFFER (4u << 20)

struct proof {
    struct checker *k;
    const struct vs_checkpoint *a, *b;   /* base, checked */
    struct vs_task task;
    char *left, *right;
    bool good;
};

/* ---- bytes ---- */

static bool same_place(const struct vs_file *a, const struct vs_file *b, uint64_t at, uint64_t bt)
{
    return a->dev == b->dev && a->ino == b->ino && at == bt;
}

/* First byte that differs, or n. */
static enum vs_code compare(struct proof *p, const struct vs_file *a, uint64_t at, const struct vs_file *b, uint64_t bt, uint64_t n,
                            uint64_t *differs)
{
    enum vs_code code = VS_OK;
    *differs = n;
    if (same_place(a, b, at, bt))
        return vs_task_step(&p->task, n, p->k->err);
    for (uint64_t done = 0; !code && done < n && *differs == n; done += BUFFER) {
        size_t step = n - done < BUFFER ? (size_t)(n - done) : BUFFER;
        code = vs_file_pread(a, at + done, p->left, step, p->k->err);
        if (!code)
            code = vs_file_pread(b, bt + done, p->right, step, p->k->err);
        if (!code && memcmp(p->left, p->right, step) != 0) {
            size_t i = 0;
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
static void new_tensors(struct proof *p)
{
    struct checker *k = p->k;
    for (uint64_t i = 0; i < p->b->tensor_count; i++) {
        const struct vs_tensor *y = &p->b->tensors[i];
        bool copy = k->head && y == &p->b->tensors[k->head->tensor] && k->r->facts->tied_stored == 1;
        char name[200];
        if (copy || vs_checkpoint_tensor(p->a, y->name))
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

/* A table that no name tells, grown because somebody said how its rows follow the ids: the receipt has the ranges that were kept. */
static enum vs_code receipt_rows(struct proof *p, const struct vs_tensor *x, const struct vs_tensor *y, const struct vs_jval *table)
{
    const struct vs_jval *ranges = vs_jget(table, "ranges");
    uint64_t before = x->shape[0], after = y->shape[0], bytes = (x->end - x->begin) / before, differs = 0;
    struct vs_file a, b;
    struct vs_receipt_range r;
    enum vs_code code = open_both(p, x, y, &a, &b);
    for (const struct vs_jval *v = ranges ? ranges->child : NULL; v && !code; v = v->next) {
        if (!vs_receipt_range(p->k, v, &r) || !r.kept)
            continue;
        uint64_t n = r.end - r.begin;
        bool there = n <= after && r.begin <= after - n && n <= before && r.from <= before - n;
        if (there)
            code = compare(p, &a, x->begin + r.from * bytes, &b, y->begin + r.begin * bytes, n * bytes, &differs);
        if (!code && (!there || differs < n * bytes)) {
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
    enum vs_code code = open_both(p, x, y, &a, &b);
    if (!code)
        code = compare(p, &a, x->begin, &b, y->begin, x->end - x->begin, &differs);
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

static enum vs_code table_rows(struct proof *p, const struct vs_table *before)
{
    struct checker *k = p->k;
    const struct vs_tensor *x = &p->a->tensors[before->tensor];
    const struct vs_table *after = twin_of(p->b, x->name);
    struct vs_shift s = k->impl->shift;
    if (!after) {
        const struct vs_config *config = &p->b->config;
        bool tied = (config->tie == VS_TIE_UNKNOWN ? config->tie_default : config->tie) == VS_TIE_TRUE;
        if (before->role != VS_ROLE_HEAD || !tied) /* a tied model needs no copy of its head */
            tensor_finding(p, x, "is absent", "the table of the base, grown");
        return VS_OK;
    }
    const struct vs_tensor *y = &p->b->tensors[after->tensor];
    uint64_t end = frozen_end(k, before->rows), at = s.by && s.at < end ? s.at : end;
    if (y->dtype != x->dtype || after->cols != before->cols || after->rows < end + (at < end ? s.by : 0)) {
        tensor_finding(p, x, "has other columns, another dtype or fewer rows than in the base", "the table of the base, grown");
        return VS_OK;
    }
    struct rows r = {.p = p, .t = after, .file = {.fd = -1}, .row_bytes = vs_row_bytes(p->a, before)};
    enum vs_code code = vs_file_open(p->b->files[y->file].path, &r.file, k->err);
    if (!code)
        code = vs_scan_stored(p->a, before, 0, at, k->run, "proof", visit_rows, &r, k->err);
    r.shift = s.by;
    if (!code)
        code = vs_scan_stored(p->a, before, at, end, k->run, "proof", visit_rows, &r, k->err);
    if (!code && r.changed.count) {
        vs_say_table(k, p->b, after);
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

/* ---- config ---- */

/* Keys that growth may change, and those that no model computes with. */
static bool may_differ(struct vs_str key)
{
    static const char *const free_keys[] = {"*vocab_size*", "*vocab_offset*", "*_token_id*", "*_token_index", "*_token_ids", "transformers_version",
                                            "_name_or_path", "torch_dtype", "dtype"};
    for (size_t i = 0; i < sizeof free_keys / sizeof *free_keys; i++)
        if (vs_glob(vs_cstr(free_keys[i]), key))
            return true;
    return false;
}

static struct vs_str raw(const struct vs_jdoc *d, const struct vs_jval *v)
{
    return v ? (struct vs_str){d->text.p + v->span.begin, v->span.end - v->span.begin} : VS_LIT("absent");
}

struct walk { struct proof *p; const struct vs_jdoc *a, *b; struct vs_buf at; };

/* On one line: objects are laid out over several. */
static void say_raw(struct checker *k, const char *name, struct vs_str s)
{
    char line[160];
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < sizeof line; i++)
        if (s.p[i] != '\n' && s.p[i] != '\r' && (s.p[i] != ' ' || !n || line[n - 1] != ' '))
            line[n++] = s.p[i];
    vs_say_text(k, name, (struct vs_str){line, n});
}

static void config_differs(struct walk *w, const struct vs_jval *x, const struct vs_jval *y)
{
    struct checker *k = w->p->k;
    vs_say(k, "file", "config.json");
    vs_say(k, "at", "%s", w->at.p ? w->at.p : "");
    say_raw(k, "found", raw(w->b, y));
    say_raw(k, "expected", raw(w->a, x));
    vs_say_also(k, w->a->file, w->at.p ? w->at.p : "");
    vs_found(k, "VOC122");
    w->p->good = false;
}

static const struct vs_jval *member(const struct vs_jval *v, struct vs_str key)
{
    const struct vs_jval *m = v->child;
    while (m && !vs_str_eq(m->key, key))
        m = m->next;
    return m;
}

/* How a value is spelled and laid out does not matter, what it says does: 1.0 is not 1, for it loads as another type. */
static bool same_value(const struct walk *w, const struct vs_jval *x, const struct vs_jval *y)
{
    double a, b;
    int64_t n;
    if (x->type != y->type || x->count != y->count)
        return false;
    if (x->type == VS_JSON_STRING)
        return vs_str_eq(x->str, y->str);
    if (x->type == VS_JSON_NUMBER)
        return vs_str_eq(raw(w->a, x), raw(w->b, y)) || (!vs_ji64(w->a, x, &n) && !vs_ji64(w->b, y, &n) && vs_jf64(w->a, x, &a) &&
                                                        vs_jf64(w->b, y, &b) && a == b);
    const struct vs_jval *d = y->child;
    for (const struct vs_jval *c = x->child; c; c = c->next, d = d->next) {
        const struct vs_jval *other = x->type == VS_JSON_OBJECT ? member(y, c->key) : d;
        if (!other || !same_value(w, c, other))
            return false;
    }
    return true;
}

static void cut(struct walk *w, size_t n)
{
    w->at.n = n;
    if (w->at.p)
        w->at.p[n] = '\0';
}

/* Depth is bounded by the scanner. */
static void same_values(struct walk *w, const struct vs_jval *x, const struct vs_jval *y)
{
    size_t n = w->at.n;
    if (!x || !y || x->type != y->type || x->type != VS_JSON_OBJECT) {
        if (!x || !y || !same_value(w, x, y))
            config_differs(w, x, y);
        return;
    }
    for (const struct vs_jval *m = x->child; m; m = m->next) {
        if (may_differ(m->key))
            continue;
        vs_buf_pointer(&w->at, m->key);
        same_values(w, m, member(y, m->key));
        cut(w, n);
    }
    for (const struct vs_jval *m = y->child; m; m = m->next) {
        if (may_differ(m->key) || member(x, m->key))
            continue;
        vs_buf_pointer(&w->at, m->key);
        config_differs(w, NULL, m);
        cut(w, n);
    }
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

/* ---- all of it ---- */

enum vs_code vs_prove_bytes(struct checker *k, bool *run, bool *good)
{
    struct proof p = {.k = k, .a = k->impl->base ? k->impl->base->checkpoint : NULL, .b = k->c, .good = true};
    uint64_t total = 0;
    *run = p.a && p.b && p.a->file_count && p.b->file_count && !p.a->gguf == !p.b->gguf; /* names and bytes are a format's own */
    if (!*run)
        return VS_OK;
    if (k->impl->another_model) {
        *good = false;
        return VS_OK;
    }
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
    const struct vs_jdoc *x = vs_checkpoint_json(p.a, "config.json"), *y = vs_checkpoint_json(p.b, "config.json");
    if (!code && x && y) {
        struct walk w = {.p = &p, .a = x, .b = y};
        same_values(&w, x->root, y->root);
        if (w.at.failed)
            code = vs_enomem(k->err, "the comparison of configs", 0);
        vs_buf_free(&w.at);
    }
    if (!code && p.a->gguf && !vs_prove_keys(k, p.a->gguf))
        p.good = false;
    vs_free(p.left);
    vs_free(p.right);
    *good = p.good;
    return code;
}
