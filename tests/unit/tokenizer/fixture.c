/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include "fixture.h"
#include "support.h"
#include "tokenizer/pipeline.h"

static struct vs_tokenizer *opened[64];
static size_t opened_count;
static struct vs_err err;

const char *tok_document(const char *added, const char *normalizer, const char *pre_tokenizer, const char *model)
{
    return vst_format("{\"added_tokens\": [%s], \"normalizer\": %s, \"pre_tokenizer\": %s, \"model\": %s}", added ? added : "",
                      normalizer ? normalizer : "null", pre_tokenizer ? pre_tokenizer : "null", model);
}

static const char *flag(const struct added *a, char c)
{
    return strchr(a->flags, c) ? "true" : "false";
}

const char *tok_added(const struct added *tokens, size_t count)
{
    const char *list = "";
    for (size_t i = 0; i < count; i++)
        list = vst_format("%s%s{\"id\": %u, \"content\": \"%s\", \"single_word\": %s, \"lstrip\": %s, \"rstrip\": %s, \"normalized\": %s, "
                          "\"special\": %s}", list, i ? ", " : "", tokens[i].id, tokens[i].content, flag(&tokens[i], 'w'), flag(&tokens[i], 'l'),
                          flag(&tokens[i], 'r'), flag(&tokens[i], 'n'), flag(&tokens[i], 's'));
    return list;
}

struct vs_tokenizer *tok_open_beside(const char *document, const char *const *siblings)
{
    const char *dir = vst_tempdir();
    struct vs_tokenizer *t = NULL;
    vst_write_text(vst_path(dir, "tokenizer.json"), document);
    for (; siblings && *siblings; siblings += 2)
        vst_write_text(vst_path(dir, siblings[0]), siblings[1]);
    cr_assert_lt(opened_count, COUNT(opened));
    cr_assert_eq(vs_tokenizer_open(dir, &(struct vs_tokenizer_options){.lenient = true}, &t, &err), VS_OK, "%s", err.message);
    return opened[opened_count++] = t;
}

struct vs_tokenizer *tok_open(const char *document)
{
    return tok_open_beside(document, NULL);
}

const char *tok_refused(const char *document)
{
    struct vs_tokenizer *t = NULL;
    const char *path = vst_path(vst_tempdir(), "tokenizer.json");
    vst_write_text(path, document);
    enum vs_code code = vs_tokenizer_open(path, NULL, &t, &err);
    vs_tokenizer_close(t);
    return code ? vst_format("%s", err.message) : "";
}

void tok_end(void)
{
    while (opened_count)
        vs_tokenizer_close(opened[--opened_count]);
    vst_cleanup();
}

static const char *numbers(enum vs_code code, struct vs_ids *ids)
{
    const char *out = code ? vst_format("%s", err.message) : "";
    for (size_t i = 0; !code && i < ids->count; i++)
        out = vst_format("%s%s%u", out, i ? " " : "", ids->ids[i]);
    vs_ids_free(ids);
    return out;
}

const char *tok_ids(const struct vs_tokenizer *t, const char *text)
{
    struct vs_ids ids = {0};
    return numbers(vs_encode(t, vs_cstr(text), &ids, &err), &ids);
}

const char *tok_prompt(const struct vs_tokenizer *t, const char *text)
{
    struct vs_ids ids = {0};
    return numbers(vs_encode_prompt(t, vs_cstr(text), &ids, &err), &ids);
}

const char *tok_symbols(const struct vs_tokenizer *t, const char *token)
{
    struct vs_ids ids = {0};
    return numbers(vs_encode_symbols(t, vs_cstr(token), &ids, &err), &ids);
}

const char *tok_normal(const struct vs_tokenizer *t, const char *text)
{
    struct vs_buf b = {0};
    enum vs_code code = vs_normalize(t, vs_cstr(text), &b, &err);
    const char *out = vst_format("%s", code ? err.message : b.p ? b.p : "");
    vs_buf_free(&b);
    return out;
}

const char *tok_pieces(const struct vs_tokenizer *t, const char *text)
{
    struct vs_pieces p = {0};
    enum vs_code code = vs_pretokenize(t, vs_cstr(text), &p, &err);
    const char *out = code ? vst_format("%s", err.message) : "";
    for (size_t i = 0; !code && i < p.count; i++)
        out = vst_format("%s%s%.*s", out, i ? "|" : "", (int)(p.items[i].end - p.items[i].begin), p.text.p + p.items[i].begin);
    vs_pieces_free(&p);
    return out;
}
