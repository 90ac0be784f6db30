/* SPDX-License-Identifier: Apache-2.0
 *
 * encode-lines TOKENIZER [prompt] < TEXT: the ids of each line, as the library encodes it, or "!" and why not. prompt: with what the
 * post-processor puts around it. For comparison with other libraries.
 */
#include <stdio.h>
#include <stdlib.h>
#include <vs/tokenizer.h>

int main(int argc, char **argv)
{
    struct vs_err err = {0};
    struct vs_tokenizer *t = NULL;
    struct vs_ids ids = {0};
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    enum vs_code code = argc == 2 || argc == 3 ? vs_tokenizer_open(argv[1], &(struct vs_tokenizer_options){.lenient = true}, &t, &err) : VS_EUSAGE;
    if (code)
        fprintf(stderr, "%s\n", err.message);
    while (t && (n = getline(&line, &cap, stdin)) >= 0) {
        ids.count = 0;
        n -= n > 0 && line[n - 1] == '\n';
        if ((argc == 3 ? vs_encode_prompt : vs_encode)(t, (struct vs_str){line, (size_t)n}, &ids, &err))
            printf("! %s", err.message);
        else
            for (size_t i = 0; i < ids.count; i++)
                printf(i ? " %u" : "%u", ids.ids[i]);
        putchar('\n');
    }
    free(line);
    vs_ids_free(&ids);
    vs_tokenizer_close(t);
    return code ? 3 : 0;
}
