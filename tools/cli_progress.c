/* SPDX-License-Identifier: Apache-2.0
 *
 * One line on a terminal: what, done of total, rate, time left. Nothing when piped.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"

#define BAR 22

static bool shown;         /* a progress line stands on the terminal */

void cli_progress_clear(void)
{
    if (shown)
        fputs("\r\033[K", stderr);
    shown = false;
}

static void show(void *user, const struct vs_progress *p)
{
    (void)user;
    double mb = (double)p->done / 1e6, rate = p->seconds > 0 ? mb / p->seconds : 0;
    if (!p->total) {
        fprintf(stderr, "\r%s  %.1f MB\033[K", p->what, mb);
    } else {
        double share = (double)p->done / (double)p->total, total = (double)p->total / 1e6;
        char bar[BAR + 1];
        for (int i = 0; i < BAR; i++)
            bar[i] = i < (int)(share * BAR) ? '#' : '.';
        bar[BAR] = '\0';
        fprintf(stderr, "\r%s [%s] %3.0f %%  %.1f of %.1f MB  %.0f MB/s  %.1f s left\033[K", p->what, bar, share * 100, mb,
                total, rate, rate > 0 ? (total - mb) / rate : 0);
    }
    fflush(stderr);
    shown = true;
}

void cli_progress_start(struct cli *c)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    if (c->progress == 1 || (c->progress == 0 && terminal && !c->quiet))
        c->run.progress = show;
}

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
