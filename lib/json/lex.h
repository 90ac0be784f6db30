/* SPDX-License-Identifier: Apache-2.0
 *
 * Lexemes of JSON: what scan.c and skip.c share. Every function takes the text and a position in it and returns the
 * position behind the lexeme, or 0 (no lexeme ends there) after filling in what is wrong.
 */
#ifndef VS_JSON_LEX_H
#define VS_JSON_LEX_H

#include <stdbool.h>
#include "json/scan.h"

struct vs_lex_bad { size_t at; const char *why; }; /* why: "X expected", or a sentence about the byte at at */

enum { VS_LEX_SPACE = 1, VS_LEX_STOP = 2, VS_LEX_DIGIT = 4 }; /* STOP: a string's plain run ends here */
extern const unsigned char vs_lex_class[256];

static inline size_t vs_lex_space(const char *text, size_t n, size_t at)
{
    while (at < n && vs_lex_class[(unsigned char)text[at]] & VS_LEX_SPACE)
        at++;
    return at;
}

/* A string with its quotes, at the opening one. *escaped: it holds a backslash. Checked completely. */
size_t vs_lex_string(const char *text, size_t n, size_t at, bool *escaped, struct vs_lex_bad *bad);
size_t vs_lex_number(const char *text, size_t n, size_t at, struct vs_lex_bad *bad);
size_t vs_lex_word(const char *text, size_t n, size_t at, const char *word, struct vs_lex_bad *bad); /* true, false, null */
/* Any value, with at most depth levels of brackets (<= 64); bad->why is vs_lex_too_deep beyond them. */
size_t vs_lex_value(const char *text, size_t n, size_t at, unsigned depth, struct vs_lex_bad *bad);
extern const char vs_lex_too_deep[];
enum vs_json_type vs_lex_type(const char *text, size_t n, size_t at); /* by the first byte; VS_JSON_NONE: no value */

/* Decodes the inside of a string that vs_lex_string accepted; out has room for n bytes. Returns the bytes written. */
size_t vs_lex_decode(const char *p, size_t n, char *out);
/* Value of a number lexeme, correctly rounded, whatever the locale. False: *code and *why say why. */
bool vs_lex_f64(struct vs_str lexeme, double *v, enum vs_code *code, const char **why);

struct vs_lex_place { size_t line, column; }; /* from 1; columns count characters */
struct vs_lex_place vs_lex_place(const char *text, size_t at);

#endif
