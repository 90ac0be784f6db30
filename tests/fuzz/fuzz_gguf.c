/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "format/gguf.h"
#include "fuzz.h"
#include "tokenizer/load_gguf.h"

#define N4(c) c "\0\0\0"
#define N8(c) c "\0\0\0\0\0\0\0"
#define FILE_OF(tensors, kvs, body) FUZZ_SEED("GGUF" N4("\x03") N8(tensors) N8(kvs) body)
#define ARCHITECTURE N8("\x14") "general.architecture" N4("\x08") N8("\x05") "llama"
#define MODEL(name, n) N8("\x14") "tokenizer.ggml.model" N4("\x08") N8(n) name
#define TOKENS N8("\x15") "tokenizer.ggml.tokens" N4("\x09") N4("\x08") N8("\x04") N8("\x01") "a" N8("\x01") "b" N8("\x02") "ab" N8("\x06") "[PAD3]"
#define TYPES N8("\x19") "tokenizer.ggml.token_type" N4("\x09") N4("\x05") N8("\x04") N4("\x01") N4("\x06") N4("\x03") N4("\x05")
#define MERGES N8("\x15") "tokenizer.ggml.merges" N4("\x09") N4("\x08") N8("\x01") N8("\x03") "a b"
#define ALIGN_8 N8("\x11") "general.alignment" N4("\x04") N4("\x08")
#define VALUES N8("\x01") "x" N4("\x09") N4("\x09") N8("\x01") N4("\x07") N8("\x02") "\0\x01" N8("\x01") "y" N4("\x0c") N8("\x07") \
               N8("\x01") "z" N4("\x0a") N8("\x09")
#define EIGHT "01234567"
const struct fuzz_seed fuzz_seeds[] = {
    FILE_OF("\x00", "\x01", ARCHITECTURE),
    FILE_OF("\x00", "\x04", ARCHITECTURE MODEL("gpt2", "\x04") TOKENS MERGES),
    FILE_OF("\x00", "\x06", ARCHITECTURE MODEL("llama", "\x05") TOKENS VALUES),
    FILE_OF("\x02", "\x02", ARCHITECTURE ALIGN_8 N8("\x01") "a" N4("\x01") N8("\x02") N4("\x00") N8("\x00") /* F32 [2] */
            N8("\x01") "b" N4("\x02") N8("\x02") N8("\x02") N4("\x01") N8("\x08") "\0\0\0\0\0\0\0" EIGHT EIGHT),
    FILE_OF("\x00", "\x07", ARCHITECTURE MODEL("bert", "\x04") TOKENS TYPES VALUES),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

/* Every value can be asked for as anything. */
static void look_at(const struct vs_gguf *g)
{
    for (uint32_t i = 0; i < g->kv_count; i++) {
        const struct vs_gguf_kv *kv = &g->kvs[i];
        struct vs_str s;
        int64_t v;
        double d;
        bool b;
        uint64_t at = 0, n = 0;
        fuzz_assert(vs_gguf_i64(kv, &v) + vs_gguf_f64(kv, &d) + vs_gguf_bool(kv, &b) + vs_gguf_string(kv, &s) <= 1);
        while (vs_gguf_next(kv, &at, &s))
            n++;
        fuzz_assert(!vs_gguf_is_array(kv, VS_GGUF_STRING) || n == kv->count);
        fuzz_assert(!vs_gguf_item_i64(kv, kv->count, &v));
        if (kv->type == VS_GGUF_ARRAY && kv->count)
            (void)vs_gguf_item_i64(kv, kv->count - 1, &v);
    }
    for (uint32_t i = 0; i < g->count; i++) {
        const struct vs_tensor *t = &g->tensors[i];
        fuzz_assert(t->begin >= g->data_begin && t->begin <= t->end && t->end <= g->size);
        fuzz_assert(i == 0 || g->tensors[i - 1].end <= t->begin);
    }
}

static void vocabulary(const struct vs_gguf *g)
{
    struct vs_tokenizer *t = NULL;
    struct vs_err err = {0};
    if (!vs_gguf_has_vocab(g))
        return;
    enum vs_code code = vs_tokenizer_from_gguf(g, NULL, &t, &err);
    fuzz_assert(code == VS_OK || (!t && strncmp(err.message, "in: ", 4) == 0));
    for (uint32_t id = 0; !code && id < t->rows_needed; id++) {
        struct vs_str text = vs_token_text(t, id);
        fuzz_assert(!text.p || vs_token_id(t, text) <= id); /* of two tokens with a text, the first has it */
    }
    vs_tokenizer_close(t);
}

/* Ids that the file has, or a reason why there are none. */
static void text(const struct vs_gguf *g)
{
    struct vs_tokenizer *t = NULL;
    struct vs_ids ids = {0};
    struct vs_err err = {0};
    if (!vs_gguf_has_vocab(g))
        return;
    enum vs_code code = vs_encoder_from_gguf(g, NULL, NULL, &t, &err);
    fuzz_assert(code == VS_OK || (!t && err.message[0]));
    if (!code && vs_encode_prompt(t, VS_LIT("a ab\xc3\xa9 12 <s></s>Hello, world!\n\n  b"), &ids, &err) == VS_OK)
        for (size_t i = 0; i < ids.count; i++)
            fuzz_assert(vs_token_text(t, ids.ids[i]).p);
    vs_ids_free(&ids);
    vs_tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vs_arena a = {0};
    struct vs_err err = {0};
    struct vs_gguf g, part;
    bool more = false;
    enum vs_code code = vs_gguf_parse("in", (const char *)data, n, n, 0, &a, &g, &more, &err);
    fuzz_assert(!more && (code == VS_OK || strncmp(err.message, "in: ", 4) == 0));
    fuzz_accepted += !code;
    if (!code) {
        look_at(&g);
        vocabulary(&g);
        text(&g);
        fuzz_assert(vs_gguf_parse("in", (const char *)data, n / 2, n, 0, &a, &part, &more, &err) == VS_OK); /* half of a sound file: read more */
        vs_gguf_free(&part);
    }
    vs_gguf_free(&g);
    vs_arena_free(&a);
    return 0;
}
