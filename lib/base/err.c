/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <vs/vs.h>
#include "base/str.h"
#include "base/version.h"

const char *vs_version(void)
{
    return VS_VERSION;
}

/* Copies text as one printable line: control characters and broken UTF-8 as \xHH, cut with "..." at the end of out. */
static void copy_line(char *out, size_t cap, const char *text, size_t n)
{
    size_t at = 0, used = 0;
    while (at < n) {
        char piece[8];
        size_t take = 1, len = 4;
        unsigned char c = (unsigned char)text[at];
        if (c < 0x20 || c == 0x7f) {
            snprintf(piece, sizeof piece, "\\x%02X", c);
        } else {
            size_t want = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
            if (want <= n - at && vs_utf8_valid(text + at, want) == want) {
                take = len = want;
                memcpy(piece, text + at, want);
            } else {
                snprintf(piece, sizeof piece, "\\x%02X", c);
            }
        }
        if (used + len + 4 > cap) {
            memcpy(out + used, "...", 3);
            used += 3;
            break;
        }
        memcpy(out + used, piece, len);
        used += len;
        at += take;
    }
    out[used] = '\0';
}

enum vs_code vs_fail(struct vs_err *err, enum vs_code code, const char *fmt, ...)
{
    char text[VS_ERR_MAX]; /* apart from err->message: the arguments may point into it */
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    err->code = code;
    copy_line(err->message, sizeof err->message, text, n < 0 ? 0 : strlen(text));
    return code;
}
