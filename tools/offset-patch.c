/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include "cli.h"

struct options {
    const char *map;
    int64_t add;
    bool in_place, check;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option options[] = {
    {0, "map", "FILE", "make room for the new tokens of the vocab-map.json that vocab-merge wrote", CLI_TEXT, AT(map), NULL},
    {0, "add", "N", "make room for N new tokens and write placeholders for them", CLI_NUMBER, AT(add), NULL},
    {0, "in-place", NULL, "change the files of DIR; undone when one of them cannot be written", CLI_FLAG, AT(in_place), NULL},
    {0, "check", NULL, "write nothing, say whether the sizes, offsets and ids agree: 0 yes, 1 no", CLI_FLAG, AT(check), NULL},
    {0}};

static const struct cli_tool tool = {
    .name = "offset-patch",
    .synopsis = "DIR (--map FILE | --add N) (-o OUT | --in-place | -n) [OPTION...], or DIR --check",
    .summary = "move audio and vision ids, offsets and sizes when the text vocabulary grows",
    .description =
        "For models in which blocks of other ids follow the text (Gemma3n: text, vision, audio). New text ids are inserted at the end of the "
        "text block; everything behind it moves: offsets, sizes and ids in the configs, in the generation config and in the tokenizer files. "
        "The order of the blocks stays as it is found. Other models have nothing to move.\n\n"
        "OUT holds the JSON and tokenizer files, the same bytes that embed-extend writes; the rows of the weights are embed-extend's work. "
        "In the renumbered vocab-map.json the new tokens have the ids that follow the text.\n\n"
        "What must hold between the numbers is checked before and after. offset-receipt.json says what was moved, so that it is not moved twice.",
    .examples =
        "$ offset-patch gemma-3n/ --check\n"
        "do offsets, sizes and ids agree as they are?\n"
        "$ offset-patch gemma-3n/ --map merged/vocab-map.json -o patched/\n"
        "the configs and tokenizer files for the tokens of a merge\n"
        "$ offset-patch gemma-3n/ --add 1000 --check\n"
        "what would move, without writing anything\n",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .findings = "what must hold does not (--check)",
    .writes = true,
};

static bool holds(const struct vs_plan *plan)
{
    for (uint32_t i = 0; i < plan->invariant_count; i++)
        if (!plan->invariants[i].before || !plan->invariants[i].after)
            return false;
    return true;
}

/* Weights do not grow here, and once the ids have moved no tool grows them: said while the directory is what it was. */
static void warn_of_weights(const struct cli *c, const struct options *o, const struct vs_plan *plan)
{
    if (!o->in_place || !plan->shift.by || !plan->table_count)
        return;
    cli_say(c, "warning: the weights in %s keep their rows and will not fit the moved ids; embed-extend grows both together, and only from a "
            "model that was not patched: keep a copy, or use -o OUT", c->args[0]);
}

/* OUT has no weights, and those of DIR are what they were. */
static void say_weights(struct cli *c, const struct options *o, const struct vs_plan *plan)
{
    char add[24];
    if (!c->out || !plan->shift.by || !plan->table_count)
        return;
    snprintf(add, sizeof add, "%lld", (long long)o->add);
    cli_say(c, "the weights of %s do not fit these files yet: embed-extend moves rows and ids together, into a directory of its own", c->args[0]);
    cli_say_next(c, (const char *const[]){"embed-extend", c->args[0], o->map ? "--map" : "--add", o->map ? o->map : add, "-o", "EXTENDED", NULL});
}

/* What was asked for on standard output stands there before anything is changed: a report that cannot be written leaves nothing. */
static enum vs_code write_plan(struct cli *c, const struct options *o, const struct vs_plan *plan, const struct vs_patch_request *request,
                               struct vs_err *err)
{
    const char *out = o->in_place ? request->dir : c->out;
    struct vs_outdir *staged = NULL;
    char receipt[PATH_MAX];
    if (!plan->block_count || (o->in_place && !plan->shift.by)) {
        cli_say(c, o->in_place ? "nothing written: nothing moves" : "nothing moves: %s was not written", out);
        return cli_plan_end(c, plan, NULL, err);
    }
    snprintf(receipt, sizeof receipt, "%s/offset-receipt.json", out);
    enum vs_code code = o->in_place ? VS_OK : vs_patch_stage(plan, request, c->out, &c->run, &staged, err);
    if (!code)
        code = cli_plan_end(c, plan, &(struct vs_plan_done){out, plan->shift.by ? receipt : NULL}, err);
    if (!code)
        code = o->in_place ? vs_patch_write(plan, request, NULL, true, &c->run, err) : vs_outdir_commit(staged, err);
    if (code) {
        vs_outdir_abort(staged);
        return code;
    }
    cli_say(c, "wrote %s: ids from %llu on moved by %llu", out, (unsigned long long)plan->shift.at, (unsigned long long)plan->shift.by);
    say_weights(c, o, plan);
    return VS_OK;
}

static enum vs_code patch(struct cli *c, const struct options *o, struct vs_err *err)
{
    const struct vs_patch_request request = {.dir = c->args[0], .map = o->map, .add = o->add, .check = o->check, .force = c->force};
    struct vs_plan *plan = NULL;
    bool shown_only = o->check || c->dry_run;
    enum vs_code code = cli_check_out(c, &o->map, 1, err);
    if (!code)
        code = vs_patch_plan(&request, &c->run, &plan, err);
    if (!code && o->in_place && !c->dry_run)
        code = vs_patch_check_place(plan, &request, err);
    if (!code && !(o->check && c->quiet && !c->json && !c->dry_run))
        code = cli_plan_begin(c, plan, shown_only, err);
    if (!code)
        warn_of_weights(c, o, plan);
    if (!code && o->check)
        c->findings = !holds(plan);
    else if (!code && !c->dry_run)
        code = write_plan(c, o, plan, &request, err);
    if (!code && shown_only)
        cli_say(c, "nothing written (%s)", o->check ? "--check" : "--dry-run");
    vs_plan_free(plan);
    return code;
}

int main(int argc, char **argv)
{
    struct options o = {.add = -1};
    struct vs_err err = {0};
    struct cli c;
    int exit_code = cli_begin(&c, &tool, &o, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    if (o.map && o.add >= 0)
        return cli_usage(&c, "--map and --add exclude each other");
    if (!o.map && o.add < 0 && !o.check)
        return cli_usage(&c, "for which tokens? expected --map FILE or --add N (or --check alone)");
    if ((c.out != NULL) + o.in_place + o.check > 1)
        return cli_usage(&c, "-o OUT, --in-place and --check exclude each other");
    if (!c.out && !o.in_place && !o.check && !c.dry_run)
        return cli_usage(&c, "where to? expected -o OUT or --in-place (or --check or -n to see the plan)");
    return cli_end(&c, patch(&c, &o, &err), &err);
}
