/* SPDX-License-Identifier: Apache-2.0
 *
 * How added tokens are found in a text: raw or normalised, longest first, by whole words, with the blanks around them.
 */
#include <criterion/criterion.h>
#include "fixture.h"
#include "support.h"

/* 0 a, 1 b, 2 space, 3 A, 4 _ */
#define MODEL "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \" \": 2, \"A\": 3, \"_\": 4}, \"merges\": []}"
#define LOWER "{\"type\": \"Lowercase\"}"
#define METASPACE "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"first\", \"split\": true}"

struct example { const char *name, *normalizer, *pre; struct added added[3]; const char *text, *expected; };

/* Added tokens have the ids 5, 6, 7 in list order. */
static const struct example examples[] = {
    {"in the middle of a word", NULL, NULL, {{"X", "", 5}}, "aXb", "0 5 1"},
    {"twice, side by side", NULL, NULL, {{"X", "", 5}}, "XXa", "5 5 0"},
    {"longest first", NULL, NULL, {{"ab", "", 5}, {"abX", "", 6}}, "abXab", "6 5"},
    {"leftmost before longest", NULL, NULL, {{"aX", "", 5}, {"XYY", "", 6}}, "aXYY", "5"},
    {"a token of the model is found first too", NULL, NULL, {{"a", "", 0}}, "aba", "0 1 0"},
    {"single_word at the ends", NULL, NULL, {{"X", "w", 5}}, "X", "5"},
    {"single_word inside a word", NULL, NULL, {{"X", "w", 5}}, "aX Xa X", "0 2 0 2 5"},
    {"single_word beside a mark", NULL, NULL, {{"X", "w", 5}}, "X, X", "5 2 5"},
    {"single_word beside an underscore", NULL, NULL, {{"X", "w", 5}}, "X_", "4"},
    {"single_word beside a joiner", NULL, NULL, {{"X", "w", 5}}, "X\xe2\x80\x8d", ""},
    {"single_word beside a roman numeral", NULL, NULL, {{"X", "w", 5}}, "\xe2\x85\xa7X", ""},
    {"a longer one that does not stand alone hides what is inside", NULL, NULL, {{"aX", "w", 5}, {"X", "", 6}}, "baX X", "1 0 2 6"},
    {"of two entries the last has the say", NULL, NULL, {{"X", "", 5}, {"X", "l", 5}}, "a X", "0 5"},
    {"lstrip", NULL, NULL, {{"X", "l", 5}}, "a  \xe3\x80\x80X a", "0 5 2 0"},
    {"rstrip", NULL, NULL, {{"X", "r", 5}}, "a X \t\na", "0 2 5 0"},
    {"both", NULL, NULL, {{"X", "lr", 5}}, " X a X ", "5 0 5"},
    {"lstrip stops at the token before", NULL, NULL, {{"X", "l", 5}}, "X X", "5 5"},
    {"two that share an id: the last one has it", NULL, NULL, {{"X", "", 5}, {"Y", "", 5}}, "XY", "5 6"},
    {"what is stripped away before it counts", "{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", METASPACE, {{"X", "", 5}}, " a", "0"},
    {"lstrip gets no blank that was a token", NULL, NULL, {{"X", "l", 5}, {" ", "", 2}}, "a  X", "0 2 2 5"},
    {"a blank that rstrip took is a token all the same", NULL, NULL, {{"X", "r", 5}, {" ", "", 2}}, "X  a", "5 2 2 0"},
    {"neither", NULL, NULL, {{"X", "", 5}}, " X ", "2 5 2"},
    {"raw: before the normalizer", LOWER, NULL, {{"AB", "", 5}}, "ABab", "5 0 1"},
    {"raw: not what the normalizer makes", LOWER, NULL, {{"ab", "", 5}}, "AB", "0 1"},
    {"normalised: its content is normalised too", LOWER, NULL, {{"AB", "n", 5}}, "ab AB", "5 2 5"},
    {"raw ones first", LOWER, NULL, {{"BA", "n", 5}, {"AB", "", 6}}, "ABA", "6 0"},
    {"a piece behind an added token is not the first", NULL, METASPACE, {{"X", "", 5}}, "aXb", "4 0 5 1"},
    {"a piece before it is", NULL, METASPACE, {{"X", "", 5}}, "Xa", "5 0"},
};

Test(added, matching)
{
    for (size_t i = 0; i < COUNT(examples); i++) {
        const struct example *e = &examples[i];
        size_t n = 0;
        while (n < 3 && e->added[n].content)
            n++;
        const char *found = tok_ids(tok_open(tok_document(tok_added(e->added, n), e->normalizer, e->pre, MODEL)), e->text);
        cr_expect_str_eq(found, e->expected, "%s: found %s, expected %s", e->name, found, e->expected);
        tok_end();
    }
}
