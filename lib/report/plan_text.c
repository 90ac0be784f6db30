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

static void method(struct vs_init init, struct vs_buf *b)
{
    vs_buf_puts(b, vs_init_name(init.method));
    if (init.method == VS_INIT_COPY)
        vs_buf_printf(b, ":%u", init.copy_id);
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
    if (vs_plan_recipe(p) && t->init_count) {
        if (t->rows_after == t->rows_before)
            vs_buf_printf(b, "; %llu spare: ", (ull)vs_plan_recipe(p)->spare_used);
        else
            vs_buf_puts(b, ", ");
        method(t->default_init, b);
    }
    vs_buf_puts(b, "\n");
}

/* A head that is stored and does not grow: --ignore said so. */
static const struct vs_table *ignored_head(const struct vs_plan *p)
{
    const struct vs_table *head = vs_checkpoint_table(p->checkpoint, VS_ROLE_HEAD);
    return head && !head->suspect ? head : NULL;
}

/* Whether a head is stored, and whether the config calls it tied. */
static void head_line(const struct vs_plan *p, struct vs_buf *b)
{
    bool grows = false, tied = false;
    for (uint32_t i = 0; i < p->table_count; i++) {
        grows |= p->checkpoint->tables[p->tables[i].table].role == VS_ROLE_HEAD;
        tied |= vs_plan_recipe(p)->maybe_tied[i];
    }
    const struct vs_table *stays = grows ? NULL : ignored_head(p);
    enum vs_tie says = p->checkpoint->config.tie;
    char name[160];
    if (stays)
        vs_buf_printf(b, LABEL "head   %s  %llu rows, left as it is\n", "",
                      vs_escape(name, sizeof name, p->checkpoint->tensors[stays->tensor].name), (ull)stays->rows);
    else if (!grows)
        vs_buf_printf(b, LABEL "head   %s\n", "", says == VS_TIE_TRUE    ? "tied (no second table is stored)"
                                                : says == VS_TIE_FALSE ? "none is stored, though the config says that it is not tied"
                                                                       : "none is stored: tied to the input, or a model without one");
    else if (tied)
        vs_buf_printf(b, LABEL "head   %s; the stored copy is compared before it is written\n", "",
                      says == VS_TIE_TRUE ? "tied, says the config" : "perhaps tied: no config says it is not");
}

static void set_by_file(const struct vs_extend *x, struct vs_buf *b)
{
    ull n = 0;
    for (uint32_t i = 0; i < x->token_count; i++)
        n += x->tokens[i].by_file;
    if (n)
        vs_buf_printf(b, LABEL "%llu of %llu new rows begin%s as --init-file says\n", "", n, (ull)x->id_count, n == 1 ? "s" : "");
}

/* Blocks end the table, so padding stands before them, and its ids are holes. */
static void nameless_inside(const struct vs_plan *p, struct vs_buf *b)
{
    const struct vs_extend *x = vs_plan_recipe(p);
    ull named = x->token_count && x->tokens[0].token.n ? x->id_count : 0, n = p->shift.by - named;
    if (n)
        vs_buf_printf(b, LABEL "%llu row%s no token: %llu .. %llu, between the text and the blocks: no padding can follow those, so the ids have a "
                      "hole there\n", "", n, n == 1 ? " carries" : "s carry", (ull)p->shift.at + named, (ull)(p->shift.at + p->shift.by - 1));
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
        vs_buf_printf(b, "%llu spare row%s, ", spare, vs_plan_recipe(p)->tokens[0].token.n ? (spare == 1 ? " becomes a token" : "s become tokens")
                                                                                        : (spare == 1 ? " is reserved" : "s are reserved"));
    if (added || spare)
        vs_buf_printf(b, "%llu row%s added", added, added == 1 ? " is" : "s are");
    else
        vs_buf_puts(b, "nothing grows: no row is added, and no spare one is taken");
    if (p->checkpoint->file_count > 1)
        vs_buf_printf(b, "; %u of %u weight files stay%s as %s", untouched, p->checkpoint->file_count, untouched == 1 ? "s" : "",
                      untouched == 1 ? "it is" : "they are");
    vs_buf_puts(b, "\n");
    set_by_file(x, b);
    if (p->shift.by)
        nameless_inside(p, b);
    else if (x->rows_after > x->named)
        vs_buf_printf(b, LABEL "%llu row%s no token: %llu .. %llu\n", "", (ull)(x->rows_after - x->named),
                      x->rows_after - x->named == 1 ? " carries" : "s carry", (ull)x->named, (ull)(x->rows_after - 1));
}

static void begins_as(const struct vs_extend_token *t, struct vs_init init, struct vs_buf *b)
{
    method(init, b);
    for (uint32_t k = 0; k < t->piece_count && init.method == VS_INIT_PIECES; k++)
        vs_buf_printf(b, " %u", t->pieces[k]);
}

/* -v: what every new row begins as. */
static void new_tokens(const struct vs_plan *p, struct vs_buf *b)
{
    const struct vs_extend *x = vs_plan_recipe(p);
    const char *label = "new";
    for (uint32_t i = 0; i < x->token_count; i++) {
        const struct vs_extend_token *t = &x->tokens[i];
        vs_buf_printf(b, LABEL "%llu ", once(&label), (ull)t->id);
        if (t->count > 1)
            vs_buf_printf(b, ".. %llu ", (ull)(t->id + t->count - 1));
        vs_put_token(b, t->token, t->bytes);
        vs_buf_puts(b, t->token.n ? "  " : " ");
        begins_as(t, t->in, b);
        if (t->in.method != t->out.method || t->in.copy_id != t->out.copy_id) {
            vs_buf_puts(b, ", head ");
            begins_as(t, t->out, b);
        }
        vs_buf_puts(b, "\n");
    }
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

static void block_list(const char *label, const struct vs_block *list, uint32_t count, const char *more, struct vs_buf *b)
{
    vs_buf_printf(b, LABEL, label);
    for (uint32_t i = 0; i < count; i++)
        vs_buf_printf(b, "%s%s %llu .. %llu", i ? ", " : "", list[i].name, (ull)list[i].begin, (ull)(list[i].end - 1));
    vs_buf_puts(b, more);
}

static void blocks(const struct vs_plan *p, struct vs_buf *b)
{
    if (p->block_count)
        block_list("blocks", p->blocks, p->block_count, "     order kept\n", b);
    if (p->shift.by)
        block_list("after", p->blocks_after, p->blocks_after_count, "\n", b);
}

static const char *shown(struct vs_str s, char out[32])
{
    return s.n ? vs_escape(out, 32, s) : "absent";
}

static void change(const struct vs_json_change *c, struct vs_buf *b)
{
    char before[32], after[32];
    vs_buf_printf(b, "%s -> %-12s ", shown(c->before, before), shown(c->after, after));
    vs_put_text(b, c->file);
    vs_buf_puts(b, " ");
    vs_put_text(b, c->at);
    vs_buf_puts(b, "\n");
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
        change(c, b);
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
            text_line(&label, p->invariants[i].text, p->shift.by && !p->invariants[i].before ? "   (nor before)" : "", b);
}

enum vs_code vs_plan_text(const struct vs_plan *p, const struct vs_look *look, struct vs_buf *out, struct vs_err *err)
{
    const char *label = "note";
    tables(p, out);
    if (vs_plan_recipe(p) && look->verbose)
        new_tokens(p, out);
    blocks(p, out);
    changes(p, look, out);
    invariants(p, look, out);
    for (uint32_t i = 0; i < p->note_count; i++)
        text_line(&label, p->notes[i], "", out);
    return out->failed ? vs_enomem(err, "the plan", out->n) : VS_OK;
}
