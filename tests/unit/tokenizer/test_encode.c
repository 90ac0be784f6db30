/* SPDX-License-Identifier: Apache-2.0
 *
 * The four models on vocabularies small enough to work out by hand.
 */
#include <criterion/criterion.h>
#include "base/mem.h"
#include "fixture.h"
#include "support.h"

struct example { const char *text, *expected; };

static void check(const char *model, const struct example *e, size_t count)
{
    const struct vs_tokenizer *t = tok_open(tok_document(NULL, NULL, NULL, model));
    for (size_t i = 0; i < count; i++) {
        const char *found = tok_ids(t, e[i].text);
        cr_expect(strcmp(found, e[i].expected) == 0 || (e[i].expected[0] == '~' && strstr(found, e[i].expected + 1)), "\"%s\": found %s, expected %s",
                  e[i].text, found, e[i].expected);
    }
    tok_end();
}
#define CHECK(model, list) check(model, list, COUNT(list))

#define BPE(options, vocab, merges) "{\"type\": \"BPE\", " options "\"vocab\": {" vocab "}, \"merges\": [" merges "]}"
#define ABC "\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, \"bc\": 4, \"abc\": 5"

Test(bpe, lowest_rank_first_then_leftmost)
{
    static const struct example bc_first[] = {{"abc", "0 4"}, {"ab", "3"}, {"bcbc", "4 4"}, {"", ""}, {"a", "0"}};
    static const struct example ab_first[] = {{"abc", "5"}, {"bc", "4"}, {"ababc", "3 5"}};
    static const struct example runs[] = {{"aaa", "1 0"}, {"aaaa", "2"}, {"aaaaa", "2 0"}};
    CHECK(BPE("", ABC, "[\"b\", \"c\"], [\"a\", \"b\"], [\"ab\", \"c\"]"), bc_first);
    CHECK(BPE("", ABC, "\"a b\", \"b c\", \"ab c\""), ab_first);
    CHECK(BPE("", "\"a\": 0, \"aa\": 1, \"aaaa\": 2", "\"a a\", \"aa aa\""), runs);
}

/* The Rust library would take the last rank, silently: such a file is refused. */
Test(bpe, a_repeated_pair_is_refused)
{
    cr_expect(strstr(tok_refused(tok_document(NULL, NULL, NULL, BPE("", ABC, "\"a b\", \"b c\", \"ab c\", \"a b\""))), "stands at [0] and again at [3]"));
    tok_end();
}

Test(bpe, unknown_characters)
{
    static const struct example dropped[] = {{"axb", "3"}, {"x", ""}};
    static const struct example unk[] = {{"axxb", "0 9 9 1"}, {"x", "9"}};
    static const struct example fused[] = {{"axyb", "0 9 1"}, {"xyz", "9"}};
    static const struct example missing[] = {{"a", "0"}, {"x", "~is unknown, and so is the unknown token"}};
    static const struct example bytes[] = {{"a\xc3\xa9", "0 6 7"}, {"\xc3\xa8", "9"}};
    CHECK(BPE("", ABC, "\"a b\""), dropped);
    CHECK(BPE("\"unk_token\": \"<u>\", ", ABC ", \"<u>\": 9", "\"a b\""), unk);
    CHECK(BPE("\"unk_token\": \"<u>\", \"fuse_unk\": true, ", ABC ", \"<u>\": 9", "\"a b\""), fused);
    CHECK(BPE("\"unk_token\": \"<u>\", ", ABC, "\"a b\""), missing);
    CHECK(BPE("\"unk_token\": \"<u>\", \"byte_fallback\": true, ", ABC ", \"<0xC3>\": 6, \"<0xA9>\": 7, \"<u>\": 9", "\"a b\""), bytes);
}

/* An unknown token that waits stays behind the bytes of the next character. */
Test(bpe, bytes_overtake_an_unknown_character)
{
    static const struct example e[] = {{"\xc3\xa8\xc3\xa9" "a", "6 7 9 0"}};
    CHECK(BPE("\"unk_token\": \"<u>\", \"byte_fallback\": true, ", ABC ", \"<0xC3>\": 6, \"<0xA9>\": 7, \"<u>\": 9", "\"a b\""), e);
}

Test(bpe, prefix_suffix_and_whole_words)
{
    static const struct example prefixed[] = {{"ab", "2"}, {"abb", "2 1"}};
    static const struct example suffixed[] = {{"ab", "2"}, {"a", "3"}};
    static const struct example whole[] = {{"xy", "2"}, {"xyx", "0 1 0"}};
    CHECK(BPE("\"continuing_subword_prefix\": \"##\", ", "\"a\": 0, \"##b\": 1, \"ab\": 2", "\"a ##b\""), prefixed);
    CHECK(BPE("\"end_of_word_suffix\": \"</w>\", ", "\"a\": 0, \"b</w>\": 1, \"ab</w>\": 2, \"a</w>\": 3", "\"a b</w>\""), suffixed);
    CHECK(BPE("\"ignore_merges\": true, ", "\"x\": 0, \"y\": 1, \"xy\": 2", ""), whole);
}

Test(bpe, symbols_do_without_whole_words)
{
    const struct vs_tokenizer *t = tok_open(tok_document(NULL, NULL, NULL, BPE("\"ignore_merges\": true, ", "\"x\": 0, \"y\": 1, \"xy\": 2", "")));
    cr_expect_str_eq(tok_symbols(t, "xy"), "0 1");
    t = tok_open(tok_document(NULL, NULL, NULL, BPE("\"unk_token\": \"<u>\", ", ABC ", \"<u>\": 9", "\"a b\"")));
    cr_expect_str_eq(tok_symbols(t, "ab"), "3");
    cr_expect(strstr(tok_symbols(t, "ax"), "has no id"));
    tok_end();
}

#define WORDPIECE(max) "{\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": " #max \
    ", \"vocab\": {\"[UNK]\": 0, \"play\": 1, \"##ing\": 2, \"playi\": 3, \"##ed\": 4, \"\xc3\xa9\": 5, \"##\xc3\xa9\": 6}}"

/* Greedy: "playi" is taken, and then "ng" has no piece. */
Test(wordpiece, longest_first_and_all_or_nothing)
{
    static const struct example e[] = {{"played", "1 4"}, {"playing", "0"}, {"play", "1"}, {"ing", "0"}, {"\xc3\xa9\xc3\xa9", "5 6"}, {"playx", "0"}};
    static const struct example limit[] = {{"play", "1"}, {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", "5 6 6 6"}, {"playi", "0"}};
    CHECK(WORDPIECE(100), e);
    CHECK(WORDPIECE(4), limit); /* characters, not bytes */
}

#define BERT_NORMALIZER "{\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true, \"strip_accents\": false, \"lowercase\": true}"
#define UNIGRAM(options, more) "{\"type\": \"Unigram\", \"unk_id\": 0, " options "\"vocab\": [[\"<u>\", 0.0], [\"a\", -1.0], [\"b\", -1.0], [\"ab\", -1.5]" more "]}"

Test(unigram, the_best_path)
{
    static const struct example e[] = {{"ab", "3"}, {"aab", "1 3"}, {"ba", "2 1"}, {"", ""}};
    static const struct example tie[] = {{"ab", "3"}, {"aab", "1 3"}};   /* -2 either way: the longer last piece was there first */
    static const struct example unk[] = {{"axyb", "1 0 2"}, {"xy", "0"}, {"<u>", "0"}};
    static const struct example bytes[] = {{"a\xc3\xa9", "1 4 5"}, {"x", "0"}};
    CHECK(UNIGRAM("", ""), e);
    CHECK("{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"<u>\", 0.0], [\"a\", -1.0], [\"b\", -1.0], [\"ab\", -2.0]]}", tie);
    CHECK(UNIGRAM("", ""), unk); /* neighbouring unknown characters are one */
    CHECK(UNIGRAM("\"byte_fallback\": true, ", ", [\"<0xC3>\", 0.0], [\"<0xA9>\", 0.0]"), bytes);
}

/* An unknown character costs 10 more than the worst piece; a long piece that avoids it is taken all the same. */
Test(unigram, unknown_characters_are_dear)
{
    static const struct example e[] = {{"axb", "4"}, {"ax", "1 0"}};
    static const struct example none[] = {{"a", "0"}, {"x", "~model.unk_id is null"}};
    CHECK(UNIGRAM("", ", [\"axb\", -20.0]"), e);
    CHECK("{\"type\": \"Unigram\", \"unk_id\": null, \"vocab\": [[\"a\", -1.0]]}", none);
}

Test(wordlevel, whole_words)
{
    static const struct example e[] = {{"word", "1"}, {"other", "0"}};
    static const struct example none[] = {{"word", "1"}, {"other", "~there is no unknown token"}};
    CHECK("{\"type\": \"WordLevel\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0, \"word\": 1}}", e);
    CHECK("{\"type\": \"WordLevel\", \"unk_token\": \"[UNK]\", \"vocab\": {\"x\": 0, \"word\": 1}}", none);
}

Test(encode, a_text_is_utf8)
{
    const struct vs_tokenizer *t = tok_open(tok_document(NULL, NULL, NULL, BPE("", ABC, "")));
    cr_expect(strstr(tok_ids(t, "a\xc3"), "text: byte 1 is not valid UTF-8"));
    tok_end();
}

/* What was opened for its ids alone has nothing to encode with. */
Test(encode, ids_only)
{
    static const char *const models[] = {BPE("", ABC, "\"a b\""), WORDPIECE(100), UNIGRAM("", ""),
                                         "{\"type\": \"WordLevel\", \"unk_token\": \"a\", \"vocab\": {\"a\": 0}}"};
    for (size_t i = 0; i < COUNT(models); i++) {
        const char *path = vst_path(vst_tempdir(), "tokenizer.json");
        struct vs_tokenizer *t;
        struct vs_err err;
        vst_write_text(path, tok_document(NULL, NULL, NULL, models[i]));
        cr_assert_eq(vs_tokenizer_open(path, &(struct vs_tokenizer_options){.ids_only = true}, &t, &err), VS_OK, "%s", err.message);
        cr_expect(strstr(tok_ids(t, "ab"), "opened for ids only"), "%s: found %s", models[i], tok_ids(t, "ab"));
        cr_expect(strstr(tok_symbols(t, "ab"), "opened for ids only"), "%s: found %s", models[i], tok_symbols(t, "ab"));
        vs_tokenizer_close(t);
    }
    tok_end();
}

/* Memory that runs out at any place is said; what is said otherwise is right. */
Test(encode, out_of_memory)
{
    static const struct { const char *added, *normalizer, *pre, *model, *text; } cases[] = {
        {"\"<\", \"single_word\": false, \"lstrip\": true, \"rstrip\": true, \"normalized\": true, \"special\": false, \"id\": 6",
         "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"NFKC\"}, {\"type\": \"StripAccents\"}, {\"type\": \"Nmt\"}, "
         "{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"\\\\p{Greek}x*\"}, \"content\": \"\"}, {\"type\": \"Lowercase\"}]}",
         "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": \"Metaspace\", \"prepend_scheme\": \"first\"}, "
         "{\"type\": \"Split\", \"pattern\": {\"String\": \"b\"}, \"behavior\": \"MergedWithPrevious\", \"invert\": false}]}",
         BPE("\"unk_token\": \"c\", ", ABC, "\"a b\", \"b c\""), "ab\xce\xb1 < b\xc3\xa9" "c"},
        {NULL, BERT_NORMALIZER, "{\"type\": \"BertPreTokenizer\"}", WORDPIECE(100), "played \xc3\xa9\xc3\xa9"},
        {NULL, NULL, "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"use_regex\": true}", UNIGRAM("", ", [\"\xc4\xa0\", -1.0]"), "ab a"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *added = cases[i].added ? vst_format("{\"content\": %s}", cases[i].added) : NULL;
        const char *document = tok_document(added, cases[i].normalizer, cases[i].pre, cases[i].model), *expected = NULL;
        const char *path = vst_path(vst_tempdir(), "tokenizer.json");
        unsigned refused = 0;
        vst_write_text(path, document);
        for (unsigned n = 0; n < 300; n++) {
            struct vs_tokenizer *t = NULL;
            struct vs_ids ids = {0};
            struct vs_err err;
            vs_mem_fail_at(n, false);
            enum vs_code code = vs_tokenizer_open(path, NULL, &t, &err);
            if (!code)
                code = vs_encode(t, vs_cstr(cases[i].text), &ids, &err);
            vs_mem_fail_at(0, false);
            cr_expect(code == VS_OK || code == VS_ENOMEM, "%s", err.message);
            const char *found = "";
            for (size_t k = 0; !code && k < ids.count; k++)
                found = vst_format("%s %u", found, ids.ids[k]);
            expected = expected ? expected : found;
            cr_expect(code || strcmp(found, expected) == 0, "%zu, allocation %u: found%s, expected%s", i, n, found, expected);
            refused += code == VS_ENOMEM;
            vs_ids_free(&ids);
            vs_tokenizer_close(t);
        }
        cr_expect_gt(refused, 10);
    }
    tok_end();
}
