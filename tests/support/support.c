/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "support.h"
#include "support_internal.h"

/* ---- what vst_cleanup frees ---- */

struct kept { struct kept *next; void *p; bool directory; };
static struct kept *kept;

void vst_die(const char *what, const char *path)
{
    perror(path);
    fprintf(stderr, "test fixture: cannot %s\n", what);
    exit(99);
}

void *vst_keep(void *p, bool directory)
{
    struct kept *k = malloc(sizeof *k);
    if (!p || !k)
        vst_die("allocate", "memory");
    *k = (struct kept){kept, p, directory};
    kept = k;
    return p;
}

/* Under AddressSanitizer: what a test still holds here is a leak. Criterion itself hides leaks of a test's process. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

void vst_cleanup(void)
{
    while (kept) {
        struct kept *k = kept;
        kept = k->next;
        if (k->directory)
            vst_remove(k->p);
        free(k->p);
        free(k);
    }
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check())
        abort();
}

const char *vst_format(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    return vst_keep(n < 0 ? NULL : text, false);
}

const char *vst_path(const char *dir, const char *name)
{
    return vst_format("%s/%s", dir, name);
}

const char *vst_tempdir(void)
{
    const char *base = getenv("TMPDIR");
    char *path = NULL;
    if (asprintf(&path, "%s/vocabsurgeon-XXXXXX", base && *base ? base : "/tmp") < 0)
        path = NULL;
    if (!path || !mkdtemp(path))
        vst_die("make a temporary directory", path ? path : "memory");
    return vst_keep(path, true);
}

const char *vst_corpus(const char *name)
{
    const char *corpus = getenv("VS_CORPUS");
    if (!corpus)
        return NULL;
    const char *path = vst_path(corpus, name);
    if (access(path, R_OK) == 0)
        return path;
    fprintf(stderr, "%s: not there\n", path);
    return NULL;
}

/* ---- programs ---- */

const char *vst_tool(const char *name)
{
    const char *dir = getenv("VS_TOOLS");
    return vst_path(dir ? dir : "build/tools", name);
}

static void child(const char *const argv[], const char *const env[], const char *out, const char *err)
{
    int in_fd = open("/dev/null", O_RDONLY);
    int out_fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err_fd = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (in_fd < 0 || out_fd < 0 || err_fd < 0 || dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(err_fd, 2) < 0)
        _exit(99);
    for (size_t i = 0; env && env[i]; i++) {
        char *copy = strdup(env[i]);
        if (!copy || putenv(copy) != 0)
            _exit(99);
    }
    char **args = NULL;
    size_t n = 0;
    while (argv[n])
        n++;
    args = calloc(n + 1, sizeof *args);
    for (size_t i = 0; args && i < n; i++)
        args[i] = strdup(argv[i]);
    if (args)
        execvp(args[0], args);
    perror(argv[0]);
    _exit(127);
}

struct vst_result vst_run(const char *const argv[], const char *const env[])
{
    struct vst_result r = {0};
    int status;
    const char *dir = vst_tempdir();
    const char *out = vst_path(dir, "stdout"), *err = vst_path(dir, "stderr");
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0)
        vst_die("fork", argv[0]);
    if (pid == 0)
        child(argv, env, out, err);
    if (waitpid(pid, &status, 0) != pid)
        vst_die("wait for", argv[0]);
    r.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    r.out = vst_read(out, &r.out_n);
    r.err = vst_read(err, &r.err_n);
    return r;
}
