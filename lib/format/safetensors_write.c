/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "format/safetensors.h"

static enum vs_code add_tensor(const char *path, const struct vs_tensor *t, uint64_t *at, struct vs_buf *out, struct vs_err *err)
{
    char name[200];
    const char *why;
    uint64_t bytes, end;
    if (vs_tensor_bytes(t->dtype, t->ndim, t->shape, &bytes, &why))
        return vs_fail(err, VS_EFORMAT, "%s: tensor \"%s\": %s", path, vs_escape(name, sizeof name, t->name), why);
    if (!vs_add(*at, bytes, &end))
        return vs_fail(err, VS_EFORMAT, "%s: tensor \"%s\" ends beyond any file", path, vs_escape(name, sizeof name, t->name));
    vs_buf_json_str(out, t->name);
    vs_buf_printf(out, ":{\"dtype\":\"%s\",\"shape\":[", vs_dtype_name(t->dtype));
    for (uint32_t i = 0; i < t->ndim; i++)
        vs_buf_printf(out, "%s%llu", i ? "," : "", (unsigned long long)t->shape[i]);
    vs_buf_printf(out, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*at, (unsigned long long)end);
    *at = end;
    return VS_OK;
}

/* Spaces until the data starts at the wanted place: n bytes of the file are there already. */
static void pad(struct vs_buf *out, uint64_t n, uint64_t residue)
{
    static const char spaces[64] = "                                                                ";
    uint64_t unit = residue == VS_ST_ANYWHERE ? 8 : VS_ST_PAGE;
    uint64_t want = residue == VS_ST_ANYWHERE ? 0 : residue % VS_ST_PAGE;
    uint64_t left = (want + unit - n % unit) % unit;
    while (left) {
        size_t part = left < sizeof spaces ? (size_t)left : sizeof spaces;
        vs_buf_add(out, spaces, part);
        left -= part;
    }
}

enum vs_code vs_st_write_header(const char *path, const struct vs_tensor *tensors, uint64_t count, struct vs_str metadata,
                                uint64_t residue, struct vs_buf *out, struct vs_err *err)
{
    size_t start = out->n;
    uint64_t at = 0;
    vs_buf_add(out, "\0\0\0\0\0\0\0", 8);
    vs_buf_puts(out, "{\"__metadata__\":");
    vs_buf_str(out, metadata.n ? metadata : VS_LIT("{\"format\":\"pt\"}"));
    for (uint64_t i = 0; i < count; i++) {
        vs_buf_puts(out, ",");
        enum vs_code code = add_tensor(path, &tensors[i], &at, out, err);
        if (code)
            return code;
    }
    vs_buf_puts(out, "}");
    pad(out, out->n - start, residue);
    if (out->failed)
        return vs_enomem(err, path, 0);
    uint64_t n = out->n - start - 8;
    if (n > VS_ST_HEADER_MAX)
        return vs_fail(err, VS_ELIMIT, "%s: its header would have %llu bytes; readers take at most %llu", path, (unsigned long long)n,
                       VS_ST_HEADER_MAX);
    for (int i = 0; i < 8; i++)
        out->p[start + (size_t)i] = (char)(n >> (8 * i) & 0xff);
    return VS_OK;
}
