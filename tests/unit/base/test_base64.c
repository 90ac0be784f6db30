/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include "base/base64.h"
#include "support.h"

Test(base64, vectors)
{
    static const struct { const char *text, *bytes; } good[] = {{"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"},
                                                                {"Zm9vYmE=", "fooba"}, {"Zm9vYmFy", "foobar"}, {"+/+/", "\xfb\xff\xbf"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct vs_buf b = {0};
        cr_expect(vs_base64(vs_cstr(good[i].text), &b), "%s", good[i].text);
        cr_expect(b.n == strlen(good[i].bytes) && (b.n == 0 || memcmp(b.p, good[i].bytes, b.n) == 0), "%s", good[i].text);
        vs_buf_free(&b);
    }
    vst_cleanup();
}

/* No other alphabet, no blanks, no missing padding, no bits behind the last byte. */
Test(base64, other_texts)
{
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm8=Zm8=", "Zm-_", "Zm9v\n", " Zm9", "Zh==", "Zm9=", "Zm\xc3\xa9"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct vs_buf b = {0};
        cr_expect(!vs_base64(vs_cstr(bad[i]), &b), "%s", bad[i]);
        vs_buf_free(&b);
    }
    vst_cleanup();
}
