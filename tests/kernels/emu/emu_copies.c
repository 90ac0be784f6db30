/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies between host and device, queued like all work, and pinned host memory. CUDA says of copies from and to pageable memory that they
 * may be synchronous (API synchronization behavior, asynchronous transfers), so here they are by chance; with pinned memory they never are.
 * The source must stay as it is until its copy is done; pinned memory that waits for a copy holds 0x99 until then, and is poisoned.
 */
#include <stdlib.h>
#include <string.h>
#include "cuda_runtime.h"
#include "emu.h"

#define MAX_PINNED 64

struct pinned { char *p; size_t bytes; unsigned in_flight; };
struct copy { char *to, *from, *seen; size_t to_pitch, from_pitch, width, height; struct pinned *pinned; }; /* seen: the source, then */

static struct pinned pinned[MAX_PINNED];

static struct pinned *pinned_at(const void *p)
{
    for (struct pinned *i = pinned; i < pinned + MAX_PINNED; i++)
        if (i->p && (const char *)p >= i->p && (const char *)p < i->p + i->bytes)
            return i;
    return NULL;
}

static void check_source(const struct copy *c)
{
    for (size_t i = 0; c->seen && i < c->height; i++)
        if (memcmp(c->from + i * c->from_pitch, c->seen + i * c->width, c->width) != 0)
            emu_die("copy: its source on the host was written to before it was done");
    free(c->seen);
}

static void run(void *job)
{
    const struct copy *c = job;
    check_source(c);
    emu_expose();
    for (size_t i = 0; i < c->height; i++) {
        if (c->pinned)
            EMU_UNPOISON(c->to + i * c->to_pitch, c->width);
        memcpy(c->to + i * c->to_pitch, c->from + i * c->from_pitch, c->width);
    }
    emu_hide();
    if (c->pinned)
        c->pinned->in_flight--;
}

static void see_source(struct copy *c)
{
    c->seen = emu_job(c->width * c->height + 1);
    for (size_t i = 0; i < c->height; i++)
        memcpy(c->seen + i * c->width, c->from + i * c->from_pitch, c->width);
}

/* Not where another copy is to read or write before this one does. */
static void spoil(const struct copy *c)
{
    for (size_t i = 0; i < c->height && c->pinned && c->pinned->in_flight == 1; i++) {
        memset(c->to + i * c->to_pitch, 0x99, c->width);
        EMU_POISON(c->to + i * c->to_pitch, c->width);
    }
}

static void check_places(const struct copy *c, enum cudaMemcpyKind kind)
{
    for (size_t i = 0; i < c->height; i++)
        if (emu_on_device(c->to + i * c->to_pitch, c->width) != (kind != cudaMemcpyDeviceToHost) ||
            emu_on_device(c->from + i * c->from_pitch, c->width) != (kind != cudaMemcpyHostToDevice))
            emu_die("copy: not from where to where it says");
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height,
                              enum cudaMemcpyKind kind, cudaStream_t stream)
{
    struct copy *c = emu_job(sizeof *c);
    *c = (struct copy){to, (char *)(uintptr_t)from, NULL, to_pitch, from_pitch, width, height, NULL};
    check_places(c, kind);
    c->pinned = pinned_at(kind == cudaMemcpyHostToDevice ? from : to);
    const bool waits = kind != cudaMemcpyDeviceToDevice && !c->pinned && emu_at_once();
    if (c->pinned)
        c->pinned->in_flight++;
    if (kind == cudaMemcpyHostToDevice)
        see_source(c);
    if (kind == cudaMemcpyDeviceToHost)
        spoil(c);
    emu_enqueue(stream, run, c);
    return waits ? cudaStreamSynchronize(stream) : cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream)
{
    return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

/* ---- pinned host memory ---- */

cudaError_t cudaMallocHost(void **p, size_t bytes)
{
    for (struct pinned *i = pinned; i < pinned + MAX_PINNED; i++)
        if (!i->p) {
            *i = (struct pinned){malloc(bytes), bytes, 0};
            *p = i->p;
            if (i->p)
                memset(i->p, 0x88, bytes);
            return i->p ? cudaSuccess : cudaErrorMemoryAllocation;
        }
    emu_die("cudaMallocHost: more blocks than the emulation holds");
}

/* Drivers wait here, but nothing that NVIDIA documents says so: no copy may need it any more. */
cudaError_t cudaFreeHost(void *p)
{
    struct pinned *i = pinned_at(p);
    if (!p)
        return cudaSuccess;
    if (!i || i->p != p)
        emu_die("cudaFreeHost: not a block of pinned memory");
    if (i->in_flight)
        emu_die("cudaFreeHost: a copy that is still queued needs it");
    free(p);
    i->p = NULL;
    return cudaSuccess;
}
