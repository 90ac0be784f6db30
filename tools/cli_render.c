/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

enum vs_code cli_render(struct cli *c, cli_renderer *render, const void *result, struct vs_err *err)
{
    struct vs_buf *text = vs_text_new();
    enum vs_code code = text ? render(c, result, text, err) : vs_fail(err, VS_ENOMEM, "out of memory");
    if (!code)
        code = cli_print(c, text, err);
    vs_text_free(text);
    return code;
}
