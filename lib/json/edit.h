/* SPDX-License-Identifier: Apache-2.0
 *
 * Editing JSON by byte-range splice: only the bytes that must change do, formatting and key order stay.
 */
#ifndef VS_JSON_EDIT_H
#define VS_JSON_EDIT_H

#include "base/str.h"
#include "json/dom.h"

struct vs_splice { size_t begin, end; struct vs_str with; size_t order; };

/* The object without members that is being filled, and how its members are laid out. */
struct vs_fill { const struct vs_jval *object; bool begun; struct vs_str before, colon, after; };

struct vs_edits { /* {0} is empty; texts live in the arena */
    struct vs_arena arena;
    struct vs_splice *items;
    size_t count;
    struct vs_fill fill;
};

/* Replaces [begin, end) of the original text; an insertion has begin == end (several at one place keep call order). */
enum vs_code vs_edit(struct vs_edits *e, size_t begin, size_t end, struct vs_str with, struct vs_err *err) VS_NODISCARD;
/* Adds "key": value as the last member of an object, in the object's own indentation and separators. value is JSON text. */
enum vs_code vs_edit_add_member(struct vs_edits *e, const struct vs_jdoc *d, const struct vs_jval *object, const char *key,
                                struct vs_str value, struct vs_err *err) VS_NODISCARD;
/* The edited text. Overlapping splices are VS_EUSAGE: a defect of the caller, named by its place. */
enum vs_code vs_edits_apply(struct vs_edits *e, const char *file, struct vs_str text, struct vs_buf *out, struct vs_err *err) VS_NODISCARD;
void vs_edits_free(struct vs_edits *e); /* accepts {0}; leaves {0} */

#endif
