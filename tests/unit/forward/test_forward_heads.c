/* SPDX-License-Identifier: Apache-2.0
 *
 * Two heads in step: which logits meet when ids were inserted between those of the base. And what their statistics are made of.
 */
#include <criterion/criterion.h>
#include <math.h>
#include "fixture.h"
#include "forward/run.h"
#include "support.h"

#define HEAD "lm_head.weight"
#define AT 20u
#define BY 8u

struct opened { struct vs_checkpoint *c; struct vs_model m; };

/* A model whose head is one value in its first elements. */
static struct opened open_model(unsigned rows, unsigned same_rows)
{
    struct opened o;
    struct vs_err err = {0};
    const char *dir = make_tiny(&(struct tiny){.rows = rows, .words = rows, .poke = HEAD, .poke_value = 0.5f, .poke_count = same_rows * HIDDEN});
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &o.c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(o.c, NULL, NULL, &o.m, &err), VS_OK, "%s", err.message);
    cr_assert_eq(o.m.obstacle.kind, VS_RUNNABLE, "%s", o.m.obstacle.at);
    return o;
}

static void close_model(struct opened *o)
{
    vs_model_close(&o->m);
    vs_checkpoint_close(o->c);
}

/* The head differs from the id on: what is found over a prompt of three old ids. */
static struct vs_forward_verdicts run(unsigned from)
{
    struct opened base = open_model(ROWS, ROWS), now = open_model(ROWS + BY, from);
    struct vs_prompts prompts = {0};
    struct vs_arena arena = {0};
    struct vs_forward_report r;
    struct vs_forward_verdicts v;
    struct vs_err err = {0};
    struct vs_dev *dev;
    struct vs_run how = {0};
    const struct vs_forward_request q = {0};
    uint8_t classes[ROWS + BY] = {0};
    uint64_t fresh[1] = {((1ull << BY) - 1) << AT};
    for (unsigned i = 0; i < BY; i++)
        classes[AT + i] = VS_F_NEW;
    cr_assert_eq(vs_dev_open(VS_DEV_CPU, 2, &dev, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_prompts_parse("1 2 3", &prompts, &err), VS_OK);
    struct vs_forward_job j = {.dev = dev, .run = &how, .q = &q, .model = &now.m, .base = &base.m, .same_trunk = true, .prompts = &prompts,
                               .row_class = classes, .old_end = ROWS, .shift_at = AT, .shift_by = BY, .fresh = fresh};
    cr_assert_eq(vs_forward_run(&j, &arena, &r, &v, &err), VS_OK, "%s", err.message);
    vs_arena_free(&arena);
    vs_prompts_free(&prompts);
    vs_dev_close(dev);
    close_model(&base);
    close_model(&now);
    return v;
}

Test(heads, every_id_behind_an_insertion_is_compared)
{
    const unsigned from[] = {AT + BY, AT + BY + 1, ROWS + BY - 1};
    for (int i = 0; i < 3; i++) {
        struct vs_forward_verdicts v = run(from[i]);
        cr_expect_eq(v.first_different_id, from[i], "%llu, not %u", (unsigned long long)v.first_different_id, from[i]);
        cr_expect_eq(v.logits_different, 3ull * (ROWS + BY - from[i]), "%llu from %u on", (unsigned long long)v.logits_different, from[i]);
    }
    cr_expect_eq(run(ROWS + BY).logits_different, 0);
    vst_cleanup();
}

/* ---- how far new rows take over ---- */

#define GROWN (ROWS + 8) /* rows: four new ones, four without a token */
#define FRESH_END (ROWS + 4)

static bool is_fresh(unsigned row)
{
    return row >= ROWS && row < FRESH_END;
}

/* In float64: ln of the sum of exp over all rows, less that over all but the new ones. */
static double divergence(const float *logits)
{
    double top = -INFINITY, top_before = -INFINITY, all = 0, before = 0;
    for (unsigned i = 0; i < GROWN; i++) {
        top = fmax(top, logits[i]);
        top_before = is_fresh(i) ? top_before : fmax(top_before, logits[i]);
    }
    for (unsigned i = 0; i < GROWN; i++) {
        all += exp(logits[i] - top);
        before += is_fresh(i) ? 0 : exp(logits[i] - top_before);
    }
    return top + log(all) - top_before - log(before);
}

static void expect_divergence(float value)
{
    struct vs_checkpoint *c;
    struct vs_model m;
    struct vs_prompts prompts = {0};
    struct vs_arena arena = {0};
    struct vs_forward_report r;
    struct vs_forward_verdicts v;
    struct vs_err err = {0};
    struct vs_dev *dev;
    struct vs_npy *dump;
    struct vs_run how = {0};
    const char *dir = make_tiny(&(struct tiny){.rows = GROWN, .words = FRESH_END, .poke = HEAD, .poke_at = ROWS * HIDDEN, .poke_value = value, .poke_count = 4 * HIDDEN});
    const struct vs_forward_request q = {.dump_logits = vst_path(vst_tempdir(), "logits.npy")};
    uint8_t classes[GROWN] = {0};
    for (unsigned i = ROWS; i < GROWN; i++)
        classes[i] = is_fresh(i) ? VS_F_NEW : VS_F_SURPLUS;
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(c, NULL, NULL, &m, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_dev_open(VS_DEV_CPU, 2, &dev, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_prompts_parse("0 7 13 20 26 33 39", &prompts, &err), VS_OK);
    struct vs_forward_job j = {.dev = dev, .run = &how, .q = &q, .model = &m, .prompts = &prompts, .row_class = classes, .dump = &dump};
    cr_assert_eq(vs_forward_run(&j, &arena, &r, &v, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_npy_commit(dump, &err), VS_OK, "%s", err.message);
    uint64_t rows, cols;
    const float *logits = read_npy(q.dump_logits, &rows, &cols);
    double most = 0;
    for (uint64_t t = 0; t < rows; t++)
        most = fmax(most, divergence(logits + t * cols));
    cr_assert(rows == 7 && cols == GROWN);
    cr_expect(fabs(r.kl_max - most) <= 1e-6 * most, "%g: KL %.9g, in float64 %.9g", (double)value, r.kl_max, most);
    cr_expect(value < 100 || (r.mass_new_max == 1 && r.kl_max > 40), "%g: %.17g of the mass, KL %g", (double)value, r.mass_new_max, r.kl_max);
    vs_arena_free(&arena);
    vs_prompts_free(&prompts);
    vs_dev_close(dev);
    vs_model_close(&m);
    vs_checkpoint_close(c);
}

/* Also where the share of the new ones is 1 to the last bit. */
Test(heads, divergence_from_the_old)
{
    const float values[] = {0.0f, 0.5f, 9, 200, -200};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        expect_divergence(values[i]);
    vst_cleanup();
}
