/* SPDX-License-Identifier: Apache-2.0
 *
 * Every entry of the catalogue is refused with its code, names its file and says what is wrong.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <vs/checkpoint.h>
#include <vs/plan.h>
#include <vs/tokenizer.h>
#include "catalogue.h"
#include "support.h"

static enum vs_code open_model(const char *dir, bool lenient, struct vs_err *err, size_t *findings)
{
    struct vs_checkpoint_options options = {.lenient = lenient};
    struct vs_checkpoint *c = NULL;
    enum vs_code code = vs_checkpoint_open(dir, &options, &c, err);
    cr_assert((code == VS_OK) == (c != NULL));
    *findings = c ? c->finding_count : 0;
    vs_checkpoint_close(c);
    return code;
}

static void check_message(const struct bad *b, const char *dir, enum vs_code code, const struct vs_err *err)
{
    cr_expect_eq(code, b->code, "%s: code %d, expected %d: %s", b->name, code, b->code, code ? err->message : "");
    if (code == VS_OK)
        return;
    cr_expect(err->code == code, "%s", b->name);
    cr_expect(strstr(err->message, b->needle) != NULL, "%s: the message lacks \"%s\": %s", b->name, b->needle, err->message);
    cr_expect(strstr(err->message, dir) != NULL, "%s: the message does not name the file: %s", b->name, err->message);
}

static void check_model(const struct bad *b, const char *dir)
{
    struct vs_err err = {0};
    size_t findings;
    check_message(b, dir, open_model(dir, false, &err, &findings), &err);
    enum vs_code code = open_model(dir, true, &err, &findings);
    if (b->kind == BAD_MODEL)
        check_message(b, dir, code, &err);
    else
        cr_expect(code == VS_OK && findings > 0, "%s: opened leniently: code %d, %zu findings", b->name, code, findings);
}

static enum vs_code open_tokenizer(const char *dir, struct vs_tokenizer_options options, struct vs_err *err, uint32_t *findings)
{
    struct vs_tokenizer *t = NULL;
    enum vs_code code = vs_tokenizer_open(dir, &options, &t, err);
    cr_assert((code == VS_OK) == (t != NULL));
    /* what is inconsistent is told in words, or by facts of its own */
    *findings = t ? t->finding_count + t->hole_count + t->moved_count + (t->len > t->rows_needed) : 0;
    vs_tokenizer_close(t);
    return code;
}

static void check_tokenizer(const struct bad *b, const char *dir)
{
    struct vs_err err = {0};
    uint32_t findings;
    for (int i = 0; i < 2; i++) {
        check_message(b, dir, open_tokenizer(dir, (struct vs_tokenizer_options){.ids_only = i}, &err, &findings), &err);
        enum vs_code code = open_tokenizer(dir, (struct vs_tokenizer_options){.lenient = true, .ids_only = i}, &err, &findings);
        if (b->kind == BAD_TOKENIZER)
            check_message(b, dir, code, &err);
        else
            cr_expect(code == VS_OK && findings > 0, "%s: opened leniently: code %d, %u findings", b->name, code, findings);
    }
}

static void check_map(const struct bad *b, const char *dir)
{
    struct vs_err err = {0};
    struct vs_vocab_map *map = NULL;
    check_message(b, dir, vs_vocab_map_read(vst_path(dir, "vocab-map.json"), &map, &err), &err);
    vs_vocab_map_free(map);
}

static void check_list(const struct bad *list, void (*check)(const struct bad *b, const char *dir))
{
    for (const struct bad *b = list; b->name; b++) {
        const char *dir = vst_tempdir();
        b->build(b, dir);
        check(b, dir);
        vst_cleanup();
    }
}

Test(malformed, safetensors) { check_list(bad_safetensors, check_model); }
Test(malformed, index) { check_list(bad_index, check_model); }
Test(malformed, config) { check_list(bad_config, check_model); }
Test(malformed, tokenizer) { check_list(bad_tokenizer, check_tokenizer); }
Test(malformed, map) { check_list(bad_map, check_map); }

Test(malformed, names_are_unique)
{
    for (unsigned i = 0; bad_at(i); i++)
        for (unsigned k = 0; k < i; k++)
            cr_expect(strcmp(bad_at(i)->name, bad_at(k)->name) != 0, "%s", bad_at(i)->name);
    cr_expect(bad_at(0) != NULL);
}
