/* SPDX-License-Identifier: Apache-2.0
 *
 * One table, streamed: old rows are copied, hashed and summed in one pass; new rows are made from them; at last every
 * range is read back from the output and hashed again. A table is never held.
 */
#include <math.h>
#include "exec/exec.h"

static enum vs_row_state state_of_copy(const struct vs_job *j, uint64_t from)
{
    return from < j->x->base_needed ? VS_ROW_FROZEN : VS_ROW_INERT;
}

static void add_range(struct vs_ranges *r, struct vs_range range)
{
    struct vs_range *last = r->count ? &r->items[r->count - 1] : NULL;
    if (range.begin == range.end)
        return;
    if (last && last->copied == range.copied && last->state == range.state && last->end == range.begin &&
        (!range.copied || last->from + (last->end - last->begin) == range.from)) {
        if (!range.copied && strcmp(last->method, range.method) != 0)
            last->method = "mixed";
        last->end = range.end;
        return;
    }
    r->items[r->count++] = range;
}

/* Copies are cut where the rows in use end; runs of initialised rows are joined. */
enum vs_code vs_table_ranges(struct vs_job *j, const struct vs_table_plan *t, const struct vs_row_init *inits, struct vs_ranges *out,
                             struct vs_err *err)
{
    uint64_t most = 2 * (uint64_t)t->copy_count + 2 * ((uint64_t)t->copy_count + 1) + 2;
    uint32_t c = 0, i = 0;
    out->count = 0;
    if (!(out->items = vs_arena_array(&j->arena, most, sizeof *out->items)))
        return vs_enomem(err, "the ranges of a table", most * sizeof *out->items);
    while (c < t->copy_count || i < t->init_count) {
        if (i < t->init_count && (c == t->copy_count || inits[i].row < t->copies[c].begin)) {
            uint64_t row = inits[i].row, end = row + inits[i].count, cut = j->x->needed < row ? row : j->x->needed < end ? j->x->needed : end;
            const char *method = vs_init_name(inits[i++].init.method);
            add_range(out, (struct vs_range){.begin = row, .end = cut, .state = VS_ROW_TRAINABLE, .method = method});
            add_range(out, (struct vs_range){.begin = cut, .end = end, .state = VS_ROW_INERT, .method = method});
            continue;
        }
        const struct vs_row_copy *copy = &t->copies[c++];
        uint64_t cut = j->x->base_needed > copy->from ? j->x->base_needed - copy->from : 0, n = copy->end - copy->begin;
        cut = cut < n ? cut : n;
        add_range(out, (struct vs_range){.begin = copy->begin, .end = copy->begin + cut, .from = copy->from, .copied = true,
                                         .state = state_of_copy(j, copy->from)});
        add_range(out, (struct vs_range){.begin = copy->begin + cut, .end = copy->end, .from = copy->from + cut, .copied = true,
                                         .state = VS_ROW_INERT});
    }
    return VS_OK;
}

static uint64_t window_rows(const struct vs_job *j, const struct vs_table_io *io)
{
    uint64_t n = j->work_size / io->row_bytes;
    return n ? n : 1;
}

static enum vs_code sum_window(struct vs_job *j, struct vs_table_io *io, uint64_t first, uint64_t count, struct vs_err *err)
{
    struct vs_rows window = {j->work, io->dtype, first, count, io->plan->rows_before, io->cols};
    return io->sum ? vs_k_column_sums(j->dev, &window, j->x->in_use, NULL, io->sum, NULL, &io->rows_used, err) : VS_OK;
}

static enum vs_code copy_range(struct vs_job *j, struct vs_table_io *io, struct vs_range *r, struct vs_err *err)
{
    struct vs_sha256 *hash = vs_sha256_new();
    enum vs_code code = hash ? VS_OK : vs_enomem(err, "a running hash", 0);
    uint64_t step = window_rows(j, io), total = r->end - r->begin;
    for (uint64_t done = 0; !code && done < total; done += step) {
        uint64_t rows = total - done < step ? total - done : step;
        size_t bytes = (size_t)(rows * io->row_bytes);
        code = vs_file_pread(io->src, io->src_at + (r->from + done) * io->row_bytes, j->work, bytes, err);
        if (!code)
            code = vs_pwrite_all(io->dst_fd, io->dst->path, io->dst_at + (r->begin + done) * io->row_bytes, j->work, bytes, err);
        if (!code) {
            vs_sha256_add(hash, j->work, bytes);
            j->report.bytes_written += bytes;
            code = sum_window(j, io, r->from + done, rows, err);
        }
        if (!code)
            code = vs_task_step(&j->task, bytes, err);
    }
    if (code) {
        vs_sha256_drop(hash);
        return code;
    }
    vs_sha256_end(hash, r->before);
    return r->before[0] ? VS_OK : vs_enomem(err, "a hash", 0);
}

/* Deviations need the mean first: a second pass over the input, only when an init method asks for it. */
static enum vs_code deviate(struct vs_job *j, struct vs_table_io *io, struct vs_err *err)
{
    uint64_t step = window_rows(j, io), n = 0;
    enum vs_code code = VS_OK;
    double *again = vs_arena_array(&j->arena, io->cols, sizeof *again);
    if (!again)
        return vs_enomem(err, "column sums", io->cols * sizeof *again);
    for (uint64_t row = 0; !code && row < io->plan->rows_before; row += step) {
        uint64_t rows = io->plan->rows_before - row < step ? io->plan->rows_before - row : step;
        struct vs_rows window = {j->work, io->dtype, row, rows, io->plan->rows_before, io->cols};
        code = vs_file_pread(io->src, io->src_at + row * io->row_bytes, j->work, (size_t)(rows * io->row_bytes), err);
        if (!code)
            code = vs_k_column_sums(j->dev, &window, j->x->in_use, io->sum, again, io->deviation, &n, err);
        if (!code)
            code = vs_task_step(&j->task, rows * io->row_bytes, err);
    }
    for (uint64_t c = 0; !code && c < io->cols; c++)
        io->deviation[c] = sqrt(io->deviation[c] / (double)n);
    return code;
}

/* Sums become means in place. */
static enum vs_code average(struct vs_job *j, struct vs_table_io *io, struct vs_err *err)
{
    if (!io->sum)
        return VS_OK;
    if (io->rows_used == 0)
        return vs_fail(err, VS_EMISMATCH, "%s: no row in use is finite, so there is no mean to start new rows from; use --init zero",
                       io->src->path);
    for (uint64_t c = 0; c < io->cols; c++)
        io->sum[c] /= (double)io->rows_used;
    return io->deviation ? deviate(j, io, err) : VS_OK;
}

static enum vs_code wants(struct vs_job *j, struct vs_table_io *io, struct vs_err *err)
{
    bool mean = false, normal = false;
    for (uint32_t i = 0; i < io->plan->init_count; i++) {
        mean |= io->inits[i].init.method == VS_INIT_MEAN;
        normal |= io->inits[i].init.method == VS_INIT_NORMAL;
    }
    io->sum = io->deviation = NULL;
    if ((mean || normal) && !(io->sum = vs_arena_array(&j->arena, io->cols, sizeof *io->sum)))
        return vs_enomem(err, "column sums", io->cols * sizeof *io->sum);
    if (normal && !(io->deviation = vs_arena_array(&j->arena, io->cols, sizeof *io->deviation)))
        return vs_enomem(err, "column deviations", io->cols * sizeof *io->deviation);
    return VS_OK;
}

enum vs_code vs_job_hash(struct vs_job *j, const struct vs_file *f, uint64_t begin, uint64_t end, char hex[VS_SHA256_HEX], struct vs_err *err)
{
    struct vs_sha256 *hash = vs_sha256_new();
    enum vs_code code = hash ? VS_OK : vs_enomem(err, "a running hash", 0);
    for (uint64_t at = begin, n; !code && at < end; at += n) {
        n = end - at < j->work_size ? end - at : j->work_size;
        if ((code = vs_file_pread(f, at, j->work, (size_t)n, err)))
            break;
        vs_sha256_add(hash, j->work, (size_t)n);
        code = vs_task_step(&j->task, n, err);
    }
    if (code) {
        vs_sha256_drop(hash);
        return code;
    }
    vs_sha256_end(hash, hex);
    return hex[0] ? VS_OK : vs_enomem(err, "a hash", 0);
}

/* What stands in the output is read back; old rows must hash as they did in the input. */
static enum vs_code prove(struct vs_job *j, struct vs_table_io *io, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < io->ranges->count; i++) {
        struct vs_range *r = &io->ranges->items[i];
        code = vs_job_hash(j, io->dst, io->dst_at + r->begin * io->row_bytes, io->dst_at + r->end * io->row_bytes, r->after, err);
        if (!code && r->copied && strcmp(r->before, r->after) != 0)
            code = vs_fail(err, VS_EIO, "%s: rows %llu .. %llu read back differently from what was written", io->dst->path,
                           (unsigned long long)r->begin, (unsigned long long)(r->end - 1));
    }
    return code;
}

enum vs_code vs_table_write(struct vs_job *j, struct vs_table_io *io, struct vs_err *err)
{
    enum vs_code code = wants(j, io, err);
    for (uint32_t i = 0; !code && i < io->ranges->count; i++)
        if (io->ranges->items[i].copied)
            code = copy_range(j, io, &io->ranges->items[i], err);
    if (!code)
        code = average(j, io, err);
    if (!code)
        code = vs_table_init(j, io, err);
    return code ? code : prove(j, io, err);
}
