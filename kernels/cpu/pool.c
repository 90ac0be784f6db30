/* SPDX-License-Identifier: Apache-2.0
 *
 * A pool of threads that share one loop at a time. Which thread takes which piece never matters to the result.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include "cpu.h"

#define MAX_WORKERS 63

struct vs_pool {
    pthread_mutex_t lock;
    pthread_cond_t start, done;
    unsigned workers, busy;
    uint64_t round; /* counts loops: a worker waits for the next one */
    bool stop;
    vs_cpu_fn *fn;
    const void *job;
    uint64_t count, grain;
    _Atomic uint64_t next;
    pthread_t threads[MAX_WORKERS];
};

static void take_pieces(struct vs_pool *p)
{
    for (;;) {
        uint64_t begin = atomic_fetch_add_explicit(&p->next, p->grain, memory_order_relaxed);
        if (begin >= p->count)
            return;
        p->fn(p->job, begin, p->count - begin < p->grain ? p->count : begin + p->grain);
    }
}

static void *worker(void *arg)
{
    struct vs_pool *p = arg;
    uint64_t seen = 0;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->round == seen && !p->stop)
            pthread_cond_wait(&p->start, &p->lock);
        if (p->stop)
            break;
        seen = p->round;
        pthread_mutex_unlock(&p->lock);
        take_pieces(p);
        pthread_mutex_lock(&p->lock);
        if (!--p->busy)
            pthread_cond_signal(&p->done);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct vs_pool *vs_pool_new(unsigned threads)
{
    struct vs_pool *p = vs_calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->start, NULL);
    pthread_cond_init(&p->done, NULL);
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

void vs_pool_run(struct vs_pool *p, vs_cpu_fn *fn, const void *job, uint64_t count, uint64_t grain)
{
    pthread_mutex_lock(&p->lock);
    p->fn = fn;
    p->job = job;
    p->count = count;
    p->grain = grain;
    atomic_store_explicit(&p->next, 0, memory_order_relaxed);
    p->busy = p->workers;
    p->round++;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    take_pieces(p);
    pthread_mutex_lock(&p->lock);
    while (p->busy)
        pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void vs_pool_free(struct vs_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    pthread_cond_broadcast(&p->start);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->workers; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->done);
    pthread_cond_destroy(&p->start);
    pthread_mutex_destroy(&p->lock);
    vs_free(p);
}
