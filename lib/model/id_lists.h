/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids that the configs of a model name: which of them keep a row for themselves, and which stand in one list.
 */
#ifndef VS_MODEL_ID_LISTS_H
#define VS_MODEL_ID_LISTS_H

#include <vs/checkpoint.h>

/* Is the row of this id in use because a config names it, though no token has the id? Not of one that is only kept from being
 * generated: so spare rows are silenced. rows: of the text table. */
static inline bool vs_id_reserves(const struct vs_config_int *id, uint64_t rows)
{
    return id->value >= 0 && (uint64_t)id->value < rows && !id->suppressed;
}

/* Bytes of the pointer that lead to the key itself; all of it where the key is not in it. */
size_t vs_id_to_key(const struct vs_config_int *id);
bool vs_id_same_list(const struct vs_config_int *a, const struct vs_config_int *b);

#endif
