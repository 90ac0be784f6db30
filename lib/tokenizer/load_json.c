/* SPDX-License-Identifier: Apache-2.0
 *
 * The document: its top level, the sections that stay as small documents, added_tokens.
 */
#include <stdarg.h>
#include <stdio.h>
#include "base/io.h"
#include "tokenizer/load.h"

const char *const vs_section_names[VS_SECTIONS] = {"normalizer", "pre_tokenizer", "post_processor", "decoder", "padding"};

/* Members of the document beyond the sections, as bits of `seen`. */
enum { SEEN_VERSION = VS_SECTIONS, SEEN_ADDED, SEEN_MODEL };

static bool no_memory(struct vs_json *j)
{
    return vs_json_fail(j, VS_ENOMEM, "not enough memory for the tokenizer");
}

static bool version(struct vs_json *j)
{
    struct vs_str s;
    char shown[64];
    if (!vs_json_string(j, &s))
        return false;
    if (vs_str_is(s, "1.0"))
        return true;
    return vs_json_fail(j, VS_EFORMAT, "version: found \"%s\": \"1.0\" expected", vs_escape(shown, sizeof shown, s));
}

static bool copy_str(struct vs_load *l, struct vs_str *s)
{
    s->p = vs_arena_dup(&l->impl->arena, s->p, s->n);
    return s->p || no_memory(&l->j);
}

/* What an added token has, all of it required. */
enum { A_ID, A_CONTENT, A_SINGLE_WORD, A_LSTRIP, A_RSTRIP, A_NORMALIZED, A_SPECIAL, A_MEMBERS };
static const char *const added_names[A_MEMBERS] = {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"};

static bool added_id(struct vs_json *j, uint32_t *declared)
{
    uint64_t id;
    if (!vs_json_u64(j, &id))
        return false;
    *declared = (uint32_t)id;
    return id <= VS_ID_MAX || vs_json_fail(j, id > UINT32_MAX ? VS_EFORMAT : VS_ELIMIT, "found id %llu: at most %u expected",
                                           (unsigned long long)id, VS_ID_MAX);
}

/* *seen gets a bit per known member. */
static bool added_member(struct vs_load *l, struct vs_str key, struct vs_added *a, unsigned *seen)
{
    bool *const flags[A_MEMBERS] = {NULL, NULL, &a->single_word, &a->lstrip, &a->rstrip, &a->normalized, &a->special};
    struct vs_json *j = &l->j;
    unsigned at = 0;
    while (at < A_MEMBERS && !vs_str_is(key, added_names[at]))
        at++;
    if (at == A_MEMBERS)
        return vs_json_skip(j, NULL);
    if (*seen & 1u << at)
        return vs_json_fail(j, VS_EFORMAT, "\"%s\" appears twice", added_names[at]);
    *seen |= 1u << at;
    if (at == A_ID)
        return added_id(j, &a->declared);
    if (at == A_CONTENT)
        return vs_json_string(j, &a->content) && copy_str(l, &a->content);
    return vs_json_bool(j, flags[at]);
}

static bool added_token(struct vs_load *l, struct vs_err *err)
{
    struct vs_added a = {.declared = VS_NO_ID, .effective = VS_NO_ID};
    struct vs_str key;
    unsigned seen = 0;
    if (!vs_json_object(&l->j))
        return false;
    while (vs_json_key(&l->j, &key))
        if (!added_member(l, key, &a, &seen))
            return false;
    if (l->j.failed)
        return false;
    for (unsigned at = 0; at < A_MEMBERS; at++)
        if (!(seen & 1u << at))
            return vs_json_fail(&l->j, VS_EFORMAT, "\"%s\" is missing from the object that ends here", added_names[at]);
    return vs_load_add(l, &a, err) == VS_OK || no_memory(&l->j);
}

static bool added_tokens(struct vs_load *l, struct vs_err *err)
{
    unsigned at = 0;
    if (!vs_json_array(&l->j))
        return false;
    for (; vs_json_item(&l->j); at++)
        if (!added_token(l, err))
            return vs_load_where(l, "added_tokens[%u]", at);
    return !l->j.failed;
}

/* Keeps a section as a document of its own: the text is freed after the load. */
static bool section(struct vs_load *l, enum vs_section s, struct vs_err *err)
{
    struct vs_json *j = &l->j;
    struct vs_span span;
    enum vs_json_type type = vs_json_peek(j);
    if (type == VS_JSON_NULL)
        return vs_json_null(j);
    if (type != VS_JSON_OBJECT)
        return vs_json_fail(j, VS_EFORMAT, "%s: an object or null expected", vs_section_names[s]);
    size_t begin = j->at;
    if (!vs_json_skip(j, &span))
        return false;
    struct vs_str text = {j->text + span.begin, span.end - span.begin};
    if (vs_jdoc_parse(l->t->path, text, &l->impl->sections[s], err) == VS_OK)
        return true;
    j->at = begin;
    char inner[VS_ERR_MAX / 4];
    snprintf(inner, sizeof inner, "%.*s", (int)sizeof inner - 1, err->message);
    return vs_json_fail(j, err->code, "%s, counted from here: %s", vs_section_names[s], inner);
}

/* One member of the document. False: the scanner or *err says why. */
static bool member(struct vs_load *l, struct vs_str key, unsigned *seen, struct vs_err *err)
{
    struct vs_json *j = &l->j;
    unsigned which = 0;
    while (which < VS_SECTIONS && !vs_str_is(key, vs_section_names[which]))
        which++;
    if (which == VS_SECTIONS)
        which = vs_str_is(key, "version") ? SEEN_VERSION : vs_str_is(key, "added_tokens") ? SEEN_ADDED : SEEN_MODEL;
    if (which == SEEN_MODEL && !vs_str_is(key, "model"))
        return vs_json_skip(j, NULL);
    if (*seen & 1u << which) {
        j->at = j->key_span.begin;
        return vs_json_fail(j, VS_EFORMAT, "\"%.*s\" appears twice", VS_STR(key));
    }
    *seen |= 1u << which;
    if (which < VS_SECTIONS)
        return section(l, which, err);
    if (which == SEEN_VERSION)
        return version(j);
    return which == SEEN_ADDED ? added_tokens(l, err) : vs_load_model(l, err) == VS_OK;
}

static enum vs_code document(struct vs_load *l, struct vs_err *err)
{
    struct vs_str key;
    unsigned seen = 0;
    bool ok = vs_json_object(&l->j);
    err->code = VS_OK;
    while (ok && vs_json_key(&l->j, &key))
        ok = member(l, key, &seen, err);
    if (!ok && !l->j.failed)
        return err->code; /* written by the room that failed */
    enum vs_code code = vs_json_end(&l->j, err);
    if (code == VS_OK && !(seen & 1u << SEEN_MODEL))
        return vs_fail(err, VS_EFORMAT, "%s: no \"model\": a tokenizer.json of the tokenizers library expected", l->t->path);
    return code;
}

bool vs_load_where(struct vs_load *l, const char *fmt, ...)
{
    char where[300], *message = l->j.error.message;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    size_t n = strlen(message);
    if (n < sizeof l->j.error.message)
        snprintf(message + n, sizeof l->j.error.message - n, " (in %s)", where);
    return false;
}

enum vs_code vs_load_json(struct vs_load *l, const char *path, struct vs_err *err)
{
    char *text = NULL;
    size_t n;
    l->t->path = vs_arena_dup(&l->impl->arena, path, strlen(path));
    if (!l->t->path)
        return vs_enomem(err, "the tokenizer", 0);
    enum vs_code code = vs_read_all(path, VS_JSON_FILE_MAX, &text, &n, err);
    if (code)
        return code;
    vs_json_begin(&l->j, l->t->path, text, n, &l->scratch);
    code = document(l, err);
    vs_free(text);
    vs_arena_free(&l->scratch);
    return code;
}
