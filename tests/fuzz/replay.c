/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target without an engine: every seed as it is, cut at every length, and changed at random (the same way
 * every time). With arguments: the named files instead, which is how a finding is replayed; -n COUNT changes how many
 * mutants there are.
 */
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "fuzz.h"

enum { LARGEST = 1 << 16 };

static uint64_t state = 0x853c49e6748fea9bu;

static size_t below(size_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return n ? (size_t)(state % n) : 0;
}

static unsigned char last[LARGEST];
static size_t last_n;

/* A crash leaves its input behind: replay-NAME crash.bin runs it again. */
static void on_crash(int number)
{
    FILE *f = fopen("crash.bin", "wb");
    if (f) {
        fwrite(last, 1, last_n, f);
        fclose(f);
    }
    static const char text[] = "the input was written to crash.bin\n";
    if (write(2, text, sizeof text - 1) < 0)
        _exit(98);
    signal(number, SIG_DFL);
    raise(number);
}

/* A copy of exactly n bytes, so that a sanitizer sees every read beyond them. */
static void run(const void *p, size_t n)
{
    unsigned char *exact = malloc(n ? n : 1);
    if (!exact)
        exit(99);
    memcpy(exact, p, n);
    if (n <= LARGEST) {
        memcpy(last, p, n);
        last_n = n;
    }
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

static size_t insert(unsigned char *p, size_t n, const void *what, size_t count)
{
    size_t at = below(n + 1);
    if (n + count > LARGEST)
        return n;
    memmove(p + at + count, p + at, n - at);
    memcpy(p + at, what, count);
    return n + count;
}

static size_t mutate(unsigned char *p, size_t n)
{
    static const char *const words[] = {"\"", "\\", "{", "}", "[", "]", ",", ":", "0", "-", "1e999", "\\u0000", "\\ud800", "\xff",
                                        "\xf0\x9f\x98\x80", "18446744073709551616", "9223372036854775807", "null", "true",
                                        "\n", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "{\"a\":{\"a\":", "\"\":"};
    size_t at = below(n), count = 1 + below(n - at < 40 ? n - at : 40);
    switch (n ? below(6) : 5) {
    case 0: p[at] ^= (unsigned char)(1u << below(8)); return n;
    case 1: p[at] = (unsigned char)below(256); return n;
    case 2: /* remove a run */
        memmove(p + at, p + at + count, n - at - count);
        return n - count;
    case 3: { /* repeat a run somewhere */
        unsigned char copy[64];
        memcpy(copy, p + at, count);
        return insert(p, n, copy, count);
    }
    case 4: { /* a run of another seed */
        const struct fuzz_seed *s = &fuzz_seeds[below(fuzz_seed_count)];
        size_t from = below(s->n), most = s->n - from < 100 ? s->n - from : 100;
        return insert(p, n, (const unsigned char *)s->p + from, most);
    }
    default: {
        const char *word = words[below(sizeof words / sizeof words[0])];
        return insert(p, n, word, strlen(word));
    }
    }
}

static int replay_file(const char *path)
{
    static unsigned char text[1 << 24];
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return 1;
    }
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    run(text, n);
    return 0;
}

int main(int argc, char **argv)
{
    static unsigned char p[LARGEST];
    signal(SIGABRT, on_crash);
    signal(SIGSEGV, on_crash);
    size_t mutants = 20000;
    if (argc == 3 && strcmp(argv[1], "-n") == 0) {
        mutants = (size_t)strtoul(argv[2], NULL, 10);
    } else if (argc > 1) {
        int failed = 0;
        for (int i = 1; i < argc; i++)
            failed |= replay_file(argv[i]);
        return failed;
    }
    for (size_t i = 0; i < fuzz_seed_count; i++) {
        const struct fuzz_seed *s = &fuzz_seeds[i];
        for (size_t n = s->n > 3000 ? s->n - 3000 : 0; n <= s->n; n++)
            run(s->p, n);
    }
    for (size_t i = 0; i < mutants; i++) {
        const struct fuzz_seed *s = &fuzz_seeds[i % fuzz_seed_count];
        size_t n = s->n < LARGEST ? s->n : LARGEST;
        memcpy(p, s->p, n);
        for (size_t k = 1 + below(5); k > 0; k--)
            n = mutate(p, n);
        run(p, n);
    }
    printf("%zu seeds, %zu mutants, %zu inputs accepted\n", fuzz_seed_count, mutants, fuzz_accepted);
    return fuzz_accepted < 20;
}
