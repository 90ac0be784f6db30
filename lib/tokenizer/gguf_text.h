/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files that make an encoder of the keys of a GGUF file (load_gguf.h has what they do).
 */
#ifndef VS_TOKENIZER_GGUF_TEXT_H
#define VS_TOKENIZER_GGUF_TEXT_H

#include "format/gguf.h"
#include "tokenizer/load.h"

/* VS_EUNSUPPORTED: the file is sound as far as it goes, but not for text; the message ends with the remedy. */
enum vs_code vs_gguf_no_text(const struct vs_gguf *g, struct vs_err *err, const char *key, const char *fmt, ...) VS_PRINTF(4, 5) VS_NODISCARD;

/* The pair table of l->impl, whose tokens are there. A part of a merge that is no token, a pair that stands twice, a token without a score
 * or with NaN: vs_gguf_no_text. */
enum vs_code vs_gguf_read_merges(const struct vs_gguf *g, const struct vs_load *l, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_gguf_read_scores(const struct vs_gguf *g, const struct vs_load *l, struct vs_err *err) VS_NODISCARD;

#endif
