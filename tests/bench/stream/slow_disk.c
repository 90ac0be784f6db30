/* SPDX-License-Identifier: Apache-2.0
 *
 * For LD_PRELOAD: reading from regular files costs time, as from a disk of $VS_DISK_RATE bytes a second; what was read
 * before lies in memory and costs nothing. The disk serves one request after the other; AHEAD bytes are read ahead while
 * nobody asks.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define AHEAD 2e6
#define PAGE 65536u
#define PAGES (1u << 17) /* 8 GiB of one file: larger ones are read again at full cost */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t seen[PAGES];
static ino_t file;       /* the largest so far: the one whose pages are remembered */
static off_t file_size;
static double served;    /* when the disk is done with what was asked */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void sleep_until(double when)
{
    const struct timespec t = {(time_t)when, (long)((when - (double)(time_t)when) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
}

static uint64_t new_bytes(const struct stat *s, uint64_t at, uint64_t n)
{
    uint64_t count = 0;
    if (s->st_size > file_size) {
        file = s->st_ino;
        file_size = s->st_size;
    }
    for (uint64_t page = at / PAGE; page * PAGE < at + n; page++) {
        const bool known = s->st_ino == file && page < PAGES && seen[page];
        count += known ? 0 : PAGE;
        if (s->st_ino == file && page < PAGES)
            seen[page] = 1;
    }
    return count;
}

static void pay(int fd, int64_t at, ssize_t got)
{
    const char *set = getenv("VS_DISK_RATE");
    const double rate = set ? atof(set) : 0;
    struct stat s;
    if (got <= 0 || !(rate > 0) || fstat(fd, &s) != 0 || !S_ISREG(s.st_mode))
        return;
    pthread_mutex_lock(&lock);
    const double start = now(), idle = start - AHEAD / rate;
    const double when = served = (served > idle ? served : idle) + (double)new_bytes(&s, (uint64_t)at, (uint64_t)got) / rate;
    pthread_mutex_unlock(&lock);
    if (when > start)
        sleep_until(when);
}

ssize_t read(int fd, void *p, size_t n)
{
    static ssize_t (*next)(int, void *, size_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "read");
    const ssize_t got = next(fd, p, n);
    pay(fd, lseek(fd, 0, SEEK_CUR) - got, got);
    return got;
}

static ssize_t read_at(const char *name, int fd, void *p, size_t n, off_t at)
{
    ssize_t (*next)(int, void *, size_t, off_t);
    *(void **)&next = dlsym(RTLD_NEXT, name);
    const ssize_t got = next(fd, p, n, at);
    pay(fd, at, got);
    return got;
}

ssize_t pread64(int fd, void *p, size_t n, off_t at);

ssize_t pread64(int fd, void *p, size_t n, off_t at)
{
    return read_at("pread64", fd, p, n, at);
}
