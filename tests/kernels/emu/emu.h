/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VS_TESTS_EMU_H
#define VS_TESTS_EMU_H

#include <stdbool.h>
#include <stddef.h>
#include "cuda_runtime.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1 /* clang's spelling of it */
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define EMU_POISON(p, n) __asan_poison_memory_region(p, n)
#define EMU_UNPOISON(p, n) __asan_unpoison_memory_region(p, n)
#else
#define EMU_POISON(p, n) ((void)0)
#define EMU_UNPOISON(p, n) ((void)0)
#endif

extern uint64_t emu_block; /* blocks that were begun: shared memory of one tells nothing to the next */

/* Accesses of the thread that runs: to memory that its block shares, or the whole grid. */
enum emu_reach { EMU_BLOCK, EMU_GRID };
void emu_read(const void *p, size_t n, enum emu_reach reach);
void emu_write(const void *p, const void *value, size_t n, enum emu_reach reach); /* before it is written; NULL: any value */
void emu_races_launch(void);
void emu_races_block(void);
void emu_races_barrier(void); /* all threads of the block have come to one */

void emu_expose(void); /* device memory to the code that runs now */
void emu_hide(void);
bool emu_on_device(const void *p, size_t n); /* does [p, p + n) lie in one block? */

void *emu_job(size_t bytes); /* zeroed */
void emu_enqueue(cudaStream_t stream, void (*run)(void *job), void *job); /* job: of emu_job; freed when it was run */
void emu_drain(void);        /* the whole device */
bool emu_at_once(void);      /* a choice, for calls that may wait */
void emu_die(const char *why) __attribute__((noreturn));

#endif
