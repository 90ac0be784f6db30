/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab-map.json: one entry a line, so that a diff of two maps can be read.
 */
#include "base/str.h"
#include "plan/vocab_map.h"

static void put_id(struct vs_buf *b, uint32_t id)
{
    if (id == VS_NO_ID)
        vs_buf_puts(b, "null");
    else
        vs_buf_printf(b, "%u", id);
}

static void put_source(struct vs_buf *b, struct vs_str source, uint32_t source_id)
{
    vs_buf_puts(b, ", \"source\": ");
    vs_buf_json_str(b, source);
    vs_buf_puts(b, ", \"source_id\": ");
    put_id(b, source_id);
}

static void put_new(struct vs_buf *b, const struct vs_new_token *t)
{
    vs_buf_printf(b, "{\"id\": %u, \"token\": ", t->id);
    vs_buf_json_str(b, t->token);
    vs_buf_printf(b, ", \"kind\": \"%s\"", vs_new_kind_name(t->kind));
    put_source(b, t->source, t->source_id);
    vs_buf_puts(b, ", \"pieces\": [");
    for (uint32_t i = 0; i < t->piece_count; i++)
        vs_buf_printf(b, "%s%u", i ? ", " : "", t->pieces[i]);
    vs_buf_puts(b, "]}");
}

static void put_overlap(struct vs_buf *b, const struct vs_overlap *o)
{
    vs_buf_puts(b, "{\"token\": ");
    vs_buf_json_str(b, o->token);
    put_source(b, o->source, o->source_id);
    vs_buf_printf(b, ", \"id\": %u%s}", o->id, o->made_special ? ", \"kind\": \"special\"" : "");
}

static void put_reject(struct vs_buf *b, const struct vs_rejected *r)
{
    vs_buf_puts(b, "{\"token\": ");
    vs_buf_json_str(b, r->token);
    put_source(b, r->source, r->source_id);
    vs_buf_puts(b, ", \"reason\": ");
    vs_buf_json_str(b, r->reason);
    vs_buf_puts(b, "}");
}

static const char *before(uint32_t i)
{
    return i ? ",\n    " : "\n    ";
}

enum vs_code vs_vocab_map_write(const struct vs_vocab_map *map, struct vs_buf *b, struct vs_err *err)
{
    vs_buf_puts(b, "{\n  \"schema\": \"" VS_VOCAB_MAP_SCHEMA "\",\n  \"base\": {\"path\": ");
    vs_buf_json_str(b, map->base_path);
    vs_buf_puts(b, ", \"sha256\": ");
    vs_buf_json_str(b, map->base_sha256);
    vs_buf_printf(b, ", \"rows_needed\": %u},\n  \"rows_needed\": %u,\n  \"new\": [", map->base_rows_needed, map->rows_needed);
    for (uint32_t i = 0; i < map->new_count; i++) {
        vs_buf_puts(b, before(i));
        put_new(b, &map->news[i]);
    }
    vs_buf_puts(b, map->new_count ? "\n  ],\n  \"overlap\": [" : "],\n  \"overlap\": [");
    for (uint32_t i = 0; i < map->overlap_count; i++) {
        vs_buf_puts(b, before(i));
        put_overlap(b, &map->overlaps[i]);
    }
    vs_buf_puts(b, map->overlap_count ? "\n  ],\n  \"rejected\": [" : "],\n  \"rejected\": [");
    for (uint32_t i = 0; i < map->reject_count; i++) {
        vs_buf_puts(b, before(i));
        put_reject(b, &map->rejects[i]);
    }
    vs_buf_puts(b, map->reject_count ? "\n  ]\n}\n" : "]\n}\n");
    return b->failed ? vs_enomem(err, "the vocabulary map", b->n) : VS_OK;
}
