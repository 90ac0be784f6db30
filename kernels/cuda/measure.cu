/* SPDX-License-Identifier: Apache-2.0 */
#include "cuda.h"
#include "measure.h"

#define COPY_BYTES (1ull << 30)
#define COPIES 10
#define TIMES 5
#define WARM_MS 300

void vs_cuda_tune(struct vs_dev *dev, uint64_t chunk, bool timed)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct vs_err err;
    (void)vs_cuda_flush(cuda, &err); /* it was asked for before */
    cuda->chunk = chunk ? chunk : cuda->chunk;
    cuda->timed = timed;
    cuda->kernel_ms = 0;
    cuda->launches = 0;
}

double vs_cuda_kernel_ms(struct vs_dev *dev)
{
    return ((struct vs_cuda *)dev)->kernel_ms;
}

uint64_t vs_cuda_launches(struct vs_dev *dev)
{
    return ((struct vs_cuda *)dev)->launches;
}

void vs_cuda_early(struct vs_dev *dev, bool on)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    cuda->early = on && cuda->waits;
}

void vs_cuda_fast_attention(struct vs_dev *dev, bool on)
{
    ((struct vs_cuda *)dev)->fast_attention = on;
}

/* COPIES of them, from slot A to slot B. */
static enum vs_code copy_often(struct vs_cuda *cuda, uint64_t bytes, float *ms, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    cudaEventRecord(cuda->before, cuda->stream);
    for (int i = 0; i < COPIES && !code; i++)
        code = vs_cuda_check(cudaMemcpyAsync(cuda->slots[VS_SLOT_B].p, cuda->slots[VS_SLOT_A].p, bytes,
                                             cudaMemcpyDeviceToDevice, cuda->stream), "copy on the device", err);
    cudaEventRecord(cuda->after, cuda->stream);
    if (!code)
        code = vs_cuda_check(cudaEventSynchronize(cuda->after), "copy on the device", err);
    if (!code)
        code = vs_cuda_check(cudaEventElapsedTime(ms, cuda->before, cuda->after), "time", err);
    return code;
}

/* The best of some times; a device that was idle needs a while before its clocks are those of work. */
static enum vs_code copy_rate(struct vs_cuda *cuda, uint64_t bytes, double *rate, struct vs_err *err)
{
    float ms = 0, best = 0;
    enum vs_code code = vs_cuda_room(cuda, VS_SLOT_A, bytes, err);
    if (!code)
        code = vs_cuda_room(cuda, VS_SLOT_B, bytes, err);
    cuda->behind_kernel = false;
    for (float warm = 0; warm < WARM_MS && !code; warm += ms > 1 ? ms : 1)
        code = copy_often(cuda, bytes, &ms, err);
    for (int i = 0; i < TIMES && !code; i++) {
        code = copy_often(cuda, bytes, &ms, err);
        best = !i || ms < best ? ms : best;
    }
    *rate = best > 0 ? 2.0 * (double)bytes * COPIES / (best * 1e-3) : 0;
    return code;
}

enum vs_code vs_cuda_facts(struct vs_dev *dev, struct vs_cuda_facts *out, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    struct cudaDeviceProp prop;
    enum vs_code code = vs_cuda_check(cudaGetDeviceProperties(&prop, 0), "properties", err);
    memset(out, 0, sizeof *out);
    if (code)
        return code;
    cudaDriverGetVersion(&out->driver);
    cudaRuntimeGetVersion(&out->runtime);
    out->capability = prop.major * 10 + prop.minor;
    out->processors = prop.multiProcessorCount;
    out->memory = prop.totalGlobalMem;
    out->cache = (uint64_t)prop.l2CacheSize;
    return copy_rate(cuda, prop.totalGlobalMem / 8 < COPY_BYTES ? prop.totalGlobalMem / 8 : COPY_BYTES, &out->copy_rate, err);
}

struct fill_args { uint16_t *p; uint64_t n, seed; float scale; };

VS_KERNEL(fill, struct fill_args)
{
    VS_BEGIN();
    for (uint64_t i = (uint64_t)blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += (uint64_t)gridDim.x * blockDim.x) {
        const float uniform = (float)(vs_mix64(i + (a.seed + 1) * VS_GOLDEN) >> 40) * 0x1p-23f - 1.0f;
        a.p[i] = vs_f32_to_bf16(uniform * a.scale);
    }
}

enum vs_code vs_cuda_fill_bf16(struct vs_dev *dev, void *p, uint64_t n, uint64_t seed, float scale, struct vs_err *err)
{
    const struct fill_args a = {(uint16_t *)p, n, seed, scale};
    enum vs_code code = VS_OK;
    VS_LAUNCH((struct vs_cuda *)dev, code, fill, vs_cuda_blocks(n, 4096), 256, a, err);
    return code;
}
