/* SPDX-License-Identifier: Apache-2.0
 *
 * --tokenizer DIR names the new tokens, not what they are made of. vocab-merge leaves that beside its tokenizer, in
 * vocab-map.json: where that map speaks of these very tokens, their rows begin as with --map.
 */
#include <stdio.h>
#include "base/io.h"
#include "plan/extend.h"

/* Every new token of the map has its id in the tokenizer; the tokenizer has been compared with MODEL's already. */
static bool fits(const struct vs_planner *p, const struct vs_vocab_map *map, const struct vs_tokenizer *t, char why[300])
{
    char here[100], there[100];
    for (uint32_t i = 0; i < map->new_count; i++) {
        const struct vs_new_token *n = &map->news[i];
        struct vs_str is = n->id < t->rows_needed ? vs_token_text(t, n->id) : (struct vs_str){0};
        if (!is.p || !vs_str_eq(is, n->token)) {
            snprintf(why, 300, "id %u is \"%s\" there and %s%s%s in the tokenizer", n->id, vs_escape(there, sizeof there, n->token), is.p ? "\"" : "",
                     is.p ? vs_escape(here, sizeof here, is) : "absent", is.p ? "\"" : "");
            return false;
        }
        for (uint32_t k = 0; k < n->piece_count; k++)
            if (n->pieces[k] >= p->x->rows_before) {
                snprintf(why, 300, "id %u is made of piece %u there, and the table has %llu rows", n->id, n->pieces[k],
                         (unsigned long long)p->x->rows_before);
                return false;
            }
    }
    return true;
}

static enum vs_code take(struct vs_planner *p, const struct vs_vocab_map *map, const char *path, struct vs_err *err)
{
    uint32_t known = 0;
    for (uint32_t i = 0; i < map->new_count; i++) {
        struct vs_extend_token *t = map->news[i].piece_count ? vs_extend_token_at(p->x, map->news[i].id) : NULL;
        if (!t)
            continue;
        t->pieces = map->news[i].pieces;
        t->piece_count = map->news[i].piece_count;
        known++;
    }
    return known ? vs_plan_note(p->plan, err, "%.300s says what %u of the %u new tokens are made of", path, known, p->x->token_count) : VS_OK;
}

enum vs_code vs_extend_find_pieces(struct vs_planner *p, const struct vs_tokenizer *t, struct vs_err *err)
{
    const char *dir = p->request->tokenizer;
    const char *path = vs_path_is_dir(dir) ? vs_path_join(p->arena, dir, "vocab-map.json") : "";
    struct vs_vocab_map **map = &p->plan->impl->pieces;
    char reason[300];
    if (!path)
        return vs_enomem(err, dir, 0);
    if (!*path || !p->x->token_count || !vs_path_exists(path))
        return VS_OK;
    enum vs_code code = vs_vocab_map_read(path, map, err);
    if (code) /* not passed over: rows would silently begin as something else */
        return code;
    return fits(p, *map, t, reason) ? take(p, *map, path, err) : vs_plan_note(p->plan, err, "%.300s is not used: %s", path, reason);
}
