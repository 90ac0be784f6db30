/* SPDX-License-Identifier: Apache-2.0
 *
 * L3 and L4: what forward.c (which prompts, which models) and forward_findings.c (what is said) share.
 */
#ifndef VS_CHECK_FORWARD_H
#define VS_CHECK_FORWARD_H

#include "check/checker.h"
#include "forward/run.h"

/* Why a model cannot be run: a finding where something is wrong with it; the reason for the levels in any case. */
const char *vs_obstacle_finding(struct checker *k, const struct vs_obstacle *o);
/* What a run showed. *good: no error among it, and no row without a token won, so that the levels that it stands for pass. */
void vs_forward_findings(struct checker *k, const struct vs_model *m, const struct vs_forward_verdicts *v, bool two_runs, bool *good);

#endif
