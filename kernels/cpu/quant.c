/* SPDX-License-Identifier: Apache-2.0
 *
 * Blocks to float32, whole blocks at a time.
 */
#include "canon.h"
#include "cpu.h"
#include "quant.h"

struct dequant_job { const uint8_t *in, *scales; enum vs_dtype dtype; float *out; };

/* NaN values get their one bit pattern while the block is still in the cache. */
VS_BODY void quiet(float *y, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        y[i] = vs_quiet(y[i]);
}

VS_BODY void dequant_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct dequant_job *j = job;
    switch ((int)j->dtype) {
#define CASE(name)                                                              \
    case VS_##name:                                                             \
        for (uint64_t i = begin; i < end; i++) {                                \
            float *y = j->out + i * VS_##name##_ELEMENTS;                       \
            vs_##name##_block(j->in + i * VS_##name##_BYTES, y);                \
            quiet(y, VS_##name##_ELEMENTS);                                     \
        }                                                                       \
        break;
    VS_QUANT_DTYPES(CASE)
#undef CASE
    }
}
VS_CPU_KERNEL(dequant)

VS_BODY void mxfp4_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct dequant_job *j = job;
    for (uint64_t i = begin; i < end; i++)
        vs_mxfp4_split_block(j->in + i * 16, j->scales[i], j->out + i * 32);
}
VS_CPU_KERNEL(mxfp4)

void vs_cpu_dequant_all(const void *in, enum vs_dtype dtype, uint64_t blocks, float *out)
{
    const struct dequant_job job = {in, NULL, dtype, out};
    dequant[vs_cpu_best()](&job, 0, blocks);
}

enum vs_code vs_cpu_dequant(struct vs_dev *dev, const void *in, const uint8_t *scales, enum vs_dtype dtype, uint64_t blocks,
                            float *out, struct vs_err *err)
{
    const struct dequant_job job = {in, scales, dtype, out};
    vs_cpu_for(dev, scales ? mxfp4 : dequant, &job, blocks, 256);
    return VS_OK;
}
