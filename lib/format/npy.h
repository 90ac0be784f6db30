/* SPDX-License-Identifier: Apache-2.0
 *
 * NumPy files (.npy, version 1.0) of float32 [rows, cols], written in ranges of rows' columns; the name appears when all
 * of it is there.
 */
#ifndef VS_FORMAT_NPY_H
#define VS_FORMAT_NPY_H

#include <stdbool.h>
#include <vs/err.h>

struct vs_npy; /* a file that is being written, under a name of its own beside PATH */

/* VS_EEXIST when PATH is there and not to be replaced (force), and for links, directories and places in a Hugging Face cache. */
enum vs_code vs_npy_begin(const char *path, bool force, uint64_t rows, uint64_t cols, struct vs_npy **out, struct vs_err *err) VS_NODISCARD;
/* Values [col, col + n) of one row, in any order of rows and ranges. */
enum vs_code vs_npy_put(struct vs_npy *f, uint64_t row, uint64_t col, const float *values, uint64_t n, struct vs_err *err) VS_NODISCARD;
/* Every value must have been written. Frees f on success. */
enum vs_code vs_npy_commit(struct vs_npy *f, struct vs_err *err) VS_NODISCARD;
void vs_npy_abort(struct vs_npy *f); /* removes what was written and frees f; accepts NULL */

#endif
