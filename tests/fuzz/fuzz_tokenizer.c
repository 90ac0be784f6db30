/* SPDX-License-Identifier: Apache-2.0
 *
 * tokenizer.json, all four model types; what loads is asked for every id and encodes a text.
 */
#include <vs/tokenizer.h>
#include "base/str.h"
#include "fuzz_dir.h"

#define HEAD "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":"
#define ADDED "[{\"id\":5,\"content\":\"<s>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":true,\"normalized\":false,\"special\":true}]"
const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED(HEAD ADDED ",\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
              "\"trim_offsets\":true,\"use_regex\":true},\"post_processor\":{\"type\":\"Sequence\",\"processors\":[{\"type\":\"ByteLevel\"},{\"type\":"
              "\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],"
              "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[5],\"tokens\":[\"<s>\"]}}}]},\"decoder\":null,\"model\":{\"type\":\"BPE\",\"dropout\":null,"
              "\"unk_token\":null,\"fuse_unk\":false,\"byte_fallback\":false,\"vocab\":{\"a\":0,\"b\":1,\"\xc4\xa0\":2,\"ab\":3,"
              "\"\xc4\xa0" "ab\":4},\"merges\":[[\"a\",\"b\"],\"\xc4\xa0 ab\"]}}"),
    FUZZ_SEED(HEAD "[],\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_accents\":null,"
              "\"lowercase\":true},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"x\",3],"
              "\"cls\":[\"a\",1]},\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
              "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":{\"[UNK]\":0,\"a\":1,\"##b\":2,\"x\":3}}}"),
    FUZZ_SEED(HEAD ADDED ",\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\xe2\x96\x81\",\"prepend_scheme\":"
              "\"always\",\"split\":true},\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"byte_fallback\":false,\"vocab\":[[\"<unk>\",0.0],"
              "[\"\xe2\x96\x81\",-2.5],[\"a\",-3.25],[\"b\",-4e0],[\"\xe2\x96\x81" "ab\",-1.5]]}}"),
    FUZZ_SEED(HEAD "[],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xe2\x96\x81\"},{\"type\":"
              "\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xe2\x96\x81\"}]},\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":"
              "{\"Regex\":\"\\\\p{L}+|\\\\s\"},\"behavior\":\"Isolated\",\"invert\":false},\"model\":{\"type\":\"WordLevel\",\"vocab\":"
              "{\"a\":0,\"ab\":1,\"[UNK]\":2},\"unk_token\":\"[UNK]\"}}"),
    FUZZ_SEED(HEAD "[],\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Nmt\"},{\"type\":\"Precompiled\",\"precompiled_charsmap\":"
              "\"CAAAAAAAAQBhAQAAYQA=\"}]},\"pre_tokenizer\":null,\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0},\"unk_token\":\"a\"}}"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

/* Every id has a text or is a hole, and every text leads back to an id with that text. */
static void ask(const struct vs_tokenizer *t)
{
    struct vs_buf b = {0};
    struct vs_err err = {0};
    struct vs_ids ids = {0};
    fuzz_assert(t->max_id == VS_NO_ID || t->rows_needed == t->max_id + 1);
    for (uint32_t id = 0; id < t->rows_needed && id < 300; id++) {
        struct vs_str text = vs_token_text(t, id);
        if (text.p)
            fuzz_assert(vs_token_id(t, text) != VS_NO_ID && vs_str_eq(vs_token_text(t, vs_token_id(t, text)), text));
        vs_token_bytes(t, id, &b);
    }
    fuzz_assert(!vs_token_text(t, VS_NO_ID).p);
    enum vs_code code = vs_encode(t, VS_LIT("ab <s> \xc3\xa4\xe4\xb8\xad ab"), &ids, &err);
    fuzz_assert(code == VS_OK || err.message[0]);
    for (size_t i = 0; !code && i < ids.count; i++)
        fuzz_assert(ids.ids[i] < t->rows_needed && vs_token_text(t, ids.ids[i]).p);
    const size_t plain = code ? 0 : ids.count;
    ids.count = 0;
    code = vs_encode_prompt(t, VS_LIT("ab <s> \xc3\xa4\xe4\xb8\xad ab"), &ids, &err); /* its template may name ids of its own */
    fuzz_assert(code ? err.message[0] != 0 : ids.count >= plain);
    vs_ids_free(&ids);
    vs_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int fd = -1;
    fuzz_file("tokenizer.json", &fd, data, n);
    for (int way = 0; way < 3; way++) {
        struct vs_tokenizer_options options = {.lenient = way > 0, .ids_only = way == 2};
        struct vs_tokenizer *t = NULL;
        struct vs_err err = {0};
        enum vs_code code = vs_tokenizer_open(fuzz_dir(), &options, &t, &err);
        fuzz_assert(code == VS_OK || (err.message[0] && !t));
        fuzz_accepted += !code;
        if (!code && way < 2)
            ask(t);
        vs_tokenizer_close(t);
    }
    return 0;
}
