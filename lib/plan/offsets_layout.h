/* SPDX-License-Identifier: Apache-2.0
 *
 * A rule applied to the files of one model: what the symbols are worth, whether the invariants hold, and the edits of
 * the configs that one extension event brings. Two readings of the same files are kept apart: before and after.
 */
#ifndef VS_PLAN_OFFSETS_LAYOUT_H
#define VS_PLAN_OFFSETS_LAYOUT_H

#include "json/edit.h"
#include "plan/offsets.h"
#include "plan/offsets_rule.h"

enum { VS_BEFORE, VS_AFTER };

/* Where JSON files come from. An absent file leaves *present false and is no error. */
struct vs_layout_source {
    enum vs_code (*read)(void *user, const char *name, struct vs_jdoc *doc, bool *present, struct vs_err *err);
    void *user;
};

struct vs_layout_file {
    const char *name;
    bool present;
    struct vs_jdoc doc[2];   /* an absent file is read as {} */
    struct vs_edits edits;
};

struct vs_layout_value {
    const struct vs_jval *found; /* NULL when absent */
    uint32_t spelling;           /* which of the symbol's places */
    bool known;                  /* value is an integer: found, or the class default */
    int64_t value;
};

struct vs_missing { uint32_t symbol; int64_t value; bool done; }; /* a class default that moved: to be written */

struct vs_layout {
    const struct vs_rule *rule;
    struct vs_plan *plan;        /* changes and invariants are appended to it; its arena owns all text */
    struct vs_layout_file *files; uint32_t file_count;
    uint32_t *file_of;           /* of a symbol */
    struct vs_layout_value *values[2];
    struct vs_block *blocks[2];  /* as in the rule, not sorted */
    int64_t total[2];
    struct vs_shift shift;
    const struct vs_config_int *ids; size_t id_count; /* special ids of the configs, for the rule's sweep; may be none */
    const struct vs_str *names; uint64_t first_new; uint32_t name_count; /* new tokens, for maps that list all tokens */
    struct vs_missing *missing; uint32_t missing_count;
    uint32_t check_at;           /* which check is next, in both passes */
    struct vs_buf violated[2];   /* what does not hold, with values */
};

/* Reads the files and the symbols; blocks and total as they stand. */
enum vs_code vs_layout_open(struct vs_layout *l, const struct vs_rule *rule, struct vs_plan *plan,
                            const struct vs_layout_source *source, struct vs_err *err) VS_NODISCARD;
void vs_layout_close(struct vs_layout *l); /* accepts {0} */

enum vs_code vs_layout_eval(const struct vs_layout *l, int pass, const char *text, int64_t *value, struct vs_err *err) VS_NODISCARD;
/* Records whether something holds. The same checks are made in the same order before and after. */
enum vs_code vs_layout_check(struct vs_layout *l, int pass, bool holds, struct vs_err *err, const char *fmt, ...) VS_PRINTF(5, 6) VS_NODISCARD;
/* The checks that need nothing but the configs. */
enum vs_code vs_layout_check_all(struct vs_layout *l, int pass, struct vs_err *err) VS_NODISCARD;
/* Does a block follow the one that grows? */
bool vs_layout_follows(const struct vs_layout *l);
/* Where the event inserts, once the checks hold; VS_EUNSUPPORTED when the rule allows no way to grow. */
enum vs_code vs_layout_event(struct vs_layout *l, uint64_t by, struct vs_err *err) VS_NODISCARD;
/* offsets_edit.c: edits every file for l->shift, and reads the result again. */
enum vs_code vs_layout_edit(struct vs_layout *l, struct vs_err *err) VS_NODISCARD;
/* offsets_defaults.c: l->missing[] as edits. */
enum vs_code vs_layout_write_defaults(struct vs_layout *l, struct vs_err *err) VS_NODISCARD;
/* An id that the configs name is one of this space: a field says so, or no field claims it and its file is swept. */
bool vs_layout_owns(const struct vs_layout *l, const struct vs_config_int *id);
enum vs_code vs_layout_read_values(struct vs_layout *l, int pass, struct vs_err *err) VS_NODISCARD;
/* A copy of a text that lives as long as the plan. */
enum vs_code vs_layout_keep(struct vs_layout *l, struct vs_str text, const char **out, struct vs_err *err) VS_NODISCARD;

/* Blocks in the order of the id space. */
void vs_blocks_sort(struct vs_block *blocks, uint32_t count);

#endif
