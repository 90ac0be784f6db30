/* SPDX-License-Identifier: Apache-2.0
 *
 * The checks of gpu-verify. A kernel that reads where nothing is takes the device from its process for good: so the checks run
 * in a process beside the part's own, and where that one ends, or has lost the device, another goes on behind the check at hand.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"
#include "gpu_parts.h"

#ifdef EMULATED /* everything small: what is tested is this program */
#define LARGE false
#define WANTED(name) (strncmp(name, "forward", 7) == 0 || strcmp(name, "noise") == 0) /* checkops-emu has them all */
#else
#define LARGE true
#define WANTED(name) true
#endif
#define LOST 78        /* of a process that checks: no more to be had from it */
#define PATIENCE 120u  /* seconds, of one check */

/* For tests of this program: the check that a variable names ends its process, or loses the device. */
static bool is_spoilt(const char *variable, const char *name)
{
#ifdef EMULATED
    const char *spoilt = getenv(variable);
    return spoilt && strcmp(spoilt, name) == 0;
#else
    return false;
#endif
}

static int check(FILE *f, const struct check *c, struct run *r)
{
    if (is_spoilt("CHECK_THAT_CRASHES", c->name))
        raise(SIGKILL);
    c->run(r);
    const int ok = r->cases && !r->failed;
    fprintf(f, "{\"kernel\": \"%s\", \"cases\": %u, \"failed\": %u, \"bit_identical\": %s, \"first_failure\": ", c->name, r->cases, r->failed,
            ok ? "true" : "false");
    if (r->failed)
        put_text(f, r->why);
    else
        fputs("null", f);
    fputs("}\n", f);
    fflush(f);
    return !ok;
}

/* Checks from *at on, *at being the one at hand, until none is left or the device is lost. */
static int check_from(FILE *f, bool golden, volatile unsigned *at)
{
    struct vs_dev *dev, *ref = reference_open();
    struct vs_err err;
    int status = !ref;
    bool lost = false;
    if (parts_open(&dev, &err)) {
        put_error(f, err.message);
        return PART_SKIPPED;
    }
    while (*at < check_count && ref && !lost) {
        const struct check *c = &checks[*at];
        struct run r = {.dev = dev, .ref = ref, .random = 20 + *at, .large = LARGE};
        alarm(PATIENCE);
        if (WANTED(c->name) && (strstr(c->name, "golden") != NULL) == golden) {
            status |= check(f, c, &r);
            lost = vs_dev_wait(dev, &err) != VS_OK || is_spoilt("CHECK_THAT_LOSES", c->name);
        }
        alarm(0);
        ++*at;
    }
    if (lost)
        return LOST;
    vs_dev_close(ref);
    vs_dev_close(dev);
    return status;
}

static int check_apart(FILE *f, bool golden, volatile unsigned *at)
{
    int status = 0;
    fflush(f);
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        status = check_from(f, golden, at);
        _exit(fflush(f) ? 1 : status);
    }
    while (pid > 0 && waitpid(pid, &status, 0) != pid)
        ;
    return pid < 0 ? 1 : WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int run_checks(FILE *f, bool golden)
{
    unsigned *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = 0;
    if (at == MAP_FAILED)
        return 1;
    while (*at < check_count) {
        const int ended = check_apart(f, golden, at);
        if (ended == PART_SKIPPED && !*at)
            return PART_SKIPPED;
        status |= ended != 0;
        if (*at == check_count || ended == LOST)
            continue;
        fprintf(f, "{\"kernel\": \"%s\", \"bit_identical\": false, \"first_failure\": \"its process ended: %s %d\"}\n", checks[*at].name,
                ended < 0 ? "signal" : "status", abs(ended));
        fflush(f);
        ++*at;
    }
    return status;
}

int part_golden(FILE *f)
{
    return run_checks(f, true);
}

int part_checks(FILE *f)
{
    return run_checks(f, false);
}
