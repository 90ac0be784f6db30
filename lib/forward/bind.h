/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files that bind the roles of a description to the tensors of a checkpoint: how names are spelled, and what is said
 * of a tensor that does not fit.
 */
#ifndef VS_FORWARD_BIND_H
#define VS_FORWARD_BIND_H

#include "forward/arch.h"

/* ---- bind_name.c ---- */

enum vs_part { VS_PART_WHOLE, VS_PART_STACK, VS_PART_BY_HEAD, VS_PART_INTERLEAVE };

/* One spelling of a role: the name without its suffix, and how the rows lie. */
struct vs_side {
    struct vs_str name, suffix[3]; /* weight, bias, scales */
    enum vs_part part;
    uint32_t nth;
    bool transposed;
};

struct vs_names { const struct vs_describe *d; char prefix[128]; };

/* The prefix under which the first layer stands: of the description's, the first whose queries are there. */
void vs_names_begin(struct vs_names *n, const struct vs_describe *d);
/* "layers.{l}.mlp.experts.{e}.w1" + suffix, behind the prefix unless it begins with '/'. */
const char *vs_name_spell(const struct vs_names *n, const struct vs_side *s, int suffix, uint32_t l, uint32_t e, char out[512]);
const struct vs_tensor *vs_name_look(const struct vs_names *n, const struct vs_side *s, int suffix, uint32_t l, uint32_t e); /* or NULL */
/* The spelling that the checkpoint uses: the first whose weight is there; the first of all when none is, and *weight is NULL. False: the
 * description has none. */
bool vs_name_choose(const struct vs_names *n, struct vs_setting role, uint32_t l, uint32_t e, struct vs_side *out,
                    const struct vs_tensor **weight);

/* ---- bind_shape.c: who says what shape a tensor should have, and what a refusal says of it ---- */

/* What a role is: its name in the description, sizes as used. */
struct vs_bound { const char *name; uint64_t rows, cols, stored_rows; bool vector; };

/* file and at: those of the tensor. */
void vs_obstacle_tensor(struct vs_obstacle *o, enum vs_obstacle_kind kind, const struct vs_describe *d, const struct vs_tensor *t);
/* VS_BAD_SHAPE: the shape found, the one expected of r, and whether the config, a default or other sizes say so. */
void vs_wrong_shape(struct vs_obstacle *o, const struct vs_describe *d, const struct vs_tensor *t, const struct vs_bound *r,
                    bool transposed);
void vs_wrong_dtype(struct vs_obstacle *o, const struct vs_describe *d, const struct vs_tensor *t, const char *expected); /* VS_BAD_DTYPE */

#endif
