/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights read ahead for the emulated device, while products that take them are queued and nobody waits for those.
 */
#include <criterion/criterion.h>
#include <string.h>
#include "../unit/forward/fixture.h"
#include "cuda_runtime.h"
#include "forward/run.h"
#include "forward/weights.h"
#include "support.h"
#include "vs/checkpoint.h"

#define WORDS 1500u /* of the head: tiles for more than six lanes of 16 KiB */

static void take_pieces(struct vs_dev *dev, struct vs_weights *w, const float *x, float *y)
{
    struct vs_err err;
    struct vs_piece piece;
    cr_assert_eq(vs_weights_begin(w, &err), VS_OK, "%s", err.message);
    do {
        cr_assert_eq(vs_weights_next(w, &piece, &err), VS_OK, "%s", err.message);
        if (piece.of)
            cr_assert_eq(vs_f_linear(dev, &piece.mat, x, HIDDEN, 1, NULL, y + piece.first, WORDS, &err), VS_OK, "%s", err.message);
    } while (piece.of);
    cr_assert_eq(vs_weights_end(w, &err), VS_OK, "%s", err.message);
}

/* Logits of one hidden state, made tile by tile. */
static void logits_on(enum vs_dev_kind kind, const char *dir, bool keep, float *out)
{
    struct vs_err err;
    struct vs_dev *dev;
    struct vs_checkpoint *c;
    struct vs_model m;
    struct vs_weights *w;
    const struct vs_run run = {0};
    float hidden[HIDDEN];
    void *x, *y;
    for (unsigned i = 0; i < HIDDEN; i++)
        hidden[i] = value_of("hidden", i, false);
    cr_assert_eq(vs_dev_open(kind, 1, &dev, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(c, NULL, NULL, &m, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_weights_open(dev, c, &m.arch, &m.binding, VS_HEAD, keep ? 1 << 20 : 1, 100, keep, &run, &w, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_dev_alloc(dev, sizeof hidden, &x, &err), VS_OK);
    cr_assert_eq(vs_dev_alloc(dev, WORDS * sizeof *out, &y, &err), VS_OK);
    cr_assert_eq(vs_dev_put(dev, x, hidden, sizeof hidden, &err), VS_OK);
    for (int pass = 0; pass < 3; pass++)
        take_pieces(dev, w, x, y);
    cr_assert_eq(vs_dev_get(dev, out, y, WORDS * sizeof *out, &err), VS_OK, "%s", err.message);
    vs_weights_close(w);
    vs_dev_free(dev, x);
    vs_dev_free(dev, y);
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vs_dev_close(dev);
}

Test(read_ahead, the_same_at_every_pace)
{
    static const enum emu_pace paces[] = {EMU_EARLY, EMU_LATE, EMU_MIXED};
    static float want[WORDS], got[WORDS];
    const char *dir = make_tiny(&(struct tiny){.kind = LLAMA, .rows = WORDS});
    logits_on(VS_DEV_CPU, dir, false, want);
    for (int i = 0; i < 6; i++) {
        emu_pace = paces[i / 2];
        logits_on(VS_DEV_CUDA, dir, i % 2, got);
        cr_expect_eq(memcmp(want, got, sizeof want), 0, "pace %d, %s", (int)emu_pace, i % 2 ? "kept" : "read for each pass");
    }
    vst_cleanup();
}
