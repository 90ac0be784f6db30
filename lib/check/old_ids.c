/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the base's ids are now, and which rows are new. A map says it, or the receipt of embed-extend, or the offset-receipt.json
 * of whoever moved ids; those that stand in the directory itself speak when none is given. What cannot be read has no say.
 */
#include "check/checker.h"
#include "json/schema.h"
#include "plan/offsets.h"
#include "plan/vocab_map.h"

bool vs_only_ids_moved(const struct checker *k)
{
    return k->input && k->input->rows < k->impl->moved_end;
}

/* Files that nobody named may be damaged or of another model. */
static enum vs_code unread(const char *named, enum vs_code code, const struct vs_err *why, struct vs_err *err)
{
    if (!named && code != VS_ENOMEM && code != VS_ECANCELED)
        return VS_OK;
    *err = *why;
    return code;
}

enum vs_code vs_beside(struct checker *k, const struct vs_checkpoint *c, const char *name, const char **path)
{
    *path = NULL;
    if (c->is_file)
        return VS_OK;
    char *p = vs_path_join(&k->impl->arena, c->dir, name);
    *path = p && vs_path_exists(p) ? p : NULL;
    return p ? VS_OK : vs_enomem(k->err, "a path", 0);
}

static enum vs_code check_map(struct checker *k, const char *path, const struct vs_vocab_map *map, struct vs_err *err)
{
    const struct vs_tokenizer *base = k->impl->base ? k->impl->base->tokenizer : NULL;
    return base ? vs_map_check_base(map, path, base->path, k->q->base, k->run, err) : VS_OK;
}

enum vs_code vs_read_map(struct checker *k)
{
    struct vs_vocab_map *map = NULL;
    struct vs_err why = {0};
    const char *path = k->q->map;
    enum vs_code code = path || !k->c || !k->t ? VS_OK : vs_beside(k, k->c, "vocab-map.json", &path);
    if (code || !path)
        return code;
    code = vs_vocab_map_read(path, &map, &why);
    if (!code)
        code = check_map(k, path, map, &why);
    if (!code) {
        k->impl->map = map;
        k->r->map = path;
        k->r->found_map = !k->q->map;
        return VS_OK;
    }
    vs_vocab_map_free(map);
    return unread(k->q->map, code, &why, k->err);
}

enum vs_code vs_read_receipt(struct checker *k)
{
    struct vs_jdoc *doc = &k->impl->receipt;
    struct vs_err why = {0};
    const char *path = k->q->receipt;
    enum vs_code code = path || !k->c ? VS_OK : vs_beside(k, k->c, "receipt.json", &path);
    if (code || !path)
        return code;
    code = vs_jdoc_read(path, doc, &why);
    if (!code)
        code = vs_schema_check(k->q->data_dir, "receipt", doc, &why);
    if (!code) {
        k->r->receipt = path;
        k->r->found_receipt = !k->q->receipt;
        return VS_OK;
    }
    vs_jdoc_free(doc);
    *doc = (struct vs_jdoc){0};
    return unread(k->q->receipt, code, &why, k->err);
}

/* ---- what they say ---- */

const struct vs_jval *vs_receipt_table(const struct checker *k, struct vs_str tensor)
{
    const struct vs_jval *tables = k->r->receipt ? vs_jget(k->impl->receipt.root, "tables") : NULL;
    struct vs_str name;
    for (const struct vs_jval *t = tables ? tables->child : NULL; t; t = t->next)
        if (vs_jstr(vs_jget(t, "tensor"), &name) && vs_str_eq(name, tensor))
            return t;
    return NULL;
}

bool vs_receipt_range(const struct checker *k, const struct vs_jval *range, struct vs_receipt_range *out)
{
    const struct vs_jdoc *d = &k->impl->receipt;
    int64_t begin, end, from;
    if (!vs_ji64(d, vs_jget(range, "begin"), &begin) || !vs_ji64(d, vs_jget(range, "end"), &end) || begin < 0 || end < begin)
        return false;
    bool kept = vs_ji64(d, vs_jget(range, "from"), &from) && from >= 0;
    *out = (struct vs_receipt_range){(uint64_t)begin, (uint64_t)end, kept ? (uint64_t)from : 0, kept};
    return true;
}

bool vs_receipt_explains(const struct checker *k)
{
    const struct vs_jval *t = vs_receipt_table(k, k->c->tensors[k->input->tensor].name);
    int64_t rows;
    return t && vs_ji64(&k->impl->receipt, vs_jget(t, "rows_after"), &rows) && (uint64_t)rows == k->input->rows;
}

static void fresh_by_map(struct checker *k)
{
    for (uint32_t i = 0; i < k->impl->map->new_count; i++)
        vs_bit_set(k->impl->fresh, k->impl->map->news[i].id);
}

static void fresh_by_receipt(struct checker *k)
{
    const struct vs_jval *t = vs_receipt_table(k, k->c->tensors[k->input->tensor].name), *ranges = vs_jget(t, "ranges");
    struct vs_receipt_range r = {0};
    for (const struct vs_jval *v = ranges ? ranges->child : NULL; v; v = v->next)
        for (uint64_t i = vs_receipt_range(k, v, &r) && !r.kept ? r.begin : UINT64_MAX; i < r.end && i < k->impl->fresh->count; i++)
            vs_bit_set(k->impl->fresh, i);
}

/* Map and receipt tell of the last extension. The base may lie further back: ids beyond its own are new whoever gave them. */
static void fresh_by_base(struct checker *k)
{
    const struct vs_facts *base = k->impl->base;
    const struct vs_table *before = base && base->checkpoint ? vs_checkpoint_table(base->checkpoint, VS_ROLE_INPUT) : NULL;
    if (!before || k->impl->shift.by || vs_is_unlike(k)) /* what was inserted since the base is its shift */
        return;
    uint64_t ids = base->tokenizer && base->tokenizer->rows_needed < before->rows ? base->tokenizer->rows_needed : before->rows;
    for (uint64_t i = ids; i < k->input->rows; i++)
        if (vs_has_token(k, i))
            vs_bit_set(k->impl->fresh, i);
}

/* The shift that a model's directory tells of its ids; {0, 0} for none. *end: of its blocks. */
static enum vs_code told_shift(struct checker *k, const struct vs_checkpoint *c, struct vs_shift *out, uint64_t *end)
{
    struct vs_jdoc doc = {0};
    struct vs_err why = {0};
    const char *path;
    *out = (struct vs_shift){0, 0};
    *end = 0;
    enum vs_code code = vs_beside(k, c, VS_OFFSETS_RECEIPT, &path);
    if (code || !path)
        return code;
    code = vs_jdoc_read(path, &doc, &why);
    if (!code && vs_offsets_receipt_shift(&doc, out))
        *end = vs_offsets_receipt_end(&doc);
    vs_jdoc_free(&doc);
    return unread(NULL, code, &why, k->err);
}

/* Ids of the map below the base's own mean that text was inserted. */
static enum vs_code shift_by_map(struct checker *k, const struct vs_table *before, struct vs_shift *out)
{
    const struct vs_vocab_map *map = k->impl->map;
    bool inserted = map && map->new_count && map->news[0].id < map->base_rows_needed;
    if (inserted && map->news[0].id > before->rows)
        return vs_fail(k->err, VS_EMISMATCH, "%s: /new/0/id: found %u, inserted among the base's ids, but %s has %llu rows; expected the map of "
                       "this base", k->r->map, map->news[0].id, k->q->base, (unsigned long long)before->rows);
    if (inserted && k->input->rows > before->rows)
        *out = (struct vs_shift){map->news[0].id, k->input->rows - before->rows};
    return VS_OK;
}

/* now is told in the directory, then in the base. One that came along from the base says how the base was moved: text ends further on each
 * time, so no two moves are at one place. Rows beyond those of the last move were inserted by moves before it, at the end of the text too. */
static struct vs_shift since_base(struct vs_shift now, struct vs_shift then, uint64_t rows_before, uint64_t rows)
{
    uint64_t grown = rows > rows_before ? rows - rows_before : 0, earlier = grown - now.by;
    bool inherited = now.at == then.at && now.by == then.by;
    if (inherited || grown < now.by || now.at < earlier || now.at - earlier > rows_before) /* or it is of another model */
        return (struct vs_shift){0, 0};
    return now.by ? (struct vs_shift){now.at - earlier, grown} : now;
}

static enum vs_code find_shift(struct checker *k, const struct vs_checkpoint *base)
{
    const struct vs_table *before = base ? vs_checkpoint_table(base, VS_ROLE_INPUT) : NULL;
    struct vs_shift now, then = {0, 0};
    uint64_t end;
    enum vs_code code = told_shift(k, k->c, &now, &end);
    if (code)
        return code;
    k->impl->inserted = now;
    k->impl->moved_end = end;
    if (!before)
        return VS_OK;
    code = told_shift(k, base, &then, &end);
    now = since_base(now, then, before->rows, k->input->rows);
    if (!code && !now.by)
        code = shift_by_map(k, before, &now);
    k->impl->shift = now;
    return code;
}

enum vs_code vs_find_old_ids(struct checker *k)
{
    uint64_t rows = k->input ? k->input->rows : 0;
    if (!rows)
        return VS_OK;
    enum vs_code code = find_shift(k, k->impl->base ? k->impl->base->checkpoint : NULL);
    struct vs_shift s = k->impl->shift;
    bool receipt = !k->impl->map && k->r->receipt;
    if (code || (!k->impl->map && !receipt && !s.by))
        return code;
    uint64_t ids = k->impl->map && k->impl->map->rows_needed > rows ? k->impl->map->rows_needed : rows;
    k->impl->fresh = vs_bits_new(k, ids);
    if (!k->impl->fresh)
        return k->err->code;
    if (k->impl->map)
        fresh_by_map(k);
    if (receipt)
        fresh_by_receipt(k);
    fresh_by_base(k);
    for (uint64_t i = s.at; i < s.at + s.by; i++)
        vs_bit_set(k->impl->fresh, i); /* padding rows inside the text block are new as well */
    return VS_OK;
}
