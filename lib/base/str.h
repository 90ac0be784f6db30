/* SPDX-License-Identifier: Apache-2.0
 *
 * Strings: slices, a growing buffer, UTF-8, and escaping for people.
 */
#ifndef VS_BASE_STR_H
#define VS_BASE_STR_H

#include <stdbool.h>
#include <string.h>
#include <vs/err.h>

#define VS_LIT(s) ((struct vs_str){(s), sizeof(s) - 1})

static inline struct vs_str vs_cstr(const char *s) { return (struct vs_str){s, s ? strlen(s) : 0}; }
static inline bool vs_str_eq(struct vs_str a, struct vs_str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }
static inline bool vs_str_is(struct vs_str a, const char *s) { return vs_str_eq(a, vs_cstr(s)); }
int vs_str_cmp(struct vs_str a, struct vs_str b);                    /* bytewise, shorter first on a tie */
bool vs_str_starts(struct vs_str s, struct vs_str prefix);
bool vs_str_ends(struct vs_str s, struct vs_str suffix);
bool vs_str_u64(struct vs_str s, uint64_t *out);                      /* decimal digits and nothing else */
bool vs_glob(struct vs_str pattern, struct vs_str s);                /* '*' = any run of characters, nothing else special */
bool vs_glob_any(const char *const *patterns, size_t count, struct vs_str s); /* does one of them match? */
#define VS_GLOB_ANY(patterns, s) vs_glob_any(patterns, sizeof patterns / sizeof *patterns, s) /* of an array */

/* Growing byte buffer; {0} is empty. Errors stick: after a failed allocation every append is a no-op and failed is
 * set, so a long run of appends is checked once. p is NUL-terminated after every successful append. */
struct vs_buf {
    char *p;
    size_t n, cap;
    bool failed;
};

void vs_buf_add(struct vs_buf *b, const void *p, size_t n);
void vs_buf_str(struct vs_buf *b, struct vs_str s);
void vs_buf_puts(struct vs_buf *b, const char *s);
void vs_buf_printf(struct vs_buf *b, const char *fmt, ...) VS_PRINTF(2, 3);
void vs_buf_free(struct vs_buf *b); /* accepts {0}; leaves {0} */
static inline struct vs_str vs_buf_view(const struct vs_buf *b) { return (struct vs_str){b->p ? b->p : "", b->n}; } /* until the next append */

/* Token text for people: control characters, invalid UTF-8, bidi and invisible characters as \xHH or \u{HHHH}; backslash as \\. */
void vs_buf_escaped(struct vs_buf *b, struct vs_str s);
/* The same into a fixed array for error messages, cut with "..." when longer; returns out. */
const char *vs_escape(char *out, size_t cap, struct vs_str s);
/* A JSON string literal with quotes: " \ and control characters escaped, other UTF-8 as is. A byte that is no UTF-8 (names of
 * files may hold such) becomes U+FFFD. */
void vs_buf_json_str(struct vs_buf *b, struct vs_str s);
/* One word of a command for a shell: quoted where it must be. */
void vs_buf_word(struct vs_buf *b, const char *word);

/* UTF-8: length of the valid prefix (== n when all valid; no surrogates, no overlong forms, <= U+10FFFF). */
size_t vs_utf8_valid(const char *p, size_t n);
/* Decodes one character of VALID UTF-8 at p (p < end); advances by the return value. */
unsigned vs_utf8_next(const char *p, const char *end, uint32_t *cp);
unsigned vs_utf8_put(char out[4], uint32_t cp);

#endif
