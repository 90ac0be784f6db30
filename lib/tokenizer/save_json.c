/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json with appended entries, merges and added tokens: three splices, and every other byte as it was.
 */
#include "json/edit.h"
#include "json/scan.h"
#include "tokenizer/save.h"

struct places {
    struct vs_tail vocab, merges, added;
    bool has_vocab, has_merges, has_added, vocab_is_list;
    size_t top;    /* behind the first brace: where a missing added_tokens goes */
};

static void find_in_model(struct vs_json *j, struct places *p)
{
    struct vs_str key;
    vs_json_object(j);
    while (vs_json_key(j, &key)) {
        if (vs_str_is(key, "vocab")) {
            p->vocab_is_list = vs_json_peek(j) == VS_JSON_ARRAY;
            p->has_vocab = vs_save_tail(j, &p->vocab);
        } else if (vs_str_is(key, "merges")) {
            p->has_merges = vs_save_tail(j, &p->merges);
        } else {
            vs_json_skip(j, NULL);
        }
    }
}

/* Where something is put, and the flags of the tokens that are there already. */
static enum vs_code find_places(const char *file, struct vs_str text, const struct vs_save *s, struct places *p, struct vs_edits *edits,
                                struct vs_err *err)
{
    struct vs_json j, twin;
    enum vs_code code = VS_OK;
    struct vs_arena scratch = {0};
    struct vs_str key;
    *p = (struct places){.added = {.empty = true, .space = VS_LIT(" ")}};
    vs_json_begin(&j, file, text.p, text.n, &scratch);
    vs_json_object(&j);
    p->top = j.at;
    while (!code && vs_json_key(&j, &key)) {
        twin = j;
        if (vs_str_is(key, "model")) {
            find_in_model(&j, p);
        } else if (vs_str_is(key, "added_tokens")) {
            p->has_added = vs_save_tail(&j, &p->added);
            if (p->has_added && s->special_count)
                code = vs_save_promote(&twin, s, edits, err);
        } else {
            vs_json_skip(&j, NULL);
        }
    }
    if (!code)
        code = vs_json_end(&j, err);
    vs_arena_free(&scratch);
    return code;
}

/* A list [a, b]: what stands after the bracket, between the two, and before the closing one. */
struct pair_style { struct vs_str open, join, close; };

static struct pair_style style_of_pair(struct vs_str list)
{
    struct pair_style style = {VS_LIT(""), VS_LIT(", "), VS_LIT("")};
    struct vs_span items[2];
    struct vs_json j;
    struct vs_arena scratch = {0};
    unsigned n = 0;
    vs_json_begin(&j, "", list.p, list.n, &scratch);
    vs_json_array(&j);
    while (n < 2 && vs_json_item(&j) && vs_json_skip(&j, &items[n]))
        n++;
    if (n == 2) {
        style.open = vs_save_part(list, 1, items[0].begin);
        style.join = vs_save_part(list, items[0].end, items[1].begin);
        style.close = vs_save_part(list, items[1].end, list.n - 1);
    }
    vs_arena_free(&scratch);
    return style;
}

static void put_entries(struct vs_buf *b, struct vs_str text, const struct places *p, const struct vs_save *s)
{
    const struct vs_tail *tail = &p->vocab;
    struct pair_style pair = style_of_pair(p->vocab_is_list && !tail->empty ? vs_save_part(text, tail->last_begin, tail->last_end) : VS_LIT("[]"));
    for (uint32_t i = 0; i < s->entry_count; i++) {
        vs_save_joint(b, tail, i == 0);
        if (p->vocab_is_list) {
            vs_buf_puts(b, "[");
            vs_buf_str(b, pair.open);
            vs_buf_json_str(b, s->entries[i].token);
            vs_buf_str(b, pair.join);
            vs_buf_puts(b, "0.0"); /* taken out of the text before the model, so the score never counts; the minimum stays */
            vs_buf_str(b, pair.close);
            vs_buf_puts(b, "]");
        } else {
            vs_buf_json_str(b, s->entries[i].token);
            vs_buf_str(b, tail->colon);
            vs_buf_printf(b, "%u", s->entries[i].id);
        }
    }
}

static bool has_space(struct vs_str s)
{
    return s.n && memchr(s.p, ' ', s.n);
}

static enum vs_code put_merges(struct vs_buf *b, const char *file, struct vs_str text, const struct vs_tail *tail, const struct vs_save *s,
                               struct vs_err *err)
{
    bool strings = !tail->empty && text.p[tail->last_begin] == '"';
    struct pair_style pair = style_of_pair(tail->empty || strings ? VS_LIT("[]") : vs_save_part(text, tail->last_begin, tail->last_end));
    for (uint32_t i = 0; i < s->merge_count; i++) {
        const struct vs_save_merge *m = &s->merges[i];
        vs_save_joint(b, tail, i == 0);
        if (strings) {
            if (has_space(m->left) || has_space(m->right))
                return vs_fail(err, VS_EUNSUPPORTED, "%s: /model/merges: found merges written as \"a b\", which cannot hold a part with a "
                               "space; expected pairs [\"a\", \"b\"]; save the tokenizer with a newer library first", file);
            struct vs_buf both = {0};
            vs_buf_str(&both, m->left);
            vs_buf_puts(&both, " ");
            vs_buf_str(&both, m->right);
            vs_buf_json_str(b, (struct vs_str){both.p, both.n});
            b->failed |= both.failed;
            vs_buf_free(&both);
            continue;
        }
        vs_buf_puts(b, "[");
        vs_buf_str(b, pair.open);
        vs_buf_json_str(b, m->left);
        vs_buf_str(b, pair.join);
        vs_buf_json_str(b, m->right);
        vs_buf_str(b, pair.close);
        vs_buf_puts(b, "]");
    }
    return VS_OK;
}

static void put_added(struct vs_buf *b, struct vs_str text, const struct places *p, const struct vs_save *s)
{
    const struct vs_tail *tail = &p->added;
    struct vs_object_style style = vs_save_object_style(!tail->empty ? vs_save_part(text, tail->last_begin, tail->last_end) : VS_LIT(""));
    if (!p->has_added)
        vs_buf_puts(b, "\"added_tokens\": [");
    for (uint32_t i = 0; i < s->added_count; i++) {
        vs_save_joint(b, tail, i == 0);
        vs_save_added_object(b, &style, &s->added[i], true);
    }
    if (!p->has_added)
        vs_buf_puts(b, "],");
}

static enum vs_code insert(struct vs_edits *edits, size_t at, struct vs_buf *b, struct vs_err *err)
{
    return vs_save_splice(edits, at, at, b, "tokenizer.json", err);
}

enum vs_code vs_save_tokenizer_json(const char *file, struct vs_str text, const struct vs_save *s, struct vs_buf *out, struct vs_err *err)
{
    struct places p;
    struct vs_edits edits = {0};
    struct vs_buf b = {0};
    enum vs_code code = find_places(file, text, s, &p, &edits, err);
    if (!code && (!p.has_vocab || (s->merge_count && !p.has_merges)))
        code = vs_fail(err, VS_EFORMAT, "%s: /model: no %s", file, p.has_vocab ? "merges" : "vocab");
    if (!code && s->entry_count) {
        put_entries(&b, text, &p, s);
        code = insert(&edits, p.vocab.at, &b, err);
    }
    if (!code && s->merge_count)
        code = put_merges(&b, file, text, &p.merges, s, err);
    if (!code && s->merge_count)
        code = insert(&edits, p.merges.at, &b, err);
    if (!code && s->added_count) {
        put_added(&b, text, &p, s);
        code = insert(&edits, p.has_added ? p.added.at : p.top, &b, err);
    }
    if (!code)
        code = vs_edits_apply(&edits, file, text, out, err);
    vs_edits_free(&edits);
    vs_buf_free(&b);
    return code;
}
