/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "bench.h"
#include "cuda/measure.h"
#include "gpu_parts.h"
#include "llama.h"
#ifdef EMULATED
#include "cuda_runtime.h"
#endif

#ifdef EMULATED /* everything small: what is tested is this program */
#define ROWS 64
#define COLS 64
#define PROMPT 6u
#define DECODE 2u
#define WARM 1u
#define DECODE_AT 2u
#define DECODE_BEHIND 3u
#define LAUNCHES 4u
#define PEAK 64u
static const struct llama_shape model = {2, 64, 96, 4, 2, 16, 80, 8};
#else
#define ROWS 262144
#define COLS 2048
#define PROMPT 2048u
#define DECODE 32u
#define WARM 20u
#define DECODE_AT 64u /* positions before the first decoded token */
#define DECODE_BEHIND (PROMPT - DECODE - 2)
#define LAUNCHES 2000u
#define PEAK 8192u /* rows and columns of the largest product */
static const struct llama_shape model = {32, 4096, 14336, 32, 8, 128, 128256, PROMPT}; /* Llama-3-8B */
#endif
#define REPEAT 5

static int no_device(FILE *f, const struct vs_err *err)
{
    (void)put_error(f, err->message);
    return PART_SKIPPED;
}

bool parts_apart;

enum vs_code parts_open(struct vs_dev **dev, struct vs_err *err)
{
    const enum vs_code code = vs_dev_open(VS_DEV_CUDA, 0, dev, err);
    if (!code)
        vs_cuda_early(*dev, !parts_apart);
    return code;
}

/* ---- device ---- */

int part_device(FILE *f)
{
    struct vs_cuda_facts facts;
    struct vs_dev *dev;
    struct vs_err err;
    if (parts_open(&dev, &err))
        return no_device(f, &err);
    const enum vs_code code = vs_cuda_facts(dev, &facts, &err);
    fputs("{\"name\": ", f);
    put_text(f, vs_dev_name(dev));
    fprintf(f, ", \"capability\": %d, \"driver\": %d, \"runtime\": %d, \"processors\": %d, \"memory\": %llu, \"l2_bytes\": %llu, "
            "\"copy_gb_per_s\": %.1f}\n", facts.capability, facts.driver, facts.runtime, facts.processors,
            (unsigned long long)facts.memory, (unsigned long long)facts.cache, facts.copy_rate * 1e-9);
    vs_dev_close(dev);
    return code ? put_error(f, err.message) : 0;
}

/* ---- rates ---- */

static double best_ms(const struct bench_op *op, struct vs_dev *dev, struct bench *b, struct vs_err *err)
{
    double best = 0;
    for (int i = 0; i <= REPEAT; i++) { /* the first one warms up */
        vs_cuda_tune(dev, 8ull << 30, true);
        if (op->run(dev, b, err))
            return -1;
        const double ms = vs_cuda_kernel_ms(dev);
        if (i == 1 || (i && ms < best))
            best = ms;
    }
    return best;
}

int part_rates(FILE *f)
{
    struct vs_cuda_facts facts;
    struct vs_dev *dev;
    struct vs_err err;
    struct bench b;
    if (parts_open(&dev, &err))
        return no_device(f, &err);
    int status = vs_cuda_facts(dev, &facts, &err) ? put_error(f, err.message) : 0;
    if (bench_make(&b, ROWS, COLS))
        return put_error(f, "no memory for the table");
    for (unsigned i = 0; i < bench_op_count; i++) {
        const double ms = best_ms(&bench_ops[i], dev, &b, &err), rate = ms > 0 ? (double)bench_ops[i].bytes(&b) / (ms * 1e-3) : 0;
        if (ms < 0) {
            status = put_error(f, err.message);
            continue;
        }
        fprintf(f, "{\"kernel\": \"%s\", \"rows\": %d, \"cols\": %d, \"dtype\": \"BF16\", \"ms\": %.4f, \"gb_per_s\": %.1f, \"of_copy\": %.3f}\n",
                bench_ops[i].name, ROWS, COLS, ms, rate * 1e-9, facts.copy_rate > 0 ? rate / facts.copy_rate : 0);
        fflush(f);
    }
    bench_free(&b);
    vs_dev_close(dev);
    return status;
}

/* ---- a model of the shape of Llama-3-8B ---- */

struct timing {
    FILE *f;
    struct vs_dev *dev;
    struct llama *l;
    double copy_rate, peak;
    struct vs_err err;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

/* A prompt, the best of times. */
static int time_prompt(struct timing *t, const char *mode, int times)
{
    double best = 0;
    for (int i = 0; i < times; i++) {
        const double start = now();
        if (llama_run(t->l, 0, PROMPT, &t->err))
            return put_error(t->f, t->err.message);
        const double s = now() - start;
        best = !i || s < best ? s : best;
    }
    const double flops = ratio(llama_operations(t->l, PROMPT), best);
    fprintf(t->f, "{\"measure\": \"prefill\", \"mode\": \"%s\", \"tokens\": %u, \"seconds\": %.4f, \"tokens_per_s\": %.0f, "
            "\"tflops\": %.1f, \"of_peak\": ", mode, PROMPT, best, ratio(PROMPT, best), flops * 1e-12);
    fprintf(t->f, t->peak > 0 ? "%.3f}\n" : "null}\n", ratio(flops, t->peak));
    fflush(t->f);
    return 0;
}

static int ascending(const void *x, const void *y)
{
    const double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

/* One token behind at others: the median and the best of DECODE, after some that warm up. */
static int time_token(struct timing *t, const char *mode, uint32_t at)
{
    double times[DECODE];
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; i < WARM && !code; i++)
        code = llama_run(t->l, at, 1, &t->err);
    for (uint32_t i = 0; i < DECODE && !code; i++) {
        const double start = now();
        code = llama_run(t->l, at + 1 + i, 1, &t->err);
        times[i] = now() - start;
    }
    if (code)
        return put_error(t->f, t->err.message);
    qsort(times, DECODE, sizeof *times, ascending);
    const double median = times[DECODE / 2], rate = ratio((double)llama_bytes(t->l, at), median);
    fprintf(t->f, "{\"measure\": \"decode\", \"mode\": \"%s\", \"at\": %u, \"ms\": %.3f, \"best_ms\": %.3f, \"tokens_per_s\": %.1f, "
            "\"gb_per_s\": %.1f, \"of_copy\": %.3f}\n", mode, at, median * 1e3, times[0] * 1e3, ratio(1, median), rate * 1e-9,
            ratio(rate, t->copy_rate));
    fflush(t->f);
    return 0;
}

/* What a launch costs where the device has nothing else to do, in a queue and from event to event. */
static int time_launch(struct timing *t)
{
    enum vs_code code = llama_launches(t->l, LAUNCHES, &t->err);
    const double start = now();
    if (!code)
        code = llama_launches(t->l, LAUNCHES, &t->err);
    const double queued = now() - start;
    vs_cuda_tune(t->dev, 0, true);
    if (!code)
        code = llama_launches(t->l, LAUNCHES, &t->err);
    const double timed = vs_cuda_kernel_ms(t->dev);
    vs_cuda_tune(t->dev, 0, false);
    if (code)
        return put_error(t->f, t->err.message);
    fprintf(t->f, "{\"measure\": \"launch\", \"queued_us\": %.2f, \"timed_us\": %.2f}\n", queued * 1e6 / LAUNCHES, timed * 1e3 / LAUNCHES);
    fflush(t->f);
    return 0;
}

/* What bounds a number: every kind of operation by itself, the best of some runs; the sum beside the whole says what lies between. */
static int take_apart(struct timing *t, const char *what, const char *mode, uint32_t at, uint32_t n)
{
    struct llama_part best[LLAMA_PARTS], p[LLAMA_PARTS];
    double sum = 0;
    uint64_t launches = 0;
    for (int i = 0; i <= 3; i++) { /* the first one warms up */
        if (llama_parts(t->l, at, n, p, &t->err))
            return put_error(t->f, t->err.message);
        for (unsigned k = 0; k < LLAMA_PARTS; k++)
            if (i <= 1 || p[k].ms < best[k].ms)
                best[k] = p[k];
    }
    for (unsigned k = 0; k < LLAMA_PARTS; k++) {
        const double rate = ratio(best[k].bytes, best[k].ms * 1e-3), flops = ratio(best[k].operations, best[k].ms * 1e-3);
        fprintf(t->f, "{\"measure\": \"%s_part\", \"mode\": \"%s\", \"at\": %u, \"part\": \"%s\", \"launches\": %llu, \"ms\": %.4f, "
                "\"gb_per_s\": %.1f, \"of_copy\": %.3f, \"tflops\": %.2f}\n", what, mode, at, best[k].name,
                (unsigned long long)best[k].launches, best[k].ms, rate * 1e-9, ratio(rate, t->copy_rate), flops * 1e-12);
        sum += best[k].ms;
        launches += best[k].launches;
    }
    fprintf(t->f, "{\"measure\": \"%s_parts\", \"mode\": \"%s\", \"at\": %u, \"launches\": %llu, \"ms\": %.3f}\n", what, mode, at,
            (unsigned long long)launches, sum);
    fflush(t->f);
    return 0;
}

/* 1 when fast mode is not there: nothing failed. */
static int open_fast(struct timing *t, int *status)
{
    if (vs_dev_fast(t->dev, true, &t->err)) {
        fputs("{\"no_fast_mode\": ", t->f);
        put_text(t->f, t->err.message);
        fputs("}\n", t->f);
        return 1;
    }
    if (vs_cuda_fast_peak(t->dev, PEAK, &t->peak, &t->err))
        *status |= put_error(t->f, t->err.message);
    fprintf(t->f, "{\"measure\": \"cublaslt_peak\", \"tflops\": %.1f}\n", t->peak * 1e-12);
    fflush(t->f);
    return 0;
}

/* How far the logits of fast mode lie from those of strict mode, for the same prompt. */
static int compare_modes(struct timing *t)
{
    struct vs_f_diff d;
    if (llama_compare(t->l, &d, &t->err))
        return put_error(t->f, t->err.message);
    const double nmse = d.sum_reference > 0 ? d.sum_squares / d.sum_reference : -1;
    fprintf(t->f, "{\"measure\": \"fast_beside_strict\", \"nmse\": %.3g}\n", nmse);
    fflush(t->f);
    return !(nmse >= 0 && nmse < 0.1);
}

/* The logits of strict mode, which fast mode's are held against. */
static enum vs_code run_strict(struct timing *t)
{
    struct vs_f_diff none;
    enum vs_code code = vs_dev_fast(t->dev, false, &t->err);
    if (!code)
        code = llama_run(t->l, 0, PROMPT, &t->err);
    if (!code)
        code = llama_compare(t->l, &none, &t->err);
    return code ? code : vs_dev_fast(t->dev, true, &t->err);
}

static int time_fast(struct timing *t)
{
    int status = run_strict(t) ? put_error(t->f, t->err.message) : 0;
    status |= time_prompt(t, "fast", 4);
    status |= compare_modes(t);
    status |= time_token(t, "fast", DECODE_AT);
    return status | take_apart(t, "prefill", "fast", 0, PROMPT);
}

/* The numbers that are asked for first; then what explains them. */
static int time_strict(struct timing *t)
{
    int status = time_token(t, "strict", DECODE_AT);
    status |= time_prompt(t, "strict", 2);
    status |= take_apart(t, "decode", "strict", DECODE_AT, 1);
    vs_cuda_early(t->dev, false);
    status |= time_token(t, "strict, no kernel started early", DECODE_AT);
    vs_cuda_early(t->dev, !parts_apart);
    status |= time_launch(t);
    status |= time_token(t, "strict", DECODE_BEHIND); /* the prompt left keys and values */
    status |= take_apart(t, "decode", "strict", DECODE_BEHIND, 1);
    return status | take_apart(t, "prefill", "strict", 0, PROMPT);
}

/* Fewer layers where the device is too small, or others are on it; the ratios stay comparable. */
static enum vs_code open_llama(struct timing *t, struct llama_shape shape)
{
    enum vs_code code = llama_open(t->dev, &shape, &t->l, &t->err);
    while (code == VS_ENOMEM && shape.layers > 1) {
        llama_close(t->l);
        shape.layers /= 2;
        code = llama_open(t->dev, &shape, &t->l, &t->err);
    }
    if (code)
        return code;
    fprintf(t->f, "{\"layers\": %u, \"weight_bytes\": %llu, \"copy_gb_per_s\": %.1f}\n", shape.layers, (unsigned long long)llama_bytes(t->l, 0),
            t->copy_rate * 1e-9);
    fflush(t->f);
    return VS_OK;
}

/* Fast mode is a part of its own: what goes wrong in it leaves the numbers of strict mode alone. */
static int run_llama(FILE *f, bool fast)
{
    struct timing t = {.f = f};
    struct vs_cuda_facts facts;
    int status = 0;
#ifdef EMULATED
    emu_cublaslt = getenv("NO_CUBLASLT") == NULL;
#endif
    if (parts_open(&t.dev, &t.err))
        return no_device(f, &t.err);
    if (!fast || !open_fast(&t, &status)) {
        status |= vs_cuda_facts(t.dev, &facts, &t.err) ? put_error(f, t.err.message) : 0;
        t.copy_rate = facts.copy_rate;
        status |= open_llama(&t, model) ? put_error(f, t.err.message) : fast ? time_fast(&t) : time_strict(&t);
    }
    llama_close(t.l);
    vs_dev_close(t.dev);
    return status;
}

int part_llama(FILE *f)
{
    return run_llama(f, false);
}

int part_llama_fast(FILE *f)
{
    return run_llama(f, true);
}
