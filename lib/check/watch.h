/* SPDX-License-Identifier: Apache-2.0
 *
 * What a check expects of the bytes of a checkpoint, told beforehand: whoever reads them, for whatever purpose, then proves it
 * on the way. Only what nobody read, or what is unlike, has to be read for the proof's own sake.
 *
 *     new -> same, hash ... -> begin -> (a reader's tap) -> end -> unknown, hash_of ... -> free
 */
#ifndef VS_CHECK_WATCH_H
#define VS_CHECK_WATCH_H

#include <vs/checkpoint.h>
#include "base/sha256.h"

/* Bytes [begin, end) of a file of the checked model, and where the base has the same ones. */
struct vs_same_bytes { uint32_t file; uint64_t begin, end; uint32_t base_file; uint64_t base_begin; };

struct vs_watch;
enum vs_code vs_watch_new(const struct vs_checkpoint *base, struct vs_watch **out, struct vs_err *err) VS_NODISCARD; /* base: or NULL */
void vs_watch_free(struct vs_watch *w); /* accepts NULL */

enum vs_code vs_watch_same(struct vs_watch *w, const struct vs_same_bytes *s, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_watch_hash(struct vs_watch *w, uint32_t file, uint64_t begin, uint64_t end, struct vs_err *err) VS_NODISCARD;
/* From here on it looks. Where expectations overlap, one is left to whoever has it. */
void vs_watch_begin(struct vs_watch *w);
const struct vs_tap *vs_watch_tap(const struct vs_watch *w); /* NULL for NULL */
void vs_watch_stop(struct vs_watch *w, bool at_change);      /* the reader is to stop at bytes unlike the base's; accepts NULL */

/* Before what was seen is asked for: files that are not what they were when they were read are forgotten. Accepts NULL. */
void vs_watch_end(struct vs_watch *w, const struct vs_checkpoint *checked);

/* All accept NULL: nothing is known then. The first part of s that nobody saw to be the base's; empty, at its end, when all of it was. */
struct vs_same_bytes vs_watch_unknown(const struct vs_watch *w, const struct vs_same_bytes *s);
const char *vs_watch_hash_of(const struct vs_watch *w, uint32_t file, uint64_t begin, uint64_t end); /* NULL: not seen from end to end, in order */
bool vs_watch_saw_change(const struct vs_watch *w); /* bytes unlike the base's, where equal ones were expected */

#endif
