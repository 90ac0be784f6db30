/* SPDX-License-Identifier: Apache-2.0
 *
 * An architecture as data: a description (schemas/arch) applied to one checkpoint's config. No weights are read.
 *
 *     description + config  ->  vs_arch (numbers, layers, rope)  ->  vs_binding (which tensor is what)
 */
#ifndef VS_FORWARD_ARCH_H
#define VS_FORWARD_ARCH_H

#include <vs/checkpoint.h>
#include "base/str.h"
#include "format/gguf.h"
#include "json/dom.h"
#include "vs_forward_kernels.h"

/* Why a checkpoint cannot be run. Not an error of the program: vocab-check makes a finding of it, or says so. */
enum vs_obstacle_kind {
    VS_RUNNABLE,
    VS_NO_DESCRIPTION, /* nobody wrote this architecture down */
    VS_UNREAD,         /* a tensor that the description does not know: the model computes something else */
    VS_MORE_LAYERS,    /* there are weights of layers beyond those that the config counts */
    VS_BEYOND,         /* the config asks for something that is not computed here */
    VS_QUANTISED,      /* by a method that the description does not know */
    VS_BAD_CONFIG,     /* numbers of the config contradict each other */
    VS_MISSING,        /* a tensor that the architecture needs is absent */
    VS_BAD_SHAPE,
    VS_BAD_DTYPE,
};
struct vs_obstacle { enum vs_obstacle_kind kind; char file[128], at[256], found[512], expected[256]; };
void vs_obstacle_set(struct vs_obstacle *o, enum vs_obstacle_kind kind, const char *file, const char *at);
struct vs_describe;
/* A setting by the name that the config, the file or the description itself has for it, and where it stands. */
void vs_obstacle_setting(struct vs_obstacle *o, enum vs_obstacle_kind kind, const struct vs_describe *d, const char *name);
void vs_setting_key(const struct vs_describe *d, const char *name, char *out, size_t n); /* what a config calls it, or "a key" */
void vs_obstacle_found(struct vs_obstacle *o, const char *fmt, ...) VS_PRINTF(2, 3);
void vs_obstacle_expected(struct vs_obstacle *o, const char *fmt, ...) VS_PRINTF(2, 3);

/* ---- the description ---- */

#define VS_LIKE_MAX 6

/* A description and those it is like, nearest first, and where its settings look things up. */
struct vs_describe {
    const struct vs_checkpoint *c;
    bool gguf;
    struct vs_jdoc docs[VS_LIKE_MAX]; uint32_t depth;
    const struct vs_jdoc *config;      /* NULL without one */
    const struct vs_jval *roots[2];    /* the text config, then the top; NULL where absent */
};
/* A value of the description or of the config: JSON, or a key of a GGUF file. Both NULL: absent, or a null that means so; a null
 * that the model's class does not take is a value of no type. */
struct vs_setting { const struct vs_jdoc *doc; const struct vs_jval *v; const struct vs_gguf_kv *kv; };

/* file: --arch-desc, or NULL. o->kind tells when no description fits. */
enum vs_code vs_describe_open(const struct vs_checkpoint *c, const char *data_dir, const char *file, struct vs_describe *d,
                              struct vs_obstacle *o, struct vs_err *err) VS_NODISCARD;
void vs_describe_close(struct vs_describe *d); /* accepts {0} */

struct vs_str vs_describe_id(const struct vs_describe *d);
struct vs_setting vs_setting(const struct vs_describe *d, const char *name);
/* A key of the config, as far as the model's class knows it; without a value there, the class's own. */
struct vs_setting vs_config_value(const struct vs_describe *d, const char *key);
struct vs_setting vs_describe_tensor(const struct vs_describe *d, const char *role); /* v NULL: the model has none */
/* false when absent, or of another type: *out stays. */
bool vs_setting_f64(struct vs_setting s, double *out);
bool vs_setting_u64(struct vs_setting s, uint64_t *out);
bool vs_setting_bool(struct vs_setting s, bool *out);
bool vs_setting_is(struct vs_setting s, const char *text);
bool vs_setting_there(struct vs_setting s);
bool vs_setting_is_default(const struct vs_describe *d, const char *name);   /* looked up, and the class's own value */
bool vs_setting_is_looked_up(const struct vs_describe *d, const char *name); /* not a literal of the description */
bool vs_setting_has_key(const struct vs_describe *d, const char *name);      /* one that the file, or the model's class, may have */
bool vs_setting_is_required(const struct vs_describe *d, const char *name);  /* of a GGUF file: without the key it loads nowhere */
/* As it stands in its file, cut; "absent" without one, "null" included. out holds 120 bytes at least. */
void vs_setting_show(struct vs_setting s, char *out, size_t n);

/* ---- settings of a type: out stays where there is none; anything of another type is an obstacle, and so is a required one that is
 * absent, unless there is one already ---- */

void vs_read_number(const struct vs_describe *d, const char *name, double *out, struct vs_obstacle *o);
void vs_read_whole(const struct vs_describe *d, const char *name, uint64_t *out, struct vs_obstacle *o);
void vs_read_flag(const struct vs_describe *d, const char *name, bool *out, struct vs_obstacle *o);
void vs_read_list(const struct vs_describe *d, const char *name, struct vs_setting *out, struct vs_obstacle *o);
void vs_obstacle_value(struct vs_obstacle *o, const struct vs_describe *d, const char *name, const char *expected); /* VS_BAD_CONFIG */

/* ---- positions ---- */

enum vs_rope_kind { VS_ROPE_DEFAULT, VS_ROPE_LINEAR, VS_ROPE_DYNAMIC, VS_ROPE_LLAMA3, VS_ROPE_YARN, VS_ROPE_LONGROPE };

struct vs_rope {
    enum vs_rope_kind kind;
    double theta, factor, low, high;             /* llama3: frequency factors; yarn: beta_slow, beta_fast */
    double original, positions;                  /* positions before scaling, max_position_embeddings */
    double attention;                            /* cos and sin are multiplied by it; 0 = by formula */
    double mscale, mscale_all;                   /* yarn, 0 = absent */
    bool truncate;                               /* yarn */
    uint32_t pairs;
    double *short_factors, *long_factors;        /* [pairs], longrope; short_factors also for the divisors that a GGUF file stores */
};

/* Frequencies of a sequence of `length` positions, and the factor for cos and sin. inv_freq[pairs]. */
double vs_rope_frequencies(const struct vs_rope *r, uint64_t length, double *inv_freq);
/* cos_sin[positions][pairs][2] */
void vs_rope_table(const struct vs_rope *r, uint64_t length, uint64_t positions, float *cos_sin, double *inv_freq);
/* Sequences that may share a table have the same key: their length where the table depends on it, else 0 or 1. */
uint64_t vs_rope_key(const struct vs_rope *r, uint64_t length);
double vs_yarn_mscale(double factor, double mscale);

/* ---- the numbers ---- */

enum vs_block_kind { VS_SEQUENTIAL, VS_PARALLEL, VS_POST_NORM };
enum vs_qk_norm { VS_QK_NONE, VS_QK_HEAD, VS_QK_FULL };
#define VS_NO_ROPE (-1)

struct vs_layer { uint32_t window; int rope; bool moe; }; /* window 0 = none; rope: class 0 (full) or 1 (sliding) */

struct vs_arch {
    struct vs_arena arena;
    const char *id;
    bool gguf, encoder, tied, plus_one, interleaved, scale_by_layer, renorm;
    uint64_t hidden, intermediate, positions, expert_size, shared_size, rows; /* rows of the input table */
    uint32_t layers, heads, kv_heads, head_dim, experts, experts_used;
    enum vs_f_norm_kind norm;
    enum vs_f_act act;
    enum vs_block_kind block;
    enum vs_qk_norm qk_norm;
    enum vs_f_route route;
    double eps;
    float scale, softcap, final_softcap, embed_scale, residual_scale, logit_scale;
    struct vs_rope rope[2]; bool has_rope;
    struct vs_layer *layer;
};

enum vs_code vs_arch_resolve(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err) VS_NODISCARD;
void vs_arch_free(struct vs_arch *a); /* accepts {0} */

/* For the files of this room. */
enum vs_code vs_arch_rope(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_arch_layers(const struct vs_describe *d, struct vs_arch *a, struct vs_obstacle *o, struct vs_err *err) VS_NODISCARD;

/* ---- tensors ---- */

/* A matrix [rows, cols] (a vector: rows = 1) inside a stored tensor. Row r is stored row first + r / block * step + r % block;
 * transposed: stored column of that number. */
struct vs_view {
    const struct vs_tensor *tensor, *scales; /* scales: MXFP4 of safetensors; tensor NULL: absent */
    uint64_t rows, cols;
    uint64_t offset, scale_offset;           /* bytes into the tensors: the expert */
    uint64_t first, block, step, stored_rows;
    bool transposed, mxfp4;
};
struct vs_weight { struct vs_view weight, bias; }; /* bias [1, rows] */

enum vs_layer_role {
    VS_W_ATTN_NORM, VS_W_Q, VS_W_Q_NORM, VS_W_K, VS_W_K_NORM, VS_W_V, VS_W_SINKS, VS_W_O, VS_W_ATTN_POST_NORM, VS_W_FFN_NORM,
    VS_W_ROUTER, VS_W_GATE, VS_W_UP, VS_W_DOWN, VS_W_SHARED_ROUTER, VS_W_SHARED_GATE, VS_W_SHARED_UP, VS_W_SHARED_DOWN,
    VS_W_FFN_POST_NORM, VS_LAYER_ROLES
};
enum vs_expert_role { VS_W_EXPERT_GATE, VS_W_EXPERT_UP, VS_W_EXPERT_DOWN, VS_EXPERT_ROLES };
enum vs_model_role { VS_W_EMBED, VS_W_POSITIONS, VS_W_TOKEN_TYPES, VS_W_EMBED_NORM, VS_W_FINAL_NORM, VS_W_HEAD, VS_MODEL_ROLES };

struct vs_binding {
    struct vs_arena arena;
    struct vs_weight model[VS_MODEL_ROLES];
    struct vs_weight *layer;    /* [layers][VS_LAYER_ROLES] */
    struct vs_weight *expert;   /* [layers][experts][VS_EXPERT_ROLES], or NULL */
};

enum vs_code vs_bind(const struct vs_describe *d, const struct vs_arch *a, struct vs_binding *b, struct vs_obstacle *o,
                     struct vs_err *err) VS_NODISCARD;
void vs_binding_free(struct vs_binding *b); /* accepts {0} */

/* For the files of this room: used, by position in the checkpoint's tensors. */
void vs_find_unread(const struct vs_describe *d, const struct vs_arch *a, const struct vs_binding *b, const bool *used, struct vs_obstacle *o);
/* What a tensor lacks may be how the config says that it is stored: then the obstacle is that. */
void vs_find_packed(const struct vs_describe *d, struct vs_obstacle *o);

#endif
