/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts for scripts: one object a path; null where a thing is absent.
 */
#include <cjson/cJSON.h>
#include "base/mem.h"
#include "report/report.h"

/* cJSON ends strings at a NUL and copies bytes that are no UTF-8, so strings go in as they will be printed. */
cJSON *vs_json_text(struct vs_str s)
{
    struct vs_buf b = {0};
    if (!s.p)
        return cJSON_CreateNull();
    vs_buf_json_str(&b, s);
    cJSON *item = b.failed ? NULL : cJSON_CreateRaw(b.p);
    vs_buf_free(&b);
    return item;
}

bool vs_json_put(cJSON *o, const char *key, cJSON *item)
{
    if (item && cJSON_AddItemToObject(o, key, item))
        return true;
    cJSON_Delete(item);
    return false;
}

static bool add(cJSON *o, const char *key, cJSON *item)
{
    return vs_json_put(o, key, item);
}

static bool add_text(cJSON *o, const char *key, struct vs_str s)
{
    return add(o, key, vs_json_text(s));
}

static bool add_number(cJSON *o, const char *key, double v)
{
    return add(o, key, cJSON_CreateNumber(v));
}

static bool add_id(cJSON *o, const char *key, uint32_t id)
{
    return id == VS_NO_ID ? add(o, key, cJSON_CreateNull()) : add_number(o, key, id);
}

static cJSON *append(cJSON *list)
{
    cJSON *o = cJSON_CreateObject();
    if (o && !cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        o = NULL;
    }
    return o;
}

static bool add_tokenizer(cJSON *top, const struct vs_tokenizer *t)
{
    if (!t)
        return add(top, "tokenizer", cJSON_CreateNull());
    cJSON *o = cJSON_AddObjectToObject(top, "tokenizer");
    bool good = o && add_text(o, "kind", vs_cstr(vs_tok_kind_name(t->kind))) && add_number(o, "base_count", t->base_count) &&
                add_id(o, "max_base_id", t->max_base_id) && add_number(o, "len", t->len) &&
                add_id(o, "max_id", t->rows_needed ? t->max_id : VS_NO_ID) && add_number(o, "rows_needed", t->rows_needed);
    cJSON *holes = good ? cJSON_AddArrayToObject(o, "holes") : NULL;
    for (uint32_t i = 0; holes && good && i < t->hole_count; i++) {
        cJSON *h = append(holes);
        good = h && add_number(h, "begin", t->holes[i].begin) && add_number(h, "end", t->holes[i].end);
    }
    cJSON *moved = holes && good ? cJSON_AddArrayToObject(o, "moved") : NULL;
    for (uint32_t i = 0; moved && good && i < t->moved_count; i++) {
        const struct vs_added *a = &t->added[t->moved[i]];
        cJSON *m = append(moved);
        good = m && add_text(m, "token", a->content) && add_id(m, "declared", a->declared) && add_id(m, "effective", a->effective);
    }
    return good && moved;
}

static bool add_config(cJSON *top, const struct vs_checkpoint *c)
{
    if (!c || !c->has_config)
        return add(top, "config", cJSON_CreateNull());
    cJSON *o = cJSON_AddObjectToObject(top, "config");
    bool good = o && add_text(o, "model_type", c->config.model_type.n ? c->config.model_type : (struct vs_str){NULL, 0});
    cJSON *sizes = good ? cJSON_AddArrayToObject(o, "vocab_size") : NULL;
    for (size_t i = 0; sizes && good && i < c->config.vocab_size_count; i++) {
        const struct vs_config_int *v = &c->config.vocab_sizes[i];
        cJSON *s = append(sizes);
        good = s && add_text(s, "file", vs_cstr(v->file)) && add_text(s, "at", vs_cstr(v->at)) && add_number(s, "value", (double)v->value);
    }
    return sizes && good && add(o, "tie_word_embeddings", c->config.tie == VS_TIE_UNKNOWN ? cJSON_CreateNull() :
                                cJSON_CreateBool(c->config.tie == VS_TIE_TRUE));
}

static bool add_tables(cJSON *top, const struct vs_checkpoint *c)
{
    cJSON *list = cJSON_AddArrayToObject(top, "tables");
    bool good = list;
    for (uint32_t i = 0; good && c && i < c->table_count; i++) {
        const struct vs_table *t = &c->tables[i];
        const struct vs_tensor *x = &c->tensors[t->tensor];
        cJSON *o = append(list);
        good = o && add_text(o, "tensor", x->name) && add_text(o, "file", vs_cstr(c->files[x->file].name)) &&
               add_text(o, "role", t->suspect ? (struct vs_str){NULL, 0} : vs_cstr(vs_role_name(t->role))) &&
               add_text(o, "dtype", vs_cstr(vs_dtype_name(x->dtype))) && add_number(o, "rows", (double)t->rows) &&
               add_number(o, "cols", (double)t->cols);
    }
    return good;
}

static bool add_row_stats(cJSON *top, const struct vs_facts *f)
{
    if (!f->row_stats)
        return true;
    cJSON *list = cJSON_AddArrayToObject(top, "rows");
    bool good = list;
    for (uint32_t i = 0; good && i < f->checkpoint->table_count; i++) {
        const struct vs_row_stats *s = &f->row_stats[i];
        cJSON *o = append(list);
        good = o && add_text(o, "tensor", f->checkpoint->tensors[f->checkpoint->tables[i].tensor].name) &&
               add_number(o, "nan", (double)s->nan_rows) && add_number(o, "inf", (double)s->inf_rows) &&
               add_number(o, "zero", (double)s->zero_rows) && add_number(o, "norm_p1", s->norm_p1) && add_number(o, "norm_median", s->norm_median) &&
               add_number(o, "norm_p99", s->norm_p99);
    }
    return good;
}

static bool add_tied(cJSON *top, const struct vs_facts *f)
{
    const struct vs_checkpoint *c = f->checkpoint;
    if (!c || !vs_checkpoint_table(c, VS_ROLE_INPUT))
        return add(top, "tied", cJSON_CreateNull());
    cJSON *o = cJSON_AddObjectToObject(top, "tied");
    return o && add(o, "declared", c->config.tie == VS_TIE_UNKNOWN ? cJSON_CreateNull() : cJSON_CreateBool(c->config.tie == VS_TIE_TRUE)) &&
           add(o, "stored", f->tied_stored < 0 ? cJSON_CreateNull() : cJSON_CreateBool(f->tied_stored));
}

static bool add_special_ids(cJSON *top, const struct vs_facts *f)
{
    const struct vs_checkpoint *c = f->checkpoint;
    const struct vs_tokenizer *t = f->tokenizer;
    cJSON *list = cJSON_AddArrayToObject(top, "special_ids");
    bool good = list;
    for (size_t i = 0; good && c && i < c->config.special_id_count; i++) {
        const struct vs_config_int *s = &c->config.special_ids[i];
        if (t && s->token.n)
            continue; /* named by its text: the tokenizer has it below, with the id */
        struct vs_str token = s->token.n ? s->token : (struct vs_str){NULL, 0};
        if (t && s->value >= 0 && s->value < VS_NO_ID)
            token = vs_token_text(t, (uint32_t)s->value);
        cJSON *o = append(list);
        good = o && add_text(o, "file", vs_cstr(s->file)) && add_text(o, "at", vs_cstr(s->at)) && add_text(o, "name", s->name) &&
               (s->token.n ? add(o, "id", cJSON_CreateNull()) : add_number(o, "id", (double)s->value)) && add_text(o, "token", token);
    }
    for (uint32_t i = 0; good && t && i < t->named_count; i++) {
        const struct vs_named_token *n = &t->named[i];
        cJSON *o = append(list);
        good = o && add_text(o, "file", vs_cstr(n->file)) && add_text(o, "at", vs_cstr(n->at)) && add_text(o, "name", n->name) &&
               add_id(o, "id", n->effective != VS_NO_ID ? n->effective : n->declared) &&
               add_text(o, "token", n->token.n ? n->token : (struct vs_str){NULL, 0});
    }
    return good;
}

static bool add_blocks(cJSON *top, const struct vs_facts *f)
{
    cJSON *list = cJSON_AddArrayToObject(top, "blocks");
    bool good = list;
    for (uint32_t i = 0; good && i < f->block_count; i++) {
        cJSON *o = append(list);
        good = o && add_text(o, "name", vs_cstr(f->blocks[i].name)) && add_number(o, "begin", (double)f->blocks[i].begin) &&
               add_number(o, "end", (double)f->blocks[i].end) && add_text(o, "basis", vs_cstr(f->blocks[i].basis));
    }
    return good;
}

static bool add_surplus(cJSON *top, const struct vs_facts *f)
{
    if (f->surplus == VS_SURPLUS_UNKNOWN)
        return add(top, "surplus", cJSON_CreateNull());
    cJSON *o = cJSON_AddObjectToObject(top, "surplus");
    return o && add_number(o, "rows", (double)f->surplus_rows) && add_text(o, "class", vs_cstr(vs_surplus_name(f->surplus)));
}

cJSON *vs_facts_to_json(const struct vs_facts *f)
{
    cJSON *top = cJSON_CreateObject();
    bool good = top && add_text(top, "schema", VS_LIT("vocabsurgeon/facts/1")) && add_text(top, "path", vs_cstr(f->path)) &&
                add_tokenizer(top, f->tokenizer) && add_config(top, f->checkpoint) && add_tables(top, f->checkpoint) && add_tied(top, f) &&
                add_special_ids(top, f) && add_blocks(top, f) && add_surplus(top, f) && add_row_stats(top, f);
    if (good)
        return top;
    cJSON_Delete(top);
    return NULL;
}

enum vs_code vs_facts_json(const struct vs_facts *f, struct vs_buf *out, struct vs_err *err)
{
    cJSON *top = vs_facts_to_json(f);
    char *line = top ? cJSON_PrintUnformatted(top) : NULL;
    if (line) {
        vs_buf_puts(out, line);
        vs_buf_puts(out, "\n");
    }
    bool failed = !line || out->failed;
    cJSON_free(line);
    cJSON_Delete(top);
    return failed ? vs_enomem(err, "the report", out->n) : VS_OK;
}
