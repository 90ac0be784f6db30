/* SPDX-License-Identifier: Apache-2.0
 *
 * Ids that tokenizer.json carries outside its vocabulary: templates of the post-processor, padding. Loaders use them
 * as they stand and never compare them.
 */
#include <stdio.h>
#include "tokenizer/load.h"

enum { DEPTH = 8 }; /* of nested Sequence processors; deeper ones are not looked into */

enum vs_code vs_load_named(struct vs_load *l, const struct vs_named_token *n, struct vs_err *err)
{
    struct vs_tokenizer *t = l->t;
    struct vs_named_token *all = vs_list_room(t->named, t->named_count, sizeof *all);
    if (!all)
        return vs_enomem(err, "special tokens", 0);
    t->named = all;
    t->named[t->named_count++] = *n;
    return VS_OK;
}

enum vs_code vs_load_long_name(struct vs_load *l, const char *file, struct vs_str name, struct vs_err *err)
{
    char shown[64];
    return vs_load_finding(l, err, "%s: \"%s\" has %zu bytes, expected %u at most: the tokens under this name are not read", file,
                           vs_escape(shown, sizeof shown, name), name.n, VS_NAME_MAX);
}

static enum vs_code name(struct vs_load *l, const struct vs_jdoc *doc, const struct vs_buf *at, const char *last, struct vs_str name,
                         const struct vs_jval *token, const struct vs_jval *id, struct vs_err *err)
{
    struct vs_named_token n = {.file = "tokenizer.json", .name = name, .declared = VS_NO_ID, .effective = VS_NO_ID};
    int64_t value;
    if (!vs_jstr(token, &n.token) || !vs_ji64(doc, id, &value) || value < 0 || value >= VS_NO_ID)
        return VS_OK;
    n.declared = (uint32_t)value;
    char *place = at->failed ? NULL : vs_arena_alloc(&l->impl->arena, at->n + strlen(last) + 1);
    if (!place)
        return vs_enomem(err, "special tokens", 0);
    snprintf(place, at->n + strlen(last) + 1, "%s%s", at->p, last);
    n.at = place;
    return vs_load_named(l, &n, err);
}

static enum vs_code template_tokens(struct vs_load *l, const struct vs_jdoc *doc, struct vs_buf *at, const struct vs_jval *v,
                                    struct vs_err *err)
{
    enum vs_code code = VS_OK;
    const struct vs_jval *all = vs_jget(v, "special_tokens");
    for (const struct vs_jval *t = all ? all->child : NULL; t && code == VS_OK; t = t->next) {
        const struct vs_jval *tokens = vs_jget(t, "tokens"), *ids = vs_jget(t, "ids");
        const struct vs_jval *token = tokens ? tokens->child : NULL, *id = ids ? ids->child : NULL;
        if (t->key.n > VS_NAME_MAX) {
            code = vs_load_long_name(l, "tokenizer.json", t->key, err);
            continue;
        }
        for (unsigned i = 0; token && id && code == VS_OK; token = token->next, id = id->next, i++) {
            size_t n = at->n;
            char last[32];
            vs_buf_puts(at, "/special_tokens");
            vs_buf_pointer(at, t->key);
            snprintf(last, sizeof last, "/ids/%u", i);
            code = name(l, doc, at, last, t->key, token, id, err);
            at->n = n;
        }
    }
    return code;
}

static enum vs_code processor(struct vs_load *l, const struct vs_jdoc *doc, struct vs_buf *at, const struct vs_jval *v, unsigned depth,
                              struct vs_err *err)
{
    static const char *const ends[] = {"sep", "cls"};
    struct vs_str type = {0};
    enum vs_code code = VS_OK;
    (void)vs_jstr(vs_jget(v, "type"), &type);
    if (vs_str_is(type, "TemplateProcessing"))
        return template_tokens(l, doc, at, v, err);
    for (unsigned i = 0; i < 2 && code == VS_OK; i++) {
        const struct vs_jval *pair = vs_jget(v, ends[i]);
        if (!vs_str_ends(type, VS_LIT("Processing")) || !pair || pair->type != VS_JSON_ARRAY || pair->count != 2)
            continue;
        code = name(l, doc, at, i ? "/cls/1" : "/sep/1", vs_cstr(ends[i]), pair->child, pair->child->next, err);
    }
    const struct vs_jval *list = vs_jget(v, "processors");
    unsigned i = 0;
    for (const struct vs_jval *c = list && depth < DEPTH ? list->child : NULL; c && code == VS_OK; c = c->next, i++) {
        size_t n = at->n;
        vs_buf_printf(at, "/processors/%u", i);
        code = processor(l, doc, at, c, depth + 1, err);
        at->n = n;
    }
    return code;
}

enum vs_code vs_load_embedded(struct vs_load *l, struct vs_err *err)
{
    const struct vs_jdoc *post = &l->impl->sections[VS_SEC_POST_PROCESSOR], *pad = &l->impl->sections[VS_SEC_PADDING];
    struct vs_buf at = {0};
    enum vs_code code = VS_OK;
    vs_buf_puts(&at, "/post_processor");
    if (post->root)
        code = processor(l, post, &at, post->root, 0, err);
    at.n = 0;
    vs_buf_puts(&at, "/padding");
    if (code == VS_OK && pad->root)
        code = name(l, pad, &at, "/pad_id", VS_LIT("pad_token"), vs_jget(pad->root, "pad_token"), vs_jget(pad->root, "pad_id"), err);
    vs_buf_free(&at);
    return code;
}
