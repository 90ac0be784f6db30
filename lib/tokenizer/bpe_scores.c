/* SPDX-License-Identifier: Apache-2.0
 *
 * Every way to cut an entry in two entries, in one walk from each end: what its text begins with, and what it ends with,
 * spelled backwards. Looking all halves up would cost the square of its length.
 */
#include <stdlib.h>
#include "base/mem.h"
#include "tokenizer/bpe_scores.h"
#include "tokenizer/prefix.h"

#define PAIRS_MAX (1u << 23)
#define LOOK_EVERY 4096u /* entries between two looks at whether the result is still wanted */

struct pairs {
    const struct vs_vocab *v;
    const bool *apart;
    struct vs_prefix heads, tails; /* entries by text, and by text spelled backwards */
    char *backwards;               /* the texts of tails */
    uint32_t *tail;                /* of the entry at hand: which entry begins at a byte and goes to its end */
    uint32_t *rank_of;             /* by entry */
    struct vs_bpe_merge *merges;
    uint32_t *ranks;
    uint32_t count, cap;
    struct vs_err *err;
};

/* ---- ranks ---- */

struct scored { float score; uint32_t entry; };

static int by_score(const void *left, const void *right)
{
    const struct scored *a = left, *b = right;
    return (a->score < b->score) - (a->score > b->score);
}

static enum vs_code rank(struct pairs *x, const float *scores)
{
    const uint32_t n = x->v->count;
    struct scored *list = vs_realloc_array(NULL, n, sizeof *list);
    x->rank_of = vs_realloc_array(NULL, n, sizeof *x->rank_of);
    const bool room = list && x->rank_of;
    for (uint32_t i = 0; room && i < n; i++)
        list[i] = (struct scored){scores[i], i};
    if (room)
        qsort(list, n, sizeof *list, by_score);
    for (uint32_t i = 0, next = 0; room && i < n; i++) {
        next += i && list[i].score < list[i - 1].score;
        x->rank_of[list[i].entry] = next;
    }
    vs_free(list);
    return room ? VS_OK : vs_enomem(x->err, "scores", n * (uint64_t)sizeof *list);
}

/* ---- entries from both ends ---- */

static enum vs_code index_texts(struct pairs *x)
{
    const uint32_t count = x->v->count, bytes = x->v->begins[count];
    struct vs_prefix_item *heads = vs_realloc_array(NULL, count, sizeof *heads), *tails = vs_realloc_array(NULL, count, sizeof *tails);
    uint32_t n = 0, longest = 0;
    x->backwards = vs_realloc_array(NULL, bytes + (size_t)1, 1);
    if (!heads || !tails || !x->backwards) {
        vs_free(heads);
        vs_free(tails);
        return vs_enomem(x->err, "the texts of the vocabulary", bytes + count * (uint64_t)sizeof *heads * 2);
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct vs_str s = vs_vocab_text(x->v, i);
        char *to = x->backwards + x->v->begins[i];
        if (x->apart[i])
            continue;
        for (size_t k = 0; k < s.n; k++)
            to[k] = s.p[s.n - 1 - k];
        heads[n] = (struct vs_prefix_item){s.p, (uint32_t)s.n, i};
        tails[n++] = (struct vs_prefix_item){to, (uint32_t)s.n, i};
        longest = s.n > longest ? (uint32_t)s.n : longest;
    }
    vs_prefix_build(&x->heads, heads, n);
    vs_prefix_build(&x->tails, tails, n);
    x->tail = vs_realloc_array(NULL, longest + (size_t)1, sizeof *x->tail);
    return x->tail ? VS_OK : vs_enomem(x->err, "the ends of a token", longest * (uint64_t)sizeof *x->tail);
}

static bool room(struct pairs *x)
{
    if (x->count < x->cap)
        return true;
    const uint32_t cap = x->cap ? x->cap * 2 : 1 << 12;
    struct vs_bpe_merge *merges = vs_realloc_array(x->merges, cap, sizeof *merges);
    x->merges = merges ? merges : x->merges;
    uint32_t *ranks = merges ? vs_realloc_array(x->ranks, cap, sizeof *ranks) : NULL;
    x->ranks = ranks ? ranks : x->ranks;
    x->cap = ranks ? cap : x->cap;
    return ranks;
}

static enum vs_code add(struct pairs *x, uint32_t left, uint32_t right, uint32_t product)
{
    if (x->count == PAIRS_MAX)
        return vs_fail(x->err, VS_ELIMIT, "more than %u pairs of tokens make another token, expected no more", PAIRS_MAX);
    if (!room(x))
        return vs_enomem(x->err, "pairs of tokens", x->cap * (uint64_t)2 * sizeof *x->merges);
    x->ranks[x->count] = x->rank_of[product];
    x->merges[x->count++] = (struct vs_bpe_merge){left, right, product};
    return VS_OK;
}

static enum vs_code cut(struct pairs *x, uint32_t entry)
{
    const struct vs_str s = vs_vocab_text(x->v, entry);
    struct vs_prefix_walk w = vs_prefix_begin(&x->tails);
    enum vs_code code = VS_OK;
    uint32_t which;
    for (size_t i = 0; i < s.n; i++)
        x->tail[i] = VS_NO_ENTRY;
    for (size_t n = 1; n < s.n && vs_prefix_step(&x->tails, &w, (unsigned char)s.p[s.n - n]); n++)
        if (vs_prefix_match(&x->tails, &w, &which))
            x->tail[s.n - n] = which;
    w = vs_prefix_begin(&x->heads);
    for (size_t n = 1; !code && n < s.n && vs_prefix_step(&x->heads, &w, (unsigned char)s.p[n - 1]); n++)
        if (vs_prefix_match(&x->heads, &w, &which) && x->tail[n] != VS_NO_ENTRY)
            code = add(x, which, x->tail[n], entry);
    return code;
}

enum vs_code vs_bpe_by_score(const struct vs_vocab *v, const float *scores, const bool *apart, const volatile sig_atomic_t *cancel,
                             struct vs_bpe **out, struct vs_err *err)
{
    struct pairs x = {.v = v, .apart = apart, .err = err};
    uint64_t twin;
    *out = NULL;
    if (!v->count)
        return vs_bpe_build(NULL, NULL, 0, out, &twin, err);
    enum vs_code code = rank(&x, scores);
    if (!code)
        code = index_texts(&x);
    for (uint32_t i = 0; !code && i < v->count; i++)
        code = i % LOOK_EVERY == 0 && cancel && *cancel ? vs_fail(err, VS_ECANCELED, "interrupted") : apart[i] ? VS_OK : cut(&x, i);
    if (!code) /* texts are unlike: a pair makes one text, so none comes twice */
        code = vs_bpe_build(x.merges, x.ranks, x.count, out, &twin, err);
    vs_prefix_free(&x.heads);
    vs_prefix_free(&x.tails);
    vs_free(x.backwards);
    vs_free(x.tail);
    vs_free(x.rank_of);
    vs_free(x.merges);
    vs_free(x.ranks);
    return code;
}
