/* SPDX-License-Identifier: Apache-2.0
 *
 * What the post-processor of tokenizer.json puts around one text (tokenizers, tokenizers/src/processors). Ids are taken as they
 * stand there, as the library does.
 */
#include <string.h>
#include "tokenizer/encode.h"

#define PROCESSORS 64u /* each copies all ids there are */
#define PARTS 256u     /* pieces of templates and ids of tokens, together */

struct wrapping {
    const struct vs_tokenizer *t;
    const struct vs_jdoc *doc;
    struct vs_ids *ids;
    unsigned processors, parts;
    struct vs_err *err;
};

static enum vs_code unlike(const struct wrapping *x, const char *found, const char *expected)
{
    return vs_fail(x->err, VS_EUNSUPPORTED, "%s: /post_processor: found %s, expected %s; give --prompt-ids", x->t->path, found, expected);
}

static enum vs_code spend(struct wrapping *x)
{
    return x->parts++ < PARTS ? VS_OK : unlike(x, "more tokens around a text", "256 at most");
}

static enum vs_code add(struct wrapping *x, const struct vs_jval *id, struct vs_ids *to)
{
    int64_t value;
    if (!vs_ji64(x->doc, id, &value) || value < 0 || value >= VS_NO_ID)
        return unlike(x, "a token without an id", "an id of 32 bits");
    enum vs_code code = spend(x);
    return code ? code : vs_ids_add(to, (uint32_t)value, x->err);
}

static enum vs_code add_text(const struct wrapping *x, struct vs_ids *to)
{
    enum vs_code code = x->ids->count ? vs_ids_reserve(to, x->ids->count, x->err) : VS_OK;
    if (!code && x->ids->count)
        memcpy(to->ids + to->count, x->ids->ids, x->ids->count * sizeof *to->ids);
    to->count += code ? 0 : x->ids->count;
    return code;
}

/* A name of the template stands for the ids that special_tokens has under it. */
static enum vs_code add_named(struct wrapping *x, const struct vs_jval *special_tokens, const struct vs_jval *token, struct vs_ids *to)
{
    struct vs_str name;
    const struct vs_jval *s = vs_jstr(vs_jget(token, "id"), &name) && special_tokens ? special_tokens->child : NULL;
    while (s && !vs_str_eq(s->key, name))
        s = s->next;
    const struct vs_jval *ids = vs_jget(s, "ids");
    enum vs_code code = ids ? VS_OK : unlike(x, "a token that special_tokens lacks", "its ids there");
    for (const struct vs_jval *id = ids ? ids->child : NULL; id && !code; id = id->next)
        code = add(x, id, to);
    return code;
}

static enum vs_code fill_template(struct wrapping *x, const struct vs_jval *v, struct vs_ids *to)
{
    const struct vs_jval *single = vs_jget(v, "single"), *special_tokens = vs_jget(v, "special_tokens");
    enum vs_code code = VS_OK;
    unsigned texts = 0;
    for (const struct vs_jval *piece = single ? single->child : NULL; piece && !code; piece = piece->next) {
        const struct vs_jval *token = vs_jget(piece, "SpecialToken");
        texts += !token;
        code = spend(x);
        if (!code && token)
            code = add_named(x, special_tokens, token, to);
        else if (!code && texts == 1)
            code = add_text(x, to);
    }
    return code || texts == 1 ? code : unlike(x, "a template without or with more than one text", "one text");
}

static enum vs_code fill_ends(struct wrapping *x, const struct vs_jval *v, struct vs_ids *to)
{
    const struct vs_jval *cls = vs_jget(v, "cls"), *sep = vs_jget(v, "sep");
    if (!cls || cls->count != 2 || !sep || sep->count != 2)
        return unlike(x, "no token and id under cls or sep", "[token, id]");
    enum vs_code code = add(x, cls->child->next, to);
    if (!code)
        code = add_text(x, to);
    return code ? code : add(x, sep->child->next, to);
}

static enum vs_code wrap(struct wrapping *x, const struct vs_jval *v)
{
    struct vs_str type = {0};
    struct vs_ids to = {0};
    char shown[100];
    enum vs_code code = VS_OK;
    (void)vs_jstr(vs_jget(v, "type"), &type);
    if (x->processors++ == PROCESSORS)
        return unlike(x, "more processors", "64 at most");
    if (vs_str_is(type, "ByteLevel")) /* offsets only */
        return VS_OK;
    if (vs_str_is(type, "Sequence")) {
        const struct vs_jval *list = vs_jget(v, "processors");
        for (const struct vs_jval *p = list ? list->child : NULL; p && !code; p = p->next)
            code = wrap(x, p);
        return code;
    }
    if (vs_str_is(type, "TemplateProcessing"))
        code = fill_template(x, v, &to);
    else if (vs_str_is(type, "BertProcessing") || vs_str_is(type, "RobertaProcessing"))
        code = fill_ends(x, v, &to);
    else
        return vs_fail(x->err, VS_EUNSUPPORTED, "%s: /post_processor: type \"%s\" is not handled; give --prompt-ids", x->t->path,
                       vs_escape(shown, sizeof shown, type));
    struct vs_ids before = *x->ids;
    if (!code)
        *x->ids = to;
    vs_ids_free(code ? &to : &before);
    return code;
}

enum vs_code vs_encode_prompt(const struct vs_tokenizer *t, struct vs_str text, struct vs_ids *out, struct vs_err *err)
{
    struct vs_ids ids = {0};
    const struct vs_jdoc *doc = &t->impl->sections[VS_SEC_POST_PROCESSOR];
    enum vs_code code = vs_encode(t, text, &ids, err);
    if (!code && doc->root && doc->root->type == VS_JSON_OBJECT)
        code = wrap(&(struct wrapping){.t = t, .doc = doc, .ids = &ids, .err = err}, doc->root);
    if (!code)
        code = add_text(&(struct wrapping){.ids = &ids, .err = err}, out);
    vs_ids_free(&ids);
    return code;
}
