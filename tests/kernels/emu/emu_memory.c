/* SPDX-License-Identifier: Apache-2.0
 *
 * Device memory of the emulated device: a list of blocks, poisoned while the host's own code runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cuda_runtime.h"
#include "emu.h"

#define MAX_BLOCKS 1024

static struct { char *p; size_t bytes; } blocks[MAX_BLOCKS];
static cudaError_t sticky; /* the last error, until it is asked for */
cudaError_t emu_device_count_error;
unsigned emu_fail_malloc;
size_t emu_memory_limit, emu_memory_peak;
int emu_capability = 80, emu_ptx = 80, emu_binary = 80;

size_t emu_memory_used(void)
{
    size_t used = 0;
    for (int i = 0; i < MAX_BLOCKS; i++)
        used += blocks[i].p ? blocks[i].bytes : 0;
    return used;
}

void emu_expose(void)
{
    for (int i = 0; i < MAX_BLOCKS; i++)
        if (blocks[i].p)
            EMU_UNPOISON(blocks[i].p, blocks[i].bytes);
}

void emu_hide(void)
{
    for (int i = 0; i < MAX_BLOCKS; i++)
        if (blocks[i].p)
            EMU_POISON(blocks[i].p, blocks[i].bytes);
}

bool emu_on_device(const void *p, size_t n)
{
    for (int i = 0; i < MAX_BLOCKS; i++)
        if (blocks[i].p && (const char *)p >= blocks[i].p && (const char *)p + n <= blocks[i].p + blocks[i].bytes)
            return true;
    return false;
}

cudaError_t cudaMalloc(void **p, size_t bytes)
{
    const size_t used = emu_memory_used() + bytes;
    if ((emu_fail_malloc && !--emu_fail_malloc) || (emu_memory_limit && used > emu_memory_limit))
        return sticky = cudaErrorMemoryAllocation;
    emu_memory_peak = used > emu_memory_peak ? used : emu_memory_peak;
    for (int i = 0; i < MAX_BLOCKS; i++)
        if (!blocks[i].p) {
            void *block;
            if (posix_memalign(&block, 256, bytes) != 0) /* as the device's are */
                return cudaErrorMemoryAllocation;
            blocks[i].p = block;
            blocks[i].bytes = bytes;
            memset(blocks[i].p, 0x88, bytes);
            EMU_POISON(blocks[i].p, bytes);
            *p = blocks[i].p;
            return cudaSuccess;
        }
    emu_die("cudaMalloc: more blocks than the emulation holds");
}

/* Waits for the whole device ("cudaFree causes the GPU to synchronize across all executing CUDA streams": CUDA C++ Programming Guide, Stream
 * Ordered Memory Allocator). It says so of cudaMalloc as well, which in practice does not always: nobody may count on that. */
cudaError_t cudaFree(void *p)
{
    if (!p)
        return cudaSuccess;
    emu_drain();
    for (int i = 0; i < MAX_BLOCKS; i++)
        if (blocks[i].p == p) {
            EMU_UNPOISON(p, blocks[i].bytes);
            free(p);
            blocks[i].p = NULL;
            return cudaSuccess;
        }
    emu_die("cudaFree: not a block of the device");
}

cudaError_t cudaGetDeviceCount(int *count)
{
    *count = emu_device_count_error ? 0 : 1;
    return emu_device_count_error;
}

cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device)
{
    *prop = (struct cudaDeviceProp){.name = "emulated device", .major = emu_capability / 10, .minor = emu_capability % 10, .multiProcessorCount = 2,
                                     .totalGlobalMem = 1 << 20};
    return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *kernel)
{
    *attributes = (struct cudaFuncAttributes){emu_ptx, emu_binary};
    return cudaSuccess;
}

const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaErrorInsufficientDriver ? "insufficient driver" : e == cudaErrorNoDevice ? "no device" : "out of memory";
}

cudaError_t cudaGetLastError(void)
{
    const cudaError_t e = sticky;
    sticky = cudaSuccess;
    return e;
}

cudaError_t cudaMemGetInfo(size_t *available, size_t *all)
{
    *all = emu_memory_limit ? emu_memory_limit : 1 << 20;
    *available = *all > emu_memory_used() ? *all - emu_memory_used() : 0;
    return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int *version) { *version = 13000; return cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int *version) { *version = 13000; return cudaSuccess; }
cudaError_t cudaSetDevice(int device) { return cudaSuccess; }
