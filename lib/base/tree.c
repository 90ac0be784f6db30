/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/str.h"
#include "base/tree.h"

#define DEEPEST 64 /* directories within each other that a removal goes down to */

int vs_openat(int dir_fd, const char *path, int flags, mode_t mode)
{
    int fd;
    do
        fd = openat(dir_fd, path, flags, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

char *vs_path_dir(struct vs_arena *a, const char *path)
{
    size_t n = (size_t)(vs_path_base(path) - path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n ? vs_arena_dup(a, path, n) : vs_arena_dup(a, ".", 1);
}

char *vs_path_trim(struct vs_arena *a, const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return vs_arena_dup(a, path, n);
}

char *vs_random_name(struct vs_arena *a, const char *prefix)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz012345";
    unsigned char bytes[VS_RANDOM_CHARS];
    size_t n = strlen(prefix);
    char *name = vs_arena_alloc(a, n + sizeof bytes + 1);
    if (!name)
        return NULL;
    if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) != sizeof bytes) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        uint64_t mixed = (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)getpid();
        memcpy(bytes, &mixed, sizeof bytes);
    }
    memcpy(name, prefix, n);
    for (size_t i = 0; i < sizeof bytes; i++)
        name[n + i] = digits[bytes[i] % 32];
    return name;
}

static bool remove_within(int parent_fd, const char *name, unsigned depth)
{
    if (unlinkat(parent_fd, name, 0) == 0)
        return true;
    int fd = depth ? vs_openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0) : -1;
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = true;
    for (const struct dirent *e; (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            ok &= remove_within(fd, e->d_name, depth - 1);
    closedir(dir);
    return ok && unlinkat(parent_fd, name, AT_REMOVEDIR) == 0;
}

bool vs_tree_remove(int parent_fd, const char *name)
{
    return remove_within(parent_fd, name, DEEPEST);
}

/* ---- what must not be written to ---- */

static bool holds_dir(const char *path, size_t n, const char *name)
{
    char full[PATH_MAX];
    if (n + strlen(name) + 2 > sizeof full)
        return false;
    memcpy(full, path, n);
    full[n] = '/';
    strcpy(full + n + 1, name);
    return vs_path_is_dir(full);
}

/* A repository folder of the cache: models--ORG--NAME with snapshots/ or blobs/ in it. path ends at n. */
static bool is_cached_repository(const char *path, size_t begin, size_t n)
{
    struct vs_str name = {path + begin, n - begin};
    if (!vs_str_starts(name, VS_LIT("models--")) && !vs_str_starts(name, VS_LIT("datasets--")))
        return false;
    return holds_dir(path, n, "snapshots") || holds_dir(path, n, "blobs");
}

enum vs_code vs_cache_check(const char *path, struct vs_err *err)
{
    for (size_t begin = 0, n = strlen(path); begin < n;) {
        size_t end = begin + strcspn(path + begin, "/");
        if (end > begin && is_cached_repository(path, begin, end))
            return vs_fail(err, VS_EEXIST, "%s: lies in a Hugging Face cache, whose files are shared and must keep their hashes; "
                           "choose a directory outside of it", path);
        begin = end + 1;
    }
    return VS_OK;
}

static bool same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is one of the directories from path (resolved) up to the root this one? */
static bool lies_in(const char *path, const struct stat *dir)
{
    char up[PATH_MAX];
    struct stat st;
    if (!realpath(path, up))
        return false;
    for (;;) {
        if (stat(up, &st) == 0 && same(&st, dir))
            return true;
        char *slash = strrchr(up, '/');
        if (!slash || !up[1])
            return false;
        slash[slash == up] = '\0';
    }
}

/* Does a file directly in the directory out have the same inode as the input file? */
static bool holds_inode(const char *out, const char **names, size_t count, const struct stat *input)
{
    char path[PATH_MAX];
    struct stat st;
    for (size_t i = 0; i < count; i++) {
        int n = snprintf(path, sizeof path, "%s/%s", out, names[i]);
        if (n > 0 && (size_t)n < sizeof path && stat(path, &st) == 0 && S_ISREG(st.st_mode) && same(&st, input))
            return true;
    }
    return false;
}

struct check { const char *out, *parent; const struct stat *st; const char **names; size_t count; };

static enum vs_code check_file(const struct check *c, const char *input, const struct stat *in, struct vs_err *err)
{
    if (c->count && S_ISREG(in->st_mode) && holds_inode(c->out, c->names, c->count, in))
        return vs_fail(err, VS_EEXIST, "%s: holds the input file %s (the same file, by a link); choose another directory",
                       c->out, input);
    return VS_OK;
}

static enum vs_code fail_inside(struct vs_err *err, const char *out, const char *input)
{
    return vs_fail(err, VS_EEXIST, "%s: lies in the input directory %s; choose another place", out, input);
}

static enum vs_code check_input(const struct check *c, const char *input, struct vs_arena *a, struct vs_err *err)
{
    struct stat in;
    if (stat(input, &in) != 0)
        return VS_OK; /* whoever reads it says so */
    const char *dir = S_ISDIR(in.st_mode) ? input : vs_path_dir(a, input);
    if (!dir)
        return vs_enomem(err, input, 0);
    if (c->st && same(c->st, &in))
        return vs_fail(err, VS_EEXIST, "%s: is the input itself; choose another directory", c->out);
    if (c->st && (lies_in(dir, c->st) || lies_in(input, c->st)))
        return vs_fail(err, VS_EEXIST, "%s: holds the input %s; choose another directory", c->out, input);
    if (!S_ISDIR(in.st_mode))
        return check_file(c, input, &in, err);
    if (lies_in(c->parent, &in))
        return fail_inside(err, c->out, input);
    const char **names;
    size_t count;
    enum vs_code code = c->count ? vs_dir_list(input, a, &names, &count, err) : VS_OK;
    for (size_t i = 0; !code && c->count && i < count; i++) {
        char *path = vs_path_join(a, input, names[i]);
        struct stat st;
        if (!path)
            code = vs_enomem(err, input, 0);
        else if (stat(path, &st) == 0)
            code = check_file(c, path, &st, err);
    }
    return code;
}

enum vs_code vs_file_outside(const char *path, const char *const *inputs, size_t count, struct vs_err *err)
{
    struct vs_arena a = {0};
    struct stat in;
    const char *parent = vs_path_dir(&a, path);
    enum vs_code code = parent ? VS_OK : vs_enomem(err, path, 0);
    for (size_t i = 0; !code && i < count; i++)
        if (inputs[i] && stat(inputs[i], &in) == 0 && S_ISDIR(in.st_mode) && lies_in(parent, &in))
            code = fail_inside(err, path, inputs[i]);
    vs_arena_free(&a);
    return code;
}

/* Somebody's directory that happens to have the name of OUT is not replaced, whatever was asked for. */
static void look_for_other(const char *const *names, size_t count, struct vs_target *t)
{
    static const char *const known[] = {"config.json", "tokenizer.json", "tokenizer_config.json", "receipt.json", "offset-receipt.json",
                                        "vocab-map.json"};
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcmp(names[i], known[k]) == 0)
                return;
    if (count)
        vs_escape(t->other, sizeof t->other, vs_cstr(names[0]));
}

enum vs_code vs_target_check(const char *out, const char *const *inputs, size_t input_count, struct vs_target *t,
                             struct vs_err *err)
{
    struct stat st;
    struct vs_arena a = {0};
    char real[PATH_MAX];
    *t = (struct vs_target){.exists = lstat(out, &st) == 0, .empty = true};
    struct check c = {.out = out, .parent = vs_path_dir(&a, out), .st = t->exists ? &st : NULL};
    enum vs_code code = c.parent ? VS_OK : vs_enomem(err, out, 0);
    if (code)
        goto out;
    if (!vs_name_is_safe(vs_cstr(vs_path_base(out)))) {
        code = vs_fail(err, VS_EUSAGE, "%s: is no name for an output directory", out);
        goto out;
    }
    if (t->exists && !S_ISDIR(st.st_mode)) {
        code = vs_fail(err, VS_EEXIST, S_ISLNK(st.st_mode) ? "%s: is a link; outputs are never written through one"
                       : "%s: exists and is no directory", out);
        goto out;
    }
    if (!realpath(c.parent, real)) {
        code = vs_fail_errno(err, VS_EIO, c.parent, "open the directory for the output");
        goto out;
    }
    char *full = vs_path_join(&a, real, vs_path_base(out));
    code = full ? vs_cache_check(full, err) : vs_enomem(err, out, 0);
    if (!code && t->exists) {
        code = vs_dir_list(out, &a, &c.names, &c.count, err);
        t->empty = c.count == 0;
        look_for_other(c.names, code ? 0 : c.count, t);
        t->dev = st.st_dev;
        t->ino = st.st_ino;
    }
    for (size_t i = 0; !code && i < input_count; i++)
        code = check_input(&c, inputs[i], &a, err);
out:
    vs_arena_free(&a);
    return code;
}
