/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "base/str.h"
#include "fuzz.h"
#include "json/edit.h"

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("{\"architectures\": [\"Gemma3ForCausalLM\"], \"vocab_size\": 262208, \"rms_norm_eps\": 1e-06, \"tie\": true, \"x\": null}"),
    FUZZ_SEED("{\n  \"text_config\": {\n    \"a\": {},\n    \"b\": []\n  },\n  \"eos\": [1, 106],\r\n\t\"f\": -0.5E+10\n}\n"),
    FUZZ_SEED("{\"model\":{\"vocab\":{\"a\":0,\"\\u0142\":1,\"\xc4\xa0the\":2},\"merges\":[[\"a\",\"b\"],\"c d\"]}}"),
    FUZZ_SEED("[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\ud834\\udd1e\", \"\xf0\x9d\x84\x9e\", \"\", 0, -1, 18446744073709551615]"),
    FUZZ_SEED("{\"k1\":1,\"k2\":1,\"k3\":1,\"k4\":1,\"k5\":1,\"k6\":1,\"k7\":1,\"k8\":1,\"k9\":1,\"k10\":1,\"k11\":1,\"\":1}"),
    FUZZ_SEED("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
    FUZZ_SEED("3.141592653589793238462643383279502884197169399375105820974944592307816406286"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

/* A string written again and read back is the same. */
static void check_string(struct vs_str s)
{
    struct vs_buf b = {0};
    struct vs_jdoc d;
    struct vs_err err;
    vs_buf_json_str(&b, s);
    fuzz_assert(vs_jdoc_parse("s", (struct vs_str){b.p, b.n}, &d, &err) == VS_OK);
    fuzz_assert(d.root->type == VS_JSON_STRING && vs_str_eq(d.root->str, s));
    vs_jdoc_free(&d);
    vs_buf_free(&b);
}

/* A member more: still a document, with that member and as many others as before. */
static void check_adding(const struct vs_jdoc *d, const struct vs_jval *object)
{
    struct vs_edits e = {0};
    struct vs_buf b = {0};
    struct vs_jdoc again;
    struct vs_err err;
    if (vs_jget(object, "new key"))
        return;
    fuzz_assert(vs_edit_add_member(&e, d, object, "new key", VS_LIT("[1]"), &err) == VS_OK);
    fuzz_assert(vs_edits_apply(&e, "f", d->text, &b, &err) == VS_OK);
    enum vs_code code = vs_jdoc_parse("again", (struct vs_str){b.p, b.n}, &again, &err);
    fuzz_assert(code == VS_OK || code == VS_ELIMIT); /* the array may be one level too deep */
    if (code == VS_OK && object == d->root) {
        fuzz_assert(again.root->count == object->count + 1);
        fuzz_assert(vs_jget(again.root, "new key"));
    }
    vs_jdoc_free(&again);
    vs_buf_free(&b);
    vs_edits_free(&e);
}

static void walk(const struct vs_jdoc *d, const struct vs_jval *v, struct vs_span outer)
{
    char place[64];
    double f;
    int64_t i;
    fuzz_assert(v->span.begin >= outer.begin && v->span.begin < v->span.end && v->span.end <= outer.end);
    vs_jplace(d, v, place);
    if (vs_ji64(d, v, &i))
        fuzz_assert(vs_jf64(d, v, &f) && f == (double)i);
    if (v->type == VS_JSON_STRING)
        check_string(v->str);
    if (v->type == VS_JSON_OBJECT)
        check_adding(d, v);
    uint32_t count = 0;
    for (const struct vs_jval *c = v->child; c; c = c->next, count++) {
        if (v->type == VS_JSON_OBJECT)
            fuzz_assert(c->key_span.begin >= v->span.begin && c->key_span.end < c->span.begin);
        walk(d, c, v->span);
    }
    fuzz_assert(count == v->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vs_str text = {(const char *)data, n};
    struct vs_json j;
    struct vs_jdoc d;
    struct vs_err skipped = {0}, err = {0};
    vs_json_begin(&j, "f", text.p, n, NULL);
    vs_json_skip(&j, NULL);
    enum vs_code skip = vs_json_end(&j, &skipped), code = vs_jdoc_parse("f", text, &d, &err);
    if (code && !skip)
        fuzz_assert(strstr(err.message, "duplicate name"));
    else
        fuzz_assert(!code == !skip);
    fuzz_accepted += !code;
    if (!code)
        walk(&d, d.root, (struct vs_span){0, n});
    vs_jdoc_free(&d);
    return 0;
}
