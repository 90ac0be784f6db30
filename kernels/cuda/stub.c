/* SPDX-License-Identifier: Apache-2.0
 *
 * In place of the CUDA backend where it is not built: callers need no #ifdef.
 */
#include "backend.h"
#include "cuda/measure.h"

enum vs_code vs_cuda_open(struct vs_dev **out, struct vs_err *err)
{
    *out = NULL;
    return vs_fail(err, VS_EDEVICE, "no usable CUDA device: built without the CUDA backend");
}

enum vs_code vs_cuda_facts(struct vs_dev *dev, struct vs_cuda_facts *out, struct vs_err *err)
{
    *out = (struct vs_cuda_facts){0};
    return vs_fail(err, VS_EDEVICE, "no usable CUDA device: built without the CUDA backend");
}

void vs_cuda_tune(struct vs_dev *dev, uint64_t chunk, bool timed)
{
}

void vs_cuda_early(struct vs_dev *dev, bool on)
{
}

void vs_cuda_fast_attention(struct vs_dev *dev, bool on)
{
}

double vs_cuda_kernel_ms(struct vs_dev *dev)
{
    return 0;
}

uint64_t vs_cuda_launches(struct vs_dev *dev)
{
    return 0;
}

enum vs_code vs_cuda_fill_bf16(struct vs_dev *dev, void *p, uint64_t n, uint64_t seed, float scale, struct vs_err *err)
{
    return vs_fail(err, VS_EDEVICE, "no usable CUDA device: built without the CUDA backend");
}

enum vs_code vs_cuda_fast_peak(struct vs_dev *dev, uint32_t side, double *flops, struct vs_err *err)
{
    *flops = 0;
    return vs_fail(err, VS_EDEVICE, "no usable CUDA device: built without the CUDA backend");
}
