/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "tokenizer/alphabet.h"
#include "tokenizer/steps.h"

enum vs_code vs_normalize(const struct vs_tokenizer *t, struct vs_str text, struct vs_buf *out, struct vs_err *err)
{
    struct vs_pipeline *p = NULL;
    enum vs_code code = vs_pipeline_of(t, &p, err);
    bool cut;
    return code ? code : vs_run_normalizer(p, text, out, &cut, err);
}

/* The length of the blank that s begins with: a space, or what stands for one. */
static size_t blank_at(struct vs_str s)
{
    return vs_str_starts(s, VS_LIT(" ")) ? 1 : vs_str_starts(s, VS_LIT(VS_SPACE_MARK)) ? 3 : 0;
}

static bool blank(struct vs_str s)
{
    size_t at = 0, n = 1;
    for (; n && at < s.n; at += n)
        n = blank_at((struct vs_str){s.p + at, s.n - at});
    return at == s.n && n;
}

const char *vs_added_left(struct vs_str content, struct vs_str normal)
{
    /* of blanks, of which one is left */
    const bool run = content.n > normal.n && vs_str_starts(content, normal) && normal.n == blank_at(normal);
    return normal.n == 0 ? "nothing" : blank(normal) && (run || !blank(content)) ? "a blank" : NULL;
}

enum vs_code vs_pretokenize(const struct vs_tokenizer *t, struct vs_str text, struct vs_pieces *out, struct vs_err *err)
{
    struct vs_pipeline *p = NULL;
    struct vs_buf b = {0};
    bool cut = false;
    enum vs_code code = vs_pipeline_of(t, &p, err);
    if (!code)
        code = vs_run_normalizer(p, text, &b, &cut, err);
    if (!code)
        code = vs_run_pretokenizer(p, vs_buf_view(&b), !cut, out, err);
    vs_buf_free(&b);
    return code;
}

static bool one_holds(const struct vs_pieces *pieces, struct vs_str spelled)
{
    for (size_t i = 0; i < pieces->count; i++) {
        const char *p = pieces->text.p + pieces->items[i].begin;
        if (memmem(p, pieces->items[i].end - pieces->items[i].begin, spelled.p, spelled.n))
            return true;
    }
    return false;
}

enum vs_code vs_text_reaches(const struct vs_tokenizer *t, struct vs_str text, struct vs_str spelled, bool *stable, bool *atomic, struct vs_err *err)
{
    static const char *const around[] = {"", " ", "a", "1", ".", "\n"};
    struct vs_pipeline *p = NULL;
    struct vs_buf b = {0}, normal = {0};
    struct vs_pieces pieces = {0};
    bool cut = false;
    enum vs_code code = vs_pipeline_of(t, &p, err);
    *stable = *atomic = false;
    for (int k = 0; !code && !*atomic && k < 36; k++) {
        b.n = normal.n = 0;
        vs_buf_puts(&b, around[k / 6]);
        vs_buf_str(&b, text);
        vs_buf_puts(&b, around[k % 6]);
        code = b.failed ? vs_enomem(err, "a text", b.n) : vs_run_normalizer(p, vs_buf_view(&b), &normal, &cut, err);
        struct vs_str n = vs_buf_view(&normal);
        /* A normalizer may spell spaces its own way; the token is unchanged when text or spelling is still in there. */
        *stable = *stable || (!code && (memmem(n.p, n.n, text.p, text.n) || memmem(n.p, n.n, spelled.p, spelled.n)));
        if (!code && *stable)
            code = vs_run_pretokenizer(p, n, !cut, &pieces, err);
        *atomic = !code && *stable && one_holds(&pieces, spelled);
    }
    vs_buf_free(&b);
    vs_buf_free(&normal);
    vs_pieces_free(&pieces);
    return code;
}
