/* SPDX-License-Identifier: Apache-2.0
 *
 * What vocab-merge tells people: the counts, which add up, why candidates were left out, and the next command.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "base/map.h"
#include "report/report.h"

#define REASONS 32
#define LISTED_MOST 20   /* tokens by name without -v */
#define ALIGNED 64       /* rows of a table are padded to a multiple of it, mostly */
#define INDENT 21        /* where text stands behind a count */

/* "label        12   ": the counts of a report stand below each other. */
#define COUNT "%-10s %7u   "

struct reason { struct vs_str text; uint32_t count; };

/* The part before a colon; what follows names one token. */
static struct vs_str kind_of(struct vs_str reason)
{
    const char *colon = memchr(reason.p, ':', reason.n);
    return (struct vs_str){reason.p, colon ? (size_t)(colon - reason.p) : reason.n};
}

/* Reasons by count; there are about ten different ones. */
static uint32_t count_reasons(const struct vs_vocab_map *map, struct reason *reasons)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < map->reject_count; i++) {
        uint32_t k = 0;
        const struct vs_str kind = kind_of(map->rejects[i].reason);
        while (k < n && !vs_str_eq(reasons[k].text, kind))
            k++;
        if (k == n && n < REASONS)
            reasons[n++] = (struct reason){kind, 0};
        if (k < n)
            reasons[k].count++;
    }
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && reasons[k].count > reasons[k - 1].count; k--) {
            struct reason swap = reasons[k];
            reasons[k] = reasons[k - 1];
            reasons[k - 1] = swap;
        }
    return n;
}

/* ---- tokens by name ---- */

static void put_new_token(struct vs_buf *out, const struct vs_merge_report *r, const struct vs_new_token *t)
{
    vs_buf_printf(out, "%u ", t->id);
    vs_put_token(out, t->token, r->byte_level && (t->kind == VS_NEW_MERGED || t->kind == VS_NEW_INTERMEDIATE));
}

/* Puts item, a part of a list, on the line or on a new one below it. */
static void put_item(struct vs_buf *out, size_t *column, const struct vs_buf *item, unsigned width)
{
    if (*column > INDENT && *column + 2 + item->n > width) {
        vs_buf_printf(out, ",\n%*s", INDENT, "");
        *column = INDENT;
    } else if (*column > INDENT) {
        vs_buf_puts(out, ", ");
        *column += 2;
    }
    vs_buf_add(out, item->p, item->n);
    *column += item->n;
    out->failed |= item->failed;
}

static void list_new(const struct vs_merge_report *r, const struct vs_look *look, struct vs_buf *out)
{
    size_t column = INDENT;
    struct vs_buf item = {0};
    vs_buf_printf(out, "%*s", INDENT, "");
    for (uint32_t i = 0; i < r->new_total; i++) {
        item.n = 0;
        put_new_token(&item, r, &r->map->news[i]);
        put_item(out, &column, &item, look->width ? look->width : 80);
    }
    vs_buf_puts(out, "\n");
    vs_buf_free(&item);
}

static void list_rejected(const struct vs_vocab_map *map, struct vs_buf *out)
{
    for (uint32_t i = 0; i < map->reject_count; i++) {
        vs_buf_printf(out, "%*s", INDENT, "");
        vs_put_token(out, map->rejects[i].token, map->rejects[i].bytes);
        vs_buf_printf(out, ": %.*s\n", VS_STR(map->rejects[i].reason));
    }
}

/* ---- the lines ---- */

/* A path as it can be shown, whatever its bytes are. */
static void put_path(struct vs_buf *out, const char *before, const char *path, const char *behind)
{
    vs_buf_puts(out, before);
    vs_buf_escaped(out, vs_cstr(path));
    vs_buf_puts(out, behind);
}

static void put_rejected(const struct vs_merge_report *r, const char *out_dir, const struct vs_look *look, struct vs_buf *out)
{
    struct reason reasons[REASONS];
    uint32_t n = count_reasons(r->map, reasons);
    if (n == 0) {
        vs_buf_puts(out, "rejected      none\n");
        return;
    }
    vs_buf_printf(out, COUNT, "rejected", r->rejected);
    if (out_dir)
        put_path(out, "named in ", out_dir, "/vocab-map.json\n");
    else
        vs_buf_puts(out, look->verbose ? "these:\n" : "-v names them\n");
    for (uint32_t i = 0; i < n; i++)
        vs_buf_printf(out, COUNT "%.*s\n", "", reasons[i].count, VS_STR(reasons[i].text));
    if (look->verbose)
        list_rejected(r->map, out);
}

/* Tokens to add that the base has: they keep their ids. */
static void put_known(const struct vs_merge_report *r, const struct vs_look *look, struct vs_buf *out)
{
    uint32_t shown = 0;
    size_t column = INDENT;
    struct vs_buf item = {0};
    if (!r->known)
        return;
    vs_buf_printf(out, COUNT "of the tokens to add %s in the base already:\n%*s", "known", r->known, r->known == 1 ? "is" : "are", INDENT, "");
    for (uint32_t i = 0; i < r->map->overlap_count; i++) {
        const struct vs_overlap *o = &r->map->overlaps[i];
        if (o->source_id != VS_NO_ID || (shown == LISTED_MOST && !look->verbose))
            continue;
        item.n = 0;
        vs_buf_printf(&item, "%u ", o->id);
        vs_put_token(&item, o->token, false);
        put_item(out, &column, &item, look->width ? look->width : 80);
        shown++;
    }
    vs_buf_puts(out, shown < r->known ? ", ... (-v lists them)\n" : "\n");
    vs_buf_free(&item);
}

/* What the new ones are, where they are of more than one kind. */
static void put_kinds(const struct vs_merge_report *r, struct vs_buf *out)
{
    if ((r->accepted > 0) + (r->intermediates > 0) + (r->added > 0) < 2)
        return;
    if (r->accepted)
        vs_buf_printf(out, COUNT "from the extensions\n", "", r->accepted);
    if (r->intermediates)
        vs_buf_printf(out, COUNT "intermediate: needed on the way to others\n", "", r->intermediates);
    if (r->added)
        vs_buf_printf(out, COUNT "added by text\n", "", r->added);
}

static void put_reachable(const struct vs_merge_report *r, bool dry, struct vs_buf *out)
{
    const char *label = "reachable";
    if (r->merged) {
        vs_buf_printf(out, COUNT "of %u by merges", label, r->reachable_by_merges, r->merged);
        if (r->added)
            vs_buf_printf(out, " (%u added by text need%s none)", r->added, r->added == 1 ? "s" : "");
        vs_buf_puts(out, "\n");
        label = "";
    }
    if (r->text_tried) {
        vs_buf_printf(out, COUNT "of %u by text", label, r->reachable_by_text, r->text_checked);
        if (r->parts)
            vs_buf_printf(out, r->parts == 1 ? " (%u part of a character is not tested)" : " (%u parts of characters are not tested)", r->parts);
        vs_buf_puts(out, "\n");
    } else if (dry) {
        vs_buf_printf(out, "%-21sby text: tested when it is written\n", label);
    }
}

static void put_new(const struct vs_merge_report *r, bool dry, const struct vs_look *look, struct vs_buf *out)
{
    if (!r->new_total) {
        vs_buf_puts(out, "new           none   no id is added: no row is needed\n");
        return;
    }
    vs_buf_printf(out, COUNT "%s %u", "new", r->new_total, r->new_total == 1 ? "id" : "ids", r->first_id);
    if (r->new_total > 1)
        vs_buf_printf(out, " .. %u", r->last_id);
    vs_buf_puts(out, "\n");
    put_kinds(r, out);
    if (r->new_total <= LISTED_MOST || look->verbose)
        list_new(r, look, out);
    put_reachable(r, dry, out);
}

static void put_next(const struct vs_merge_report *r, const struct vs_merge_request *q, const char *out_dir, struct vs_buf *out)
{
    char map[PATH_MAX];
    vs_buf_printf(out, "\nrows needed %u", r->rows_needed);
    if (r->model_rows) {
        put_path(out, "; the table of ", q->base, " has ");
        vs_buf_printf(out, "%llu", (unsigned long long)r->model_rows);
    }
    if (r->model_rows && r->rows_needed > r->model_rows && r->model_rows % ALIGNED == 0 && !r->blocks)
        vs_buf_printf(out, ", a multiple of %d: --pad-multiple %d keeps it one", ALIGNED, ALIGNED);
    vs_buf_puts(out, "\n");
    if (!out_dir || !r->new_total)
        return;
    snprintf(map, sizeof map, "%s/vocab-map.json", out_dir);
    vs_buf_puts(out, "next: ");
    vs_text_command(out, (const char *const[]){"embed-extend", r->model_rows ? q->base : "MODEL", "--map", map, "-o", "OUT", NULL});
    vs_buf_puts(out, "\n");
}

enum vs_code vs_merge_text(const struct vs_merge_report *r, const struct vs_merge_request *q, const char *out_dir, const struct vs_look *look,
                           struct vs_buf *out, struct vs_err *err)
{
    if (look->quiet) {
        vs_buf_puts(out, out_dir ? out_dir : "");
        vs_buf_puts(out, out_dir ? "\n" : "");
        return out->failed ? vs_enomem(err, "the report", out->n) : VS_OK;
    }
    put_path(out, "base       ", q->base, "   ");
    vs_buf_printf(out, "%u tokens\n", r->base_tokens);
    for (size_t i = 0; i < q->extension_count; i++)
        put_path(out, "extension  ", q->extensions[i], "\n");
    if (q->extension_count) {
        vs_buf_printf(out, COUNT "tokens to consider\n", "", r->extension_tokens);
        vs_buf_printf(out, COUNT "in the base already\n", "shared", r->shared);
        put_rejected(r, out_dir, look, out);
    }
    put_known(r, look, out);
    put_new(r, !out_dir, look, out);
    for (uint32_t i = 0; i < r->note_count; i++) {
        vs_buf_puts(out, "note       ");
        vs_put_text(out, r->notes[i]);
        vs_buf_puts(out, "\n");
    }
    put_next(r, q, out_dir, out);
    return out->failed ? vs_enomem(err, "the report", out->n) : VS_OK;
}
