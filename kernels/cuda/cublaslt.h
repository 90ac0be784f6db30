/* SPDX-License-Identifier: Apache-2.0
 *
 * The few functions and numbers of cuBLASLt (12 and 13) that fast mode uses. The library is loaded at run time: building
 * needs neither it nor its header.
 */
#ifndef VS_KERNELS_CUDA_CUBLASLT_H
#define VS_KERNELS_CUDA_CUBLASLT_H

#include <stdint.h>
#include <cuda_runtime.h>

enum {
    VS_LT_SUCCESS = 0,             /* cublasStatus_t */
    VS_LT_NOT_SUPPORTED = 15,
    VS_LT_R_32F = 0,               /* cudaDataType */
    VS_LT_R_16BF = 14,
    VS_LT_COMPUTE_32F = 68,        /* cublasComputeType_t */
    VS_LT_OP_T = 1,                /* cublasOperation_t */
    VS_LT_DESC_TRANSA = 3,         /* cublasLtMatmulDescAttributes_t */
    VS_LT_PREF_MAX_WORKSPACE = 1,  /* cublasLtMatmulPreferenceAttributes_t */
    VS_LT_PREF_REDUCTION_MASK = 3, /* 0: no reduction across blocks */
    VS_LT_PREF_ALIGN_A = 5, VS_LT_PREF_ALIGN_B = 6, VS_LT_PREF_ALIGN_C = 7, VS_LT_PREF_ALIGN_D = 8
};

struct vs_lt_algo { uint64_t data[8]; };
struct vs_lt_heuristic { struct vs_lt_algo algo; size_t workspace; int state; float waves; int reserved[4]; };

struct vs_lt_functions {
    int (*create)(void **handle);
    int (*destroy)(void *handle);
    int (*desc_create)(void **desc, int compute, int scale_type);
    int (*desc_destroy)(void *desc);
    int (*desc_set)(void *desc, int attribute, const void *value, size_t bytes);
    int (*layout_create)(void **layout, int type, uint64_t rows, uint64_t cols, int64_t ld);
    int (*layout_destroy)(void *layout);
    int (*pref_create)(void **pref);
    int (*pref_destroy)(void *pref);
    int (*pref_set)(void *pref, int attribute, const void *value, size_t bytes);
    int (*heuristic)(void *handle, void *desc, void *a, void *b, void *c, void *d, void *pref, int asked, struct vs_lt_heuristic *out,
                     int *found);
    int (*matmul)(void *handle, void *desc, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout,
                  const void *beta, const void *c, void *c_layout, void *d, void *d_layout, const struct vs_lt_algo *algo,
                  void *workspace, size_t workspace_bytes, cudaStream_t stream);
};

#endif
