/* SPDX-License-Identifier: Apache-2.0
 *
 * When a kernel may be started before the one in front of it is done: where its code waits, which the device alone does not tell.
 */
#include <criterion/criterion.h>
#include "cuda/cuda.h"
#include "cuda/measure.h"

static const struct { int capability, ptx, binary; bool waits; } cases[] = {
    {80, 80, 80, false}, {89, 80, 86, false}, {89, 80, 89, false}, {90, 90, 90, true}, {100, 90, 100, true}, {120, 120, 120, true},
    {90, 80, 90, false}, {120, 80, 120, false}, /* -Dcuda-arch=80, translated for a newer device */
};

Test(early, only_where_the_code_waits)
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
        vs_dev_close(dev);
    }
}
