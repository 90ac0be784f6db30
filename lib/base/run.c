/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>
#include "base/run.h"

#define TELL_EVERY 0.1 /* seconds */

double vs_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

void vs_task_begin(struct vs_task *t, const struct vs_run *run, const char *what, uint64_t total)
{
    *t = (struct vs_task){run, {what, 0, total, 0, NULL}, 0, 0};
    if (run && run->progress)
        t->begun = t->told_at = vs_now();
}

enum vs_code vs_task_step(struct vs_task *t, uint64_t bytes, struct vs_err *err)
{
    const struct vs_run *run = t->run;
    t->progress.done += bytes;
    if (!run)
        return VS_OK;
    if (run->cancel && *run->cancel)
        return vs_fail(err, VS_ECANCELED, "interrupted");
    if (!run->progress)
        return VS_OK;
    const double now = vs_now();
    if (now - t->told_at >= TELL_EVERY) {
        t->told_at = now;
        t->progress.seconds = now - t->begun;
        run->progress(run->user, &t->progress);
    }
    return VS_OK;
}
