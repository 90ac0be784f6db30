/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of threads that share one loop at a time. Which thread takes which piece never matters to the result. A forward
 * pass is thousands of short loops in a row: whoever waits spins for as long as a few of them take before it sleeps, and a
 * worker that comes late, because it slept or had no processor, is not waited for.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include "cpu.h"

#define MAX_WORKERS 63
#define OPEN 0x80000000u
#define SPINS 4000u /* some tens of microseconds */

static _Thread_local unsigned self; /* 0 in the threads that call, 1 and up in workers */

unsigned vs_pool_self(void)
{
    return self;
}

struct vs_pool {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    unsigned workers, started, spins;
    _Atomic unsigned inside; /* workers in the loop, and OPEN while more may join */
    _Atomic unsigned sleepers;
    _Atomic bool caller_sleeps, stop;
    _Atomic uint64_t round; /* counts loops: a worker waits for the next one */
    vs_cpu_fn *fn;
    const void *job;
    uint64_t count, grain;
    _Atomic uint64_t next;
    pthread_t threads[MAX_WORKERS];
};

static void relax(void)
{
#if VS_CPU_X86
    __builtin_ia32_pause();
#elif VS_CPU_ARM
    __asm__ volatile("isb"); /* yield returns at once on most processors */
#endif
}

static void take_pieces(struct vs_pool *p)
{
    for (;;) {
        uint64_t begin = atomic_fetch_add_explicit(&p->next, p->grain, memory_order_relaxed);
        if (begin >= p->count)
            return;
        p->fn(p->job, begin, p->count - begin < p->grain ? p->count : begin + p->grain);
    }
}

/* The counter of sleepers goes up before the round is looked at for the last time, and the caller looks at it after it
 * has begun a round: one of the two sees the other. The same holds for caller_sleeps and inside. */
static bool next_round(struct vs_pool *p, uint64_t seen)
{
    for (unsigned i = 0; i < p->spins; i++) {
        if (atomic_load(&p->stop))
            return false;
        if (atomic_load(&p->round) != seen)
            return true;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (atomic_load(&p->round) == seen && !atomic_load(&p->stop))
        pthread_cond_wait(&p->start, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
    return !atomic_load(&p->stop);
}

static bool join(struct vs_pool *p)
{
    unsigned n = atomic_load(&p->inside);
    while (n & OPEN)
        if (atomic_compare_exchange_weak(&p->inside, &n, n + 1))
            return true;
    return false;
}

static void wake(struct vs_pool *p, pthread_cond_t *cond)
{
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(cond);
    pthread_mutex_unlock(&p->lock);
}

static void *worker(void *arg)
{
    struct vs_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    self = ++p->started;
    pthread_mutex_unlock(&p->lock);
    for (uint64_t seen = 0; next_round(p, seen);) {
        seen = atomic_load(&p->round);
        if (!join(p))
            continue;
        take_pieces(p);
        if (atomic_fetch_sub(&p->inside, 1) == 1 && atomic_load(&p->caller_sleeps))
            wake(p, &p->done);
    }
    return NULL;
}

/* Spinning helps only while every thread has a processor. */
static unsigned spins_for(unsigned threads)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) || (unsigned)CPU_COUNT(&set) < threads ? 0 : SPINS;
}

struct vs_pool *vs_pool_new(unsigned threads)
{
    struct vs_pool *p = vs_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
    p->spins = spins_for(threads);
    sigset_t all, old; /* signals belong to the caller's threads */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (p->workers < MAX_WORKERS && p->workers + 1 < threads && !pthread_create(&p->threads[p->workers], NULL, worker, p))
        p->workers++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (p->workers)
        return p;
    vs_pool_free(p);
    return NULL;
}

static void begin_round(struct vs_pool *p)
{
    atomic_fetch_add(&p->round, 1);
    if (atomic_load(&p->sleepers))
        wake(p, &p->start);
}

/* Nobody joins any more; those inside finish their pieces. */
static void close_round(struct vs_pool *p)
{
    atomic_fetch_and(&p->inside, ~OPEN);
    for (unsigned i = 0; i < p->spins; i++) {
        if (!atomic_load(&p->inside))
            return;
        relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_store(&p->caller_sleeps, true);
    while (atomic_load(&p->inside))
        pthread_cond_wait(&p->done, &p->lock);
    atomic_store(&p->caller_sleeps, false);
    pthread_mutex_unlock(&p->lock);
}

void vs_pool_run(struct vs_pool *p, vs_cpu_fn *fn, const void *job, uint64_t count, uint64_t grain)
{
    p->fn = fn;
    p->job = job;
    p->count = count;
    p->grain = grain;
    atomic_store(&p->next, 0);
    atomic_store(&p->inside, OPEN);
    begin_round(p);
    take_pieces(p);
    close_round(p);
}

unsigned vs_pool_threads(const struct vs_pool *p)
{
    return p ? p->workers + 1 : 1;
}

void vs_pool_free(struct vs_pool *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    begin_round(p);
    for (unsigned i = 0; i < p->workers; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->start);
    pthread_mutex_destroy(&p->lock);
    vs_free(p);
}
