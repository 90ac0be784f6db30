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
    bool good = g && cJSON_AddNumberToObject(g, "checked", (double)r->gather.checked) && cJSON_AddNumberToObject(g, "bad_count", (double)r->gather.bad_count);
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

enum vs_code vs_check_json(const struct vs_check_result *r, struct vs_buf *out, struct vs_err *err)
{
    cJSON *top = cJSON_CreateObject(), *facts = vs_facts_to_json(r->facts);
    bool good = top && facts && add(top, "schema", "vocabsurgeon/findings/1") && add(top, "path", r->facts->path) && add(top, "verdict", verdict(r)) &&
                add_levels(top, r) && add_device(top, r) && add_gather(top, r) && add_head(top, r) && add_findings(top, r);
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
