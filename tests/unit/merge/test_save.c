/* SPDX-License-Identifier: Apache-2.0
 *
 * What is appended takes the layout of what is there, and every other byte stays.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include "support.h"
#include "tokenizer/save.h"

static const struct vs_save_entry entries[] = {{{"the", 3}, 7}, {{"a\"\\\n", 4}, 8}};
static const struct vs_save_merge merges[] = {{{"t", 1}, {"h", 1}}, {{"th", 2}, {"e", 1}}};
static const struct vs_save_added added[] = {{{"<x>", 3}, 9, true, false}, {{"y", 1}, 10, false, true}};
static const struct vs_str specials[] = {{"<x>", 3}};
static const struct vs_save all = {entries, 2, merges, 2, added, 2, specials, 1, false};
static const struct vs_save nothing = {0};

struct example { const char *name, *before, *after; };

static void check(const char *file, const struct example *e, const struct vs_save *s)
{
    struct vs_buf out = {0};
    struct vs_err err;
    enum vs_code code = strcmp(file, "tokenizer.json") == 0 ? vs_save_tokenizer_json(file, vs_cstr(e->before), s, &out, &err)
                                                            : vs_save_sibling(file, vs_cstr(e->before), s, &out, &err);
    cr_assert_eq(code, VS_OK, "%s: %s", e->name, err.message);
    cr_assert_str_eq(out.p ? out.p : "", e->after, "%s: found\n%s\nexpected\n%s", e->name, out.p, e->after);
    vs_buf_free(&out);
}

static void check_all(const char *file, const struct example *e, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct example same = {e[i].name, e[i].before, e[i].before};
        check(file, &e[i], &all);
        check(file, &same, &nothing);
    }
    vst_cleanup();
}
#define CHECK_ALL(file, list) check_all(file, list, sizeof(list) / sizeof *(list))

static void refused(const char *file, const char *text, const struct vs_save *s, enum vs_code expected, const char *part)
{
    struct vs_buf out = {0};
    struct vs_err err;
    enum vs_code code = strcmp(file, "tokenizer.json") == 0 ? vs_save_tokenizer_json(file, vs_cstr(text), s, &out, &err)
                                                            : vs_save_sibling(file, vs_cstr(text), s, &out, &err);
    cr_assert_eq(code, expected, "%s: %s", text, code ? err.message : "no error");
    cr_assert(strstr(err.message, part), "found \"%s\", expected \"%s\"", err.message, part);
    vs_buf_free(&out);
}

#define OBJECT9(c) "{\"id\"" c "9,\"content\"" c "\"<x>\",\"single_word\"" c "false,\"lstrip\"" c "false,\"rstrip\"" c "false," \
                   "\"normalized\"" c "false,\"special\"" c "true}"
#define OBJECT10(c) "{\"id\"" c "10,\"content\"" c "\"y\",\"single_word\"" c "false,\"lstrip\"" c "false,\"rstrip\"" c "false," \
                    "\"normalized\"" c "true,\"special\"" c "false}"

Test(save, tokenizer_json_keeps_its_layout)
{
    static const struct example examples[] = {
        {"compact, pairs",
         "{\"added_tokens\":[{\"id\":5,\"content\":\"p\"},{\"id\":6,\"content\":\"q\"}],\"x\":1.0e0,"
         "\"model\":{\"vocab\":{\"t\":0,\"h\":1},\"merges\":[[\"a\",\"b\"],[\"c\",\"d\"]]}}",
         "{\"added_tokens\":[{\"id\":5,\"content\":\"p\"},{\"id\":6,\"content\":\"q\"}," OBJECT9(":") "," OBJECT10(":") "],\"x\":1.0e0,"
         "\"model\":{\"vocab\":{\"t\":0,\"h\":1,\"the\":7,\"a\\\"\\\\\\n\":8},"
         "\"merges\":[[\"a\",\"b\"],[\"c\",\"d\"],[\"t\",\"h\"],[\"th\",\"e\"]]}}"},
        {"indented, strings, model before added tokens",
         "{\n  \"model\": {\n    \"vocab\": {\n      \"t\": 0,\n      \"h\": 1\n    },\n    \"merges\": [\n      \"a b\",\n      \"c d\"\n    ]\n  },\n"
         "  \"added_tokens\": [\n    {\n      \"id\": 5\n    },\n    {\n      \"id\": 6,\n      \"content\": \"q\"\n    }\n  ]\n}\n",
         "{\n  \"model\": {\n    \"vocab\": {\n      \"t\": 0,\n      \"h\": 1,\n      \"the\": 7,\n      \"a\\\"\\\\\\n\": 8\n    },\n"
         "    \"merges\": [\n      \"a b\",\n      \"c d\",\n      \"t h\",\n      \"th e\"\n    ]\n  },\n"
         "  \"added_tokens\": [\n    {\n      \"id\": 5\n    },\n    {\n      \"id\": 6,\n      \"content\": \"q\"\n    },\n"
         "    {\n      \"id\": 9,\n      \"content\": \"<x>\",\n      \"single_word\": false,\n      \"lstrip\": false,\n      \"rstrip\": false,\n"
         "      \"normalized\": false,\n      \"special\": true\n    },\n"
         "    {\n      \"id\": 10,\n      \"content\": \"y\",\n      \"single_word\": false,\n      \"lstrip\": false,\n      \"rstrip\": false,\n"
         "      \"normalized\": true,\n      \"special\": false\n    }\n  ]\n}\n"},
        {"indented pairs",
         "{\"added_tokens\": [{\"id\": 5}, {\"id\": 6}], \"model\": {\"vocab\": {\"t\": 0, \"h\": 1}, \"merges\": [\n  [\n    \"a\",\n    \"b\"\n  ],\n  [\n"
         "    \"c\",\n    \"d\"\n  ]\n]}}",
         "{\"added_tokens\": [{\"id\": 5}, {\"id\": 6}, {\"id\": 9, \"content\": \"<x>\", \"single_word\": false, \"lstrip\": false, "
         "\"rstrip\": false, \"normalized\": false, \"special\": true}, {\"id\": 10, \"content\": \"y\", \"single_word\": false, "
         "\"lstrip\": false, \"rstrip\": false, \"normalized\": true, \"special\": false}], "
         "\"model\": {\"vocab\": {\"t\": 0, \"h\": 1, \"the\": 7, \"a\\\"\\\\\\n\": 8}, \"merges\": [\n  [\n    \"a\",\n    \"b\"\n  ],\n  [\n"
         "    \"c\",\n    \"d\"\n  ],\n  [\n    \"t\",\n    \"h\"\n  ],\n  [\n    \"th\",\n    \"e\"\n  ]\n]}}"},
    };
    CHECK_ALL("tokenizer.json", examples);
}

/* Lists without an element say nothing about a layout: then the result is only asked to be the same document. */
Test(save, lists_that_were_empty_or_missing)
{
    static const struct vs_save words = {entries, 1, NULL, 0, added, 1};
    static const struct example examples[] = {
        {"empty", "{\"added_tokens\": [], \"model\": {\"vocab\": {}}}",
         "{\"added_tokens\": [{\"id\": 9, \"content\": \"<x>\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
         "\"normalized\": false, \"special\": true}], \"model\": {\"vocab\": {\"the\": 7}}}"},
        {"no added_tokens", "{\"model\": {\"vocab\": {\"t\": 0}}}",
         "{\"added_tokens\": [{\"id\": 9, \"content\": \"<x>\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
         "\"normalized\": false, \"special\": true}],\"model\": {\"vocab\": {\"t\": 0, \"the\": 7}}}"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check("tokenizer.json", &examples[i], &words);
    vst_cleanup();
}

/* A Unigram list holds scores; an added token never meets the model, and 0.0 leaves the minimum where it was. */
Test(save, unigram_entries_are_list_items)
{
    static const struct vs_save words = {entries, 2, NULL, 0, NULL, 0};
    static const struct example examples[] = {
        {"compact", "{\"model\":{\"vocab\":[[\"<unk>\",0.0],[\"t\",-1.5]]}}",
         "{\"model\":{\"vocab\":[[\"<unk>\",0.0],[\"t\",-1.5],[\"the\",0.0],[\"a\\\"\\\\\\n\",0.0]]}}"},
        {"indented", "{\"model\":{\"vocab\":[\n [\n  \"<unk>\",\n  0.0\n ],\n [\n  \"t\",\n  -1.5\n ]\n]}}",
         "{\"model\":{\"vocab\":[\n [\n  \"<unk>\",\n  0.0\n ],\n [\n  \"t\",\n  -1.5\n ],\n [\n  \"the\",\n  0.0\n ],\n "
         "[\n  \"a\\\"\\\\\\n\",\n  0.0\n ]\n]}}"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        check("tokenizer.json", &examples[i], &words);
    vst_cleanup();
}

/* gpt2 has a single added token: a list with one element tells its layout too. */
Test(save, one_element_tells_the_layout)
{
    static const struct vs_save words = {entries, 1, NULL, 0, added, 1};
    static const struct example e = {"one element",
        "{\n  \"added_tokens\": [\n    {\n      \"id\": 5\n    }\n  ],\n  \"model\": {\n    \"vocab\": {\n      \"t\": 0\n    }\n  }\n}",
        "{\n  \"added_tokens\": [\n    {\n      \"id\": 5\n    },\n    {\n      \"id\": 9,\n      \"content\": \"<x>\",\n      \"single_word\": false,\n"
        "      \"lstrip\": false,\n      \"rstrip\": false,\n      \"normalized\": false,\n      \"special\": true\n    }\n  ],\n"
        "  \"model\": {\n    \"vocab\": {\n      \"t\": 0,\n      \"the\": 7\n    }\n  }\n}"};
    check("tokenizer.json", &e, &words);
    vst_cleanup();
}

Test(save, what_cannot_be_written_is_refused)
{
    static const struct vs_save_merge spaced = {{"a b", 3}, {"c", 1}};
    static const struct vs_save_entry line = {{"a\nb", 3}, 7};
    static const struct vs_save with_space = {.merges = &spaced, .merge_count = 1}, with_line = {.entries = &line, .entry_count = 1};
    refused("tokenizer.json", "{\"model\": {\"vocab\": {}, \"merges\": [\"a b\"]}}", &with_space, VS_EUNSUPPORTED, "merges");
    refused("tokenizer.json", "{\"model\": {}}", &all, VS_EFORMAT, "no vocab");
    refused("tokenizer.json", "{\"model\": {\"vocab\": {}}}", &all, VS_EFORMAT, "no merges");
    refused("tokenizer.json", "{\"model\": {\"vocab\": {}, \"merges\": []}} x", &all, VS_EFORMAT, "tokenizer.json");
    refused("merges.txt", "a b\n", &with_space, VS_EUNSUPPORTED, "merges.txt");
    refused("vocab.txt", "a\n", &with_line, VS_EUNSUPPORTED, "vocab.txt");
    vst_cleanup();
}

/* U+0000 ends no line. */
Test(save, a_zero_byte_is_a_character)
{
    static const struct vs_save_merge pair = {{"a\0", 2}, {"b", 1}};
    static const struct vs_save_entry word = {{"a\0b", 3}, 1};
    static const struct vs_save s = {.merges = &pair, .merge_count = 1, .entries = &word, .entry_count = 1};
    static const struct { const char *file; struct vs_str expected; } files[] = {{"merges.txt", {"x\na\0 b\n", 7}}, {"vocab.txt", {"x\na\0b\n", 6}}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct vs_buf out = {0};
        struct vs_err err;
        cr_assert_eq(vs_save_sibling(files[i].file, VS_LIT("x\n"), &s, &out, &err), VS_OK, "%s", err.message);
        cr_assert(vs_str_eq((struct vs_str){out.p, out.n}, files[i].expected), "%s", files[i].file);
        vs_buf_free(&out);
    }
    vst_cleanup();
}

Test(save, pairs_hold_what_strings_cannot)
{
    static const struct vs_save_merge spaced = {{"a b", 3}, {"c", 1}};
    static const struct vs_save with_space = {.merges = &spaced, .merge_count = 1};
    static const struct example e = {"spaces", "{\"model\": {\"vocab\": {\"a\": 0}, \"merges\": [[\"a\", \"b\"]]}}",
                                     "{\"model\": {\"vocab\": {\"a\": 0}, \"merges\": [[\"a\", \"b\"], [\"a b\", \"c\"]]}}"};
    check("tokenizer.json", &e, &with_space);
    vst_cleanup();
}

Test(save, siblings)
{
    static const struct example config[] = {
        {"decoder and specials",
         "{\n  \"added_tokens_decoder\": {\n    \"4\": {\n      \"content\": \"a\"\n    },\n    \"5\": {\n      \"content\": \"b\"\n    }\n  },\n"
         "  \"additional_special_tokens\": [\n    \"p\",\n    \"q\"\n  ],\n  \"model_max_length\": 1000000000000000019884624838656\n}",
         "{\n  \"added_tokens_decoder\": {\n    \"4\": {\n      \"content\": \"a\"\n    },\n    \"5\": {\n      \"content\": \"b\"\n    },\n"
         "    \"9\": {\n      \"content\": \"<x>\",\n      \"lstrip\": false,\n      \"normalized\": false,\n      \"rstrip\": false,\n"
         "      \"single_word\": false,\n      \"special\": true\n    },\n"
         "    \"10\": {\n      \"content\": \"y\",\n      \"lstrip\": false,\n      \"normalized\": true,\n      \"rstrip\": false,\n"
         "      \"single_word\": false,\n      \"special\": false\n    }\n  },\n"
         "  \"additional_special_tokens\": [\n    \"p\",\n    \"q\",\n    \"<x>\"\n  ],\n  \"model_max_length\": 1000000000000000019884624838656\n}"},
        {"neither", "{\"bos_token\": \"<s>\"}", "{\"bos_token\": \"<s>\", \"additional_special_tokens\": [\"<x>\"]}"},
        {"nothing", "{}", "{\"additional_special_tokens\": [\"<x>\"]}"},
        {"extra_special_tokens as an object names roles", "{\"extra_special_tokens\": {\"image\": \"<i>\"}}",
         "{\"extra_special_tokens\": {\"image\": \"<i>\"}, \"additional_special_tokens\": [\"<x>\"]}"},
        {"as a list it is continued", "{\"extra_special_tokens\": [\"<i>\"]}", "{\"extra_special_tokens\": [\"<i>\", \"<x>\"]}"},
        {"empty and alone too", "{\"extra_special_tokens\": []}", "{\"extra_special_tokens\": [\"<x>\"]}"},
        {"empty beside the other it stays empty, or it would hide that", "{\"extra_special_tokens\": [], \"additional_special_tokens\": [\"<i>\"]}",
         "{\"extra_special_tokens\": [], \"additional_special_tokens\": [\"<i>\", \"<x>\"]}"},
        {"what is listed is not listed again", "{\"additional_special_tokens\": [\"<x>\", \"<i>\"]}", "{\"additional_special_tokens\": [\"<x>\", \"<i>\"]}"},
        {"null", "{\"additional_special_tokens\": null, \"added_tokens_decoder\": null}",
         "{\"additional_special_tokens\": [\"<x>\"], \"added_tokens_decoder\": null}"},
    };
    static const struct example map[] = {
        {"lists that are there", "{\"pad_token\": \"<p>\", \"additional_special_tokens\": [\"<i>\"]}",
         "{\"pad_token\": \"<p>\", \"additional_special_tokens\": [\"<i>\", \"<x>\"]}"},
        {"and no others", "{\"pad_token\": \"<p>\"}", "{\"pad_token\": \"<p>\"}"},
    };
    static const struct example ids[] = {{"ids", "{\"a\": 4, \"b\": 5}", "{\"a\": 4, \"b\": 5, \"<x>\": 9, \"y\": 10}"}, {"no ids yet", "{}", "{\"<x>\": 9, \"y\": 10}"}};
    static const struct example vocab[] = {{"vocab", "{\"a\":4,\"b\":5}", "{\"a\":4,\"b\":5,\"the\":7,\"a\\\"\\\\\\n\":8}"}};
    static const struct example pairs[] = {{"merges", "#version: 0.2\na b\nc d\n", "#version: 0.2\na b\nc d\nt h\nth e\n"},
                                           {"no last line feed", "a b", "a b\nt h\nth e\n"}, {"empty", "", "t h\nth e\n"}};
    static const struct example jinja[] = {{"unknown name", "{{ x }}", "{{ x }}"}};
    CHECK_ALL("tokenizer_config.json", config);
    CHECK_ALL("special_tokens_map.json", map);
    CHECK_ALL("added_tokens.json", ids);
    CHECK_ALL("vocab.json", vocab);
    CHECK_ALL("merges.txt", pairs);
    CHECK_ALL("chat_template.jinja", jinja);
}

Test(save, vocab_txt_takes_a_line_per_id)
{
    static const struct vs_save words = {entries, 1, NULL, 0, added, 2};
    static const struct example e = {"lines", "[PAD]\na", "[PAD]\na\nthe\n"};
    check("vocab.txt", &e, &words);
    vst_cleanup();
}

/* special_tokens_map.json is read where tokenizer_config.json has no added_tokens_decoder: a list in the latter would hide its own. */
Test(save, the_list_of_the_map_is_not_hidden)
{
    static const struct vs_save one = {.specials = specials, .special_count = 1, .map_names_specials = true};
    static const struct example left = {"no decoder", "{\"bos_token\": \"<s>\"}", "{\"bos_token\": \"<s>\"}"};
    static const struct example listed = {"decoder", "{\"added_tokens_decoder\": {}}", "{\"added_tokens_decoder\": {}, \"additional_special_tokens\": [\"<x>\"]}"};
    check("tokenizer_config.json", &left, &one);
    check("tokenizer_config.json", &listed, &one);
    static const struct { const char *text; bool expected; } maps[] = {{"{\"extra_special_tokens\": []}", true}, {"{\"pad_token\": \"<p>\"}", false}, {"[", false}};
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct vs_err err;
        bool yes;
        cr_assert_eq(vs_save_names_specials(vs_cstr(maps[i].text), &yes, &err), VS_OK, "%s", err.message);
        cr_assert_eq(yes, maps[i].expected, "%s", maps[i].text);
    }
    vst_cleanup();
}

/* An added token that becomes special: two values change. */
Test(save, flags_of_known_tokens)
{
    static const struct vs_save one = {.specials = specials, .special_count = 1, .map_names_specials = true};
    static const struct example json = {"list",
        "{\"added_tokens\": [{\"id\": 1, \"content\": \"<x>\", \"normalized\": true, \"special\": false}, {\"special\": false, \"content\": \"y\"}], \"model\": {\"vocab\": {}}}",
        "{\"added_tokens\": [{\"id\": 1, \"content\": \"<x>\", \"normalized\": false, \"special\": true}, {\"special\": false, \"content\": \"y\"}], \"model\": {\"vocab\": {}}}"};
    static const struct example already = {"special already",
        "{\"added_tokens\": [{\"id\": 1, \"content\": \"<x>\", \"normalized\": true, \"special\": true}], \"model\": {\"vocab\": {}}}",
        "{\"added_tokens\": [{\"id\": 1, \"content\": \"<x>\", \"normalized\": true, \"special\": true}], \"model\": {\"vocab\": {}}}"};
    static const struct example config = {"decoder",
        "{\"additional_special_tokens\": [\"<x>\"], \"added_tokens_decoder\": {\"1\": {\"special\": false, \"content\": \"<x>\", \"normalized\": false}}}",
        "{\"additional_special_tokens\": [\"<x>\"], \"added_tokens_decoder\": {\"1\": {\"special\": true, \"content\": \"<x>\", \"normalized\": false}}}"};
    check("tokenizer.json", &json, &one);
    check("tokenizer.json", &already, &one);
    check("tokenizer_config.json", &config, &one);
    vst_cleanup();
}

/* Memory that runs out anywhere is said, and nothing of the text is lost: names with escapes take some while they are read. */
Test(save, out_of_memory)
{
    static const struct { const char *file, *text; } files[] = {
        {"tokenizer.json", "{\"added_tokens\": [{\"id\": 1, \"content\": \"\\u003cx>\", \"normalized\": true, \"special\": false}], "
                           "\"model\": {\"vocab\": {\"\\u0074\": 0}, \"merges\": [[\"a\", \"b\"]]}}"},
        {"tokenizer_config.json", "{\"added_tokens_decoder\": {\"1\": {\"content\": \"\\u003cx>\", \"special\": false}}, \"additional_special_tokens\": [\"\\u003cx>\"]}"},
        {"tokenizer_config.json", "{\"\\u0061dditional_special_tokens\": null}"},
        {"special_tokens_map.json", "{\"additional_special_tokens\": [\"\\u003cx>\"], \"\\u0065xtra_special_tokens\": []}"},
        {"added_tokens.json", "{\"\\u0061\": 4}"},
        {"merges.txt", "a b\n"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct vs_str text = vs_cstr(files[i].text);
        struct vs_buf whole = {0};
        unsigned failed = 0;
        for (unsigned n = 0; n < 100; n++) {
            struct vs_buf out = {0};
            struct vs_err err;
            vs_mem_fail_at(n, false);
            enum vs_code code = strcmp(files[i].file, "tokenizer.json") == 0 ? vs_save_tokenizer_json(files[i].file, text, &all, &out, &err)
                                                                             : vs_save_sibling(files[i].file, text, &all, &out, &err);
            vs_mem_fail_at(0, false);
            cr_expect(code == VS_OK || code == VS_ENOMEM, "%s: %s", files[i].file, err.message);
            cr_expect(n == 0 || code || vs_str_eq((struct vs_str){out.p, out.n}, (struct vs_str){whole.p, whole.n}),
                      "%s, allocation %u: found %s, expected %s", files[i].file, n, out.p, whole.p);
            failed += code == VS_ENOMEM;
            if (n == 0)
                whole = out;
            else
                vs_buf_free(&out);
        }
        cr_expect_gt(failed, 0);
        vs_buf_free(&whole);
    }
    vst_cleanup();
}
