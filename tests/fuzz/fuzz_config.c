/* SPDX-License-Identifier: Apache-2.0
 *
 * A model directory with configs only: bytes up to the first NUL are config.json, the rest is generation_config.json.
 */
#include <string.h>
#include "fuzz_dir.h"
#include "plan/offsets.h"

const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED("{\"architectures\": [\"Qwen2ForCausalLM\"], \"model_type\": \"qwen2\", \"vocab_size\": 151936, \"hidden_size\": 8, "
              "\"bos_token_id\": 151643, \"eos_token_id\": [151645, 151643], \"tie_word_embeddings\": false}\0"
              "{\"eos_token_id\": 151645, \"suppress_tokens\": [1, 2], \"pad_token_id\": null}"),
    FUZZ_SEED("{\"model_type\": \"gemma3n\", \"text_config\": {\"vocab_size\": 262400, \"vocab_size_per_layer_input\": 262144}, "
              "\"vision_config\": {\"vocab_offset\": 262144, \"vocab_size\": 128}, \"audio_config\": {\"vocab_offset\": 262272, "
              "\"vocab_size\": 128}, \"image_token_id\": 262145, \"audio_token_id\": 262273, \"eoi_token_id\": 262144, "
              "\"eoa_token_id\": 262272, \"boi_token_id\": 255999, \"boa_token_id\": 256000}\0{}"),
    FUZZ_SEED("{\"model_type\": \"llava\", \"text_config\": {\"model_type\": \"llama\", \"vocab_size\": 32064}, \"image_token_index\": 32000, "
              "\"vocab_size\": 32064}"),
    FUZZ_SEED("{\"model_type\": \"bert\", \"vocab_size\": 30522.0, \"pad_token_id\": -1}"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int config = -1, generation = -1;
    const uint8_t *nul = n ? memchr(data, 0, n) : NULL;
    size_t first = nul ? (size_t)(nul - data) : n;
    fuzz_file("config.json", &config, data, first);
    fuzz_file("generation_config.json", &generation, nul ? nul + 1 : (const void *)"{}", nul ? n - first - 1 : 2);
    for (int lenient = 0; lenient < 2; lenient++) {
        struct vs_checkpoint_options options = {.lenient = lenient};
        struct vs_checkpoint *c = NULL;
        struct vs_arena a = {0};
        struct vs_block *blocks;
        struct vs_err err = {0};
        uint32_t count;
        enum vs_code code = vs_checkpoint_open(fuzz_dir(), &options, &c, &err);
        fuzz_assert(code == VS_OK || err.message[0]);
        if (!code) {
            fuzz_accepted++;
            fuzz_assert(c->config.text_vocab < (int)c->config.vocab_size_count);
            code = vs_blocks_find(c, &a, &blocks, &count, &err);
            fuzz_assert(code == VS_OK || err.message[0]);
            for (uint32_t i = 0; !code && i < count; i++)
                fuzz_assert(blocks[i].name && blocks[i].basis);
        }
        vs_arena_free(&a);
        vs_checkpoint_close(c);
    }
    return 0;
}
