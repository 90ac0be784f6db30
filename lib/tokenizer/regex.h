/* SPDX-License-Identifier: Apache-2.0
 *
 * The regular expressions of tokenizer files. They are written for Oniguruma (Ruby syntax) and run on PCRE2; where the two
 * read the same pattern differently it is rewritten, and what cannot be rewritten is refused by name.
 */
#ifndef VS_TOKENIZER_REGEX_H
#define VS_TOKENIZER_REGEX_H

#include <stdbool.h>
#include <vs/err.h>

struct vs_regex;
struct vs_regex_memory;  /* the memory of one running search; not to be shared between threads */

enum vs_code vs_regex_new(struct vs_str pattern, struct vs_regex **out, struct vs_err *err) VS_NODISCARD;
void vs_regex_free(struct vs_regex *re); /* accepts NULL */
struct vs_regex_memory *vs_regex_memory_new(void);     /* NULL when memory is short */
void vs_regex_memory_free(struct vs_regex_memory *m);  /* accepts NULL */

/* Iterates over the matches in valid UTF-8: set at = 0 and last_end = SIZE_MAX, then call until *found is false. An empty match right
 * behind another one is passed over. */
struct vs_search { struct vs_str text; size_t at, last_end, begin, end; };
enum vs_code vs_regex_next(const struct vs_regex *re, struct vs_regex_memory *m, struct vs_search *s, bool *found, struct vs_err *err) VS_NODISCARD;

#endif
