/* SPDX-License-Identifier: Apache-2.0
 *
 * The compiled-in files of schemas/: written by schemas/embed.c, read by data.c alone (use json/schema.h).
 */
#ifndef VS_JSON_DATA_H
#define VS_JSON_DATA_H

#include <vs/err.h>

struct vs_data_file { const char *name; struct vs_str text; };
extern const struct vs_data_file vs_data_files[]; /* sorted by name */
extern const size_t vs_data_file_count;

#endif
