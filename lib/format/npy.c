/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/str.h"
#include "base/tree.h"
#include "format/npy.h"

#define HEADER 128 /* a multiple of 64, as readers that map the file like it; 20 digits for each size fit */

struct vs_npy {
    struct vs_arena arena;
    char *path, *temp;
    int fd;
    bool force, staged;
    uint64_t rows, cols, values; /* values: how many were written */
};

static enum vs_code check_target(struct vs_npy *f, struct vs_err *err)
{
    struct stat st;
    char real[PATH_MAX];
    char *dir = vs_path_dir(&f->arena, f->path);
    if (!dir)
        return vs_enomem(err, f->path, 0);
    if (lstat(f->path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return vs_fail(err, VS_EEXIST, "%s: is %s; expected a regular file or none", f->path, S_ISLNK(st.st_mode) ? "a link" : "no regular file");
        if (!f->force)
            return vs_fail(err, VS_EEXIST, "%s: exists; name another file, or remove it", f->path);
    } else if (errno != ENOENT) {
        return vs_fail_errno(err, VS_EIO, f->path, "open");
    }
    if (!realpath(dir, real))
        return vs_fail_errno(err, VS_EIO, f->path, "resolve its path");
    return vs_cache_check(real, err);
}

static enum vs_code open_temp(struct vs_npy *f, struct vs_err *err)
{
    char prefix[PATH_MAX];
    const int dir = (int)(vs_path_base(f->path) - f->path);
    snprintf(prefix, sizeof prefix, "%.*s.%.*s.tmp-", dir, f->path, 200, f->path + dir);
    f->temp = vs_random_name(&f->arena, prefix);
    if (!f->temp)
        return vs_enomem(err, f->path, 0);
    f->fd = vs_openat(AT_FDCWD, f->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (f->fd < 0)
        return vs_fail_write(err, f->path);
    f->staged = true;
    return VS_OK;
}

/* "\x93NUMPY" | 1, 0 | u16 length of what follows | a dict, spaces, a line feed */
static enum vs_code write_header(struct vs_npy *f, struct vs_err *err)
{
    char text[HEADER + 1];
    memset(text, ' ', HEADER);
    memcpy(text, "\x93NUMPY\x01\x00", 8);
    text[8] = (char)(HEADER - 10);
    text[9] = 0;
    const int n = snprintf(text + 10, HEADER - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %llu), }",
                           (unsigned long long)f->rows, (unsigned long long)f->cols);
    text[10 + n] = ' ';
    text[HEADER - 1] = '\n';
    return vs_pwrite_all(f->fd, f->path, 0, text, HEADER, err);
}

enum vs_code vs_npy_begin(const char *path, bool force, uint64_t rows, uint64_t cols, struct vs_npy **out, struct vs_err *err)
{
    uint64_t bytes;
    *out = NULL;
    if (!vs_mul(rows, cols, &bytes) || !vs_mul(bytes, sizeof(float), &bytes) || bytes > INT64_MAX - HEADER)
        return vs_fail(err, VS_ELIMIT, "%s: %llu rows of %llu values: larger than any file", path, (unsigned long long)rows,
                       (unsigned long long)cols);
    struct vs_npy *f = vs_calloc(1, sizeof *f);
    if (!f)
        return vs_enomem(err, path, sizeof *f);
    *f = (struct vs_npy){.fd = -1, .force = force, .rows = rows, .cols = cols};
    f->path = vs_arena_dup(&f->arena, path, strlen(path));
    enum vs_code code = f->path ? check_target(f, err) : vs_enomem(err, path, 0);
    if (!code)
        code = open_temp(f, err);
    if (!code)
        code = write_header(f, err);
    if (code)
        vs_npy_abort(f);
    else
        *out = f;
    return code;
}

enum vs_code vs_npy_put(struct vs_npy *f, uint64_t row, uint64_t col, const float *values, uint64_t n, struct vs_err *err)
{
    if (row >= f->rows || col > f->cols || n > f->cols - col)
        return vs_fail(err, VS_EUSAGE, "%s: columns %llu to %llu of row %llu", f->path, (unsigned long long)col, (unsigned long long)(col + n),
                       (unsigned long long)row);
    enum vs_code code = vs_pwrite_all(f->fd, f->path, HEADER + (row * f->cols + col) * sizeof *values, values, (size_t)(n * sizeof *values), err);
    if (!code)
        f->values += n;
    return code;
}

/* A name that somebody else took meanwhile is not taken over unless asked for. */
static bool appear(const struct vs_npy *f)
{
    if (f->force)
        return rename(f->temp, f->path) == 0;
    if (renameat2(AT_FDCWD, f->temp, AT_FDCWD, f->path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
        return false;
    return link(f->temp, f->path) == 0 && unlink(f->temp) == 0;
}

static void free_npy(struct vs_npy *f)
{
    vs_arena_free(&f->arena);
    vs_free(f);
}

enum vs_code vs_npy_commit(struct vs_npy *f, struct vs_err *err)
{
    if (f->values != f->rows * f->cols)
        return vs_fail(err, VS_EUSAGE, "%s: %llu values of %llu were written", f->path, (unsigned long long)f->values,
                       (unsigned long long)(f->rows * f->cols));
    const int synced = fsync(f->fd), closed = close(f->fd);
    f->fd = -1;
    if (synced != 0 || (closed != 0 && errno != EINTR) || !appear(f))
        return errno == EEXIST ? vs_fail(err, VS_EEXIST, "%s: exists by now; name another file, or remove it", f->path) : vs_fail_write(err, f->path);
    f->staged = false;
    const enum vs_code code = vs_sync_dir_of(&f->arena, f->path, err);
    if (!code)
        free_npy(f);
    return code;
}

void vs_npy_abort(struct vs_npy *f)
{
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    if (f->staged)
        unlink(f->temp);
    free_npy(f);
}
