/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "format/st_index.h"
#include "fuzz.h"

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("{\n  \"metadata\": {\n    \"total_size\": 1024\n  },\n  \"weight_map\": {\n    \"lm_head.weight\": "
              "\"model-00002-of-00002.safetensors\",\n    \"model.embed_tokens.weight\": \"model-00001-of-00002.safetensors\"\n  }\n}\n"),
    FUZZ_SEED("{\"weight_map\":{\"a\":\"x.safetensors\",\"b\":\"x.safetensors\",\"\\u0063\":\"y.safetensors\"}}"),
    FUZZ_SEED("{\"metadata\":{\"total_size\":1e3,\"total_parameters\":7},\"weight_map\":{\"a\":\"../x.safetensors\"}}"),
    FUZZ_SEED("{\"weight_map\":{\"a\":\"a/b.safetensors\",\"b\":\"x.bin\",\"c\":\"\"}}"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vs_arena a = {0};
    struct vs_err err = {0};
    struct vs_st_index index;
    enum vs_code code = vs_st_index_parse("in", (struct vs_str){(const char *)data, n}, &a, &index, &err);
    fuzz_assert(code == VS_OK || err.message[0]);
    fuzz_accepted += !code;
    if (!code) {
        for (uint32_t i = 0; i < index.shard_count; i++) {
            fuzz_assert(vs_name_is_safe(vs_cstr(index.shards[i])));
            fuzz_assert(i == 0 || strcmp(index.shards[i - 1], index.shards[i]) < 0);
        }
        for (uint32_t i = 0; i < index.entry_count; i++) {
            fuzz_assert(index.entries[i].shard < index.shard_count);
            fuzz_assert(i == 0 || vs_str_cmp(index.entries[i - 1].tensor, index.entries[i].tensor) < 0);
        }
    }
    vs_arena_free(&a);
    return 0;
}
