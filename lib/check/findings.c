/* SPDX-License-Identifier: Apache-2.0
 *
 * From values to a finding: the text is a template of schemas/rules.json.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "check/checker.h"
#include "tokenizer/alphabet.h"

static const char *const severity_names[] = {"info", "warning", "error"};

const char *vs_severity_name(enum vs_severity s)
{
    return severity_names[s];
}

void vs_check_no_memory(struct checker *k, const char *what)
{
    if (!k->stopped)
        (void)vs_enomem(k->err, what, 0);
    k->stopped = true;
}

/* ---- values ---- */

static void set_value(struct checker *k, const char *name, const char *text, size_t n)
{
    char *copy = vs_arena_dup(&k->impl->arena, text, n);
    if (!copy)
        vs_check_no_memory(k, "a finding");
    else if (k->value_count < sizeof k->values / sizeof *k->values)
        k->values[k->value_count++] = (struct vs_value){name, copy};
}

void vs_say(struct checker *k, const char *name, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    set_value(k, name, text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

void vs_say_text(struct checker *k, const char *name, struct vs_str text)
{
    char shown[160];
    vs_escape(shown, sizeof shown, text);
    set_value(k, name, shown, strlen(shown));
}

/* A token of a byte alphabet is spelled for the vocabulary, not for people: the text that it stands for is shown where it is one,
 * in quotes when blanks are in it. "" for none. */
static const char *show_token(struct checker *k, uint64_t id, char *shown, size_t n)
{
    const struct vs_str token = k->t && id < k->t->rows_needed ? vs_token_text(k->t, (uint32_t)id) : (struct vs_str){NULL, 0};
    struct vs_buf b = {0};
    bool spelled = token.n && vs_is_spelled_in_bytes(k->t, (uint32_t)id);
    bool text = spelled && vs_token_bytes(k->t, (uint32_t)id, &b) && !b.failed && b.n && vs_utf8_valid(b.p, b.n) == b.n;
    bool blank = text && (memchr(b.p, ' ', b.n) || memchr(b.p, '\n', b.n));
    char plain[150];
    vs_escape(plain, sizeof plain, text ? (struct vs_str){b.p, b.n} : token);
    snprintf(shown, n, blank ? "\"%s\"" : "%s", plain);
    vs_buf_free(&b);
    return shown;
}

void vs_say_token(struct checker *k, const char *name, uint32_t id)
{
    char shown[160];
    show_token(k, id, shown, sizeof shown);
    vs_say(k, name, *shown ? "%u %s" : "%u", id, shown);
}

void vs_say_config(struct checker *k, const struct vs_config_int *v)
{
    vs_say(k, "file", "%s", v->file);
    vs_say(k, "at", "%s", v->at);
    vs_say(k, "name", "%.*s", VS_STR(v->name));
    vs_say(k, "found", "%lld", (long long)v->value);
}

void vs_say_table(struct checker *k, const struct vs_checkpoint *c, const struct vs_table *t)
{
    const struct vs_tensor *x = &c->tensors[t->tensor];
    char shown[200];
    vs_say(k, "file", "%s", c->files[x->file].name);
    vs_say(k, "at", "%s", vs_escape(shown, sizeof shown, x->name));
}

void vs_say_also(struct checker *k, const char *file, const char *at)
{
    vs_say(k, "also_file", "%s", file);
    if (*at)
        vs_say(k, "also_at", "%s", at);
}

void vs_say_also_table(struct checker *k, const struct vs_checkpoint *c, const struct vs_table *t)
{
    const struct vs_tensor *x = &c->tensors[t->tensor];
    char shown[200];
    vs_say_also(k, c == k->c ? c->files[x->file].name : c->files[x->file].path, vs_escape(shown, sizeof shown, x->name));
}

/* A token that no file but a sibling of tokenizer.json names: by its text under a name, or by its id in a list. */
static void say_also_sibling(struct checker *k, uint32_t id)
{
    for (uint32_t i = 0; i < k->t->named_count; i++)
        if (k->t->named[i].effective == id) {
            vs_say_also(k, k->t->named[i].file, k->t->named[i].at);
            return;
        }
    vs_say_also(k, "tokenizer_config.json or added_tokens.json", "");
}

void vs_say_also_token(struct checker *k, uint32_t id)
{
    char shown[32] = "/model/vocab";
    for (uint32_t i = 0; i < k->t->added_count; i++) {
        const struct vs_added *a = &k->t->added[i];
        if (a->effective != id)
            continue;
        if (a->from_sibling && !a->in_model) {
            say_also_sibling(k, id);
            return;
        }
        if (!a->from_sibling)
            snprintf(shown, sizeof shown, "/added_tokens/%u", i);
        break;
    }
    vs_say_also(k, vs_path_base(k->t->path), shown);
}

/* ---- sets of ids ---- */

void vs_set_add(struct id_set *s, uint64_t id)
{
    if (s->count++ == 0)
        s->first = id;
    if (s->ranges && s->end[s->ranges - 1] == id)
        s->end[s->ranges - 1]++;
    else if (s->ranges < 6) {
        s->begin[s->ranges] = id;
        s->end[s->ranges++] = id + 1;
    }
}

void vs_say_ids(struct checker *k, const struct id_set *s)
{
    char text[256];
    size_t n = 0;
    uint64_t shown = 0;
    uint32_t ranges = s->ranges > 5 ? 5 : s->ranges;
    text[0] = '\0';
    for (uint32_t i = 0; i < ranges; i++) {
        unsigned long long begin = s->begin[i], last = s->end[i] - 1;
        shown += s->end[i] - s->begin[i];
        n += (size_t)snprintf(text + n, sizeof text - n, i ? ", %llu" : "%llu", begin);
        if (last > begin)
            n += (size_t)snprintf(text + n, sizeof text - n, " .. %llu", last);
    }
    if (shown < s->count)
        snprintf(text + n, sizeof text - n, " and %llu more", (unsigned long long)(s->count - shown));
    char example[160];
    show_token(k, s->first, example, sizeof example);
    if (!*example)
        vs_say(k, "ids", "%s", text);
    else if (s->count == 1)
        vs_say(k, "ids", "%s %s", text, example);
    else
        vs_say(k, "ids", "%s, e.g. %llu %s", text, (unsigned long long)s->first, example);
    vs_say(k, "n", "%llu", (unsigned long long)s->count);
}

/* ---- templates ---- */

static const char *value_of(const struct checker *k, const char *name, size_t n)
{
    if (n == 3 && memcmp(name, "dir", 3) == 0)
        return k->q->path;
    for (uint32_t i = 0; i < k->value_count; i++)
        if (strlen(k->values[i].name) == n && memcmp(k->values[i].name, name, n) == 0)
            return k->values[i].text;
    return NULL;
}

/* "{?one|many}": the words that fit the number n. */
static bool put_choice(const struct checker *k, struct vs_buf *b, const char *p, size_t n)
{
    const char *bar = n && *p == '?' ? memchr(p, '|', n) : NULL, *number = value_of(k, "n", 1);
    if (!bar)
        return false;
    if (number && strcmp(number, "1") == 0)
        vs_buf_add(b, p + 1, (size_t)(bar - p) - 1);
    else
        vs_buf_add(b, bar + 1, n - (size_t)(bar - p) - 1);
    return true;
}

/* NULL for an empty template: the finding has no such part. Backticks hold commands. */
static const char *expand(struct checker *k, const struct vs_jval *rule, const char *key)
{
    struct vs_str text;
    struct vs_buf b = {0};
    bool command = false;
    if (!vs_jstr(vs_jget(rule, key), &text) || text.n == 0)
        return NULL;
    for (size_t at = 0; at < text.n; at++) {
        const char *close = text.p[at] == '{' ? memchr(text.p + at, '}', text.n - at) : NULL;
        const char *name = text.p + at + 1;
        const char *value = close ? value_of(k, name, (size_t)(close - name)) : NULL;
        if (close && put_choice(k, &b, name, (size_t)(close - name))) {
            at = (size_t)(close - text.p);
        } else if (value) {
            if (command)
                vs_buf_word(&b, value);
            else
                vs_buf_puts(&b, value);
            at = (size_t)(close - text.p);
        } else {
            command ^= text.p[at] == '`';
            vs_buf_add(&b, text.p + at, 1);
        }
    }
    const char *out = b.failed ? NULL : vs_arena_dup(&k->impl->arena, b.p, b.n);
    if (!out)
        vs_check_no_memory(k, "a finding");
    vs_buf_free(&b);
    return out;
}

static const struct vs_jval *rule_of(const struct checker *k, const char *id)
{
    const struct vs_jval *list = vs_jget(k->impl->rules.root, "rules");
    for (const struct vs_jval *r = list ? list->child : NULL; r; r = r->next) {
        struct vs_str s;
        if (vs_jstr(vs_jget(r, "id"), &s) && vs_str_is(s, id))
            return r;
    }
    return NULL;
}

static enum vs_severity severity_of(const struct vs_jval *rule)
{
    struct vs_str s = {NULL, 0};
    (void)vs_jstr(vs_jget(rule, "severity"), &s);
    return vs_str_is(s, "error") ? VS_ERROR : vs_str_is(s, "warning") ? VS_WARNING : VS_INFO;
}

static struct vs_finding *next_finding(struct checker *k)
{
    struct vs_check_result *r = k->r;
    struct vs_finding *list = vs_list_room(r->findings, r->finding_count, sizeof *list);
    if (!list)
        return NULL;
    r->findings = list;
    return &r->findings[r->finding_count++];
}

static void add(struct checker *k, const char *id, const enum vs_severity *severity)
{
    const struct vs_jval *rule = rule_of(k, id);
    struct vs_finding *f = rule && !k->stopped ? next_finding(k) : NULL;
    if (!f) {
        vs_check_no_memory(k, "a finding");
        return;
    }
    *f = (struct vs_finding){.severity = severity ? *severity : severity_of(rule)};
    snprintf(f->rule, sizeof f->rule, "%s", id);
    f->message = expand(k, rule, "message");
    f->why = expand(k, rule, "why");
    f->remedy = expand(k, rule, "remedy");
    f->file = value_of(k, "file", 4);
    f->at = value_of(k, "at", 2);
    f->at = f->at && *f->at ? f->at : NULL;
    f->found = value_of(k, "found", 5);
    f->expected = value_of(k, "expected", 8);
    f->also_file = value_of(k, "also_file", 9);
    f->also_at = value_of(k, "also_at", 7);
    if (f->severity > k->r->verdict)
        k->r->verdict = f->severity;
    k->value_count = 0;
}

void vs_found(struct checker *k, const char *rule)
{
    add(k, rule, NULL);
}

void vs_found_as(struct checker *k, const char *rule, enum vs_severity severity)
{
    add(k, rule, &severity);
}

/* ---- bitmaps ---- */

bool vs_bit(const struct vs_bits *bits, uint64_t i)
{
    return bits && i < bits->count && bits->words[i / 64] >> (i % 64) & 1;
}

void vs_bit_set(struct vs_bits *bits, uint64_t i)
{
    if (i < bits->count)
        bits->words[i / 64] |= UINT64_C(1) << (i % 64);
}

struct vs_bits *vs_bits_new(struct checker *k, uint64_t count)
{
    struct vs_bits *bits = vs_arena_alloc(&k->impl->arena, sizeof *bits + (count / 64 + 1) * sizeof *bits->words);
    if (bits)
        bits->count = count;
    else
        vs_check_no_memory(k, "a finding");
    return bits;
}

bool vs_has_token(const struct checker *k, uint64_t id)
{
    return k->t && id < k->t->rows_needed && vs_token_text(k->t, (uint32_t)id).p;
}
