/* SPDX-License-Identifier: Apache-2.0
 *
 * 3xx: do special ids name a row, and a token, and the same one everywhere?
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check/checker.h"
#include "model/data.h"
#include "model/id_lists.h"

/* Ids that code replaces before any lookup. */
static bool is_sentinel(int64_t id)
{
    return id == -1 || id == -100 || id == -200;
}

/* The rule that an id breaks, or NULL. An id that is suppressed need not be a token's. */
static const char *broken_rule(const struct checker *k, const struct vs_config_int *s)
{
    uint64_t rows = k->input->rows;
    if (is_sentinel(s->value))
        return NULL;
    if (s->value >= 0 && (uint64_t)s->value < rows)
        return k->t && vs_id_reserves(s, rows) && !vs_has_token(k, (uint64_t)s->value) ? "VOC315" : NULL;
    if (k->c->gguf)
        return NULL; /* VOC704 says so */
    bool replaced = s->value >= 0 && vs_keys_match(k->c, "placeholders", s->name) && vs_has_token(k, (uint64_t)s->value);
    return replaced ? NULL : "VOC301"; /* code replaces it before the lookup: VOC102 says so */
}

static void say_broken(struct checker *k, const struct vs_config_int *s, const char *rule)
{
    uint64_t rows = k->input->rows;
    if (strcmp(rule, "VOC301") == 0) {
        vs_say_also_table(k, k->c, k->input);
        vs_say(k, "expected", "an id below %llu", (unsigned long long)rows);
        vs_say(k, "last", "%llu", (unsigned long long)rows - 1);
        vs_say(k, "row", "%s", k->t && s->value >= 0 && vs_has_token(k, (uint64_t)s->value) ?
               "; where it is this one, VOC101 says how it gets a row" : "");
        vs_found(k, rule);
    } else {
        vs_say(k, "expected", "the id of a token");
        vs_say_also(k, vs_path_base(k->t->path), "");
        vs_found_as(k, rule, vs_keys_match(k->c, "placeholders", s->name) ? VS_WARNING : VS_ERROR);
    }
}

bool vs_is_suppressed(struct checker *k, uint64_t id)
{
    const struct vs_config *config = &k->c->config;
    if (!k->impl->suppressed && !k->stopped) {
        k->impl->suppressed = vs_bits_new(k, k->input->rows);
        for (size_t i = 0; k->impl->suppressed && i < config->special_id_count; i++)
            if (vs_str_is(config->special_ids[i].name, "suppress_tokens") && config->special_ids[i].value >= 0)
                vs_bit_set(k->impl->suppressed, (uint64_t)config->special_ids[i].value);
    }
    return vs_bit(k->impl->suppressed, id);
}

/* ---- lists ---- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* "-5, 600 .. 602": the ids of a list that break a rule, each once. */
static void say_members(struct checker *k, int64_t *ids, size_t n)
{
    char text[200] = "";
    size_t at = 0, shown = 0;
    for (size_t i = 0, end; i < n && at < sizeof text - 80; i = end) {
        for (end = i + 1; end < n && ids[end] - ids[end - 1] <= 1; end++)
            ;
        at += (size_t)snprintf(text + at, sizeof text - at, i ? ", %lld" : "%lld", (long long)ids[i]);
        if (ids[end - 1] > ids[i])
            at += (size_t)snprintf(text + at, sizeof text - at, " .. %lld", (long long)ids[end - 1]);
        shown = end;
    }
    if (shown < n)
        snprintf(text + at, sizeof text - at, " and %zu more", n - shown);
    vs_say(k, "found", "%s", text);
}

/* Members of a list that break one rule are one finding, at the list. */
static void list_members(struct checker *k, const struct vs_config_int *ids, size_t count, const char *rule)
{
    int64_t *bad = vs_calloc(count, sizeof *bad);
    const struct vs_config_int *last = ids;
    size_t n = 0;
    if (!bad) {
        k->stopped = vs_enomem(k->err, "ids of a list", 0) != VS_OK;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *broken = broken_rule(k, &ids[i]);
        if (!broken || strcmp(broken, rule) != 0)
            continue;
        bad[n++] = ids[i].value;
        last = ids[i].value > last->value || n == 1 ? &ids[i] : last;
    }
    if (n) {
        qsort(bad, n, sizeof *bad, by_value);
        vs_say(k, "file", "%s", last->file);
        vs_say(k, "at", "%.*s", (int)(n > 1 ? vs_id_to_key(last) : strlen(last->at)), last->at);
        vs_say(k, "name", "%.*s", VS_STR(last->name));
        say_members(k, bad, n);
        say_broken(k, last, rule);
    }
    vs_free(bad);
}

static void in_range(struct checker *k)
{
    const struct vs_config *config = &k->c->config;
    for (size_t i = 0, n; i < config->special_id_count; i += n) {
        const struct vs_config_int *ids = &config->special_ids[i];
        n = 1;
        while (i + n < config->special_id_count && vs_id_same_list(ids, ids + n))
            n++;
        list_members(k, ids, n, "VOC301");
        list_members(k, ids, n, "VOC315");
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
    if (k->input && k->input->rows)
        in_range(k);
    if (k->t)
        unknown_texts(k);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        disagreement(k, names[i]);
}
