/* SPDX-License-Identifier: Apache-2.0
 *
 * A vocabulary map in memory, and whether it fits a tokenizer.
 */
#include "base/sha256.h"
#include "base/str.h"
#include "plan/vocab_map.h"

static const char *const kind_names[] = {"merged", "intermediate", "added", "special"};

const char *vs_new_kind_name(enum vs_new_kind kind)
{
    return kind_names[kind];
}

struct vs_vocab_map *vs_vocab_map_new(void)
{
    struct vs_vocab_map *map = vs_calloc(1, sizeof *map);
    if (map)
        map->impl = vs_calloc(1, sizeof *map->impl);
    if (map && !map->impl) {
        vs_free(map);
        map = NULL;
    }
    return map;
}

void vs_vocab_map_free(struct vs_vocab_map *map)
{
    if (!map)
        return;
    vs_arena_free(&map->impl->arena);
    vs_free(map->news);
    vs_free(map->overlaps);
    vs_free(map->rejects);
    vs_free(map->impl);
    vs_free(map);
}

#define APPEND(map, list, count, value)                                            \
    do {                                                                           \
        void *items = vs_list_room((map)->list, (map)->count, sizeof *(map)->list); \
        if (!items)                                                                \
            return vs_enomem(err, "the vocabulary map", 0);             \
        (map)->list = items;                                                       \
        (map)->list[(map)->count++] = (value);                                     \
        return VS_OK;                                                              \
    } while (0)

enum vs_code vs_vocab_map_add(struct vs_vocab_map *map, const struct vs_new_token *token, struct vs_err *err)
{
    APPEND(map, news, new_count, *token);
}

enum vs_code vs_vocab_map_overlap(struct vs_vocab_map *map, const struct vs_overlap *overlap, struct vs_err *err)
{
    APPEND(map, overlaps, overlap_count, *overlap);
}

enum vs_code vs_vocab_map_reject(struct vs_vocab_map *map, const struct vs_rejected *reject, struct vs_err *err)
{
    APPEND(map, rejects, reject_count, *reject);
}

enum vs_code vs_map_check_base(const struct vs_vocab_map *map, const char *map_path, const char *tokenizer, const char *model,
                               const struct vs_run *run, struct vs_err *err)
{
    char hex[VS_SHA256_HEX];
    struct vs_str expected = map->base_sha256;
    enum vs_code code = vs_sha256_path(tokenizer, run, hex, err);
    if (code || vs_str_is(expected, hex))
        return code;
    return vs_fail(err, VS_EMISMATCH, "%s was made for another tokenizer: %s has sha256 %.12s..., the map expects %.*s...; run vocab-merge on %s",
                   map_path, tokenizer, hex, expected.n > 12 ? 12 : (int)expected.n, expected.p ? expected.p : "", model);
}
