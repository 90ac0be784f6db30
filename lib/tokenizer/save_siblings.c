/* SPDX-License-Identifier: Apache-2.0
 *
 * The files beside tokenizer.json that name tokens and ids too.
 */
#include <string.h>
#include "base/io.h"
#include "json/edit.h"
#include "json/scan.h"
#include "tokenizer/save.h"

/* What is known, by its name. */
enum form { CONFIG, MAP, ADDED, VOCAB, MERGE_LINES, VOCAB_LINES, OTHER };
static const char *const form_names[OTHER] = {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
                                              "merges.txt", "vocab.txt"};

struct sibling {
    const char *file;
    struct vs_str text;
    const struct vs_save *save;
    struct vs_edits edits;
};

/* "151665": {"content": ...}, in the layout of the member before. */
static enum vs_code append_decoder(struct sibling *x, struct vs_json *j, struct vs_err *err)
{
    struct vs_tail tail;
    struct vs_buf b = {0};
    if (vs_json_peek(j) != VS_JSON_OBJECT) {
        vs_json_skip(j, NULL);
        return VS_OK;
    }
    if (!vs_save_tail(j, &tail))
        return VS_OK; /* the scanner has the error */
    struct vs_str last = tail.empty ? VS_LIT("") : vs_save_part(x->text, tail.last_value, tail.last_end);
    struct vs_object_style style = vs_save_object_style(last);
    for (uint32_t i = 0; i < x->save->added_count; i++) {
        vs_save_joint(&b, &tail, b.n == 0);
        vs_buf_printf(&b, "\"%u\"", x->save->added[i].id);
        vs_buf_str(&b, tail.colon);
        vs_save_added_object(&b, &style, &x->save->added[i], false);
    }
    return vs_save_splice(&x->edits, tail.at, tail.at, &b, x->file, err);
}

/* added_tokens_decoder of tokenizer_config.json, where it is. */
static enum vs_code save_decoder(struct sibling *x, struct vs_json *j, struct vs_err *err)
{
    struct vs_str key;
    enum vs_code code = VS_OK;
    vs_json_object(j);
    while (!code && vs_json_key(j, &key)) {
        struct vs_json twin = *j;
        if (vs_str_is(key, "added_tokens_decoder")) {
            code = vs_save_promote(&twin, x->save, &x->edits, err);
            if (!code)
                code = append_decoder(x, j, err);
        } else {
            vs_json_skip(j, NULL);
        }
    }
    return code;
}

/* {"token": id}: added_tokens.json holds the added tokens, vocab.json the entries of the model. */
static enum vs_code save_ids(struct sibling *x, struct vs_json *j, bool added, struct vs_err *err)
{
    struct vs_tail tail;
    struct vs_buf b = {0};
    uint32_t count = added ? x->save->added_count : x->save->entry_count;
    if (!vs_save_tail(j, &tail))
        return VS_OK;
    for (uint32_t i = 0; i < count; i++) {
        vs_save_joint(&b, &tail, b.n == 0);
        vs_buf_json_str(&b, added ? x->save->added[i].content : x->save->entries[i].token);
        vs_buf_str(&b, tail.colon);
        vs_buf_printf(&b, "%u", added ? x->save->added[i].id : x->save->entries[i].id);
    }
    return vs_save_splice(&x->edits, tail.at, tail.at, &b, x->file, err);
}

static enum vs_code save_json(struct sibling *x, enum form form, struct vs_buf *out, struct vs_err *err)
{
    struct vs_json j;
    struct vs_arena scratch = {0};
    const bool ids = form == ADDED || form == VOCAB;
    vs_json_begin(&j, x->file, x->text.p, x->text.n, &scratch);
    enum vs_code code = ids ? save_ids(x, &j, form == ADDED, err) : save_decoder(x, &j, err);
    if (!code)
        code = vs_json_end(&j, err);
    if (!code && !ids) {
        vs_json_begin(&j, x->file, x->text.p, x->text.n, &scratch);
        code = vs_save_list_specials(&j, x->save, form == CONFIG, &x->edits, err);
    }
    if (!code)
        code = vs_edits_apply(&x->edits, x->file, x->text, out, err);
    vs_arena_free(&scratch);
    return code;
}

static bool has_any(struct vs_str s, struct vs_str bytes)
{
    for (size_t i = 0; i < s.n; i++)
        if (memchr(bytes.p, s.p[i], bytes.n))
            return true;
    return false;
}

/* Lines are ids in vocab.txt and ranks in merges.txt; both end with a line feed before anything is appended. */
static enum vs_code save_lines(const struct sibling *x, bool merges, struct vs_buf *out, struct vs_err *err)
{
    const struct vs_save *s = x->save;
    const struct vs_str ends = VS_LIT("\n\r"), parts = VS_LIT(" \n\r");
    uint32_t count = merges ? s->merge_count : s->entry_count;
    char shown[128];
    vs_buf_str(out, x->text);
    if (count && x->text.n && x->text.p[x->text.n - 1] != '\n')
        vs_buf_puts(out, "\n");
    for (uint32_t i = 0; i < count; i++) {
        struct vs_str first = merges ? s->merges[i].left : s->entries[i].token, second = merges ? s->merges[i].right : VS_LIT("");
        const bool splits = has_any(first, merges ? parts : ends);
        if (splits || has_any(second, parts))
            return vs_fail(err, VS_EUNSUPPORTED, "%s: \"%s\": found a token with %s, which cannot be written there; leave the token out, or remove "
                           "the file from the base if tokenizer.json is what is loaded", x->file, vs_escape(shown, sizeof shown, splits ? first : second),
                           merges ? "a space or a line end" : "a line end");
        vs_buf_str(out, first);
        if (merges)
            vs_buf_puts(out, " ");
        vs_buf_str(out, second);
        vs_buf_puts(out, "\n");
    }
    return out->failed ? vs_enomem(err, x->file, out->n) : VS_OK;
}

enum vs_code vs_save_sibling(const char *file, struct vs_str text, const struct vs_save *s, struct vs_buf *out, struct vs_err *err)
{
    const char *name = vs_path_base(file);
    struct sibling x = {.file = file, .text = text, .save = s};
    enum form form = 0;
    while (form < OTHER && strcmp(name, form_names[form]) != 0)
        form++;
    if (form == MERGE_LINES || form == VOCAB_LINES)
        return save_lines(&x, form == MERGE_LINES, out, err);
    if (form == OTHER) {
        vs_buf_str(out, text);
        return out->failed ? vs_enomem(err, file, out->n) : VS_OK;
    }
    enum vs_code code = save_json(&x, form, out, err);
    vs_edits_free(&x.edits);
    return code;
}
