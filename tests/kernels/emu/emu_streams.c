/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams of the emulated device: queues of work. A queue runs when somebody waits for it, and then pulls from others just what events
 * demand; or before that, as far as a counter chooses. So work is done as late as CUDA allows, as early, and anything between, streams
 * ahead of each other as well. An event is a place in a queue.
 */
#include <stdlib.h>
#include <string.h>
#include "cuda_runtime.h"
#include "emu.h"

#define MAX_STREAMS 16

struct item { struct item *next; void (*run)(void *job); void *job; };
struct emu_stream { bool open; uint64_t queued, done; struct item *first, **last; unsigned hold; }; /* hold: choices that it sits out */
struct emu_event { struct emu_stream *stream; uint64_t mark; bool timed; };                         /* no stream: never recorded */

static struct emu_stream streams[MAX_STREAMS];
static uint64_t choice = 1;
enum emu_pace emu_pace;

/* EMU_PACE: late, early, or a number that mixed ones begin with. */
static enum emu_pace pace(void)
{
    const char *asked = getenv("EMU_PACE");
    if (emu_pace == EMU_UNSET && asked && *asked >= '0' && *asked <= '9')
        choice = strtoull(asked, NULL, 10);
    if (emu_pace == EMU_UNSET)
        emu_pace = asked && strcmp(asked, "late") == 0 ? EMU_LATE : asked && strcmp(asked, "early") == 0 ? EMU_EARLY : EMU_MIXED;
    return emu_pace;
}

static uint64_t below(uint64_t n)
{
    choice = choice * 6364136223846793005u + 1442695040888963407u;
    return (choice >> 33) % n;
}

/* An item may run other streams, never its own: what it waits for there was queued in front of it. */
static void run_to(struct emu_stream *s, uint64_t mark)
{
    while (s->done < mark) {
        struct item *i = s->first;
        s->first = i->next;
        i->run(i->job);
        s->done++;
        free(i->job);
        free(i);
    }
}

/* What the device did meanwhile. A stream that holds still does so for a few choices or for many. */
static void go_on(void)
{
    for (struct emu_stream *s = streams; s < streams + MAX_STREAMS && pace() != EMU_LATE; s++) {
        if (pace() == EMU_MIXED && s->hold) {
            s->hold--;
            continue;
        }
        run_to(s, pace() == EMU_EARLY ? s->queued : s->done + below(s->queued - s->done + 1));
        s->hold = (unsigned)below(below(4) ? 4 : 64);
    }
}

bool emu_at_once(void)
{
    return pace() == EMU_EARLY || (pace() == EMU_MIXED && below(2));
}

void emu_drain(void)
{
    for (struct emu_stream *s = streams; s < streams + MAX_STREAMS; s++)
        run_to(s, s->queued);
}

void *emu_job(size_t bytes)
{
    void *job = calloc(1, bytes);
    if (!job)
        emu_die("no memory");
    return job;
}

static struct emu_stream *check(cudaStream_t stream)
{
    if (stream < streams || stream >= streams + MAX_STREAMS || !stream->open)
        emu_die("not a stream: the default one is not emulated");
    return stream;
}

void emu_enqueue(cudaStream_t stream, void (*run)(void *job), void *job)
{
    struct emu_stream *s = check(stream);
    struct item *i = emu_job(sizeof *i);
    *i = (struct item){NULL, run, job};
    if (s->done == s->queued)
        s->last = &s->first;
    *s->last = i;
    s->last = &i->next;
    s->queued++;
    go_on();
}

/* ---- streams ---- */

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
    for (struct emu_stream *s = streams; s < streams + MAX_STREAMS; s++)
        if (!s->open && s->done == s->queued) { /* its counters go on: events that were recorded in it stay complete */
            s->open = true;
            *stream = s;
            return cudaSuccess;
        }
    emu_die("more streams than the emulation holds");
}

cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    return cudaStreamCreateWithFlags(stream, 0);
}

uint64_t emu_waits;

cudaError_t cudaStreamSynchronize(cudaStream_t stream)
{
    emu_waits++;
    go_on();
    run_to(check(stream), stream->queued);
    return cudaSuccess;
}

/* Does not wait, as documented: what is queued still runs. */
cudaError_t cudaStreamDestroy(cudaStream_t stream)
{
    check(stream)->open = false;
    return cudaSuccess;
}

/* ---- events ---- */

static bool is_complete(const struct emu_event *event)
{
    return !event->stream || event->stream->done >= event->mark;
}

static cudaError_t create(cudaEvent_t *event, bool timed)
{
    *event = emu_job(sizeof **event);
    (*event)->timed = timed;
    return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *event)
{
    return create(event, true);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
    return create(event, !(flags & cudaEventDisableTiming));
}

cudaError_t cudaEventDestroy(cudaEvent_t event)
{
    free(event);
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream)
{
    event->stream = check(stream);
    event->mark = stream->queued;
    return cudaSuccess;
}

static void wait_for(void *job)
{
    const struct emu_event *then = job;
    run_to(then->stream, then->mark);
}

/* For the record that is the last one now: later ones change nothing. */
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags)
{
    if (check(stream) == event->stream || !event->stream)
        return cudaSuccess;
    struct emu_event *then = emu_job(sizeof *then);
    *then = *event;
    emu_enqueue(stream, wait_for, then);
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event)
{
    go_on();
    if (!is_complete(event))
        run_to(event->stream, event->mark);
    return cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to)
{
    if (!from->timed || !to->timed || !from->stream || !to->stream)
        return cudaErrorInvalidResourceHandle;
    *ms = 1;
    return is_complete(from) && is_complete(to) ? cudaSuccess : cudaErrorNotReady;
}
