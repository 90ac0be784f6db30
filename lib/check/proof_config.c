/* SPDX-License-Identifier: Apache-2.0
 *
 * L1 for configs: what the model computes with is the base's.
 */
#include "check/checker.h"
#include "model/data.h"

/* Keys that growth may change, and those that no model computes with. */
static bool may_differ(const struct checker *k, struct vs_str key)
{
    return vs_keys_match(k->c, "free_keys", key);
}

static struct vs_str raw(const struct vs_jdoc *d, const struct vs_jval *v)
{
    return v ? (struct vs_str){d->text.p + v->span.begin, v->span.end - v->span.begin} : VS_LIT("absent");
}

struct walk { struct checker *k; const struct vs_jdoc *a, *b; struct vs_buf at; bool good; };

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
    struct checker *k = w->k;
    vs_say(k, "file", "config.json");
    vs_say(k, "at", "%s", w->at.p ? w->at.p : "");
    say_raw(k, "found", raw(w->b, y));
    say_raw(k, "expected", raw(w->a, x));
    vs_say_also(k, w->a->file, w->at.p ? w->at.p : "");
    vs_found(k, "VOC122");
    w->good = false;
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
        if (may_differ(w->k, m->key))
            continue;
        vs_buf_pointer(&w->at, m->key);
        same_values(w, m, member(y, m->key));
        cut(w, n);
    }
    for (const struct vs_jval *m = y->child; m; m = m->next) {
        if (may_differ(w->k, m->key) || member(x, m->key))
            continue;
        vs_buf_pointer(&w->at, m->key);
        config_differs(w, NULL, m);
        cut(w, n);
    }
}

enum vs_code vs_prove_config(struct checker *k, bool *good)
{
    const struct vs_checkpoint *base = k->impl->base->checkpoint;
    const struct vs_jdoc *x = vs_checkpoint_json(base, "config.json"), *y = vs_checkpoint_json(k->c, "config.json");
    struct walk w = {.k = k, .a = x, .b = y, .good = true};
    if (x && y)
        same_values(&w, x->root, y->root);
    bool failed = w.at.failed;
    vs_buf_free(&w.at);
    *good = w.good;
    if (base->gguf && !vs_prove_keys(k, base->gguf))
        *good = false;
    return failed ? vs_enomem(k->err, "the comparison of configs", 0) : VS_OK;
}
