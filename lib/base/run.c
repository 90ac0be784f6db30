/* SPDX-License-Identifier: Apache-2.0 */
#include <time.h>
#include "base/run.h"

#define TELL_EVERY INT64_C(100000000) /* ns */

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void vs_task_begin(struct vs_task *t, const struct vs_run *run, const char *what, uint64_t total)
{
    *t = (struct vs_task){run, {what, 0, total, 0}, 0, 0};
    if (run && run->progress)
        t->begun = t->told_at = now_ns();
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
    int64_t now = now_ns();
    if (now - t->told_at >= TELL_EVERY) {
        t->told_at = now;
        t->progress.seconds = (double)(now - t->begun) / 1e9;
        run->progress(run->user, &t->progress);
    }
    return VS_OK;
}
