/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include "cli.h"

struct options {
    const char *base, *map, *receipt;
    struct vs_forward_request forward;
    struct cli_list prompt_ids, prompts;
    int64_t generate;
    bool run;
    int fail_on;
};

static const struct cli_option options[] = {
    {0, "base", "DIR", "the model before: old rows and the trunk must be its", CLI_TEXT, offsetof(struct options, base), NULL},
    {0, "map", "FILE", "the vocab-map.json of the merge (default: that of DIR, if it has one)", CLI_TEXT, offsetof(struct options, map), NULL},
    {0, "receipt", "FILE", "the receipt.json of embed-extend: its ranges are hashed again", CLI_TEXT, offsetof(struct options, receipt), NULL},
    {0, "forward", NULL, "run the model: L3, and L4 where L1 does not prove the trunks equal", CLI_FLAG, offsetof(struct options, run), NULL},
    {0, "fast", NULL, "with cuBLASLt, not bit-exact (CUDA only, without --base)", CLI_FLAG, offsetof(struct options, forward.fast), NULL},
    {0, "prompt-ids", "IDS", "run these ids too: \"1 2 3\" or \"[1, 2, 3]\", one prompt a line, or a file of such lines; may be repeated",
     CLI_LIST, offsetof(struct options, prompt_ids), NULL},
    {0, "prompt", "TEXT", "run this text too, encoded by the tokenizer of the model; may be repeated", CLI_LIST,
     offsetof(struct options, prompts), NULL},
    {0, "prompts-only", NULL, "run these prompts and none of the vocabulary; L3 and L4 do not pass then", CLI_FLAG,
     offsetof(struct options, forward.prompts_only), NULL},
    {0, "generate", "N", "continue the prompts by N tokens, the likeliest each time", CLI_NUMBER, offsetof(struct options, generate), "100000"},
    {0, "dump-logits", "FILE", "write the logits of the prompts, --prompt-ids before --prompt, as .npy: float32 [positions, rows]; of an encoder "
                               "the hidden states; nothing where a prompt cannot be run",
     CLI_TEXT, offsetof(struct options, forward.dump_logits), NULL},
    {0, "arch-desc", "FILE", "the forward pass of an architecture that is not known, see schemas/arch", CLI_TEXT,
     offsetof(struct options, forward.arch_desc), NULL},
    {0, "fail-on", "error|warning|info", "exit 1 from this severity on (default error)", CLI_CHOICE, offsetof(struct options, fail_on),
     "error|warning|info"},
    {0},
};

static const struct cli_tool tool = {
    .name = "vocab-check",
    .synopsis = "DIR [OPTION...]",
    .summary = "prove that tokenizer, config and tables belong together",
    .description =
        "Opens everything from disk again and checks it: structure (L0), bytes against the base (L1), rows and head (L2). Every id that\n"
        "can occur is looked up in the table with strict range checks, on CUDA when there is a device, else on the CPU.\n\n"
        "DIR may be a .gguf file: its list of tokens is checked against its tables and its keys, and --prompt is encoded with them as llama.cpp\n"
        "does (tokenizer.ggml.model gpt2, llama or bert, and the names of tokenizer.ggml.pre in schemas/gguf-text.json).\n\n"
        "With --forward the model runs on prompts that cover old ids by a sample, every new id and the special ids (L3): hidden states and\n"
        "logits must be finite, logits of old ids those of the base to the last bit, and no row without a token may win: the level fails then\n"
        "(VOC427, a warning). Where bytes do not prove the trunks equal, as of a copy in another dtype, both run and values decide (L4).\n"
        "Weights stream through --memory. --prompt gets the tokens around it that the post-processor of tokenizer.json adds (or add_bos_token\n"
        "of a .gguf file). Prompts of --prompt-ids come first, then those of --prompt, each in the order given; findings count them from 1, and\n"
        "positions in them from 0. --prompt-ids, --prompt, --prompts-only, --generate, --dump-logits, --fast and --arch-desc imply --forward;\n"
        "--fast has no --base. --dump-logits writes over no file and into no input. An architecture without a description is checked up to L2,\n"
        "and the report says why.\n\n"
        "New ids are those of --map or --receipt, else of the vocab-map.json and receipt.json in DIR, as embed-extend leaves them there, else\n"
        "those behind the tokens of --base. Running every one takes its time where there are many: --prompts-only runs yours alone. Where there\n"
        "is no terminal for a bar, a line on standard error says once that half a minute or more is ahead (not with -q or --progress never).",
    .examples = "$ vocab-check Qwen2.5-0.5B-Instruct/\n"
                "$ vocab-check extended/ --base base/ --map merged/vocab-map.json --receipt extended/receipt.json\n"
                "$ vocab-check extended/ --base base/ --map merged/vocab-map.json --forward\n"
                "$ vocab-check extended/ --prompt \"Once upon a time\" --prompts-only --generate 20\n",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .findings = "findings at or above --fail-on",
    .weights = true,
    .device = true,
};

static enum vs_code render(const struct cli *c, const void *result, struct vs_buf *text, struct vs_err *err)
{
    return c->json ? vs_check_json(result, text, err) : vs_check_text(result, &c->look, text, err);
}

int main(int argc, char **argv)
{
    static const enum vs_severity severities[] = {VS_ERROR, VS_WARNING, VS_INFO};
    static const enum vs_device devices[] = {VS_DEVICE_AUTO, VS_DEVICE_CPU, VS_DEVICE_CUDA};
    struct options o = {0};
    struct cli c;
    int exit_code = cli_begin(&c, &tool, &o, argc, argv);
    if (exit_code >= 0)
        return exit_code;
    struct vs_forward_request *f = &o.forward;
    f->generate = (uint32_t)o.generate;
    f->prompt_ids = o.prompt_ids.items; /* as long as the command line at least, and zeroed: they end with NULL */
    f->prompt = o.prompts.items;
    f->debug = c.verbose > 0;
    c.dumps = f->dump_logits != NULL;
    bool forward = o.run || f->fast || f->arch_desc || f->generate || f->dump_logits || f->prompt_ids || f->prompt || f->prompts_only;
    struct vs_check_request q = {
        .path = c.args[0], .base = o.base, .map = o.map, .receipt = o.receipt, .device = devices[c.device],
        .fail_on = severities[o.fail_on], .data_dir = c.data_dir, .forward = forward ? f : NULL,
    };
    struct vs_err err = {0};
    struct vs_check_result *r = NULL;
    enum vs_code code = vs_check(&q, &c.run, &r, &err);
    if (!code)
        code = cli_render(&c, render, r, &err);
    if (!code) /* what was asked for on standard output stands there before the file does */
        code = vs_check_commit(r, &err);
    for (uint32_t i = 0; !code && i < r->finding_count; i++)
        c.findings |= r->findings[i].severity >= q.fail_on;
    vs_check_free(r);
    return cli_end(&c, code, &err);
}
