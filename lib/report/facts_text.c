/* SPDX-License-Identifier: Apache-2.0
 *
 * vocab-inspect for people: one screen, the answer first.
 */
#include <stdio.h>
#include <string.h>
#include "base/io.h"
#include "report/report.h"

typedef unsigned long long ull;

#define LABEL "%-10s "

struct out {
    const struct vs_facts *f;
    const struct vs_look *look;
    struct vs_buf *b;
};

static const char *once(const char **label)
{
    const char *now = *label;
    *label = "";
    return now;
}

/* ---- head line ---- */

static void put_head(const struct out *o)
{
    const struct vs_checkpoint *c = o->f->checkpoint;
    uint64_t bytes = 0;
    vs_buf_printf(o->b, "%s", vs_color_on(o->look, VS_BOLD));
    vs_buf_escaped(o->b, vs_cstr(o->f->path));
    vs_buf_printf(o->b, "%s", vs_color_off(o->look));
    if (c && c->config.model_type.n) {
        vs_buf_puts(o->b, "   ");
        vs_buf_escaped(o->b, c->config.model_type);
    }
    for (uint32_t i = 0; c && i < c->file_count; i++)
        bytes += c->files[i].size;
    if (c && c->file_count) {
        vs_buf_printf(o->b, "   %s, %u file%s, ", c->gguf ? "GGUF" : "safetensors", c->file_count, c->file_count == 1 ? "" : "s");
        vs_put_bytes(o->b, bytes);
    } else {
        vs_buf_puts(o->b, c ? "   no weights" : "   tokenizer alone");
    }
    const char *read = o->f->row_stats ? "rows were read" : !c || !c->file_count ? "tokenizer and configs only" :
                       !o->f->tokenizer ? "headers only" : "headers and tokenizer only";
    vs_buf_printf(o->b, "   (%s, %.0f ms)\n\n", read, o->f->seconds * 1e3);
}

/* ---- tokenizer ---- */

static const char *kind_name(const struct vs_tokenizer *t)
{
    switch (t->kind) {
    case VS_TOK_UNIGRAM: return "Unigram";
    case VS_TOK_WORDPIECE: return "WordPiece";
    case VS_TOK_WORDLEVEL: return "WordLevel";
    default: return t->alphabet == VS_ALPHA_BYTE ? "byte-level BPE" : "character-level BPE";
    }
}

static void put_moved(const struct out *o)
{
    const struct vs_tokenizer *t = o->f->tokenizer;
    if (!t->moved_count) {
        vs_buf_printf(o->b, LABEL "ids as declared are the ids that run\n", "");
        return;
    }
    vs_buf_printf(o->b, LABEL "%u token%s under another id than declared:\n", "", t->moved_count, t->moved_count == 1 ? " runs" : "s run");
    uint32_t shown = o->look->verbose || t->moved_count <= 6 ? t->moved_count : 5;
    for (uint32_t i = 0; i < shown; i++) {
        const struct vs_added *a = &t->added[t->moved[i]];
        vs_buf_printf(o->b, LABEL "  ", "");
        vs_buf_escaped(o->b, a->content);
        if (a->declared == VS_NO_ID)
            vs_buf_printf(o->b, "  runs as %u, declared without an id\n", a->effective);
        else
            vs_buf_printf(o->b, "  runs as %u, declared %u\n", a->effective, a->declared);
    }
    if (shown < t->moved_count)
        vs_buf_printf(o->b, LABEL "  and %u more (-v shows all)\n", "", t->moved_count - shown);
}

/* Tokens of the vocabulary that the added ones do not list as well: what a person calls text. */
static uint32_t own_count(const struct vs_tokenizer *t)
{
    uint32_t listed = 0;
    for (uint32_t i = 0; i < t->added_count; i++)
        listed += t->added[i].in_model && vs_token_is_added(t, t->added[i].effective, NULL);
    return t->base_count > listed ? t->base_count - listed : 0;
}

static void put_tokenizer(const struct out *o)
{
    const struct vs_tokenizer *t = o->f->tokenizer;
    if (!t) {
        vs_buf_printf(o->b, LABEL "absent\n", "tokenizer");
        return;
    }
    const uint32_t own = own_count(t);
    const bool one_list = o->f->checkpoint && o->f->checkpoint->gguf; /* of a GGUF file: ids are positions in it */
    vs_buf_printf(o->b, LABEL "%s: %u%s", "tokenizer", kind_name(t), own, one_list ? "" : " base");
    if (t->len > own)
        vs_buf_printf(o->b, " + %u added = %u tokens", t->len - own, t->len);
    else
        vs_buf_puts(o->b, " tokens");
    if (t->rows_needed)
        vs_buf_printf(o->b, ", highest id %u", t->max_id);
    uint64_t missing = 0;
    for (uint32_t i = 0; i < t->hole_count; i++)
        missing += t->holes[i].end - t->holes[i].begin;
    if (missing)
        vs_buf_printf(o->b, ", %llu id%s without a token, the first %u\n", (ull)missing, missing == 1 ? "" : "s", t->holes[0].begin);
    else
        vs_buf_puts(o->b, ", no holes\n");
    if (!one_list)
        put_moved(o);
}

/* ---- tables ---- */

static void put_stats(const struct out *o, uint32_t i)
{
    const struct vs_row_stats *s = &o->f->row_stats[i];
    vs_buf_printf(o->b, LABEL "       norm %.3g (1 %%), %.3g (median), %.3g (99 %%); %llu zero, %llu NaN, %llu Inf rows\n", "", s->norm_p1,
                  s->norm_median, s->norm_p99, (ull)s->zero_rows, (ull)s->nan_rows, (ull)s->inf_rows);
}

static void put_tied(const struct out *o, const char **label)
{
    const struct vs_checkpoint *c = o->f->checkpoint;
    bool head = vs_checkpoint_table(c, VS_ROLE_HEAD);
    if (!vs_checkpoint_table(c, VS_ROLE_INPUT))
        return;
    if (!head && c->config.tie == VS_TIE_TRUE)
        vs_buf_printf(o->b, LABEL "head   tied to the input (config says so, no second table is stored)\n", once(label));
    else if (!head && c->config.tie == VS_TIE_UNKNOWN && c->config.tie_default == VS_TIE_TRUE)
        vs_buf_printf(o->b, LABEL "head   tied to the input, the default of its class (no second table is stored)\n", once(label));
    else if (!head && c->config.tie == VS_TIE_FALSE)
        vs_buf_printf(o->b, LABEL "head   absent, though the config says that it is not tied\n", once(label));
    else if (!head && c->gguf)
        vs_buf_printf(o->b, LABEL "head   tied to the input (a GGUF file without output.weight says so)\n", once(label));
    else if (!head)
        vs_buf_printf(o->b, LABEL "head   none is stored; the config does not say that it is tied\n", once(label));
    else if (c->config.tie == VS_TIE_TRUE)
        vs_buf_printf(o->b, LABEL "       config says the head is tied; %s\n", once(label), o->f->tied_stored < 0 ?
                      "the stored copy was not compared (--rows does)" : o->f->tied_stored ? "the stored copy is equal" : "the stored copy differs");
}

/* "151936 x 896"; how wide it is. */
static int put_shape(struct vs_buf *b, const struct vs_table *t, const struct vs_tensor *x)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%llu", (ull)t->rows);
    if (x->ndim > 1)
        n += snprintf(text + n, sizeof text - (size_t)n, " x %llu", (ull)t->cols);
    if (b)
        vs_buf_puts(b, text);
    return n;
}

static void put_tables(const struct out *o)
{
    const struct vs_checkpoint *c = o->f->checkpoint;
    const char *label = "tables";
    size_t widest = 0;
    int shape = 0;
    if (!c || !c->file_count)
        return;
    for (uint32_t i = 0; i < c->table_count; i++) {
        int width = put_shape(NULL, &c->tables[i], &c->tensors[c->tables[i].tensor]);
        widest = c->tensors[c->tables[i].tensor].name.n > widest ? c->tensors[c->tables[i].tensor].name.n : widest;
        shape = width > shape ? width : shape;
    }
    for (uint32_t i = 0; i < c->table_count; i++) {
        const struct vs_table *t = &c->tables[i];
        const struct vs_tensor *x = &c->tensors[t->tensor];
        vs_buf_printf(o->b, LABEL "%-6s ", once(&label), t->suspect ? "?" : vs_role_name(t->role));
        vs_buf_escaped(o->b, x->name);
        vs_buf_printf(o->b, "%*s", (int)(widest - x->name.n + 3), "");
        vs_buf_printf(o->b, "%*s  %s", shape - put_shape(o->b, t, x), "", vs_dtype_name(x->dtype));
        if (c->file_count > 1)
            vs_buf_printf(o->b, "   %s", c->files[x->file].name);
        vs_buf_puts(o->b, t->suspect ? "   as long as the vocabulary, of an unknown kind\n" : "\n");
        if (o->f->row_stats)
            put_stats(o, i);
    }
    if (c->gguf && !c->tensor_count)
        vs_buf_printf(o->b, LABEL "none: a vocabulary without tensors\n", once(&label));
    else if (!c->table_count)
        vs_buf_printf(o->b, LABEL "none that is known by name among %llu tensors\n", once(&label), (ull)c->tensor_count);
    put_tied(o, &label);
}

/* ---- config and special ids ---- */

static void put_config(const struct out *o)
{
    const struct vs_checkpoint *c = o->f->checkpoint;
    const char *label = "config";
    if (!c)
        return;
    if (!c->has_config)
        vs_buf_printf(o->b, LABEL "absent\n", once(&label));
    if (c->gguf && !c->config.vocab_size_count)
        vs_buf_printf(o->b, LABEL "no vocabulary size: the list of tokens is the size\n", once(&label));
    int name = 0, value = 0;
    for (size_t i = 0; i < c->config.vocab_size_count; i++) {
        const struct vs_config_int *v = &c->config.vocab_sizes[i];
        int width = snprintf(NULL, 0, "%lld", (long long)v->value);
        name = (int)v->name.n > name ? (int)v->name.n : name;
        value = width > value ? width : value;
    }
    for (size_t i = 0; i < c->config.vocab_size_count; i++) {
        const struct vs_config_int *v = &c->config.vocab_sizes[i];
        vs_buf_printf(o->b, LABEL "%-*.*s %-*lld   %s", once(&label), name, VS_STR(v->name), value, (long long)v->value, v->file);
        if (c->gguf || strchr(v->at + 1, '/')) {
            vs_buf_puts(o->b, " ");
            vs_put_text(o->b, v->at);
        }
        vs_buf_puts(o->b, "\n");
    }
    if (c->has_config && !c->gguf && !c->config.vocab_size_count)
        vs_buf_printf(o->b, LABEL "no vocabulary size\n", once(&label));
}

/* Names and ids in front of the file: columns as wide as the widest of what is shown, within reason. */
struct columns { size_t name, ids; };
#define NAME_MAX_WIDTH 30
#define IDS_MAX_WIDTH 48

static size_t characters(const struct vs_buf *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++)
        n += ((unsigned char)b->p[i] & 0xc0) != 0x80;
    return n;
}

static void widen(size_t *column, size_t width, size_t most)
{
    if (width <= most && width > *column)
        *column = width;
}

/* A key with its ids on one line; a list of many (suppress_tokens) is cut. Without a label it is only measured. */
static void put_ids(const struct out *o, const char **label, struct columns *columns, const struct vs_config_int *ids, size_t count)
{
    struct vs_buf line = {0};
    size_t shown = o->look->verbose || count <= 4 ? count : 3;
    struct vs_str name = ids->name;
    static const char *const endings[] = {"_token_id", "_token_ids", "_token_index", "_token"};
    for (size_t k = 0; k < 4; k++)
        if (vs_str_ends(name, vs_cstr(endings[k])) && name.n > strlen(endings[k])) {
            name.n -= strlen(endings[k]);
            break;
        }
    char shown_name[128];
    name = vs_cstr(vs_escape(shown_name, sizeof shown_name, name));
    for (size_t i = 0; i < shown; i++) {
        uint32_t id = ids[i].value >= 0 && ids[i].value < VS_NO_ID ? (uint32_t)ids[i].value : VS_NO_ID;
        struct vs_str token = o->f->tokenizer && id != VS_NO_ID ? vs_token_text(o->f->tokenizer, id) : ids[i].token;
        vs_buf_puts(&line, i ? ", " : "");
        vs_put_id(&line, ids[i].value, token.p ? token : ids[i].token);
    }
    if (shown < count)
        vs_buf_printf(&line, " and %zu more", count - shown);
    size_t width = characters(&line);
    if (label) {
        vs_buf_printf(o->b, LABEL "%-*.*s ", once(label), (int)columns->name, (int)name.n, name.p);
        vs_buf_add(o->b, line.p, line.n);
        vs_buf_printf(o->b, "%*s%s\n", (int)(width < columns->ids ? columns->ids - width : 0) + 3, "", ids->file);
    } else {
        widen(&columns->name, name.n, NAME_MAX_WIDTH);
        widen(&columns->ids, width, IDS_MAX_WIDTH);
    }
    o->b->failed |= line.failed;
    vs_buf_free(&line);
}

static bool same_key(const struct vs_config_int *a, const struct vs_config_int *b)
{
    return strcmp(a->file, b->file) == 0 && vs_str_eq(a->name, b->name);
}

/* Once to measure, with label NULL, and once to write. */
static void special_lines(const struct out *o, const char **label, struct columns *columns)
{
    const struct vs_checkpoint *c = o->f->checkpoint;
    const struct vs_tokenizer *t = o->f->tokenizer;
    size_t count = c ? c->config.special_id_count : 0;
    for (size_t i = 0, n; i < count; i += n) {
        const struct vs_config_int *ids = c->config.special_ids + i;
        n = 1;
        if (t && ids->token.n) /* named by its text: the tokenizer knows the id */
            continue;
        while (i + n < count && same_key(ids, ids + n))
            n++;
        put_ids(o, label, columns, ids, n);
    }
    for (uint32_t i = 0; t && i < t->named_count; i++) {
        const struct vs_named_token *n = &t->named[i];
        bool main_file = strcmp(n->file, "tokenizer_config.json") == 0 && vs_str_ends(n->name, VS_LIT("_token"));
        if (!main_file && !o->look->verbose)
            continue;
        struct vs_config_int id = {.file = n->file, .name = n->name, .token = n->token,
                                   .value = n->effective == VS_NO_ID ? -1 : (int64_t)n->effective};
        put_ids(o, label, columns, &id, 1);
    }
}

static void put_special(const struct out *o)
{
    struct columns columns = {0, 0};
    const char *label = "special";
    special_lines(o, NULL, &columns);
    special_lines(o, &label, &columns);
}

/* ---- the id space ---- */

#define RUNS_MAX 5 /* of text and added tokens that a line has room for */

/* Tokens in [begin, end): holes are none. */
static uint64_t tokens_in(const struct vs_tokenizer *t, uint64_t begin, uint64_t end)
{
    uint64_t n = 0;
    for (uint64_t id = begin; id < end && id < t->rows_needed; id++)
        n += vs_token_text(t, (uint32_t)id).p != NULL;
    return n;
}

/* Runs of text and of added tokens below end, where they are few; a hole belongs to what stands before it. 0: too many runs. */
static uint32_t runs_of(const struct vs_tokenizer *t, uint64_t end, struct vs_stretch *s)
{
    uint32_t n = 0;
    for (uint64_t id = 0; id < end; id++) {
        bool hole = !vs_token_text(t, (uint32_t)id).p, added = !hole && vs_token_is_added(t, (uint32_t)id, NULL);
        if (n && (hole || (s[n - 1].color == VS_GREEN) == added)) {
            s[n - 1].end = id + 1;
            continue;
        }
        if (n == RUNS_MAX)
            return 0;
        s[n++] = (struct vs_stretch){added ? "added" : "text", id, id + 1, added ? VS_GREEN : VS_CYAN, 0};
    }
    return n;
}

static uint32_t text_and_added(const struct vs_tokenizer *t, uint64_t end, struct vs_stretch *s)
{
    uint64_t text = t->max_base_id == VS_NO_ID ? 0 : (uint64_t)t->max_base_id + 1;
    uint32_t n = runs_of(t, end, s);
    text = text < end ? text : end;
    if (!n && text)
        s[n++] = (struct vs_stretch){"text", 0, text, VS_CYAN, 0};
    if (n < 2 && end > text && (!n || s[0].end < end))
        s[n++] = (struct vs_stretch){"added", text, end, VS_GREEN, 0};
    for (uint32_t i = 0; i < n; i++)
        s[i].count = tokens_in(t, s[i].begin, s[i].end);
    return n;
}

static uint32_t stretches_of(const struct vs_facts *f, struct vs_stretch *s)
{
    const struct vs_table *input = f->checkpoint ? vs_checkpoint_table(f->checkpoint, VS_ROLE_INPUT) : NULL;
    const struct vs_tokenizer *t = f->tokenizer;
    uint64_t rows = input ? input->rows : t ? t->rows_needed : 0, end = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < f->block_count && n < 12 && f->blocks[i].begin < rows; i++) {
        end = f->blocks[i].end < rows ? f->blocks[i].end : rows;
        s[n++] = (struct vs_stretch){f->blocks[i].name, f->blocks[i].begin, end, VS_CYAN, end - f->blocks[i].begin};
    }
    if (n == 0 && t && t->rows_needed) {
        end = t->rows_needed < rows ? t->rows_needed : rows;
        n = text_and_added(t, end, s);
    }
    const uint64_t needed = t && rows ? t->rows_needed : 0, full = input ? vs_checkpoint_rows(f->checkpoint, input) : rows;
    const uint64_t apart = needed < full ? needed : full;
    if (apart > rows)
        s[n++] = (struct vs_stretch){"apart", rows, apart, VS_GREEN, tokens_in(t, rows, apart)};
    if (needed > full)
        s[n++] = (struct vs_stretch){"without a row", full, needed, VS_RED, tokens_in(t, full, needed)};
    else if (rows > end)
        s[n++] = (struct vs_stretch){t ? "spare" : "rows", end, rows, VS_PLAIN, rows - end};
    return n;
}

/* "50257, 50299": tokens that no row is there for. */
static void put_over(const struct out *o, ull rows, ull needed)
{
    const struct vs_tokenizer *t = o->f->tokenizer;
    ull count = tokens_in(t, rows, needed), shown = 0;
    vs_buf_printf(o->b, LABEL "%s%llu token%s no row: ", "surplus", vs_color_on(o->look, VS_RED), count, count == 1 ? " has" : "s have");
    for (ull id = rows, end; id < needed && shown < 5; id = end) {
        end = id + 1;
        if (!vs_token_text(t, (uint32_t)id).p)
            continue;
        while (end < needed && vs_token_text(t, (uint32_t)end).p)
            end++;
        vs_buf_printf(o->b, shown++ ? ", %llu" : "%llu", id);
        if (end > id + 1)
            vs_buf_printf(o->b, " .. %llu", end - 1);
        count -= end - id;
    }
    if (count)
        vs_buf_printf(o->b, " and %llu more", count);
    vs_buf_printf(o->b, "%s\n", vs_color_off(o->look));
}

static void put_surplus(const struct out *o)
{
    const struct vs_facts *f = o->f;
    if (f->surplus == VS_SURPLUS_UNKNOWN)
        return;
    ull needed = f->tokenizer->rows_needed, rows = (ull)((int64_t)needed + f->surplus_rows);
    const struct vs_table *input = vs_checkpoint_table(f->checkpoint, VS_ROLE_INPUT);
    const ull full = input ? vs_checkpoint_rows(f->checkpoint, input) : rows;
    if (f->surplus == VS_SURPLUS_OVER && needed > full)
        put_over(o, full, needed);
    else if (f->surplus == VS_SURPLUS_OVER)
        vs_buf_printf(o->b, LABEL "none: ids from %llu on have rows in a table apart\n", "surplus", rows);
    else if (f->surplus == VS_SURPLUS_EQUAL)
        vs_buf_printf(o->b, LABEL "none: as many rows as ids\n", "surplus");
    else {
        vs_buf_printf(o->b, LABEL "%lld row%s without a token (%s", "surplus", (long long)f->surplus_rows, f->surplus_rows == 1 ? "" : "s",
                      vs_surplus_name(f->surplus));
        if (f->surplus == VS_SURPLUS_ALIGN)
            vs_buf_printf(o->b, ": to a multiple of %u", f->align_multiple);
        vs_buf_printf(o->b, "): %llu .. %llu\n", needed, rows - 1);
    }
}

/* Rows that the head has fewer than the input table. */
static uint64_t head_lacks(const struct vs_facts *f)
{
    const struct vs_table *input = vs_checkpoint_table(f->checkpoint, VS_ROLE_INPUT), *head = vs_checkpoint_table(f->checkpoint, VS_ROLE_HEAD);
    return input && head && !head->suspect && head->rows < input->rows ? input->rows - head->rows : 0;
}

static void put_room(const struct out *o)
{
    const struct vs_facts *f = o->f;
    if (f->surplus == VS_SURPLUS_UNKNOWN)
        return;
    ull lacks = head_lacks(f);
    if (lacks) {
        vs_buf_printf(o->b, "\n%sthe head has %llu row%s fewer than the input table%s: vocab-check says more\n", vs_color_on(o->look, VS_RED), lacks,
                      lacks == 1 ? "" : "s", vs_color_off(o->look));
        return;
    }
    if (f->block_count > 1)
        vs_buf_puts(o->b, "\nno room: new text ids are inserted before the next block, and the blocks move (offset-patch, embed-extend)\n");
    else if (f->surplus_rows > 0)
        vs_buf_printf(o->b, "\nroom for %lld more token%s before the table must grow\n", (long long)f->surplus_rows, f->surplus_rows == 1 ? "" : "s");
    else
        vs_buf_printf(o->b, "\n%s\n", f->surplus_rows == 0 ? "no room: the next token makes the table grow" : "vocab-check says more");
}

static void put_note(const struct out *o, const char **label, const char *text)
{
    vs_buf_printf(o->b, LABEL, once(label));
    vs_put_text(o->b, text);
    vs_buf_puts(o->b, "\n");
}

enum vs_code vs_facts_text(const struct vs_facts *f, const struct vs_look *look, struct vs_buf *b, struct vs_err *err)
{
    struct out o = {f, look, b};
    struct vs_stretch s[STRETCHES_MAX];
    put_head(&o);
    put_tokenizer(&o);
    put_tables(&o);
    put_config(&o);
    put_special(&o);
    put_surplus(&o);
    uint32_t n = stretches_of(f, s);
    if (n)
        vs_buf_puts(b, "\n");
    vs_put_idstrip(b, s, n, look);
    put_room(&o);
    const struct vs_checkpoint *c = f->checkpoint;
    const char *label = "\nnote";
    for (size_t i = 0; c && i < c->finding_count; i++)
        put_note(&o, &label, c->findings[i]);
    for (uint32_t i = 0; f->tokenizer && i < f->tokenizer->finding_count; i++)
        put_note(&o, &label, f->tokenizer->findings[i]);
    return b->failed ? vs_enomem(err, "the report", b->n) : VS_OK;
}
