/* SPDX-License-Identifier: Apache-2.0
 *
 * Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as
 * 1, 2, 3" (SC11). A value depends on its key and counter only, so rows may be made in any order, anywhere.
 */
#ifndef VS_KERNELS_RNG_H
#define VS_KERNELS_RNG_H

#include "canon.h"
#include "vs_kernels.h"

struct vs_philox { uint32_t v[4]; };

VS_HD struct vs_philox vs_philox4x32(struct vs_philox ctr, uint32_t key0, uint32_t key1)
{
    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xD2511F53u * ctr.v[0], b = (uint64_t)0xCD9E8D57u * ctr.v[2];
        uint32_t v0 = (uint32_t)(b >> 32) ^ ctr.v[1] ^ key0, v2 = (uint32_t)(a >> 32) ^ ctr.v[3] ^ key1;
        ctr.v[0] = v0;
        ctr.v[1] = (uint32_t)b;
        ctr.v[2] = v2;
        ctr.v[3] = (uint32_t)a;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return ctr;
}

/* Two independent standard normals: columns 2 * pair and 2 * pair + 1 of the row with this key. The seed is Philox's
 * key, (pair, stream) its counter. Box-Muller: the radius from 52 bits in (0, 1), the angle from 52 bits of a turn. */
VS_HD void vs_normal_pair(struct vs_k_key key, uint64_t pair, double *even, double *odd)
{
    struct vs_philox c;
    c.v[0] = (uint32_t)pair;
    c.v[1] = (uint32_t)(pair >> 32);
    c.v[2] = (uint32_t)key.stream;
    c.v[3] = (uint32_t)(key.stream >> 32);
    c = vs_philox4x32(c, (uint32_t)key.seed, (uint32_t)(key.seed >> 32));
    uint64_t x = (uint64_t)c.v[1] << 32 | c.v[0], y = (uint64_t)c.v[3] << 32 | c.v[2];
    double u = vs_bits_f64(x >> 12 | 0x3ff0000000000000ull) - 1 + 0x1p-53;
    double t = vs_bits_f64(y >> 12 | 0x3ff0000000000000ull) - 1;
    double s, co, radius = sqrt(-2 * vs_log(u));
    vs_sincos_turn(t, &s, &co);
    *even = radius * co;
    *odd = radius * s;
}

#endif
