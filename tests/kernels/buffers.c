/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include "checks.h"
#include "canon.h"

#define GUARD 64
#define POISON 0x88

struct buffer {
    struct buffer *next;
    void *device; /* memory of the device, instead of raw */
    unsigned char *raw;
    uint64_t bytes, offset;
};

static char current[200];

void describe(struct run *r, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(current, sizeof current, fmt, args);
    va_end(args);
    r->cases++;
}

void expect(struct run *r, const char *what, bool ok)
{
    if (!ok && !r->failed++)
        snprintf(r->why, sizeof r->why, "%s: %s", current, what);
}

void same(struct run *r, const char *what, const void *a, const void *b, uint64_t bytes)
{
    const unsigned char *x = a, *y = b;
    uint64_t at = 0;
    while (at < bytes && x[at] == y[at])
        at++;
    if (at < bytes && !r->failed++)
        snprintf(r->why, sizeof r->why, "%s: %s differs at byte %llu of %llu: 0x%02x, reference 0x%02x", current, what,
                 (unsigned long long)at, (unsigned long long)bytes, y[at], x[at]);
}

static void *take_at(struct run *r, uint64_t bytes, uint64_t offset)
{
    struct buffer *b = malloc(sizeof *b);
    unsigned char *raw = b ? malloc(bytes + offset + 2 * GUARD) : NULL;
    if (!raw) {
        fprintf(stderr, "no memory for the test itself\n");
        exit(99);
    }
    memset(raw, POISON, bytes + offset + 2 * GUARD);
    *b = (struct buffer){r->buffers, NULL, raw, bytes, offset};
    r->buffers = b;
    return raw + GUARD + offset;
}

void *take(struct run *r, uint64_t bytes)
{
    return take_at(r, bytes, 0);
}

void *take_odd(struct run *r, uint64_t bytes)
{
    return take_at(r, bytes, 1 + below(r, 7));
}

/* On a device with memory of its own, a block of exactly this size. */
static void *on_device(struct run *r, const void *host, uint64_t bytes, uint64_t offset)
{
    struct vs_err err;
    void *p = NULL, *poison = host || vs_dev_shares(r->dev) ? NULL : take(r, bytes);
    if (vs_dev_shares(r->dev)) {
        p = take_at(r, bytes, offset);
        return host ? memcpy(p, host, bytes) : p;
    }
    struct buffer *b = malloc(sizeof *b);
    if (!b || vs_dev_alloc(r->dev, bytes, &p, &err) || vs_dev_put(r->dev, p, host ? host : poison, bytes, &err)) {
        fprintf(stderr, "no memory on the device for the test itself: %s\n", b ? err.message : "none here either");
        exit(99);
    }
    *b = (struct buffer){r->buffers, p, NULL, bytes, 0};
    r->buffers = b;
    return p;
}

void *to_device(struct run *r, const void *host, uint64_t bytes)
{
    return on_device(r, host, bytes, 4 * below(r, 8));
}

void *rows_to_device(struct run *r, const void *host, uint64_t bytes)
{
    return on_device(r, host, bytes, below(r, 8));
}

void *from_device(struct run *r, const void *device, uint64_t bytes)
{
    struct vs_err err = {VS_OK, ""};
    void *host = take(r, bytes);
    if (vs_dev_get(r->dev, host, device, bytes, &err))
        expect(r, err.message, false);
    return host;
}

void release(struct run *r)
{
    while (r->buffers) {
        struct buffer *b = r->buffers;
        if (b->device) {
            vs_dev_free(r->dev, b->device);
            r->buffers = b->next;
            free(b);
            continue;
        }
        const unsigned char *after = b->raw + GUARD + b->offset + b->bytes;
        bool ok = true;
        for (uint64_t i = 0; i < GUARD + b->offset; i++)
            ok &= b->raw[i] == POISON;
        for (int i = 0; i < GUARD; i++)
            ok &= after[i] == POISON;
        expect(r, "a byte outside of a buffer was written", ok);
        r->buffers = b->next;
        free(b->raw);
        free(b);
    }
}

uint64_t next_random(struct run *r)
{
    r->random += VS_GOLDEN;
    return vs_mix64(r->random);
}

uint64_t below(struct run *r, uint64_t n)
{
    return next_random(r) % n;
}

static double about_normal(struct run *r)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(next_random(r) >> 11) * 0x1p-53;
    return sum;
}

static uint64_t edge(struct run *r, enum vs_dtype dtype)
{
    static const uint16_t f16[] = {0, 0x8000, 1, 0x8001, 0x03ff, 0x0400, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7c01, 0x7e00, 0xffff, 0x3c00};
    static const uint16_t bf16[] = {0, 0x8000, 1, 0x8001, 0x007f, 0x0080, 0x7f7f, 0xff7f, 0x7f80, 0xff80, 0x7f81, 0x7fc0, 0xffff, 0x3f80};
    static const uint32_t f32[] = {0, 0x80000000, 1, 0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
                                   0x7f800001, 0x7fc00000, 0xffffffff, 0x3f800000};
    static const uint64_t f64[] = {0, 0x8000000000000000, 1, 0x8000000000000001, 0x000fffffffffffff, 0x0010000000000000,
                                   0x7fefffffffffffff, 0xffefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
                                   0x7ff0000000000001, 0x7ff8000000000000, 0xffffffffffffffff, 0x3ff0000000000000};
    const uint64_t i = below(r, 14);
    return dtype == VS_F16 ? f16[i] : dtype == VS_BF16 ? bf16[i] : dtype == VS_F32 ? f32[i] : f64[i];
}

void fill(struct run *r, void *p, enum vs_dtype dtype, uint64_t n, enum fill how)
{
    const uint32_t size = vs_float_size(dtype);
    for (uint64_t i = 0; i < n; i++) {
        const uint64_t bits = how == FILL_EDGES ? edge(r, dtype) : next_random(r);
        if (how == FILL_VALUES)
            vs_put_f64(p, dtype, i, about_normal(r));
        else
            memcpy((char *)p + i * size, &bits, size);
    }
}
