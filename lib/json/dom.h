/* SPDX-License-Identifier: Apache-2.0
 *
 * A small document in memory: configs, maps, receipts, rule files. Built by the strict scanner, so every value keeps
 * its exact bytes (span) and duplicate keys anywhere are an error. Not for tokenizer.json: that one is scanned.
 */
#ifndef VS_JSON_DOM_H
#define VS_JSON_DOM_H

#include "base/str.h"
#include "json/scan.h"

#define VS_JSON_FILE_MAX (1ull << 30)

struct vs_jval {
    enum vs_json_type type;
    struct vs_span span;       /* of the value */
    struct vs_span key_span;   /* of its key with quotes; {0,0} outside objects */
    struct vs_str key;         /* decoded; empty outside objects */
    struct vs_str str;         /* decoded, for strings */
    struct vs_jval *child, *next; /* members or elements in file order */
    struct vs_jval *last;      /* of the children */
    uint32_t count;            /* of children */
};

struct vs_jdoc {
    struct vs_arena arena;     /* owns everything, the text too */
    const char *file;
    struct vs_str text;
    struct vs_jval *root;
};

enum vs_code vs_jdoc_read(const char *path, struct vs_jdoc *out, struct vs_err *err) VS_NODISCARD; /* a file */
enum vs_code vs_jdoc_parse(const char *file, struct vs_str text, struct vs_jdoc *out, struct vs_err *err) VS_NODISCARD; /* copies text */
void vs_jdoc_free(struct vs_jdoc *d); /* accepts {0}; leaves {0} */

/* Member by exact name; NULL when v is NULL, no object, or lacks it. Linear: for small objects. */
const struct vs_jval *vs_jget(const struct vs_jval *v, const char *key);
const struct vs_jval *vs_jpath(const struct vs_jval *v, const char *pointer); /* JSON Pointer "/a/0/b", RFC 6901 escapes */
/* Values by type: false when v is NULL or of another type. Integers are exact; 1.0 is not an integer. */
bool vs_ji64(const struct vs_jdoc *d, const struct vs_jval *v, int64_t *out);
bool vs_jf64(const struct vs_jdoc *d, const struct vs_jval *v, double *out);
bool vs_jbool(const struct vs_jval *v, bool *out);
bool vs_jstr(const struct vs_jval *v, struct vs_str *out);
/* Appends one step of a JSON Pointer: "/key" with the escapes of RFC 6901. */
void vs_buf_pointer(struct vs_buf *at, struct vs_str key);
/* "line 3, column 14" of a value, for messages; writes into out and returns it. */
const char *vs_jplace(const struct vs_jdoc *d, const struct vs_jval *v, char out[64]);

#endif
