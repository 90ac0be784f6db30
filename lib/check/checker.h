/* SPDX-License-Identifier: Apache-2.0
 *
 * One check: facts of both sides, what was measured, and the findings. Rules are functions over it, in rules_*.c; what a
 * finding says is data, in schemas/rules.json.
 */
#ifndef VS_CHECK_CHECKER_H
#define VS_CHECK_CHECKER_H

#include "base/str.h"
#include "check/facts.h"
#include "check/watch.h"
#include "format/npy.h"
#include "json/dom.h"

/* What one pass over the rows of a table left: one entry a row. */
struct vs_table_rows { struct vs_k_row *rows; double median; };

struct vs_value { const char *name, *text; };

struct vs_check_impl {
    struct vs_arena arena;
    struct vs_facts *base;                 /* --base, or NULL */
    struct vs_vocab_map *map;              /* of r->map, or NULL */
    struct vs_jdoc rules, known_good, receipt;
    struct vs_table_rows *table_rows;      /* per checkpoint table, or NULL before they were read */
    struct vs_bits *fresh;                 /* rows that are not the base's; NULL when nothing says which */
    struct vs_bits *suppressed;            /* made when it is asked for */
    struct vs_shift shift;                 /* of the base's ids */
    struct vs_shift inserted;              /* as the directory's own offset-receipt.json says; {0, 0} without one */
    bool another_model;                    /* the base is one: VOC126 */
    uint64_t moved_end;                    /* of the blocks, as it says */
    uint64_t gathered, bad_count;          /* of the range-checked gather */
    struct vs_npy *dump;                   /* the logits, complete; vs_check_commit() gives them their name */
};

/* How far L1 is. */
enum l1 {
    L1_FIRST,   /* it cannot hold, or there is nothing to compare with: it is decided before the model runs */
    L1_HOPED,   /* neither headers nor configs speak against it: the bytes are compared while the model runs */
    L1_DECIDED, /* the level has its state */
};

struct checker {
    const struct vs_check_request *q;
    const struct vs_run *run;
    struct vs_check_result *r;
    struct vs_check_impl *impl;
    const struct vs_checkpoint *c;         /* NULL: no weights, no config */
    const struct vs_tokenizer *t;          /* NULL: no tokenizer */
    const struct vs_table *input, *head;   /* head is NULL when none is stored */
    struct vs_dev *dev;
    struct vs_watch *watch;                /* what L1 needs to see of the weights; NULL when there is nothing, or before that is known */
    bool same_config;                      /* L1 found no key that computes something else */
    enum l1 l1;
    struct vs_value values[20];            /* of the finding at hand */
    uint32_t value_count;
    bool stopped;                          /* memory ran short: err says so */
    struct vs_err *err;
};

/* A finding in words: vs_say() sets values, vs_found() takes them. "file", "at", "found" and "expected" are keys of the finding,
 * "also_file" and "also_at" the place that contradicts it. */
void vs_say(struct checker *k, const char *name, const char *fmt, ...) VS_PRINTF(3, 4);
void vs_say_token(struct checker *k, const char *name, uint32_t id);        /* "151645 <|im_end|>" */
void vs_say_text(struct checker *k, const char *name, struct vs_str text);  /* escaped */
void vs_say_config(struct checker *k, const struct vs_config_int *v);       /* file, at, name, found */
void vs_say_table(struct checker *k, const struct vs_checkpoint *c, const struct vs_table *t); /* file, at */
void vs_say_also(struct checker *k, const char *file, const char *at);      /* the other side */
void vs_say_also_table(struct checker *k, const struct vs_checkpoint *c, const struct vs_table *t);
void vs_say_also_token(struct checker *k, uint32_t id);                     /* where the tokenizer files have it */
void vs_found(struct checker *k, const char *rule);
void vs_found_as(struct checker *k, const char *rule, enum vs_severity severity);

/* A set of ids on the way to a finding: "151643, 151650 .. 151660, ..." */
struct id_set { uint64_t begin[6], end[6]; uint32_t ranges; uint64_t count, first; };
void vs_set_add(struct id_set *s, uint64_t id); /* ascending */
void vs_say_ids(struct checker *k, const struct id_set *s); /* n, and ids: with the token of the first one where there is one */

/* A set of rows. Nothing is in it beyond its end: tables may be taller than the one that it was made for. */
struct vs_bits { uint64_t count; uint64_t words[]; };
bool vs_bit(const struct vs_bits *bits, uint64_t i); /* false for NULL */
void vs_bit_set(struct vs_bits *bits, uint64_t i);
void vs_check_no_memory(struct checker *k, const char *what); /* sets stopped; the first message stays */
struct vs_bits *vs_bits_new(struct checker *k, uint64_t count); /* empty, in the arena; NULL (and stopped) when memory is short */
bool vs_has_token(const struct checker *k, uint64_t id);
bool vs_is_suppressed(struct checker *k, uint64_t id); /* a config has generation leave it out, always */
const struct vs_config_int *vs_text_vocab(const struct vs_checkpoint *c); /* the size of the text table, or NULL */
/* The entry of known-good.json for this model type that has the key, with the value wanted (negative: any); or NULL. */
const struct vs_jval *vs_known_model(const struct checker *k, const char *key, int64_t wanted);
uint64_t vs_input_extra(const struct checker *k); /* input rows that have no head row by design (known-good.json) */

/* dead_rows.c: sets[severity] of tokens whose row is dead, by what they are for. rows ascend. */
void vs_sort_dead(struct checker *k, const uint64_t *rows, uint64_t count, struct id_set sets[3]);

/* old_ids.c: opens what says where the base's ids are now and which rows are new, and takes it in. */
enum vs_code vs_read_map(struct checker *k) VS_NODISCARD;
enum vs_code vs_read_receipt(struct checker *k) VS_NODISCARD;
enum vs_code vs_find_old_ids(struct checker *k) VS_NODISCARD;
bool vs_only_ids_moved(const struct checker *k); /* configs and tokenizer were moved, the rows were not */
/* Path of a file in the checkpoint's directory; NULL where there is none. */
enum vs_code vs_beside(struct checker *k, const struct vs_checkpoint *c, const char *name, const char **path) VS_NODISCARD;
struct vs_receipt_range { uint64_t begin, end, from; bool kept; }; /* kept: rows of the input, which began at from there */
const struct vs_jval *vs_receipt_table(const struct checker *k, struct vs_str tensor); /* its entry, or NULL */
bool vs_receipt_range(const struct checker *k, const struct vs_jval *range, struct vs_receipt_range *out);
bool vs_receipt_explains(const struct checker *k); /* that the input has as many rows as it has */

void vs_rules_sizes(struct checker *k);
void vs_rules_tokens(struct checker *k);
void vs_rules_special(struct checker *k);
void vs_rules_blocks(struct checker *k);
void vs_rules_gguf(struct checker *k);     /* of a .gguf file, in place of those that are about configs and tokenizer.json */
void vs_rules_rows(struct checker *k);
void vs_say_broken_cure(struct checker *k, const struct vs_table *t); /* "cure": what to do about rows with NaN or Inf in it */
void vs_rules_pair(struct checker *k);     /* against the map and the base's sizes */

/* Measuring: each reads weights. */
enum vs_code vs_measure_rows(struct checker *k) VS_NODISCARD;
enum vs_code vs_level_1(struct checker *k) VS_NODISCARD; /* once: decides k->l1 */
bool vs_is_unlike(const struct checker *k); /* the base is another model, or of another format */
bool vs_can_prove(const struct checker *k); /* there is a base of the same format, and it is no other model */
/* What L1 will compare is told to k->watch beforehand. *possible: headers do not say already that it fails. */
enum vs_code vs_expect_bytes(struct checker *k, bool *possible) VS_NODISCARD;
enum vs_code vs_expect_hashes(struct checker *k) VS_NODISCARD;
enum vs_code vs_prove_bytes(struct checker *k, bool *good) VS_NODISCARD;  /* like vs_expect_bytes() only when vs_can_prove() */
enum vs_code vs_prove_config(struct checker *k, bool *good) VS_NODISCARD;
enum vs_code vs_probe_head(struct checker *k, bool *good) VS_NODISCARD;               /* L2 */
bool vs_is_another_model(struct checker *k); /* says so, when the base is one */
bool vs_prove_keys(struct checker *k, const struct vs_gguf *base);                     /* L1 between two .gguf files */
bool vs_can_probe_head(const struct checker *k);
enum vs_code vs_check_receipt(struct checker *k, bool *good) VS_NODISCARD;
enum vs_code vs_check_forward(struct checker *k) VS_NODISCARD;                        /* L3 and L4; sets their levels */

#endif
