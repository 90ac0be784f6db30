/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include "base/sha256.h"
#include "base/str.h"
#include "support.h"

/* FIPS 180-4 examples */
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define MILLION_A "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"

Test(sha256, known_values)
{
    char hex[VS_SHA256_HEX];
    vs_sha256_of((struct vs_str){NULL, 0}, hex);
    cr_assert_str_eq(hex, EMPTY);
    vs_sha256_of(VS_LIT("abc"), hex);
    cr_assert_str_eq(hex, ABC);
    struct vs_sha256 *h = vs_sha256_new();
    for (int i = 0; i < 1000000 / 500; i++) {
        char a[500];
        memset(a, 'a', sizeof a);
        vs_sha256_add(h, a, sizeof a);
    }
    vs_sha256_end(h, hex);
    cr_assert_str_eq(hex, MILLION_A);
    vs_sha256_drop(vs_sha256_new());
    vs_sha256_drop(NULL);
}

Test(sha256, files_and_ranges)
{
    struct vs_err err = {0};
    char hex[VS_SHA256_HEX], *text = malloc(1000000);
    memset(text, 'a', 1000000);
    const char *path = vst_path(vst_tempdir(), "f");
    vst_write(path, text, 1000000);
    free(text);
    cr_assert_eq(vs_sha256_path(path, NULL, hex, &err), VS_OK);
    cr_assert_str_eq(hex, MILLION_A);
    vst_write_text(path, "xabcx");
    struct vs_file f;
    cr_assert_eq(vs_file_open(path, &f, &err), VS_OK);
    cr_assert_eq(vs_sha256_range(&f, 1, 4, NULL, hex, &err), VS_OK);
    cr_assert_str_eq(hex, ABC);
    cr_assert_eq(vs_sha256_range(&f, 2, 2, NULL, hex, &err), VS_OK);
    cr_assert_str_eq(hex, EMPTY);
    cr_assert_eq(vs_sha256_range(&f, 0, 6, NULL, hex, &err), VS_EFORMAT);
    vs_file_close(&f);
    sig_atomic_t stop = 1;
    struct vs_run run = {.cancel = &stop};
    cr_assert_eq(vs_sha256_path(path, &run, hex, &err), VS_ECANCELED);
    cr_assert_eq(vs_sha256_path(vst_path(path, "x"), NULL, hex, &err), VS_EFORMAT);
    vst_cleanup();
}
