/* SPDX-License-Identifier: Apache-2.0
 *
 * The receipt against the files: every range of every table is hashed again.
 */
#include <string.h>
#include "check/checker.h"

static void range_finding(struct checker *k, const struct vs_tensor *x, int64_t begin, int64_t end, const char *hash, struct vs_str expected)
{
    char name[200], wanted[80];
    vs_say(k, "file", "%s", k->c->files[x->file].name);
    vs_say(k, "at", "%s", vs_escape(name, sizeof name, x->name));
    vs_say(k, "ids", "%lld .. %lld", (long long)begin, (long long)end - 1);
    vs_say(k, "found", "%s", hash);
    vs_say(k, "expected", "%s", vs_escape(wanted, sizeof wanted, expected));
    vs_say_also(k, k->q->receipt, "/tables");
    vs_found(k, "VOC416");
}

/* Rows [begin, end) of a table whose hash the receipt has. */
struct hashed { int64_t begin, end; struct vs_str before, after; bool frozen; };

/* False: the receipt promises nothing of this range (the schema requires the rest; a null hash is allowed). */
static bool read_range(const struct checker *k, const struct vs_jval *range, struct hashed *out)
{
    const struct vs_jdoc *d = &k->impl->receipt;
    *out = (struct hashed){0};
    out->frozen = vs_jstr(vs_jget(range, "sha256_before"), &out->before);
    return vs_ji64(d, vs_jget(range, "begin"), &out->begin) && vs_ji64(d, vs_jget(range, "end"), &out->end) &&
           vs_jstr(vs_jget(range, "sha256_after"), &out->after);
}

static uint64_t rows_of(const struct vs_tensor *x)
{
    return x->ndim ? x->shape[x->ndim == 2 && x->shape[0] == 1 ? 1 : 0] : 0;
}

/* False: rows that are not there. */
static bool bytes_of(const struct vs_tensor *x, const struct hashed *h, uint64_t *begin, uint64_t *end)
{
    uint64_t rows = rows_of(x), bytes = rows ? (x->end - x->begin) / rows : 0;
    if (h->begin < 0 || h->end < h->begin || (uint64_t)h->end > rows)
        return false;
    *begin = x->begin + (uint64_t)h->begin * bytes;
    *end = x->begin + (uint64_t)h->end * bytes;
    return true;
}

/* Whoever read the rows has hashed them, or they are read now. */
static enum vs_code hash_bytes(struct checker *k, const struct vs_tensor *x, uint64_t begin, uint64_t end, char hash[VS_SHA256_HEX])
{
    const char *known = vs_watch_hash_of(k->watch, x->file, begin, end);
    struct vs_file f = {.fd = -1};
    if (known) {
        memcpy(hash, known, VS_SHA256_HEX);
        return VS_OK;
    }
    enum vs_code code = vs_file_open(k->c->files[x->file].path, &f, k->err);
    if (!code)
        code = vs_sha256_range(&f, begin, end, k->run, hash, k->err);
    vs_file_close(&f);
    return code;
}

static enum vs_code check_range(struct checker *k, const struct vs_tensor *x, const struct vs_jval *range, bool *good)
{
    struct hashed h;
    uint64_t begin, end;
    char hash[VS_SHA256_HEX];
    if (!read_range(k, range, &h))
        return VS_OK;
    if (!bytes_of(x, &h, &begin, &end)) {
        range_finding(k, x, h.begin, h.end, "rows that are not there", h.after);
        *good = false;
        return VS_OK;
    }
    enum vs_code code = hash_bytes(k, x, begin, end, hash);
    if (code)
        return code;
    if (!vs_str_is(h.after, hash) || (h.frozen && !vs_str_eq(h.before, h.after))) {
        range_finding(k, x, h.begin, h.end, hash, h.frozen ? h.before : h.after);
        *good = false;
    }
    return VS_OK;
}

/* The table that an entry of the receipt is about, or NULL; name: what it calls it. */
static const struct vs_tensor *table_of(const struct checker *k, const struct vs_jval *entry, struct vs_str *name)
{
    *name = (struct vs_str){NULL, 0};
    return vs_jstr(vs_jget(entry, "tensor"), name) ? vs_checkpoint_tensor(k->c, *name) : NULL;
}

enum vs_code vs_expect_hashes(struct checker *k)
{
    const struct vs_jval *tables = vs_jget(k->impl->receipt.root, "tables");
    enum vs_code code = VS_OK;
    for (const struct vs_jval *t = tables ? tables->child : NULL; !code && t; t = t->next) {
        struct vs_str name;
        const struct vs_tensor *x = table_of(k, t, &name);
        const struct vs_jval *ranges = x ? vs_jget(t, "ranges") : NULL;
        for (const struct vs_jval *r = ranges ? ranges->child : NULL; !code && r; r = r->next) {
            struct hashed h;
            uint64_t begin, end;
            if (read_range(k, r, &h) && bytes_of(x, &h, &begin, &end))
                code = vs_watch_hash(k->watch, x->file, begin, end, k->err);
        }
    }
    return code;
}

/* One of its tables is here, as tall as it says: then what differs is told table by table. */
static bool is_of_this_model(const struct checker *k, const struct vs_jval *tables)
{
    bool any = false;
    for (const struct vs_jval *t = tables ? tables->child : NULL; t; t = t->next) {
        struct vs_str name;
        const struct vs_tensor *x = table_of(k, t, &name);
        int64_t rows;
        any = true;
        if (x && vs_ji64(&k->impl->receipt, vs_jget(t, "rows_after"), &rows) && (uint64_t)rows == rows_of(x))
            return true;
    }
    return !any;
}

enum vs_code vs_check_receipt(struct checker *k, bool *good)
{
    const struct vs_jval *tables = vs_jget(k->impl->receipt.root, "tables");
    enum vs_code code = VS_OK;
    *good = is_of_this_model(k, tables);
    if (!*good) {
        vs_say(k, "file", "%s", k->q->receipt);
        vs_say(k, "at", "/tables");
        vs_say_also(k, k->q->path, "");
        vs_found(k, "VOC127");
        return VS_OK;
    }
    for (const struct vs_jval *t = tables ? tables->child : NULL; !code && t; t = t->next) {
        struct vs_str name;
        const struct vs_tensor *x = table_of(k, t, &name);
        const struct vs_jval *ranges = vs_jget(t, "ranges");
        if (!x) {
            vs_say(k, "file", "%s", k->q->receipt);
            vs_say(k, "at", "/tables");
            vs_say_text(k, "ids", name);
            vs_say(k, "found", "absent");
            vs_say(k, "expected", "a table of that name");
            vs_found(k, "VOC416");
            *good = false;
            continue;
        }
        for (const struct vs_jval *r = ranges ? ranges->child : NULL; !code && r; r = r->next)
            code = check_range(k, x, r, good);
    }
    return code;
}
