/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Schema, the part our own schemas use: type (name or list), properties, required, additionalProperties (bool or
 * schema), items, enum, const, minimum, maximum, minItems, minLength, pattern (PCRE2), oneOf, anyOf, $ref within one document
 * (#/$defs/NAME). An unknown keyword in one of our schemas is an error, so that nothing is silently unchecked.
 *
 * And the compiled-in data files (everything under schemas/).
 */
#ifndef VS_JSON_SCHEMA_H
#define VS_JSON_SCHEMA_H

#include "json/dom.h"

/* A compiled-in data file by its path below schemas/ ("families/gemma3n.json"), or the file of the same path in
 * data_dir when data_dir is not NULL and has it (parsed into out either way). */
enum vs_code vs_data_read(const char *data_dir, const char *name, struct vs_jdoc *out, struct vs_err *err) VS_NODISCARD;
/* Names below a folder of the data ("families/"), compiled-in and in data_dir, sorted, without duplicates. */
enum vs_code vs_data_list(const char *data_dir, const char *folder, struct vs_arena *a, const char ***names, size_t *count,
                          struct vs_err *err) VS_NODISCARD;

/* Checks doc against schemas/NAME.schema.json. The message names the JSON path, what was found and what was expected. */
enum vs_code vs_schema_check(const char *data_dir, const char *name, const struct vs_jdoc *doc, struct vs_err *err) VS_NODISCARD;

#endif
