/* SPDX-License-Identifier: Apache-2.0
 *
 * The receipt against the files: every range of every table is hashed again.
 */
#include <string.h>
#include "base/sha256.h"
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

static enum vs_code check_range(struct checker *k, const struct vs_tensor *x, const struct vs_jval *range, bool *good)
{
    const struct vs_jdoc *d = &k->impl->receipt;
    int64_t begin, end;
    struct vs_str after, before;
    char hash[VS_SHA256_HEX];
    if (!vs_ji64(d, vs_jget(range, "begin"), &begin) || !vs_ji64(d, vs_jget(range, "end"), &end) || !vs_jstr(vs_jget(range, "sha256_after"), &after))
        return VS_OK; /* the schema requires them; a null hash promises nothing */
    uint64_t rows = x->ndim ? x->shape[x->ndim == 2 && x->shape[0] == 1 ? 1 : 0] : 0, bytes = rows ? (x->end - x->begin) / rows : 0;
    if (begin < 0 || end < begin || (uint64_t)end > rows) {
        range_finding(k, x, begin, end, "rows that are not there", after);
        *good = false;
        return VS_OK;
    }
    struct vs_file f = {.fd = -1};
    enum vs_code code = vs_file_open(k->c->files[x->file].path, &f, k->err);
    if (!code)
        code = vs_sha256_range(&f, x->begin + (uint64_t)begin * bytes, x->begin + (uint64_t)end * bytes, k->run, hash, k->err);
    vs_file_close(&f);
    if (code)
        return code;
    bool frozen = vs_jstr(vs_jget(range, "sha256_before"), &before);
    if (!vs_str_is(after, hash) || (frozen && !vs_str_eq(before, after))) {
        range_finding(k, x, begin, end, hash, frozen ? before : after);
        *good = false;
    }
    return VS_OK;
}

enum vs_code vs_check_receipt(struct checker *k, bool *good)
{
    const struct vs_jval *tables = vs_jget(k->impl->receipt.root, "tables");
    enum vs_code code = VS_OK;
    *good = true;
    for (const struct vs_jval *t = tables ? tables->child : NULL; !code && t; t = t->next) {
        struct vs_str name = {NULL, 0};
        const struct vs_tensor *x = vs_jstr(vs_jget(t, "tensor"), &name) ? vs_checkpoint_tensor(k->c, name) : NULL;
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
