/* SPDX-License-Identifier: Apache-2.0
 *
 * Normalizers, one after the other, each from one buffer into another.
 */
#include <string.h>
#include "tokenizer/alphabet.h"
#include "tokenizer/steps.h"
#include "tokenizer/unicode.h"

static void put_char(struct vs_buf *out, uint32_t cp)
{
    char utf8[4];
    vs_buf_add(out, utf8, vs_utf8_put(utf8, cp));
}

static bool is_ascii(struct vs_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 128)
            return false;
    return true;
}

static unsigned class_of(utf8proc_int32_t cp)
{
    return utf8proc_get_property(cp)->combining_class;
}

/* Marks by their class, those of one class as they stand. */
static bool sort_marks(utf8proc_int32_t *marks, size_t n)
{
    size_t places[257] = {0};
    utf8proc_int32_t *sorted = vs_realloc_array(NULL, n, sizeof *sorted);
    for (size_t i = 0; sorted && i < n; i++)
        places[class_of(marks[i]) + 1]++;
    for (unsigned c = 0; c < 256; c++)
        places[c + 1] += places[c];
    for (size_t i = 0; sorted && i < n; i++)
        sorted[places[class_of(marks[i])]++] = marks[i];
    if (sorted)
        memcpy(marks, sorted, n * sizeof *marks);
    vs_free(sorted);
    return sorted;
}

/* Each run of marks: utf8proc_decompose, which exchanges neighbours, takes the square of its length. */
static bool order_marks(utf8proc_int32_t *cp, size_t n)
{
    for (size_t i = 0, begin; i < n; i++) {
        bool in_order = true;
        for (begin = i; i < n && class_of(cp[i]); i++)
            in_order = in_order && (i == begin || class_of(cp[i - 1]) <= class_of(cp[i]));
        if (!in_order && !sort_marks(cp + begin, i - begin))
            return false;
    }
    return true;
}

/* utf8proc's normal forms. Its tables are newer than those of the Rust library (Unicode 9): characters that came later are
 * composed here and left alone there. */
static enum vs_code normal_form(struct vs_str text, utf8proc_option_t form, struct vs_buf *out, struct vs_err *err)
{
    const utf8proc_option_t options = (utf8proc_option_t)(UTF8PROC_STABLE | form);
    struct vs_buf wide = {0}; /* of code points */
    enum vs_code code = VS_OK;
    if (is_ascii(text)) {
        vs_buf_str(out, text);
        return VS_OK;
    }
    for (const char *p = text.p, *end = p + text.n; !code && p < end;) {
        utf8proc_int32_t parts[32]; /* the longest there are have 18 */
        int boundary = 0;
        uint32_t cp;
        p += vs_utf8_next(p, end, &cp);
        utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, parts, 32, options, &boundary);
        if (n < 0)
            code = vs_fail(err, VS_EFORMAT, "text: %s", utf8proc_errmsg(n));
        else
            vs_buf_add(&wide, parts, (size_t)n * sizeof *parts);
    }
    utf8proc_int32_t *points = (utf8proc_int32_t *)(void *)wide.p;
    utf8proc_ssize_t count = (utf8proc_ssize_t)(wide.n / sizeof *points);
    if (!code && (wide.failed || !order_marks(points, (size_t)count)))
        code = vs_enomem(err, "normalised text", text.n);
    count = code ? 0 : utf8proc_normalize_utf32(points, count, options);
    for (utf8proc_ssize_t i = 0; i < count; i++)
        put_char(out, (uint32_t)points[i]);
    vs_buf_free(&wide);
    return code;
}

static void lowercase(struct vs_str text, struct vs_buf *out)
{
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        uint32_t cp;
        p += vs_utf8_next(p, end, &cp);
        if (cp == 0x130) { /* the one character whose lower case is two */
            put_char(out, 'i');
            put_char(out, 0x307);
        } else {
            put_char(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
        }
    }
}

/* huggingface/tokenizers normalizers/unicode.rs, after SentencePiece's nmt rules: controls go, blanks of all kinds become spaces. */
static void nmt(struct vs_str text, struct vs_buf *out)
{
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        uint32_t c;
        unsigned n = vs_utf8_next(p, end, &c);
        bool gone = (c >= 1 && c <= 8) || c == 0xb || (c >= 0xe && c <= 0x1f) || c == 0x7f || c == 0x8f || c == 0x9f;
        bool blank = c == 9 || c == 0xa || c == 0xc || c == 0xd || c == 0x1680 || (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 ||
                     c == 0x2581 || c == 0xfeff || c == 0xfffd;
        if (!gone)
            vs_buf_add(out, blank ? " " : p, blank ? 1 : n);
        p += n;
    }
}

/* StripAccents takes out marks of all kinds, Bert's strip_accents only those without a width. */
static void strip_marks(struct vs_str text, bool (*is_mark)(uint32_t), struct vs_buf *out)
{
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        uint32_t cp;
        unsigned n = vs_utf8_next(p, end, &cp);
        if (!is_mark(cp))
            vs_buf_add(out, p, n);
        p += n;
    }
}

static void strip(struct vs_str text, bool left, bool right, struct vs_buf *out)
{
    const char *first = NULL, *last = text.p, *end = text.p + text.n;
    for (const char *p = text.p; p < end;) {
        uint32_t cp;
        unsigned n = vs_utf8_next(p, end, &cp);
        if (!vs_is_space(cp)) {
            first = first ? first : p;
            last = p + n;
        }
        p += n;
    }
    const char *begin = left ? (first ? first : end) : text.p, *stop = right ? last : end;
    if (begin < stop)
        vs_buf_add(out, begin, (size_t)(stop - begin));
}

static void bert_clean(const struct vs_step *s, struct vs_str text, struct vs_buf *out)
{
    for (const char *p = text.p, *end = p + text.n; p < end;) {
        uint32_t cp;
        p += vs_utf8_next(p, end, &cp);
        if (s->clean && (cp == 0 || cp == 0xfffd || vs_is_control(cp)))
            continue;
        if (s->clean && vs_is_space(cp))
            cp = ' ';
        bool apart = s->chinese && vs_is_cjk(cp);
        if (apart)
            vs_buf_puts(out, " ");
        put_char(out, cp);
        if (apart)
            vs_buf_puts(out, " ");
    }
}

static enum vs_code bert(const struct vs_step *s, struct vs_str text, struct vs_buf *out, struct vs_err *err)
{
    struct vs_buf a = {0}, b = {0};
    enum vs_code code = VS_OK;
    bert_clean(s, text, &a);
    if (s->accents) {
        code = normal_form(vs_buf_view(&a), UTF8PROC_DECOMPOSE, &b, err);
        a.n = 0;
        if (!code)
            strip_marks(vs_buf_view(&b), vs_is_nonspacing, &a);
    }
    if (!code && s->lower)
        lowercase(vs_buf_view(&a), out);
    else if (!code)
        vs_buf_str(out, vs_buf_view(&a));
    out->failed |= a.failed || b.failed;
    vs_buf_free(&a);
    vs_buf_free(&b);
    return code;
}

static void replace_string(const struct vs_step *s, struct vs_str text, struct vs_buf *out)
{
    const char *at = text.p, *end = text.p + text.n;
    for (const char *hit; at < end && s->pattern.n && (hit = memmem(at, (size_t)(end - at), s->pattern.p, s->pattern.n)); at = hit + s->pattern.n) {
        vs_buf_add(out, at, (size_t)(hit - at));
        vs_buf_str(out, s->with);
    }
    vs_buf_add(out, at, (size_t)(end - at));
}

static enum vs_code replace(const struct vs_pipeline *p, const struct vs_step *s, struct vs_str text, struct vs_buf *out, struct vs_err *err)
{
    struct vs_search search = {.text = text, .last_end = SIZE_MAX};
    size_t copied = 0;
    bool found = true;
    if (!s->re) {
        replace_string(s, text, out);
        return VS_OK;
    }
    while (found) {
        enum vs_code code = vs_regex_next(s->re, p->match, &search, &found, err);
        if (code)
            return code;
        if (!found)
            break;
        vs_buf_add(out, text.p + copied, search.begin - copied);
        vs_buf_str(out, s->with);
        copied = search.end;
    }
    vs_buf_add(out, text.p + copied, text.n - copied);
    return VS_OK;
}

static enum vs_code run_step(const struct vs_pipeline *p, const struct vs_step *s, struct vs_str text, struct vs_buf *out, struct vs_err *err)
{
    switch (s->kind) {
    case VS_STEP_NFC: return normal_form(text, UTF8PROC_COMPOSE, out, err);
    case VS_STEP_NFD: return normal_form(text, UTF8PROC_DECOMPOSE, out, err);
    case VS_STEP_NFKC: return normal_form(text, (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_COMPAT), out, err);
    case VS_STEP_NFKD: return normal_form(text, (utf8proc_option_t)(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT), out, err);
    case VS_STEP_BERT: return bert(s, text, out, err);
    case VS_STEP_REPLACE: return replace(p, s, text, out, err);
    case VS_STEP_PRECOMPILED: return vs_charsmap_run(s->charsmap, text, out, err);
    case VS_STEP_NMT: nmt(text, out); break;
    case VS_STEP_LOWERCASE: lowercase(text, out); break;
    case VS_STEP_STRIP_ACCENTS: strip_marks(text, vs_is_mark, out); break;
    case VS_STEP_STRIP: strip(text, s->left, s->right, out); break;
    case VS_STEP_BYTES: vs_apply_bytes(text, out); break;
    case VS_STEP_PREPEND:
        if (text.n)
            vs_buf_str(out, s->with);
        vs_buf_str(out, text);
        break;
    default: break;
    }
    return VS_OK;
}

/* Does the step take out the first character? Filters do and empty replacements; a charsmap's keep the beginning where it was. */
static enum vs_code cuts(const struct vs_pipeline *p, const struct vs_step *s, struct vs_str text, bool *yes, struct vs_err *err)
{
    struct vs_buf b = {0};
    uint32_t cp = 0;
    struct vs_str first = {text.p, text.n ? vs_utf8_next(text.p, text.p + text.n, &cp) : 0};
    struct vs_search search = {.text = text, .last_end = SIZE_MAX};
    enum vs_code code = VS_OK;
    *yes = false;
    if (!text.n)
        return VS_OK;
    switch (s->kind) {
    case VS_STEP_STRIP: *yes = s->left && vs_is_space(cp); break;
    case VS_STEP_NMT: case VS_STEP_STRIP_ACCENTS: case VS_STEP_BERT:
        code = run_step(p, s, first, &b, err);
        *yes = b.n == 0;
        break;
    case VS_STEP_REPLACE:
        if (!s->with.n && s->re)
            code = vs_regex_next(s->re, p->match, &search, yes, err);
        else if (!s->with.n)
            *yes = s->pattern.n && vs_str_starts(text, s->pattern);
        *yes = *yes && search.begin == 0 && (!s->re || search.end);
        break;
    default: break;
    }
    if (!code && b.failed)
        code = vs_enomem(err, "normalised text", b.n);
    vs_buf_free(&b);
    return code;
}

enum vs_code vs_run_normalizer(const struct vs_pipeline *p, struct vs_str text, struct vs_buf *out, bool *cut, struct vs_err *err)
{
    struct vs_buf buffers[2] = {{0}, {0}};
    enum vs_code code = VS_OK;
    *cut = false;
    for (uint32_t i = 0; !code && i < p->normalizer.count; i++) {
        struct vs_buf *b = &buffers[i % 2];
        bool here;
        b->n = 0;
        code = cuts(p, &p->normalizer.items[i], text, &here, err);
        *cut |= here;
        if (!code)
            code = run_step(p, &p->normalizer.items[i], text, b, err);
        if (!code && b->failed)
            code = vs_enomem(err, "normalised text", b->n);
        text = vs_buf_view(b);
    }
    if (!code)
        vs_buf_str(out, text);
    vs_buf_free(&buffers[0]);
    vs_buf_free(&buffers[1]);
    return code || !out->failed ? code : vs_enomem(err, "normalised text", out->n);
}
