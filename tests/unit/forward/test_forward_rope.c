/* SPDX-License-Identifier: Apache-2.0
 *
 * Frequencies of every scaling against their formulas, with numbers worked out by hand.
 */
#include <criterion/criterion.h>
#include <math.h>
#include "forward/arch.h"

#define PAIRS 4
#define NEAR(a, b) cr_expect(fabs((double)(a) - (double)(b)) <= 1e-12 * fabs((double)(b)), "%.17g, not %.17g", (double)(a), (double)(b))

static double frequencies(struct vs_rope r, uint64_t length, double f[PAIRS])
{
    r.pairs = PAIRS;
    r.theta = 10000;
    return vs_rope_frequencies(&r, length, f);
}

static const double plain[PAIRS] = {1, 0.1, 0.01, 0.001};

Test(rope, default_and_linear)
{
    double f[PAIRS];
    NEAR(frequencies((struct vs_rope){.kind = VS_ROPE_DEFAULT, .factor = 1}, 9, f), 1);
    for (int i = 0; i < PAIRS; i++)
        NEAR(f[i], plain[i]);
    NEAR(frequencies((struct vs_rope){.kind = VS_ROPE_LINEAR, .factor = 4}, 9, f), 1);
    for (int i = 0; i < PAIRS; i++)
        NEAR(f[i], plain[i] / 4);
}

/* base * (f * L / max - (f - 1)) ** (d / (d - 2)), only beyond max */
Test(rope, dynamic)
{
    double f[PAIRS];
    struct vs_rope r = {.kind = VS_ROPE_DYNAMIC, .factor = 2, .positions = 100};
    frequencies(r, 100, f);
    NEAR(f[3], plain[3]);
    frequencies(r, 200, f);
    double theta = 10000 * pow(3, 8.0 / 6);
    NEAR(f[0], 1);
    NEAR(f[2], pow(theta, -0.5));
    cr_expect_eq(vs_rope_key(&r, 100), 0);
    cr_expect_eq(vs_rope_key(&r, 101), 101);
}

/* wavelengths: 6.28 and 62.8 are short, 628 lies between 256 and 1024, 6283 is long */
Test(rope, llama3)
{
    double f[PAIRS], wave = 2 * acos(-1) / plain[2], smooth = (1024 / wave - 1) / 3;
    frequencies((struct vs_rope){.kind = VS_ROPE_LLAMA3, .factor = 8, .low = 1, .high = 4, .original = 1024}, 9, f);
    NEAR(f[0], plain[0]);
    NEAR(f[1], plain[1]);
    NEAR(f[2], (1 - smooth) * plain[2] / 8 + smooth * plain[2]);
    NEAR(f[3], plain[3] / 8);
}

Test(rope, yarn)
{
    double f[PAIRS], low = 8 * log(1024 / (32 * 2 * acos(-1))) / (2 * log(10000)), high = 8 * log(1024 / (2 * acos(-1))) / (2 * log(10000));
    struct vs_rope r = {.kind = VS_ROPE_YARN, .factor = 16, .low = 1, .high = 32, .original = 1024};
    NEAR(frequencies(r, 9, f), 0.1 * log(16) + 1);
    for (int i = 0; i < PAIRS; i++) {
        double t = fmin(fmax((i - low) / (high - low), 0), 1);
        NEAR(f[i], plain[i] / 16 * t + plain[i] * (1 - t));
    }
    r.truncate = true;
    frequencies(r, 9, f);
    double t = fmin(fmax((1 - floor(low)) / (ceil(high) - floor(low)), 0), 1);
    NEAR(f[1], plain[1] / 16 * t + plain[1] * (1 - t));
    r.mscale = 2;
    r.mscale_all = 0.5;
    NEAR(frequencies(r, 9, f), (0.2 * log(16) + 1) / (0.05 * log(16) + 1));
    r.attention = 1.25;
    NEAR(frequencies(r, 9, f), 1.25);
}

Test(rope, longrope)
{
    double f[PAIRS], near[PAIRS] = {1, 1.5, 2, 4}, far[PAIRS] = {2, 3, 5, 8};
    struct vs_rope r = {.kind = VS_ROPE_LONGROPE, .factor = 32, .original = 4096, .short_factors = near, .long_factors = far};
    NEAR(frequencies(r, 4096, f), sqrt(1 + log(32) / log(4096)));
    NEAR(f[1], plain[1] / 1.5);
    frequencies(r, 4097, f);
    NEAR(f[3], plain[3] / 8);
    cr_expect_eq(vs_rope_key(&r, 4096), 0);
    cr_expect_eq(vs_rope_key(&r, 4097), 1);
}

Test(rope, table)
{
    float t[3 * PAIRS * 2];
    double inv[PAIRS];
    struct vs_rope r = {.kind = VS_ROPE_DEFAULT, .theta = 10000, .factor = 1, .pairs = PAIRS, .attention = 2};
    vs_rope_table(&r, 3, 3, t, inv);
    for (int p = 0; p < 3; p++)
        for (int i = 0; i < PAIRS; i++) {
            cr_expect_eq(t[2 * (p * PAIRS + i)], (float)(2 * cos(p * plain[i])));
            cr_expect_eq(t[2 * (p * PAIRS + i) + 1], (float)(2 * sin(p * plain[i])));
        }
}
