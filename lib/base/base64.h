/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VS_BASE_BASE64_H
#define VS_BASE_BASE64_H

#include "base/str.h"

/* Appends the bytes that a text in the standard alphabet, padded with "=", stands for (RFC 4648). False for any other text;
 * bytes may have been added then. A failed allocation shows in out->failed. */
bool vs_base64(struct vs_str text, struct vs_buf *out);

#endif
