/* SPDX-License-Identifier: Apache-2.0
 *
 * Each pre-tokenizer on texts whose pieces are known; tests/parity/pipeline_steps.py goes through the characters one by one.
 */
#include <criterion/criterion.h>
#include "base/mem.h"
#include "fixture.h"
#include "support.h"
#include "tokenizer/pipeline.h"

#define MODEL "{\"type\": \"WordLevel\", \"unk_token\": \"a\", \"vocab\": {\"a\": 0}}"
#define SPLIT(pattern, behavior, invert) "{\"type\": \"Split\", \"pattern\": {" pattern "}, \"behavior\": \"" behavior "\", \"invert\": " #invert "}"
#define DASH "\"String\": \"-\""
#define BYTE_LEVEL(space, regex) "{\"type\": \"ByteLevel\", \"add_prefix_space\": " #space ", \"trim_offsets\": true, \"use_regex\": " #regex "}"
#define METASPACE(scheme, split) "{\"type\": \"Metaspace\", \"replacement\": \"_\", \"prepend_scheme\": \"" scheme "\", \"split\": " #split "}"

struct example { const char *pre, *text, *expected; };

static void check(const struct example *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *found = tok_pieces(tok_open(tok_document(NULL, NULL, e[i].pre, MODEL)), e[i].text);
        cr_expect_str_eq(found, e[i].expected, "%s of \"%s\": found \"%s\", expected \"%s\"", e[i].pre, e[i].text, found, e[i].expected);
        tok_end();
    }
}
#define CHECK(list) check(list, COUNT(list))

Test(pretokenize, what_becomes_of_a_match)
{
    static const struct example examples[] = {
        {SPLIT(DASH, "Removed", false), "the-final--countdown", "the|final|countdown"},
        {SPLIT(DASH, "Isolated", false), "the-final--countdown", "the|-|final|-|-|countdown"},
        {SPLIT(DASH, "MergedWithPrevious", false), "the-final--countdown", "the-|final-|-|countdown"},
        {SPLIT(DASH, "MergedWithNext", false), "the-final--countdown", "the|-final|-|-countdown"},
        {SPLIT(DASH, "Contiguous", false), "the-final--countdown", "the|-|final|--|countdown"},
        {SPLIT("\"Regex\": \"\\\\w+\"", "Removed", true), "ab, cd", "ab|cd"},
        {SPLIT("\"Regex\": \"\\\\w+\"", "Isolated", true), "ab, cd", "ab|, |cd"},
        {SPLIT("\"String\": \"\"", "Isolated", false), "ab", "ab"},
        {SPLIT(DASH, "Removed", false), "---", ""},
        {SPLIT(DASH, "Removed", false), "", ""},
    };
    CHECK(examples);
}

Test(pretokenize, byte_level)
{
    static const struct example examples[] = {
        {BYTE_LEVEL(false, true), "it's 12 x", "it|'s|\xc4\xa0" "12|\xc4\xa0x"},
        {BYTE_LEVEL(true, true), "a b", "\xc4\xa0" "a|\xc4\xa0" "b"},
        {BYTE_LEVEL(true, true), " a", "\xc4\xa0" "a"},
        {BYTE_LEVEL(false, false), "a b\n", "a\xc4\xa0" "b\xc4\x8a"},
        {BYTE_LEVEL(false, true), "a  b", "a|\xc4\xa0|\xc4\xa0" "b"},
        {BYTE_LEVEL(false, true), "\xc3\xa9", "\xc3\x83\xc2\xa9"},
    };
    CHECK(examples);
}

Test(pretokenize, metaspace)
{
    static const struct example examples[] = {
        {METASPACE("always", true), "a b", "_a|_b"},
        {METASPACE("always", false), "a b", "_a_b"},
        {METASPACE("first", true), "a b", "_a|_b"},
        {METASPACE("never", true), "a b", "a|_b"},
        {METASPACE("always", true), " a", "_a"},
        {METASPACE("always", true), "a  b", "_a|_|_b"},
        {"{\"type\": \"Metaspace\", \"replacement\": \"_\", \"add_prefix_space\": true}", "a b", "_a|_b"},
        {"{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, " METASPACE("first", true) "]}", "a b", "_a|b"},
        {"{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"WhitespaceSplit\"}, " METASPACE("always", true) "]}", "a b", "_a|_b"},
    };
    CHECK(examples);
}

Test(pretokenize, words_digits_and_punctuation)
{
    static const struct example examples[] = {
        {"{\"type\": \"Whitespace\"}", "ab_1, c\xe2\x80\x8d" "d!?", "ab_1|,|c\xe2\x80\x8d" "d|!?"},
        {"{\"type\": \"WhitespaceSplit\"}", " ab,\xe3\x80\x80" "c ", "ab,|c"},
        {"{\"type\": \"BertPreTokenizer\"}", "it's, a", "it|'|s|,|a"},
        {"{\"type\": \"Digits\", \"individual_digits\": false}", "a12b\xc2\xb2", "a|12|b|\xc2\xb2"},
        {"{\"type\": \"Digits\", \"individual_digits\": true}", "a12b", "a|1|2|b"},
        {"{\"type\": \"Punctuation\", \"behavior\": \"Isolated\"}", "a..b", "a|.|.|b"},
        {"{\"type\": \"Punctuation\", \"behavior\": \"Contiguous\"}", "a..b", "a|..|b"},
        {"{\"type\": \"Punctuation\", \"behavior\": \"Removed\"}", "a$\xe1\x99\xad" "b", "a|b"}, /* U+166D was punctuation when the tables were made */
    };
    CHECK(examples);
}

Test(pretokenize, what_is_refused_is_named)
{
    static const struct { const char *pre, *part; } refused[] = {
        {"{\"type\": \"UnicodeScripts\"}", "tokenizer.json: /pre_tokenizer: pre_tokenizer \"UnicodeScripts\" is not handled"},
        {SPLIT(DASH, "Odd", false), "behavior \"Odd\""},
        {METASPACE("odd", true), "prepend_scheme \"odd\""},
        {SPLIT("\"Regex\": \"(?m:a)\"", "Removed", false), "the option m"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        const char *found = tok_pieces(tok_open(tok_document(NULL, NULL, refused[i].pre, MODEL)), "a");
        cr_expect(strstr(found, refused[i].part), "found \"%s\", expected \"%s\"", found, refused[i].part);
        tok_end();
    }
}

/* A pipeline that cannot be run is opened once, however many texts are tried: nothing is allocated for the second one. */
Test(pretokenize, what_is_refused_is_found_out_once)
{
    const struct vs_tokenizer *t = tok_open(tok_document(NULL, "{\"type\": \"Lowercase\"}", "{\"type\": \"UnicodeScripts\"}", MODEL));
    struct vs_buf out = {0};
    struct vs_err first = {0}, second = {0};
    cr_expect_eq(vs_normalize(t, VS_LIT("a"), &out, &first), VS_EUNSUPPORTED);
    vs_mem_fail_at(1, true);
    cr_expect_eq(vs_normalize(t, VS_LIT("b"), &out, &second), VS_EUNSUPPORTED, "%s", second.message);
    vs_mem_fail_at(0, false);
    cr_expect_str_eq(second.message, first.message);
    vs_buf_free(&out);
    tok_end();
}
