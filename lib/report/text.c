/* SPDX-License-Identifier: Apache-2.0
 *
 * The growing buffer as tools see it.
 */
#include <vs/report.h>
#include "base/mem.h"
#include "base/str.h"

struct vs_buf *vs_text_new(void)
{
    return vs_calloc(1, sizeof(struct vs_buf));
}

const char *vs_text_get(const struct vs_buf *b, size_t *n)
{
    *n = b->n;
    return b->failed ? NULL : b->p ? b->p : "";
}

void vs_text_free(struct vs_buf *b)
{
    if (b)
        vs_buf_free(b);
    vs_free(b);
}

void vs_text_command(struct vs_buf *b, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        vs_buf_puts(b, i ? " " : "");
        vs_buf_word(b, words[i]);
    }
}
