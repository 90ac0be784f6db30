/* SPDX-License-Identifier: Apache-2.0
 *
 * What the reader accepts, what it makes of it, and split files.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <vs/check.h>
#include "format/gguf.h"
#include "gguf_file.h"
#include "support.h"

#define DIMS(...) (const uint64_t[]){__VA_ARGS__}

static struct vs_facts *open_facts(const char *path)
{
    struct vs_err err = {0};
    struct vs_facts *f = NULL;
    cr_assert_eq(vs_facts_open(path, &(struct vs_facts_options){.rows = true}, &(struct vs_run){0}, &f, &err), VS_OK, "%s", err.message);
    return f;
}

static enum vs_code refused(const char *path, struct vs_err *err)
{
    struct vs_facts *f = NULL;
    enum vs_code code = vs_facts_open(path, &(struct vs_facts_options){0}, &(struct vs_run){0}, &f, err);
    vs_facts_close(f);
    return code;
}

static const char *write_sound(void)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct gg g = {.version = 3};
    gg_sound(&g);
    gg_write(&g, path);
    gg_free(&g);
    return path;
}

/* ---- facts ---- */

Test(gguf_read, facts)
{
    struct vs_facts *f = open_facts(write_sound());
    const struct vs_tokenizer *t = f->tokenizer;
    const struct vs_checkpoint *c = f->checkpoint;
    cr_assert(t && c);
    cr_expect_eq(t->kind, VS_TOK_BPE);
    cr_expect_eq(t->base_count, 7); /* [PAD7] is no token */
    cr_expect_eq(t->len, 7);
    cr_expect_eq(t->max_id, 6);
    cr_expect_eq(t->rows_needed, 7);
    cr_expect_eq(t->merge_count, 1);
    cr_expect(t->byte_fallback);
    cr_expect_eq(vs_token_id(t, VS_LIT("</s>")), 2);
    cr_expect_eq(vs_token_id(t, VS_LIT("ab")), 6);
    cr_expect_eq(vs_token_text(t, 7).p, NULL);
    cr_expect(vs_token_is_added(t, 1, NULL) && !vs_token_is_added(t, 4, NULL));
    cr_expect(vs_str_is(c->config.model_type, "llama"));
    cr_expect_eq(c->config.vocab_size_count, 1);
    cr_expect_eq(c->config.vocab_sizes[0].value, 8);
    cr_expect_str_eq(c->config.vocab_sizes[0].at, "llama.vocab_size");
    cr_expect_eq(c->config.hidden_size, 32);
    cr_expect_eq(c->config.special_id_count, 2);
    cr_expect(vs_str_is(c->config.special_ids[1].name, "eos_token_id") && c->config.special_ids[1].value == 2);
    cr_assert_eq(c->table_count, 2);
    cr_expect(c->tables[0].role == VS_ROLE_INPUT && c->tables[0].rows == 8 && c->tables[0].cols == 32);
    cr_expect_eq(c->tensors[c->tables[0].tensor].dtype, VS_Q8_0);
    cr_expect(c->tables[1].role == VS_ROLE_HEAD && c->tensors[c->tables[1].tensor].dtype == VS_F16);
    cr_expect_str_eq(c->family, "gguf");
    cr_expect_eq(f->surplus_rows, 1);
    cr_expect(f->row_stats[0].norm_median > 0 && f->row_stats[0].nan_rows == 0);
    vs_facts_close(f);
    vst_cleanup();
}

/* Caches keep the file under its hash: what it holds decides, for those who refuse it too. */
Test(gguf_read, name_without_suffix)
{
    const char *path = write_sound(), *blob = vst_path(vst_tempdir(), "sha256-5f2c"), *bin = vst_path(vst_tempdir(), "model.bin");
    struct vs_checkpoint *c = NULL;
    struct vs_err err = {0};
    cr_assert(symlink(path, blob) == 0 && symlink(path, bin) == 0);
    for (int i = 0; i < 2; i++) {
        struct vs_facts *f = open_facts(i ? bin : blob);
        cr_expect(f->tokenizer && f->checkpoint->gguf && f->checkpoint->tensor_count == 3);
        vs_facts_close(f);
    }
    cr_expect_eq(vs_checkpoint_open(blob, NULL, &c, &err), VS_EUNSUPPORTED);
    cr_expect(strstr(err.message, "sha256-5f2c: found GGUF weights"), "%s", err.message);
    vst_cleanup();
}

/* Under the name of another format the bytes are a mistake, not a model. */
Test(gguf_read, name_of_another_format)
{
    const char *path = write_sound(), *other = vst_path(vst_tempdir(), "model.safetensors");
    struct vs_err err = {0};
    cr_assert(symlink(path, other) == 0);
    cr_expect_eq(refused(other, &err), VS_EFORMAT);
    vst_cleanup();
}

/* A file that ends before four bytes, or has others, is no such file. */
Test(gguf_read, other_first_bytes)
{
    static const char *const texts[] = {"GGU", "GGUE----", "", "----GGUF"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *path = vst_path(vst_tempdir(), "blob");
        struct vs_err err = {0};
        vst_write_text(path, texts[i]);
        cr_expect_eq(refused(path, &err), VS_EFORMAT);
        cr_expect_not(strstr(err.message, "GGUF"), "%s", err.message);
    }
    vst_cleanup();
}

/* A table whose head is stored apart and equal: compared in its stored form. */
Test(gguf_read, equal_head)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct gg g = {.version = 2, .omit = "output.weight"};
    gg_sound(&g);
    g.omit = NULL;
    unsigned char copy[272];
    memcpy(copy, g.data.p, sizeof copy);
    gg_tensor(&g, "output.weight", GG_Q8_0, 2, DIMS(32, 8), copy, sizeof copy);
    gg_write(&g, path);
    gg_free(&g);
    struct vs_facts *f = open_facts(path);
    cr_expect_eq(f->tied_stored, 1);
    vs_facts_close(f);
    vst_cleanup();
}

/* No vocabulary at all is a fact, not a mistake. */
Test(gguf_read, without_vocabulary)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct gg g = {.version = 3};
    gg_string(&g, "general.architecture", "bert");
    gg_string(&g, "tokenizer.ggml.model", "no_vocab");
    gg_write(&g, path);
    gg_free(&g);
    struct vs_facts *f = open_facts(path);
    cr_expect(f->tokenizer == NULL && f->checkpoint && f->checkpoint->tensor_count == 0);
    vs_facts_close(f);
    vst_cleanup();
}

Test(gguf_read, another_alignment_and_order)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct gg g = {.version = 3, .alignment = 64};
    gg_sound(&g);
    gg_u32(&g, "general.alignment", 64);
    gg_info(&g, "late", GG_F32, 1, DIMS(16), 1024);
    gg_info(&g, "early", GG_F32, 1, DIMS(16), 960);
    gg_raw(&g.data, NULL, 1088 - g.data.n);
    gg_write(&g, path);
    gg_free(&g);
    struct vs_facts *f = open_facts(path);
    const struct vs_tensor *late = vs_checkpoint_tensor(f->checkpoint, VS_LIT("late")), *early = vs_checkpoint_tensor(f->checkpoint, VS_LIT("early"));
    cr_assert(late && early);
    cr_expect(early->end == late->begin && early->begin % 64 == 0 && late->end == f->checkpoint->files[0].size);
    cr_expect_eq(f->checkpoint->finding_count, 0);
    vs_facts_close(f);
    vst_cleanup();
}

/* ---- values ---- */

Test(gguf_read, values)
{
    static const char *const words[] = {"", "two", "three"};
    struct gg g = {.version = 3};
    gg_string(&g, "general.architecture", "x");
    gg_strings(&g, "words", words, 3);
    (void)gg_key(&g, "i8", GG_I8);
    gg_number(&g.kv, 0x80, 1);
    (void)gg_key(&g, "i16", GG_I16);
    gg_number(&g.kv, 0xfffe, 2);
    (void)gg_key(&g, "u64", GG_U64);
    gg_number(&g.kv, UINT64_MAX, 8);
    (void)gg_key(&g, "f64", GG_FLOAT64);
    gg_number(&g.kv, 0xbff8000000000000u, 8);
    gg_numbers(&g, "f32s", GG_FLOAT32, (const uint32_t[]){0x3f800000, 0xc0000000}, 2);
    (void)gg_key(&g, "x.flag", GG_BOOL);
    gg_number(&g.kv, 1, 1);
    struct gg_bytes file = gg_file(&g);
    struct vs_arena a = {0};
    struct vs_gguf h;
    struct vs_err err = {0};
    struct vs_str s;
    bool more = true, flag = false;
    int64_t i = 0;
    double d = 0;
    uint64_t at = 0;
    cr_assert_eq(vs_gguf_parse("in", (char *)file.p, file.n, file.n, 0, &a, &h, &more, &err), VS_OK, "%s", err.message);
    cr_expect_not(more);
    cr_expect(vs_gguf_next(vs_gguf_find(&h, "words"), &at, &s) && s.n == 0);
    cr_expect(vs_gguf_next(vs_gguf_find(&h, "words"), &at, &s) && vs_str_is(s, "two"));
    cr_expect(vs_gguf_next(vs_gguf_find(&h, "words"), &at, &s) && vs_str_is(s, "three"));
    cr_expect_not(vs_gguf_next(vs_gguf_find(&h, "words"), &at, &s));
    cr_expect(vs_gguf_i64(vs_gguf_find(&h, "i8"), &i) && i == -128);
    cr_expect(vs_gguf_i64(vs_gguf_find(&h, "i16"), &i) && i == -2);
    cr_expect_not(vs_gguf_i64(vs_gguf_find(&h, "u64"), &i));
    cr_expect_not(vs_gguf_i64(vs_gguf_find(&h, "f64"), &i));
    cr_expect_not(vs_gguf_i64(vs_gguf_find(&h, "absent"), &i));
    cr_expect(vs_gguf_f64(vs_gguf_find(&h, "f64"), &d) && d == -1.5);
    cr_expect_not(vs_gguf_item_i64(vs_gguf_find(&h, "f32s"), 0, &i));
    cr_expect(vs_gguf_bool(vs_gguf_find_arch(&h, "flag"), &flag) && flag);
    vs_gguf_free(&h);
    vs_arena_free(&a);
    free(file.p);
    gg_free(&g);
    vst_cleanup();
}

/* A hostile file may have millions: the first ones are kept, the others counted. */
Test(gguf_read, warnings_without_end)
{
    struct gg g = {.version = 3};
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct vs_checkpoint_options options = {.lenient = true, .gguf = true};
    struct vs_checkpoint *c = NULL;
    struct vs_err err = {0};
    size_t told = 0, summed = 0;
    gg_sound(&g);
    for (int i = 0; i < VS_GGUF_WARNINGS + 50; i++) {
        (void)gg_key(&g, vst_format("odd.%d", i), GG_BOOL);
        gg_number(&g.kv, 7, 1);
    }
    gg_write(&g, path);
    cr_assert_eq(vs_checkpoint_open(path, &options, &c, &err), VS_OK, "%s", err.message);
    for (size_t i = 0; i < c->finding_count; i++) {
        told += strstr(c->findings[i], "found the bool 7") != NULL;
        summed += strstr(c->findings[i], "model.gguf: 50 more of this kind") != NULL;
    }
    cr_expect_eq(told, VS_GGUF_WARNINGS);
    cr_expect_eq(summed, 1);
    vs_checkpoint_close(c);
    gg_free(&g);
    vst_cleanup();
}

/* The header may be read in any number of bites. */
Test(gguf_read, too_few_bytes_ask_for_more)
{
    struct gg g = {.version = 3};
    gg_sound(&g);
    struct gg_bytes file = gg_file(&g);
    const size_t header = file.n - 928;
    for (size_t have = 0; have <= file.n; have++) {
        char *part = malloc(have + 1);
        struct vs_arena a = {0};
        struct vs_gguf h;
        struct vs_err err = {0};
        bool more = false;
        memcpy(part, file.p, have);
        cr_expect_eq(vs_gguf_parse("in", part, have, file.n, 0, &a, &h, &more, &err), VS_OK, "%zu: %s", have, err.message);
        cr_expect_eq(more, have < header - header % 32 && h.count == 0, "%zu of %zu", have, header);
        vs_gguf_free(&h);
        vs_arena_free(&a);
        free(part);
    }
    free(file.p);
    gg_free(&g);
    vst_cleanup();
}

/* Neither keys nor tensors are looked up one by one. */
Test(gguf_read, thirty_thousand_keys)
{
    const char *path = vst_path(vst_tempdir(), "model.gguf");
    struct gg g = {.version = 3};
    gg_sound(&g);
    for (unsigned i = 0; i < 30000; i++) {
        gg_u32(&g, vst_format("some.key.%u", i), i);
        gg_tensor(&g, vst_format("t.%u", i), GG_F32, 1, DIMS(8), NULL, 32);
    }
    gg_write(&g, path);
    gg_free(&g);
    const clock_t start = clock();
    struct vs_facts *f = open_facts(path);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    cr_expect_eq(f->checkpoint->tensor_count, 30003);
    cr_expect(seconds < 2, "%.1f s of CPU time", seconds);
    vs_facts_close(f);
    vst_cleanup();
}

/* ---- split files ---- */

struct split { int no, count, total; const char *tensor; }; /* negative: the key is absent */

static void write_part(const char *path, struct split s)
{
    struct gg g = {.version = 3};
    if (s.no <= 0)
        gg_sound(&g);
    const struct { const char *key; int value; } keys[] = {{"split.no", s.no}, {"split.count", s.count}, {"split.tensors.count", s.total}};
    for (int i = 0; i < 3; i++)
        if (keys[i].value >= 0 && gg_key(&g, keys[i].key, i < 2 ? GG_U16 : GG_I32))
            gg_number(&g.kv, (uint64_t)keys[i].value, i < 2 ? 2 : 4);
    if (s.tensor)
        gg_tensor(&g, s.tensor, GG_F32, 1, DIMS(32), NULL, 128);
    gg_write(&g, path);
    gg_free(&g);
}

static const char *two_parts(struct split first, struct split second)
{
    const char *dir = vst_tempdir();
    write_part(vst_path(dir, "m-00001-of-00002.gguf"), first);
    write_part(vst_path(dir, "m-00002-of-00002.gguf"), second);
    return vst_path(dir, "m-00001-of-00002.gguf");
}

Test(gguf_split, all_parts)
{
    struct vs_facts *f = open_facts(two_parts((struct split){0, 2, 4, NULL}, (struct split){1, 2, 4, "blk.0.attn_norm.weight"}));
    const struct vs_checkpoint *c = f->checkpoint;
    const struct vs_tensor *t = vs_checkpoint_tensor(c, VS_LIT("blk.0.attn_norm.weight"));
    cr_assert(t);
    cr_expect_eq(c->file_count, 2);
    cr_expect_eq(c->tensor_count, 4);
    cr_expect_eq(t->file, 1);
    cr_expect_str_eq(c->files[1].name, "m-00002-of-00002.gguf");
    cr_expect(f->tokenizer && f->tokenizer->len == 7);
    vs_facts_close(f);
    vst_cleanup();
}

Test(gguf_split, damaged)
{
    static const struct { struct split first, second; enum vs_code code; const char *needle; } cases[] = {
        {{0, 2, 4, NULL}, {2, 2, 4, "t"}, VS_EMISMATCH, "split.no: found 2, expected 1"},
        {{0, 2, 4, NULL}, {1, 3, 4, "t"}, VS_EMISMATCH, "split.count: found 3, expected 2"},
        {{0, 2, 4, NULL}, {1, -1, 4, "t"}, VS_EMISMATCH, "split.count: found -1"},
        {{0, 2, 5, NULL}, {1, 2, 5, "t"}, VS_EMISMATCH, "split.tensors.count: found 5, the parts have 4"},
        {{0, 2, 4, NULL}, {1, 2, 4, "output_norm.weight"}, VS_EFORMAT, "stands in two parts, m-0000"},
        {{0, 3, 4, NULL}, {1, 3, 4, "t"}, VS_EMISMATCH, "does not end in -00001-of-00003.gguf"},
        {{0, 0, 4, NULL}, {1, 2, 4, "t"}, VS_EFORMAT, "split.count: found 0"},
        {{1, 2, 4, "t"}, {1, 2, 4, "t"}, VS_EMISMATCH, "this is part 2 of 2; name the first part"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_err err = {0};
        const enum vs_code code = refused(two_parts(cases[i].first, cases[i].second), &err);
        cr_expect_eq(code, cases[i].code, "%s: %d", cases[i].needle, code);
        cr_expect(strstr(err.message, cases[i].needle), "%s: %s", cases[i].needle, err.message);
        vst_cleanup();
    }
}

Test(gguf_split, missing_part)
{
    struct vs_err err = {0};
    const char *first = two_parts((struct split){0, 2, 4, NULL}, (struct split){1, 2, 4, "t"});
    char second[4096];
    strcpy(second, first);
    memcpy(strstr(second, "00001"), "00002", 5);
    vst_remove(second);
    cr_expect_eq(refused(first, &err), VS_EFORMAT);
    cr_expect(strstr(err.message, "m-00002-of-00002.gguf: not found: part 2 of the 2"), "%s", err.message);
    vst_cleanup();
}

/* ---- who reads it ---- */

Test(gguf_read, only_who_asks)
{
    struct vs_err err = {0};
    struct vs_checkpoint *c = NULL;
    struct vs_tokenizer *t = NULL;
    const char *path = write_sound();
    cr_expect_eq(vs_checkpoint_open(path, &(struct vs_checkpoint_options){.lenient = true}, &c, &err), VS_EUNSUPPORTED);
    cr_expect(strstr(err.message, "GGUF") && strstr(err.message, path), "%s", err.message);
    cr_expect_eq(vs_tokenizer_open(path, &(struct vs_tokenizer_options){.lenient = true}, &t, &err), VS_EUNSUPPORTED);
    cr_expect(strstr(err.message, "GGUF") && strstr(err.message, path), "%s", err.message);
    char dir[4096];
    strcpy(dir, path);
    *strrchr(dir, '/') = '\0';
    cr_expect_eq(refused(dir, &err), VS_EUNSUPPORTED);
    cr_expect(strstr(err.message, "name the file itself") && strstr(err.message, path), "%s", err.message);
    vst_cleanup();
}

/* Whichever allocation fails, the reader says so and keeps nothing. */
Test(gguf_read, memory_runs_short)
{
    const char *path = two_parts((struct split){0, 2, 4, NULL}, (struct split){1, 2, 4, "t"});
    enum vs_code code = VS_ENOMEM;
    for (unsigned long n = 1; code != VS_OK && n < 5000; n++) {
        struct vs_err err = {0};
        vs_mem_fail_at(n, n % 2);
        code = refused(path, &err);
        vs_mem_fail_at(0, false);
        cr_expect(code == VS_OK || code == VS_ENOMEM, "allocation %lu: code %d: %s", n, code, err.message);
    }
    cr_expect_eq(code, VS_OK);
    vst_cleanup();
}
