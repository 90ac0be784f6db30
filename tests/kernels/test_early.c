/* SPDX-License-Identifier: Apache-2.0
 *
 * What depends on the code that runs, which the device alone does not tell: whether a kernel may be started before the one in front
 * of it is done, where it waits; and whether attention may multiply matrices.
 */
#include <criterion/criterion.h>
#include "cuda/attend_rows.h"
#include "cuda/measure.h"

static const struct { int capability, ptx, binary; bool waits, multiplies; } cases[] = {
    {75, 75, 75, false, false}, {80, 80, 80, false, true}, {89, 80, 86, false, true}, {89, 80, 89, false, true}, {90, 90, 90, true, true},
    {100, 90, 100, true, true}, {120, 120, 120, true, true},
    {90, 80, 90, false, true}, {120, 80, 120, false, true}, /* -Dcuda-arch=80, translated for a newer device */
    {80, 75, 80, false, false}, {90, 75, 90, false, false}, /* -Dcuda-arch=75 */
};

static bool attends_fast(struct vs_dev *dev)
{
    const struct vs_f_span span = {0, 64, 0, 64};
    const struct vs_f_heads heads = {.heads = 2, .dim = 64, .head_stride = 64, .token_stride = 128};
    const struct vs_f_attention a = {.q = heads, .k = heads, .v = heads, .spans = &span, .span_count = 1, .causal = true};
    vs_cuda_fast_attention(dev, true);
    return vs_cuda_fast_attends((const struct vs_cuda *)dev, &a);
}

Test(early, only_what_the_code_does)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct vs_dev *dev;
        struct vs_err err;
        emu_capability = cases[i].capability;
        emu_ptx = cases[i].ptx;
        emu_binary = cases[i].binary;
        cr_assert_eq(vs_dev_open(VS_DEV_CUDA, 0, &dev, &err), VS_OK, "%s", err.message);
        const struct vs_cuda *cuda = (const struct vs_cuda *)dev;
        cr_expect_eq(cuda->early, cases[i].waits, "case %zu", i);
        vs_cuda_early(dev, false);
        cr_expect(!cuda->early);
        vs_cuda_early(dev, true);
        cr_expect_eq(cuda->early, cases[i].waits, "case %zu, asked for", i);
        cr_expect_eq(attends_fast(dev), cases[i].multiplies, "case %zu, matrix products", i);
        vs_dev_close(dev);
    }
}
