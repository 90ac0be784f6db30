/* SPDX-License-Identifier: Apache-2.0
 *
 * Operations that look at results.
 */
#include "checks.h"
#include "canon_f32.h"

static float *floats(struct run *r, uint64_t n, enum fill how)
{
    float *p = take(r, n * 4);
    fill(r, p, VS_F32, n, how);
    return p;
}

void check_look(struct run *r)
{
    static const uint32_t sizes[] = {1, 2, 3, 127, 128, 129, 1000, 4097, 70001};
    for (unsigned i = 0; i < 3 * sizeof sizes / sizeof *sizes; i++) {
        const uint64_t n = sizes[i / 3];
        const float *x = floats(r, n, (enum fill)(i % 3));
        struct vs_f_stats a = {1, 2, 3, 4}, b = {5, 6, 7, 8};
        describe(r, "%llu values, data %u", (unsigned long long)n, i % 3);
        BOTH(r, vs_f_look(r->ref, x, n, &a, &err_), vs_f_look(r->dev, to_device(r, x, n * 4), n, &b, &err_));
        expect(r, "counts", a.nan == b.nan && a.inf == b.inf);
        same(r, "hash", &a.hash, &b.hash, sizeof a.hash);
        same(r, "highest magnitude", &a.max_abs, &b.max_abs, sizeof a.max_abs);
        release(r);
    }
}

static void same_class(struct run *r, const struct vs_f_logit_class *a, const struct vs_f_logit_class *b)
{
    expect(r, "counts of a class", a->count == b->count && a->nan == b->nan && a->inf == b->inf);
    expect(r, "position of the maximum", a->id == b->id);
    same(r, "maximum", &a->max, &b->max, sizeof a->max);
    same(r, "sum of exponentials", &a->sum_exp, &b->sum_exp, sizeof a->sum_exp);
}

/* One tile of several positions, on the host and on the device. */
struct tile { uint64_t m, n, stride; const float *logits, *on_device; const uint8_t *class, *class_on_device; };

/* Values with ties; classes below `classes`, or all alike. */
static struct tile make_tile(struct run *r, uint64_t m, uint64_t n, enum fill how, uint32_t classes, uint8_t alike)
{
    struct tile t = {.m = m, .n = n, .stride = n + below(r, 4)};
    float *logits = floats(r, m * t.stride, how);
    uint8_t *class = take(r, n);
    for (uint64_t i = 0; i < n; i++)
        class[i] = (uint8_t)(classes ? below(r, classes) : alike);
    for (uint64_t i = 0; i < m * t.stride && how == FILL_VALUES; i += 1 + below(r, 5))
        logits[i] = logits[below(r, i + 1)];
    t.logits = logits;
    t.class = class;
    t.on_device = to_device(r, logits, m * t.stride * 4);
    t.class_on_device = to_device(r, class, n);
    return t;
}

/* Tiles of one position after another; row_class mostly 0, or any. */
static void logit_case(struct run *r, uint64_t m, uint64_t n, enum fill how, bool mixed)
{
    struct vs_f_logit_stats *a = take(r, m * sizeof *a), *b = take(r, m * sizeof *b);
    memset(a, 0, m * sizeof *a);
    memset(b, 0, m * sizeof *b);
    describe(r, "%llu positions, tiles of %llu, data %u, %s", (unsigned long long)m, (unsigned long long)n, how, mixed ? "all classes" : "one class");
    for (uint64_t tile = 0; tile < 3; tile++) {
        const struct tile t = make_tile(r, m, n, how, mixed ? 3 : 0, tile == 2);
        BOTH(r, vs_f_logit_tile(r->ref, t.logits, t.stride, m, n, tile * n, t.class, a, &err_),
             vs_f_logit_tile(r->dev, t.on_device, t.stride, m, n, tile * n, t.class_on_device, b, &err_));
    }
    for (uint64_t i = 0; i < m; i++)
        for (int c = 0; c < VS_F_CLASSES; c++)
            same_class(r, &a[i].of[c], &b[i].of[c]);
    release(r);
}

void check_logit_tile(struct run *r)
{
    for (unsigned i = 0; i < 30; i++)
        logit_case(r, 1 + below(r, 7), 1 + below(r, i % 3 ? 150 : 2000),
                   (enum fill)(i % 5 == 3 ? FILL_EDGES : i % 5 == 4 ? FILL_BITS : FILL_VALUES), i % 2);
}

static void choose_case(struct run *r, uint64_t m, uint64_t n, enum fill how, uint32_t classes)
{
    struct vs_f_best *a = take(r, m * sizeof *a), *b = take(r, m * sizeof *b);
    for (uint64_t i = 0; i < m; i++)
        a[i] = b[i] = (struct vs_f_best){.id = UINT64_MAX};
    describe(r, "%llu positions, tiles of %llu, data %u, %u classes", (unsigned long long)m, (unsigned long long)n, how, classes);
    for (uint64_t tile = 0; tile < 3; tile++) {
        const struct tile t = make_tile(r, m, n, how, classes, tile ? VS_F_OLD : VS_F_SURPLUS);
        BOTH(r, vs_f_choose(r->ref, t.logits, t.stride, m, n, tile * n, t.class, a, &err_),
             vs_f_choose(r->dev, t.on_device, t.stride, m, n, tile * n, t.class_on_device, b, &err_));
    }
    for (uint64_t i = 0; i < m; i++) {
        expect(r, "id", a[i].id == b[i].id);
        same(r, "logit", &a[i].value, &b[i].value, sizeof a->value);
    }
    release(r);
}

void check_choose(struct run *r)
{
    static const uint32_t sizes[] = {1, 63, 64, 65, 255, 257, 2047, 2048, 2049, 5000};
    for (unsigned i = 0; i < 5 * sizeof sizes / sizeof *sizes; i++)
        choose_case(r, 1 + below(r, 7), sizes[i / 5], (enum fill)(i % 5 == 3 ? FILL_EDGES : i % 5 == 4 ? FILL_BITS : FILL_VALUES), i % 2 * VS_F_CLASSES);
    choose_case(r, 1, 64 * 2048 + 1001, FILL_VALUES, VS_F_CLASSES); /* pieces of more than the least */
    choose_case(r, 4097, 1, FILL_EDGES, VS_F_CLASSES);      /* more rows than come to the host at a time */
}

void check_compare(struct run *r)
{
    for (unsigned i = 0; i < 30; i++) {
        const uint64_t m = 1 + below(r, i % 3 ? 5 : 90), n = 1 + below(r, 300), s = n + below(r, 4), t = n + below(r, 4);
        const enum fill how = (enum fill)(i % 5 == 3 ? FILL_EDGES : i % 5 == 4 ? FILL_BITS : FILL_VALUES);
        float *x = floats(r, m * s, how), *y = floats(r, m * t, how);
        struct vs_f_diff a = {.first = UINT64_MAX}, b = a;
        describe(r, "%llu rows of %llu, data %u", (unsigned long long)m, (unsigned long long)n, how);
        for (uint64_t k = 0; k < m * n; k++)
            if (i % 2 || below(r, 3)) /* all equal every other time */
                memcpy(&y[k / n * t + k % n], &x[k / n * s + k % n], 4);
        const float *dx = to_device(r, x, m * s * 4), *dy = to_device(r, y, m * t * 4);
        for (int twice = 0; twice < 2; twice++)
            BOTH(r, vs_f_compare(r->ref, x, s, y, t, m, n, &a, &err_), vs_f_compare(r->dev, dx, s, dy, t, m, n, &b, &err_));
        expect(r, "counts", a.count == b.count && a.different == b.different);
        expect(r, "first difference", a.first == b.first);
        same(r, "largest difference", &a.max_abs, &b.max_abs, sizeof a.max_abs);
        same(r, "sum of squares", &a.sum_squares, &b.sum_squares, sizeof a.sum_squares);
        same(r, "sum of the reference", &a.sum_reference, &b.sum_reference, sizeof a.sum_reference);
        release(r);
    }
}
