/* SPDX-License-Identifier: Apache-2.0
 *
 * Effective ids: what the Rust loader makes of a file, whatever ids the file gives to added tokens.
 */
#include <criterion/criterion.h>
#include "fixture.h"
#include "support.h"

#define MODEL "{\"type\": \"WordLevel\", \"unk_token\": \"a\", \"vocab\": {%s}}"
#define DENSE "\"a\": 0, \"b\": 1, \"c\": 2"

struct example {
    const char *name, *vocab;
    struct added added[4];      /* up to the first without content */
    const char *effective;      /* of the added tokens in list order; - where there is none */
    uint32_t rows, len, holes, moved;
    const char *finding;        /* part of the first one; NULL: none */
};

static const struct example examples[] = {
    {"behind the model", DENSE, {{"<x>", "s", 3}, {"<y>", "", 4}}, "3 4", 5, 5, 0, 0, NULL},
    {"a string of the model keeps its id", DENSE, {{"b", "s", 1}}, "1", 3, 3, 0, 0, NULL},
    {"and the file's id counts for nothing", DENSE, {{"b", "s", 7}}, "1", 3, 3, 0, 1, "\"b\" declares id 7 and runs as 1, its id in model.vocab"},
    {"a far id", DENSE, {{"<x>", "s", 200000}}, "3", 4, 4, 0, 1, "\"<x>\" declares id 200000 and runs as 3"},
    {"the id of another token", DENSE, {{"<x>", "s", 1}}, "3", 4, 4, 0, 1, "declares id 1 and runs as 3"},
    {"the same id twice", DENSE, {{"<x>", "s", 3}, {"<y>", "s", 3}}, "3 4", 5, 5, 0, 1, "\"<y>\" declares id 3 and runs as 4"},
    {"list order, not id order", DENSE, {{"<y>", "s", 4}, {"<x>", "s", 3}}, "3 4", 5, 5, 0, 2, "\"<y>\" declares id 4 and runs as 3"},
    {"tokens of the model take no number", DENSE, {{"<x>", "s", 3}, {"a", "s", 0}, {"<y>", "s", 4}}, "3 0 4", 5, 5, 0, 0, NULL},
    {"tokens were appended behind the added ones", DENSE ", \"new\": 4", {{"<x>", "s", 3}}, "4", 5, 5, 1, 1, "id 4 is both \"new\" and \"<x>\""},
    {"mirrored into the model", DENSE ", \"<x>\": 3, \"new\": 4", {{"<x>", "s", 3}}, "3", 5, 5, 0, 0, NULL},
    {"a hole is filled, since the count says so", "\"a\": 0, \"b\": 1, \"c\": 3", {{"<x>", "s", 4}}, "3", 4, 4, 1, 1, "id 3 is both \"c\" and \"<x>\""},
    {"a wide hole", "\"a\": 0, \"b\": 1, \"c\": 9", {{"<x>", "s", 3}, {"<y>", "s", 4}}, "3 4", 10, 5, 2, 0, "5 ids below 10 belong to no token, the first is 2"},
    {"a hole and nothing added", "\"a\": 0, \"b\": 2", {{NULL, NULL, 0}}, "", 3, 2, 1, 0, "1 id below 3 belongs to no token"},
    {"two strings, one id", "\"a\": 0, \"b\": 1, \"c\": 1", {{NULL, NULL, 0}}, "", 2, 3, 0, 0, "id 1 is both \"b\" and \"c\""},
    {"empty content is passed over", DENSE, {{"", "s", 3}, {"<x>", "s", 3}}, "- 3", 4, 4, 0, 0, "added_tokens[0]: empty content"},
    {"the same entry twice", DENSE, {{"<x>", "s", 3}, {"<x>", "s", 3}, {"<y>", "s", 4}}, "3 3 4", 5, 5, 0, 0, "added_tokens[1]: \"<x>\" is listed twice"},
    {"an empty model", "", {{"<x>", "s", 0}, {"<y>", "s", 1}}, "0 1", 2, 2, 0, 0, NULL},
};

static size_t added_count(const struct example *e)
{
    size_t n = 0;
    while (n < 4 && e->added[n].content)
        n++;
    return n;
}

static const char *effective(const struct vs_tokenizer *t)
{
    const char *out = "";
    for (uint32_t i = 0; i < t->added_count; i++)
        out = t->added[i].effective == VS_NO_ID ? vst_format("%s%s-", out, i ? " " : "") : vst_format("%s%s%u", out, i ? " " : "", t->added[i].effective);
    return out;
}

Test(ids, of_the_rust_loader)
{
    for (size_t i = 0; i < COUNT(examples); i++) {
        const struct example *e = &examples[i];
        const char *document = tok_document(tok_added(e->added, added_count(e)), NULL, NULL, vst_format(MODEL, e->vocab));
        const struct vs_tokenizer *t = tok_open(document);
        cr_expect_str_eq(effective(t), e->effective, "%s: found %s, expected %s", e->name, effective(t), e->effective);
        cr_expect(t->rows_needed == e->rows && t->len == e->len && t->hole_count == e->holes && t->moved_count == e->moved,
                  "%s: rows %u, len %u, holes %u, moved %u", e->name, t->rows_needed, t->len, t->hole_count, t->moved_count);
        const bool fact = e->holes || e->moved || e->len > e->rows; /* told by holes[], moved[] and counts, not again in words */
        cr_expect((t->finding_count == 0) == (!e->finding || fact), "%s: %s", e->name, t->finding_count ? t->findings[0] : "no finding");
        if (e->finding && t->finding_count)
            cr_expect(strstr(t->findings[0], e->finding), "%s: found \"%s\", expected \"%s\"", e->name, t->findings[0], e->finding);
        const char *refused = tok_refused(document);
        cr_expect((*refused == '\0') == !e->finding, "%s: not lenient: \"%s\"", e->name, refused);
        if (e->finding)
            cr_expect(strstr(refused, e->finding), "%s: found \"%s\", expected \"%s\"", e->name, refused, e->finding);
        for (uint32_t k = 0; k < t->added_count; k++) /* an id that is shared stands for the added token */
            if (t->added[k].effective != VS_NO_ID)
                cr_expect(vs_str_eq(vs_token_text(t, t->added[k].effective), t->added[k].content), "%s: %u", e->name, k);
        tok_end();
    }
}

struct beside { const char *name, *file, *text; struct added added[2]; const char *effective, *specials; };

/* What tokenizer.json does not name is added by transformers after loading it, by ascending id, counted from the highest added
 * id when that lies behind the model, else from the count. */
static const struct beside besides[] = {
    {"added_tokens_decoder", "tokenizer_config.json", "{\"added_tokens_decoder\": {\"9\": {\"content\": \"<z>\", \"special\": true}, \"8\": {\"content\": \"y\"}}}",
     {{"<x>", "s", 3}}, "3 4 5", "101"},
    {"nothing added before", "tokenizer_config.json", "{\"added_tokens_decoder\": {\"3\": {\"content\": \"<z>\", \"special\": true}}}", {{NULL, NULL, 0}}, "3", "1"},
    {"only tokens of the model added before", "tokenizer_config.json", "{\"added_tokens_decoder\": {\"3\": {\"content\": \"<z>\", \"special\": true}}}",
     {{"a", "s", 0}}, "0 3", "11"},
    {"added_tokens.json", "added_tokens.json", "{\"z\": 5, \"y\": 4, \"<x>\": 3}", {{"<x>", "s", 3}}, "3 4 5", "100"},
    {"added_tokens.json of special tokens", "added_tokens.json", "{\"b\": 1}", {{NULL, NULL, 0}}, "1", "0"},
    {"a special token by name", "special_tokens_map.json", "{\"pad_token\": \"<pad>\", \"additional_special_tokens\": [\"<q>\", {\"content\": \"b\"}]}",
     {{"<x>", "s", 3}}, "3 4 5 1", "1111"},
};

Test(ids, of_the_files_beside)
{
    for (size_t i = 0; i < COUNT(besides); i++) {
        const struct beside *b = &besides[i];
        const char *document = tok_document(tok_added(b->added, b->added[0].content ? 1 : 0), NULL, NULL, vst_format(MODEL, DENSE));
        const char *const files[] = {b->file, b->text, NULL};
        const struct vs_tokenizer *t = tok_open_beside(document, files);
        const char *specials = "";
        for (uint32_t k = 0; k < t->added_count; k++)
            specials = vst_format("%s%d", specials, t->added[k].special);
        cr_expect_str_eq(effective(t), b->effective, "%s: found %s, expected %s", b->name, effective(t), b->effective);
        cr_expect_str_eq(specials, b->specials, "%s: special %s, expected %s", b->name, specials, b->specials);
        tok_end();
    }
}

/* In a Unigram list the place is the id. */
Test(ids, of_a_list)
{
    static const struct added added[] = {{"<x>", "s", 2}, {"b", "s", 1}};
    const struct vs_tokenizer *t = tok_open(tok_document(tok_added(added, 2), NULL, NULL, "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", 0], [\"b\", -1]]}"));
    cr_assert_str_eq(effective(t), "2 1");
    cr_assert(t->rows_needed == 3 && t->base_count == 2 && t->max_base_id == 1 && t->finding_count == 0);
    tok_end();
}

Test(ids, and_texts_of_tokens)
{
    static const struct added added[] = {{"<x>", "s", 3}};
    const struct vs_tokenizer *t = tok_open(tok_document(tok_added(added, 1), NULL, NULL, vst_format(MODEL, DENSE)));
    struct vs_added found;
    cr_assert_eq(vs_token_id(t, VS_LIT("b")), 1);
    cr_assert_eq(vs_token_id(t, VS_LIT("<x>")), 3);
    cr_assert_eq(vs_token_id(t, VS_LIT("nothing")), VS_NO_ID);
    cr_assert(vs_str_is(vs_token_text(t, 2), "c") && vs_str_is(vs_token_text(t, 3), "<x>") && !vs_token_text(t, 4).p && !vs_token_text(t, VS_NO_ID).p);
    cr_assert(vs_token_is_added(t, 3, &found) && found.special && found.effective == 3 && !vs_token_is_added(t, 2, NULL));
    tok_end();
}

/* Every token under a name carries it: a long name over a long list is not worth the memory. */
Test(ids, names_that_are_too_long)
{
    static const struct { unsigned bytes; uint32_t named, findings; } cases[] = {{255, 4, 0}, {256, 0, 2}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[257] = "";
        memset(name, 'k', cases[i].bytes);
        memcpy(name + cases[i].bytes - 15, "_special_tokens", 15);
        const char *document = vst_format("{\"added_tokens\": [], \"post_processor\": {\"type\": \"TemplateProcessing\", \"special_tokens\": "
                                          "{\"%s\": {\"ids\": [0, 1], \"tokens\": [\"a\", \"b\"]}}}, \"model\": " MODEL "}", name, DENSE);
        const char *const files[] = {"tokenizer_config.json", vst_format("{\"%s\": [\"a\", \"b\"]}", name), NULL};
        const struct vs_tokenizer *t = tok_open_beside(document, files);
        cr_expect_eq(t->named_count, cases[i].named, "%u bytes: %u names", cases[i].bytes, t->named_count);
        cr_assert_eq(t->finding_count, cases[i].findings);
        for (uint32_t k = 0; k < t->finding_count; k++)
            cr_expect(strstr(t->findings[k], "has 256 bytes, expected 255 at most"), "%s", t->findings[k]);
        tok_end();
    }
}
