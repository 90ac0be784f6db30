/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole rows: range-checked gather, new rows from noise, new rows from other rows, conversion.
 */
#include "canon.h"
#include "cpu.h"
#include "quant.h"
#include "rng.h"

#define CHUNK 256u /* columns of one piece of work; even, so that a pair of normals stays together */

/* A switch over the dtype outside of the loop: each case is compiled with a constant. */
#define BY_DTYPE(dtype, call)                                         \
    switch (dtype) {                                                  \
    case VS_BF16: call(VS_BF16); break;                               \
    case VS_F16: call(VS_F16); break;                                 \
    case VS_F32: call(VS_F32); break;                                 \
    default: call(VS_F64); break;                                     \
    }

/* ---- conversion ---- */

struct convert_job { const void *in; void *out; enum vs_dtype dtype; };

VS_BODY void widen(const void *in, enum vs_dtype dtype, uint64_t begin, uint64_t end, float *out)
{
    for (uint64_t i = begin; i < end; i++)
        out[i] = vs_get_f32(in, dtype, i);
}

VS_BODY void narrow(const float *in, uint64_t begin, uint64_t end, enum vs_dtype dtype, void *out)
{
    for (uint64_t i = begin; i < end; i++)
        vs_put_f32(out, dtype, i, in[i]);
}

VS_BODY void to_f32_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct convert_job *j = job;
    float *out = j->out;
    const uint8_t *bytes = j->in;
#define CALL(T) widen(j->in, T, begin, end, out)
    if (j->dtype == VS_F8_E4M3)
        for (uint64_t i = begin; i < end; i++)
            out[i] = vs_f8_e4m3_to_f32(bytes[i]);
    else if (j->dtype == VS_F8_E5M2)
        for (uint64_t i = begin; i < end; i++)
            out[i] = vs_f8_e5m2_to_f32(bytes[i]);
    else
        BY_DTYPE(j->dtype, CALL)
#undef CALL
}
VS_CPU_KERNEL(to_f32)

VS_BODY void from_f32_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct convert_job *j = job;
#define CALL(T) narrow(j->in, begin, end, T, j->out)
    BY_DTYPE(j->dtype, CALL)
#undef CALL
}
VS_CPU_KERNEL(from_f32)

static enum vs_code no_such_dtype(enum vs_dtype dtype, struct vs_err *err)
{
    return vs_fail(err, VS_EUNSUPPORTED, "values of dtype %s cannot be converted", vs_dtype_name(dtype));
}

enum vs_code vs_k_to_f32(const void *in, enum vs_dtype dtype, uint64_t n, float *out, struct vs_err *err)
{
    const uint32_t elements = vs_quant_elements(dtype);
    if (elements && n % elements)
        return vs_fail(err, VS_EUSAGE, "%llu values of dtype %s: not a multiple of %u", (unsigned long long)n, vs_dtype_name(dtype), elements);
    if (elements) {
        vs_cpu_dequant_all(in, dtype, n / elements, out);
        return VS_OK;
    }
    if (!vs_float_size(dtype) && dtype != VS_F8_E4M3 && dtype != VS_F8_E5M2)
        return no_such_dtype(dtype, err);
    const struct convert_job job = {in, out, dtype};
    to_f32[vs_cpu_best()](&job, 0, n);
    return VS_OK;
}

enum vs_code vs_k_from_f32(const float *in, enum vs_dtype dtype, uint64_t n, void *out, struct vs_err *err)
{
    if (!vs_float_size(dtype))
        return no_such_dtype(dtype, err);
    const struct convert_job job = {in, out, dtype};
    from_f32[vs_cpu_best()](&job, 0, n);
    return VS_OK;
}

/* ---- gather ---- */

struct gather_job {
    const struct vs_rows *w;
    const int64_t *ids;
    const struct vs_k_range *ranges;
    uint32_t range_count;
    float *out;
};

VS_BODY bool legal(const struct gather_job *j, int64_t id)
{
    bool in_range = false;
    for (uint32_t r = 0; r < j->range_count && !in_range; r++)
        in_range = (uint64_t)id >= j->ranges[r].begin && (uint64_t)id < j->ranges[r].end;
    return id >= 0 && (uint64_t)id < j->w->total && in_range;
}

VS_BODY void gather_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct gather_job *j = job;
    const struct vs_rows *w = j->w;
    const uint64_t row_bytes = w->cols * vs_float_size(w->dtype);
    for (uint64_t i = begin; i < end; i++) {
        float *out = j->out + i * w->cols;
        if (!legal(j, j->ids[i])) {
            for (uint64_t c = 0; c < w->cols; c++)
                out[c] = vs_bits_f32(VS_NAN_F32);
            continue;
        }
        uint64_t row = (uint64_t)j->ids[i] - w->first;
        if ((uint64_t)j->ids[i] < w->first || row >= w->count)
            continue;
        const char *in = (const char *)w->data + row * row_bytes;
#define CALL(T) widen(in, T, 0, w->cols, out)
        BY_DTYPE(w->dtype, CALL)
#undef CALL
    }
}
VS_CPU_KERNEL(gather)

enum vs_code vs_cpu_gather(struct vs_dev *dev, const struct vs_rows *window, const int64_t *ids, uint64_t n,
                           const struct vs_k_range *ranges, uint32_t range_count, float *out, struct vs_k_bad *bad,
                           uint64_t bad_cap, uint64_t *bad_count, struct vs_err *err)
{
    const struct gather_job job = {window, ids, ranges, range_count, out};
    uint64_t found = 0;
    for (uint64_t i = 0; i < n && bad_count; i++) {
        if (legal(&job, ids[i]))
            continue;
        if (found < bad_cap)
            bad[found] = (struct vs_k_bad){i, ids[i]};
        found++;
    }
    if (bad_count)
        *bad_count = found;
    if (out)
        vs_cpu_for(dev, gather, &job, n, 64);
    return VS_OK;
}

/* ---- shift + scale * noise ---- */

struct noise_job {
    const double *shift, *scale;
    uint64_t cols, chunks; /* chunks of a row */
    const struct vs_k_key *keys;
    enum vs_dtype dtype;
    void *out;
};

VS_BODY void put_chunk(void *out, enum vs_dtype dtype, uint64_t at, const double *values, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        vs_put_f64(out, dtype, at + i, values[i]);
}

VS_BODY void noise_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct noise_job *j = job;
    for (uint64_t item = begin; item < end; item++) {
        const struct vs_k_key key = j->keys[item / j->chunks];
        const uint64_t c0 = item % j->chunks * CHUNK, n = j->cols - c0 < CHUNK ? j->cols - c0 : CHUNK;
        double even[CHUNK / 2], odd[CHUNK / 2], v[CHUNK];
        if (j->scale) {
            for (uint32_t p = 0; p < CHUNK / 2; p++)
                vs_normal_pair(key, c0 / 2 + p, &even[p], &odd[p]);
            for (uint64_t i = 0; i < n; i++)
                v[i] = vs_fma(j->scale[c0 + i], i & 1 ? odd[i / 2] : even[i / 2], j->shift[c0 + i]);
        } else {
            memcpy(v, j->shift + c0, n * sizeof *v);
        }
#define CALL(T) put_chunk(j->out, T, item / j->chunks * j->cols + c0, v, n)
        BY_DTYPE(j->dtype, CALL)
#undef CALL
    }
}
VS_CPU_KERNEL(noise)

enum vs_code vs_cpu_affine_noise(struct vs_dev *dev, const double *shift, const double *scale, uint64_t cols,
                                 const struct vs_k_key *keys, uint64_t rows, enum vs_dtype dtype, void *out, struct vs_err *err)
{
    const struct noise_job job = {shift, scale, cols, (cols + CHUNK - 1) / CHUNK, keys, dtype, out};
    vs_cpu_for(dev, noise, &job, rows * job.chunks, 8);
    return VS_OK;
}

/* ---- weighted sums of rows ---- */

struct combine_job {
    const struct vs_rows *w;
    const uint64_t *starts, *pieces;
    const double *weights;
    uint64_t chunks;
    void *out;
};

VS_BODY void combine_chunk(const struct combine_job *j, enum vs_dtype dtype, uint64_t r, uint64_t c0, uint64_t n)
{
    double sum[CHUNK];
    for (uint64_t p = j->starts[r]; p < j->starts[r + 1]; p++) {
        const uint64_t at = (j->pieces[p] - j->w->first) * j->w->cols + c0;
        if (p == j->starts[r])
            for (uint64_t i = 0; i < n; i++)
                sum[i] = j->weights ? j->weights[p] * vs_get_f64(j->w->data, dtype, at + i)
                                    : vs_get_f64(j->w->data, dtype, at + i);
        else if (j->weights)
            for (uint64_t i = 0; i < n; i++)
                sum[i] = vs_fma(j->weights[p], vs_get_f64(j->w->data, dtype, at + i), sum[i]);
        else
            for (uint64_t i = 0; i < n; i++)
                sum[i] += vs_get_f64(j->w->data, dtype, at + i);
    }
    const double count = (double)(j->starts[r + 1] - j->starts[r]);
    for (uint64_t i = 0; i < n && !j->weights; i++)
        sum[i] /= count;
    put_chunk(j->out, dtype, r * j->w->cols + c0, sum, n);
}

VS_BODY void combine_body(const void *job, uint64_t begin, uint64_t end)
{
    const struct combine_job *j = job;
    for (uint64_t item = begin; item < end; item++) {
        const uint64_t c0 = item % j->chunks * CHUNK, n = j->w->cols - c0 < CHUNK ? j->w->cols - c0 : CHUNK;
#define CALL(T) combine_chunk(j, T, item / j->chunks, c0, n)
        BY_DTYPE(j->w->dtype, CALL)
#undef CALL
    }
}
VS_CPU_KERNEL(combine)

enum vs_code vs_cpu_combine(struct vs_dev *dev, const struct vs_rows *window, const uint64_t *starts, const uint64_t *piece_ids,
                            const double *weights, uint64_t rows, void *out, struct vs_err *err)
{
    const struct combine_job job = {window, starts, piece_ids, weights, (window->cols + CHUNK - 1) / CHUNK, out};
    vs_cpu_for(dev, combine, &job, rows * job.chunks, 16);
    return VS_OK;
}
