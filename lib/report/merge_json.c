/* SPDX-License-Identifier: Apache-2.0
 *
 * The same for scripts: the counts; everything else is in vocab-map.json.
 */
#include <cjson/cJSON.h>
#include "base/mem.h"
#include "report/report.h"

enum vs_code vs_merge_json(const struct vs_merge_report *r, const char *out_dir, struct vs_buf *out, struct vs_err *err)
{
    const struct { const char *name; double value; bool unknown; } numbers[] = {
        {"base_tokens", r->base_tokens, false}, {"extension_tokens", r->extension_tokens, false}, {"shared", r->shared, false},
        {"rejected", r->rejected, false}, {"accepted", r->accepted, false}, {"known", r->known, false}, {"made_special", r->made_special, false},
        {"new", r->new_total, false}, {"intermediates", r->intermediates, false}, {"added", r->added, false}, {"merged", r->merged, false},
        {"reachable_by_merges", r->reachable_by_merges, false}, {"text_checked", r->text_checked, !r->text_tried},
        {"reachable_by_text", r->reachable_by_text, !r->text_tried}, {"parts", r->parts, !r->text_tried}, {"rows_needed", r->rows_needed, false}};
    cJSON *top = cJSON_CreateObject();
    bool good = top && cJSON_AddStringToObject(top, "schema", "vocabsurgeon/merge/1");
    for (size_t i = 0; good && i < sizeof numbers / sizeof *numbers; i++)
        good = numbers[i].unknown ? cJSON_AddNullToObject(top, numbers[i].name) != NULL
                                  : cJSON_AddNumberToObject(top, numbers[i].name, numbers[i].value) != NULL;
    good = good && vs_json_put(top, "out", vs_json_text(vs_cstr(out_dir)));
    cJSON *notes = good ? cJSON_AddArrayToObject(top, "notes") : NULL;
    for (uint32_t i = 0; good && notes && i < r->note_count; i++) {
        cJSON *note = vs_json_text(vs_cstr(r->notes[i]));
        good = cJSON_AddItemToArray(notes, note);
        if (!good)
            cJSON_Delete(note);
    }
    char *text = good && notes ? cJSON_PrintUnformatted(top) : NULL;
    if (text) {
        vs_buf_puts(out, text);
        vs_buf_puts(out, "\n");
    }
    bool failed = !text || out->failed;
    cJSON_free(text);
    cJSON_Delete(top);
    return failed ? vs_enomem(err, "the report", 0) : VS_OK;
}
