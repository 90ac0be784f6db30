/* SPDX-License-Identifier: Apache-2.0
 *
 * dequantise FILE.gguf: a line for each tensor with its name, dtype, shape and the SHA-256 of its values as little-endian
 * float32; "-" where the dtype is not widened. dequantise --mxfp4 FILE N: the values of N blocks of MXFP4 whose nibbles and
 * exponents stand apart (N x 16 bytes, N bytes). For comparison with another reader.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vs/checkpoint.h>
#include "base/io.h"
#include "base/sha256.h"
#include "quant.h"
#include "vs_kernels.h"

#define PIECE 65536 /* values at a time: whole blocks of any dtype */

static enum vs_code hash_values(const struct vs_file *f, const struct vs_tensor *t, struct vs_sha256 *sha, struct vs_err *err)
{
    static unsigned char stored[PIECE * 8];
    static float wide[PIECE];
    uint64_t n = 1, bytes = 0;
    enum vs_code code = VS_OK;
    for (uint32_t i = 0; i < t->ndim; i++)
        n *= t->shape[i];
    for (uint64_t at = 0; at < n && !code; at += PIECE) {
        const uint64_t count = n - at < PIECE ? n - at : PIECE;
        uint64_t begin = 0;
        if (!vs_dtype_row_bytes(t->dtype, at, &begin) || !vs_dtype_row_bytes(t->dtype, count, &bytes))
            return vs_fail(err, VS_EFORMAT, "no whole blocks");
        code = vs_file_pread(f, t->begin + begin, stored, bytes, err);
        if (!code)
            code = vs_k_to_f32(stored, t->dtype, count, wide, err);
        if (!code)
            vs_sha256_add(sha, wide, count * sizeof *wide);
    }
    return code;
}

static enum vs_code show(const struct vs_checkpoint *c, const struct vs_tensor *t, struct vs_err *err)
{
    struct vs_file f = {.fd = -1};
    char text[VS_SHA256_HEX] = "-";
    const bool widened = vs_float_size(t->dtype) || vs_quant_elements(t->dtype);
    struct vs_sha256 *sha = vs_sha256_new();
    enum vs_code code = sha ? vs_file_open(c->files[t->file].path, &f, err) : vs_enomem(err, "a hash", 0);
    if (!code && widened)
        code = hash_values(&f, t, sha, err);
    vs_file_close(&f);
    if (!code && widened)
        vs_sha256_end(sha, text);
    else
        vs_sha256_drop(sha);
    printf("%.*s %s ", VS_STR(t->name), vs_dtype_name(t->dtype));
    for (uint32_t i = 0; i < t->ndim; i++)
        printf("%s%" PRIu64, i ? "x" : "", t->shape[i]);
    printf(" %s\n", text);
    return code;
}

static enum vs_code split(const char *path, uint64_t n, struct vs_err *err)
{
    static float wide[PIECE];
    struct vs_dev *dev = NULL;
    char *text = NULL;
    size_t bytes = 0;
    enum vs_code code = vs_read_all(path, PIECE, &text, &bytes, err);
    if (!code && (bytes != n * 17 || n * 32 > PIECE))
        code = vs_fail(err, VS_EUSAGE, "%s: %zu bytes", path, bytes);
    if (!code)
        code = vs_dev_open(VS_DEV_CPU, 1, &dev, err);
    if (!code)
        code = vs_k_dequant_mxfp4(dev, (uint8_t *)text, (uint8_t *)text + n * 16, n * 32, wide, err);
    if (!code && fwrite(wide, sizeof *wide, n * 32, stdout) != n * 32)
        code = vs_fail(err, VS_EIO, "cannot write");
    vs_dev_close(dev);
    vs_free(text);
    return code;
}

int main(int argc, char **argv)
{
    struct vs_err err = {VS_OK, "usage: dequantise FILE.gguf"};
    struct vs_checkpoint *c = NULL;
    enum vs_code code = argc == 4 && strcmp(argv[1], "--mxfp4") == 0 ? split(argv[2], strtoull(argv[3], NULL, 10), &err) : argc == 2 ? vs_checkpoint_open(argv[1], &(struct vs_checkpoint_options){.lenient = true, .gguf = true}, &c, &err) : VS_EUSAGE;
    for (uint64_t i = 0; c && !code && i < c->tensor_count; i++)
        code = show(c, &c->tensors[i], &err);
    if (code)
        fprintf(stderr, "dequantise: %s\n", err.message);
    vs_checkpoint_close(c);
    return code || ferror(stdout) || fflush(stdout) != 0;
}
