/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "format/npy.h"
#include "support.h"

#define DICT "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"

static const float values[6] = {0, -1.5f, 2, 3.25f, 4, 1e30f};

/* In place of the C library's: what is synced is counted, and may fail for a directory. */
static struct { int files, dirs; bool dirs_fail; } synced;

int fsync(int fd)
{
    struct stat st;
    bool dir = fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
    synced.dirs += dir;
    synced.files += !dir;
    if (dir && synced.dirs_fail) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(SYS_fsync, fd);
}

static enum vs_code write_all(const char *path, bool force, struct vs_err *err)
{
    struct vs_npy *f = NULL;
    enum vs_code code = vs_npy_begin(path, force, 3, 2, &f, err);
    if (!code)
        code = vs_npy_put(f, 0, 0, values, 2, err);
    for (uint64_t row = 1; !code && row < 3; row++)
        code = vs_npy_put(f, row, 0, values + 2 * row, 2, err);
    return code ? code : vs_npy_commit(f, err);
}

Test(npy, bytes)
{
    struct vs_err err = {0};
    const char *dir = vst_tempdir(), *path = vst_path(dir, "logits.npy");
    size_t n = 0;
    cr_assert_eq(write_all(path, false, &err), VS_OK, "%s", err.message);
    const char *file = vst_read(path, &n);
    cr_assert_eq(n, 128 + sizeof values);
    cr_expect(memcmp(file, "\x93NUMPY\x01\x00\x76\x00" DICT " ", 10 + sizeof DICT) == 0);
    for (size_t i = 10 + sizeof DICT; i < 127; i++)
        cr_expect_eq(file[i], ' ');
    cr_expect_eq(file[127], '\n');
    cr_expect(memcmp(file + 128, values, sizeof values) == 0);
    cr_expect_eq(vst_count(dir, "*"), 1);
    cr_expect(synced.files == 1 && synced.dirs == 1, "the name outlives a power failure as the bytes do");
    vst_cleanup();
}

Test(npy, a_directory_that_cannot_be_synced)
{
    struct vs_err err = {0};
    struct vs_npy *f = NULL;
    const char *dir = vst_tempdir(), *path = vst_path(dir, "logits.npy");
    cr_assert_eq(vs_npy_begin(path, false, 0, 2, &f, &err), VS_OK);
    synced.dirs_fail = true;
    cr_expect_eq(vs_npy_commit(f, &err), VS_EIO);
    cr_expect(strstr(err.message, path), "%s", err.message);
    vs_npy_abort(f);
    vst_cleanup();
}

/* The longest sizes leave room for the line feed. */
Test(npy, longest_header)
{
    struct vs_err err = {0};
    struct vs_npy *f = NULL;
    const char *dir = vst_tempdir();
    cr_assert_eq(vs_npy_begin(vst_path(dir, "a.npy"), false, 0, UINT64_MAX / 8, &f, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_npy_commit(f, &err), VS_OK, "%s", err.message);
    size_t n;
    const char *file = vst_read(vst_path(dir, "a.npy"), &n);
    cr_expect(n == 128 && strstr(file + 10, "'shape': (0, 2305843009213693951), }  ") && file[127] == '\n');
    cr_expect_eq(vs_npy_begin(vst_path(dir, "b.npy"), false, UINT64_MAX / 8, 4, &f, &err), VS_ELIMIT);
    vst_cleanup();
}

Test(npy, never_half)
{
    struct vs_err err = {0};
    struct vs_npy *f = NULL;
    const char *dir = vst_tempdir(), *path = vst_path(dir, "logits.npy");
    cr_assert_eq(vs_npy_begin(path, false, 3, 2, &f, &err), VS_OK);
    cr_expect_eq(vst_count(dir, "logits.npy"), 0);
    cr_assert_eq(vs_npy_put(f, 0, 0, values, 2, &err), VS_OK);
    cr_assert_eq(vs_npy_put(f, 1, 0, values, 2, &err), VS_OK);
    cr_expect_eq(vs_npy_commit(f, &err), VS_EUSAGE);
    cr_expect_eq(vs_npy_put(f, 3, 0, values, 2, &err), VS_EUSAGE);
    vs_npy_abort(f);
    cr_expect_eq(vst_count(dir, "*"), 0);
    vst_cleanup();
}

Test(npy, existing_files)
{
    struct vs_err err = {0};
    struct vs_npy *f = NULL;
    const char *dir = vst_tempdir(), *path = vst_path(dir, "logits.npy"), *other = vst_path(dir, "link.npy");
    vst_write_text(path, "old");
    cr_expect_eq(write_all(path, false, &err), VS_EEXIST);
    cr_expect(strstr(err.message, path) && strstr(err.message, "remove it"), "%s", err.message);
    cr_expect_str_eq(vst_read(path, NULL), "old");
    cr_expect_eq(write_all(path, true, &err), VS_OK, "%s", err.message);
    cr_assert_eq(symlink(path, other), 0);
    cr_expect_eq(write_all(other, true, &err), VS_EEXIST);
    cr_expect_eq(write_all(dir, true, &err), VS_EEXIST);
    cr_expect_eq(vs_npy_begin(vst_path(dir, "absent/a.npy"), false, 1, 1, &f, &err), VS_EIO);
    cr_expect(strstr(err.message, "absent/a.npy"), "%s", err.message);
    /* Somebody else takes the name while the file is written. */
    const char *late = vst_path(dir, "late.npy");
    cr_assert_eq(vs_npy_begin(late, false, 0, 2, &f, &err), VS_OK);
    vst_write_text(late, "theirs");
    cr_expect_eq(vs_npy_commit(f, &err), VS_EEXIST, "%s", err.message);
    vs_npy_abort(f);
    cr_expect_str_eq(vst_read(late, NULL), "theirs");
    cr_expect_eq(vst_count(dir, "*"), 3);
    vst_cleanup();
}
