/* SPDX-License-Identifier: Apache-2.0
 *
 * What embed-extend knows beyond the printable part of a plan: where every byte of its output comes from.
 */
#ifndef VS_PLAN_RECIPE_H
#define VS_PLAN_RECIPE_H

#include <vs/plan.h>

enum vs_row_state { VS_ROW_FROZEN, VS_ROW_TRAINABLE, VS_ROW_INERT };
const char *vs_row_state_name(enum vs_row_state state);
const char *vs_init_name(enum vs_init_method method); /* "mean" ... */

/* Do the rows of b lie behind those of a, made in the same way? */
static inline bool vs_init_continues(const struct vs_row_init *a, const struct vs_row_init *b)
{
    return b->row == a->row + a->count && a->init.method == b->init.method && a->init.copy_id == b->init.copy_id;
}

/* A new token: what the rows of one id are made from, for the input (and per-layer) tables and for head and bias. Ids that were asked for by
 * number are runs: millions of them take no more room than one. */
struct vs_extend_token {
    uint64_t id, count;          /* in the output's numbering; count is 1 where there is a text */
    struct vs_str token;         /* as in the vocabulary; empty for rows that were asked for by number */
    bool bytes;                  /* spelled in the byte alphabet, so that people read it otherwise */
    const uint32_t *pieces; uint32_t piece_count;
    struct vs_init in, out;      /* resolved: never VS_INIT_DEFAULT */
    bool by_file;                /* --init-file said so */
};

/* Part of a rewritten weight file: unchanged bytes of the input, or a table (table != VS_NO_TABLE). */
#define VS_NO_TABLE UINT32_MAX
struct vs_segment { uint64_t from, to, size; uint32_t table; /* position in plan.tables[] */ };

/* One weight file of the output. Without a header it is the input's file, unread. */
struct vs_file_layout {
    struct vs_str header;        /* 8 length bytes and the JSON text; p NULL when the file is untouched */
    uint64_t size;               /* bytes of the output file */
    struct vs_segment *segments; uint32_t segment_count; /* ascending to */
};

struct vs_extend {
    uint64_t rows_before, rows_after; /* of the text table */
    uint64_t base_needed;        /* rows below are in use before: frozen; at most rows_before */
    uint64_t needed;             /* initialised rows below belong to a token: trainable; at or above: padding, inert */
    uint64_t named;              /* tokens end there: --rows and --add ask for rows that carry none */
    uint64_t spare_used;         /* rows that existed and become tokens */
    uint64_t *in_use;            /* bitmap over base rows that carry a token; NULL = all of them */
    struct vs_extend_token *tokens; uint32_t token_count; /* ascending id */
    uint64_t id_count;           /* ids of all tokens[] */
    struct vs_file_layout *layouts;   /* one per checkpoint file */
    struct vs_str index;         /* text of the index of the output; p NULL when the input has none */
    bool *maybe_tied;            /* per plan table: a stored head that the config calls tied to plan.tables[0]; its bytes will say */
    bool pieces_known;           /* of a new token at least */
};

/* Of a plan of embed-extend; NULL for one of offset-patch. */
const struct vs_extend *vs_plan_recipe(const struct vs_plan *plan);

#endif
