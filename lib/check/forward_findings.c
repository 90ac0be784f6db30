/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings of the forward pass.
 */
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
    static const char *const rules[] = {[VS_NO_DESCRIPTION] = "VOC419", [VS_UNREAD] = "VOC419", [VS_BEYOND] = "VOC419", [VS_BAD_CONFIG] = "VOC421",
                                        [VS_MISSING] = "VOC422",        [VS_BAD_SHAPE] = "VOC423", [VS_BAD_DTYPE] = "VOC424"};
    const char *why = reason(k, o);
    vs_say(k, "file", "%s", o->file);
    vs_say(k, "at", "%s", o->at);
    vs_say(k, "name", "%s", o->at);
    vs_say(k, "found", "%s", o->found);
    if (o->expected[0])
        vs_say(k, "expected", "%s", o->expected);
    vs_say(k, "reason", "%s", why);
    say_source(k, o);
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

static void hidden(struct checker *k, const struct vs_forward_verdicts *v)
{
    vs_say(k, "at", v->hidden_layer ? "layer %u" : "embedded tokens", v->hidden_layer ? v->hidden_layer - 1 : 0);
    vs_say(k, "n", "%llu", (unsigned long long)v->hidden_bad);
    vs_say(k, "found", "%s", v->hidden_bad_sample ? "old ids too" : "only with new or special ids");
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
    vs_say(k, "at", r->first_differing_layer ? "layer %lld" : "embedded tokens", (long long)r->first_differing_layer - 1);
    vs_say(k, "found", "%.2g", r->hidden_nmse);
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
        hidden(k, v);
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
    if (two_runs && k->r->forward->first_differing_layer >= 0)
        apart(k);
    if (v->intrusions)
        draws(k, m, v);
    *good = true;
    for (uint32_t i = before; i < k->r->finding_count; i++)
        *good = *good && k->r->findings[i].severity != VS_ERROR;
}
