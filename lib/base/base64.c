/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

static int value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool vs_base64(struct vs_str text, struct vs_buf *out)
{
    size_t n = text.n;
    uint32_t bits = 0;
    if (n % 4)
        return false;
    for (int pad = 0; pad < 2 && n && text.p[n - 1] == '='; pad++)
        n--;
    for (size_t i = 0; i < n; i++) {
        int v = value(text.p[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        if (i % 4 == 3)
            vs_buf_add(out, (char[]){(char)(bits >> 16), (char)(bits >> 8), (char)bits}, 3);
    }
    if (n % 4 == 0)
        return true;
    if (n % 4 == 1)
        return false;
    bits <<= 6 * (4 - n % 4); /* the last two or three characters: one or two bytes, and zeros */
    vs_buf_add(out, (char[]){(char)(bits >> 16), (char)(bits >> 8)}, n % 4 - 1);
    return (n % 4 == 2 ? bits & 0xffff : bits & 0xff) == 0;
}
