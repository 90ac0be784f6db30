/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts of one path: the checkpoint, the tokenizer, and what follows from the two.
 */
#include <string.h>
#include "base/run.h"
#include "base/str.h"
#include "check/facts.h"
#include "plan/offsets.h"
#include "tokenizer/load_gguf.h"

static bool ends_with(const char *path, const char *suffix)
{
    return vs_str_ends(vs_cstr(path), vs_cstr(suffix));
}

/* ---- what is at the path ---- */

/* A directory without tokenizer.json has no tokenizer, unless it has one of a kind that is not read: then that is said. A
 * directory with neither model nor tokenizer is for the model's room to complain about. */
static enum vs_code open_tokenizer(struct vs_facts *f, bool repeats, const struct vs_run *run, struct vs_err *err)
{
    const struct vs_tokenizer_options options = {.lenient = true, .repeats = repeats, .ids_only = true, .cancel = run->cancel};
    bool dir = vs_path_is_dir(f->path);
    if (!dir && !ends_with(f->path, ".json"))
        return VS_OK;
    if (!dir || vs_tokenizer_present(f->path))
        return vs_tokenizer_open(f->path, &options, &f->tokenizer, err);
    struct vs_err other;
    enum vs_code code = vs_tokenizer_open(f->path, &options, &f->tokenizer, &other);
    if (code == VS_OK || code == VS_EFORMAT)
        return VS_OK;
    *err = other;
    return code;
}

/* The keys of the file hold the vocabulary. */
static enum vs_code open_vocabulary(struct vs_facts *f, const struct vs_run *run, struct vs_err *err)
{
    const struct vs_gguf *g = f->checkpoint->gguf;
    return vs_gguf_has_vocab(g) ? vs_tokenizer_from_gguf(g, run->cancel, &f->tokenizer, err) : VS_OK;
}

static void measure(struct vs_facts *f)
{
    const struct vs_table *input = f->checkpoint ? vs_checkpoint_table(f->checkpoint, VS_ROLE_INPUT) : NULL;
    if (!input)
        return;
    f->tied_stored = vs_checkpoint_table(f->checkpoint, VS_ROLE_HEAD) ? -1 : 1;
    if (!f->tokenizer)
        return;
    f->surplus_rows = (int64_t)input->rows - (int64_t)f->tokenizer->rows_needed;
    f->surplus = vs_surplus_class(input->rows, f->tokenizer->rows_needed, &f->align_multiple);
}

/* ---- with --rows ---- */

struct stats { struct vs_dev *dev; struct vs_row_stats *out; struct vs_k_row *rows; uint64_t room; double *norms; uint64_t at; };

static enum vs_code visit_stats(void *user, const struct vs_rows *window, struct vs_err *err)
{
    struct stats *s = user;
    if (window->count > s->room) {
        struct vs_k_row *rows = vs_realloc_array(s->rows, window->count, sizeof *rows);
        if (!rows)
            return vs_enomem(err, "row statistics", 0);
        s->rows = rows;
        s->room = window->count;
    }
    enum vs_code code = vs_k_row_stats(s->dev, window, s->rows, err);
    for (uint64_t i = 0; !code && i < window->count; i++) {
        const struct vs_k_row *r = &s->rows[i];
        if (r->nan + r->inf && !(s->out->nan_rows + s->out->inf_rows))
            s->out->first_bad_row = s->at;
        s->out->nan_rows += r->nan > 0;
        s->out->inf_rows += r->inf > 0;
        s->out->zero_rows += r->nan + r->inf == 0 && !(r->max_abs > 0);
        s->norms[s->at++] = __builtin_sqrt(r->sum_squares);
    }
    return code;
}

static enum vs_code table_stats(struct vs_facts *f, uint32_t i, struct vs_dev *dev, const struct vs_run *run, struct vs_err *err)
{
    const struct vs_table *t = &f->checkpoint->tables[i];
    struct stats s = {.dev = dev, .out = &f->row_stats[i]};
    if (!vs_rows_readable(f->checkpoint, t) || t->rows == 0)
        return VS_OK;
    s.norms = vs_calloc(t->rows, sizeof *s.norms);
    enum vs_code code = s.norms ? vs_scan_rows(f->checkpoint, t, 0, t->rows, run, "rows", NULL, visit_stats, &s, err)
                                : vs_enomem(err, "row norms", 0);
    if (!code) {
        vs_sort_values(s.norms, t->rows);
        s.out->norm_p1 = s.norms[t->rows / 100];
        s.out->norm_median = s.norms[t->rows / 2];
        s.out->norm_p99 = s.norms[t->rows - 1 - t->rows / 100];
    }
    vs_free(s.norms);
    vs_free(s.rows);
    return code;
}

struct same { const struct vs_checkpoint *c; const struct vs_table *head; struct vs_file file; void *buffer; uint64_t room; bool equal; };

static enum vs_code visit_same(void *user, const struct vs_rows *w, struct vs_err *err)
{
    struct same *s = user;
    const struct vs_tensor *t = &s->c->tensors[s->head->tensor];
    uint64_t row_bytes = vs_row_bytes(s->c, s->head), n = w->count * row_bytes;
    if (n > s->room) {
        void *buffer = vs_realloc_array(s->buffer, n, 1);
        if (!buffer)
            return vs_enomem(err, "a window of rows", n);
        s->buffer = buffer;
        s->room = n;
    }
    enum vs_code code = vs_file_pread(&s->file, t->begin + w->first * row_bytes, s->buffer, n, err);
    s->equal = s->equal && !code && memcmp(s->buffer, w->data, n) == 0;
    return code;
}

static enum vs_code compare_head(struct vs_facts *f, const struct vs_run *run, struct vs_err *err)
{
    const struct vs_checkpoint *c = f->checkpoint;
    const struct vs_table *input = vs_checkpoint_table(c, VS_ROLE_INPUT), *head = vs_checkpoint_table(c, VS_ROLE_HEAD);
    if (!input || !head)
        return VS_OK;
    const struct vs_tensor *a = &c->tensors[input->tensor], *b = &c->tensors[head->tensor];
    f->tied_stored = 0;
    if (a->dtype != b->dtype || input->rows != head->rows || input->cols != head->cols || !vs_rows_readable(c, input) || head->axis)
        return VS_OK;
    struct same s = {.c = c, .head = head, .file = {.fd = -1}, .equal = true};
    enum vs_code code = vs_file_open(c->files[b->file].path, &s.file, err);
    if (!code)
        code = vs_scan_stored(c, input, 0, input->rows, run, "head", visit_same, &s, err);
    vs_file_close(&s.file);
    vs_free(s.buffer);
    f->tied_stored = s.equal;
    return code;
}

static enum vs_code read_rows(struct vs_facts *f, const struct vs_run *run, struct vs_err *err)
{
    struct vs_dev *dev = NULL;
    f->row_stats = vs_arena_array(&f->impl->arena, f->checkpoint->table_count + 1u, sizeof *f->row_stats);
    if (!f->row_stats)
        return vs_enomem(err, "row statistics", 0);
    enum vs_code code = vs_dev_open(VS_DEV_CPU, run->threads, &dev, err);
    for (uint32_t i = 0; !code && i < f->checkpoint->table_count; i++)
        code = table_stats(f, i, dev, run, err);
    if (!code)
        code = compare_head(f, run, err);
    vs_dev_close(dev);
    return code;
}

/* ---- open and close ---- */

static enum vs_code gather(struct vs_facts *f, const struct vs_facts_options *o, const struct vs_run *run, struct vs_err *err)
{
    if (!vs_path_exists(f->path))
        return vs_path_missing(f->path, "a model directory, a .safetensors or .gguf file or a tokenizer", err);
    if (strcmp(vs_path_base(f->path), "config.json") == 0)
        return vs_fail(err, VS_EUNSUPPORTED, "%s: found a file of a model; give the directory that it stands in", f->path);
    bool model = true;
    enum vs_code code = open_tokenizer(f, o->repeats, run, err);
    if (!code && f->tokenizer)
        code = vs_checkpoint_present(f->path, &model, err);
    if (!code && model)
        code = vs_checkpoint_open(f->path, &(struct vs_checkpoint_options){o->data_dir, true, true}, &f->checkpoint, err);
    if (!code && f->checkpoint && f->checkpoint->gguf)
        code = open_vocabulary(f, run, err);
    if (code)
        return code;
    measure(f);
    if (f->checkpoint)
        code = vs_blocks_find(f->checkpoint, &f->impl->arena, &f->blocks, &f->block_count, err);
    if (!code && o->rows && f->checkpoint)
        code = read_rows(f, run, err);
    return code;
}

enum vs_code vs_facts_open(const char *path, const struct vs_facts_options *o, const struct vs_run *run, struct vs_facts **out,
                           struct vs_err *err)
{
    const double start = vs_now();
    struct vs_facts *f = vs_calloc(1, sizeof *f);
    if (f)
        f->impl = vs_calloc(1, sizeof *f->impl);
    enum vs_code code = f && f->impl ? VS_OK : vs_enomem(err, "facts", sizeof *f);
    if (!code) {
        f->path = vs_arena_dup(&f->impl->arena, path, strlen(path));
        f->tied_stored = -1;
        code = f->path ? gather(f, o, run, err) : vs_enomem(err, "a path", strlen(path));
    }
    if (code) {
        vs_facts_close(f);
        return code;
    }
    f->seconds = vs_now() - start;
    *out = f;
    return VS_OK;
}

void vs_facts_close(struct vs_facts *f)
{
    if (!f)
        return;
    vs_tokenizer_close(f->tokenizer); /* of a .gguf file, it borrows from the checkpoint */
    vs_checkpoint_close(f->checkpoint);
    if (f->impl)
        vs_arena_free(&f->impl->arena);
    vs_free(f->impl);
    vs_free(f);
}
