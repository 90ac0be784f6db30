/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/io.h"
#include "format/gguf.h"

#define FIRST_READ (1u << 20)
#define DEFAULT_ALIGNMENT 32

static const unsigned char sizes[VS_GGUF_TYPES] = { /* of a value; 0: not fixed */
    [VS_GGUF_U8] = 1, [VS_GGUF_I8] = 1, [VS_GGUF_BOOL] = 1, [VS_GGUF_U16] = 2, [VS_GGUF_I16] = 2, [VS_GGUF_U32] = 4,
    [VS_GGUF_I32] = 4, [VS_GGUF_F32] = 4, [VS_GGUF_U64] = 8, [VS_GGUF_I64] = 8, [VS_GGUF_F64] = 8};

/* The smallest key: 8 + 1 bytes of name, 4 of type, no value; the smallest tensor: 8 + 4 + 4 + 8. */
#define KV_BYTES_MIN 13
#define TENSOR_BYTES_MIN 24

struct reader {
    const char *path;
    const unsigned char *p;
    uint64_t at, have, size;
    uint32_t file;
    struct vs_arena *a;
    struct vs_gguf *g;
    struct vs_map names;
    const char *what;       /* "key" or "tensor": what name is the name of; NULL outside */
    struct vs_str name;
    bool more, failed;
    enum vs_code code;
    struct vs_err *err;
};

/* ---- failing and warning ---- */

static bool fail(struct reader *r, enum vs_code code, const char *fmt, ...) VS_PRINTF(3, 4);
static bool fail(struct reader *r, enum vs_code code, const char *fmt, ...)
{
    char text[VS_ERR_MAX / 2], name[200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    r->failed = true;
    r->code = r->what ? vs_fail(r->err, code, "%s: %s \"%s\": %s", r->path, r->what, vs_escape(name, sizeof name, r->name), text)
                      : vs_fail(r->err, code, "%s: %s", r->path, text);
    return false;
}

static bool no_memory(struct reader *r)
{
    r->failed = true;
    r->code = vs_enomem(r->err, r->path, 0);
    return false;
}

static bool warn(struct reader *r, const char *fmt, ...) VS_PRINTF(2, 3);
static bool warn(struct reader *r, const char *fmt, ...)
{
    char text[VS_ERR_MAX / 2], name[200];
    struct vs_gguf *g = r->g;
    struct vs_buf b = {0};
    if (g->warning_count == VS_GGUF_WARNINGS) { /* a hostile file has millions */
        g->untold++;
        return true;
    }
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    vs_buf_printf(&b, "%s: %s \"%s\": %s", r->path, r->what, vs_escape(name, sizeof name, r->name), text);
    const char **list = vs_list_room(g->warnings, g->warning_count, sizeof *list);
    if (list)
        g->warnings = list;
    const char *copy = b.failed ? NULL : vs_arena_dup(r->a, b.p, b.n);
    vs_buf_free(&b);
    if (!copy || !list)
        return no_memory(r);
    g->warnings[g->warning_count++] = copy;
    return true;
}

/* ---- bytes ---- */

/* n more bytes are there; false: cut off, or not yet read. */
static bool need(struct reader *r, uint64_t n)
{
    if (n > r->size - r->at)
        return fail(r, VS_EFORMAT, "at byte %llu: %llu bytes are expected, the file ends after %llu: cut off, or a wrong length",
                    (unsigned long long)r->at, (unsigned long long)n, (unsigned long long)(r->size - r->at));
    if (n > r->have - r->at) {
        r->more = true;
        return false;
    }
    return true;
}

static uint64_t load(const unsigned char *p, unsigned n)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < n; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static bool u32(struct reader *r, uint32_t *out)
{
    if (!need(r, 4))
        return false;
    *out = (uint32_t)load(r->p + r->at, 4);
    r->at += 4;
    return true;
}

static bool u64(struct reader *r, uint64_t *out)
{
    if (!need(r, 8))
        return false;
    *out = load(r->p + r->at, 8);
    r->at += 8;
    return true;
}

static bool string(struct reader *r, struct vs_str *out)
{
    uint64_t n;
    if (!u64(r, &n) || !need(r, n))
        return false;
    *out = (struct vs_str){(const char *)r->p + r->at, (size_t)n};
    r->at += n;
    return true;
}

/* A name that is printed and compared: UTF-8 without control characters. */
static bool check_text(struct reader *r, struct vs_str s)
{
    if (vs_utf8_valid(s.p, s.n) != s.n)
        return fail(r, VS_EFORMAT, "the name is not UTF-8");
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
            return fail(r, VS_EFORMAT, "the name has a control character (0x%02x) at byte %zu", (unsigned)(unsigned char)s.p[i], i);
    return true;
}

/* ---- keys and values ---- */

static bool check_bool(struct reader *r, const unsigned char *p, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        if (p[i] > 1)
            return warn(r, "found the bool %u, expected 0 or 1", (unsigned)p[i]);
    return true;
}

/* Behind type and count; leaves r->at behind the last element. */
static bool skip_items(struct reader *r, uint32_t element, uint64_t count, int depth)
{
    struct vs_str s;
    if (element >= VS_GGUF_TYPES)
        return fail(r, VS_EFORMAT, "found an array of type %u, expected 0 to %d", element, VS_GGUF_TYPES - 1);
    if (depth > VS_GGUF_DEPTH_MAX)
        return fail(r, VS_ELIMIT, "arrays are nested more than %d deep", VS_GGUF_DEPTH_MAX);
    const uint64_t least = sizes[element] ? sizes[element] : element == VS_GGUF_STRING ? 8 : 12;
    if (count > (r->size - r->at) / least)
        return fail(r, VS_EFORMAT, "found an array of %llu %s, but only %llu bytes follow: cut off, or a wrong length",
                    (unsigned long long)count, vs_gguf_type_name((enum vs_gguf_type)element), (unsigned long long)(r->size - r->at));
    if (sizes[element]) {
        const uint64_t n = count * sizes[element];
        if (!need(r, n) || (element == VS_GGUF_BOOL && !check_bool(r, r->p + r->at, n)))
            return false;
        r->at += n;
        return true;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint32_t inner;
        uint64_t n;
        if (element == VS_GGUF_STRING ? !string(r, &s) : !u32(r, &inner) || !u64(r, &n) || !skip_items(r, inner, n, depth + 1))
            return false;
    }
    return true;
}

static bool read_value(struct reader *r, struct vs_gguf_kv *kv)
{
    uint32_t type, element = 0;
    if (!u32(r, &type))
        return false;
    if (type >= VS_GGUF_TYPES)
        return fail(r, VS_EFORMAT, "found the value type %u, expected 0 to %d", type, VS_GGUF_TYPES - 1);
    kv->type = (enum vs_gguf_type)type;
    if (type == VS_GGUF_STRING)
        return string(r, &kv->value);
    if (type == VS_GGUF_ARRAY && (!u32(r, &element) || !u64(r, &kv->count)))
        return false;
    kv->element = (enum vs_gguf_type)element;
    const uint64_t begin = r->at;
    if (type == VS_GGUF_ARRAY ? !skip_items(r, element, kv->count, 1) : !need(r, sizes[type]))
        return false;
    if (type != VS_GGUF_ARRAY)
        r->at += sizes[type];
    kv->value = (struct vs_str){(const char *)r->p + begin, (size_t)(r->at - begin)};
    return type != VS_GGUF_BOOL || check_bool(r, r->p + begin, 1);
}

static bool read_kv(struct reader *r)
{
    struct vs_gguf_kv kv = {0};
    struct vs_gguf *g = r->g;
    const uint64_t at = r->at;
    uint32_t old = VS_NONE;
    if (!string(r, &kv.key))
        return false;
    if (kv.key.n == 0 || kv.key.n > VS_GGUF_KEY_MAX)
        return fail(r, VS_EFORMAT, "key at byte %llu: found a name of %zu bytes, expected 1 to %u", (unsigned long long)at, kv.key.n,
                    VS_GGUF_KEY_MAX);
    r->what = "key";
    r->name = kv.key;
    if (!check_text(r, kv.key))
        return false;
    struct vs_gguf_kv *kvs = vs_list_room(g->kvs, g->kv_count, sizeof *kvs);
    if (!kvs)
        return no_memory(r);
    g->kvs = kvs;
    if (!vs_map_put(&g->keys, kv.key, g->kv_count, &old))
        return no_memory(r);
    if (old != VS_NONE)
        return fail(r, VS_EFORMAT, "found a second time: keys must be unique");
    if (!read_value(r, &kv))
        return false;
    g->kvs[g->kv_count++] = kv;
    r->what = NULL;
    return true;
}

/* ---- keys that the layout depends on ---- */

static bool read_alignment(struct reader *r)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(r->g, "general.alignment");
    int64_t v = 0;
    r->g->alignment = DEFAULT_ALIGNMENT;
    if (!kv)
        return true;
    if (kv->type != VS_GGUF_U32)
        return fail(r, VS_EFORMAT, "general.alignment: found a value of type %s, expected u32", vs_gguf_type_name(kv->type));
    (void)vs_gguf_i64(kv, &v);
    if (v < 1 || v > VS_GGUF_ALIGNMENT_MAX || (v & (v - 1)))
        return fail(r, VS_EFORMAT, "general.alignment: found %lld, expected a power of two of at most %u", (long long)v, VS_GGUF_ALIGNMENT_MAX);
    r->g->alignment = (uint64_t)v;
    return true;
}

static bool read_architecture(struct reader *r)
{
    const struct vs_gguf_kv *kv = vs_gguf_find(r->g, "general.architecture");
    int64_t part = 0;
    if (!kv && vs_gguf_i64(vs_gguf_find(r->g, "split.no"), &part) && part > 0)
        return true;
    if (!kv)
        return fail(r, VS_EFORMAT, "no key general.architecture: expected a string that names the model's architecture");
    if (!vs_gguf_string(kv, &r->g->architecture))
        return fail(r, VS_EFORMAT, "general.architecture: found a value of type %s, expected a string", vs_gguf_type_name(kv->type));
    if (r->g->architecture.n == 0 || r->g->architecture.n > 255)
        return fail(r, VS_EFORMAT, "general.architecture: found a name of %zu bytes, expected 1 to 255", r->g->architecture.n);
    r->what = "architecture";
    r->name = r->g->architecture;
    if (!check_text(r, r->g->architecture))
        return false;
    r->what = NULL;
    return true;
}

/* ---- tensors ---- */

static bool find_dtype(struct reader *r, uint32_t id, enum vs_dtype *out)
{
    static const struct { uint32_t id; enum vs_dtype dtype; } types[] = {
        {0, VS_F32}, {1, VS_F16}, {24, VS_I8}, {25, VS_I16}, {26, VS_I32}, {27, VS_I64}, {28, VS_F64}, {30, VS_BF16},
#define BLOCK_TYPE(name, id, elements, bytes) {id, VS_##name},
        VS_BLOCK_DTYPES(BLOCK_TYPE)
#undef BLOCK_TYPE
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].id == id) {
            *out = types[i].dtype;
            return true;
        }
    if (id == 4 || id == 5 || (id >= 31 && id <= 33) || (id >= 36 && id <= 38))
        return fail(r, VS_EFORMAT, "found the type %u, which was removed from GGUF: convert the model again", id);
    return fail(r, VS_EUNSUPPORTED, "found the type %u, which is not known: a newer GGUF, or one of a fork", id);
}

static bool read_shape(struct reader *r, uint64_t dims[4], uint32_t *ndim, struct vs_tensor *t)
{
    if (!u32(r, ndim))
        return false;
    if (*ndim > 4)
        return fail(r, VS_EFORMAT, "found %u dimensions, expected at most 4", *ndim);
    for (uint32_t i = 0; i < *ndim; i++)
        if (!u64(r, &dims[i]))
            return false;
    uint64_t *shape = vs_arena_array(r->a, *ndim ? *ndim : 1, sizeof *shape);
    if (!shape)
        return no_memory(r);
    for (uint32_t i = 0; i < *ndim; i++) {
        if (dims[i] > INT64_MAX)
            return fail(r, VS_EFORMAT, "dimension %u: found %lld, expected no negative number", i, (long long)dims[i]);
        shape[*ndim - 1 - i] = dims[i];
    }
    t->ndim = *ndim;
    t->shape = shape;
    return true;
}

/* Bytes of the data: rows of whole blocks; every product is checked, zeros do not hide one. */
static bool data_bytes(struct reader *r, const struct vs_tensor *t, const uint64_t dims[4], uint64_t *bytes)
{
    uint64_t row = 0, elements = 1;
    const uint64_t length = t->ndim ? dims[0] : 1;
    for (uint32_t i = 0; i < t->ndim; i++)
        if (!vs_mul(elements, dims[i], &elements))
            return fail(r, VS_EFORMAT, "the number of elements does not fit 64 bits");
    if (length % vs_dtype_block(t->dtype))
        return fail(r, VS_EFORMAT, "rows of %llu values: %s has blocks of %u", (unsigned long long)length, vs_dtype_name(t->dtype),
                    vs_dtype_block(t->dtype));
    if (!vs_dtype_row_bytes(t->dtype, length, &row))
        return fail(r, VS_EFORMAT, "the number of bytes does not fit 64 bits");
    for (uint32_t i = 1; i < t->ndim; i++)
        if (!vs_mul(row, dims[i], &row))
            return fail(r, VS_EFORMAT, "the number of bytes does not fit 64 bits");
    *bytes = row;
    return true;
}

static bool check_name(struct reader *r, struct vs_str name, uint64_t at)
{
    uint32_t old = VS_NONE;
    if (name.n == 0 || name.n > VS_GGUF_NAME_MAX)
        return fail(r, VS_EFORMAT, "tensor at byte %llu: found a name of %zu bytes, expected 1 to %u", (unsigned long long)at, name.n,
                    VS_GGUF_NAME_MAX);
    r->what = "tensor";
    r->name = name;
    if (!check_text(r, name))
        return false;
    if (!vs_map_put(&r->names, name, 0, &old))
        return no_memory(r);
    return old == VS_NONE || fail(r, VS_EFORMAT, "found a second time: names must be unique");
}

/* begin is relative to the data for now, whose place is not known yet. */
static bool read_tensor(struct reader *r)
{
    struct vs_tensor t = {.file = r->file};
    struct vs_gguf *g = r->g;
    uint64_t dims[4] = {0}, bytes = 0;
    const uint64_t at = r->at;
    uint32_t ndim, type;
    if (!string(r, &t.name) || !check_name(r, t.name, at) || !read_shape(r, dims, &ndim, &t) || !u32(r, &type) ||
        !find_dtype(r, type, &t.dtype) || !data_bytes(r, &t, dims, &bytes) || !u64(r, &t.begin))
        return false;
    if (t.begin % g->alignment)
        return fail(r, VS_EFORMAT, "offset %llu is no multiple of the alignment %llu", (unsigned long long)t.begin, (unsigned long long)g->alignment);
    if (!vs_add(t.begin, bytes, &t.end))
        return fail(r, VS_EFORMAT, "offset %llu + %llu bytes do not fit 64 bits", (unsigned long long)t.begin, (unsigned long long)bytes);
    struct vs_tensor *tensors = vs_list_room(g->tensors, g->count, sizeof *tensors);
    if (!tensors)
        return no_memory(r);
    g->tensors = tensors;
    g->tensors[g->count++] = t;
    r->what = NULL;
    return true;
}

/* ---- layout ---- */

static int by_place(const void *a, const void *b)
{
    const struct vs_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end != y->end ? (x->end < y->end ? -1 : 1) : vs_str_cmp(x->name, y->name);
}

static uint64_t padded(uint64_t n, uint64_t alignment)
{
    return (n + alignment - 1) & ~(alignment - 1); /* n is a place in a file: far from 2^64 */
}

static bool place_tensors(struct reader *r)
{
    struct vs_gguf *g = r->g;
    g->data_begin = g->count ? padded(r->at, g->alignment) : r->at;
    r->what = "tensor";
    for (uint32_t i = 0; i < g->count; i++) {
        struct vs_tensor *t = &g->tensors[i];
        r->name = t->name;
        if (g->data_begin > r->size || t->end > r->size - g->data_begin)
            return fail(r, VS_EFORMAT, "its data end at byte %llu of the data, the file has %llu of them: cut off?", (unsigned long long)t->end,
                        (unsigned long long)(r->size > g->data_begin ? r->size - g->data_begin : 0));
        t->begin += g->data_begin;
        t->end += g->data_begin;
    }
    r->what = NULL;
    return true;
}

/* In order of place: no two tensors share bytes, nothing lies behind them. */
static bool check_layout(struct reader *r)
{
    struct vs_gguf *g = r->g;
    char before[200];
    uint64_t at = g->data_begin;
    if (g->count)
        qsort(g->tensors, g->count, sizeof *g->tensors, by_place);
    for (uint32_t i = 0; i < g->count; i++) {
        const struct vs_tensor *t = &g->tensors[i];
        r->what = "tensor";
        r->name = t->name;
        if (t->begin < at)
            return fail(r, VS_EFORMAT, "begins at byte %llu, inside of tensor \"%s\", which ends at %llu", (unsigned long long)t->begin,
                        vs_escape(before, sizeof before, t[-1].name), (unsigned long long)at);
        if (t->begin - at >= g->alignment && !warn(r, "a gap of %llu bytes before it: readers that want tensors one behind the other refuse this "
                                                   "file", (unsigned long long)(t->begin - at)))
            return false;
        at = t->end;
    }
    r->what = NULL;
    if (r->size > padded(at, g->alignment))
        return fail(r, VS_EFORMAT, "%llu bytes follow the last tensor, which ends at byte %llu: expected none", (unsigned long long)(r->size - at),
                    (unsigned long long)at);
    return true;
}

/* ---- the header ---- */

static bool read_version(struct reader *r)
{
    struct vs_gguf *g = r->g;
    char found[40];
    if (memcmp(r->p, "GGUF", 4) != 0)
        return fail(r, VS_EFORMAT, "found \"%s\" at byte 0, expected \"GGUF\": no GGUF file, or one of its predecessors",
                    vs_escape(found, sizeof found, (struct vs_str){(const char *)r->p, 4}));
    r->at = 4;
    (void)u32(r, &g->version);
    if (g->version && (g->version & 0xffff) == 0)
        return fail(r, VS_EUNSUPPORTED, "version: found 0x%08x: a big-endian file; only little-endian ones are read", g->version);
    if (g->version == 1)
        return fail(r, VS_EUNSUPPORTED, "version: found 1, of 2023, which no current reader takes: convert the model again");
    if (g->version != 2 && g->version != 3)
        return fail(r, g->version ? VS_EUNSUPPORTED : VS_EFORMAT, "version: found %u, expected 2 or 3", g->version);
    return true;
}

static bool read_counts(struct reader *r, uint64_t *tensors, uint64_t *kvs)
{
    if (!u64(r, tensors) || !u64(r, kvs))
        return false;
    if (*tensors > r->size / TENSOR_BYTES_MIN)
        return fail(r, VS_EFORMAT, "number of tensors: found %llu, more than a file of %llu bytes can describe",
                    (unsigned long long)*tensors, (unsigned long long)r->size);
    if (*kvs > r->size / KV_BYTES_MIN)
        return fail(r, VS_EFORMAT, "number of keys: found %llu, more than a file of %llu bytes can hold",
                    (unsigned long long)*kvs, (unsigned long long)r->size);
    if (*tensors > VS_GGUF_TENSOR_MAX)
        return fail(r, VS_ELIMIT, "found %llu tensors; at most %u are read", (unsigned long long)*tensors, VS_GGUF_TENSOR_MAX);
    return true;
}

static bool read_header(struct reader *r)
{
    uint64_t tensors, kvs;
    if (r->size < 24)
        return fail(r, VS_EFORMAT, "%llu bytes; a GGUF file has at least 24", (unsigned long long)r->size);
    if (!need(r, 24) || !read_version(r) || !read_counts(r, &tensors, &kvs))
        return false;
    for (uint64_t i = 0; i < kvs; i++)
        if (!read_kv(r))
            return false;
    if (!read_alignment(r) || !read_architecture(r))
        return false;
    for (uint64_t i = 0; i < tensors; i++)
        if (!read_tensor(r))
            return false;
    return place_tensors(r) && check_layout(r);
}

enum vs_code vs_gguf_parse(const char *path, const char *text, uint64_t have, uint64_t size, uint32_t file, struct vs_arena *a,
                           struct vs_gguf *out, bool *more, struct vs_err *err)
{
    struct reader r = {.path = path, .p = (const unsigned char *)text, .have = have, .size = size, .file = file, .a = a, .g = out, .err = err};
    *out = (struct vs_gguf){.path = path, .size = size};
    const bool ok = read_header(&r);
    vs_map_free(&r.names);
    *more = !ok && !r.failed;
    if (!ok)
        vs_gguf_free(out);
    return r.code;
}

void vs_gguf_free(struct vs_gguf *g)
{
    if (!g)
        return;
    vs_map_free(&g->keys);
    vs_free(g->kvs);
    vs_free(g->tensors);
    vs_free(g->warnings);
    vs_free(g->text);
    *g = (struct vs_gguf){0};
}

/* ---- the file ---- */

/* How long a header is shows only at its end: more and more of the file is read, and read again from the start. */
static enum vs_code read_growing(const struct vs_file *f, uint32_t file, struct vs_arena *a, struct vs_gguf *out, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    char *text = NULL;
    bool more = true;
    for (uint64_t have = 0, want = FIRST_READ; more && !code; want *= 4) {
        want = want < f->size ? want : f->size;
        if (have && want > VS_GGUF_HEADER_MAX) {
            code = vs_fail(err, VS_ELIMIT, "%s: the header is longer than %llu bytes, at most that many are read", f->path, VS_GGUF_HEADER_MAX);
            break;
        }
        char *longer = vs_realloc_array(text, want + 1, 1);
        if (!longer) {
            code = vs_enomem(err, f->path, want);
            break;
        }
        text = longer;
        code = vs_file_pread(f, have, text + have, (size_t)(want - have), err);
        have = want;
        if (!code)
            code = vs_gguf_parse(f->path, text, have, f->size, file, a, out, &more, err);
    }
    if (code)
        vs_free(text);
    else
        out->text = text;
    return code;
}

enum vs_code vs_gguf_open(const char *path, uint32_t file, struct vs_arena *a, struct vs_gguf *out, struct vs_err *err)
{
    struct vs_file f;
    *out = (struct vs_gguf){0};
    enum vs_code code = vs_file_open(path, &f, err);
    if (code)
        return code;
    code = vs_file_fetched(&f, err);
    if (!code)
        code = read_growing(&f, file, a, out, err);
    vs_file_close(&f);
    return code;
}
