/* SPDX-License-Identifier: Apache-2.0
 *
 * Two heads in step: which logits meet when ids were inserted between those of the base.
 */
#include <criterion/criterion.h>
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
