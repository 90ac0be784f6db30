/* SPDX-License-Identifier: Apache-2.0
 *
 * Open addressing, linear probing, at most three quarters full. The slot array has one slot more than cap: its hash
 * field and length hold the table's random seed.
 */
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include "base/map.h"
#include "base/mem.h"

struct vs_map_slot {
    const char *p;
    size_t n;
    uint32_t hash, value; /* value VS_NONE: empty */
};

/* Little-endian loads, so that a hash is the same on every machine. */
static inline uint64_t load(const unsigned char *p, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

static inline uint64_t load8(const unsigned char *p)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
#else
    return load(p, 8);
#endif
}

__extension__ typedef unsigned __int128 u128;

/* Both halves of a 128-bit product: every input bit reaches every output bit. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t vs_hash_bytes(const void *bytes, size_t n, uint64_t seed)
{
    const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xc2b2ae3d27d4eb4fu, k2 = 0x165667b19e3779f9u;
    const unsigned char *p = bytes;
    uint64_t h = mix(seed ^ k0, k1) ^ n;
    size_t left = n;
    for (; left > 16; p += 16, left -= 16)
        h = mix(load8(p) ^ h ^ k1, load8(p + 8) ^ k2);
    uint64_t a = 0, b = 0;
    if (left > 8) {
        a = load8(p);
        b = load(p + 8, (unsigned)(left - 8));
    } else if (left == 8) {
        a = load8(p);
    } else if (left) {
        a = load(p, (unsigned)left);
    }
    h = mix(a ^ h ^ k1, b ^ k2 ^ seed);
    return mix(h ^ k0, k2 ^ n);
}

/* From the kernel; a clock and an address where that is refused: flooding is then harder to prevent, nothing breaks. */
uint64_t vs_hash_seed(const void *salt)
{
    uint64_t seed;
    if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) == sizeof seed)
        return seed | 1;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ((uint64_t)(uintptr_t)salt ^ (uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec) | 1;
}

static uint32_t hash_key(const struct vs_map *m, struct vs_str key)
{
    uint64_t h = vs_hash_bytes(key.p, key.n, m->slots[m->cap].n);
    return (uint32_t)(h ^ h >> 32);
}

static struct vs_map_slot *find(const struct vs_map *m, struct vs_str key, uint32_t hash)
{
    size_t mask = m->cap - 1, at = hash & mask;
    for (;; at = (at + 1) & mask) {
        struct vs_map_slot *s = &m->slots[at];
        if (s->value == VS_NONE)
            return s;
        if (s->hash == hash && s->n == key.n && (key.n == 0 || memcmp(s->p, key.p, key.n) == 0))
            return s;
    }
}

static bool grow(struct vs_map *m, size_t cap)
{
    if (cap > (size_t)1 << 31) /* a hash has 32 bits */
        return false;
    struct vs_map_slot *slots = vs_realloc_array(NULL, cap + 1, sizeof *slots);
    if (!slots)
        return false;
    memset(slots, 0xff, (cap + 1) * sizeof *slots);
    slots[cap].n = m->cap ? m->slots[m->cap].n : vs_hash_seed(slots);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].value == VS_NONE)
            continue;
        size_t at = m->slots[i].hash & (cap - 1);
        while (slots[at].value != VS_NONE)
            at = (at + 1) & (cap - 1);
        slots[at] = m->slots[i];
    }
    vs_free(m->slots);
    m->slots = slots;
    m->cap = cap;
    return true;
}

int vs_map_reserve(struct vs_map *m, size_t count)
{
    size_t cap = m->cap ? m->cap : 16;
    if (count > (size_t)1 << 30)
        return 0;
    while (count > cap / 4 * 3)
        cap *= 2;
    return cap == m->cap || grow(m, cap);
}

int vs_map_put(struct vs_map *m, struct vs_str key, uint32_t value, uint32_t *old)
{
    if (old)
        *old = VS_NONE;
    if (value == VS_NONE || !vs_map_reserve(m, m->count + 1))
        return 0;
    uint32_t hash = hash_key(m, key);
    struct vs_map_slot *s = find(m, key, hash);
    if (s->value != VS_NONE) {
        if (old)
            *old = s->value;
        s->value = value;
        return 1;
    }
    *s = (struct vs_map_slot){key.p, key.n, hash, value};
    m->count++;
    return 1;
}

uint32_t vs_map_get(const struct vs_map *m, struct vs_str key)
{
    return m->count ? find(m, key, hash_key(m, key))->value : VS_NONE;
}

void vs_map_free(struct vs_map *m)
{
    if (!m)
        return;
    vs_free(m->slots);
    *m = (struct vs_map){0};
}
