/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of finished activations: are they finite, their hash, and how far two sets of them lie apart.
 */
#include "canon.h"
#include "forward.h"

#define PIECES 64u

/* ---- look ---- */

struct look_job { const float *x; uint64_t n, step; struct vs_f_stats *pieces; }; /* step: elements of a piece, even */

VS_BODY void look_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct look_job *j = job;
    for (uint64_t p = begin; p < end; p++) {
        const uint64_t to = j->n - p * j->step < j->step ? j->n : (p + 1) * j->step;
        uint64_t nan = 0, inf = 0, hash = 0;
        uint32_t max = 0;
        for (uint64_t i = p * j->step; i < to; i++) {
            const uint32_t a = vs_f32_bits(j->x[i]) & 0x7fffffff;
            nan += a > 0x7f800000;
            inf += a == 0x7f800000;
            max = a < 0x7f800000 && a > max ? a : max;
        }
        for (uint64_t i = p * j->step; i < to; i += 2) {
            const uint64_t high = i + 1 < to ? vs_f32_bits(j->x[i + 1]) : 0;
            hash += vs_hash_word(high << 32 | vs_f32_bits(j->x[i]), i / 2);
        }
        j->pieces[p] = (struct vs_f_stats){nan, inf, hash, vs_bits_f32(max)};
    }
}
VS_CPU_KERNEL(look)

enum vs_code vs_cpu_look(struct vs_dev *dev, const float *x, uint64_t n, struct vs_f_stats *out, struct vs_err *err)
{
    struct vs_f_stats pieces[PIECES];
    const uint64_t step = (n + 2 * PIECES - 1) / (2 * PIECES) * 2, count = (n + step - 1) / step;
    const struct look_job job = {x, n, step, pieces};
    uint64_t hash = 0;
    *out = (struct vs_f_stats){0};
    vs_cpu_for(dev, look, &job, count, 1);
    for (uint64_t p = 0; p < count; p++) {
        out->nan += pieces[p].nan;
        out->inf += pieces[p].inf;
        out->max_abs = pieces[p].max_abs > out->max_abs ? pieces[p].max_abs : out->max_abs;
        hash += pieces[p].hash;
    }
    out->hash = vs_hash_finish(hash, n * sizeof *x);
    return VS_OK;
}

/* ---- compare ---- */

struct compare_job { const float *reference, *x; uint64_t ref_stride, x_stride, n; struct vs_f_diff *rows; };

#define LANES VS_SQUARE_LANES

struct diff_lanes { double squares[LANES], reference[LANES]; };

/* Up to LANES elements. */
VS_BODY void compare_chunk(const float *a, const float *b, uint64_t n, struct diff_lanes *s, struct vs_f_diff *d, uint64_t at)
{
    uint64_t different = 0;
    double max = d->max_abs;
    for (uint64_t l = 0; l < n; l++) {
        const bool finite = (vs_f32_bits(a[l]) & 0x7f800000) != 0x7f800000 && (vs_f32_bits(b[l]) & 0x7f800000) != 0x7f800000;
        const double x = finite ? (double)a[l] : 0, delta = finite ? (double)b[l] - x : 0;
        different += vs_f32_bits(a[l]) != vs_f32_bits(b[l]);
        max = fabs(delta) > max ? fabs(delta) : max;
        s->squares[l] = vs_fma(delta, delta, s->squares[l]);
        s->reference[l] = vs_fma(x, x, s->reference[l]);
    }
    d->different += different;
    d->max_abs = max;
    for (uint64_t l = 0; different && d->first == UINT64_MAX && l < n; l++)
        if (vs_f32_bits(a[l]) != vs_f32_bits(b[l]))
            d->first = at + l;
}

VS_BODY void compare_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct compare_job *j = job;
    for (uint64_t r = begin; r < end; r++) {
        struct diff_lanes s = {{0}, {0}};
        struct vs_f_diff d = {.first = UINT64_MAX};
        for (uint64_t k = 0; k < j->n; k += LANES)
            compare_chunk(j->reference + r * j->ref_stride + k, j->x + r * j->x_stride + k, j->n - k < LANES ? j->n - k : LANES, &s, &d, k);
        d.sum_squares = vs_square_finish(s.squares);
        d.sum_reference = vs_square_finish(s.reference);
        j->rows[r] = d;
    }
}
VS_CPU_KERNEL(compare)

enum vs_code vs_cpu_compare(struct vs_dev *dev, const float *reference, uint64_t ref_stride, const float *x, uint64_t x_stride,
                            uint64_t m, uint64_t n, struct vs_f_diff *out, struct vs_err *err)
{
    struct vs_f_diff rows[PIECES];
    for (uint64_t at = 0; at < m; at += PIECES) {
        const uint64_t count = m - at < PIECES ? m - at : PIECES;
        const struct compare_job job = {reference + at * ref_stride, x + at * x_stride, ref_stride, x_stride, n, rows};
        vs_cpu_for(dev, compare, &job, count, 1);
        for (uint64_t r = 0; r < count; r++)
            vs_diff_add_row(out, &rows[r], n);
    }
    return VS_OK;
}
