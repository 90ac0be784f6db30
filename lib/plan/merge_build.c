/* SPDX-License-Identifier: Apache-2.0
 *
 * Giving ids: what every new id is, what it consists of under the base, and what is saved under it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "model/id_lists.h"
#include "plan/merge.h"
#include "tokenizer/pipeline.h"

#define ID_LIMIT ((uint64_t)INT32_MAX) /* ids are i32 in most runtimes */
#define PLACEHOLDERS 4096              /* ids that a config may name beyond the tokenizer's last one */

/* ---- pieces ---- */

/* What a token consists of under the base. One of the vocabulary is taken by its symbols; what is asked for by its text is
 * encoded as text, since it stands for that. The unknown token is no piece: it says nothing about what it hides. *whole: the base
 * has one token for the text. */
static enum vs_code encode_new(const struct vs_tokenizer *t, const struct vs_new_token *token, struct vs_ids *ids, bool *whole,
                               struct vs_err *err)
{
    bool text = token->kind == VS_NEW_ADDED || token->kind == VS_NEW_SPECIAL;
    uint32_t unk = vs_symbol_id(t, vs_unknown_symbol(t)), kept = 0;
    ids->count = 0;
    enum vs_code code = text ? vs_encode(t, token->token, ids, err) : VS_EUNSUPPORTED;
    if (code == VS_EUNSUPPORTED) {
        ids->count = 0;
        code = vs_encode_symbols(t, token->token, ids, err);
    }
    if (code == VS_EMISMATCH)
        ids->count = 0;
    for (size_t i = 0; i < ids->count; i++)
        if (ids->ids[i] != unk)
            ids->ids[kept++] = ids->ids[i];
    *whole = text && kept == 1 && ids->count == 1;
    ids->count = kept;
    return code == VS_EMISMATCH ? VS_OK : code;
}

static enum vs_code set_pieces(const struct vs_merge *m, struct vs_new_token *out, struct vs_ids *ids, bool *whole, struct vs_err *err)
{
    enum vs_code code = encode_new(m->base, out, ids, whole, err);
    if (code)
        return code;
    uint32_t *pieces = vs_arena_array(&m->map->impl->arena, ids->count + 1, sizeof *pieces);
    if (!pieces)
        return vs_enomem(err, "the pieces of a token", 0);
    if (ids->count)
        memcpy(pieces, ids->ids, ids->count * sizeof *pieces);
    out->pieces = pieces;
    out->piece_count = (uint32_t)ids->count;
    return VS_OK;
}

/* ---- building the map and what is saved ---- */

#define NAMED_MOST 8

struct builder {
    struct vs_merge *m;
    const struct vs_run *run;
    const struct vs_candidate *candidates;
    const struct vs_fold *fold;
    struct vs_save_entry *entries; uint32_t entry_count;
    struct vs_save_added *added; uint32_t added_count;
    uint64_t next;
    struct vs_ids ids;
    bool whole;                                     /* the base has one token for the new one's text */
    struct vs_named changed, shadowed;              /* added tokens that the normalizer changes; that take a base token's text */
    struct vs_named ordinary, spelled;              /* tokens of the base that become special; that are asked for and no text gives */
    struct vs_witness witness;
};

static enum vs_code room(struct builder *b, uint64_t placeholders, uint64_t others, struct vs_err *err)
{
    uint64_t total = placeholders + others;
    if (placeholders > PLACEHOLDERS)
        return vs_fail(err, VS_ELIMIT, "%s: its config names id %llu, but the tokenizer ends at %u; %llu placeholder tokens would be needed "
                       "between them, at most %d are made: correct the id in the config, or give those ids their tokens first",
                       b->m->base_dir, (unsigned long long)b->next - 1, b->m->base->rows_needed - 1, (unsigned long long)placeholders, PLACEHOLDERS);
    if (b->next + total > ID_LIMIT)
        return vs_fail(err, VS_ELIMIT, "%s: %llu tokens would need ids above %d", b->m->base->path, (unsigned long long)total, INT32_MAX);
    b->entries = vs_arena_array(&b->m->arena, total + 1, sizeof *b->entries);
    b->added = vs_arena_array(&b->m->arena, total + 1, sizeof *b->added);
    return b->entries && b->added ? VS_OK : vs_enomem(err, "the new entries", 0);
}

/* Every added token becomes an entry of the model under its own id: then the Rust library, which ignores the ids of
 * added_tokens, gives the same ids as those that honour them (3.1). */
static void mirror_base(struct builder *b)
{
    const struct vs_tokenizer *t = b->m->base;
    for (uint32_t id = 0; id < t->rows_needed; id++) {
        struct vs_added a;
        if (vs_token_is_added(t, id, &a) && !a.in_model)
            b->entries[b->entry_count++] = (struct vs_save_entry){a.content, id};
    }
}

/* Ids between the tokenizer's last one and the first free one belong to the model's config; they get a name, no row. */
static enum vs_code add_placeholders(struct builder *b, struct vs_err *err)
{
    for (uint64_t id = b->m->base->rows_needed; id < b->next; id++) {
        char name[40];
        snprintf(name, sizeof name, "<|reserved_%llu|>", (unsigned long long)id);
        struct vs_str content = {vs_arena_dup(&b->m->arena, name, strlen(name)), strlen(name)};
        if (!content.p)
            return vs_enomem(err, "a placeholder", sizeof name);
        b->entries[b->entry_count++] = (struct vs_save_entry){content, (uint32_t)id};
        b->added[b->added_count++] = (struct vs_save_added){content, (uint32_t)id, true, false};
    }
    uint64_t count = b->next - b->m->base->rows_needed;
    return count ? vs_merge_note(b->m, err, "%llu ids that only the model's config names got placeholder tokens: %u .. %llu",
                                 (unsigned long long)count, b->m->base->rows_needed, (unsigned long long)b->next - 1) : VS_OK;
}

static enum vs_code add_new(struct builder *b, struct vs_new_token t, struct vs_err *err)
{
    t.id = (uint32_t)b->next++;
    enum vs_code code = set_pieces(b->m, &t, &b->ids, &b->whole, err);
    if (!code)
        code = vs_vocab_map_add(b->m->map, &t, err);
    b->entries[b->entry_count++] = (struct vs_save_entry){t.token, t.id};
    return code;
}

static enum vs_code add_folded(struct builder *b, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < b->fold->token_count; i++) {
        const struct vs_fold_token *f = &b->fold->tokens[i];
        const struct vs_candidate *c = f->candidate == VS_NONE ? NULL : &b->candidates[f->candidate];
        struct vs_new_token t = {.token = f->token, .kind = c ? VS_NEW_MERGED : VS_NEW_INTERMEDIATE, .source_id = c ? c->source_id : VS_NO_ID,
                                 .source = c ? c->source : VS_LIT("")};
        b->m->report.intermediates += !c;
        code = add_new(b, t, err);
    }
    return code;
}

void vs_name_one(struct vs_named *list, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (list->count < NAMED_MOST)
        vs_buf_printf(&list->text, "%s%s", list->count ? ", " : "", text);
    else if (list->count == NAMED_MOST)
        vs_buf_puts(&list->text, ", ...");
    list->count++;
}

/* The base has the token, which keeps its id. An entry of the vocabulary becomes an added token when it is to be special; one that
 * is added already has its flags changed where it is written. */
static enum vs_code add_known(struct builder *b, const struct vs_wish *w, struct vs_str content, uint32_t id, struct vs_err *err)
{
    struct vs_added a = {.special = true};
    char shown[128];
    bool added = vs_token_is_added(b->m->base, id, &a), found = true;
    enum vs_code code = w->special || added || b->m->no_text ? VS_OK : vs_comes_out(b->m->base, content, id, &b->witness, &found, err);
    if (!code && !found)
        vs_name_one(&b->spelled, "%u \"%s\"", id, vs_escape(shown, sizeof shown, content));
    if (w->special && !added) {
        b->added[b->added_count++] = (struct vs_save_added){content, id, true, false};
        vs_name_one(&b->ordinary, "%u \"%s\"", id, vs_escape(shown, sizeof shown, content));
    } else if (!code && w->special && !a.special) {
        code = vs_merge_note(b->m, err, "%s is an added token of the base already; it becomes special", vs_escape(shown, sizeof shown, content));
    }
    const struct vs_overlap o = {content, w->source, VS_NO_ID, id, w->special && (!added || !a.special)};
    return code ? code : vs_vocab_map_overlap(b->m->map, &o, err);
}

/* A token with the flag normalized is matched as what the normalizer makes of it, in normalised text. */
static enum vs_code look_at_normalized(struct builder *b, struct vs_str content, struct vs_err *err)
{
    char given[128], made[128];
    struct vs_buf out = {0};
    enum vs_code code = vs_normalize(b->m->base, content, &out, err);
    if (!code && !vs_str_eq((struct vs_str){out.p, out.n}, content))
        vs_name_one(&b->changed, "\"%s\" as \"%s\"", vs_escape(given, sizeof given, content),
                 vs_escape(made, sizeof made, (struct vs_str){out.p, out.n}));
    vs_buf_free(&out);
    return code;
}

/* The base has a trained token for the text that the new one takes away. */
static void look_at_shadowed(struct builder *b, const struct vs_new_token *t)
{
    char given[128], old[128];
    struct vs_buf text = {0};
    if (!b->whole)
        return;
    struct vs_str base = vs_token_text(b->m->base, t->pieces[0]);
    if (vs_token_bytes(b->m->base, t->pieces[0], &text) && text.n)
        base = (struct vs_str){text.p, text.n};
    vs_name_one(&b->shadowed, "\"%s\" gives %u instead of %u \"%s\"", vs_escape(given, sizeof given, t->token), t->id, t->pieces[0],
             vs_escape(old, sizeof old, base));
    vs_buf_free(&text);
}

static enum vs_code note_named(const struct builder *b, struct vs_err *err)
{
    const struct vs_named *c = &b->changed, *s = &b->shadowed, *o = &b->ordinary, *k = &b->spelled;
    if (c->text.failed || s->text.failed || o->text.failed || k->text.failed)
        return vs_enomem(err, "a note", 0);
    enum vs_code code = VS_OK;
    if (k->count)
        code = vs_merge_note(b->m, err, "%u known token%s spelled so in the vocabulary, but no such text gives %s: %s; an added token of that text would "
                             "take the same id", k->count, k->count == 1 ? " is" : "s are", k->count == 1 ? "it" : "them", k->text.p);
    if (!code && o->count)
        code = vs_merge_note(b->m, err, "%u ordinary token%s of the base become%s special: %s; such text is cut out wherever it stands, inside of "
                             "words too, and skip_special_tokens drops it", o->count, o->count == 1 ? "" : "s", o->count == 1 ? "s" : "", o->text.p);
    if (!code && s->count)
        code = vs_merge_note(b->m, err, "%u added token%s the text of a base token, whose row is not used for it any more, and %s found inside of "
                             "words too: %s", s->count, s->count == 1 ? " takes" : "s take", s->count == 1 ? "is" : "are", s->text.p);
    if (!code && c->count)
        code = vs_merge_note(b->m, err, "%u added token%s matched as the base's normalizer spells %s, not as given: %s; --add-special takes "
                             "tokens as they are", c->count, c->count == 1 ? " is" : "s are", c->count == 1 ? "it" : "them", c->text.p);
    return code;
}

static enum vs_code add_wish(struct builder *b, const struct vs_wish *w, struct vs_str content, struct vs_err *err)
{
    if (b->run->cancel && *b->run->cancel)
        return vs_fail(err, VS_ECANCELED, "interrupted");
    uint32_t known = vs_token_id(b->m->base, content);
    if (known != VS_NO_ID)
        return add_known(b, w, content, known, err);
    if (!w->special && !b->m->no_text) {
        enum vs_code code = look_at_normalized(b, content, err);
        if (code)
            return code;
    }
    struct vs_new_token n = {.token = content, .kind = w->special ? VS_NEW_SPECIAL : VS_NEW_ADDED, .source = w->source, .source_id = VS_NO_ID};
    enum vs_code code = add_new(b, n, err);
    b->added[b->added_count++] = (struct vs_save_added){content, (uint32_t)b->next - 1, w->special, !w->special};
    if (!code)
        look_at_shadowed(b, &b->m->map->news[b->m->map->new_count - 1]);
    return code;
}

/* All that are asked for, known ones too: these are flagged and listed. */
static enum vs_code save_specials(struct builder *b, const struct vs_wishes *wishes, struct vs_err *err)
{
    struct vs_str *specials = vs_arena_array(&b->m->arena, wishes->count + 1, sizeof *specials);
    uint32_t n = 0;
    for (size_t i = 0; specials && i < wishes->count; i++)
        if (wishes->items[i].special)
            specials[n++] = wishes->contents[i];
    b->m->save.specials = specials;
    b->m->save.special_count = n;
    return specials ? VS_OK : vs_enomem(err, "the special tokens", wishes->count * sizeof *specials);
}

static enum vs_code save_merges(struct builder *b, struct vs_err *err)
{
    const struct vs_fold *f = b->fold;
    struct vs_save_merge *merges = vs_arena_array(&b->m->arena, f->merge_count + 1u, sizeof *merges);
    if (!merges)
        return vs_enomem(err, "the new merges", 0);
    uint32_t base = b->m->base->base_count;
    for (uint32_t i = 0; i < f->merge_count; i++) {
        uint32_t l = f->merges[i].left, r = f->merges[i].right;
        merges[i].left = l < base ? vs_symbol_text(b->m->base, l) : f->tokens[l - base].token;
        merges[i].right = r < base ? vs_symbol_text(b->m->base, r) : f->tokens[r - base].token;
    }
    b->m->save.merges = merges;
    b->m->save.merge_count = f->merge_count;
    return VS_OK;
}

static enum vs_code reject_folded(struct builder *b, uint32_t count, struct vs_err *err)
{
    const bool bytes = b->m->base->alphabet == VS_ALPHA_BYTE;
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; !code && i < count; i++) {
        const struct vs_candidate *c = &b->candidates[i];
        if (b->fold->reasons[i])
            code = vs_vocab_map_reject(b->m->map, &(struct vs_rejected){c->token, c->source, vs_cstr(b->fold->reasons[i]), c->source_id, bytes}, err);
    }
    return code;
}

/* The first id that neither the tokenizer nor a config of the model names (5.7). Ids without a row are no reservation. */
static uint64_t first_free_id(const struct vs_merge *m)
{
    uint64_t next = m->base->rows_needed, rows = m->report.model_rows && m->report.model_rows < ID_LIMIT ? m->report.model_rows : ID_LIMIT;
    const struct vs_checkpoint *c = m->checkpoint;
    for (size_t i = 0; c && i < c->config.special_id_count; i++) {
        const struct vs_config_int *id = &c->config.special_ids[i];
        if (vs_id_reserves(id, rows) && (uint64_t)id->value + 1 > next)
            next = (uint64_t)id->value + 1;
    }
    return next;
}

static enum vs_code build(struct builder *b, uint32_t candidate_count, const struct vs_wishes *wishes, struct vs_err *err)
{
    const struct vs_merge *m = b->m;
    b->next = first_free_id(m);
    enum vs_code code = room(b, b->next - m->base->rows_needed, b->fold->token_count + wishes->count + m->base->added_count, err);
    bool any = b->fold->token_count > 0;
    for (size_t i = 0; i < wishes->count; i++)
        any |= vs_token_id(m->base, wishes->contents[i]) == VS_NO_ID;
    if (!code && any) {
        mirror_base(b);
        code = add_placeholders(b, err);
    }
    if (!code)
        code = add_folded(b, err);
    for (size_t i = 0; !code && i < wishes->count; i++)
        code = add_wish(b, &wishes->items[i], wishes->contents[i], err);
    if (!code)
        code = note_named(b, err);
    if (!code)
        code = save_specials(b, wishes, err);
    if (!code)
        code = save_merges(b, err);
    if (!code)
        code = reject_folded(b, candidate_count, err);
    return code;
}

enum vs_code vs_merge_build(struct vs_merge *m, const struct vs_fold *fold, const struct vs_candidate *candidates, uint32_t count,
                            const struct vs_wishes *wishes, const struct vs_run *run, struct vs_err *err)
{
    struct builder b = {.m = m, .run = run, .fold = fold, .candidates = candidates};
    enum vs_code code = build(&b, count, wishes, err);
    m->save.entries = b.entries;
    m->save.entry_count = b.entry_count;
    m->save.added = b.added;
    m->save.added_count = b.added_count;
    vs_ids_free(&b.ids);
    vs_buf_free(&b.changed.text);
    vs_buf_free(&b.shadowed.text);
    vs_buf_free(&b.ordinary.text);
    vs_buf_free(&b.spelled.text);
    vs_witness_free(&b.witness);
    return code;
}
