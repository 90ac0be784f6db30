/* SPDX-License-Identifier: Apache-2.0
 *
 * What will be done, as data: the vocabulary map that vocab-merge writes, and the plan that merge, extend and patch
 * share. Planning reads no weights; --dry-run prints the very plan that is executed.
 *
 * Strings and lists of a request are the caller's and must live as long as the plan or merge that was made from them. Where a request
 * is passed again to write, it must say the same. Whoever gets an *out frees it; on failure there is nothing to free.
 */
#ifndef VS_PLAN_H
#define VS_PLAN_H

#include <vs/checkpoint.h>
#include <vs/output.h>
#include <vs/tokenizer.h>

VS_C_BEGIN

/* ---- vocab-map.json ---- */

enum vs_new_kind { VS_NEW_MERGED, VS_NEW_INTERMEDIATE, VS_NEW_ADDED, VS_NEW_SPECIAL };
const char *vs_new_kind_name(enum vs_new_kind kind); /* "merged" "intermediate" "added" "special" */

struct vs_new_token {
    uint32_t id;
    struct vs_str token;        /* as spelled in the vocabulary */
    enum vs_new_kind kind;
    struct vs_str source;       /* name of the extension, "--add-token", ... */
    uint32_t source_id;         /* VS_NO_ID -> null */
    const uint32_t *pieces; uint32_t piece_count; /* base ids, from symbols */
};
struct vs_overlap { struct vs_str token, source; uint32_t source_id, id; bool made_special; /* it was not a special token before */ };
struct vs_rejected { struct vs_str token, source, reason; uint32_t source_id; bool bytes; /* known to be spelled in the byte alphabet */ };

struct vs_vocab_map {
    struct vs_str base_path, base_sha256; /* of the base's tokenizer.json, 64 hex digits */
    uint32_t base_rows_needed, rows_needed;
    struct vs_new_token *news; uint32_t new_count; /* ascending id */
    struct vs_overlap *overlaps; uint32_t overlap_count;
    struct vs_rejected *rejects; uint32_t reject_count;
    const char *dir;            /* where it was read from: the tokenizer files beside it come along; NULL when built in memory */
    struct vs_map_impl *impl;   /* owner of the memory */
};

/* Refuses what schemas/vocab-map.schema.json does (the reader knows its rules: a map is too long to be held as a tree), and keys that
 * come twice; ids are unique and ascending, pieces below base_rows_needed. */
enum vs_code vs_vocab_map_read(const char *path, struct vs_vocab_map **out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_vocab_map_write(const struct vs_vocab_map *map, struct vs_buf *json, struct vs_err *err) VS_NODISCARD;
void vs_vocab_map_free(struct vs_vocab_map *map); /* accepts NULL */

/* ---- vocab-merge ---- */

struct vs_merge_request {
    const char *base;                       /* tokenizer or model directory, or tokenizer.json */
    const char *const *extensions; size_t extension_count;
    const char *const *add_tokens; size_t add_token_count;     /* AddedToken as tokenizer.add_tokens: normalized true */
    const char *const *add_specials; size_t add_special_count; /* as add_special_tokens: special true, normalized false */
    const char *tokens_file;                /* UTF-8, one token a line; NULL */
    struct vs_str tokens_text;              /* such lines themselves, from standard input; p NULL when there are none */
};

struct vs_merge;                            /* the planned merge */
struct vs_merge_report {                    /* for the tool's text */
    uint32_t base_tokens, extension_tokens;
    uint32_t shared, rejected, accepted;    /* these three make up extension_tokens */
    uint32_t known;                         /* tokens to add that the base has already: map->overlaps with source_id VS_NO_ID */
    uint32_t made_special;                  /* of the known ones: not special before */
    uint32_t new_total, intermediates, added; /* new_total = accepted + intermediates + added */
    uint32_t first_id, last_id;             /* of the new tokens; VS_NO_ID when there are none */
    uint32_t merged, reachable_by_merges;   /* new entries with a merge path of their own (intermediates too), and how many of them it makes */
    uint32_t text_checked, reachable_by_text; /* new tokens that a text can hold, and how many the written tokenizer gives for it */
    uint32_t parts;                         /* new tokens that no text can hold alone: parts of characters */
    bool text_tried;                        /* the three above were counted: not before the write, nor with a pipeline that is not handled */
    bool byte_level;                        /* how the vocabulary spells tokens that are no added ones */
    const char *const *notes; uint32_t note_count; /* for people: stale files left out, placeholders */
    uint32_t rows_needed; uint64_t model_rows; /* 0 when BASE has no weights */
    bool blocks;                            /* other ids follow the text of BASE, which moves them when it grows */
    const struct vs_vocab_map *map;
};
enum vs_code vs_merge_plan(const struct vs_merge_request *request, const struct vs_run *run, struct vs_merge **out, struct vs_err *err) VS_NODISCARD;
const struct vs_merge_report *vs_merge_report(const struct vs_merge *m);
/* Writes the tokenizer files and vocab-map.json; re-opens them and refuses (VS_EMISMATCH) when an id is not the one of the map. */
enum vs_code vs_merge_write(struct vs_merge *m, const char *out, bool force, const struct vs_run *run, struct vs_err *err) VS_NODISCARD;
/* The same in two steps: after the first all is proven and nothing visible; vs_merge_free without the second leaves nothing behind. */
enum vs_code vs_merge_stage(struct vs_merge *m, const char *out, bool force, const struct vs_run *run, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_merge_commit(struct vs_merge *m, struct vs_err *err) VS_NODISCARD;
void vs_merge_free(struct vs_merge *m);

/* ---- the shared plan ---- */

enum vs_init_method { VS_INIT_DEFAULT, VS_INIT_MEAN, VS_INIT_ZERO, VS_INIT_NORMAL, VS_INIT_COPY, VS_INIT_PIECES };
struct vs_init { enum vs_init_method method; uint32_t copy_id; };
bool vs_init_parse(const char *text, struct vs_init *out); /* "mean" "zero" "normal" "copy:ID" "pieces" */

/* Rows [begin, end) of the output come from rows [from, from + end - begin) of the input. */
struct vs_row_copy { uint64_t begin, end, from; };
/* Output rows [row, row + count) that are initialised, and how. Rows without a token (an empty one) come in runs; a token has a row of its own. */
struct vs_row_init { uint64_t row, count; struct vs_init init; struct vs_str token; const uint32_t *pieces; uint32_t piece_count; };

struct vs_table_plan {
    uint32_t table;                        /* position in checkpoint.tables[] */
    uint64_t rows_before, rows_after;
    uint64_t insert_at;                    /* where rows were inserted; rows_before for an append */
    struct vs_row_copy *copies; uint32_t copy_count;
    struct vs_row_init *inits; uint32_t init_count;     /* ascending row: every row that no copy gives */
    struct vs_init default_init;
};

/* One JSON edit: where, the old and the new JSON text (before is empty when the key is new). */
struct vs_json_change { const char *file, *at; struct vs_str before, after; };
/* A file of the output that is not weights: copied from source, or written as text. */
struct vs_file_plan { const char *name, *source; struct vs_str text; bool edited; };
struct vs_block { const char *name; uint64_t begin, end; const char *basis; /* what says so: "config.json /vision_config/vocab_offset" */ };
struct vs_invariant { const char *text; bool before, after; };

/* The id remap of one extension event: x < at ? x : x + by. by 0 = nothing moves. */
struct vs_shift { uint64_t at, by; };

struct vs_plan {
    struct vs_shift shift;
    struct vs_table_plan *tables; uint32_t table_count;
    struct vs_json_change *changes; uint32_t change_count;
    struct vs_file_plan *files; uint32_t file_count;    /* JSON, tokenizer and all other non-weight files of OUT */
    struct vs_block *blocks; uint32_t block_count;      /* before; in the order of the id space */
    struct vs_block *blocks_after; uint32_t blocks_after_count;
    struct vs_invariant *invariants; uint32_t invariant_count;
    const char **notes; uint32_t note_count;            /* for people: stale files left out, constants to change by hand */
    struct vs_vocab_map *map;                           /* renumbered when ids moved; NULL without a map */
    const struct vs_checkpoint *checkpoint;             /* borrowed; NULL for a directory without weights */
    struct vs_plan_impl *impl;
};
void vs_plan_free(struct vs_plan *plan); /* accepts NULL */
/* What became of a plan: where the output is, and the receipt in it. NULLs where there is none. */
struct vs_plan_done { const char *out, *receipt; };
/* Schema vocabsurgeon/plan/1; done is NULL for a plan that was not carried out. */
enum vs_code vs_plan_json(const struct vs_plan *plan, const struct vs_plan_done *done, struct vs_buf *json, struct vs_err *err) VS_NODISCARD;

/* ---- embed-extend ---- */

struct vs_extend_request {
    const char *model;
    const char *map, *tokenizer;           /* at most one of map, tokenizer, add, rows */
    int64_t add, rows;                     /* -1 = not given */
    uint64_t pad_multiple;                 /* 0 = none */
    struct vs_init init, in_init, out_init;/* VS_INIT_DEFAULT = not given */
    const char *init_file;
    const char *const *ignore; size_t ignore_count;  /* tensor names that are no tables */
    const char *const *tables; size_t table_count;   /* "NAME:axis=role" */
    bool hardlink, verify, force;
};
enum vs_code vs_extend_plan(const struct vs_extend_request *request, const struct vs_run *run, struct vs_plan **out, struct vs_err *err) VS_NODISCARD;

/* bytes_linked share their blocks with MODEL, by link or reflink; bytes_written do not. files_linked: weight files that are shared whole.
 * twin: a stored head that has the bytes of the input; loner: one that the config calls tied and that differs. Names of the plan, or empty. */
struct vs_extend_report {
    uint64_t bytes_total, bytes_written, bytes_linked;
    uint32_t files_linked, files_total;
    uint64_t freeze_until;
    struct vs_str twin, loner;
};
/* Executes the whole plan into the directory out, with receipt.json. Complete, but not visible before vs_outdir_commit(*staged), so that
 * what is told about it can be told before; *staged is NULL on error. */
enum vs_code vs_extend_stage(const struct vs_plan *plan, const struct vs_extend_request *request, const char *out, const struct vs_run *run,
                             struct vs_extend_report *report, struct vs_outdir **staged, struct vs_err *err) VS_NODISCARD;
/* The same, and committed. */
enum vs_code vs_extend_run(const struct vs_plan *plan, const struct vs_extend_request *request, const char *out,
                           const struct vs_run *run, struct vs_extend_report *report, struct vs_err *err) VS_NODISCARD;

/* ---- offset-patch ---- */

struct vs_patch_request { const char *dir, *map; int64_t add; /* -1 = not given */ bool check, force; };
enum vs_code vs_patch_plan(const struct vs_patch_request *request, const struct vs_run *run, struct vs_plan **out, struct vs_err *err) VS_NODISCARD;
/* The refusals of --in-place, before anything is written: links, no regular files, a Hugging Face cache, leftovers of a killed run. */
enum vs_code vs_patch_check_place(const struct vs_plan *plan, const struct vs_patch_request *request, struct vs_err *err) VS_NODISCARD;
/* The files of OUT, committed by vs_outdir_commit(*staged); *staged is NULL on error. */
enum vs_code vs_patch_stage(const struct vs_plan *plan, const struct vs_patch_request *request, const char *out, const struct vs_run *run,
                            struct vs_outdir **staged, struct vs_err *err) VS_NODISCARD;
/* The whole of it. Exactly one of out and in_place. */
enum vs_code vs_patch_write(const struct vs_plan *plan, const struct vs_patch_request *request, const char *out, bool in_place,
                            const struct vs_run *run, struct vs_err *err) VS_NODISCARD;
/* Invariants of the directory as it stands; blocks found. No edits in the plan. */
enum vs_code vs_patch_check(const char *dir, const struct vs_run *run, struct vs_plan **out, struct vs_err *err) VS_NODISCARD;

VS_C_END

#endif
