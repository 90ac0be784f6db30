/* SPDX-License-Identifier: Apache-2.0
 *
 * The part of CUDA that the kernels use, for the host: blocks run one after the other, the threads of a block as fibers
 * that switch at barriers and shuffles, in an order that changes from launch to launch. Launches and copies wait in their
 * streams until they must be done, or not so long (emu_streams.c). Device memory is readable and writable only while a
 * kernel or a copy runs (under AddressSanitizer), is filled with 0x88 at first, and has exactly the size that was asked for.
 */
#ifndef VS_TESTS_EMU_CUDA_RUNTIME_H
#define VS_TESTS_EMU_CUDA_RUNTIME_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emu_index { unsigned x, y, z; };
extern struct emu_index threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __shared__ static

/* The kernels as this compiler made them, or (EMU_PTX) as nvcc did, of which ptx_to_c.py made C. */
#ifdef EMU_PTX
#define VS_KERNEL(name, args_type)                           \
    void ptx_##name(const void *args);                       \
    extern const bool ptx_##name##_strides;                  \
    __attribute__((unused)) static void name(args_type a)
#define EMU_KERNEL(name) ptx_##name
#define EMU_BLOCKS(name, blocks) (ptx_##name##_strides ? emu_fewer(blocks) : (blocks))
#else
#define VS_KERNEL(name, args_type)                                                          \
    static void name(args_type a);                                                          \
    static void name##_thunk(const void *args) { name(*(const args_type *)args); }          \
    static void name(args_type a)
#define EMU_KERNEL(name) name##_thunk
#define EMU_BLOCKS(name, blocks) (blocks)
#endif
#define VS_DEVICE static inline __attribute__((unused))
#define VS_START(name, blocks, threads, cuda, args)                                                                            \
    emu_launch((cuda)->stream, #name, EMU_KERNEL(name), &(args), sizeof(args), EMU_BLOCKS(name, blocks), threads)

typedef struct emu_stream *cudaStream_t;
typedef struct emu_event *cudaEvent_t;
void emu_launch(cudaStream_t stream, const char *name, void (*kernel)(const void *args), const void *args, size_t bytes, unsigned blocks,
                unsigned threads);
unsigned emu_fewer(unsigned blocks); /* of a kernel that does with any number: now as many as are asked for, now two */
void emu_begin(void); /* every thread must come here; device memory is poisoned until the first one does */
void emu_barrier(unsigned line); /* of the source: a warp comes to one and the same */
void emu_shuffle(uint32_t mask, const void *value, void *out, size_t bytes, unsigned distance, unsigned width);

void emu_all(const void *value, void *out, size_t bytes); /* out[32]: the values of the whole warp */
void emu_mma(float *d, const uint32_t *a, const uint32_t *b);

#define VS_MMA emu_mma
#define VS_BEGIN() emu_begin()

/* Copies arrive when they are waited for, no earlier; until then the place holds 0x99. */
void emu_copy(void *to, const void *from, size_t room, size_t bytes);
void emu_copy_commit(void);
void emu_copy_wait(unsigned groups);
#define VS_COPY16(to, from) emu_copy(to, from, 16, 16)
#define VS_COPY_PART(to, from, n) emu_copy(to, from, 16, n)
#define VS_COPY4(to, from) emu_copy(to, from, 4, 4)
#define VS_COPY_COMMIT() emu_copy_commit()
#define VS_COPY_WAIT(n) emu_copy_wait(n)
#define __shfl_xor_sync(mask, v, bit)                                                \
    __extension__({                                                                  \
        float emu_in_ = (v), emu_out_[32];                                           \
        emu_all(&emu_in_, emu_out_, sizeof emu_in_);                                 \
        emu_out_[threadIdx.x % 32 ^ (bit)];                                           \
    })
#define __syncthreads() emu_barrier(__LINE__)
#define EMU_SHFL_DOWN(mask, v, d, width)                                             \
    __extension__({                                                                  \
        __typeof__(v) emu_in_ = (v), emu_out_;                                       \
        emu_shuffle(mask, &emu_in_, &emu_out_, sizeof emu_in_, d, width);            \
        emu_out_;                                                                    \
    })
#define EMU_SHFL_DOWN3(mask, v, d) EMU_SHFL_DOWN(mask, v, d, 32)
#define EMU_PICK(a, b, c, d, name, ...) name
#define __shfl_down_sync(...) EMU_PICK(__VA_ARGS__, EMU_SHFL_DOWN, EMU_SHFL_DOWN3, )(__VA_ARGS__)
#define atomicAdd(p, v)                   \
    __extension__({                       \
        __typeof__(*(p)) emu_old_ = *(p); \
        *(p) += (v);                      \
        emu_old_;                         \
    })

#define atomicMax(p, v)                          \
    __extension__({                              \
        __typeof__(*(p)) emu_old_ = *(p);        \
        *(p) = (v) > emu_old_ ? (v) : emu_old_;  \
        emu_old_;                                \
    })

typedef enum {
    cudaSuccess = 0,
    cudaErrorMemoryAllocation = 2,
    cudaErrorInsufficientDriver = 35,
    cudaErrorNoDevice = 100,
    cudaErrorInvalidResourceHandle = 400,
    cudaErrorNotReady = 600,
} cudaError_t;
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
struct cudaFuncAttributes { int ptxVersion, binaryVersion; };
struct cudaDeviceProp { char name[256]; int major, minor, multiProcessorCount, l2CacheSize; size_t totalGlobalMem; };

cudaError_t cudaGetDeviceCount(int *count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device);
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attributes, const void *kernel);
cudaError_t cudaDriverGetVersion(int *version);
cudaError_t cudaRuntimeGetVersion(int *version);
cudaError_t cudaGetLastError(void);
const char *cudaGetErrorString(cudaError_t e);
cudaError_t cudaMalloc(void **p, size_t bytes);
cudaError_t cudaFree(void *p);
cudaError_t cudaMallocHost(void **p, size_t bytes);
cudaError_t cudaFreeHost(void *p);
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                              enum cudaMemcpyKind kind, cudaStream_t stream);
enum { cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2 };
cudaError_t cudaMemGetInfo(size_t *available, size_t *all);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
cudaError_t cudaStreamCreate(cudaStream_t *stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaEventCreate(cudaEvent_t *event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaEventDestroy(cudaEvent_t event);

/* emu_cublaslt.c, where a test wants one. */
extern bool emu_cublaslt;
void *emu_dlopen(const char *name);
void *emu_dlsym(const char *name);
#define dlopen(name, how) emu_dlopen(name)
#define dlsym(library, name) emu_dlsym(name)
#define dlclose(library) ((void)(library))

/* What the tests may spoil: the answer of cudaGetDeviceCount; the n-th cudaMalloc from now on (0 = none); bytes that the
 * device has (0 = as many as are asked for); its capability, what the code was compiled for and what the driver made of that (80 is 8.0). */
extern cudaError_t emu_device_count_error;
extern unsigned emu_fail_malloc;
extern size_t emu_memory_limit;
extern int emu_capability, emu_ptx, emu_binary;
extern uint64_t emu_waits; /* of the host for a stream */
extern size_t emu_memory_peak; /* the most that was in use since a test set it to 0 */
/* When queued work runs: as the environment says (EMU_PACE) or else mixed; as late as may be; at once. */
extern enum emu_pace { EMU_UNSET, EMU_MIXED, EMU_LATE, EMU_EARLY } emu_pace;
size_t emu_memory_used(void);

#endif
