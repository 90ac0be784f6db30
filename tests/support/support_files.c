/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "support.h"
#include "support_internal.h"

static void make_parents(const char *path)
{
    char up[PATH_MAX];
    snprintf(up, sizeof up, "%s", path);
    for (char *p = strchr(up + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = '\0';
        if (mkdir(up, 0755) != 0 && errno != EEXIST)
            vst_die("make the directory", up);
        *p = '/';
    }
}

void vst_write(const char *path, const void *bytes, size_t n)
{
    make_parents(path);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
        vst_die("write", path);
}

void vst_write_text(const char *path, const char *text)
{
    vst_write(path, text, strlen(text));
}

char *vst_read(const char *path, size_t *n)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    if (!f || fstat(fileno(f), &st) != 0)
        vst_die("open", path);
    size_t size = (size_t)st.st_size;
    char *text = vst_keep(malloc(size + 1), false);
    if (fread(text, 1, size, f) != size)
        vst_die("read", path);
    fclose(f);
    text[size] = '\0';
    if (n)
        *n = size;
    return text;
}

static int list(const char *dir, struct dirent ***names)
{
    int n = scandir(dir, names, NULL, alphasort);
    if (n < 0)
        vst_die("list", dir);
    int kept = 0;
    for (int i = 0; i < n; i++) {
        const char *name = (*names)[i]->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            free((*names)[i]);
        else
            (*names)[kept++] = (*names)[i];
    }
    return kept;
}

static void free_list(struct dirent **names, int n)
{
    while (n--)
        free(names[n]);
    free(names);
}

static bool is_dir(const char *path, bool follow)
{
    struct stat st;
    return (follow ? stat(path, &st) : lstat(path, &st)) == 0 && S_ISDIR(st.st_mode);
}

static void join(char out[PATH_MAX], const char *dir, const char *name)
{
    if (snprintf(out, PATH_MAX, "%s/%s", dir, name) >= PATH_MAX)
        vst_die("join a path longer than PATH_MAX", dir);
}

void vst_remove(const char *path)
{
    if (!is_dir(path, false)) {
        unlink(path);
        return;
    }
    struct dirent **names;
    char below[PATH_MAX];
    int n = list(path, &names);
    for (int i = 0; i < n; i++) {
        join(below, path, names[i]->d_name);
        vst_remove(below);
    }
    free_list(names, n);
    rmdir(path);
}

static void copy_bytes(const char *from, const char *to)
{
    static char buffer[1 << 16];
    make_parents(to);
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    if (!in || !out)
        vst_die("copy", in ? to : from);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        if (fwrite(buffer, 1, n, out) != n)
            vst_die("write", to);
    if (ferror(in) || fclose(out) != 0)
        vst_die("copy", from);
    fclose(in);
}

void vst_copy(const char *from, const char *to)
{
    if (!is_dir(from, true)) {
        copy_bytes(from, to);
        return;
    }
    struct dirent **names;
    char a[PATH_MAX], b[PATH_MAX];
    join(b, to, "x");
    make_parents(b);
    int n = list(from, &names);
    for (int i = 0; i < n; i++) {
        join(a, from, names[i]->d_name);
        join(b, to, names[i]->d_name);
        vst_copy(a, b);
    }
    free_list(names, n);
}

size_t vst_count(const char *dir, const char *pattern)
{
    struct dirent **names;
    int n = list(dir, &names);
    size_t count = 0;
    for (int i = 0; i < n; i++)
        count += fnmatch(pattern, names[i]->d_name, 0) == 0;
    free_list(names, n);
    return count;
}

/* ---- comparing ---- */

static const char *file_diff(const char *a, const char *b)
{
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    if (!x || !y)
        vst_die("open", x ? b : a);
    const char *why = "";
    for (long long at = 0; !*why; at++) {
        int c = getc_unlocked(x), d = getc_unlocked(y);
        if (c != d)
            why = vst_format("%s and %s differ at byte %lld (%d, %d; -1 is the end)", a, b, at, c, d);
        else if (c == EOF)
            break;
    }
    fclose(x);
    fclose(y);
    return why;
}

const char *vst_tree_diff(const char *a, const char *b)
{
    if (!is_dir(a, true) && !is_dir(b, true))
        return file_diff(a, b);
    if (is_dir(a, true) != is_dir(b, true))
        return vst_format("%s and %s: one is a directory", a, b);
    struct dirent **x, **y;
    const char *why = "";
    int m = list(a, &x), n = list(b, &y);
    for (int i = 0; !*why && (i < m || i < n); i++) {
        int order = i >= m ? 1 : i >= n ? -1 : strcmp(x[i]->d_name, y[i]->d_name);
        if (order)
            why = vst_format("%s: only in %s", order < 0 ? x[i]->d_name : y[i]->d_name, order < 0 ? a : b);
        else
            why = vst_tree_diff(vst_path(a, x[i]->d_name), vst_path(b, x[i]->d_name));
    }
    free_list(x, m);
    free_list(y, n);
    return why;
}

static uint64_t mix(uint64_t h, const void *p, size_t n) /* FNV-1a */
{
    for (const unsigned char *c = p, *end = c + n; c < end; c++)
        h = (h ^ *c) * 0x100000001b3u;
    return h;
}

static uint64_t hash_below(const char *path, uint64_t h)
{
    static char buffer[1 << 16];
    if (is_dir(path, true)) {
        struct dirent **names;
        char below[PATH_MAX];
        int n = list(path, &names);
        for (int i = 0; i < n; i++) {
            h = mix(h, names[i]->d_name, strlen(names[i]->d_name) + 1);
            join(below, path, names[i]->d_name);
            h = hash_below(below, h);
        }
        free_list(names, n);
        return mix(h, "}", 1);
    }
    FILE *f = fopen(path, "rb");
    if (!f)
        vst_die("open", path);
    uint64_t size = 0;
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0; size += n)
        h = mix(h, buffer, n);
    fclose(f);
    return mix(h, &size, sizeof size);
}

uint64_t vst_tree_hash(const char *path)
{
    return hash_below(path, 0xcbf29ce484222325u);
}
