/* SPDX-License-Identifier: Apache-2.0
 *
 * A plan as the result of a tool. As text it stands before the work, for it says what will be done; as JSON behind it, since the place
 * of the output is part of it, but before the output can be seen.
 */
#include <stdio.h>
#include "cli.h"

struct plan_result { const struct vs_plan *plan; const struct vs_plan_done *done; };

static enum vs_code render(const struct cli *c, const void *result, struct vs_buf *text, struct vs_err *err)
{
    const struct plan_result *r = result;
    return c->json ? vs_plan_json(r->plan, r->done, text, err) : vs_plan_text(r->plan, &c->look, text, err);
}

enum vs_code cli_plan_begin(struct cli *c, const struct vs_plan *plan, bool shown_only, struct vs_err *err)
{
    if (!shown_only && (c->json || c->quiet))
        return VS_OK;
    return cli_render(c, render, &(struct plan_result){plan, NULL}, err);
}

enum vs_code cli_plan_end(struct cli *c, const struct vs_plan *plan, const struct vs_plan_done *done, struct vs_err *err)
{
    if (c->json)
        return cli_render(c, render, &(struct plan_result){plan, done}, err);
    if (!c->quiet || !done || !done->out)
        return VS_OK;
    return cli_printed(c, printf("%s\n", done->out) >= 0, err);
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
