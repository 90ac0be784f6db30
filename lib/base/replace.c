/* SPDX-License-Identifier: Apache-2.0
 *
 * Replacing files in place, all or none: every new text is complete on disk before the first file changes; then each
 * new file trades places with the old one, and a failure trades them back.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/tree.h"

struct swap {
    const char *path;
    char *temp;  /* the new file, and after the swap the old one */
    bool staged, swapped;
    bool create, fresh; /* may be absent; was absent */
    mode_t mode; /* of the old file, whose owner the new one gets too where that is allowed */
    uid_t uid;
    gid_t gid;
};

static enum vs_code check_new(struct vs_arena *a, struct swap *s, struct vs_err *err)
{
    char real[PATH_MAX];
    char *dir = vs_path_dir(a, s->path);
    if (!dir)
        return vs_enomem(err, s->path, 0);
    if (!realpath(dir, real))
        return vs_fail_errno(err, VS_EIO, s->path, "resolve its path");
    s->fresh = true;
    enum vs_code code = vs_cache_check(real, err);
    return code ? code : vs_replace_leftover(s->path, err);
}

static enum vs_code check_target(struct vs_arena *a, struct swap *s, struct vs_err *err)
{
    struct stat st;
    char real[PATH_MAX];
    if (lstat(s->path, &st) != 0 && errno == ENOENT && s->create)
        return check_new(a, s, err);
    if (lstat(s->path, &st) != 0)
        return vs_fail_errno(err, errno == ENOENT ? VS_EFORMAT : VS_EIO, s->path, "open");
    if (S_ISLNK(st.st_mode))
        return vs_fail(err, VS_EEXIST, "%s: is a link; files are never replaced through one", s->path);
    if (!S_ISREG(st.st_mode))
        return vs_fail(err, VS_EEXIST, "%s: is no regular file", s->path);
    if (!realpath(s->path, real))
        return vs_fail_errno(err, VS_EIO, s->path, "resolve its path");
    s->mode = st.st_mode & 0777;
    s->uid = st.st_uid;
    s->gid = st.st_gid;
    enum vs_code code = vs_cache_check(real, err);
    return code ? code : vs_replace_leftover(s->path, err);
}

enum vs_code vs_replace_check(const char *path, struct vs_err *err)
{
    struct vs_arena a = {0};
    struct swap s = {.path = path, .create = true};
    enum vs_code code = check_target(&a, &s, err);
    vs_arena_free(&a);
    return code;
}

static bool take_over_rights(const struct swap *s, int fd)
{
    if (s->fresh)
        return true;
    return (fchown(fd, s->uid, s->gid) == 0 || errno == EPERM) && fchmod(fd, s->mode) == 0;
}

static enum vs_code stage(struct vs_arena *a, struct swap *s, struct vs_str text, struct vs_err *err)
{
    char prefix[PATH_MAX];
    int dir = (int)(vs_path_base(s->path) - s->path);
    snprintf(prefix, sizeof prefix, "%.*s.%.*s.tmp-", dir, s->path, 200, s->path + dir);
    s->temp = vs_random_name(a, prefix);
    if (!s->temp)
        return vs_enomem(err, s->path, 0);
    int fd = vs_openat(AT_FDCWD, s->temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, s->fresh ? 0644 : 0600);
    if (fd < 0)
        return vs_fail_write(err, s->path);
    s->staged = true;
    enum vs_code code = vs_pwrite_all(fd, s->path, 0, text.p, text.n, err);
    if (!code && (!take_over_rights(s, fd) || fsync(fd) != 0))
        code = vs_fail_write(err, s->path);
    if (close(fd) != 0 && errno != EINTR && !code)
        code = vs_fail_write(err, s->path);
    return code;
}

/* A name that somebody else took meanwhile is not taken over. */
static bool appear(const struct swap *s)
{
    if (renameat2(AT_FDCWD, s->temp, AT_FDCWD, s->path, RENAME_NOREPLACE) == 0)
        return true;
    if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
        return false;
    return link(s->temp, s->path) == 0;
}

/* The old file ends at s->temp. Where names cannot be exchanged, it moves away first. */
static bool trade(struct vs_arena *a, struct swap *s)
{
    if (s->fresh) /* appears, and on the way back disappears: renaming it to s->temp does nothing when both are links to one file */
        return s->swapped ? unlink(s->path) == 0 : appear(s);
    if (renameat2(AT_FDCWD, s->temp, AT_FDCWD, s->path, RENAME_EXCHANGE) == 0)
        return true;
    if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
        return false;
    char *old = vs_random_name(a, s->temp);
    if (!old || rename(s->path, old) != 0)
        return false;
    if (rename(s->temp, s->path) == 0) {
        s->temp = old;
        return true;
    }
    int why = errno;
    if (rename(old, s->path) != 0)
        s->staged = false; /* keep both: the message names the place */
    errno = why;
    return false;
}

enum vs_code vs_sync_dir_of(struct vs_arena *a, const char *path, struct vs_err *err)
{
    char *dir = vs_path_dir(a, path);
    if (!dir)
        return vs_enomem(err, path, 0);
    int fd = vs_openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (!ok)
        vs_fail_write(err, path);
    if (fd >= 0)
        close(fd);
    return ok ? VS_OK : VS_EIO;
}

enum vs_code vs_replace_files(const struct vs_replace *files, size_t count, struct vs_err *err)
{
    struct vs_arena a = {0};
    struct swap *s = vs_arena_array(&a, count + 1, sizeof *s);
    enum vs_code code = s ? VS_OK : vs_enomem(err, "the files to replace", 0);
    for (size_t i = 0; !code && i < count; i++) {
        s[i].path = files[i].path;
        s[i].create = files[i].create;
        code = check_target(&a, &s[i], err);
    }
    for (size_t i = 0; !code && i < count; i++)
        code = stage(&a, &s[i], files[i].text, err);
    for (size_t i = 0; !code && i < count; i++) {
        s[i].swapped = trade(&a, &s[i]);
        if (!s[i].swapped)
            code = vs_fail_errno(err, VS_EIO, s[i].path, "replace");
    }
    for (size_t i = 0; !code && i < count; i++)
        code = vs_sync_dir_of(&a, s[i].path, err);
    for (size_t i = count; s && code && i-- > 0;)
        if (s[i].swapped && !trade(&a, &s[i])) {
            s[i].staged = false;
            code = s[i].fresh ? vs_fail(err, VS_EIO, "%s: is new and could not be removed after an error", s[i].path)
                              : vs_fail(err, VS_EIO, "%s: could not be put back after an error; the former file is %s", s[i].path, s[i].temp);
        }
    for (size_t i = 0; s && i < count; i++)
        if (s[i].staged)
            unlink(s[i].temp);
    vs_arena_free(&a);
    return code;
}
