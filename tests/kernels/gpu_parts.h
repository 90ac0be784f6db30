/* SPDX-License-Identifier: Apache-2.0
 *
 * What gpu-verify does, part by part. Each part runs in a process of its own and opens the device itself; it prints one JSON
 * object a line, whole lines at once, so that what was measured before it failed or was stopped is kept.
 */
#ifndef VS_TESTS_GPU_PARTS_H
#define VS_TESTS_GPU_PARTS_H

#include <stdbool.h>
#include <stdio.h>
#include "vs_kernels.h"

#define PART_SKIPPED 77

extern bool parts_apart; /* no kernel is started before the one before it is done */

/* Returns the part's exit status: 0 good, 1 not, PART_SKIPPED without a device. */
int part_device(FILE *f);
int part_golden(FILE *f);
int part_checks(FILE *f);
int part_rates(FILE *f);
int part_llama(FILE *f);
int part_llama_fast(FILE *f);

enum vs_code parts_open(struct vs_dev **dev, struct vs_err *err); /* the device, as parts_apart says */

/* gpu_text.c */
void put_text(FILE *f, const char *text);        /* as a JSON string */
int put_error(FILE *f, const char *message);     /* as a line; 1 */

#endif
