/* SPDX-License-Identifier: Apache-2.0
 *
 * Block dtypes as their descriptions read: the numbers of a block first, one by one, then the formula. And the way back,
 * for the golden sums: the plain quantisers without an importance matrix.
 */
#include <float.h>
#include <math.h>
#include "checks.h"
#include "canon.h"
#include "quantise.h"

static float f16_at(const uint8_t *p)
{
    return vs_f16_to_f32((uint16_t)(p[0] + 256 * p[1]));
}

static int bit(const uint8_t *p, unsigned at)
{
    return p[at / 8] / (1 << at % 8) % 2;
}

/* The 32 numbers of the simple dtypes lie as 16 low nibbles and 16 high ones. */
static int nibble_of(const uint8_t *p, unsigned j)
{
    return j < 16 ? p[j] % 16 : p[j - 16] / 16;
}

static float small_value(enum vs_dtype t, const uint8_t *b, unsigned j)
{
    static const float mxfp4[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    switch ((int)t) {
    case VS_Q4_0: return (float)(nibble_of(b + 2, j) - 8) * f16_at(b);
    case VS_Q4_1: return (float)nibble_of(b + 4, j) * f16_at(b) + f16_at(b + 2);
    case VS_Q5_0: return (float)(nibble_of(b + 6, j) + 16 * bit(b + 2, j) - 16) * f16_at(b);
    case VS_Q5_1: return (float)(nibble_of(b + 8, j) + 16 * bit(b + 4, j)) * f16_at(b) + f16_at(b + 2);
    case VS_Q8_0: return (float)(b[2 + j] < 128 ? b[2 + j] : b[2 + j] - 256) * f16_at(b);
    default: return mxfp4[nibble_of(b + 1, j)] * (float)ldexp(1, b[0] - 128);
    }
}

/* The 8 six-bit scales and 8 minima of Q4_K and Q5_K. */
static void six_bits(const uint8_t s[12], int scale[8], int min[8])
{
    for (int j = 0; j < 4; j++) {
        scale[j] = s[j] % 64;
        min[j] = s[j + 4] % 64;
        scale[j + 4] = s[j + 8] % 16 + s[j] / 64 * 16;
        min[j + 4] = s[j + 8] / 16 + s[j + 4] / 64 * 16;
    }
}

static void numbers_45(const uint8_t *b, bool five, int q[256])
{
    const uint8_t *nibbles = b + (five ? 48 : 16);
    for (int c = 0; c < 4; c++)
        for (int l = 0; l < 32; l++) {
            q[64 * c + l] = nibbles[32 * c + l] % 16 + (five ? 16 * bit(b + 16 + l, 2u * (unsigned)c) : 0);
            q[64 * c + 32 + l] = nibbles[32 * c + l] / 16 + (five ? 16 * bit(b + 16 + l, 2u * (unsigned)c + 1) : 0);
        }
}

static void numbers_6(const uint8_t *b, int q[256])
{
    for (int n = 0; n < 2; n++)
        for (int l = 0; l < 32; l++) {
            const int a = b[64 * n + l], c = b[64 * n + 32 + l], h = b[128 + 32 * n + l];
            q[128 * n + l] = a % 16 + h % 4 * 16 - 32;
            q[128 * n + 32 + l] = c % 16 + h / 4 % 4 * 16 - 32;
            q[128 * n + 64 + l] = a / 16 + h / 16 % 4 * 16 - 32;
            q[128 * n + 96 + l] = c / 16 + h / 64 * 16 - 32;
        }
}

static void large_block(enum vs_dtype t, const uint8_t *b, float *y)
{
    int q[256], scale[8], min[8];
    if (t == VS_Q6_K) {
        numbers_6(b, q);
        for (int i = 0; i < 256; i++) {
            const float s = f16_at(b + 208) * (float)(int8_t)b[192 + i / 16];
            y[i] = s * (float)q[i];
        }
        return;
    }
    numbers_45(b, t == VS_Q5_K, q);
    six_bits(b + 4, scale, min);
    for (int i = 0; i < 256; i++) {
        const float s = f16_at(b) * (float)scale[i / 32], m = f16_at(b + 2) * (float)min[i / 32];
        y[i] = s * (float)q[i] - m;
    }
}

/* Exponent and sign by themselves: 255 is NaN, and -0 stays. */
static float split_value(const uint8_t *q, int e, unsigned j)
{
    static const float e2m1[8] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    const int n = j % 2 ? q[j / 2] / 16 : q[j / 2] % 16;
    const float v = (float)ldexp(e2m1[n % 8], e - 127);
    return e == 255 ? NAN : n < 8 ? v : -v;
}

void reference_dequant(const void *in, const uint8_t *scales, enum vs_dtype t, uint64_t blocks, float *out)
{
    const uint8_t *b = in;
    const unsigned elements = vs_dtype_block(t), bytes = scales ? 16 : vs_dtype_bits(t) / 8;
    for (uint64_t i = 0; i < blocks; i++, b += bytes, out += elements) {
        if (elements == 256)
            large_block(t, b, out);
        else
            for (unsigned j = 0; j < 32; j++)
                out[j] = scales ? split_value(b, scales[i], j) : small_value(t, b, j);
        for (unsigned j = 0; j < elements; j++)
            out[j] = isnan(out[j]) ? vs_bits_f32(VS_NAN_F32) : out[j];
    }
}

/* ---- quantising ---- */

static void put_f16(uint8_t *p, float x)
{
    const uint16_t h = vs_f32_to_f16(x);
    p[0] = (uint8_t)h;
    p[1] = (uint8_t)(h >> 8);
}

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* To nearest, ties to even. */
static int nearest(float x)
{
    return (int)rintf(x);
}

/* The first element of the largest magnitude, with its sign. */
static float signed_max(const float *x, int n)
{
    float max = 0;
    for (int i = 0; i < n; i++)
        max = fabsf(x[i]) > fabsf(max) ? x[i] : max;
    return max;
}

static void pack_nibbles(uint8_t *to, const int q[32])
{
    for (int j = 0; j < 16; j++)
        to[j] = (uint8_t)((q[j] & 15) | (q[j + 16] & 15) << 4);
}

static void pack_bits(uint8_t *to, const int q[32])
{
    for (int j = 0; j < 32; j++)
        to[j / 8] = (uint8_t)(to[j / 8] | (q[j] >> 4 & 1) << j % 8);
}

/* Q4_0 and Q5_0. */
static void quantise_signed(uint8_t *b, const float *x, int half, bool five)
{
    const float d = signed_max(x, 32) / (float)-half, inverse = d != 0 ? 1 / d : 0;
    int q[32];
    for (int i = 0; i < 32; i++)
        q[i] = clamp((int)(x[i] * inverse + ((float)half + 0.5f)), -1000, 2 * half - 1);
    put_f16(b, d);
    if (five)
        pack_bits(b + 2, q);
    pack_nibbles(b + (five ? 6 : 2), q);
}

/* Q4_1 and Q5_1. */
static void quantise_ranged(uint8_t *b, const float *x, int top, bool five)
{
    float min = x[0], max = x[0];
    int q[32];
    for (int i = 1; i < 32; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
    }
    const float d = (max - min) / (float)top, inverse = d != 0 ? 1 / d : 0;
    for (int i = 0; i < 32; i++)
        q[i] = (int)((x[i] - min) * inverse + 0.5f);
    for (int i = 0; i < 32 && !five; i++)
        q[i] = clamp(q[i], 0, 15);
    put_f16(b, d);
    put_f16(b + 2, min);
    if (five)
        pack_bits(b + 4, q);
    pack_nibbles(b + (five ? 8 : 4), q);
}

static void quantise_q8(uint8_t *b, const float *x)
{
    const float d = fabsf(signed_max(x, 32)) / 127, inverse = d != 0 ? 1 / d : 0;
    put_f16(b, d);
    for (int i = 0; i < 32; i++)
        b[2 + i] = (uint8_t)(int8_t)roundf(x[i] * inverse);
}

static void quantise_mxfp4(uint8_t *b, const float *x)
{
    static const float value[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    const float max = fabsf(signed_max(x, 32));
    int q[32];
    b[0] = max > 0 ? (uint8_t)((int)floorf(log2f(max)) - 2 + 127) : 0;
    const float d = (float)ldexp(1, b[0] - 128);
    for (int i = 0; i < 32; i++) {
        q[i] = 0;
        for (int k = 1; k < 16; k++)
            if (fabsf(value[k] * d - x[i]) < fabsf(value[q[i]] * d - x[i]))
                q[i] = k;
    }
    pack_nibbles(b + 1, q);
}

/* ---- scale and minimum of 32 values by a weighted fit ---- */

struct fit { float scale, min; int q[32]; }; /* min: what is subtracted */

static void take_numbers(const float *x, float inverse, float min, int top, int q[32])
{
    for (int i = 0; i < 32; i++)
        q[i] = clamp(nearest(inverse * (x[i] - min)), 0, top);
}

static float squared_error(const float *x, const float *w, const int *q, float scale, float min)
{
    float sum = 0;
    for (int i = 0; i < 32; i++) {
        const float diff = scale * (float)q[i] + min - x[i];
        sum += w[i] * (diff * diff);
    }
    return sum;
}

/* One trial of the fit: numbers q give a scale and a minimum. False: they are degenerate. */
static bool solve(const float *x, const float *w, const int *q, float sum_w, float sum_x, float *scale, float *min)
{
    float sum_l = 0, sum_l2 = 0, sum_xl = 0;
    for (int i = 0; i < 32; i++) {
        sum_l += w[i] * (float)q[i];
        sum_l2 += w[i] * (float)q[i] * (float)q[i];
        sum_xl += w[i] * (float)q[i] * x[i];
    }
    const float d = sum_w * sum_l2 - sum_l * sum_l;
    if (!(d > 0))
        return false;
    *scale = (sum_w * sum_xl - sum_x * sum_l) / d;
    *min = (sum_l2 * sum_x - sum_l * sum_xl) / d;
    if (*min > 0) {
        *min = 0;
        *scale = sum_xl / sum_l2;
    }
    return true;
}

static void fit_32(struct fit *f, const float *x, const float *w, int top, float rmin, int steps)
{
    float min = x[0], max = x[0], sum_w = w[0], sum_x = w[0] * x[0];
    int q[32];
    for (int i = 1; i < 32; i++) {
        min = x[i] < min ? x[i] : min;
        max = x[i] > max ? x[i] : max;
        sum_w += w[i];
        sum_x += w[i] * x[i];
    }
    min = min > 0 ? 0 : min;
    *f = (struct fit){.min = -min};
    if (max == min)
        return;
    float inverse = (float)top / (max - min);
    f->scale = 1 / inverse;
    take_numbers(x, inverse, min, top, f->q);
    float best = squared_error(x, w, f->q, f->scale, min);
    for (int step = 0; step <= steps; step++) {
        float scale, low;
        inverse = (rmin + 0.1f * (float)step + (float)top) / (max - min);
        take_numbers(x, inverse, min, top, q);
        if (!solve(x, w, q, sum_w, sum_x, &scale, &low))
            continue;
        const float error = squared_error(x, w, q, scale, low);
        if (error < best) {
            memcpy(f->q, q, sizeof q);
            best = error;
            f->scale = scale;
            min = low;
        }
    }
    f->min = -min;
}

static void weights_32(const float *x, float *w)
{
    float sum = 0;
    for (int i = 0; i < 32; i++)
        sum += x[i] * x[i];
    const float mean = sqrtf(sum / 32);
    for (int i = 0; i < 32; i++)
        w[i] = mean + fabsf(x[i]);
}

static void pack_six_bits(uint8_t s[12], const int scale[8], const int min[8])
{
    for (int j = 0; j < 4; j++) {
        s[j] = (uint8_t)(scale[j] | scale[j + 4] >> 4 << 6);
        s[j + 4] = (uint8_t)(min[j] | min[j + 4] >> 4 << 6);
        s[j + 8] = (uint8_t)((scale[j + 4] & 15) | (min[j + 4] & 15) << 4);
    }
}

/* Q4_K and Q5_K. */
static void quantise_k(uint8_t *b, const float *x, bool five)
{
    const int top = five ? 31 : 15;
    struct fit f[8];
    float w[32], max_scale = 0, max_min = 0;
    int scale[8], min[8], q[256];
    for (int j = 0; j < 8; j++) {
        weights_32(x + 32 * j, w);
        fit_32(&f[j], x + 32 * j, w, top, five ? -0.5f : -1.0f, five ? 15 : 20);
        max_scale = f[j].scale > max_scale ? f[j].scale : max_scale;
        max_min = f[j].min > max_min ? f[j].min : max_min;
    }
    const float to_scale = max_scale > 0 ? 63 / max_scale : 0, to_min = max_min > 0 ? 63 / max_min : 0;
    put_f16(b, max_scale / 63);
    put_f16(b + 2, max_min / 63);
    for (int j = 0; j < 8; j++) {
        scale[j] = clamp(nearest(to_scale * f[j].scale), -1000, 63);
        min[j] = clamp(nearest(to_min * f[j].min), -1000, 63);
        const float d = f16_at(b) * (float)scale[j], m = f16_at(b + 2) * (float)min[j];
        for (int i = 0; i < 32; i++)
            q[32 * j + i] = d == 0 ? f[j].q[i] : clamp(nearest((x[32 * j + i] + m) / d), 0, top);
    }
    pack_six_bits(b + 4, scale, min);
    for (int i = 0; i < 256; i++) {
        uint8_t *byte = b + (five ? 48 : 16) + i / 64 * 32 + i % 32;
        *byte = (uint8_t)(*byte | (q[i] & 15) << (i % 64 < 32 ? 0 : 4));
        if (five)
            b[16 + i % 32] = (uint8_t)(b[16 + i % 32] | (q[i] >> 4) << i / 32);
    }
}

/* ---- Q6_K ---- */

static float fit_16(const float *x, int q[16])
{
    const float max = signed_max(x, 16);
    float best = 0, scale = 0;
    memset(q, 0, 16 * sizeof *q);
    if (fabsf(max) < 1e-15f)
        return 0;
    for (int step = -10; step <= 9; step++) { /* -10: the plain one */
        const float inverse = step == -10 ? -32 / max : -(32 + 0.1f * (float)step) / max;
        float xl = 0, l2 = 0;
        int trial[16];
        if (step == 0)
            continue;
        for (int i = 0; i < 16; i++) {
            trial[i] = clamp(nearest(inverse * x[i]), -32, 31);
            xl += x[i] * x[i] * x[i] * (float)trial[i];
            l2 += x[i] * x[i] * (float)trial[i] * (float)trial[i];
        }
        if (step == -10 || (l2 > 0 && xl * xl > best * l2)) {
            memcpy(q, trial, sizeof trial);
            scale = l2 != 0 ? xl / l2 : 0;
            best = scale * xl;
        }
    }
    return scale;
}

static void quantise_q6(uint8_t *b, const float *x)
{
    float scale[16], max_scale = 0;
    int q[256];
    for (int j = 0; j < 16; j++) {
        scale[j] = fit_16(x + 16 * j, q + 16 * j);
        max_scale = fabsf(scale[j]) > fabsf(max_scale) ? scale[j] : max_scale;
    }
    if (fabsf(max_scale) < 1e-15f)
        return;
    const float inverse = -128 / max_scale;
    put_f16(b + 208, 1 / inverse);
    for (int j = 0; j < 16; j++) {
        const int s = clamp(nearest(inverse * scale[j]), -1000, 127);
        const float d = f16_at(b + 208) * (float)s;
        b[192 + j] = (uint8_t)(int8_t)s;
        for (int i = 16 * j; i < 16 * j + 16 && d != 0; i++)
            q[i] = clamp(nearest(x[i] / d), -32, 31);
    }
    for (int i = 0; i < 256; i++) {
        const int v = q[i] + 32, n = i / 128, part = i % 128 / 32, l = i % 32;
        uint8_t *low = b + 64 * n + part % 2 * 32 + l, *high = b + 128 + 32 * n + l;
        *low = (uint8_t)(*low | (v & 15) << (part < 2 ? 0 : 4));
        *high = (uint8_t)(*high | v >> 4 << 2 * part);
    }
}

void quantise(const float *x, enum vs_dtype t, uint64_t n, uint8_t *out)
{
    const unsigned elements = vs_dtype_block(t), bytes = vs_dtype_bits(t) / 8;
    memset(out, 0, n / elements * bytes);
    for (uint64_t i = 0; i < n; i += elements, out += bytes)
        switch ((int)t) {
        case VS_Q4_0: quantise_signed(out, x + i, 8, false); break;
        case VS_Q5_0: quantise_signed(out, x + i, 16, true); break;
        case VS_Q4_1: quantise_ranged(out, x + i, 15, false); break;
        case VS_Q5_1: quantise_ranged(out, x + i, 31, true); break;
        case VS_Q8_0: quantise_q8(out, x + i); break;
        case VS_Q4_K: quantise_k(out, x + i, false); break;
        case VS_Q5_K: quantise_k(out, x + i, true); break;
        case VS_Q6_K: quantise_q6(out, x + i); break;
        default: quantise_mxfp4(out, x + i); break;
        }
}
