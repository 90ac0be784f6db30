/* SPDX-License-Identifier: Apache-2.0 */
#include <utf8proc.h>
#include "base/base64.h"
#include "base/mem.h"
#include "tokenizer/charsmap.h"

enum { UNIT = 4, LONGEST_CLUSTER = 5 /* bytes of a grapheme cluster that is looked up as a whole */ };

struct vs_charsmap {
    const char *file;
    struct vs_buf bytes;  /* as in the file */
    uint32_t units;
    struct vs_str blob;
};

static uint32_t u32_at(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static enum vs_code check(struct vs_charsmap *m, struct vs_err *err)
{
    const struct vs_buf *b = &m->bytes;
    uint32_t n = b->n >= UNIT ? u32_at(b->p) : 0;
    if (n == 0 || n % UNIT || n > b->n - UNIT)
        return vs_fail(err, VS_EFORMAT, "%s: /normalizer: precompiled_charsmap: found an array of %u bytes in %zu: whole units of %d bytes, at least "
                       "one, expected", m->file, n, b->n, UNIT);
    m->units = n / UNIT;
    m->blob = (struct vs_str){b->p + UNIT + n, b->n - UNIT - n};
    size_t valid = vs_utf8_valid(m->blob.p, m->blob.n);
    if (valid != m->blob.n)
        return vs_fail(err, VS_EFORMAT, "%s: /normalizer: precompiled_charsmap: byte %zu of the replacements is not valid UTF-8", m->file, valid);
    return VS_OK;
}

enum vs_code vs_charsmap_new(const char *file, struct vs_str base64, struct vs_charsmap **out, struct vs_err *err)
{
    struct vs_charsmap *m = vs_calloc(1, sizeof *m);
    *out = NULL;
    if (!m)
        return vs_enomem(err, "a charsmap", sizeof *m);
    m->file = file;
    enum vs_code code = VS_OK;
    if (!base64.p || !vs_base64(base64, &m->bytes))
        code = vs_fail(err, VS_EFORMAT, "%s: /normalizer: precompiled_charsmap: a string in base64 expected", file);
    if (m->bytes.failed)
        code = vs_enomem(err, "a charsmap", base64.n);
    if (!code)
        code = check(m, err);
    if (code)
        vs_charsmap_free(m);
    else
        *out = m;
    return code;
}

void vs_charsmap_free(struct vs_charsmap *m)
{
    if (!m)
        return;
    vs_buf_free(&m->bytes);
    vs_free(m);
}

/* ---- lookup ---- */

/* A unit of darts-clone: label in bits 0-7 and 31, bit 8 "a value follows", offset from bit 10 on, shifted when bit 9 is set. */
static uint32_t offset_of(uint32_t unit)
{
    return (unit >> 10) << ((unit & 1u << 9) >> 6);
}

static enum vs_code outside(const struct vs_charsmap *m, const char *what, uint32_t at, struct vs_err *err)
{
    return vs_fail(err, VS_EFORMAT, "%s: /normalizer: precompiled_charsmap: found a reference to %s %u, outside the table (%u units, %zu bytes of "
                   "replacements)", m->file, what, at, m->units, m->blob.n);
}

static bool unit_at(const struct vs_charsmap *m, uint32_t at, uint32_t *unit)
{
    if (at >= m->units)
        return false;
    *unit = u32_at(m->bytes.p + UNIT + (size_t)at * UNIT);
    return true;
}

/* The value of the shortest key that begins the text: the Rust library takes the first that its search reports. */
static enum vs_code look_up(const struct vs_charsmap *m, struct vs_str key, bool *found, uint32_t *value, struct vs_err *err)
{
    uint32_t unit = u32_at(m->bytes.p + UNIT), at = offset_of(unit);
    *found = false;
    for (size_t i = 0; i < key.n && key.p[i]; i++) {
        unsigned char c = (unsigned char)key.p[i];
        at ^= c;
        if (!unit_at(m, at, &unit))
            return outside(m, "unit", at, err);
        if ((unit & (1u << 31 | 0xff)) != c)
            return VS_OK;
        at ^= offset_of(unit);
        if (!(unit & 1u << 8))
            continue;
        if (!unit_at(m, at, &unit))
            return outside(m, "unit", at, err);
        *found = true;
        *value = unit & ~(1u << 31);
        return VS_OK;
    }
    return VS_OK;
}

static enum vs_code replace(const struct vs_charsmap *m, struct vs_str key, bool *found, struct vs_buf *out, struct vs_err *err)
{
    uint32_t at = 0;
    enum vs_code code = look_up(m, key, found, &at, err);
    if (code || !*found)
        return code;
    if (at > m->blob.n || (at < m->blob.n && (m->blob.p[at] & 0xc0) == 0x80))
        return outside(m, "byte", at, err);
    const char *begin = m->blob.p + at, *zero = memchr(begin, '\0', m->blob.n - at);
    vs_buf_add(out, begin, zero ? (size_t)(zero - begin) : m->blob.n - at);
    return VS_OK;
}

/* Bytes of the grapheme cluster that begins at p. */
static size_t cluster(const char *p, const char *end)
{
    utf8proc_int32_t state = 0;
    uint32_t cp, next;
    const char *at = p + vs_utf8_next(p, end, &cp);
    while (at < end) {
        unsigned n = vs_utf8_next(at, end, &next);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)cp, (utf8proc_int32_t)next, &state))
            break;
        cp = next;
        at += n;
    }
    return (size_t)(at - p);
}

static enum vs_code run_cluster(const struct vs_charsmap *m, struct vs_str s, struct vs_buf *out, struct vs_err *err)
{
    bool found = false;
    enum vs_code code = s.n <= LONGEST_CLUSTER ? replace(m, s, &found, out, err) : VS_OK;
    if (code || found)
        return code;
    for (size_t at = 0; !code && at < s.n;) {
        uint32_t cp;
        struct vs_str c = {s.p + at, vs_utf8_next(s.p + at, s.p + s.n, &cp)};
        code = replace(m, c, &found, out, err);
        if (!code && !found)
            vs_buf_str(out, c);
        at += c.n;
    }
    return code;
}

enum vs_code vs_charsmap_run(const struct vs_charsmap *m, struct vs_str text, struct vs_buf *out, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (const char *p = text.p, *end = p + text.n; !code && p < end;) {
        struct vs_str s = {p, cluster(p, end)};
        code = run_cluster(m, s, out, err);
        p += s.n;
    }
    return code;
}
