/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "checks.h"
#include "canon.h"
#include "cuda/measure.h"

static const enum vs_dtype dtypes[] = {VS_BF16, VS_F16, VS_F32, VS_F64};
static const struct { uint32_t rows, cols; } shapes[] = {
    {1, 1}, {2, 3}, {7, 15}, {3, 16}, {33, 17}, {5, 31}, {65, 32}, {9, 127}, {4, 128}, {17, 129}, {2, 257}, {6, 512}, {3, 1031},
    {270, 5}, {4099, 1024}, /* the last one for large runs only */
};
#define SHAPES (sizeof shapes / sizeof *shapes)

static struct vs_rows window_of(struct run *r, uint64_t rows, uint64_t cols, enum vs_dtype dtype, enum fill how)
{
    const uint64_t first = below(r, 100), beyond = below(r, 100);
    void *data = take_odd(r, rows * cols * vs_float_size(dtype));
    fill(r, data, dtype, rows * cols, how);
    return (struct vs_rows){data, dtype, first, rows, first + rows + beyond, cols};
}

typedef void case_fn(struct run *r, struct vs_rows w, enum fill how);

/* Every shape with every dtype and every kind of data; small chunks, so that a device needs several. */
static void over_shapes(struct run *r, case_fn *one)
{
    for (unsigned s = 0; s < SHAPES - !r->large; s++)
        for (unsigned d = 0; d < 4; d++)
            for (unsigned how = FILL_VALUES; how <= FILL_EDGES; how++) {
                describe(r, "%u rows of %u %s, data %u", shapes[s].rows, shapes[s].cols, vs_dtype_name(dtypes[d]), how);
                if (vs_dev_kind_of(r->dev) == VS_DEV_CUDA)
                    vs_cuda_tune(r->dev, s % 2 ? 1u << (8 + below(r, 8)) : 64u << 20, false);
                one(r, window_of(r, shapes[s].rows, shapes[s].cols, dtypes[d], (enum fill)how), (enum fill)how);
                release(r);
            }
}

static void gather_case(struct run *r, struct vs_rows w, enum fill how)
{
    const uint64_t n = 1 + below(r, 70), cap = below(r, 5);
    const struct vs_k_range ranges[2] = {{w.first / 2, w.first + w.count / 2}, {w.first + w.count / 2 + 1, w.total + 10}};
    const uint32_t range_count = (uint32_t)below(r, 3);
    int64_t *ids = take(r, n * sizeof *ids);
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t kind = below(r, 8);
        ids[i] = kind ? (int64_t)(w.first + below(r, w.count)) : (int64_t)below(r, w.total + 20) - 10;
        if (kind == 1)
            ids[i] = (int64_t)(below(r, 2) ? next_random(r) : (uint64_t)INT64_MIN + below(r, 2));
    }
    float *a = take(r, n * w.cols * 4), *b = take(r, n * w.cols * 4);
    struct vs_k_bad *x = take(r, cap * sizeof *x), *y = take(r, cap * sizeof *y);
    uint64_t counts[2] = {1, 2};
    BOTH(r, vs_k_gather(r->ref, &w, ids, n, ranges, range_count, a, x, cap, &counts[0], &err_),
         vs_k_gather(r->dev, &w, ids, n, ranges, range_count, b, y, cap, &counts[1], &err_));
    same(r, "row", a, b, n * w.cols * 4);
    same(r, "offender", x, y, cap * sizeof *x);
    expect(r, "the counts of offenders differ", counts[0] == counts[1]);
    BOTH(r, vs_k_gather(r->ref, &w, ids, n, ranges, range_count, NULL, x, cap, &counts[0], &err_),
         vs_k_gather(r->dev, &w, ids, n, ranges, range_count, NULL, y, cap, &counts[1], &err_));
    same(r, "offender without rows", x, y, cap * sizeof *x);
    expect(r, "the counts of offenders without rows differ", counts[0] == counts[1]);
}

/* Field by field: there may be padding between them. */
static void same_rows(struct run *r, const struct vs_k_row *a, const struct vs_k_row *b, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        same(r, "count of NaN", &a[i].nan, &b[i].nan, sizeof a->nan);
        same(r, "count of Inf", &a[i].inf, &b[i].inf, sizeof a->inf);
        same(r, "highest magnitude", &a[i].max_abs, &b[i].max_abs, sizeof a->max_abs);
        same(r, "sum of squares", &a[i].sum_squares, &b[i].sum_squares, sizeof a->sum_squares);
        same(r, "hash", &a[i].hash, &b[i].hash, sizeof a->hash);
    }
}

static void same_max(struct run *r, const struct vs_k_max *a, const struct vs_k_max *b, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        same(r, "position", &a[i].index, &b[i].index, sizeof a->index);
        same(r, "value", &a[i].value, &b[i].value, sizeof a->value);
        same(r, "count of NaN", &a[i].nan, &b[i].nan, sizeof a->nan);
        same(r, "count of Inf", &a[i].inf, &b[i].inf, sizeof a->inf);
    }
}

static void row_stats_case(struct run *r, struct vs_rows w, enum fill how)
{
    struct vs_k_row *a = take(r, w.count * sizeof *a), *b = take(r, w.count * sizeof *b);
    BOTH(r, vs_k_row_stats(r->ref, &w, a, &err_), vs_k_row_stats(r->dev, &w, b, &err_));
    same_rows(r, a, b, w.count);
}

static uint64_t *bitmap(struct run *r, uint64_t bits)
{
    const uint64_t words = (bits + 63) / 64;
    uint64_t *p = take(r, words * 8);
    for (uint64_t i = 0; i < words; i++)
        p[i] = below(r, 4) ? next_random(r) | next_random(r) : below(r, 2) ? UINT64_MAX : 0;
    return p;
}

static double *doubles(struct run *r, uint64_t n)
{
    double *p = take(r, n * 8);
    fill(r, p, VS_F64, n, FILL_VALUES);
    return p;
}

static double *copy_of(struct run *r, const double *from, uint64_t n)
{
    double *p = take(r, n * 8);
    memcpy(p, from, n * 8);
    return p;
}

static void column_sums_case(struct run *r, struct vs_rows w, enum fill how)
{
    if (how == FILL_EDGES) /* some rows without specials, so that there is something to add */
        for (uint64_t i = 0; i < w.count; i += 2)
            memset((char *)(uintptr_t)w.data + i * w.cols * vs_float_size(w.dtype), 0x31, w.cols * vs_float_size(w.dtype));
    uint64_t *use = below(r, 2) ? bitmap(r, w.total) : NULL;
    const double *center = below(r, 2) ? doubles(r, w.cols) : NULL;
    const bool squares = below(r, 4);
    double *sum = doubles(r, w.cols), *sum2 = copy_of(r, sum, w.cols);
    double *sq = doubles(r, w.cols), *sq2 = copy_of(r, sq, w.cols);
    uint64_t added[2] = {10, 10};
    BOTH(r, vs_k_column_sums(r->ref, &w, use, center, sum, squares ? sq : NULL, &added[0], &err_),
         vs_k_column_sums(r->dev, &w, use, center, sum2, squares ? sq2 : NULL, &added[1], &err_));
    same(r, "sum", sum, sum2, w.cols * 8);
    same(r, "sum of squares", sq, sq2, w.cols * 8);
    expect(r, "the counts of rows differ", added[0] == added[1]);
}

static void noise_case(struct run *r, struct vs_rows w, enum fill how)
{
    const uint64_t rows = w.count < 40 || r->large ? w.count : 40, bytes = rows * w.cols * vs_float_size(w.dtype);
    struct vs_k_key *keys = take(r, rows * sizeof *keys);
    for (uint64_t i = 0; i < rows; i++)
        keys[i] = vs_k_key_make(next_random(r), (uint32_t)i, &i, below(r, 9));
    const double *shift = doubles(r, w.cols);
    double *scale = how == FILL_EDGES ? NULL : doubles(r, w.cols);
    for (uint64_t c = 0; c < w.cols && how == FILL_BITS; c++)
        scale[c] *= ldexp(1, (int)below(r, 60) - 40); /* subnormal and infinite results */
    void *a = take_odd(r, bytes), *b = take_odd(r, bytes);
    BOTH(r, vs_k_affine_noise(r->ref, shift, scale, w.cols, keys, rows, w.dtype, a, &err_),
         vs_k_affine_noise(r->dev, shift, scale, w.cols, keys, rows, w.dtype, b, &err_));
    same(r, "row", a, b, bytes);
}

static void combine_case(struct run *r, struct vs_rows w, enum fill how)
{
    const uint64_t rows = 1 + below(r, 20), bytes = rows * w.cols * vs_float_size(w.dtype);
    uint64_t *starts = take(r, (rows + 1) * 8);
    starts[0] = below(r, 3);
    for (uint64_t i = 0; i < rows; i++)
        starts[i + 1] = starts[i] + 1 + below(r, 6);
    uint64_t *pieces = take(r, starts[rows] * 8);
    for (uint64_t i = 0; i < starts[rows]; i++)
        pieces[i] = w.first + below(r, w.count);
    double *weights = below(r, 2) ? doubles(r, starts[rows]) : NULL;
    void *a = take_odd(r, bytes), *b = take_odd(r, bytes);
    BOTH(r, vs_k_combine(r->ref, &w, starts, pieces, weights, rows, a, &err_),
         vs_k_combine(r->dev, &w, starts, pieces, weights, rows, b, &err_));
    same(r, "row", a, b, bytes);
}

static void head_probe_case(struct run *r, struct vs_rows w, enum fill how)
{
    const uint64_t probes = 1 + below(r, 11), logits = probes * w.count * 4;
    float *hidden = take(r, probes * w.cols * 4), *bias = below(r, 2) ? take(r, w.count * 4) : NULL;
    fill(r, hidden, VS_F32, probes * w.cols, how == FILL_EDGES ? FILL_EDGES : FILL_VALUES);
    if (bias)
        fill(r, bias, VS_F32, w.count, how);
    float *a = take(r, logits), *b = take(r, logits);
    BOTH(r, vs_k_head_probe(r->ref, &w, hidden, probes, bias, a, &err_), vs_k_head_probe(r->dev, &w, hidden, probes, bias, b, &err_));
    same(r, "logit", a, b, logits);
}

static void argmax_case(struct run *r, struct vs_rows w, enum fill how)
{
    if (w.dtype != VS_F32)
        return;
    uint64_t *use = below(r, 2) ? bitmap(r, w.cols) : NULL;
    float *logits = take(r, w.count * w.cols * 4);
    memcpy(logits, w.data, w.count * w.cols * 4);
    for (uint64_t i = 0; i < w.count * w.cols && how == FILL_VALUES; i += 1 + below(r, 5))
        logits[i] = logits[below(r, i + 1)]; /* ties */
    struct vs_k_max *a = take(r, w.count * sizeof *a), *b = take(r, w.count * sizeof *b);
    BOTH(r, vs_k_argmax(r->ref, logits, w.count, w.cols, use, a, &err_), vs_k_argmax(r->dev, logits, w.count, w.cols, use, b, &err_));
    same_max(r, a, b, w.count);
}

static void check_gather(struct run *r) { over_shapes(r, gather_case); }
static void check_row_stats(struct run *r) { over_shapes(r, row_stats_case); }
static void check_column_sums(struct run *r) { over_shapes(r, column_sums_case); }
static void check_noise(struct run *r) { over_shapes(r, noise_case); }
static void check_combine(struct run *r) { over_shapes(r, combine_case); }
static void check_head_probe(struct run *r) { over_shapes(r, head_probe_case); }
static void check_argmax(struct run *r) { over_shapes(r, argmax_case); }

/* Sums of a table do not depend on the windows it came in, nor do gathered rows. */
static void check_windows(struct run *r)
{
    for (unsigned d = 0; d < 4; d++) {
        describe(r, "windows of a table of %s", vs_dtype_name(dtypes[d]));
        const uint64_t rows = 200, cols = 37, n = 300;
        struct vs_rows whole = window_of(r, rows, cols, dtypes[d], FILL_VALUES);
        const struct vs_k_range range = {whole.first + 3, whole.first + rows - 3};
        whole.total = whole.first + rows;
        int64_t *ids = take(r, n * 8);
        for (uint64_t i = 0; i < n; i++)
            ids[i] = (int64_t)(whole.first + below(r, rows + 5));
        double *sum = doubles(r, cols), *sum2 = copy_of(r, sum, cols);
        float *a = take(r, n * cols * 4), *b = take(r, n * cols * 4);
        uint64_t added[2] = {0, 0};
        for (uint64_t at = 0, step; at < rows; at += step) {
            step = 1 + below(r, 60);
            step = step < rows - at ? step : rows - at;
            struct vs_rows part = whole;
            part.data = (const char *)whole.data + at * cols * vs_float_size(whole.dtype);
            part.first += at;
            part.count = step;
            BOTH(r, VS_OK, vs_k_column_sums(r->dev, &part, NULL, NULL, sum2, NULL, &added[1], &err_));
            BOTH(r, VS_OK, vs_k_gather(r->dev, &part, ids, n, &range, 1, b, NULL, 0, NULL, &err_));
        }
        BOTH(r, vs_k_column_sums(r->ref, &whole, NULL, NULL, sum, NULL, &added[0], &err_),
             vs_k_gather(r->ref, &whole, ids, n, &range, 1, a, NULL, 0, NULL, &err_));
        same(r, "sum", sum, sum2, cols * 8);
        same(r, "gathered row", a, b, n * cols * 4);
        expect(r, "the counts of rows differ", added[0] == added[1] && added[0] == rows);
        release(r);
    }
}

const struct check checks[] = {
    {"gather", check_gather},   {"row_stats", check_row_stats},   {"column_sums", check_column_sums}, {"noise", check_noise},
    {"combine", check_combine}, {"head_probe", check_head_probe}, {"argmax", check_argmax},           {"windows", check_windows},
    {"quant_golden", check_quant_golden}, {"dequant", check_dequant}, {"dequant_mxfp4", check_dequant_mxfp4},
    {"quant_refused", check_quant_refused}, {"elementary", check_elementary}, {"linear", check_linear}, {"together", check_together}, {"fast", check_fast}, {"norm", check_norm},
    {"rope", check_rope}, {"attend", check_attend}, {"attend_fast", check_attend_fast}, {"act", check_act}, {"add_scale", check_add_scale},
    {"move_rows", check_move_rows}, {"route", check_route}, {"look", check_look}, {"logit_tile", check_logit_tile}, {"choose", check_choose}, {"compare", check_compare},
    {"memory", check_memory}, {"forward_refused", check_forward_refused}, {"forward_golden", check_forward_golden},
};
const unsigned check_count = sizeof checks / sizeof *checks;
