/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VS_TESTS_EMU_H
#define VS_TESTS_EMU_H

#include <stddef.h>

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

void emu_expose(void); /* device memory to the code that runs now */
void emu_hide(void);
void emu_die(const char *why) __attribute__((noreturn));

#endif
