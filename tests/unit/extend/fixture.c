/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include <math.h>
#include <stdio.h>

static const struct vs_run plain;

void write_tokenizer(const char *dir, unsigned tokens, const char *const *more, unsigned more_count)
{
    struct vs_buf b = {0};
    vs_buf_puts(&b, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[],\"normalizer\":null,"
                    "\"pre_tokenizer\":{\"type\":\"Whitespace\"},\"post_processor\":null,\"decoder\":null,"
                    "\"model\":{\"type\":\"WordLevel\",\"vocab\":{");
    for (unsigned i = 0; i < tokens; i++)
        vs_buf_printf(&b, "%s\"t%u\":%u", i ? "," : "", i, i);
    for (unsigned i = 0; i < more_count; i++)
        vs_buf_printf(&b, ",\"%s\":%u", more[i], tokens + i);
    vs_buf_puts(&b, "},\"unk_token\":\"t0\"}}");
    vst_write(vst_path(dir, "tokenizer.json"), b.p, b.n);
    vs_buf_free(&b);
}

static void write_weights(const char *dir, const struct model *m)
{
    const char *dtype = m->dtype ? m->dtype : "F32";
    struct vst_tensor embed = {"model.embed_tokens.weight", dtype, {m->rows, COLS}, 2, NULL};
    struct vst_tensor head = {"lm_head.weight", dtype, {m->rows, COLS}, 2, NULL};
    struct vst_tensor up = {"model.layers.0.mlp.up_proj.weight", dtype, {1024, COLS}, 2, NULL};
    struct vst_tensor norm = {"model.norm.weight", dtype, {COLS}, 1, NULL};
    uint64_t bytes = vst_tensor_bytes(&embed);
    void *copy = NULL;
    if (m->head_is_input) {
        cr_assert(copy = malloc(bytes));
        vst_fill(&embed, copy, bytes);
        head.data = copy;
    }
    if (m->shards) {
        struct vst_tensor first[] = {embed, up}, last[] = {head, norm};
        struct vst_tensor middle = {"model.layers.1.mlp.up_proj.weight", dtype, {1024, COLS}, 2, NULL};
        uint64_t elements = 2048 * COLS + COLS + m->rows * COLS * (m->head ? 2 : 1);
        vst_write_safetensors(vst_path(dir, "model-00001-of-00003.safetensors"), first, 2, "{\"format\":\"pt\"}");
        vst_write_safetensors(vst_path(dir, "model-00002-of-00003.safetensors"), &middle, 1, "{\"format\":\"pt\"}");
        vst_write_safetensors(vst_path(dir, "model-00003-of-00003.safetensors"), m->head ? last : last + 1, m->head ? 2 : 1, "{\"format\":\"pt\"}");
        vst_write_text(vst_path(dir, "model.safetensors.index.json"),
                       vst_format("{\n  \"metadata\": {\"total_parameters\": %llu, \"total_size\": %llu},\n  \"weight_map\": {\n%s"
                                  "    \"model.embed_tokens.weight\": \"model-00001-of-00003.safetensors\",\n"
                                  "    \"model.layers.0.mlp.up_proj.weight\": \"model-00001-of-00003.safetensors\",\n"
                                  "    \"model.layers.1.mlp.up_proj.weight\": \"model-00002-of-00003.safetensors\",\n"
                                  "    \"model.norm.weight\": \"model-00003-of-00003.safetensors\"\n  }\n}\n",
                                  (unsigned long long)elements, (unsigned long long)(elements * width_of(dtype)),
                                  m->head ? "    \"lm_head.weight\": \"model-00003-of-00003.safetensors\",\n" : ""));
    } else {
        struct vst_tensor all[] = {head, embed, up, norm};
        vst_write_safetensors(vst_path(dir, "model.safetensors"), m->head ? all : all + 1, m->head ? 4 : 3, "{\"format\":\"pt\"}");
    }
    free(copy);
}

const char *make_model(struct model m)
{
    const char *dir = vst_tempdir();
    vst_write_text(vst_path(dir, "config.json"),
                   vst_format("{\n  \"architectures\": [\"LlamaForCausalLM\"],\n  \"model_type\": \"llama\",\n  \"hidden_size\": %u,\n"
                              "  \"rms_norm_eps\": 1e-05,\n  \"tie_word_embeddings\": %s,\n  \"vocab_size\": %llu\n}\n", COLS,
                              m.tie ? "true" : "false", (unsigned long long)m.rows));
    if (m.tokens)
        write_tokenizer(dir, m.tokens, NULL, 0);
    write_weights(dir, &m);
    return dir;
}

const char *write_map(const char *dir, const char *base, uint32_t base_rows, const struct new_token *news, unsigned count)
{
    struct vs_buf b = {0};
    struct vs_err err;
    char hex[VS_SHA256_HEX];
    const char *path = vst_path(dir, "vocab-map.json");
    memset(hex, '0', 64);
    hex[64] = 0;
    if (base)
        cr_assert_eq(vs_sha256_path(vst_path(base, "tokenizer.json"), &plain, hex, &err), VS_OK, "%s", err.message);
    vs_buf_printf(&b, "{\"schema\": \"vocabsurgeon/vocab-map/1\", \"base\": {\"path\": \"base\", \"sha256\": \"%s\", \"rows_needed\": %u},\n"
                  " \"rows_needed\": %u, \"new\": [", hex, base_rows, count ? news[count - 1].id + 1 : base_rows);
    for (unsigned i = 0; i < count; i++) {
        vs_buf_printf(&b, "%s\n  {\"id\": %u, \"token\": \"%s\", \"kind\": \"%s\", \"source\": \"ext\", \"source_id\": %u, \"pieces\": [", i ? "," : "",
                      news[i].id, news[i].token, news[i].pieces ? "merged" : "added", i);
        for (unsigned k = 0; news[i].pieces && news[i].pieces[k] != VS_NO_ID; k++)
            vs_buf_printf(&b, "%s%u", k ? ", " : "", news[i].pieces[k]);
        vs_buf_puts(&b, "]}");
    }
    vs_buf_puts(&b, "\n ], \"overlap\": [], \"rejected\": []}\n");
    vst_write(path, b.p, b.n);
    vs_buf_free(&b);
    return path;
}

struct vs_extend_request request_for(const char *model)
{
    return (struct vs_extend_request){.model = model, .add = -1, .rows = -1};
}

enum vs_code try_extend(const struct vs_extend_request *q, const struct vs_run *run, const char *out, struct vs_err *err)
{
    struct vs_plan *plan = NULL;
    struct vs_extend_report report;
    enum vs_code code = vs_extend_plan(q, run ? run : &plain, &plan, err);
    if (!code)
        code = vs_extend_run(plan, q, out, run ? run : &plain, &report, err);
    vs_plan_free(plan);
    return code;
}

const char *extend(const struct vs_extend_request *q, const struct vs_run *run)
{
    const char *out = vst_path(vst_tempdir(), "out");
    struct vs_err err = {0};
    enum vs_code code = try_extend(q, run, out, &err);
    cr_assert_eq(code, VS_OK, "%s", err.message);
    return out;
}

const unsigned char *tensor_bytes(const char *dir, const char *file, const char *name, size_t *n, uint64_t *at)
{
    size_t size;
    const char *bytes = vst_read(vst_path(dir, file), &size);
    uint64_t header = 0;
    struct vs_jdoc d = {0};
    struct vs_err err;
    int64_t begin = -1, end = -1;
    memcpy(&header, bytes, 8);
    cr_assert(header < size);
    cr_assert_eq(vs_jdoc_parse(file, (struct vs_str){bytes + 8, header}, &d, &err), VS_OK, "%s", err.message);
    const struct vs_jval *offsets = vs_jget(vs_jget(d.root, name), "data_offsets");
    cr_assert(offsets && offsets->count == 2, "%s has no %s", file, name);
    vs_ji64(&d, offsets->child, &begin);
    vs_ji64(&d, offsets->child->next, &end);
    vs_jdoc_free(&d);
    if (n)
        *n = (size_t)(end - begin);
    if (at)
        *at = 8 + header + (uint64_t)begin;
    return (const unsigned char *)bytes + 8 + header + begin;
}

unsigned width_of(const char *dtype)
{
    return strcmp(dtype, "F64") == 0 ? 8 : strcmp(dtype, "F32") == 0 ? 4 : 2;
}

uint64_t bits_at(const unsigned char *bytes, const char *dtype, size_t i)
{
    uint64_t v = 0;
    memcpy(&v, bytes + i * width_of(dtype), width_of(dtype)); /* little-endian host */
    return v;
}

double value_at(const unsigned char *bytes, const char *dtype, size_t i)
{
    uint64_t bits = bits_at(bytes, dtype, i);
    if (strcmp(dtype, "F64") == 0) {
        double d;
        memcpy(&d, &bits, 8);
        return d;
    }
    if (strcmp(dtype, "F16") == 0) {
        int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
        double d = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
        return bits >> 15 ? -d : d;
    }
    uint32_t word = (uint32_t)(strcmp(dtype, "BF16") == 0 ? bits << 16 : bits);
    float f;
    memcpy(&f, &word, 4);
    return f;
}

/* Rounds by search: of the two neighbours the nearer one, the even one on a tie. Slow and plain. */
uint64_t bits_of(double x, const char *dtype)
{
    unsigned width = width_of(dtype);
    uint64_t sign = x < 0 || (x == 0 && signbit(x)) ? 1ull << (width * 8 - 1) : 0, lo = 0;
    uint64_t hi = strcmp(dtype, "F16") == 0 ? 0x7bff : strcmp(dtype, "BF16") == 0 ? 0x7f7f : strcmp(dtype, "F32") == 0 ? 0x7f7fffff : 0x7fefffffffffffff;
    double a = fabs(x);
    while (lo < hi) { /* the highest pattern whose value is <= a */
        uint64_t mid = lo + (hi - lo + 1) / 2;
        if (value_at((unsigned char *)&mid, dtype, 0) <= a)
            lo = mid;
        else
            hi = mid - 1;
    }
    uint64_t up = lo + 1;
    double below = a - value_at((unsigned char *)&lo, dtype, 0), above = value_at((unsigned char *)&up, dtype, 0) - a;
    if (above < below || (above == below && (lo & 1)))
        lo = up;
    return lo | sign;
}

void read_receipt(const char *out, struct vs_jdoc *d)
{
    struct vs_err err;
    cr_assert_eq(vs_jdoc_read(vst_path(out, "receipt.json"), d, &err), VS_OK, "%s", err.message);
}

int64_t integer_at(const struct vs_jdoc *d, const char *pointer)
{
    int64_t v = INT64_MIN;
    cr_assert(vs_ji64(d, vs_jpath(d->root, pointer), &v), "no integer at %s", pointer);
    return v;
}

struct vs_str text_at(const struct vs_jdoc *d, const char *pointer)
{
    struct vs_str s = {0};
    cr_assert(vs_jstr(vs_jpath(d->root, pointer), &s), "no text at %s", pointer);
    return s;
}
