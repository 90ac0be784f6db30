/* SPDX-License-Identifier: Apache-2.0
 *
 * Logits against the float64 reference; the same bits whatever the memory, the tiles and the neighbours in the batch are; and
 * a continuation with kept keys and values is the one without.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "fixture.h"
#include "support.h"

static const uint32_t ids[] = {1, 5, 39, 0, 33, 7, 2, 2, 2, 18, 30};
#define COUNT (sizeof ids / sizeof *ids)
#define TEXT "1 5 39 0 33 7 2 2 2 18 30"

static const float *dump(const char *dir, const char *prompts, uint64_t memory, uint64_t *rows, uint64_t *cols)
{
    const char *out = vst_path(vst_tempdir(), "logits.npy");
    struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST(prompts), .dump_logits = out}, memory);
    vs_check_free(r);
    return read_npy(out, rows, cols);
}

Test(forward, reference)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        const char *dir = make_tiny(&(struct tiny){.kind = kind});
        uint64_t rows, cols;
        const float *ours = dump(dir, TEXT, 0, &rows, &cols);
        double theirs[COUNT * ROWS], wrong = 0, all = 0, worst = 0, top = 0;
        cr_assert(rows == COUNT && cols == ROWS);
        reference_logits(kind, ids, COUNT, theirs);
        for (unsigned i = 0; i < COUNT * ROWS; i++) {
            double d = (double)ours[i] - theirs[i];
            wrong += d * d;
            all += theirs[i] * theirs[i];
            worst = fmax(worst, fabs(d));
            top = fmax(top, fabs(theirs[i]));
        }
        cr_expect_leq(wrong / all, 1e-10, "kind %d: NMSE %g", (int)kind, wrong / all);
        cr_expect_leq(worst, 1e-5 * top, "kind %d: %g of %g", (int)kind, worst, top);
    }
    vst_cleanup();
}

Test(forward, same_bits)
{
    const char *dir = make_tiny(&(struct tiny){.kind = GEMMA2}), *file = vst_path(vst_tempdir(), "prompts");
    uint64_t rows, cols;
    const float *whole = dump(dir, TEXT, 0, &rows, &cols), *tiles = dump(dir, TEXT, 1, &rows, &cols);
    cr_expect_eq(memcmp(whole, tiles, COUNT * ROWS * sizeof *whole), 0, "in small tiles");
    vst_write_text(file, "3 4\n\n" TEXT "\r\n7,7,7\n");
    const float *among = dump(dir, file, 1 << 20, &rows, &cols);
    cr_assert_eq(rows, COUNT + 5);
    cr_expect_eq(memcmp(whole, among + 2 * ROWS, COUNT * ROWS * sizeof *whole), 0, "among others");
    vst_cleanup();
}

/* Greedy by whole prompts: the highest of the last row, appended, again. */
static void continue_without_cache(const char *dir, const char *prompt, unsigned n, uint32_t *out)
{
    const char *text = prompt;
    for (unsigned step = 0; step < n; step++) {
        uint64_t rows, cols, best = 0;
        const float *x = dump(dir, text, 0, &rows, &cols) + 0;
        x += (rows - 1) * cols;
        for (uint64_t i = 1; i < cols; i++)
            best = x[i] > x[best] ? i : best;
        out[step] = (uint32_t)best;
        text = vst_format("%s %u", text, out[step]);
    }
}

Test(forward, continuation)
{
    const uint64_t memories[] = {0, 1};
    for (enum kind kind = 0; kind < KINDS; kind++) {
        const char *dir = make_tiny(&(struct tiny){.kind = kind}), *file = vst_path(vst_tempdir(), "prompts");
        uint32_t want[2][6];
        continue_without_cache(dir, "1 5 39", 6, want[0]);
        continue_without_cache(dir, "17", 6, want[1]);
        vst_write_text(file, "1 5 39\n17\n");
        for (int i = 0; i < 2; i++) {
            struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST(file), .generate = 6, .debug = true}, memories[i]);
            cr_assert(r->forward && r->forward->generated_count == 2);
            for (int p = 0; p < 2; p++) {
                const struct vs_generated *g = &r->forward->generated[p];
                cr_assert_eq(g->count, 6);
                cr_expect_eq(memcmp(g->ids, want[p], sizeof want[p]), 0, "kind %d, prompt %d", (int)kind, p);
                cr_expect(g->text.n > 0);
            }
            cr_expect_eq(r->forward->generated[0].prompt_count, 3);
            cr_expect_eq(r->forward->generated[0].prompt[2], 39);
            cr_expect(r->forward->row_sum_error >= 0 && r->forward->row_sum_error < 1e-6);
            vs_check_free(r);
        }
    }
    vst_cleanup();
}
