/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "format/safetensors.h"
#include "fuzz.h"

/* A file: 8 length bytes, header, payload. */
#define FILE_OF(length, header, payload) FUZZ_SEED(length "\0\0\0\0\0\0\0" header payload)
const struct fuzz_seed fuzz_seeds[] = {
    FILE_OF("\x40", "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}       ", "0123456789abcdef"),
    FILE_OF("\x9f", "{\"__metadata__\":{\"format\":\"pt\"},\"lm_head.weight\":{\"dtype\":\"BF16\",\"shape\":[3,2],\"data_offsets\":[4,16]},"
                    "\"b\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[0,4]}}    ", "0123456789abcdef"),
    FILE_OF("\x8a", "{\"empty\":{\"dtype\":\"I64\",\"shape\":[0,7],\"data_offsets\":[0,0]},\"scalar\":{\"dtype\":\"U8\",\"shape\":[],"
                    "\"data_offsets\":[0,1]},\"__metadata__\":{}}    ", "x"),
    FILE_OF("\x02", "{}", ""),
    FILE_OF("\x47", "{\"a\":{\"dtype\":\"F4\",\"shape\":[2,2],\"data_offsets\":[0,2],\"note\":[1,{}]}}  ", "xy"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

/* What the reader accepts, the writer writes so that the reader accepts it with the same tensors. */
static void check_writing(const struct vs_st *st, uint64_t residue)
{
    struct vs_buf b = {0};
    struct vs_arena a = {0};
    struct vs_err err;
    struct vs_st again;
    fuzz_assert(vs_st_write_header("out", st->tensors, st->count, st->metadata, residue, &b, &err) == VS_OK);
    fuzz_assert(b.n > 8 && (residue == VS_ST_ANYWHERE || b.n % VS_ST_PAGE == residue % VS_ST_PAGE));
    uint64_t payload = st->size - st->data_begin;
    enum vs_code code = vs_st_parse("out", b.n + payload, (struct vs_str){b.p + 8, b.n - 8}, 0, &a, &again, &err);
    fuzz_assert(code == VS_OK && again.count == st->count);
    for (uint32_t i = 0; i < st->count; i++) {
        const struct vs_tensor *x = &st->tensors[i], *y = &again.tensors[i];
        fuzz_assert(y->end - y->begin == x->end - x->begin && y->begin >= again.data_begin && y->end <= again.size);
        fuzz_assert(x->begin >= st->data_begin && x->end <= st->size);
        fuzz_assert(i == 0 || st->tensors[i - 1].end == x->begin);
    }
    vs_arena_free(&a);
    vs_buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct vs_arena a = {0};
    struct vs_err err = {0};
    struct vs_st st;
    uint64_t length;
    if (n < 8)
        return 0;
    memcpy(&length, data, 8);
    if (length > n - 8)
        length = n - 8;
    enum vs_code code = vs_st_parse("in", n, (struct vs_str){(const char *)data + 8, (size_t)length}, 0, &a, &st, &err);
    fuzz_assert(code == VS_OK || (err.message[0] && strncmp(err.message, "in", 2) == 0));
    fuzz_accepted += !code;
    if (!code) {
        check_writing(&st, VS_ST_ANYWHERE);
        check_writing(&st, st.data_begin % VS_ST_PAGE / 8 * 8);
    }
    vs_arena_free(&a);
    return 0;
}
