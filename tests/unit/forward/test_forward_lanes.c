/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights by every way they can come: one memory or two, streamed in tiles or kept; and when memory is short.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "backend.h"
#include "base/mem.h"
#include "fixture.h"
#include "forward/run.h"
#include "support.h"

/* The host's operations under the name of a device with memory of its own: sending is copying then. */
static struct vs_dev *open_device(bool apart)
{
    struct vs_err err;
    struct vs_dev *dev;
    cr_assert_eq(vs_dev_open(VS_DEV_CPU, 2, &dev, &err), VS_OK, "%s", err.message);
    if (apart)
        dev->kind = VS_DEV_CUDA;
    return dev;
}

struct way { bool apart; uint64_t memory; uint32_t generate, *continued; const struct vs_tap *tap; };

/* Logits of the prompts, which are freed; the first one is continued. */
static const float *logits_of(const char *dir, struct vs_prompts *prompts, const struct way *way, uint64_t *positions)
{
    struct vs_err err = {0};
    struct vs_checkpoint *c;
    struct vs_model m;
    struct vs_arena arena = {0};
    struct vs_forward_report r;
    struct vs_forward_verdicts v;
    struct vs_dev *dev = open_device(way->apart);
    const char *out = vst_path(vst_tempdir(), "logits.npy");
    struct vs_npy *dump;
    const uint8_t classes[ROWS] = {0};
    uint64_t rows, cols;
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(c, NULL, NULL, &m, &err), VS_OK, "%s", err.message);
    cr_assert_eq(m.obstacle.kind, VS_RUNNABLE, "%s", m.obstacle.at);
    struct vs_run run = {.memory = way->memory};
    struct vs_forward_request q = {.dump_logits = out, .generate = way->generate};
    struct vs_forward_job j = {.dev = dev, .run = &run, .q = &q, .model = &m, .prompts = prompts, .row_class = classes, .tap = way->tap, .dump = &dump};
    cr_assert_eq(vs_forward_run(&j, &arena, &r, &v, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_npy_commit(dump, &err), VS_OK, "%s", err.message);
    for (uint32_t i = 0; i < way->generate; i++)
        way->continued[i] = r.generated[0].ids[i];
    *positions = r.positions;
    vs_arena_free(&arena);
    vs_prompts_free(prompts);
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vs_dev_close(dev);
    return read_npy(out, &rows, &cols);
}

static const float *logits(const char *dir, bool apart, uint64_t memory, uint32_t generate, uint32_t *continued)
{
    struct vs_err err = {0};
    struct vs_prompts prompts = {0};
    uint64_t positions;
    cr_assert_eq(vs_prompts_parse("4 8 15 16 23 39", &prompts, &err), VS_OK);
    return logits_of(dir, &prompts, &(struct way){apart, memory, generate, continued, NULL}, &positions);
}

Test(lanes, every_way_gives_the_same_bits)
{
    const struct { bool apart; uint64_t memory; uint32_t generate; } ways[] = {
        {false, 0, 0}, {false, 1, 0}, {true, 0, 0}, {true, 1, 0}, {false, 1, 5}, {false, 0, 5}, {true, 0, 5}, {true, 1, 5}};
    const char *dir = make_tiny(&(struct tiny){.kind = GEMMA2});
    uint32_t first[5], continued[5];
    const float *want = logits(dir, false, 1 << 30, 5, first);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        const float *got = logits(dir, ways[i].apart, ways[i].memory, ways[i].generate, continued);
        cr_expect_eq(memcmp(want, got, 6 * ROWS * sizeof *want), 0, "way %zu", i);
        cr_expect(!ways[i].generate || memcmp(first, continued, sizeof first) == 0, "way %zu", i);
    }
    vst_cleanup();
}

/* ---- many prompts, one reading ---- */

struct counted { uint64_t bytes; };

static bool count_bytes(void *user, const struct vs_file *f, uint32_t number, uint64_t at, const void *bytes, uint64_t n)
{
    struct counted *c = user;
    c->bytes += n;
    return true;
}

/* Logits of 30 prompts of 10 tokens, 300 in all; *bytes: what was read of trunk and head. */
static const float *logits_of_many(const char *dir, bool apart, uint64_t memory, uint64_t *bytes)
{
    struct vs_err err = {0};
    struct vs_prompts prompts = {0};
    struct counted counted = {0};
    const struct vs_tap tap = {count_bytes, &counted};
    uint64_t positions;
    for (uint32_t i = 0; i < 300; i++) {
        if (i % 10 == 0)
            cr_assert_eq(vs_prompts_begin(&prompts, VS_PROMPT_USER, &err), VS_OK);
        cr_assert_eq(vs_prompts_add(&prompts, i * 7919 % ROWS, &err), VS_OK);
    }
    const float *out = logits_of(dir, &prompts, &(struct way){apart, memory, 0, NULL, &tap}, &positions);
    cr_expect_eq(positions, 300);
    *bytes = counted.bytes;
    return out;
}

/* The workspace of the smaller memories has room for 64 tokens. 300 hidden states fit into an eighth of 256 KiB, and into that of
 * 64 KiB for 102 tokens: then there are three batches of slices, unless a layer with its experts takes more than half of it. */
Test(lanes, slices_share_one_reading)
{
    const struct { uint64_t memory; unsigned times, with_experts; } ways[] = {{1 << 18, 1, 1}, {1 << 17, 2, 2}, {1 << 16, 3, 5}, {1, 5, 5}};
    for (unsigned kind = 0; kind < ALL_KINDS; kind++) {
        const char *dir = make_tiny(&(struct tiny){.kind = kind});
        uint64_t once, bytes;
        const float *want = logits_of_many(dir, false, 1 << 30, &once);
        for (size_t i = 0; i < 2 * sizeof ways / sizeof *ways; i++) {
            const float *got = logits_of_many(dir, i % 2, ways[i / 2].memory, &bytes);
            unsigned times = kind == QWEN2_MOE ? ways[i / 2].with_experts : ways[i / 2].times;
            cr_expect_eq(memcmp(want, got, 300 * (kind == BERT ? HIDDEN : ROWS) * sizeof *want), 0, "kind %u, memory %llu", kind, (unsigned long long)ways[i / 2].memory);
            cr_expect_eq(bytes, times * once, "kind %u, memory %llu: %llu bytes, once %llu", kind, (unsigned long long)ways[i / 2].memory,
                         (unsigned long long)bytes, (unsigned long long)once);
        }
    }
    vst_cleanup();
}

/* ---- how far it is ---- */

static const struct vs_forward *host;
static struct { const char *what; uint64_t total, done; unsigned told, bars; bool back; } bar;

static enum vs_code wait_long(struct vs_dev *dev, struct vs_err *err)
{
    usleep(101000); /* progress is told ten times a second */
    return host->wait(dev, err);
}

static void tell(void *user, const struct vs_progress *p)
{
    bool same = bar.told && bar.total == p->total && strcmp(bar.what, p->what) == 0;
    bar.bars += !same;
    bar.back = bar.back || (same && p->done < bar.done) || p->done > p->total || (!same && bar.told && bar.done != bar.total);
    bar.what = p->what;
    bar.total = p->total;
    bar.done = p->done;
    bar.told++;
}

/* Three batches of prompts, then a continuation: a bar for each, which goes forward and to its end. */
Test(lanes, one_bar_over_all_passes)
{
    const char *dir = make_tiny(&(struct tiny){0});
    struct vs_dev *dev = open_device(false);
    struct vs_checkpoint *c;
    struct vs_model m;
    struct vs_prompts prompts = {0};
    struct vs_arena arena = {0};
    struct vs_forward_report r;
    struct vs_forward_verdicts v;
    struct vs_err err = {0};
    const uint8_t classes[ROWS] = {0};
    struct vs_forward slow = *(host = dev->forward);
    slow.wait = wait_long;
    dev->forward = &slow;
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(c, NULL, NULL, &m, &err), VS_OK, "%s", err.message);
    for (uint32_t i = 0; i < 180; i++) {
        if (i % 60 == 0)
            cr_assert_eq(vs_prompts_begin(&prompts, i ? VS_PROMPT_SAMPLE : VS_PROMPT_USER, &err), VS_OK);
        cr_assert_eq(vs_prompts_add(&prompts, i % ROWS, &err), VS_OK);
    }
    struct vs_run run = {.memory = 1, .progress = tell};
    struct vs_forward_request q = {.generate = 2};
    struct vs_forward_job j = {.dev = dev, .run = &run, .q = &q, .model = &m, .base = &m, .same_trunk = true, .old_end = ROWS, .prompts = &prompts, .row_class = classes};
    cr_assert_eq(vs_forward_run(&j, &arena, &r, &v, &err), VS_OK, "%s", err.message);
    cr_expect(bar.told > 10 && bar.bars == 2, "told %u times of %u bars", bar.told, bar.bars);
    cr_expect_not(bar.back);
    cr_expect_eq(bar.done, bar.total);
    dev->forward = host;
    vs_arena_free(&arena);
    vs_prompts_free(&prompts);
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vs_dev_close(dev);
    vst_cleanup();
}

/* ---- a pass that ends early ---- */

/* Copies of a device that are not over until somebody waits for them. */
static struct { bool under_way[2]; unsigned sent, freed_early; volatile sig_atomic_t stop; } copies;

static enum vs_code send_late(struct vs_dev *dev, unsigned lane, void *dst, const void *from, uint64_t bytes, struct vs_err *err)
{
    copies.under_way[lane] = true;
    copies.stop = ++copies.sent == 2; /* both are under way: now the pass is cancelled */
    return host->send(dev, lane, dst, from, bytes, err);
}

/* The reader has time to fill the other lane. */
static enum vs_code sent_late(struct vs_dev *dev, unsigned lane, struct vs_err *err)
{
    usleep(20000);
    copies.under_way[lane] = false;
    return VS_OK;
}

static void free_early(struct vs_dev *dev, void *p)
{
    copies.freed_early += p && (copies.under_way[0] || copies.under_way[1]);
    host->host_free(dev, p);
}

Test(lanes, buffers_outlive_the_copies_of_a_cancelled_pass)
{
    const char *dir = make_tiny(&(struct tiny){0});
    struct vs_dev *dev = open_device(true);
    struct vs_checkpoint *c;
    struct vs_model m;
    struct vs_weights *w;
    struct vs_piece piece;
    struct vs_err err = {0};
    struct vs_run run = {.cancel = &copies.stop};
    struct vs_forward late;
    host = dev->forward;
    late = *host;
    late.send = send_late;
    late.sent = sent_late;
    late.host_free = free_early;
    dev->forward = &late;
    cr_assert_eq(vs_checkpoint_open(dir, NULL, &c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(c, NULL, NULL, &m, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_weights_open(dev, c, &m.arch, &m.binding, VS_TRUNK, 1, 0, false, &run, &w, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_weights_begin(w, &err), VS_OK);
    cr_expect_eq(vs_weights_next(w, &piece, &err), VS_ECANCELED);
    cr_expect_eq(copies.sent, 2, "the second lane was sent ahead");
    vs_weights_close(w);
    cr_expect_eq(copies.freed_early, 0);
    dev->forward = host;
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vs_dev_close(dev);
    vst_cleanup();
}

/* ---- somebody wants to stop ---- */

struct wish { volatile sig_atomic_t stop; unsigned reads; };

static bool wish_to_stop(void *user, const struct vs_file *f, uint32_t number, uint64_t at, const void *bytes, uint64_t n)
{
    struct wish *wish = user;
    wish->reads++;
    wish->stop = 1;
    return true;
}

/* A run whose first read is the wish to stop. */
struct asked { struct vs_dev *dev; struct vs_checkpoint *c; struct vs_model m; struct vs_prompts prompts; struct wish wish; struct vs_err err; };

static void ask(struct asked *a, const char *prompts)
{
    *a = (struct asked){.dev = open_device(false)};
    cr_assert_eq(vs_checkpoint_open(make_tiny(&(struct tiny){0}), NULL, &a->c, &a->err), VS_OK, "%s", a->err.message);
    cr_assert_eq(vs_model_open(a->c, NULL, NULL, &a->m, &a->err), VS_OK, "%s", a->err.message);
    cr_assert_eq(vs_prompts_parse(prompts, &a->prompts, &a->err), VS_OK);
}

static enum vs_code run_asked(struct asked *a, uint64_t memory, uint32_t generate, struct vs_forward_verdicts *v)
{
    static const uint8_t classes[ROWS];
    struct vs_arena arena = {0};
    struct vs_forward_report r;
    const struct vs_tap tap = {wish_to_stop, &a->wish};
    const struct vs_run run = {.memory = memory, .cancel = &a->wish.stop};
    const struct vs_forward_request q = {.generate = generate};
    const struct vs_forward_job j = {.dev = a->dev, .run = &run, .q = &q, .model = &a->m, .prompts = &a->prompts, .row_class = classes, .tap = &tap};
    const enum vs_code code = vs_forward_run(&j, &arena, &r, v, &a->err);
    vs_arena_free(&arena);
    return code;
}

static void forget(struct asked *a)
{
    vs_prompts_free(&a->prompts);
    vs_model_close(&a->m);
    vs_checkpoint_close(a->c);
    vs_dev_close(a->dev);
    vst_cleanup();
}

/* All weights are one batch here, and the pass waits for it: it is the reader who has to see that nobody wants it any more. */
Test(lanes, the_reader_stops_when_it_is_asked_to)
{
    struct asked a;
    struct vs_forward_verdicts v;
    ask(&a, "1 2 3");
    cr_expect_eq(run_asked(&a, 1 << 30, 2, &v), VS_ECANCELED);
    cr_expect_str_eq(a.err.message, "interrupted");
    cr_expect(a.wish.reads == 1 && !v.stopped, "%u reads", a.wish.reads);
    forget(&a);
}

static struct vs_check_result *continued_by(const char *dir, const char *prompts, uint32_t generate)
{
    const char *file = vst_path(vst_tempdir(), "prompts");
    vst_write_text(file, prompts);
    struct vs_check_result *r = run_check(dir, NULL, NULL, &(struct vs_forward_request){.prompt_ids = ONE_LIST(file), .generate = generate}, 0);
    cr_assert(r->forward && r->forward->generated_count);
    return r;
}

/* The tables of longrope differ by length: a long prompt beside a short one changes nothing for it. */
Test(lanes, continuations_do_not_depend_on_neighbours)
{
    const char *const prompts[] = {"1 2 3 4 5 6 7 8 9 10 11 12\n", "3 1 4 1\n", "20 21 22 23 24 25 26 27 28 29\n", "31 7\n"};
    const char *dir = make_tiny(&(struct tiny){.from = "\"rope_theta\": 10000.0", .to = "\"rope_theta\": 10000.0, \"original_max_position_embeddings\": 12, "
        "\"rope_scaling\": {\"rope_type\": \"longrope\", \"factor\": 4.0, \"short_factor\": [1, 1, 1], \"long_factor\": [40, 50, 60]}"});
    struct vs_check_result *all = continued_by(dir, vst_format("%s%s%s%s", prompts[0], prompts[1], prompts[2], prompts[3]), 8);
    cr_assert_eq(all->forward->generated_count, 4);
    for (int i = 0; i < 4; i++) {
        struct vs_check_result *alone = continued_by(dir, prompts[i], 8);
        const struct vs_generated *a = &all->forward->generated[i], *b = &alone->forward->generated[0];
        cr_expect(a->prompt_count == b->prompt_count && memcmp(a->prompt, b->prompt, a->prompt_count * sizeof *a->prompt) == 0, "prompt %d", i);
        cr_expect(a->count == b->count && memcmp(a->ids, b->ids, a->count * sizeof *a->ids) == 0, "prompt %d", i);
        vs_check_free(alone);
    }
    vs_check_free(all);
    vst_cleanup();
}

Test(lanes, a_continuation_beyond_the_memory)
{
    const char *dir = make_tiny(&(struct tiny){.from = "embeddings\": 64", .to = "embeddings\": 200000"});
    struct vs_forward_request q = {.prompt_ids = ONE_LIST("1 2 3"), .generate = 100000};
    struct vs_check_request request = {.path = dir, .device = VS_DEVICE_CPU, .forward = &q};
    struct vs_check_result *r = NULL;
    struct vs_err err = {0};
    cr_expect_eq(vs_check(&request, &(struct vs_run){.memory = 1 << 20, .threads = 1}, &r, &err), VS_ELIMIT);
    cr_expect(strstr(err.message, "--generate 100000"), "%s", err.message);
    vst_cleanup();
}

/* What the model, the prompts and their continuation need is known before a weight is read. The longest prompt is the second one. */
Test(lanes, a_continuation_beyond_the_memory_is_refused_before_anything_is_run)
{
    const uint64_t memory = 1; /* a pass that begins ends soon */
    const uint64_t slots = (16u << 20) / (2 * sizeof(float) * LAYERS * KV_HEADS * HEAD_DIM);
    struct asked a;
    struct vs_forward_verdicts v;
    ask(&a, "1 2\n1 2 3\n");
    cr_expect_eq(run_asked(&a, memory, (uint32_t)slots - 2, &v), VS_ELIMIT);
    cr_expect(strstr(a.err.message, "a prompt of 3 tokens"), "%s", a.err.message);
    cr_expect_eq(a.wish.reads, 0);
    a.prompts.list[1].skip = true; /* one that is not run takes no room */
    cr_expect_eq(run_asked(&a, memory, (uint32_t)slots - 2, &v), VS_ECANCELED);
    cr_expect_neq(a.wish.reads, 0);
    forget(&a);
}

/* Whatever allocation fails, the run ends with the message for it and leaves nothing: no logits of prompts without their continuation. */
static enum vs_code fail_at(const char *dir, const char *folder, unsigned long n)
{
    struct vs_forward_request q = {.prompt_ids = ONE_LIST("1 2 3"), .generate = 2, .dump_logits = vst_path(folder, "logits.npy")};
    struct vs_check_request request = {.path = dir, .device = VS_DEVICE_CPU, .forward = &q};
    struct vs_err err = {0};
    struct vs_check_result *r = NULL;
    vs_mem_fail_at(n, true);
    enum vs_code code = vs_check(&request, &(struct vs_run){.threads = 1}, &r, &err);
    if (!code)
        code = vs_check_commit(r, &err);
    vs_mem_fail_at(0, false);
    cr_expect(code == VS_ENOMEM || code == VS_OK, "allocation %lu: %d, %s", n, (int)code, err.message);
    cr_expect(code != VS_ENOMEM || err.message[0], "allocation %lu", n);
    cr_expect_eq(rmdir(folder) == 0, code != VS_OK, "allocation %lu: the folder of the logits", n);
    unlink(q.dump_logits);
    mkdir(folder, 0700);
    vs_check_free(r);
    return code;
}

Test(lanes, short_of_memory)
{
    const char *dir = make_tiny(&(struct tiny){.kind = QWEN2}), *folder = vst_tempdir();
    unsigned long n = 1, last = 1;
    for (; fail_at(dir, folder, n) == VS_ENOMEM; n += 1 + n / 12)
        last = n;
    cr_expect_gt(n, 500ul); /* a run makes many */
    while (fail_at(dir, folder, ++last) == VS_ENOMEM) /* those of the continuation among them */
        ;
    for (n = last - 1; n + 60 > last; n--)
        cr_expect_eq(fail_at(dir, folder, n), VS_ENOMEM);
    vst_cleanup();
}

/* ---- inside a pass ---- */

static enum vs_code ignore(void *user, const float *logits, uint64_t stride, uint64_t first, uint64_t rows, struct vs_err *err)
{
    return VS_OK;
}

static void pass_without_allocation(enum kind kind)
{
    const uint32_t ids[] = {4, 8, 15, 16, 23};
    const struct vs_sequence sequence = {0, 5, 0};
    const struct vs_batch batch = {.ids = ids, .count = 5, .sequences = &sequence, .sequence_count = 1, .length = 5};
    struct vs_run run = {.memory = 1 << 20};
    struct vs_err err = {0};
    struct vs_checkpoint *c;
    struct vs_model m;
    struct vs_pass *pass;
    struct vs_weights *trunk, *head;
    float *room;
    struct vs_dev *dev = open_device(false);
    cr_assert_eq(vs_checkpoint_open(make_tiny(&(struct tiny){.kind = kind}), NULL, &c, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_model_open(c, NULL, NULL, &m, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_pass_open(dev, &m, 5, 5, &pass, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_weights_open(dev, c, &m.arch, &m.binding, VS_TRUNK, 1 << 20, 0, false, &run, &trunk, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_weights_open(dev, c, &m.arch, &m.binding, VS_HEAD, 1 << 20, 0, false, &run, &head, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_dev_alloc(dev, 5 * vs_weights_tile_rows(head) * sizeof(float), (void **)&room, &err), VS_OK);
    vs_mem_fail_at(1, true);
    enum vs_code code = vs_pass_run(pass, trunk, &batch, NULL, &err);
    if (!code)
        code = vs_head_run(dev, &m.arch, head, vs_pass_hidden(pass), 5, room, ignore, NULL, &err);
    vs_mem_fail_at(0, false);
    cr_expect_eq(code, VS_OK, "kind %d: %s", (int)kind, err.message);
    vs_dev_free(dev, room);
    vs_weights_close(head);
    vs_weights_close(trunk);
    vs_pass_close(pass);
    vs_model_close(&m);
    vs_checkpoint_close(c);
    vs_dev_close(dev);
    vst_cleanup();
}

/* The first pass too: what it needs was made when it was opened. */
Test(lanes, nothing_is_allocated)
{
    for (int kind = 0; kind < KINDS; kind++)
        pass_without_allocation((enum kind)kind);
}
