/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include "cli.h"

struct options {
    const char *base, *map, *receipt;
    int fail_on;
};

static const struct cli_option options[] = {
    {0, "base", "DIR", "the model before: old rows and the trunk must be its", CLI_TEXT, offsetof(struct options, base), NULL},
    {0, "map", "FILE", "the vocab-map.json of the merge", CLI_TEXT, offsetof(struct options, map), NULL},
    {0, "receipt", "FILE", "the receipt.json of embed-extend: its ranges are hashed again", CLI_TEXT, offsetof(struct options, receipt), NULL},
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
        "DIR may be a .gguf file: its list of tokens is checked against its tables and its keys.\n\n"
        "L3 and L4, the forward pass, are not covered yet and are reported as not run.",
    .examples = "$ vocab-check Qwen2.5-0.5B-Instruct/\n"
                "$ vocab-check extended/ --base base/ --map merged/vocab-map.json --receipt extended/receipt.json\n",
    .options = options,
    .min_args = 1,
    .max_args = 1,
    .device = true,
};

static enum vs_code print(struct cli *c, const struct vs_check_result *r, struct vs_err *err)
{
    struct vs_buf *text = vs_text_new();
    enum vs_code code = text ? VS_OK : vs_fail(err, VS_ENOMEM, "out of memory");
    if (!code)
        code = c->json ? vs_check_json(r, text, err) : vs_check_text(r, &c->look, text, err);
    if (!code)
        code = cli_print(c, text, err);
    vs_text_free(text);
    return code;
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
    struct vs_check_request q = {
        .path = c.args[0], .base = o.base, .map = o.map, .receipt = o.receipt, .device = devices[c.device],
        .fail_on = severities[o.fail_on], .data_dir = c.data_dir,
    };
    struct vs_err err = {0};
    struct vs_check_result *r = NULL;
    enum vs_code code = vs_check(&q, &c.run, &r, &err);
    if (!code)
        code = print(&c, r, &err);
    for (uint32_t i = 0; !code && i < r->finding_count; i++)
        c.findings |= r->findings[i].severity >= q.fail_on;
    vs_check_free(r);
    return cli_end(&c, code, &err);
}
