/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings of the forward pass.
 */
#include <math.h>
#include <stdio.h>
#include "check/forward.h"

/* ---- models that cannot be run ---- */

static const char *reason(struct checker *k, const struct vs_obstacle *o)
{
    char text[900];
    if (o->kind == VS_NO_DESCRIPTION)
        snprintf(text, sizeof text, "no description of this architecture (%s); --arch-desc FILE gives one", o->found);
    else if (o->kind == VS_UNREAD)
        snprintf(text, sizeof text, "%s is %s: the model computes something else than was described", o->at, o->found);
    else if (o->kind == VS_BEYOND)
        snprintf(text, sizeof text, "%s is %s: not computed here", o->at, o->found);
    else if (o->kind == VS_QUANTISED)
        snprintf(text, sizeof text, "the weights are quantised (%s)", o->found);
    else
        snprintf(text, sizeof text, o->expected[0] ? "%s: found %s, expected %s" : "%s: found %s", o->at, o->found, o->expected);
    char *copy = vs_arena_dup(&k->impl->arena, text, strlen(text));
    return copy ? copy : "the model cannot be run";
}

/* What to do where numbers and weights do not fit: by who says the numbers. */
static void say_source(struct checker *k, const struct vs_obstacle *o)
{
    bool config = vs_checkpoint_json(k->c, "config.json") != NULL, literal = strncmp(o->at, "/settings/", 10) == 0;
    vs_say(k, "source", "%s", literal ? "description" : k->c->gguf ? "file" : "config");
    if (literal && (config || k->c->gguf))
        vs_say(k, "cure", "correct the description");
    else if (k->c->gguf)
        vs_say(k, "cure", "convert the model again");
    else
        vs_say(k, "cure", "%s", config ? "take config.json of the revision that the weights are from" :
               "there is no config.json: put the one that belongs to the weights beside them, or give a description with the numbers of this model "
               "(--arch-desc FILE)");
}

const char *vs_obstacle_finding(struct checker *k, const struct vs_obstacle *o)
{
    static const char *const rules[] = {[VS_NO_DESCRIPTION] = "VOC419", [VS_UNREAD] = "VOC419",     [VS_BEYOND] = "VOC419",
                                        [VS_QUANTISED] = "VOC419",      [VS_BAD_CONFIG] = "VOC421", [VS_MISSING] = "VOC422",
                                        [VS_BAD_SHAPE] = "VOC423",      [VS_BAD_DTYPE] = "VOC424",  [VS_MORE_LAYERS] = "VOC420"};
    const char *why = reason(k, o);
    vs_say(k, "file", "%s", o->file);
    vs_say(k, "at", "%s", o->at);
    vs_say(k, "name", "%s", o->at);
    vs_say(k, "found", "%s", o->found);
    if (o->expected[0])
        vs_say(k, "expected", "%s", o->expected);
    vs_say(k, "reason", "%s", why);
    say_source(k, o);
    if (o->kind == VS_MORE_LAYERS)
        vs_say(k, "lost", "%s", k->c->gguf ? "llama.cpp counts the tensors and refuses the file" :
               "transformers leaves those layers out, with a warning, and computes a shorter model");
    if (o->kind == VS_MORE_LAYERS && !k->c->gguf)
        vs_found_as(k, rules[o->kind], VS_WARNING);
    else
        vs_found(k, rules[o->kind]);
    return why;
}

/* ---- what a run showed ---- */

/* A description may name a head that is in no list of tables. */
static void say_head(struct checker *k, const struct vs_model *m)
{
    const struct vs_tensor *head = m->binding.model[VS_W_HEAD].weight.tensor;
    char name[200];
    if (k->head || k->input)
        vs_say_table(k, k->c, k->head ? k->head : k->input);
    else if (head) {
        vs_say(k, "file", "%s", k->c->files[head->file].name);
        vs_say(k, "at", "%s", vs_escape(name, sizeof name, head->name));
    }
}

/* stage: in a sentence. */
static void say_stage(struct checker *k, enum vs_stage stage, int64_t layer)
{
    if (stage == VS_STAGE_LAYER)
        vs_say(k, "stage", "layer %lld", (long long)layer);
    else
        vs_say(k, "stage", "the %s", stage == VS_STAGE_EMBEDDING ? "embedded tokens" : "final norm");
}

static void say_at_stage(struct checker *k, enum vs_stage stage, int64_t layer)
{
    if (stage == VS_STAGE_LAYER)
        vs_say(k, "at", "layer %lld", (long long)layer);
    else
        vs_say(k, "at", "%s", stage == VS_STAGE_EMBEDDING ? "embedded tokens" : "final norm");
}

/* "row, column" by the shape in the file; "" for a scalar. */
static void put_element(const struct vs_tensor *x, uint64_t at, char *out, size_t room)
{
    uint64_t stride = 1;
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < x->ndim; i++)
        stride *= x->shape[i];
    for (uint32_t i = 0; i < x->ndim && n < room; i++) {
        stride /= x->shape[i];
        n += (size_t)snprintf(out + n, room - n, i ? ", %llu" : "%llu", (unsigned long long)(at / stride));
        at %= stride;
    }
}

/* A copy in F16 turns what is too large for it into Inf; nothing else that is known makes such a value. */
static void say_broken_weight(struct checker *k, const struct vs_broken *b)
{
    const struct vs_tensor *x = b->tensor;
    const struct vs_tensor *input = k->input ? &k->c->tensors[k->input->tensor] : NULL;
    char name[200], element[200];
    vs_escape(name, sizeof name, x->name);
    put_element(x, b->at, element, sizeof element);
    vs_say(k, "file", "%s", k->c->files[x->file].name);
    vs_say(k, "at", "%s", name);
    vs_say(k, "found", "%s is %s at [%s]", name, b->nan ? "NaN" : "Inf", element);
    vs_say(k, "expected", "numbers");
    if (x == input)
        vs_say_broken_cure(k, k->input);
    else if (x->dtype == VS_F16 && !b->nan)
        vs_say(k, "cure", "convert the original model again, to BF16 or F32: F16 ends at 65504");
    else if (k->c->gguf)
        vs_say(k, "cure", "convert the original model again");
    else
        vs_say(k, "cure", "download %s again; where it was trained, go back to a checkpoint before the loss became NaN", k->c->files[x->file].name);
}

/* Which prompts: told where some of them are about what is new. */
static const char *which(const struct checker *k, const struct vs_forward_verdicts *v)
{
    if (!v->hidden_bad_sample)
        return k->impl->base || k->impl->fresh ? " (only with new or special ids)" : " (only with ids that have no token)";
    return k->impl->base || k->impl->fresh ? " (old ids too)" : "";
}

static void hidden(struct checker *k, const struct vs_model *m, const struct vs_forward_verdicts *v)
{
    const enum vs_stage stage = vs_pass_stage(&m->arch, v->hidden_at);
    if (v->broken.tensor)
        say_broken_weight(k, &v->broken);
    else {
        say_at_stage(k, stage, (int64_t)v->hidden_at - 1);
        vs_say(k, "found", stage == VS_STAGE_EMBEDDING ? "its rows are numbers, they are scaled beyond float32" :
               "its weights are numbers, what it computes of values up to %.3g is none", (double)v->hidden_before);
        vs_say(k, "cure", "take config.json and weights of one revision: a norm's epsilon of 0, a wrong scale or weights that are far too large "
               "lead here");
    }
    say_stage(k, stage, (int64_t)v->hidden_at - 1);
    vs_say(k, "n", "%llu", (unsigned long long)v->hidden_bad);
    vs_say(k, "which", "%s", which(k, v));
    vs_found(k, "VOC425");
}

static void live(struct checker *k, const struct vs_model *m, const struct vs_forward_verdicts *v)
{
    struct id_set ids = {0};
    uint64_t sorted[VS_SHOWN_IDS];
    for (uint32_t i = 0; i < v->live_shown; i++) {
        uint32_t at = i;
        for (; at && sorted[at - 1] > v->live_ids[i]; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = v->live_ids[i];
    }
    for (uint32_t i = 0; i < v->live_shown; i++)
        vs_set_add(&ids, sorted[i]);
    say_head(k, m);
    vs_say_ids(k, &ids);
    vs_say(k, "positions", "%llu", (unsigned long long)v->live_positions);
    vs_say(k, "mass", "%.2g", k->r->forward->mass_surplus_max);
    vs_found(k, "VOC427");
}

static void apart(struct checker *k)
{
    const struct vs_forward_report *r = k->r->forward;
    say_stage(k, r->first_differing_stage, r->first_differing_layer);
    say_at_stage(k, r->first_differing_stage, r->first_differing_layer);
    vs_say(k, "found", "%.2g", r->hidden_nmse);
    if (isfinite(r->hidden_nmse))
        vs_say(k, "how", "their last hidden states differ by %.2g of the square sum", r->hidden_nmse);
    else
        vs_say(k, "how", "the last hidden states of one are not all numbers");
    vs_found(k, "VOC430");
}

static void draws(struct checker *k, const struct vs_model *m, const struct vs_forward_verdicts *v)
{
    say_head(k, m);
    vs_say(k, "n", "%llu", (unsigned long long)v->intrusions);
    vs_say(k, "mass", "%.2g", k->r->forward->mass_new_max);
    vs_say(k, "kl", "%.2g", k->r->forward->kl_max);
    vs_found(k, "VOC429");
}

void vs_forward_findings(struct checker *k, const struct vs_model *m, const struct vs_forward_verdicts *v, bool two_runs, bool *good)
{
    const uint32_t before = k->r->finding_count;
    if (v->hidden_bad)
        hidden(k, m, v);
    if (v->logits_bad && !v->hidden_bad) {
        say_head(k, m);
        vs_say(k, "n", "%llu", (unsigned long long)v->logits_bad);
        vs_say_broken_cure(k, k->head ? k->head : k->input);
        vs_found(k, "VOC426");
    }
    if (v->live_positions)
        live(k, m, v);
    if (v->logits_different && !v->hidden_bad) {
        say_head(k, m);
        vs_say(k, "n", "%llu", (unsigned long long)v->logits_different);
        vs_say(k, "ids", "%llu", (unsigned long long)v->first_different_id);
        vs_say(k, "found", "%.3g", k->r->forward->logits_max_abs);
        vs_found(k, "VOC428");
    }
    if (two_runs && k->r->forward->first_differing_stage)
        apart(k);
    if (v->intrusions)
        draws(k, m, v);
    *good = !v->live_positions; /* a warning, and yet what a run must not show */
    for (uint32_t i = before; i < k->r->finding_count; i++)
        *good = *good && k->r->findings[i].severity != VS_ERROR;
}
