/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/io.h"
#include "base/str.h"
#include "support.h"

static struct vs_err err;

Test(io, opening)
{
    const char *dir = vst_tempdir(), *path = vst_path(dir, "f");
    struct vs_file f;
    vst_write_text(path, "0123456789");
    cr_assert_eq(vs_file_open(path, &f, &err), VS_OK);
    cr_assert(f.size == 10 && f.fd >= 0);
    vs_file_close(&f);
    vs_file_close(&f);
    struct vs_file zero = {0};
    vs_file_close(&zero);
    cr_assert(fcntl(0, F_GETFD) >= 0, "closing a zeroed file must not close stdin");
    vs_file_close(NULL);

    cr_assert_eq(vs_file_open(vst_path(dir, "none"), &f, &err), VS_EFORMAT);
    cr_assert_eq(f.fd, -1);
    cr_assert(strstr(err.message, "none: not found; expected a file"));
    cr_assert_eq(vs_file_open(vst_path(path, "x"), &f, &err), VS_EFORMAT);
    cr_assert_eq(vs_file_open(dir, &f, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, "found a directory, expected a regular file"));
    cr_assert_eq(mkfifo(vst_path(dir, "fifo"), 0600), 0);
    cr_assert_eq(vs_file_open(vst_path(dir, "fifo"), &f, &err), VS_EFORMAT);
    cr_assert_eq(vs_file_open("/dev/null", &f, &err), VS_EFORMAT);
    cr_assert_eq(symlink("f", vst_path(dir, "link")), 0);
    cr_assert_eq(vs_file_open(vst_path(dir, "link"), &f, &err), VS_OK);
    vs_file_close(&f);
    cr_assert_eq(symlink("nothing", vst_path(dir, "dangling")), 0);
    cr_assert_eq(vs_file_open(vst_path(dir, "dangling"), &f, &err), VS_EFORMAT);
    vst_cleanup();
}

Test(io, reading)
{
    const char *path = vst_path(vst_tempdir(), "f");
    char buf[16];
    struct vs_file f;
    vst_write_text(path, "0123456789");
    cr_assert_eq(vs_file_open(path, &f, &err), VS_OK);
    cr_assert_eq(vs_file_pread(&f, 3, buf, 4, &err), VS_OK);
    cr_assert_eq(memcmp(buf, "3456", 4), 0);
    cr_assert_eq(vs_file_pread(&f, 10, buf, 0, &err), VS_OK);
    cr_assert_eq(vs_file_pread(&f, 8, buf, 3, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, "ends at byte 10, 1 bytes earlier than expected: it shrank while it was read"));
    cr_assert_eq(vs_file_pread(&f, UINT64_MAX - 1, buf, 4, &err), VS_EFORMAT);
    cr_assert_eq(vs_file_pread(&f, (uint64_t)INT64_MAX, buf, 4, &err), VS_EFORMAT);
    cr_assert_eq(vs_file_unchanged(&f, &err), VS_OK);
    cr_assert_eq(truncate(path, 5), 0);
    cr_assert_eq(vs_file_unchanged(&f, &err), VS_EFORMAT);
    cr_assert(strstr(err.message, "changed while it was read"));
    vs_file_close(&f);
    vst_cleanup();
}

Test(io, reading_all)
{
    const char *path = vst_path(vst_tempdir(), "f");
    char *text;
    size_t n;
    vst_write(path, "a\0b", 3);
    cr_assert_eq(vs_read_all(path, 3, &text, &n, &err), VS_OK);
    cr_assert(n == 3 && memcmp(text, "a\0b", 4) == 0);
    vs_free(text);
    cr_assert_eq(vs_read_all(path, 2, &text, &n, &err), VS_ELIMIT);
    cr_assert(!text && strstr(err.message, "3 bytes; at most 2"));
    vst_write(path, "", 0);
    cr_assert_eq(vs_read_all(path, 0, &text, &n, &err), VS_OK);
    cr_assert_str_eq(text, "");
    vs_free(text);
    vs_mem_fail_at(1, false);
    cr_assert_eq(vs_read_all(path, 9, &text, &n, &err), VS_ENOMEM);
    vst_cleanup();
}

/* Where git-lfs did not fetch a file: told by whoever reads it, and nothing else of the same first words or of another size is. */
Test(io, a_pointer_of_git_lfs)
{
    static const char pointer[] = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 12345\n";
    const char *path = vst_path(vst_tempdir(), "tokenizer.json");
    char *text, large[1024];
    size_t n;
    vst_write(path, pointer, sizeof pointer - 1);
    cr_assert_eq(vs_read_all(path, 4096, &text, &n, &err), VS_EFORMAT);
    cr_assert(!text && strstr(err.message, path) && strstr(err.message, "found a git-lfs pointer of 70 bytes"), "%s", err.message);
    cr_assert(strstr(err.message, "run `git lfs pull`"));
    vst_write(path, pointer, sizeof "version https://git-lfs" - 1);
    cr_assert_eq(vs_read_all(path, 4096, &text, &n, &err), VS_OK);
    vs_free(text);
    memset(large, ' ', sizeof large);
    memcpy(large, pointer, sizeof pointer - 1);
    vst_write(path, large, sizeof large);
    cr_assert_eq(vs_read_all(path, 4096, &text, &n, &err), VS_OK);
    vs_free(text);
    vst_cleanup();
}

Test(io, names_and_paths)
{
    struct vs_arena a = {0};
    const char *dir = vst_tempdir(), **names;
    size_t count;
    cr_assert_str_eq(vs_path_join(&a, "a", "b"), "a/b");
    cr_assert_str_eq(vs_path_join(&a, "a/", "b"), "a/b");
    cr_assert_str_eq(vs_path_join(&a, "", "b"), "b");
    cr_assert_str_eq(vs_path_base("a/b"), "b");
    cr_assert_str_eq(vs_path_base("b"), "b");
    cr_assert_str_eq(vs_path_base("/"), "/");
    cr_assert_str_eq(vs_path_base("a/b/"), "b/");
    static const char *const safe[] = {"model.safetensors", "a", "...", "a~", "-"};
    static const char *const unsafe[] = {"", ".", "..", "a/b", "/a", "a\\b", "~", "~root"};
    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++)
        cr_assert(vs_name_is_safe(vs_cstr(safe[i])), "%s", safe[i]);
    for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++)
        cr_assert_not(vs_name_is_safe(vs_cstr(unsafe[i])), "%s", unsafe[i]);
    cr_assert_not(vs_name_is_safe((struct vs_str){"a\0b", 3}));
    char big[257];
    memset(big, 'x', 256);
    cr_assert_not(vs_name_is_safe((struct vs_str){big, 256}));
    cr_assert(vs_name_is_safe((struct vs_str){big, 255}));
    for (int i = 40; i-- > 0;)
        vst_write_text(vst_path(dir, vst_format("n%02d", i)), "");
    cr_assert_eq(vs_dir_list(dir, &a, &names, &count, &err), VS_OK);
    cr_assert_eq(count, 40);
    for (int i = 0; i < 40; i++)
        cr_assert_str_eq(names[i], vst_format("n%02d", i));
    cr_assert_null(names[40]);
    cr_assert_eq(vs_dir_list(vst_path(dir, "none"), &a, &names, &count, &err), VS_EFORMAT);
    cr_assert(vs_path_is_dir(dir) && !vs_path_is_dir(vst_path(dir, "n00")) && vs_path_exists(vst_path(dir, "n00")));
    cr_assert_not(vs_path_exists(vst_path(dir, "none")));
    vs_arena_free(&a);
    vst_cleanup();
}

Test(io, copying_ranges_at_every_alignment)
{
    enum { SIZE = 40000 };
    static const size_t at[] = {0, 1, 100, 4095, 4096, 4097, 8192}, lengths[] = {0, 1, 4095, 4096, 8192, 12000, 25000};
    const char *dir = vst_tempdir(), *from = vst_path(dir, "from"), *to = vst_path(dir, "to");
    unsigned char *bytes = malloc(SIZE), *got = malloc(SIZE);
    struct vs_file src;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    vst_write(from, bytes, SIZE);
    cr_assert_eq(vs_file_open(from, &src, &err), VS_OK);
    int fd = open(to, O_RDWR | O_CREAT, 0600);
    for (size_t i = 0; i < 7 * 7 * 7; i++) {
        size_t src_at = at[i % 7], dst_at = at[i / 7 % 7], n = lengths[i / 49];
        enum vs_copied how = VS_COPIED_HARDLINK;
        cr_assert_eq(ftruncate(fd, 0), 0);
        cr_assert_eq(vs_copy_range(&src, src_at, fd, to, dst_at, n, NULL, &how, &err), VS_OK, "%s", err.message);
        cr_assert(how <= VS_COPIED_BYTES);
        cr_assert_eq(pread(fd, got, n, (off_t)dst_at), (ssize_t)n);
        cr_assert_eq(memcmp(got, bytes + src_at, n), 0, "%zu -> %zu, %zu bytes", src_at, dst_at, n);
        struct stat st;
        fstat(fd, &st);
        cr_assert_eq((size_t)st.st_size, n ? dst_at + n : 0);
    }
    cr_assert_eq(vs_copy_range(&src, SIZE - 5, fd, to, 0, 6, NULL, NULL, &err), VS_EFORMAT);
    cr_assert_eq(vs_copy_range(&src, UINT64_MAX, fd, to, 0, 6, NULL, NULL, &err), VS_EFORMAT);
    close(fd);
    fd = open("/dev/full", O_WRONLY);
    cr_assert_eq(vs_copy_range(&src, 0, fd, "OUT/x", 0, 5000, NULL, NULL, &err), VS_EIO);
    cr_assert_str_eq(err.message, "OUT/x: no space left on device; nothing is left behind, the input is untouched");
    close(fd);
    vs_file_close(&src);
    free(bytes);
    free(got);
    vst_cleanup();
}

static int told;
static uint64_t last_done;

static void tell(void *user, const struct vs_progress *p)
{
    cr_assert(p->done > last_done || p->done == 0);
    cr_assert(p->done <= p->total && user == &told);
    last_done = p->done;
    told++;
}

Test(io, copying_can_be_stopped_and_tells_rarely)
{
    const char *dir = vst_tempdir(), *from = vst_path(dir, "from"), *to = vst_path(dir, "to");
    sig_atomic_t stop = 1;
    struct vs_run run = {.cancel = &stop, .progress = tell, .user = &told};
    struct vs_file src;
    int fd = open(from, O_RDWR | O_CREAT, 0600);
    cr_assert_eq(ftruncate(fd, 64 << 20), 0); /* sparse */
    close(fd);
    cr_assert_eq(vs_file_open(from, &src, &err), VS_OK);
    fd = open(to, O_RDWR | O_CREAT, 0600);
    cr_assert_eq(vs_copy_range(&src, 0, fd, to, 0, src.size, &run, NULL, &err), VS_ECANCELED);
    cr_assert_str_eq(err.message, "interrupted");
    stop = 0;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    cr_assert_eq(vs_copy_range(&src, 0, fd, to, 0, src.size, &run, NULL, &err), VS_OK);
    clock_gettime(CLOCK_MONOTONIC, &b);
    cr_assert(told <= 1 + (b.tv_sec - a.tv_sec) * 10 + 10, "%d reports in %ld s", told, (long)(b.tv_sec - a.tv_sec));
    close(fd);
    vs_file_close(&src);
    vst_cleanup();
}

/* What may not be read is no input (exit 3), like what is not there; only the own user is kept out, so root becomes nobody. */
Test(io, an_input_without_permission)
{
    const char *dir = vst_tempdir(), *path = vst_path(dir, "f");
    struct vs_arena a = {0};
    struct vs_file f;
    const char **names;
    size_t count;
    vst_write_text(path, "x");
    cr_assert_eq(chmod(path, 0), 0);
    if (geteuid() == 0)
        cr_assert_eq(seteuid(65534), 0);
    cr_expect_eq(vs_file_open(path, &f, &err), VS_EFORMAT, "%s", err.message);
    cr_expect(strstr(err.message, "Permission denied"), "%s", err.message);
    cr_expect(chmod(dir, 0) == 0 || getuid() == 0);
    cr_expect_eq(vs_dir_list(dir, &a, &names, &count, &err), VS_EFORMAT, "%s", err.message);
    cr_expect(getuid() != 0 || seteuid(0) == 0);
    chmod(dir, 0700);
    vs_arena_free(&a);
    vst_cleanup();
}
