/* SPDX-License-Identifier: Apache-2.0
 *
 * Helpers for tests: temporary directories, files, safetensors, running a program, the corpus. In a meson.build:
 *
 *     dependencies: [vs_internal_dep, dep_support, dep_criterion, dep_m], env: test_env
 *
 * What these functions return belongs to the helper and lives until vst_cleanup(), which also removes every temporary
 * directory: call it as the last line of each test. Under AddressSanitizer it also fails the test when something leaked,
 * which Criterion would hide. When the test's own set-up fails (a file that cannot be written ...) they print why and end
 * the process with status 99, so that no test goes on with half a fixture.
 */
#ifndef VS_TESTS_SUPPORT_H
#define VS_TESTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- files ---- */

const char *vst_tempdir(void);                                   /* a new empty directory */
const char *vst_path(const char *dir, const char *name);         /* dir/name */
const char *vst_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void vst_write(const char *path, const void *bytes, size_t n);   /* makes missing parent directories */
void vst_write_text(const char *path, const char *text);
char *vst_read(const char *path, size_t *n);                     /* NUL-terminated beyond n; n may be NULL */
void vst_copy(const char *from, const char *to);                 /* a file or a directory with everything in it */
void vst_remove(const char *path);                               /* a file or a directory with everything in it */
size_t vst_count(const char *dir, const char *pattern);          /* names in dir that match (fnmatch), hidden ones too */
/* "" when both trees hold the same names with the same bytes, else the first difference in words. */
const char *vst_tree_diff(const char *a, const char *b);
/* Hash of every name, size and byte below a path: taken before and after, it shows that an input was not touched. */
uint64_t vst_tree_hash(const char *path);
void vst_cleanup(void);

/* A file of the corpus ($VS_CORPUS), such as "tokenizers/gpt2/tokenizer.json"; NULL when the corpus is not there: then the
 * test says so and skips, with cr_skip_test(VST_NO_CORPUS). */
const char *vst_corpus(const char *name);
#define VST_NO_CORPUS "SKIPPED: no corpus ($VS_CORPUS)"

/* ---- safetensors ---- */

struct vst_tensor {
    const char *name, *dtype;  /* "BF16" ... */
    uint64_t shape[4];
    unsigned ndim;
    const void *data;          /* NULL: finite pseudo-random values that depend on the name and the position alone */
};

uint64_t vst_tensor_bytes(const struct vst_tensor *t);
/* The values such a tensor gets: bytes of them. A table with more rows begins with the bytes of the one with fewer. */
void vst_fill(const struct vst_tensor *t, void *out, uint64_t bytes);
/* A complete file, tensors in the order given. metadata is the text of a JSON object or NULL. */
void *vst_safetensors(const struct vst_tensor *t, size_t count, const char *metadata, size_t *n);
void vst_write_safetensors(const char *path, const struct vst_tensor *t, size_t count, const char *metadata);
/* Any bytes as header: length word, header, payload_bytes zeros. For malformed files. */
void vst_write_raw_safetensors(const char *path, const void *header, size_t header_bytes, size_t payload_bytes);

/* ---- programs ---- */

struct vst_result {
    int status;           /* exit status; 128 + N when signal N ended it */
    char *out, *err;      /* NUL-terminated beyond out_n, err_n */
    size_t out_n, err_n;
};

const char *vst_tool(const char *name); /* path of one of the five programs ($VS_TOOLS) */
/* Runs argv (ends with NULL) with stdin from /dev/null. env (ends with NULL, may be NULL) holds additional "NAME=value". */
struct vst_result vst_run(const char *const argv[], const char *const env[]);

#endif
