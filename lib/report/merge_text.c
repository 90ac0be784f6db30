/* SPDX-License-Identifier: Apache-2.0
 *
 * What vocab-merge tells people: the counts, why candidates were left out, and the next command.
 */
#include <string.h>
#include "base/io.h"
#include "base/map.h"
#include "report/report.h"

#define REASONS 32

struct reason { struct vs_str text; uint32_t count; };

/* Reasons by count; there are about ten different ones. */
static uint32_t count_reasons(const struct vs_vocab_map *map, struct reason *reasons)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < map->reject_count; i++) {
        uint32_t k = 0;
        while (k < n && !vs_str_eq(reasons[k].text, map->rejects[i].reason))
            k++;
        if (k == n && n < REASONS)
            reasons[n++] = (struct reason){map->rejects[i].reason, 0};
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

static void put_rejected(const struct vs_merge_report *r, struct vs_buf *out)
{
    struct reason reasons[REASONS];
    uint32_t n = count_reasons(r->map, reasons);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0)
            vs_buf_printf(out, "rejected   %7u", r->rejected);
        else
            vs_buf_printf(out, "%18s", "");
        vs_buf_printf(out, "   %u %.*s\n", reasons[i].count, VS_STR(reasons[i].text));
    }
    if (n == 0)
        vs_buf_puts(out, "rejected      none\n");
}

static void put_new(const struct vs_merge_report *r, struct vs_buf *out)
{
    if (!r->new_total) {
        vs_buf_puts(out, "new           none\n");
        return;
    }
    vs_buf_printf(out, "new        %7u   %s %u", r->new_total, r->new_total == 1 ? "id" : "ids", r->first_id);
    if (r->new_total > 1)
        vs_buf_printf(out, " .. %u", r->last_id);
    if (r->intermediates)
        vs_buf_printf(out, "   (of them %u intermediate: needed on the way to others)", r->intermediates);
    vs_buf_puts(out, "\n");
    if (r->merged)
        vs_buf_printf(out, "reachable  %7u   of %u by merges\n", r->reachable_by_merges, r->merged);
    if (r->text_checked)
        vs_buf_printf(out, "%-10s %7u   of %u by text\n", r->merged ? "" : "reachable", r->reachable_by_text, r->text_checked);
}

static void put_next(const struct vs_merge_report *r, const struct vs_merge_request *q, const char *out_dir, struct vs_buf *out)
{
    vs_buf_printf(out, "\nrows needed %u", r->rows_needed);
    if (r->model_rows)
        vs_buf_printf(out, "; the table of %s has %llu", q->base, (unsigned long long)r->model_rows);
    vs_buf_puts(out, "\n");
    if (out_dir && r->new_total)
        vs_buf_printf(out, "next: embed-extend %s --map %s/vocab-map.json -o OUT\n", r->model_rows ? q->base : "MODEL", out_dir);
}

enum vs_code vs_merge_text(const struct vs_merge_report *r, const struct vs_merge_request *q, const char *out_dir, const struct vs_look *look,
                           struct vs_buf *out, struct vs_err *err)
{
    if (look->quiet) {
        vs_buf_printf(out, "%s\n", out_dir ? out_dir : "");
        return out->failed ? vs_enomem(err, "the report", out->n) : VS_OK;
    }
    vs_buf_printf(out, "base       %s   %u tokens\n", q->base, r->base_tokens);
    for (size_t i = 0; i < q->extension_count; i++)
        vs_buf_printf(out, "extension  %s\n", q->extensions[i]);
    if (q->extension_count)
        vs_buf_printf(out, "           %7u   tokens to consider\n", r->extension_tokens);
    vs_buf_printf(out, "shared     %7u   in the base already\n", r->shared);
    put_new(r, out);
    put_rejected(r, out);
    for (uint32_t i = 0; i < r->note_count; i++) {
        vs_buf_puts(out, "note       ");
        vs_put_text(out, r->notes[i]);
        vs_buf_puts(out, "\n");
    }
    put_next(r, q, out_dir, out);
    return out->failed ? vs_enomem(err, "the report", out->n) : VS_OK;
}
