/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "support.h"
#include "support_internal.h"

/* Bits per element: the first number in the name ("BF16", "F8_E4M3"); BOOL has none. */
static unsigned bits_of(const char *dtype)
{
    const char *digit = strpbrk(dtype, "0123456789");
    return digit ? (unsigned)atoi(digit) : 8;
}

uint64_t vst_tensor_bytes(const struct vst_tensor *t)
{
    uint64_t bits = bits_of(t->dtype);
    for (unsigned i = 0; i < t->ndim; i++)
        bits *= t->shape[i];
    return bits / 8;
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Random bits with an exponent that keeps the value between 1/256 and 1. */
static uint64_t finite_bits(const char *dtype, uint64_t r)
{
    if (strcmp(dtype, "F32") == 0)
        return (r & 0x807fffffu) | (0x77 + (r >> 40 & 7)) << 23;
    if (strcmp(dtype, "BF16") == 0)
        return (r & 0x807fu) | (0x77 + (r >> 40 & 7)) << 7;
    if (strcmp(dtype, "F16") == 0)
        return (r & 0x83ffu) | (7 + (r >> 40 & 7)) << 10;
    if (strcmp(dtype, "F64") == 0)
        return (r & 0x800fffffffffffffu) | (0x3f7 + (r >> 55 & 7)) << 52;
    return strcmp(dtype, "BOOL") == 0 ? r & 1 : r;
}

void vst_fill(const struct vst_tensor *t, void *out, uint64_t bytes)
{
    unsigned char *p = out;
    uint64_t state = 0, size = bits_of(t->dtype) / 8;
    if (t->data) {
        memcpy(out, t->data, bytes);
        return;
    }
    for (const char *c = t->name; *c; c++)
        state = (state ^ (unsigned char)*c) * 0x100000001b3u;
    if (size == 0)
        size = 1;
    for (uint64_t at = 0; at + size <= bytes; at += size) {
        uint64_t v = finite_bits(t->dtype, splitmix(&state));
        memcpy(p + at, &v, size); /* little-endian, as every machine this runs on */
    }
}

static char *make_header(const struct vst_tensor *t, size_t count, const char *metadata, uint64_t *payload)
{
    char *text = NULL;
    size_t n = 0;
    const char *comma = "";
    FILE *f = open_memstream(&text, &n);
    if (!f)
        vst_die("allocate", "memory");
    fputc('{', f);
    if (metadata) {
        fprintf(f, "\"__metadata__\":%s", metadata);
        comma = ",";
    }
    *payload = 0;
    for (size_t i = 0; i < count; i++, comma = ",") {
        fprintf(f, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", comma, t[i].name, t[i].dtype);
        for (unsigned k = 0; k < t[i].ndim; k++)
            fprintf(f, "%s%llu", k ? "," : "", (unsigned long long)t[i].shape[k]);
        uint64_t end = *payload + vst_tensor_bytes(&t[i]);
        fprintf(f, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)*payload, (unsigned long long)end);
        *payload = end;
    }
    fputc('}', f);
    while (ftell(f) % 8)
        fputc(' ', f);
    if (fclose(f) != 0)
        vst_die("allocate", "memory");
    return vst_keep(text, false);
}

void *vst_safetensors(const struct vst_tensor *t, size_t count, const char *metadata, size_t *n)
{
    uint64_t payload;
    const char *header = make_header(t, count, metadata, &payload);
    uint64_t length = strlen(header);
    unsigned char *file = vst_keep(malloc(8 + length + payload + 1), false);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, length);
    unsigned char *at = file + 8 + length;
    for (size_t i = 0; i < count; at += vst_tensor_bytes(&t[i]), i++)
        vst_fill(&t[i], at, vst_tensor_bytes(&t[i]));
    *n = (size_t)(8 + length + payload);
    return file;
}

void vst_write_safetensors(const char *path, const struct vst_tensor *t, size_t count, const char *metadata)
{
    size_t n;
    const void *file = vst_safetensors(t, count, metadata, &n);
    vst_write(path, file, n);
}

void vst_write_raw_safetensors(const char *path, const void *header, size_t header_bytes, size_t payload_bytes)
{
    uint64_t length = header_bytes;
    unsigned char *file = vst_keep(calloc(1, 8 + header_bytes + payload_bytes), false);
    memcpy(file, &length, 8);
    memcpy(file + 8, header, header_bytes);
    vst_write(path, file, 8 + header_bytes + payload_bytes);
}
