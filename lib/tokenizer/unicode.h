/* SPDX-License-Identifier: Apache-2.0
 *
 * Character classes as the Rust library has them (tokenizers.md 6).
 */
#ifndef VS_TOKENIZER_UNICODE_H
#define VS_TOKENIZER_UNICODE_H

#include <stdbool.h>
#include <stdint.h>
#include <utf8proc.h>

static inline bool vs_is_space(uint32_t c) /* White_Space */
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static inline bool vs_is_control(uint32_t c) /* C, unassigned ones too: what the Bert normalizer takes out */
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return c != '\t' && c != '\n' && c != '\r' &&
           (k == UTF8PROC_CATEGORY_CC || k == UTF8PROC_CATEGORY_CF || k == UTF8PROC_CATEGORY_CO || k == UTF8PROC_CATEGORY_CS ||
            k == UTF8PROC_CATEGORY_CN);
}

static inline bool vs_is_punctuation(uint32_t c)
{
    if (c < 128)
        return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
    if (c == 0x166d) /* a symbol since Unicode 12; the library's table is older */
        return true;
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_PC: case UTF8PROC_CATEGORY_PD: case UTF8PROC_CATEGORY_PS: case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI: case UTF8PROC_CATEGORY_PF: case UTF8PROC_CATEGORY_PO: return true;
    default: return false;
    }
}

static inline bool vs_is_mark(uint32_t c) /* M */
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_MN || k == UTF8PROC_CATEGORY_MC || k == UTF8PROC_CATEGORY_ME;
}

static inline bool vs_is_nonspacing(uint32_t c) /* Mn, as it was in Unicode 8: three characters have changed sides */
{
    return c == 0x1734 || (c != 0x1885 && c != 0x1886 && utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_MN);
}

static inline bool vs_is_word(uint32_t c) /* \w of Rust's regex: Alphabetic, M, Nd, Pc, Join_Control */
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    bool circled = (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) || (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) || vs_is_mark(c) || k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL ||
           k == UTF8PROC_CATEGORY_PC || circled || c == 0x200c || c == 0x200d;
}

static inline bool vs_is_number(uint32_t c)
{
    utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}

static inline bool vs_is_cjk(uint32_t c) /* the blocks that BERT separates */
{
    return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b73f) ||
           (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

#endif
