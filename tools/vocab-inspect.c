/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include "cli.h"

struct options { bool rows; };

static const struct cli_option options[] = {
    {0, "rows", NULL, "read the rows too: norms, zero rows, NaN and Inf; is a stored head equal to the input", CLI_FLAG,
     offsetof(struct options, rows), NULL},
    {0},
};

static const struct cli_tool tool = {
    .name = "vocab-inspect",
    .synopsis = "PATH... [OPTION...]",
    .summary = "show what is in a model: tokenizer, tables, config, special ids",
    .description =
        "Reads headers, tokenizer and config files, never weights unless --rows is given. PATH is a model directory, a .safetensors\n"
        "or .gguf file (of a split one: the first part), a tokenizer directory or a tokenizer.json. The ids are those that run, which is\n"
        "not always what the files declare.",
    .examples = "$ vocab-inspect Qwen2.5-0.5B-Instruct/\n"
                "$ vocab-inspect --json models/* | jq -r 'select(.surplus.class == \"over\") | .path'\n",
    .options = options,
    .min_args = 1,
    .max_args = CLI_ANY,
    .weights = true,
};

static enum vs_code render(const struct cli *c, const void *facts, struct vs_buf *text, struct vs_err *err)
{
    return c->json ? vs_facts_json(facts, text, err) : vs_facts_text(facts, &c->look, text, err);
}

int main(int argc, char **argv)
{
    struct options o = {0};
    struct cli c;
    int exit_code = cli_begin(&c, &tool, &o, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    struct vs_err err = {0};
    enum vs_code worst = VS_OK;
    bool shown = false;
    for (size_t i = 0; i < c.arg_count; i++) {
        struct vs_facts *f = NULL;
        enum vs_code code = vs_facts_open(c.args[i], &(struct vs_facts_options){.data_dir = c.data_dir, .rows = o.rows}, &c.run, &f, &err);
        if (!code)
            code = shown && !c.json ? cli_print_line(&c, &err) : VS_OK;
        if (!code)
            code = cli_render(&c, render, f, &err);
        shown = shown || f;
        vs_facts_close(f);
        if (code && i + 1 < c.arg_count && cli_exit_code(code) == CLI_INPUT) {
            cli_complain(&c, &err); /* the others are still reported */
            worst = code;
        } else if (code) {
            return cli_end(&c, code, &err);
        }
    }
    c.complained = worst != VS_OK;
    return cli_end(&c, worst, &err);
}
