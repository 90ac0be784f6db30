/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and texts made to take long: time goes with their size. What takes its square or more runs into the time limit.
 */
#include <criterion/criterion.h>
#include "fixture.h"
#include "support.h"

#define SECONDS 30
#define LETTERS "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": []}"

static const char *repeated(const char *s, size_t n)
{
    struct vs_buf b = {0};
    for (size_t i = 0; i < n; i++)
        vs_buf_puts(&b, s);
    const char *out = vst_format("%s", b.p);
    vs_buf_free(&b);
    return out;
}

/* How many ids a text has. */
static size_t count(const struct vs_tokenizer *t, const char *text)
{
    struct vs_ids ids = {0};
    struct vs_err err;
    cr_expect_eq(vs_encode(t, vs_cstr(text), &ids, &err), VS_OK, "%s", err.message);
    const size_t n = ids.count;
    vs_ids_free(&ids);
    return n;
}

/* Each of them begins a run of its own, and the ids of a run go on behind all before it. */
Test(hostile, tokens_beside_that_are_special_in_turn, .timeout = SECONDS)
{
    enum { N = 300000 };
    struct vs_buf b = {0};
    for (unsigned i = 0; i < N; i++)
        vs_buf_printf(&b, "%s\"%u\": {\"content\": \"<%u>\", \"special\": %s}", i ? ", " : "", 2 + i, i, i % 2 ? "true" : "false");
    const char *const beside[] = {"tokenizer_config.json", vst_format("{\"added_tokens_decoder\": {%s}}", b.p), NULL};
    const struct vs_tokenizer *t = tok_open_beside(tok_document(NULL, NULL, NULL, LETTERS), beside);
    cr_expect_eq(t->added_count, N);
    cr_expect_eq(t->max_id, N + 1);
    cr_expect_eq(t->moved_count, 0);
    vs_buf_free(&b);
    tok_end();
}

/* Each takes all that follow it along; the next one begins behind the first all the same. */
Test(hostile, blanks_that_take_blanks_along, .timeout = SECONDS)
{
    enum { N = 400000 };
    static const struct added tokens[] = {{" ", "r", 2}, {"\\t", "", 3}};
    const struct vs_tokenizer *t = tok_open(tok_document(tok_added(tokens, 2), NULL, NULL, LETTERS));
    cr_expect_eq(count(t, vst_format("a%sb", repeated(" ", N))), N + 2);
    cr_expect_eq(count(t, vst_format("a%sb", repeated(" \t", N / 2))), N + 2);
    tok_end();
}

Test(hostile, patterns_of_properties, .timeout = SECONDS)
{
    static const char *const parts[] = {"\\\\pL", "\\\\p{"};
    for (size_t i = 0; i < COUNT(parts); i++) {
        const char *replace = vst_format("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"%s\"}, \"content\": \"\"}", repeated(parts[i], 1000000));
        const char *found = tok_normal(tok_open(tok_document(NULL, replace, NULL, LETTERS)), "a");
        cr_expect(strstr(found, "cannot be compiled"), "found %s", found);
    }
    tok_end();
}

/* Pieces are short, words are not: no more of a word is looked at than a piece could have. */
Test(hostile, words_of_any_length, .timeout = SECONDS)
{
    enum { N = 40000 };
    const struct vs_tokenizer *t = tok_open(tok_document(NULL, NULL, NULL, "{\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", "
                                            "\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 1000000, "
                                            "\"vocab\": {\"[UNK]\": 0, \"a\": 1, \"##a\": 2}}"));
    cr_expect_eq(count(t, repeated("a", N)), N);
    cr_expect_eq(count(t, vst_format("%sb", repeated("a", N))), 1);
    tok_end();
}

/* The text nearly has the pattern, at every place. */
Test(hostile, a_long_plain_pattern, .timeout = SECONDS)
{
    enum { N = 1500000 };
    const char *pattern = vst_format("\"pattern\": {\"String\": \"%sb\"}", repeated("a", N)), *text = repeated("a", 2 * N);
    const char *replace = vst_format("{\"type\": \"Replace\", %s, \"content\": \"\"}", pattern);
    const char *split = vst_format("{\"type\": \"Split\", %s, \"behavior\": \"Isolated\", \"invert\": false}", pattern);
    cr_expect_eq(count(tok_open(tok_document(NULL, replace, split, LETTERS)), text), 2 * N);
    tok_end();
}

/* Above and below in turn: in order they are all those above behind all those below. */
Test(hostile, marks_upon_marks, .timeout = SECONDS)
{
    enum { N = 300000 };
    static const char *const forms[] = {"NFC", "NFD", "NFKC", "NFKD"};
    const char *text = vst_format("a%s", repeated("\xcc\x81\xcc\xa7", N)); /* U+0301 of class 230, U+0327 of 202 */
    const char *composed = vst_format("\xc3\xa1%s%s", repeated("\xcc\xa7", N), repeated("\xcc\x81", N - 1));
    const char *apart = vst_format("a%s%s", repeated("\xcc\xa7", N), repeated("\xcc\x81", N));
    for (size_t i = 0; i < COUNT(forms); i++) {
        const struct vs_tokenizer *t = tok_open(tok_document(NULL, vst_format("{\"type\": \"%s\"}", forms[i]), NULL, LETTERS));
        cr_expect(strcmp(tok_normal(t, text), forms[i][strlen(forms[i]) - 1] == 'C' ? composed : apart) == 0, "%s", forms[i]);
    }
    tok_end();
}
