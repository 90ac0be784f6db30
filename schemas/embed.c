/* SPDX-License-Identifier: Apache-2.0
 *
 * embed OUT.c FOLDER NAME...: writes the files FOLDER/NAME as a table of byte arrays, see lib/json/data.h. Run by the build.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int embed_file(FILE *out, int number, const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return 0;
    }
    fprintf(out, "static const char data_%d[] = {", number);
    unsigned long column = 0;
    for (int c; (c = getc(in)) != EOF; column++)
        fprintf(out, "%s%d,", column % 24 ? "" : "\n", c < 128 ? c : c - 256);
    fputs("\n0};\n", out);
    int ok = !ferror(in);
    fclose(in);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    FILE *out = fopen(argv[1], "wb");
    if (!out) {
        perror(argv[1]);
        return 1;
    }
    char **names = argv + 3;
    int count = argc - 3;
    qsort(names, (size_t)count, sizeof *names, by_name);
    fputs("#include \"json/data.h\"\n", out);
    for (int i = 0; i < count; i++) {
        size_t n = strlen(argv[2]) + strlen(names[i]) + 2;
        char *path = malloc(n);
        if (!path)
            return 1;
        snprintf(path, n, "%s/%s", argv[2], names[i]);
        int ok = embed_file(out, i, path);
        free(path);
        if (!ok)
            return 1;
    }
    fputs("const struct vs_data_file vs_data_files[] = {\n", out);
    for (int i = 0; i < count; i++)
        fprintf(out, "    {\"%s\", {data_%d, sizeof data_%d - 1}},\n", names[i], i, i);
    fprintf(out, "    {0, {0, 0}},\n};\nconst size_t vs_data_file_count = %d;\n", count);
    return fclose(out) == 0 ? 0 : 1;
}
