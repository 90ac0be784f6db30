/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include "base/str.h"
#include "json/data.h"
#include "json/schema.h"
#include "support.h"

/* "" when the document matches, else the message without the file's name and place. */
static const char *check(const char *schema, const char *text)
{
    static struct vs_err err;
    struct vs_jdoc d;
    const char *dir = vst_tempdir();
    vst_write_text(vst_path(dir, "t.schema.json"), schema);
    cr_assert_eq(vs_jdoc_parse("f", vs_cstr(text), &d, &err), VS_OK, "%s: %s", text, err.message);
    err.message[0] = '\0';
    enum vs_code code = vs_schema_check(dir, "t", &d, &err);
    cr_assert(code == VS_OK || code == VS_EFORMAT);
    vs_jdoc_free(&d);
    return code ? err.message : "";
}

static const struct { const char *schema, *text, *says; } cases[] = {
    {"{}", "[1]", ""},
    {"{\"type\": \"object\"}", "{}", ""},
    {"{\"type\": \"object\"}", "[1]", "f: line 1, column 1: found an array, expected object"},
    {"{\"type\": \"integer\"}", "1.0", "found 1.0, expected integer"},
    {"{\"type\": \"integer\"}", "-12", ""},
    {"{\"type\": \"number\"}", "1", ""},
    {"{\"type\": [\"string\", \"null\"]}", "null", ""},
    {"{\"type\": [\"string\", \"null\"]}", "true", "found true, expected string or null"},
    {"{\"type\": \"boolean\"}", "false", ""},
    {"{\"properties\": {\"a\": {\"properties\": {\"b/c\": {\"type\": \"string\"}}}}}", "{\"a\": {\"b/c\": 1}}",
     "f: line 1, column 15: /a/b/c: found 1, expected string"},
    {"{\"required\": [\"a\", \"b\"]}", "{\"a\": 1}", "lacks \"b\""},
    {"{\"required\": [\"a\"]}", "3", ""},
    {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"a\": 1, \"x\\n\": 2}", "/x\\x0A: unknown name \"x\\x0A\""},
    {"{\"additionalProperties\": {\"type\": \"integer\"}}", "{\"x\": \"y\"}", "/x: found \"y\", expected integer"},
    {"{\"items\": {\"type\": \"integer\"}}", "[1, 2, \"x\"]", "/2: found \"x\", expected integer"},
    {"{\"enum\": [\"a\", 1, null]}", "1.0", ""},
    {"{\"enum\": [\"a\", \"b\"]}", "\"c\"", "found \"c\", expected one of [\"a\", \"b\"]"},
    {"{\"const\": \"vocabsurgeon/vocab-map/1\"}", "\"vocabsurgeon/vocab-map/2\"", "expected \"vocabsurgeon/vocab-map/1\""},
    {"{\"const\": true}", "true", ""},
    {"{\"minimum\": 0, \"maximum\": 10}", "10", ""},
    {"{\"minimum\": 0, \"maximum\": 10}", "-1", "expected at least 0"},
    {"{\"minimum\": 0, \"maximum\": 10}", "10.5", "expected at most 10"},
    {"{\"minimum\": 0}", "\"x\"", ""},
    {"{\"minItems\": 1}", "[]", "found 0 elements, expected at least 1"},
    {"{\"minLength\": 2}", "\"\xc3\xa4\"", "found 1 characters, expected at least 2"},
    {"{\"pattern\": \"^[0-9a-f]{4}$\"}", "\"00ff\"", ""},
    {"{\"pattern\": \"^[0-9a-f]{4}$\"}", "\"00ff\\n\"", "expected a text that matches ^[0-9a-f]{4}$"},
    {"{\"items\": {\"pattern\": \"^a\"}}", "[\"a\", \"ab\", \"\"]", "/2: found \"\""},
    {"{\"anyOf\": [{\"type\": \"string\"}, {\"items\": {\"type\": \"integer\"}, \"type\": \"array\"}]}", "[1, \"x\"]",
     "/1: found \"x\", expected integer"},
    {"{\"anyOf\": [{\"type\": \"string\"}, {\"type\": \"null\"}]}", "null", ""},
    {"{\"oneOf\": [{\"type\": \"integer\"}, {\"type\": \"number\"}]}", "1", "matches 2 of the forms"},
    {"{\"oneOf\": [{\"type\": \"integer\"}, {\"type\": \"number\"}]}", "1.5", ""},
    {"{\"oneOf\": [{\"type\": \"integer\"}]}", "\"x\"", "found \"x\", expected integer"},
    {"{\"$defs\": {\"id\": {\"type\": \"integer\"}}, \"items\": {\"$ref\": \"#/$defs/id\"}}", "[true]", "/0: found true, expected integer"},
    {"{\"$defs\": {\"t\": {\"properties\": {\"n\": {\"$ref\": \"#/$defs/t\"}}, \"type\": \"object\"}}, \"$ref\": \"#/$defs/t\"}",
     "{\"n\": {\"n\": {\"n\": 1}}}", "/n/n/n: found 1"},
    /* defects of the schema itself */
    {"{\"properties\": {\"a\": {\"uniqueItems\": true}}}", "{}", "t.schema.json: line 1, column 38: this keyword is not understood"},
    {"{\"$ref\": \"#/$defs/none\"}", "1", "points to nothing"},
    {"{\"$ref\": \"other.json\"}", "1", "\"#/$defs/NAME\" expected"},
    {"{\"$defs\": {\"a\": {\"$ref\": \"#/$defs/a\"}}, \"$ref\": \"#/$defs/a\"}", "1", "refers to itself without end"},
    {"{\"anyOf\": [{\"$ref\": \"#/$defs/none\"}, {}]}", "1", "points to nothing"},
    {"{\"type\": 1}", "1", "a type or types expected"},
    {"{\"items\": 1}", "1", "a schema must be an object"},
    {"{\"enum\": [[]]}", "1", "a list of strings and numbers expected"},
    {"{\"pattern\": \"(\"}", "\"x\"", "no valid pattern"},
    {"{\"minimum\": \"x\"}", "1", "a number expected"},
};

Test(schema, keywords)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *says = check(cases[i].schema, cases[i].text);
        bool ok = *cases[i].says ? strstr(says, cases[i].says) != NULL : !*says;
        cr_assert(ok, "%s on %s says \"%s\"", cases[i].schema, cases[i].text, says);
    }
    vst_cleanup();
}

Test(schema, every_failing_allocation)
{
    const char *dir = vst_tempdir();
    struct vs_jdoc d;
    struct vs_err err;
    vst_write_text(vst_path(dir, "t.schema.json"), "{\"items\": {\"anyOf\": [{\"pattern\": \"^a\"}, {\"pattern\": \"^b\"}]}}");
    cr_assert_eq(vs_jdoc_parse("f", VS_LIT("[\"a\", \"b\"]"), &d, &err), VS_OK);
    for (unsigned long n = 1;; n++) {
        vs_mem_fail_at(n, false);
        enum vs_code code = vs_schema_check(dir, "t", &d, &err);
        vs_mem_fail_at(0, false);
        if (!code)
            break;
        cr_assert_eq(code, VS_ENOMEM, "%lu: %s", n, err.message);
        cr_assert(n < 1000);
    }
    vs_jdoc_free(&d);
    vst_cleanup();
}

Test(schema, data_files_compiled_in_and_overridden)
{
    struct vs_jdoc d;
    struct vs_err err;
    struct vs_arena a = {0};
    const char **names, *dir = vst_tempdir();
    size_t count;
    for (size_t i = 0; i < vs_data_file_count; i++) {
        cr_assert_eq(vs_data_read(NULL, vs_data_files[i].name, &d, &err), VS_OK, "%s", err.message);
        vs_jdoc_free(&d);
    }
    cr_assert_eq(vs_data_read(NULL, "families/none.json", &d, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, "families/none.json: no such file"));
    vst_write_text(vst_path(dir, "families/aaa.json"), "{\"own\": 1}");
    vst_write_text(vst_path(dir, "families/notes.txt"), "x");
    cr_assert_eq(vs_data_read(dir, "families/aaa.json", &d, &err), VS_OK);
    cr_assert(vs_jget(d.root, "own"));
    vs_jdoc_free(&d);
    size_t built_in;
    cr_assert_eq(vs_data_list(NULL, "families/", &a, &names, &built_in, &err), VS_OK);
    cr_assert_eq(vs_data_list(dir, "families/", &a, &names, &count, &err), VS_OK);
    cr_assert_eq(count, built_in + 1);
    cr_assert_str_eq(names[0], "families/aaa.json");
    for (size_t i = 1; i < count; i++)
        cr_assert(strcmp(names[i - 1], names[i]) < 0);
    cr_assert_eq(vs_data_list(vst_path(dir, "nowhere"), "families/", &a, &names, &count, &err), VS_OK);
    cr_assert_eq(count, built_in);
    if (vs_data_file_count) { /* the same name in both: listed once, read from the directory */
        const char *name = vs_data_files[0].name;
        vst_write_text(vst_path(dir, name), "[\"mine\"]");
        cr_assert_eq(vs_data_read(dir, name, &d, &err), VS_OK);
        cr_assert_eq(d.root->type, VS_JSON_ARRAY);
        vs_jdoc_free(&d);
    }
    vs_arena_free(&a);
    vst_cleanup();
}
