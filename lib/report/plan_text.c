/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan for people: what grows, what moves, what holds, what stays to be done by hand.
 */
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "plan/recipe.h"
#include "report/report.h"

typedef unsigned long long ull;

#define LABEL "%-10s "
#define SHOWN_CHANGES 24 /* a screen; all of them with -v */

static const char *once(const char **label)
{
    const char *now = *label;
    *label = "";
    return now;
}

static void text_line(const char **label, const char *text, const char *more, struct vs_buf *b)
{
    vs_buf_printf(b, LABEL, once(label));
    vs_put_text(b, text);
    vs_buf_printf(b, "%s\n", more);
}

static void rows_line(const struct vs_plan *p, const struct vs_table_plan *t, const char **label, struct vs_buf *b)
{
    const struct vs_table *table = &p->checkpoint->tables[t->table];
    char name[160];
    vs_buf_printf(b, LABEL "%-5s  %s  ", once(label), vs_role_name(table->role),
                  vs_escape(name, sizeof name, p->checkpoint->tensors[table->tensor].name));
    if (t->rows_after == t->rows_before)
        vs_buf_printf(b, "%llu rows, none added", (ull)t->rows_before);
    else if (p->shift.by)
        vs_buf_printf(b, "%llu -> %llu rows: %llu %s %llu", (ull)t->rows_before, (ull)t->rows_after, (ull)(t->rows_after - t->rows_before),
                      t->insert_at == t->rows_before ? "appended at" : "inserted at", (ull)t->insert_at);
    else
        vs_buf_printf(b, "%llu -> %llu rows", (ull)t->rows_before, (ull)t->rows_after);
    if (vs_plan_recipe(p) && t->init_count)
        vs_buf_printf(b, ", %s", vs_init_name(t->default_init.method));
    if (vs_plan_recipe(p) && t->init_count && t->default_init.method == VS_INIT_COPY)
        vs_buf_printf(b, ":%u", t->default_init.copy_id);
    vs_buf_puts(b, "\n");
}

/* Whether a head is stored, and whether the config calls it tied. */
static void head_line(const struct vs_plan *p, struct vs_buf *b)
{
    bool stored = false, tied = false;
    for (uint32_t i = 0; i < p->table_count; i++) {
        stored |= p->checkpoint->tables[p->tables[i].table].role == VS_ROLE_HEAD;
        tied |= vs_plan_recipe(p)->maybe_tied[i];
    }
    enum vs_tie says = p->checkpoint->config.tie;
    if (!stored)
        vs_buf_printf(b, LABEL "head   %s\n", "", says == VS_TIE_TRUE    ? "tied (no second table is stored)"
                                                : says == VS_TIE_FALSE ? "none is stored, though the config says that it is not tied"
                                                                       : "none is stored: tied to the input, or a model without one");
    else if (tied)
        vs_buf_printf(b, LABEL "head   %s; the stored copy is compared before it is written\n", "",
                      says == VS_TIE_TRUE ? "tied, says the config" : "perhaps tied: no config says it is not");
}

static void extend_summary(const struct vs_plan *p, struct vs_buf *b)
{
    const struct vs_extend *x = vs_plan_recipe(p);
    uint32_t untouched = 0;
    for (uint32_t i = 0; i < p->checkpoint->file_count; i++)
        untouched += !x->layouts[i].header.p;
    ull added = x->rows_after - x->rows_before, spare = x->spare_used;
    head_line(p, b);
    vs_buf_printf(b, LABEL "", "");
    if (spare)
        vs_buf_printf(b, "%llu spare row%s become%s %s, ", spare, spare == 1 ? "" : "s", spare == 1 ? "s" : "", spare == 1 ? "a token" : "tokens");
    vs_buf_printf(b, "%llu row%s added", added, added == 1 ? " is" : "s are");
    if (p->checkpoint->file_count > 1)
        vs_buf_printf(b, "; %u of %u weight files stay as they are", untouched, p->checkpoint->file_count);
    vs_buf_puts(b, "\n");
    if (x->rows_after > x->needed && !p->shift.by)
        vs_buf_printf(b, LABEL "%llu rows carry no token: %llu .. %llu\n", "", (ull)(x->rows_after - x->needed), (ull)x->needed,
                      (ull)(x->rows_after - 1));
}

static void tables(const struct vs_plan *p, struct vs_buf *b)
{
    const char *label = vs_plan_recipe(p) ? "plan" : "rows";
    if (!p->checkpoint)
        return;
    for (uint32_t i = 0; i < p->table_count; i++)
        rows_line(p, &p->tables[i], &label, b);
    if (p->table_count && vs_plan_recipe(p))
        extend_summary(p, b);
}

static void blocks(const struct vs_plan *p, struct vs_buf *b)
{
    if (!p->block_count)
        return;
    vs_buf_printf(b, LABEL, "blocks");
    for (uint32_t i = 0; i < p->block_count; i++)
        vs_buf_printf(b, "%s%s %llu .. %llu", i ? ", " : "", p->blocks[i].name, (ull)p->blocks[i].begin, (ull)(p->blocks[i].end - 1));
    vs_buf_puts(b, "     order kept\n");
}

static void cut(struct vs_buf *b, struct vs_str s, int width)
{
    char shown[32];
    vs_buf_printf(b, "%*s", width, s.n ? vs_escape(shown, sizeof shown, s) : "absent");
}

/* Edits of tokenizer files are one for each token that moves: thousands of the same. */
static bool is_bulk(const struct vs_json_change *c)
{
    return strncmp(c->file, "tokenizer", 9) == 0 || strcmp(c->file, "added_tokens.json") == 0 || strcmp(c->file, "vocab.json") == 0;
}

static void bulk_line(const struct vs_plan *p, uint32_t from, const char **label, struct vs_buf *b)
{
    const char *file = p->changes[from].file;
    uint32_t n = 0;
    for (uint32_t i = 0; i < from; i++)
        if (strcmp(p->changes[i].file, file) == 0)
            return; /* told already */
    for (uint32_t i = from; i < p->change_count; i++)
        n += strcmp(p->changes[i].file, file) == 0;
    vs_buf_printf(b, LABEL "%u edits in %s (-v shows them)\n", once(label), n, file);
}

static void changes(const struct vs_plan *p, const struct vs_look *look, struct vs_buf *b)
{
    const char *label = "edits";
    uint32_t shown = 0, left = 0;
    for (uint32_t i = 0; i < p->change_count; i++) {
        const struct vs_json_change *c = &p->changes[i];
        if (!look->verbose && is_bulk(c)) {
            bulk_line(p, i, &label, b);
            continue;
        }
        if (!look->verbose && ++shown > SHOWN_CHANGES) {
            left++;
            continue;
        }
        vs_buf_printf(b, LABEL, once(&label));
        cut(b, c->before, 10);
        vs_buf_puts(b, " -> ");
        cut(b, c->after, -10);
        vs_buf_puts(b, " ");
        vs_put_text(b, c->file);
        vs_buf_puts(b, " ");
        vs_put_text(b, c->at);
        vs_buf_puts(b, "\n");
    }
    if (left)
        vs_buf_printf(b, LABEL "and %u more (-v shows all)\n", "", left);
}

static void invariants(const struct vs_plan *p, const struct vs_look *look, struct vs_buf *b)
{
    uint32_t good = 0;
    const char *label = "holds";
    for (uint32_t i = 0; i < p->invariant_count; i++) {
        good += p->invariants[i].after;
        if (p->invariants[i].after && (look->verbose || !p->invariants[i].before))
            text_line(&label, p->invariants[i].text, p->invariants[i].before ? "" : "   (did not hold before)", b);
    }
    if (good && !look->verbose)
        vs_buf_printf(b, LABEL "%u of %u invariants of the family (-v lists them)\n", once(&label), good, p->invariant_count);
    label = "broken";
    for (uint32_t i = 0; i < p->invariant_count; i++)
        if (!p->invariants[i].after)
            text_line(&label, p->invariants[i].text, p->invariants[i].before ? "" : "   (nor before)", b);
}

enum vs_code vs_plan_text(const struct vs_plan *p, const struct vs_look *look, struct vs_buf *out, struct vs_err *err)
{
    const char *label = "note";
    tables(p, out);
    blocks(p, out);
    changes(p, look, out);
    invariants(p, look, out);
    for (uint32_t i = 0; i < p->note_count; i++)
        text_line(&label, p->notes[i], "", out);
    return out->failed ? vs_enomem(err, "the plan", out->n) : VS_OK;
}
