/* SPDX-License-Identifier: Apache-2.0
 *
 * Every damage of the catalogue has its code, names the file and says what is wrong.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <vs/check.h>
#include "bad_gguf.h"
#include "support.h"

static void build(const struct bad_gguf *b, const char *path)
{
    struct gg g = {.version = 3, .omit = b->omit};
    gg_sound(&g);
    g.omit = NULL;
    if (b->add)
        b->add(&g);
    struct gg_bytes file = gg_file(&g);
    if (b->patch)
        b->patch(&file);
    vst_write(path, file.p, file.n);
    free(file.p);
    gg_free(&g);
}

static void check_remark(const struct bad_gguf *b, const struct vs_facts *f)
{
    bool told = false;
    for (size_t i = 0; i < f->checkpoint->finding_count; i++)
        told = told || (strstr(f->checkpoint->findings[i], b->needle) && strstr(f->checkpoint->findings[i], "model.gguf"));
    cr_expect(told, "%s: no remark says \"%s\"", b->name, b->needle);
}

Test(gguf_reject, catalogue)
{
    for (const struct bad_gguf *b = bad_gguf; b->name; b++) {
        const char *path = vst_path(vst_tempdir(), "model.gguf");
        struct vs_err err = {0};
        struct vs_facts *f = NULL;
        build(b, path);
        enum vs_code code = vs_facts_open(path, &(struct vs_facts_options){0}, &(struct vs_run){0}, &f, &err);
        cr_expect_eq(code, b->code, "%s: code %d, expected %d: %s", b->name, code, b->code, code ? err.message : "");
        cr_assert((code == VS_OK) == (f != NULL), "%s", b->name);
        if (code) {
            cr_expect(strstr(err.message, b->needle), "%s: the message lacks \"%s\": %s", b->name, b->needle, err.message);
            cr_expect(strstr(err.message, path), "%s: the message does not name the file: %s", b->name, err.message);
        } else if (b->code == VS_OK) {
            check_remark(b, f);
        }
        vs_facts_close(f);
        vst_cleanup();
    }
}

/* A file that is cut anywhere is refused, and no byte beyond it is read. */
Test(gguf_reject, cut_anywhere)
{
    struct gg g = {.version = 3};
    gg_sound(&g);
    struct gg_bytes file = gg_file(&g);
    const char *dir = vst_tempdir(), *path = vst_path(dir, "model.gguf");
    for (size_t n = 0; n < file.n; n += n < 1200 ? 7 : 61) {
        struct vs_err err = {0};
        struct vs_facts *f = NULL;
        vst_write(path, file.p, n);
        cr_expect_eq(vs_facts_open(path, &(struct vs_facts_options){0}, &(struct vs_run){0}, &f, &err), VS_EFORMAT, "cut at %zu: %s", n, err.message);
        vs_facts_close(f);
    }
    free(file.p);
    gg_free(&g);
    vst_cleanup();
}
