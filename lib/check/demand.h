/* SPDX-License-Identifier: Apache-2.0
 *
 * L1 as rules over headers: of every tensor of the base, which bytes of the checked model must be the same. Told to whoever reads
 * the weights beforehand, and proven in the end, by one walk.
 */
#ifndef VS_CHECK_DEMAND_H
#define VS_CHECK_DEMAND_H

#include "check/checker.h"

enum demand_kind {
    NO_DEMAND,   /* it may be absent, and is */
    RECAST,      /* it is there in another dtype: no bytes can meet it, values may */
    UNMET,       /* no bytes can meet it; found and expected say why */
    SAME_BYTES,  /* all of it */
    KEPT_ROWS,   /* ranges that the receipt says were kept, of a table that no name tells */
    FROZEN_ROWS, /* of a table that grows with the vocabulary: those whose place no new token took */
};

struct demand {
    enum demand_kind kind;
    const struct vs_tensor *x, *y;        /* of the base; of the checked model, or NULL */
    const char *found, *expected;         /* of UNMET and KEPT_ROWS: the words of a finding */
    const struct vs_table *before, *after;
    uint64_t row_bytes;
    /* pieces that are still to come */
    const struct vs_jval *range;
    uint64_t row, at, end, by;            /* of the base: rows [0, at) are at the same place now, [at, end) behind `by` inserted ones */
    bool taken;
};

/* Bytes that must be equal: rows of `unit` bytes, the first one with this id in the checked model; or one unit. */
struct piece { struct vs_same_bytes at; uint64_t unit, id; };

struct demand vs_demand_of(const struct checker *k, const struct vs_tensor *x); /* x: of the base; see vs_can_prove() */
bool vs_next_piece(const struct checker *k, struct demand *d, struct piece *out); /* false: that was all */

#endif
