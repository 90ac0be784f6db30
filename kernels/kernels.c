/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens a device; checks arguments once for every backend.
 */
#include "backend.h"
#include "canon.h"
#include "quant.h"

enum vs_code vs_dev_open(enum vs_dev_kind kind, unsigned threads, struct vs_dev **out, struct vs_err *err)
{
    *out = NULL;
    if (kind == VS_DEV_CUDA)
        return vs_cuda_open(out, err);
    return vs_cpu_open(threads, out, err);
}

void vs_dev_close(struct vs_dev *dev)
{
    if (dev)
        dev->backend->close(dev);
}

enum vs_dev_kind vs_dev_kind_of(const struct vs_dev *dev)
{
    return dev->kind;
}

const char *vs_dev_name(const struct vs_dev *dev)
{
    return dev->name;
}

static enum vs_code check_dtype(enum vs_dtype dtype, struct vs_err *err)
{
    if (vs_float_size(dtype))
        return VS_OK;
    return vs_fail(err, VS_EUNSUPPORTED, "rows of dtype %s: expected F64, F32, F16 or BF16", vs_dtype_name(dtype));
}

enum vs_code vs_check_bytes(uint64_t rows, uint64_t cols, uint64_t size, struct vs_err *err)
{
    uint64_t bytes;
    if (!__builtin_mul_overflow(rows, cols, &bytes) && !__builtin_mul_overflow(bytes, size, &bytes) && bytes <= PTRDIFF_MAX)
        return VS_OK;
    return vs_fail(err, VS_ELIMIT, "%llu rows of %llu values: more bytes than can be addressed", (unsigned long long)rows,
                   (unsigned long long)cols);
}

static enum vs_code check_window(const struct vs_rows *w, struct vs_err *err)
{
    enum vs_code code = check_dtype(w->dtype, err);
    if (!code)
        code = vs_check_bytes(w->count, w->cols, vs_float_size(w->dtype), err);
    if (!code && (!w->data || !w->cols) && w->count)
        code = vs_fail(err, VS_EUSAGE, "a window of %llu rows without data", (unsigned long long)w->count);
    if (!code && (w->first > w->total || w->count > w->total - w->first))
        code = vs_fail(err, VS_EUSAGE, "rows [%llu, %llu + %llu) of a table of %llu", (unsigned long long)w->first,
                       (unsigned long long)w->first, (unsigned long long)w->count, (unsigned long long)w->total);
    return code;
}

enum vs_code vs_k_gather(struct vs_dev *dev, const struct vs_rows *window, const int64_t *ids, uint64_t n,
                         const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                         uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err)
{
    if (bad_count)
        *bad_count = 0;
    enum vs_code code = check_window(window, err);
    if (!code)
        code = vs_check_bytes(n, window->cols > 2 ? window->cols : 2, sizeof *ids, err);
    if (!code && bad_cap && !bad)
        code = vs_fail(err, VS_EUSAGE, "gather: room for %llu offenders, but no place", (unsigned long long)bad_cap);
    if (code || !n)
        return code;
    return dev->backend->gather(dev, window, ids, n, ranges, range_count, out, bad, bad_count ? bad_cap : 0, bad_count, err);
}

enum vs_code vs_k_row_stats(struct vs_dev *dev, const struct vs_rows *window, struct vs_k_row *out, struct vs_err *err)
{
    enum vs_code code = check_window(window, err);
    if (!code && window->cols > UINT32_MAX)
        code = vs_fail(err, VS_ELIMIT, "rows of %llu values: at most 4294967295", (unsigned long long)window->cols);
    return code || !window->count ? code : dev->backend->row_stats(dev, window, out, err);
}

enum vs_code vs_k_column_sums(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *use, const double *center,
                              double *sum, double *sum_squares, uint64_t *rows_added, struct vs_err *err)
{
    enum vs_code code = check_window(window, err);
    if (code || !window->count)
        return code;
    return dev->backend->column_sums(dev, window, use, center, sum, sum_squares, rows_added, err);
}

struct vs_k_key vs_k_key_make(uint64_t seed, uint32_t role, const void *token, uint64_t n)
{
    const unsigned char *p = token;
    struct vs_k_key key = {seed, vs_mix64(role + VS_GOLDEN)};
    for (uint64_t at = 0; at < n; at += 8) {
        uint64_t word = 0;
        for (unsigned i = 0; i < 8 && at + i < n; i++)
            word |= (uint64_t)p[at + i] << 8 * i;
        key.stream = vs_mix64((key.stream ^ word) + VS_GOLDEN);
    }
    key.stream = vs_mix64((key.stream ^ n) + VS_GOLDEN);
    return key;
}

enum vs_code vs_k_affine_noise(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                               const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err)
{
    enum vs_code code = check_dtype(dtype, err);
    if (!code)
        code = vs_check_bytes(rows, cols > 2 ? cols : 2, sizeof(double), err);
    return code || !rows || !cols ? code : dev->backend->affine_noise(dev, shift, scale, cols, keys, rows, dtype, out, err);
}

enum vs_code vs_k_combine(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *starts, const uint64_t *piece_ids,
                          const double *weights, uint64_t rows, void *out, struct vs_err *err)
{
    enum vs_code code = check_window(window, err);
    if (!code)
        code = vs_check_bytes(rows, window->cols > 2 ? window->cols : 2, sizeof(double), err);
    for (uint64_t r = 0; r < rows && !code; r++) {
        if (starts[r] >= starts[r + 1])
            return vs_fail(err, VS_EUSAGE, "combine: row %llu has no pieces", (unsigned long long)r);
        for (uint64_t p = starts[r]; p < starts[r + 1]; p++)
            if (piece_ids[p] < window->first || piece_ids[p] - window->first >= window->count)
                return vs_fail(err, VS_EUSAGE, "combine: piece %llu of row %llu: not in rows [%llu, %llu)",
                               (unsigned long long)piece_ids[p], (unsigned long long)r, (unsigned long long)window->first,
                               (unsigned long long)(window->first + window->count));
    }
    return code || !rows ? code : dev->backend->combine(dev, window, starts, piece_ids, weights, rows, out, err);
}

enum vs_code vs_k_head_probe(struct vs_dev *dev, const struct vs_rows *window, const float *hidden, uint64_t probes,
                             const float *bias, float *logits, struct vs_err *err)
{
    enum vs_code code = check_window(window, err);
    if (!code)
        code = vs_check_bytes(probes, window->cols, sizeof(float), err);
    if (!code)
        code = vs_check_bytes(probes, window->count, sizeof(float), err);
    return code || !probes || !window->count ? code : dev->backend->head_probe(dev, window, hidden, probes, bias, logits, err);
}

enum vs_code vs_k_argmax(struct vs_dev *dev, const float *logits, uint64_t n, uint64_t m, const uint64_t *use,
                         struct vs_k_max *out, struct vs_err *err)
{
    enum vs_code code = vs_check_bytes(n, m, sizeof(float), err);
    for (uint64_t i = 0; i < n && !m; i++)
        out[i] = (struct vs_k_max){.index = UINT64_MAX};
    return code || !n || !m ? code : dev->backend->argmax(dev, logits, n, m, use, out, err);
}

static enum vs_code check_blocks(enum vs_dtype dtype, uint64_t n, struct vs_err *err)
{
    const uint32_t elements = vs_quant_elements(dtype);
    if (!elements)
        return vs_fail(err, VS_EUNSUPPORTED, "blocks of dtype %s: expected Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, Q5_K, Q6_K or MXFP4",
                       vs_dtype_name(dtype));
    if (n % elements)
        return vs_fail(err, VS_EUSAGE, "%llu values of dtype %s: not a multiple of %u", (unsigned long long)n, vs_dtype_name(dtype), elements);
    return vs_check_bytes(n, 1, sizeof(float), err);
}

enum vs_code vs_k_dequant(struct vs_dev *dev, const void *in, enum vs_dtype dtype, uint64_t n, float *out, struct vs_err *err)
{
    const enum vs_code code = check_blocks(dtype, n, err);
    return code || !n ? code : dev->backend->dequant(dev, in, NULL, dtype, n / vs_quant_elements(dtype), out, err);
}

enum vs_code vs_k_dequant_mxfp4(struct vs_dev *dev, const uint8_t *blocks, const uint8_t *scales, uint64_t n, float *out, struct vs_err *err)
{
    const enum vs_code code = check_blocks(VS_MXFP4, n, err);
    return code || !n ? code : dev->backend->dequant(dev, blocks, scales, VS_MXFP4, n / VS_MXFP4_ELEMENTS, out, err);
}
