/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole merges of small tokenizers: ids, files, and what is refused. The executable is linked with --wrap=vs_comes_out: a wish to
 * stop comes at the same known token in every run.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <vs/report.h>
#include "base/str.h"
#include "json/schema.h"
#include "plan/merge.h"
#include "support.h"

#define ADDED(id, content, normalized, special) \
    "{\"id\": " #id ", \"content\": \"" content "\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, \"normalized\": " #normalized \
    ", \"special\": " #special "}"
#define BYTE_LEVEL "\"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true}"

/* ids 0 .. 3 in the model, 4 an added token that is not */
static const char base_json[] =
    "{\"added_tokens\": [" ADDED(4, "<s>", false, true) "], " BYTE_LEVEL
    ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3}, \"merges\": [[\"a\", \"b\"]]}}";
static const char ext_json[] =
    "{" BYTE_LEVEL ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"c\": 0, \"abc\": 1, \"cacb\": 2, \"ab\": 3}, \"merges\": []}}";
static const char wordpiece_json[] =
    "{\"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\", "
    "\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, \"vocab\": {\"[UNK]\": 0, \"a\": 1, \"##b\": 2}}}";
static const char unigram_json[] =
    "{\"added_tokens\": [" ADDED(2, "<s>", false, true) "], \"model\": {\"type\": \"Unigram\", \"unk_id\": 0, "
    "\"vocab\": [[\"<unk>\", 0.0], [\"a\", -1.5]]}}";
static const char wordlevel_json[] =
    "{\"pre_tokenizer\": {\"type\": \"Whitespace\"}, \"model\": {\"type\": \"WordLevel\", \"unk_token\": \"[UNK]\", \"vocab\": {\"[UNK]\": 0, \"a\": 1}}}";

static const struct vs_run run;
static struct vs_err err;

static const char *tokenizer_dir(const char *json)
{
    const char *dir = vst_tempdir();
    vst_write_text(vst_path(dir, "tokenizer.json"), json);
    return dir;
}

struct result { enum vs_code code; struct vs_merge *m; const struct vs_merge_report *report; const char *parent, *out; };

static struct result merge(struct vs_merge_request q)
{
    struct result r = {.parent = vst_tempdir()};
    r.out = vst_path(r.parent, "out");
    err.message[0] = '\0';
    r.code = vs_merge_plan(&q, &run, &r.m, &err);
    if (r.code)
        return r;
    r.code = vs_merge_write(r.m, r.out, false, &run, &err);
    r.report = vs_merge_report(r.m);
    return r;
}

static void end(struct result *r)
{
    vs_merge_free(r->m);
    vst_cleanup();
}

static void works(const struct result *r)
{
    cr_assert_eq(r->code, VS_OK, "code %d: %s", r->code, err.message);
}

static void fails(struct vs_merge_request q, enum vs_code code, const char *part)
{
    struct result r = merge(q);
    cr_assert_eq(r.code, code, "code %d: %s", r.code, err.message);
    cr_assert(strstr(err.message, part), "found \"%s\", expected \"%s\"", err.message, part);
    cr_assert_eq(vst_count(r.parent, "*"), 0, "something is left behind");
    if (r.report)
        vs_merge_free(r.m);
}

/* "5 abc merged 3,2 | ..." */
static const char *news_of(const struct vs_merge_report *r)
{
    const char *text = "";
    for (uint32_t i = 0; i < r->map->new_count; i++) {
        const struct vs_new_token *t = &r->map->news[i];
        text = vst_format("%s%s%u %.*s %s", text, i ? " | " : "", t->id, VS_STR(t->token), vs_new_kind_name(t->kind));
        for (uint32_t k = 0; k < t->piece_count; k++)
            text = vst_format("%s%s%u", text, k ? "," : " ", t->pieces[k]);
    }
    return text;
}

static bool file_has(const char *dir, const char *name, const char *part)
{
    return strstr(vst_read(vst_path(dir, name), NULL), part) != NULL;
}

static bool noted(const struct vs_merge_report *r, const char *part)
{
    for (uint32_t i = 0; i < r->note_count; i++)
        if (strstr(r->notes[i], part))
            return true;
    return false;
}

Test(merge, ids_pieces_and_files)
{
    const char *ext = tokenizer_dir(ext_json), *words[] = {"x y"}, *specials[] = {"<t>"};
    struct result r = merge((struct vs_merge_request){.base = tokenizer_dir(base_json), .extensions = &ext, .extension_count = 1, .add_tokens = words,
                                                     .add_token_count = 1, .add_specials = specials, .add_special_count = 1});
    works(&r);
    cr_assert_str_eq(news_of(r.report), "5 abc merged 3,2 | 6 ca intermediate 2,0 | 7 cb intermediate 2,1 | 8 cacb merged 2,0,2,1 | 9 x y added | "
                                        "10 <t> special", "%s", news_of(r.report));
    cr_assert(r.report->shared == 2 && r.report->rejected == 0 && r.report->intermediates == 2 && r.report->new_total == 6);
    cr_assert(r.report->accepted == 2 && r.report->added == 2 && r.report->extension_tokens == r.report->shared + r.report->rejected + r.report->accepted);
    cr_assert(r.report->first_id == 5 && r.report->last_id == 10 && r.report->rows_needed == 11 && r.report->model_rows == 0);
    cr_assert(r.report->merged == 4 && r.report->reachable_by_merges == 4);
    cr_assert(r.report->text_checked == 6 && r.report->reachable_by_text == 6, "%u of %u", r.report->reachable_by_text, r.report->text_checked);
    cr_assert_str_eq(vst_read(vst_path(r.out, "tokenizer.json"), NULL),
        "{\"added_tokens\": [" ADDED(4, "<s>", false, true) ", " ADDED(9, "x y", true, false) ", " ADDED(10, "<t>", false, true) "], " BYTE_LEVEL
        ", \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"ab\": 3, \"<s>\": 4, \"abc\": 5, \"ca\": 6, \"cb\": 7, \"cacb\": 8, "
        "\"x y\": 9, \"<t>\": 10}, \"merges\": [[\"a\", \"b\"], [\"ab\", \"c\"], [\"c\", \"a\"], [\"c\", \"b\"], [\"ca\", \"cb\"]]}}");
    cr_assert_eq(vst_count(r.out, "*"), 3);
    cr_assert(file_has(r.out, "tokenizer_config.json", "{\"additional_special_tokens\": [\"<t>\"]}"));
    end(&r);
}

Test(merge, the_report_for_scripts_has_a_schema)
{
    const char *ext = tokenizer_dir(ext_json);
    struct result r = merge((struct vs_merge_request){.base = tokenizer_dir(base_json), .extensions = &ext, .extension_count = 1});
    works(&r);
    for (int dry = 0; dry < 2; dry++) {
        struct vs_buf b = {0};
        struct vs_jdoc doc = {0};
        cr_assert_eq(vs_merge_json(r.report, dry ? NULL : r.out, &b, &err), VS_OK);
        cr_assert_eq(vs_jdoc_parse("stdout", (struct vs_str){b.p, b.n}, &doc, &err), VS_OK, "%s", err.message);
        cr_assert_eq(vs_schema_check(NULL, "merge", &doc, &err), VS_OK, "%s", err.message);
        vs_jdoc_free(&doc);
        vs_buf_free(&b);
    }
    end(&r);
}

Test(merge, words_for_every_type_of_model)
{
    static const struct { const char *json; uint32_t first; const char *entries; } types[] = {
        {base_json, 5, "\"<s>\": 4, \"w\": 5, \"<t>\": 6}"}, {wordpiece_json, 3, "\"##b\": 2, \"w\": 3, \"<t>\": 4}"},
        {unigram_json, 3, "[\"<s>\", 0.0], [\"w\", 0.0], [\"<t>\", 0.0]]"}, {wordlevel_json, 2, "\"a\": 1, \"w\": 2, \"<t>\": 3}"}};
    const char *word = "w", *special = "<t>";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct result r = merge((struct vs_merge_request){.base = tokenizer_dir(types[i].json), .add_tokens = &word, .add_token_count = 1,
                                                         .add_specials = &special, .add_special_count = 1});
        works(&r);
        cr_assert(r.report->new_total == 2 && r.report->first_id == types[i].first && r.report->map->news[1].kind == VS_NEW_SPECIAL);
        cr_assert(file_has(r.out, "tokenizer.json", types[i].entries), "%s", vst_read(vst_path(r.out, "tokenizer.json"), NULL));
        cr_assert_eq(r.report->reachable_by_text, 2);
        end(&r);
    }
}

Test(merge, a_vocabulary_goes_only_into_bpe)
{
    const char *ext = tokenizer_dir(ext_json);
    fails((struct vs_merge_request){.base = tokenizer_dir(wordpiece_json), .extensions = &ext, .extension_count = 1}, VS_EUNSUPPORTED, "wordpiece");
    fails((struct vs_merge_request){.base = tokenizer_dir(unigram_json), .extensions = &ext, .extension_count = 1}, VS_EUNSUPPORTED, "--add-token");
    vst_cleanup();
}

Test(merge, bases_whose_ids_are_not_what_they_seem)
{
    const char *word = "w";
    fails((struct vs_merge_request){.base = tokenizer_dir("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 2}, \"merges\": []}}"), .add_tokens = &word,
                                    .add_token_count = 1}, VS_EMISMATCH, "holes");
    fails((struct vs_merge_request){.base = tokenizer_dir("{\"added_tokens\": [" ADDED(7, "<s>", false, true) "], \"model\": {\"type\": \"BPE\", \"vocab\": "
                                    "{\"a\": 0}, \"merges\": []}}"), .add_tokens = &word, .add_token_count = 1}, VS_EMISMATCH, "runs as 1");
    vst_cleanup();
}

Test(merge, ids_that_a_config_names_are_not_given_away)
{
    const char *base = tokenizer_dir(base_json), *word = "w";
    struct vs_merge_request q = {.base = base, .add_tokens = &word, .add_token_count = 1};
    vst_write_text(vst_path(base, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 8, \"eos_token_id\": 6}");
    struct result r = merge(q);
    works(&r);
    cr_assert(r.report->first_id == 7 && r.report->rows_needed == 8);
    cr_assert(noted(r.report, "placeholder"));
    cr_assert(file_has(r.out, "tokenizer.json", "\"<|reserved_5|>\": 5, \"<|reserved_6|>\": 6, \"w\": 7}"));
    cr_assert_eq(vst_count(r.out, "config.json"), 0, "only tokenizer files are written");
    vs_merge_free(r.m);
    vst_write_text(vst_path(base, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 8, \"eos_token_id\": 1000000}");
    fails(q, VS_ELIMIT, "1000000");
    vst_cleanup();
}

/* Whoever silences spare rows has not given them away. */
Test(merge, ids_that_are_only_suppressed_are_free)
{
    const char *base = tokenizer_dir(base_json), *word = "w";
    vst_write_text(vst_path(base, "config.json"), "{\"model_type\": \"llama\", \"vocab_size\": 8, \"bad_words_ids\": [[6]]}");
    vst_write_text(vst_path(base, "generation_config.json"), "{\"suppress_tokens\": [5, 6, 7], \"begin_suppress_tokens\": [7]}");
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = &word, .add_token_count = 1});
    works(&r);
    cr_assert(r.report->first_id == 5 && r.report->rows_needed == 6 && !noted(r.report, "placeholder"));
    end(&r);
}

/* Tokens that are asked for by their text need no pipeline that runs; the vocabulary of an extension does. */
Test(merge, a_pipeline_that_is_not_handled)
{
    const char *base = tokenizer_dir("{\"normalizer\": {\"type\": \"Unheard\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}");
    const char *ext = tokenizer_dir(ext_json), *word = "w";
    struct vs_merge_request q = {.base = base, .add_tokens = &word, .add_token_count = 1};
    struct result r = merge(q);
    works(&r);
    cr_assert(r.report->new_total == 1 && r.report->text_checked == 0 && noted(r.report, "\"Unheard\" is not handled"));
    vs_merge_free(r.m);
    q.extensions = &ext;
    q.extension_count = 1;
    fails(q, VS_EUNSUPPORTED, "Unheard");
    vst_cleanup();
}

Test(merge, added_tokens_that_the_normalizer_changes_are_named)
{
    const char *base = tokenizer_dir("{\"normalizer\": {\"type\": \"Lowercase\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}");
    const char *words[] = {"w", "Wx"}, *special = "Sp";
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 2, .add_specials = &special, .add_special_count = 1});
    works(&r);
    cr_assert(noted(r.report, "1 added token is matched") && noted(r.report, "\"Wx\" as \"wx\"") && r.report->note_count == 1);
    cr_assert_eq(r.report->reachable_by_text, 3);
    end(&r);
}

/* All of them are named: whoever adds Hello to a base that knows hello loses a trained row without knowing. */
Test(merge, added_tokens_that_take_the_text_of_a_base_token)
{
    const char *base = tokenizer_dir("{\"normalizer\": {\"type\": \"Lowercase\"}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"}, \"model\": {\"type\": "
                                     "\"WordPiece\", \"unk_token\": \"[UNK]\", \"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, "
                                     "\"vocab\": {\"[UNK]\": 0, \"ab\": 1, \"c\": 2, \"##d\": 3}}}");
    const char *words[] = {"Ab", "C", "CD", "Other"};
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 4});
    works(&r);
    cr_assert(noted(r.report, "2 added tokens take the text of a base token, whose row is not used for it any more, and are found inside of words "
                               "too: ") && noted(r.report, "\"Ab\" gives 4 instead of 1 \"ab\", \"C\" gives 5 instead of 2 \"c\""));
    cr_assert(noted(r.report, "4 added tokens are matched") && noted(r.report, "\"Other\" as \"other\""));
    end(&r);
}

/* The byte alphabet spells the first half of a character as another character, and a line end, which text around it may hold. */
Test(merge, known_tokens_that_no_text_gives_are_named)
{
    const char *base = tokenizer_dir("{" BYTE_LEVEL ", \"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, "
                                     "\"\xc3\x85\": 1, \"b\": 2, \"ab\": 3, \"\xc4\x8a\": 4}, \"merges\": [[\"a\", \"b\"]]}}");
    const char *words[] = {"\xc3\x85", "ab", "a", "\xc4\x8a"};
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 4});
    works(&r);
    cr_assert(r.report->known == 4 && noted(r.report, "2 known tokens are spelled so") && noted(r.report, "gives them: 1 \"\xc3\x85\", 4 \"\xc4\x8a\""));
    end(&r);
}

static unsigned tried, stop_at; /* 0: never */
static volatile sig_atomic_t unwanted;

enum vs_code __real_vs_comes_out(const struct vs_tokenizer *t, struct vs_str text, uint32_t id, struct vs_witness *w, bool *found, struct vs_err *e);
enum vs_code __wrap_vs_comes_out(const struct vs_tokenizer *t, struct vs_str text, uint32_t id, struct vs_witness *w, bool *found, struct vs_err *e);
enum vs_code __wrap_vs_comes_out(const struct vs_tokenizer *t, struct vs_str text, uint32_t id, struct vs_witness *w, bool *found, struct vs_err *e)
{
    if (++tried == stop_at)
        unwanted = 1;
    return __real_vs_comes_out(t, text, id, w, found, e);
}

/* A file may name a whole vocabulary, and one that no text gives is tried in many. */
Test(merge, known_tokens_are_tried_until_somebody_wants_to_stop)
{
    const char *words[] = {"a", "b", "c", "ab"};
    const struct vs_run stops = {.cancel = &unwanted};
    const struct vs_merge_request q = {.base = tokenizer_dir(base_json), .add_tokens = words, .add_token_count = 4};
    struct vs_merge *m;
    stop_at = 2;
    cr_assert_eq(vs_merge_plan(&q, &stops, &m, &err), VS_ECANCELED);
    cr_assert(strcmp(err.message, "interrupted") == 0 && tried == 2, "%s, %u tried", err.message, tried);
    vst_cleanup();
}

/* Tokens with the flag normalized are looked for in what the others leave. */
Test(merge, new_tokens_that_no_text_gives_are_named)
{
    const char *base = tokenizer_dir("{\"added_tokens\": [{\"id\": 1, \"content\": \"x\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                                     "\"normalized\": false, \"special\": true}], \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}");
    const char *words[] = {"axb", "z"};
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 2});
    works(&r);
    cr_assert_eq(r.report->reachable_by_text, 1);
    cr_assert(noted(r.report, "1 new token comes out for no text: 2 \"axb\""));
    end(&r);
}

/* Two spellings of one text: which one is found would be chance. */
Test(merge, added_tokens_that_are_one_in_normalised_text)
{
    const char *base = tokenizer_dir("{\"normalizer\": {\"type\": \"NFC\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}");
    const char *words[] = {"caf\xc3\xa9", "caf\xc3\xa9", "cafe\xcc\x81"};
    fails((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 3}, VS_EUSAGE, "also makes of \"caf\xc3\xa9\"");
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 2, .add_specials = words + 2, .add_special_count = 1});
    works(&r);
    cr_assert_eq(r.report->new_total, 2);
    end(&r);
}

#define LOWER(added) \
    "{\"normalizer\": {\"type\": \"Lowercase\"}, \"added_tokens\": [" added "], \"model\": {\"type\": \"BPE\", \"vocab\": {\"foo\": 0, \"a\": 1}, \"merges\": []}}"

/* The same with an added token that the base has; what is literally there stays as it is, and is no new one. */
Test(merge, added_tokens_that_are_one_with_the_bases_in_normalised_text)
{
    const char *words[] = {"foo", "FOO"}, *file = vst_path(vst_tempdir(), "words"), *base = tokenizer_dir(LOWER(ADDED(0, "foo", true, false)));
    struct vs_merge_request q = {.base = base, .add_tokens = words, .add_token_count = 2};
    fails(q, VS_EUSAGE, "--add-token: \"FOO\": found what the base's normalizer also makes of its added token 0 \"foo\"");
    q.base = tokenizer_dir(LOWER(ADDED(0, "foo", true, true)));
    fails(q, VS_EUSAGE, "its added token 0");
    vst_write_text(file, "a\nFoo\n");
    fails((struct vs_merge_request){.base = base, .tokens_file = file}, VS_EFORMAT, "words: line 2: \"Foo\": found what");
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 1, .add_specials = words + 1, .add_special_count = 1});
    works(&r);
    cr_assert_str_eq(news_of(r.report), "2 FOO special 0", "%s", news_of(r.report));
    vs_merge_free(r.m);
    q.base = tokenizer_dir(LOWER(ADDED(0, "foo", false, false))); /* looked for in the text as it is: each has its own */
    r = merge(q);
    works(&r);
    cr_assert_eq(r.report->reachable_by_text, 1);
    end(&r);
}

/* Cut out of normalised text, a token of which nothing is left stands between all characters, and one that is a blank at every blank. */
Test(merge, added_tokens_that_the_normalizer_leaves_nothing_of)
{
    const char *base = tokenizer_dir("{\"normalizer\": {\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Replace\", \"pattern\": {\"String\": \"x\"}, "
                                     "\"content\": \"\"}, {\"type\": \"Replace\", \"pattern\": {\"String\": \"y\"}, \"content\": \" \"}]}, \"model\": {\"type\": "
                                     "\"BPE\", \"vocab\": {\"a\": 0, \"x\": 1}, \"merges\": []}}");
    const char *file = vst_path(vst_tempdir(), "words"), *words[] = {"xx", "yy", "  ", "xa", "x"};
    fails((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 1}, VS_EUSAGE, "--add-token: \"xx\": found nothing behind");
    fails((struct vs_merge_request){.base = base, .add_tokens = words + 1, .add_token_count = 1}, VS_EUSAGE, "\"yy\": found a blank behind");
    vst_write_text(file, "b\nxx\n");
    fails((struct vs_merge_request){.base = base, .tokens_file = file}, VS_EFORMAT, "words: line 2: \"xx\": found nothing");
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words + 2, .add_token_count = 3, .add_specials = words, .add_special_count = 2});
    works(&r);
    cr_assert_str_eq(news_of(r.report), "2    added | 3 xa added 0 | 4 xx special | 5 yy special", "%s", news_of(r.report));
    end(&r);
}

#define RUNS_BECOME(text) \
    "{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"Regex\": \" {2,}\"}, \"content\": \"" text "\"}, \"model\": {\"type\": \"BPE\", \"vocab\": " \
    "{\"a\": 0}, \"merges\": []}}"

/* Of a run of blanks one is left, and every blank of a text is one; where what is left is no blank of a text, it stands. */
Test(merge, runs_of_blanks_that_the_normalizer_shortens)
{
    const char *words[] = {"  ", " "}, *base = tokenizer_dir(RUNS_BECOME(" "));
    fails((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 1}, VS_EUSAGE, "--add-token: \"  \": found a blank behind");
    fails((struct vs_merge_request){.base = base, .add_tokens = words + 1, .add_token_count = 1}, VS_EUSAGE, "--add-token: \" \": found one blank");
    struct result r = merge((struct vs_merge_request){.base = tokenizer_dir(RUNS_BECOME("\xe2\x96\x81")), .add_tokens = words, .add_token_count = 1});
    works(&r);
    cr_assert_eq(r.report->reachable_by_text, 1);
    end(&r);
}

/* It is found between all words, whatever the normalizer does and where there is none; what the vocabulary has is no new token. */
Test(merge, one_blank_is_no_token)
{
    const char *words[] = {" "}, *file = vst_path(vst_tempdir(), "words"), *base = tokenizer_dir(base_json);
    fails((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 1}, VS_EUSAGE, "--add-token: \" \": found one blank, expected");
    fails((struct vs_merge_request){.base = base, .add_specials = words, .add_special_count = 1}, VS_EUSAGE, "--add-special: \" \": found one blank");
    vst_write_text(file, "b\n \n");
    fails((struct vs_merge_request){.base = base, .tokens_file = file}, VS_EFORMAT, "words: line 2: \" \": found one blank");
    base = tokenizer_dir("{\"normalizer\": {\"type\": \"Other\"}, \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}");
    fails((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 1}, VS_EUSAGE, "found one blank");
    base = tokenizer_dir("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \" \": 1}, \"merges\": []}}");
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 1});
    works(&r);
    cr_assert_eq(r.report->known, 1);
    end(&r);
}

Test(merge, lines_of_a_tokens_file)
{
    const char *base = tokenizer_dir(base_json), *file = vst_path(vst_tempdir(), "words");
    vst_write_text(file, "\xef\xbb\xbfw\r\n\n v\nu\rt\n");
    struct result r = merge((struct vs_merge_request){.base = base, .tokens_file = file});
    works(&r);
    cr_assert_str_eq(news_of(r.report), "5 w added | 6  v added | 7 u\rt added", "%s", news_of(r.report));
    cr_assert(noted(r.report, "2 lines of the tokens file have blanks") && noted(r.report, "see line 3"));
    vs_merge_free(r.m);
    r = merge((struct vs_merge_request){.base = base, .tokens_text = {"x\ny", 3}});
    works(&r);
    cr_assert_str_eq(news_of(r.report), "5 x added | 6 y added", "%s", news_of(r.report));
    cr_assert(r.report->map->news[0].source.p && r.report->note_count == 0);
    end(&r);
}

Test(merge, what_is_staged_and_not_committed_leaves_nothing)
{
    const char *word = "w", *parent = vst_tempdir();
    struct vs_merge_request q = {.base = tokenizer_dir(base_json), .add_tokens = &word, .add_token_count = 1};
    struct vs_merge *m = NULL;
    cr_assert_eq(vs_merge_plan(&q, &run, &m, &err), VS_OK);
    cr_assert_not(vs_merge_report(m)->text_tried);
    cr_assert_eq(vs_merge_stage(m, vst_path(parent, "out"), false, &run, &err), VS_OK, "%s", err.message);
    cr_assert(vs_merge_report(m)->text_tried && vst_count(parent, "out") == 0);
    vs_merge_free(m);
    cr_assert_eq(vst_count(parent, "*"), 0);
    vst_cleanup();
}

/* Nothing is new here, so the tokenizer that was written is all there is to stop at. */
Test(merge, what_was_written_is_read_until_somebody_wants_to_stop)
{
    const char *word = "ab", *parent = vst_tempdir();
    struct vs_merge_request q = {.base = tokenizer_dir(base_json), .add_tokens = &word, .add_token_count = 1};
    const volatile sig_atomic_t stop = 1;
    struct vs_merge *m = NULL;
    cr_assert_eq(vs_merge_plan(&q, &run, &m, &err), VS_OK);
    cr_assert_eq(vs_merge_stage(m, vst_path(parent, "out"), false, &(struct vs_run){.cancel = &stop}, &err), VS_ECANCELED);
    vs_merge_free(m);
    cr_assert_eq(vst_count(parent, "*"), 0);
    vst_cleanup();
}

Test(merge, nothing_new_is_a_copy)
{
    const char *base = tokenizer_dir(base_json), *words[] = {"ab", "<s>"};
    vst_write_text(vst_path(base, "tokenizer_config.json"), "{\"added_tokens_decoder\": {}}");
    struct result r = merge((struct vs_merge_request){.base = base, .add_tokens = words, .add_token_count = 2});
    works(&r);
    cr_assert(r.report->new_total == 0 && r.report->known == 2 && r.report->shared == 0 && r.report->rows_needed == 5);
    vst_remove(vst_path(r.out, "vocab-map.json"));
    cr_assert_str_eq(vst_tree_diff(base, r.out), "");
    end(&r);
}

Test(merge, an_entry_of_the_vocabulary_becomes_special)
{
    const char *special = "ab";
    struct result r = merge((struct vs_merge_request){.base = tokenizer_dir(base_json), .add_specials = &special, .add_special_count = 1});
    works(&r);
    cr_assert(r.report->new_total == 0 && r.report->known == 1);
    cr_assert(file_has(r.out, "tokenizer.json", ADDED(3, "ab", false, true)));
    end(&r);
}

Test(merge, an_added_token_becomes_special)
{
    static const char json[] = "{\"added_tokens\": [" ADDED(1, "w", true, false) "], \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}";
    const char *special = "w";
    struct result r = merge((struct vs_merge_request){.base = tokenizer_dir(json), .add_specials = &special, .add_special_count = 1});
    works(&r);
    cr_assert(r.report->new_total == 0 && r.report->known == 1 && r.report->note_count == 1 && strstr(r.report->notes[0], "it becomes special"));
    cr_assert(file_has(r.out, "tokenizer.json", "[" ADDED(1, "w", false, true) "]"));
    cr_assert(file_has(r.out, "tokenizer_config.json", "[\"w\"]"));
    end(&r);
}

/* "ca" would be an intermediate; asked for as an added token it has one id, not two. */
Test(merge, an_added_token_is_not_merged_too)
{
    const char *ext = tokenizer_dir(ext_json), *word = "ca";
    struct result r = merge((struct vs_merge_request){.base = tokenizer_dir(base_json), .extensions = &ext, .extension_count = 1, .add_tokens = &word,
                                                     .add_token_count = 1});
    works(&r);
    cr_assert_str_eq(news_of(r.report), "5 abc merged 3,2 | 6 ca added 2,0");
    cr_assert_eq(r.report->rejected, 1);
    end(&r);
}

Test(merge, siblings_come_along)
{
    const char *base = tokenizer_dir(wordpiece_json), *word = "w";
    struct vs_merge_request q = {.base = base, .add_tokens = &word, .add_token_count = 1};
    vst_write_text(vst_path(base, "vocab.txt"), "[UNK]\na\n##b\n");
    vst_write_text(vst_path(base, "tokenizer_config.json"), "{\"added_tokens_decoder\": {}, \"tokenizer_class\": \"BertTokenizer\"}");
    vst_write_text(vst_path(base, "chat_template.jinja"), "{{ x }}");
    vst_write_text(vst_path(base, "spiece.model"), "old");
    vst_write_text(vst_path(base, "pytorch_model.txt"), "not ours");
    struct result r = merge(q);
    works(&r);
    cr_assert_str_eq(vst_read(vst_path(r.out, "vocab.txt"), NULL), "[UNK]\na\n##b\nw\n");
    cr_assert(file_has(r.out, "tokenizer_config.json", "\"3\": {\"content\": \"w\""));
    cr_assert(file_has(r.out, "chat_template.jinja", "{{ x }}"));
    cr_assert(noted(r.report, "spiece.model") && vst_count(r.out, "spiece.model") == 0 && vst_count(r.out, "pytorch_model.txt") == 0);
    vs_merge_free(r.m);
    vst_write_text(vst_path(base, "vocab.txt"), "[UNK]\na\n");
    r = merge(q);
    works(&r);
    cr_assert(noted(r.report, "vocab.txt") && vst_count(r.out, "vocab.txt") == 0);
    end(&r);
}

/* Output into what is read is refused even when it may replace a directory. */
Test(merge, no_input_is_written_to)
{
    const char *base = tokenizer_dir(base_json), *ext = tokenizer_dir(ext_json), *list = vst_path(vst_tempdir(), "words");
    vst_write_text(list, "w\n");
    struct vs_merge_request q = {.base = base, .extensions = &ext, .extension_count = 1, .tokens_file = list};
    const char *const outs[] = {base, ext, vst_path(ext, "inside"), list};
    uint64_t before[3] = {vst_tree_hash(base), vst_tree_hash(ext), vst_tree_hash(list)};
    struct vs_merge *m = NULL;
    for (size_t i = 0; i < sizeof outs / sizeof *outs; i++) {
        cr_assert_eq(vs_merge_plan(&q, &run, &m, &err), VS_OK, "%s", err.message);
        cr_assert_eq(vs_merge_write(m, outs[i], true, &run, &err), VS_EEXIST, "%s", outs[i]);
        vs_merge_free(m);
    }
    cr_assert(before[0] == vst_tree_hash(base) && before[1] == vst_tree_hash(ext) && before[2] == vst_tree_hash(list));
    vst_cleanup();
}

Test(merge, tokens_files)
{
    static const struct { const char *text; size_t n; enum vs_code code; const char *says; } files[] = {
        {"w\n\xc3\xa4\xc3\xb6\r\n\nw\n  v", 14, VS_OK, "5 w added | 6 \xc3\xa4\xc3\xb6 added | 7   v added"},
        {"", 0, VS_OK, ""}, {"\xff\n", 2, VS_EFORMAT, "line 1"}, {"a\nb\0c\n", 6, VS_EFORMAT, "line 2"}};
    const char *list = vst_path(vst_tempdir(), "words.txt");
    struct vs_merge_request q = {.base = tokenizer_dir(base_json), .tokens_file = list};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        vst_write(list, files[i].text, files[i].n);
        if (files[i].code) {
            fails(q, files[i].code, files[i].says);
            continue;
        }
        struct result r = merge(q);
        works(&r);
        cr_assert_str_eq(news_of(r.report), files[i].says);
        vs_merge_free(r.m);
    }
    q.tokens_file = "no/such/file";
    fails(q, VS_EFORMAT, "no/such/file");
    vst_cleanup();
}

Test(merge, tokens_that_cannot_be)
{
    const char *const words[] = {"", "\xff"};
    for (int i = 0; i < 2; i++)
        fails((struct vs_merge_request){.base = tokenizer_dir(base_json), .add_tokens = &words[i], .add_token_count = 1}, VS_EUSAGE, "--add-token");
    vst_cleanup();
}

Test(merge, what_is_stopped_leaves_nothing)
{
    volatile sig_atomic_t stop = 1;
    struct vs_run stopped = {.cancel = &stop};
    const char *ext = tokenizer_dir(ext_json);
    struct vs_merge_request q = {.base = tokenizer_dir(base_json), .extensions = &ext, .extension_count = 1};
    struct vs_merge *m = NULL;
    const char *parent = vst_tempdir();
    cr_assert_eq(vs_merge_plan(&q, &stopped, &m, &err), VS_ECANCELED);
    cr_assert_eq(vs_merge_plan(&q, &run, &m, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_merge_write(m, vst_path(parent, "out"), false, &stopped, &err), VS_ECANCELED);
    cr_assert_eq(vst_count(parent, "*"), 0);
    vs_merge_free(m);
    vst_cleanup();
}

Test(merge, every_failing_allocation_is_an_error)
{
    const char *ext = tokenizer_dir(ext_json), *special = "<t>", *parent = vst_tempdir(), *out = vst_path(parent, "out");
    struct vs_merge_request q = {.base = tokenizer_dir(base_json), .extensions = &ext, .extension_count = 1, .add_specials = &special, .add_special_count = 1};
    for (unsigned long n = 1;; n++) {
        struct vs_merge *m = NULL;
        vs_mem_fail_at(n, false);
        enum vs_code code = vs_merge_plan(&q, &run, &m, &err);
        bool planned = !code;
        if (planned)
            code = vs_merge_write(m, out, false, &run, &err);
        vs_mem_fail_at(0, false);
        if (planned)
            vs_merge_free(m);
        if (code == VS_OK)
            break;
        cr_assert_eq(code, VS_ENOMEM, "allocation %lu: %s", n, err.message);
        cr_assert_eq(vst_count(parent, "*"), 0, "allocation %lu: something is left behind", n);
        cr_assert_lt(n, 5000);
    }
    vst_cleanup();
}
