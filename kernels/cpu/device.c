/* SPDX-License-Identifier: Apache-2.0 */
#include <sched.h>
#include <stdio.h>
#include "forward.h"

enum vs_cpu_level vs_cpu_best(void)
{
#if VS_CPU_X86
    /* Not asked: f16c, whose name clang 14 does not know; no CPU has AVX2 without it. */
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return VS_CPU_AVX512;
    return avx2 ? VS_CPU_AVX2 : VS_CPU_PORTABLE;
#else
    return VS_CPU_LEVELS - 1;
#endif
}

static unsigned cpu_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
    return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}

static void cpu_close(struct vs_dev *dev)
{
    struct vs_cpu *cpu = (struct vs_cpu *)dev;
    vs_pool_free(cpu->pool);
    vs_free(cpu->scratch);
    vs_free(cpu);
}

static const struct vs_backend cpu_backend = {
    .close = cpu_close,
    .gather = vs_cpu_gather,
    .row_stats = vs_cpu_row_stats,
    .column_sums = vs_cpu_column_sums,
    .affine_noise = vs_cpu_affine_noise,
    .combine = vs_cpu_combine,
    .head_probe = vs_cpu_head_probe,
    .argmax = vs_cpu_argmax,
    .dequant = vs_cpu_dequant,
};

enum vs_code vs_cpu_open_level(enum vs_cpu_level level, unsigned threads, struct vs_dev **out, struct vs_err *err)
{
#if VS_CPU_X86
    static const char *const names[VS_CPU_LEVELS] = {"portable", "AVX2", "AVX-512"};
#elif VS_CPU_ARM
    static const char *const names[VS_CPU_LEVELS] = {"portable", "NEON"};
#else
    static const char *const names[VS_CPU_LEVELS] = {"portable"};
#endif
    struct vs_cpu *cpu = vs_calloc(1, sizeof *cpu);
    if (!cpu)
        return vs_fail(err, VS_ENOMEM, "no memory for a device (%zu bytes)", sizeof *cpu);
    cpu->dev.backend = &cpu_backend;
    cpu->dev.forward = &vs_cpu_forward;
    cpu->dev.kind = VS_DEV_CPU;
    cpu->level = level;
    cpu->threads = threads ? threads : cpu_count();
    cpu->pool = cpu->threads > 1 ? vs_pool_new(cpu->threads) : NULL;
    cpu->threads = vs_pool_threads(cpu->pool);
    snprintf(cpu->dev.name, sizeof cpu->dev.name, "%s, %u thread%s", names[level], cpu->threads, cpu->threads == 1 ? "" : "s");
    *out = &cpu->dev;
    return VS_OK;
}

enum vs_code vs_cpu_open(unsigned threads, struct vs_dev **out, struct vs_err *err)
{
    return vs_cpu_open_level(vs_cpu_best(), threads, out, err);
}

void vs_cpu_for(struct vs_dev *dev, vs_cpu_fn *const *kernel, const void *job, uint64_t count, uint64_t grain)
{
    const struct vs_cpu *cpu = (const struct vs_cpu *)dev;
    if (cpu->pool && count > grain)
        vs_pool_run(cpu->pool, kernel[cpu->level], job, count, grain);
    else
        kernel[cpu->level](job, 0, count);
}

enum vs_code vs_cpu_scratch_room(struct vs_cpu *cpu, uint64_t bytes, struct vs_err *err)
{
    bytes = (bytes + 63) / 64 * 64;
    if (bytes <= cpu->scratch_bytes)
        return VS_OK;
    vs_free(cpu->scratch);
    cpu->scratch = vs_calloc(cpu->threads + 1, bytes);
    cpu->scratch_bytes = cpu->scratch ? bytes : 0;
    if (cpu->scratch)
        return VS_OK;
    return vs_fail(err, VS_ENOMEM, "no memory for %u threads with %llu bytes each", cpu->threads, (unsigned long long)bytes);
}

void *vs_cpu_scratch(const struct vs_cpu *cpu)
{
    return cpu->scratch + (64 - (uintptr_t)cpu->scratch % 64) % 64 + vs_pool_self() * cpu->scratch_bytes;
}
