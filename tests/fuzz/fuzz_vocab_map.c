/* SPDX-License-Identifier: Apache-2.0 */
#include <vs/plan.h>
#include "base/str.h"
#include "fuzz_dir.h"

#define BASE "{\"schema\":\"vocabsurgeon/vocab-map/1\",\"base\":{\"path\":\"in\",\"sha256\":" \
             "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"rows_needed\":10},"
const struct fuzz_seed fuzz_seeds[] = {
    FUZZ_SEED(BASE "\"rows_needed\":13,\"new\":[{\"id\":10,\"token\":\"sch\",\"kind\":\"merged\",\"source\":\"ext\",\"source_id\":7,\"pieces\":"
              "[1,2]},{\"id\":11,\"token\":\"sc\",\"kind\":\"intermediate\",\"source\":\"ext\",\"source_id\":null,\"pieces\":[1]},{\"id\":12,"
              "\"token\":\"<\\u00e4>\",\"kind\":\"special\",\"source\":\"--add-special\",\"source_id\":null,\"pieces\":[]}],\"overlap\":"
              "[{\"token\":\"a\",\"source\":\"ext\",\"source_id\":0,\"id\":3}],\"rejected\":[{\"token\":\"x y\",\"source\":\"ext\",\"source_id\":"
              "4,\"reason\":\"cut\"}]}"),
    FUZZ_SEED(BASE "\"rows_needed\":10,\"new\":[],\"overlap\":[],\"rejected\":[]}"),
};
const size_t fuzz_seed_count = sizeof fuzz_seeds / sizeof fuzz_seeds[0];
size_t fuzz_accepted;

static void check_map(const struct vs_vocab_map *m)
{
    for (uint32_t i = 0; i < m->new_count; i++) {
        fuzz_assert(m->news[i].id < m->rows_needed && (i == 0 || m->news[i - 1].id < m->news[i].id));
        for (uint32_t k = 0; k < m->news[i].piece_count; k++)
            fuzz_assert(m->news[i].pieces[k] < m->base_rows_needed);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static int fd = -1, again_fd = -1;
    struct vs_vocab_map *m = NULL, *again = NULL;
    struct vs_buf b = {0};
    struct vs_err err = {0};
    fuzz_file("vocab-map.json", &fd, data, n);
    static const char *path, *again_path;
    if (!path) {
        path = vst_path(fuzz_dir(), "vocab-map.json");
        again_path = vst_path(fuzz_dir(), "again.json");
    }
    enum vs_code code = vs_vocab_map_read(path, &m, &err);
    fuzz_assert(code == VS_OK || (err.message[0] && !m));
    if (!code) {
        fuzz_accepted++;
        check_map(m);
        /* What is written is read back as the same map. */
        fuzz_assert(vs_vocab_map_write(m, &b, &err) == VS_OK);
        fuzz_file("again.json", &again_fd, b.p, b.n);
        fuzz_assert(vs_vocab_map_read(again_path, &again, &err) == VS_OK);
        fuzz_assert(again->new_count == m->new_count && again->rows_needed == m->rows_needed);
        for (uint32_t i = 0; i < m->new_count; i++)
            fuzz_assert(vs_str_eq(again->news[i].token, m->news[i].token) && again->news[i].id == m->news[i].id);
    }
    vs_buf_free(&b);
    vs_vocab_map_free(again);
    vs_vocab_map_free(m);
    return 0;
}
