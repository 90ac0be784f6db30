/* SPDX-License-Identifier: Apache-2.0
 *
 * What is inside a planned merge. merge.c plans it, merge_build.c gives the ids, merge_write.c writes and proves it.
 */
#ifndef VS_PLAN_MERGE_H
#define VS_PLAN_MERGE_H

#include "plan/fold.h"
#include "tokenizer/save.h"

struct vs_merge {
    struct vs_arena arena;
    struct vs_tokenizer *base;
    struct vs_checkpoint *checkpoint;   /* NULL when BASE has no model files */
    struct vs_vocab_map *map;
    struct vs_merge_report report;
    struct vs_save save;
    bool no_text;                       /* the base's pipeline has a component that is not handled: nothing is tried on text */
    const char *base_dir;               /* of the siblings; NULL when BASE is a tokenizer.json that stands alone */
    const char **inputs; size_t input_count; /* paths that must not be written to */
    const char **notes;                 /* those of the report, where they can be added to */
    struct vs_outdir *staged;           /* between stage and commit */
};

enum vs_code vs_merge_note(struct vs_merge *m, struct vs_err *err, const char *fmt, ...) VS_PRINTF(3, 4) VS_NODISCARD;

void vs_merge_unstage(struct vs_merge *m); /* removes what was staged and not committed */

/* Tokens that are asked for by their text. */
struct vs_wish { struct vs_str source; bool special; };
struct vs_wishes {
    struct vs_wish *items;
    struct vs_str *contents;
    size_t count;
    size_t odd_lines, first_odd; /* lines of the tokens file with blanks at their ends or carriage returns; number of the first */
};
/* Those of --add-token, --add-special and --tokens-file, in this order, without repetitions (the first one counts). */
enum vs_code vs_merge_wishes(const struct vs_merge_request *request, const struct vs_tokenizer *base, struct vs_arena *arena,
                             struct vs_wishes *out, struct vs_err *err) VS_NODISCARD;
/* Tokens that a note is about: the first ones by name; fmt and what follows say how one is named. */
struct vs_named { struct vs_buf text; uint32_t count; };
void vs_name_one(struct vs_named *list, const char *fmt, ...) VS_PRINTF(2, 3);
/* Does t give the id for the text, alone, or with a neighbour before it, after it, or both, that does not give it by itself? witness: room,
 * {0} at first. */
struct vs_witness { struct vs_buf text; struct vs_ids ids; };
enum vs_code vs_comes_out(const struct vs_tokenizer *t, struct vs_str text, uint32_t id, struct vs_witness *witness, bool *found,
                          struct vs_err *err) VS_NODISCARD;
void vs_witness_free(struct vs_witness *witness);
/* Fills the map and what is saved. count candidates, as the fold knows them. */
enum vs_code vs_merge_build(struct vs_merge *m, const struct vs_fold *fold, const struct vs_candidate *candidates, uint32_t count,
                            const struct vs_wishes *wishes, const struct vs_run *run, struct vs_err *err) VS_NODISCARD;

#endif
