/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions, read: a config or a GGUF file names numbers and a scaling, and what can be computed with becomes a vs_rope.
 *
 *     a config      rope_origin.c (which object has the numbers) -> rope_read.c (its members)
 *     a GGUF file   rope_read.c (theta; there are no members) -> rope_gguf.c (keys and tensors that scale)
 *
 * Both ask rope_part.c how much of a head is rotated, and rope_check.c about numbers that are none for the formulas: a GGUF file
 * twice, before its keys and after, since these change the kind and what has to hold for it.
 *
 * Where a vs_obstacle is handed over, anything that cannot be computed with is told there: the code is VS_OK then, o->kind is set,
 * and what was read counts for nothing. Codes other than VS_OK are for files and memory.
 */
#ifndef VS_FORWARD_ROPE_READ_H
#define VS_FORWARD_ROPE_READ_H

#include <math.h>
#include "forward/arch.h"

/* Where a class has its numbers from: the setting of its theta; in a config also an object of this name, which may be absent (scaling.v
 * NULL), by_type where each type of layers has one. */
struct vs_rope_origin { const struct vs_describe *d; const char *theta, *object; struct vs_setting scaling; bool by_type; };

static inline bool vs_is_positive(double v)
{
    return v > 0 && isfinite(v);
}

/* Of a config: the object for full and the one for sliding layers, the same where the class has one set of numbers. */
void vs_rope_origins(const struct vs_describe *d, const struct vs_arch *a, struct vs_rope_origin *full, struct vs_rope_origin *sliding,
                     struct vs_obstacle *o);

/* v is NULL where the object is absent or has no such member; a null is there and stays one, since only some members may be null. */
struct vs_setting vs_rope_member(struct vs_setting object, const char *key);
/* Names the member as the place of the obstacle, in the config or in the description. */
void vs_rope_at_member(const struct vs_rope_origin *from, enum vs_obstacle_kind kind, const char *key, struct vs_obstacle *o);
/* The same with what is found there and what was expected, unless there is an obstacle already. */
void vs_rope_bad_member(const struct vs_rope_origin *from, const char *key, const char *expected, struct vs_obstacle *o);
void vs_rope_at_key(const struct vs_describe *d, const char *key, struct vs_obstacle *o); /* of a GGUF file */

/* Adds to r, which is read and not scaled, what the keys and tensors of the file scale; the factors live in the arena of a. */
enum vs_code vs_rope_scale_gguf(const struct vs_rope_origin *from, struct vs_arch *a, struct vs_rope *r, struct vs_obstacle *o,
                                struct vs_err *err) VS_NODISCARD;
/* Pairs of dimensions of a head that are rotated; 0 with an obstacle. */
uint32_t vs_rope_pairs(const struct vs_rope_origin *from, enum vs_rope_kind kind, uint32_t head_dim, struct vs_obstacle *o);
/* The first number that the formulas of r->kind cannot be computed with is the obstacle; the factors are not looked at. */
void vs_rope_check(const struct vs_rope_origin *from, const struct vs_rope *r, struct vs_obstacle *o);

#endif
