/* SPDX-License-Identifier: Apache-2.0
 *
 * 3xx: do special ids name a row, and a token, and the same one everywhere?
 */
#include <stdio.h>
#include <string.h>
#include "check/checker.h"

/* Ids that code replaces before any lookup. */
static bool is_sentinel(int64_t id)
{
    return id == -1 || id == -100 || id == -200;
}

static bool is_placeholder_name(struct vs_str name)
{
    static const char *const kinds[] = {"image", "video", "audio", "vision"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (vs_str_starts(name, vs_cstr(kinds[i])))
            return true;
    return false;
}

static void in_range(struct checker *k, const struct vs_config_int *s)
{
    uint64_t rows = k->input->rows;
    if (is_sentinel(s->value))
        return;
    if (k->c->gguf && (s->value < 0 || (uint64_t)s->value >= rows))
        return; /* VOC704 says so */
    if (s->value < 0 || (uint64_t)s->value >= rows) {
        if (s->value >= 0 && is_placeholder_name(s->name) && vs_has_token(k, (uint64_t)s->value))
            return; /* code replaces it before the lookup: VOC102 says so */
        vs_say_config(k, s);
        vs_say_also_table(k, k->c, k->input);
        vs_say(k, "expected", "an id below %llu", (unsigned long long)rows);
        vs_say(k, "last", "%llu", (unsigned long long)rows - 1);
        vs_say(k, "rows", "%lld", s->value < 0 ? 0 : (long long)s->value + 1);
        vs_found(k, "VOC301");
    } else if (k->t && !vs_has_token(k, (uint64_t)s->value)) {
        vs_say_config(k, s);
        vs_say(k, "expected", "the id of a token");
        vs_say_also(k, vs_path_base(k->t->path), "");
        vs_found_as(k, "VOC315", is_placeholder_name(s->name) ? VS_WARNING : VS_ERROR);
    }
}

/* tokenizer.json lacks the text: most libraries split it, transformers adds it under the next id. */
static bool is_known(const struct vs_tokenizer *t, const struct vs_named_token *n)
{
    if (n->effective == VS_NO_ID)
        return false;
    for (uint32_t i = 0; i < t->added_count; i++)
        if (t->added[i].effective == n->effective && t->added[i].from_sibling && !t->added[i].in_model && t->added[i].declared == VS_NO_ID)
            return false;
    return true;
}

static void unknown_texts(struct checker *k)
{
    for (uint32_t i = 0; i < k->t->named_count; i++) {
        const struct vs_named_token *n = &k->t->named[i];
        if (n->token.n == 0 || is_known(k->t, n))
            continue;
        vs_say(k, "file", "%s", n->file);
        vs_say(k, "at", "%s", n->at);
        vs_say_text(k, "name", n->name);
        vs_say_text(k, "token", n->token);
        vs_say_text(k, "found", n->token);
        vs_say(k, "expected", "a token of %s", vs_path_base(k->t->path));
        vs_found(k, "VOC302");
    }
}

/* ---- one name, several files ---- */

struct saying { const char *file, *at; int64_t id; };

/* Ids that all files give a name ("eos"), config.json first. */
static uint32_t sayings_of(const struct checker *k, const char *name, struct saying *out, uint32_t cap)
{
    char key[32];
    uint32_t n = 0;
    snprintf(key, sizeof key, "%s_token_id", name);
    for (size_t i = 0; k->c && i < k->c->config.special_id_count && n < cap; i++) {
        const struct vs_config_int *s = &k->c->config.special_ids[i];
        bool top = strncmp(s->at + 1, key, strlen(key)) == 0 || strncmp(s->at, "/text_config/", 13) == 0;
        if (vs_str_is(s->name, key) && top && s->value >= 0)
            out[n++] = (struct saying){s->file, s->at, s->value};
    }
    snprintf(key, sizeof key, "%s_token", name);
    for (uint32_t i = 0; k->t && i < k->t->named_count && n < cap; i++) {
        const struct vs_named_token *t = &k->t->named[i];
        if (vs_str_is(t->name, key) && t->effective != VS_NO_ID)
            out[n++] = (struct saying){t->file, t->at, t->effective};
    }
    return n;
}

static bool shares_one(const struct saying *all, uint32_t n, const char *a, const char *b)
{
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++)
            if (strcmp(all[i].file, a) == 0 && strcmp(all[j].file, b) == 0 && all[i].id == all[j].id)
                return true;
    return false;
}

/* Two files disagree when they have no id in common: a list that holds the other's id agrees with it. */
static void disagreement(struct checker *k, const char *name)
{
    struct saying all[64];
    uint32_t n = sayings_of(k, name, all, 64);
    for (uint32_t i = 1; i < n; i++) {
        if (strcmp(all[i].file, all[0].file) == 0 || shares_one(all, n, all[0].file, all[i].file))
            continue;
        vs_say(k, "file", "%s", all[i].file);
        vs_say(k, "at", "%s", all[i].at);
        vs_say(k, "name", "%s", name);
        vs_say_token(k, "found", (uint32_t)all[i].id);
        vs_say_token(k, "expected", (uint32_t)all[0].id);
        vs_say_also(k, all[0].file, all[0].at);
        vs_found(k, "VOC303");
        return;
    }
}

void vs_rules_special(struct checker *k)
{
    static const char *const names[] = {"bos", "eos", "pad", "unk", "sep", "cls", "mask"};
    for (size_t i = 0; k->input && k->input->rows && i < k->c->config.special_id_count; i++)
        in_range(k, &k->c->config.special_ids[i]);
    if (k->t)
        unknown_texts(k);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        disagreement(k, names[i]);
}
