/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and texts made to take long: time goes with their size. What takes its square or more runs into the time limit.
 */
#include <criterion/criterion.h>
#include "fixture.h"
#include "support.h"

#define SECONDS 30
#define LETTERS "{\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1}, \"merges\": []}"

/* Each of them begins a run of its own, and the ids of a run go on behind all before it. */
Test(hostile, tokens_beside_that_are_special_in_turn, .timeout = SECONDS)
{
    enum { N = 300000 };
    struct vs_buf b = {0};
    for (unsigned i = 0; i < N; i++)
        vs_buf_printf(&b, "%s\"%u\": {\"content\": \"<%u>\", \"special\": %s}", i ? ", " : "", 2 + i, i, i % 2 ? "true" : "false");
    const char *const beside[] = {"tokenizer_config.json", vst_format("{\"added_tokens_decoder\": {%s}}", b.p), NULL};
    const struct vs_tokenizer *t = tok_open_beside(tok_document(NULL, NULL, NULL, LETTERS), beside);
    cr_expect_eq(t->added_count, N);
    cr_expect_eq(t->max_id, N + 1);
    cr_expect_eq(t->moved_count, 0);
    vs_buf_free(&b);
    tok_end();
}
