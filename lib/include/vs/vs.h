/* SPDX-License-Identifier: Apache-2.0
 *
 * libvocabsurgeon: everything that long-running calls have in common.
 */
#ifndef VS_VS_H
#define VS_VS_H

#include <signal.h>
#include <stdbool.h>
#include <vs/err.h>

VS_C_BEGIN

#define VS_MEMORY_DEFAULT (64ull << 20)

const char *vs_version(void); /* "0.1.0" */

/* Called at most about ten times a second from the calling thread. total is 0 when unknown. Units: bytes, and
 * seconds since the work began. */
struct vs_progress {
    const char *what;  /* what is being done, in words; of the library, valid during the call only */
    uint64_t done, total;
    double seconds;
    const char *note;  /* what the work is made of, and how there would be less, in words; NULL where nobody says; as valid as what */
};

/* How to run: read by every call that may take long. Zero-initialised means: default memory, one thread per CPU (at
 * most 64), seed 0, nobody to tell, compiled-in schemas. Must outlive the call only. Never NULL: {0} will do. */
struct vs_run {
    uint64_t memory;                    /* bytes of workspace for weight streaming; 0 = VS_MEMORY_DEFAULT */
    unsigned threads;                   /* 0 = all CPUs. Results never depend on it. */
    uint64_t seed;
    const char *data_dir;               /* overrides the compiled-in schemas/ where a file of the same name exists; or NULL */
    const volatile sig_atomic_t *cancel;/* set non-zero by a signal handler: the call ends with VS_ECANCELED; or NULL */
    void (*progress)(void *user, const struct vs_progress *p);
    void *user;
};

VS_C_END

#endif
