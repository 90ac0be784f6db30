/* SPDX-License-Identifier: Apache-2.0
 *
 * Every entry of the catalogue is refused with its code, names its file and says what is wrong.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <vs/checkpoint.h>
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

static void check_list(const struct bad *list)
{
    for (const struct bad *b = list; b->name; b++) {
        const char *dir = vst_tempdir();
        b->build(b, dir);
        check_model(b, dir);
        vst_cleanup();
    }
}

Test(malformed, safetensors) { check_list(bad_safetensors); }
Test(malformed, index) { check_list(bad_index); }
Test(malformed, config) { check_list(bad_config); }

Test(malformed, names_are_unique)
{
    for (unsigned i = 0; bad_at(i); i++)
        for (unsigned k = 0; k < i; k++)
            cr_expect(strcmp(bad_at(i)->name, bad_at(k)->name) != 0, "%s", bad_at(i)->name);
    cr_expect(bad_at(0) != NULL);
}
