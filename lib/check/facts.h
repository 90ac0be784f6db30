/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts: what several files of this room use.
 */
#ifndef VS_CHECK_FACTS_H
#define VS_CHECK_FACTS_H

#include <vs/check.h>
#include "base/io.h"
#include "quant.h"
#include "vs_kernels.h"

struct vs_facts_impl {
    struct vs_arena arena;
};

enum vs_surplus vs_surplus_class(uint64_t rows, uint64_t needed, uint32_t *multiple);

/* Can the rows be read as numbers: floats, or blocks that are widened to float32? */
static inline bool vs_rows_readable(const struct vs_checkpoint *c, const struct vs_table *t)
{
    const enum vs_dtype dtype = c->tensors[t->tensor].dtype;
    return t->axis == 0 && (vs_dtype_is_float(dtype) || vs_quant_elements(dtype));
}

/* Reads the rows of a table window by window, within run->memory: one thing to do for each window. The buffer and the
 * open file live for one scan. Rows of block dtypes come as float32; from vs_scan_stored, with the dtype and the bytes of the
 * file (cols counts values all the same). tap: sees what is read, or NULL. */
typedef enum vs_code (*vs_row_visitor)(void *user, const struct vs_rows *window, struct vs_err *err);
enum vs_code vs_scan_rows(const struct vs_checkpoint *c, const struct vs_table *table, uint64_t begin, uint64_t end,
                          const struct vs_run *run, const char *what, const struct vs_tap *tap, vs_row_visitor visit, void *user,
                          struct vs_err *err) VS_NODISCARD;
enum vs_code vs_scan_stored(const struct vs_checkpoint *c, const struct vs_table *table, uint64_t begin, uint64_t end,
                            const struct vs_run *run, const char *what, vs_row_visitor visit, void *user, struct vs_err *err) VS_NODISCARD;
void vs_sort_values(double *values, uint64_t count); /* ascending */
/* Bytes of a row in the file; 0 where rows do not lie one behind the other in whole bytes. */
uint64_t vs_row_bytes(const struct vs_checkpoint *c, const struct vs_table *t);

#endif
