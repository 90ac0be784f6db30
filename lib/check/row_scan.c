/* SPDX-License-Identifier: Apache-2.0
 *
 * A table, window by window.
 */
#include <stdlib.h>
#include "base/run.h"
#include "check/facts.h"

uint64_t vs_row_bytes(const struct vs_checkpoint *c, const struct vs_table *t)
{
    uint64_t bytes = 0;
    bool lies_apart = t->axis != 0 && t->cols != 1; /* [1, V] lies like [V] */
    return !lies_apart && vs_dtype_row_bytes(c->tensors[t->tensor].dtype, t->cols, &bytes) ? bytes : 0;
}

struct scan {
    const struct vs_checkpoint *c;
    const struct vs_table *table;
    const struct vs_tap *tap;
    struct vs_file file;
    uint64_t row_bytes, window;
    bool widen;
    void *stored; float *wide; /* wide: NULL when rows are handed out as they are stored */
};

static enum vs_code open_scan(struct scan *s, const char *name, struct vs_err *err)
{
    s->stored = vs_malloc(s->window * s->row_bytes + 1);
    if (s->stored && s->widen)
        s->wide = vs_malloc(s->window * s->table->cols * sizeof *s->wide);
    if (!s->stored || (s->widen && !s->wide))
        return vs_enomem(err, "a window of rows", s->window * s->row_bytes);
    return vs_file_open(name, &s->file, err);
}

/* Rows [row, row + count) as a window for the visitor. */
static enum vs_code read_window(struct scan *s, uint64_t row, uint64_t count, struct vs_rows *out, struct vs_err *err)
{
    const struct vs_tensor *t = &s->c->tensors[s->table->tensor];
    enum vs_code code = vs_file_pread(&s->file, t->begin + row * s->row_bytes, s->stored, count * s->row_bytes, err);
    *out = (struct vs_rows){s->stored, t->dtype, row, count, s->table->rows, s->table->cols};
    if (!code && s->tap)
        (void)s->tap->saw(s->tap->user, &s->file, t->file, t->begin + row * s->row_bytes, s->stored, count * s->row_bytes);
    if (code || !s->wide)
        return code;
    out->data = s->wide;
    out->dtype = VS_F32;
    return vs_k_to_f32(s->stored, t->dtype, count * s->table->cols, s->wide, err);
}

static enum vs_code scan(struct scan *s, uint64_t begin, uint64_t end, const struct vs_run *run, const char *what, vs_row_visitor visit,
                         void *user, struct vs_err *err)
{
    const struct vs_tensor *t = &s->c->tensors[s->table->tensor];
    uint64_t memory = run->memory ? run->memory : VS_MEMORY_DEFAULT;
    s->row_bytes = vs_row_bytes(s->c, s->table);
    if (!s->row_bytes)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: %.*s: rows of dtype %s along axis %u are not read", s->c->files[t->file].name, VS_STR(t->name),
                       vs_dtype_name(t->dtype), s->table->axis);
    if (begin >= end)
        return VS_OK;
    s->window = memory / 2 / (s->row_bytes + (s->widen ? s->table->cols * sizeof *s->wide : 0)); /* the other half is the visitor's */
    s->window = s->window ? s->window : 1;
    s->window = s->window < end - begin ? s->window : end - begin;
    enum vs_code code = open_scan(s, s->c->files[t->file].path, err);
    struct vs_task task;
    vs_task_begin(&task, run, what, (end - begin) * s->row_bytes);
    for (uint64_t row = begin; !code && row < end; row += s->window) {
        uint64_t count = end - row < s->window ? end - row : s->window;
        struct vs_rows w;
        code = read_window(s, row, count, &w, err);
        if (!code)
            code = visit(user, &w, err);
        if (!code)
            code = vs_task_step(&task, count * s->row_bytes, err);
    }
    return code ? code : vs_file_unchanged(&s->file, err);
}

static enum vs_code run_scan(struct scan *s, uint64_t begin, uint64_t end, const struct vs_run *run, const char *what, vs_row_visitor visit,
                             void *user, struct vs_err *err)
{
    enum vs_code code = scan(s, begin, end, run, what, visit, user, err);
    vs_file_close(&s->file);
    vs_free(s->stored);
    vs_free(s->wide);
    return code;
}

enum vs_code vs_scan_rows(const struct vs_checkpoint *c, const struct vs_table *table, uint64_t begin, uint64_t end,
                          const struct vs_run *run, const char *what, const struct vs_tap *tap, vs_row_visitor visit, void *user,
                          struct vs_err *err)
{
    struct scan s = {.c = c, .table = table, .tap = tap, .file = {.fd = -1}, .widen = vs_quant_elements(c->tensors[table->tensor].dtype) != 0};
    return run_scan(&s, begin, end, run, what, visit, user, err);
}

enum vs_code vs_scan_stored(const struct vs_checkpoint *c, const struct vs_table *table, uint64_t begin, uint64_t end,
                            const struct vs_run *run, const char *what, vs_row_visitor visit, void *user, struct vs_err *err)
{
    struct scan s = {.c = c, .table = table, .file = {.fd = -1}};
    return run_scan(&s, begin, end, run, what, visit, user, err);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void vs_sort_values(double *values, uint64_t count)
{
    qsort(values, count, sizeof *values, by_value);
}
