/* SPDX-License-Identifier: Apache-2.0
 *
 * The device, its buffers, and the one place where CUDA's errors become ours.
 */
#include <stdio.h>
#include "fast.h"
#include "forward.h"

#define CHUNK_BYTES (64ull << 20)

enum vs_code vs_cuda_check(cudaError_t e, const char *what, struct vs_err *err)
{
    if (e == cudaSuccess)
        return VS_OK;
    cudaGetLastError(); /* it stays set until it is asked for: the next launch would be blamed */
    return vs_fail(err, e == cudaErrorMemoryAllocation ? VS_ENOMEM : VS_EDEVICE, "CUDA device: %s: %s (error %d)", what,
                   cudaGetErrorString(e), (int)e);
}

enum vs_code vs_cuda_no_room(struct vs_cuda *cuda, cudaError_t e, const char *where, uint64_t bytes, struct vs_err *err)
{
    size_t available = 0, all = 0;
    char what[200], room[64] = "";
    cuda->dev.ran_out = true;
    if (!where[0] && cudaMemGetInfo(&available, &all) == cudaSuccess)
        snprintf(room, sizeof room, " (%llu of %llu are free)", (unsigned long long)available, (unsigned long long)all);
    snprintf(what, sizeof what, "no room for %llu bytes%s%s: less --memory or shorter prompts may fit, --device cpu needs none",
             (unsigned long long)bytes, where, room);
    return vs_cuda_check(e, what, err);
}

enum vs_code vs_cuda_room(struct vs_cuda *cuda, enum vs_cuda_slot slot, uint64_t bytes, struct vs_err *err)
{
    if (cuda->slots[slot].p && cuda->slots[slot].bytes >= bytes)
        return VS_OK;
    cudaFree(cuda->slots[slot].p);
    cuda->slots[slot].p = NULL;
    cuda->slots[slot].bytes = bytes;
    const cudaError_t e = cudaMalloc(&cuda->slots[slot].p, bytes ? bytes : 1);
    if (e == cudaSuccess)
        return VS_OK;
    cuda->slots[slot].p = NULL;
    return vs_cuda_no_room(cuda, e, "", bytes, err);
}

enum vs_code vs_cuda_put(struct vs_cuda *cuda, enum vs_cuda_slot slot, const void *host, uint64_t bytes, struct vs_err *err)
{
    enum vs_code code = vs_cuda_flush(cuda, err);
    if (!code)
        code = vs_cuda_room(cuda, slot, bytes, err);
    cuda->behind_kernel = cuda->rounded = false;
    if (!code && bytes)
        code = vs_cuda_check(cudaMemcpyAsync(cuda->slots[slot].p, host, bytes, cudaMemcpyHostToDevice, cuda->stream),
                             "copy to the device", err);
    return code;
}

enum vs_code vs_cuda_get(struct vs_cuda *cuda, enum vs_cuda_slot slot, void *host, uint64_t bytes, struct vs_err *err)
{
    const enum vs_code code = vs_cuda_flush(cuda, err);
    if (code)
        return code;
    cuda->behind_kernel = false;
    cudaError_t e = cudaMemcpyAsync(host, cuda->slots[slot].p, bytes, cudaMemcpyDeviceToHost, cuda->stream);
    if (e == cudaSuccess)
        e = cudaStreamSynchronize(cuda->stream);
    return vs_cuda_check(e, "copy from the device", err);
}

enum vs_code vs_cuda_bounce(struct vs_cuda *cuda, uint64_t bytes, struct vs_err *err)
{
    if (cuda->bounce && cuda->bounce_bytes >= bytes)
        return VS_OK;
    cudaFreeHost(cuda->bounce);
    cuda->bounce = NULL;
    cudaError_t e = cudaMallocHost(&cuda->bounce, bytes);
    cuda->bounce_bytes = e == cudaSuccess ? bytes : 0;
    if (e == cudaSuccess)
        return VS_OK;
    cuda->bounce = NULL;
    return vs_cuda_no_room(cuda, e, " of pinned host memory", bytes, err);
}

#if defined(__CUDACC__)
/* What went wrong is for vs_cuda_end to see. */
void vs_cuda_start(const struct vs_cuda *cuda, const void *kernel, unsigned blocks, unsigned threads, const void *args)
{
    void *list[1] = {(void *)(uintptr_t)args};
    cudaLaunchAttribute early = {};
    cudaLaunchConfig_t config = {};
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
    config.gridDim = dim3(blocks);
    config.blockDim = dim3(threads);
    config.stream = cuda->stream;
    config.attrs = &early;
    config.numAttrs = cuda->early && cuda->behind_kernel;
    cudaLaunchKernelExC(&config, kernel, list);
}
#endif

/* One of the two waits, at most. */
enum vs_code vs_cuda_flush(struct vs_cuda *cuda, struct vs_err *err)
{
    const enum vs_code code = vs_cuda_flush_products(cuda, err);
    return code ? code : vs_cuda_flush_addition(cuda, err);
}

void vs_cuda_begin(struct vs_cuda *cuda)
{
    cuda->behind_kernel &= !cuda->timed;
    cuda->rounded = false;
    cuda->launches++;
    if (cuda->timed)
        cudaEventRecord(cuda->before, cuda->stream);
}

enum vs_code vs_cuda_end(struct vs_cuda *cuda, struct vs_err *err)
{
    enum vs_code code = vs_cuda_check(cudaGetLastError(), "kernel launch", err);
    cuda->behind_kernel = true;
    if (code || !cuda->timed)
        return code;
    float ms = 0;
    cudaEventRecord(cuda->after, cuda->stream);
    code = vs_cuda_check(cudaEventSynchronize(cuda->after), "kernel", err);
    if (!code && cudaEventElapsedTime(&ms, cuda->before, cuda->after) == cudaSuccess)
        cuda->kernel_ms += ms;
    return code;
}

uint64_t vs_cuda_chunk_rows(const struct vs_cuda *cuda, uint64_t row_bytes)
{
    return row_bytes >= cuda->chunk || !row_bytes ? 1 : cuda->chunk / row_bytes;
}

enum vs_code vs_cuda_rows(struct vs_cuda *cuda, const struct vs_rows *window, uint64_t at, uint64_t n, struct vs_rows *on_device,
                          struct vs_err *err)
{
    const uint64_t row_bytes = window->cols * vs_float_size(window->dtype);
    const enum vs_code code = vs_cuda_put(cuda, VS_SLOT_ROWS, (const char *)window->data + at * row_bytes, n * row_bytes, err);
    *on_device = *window;
    on_device->data = cuda->slots[VS_SLOT_ROWS].p;
    on_device->first = window->first + at;
    on_device->count = n;
    return code;
}

static void cuda_close(struct vs_dev *dev)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    vs_cuda_fast_close(cuda);
    vs_cuda_forward_close(cuda);
    for (int i = 0; i < VS_SLOT_COUNT; i++)
        cudaFree(cuda->slots[i].p);
    cudaFreeHost(cuda->bounce);
    if (cuda->before)
        cudaEventDestroy(cuda->before);
    if (cuda->after)
        cudaEventDestroy(cuda->after);
    if (cuda->stream)
        cudaStreamDestroy(cuda->stream);
    vs_free(cuda);
}

/* In the order of struct vs_backend. */
static const struct vs_backend cuda_backend = {
    cuda_close, vs_cuda_gather, vs_cuda_row_stats, vs_cuda_column_sums, vs_cuda_affine_noise, vs_cuda_combine,
    vs_cuda_head_probe, vs_cuda_argmax, vs_cuda_dequant,
};

/* Errors 35 (driver missing or too old) and 100 (no device) are the usual ones; whatever else keeps devices from being
 * counted makes them as unusable. */
static enum vs_code find_device(struct cudaDeviceProp *prop, struct vs_err *err)
{
    int count = 0;
    cudaError_t e = cudaGetDeviceCount(&count);
    if (e == cudaSuccess && !count)
        e = cudaErrorNoDevice;
    if (e == cudaSuccess)
        e = cudaSetDevice(0);
    if (e == cudaSuccess)
        e = cudaGetDeviceProperties(prop, 0);
    if (e == cudaSuccess)
        return VS_OK;
    cudaGetLastError();
    return vs_fail(err, VS_EDEVICE, "no usable CUDA device: %s (error %d)", cudaGetErrorString(e), (int)e);
}

struct probe_args { uint32_t *out; };

VS_KERNEL(alive, struct probe_args)
{
    VS_BEGIN();
    *a.out = 0x5eed;
}

/* A device that this build has no code for fails at the first launch: find out now. */
static enum vs_code try_device(struct vs_cuda *cuda, const struct cudaDeviceProp *prop, struct vs_err *err)
{
    struct probe_args args;
    uint32_t seen = 0;
    enum vs_code code = vs_cuda_room(cuda, VS_SLOT_OUT, sizeof seen, err);
    args.out = (uint32_t *)cuda->slots[VS_SLOT_OUT].p;
    VS_LAUNCH(cuda, code, alive, 1, 1, args, err);
    if (!code)
        code = vs_cuda_get(cuda, VS_SLOT_OUT, &seen, sizeof seen, err);
    if (!code && seen == 0x5eed)
        return VS_OK;
    struct vs_err why = {VS_OK, "no answer"};
    if (code)
        why = *err;
    return vs_fail(err, VS_EDEVICE, "no usable CUDA device: %s (compute capability %d.%d): %s", prop->name, prop->major,
                   prop->minor, why.message);
}

/* A new device also runs code that was compiled for an older one, in which VS_BEGIN and the matrix products of attend_fast.cu are
 * empty: ptxVersion is the __CUDA_ARCH__ that the code saw, binaryVersion what the driver made of it. */
static enum vs_code ask_code(struct vs_cuda *cuda, struct vs_err *err)
{
    struct cudaFuncAttributes code_of;
    const enum vs_code code = vs_cuda_check(cudaFuncGetAttributes(&code_of, (const void *)(uintptr_t)alive), "kernel attributes", err);
    cuda->waits = !code && cuda->capability >= 90 && code_of.ptxVersion >= 90 && code_of.binaryVersion >= 90;
    cuda->multiplies = !code && cuda->capability >= 80 && code_of.ptxVersion >= 80;
    cuda->early = cuda->waits;
    return code;
}

enum vs_code vs_cuda_open(struct vs_dev **out, struct vs_err *err)
{
    struct cudaDeviceProp prop;
    *out = NULL;
    enum vs_code code = find_device(&prop, err);
    if (code)
        return code;
    struct vs_cuda *cuda = (struct vs_cuda *)vs_calloc(1, sizeof *cuda);
    if (!cuda)
        return vs_fail(err, VS_ENOMEM, "no memory for a device (%llu bytes)", (unsigned long long)sizeof *cuda);
    cuda->dev.backend = &cuda_backend;
    cuda->dev.forward = &vs_cuda_forward;
    cuda->dev.kind = VS_DEV_CUDA;
    cuda->processors = (unsigned)prop.multiProcessorCount;
    cuda->capability = (unsigned)(prop.major * 10 + prop.minor);
    cuda->chunk = CHUNK_BYTES;
    snprintf(cuda->dev.name, sizeof cuda->dev.name, "%.*s", (int)sizeof cuda->dev.name - 1, prop.name);
    code = vs_cuda_check(cudaStreamCreate(&cuda->stream), "stream", err);
    if (!code)
        code = vs_cuda_check(cudaEventCreate(&cuda->before), "event", err);
    if (!code)
        code = vs_cuda_check(cudaEventCreate(&cuda->after), "event", err);
    if (!code)
        code = try_device(cuda, &prop, err);
    if (!code)
        code = ask_code(cuda, err);
    if (!code)
        code = vs_cuda_forward_open(cuda, err);
    if (code)
        cuda_close(&cuda->dev);
    else
        *out = &cuda->dev;
    return code;
}
