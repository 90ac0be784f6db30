/* SPDX-License-Identifier: Apache-2.0
 *
 * What schemas/ says of an opened checkpoint, for the rooms to the right.
 */
#ifndef VS_MODEL_DATA_H
#define VS_MODEL_DATA_H

#include <vs/checkpoint.h>
#include "json/dom.h"

/* The document of schemas/families that fits; NULL for none. Owned by the checkpoint. */
const struct vs_jdoc *vs_ckpt_family(const struct vs_checkpoint *c);
/* Does a glob of this list of model-keys.json match the name? */
bool vs_keys_match(const struct vs_checkpoint *c, const char *list, struct vs_str name);

#endif
