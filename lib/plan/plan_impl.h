/* SPDX-License-Identifier: Apache-2.0
 *
 * What a plan owns, and how it grows.
 */
#ifndef VS_PLAN_IMPL_H
#define VS_PLAN_IMPL_H

#include <vs/plan.h>
#include "base/mem.h"
#include "base/sha256.h"
#include "plan/recipe.h"

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
/* A file that comes along unchanged, unless one of that name is there already; both are NULL when there was no memory for them. */
enum vs_code vs_plan_add_source(struct vs_plan *plan, const char *name, const char *source, struct vs_err *err) VS_NODISCARD;
/* A file with another text than source has (NULL: a new one). name and text are copied. */
enum vs_code vs_plan_add_text(struct vs_plan *plan, const char *name, const char *source, struct vs_str text, struct vs_err *err) VS_NODISCARD;
/* Everything is copied. at: the JSON Pointer; NULL when there was no memory for it. */
enum vs_code vs_plan_add_change(struct vs_plan *plan, const char *file, const char *at, struct vs_str before, struct vs_str after,
                                struct vs_err *err) VS_NODISCARD;
enum vs_code vs_plan_add_invariant(struct vs_plan *plan, const struct vs_invariant *invariant, struct vs_err *err) VS_NODISCARD;

/* The map is for the tokenizer.json of the model. Without one (NULL) nothing can be compared, which a note says. */
enum vs_code vs_plan_check_map(struct vs_plan *plan, const char *map, const char *tokenizer, const char *model, const struct vs_run *run,
                               struct vs_err *err) VS_NODISCARD;

bool vs_plan_has_file(const struct vs_plan *plan, const char *name);
void vs_plan_sort_files(struct vs_plan *plan); /* by name, once all are there */
/* Files through which a tokenizer is loaded; of a merge they come with the map. */
bool vs_is_tokenizer_file(const char *name);

#endif
