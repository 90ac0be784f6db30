/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VS_TESTS_SUPPORT_INTERNAL_H
#define VS_TESTS_SUPPORT_INTERNAL_H

#include <stdbool.h>

void vst_die(const char *what, const char *path) __attribute__((noreturn));
void *vst_keep(void *p, bool directory); /* frees p in vst_cleanup; a directory is removed before */

#endif
