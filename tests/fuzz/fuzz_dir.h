/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory of files whose bytes a fuzz target replaces again and again: for readers that take a path.
 */
#ifndef VS_TESTS_FUZZ_DIR_H
#define VS_TESTS_FUZZ_DIR_H

#include <fcntl.h>
#include <unistd.h>
#include "fuzz.h"
#include "support.h"

/* The directory, made by the first call and removed at exit. */
static inline const char *fuzz_dir(void)
{
    static const char *dir;
    if (!dir) {
        dir = vst_tempdir();
        atexit(vst_cleanup);
    }
    return dir;
}

/* Puts bytes into NAME; *fd is kept between calls and starts as -1. */
static inline void fuzz_file(const char *name, int *fd, const void *p, size_t n)
{
    if (*fd < 0)
        *fd = open(vst_path(fuzz_dir(), name), O_RDWR | O_CREAT, 0600);
    fuzz_assert(*fd >= 0 && pwrite(*fd, p, n, 0) == (ssize_t)n && ftruncate(*fd, (off_t)n) == 0);
}

#endif
