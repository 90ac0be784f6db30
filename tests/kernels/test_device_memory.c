/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole check with a forward pass on the emulated device, with ever less memory: the same bits or an error that says
 * how much was missing, nothing left on the device, and never a run on the CPU instead.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../unit/forward/fixture.h"
#include "cuda_runtime.h"
#include "support.h"
#include "vs_kernels.h"

#define CONTINUED 3u
#define STEPS 6u
#define LOOK (1u << 20)             /* what the device takes when it is opened */

/* What is run: `count` prompts of `length` ids each. */
struct ask { unsigned count, length; uint32_t generate; uint64_t memory; };

static const struct ask continued = {1, 6, CONTINUED, 1 << 20};
/* More tokens than the workspace has room for: layers compute slices of them, unless a continuation keeps the weights. */
static const struct ask sliced = {7, 10, 0, 1 << 18};

/* More than one batch, and a continuation that asks for memory behind them. */
static const struct ask several = {2, 34, CONTINUED, 1 << 18};

static const struct ask brief = {1, 3, 0, 1 << 16};

struct outcome {
    enum vs_code code;
    struct vs_err err;
    bool on_device, noted;          /* of a check that came to its end */
    const float *logits;            /* [ids of the prompts][ROWS], or NULL */
    uint32_t ids[CONTINUED];
};

static const char *write_prompts(const struct ask *ask)
{
    const char *path = vst_path(vst_tempdir(), "prompts"), *text = "";
    for (unsigned i = 0; i < ask->count * ask->length; i++)
        text = vst_format("%s%u%s", text, (i + 1) * 7919 % ROWS, (i + 1) % ask->length ? " " : "\n");
    vst_write_text(path, text);
    return path;
}

static struct outcome check_on(const char *dir, const struct ask *ask, enum vs_device device, size_t limit)
{
    const char *folder = vst_tempdir(), *out = vst_path(folder, "logits.npy");
    struct vs_forward_request q = {.prompt_ids = ONE_LIST(write_prompts(ask)), .generate = ask->generate, .dump_logits = out};
    struct vs_check_request request = {.path = dir, .device = device, .fail_on = VS_ERROR, .forward = &q};
    struct vs_run run = {.memory = ask->memory, .threads = 2};
    struct vs_check_result *r = NULL;
    struct outcome o = {0};
    uint64_t rows, cols;
    emu_memory_limit = limit;
    emu_memory_peak = 0;
    o.code = vs_check(&request, &run, &r, &o.err);
    if (!o.code)
        o.code = vs_check_commit(r, &o.err);
    emu_memory_limit = 0;
    cr_expect_eq(emu_memory_used(), 0, "limit %zu: %zu bytes are left on the device", limit, emu_memory_used());
    if (o.code) {
        cr_expect_eq(rmdir(folder), 0, "limit %zu: something is left where the logits were to be written", limit);
        return o;
    }
    o.logits = read_npy(out, &rows, &cols);
    cr_assert(rows == ask->count * ask->length && cols == ROWS);
    o.on_device = strcmp(r->device_kind, "cuda") == 0;
    o.noted = r->device_note != NULL;
    cr_assert(r->forward && r->forward->generated_count == (ask->generate ? ask->count : 0));
    if (ask->generate)
        memcpy(o.ids, r->forward->generated[0].ids, sizeof o.ids);
    vs_check_free(r);
    return o;
}

static void expect_same(const struct ask *ask, const struct outcome *want, const struct outcome *got, size_t limit)
{
    if (got->logits)
        cr_expect_eq(memcmp(want->logits, got->logits, ask->count * ask->length * ROWS * sizeof *want->logits), 0, "limit %zu: other logits", limit);
    if (!got->code)
        cr_expect_eq(memcmp(want->ids, got->ids, sizeof want->ids), 0, "limit %zu: another continuation", limit);
}

/* Whether a device of so little memory opens at all: one that does not is no device, and nothing has run on it. */
static bool opens(size_t limit)
{
    struct vs_err err;
    struct vs_dev *dev;
    emu_memory_limit = limit;
    const enum vs_code code = vs_dev_open(VS_DEV_CUDA, 0, &dev, &err);
    vs_dev_close(code ? NULL : dev);
    emu_memory_limit = 0;
    return !code;
}

static void sweep(enum kind kind)
{
    const char *dir = make_tiny(&(struct tiny){.kind = kind});
    struct outcome host = check_on(dir, &continued, VS_DEVICE_CPU, 0), whole = check_on(dir, &continued, VS_DEVICE_CUDA, 0);
    const size_t needed = emu_memory_peak, least = LOOK + 4;
    unsigned ran = 0, failed = 0, absent = 0;
    cr_assert(!host.code && !whole.code, "%s%s", host.err.message, whole.err.message);
    cr_expect(!host.on_device && whole.on_device);
    expect_same(&continued, &host, &whole, 0);
    cr_assert_gt(needed, least);
    for (unsigned i = 0; i <= STEPS + 2; i++) {
        const size_t limit = i > STEPS ? least / 2 * (i - STEPS) - 1 : needed - (needed - least) * i / STEPS;
        for (int automatic = 0; automatic < 2; automatic++) {
            struct outcome o = check_on(dir, &continued, automatic ? VS_DEVICE_AUTO : VS_DEVICE_CUDA, limit);
            if (automatic && !opens(limit)) {
                cr_expect(!o.code && !o.on_device && o.noted, "limit %zu: the report does not say that there is no device", limit);
                absent++;
            } else if (!o.code) {
                cr_expect(o.on_device, "limit %zu: it ran on the CPU", limit);
                ran++;
            } else {
                cr_expect(o.code == VS_ENOMEM || (!opens(limit) && o.code == VS_EDEVICE), "limit %zu: code %d", limit, (int)o.code);
                cr_expect(strstr(o.err.message, "no room for ") && strstr(o.err.message, " are free): less --memory"), "limit %zu: %s",
                          limit, o.err.message);
                failed++;
            }
            expect_same(&continued, &whole, &o, limit);
        }
    }
    cr_expect(ran && failed && absent, "%u ran, %u failed, %u without a device", ran, failed, absent);
    vst_cleanup();
}

Test(device_memory, llama)
{
    sweep(LLAMA);
}

Test(device_memory, gemma2)
{
    sweep(GEMMA2);
}

/* In slices, and once more with smaller ones and smaller tiles where the device has no room for what --memory suggests. */
Test(device_memory, smaller_tiles)
{
    const char *dir = make_tiny(&(struct tiny){.kind = GEMMA2});
    const struct outcome host = check_on(dir, &sliced, VS_DEVICE_CPU, 0), whole = check_on(dir, &sliced, VS_DEVICE_CUDA, 0);
    const size_t limit = emu_memory_peak - (emu_memory_peak - LOOK) / 16;
    const struct outcome less = check_on(dir, &sliced, VS_DEVICE_CUDA, limit);
    cr_assert(!host.code && !whole.code && !less.code, "%s%s%s", host.err.message, whole.err.message, less.err.message);
    cr_expect(!host.on_device && whole.on_device && less.on_device);
    cr_expect_leq(emu_memory_peak, limit);
    expect_same(&sliced, &host, &whole, 0);
    expect_same(&sliced, &host, &less, limit);
    vst_cleanup();
}

/* Of a continuation, counted: what each further id costs is no matter of layers. */
static uint64_t waits_of(const char *dir, uint32_t generate)
{
    const struct ask ask = {1, 6, generate, 1 << 20};
    const uint64_t before = emu_waits;
    const struct outcome o = check_on(dir, &ask, VS_DEVICE_CUDA, 0);
    cr_assert(!o.code && o.on_device, "%s", o.err.message);
    return emu_waits - before;
}

Test(device_memory, a_continuation_waits_for_its_ids_alone)
{
    const char *dir = make_tiny(&(struct tiny){.kind = QWEN2});
    const uint64_t few = waits_of(dir, CONTINUED), more = waits_of(dir, CONTINUED + 4);
    /* The rows of the ids, their positions, the last rows, the choice. */
    cr_expect_eq(more - few, 4 * 4, "%llu waits for 4 ids", (unsigned long long)(more - few));
    vst_cleanup();
}

/* All that is queued is done as late as may be. */
Test(device_memory, late_device)
{
    const char *dir = make_tiny(&(struct tiny){.kind = QWEN2});
    const struct outcome host = check_on(dir, &brief, VS_DEVICE_CPU, 0);
    emu_pace = EMU_LATE;
    const struct outcome late = check_on(dir, &brief, VS_DEVICE_CUDA, 0);
    cr_assert(!host.code && !late.code, "%s%s", host.err.message, late.err.message);
    cr_expect(late.on_device);
    expect_same(&brief, &host, &late, 0);
    vst_cleanup();
}

/* What fails behind a long pass fails: nothing is run again. */
Test(device_memory, late)
{
    const char *dir = make_tiny(&(struct tiny){.kind = QWEN2});
    const unsigned many = 1u << 20;
    emu_fail_malloc = many;
    const struct outcome want = check_on(dir, &several, VS_DEVICE_CUDA, 0);
    const unsigned all = many - emu_fail_malloc;
    cr_assert(!want.code, "%s", want.err.message);
    cr_assert_gt(all, 8u);
    emu_fail_malloc = all - 2; /* the continuation asks for it */
    const struct outcome o = check_on(dir, &several, VS_DEVICE_CUDA, 0);
    cr_expect_eq(emu_fail_malloc, 0);
    cr_expect(o.code == VS_ENOMEM && strstr(o.err.message, "no room for "), "code %d: %s", (int)o.code, o.err.message);
    emu_fail_malloc = 0;
    vst_cleanup();
}

/* One allocation after the other fails, however small it is. */
Test(device_memory, any_allocation)
{
    const char *dir = make_tiny(&(struct tiny){.kind = QWEN2});
    const struct outcome want = check_on(dir, &continued, VS_DEVICE_CUDA, 0);
    unsigned n = 1, again = 0;
    for (;; n += 1 + n / 6) {
        emu_fail_malloc = n;
        struct outcome o = check_on(dir, &continued, VS_DEVICE_CUDA, 0);
        const bool spent = emu_fail_malloc == 0;
        emu_fail_malloc = 0;
        if (!o.code && spent)
            cr_expect(o.on_device, "allocation %u: it ran on the CPU", n);
        again += !o.code && spent;
        expect_same(&continued, &want, &o, n);
        cr_expect(!o.code || o.code == VS_ENOMEM || o.code == VS_EDEVICE, "allocation %u: code %d", n, (int)o.code);
        cr_expect(!o.code || strstr(o.err.message, "no room for "), "allocation %u: %s", n, o.err.message);
        if (!spent)
            break;
    }
    cr_expect_gt(n, 40u); /* a check makes many */
    cr_expect_gt(again, 4u, "%u of the passes were run again", again);
    vst_cleanup();
}
