/* SPDX-License-Identifier: Apache-2.0
 *
 * The check as a whole: open everything, measure, apply the rules, say which levels hold.
 */
#include <stdlib.h>
#include <string.h>
#include "base/tree.h"
#include "check/checker.h"
#include "json/schema.h"
#include "plan/vocab_map.h"

/* ---- the device ---- */

static enum vs_code open_device(struct checker *k)
{
    struct vs_err none;
    enum vs_code code = VS_EDEVICE;
    if (k->q->device != VS_DEVICE_CPU)
        code = vs_dev_open(VS_DEV_CUDA, k->run->threads, &k->dev, &none);
    if (code && k->q->device == VS_DEVICE_CUDA) {
        *k->err = none;
        return code;
    }
    if (code && k->q->forward && k->q->forward->fast)
        return vs_fail(k->err, VS_EDEVICE, "--fast needs a CUDA device: %s", none.message);
    if (code && k->q->device == VS_DEVICE_AUTO)
        k->r->device_note = vs_arena_dup(&k->impl->arena, none.message, strlen(none.message));
    if (code)
        code = vs_dev_open(VS_DEV_CPU, k->run->threads, &k->dev, k->err);
    if (code)
        return code;
    k->r->device_kind = vs_dev_kind_of(k->dev) == VS_DEV_CUDA ? "cuda" : "cpu";
    k->r->device_name = vs_arena_dup(&k->impl->arena, vs_dev_name(k->dev), strlen(vs_dev_name(k->dev)));
    return k->r->device_name ? VS_OK : vs_enomem(k->err, "a name", 64);
}

/* ---- inputs ---- */

static enum vs_code read_data(struct checker *k)
{
    const char *dir = k->q->data_dir;
    enum vs_code code = vs_data_read(dir, "rules.json", &k->impl->rules, k->err);
    if (!code)
        code = vs_schema_check(dir, "rules", &k->impl->rules, k->err);
    if (!code)
        code = vs_data_read(dir, "known-good.json", &k->impl->known_good, k->err);
    return code ? code : vs_schema_check(dir, "known-good", &k->impl->known_good, k->err);
}

static enum vs_code open_inputs(struct checker *k)
{
    struct vs_facts_options options = {.data_dir = k->q->data_dir, .repeats = true};
    enum vs_code code = vs_facts_open(k->q->path, &options, k->run, &k->r->facts, k->err);
    if (!code && k->q->base)
        code = vs_facts_open(k->q->base, &options, k->run, &k->impl->base, k->err);
    if (code)
        return code;
    k->c = k->r->facts->checkpoint;
    k->t = k->r->facts->tokenizer;
    k->input = k->c ? vs_checkpoint_table(k->c, VS_ROLE_INPUT) : NULL;
    k->head = k->c ? vs_checkpoint_table(k->c, VS_ROLE_HEAD) : NULL;
    k->impl->another_model = k->impl->base && vs_is_another_model(k); /* of such a base no id is old */
    code = vs_read_map(k);
    if (!code)
        code = vs_read_receipt(k);
    return code ? code : vs_find_old_ids(k);
}

/* ---- levels ---- */

static void set_level(struct checker *k, int level, bool good, const char *why)
{
    k->r->levels[level] = (struct vs_level){good ? VS_PASS : VS_FAIL, why};
}

static bool is_one_of(const struct vs_finding *f, const char *const *rules)
{
    for (; *rules; rules++)
        if (strcmp(f->rule, *rules) == 0)
            return true;
    return false;
}

/* L0 is about structure: every error but those of the rows (the 4xx, without the tie and what keeps a model from being built) and of
 * the comparison with another model. */
static bool is_structure(const struct vs_finding *f)
{
    static const char *const among_rows[] = {"VOC409", "VOC420", "VOC421", "VOC422", "VOC423", "VOC424", NULL};
    static const char *const of_comparison[] = {"VOC122", "VOC126", "VOC127", "VOC128", NULL};
    return is_one_of(f, among_rows) || (f->rule[3] != '4' && !is_one_of(f, of_comparison));
}

/* L2 is about what is in the rows, and what the head makes of them. */
static bool is_of_rows(const struct vs_finding *f)
{
    static const char *const rules[] = {"VOC401", "VOC402", "VOC403", "VOC404", "VOC407", "VOC408", "VOC411", "VOC417", "VOC418", NULL};
    return is_one_of(f, rules);
}

static bool has_error(const struct checker *k, bool (*of_level)(const struct vs_finding *f))
{
    for (uint32_t i = 0; i < k->r->finding_count; i++)
        if (k->r->findings[i].severity == VS_ERROR && of_level(&k->r->findings[i]))
            return true;
    return false;
}

static void level_0(struct checker *k)
{
    const char *missing = !k->c || !k->c->file_count ? "no weights" : !k->input ? "no input table is known by name" :
                          !k->t ? "no tokenizer" : !k->c->has_config ? "no config.json" : NULL;
    const bool good = !has_error(k, is_structure);
    if (missing && good)
        k->r->levels[0].why = missing;
    else
        set_level(k, 0, good, NULL);
}

/* What L1 needs to see of the weights, before anybody reads them. */
static enum vs_code expect(struct checker *k)
{
    bool base = vs_can_prove(k), receipt = k->q->receipt && k->c, possible = true;
    k->same_config = true;
    if (!base && !receipt)
        return VS_OK;
    enum vs_code code = vs_watch_new(base ? k->impl->base->checkpoint : NULL, &k->watch, k->err);
    if (!code && base)
        code = vs_expect_bytes(k, &possible);
    if (!code && receipt)
        code = vs_expect_hashes(k);
    if (!code && base)
        code = vs_prove_config(k, &k->same_config);
    if (!code)
        vs_watch_begin(k->watch);
    k->l1 = base && possible && k->same_config ? L1_HOPED : L1_FIRST;
    return code;
}

enum vs_code vs_level_1(struct checker *k)
{
    const struct vs_checkpoint *base = k->impl->base ? k->impl->base->checkpoint : NULL;
    bool run = vs_can_prove(k), bytes = true, receipt = true;
    vs_watch_end(k->watch, k->c);
    enum vs_code code = k->q->receipt && k->c ? vs_check_receipt(k, &receipt) : VS_OK;
    if (!code && run)
        code = vs_prove_bytes(k, &bytes);
    k->l1 = L1_DECIDED;
    if (run || k->impl->another_model || !receipt)
        set_level(k, 1, bytes && receipt && k->same_config && !k->impl->another_model, NULL);
    else if (base && k->c && !base->gguf != !k->c->gguf)
        k->r->levels[1].why = "the base is of another format";
    else
        k->r->levels[1].why = k->q->base ? "no weights on one side" :
                              k->q->receipt && k->c ? "no --base; the ranges of the receipt hold" : "no --base";
    return code;
}

static enum vs_code level_2(struct checker *k)
{
    bool good = true;
    if (!k->c || !k->c->file_count) {
        k->r->levels[2].why = "no weights";
        return VS_OK;
    }
    const bool probed = vs_can_probe_head(k);
    enum vs_code code = probed ? vs_probe_head(k, &good) : VS_OK;
    good = good && !has_error(k, is_of_rows);
    if (!code && (probed || !good)) /* rows may have been measured all the same */
        set_level(k, 2, good, NULL);
    else
        k->r->levels[2].why = "no table that can be probed";
    return code;
}

/* ---- order ---- */

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int by_weight(const void *a, const void *b)
{
    const struct vs_finding *x = a, *y = b;
    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    int order = strcmp(x->rule, y->rule);
    if (!order)
        order = compare_text(x->file, y->file);
    return order ? order : compare_text(x->at, y->at);
}

static enum vs_code run_rules(struct checker *k)
{
    enum vs_code code = VS_OK;
    vs_rules_sizes(k);
    if (k->t)
        vs_rules_tokens(k);
    vs_rules_special(k);
    if (k->c && k->c->gguf)
        vs_rules_gguf(k);
    if (k->input)
        vs_rules_blocks(k);
    vs_rules_pair(k);
    if (!k->stopped)
        code = expect(k);
    bool readable = k->input && k->input->rows && k->input->cols && vs_rows_readable(k->c, k->input);
    if (readable && !code && !k->stopped)
        code = vs_measure_rows(k);
    if (readable && !code && !k->stopped)
        vs_rules_rows(k);
    return code ? code : k->stopped ? k->err->code : VS_OK;
}

/* cuBLASLt chooses by the number of rows, so that a grown head rounds otherwise: bits cannot be compared. */
static enum vs_code check_request(const struct vs_check_request *q, struct vs_err *err)
{
    const struct vs_forward_request *f = q->forward;
    if (f && f->fast && q->base)
        return vs_fail(err, VS_EUSAGE, "--fast with --base: logits are compared with the base's to the last bit, and --fast is not bit-exact; leave "
                                       "one of the two out");
    if (f && f->fast && q->device == VS_DEVICE_CPU)
        return vs_fail(err, VS_EUSAGE, "--fast with --device cpu: fast mode needs a CUDA device; leave one of the two out");
    if (f && f->prompts_only && !(f->prompt_ids && *f->prompt_ids) && !(f->prompt && *f->prompt))
        return vs_fail(err, VS_EUSAGE, "--prompts-only: which? give --prompt-ids or --prompt");
    if (f && f->dump_logits && vs_path_exists(f->dump_logits)) /* said before anything is measured */
        return vs_fail(err, VS_EEXIST, "%s: exists; name another file, or remove it", f->dump_logits);
    return f && f->dump_logits ? vs_file_outside(f->dump_logits, (const char *const[]){q->path, q->base}, 2, err) : VS_OK;
}

static enum vs_code check(struct checker *k)
{
    enum vs_code code = open_device(k);
    if (!code)
        code = read_data(k);
    if (!code)
        code = open_inputs(k);
    if (!code)
        code = run_rules(k);
    if (!code && (k->l1 == L1_FIRST || !k->q->forward || vs_watch_saw_change(k->watch)))
        code = vs_level_1(k);
    if (!code)
        code = level_2(k);
    if (!code && k->q->forward)
        code = vs_check_forward(k);
    if (!code && k->l1 != L1_DECIDED) /* nothing could be run */
        code = vs_level_1(k);
    if (!code && k->stopped)
        code = k->err->code;
    if (code)
        return code;
    level_0(k);
    if (k->r->finding_count)
        qsort(k->r->findings, k->r->finding_count, sizeof *k->r->findings, by_weight);
    return VS_OK;
}

enum vs_code vs_check(const struct vs_check_request *q, const struct vs_run *run, struct vs_check_result **out, struct vs_err *err)
{
    struct vs_check_result *r = vs_calloc(1, sizeof *r);
    struct checker k = {.q = q, .run = run, .r = r, .err = err};
    if (r)
        k.impl = r->impl = vs_calloc(1, sizeof *r->impl);
    enum vs_code code = r && r->impl ? check_request(q, err) : vs_enomem(err, "a check", sizeof *r);
    if (!code) {
        r->fail_on = q->fail_on;
        r->forward_asked = q->forward != NULL;
        r->levels[3].why = r->levels[4].why = "no --forward";
        code = check(&k);
    }
    vs_watch_free(k.watch);
    vs_dev_close(k.dev);
    if (code)
        vs_check_free(r);
    else
        *out = r;
    return code;
}

enum vs_code vs_check_commit(struct vs_check_result *r, struct vs_err *err)
{
    const enum vs_code code = r->impl->dump ? vs_npy_commit(r->impl->dump, err) : VS_OK;
    if (!code)
        r->impl->dump = NULL;
    return code;
}

void vs_check_free(struct vs_check_result *r)
{
    if (!r)
        return;
    vs_facts_close(r->facts);
    if (r->impl) {
        vs_facts_close(r->impl->base);
        vs_vocab_map_free(r->impl->map);
        vs_jdoc_free(&r->impl->rules);
        vs_jdoc_free(&r->impl->known_good);
        vs_jdoc_free(&r->impl->receipt);
        vs_npy_abort(r->impl->dump);
        vs_arena_free(&r->impl->arena);
    }
    vs_free(r->impl);
    vs_free(r->findings);
    vs_free(r);
}
