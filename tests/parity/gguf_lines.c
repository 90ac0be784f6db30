/* SPDX-License-Identifier: Apache-2.0
 *
 * gguf-lines FILE.gguf < TEXTS: texts end with a NUL each; their ids, one line a text, as a prompt has them with the keys of the file, or
 * "!" and why not. For comparison with llama.cpp.
 */
#include <stdio.h>
#include <stdlib.h>
#include "tokenizer/load_gguf.h"

static void encode(const struct vs_tokenizer *t, struct vs_str text)
{
    struct vs_ids ids = {0};
    struct vs_err err;
    if (vs_encode_prompt(t, text, &ids, &err))
        printf("! %s", err.message);
    else
        for (size_t i = 0; i < ids.count; i++)
            printf(i ? " %u" : "%u", ids.ids[i]);
    putchar('\n');
    vs_ids_free(&ids);
}

int main(int argc, char **argv)
{
    struct vs_arena a = {0};
    struct vs_gguf g = {0};
    struct vs_err err = {0};
    struct vs_tokenizer *t = NULL;
    char *text = NULL;
    size_t cap = 0;
    ssize_t n;
    enum vs_code code = argc == 2 ? vs_gguf_open(argv[1], 0, &a, &g, &err) : VS_EUSAGE;
    if (!code)
        code = vs_encoder_from_gguf(&g, NULL, NULL, &t, &err);
    if (code)
        fprintf(stderr, "%s\n", err.message);
    while (t && (n = getdelim(&text, &cap, 0, stdin)) > 0)
        encode(t, (struct vs_str){text, (size_t)n - 1});
    free(text);
    vs_tokenizer_close(t);
    vs_gguf_free(&g);
    vs_arena_free(&a);
    return code ? 3 : 0;
}
