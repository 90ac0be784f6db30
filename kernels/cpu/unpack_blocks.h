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
 *     V(scaled)(q, d)              q d, of 16 signed bytes
 *     V(affine)(q, d, m)           q d + m, each operation rounded
 *     V(halves)(q, d, m)           q d in lanes 0-7, q m in lanes 8-15
 *     V(table), V(table_scaled)(q, d), V(table_affine)(q, d, m)         16 such values, for the nibbles 0 .. 15
 *     V(look)(q, low, high, out)   of 32 nibbles, the low ones first, each half by its table
 *     V(bits), V(bits16)(p), V(bit_of)(q, n)                            16 bits; bit n of 16 bytes
 *     V(fives)(q, low, high, out)  the integers of 32 nibbles with a fifth bit each, as V(ints)
 *     V(ints_scaled)(i, less, d), V(ints_affine)(i, d, m)               (i - less) d; i d + m
 *     V(bf16), V(f16s), V(f32)     16 single values
 *
 * What an architecture brings: 16 bytes as bytes16; BYTES16(...), bytes16_at(p), words(a, b, c, d) make them; sixes(low, high, part)
 * are values of 4 bits at low, with 2 bits of the bytes at high (which ones is for part to say), less 32.
 */

#ifdef __clang__
#define VS_UNROLL _Pragma("unroll")
#else
#define VS_UNROLL _Pragma("GCC unroll 16")
#endif

#define COUNTING BYTES16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

/* ---- blocks of 32 values: one step ---- */

TARGET VS_BODY void V(Q4_0)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const V(table) t = V(table_scaled)(BYTES16(-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7), V(f16)(b));
    V(look)(bytes16_at(b + 2), t, t, v);
}

TARGET VS_BODY void V(Q4_1)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const V(table) t = V(table_affine)(COUNTING, V(f16)(b), V(f16)(b + 2));
    V(look)(bytes16_at(b + 4), t, t, v);
}

TARGET VS_BODY void V(Q5_0)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const float d = V(f16)(b);
    V(ints) i[2];
    V(fives)(bytes16_at(b + 6), V(bits16)(b + 2), V(bits16)(b + 4), i);
    v[0] = V(ints_scaled)(i[0], 16, d);
    v[1] = V(ints_scaled)(i[1], 16, d);
}

TARGET VS_BODY void V(Q5_1)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const float d = V(f16)(b), m = V(f16)(b + 2);
    V(ints) i[2];
    V(fives)(bytes16_at(b + 8), V(bits16)(b + 4), V(bits16)(b + 6), i);
    v[0] = V(ints_affine)(i[0], d, m);
    v[1] = V(ints_affine)(i[1], d, m);
}

TARGET VS_BODY void V(Q8_0)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const float d = V(f16)(b);
    v[0] = V(scaled)(bytes16_at(b + 2), d);
    v[1] = V(scaled)(bytes16_at(b + 18), d);
}

TARGET VS_BODY void V(MXFP4)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const bytes16 values = BYTES16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
    const V(table) t = V(table_scaled)(values, vs_e8m0_half(b[0]));
    V(look)(bytes16_at(b + 1), t, t, v);
}

TARGET VS_BODY void V(one_scale)(const uint8_t *b, float *scales)
{
}

/* ---- blocks of 256 values ---- */

/* d times the scale of each of 8 sub-blocks, then less min times its minimum. */
TARGET VS_BODY void V(pairs)(const uint8_t *b, float *scales)
{
    const uint32_t x = vs_quant_u32(b + 4), y = vs_quant_u32(b + 8), z = vs_quant_u32(b + 12), six = 0x3f3f3f3f, four = 0x0f0f0f0f, two = 0x30303030;
    const bytes16 q = words(x & six, (z & four) | (x >> 2 & two), y & six, (z >> 4 & four) | (y >> 2 & two));
    V(store)(scales, V(halves)(q, V(f16)(b), -V(f16)(b + 2)));
}

/* Sub-blocks 2 s and 2 s + 1 of 32 values. */
TARGET VS_BODY void V(Q4_K)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const V(table) low = V(table_affine)(COUNTING, scales[2 * s], scales[8 + 2 * s]);
    const V(table) high = V(table_affine)(COUNTING, scales[2 * s + 1], scales[9 + 2 * s]);
    for (uint32_t h = 0; h < 2; h++) {
        V(vec) out[2];
        V(look)(bytes16_at(b + 16 + 32 * s + 16 * h), low, high, out);
        v[h] = out[0];
        v[2 + h] = out[1];
    }
}

TARGET VS_BODY void V(Q5_K)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    for (uint32_t h = 0; h < 2; h++) {
        const bytes16 bits = bytes16_at(b + 16 + 16 * h);
        V(ints) i[2];
        V(fives)(bytes16_at(b + 48 + 32 * s + 16 * h), V(bit_of)(bits, 2 * s), V(bit_of)(bits, 2 * s + 1), i);
        v[h] = V(ints_affine)(i[0], scales[2 * s], scales[8 + 2 * s]);
        v[2 + h] = V(ints_affine)(i[1], scales[2 * s + 1], scales[9 + 2 * s]);
    }
}

TARGET VS_BODY void V(sixteen)(const uint8_t *b, float *scales)
{
    V(store)(scales, V(scaled)(bytes16_at(b + 192), V(f16)(b + 208)));
}

TARGET VS_BODY void V(Q6_K)(const uint8_t *b, const float *scales, uint32_t s, V(vec) *v)
{
    const uint32_t n = s / 4, part = s % 4; /* half; which two bits */
    for (uint32_t h = 0; h < 2; h++)
        v[h] = V(scaled)(sixes(bytes16_at(b + 64 * n + part % 2 * 32 + 16 * h), bytes16_at(b + 128 + 32 * n + 16 * h), part), scales[2 * s + h]);
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
        const uint64_t ahead = vs_prefetch_distance(stride * rows);                                                       \
        for (; blocks; blocks--, b += (bytes)) {                                                                          \
            float scales[VS_ROWS_AT_ONCE][16];                                                                            \
            VS_UNROLL                                                                                                     \
            for (unsigned r = 0; r < rows; r++) {                                                                         \
                for (uint64_t line = 0; line < (bytes); line += 64)                                                       \
                    vs_prefetch(b, r * stride + ahead + line);                                                           \
                V(prepare)(b + r * stride, scales[r]);                                                                    \
            }                                                                                                             \
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

#undef COUNTING
#undef VS_UNROLL
