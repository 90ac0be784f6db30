/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensors that nobody named and that have an axis as long as the vocabulary: perhaps a table of a new family, and then
 * a grown model would be broken without it.
 *
 * An equal length alone is no evidence in small models, where a hidden size, a feed-forward size or a number of
 * positions may equal the vocabulary. So two cases are left out:
 *   - a length that is also the width of an input table or the config's hidden size: it tells nothing;
 *   - tensors inside of a numbered layer (layers.3.mlp ...), unless their own name speaks of a vocabulary (emb, head,
 *     logit ...): what a model repeats in every layer is not its vocabulary.
 * Position and type tables are named in schemas/families with the role "none" and do not come here.
 */
#include <string.h>
#include "model/data.h"
#include "model/model_impl.h"

#define LENGTHS_MAX 16

struct lengths { uint64_t v[LENGTHS_MAX]; unsigned count; };

static bool contains(const struct lengths *l, uint64_t n)
{
    for (unsigned i = 0; i < l->count; i++)
        if (l->v[i] == n)
            return true;
    return false;
}

static void add_length(struct lengths *l, uint64_t n)
{
    if (n > 1 && l->count < LENGTHS_MAX && !contains(l, n))
        l->v[l->count++] = n;
}

static void collect_lengths(const struct vs_checkpoint *c, struct lengths *vocab, struct lengths *width)
{
    for (uint32_t i = 0; i < c->table_count; i++) {
        const struct vs_table *t = &c->tables[i];
        if (t->role == VS_ROLE_INPUT)
            add_length(width, t->cols);
        if (t->role == VS_ROLE_INPUT || t->role == VS_ROLE_HEAD || t->role == VS_ROLE_PLE)
            add_length(vocab, t->rows);
    }
    if (c->config.text_vocab >= 0)
        add_length(vocab, (uint64_t)c->config.vocab_sizes[c->config.text_vocab].value);
    if (c->config.hidden_size > 0)
        add_length(width, (uint64_t)c->config.hidden_size);
}

static bool all_digits(struct vs_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    return s.n > 0;
}

static bool word_of(const struct vs_checkpoint *c, const char *list, struct vs_str s, bool inside)
{
    const struct vs_jval *v = vs_jget(c->impl->keys.root, list);
    for (v = v ? v->child : NULL; v; v = v->next)
        if (inside ? memmem(s.p, s.n, v->str.p, v->str.n) != NULL : vs_str_eq(s, v->str))
            return true;
    return false;
}

/* The part of a name behind "layers.N."; empty when there is no such part. */
static struct vs_str behind_layer(const struct vs_checkpoint *c, struct vs_str name)
{
    struct vs_str before = {NULL, 0};
    for (size_t begin = 0; begin < name.n;) {
        const char *dot = memchr(name.p + begin, '.', name.n - begin);
        size_t end = dot ? (size_t)(dot - name.p) : name.n;
        struct vs_str part = {name.p + begin, end - begin};
        if (dot && all_digits(part) && word_of(c, "layer_words", before, false))
            return (struct vs_str){dot + 1, name.n - end - 1};
        before = part;
        begin = end + 1;
    }
    return (struct vs_str){NULL, 0};
}

static bool left_out(const struct vs_checkpoint *c, struct vs_str name)
{
    struct vs_str own = behind_layer(c, name);
    return own.n && !word_of(c, "vocabulary_words", own, true);
}

enum vs_code vs_ckpt_add_suspects(struct vs_checkpoint *c, const bool *known, struct vs_err *err)
{
    struct lengths vocab = {.count = 0}, width = {.count = 0};
    enum vs_code code = VS_OK;
    collect_lengths(c, &vocab, &width);
    for (uint64_t i = 0; i < c->tensor_count && !code; i++) {
        const struct vs_tensor *t = &c->tensors[i];
        uint32_t axis = 0;
        while (axis < t->ndim && (!contains(&vocab, t->shape[axis]) || contains(&width, t->shape[axis])))
            axis++;
        if (known[i] || axis == t->ndim || left_out(c, t->name))
            continue;
        struct vs_table table = {.tensor = (uint32_t)i, .role = VS_ROLE_OTHER, .axis = axis, .rows = t->shape[axis], .cols = 1, .suspect = true};
        for (uint32_t k = 0; k < t->ndim; k++)
            if (k != axis)
                table.cols *= t->shape[k];
        code = vs_ckpt_add_table(c, &table, err);
    }
    return code;
}

const struct vs_tensor *vs_checkpoint_apart(const struct vs_checkpoint *c)
{
    for (uint64_t i = 0; i < c->tensor_count; i++)
        if (c->tensors[i].ndim == 2 && vs_keys_match(c, "apart_tables", c->tensors[i].name))
            return &c->tensors[i];
    return NULL;
}

uint64_t vs_checkpoint_rows(const struct vs_checkpoint *c, const struct vs_table *input)
{
    const struct vs_tensor *apart = vs_checkpoint_apart(c);
    return input->rows + (apart && apart->shape[0] <= UINT32_MAX ? apart->shape[0] : 0);
}
