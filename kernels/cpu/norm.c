/* SPDX-License-Identifier: Apache-2.0
 *
 * Norms of rows. Sums in float64 over the 128 lanes of canon.h.
 */
#include "canon.h"
#include "forward.h"

struct norm_job { enum vs_f_norm_kind kind; const float *x; uint64_t cols; const float *weight, *bias; double eps; float *y; };

#define LANES VS_SQUARE_LANES

/* Sum of (x - center)^2, or with squares false of x itself. */
VS_BODY double row_sum(const float *x, uint64_t cols, double center, const bool squares)
{
    double lanes[LANES] = {0};
    uint64_t k = 0;
    for (; cols - k >= LANES; k += LANES)
        for (uint64_t l = 0; l < LANES; l++) {
            const double d = x[k + l] - center;
            lanes[l] = squares ? vs_fma(d, d, lanes[l]) : lanes[l] + d;
        }
    for (uint64_t l = 0; k + l < cols; l++) {
        const double d = x[k + l] - center;
        lanes[l] = squares ? vs_fma(d, d, lanes[l]) : lanes[l] + d;
    }
    return vs_square_finish(lanes);
}

VS_BODY float element(const struct norm_job *j, float d, float factor, uint64_t k)
{
    d *= factor;
    d = j->weight ? d * j->weight[k] : d;
    return vs_quiet(j->bias ? d + j->bias[k] : d);
}

VS_BODY void norm_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct norm_job *j = job;
    const double count = (double)j->cols;
    for (uint64_t r = begin; r < end; r++) {
        const float *x = j->x + r * j->cols;
        float *y = j->y + r * j->cols;
        const double mean = j->kind == VS_F_LAYER ? row_sum(x, j->cols, 0, false) / count : 0;
        const float factor = (float)(1 / sqrt(row_sum(x, j->cols, mean, true) / count + j->eps));
        if (j->kind == VS_F_LAYER)
            for (uint64_t k = 0; k < j->cols; k++)
                y[k] = element(j, (float)(x[k] - mean), factor, k);
        else
            for (uint64_t k = 0; k < j->cols; k++)
                y[k] = element(j, x[k], factor, k);
    }
}
VS_CPU_KERNEL(norm)

enum vs_code vs_cpu_norm(struct vs_dev *dev, enum vs_f_norm_kind kind, const float *x, uint64_t rows, uint64_t cols,
                         const float *weight, const float *bias, double eps, float *y, struct vs_err *err)
{
    const struct norm_job job = {kind, x, cols, weight, bias, eps, y};
    vs_cpu_for(dev, norm, &job, rows, cols > 4096 ? 1 : 4096 / cols);
    return VS_OK;
}
