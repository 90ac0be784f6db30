/* SPDX-License-Identifier: Apache-2.0
 *
 * Pre-tokenizers: each takes the pieces of the one before and cuts them further, or changes their text.
 */
#include <string.h>
#include "tokenizer/alphabet.h"
#include "tokenizer/steps.h"
#include "tokenizer/unicode.h"

/* What a step writes: a new text and its pieces. */
struct cutter {
    const struct vs_pipeline *p;
    const struct vs_step *s;
    struct vs_pieces *out;
    bool first;              /* the piece at hand stands at the beginning of the document */
    struct vs_err *err;
};

static enum vs_code add_piece(struct cutter *c, struct vs_str s)
{
    struct vs_pieces *o = c->out;
    if (s.n == 0)
        return VS_OK;
    if (o->count == o->cap) {
        size_t cap = o->cap ? 2 * o->cap : 16;
        struct vs_piece *items = vs_realloc_array(o->items, cap, sizeof *items);
        if (!items)
            return vs_enomem(c->err, "pre-tokens", 0);
        o->items = items;
        o->cap = cap;
    }
    if (o->text.n + s.n > UINT32_MAX)
        return vs_fail(c->err, VS_ELIMIT, "a text of more than %u bytes", UINT32_MAX);
    uint32_t begin = (uint32_t)o->text.n;
    vs_buf_str(&o->text, s);
    o->items[o->count++] = (struct vs_piece){begin, (uint32_t)o->text.n};
    return o->text.failed ? vs_enomem(c->err, "pre-tokens", o->text.n) : VS_OK;
}

/* ---- matches and what becomes of them ---- */

/* Cuts come as runs that are matches or not, in order; a run is held back until it is known what joins it. */
struct runs { struct cutter *c; struct vs_str text; size_t begin, end; bool open, match; };

static enum vs_code close_run(struct runs *r)
{
    bool drop = r->open && r->match && r->c->s->behavior == VS_REMOVED;
    enum vs_code code = r->open && !drop ? add_piece(r->c, (struct vs_str){r->text.p + r->begin, r->end - r->begin}) : VS_OK;
    r->open = false;
    return code;
}

static enum vs_code add_run(struct runs *r, size_t begin, size_t end, bool match)
{
    if (begin == end)
        return VS_OK;
    bool joins = false;
    switch (r->c->s->behavior) {
    case VS_WITH_PREVIOUS: joins = r->open && match && !r->match; break;
    case VS_WITH_NEXT: joins = r->open && r->match && !match; break;
    case VS_CONTIGUOUS: joins = r->open && r->match == match; break;
    default: break;
    }
    enum vs_code code = joins ? VS_OK : close_run(r);
    if (!joins)
        r->begin = begin;
    r->end = end;
    r->open = true;
    r->match = match;
    return code;
}

static enum vs_code split_regex(struct cutter *c, const struct vs_regex *re, struct vs_str text, bool invert)
{
    struct vs_search search = {.text = text, .last_end = SIZE_MAX};
    struct runs r = {.c = c, .text = text};
    size_t done = 0;
    for (bool found = true;;) {
        enum vs_code code = vs_regex_next(re, c->p->match, &search, &found, c->err);
        if (!code && found)
            code = add_run(&r, done, search.begin, invert);
        if (!code && found)
            code = add_run(&r, search.begin, search.end, !invert);
        if (code)
            return code;
        if (!found)
            break;
        done = search.end;
    }
    enum vs_code code = add_run(&r, done, text.n, invert);
    return code ? code : close_run(&r);
}

static enum vs_code split_string(struct cutter *c, struct vs_str text)
{
    struct runs r = {.c = c, .text = text};
    const struct vs_str pattern = c->s->pattern;
    size_t done = 0;
    enum vs_code code = VS_OK;
    for (const char *hit; !code && done < text.n && pattern.n && (hit = memmem(text.p + done, text.n - done, pattern.p, pattern.n));) {
        const size_t at = (size_t)(hit - text.p);
        code = add_run(&r, done, at, c->s->invert);
        if (!code)
            code = add_run(&r, at, at + pattern.n, !c->s->invert);
        done = at + pattern.n;
    }
    if (!code)
        code = add_run(&r, done, text.n, c->s->invert);
    return code ? code : close_run(&r);
}

/* Every character that is of the class is a match of its own. */
static enum vs_code split_class(struct cutter *c, struct vs_str text, bool (*is)(uint32_t))
{
    struct runs r = {.c = c, .text = text};
    size_t done = 0;
    enum vs_code code = VS_OK;
    for (size_t at = 0; !code && at < text.n;) {
        uint32_t cp;
        unsigned n = vs_utf8_next(text.p + at, text.p + text.n, &cp);
        if (is(cp)) {
            code = add_run(&r, done, at, false);
            if (!code)
                code = add_run(&r, at, at + n, true);
            done = at + n;
        }
        at += n;
    }
    if (!code)
        code = add_run(&r, done, text.n, false);
    return code ? code : close_run(&r);
}

/* ---- steps that are more than a split ---- */

static enum vs_code bert_words(struct cutter *c, struct vs_str text)
{
    size_t done = 0;
    enum vs_code code = VS_OK;
    for (size_t at = 0; !code && at < text.n;) {
        uint32_t cp;
        unsigned n = vs_utf8_next(text.p + at, text.p + text.n, &cp);
        bool space = vs_is_space(cp), mark = vs_is_punctuation(cp);
        if (space || mark) {
            code = add_piece(c, (struct vs_str){text.p + done, at - done});
            if (!code && mark)
                code = add_piece(c, (struct vs_str){text.p + at, n});
            done = at + n;
        }
        at += n;
    }
    return code ? code : add_piece(c, (struct vs_str){text.p + done, text.n - done});
}

/* Splits first, then spells each piece in the byte alphabet. */
static enum vs_code byte_level(struct cutter *c, struct vs_str text)
{
    static const struct vs_step isolated = {.kind = VS_STEP_SPLIT, .behavior = VS_ISOLATED};
    struct vs_pieces words = {0};
    struct vs_buf spaced = {0}, spelled = {0};
    struct cutter inner = {c->p, &isolated, &words, c->first, c->err};
    if (c->s->left && text.n && text.p[0] != ' ') {
        vs_buf_puts(&spaced, " ");
        vs_buf_str(&spaced, text);
        text = vs_buf_view(&spaced);
    }
    enum vs_code code = spaced.failed ? vs_enomem(c->err, "text", text.n) :
                        c->s->right ? split_regex(&inner, c->p->byte_words, text, false) : add_piece(&inner, text);
    for (size_t i = 0; !code && i < words.count; i++) {
        spelled.n = 0;
        vs_apply_bytes((struct vs_str){words.text.p + words.items[i].begin, words.items[i].end - words.items[i].begin}, &spelled);
        code = spelled.failed ? vs_enomem(c->err, "text", spelled.n) : add_piece(c, vs_buf_view(&spelled));
    }
    vs_pieces_free(&words);
    vs_buf_free(&spaced);
    vs_buf_free(&spelled);
    return code;
}

static enum vs_code metaspace(struct cutter *c, struct vs_str text)
{
    struct vs_buf b = {0};
    struct vs_step split = {.kind = VS_STEP_SPLIT, .behavior = VS_WITH_NEXT, .pattern = c->s->with};
    struct cutter inner = {c->p, &split, c->out, c->first, c->err};
    bool prepend = c->s->prepend == VS_PREPEND_ALWAYS || (c->s->prepend == VS_PREPEND_FIRST && c->first);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ' ')
            vs_buf_str(&b, c->s->with);
        else
            vs_buf_add(&b, text.p + i, 1);
    }
    if (prepend && b.n && !vs_str_starts((struct vs_str){b.p, b.n}, c->s->with)) {
        struct vs_buf with = {0};
        vs_buf_str(&with, c->s->with);
        vs_buf_add(&with, b.p, b.n);
        with.failed |= b.failed;
        vs_buf_free(&b);
        b = with;
    }
    struct vs_str all = vs_buf_view(&b);
    enum vs_code code = b.failed ? vs_enomem(c->err, "text", b.n) : c->s->split ? split_string(&inner, all) : add_piece(c, all);
    vs_buf_free(&b);
    return code;
}

static enum vs_code run_step(struct cutter *c, struct vs_str text)
{
    switch (c->s->kind) {
    case VS_STEP_BYTE_LEVEL: return byte_level(c, text);
    case VS_STEP_METASPACE: return metaspace(c, text);
    case VS_STEP_BERT_WORDS: return bert_words(c, text);
    case VS_STEP_WHITESPACE: return split_class(c, text, vs_is_space);
    case VS_STEP_PUNCTUATION: return split_class(c, text, vs_is_punctuation);
    case VS_STEP_DIGITS: return split_class(c, text, vs_is_number);
    case VS_STEP_SPLIT: return c->s->re ? split_regex(c, c->s->re, text, c->s->invert) : split_string(c, text);
    default: return add_piece(c, text);
    }
}

enum vs_code vs_run_pretokenizer(const struct vs_pipeline *p, struct vs_str text, bool first, struct vs_pieces *out, struct vs_err *err)
{
    struct vs_pieces other = {0};
    struct vs_pieces *from = &other, *to = out;
    to->text.n = to->count = 0;
    struct cutter c = {.p = p, .out = to, .first = first, .err = err};
    enum vs_code code = add_piece(&c, text);
    for (uint32_t i = 0; !code && i < p->pre.count; i++) {
        struct vs_pieces *swap = from;
        from = to;
        to = swap;
        to->text.n = to->count = 0;
        c = (struct cutter){.p = p, .s = &p->pre.items[i], .out = to, .err = err};
        for (size_t k = 0; !code && k < from->count; k++) {
            c.first = first && k == 0;
            code = run_step(&c, (struct vs_str){from->text.p + from->items[k].begin, from->items[k].end - from->items[k].begin});
        }
    }
    if (to != out) {
        struct vs_pieces swap = *out;
        *out = *to;
        *to = swap;
    }
    vs_pieces_free(&other);
    return code;
}

void vs_pieces_free(struct vs_pieces *p)
{
    vs_buf_free(&p->text);
    vs_free(p->items);
    *p = (struct vs_pieces){0};
}
