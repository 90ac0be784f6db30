/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab-check for people: each finding in four parts, then the levels, then one line that says how it went.
 */
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "report/report.h"

static enum vs_color color_of(enum vs_severity s)
{
    return s == VS_ERROR ? VS_RED : s == VS_WARNING ? VS_YELLOW : VS_CYAN;
}

static void put_place(const char *label, const char *file, const char *at, struct vs_buf *b)
{
    if (!file || !*file)
        return;
    vs_buf_printf(b, "  %-7s ", label);
    vs_put_text(b, file);
    vs_buf_puts(b, at && *at ? " " : "");
    vs_put_text(b, at);
    vs_buf_puts(b, "\n");
}

static void put_finding(const struct vs_finding *f, const struct vs_look *look, struct vs_buf *b)
{
    vs_buf_printf(b, "%s%-7s%s %s  ", vs_color_on(look, color_of(f->severity)), vs_severity_name(f->severity), vs_color_off(look), f->rule);
    vs_put_text(b, f->message);
    vs_buf_puts(b, "\n");
    put_place("where", f->file, f->at, b);
    put_place(f->file && *f->file ? "" : "where", f->also_file, f->also_at, b);
    put_place("why", f->why, NULL, b);
    put_place("remedy", f->remedy, NULL, b);
}

static void put_levels(const struct vs_check_result *r, const struct vs_look *look, struct vs_buf *b)
{
    static const char *const names[] = {"L0 structure", "L1 bytes", "L2 rows and head", "L3 forward", "L4 two forwards"};
    static const char *const states[] = {"not run", "pass", "FAIL"};
    static const enum vs_color colors[] = {VS_PLAIN, VS_GREEN, VS_RED};
    for (int i = 0; i < 5; i++) {
        const struct vs_level *l = &r->levels[i];
        vs_buf_printf(b, "%-10s %-17s %s%s%s", i ? "" : "levels", names[i], vs_color_on(look, colors[l->state]), states[l->state],
                      vs_color_off(look));
        if (l->why)
            vs_buf_printf(b, " (%s)", l->why);
        vs_buf_puts(b, "\n");
    }
}

/* Why there is no better device is said in full to those who ask. */
static void put_device(const struct vs_check_result *r, const struct vs_look *look, struct vs_buf *b)
{
    vs_buf_printf(b, "device     %s (%s)", r->device_kind, r->device_name);
    if (r->device_note && look->verbose)
        vs_buf_printf(b, "; %s", r->device_note);
    else if (r->device_note)
        vs_buf_printf(b, "; %.*s (-v says why)", (int)strcspn(r->device_note, ":"), r->device_note);
    vs_buf_puts(b, "\n");
    if (!r->gather.checked)
        return;
    unsigned long long ids = r->gather.tokens, more = r->gather.checked - r->gather.tokens;
    vs_buf_printf(b, "gather     %llu %s%s", ids, r->facts->tokenizer ? "token" : "row", ids == 1 ? "" : "s");
    if (more)
        vs_buf_printf(b, " and %llu id%s of the configs", more, more == 1 ? "" : "s");
    vs_buf_puts(b, ", ");
    if (!r->gather.bad_count) {
        vs_buf_puts(b, "each has a row\n");
        return;
    }
    vs_buf_printf(b, "%llu without a row: ", (unsigned long long)r->gather.bad_count);
    for (uint32_t i = 0; i < r->gather.shown; i++)
        vs_buf_printf(b, "%s%lld", i ? ", " : "", (long long)r->gather.bad[i].id);
    vs_buf_puts(b, r->gather.bad_count > r->gather.shown ? ", ...\n" : "\n");
}

/* Files of the directory that nobody named. */
static void put_found(const struct vs_check_result *r, struct vs_buf *b)
{
    const char *files[2] = {r->found_map ? r->map : NULL, r->found_receipt ? r->receipt : NULL};
    const char *label = "new rows   as told by ";
    for (int i = 0; i < 2; i++) {
        if (!files[i])
            continue;
        vs_buf_puts(b, label);
        vs_put_text(b, files[i]);
        label = " and ";
    }
    if (files[0] || files[1])
        vs_buf_puts(b, files[1] ? " (--receipt hashes its ranges)\n" : "\n");
}

static void put_head(const struct vs_check_result *r, struct vs_buf *b)
{
    if (r->head.count && r->head.above)
        vs_buf_printf(b, "head       %u of %u probes predict a row at or above %llu\n", r->head.above, r->head.count,
                      (unsigned long long)r->head.end);
    else if (r->head.count)
        vs_buf_printf(b, "head       %u probes: argmax never at or above %llu\n", r->head.count, (unsigned long long)r->head.end);
}

static void put_forward(const struct vs_forward_report *f, const struct vs_look *look, struct vs_buf *b)
{
    vs_buf_printf(b, "forward    %s: %u prompt%s, %llu positions, %.1f s", f->architecture, f->prompts, f->prompts == 1 ? "" : "s",
                  (unsigned long long)f->positions, f->seconds);
    if (f->mass_new_max >= 0)
        vs_buf_printf(b, "; new tokens take %.2g of the probability at most, %.2g on average (KL %.2g)", f->mass_new_max, f->mass_new_mean,
                      f->kl_max);
    if (f->mass_surplus_max > 0)
        vs_buf_printf(b, "; rows without a token %.2g", f->mass_surplus_max);
    if (f->hidden_nmse >= 0)
        vs_buf_printf(b, "; hidden states against the base's: NMSE %.2g", f->hidden_nmse);
    vs_buf_puts(b, "\n");
    if (look->verbose && f->row_sum_error >= 0)
        vs_buf_printf(b, "           attention rows sum to 1 within %.2g\n", f->row_sum_error);
}

/* What was asked for: --quiet keeps it. */
static void put_generated(const struct vs_forward_report *f, const struct vs_look *look, struct vs_buf *b)
{
    for (uint32_t i = 0; i < f->generated_count; i++) {
        const struct vs_generated *g = &f->generated[i];
        vs_buf_printf(b, "%-10s %u id%s +%u: ", i ? "" : "generated", g->prompt_count, g->prompt_count == 1 ? "" : "s", g->count);
        for (uint32_t t = 0; !g->text.n && t < g->count; t++)
            vs_buf_printf(b, t ? " %u" : "%u", g->ids[t]);
        vs_buf_escaped(b, g->text);
        vs_buf_puts(b, "\n");
    }
    if (f->tokens_per_second > 0 && !look->quiet)
        vs_buf_printf(b, "           %.1f tokens a second\n", f->tokens_per_second);
}

/* So was this: of what is written --quiet keeps the path, of what is not, that it is not. */
static void put_dumped(const struct vs_dumped *d, const struct vs_look *look, struct vs_buf *b)
{
    if (!d->file)
        return;
    if (look->quiet && !d->why_not) {
        vs_buf_printf(b, "%s\n", d->file);
        return;
    }
    vs_buf_printf(b, "%-10s ", d->hidden_states ? "hidden" : "logits");
    vs_put_text(b, d->why_not ? "no file" : d->file);
    if (d->why_not)
        vs_buf_printf(b, ": %s\n", d->why_not);
    else
        vs_buf_printf(b, ": float32 [%llu, %llu] of %u prompt%s\n", (unsigned long long)d->rows, (unsigned long long)d->cols, d->prompts,
                      d->prompts == 1 ? "" : "s");
}

static void put_count(uint32_t n, const char *what, bool *any, struct vs_buf *b)
{
    if (!n)
        return;
    vs_buf_printf(b, "%s%u %s%s", *any ? ", " : "", n, what, n == 1 ? "" : "s");
    *any = true;
}

/* Asked for and not done is the last that is said. */
static void put_not_run(const struct vs_check_result *r, struct vs_buf *b)
{
    const bool ran = r->forward && r->forward->prompts;
    if (!r->forward_asked || ran || r->levels[3].state != VS_NOT_RUN || r->levels[4].state != VS_NOT_RUN)
        return;
    vs_buf_puts(b, "the model was NOT run: ");
    vs_put_text(b, r->levels[3].why);
    vs_buf_puts(b, "\n");
}

/* Without weights the rules saw a tokenizer or a config, and no model. */
static bool nothing_ran(const struct vs_check_result *r)
{
    for (int i = 0; i < 5; i++)
        if (r->levels[i].state != VS_NOT_RUN)
            return false;
    return true;
}

static void put_unchecked(const struct vs_check_result *r, struct vs_buf *b)
{
    vs_buf_printf(b, "; no level was run (%s): no model was checked", r->levels[0].why ? r->levels[0].why : "no weights");
}

enum vs_code vs_check_text(const struct vs_check_result *r, const struct vs_look *look, struct vs_buf *b, struct vs_err *err)
{
    uint32_t counts[3] = {0};
    bool any = false, notes = look->verbose || r->fail_on == VS_INFO;
    for (uint32_t i = 0; i < r->finding_count; i++) {
        const struct vs_finding *f = &r->findings[i];
        counts[f->severity]++;
        if (f->severity != VS_INFO || notes)
            put_finding(f, look, b);
    }
    if (!look->quiet) {
        if (b->n)
            vs_buf_puts(b, "\n");
        put_levels(r, look, b);
        put_device(r, look, b);
        put_found(r, b);
        put_head(r, b);
        if (r->forward)
            put_forward(r->forward, look, b);
    }
    if (r->forward) {
        put_generated(r->forward, look, b);
        put_dumped(&r->forward->dumped, look, b);
    }
    put_count(counts[VS_ERROR], "error", &any, b);
    put_count(counts[VS_WARNING], "warning", &any, b);
    if (r->fail_on == VS_INFO)
        put_count(counts[VS_INFO], "note", &any, b);
    vs_buf_puts(b, any ? " in " : "no errors and no warnings in ");
    vs_put_text(b, r->facts->path);
    if (counts[VS_INFO] && !notes)
        vs_buf_printf(b, " (%u note%s: -v)", counts[VS_INFO], counts[VS_INFO] == 1 ? "" : "s");
    const bool nothing = nothing_ran(r);
    if (nothing)
        put_unchecked(r, b);
    vs_buf_puts(b, "\n");
    if (!nothing)
        put_not_run(r, b);
    return b->failed ? vs_enomem(err, "the report", b->n) : VS_OK;
}
