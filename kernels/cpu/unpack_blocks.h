/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of weights in vectors of 16 values; included by unpack.c once for each instruction set. V(name) makes the names of
 * one, TARGET its attribute. A block is decoded in steps of some vectors, behind its scales if it has several. Two loops
 * run over the steps of a row: one stores the values, one multiplies some rows at a time with the same token. A row's sum is
 * one chain of fused multiply-adds, each of which waits for the one before: the other rows fill the time.
 *
 * What an instruction set brings (unpack_x86.h, unpack_neon.h):
 *
 *     V(vec)                       16 float32; V(zero), V(load), V(store), V(fma)(x, v, acc), V(sum): the tree of canon.h
 *     V(factor)(d)                 d as what integers are multiplied by: d below, and m of halves, but not of looked
 *     V(scaled)(q, d)              q d, of 16 signed bytes
 *     V(halves)(q, d, m)           q d in lanes 0-7, q m in lanes 8-15
 *     V(nibbles_scaled)(q, less, d, out)                (n - less) d of 32 nibbles n, the low ones first
 *     V(nibbles_affine)(q, d, m, d2, m2, out)           n d + m of the low ones, n d2 + m2 of the high ones
 *     V(bits), V(bits32)(p), V(bits_of)(q, n)           32 bits, 16 for each half; bits n and n + 1 of 16 bytes
 *     V(ints)                      16 integers; V(ints_scaled)(i, d): i d; V(ints_affine)(i, d, m): i d + m
 *     V(fives)(q, bits, less, out) 32 nibbles with a fifth bit each, less 0 or 16
 *     V(sixes)(low, high, part, out)                    32 of: 4 bits at low, 2 of the bytes at high (part says which), less 32
 *     V(looked)(q, values, d, out) values[n] d of 32 nibbles; d is any float32
 *     V(bf16), V(f16s), V(f32)     16 single values
 *
 * n d is exact (11 bits of a float16, 6 of a scale, 5 of n), so n d + m rounds once, fused or not.
 *
 * What an architecture brings: 16 bytes as bytes16; BYTES16(...), bytes16_at(p), words(a, b, c, d) make them.
 */

#ifdef __clang__
#define VS_UNROLL _Pragma("unroll")
#else
#define VS_UNROLL _Pragma("GCC unroll 16")
#endif

/* ---- blocks of 32 values: one step ---- */

TARGET VS_BODY void V(Q4_0)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    V(nibbles_scaled)(bytes16_at(b + 2), 8, V(factor)(V(f16)(b)), v);
}

TARGET VS_BODY void V(Q4_1)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const float d = V(factor)(V(f16)(b)), m = V(f16)(b + 2);
    V(nibbles_affine)(bytes16_at(b + 4), d, m, d, m, v);
}

TARGET VS_BODY void V(Q5_0)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const float d = V(factor)(V(f16)(b));
    V(ints) i[2];
    V(fives)(bytes16_at(b + 6), V(bits32)(b + 2), 16, i);
    v[0] = V(ints_scaled)(i[0], d);
    v[1] = V(ints_scaled)(i[1], d);
}

TARGET VS_BODY void V(Q5_1)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const float d = V(factor)(V(f16)(b)), m = V(f16)(b + 2);
    V(ints) i[2];
    V(fives)(bytes16_at(b + 8), V(bits32)(b + 4), 0, i);
    v[0] = V(ints_affine)(i[0], d, m);
    v[1] = V(ints_affine)(i[1], d, m);
}

TARGET VS_BODY void V(Q8_0)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const float d = V(factor)(V(f16)(b));
    v[0] = V(scaled)(bytes16_at(b + 2), d);
    v[1] = V(scaled)(bytes16_at(b + 18), d);
}

TARGET VS_BODY void V(MXFP4)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    V(looked)(bytes16_at(b + 1), BYTES16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12), vs_e8m0_half(b[0]), v);
}

TARGET VS_BODY void V(one_scale)(const uint8_t *b, float *scales)
{
}

/* ---- blocks of 256 values ---- */

/* d times the scale of each of 8 sub-blocks, then less min times its minimum. The former are factors themselves: twice one. */
TARGET VS_BODY void V(pairs)(const uint8_t *b, float *scales)
{
    const uint32_t x = vs_quant_u32(b + 4), y = vs_quant_u32(b + 8), z = vs_quant_u32(b + 12), six = 0x3f3f3f3f, four = 0x0f0f0f0f, two = 0x30303030;
    const bytes16 q = words(x & six, (z & four) | (x >> 2 & two), y & six, (z >> 4 & four) | (y >> 2 & two));
    V(store)(scales, V(halves)(q, V(factor)(V(factor)(V(f16)(b))), -V(factor)(V(f16)(b + 2))));
}

/* Sub-blocks 2 s and 2 s + 1 of 32 values. */
TARGET VS_BODY void V(Q4_K)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    for (uint32_t h = 0; h < 2; h++) {
        V(vec) out[2];
        V(nibbles_affine)(bytes16_at(b + 16 + 32 * s + 16 * h), scales[2 * s], scales[8 + 2 * s], scales[2 * s + 1], scales[9 + 2 * s], out);
        v[h] = out[0];
        v[2 + h] = out[1];
    }
}

TARGET VS_BODY void V(Q5_K)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    for (uint32_t h = 0; h < 2; h++) {
        V(ints) i[2];
        V(fives)(bytes16_at(b + 48 + 32 * s + 16 * h), V(bits_of)(bytes16_at(b + 16 + 16 * h), 2 * s), 0, i);
        v[h] = V(ints_affine)(i[0], scales[2 * s], scales[8 + 2 * s]);
        v[2 + h] = V(ints_affine)(i[1], scales[2 * s + 1], scales[9 + 2 * s]);
    }
}

TARGET VS_BODY void V(sixteen)(const uint8_t *b, float *scales)
{
    V(store)(scales, V(scaled)(bytes16_at(b + 192), V(factor)(V(factor)(V(f16)(b + 208)))));
}

TARGET VS_BODY void V(Q6_K)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const uint32_t n = s / 4, part = s % 4; /* half; which two bits */
    V(ints) i[2];
    V(sixes)(b + 64 * n + part % 2 * 32, b + 128 + 32 * n, part, i);
    v[0] = V(ints_scaled)(i[0], scales[2 * s]);
    v[1] = V(ints_scaled)(i[1], scales[2 * s + 1]);
}

/* ---- single values ---- */

TARGET VS_BODY void V(BF16)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    *v = V(bf16)(b);
}

TARGET VS_BODY void V(F16)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    *v = V(f16s)(b);
}

TARGET VS_BODY void V(F32)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    *v = V(f32)(b);
}

/* ---- rows ---- */

/* name, bytes of a block, its scales, steps, vectors of a step */
#define FORMATS(X)                                                                                                        \
    X(Q4_0, VS_Q4_0_BYTES, one_scale, 1, 2) X(Q4_1, VS_Q4_1_BYTES, one_scale, 1, 2) X(Q5_0, VS_Q5_0_BYTES, one_scale, 1, 2) \
    X(Q5_1, VS_Q5_1_BYTES, one_scale, 1, 2) X(Q8_0, VS_Q8_0_BYTES, one_scale, 1, 2) X(MXFP4, VS_MXFP4_BYTES, one_scale, 1, 2) \
    X(Q4_K, VS_Q4_K_BYTES, pairs, 4, 4) X(Q5_K, VS_Q5_K_BYTES, pairs, 4, 4) X(Q6_K, VS_Q6_K_BYTES, sixteen, 8, 2)         \
    X(BF16, 32, one_scale, 1, 1) X(F16, 32, one_scale, 1, 1) X(F32, 64, one_scale, 1, 1)

#define UNPACK(name, bytes, prepare, steps, vectors)                                                                      \
    TARGET static void V(name##_unpack)(const uint8_t *b, uint64_t blocks, float *y)                                      \
    {                                                                                                                     \
        for (; blocks; blocks--, b += (bytes)) {                                                                          \
            float scales[16];                                                                                             \
            V(prepare)(b, scales);                                                                                        \
            VS_UNROLL                                                                                                     \
            for (uint32_t s = 0; s < (steps); s++, y += 16 * (vectors)) {                                                 \
                V(vec) v[vectors];                                                                                        \
                V(name)(b, scales, s, v);                                                                                 \
                for (int i = 0; i < (vectors); i++)                                                                       \
                    V(store)(y + 16 * i, v[i]);                                                                           \
            }                                                                                                             \
        }                                                                                                                 \
    }
FORMATS(UNPACK)
#undef UNPACK

/* acc += step s of the block at b, times x. */
#define STEP_DOT(name, bytes, prepare, steps, vectors)                                                                    \
    TARGET VS_BODY V(vec) V(name##_dot)(const uint8_t *b, const float *scales, uint32_t s, const float *x, V(vec) acc)    \
    {                                                                                                                     \
        V(vec) v[vectors];                                                                                                \
        V(name)(b, scales, s, v);                                                                                         \
        VS_UNROLL                                                                                                         \
        for (uint32_t i = 0; i < (vectors); i++)                                                                          \
            acc = V(fma)(V(load)(x + 16 * i), v[i], acc);                                                                 \
        return acc;                                                                                                       \
    }
FORMATS(STEP_DOT)
#undef STEP_DOT

/* Rows at b, b + stride ... of some blocks; acc[rows] goes on from what it is. */
#define DOTS(name, bytes, prepare, steps, vectors)                                                                        \
    TARGET VS_BODY void V(name##_dots)(const uint8_t *b, uint64_t stride, uint64_t blocks, const float *x,                \
                                       const unsigned rows, V(vec) *acc)                                                  \
    {                                                                                                                     \
        const uint64_t together = stride * rows;                                                                          \
        uintptr_t ahead = (uintptr_t)b + VS_AHEAD, end = ahead;                                                           \
        for (; blocks; blocks--, b += (bytes)) {                                                                          \
            float scales[VS_ROWS_AT_ONCE][16];                                                                            \
            if (together <= VS_AHEAD)                                                                                     \
                ahead = vs_prefetch(ahead, end += (bytes) * rows);                                                        \
            for (unsigned r = 0; r < rows && together > VS_AHEAD; r++)                                                    \
                vs_prefetch((uintptr_t)b + together + r * stride, (uintptr_t)b + together + r * stride + (bytes));        \
            VS_UNROLL                                                                                                     \
            for (unsigned r = 0; r < rows; r++)                                                                           \
                V(prepare)(b + r * stride, scales[r]);                                                                    \
            VS_UNROLL                                                                                                     \
            for (uint32_t s = 0; s < (steps); s++, x += 16 * (vectors))                                                   \
                VS_UNROLL                                                                                                 \
                for (unsigned r = 0; r < rows; r++)                                                                       \
                    acc[r] = V(name##_dot)(b + r * stride, scales[r], s, x, acc[r]);                                      \
        }                                                                                                                 \
    }
FORMATS(DOTS)
#undef DOTS

#define CASE(name, bytes, prepare, steps, vectors) \
    case VS_##name: V(name##_unpack)(b, w->cols / (16 * (steps) * (vectors)), out); break;
TARGET static void V(unpack)(const struct vs_mat *w, uint64_t r, float *out)
{
    const uint8_t *b = vs_mat_row(w, r);
    if (!vs_cpu_in_vectors(w)) {
        unpack_plain(w, r, out);
        return;
    }
    switch ((int)w->dtype) { FORMATS(CASE) }
    for (uint64_t k = w->cols / 16 * 16; k < w->cols; k++)
        out[k] = vs_mat_value(w, r, k);
}
#undef CASE

/* The rest of a row that fills no more than a part of the lanes, then the tree. */
TARGET VS_BODY float V(rest)(const struct vs_mat *w, uint64_t r, const float *x, V(vec) acc)
{
    float lanes[VS_DOT_LANES];
    V(store)(lanes, acc);
    for (uint64_t k = w->cols / 16 * 16, l = 0; k < w->cols; k++, l++)
        lanes[l] = vs_fmaf(x[k], vs_mat_value(w, r, k), lanes[l]);
    return vs_dot_finish(lanes);
}

#define CASE(name, bytes, prepare, steps, vectors) \
    case VS_##name: V(name##_dots)(b, w->stride, w->cols / (16 * (steps) * (vectors)), x, rows, acc); break;
TARGET VS_BODY void V(some_dots)(const struct vs_mat *w, uint64_t r, const float *x, const unsigned rows, float *out)
{
    const uint8_t *b = vs_mat_row(w, r);
    V(vec) acc[VS_ROWS_AT_ONCE];
    for (unsigned i = 0; i < rows; i++)
        acc[i] = V(zero)();
    switch ((int)w->dtype) { FORMATS(CASE) }
    for (unsigned i = 0; i < rows; i++)
        out[i] = w->cols % 16 ? V(rest)(w, r + i, x, acc[i]) : V(sum)(acc[i]);
}
#undef CASE
#undef FORMATS

TARGET static void V(row_dots)(const struct vs_mat *w, uint64_t r, uint64_t n, const float *x, float *out)
{
    for (; n >= VS_ROWS_AT_ONCE; n -= VS_ROWS_AT_ONCE, r += VS_ROWS_AT_ONCE, out += VS_ROWS_AT_ONCE)
        V(some_dots)(w, r, x, VS_ROWS_AT_ONCE, out);
    for (; n; n--, r++, out++)
        V(some_dots)(w, r, x, 1, out);
}

#undef VS_UNROLL
