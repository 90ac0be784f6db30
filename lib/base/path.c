/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/io.h"
#include "base/str.h"

enum vs_code vs_path_missing(const char *path, const char *expected, struct vs_err *err)
{
    return vs_fail(err, VS_EFORMAT, "%s: not found; expected %s", path, expected);
}

bool vs_path_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool vs_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

bool vs_path_has(const char *dir, const char *name)
{
    char path[PATH_MAX]; /* a longer one cannot be opened */
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof path && vs_path_exists(path);
}

char *vs_path_join(struct vs_arena *a, const char *dir, const char *name)
{
    size_t d = strlen(dir), n = strlen(name);
    char *path = vs_arena_alloc(a, d + n + 2);
    if (!path)
        return NULL;
    memcpy(path, dir, d);
    if (d && dir[d - 1] != '/')
        path[d++] = '/';
    memcpy(path + d, name, n);
    return path;
}

const char *vs_path_base(const char *path)
{
    size_t n = strlen(path);
    while (n && path[n - 1] == '/')
        n--;
    while (n && path[n - 1] != '/')
        n--;
    return path + n;
}

bool vs_name_is_safe(struct vs_str name)
{
    if (name.n == 0 || name.n > 255 || name.p[0] == '~' || vs_str_is(name, ".") || vs_str_is(name, ".."))
        return false;
    return !memchr(name.p, '/', name.n) && !memchr(name.p, '\\', name.n) && !memchr(name.p, '\0', name.n);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum vs_code read_names(DIR *dir, const char *path, struct vs_arena *a, const char ***names, size_t *count,
                               struct vs_err *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *e = readdir(dir);
        if (!e)
            return errno ? vs_fail_errno(err, VS_EIO, path, "list the directory") : VS_OK;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        const char **more = vs_list_room(*names, *count, sizeof *more);
        if (!more)
            return vs_enomem(err, path, 0);
        *names = more;
        const char *name = vs_arena_dup(a, e->d_name, strlen(e->d_name));
        if (!name)
            return vs_enomem(err, path, 0);
        (*names)[(*count)++] = name;
    }
}

enum vs_code vs_dir_list(const char *path, struct vs_arena *a, const char ***names, size_t *count, struct vs_err *err)
{
    const char **list = NULL;
    *names = NULL;
    *count = 0;
    DIR *dir = opendir(path);
    if (!dir) {
        bool missing = errno == EACCES || errno == EPERM || errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
        return vs_fail_errno(err, missing ? VS_EFORMAT : VS_EIO, path, "open the directory");
    }
    enum vs_code code = read_names(dir, path, a, &list, count, err);
    closedir(dir);
    if (!code) {
        *names = vs_arena_array(a, *count + 1, sizeof **names); /* one NULL behind the last */
        if (!*names)
            code = vs_enomem(err, path, 0);
    }
    if (!code && *count) {
        qsort(list, *count, sizeof *list, by_name);
        memcpy(*names, list, *count * sizeof *list);
    }
    vs_free(list);
    return code;
}
