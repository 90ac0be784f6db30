/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/tree.h"

#define READ_MOST ((size_t)1 << 30) /* read(2) moves at most 2,147,479,552 bytes at once */

enum vs_code vs_fail_errno(struct vs_err *err, enum vs_code code, const char *path, const char *what)
{
    char text[128];
    return vs_fail(err, code, "%s: cannot %s: %s", path, what, strerror_r(errno, text, sizeof text));
}

static void fill(struct vs_file *f, const struct stat *st)
{
    f->size = (uint64_t)st->st_size;
    f->dev = st->st_dev;
    f->ino = st->st_ino;
    f->mtime = st->st_mtim;
}

enum vs_code vs_file_open(const char *path, struct vs_file *out, struct vs_err *err)
{
    struct stat st;
    *out = (struct vs_file){.fd = -1, .path = path};
    /* NONBLOCK: a FIFO must not hang the open; it is refused below. */
    int fd = vs_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    if (fd < 0) {
        if (errno == ENOENT)
            return vs_fail(err, VS_EFORMAT, "%s: not found; expected a file", path);
        bool missing = errno == EACCES || errno == EPERM || errno == ENOTDIR || errno == ELOOP || errno == ENXIO || errno == ENAMETOOLONG;
        return vs_fail_errno(err, missing ? VS_EFORMAT : VS_EIO, path, "open");
    }
    if (fstat(fd, &st) != 0) {
        vs_fail_errno(err, VS_EIO, path, "read its size");
        close(fd);
        return VS_EIO;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return vs_fail(err, VS_EFORMAT, "%s: found %s, expected a regular file", path,
                       S_ISDIR(st.st_mode) ? "a directory" : "a device, pipe or socket");
    }
    out->fd = fd;
    fill(out, &st);
    return VS_OK;
}

void vs_file_close(struct vs_file *f)
{
    /* A zeroed struct has no path: its fd 0 is not ours. */
    if (f && f->path && f->fd >= 0)
        close(f->fd);
    if (f)
        *f = (struct vs_file){.fd = -1};
}

enum vs_code vs_file_pread(const struct vs_file *f, uint64_t at, void *buf, size_t n, struct vs_err *err)
{
    char *p = buf;
    uint64_t end;
    if (!vs_add(at, n, &end) || end > INT64_MAX)
        return vs_fail(err, VS_EFORMAT, "%s: %zu bytes at %llu lie beyond any file", f->path, n, (unsigned long long)at);
    while (n) {
        ssize_t got = pread(f->fd, p, n < READ_MOST ? n : READ_MOST, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vs_fail_errno(err, VS_EIO, f->path, "read");
        if (got == 0)
            return vs_fail(err, VS_EFORMAT, "%s: ends at byte %llu, %zu bytes earlier than expected: it shrank while it was read",
                           f->path, (unsigned long long)at, n);
        p += got;
        at += (uint64_t)got;
        n -= (size_t)got;
    }
    return VS_OK;
}

enum vs_code vs_file_unchanged(const struct vs_file *f, struct vs_err *err)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return vs_fail_errno(err, VS_EIO, f->path, "read its size");
    if ((uint64_t)st.st_size == f->size && st.st_mtim.tv_sec == f->mtime.tv_sec && st.st_mtim.tv_nsec == f->mtime.tv_nsec)
        return VS_OK;
    return vs_fail(err, VS_EFORMAT, "%s: changed while it was read (%llu bytes, now %llu); run again when nobody writes to it",
                   f->path, (unsigned long long)f->size, (unsigned long long)st.st_size);
}

/* What a clone holds where git-lfs did not fetch the file: three lines of text, less than 1024 bytes. */
enum vs_code vs_file_fetched(const struct vs_file *f, struct vs_err *err)
{
    static const char begin[] = "version https://git-lfs.github.com/spec/";
    char text[sizeof begin - 1];
    struct vs_err none;
    if (f->size < sizeof text || f->size >= 1024 || vs_file_pread(f, 0, text, sizeof text, &none) || memcmp(text, begin, sizeof text) != 0)
        return VS_OK;
    return vs_fail(err, VS_EFORMAT, "%s: found a git-lfs pointer of %llu bytes, expected the file that it stands for: run `git lfs pull` in the "
                   "clone, or download the file", f->path, (unsigned long long)f->size);
}

enum vs_code vs_read_all(const char *path, uint64_t limit, char **text, size_t *n, struct vs_err *err)
{
    struct vs_file f;
    char *p = NULL;
    *text = NULL;
    *n = 0;
    enum vs_code code = vs_file_open(path, &f, err);
    if (code)
        return code;
    if (f.size > limit) {
        code = vs_fail(err, VS_ELIMIT, "%s: %llu bytes; at most %llu are read of such a file", path,
                       (unsigned long long)f.size, (unsigned long long)limit);
        goto out;
    }
    code = vs_file_fetched(&f, err);
    if (code)
        goto out;
    p = vs_malloc((size_t)f.size + 1);
    if (!p) {
        code = vs_enomem(err, path, f.size);
        goto out;
    }
    code = vs_file_pread(&f, 0, p, (size_t)f.size, err);
    if (!code)
        code = vs_file_unchanged(&f, err);
    if (code)
        goto out;
    p[f.size] = '\0';
    *text = p;
    *n = (size_t)f.size;
    p = NULL;
out:
    vs_free(p);
    vs_file_close(&f);
    return code;
}
