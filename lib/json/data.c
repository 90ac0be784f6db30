/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include "base/io.h"
#include "base/str.h"
#include "json/data.h"
#include "json/schema.h"

enum vs_code vs_data_read(const char *data_dir, const char *name, struct vs_jdoc *out, struct vs_err *err)
{
    struct vs_arena a = {0};
    enum vs_code code = VS_OK;
    *out = (struct vs_jdoc){0};
    if (data_dir) {
        const char *path = vs_path_join(&a, data_dir, name);
        if (!path)
            code = vs_enomem(err, name, 0);
        else if (vs_path_exists(path))
            code = vs_jdoc_read(path, out, err);
        vs_arena_free(&a);
        if (code || out->root)
            return code;
    }
    for (size_t i = 0; i < vs_data_file_count; i++)
        if (strcmp(vs_data_files[i].name, name) == 0)
            return vs_jdoc_parse(name, vs_data_files[i].text, out, err);
    return vs_fail(err, VS_EFORMAT, "%s: no such file among the compiled-in data%s%s", name, data_dir ? " nor in " : "",
                   data_dir ? data_dir : "");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in data_dir/folder that end in .json; a data_dir without that folder has none. */
static enum vs_code list_dir(const char *data_dir, const char *folder, struct vs_arena *a, const char ***names, size_t *count,
                             struct vs_err *err)
{
    *count = 0;
    if (!data_dir)
        return VS_OK;
    const char *path = vs_path_join(a, data_dir, folder);
    if (!path)
        return vs_enomem(err, folder, 0);
    if (!vs_path_is_dir(path))
        return VS_OK;
    enum vs_code code = vs_dir_list(path, a, names, count, err);
    size_t kept = 0;
    for (size_t i = 0; !code && i < *count; i++) {
        if (!vs_str_ends(vs_cstr((*names)[i]), VS_LIT(".json")))
            continue;
        (*names)[kept] = vs_path_join(a, folder, (*names)[i]);
        if (!(*names)[kept++])
            code = vs_enomem(err, folder, 0);
    }
    *count = kept;
    return code;
}

enum vs_code vs_data_list(const char *data_dir, const char *folder, struct vs_arena *a, const char ***names, size_t *count,
                          struct vs_err *err)
{
    const char **own;
    size_t own_count, n = 0;
    *names = NULL;
    *count = 0;
    enum vs_code code = list_dir(data_dir, folder, a, &own, &own_count, err);
    if (code)
        return code;
    const char **all = vs_arena_array(a, own_count + vs_data_file_count + 1, sizeof *all);
    if (!all)
        return vs_enomem(err, folder, 0);
    for (size_t i = 0; i < own_count; i++)
        all[n++] = own[i];
    for (size_t i = 0; i < vs_data_file_count; i++) {
        const char *name = vs_data_files[i].name;
        if (vs_str_starts(vs_cstr(name), vs_cstr(folder)) && !strchr(name + strlen(folder), '/'))
            all[n++] = name;
    }
    qsort(all, n, sizeof *all, by_name);
    for (size_t i = 0; i < n; i++)
        if (*count == 0 || strcmp(all[*count - 1], all[i]) != 0)
            all[(*count)++] = all[i];
    *names = all;
    return VS_OK;
}
