/* SPDX-License-Identifier: Apache-2.0
 *
 * pipeline-lines TOKENIZER < TEXT: each line normalised, then its pre-tokens (of the line as it is); parts are ended by U+001F.
 * For comparison with other libraries.
 */
#include <stdio.h>
#include <stdlib.h>
#include "tokenizer/pipeline.h"

static enum vs_code print_line(const struct vs_tokenizer *t, struct vs_str line, struct vs_err *err)
{
    struct vs_buf normal = {0};
    struct vs_pieces pieces = {0};
    enum vs_code code = vs_normalize(t, line, &normal, err);
    if (!code)
        code = vs_pretokenize(t, line, &pieces, err);
    printf("%.*s\x1f", (int)normal.n, normal.p ? normal.p : "");
    for (size_t i = 0; i < pieces.count; i++)
        printf("%.*s\x1f", (int)(pieces.items[i].end - pieces.items[i].begin), pieces.text.p + pieces.items[i].begin);
    putchar('\n');
    vs_buf_free(&normal);
    vs_pieces_free(&pieces);
    return code;
}

int main(int argc, char **argv)
{
    struct vs_err err = {0};
    struct vs_tokenizer *t = NULL;
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    enum vs_code code = argc == 2 ? vs_tokenizer_open(argv[1], &(struct vs_tokenizer_options){.lenient = true}, &t, &err) : VS_EUSAGE;
    while (!code && (n = getline(&line, &cap, stdin)) >= 0) {
        n -= n > 0 && line[n - 1] == '\n';
        code = print_line(t, (struct vs_str){line, (size_t)n}, &err);
    }
    if (code)
        fprintf(stderr, "%s\n", err.message);
    free(line);
    vs_tokenizer_close(t);
    return code ? 3 : 0;
}
