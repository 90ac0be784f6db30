/* SPDX-License-Identifier: Apache-2.0
 *
 * One line on a terminal: what, done of total, rate, time left. When piped, one sentence, once, where the same estimate says that
 * work of which the library knows what it is made of takes long.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"

#define BAR 22
#define LONG 30.0           /* seconds ahead, from which on it is said without a bar */
#define ESTIMATE_AFTER 2.0  /* seconds of work */

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

/* An estimate needs something to go by: the first weights are read more slowly than the rest. */
static void say_once(void *user, const struct vs_progress *p)
{
    static bool said;
    if (said || !p->note || !p->done || p->seconds < ESTIMATE_AFTER)
        return;
    const double left = p->seconds / (double)p->done * (double)(p->total - p->done);
    if (left < LONG)
        return;
    said = true;
    if (left < 100)
        cli_say(user, "%s: about %.0f seconds more for %s", p->what, left, p->note);
    else
        cli_say(user, "%s: about %.0f minutes more for %s", p->what, left / 60, p->note);
}

void cli_progress_start(struct cli *c)
{
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0);
    if (c->progress == 1 || (c->progress == 0 && terminal && !c->quiet))
        c->run.progress = show;
    else if (c->progress == 0) {
        c->run.progress = say_once;
        c->run.user = c;
    }
}

double cli_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}
