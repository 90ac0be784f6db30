/* SPDX-License-Identifier: Apache-2.0
 *
 * LD_PRELOAD shim: the N-th call of a group fails. Groups are coarse on purpose: which call of a group the code uses
 * is its own affair.
 *
 *     VS_FAULT=GROUP:N:HOW    GROUP: open read write sync rename rename2 reserve copy mkdir link close alloc
 *                             HOW: an errno name; with '+' every later call fails too; SHORT: half of the bytes move; EOF: none do;
 *                             KILL: the process dies as by kill -9; INT: it is interrupted as by Ctrl-C
 *     VS_FAULT_TOO=...        a second one, for what happens on the way back
 *     VS_FAULT_LOG=FILE       is created when the first one happened
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { NO_FAULT, SHORT = -1, KILL = -2, INT = -3, END = -4 };

static struct failing { char group[16]; long at; int how, sticky; atomic_long calls; } faults[2];
static const void *program; /* where the program itself is loaded: allocations of other libraries do not count */

static const struct { const char *name; int how; } ways[] = {
    {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"EACCES", EACCES}, {"EOPNOTSUPP", EOPNOTSUPP}, {"EINVAL", EINVAL},
    {"ENOSYS", ENOSYS}, {"EXDEV", EXDEV}, {"ENOMEM", ENOMEM}, {"SHORT", SHORT}, {"KILL", KILL}, {"INT", INT}, {"EOF", END},
};

static void read_fault(struct failing *f, const char *text)
{
    char name[16] = "";
    if (!text || sscanf(text, "%15[a-z0-9]:%ld:%15s", f->group, &f->at, name) != 3)
        return;
    size_t n = strlen(name);
    f->sticky = n && name[n - 1] == '+';
    if (f->sticky)
        name[n - 1] = '\0';
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (strcmp(ways[i].name, name) == 0)
            f->how = ways[i].how;
}

__attribute__((constructor)) static void start(void)
{
    Dl_info info;
    if (dladdr((const void *)getauxval(AT_PHDR), &info))
        program = info.dli_fbase;
    read_fault(&faults[0], getenv("VS_FAULT"));
    read_fault(&faults[1], getenv("VS_FAULT_TOO"));
}

static void note(void)
{
    const char *log = getenv("VS_FAULT_LOG");
    long fd = log ? syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT, 0600) : -1;
    if (fd >= 0)
        syscall(SYS_close, fd);
}

/* What happens to this call: NO_FAULT, SHORT, END, or errno is set and the call fails. */
static int one_fault(struct failing *f, const char *which)
{
    if (!f->how || strcmp(f->group, which) != 0)
        return NO_FAULT;
    long call = atomic_fetch_add(&f->calls, 1) + 1;
    if (call != f->at && !(f->sticky && call > f->at))
        return NO_FAULT;
    if (f == faults && call == f->at)
        note();
    if (f->how == KILL)
        raise(SIGKILL);
    if (f->how == INT) {
        raise(SIGINT);
        return NO_FAULT;
    }
    if (f->how > 0)
        errno = f->how;
    return f->how;
}

static int fault(const char *which)
{
    int how = one_fault(&faults[0], which);
    return how ? how : one_fault(&faults[1], which);
}

/* Finds the function that this one stands before. */
static void *real(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);
    if (!p)
        _exit(97);
    return p;
}

#define CALL(name, type, ...)                                                                                          \
    static type *next;                                                                                                 \
    if (!next) {                                                                                                       \
        void *found = real(name);                                                                                          \
        memcpy(&next, &found, sizeof next);                                                                                \
    }                                                                                                                  \
    return next(__VA_ARGS__)

typedef int open_type(const char *, int, ...);
typedef int openat_type(int, const char *, int, ...);

static mode_t mode_of(int flags, va_list args)
{
    return flags & O_CREAT ? va_arg(args, mode_t) : 0;
}

#define OPEN(symbol)                                                                                                   \
    int symbol(const char *path, int flags, ...)                                                                       \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = mode_of(flags, args);                                                                            \
        va_end(args);                                                                                                  \
        if (fault("open") > 0)                                                                                         \
            return -1;                                                                                                 \
        CALL(#symbol, open_type, path, flags, mode);                                                                   \
    }
#define OPENAT(symbol)                                                                                                 \
    int symbol(int dir, const char *path, int flags, ...)                                                              \
    {                                                                                                                  \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode_t mode = mode_of(flags, args);                                                                            \
        va_end(args);                                                                                                  \
        if (fault("open") > 0)                                                                                         \
            return -1;                                                                                                 \
        CALL(#symbol, openat_type, dir, path, flags, mode);                                                            \
    }
int open(const char *, int, ...);
int open64(const char *, int, ...);
int openat(int, const char *, int, ...);
int openat64(int, const char *, int, ...);
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

typedef ssize_t pread_type(int, void *, size_t, off_t);
typedef ssize_t pwrite_type(int, const void *, size_t, off_t);
#define MOVE(symbol, kind, pointer, type)                                                                              \
    ssize_t symbol(int fd, pointer p, size_t n, off_t at);                                                             \
    ssize_t symbol(int fd, pointer p, size_t n, off_t at)                                                              \
    {                                                                                                                  \
        int f = fault(kind);                                                                                           \
        if (f > 0)                                                                                                     \
            return -1;                                                                                                 \
        if (f == END)                                                                                                  \
            return 0;                                                                                                  \
        if (f == SHORT && n > 1)                                                                                       \
            n /= 2;                                                                                                    \
        CALL(#symbol, type, fd, p, n, at);                                                                             \
    }
MOVE(pread, "read", void *, pread_type)
MOVE(pread64, "read", void *, pread_type)
MOVE(pwrite, "write", const void *, pwrite_type)
MOVE(pwrite64, "write", const void *, pwrite_type)

#define PLAIN(result, symbol, kind, parameters, ...)                                                                   \
    typedef result symbol##_type parameters;                                                                           \
    symbol##_type symbol;                                                                                              \
    result symbol parameters                                                                                           \
    {                                                                                                                  \
        if (fault(kind) > 0)                                                                                           \
            return (result)-1;                                                                                         \
        CALL(#symbol, symbol##_type, __VA_ARGS__);                                                                     \
    }
PLAIN(int, fsync, "sync", (int fd), fd)
PLAIN(int, rename, "rename", (const char *from, const char *to), from, to)
PLAIN(int, renameat, "rename", (int a, const char *from, int b, const char *to), a, from, b, to)
PLAIN(int, fallocate, "reserve", (int fd, int mode, off_t at, off_t n), fd, mode, at, n)
PLAIN(int, fallocate64, "reserve", (int fd, int mode, off_t at, off_t n), fd, mode, at, n)
PLAIN(int, ftruncate, "reserve", (int fd, off_t n), fd, n)
PLAIN(int, ftruncate64, "reserve", (int fd, off_t n), fd, n)
PLAIN(int, mkdirat, "mkdir", (int dir, const char *path, mode_t mode), dir, path, mode)
PLAIN(int, linkat, "link", (int a, const char *from, int b, const char *to, int flags), a, from, b, to, flags)
PLAIN(int, fchmod, "mkdir", (int fd, mode_t mode), fd, mode)

/* Its flags are what a file system may not know: a group of its own besides. */
typedef int renameat2_type(int, const char *, int, const char *, unsigned);
renameat2_type renameat2;
int renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
    if (fault("rename2") > 0 || fault("rename") > 0)
        return -1;
    CALL("renameat2", renameat2_type, a, from, b, to, flags);
}

/* The descriptor is gone also when close fails, as on Linux. */
typedef int close_type(int);
static int close_really(int fd)
{
    CALL("close", close_type, fd);
}

int close(int fd)
{
    int f = fault("close"), why = errno, rc = close_really(fd);
    if (f > 0)
        errno = why;
    return f > 0 ? -1 : rc;
}

typedef ssize_t copy_type(int, off_t *, int, off_t *, size_t, unsigned);
#define COPY(symbol)                                                                                                   \
    ssize_t symbol(int in, off_t *from, int out, off_t *to, size_t n, unsigned flags);                                 \
    ssize_t symbol(int in, off_t *from, int out, off_t *to, size_t n, unsigned flags)                                  \
    {                                                                                                                  \
        int f = fault("copy");                                                                                         \
        if (f > 0)                                                                                                     \
            return -1;                                                                                                 \
        if (f == END)                                                                                                  \
            return 0;                                                                                                  \
        if (f == SHORT && n > 1)                                                                                       \
            n /= 2;                                                                                                    \
        CALL(#symbol, copy_type, in, from, out, to, n, flags);                                                         \
    }
COPY(copy_file_range)

/* ---- allocations of the program itself ---- */

/* From main on: what runs before it (the registration of CUDA kernels by the static runtime) does not survive a failed
 * allocation and is not ours. */
static atomic_bool in_main;
static int (*program_main)(int, char **, char **);

static int watched_main(int argc, char **argv, char **env)
{
    atomic_store(&in_main, true);
    int status = program_main(argc, argv, env);
    atomic_store(&in_main, false);
    return status;
}

typedef int main_type(int, char **, char **);
typedef int start_type(main_type *, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
start_type __libc_start_main;
int __libc_start_main(main_type *entry, int argc, char **argv, void (*init)(void), void (*fini)(void), void (*end)(void),
                      void *stack)
{
    program_main = entry;
    CALL("__libc_start_main", start_type, watched_main, argc, argv, init, fini, end, stack);
}

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);

static int alloc_fault(const void *caller)
{
    Dl_info info;
    return strcmp(faults[0].group, "alloc") == 0 && atomic_load(&in_main) && dladdr(caller, &info) && info.dli_fbase == program && fault("alloc") > 0;
}

void *malloc(size_t n)
{
    return alloc_fault(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t count, size_t size)
{
    return alloc_fault(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *p, size_t n)
{
    return alloc_fault(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
