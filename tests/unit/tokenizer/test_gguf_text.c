/* SPDX-License-Identifier: Apache-2.0
 *
 * Text with the keys of GGUF files: each kind of vocabulary, worked out by hand, and what is refused.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/mem.h"
#include "fixture.h"
#include "gguf_file.h"
#include "json/schema.h"
#include "support.h"
#include "tokenizer/load_gguf.h"

#define P "tokenizer.ggml."
#define SPACE "\xe2\x96\x81"
enum { NORMAL = 1, UNKNOWN, CONTROL, USER, UNUSED, BYTE };

struct opened { struct gg_bytes file; struct vs_arena arena; struct vs_gguf g; struct vs_tokenizer *t; struct vs_err err; };

static enum vs_code open_file(struct opened *o, const struct gg *g)
{
    bool more = false;
    *o = (struct opened){.file = gg_file(g)};
    cr_assert_eq(vs_gguf_parse("in", (const char *)o->file.p, o->file.n, o->file.n, 0, &o->arena, &o->g, &more, &o->err), VS_OK, "%s", o->err.message);
    return vs_encoder_from_gguf(&o->g, NULL, NULL, &o->t, &o->err);
}

static void close_file(struct opened *o)
{
    vs_tokenizer_close(o->t);
    vs_gguf_free(&o->g);
    vs_arena_free(&o->arena);
    free(o->file.p);
}

static void gg_bool(struct gg *g, const char *key, bool v)
{
    if (gg_key(g, key, GG_BOOL))
        gg_number(&g->kv, v, 1);
}

static void gg_scores(struct gg *g, const float *scores, size_t n)
{
    uint32_t bits[32];
    memcpy(bits, scores, n * sizeof *bits);
    gg_numbers(g, P "scores", GG_FLOAT32, bits, n);
}

struct example { const char *text, *expected; };

static void check(struct gg *g, const struct example *e, size_t count)
{
    struct opened o;
    cr_assert_eq(open_file(&o, g), VS_OK, "%s", o.err.message);
    for (size_t i = 0; i < count; i++) {
        const char *found = tok_prompt(o.t, e[i].text);
        cr_expect_str_eq(found, e[i].expected, "\"%s\": found %s, expected %s", e[i].text, found, e[i].expected);
    }
    close_file(&o);
    gg_free(g);
}
#define CHECK(g, list) check(g, list, COUNT(list))

static void refused(struct gg *g, const char *said)
{
    struct opened o;
    cr_expect_eq(open_file(&o, g), VS_EUNSUPPORTED);
    cr_expect(strncmp(o.err.message, "in: " P, 4 + sizeof P - 1) == 0 && strstr(o.err.message, said) && strstr(o.err.message, "give --prompt-ids"),
              "found %s, expected %s", o.err.message, said);
    cr_expect_eq(o.t, NULL);
    close_file(&o);
    gg_free(g);
}

/* ---- merges ---- */

static const char *const letters[] = {"a", "b", "c", "ab", "bc", "abc", "\xc4\xa0", "\xc4\xa0" "a", "1", "2", "12", "<s>", "</s>", "xyz", "x", "y", "z"};
static const uint32_t letter_types[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, CONTROL, NORMAL, NORMAL, 1, 1, 1};

/* Without pre, so that a test can name one. */
static struct gg bytes(const char *omit)
{
    static const char *const merges[] = {"b c", "a b", "ab c", "\xc4\xa0 a", "1 2"};
    struct gg g = {.version = 3, .omit = omit};
    gg_string(&g, "general.architecture", "llama");
    gg_string(&g, P "model", "gpt2");
    gg_strings(&g, P "tokens", letters, COUNT(letters));
    gg_numbers(&g, P "token_type", GG_I32, letter_types, COUNT(letter_types));
    gg_strings(&g, P "merges", merges, COUNT(merges));
    gg_u32(&g, P "bos_token_id", 11);
    gg_u32(&g, P "eos_token_id", 12);
    return g;
}

static struct gg bytes_with(const char *pre)
{
    struct gg g = bytes(NULL);
    gg_string(&g, P "pre", pre);
    return g;
}

/* The lowest rank first; </s> is a control token whatever its type says; a character without a token is left out. */
Test(gguf_text, merges)
{
    static const struct example e[] = {{"abc", "0 4"}, {"ab a", "3 7"}, {"a<s>b</s> a", "0 11 1 12 7"}, {"12", "10"}, {"xyz", "14 15 16"}, {"aqb", "3"}, {"", ""}};
    struct gg g = bytes_with("gpt-2");
    CHECK(&g, e);
}

Test(gguf_text, digits_are_cut_by_some_names)
{
    static const struct example e[] = {{"12", "8 9"}, {"ab12", "3 8 9"}};
    struct gg g = bytes_with("smollm");
    CHECK(&g, e);
    g = bytes_with("qwen2");
    CHECK(&g, e);
}

/* llama-bpe: whole words first, and a token before every prompt. */
Test(gguf_text, a_name_brings_whole_words_and_a_beginning)
{
    static const struct example e[] = {{"xyz", "11 13"}, {"xyzx", "11 14 15 16 14"}, {"", "11"}}, plain[] = {{"xyz", "13 12"}};
    struct gg g = bytes_with("llama-bpe");
    CHECK(&g, e);
    g = bytes_with("llama-bpe");
    gg_bool(&g, P "add_bos_token", false);
    gg_bool(&g, P "add_eos_token", true);
    CHECK(&g, plain);
}

/* A file without the key, or with an empty one, has the default patterns, as in llama.cpp; an id beyond the list is as if it were not there. */
Test(gguf_text, defaults)
{
    static const struct example e[] = {{"ab=12", "11 3 10"}};
    struct gg g = bytes(P "bos_token_id");
    gg_bool(&g, P "add_bos_token", true);
    CHECK(&g, e);
    g = bytes(P "bos_token_id");
    gg_bool(&g, P "add_bos_token", true);
    g.omit = NULL;
    gg_u32(&g, P "bos_token_id", 17);
    gg_string(&g, P "pre", "");
    CHECK(&g, e);
}

Test(gguf_text, blanks_beside_special_tokens_go_by_the_name_of_the_model)
{
    static const struct example kept[] = {{"a</s> a", "0 12 7"}}, taken[] = {{"a</s> a", "0 12 0"}, {"a<s> a", "0 11 7"}};
    struct gg g = bytes_with("gpt-2");
    gg_string(&g, "general.name", "Phi 4");
    CHECK(&g, kept);
    g = bytes_with("gpt-2");
    gg_string(&g, "general.name", "My Phi-3 mini");
    CHECK(&g, taken);
}

/* ---- scores ---- */

static const char *const pieces[] = {"<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", SPACE, "a", "b", "c", "ab", "bc", SPACE "a", "aa", "<|user|>"};
static const uint32_t piece_types[] = {UNKNOWN, CONTROL, CONTROL, BYTE, BYTE, 1, 1, 1, 1, 1, 1, 1, 1, USER};
static const float piece_scores[] = {0, 0, 0, 0, 0, -9, -9, -9, -9, -2, -1, -3, -4, -1000};

static struct gg scored(const char *omit)
{
    struct gg g = {.version = 3, .omit = omit};
    gg_string(&g, "general.architecture", "llama");
    gg_string(&g, P "model", "llama");
    gg_strings(&g, P "tokens", pieces, COUNT(pieces));
    gg_numbers(&g, P "token_type", GG_I32, piece_types, COUNT(piece_types));
    gg_scores(&g, piece_scores, COUNT(piece_scores));
    return g;
}

/* The pair that makes the better token first: bc before ab. A space before every stretch of text, bytes for a character without token. */
Test(gguf_text, scores)
{
    static const struct example e[] = {{"abc", "1 11 10"}, {"b", "1 5 7"}, {"bab", "1 5 7 9"}, {"a\xc3\xa9" "a", "1 11 3 4 6"}, {"x", "1 5 0"}, {"xy", "1 5 0"}, {"", "1"},
                                       {"a<s>a", "1 11 1 11"}, {"<unk>b", "1 0 5 7"}, {"<|user|>a", "1 13 11"}, {"  a", "1 5 5 11"}};
    struct gg g = scored(NULL);
    CHECK(&g, e);
}

Test(gguf_text, no_space_before_and_other_edges)
{
    static const struct example e[] = {{"abc", "6 10 2"}, {"a b", "6 5 7 2"}, {"<s>a", "1 6 2"}};
    struct gg g = scored(NULL);
    gg_bool(&g, P "add_space_prefix", false);
    gg_bool(&g, P "add_bos_token", false);
    gg_bool(&g, P "add_eos_token", true);
    CHECK(&g, e);
}

Test(gguf_text, no_token_at_all)
{
    static const struct example e[] = {{"", ""}};
    struct gg g = scored(P "tokens");
    gg_bool(&g, P "add_bos_token", false);
    g.omit = NULL;
    gg_strings(&g, P "tokens", (const char *const[]){""}, 1);
    CHECK(&g, e);
}

/* Equal scores are one rank: the leftmost pair is merged, whichever token it makes. */
Test(gguf_text, equal_scores_merge_from_the_left)
{
    static const struct example e[] = {{"abc", "1 11 10"}, {"aaa", "1 11 12"}, {"babc", "1 5 7 9 8"}};
    struct gg g = scored(P "scores");
    CHECK(&g, e);
}

Test(gguf_text, scores_may_be_integers)
{
    static const int32_t whole[] = {0, 0, 0, 0, 0, -9, -9, -9, -9, -2, -1, -3, -4, -1000};
    static const struct example e[] = {{"abc", "1 11 10"}, {"aaa", "1 11 12"}, {"bab", "1 5 7 9"}};
    struct gg g = scored(P "scores");
    uint32_t bits[COUNT(whole)];
    memcpy(bits, whole, sizeof bits);
    g.omit = NULL;
    gg_numbers(&g, P "scores", GG_I32, bits, COUNT(whole));
    CHECK(&g, e);
}

/* ---- words ---- */

static struct gg words(void)
{
    static const char *const list[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", SPACE "hello", SPACE "world", "s", SPACE "!", SPACE "he", SPACE "\xe4\xb8\xad", SPACE "\xe1\x84\x80", "\xe1\x85\xa1"};
    static const uint32_t types[] = {3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    struct gg g = {.version = 3};
    gg_string(&g, "general.architecture", "bert");
    gg_string(&g, P "model", "bert");
    gg_strings(&g, P "tokens", list, COUNT(list));
    gg_numbers(&g, P "token_type", GG_I32, types, COUNT(types));
    gg_u32(&g, P "bos_token_id", 2);
    gg_u32(&g, P "unknown_token_id", 1);
    gg_u32(&g, P "seperator_token_id", 3);
    return g;
}

/* The longest piece first, U+2581 where a word begins; case and accents go; [SEP] closes, whatever add_eos_token says. */
Test(gguf_text, words_of_bert)
{
    static const struct example e[] = {{"Hello worlds!", "2 4 5 6 7 3"}, {"h\xc3\xa9llo", "2 4 3"}, {"hex hello", "2 1 4 3"}, {"hello\xe4\xb8\xad" "hello", "2 4 9 4 3"},
                                       {"hello[SEP]world", "2 4 3 5 3"}, {"hello\x0bworld", "2 4 5 3"}, {"\xea\xb0\x80", "2 10 11 3"}, {"", "2 3"}};
    struct gg g = words();
    gg_bool(&g, P "add_eos_token", false);
    CHECK(&g, e);
}

Test(gguf_text, words_in_capitals)
{
    static const struct example e[] = {{"Hello", "2 1 3"}, {"hello", "2 4 3"}, {"h\xc3\xa9llo", "2 1 3"}};
    struct gg g = words();
    gg_bool(&g, P "normalizer.lowercase", false);
    CHECK(&g, e);
}

/* A word of any length; the longest token bounds what is tried at each place. */
Test(gguf_text, a_long_word)
{
    struct gg g = words();
    struct opened o;
    char word[2001] = "hello";
    memset(word + 5, 's', sizeof word - 6);
    cr_assert_eq(open_file(&o, &g), VS_OK, "%s", o.err.message);
    const char *found = tok_prompt(o.t, word);
    cr_expect(strncmp(found, "2 4 6 6 6 ", 10) == 0 && strlen(found) == 5 + 2 * 1995, "%s", found);
    close_file(&o);
    gg_free(&g);
}

/* ---- refused ---- */

Test(gguf_text, models_and_names_that_are_not_known)
{
    struct gg g = bytes(P "model");
    g.omit = NULL;
    gg_string(&g, P "model", "t5");
    refused(&g, "model: found \"t5\", expected one of llama, gpt2, bert");
    g = bytes_with("my\x1bpre");
    refused(&g, "pre: found \"my\\x1Bpre\", expected one of the ");
    g = bytes(NULL);
    gg_u32(&g, P "pre", 7);
    refused(&g, "pre: found u32, expected a string");
}

static struct gg merges_of(const char *const *merges, size_t n)
{
    struct gg g = bytes(P "merges");
    g.omit = NULL;
    gg_strings(&g, P "merges", merges, n);
    return g;
}

Test(gguf_text, merges_that_make_no_table)
{
    struct gg g = bytes(P "merges");
    refused(&g, "merges: no such key");
    g = merges_of((const char *const[]){"a b", "q b"}, 2);
    refused(&g, "entry 1: its left part \"q\" is no token");
    g = merges_of((const char *const[]){"a q"}, 1);
    refused(&g, "entry 0: its right part \"q\" is no token");
    g = merges_of((const char *const[]){"a c"}, 1);
    refused(&g, "entry 0: its product \"ac\" is no token");
    g = merges_of((const char *const[]){"a b", "b c", "a b"}, 3);
    refused(&g, "entry 2 repeats a pair");
}

Test(gguf_text, scores_that_give_no_order)
{
    const float nan = __builtin_nanf("");
    struct gg g = scored(P "scores");
    g.omit = NULL;
    gg_scores(&g, piece_scores, COUNT(pieces) - 1);
    refused(&g, "scores: found no number for token 13");
    g = scored(P "scores");
    g.omit = NULL;
    gg_scores(&g, (const float[COUNT(pieces)]){0, 0, nan}, COUNT(pieces));
    refused(&g, "scores: found nan for token 2, expected a finite number");
    g = scored(P "scores");
    g.omit = NULL;
    gg_string(&g, P "scores", "many");
    refused(&g, "scores: found no number for token 0");
    g = scored(P "scores");
    g.omit = NULL;
    gg_scores(&g, (const float[COUNT(pieces)]){0, 0, 0, -__builtin_inff()}, COUNT(pieces));
    refused(&g, "scores: found -inf for token 3, expected a finite number");
}

/* A switch of another type is no "as if it were not there". */
Test(gguf_text, switches_that_are_none)
{
    static const char *const keys[] = {P "add_bos_token", P "add_eos_token", P "add_space_prefix"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        struct gg g = scored(keys[i]);
        g.omit = NULL;
        gg_u32(&g, keys[i], 0);
        refused(&g, vst_format("%s: found u32, expected a bool", keys[i]));
    }
    struct gg g = words();
    gg_u32(&g, P "normalizer.lowercase", 0);
    refused(&g, "lowercase: found u32, expected a bool");
    g = words();
    gg_u32(&g, P "normalizer.strip_accents", 0);
    refused(&g, "strip_accents: found u32, expected a bool");
}

/* Every length up to that of the longest token is looked up at every byte of a word. */
Test(gguf_text, a_token_too_long_for_words)
{
    char token[258] = "";
    const char *list[] = {"[PAD]", token};
    memset(token, 'a', 257);
    struct gg g = {.version = 3};
    gg_string(&g, "general.architecture", "bert");
    gg_string(&g, P "model", "bert");
    gg_strings(&g, P "tokens", list, COUNT(list));
    refused(&g, "tokens: token 1 has 257 bytes, expected 256 at most");
}

Test(gguf_text, a_token_twice_and_an_edge_without_a_token)
{
    static const char *const twice[] = {"a", "b", "a"};
    struct gg g = bytes(P "tokens");
    g.omit = NULL;
    gg_strings(&g, P "tokens", twice, 3);
    refused(&g, "tokens: \"a\" stands there twice, with ids 0 and 2");
    g = (struct gg){.version = 3}; /* 101 is where BERT has its [CLS] */
    gg_string(&g, "general.architecture", "bert");
    gg_string(&g, P "model", "bert");
    gg_strings(&g, P "tokens", twice, 2);
    refused(&g, "bos_token_id: a token is to stand there in every prompt");
}

/* ---- hostile vocabularies ---- */

static struct gg runs_of_a(unsigned first, unsigned count)
{
    struct gg g = {.version = 3};
    char *run = malloc(first + count + 1);
    gg_string(&g, "general.architecture", "llama");
    gg_string(&g, P "model", "llama");
    gg_bool(&g, P "add_bos_token", false);
    gg_bool(&g, P "add_space_prefix", false);
    cr_assert(run && gg_key(&g, P "tokens", GG_ARRAY));
    gg_number(&g.kv, GG_STRING, 4);
    gg_number(&g.kv, count + 1, 8);
    gg_text(&g.kv, "a");
    for (unsigned n = first; n < first + count; n++) {
        memset(run, 'a', n);
        run[n] = '\0';
        gg_text(&g.kv, run);
    }
    free(run);
    return g;
}

/* Every cut of every token is a pair: a list of them has an end. One very long token costs what its bytes cost. */
Test(gguf_text, many_pairs_and_long_tokens, .timeout = 60)
{
    static const struct example e[] = {{"aa", "0 0"}};
    struct opened o;
    struct gg g = runs_of_a(2, 4100); /* 4100 * 4101 / 2 pairs */
    cr_expect_eq(open_file(&o, &g), VS_EUNSUPPORTED, "%s", o.err.message);
    cr_expect(strstr(o.err.message, "tokens: more than 8388608 pairs of tokens") && strstr(o.err.message, "--prompt-ids"), "%s", o.err.message);
    close_file(&o);
    gg_free(&g);
    g = runs_of_a(4 << 20, 2);
    const clock_t begin = clock();
    CHECK(&g, e);
    cr_expect_lt((double)(clock() - begin) / CLOCKS_PER_SEC, 20.0);
}

/* Whichever allocation fails, it is said, and nothing is kept. */
static void starve(struct gg *g)
{
    struct opened o;
    enum vs_code code = open_file(&o, g);
    cr_assert_eq(code, VS_OK, "%s", o.err.message);
    for (unsigned long n = 1; n < 3000; n++) {
        vs_tokenizer_close(o.t);
        vs_mem_fail_at(n, n % 2);
        code = vs_encoder_from_gguf(&o.g, NULL, NULL, &o.t, &o.err);
        vs_mem_fail_at(0, false);
        cr_expect(code == VS_OK || code == VS_ENOMEM, "allocation %lu: code %d: %s", n, code, o.err.message);
        if (code == VS_OK)
            break;
    }
    cr_expect_eq(code, VS_OK);
    close_file(&o);
    gg_free(g);
}

Test(gguf_text, memory_runs_short)
{
    struct gg g = bytes_with("gpt-2");
    starve(&g);
    g = scored(NULL);
    starve(&g);
    g = words();
    starve(&g);
    vst_cleanup();
}

/* ---- the data ---- */

Test(gguf_text, shipped_data_is_as_its_schema_says)
{
    struct vs_jdoc d = {0};
    struct vs_err err;
    cr_assert_eq(vs_data_read(NULL, "gguf-text.json", &d, &err), VS_OK, "%s", err.message);
    cr_expect_eq(vs_schema_check(NULL, "gguf-text", &d, &err), VS_OK, "%s", err.message);
    vs_jdoc_free(&d);
}

/* A folder of one's own comes first, and is checked. */
Test(gguf_text, data_of_ones_own)
{
    const char *dir = vst_tempdir(), *path = vst_path(dir, "gguf-text.json");
    struct vs_jdoc d = {0};
    struct vs_err err;
    struct vs_tokenizer *t = NULL;
    struct gg g = bytes_with("mine");
    struct opened o;
    cr_expect_eq(open_file(&o, &g), VS_EUNSUPPORTED);
    cr_assert_eq(vs_data_read(NULL, "gguf-text.json", &d, &err), VS_OK, "%s", err.message);
    const char *at = strstr(d.text.p, "\"gpt-2\"");
    cr_assert(at);
    vst_write_text(path, vst_format("%.*s\"mine\", %s", (int)(at - d.text.p), d.text.p, at));
    cr_expect_eq(vs_encoder_from_gguf(&o.g, dir, NULL, &t, &err), VS_OK, "%s", err.message);
    cr_expect_str_eq(tok_prompt(t, "abc"), "0 4");
    vs_tokenizer_close(t);
    vst_write_text(path, vst_format("%.*s7, %s", (int)(at - d.text.p), d.text.p, at));
    cr_expect_eq(vs_encoder_from_gguf(&o.g, dir, NULL, &t, &err), VS_EFORMAT);
    cr_expect(strstr(err.message, "gguf-text.json"), "%s", err.message);
    close_file(&o);
    gg_free(&g);
    vs_jdoc_free(&d);
    vst_cleanup();
}

/* Every name once, and its patterns are ones that this library runs. */
Test(gguf_text, every_name_opens)
{
    struct vs_jdoc d = {0};
    struct vs_map seen = {0};
    struct vs_err err;
    struct vs_str name;
    unsigned count = 0;
    cr_assert_eq(vs_data_read(NULL, "gguf-text.json", &d, &err), VS_OK, "%s", err.message);
    for (const struct vs_jval *p = vs_jget(d.root, "pre")->child; p; p = p->next)
        for (const struct vs_jval *n = vs_jget(p, "names")->child; n; n = n->next, count++) {
            uint32_t old = 0;
            cr_assert(vs_jstr(n, &name) && vs_map_put(&seen, name, count, &old));
            cr_expect_eq(old, VS_NONE, "%.*s twice", VS_STR(name));
            struct gg g = bytes_with(vst_format("%.*s", VS_STR(name)));
            struct opened o;
            cr_expect_eq(open_file(&o, &g), VS_OK, "%s", o.err.message);
            const char *ids = o.t ? tok_prompt(o.t, "<s>ab") : "";
            cr_expect(strcmp(ids, "11 3") == 0 || strcmp(ids, "11 11 3") == 0, "%.*s: %s", VS_STR(name), ids);
            close_file(&o);
            gg_free(&g);
        }
    cr_expect_gt(count, 60u);
    vs_map_free(&seen);
    vs_jdoc_free(&d);
    vst_cleanup();
}
