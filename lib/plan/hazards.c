/* SPDX-License-Identifier: Apache-2.0
 *
 * What no file of the model says but some program does: constants that must be changed by hand when a table grows. They
 * are data: the member "hazards" of schemas/families/ID.json, each {"text", "when": {"rows": N before} or absent}.
 */
#include "model/data.h"
#include "plan/extend.h"

static bool applies(const struct vs_planner *p, const struct vs_jdoc *d, const struct vs_jval *hazard)
{
    int64_t rows;
    const struct vs_jval *when = vs_jpath(hazard, "/when/rows");
    return !when || (vs_ji64(d, when, &rows) && rows >= 0 && (uint64_t)rows == p->x->rows_before);
}

enum vs_code vs_extend_hazards(struct vs_planner *p, struct vs_err *err)
{
    const struct vs_jdoc *d = vs_ckpt_family(p->checkpoint);
    struct vs_str text;
    enum vs_code code = VS_OK;
    if (!d || p->x->rows_after == p->x->rows_before)
        return VS_OK;
    const struct vs_jval *list = vs_jget(d->root, "hazards");
    for (const struct vs_jval *h = list ? list->child : NULL; !code && h; h = h->next)
        if (applies(p, d, h) && vs_jstr(vs_jget(h, "text"), &text))
            code = vs_plan_note(p->plan, err, "by hand: %.*s", VS_STR(text));
    return code;
}
