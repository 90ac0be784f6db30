/* SPDX-License-Identifier: Apache-2.0
 *
 * One fuzz target: bytes in, nothing may go wrong. What must hold is said with fuzz_assert, which also holds without
 * assertions compiled in.
 */
#ifndef VS_TESTS_FUZZ_H
#define VS_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct fuzz_seed { const void *p; size_t n; };
#define FUZZ_SEED(text) {text, sizeof(text) - 1}
extern const struct fuzz_seed fuzz_seeds[];
extern const size_t fuzz_seed_count;
extern size_t fuzz_accepted; /* inputs that the target took as valid: none at all means that nothing was tested */

#define fuzz_assert(what)                                                                                              \
    do {                                                                                                               \
        if (!(what)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #what);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

#endif
