/* SPDX-License-Identifier: Apache-2.0
 *
 * What the post-processor puts around a text: the forms that tokenizers writes, and what is refused.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "base/mem.h"
#include "fixture.h"
#include "support.h"

static const struct vs_tokenizer *with(const char *post_processor)
{
    return tok_open(vst_format("{\"post_processor\": %s, \"model\": {\"type\": \"WordLevel\", \"unk_token\": \"?\", "
                               "\"vocab\": {\"?\": 0, \"x\": 1, \"<s>\": 2, \"</s>\": 3}}}", post_processor));
}

static const char *prompt_of(const char *post_processor, const char *text)
{
    return tok_prompt(with(post_processor), text);
}

#define TEXT "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}"
#define TOKEN(name) "{\"SpecialToken\": {\"id\": \"" name "\", \"type_id\": 0}}"
#define TEMPLATE(single) "{\"type\": \"TemplateProcessing\", \"single\": [" single "], \"pair\": [], \"special_tokens\": " \
    "{\"<s>\": {\"id\": \"<s>\", \"ids\": [2], \"tokens\": [\"<s>\"]}, \"two\": {\"id\": \"two\", \"ids\": [3, 70], \"tokens\": [\"</s>\", \"y\"]}}}"
#define BYTES "{\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": false, \"use_regex\": true}"

Test(prompt, each_form)
{
    static const struct { const char *post_processor, *ids; } e[] = {
        {"null", "1"},
        {BYTES, "1"},
        {TEMPLATE(TOKEN("<s>") ", " TEXT), "2 1"},
        {TEMPLATE(TEXT ", " TOKEN("two")), "1 3 70"},
        {TEMPLATE(TEXT), "1"},
        {"{\"type\": \"BertProcessing\", \"sep\": [\"</s>\", 3], \"cls\": [\"<s>\", 2]}", "2 1 3"},
        {"{\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 3], \"cls\": [\"<s>\", 2], \"trim_offsets\": true, "
         "\"add_prefix_space\": true}", "2 1 3"},
        {"{\"type\": \"Sequence\", \"processors\": [" BYTES ", "
          TEMPLATE(TOKEN("<s>") ", " TEXT) ", " TEMPLATE(TEXT ", " TOKEN("<s>")) "]}", "2 1 2"},
    };
    for (size_t i = 0; i < COUNT(e); i++)
        cr_expect_str_eq(prompt_of(e[i].post_processor, "x"), e[i].ids, "%s: %s", e[i].post_processor, prompt_of(e[i].post_processor, "x"));
    cr_expect_str_eq(prompt_of(TEMPLATE(TOKEN("<s>") ", " TEXT ", " TOKEN("two")), ""), "2 3 70");
    tok_end();
}

Test(prompt, what_is_refused)
{
    static const struct { const char *post_processor, *why; } e[] = {
        {"{\"type\": \"Other\"}", "type \"Other\" is not handled"},
        {TEMPLATE(""), "without or with more than one text"},
        {TEMPLATE(TEXT ", " TEXT), "without or with more than one text"},
        {TEMPLATE(TOKEN("</s>") ", " TEXT), "special_tokens lacks"},
        {"{\"type\": \"BertProcessing\", \"cls\": [\"<s>\", 2]}", "cls or sep"},
        {"{\"type\": \"BertProcessing\", \"cls\": [\"<s>\", 2], \"sep\": [\"</s>\", -1]}", "a token without an id"},
    };
    for (size_t i = 0; i < COUNT(e); i++)
        cr_expect(strstr(prompt_of(e[i].post_processor, "x"), e[i].why), "%s: %s", e[i].post_processor, prompt_of(e[i].post_processor, "x"));
    tok_end();
}

/* What stands around a text is bounded, however it is written: every processor copies all ids, every piece looks a name up. */
Test(prompt, what_is_too_much)
{
    const char *deep = BYTES, *list = BYTES, *pieces = TEXT, *ids = "2";
    for (int i = 0; i < 20; i++)
        deep = vst_format("{\"type\": \"Sequence\", \"processors\": [%s]}", deep);
    for (int i = 0; i < 64; i++)
        list = vst_format("%s, " BYTES, list);
    for (int i = 0; i < 256; i++)
        pieces = vst_format("%s, " TOKEN("<s>"), pieces);
    for (int i = 0; i < 256; i++)
        ids = vst_format("%s, 2", ids);
    cr_expect_str_eq(prompt_of(deep, "x"), "1"); /* deeper ones no JSON reader of ours takes */
    cr_expect(strstr(prompt_of(vst_format("{\"type\": \"Sequence\", \"processors\": [%s]}", list), "x"), "more processors"));
    pieces = vst_format("{\"type\": \"TemplateProcessing\", \"single\": [%s], \"special_tokens\": {\"<s>\": {\"ids\": []}}}", pieces);
    cr_expect(strstr(prompt_of(pieces, "x"), "more tokens around a text"), "%s", prompt_of(pieces, "x"));
    ids = vst_format("{\"type\": \"TemplateProcessing\", \"single\": [" TOKEN("<s>") ", " TEXT "], "
                     "\"special_tokens\": {\"<s>\": {\"ids\": [%s]}}}", ids);
    cr_expect(strstr(prompt_of(ids, "x"), "more tokens around a text"), "%s", prompt_of(ids, "x"));
    tok_end();
}

/* Whichever allocation fails, it is said, and nothing is kept. */
Test(prompt, memory_runs_short)
{
    const struct vs_tokenizer *t = with("{\"type\": \"Sequence\", \"processors\": [" TEMPLATE(TOKEN("<s>") ", " TEXT) ", "
                                        TEMPLATE(TEXT ", " TOKEN("two")) "]}");
    enum vs_code code = VS_ENOMEM;
    unsigned long n = 0;
    while (code == VS_ENOMEM) {
        struct vs_ids ids = {0};
        struct vs_err err;
        vs_mem_fail_at(++n, false);
        code = vs_encode_prompt(t, VS_LIT("x"), &ids, &err);
        vs_mem_fail_at(0, false);
        cr_expect(code ? true : ids.count == 4);
        vs_ids_free(&ids);
    }
    cr_expect_eq(code, VS_OK);
    cr_expect_gt(n, 4);
    tok_end();
}
