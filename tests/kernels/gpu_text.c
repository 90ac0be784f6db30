/* SPDX-License-Identifier: Apache-2.0 */
#include "gpu_parts.h"

/* Device names and our messages hold nothing worse than these. */
void put_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text >= 0x20)
            fputc(*text, f);
    fputc('"', f);
}

int put_error(FILE *f, const char *message)
{
    fputs("{\"error\": ", f);
    put_text(f, message);
    fputs("}\n", f);
    fflush(f);
    return 1;
}
