/* SPDX-License-Identifier: Apache-2.0
 *
 * What no role has taken: tensors of layers beyond those that are counted, or of a model that computes something else.
 */
#include <stdio.h>
#include "forward/arch.h"

struct leftover {
    const struct vs_describe *d;
    const struct vs_arch *a;
    const bool *used;
    struct vs_str before;                   /* names of layers up to the number */
    const struct vs_tensor *first, *beyond; /* of all; of a layer beyond the count, the highest, and of a known kind */
    uint64_t last;                          /* the number of that layer */
    bool strange;                           /* a layer beyond the count has a kind of its own: it is there on purpose */
};

static bool is_outside(const struct vs_describe *d, struct vs_str name)
{
    for (uint32_t i = 0; i < d->depth; i++) {
        const struct vs_jval *list = vs_jget(d->docs[i].root, "outside");
        for (const struct vs_jval *v = list ? list->child : NULL; v; v = v->next)
            if (vs_glob(v->str, name))
                return true;
    }
    return false;
}

static bool other_modality(const struct vs_checkpoint *c, uint64_t tensor)
{
    for (uint32_t i = 0; i < c->table_count; i++)
        if (c->tables[i].tensor == tensor)
            return c->tables[i].role == VS_ROLE_VISION || c->tables[i].role == VS_ROLE_AUDIO;
    return false;
}

/* ---- layers ---- */

static size_t digits(struct vs_str name, size_t at)
{
    size_t n = at;
    while (n < name.n && name.p[n] >= '0' && name.p[n] <= '9')
        n++;
    return n - at;
}

static struct vs_str before_number(struct vs_str name)
{
    size_t n = 0;
    while (n < name.n && !digits(name, n))
        n++;
    return (struct vs_str){name.p, n};
}

/* "blk.12.attn_q.weight": 12, and where the rest begins. */
static bool layer_of(const struct leftover *x, struct vs_str name, uint64_t *layer, size_t *rest)
{
    const size_t from = x->before.n, n = from < name.n && memcmp(name.p, x->before.p, from) == 0 ? digits(name, from) : 0;
    if (!from || !n || n > 9 || from + n == name.n || name.p[from + n] != '.')
        return false;
    *layer = 0;
    for (size_t i = from; i < from + n; i++)
        *layer = *layer * 10 + (uint64_t)(name.p[i] - '0');
    *rest = from + n;
    return true;
}

/* Layers may be of two kinds: the first and the last one show both. */
static bool is_known_kind(const struct leftover *x, struct vs_str name, size_t rest)
{
    const uint32_t layers[] = {0, x->a->layers - 1};
    char same[512];
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        const int n = snprintf(same, sizeof same, "%.*s%u%.*s", VS_STR(x->before), layers[i], (int)(name.n - rest), name.p + rest);
        const struct vs_tensor *t = n > 0 && (size_t)n < sizeof same ? vs_checkpoint_tensor(x->d->c, vs_cstr(same)) : NULL;
        if (t && x->used[t - x->d->c->tensors])
            return true;
    }
    return false;
}

static void look_at(struct leftover *x, const struct vs_tensor *t)
{
    uint64_t layer;
    size_t rest;
    x->first = x->first ? x->first : t;
    if (!layer_of(x, t->name, &layer, &rest) || layer < x->a->layers)
        return;
    if (!is_known_kind(x, t->name, rest))
        x->strange = true;
    else if (!x->beyond || layer > x->last) {
        x->beyond = t;
        x->last = layer;
    }
}

/* ---- all of them ---- */

static void say(const struct leftover *x, struct vs_obstacle *o)
{
    const bool counted_short = x->beyond && !x->strange;
    const struct vs_tensor *t = counted_short ? x->beyond : x->first;
    char name[200], expected[256];
    vs_escape(name, sizeof name, t->name);
    if (counted_short) {
        snprintf(expected, sizeof expected, "%llu, there is %s too", (unsigned long long)x->last + 1, name);
        vs_obstacle_value(o, x->d, "layers", expected);
        o->kind = VS_MORE_LAYERS;
        return;
    }
    vs_obstacle_set(o, VS_UNREAD, x->d->c->files[t->file].name, name);
    vs_obstacle_found(o, "not known to %s", x->a->id);
}

void vs_find_unread(const struct vs_describe *d, const struct vs_arch *a, const struct vs_binding *b, const bool *used, struct vs_obstacle *o)
{
    struct leftover x = {.d = d, .a = a, .used = used};
    if (o->kind)
        return;
    x.before = before_number(b->layer[VS_W_Q].weight.tensor->name);
    for (uint64_t i = 0; i < d->c->tensor_count; i++)
        if (!used[i] && !is_outside(d, d->c->tensors[i].name) && !other_modality(d->c, i))
            look_at(&x, &d->c->tensors[i]);
    if (x.first)
        say(&x, o);
}
