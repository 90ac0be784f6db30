/* SPDX-License-Identifier: Apache-2.0
 *
 * How much a dead row hurts: a token that the model must read or produce (in the chat template, in the set of ends) is an
 * error, the padding token and one that is reserved by its name are none of anybody's business, any other one is a warning.
 */
#include "check/checker.h"
#include "format/gguf.h"

#define TEMPLATE_MAX (4u << 20)

static void add_template(struct vs_buf *b, const struct vs_jval *v)
{
    struct vs_str text;
    if (vs_jstr(v, &text))
        vs_buf_str(b, text);
    else if (v) /* a list of {"name", "template"} */
        for (const struct vs_jval *e = v->child; e; e = e->next)
            add_template(b, vs_jget(e, "template"));
}

/* Every chat template that the directory holds, one after the other. A file that cannot be read has no say. */
static void read_templates(struct checker *k, struct vs_buf *b)
{
    const struct vs_jdoc *config = vs_checkpoint_json(k->c, "tokenizer_config.json");
    struct vs_jdoc d = {0};
    struct vs_err ignored;
    char *text = NULL;
    size_t n = 0;
    struct vs_str template;
    if (k->c->gguf) {
        if (vs_gguf_string(vs_gguf_find(k->c->gguf, "tokenizer.chat_template"), &template))
            vs_buf_str(b, template);
        return;
    }
    if (config)
        add_template(b, vs_jget(config->root, "chat_template"));
    const char *json = vs_path_join(&k->impl->arena, k->c->dir, "chat_template.json");
    const char *jinja = vs_path_join(&k->impl->arena, k->c->dir, "chat_template.jinja");
    if (json && vs_path_exists(json) && vs_jdoc_read(json, &d, &ignored) == VS_OK)
        add_template(b, vs_jget(d.root, "chat_template"));
    vs_jdoc_free(&d);
    if (jinja && vs_path_exists(jinja) && vs_read_all(jinja, TEMPLATE_MAX, &text, &n, &ignored) == VS_OK)
        vs_buf_add(b, text, n);
    vs_free(text);
}

static bool is_end(const struct checker *k, uint64_t id)
{
    for (size_t i = 0; i < k->c->config.special_id_count; i++) {
        const struct vs_config_int *s = &k->c->config.special_ids[i];
        if (s->value == (int64_t)id && vs_str_is(s->name, "eos_token_id"))
            return true;
    }
    return false;
}

/* Libraries keep the row of the padding token at zero on purpose. */
static bool is_padding(const struct checker *k, uint64_t id)
{
    for (size_t i = 0; i < k->c->config.special_id_count; i++) {
        const struct vs_config_int *s = &k->c->config.special_ids[i];
        if (s->value == (int64_t)id && vs_str_is(s->name, "pad_token_id"))
            return true;
    }
    for (uint32_t i = 0; k->t && i < k->t->named_count; i++)
        if (k->t->named[i].effective == id && vs_str_is(k->t->named[i].name, "pad_token"))
            return true;
    return false;
}

static bool is_reserved(const struct checker *k, struct vs_str token)
{
    const struct vs_jval *list = vs_jget(k->impl->known_good.root, "reserved_tokens");
    for (const struct vs_jval *glob = list ? list->child : NULL; glob; glob = glob->next)
        if (vs_glob(glob->str, token))
            return true;
    return false;
}

/* Only added tokens are looked for in a template: a word of the text may stand there by chance. */
static bool in_template(const struct checker *k, const struct vs_buf *templates, uint64_t id, struct vs_str token)
{
    return templates->n && token.n && vs_token_is_added(k->t, (uint32_t)id, NULL) && memmem(templates->p, templates->n, token.p, token.n);
}

void vs_sort_dead(struct checker *k, const uint64_t *rows, uint64_t count, struct id_set sets[3])
{
    struct vs_buf templates = {0};
    if (count && k->t)
        read_templates(k, &templates);
    for (uint64_t i = 0; i < count; i++) {
        struct vs_str token = k->t ? vs_token_text(k->t, (uint32_t)rows[i]) : (struct vs_str){NULL, 0};
        bool needed = is_end(k, rows[i]) || (k->t && in_template(k, &templates, rows[i], token));
        vs_set_add(&sets[needed ? VS_ERROR : is_padding(k, rows[i]) || is_reserved(k, token) ? VS_INFO : VS_WARNING], rows[i]);
    }
    vs_buf_free(&templates);
}
