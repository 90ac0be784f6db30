/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass of a batch of tokens through the trunk, and the head over its result.
 *
 *     ids -> embed -> layer 0 .. n-1 -> final norm -> hidden -> head, tile by tile
 */
#ifndef VS_FORWARD_PASS_H
#define VS_FORWARD_PASS_H

#include <vs/forward.h>
#include "forward/weights.h"

/* One checkpoint that can be run. */
struct vs_model {
    const struct vs_checkpoint *c;
    struct vs_describe describe;
    struct vs_arch arch;
    struct vs_binding binding;
    struct vs_obstacle obstacle; /* kind VS_RUNNABLE: the rest is complete */
};
enum vs_code vs_model_open(const struct vs_checkpoint *c, const char *data_dir, const char *arch_desc, struct vs_model *m,
                           struct vs_err *err) VS_NODISCARD;
void vs_model_close(struct vs_model *m); /* accepts {0} */

/* Tokens of several sequences, one behind the other. Sequence s: tokens [begin, begin + count), the first at position past. */
struct vs_sequence { uint32_t begin, count, past; };
struct vs_batch {
    const uint32_t *ids; uint32_t count;
    const struct vs_sequence *sequences; uint32_t sequence_count;
    uint64_t length;             /* positions that rope tables are made for: the longest sequence to come */
};

/* Keys and values of earlier tokens: one slot a token and layer; sequence s owns slots [slot[s], ...). */
struct vs_cache { float *k, *v; uint64_t slots; uint32_t *slot; };

struct vs_pass;
/* Workspace for batches of up to `tokens` tokens and `keys` keys a sequence. The second one takes batches of up to `room` tokens:
 * there is workspace for `tokens` of them, each layer computes slices of so many; weights of VS_LAYERS, no cache, no sequence longer. */
enum vs_code vs_pass_open(struct vs_dev *dev, const struct vs_model *m, uint32_t tokens, uint32_t keys, struct vs_pass **out,
                          struct vs_err *err) VS_NODISCARD;
enum vs_code vs_pass_open_sliced(struct vs_dev *dev, const struct vs_model *m, uint32_t tokens, uint32_t keys, uint32_t room, struct vs_pass **out,
                                 struct vs_err *err) VS_NODISCARD;
void vs_pass_close(struct vs_pass *p); /* accepts NULL */

/* Positions of rope tables and spans for this batch. cache may be NULL. */
enum vs_code vs_pass_run(struct vs_pass *p, struct vs_weights *trunk, const struct vs_batch *batch, const struct vs_cache *cache,
                         struct vs_err *err) VS_NODISCARD;
const float *vs_pass_hidden(const struct vs_pass *p);              /* [count][hidden], device memory, behind the final norm */
/* [layers + 2]: embedded tokens, each layer, behind the final norm; of the first tokens, as split says, and of the others. */
enum vs_stage vs_pass_stage(const struct vs_arch *a, uint32_t look); /* of an entry of these */
const struct vs_f_stats *vs_pass_old_looks(const struct vs_pass *p);
const struct vs_f_stats *vs_pass_looks(const struct vs_pass *p);
void vs_pass_split(struct vs_pass *p, uint32_t first_tokens);
double vs_pass_row_sum_error(const struct vs_pass *p);             /* largest so far; needs vs_pass_debug */
void vs_pass_debug(struct vs_pass *p, bool on);

/* Logits [count][stride], device memory, of ids [first, first + rows). */
typedef enum vs_code vs_logit_visitor(void *user, const float *logits, uint64_t stride, uint64_t first, uint64_t rows, struct vs_err *err);
enum vs_code vs_head_run(struct vs_dev *dev, const struct vs_arch *a, struct vs_weights *head, const float *hidden, uint32_t count,
                         float *logits, vs_logit_visitor *visit, void *user, struct vs_err *err) VS_NODISCARD;
/* The next tile alone; *rows = 0 behind the last. logits: room for count * vs_weights_tile_rows. */
enum vs_code vs_head_next(struct vs_dev *dev, const struct vs_arch *a, struct vs_weights *head, const float *hidden, uint32_t count,
                          float *logits, uint64_t *first, uint64_t *rows, struct vs_err *err) VS_NODISCARD;

/* ---- for the files of this room ---- */

struct vs_pass {
    struct vs_dev *dev;
    const struct vs_model *m;
    const struct vs_arch *a;
    struct vs_weights *w;
    const struct vs_batch *all, *batch;      /* batch: the slice of it at hand */
    struct vs_batch slice; struct vs_sequence *sequences;
    const struct vs_cache *cache;
    uint32_t tokens, keys, room, layer;
    float *residual, *x;                     /* [room][hidden], and where the slice at hand begins there */
    float *h, *branch, *other, *q, *k, *v, *heads, *gate, *up, *scores, *rope[2];
    float *gathered, *router, *share;        /* experts */
    uint32_t *position, *rows; float *row_weights;
    uint8_t *row;                            /* host: a row as it is stored */
    float *host; uint32_t *host_ids; double *inv_freq;
    struct vs_f_span *spans;
    struct vs_f_stats *looks;                /* [2][layers + 2] */
    uint32_t split;
    uint32_t *chosen; float *chosen_weights; /* host: [tokens][experts_used] */
    bool debug; double row_sum_error;
    uint64_t rope_made[2];                   /* length + 1 that the tables were made for, 0 = none */
};

/* Takes the next piece, which must be of w. */
enum vs_code vs_take(struct vs_pass *p, const struct vs_weight *w, struct vs_piece *piece, struct vs_err *err) VS_NODISCARD;
/* y = x W' + b over all tiles; y rows are w->weight.rows apart. */
enum vs_code vs_linear(struct vs_pass *p, const struct vs_weight *w, const float *x, uint32_t m, float *y, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_skip(struct vs_pass *p, const struct vs_weight *w, struct vs_err *err) VS_NODISCARD;
/* y = norm(x) over rows of the weight's length; w without a tensor: nothing happens. */
enum vs_code vs_norm(struct vs_pass *p, const struct vs_weight *w, const float *x, uint64_t rows, float *y, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_attention(struct vs_pass *p, const struct vs_weight *w, const float *h, float *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_mlp(struct vs_pass *p, const struct vs_weight *w, const float *h, float *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_experts(struct vs_pass *p, const struct vs_weight *w, const float *h, float *out, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_embed(struct vs_pass *p, struct vs_err *err) VS_NODISCARD; /* without the norm behind it */
enum vs_code vs_positions(struct vs_pass *p, struct vs_err *err) VS_NODISCARD; /* spans, positions, rope tables */

#endif
