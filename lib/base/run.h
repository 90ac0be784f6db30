/* SPDX-License-Identifier: Apache-2.0
 *
 * What long loops do between two pieces of work: look whether they were asked to stop, and tell how far they are.
 */
#ifndef VS_BASE_RUN_H
#define VS_BASE_RUN_H

#include <vs/vs.h>

double vs_now(void); /* seconds, of a clock that only moves forward */

struct vs_task { const struct vs_run *run; struct vs_progress progress; double begun, told_at; };

void vs_task_begin(struct vs_task *t, const struct vs_run *run, const char *what, uint64_t total); /* run may be NULL */
/* Adds bytes to what is done; tells the caller of the library at most ten times a second. VS_ECANCELED when asked to stop. */
enum vs_code vs_task_step(struct vs_task *t, uint64_t bytes, struct vs_err *err) VS_NODISCARD;

#endif
