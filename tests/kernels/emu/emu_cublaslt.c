/* SPDX-License-Identifier: Apache-2.0
 *
 * A cuBLASLt for the emulated device: what kernels/cuda asks of it, in plain loops. It is strict where the library is: the
 * numbers of its enumerations, leading dimensions, alignments that were promised, room for its workspace, memory of the device.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "cuda/cublaslt.h"
#include "emu.h"

bool emu_cublaslt;

enum { INVALID_VALUE = 7, NOT_SUPPORTED = 15, REAL_F32 = 0, REAL_BF16 = 14, COMPUTE_F32 = 68, MAGIC = 0x1234, WORKSPACE = 1 << 20 };

struct layout { int type; uint64_t rows, cols; int64_t ld; };
struct desc { int transposed; };
struct pref { uint64_t workspace; uint32_t reductions, align[4]; };

static int make(void **out, const void *from, size_t bytes)
{
    *out = malloc(bytes);
    if (*out)
        memcpy(*out, from, bytes);
    return *out ? 0 : 3;
}

static int destroy(void *p)
{
    free(p);
    return 0;
}

static int create(void **handle)
{
    return make(handle, "", 1);
}

static int desc_create(void **out, int compute, int scale_type)
{
    const struct desc d = {0};
    return compute == COMPUTE_F32 && scale_type == REAL_F32 ? make(out, &d, sizeof d) : INVALID_VALUE;
}

static int desc_set(void *desc, int attribute, const void *value, size_t bytes)
{
    if (attribute != 3 || bytes != 4) /* TRANSA, int32 */
        return INVALID_VALUE;
    memcpy(&((struct desc *)desc)->transposed, value, 4);
    return 0;
}

static int layout_create(void **out, int type, uint64_t rows, uint64_t cols, int64_t ld)
{
    const struct layout l = {type, rows, cols, ld};
    return (type == REAL_F32 || type == REAL_BF16) && rows && cols && ld >= (int64_t)rows ? make(out, &l, sizeof l) : INVALID_VALUE;
}

static int pref_create(void **out)
{
    const struct pref p = {0, ~0u, {256, 256, 256, 256}};
    return make(out, &p, sizeof p);
}

static int pref_set(void *pref, int attribute, const void *value, size_t bytes)
{
    struct pref *p = pref;
    if (attribute == 1 && bytes == 8)
        memcpy(&p->workspace, value, 8);
    else if (attribute == 3 && bytes == 4)
        memcpy(&p->reductions, value, 4);
    else if (attribute >= 5 && attribute <= 8 && bytes == 4)
        memcpy(&p->align[attribute - 5], value, 4);
    else
        return INVALID_VALUE;
    return 0;
}

static bool fits(const struct desc *d, const struct layout *a, const struct layout *b, const struct layout *c)
{
    return d->transposed == 1 && a->type == REAL_BF16 && b->type == REAL_BF16 && c->type == REAL_F32 && a->rows == b->rows && a->cols == c->rows &&
           b->cols == c->cols && a->ld % 8 == 0 && b->ld % 8 == 0;
}

static int heuristic(void *handle, void *desc, void *a, void *b, void *c, void *d, void *pref, int asked, struct vs_lt_heuristic *out, int *found)
{
    const struct pref *p = pref;
    *found = 0;
    if (asked != 1 || c != d || !fits(desc, a, b, d) || p->workspace < WORKSPACE || p->reductions)
        return NOT_SUPPORTED;
    if (((struct layout *)d)->rows % 8 == 7) /* as if there were no kernel for them */
        return ((struct layout *)d)->cols % 2 ? NOT_SUPPORTED : 0;
    memset(out, 0, sizeof *out);
    out->algo.data[0] = MAGIC;
    memcpy(&out->algo.data[1], p->align, sizeof p->align);
    out->workspace = WORKSPACE;
    *found = 1;
    return 0;
}

static float bf16_at(const uint16_t *p, uint64_t i)
{
    const uint32_t bits = (uint32_t)p[i] << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static bool is_aligned(const void *p, uint32_t to)
{
    return to && (uintptr_t)p % to == 0;
}

struct product { struct layout a, b, d; const void *w, *x; float *y; };

static void run_product(void *job)
{
    const struct product *p = job;
    emu_expose();
    for (uint64_t t = 0; t < p->d.cols; t++)
        for (uint64_t r = 0; r < p->d.rows; r++) {
            float sum = 0;
            for (uint64_t k = 0; k < p->a.rows; k++)
                sum += bf16_at(p->w, r * (uint64_t)p->a.ld + k) * bf16_at(p->x, t * (uint64_t)p->b.ld + k);
            p->y[t * (uint64_t)p->d.ld + r] = sum;
        }
    emu_hide();
}

static int matmul(void *handle, void *desc, const void *alpha, const void *a, void *a_layout, const void *b, void *b_layout, const void *beta,
                  const void *c, void *c_layout, void *d, void *d_layout, const struct vs_lt_algo *algo, void *workspace, size_t workspace_bytes,
                  cudaStream_t stream)
{
    const struct layout *al = a_layout, *bl = b_layout, *dl = d_layout;
    uint32_t align[4];
    float one, zero;
    memcpy(align, &algo->data[1], sizeof align);
    memcpy(&one, alpha, sizeof one);
    memcpy(&zero, beta, sizeof zero);
    if (!fits(desc, al, bl, dl) || algo->data[0] != MAGIC || one != 1 || zero != 0 || c != d || c_layout != d_layout || !workspace ||
        workspace_bytes < WORKSPACE || !is_aligned(a, align[0]) || !is_aligned(b, align[1]) || !is_aligned(c, align[2]) || !is_aligned(d, align[3]))
        return INVALID_VALUE;
    struct product *p = emu_job(sizeof *p);
    *p = (struct product){*al, *bl, *dl, a, b, d};
    emu_enqueue(stream, run_product, p);
    return 0;
}

typedef void any_function(void);
#define FUNCTION(name, function) {name, (any_function *)function}

static const struct { const char *name; any_function *function; } functions[] = {
    FUNCTION("cublasLtCreate", create), FUNCTION("cublasLtDestroy", destroy), FUNCTION("cublasLtMatmulDescCreate", desc_create),
    FUNCTION("cublasLtMatmulDescDestroy", destroy), FUNCTION("cublasLtMatmulDescSetAttribute", desc_set),
    FUNCTION("cublasLtMatrixLayoutCreate", layout_create), FUNCTION("cublasLtMatrixLayoutDestroy", destroy),
    FUNCTION("cublasLtMatmulPreferenceCreate", pref_create), FUNCTION("cublasLtMatmulPreferenceDestroy", destroy),
    FUNCTION("cublasLtMatmulPreferenceSetAttribute", pref_set), FUNCTION("cublasLtMatmulAlgoGetHeuristic", heuristic),
    FUNCTION("cublasLtMatmul", matmul),
};

void *emu_dlopen(const char *name)
{
    return emu_cublaslt && strcmp(name, "libcublasLt.so.12") == 0 ? &emu_cublaslt : NULL;
}

void *emu_dlsym(const char *name)
{
    void *p = NULL;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, name) == 0)
            memcpy(&p, &functions[i].function, sizeof p);
    return p;
}
