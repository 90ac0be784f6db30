/* SPDX-License-Identifier: Apache-2.0
 *
 * From an extension's tokens to candidates. Two spellings meet in the text they stand for: raw bytes with a real space.
 */
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "base/str.h"
#include "plan/match.h"
#include "tokenizer/alphabet.h"
#include "tokenizer/pipeline.h"
#include "tokenizer/symbols.h"

#define LONGEST 512 /* bytes of a candidate; the longest token of the tokenizers in use has 256 */

enum reserved { OF_BASE, ASKED_FOR };

struct vs_match {
    const struct vs_tokenizer *base;
    struct vs_candidate *items;
    uint32_t count;
    struct vs_map seen;             /* base spelling -> position in items */
    struct vs_map reserved;         /* contents that are or will be added tokens -> enum reserved */
    const struct vs_str **by_start; /* those contents sorted by their first two bytes: starts[] says from where */
    struct vs_str *contents;
    uint32_t content_count, starts[65537];
    struct vs_buf text, spelled;
};

/* ---- contents of added tokens ---- */

static unsigned start_of(struct vs_str s)
{
    return (unsigned char)s.p[0] << 8 | (s.n > 1 ? (unsigned char)s.p[1] : 0);
}

/* A counting sort: contents that begin with the same two bytes stand together. One byte long ones count as "x\0". */
static enum vs_code sort_contents(struct vs_match *m, struct vs_err *err)
{
    m->by_start = vs_calloc(m->content_count ? m->content_count : 1, sizeof *m->by_start);
    if (!m->by_start)
        return vs_enomem(err, "the added tokens", 0);
    for (uint32_t i = 0; i < m->content_count; i++)
        m->starts[start_of(m->contents[i])]++;
    for (uint32_t s = 0; s < 65536; s++)
        m->starts[s + 1] += m->starts[s];
    for (uint32_t i = 0; i < m->content_count; i++) /* from the end of each group down to its beginning */
        m->by_start[--m->starts[start_of(m->contents[i])]] = &m->contents[i];
    return VS_OK;
}

static enum vs_code reserve(struct vs_match *m, struct vs_str content, enum reserved whose, struct vs_err *err)
{
    if (content.n == 0 || vs_map_get(&m->reserved, content) != VS_NONE)
        return VS_OK;
    if (!vs_map_put(&m->reserved, content, whose, NULL))
        return vs_enomem(err, "the added tokens", content.n);
    m->contents[m->content_count++] = content;
    return VS_OK;
}

enum vs_code vs_match_begin(const struct vs_tokenizer *base, const struct vs_str *taken, size_t taken_count, struct vs_match **out,
                            struct vs_err *err)
{
    struct vs_match *m = vs_calloc(1, sizeof *m);
    enum vs_code code = m ? VS_OK : vs_enomem(err, "the candidates", sizeof *m);
    if (!code) {
        m->base = base;
        m->contents = vs_calloc(base->added_count + taken_count + 1, sizeof *m->contents);
        code = m->contents ? VS_OK : vs_enomem(err, "the added tokens", 0);
    }
    for (uint32_t i = 0; !code && i < base->added_count; i++)
        code = reserve(m, base->added[i].content, OF_BASE, err);
    for (size_t i = 0; !code && i < taken_count; i++)
        code = reserve(m, taken[i], ASKED_FOR, err);
    if (!code)
        code = sort_contents(m, err);
    if (code)
        vs_match_end(m);
    else
        *out = m;
    return code;
}

void vs_match_end(struct vs_match *m)
{
    if (!m)
        return;
    vs_free(m->items);
    vs_free(m->by_start);
    vs_free(m->contents);
    vs_map_free(&m->seen);
    vs_map_free(&m->reserved);
    vs_buf_free(&m->text);
    vs_buf_free(&m->spelled);
    vs_free(m);
}

const struct vs_candidate *vs_match_candidates(const struct vs_match *m, uint32_t *count)
{
    *count = m->count;
    return m->items;
}

static bool contains_added(const struct vs_match *m, struct vs_str text)
{
    for (size_t at = 0; at < text.n; at++) {
        struct vs_str rest = {text.p + at, text.n - at};
        unsigned two = start_of(rest), one = two & 0xff00u;
        for (int pass = 0; pass < (two == one ? 1 : 2); pass++) {
            unsigned s = pass ? one : two;
            for (uint32_t i = m->starts[s]; i < m->starts[s + 1]; i++)
                if (vs_str_starts(rest, *m->by_start[i]))
                    return true;
        }
    }
    return false;
}

/* ---- spellings ---- */

static void spell_metaspace(struct vs_str text, struct vs_buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ' ')
            vs_buf_puts(out, VS_SPACE_MARK);
        else
            vs_buf_add(out, text.p + i, 1);
    }
}

bool vs_match_spell(enum vs_alphabet alphabet, struct vs_str text, struct vs_buf *out, const char **reason)
{
    if (alphabet == VS_ALPHA_BYTE) {
        vs_apply_bytes(text, out);
        return true;
    }
    if (vs_utf8_valid(text.p, text.n) != text.n) {
        *reason = "not valid UTF-8, and the base spells characters";
        return false;
    }
    if (memchr(text.p, '\0', text.n)) {
        *reason = "with the character U+0000, which no vocabulary of characters can hold";
        return false;
    }
    if (alphabet == VS_ALPHA_METASPACE)
        spell_metaspace(text, out);
    else
        vs_buf_str(out, text);
    return true;
}

/* ---- the filter ---- */

struct subject {
    const struct vs_tokenizer *ext;
    struct vs_vocab_map *map;
    struct vs_str source, token;   /* token as the extension spells it */
    uint32_t id;
};

static enum vs_code reject(const struct subject *s, const char *reason, struct vs_err *err)
{
    struct vs_arena *a = &s->map->impl->arena;
    char *token = vs_arena_dup(a, s->token.p, s->token.n);
    if (!token)
        return vs_enomem(err, "a token", s->token.n);
    return vs_vocab_map_reject(s->map, &(struct vs_rejected){{token, s->token.n}, s->source, vs_cstr(reason), s->id,
                                                             vs_is_spelled_in_bytes(s->ext, s->id)}, err);
}

/* Tokens of the extension that are no text of its own: rule 1. */
static const char *no_text(const struct vs_match *m, const struct subject *s)
{
    struct vs_added added;
    uint32_t unknown = vs_unknown_symbol(s->ext);
    if (vs_token_is_added(s->ext, s->id, &added)) {
        if (vs_map_get(&m->reserved, s->token) == ASKED_FOR)
            return VS_MATCH_ASKED_FOR;
        if (added.special)
            return "special in the extension";
    }
    if (unknown != VS_NO_SYMBOL && vs_str_eq(vs_symbol_text(s->ext, unknown), s->token))
        return "the unknown token of the extension";
    return s->ext->byte_fallback && vs_byte_token(s->token) >= 0 ? "spelled as a byte by the extension" : NULL;
}

/* The text of the token at hand into m->text; NULL or the reason why it has none: rule 3, first half. */
static const char *text_of(struct vs_match *m, const struct subject *s)
{
    m->text.n = 0;
    struct vs_str prefix = vs_subword_prefix(s->ext);
    bool word_start = s->ext->alphabet == VS_ALPHA_WORDPIECE && !(prefix.n && vs_str_starts(s->token, prefix)) &&
                      !vs_token_is_added(s->ext, s->id, NULL);
    if (word_start)
        vs_buf_puts(&m->text, " ");
    if (!vs_token_bytes(s->ext, s->id, &m->text) || m->text.n == 0)
        return "without text";
    return NULL;
}

static enum vs_code accept(struct vs_match *m, const struct subject *s, struct vs_err *err)
{
    struct vs_arena *a = &s->map->impl->arena;
    struct vs_candidate *items = vs_list_room(m->items, m->count, sizeof *items);
    if (!items)
        return vs_enomem(err, "the candidates", 0);
    m->items = items;
    char *token = vs_arena_dup(a, m->spelled.p, m->spelled.n), *text = vs_arena_dup(a, m->text.p, m->text.n);
    struct vs_candidate c = {{token, m->spelled.n}, {text, m->text.n}, s->source, s->id};
    if (!token || !text || !vs_map_put(&m->seen, c.token, m->count, NULL))
        return vs_enomem(err, "a candidate", m->spelled.n);
    m->items[m->count++] = c;
    return VS_OK;
}

static enum vs_code overlap(const struct subject *s, uint32_t id, struct vs_err *err)
{
    char *token = vs_arena_dup(&s->map->impl->arena, s->token.p, s->token.n);
    if (!token)
        return vs_enomem(err, "a token", s->token.n);
    return vs_vocab_map_overlap(s->map, &(struct vs_overlap){{token, s->token.n}, s->source, s->id, id}, err);
}

/* Texts that are added tokens, or will be. */
static const char *reserved_reason(const struct vs_match *m, struct vs_str text, struct vs_str spelled)
{
    uint32_t whose = vs_map_get(&m->reserved, text);
    if (whose == VS_NONE)
        whose = vs_map_get(&m->reserved, spelled);
    return whose == VS_NONE ? NULL : whose == ASKED_FOR ? VS_MATCH_ASKED_FOR : "known to the base as an added token";
}

/* Names the candidate; what people count is the part before the colon. */
static const char *repeat_reason(struct vs_match *m, const struct subject *s, uint32_t earlier)
{
    char token[128], source[128], text[400];
    const struct vs_candidate *c = &m->items[earlier];
    int n = snprintf(text, sizeof text, "of the same text as an earlier candidate: id %u \"%s\" of %s", c->source_id,
                     vs_escape(token, sizeof token, c->text), vs_escape(source, sizeof source, c->source));
    return vs_arena_dup(&s->map->impl->arena, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

/* Rules 4 and 5, for text that a person could write; parts of characters are reached through their wholes alone. */
static enum vs_code pipeline_reason(const struct vs_match *m, const char **reason, struct vs_err *err)
{
    struct vs_str text = {m->text.p, m->text.n}, spelled = {m->spelled.p, m->spelled.n};
    bool stable = true, atomic = true;
    if (vs_utf8_valid(text.p, text.n) != text.n)
        return VS_OK;
    enum vs_code code = vs_text_reaches(m->base, text, spelled, &stable, &atomic, err);
    *reason = !stable ? "changed by the base's normalizer" : !atomic ? "across a boundary of the base's pre-tokenizer" : NULL;
    return code;
}

static enum vs_code consider(struct vs_match *m, const struct subject *s, struct vs_err *err)
{
    const char *reason = no_text(m, s);
    if (!reason)
        reason = text_of(m, s);
    if (reason)
        return reject(s, reason, err);
    m->spelled.n = 0;
    struct vs_str text = {m->text.p, m->text.n};
    if (!vs_match_spell(m->base->alphabet, text, &m->spelled, &reason))
        return reject(s, reason, err);
    if (m->text.failed || m->spelled.failed)
        return vs_enomem(err, "a token's text", text.n);
    struct vs_str spelled = {m->spelled.p, m->spelled.n};
    reason = reserved_reason(m, text, spelled);
    if (reason)
        return reject(s, reason, err);
    uint32_t id = vs_token_id(m->base, spelled);
    if (id != VS_NO_ID)
        return overlap(s, id, err);
    enum vs_code code = VS_OK;
    const uint32_t earlier = vs_map_get(&m->seen, spelled);
    if (earlier != VS_NONE) {
        reason = repeat_reason(m, s, earlier);
        return reason ? reject(s, reason, err) : vs_enomem(err, "a reason", 0);
    }
    if (m->text.n > LONGEST)
        reason = "longer than 512 bytes";
    else if (contains_added(m, text))
        reason = "with an added token inside";
    else
        code = pipeline_reason(m, &reason, err);
    if (code)
        return code;
    return reason ? reject(s, reason, err) : accept(m, s, err);
}

enum vs_code vs_match_extension(struct vs_match *m, const struct vs_tokenizer *ext, struct vs_str source, struct vs_vocab_map *map,
                                const struct vs_run *run, struct vs_err *err)
{
    struct subject s = {.ext = ext, .map = map, .source = source};
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < vs_used_id_count(ext); i++) {
        s.id = vs_used_id(ext, i);
        s.token = vs_token_text(ext, s.id);
        if (run->cancel && *run->cancel)
            return vs_fail(err, VS_ECANCELED, "interrupted");
        code = consider(m, &s, err);
    }
    return code;
}
