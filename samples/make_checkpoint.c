/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes the small checkpoints that the quickstart and the walkthroughs work on: true vocabulary sizes, tiny hidden
 * sizes, made-up weights. Plain C and no library, so that the tools are tried on files they did not write.
 *
 *     make-checkpoint NAME DIR      NAME: one of the table at the end of this file
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *dir;

static FILE *create(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f) {
        fprintf(stderr, "make-checkpoint: %s: %s\n", path, strerror(errno));
        exit(4);
    }
    return f;
}

static void finish(FILE *f)
{
    if (ferror(f) || fclose(f) != 0) {
        fprintf(stderr, "make-checkpoint: %s: %s\n", dir, strerror(errno));
        exit(4);
    }
}

static void write_text(const char *name, const char *text)
{
    FILE *f = create(name);
    fputs(text, f);
    finish(f);
}

/* ---- weights ---- */

struct tensor { const char *name; uint64_t rows, cols; float scale; uint64_t live; }; /* cols 0: one axis; rows from live on are padding, nearly zero; 0: none */

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* About N(0, scale): four uniform numbers, as bfloat16. A scale of 0 gives ones, the weight of a norm. */
static uint16_t weight(uint64_t key, float scale)
{
    uint64_t x = mix(key);
    float sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (float)((x >> (16 * i)) & 0xffff) / 65535.0f - 0.5f;
    float v = scale > 0 ? sum * 1.7320508f * scale : 1.0f;
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static uint64_t elements(const struct tensor *t)
{
    return t->rows * (t->cols ? t->cols : 1);
}

static size_t write_header(char *header, size_t cap, const struct tensor *tensors, size_t count)
{
    size_t n = (size_t)snprintf(header, cap, "{\"__metadata__\":{\"format\":\"pt\"}");
    uint64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        const struct tensor *t = &tensors[i];
        uint64_t end = at + 2 * elements(t);
        n += (size_t)snprintf(header + n, cap - n, ",\"%s\":{\"dtype\":\"BF16\",\"shape\":[%llu", t->name, (unsigned long long)t->rows);
        if (t->cols)
            n += (size_t)snprintf(header + n, cap - n, ",%llu", (unsigned long long)t->cols);
        n += (size_t)snprintf(header + n, cap - n, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at, (unsigned long long)end);
        at = end;
    }
    n += (size_t)snprintf(header + n, cap - n, "}");
    while (n % 8)
        header[n++] = ' ';
    return n;
}

static void write_safetensors(const char *file, const struct tensor *tensors, size_t count)
{
    char header[16384];
    size_t n = write_header(header, sizeof header - 8, tensors, count);
    FILE *f = create(file);
    for (int i = 0; i < 8; i++)
        fputc((int)(((uint64_t)n >> (8 * i)) & 0xff), f);
    fwrite(header, 1, n, f);
    for (size_t i = 0; i < count; i++)
        for (uint64_t k = 0; k < elements(&tensors[i]); k++) {
            int padding = tensors[i].live && k >= tensors[i].live * tensors[i].cols;
            uint16_t v = weight(((uint64_t)(i + 1) << 40) + k, tensors[i].scale * (padding ? 0.01f : 1.0f));
            fputc(v & 0xff, f);
            fputc(v >> 8, f);
        }
    finish(f);
}

/* ---- tokenizers ---- */

static void put_utf8(FILE *f, unsigned c)
{
    if (c >= 0x80)
        fputc((int)(0xc0 | (c >> 6)), f);
    fputc(c < 0x80 ? (int)c : (int)(0x80 | (c & 63)), f);
}

/* GPT-2's alphabet: printable bytes stand for themselves, the others for 256, 257, ... in order. */
static unsigned byte_char(unsigned byte)
{
    unsigned moved = 0;
    for (unsigned b = 0; b < 256; b++) {
        int printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
        if (b == byte)
            return printable ? b : 256 + moved;
        moved += !printable;
    }
    return 0;
}

static void put_spelled(FILE *f, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned c = byte_char((unsigned char)bytes[i]);
        if (c == '"' || c == '\\')
            fputc('\\', f);
        put_utf8(f, c);
    }
}

struct added { const char *content; unsigned id; };

struct tokenizer {
    const char *const *words;      /* byte-level merges are built for them, left to right; NULL at the end */
    unsigned base;                 /* entries of model.vocab: symbols, word pieces, then fillers up to this number */
    const struct added *added;     /* content NULL at the end */
    int added_in_model;            /* the added tokens are entries of model.vocab too */
    const char *const *characters; /* a character vocabulary instead of bytes: these come first; NULL = byte-level */
};

static int seen_before(const char *const *words, const char *const *word, size_t n)
{
    for (const char *const *w = words; w != word; w++)
        if (strlen(*w) >= n && memcmp(*w, *word, n) == 0)
            return 1;
    return 0;
}

/* Each prefix of two bytes and more that no earlier word had: a token, and a merge that makes it. */
#define EACH_PREFIX(t, w, n)                                            \
    for (const char *const *w = (t)->words; w && *w; w++)               \
        for (size_t n = 2; n <= strlen(*w); n++)                        \
            if (!seen_before((t)->words, w, n))

static void put_vocabulary(FILE *f, const struct tokenizer *t)
{
    unsigned id = 0;
    const char *comma = "";
    for (const char *const *c = t->characters; c && *c; c++, comma = ",\n")
        fprintf(f, "%s      \"%s\": %u", comma, *c, id++);
    for (unsigned b = 0; !t->characters && b < 256; b++, comma = ",\n") {
        char byte = (char)b;
        fprintf(f, "%s      \"", comma);
        put_spelled(f, &byte, 1);
        fprintf(f, "\": %u", id++);
    }
    EACH_PREFIX(t, w, n) {
        fprintf(f, "%s      \"", comma);
        put_spelled(f, *w, n);
        fprintf(f, "\": %u", id++);
    }
    for (; id < t->base; id++)
        fprintf(f, "%s      \"t%06u\": %u", comma, id, id);
    for (const struct added *a = t->added; t->added_in_model && a && a->content; a++)
        fprintf(f, "%s      \"%s\": %u", comma, a->content, a->id);
}

static void put_merges(FILE *f, const struct tokenizer *t)
{
    const char *comma = "";
    EACH_PREFIX(t, w, n) {
        fprintf(f, "%s      [\"", comma);
        put_spelled(f, *w, n - 1);
        fprintf(f, "\", \"");
        put_spelled(f, *w + n - 1, 1);
        fprintf(f, "\"]");
        comma = ",\n";
    }
}

static const char byte_level[] =
    "  \"pre_tokenizer\": {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, \"use_regex\": true},\n"
    "  \"post_processor\": null,\n"
    "  \"decoder\": {\"type\": \"ByteLevel\", \"add_prefix_space\": true, \"trim_offsets\": true, \"use_regex\": true},\n";
static const char character_level[] = "  \"pre_tokenizer\": null,\n  \"post_processor\": null,\n  \"decoder\": null,\n";

static void write_tokenizer(const struct tokenizer *t)
{
    FILE *f = create("tokenizer.json");
    fprintf(f, "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [");
    for (const struct added *a = t->added; a && a->content; a++)
        fprintf(f, "%s\n    {\"id\": %u, \"content\": \"%s\", \"single_word\": false, \"lstrip\": false, \"rstrip\": false, "
                   "\"normalized\": false, \"special\": true}", a == t->added ? "" : ",", a->id, a->content);
    fprintf(f, "\n  ],\n  \"normalizer\": null,\n%s", t->characters ? character_level : byte_level);
    fprintf(f, "  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": %s,\n    \"continuing_subword_prefix\": null,\n"
               "    \"end_of_word_suffix\": null,\n    \"fuse_unk\": false,\n    \"byte_fallback\": false,\n    \"vocab\": {\n",
            t->characters ? "\"[UNK]\"" : "null");
    put_vocabulary(f, t);
    fprintf(f, "\n    },\n    \"merges\": [\n");
    put_merges(f, t);
    fprintf(f, "\n    ]\n  }\n}\n");
    finish(f);
}

/* ---- the checkpoints ---- */

#define WRITE(file, list) write_safetensors(file, list, sizeof(list) / sizeof *(list))

static const char *const english[] = {" the", " of", " and", " right", " rights", " human", " freedom", " everyone", " has",
                                      " law", " world", " people", "ing", "tion", "Article", NULL};
static const char *const german[] = {" der", " die", " und", " Recht", " Rechte", " Mensch", " Menschen", " Freiheit", " jeder",
                                     " hat", " Gesetz", " Welt", "ung", "keit", "Artikel", " Würde", NULL};

static void small(void)
{
    static const struct tensor tensors[] = {
        {"lm_head.weight", 576, 32, 0.2f, 515}, {"model.embed_tokens.weight", 576, 32, 0.2f, 515},
        {"model.layers.0.input_layernorm.weight", 32, 0, 0}, {"model.layers.0.mlp.down_proj.weight", 32, 64, 0.05f},
        {"model.layers.0.mlp.gate_proj.weight", 64, 32, 0.05f}, {"model.layers.0.mlp.up_proj.weight", 64, 32, 0.05f},
        {"model.layers.0.post_attention_layernorm.weight", 32, 0, 0}, {"model.layers.0.self_attn.k_proj.weight", 32, 32, 0.1f},
        {"model.layers.0.self_attn.o_proj.weight", 32, 32, 0.1f}, {"model.layers.0.self_attn.q_proj.weight", 32, 32, 0.1f},
        {"model.layers.0.self_attn.v_proj.weight", 32, 32, 0.1f}, {"model.norm.weight", 32, 0, 0}};
    static const struct added chat[] = {{"<|endoftext|>", 512}, {"<|im_start|>", 513}, {"<|im_end|>", 514}, {NULL, 0}};
    const struct tokenizer t = {.words = english, .base = 512, .added = chat};
    WRITE("model.safetensors", tensors);
    write_tokenizer(&t);
    write_text("config.json",
               "{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"model_type\": \"llama\",\n  \"bos_token_id\": 512,\n"
               "  \"eos_token_id\": 514,\n  \"hidden_act\": \"silu\",\n  \"hidden_size\": 32,\n  \"intermediate_size\": 64,\n"
               "  \"max_position_embeddings\": 512,\n  \"num_attention_heads\": 4,\n  \"num_hidden_layers\": 1,\n"
               "  \"num_key_value_heads\": 4,\n  \"rms_norm_eps\": 1e-05,\n  \"rope_theta\": 10000.0,\n"
               "  \"tie_word_embeddings\": false,\n  \"torch_dtype\": \"bfloat16\",\n  \"vocab_size\": 576\n}\n");
    write_text("generation_config.json", "{\n  \"bos_token_id\": 512,\n  \"eos_token_id\": [514, 512]\n}\n");
    write_text("tokenizer_config.json", "{\n  \"bos_token\": \"<|endoftext|>\",\n  \"eos_token\": \"<|im_end|>\",\n"
                                        "  \"tokenizer_class\": \"PreTrainedTokenizerFast\"\n}\n");
}

static void small_german(void)
{
    const struct tokenizer t = {.words = german};
    write_tokenizer(&t);
}

/* MedGemma: 262144 entries and <image_soft_token> at 262144, 262208 rows: 63 spare ones. */
static void medgemma(void)
{
    static const struct tensor tensors[] = {
        {"language_model.model.embed_tokens.weight", 262208, 8, 0.2f, 262145},
        {"language_model.model.layers.0.input_layernorm.weight", 8, 0, 0},
        {"language_model.model.layers.0.mlp.down_proj.weight", 8, 8, 0.2f},
        {"language_model.model.layers.0.mlp.gate_proj.weight", 8, 8, 0.2f},
        {"language_model.model.layers.0.mlp.up_proj.weight", 8, 8, 0.2f},
        {"language_model.model.layers.0.post_attention_layernorm.weight", 8, 0, 0},
        {"language_model.model.layers.0.post_feedforward_layernorm.weight", 8, 0, 0},
        {"language_model.model.layers.0.pre_feedforward_layernorm.weight", 8, 0, 0},
        {"language_model.model.layers.0.self_attn.k_norm.weight", 8, 0, 0},
        {"language_model.model.layers.0.self_attn.k_proj.weight", 8, 8, 0.2f},
        {"language_model.model.layers.0.self_attn.o_proj.weight", 8, 8, 0.2f},
        {"language_model.model.layers.0.self_attn.q_norm.weight", 8, 0, 0},
        {"language_model.model.layers.0.self_attn.q_proj.weight", 8, 8, 0.2f},
        {"language_model.model.layers.0.self_attn.v_proj.weight", 8, 8, 0.2f},
        {"language_model.model.norm.weight", 8, 0, 0}};
    static const struct added added[] = {{"<image_soft_token>", 262144}, {NULL, 0}};
    const struct tokenizer t = {.words = english, .base = 262144, .added = added};
    WRITE("model.safetensors", tensors);
    write_tokenizer(&t);
    write_text("config.json",
               "{\n  \"model_type\": \"gemma3\",\n  \"image_token_index\": 262144,\n  \"boi_token_index\": 255999,\n"
               "  \"eoi_token_index\": 256000,\n  \"text_config\": {\n    \"model_type\": \"gemma3_text\",\n    \"hidden_size\": 8,\n"
               "    \"intermediate_size\": 8,\n    \"num_hidden_layers\": 1,\n    \"num_attention_heads\": 1,\n"
               "    \"num_key_value_heads\": 1,\n    \"head_dim\": 8,\n    \"vocab_size\": 262208\n  },\n  \"tie_word_embeddings\": true\n}\n");
}

/* The same with a special id that has no row. */
static void medgemma_broken(void)
{
    medgemma();
    write_text("generation_config.json", "{\n  \"eos_token_id\": [1, 262208]\n}\n");
}

/* Chatterbox T3: no config.json, and a table of 2454 rows whose size is a constant in the Python code. */
static void chatterbox(void)
{
    static const struct tensor tensors[] = {
        {"speech_emb.weight", 8194, 8, 0.2f}, {"speech_head.weight", 8194, 8, 0.2f}, {"text_emb.weight", 2454, 8, 0.2f},
        {"text_head.weight", 2454, 8, 0.2f}, {"tfmr.embed_tokens.weight", 8, 8, 0.2f}, {"tfmr.norm.weight", 8, 0, 0}};
    static const char *const first[] = {"[STOP]", "[UNK]", "[SPACE]", "!", "'", "(", ")", ",", "-", ".", "/", ":", ";", "?",
                                        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r",
                                        "s", "t", "u", "v", "w", "x", "y", "z", NULL};
    static const struct added added[] = {{"[STOP]", 0}, {"[UNK]", 1}, {"[SPACE]", 2}, {NULL, 0}};
    const struct tokenizer t = {.base = 2454, .added = added, .characters = first};
    WRITE("t3_mtl.safetensors", tensors);
    write_tokenizer(&t);
}

/* 80 Ethiopic characters; with the language tag [am] they are the 81 tokens of the story. */
static void amharic(void)
{
    static const char *letters[82] = {"[UNK]"};
    static char text[80][4];
    for (unsigned i = 0; i < 80; i++) {
        unsigned c = 0x1200 + (i / 7) * 8 + i % 7; /* the seven vowel forms of each consonant */
        text[i][0] = (char)(0xe0 | (c >> 12));
        text[i][1] = (char)(0x80 | ((c >> 6) & 63));
        text[i][2] = (char)(0x80 | (c & 63));
        letters[i + 1] = text[i];
    }
    static const struct added unknown[] = {{"[UNK]", 0}, {NULL, 0}};
    const struct tokenizer t = {.added = unknown, .characters = letters};
    write_tokenizer(&t);
}

/* Gemma3n: text 0 .. 262143, vision 262144 .. 262271, audio 262272 .. 262399, and a per-layer table for text alone. */
static void gemma3n(void)
{
    static const struct tensor tensors[] = {
        {"model.embed_audio.embedding.weight", 128, 8, 0.2f}, {"model.embed_vision.embedding.weight", 128, 8, 0.2f},
        {"model.language_model.embed_tokens.weight", 262400, 8, 0.2f},
        {"model.language_model.embed_tokens_per_layer.weight", 262144, 4, 0.2f}, {"model.language_model.norm.weight", 8, 0, 0}};
    static const struct added named[] = {{"<end_of_image>", 0}, {"<image_soft_token>", 1}, {"<end_of_audio>", 128}, {"<audio_soft_token>", 129}};
    static char names[256][24];
    static struct added added[257];
    for (unsigned i = 0; i < 256; i++) {
        snprintf(names[i], sizeof names[i], i < 128 ? "<vision_%u>" : "<audio_%u>", i % 128);
        added[i] = (struct added){names[i], 262144 + i};
    }
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        added[named[i].id].content = named[i].content;
    const struct tokenizer t = {.words = english, .base = 262144, .added = added, .added_in_model = 1};
    WRITE("model.safetensors", tensors);
    write_tokenizer(&t);
    write_text("config.json",
               "{\n  \"model_type\": \"gemma3n\",\n  \"audio_config\": {\n    \"vocab_offset\": 262272,\n    \"vocab_size\": 128\n  },\n"
               "  \"audio_token_id\": 262273,\n  \"boa_token_id\": 256000,\n  \"boi_token_id\": 255999,\n  \"eoa_token_id\": 262272,\n"
               "  \"eoi_token_id\": 262144,\n  \"eos_token_id\": [1, 106],\n  \"image_token_id\": 262145,\n  \"text_config\": {\n"
               "    \"hidden_size\": 8,\n    \"hidden_size_per_layer_input\": 4,\n    \"num_hidden_layers\": 1,\n"
               "    \"vocab_size\": 262400,\n    \"vocab_size_per_layer_input\": 262144\n  },\n  \"tie_word_embeddings\": true,\n"
               "  \"vision_config\": {\n    \"vocab_offset\": 262144,\n    \"vocab_size\": 128\n  }\n}\n");
    write_text("generation_config.json", "{\n  \"eos_token_id\": [1, 106],\n  \"suppress_tokens\": [262145, 262273]\n}\n");
}

/* Qwen2.5: 151643 + 22 tokens, 151936 rows. head_rows 151643 is the head that somebody cut to the base count. */
static void qwen(uint64_t head_rows)
{
    const struct tensor tensors[] = {
        {"lm_head.weight", head_rows, 8, 0.2f, 151665}, {"model.embed_tokens.weight", 151936, 8, 0.2f, 151665},
        {"model.layers.0.input_layernorm.weight", 8, 0, 0}, {"model.layers.0.mlp.down_proj.weight", 8, 8, 0.2f},
        {"model.layers.0.mlp.gate_proj.weight", 8, 8, 0.2f}, {"model.layers.0.mlp.up_proj.weight", 8, 8, 0.2f},
        {"model.layers.0.post_attention_layernorm.weight", 8, 0, 0}, {"model.layers.0.self_attn.k_proj.bias", 8, 0, 0},
        {"model.layers.0.self_attn.k_proj.weight", 8, 8, 0.2f}, {"model.layers.0.self_attn.o_proj.weight", 8, 8, 0.2f},
        {"model.layers.0.self_attn.q_proj.bias", 8, 0, 0}, {"model.layers.0.self_attn.q_proj.weight", 8, 8, 0.2f},
        {"model.layers.0.self_attn.v_proj.bias", 8, 0, 0}, {"model.layers.0.self_attn.v_proj.weight", 8, 8, 0.2f},
        {"model.norm.weight", 8, 0, 0}};
    static const char *const names[] = {
        "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>",
        "<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
        "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"};
    static struct added added[23];
    for (unsigned i = 0; i < 22; i++)
        added[i] = (struct added){names[i], 151643 + i};
    const struct tokenizer t = {.words = english, .base = 151643, .added = added};
    WRITE("model.safetensors", tensors);
    write_tokenizer(&t);
    write_text("config.json", "{\n  \"model_type\": \"qwen2\",\n  \"bos_token_id\": 151643,\n  \"eos_token_id\": 151645,\n  \"hidden_size\": 8,\n"
                              "  \"intermediate_size\": 8,\n  \"num_attention_heads\": 1,\n  \"num_hidden_layers\": 1,\n  \"num_key_value_heads\": 1,\n"
                              "  \"tie_word_embeddings\": false,\n  \"vocab_size\": 151936\n}\n");
    write_text("generation_config.json", "{\n  \"bos_token_id\": 151643,\n  \"eos_token_id\": [151645, 151643],\n  \"pad_token_id\": 151643\n}\n");
}

static void qwen25(void)
{
    qwen(151936);
}

static void qwen25_truncated(void)
{
    qwen(151643);
}

static const struct { const char *name; void (*make)(void); } table[] = {
    {"small", small}, {"small-german", small_german}, {"medgemma", medgemma}, {"medgemma-broken", medgemma_broken},
    {"chatterbox", chatterbox}, {"amharic", amharic}, {"gemma3n", gemma3n}, {"qwen2.5", qwen25}, {"qwen2.5-truncated", qwen25_truncated}};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 3 && i < sizeof table / sizeof *table; i++)
        if (strcmp(argv[1], table[i].name) == 0) {
            dir = argv[2];
            if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
                fprintf(stderr, "make-checkpoint: %s: %s\n", dir, strerror(errno));
                return 4;
            }
            table[i].make();
            return 0;
        }
    fprintf(stderr, "usage: make-checkpoint NAME DIR\n  NAME:");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        fprintf(stderr, " %s", table[i].name);
    fputc('\n', stderr);
    return 2;
}
