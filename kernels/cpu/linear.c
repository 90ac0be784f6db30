/* SPDX-License-Identifier: Apache-2.0
 *
 * Matrix products: rows of weights become float32 once, in a panel that stays in the cache, and meet the tokens there.
 */
#include "canon.h"
#include "dots.h"
#include "forward.h"
#include "unpack.h"

#define PANEL_BYTES (384u << 10)

struct linear_job {
    const struct vs_mat *w;
    const float *x, *bias;
    uint64_t x_stride, m;
    float *y;
    uint64_t y_stride;
    vs_cpu_unpack_fn *unpack;
    vs_cpu_row_dots_fn *row_dots;
    vs_cpu_dots_fn *dots;
    struct vs_cpu *cpu;
    uint64_t panel_stride, panel_rows; /* floats from row to row */
};

/* A token tile with a row tile; rows counted from the first of the panel. */
VS_BODY void one_tile(const struct linear_job *j, const float *const *x, unsigned m, uint64_t token, const float *const *w, unsigned rows,
                      uint64_t row)
{
    float out[32];
    j->dots(x, m, w, rows, j->w->cols, out);
    for (unsigned i = 0; i < m; i++)
        for (unsigned r = 0; r < rows; r++) {
            const float dot = out[i * VS_TILE_ROWS + r];
            j->y[(token + i) * j->y_stride + row + r] = vs_quiet(j->bias ? dot + j->bias[row + r] : dot);
        }
}

static void one_panel(const struct linear_job *j, uint64_t begin, uint64_t end)
{
    const bool as_is = j->w->dtype == VS_F32 && ((uintptr_t)j->w->data | j->w->stride) % sizeof(float) == 0;
    float *panel = vs_cpu_scratch(j->cpu);
    for (uint64_t r = begin; r < end && !as_is; r++)
        j->unpack(j->w, r, panel + (r - begin) * j->panel_stride);
    for (uint64_t token = 0; token < j->m; token += VS_TILE_TOKENS) {
        const unsigned m = j->m - token < VS_TILE_TOKENS ? (unsigned)(j->m - token) : VS_TILE_TOKENS;
        const float *x[VS_TILE_TOKENS];
        for (unsigned i = 0; i < m; i++)
            x[i] = j->x + (token + i) * j->x_stride;
        for (uint64_t row = begin; row < end; row += VS_TILE_ROWS) {
            const unsigned rows = end - row < VS_TILE_ROWS ? (unsigned)(end - row) : VS_TILE_ROWS;
            const float *w[VS_TILE_ROWS];
            for (unsigned r = 0; r < VS_TILE_ROWS; r++) {
                const uint64_t at = row + (r < rows ? r : rows - 1);
                w[r] = as_is ? (const float *)(const void *)vs_mat_row(j->w, at) : panel + (at - begin) * j->panel_stride;
            }
            one_tile(j, x, m, token, w, rows, row);
        }
    }
}

static void linear_rows(const void *job, uint64_t begin, uint64_t end)
{
    const struct linear_job *j = job;
    for (; begin < end; begin += j->panel_rows)
        one_panel(j, begin, end - begin < j->panel_rows ? end : begin + j->panel_rows);
}

/* One token: every row is read once, straight into its product. */
static void linear_one(const void *job, uint64_t begin, uint64_t end)
{
    const struct linear_job *j = job;
    j->row_dots(j->w, begin, end - begin, j->x, j->y + begin);
    for (uint64_t r = begin; r < end; r++)
        j->y[r] = vs_quiet(j->bias ? j->y[r] + j->bias[r] : j->y[r]);
}

static vs_cpu_fn *const one[VS_CPU_LEVELS] = VS_CPU_SAME(linear_one);
static vs_cpu_fn *const linear[VS_CPU_LEVELS] = VS_CPU_SAME(linear_rows);

static uint64_t panel_stride(uint64_t cols)
{
    return (cols + 31) / 16 * 16;
}

enum vs_code vs_cpu_linear_reserve(struct vs_dev *dev, uint64_t cols, struct vs_err *err)
{
    const uint64_t tile = panel_stride(cols) * sizeof(float) * VS_TILE_ROWS;
    return vs_cpu_scratch_room((struct vs_cpu *)dev, tile > PANEL_BYTES ? tile : PANEL_BYTES, err);
}

/* Rows of a panel: whole tiles; with few tokens so few that they stay in the innermost cache, otherwise so many that the
 * tokens are fetched rarely; and several panels for each thread. */
static uint64_t panel_rows(const struct linear_job *j, unsigned threads)
{
    uint64_t tiles = PANEL_BYTES / (j->panel_stride * sizeof(float) * VS_TILE_ROWS), share = j->w->rows / (threads * 6 * VS_TILE_ROWS);
    if (j->m <= VS_TILE_TOKENS)
        return VS_TILE_ROWS;
    tiles = tiles < share ? tiles : share;
    return (tiles ? tiles : 1) * VS_TILE_ROWS;
}

/* Rows at a time with one token: whole groups; long pieces, since what is asked for ahead of the end of one is read in vain,
 * and several of them for each thread. */
static uint64_t one_rows(const struct vs_mat *w, unsigned threads)
{
    const uint64_t most = 256u << 10, least = 16u << 10, share = w->rows * w->stride / (threads * 4);
    const uint64_t bytes = share > most ? most : share < least ? least : share;
    return (bytes / w->stride / VS_ROWS_AT_ONCE + 1) * VS_ROWS_AT_ONCE;
}

enum vs_code vs_cpu_linear(struct vs_dev *dev, const struct vs_mat *w, const float *x, uint64_t x_stride, uint64_t m,
                           const float *bias, float *y, uint64_t y_stride, struct vs_err *err)
{
    struct vs_cpu *cpu = (struct vs_cpu *)dev;
    struct linear_job job = {w, x, bias, x_stride, m, y, y_stride, vs_cpu_unpack[cpu->level], vs_cpu_row_dots[cpu->level],
                             vs_cpu_dots[cpu->level], cpu, panel_stride(w->cols), 0};
    if (m == 1 && vs_cpu_in_vectors(w)) {
        vs_cpu_for(dev, one, &job, w->rows, one_rows(w, cpu->threads));
        return VS_OK;
    }
    job.panel_rows = panel_rows(&job, cpu->threads);
    const enum vs_code code = vs_cpu_linear_reserve(dev, w->cols, err);
    if (!code)
        vs_cpu_for(dev, linear, &job, w->rows, job.panel_rows);
    return code;
}
