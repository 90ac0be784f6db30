/* SPDX-License-Identifier: Apache-2.0
 *
 * How the description and the checkpoint spell the names of tensors.
 */
#include <stdio.h>
#include "forward/bind.h"

static struct vs_side read_side(const struct vs_jdoc *doc, const struct vs_jval *v)
{
    static const char *const usual[3] = {".weight", ".bias", ""};
    struct vs_side s = {.part = VS_PART_WHOLE};
    for (int i = 0; i < 3; i++)
        s.suffix[i] = vs_cstr(usual[i]);
    if (v->type == VS_JSON_STRING) {
        s.name = v->str;
        return s;
    }
    (void)vs_jstr(vs_jget(v, "name"), &s.name);
    (void)vs_jbool(vs_jget(v, "transposed"), &s.transposed);
    const struct vs_jval *suffix = vs_jget(v, "suffixes"), *part = vs_jget(v, "part");
    int n = 0;
    for (const struct vs_jval *x = suffix ? suffix->child : NULL; x && n < 3; x = x->next)
        s.suffix[n++] = x->str;
    if (part && part->count == 2) {
        int64_t nth = 0;
        (void)vs_ji64(doc, part->child->next, &nth);
        s.nth = (uint32_t)nth;
        s.part = vs_str_is(part->child->str, "stack") ? VS_PART_STACK :
                 vs_str_is(part->child->str, "head") ? VS_PART_BY_HEAD : VS_PART_INTERLEAVE;
    }
    return s;
}

const char *vs_name_spell(const struct vs_names *n, const struct vs_side *s, int suffix, uint32_t l, uint32_t e, char out[512])
{
    size_t at = 0, from = 0;
    if (s->name.n && s->name.p[0] == '/')
        from = 1;
    else if (!n->d->gguf)
        at = (size_t)snprintf(out, 512, "%s", n->prefix);
    for (size_t i = from; i < s->name.n && at < 400; i++) {
        bool place = s->name.p[i] == '{' && i + 2 < s->name.n && s->name.p[i + 2] == '}';
        if (!place) {
            out[at++] = s->name.p[i];
            continue;
        }
        at += (size_t)snprintf(out + at, 512 - at, "%u", s->name.p[i + 1] == 'l' ? l : e);
        i += 2;
    }
    snprintf(out + at, 512 - at, "%.*s", VS_STR(s->suffix[suffix]));
    return out;
}

const struct vs_tensor *vs_name_look(const struct vs_names *n, const struct vs_side *s, int suffix, uint32_t l, uint32_t e)
{
    char name[512];
    return vs_checkpoint_tensor(n->d->c, vs_cstr(vs_name_spell(n, s, suffix, l, e, name)));
}

bool vs_name_choose(const struct vs_names *n, struct vs_setting role, uint32_t l, uint32_t e, struct vs_side *out,
                    const struct vs_tensor **weight)
{
    const struct vs_jval *v = vs_jget(role.v, n->d->gguf ? "gguf" : "hf");
    const struct vs_jval *first = v && v->type == VS_JSON_ARRAY ? v->child : v;
    *weight = NULL;
    if (!first)
        return false;
    *out = read_side(role.doc, first);
    for (const struct vs_jval *x = first; x; x = v->type == VS_JSON_ARRAY ? x->next : NULL) {
        struct vs_side s = read_side(role.doc, x);
        *weight = vs_name_look(n, &s, 0, l, e);
        if (*weight) {
            *out = s;
            return true;
        }
    }
    return true;
}

void vs_names_begin(struct vs_names *n, const struct vs_describe *d)
{
    *n = (struct vs_names){.d = d};
    const struct vs_setting role = vs_describe_tensor(n->d, "q");
    const struct vs_jval *list = NULL;
    for (uint32_t i = 0; i < n->d->depth && !list; i++)
        list = vs_jget(n->d->docs[i].root, "prefixes");
    for (const struct vs_jval *v = list && !n->d->gguf ? list->child : NULL; v && role.v; v = v->next) {
        const struct vs_tensor *weight;
        struct vs_side s;
        snprintf(n->prefix, sizeof n->prefix, "%.*s", VS_STR(v->str));
        if (vs_name_choose(n, role, 0, 0, &s, &weight) && weight)
            return;
    }
    if (list && list->child && !n->d->gguf)
        snprintf(n->prefix, sizeof n->prefix, "%.*s", VS_STR(list->child->str));
}
