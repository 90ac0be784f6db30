/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include "catalogue.h"

const struct bad bad_tokenizer[] = {
    {NULL, BAD_TOKENIZER, VS_OK, NULL, NULL, NULL, 0},
};
