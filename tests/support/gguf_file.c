/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include "gguf_file.h"
#include "support.h"
#include "support_internal.h"

void gg_raw(struct gg_bytes *b, const void *p, size_t n)
{
    if (b->n + n > b->cap) {
        b->cap = (b->n + n) * 2 + 64;
        b->p = realloc(b->p, b->cap);
        if (!b->p)
            vst_die("no memory", "a GGUF file");
    }
    if (n && p)
        memcpy(b->p + b->n, p, n);
    else if (n)
        memset(b->p + b->n, 0, n);
    b->n += n;
}

void gg_number(struct gg_bytes *b, uint64_t v, unsigned bytes)
{
    unsigned char le[8];
    for (unsigned i = 0; i < bytes; i++)
        le[i] = (unsigned char)(v >> 8 * i);
    gg_raw(b, le, bytes);
}

void gg_text(struct gg_bytes *b, const char *s)
{
    gg_number(b, strlen(s), 8);
    gg_raw(b, s, strlen(s));
}

int gg_key(struct gg *g, const char *key, uint32_t type)
{
    if (g->omit && strcmp(g->omit, key) == 0)
        return 0;
    g->kvs++;
    gg_text(&g->kv, key);
    gg_number(&g->kv, type, 4);
    return 1;
}

void gg_u32(struct gg *g, const char *key, uint32_t v)
{
    if (gg_key(g, key, GG_U32))
        gg_number(&g->kv, v, 4);
}

void gg_string(struct gg *g, const char *key, const char *v)
{
    if (gg_key(g, key, GG_STRING))
        gg_text(&g->kv, v);
}

static int array(struct gg *g, const char *key, uint32_t element, size_t n)
{
    if (!gg_key(g, key, GG_ARRAY))
        return 0;
    gg_number(&g->kv, element, 4);
    gg_number(&g->kv, n, 8);
    return 1;
}

void gg_strings(struct gg *g, const char *key, const char *const *list, size_t n)
{
    if (array(g, key, GG_STRING, n))
        for (size_t i = 0; i < n; i++)
            gg_text(&g->kv, list[i]);
}

void gg_numbers(struct gg *g, const char *key, uint32_t element, const uint32_t *list, size_t n)
{
    if (array(g, key, element, n))
        for (size_t i = 0; i < n; i++)
            gg_number(&g->kv, list[i], 4);
}

void gg_info(struct gg *g, const char *name, uint32_t type, uint32_t ndim, const uint64_t *dims, uint64_t offset)
{
    g->tensors++;
    gg_text(&g->info, name);
    gg_number(&g->info, ndim, 4);
    for (uint32_t i = 0; i < ndim; i++)
        gg_number(&g->info, dims[i], 8);
    gg_number(&g->info, type, 4);
    gg_number(&g->info, offset, 8);
}

static uint64_t alignment(const struct gg *g)
{
    return g->alignment ? g->alignment : 32;
}

void gg_tensor(struct gg *g, const char *name, uint32_t type, uint32_t ndim, const uint64_t *dims, const void *data, size_t bytes)
{
    if (g->omit && strcmp(g->omit, name) == 0)
        return;
    gg_raw(&g->data, NULL, (size_t)(-g->data.n % alignment(g)));
    const size_t begin = g->data.n;
    gg_info(g, name, type, ndim, dims, begin);
    gg_raw(&g->data, data, bytes);
    for (size_t i = 0; i < bytes && !data; i++) /* as float16, float32 and scales of blocks: small, finite, of any sign */
        g->data.p[begin + i] = (unsigned char)(i % 2 ? 0x20 + i * 7 % 16 + i * 5 % 2 * 0x80 : i * 37 + begin);
}

struct gg_bytes gg_file(const struct gg *g)
{
    struct gg_bytes b = {0};
    gg_raw(&b, "GGUF", 4);
    gg_number(&b, g->version, 4);
    gg_number(&b, g->tensors, 8);
    gg_number(&b, g->kvs, 8);
    gg_raw(&b, g->kv.p, g->kv.n);
    gg_raw(&b, g->info.p, g->info.n);
    if (g->tensors)
        gg_raw(&b, NULL, (size_t)(-b.n % alignment(g)));
    gg_raw(&b, g->data.p, g->data.n);
    return b;
}

void gg_write(const struct gg *g, const char *path)
{
    struct gg_bytes b = gg_file(g);
    vst_write(path, b.p, b.n);
    free(b.p);
}

void gg_free(struct gg *g)
{
    free(g->kv.p);
    free(g->info.p);
    free(g->data.p);
    *g = (struct gg){0};
}

void gg_sound(struct gg *g)
{
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<0x41>", "\xe2\x96\x81" "a", "b", "ab", "[PAD7]"};
    static const char *const merges[] = {"a b"};
    static const uint32_t types[] = {2, 3, 3, 6, 1, 1, 1, 5}, scores[8] = {0};
    gg_string(g, "general.architecture", "llama");
    gg_u32(g, "llama.vocab_size", 8);
    gg_u32(g, "llama.embedding_length", 32);
    gg_string(g, "tokenizer.ggml.model", "llama");
    gg_strings(g, "tokenizer.ggml.tokens", tokens, 8);
    gg_numbers(g, "tokenizer.ggml.scores", GG_FLOAT32, scores, 8);
    gg_numbers(g, "tokenizer.ggml.token_type", GG_I32, types, 8);
    gg_strings(g, "tokenizer.ggml.merges", merges, 1);
    gg_u32(g, "tokenizer.ggml.bos_token_id", 1);
    gg_u32(g, "tokenizer.ggml.eos_token_id", 2);
    if (gg_key(g, "tokenizer.ggml.add_bos_token", GG_BOOL))
        gg_number(&g->kv, 1, 1);
    gg_tensor(g, "token_embd.weight", GG_Q8_0, 2, (const uint64_t[]){32, 8}, NULL, 272);
    gg_tensor(g, "output.weight", GG_F16, 2, (const uint64_t[]){32, 8}, NULL, 512);
    if (!g->omit) {
        memset(g->data.p + 7 * 34, 0, 34); /* the placeholder's rows */
        memset(g->data.p + 288 + 7 * 64, 0, 64);
    }
    gg_tensor(g, "output_norm.weight", GG_F32, 1, (const uint64_t[]){32}, NULL, 128);
}
