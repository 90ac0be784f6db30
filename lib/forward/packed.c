/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights that the config calls quantised, by a method that the description does not know: what seemed absent or of a wrong dtype is
 * there, in another form.
 */
#include <string.h>
#include "forward/arch.h"

/* "" where the config names no method. */
static bool method_of(const struct vs_describe *d, struct vs_str *method)
{
    *method = VS_LIT("");
    for (size_t i = 0; i < sizeof d->roots / sizeof *d->roots; i++) {
        const struct vs_jval *q = d->roots[i] ? vs_jget(d->roots[i], "quantization_config") : NULL;
        if (q && q->type == VS_JSON_OBJECT) {
            (void)vs_jstr(vs_jget(q, "quant_method"), method);
            return true;
        }
    }
    return false;
}

static bool is_known(const struct vs_describe *d, struct vs_str method)
{
    for (uint32_t i = 0; i < d->depth; i++) {
        const struct vs_jval *list = vs_jget(d->docs[i].root, "quantised");
        for (const struct vs_jval *v = list ? list->child : NULL; v; v = v->next)
            if (vs_str_eq(v->str, method))
                return true;
    }
    return false;
}

static struct vs_str without_last(struct vs_str name)
{
    while (name.n && name.p[name.n - 1] != '.')
        name.n--;
    return (struct vs_str){name.p, name.n ? name.n - 1 : 0};
}

/* "q_proj.weight" is absent, "q_proj.qweight" is not. A bias says nothing. */
static bool has_other_form(const struct vs_checkpoint *c, struct vs_str name)
{
    const struct vs_str stem = without_last(name);
    for (uint64_t i = 0; stem.n && i < c->tensor_count; i++) {
        const struct vs_str t = c->tensors[i].name;
        if (vs_str_eq(without_last(t), stem) && !vs_str_ends(t, VS_LIT(".bias")) && !vs_str_eq(t, name))
            return true;
    }
    return false;
}

/* A scale of a weight stands beside it, or under its name. */
static bool belongs_to_weight(const struct vs_checkpoint *c, struct vs_str name)
{
    const struct vs_str stem = without_last(name);
    return vs_checkpoint_tensor(c, stem) || has_other_form(c, name);
}

static bool is_packed(const struct vs_checkpoint *c, const struct vs_obstacle *o)
{
    const struct vs_tensor *t = vs_checkpoint_tensor(c, vs_cstr(o->at));
    if (o->kind == VS_MISSING)
        return has_other_form(c, vs_cstr(o->at));
    if (o->kind == VS_UNREAD)
        return t && belongs_to_weight(c, t->name);
    return (o->kind == VS_BAD_DTYPE || o->kind == VS_BAD_SHAPE) && t && !vs_dtype_is_float(t->dtype);
}

void vs_find_packed(const struct vs_describe *d, struct vs_obstacle *o)
{
    struct vs_str method;
    char text[200];
    if (!o->kind || d->gguf || !method_of(d, &method) || is_known(d, method) || !is_packed(d->c, o))
        return;
    vs_obstacle_set(o, VS_QUANTISED, "config.json", "quantization_config");
    if (method.n)
        vs_obstacle_found(o, "quant_method %s", vs_escape(text, sizeof text, method));
    else
        vs_obstacle_found(o, "no quant_method");
}
