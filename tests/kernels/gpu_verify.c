/* SPDX-License-Identifier: Apache-2.0
 *
 * gpu-verify [FILE]: everything that needs a GPU, in one call: each CUDA kernel against the reference, bit for bit, then its
 * rate beside the device's own copy rate. Writes one JSON object to FILE or stdout. Exit: 0 all agree, 1 not, 77 no device.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "bench.h"
#include "checks.h"
#include "cuda/measure.h"
#include "llama.h"

#define ROWS 262144
#define COLS 2048
#define REPEAT 5

/* Device names and our messages hold nothing worse than these. */
static void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text >= 0x20)
            fputc(*text, f);
    fputc('"', f);
}

static int verify(FILE *f, struct vs_dev *dev)
{
    struct vs_dev *ref = reference_open();
    int status = !ref;
    fprintf(f, " \"checks\": [\n");
    for (unsigned i = 0; i < check_count && ref; i++) {
        struct run r = {.dev = dev, .ref = ref, .random = 20 + i, .large = true};
        checks[i].run(&r);
        const int ok = r.cases && !r.failed;
        status |= !ok;
        fprintf(f, "  {\"kernel\": \"%s\", \"cases\": %u, \"failed\": %u, \"bit_identical\": %s, \"first_failure\": ", checks[i].name,
                r.cases, r.failed, ok ? "true" : "false");
        if (r.failed)
            put_text(f, r.why);
        else
            fputs("null", f);
        fprintf(f, "}%s\n", i + 1 < check_count ? "," : "");
        fflush(f);
    }
    fprintf(f, " ],\n");
    vs_dev_close(ref);
    return status;
}

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

static int measure(FILE *f, struct vs_dev *dev, const struct vs_cuda_facts *facts)
{
    struct bench b;
    struct vs_err err = {VS_OK, ""};
    int status = bench_make(&b, ROWS, COLS);
    fprintf(f, " \"rates\": [\n");
    for (unsigned i = 0; i < bench_op_count && !status; i++) {
        const double ms = best_ms(&bench_ops[i], dev, &b, &err), rate = ms > 0 ? (double)bench_ops[i].bytes(&b) / (ms * 1e-3) : 0;
        status |= ms < 0;
        fprintf(f, "  {\"kernel\": \"%s\", \"rows\": %d, \"cols\": %d, \"dtype\": \"BF16\", \"ms\": %.4f, \"gb_per_s\": %.1f, \"of_copy\": %.3f}%s\n",
                bench_ops[i].name, ROWS, COLS, ms, rate * 1e-9, facts->copy_rate > 0 ? rate / facts->copy_rate : 0,
                i + 1 < bench_op_count ? "," : "");
        fflush(f);
    }
    fprintf(f, " ],\n \"error\": ");
    put_text(f, status ? (err.message[0] ? err.message : "no memory") : "");
    fprintf(f, ",\n");
    bench_free(&b);
    return status;
}

/* ---- a model of the shape of Llama-3-8B ---- */

#define PROMPT 2048u
#define DECODE 32u
#define DECODE_AT 64u /* positions before the first decoded token */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds of a prompt, the best of times; of one token, the mean of DECODE. */
static enum vs_code prompt_seconds(struct llama *l, int times, double *best, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    *best = 0;
    for (int i = 0; i < times && !code; i++) {
        const double start = now();
        code = llama_run(l, 0, PROMPT, err);
        const double s = now() - start;
        *best = !i || s < *best ? s : *best;
    }
    return code;
}

static enum vs_code token_seconds(struct llama *l, double *mean, struct vs_err *err)
{
    enum vs_code code = llama_run(l, DECODE_AT, 1, err);
    const double start = now();
    for (uint32_t i = 1; i <= DECODE && !code; i++)
        code = llama_run(l, DECODE_AT + i, 1, err);
    *mean = (now() - start) / DECODE;
    return code;
}

struct llama_times { double strict_prompt, strict_token, fast_prompt, fast_token, peak, nmse; };

static enum vs_code time_llama(struct vs_dev *dev, struct llama *l, struct llama_times *t, char *why_not_fast, size_t why_bytes, struct vs_err *err)
{
    struct vs_f_diff first, d;
    struct vs_err fast_err;
    enum vs_code code = prompt_seconds(l, 2, &t->strict_prompt, err);
    if (!code)
        code = llama_compare(l, &first, err);
    if (!code)
        code = token_seconds(l, &t->strict_token, err);
    if (code || vs_dev_fast(dev, true, &fast_err)) {
        snprintf(why_not_fast, why_bytes, "%s", code ? "" : fast_err.message);
        return code;
    }
    code = vs_cuda_fast_peak(dev, &t->peak, err);
    if (!code)
        code = prompt_seconds(l, 4, &t->fast_prompt, err);
    if (!code)
        code = llama_compare(l, &d, err);
    t->nmse = code || !(d.sum_reference > 0) ? -1 : d.sum_squares / d.sum_reference;
    return code ? code : token_seconds(l, &t->fast_token, err);
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static void put_llama(FILE *f, const struct llama *l, const struct llama_times *t, const struct vs_cuda_facts *facts)
{
    const double bytes = (double)llama_bytes(l), work = llama_operations(l, PROMPT);
    fprintf(f, "  \"prompt_tokens\": %u, \"weight_bytes\": %.0f, \"cublaslt_peak_tflops\": %.1f,\n", PROMPT, bytes, t->peak * 1e-12);
    fprintf(f, "  \"fast\": {\"prefill_s\": %.4f, \"tokens_per_s\": %.0f, \"tflops\": %.1f, \"of_peak\": %.3f, ", t->fast_prompt,
            ratio(PROMPT, t->fast_prompt), ratio(work, t->fast_prompt) * 1e-12, ratio(ratio(work, t->fast_prompt), t->peak));
    fprintf(f, "\"decode_ms\": %.3f, \"decode_tokens_per_s\": %.1f, \"gb_per_s\": %.1f, \"of_copy\": %.3f, \"nmse\": %.3g},\n", t->fast_token * 1e3,
            ratio(1, t->fast_token), ratio(bytes, t->fast_token) * 1e-9, ratio(ratio(bytes, t->fast_token), facts->copy_rate), t->nmse);
    fprintf(f, "  \"strict\": {\"prefill_s\": %.4f, \"tokens_per_s\": %.0f, \"tflops\": %.1f, ", t->strict_prompt,
            ratio(PROMPT, t->strict_prompt), ratio(work, t->strict_prompt) * 1e-12);
    fprintf(f, "\"decode_ms\": %.3f, \"decode_tokens_per_s\": %.1f, \"gb_per_s\": %.1f, \"of_copy\": %.3f},\n", t->strict_token * 1e3,
            ratio(1, t->strict_token), ratio(bytes, t->strict_token) * 1e-9, ratio(ratio(bytes, t->strict_token), facts->copy_rate));
}

/* Fewer layers where the device is too small; the ratios stay comparable. */
static int measure_llama(FILE *f, struct vs_dev *dev, const struct vs_cuda_facts *facts)
{
    struct llama_shape shape = {32, 4096, 14336, 32, 8, 128, 128256, PROMPT};
    struct llama_times t = {0};
    struct llama *l = NULL;
    struct vs_err err = {VS_OK, ""};
    char why_not_fast[sizeof err.message] = "";
    while (shape.layers > 1 && 1.3e9 + shape.layers * 0.46e9 + 2e9 > (double)facts->memory * 0.9)
        shape.layers /= 2;
    enum vs_code code = llama_open(dev, &shape, &l, &err);
    if (!code)
        code = time_llama(dev, l, &t, why_not_fast, sizeof why_not_fast, &err);
    fprintf(f, " \"llama\": {\"layers\": %u,\n", shape.layers);
    if (!code)
        put_llama(f, l, &t, facts);
    fprintf(f, "  \"no_fast_mode\": ");
    put_text(f, why_not_fast);
    fprintf(f, ", \"error\": ");
    put_text(f, code ? err.message : "");
    fprintf(f, "},\n");
    fflush(f);
    llama_close(l);
    return code || t.nmse < 0;
}

int main(int argc, char **argv)
{
    struct vs_err err;
    struct vs_dev *dev;
    struct vs_cuda_facts facts;
    const time_t start = time(NULL);
    if (vs_dev_open(VS_DEV_CUDA, 0, &dev, &err)) {
        fprintf(stderr, "SKIPPED: %s\n", err.message);
        return 77;
    }
    FILE *f = argc > 1 ? fopen(argv[1], "w") : stdout;
    if (!f || vs_cuda_facts(dev, &facts, &err)) {
        fprintf(stderr, "gpu-verify: %s\n", f ? err.message : "cannot write the result");
        return 1;
    }
    fprintf(f, "{\"schema\": \"vocabsurgeon/gpu-verify/1\",\n \"device\": ");
    put_text(f, vs_dev_name(dev));
    fprintf(f, ", \"capability\": %d, \"driver\": %d, \"runtime\": %d, \"memory\": %llu, \"copy_gb_per_s\": %.1f,\n", facts.capability,
            facts.driver, facts.runtime, (unsigned long long)facts.memory, facts.copy_rate * 1e-9);
    int status = verify(f, dev);
    status |= measure(f, dev, &facts);
    vs_cuda_tune(dev, 64u << 20, false);
    status |= measure_llama(f, dev, &facts);
    fprintf(f, " \"seconds\": %lld,\n \"passed\": %s}\n", (long long)(time(NULL) - start), status ? "false" : "true");
    vs_dev_close(dev);
    if (ferror(f) | (f != stdout ? fclose(f) : fflush(f)))
        return 1;
    return status;
}
