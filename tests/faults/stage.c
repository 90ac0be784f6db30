/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest program that writes as the tools do, so that lib/base is swept even where a tool is not.
 *
 *     stage outdir OUT INPUT...    copies files into a new directory, with a sub-directory and a written file
 *     stage force OUT INPUT...     the same over an existing OUT
 *     stage replace FILE...        appends a line to every file, in place, all or none; FILE.new is made
 */
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "base/str.h"

static enum vs_code copy_all(struct vs_outdir *d, char **inputs, struct vs_err *err)
{
    int fd;
    enum vs_code code = vs_outdir_mkdir(d, "sub", err);
    for (; *inputs && !code; inputs++) {
        char name[300];
        snprintf(name, sizeof name, "sub/%s", vs_path_base(*inputs));
        code = vs_outdir_copy(d, vs_path_base(*inputs), *inputs, false, NULL, NULL, err);
        if (!code)
            code = vs_outdir_copy(d, name, *inputs, true, NULL, NULL, err);
    }
    if (!code)
        code = vs_outdir_create(d, "made", NULL, 10, &fd, err);
    if (!code)
        code = vs_pwrite_all(fd, "made", 0, "0123456789", 10, err);
    return code ? code : vs_outdir_write(d, "last.json", NULL, VS_LIT("{}"), err);
}

static enum vs_code make(const char *out, bool force, char **inputs, struct vs_err *err)
{
    struct vs_outdir *d;
    size_t count = 0;
    while (inputs[count])
        count++;
    enum vs_code code = vs_outdir_begin(out, force, (const char *const *)inputs, count, &d, err);
    if (!code)
        code = copy_all(d, inputs, err);
    if (!code)
        code = vs_outdir_commit(d, err);
    if (code)
        vs_outdir_abort(d);
    return code;
}

static enum vs_code replace(char **paths, struct vs_err *err)
{
    struct vs_replace files[16];
    struct vs_buf texts[16] = {{0}};
    size_t count = 0;
    enum vs_code code = VS_OK;
    for (; paths[count] && count < 16 && !code; count++) {
        char *text = NULL;
        size_t n = 0;
        bool fresh = vs_str_ends(vs_cstr(paths[count]), VS_LIT(".new"));
        if (!fresh)
            code = vs_read_all(paths[count], 1 << 20, &text, &n, err);
        if (code)
            break;
        vs_buf_add(&texts[count], text, n);
        vs_buf_puts(&texts[count], "one line more\n");
        vs_free(text);
        files[count] = (struct vs_replace){paths[count], {texts[count].p, texts[count].n}, fresh};
        if (texts[count].failed)
            code = vs_enomem(err, paths[count], n);
    }
    if (!code)
        code = vs_replace_files(files, count, err);
    for (size_t i = 0; i < 16; i++)
        vs_buf_free(&texts[i]);
    return code;
}

int main(int argc, char **argv)
{
    struct vs_err err;
    enum vs_code code;
    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "replace") == 0)
        code = replace(argv + 2, &err);
    else
        code = make(argv[2], strcmp(argv[1], "force") == 0, argv + 3, &err);
    if (code)
        fprintf(stderr, "stage: %s\n", err.message);
    return code == VS_OK ? 0 : code >= VS_EEXIST ? 4 : 3;
}
