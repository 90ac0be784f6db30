/* SPDX-License-Identifier: Apache-2.0
 *
 * The prompts of the user: listed in the order in which they are run, and checked against the table before that.
 */
#include <stdio.h>
#include "check/forward.h"
#include "tokenizer/load_gguf.h"

uint32_t vs_forward_positions(const struct forward *f)
{
    const struct vs_arch *a = &f->model.arch;
    uint64_t table = f->model.binding.model[VS_W_POSITIONS].weight.rows;
    double n = (double)a->positions * (a->has_rope && a->rope[0].kind == VS_ROPE_DYNAMIC ? a->rope[0].factor : 1);
    n = table && (double)table < n ? (double)table : n;
    return n >= UINT32_MAX ? UINT32_MAX : n >= 1 ? (uint32_t)n : 1;
}

/* ---- listing ---- */

static const struct vs_config_int *special(const struct checker *k, const char *name)
{
    for (size_t i = 0; i < k->c->config.special_id_count; i++)
        if (vs_str_is(k->c->config.special_ids[i].name, name) && k->c->config.special_ids[i].value >= 0)
            return &k->c->config.special_ids[i];
    return NULL;
}

static enum vs_code add_text(struct forward *f, const char *text)
{
    struct checker *k = f->k;
    const struct vs_tokenizer_options options = {.lenient = true, .repeats = true, .cancel = k->run->cancel};
    enum vs_code code = !k->t || f->encoder ? VS_OK :
                        k->c->gguf ? vs_encoder_from_gguf(k->c->gguf, k->q->data_dir, options.cancel, &f->encoder, k->err) :
                                     vs_tokenizer_open(k->q->path, &options, &f->encoder, k->err);
    return code ? code : vs_prompts_text(f->encoder, text, &f->prompts, k->err);
}

/* Something to continue when the user gave nothing. */
static enum vs_code add_opening(struct forward *f)
{
    struct checker *k = f->k;
    const struct vs_config_int *bos = special(k, "bos_token_id");
    const bool named = bos && (uint64_t)bos->value < f->rows;
    enum vs_code code = !named && k->t ? add_text(f, "The") : VS_EUNSUPPORTED;
    if (code != VS_EUNSUPPORTED)
        return code;
    if (!named)
        return vs_fail(k->err, VS_EUSAGE, "--generate: what shall be continued? this model names no bos_token_id to begin with; give --prompt-ids");
    code = vs_prompts_begin(&f->prompts, VS_PROMPT_USER, k->err);
    return code ? code : vs_prompts_add(&f->prompts, bos->value, k->err);
}

enum vs_code vs_list_prompt_ids(struct forward *f)
{
    enum vs_code code = VS_OK;
    for (const char *const *p = f->q->prompt_ids; !code && p && *p; p++)
        code = vs_prompts_parse(*p, &f->prompts, f->k->err);
    return code;
}

enum vs_code vs_list_prompts(struct forward *f)
{
    enum vs_code code = VS_OK;
    for (const char *const *p = f->q->prompt; !code && p && *p; p++)
        code = add_text(f, *p);
    if (!code && !f->prompts.count && f->q->generate)
        code = add_opening(f);
    if (!code && !f->prompts.count && f->q->dump_logits)
        code = vs_fail(f->k->err, VS_EUSAGE, "--dump-logits: of which prompts? give --prompt-ids or --prompt");
    return code;
}

/* ---- checking ---- */

/* "at", and "file" where there is one; "prompt" in words. Prompts and lines count from 1, positions from 0. */
static void say_place(struct checker *k, const struct vs_prompts *p, uint32_t prompt, uint64_t position)
{
    const struct vs_prompt *x = &p->list[prompt];
    const unsigned long long line = x->line, at = position;
    if (x->file) {
        vs_say(k, "file", "%s", x->file);
        vs_say(k, "at", "line %llu, position %llu", line, at);
        vs_say(k, "prompt", "prompt %u (%s:%llu)", prompt + 1, x->file, line);
    } else {
        vs_say(k, "at", "prompt %u, position %llu", prompt + 1, at);
        vs_say(k, "prompt", "prompt %u", prompt + 1);
    }
    vs_say(k, "position", "%llu", at);
}

/* Ids of one kind in prompts. first: where the first one stands in prompts.ids. */
struct found_ids { uint64_t count, first; uint32_t prompts; };

static bool has_no_row(const struct forward *f, int64_t id)
{
    return id < 0 || (uint64_t)id >= f->rows;
}

static bool is_hole(const struct forward *f, int64_t id)
{
    return !has_no_row(f, id) && vs_is_tokenless(f, (uint64_t)id);
}

/* skips: a prompt that has one is not run. */
static struct found_ids find_ids(struct forward *f, bool (*is)(const struct forward *f, int64_t id), bool skips)
{
    struct found_ids found = {0};
    for (uint32_t i = 0; i < f->prompts.count; i++) {
        struct vs_prompt *x = &f->prompts.list[i];
        const uint64_t before = found.count;
        for (uint64_t at = x->begin; at < x->begin + x->count; at++)
            if (is(f, f->prompts.ids[at]) && found.count++ == 0)
                found.first = at;
        found.prompts += found.count > before;
        x->skip = x->skip || (skips && found.count > before);
    }
    return found;
}

/* The first one as it was written. */
static void say_ids(struct forward *f, const struct found_ids *found)
{
    struct checker *k = f->k;
    const struct vs_prompts *p = &f->prompts;
    uint32_t i = 0;
    while (i + 1 < p->count && p->list[i + 1].begin <= found->first)
        i++;
    say_place(k, p, i, found->first - p->list[i].begin);
    vs_say(k, "n", "%llu", (unsigned long long)found->count);
    vs_say(k, "prompts", found->prompts == 1 ? "%u prompt" : "%u prompts", found->prompts);
    if (p->long_id.text[0] && p->long_id.at == found->first)
        vs_say(k, "found", "%s", p->long_id.text);
    else
        vs_say(k, "found", "%lld", (long long)p->ids[found->first]);
}

/* Ids are looked up on the device, as the model would; prompts with one that has no row are not run. */
static enum vs_code check_range(struct forward *f)
{
    struct checker *k = f->k;
    const struct vs_k_range all = {0, f->rows};
    const struct vs_rows window = {.data = f->classes, .dtype = VS_F32, .first = 0, .count = 0, .total = f->rows, .cols = 1};
    struct vs_k_bad bad[8];
    uint64_t bad_count = 0;
    enum vs_code code = vs_k_gather(k->dev, &window, f->prompts.ids, f->prompts.id_count, &all, 1, NULL, bad, 8, &bad_count, k->err);
    if (code || !bad_count)
        return code;
    struct found_ids found = find_ids(f, has_no_row, true);
    found.count = bad_count;
    found.first = bad[0].position;
    say_ids(f, &found);
    vs_say(k, "last", "%llu", (unsigned long long)f->rows - 1);
    vs_say(k, "expected", "0 .. %llu", (unsigned long long)f->rows - 1);
    vs_found(k, "VOC431");
    return VS_OK;
}

static void check_holes(struct forward *f)
{
    const struct found_ids found = find_ids(f, is_hole, false);
    if (!found.count)
        return;
    say_ids(f, &found);
    vs_found(f->k, "VOC432");
}

static void check_lengths(struct forward *f)
{
    struct checker *k = f->k;
    const uint64_t limit = vs_forward_positions(f), more = f->q->generate ? f->q->generate - 1ull : 0;
    uint32_t longest = 0, count = 0;
    for (uint32_t i = 0; i < f->prompts.count; i++) {
        if (f->prompts.list[i].count + more <= limit)
            continue;
        f->prompts.list[i].skip = true;
        longest = !count || f->prompts.list[i].count > f->prompts.list[longest].count ? i : longest;
        count++;
    }
    if (!count)
        return;
    const uint64_t own = f->prompts.list[longest].count;
    say_place(k, &f->prompts, longest, limit);
    vs_say(k, "n", "%u", count);
    vs_say(k, "found", "%llu", (unsigned long long)(own + more));
    if (more)
        vs_say(k, "parts", ", %llu of its own and %llu that --generate %u continues it by", (unsigned long long)own, (unsigned long long)more,
               f->q->generate);
    else
        vs_say(k, "parts", "%s", "");
    vs_say(k, "expected", "%llu", (unsigned long long)limit);
    vs_found(k, "VOC433");
}

enum vs_code vs_check_prompts(struct forward *f, bool runnable)
{
    if (!f->prompts.count || !f->rows)
        return VS_OK;
    enum vs_code code = check_range(f);
    if (code)
        return code;
    check_holes(f);
    if (runnable)
        check_lengths(f);
    return VS_OK;
}
