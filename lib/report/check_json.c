/* SPDX-License-Identifier: Apache-2.0
 *
 * Findings for scripts: one object a run.
 */
#include <cjson/cJSON.h>
#include "base/mem.h"
#include "report/report.h"

static bool add(cJSON *o, const char *key, const char *text)
{
    return vs_json_put(o, key, vs_json_text(vs_cstr(text)));
}

static bool append(cJSON *list, cJSON *item)
{
    bool good = cJSON_AddItemToArray(list, item);
    if (!good)
        cJSON_Delete(item);
    return good;
}

static const char *verdict(const struct vs_check_result *r)
{
    return r->verdict == VS_ERROR ? "error" : r->verdict == VS_WARNING ? "warning" : "ok";
}

static bool add_levels(cJSON *top, const struct vs_check_result *r)
{
    static const char *const names[] = {"L0", "L1", "L2", "L3", "L4"};
    static const char *const states[] = {"not_run", "pass", "fail"};
    cJSON *levels = cJSON_AddObjectToObject(top, "levels");
    bool good = levels;
    for (int i = 0; good && i < 5; i++) {
        cJSON *l = cJSON_AddObjectToObject(levels, names[i]);
        good = l && add(l, "state", states[r->levels[i].state]) && add(l, "why", r->levels[i].why);
    }
    return good;
}

static bool add_device(cJSON *top, const struct vs_check_result *r)
{
    cJSON *d = cJSON_AddObjectToObject(top, "device");
    return d && add(d, "kind", r->device_kind) && add(d, "name", r->device_name) && add(d, "note", r->device_note);
}

static bool add_gather(cJSON *top, const struct vs_check_result *r)
{
    cJSON *g = cJSON_AddObjectToObject(top, "gather");
    bool good = g && cJSON_AddNumberToObject(g, "checked", (double)r->gather.checked) &&
                cJSON_AddNumberToObject(g, "bad_count", (double)r->gather.bad_count);
    cJSON *bad = good ? cJSON_AddArrayToObject(g, "bad") : NULL;
    for (uint32_t i = 0; bad && good && i < r->gather.shown; i++) {
        cJSON *b = cJSON_CreateObject();
        good = b && append(bad, b) && cJSON_AddNumberToObject(b, "position", (double)r->gather.bad[i].position) &&
               cJSON_AddNumberToObject(b, "id", (double)r->gather.bad[i].id);
    }
    return bad && good;
}

/* The other side of a contradiction. */
static bool add_also(cJSON *o, const struct vs_finding *f)
{
    if (!f->also_file)
        return add(o, "also", NULL);
    cJSON *also = cJSON_AddObjectToObject(o, "also");
    return also && add(also, "file", f->also_file) && add(also, "at", f->also_at);
}

static bool add_head(cJSON *top, const struct vs_check_result *r)
{
    if (!r->head.count)
        return add(top, "head", NULL);
    cJSON *h = cJSON_AddObjectToObject(top, "head");
    return h && cJSON_AddNumberToObject(h, "probes", r->head.count) && cJSON_AddNumberToObject(h, "above", r->head.above) &&
           cJSON_AddNumberToObject(h, "end", (double)r->head.end);
}

static bool add_findings(cJSON *top, const struct vs_check_result *r)
{
    cJSON *list = cJSON_AddArrayToObject(top, "findings");
    bool good = list;
    for (uint32_t i = 0; good && i < r->finding_count; i++) {
        const struct vs_finding *f = &r->findings[i];
        cJSON *o = cJSON_CreateObject();
        good = o && append(list, o) && add(o, "rule", f->rule) && add(o, "severity", vs_severity_name(f->severity)) &&
               add(o, "message", f->message) && add(o, "file", f->file) && add(o, "at", f->at) && add(o, "found", f->found) &&
               add(o, "expected", f->expected) && add(o, "remedy", f->remedy) && add(o, "why", f->why) && add_also(o, f);
    }
    return good;
}

/* null where a thing was not measured. */
static bool add_number(cJSON *o, const char *key, double v, bool known)
{
    return cJSON_AddItemToObject(o, key, known ? cJSON_CreateNumber(v) : cJSON_CreateNull());
}

static bool add_forward(cJSON *top, const struct vs_check_result *r)
{
    const struct vs_forward_report *f = r->forward;
    if (!f)
        return cJSON_AddNullToObject(top, "forward") != NULL;
    cJSON *o = cJSON_AddObjectToObject(top, "forward");
    return o && add(o, "architecture", f->architecture) && add_number(o, "prompts", f->prompts, true) &&
           add_number(o, "positions", (double)f->positions, true) && add_number(o, "mass_new_max", f->mass_new_max, f->mass_new_max >= 0) &&
           add_number(o, "mass_new_mean", f->mass_new_mean, f->mass_new_mean >= 0) && add_number(o, "mass_surplus_max", f->mass_surplus_max, true) &&
           add_number(o, "kl_max", f->kl_max, f->mass_new_max >= 0) && add_number(o, "hidden_nmse", f->hidden_nmse, f->hidden_nmse >= 0) &&
           add_number(o, "logits_max_abs", f->logits_max_abs, f->logits_max_abs >= 0) &&
           add_number(o, "first_differing_layer", (double)f->first_differing_layer, f->first_differing_stage) &&
           add(o, "first_differing_stage", vs_stage_name(f->first_differing_stage)) &&
           add_number(o, "row_sum_error", f->row_sum_error, f->row_sum_error >= 0);
}

static bool add_ids(cJSON *o, const char *key, const uint32_t *ids, uint32_t count)
{
    cJSON *list = cJSON_AddArrayToObject(o, key);
    for (uint32_t i = 0; list && i < count; i++) {
        cJSON *n = cJSON_CreateNumber(ids[i]);
        if (!n || !cJSON_AddItemToArray(list, n))
            return false;
    }
    return list != NULL;
}

/* A continuation may end in the middle of a character: what is no UTF-8 becomes U+FFFD. */
static bool add_text(cJSON *o, struct vs_str s)
{
    struct vs_buf b = {0};
    while (s.n) {
        size_t n = vs_utf8_valid(s.p, s.n);
        vs_buf_add(&b, s.p, n);
        if (n < s.n) {
            vs_buf_puts(&b, "\xEF\xBF\xBD");
            n++;
        }
        s.p += n;
        s.n -= n;
    }
    bool good = !b.failed && add(o, "text", b.n ? b.p : "");
    vs_buf_free(&b);
    return good;
}

static bool add_generated(cJSON *top, const struct vs_check_result *r)
{
    const struct vs_forward_report *f = r->forward;
    cJSON *list = cJSON_AddArrayToObject(top, "generated");
    bool good = list;
    for (uint32_t i = 0; good && f && i < f->generated_count; i++) {
        const struct vs_generated *g = &f->generated[i];
        cJSON *o = cJSON_CreateObject();
        good = o && cJSON_AddItemToArray(list, o) && add_ids(o, "prompt", g->prompt, g->prompt_count) && add_ids(o, "ids", g->ids, g->count) &&
               add_text(o, g->text);
    }
    return good && add_number(top, "tokens_per_second", f ? f->tokens_per_second : 0, f && f->tokens_per_second > 0);
}

/* The file has this shape, or there is none and it says why. */
static bool add_dumped(cJSON *top, const struct vs_check_result *r)
{
    const struct vs_dumped *d = r->forward && r->forward->dumped.file ? &r->forward->dumped : NULL;
    if (!d)
        return cJSON_AddNullToObject(top, "dumped") != NULL;
    cJSON *o = cJSON_AddObjectToObject(top, "dumped");
    bool good = o && add(o, "file", d->why_not ? NULL : d->file) && add(o, "holds", d->hidden_states ? "hidden_states" : "logits") &&
                add(o, "why", d->why_not);
    if (!good || d->why_not)
        return good && cJSON_AddNullToObject(o, "shape");
    const double sides[2] = {(double)d->rows, (double)d->cols};
    return cJSON_AddItemToObject(o, "shape", cJSON_CreateDoubleArray(sides, 2));
}

enum vs_code vs_check_json(const struct vs_check_result *r, struct vs_buf *out, struct vs_err *err)
{
    cJSON *top = cJSON_CreateObject(), *facts = vs_facts_to_json(r->facts);
    bool good = top && facts && add(top, "schema", "vocabsurgeon/findings/1") && add(top, "path", r->facts->path) &&
                add(top, "verdict", verdict(r)) && add_levels(top, r) && add_device(top, r) && add_gather(top, r) && add_head(top, r) &&
                add_forward(top, r) && add_generated(top, r) && add_dumped(top, r) && add_findings(top, r);
    if (good) {
        good = vs_json_put(top, "facts", facts);
        facts = NULL;
    }
    char *text = good ? cJSON_PrintUnformatted(top) : NULL;
    if (text) {
        vs_buf_puts(out, text);
        vs_buf_puts(out, "\n");
    }
    bool failed = !text || out->failed;
    cJSON_free(text);
    cJSON_Delete(facts);
    cJSON_Delete(top);
    return failed ? vs_enomem(err, "the report", out->n) : VS_OK;
}
