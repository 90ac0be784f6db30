/* SPDX-License-Identifier: Apache-2.0
 *
 * OUT is built as OUT.partial-XXXXXX beside it and becomes OUT by one rename: it is complete or it is not there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vs/output.h>
#include "base/str.h"
#include "base/tree.h"

#define OPEN_MOST 64 /* finished files that wait for their fsync with the descriptor open */

struct staged { int fd; bool finished; };

struct vs_outdir {
    struct vs_arena arena;
    char *out, *parent, *partial; /* paths; partial is where the files are now */
    struct vs_target target;
    int parent_fd, dir_fd;
    struct staged *files; /* open ones only */
    size_t count;
    const char **dirs;    /* sub-directories, for their fsync */
    size_t dir_count;
};

/* ---- begin ---- */

/* The place that was asked for, and the one that refuses. */
static enum vs_code fail_parent(struct vs_err *err, const char *out, const char *parent)
{
    char text[128];
    return vs_fail(err, VS_EIO, "%s: cannot make it in the directory %s: %s", out, parent, strerror_r(errno, text, sizeof text));
}

static enum vs_code make_partial(struct vs_outdir *d, struct vs_err *err)
{
    char prefix[PATH_MAX];
    int n = snprintf(prefix, sizeof prefix, "%.*s.partial-", (int)(strlen(d->out) > 4000 ? 4000 : strlen(d->out)), d->out);
    if (n < 0 || strlen(vs_path_base(prefix)) > 240)
        return vs_fail(err, VS_EUSAGE, "%s: the name is too long", d->out);
    d->parent_fd = vs_openat(AT_FDCWD, d->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (d->parent_fd < 0)
        return vs_fail_errno(err, VS_EIO, d->parent, "open the directory for the output");
    for (int tries = 0; tries < 100; tries++) {
        char *path = vs_random_name(&d->arena, prefix);
        if (!path)
            return vs_enomem(err, d->out, 0);
        if (mkdirat(d->parent_fd, vs_path_base(path), 0755) == 0) {
            d->partial = path;
            break;
        }
        if (errno != EEXIST)
            break;
    }
    if (!d->partial)
        return errno == ENOSPC || errno == EDQUOT ? vs_fail_write(err, d->out)
                                                  : fail_parent(err, d->out, d->parent);
    d->dir_fd = vs_openat(d->parent_fd, vs_path_base(d->partial), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    if (d->dir_fd < 0)
        return vs_fail_errno(err, VS_EIO, d->partial, "open the directory");
    (void)flock(d->dir_fd, LOCK_EX | LOCK_NB); /* says that somebody is at work here: leftover.c asks; not all file systems can */
    return VS_OK;
}

static enum vs_code check_target(const char *out, bool force, const char *const *inputs, size_t count, struct vs_target *t, struct vs_err *err)
{
    enum vs_code code = vs_target_check(out, inputs, count, t, err);
    if (!code && t->other[0])
        code = vs_fail(err, VS_EEXIST, "%s: exists and holds %s, but no receipt, config or tokenizer: it is no output of these tools, and --force "
                       "does not replace it; choose another name", out, t->other);
    if (!code && !t->empty && !force)
        code = vs_fail(err, VS_EEXIST, "%s: exists and is not empty; --force replaces it", out);
    return code;
}

enum vs_code vs_output_check(const char *out, bool force, const char *const *inputs, size_t count, struct vs_err *err)
{
    struct vs_arena a = {0};
    struct vs_target t;
    const char *path = vs_path_trim(&a, out), *parent = path ? vs_path_dir(&a, path) : NULL;
    enum vs_code code = parent ? check_target(path, force, inputs, count, &t, err) : vs_enomem(err, out, 0);
    if (!code && faccessat(AT_FDCWD, parent, W_OK | X_OK, AT_EACCESS) != 0)
        code = fail_parent(err, path, parent);
    vs_arena_free(&a);
    return code;
}

enum vs_code vs_outdir_begin(const char *out, bool force, const char *const *inputs, size_t input_count,
                             struct vs_outdir **result, struct vs_err *err)
{
    *result = NULL;
    struct vs_outdir *d = vs_calloc(1, sizeof *d);
    if (!d)
        return vs_enomem(err, out, sizeof *d);
    d->parent_fd = d->dir_fd = -1;
    d->out = vs_path_trim(&d->arena, out);
    d->parent = d->out ? vs_path_dir(&d->arena, d->out) : NULL;
    enum vs_code code = d->parent ? VS_OK : vs_enomem(err, out, 0);
    if (!code)
        code = check_target(d->out, force, inputs, input_count, &d->target, err);
    if (!code)
        code = make_partial(d, err);
    if (code)
        vs_outdir_abort(d);
    else
        *result = d;
    return code;
}

/* ---- files ---- */

/* The place as the user knows it, for messages. */
static const char *shown(const struct vs_outdir *d, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%.*s/%s", 3000, d->out, name);
    return out;
}

static bool path_is_safe(const char *name)
{
    for (const char *p = name;; p++) {
        size_t n = strcspn(p, "/");
        if (!vs_name_is_safe((struct vs_str){p, n}))
            return false;
        p += n;
        if (!*p)
            return true;
    }
}

static enum vs_code settle(struct vs_outdir *d, struct staged *s, struct vs_err *err)
{
    int fd = s->fd;
    s->fd = -1;
    bool ok = fsync(fd) == 0; /* not repeated after EIO: the pages may be gone (PostgreSQL's fsync lesson) */
    int why = errno;
    if (close(fd) != 0 && errno != EINTR && ok) {
        ok = false;
        why = errno;
    }
    errno = why;
    return ok ? VS_OK : vs_fail_write(err, d->out);
}

static enum vs_code settle_all(struct vs_outdir *d, bool finished_only, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    size_t kept = 0;
    for (size_t i = 0; i < d->count; i++) {
        if (code || (finished_only && !d->files[i].finished))
            d->files[kept++] = d->files[i];
        else
            code = settle(d, &d->files[i], err);
    }
    d->count = kept;
    return code;
}

/* No group and nobody else reads more than they could of the source, where there is one. */
static mode_t mode_like(const char *source)
{
    struct stat st;
    if (source && stat(source, &st) == 0)
        return 0600 | (st.st_mode & 0044);
    return source && errno != ENOENT ? 0600 : 0644;
}

static enum vs_code open_new(struct vs_outdir *d, const char *name, const char *source, int *fd, struct vs_err *err)
{
    char path[PATH_MAX];
    *fd = -1;
    if (!path_is_safe(name))
        return vs_fail(err, VS_EUSAGE, "%s: is no name for an output file", name);
    if (d->count >= OPEN_MOST) {
        enum vs_code code = settle_all(d, true, err);
        if (code)
            return code;
    }
    struct staged *files = vs_list_room(d->files, d->count, sizeof *files);
    if (!files)
        return vs_enomem(err, d->out, 0);
    d->files = files;
    *fd = vs_openat(d->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode_like(source));
    if (*fd < 0)
        return errno == EEXIST ? vs_fail(err, VS_EEXIST, "%s: would be written twice", shown(d, name, path))
                               : vs_fail_write(err, shown(d, name, path));
    d->files[d->count++] = (struct staged){*fd, false};
    return VS_OK;
}

/* Where a file system cannot reserve, the size is set at least: the file is as large as promised either way. */
enum vs_code vs_outdir_reserve(struct vs_outdir *d, const char *name, int fd, uint64_t at, uint64_t size, struct vs_err *err)
{
    char path[PATH_MAX];
    uint64_t end;
    int rc;
    if (size == 0)
        return VS_OK;
    if (!vs_add(at, size, &end) || end > INT64_MAX)
        return vs_fail(err, VS_ELIMIT, "%s: %llu bytes are more than a file can have", shown(d, name, path),
                       (unsigned long long)size);
    do
        rc = fallocate(fd, 0, (off_t)at, (off_t)size);
    while (rc != 0 && errno == EINTR);
    if (rc != 0 && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL))
        rc = ftruncate(fd, (off_t)end);
    if (rc == 0)
        return VS_OK;
    if (errno == ENOSPC || errno == EDQUOT)
        return vs_fail(err, VS_EIO, "%s: no space left on device for its %llu bytes; nothing is left behind, the input is untouched",
                       shown(d, name, path), (unsigned long long)size);
    return vs_fail_write(err, shown(d, name, path));
}

enum vs_code vs_outdir_create(struct vs_outdir *d, const char *name, const char *source, uint64_t size, int *fd, struct vs_err *err)
{
    enum vs_code code = open_new(d, name, source, fd, err);
    return code ? code : vs_outdir_reserve(d, name, *fd, 0, size, err);
}

enum vs_code vs_outdir_write(struct vs_outdir *d, const char *name, const char *source, struct vs_str text, struct vs_err *err)
{
    char path[PATH_MAX];
    int fd;
    enum vs_code code = vs_outdir_create(d, name, source, text.n, &fd, err);
    if (!code)
        code = vs_pwrite_all(fd, shown(d, name, path), 0, text.p, text.n, err);
    if (!code)
        d->files[d->count - 1].finished = true;
    return code;
}

/* Links the very file that is open; *linked stays false where the file system or its rules do not allow a link. */
static enum vs_code link_file(struct vs_outdir *d, const char *name, const struct vs_file *src, bool *linked, struct vs_err *err)
{
    char path[PATH_MAX];
    struct stat st;
    *linked = false;
    if (!path_is_safe(name))
        return vs_fail(err, VS_EUSAGE, "%s: is no name for an output file", name);
    if (linkat(AT_FDCWD, src->path, d->dir_fd, name, AT_SYMLINK_FOLLOW) != 0)
        return errno == EEXIST ? vs_fail(err, VS_EEXIST, "%s: would be written twice", shown(d, name, path)) : VS_OK;
    if (fstatat(d->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_dev != src->dev || st.st_ino != src->ino)
        return vs_fail(err, VS_EFORMAT, "%s: was replaced while it was read; run again when nobody writes to it", src->path);
    *linked = true;
    return VS_OK;
}

static enum vs_code copy_file(struct vs_outdir *d, const char *name, const struct vs_file *src, const struct vs_run *run,
                              enum vs_copied *how, struct vs_err *err)
{
    char path[PATH_MAX];
    int fd;
    enum vs_code code = open_new(d, name, src->path, &fd, err);
    if (code)
        return code;
    *how = VS_COPIED_REFLINK;
    if (src->size && ioctl(fd, FICLONE, src->fd) != 0) { /* before space is reserved: shared blocks need none */
        code = vs_outdir_reserve(d, name, fd, 0, src->size, err);
        if (!code)
            code = vs_copy_range(src, 0, fd, shown(d, name, path), 0, src->size, run, how, err);
    }
    if (!code)
        code = vs_file_unchanged(src, err);
    if (!code)
        d->files[d->count - 1].finished = true;
    return code;
}

enum vs_code vs_outdir_copy(struct vs_outdir *d, const char *name, const char *source, bool hardlink,
                            const struct vs_run *run, enum vs_copied *how, struct vs_err *err)
{
    struct vs_file src;
    enum vs_copied way = VS_COPIED_HARDLINK;
    bool linked = false;
    enum vs_code code = vs_file_open(source, &src, err);
    if (!code && hardlink)
        code = link_file(d, name, &src, &linked, err);
    if (!code && !linked)
        code = copy_file(d, name, &src, run, &way, err);
    vs_file_close(&src);
    if (how)
        *how = way;
    return code;
}

enum vs_code vs_outdir_mkdir(struct vs_outdir *d, const char *name, struct vs_err *err)
{
    char path[PATH_MAX];
    if (!path_is_safe(name))
        return vs_fail(err, VS_EUSAGE, "%s: is no name for an output directory", name);
    const char **dirs = vs_list_room(d->dirs, d->dir_count, sizeof *dirs);
    if (!dirs)
        return vs_enomem(err, d->out, 0);
    d->dirs = dirs;
    const char *copy = vs_arena_dup(&d->arena, name, strlen(name));
    if (!copy)
        return vs_enomem(err, d->out, 0);
    if (mkdirat(d->dir_fd, name, 0755) != 0)
        return vs_fail_write(err, shown(d, name, path));
    d->dirs[d->dir_count++] = copy;
    return VS_OK;
}

const char *vs_outdir_path(const struct vs_outdir *d, const char *name, struct vs_arena *a)
{
    return vs_path_join(a, d->partial, name);
}

/* ---- end ---- */

static enum vs_code sync_dirs(struct vs_outdir *d, struct vs_err *err)
{
    for (size_t i = 0; i < d->dir_count; i++) {
        int fd = vs_openat(d->dir_fd, d->dirs[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
        if (fd < 0 || fsync(fd) != 0) {
            vs_fail_write(err, d->out);
            if (fd >= 0)
                close(fd);
            return VS_EIO;
        }
        close(fd);
    }
    return fsync(d->dir_fd) == 0 ? VS_OK : vs_fail_write(err, d->out);
}

static bool unsupported(void)
{
    return errno == ENOSYS || errno == EINVAL || errno == EOPNOTSUPP;
}

/* Nothing at OUT, or an empty directory: a plain rename replaces nothing else, whatever happened meanwhile. */
static enum vs_code move_in(struct vs_outdir *d, struct vs_err *err)
{
    const char *from = vs_path_base(d->partial), *to = vs_path_base(d->out);
    int rc = d->target.exists ? renameat(d->parent_fd, from, d->parent_fd, to)
                              : renameat2(d->parent_fd, from, d->parent_fd, to, RENAME_NOREPLACE);
    if (rc != 0 && !d->target.exists && unsupported())
        rc = renameat(d->parent_fd, from, d->parent_fd, to);
    if (rc == 0)
        return VS_OK;
    if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
        return vs_fail(err, VS_EEXIST, "%s: appeared while the output was written; choose another name", d->out);
    return vs_fail_errno(err, VS_EIO, d->out, "rename the finished output to it");
}

/* Swaps the finished directory with the former OUT, which then stands at the partial name. */
static enum vs_code swap_in(struct vs_outdir *d, struct vs_err *err)
{
    const char *from = vs_path_base(d->partial), *to = vs_path_base(d->out);
    struct stat st;
    if (fstatat(d->parent_fd, to, &st, AT_SYMLINK_NOFOLLOW) != 0 || st.st_dev != d->target.dev || st.st_ino != d->target.ino)
        return vs_fail(err, VS_EEXIST, "%s: was replaced while the output was written; choose another name", d->out);
    if (renameat2(d->parent_fd, from, d->parent_fd, to, RENAME_EXCHANGE) == 0)
        return VS_OK;
    if (!unsupported())
        return vs_fail_errno(err, VS_EIO, d->out, "swap the finished output with it");
    char *former = vs_random_name(&d->arena, from);
    if (!former)
        return vs_enomem(err, d->out, 0);
    if (renameat(d->parent_fd, to, d->parent_fd, former) != 0)
        return vs_fail_errno(err, VS_EIO, d->out, "rename it out of the way");
    if (renameat(d->parent_fd, from, d->parent_fd, to) != 0) {
        vs_fail_errno(err, VS_EIO, d->out, "rename the finished output to it");
        if (renameat(d->parent_fd, former, d->parent_fd, to) != 0)
            vs_fail(err, VS_EIO, "%s: cannot rename the finished output to it; the former one is now %s", d->out, former);
        return VS_EIO;
    }
    d->partial = former;
    return VS_OK;
}

static void free_outdir(struct vs_outdir *d)
{
    for (size_t i = 0; i < d->count; i++)
        close(d->files[i].fd);
    if (d->dir_fd >= 0)
        close(d->dir_fd);
    if (d->parent_fd >= 0)
        close(d->parent_fd);
    vs_free(d->files);
    vs_free(d->dirs);
    vs_arena_free(&d->arena);
    vs_free(d);
}

enum vs_code vs_outdir_commit(struct vs_outdir *d, struct vs_err *err)
{
    bool swap = d->target.exists && !d->target.empty;
    enum vs_code code = settle_all(d, false, err);
    if (!code)
        code = sync_dirs(d, err);
    if (!code)
        code = swap ? swap_in(d, err) : move_in(d, err);
    if (code)
        return code;
    /* OUT is complete and in its place: from here on nothing can be taken back. */
    if (fsync(d->parent_fd) != 0)
        code = vs_fail_errno(err, VS_EIO, d->parent, "make sure that the output is on disk");
    if (swap && !vs_tree_remove(d->parent_fd, vs_path_base(d->partial)) && !code)
        code = vs_fail(err, VS_EIO, "%s: is complete, but the former directory could not be removed: it is now %s", d->out,
                       d->partial);
    if (code)
        d->partial = NULL;
    else
        free_outdir(d);
    return code;
}

void vs_outdir_abort(struct vs_outdir *d)
{
    if (!d)
        return;
    if (d->partial)
        vs_tree_remove(d->parent_fd, vs_path_base(d->partial));
    free_outdir(d);
}
