/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads of one block as fibers. A fiber runs until it waits at a barrier, waits at a shuffle for the rest of its warp,
 * or ends. A barrier that some threads never reach ends the test, as does a shuffle.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cuda_runtime.h"
#include "emu.h"
#include "emu_switch.h"

#define MAX_THREADS 256 /* of a block: with more, a kernel of 255 registers could not be launched on a device */
#define STACK_BYTES (96u << 10)
#define WARP 32

#define MAX_COPIES 128

struct copy { void *to; const void *from; size_t room, bytes; unsigned group; };

enum state { READY, AT_BARRIER, AT_SHUFFLE, DONE };

struct fiber {
    struct emu_context context;
    char *stack;
    void *fake_stack;
    enum state state;
    unsigned turn; /* of slots */
    struct copy copies[MAX_COPIES]; /* on their way */
    unsigned copy_count, group;
    unsigned line; /* of the barrier */
    bool began;
};

#define SLOT_BYTES 16

static struct fiber fibers[MAX_THREADS];
/* Values given to shuffles, by turns and by warps; how long each of them is. */
static struct { unsigned char values[WARP * SLOT_BYTES]; size_t bytes; } slots[2][MAX_THREADS / WARP];
static unsigned count, running;
static struct emu_context scheduler;
static void *scheduler_fake_stack;
static const void *scheduler_stack;
static size_t scheduler_stack_bytes;
static void (*kernel_now)(const void *);
static const void *args_now;
static const char *name_now;
static uint64_t order = 1;
static bool exposed;
uint64_t emu_block;
struct emu_index threadIdx, blockIdx, blockDim, gridDim;

void emu_die(const char *why)
{
    fprintf(stderr, "emulated device: %s (kernel %s)\n", why, name_now ? name_now : "none");
    abort();
}

static void finish_switch(void *fake_stack)
{
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake_stack, &scheduler_stack, &scheduler_stack_bytes);
#endif
}

static void fiber_main(void)
{
    finish_switch(NULL);
    kernel_now(args_now);
    if (!fibers[running].began)
        emu_die("a thread never said VS_BEGIN");
    if (fibers[running].copy_count)
        emu_die("a thread ended before its copies arrived");
    fibers[running].state = DONE;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(NULL, scheduler_stack, scheduler_stack_bytes);
#endif
    emu_switch(&fibers[running].context, &scheduler);
}

static void wait_as(enum state state)
{
    struct fiber *f = &fibers[running];
    f->state = state;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&f->fake_stack, scheduler_stack, scheduler_stack_bytes);
#endif
    emu_switch(&f->context, &scheduler);
    finish_switch(f->fake_stack);
}

static void resume(unsigned i)
{
    running = i;
    threadIdx.x = i;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&scheduler_fake_stack, fibers[i].stack, STACK_BYTES);
#endif
    emu_switch(&scheduler, &fibers[i].context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(scheduler_fake_stack, NULL, NULL);
#endif
}

void emu_begin(void)
{
    if (!exposed)
        emu_expose();
    exposed = fibers[running].began = true;
}

void emu_barrier(unsigned line)
{
    fibers[running].line = line;
    wait_as(AT_BARRIER);
}

/* Gives a value to the warp and waits for the others; their values, one behind the other. */
static const unsigned char *exchange(const void *value, size_t bytes)
{
    const unsigned turn = fibers[running].turn++ & 1, warp = running / WARP;
    if (bytes > SLOT_BYTES || count % WARP)
        emu_die("shuffle: only whole warps are emulated");
    memcpy(slots[turn][warp].values + running % WARP * bytes, value, bytes);
    slots[turn][warp].bytes = bytes;
    wait_as(AT_SHUFFLE);
    if (slots[turn][warp].bytes != bytes)
        emu_die("shuffle: values of more than one size");
    return slots[turn][warp].values;
}

void emu_shuffle(uint32_t mask, const void *value, void *out, size_t bytes, unsigned distance, unsigned width)
{
    const unsigned me = running % WARP, from = me % width + distance < width ? me + distance : me;
    if (mask != 0xffffffff)
        emu_die("shuffle: only whole warps are emulated");
    memcpy(out, exchange(value, bytes) + from * bytes, bytes);
}

void emu_all(const void *value, void *out, size_t bytes)
{
    memcpy(out, exchange(value, bytes), WARP * bytes);
}

/* ---- copies to shared memory that arrive later ---- */

void emu_copy(void *to, const void *from, size_t room, size_t bytes)
{
    struct fiber *f = &fibers[running];
    if (f->copy_count == MAX_COPIES || bytes > room || (uintptr_t)to % room || (uintptr_t)from % room)
        emu_die("copy: too many at a time, too long, or not aligned");
    f->copies[f->copy_count++] = (struct copy){to, from, room, bytes, f->group};
    emu_write(to, NULL, room, EMU_BLOCK);
    memset(to, 0x99, room);
}

void emu_copy_commit(void)
{
    fibers[running].group++;
}

void emu_copy_wait(unsigned groups)
{
    struct fiber *f = &fibers[running];
    unsigned left = 0;
    for (unsigned i = 0; i < f->copy_count; i++) {
        const struct copy c = f->copies[i];
        if (c.group + groups >= f->group) {
            f->copies[left++] = c;
            continue;
        }
        emu_read(c.from, c.bytes, EMU_GRID);
        emu_write(c.to, NULL, c.room, EMU_BLOCK);
        memset(c.to, 0, c.room);
        memcpy(c.to, c.from, c.bytes);
    }
    f->copy_count = left;
}

/* ---- scheduling ---- */

/* All threads wait at a barrier. A device is promised that a warp does not part before one (bar.sync is .aligned). */
static void leave_barrier(void)
{
    emu_races_barrier();
    for (unsigned i = 0; i < count; i++) {
        if (fibers[i].line != fibers[i / WARP * WARP].line)
            emu_die("a warp at more than one barrier");
        fibers[i].state = READY;
    }
}

/* Releases whoever waits for threads that have all come. */
static bool release(void)
{
    unsigned in_state[DONE + 1] = {0}, released = 0;
    for (unsigned w = 0; w < count; w += WARP) {
        unsigned waiting = 0, n = count - w < WARP ? count - w : WARP;
        for (unsigned i = w; i < w + n; i++) {
            in_state[fibers[i].state]++;
            waiting += fibers[i].state == AT_SHUFFLE;
        }
        for (unsigned i = w; i < w + n && waiting == n; i++, released++)
            fibers[i].state = READY;
    }
    if (in_state[AT_BARRIER] == count)
        leave_barrier();
    return released > 0 || in_state[AT_BARRIER] == count;
}

/* Every ready fiber once, in an order that the counter shuffles: what depends on the order shows. */
static void run_ready(void)
{
    order = order * 6364136223846793005u + 1442695040888963407u;
    const unsigned start = (unsigned)(order >> 33) % count;
    const bool backwards = order >> 63;
    for (unsigned k = 0; k < count; k++) {
        const unsigned i = (start + (backwards ? count - k : k)) % count;
        if (fibers[i].state == READY)
            resume(i);
    }
}

static bool all_done(void)
{
    for (unsigned i = 0; i < count; i++)
        if (fibers[i].state != DONE)
            return false;
    return true;
}

static void start_fiber(struct fiber *f)
{
    if (!f->stack && !(f->stack = malloc(STACK_BYTES)))
        emu_die("no memory");
    emu_context_at(&f->context, f->stack, STACK_BYTES, fiber_main);
    f->state = READY;
    f->turn = f->copy_count = f->group = 0;
    f->began = false;
}

static void run_block(void)
{
    emu_block++;
    emu_races_block();
    for (unsigned i = 0; i < count; i++)
        start_fiber(&fibers[i]);
    do {
        run_ready();
        if (!all_done() && !release())
            emu_die("a barrier or shuffle that some threads never reach");
    } while (!all_done());
}

struct launch { const char *name; void (*kernel)(const void *args); unsigned blocks, threads; _Alignas(16) unsigned char args[]; };

static void run_launch(void *job)
{
    const struct launch *l = job;
    name_now = l->name;
    kernel_now = l->kernel;
    args_now = l->args;
    count = l->threads;
    gridDim = (struct emu_index){l->blocks, 1, 1};
    blockDim = (struct emu_index){l->threads, 1, 1};
    exposed = false;
    emu_races_launch();
    for (blockIdx.x = 0; blockIdx.x < l->blocks; blockIdx.x++)
        run_block();
    emu_hide();
    name_now = NULL;
}

/* A loop over the grid goes round more than once, which many blocks hide: as what one round leaves in shared memory for the next. */
unsigned emu_fewer(unsigned blocks)
{
    static unsigned turn;
    return blocks > 2 && turn++ % 2 ? 2 : blocks;
}

void emu_launch(cudaStream_t stream, const char *name, void (*kernel)(const void *args), const void *args, size_t bytes, unsigned blocks,
                unsigned threads)
{
    struct launch *l = emu_job(sizeof *l + bytes);
    if (!blocks || !threads || threads > MAX_THREADS)
        emu_die("launch: bad shape");
    *l = (struct launch){name, kernel, blocks, threads};
    memcpy(l->args, args, bytes);
    emu_enqueue(stream, run_launch, l);
}

/* Stacks of fibers that ended must not count as leaks. */
__attribute__((destructor)) static void free_stacks(void)
{
    for (unsigned i = 0; i < MAX_THREADS; i++)
        free(fibers[i].stack);
}
