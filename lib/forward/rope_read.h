/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions, read: a config or a GGUF file names numbers and a scaling, and what can be computed with becomes a vs_rope.
 *
 *     rope_origin.c (which object of the config) -> rope_read.c (its members) or rope_gguf.c (keys and tensors), both with
 *     rope_part.c (how much of a head) -> rope_check.c (numbers that are none for the formulas)
 */
#ifndef VS_FORWARD_ROPE_READ_H
#define VS_FORWARD_ROPE_READ_H

#include <math.h>
#include "forward/arch.h"

/* Where a class has its numbers from: the setting of its theta; in a config also an object of this name, which may be absent. */
struct rope_origin { const struct vs_describe *d; const char *theta, *object; struct vs_setting scaling; bool by_type; };

static inline bool is_positive(double v)
{
    return v > 0 && isfinite(v);
}

void vs_rope_origins(const struct vs_describe *d, const struct vs_arch *a, struct rope_origin *full, struct rope_origin *sliding,
                     struct vs_obstacle *o);

struct vs_setting vs_rope_member(struct vs_setting object, const char *key);
void vs_rope_at_member(const struct rope_origin *from, enum vs_obstacle_kind kind, const char *key, struct vs_obstacle *o);
/* Unless there is an obstacle already. */
void vs_rope_bad_member(const struct rope_origin *from, const char *key, const char *expected, struct vs_obstacle *o);
void vs_rope_at_key(const struct vs_describe *d, const char *key, struct vs_obstacle *o); /* of a GGUF file */

enum vs_code vs_rope_read(const struct rope_origin *from, struct vs_arch *a, struct vs_rope *r, double theta, struct vs_obstacle *o,
                          struct vs_err *err) VS_NODISCARD;
enum vs_code vs_rope_read_gguf(const struct rope_origin *from, struct vs_arch *a, struct vs_rope *r, double theta, bool scaled,
                               struct vs_obstacle *o, struct vs_err *err) VS_NODISCARD;
uint32_t vs_rope_pairs(const struct rope_origin *from, enum vs_rope_kind kind, uint32_t head_dim, struct vs_obstacle *o);
void vs_rope_check(const struct rope_origin *from, const struct vs_rope *r, struct vs_obstacle *o);

#endif
