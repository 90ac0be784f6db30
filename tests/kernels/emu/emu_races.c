/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a barrier stands between what one thread writes and what another reads or writes there. Not whether it went well: so a
 * barrier that is missing is found in whatever order the threads ran. A shuffle orders no memory (CUDA C++ Programming Guide, warp
 * shuffle functions), the end of a kernel all; between the blocks of one launch nothing does. Atomics are not looked at, nor two
 * writes of one value.
 */
#include <stdio.h>
#include "emu.h"

/* The last accesses to a byte. time counts the pieces between barriers, so that it tells blocks and launches apart too. */
struct byte { uint64_t at; uint32_t written, read, first_read; uint16_t writer, reader; }; /* first_read: of the launch */

#define BYTES (1u << 20) /* known at a time; of two at a multiple of this apart the one before is forgotten */
#define SEVERAL UINT16_MAX

static struct byte bytes[BYTES];
static uint32_t now, block_began, launch_began;

void emu_races_launch(void)
{
    launch_began = now + 1;
}

void emu_races_block(void)
{
    block_began = ++now;
}

void emu_races_barrier(void)
{
    now++;
}

static struct byte *known(uint64_t at)
{
    struct byte *b = &bytes[at % BYTES];
    if (b->at != at)
        *b = (struct byte){.at = at};
    return b;
}

/* Another thread of this block, since the last barrier. */
static bool beside(uint32_t time, unsigned thread)
{
    return time == now && thread != threadIdx.x;
}

/* Another block of this launch. */
static bool elsewhere(uint32_t time, enum emu_reach reach)
{
    return reach == EMU_GRID && time >= launch_began && time < block_began;
}

static void race(const char *what)
{
    char why[96];
    snprintf(why, sizeof why, "thread %u of block %u %s, no barrier between", threadIdx.x, blockIdx.x, what);
    emu_die(why);
}

void emu_read(const void *p, size_t n, enum emu_reach reach)
{
    for (uint64_t at = (uintptr_t)p; at < (uintptr_t)p + n; at++) {
        struct byte *b = known(at);
        if (beside(b->written, b->writer) || elsewhere(b->written, reach))
            race("reads what another one wrote");
        b->reader = b->read == now && b->reader != threadIdx.x ? SEVERAL : (uint16_t)threadIdx.x;
        b->read = now;
        b->first_read = b->first_read < launch_began ? now : b->first_read;
    }
}

void emu_write(const void *p, const void *value, size_t n, enum emu_reach reach)
{
    for (size_t i = 0; i < n; i++) {
        struct byte *b = known((uintptr_t)p + i);
        const bool same = value && ((const unsigned char *)value)[i] == ((const unsigned char *)p)[i];
        if (beside(b->read, b->reader) || elsewhere(b->first_read, reach))
            race("writes what another one read");
        if (!same && (beside(b->written, b->writer) || elsewhere(b->written, reach)))
            race("writes what another one wrote");
        b->writer = (uint16_t)threadIdx.x;
        b->written = now;
    }
}
