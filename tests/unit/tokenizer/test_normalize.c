/* SPDX-License-Identifier: Apache-2.0
 *
 * Each normalizer on texts whose result is known; tests/parity/pipeline_steps.py goes through the characters one by one.
 */
#include <criterion/criterion.h>
#include "fixture.h"
#include "support.h"

#define MODEL "{\"type\": \"WordLevel\", \"unk_token\": \"a\", \"vocab\": {\"a\": 0}}"
#define BERT(clean, chinese, accents, lower) "{\"type\": \"BertNormalizer\", \"clean_text\": " #clean ", \"handle_chinese_chars\": " #chinese \
    ", \"strip_accents\": " #accents ", \"lowercase\": " #lower "}"
#define LONG_S_DOTS "\xe1\xba\x9b\xcc\xa3" /* U+1E9B U+0323 */

struct example { const char *normalizer, *text, *expected; };

static void check(const struct example *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct vs_tokenizer *t = tok_open(tok_document(NULL, e[i].normalizer, NULL, MODEL));
        const char *found = tok_normal(t, e[i].text);
        cr_expect_str_eq(found, e[i].expected, "%s of \"%s\": found \"%s\", expected \"%s\"", e[i].normalizer, e[i].text, found, e[i].expected);
        tok_end();
    }
}
#define CHECK(list) check(list, COUNT(list))

Test(normalize, normal_forms)
{
    static const struct example examples[] = {
        {"{\"type\": \"NFC\"}", "e\xcc\x81" LONG_S_DOTS, "\xc3\xa9" LONG_S_DOTS},
        {"{\"type\": \"NFD\"}", "\xc3\xa9" LONG_S_DOTS, "e\xcc\x81\xc5\xbf\xcc\xa3\xcc\x87"},
        {"{\"type\": \"NFKC\"}", "\xef\xac\x81 " LONG_S_DOTS, "fi \xe1\xb9\xa9"},
        {"{\"type\": \"NFKD\"}", "\xe2\x85\xa7" LONG_S_DOTS, "VIIIs\xcc\xa3\xcc\x87"},
        {"{\"type\": \"NFC\"}", "plain", "plain"},
        {"{\"type\": \"NFC\"}", "", ""},
    };
    CHECK(examples);
}

Test(normalize, letters_and_marks)
{
    static const struct example examples[] = {
        {"{\"type\": \"Lowercase\"}", "\xc3\x84\x42\xc4\xb0", "\xc3\xa4" "bi\xcc\x87"}, /* U+0130 is two characters */
        {"{\"type\": \"StripAccents\"}", "e\xcc\x81\xc3\xa9\xd2\x88", "e\xc3\xa9"},     /* marks of all kinds; what is composed stays */
        {BERT(false, false, true, false), "e\xcc\x81\xc3\xa9\xd2\x88", "ee\xd2\x88"},   /* decomposed first; enclosing marks stay */
        {"{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFD\"}, {\"type\": \"StripAccents\"}, {\"type\": \"Lowercase\"}]}", "\xc3\x89X", "ex"},
    };
    CHECK(examples);
}

Test(normalize, bert)
{
    static const struct example examples[] = {
        {BERT(true, false, false, false), "a\tb\x01\xef\xbf\xbd" "c\xc2\xa0\xc3\x89", "a bc \xc3\x89"},
        {BERT(false, true, false, false), "a\xe4\xb8\xad" "b", "a \xe4\xb8\xad b"},
        {BERT(false, false, null, true), "\xc3\x89", "e"},       /* null: accents go with the case */
        {BERT(false, false, null, false), "\xc3\x89", "\xc3\x89"},
        {BERT(false, false, false, true), "\xc3\x89", "\xc3\xa9"},
    };
    CHECK(examples);
}

Test(normalize, ends_and_replacements)
{
    static const struct example examples[] = {
        {"{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", " \xe3\x80\x80 a b\n", "a b"},
        {"{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": false}", " a ", "a "},
        {"{\"type\": \"Strip\", \"strip_left\": false, \"strip_right\": true}", " a ", " a"},
        {"{\"type\": \"Strip\", \"strip_left\": false, \"strip_right\": false}", " a ", " a "},
        {"{\"type\": \"Strip\", \"strip_left\": true, \"strip_right\": true}", " \t ", ""},
        {"{\"type\": \"Prepend\", \"prepend\": \"\xe2\x96\x81\"}", "a", "\xe2\x96\x81" "a"},
        {"{\"type\": \"Prepend\", \"prepend\": \"\xe2\x96\x81\"}", "", ""},
        {"{\"type\": \"Replace\", \"pattern\": {\"String\": \"aa\"}, \"content\": \"a\"}", "aaaaa", "aaa"},
        {"{\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"\xe2\x96\x81\"}", "a  b", "a\xe2\x96\x81\xe2\x96\x81" "b"},
        {"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \" \"}", "a    b c", "a b c"},
        {"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"x*\"}, \"content\": \"-\"}", "axb", "-a-b-"},
        {"{\"type\": \"ByteLevel\"}", "a \xc3\xa9", "a\xc4\xa0\xc3\x83\xc2\xa9"},
        {"{\"type\": \"Nmt\"}", "a\tb\x01\x7f" "c\xe2\x80\x8b" "d\xef\xbb\xbf\xc2\x9f" "e\xe2\x96\x81", "a bc d e "},
    };
    CHECK(examples);
}

Test(normalize, what_is_refused_is_named)
{
    static const struct { const char *normalizer, *part; } refused[] = {
        {"{\"type\": \"Magic\"}", "tokenizer.json: /normalizer: normalizer \"Magic\" is not handled"},
        {"{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFC\"}, {\"type\": \"Odd\"}]}", "\"Odd\""},
        {"{\"type\": \"Replace\", \"pattern\": {}, \"content\": \"\"}", "without String or Regex"},
        {"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"[a[b]]\"}, \"content\": \"\"}", "tokenizer.json: /normalizer: the pattern \"[a[b]]\" uses a class inside"},
        {"{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(\"}, \"content\": \"\"}", "cannot be compiled"},
        {"{\"type\": \"Precompiled\", \"precompiled_charsmap\": null}", "/normalizer: precompiled_charsmap"},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        const struct vs_tokenizer *t = tok_open(tok_document(NULL, refused[i].normalizer, NULL, MODEL));
        cr_expect(strstr(tok_normal(t, "a"), refused[i].part), "found \"%s\", expected \"%s\"", tok_normal(t, "a"), refused[i].part);
        tok_end();
    }
}

/* Sequences in sequences end somewhere, and so do lists. */
Test(normalize, depth_and_length_are_bounded)
{
    const char *deep = "{\"type\": \"NFC\"}", *longer = "{\"type\": \"NFC\"}";
    for (int i = 0; i < 12; i++)
        deep = vst_format("{\"type\": \"Sequence\", \"normalizers\": [%s]}", deep);
    for (int i = 0; i < 40; i++)
        longer = vst_format("%s, {\"type\": \"NFC\"}", longer);
    cr_expect(strstr(tok_normal(tok_open(tok_document(NULL, deep, NULL, MODEL)), "a"), "nested deeper"));
    longer = vst_format("{\"type\": \"Sequence\", \"normalizers\": [%s]}", longer);
    cr_expect(strstr(tok_normal(tok_open(tok_document(NULL, longer, NULL, MODEL)), "a"), "more than 32 steps"));
    tok_end();
}
