/* SPDX-License-Identifier: Apache-2.0
 *
 * What tests and gpu-verify want of the CUDA backend beyond its operations. No CUDA header is needed here.
 */
#ifndef VS_KERNELS_CUDA_MEASURE_H
#define VS_KERNELS_CUDA_MEASURE_H

#include "vs_kernels.h"

#ifdef __cplusplus
extern "C" {
#endif

/* driver and runtime as CUDA counts them (13000); capability 90 is 9.0; bytes per second of a copy on the device, bytes
 * read and bytes written both counted. */
struct vs_cuda_facts { int driver, runtime, capability, processors; uint64_t memory, cache; double copy_rate; }; /* cache: bytes of L2 */
enum vs_code vs_cuda_facts(struct vs_dev *dev, struct vs_cuda_facts *out, struct vs_err *err);

/* chunk: bytes of rows on the device at a time, 0 = as it is. timed: measure kernels from here on. */
void vs_cuda_tune(struct vs_dev *dev, uint64_t chunk, bool timed);
double vs_cuda_kernel_ms(struct vs_dev *dev); /* spent in kernels since vs_cuda_tune, each from an event to an event: a launch is in it */
uint64_t vs_cuda_launches(struct vs_dev *dev); /* since vs_cuda_tune */

/* Kernels started before the one before them is done, where the device can; on when it is opened. */
void vs_cuda_early(struct vs_dev *dev, bool on);

/* Attention of fast mode without its products, where the device has it. */
void vs_cuda_fast_attention(struct vs_dev *dev, bool on);

/* n BF16 values on the device, uniform in [-scale, scale), the same for the same seed. */
enum vs_code vs_cuda_fill_bf16(struct vs_dev *dev, void *p, uint64_t n, uint64_t seed, float scale, struct vs_err *err);
/* Operations per second of cuBLASLt alone on a product of side x side BF16 weights, at most 8192, with half as many tokens; fast mode
 * must be on. */
enum vs_code vs_cuda_fast_peak(struct vs_dev *dev, uint32_t side, double *flops, struct vs_err *err);

#ifdef __cplusplus
}
#endif
#endif
