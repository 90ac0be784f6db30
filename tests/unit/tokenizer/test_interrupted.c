/* SPDX-License-Identifier: Apache-2.0
 *
 * Somebody wants to stop while a tokenizer is read. The executable is linked with --wrap for what reads a string or a number of
 * the file: they are counted as the library reads them, so the flag is set at the same one in every run. Keys are not among them.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <vs/check.h>
#include "base/str.h"
#include "fixture.h"
#include "gguf_file.h"
#include "json/scan.h"
#include "support.h"
#include "tokenizer/load_gguf.h"

#define P "tokenizer.ggml."

static unsigned strings, stop_at; /* 0: never */
static volatile sig_atomic_t stopped;

static bool in_gguf; /* strings and numbers of a GGUF file are counted, not those of JSON */

static void count(bool of_gguf)
{
    if (of_gguf == in_gguf && ++strings == stop_at)
        stopped = 1;
}

bool __real_vs_json_string(struct vs_json *j, struct vs_str *s);
bool __wrap_vs_json_string(struct vs_json *j, struct vs_str *s);
bool __wrap_vs_json_string(struct vs_json *j, struct vs_str *s)
{
    count(false);
    return __real_vs_json_string(j, s);
}

bool __real_vs_gguf_next(const struct vs_gguf_kv *kv, uint64_t *at, struct vs_str *out);
bool __wrap_vs_gguf_next(const struct vs_gguf_kv *kv, uint64_t *at, struct vs_str *out);
bool __wrap_vs_gguf_next(const struct vs_gguf_kv *kv, uint64_t *at, struct vs_str *out)
{
    const bool more = __real_vs_gguf_next(kv, at, out);
    if (more)
        count(true);
    return more;
}

bool __real_vs_gguf_item_f64(const struct vs_gguf_kv *kv, uint64_t i, double *out);
bool __wrap_vs_gguf_item_f64(const struct vs_gguf_kv *kv, uint64_t i, double *out);
bool __wrap_vs_gguf_item_f64(const struct vs_gguf_kv *kv, uint64_t i, double *out)
{
    count(true);
    return __real_vs_gguf_item_f64(kv, i, out);
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

/* ---- the vocabulary of a GGUF file ---- */

enum { LETTERS = 94, PAIRS = LETTERS * LETTERS, TOKENS = LETTERS + PAIRS };

/* Every letter of ASCII and every two of them; by_scores: which of them merge follows from the scores, else from a list. */
static struct gg_bytes vocabulary(bool by_scores)
{
    struct gg g = {.version = 3};
    const char *tokens[TOKENS], *merges[PAIRS];
    uint32_t scores[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
        const int pair = i - LETTERS, a = '!' + (pair < 0 ? i : pair / LETTERS), b = '!' + pair % LETTERS;
        tokens[i] = pair < 0 ? vst_format("%c", a) : vst_format("%c%c", a, b);
        if (pair >= 0)
            merges[pair] = vst_format("%c %c", a, b);
        scores[i] = 0xbf800000; /* -1 */
    }
    gg_string(&g, "general.architecture", "llama");
    gg_string(&g, P "model", by_scores ? "llama" : "gpt2");
    gg_strings(&g, P "tokens", tokens, TOKENS);
    if (by_scores)
        gg_numbers(&g, P "scores", GG_FLOAT32, scores, TOKENS);
    else
        gg_strings(&g, P "merges", merges, PAIRS);
    const struct gg_bytes file = gg_file(&g);
    gg_free(&g);
    return file;
}

/* How many strings and scores were read until the encoder was there, or the load ended. */
static unsigned encoder_until(const struct gg_bytes *file, unsigned at, enum vs_code expected)
{
    struct vs_arena arena = {0};
    struct vs_gguf g;
    struct vs_tokenizer *t = NULL;
    struct vs_err err = {0};
    bool more = false;
    cr_assert_eq(vs_gguf_parse("in", (const char *)file->p, file->n, file->n, 0, &arena, &g, &more, &err), VS_OK, "%s", err.message);
    stopped = 0;
    in_gguf = true;
    strings = 0;
    stop_at = at;
    cr_expect_eq(vs_encoder_from_gguf(&g, NULL, &stopped, &t, &err), expected, "stopped at %u: %s", at, err.message);
    cr_expect((expected == VS_OK) == (t != NULL) && (!expected || strcmp(err.message, "interrupted") == 0), "%s", err.message);
    vs_tokenizer_close(t);
    vs_gguf_free(&g);
    vs_arena_free(&arena);
    return strings;
}

/* Wherever it is: tokens, merges as the ids are read and merges as they are looked up; or tokens, scores, and the pairs that they make. */
Test(interrupted, half_way_through_a_gguf_file)
{
    static const unsigned by_merges[] = {1, 1000, TOKENS + 100, TOKENS + PAIRS + 100};
    static const unsigned by_scores[] = {1, 1000, TOKENS + 100, 2 * TOKENS};
    for (int scores = 0; scores < 2; scores++) {
        struct gg_bytes file = vocabulary(scores);
        const unsigned all = encoder_until(&file, 0, VS_OK);
        cr_expect_eq(all, scores ? 2u * TOKENS : TOKENS + 2u * PAIRS, "read %u", all);
        for (size_t i = 0; i < COUNT(by_merges); i++) {
            const unsigned at = scores ? by_scores[i] : by_merges[i], some = encoder_until(&file, at, VS_ECANCELED);
            cr_expect(some >= at && some <= at + 4096, "stopped at %u of %u, read %u", at, all, some);
        }
        free(file.p);
    }
    vst_cleanup();
}

Test(interrupted, the_facts_of_a_gguf_file)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct gg g = {.version = 3};
    struct vs_facts *f = NULL;
    struct vs_err err = {0};
    const volatile sig_atomic_t stop = 1;
    const struct vs_run run = {.cancel = &stop};
    gg_sound(&g);
    gg_write(&g, path);
    gg_free(&g);
    in_gguf = true;
    cr_expect_eq(vs_facts_open(path, &(struct vs_facts_options){0}, &run, &f, &err), VS_ECANCELED, "%s", err.message);
    cr_expect_eq(strings, 1, "%u strings", strings);
    vst_cleanup();
}
