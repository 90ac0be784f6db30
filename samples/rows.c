/* SPDX-License-Identifier: Apache-2.0
 *
 * The library from C: does every token id of a model have a row?
 *
 *     cc rows.c $(pkg-config --static --cflags --libs vocabsurgeon) && ./a.out MODEL
 */
#include <inttypes.h>
#include <stdio.h>
#include <vs/check.h>

int main(int argc, char **argv)
{
    struct vs_err err = {0};
    struct vs_facts_options options = {0};
    struct vs_run run = {0};
    struct vs_facts *facts = NULL;
    if (argc != 2)
        return 2;
    if (vs_facts_open(argv[1], &options, &run, &facts, &err) != VS_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 3;
    }
    const struct vs_table *input = facts->checkpoint ? vs_checkpoint_table(facts->checkpoint, VS_ROLE_INPUT) : NULL;
    int missing = 0;
    if (input && facts->tokenizer) {
        missing = facts->tokenizer->rows_needed > input->rows;
        printf("rows needed %" PRIu32 ", rows there %" PRIu64 "\n", facts->tokenizer->rows_needed, input->rows);
    }
    vs_facts_close(facts);
    return missing;
}
