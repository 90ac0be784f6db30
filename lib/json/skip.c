/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "json/lex.h"

const char vs_lex_too_deep[] = "nested too deep";

/* One loop over the tokens of a value. Which brackets are open is a stack of bits, so nothing recurses. */
struct walk {
    const char *text;
    size_t n, at;
    unsigned depth, limit;
    uint64_t objects; /* bit 0: the innermost open bracket is '{' */
    struct vs_lex_bad *bad;
};

static bool wrong(struct walk *w, size_t at, const char *why)
{
    *w->bad = (struct vs_lex_bad){at, why};
    return false;
}

/* "name" : with the scanner at the name. */
static bool member_name(struct walk *w)
{
    bool escaped;
    if (w->at >= w->n || w->text[w->at] != '"')
        return wrong(w, w->at, "a name in quotes expected");
    size_t end = vs_lex_string(w->text, w->n, w->at, &escaped, w->bad);
    if (end == 0)
        return false;
    for (size_t at = w->at; escaped && at + 6 < end; at++) {
        if (w->text[at] != '\\')
            continue;
        if (memcmp(w->text + at, "\\u0000", 6) == 0)
            return wrong(w, w->at, "a name holds the character U+0000");
        at++;
    }
    w->at = vs_lex_space(w->text, w->n, end);
    if (w->at >= w->n || w->text[w->at] != ':')
        return wrong(w, w->at, "':' expected");
    w->at = vs_lex_space(w->text, w->n, w->at + 1);
    return true;
}

static bool scalar(struct walk *w)
{
    bool escaped;
    size_t end;
    switch (vs_lex_type(w->text, w->n, w->at)) {
    case VS_JSON_STRING: end = vs_lex_string(w->text, w->n, w->at, &escaped, w->bad); break;
    case VS_JSON_NUMBER: end = vs_lex_number(w->text, w->n, w->at, w->bad); break;
    case VS_JSON_TRUE: end = vs_lex_word(w->text, w->n, w->at, "true", w->bad); break;
    case VS_JSON_FALSE: end = vs_lex_word(w->text, w->n, w->at, "false", w->bad); break;
    case VS_JSON_NULL: end = vs_lex_word(w->text, w->n, w->at, "null", w->bad); break;
    default: return wrong(w, w->at, "a value expected");
    }
    w->at = end;
    return end != 0;
}

/* After a complete value: closes what ends here and moves to the next value. *done: the outermost value is complete. */
static bool after_value(struct walk *w, bool *done)
{
    while (w->depth) {
        w->at = vs_lex_space(w->text, w->n, w->at);
        bool object = w->objects & 1;
        char c = w->at < w->n ? w->text[w->at] : '\0';
        if (c == ',') {
            w->at = vs_lex_space(w->text, w->n, w->at + 1);
            return !object || member_name(w);
        }
        if (c != (object ? '}' : ']'))
            return wrong(w, w->at, object ? "',' or '}' expected" : "',' or ']' expected");
        w->at++;
        w->depth--;
        w->objects >>= 1;
    }
    *done = true;
    return true;
}

/* At '{' or '[': enters it and moves to its first value; *empty when it has none and is closed again. */
static bool open_bracket(struct walk *w, bool *empty)
{
    bool object = w->text[w->at] == '{';
    if (w->depth >= w->limit)
        return wrong(w, w->at, vs_lex_too_deep);
    w->at = vs_lex_space(w->text, w->n, w->at + 1);
    *empty = w->at < w->n && w->text[w->at] == (object ? '}' : ']');
    if (*empty) {
        w->at++;
        return true;
    }
    w->depth++;
    w->objects = w->objects << 1 | object;
    return !object || member_name(w);
}

size_t vs_lex_value(const char *text, size_t n, size_t at, unsigned depth, struct vs_lex_bad *bad)
{
    struct walk w = {.text = text, .n = n, .at = at, .limit = depth, .bad = bad};
    for (bool done = false; !done;) {
        bool complete = true;
        if (w.at < n && (text[w.at] == '{' || text[w.at] == '[')) {
            if (!open_bracket(&w, &complete))
                return 0;
        } else if (!scalar(&w)) {
            return 0;
        }
        if (complete && !after_value(&w, &done))
            return 0;
    }
    return w.at;
}
