/* SPDX-License-Identifier: Apache-2.0
 *
 * 1xx: do tokens, config and tables agree in number?
 */
#include <stdio.h>
#include <string.h>
#include "check/checker.h"
#include "format/gguf.h"
#include "model/data.h"
#include "plan/offsets.h"

const struct vs_config_int *vs_text_vocab(const struct vs_checkpoint *c)
{
    return c->config.text_vocab >= 0 ? &c->config.vocab_sizes[c->config.text_vocab] : NULL;
}

const struct vs_jval *vs_known_model(const struct checker *k, const char *key, int64_t wanted)
{
    const struct vs_jval *list = vs_jget(k->impl->known_good.root, "models");
    for (const struct vs_jval *m = list ? list->child : NULL; m; m = m->next) {
        struct vs_str type;
        int64_t value;
        bool same = vs_jstr(vs_jget(m, "model_type"), &type) &&
                    (vs_str_eq(type, k->c->config.model_type) || vs_str_eq(type, k->c->config.text_model_type));
        if (same && vs_ji64(&k->impl->known_good, vs_jget(m, key), &value) && (wanted < 0 || value == wanted))
            return m;
    }
    return NULL;
}

uint64_t vs_input_extra(const struct checker *k)
{
    int64_t extra = 0;
    const struct vs_jval *m = vs_known_model(k, "input_extra", -1);
    return m && vs_ji64(&k->impl->known_good, vs_jget(m, "input_extra"), &extra) ? (uint64_t)extra : 0;
}

/* ---- tokens without a row ---- */

static bool is_placeholder(const struct checker *k, uint64_t id)
{
    if (vs_keys_match(k->c, "placeholder_tokens", vs_token_text(k->t, (uint32_t)id)))
        return true;
    for (size_t i = 0; i < k->c->config.special_id_count; i++) {
        const struct vs_config_int *s = &k->c->config.special_ids[i];
        if (s->value == (int64_t)id && (vs_keys_match(k->c, "placeholders", s->name) || vs_keys_match(k->c, "placeholder_marks", s->name)))
            return true;
    }
    return false;
}

/* T5's sentinels come with its tokenizer wherever that is borrowed; no text of a user holds them. */
static bool is_sentinel_word(const struct checker *k, uint64_t id)
{
    return vs_keys_match(k->c, "sentinel_tokens", vs_token_text(k->t, (uint32_t)id));
}

/* The size at the top, where a nested text config contradicts it; NULL otherwise. Where a size of the text has a name of its own
 * (text_vocab_size), the top level sizes something else: a codec. A default of the class that stands there sizes nothing. */
static const struct vs_config_int *contradicting_top(const struct checker *k)
{
    const struct vs_config_int *top = NULL, *text = vs_text_vocab(k->c);
    for (size_t i = 0; i < k->c->config.vocab_size_count; i++)
        if (strcmp(k->c->config.vocab_sizes[i].at, "/vocab_size") == 0)
            top = &k->c->config.vocab_sizes[i];
    bool other = top && text && top->value != text->value && top->value != k->c->config.top_size_default && vs_str_is(text->name, "vocab_size");
    return other ? top : NULL;
}

/* Whether the remedy of VOC101, which grows the table, finds a config that it takes: one that agrees with the table as it is, or that says
 * what it grows to. embed-extend does not choose between two sizes. */
static bool grows_to_config(const struct checker *k)
{
    const struct vs_config_int *v = vs_text_vocab(k->c);
    const uint64_t rows = k->input->rows, after = ((uint64_t)k->t->rows_needed + 63) / 64 * 64; /* --pad-multiple 64 */
    return !v || (uint64_t)v->value == rows || (v->value > 0 && (uint64_t)v->value > rows && (uint64_t)v->value <= after);
}

/* What stands in the way of the remedy: a config that is wrong is set to the rows first. */
static void say_first(struct checker *k)
{
    const struct vs_config_int *v = vs_text_vocab(k->c);
    const unsigned long long rows = k->input->rows;
    if (k->t->moved_count)
        vs_say(k, "first", "first write the added tokens into model.vocab under the ids that the model was trained with (VOC205, VOC206, "
                           "VOC207), then ");
    else if (contradicting_top(k))
        vs_say(k, "first", "first set both vocabulary sizes of the config to %llu (VOC112), then ", rows);
    else if (!grows_to_config(k))
        vs_say(k, "first", "first set %.*s to %llu in %s, then ", VS_STR(v->name), rows, v->file);
    else
        vs_say(k, "first", "%s", "");
}

/* The rule that told of them; NULL when there are none. */
static const char *tokens_without_row(struct checker *k)
{
    struct id_set all = {0};
    bool placeholders = true, sentinels = true;
    for (uint64_t id = vs_checkpoint_rows(k->c, k->input); id < k->t->rows_needed; id++)
        if (vs_has_token(k, id)) {
            vs_set_add(&all, id);
            placeholders = placeholders && is_placeholder(k, id);
            sentinels = sentinels && is_sentinel_word(k, id);
        }
    if (!all.count)
        return NULL;
    vs_say_ids(k, &all);
    vs_say_table(k, k->c, k->input);
    vs_say(k, "last", "%llu", (unsigned long long)k->input->rows - 1);
    vs_say(k, "found", "%llu rows", (unsigned long long)k->input->rows);
    vs_say(k, "expected", "at least %u, as %s needs", k->t->rows_needed, vs_path_base(k->t->path));
    vs_say_also_token(k, (uint32_t)all.first);
    say_first(k);
    const char *rule = placeholders && !sentinels ? "VOC102" : "VOC101";
    if (sentinels)
        vs_found_as(k, rule, VS_WARNING);
    else
        vs_found(k, rule);
    return rule;
}

/* ---- ids that moved without their rows ---- */

static void rows_left_behind(struct checker *k)
{
    vs_say_table(k, k->c, k->input);
    vs_say(k, "n", "%llu", (unsigned long long)k->impl->inserted.by);
    vs_say(k, "first", "%llu", (unsigned long long)k->impl->inserted.at);
    vs_say(k, "found", "%llu rows", (unsigned long long)k->input->rows);
    vs_say(k, "expected", "%llu rows", (unsigned long long)k->impl->moved_end);
    vs_say_also(k, VS_OFFSETS_RECEIPT, "/shift");
    vs_found(k, "VOC125");
}

/* ---- config against tables ---- */

/* How a size becomes right. rule tells of tokens without a row, and its remedy grows the table (NULL: none does): the two are said so that
 * they can both be followed. */
static void say_size_cure(struct checker *k, const struct vs_config_int *v, const char *rule)
{
    const unsigned long long rows = k->input->rows;
    if (rule && grows_to_config(k) && !contradicting_top(k))
        vs_say(k, "cure", "leave it: what %s says grows the table and sets %.*s with it", rule, VS_STR(v->name));
    else if (rule)
        vs_say(k, "cure", "set %.*s to %llu in %s before the table grows (%s), which sets it again", VS_STR(v->name), rows, v->file, rule);
    else
        vs_say(k, "cure", "set %.*s to %llu in %s", VS_STR(v->name), rows, v->file);
}

static void config_size(struct checker *k, const char *without_row)
{
    const struct vs_config_int *v = vs_text_vocab(k->c);
    uint64_t rows = k->input->rows;
    if (!v) {
        if (!k->c->has_config)
            return;
        vs_say(k, "file", "config.json");
        vs_say(k, "at", "/vocab_size");
        vs_say(k, "expected", "%llu", (unsigned long long)rows);
        vs_say_also_table(k, k->c, k->input);
        vs_found(k, "VOC115");
        return;
    }
    if ((uint64_t)v->value == rows || (uint64_t)v->value + vs_input_extra(k) == rows)
        return;
    vs_say_config(k, v);
    vs_say(k, "expected", "%llu", (unsigned long long)rows);
    vs_say_also_table(k, k->c, k->input);
    say_size_cure(k, v, without_row);
    vs_found(k, "VOC103");
    if (k->t && v->value == (int64_t)k->t->base_count && k->t->base_count < k->t->rows_needed) {
        vs_say_config(k, v);
        vs_say(k, "n", "%u", k->t->rows_needed - k->t->base_count);
        vs_say_also(k, vs_path_base(k->t->path), "/model/vocab");
        vs_found(k, "VOC119");
    }
}

static void two_sizes(struct checker *k)
{
    const struct vs_config_int *top = contradicting_top(k), *text = vs_text_vocab(k->c);
    if (!top)
        return;
    vs_say_config(k, top);
    vs_say(k, "expected", "%lld", (long long)text->value);
    vs_say_also(k, text->file, text->at);
    vs_found(k, "VOC112");
}

static void say_embedding_length(struct checker *k)
{
    char key[200];
    vs_escape(key, sizeof key, vs_gguf_find_arch(k->c->gguf, "embedding_length")->key);
    vs_say(k, "whose", "%s says", key);
    vs_say(k, "parts", "key and table are of different models");
    vs_say(k, "cure", "convert the model again");
    vs_say_also(k, k->c->files[0].name, key);
}

static void hidden_size(struct checker *k)
{
    const struct vs_jdoc *config = vs_checkpoint_json(k->c, "config.json");
    int64_t h = k->c->config.hidden_size;
    bool projected = config && (vs_jget(config->root, "embedding_size") || vs_jget(config->root, "word_embed_proj_dim"));
    if (h <= 0 || projected || k->input->cols == (uint64_t)h)
        return;
    vs_say_table(k, k->c, k->input);
    vs_say(k, "found", "%llu", (unsigned long long)k->input->cols);
    vs_say(k, "expected", "%lld", (long long)h);
    if (k->c->gguf)
        say_embedding_length(k);
    else {
        vs_say(k, "whose", "the config says hidden size");
        vs_say(k, "parts", "config and weights are of different models");
        vs_say(k, "cure", "download both from one revision");
        vs_say_also(k, "config.json", "");
    }
    vs_found(k, "VOC114");
}

/* ---- tables against each other ---- */

static void lost_ids(struct checker *k, uint64_t from)
{
    struct id_set lost = {0};
    char shown[96] = "none of them is a token";
    for (uint64_t id = from; k->t && id < k->t->rows_needed; id++)
        if (vs_has_token(k, id))
            vs_set_add(&lost, id);
    if (lost.count) {
        struct vs_str token = vs_token_text(k->t, (uint32_t)lost.first);
        char text[40];
        int n = snprintf(shown, sizeof shown, "%llu %s", (unsigned long long)lost.first, vs_escape(text, sizeof text, token));
        if (lost.count > 1)
            snprintf(shown + n, sizeof shown - (size_t)n, " and %llu more", (unsigned long long)lost.count - 1);
    }
    vs_say(k, "lost", "%s", shown);
}

static void head_size(struct checker *k)
{
    if (!k->head || k->head->rows == k->input->rows)
        return;
    if (k->head->rows + vs_input_extra(k) != k->input->rows) {
        vs_say_table(k, k->c, k->head);
        vs_say(k, "found", "%llu", (unsigned long long)k->head->rows);
        vs_say(k, "expected", "%llu", (unsigned long long)k->input->rows);
        lost_ids(k, k->head->rows);
        vs_say_also_table(k, k->c, k->input);
        vs_found(k, "VOC104");
        return;
    }
    struct id_set unsaid = {0};
    for (uint64_t id = k->head->rows; id < k->input->rows; id++)
        if (vs_has_token(k, id))
            vs_set_add(&unsaid, id);
    if (!unsaid.count)
        return;
    vs_say_table(k, k->c, k->head);
    vs_say_ids(k, &unsaid);
    vs_say(k, "head", "%llu", (unsigned long long)k->head->rows);
    vs_say(k, "found", "%llu rows", (unsigned long long)k->head->rows);
    vs_say(k, "expected", "%llu rows, as the input has", (unsigned long long)k->input->rows);
    vs_say_also_table(k, k->c, k->input);
    vs_found(k, "VOC105");
}

/* A decoder with a size of its own in the config: the decoder's table, or the shared one, must have it. */
static void decoder_size(struct checker *k)
{
    const struct vs_config_int *size = NULL;
    const struct vs_table *decoder = k->input;
    for (size_t i = 0; i < k->c->config.vocab_size_count; i++)
        if (vs_str_is(k->c->config.vocab_sizes[i].name, "decoder_vocab_size"))
            size = &k->c->config.vocab_sizes[i];
    for (uint32_t i = 0; i < k->c->table_count; i++) {
        const struct vs_table *t = &k->c->tables[i];
        if (!t->suspect && t->role == VS_ROLE_INPUT && vs_str_ends(k->c->tensors[t->tensor].name, VS_LIT("decoder.embed_tokens.weight")))
            decoder = t;
    }
    if (!size || (uint64_t)size->value == decoder->rows)
        return;
    vs_say_config(k, size);
    vs_say(k, "expected", "%llu", (unsigned long long)decoder->rows);
    vs_say(k, "most", "%llu", (unsigned long long)((uint64_t)size->value > decoder->rows ? (uint64_t)size->value : decoder->rows));
    vs_say_also_table(k, k->c, decoder);
    vs_found(k, "VOC117");
}

static void other_tables(struct checker *k)
{
    uint64_t out_rows = k->head ? k->head->rows : k->input->rows;
    for (uint32_t i = 0; i < k->c->table_count; i++) {
        const struct vs_table *t = &k->c->tables[i];
        if (t->suspect || t == k->input)
            continue;
        bool bias = t->role == VS_ROLE_BIAS && t->rows != out_rows, copy = t->role == VS_ROLE_INPUT && t->rows != k->input->rows;
        if (!bias && !copy)
            continue;
        vs_say_table(k, k->c, t);
        vs_say(k, "found", "%llu", (unsigned long long)t->rows);
        vs_say(k, "expected", "%llu", (unsigned long long)(bias ? out_rows : k->input->rows));
        vs_say(k, "most", "%llu", (unsigned long long)(t->rows > k->input->rows ? t->rows : k->input->rows));
        vs_say_also_table(k, k->c, bias && k->head ? k->head : k->input);
        vs_found(k, bias ? "VOC116" : "VOC117");
    }
}

/* ---- surplus ---- */

/* Rows without a token that somebody is known to have wanted: the makers of the model, whoever extended it, or the base has them. */
static bool is_meant(const struct checker *k)
{
    const struct vs_checkpoint *base = k->impl->base ? k->impl->base->checkpoint : NULL;
    const struct vs_table *before = base ? vs_checkpoint_table(base, VS_ROLE_INPUT) : NULL;
    return vs_known_model(k, "rows", (int64_t)k->input->rows) || vs_receipt_explains(k) || (before && before->rows == k->input->rows);
}

static void surplus(struct checker *k)
{
    const struct vs_facts *f = k->r->facts;
    unsigned long long n = f->surplus_rows > 0 ? (unsigned long long)f->surplus_rows : 0, rows = k->input->rows;
    vs_say(k, "n", "%llu", n);
    vs_say_table(k, k->c, k->input);
    vs_say_also(k, vs_path_base(k->t->path), "");
    vs_say(k, "found", "%llu rows", rows);
    vs_say(k, "expected", "%u needed", k->t->rows_needed);
    if (f->surplus == VS_SURPLUS_ALIGN) {
        vs_say(k, "multiple", "%u", f->align_multiple);
        vs_found(k, "VOC106");
    } else if (n > 4096 && n * 20 > k->t->rows_needed) {
        vs_say(k, "percent", "%llu", 100ull * k->t->rows_needed / rows);
        vs_found(k, "VOC109");
    } else if (f->surplus == VS_SURPLUS_RESERVE || (f->surplus == VS_SURPLUS_ODD && is_meant(k))) {
        vs_say(k, "first", "%u", k->t->rows_needed);
        vs_found(k, "VOC107");
    } else if (f->surplus == VS_SURPLUS_ODD) {
        vs_say(k, "hint", "%s", k->impl->base ? "the base has fewer rows, and nothing says what the others are for" :
               n < 20 ? "so few rows are usually added tokens that the tokenizer files lost" :
               "a wrong tokenizer, or a reserve of unusual size");
        vs_found(k, "VOC108");
    }
    k->value_count = 0;
}

/* The highest id that a loader gives; a token that moved to an id of its own counts with the id that the model was trained with. */
static uint32_t highest_id(const struct checker *k)
{
    uint32_t highest = k->t->max_id;
    for (uint32_t i = 0; i < k->t->moved_count; i++) {
        const struct vs_added *a = &k->t->added[k->t->moved[i]];
        struct vs_str owner = a->effective < k->t->rows_needed ? vs_token_text(k->t, a->effective) : (struct vs_str){NULL, 0};
        bool alone = !a->in_model && (k->t->max_base_id == VS_NO_ID || a->effective > k->t->max_base_id) && vs_str_eq(owner, a->content);
        highest = alone && a->declared > highest ? a->declared : highest;
    }
    return highest;
}

static void count_and_height(struct checker *k)
{
    uint64_t highest = k->t->rows_needed ? highest_id(k) : 0;
    if (!k->t->rows_needed || k->t->len == highest + 1)
        return;
    vs_say(k, "file", "%s", vs_path_base(k->t->path));
    vs_say(k, "n", "%u", k->t->len);
    if (highest > k->t->max_id)
        vs_say(k, "last", "%llu as declared, %u as the ids run", (unsigned long long)highest, k->t->max_id);
    else
        vs_say(k, "last", "%llu", (unsigned long long)highest);
    vs_say(k, "rows", "%llu", (unsigned long long)highest + 1);
    vs_say(k, "off", "%lld", (long long)highest + 1 - (long long)k->t->len);
    vs_say(k, "found", "%u tokens", k->t->len);
    vs_say(k, "expected", "%llu, the highest id + 1", (unsigned long long)highest + 1);
    vs_found(k, "VOC110");
}

static void empty_tables(struct checker *k)
{
    for (uint32_t i = 0; i < k->c->table_count; i++) {
        const struct vs_tensor *x = &k->c->tensors[k->c->tables[i].tensor];
        if (k->c->tables[i].rows)
            continue;
        vs_say_table(k, k->c, &k->c->tables[i]);
        if (x->ndim == 1)
            vs_say(k, "found", "[0]");
        else
            vs_say(k, "found", "[0, %llu]", (unsigned long long)k->c->tables[i].cols);
        vs_say(k, "expected", "one row for each id");
        vs_found(k, "VOC113");
    }
}

static void row_count(struct checker *k)
{
    if (k->input->rows % 8 == 0)
        return;
    vs_say_table(k, k->c, k->input);
    vs_say(k, "n", "%llu", (unsigned long long)k->input->rows);
    vs_say(k, "found", "%llu rows", (unsigned long long)k->input->rows);
    vs_say(k, "expected", "a multiple of 8");
    vs_found(k, "VOC111");
}

/* What the reader of the checkpoint noticed, table or no table. */
static void reader_notes(struct checker *k)
{
    for (size_t i = 0; i < k->c->finding_count; i++) {
        vs_say(k, "file", "%s", k->c->gguf ? k->c->files[0].name : k->c->index_name ? k->c->index_name : k->c->dir);
        vs_say(k, "found", "%s", k->c->findings[i]);
        vs_found(k, i < k->c->fault_count ? "VOC124" : "VOC123");
    }
}

/* "model (1).safetensors" is what a browser makes of a second download. Other programs have names of their own: nothing is wrong there. */
static void name_of_weights(struct checker *k)
{
    static const char *const globs[] = {"model.safetensors", "model.*.safetensors", "consolidated*.safetensors"};
    char text[300];
    if (k->c->is_file || k->c->sharded || k->c->file_count != 1 || !k->c->config.model_type.n)
        return;
    for (size_t i = 0; i < sizeof globs / sizeof *globs; i++)
        if (vs_glob(vs_cstr(globs[i]), vs_cstr(k->c->files[0].name)))
            return;
    vs_say(k, "file", "%s", k->c->files[0].name);
    vs_say(k, "found", "%s", vs_escape(text, sizeof text, vs_cstr(k->c->files[0].name)));
    vs_say(k, "expected", "model.safetensors");
    vs_found(k, "VOC129");
}

/* A .gguf file has one list of tokens for everything, and rules_gguf.c for that list. */
static void sizes_gguf(struct checker *k)
{
    reader_notes(k);
    if (k->input)
        hidden_size(k);
}

void vs_rules_sizes(struct checker *k)
{
    if (k->c && k->c->gguf) {
        sizes_gguf(k);
        return;
    }
    if (k->t)
        count_and_height(k);
    if (k->c) {
        two_sizes(k);
        reader_notes(k);
        name_of_weights(k);
    }
    if (!k->input)
        return;
    empty_tables(k);
    if (k->input->rows == 0)
        return;
    if (vs_only_ids_moved(k)) {
        rows_left_behind(k);
    } else {
        const char *without_row = k->t ? tokens_without_row(k) : NULL;
        config_size(k, without_row);
    }
    if (k->t)
        surplus(k);
    hidden_size(k);
    head_size(k);
    decoder_size(k);
    other_tables(k);
    row_count(k);
}
