/* SPDX-License-Identifier: Apache-2.0 */
#include "tokenizer/alphabet.h"
#include "tokenizer/impl.h"

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int vs_byte_token(struct vs_str s)
{
    if (s.n != 6 || memcmp(s.p, "<0x", 3) != 0 || s.p[5] != '>' || hex(s.p[3]) < 0 || hex(s.p[4]) < 0)
        return -1;
    return hex(s.p[3]) << 4 | hex(s.p[4]);
}

bool vs_undo_bytes(struct vs_str s, struct vs_buf *out)
{
    size_t before = out->n;
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        uint32_t cp;
        p += vs_utf8_next(p, end, &cp);
        int byte = vs_char_byte(cp);
        if (byte < 0) {
            out->n = before;
            return false;
        }
        vs_buf_add(out, &(char){(char)byte}, 1);
    }
    return true;
}

void vs_apply_bytes(struct vs_str s, struct vs_buf *out)
{
    char c[4];
    for (size_t i = 0; i < s.n; i++)
        vs_buf_add(out, c, vs_utf8_put(c, vs_byte_char((unsigned char)s.p[i])));
}

/* ---- which alphabet ---- */

/* Is there a component of this type in a section? Sequences are looked into; the scanner has bounded their depth. */
static const struct vs_jval *component(const struct vs_jval *v, const char *type)
{
    struct vs_str name;
    if (!v || v->type != VS_JSON_OBJECT)
        return NULL;
    if (vs_jstr(vs_jget(v, "type"), &name) && vs_str_is(name, type))
        return v;
    static const char *const lists[] = {"normalizers", "pretokenizers", "decoders"};
    for (unsigned i = 0; i < 3; i++) {
        const struct vs_jval *list = vs_jget(v, lists[i]);
        for (const struct vs_jval *c = list ? list->child : NULL; c; c = c->next) {
            const struct vs_jval *found = component(c, type);
            if (found)
                return found;
        }
    }
    return NULL;
}

static bool uses(const struct vs_tokenizer_impl *impl, const char *type)
{
    return component(impl->sections[VS_SEC_NORMALIZER].root, type) || component(impl->sections[VS_SEC_PRE_TOKENIZER].root, type) ||
           component(impl->sections[VS_SEC_DECODER].root, type);
}

/* Replace " " by U+2581 on the way in, or U+2581 by " " on the way out. */
static bool replaces_spaces(const struct vs_tokenizer_impl *impl)
{
    struct vs_str s;
    const struct vs_jval *in = component(impl->sections[VS_SEC_NORMALIZER].root, "Replace");
    const struct vs_jval *out = component(impl->sections[VS_SEC_DECODER].root, "Replace");
    return (in && vs_jstr(vs_jget(in, "content"), &s) && vs_str_is(s, VS_SPACE_MARK)) ||
           (out && vs_jstr(vs_jpath(out, "/pattern/String"), &s) && vs_str_is(s, VS_SPACE_MARK));
}

void vs_find_alphabet(struct vs_tokenizer_impl *impl)
{
    struct vs_tokenizer *t = &impl->t;
    if (t->kind == VS_TOK_WORDPIECE)
        t->alphabet = VS_ALPHA_WORDPIECE;
    else if (uses(impl, "ByteLevel"))
        t->alphabet = VS_ALPHA_BYTE;
    else
        t->alphabet = uses(impl, "Metaspace") || replaces_spaces(impl) ? VS_ALPHA_METASPACE : VS_ALPHA_PLAIN;
}

/* ---- bytes of one token ---- */

static void spaces(struct vs_str s, struct vs_buf *out)
{
    for (size_t i = 0; i < s.n;) {
        if (s.n - i >= 3 && memcmp(s.p + i, VS_SPACE_MARK, 3) == 0) {
            vs_buf_add(out, " ", 1);
            i += 3;
        } else {
            vs_buf_add(out, s.p + i++, 1);
        }
    }
}

bool vs_token_bytes(const struct vs_tokenizer *t, uint32_t id, struct vs_buf *out)
{
    struct vs_str s = vs_token_text(t, id), prefix = t->impl->model.prefix;
    if (!s.p)
        return false;
    if (vs_token_is_added(t, id, NULL)) {
        vs_buf_str(out, s);
        return true;
    }
    switch (t->alphabet) {
    case VS_ALPHA_BYTE: return vs_undo_bytes(s, out);
    case VS_ALPHA_METASPACE:
        if (t->byte_fallback && vs_byte_token(s) >= 0)
            vs_buf_add(out, &(char){(char)vs_byte_token(s)}, 1);
        else
            spaces(s, out);
        return true;
    case VS_ALPHA_WORDPIECE:
        if (prefix.n && vs_str_starts(s, prefix))
            s = (struct vs_str){s.p + prefix.n, s.n - prefix.n};
        vs_buf_str(out, s);
        return true;
    case VS_ALPHA_PLAIN: break;
    }
    vs_buf_str(out, s);
    return true;
}
