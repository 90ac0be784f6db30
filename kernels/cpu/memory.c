/* SPDX-License-Identifier: Apache-2.0
 *
 * Device memory that is host memory: nothing waits, sending is copying.
 */
#include <string.h>
#include <unistd.h>
#include "forward.h"

#define ALIGNMENT 256u

/* The block's own address stands before the aligned one. */
static enum vs_code alloc(struct vs_dev *dev, uint64_t bytes, void **out, struct vs_err *err)
{
    char *block = bytes <= PTRDIFF_MAX - 2 * ALIGNMENT ? vs_calloc(1, bytes + 2 * ALIGNMENT) : NULL;
    if (!block)
        return vs_fail(err, VS_ENOMEM, "no memory for %llu bytes", (unsigned long long)bytes);
    char *p = block + ALIGNMENT + (ALIGNMENT - (uintptr_t)block % ALIGNMENT) % ALIGNMENT;
    memcpy(p - sizeof block, &block, sizeof block);
    *out = p;
    return VS_OK;
}

static void release(struct vs_dev *dev, void *p)
{
    char *block;
    memcpy(&block, (char *)p - sizeof block, sizeof block);
    vs_free(block);
}

static enum vs_code memory(struct vs_dev *dev, uint64_t *free_bytes, uint64_t *total_bytes, struct vs_err *err)
{
    const long page = sysconf(_SC_PAGESIZE), available = sysconf(_SC_AVPHYS_PAGES), all = sysconf(_SC_PHYS_PAGES);
    if (page < 0 || available < 0 || all < 0)
        return vs_fail(err, VS_EDEVICE, "the system does not say how much memory it has");
    *free_bytes = (uint64_t)page * (uint64_t)available;
    *total_bytes = (uint64_t)page * (uint64_t)all;
    return VS_OK;
}

static enum vs_code copy(struct vs_dev *dev, void *to, const void *from, uint64_t bytes, struct vs_err *err)
{
    if (to != from)
        memcpy(to, from, bytes);
    return VS_OK;
}

static enum vs_code nothing(struct vs_dev *dev, struct vs_err *err)
{
    return VS_OK;
}

static enum vs_code fast(struct vs_dev *dev, bool on, struct vs_err *err)
{
    return on ? vs_fail(err, VS_EUNSUPPORTED, "fast mode needs a CUDA device: the CPU computes in strict mode only") : VS_OK;
}

static enum vs_code send(struct vs_dev *dev, unsigned lane, void *dst, const void *host, uint64_t bytes, struct vs_err *err)
{
    return copy(dev, dst, host, bytes, err);
}

static enum vs_code lane_nothing(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    return VS_OK;
}

const struct vs_forward vs_cpu_forward = {
    .alloc = alloc,
    .free = release,
    .memory = memory,
    .put = copy,
    .get = copy,
    .wait = nothing,
    .reserve = vs_cpu_linear_reserve,
    .fast = fast,
    .host_alloc = alloc,
    .host_free = release,
    .send = send,
    .arrived = lane_nothing,
    .used = lane_nothing,
    .sent = lane_nothing,
    .linear = vs_cpu_linear,
    .norm = vs_cpu_norm,
    .rope = vs_cpu_rope,
    .attention_scores = vs_cpu_attention_scores,
    .attend = vs_cpu_attend,
    .act = vs_cpu_act,
    .add = vs_cpu_add,
    .scale = vs_cpu_scale,
    .take = vs_cpu_take,
    .put_back = vs_cpu_put_back,
    .look = vs_cpu_look,
    .logit_tile = vs_cpu_logit_tile,
    .choose = vs_cpu_choose,
    .compare = vs_cpu_compare,
};
