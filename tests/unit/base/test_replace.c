/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/io.h"
#include "base/str.h"
#include "support.h"

static struct vs_err err;

Test(replace, all_files)
{
    const char *dir = vst_tempdir(), *a = vst_path(dir, "a.json"), *b = vst_path(dir, "sub/b.json");
    struct stat st;
    vst_write_text(a, "old a");
    vst_write_text(b, "old b");
    bool root = chown(a, 12, 34) == 0;
    cr_assert_eq(chmod(a, 0640), 0);
    cr_assert_eq(link(b, vst_path(dir, "hard")), 0);
    struct vs_replace files[] = {{a, VS_LIT("new a")}, {b, VS_LIT("")}};
    cr_assert_eq(vs_replace_files(files, 2, &err), VS_OK, "%s", err.message);
    cr_assert_str_eq(vst_read(a, NULL), "new a");
    cr_assert_str_eq(vst_read(b, NULL), "");
    cr_assert_str_eq(vst_read(vst_path(dir, "hard"), NULL), "old b"); /* another name of the old file keeps it */
    cr_assert(stat(a, &st) == 0 && (st.st_mode & 0777) == 0640);
    cr_assert(!root || (st.st_uid == 12 && st.st_gid == 34));
    cr_assert_eq(vst_count(dir, "*"), 3);
    cr_assert_eq(vst_count(vst_path(dir, "sub"), "*"), 1);
    cr_assert_eq(vs_replace_files(NULL, 0, &err), VS_OK);
    vst_cleanup();
}

Test(replace, new_files)
{
    const char *dir = vst_tempdir(), *a = vst_path(dir, "a.json"), *n = vst_path(dir, "new.json");
    vst_write_text(a, "old a");
    struct stat st;
    umask(027);
    uint64_t before = vst_tree_hash(dir);
    struct vs_replace files[] = {{n, VS_LIT("text"), true}, {a, VS_LIT("new a"), true}, {dir, VS_LIT("x"), true}};
    cr_assert_eq(vs_replace_files(files, 3, &err), VS_EEXIST);
    cr_assert_eq(vst_tree_hash(dir), before);
    cr_assert_eq(vs_replace_files(files, 2, &err), VS_OK, "%s", err.message);
    cr_assert_str_eq(vst_read(n, NULL), "text");
    cr_assert(stat(n, &st) == 0 && (st.st_mode & 0777) == 0640);
    cr_assert_str_eq(vst_read(a, NULL), "new a");
    cr_assert_eq(vst_count(dir, "*"), 2);
    cr_assert_eq(vs_replace_files(files, 2, &err), VS_OK, "%s", err.message);
    struct vs_replace nowhere = {vst_path(dir, "none/a.json"), VS_LIT("x"), true};
    cr_assert_eq(vs_replace_files(&nowhere, 1, &err), VS_EIO);
    vst_cleanup();
}

Test(replace, a_relative_path)
{
    const char *dir = vst_tempdir();
    vst_write_text(vst_path(dir, "a.json"), "old");
    cr_assert_eq(chdir(dir), 0);
    struct vs_replace file = {"a.json", VS_LIT("new")};
    cr_assert_eq(vs_replace_files(&file, 1, &err), VS_OK, "%s", err.message);
    cr_assert_str_eq(vst_read("a.json", NULL), "new");
    cr_assert_eq(vst_count(dir, "*"), 1);
    vst_cleanup();
}

Test(replace, all_or_none)
{
    const char *dir = vst_tempdir(), *a = vst_path(dir, "a.json"), *link = vst_path(dir, "link");
    vst_write_text(a, "old a");
    vst_write_text(vst_path(dir, "target"), "t");
    cr_assert_eq(symlink("target", link), 0);
    uint64_t before = vst_tree_hash(dir);
    const struct { const char *path; enum vs_code code; const char *says; } bad[] = {
        {link, VS_EEXIST, "is a link"},
        {dir, VS_EEXIST, "is no regular file"},
        {vst_path(dir, "none"), VS_EFORMAT, "none: cannot open"},
    };
    for (size_t i = 0; i < 3; i++) {
        struct vs_replace files[] = {{a, VS_LIT("new")}, {bad[i].path, VS_LIT("new")}};
        cr_assert_eq(vs_replace_files(files, 2, &err), bad[i].code, "%s", err.message);
        cr_assert(strstr(err.message, bad[i].says), "%s", err.message);
        cr_assert_eq(vst_tree_hash(dir), before);
    }
    vst_write_text(vst_path(dir, "models--x/blobs/b"), "x");
    struct vs_replace cached = {vst_path(dir, "models--x/blobs/b"), VS_LIT("new")};
    cr_assert_eq(vs_replace_files(&cached, 1, &err), VS_EEXIST);
    vst_cleanup();
}

Test(replace, every_failing_allocation)
{
    const char *dir = vst_tempdir(), *a = vst_path(dir, "a"), *b = vst_path(dir, "b");
    vst_write_text(a, "old a");
    vst_write_text(b, "old b");
    uint64_t before = vst_tree_hash(dir);
    for (unsigned long n = 1;; n++) {
        struct vs_replace files[] = {{a, VS_LIT("new a")}, {b, VS_LIT("new b")}, {vst_path(dir, "c"), VS_LIT("c"), true}};
        vs_mem_fail_at(n, true);
        enum vs_code code = vs_replace_files(files, 3, &err);
        vs_mem_fail_at(0, false);
        if (!code)
            break;
        cr_assert_eq(code, VS_ENOMEM);
        cr_assert_eq(vst_tree_hash(dir), before);
        cr_assert(n < 50);
    }
    cr_assert_str_eq(vst_read(a, NULL), "new a");
    vst_cleanup();
}
