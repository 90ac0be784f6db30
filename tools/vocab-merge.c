/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

#define TOKENS_MOST ((size_t)1 << 28) /* bytes of tokens on standard input, as in a file */

struct options {
    struct cli_list add_tokens, add_specials;
    const char *tokens_file;
};

static const struct cli_option options[] = {
    {0, "add-token", "TEXT", "add TEXT as an added token that is normalised like text; may be repeated", CLI_LIST,
     offsetof(struct options, add_tokens), NULL},
    {0, "add-special", "TEXT", "add TEXT as a special token; may be repeated", CLI_LIST, offsetof(struct options, add_specials), NULL},
    {0, "tokens-file", "FILE", "add each line of FILE as --add-token does (UTF-8); - is standard input", CLI_STREAM,
     offsetof(struct options, tokens_file), NULL},
    {0},
};

static const struct cli_tool tool = {
    .name = "vocab-merge",
    .synopsis = "BASE [EXT...] (-o OUT | -n) [OPTION...]",
    .summary = "merge tokenizers so that base ids never move",
    .description =
        "Adds the tokens of EXT to the tokenizer of BASE, and tokens that are named on the command line. Ids of the base stay, and every\n"
        "new token comes out of its own text: merges that lead to it are built and checked. BASE and EXT are directories with a\n"
        "tokenizer.json, or such files themselves. OUT gets the tokenizer files and vocab-map.json, which embed-extend reads.\n\n"
        "New ids begin behind the base's last one, in this order: the tokens of the EXTs with what they need on the way, then those of\n"
        "--add-token, of --add-special and of --tokens-file, each in the order in which they are given. A line of FILE ends with a line\n"
        "feed, also after a carriage return; all else in it belongs to the token.\n\n"
        "BASE may be a model directory: ids that its configs name are not given to new tokens. No model file is written.\n\n"
        "Only BPE tokenizers take the tokens of an EXT; --add-token, --add-special and --tokens-file work for all of them.",
    .examples = "$ vocab-merge qwen3/ german-bpe/ -o merged\n"
                "$ vocab-merge qwen3/ --add-special '<|tool|>' --tokens-file words.txt -o merged\n",
    .options = options,
    .min_args = 1,
    .max_args = CLI_ANY,
    .writes = true,
};

/* What the text of a merge tells about. */
struct merged { const struct vs_merge_report *report; const struct vs_merge_request *request; };

static enum vs_code render(const struct cli *c, const void *result, struct vs_buf *text, struct vs_err *err)
{
    const struct merged *m = result;
    const char *out = c->dry_run ? NULL : c->out;
    return c->json ? vs_merge_json(m->report, out, text, err) : vs_merge_text(m->report, m->request, out, &c->look, text, err);
}

static enum vs_code merge(struct cli *c, const struct vs_merge_request *q, struct vs_err *err)
{
    struct vs_merge *m = NULL;
    enum vs_code code = cli_check_out(c, &q->tokens_file, 1, err);
    if (!code)
        code = vs_merge_plan(q, &c->run, &m, err);
    if (!code && !c->dry_run)
        code = vs_merge_stage(m, c->out, c->force, &c->run, err);
    if (!code) /* before OUT is there: a report that cannot be written leaves nothing */
        code = cli_render(c, render, &(struct merged){vs_merge_report(m), q}, err);
    if (!code && !c->dry_run)
        code = vs_merge_commit(m, err);
    if (!code && c->dry_run)
        cli_say(c, "nothing written (--dry-run)");
    else if (!code)
        cli_say(c, "wrote %s", c->out);
    vs_merge_free(m);
    return code;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct cli c;
    int exit_code = cli_begin(&c, &tool, &o, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    if (!c.out && !c.dry_run)
        return cli_usage(&c, "where to? expected -o OUT (or -n to see the plan)");
    if (c.arg_count == 1 && !o.add_tokens.count && !o.add_specials.count && !o.tokens_file)
        return cli_usage(&c, "nothing to add: name an EXT, --add-token, --add-special or --tokens-file");

    const bool from_input = o.tokens_file && strcmp(o.tokens_file, "-") == 0;
    struct vs_merge_request q = {
        .base = c.args[0], .extensions = c.args + 1, .extension_count = c.arg_count - 1,
        .add_tokens = o.add_tokens.items, .add_token_count = o.add_tokens.count,
        .add_specials = o.add_specials.items, .add_special_count = o.add_specials.count,
        .tokens_file = from_input ? NULL : o.tokens_file,
    };
    struct vs_err err = {0};
    char *text = NULL;
    size_t n = 0;
    enum vs_code code = from_input ? cli_read_input(&c, TOKENS_MOST, &text, &n, &err) : VS_OK;
    q.tokens_text = (struct vs_str){text, n};
    if (!code)
        code = merge(&c, &q, &err);
    free(text);
    return cli_end(&c, code, &err);
}
