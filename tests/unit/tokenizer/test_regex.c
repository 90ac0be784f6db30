/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns as Oniguruma reads them: what is rewritten for PCRE2, what is refused, and how matches follow each other.
 */
#include <criterion/criterion.h>
#include "base/str.h"
#include "fixture.h"
#include "support.h"
#include "tokenizer/regex.h"

static struct vs_err err;

/* All matches, "a|bc". */
static const char *matches(const char *pattern, struct vs_str text)
{
    struct vs_regex *re = NULL;
    struct vs_regex_memory *m = vs_regex_memory_new();
    struct vs_search s = {.text = text, .last_end = SIZE_MAX};
    const char *out = "";
    bool found = true;
    enum vs_code code = vs_regex_new(vs_cstr(pattern), &re, &err);
    for (int i = 0; !code && found; i++) {
        code = vs_regex_next(re, m, &s, &found, &err);
        if (!code && found)
            out = vst_format("%s%s%.*s", out, i ? "|" : "", (int)(s.end - s.begin), text.p + s.begin);
    }
    vs_regex_free(re);
    vs_regex_memory_free(m);
    return code ? vst_format("error: %s", err.message) : out;
}

struct example { const char *pattern, *text, *expected; };

Test(regex, what_the_two_libraries_read_differently)
{
    static const struct example examples[] = {
        {"\\s", "a\xe1\xa0\x8e b", " "},                                   /* U+180E is no white space */
        {"[\\s]+", "\xe1\xa0\x8e\xe3\x80\x80", "\xe3\x80\x80"},
        {"[^\\s]", "\xe1\xa0\x8e ", "\xe1\xa0\x8e"},
        {"\\S", "\xe1\xa0\x8e ", "\xe1\xa0\x8e"},
        {"\\w+", "a_\xd9\xa1\xc2\xb2 \xe2\x82\x82", "a_\xd9\xa1\xc2\xb2"},  /* outside of a class Latin-1's digits are words, others are not */
        {"[\\w]+", "a\xc2\xb2", "a"},
        {"\\W", "a\xc2\xb2 ", " "},
        {"\\h+", "xfFg \t", "fF"},                                         /* hexadecimal, not horizontal space */
        {"\\p{Han}", "\xe4\xb8\xad\xe3\x80\x81", "\xe4\xb8\xad"},          /* Script, not Script_Extensions: U+3001 is common */
        {"^b", "a\nb", "b"},                                              /* lines, as in Ruby */
        {"a$", "a\nb", "a"},
        {"(?i:s)", "\xc5\xbf", "\xc5\xbf"},                                /* U+017F folds to s */
        {"[[:punct:]]", "a$\xe2\x82\xac", "$|\xe2\x82\xac"},
        {"[[:digit:]]+", "1\xd9\xa1", "1\xd9\xa1"},
        {"\\s+(?!\\S)|\\s+", "a   b", "  | "},
        {"\\p{N}{1,3}", "12345", "123|45"},
        {"a++b", "aab", "aab"},
    };
    for (size_t i = 0; i < COUNT(examples); i++) {
        const char *found = matches(examples[i].pattern, vs_cstr(examples[i].text));
        cr_expect_str_eq(found, examples[i].expected, "%s: found \"%s\", expected \"%s\"", examples[i].pattern, found, examples[i].expected);
    }
    vst_cleanup();
}

/* An empty match right behind another is passed over, and characters are never cut. */
Test(regex, empty_matches)
{
    cr_expect_str_eq(matches("x*", vs_cstr("axxb")), "|xx|");
    cr_expect_str_eq(matches("", vs_cstr("\xc3\xa9")), "|");
    cr_expect_str_eq(matches("x", (struct vs_str){NULL, 0}), "");
    cr_expect_str_eq(matches("$", (struct vs_str){"", 0}), "");
    vst_cleanup();
}

Test(regex, what_is_refused)
{
    static const struct { const char *pattern, *part; } refused[] = {
        {"[a[bc]]", "a class inside a class"}, {"[a&&b]", "an intersection"}, {"[]a]", "begins with ]"}, {"(?m:.)", "the option m"},
        {"\\R", "an escape"}, {"\\X", "an escape"}, {"\\K", "an escape"}, {"[\\W]", "a negated shorthand"}, {"[[:odd:]]", "a POSIX class"},
        {"(a", "cannot be compiled"}, {"\\p{Nonsense}", "cannot be compiled"}};
    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *found = matches(refused[i].pattern, VS_LIT("a"));
        cr_expect(strncmp(found, "error: ", 7) == 0 && strstr(found, refused[i].part), "%s: found \"%s\", expected \"%s\"", refused[i].pattern, found,
                  refused[i].part);
    }
    vst_cleanup();
}

/* A pattern that backtracks without end is given up, not waited for. */
Test(regex, a_search_is_bounded, .timeout = 20)
{
    char text[64];
    memset(text, 'a', sizeof text);
    const char *found = matches("(a+)+$b", (struct vs_str){text, sizeof text});
    cr_expect(strstr(found, "gives up") || *found == '\0', "%s", found);
    vst_cleanup();
}
