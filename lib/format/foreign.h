/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of formats that are not read, told by their names alone: nothing in them is looked at.
 */
#ifndef VS_FORMAT_FOREIGN_H
#define VS_FORMAT_FOREIGN_H

/* What the file holds, in words for a message: "GGUF weights"; NULL for other names. */
const char *vs_foreign_weights(const char *name);
const char *vs_foreign_tokenizer(const char *name);

#endif
