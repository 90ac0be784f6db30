/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPU backend: each kernel is one inlined body, compiled once for each instruction set and chosen at run time. The
 * bodies fix the order of every operation, so all of them give the same bits, with any number of threads.
 */
#ifndef VS_KERNELS_CPU_H
#define VS_KERNELS_CPU_H

#include "backend.h"

/* Work on items [begin, end) of a job. */
typedef void vs_cpu_fn(const void *job, uint64_t begin, uint64_t end);

#define VS_BODY static inline __attribute__((always_inline))

/* The levels of this architecture, the best one last. VS_CPU_KERNEL(name) makes the table name[VS_CPU_LEVELS] from the body
 * name_body; VS_CPU_SAME(fn) is the table of a function that needs no instruction set. */
#if defined(__x86_64__) && defined(__GNUC__)
#define VS_CPU_X86 1
#define VS_CPU_ARM 0
enum vs_cpu_level { VS_CPU_PORTABLE, VS_CPU_AVX2, VS_CPU_AVX512, VS_CPU_LEVELS };
#define VS_CPU_SAME(fn) {fn, fn, fn}
#define VS_TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#ifdef __clang__
#define VS_WIDE /* no such preference in a target attribute */
#else
#define VS_WIDE ",prefer-vector-width=512"
#endif
#define VS_TARGET_AVX512 __attribute__((target("avx2,fma,f16c,avx512f,avx512bw,avx512dq,avx512vl" VS_WIDE)))
#define VS_CPU_KERNEL(name)                                                                                        \
    static void name##_portable(const void *job, uint64_t begin, uint64_t end) { name##_body(job, begin, end); }   \
    VS_TARGET_AVX2 static void name##_avx2(const void *job, uint64_t begin, uint64_t end) { name##_body(job, begin, end); } \
    VS_TARGET_AVX512 static void name##_avx512(const void *job, uint64_t begin, uint64_t end) { name##_body(job, begin, end); } \
    static vs_cpu_fn *const name[VS_CPU_LEVELS] = {name##_portable, name##_avx2, name##_avx512};
#else
#define VS_CPU_X86 0
#if defined(__aarch64__) && defined(__ARM_NEON) && defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define VS_CPU_ARM 1 /* NEON is always there: bodies are compiled to it as they are */
enum vs_cpu_level { VS_CPU_PORTABLE, VS_CPU_NEON, VS_CPU_LEVELS };
#define VS_CPU_SAME(fn) {fn, fn}
#else
#define VS_CPU_ARM 0
enum vs_cpu_level { VS_CPU_PORTABLE, VS_CPU_LEVELS };
#define VS_CPU_SAME(fn) {fn}
#endif
#define VS_CPU_KERNEL(name)                                                                                        \
    static void name##_portable(const void *job, uint64_t begin, uint64_t end) { name##_body(job, begin, end); }   \
    static vs_cpu_fn *const name[VS_CPU_LEVELS] = VS_CPU_SAME(name##_portable);
#endif

struct vs_pool;

struct vs_cpu {
    struct vs_dev dev;
    enum vs_cpu_level level;
    unsigned threads;
    struct vs_pool *pool; /* NULL with one thread */
    char *scratch;        /* scratch_bytes for each thread; grows when a product needs more than any before */
    uint64_t scratch_bytes;
};

/* The best level of this processor. */
enum vs_cpu_level vs_cpu_best(void);
/* For tests: a device of a level that is not the best one. */
enum vs_code vs_cpu_open_level(enum vs_cpu_level level, unsigned threads, struct vs_dev **out, struct vs_err *err);

/* Runs kernel[level] over count items in pieces of grain, on all threads; returns when all are done. */
void vs_cpu_for(struct vs_dev *dev, vs_cpu_fn *const *kernel, const void *job, uint64_t count, uint64_t grain);

/* Scratch memory of the thread that asks, after vs_cpu_scratch_room made it large enough. */
enum vs_code vs_cpu_scratch_room(struct vs_cpu *cpu, uint64_t bytes, struct vs_err *err);
void *vs_cpu_scratch(const struct vs_cpu *cpu); /* 64-byte aligned */

/* pool.c: threads - 1 workers; fewer when the system gives fewer; NULL when it gives none. */
struct vs_pool *vs_pool_new(unsigned threads);
void vs_pool_run(struct vs_pool *pool, vs_cpu_fn *fn, const void *job, uint64_t count, uint64_t grain);
unsigned vs_pool_self(void); /* which of the threads runs this: below the number of threads */
unsigned vs_pool_threads(const struct vs_pool *pool); /* that work, the caller's included; 1 for NULL */
void vs_pool_free(struct vs_pool *pool); /* accepts NULL */

enum vs_code vs_cpu_gather(struct vs_dev *dev, const struct vs_rows *window, const int64_t *ids, uint64_t n,
                           const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                           uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err);
enum vs_code vs_cpu_row_stats(struct vs_dev *dev, const struct vs_rows *window, struct vs_k_row *out, struct vs_err *err);
enum vs_code vs_cpu_column_sums(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *use, const double *center,
                                double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err);
enum vs_code vs_cpu_affine_noise(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                                 const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err);
enum vs_code vs_cpu_combine(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *starts, const uint64_t *piece_ids,
                            const double *weights, uint64_t rows, void *out, struct vs_err *err);
enum vs_code vs_cpu_head_probe(struct vs_dev *dev, const struct vs_rows *window, const float *hidden, uint64_t probes,
                               const float *bias, float *logits, struct vs_err *err);
enum vs_code vs_cpu_argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                           struct vs_k_max *out, struct vs_err *err);
enum vs_code vs_cpu_dequant(struct vs_dev *dev, const void *in, const uint8_t *scales, enum vs_dtype dtype, uint64_t blocks,
                            float *out, struct vs_err *err);
void vs_cpu_dequant_all(const void *in, enum vs_dtype dtype, uint64_t blocks, float *out); /* on this thread */

#endif
