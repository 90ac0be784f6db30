/* SPDX-License-Identifier: Apache-2.0
 *
 * Hash map from byte strings to u32. Keys are borrowed: they must outlive the map. Seeded per process against
 * hash flooding, so iteration order is never used: keep your own array for order.
 */
#ifndef VS_BASE_MAP_H
#define VS_BASE_MAP_H

#include <vs/err.h>

#define VS_NONE UINT32_MAX /* "no such id": never a valid value in a map */

struct vs_map_slot;
struct vs_map { /* {0} is an empty map */
    struct vs_map_slot *slots;
    size_t count, cap;
};

/* Sets key to value. *old receives the previous value or VS_NONE (old may be NULL). False when memory is short. */
VS_NODISCARD int vs_map_put(struct vs_map *m, struct vs_str key, uint32_t value, uint32_t *old);
VS_NODISCARD int vs_map_reserve(struct vs_map *m, size_t count); /* false when memory is short */
uint32_t vs_map_get(const struct vs_map *m, struct vs_str key);  /* VS_NONE when absent */
void vs_map_free(struct vs_map *m);                              /* accepts {0}; leaves {0} */

uint64_t vs_hash_bytes(const void *p, size_t n, uint64_t seed); /* fast, not cryptographic; stable across machines */
uint64_t vs_hash_seed(const void *salt); /* another one for every table, not to be guessed; never 0 */

#endif
