/* SPDX-License-Identifier: Apache-2.0
 *
 * What the post-processor puts around a text: the forms that tokenizers writes, and what is refused.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "fixture.h"
#include "support.h"

static const char *prompt_of(const char *post_processor, const char *text)
{
    const struct vs_tokenizer *t = tok_open(vst_format("{\"post_processor\": %s, \"model\": {\"type\": \"WordLevel\", \"unk_token\": \"?\", "
                                                       "\"vocab\": {\"?\": 0, \"x\": 1, \"<s>\": 2, \"</s>\": 3}}}", post_processor));
    struct vs_ids ids = {0};
    struct vs_err err;
    const char *out = vs_encode_prompt(t, vs_cstr(text), &ids, &err) ? vst_format("%s", err.message) : "";
    for (size_t i = 0; i < ids.count; i++)
        out = vst_format(i ? "%s %u" : "%s%u", out, ids.ids[i]);
    vs_ids_free(&ids);
    return out;
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
        {"{\"type\": \"RobertaProcessing\", \"sep\": [\"</s>\", 3], \"cls\": [\"<s>\", 2], \"trim_offsets\": true, \"add_prefix_space\": true}", "2 1 3"},
        {"{\"type\": \"Sequence\", \"processors\": [" BYTES ", " TEMPLATE(TOKEN("<s>") ", " TEXT) ", " TEMPLATE(TEXT ", " TOKEN("<s>")) "]}", "2 1 2"},
    };
    for (size_t i = 0; i < COUNT(e); i++)
        cr_expect_str_eq(prompt_of(e[i].post_processor, "x"), e[i].ids, "%s: %s", e[i].post_processor, prompt_of(e[i].post_processor, "x"));
    cr_expect_str_eq(prompt_of(TEMPLATE(TOKEN("<s>") ", " TEXT ", " TOKEN("two")), ""), "2 3 70");
    tok_end();
}

Test(prompt, what_is_refused)
{
    const char *deep = BYTES, *template = TEXT;
    static const struct { const char *post_processor, *why; } e[] = {
        {"{\"type\": \"Other\"}", "found a type that is not known"},
        {TEMPLATE(""), "without or with more than one text"},
        {TEMPLATE(TEXT ", " TEXT), "without or with more than one text"},
        {TEMPLATE(TOKEN("</s>") ", " TEXT), "special_tokens lacks"},
        {"{\"type\": \"BertProcessing\", \"cls\": [\"<s>\", 2]}", "cls or sep"},
        {"{\"type\": \"BertProcessing\", \"cls\": [\"<s>\", 2], \"sep\": [\"</s>\", -1]}", "a token without an id"},
    };
    for (size_t i = 0; i < COUNT(e); i++)
        cr_expect(strstr(prompt_of(e[i].post_processor, "x"), e[i].why), "%s: %s", e[i].post_processor, prompt_of(e[i].post_processor, "x"));
    for (int i = 0; i < 9; i++)
        deep = vst_format("{\"type\": \"Sequence\", \"processors\": [%s]}", deep);
    cr_expect(strstr(prompt_of(deep, "x"), "too deep"), "%s", prompt_of(deep, "x"));
    for (int i = 0; i < 256; i++)
        template = vst_format("%s, " TOKEN("<s>"), template);
    template = vst_format("{\"type\": \"TemplateProcessing\", \"single\": [%s], \"special_tokens\": {\"<s>\": {\"ids\": [2]}}}", template);
    cr_expect(strstr(prompt_of(template, "x"), "at most 256 pieces"), "%s", prompt_of(template, "x"));
    tok_end();
}
