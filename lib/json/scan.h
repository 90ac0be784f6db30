/* SPDX-License-Identifier: Apache-2.0
 *
 * Strict pull scanner for JSON (RFC 8259): integer-exact, with byte spans, no tree. What it refuses beyond the RFC:
 * byte order mark, invalid UTF-8, raw control characters, lone surrogates, NUL in names, depth above VS_JSON_DEPTH,
 * anything but white space after the document, NaN and Infinity. Errors say file, byte, line, what was found.
 *
 * Errors stick: after the first one every call returns false, so a caller asks vs_json_end() once.
 *
 *     vs_json_begin(&j, file, text, n, arena);
 *     vs_json_object(&j);
 *     while (vs_json_key(&j, &key)) {
 *         if (vs_str_is(key, "vocab")) ... else vs_json_skip(&j, NULL);
 *     }
 *     return vs_json_end(&j, err);
 */
#ifndef VS_JSON_SCAN_H
#define VS_JSON_SCAN_H

#include <stdbool.h>
#include <vs/err.h>
#include "base/mem.h"

#define VS_JSON_DEPTH 64

enum vs_json_type { VS_JSON_NONE, VS_JSON_NULL, VS_JSON_FALSE, VS_JSON_TRUE, VS_JSON_NUMBER, VS_JSON_STRING, VS_JSON_ARRAY, VS_JSON_OBJECT };

struct vs_span { size_t begin, end; }; /* bytes of the text, half-open; of a string: quotes included */

struct vs_json {
    const char *file;      /* for messages */
    const char *text;
    size_t n, at;
    struct vs_arena *arena;/* where strings with escapes are decoded to */
    unsigned depth;
    bool first[VS_JSON_DEPTH + 1], object[VS_JSON_DEPTH + 1];
    struct vs_span key_span; /* of the last name that vs_json_key returned, quotes included */
    bool failed;
    struct vs_err error;
};

void vs_json_begin(struct vs_json *j, const char *file, const char *text, size_t n, struct vs_arena *arena);
enum vs_code vs_json_end(struct vs_json *j, struct vs_err *err) VS_NODISCARD; /* the first error, or trailing text */

enum vs_json_type vs_json_peek(struct vs_json *j); /* type of the next value; VS_JSON_NONE on error */
bool vs_json_object(struct vs_json *j);            /* enters '{' */
bool vs_json_key(struct vs_json *j, struct vs_str *key); /* next key, decoded; false at '}' (which it consumes) or on error */
bool vs_json_array(struct vs_json *j);             /* enters '[' */
bool vs_json_item(struct vs_json *j);              /* true when another element follows; false at ']' (consumed) */
bool vs_json_string(struct vs_json *j, struct vs_str *s); /* decoded: into text when it has no escape, else into the arena */
bool vs_json_u64(struct vs_json *j, uint64_t *v);  /* integer lexeme 0 .. 2^64-1: no sign, fraction, exponent */
bool vs_json_i64(struct vs_json *j, int64_t *v);   /* integer lexeme, -0 refused */
bool vs_json_f64(struct vs_json *j, double *v);    /* any number; locale-independent, correctly rounded */
bool vs_json_bool(struct vs_json *j, bool *v);
bool vs_json_null(struct vs_json *j);
bool vs_json_skip(struct vs_json *j, struct vs_span *span); /* any value, fully checked; its span (span may be NULL) */
/* Reports a fact the caller found (wrong type, duplicate key ...) at the current place; sticks; returns false. */
bool vs_json_fail(struct vs_json *j, enum vs_code code, const char *fmt, ...) VS_PRINTF(3, 4);

#endif
