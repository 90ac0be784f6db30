/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that change while a model runs.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vs/checkpoint.h>
#include "base/str.h"
#include "fixture.h"
#include "support.h"

/* Where a byte reads as another one, and how many times more; every reading of the library ends here. What would pass this by: a pread
 * that link-time optimisation resolved inside the library, pread64 and preadv, and __pread64_chk, which _FORTIFY_SOURCE makes of calls
 * with a buffer of known size. Then nobody reads the byte, and the test says so. */
static struct { dev_t dev; ino_t ino; off_t at; unsigned times; } flip;

ssize_t pread(int fd, void *buffer, size_t n, off_t at)
{
    struct stat st;
    const ssize_t got = syscall(SYS_pread64, fd, buffer, n, at);
    const bool inside = flip.times && flip.at >= at && flip.at < at + got;
    if (inside && fstat(fd, &st) == 0 && st.st_dev == flip.dev && st.st_ino == flip.ino) {
        ((char *)buffer)[flip.at - at] ^= 1;
        flip.times--;
    }
    return got;
}

static void set_flip(const char *dir, const char *tensor)
{
    struct vs_checkpoint *c;
    struct vs_err err;
    struct stat st;
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &c, &err), VS_OK, "%s", err.message);
    const struct vs_tensor *t = vs_checkpoint_tensor(c, vs_cstr(tensor));
    cr_assert(t && stat(c->files[t->file].path, &st) == 0);
    flip.dev = st.st_dev;
    flip.ino = st.st_ino;
    flip.at = (off_t)t->begin;
    vs_checkpoint_close(c);
}

/* A byte of the trunk is unlike the base's while the model runs, which stops the run; it is the base's when the proof reads it. */
Test(forward_changed, back_to_the_base)
{
    const char *base = make_tiny(&(struct tiny){0}), *dir = make_tiny(&(struct tiny){0}), *folder = vst_tempdir();
    const struct vs_forward_request f = {.prompt_ids = ONE_LIST("1 2 3"), .dump_logits = vst_path(folder, "logits.npy")};
    const struct vs_check_request q = {.path = dir, .base = base, .device = VS_DEVICE_CPU, .forward = &f};
    const struct vs_run run = {.threads = 1};
    set_flip(dir, "model.layers.1.mlp.up_proj.weight");
    for (flip.times = 0; flip.times < 3; flip.times++) {
        struct vs_check_result *r = NULL;
        struct vs_err err = {0};
        const unsigned times = flip.times;
        enum vs_code code = vs_check(&q, &run, &r, &err);
        if (!code)
            code = vs_check_commit(r, &err);
        cr_expect_eq(flip.times, 0, "%u of %u times nobody read it", flip.times, times);
        cr_expect_eq(code, times == 1 ? VS_EFORMAT : VS_OK, "%u times: %s", times, err.message);
        if (code)
            cr_expect(strstr(err.message, dir) && strstr(err.message, "a file changed while it was read; check again when nobody writes"), "%s", err.message);
        else /* twice: it differs for the proof too, and what runs is both models */
            cr_expect(r->levels[1].state == (times ? VS_FAIL : VS_PASS) && r->levels[times ? 4 : 3].state == VS_PASS);
        cr_expect_eq(rmdir(folder) == 0, code != VS_OK, "%u times: logits", times);
        unlink(f.dump_logits);
        mkdir(folder, 0700);
        vs_check_free(r);
        flip.times = times;
    }
    vst_cleanup();
}
