/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory of the device, the copy stream with its two lanes, and the table of the forward pass's operations.
 */
#include "fast.h"
#include "forward.h"

static enum vs_code alloc(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err)
{
    const cudaError_t e = cudaMalloc(out, bytes ? bytes : 1);
    if (e == cudaSuccess)
        return VS_OK;
    *out = NULL;
    return vs_cuda_no_room((struct vs_cuda *)dev, e, "", bytes, err);
}

/* A product that cannot be started now would not have been started before either; what comes next says so. */
static void release(struct vs_dev *dev, void *p)
{
    struct vs_err err;
    (void)vs_cuda_flush((struct vs_cuda *)dev, &err);
    cudaFree(p);
}

static enum vs_code memory(struct vs_dev *dev, uint64_t *free_bytes, uint64_t *total_bytes, struct vs_err *err)
{
    size_t available = 0, all = 0;
    const enum vs_code code = vs_cuda_check(cudaMemGetInfo(&available, &all), "free memory", err);
    *free_bytes = available;
    *total_bytes = all;
    return code;
}

static enum vs_code wait(struct vs_dev *dev, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const enum vs_code code = vs_cuda_flush(cuda, err);
    return code ? code : vs_cuda_check(cudaStreamSynchronize(cuda->stream), "forward pass", err);
}

/* Pinned memory would be read after the call: so wait. */
static enum vs_code put(struct vs_dev *dev, void *dst, const void *host, uint64_t bytes, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    enum vs_code code = vs_cuda_flush(cuda, err);
    cuda->behind_kernel = cuda->rounded = false;
    if (!code)
        code = vs_cuda_check(cudaMemcpyAsync(dst, host, bytes, cudaMemcpyHostToDevice, cuda->stream), "copy to the device", err);
    return code ? code : wait(dev, err);
}

static enum vs_code get(struct vs_dev *dev, void *host, const void *src, uint64_t bytes, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    enum vs_code code = vs_cuda_flush(cuda, err);
    cuda->behind_kernel = false;
    if (!code)
        code = vs_cuda_check(cudaMemcpyAsync(host, src, bytes, cudaMemcpyDeviceToHost, cuda->stream), "copy from the device", err);
    return code ? code : wait(dev, err);
}

/* ---- read-ahead ---- */

static enum vs_code host_alloc(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err)
{
    const cudaError_t e = cudaMallocHost(out, bytes ? bytes : 1);
    if (e == cudaSuccess)
        return VS_OK;
    *out = NULL;
    return vs_cuda_no_room((struct vs_cuda *)dev, e, " of pinned host memory", bytes, err);
}

static void host_free(struct vs_dev *dev, void *p)
{
    cudaFreeHost(p);
}

static enum vs_code send(struct vs_dev *dev, unsigned lane, void *dst, const void *host, uint64_t bytes, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    enum vs_code code = vs_cuda_check(cudaStreamWaitEvent(cuda->copies, cuda->used[lane], 0), "read-ahead", err);
    if (!code)
        code = vs_cuda_check(cudaMemcpyAsync(dst, host, bytes, cudaMemcpyHostToDevice, cuda->copies), "copy to the device", err);
    if (!code)
        code = vs_cuda_check(cudaEventRecord(cuda->sent[lane], cuda->copies), "read-ahead", err);
    return code;
}

static enum vs_code arrived(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const enum vs_code code = vs_cuda_flush(cuda, err);
    cuda->behind_kernel = cuda->rounded = false; /* the next kernel waits for the event as well, wherever it starts */
    return code ? code : vs_cuda_check(cudaStreamWaitEvent(cuda->stream, cuda->sent[lane], 0), "read-ahead", err);
}

static enum vs_code used(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    struct vs_cuda *cuda = (struct vs_cuda *)dev;
    const enum vs_code code = vs_cuda_flush(cuda, err);
    return code ? code : vs_cuda_check(cudaEventRecord(cuda->used[lane], cuda->stream), "read-ahead", err);
}

static enum vs_code sent(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    return vs_cuda_check(cudaEventSynchronize(((struct vs_cuda *)dev)->sent[lane]), "read-ahead", err);
}

/* Products need no room but in fast mode, which makes it when it is turned on. */
static enum vs_code reserve(struct vs_dev *dev, uint64_t cols, struct vs_err *err)
{
    return VS_OK;
}

/* ---- with the device ---- */

enum vs_code vs_cuda_forward_open(struct vs_cuda *cuda, struct vs_err *err)
{
    enum vs_code code = vs_cuda_check(cudaStreamCreateWithFlags(&cuda->copies, cudaStreamNonBlocking), "stream", err);
    for (int lane = 0; lane < 2 && !code; lane++) {
        code = vs_cuda_check(cudaEventCreateWithFlags(&cuda->sent[lane], cudaEventDisableTiming), "event", err);
        if (!code)
            code = vs_cuda_check(cudaEventCreateWithFlags(&cuda->used[lane], cudaEventDisableTiming), "event", err);
    }
    if (!code)
        code = vs_cuda_room(cuda, VS_SLOT_LOOK, VS_LOOK_BYTES, err);
    return code ? code : vs_cuda_bounce(cuda, VS_LOOK_BYTES, err);
}

void vs_cuda_forward_close(struct vs_cuda *cuda)
{
    for (int lane = 0; lane < 2; lane++) {
        if (cuda->sent[lane])
            cudaEventDestroy(cuda->sent[lane]);
        if (cuda->used[lane])
            cudaEventDestroy(cuda->used[lane]);
    }
    if (cuda->copies)
        cudaStreamDestroy(cuda->copies);
}

/* In the order of struct vs_forward. */
const struct vs_forward vs_cuda_forward = {
    alloc, release, memory, put, get, wait, reserve, vs_cuda_fast, host_alloc, host_free, send, arrived, used, sent, vs_cuda_linear,
    vs_cuda_norm, vs_cuda_rope, vs_cuda_attention_scores, vs_cuda_attend, vs_cuda_act, vs_cuda_add, vs_cuda_scale, vs_cuda_take, vs_cuda_put_back,
    vs_cuda_look, vs_cuda_logit_tile, vs_cuda_choose, vs_cuda_compare,
};
