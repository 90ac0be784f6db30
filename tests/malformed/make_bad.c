/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue for tests that run the programs: tools.py.
 *
 *     make-bad             lists it: name, who refuses it, what the message says; one entry a line, with tabs
 *     make-bad NAME DIR    builds one into DIR, which is there and empty
 */
#include <stdio.h>
#include <string.h>
#include "catalogue.h"

static int list(void)
{
    static const char *const kinds[] = {"model", "writers", "tokenizer", "tokenizer-writers", "map", "pair", "reported"};
    for (unsigned i = 0; bad_at(i); i++)
        printf("%s\t%s\t%s\n", bad_at(i)->name, kinds[bad_at(i)->kind], bad_at(i)->needle);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return list();
    for (unsigned i = 0; argc == 3 && bad_at(i); i++)
        if (strcmp(bad_at(i)->name, argv[1]) == 0) {
            bad_at(i)->build(bad_at(i), argv[2]);
            return 0;
        }
    fprintf(stderr, "make-bad: usage: make-bad [NAME DIR]\n");
    return 2;
}
