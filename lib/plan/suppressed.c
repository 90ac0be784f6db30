/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of ids that are not to be generated name spare rows as well. A spare row that becomes a token's leaves them, or the token
 * would never come out.
 */
#include "base/io.h"
#include "model/id_lists.h"
#include "plan/extend.h"

/* A spare row that becomes the row of a token. Ids beyond the table are tokens of MODEL already, silenced on purpose. */
static bool wakes(const struct vs_planner *p, int64_t id)
{
    const struct vs_extend_token *t = id < 0 || (uint64_t)id >= p->x->rows_before ? NULL : vs_extend_token_at(p->x, (uint64_t)id);
    return t && t->token.n;
}

/* An id, or ids that are kept from following each other: with one of them the row goes. */
static bool names_one(const struct vs_planner *p, const struct vs_jdoc *doc, const struct vs_jval *v)
{
    int64_t id;
    if (v->type != VS_JSON_ARRAY)
        return vs_ji64(doc, v, &id) && wakes(p, id);
    for (const struct vs_jval *e = v->child; e; e = e->next)
        if (names_one(p, doc, e))
            return true;
    return false;
}

static enum vs_code note_gone(struct vs_planner *p, const char *file, const struct vs_jdoc *doc, const struct vs_jval *v, const char *at,
                              int position, struct vs_err *err)
{
    struct vs_buf place = {0};
    vs_buf_puts(&place, at);
    if (position >= 0)
        vs_buf_printf(&place, "/%d", position);
    const struct vs_str before = {doc->text.p + v->span.begin, v->span.end - v->span.begin};
    enum vs_code code = vs_plan_add_change(p->plan, file, place.failed ? NULL : place.p, before, position < 0 ? VS_LIT("null") : VS_LIT(""),
                                           err);
    vs_buf_free(&place);
    return code;
}

/* Members go with the comma before them, those at the head of the list with the one behind; a list of which nothing stays is null. */
static enum vs_code clean(struct vs_planner *p, const char *file, const struct vs_jdoc *doc, const struct vs_jval *list, const char *at,
                          struct vs_edits *e, struct vs_err *err)
{
    const struct vs_jval *last = NULL;
    enum vs_code code = VS_OK;
    int position = 0;
    bool keeps = false, kept = false;
    for (const struct vs_jval *v = list->type == VS_JSON_ARRAY ? list->child : NULL; v; v = v->next)
        keeps |= !names_one(p, doc, v);
    if (!keeps) {
        code = vs_edit(e, list->span.begin, list->span.end, VS_LIT("null"), err);
        return code ? code : note_gone(p, file, doc, list, at, -1, err);
    }
    for (const struct vs_jval *v = list->child; v && !code; last = v, v = v->next, position++) {
        if (!names_one(p, doc, v)) {
            kept = true;
            continue;
        }
        code = kept ? vs_edit(e, last->span.end, v->span.end, VS_LIT(""), err) : vs_edit(e, v->span.begin, v->next->span.begin, VS_LIT(""), err);
        if (!code)
            code = note_gone(p, file, doc, v, at, position, err);
    }
    return code;
}

enum vs_code vs_extend_wake(struct vs_planner *p, const char *file, const struct vs_jdoc *doc, struct vs_edits *e, struct vs_err *err)
{
    const struct vs_config *c = &p->checkpoint->config;
    enum vs_code code = VS_OK;
    for (size_t i = 0, n; i < c->special_id_count && !code; i += n) {
        const struct vs_config_int *ids = &c->special_ids[i];
        uint32_t gone = 0;
        for (n = 0; i + n < c->special_id_count && vs_id_same_list(ids, ids + n); n++)
            gone += ids[n].suppressed && wakes(p, ids[n].value);
        if (!gone || strcmp(ids->file, file) != 0)
            continue;
        char *at = vs_arena_dup(p->arena, ids->at, vs_id_to_key(ids));
        const struct vs_jval *list = at ? vs_jpath(doc->root, at) : NULL;
        if (!at)
            return vs_enomem(err, "a place", 0);
        if (list && !(code = clean(p, file, doc, list, at, e, err)))
            code = vs_plan_note(p->plan, err, "%s: %u %s of %s %s: new tokens could not be generated", file, gone, gone == 1 ? "member" : "members",
                                at, gone == 1 ? "goes" : "go");
    }
    return code;
}
