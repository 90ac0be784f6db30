/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked about OUT before any work, and standard input.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

static void tell(void *user, const char *path, enum vs_leftover what)
{
    static const char *const texts[] = {
        [VS_LEFTOVER_IN_USE] = "another run is writing there",
        [VS_LEFTOVER_DEAD] = "left by a run that was killed; --force removes it",
        [VS_LEFTOVER_REMOVED] = "left by a run that was killed; removed",
    };
    cli_say(user, "%s: %s", path, texts[what]);
}

enum vs_code cli_check_out(struct cli *c, const char *const *others, size_t count, struct vs_err *err)
{
    size_t n = 0;
    if (!c->out || c->dry_run)
        return VS_OK;
    const char **inputs = calloc(c->arg_count + count + 1, sizeof *inputs);
    if (!inputs)
        return vs_fail(err, VS_ENOMEM, "out of memory");
    for (size_t i = 0; i < c->arg_count; i++)
        inputs[n++] = c->args[i];
    for (size_t i = 0; i < count; i++)
        if (others[i])
            inputs[n++] = others[i];
    enum vs_code code = vs_output_check(c->out, c->force, inputs, n, err);
    free(inputs);
    if (!code)
        vs_output_leftovers(c->out, c->force, tell, c);
    return code;
}

enum vs_code cli_read_input(const struct cli *c, size_t most, char **text, size_t *n, struct vs_err *err)
{
    size_t cap = 0;
    *text = NULL;
    *n = 0;
    do {
        if (*n == cap) {
            cap = cap ? 2 * cap : 65536;
            char *more = realloc(*text, cap);
            if (!more)
                return vs_fail(err, VS_ENOMEM, "standard input: out of memory after %zu bytes", *n);
            *text = more;
        }
        *n += fread(*text + *n, 1, cap - *n, stdin);
        if (*c->run.cancel)
            return vs_fail(err, VS_ECANCELED, "interrupted");
        if (ferror(stdin))
            return vs_fail(err, VS_EFORMAT, "standard input: %s", strerror(errno));
        if (*n > most)
            return vs_fail(err, VS_ELIMIT, "standard input: more than %zu bytes; this is all that is read", most);
    } while (!feof(stdin));
    return VS_OK;
}
