/* SPDX-License-Identifier: Apache-2.0
 *
 * The product of a 16 x 16 and a 16 x 8 matrix of BF16 that tensor cores make (PTX: mma.m16n8k16, row.col): who holds which
 * value is in the description of the instruction.
 */
#include <string.h>
#include "cuda_runtime.h"

static float half_of(uint32_t two, unsigned high)
{
    const uint32_t bits = high ? two & 0xffff0000u : two << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float a_at(uint32_t (*a)[4], unsigned row, unsigned k)
{
    return half_of(a[row % 8 * 4 + k % 8 / 2][(row >= 8) + 2 * (k >= 8)], k % 2);
}

static float b_at(uint32_t (*b)[2], unsigned k, unsigned col)
{
    return half_of(b[col * 4 + k % 8 / 2][k >= 8], k % 2);
}

void emu_mma(float *d, const uint32_t *a, const uint32_t *b)
{
    uint32_t as[32][4], bs[32][2];
    const unsigned group = threadIdx.x % 32 / 4, i = threadIdx.x % 4;
    emu_all(a, as, sizeof as[0]);
    emu_all(b, bs, sizeof bs[0]);
    for (unsigned e = 0; e < 4; e++)
        for (unsigned k = 0; k < 16; k++)
            d[e] += a_at(as, group + 8 * (e / 2), k) * b_at(bs, k, 2 * i + e % 2);
}
