/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading vocab-map.json: scanned, not parsed into a tree, since a map has tens of thousands of entries.
 */
#include <string.h>
#include "base/io.h"
#include "base/str.h"
#include "json/scan.h"
#include "plan/vocab_map.h"

struct reader {
    struct vs_json j;
    struct vs_vocab_map *map;
    uint32_t *pieces;       /* of the entry at hand */
};

/* Decoded strings may point into the file's text, which does not live on. */
static struct vs_str keep(struct reader *r, struct vs_str s)
{
    char *p = vs_arena_dup(&r->map->impl->arena, s.p ? s.p : "", s.n);
    if (!p)
        vs_json_fail(&r->j, VS_ENOMEM, "out of memory for a string of %zu bytes", s.n);
    return (struct vs_str){p, p ? s.n : 0};
}

static bool read_string(struct reader *r, struct vs_str *out)
{
    struct vs_str s;
    if (!vs_json_string(&r->j, &s))
        return false;
    *out = keep(r, s);
    return out->p != NULL;
}

static bool read_id(struct reader *r, uint32_t *out)
{
    uint64_t v;
    if (!vs_json_u64(&r->j, &v))
        return false;
    if (v > INT32_MAX)
        return vs_json_fail(&r->j, VS_EFORMAT, "found id %llu, expected at most %d", (unsigned long long)v, INT32_MAX);
    *out = (uint32_t)v;
    return true;
}

static bool read_id_or_null(struct reader *r, uint32_t *out)
{
    *out = VS_NO_ID;
    return vs_json_peek(&r->j) == VS_JSON_NULL ? vs_json_null(&r->j) : read_id(r, out);
}

static bool read_kind(struct reader *r, enum vs_new_kind *out)
{
    struct vs_str s;
    if (!vs_json_string(&r->j, &s))
        return false;
    for (enum vs_new_kind k = VS_NEW_MERGED; k <= VS_NEW_SPECIAL; k++)
        if (vs_str_is(s, vs_new_kind_name(k))) {
            *out = k;
            return true;
        }
    char shown[64];
    return vs_json_fail(&r->j, VS_EFORMAT, "found kind \"%s\", expected merged, intermediate, added or special", vs_escape(shown, sizeof shown, s));
}

static bool read_pieces(struct reader *r, struct vs_new_token *t)
{
    struct vs_json *j = &r->j;
    uint32_t count = 0;
    vs_json_array(j);
    while (vs_json_item(j)) {
        uint32_t id = 0;
        if (!read_id(r, &id))
            return false;
        uint32_t *pieces = vs_list_room(r->pieces, count, sizeof *pieces);
        if (!pieces)
            return vs_json_fail(j, VS_ENOMEM, "out of memory for pieces");
        r->pieces = pieces;
        pieces[count++] = id;
    }
    uint32_t *ids = vs_arena_array(&r->map->impl->arena, count ? count : 1, sizeof *ids);
    if (!ids)
        return vs_json_fail(j, VS_ENOMEM, "out of memory for pieces");
    if (count)
        memcpy(ids, r->pieces, count * sizeof *ids);
    t->pieces = ids;
    t->piece_count = count;
    return !j->failed;
}

/* One entry of new, overlap or rejected: which keys it must have is what tells them apart. */
struct entry {
    struct vs_new_token token;
    struct vs_str reason;
    bool has_id, has_token, has_kind, has_source, has_source_id, has_pieces, has_reason;
};

static bool once(struct reader *r, bool *seen, const char *key)
{
    if (*seen)
        return vs_json_fail(&r->j, VS_EFORMAT, "key \"%s\" twice in one object", key);
    *seen = true;
    return true;
}

static bool read_entry(struct reader *r, struct entry *e)
{
    struct vs_str key;
    *e = (struct entry){.token = {.id = VS_NO_ID, .source_id = VS_NO_ID}};
    vs_json_object(&r->j);
    while (vs_json_key(&r->j, &key)) {
        if (vs_str_is(key, "id"))
            (void)(once(r, &e->has_id, "id") && read_id(r, &e->token.id));
        else if (vs_str_is(key, "token"))
            (void)(once(r, &e->has_token, "token") && read_string(r, &e->token.token));
        else if (vs_str_is(key, "kind"))
            (void)(once(r, &e->has_kind, "kind") && read_kind(r, &e->token.kind));
        else if (vs_str_is(key, "source"))
            (void)(once(r, &e->has_source, "source") && read_string(r, &e->token.source));
        else if (vs_str_is(key, "source_id"))
            (void)(once(r, &e->has_source_id, "source_id") && read_id_or_null(r, &e->token.source_id));
        else if (vs_str_is(key, "pieces"))
            (void)(once(r, &e->has_pieces, "pieces") && read_pieces(r, &e->token));
        else if (vs_str_is(key, "reason"))
            (void)(once(r, &e->has_reason, "reason") && read_string(r, &e->reason));
        else
            vs_json_skip(&r->j, NULL);
    }
    return !r->j.failed;
}

static bool lacks(struct reader *r, bool has, const char *key)
{
    return !has && !vs_json_fail(&r->j, VS_EFORMAT, "the entry lacks \"%s\"", key);
}

enum list { NEW, OVERLAP, REJECTED };

static bool keep_entry(struct reader *r, enum list list, const struct entry *e)
{
    const struct vs_new_token *t = &e->token;
    struct vs_vocab_map *map = r->map;
    enum vs_code code = VS_OK;
    struct vs_err *err = &r->j.error;
    if (lacks(r, e->has_token, "token") || lacks(r, e->has_source, "source") || (list != REJECTED && lacks(r, e->has_id, "id")) ||
        (list == NEW && (lacks(r, e->has_kind, "kind") || lacks(r, e->has_pieces, "pieces"))) ||
        (list == REJECTED && lacks(r, e->has_reason, "reason")) || lacks(r, e->has_source_id, "source_id"))
        return false;
    if (list == OVERLAP) {
        code = vs_vocab_map_overlap(map, &(struct vs_overlap){t->token, t->source, t->source_id, t->id, e->has_kind && t->kind == VS_NEW_SPECIAL},
                                    err);
    } else if (list == REJECTED) {
        code = vs_vocab_map_reject(map, &(struct vs_rejected){.token = t->token, .source = t->source, .reason = e->reason, .source_id = t->source_id},
                                   err);
    } else {
        if (map->new_count && t->id <= map->news[map->new_count - 1].id)
            return vs_json_fail(&r->j, VS_EFORMAT, "found id %u after %u, expected ascending ids", t->id, map->news[map->new_count - 1].id);
        code = vs_vocab_map_add(map, t, err);
    }
    r->j.failed |= code != VS_OK;
    return code == VS_OK;
}

static void read_list(struct reader *r, enum list list)
{
    struct entry e;
    vs_json_array(&r->j);
    while (vs_json_item(&r->j))
        if (!read_entry(r, &e) || !keep_entry(r, list, &e))
            return;
}

static void read_base(struct reader *r)
{
    struct vs_str key;
    bool has_path = false, has_sha256 = false, has_rows = false;
    vs_json_object(&r->j);
    while (vs_json_key(&r->j, &key)) {
        if (vs_str_is(key, "path"))
            (void)(once(r, &has_path, "path") && read_string(r, &r->map->base_path));
        else if (vs_str_is(key, "sha256"))
            (void)(once(r, &has_sha256, "sha256") && read_string(r, &r->map->base_sha256));
        else if (vs_str_is(key, "rows_needed"))
            (void)(once(r, &has_rows, "rows_needed") && read_id(r, &r->map->base_rows_needed));
        else
            vs_json_skip(&r->j, NULL);
    }
    if (!has_path || !has_sha256 || !has_rows)
        vs_json_fail(&r->j, VS_EFORMAT, "no \"%s\" in \"base\"; expected a vocab-map.json that vocab-merge wrote", !has_rows ? "rows_needed" :
                     !has_path ? "path" : "sha256");
}

/* Keys of the document; all must be there. */
enum { SEEN_BASE = 1, SEEN_ROWS = 2, SEEN_NEW = 4, SEEN_SCHEMA = 8, SEEN_OVERLAP = 16, SEEN_REJECTED = 32 };

static const struct { const char *key; unsigned bit; } top_keys[] = {{"schema", SEEN_SCHEMA}, {"new", SEEN_NEW}, {"rows_needed", SEEN_ROWS},
    {"base", SEEN_BASE}, {"overlap", SEEN_OVERLAP}, {"rejected", SEEN_REJECTED}};
#define TOP_KEYS (sizeof top_keys / sizeof *top_keys)

static unsigned bit_of(struct vs_str key)
{
    for (size_t i = 0; i < TOP_KEYS; i++)
        if (vs_str_is(key, top_keys[i].key))
            return top_keys[i].bit;
    return 0;
}

static unsigned read_top(struct reader *r)
{
    struct vs_str key, schema;
    unsigned seen = 0;
    vs_json_object(&r->j);
    while (vs_json_key(&r->j, &key)) {
        unsigned bit = bit_of(key);
        char shown[64];
        if (seen & bit)
            vs_json_fail(&r->j, VS_EFORMAT, "key \"%s\" twice", vs_escape(shown, sizeof shown, key));
        seen |= bit;
        if (bit == SEEN_SCHEMA) {
            if (vs_json_string(&r->j, &schema) && !vs_str_is(schema, VS_VOCAB_MAP_SCHEMA))
                vs_json_fail(&r->j, VS_EFORMAT, "found another schema, expected \"" VS_VOCAB_MAP_SCHEMA "\"");
        } else if (bit == SEEN_ROWS) {
            (void)read_id(r, &r->map->rows_needed);
        } else if (bit == SEEN_NEW) {
            read_list(r, NEW);
        } else if (bit == SEEN_BASE) {
            read_base(r);
        } else if (bit == SEEN_OVERLAP) {
            read_list(r, OVERLAP);
        } else if (bit == SEEN_REJECTED) {
            read_list(r, REJECTED);
        } else {
            vs_json_skip(&r->j, NULL);
        }
    }
    return seen;
}

static enum vs_code check_sha256(const struct vs_vocab_map *map, const char *path, struct vs_err *err)
{
    struct vs_str s = map->base_sha256;
    char shown[96];
    size_t n = 0;
    while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || (s.p[n] >= 'a' && s.p[n] <= 'f')))
        n++;
    if (s.n == 64 && n == s.n)
        return VS_OK;
    return vs_fail(err, VS_EFORMAT, "%s: /base/sha256: found \"%s\", expected 64 digits 0-9 a-f", path, vs_escape(shown, sizeof shown, s));
}

/* What the scanner cannot know while it reads: the numbers that other keys say. */
static enum vs_code check_numbers(const struct vs_vocab_map *map, const char *path, unsigned seen, struct vs_err *err)
{
    for (size_t i = 0; i < TOP_KEYS; i++)
        if (!(seen & top_keys[i].bit))
            return vs_fail(err, VS_EFORMAT, "%s: no \"%s\"; expected a vocab-map.json that vocab-merge wrote", path, top_keys[i].key);
    for (uint32_t i = 0; i < map->new_count; i++) {
        const struct vs_new_token *t = &map->news[i];
        if (t->id >= map->rows_needed)
            return vs_fail(err, VS_EFORMAT, "%s: /new/%u: id %u, but rows_needed is %u", path, i, t->id, map->rows_needed);
        for (uint32_t k = 0; k < t->piece_count; k++)
            if (t->pieces[k] >= map->base_rows_needed)
                return vs_fail(err, VS_EFORMAT, "%s: /new/%u/pieces/%u: %u is no id of the base, which has %u", path, i, k,
                               t->pieces[k], map->base_rows_needed);
    }
    for (uint32_t i = 0; i < map->reject_count; i++)
        if (!map->rejects[i].reason.n)
            return vs_fail(err, VS_EFORMAT, "%s: /rejected/%u/reason: found no text, expected why", path, i);
    return check_sha256(map, path, err);
}

enum vs_code vs_vocab_map_read(const char *path, struct vs_vocab_map **out, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0;
    struct reader r = {.map = NULL};
    struct vs_arena scratch = {0};
    if (vs_path_is_dir(path))
        return vs_fail(err, VS_EFORMAT, "%s: found a directory, expected a vocab-map.json: vocab-merge writes it into its OUT", path);
    enum vs_code code = vs_read_all(path, VS_VOCAB_MAP_MAX, &text, &n, err);
    if (code)
        return code;
    r.map = vs_vocab_map_new();
    if (!r.map) {
        code = vs_enomem(err, "the vocabulary map", sizeof *r.map);
        goto out;
    }
    vs_json_begin(&r.j, path, text, n, &scratch);
    unsigned seen = read_top(&r);
    code = vs_json_end(&r.j, err);
    if (!code)
        code = check_numbers(r.map, path, seen, err);
    if (!code) {
        const char *slash = strrchr(path, '/');
        size_t len = slash ? (size_t)(slash - path) : 1;
        r.map->dir = vs_arena_dup(&r.map->impl->arena, slash ? path : ".", len ? len : 1);
        code = r.map->dir ? VS_OK : vs_enomem(err, "a path", len);
    }
out:
    vs_free(r.pieces);
    vs_arena_free(&scratch);
    vs_free(text);
    if (code)
        vs_vocab_map_free(r.map);
    else
        *out = r.map;
    return code;
}
