/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of weights in vectors of 16 values; included by unpack.c once for each width. V(name) makes the names of a width,
 * TARGET its attribute. Values go, in ascending order, where a sink says: V(put)(s, at, q, d) takes the 16 values q d of 16
 * signed bytes, V(put_minus)(s, at, q, d, m) the values q d - m, V(put_floats)(s, at, v) two or one vectors of float32.
 */

#define LOW(v) _mm_and_si128(v, _mm_set1_epi8(15))
#define HIGH(v) LOW(_mm_srli_epi16(v, 4))
#define BYTES16(p) _mm_loadu_si128((const __m128i *)(const void *)(p))

/* Bit j of the 16 bits at p as bit 4 of byte j. */
TARGET VS_BODY __m128i V(bit4)(const uint8_t *p)
{
    const __m128i bits = _mm_set1_epi16((short)(p[0] | p[1] << 8));
    const __m128i spread = _mm_shuffle_epi8(bits, _mm_set_epi8(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m128i mask = _mm_set1_epi64x((long long)0x8040201008040201ull);
    return _mm_and_si128(_mm_cmpeq_epi8(_mm_and_si128(spread, mask), mask), _mm_set1_epi8(16));
}

TARGET VS_BODY void V(Q4_0)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q4_0_BYTES, at += 32) {
        const __m128i q = BYTES16(b + 2);
        const float d = V(f16)(b);
        V(put)(s, at, _mm_sub_epi8(LOW(q), _mm_set1_epi8(8)), d);
        V(put)(s, at + 16, _mm_sub_epi8(HIGH(q), _mm_set1_epi8(8)), d);
    }
}

TARGET VS_BODY void V(Q4_1)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q4_1_BYTES, at += 32) {
        const __m128i q = BYTES16(b + 4);
        const float d = V(f16)(b), m = -V(f16)(b + 2);
        V(put_minus)(s, at, LOW(q), d, m);
        V(put_minus)(s, at + 16, HIGH(q), d, m);
    }
}

TARGET VS_BODY void V(Q5_0)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q5_0_BYTES, at += 32) {
        const __m128i q = BYTES16(b + 6);
        const float d = V(f16)(b);
        V(put)(s, at, _mm_sub_epi8(_mm_or_si128(LOW(q), V(bit4)(b + 2)), _mm_set1_epi8(16)), d);
        V(put)(s, at + 16, _mm_sub_epi8(_mm_or_si128(HIGH(q), V(bit4)(b + 4)), _mm_set1_epi8(16)), d);
    }
}

TARGET VS_BODY void V(Q5_1)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q5_1_BYTES, at += 32) {
        const __m128i q = BYTES16(b + 8);
        const float d = V(f16)(b), m = -V(f16)(b + 2);
        V(put_minus)(s, at, _mm_or_si128(LOW(q), V(bit4)(b + 4)), d, m);
        V(put_minus)(s, at + 16, _mm_or_si128(HIGH(q), V(bit4)(b + 6)), d, m);
    }
}

TARGET VS_BODY void V(Q8_0)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q8_0_BYTES, at += 32) {
        const float d = V(f16)(b);
        V(put)(s, at, BYTES16(b + 2), d);
        V(put)(s, at + 16, BYTES16(b + 18), d);
    }
}

TARGET VS_BODY void V(MXFP4)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    const __m128i table = _mm_set_epi8(-12, -8, -6, -4, -3, -2, -1, 0, 12, 8, 6, 4, 3, 2, 1, 0);
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_MXFP4_BYTES, at += 32) {
        const __m128i q = BYTES16(b + 1);
        const float scale = vs_e8m0_half(b[0]);
        V(put)(s, at, _mm_shuffle_epi8(table, LOW(q)), scale);
        V(put)(s, at + 16, _mm_shuffle_epi8(table, HIGH(q)), scale);
    }
}

/* Quarter c of Q4_K and Q5_K: sub-blocks 2c and 2c + 1 of 32 values, scale and minimum each. */
TARGET VS_BODY void V(quarter)(struct V(sink) *s, uint64_t at, const uint8_t *b, uint32_t c, const __m128i *low, const __m128i *high)
{
    const float d = V(f16)(b), min = V(f16)(b + 2);
    const float d0 = d * (float)vs_quant_scale(b + 4, 2 * c), m0 = min * (float)vs_quant_min(b + 4, 2 * c);
    const float d1 = d * (float)vs_quant_scale(b + 4, 2 * c + 1), m1 = min * (float)vs_quant_min(b + 4, 2 * c + 1);
    V(put_minus)(s, at + 64 * c, low[0], d0, m0);
    V(put_minus)(s, at + 64 * c + 16, low[1], d0, m0);
    V(put_minus)(s, at + 64 * c + 32, high[0], d1, m1);
    V(put_minus)(s, at + 64 * c + 48, high[1], d1, m1);
}

TARGET VS_BODY void V(Q4_K)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q4_K_BYTES, at += 256)
        for (uint32_t c = 0; c < 4; c++) {
            const __m128i q[2] = {BYTES16(b + 16 + 32 * c), BYTES16(b + 32 + 32 * c)};
            const __m128i low[2] = {LOW(q[0]), LOW(q[1])}, high[2] = {HIGH(q[0]), HIGH(q[1])};
            V(quarter)(s, at, b, c, low, high);
        }
}

/* Bit n of every byte as bit 4. */
TARGET VS_BODY __m128i V(fifth)(__m128i bits, uint32_t n)
{
    const __m128i one = _mm_and_si128(_mm_srl_epi16(bits, _mm_cvtsi32_si128((int)n)), _mm_set1_epi8(1));
    return _mm_slli_epi16(one, 4);
}

TARGET VS_BODY void V(Q5_K)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q5_K_BYTES, at += 256)
        for (uint32_t c = 0; c < 4; c++) {
            __m128i low[2], high[2];
            for (int h = 0; h < 2; h++) {
                const __m128i q = BYTES16(b + 48 + 32 * c + 16 * (uint32_t)h), bits = BYTES16(b + 16 + 16 * h);
                low[h] = _mm_or_si128(LOW(q), V(fifth)(bits, 2 * c));
                high[h] = _mm_or_si128(HIGH(q), V(fifth)(bits, 2 * c + 1));
            }
            V(quarter)(s, at, b, c, low, high);
        }
}

/* Two bits of every byte, at n, as bits 4 and 5, below nibbles; less 32. */
TARGET VS_BODY __m128i V(six)(__m128i nibbles, __m128i bits, int n)
{
    const __m128i two = _mm_and_si128(_mm_srl_epi16(bits, _mm_cvtsi32_si128(n)), _mm_set1_epi8(3));
    return _mm_sub_epi8(_mm_or_si128(nibbles, _mm_slli_epi16(two, 4)), _mm_set1_epi8(32));
}

TARGET VS_BODY void V(Q6_K)(const uint8_t *b, uint64_t blocks, struct V(sink) *s)
{
    for (uint64_t at = 0, i = 0; i < blocks; i++, b += VS_Q6_K_BYTES, at += 256) {
        const float d = V(f16)(b + 208);
        for (uint32_t n = 0; n < 2; n++)
            for (uint32_t part = 0; part < 4; part++)
                for (uint32_t h = 0; h < 2; h++) {
                    const __m128i q = BYTES16(b + 64 * n + part % 2 * 32 + 16 * h), bits = BYTES16(b + 128 + 32 * n + 16 * h);
                    const float scale = d * (float)(int8_t)b[192 + 8 * n + 2 * part + h];
                    V(put)(s, at + 128 * n + 32 * part + 16 * h, V(six)(part < 2 ? LOW(q) : HIGH(q), bits, 2 * (int)part), scale);
                }
    }
}

/* ---- single values: whole vectors only ---- */

TARGET VS_BODY void V(plain)(const struct vs_mat *w, uint64_t r, struct V(sink) *s)
{
    const uint8_t *row = vs_mat_row(w, r);
    const uint64_t whole = w->cols / 16 * 16;
    if (w->dtype == VS_BF16)
        for (uint64_t k = 0; k < whole; k += 16)
            V(put_bf16)(s, k, row + 2 * k);
    else if (w->dtype == VS_F16)
        for (uint64_t k = 0; k < whole; k += 16)
            V(put_f16)(s, k, row + 2 * k);
    else
        for (uint64_t k = 0; k < whole; k += 16)
            V(put_f32)(s, k, row + 4 * k);
}

#define CASE(name) case VS_##name: V(name)(vs_mat_row(w, r), w->cols / VS_##name##_ELEMENTS, s); break;
TARGET VS_BODY void V(row)(const struct vs_mat *w, uint64_t r, struct V(sink) *s)
{
    switch ((int)w->dtype) {
        VS_QUANT_DTYPES(CASE)
    default: V(plain)(w, r, s);
    }
}
#undef CASE

TARGET static void V(unpack)(const struct vs_mat *w, uint64_t r, float *out)
{
    struct V(sink) s = {.y = out};
    if (!vs_cpu_in_vectors(w)) {
        unpack_plain(w, r, out);
        return;
    }
    V(row)(w, r, &s);
    for (uint64_t k = w->cols / 16 * 16; k < w->cols; k++)
        out[k] = vs_mat_value(w, r, k);
}

TARGET static float V(row_dot)(const struct vs_mat *w, uint64_t r, const float *x)
{
    float lanes[VS_DOT_LANES];
    struct V(sink) s = {.x = x};
    V(clear)(&s);
    V(row)(w, r, &s);
    V(lanes)(&s, lanes);
    for (uint64_t k = w->cols / 16 * 16, l = 0; k < w->cols; k++, l++)
        lanes[l] = vs_fmaf(x[k], vs_mat_value(w, r, k), lanes[l]);
    return vs_dot_finish(lanes);
}

#undef LOW
#undef HIGH
#undef BYTES16
