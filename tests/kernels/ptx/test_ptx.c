/* SPDX-License-Identifier: Apache-2.0
 *
 * What instructions of PTX do (instructions.ptx), against what the ISA says of them; and races, which end a test whether or not they
 * went well.
 */
#include <criterion/criterion.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "emu.h"

#define WORDS 64u

typedef void kernel_fn(const void *args);
kernel_fn ptx_values, ptx_shuffles, ptx_copies, ptx_ordered, ptx_unread, ptx_reused, ptx_common, ptx_ahead, ptx_parted;

static void run(kernel_fn *kernel, unsigned blocks, unsigned threads, uint32_t *words)
{
    cudaStream_t stream;
    void *out;
    cudaStreamCreate(&stream);
    cudaMalloc(&out, WORDS * 4);
    emu_launch(stream, "of instructions.ptx", kernel, &out, sizeof out, blocks, threads);
    cudaMemcpyAsync(words, out, WORDS * 4, cudaMemcpyDeviceToHost, stream);
    cudaStreamSynchronize(stream);
    cudaFree(out);
    cudaStreamDestroy(stream);
}

Test(ptx, values)
{
    static const uint32_t want[] = {
        0, 0x80000000, 0xffffffff, 0,                         /* shl 32, 31; shr.s 40, .u 32 */
        0x11111f11, 0xf1111111, 0x11111111, 0x11111f11,       /* bfi at 8, over the end, behind it, at 256 + 8 */
        0xffffffff, 1,                                        /* min.s, .u */
        2 | 8 | 32,                                           /* lt neu ne leu num nan with a NaN: the unordered ones */
        0x7fffffff, 0x3f807fff, 0x7fffffff, 0x33800000,       /* NaNs lose their payload; the first of two is the upper half */
        0xffffffff, 0x1000000f, 0, 0, 0xffffffc8, 200,        /* -1 * 255, its upper half; pairs; the low byte of 16 bits */
    };
    uint32_t words[WORDS];
    run(ptx_values, 1, 1, words);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        cr_expect_eq(words[i], want[i], "word %zu: %#x, not %#x", i, words[i], want[i]);
}

Test(ptx, shuffles)
{
    uint32_t words[WORDS];
    run(ptx_shuffles, 1, 32, words);
    for (uint32_t lane = 0; lane < 32; lane++) {
        cr_expect_eq(words[2 * lane], lane % 8 < 5 ? lane + 3 + 100 : lane, "lane %u: %u", lane, words[2 * lane]);
        cr_expect_eq(words[2 * lane + 1], lane ^ 9, "lane %u: %u", lane, words[2 * lane + 1]);
    }
}

Test(ptx, copies)
{
    static const uint32_t want[] = {0x01020304, 0x99999999, 0x00020304, 0}; /* the second group is not waited for at first */
    uint32_t words[WORDS];
    run(ptx_copies, 1, 1, words);
    cr_expect_arr_eq(words, want, sizeof want);
}

Test(ptx, barriers)
{
    uint32_t words[WORDS];
    run(ptx_ordered, 1, 64, words);
    for (uint32_t i = 0; i < 64; i++)
        cr_expect_eq(words[i], i ^ 1, "thread %u: %u", i, words[i]);
    run(ptx_common, 1, 1, words); /* a block alone is in nobody's way, nor the launch before it */
    run(ptx_common, 1, 1, words);
}

/* The end of a process that runs a kernel: what it says, cut to size. */
static bool dies(kernel_fn *kernel, unsigned blocks, unsigned threads, char *said, size_t size)
{
    int ends[2], status;
    cr_assert(!pipe(ends));
    const pid_t child = fork();
    if (!child) {
        uint32_t words[WORDS];
        dup2(ends[1], STDERR_FILENO);
        run(kernel, blocks, threads, words);
        _exit(0);
    }
    close(ends[1]);
    const ssize_t n = read(ends[0], said, size - 1);
    said[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status);
}

Test(ptx, races)
{
    static const struct { kernel_fn *kernel; unsigned blocks, threads; const char *why; } cases[] = {
        {ptx_unread, 1, 64, "reads what another one wrote"}, {ptx_reused, 1, 64, "no barrier between"},
        {ptx_common, 2, 1, "writes what another one wrote"}, {ptx_ahead, 2, 1, "writes what another one read"},
        {ptx_parted, 1, 32, "more than one barrier"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char said[512];
        cr_expect(dies(cases[i].kernel, cases[i].blocks, cases[i].threads, said, sizeof said), "case %zu ended well", i);
        cr_expect(strstr(said, cases[i].why), "case %zu: %s", i, said);
    }
}
