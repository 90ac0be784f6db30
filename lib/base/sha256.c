/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include "base/run.h"
#include "base/sha256.h"

#define BUFFER ((uint64_t)256 << 10)

struct vs_sha256 { EVP_MD_CTX *ctx; bool failed; };

struct vs_sha256 *vs_sha256_new(void)
{
    struct vs_sha256 *h = vs_calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->ctx = EVP_MD_CTX_new();
    if (!h->ctx || !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL)) {
        vs_sha256_drop(h);
        return NULL;
    }
    return h;
}

void vs_sha256_add(struct vs_sha256 *h, const void *p, size_t n)
{
    if (n && !EVP_DigestUpdate(h->ctx, p, n))
        h->failed = true;
}

static void put_hex(const unsigned char *digest, char hex[VS_SHA256_HEX])
{
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[64] = '\0';
}

void vs_sha256_end(struct vs_sha256 *h, char hex[VS_SHA256_HEX])
{
    unsigned char digest[32];
    if (!h->failed && EVP_DigestFinal_ex(h->ctx, digest, NULL))
        put_hex(digest, hex);
    else
        hex[0] = '\0';
    vs_sha256_drop(h);
}

void vs_sha256_drop(struct vs_sha256 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    vs_free(h);
}

void vs_sha256_of(struct vs_str bytes, char hex[VS_SHA256_HEX])
{
    unsigned char digest[32];
    if (EVP_Digest(bytes.n ? bytes.p : "", bytes.n, digest, NULL, EVP_sha256(), NULL))
        put_hex(digest, hex);
    else
        hex[0] = '\0';
}

enum vs_code vs_sha256_range(const struct vs_file *f, uint64_t begin, uint64_t end, const struct vs_run *run,
                             char hex[VS_SHA256_HEX], struct vs_err *err)
{
    struct vs_task task;
    enum vs_code code = VS_OK;
    struct vs_sha256 *h = vs_sha256_new();
    char *buffer = vs_malloc((size_t)BUFFER);
    hex[0] = '\0';
    if (!h || !buffer) {
        code = vs_enomem(err, "a SHA-256", BUFFER);
        goto out;
    }
    vs_task_begin(&task, run, vs_path_base(f->path), end - begin);
    while (begin < end) {
        uint64_t n = end - begin < BUFFER ? end - begin : BUFFER;
        code = vs_file_pread(f, begin, buffer, (size_t)n, err);
        if (!code)
            code = vs_task_step(&task, n, err);
        if (code)
            goto out;
        vs_sha256_add(h, buffer, (size_t)n);
        begin += n;
    }
    vs_sha256_end(h, hex);
    h = NULL;
    if (!hex[0])
        code = vs_enomem(err, "a SHA-256", 0);
out:
    vs_sha256_drop(h);
    vs_free(buffer);
    return code;
}

enum vs_code vs_sha256_path(const char *path, const struct vs_run *run, char hex[VS_SHA256_HEX], struct vs_err *err)
{
    struct vs_file f;
    hex[0] = '\0';
    enum vs_code code = vs_file_open(path, &f, err);
    if (code)
        return code;
    code = vs_sha256_range(&f, 0, f.size, run, hex, err);
    if (!code)
        code = vs_file_unchanged(&f, err);
    vs_file_close(&f);
    return code;
}
