/* SPDX-License-Identifier: Apache-2.0
 *
 * A table, window by window.
 */
#include "base/run.h"
#include "check/facts.h"

enum vs_code vs_scan_rows(const struct vs_checkpoint *c, const struct vs_table *table, uint64_t begin, uint64_t end,
                          const struct vs_run *run, const char *what, vs_row_visitor visit, void *user, struct vs_err *err)
{
    const struct vs_tensor *t = &c->tensors[table->tensor];
    uint64_t row_bytes = table->cols * vs_dtype_bits(t->dtype) / 8, memory = run->memory ? run->memory : VS_MEMORY_DEFAULT;
    bool lies_apart = table->axis != 0 && table->cols != 1; /* [1, V] lies like [V] */
    if (lies_apart || !row_bytes)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s: rows of dtype %s along axis %u are not read", c->files[t->file].name, VS_STR(t->name),
                       vs_dtype_name(t->dtype), table->axis);
    if (begin >= end)
        return VS_OK;
    uint64_t window = memory / 2 / row_bytes; /* the other half is the visitor's */
    window = window ? window : 1;
    window = window < end - begin ? window : end - begin;
    struct vs_file file = {.fd = -1};
    void *buffer = vs_malloc(window * row_bytes + 1);
    enum vs_code code = buffer ? vs_file_open(c->files[t->file].path, &file, err) : vs_enomem(err, "a window of rows", window * row_bytes);
    struct vs_task task;
    vs_task_begin(&task, run, what, (end - begin) * row_bytes);
    for (uint64_t row = begin; !code && row < end; row += window) {
        uint64_t count = end - row < window ? end - row : window;
        code = vs_file_pread(&file, t->begin + row * row_bytes, buffer, count * row_bytes, err);
        if (!code)
            code = visit(user, &(struct vs_rows){buffer, t->dtype, row, count, table->rows, table->cols}, err);
        if (!code)
            code = vs_task_step(&task, count * row_bytes, err);
    }
    if (!code)
        code = vs_file_unchanged(&file, err);
    vs_file_close(&file);
    vs_free(buffer);
    return code;
}
