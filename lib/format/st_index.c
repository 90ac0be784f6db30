/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "base/map.h"
#include "format/st_index.h"
#include "json/dom.h"

struct reader {
    struct vs_json j;
    struct vs_arena *a;
    struct vs_st_index *index;
    struct vs_map tensors, shards;
};

static bool no_memory(struct reader *r)
{
    return vs_json_fail(&r->j, VS_ENOMEM, "not enough memory for %u tensors", r->index->entry_count);
}

static bool duplicate(struct reader *r, struct vs_str name)
{
    char text[200];
    return vs_json_fail(&r->j, VS_EFORMAT, "found \"%s\" a second time: names must be unique",
                        vs_escape(text, sizeof text, name));
}

/* Position of a shard name in shards[], which is in order of appearance here. */
static bool add_shard(struct reader *r, struct vs_str name, uint32_t *at)
{
    char text[300];
    struct vs_st_index *x = r->index;
    if (!vs_name_is_safe(name))
        return vs_json_fail(&r->j, VS_EFORMAT, "found the file name \"%s\": a shard lies beside its index, so one plain file name is expected",
                            vs_escape(text, sizeof text, name));
    if (!vs_str_ends(name, VS_LIT(".safetensors")))
        return vs_json_fail(&r->j, VS_EFORMAT, "found the file name \"%s\", expected one that ends in .safetensors",
                            vs_escape(text, sizeof text, name));
    *at = vs_map_get(&r->shards, name);
    if (*at != VS_NONE)
        return true;
    const char *copy = vs_arena_dup(r->a, name.p, name.n);
    const char **shards = vs_list_room(x->shards, x->shard_count, sizeof *shards);
    if (shards)
        x->shards = shards;
    if (!copy || !shards || !vs_map_put(&r->shards, vs_cstr(copy), x->shard_count, NULL))
        return no_memory(r);
    *at = x->shard_count;
    x->shards[x->shard_count++] = copy;
    return true;
}

static bool read_weight_map(struct reader *r)
{
    struct vs_st_index *x = r->index;
    struct vs_str tensor, file;
    if (!vs_json_object(&r->j))
        return false;
    while (vs_json_key(&r->j, &tensor)) {
        uint32_t old = VS_NONE, shard;
        if (x->entry_count == VS_ST_TENSOR_MAX)
            return vs_json_fail(&r->j, VS_ELIMIT, "found more than %u tensors", VS_ST_TENSOR_MAX);
        if (!vs_map_put(&r->tensors, tensor, 0, &old))
            return no_memory(r);
        if (old != VS_NONE)
            return duplicate(r, tensor);
        if (!vs_json_string(&r->j, &file) || !add_shard(r, file, &shard))
            return false;
        struct vs_st_entry *entries = vs_list_room(x->entries, x->entry_count, sizeof *entries);
        if (!entries)
            return no_memory(r);
        x->entries = entries;
        x->entries[x->entry_count++] = (struct vs_st_entry){tensor, shard};
    }
    return !r->j.failed;
}

/* total_size is a claim that nobody relies on: any value loads, a wrong one is a finding. */
static bool read_metadata(struct reader *r)
{
    struct vs_str key;
    struct vs_span span;
    bool seen = false;
    if (vs_json_peek(&r->j) != VS_JSON_OBJECT)
        return vs_json_skip(&r->j, NULL);
    if (!vs_json_object(&r->j))
        return false;
    while (vs_json_key(&r->j, &key)) {
        bool total = vs_str_is(key, "total_size");
        if (total && seen)
            return duplicate(r, key);
        seen |= total;
        if (!vs_json_skip(&r->j, &span))
            return false;
        if (!total)
            continue;
        struct vs_json number;
        r->index->total_text = (struct vs_str){r->j.text + span.begin, span.end - span.begin};
        vs_json_begin(&number, r->j.file, r->index->total_text.p, r->index->total_text.n, NULL);
        r->index->has_total = vs_json_u64(&number, &r->index->total_size);
    }
    return !r->j.failed;
}

static bool read_index(struct reader *r)
{
    struct vs_str key;
    bool metadata = false, weight_map = false;
    if (!vs_json_object(&r->j))
        return false;
    while (vs_json_key(&r->j, &key)) {
        bool ok;
        if ((vs_str_is(key, "metadata") && metadata) || (vs_str_is(key, "weight_map") && weight_map))
            return duplicate(r, key);
        if (vs_str_is(key, "weight_map"))
            weight_map = ok = read_weight_map(r);
        else if (vs_str_is(key, "metadata"))
            metadata = ok = read_metadata(r);
        else
            ok = vs_json_skip(&r->j, NULL);
        if (!ok)
            return false;
    }
    return weight_map || vs_json_fail(&r->j, VS_EFORMAT, "found no weight_map, expected an object that gives every tensor its file");
}

/* ---- order ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int by_tensor(const void *a, const void *b)
{
    return vs_str_cmp(((const struct vs_st_entry *)a)->tensor, ((const struct vs_st_entry *)b)->tensor);
}

/* Sorted copies in the arena; entries keep pointing at their shards. */
static enum vs_code sort_into_arena(struct reader *r, struct vs_err *err)
{
    struct vs_st_index *x = r->index;
    const char **shards = vs_arena_array(r->a, x->shard_count + 1u, sizeof *shards);
    struct vs_st_entry *entries = vs_arena_array(r->a, x->entry_count + 1u, sizeof *entries);
    uint32_t *moved = vs_arena_array(r->a, x->shard_count + 1u, sizeof *moved);
    if (!shards || !entries || !moved)
        return vs_enomem(err, x->path, 0);
    if (x->shard_count)
        memcpy(shards, x->shards, x->shard_count * sizeof *shards);
    qsort(shards, x->shard_count, sizeof *shards, by_text);
    for (uint32_t i = 0; i < x->shard_count; i++)
        moved[vs_map_get(&r->shards, vs_cstr(shards[i]))] = i;
    for (uint32_t i = 0; i < x->entry_count; i++)
        entries[i] = (struct vs_st_entry){x->entries[i].tensor, moved[x->entries[i].shard]};
    qsort(entries, x->entry_count, sizeof *entries, by_tensor);
    vs_free(x->shards);
    vs_free(x->entries);
    x->shards = shards;
    x->entries = entries;
    return VS_OK;
}

enum vs_code vs_st_index_parse(const char *path, struct vs_str text, struct vs_arena *a, struct vs_st_index *out, struct vs_err *err)
{
    struct reader r = {.a = a, .index = out};
    *out = (struct vs_st_index){.path = path};
    const char *own = vs_arena_dup(a, text.p, text.n);
    if (!own)
        return vs_enomem(err, path, text.n);
    vs_json_begin(&r.j, path, own, text.n, a);
    read_index(&r);
    enum vs_code code = vs_json_end(&r.j, err);
    if (!code && out->entry_count == 0)
        code = vs_fail(err, VS_EFORMAT, "%s: its weight_map is empty, expected every tensor with its file", path);
    if (!code)
        code = sort_into_arena(&r, err);
    if (code) {
        vs_free(out->shards);
        vs_free(out->entries);
        *out = (struct vs_st_index){.path = path};
    }
    vs_map_free(&r.tensors);
    vs_map_free(&r.shards);
    return code;
}

enum vs_code vs_st_index_open(const char *path, struct vs_arena *a, struct vs_st_index *out, struct vs_err *err)
{
    char *text = NULL;
    size_t n = 0;
    enum vs_code code = vs_read_all(path, VS_JSON_FILE_MAX, &text, &n, err);
    if (!code)
        code = vs_st_index_parse(path, (struct vs_str){text, n}, a, out, err);
    vs_free(text);
    return code;
}

/* ---- against the shards ---- */

uint32_t vs_st_index_shard(const struct vs_st_index *index, struct vs_str tensor)
{
    const struct vs_st_entry key = {.tensor = tensor};
    const struct vs_st_entry *found = index->entry_count ? bsearch(&key, index->entries, index->entry_count, sizeof key, by_tensor) : NULL;
    return found ? found->shard : VS_NONE;
}

static void misplaced(struct vs_st_cross *x, const struct vs_st_entry *e, const struct vs_tensor *t)
{
    if (x->misplaced++)
        return;
    x->first_misplaced = e;
    x->elsewhere = t;
}

/* Both lists are sorted by name: one walk. */
enum vs_code vs_st_index_check(const struct vs_st_index *index, const struct vs_tensor *tensors, uint64_t count,
                               struct vs_st_cross *out, struct vs_err *err)
{
    uint64_t t = 0;
    uint32_t e = 0;
    *out = (struct vs_st_cross){0};
    while (t < count || e < index->entry_count) {
        int order = t == count ? 1 : e == index->entry_count ? -1 : vs_str_cmp(tensors[t].name, index->entries[e].tensor);
        if (order > 0) {
            misplaced(out, &index->entries[e++], NULL);
            continue;
        }
        if (order == 0 && tensors[t].file != index->entries[e].shard)
            misplaced(out, &index->entries[e], &tensors[t]);
        if (order < 0 && out->orphans++ == 0)
            out->first_orphan = tensors[t].name;
        if (!vs_add(out->payload, tensors[t].end - tensors[t].begin, &out->payload))
            return vs_fail(err, VS_EFORMAT, "%s: the shards hold more bytes than fit 64 bits", index->path);
        e += order == 0;
        t++;
    }
    return VS_OK;
}
