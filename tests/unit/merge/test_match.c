/* SPDX-License-Identifier: Apache-2.0
 *
 * From an extension's spelling to the base's, and why a token is no candidate.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include "base/str.h"
#include "plan/match.h"
#include "support.h"

#define ADDED(id, content, special) \
    "{\"id\": " #id ", \"content\": \"" content "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": false, " \
    "\"special\": " #special "}"
#define BYTE_LEVEL "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true}"
#define DIGITS "{\"type\": \"Split\", \"pattern\": {\"Regex\": \"\\\\p{N}\"}, \"behavior\": \"Isolated\", \"invert\": false}"
#define METASPACE "{\"type\": \"Metaspace\", \"replacement\": \"\xe2\x96\x81\", \"prepend_scheme\": \"always\", \"split\": true}"
#define MARK "\xe2\x96\x81"

static const char bytes_base[] =
    "{\"added_tokens\": [" ADDED(9, "<s>", true) ", " ADDED(10, "lo", false) "], \"normalizer\": {\"type\": \"NFC\"},"
    "\"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": [" DIGITS ", " BYTE_LEVEL "]}, \"model\": {\"type\": \"BPE\", \"vocab\": "
    "{\"h\": 0, \"e\": 1, \"l\": 2, \"o\": 3, \"\xc4\xa0\": 4, \"1\": 5, \"2\": 6, \"he\": 7, \"\xc4\xa0h\": 8}, \"merges\": []}}";

static const char characters_base[] =
    "{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" MARK "\"},"
    "\"model\": {\"type\": \"BPE\", \"byte_fallback\": true, \"vocab\": {\"" MARK "\": 0, \"h\": 1, \"" MARK "h\": 2}, \"merges\": []}}";

static const struct vs_run run;

struct bench { struct vs_tokenizer *base, *ext; struct vs_match *match; struct vs_vocab_map *map; };

static struct vs_tokenizer *open_text(const char *text, bool ids_only)
{
    struct vs_tokenizer *t = NULL;
    struct vs_err err;
    const char *path = vst_path(vst_tempdir(), "tokenizer.json");
    vst_write_text(path, text);
    cr_assert_eq(vs_tokenizer_open(path, &(struct vs_tokenizer_options){.lenient = true, .ids_only = ids_only}, &t, &err), VS_OK, "%s", err.message);
    return t;
}

static struct bench begin(const char *base, const char *ext, const struct vs_str *taken, size_t taken_count)
{
    struct bench b = {open_text(base, false), open_text(ext, true), NULL, vs_vocab_map_new()};
    struct vs_err err;
    cr_assert_eq(vs_match_begin(b.base, taken, taken_count, &b.match, &err), VS_OK);
    cr_assert_eq(vs_match_extension(b.match, b.ext, VS_LIT("ext"), b.map, &run, &err), VS_OK, "%s", err.message);
    return b;
}

static void end(struct bench *b)
{
    vs_match_end(b->match);
    vs_vocab_map_free(b->map);
    vs_tokenizer_close(b->base);
    vs_tokenizer_close(b->ext);
    vst_cleanup();
}

/* What became of the token with that id: "candidate Ġh", "overlap 7", or the reason. */
static const char *fate(const struct bench *b, uint32_t id)
{
    uint32_t n;
    const struct vs_candidate *c = vs_match_candidates(b->match, &n);
    for (uint32_t i = 0; i < n; i++)
        if (c[i].source_id == id)
            return vst_format("candidate %.*s", VS_STR(c[i].token));
    for (uint32_t i = 0; i < b->map->overlap_count; i++)
        if (b->map->overlaps[i].source_id == id)
            return vst_format("overlap %u", b->map->overlaps[i].id);
    for (uint32_t i = 0; i < b->map->reject_count; i++)
        if (b->map->rejects[i].source_id == id)
            return vst_format("%.*s", VS_STR(b->map->rejects[i].reason));
    return "lost";
}

static void check(const struct bench *b, const char *const *expected, uint32_t count)
{
    cr_assert_eq(b->ext->rows_needed, count);
    for (uint32_t id = 0; id < count; id++)
        cr_assert_str_eq(fate(b, id), expected[id], "%.*s: found \"%s\", expected \"%s\"", VS_STR(vs_token_text(b->ext, id)), fate(b, id), expected[id]);
}
#define CHECK(b, list) check(b, list, sizeof(list) / sizeof *(list))

Test(match, a_list_of_pieces_into_bytes)
{
    static const char ext[] =
        "{\"added_tokens\": [" ADDED(1, "<s>", true) "], \"pre_tokenizer\": " METASPACE ", \"model\": {\"type\": \"Unigram\", \"unk_id\": 0, "
        "\"byte_fallback\": true, \"vocab\": [[\"<unk>\", 0], [\"<s>\", 0], [\"<0x41>\", 0], [\"he\", -1], [\"" MARK "he\", -1], [\"" MARK "h\", -1], "
        "[\"\xc3\xa9h\", -1], [\"e\xcc\x81\", -2], [\"hello\", -2], [\"12\", -2], [\"lo\", -2], [\"" MARK "1\", -2], [\"oh" MARK "\", -3], [\"h<s>\", -3]]}}";
    static const char *const expected[] = {
        "the unknown token of the extension", "special in the extension", "spelled as a byte by the extension", "overlap 7",
        "candidate \xc4\xa0he", "overlap 8", "candidate \xc3\x83\xc2\xa9h", "changed by the base's normalizer", "with an added token inside",
        "across a boundary of the base's pre-tokenizer", "known to the base as an added token", "across a boundary of the base's pre-tokenizer",
        "across a boundary of the base's pre-tokenizer", "with an added token inside"};
    struct bench b = begin(bytes_base, ext, NULL, 0);
    CHECK(&b, expected);
    end(&b);
}

Test(match, words_and_continuations_into_bytes)
{
    static const char ext[] =
        "{\"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, "
        "\"vocab\": {\"[UNK]\": 0, \"heh\": 1, \"##heh\": 2, \"##he\": 3, \"h\": 4, \"##h\": 5}}}";
    static const char *const expected[] = {"the unknown token of the extension", "candidate \xc4\xa0heh", "candidate heh", "overlap 7", "overlap 8",
                                           "overlap 0"};
    struct bench b = begin(bytes_base, ext, NULL, 0);
    CHECK(&b, expected);
    end(&b);
}

Test(match, bytes_into_characters)
{
    static const char ext[] =
        "{\"pre_tokenizer\": " BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"h\": 0, \"\xc4\xa0\": 1, \"\xc3\x83\": 2, \"\xc3\x83\xc2\xa9\": 3, "
        "\"\xc4\xa0hh\": 4, \"\xc4\xa0h\": 5, \"h\xc4\xa0h\": 6, \"\xc4\x80\": 7}, \"merges\": []}}";
    static const char *const expected[] = {"overlap 1", "overlap 0", "not valid UTF-8, and the base spells characters", "candidate \xc3\xa9",
                                           "candidate " MARK "hh", "overlap 2", "candidate h" MARK "h",
                                           "with the character U+0000, which no vocabulary of characters can hold"};
    struct bench b = begin(characters_base, ext, NULL, 0);
    CHECK(&b, expected);
    end(&b);
}

Test(match, what_is_asked_for_by_its_text_is_no_candidate)
{
    static const char ext[] = "{\"pre_tokenizer\": " BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"hh\": 0, \"hhe\": 1, \"eh\": 2}, \"merges\": []}}";
    static const char *const expected[] = {"among the tokens to add", "with an added token inside", "candidate eh"};
    static const struct vs_str taken[] = {{"hh", 2}, {"hh", 2}, {"x", 1}};
    struct bench b = begin(bytes_base, ext, taken, 3);
    CHECK(&b, expected);
    end(&b);
}

/* It may be special there or not: it is to be added here, so it is not called rejected for what it is there. */
Test(match, what_is_asked_for_may_be_special_there)
{
    static const char ext[] = "{\"added_tokens\": [" ADDED(1, "<t>", true) "], \"pre_tokenizer\": " BYTE_LEVEL
                              ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"h\": 0}, \"merges\": []}}";
    static const char *const expected[] = {"overlap 0", "among the tokens to add"};
    static const struct vs_str taken[] = {{"<t>", 3}};
    struct bench b = begin(bytes_base, ext, taken, 1);
    check(&b, expected, 2);
    end(&b);
}

/* A second extension brings nothing that the first one brought. */
Test(match, two_extensions)
{
    static const char ext[] = "{\"pre_tokenizer\": " BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"hh\": 0, \"he\": 1}, \"merges\": []}}";
    struct bench b = begin(bytes_base, ext, NULL, 0);
    struct vs_err err;
    uint32_t n;
    cr_assert_eq(vs_match_extension(b.match, b.ext, VS_LIT("again"), b.map, &run, &err), VS_OK);
    vs_match_candidates(b.match, &n);
    cr_assert_eq(n, 1);
    cr_assert_eq(b.map->overlap_count, 2);
    cr_assert(b.map->reject_count == 1 && vs_str_is(b.map->rejects[0].source, "again"));
    cr_assert_str_eq(b.map->rejects[0].reason.p, "of the same text as an earlier candidate: id 0 \"hh\" of ext");
    end(&b);
}

Test(match, long_tokens)
{
    char ext[2048], word[520];
    memset(word, 'h', sizeof word - 1);
    word[513] = '\0';
    snprintf(ext, sizeof ext, "{\"pre_tokenizer\": " BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"%s\": 0, \"%s\": 1}, \"merges\": []}}",
             word, word + 1);
    struct bench b = begin(bytes_base, ext, NULL, 0);
    cr_assert_str_eq(fate(&b, 0), "longer than 512 bytes");
    cr_assert_eq(strncmp(fate(&b, 1), "candidate hhh", 13), 0);
    end(&b);
}
