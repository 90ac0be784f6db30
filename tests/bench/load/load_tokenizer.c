/* SPDX-License-Identifier: Apache-2.0
 *
 * load-tokenizer FILE [ids]: opens a tokenizer, with its encoder or for ids only. For the benchmark.
 */
#include <stdio.h>
#include <vs/tokenizer.h>

int main(int argc, char **argv)
{
    struct vs_err err = {0};
    struct vs_tokenizer *t = NULL;
    struct vs_tokenizer_options options = {.lenient = true, .ids_only = argc > 2};
    if (argc < 2 || vs_tokenizer_open(argv[1], &options, &t, &err)) {
        fprintf(stderr, "%s\n", err.message);
        return 3;
    }
    vs_tokenizer_close(t);
    return 0;
}
