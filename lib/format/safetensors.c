/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "base/map.h"
#include "format/safetensors.h"
#include "json/scan.h"

enum vs_code vs_tensor_bytes(enum vs_dtype dtype, uint32_t ndim, const uint64_t *shape, uint64_t *bytes, const char **why)
{
    /* From left to right and without looking ahead for a zero, as the reference does. */
    uint64_t n = 1;
    for (uint32_t i = 0; i < ndim; i++)
        if (!vs_mul(n, shape[i], &n)) {
            *why = "the number of elements does not fit 64 bits";
            return VS_EFORMAT;
        }
    if (!vs_mul(n, vs_dtype_bits(dtype), &n)) {
        *why = "the number of bits does not fit 64 bits";
        return VS_EFORMAT;
    }
    if (n % 8) {
        *why = "the elements do not fill whole bytes";
        return VS_EFORMAT;
    }
    *bytes = n / 8;
    return VS_OK;
}

/* ---- JSON ---- */

struct reader {
    struct vs_json j;
    struct vs_arena *a;
    struct vs_st *st;
    struct vs_map names;
    uint32_t file;
    struct vs_str tensor; /* whose description is being read; p NULL outside */
    const char *field;
};

static bool duplicate(struct reader *r, const char *what, struct vs_str name)
{
    char text[200];
    return vs_json_fail(&r->j, VS_EFORMAT, "found %s \"%s\" a second time: names must be unique", what,
                        vs_escape(text, sizeof text, name));
}

static bool no_memory(struct reader *r)
{
    return vs_json_fail(&r->j, VS_ENOMEM, "not enough memory for %u tensors", r->st->count);
}

static bool read_metadata(struct reader *r)
{
    if (vs_json_peek(&r->j) == VS_JSON_NULL)
        return vs_json_null(&r->j);
    size_t begin = r->j.at;
    struct vs_map keys = {0};
    struct vs_str key, value;
    bool ok = vs_json_object(&r->j);
    while (ok && vs_json_key(&r->j, &key)) {
        uint32_t old = VS_NONE;
        if (!vs_map_put(&keys, key, 0, &old))
            ok = no_memory(r);
        else if (old != VS_NONE)
            ok = duplicate(r, "the __metadata__ entry", key);
        else
            ok = vs_json_string(&r->j, &value);
    }
    vs_map_free(&keys);
    if (!ok || r->j.failed)
        return false;
    r->st->metadata = (struct vs_str){r->j.text + begin, r->j.at - begin};
    return true;
}

static bool read_dtype(struct reader *r, enum vs_dtype *dtype)
{
    char text[80];
    struct vs_str name;
    if (!vs_json_string(&r->j, &name))
        return false;
    if (vs_dtype_parse(name, dtype))
        return true;
    return vs_json_fail(&r->j, VS_EFORMAT, "found the dtype \"%s\", expected one of BOOL F4 F6_E2M3 F6_E3M2 U8 I8 F8_E5M2 F8_E4M3 "
                        "F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ I16 U16 F16 BF16 I32 U32 F32 C64 F64 I64 U64",
                        vs_escape(text, sizeof text, name));
}

static bool read_shape(struct reader *r, struct vs_tensor *t)
{
    uint64_t shape[VS_MAX_DIMS];
    if (!vs_json_array(&r->j))
        return false;
    while (vs_json_item(&r->j)) {
        if (t->ndim == VS_MAX_DIMS)
            return vs_json_fail(&r->j, VS_ELIMIT, "found more than %d dimensions", VS_MAX_DIMS);
        if (!vs_json_u64(&r->j, &shape[t->ndim]))
            return false;
        t->ndim++;
    }
    if (r->j.failed)
        return false;
    uint64_t *copy = vs_arena_array(r->a, t->ndim ? t->ndim : 1, sizeof *copy);
    if (!copy)
        return no_memory(r);
    memcpy(copy, shape, t->ndim * sizeof *copy);
    t->shape = copy;
    return true;
}

static bool read_offsets(struct reader *r, struct vs_tensor *t)
{
    uint64_t v[2];
    unsigned n = 0;
    if (!vs_json_array(&r->j))
        return false;
    while (vs_json_item(&r->j)) {
        if (n == 2)
            return vs_json_fail(&r->j, VS_EFORMAT, "found more than 2 offsets, expected [begin, end]");
        if (!vs_json_u64(&r->j, &v[n++]))
            return false;
    }
    if (r->j.failed)
        return false;
    if (n != 2)
        return vs_json_fail(&r->j, VS_EFORMAT, "found %u offsets, expected [begin, end]", n);
    if (v[1] < v[0])
        return vs_json_fail(&r->j, VS_EFORMAT, "found [%llu, %llu]: the end lies before the begin", (unsigned long long)v[0],
                            (unsigned long long)v[1]);
    if (!vs_add(v[0], r->st->data_begin, &t->begin) || !vs_add(v[1], r->st->data_begin, &t->end))
        return vs_json_fail(&r->j, VS_EFORMAT, "found [%llu, %llu], beyond any file", (unsigned long long)v[0],
                            (unsigned long long)v[1]);
    return true;
}

static const char *const fields[] = {"dtype", "shape", "data_offsets"};

static bool read_field(struct reader *r, struct vs_tensor *t, struct vs_str key, bool seen[3])
{
    unsigned which = 0;
    while (which < 3 && !vs_str_is(key, fields[which]))
        which++;
    if (which == 3) {
        if (!r->st->unknown_field.p)
            r->st->unknown_field = key;
        return vs_json_skip(&r->j, NULL);
    }
    if (seen[which])
        return duplicate(r, "the field", key);
    seen[which] = true;
    r->field = fields[which];
    bool ok = which == 0 ? read_dtype(r, &t->dtype) : which == 1 ? read_shape(r, t) : read_offsets(r, t);
    if (ok)
        r->field = NULL;
    return ok;
}

static bool check_size(struct reader *r, const struct vs_tensor *t)
{
    const char *why;
    uint64_t bytes;
    if (vs_tensor_bytes(t->dtype, t->ndim, t->shape, &bytes, &why))
        return vs_json_fail(&r->j, VS_EFORMAT, "%s: %s", vs_dtype_name(t->dtype), why);
    if (bytes != t->end - t->begin)
        return vs_json_fail(&r->j, VS_EFORMAT, "data_offsets span %llu bytes, %s and shape need %llu",
                            (unsigned long long)(t->end - t->begin), vs_dtype_name(t->dtype), (unsigned long long)bytes);
    return true;
}

static bool push(struct reader *r, const struct vs_tensor *t)
{
    struct vs_st *st = r->st;
    struct vs_tensor *list = vs_list_room(st->tensors, st->count, sizeof *list);
    if (!list)
        return no_memory(r);
    st->tensors = list;
    st->tensors[st->count++] = *t;
    return true;
}

static bool read_tensor(struct reader *r, struct vs_str name)
{
    struct vs_tensor t = {.name = name, .file = r->file};
    uint32_t old = VS_NONE;
    if (name.n > VS_ST_NAME_MAX)
        return vs_json_fail(&r->j, VS_ELIMIT, "found a tensor name of %zu bytes; at most %u are read", name.n, VS_ST_NAME_MAX);
    if (r->st->count == VS_ST_TENSOR_MAX)
        return vs_json_fail(&r->j, VS_ELIMIT, "found more than %u tensors", VS_ST_TENSOR_MAX);
    if (!vs_map_put(&r->names, name, 0, &old))
        return no_memory(r);
    if (old != VS_NONE)
        return duplicate(r, "the tensor", name);
    r->tensor = name;
    bool seen[3] = {false};
    struct vs_str key;
    if (!vs_json_object(&r->j))
        return false;
    while (vs_json_key(&r->j, &key))
        if (!read_field(r, &t, key, seen))
            return false;
    if (r->j.failed)
        return false;
    for (unsigned i = 0; i < 3; i++)
        if (!seen[i])
            return vs_json_fail(&r->j, VS_EFORMAT, "found no %s, expected dtype, shape and data_offsets", fields[i]);
    if (!check_size(r, &t) || !push(r, &t))
        return false;
    r->tensor.p = NULL;
    return true;
}

static bool read_header(struct reader *r)
{
    struct vs_str key;
    bool metadata = false;
    if (!vs_json_object(&r->j))
        return false;
    while (vs_json_key(&r->j, &key)) {
        if (!vs_str_is(key, "__metadata__")) {
            if (!read_tensor(r, key))
                return false;
            continue;
        }
        if (metadata)
            return duplicate(r, "the entry", key);
        metadata = true;
        r->field = "__metadata__";
        if (!read_metadata(r))
            return false;
        r->field = NULL;
    }
    return !r->j.failed;
}

/* ---- layout ---- */

static int by_place(const void *a, const void *b)
{
    const struct vs_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end != y->end ? (x->end < y->end ? -1 : 1) : vs_str_cmp(x->name, y->name);
}

/* A tensor that does not begin where the one before it ends. */
static enum vs_code bad_begin(const struct vs_st *st, const struct vs_tensor *t, uint64_t at, struct vs_err *err)
{
    char name[200], before[200];
    vs_escape(name, sizeof name, t->name);
    if (t->begin > at)
        return vs_fail(err, VS_EFORMAT, "%s: tensor \"%s\" begins at byte %llu of the data, expected %llu: a hole of %llu bytes",
                       st->path, name, (unsigned long long)(t->begin - st->data_begin),
                       (unsigned long long)(at - st->data_begin), (unsigned long long)(t->begin - at));
    return vs_fail(err, VS_EFORMAT, "%s: tensor \"%s\" begins at byte %llu of the data, inside tensor \"%s\", which ends at %llu",
                   st->path, name, (unsigned long long)(t->begin - st->data_begin), vs_escape(before, sizeof before, t[-1].name),
                   (unsigned long long)(at - st->data_begin));
}

/* The data must be covered exactly once: nothing can hide in it, and no two tensors share bytes. */
static enum vs_code check_layout(const struct vs_st *st, struct vs_err *err)
{
    uint64_t at = st->data_begin;
    for (uint32_t i = 0; i < st->count; i++) {
        if (st->tensors[i].begin != at)
            return bad_begin(st, &st->tensors[i], at, err);
        at = st->tensors[i].end;
    }
    if (at == st->size)
        return VS_OK;
    return vs_fail(err, VS_EFORMAT, "%s: the file has %llu bytes, the header describes %llu: %llu %s", st->path,
                   (unsigned long long)st->size, (unsigned long long)at,
                   (unsigned long long)(at > st->size ? at - st->size : st->size - at),
                   at > st->size ? "are missing (cut off?)" : "too many follow the last tensor");
}

static enum vs_code finish_read(struct reader *r, struct vs_err *err)
{
    char name[200];
    enum vs_code code = vs_json_end(&r->j, err);
    if (!code || (!r->tensor.p && !r->field))
        return code;
    struct vs_err inner = *err;
    if (!r->tensor.p)
        return vs_fail(err, code, "%s (in %s)", inner.message, r->field);
    vs_escape(name, sizeof name, r->tensor);
    return vs_fail(err, code, "%s (tensor \"%s\"%s%s)", inner.message, name, r->field ? ", " : "", r->field ? r->field : "");
}

enum vs_code vs_st_parse(const char *path, uint64_t size, struct vs_str header, uint32_t file, struct vs_arena *a,
                         struct vs_st *out, struct vs_err *err)
{
    struct reader r = {.a = a, .st = out, .file = file};
    struct vs_buf where = {0};
    *out = (struct vs_st){.path = path, .size = size, .data_begin = 8 + (uint64_t)header.n, .header = header};
    vs_buf_printf(&where, "%s: header (at byte 8)", path);
    enum vs_code code = where.failed ? vs_enomem(err, path, 0) : VS_OK;
    if (!code) {
        vs_json_begin(&r.j, where.p, header.p, header.n, a);
        read_header(&r);
        code = finish_read(&r, err);
    }
    if (!code && out->count) {
        struct vs_tensor *own = vs_arena_array(a, out->count, sizeof *own);
        if (own) {
            memcpy(own, out->tensors, out->count * sizeof *own);
            qsort(own, out->count, sizeof *own, by_place);
        }
        vs_free(out->tensors);
        out->tensors = own;
        code = own ? VS_OK : vs_enomem(err, path, 0);
    } else {
        vs_free(out->tensors);
        out->tensors = NULL;
    }
    if (!code)
        code = check_layout(out, err);
    vs_map_free(&r.names);
    vs_buf_free(&where);
    return code;
}

/* ---- file ---- */

static uint64_t load_u64(const unsigned char b[8])
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | b[i];
    return v;
}

enum vs_code vs_st_read(const struct vs_file *f, uint32_t file, struct vs_arena *a, struct vs_st *out, struct vs_err *err)
{
    unsigned char length[8];
    *out = (struct vs_st){0};
    if (f->size < 8)
        return vs_fail(err, VS_EFORMAT, "%s: found %llu bytes, expected at least 8: a safetensors file starts with the length of its header", f->path,
                       (unsigned long long)f->size);
    enum vs_code code = vs_file_pread(f, 0, length, 8, err);
    if (code)
        return code;
    uint64_t n = load_u64(length);
    if (n < 2)
        return vs_fail(err, VS_EFORMAT, "%s: header length at byte 0: found %llu, expected at least 2 (\"{}\")", f->path,
                       (unsigned long long)n);
    if (n > f->size - 8 && (code = vs_file_fetched(f, err))) /* the first eight bytes of text are a very long header */
        return code;
    if (n > f->size - 8)
        return vs_fail(err, VS_EFORMAT, "%s: header length at byte 0: found %llu, but only %llu bytes follow: no safetensors file, or cut off",
                       f->path, (unsigned long long)n, (unsigned long long)(f->size - 8));
    if (n > VS_ST_HEADER_MAX)
        return vs_fail(err, VS_ELIMIT, "%s: header length at byte 0: found %llu, at most %llu are read", f->path,
                       (unsigned long long)n, VS_ST_HEADER_MAX);
    char *text = vs_arena_alloc(a, (size_t)n);
    if (!text)
        return vs_enomem(err, f->path, n);
    code = vs_file_pread(f, 8, text, (size_t)n, err);
    if (!code)
        code = vs_st_parse(f->path, f->size, (struct vs_str){text, (size_t)n}, file, a, out, err);
    out->inode = f->ino;
    out->mtime_ns = vs_file_mtime_ns(f);
    return code;
}

enum vs_code vs_st_open(const char *path, uint32_t file, struct vs_arena *a, struct vs_st *out, struct vs_err *err)
{
    struct vs_file f;
    enum vs_code code = vs_file_open(path, &f, err);
    if (code)
        return code;
    code = vs_st_read(&f, file, a, out, err);
    vs_file_close(&f);
    return code;
}
