/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan as the result of a tool. As text it stands before the work, for it says what will be done; as JSON behind it,
 * since the place of the output is part of it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"

static enum vs_code print_json(struct cli *c, const struct vs_plan *plan, const struct vs_plan_done *done, struct vs_err *err)
{
    struct vs_buf *text = vs_text_new();
    enum vs_code code = text ? vs_plan_json(plan, done, text, err) : vs_fail(err, VS_ENOMEM, "out of memory");
    if (!code)
        code = cli_print(c, text, err);
    vs_text_free(text);
    return code;
}

static enum vs_code print_text(struct cli *c, const struct vs_plan *plan, struct vs_err *err)
{
    struct vs_buf *text = vs_text_new();
    enum vs_code code = text ? vs_plan_text(plan, &c->look, text, err) : vs_fail(err, VS_ENOMEM, "out of memory");
    if (!code)
        code = cli_print(c, text, err);
    vs_text_free(text);
    return code;
}

enum vs_code cli_plan_begin(struct cli *c, const struct vs_plan *plan, bool shown_only, struct vs_err *err)
{
    if (c->json)
        return shown_only ? print_json(c, plan, NULL, err) : VS_OK;
    return c->quiet && !shown_only ? VS_OK : print_text(c, plan, err);
}

enum vs_code cli_plan_end(struct cli *c, const struct vs_plan *plan, const struct vs_plan_done *done, struct vs_err *err)
{
    if (c->json)
        return print_json(c, plan, done, err);
    if (!c->quiet || !done || !done->out)
        return VS_OK;
    return printf("%s\n", done->out) < 0 && errno != EPIPE ? vs_fail(err, VS_EIO, "standard output: %s", strerror(errno)) : VS_OK;
}

void cli_say_next(struct cli *c, const char *const *words)
{
    struct vs_buf *text = vs_text_new();
    size_t n;
    const char *command = NULL;
    if (text) {
        vs_text_command(text, words);
        command = vs_text_get(text, &n);
    }
    if (command)
        cli_say(c, "next: %s", command);
    vs_text_free(text);
}
