/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include "base/str.h"
#include "json/schema.h"
#include "plan/vocab_map.h"
#include "support.h"

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "{\"schema\": \"vocabsurgeon/vocab-map/1\", \"base\": {\"path\": \"b\", \"sha256\": \"" SHA "\", \"rows_needed\": 5}, "
#define NEW5 "{\"id\": 5, \"token\": \"t\", \"kind\": \"merged\", \"source\": \"e\", \"source_id\": 1, \"pieces\": [4, 0]}"

static struct vs_vocab_map *sample(void)
{
    static const uint32_t pieces[] = {4, 0, 4};
    struct vs_vocab_map *map = vs_vocab_map_new();
    struct vs_err err;
    map->base_path = VS_LIT("a \"base\"");
    map->base_sha256 = VS_LIT(SHA);
    map->base_rows_needed = 5;
    map->rows_needed = 9;
    cr_assert_eq(vs_vocab_map_add(map, &(struct vs_new_token){5, VS_LIT("t\"\\\n\xc4\xa0"), VS_NEW_MERGED, VS_LIT("ext"), 3, pieces, 3}, &err), 0);
    cr_assert_eq(vs_vocab_map_add(map, &(struct vs_new_token){6, VS_LIT("i"), VS_NEW_INTERMEDIATE, VS_LIT(""), VS_NO_ID, pieces, 1}, &err), 0);
    cr_assert_eq(vs_vocab_map_add(map, &(struct vs_new_token){8, VS_LIT("s"), VS_NEW_SPECIAL, VS_LIT("--add-special"), VS_NO_ID, NULL, 0}, &err), 0);
    cr_assert_eq(vs_vocab_map_overlap(map, &(struct vs_overlap){VS_LIT("o"), VS_LIT("ext"), 7, 2}, &err), 0);
    cr_assert_eq(vs_vocab_map_overlap(map, &(struct vs_overlap){VS_LIT("w"), VS_LIT("--add-special"), VS_NO_ID, 3, true}, &err), 0);
    cr_assert_eq(vs_vocab_map_reject(map, &(struct vs_rejected){VS_LIT("r"), VS_LIT("ext"), VS_LIT("a reason"), 0}, &err), 0);
    return map;
}

static const char sample_text[] =
    "{\n  \"schema\": \"vocabsurgeon/vocab-map/1\",\n"
    "  \"base\": {\"path\": \"a \\\"base\\\"\", \"sha256\": \"" SHA "\", \"rows_needed\": 5},\n"
    "  \"rows_needed\": 9,\n"
    "  \"new\": [\n"
    "    {\"id\": 5, \"token\": \"t\\\"\\\\\\n\xc4\xa0\", \"kind\": \"merged\", \"source\": \"ext\", \"source_id\": 3, \"pieces\": [4, 0, 4]},\n"
    "    {\"id\": 6, \"token\": \"i\", \"kind\": \"intermediate\", \"source\": \"\", \"source_id\": null, \"pieces\": [4]},\n"
    "    {\"id\": 8, \"token\": \"s\", \"kind\": \"special\", \"source\": \"--add-special\", \"source_id\": null, \"pieces\": []}\n"
    "  ],\n"
    "  \"overlap\": [\n"
    "    {\"token\": \"o\", \"source\": \"ext\", \"source_id\": 7, \"id\": 2},\n"
    "    {\"token\": \"w\", \"source\": \"--add-special\", \"source_id\": null, \"id\": 3, \"kind\": \"special\"}\n"
    "  ],\n"
    "  \"rejected\": [\n"
    "    {\"token\": \"r\", \"source\": \"ext\", \"source_id\": 0, \"reason\": \"a reason\"}\n"
    "  ]\n}\n";

static struct vs_buf written(const struct vs_vocab_map *map)
{
    struct vs_buf b = {0};
    struct vs_err err;
    cr_assert_eq(vs_vocab_map_write(map, &b, &err), VS_OK);
    return b;
}

Test(vocab_map, one_entry_a_line)
{
    struct vs_vocab_map *map = sample();
    struct vs_buf b = written(map);
    cr_assert_str_eq(b.p, sample_text);
    vs_buf_free(&b);
    vs_vocab_map_free(map);
    vst_cleanup();
}

Test(vocab_map, what_is_written_is_read_again)
{
    struct vs_vocab_map *map = NULL;
    struct vs_err err;
    const char *path = vst_path(vst_tempdir(), "vocab-map.json");
    vst_write_text(path, sample_text);
    cr_assert_eq(vs_vocab_map_read(path, &map, &err), VS_OK, "%s", err.message);
    cr_assert(map->new_count == 3 && map->overlap_count == 2 && map->reject_count == 1);
    cr_assert_eq(map->news[2].kind, VS_NEW_SPECIAL);
    cr_assert_eq(map->news[2].source_id, VS_NO_ID);
    cr_assert(vs_str_eq(map->news[0].token, VS_LIT("t\"\\\n\xc4\xa0")));
    cr_assert(map->dir && strncmp(path, map->dir, strlen(map->dir)) == 0 && path[strlen(map->dir)] == '/');
    struct vs_buf b = written(map);
    cr_assert_str_eq(b.p, sample_text);
    vs_buf_free(&b);
    vs_vocab_map_free(map);
    vst_cleanup();
}

Test(vocab_map, an_empty_map)
{
    struct vs_vocab_map *map = vs_vocab_map_new(), *again = NULL;
    struct vs_err err;
    const char *path = vst_path(vst_tempdir(), "m.json");
    map->base_path = VS_LIT("b");
    map->base_sha256 = VS_LIT(SHA);
    struct vs_buf b = written(map);
    vst_write_text(path, b.p);
    cr_assert_eq(vs_vocab_map_read(path, &again, &err), VS_OK, "%s", err.message);
    cr_assert(again->new_count == 0 && again->overlap_count == 0 && again->reject_count == 0);
    vs_buf_free(&b);
    vs_vocab_map_free(map);
    vs_vocab_map_free(again);
    vs_vocab_map_free(NULL);
    vst_cleanup();
}

/* The reader is a scanner of its own, so the schema is held against what the writer makes. */
Test(vocab_map, the_schema_describes_it)
{
    struct vs_jdoc doc = {0};
    struct vs_err err;
    cr_assert_eq(vs_jdoc_parse("m.json", VS_LIT(sample_text), &doc, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_schema_check(NULL, "vocab-map", &doc, &err), VS_OK, "%s", err.message);
    vs_jdoc_free(&doc);
    vst_cleanup();
}

struct bad { const char *name, *text, *part; };

Test(vocab_map, malformed_maps)
{
    static const struct bad bads[] = {
        {"not an object", "[]", "m.json"},
        {"no schema", "{\"rows_needed\": 5, \"new\": []}", "schema"},
        {"another schema", "{\"schema\": \"vocabsurgeon/plan/1\"}", "schema"},
        {"no new", HEAD "\"rows_needed\": 5}", "\"new\""},
        {"no rows_needed", HEAD "\"new\": []}", "\"rows_needed\""},
        {"no rows of the base", "{\"schema\": \"vocabsurgeon/vocab-map/1\", \"base\": {}, \"rows_needed\": 5, \"new\": []}", "\"base\""},
        {"new twice", HEAD "\"rows_needed\": 6, \"new\": [], \"new\": []}", "twice"},
        {"overlap twice", HEAD "\"rows_needed\": 6, \"new\": [], \"overlap\": [], \"overlap\": []}", "twice"},
        {"rejected twice", HEAD "\"rows_needed\": 6, \"new\": [], \"rejected\": [], \"rejected\": []}", "twice"},
        {"base twice", HEAD "\"base\": {\"rows_needed\": 5}, \"rows_needed\": 6, \"new\": []}", "twice"},
        {"the same id twice", HEAD "\"rows_needed\": 6, \"new\": [" NEW5 ", " NEW5 "]}", "ascending"},
        {"descending ids", HEAD "\"rows_needed\": 7, \"new\": [{\"id\": 6, \"token\": \"t\", \"kind\": \"added\", \"source\": \"\", \"source_id\": null, "
         "\"pieces\": []}, " NEW5 "]}", "ascending"},
        {"an id beyond rows_needed", HEAD "\"rows_needed\": 5, \"new\": [" NEW5 "], \"overlap\": [], \"rejected\": []}", "rows_needed is 5"},
        {"a piece that is no base id", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 5, \"token\": \"t\", \"kind\": \"merged\", \"source\": \"\", "
         "\"source_id\": null, \"pieces\": [1, 5]}], \"overlap\": [], \"rejected\": []}", "/new/0/pieces/1"},
        {"a negative id", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": -1}]}", "m.json"},
        {"an id that is no integer", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 5.0}]}", "m.json"},
        {"an id above i32", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 2147483648}]}", "2147483648"},
        {"an unknown kind", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 5, \"kind\": \"magic\"}]}", "magic"},
        {"no token", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 5, \"kind\": \"merged\", \"source\": \"\", \"pieces\": []}]}", "\"token\""},
        {"no kind", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 5, \"token\": \"t\", \"source\": \"\", \"pieces\": []}]}", "\"kind\""},
        {"no pieces", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 5, \"token\": \"t\", \"source\": \"\", \"kind\": \"merged\"}]}", "\"pieces\""},
        {"a key twice in an entry", HEAD "\"rows_needed\": 6, \"new\": [{\"id\": 5, \"id\": 5}]}", "twice"},
        {"an overlap without id", HEAD "\"rows_needed\": 5, \"new\": [], \"overlap\": [{\"token\": \"t\", \"source\": \"\"}]}", "\"id\""},
        {"a reject without reason", HEAD "\"rows_needed\": 5, \"new\": [], \"rejected\": [{\"token\": \"t\", \"source\": \"\"}]}", "\"reason\""},
        {"text after it", HEAD "\"rows_needed\": 5, \"new\": []} x", "m.json"},
        {"cut off", HEAD "\"rows_needed\": 5, \"new\": [", "m.json"},
        {"empty", "", "m.json"},
    };
    const char *path = vst_path(vst_tempdir(), "m.json");
    for (size_t i = 0; i < sizeof bads / sizeof *bads; i++) {
        struct vs_vocab_map *map = NULL;
        struct vs_err err = {0};
        vst_write_text(path, bads[i].text);
        enum vs_code code = vs_vocab_map_read(path, &map, &err);
        cr_assert_eq(code, VS_EFORMAT, "%s: code %d, %s", bads[i].name, code, err.message);
        cr_assert(strstr(err.message, bads[i].part) && strstr(err.message, "m.json"), "%s: %s", bads[i].name, err.message);
    }
    vst_cleanup();
}

Test(vocab_map, a_missing_file_is_named)
{
    struct vs_vocab_map *map = NULL;
    struct vs_err err;
    cr_assert_eq(vs_vocab_map_read("no/such/vocab-map.json", &map, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, "no/such/vocab-map.json"));
    vst_cleanup();
}

Test(vocab_map, every_failing_allocation_is_an_error)
{
    const char *path = vst_path(vst_tempdir(), "m.json");
    vst_write_text(path, sample_text);
    for (unsigned long n = 1; n < 200; n++) {
        struct vs_vocab_map *map = NULL;
        struct vs_err err = {0};
        vs_mem_fail_at(n, false);
        enum vs_code code = vs_vocab_map_read(path, &map, &err);
        vs_mem_fail_at(0, false);
        if (code == VS_OK) {
            cr_assert_gt(n, 5);
            vs_vocab_map_free(map);
            vst_cleanup();
            return;
        }
        cr_assert_eq(code, VS_ENOMEM, "allocation %lu: %s", n, err.message);
    }
    cr_assert_fail("the map never opened");
}
