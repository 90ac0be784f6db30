/* SPDX-License-Identifier: Apache-2.0
 *
 * The forward pass's operations on rows of activations: products, norms, activations, moves.
 */
#include <stdlib.h>
#include "checks.h"
#include "canon_f32.h"
#include "cuda/measure.h"
#include "mat.h"

/* ---- elementary functions against libm in float64 ---- */

static double ulps(float got, double want)
{
    const float nearest = (float)want;
    int e;
    if (!isfinite(nearest))
        return got == nearest ? 0 : INFINITY;
    frexp(want, &e);
    const double d = fabs((double)got - want) / ldexp(1, e < -125 ? -149 : e - 24);
    return d == d ? d : INFINITY;
}

void check_elementary(struct run *r)
{
    describe(r, "exp, tanh, erf over all exponents");
    double worst[3] = {0, 0, 0};
    for (int i = 0; i < 400000; i++) {
        const float x = vs_bits_f32((uint32_t)next_random(r));
        if (isnan(x))
            continue;
        const double u[3] = {ulps(vs_exp(x), exp(x)), ulps(vs_tanh(x), tanh(x)), ulps(vs_erf(x), erf(x))};
        for (int f = 0; f < 3; f++)
            worst[f] = u[f] > worst[f] ? u[f] : worst[f];
    }
    expect(r, "exp is off by more than 1 unit in the last place", worst[0] <= 1);
    expect(r, "tanh is off by more than 1.5 units in the last place", worst[1] <= 1.5);
    expect(r, "erf is off by more than 2 units in the last place", worst[2] <= 2);
    expect(r, "the exponential of a NaN is none", isnan(vs_exp(NAN)) && isnan(vs_tanh(NAN)) && isnan(vs_erf(NAN)));
    expect(r, "exp at the ends", vs_exp(INFINITY) == INFINITY && vs_exp(-INFINITY) == 0 && vs_exp(0) == 1);
    expect(r, "tanh and erf at the ends", vs_tanh(-INFINITY) == -1 && vs_erf(INFINITY) == 1 && signbit(vs_tanh(-0.0f)) && signbit(vs_erf(-0.0f)));
}

/* ---- matrix product ---- */

static const enum vs_dtype mats[] = {VS_F32, VS_BF16, VS_F16, VS_F64, VS_F8_E4M3, VS_F8_E5M2, VS_Q4_0, VS_Q4_1, VS_Q5_0,
                                     VS_Q5_1, VS_Q8_0, VS_Q4_K, VS_Q5_K, VS_Q6_K, VS_MXFP4};

static float *floats(struct run *r, uint64_t n, enum fill how)
{
    float *p = take(r, n * 4);
    fill(r, p, VS_F32, n, how);
    return p;
}

/* Any bytes are values of a block dtype; scales that are no specials make finite products. */
static void fill_mat(struct run *r, const struct vs_mat *w, uint8_t *data, enum fill how)
{
    const uint64_t row_bytes = vs_mat_row_bytes(w);
    for (uint64_t i = 0; i < w->rows * w->stride; i++)
        data[i] = (uint8_t)next_random(r);
    for (uint64_t i = 0; i < w->rows; i++) {
        uint8_t *row = data + i * w->stride;
        if (vs_float_size(w->dtype))
            fill(r, row, w->dtype, w->cols, how);
        for (uint64_t at = 0; vs_quant_elements(w->dtype) && !w->scales && how == FILL_VALUES && at < row_bytes; at += vs_quant_bytes(w->dtype)) {
            if (w->dtype == VS_MXFP4)
                row[at] = (uint8_t)(120 + below(r, 12));
            else if (w->dtype == VS_Q6_K)
                vs_store_uint16_t(row + at + 208, 0, vs_f32_to_f16((float)below(r, 1000) * 1e-4f));
            else {
                vs_store_uint16_t(row + at, 0, vs_f32_to_f16((float)below(r, 1000) * 1e-4f));
                if (w->dtype != VS_Q4_0 && w->dtype != VS_Q5_0 && w->dtype != VS_Q8_0)
                    vs_store_uint16_t(row + at, 1, vs_f32_to_f16((float)below(r, 1000) * -1e-4f));
            }
        }
    }
}

static void linear_case(struct run *r, enum vs_dtype dtype, uint64_t rows, uint64_t cols, uint64_t m, enum fill how, bool split)
{
    describe(r, "%llu rows of %llu %s, %llu tokens, data %u%s", (unsigned long long)rows, (unsigned long long)cols, vs_dtype_name(dtype),
             (unsigned long long)m, how, split ? ", scales apart" : "");
    const uint64_t x_stride = cols + below(r, 5), y_stride = rows + below(r, 5);
    const uint64_t size = vs_float_size(dtype) ? vs_float_size(dtype) : 1;
    struct vs_mat w = {.dtype = dtype, .rows = rows, .cols = cols, .scales = split ? "" : NULL, .scale_stride = cols / 32 + below(r, 3)};
    w.stride = vs_mat_row_bytes(&w) + size * below(r, 3);
    uint8_t *data = take(r, rows * w.stride), *scales = split ? take(r, rows * w.scale_stride) : NULL;
    fill_mat(r, &w, data, how);
    for (uint64_t i = 0; i < rows * w.scale_stride && split; i++)
        scales[i] = (uint8_t)(how == FILL_VALUES ? 120 + below(r, 12) : next_random(r));
    float *x = floats(r, m * x_stride, how == FILL_EDGES ? FILL_EDGES : FILL_VALUES), *bias = below(r, 2) ? floats(r, rows, how) : NULL;
    float *a = take(r, m * y_stride * 4), *b = to_device(r, NULL, m * y_stride * 4);
    const float *dx = to_device(r, x, m * x_stride * 4), *dbias = bias ? to_device(r, bias, rows * 4) : NULL;
    struct vs_mat dw = w;
    w.data = data;
    w.scales = scales;
    dw.data = rows_to_device(r, data, rows * w.stride);
    dw.scales = split ? rows_to_device(r, scales, rows * w.scale_stride) : NULL;
    BOTH(r, vs_f_linear(r->ref, &w, x, x_stride, m, bias, a, y_stride, &err_), vs_f_linear(r->dev, &dw, dx, x_stride, m, dbias, b, y_stride, &err_));
    same(r, "product", a, from_device(r, b, m * y_stride * 4), m * y_stride * 4);
    release(r);
}

/* A row for each float16 as its scale (MXFP4: each byte): what a level does to scales must be exact for all of them. Of long
 * blocks one in 13, of an emulated device one in 61. */
static void scales_case(struct run *r, enum vs_dtype dtype, uint64_t m)
{
    const bool emulated = vs_dev_kind_of(r->dev) == VS_DEV_CUDA && !r->large;
    const uint64_t cols = vs_quant_elements(dtype), step = emulated ? 61 : cols > 32 ? 13 : 1, rows = (65536 + step - 1) / step;
    describe(r, "every scale of %s, %llu tokens", vs_dtype_name(dtype), (unsigned long long)m);
    struct vs_mat w = {.dtype = dtype, .rows = rows, .cols = cols, .stride = vs_quant_bytes(dtype)}, dw = w;
    uint8_t *data = take(r, rows * w.stride);
    fill_mat(r, &w, data, FILL_VALUES);
    for (uint64_t i = 0; i < rows; i++)
        vs_store_uint16_t(data + i * w.stride + (dtype == VS_Q6_K ? 208 : 0), 0, (uint16_t)(i * step));
    float *x = floats(r, m * cols, FILL_VALUES), *a = take(r, m * rows * 4), *b = to_device(r, NULL, m * rows * 4);
    const float *dx = to_device(r, x, m * cols * 4);
    w.data = data;
    dw.data = rows_to_device(r, data, rows * w.stride);
    BOTH(r, vs_f_linear(r->ref, &w, x, cols, m, NULL, a, rows, &err_), vs_f_linear(r->dev, &dw, dx, cols, m, NULL, b, rows, &err_));
    same(r, "product", a, from_device(r, b, m * rows * 4), m * rows * 4);
    release(r);
}

/* Products that vanish on the negative side leave -0 in their lane. A lane that has no value behind the last whole 16 must keep it. */
static void vanishing_case(struct run *r, uint64_t cols, uint64_t m)
{
    enum { ROWS = 7 };
    describe(r, "products of %llu values that vanish, %llu tokens", (unsigned long long)cols, (unsigned long long)m);
    float *x = take(r, m * cols * 4), *data = take(r, ROWS * cols * 4), *a = take(r, m * ROWS * 4);
    for (uint64_t i = 0; i < m * cols; i++)
        x[i] = 1e-30f;
    for (uint64_t i = 0; i < ROWS * cols; i++)
        data[i] = -1e-30f;
    const struct vs_mat w = {.data = data, .dtype = VS_F32, .rows = ROWS, .cols = cols, .stride = cols * 4};
    struct vs_mat dw = w;
    dw.data = rows_to_device(r, data, ROWS * w.stride);
    const float *dx = to_device(r, x, m * cols * 4);
    float *b = to_device(r, NULL, m * ROWS * 4);
    BOTH(r, vs_f_linear(r->ref, &w, x, cols, m, NULL, a, ROWS, &err_), vs_f_linear(r->dev, &dw, dx, cols, m, NULL, b, ROWS, &err_));
    for (uint64_t i = 0; i < m * ROWS; i++)
        expect(r, "no -0", a[i] == 0 && signbit(a[i]));
    same(r, "product", a, from_device(r, b, m * ROWS * 4), m * ROWS * 4);
    release(r);
}

void check_linear(struct run *r)
{
    for (uint64_t cols = 16; cols < 32; cols++)
        for (uint64_t m = 1; m < 7; m++)
            vanishing_case(r, cols, m);
    static const uint16_t tokens[] = {1, 2, 3, 4, 5, 7, 9, 33};
    for (unsigned d = 0; d < sizeof mats / sizeof *mats; d++) {
        const uint32_t block = vs_quant_elements(mats[d]);
        for (unsigned i = 0; i < sizeof tokens / sizeof *tokens; i++)
            for (unsigned how = FILL_VALUES; how <= FILL_EDGES; how++) {
                const uint64_t cols = block ? block * (1 + below(r, block == 32 ? 40 : 6)) : 1 + below(r, 700);
                linear_case(r, mats[d], 1 + below(r, 70), cols, tokens[i], (enum fill)how, false);
                if (mats[d] == VS_MXFP4)
                    linear_case(r, mats[d], 1 + below(r, 70), cols, tokens[i], (enum fill)how, true);
            }
        for (uint64_t m = 1; block && m < 3; m++)
            scales_case(r, mats[d], m);
        linear_case(r, mats[d], 3, block ? block * 3 : 15, 6, FILL_VALUES, false);
        linear_case(r, mats[d], 257, block ? 256 : 64, 12, FILL_VALUES, false);
        linear_case(r, mats[d], 9, 9216, 2 + d % 7, FILL_VALUES, false);
        for (unsigned i = 0; i < 4; i++) /* one token, at a multiple of 16 bytes or not */
            linear_case(r, mats[d], 17, 9216 + (block ? block : 1) * below(r, 9), 1, FILL_VALUES, mats[d] == VS_MXFP4 && i % 2);
        if (r->large) {
            linear_case(r, mats[d], 4099, 4096, 1, FILL_VALUES, false);
            linear_case(r, mats[d], 1031, 2048, 300, FILL_VALUES, false);
        }
    }
}

/* Products of the same tokens behind one another, which a device may make in one go; then the tokens change, and what was asked for
 * before must not see it. near: fast mode, else the same bits. */
static void together_case(struct run *r, enum vs_dtype dtype, uint64_t m, unsigned n, bool near)
{
    enum { MOST = 6 };
    const uint64_t cols = 256, x_bytes = m * cols * 4;
    struct { struct vs_mat w; uint64_t rows; float *a, *b; const float *bias; } p[MOST];
    float *x = floats(r, m * cols, FILL_VALUES), *more = floats(r, m * cols, FILL_VALUES), *dx = to_device(r, x, x_bytes);
    float *dnormed = to_device(r, NULL, x_bytes);
    const float *dmore = to_device(r, more, x_bytes);
    describe(r, "%u products of %llu tokens behind one another, %s", n, (unsigned long long)m, vs_dtype_name(dtype));
    for (unsigned i = 0; i < n; i++) {
        struct vs_mat w = {.dtype = !near && i == 3 ? VS_F32 : dtype, .rows = near ? 16 : 1 + below(r, 50), .cols = cols};
        w.stride = vs_mat_row_bytes(&w);
        uint8_t *data = take(r, w.rows * w.stride);
        fill_mat(r, &w, data, FILL_VALUES);
        w.data = data;
        float *bias = i % 2 ? floats(r, w.rows, FILL_VALUES) : NULL;
        p[i].rows = w.rows;
        p[i].a = take(r, m * w.rows * 4);
        p[i].b = to_device(r, NULL, m * w.rows * 4);
        p[i].bias = bias ? to_device(r, bias, w.rows * 4) : NULL;
        BOTH(r, VS_OK, vs_f_linear(r->ref, &w, x, cols, m, bias, p[i].a, w.rows, &err_));
        p[i].w = w;
        p[i].w.data = to_device(r, data, w.rows * w.stride);
        if (i + 2 == n) /* the last one sees other tokens */
            BOTH(r, VS_OK, vs_f_add(r->ref, x, more, 1, m * cols, &err_));
    }
    for (unsigned i = 0; i < n; i++) {
        BOTH(r, VS_OK, vs_f_linear(r->dev, &p[i].w, dx, cols, m, p[i].bias, p[i].b, p[i].rows, &err_));
        if (i + 2 == n)
            BOTH(r, VS_OK, vs_f_add(r->dev, dx, dmore, 1, m * cols, &err_));
    }
    BOTH(r, VS_OK, vs_f_norm(r->dev, VS_F_RMS, dx, m, cols, NULL, NULL, 1e-6, dnormed, &err_)); /* it takes no sums from them */
    for (unsigned i = 0; i < n; i++) {
        const float *got = from_device(r, p[i].b, m * p[i].rows * 4);
        double squares = 0, sum = 0;
        for (uint64_t k = 0; k < m * p[i].rows; k++) {
            squares += ((double)got[k] - p[i].a[k]) * ((double)got[k] - p[i].a[k]);
            sum += (double)p[i].a[k] * p[i].a[k];
        }
        expect(r, "a product of other tokens than it was asked for", !near || squares <= 5e-4 * sum);
        if (!near)
            same(r, "product", p[i].a, got, m * p[i].rows * 4);
    }
    release(r);
}

/* Queries, keys and values in one launch, and then no more than three. */
static void together_launches(struct run *r)
{
    struct vs_err err;
    const uint64_t cols = 64, rows = 20;
    struct vs_mat w = {.dtype = VS_BF16, .rows = rows, .cols = cols, .stride = cols * 2};
    float *x = floats(r, cols, FILL_VALUES), *y = to_device(r, NULL, 4 * rows * 4);
    uint8_t *data = take(r, rows * w.stride);
    fill(r, data, VS_BF16, rows * cols, FILL_VALUES);
    const float *dx = to_device(r, x, cols * 4);
    w.data = to_device(r, data, rows * w.stride);
    describe(r, "four products of one token: two launches");
    vs_cuda_tune(r->dev, 0, false);
    for (unsigned i = 0; i < 4; i++)
        expect(r, "product", !vs_f_linear(r->dev, &w, dx, cols, 1, NULL, y + i * rows, rows, &err));
    expect(r, "wait", !vs_dev_wait(r->dev, &err));
    expect(r, "not two launches", vs_cuda_launches(r->dev) == 2);
    const float *got = from_device(r, y, 4 * rows * 4);
    expect(r, "not four times the same", !memcmp(got, got + 3 * rows, rows * 4) && !memcmp(got + rows, got + 2 * rows, rows * 4));
    release(r);
}

void check_together(struct run *r)
{
    static const enum vs_dtype some[] = {VS_BF16, VS_Q8_0, VS_F8_E4M3, VS_F64};
    for (unsigned d = 0; d < 4; d++)
        for (unsigned n = 2; n <= 6; n++)
            for (uint64_t m = 1; m <= 5; m += 2)
                together_case(r, some[d], m, n, false);
    if (vs_dev_kind_of(r->dev) == VS_DEV_CUDA)
        together_launches(r);
}

/* Not the same bits in fast mode, but close; what lies between the rows of y stays. */
static void fast_case(struct run *r, bool fast, uint64_t rows, uint64_t m, uint64_t apart)
{
    const uint64_t cols = 512, x_stride = cols + apart, y_stride = rows + apart;
    describe(r, "fast mode: %llu rows, %llu tokens", (unsigned long long)rows, (unsigned long long)m);
    struct vs_mat w = {.dtype = VS_BF16, .rows = rows, .cols = cols, .stride = cols * 2}, dw = w;
    uint8_t *data = take(r, rows * w.stride);
    fill(r, data, VS_BF16, rows * cols, FILL_VALUES);
    float *x = floats(r, m * x_stride, FILL_VALUES), *bias = apart % 2 ? NULL : floats(r, rows, FILL_VALUES), *a = take(r, m * y_stride * 4);
    float *b = to_device(r, NULL, m * y_stride * 4);
    const float *dx = to_device(r, x, m * x_stride * 4), *dbias = bias ? to_device(r, bias, rows * 4) : NULL;
    w.data = data;
    dw.data = to_device(r, data, rows * w.stride);
    BOTH(r, vs_f_linear(r->ref, &w, x, x_stride, m, bias, a, y_stride, &err_), vs_f_linear(r->dev, &dw, dx, x_stride, m, dbias, b, y_stride, &err_));
    const float *got = from_device(r, b, m * y_stride * 4);
    double squares = 0, sum = 0;
    bool between = true;
    for (uint64_t i = 0; i < m * y_stride; i++) {
        const double d = i % y_stride < rows ? (double)got[i] - a[i] : 0;
        squares += d * d;
        sum += i % y_stride < rows ? (double)a[i] * a[i] : 0;
        between = between && (i % y_stride < rows || vs_f32_bits(got[i]) == vs_f32_bits(a[i]));
    }
    expect(r, "fast products are off by more than rounding to BF16 explains", squares <= 5e-4 * sum);
    expect(r, "something between the rows was written", between);
    expect(r, "without fast mode the bits are not the strict ones", fast || !memcmp(got, a, m * y_stride * 4));
    release(r);
}

void check_fast(struct run *r)
{
    struct vs_err err = {VS_OK, ""};
    describe(r, "fast mode");
    const enum vs_code code = vs_dev_fast(r->dev, true, &err);
    expect(r, "neither fast nor a reason", !code || (code == VS_EUNSUPPORTED && err.message[0]));
    for (unsigned i = 0; i < 2; i++) { /* each shape twice: then it is known */
        fast_case(r, !code, 264, 40, 0);
        fast_case(r, !code, 7, 5 + i, 3);
        fast_case(r, !code, 16, 6, 2);
        together_case(r, VS_BF16, 6 + i, 4, true);
    }
    expect(r, "fast mode cannot be left", !vs_dev_fast(r->dev, false, &err));
}

/* ---- norm ---- */

static void norm_case(struct run *r, uint64_t rows, uint64_t cols, enum fill how, bool in_place)
{
    const enum vs_f_norm_kind kind = below(r, 2) ? VS_F_RMS : VS_F_LAYER;
    describe(r, "%s norm of %llu rows of %llu, data %u%s", kind == VS_F_RMS ? "rms" : "layer", (unsigned long long)rows,
             (unsigned long long)cols, how, in_place ? ", in place" : "");
    float *x = floats(r, rows * cols, how), *weight = below(r, 3) ? floats(r, cols, FILL_VALUES) : NULL;
    float *bias = below(r, 2) ? floats(r, cols, FILL_VALUES) : NULL, *a = take(r, rows * cols * 4);
    float *dx = to_device(r, x, rows * cols * 4), *b = in_place ? dx : to_device(r, NULL, rows * cols * 4);
    const float *dw = weight ? to_device(r, weight, cols * 4) : NULL, *db = bias ? to_device(r, bias, cols * 4) : NULL;
    BOTH(r, vs_f_norm(r->ref, kind, x, rows, cols, weight, bias, 1e-6, a, &err_), vs_f_norm(r->dev, kind, dx, rows, cols, dw, db, 1e-6, b, &err_));
    same(r, "normed row", a, from_device(r, b, rows * cols * 4), rows * cols * 4);
    release(r);
}

enum out { APART, OVER_SUMS, OVER_ADDED, SHIFTED, OF_ADDED, OUTS };

/* An addition and a norm of its sums, which a device may make in one go; shifted: of the sums of all rows but the first, or into what
 * was added and is read by other rows. */
static void add_norm_case(struct run *r, uint64_t rows, uint64_t cols, enum vs_f_norm_kind kind, enum fill how, enum out out)
{
    const uint64_t n = rows * cols, bytes = n * 4;
    describe(r, "addition and norm of %llu rows of %llu, data %u, out %u", (unsigned long long)rows, (unsigned long long)cols, how, out);
    float *x = floats(r, n, how), *y = floats(r, n, how), *weight = floats(r, cols, FILL_VALUES), *a = take(r, bytes);
    float *dx = to_device(r, x, bytes), *dy = to_device(r, y, bytes), *da = to_device(r, NULL, bytes);
    const float *dweight = to_device(r, weight, cols * 4);
    const uint64_t skip = out == SHIFTED ? cols : 0;
    float *to = out == OVER_SUMS ? x : out == OVER_ADDED || skip ? y : a, *dto = out == OVER_SUMS ? dx : out == OVER_ADDED || skip ? dy : da;
    BOTH(r, vs_f_add(r->ref, x, y, 0.5f, n, &err_), vs_f_add(r->dev, dx, dy, 0.5f, n, &err_));
    BOTH(r, vs_f_norm(r->ref, kind, out == OF_ADDED ? y : x + skip, rows - (skip != 0), cols, weight, NULL, 1e-6, to, &err_),
         vs_f_norm(r->dev, kind, out == OF_ADDED ? dy : dx + skip, rows - (skip != 0), cols, dweight, NULL, 1e-6, dto, &err_));
    same(r, "sums", x, from_device(r, dx, bytes), bytes);
    same(r, "what was added", y, from_device(r, dy, bytes), bytes);
    if (to == a)
        same(r, "normed row", a, from_device(r, da, bytes), bytes);
    release(r);
}

static void add_norm_launches(struct run *r)
{
    struct vs_err err;
    float *x = to_device(r, floats(r, 40, FILL_VALUES), 160), *y = to_device(r, floats(r, 40, FILL_VALUES), 160);
    describe(r, "an addition and a norm: one launch");
    vs_cuda_tune(r->dev, 0, false);
    expect(r, "addition", !vs_f_add(r->dev, x, y, 1, 40, &err) && !vs_f_norm(r->dev, VS_F_RMS, x, 2, 20, NULL, NULL, 1e-6, y, &err));
    expect(r, "not one launch", !vs_dev_wait(r->dev, &err) && vs_cuda_launches(r->dev) == 1);
    expect(r, "addition that nothing follows", !vs_f_add(r->dev, x, y, 1, 40, &err) && !vs_dev_wait(r->dev, &err));
    expect(r, "not started", vs_cuda_launches(r->dev) == 2);
    release(r);
}

void check_norm(struct run *r)
{
    for (unsigned i = 0; i < 12 * OUTS; i++)
        add_norm_case(r, 1 + i % 3 + i / 40 * 7 + (i % OUTS == SHIFTED), 1 + below(r, i % 3 ? 300 : 2500),
                      i / OUTS % 2 ? VS_F_RMS : VS_F_LAYER, (enum fill)(i / OUTS % 3), (enum out)(i % OUTS));
    if (vs_dev_kind_of(r->dev) == VS_DEV_CUDA)
        add_norm_launches(r);
    for (int i = 0; i < 60; i++)
        norm_case(r, 1 + below(r, 20), 1 + below(r, i % 3 ? 200 : 1500),
                  (enum fill)(i % 4 == 3 ? FILL_EDGES : i % 4 == 2 ? FILL_BITS : FILL_VALUES), i % 5 == 0);
    norm_case(r, 3, 5120, FILL_VALUES, false);
}

/* ---- element by element ---- */

void check_act(struct run *r)
{
    for (unsigned act = VS_F_SILU; act <= VS_F_TANH; act++)
        for (unsigned i = 0; i < 9; i++) {
            const uint64_t n = 1 + below(r, i % 3 ? 100 : 5000);
            const bool gated = act == VS_F_SWIGLU_OAI || i % 2;
            const enum fill how = (enum fill)(i / 3);
            describe(r, "activation %u of %llu values, data %u%s", act, (unsigned long long)n, how, gated ? ", gated" : "");
            float *x = floats(r, n, how), *gate = gated ? floats(r, n, how) : NULL, *a = take(r, n * 4);
            float *dx = to_device(r, x, n * 4), *dgate = gated ? to_device(r, gate, n * 4) : NULL;
            float *b = i % 3 == 0 ? to_device(r, NULL, n * 4) : i % 3 == 1 || !gated ? dx : dgate;
            BOTH(r, vs_f_act(r->ref, (enum vs_f_act)act, gate, x, n, a, &err_), vs_f_act(r->dev, (enum vs_f_act)act, dgate, dx, n, b, &err_));
            same(r, "value", a, from_device(r, b, n * 4), n * 4);
            release(r);
        }
}

void check_add_scale(struct run *r)
{
    for (unsigned i = 0; i < 12; i++) {
        const uint64_t n = 1 + below(r, i % 3 ? 100 : 20000);
        const float factor = i % 2 ? 0.22f : 1.0f, cap = i % 3 ? 30.0f : 0.0f;
        describe(r, "addition and scaling of %llu values, data %u", (unsigned long long)n, i % 3);
        float *x = floats(r, n, (enum fill)(i % 3)), *y = floats(r, n, (enum fill)(i % 3));
        float *dx = to_device(r, x, n * 4);
        const float *dy = to_device(r, y, n * 4);
        BOTH(r, vs_f_add(r->ref, x, y, factor, n, &err_), vs_f_add(r->dev, dx, dy, factor, n, &err_));
        same(r, "sum", x, from_device(r, dx, n * 4), n * 4);
        BOTH(r, vs_f_scale(r->ref, x, 1 / factor, cap, n, &err_), vs_f_scale(r->dev, dx, 1 / factor, cap, n, &err_));
        same(r, "scaled value", x, from_device(r, dx, n * 4), n * 4);
        release(r);
    }
}

/* ---- experts ---- */

void check_move_rows(struct run *r)
{
    for (unsigned i = 0; i < 12; i++) {
        const uint64_t cols = 1 + below(r, 200), all = 5 + below(r, 60), n = 1 + below(r, all);
        describe(r, "%llu of %llu rows of %llu values", (unsigned long long)n, (unsigned long long)all, (unsigned long long)cols);
        float *x = floats(r, all * cols, FILL_VALUES), *weights = floats(r, n, FILL_VALUES), *a = take(r, n * cols * 4);
        uint32_t *rows = take(r, n * 4);
        for (uint64_t k = 0, at = below(r, all); k < n; k++, at = (at + 1) % all)
            rows[k] = (uint32_t)(all - 1 - at);
        float *dx = to_device(r, x, all * cols * 4), *b = to_device(r, NULL, n * cols * 4);
        const float *dweights = to_device(r, weights, n * 4);
        const uint32_t *drows = to_device(r, rows, n * 4);
        BOTH(r, vs_f_take(r->ref, x, rows, n, cols, a, &err_), vs_f_take(r->dev, dx, drows, n, cols, b, &err_));
        same(r, "taken row", a, from_device(r, b, n * cols * 4), n * cols * 4);
        BOTH(r, vs_f_put_back(r->ref, x, rows, weights, a, n, cols, &err_), vs_f_put_back(r->dev, dx, drows, dweights, b, n, cols, &err_));
        same(r, "row put back", x, from_device(r, dx, all * cols * 4), all * cols * 4);
        release(r);
    }
}

void check_route(struct run *r)
{
    static const float logits[6] = {1, 3, -2, 3, NAN, 0.5f};
    uint32_t chosen[6];
    float w[6];
    describe(r, "choice of experts");
    vs_f_route(VS_F_TOPK_SOFTMAX, logits, 4, 2, false, chosen, w);
    expect(r, "ties go to the lower expert", chosen[0] == 1 && chosen[1] == 3 && w[0] == 0.5f && w[1] == 0.5f);
    vs_f_route(VS_F_SOFTMAX_TOPK, logits, 4, 2, false, chosen, w);
    const double all = 2 + exp(-2) + exp(-5);
    expect(r, "softmax over all", fabs(w[0] - 1 / all) < 1e-7 && w[0] == w[1]);
    vs_f_route(VS_F_SOFTMAX_TOPK, logits, 4, 3, true, chosen, w);
    expect(r, "weights of the chosen sum to 1", chosen[2] == 0 && fabs((double)w[0] + w[1] + w[2] - 1) < 1e-6);
    vs_f_route(VS_F_TOPK_SOFTMAX, logits, 6, 6, false, chosen, w);
    expect(r, "a NaN is chosen last", chosen[5] == 4 && isnan(w[5]) && chosen[4] == 2);
    expect(r, "sigmoid", vs_f_sigmoid(0) == 0.5f && vs_f_sigmoid(-INFINITY) == 0 && vs_f_sigmoid(INFINITY) == 1);
}

/* ---- memory ---- */

/* The computation is behind: a lane is sent again while what takes the last one in may still be queued. */
static bool take_in_lanes(struct run *r, void *const *device, void *const *host, uint64_t n, struct vs_err *err)
{
    float *zero = take(r, n * sizeof *zero), *back = take(r, n * sizeof *back), want = 0;
    memset(zero, 0, n * sizeof *zero);
    float *sum = to_device(r, zero, n * sizeof *zero);
    bool ok = true;
    for (unsigned i = 0; i < 12 && ok; i++) {
        const unsigned lane = i % 2;
        float *next = host[lane];
        ok = !vs_dev_sent(r->dev, lane, err);
        for (uint64_t k = 0; k < n; k++)
            next[k] = (float)(i + 1);
        want = 2 * want + (float)(i + 1);
        ok = ok && !vs_dev_send(r->dev, lane, device[lane], next, n * sizeof *next, err) && !vs_dev_arrived(r->dev, lane, err);
        ok = ok && !vs_f_scale(r->dev, sum, 2, 0, n, err) && !vs_f_add(r->dev, sum, device[lane], 1, n, err) && !vs_dev_used(r->dev, lane, err);
    }
    ok = ok && !vs_dev_get(r->dev, back, sum, n * sizeof *back, err);
    for (uint64_t k = 0; k < n && ok; k++)
        ok = back[k] == want;
    return ok;
}

/* Pinned memory, which a copy might read later. */
static bool put_twice(struct run *r, void *device, unsigned char *pinned, uint64_t n, struct vs_err *err)
{
    unsigned char *back = take(r, n);
    memset(pinned, 1, n);
    bool ok = !vs_dev_put(r->dev, device, pinned, n, err);
    memset(pinned, 2, n);
    ok = ok && !vs_dev_get(r->dev, back, device, n, err);
    return ok && back[0] == 1 && back[n - 1] == 1;
}

void check_memory(struct run *r)
{
    struct vs_err err = {VS_OK, ""};
    void *device[2] = {NULL, NULL}, *host[2] = {NULL, NULL};
    uint64_t available = 0, all = 0;
    const uint64_t n = 12345;
    describe(r, "memory of the device, read-ahead");
    bool ok = !vs_dev_memory(r->dev, &available, &all, &err) && all && available <= all;
    for (unsigned lane = 0; lane < 2; lane++) {
        ok = ok && !vs_dev_alloc(r->dev, n, &device[lane], &err) && !vs_dev_host_alloc(r->dev, n, &host[lane], &err);
        ok = ok && (uintptr_t)device[lane] % 256 == 0;
    }
    unsigned char *back = take(r, n);
    for (unsigned i = 0; i < 6 && ok; i++) {
        const unsigned lane = i % 2;
        ok = ok && !vs_dev_sent(r->dev, lane, &err);
        memset(host[lane], (int)i + 1, n);
        ok = ok && !vs_dev_send(r->dev, lane, device[lane], host[lane], n, &err) && !vs_dev_arrived(r->dev, lane, &err);
        ok = ok && !vs_dev_get(r->dev, back, device[lane], n, &err) && !vs_dev_used(r->dev, lane, &err);
        ok = ok && back[0] == i + 1 && back[n - 1] == i + 1;
    }
    expect(r, err.message[0] ? err.message : "what was sent is not what arrived", ok && !vs_dev_wait(r->dev, &err));
    expect(r, err.message[0] ? err.message : "a lane was overtaken", ok && take_in_lanes(r, device, host, n / sizeof(float), &err));
    expect(r, err.message[0] ? err.message : "put reads its source later", ok && put_twice(r, device[0], host[0], n, &err));
    expect(r, "a third lane", vs_dev_send(r->dev, 2, device[0], host[0], n, &err) == VS_EUSAGE);
    for (unsigned lane = 0; lane < 2; lane++) {
        vs_dev_free(r->dev, device[lane]);
        vs_dev_host_free(r->dev, host[lane]);
    }
    release(r);
}

/* ---- what no caller may ask for ---- */

void check_forward_refused(struct run *r)
{
    struct vs_err err;
    float x[64] = {0}, y[64];
    struct vs_mat w = {.data = x, .dtype = VS_Q4_K, .rows = 1, .cols = 32, .stride = 144};
    describe(r, "arguments that cannot be");
    expect(r, "a part of a block", vs_f_linear(r->dev, &w, x, 32, 1, NULL, y, 1, &err) == VS_EUNSUPPORTED);
    w.dtype = VS_I64;
    expect(r, "integers", vs_f_linear(r->dev, &w, x, 32, 1, NULL, y, 1, &err) == VS_EUNSUPPORTED);
    w = (struct vs_mat){.data = x, .dtype = VS_F32, .rows = 2, .cols = 16, .stride = 60};
    expect(r, "rows that overlap", vs_f_linear(r->dev, &w, x, 16, 1, NULL, y, 2, &err) == VS_EUSAGE);
    w.stride = 64;
    expect(r, "outputs that overlap", vs_f_linear(r->dev, &w, x, 16, 2, NULL, y, 1, &err) == VS_EUSAGE);
    w.rows = UINT64_MAX / 8;
    expect(r, "too many bytes", vs_f_linear(r->dev, &w, x, 16, 1, NULL, y, 1, &err) == VS_ELIMIT);
    struct vs_f_span span = {0, 2, 0, 1};
    struct vs_f_heads h = {x, 16, 4, 3, 4}, kv = {x, 16, 4, 2, 4};
    struct vs_f_attention a = {.q = h, .k = kv, .v = kv, .spans = &span, .span_count = 1, .causal = true, .scores = y, .out = y};
    expect(r, "heads that do not divide", vs_f_attend(r->dev, &a, &err) == VS_EUSAGE);
    a.q.heads = 2;
    expect(r, "more queries than keys", vs_f_attend(r->dev, &a, &err) == VS_EUSAGE);
    span.q_count = 1;
    a.causal = false;
    a.window = 3;
    expect(r, "a window without order", vs_f_attend(r->dev, &a, &err) == VS_EUSAGE);
    const uint32_t zero = 0;
    expect(r, "more pairs than half a head", vs_f_rope(r->dev, &h, 1, &zero, x, 3, false, &err) == VS_EUSAGE);
    expect(r, "an activation without its gate", vs_f_act(r->dev, VS_F_SWIGLU_OAI, NULL, x, 1, y, &err) == VS_EUSAGE);
}
