/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "cli.h"

struct options {
    const char *map, *tokenizer, *init_file;
    int64_t add, rows, pad_multiple;
    struct vs_init init, in_init, out_init;
    struct cli_list ignore, tables;
    bool hardlink, verify;
};

#define AT(field) offsetof(struct options, field)

static const struct cli_option options[] = {
    {0, "map", "FILE", "size the tables by the vocab-map.json that vocab-merge wrote", CLI_TEXT, AT(map), NULL},
    {0, "tokenizer", "DIR", "size the tables by the tokenizer in DIR", CLI_TEXT, AT(tokenizer), NULL},
    {0, "add", "N", "make room for N more tokens; spare rows are used first", CLI_NUMBER, AT(add), NULL},
    {0, "rows", "N", "make the tables N rows tall", CLI_NUMBER, AT(rows), NULL},
    {0, "pad-multiple", "M", "round the number of rows up to a multiple of M", CLI_COUNT, AT(pad_multiple), NULL},
    {0, "init", "METHOD", "how new rows begin: mean, zero, normal, copy:ID or pieces", CLI_INIT, AT(init), NULL},
    {0, "in-init", "METHOD", "the same for input tables alone", CLI_INIT, AT(in_init), NULL},
    {0, "out-init", "METHOD", "the same for the head and its bias alone", CLI_INIT, AT(out_init), NULL},
    {0, "init-file", "FILE", "the same per token: JSON Lines with \"token\" or \"id\", and \"init\"", CLI_TEXT, AT(init_file), NULL},
    {0, "table", "NAME:AXIS=ROLE", "a tensor is a table: ROLE is input, head, bias or ple", CLI_LIST, AT(tables), NULL},
    {0, "ignore", "NAME", "a tensor is no table, whatever its shape", CLI_LIST, AT(ignore), NULL},
    {0, "hardlink", NULL, "link weight files that do not change instead of copying them", CLI_FLAG, AT(hardlink), NULL},
    {0, "verify", NULL, "hash every file, also those that move unread", CLI_FLAG, AT(verify), NULL},
    {0}};

static const struct cli_tool tool = {
    .name = "embed-extend",
    .synopsis = "MODEL (--map FILE | --tokenizer DIR | --add N | --rows N) (-o OUT | -n) [OPTION...]",
    .summary = "grow the embedding tables of a checkpoint; old rows stay bit-identical",
    .description =
        "Writes OUT, a copy of MODEL whose vocabulary tables have a row for every token. Tables only grow, and rows that no token uses are "
        "taken first. Only weight files that hold a table are rewritten. receipt.json in OUT proves with SHA-256 that the old rows are "
        "what they were.\n\n"
        "New rows begin as the mean of the rows of their pieces where the map knows them, else as the mean of the rows in use. The same "
        "seed gives the same rows, whatever the number of threads, the memory and the other tokens.\n\n"
        "A tensor that has the size of the vocabulary and is not known by name stops the run: say what it is with --table or --ignore. "
        "Where other ids follow the text (Gemma3n), --pad-multiple pads before them, so that ids without a token stand between; vocab-check warns of "
        "those.",
    .examples =
        "$ embed-extend base/ --map merged/vocab-map.json -o extended/\n"
        "after vocab-merge: all new tokens get their rows\n"
        "$ embed-extend base/ --add 100 --pad-multiple 64 --init normal -o bigger/\n"
        "room for 100 more tokens, rows a multiple of 64\n"
        "$ embed-extend base/ --map merged/vocab-map.json -n\n"
        "show the plan, write nothing\n",
    .options = options,
    .min_args = 1, .max_args = 1,
    .writes = true, .weights = true, .seed = true,
};

static struct vs_extend_request request_of(const struct cli *c, const struct options *o)
{
    return (struct vs_extend_request){
        .model = c->args[0], .map = o->map, .tokenizer = o->tokenizer, .add = o->add, .rows = o->rows,
        .pad_multiple = (uint64_t)o->pad_multiple, .init = o->init, .in_init = o->in_init, .out_init = o->out_init,
        .init_file = o->init_file, .ignore = o->ignore.items, .ignore_count = o->ignore.count, .tables = o->tables.items,
        .table_count = o->tables.count, .hardlink = o->hardlink, .verify = o->verify, .force = c->force};
}

/* What the bytes of a stored head said, where the config left it to them or contradicts them. */
static void say_ties(const struct cli *c, const struct vs_extend_report *r)
{
    if (r->twin.n)
        cli_say(c, "%.*s has the bytes of the input: it is kept equal to it", VS_STR(r->twin));
    if (r->loner.n)
        cli_say(c, "warning: the config says tied, but %.*s is not the input: it has grown as a head of its own, and loaders that believe the "
                "config drop it; set \"tie_word_embeddings\": false if it is meant", VS_STR(r->loner));
}

/* moved: ids were renumbered, so the map that fits is the one in the output. */
static void say_done(struct cli *c, const struct options *o, const struct vs_extend_report *r, const char *receipt, bool moved, double seconds)
{
    struct rusage usage;
    char map[PATH_MAX];
    snprintf(map, sizeof map, "%s/vocab-map.json", c->out);
    getrusage(RUSAGE_SELF, &usage);
    say_ties(c, r);
    cli_say(c, "wrote %s  (%.1f MB, of them %.1f MB new)  in %.1f s, peak memory %.0f MB", c->out, (double)r->bytes_total / 1e6,
            (double)r->bytes_written / 1e6, seconds, (double)usage.ru_maxrss / 1e3);
    cli_say(c, "frozen below id %llu: sha256 before = after in %s", (unsigned long long)r->freeze_until, receipt);
    const char *with_map[] = {"vocab-check", c->out, "--base", c->args[0], "--map", moved ? map : o->map, "--receipt", receipt, NULL};
    const char *without[] = {"vocab-check", c->out, "--base", c->args[0], "--receipt", receipt, NULL};
    cli_say_next(c, o->map ? with_map : without);
}

/* What was asked for on standard output stands there before OUT does: a report that cannot be written leaves nothing. */
static enum vs_code write_plan(struct cli *c, const struct options *o, const struct vs_plan *plan, const struct vs_extend_request *request,
                               struct vs_err *err)
{
    struct vs_extend_report report;
    struct vs_outdir *staged;
    char receipt[PATH_MAX];
    const double begin = cli_now();
    enum vs_code code = vs_extend_stage(plan, request, c->out, &c->run, &report, &staged, err);
    snprintf(receipt, sizeof receipt, "%s/receipt.json", c->out);
    if (!code)
        code = cli_plan_end(c, plan, &(struct vs_plan_done){c->out, receipt}, err);
    if (!code)
        code = vs_outdir_commit(staged, err);
    if (code)
        vs_outdir_abort(staged);
    else
        say_done(c, o, &report, receipt, plan->shift.by > 0, cli_now() - begin);
    return code;
}

static enum vs_code extend(struct cli *c, const struct options *o, struct vs_err *err)
{
    const struct vs_extend_request request = request_of(c, o);
    struct vs_plan *plan = NULL;
    enum vs_code code = cli_check_out(c, (const char *const[]){o->map, o->tokenizer, o->init_file}, 3, err);
    if (!code)
        code = vs_extend_plan(&request, &c->run, &plan, err);
    if (!code)
        code = cli_plan_begin(c, plan, c->dry_run, err);
    if (!code && c->dry_run)
        cli_say(c, "nothing written (--dry-run)");
    else if (!code)
        code = write_plan(c, o, plan, &request, err);
    vs_plan_free(plan);
    return code;
}

int main(int argc, char **argv)
{
    struct options o = {.add = -1, .rows = -1};
    struct vs_err err = {0};
    struct cli c;
    int exit_code = cli_begin(&c, &tool, &o, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    if (!c.out && !c.dry_run)
        return cli_usage(&c, "where to? expected -o OUT (or -n to see the plan)");
    return cli_end(&c, extend(&c, &o, &err), &err);
}
