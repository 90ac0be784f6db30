/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors that are not where the index says.
 */
#include <stdio.h>
#include "model/model_impl.h"

/* A file of the directory that weight_map does not name may hold it. One that cannot be read is nobody's loss here. */
static enum vs_code find_unlisted(const struct vs_checkpoint *c, const struct vs_st_index *index, struct vs_str tensor, const char **file,
                                  struct vs_err *err)
{
    enum vs_code code = VS_OK;
    *file = NULL;
    for (size_t i = 0; i < c->impl->name_count && !code && !*file; i++) {
        const char *name = c->impl->names[i];
        struct vs_arena a = {0};
        struct vs_st st = {0};
        struct vs_err none;
        if (!vs_str_ends(vs_cstr(name), VS_LIT(".safetensors")) || vs_ckpt_is_listed(index, name))
            continue;
        const char *path = vs_path_join(&a, c->dir, name);
        code = path ? vs_st_open(path, 0, &a, &st, &none) : vs_enomem(err, name, 0);
        for (uint64_t t = 0; !code && t < st.count && !*file; t++)
            *file = vs_str_eq(st.tensors[t].name, tensor) ? name : NULL;
        code = path ? VS_OK : code;
        vs_arena_free(&a);
    }
    return code;
}

static enum vs_code list_lost(struct vs_checkpoint *c, const struct vs_st_index *index, uint64_t most, struct vs_err *err)
{
    struct vs_checkpoint_impl *x = c->impl;
    x->lost = vs_arena_array(&x->arena, (size_t)most, sizeof *x->lost);
    if (!x->lost)
        return vs_enomem(err, c->path, most * sizeof *x->lost);
    for (uint32_t i = 0; i < index->entry_count; i++)
        if (!vs_checkpoint_tensor(c, index->entries[i].tensor))
            x->lost[x->lost_count++] = index->entries[i].tensor;
    return VS_OK;
}

enum vs_code vs_ckpt_say_misplaced(struct vs_checkpoint *c, const struct vs_st_index *index, const struct vs_st_cross *x, struct vs_err *err)
{
    char name[200], shard[300], other[300] = "", more[40] = "";
    const char *unlisted = NULL;
    enum vs_code code = list_lost(c, index, x->misplaced, err);
    if (!code && !x->elsewhere)
        code = find_unlisted(c, index, x->first_misplaced->tensor, &unlisted, err);
    if (code)
        return code;
    vs_escape(name, sizeof name, x->first_misplaced->tensor);
    vs_escape(shard, sizeof shard, vs_cstr(index->shards[x->first_misplaced->shard]));
    if (x->elsewhere || unlisted)
        vs_escape(other, sizeof other, vs_cstr(unlisted ? unlisted : index->shards[x->elsewhere->file]));
    if (x->misplaced > 1)
        snprintf(more, sizeof more, " (and %llu more)", (unsigned long long)x->misplaced - 1);
    return vs_ckpt_fault(c, err, "%s: weight_map places tensor \"%s\" in %s, which does not hold it%s%s%s%s", index->path, name, shard,
                         *other ? "; it is in " : "; no shard does", other, unlisted ? ", which weight_map does not name" : "", more);
}
