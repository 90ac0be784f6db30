/* SPDX-License-Identifier: Apache-2.0
 *
 * The emulated device's streams: with its events a program gives the same whatever runs first; without them it does not, or is stopped.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include "cuda/cuda.h"

#define ROUNDS 12u

static const enum emu_pace paces[] = {EMU_EARLY, EMU_LATE, EMU_MIXED};

struct next_args { const uint32_t *x; uint32_t *out; };

VS_KERNEL(next, struct next_args)
{
    VS_BEGIN();
    *a.out = *a.out * 3 + *a.x;
}

struct place { struct vs_cuda compute; cudaStream_t copies; cudaEvent_t sent, used; uint32_t *host, *x, *sum; };

static void open_place(struct place *p, enum emu_pace pace)
{
    const uint32_t zero = 0;
    void *host, *x, *sum;
    emu_pace = pace;
    cudaStreamCreate(&p->compute.stream);
    cudaStreamCreate(&p->copies);
    cudaEventCreate(&p->sent);
    cudaEventCreate(&p->used);
    cudaMallocHost(&host, 4);
    cudaMalloc(&x, 4);
    cudaMalloc(&sum, 4);
    p->host = host;
    p->x = x;
    p->sum = sum;
    cudaMemcpyAsync(p->sum, &zero, 4, cudaMemcpyHostToDevice, p->compute.stream);
    cudaMemcpyAsync(p->x, &zero, 4, cudaMemcpyHostToDevice, p->compute.stream);
    cudaStreamSynchronize(p->compute.stream);
}

static uint32_t close_place(struct place *p)
{
    uint32_t sum = 0;
    cudaMemcpyAsync(&sum, p->sum, 4, cudaMemcpyDeviceToHost, p->compute.stream);
    cudaStreamSynchronize(p->compute.stream);
    cudaFree(p->x);
    cudaFree(p->sum);
    cudaFreeHost(p->host);
    cudaEventDestroy(p->sent);
    cudaEventDestroy(p->used);
    cudaStreamDestroy(p->copies);
    cudaStreamDestroy(p->compute.stream);
    return sum;
}

enum fault { NONE, NO_ARRIVED, NO_USED, NO_SENT };

/* Round after round a value is copied beside the computation that takes it in. */
static uint32_t run_rounds(enum emu_pace pace, enum fault fault)
{
    struct place p = {0};
    open_place(&p, pace);
    const struct next_args args = {p.x, p.sum};
    for (uint32_t i = 0; i < ROUNDS; i++) {
        if (fault != NO_SENT)
            cudaEventSynchronize(p.sent);
        *p.host = i + 1;
        if (fault != NO_USED)
            cudaStreamWaitEvent(p.copies, p.used, 0);
        cudaMemcpyAsync(p.x, p.host, 4, cudaMemcpyHostToDevice, p.copies);
        cudaEventRecord(p.sent, p.copies);
        if (fault != NO_ARRIVED)
            cudaStreamWaitEvent(p.compute.stream, p.sent, 0);
        VS_START(next, 1, 1, &p.compute, args);
        cudaEventRecord(p.used, p.compute.stream);
    }
    return close_place(&p);
}

static uint32_t expected(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < ROUNDS; i++)
        sum = sum * 3 + i + 1;
    return sum;
}

Test(streams, any_order_gives_the_same)
{
    for (int i = 0; i < 3; i++)
        for (int times = 0; times < 20; times++)
            cr_expect_eq(run_rounds(paces[i], NONE), expected(), "pace %d", (int)paces[i]);
}

Test(streams, a_kernel_that_does_not_wait_for_its_copy)
{
    cr_expect_eq(run_rounds(EMU_EARLY, NO_ARRIVED), expected(), "early: all is there at once");
    cr_expect_neq(run_rounds(EMU_LATE, NO_ARRIVED), expected());
    cr_expect_neq(run_rounds(EMU_MIXED, NO_ARRIVED), expected());
}

Test(streams, a_copy_that_overtakes_its_user)
{
    cr_expect_eq(run_rounds(EMU_EARLY, NO_USED), expected(), "early: all is used at once");
    cr_expect_neq(run_rounds(EMU_LATE, NO_USED), expected());
    cr_expect_neq(run_rounds(EMU_MIXED, NO_USED), expected());
}

Test(streams, a_pinned_source_that_is_used_again_too_soon_late, .signal = SIGABRT)
{
    run_rounds(EMU_LATE, NO_SENT);
}

Test(streams, a_pinned_source_that_is_used_again_too_soon_mixed, .signal = SIGABRT)
{
    run_rounds(EMU_MIXED, NO_SENT);
}

/* Nothing but what the call asks for: a wait takes the last record at the time, and runs no more than that. */
Test(streams, a_wait_is_for_the_record_at_the_time)
{
    struct place p = {0};
    open_place(&p, EMU_LATE);
    const struct next_args args = {p.x, p.sum};
    cudaStreamWaitEvent(p.compute.stream, p.sent, 0); /* never recorded: complete */
    *p.host = 1;
    cudaMemcpyAsync(p.x, p.host, 4, cudaMemcpyHostToDevice, p.copies);
    cudaEventRecord(p.sent, p.copies);
    cudaStreamWaitEvent(p.compute.stream, p.sent, 0);
    cudaMemcpyAsync(p.x, p.sum, 4, cudaMemcpyDeviceToDevice, p.copies); /* 0 */
    cudaEventRecord(p.sent, p.copies);
    VS_START(next, 1, 1, &p.compute, args);
    cudaStreamSynchronize(p.compute.stream);
    cr_expect_eq(close_place(&p), 1);
}

__attribute__((no_sanitize_address)) static uint32_t peek(const volatile uint32_t *p)
{
    return *p;
}

Test(streams, pinned_memory_holds_a_result_once_it_was_waited_for)
{
    struct place p = {0};
    float ms = 0;
    open_place(&p, EMU_LATE);
    *p.host = 7;
    cudaEventRecord(p.used, p.compute.stream);
    cudaMemcpyAsync(p.host, p.sum, 4, cudaMemcpyDeviceToHost, p.compute.stream);
    cudaEventRecord(p.sent, p.compute.stream);
    cr_expect_eq(peek(p.host), 0x99999999u);
    cr_expect_eq(cudaEventElapsedTime(&ms, p.used, p.sent), cudaErrorNotReady);
    cudaEventSynchronize(p.sent);
    cr_expect_eq(*p.host, 0);
    cr_expect_eq(cudaEventElapsedTime(&ms, p.used, p.sent), cudaSuccess);
    cr_expect_eq(close_place(&p), 0);
}

Test(streams, pinned_memory_that_a_copy_needs_is_not_freed, .signal = SIGABRT)
{
    struct place p = {0};
    open_place(&p, EMU_LATE);
    cudaMemcpyAsync(p.x, p.host, 4, cudaMemcpyHostToDevice, p.copies);
    cudaFreeHost(p.host);
}

/* What is freed has no user left, and a stream that is gone still does its work. */
Test(streams, freeing_device_memory_waits)
{
    struct place p = {0};
    void *other;
    open_place(&p, EMU_LATE);
    cudaMalloc(&other, 4);
    *p.host = 5;
    cudaMemcpyAsync(p.x, p.host, 4, cudaMemcpyHostToDevice, p.copies);
    cudaStreamDestroy(p.copies);
    cudaFree(other);
    *p.host = 6;
    cudaStreamCreate(&p.copies);
    const struct next_args args = {p.x, p.sum};
    VS_START(next, 1, 1, &p.compute, args);
    cr_expect_eq(close_place(&p), 5);
}
