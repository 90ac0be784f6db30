/* SPDX-License-Identifier: Apache-2.0
 *
 * Is a stored head the input table? The config only says what the author meant; the bytes say what is stored.
 */
#include "exec/exec.h"

static enum vs_code open_table(const struct vs_job *j, const struct vs_table_plan *t, struct vs_file *f, const struct vs_tensor **tensor,
                               struct vs_err *err)
{
    const struct vs_checkpoint *c = j->plan->checkpoint;
    *tensor = &c->tensors[c->tables[t->table].tensor];
    return vs_file_open(c->files[(*tensor)->file].path, f, err);
}

enum vs_code vs_tables_equal(struct vs_job *j, const struct vs_table_plan *a, const struct vs_table_plan *b, bool *equal, struct vs_err *err)
{
    const struct vs_tensor *s, *t = NULL;
    struct vs_file f = {.fd = -1}, g = {.fd = -1};
    size_t half = j->work_size / 2;
    enum vs_code code = open_table(j, a, &f, &s, err);
    if (!code)
        code = open_table(j, b, &g, &t, err);
    if (code)
        goto out;
    *equal = s->dtype == t->dtype && s->end - s->begin == t->end - t->begin;
    for (uint64_t at = 0, n; !code && *equal && at < s->end - s->begin; at += n) {
        n = s->end - s->begin - at < half ? s->end - s->begin - at : half;
        if (!(code = vs_file_pread(&f, s->begin + at, j->work, (size_t)n, err)))
            code = vs_file_pread(&g, t->begin + at, j->work + half, (size_t)n, err);
        if (!code)
            *equal = memcmp(j->work, j->work + half, (size_t)n) == 0;
        if (!code)
            code = vs_task_step(&j->task, 0, err);
    }
out:
    vs_file_close(&f);
    vs_file_close(&g);
    return code;
}
