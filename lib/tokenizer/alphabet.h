/* SPDX-License-Identifier: Apache-2.0
 *
 * How vocabulary strings spell text: the 256 characters of byte-level vocabularies, U+2581, <0xHH>.
 */
#ifndef VS_TOKENIZER_ALPHABET_H
#define VS_TOKENIZER_ALPHABET_H

#include <vs/tokenizer.h>
#include "base/str.h"

#define VS_SPACE_MARK "\xe2\x96\x81" /* U+2581 */

/* Printable Latin-1 stands for itself, the other 68 bytes are U+0100 .. U+0143 in ascending order. */
static inline uint32_t vs_byte_char(unsigned char byte)
{
    if (byte <= 0x20)
        return 0x100u + byte;
    if (byte >= 0x7f && byte <= 0xa0)
        return 0x100u + 33 + (byte - 0x7fu);
    return byte == 0xad ? 0x143 : byte;
}

static inline int vs_char_byte(uint32_t cp) /* -1: not of the alphabet */
{
    if (cp < 0x100)
        return vs_byte_char((unsigned char)cp) == cp ? (int)cp : -1;
    if (cp <= 0x120)
        return (int)cp - 0x100;
    if (cp <= 0x142)
        return (int)cp - 0x100 - 33 + 0x7f;
    return cp == 0x143 ? 0xad : -1;
}

int vs_byte_token(struct vs_str s);                          /* of "<0xHH>"; -1 when s is another string */
bool vs_undo_bytes(struct vs_str s, struct vs_buf *out);     /* false, and nothing added, when a character is foreign */
void vs_apply_bytes(struct vs_str s, struct vs_buf *out);

static inline bool vs_is_spelled_in_bytes(const struct vs_tokenizer *t, uint32_t id) /* an added token is its text */
{
    return t->alphabet == VS_ALPHA_BYTE && !vs_token_is_added(t, id, NULL);
}

#endif
