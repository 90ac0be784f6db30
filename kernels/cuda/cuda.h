/* SPDX-License-Identifier: Apache-2.0
 *
 * The CUDA backend. Sources keep to what C and C++ share, and launch through the macros below: tests/kernels compiles
 * them for the host as well. One device, one stream of kernels and one of copies that run ahead, plain cudaMalloc, no
 * float atomics; every kernel takes one struct by value, called a. Tables come to the device in chunks of whole rows.
 */
#ifndef VS_KERNELS_CUDA_H
#define VS_KERNELS_CUDA_H

#include <cuda_runtime.h>
#include "backend.h"
#include "canon.h"

#if defined(__CUDA_ARCH__)
#define VS_PRAGMA(text) _Pragma(#text)
#define VS_UNROLL(n) VS_PRAGMA(unroll n)
#else
#define VS_UNROLL(n)
#endif
#define VS_ALIGN16 __attribute__((aligned(16)))

#ifndef VS_KERNEL
#define VS_KERNEL(name, args_type) static __global__ void name(args_type a)
#define VS_DEVICE static __device__ __forceinline__
#define VS_START(name, blocks, threads, cuda, args) vs_cuda_start(cuda, (const void *)name, blocks, threads, &(args))
#endif

/* Kernels begin with VS_BEGIN, before which nothing may be read or written. In code compiled for 9.0 or newer a kernel that follows
 * another one directly is started before that one is done, and waits here: the device need not run empty between them. */
#ifndef VS_BEGIN
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
#define VS_BEGIN() asm volatile("griddepcontrol.wait;\n\tgriddepcontrol.launch_dependents;" ::: "memory")
#else
#define VS_BEGIN() ((void)0)
#endif
#endif

#if defined(__CUDA_ARCH__)
#define VS_PREFETCH(p) asm volatile("prefetch.global.L2 [%0];" ::"l"(p))
#else
#define VS_PREFETCH(p) ((void)(p))
#endif

/* Copies to shared memory that no register waits for: 16 bytes between multiples of 16; the same of which those from n on (not
 * all) become zero; 4 bytes. COMMIT closes a group of this thread's; WAIT(n): all groups but its last n have arrived. */
#ifndef VS_COPY16
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
#define VS_SHARED_AT(p) ((unsigned)__cvta_generic_to_shared(p))
#define VS_COPY16(to, from) asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(VS_SHARED_AT(to)), "l"(from) : "memory")
#define VS_COPY_PART(to, from, n) asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(VS_SHARED_AT(to)), "l"(from), "r"(n) : "memory")
#define VS_COPY4(to, from) asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(VS_SHARED_AT(to)), "l"(from) : "memory")
#define VS_COPY_COMMIT() asm volatile("cp.async.commit_group;" ::: "memory")
#define VS_COPY_WAIT(n) asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory")
#else
#define VS_COPY16(to, from) ((void)(*(uint4 *)(to) = *(const uint4 *)(from)))
#define VS_COPY_PART(to, from, n) (memset(to, 0, 16), (void)memcpy(to, from, n))
#define VS_COPY4(to, from) ((void)(*(to) = *(from)))
#define VS_COPY_COMMIT() ((void)0)
#define VS_COPY_WAIT(n) ((void)0)
#endif
#endif

/* Device buffers that stay until the device is closed; they only grow. */
enum vs_cuda_slot { VS_SLOT_ROWS, VS_SLOT_IDS, VS_SLOT_RANGES, VS_SLOT_OUT, VS_SLOT_A, VS_SLOT_B, VS_SLOT_C, VS_SLOT_D, VS_SLOT_LOOK,
                    VS_SLOT_COUNT };

struct product_args {
    struct vs_mat w;
    const float *x, *bias;
    uint64_t x_stride, m;
    float *y;
    uint64_t y_stride;
};

#define VS_TOGETHER 3u /* products of a launch, at most */

struct vs_cuda {
    struct vs_dev dev;
    cudaStream_t stream;
    struct { void *p; uint64_t bytes; } slots[VS_SLOT_COUNT];
    void *bounce;          /* pinned host memory */
    uint64_t bounce_bytes;
    uint64_t chunk;        /* bytes of rows on the device at a time */
    bool timed;            /* add the time of kernels to kernel_ms (gpu-verify) */
    double kernel_ms;
    uint64_t launches;
    cudaEvent_t before, after;
    cudaStream_t copies;         /* the copy stream of the forward pass; its lanes' events */
    cudaEvent_t sent[2], used[2];
    unsigned processors, capability; /* capability 90 is 9.0 */
    bool waits;                  /* VS_BEGIN does: the code that runs was compiled for 9.0 or newer */
    bool multiplies;             /* attend_fast.cu does: it was compiled for 8.0 or newer */
    bool early, behind_kernel;   /* kernels may be started early; what was queued last is one */
    struct product_args waiting[VS_TOGETHER]; /* products of the same tokens that were asked for and not started: vs_cuda_flush */
    uint32_t waiting_count;
    struct { float *x; const float *y; float scale; uint64_t n; } addition; /* that waits for a norm of its sums; n 0: none */
    bool fast, fast_attention;   /* attention alone: for tests */
    bool rounded;                /* the tokens of fast mode's last product lie rounded, and nothing was written since but products */
    struct vs_cuda_lt *lt;       /* fast.cu; NULL until fast mode was asked for */
};

#ifdef __cplusplus
extern "C" {
#endif

/* VS_OK for cudaSuccess; what: what was being done. */
enum vs_code vs_cuda_check(cudaError_t e, const char *what, struct vs_err *err);
/* For an allocation that failed with e: says how much is free, and notes it for vs_dev_ran_out(). where: "", or " of ..." */
enum vs_code vs_cuda_no_room(struct vs_cuda *cuda, cudaError_t e, const char *where, uint64_t bytes, struct vs_err *err);
enum vs_code vs_cuda_room(struct vs_cuda *cuda, enum vs_cuda_slot slot, uint64_t bytes, struct vs_err *err);
enum vs_code vs_cuda_put(struct vs_cuda *cuda, enum vs_cuda_slot slot, const void *host, uint64_t bytes, struct vs_err *err);
enum vs_code vs_cuda_get(struct vs_cuda *cuda, enum vs_cuda_slot slot, void *host, uint64_t bytes, struct vs_err *err);
enum vs_code vs_cuda_bounce(struct vs_cuda *cuda, uint64_t bytes, struct vs_err *err);
void vs_cuda_start(const struct vs_cuda *cuda, const void *kernel, unsigned blocks, unsigned threads, const void *args);
enum vs_code vs_cuda_flush(struct vs_cuda *cuda, struct vs_err *err); /* starts what waits, before memory of the device is used otherwise */
enum vs_code vs_cuda_flush_products(struct vs_cuda *cuda, struct vs_err *err);
enum vs_code vs_cuda_flush_addition(struct vs_cuda *cuda, struct vs_err *err);
void vs_cuda_begin(struct vs_cuda *cuda);                             /* before a launch, behind vs_cuda_flush */
enum vs_code vs_cuda_end(struct vs_cuda *cuda, struct vs_err *err);   /* after it */

/* The rows [at, at + n) of the window as a window of its own, on the device. */
enum vs_code vs_cuda_rows(struct vs_cuda *cuda, const struct vs_rows *window, uint64_t at, uint64_t n, struct vs_rows *on_device,
                          struct vs_err *err);
uint64_t vs_cuda_chunk_rows(const struct vs_cuda *cuda, uint64_t row_bytes); /* at least 1 */

enum vs_code vs_cuda_gather(struct vs_dev *dev, const struct vs_rows *window, const int64_t *ids, uint64_t n,
                            const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                            uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err);
enum vs_code vs_cuda_row_stats(struct vs_dev *dev, const struct vs_rows *window, struct vs_k_row *out, struct vs_err *err);
enum vs_code vs_cuda_column_sums(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *use, const double *center,
                                 double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err);
enum vs_code vs_cuda_affine_noise(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                                  const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err);
enum vs_code vs_cuda_combine(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *starts, const uint64_t *piece_ids,
                             const double *weights, uint64_t rows, void *out, struct vs_err *err);
enum vs_code vs_cuda_head_probe(struct vs_dev *dev, const struct vs_rows *window, const float *hidden, uint64_t probes,
                                const float *bias, float *logits, struct vs_err *err);
enum vs_code vs_cuda_argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                            struct vs_k_max *out, struct vs_err *err);
enum vs_code vs_cuda_dequant(struct vs_dev *dev, const void *in, const uint8_t *scales, enum vs_dtype dtype, uint64_t blocks,
                             float *out, struct vs_err *err);

#ifdef __cplusplus
}
#endif

#define VS_LAUNCH(cuda, code, name, blocks, threads, args, err)                                \
    do {                                                                                       \
        if (!(code))                                                                           \
            (code) = vs_cuda_flush(cuda, err);                                                 \
        if (!(code)) {                                                                         \
            vs_cuda_begin(cuda);                                                               \
            VS_START(name, (unsigned)(blocks), (unsigned)(threads), cuda, args);               \
            (code) = vs_cuda_end(cuda, err);                                                   \
        }                                                                                      \
    } while (0)

/* A switch over the dtype outside of the loops: each case is compiled with a constant. */
#define VS_FOR_DTYPE(dtype, call)                                              \
    switch (dtype) {                                                           \
    case VS_BF16: call(VS_BF16); break;                                        \
    case VS_F16: call(VS_F16); break;                                          \
    case VS_F32: call(VS_F32); break;                                          \
    default: call(VS_F64); break;                                              \
    }

/* Enough blocks for items of per_block each; kernels stride over the grid, so that fewer do as well. */
static inline uint64_t vs_cuda_blocks(uint64_t items, uint64_t per_block)
{
    const uint64_t blocks = (items + per_block - 1) / per_block;
    return blocks < 1 ? 1 : blocks > 0x7fffffff ? 0x7fffffff : blocks;
}

#endif
