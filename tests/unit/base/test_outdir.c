/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/str.h"
#include "support.h"

static struct vs_err err;

static struct vs_outdir *begin(const char *out, bool force)
{
    struct vs_outdir *d;
    cr_assert_eq(vs_outdir_begin(out, force, NULL, 0, &d, &err), VS_OK, "%s", err.message);
    return d;
}

static void put(struct vs_outdir *d, const char *name, const char *text)
{
    cr_assert_eq(vs_outdir_write(d, name, NULL, vs_cstr(text), &err), VS_OK, "%s", err.message);
}

static unsigned mode_of(const char *dir, const char *name)
{
    struct stat st;
    cr_assert_eq(stat(vst_path(dir, name), &st), 0, "%s", name);
    return st.st_mode & 0777;
}

/* Whoever may not read the source may not read what is made from it; the umask counts as well. */
Test(outdir, no_more_readable_than_the_source)
{
    static const struct { unsigned source, umask, out; } cases[] = {{0600, 022, 0600}, {0640, 022, 0640}, {0444, 022, 0644}, {0666, 022, 0644}, {0644, 077, 0600}};
    const char *dir = vst_tempdir(), *in = vst_path(dir, "in/w.bin"), *copied, *made, *written;
    int fd;
    vst_write_text(in, "weights");
    struct vs_outdir *d = begin(vst_path(dir, "out"), false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_assert_eq(chmod(in, cases[i].source), 0);
        umask(cases[i].umask);
        copied = vst_format("copied%zu", i);
        made = vst_format("made%zu", i);
        written = vst_format("written%zu", i);
        cr_assert_eq(vs_outdir_copy(d, copied, in, false, NULL, NULL, &err), VS_OK, "%s", err.message);
        cr_assert_eq(vs_outdir_create(d, made, in, 10, &fd, &err), VS_OK);
        cr_assert_eq(vs_outdir_write(d, written, in, VS_LIT("{}"), &err), VS_OK);
    }
    cr_assert_eq(vs_outdir_commit(d, &err), VS_OK, "%s", err.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect_eq(mode_of(dir, vst_format("out/copied%zu", i)), cases[i].out, "%zu", i);
        cr_expect_eq(mode_of(dir, vst_format("out/made%zu", i)), cases[i].out, "%zu", i);
        cr_expect_eq(mode_of(dir, vst_format("out/written%zu", i)), cases[i].out, "%zu", i);
    }
    umask(022);
    vst_cleanup();
}

Test(outdir, complete_or_not_there)
{
    const char *dir = vst_tempdir(), *out = vst_path(dir, "out"), *in = vst_path(dir, "in/w.bin");
    struct vs_arena a = {0};
    struct stat st;
    enum vs_copied how;
    int fd;
    umask(022);
    vst_write_text(in, "weights");
    cr_assert_eq(chmod(in, 0444), 0);
    struct vs_outdir *d = begin(out, false);
    cr_assert_not(vs_path_exists(out));
    put(d, "config.json", "{}");
    cr_assert_eq(vs_outdir_create(d, "model.safetensors", NULL, 100, &fd, &err), VS_OK);
    cr_assert(fstat(fd, &st) == 0 && st.st_size == 100);
    cr_assert_eq(vs_pwrite_all(fd, "x", 97, "end", 3, &err), VS_OK);
    cr_assert_eq(vs_outdir_copy(d, "w.bin", in, false, NULL, &how, &err), VS_OK, "%s", err.message);
    cr_assert(how <= VS_COPIED_BYTES);
    cr_assert_eq(vs_outdir_mkdir(d, "sub", &err), VS_OK);
    cr_assert_eq(vs_outdir_copy(d, "sub/w.bin", in, true, NULL, &how, &err), VS_OK, "%s", err.message);
    cr_assert_eq(how, VS_COPIED_HARDLINK);
    cr_assert(vs_path_exists(vs_outdir_path(d, "config.json", &a)));
    cr_assert_not(vs_path_exists(out));
    cr_assert_eq(vs_outdir_commit(d, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vst_count(dir, "*"), 2);
    cr_assert_eq(vst_count(out, "*"), 4);
    cr_assert_str_eq(vst_tree_diff(in, vst_path(out, "w.bin")), "");
    cr_assert_str_eq(vst_tree_diff(in, vst_path(out, "sub/w.bin")), "");
    cr_assert(stat(vst_path(out, "w.bin"), &st) == 0 && (st.st_mode & 0777) == 0644 && st.st_nlink == 1);
    cr_assert(stat(vst_path(out, "model.safetensors"), &st) == 0 && (st.st_mode & 0777) == 0644);
    cr_assert(stat(out, &st) == 0 && (st.st_mode & 0777) == 0755);
    cr_assert(stat(vst_path(out, "sub/w.bin"), &st) == 0 && st.st_nlink == 2);
    vs_arena_free(&a);
    vst_cleanup();
}

Test(outdir, aborting_leaves_nothing)
{
    const char *dir = vst_tempdir();
    struct vs_outdir *d = begin(vst_path(dir, "out"), false);
    put(d, "a", "x");
    cr_assert_eq(vs_outdir_mkdir(d, "sub", &err), VS_OK);
    put(d, "sub/b", "x");
    cr_assert_eq(vst_count(dir, "out.partial-*"), 1);
    vs_outdir_abort(d);
    cr_assert_eq(vst_count(dir, "*"), 0);
    vs_outdir_abort(NULL);
    vst_cleanup();
}

Test(outdir, names_that_are_refused)
{
    const char *dir = vst_tempdir();
    struct vs_outdir *d = begin(vst_path(dir, "out"), false);
    int fd;
    put(d, "twice", "x");
    cr_assert_eq(vs_outdir_create(d, "twice", NULL, 1, &fd, &err), VS_EEXIST);
    static const char *const bad[] = {"", ".", "..", "../x", "/etc/x", "a/../b", "a//b", "a/", "~x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(vs_outdir_create(d, bad[i], NULL, 1, &fd, &err), VS_EUSAGE, "%s", bad[i]);
        cr_assert_eq(vs_outdir_mkdir(d, bad[i], &err), VS_EUSAGE, "%s", bad[i]);
        cr_assert_eq(vs_outdir_copy(d, bad[i], "/etc/hostname", true, NULL, NULL, &err), VS_EUSAGE, "%s", bad[i]);
    }
    cr_assert_eq(vs_outdir_create(d, "nosub/x", NULL, 1, &fd, &err), VS_EIO);
    cr_assert_eq(vs_outdir_copy(d, "x", vst_path(dir, "none"), false, NULL, NULL, &err), VS_EFORMAT);
    vs_outdir_abort(d);
    vst_cleanup();
}

Test(outdir, an_existing_directory)
{
    const char *dir = vst_tempdir(), *out = vst_path(dir, "out");
    struct vs_outdir *d;
    cr_assert_eq(mkdir(out, 0700), 0);
    d = begin(out, false); /* empty: fine */
    put(d, "first", "1");
    cr_assert_eq(vs_outdir_commit(d, &err), VS_OK);
    cr_assert_eq(vs_outdir_begin(out, true, NULL, 0, &d, &err), VS_EEXIST);
    cr_assert(strstr(err.message, "holds first, but no receipt"), "%s", err.message);
    vst_write_text(vst_path(out, "receipt.json"), "{}");
    cr_assert_eq(vs_outdir_begin(out, false, NULL, 0, &d, &err), VS_EEXIST);
    cr_assert(strstr(err.message, "is not empty; --force replaces it"));
    cr_assert_null(d);
    vst_write_text(vst_path(out, "deep/er/file"), "x");
    d = begin(vst_format("%s/", out), true);
    put(d, "second", "2");
    put(d, "config.json", "{}");
    cr_assert(vs_path_exists(vst_path(out, "first")));
    cr_assert_eq(vs_outdir_commit(d, &err), VS_OK);
    cr_assert_eq(vst_count(out, "*"), 2);
    cr_assert_eq(vst_count(out, "second"), 1);
    d = begin(out, true);
    vs_outdir_abort(d);
    cr_assert_eq(vst_count(out, "second"), 1);
    cr_assert_eq(vst_count(dir, "*"), 1);
    vst_cleanup();
}

Test(outdir, what_appears_meanwhile_is_kept)
{
    const char *dir = vst_tempdir(), *out = vst_path(dir, "out");
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            vst_write_text(vst_path(out, "receipt.json"), "x");
        struct vs_outdir *d = begin(out, i == 2);
        put(d, "mine", "x");
        if (i == 0)
            vst_write_text(out, "a file");
        else if (i == 1)
            vst_write_text(vst_path(out, "theirs"), "x");
        else
            cr_assert(rename(out, vst_path(dir, "moved")) == 0 && mkdir(out, 0755) == 0 && mkdir(vst_path(out, "theirs"), 0755) == 0);
        cr_assert_eq(vs_outdir_commit(d, &err), VS_EEXIST, "%s", err.message);
        vs_outdir_abort(d);
        cr_assert(vs_path_exists(i == 0 ? out : vst_path(out, "theirs")));
        cr_assert_eq(vst_count(dir, "*partial*"), 0);
        if (i == 0)
            vst_remove(out);
    }
    vst_cleanup();
}

static void refused(const char *out, const char *const *inputs, size_t count, const char *says)
{
    struct vs_outdir *d;
    enum vs_code code = vs_outdir_begin(out, true, inputs, count, &d, &err);
    cr_assert_eq(code, VS_EEXIST, "%s: %d %s", out, code, code ? err.message : "");
    cr_assert(strstr(err.message, says), "%s", err.message);
    cr_assert_null(d);
}

Test(outdir, what_must_not_be_written_to)
{
    const char *dir = vst_tempdir(), *in = vst_path(dir, "in"), *file = vst_path(in, "model.safetensors");
    const char *alone = vst_path(dir, "alone.json"), *const inputs[] = {vst_path(dir, "none"), in, alone};
    vst_write_text(file, "x");
    vst_write_text(alone, "x");
    uint64_t before = vst_tree_hash(dir);
    refused(in, inputs, 3, "is the input itself");
    refused(vst_path(in, "out"), inputs, 3, "lies in the input directory");
    refused(dir, inputs, 3, "holds the input");
    refused(alone, inputs, 3, "exists and is no directory");
    cr_assert_eq(vst_tree_hash(dir), before);

    const char *link = vst_path(dir, "link");
    cr_assert_eq(symlink("in", link), 0);
    refused(link, NULL, 0, "is a link");
    refused(vst_path(link, "out"), inputs, 3, "lies in the input directory");
    cr_assert_eq(unlink(link), 0);
    cr_assert_eq(symlink("nowhere", link), 0);
    refused(link, NULL, 0, "is a link");

    const char *out = vst_path(dir, "out");
    vst_write_text(vst_path(out, "config.json"), "y");
    cr_assert_eq(linkat(AT_FDCWD, file, AT_FDCWD, vst_path(out, "linked"), 0), 0);
    refused(out, inputs, 3, "the same file, by a link");
    cr_assert_eq(unlink(vst_path(out, "linked")), 0);
    cr_assert_eq(symlink("../alone.json", vst_path(out, "linked")), 0);
    refused(out, inputs, 3, "the same file, by a link");
    cr_assert_eq(unlink(vst_path(out, "linked")), 0);
    struct vs_outdir *d;
    cr_assert_eq(vs_outdir_begin(out, true, inputs, 3, &d, &err), VS_OK, "%s", err.message);
    vs_outdir_abort(d);
    static const char *const no_names[] = {".", "..", "/"};
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(vs_outdir_begin(no_names[i], true, NULL, 0, &d, &err), VS_EUSAGE);
    cr_assert_eq(vs_outdir_begin(vst_path(dir, "no/where"), true, NULL, 0, &d, &err), VS_EIO);
    vst_cleanup();
}

Test(outdir, a_hugging_face_cache)
{
    const char *dir = vst_tempdir(), *repo = vst_path(dir, "hub/models--org--name");
    struct vs_outdir *d;
    vst_write_text(vst_path(repo, "blobs/0123"), "weights");
    vst_write_text(vst_path(repo, "snapshots/rev/x"), "x");
    refused(vst_path(repo, "snapshots/rev/out"), NULL, 0, "lies in a Hugging Face cache");
    refused(vst_path(repo, "snapshots/new"), NULL, 0, "lies in a Hugging Face cache");
    refused(vst_path(repo, "blobs/out"), NULL, 0, "lies in a Hugging Face cache");
    refused(vst_path(repo, "out"), NULL, 0, "lies in a Hugging Face cache");
    refused(repo, NULL, 0, "lies in a Hugging Face cache");
    cr_assert_eq(symlink(vst_path(repo, "snapshots"), vst_path(dir, "way")), 0);
    refused(vst_path(dir, "way/out"), NULL, 0, "lies in a Hugging Face cache");
    d = begin(vst_path(dir, "models--mine"), false); /* only the name is like one */
    vs_outdir_abort(d);
    /* An input in a cache is a link into blobs/: it is followed, copied, and stays as it is. */
    cr_assert_eq(symlink("../../blobs/0123", vst_path(repo, "snapshots/rev/w.bin")), 0);
    const char *snapshot = vst_path(repo, "snapshots/rev"), *out = vst_path(dir, "out");
    cr_assert_eq(vs_outdir_begin(out, false, &snapshot, 1, &d, &err), VS_OK);
    cr_assert_eq(vs_outdir_copy(d, "w.bin", vst_path(snapshot, "w.bin"), false, NULL, NULL, &err), VS_OK);
    cr_assert_eq(vs_outdir_commit(d, &err), VS_OK);
    struct stat st;
    cr_assert(lstat(vst_path(out, "w.bin"), &st) == 0 && S_ISREG(st.st_mode));
    vst_cleanup();
}

/* A small tmpfs in a mount namespace of our own. */
static bool small_disk(const char *dir, const char *size)
{
    return (unshare(CLONE_NEWNS) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0) &&
           mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 && mount("tmpfs", dir, "tmpfs", 0, size) == 0;
}

Test(outdir, a_full_disk)
{
    const char *dir = vst_tempdir(), *mnt = vst_path(dir, "mnt"), *in = vst_path(dir, "in");
    static char big[3 << 20];
    int fd;
    vst_write(in, big, sizeof big);
    cr_assert_eq(mkdir(mnt, 0755), 0);
    if (!small_disk(mnt, "size=1m"))
        cr_skip_test("SKIPPED: this user may not mount a tmpfs");
    struct vs_outdir *d = begin(vst_path(mnt, "out"), false);
    cr_assert_eq(vs_outdir_create(d, "model.safetensors", NULL, 2 << 20, &fd, &err), VS_EIO);
    cr_assert_str_eq(err.message, vst_format("%s/out/model.safetensors: no space left on device for its 2097152 bytes; nothing "
                                             "is left behind, the input is untouched", mnt));
    vs_outdir_abort(d);
    cr_assert_eq(vst_count(mnt, "*"), 0);
    d = begin(vst_path(mnt, "out"), false);
    cr_assert_eq(vs_outdir_copy(d, "w.bin", in, true, NULL, NULL, &err), VS_EIO); /* a link cannot cross: copied */
    vs_outdir_abort(d);
    d = begin(vst_path(mnt, "out"), false);
    cr_assert_eq(vs_outdir_write(d, "t", NULL, (struct vs_str){big, sizeof big}, &err), VS_EIO);
    vs_outdir_abort(d);
    cr_assert_eq(vst_count(mnt, "*"), 0);
    umount2(mnt, MNT_DETACH);
    vst_cleanup();
}

Test(outdir, more_files_than_stay_open)
{
    const char *dir = vst_tempdir(), *out = vst_path(dir, "out");
    struct vs_outdir *d = begin(out, false);
    int fd[3];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(vs_outdir_create(d, vst_format("open%d", i), NULL, 1, &fd[i], &err), VS_OK);
    for (int i = 0; i < 200; i++)
        put(d, vst_format("f%d", i), "x");
    for (int i = 0; i < 3; i++)
        cr_assert_eq(vs_pwrite_all(fd[i], "x", 0, "y", 1, &err), VS_OK, "still open");
    cr_assert_eq(vst_count("/proc/self/fd", "*") < 120, true);
    cr_assert_eq(vs_outdir_commit(d, &err), VS_OK);
    cr_assert_eq(vst_count(out, "*"), 203);
    vst_cleanup();
}

Test(outdir, every_failing_allocation)
{
    const char *dir = vst_tempdir(), *out = vst_path(dir, "out"), *in = vst_path(dir, "in"), *file = vst_path(in, "f");
    vst_write_text(file, "x");
    vst_write_text(vst_path(out, "old"), "x");
    vst_write_text(vst_path(out, "receipt.json"), "x");
    for (unsigned long n = 1;; n++) {
        struct vs_outdir *d = NULL;
        vs_mem_fail_at(n, true);
        enum vs_code code = vs_outdir_begin(out, true, &in, 1, &d, &err);
        if (!code)
            code = vs_outdir_write(d, "a", NULL, VS_LIT("x"), &err);
        if (!code)
            code = vs_outdir_mkdir(d, "sub", &err);
        if (!code)
            code = vs_outdir_copy(d, "sub/f", file, false, NULL, NULL, &err);
        if (!code)
            code = vs_outdir_commit(d, &err);
        vs_mem_fail_at(0, false);
        if (!code)
            break;
        vs_outdir_abort(d);
        cr_assert_eq(code, VS_ENOMEM, "%lu: %s", n, err.message);
        cr_assert_eq(vst_count(dir, "*"), 2, "%lu", n);
        cr_assert_eq(vst_count(out, "old"), 1);
        cr_assert(n < 200);
    }
    cr_assert_eq(vst_count(out, "*"), 2);
    vst_cleanup();
}
