/* SPDX-License-Identifier: Apache-2.0
 *
 * The layout of a family's id space as data, and the two things that can be done with it: look up what a model's files
 * say, and evaluate expressions over that.
 */
#ifndef VS_PLAN_OFFSETS_RULE_H
#define VS_PLAN_OFFSETS_RULE_H

#include "json/dom.h"

/* ---- expressions: signed 64-bit integers, names, + - *, min(), max(), parentheses, one comparison ---- */

#define VS_EXPR_DEPTH 32

struct vs_expr_names {
    bool (*get)(const void *user, struct vs_str name, int64_t *value); /* false: no such name, or it has no value */
    const void *user;
};
/* A comparison yields 1 or 0. Overflow, unknown names and everything else that is no expression are VS_EFORMAT. */
enum vs_code vs_expr_eval(const char *text, const struct vs_expr_names *names, int64_t *value, struct vs_err *err) VS_NODISCARD;
/* Calls visit for every name in text, min and max aside, in order; the text may be malformed. */
void vs_expr_each_name(const char *text, void (*visit)(void *user, struct vs_str name), void *user);

/* ---- rules ---- */

enum vs_field_kind {
    VS_FIELD_TOTAL,          /* size of the whole space */
    VS_FIELD_END,            /* exclusive end of a block */
    VS_FIELD_LEN,            /* number of ids of a block */
    VS_FIELD_ID,
    VS_FIELD_ID_LIST,        /* an id, or a list of ids */
    VS_FIELD_ID_LIST_NESTED, /* lists in lists */
    VS_FIELD_POS_ID_PAIRS,   /* [[position, id or null], ...] */
    VS_FIELD_IDS_BIAS_PAIRS, /* [[[id, ...], bias], ...] */
    VS_FIELD_MAP_VALUES,     /* {name: id} */
    VS_FIELD_MAP_KEYS,       /* {"id": anything} */
    VS_FIELD_LAST_ID,        /* inclusive end of a range of ids */
    VS_FIELD_MIRROR,         /* has the value of another field */
    VS_FIELD_FOREIGN,        /* counts another space: never touched */
    VS_FIELD_IGNORE,         /* looks like an id and is none: never touched */
    VS_FIELD_SENTINEL,       /* stands for "no id": never touched */
    VS_FIELD_MODULUS,        /* hashes by the size: the model cannot be extended */
    VS_FIELD_KINDS
};
bool vs_field_kind_parse(struct vs_str text, enum vs_field_kind *kind);

struct vs_rule_symbol {
    const char *name, *file;
    const char **at; uint32_t at_count; /* JSON Pointers: the spelling that new files get first, then others */
    bool has_fallback;
    int64_t fallback;                   /* class default of the model's code: what an absent key means */
};
struct vs_rule_field {
    enum vs_field_kind kind;
    uint32_t symbol, of;                /* of: what a mirror mirrors */
    uint32_t block;
    const char *token;                  /* its text in the tokenizer, or NULL */
    bool add_new_tokens;                /* of maps: new tokens are entered */
};
struct vs_rule_block { const char *name, *begin, *end, *base; }; /* base: tokenizer id = id - base; or NULL */
struct vs_rule_tensor {
    const char **names; uint32_t name_count; /* spellings in different releases */
    uint64_t covers;                    /* bit b: rows of block b */
    const char *rows, *when;            /* when: or NULL */
    bool optional;
};
#define VS_RULE_BLOCKS 64 /* bits of vs_rule_tensor.covers */
enum { VS_STRATEGY_APPEND = 1, VS_STRATEGY_INSERT_SHIFT = 2 };

struct vs_rule {
    const char *id;
    struct vs_rule_symbol *symbols; uint32_t symbol_count;
    struct vs_rule_field *fields; uint32_t field_count;
    struct vs_rule_block *blocks; uint32_t block_count;
    uint32_t extend;                    /* the block that grows */
    const char *insert_at, *total;
    bool exact;                         /* the blocks are all of [0, total) */
    struct vs_rule_tensor *tensors; uint32_t tensor_count;
    const char **invariants; uint32_t invariant_count;
    const char **sweep; uint32_t sweep_count; /* files whose special ids (vs_config.special_ids) are all of this space */
    unsigned strategies;
};

/* The layout in a family's file: everything is copied into the arena. *out is NULL when the file has no "space". */
enum vs_code vs_rule_parse(const struct vs_jdoc *doc, struct vs_arena *arena, struct vs_rule **out, struct vs_err *err) VS_NODISCARD;
uint32_t vs_rule_symbol_find(const struct vs_rule *rule, struct vs_str name); /* symbol_count when there is none */

/* An expression as people read it: for the names, which only the rule knows, the keys that they stand for ("audio_config.vocab_offset"; of
 * another file than config.json, behind the file's name). Returns out, where a text that is longer is cut. */
#define VS_RULE_WORDS 256
const char *vs_rule_words(const struct vs_rule *rule, const char *text, char out[VS_RULE_WORDS]);

#endif
