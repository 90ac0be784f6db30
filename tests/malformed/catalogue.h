/* SPDX-License-Identifier: Apache-2.0
 *
 * Malformed inputs by name: how each is built, and how it must be refused.
 */
#ifndef VS_TESTS_CATALOGUE_H
#define VS_TESTS_CATALOGUE_H

#include <stdbool.h>
#include <vs/err.h>

enum bad_kind {
    BAD_MODEL,             /* refused by everybody who opens the directory as a model */
    BAD_WRITERS,           /* loads with a finding; refused by the tools that write */
    BAD_TOKENIZER,         /* refused by everybody who opens the directory as a tokenizer */
    BAD_TOKENIZER_WRITERS, /* the same as BAD_WRITERS for a tokenizer */
    BAD_MAP,               /* a vocab-map.json, refused by everybody who reads it */
    BAD_PAIR,              /* files that contradict each other: vocab-check finds it, embed-extend refuses it */
    BAD_REPORTED           /* the same where embed-extend mends it, or where it changes nothing for embed-extend */
};

struct bad {
    const char *name;
    enum bad_kind kind;
    enum vs_code code;
    const char *needle;             /* what the message must say; of a pair: the rule that finds it */
    void (*build)(const struct bad *b, const char *dir);
    const char *text;               /* for build: the header, or the text of the file */
    unsigned long payload;          /* for build: bytes behind the header */
};

extern const struct bad bad_safetensors[], bad_index[], bad_config[], bad_tokenizer[], bad_map[], bad_pair[]; /* a name of NULL ends each */

/* Entry i of all lists, NULL beyond the last. Its build writes it into dir, which exists and is empty. */
const struct bad *bad_at(unsigned i);

/* For builders. */
void put_file(const char *dir, const char *name, const void *bytes, unsigned long n);
void put_text(const char *dir, const char *name, const char *text);
void put_sparse(const char *dir, const char *name, const void *head, unsigned long n, unsigned long long size);
void put_raw(const char *dir, const char *name, const char *header, unsigned long n, unsigned long payload);
/* A sound model: one F32 table "model.embed_tokens.weight" [4, 2], with and without config.json. */
#define SOUND_HEADER "{\"model.embed_tokens.weight\":{\"dtype\":\"F32\",\"shape\":[4,2],\"data_offsets\":[0,32]}}"
#define SOUND_PAYLOAD 32
/* What a clone holds in the place of a file that git-lfs did not fetch, and what is said of it. */
#define LFS_POINTER "version https://git-lfs.github.com/spec/v1\n" \
                    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 2421696\n"
#define SAYS_LFS_POINTER "found a git-lfs pointer of 132 bytes, expected the file that it stands for: run `git lfs pull`"

#endif
