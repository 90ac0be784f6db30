/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>
#include "bench.h"
#include "checks.h"
#include "cuda/measure.h"
#include "gpu_parts.h"
#include "llama.h"

#ifdef EMULATED /* everything small: what is tested is this program */
#define ROWS 64
#define COLS 64
#define PROMPT 6u
#define DECODE 2u
#define DECODE_AT 2u
#define LARGE false
#define WANTED(name) (strncmp(name, "forward", 7) == 0 || strcmp(name, "noise") == 0) /* checkops-emu has them all */
static const struct llama_shape model = {2, 64, 96, 4, 2, 16, 80, 8};
#else
#define ROWS 262144
#define COLS 2048
#define PROMPT 2048u
#define DECODE 32u
#define DECODE_AT 64u /* positions before the first decoded token */
#define LARGE true
#define WANTED(name) true
static const struct llama_shape model = {32, 4096, 14336, 32, 8, 128, 128256, PROMPT}; /* Llama-3-8B */
#endif
#define REPEAT 5

static int say_error(FILE *f, const char *message)
{
    fputs("{\"error\": ", f);
    put_text(f, message);
    fputs("}\n", f);
    fflush(f);
    return 1;
}

static int no_device(FILE *f, const struct vs_err *err)
{
    (void)say_error(f, err->message);
    return PART_SKIPPED;
}

/* ---- device ---- */

int part_device(FILE *f)
{
    struct vs_cuda_facts facts;
    struct vs_dev *dev;
    struct vs_err err;
    if (vs_dev_open(VS_DEV_CUDA, 0, &dev, &err))
        return no_device(f, &err);
    const enum vs_code code = vs_cuda_facts(dev, &facts, &err);
    fputs("{\"name\": ", f);
    put_text(f, vs_dev_name(dev));
    fprintf(f, ", \"capability\": %d, \"driver\": %d, \"runtime\": %d, \"memory\": %llu, \"copy_gb_per_s\": %.1f}\n", facts.capability, facts.driver,
            facts.runtime, (unsigned long long)facts.memory, facts.copy_rate * 1e-9);
    vs_dev_close(dev);
    return code ? say_error(f, err.message) : 0;
}

/* ---- checks ---- */

int part_checks(FILE *f)
{
    struct vs_dev *dev, *ref = reference_open();
    struct vs_err err;
    int status = !ref;
    if (vs_dev_open(VS_DEV_CUDA, 0, &dev, &err))
        return no_device(f, &err);
    for (unsigned i = 0; i < check_count && ref; i++) {
        if (!WANTED(checks[i].name))
            continue;
        struct run r = {.dev = dev, .ref = ref, .random = 20 + i, .large = LARGE};
        checks[i].run(&r);
        const int ok = r.cases && !r.failed;
        status |= !ok;
        fprintf(f, "{\"kernel\": \"%s\", \"cases\": %u, \"failed\": %u, \"bit_identical\": %s, \"first_failure\": ", checks[i].name, r.cases,
                r.failed, ok ? "true" : "false");
        if (r.failed)
            put_text(f, r.why);
        else
            fputs("null", f);
        fputs("}\n", f);
        fflush(f);
    }
    vs_dev_close(ref);
    vs_dev_close(dev);
    return status;
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
    if (vs_dev_open(VS_DEV_CUDA, 0, &dev, &err))
        return no_device(f, &err);
    int status = vs_cuda_facts(dev, &facts, &err) ? say_error(f, err.message) : 0;
    if (bench_make(&b, ROWS, COLS))
        return say_error(f, "no memory for the table");
    for (unsigned i = 0; i < bench_op_count; i++) {
        const double ms = best_ms(&bench_ops[i], dev, &b, &err), rate = ms > 0 ? (double)bench_ops[i].bytes(&b) / (ms * 1e-3) : 0;
        if (ms < 0) {
            status = say_error(f, err.message);
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
            return say_error(t->f, t->err.message);
        const double s = now() - start;
        best = !i || s < best ? s : best;
    }
    const double flops = ratio(llama_operations(t->l, PROMPT), best);
    fprintf(t->f, "{\"measure\": \"prefill\", \"mode\": \"%s\", \"tokens\": %u, \"seconds\": %.4f, \"tokens_per_s\": %.0f, \"tflops\": %.1f, \"of_peak\": ",
            mode, PROMPT, best, ratio(PROMPT, best), flops * 1e-12);
    fprintf(t->f, t->peak > 0 ? "%.3f}\n" : "null}\n", ratio(flops, t->peak));
    fflush(t->f);
    return 0;
}

/* One token behind others, the mean of DECODE. */
static int time_token(struct timing *t, const char *mode)
{
    enum vs_code code = llama_run(t->l, DECODE_AT, 1, &t->err);
    const double start = now(), bytes = (double)llama_bytes(t->l);
    for (uint32_t i = 1; i <= DECODE && !code; i++)
        code = llama_run(t->l, DECODE_AT + i, 1, &t->err);
    const double mean = (now() - start) / DECODE;
    if (code)
        return say_error(t->f, t->err.message);
    fprintf(t->f, "{\"measure\": \"decode\", \"mode\": \"%s\", \"ms\": %.3f, \"tokens_per_s\": %.1f, \"gb_per_s\": %.1f, \"of_copy\": %.3f}\n", mode,
            mean * 1e3, ratio(1, mean), ratio(bytes, mean) * 1e-9, ratio(ratio(bytes, mean), t->copy_rate));
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
    if (vs_cuda_fast_peak(t->dev, &t->peak, &t->err))
        *status |= say_error(t->f, t->err.message);
    fprintf(t->f, "{\"measure\": \"cublaslt_peak\", \"tflops\": %.1f}\n", t->peak * 1e-12);
    fflush(t->f);
    return 0;
}

/* How far the logits of fast mode lie from those of strict mode, for the same prompt. */
static int compare_modes(struct timing *t)
{
    struct vs_f_diff d;
    if (llama_compare(t->l, &d, &t->err))
        return say_error(t->f, t->err.message);
    const double nmse = d.sum_reference > 0 ? d.sum_squares / d.sum_reference : -1;
    fprintf(t->f, "{\"measure\": \"fast_beside_strict\", \"nmse\": %.3g}\n", nmse);
    fflush(t->f);
    return !(nmse >= 0 && nmse < 0.1);
}

static int time_modes(struct timing *t)
{
    struct vs_f_diff first;
    int status = time_token(t, "strict");
    status |= time_prompt(t, "strict", 2);
    if (llama_compare(t->l, &first, &t->err))
        status |= say_error(t->f, t->err.message);
    if (open_fast(t, &status))
        return status;
    status |= time_prompt(t, "fast", 4);
    status |= compare_modes(t);
    return status | time_token(t, "fast");
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
    fprintf(t->f, "{\"layers\": %u, \"weight_bytes\": %llu, \"copy_gb_per_s\": %.1f}\n", shape.layers, (unsigned long long)llama_bytes(t->l),
            t->copy_rate * 1e-9);
    fflush(t->f);
    return VS_OK;
}

int part_llama(FILE *f)
{
    struct timing t = {.f = f};
    struct vs_cuda_facts facts;
    if (vs_dev_open(VS_DEV_CUDA, 0, &t.dev, &t.err))
        return no_device(f, &t.err);
    int status = vs_cuda_facts(t.dev, &facts, &t.err) ? say_error(f, t.err.message) : 0;
    t.copy_rate = facts.copy_rate;
    status |= open_llama(&t, model) ? say_error(f, t.err.message) : time_modes(&t);
    llama_close(t.l);
    vs_dev_close(t.dev);
    return status;
}
