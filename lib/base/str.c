/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include "base/mem.h"
#include "base/str.h"

int vs_str_cmp(struct vs_str a, struct vs_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;
    return order ? order : (a.n > b.n) - (a.n < b.n);
}

bool vs_str_starts(struct vs_str s, struct vs_str prefix)
{
    return s.n >= prefix.n && vs_str_eq((struct vs_str){s.p, prefix.n}, prefix);
}

bool vs_str_ends(struct vs_str s, struct vs_str suffix)
{
    return s.n >= suffix.n && (suffix.n == 0 || memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n) == 0);
}

bool vs_str_u64(struct vs_str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < '0' || s.p[i] > '9' || !vs_mul(*out, 10, out) || !vs_add(*out, (uint64_t)(s.p[i] - '0'), out))
            return false;
    return s.n > 0;
}

bool vs_glob(struct vs_str pattern, struct vs_str s)
{
    size_t p = 0, at = 0, star = SIZE_MAX, resume = 0; /* the last '*' and where its run would end next */
    while (at < s.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            resume = at;
        } else if (p < pattern.n && pattern.p[p] == s.p[at]) {
            p++;
            at++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            at = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

bool vs_glob_any(const char *const *patterns, size_t count, struct vs_str s)
{
    for (size_t i = 0; i < count; i++)
        if (vs_glob(vs_cstr(patterns[i]), s))
            return true;
    return false;
}

/* ---- buffer ---- */

/* Room for n more bytes and a NUL. */
static bool reserve(struct vs_buf *b, size_t n)
{
    uint64_t need;
    if (b->failed)
        return false;
    if (!vs_add(b->n, n, &need) || !vs_add(need, 1, &need)) {
        b->failed = true;
        return false;
    }
    if (need <= b->cap)
        return true;
    uint64_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < need)
        cap += cap / 2;
    char *p = vs_realloc_array(b->p, (size_t)cap, 1);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->cap = (size_t)cap;
    return true;
}

void vs_buf_add(struct vs_buf *b, const void *p, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

void vs_buf_str(struct vs_buf *b, struct vs_str s)
{
    vs_buf_add(b, s.p, s.n);
}

void vs_buf_puts(struct vs_buf *b, const char *s)
{
    vs_buf_add(b, s, strlen(s));
}

void vs_buf_printf(struct vs_buf *b, const char *fmt, ...)
{
    if (!reserve(b, 64))
        return;
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, args);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < b->cap - b->n || (reserve(b, (size_t)n) && vsnprintf(b->p + b->n, b->cap - b->n, fmt, again) == n)) {
        b->n += (size_t)n;
    }
    if (b->p)
        b->p[b->n] = '\0';
    va_end(again);
    va_end(args);
}

void vs_buf_free(struct vs_buf *b)
{
    if (!b)
        return;
    vs_free(b->p);
    *b = (struct vs_buf){0};
}

/* ---- escaping ---- */

/* Characters that show nothing, look like a plain space, or reorder what stands around them. */
static bool is_hidden(uint32_t c)
{
    static const struct { uint32_t first, last; } ranges[] = {
        {0x00, 0x1f}, {0x7f, 0xa0}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x1680, 0x1680},
        {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2000, 0x200f}, {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},
        {0x3164, 0x3164}, {0xfdd0, 0xfdef}, {0xfe00, 0xfe0f}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0}, {0xfff0, 0xfffb},
        {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return true;
    return (c & 0xfffe) == 0xfffe;
}

/* Escapes what stands at s->p[at] into piece; returns the bytes taken, *len those written. */
static size_t escape_one(struct vs_str s, size_t at, char piece[16], size_t *len)
{
    unsigned char c = (unsigned char)s.p[at];
    size_t want = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (want > s.n - at || vs_utf8_valid(s.p + at, want) != want) {
        *len = (size_t)snprintf(piece, 16, "\\x%02X", c);
        return 1;
    }
    uint32_t cp;
    vs_utf8_next(s.p + at, s.p + at + want, &cp);
    if (cp == '\\') {
        *len = (size_t)snprintf(piece, 16, "\\\\");
    } else if (!is_hidden(cp)) {
        memcpy(piece, s.p + at, want);
        *len = want;
    } else {
        *len = (size_t)snprintf(piece, 16, cp < 0x80 ? "\\x%02X" : "\\u{%04X}", (unsigned)cp);
    }
    return want;
}

void vs_buf_escaped(struct vs_buf *b, struct vs_str s)
{
    char piece[16];
    size_t len;
    for (size_t at = 0; at < s.n;) {
        at += escape_one(s, at, piece, &len);
        vs_buf_add(b, piece, len);
    }
    vs_buf_add(b, "", 0);
}

const char *vs_escape(char *out, size_t cap, struct vs_str s)
{
    char piece[16];
    size_t len, used = 0, safe = 0; /* safe: where "..." still fits */
    if (cap == 0)
        return out;
    for (size_t at = 0; at < s.n; used += len) {
        at += escape_one(s, at, piece, &len);
        if (used + len + 1 > cap) {
            size_t dots = cap - 1 < 3 ? cap - 1 : 3;
            memcpy(out + safe, "...", dots);
            used = safe + dots;
            break;
        }
        memcpy(out + used, piece, len);
        if (used + len + 4 <= cap)
            safe = used + len;
    }
    out[used] = '\0';
    return out;
}

/* Valid UTF-8. */
static void add_json_chars(struct vs_buf *b, struct vs_str s)
{
    size_t plain = 0; /* start of the run that needs no escape */
    for (size_t at = 0; at < s.n; at++) {
        unsigned char c = (unsigned char)s.p[at];
        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
            continue;
        vs_buf_add(b, s.p + plain, at - plain);
        plain = at + 1;
        const char *names = "\"\"\\\\\bb\ff\nn\rr\tt", *name = c ? names : "";
        while (*name && (unsigned char)*name != c)
            name += 2;
        if (*name)
            vs_buf_add(b, (char[]){'\\', name[1]}, 2);
        else
            vs_buf_printf(b, "\\u%04x", c);
    }
    vs_buf_add(b, s.p + plain, s.n - plain);
}

void vs_buf_json_str(struct vs_buf *b, struct vs_str s)
{
    vs_buf_add(b, "\"", 1);
    for (size_t at = 0; at < s.n; at++) { /* at: of the byte that is no UTF-8, after each round */
        size_t n = vs_utf8_valid(s.p + at, s.n - at);
        add_json_chars(b, (struct vs_str){s.p + at, n});
        at += n;
        if (at < s.n)
            vs_buf_puts(b, "\xEF\xBF\xBD");
    }
    vs_buf_add(b, "\"", 1);
}

/* Nothing in it that a terminal would obey or that nobody would see. */
static bool shows(struct vs_str s)
{
    char piece[16];
    size_t len;
    for (size_t at = 0, from; at < s.n;) {
        from = at;
        at += escape_one(s, at, piece, &len);
        if (s.p[from] != '\\' && (len != at - from || memcmp(piece, s.p + from, len) != 0))
            return false;
    }
    return true;
}

/* $'...', byte by byte: POSIX 2024, and what bash, zsh and ksh have always read. */
static void put_bytes_word(struct vs_buf *b, struct vs_str s)
{
    vs_buf_puts(b, "$'");
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        if (c == '\'' || c == '\\')
            vs_buf_printf(b, "\\%c", c);
        else
            vs_buf_printf(b, c < 0x20 || c >= 0x7f ? "\\%03o" : "%c", c);
    }
    vs_buf_puts(b, "'");
}

void vs_buf_word(struct vs_buf *b, const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./+,:=@%";
    if (*word && word[strspn(word, plain)] == '\0') {
        vs_buf_puts(b, word);
        return;
    }
    if (!shows(vs_cstr(word))) {
        put_bytes_word(b, vs_cstr(word));
        return;
    }
    vs_buf_puts(b, "'");
    for (; *word; word++)
        vs_buf_puts(b, *word == '\'' ? "'\\''" : (char[]){*word, '\0'});
    vs_buf_puts(b, "'");
}
