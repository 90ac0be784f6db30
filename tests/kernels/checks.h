/* SPDX-License-Identifier: Apache-2.0
 *
 * One check per kernel, against the reference, on whatever device it is given. Outputs are poisoned with 0x88 before,
 * every buffer has guard zones around it, sizes are odd, data hold NaN, infinities, subnormals and signed zeros.
 */
#ifndef VS_TESTS_CHECKS_H
#define VS_TESTS_CHECKS_H

#include <stdbool.h>
#include "backend.h"

struct run {
    struct vs_dev *dev, *ref;
    bool large;           /* shapes for a real device too */
    uint64_t random;      /* state of the generator */
    unsigned cases, failed;
    char why[400];        /* the first failure */
    struct buffer *buffers;
};

struct check { const char *name; void (*run)(struct run *r); };
extern const struct check checks[];
extern const unsigned check_count;

struct vs_dev *reference_open(void);

/* ---- checks_quant.c ---- */
void check_quant_golden(struct run *r);
void check_dequant(struct run *r);
void check_dequant_mxfp4(struct run *r);
void check_quant_refused(struct run *r);

/* ---- checks_forward.c, checks_attention.c, checks_looks.c ---- */
void check_elementary(struct run *r);
void check_linear(struct run *r);
void check_together(struct run *r);
void check_fast(struct run *r);
void check_norm(struct run *r);
void check_rope(struct run *r);
void check_attend(struct run *r);
void check_attend_fast(struct run *r);
void check_act(struct run *r);
void check_add_scale(struct run *r);
void check_move_rows(struct run *r);
void check_route(struct run *r);
void check_look(struct run *r);
void check_logit_tile(struct run *r);
void check_choose(struct run *r);
void check_compare(struct run *r);
void check_memory(struct run *r);
void check_forward_refused(struct run *r);
void check_forward_golden(struct run *r);
extern const struct vs_forward reference_forward;

/* Calls both devices; the codes must agree. */
#define BOTH(r, call_ref, call_new)                                                     \
    do {                                                                                \
        struct vs_err err_ = {VS_OK, ""};                                               \
        const enum vs_code a_ = (call_ref), b_ = (call_new);                            \
        expect(r, err_.message[0] ? err_.message : "the codes differ", a_ == b_ && !a_); \
    } while (0)

/* ---- buffers.c ---- */
void *take(struct run *r, uint64_t bytes);                   /* poisoned, guarded, kept until release; at an odd address or even */
void *take_odd(struct run *r, uint64_t bytes);               /* not aligned: as rows of a file may lie */
void *to_device(struct run *r, const void *host, uint64_t bytes);        /* a copy, or with host NULL poisoned memory; kept until release */
void *rows_to_device(struct run *r, const void *host, uint64_t bytes);   /* not aligned where the device is the CPU */
void *from_device(struct run *r, const void *device, uint64_t bytes);    /* kept until release */
void same(struct run *r, const char *what, const void *a, const void *b, uint64_t bytes); /* counts a failure */
void expect(struct run *r, const char *what, bool ok);
void describe(struct run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* of the case in progress */
void release(struct run *r);                                 /* ends a case: guards are looked at, buffers freed */

uint64_t next_random(struct run *r);
uint64_t below(struct run *r, uint64_t n);
enum fill { FILL_VALUES, FILL_BITS, FILL_EDGES };            /* about normal; any bits at all; specials only */
void fill(struct run *r, void *p, enum vs_dtype dtype, uint64_t n, enum fill how);

#endif
