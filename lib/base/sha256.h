/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 through libcrypto. Where a function cannot fail otherwise, an empty hex says that libcrypto was short of memory.
 */
#ifndef VS_BASE_SHA256_H
#define VS_BASE_SHA256_H

#include "base/io.h"

#define VS_SHA256_HEX 65 /* 64 digits and a NUL */

struct vs_sha256; /* opaque; one running hash */
struct vs_sha256 *vs_sha256_new(void);                       /* NULL when memory is short */
void vs_sha256_add(struct vs_sha256 *h, const void *p, size_t n);
void vs_sha256_end(struct vs_sha256 *h, char hex[VS_SHA256_HEX]); /* frees h */
void vs_sha256_drop(struct vs_sha256 *h);                    /* frees h unfinished; accepts NULL */
void vs_sha256_of(struct vs_str bytes, char hex[VS_SHA256_HEX]);
enum vs_code vs_sha256_range(const struct vs_file *f, uint64_t begin, uint64_t end, const struct vs_run *run,
                             char hex[VS_SHA256_HEX], struct vs_err *err) VS_NODISCARD;
enum vs_code vs_sha256_path(const char *path, const struct vs_run *run, char hex[VS_SHA256_HEX], struct vs_err *err) VS_NODISCARD;

#endif
