/* SPDX-License-Identifier: Apache-2.0
 *
 * gpu-verify [FILE [SECONDS [PART...]]]: everything that needs a GPU, in one call and at most SECONDS (default 440): the device and its
 * copy rate, the golden hashes, a model of the shape of Llama-3-8B in strict and in fast mode with what its kernels take, each CUDA
 * kernel against the reference bit for bit, its rate, and (gpu-model beside it, where that starts) checks of whole models on GPU
 * and CPU. What was asked for stands first, in case time runs out.
 *
 * Each part is a process with a limit of its own, so that one that fails, hangs or loses the device takes nothing else
 * along; what it printed until then is kept. FILE (- for stdout) is whole JSON after every part. With PARTs only those. Fast mode
 * needs libcublasLt.so in LD_LIBRARY_PATH; nothing else but libc and the driver is needed. Exit: 0 all good, 1 not, 77 no device.
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "gpu_parts.h"

#define SECONDS 440.0
#define GRACE 2    /* seconds of the whole that are left alone */
#define PATIENCE 5 /* seconds that the end of a process may take */
#define KEPT (1u << 20)

struct part {
    const char *name;
    int (*run)(FILE *f);  /* NULL: the program of this name beside this one */
    double limit;         /* seconds, the most */
    bool optional;        /* that it does not start is no failure */
    const char *state;    /* of the JSON; NULL: not yet */
    double seconds;
    char *lines; size_t n; /* JSON, a line each */
};

static struct part parts[] = {
    {"device", part_device, 40, false, NULL, 0, NULL, 0},
    {"golden", part_golden, 60, false, NULL, 0, NULL, 0},
    {"golden-apart", part_golden, 60, true, NULL, 0, NULL, 0},
    {"llama", part_llama, 90, false, NULL, 0, NULL, 0},
    {"llama-fast", part_llama_fast, 60, false, NULL, 0, NULL, 0},
    {"checks", part_checks, 180, false, NULL, 0, NULL, 0},
    {"rates", part_rates, 60, false, NULL, 0, NULL, 0},
    {"gpu-model", NULL, 90, true, NULL, 0, NULL, 0},
};
#define PARTS (sizeof parts / sizeof *parts)

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- one part ---- */

static _Noreturn void child(const struct part *p, const char *folder, int out)
{
    char path[4200];
    setpgid(0, 0); /* it ends with all that it started, and with this program */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (p->run) {
        FILE *f = fdopen(out, "w");
        int status = f ? p->run(f) : 1;
        _exit(f && fclose(f) ? 1 : status);
    }
    snprintf(path, sizeof path, "%s/%s", folder, p->name);
    if (dup2(out, STDOUT_FILENO) >= 0)
        execl(path, path, (char *)NULL);
    _exit(127);
}

/* Until the part closes its end, or its time is over. */
static bool listen_to(struct part *p, int from, double until)
{
    for (;;) {
        const double left = until - now();
        struct pollfd ready = {from, POLLIN, 0};
        if (left <= 0 || poll(&ready, 1, (int)(left * 1e3) + 1) == 0)
            return false;
        const ssize_t n = read(from, p->lines + p->n, KEPT - p->n);
        if (n <= 0)
            return true;
        p->n += (size_t)n;
    }
}

static const char *state_of(const struct part *p, int status)
{
    if (WIFSIGNALED(status))
        return "crashed";
    const int code = WEXITSTATUS(status);
    return code == 0 ? "passed" : code == PART_SKIPPED || (p->optional && code == 127) ? "not_run" : "failed";
}

/* A process that hangs in the driver is not even killed: it is left behind then. */
static bool reap(pid_t pid, double until, int *status)
{
    const struct timespec nap = {0, 10000000};
    bool killed = false;
    until = until > now() + PATIENCE ? until : now() + PATIENCE;
    while (waitpid(pid, status, WNOHANG) != pid) {
        if (now() > until && killed)
            return false;
        if (now() > until) {
            kill(-pid, SIGKILL);
            killed = true;
            until = now() + PATIENCE;
        }
        nanosleep(&nap, NULL);
    }
    return !killed;
}

static void run_part(struct part *p, const char *folder, double limit)
{
    const double began = now();
    int ends[2], status = 0;
    pid_t pid = -1;
    p->lines = calloc(KEPT + 1, 1);
    p->state = "failed";
    if (!p->lines || pipe(ends) != 0)
        return;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(p, folder, ends[1]);
    }
    close(ends[1]);
    if (pid > 0) {
        const bool ended = listen_to(p, ends[0], began + limit);
        if (!ended && kill(-pid, SIGKILL) != 0)
            kill(pid, SIGKILL);
        p->state = reap(pid, ended ? began + limit : 0, &status) && ended ? state_of(p, status) : "timeout";
    }
    close(ends[0]);
    p->seconds = now() - began;
    while (p->n && p->lines[p->n - 1] != '\n') /* a line that was cut off is none */
        p->n--;
    p->lines[p->n] = '\0';
}

/* ---- the result ---- */

static bool is_good(const struct part *p)
{
    return p->state && (strcmp(p->state, "passed") == 0 || strcmp(p->state, "not_asked") == 0 || (p->optional && strcmp(p->state, "not_run") == 0));
}

static void put_part(FILE *f, const struct part *p)
{
    fprintf(f, "  \"%s\": {\"state\": \"%s\", \"seconds\": %.1f, \"limit\": %.0f, \"results\": [", p->name,
            p->state ? p->state : "not_run", p->seconds, p->limit);
    for (const char *line = p->lines; line && *line;) {
        const char *end = strchr(line, '\n');
        fprintf(f, "%s\n   %.*s", line == p->lines ? "" : ",", (int)(end - line), line);
        line = end + 1;
    }
    fprintf(f, "]}");
}

static int put_result(FILE *f, double seconds, bool complete)
{
    const time_t date = time(NULL);
    bool good = complete;
    char text[40] = "";
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&date));
    for (size_t i = 0; i < PARTS; i++)
        good = good && is_good(&parts[i]);
    fprintf(f, "{\"schema\": \"vocabsurgeon/gpu-verify/4\", \"date\": \"%s\", \"seconds\": %.1f, \"complete\": %s, \"passed\": %s,\n \"parts\": {\n",
            text, seconds, complete ? "true" : "false", good ? "true" : "false");
    for (size_t i = 0; i < PARTS; i++) {
        put_part(f, &parts[i]);
        fputs(i + 1 < PARTS ? ",\n" : "}}\n", f);
    }
    return !good;
}

/* Whole, under its name, or not at all. */
static int write_result(const char *path, double seconds, bool complete)
{
    char temporary[4200];
    if (!path) {
        const int status = complete ? put_result(stdout, seconds, true) : 0;
        return fflush(stdout) ? 1 : status;
    }
    snprintf(temporary, sizeof temporary, "%s.part", path);
    FILE *f = fopen(temporary, "w");
    if (!f) {
        perror(temporary);
        return 1;
    }
    const int status = put_result(f, seconds, complete);
    if (ferror(f) | fclose(f) || rename(temporary, path) != 0) {
        perror(path);
        return 1;
    }
    return status;
}

static bool is_asked(const struct part *p, int count, char **names)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], p->name) == 0)
            return true;
    return count <= 0;
}

/* Where this program lies, for the one beside it. */
static void folder_of(const char *program, char folder[4096])
{
    snprintf(folder, 4096, "%s", program);
    char *slash = strrchr(folder, '/');
    if (slash)
        *slash = '\0';
    else
        snprintf(folder, 4096, ".");
}

int main(int argc, char **argv)
{
    const char *path = argc > 1 && strcmp(argv[1], "-") ? argv[1] : NULL;
    const double began = now(), total = argc > 2 ? atof(argv[2]) : SECONDS;
    char folder[4096];
    folder_of(argv[0], folder);
    for (size_t i = 0; i < PARTS; i++) {
        struct part *p = &parts[i];
        const double left = total - GRACE - (now() - began);
        const bool again = strcmp(p->name, "golden-apart") == 0; /* where the hashes are wrong: from here on no kernel starts early */
        parts_apart = parts_apart || (again && !is_good(p - 1));
        if (!is_asked(p, argc - 3, argv + 3) || (again && !parts_apart)) {
            p->state = "not_asked";
            continue;
        }
        if (left <= 0)
            continue;
        run_part(p, folder, left < p->limit ? left : p->limit);
        fprintf(stderr, "%s: %s after %.1f s\n", p->name, p->state, p->seconds);
        if (i == 0 && p->run && strcmp(p->state, "not_run") == 0) {
            fprintf(stderr, "SKIPPED: %s", p->lines);
            return 77;
        }
        (void)write_result(path, now() - began, false);
    }
    return write_result(path, now() - began, true);
}
