/* SPDX-License-Identifier: Apache-2.0
 *
 * A fork that finds the heap at rest. GCC 12's AddressSanitizer does not unlock its allocator in the child, and Criterion
 * allocates there before it calls exec, so a test hung for good when Criterion's own thread was inside malloc at the fork.
 * Criterion links to this one first. It waits until every other thread sleeps; one test at a time (CRITERION_JOBS=1, see
 * tests/meson.build) keeps them asleep from then on. The C library's own allocator needs none of this.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#define PAUSE_NS 1000000
#define PAUSES 5000 /* then it is forked all the same */

/* The state follows the name, which stands in brackets (proc(5)). */
static bool sleeps(const char *thread)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", thread);
    FILE *f = fopen(path, "r");
    if (!f)
        return true; /* it has ended */
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = '\0';
    const char *name_end = strrchr(text, ')');
    return !name_end || strncmp(name_end, ") S", 3) == 0;
}

static bool others_sleep(void)
{
    DIR *tasks = opendir("/proc/self/task");
    bool quiet = true;
    for (struct dirent *e; tasks && quiet && (e = readdir(tasks)); )
        quiet = e->d_name[0] == '.' || atoi(e->d_name) == gettid() || sleeps(e->d_name);
    if (tasks)
        closedir(tasks);
    return quiet;
}

pid_t fork(void)
{
    pid_t (*real_fork)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
    for (int i = 0; i < PAUSES && !others_sleep(); i++)
        nanosleep(&(struct timespec){0, PAUSE_NS}, NULL);
    return real_fork();
}
#endif
