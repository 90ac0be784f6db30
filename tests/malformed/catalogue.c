/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "catalogue.h"

const struct bad *bad_at(unsigned i)
{
    const struct bad *const lists[] = {bad_safetensors, bad_index, bad_config, bad_tokenizer, bad_map, bad_pair};
    for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
        for (const struct bad *b = lists[k]; b->name; b++)
            if (i-- == 0)
                return b;
    return NULL;
}

static FILE *create(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f) {
        perror(path);
        exit(99);
    }
    return f;
}

static void finish(FILE *f, const char *name)
{
    bool bad = ferror(f);
    if (fclose(f) != 0 || bad) {
        perror(name);
        exit(99);
    }
}

void put_file(const char *dir, const char *name, const void *bytes, unsigned long n)
{
    FILE *f = create(dir, name);
    fwrite(bytes, 1, n, f);
    finish(f, name);
}

void put_text(const char *dir, const char *name, const char *text)
{
    put_file(dir, name, text, strlen(text));
}

void put_sparse(const char *dir, const char *name, const void *head, unsigned long n, unsigned long long size)
{
    FILE *f = create(dir, name);
    fwrite(head, 1, n, f);
    fflush(f);
    if (ftruncate(fileno(f), (off_t)size) != 0) {
        perror(name);
        exit(99);
    }
    finish(f, name);
}

void put_raw(const char *dir, const char *name, const char *header, unsigned long n, unsigned long payload)
{
    FILE *f = create(dir, name);
    for (int i = 0; i < 8; i++)
        fputc((int)((unsigned long long)n >> (8 * i) & 0xff), f);
    fwrite(header, 1, n, f);
    for (unsigned long i = 0; i < payload; i++)
        fputc(0, f);
    finish(f, name);
}
