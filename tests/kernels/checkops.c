/* SPDX-License-Identifier: Apache-2.0
 *
 * checkops [--bench]: every kernel of every CPU level, with several numbers of threads, against the reference (TAP). In
 * the build with the emulated device, the CUDA sources too; with --device 90 those alone, on a device of capability 9.0.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"
#include "checks.h"
#include "cpu/cpu.h"
#ifdef EMULATED
#include "cuda_runtime.h"
#endif

static unsigned number;
static int status;

static void report(const char *device, const char *name, const struct run *r)
{
    const bool ok = !r->failed && r->cases;
    printf("%sok %u - %s: %s (%u cases)\n", ok ? "" : "not ", ++number, device, name, r->cases);
    if (!ok) {
        printf("# %u failed, the first: %s\n", r->failed, r->why);
        status = 1;
    }
    fflush(stdout);
}

static void check_device(struct vs_dev *dev)
{
    struct vs_dev *ref = reference_open();
    for (unsigned i = 0; i < check_count && ref; i++) {
        struct run r = {.dev = dev, .ref = ref, .random = 20 + i};
        checks[i].run(&r);
        report(vs_dev_name(dev), checks[i].name, &r);
    }
    vs_dev_close(ref);
}

static int bail_out(const struct vs_err *err)
{
    printf("Bail out! %s\n", err->message);
    return 1;
}

#ifdef EMULATED
static int check_emulated(int argc, char **argv, struct vs_err *err)
{
    struct vs_dev *dev;
    if (argc > 2)
        emu_capability = emu_ptx = emu_binary = atoi(argv[2]);
    emu_cublaslt = true;
    if (vs_dev_open(VS_DEV_CUDA, 0, &dev, err))
        return bail_out(err);
    check_device(dev);
    vs_dev_close(dev);
    return 0;
}
#endif

static int check_levels(struct vs_err *err)
{
    static const unsigned threads[] = {1, 3};
    struct vs_dev *dev;
    for (unsigned level = 0; level <= vs_cpu_best(); level++)
        for (unsigned t = 0; t < 2; t++) {
            if (vs_cpu_open_level((enum vs_cpu_level)level, threads[t], &dev, err))
                return bail_out(err);
            check_device(dev);
            vs_dev_close(dev);
        }
    return 0;
}

int main(int argc, char **argv)
{
    struct vs_err err;
    if (argc > 1 && !strcmp(argv[1], "--bench"))
        return bench_cpu();
#ifdef EMULATED
    if (check_emulated(argc, argv, &err))
        return 1;
#endif
    if (argc < 3 && check_levels(&err))
        return 1;
    printf("1..%u\n", number);
    return status;
}
