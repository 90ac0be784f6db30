/* SPDX-License-Identifier: Apache-2.0
 *
 * FOLD on small vocabularies of characters, and what must hold for every result: merges only join what the base left.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include "base/str.h"
#include "plan/fold.h"
#include "support.h"

enum { MOST = 64 };

struct bench {
    struct vs_tokenizer *base;
    struct vs_arena arena;
    struct vs_candidate candidates[MOST];
    uint32_t count;
    struct vs_fold fold;
};

static const struct vs_run run;

/* vocab and merges are words with a space between them; a merge is "a+b". more is put behind the model. */
static struct vs_tokenizer *open_base(const char *vocab, const char *merges, const char *more)
{
    struct vs_buf b = {0};
    struct vs_tokenizer *t = NULL;
    struct vs_err err;
    char words[4096];
    unsigned id = 0;
    vs_buf_puts(&b, "{\"model\": {\"type\": \"BPE\", \"vocab\": {");
    snprintf(words, sizeof words, "%s", vocab);
    for (char *save, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save), id++)
        vs_buf_printf(&b, "%s\"%s\": %u", id ? ", " : "", w, id);
    vs_buf_puts(&b, "}, \"merges\": [");
    snprintf(words, sizeof words, "%s", merges);
    const char *comma = "";
    for (char *save, *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        char *plus = strchr(w, '+');
        vs_buf_printf(&b, "%s[\"%.*s\", \"%s\"]", comma, (int)(plus - w), w, plus + 1);
        comma = ", ";
    }
    vs_buf_printf(&b, "]}%s}", more);
    const char *path = vst_path(vst_tempdir(), "tokenizer.json");
    vst_write_text(path, b.p);
    vs_buf_free(&b);
    cr_assert_eq(vs_tokenizer_open(path, NULL, &t, &err), VS_OK, "%s", err.message);
    return t;
}

static void add_candidates(struct bench *b, const char *words)
{
    size_t n = strlen(words) + 1;
    char *copy = vs_arena_dup(&b->arena, words, n), *save;
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save), b->count++)
        b->candidates[b->count] = (struct vs_candidate){.token = vs_cstr(w), .text = vs_cstr(w), .source = VS_LIT("ext"), .source_id = b->count};
}

static void fold(struct bench *b, const char *taken)
{
    struct vs_err err;
    struct vs_str one = vs_cstr(taken);
    struct vs_fold_request q = {b->base, b->candidates, b->count, &one, taken ? 1 : 0};
    cr_assert_eq(vs_fold(&q, &b->arena, &run, &b->fold, &err), VS_OK, "%s", err.message);
}

static struct vs_str text_of(const struct bench *b, uint32_t symbol)
{
    return symbol < b->base->base_count ? vs_symbol_text(b->base, symbol) : b->fold.tokens[symbol - b->base->base_count].token;
}

/* The merges as "a+b c+d". */
static const char *merges_of(const struct bench *b)
{
    static char out[4096];
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < b->fold.merge_count; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s+%.*s", i ? " " : "", VS_STR(text_of(b, b->fold.merges[i].left)),
                              VS_STR(text_of(b, b->fold.merges[i].right)));
    return out;
}

/* The new tokens in order; intermediates in brackets. */
static const char *tokens_of(const struct bench *b)
{
    static char out[4096];
    size_t n = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < b->fold.token_count; i++)
        n += (size_t)snprintf(out + n, sizeof out - n, b->fold.tokens[i].candidate == VS_NONE ? "%s(%.*s)" : "%s%.*s", i ? " " : "",
                              VS_STR(b->fold.tokens[i].token));
    return out;
}

static void finish(struct bench *b)
{
    vs_tokenizer_close(b->base);
    vs_arena_free(&b->arena);
    vst_cleanup();
}

static const struct { const char *name, *vocab, *merges, *candidates, *new_merges, *new_tokens; } examples[] = {
    {"longer ones use shorter ones", "a b c d e f g h ab cd abcd ef", "a+b c+d ab+cd e+f", "abe abefgh ghab",
     "ab+e g+h ab+ef abef+gh gh+ab", "abe (gh) (abef) abefgh ghab"},
    {"the base merges first", "a b ab", "a+b", "bab", "b+ab", "bab"},
    {"a base token that no merge reaches is not made", "a b c d e f g h ab cd abcd ef gh", "a+b c+d ab+cd e+f", "gha agh", "h+a g+ha a+g ag+h",
     "(ha) gha (ag) agh"},
    {"a candidate on the way is preferred", "a b c", "", "abc bc", "b+c a+bc", "bc abc"},
    {"a pair that many hold is preferred", "a b c d", "", "abc dbc", "b+c a+bc d+bc", "(bc) abc dbc"},
    {"leftmost on ties", "a b c", "", "abc", "a+b ab+c", "(ab) abc"},
    {"a new character comes first", "a b", "", "ac abc c", "a+c a+b ab+c", "c ac (ab) abc"},
    {"a new character that nobody asked for", "a b", "", "aéb", "a+é aé+b", "(é) (aé) aéb"},
    {"nothing to do", "a b", "", "", "", ""},
    {"runs", "a", "", "aaaa aaa", "a+a aa+aa aa+a", "(aa) aaaa aaa"},
};

Test(fold, examples)
{
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct bench b = {.base = open_base(examples[i].vocab, examples[i].merges, "")};
        add_candidates(&b, examples[i].candidates);
        fold(&b, NULL);
        for (uint32_t k = 0; k < b.count; k++)
            cr_assert_null(b.fold.reasons[k], "%s: %s", examples[i].name, b.fold.reasons[k]);
        cr_assert_eq(b.fold.reached, b.fold.token_count, "%s", examples[i].name);
        if (examples[i].new_merges)
            cr_assert_str_eq(merges_of(&b), examples[i].new_merges, "%s: %s", examples[i].name, merges_of(&b));
        if (examples[i].new_tokens)
            cr_assert_str_eq(tokens_of(&b), examples[i].new_tokens, "%s: %s", examples[i].name, tokens_of(&b));
        finish(&b);
    }
}

Test(fold, what_would_need_a_base_token_is_rejected_and_taken_back)
{
    struct bench b = {.base = open_base("a b c d bc cd abc", "", "")};
    add_candidates(&b, "abcd ab"); /* a+b is added, then ab+c and c+d are forbidden */
    fold(&b, NULL);
    cr_assert_not_null(b.fold.reasons[0]);
    cr_assert_null(b.fold.reasons[1]);
    cr_assert_str_eq(merges_of(&b), "a+b");
    cr_assert_str_eq(tokens_of(&b), "ab");
    finish(&b);
}

Test(fold, no_merge_yields_a_token_that_is_asked_for_by_its_text)
{
    struct bench b = {.base = open_base("a b c", "", "")};
    add_candidates(&b, "abc");
    fold(&b, "ab");
    cr_assert_str_eq(merges_of(&b), "b+c a+bc");
    finish(&b);
}

Test(fold, an_added_token_is_no_character)
{
    struct bench b = {.base = open_base("a b", "", ", \"added_tokens\": [{\"id\": 2, \"content\": \"c\", \"single_word\": false, \"lstrip\": false, "
                                                   "\"rstrip\": false, \"normalized\": false, \"special\": true}]")};
    add_candidates(&b, "abc ab");
    fold(&b, NULL);
    cr_assert_not_null(b.fold.reasons[0]);
    cr_assert_str_eq(tokens_of(&b), "ab");
    finish(&b);
}

/* ---- any vocabulary ---- */

static uint64_t state = 7;

static unsigned random_below(unsigned n)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % n;
}

static void random_word(char *out, unsigned least, unsigned most)
{
    unsigned n = least + random_below(most - least + 1);
    for (unsigned i = 0; i < n; i++)
        out[i] = (char)('a' + random_below(4));
    out[n] = '\0';
}

static bool listed(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = words; (p = strstr(p, word)); p++)
        if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

/* A random vocabulary over "abcd" with up to 11 merges, and perhaps a token that no merge reaches. */
static struct vs_tokenizer *random_base(void)
{
    char vocab[2048] = "a b c d", merges[2048] = "", tokens[32][64] = {"a", "b", "c", "d"};
    unsigned count = 4, tries = random_below(12);
    for (unsigned i = 0; i < tries; i++) {
        char product[64], merge[80];
        const char *l = tokens[random_below(count)], *r = tokens[random_below(count)];
        if (strlen(l) + strlen(r) > 12)
            continue;
        snprintf(product, sizeof product, "%.20s%.20s", l, r);
        snprintf(merge, sizeof merge, "%.20s+%.20s", l, r);
        if (listed(merges, merge))
            continue;
        snprintf(merges + strlen(merges), sizeof merges - strlen(merges), "%s%s", *merges ? " " : "", merge);
        if (!listed(vocab, product)) {
            snprintf(vocab + strlen(vocab), sizeof vocab - strlen(vocab), " %s", product);
            snprintf(tokens[count++], sizeof tokens[0], "%s", product);
        }
    }
    char odd[8];
    random_word(odd, 2, 2);
    if (!listed(vocab, odd))
        snprintf(vocab + strlen(vocab), sizeof vocab - strlen(vocab), " %s", odd);
    return open_base(vocab, merges, "");
}

/* New merges repeat no pair, yield no base token, and are built from what exists by then. */
static void check_merges(const struct bench *b)
{
    uint32_t base = b->base->base_count;
    struct vs_bpe *table = NULL;
    struct vs_err err;
    cr_assert_eq(b->fold.merge_count, b->fold.token_count);
    cr_assert_eq(vs_bpe_clone(b->base, &table, &err), VS_OK);
    for (uint32_t i = 0; i < b->fold.merge_count; i++) {
        const struct vs_fold_pair *p = &b->fold.merges[i];
        cr_assert(p->left < base + i && p->right < base + i);
        cr_assert_eq(vs_symbol_of(b->base, b->fold.tokens[i].token), VS_NO_SYMBOL);
        cr_assert_eq(vs_bpe_add(table, p->left, p->right, base + i, &err), VS_OK, "%s", err.message);
    }
    vs_bpe_free(table);
}

static uint32_t encode(const struct vs_bpe *table, const struct vs_tokenizer *t, const char *text, uint32_t *symbols)
{
    uint32_t n = 0;
    struct vs_err err;
    for (const char *p = text; *p; p++)
        symbols[n++] = vs_symbol_of(t, (struct vs_str){p, 1});
    cr_assert_eq(vs_bpe_merge(table, symbols, &n, &err), VS_OK);
    return n;
}

/* Every boundary of the merged encoding is one of the base's, and what joins several of its pieces is a new token. */
static void check_coarsening(const struct bench *b, const struct vs_bpe *old, const struct vs_bpe *new, const char *text)
{
    uint32_t before[64], after[64], n = encode(old, b->base, text, before), m = encode(new, b->base, text, after), at = 0;
    for (uint32_t i = 0; i < m; i++) {
        size_t length = text_of(b, after[i]).n, sum = 0;
        uint32_t begin = at;
        while (at < n && sum < length)
            sum += text_of(b, before[at++]).n;
        cr_assert_eq(sum, length, "%s: a boundary inside a piece of the base", text);
        cr_assert(at - begin == 1 ? after[i] == before[begin] : after[i] >= b->base->base_count, "%s", text);
    }
    cr_assert_eq(at, n);
}

static void check_texts(const struct bench *b)
{
    struct vs_bpe *old = NULL, *new = NULL;
    struct vs_err err;
    char text[32];
    cr_assert_eq(vs_bpe_clone(b->base, &old, &err) || vs_bpe_clone(b->base, &new, &err), VS_OK);
    for (uint32_t i = 0; i < b->fold.merge_count; i++)
        cr_assert_eq(vs_bpe_add(new, b->fold.merges[i].left, b->fold.merges[i].right, b->base->base_count + i, &err), VS_OK);
    for (uint32_t i = 0; i < b->fold.token_count; i++) { /* reachable on its own */
        uint32_t symbols[64];
        snprintf(text, sizeof text, "%.*s", VS_STR(b->fold.tokens[i].token));
        cr_assert(encode(new, b->base, text, symbols) == 1 && symbols[0] == b->base->base_count + i, "%s", text);
    }
    for (int i = 0; i < 30; i++) {
        random_word(text, 12, 12);
        check_coarsening(b, old, new, text);
    }
    vs_bpe_free(old);
    vs_bpe_free(new);
}

Test(fold, any_vocabulary)
{
    uint32_t accepted = 0, rejected = 0, intermediates = 0;
    for (int round = 0; round < 200; round++) {
        struct bench b = {.base = random_base()};
        char words[512] = "", word[16];
        for (int i = 0; i < 15; i++) {
            random_word(word, 2, 7);
            if (vs_token_id(b.base, vs_cstr(word)) == VS_NO_ID && !listed(words, word))
                snprintf(words + strlen(words), sizeof words - strlen(words), "%s%s", *words ? " " : "", word);
        }
        add_candidates(&b, words);
        fold(&b, NULL);
        check_merges(&b);
        check_texts(&b);
        cr_assert_eq(b.fold.reached, b.fold.token_count);
        uint32_t made = 0;
        for (uint32_t i = 0; i < b.fold.token_count; i++)
            made += b.fold.tokens[i].candidate != VS_NONE;
        for (uint32_t i = 0; i < b.count; i++)
            b.fold.reasons[i] ? rejected++ : accepted++;
        intermediates += b.fold.token_count - made;
        finish(&b);
    }
    cr_assert(accepted > 1000 && rejected > 5 && intermediates > 100, "%u accepted, %u rejected, %u intermediates: the test says nothing", accepted,
              rejected, intermediates);
}

Test(fold, prefixes_and_suffixes_are_refused_by_name)
{
    struct vs_arena a = {0};
    struct vs_fold out;
    struct vs_err err;
    struct vs_tokenizer *t = NULL;
    const char *path = vst_path(vst_tempdir(), "tokenizer.json");
    vst_write_text(path, "{\"model\": {\"type\": \"BPE\", \"end_of_word_suffix\": \"</w>\", \"vocab\": {\"a\": 0, \"a</w>\": 1}, \"merges\": []}}");
    cr_assert_eq(vs_tokenizer_open(path, NULL, &t, &err), VS_OK, "%s", err.message);
    cr_assert_eq(vs_fold(&(struct vs_fold_request){.base = t}, &a, &run, &out, &err), VS_EUNSUPPORTED);
    cr_assert(strstr(err.message, "end_of_word_suffix"));
    vs_tokenizer_close(t);
    vs_arena_free(&a);
    vst_cleanup();
}

Test(fold, every_failing_allocation_is_an_error)
{
    struct bench b = {.base = open_base("a b c d ab", "a+b", "")};
    add_candidates(&b, "abc dabc cd");
    for (unsigned long n = 1;; n++) {
        struct vs_arena a = {0};
        struct vs_err err = {0};
        struct vs_fold_request q = {b.base, b.candidates, b.count, NULL, 0};
        vs_mem_fail_at(n, false);
        enum vs_code code = vs_fold(&q, &a, &run, &b.fold, &err);
        vs_mem_fail_at(0, false);
        vs_arena_free(&a);
        if (code == VS_OK) {
            cr_assert_gt(n, 5);
            break;
        }
        cr_assert_eq(code, VS_ENOMEM, "allocation %lu: %s", n, err.message);
        cr_assert_lt(n, 500);
    }
    finish(&b);
}

/* A candidate that cannot be made leaves none of its characters behind. */
Test(fold, a_rejected_candidate_makes_no_characters)
{
    struct bench b = {.base = open_base("a b ab", "a+b", "")};
    add_candidates(&b, "xyb");
    fold(&b, "y");
    cr_expect_eq(b.fold.token_count, 0, "%u tokens that nobody asked for", b.fold.token_count);
    cr_expect_str_eq(b.fold.reasons[0], "with a character that is an added token");
    vs_tokenizer_close(b.base);
    vs_arena_free(&b.arena);
    vst_cleanup();
}
