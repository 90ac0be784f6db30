/* SPDX-License-Identifier: Apache-2.0
 *
 * Against the map and the base: is this what the extension was meant to be?
 */
#include <string.h>
#include "check/checker.h"

static void map_rows(struct checker *k)
{
    const struct vs_vocab_map *map = k->impl->map;
    if (!k->input || k->input->rows >= map->rows_needed || vs_only_ids_moved(k))
        return;
    vs_say_table(k, k->c, k->input);
    vs_say(k, "found", "%llu", (unsigned long long)k->input->rows);
    vs_say(k, "expected", "%u", map->rows_needed);
    vs_say_also(k, k->r->map, "/rows_needed");
    vs_found(k, "VOC120");
}

static void map_ids(struct checker *k)
{
    const struct vs_vocab_map *map = k->impl->map;
    const char *beside = NULL;
    if (k->c && vs_beside(k, k->c, "vocab-map.json", &beside))
        k->stopped = true;
    for (uint32_t i = 0; k->t && !k->stopped && i < map->new_count; i++) {
        uint32_t id = vs_token_id(k->t, map->news[i].token);
        if (id == map->news[i].id)
            continue;
        vs_say(k, "file", "%s", vs_path_base(k->t->path));
        vs_say_text(k, "token", map->news[i].token);
        vs_say(k, "found", id == VS_NO_ID ? "absent" : "%u", id);
        vs_say(k, "here", id == VS_NO_ID ? "is absent" : "is id %u", id);
        vs_say(k, "right", "%s", beside && strcmp(beside, k->r->map) != 0 ? beside :
               "the vocab-map.json that was written with these tokenizer files");
        vs_say(k, "expected", "%u", map->news[i].id);
        vs_say(k, "also_file", "%s", k->r->map);
        vs_say(k, "also_at", "/new/%u", i);
        vs_found(k, "VOC121");
        return; /* one tells the story */
    }
}

static void shrunk(struct checker *k)
{
    const struct vs_checkpoint *b = k->impl->base->checkpoint;
    const struct vs_table *before = b ? vs_checkpoint_table(b, VS_ROLE_INPUT) : NULL;
    if (!before || !k->input || k->input->rows >= before->rows)
        return;
    vs_say_table(k, k->c, k->input);
    vs_say(k, "found", "%llu", (unsigned long long)k->input->rows);
    vs_say(k, "expected", "%llu", (unsigned long long)before->rows);
    vs_say_also_table(k, b, before);
    vs_found(k, "VOC118");
}

void vs_rules_pair(struct checker *k)
{
    if (k->impl->map) {
        map_rows(k);
        map_ids(k);
    }
    if (k->impl->base && !k->impl->another_model)
        shrunk(k);
}
