/* SPDX-License-Identifier: Apache-2.0
 *
 * FOLD, as fold.h describes it.
 */
#include <string.h>
#include "base/str.h"
#include "plan/fold.h"

#define TAKEN_BACK (VS_NONE - 1) /* a map keeps its keys: the value of one that is no token any more */

struct counted { struct vs_fold_pair pair; uint32_t uses, last_user; }; /* last_user: candidate + 1 */
struct span { uint32_t begin, count; };   /* of one candidate in `pieces` */

struct fold {
    const struct vs_tokenizer *base;
    const struct vs_candidate *candidates;
    uint32_t count;
    struct vs_arena *arena;
    struct vs_bpe *bpe;
    struct vs_map wanted;        /* candidate's spelling -> its position */
    struct vs_map taken;         /* spellings that no merge may yield -> 0 */
    struct vs_map made;          /* new token's spelling -> symbol; TAKEN_BACK when it was taken back */
    struct vs_map pair_at;       /* pair of the base segmentations -> position in pairs, uses */
    struct counted *pairs; uint32_t pair_count;
    struct vs_ids pieces;        /* base segmentations, one after the other */
    struct span *spans;
    struct vs_fold *out;
    struct vs_buf text;
    uint32_t *work;              /* the symbols at hand: room for the longest candidate */
};

static struct vs_str symbol_text(const struct fold *f, uint32_t symbol)
{
    return symbol < f->base->base_count ? vs_symbol_text(f->base, symbol) : f->out->tokens[symbol - f->base->base_count].token;
}

static uint32_t made_symbol(const struct fold *f, struct vs_str token)
{
    uint32_t symbol = vs_map_get(&f->made, token);
    return symbol == VS_NONE || symbol == TAKEN_BACK ? VS_NO_SYMBOL : symbol;
}

static bool is_taken(const struct fold *f, struct vs_str token)
{
    return vs_token_id(f->base, token) != VS_NO_ID || vs_map_get(&f->taken, token) != VS_NONE;
}

/* Adds a token; its symbol is base_count + its position. The text must live in the arena. */
static enum vs_code make(struct fold *f, struct vs_fold_token token, uint32_t *symbol, struct vs_err *err)
{
    struct vs_fold *out = f->out;
    struct vs_fold_token *tokens = vs_arena_room(f->arena, out->tokens, out->token_count, sizeof *tokens);
    if (!tokens)
        return vs_enomem(err, "the new tokens", 0);
    out->tokens = tokens;
    *symbol = f->base->base_count + out->token_count;
    if (!vs_map_put(&f->made, token.token, *symbol, NULL))
        return vs_enomem(err, "the new tokens", 0);
    out->tokens[out->token_count++] = token;
    return VS_OK;
}

/* ---- symbols; new characters first ---- */

static uint32_t known_symbol(const struct fold *f, struct vs_str character)
{
    uint32_t symbol = vs_symbol_of(f->base, character);
    return symbol != VS_NO_SYMBOL ? symbol : made_symbol(f, character);
}

static unsigned char_length(struct vs_str s, size_t at)
{
    uint32_t cp;
    return vs_utf8_next(s.p + at, s.p + s.n, &cp);
}

/* A character that is an added token outside model.vocab never reaches the model. */
static bool has_taken_character(const struct fold *f, struct vs_str t)
{
    for (size_t at = 0, n; at < t.n; at += n) {
        n = char_length(t, at);
        struct vs_str c = {t.p + at, n};
        if (known_symbol(f, c) == VS_NO_SYMBOL && is_taken(f, c))
            return true;
    }
    return false;
}

/* A merge list cannot go through a character that is no token, so those that are missing come first (5.2, rule 8). */
static enum vs_code make_characters(struct fold *f, struct vs_err *err)
{
    for (uint32_t i = 0; i < f->count; i++) {
        struct vs_str t = f->candidates[i].token;
        if (has_taken_character(f, t)) { /* known before any of its characters is made: they would be tokens that nobody asked for */
            f->out->reasons[i] = "with a character that is an added token";
            continue;
        }
        for (size_t at = 0, n; at < t.n; at += n) {
            n = char_length(t, at);
            struct vs_str c = {t.p + at, n};
            uint32_t symbol;
            if (known_symbol(f, c) != VS_NO_SYMBOL)
                continue;
            struct vs_fold_token token = {c, vs_map_get(&f->wanted, c), VS_NO_SYMBOL, VS_NO_SYMBOL};
            enum vs_code code = make(f, token, &symbol, err);
            if (code)
                return code;
        }
    }
    return VS_OK;
}

static uint32_t split(const struct fold *f, struct vs_str token, uint32_t *symbols)
{
    uint32_t count = 0;
    for (size_t at = 0, n; at < token.n; at += n) {
        n = char_length(token, at);
        symbols[count++] = known_symbol(f, (struct vs_str){token.p + at, n});
    }
    return count;
}

/* ---- how often a pair occurs in the base segmentations ---- */

static struct vs_str pair_key(const struct vs_fold_pair *pair)
{
    return (struct vs_str){(const char *)pair, sizeof *pair};
}

static enum vs_code count_pair(struct fold *f, struct vs_fold_pair pair, uint32_t user, struct vs_err *err)
{
    uint32_t at = vs_map_get(&f->pair_at, pair_key(&pair));
    if (at == VS_NONE) {
        at = f->pair_count++;
        f->pairs[at].pair = pair;
        if (!vs_map_put(&f->pair_at, pair_key(&f->pairs[at].pair), at, NULL))
            return vs_enomem(err, "the pairs", 0);
    }
    f->pairs[at].uses += f->pairs[at].last_user != user + 1; /* once per candidate */
    f->pairs[at].last_user = user + 1;
    return VS_OK;
}

static uint32_t uses_of(const struct fold *f, struct vs_fold_pair pair)
{
    uint32_t at = vs_map_get(&f->pair_at, pair_key(&pair));
    return at == VS_NONE ? 0 : f->pairs[at].uses;
}

static enum vs_code segment(struct fold *f, struct vs_err *err)
{
    size_t room = 0;
    for (uint32_t i = 0; i < f->count; i++)
        room += f->candidates[i].token.n;
    f->pieces.ids = vs_calloc(room ? room : 1, sizeof *f->pieces.ids);
    f->spans = vs_arena_array(f->arena, f->count + 1u, sizeof *f->spans);
    if (!f->pieces.ids || !f->spans)
        return vs_enomem(err, "the candidates' symbols", 0);
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->out->reasons[i])
            continue;
        uint32_t *symbols = f->pieces.ids + f->pieces.count, n = split(f, f->candidates[i].token, symbols);
        enum vs_code code = vs_bpe_merge(f->bpe, symbols, &n, err);
        if (code)
            return code;
        f->spans[i] = (struct span){(uint32_t)f->pieces.count, n};
        f->pieces.count += n;
    }
    return VS_OK;
}

static enum vs_code count_pairs(struct fold *f, struct vs_err *err)
{
    f->pairs = vs_calloc(f->pieces.count + 1, sizeof *f->pairs);
    if (!f->pairs)
        return vs_enomem(err, "the pairs", 0);
    for (uint32_t i = 0; i < f->count; i++)
        for (uint32_t k = 0; k + 1 < f->spans[i].count; k++) {
            const uint32_t *s = f->pieces.ids + f->spans[i].begin + k;
            enum vs_code code = count_pair(f, (struct vs_fold_pair){s[0], s[1]}, i, err);
            if (code)
                return code;
        }
    return VS_OK;
}

/* ---- one candidate ---- */

struct choice { struct vs_fold_pair pair; bool found, wanted; uint32_t uses; };

static bool join(struct fold *f, struct vs_fold_pair pair)
{
    f->text.n = 0;
    vs_buf_str(&f->text, symbol_text(f, pair.left));
    vs_buf_str(&f->text, symbol_text(f, pair.right));
    return !f->text.failed;
}

/* A pair whose product is a candidate; else the one that most candidates hold; else the leftmost. */
static struct choice choose(struct fold *f, const uint32_t *symbols, uint32_t n)
{
    struct choice best = {.found = false};
    for (uint32_t i = 0; i + 1 < n; i++) {
        struct choice c = {.pair = {symbols[i], symbols[i + 1]}, .found = true};
        if (!join(f, c.pair))
            break;
        struct vs_str product = {f->text.p, f->text.n};
        if (is_taken(f, product) || made_symbol(f, product) != VS_NO_SYMBOL)
            continue; /* would change what the base does, or make a token twice */
        c.wanted = vs_map_get(&f->wanted, product) != VS_NONE;
        c.uses = uses_of(f, c.pair);
        if (!best.found || c.wanted > best.wanted || (c.wanted == best.wanted && c.uses > best.uses))
            best = c;
    }
    return best;
}

static enum vs_code add_merge(struct fold *f, struct vs_fold_pair pair, struct vs_err *err)
{
    if (!join(f, pair))
        return vs_enomem(err, "a token", f->text.n);
    char *p = vs_arena_dup(f->arena, f->text.p, f->text.n);
    if (!p)
        return vs_enomem(err, "a token", f->text.n);
    struct vs_fold_token token = {{p, f->text.n}, VS_NONE, pair.left, pair.right};
    token.candidate = vs_map_get(&f->wanted, token.token);
    uint32_t symbol;
    enum vs_code code = make(f, token, &symbol, err);
    return code ? code : vs_bpe_add(f->bpe, pair.left, pair.right, symbol, err);
}

static enum vs_code take_back(struct fold *f, uint32_t mark, uint32_t tokens, struct vs_err *err)
{
    vs_bpe_take_back(f->bpe, mark);
    while (f->out->token_count > tokens)
        if (!vs_map_put(&f->made, f->out->tokens[--f->out->token_count].token, TAKEN_BACK, NULL))
            return vs_enomem(err, "the new tokens", 0);
    return VS_OK;
}

static enum vs_code fold_one(struct fold *f, uint32_t i, struct vs_err *err)
{
    uint32_t n = f->spans[i].count, mark = vs_bpe_mark(f->bpe), tokens = f->out->token_count;
    memcpy(f->work, f->pieces.ids + f->spans[i].begin, n * sizeof *f->work);
    for (;;) {
        enum vs_code code = vs_bpe_merge(f->bpe, f->work, &n, err);
        if (code || n <= 1)
            return code;
        struct choice c = choose(f, f->work, n);
        if (f->text.failed)
            return vs_enomem(err, "a token", f->text.n);
        if (!c.found) {
            f->out->reasons[i] = "in need of a merge that would yield a token that exists";
            return take_back(f, mark, tokens, err);
        }
        code = add_merge(f, c.pair, err);
        if (code)
            return code;
    }
}

/* ---- the result ---- */

/* Merges in rank order are the tokens in order, without the new characters: one merge, one token. */
static enum vs_code collect(struct fold *f, struct vs_err *err)
{
    struct vs_fold *out = f->out;
    out->merges = vs_arena_array(f->arena, out->token_count + 1u, sizeof *out->merges);
    if (!out->merges)
        return vs_enomem(err, "the new merges", 0);
    for (uint32_t i = 0; i < out->token_count; i++) {
        struct vs_fold_token *t = &out->tokens[i];
        if (t->left != VS_NO_SYMBOL)
            out->merges[out->merge_count++] = (struct vs_fold_pair){t->left, t->right};
        if (t->candidate != VS_NONE) /* rejected in its turn, made on the way to another later: what exists is not rejected */
            out->reasons[t->candidate] = NULL;
    }
    return VS_OK;
}

static enum vs_code count_reached(struct fold *f, struct vs_err *err)
{
    for (uint32_t i = 0; i < f->out->token_count; i++) {
        uint32_t n = split(f, f->out->tokens[i].token, f->work); /* a part of some candidate: there is room */
        enum vs_code code = vs_bpe_merge(f->bpe, f->work, &n, err);
        if (code)
            return code;
        f->out->reached += n == 1 && f->work[0] == f->base->base_count + i;
    }
    return VS_OK;
}

static enum vs_code prepare(struct fold *f, const struct vs_fold_request *q, struct vs_err *err)
{
    size_t longest = 1;
    f->out->reasons = vs_arena_array(f->arena, f->count + 1u, sizeof *f->out->reasons);
    for (uint32_t i = 0; i < f->count; i++) {
        longest = f->candidates[i].token.n > longest ? f->candidates[i].token.n : longest;
        if (!vs_map_put(&f->wanted, f->candidates[i].token, i, NULL))
            return vs_enomem(err, "the candidates", 0);
    }
    f->work = vs_arena_array(f->arena, longest, sizeof *f->work);
    if (!f->out->reasons || !f->work)
        return vs_enomem(err, "the candidates", 0);
    for (size_t i = 0; i < q->taken_count; i++)
        if (!vs_map_put(&f->taken, q->taken[i], 0, NULL))
            return vs_enomem(err, "the tokens to add", 0);
    enum vs_code code = vs_bpe_clone(f->base, &f->bpe, err);
    if (!code)
        code = make_characters(f, err);
    if (!code)
        code = segment(f, err);
    return code ? code : count_pairs(f, err);
}

enum vs_code vs_fold(const struct vs_fold_request *q, struct vs_arena *arena, const struct vs_run *run, struct vs_fold *out,
                     struct vs_err *err)
{
    const struct vs_tokenizer *base = q->base;
    struct fold f = {.base = base, .candidates = q->candidates, .count = q->count, .arena = arena, .out = out};
    *out = (struct vs_fold){0};
    if (vs_subword_prefix(base).n || vs_word_suffix(base).n)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: /model: found continuing_subword_prefix or end_of_word_suffix, expected a BPE model "
                       "without them; --add-token works here too", base->path);
    enum vs_code code = prepare(&f, q, err);
    for (uint32_t i = 0; !code && i < q->count; i++) {
        if (run->cancel && *run->cancel)
            code = vs_fail(err, VS_ECANCELED, "interrupted");
        else if (!out->reasons[i])
            code = fold_one(&f, i, err);
    }
    if (!code)
        code = collect(&f, err);
    if (!code)
        code = count_reached(&f, err);
    vs_bpe_free(f.bpe);
    vs_map_free(&f.wanted);
    vs_map_free(&f.taken);
    vs_map_free(&f.made);
    vs_map_free(&f.pair_at);
    vs_free(f.pairs);
    vs_free(f.pieces.ids);
    vs_buf_free(&f.text);
    return code;
}
