/* SPDX-License-Identifier: Apache-2.0
 *
 * The merge list. Three lookups a merge, each a chain of cache misses: so BATCH merges go through the steps of a lookup
 * together and wait for memory at the same time (fast-encoding.md, section 7).
 */
#include "tokenizer/load.h"

enum { BATCH = 64 };

struct lookup { struct vs_str s; uint32_t hash, at, entry; };

struct batch {
    struct vs_load *l;
    struct lookup look[BATCH * 3];  /* left, right, product of every merge */
    size_t places[BATCH];           /* where in the text each merge begins */
    unsigned count;
    struct vs_buf products;         /* the products' strings; look[].s.n alone is set until all are there */
    struct vs_bpe_merge *merges;    /* resolved */
    uint64_t merge_count, merge_cap;
    size_t prefix;                  /* bytes of continuing_subword_prefix */
};

/* ---- one merge from the text ---- */

static bool bad_form(struct vs_load *l, uint64_t at, size_t place, const char *found)
{
    l->j.at = place;
    return vs_json_fail(&l->j, VS_EFORMAT, "model.merges[%llu]: found %s: \"left right\" with one space, or [left, right], expected",
                        (unsigned long long)at, found);
}

static bool pair_form(struct vs_load *l, uint64_t at, size_t place, struct vs_str *left, struct vs_str *right)
{
    struct vs_json *j = &l->j;
    if (!vs_json_array(j))
        return false;
    struct vs_str *const parts[] = {left, right};
    for (unsigned i = 0; i < 2; i++) {
        if (!vs_json_item(j))
            return j->failed ? false : bad_form(l, at, place, i ? "a list of 1" : "an empty list");
        if (vs_json_peek(j) != VS_JSON_STRING)
            return bad_form(l, at, place, "something else than strings in the list");
        if (!vs_json_string(j, parts[i]))
            return false;
    }
    if (vs_json_item(j))
        return bad_form(l, at, place, "a list of 3 or more");
    return !j->failed;
}

static bool text_form(struct vs_load *l, uint64_t at, size_t place, struct vs_str *left, struct vs_str *right)
{
    struct vs_str s;
    if (!vs_json_string(&l->j, &s))
        return false;
    const char *space = memchr(s.p, ' ', s.n);
    if (!space)
        return bad_form(l, at, place, "a string without a space");
    *left = (struct vs_str){s.p, (size_t)(space - s.p)};
    *right = (struct vs_str){space + 1, s.n - left->n - 1};
    if (memchr(right->p, ' ', right->n))
        return bad_form(l, at, place, "a string with more than one space");
    return true;
}

/* ---- a batch ---- */

/* Lookups start when every product of the batch is in the buffer, which may move until then. */
static void lay_products(struct batch *b)
{
    const char *p = b->products.p;
    for (unsigned i = 0; i < b->count; i++) {
        struct lookup *product = &b->look[3 * i + 2];
        product->s.p = p;
        p += product->s.n;
    }
}

static void look_up(struct batch *b)
{
    const struct vs_vocab *v = &b->l->impl->vocab;
    unsigned n = b->count * 3;
    for (unsigned i = 0; i < n; i++) {
        b->look[i].hash = b->look[i].at = vs_vocab_hash(v, b->look[i].s);
        vs_vocab_fetch_slot(v, b->look[i].hash);
    }
    for (unsigned i = 0; i < n; i++) {
        b->look[i].entry = vs_vocab_probe(v, b->look[i].hash, &b->look[i].at);
        if (b->look[i].entry != VS_NO_ENTRY)
            __builtin_prefetch(&v->begins[b->look[i].entry]);
    }
    for (unsigned i = 0; i < n; i++)
        if (b->look[i].entry != VS_NO_ENTRY)
            __builtin_prefetch(v->bytes + v->begins[b->look[i].entry]);
    for (unsigned i = 0; i < n; i++)
        while (b->look[i].entry != VS_NO_ENTRY && !vs_vocab_is(v, b->look[i].entry, b->look[i].s))
            b->look[i].entry = vs_vocab_probe(v, b->look[i].hash, &b->look[i].at);
}

static bool unknown(struct batch *b, unsigned at)
{
    static const char *const roles[] = {"left part", "right part", "product"};
    char shown[200];
    b->l->j.at = b->places[at / 3];
    return vs_json_fail(&b->l->j, VS_EFORMAT, "model.merges[%llu]: its %s \"%s\" is not in model.vocab",
                        (unsigned long long)(b->merge_count + at / 3), roles[at % 3], vs_escape(shown, sizeof shown, b->look[at].s));
}

static bool flush(struct batch *b)
{
    if (b->count == 0)
        return true;
    if (vs_load_cancelled(b->l))
        return false;
    if (b->products.failed)
        return vs_json_fail(&b->l->j, VS_ENOMEM, "not enough memory for the merges");
    lay_products(b);
    if (b->l->impl->vocab.count == 0)
        return unknown(b, 0);
    look_up(b);
    for (unsigned i = 0; i < 3 * b->count; i++)
        if (b->look[i].entry == VS_NO_ENTRY)
            return unknown(b, i);
    if (b->merge_count + b->count > b->merge_cap) {
        uint64_t cap = b->merge_cap ? b->merge_cap * 2 : 1 << 12;
        struct vs_bpe_merge *merges = vs_realloc_array(b->merges, cap, sizeof *merges);
        if (!merges)
            return vs_json_fail(&b->l->j, VS_ENOMEM, "not enough memory for the merges");
        b->merges = merges;
        b->merge_cap = cap;
    }
    for (unsigned i = 0; i < b->count; i++)
        b->merges[b->merge_count++] = (struct vs_bpe_merge){b->look[3 * i].entry, b->look[3 * i + 1].entry, b->look[3 * i + 2].entry};
    b->count = 0;
    b->products.n = 0;
    return true;
}

static bool push(struct batch *b, size_t place, struct vs_str left, struct vs_str right)
{
    size_t cut = right.n < b->prefix ? right.n : b->prefix;
    unsigned at = b->count++;
    b->places[at] = place;
    b->look[3 * at].s = left;
    b->look[3 * at + 1].s = right;
    b->look[3 * at + 2].s.n = left.n + right.n - cut;
    vs_buf_add(&b->products, left.p, left.n);
    vs_buf_add(&b->products, right.p + cut, right.n - cut);
    return b->count < BATCH || flush(b);
}

/* ---- the list ---- */

/* Reads all merges. False without a failed scanner: interrupted. */
static bool read_list(struct vs_load *l, struct batch *b)
{
    struct vs_json *j = &l->j;
    struct vs_str left, right;
    enum vs_json_type form = VS_JSON_NONE;
    uint64_t count = 0, at = 0;
    if (!vs_json_array(j))
        return false;
    for (; vs_json_item(j); at++) {
        size_t place = j->at;
        enum vs_json_type type = vs_json_peek(j);
        if (type != VS_JSON_STRING && type != VS_JSON_ARRAY)
            return bad_form(l, at, place, "another type");
        if (form != VS_JSON_NONE && type != form)
            return bad_form(l, at, place, "both forms in one list");
        form = type;
        if (type == VS_JSON_STRING && j->n - j->at > 9 && memcmp(j->text + j->at, "\"#version", 9) == 0) {
            if (!vs_json_skip(j, NULL))
                return false;
            continue;
        }
        if (!(type == VS_JSON_ARRAY ? pair_form : text_form)(l, at, place, &left, &right))
            return false;
        count++;
        if (!push(b, place, left, right))
            return false;
    }
    l->t->merge_count = count;
    return !j->failed && flush(b);
}

/* The table, or the pair that stands twice: its place is found by counting through the list again. */
static bool build(struct vs_load *l, struct batch *b, size_t begin, struct vs_err *err)
{
    uint64_t twin;
    char left[100], right[100];
    if (vs_bpe_build(b->merges, NULL, b->merge_count, &l->impl->bpe, &twin, err))
        return vs_json_fail(&l->j, err->code, "%s", err->message);
    if (twin == b->merge_count)
        return true;
    const struct vs_bpe_merge *m = &b->merges[twin];
    uint64_t first = 0;
    while (b->merges[first].left != m->left || b->merges[first].right != m->right)
        first++;
    const struct vs_vocab *v = &l->impl->vocab;
    l->j.at = begin;
    return vs_json_fail(&l->j, VS_EFORMAT, "model.merges: the pair \"%s\" \"%s\" stands at [%llu] and again at [%llu]: loaders keep the "
                        "last, which demotes the merge", vs_escape(left, sizeof left, vs_vocab_text(v, m->left)),
                        vs_escape(right, sizeof right, vs_vocab_text(v, m->right)), (unsigned long long)first, (unsigned long long)twin);
}

enum vs_code vs_load_merges(struct vs_load *l, size_t begin, struct vs_err *err)
{
    l->j.at = begin;
    struct batch *b = vs_calloc(1, sizeof *b);
    if (!b)
        return vs_enomem(err, "the merges", sizeof *b);
    b->l = l;
    b->prefix = l->impl->model.prefix.n;
    const bool read = read_list(l, b);
    if (read) {
        size_t after = l->j.at;
        if (build(l, b, begin, err))
            l->j.at = after;
    }
    if (l->wish.ids_only) { /* built for the checks alone */
        vs_bpe_free(l->impl->bpe);
        l->impl->bpe = NULL;
    }
    vs_buf_free(&b->products);
    vs_free(b->merges);
    vs_free(b);
    return l->j.failed ? l->j.error.code : read ? VS_OK : vs_fail(err, VS_ECANCELED, "interrupted");
}
