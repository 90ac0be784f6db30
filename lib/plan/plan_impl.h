/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plan owns, and what embed-extend knows beyond the printable part of it.
 */
#ifndef VS_PLAN_IMPL_H
#define VS_PLAN_IMPL_H

#include <vs/plan.h>
#include "base/mem.h"
#include "base/sha256.h"

enum vs_row_state { VS_ROW_FROZEN, VS_ROW_TRAINABLE, VS_ROW_INERT };
const char *vs_row_state_name(enum vs_row_state state);
const char *vs_init_name(enum vs_init_method method); /* "mean" ... */

/* A new token: what the rows of one id are made from, for the input (and per-layer) tables and for head and bias. */
struct vs_extend_token {
    uint64_t id;                 /* in the output's numbering */
    struct vs_str token;         /* empty for rows that were asked for by number */
    const uint32_t *pieces; uint32_t piece_count;
    struct vs_init in, out;      /* resolved: never VS_INIT_DEFAULT */
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
    uint64_t base_needed;        /* rows below are in use before: frozen */
    uint64_t needed;             /* initialised rows below belong to a token: trainable; at or above: padding, inert */
    uint64_t spare_used;         /* rows that existed and become tokens */
    uint64_t *in_use;            /* bitmap over base rows that carry a token; NULL = all of them */
    struct vs_extend_token *tokens; uint32_t token_count; /* ascending id */
    struct vs_file_layout *layouts;   /* one per checkpoint file */
    struct vs_str index;         /* text of the index of the output; p NULL when the input has none */
    bool *maybe_tied;            /* per plan table: a stored head that the config calls tied to plan.tables[0]; its bytes will say */
    bool pieces_known;           /* of a new token at least */
    bool out_given;              /* --out-init differs from --in-init: contradicts a tied head */
};

/* A file of the model before anything of it was read: what is changed in place must still be that one. */
struct vs_file_mark { const char *name; uint64_t size, inode; int64_t mtime_ns; };

struct vs_plan_impl {
    struct vs_file_mark *marks; uint32_t mark_count; /* of offset-patch: files of DIR, by name */
    struct vs_arena arena;             /* owns everything the plan points to */
    struct vs_checkpoint *checkpoint;  /* owned; NULL when the plan has none */
    struct vs_extend *extend;          /* in the arena; NULL for offset-patch */
    struct vs_vocab_map *pieces;       /* owned; the map beside --tokenizer, of which only the pieces are used */
};

/* An empty plan with its impl; NULL when memory is short. */
struct vs_plan *vs_plan_new(void);
/* notes, files and changes grow by these functions only; the plan frees the lists, the arena what they point to. */
enum vs_code vs_plan_note(struct vs_plan *plan, struct vs_err *err, const char *fmt, ...) VS_PRINTF(3, 4) VS_NODISCARD;
enum vs_code vs_plan_add_file(struct vs_plan *plan, const struct vs_file_plan *file, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_plan_add_change(struct vs_plan *plan, const struct vs_json_change *change, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_plan_add_invariant(struct vs_plan *plan, const struct vs_invariant *invariant, struct vs_err *err) VS_NODISCARD;

/* The map is for the tokenizer.json of the model. Without one (NULL) nothing can be compared, which a note says. */
enum vs_code vs_plan_check_map(struct vs_plan *plan, const char *map, const char *tokenizer, const char *model, const struct vs_run *run,
                               struct vs_err *err) VS_NODISCARD;

bool vs_plan_has_file(const struct vs_plan *plan, const char *name);
void vs_plan_sort_files(struct vs_plan *plan); /* by name, once all are there */
/* Files through which a tokenizer is loaded; of a merge they come with the map. */
bool vs_is_tokenizer_file(const char *name);

#endif
