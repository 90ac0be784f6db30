/* SPDX-License-Identifier: Apache-2.0
 *
 * The layout in a family's file, and the expressions in it.
 */
#include "base/map.h"
#include "base/str.h"
#include "fuzz.h"
#include "plan/offsets_rule.h"

#define HEAD "{\"format\": 1, \"id\": \"x\", \"match\": [{\"file\": \"config.json\", " \
             "\"path\": \"/model_type\", \"in\": [\"x\"]}], "
const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED(HEAD "\"symbols\": {\"V\": {\"file\": \"config.json\", \"path\": \"/v\", \"default\": 100}, \"OFF\": {\"file\": \"config.json\", "
              "\"path\": [\"/a/off\", \"/b/off\"], \"optional\": true}, \"N\": {\"file\": \"config.json\", \"path\": \"/n\", \"default\": 8}}, "
              "\"space\": {\"extend\": \"text\", \"insert_at\": \"OFF\", \"total\": \"V\", \"blocks\": [{\"name\": \"text\", \"start\": \"0\", "
              "\"end\": \"OFF\"}, {\"name\": \"vision\", \"start\": \"OFF\", \"end\": \"OFF+N\"}], \"partition\": \"exact\"}, "
              "\"fields\": [{\"sym\": \"V\", \"kind\": \"total\"}, {\"sym\": \"OFF\", \"kind\": \"id\"}, {\"sym\": \"N\", \"kind\": \"len\", "
              "\"block\": \"vision\"}], \"tensors\": [{\"name\": \"e.weight\", \"covers\": [\"text\", \"vision\"], \"rows\": \"V\"}], "
              "\"invariants\": [\"OFF + N == V\", \"max(OFF, N) >= min(1, 2) * (V - N)\"], \"strategies\": [\"insert_shift\"]}"),
    FUZZ_SEED(HEAD "\"symbols\": {\"V\": {\"file\": \"config.json\", \"path\": \"/v\"}}, \"space\": {\"extend\": \"t\", \"insert_at\": \"V\", "
              "\"total\": \"V\", \"blocks\": [{\"name\": \"t\", \"start\": \"0\", \"end\": \"V\"}], \"partition\": \"exact\"}, \"fields\": "
              "[{\"sym\": \"V\", \"kind\": \"total\"}], \"tensors\": [], \"invariants\": [], \"strategies\": [\"append\"]}"),
    FUZZ_SEED("A + B * (C - -3) <= max(1, min(D, 9223372036854775807))"),
    FUZZ_SEED("((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))"),
    FUZZ_SEED("-9223372036854775808 * -1 == 9223372036854775807 + 1"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

static bool get(const void *user, struct vs_str name, int64_t *value)
{
    *value = (int64_t)(vs_hash_bytes(name.p, name.n, 1) % 1000);
    return name.n < 5;
}

static void evaluate(const char *text)
{
    static const struct vs_expr_names names = {get, NULL};
    struct vs_err err;
    int64_t value, again;
    if (!text)
        return;
    enum vs_code code = vs_expr_eval(text, &names, &value, &err);
    fuzz_accepted += !code;
    if (!code)
        fuzz_assert(vs_expr_eval(text, &names, &again, &err) == VS_OK && again == value);
    else
        fuzz_assert(code == VS_EFORMAT && err.message[0]);
}

static void visit(void *user, struct vs_str name)
{
    fuzz_assert(name.n > 0 && ++*(size_t *)user < 1u << 20);
}

/* Everything that is a position in another list is inside that list. */
static void check_rule(const struct vs_rule *r)
{
    evaluate(r->insert_at);
    evaluate(r->total);
    for (uint32_t i = 0; i < r->invariant_count; i++)
        evaluate(r->invariants[i]);
    for (uint32_t i = 0; i < r->field_count; i++) {
        fuzz_assert(r->fields[i].symbol < r->symbol_count && r->fields[i].kind < VS_FIELD_KINDS);
        if (r->fields[i].kind == VS_FIELD_MIRROR)
            fuzz_assert(r->fields[i].of < r->symbol_count);
        if (r->fields[i].kind == VS_FIELD_LEN || r->fields[i].kind == VS_FIELD_END)
            fuzz_assert(r->fields[i].block < r->block_count);
    }
    for (uint32_t i = 0; i < r->block_count; i++) {
        fuzz_assert(r->blocks[i].name);
        evaluate(r->blocks[i].begin);
        evaluate(r->blocks[i].end);
    }
    fuzz_assert(r->extend < r->block_count);
    for (uint32_t i = 0; i < r->tensor_count; i++) {
        fuzz_assert(r->tensors[i].name_count > 0);
        fuzz_assert(r->block_count >= 64 || r->tensors[i].covers >> r->block_count == 0);
        evaluate(r->tensors[i].rows);
        evaluate(r->tensors[i].when);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vs_arena a = {0};
    struct vs_err err = {0};
    struct vs_jdoc d;
    struct vs_rule *rule = NULL;
    size_t names = 0;
    char *text = vs_arena_dup(&a, (const char *)data, n);
    fuzz_assert(text);
    evaluate(text);
    vs_expr_each_name(text, visit, &names);
    if (!vs_jdoc_parse("rule", (struct vs_str){text, n}, &d, &err)) {
        enum vs_code code = vs_rule_parse(&d, &a, &rule, &err);
        fuzz_assert(code == VS_OK || err.message[0]);
        vs_jdoc_free(&d); /* the rule owns what it needs */
        if (!code && rule)
            check_rule(rule);
    }
    vs_arena_free(&a);
    return 0;
}
