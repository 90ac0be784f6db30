/* SPDX-License-Identifier: Apache-2.0
 *
 * New rows. They are made in runs of one method, in batches that fit the workspace; what a batch is never shows in
 * the result.
 */
#include <stdlib.h>
#include "exec/exec.h"

/* Rows without a token are told apart by their number: a byte that begins no UTF-8 text, then the id. */
#define NUMBER_KEY 9

static struct vs_k_key key_of(const struct vs_job *j, const struct vs_table_io *io, const struct vs_row_init *init, uint64_t row)
{
    unsigned char number[NUMBER_KEY] = {0xff};
    for (int b = 0; b < 8; b++)
        number[1 + b] = (unsigned char)(row >> (8 * b));
    if (init->token.n)
        return vs_k_key_make(j->run->seed, (uint32_t)io->role, init->token.p, init->token.n);
    return vs_k_key_make(j->run->seed, (uint32_t)io->role, number, sizeof number);
}

static enum vs_code write_rows(struct vs_job *j, struct vs_table_io *io, uint64_t row, const void *p, uint64_t count, struct vs_err *err)
{
    size_t bytes = (size_t)(count * io->row_bytes);
    enum vs_code code = vs_pwrite_all(io->dst_fd, io->dst->path, io->dst_at + row * io->row_bytes, p, bytes, err);
    j->report.bytes_written += bytes;
    return code ? code : vs_task_step(&j->task, bytes, err);
}

/* All rows alike: zero, mean or a copied row fills the workspace once and is written as often as needed. */
static enum vs_code repeat(struct vs_job *j, struct vs_table_io *io, const struct vs_row_init *run, uint64_t count, struct vs_err *err)
{
    uint64_t most = j->work_size / io->row_bytes, fill = count < most ? count : most;
    enum vs_code code = VS_OK;
    struct vs_k_key no_key = {0};
    if (run->init.method == VS_INIT_ZERO)
        memset(j->work, 0, (size_t)io->row_bytes);
    else if (run->init.method == VS_INIT_MEAN)
        code = vs_k_affine_noise(j->dev, io->sum, NULL, io->cols, &no_key, 1, io->dtype, j->work, err);
    else
        code = vs_file_pread(io->src, io->src_at + run->init.copy_id * io->row_bytes, j->work, (size_t)io->row_bytes, err);
    for (uint64_t i = 1; !code && i < fill; i++)
        memcpy(j->work + i * io->row_bytes, j->work, (size_t)io->row_bytes);
    for (uint64_t done = 0; !code && done < count; done += fill)
        code = write_rows(j, io, run->row + done, j->work, count - done < fill ? count - done : fill, err);
    return code;
}

static enum vs_code noise(struct vs_job *j, struct vs_table_io *io, const struct vs_row_init *run, uint64_t count, struct vs_err *err)
{
    uint64_t most = j->work_size / (io->row_bytes + sizeof(struct vs_k_key)), first = run->row;
    enum vs_code code = VS_OK;
    most = most ? most : 1;
    struct vs_k_key *keys = vs_calloc(count < most ? count : most, sizeof *keys);
    if (!keys)
        return vs_enomem(err, "the keys of a batch", most * sizeof *keys);
    for (uint64_t done = 0; !code && done < count; done += most) {
        uint64_t rows = count - done < most ? count - done : most;
        for (uint64_t i = 0; i < rows; i++) {
            uint64_t row = first + done + i;
            run += row == run->row + run->count;
            keys[i] = key_of(j, io, run, row);
        }
        code = vs_k_affine_noise(j->dev, io->sum, io->deviation, io->cols, keys, rows, io->dtype, j->work, err);
        if (!code)
            code = write_rows(j, io, first + done, j->work, rows, err);
    }
    vs_free(keys);
    return code;
}

/* ---- pieces ---- */

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct batch {
    uint64_t rows, pieces;      /* of this batch */
    uint64_t *starts, *ids;     /* starts[rows + 1], ids[pieces]: positions in the window once mapped */
    uint64_t *unique; uint64_t unique_count;
};

/* As many rows as the workspace holds together with the old rows that they are made of; at least one. */
static void choose(const struct vs_job *j, const struct vs_table_io *io, const struct vs_row_init *run, uint64_t count, struct batch *b)
{
    uint64_t slots = j->work_size / io->row_bytes, used = 0;
    b->rows = b->pieces = 0;
    while (b->rows < count) {
        uint64_t more = 1 + (uint64_t)run[b->rows].piece_count;
        if (b->rows > 0 && used + more > slots)
            break;
        used += more;
        b->pieces += run[b->rows].piece_count;
        b->rows++;
    }
}

static void map_pieces(const struct vs_row_init *run, struct batch *b)
{
    uint64_t n = 0;
    for (uint64_t r = 0; r < b->rows; r++) {
        b->starts[r] = n;
        for (uint32_t k = 0; k < run[r].piece_count; k++)
            b->ids[n++] = run[r].pieces[k];
    }
    b->starts[b->rows] = n;
    memcpy(b->unique, b->ids, n * sizeof *b->ids);
    qsort(b->unique, n, sizeof *b->unique, by_value);
    b->unique_count = 0;
    for (uint64_t i = 0; i < n; i++)
        if (i == 0 || b->unique[i] != b->unique[i - 1])
            b->unique[b->unique_count++] = b->unique[i];
    for (uint64_t i = 0; i < n; i++)
        b->ids[i] = (uint64_t)((uint64_t *)bsearch(&b->ids[i], b->unique, b->unique_count, sizeof *b->unique, by_value) - b->unique);
}

/* The old rows a batch needs, in ascending order; neighbours in one read. */
static enum vs_code read_pieces(struct vs_job *j, struct vs_table_io *io, const struct batch *b, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint64_t i = 0, n; !code && i < b->unique_count; i += n) {
        for (n = 1; i + n < b->unique_count && b->unique[i + n] == b->unique[i] + n; n++)
            ;
        code = vs_file_pread(io->src, io->src_at + b->unique[i] * io->row_bytes, j->work + i * io->row_bytes, (size_t)(n * io->row_bytes), err);
    }
    return code;
}

static enum vs_code combine(struct vs_job *j, struct vs_table_io *io, const struct vs_row_init *run, struct batch *b, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    b->starts = vs_calloc(b->rows + 1, sizeof *b->starts);
    b->ids = vs_calloc(b->pieces, sizeof *b->ids);
    b->unique = vs_calloc(b->pieces, sizeof *b->unique);
    if (!b->starts || !b->ids || !b->unique) {
        code = vs_enomem(err, "the pieces of a batch", b->pieces * 16);
        goto out;
    }
    map_pieces(run, b);
    if ((b->unique_count + b->rows) * io->row_bytes > j->work_size) {
        code = vs_fail(err, VS_ELIMIT, "%.*s is made of %u pieces: more rows than half of --memory holds; raise it", VS_STR(run->token),
                       run->piece_count);
        goto out;
    }
    struct vs_rows window = {j->work, io->dtype, 0, b->unique_count, b->unique_count, io->cols};
    char *rows = j->work + b->unique_count * io->row_bytes;
    if (!(code = read_pieces(j, io, b, err)))
        code = vs_k_combine(j->dev, &window, b->starts, b->ids, NULL, b->rows, rows, err);
    if (!code)
        code = write_rows(j, io, run->row, rows, b->rows, err);
out:
    vs_free(b->starts);
    vs_free(b->ids);
    vs_free(b->unique);
    return code;
}

static enum vs_code pieces(struct vs_job *j, struct vs_table_io *io, const struct vs_row_init *run, uint64_t count, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint64_t done = 0; !code && done < count;) {
        struct batch b = {0};
        choose(j, io, run + done, count - done, &b);
        code = combine(j, io, run + done, &b, err);
        done += b.rows;
    }
    return code;
}

enum vs_code vs_table_init(struct vs_job *j, struct vs_table_io *io, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint64_t i = 0, n; !code && i < io->plan->init_count; i += n) {
        const struct vs_row_init *run = &io->inits[i];
        for (n = 1; i + n < io->plan->init_count && vs_init_continues(&run[n - 1], &run[n]); n++)
            ;
        uint64_t rows = run[n - 1].row + run[n - 1].count - run->row;
        if (run->init.method == VS_INIT_PIECES)
            code = pieces(j, io, run, n, err);
        else if (run->init.method == VS_INIT_NORMAL)
            code = noise(j, io, run, rows, err);
        else
            code = repeat(j, io, run, rows, err);
    }
    return code;
}
