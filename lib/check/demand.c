/* SPDX-License-Identifier: Apache-2.0
 *
 * What L1 demands of the weights (forward.md 3.1). Nothing is read here.
 */
#include "check/demand.h"

static const struct vs_checkpoint *base_of(const struct checker *k)
{
    return k->impl->base->checkpoint;
}

/* Dimensions before `first` may differ. */
static bool same_shape(const struct vs_tensor *x, const struct vs_tensor *y, uint32_t first)
{
    if (x->ndim != y->ndim)
        return false;
    for (uint32_t i = first; i < x->ndim; i++)
        if (x->shape[i] != y->shape[i])
            return false;
    return true;
}

/* The table that a tensor of this checkpoint is, when its rows follow the vocabulary; or NULL. */
static const struct vs_table *follows_vocabulary(const struct vs_checkpoint *c, const struct vs_tensor *x)
{
    for (uint32_t i = 0; i < c->table_count; i++) {
        const struct vs_table *t = &c->tables[i];
        bool grows = !t->suspect && (t->role == VS_ROLE_INPUT || t->role == VS_ROLE_HEAD || t->role == VS_ROLE_BIAS || t->role == VS_ROLE_PLE);
        if (&c->tensors[t->tensor] == x && grows)
            return t;
    }
    return NULL;
}

static struct demand unmet(struct demand d, const char *found, const char *expected)
{
    d.kind = UNMET;
    d.found = found;
    d.expected = expected;
    return d;
}

/* ---- tensors that are no table, and tables that only the receipt knows ---- */

static bool grew(const struct vs_tensor *x, const struct vs_tensor *y)
{
    return y && x->ndim && same_shape(x, y, 1) && x->shape[0] && y->shape[0] > x->shape[0];
}

/* The first range from here on that the receipt says was kept, or NULL. */
static const struct vs_jval *kept_from(const struct checker *k, const struct vs_jval *v, struct vs_receipt_range *out)
{
    while (v && (!vs_receipt_range(k, v, out) || !out->kept))
        v = v->next;
    return v;
}

static bool are_there(const struct demand *d, const struct vs_receipt_range *r)
{
    uint64_t n = r->end - r->begin, before = d->x->shape[0], after = d->y->shape[0];
    return n <= after && r->begin <= after - n && n <= before && r->from <= before - n;
}

/* A table that no name tells, grown because somebody said how its rows follow the ids: the receipt has the ranges that were kept. */
static struct demand of_receipt(const struct checker *k, struct demand d, const struct vs_jval *table)
{
    const struct vs_jval *ranges = vs_jget(table, "ranges");
    struct vs_receipt_range r;
    d.kind = KEPT_ROWS;
    d.found = "has other rows than the base where the receipt says that they were kept";
    d.expected = "the rows of the base";
    d.row_bytes = (d.x->end - d.x->begin) / d.x->shape[0];
    d.range = kept_from(k, ranges ? ranges->child : NULL, &r);
    for (const struct vs_jval *v = d.range; v; v = kept_from(k, v->next, &r))
        if (!are_there(&d, &r))
            d.kind = UNMET;
    return d;
}

static struct demand of_trunk(const struct checker *k, struct demand d)
{
    const struct vs_jval *table = grew(d.x, d.y) ? vs_receipt_table(k, d.x->name) : NULL;
    if (!d.y || (!table && !same_shape(d.x, d.y, 0)))
        return unmet(d, d.y ? "has another shape than in the base" : "is absent", "the tensor of the base");
    if (table && d.x->dtype == d.y->dtype)
        return of_receipt(k, d, table);
    d.kind = d.x->dtype == d.y->dtype ? SAME_BYTES : RECAST;
    return d;
}

/* ---- tables that grow ---- */

static uint64_t frozen_end(const struct checker *k, uint64_t rows)
{
    const struct vs_tokenizer *t = k->impl->base->tokenizer;
    return k->impl->shift.by || !t || t->rows_needed > rows ? rows : t->rows_needed;
}

/* A tied model needs no copy of its head. */
static bool may_be_absent(const struct checker *k, const struct vs_table *before)
{
    const struct vs_config *config = &k->c->config;
    return before->role == VS_ROLE_HEAD && (config->tie == VS_TIE_UNKNOWN ? config->tie_default : config->tie) == VS_TIE_TRUE;
}

static const struct vs_table *twin_of(const struct vs_checkpoint *c, struct vs_str name)
{
    for (uint32_t i = 0; i < c->table_count; i++)
        if (vs_str_eq(c->tensors[c->tables[i].tensor].name, name))
            return &c->tables[i];
    return NULL;
}

static struct demand of_table(const struct checker *k, struct demand d, const struct vs_table *before)
{
    static const char expected[] = "the table of the base, grown";
    const struct vs_shift s = k->impl->shift;
    d.before = before;
    d.after = twin_of(k->c, d.x->name);
    d.row_bytes = vs_row_bytes(base_of(k), before);
    d.end = frozen_end(k, before->rows);
    d.at = s.by && s.at < d.end ? s.at : d.end;
    d.by = s.by;
    if (!d.after)
        return may_be_absent(k, before) ? d : unmet(d, "is absent", expected);
    if (d.after->cols != before->cols || d.after->rows < d.end + (d.at < d.end ? d.by : 0))
        return unmet(d, "has other columns or fewer rows than in the base", expected);
    d.kind = d.x->dtype == d.y->dtype ? FROZEN_ROWS : RECAST;
    return d;
}

struct demand vs_demand_of(const struct checker *k, const struct vs_tensor *x)
{
    const struct vs_table *table = follows_vocabulary(base_of(k), x);
    const struct demand d = {.x = x, .y = vs_checkpoint_tensor(k->c, x->name)};
    return table && vs_row_bytes(base_of(k), table) ? of_table(k, d, table) : of_trunk(k, d); /* rows that lie apart are no pieces */
}

/* ---- pieces ---- */

/* Rows [row, row + n) of the base, which are at `to` now. */
static struct vs_same_bytes rows_at(const struct demand *d, uint64_t row, uint64_t n, uint64_t to)
{
    uint64_t begin = d->y->begin + to * d->row_bytes;
    return (struct vs_same_bytes){d->y->file, begin, begin + n * d->row_bytes, d->x->file, d->x->begin + row * d->row_bytes};
}

static bool next_kept(const struct checker *k, struct demand *d, struct piece *out)
{
    struct vs_receipt_range r;
    d->range = kept_from(k, d->range, &r);
    if (!d->range)
        return false;
    d->range = d->range->next;
    *out = (struct piece){.at = rows_at(d, r.from, r.end - r.begin, r.begin), .unit = (r.end - r.begin) * d->row_bytes};
    return true;
}

/* A row of the base by its place there is frozen when no new token took its place. */
static bool is_frozen(const struct checker *k, uint64_t new_row)
{
    return !vs_bit(k->impl->fresh, new_row);
}

static uint64_t shift_of(const struct demand *d, uint64_t row)
{
    return row < d->at ? 0 : d->by;
}

static bool next_frozen(const struct checker *k, struct demand *d, struct piece *out)
{
    while (d->row < d->end && !is_frozen(k, d->row + shift_of(d, d->row)))
        d->row++;
    const uint64_t begin = d->row, stop = begin < d->at ? d->at : d->end, to = begin + shift_of(d, begin);
    while (d->row < stop && is_frozen(k, d->row + shift_of(d, d->row)))
        d->row++;
    *out = (struct piece){.at = rows_at(d, begin, d->row - begin, to), .unit = d->row_bytes, .id = to};
    return begin < d->end;
}

bool vs_next_piece(const struct checker *k, struct demand *d, struct piece *out)
{
    const struct vs_tensor *x = d->x, *y = d->y;
    if (d->kind == KEPT_ROWS)
        return next_kept(k, d, out);
    if (d->kind == FROZEN_ROWS)
        return next_frozen(k, d, out);
    if (d->kind != SAME_BYTES || d->taken)
        return false;
    d->taken = true;
    *out = (struct piece){.at = {y->file, y->begin, y->end, x->file, x->begin}, .unit = y->end - y->begin};
    return true;
}

/* ---- another model ---- */

bool vs_is_unlike(const struct checker *k)
{
    const struct vs_checkpoint *a = k->impl->base ? base_of(k) : NULL, *b = k->c;
    return k->impl->another_model || (a && b && a->file_count && b->file_count && !a->gguf != !b->gguf); /* names and bytes are a format's own */
}

bool vs_can_prove(const struct checker *k)
{
    const struct vs_checkpoint *a = k->impl->base ? base_of(k) : NULL, *b = k->c;
    return a && b && a->file_count && b->file_count && !vs_is_unlike(k);
}

/* Most tensors of the trunk are not here, or have another shape: nothing is gained by a list of them. */
bool vs_is_another_model(struct checker *k)
{
    const struct vs_checkpoint *a = base_of(k), *b = k->c;
    uint64_t trunk = 0, unlike = 0;
    if (!vs_can_prove(k))
        return false;
    for (uint64_t i = 0; i < a->tensor_count; i++) {
        const struct vs_tensor *x = &a->tensors[i], *y = vs_checkpoint_tensor(b, x->name);
        if (follows_vocabulary(a, x))
            continue;
        trunk++;
        unlike += !y || !same_shape(x, y, 0);
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
