/* SPDX-License-Identifier: Apache-2.0
 *
 * Damaged GGUF files by name: how each is made from the sound one, and what becomes of it.
 */
#ifndef VS_TESTS_BAD_GGUF_H
#define VS_TESTS_BAD_GGUF_H

#include <vs/err.h>
#include "gguf_file.h"

struct bad_gguf {
    const char *name;
    enum vs_code code;      /* of vs_facts_open; VS_OK: it opens, with a remark that says needle */
    const char *needle;     /* what the message must say */
    const char *omit;       /* a key or tensor of the sound file that is left out */
    void (*add)(struct gg *g);
    void (*patch)(struct gg_bytes *file);
};

extern const struct bad_gguf bad_gguf[]; /* a name of NULL ends it */

#endif
