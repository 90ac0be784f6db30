/* SPDX-License-Identifier: Apache-2.0
 *
 * What no file of the model says but some program does: constants that must be changed by hand when a table grows. They
 * are data: the member "hazards" of schemas/families/ID.json, each {"tensor", "rows" (optional: before), "text"}; in the
 * text "{rows}" stands for the rows after.
 */
#include "json/schema.h"
#include "plan/extend.h"

static const struct vs_table_plan *find(const struct vs_planner *p, struct vs_str tensor)
{
    for (uint32_t i = 0; i < p->plan->table_count; i++) {
        const struct vs_table *t = &p->checkpoint->tables[p->plan->tables[i].table];
        if (vs_glob(tensor, p->checkpoint->tensors[t->tensor].name))
            return &p->plan->tables[i];
    }
    return NULL;
}

static enum vs_code note(struct vs_planner *p, struct vs_str text, uint64_t rows, struct vs_err *err)
{
    static const char mark[] = "{rows}";
    const char *at = text.n ? memmem(text.p, text.n, mark, sizeof mark - 1) : NULL;
    if (!at)
        return vs_plan_note(p->plan, err, "by hand: %.*s", VS_STR(text));
    size_t head = (size_t)(at - text.p), tail = text.n - head - (sizeof mark - 1);
    return vs_plan_note(p->plan, err, "by hand: %.*s%llu%.*s", (int)head, text.p, (unsigned long long)rows, (int)tail, at + sizeof mark - 1);
}

static enum vs_code of_family(struct vs_planner *p, const char *name, struct vs_err *err)
{
    struct vs_jdoc d = {0};
    enum vs_code code = vs_data_read(p->run->data_dir, name, &d, err);
    const struct vs_jval *list = code ? NULL : vs_jget(d.root, "hazards");
    for (const struct vs_jval *h = list ? list->child : NULL; !code && h; h = h->next) {
        struct vs_str tensor, text;
        int64_t rows;
        const struct vs_table_plan *t = vs_jstr(vs_jget(h, "tensor"), &tensor) ? find(p, tensor) : NULL;
        if (!t || t->rows_after == t->rows_before || !vs_jstr(vs_jget(h, "text"), &text))
            continue;
        if (!vs_ji64(&d, vs_jget(h, "rows"), &rows) || (rows >= 0 && (uint64_t)rows == t->rows_before))
            code = note(p, text, t->rows_after, err);
    }
    vs_jdoc_free(&d);
    return code;
}

enum vs_code vs_extend_hazards(struct vs_planner *p, struct vs_err *err)
{
    const char **names;
    size_t count;
    enum vs_code code = vs_data_list(p->run->data_dir, "families/", p->arena, &names, &count, err);
    for (size_t i = 0; !code && i < count; i++)
        code = of_family(p, names[i], err);
    return code;
}
