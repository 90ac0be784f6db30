/* SPDX-License-Identifier: Apache-2.0
 *
 * NAME.safetensors.index.json: which shard holds which tensor. File names in it are never trusted: one path component,
 * ending in .safetensors.
 */
#ifndef VS_FORMAT_ST_INDEX_H
#define VS_FORMAT_ST_INDEX_H

#include "format/safetensors.h"
#include "json/scan.h"

struct vs_st_entry { struct vs_str tensor; uint32_t shard; };

struct vs_st_index {
    const char *path;
    const char **shards; uint32_t shard_count;        /* distinct file names, sorted bytewise */
    struct vs_st_entry *entries; uint32_t entry_count;/* sorted by tensor name, bytewise */
    bool has_total; uint64_t total_size;              /* only when it is an unsigned integer */
    struct vs_str total_text;                         /* as it stands in the file; empty when absent */
};

/* Everything lives in the arena (text is copied into it). What makes the index ambiguous or unsafe is VS_EFORMAT. */
enum vs_code vs_st_index_parse(const char *path, struct vs_str text, struct vs_arena *a, struct vs_st_index *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_st_index_open(const char *path, struct vs_arena *a, struct vs_st_index *out, struct vs_err *err) VS_NODISCARD;

/* Where weight_map places a tensor: a position in shards, VS_NONE when it is not listed. */
uint32_t vs_st_index_shard(const struct vs_st_index *index, struct vs_str tensor);

/* What the index says against what the shards hold. tensors are of all shards, sorted by name and unique; their file is
 * the position in index->shards. */
struct vs_st_cross {
    uint64_t orphans; struct vs_str first_orphan; /* tensors that weight_map does not list */
    uint64_t misplaced;                           /* entries whose shard does not hold the tensor; of the first one: */
    const struct vs_st_entry *first_misplaced;
    const struct vs_tensor *elsewhere;            /* where it is, NULL when no shard holds it */
    uint64_t payload;                             /* bytes of all tensors */
};
enum vs_code vs_st_index_check(const struct vs_st_index *index, const struct vs_tensor *tensors, uint64_t count,
                               struct vs_st_cross *out, struct vs_err *err) VS_NODISCARD;

#endif
