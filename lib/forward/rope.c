/* SPDX-License-Identifier: Apache-2.0
 *
 * Rotary positions as frequencies and tables, made once on the host in float64.
 */
#include <math.h>
#include "canon.h"
#include "forward/arch.h"

#define TWO_PI 6.283185307179586

/* ---- frequencies ---- */

static double llama3(const struct vs_rope *r, double f)
{
    double wavelength = TWO_PI / f;
    if (wavelength > r->original / r->low)
        return f / r->factor;
    if (wavelength < r->original / r->high)
        return f;
    double smooth = (r->original / wavelength - r->low) / (r->high - r->low);
    return (1 - smooth) * f / r->factor + smooth * f;
}

/* The pair that turns `rotations` times over the original positions. */
static double yarn_pair(const struct vs_rope *r, double rotations)
{
    return 2.0 * r->pairs * log(r->original / (rotations * TWO_PI)) / (2 * log(r->theta));
}

struct ramp { double low, high; };

static struct ramp yarn_ramp(const struct vs_rope *r)
{
    double low = yarn_pair(r, r->high), high = yarn_pair(r, r->low);
    low = fmax(r->truncate ? floor(low) : low, 0);
    high = fmin(r->truncate ? ceil(high) : high, 2.0 * r->pairs - 1);
    return (struct ramp){low, high == low ? high + 0.001 : high};
}

static double yarn(const struct vs_rope *r, struct ramp ramp, uint32_t pair, double f)
{
    double t = fmin(fmax((pair - ramp.low) / (ramp.high - ramp.low), 0), 1);
    return f / r->factor * t + f * (1 - t);
}

double vs_yarn_mscale(double factor, double mscale)
{
    return factor <= 1 ? 1 : 0.1 * mscale * log(factor) + 1;
}

static double attention_factor(const struct vs_rope *r)
{
    if (r->attention > 0)
        return r->attention;
    if (r->kind == VS_ROPE_YARN && r->mscale > 0 && r->mscale_all > 0)
        return vs_yarn_mscale(r->factor, r->mscale) / vs_yarn_mscale(r->factor, r->mscale_all);
    if (r->kind == VS_ROPE_YARN)
        return vs_yarn_mscale(r->factor, 1);
    if (r->kind == VS_ROPE_LONGROPE && r->factor > 1)
        return sqrt(1 + log(r->factor) / log(r->original));
    return 1;
}

static double dynamic_theta(const struct vs_rope *r, uint64_t length)
{
    double n = fmax((double)length, r->positions), dim = 2.0 * r->pairs;
    return r->theta * pow(r->factor * (n - r->positions) / r->positions + 1, dim / (dim - 2));
}

double vs_rope_frequencies(const struct vs_rope *r, uint64_t length, double *inv_freq)
{
    double theta = r->kind == VS_ROPE_DYNAMIC ? dynamic_theta(r, length) : r->theta;
    const double *divisors = r->kind == VS_ROPE_LONGROPE && (double)length > r->original ? r->long_factors : r->short_factors;
    struct ramp ramp = r->kind == VS_ROPE_YARN ? yarn_ramp(r) : (struct ramp){0, 1};
    for (uint32_t i = 0; i < r->pairs; i++) {
        double f = pow(theta, -(double)i / r->pairs);
        if (divisors)
            f /= divisors[i];
        if (r->kind == VS_ROPE_LINEAR)
            f /= r->factor;
        else if (r->kind == VS_ROPE_LLAMA3)
            f = llama3(r, f);
        else if (r->kind == VS_ROPE_YARN)
            f = yarn(r, ramp, i, f);
        inv_freq[i] = f;
    }
    return attention_factor(r);
}

void vs_rope_table(const struct vs_rope *r, uint64_t length, uint64_t positions, float *cos_sin, double *inv_freq)
{
    double factor = vs_rope_frequencies(r, length, inv_freq);
    for (uint64_t p = 0; p < positions; p++)
        for (uint32_t i = 0; i < r->pairs; i++) {
            double turns = (double)p * inv_freq[i] / TWO_PI, s, c;
            vs_sincos_turn(turns - floor(turns), &s, &c);
            cos_sin[2 * (p * r->pairs + i)] = (float)(c * factor);
            cos_sin[2 * (p * r->pairs + i) + 1] = (float)(s * factor);
        }
}

uint64_t vs_rope_key(const struct vs_rope *r, uint64_t length)
{
    if (r->kind == VS_ROPE_DYNAMIC)
        return (double)length > r->positions ? length : 0;
    return r->kind == VS_ROPE_LONGROPE && (double)length > r->original;
}
