/* SPDX-License-Identifier: Apache-2.0
 *
 * 4xx: what the rows themselves say.
 */
#include <math.h>
#include <stdlib.h>
#include "check/checker.h"

#define OUTLIER 8.0   /* robust standard deviations of log(norm) */
#define DEAD 1e-16f   /* a largest value at or below it: never trained (audit.md, VOC402) */

static const struct vs_table_rows *rows_of(const struct checker *k, const struct vs_table *t)
{
    const struct vs_table_rows *r = &k->impl->table_rows[t - k->c->tables];
    return r->rows ? r : NULL;
}

static bool broken(const struct vs_k_row *r)
{
    return r->nan + r->inf > 0;
}

static bool live_token(const struct checker *k, uint64_t row)
{
    return k->t ? vs_has_token(k, row) : true;
}

/* A new row is in no original model. */
static void say_cure(struct checker *k, bool fresh)
{
    vs_say(k, "cure", "%s", fresh ? "extend the base again with another --init" : "restore the rows from the original model");
}

void vs_say_broken_cure(struct checker *k, const struct vs_table *t)
{
    const struct vs_table_rows *r = k->impl->table_rows && t >= k->c->tables && t < k->c->tables + k->c->table_count ? rows_of(k, t) : NULL;
    bool any = false, old = false;
    for (uint64_t i = 0; r && i < t->rows; i++) {
        any = any || broken(&r->rows[i]);
        old = old || (broken(&r->rows[i]) && !vs_bit(k->impl->fresh, i));
    }
    say_cure(k, any && !old);
}

static bool is_tied(const struct checker *k)
{
    const struct vs_config *config = &k->c->config;
    return (config->tie == VS_TIE_UNKNOWN ? config->tie_default : config->tie) == VS_TIE_TRUE;
}

/* What a row that is no vector does: one that is read spoils its prompt, one that answers its own logit. */
static const char *harm_of(const struct checker *k, const struct vs_table *t)
{
    if (t == k->head)
        return "the logit of such a row is NaN or Inf for every prompt, and a softmax over all logits fails with it";
    if (t == k->input && !k->head && is_tied(k))
        return "every logit of a prompt that touches one becomes NaN; and the table is the head too, where its own logit is none for every prompt";
    return "every logit of a prompt that touches one becomes NaN";
}

static void report_as(struct checker *k, const struct vs_table *t, const struct id_set *s, const char *rule, enum vs_severity severity)
{
    if (!s->count)
        return;
    say_cure(k, vs_bit(k->impl->fresh, s->first));
    vs_say(k, "what", "%s", harm_of(k, t));
    vs_say_table(k, k->c, t);
    vs_say_ids(k, s);
    vs_found_as(k, rule, severity);
}

/* ---- one table ---- */

static void bad_values(struct checker *k, const struct vs_table *t, const struct vs_table_rows *r)
{
    struct id_set tokens[2] = {0}, padding[2] = {0}, dead[3] = {0}, zero = {0};
    uint64_t *dead_rows = vs_calloc(t->rows + 1, sizeof *dead_rows), dead_count = 0;
    if (!dead_rows) {
        vs_check_no_memory(k, "dead rows");
        return;
    }
    for (uint64_t i = 0; i < t->rows; i++) {
        bool token = live_token(k, i), is_dead = !(r->rows[i].max_abs > DEAD);
        if (broken(&r->rows[i]))
            vs_set_add(token ? &tokens[vs_bit(k->impl->fresh, i)] : &padding[vs_bit(k->impl->fresh, i)], i);
        else if (is_dead && token)
            dead_rows[dead_count++] = i;
        else if (is_dead)
            vs_set_add(&zero, i);
    }
    vs_sort_dead(k, dead_rows, dead_count, dead);
    vs_free(dead_rows);
    /* Where blocks have scales, a damaged one spoils a stretch of the row, and loaders differ in whether they look at it. */
    for (int fresh = 0; fresh < 2; fresh++) {
        report_as(k, t, &tokens[fresh], "VOC401", vs_dtype_block(k->c->tensors[t->tensor].dtype) > 1 ? VS_WARNING : VS_ERROR);
        report_as(k, t, &padding[fresh], "VOC401", VS_WARNING);
    }
    for (int severity = VS_ERROR; severity >= VS_INFO; severity--)
        report_as(k, t, &dead[severity], "VOC402", (enum vs_severity)severity);
    bool normalised = t->role == VS_ROLE_HEAD && vs_known_model(k, "norm_head_rows", (int64_t)t->rows);
    report_as(k, t, &zero, "VOC403", normalised ? VS_WARNING : VS_INFO);
}

struct hashed { uint64_t hash, row; };

static int by_hash(const void *a, const void *b)
{
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* A row and one that is equal to it. */
struct twin { uint64_t row, other; };
struct twin_set { struct id_set rows; struct twin first; };

static int by_row(const void *a, const void *b)
{
    const struct twin *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* [0]: rows of the base that are equal to each other. [1]: new ones, which are equal to whatever has the same mean. */
static void add_twin(const struct checker *k, struct twin_set sets[2], const struct twin *twin)
{
    bool fresh = vs_bit(k->impl->fresh, twin->row);
    if (!fresh && vs_bit(k->impl->fresh, twin->other))
        return; /* the new one is the one to tell */
    struct twin_set *s = &sets[fresh];
    if (!s->rows.count)
        s->first = *twin;
    vs_set_add(&s->rows, twin->row);
}

/* Its rows will be compared with the base's, byte by byte. */
static bool is_compared(const struct checker *k, const struct vs_table *t)
{
    const struct vs_tensor *now = &k->c->tensors[t->tensor];
    const struct vs_tensor *before = vs_can_prove(k) ? vs_checkpoint_tensor(k->impl->base->checkpoint, now->name) : NULL;
    return before && before->dtype == now->dtype;
}

static void report_twins(struct checker *k, const struct vs_table *t, const struct twin_set *s, bool fresh)
{
    if (!s->rows.count)
        return;
    bool by_rows = vs_checkpoint_table(k->c, VS_ROLE_PLE) && vs_known_model(k, "ids_from_rows", -1), in_base = !fresh && is_compared(k, t);
    vs_say_table(k, k->c, t);
    vs_say_ids(k, &s->rows);
    vs_say_token(k, "other", (uint32_t)s->first.other);
    vs_say(k, "found", "row %llu equal to row %llu", (unsigned long long)s->first.row, (unsigned long long)s->first.other);
    vs_say(k, "expected", "a row of its own for each token");
    vs_say(k, "what", fresh ? "the mean of the same pieces is the same" :
           in_base ? "unless VOC413 tells of them they are alike in the base too" :
           vs_can_prove(k) ? "they were alike in the base, or fewer bits made them so" : "they were initialised alike and not trained since");
    vs_say(k, "cure", "%s", k->c->gguf ? " in the model that the file was made from, and convert again" : in_base ? "" :
           "; or give each a vector of its own, which `embed-extend BASE --map MAP --init normal -o OUT` does");
    vs_found_as(k, "VOC404", by_rows ? VS_ERROR : in_base || fresh ? VS_INFO : VS_WARNING);
}

/* Rows of tokens that are equal to another one. Blocks other than text may hold copies by design (Gemma3n's converter). */
static void twins(struct checker *k, const struct vs_table *t, const struct vs_table_rows *r)
{
    const struct vs_facts *f = k->r->facts;
    uint64_t end = f->block_count > 1 ? f->blocks[0].end : t->rows, n = 0, m = 0;
    struct hashed *all = vs_calloc(t->rows + 1, sizeof *all);
    struct twin *same = vs_calloc(t->rows + 1, sizeof *same);
    struct twin_set sets[2] = {0};
    if (!all || !same) {
        vs_check_no_memory(k, "row hashes");
        goto out;
    }
    for (uint64_t i = 0; i < t->rows && i < end; i++)
        if (live_token(k, i) && r->rows[i].max_abs > DEAD && !broken(&r->rows[i]))
            all[n++] = (struct hashed){r->rows[i].hash, i};
    qsort(all, n, sizeof *all, by_hash);
    for (uint64_t i = 0; i < n; i++)
        if ((i && all[i].hash == all[i - 1].hash) || (i + 1 < n && all[i].hash == all[i + 1].hash))
            same[m++] = (struct twin){all[i].row, all[i && all[i].hash == all[i - 1].hash ? i - 1 : i + 1].row};
    qsort(same, m, sizeof *same, by_row);
    for (uint64_t i = 0; i < m; i++)
        add_twin(k, sets, &same[i]);
    report_twins(k, t, &sets[0], false);
    report_twins(k, t, &sets[1], true);
out:
    vs_free(all);
    vs_free(same);
}

/* z of log(norm) over median and median absolute deviation; and ten times as long at least, so that a table of nearly
 * equal norms has no outliers. */
static void outliers(struct checker *k, const struct vs_table *t, const struct vs_table_rows *r)
{
    struct id_set s = {0};
    double *logs = vs_calloc(t->rows + 1, sizeof *logs), worst = 0;
    uint64_t n = 0;
    if (!logs) {
        vs_check_no_memory(k, "row norms");
        return;
    }
    double center = r->median > 0 ? log(r->median) : 0;
    for (uint64_t i = 0; i < t->rows; i++)
        if (live_token(k, i) && r->rows[i].max_abs > DEAD && !broken(&r->rows[i]))
            logs[n++] = fabs(0.5 * log(r->rows[i].sum_squares) - center);
    vs_sort_values(logs, n);
    double spread = n ? 1.4826 * logs[n / 2] : 0;
    for (uint64_t i = 0; n && i < t->rows; i++) {
        double ratio = sqrt(r->rows[i].sum_squares) / r->median;
        if (!live_token(k, i) || broken(&r->rows[i]) || !(ratio > 10) || !(log(ratio) > OUTLIER * spread))
            continue;
        vs_set_add(&s, i);
        worst = ratio > worst ? ratio : worst;
    }
    vs_free(logs);
    if (!s.count)
        return;
    vs_say_table(k, k->c, t);
    vs_say_ids(k, &s);
    vs_say(k, "found", "%.1f", worst);
    vs_found(k, "VOC407");
}

/* ---- the head ---- */

/* Padding rows as long as real ones give logits like real ones. */
static void live_padding(struct checker *k)
{
    const struct vs_table *head = k->head ? k->head : k->input;
    const struct vs_table_rows *r = rows_of(k, head);
    struct id_set s = {0};
    if (!r || !k->t || k->r->facts->block_count > 1)
        return;
    for (uint64_t i = k->t->rows_needed; i < head->rows; i++)
        if (!broken(&r->rows[i]) && sqrt(r->rows[i].sum_squares) >= 0.5 * r->median && r->median > 0 && !vs_is_suppressed(k, i))
            vs_set_add(&s, i);
    if (!s.count)
        return;
    vs_say_table(k, k->c, head);
    vs_say_ids(k, &s);
    vs_say(k, "how", "at least half as long as the median row");
    vs_found(k, "VOC408");
}

/* A model whose class has no head stores none, whatever the flag says. */
static bool class_has_head(const struct checker *k)
{
    const struct vs_jdoc *config = vs_checkpoint_json(k->c, "config.json");
    const struct vs_jval *classes = config ? vs_jget(config->root, "architectures") : NULL;
    const struct vs_jval *headed = vs_jget(k->impl->known_good.root, "classes_with_head");
    if (!classes || !classes->child || classes->child->type != VS_JSON_STRING)
        return true;
    for (const struct vs_jval *glob = headed ? headed->child : NULL; glob; glob = glob->next)
        if (vs_glob(glob->str, classes->child->str))
            return true;
    return false;
}

/* Where the flag is to be set: where the class with the head reads it, and in the text's config, which others ask. */
static void say_where(struct checker *k)
{
    const struct vs_config *config = &k->c->config;
    const char *outer = config->tie_at ? config->tie_at + 1 : "";
    const size_t n = strcspn(outer, "/");
    if (!config->text)
        vs_say(k, "where", "tie_word_embeddings");
    else if (outer[n] && !vs_str_eq((struct vs_str){outer, n}, config->text->key))
        vs_say(k, "where", "tie_word_embeddings, in %.*s and its %.*s,", (int)n, outer, VS_STR(config->text->key));
    else
        vs_say(k, "where", "tie_word_embeddings, at the top and in %.*s,", VS_STR(config->text->key));
}

static void tying(struct checker *k)
{
    const struct vs_config *config = &k->c->config;
    enum vs_tie tie = config->tie == VS_TIE_UNKNOWN ? config->tie_default : config->tie;
    bool equal = false;
    if (tie == VS_TIE_UNKNOWN || (!k->head && !class_has_head(k)))
        return;
    if (!k->head && k->c->head_lost) /* what is wrong is the index: VOC124 */
        return;
    if (k->head) {
        const struct vs_table_rows *a = rows_of(k, k->input), *b = rows_of(k, k->head);
        if (!a || !b)
            return;
        equal = k->head->rows == k->input->rows;
        for (uint64_t i = 0; equal && i < k->head->rows; i++)
            equal = a->rows[i].hash == b->rows[i].hash;
        k->r->facts->tied_stored = equal;
    }
    bool lie = tie == VS_TIE_TRUE ? k->head && !equal : !k->head;
    if (!lie)
        return;
    vs_say(k, "file", "config.json");
    vs_say(k, "at", "%s", config->tie_at ? config->tie_at : "/tie_word_embeddings");
    vs_say(k, "expected", "%s%s", tie == VS_TIE_TRUE ? "true" : "false", config->tie == VS_TIE_UNKNOWN ? ", the default of its class" : "");
    vs_say(k, "found", "%s", k->head ? "a head unlike the input" : "no head");
    vs_say(k, "flag", "%s", tie == VS_TIE_TRUE ? "false" : "true");
    say_where(k);
    vs_say_also_table(k, k->c, k->head ? k->head : k->input);
    vs_found(k, "VOC409");
}

static void report_new(struct checker *k, const struct id_set *s, double ratio, enum vs_severity severity)
{
    if (!s->count)
        return;
    vs_say_table(k, k->c, k->input);
    vs_say_ids(k, s);
    vs_say(k, "found", "%.2g", ratio);
    vs_say(k, "expected", "0.5 to 2");
    vs_say(k, "how", ratio > 1 ? "too long, up to" : "short, down to");
    vs_say(k, "reason", "%s", ratio > 1 ? "rows that are longer than trained ones draw predictions" :
           "means are shorter than trained rows and grow in training");
    vs_say(k, "init", "%s", ratio > 1 ? "pieces" : "normal");
    vs_say(k, "cure", "%s", ratio > 1 ? "makes means of old rows, which are shorter; or train them" : "draws them as long as the base's are");
    vs_found_as(k, "VOC411", severity);
}

/* New rows against the length of the base's: within a factor of two is what trained rows spread over. Means are shorter by
 * nature and grow in training; longer ones draw predictions. */
static void new_rows(struct checker *k)
{
    const struct vs_table_rows *r = rows_of(k, k->input);
    struct id_set shorter = {0}, longer = {0};
    double least = 1, most = 1;
    if (!r || !k->impl->fresh || !(r->median > 0))
        return;
    for (uint64_t i = 0; i < k->input->rows; i++) {
        double ratio = sqrt(r->rows[i].sum_squares) / r->median;
        if (!vs_bit(k->impl->fresh, i) || !live_token(k, i) || broken(&r->rows[i]) || !(r->rows[i].max_abs > DEAD))
            continue;
        if (ratio > 2)
            vs_set_add(&longer, i);
        else if (ratio < 0.5)
            vs_set_add(&shorter, i);
        least = ratio < least ? ratio : least;
        most = ratio > most ? ratio : most;
    }
    report_new(k, &longer, most, VS_WARNING);
    report_new(k, &shorter, least, VS_INFO);
}

void vs_rules_rows(struct checker *k)
{
    for (uint32_t i = 0; i < k->c->table_count && !k->stopped; i++) {
        const struct vs_table *t = &k->c->tables[i];
        const struct vs_table_rows *r = rows_of(k, t);
        if (!r)
            continue;
        bad_values(k, t, r);
        if (t == k->input) {
            twins(k, t, r);
            outliers(k, t, r);
        } else if (t == k->head) {
            outliers(k, t, r);
        }
    }
    live_padding(k);
    tying(k);
    new_rows(k);
}
