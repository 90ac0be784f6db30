/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody wants to stop while a tokenizer is read. The executable is linked with --wrap=vs_json_string: strings are counted as
 * the library reads them, so the flag is set at the same one in every run. Keys are not among them.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <vs/check.h>
#include "base/str.h"
#include "fixture.h"
#include "json/scan.h"
#include "support.h"

static unsigned strings, stop_at; /* 0: never */
static volatile sig_atomic_t stopped;

bool __real_vs_json_string(struct vs_json *j, struct vs_str *s);
bool __wrap_vs_json_string(struct vs_json *j, struct vs_str *s);
bool __wrap_vs_json_string(struct vs_json *j, struct vs_str *s)
{
    if (++strings == stop_at)
        stopped = 1;
    return __real_vs_json_string(j, s);
}

static enum vs_code open_with(const char *path, const volatile sig_atomic_t *cancel, struct vs_err *err)
{
    struct vs_tokenizer *t = NULL;
    enum vs_code code = vs_tokenizer_open(path, &(struct vs_tokenizer_options){.cancel = cancel}, &t, err);
    cr_expect((code == VS_OK) == (t != NULL));
    vs_tokenizer_close(t);
    return code;
}

/* The vocabulary is looked at first, then the merges, where they stand in front of it too. */
Test(interrupted, at_once)
{
    static const char *const models[] = {
        "{\"type\": \"WordLevel\", \"unk_token\": \"a\", \"vocab\": {\"a\": 0, \"b\": 1}}",
        "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"a\", -1.5], [\"b\", -2.5]]}",
        "{\"type\": \"BPE\", \"vocab\": {}, \"merges\": [\"a b\"]}",
        "{\"type\": \"BPE\", \"merges\": [\"a b\"], \"vocab\": {}}"};
    const volatile sig_atomic_t stop = 1, go_on = 0;
    for (size_t i = 0; i < COUNT(models); i++) {
        const char *path = vst_path(vst_tempdir(), "tokenizer.json");
        struct vs_facts *f = NULL;
        struct vs_err err = {0};
        vst_write_text(path, tok_document(NULL, NULL, NULL, models[i]));
        cr_expect_eq(open_with(path, &stop, &err), VS_ECANCELED, "%zu: %s", i, err.message);
        cr_expect_str_eq(err.message, "interrupted");
        cr_expect_neq(open_with(path, &go_on, &err), VS_ECANCELED);
        cr_expect_eq(vs_facts_open(path, &(struct vs_facts_options){0}, &(struct vs_run){.cancel = &stop}, &f, &err), VS_ECANCELED);
        vst_cleanup();
    }
}

/* ---- half way: the flag is looked at again and again, not at the beginning alone ---- */

/* How many strings of the model were read until the load ended. */
static unsigned read_until(const char *model, unsigned at, enum vs_code expected)
{
    const char *path = vst_path(vst_tempdir(), "tokenizer.json");
    struct vs_err err = {0};
    vst_write_text(path, tok_document(NULL, NULL, NULL, model));
    stopped = 0;
    strings = 0;
    stop_at = at;
    cr_expect_eq(open_with(path, &stopped, &err), expected, "stopped at string %u: %s", at, err.message);
    return strings;
}

/* What is read from the flag to the next look: some, at most as many as lie between two looks. */
static void stops_soon(const char *model, unsigned at, unsigned between)
{
    const unsigned all = read_until(model, 0, VS_OK), some = read_until(model, at, VS_ECANCELED);
    cr_expect(at + 2 * between < all, "%u strings are too few", all);
    cr_expect(some >= at && some <= at + between, "stopped at string %u of %u, read %u", at, all, some);
}

Test(interrupted, half_way_through_the_tokens)
{
    struct vs_buf b = {0};
    vs_buf_printf(&b, "{\"type\": \"Unigram\", \"unk_id\": 0, \"vocab\": [[\"0\", 0]");
    for (unsigned i = 1; i < 20000; i++)
        vs_buf_printf(&b, ", [\"%u\", -1]", i);
    vs_buf_printf(&b, "]}");
    stops_soon(vst_format("%.*s", (int)b.n, b.p), 6000, 4096);
    vs_buf_free(&b);
    vst_cleanup();
}

/* "a" and what "a" before it makes of it, again and again: 1000 merges, behind the vocabulary and in front of it. */
Test(interrupted, half_way_through_the_merges)
{
    struct vs_buf vocab = {0}, merges = {0};
    char run[1002];
    memset(run, 'a', sizeof run);
    for (int n = 1; n <= 1001; n++)
        vs_buf_printf(&vocab, "%s\"%.*s\": %d", n > 1 ? ", " : "", n, run, n - 1);
    for (int n = 1; n <= 1000; n++)
        vs_buf_printf(&merges, "%s\"a %.*s\"", n > 1 ? ", " : "", n, run);
    const char *v = vst_format("\"vocab\": {%.*s}", (int)vocab.n, vocab.p), *m = vst_format("\"merges\": [%.*s]", (int)merges.n, merges.p);
    stops_soon(vst_format("{\"type\": \"BPE\", \"continuing_subword_prefix\": null, %s, %s}", v, m), 500, 64);
    stops_soon(vst_format("{\"type\": \"BPE\", %s, %s}", m, v), 500, 64);
    vs_buf_free(&vocab);
    vs_buf_free(&merges);
    vst_cleanup();
}
