/* SPDX-License-Identifier: Apache-2.0
 *
 * The schedule: every weight in the order of use, cut into tiles and packed into batches that fit a buffer.
 */
#include "forward/stream.h"

#define ALIGN 256u
#define LANE_LEAST (16ull << 10)
#define LANE_MOST (64ull << 20) /* reading is no faster with more, and a lane may be pinned */
#define ENDLESS (1ull << 62)

static uint64_t aligned(uint64_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

/* ---- sizes ---- */

static bool is_vector(const struct vs_weight *w)
{
    return w->weight.cols == 1;
}

/* Bytes of one row in a buffer, bias and scales included. */
static uint64_t row_cost(const struct vs_weight *w)
{
    uint64_t bias = w->bias.tensor ? sizeof(float) : 0;
    if (is_vector(w))
        return sizeof(float) + bias;
    return vs_view_row_bytes(&w->weight) + (w->weight.mxfp4 ? w->weight.cols / 32 : 0) + bias;
}

static uint64_t item_bytes(const struct vs_weight *w, uint64_t rows)
{
    return rows * row_cost(w) + 3 * ALIGN;
}

static uint64_t weight_bytes(const struct vs_weight *w)
{
    return w->weight.tensor ? item_bytes(w, w->weight.rows) : 0;
}

/* ---- building ---- */

struct builder { struct vs_weights *w; uint64_t lane, tile; bool by_layer; uint64_t used; struct vs_err *err; enum vs_code code; };

/* What follows goes into a buffer of its own. */
static void cut(struct builder *k)
{
    k->used = k->by_layer ? k->lane : k->used;
}

static void add_item(struct builder *k, const struct vs_weight *of, uint64_t first, uint64_t rows, bool plus_one)
{
    struct vs_weights *w = k->w;
    uint64_t bytes = item_bytes(of, rows), row = vs_view_row_bytes(&of->weight);
    if (w->item_count == w->item_cap || w->batch_count == w->batch_cap) {
        uint64_t cap = w->item_cap ? 2 * w->item_cap : 256;
        struct vs_item *items = vs_realloc_array(w->items, cap, sizeof *items);
        w->items = items ? items : w->items;
        struct vs_load *batches = items ? vs_realloc_array(w->batches, cap, sizeof *batches) : NULL;
        w->batches = batches ? batches : w->batches;
        if (!batches) {
            k->code = vs_enomem(k->err, "a schedule of weights", cap * sizeof *items);
            return;
        }
        w->item_cap = w->batch_cap = cap;
    }
    if (!w->batch_count || k->used + bytes > k->lane) {
        w->batches[w->batch_count++] = (struct vs_load){.first = w->item_count};
        k->used = 0;
    }
    struct vs_item *i = &w->items[w->item_count++];
    *i = (struct vs_item){.of = of, .first = first, .rows = rows, .plus_one = plus_one, .batch = w->batch_count - 1, .data = k->used};
    i->scales = aligned(i->data + (is_vector(of) ? rows * sizeof(float) : rows * row));
    i->bias = aligned(i->scales + (of->weight.mxfp4 ? rows * (of->weight.cols / 32) : 0));
    k->used = aligned(i->bias + (of->bias.tensor ? rows * sizeof(float) : 0));
    struct vs_load *b = &w->batches[w->batch_count - 1];
    b->count++;
    b->bytes = k->used;
    b->stored += rows * row;
    w->bytes += rows * row;
    w->tile_rows = rows > w->tile_rows && !is_vector(of) ? rows : w->tile_rows;
}

static void add_vector(struct builder *k, const struct vs_weight *of, bool plus_one)
{
    if (of->weight.tensor && !k->code)
        add_item(k, of, 0, of->weight.rows, plus_one);
}

static void add_matrix(struct builder *k, const struct vs_weight *of)
{
    if (!of->weight.tensor)
        return;
    uint64_t most = (k->lane - 3 * ALIGN) / row_cost(of);
    most = most < k->tile ? most : k->tile;
    if (most < of->weight.rows && most > 16)
        most = most / 16 * 16;
    for (uint64_t r = 0; r < of->weight.rows && !k->code; r += most)
        add_item(k, of, r, of->weight.rows - r < most ? of->weight.rows - r : most, false);
}

static void add_layer(struct builder *k, const struct vs_arch *a, const struct vs_binding *b, uint32_t l)
{
    const struct vs_weight *w = b->layer + (uint64_t)l * VS_LAYER_ROLES;
    add_vector(k, &w[VS_W_ATTN_NORM], a->plus_one);
    add_matrix(k, &w[VS_W_Q]);
    add_vector(k, &w[VS_W_Q_NORM], a->plus_one);
    add_matrix(k, &w[VS_W_K]);
    add_vector(k, &w[VS_W_K_NORM], a->plus_one);
    add_matrix(k, &w[VS_W_V]);
    add_vector(k, &w[VS_W_SINKS], false);
    add_matrix(k, &w[VS_W_O]);
    add_vector(k, &w[VS_W_ATTN_POST_NORM], a->plus_one);
    add_vector(k, &w[VS_W_FFN_NORM], a->plus_one);
    add_matrix(k, &w[VS_W_ROUTER]);
    for (uint32_t e = 0; a->layer[l].moe && e < a->experts; e++)
        for (int r = 0; r < VS_EXPERT_ROLES; r++)
            add_matrix(k, &b->expert[((uint64_t)l * a->experts + e) * VS_EXPERT_ROLES + (uint64_t)r]);
    add_matrix(k, &w[VS_W_SHARED_ROUTER]);
    add_matrix(k, &w[VS_W_SHARED_GATE]);
    add_matrix(k, &w[VS_W_SHARED_UP]);
    add_matrix(k, &w[VS_W_SHARED_DOWN]);
    add_matrix(k, &w[VS_W_GATE]);
    add_matrix(k, &w[VS_W_UP]);
    add_matrix(k, &w[VS_W_DOWN]);
    add_vector(k, &w[VS_W_FFN_POST_NORM], a->plus_one);
}

static void add_all(struct builder *k, const struct vs_arch *a, const struct vs_binding *b, enum vs_part_of_model part)
{
    k->w->item_count = k->w->batch_count = k->w->bytes = k->w->tile_rows = 0;
    k->used = 0;
    if (part == VS_HEAD) {
        add_matrix(k, &b->model[VS_W_HEAD]);
        return;
    }
    add_vector(k, &b->model[VS_W_EMBED_NORM], a->plus_one);
    for (uint32_t l = 0; l < a->layers && !k->code; l++) {
        cut(k);
        add_layer(k, a, b, l);
    }
    cut(k);
    add_vector(k, &b->model[VS_W_FINAL_NORM], a->plus_one);
}

/* ---- how large a buffer must be, and what reading needs besides ---- */

static void widest(const struct vs_weight *w, uint64_t *lane, uint64_t *scratch, uint64_t *vector)
{
    const struct vs_view *views[2] = {&w->weight, &w->bias};
    if (!w->weight.tensor)
        return;
    uint64_t least = is_vector(w) ? item_bytes(w, w->weight.rows) : item_bytes(w, w->weight.rows < 16 ? w->weight.rows : 16);
    *lane = least > *lane ? least : *lane;
    for (int i = 0; i < 2; i++) {
        uint64_t need = views[i]->tensor ? vs_view_scratch(views[i]) : 0;
        *scratch = need > *scratch ? need : *scratch;
        *vector = views[i]->tensor && views[i]->cols == 1 && views[i]->rows > *vector ? views[i]->rows : *vector;
    }
}

static void limits(const struct vs_arch *a, const struct vs_binding *b, uint64_t *lane, uint64_t *scratch, uint64_t *vector)
{
    for (uint64_t i = 0; i < VS_MODEL_ROLES; i++)
        if (i == VS_W_HEAD || i == VS_W_EMBED_NORM || i == VS_W_FINAL_NORM)
            widest(&b->model[i], lane, scratch, vector);
    for (uint64_t i = 0; i < (uint64_t)a->layers * VS_LAYER_ROLES; i++)
        widest(&b->layer[i], lane, scratch, vector);
    for (uint64_t i = 0; i < (uint64_t)a->layers * a->experts * VS_EXPERT_ROLES; i++)
        widest(&b->expert[i], lane, scratch, vector);
}

enum vs_code vs_weights_open(struct vs_dev *dev, const struct vs_checkpoint *c, const struct vs_arch *a, const struct vs_binding *b,
                             enum vs_part_of_model part, uint64_t memory, uint64_t tile, bool keep, const struct vs_run *run, struct vs_weights **out,
                             struct vs_err *err)
{
    struct vs_weights *w = vs_calloc(1, sizeof *w);
    uint64_t least = LANE_LEAST, scratch = LANE_LEAST, vector = 1;
    if (!w)
        return vs_enomem(err, "weights", sizeof *w);
    limits(a, b, &least, &scratch, &vector);
    uint64_t lane = memory / 4 < LANE_MOST ? memory / 4 : LANE_MOST;
    struct builder k = {.w = w, .err = err, .lane = lane > least ? lane : least, .tile = tile ? tile : UINT64_MAX, .by_layer = part == VS_LAYERS};
    if (k.by_layer)
        k.lane = ENDLESS;
    add_all(&k, a, b, part);
    w->lanes = k.by_layer && vs_stream_largest(w) > memory / 4 ? 1 : 2;
    const char *what = part == VS_HEAD ? "head" : "forward";
    enum vs_code code = k.code ? k.code : vs_stream_open(w, dev, c, keep && w->bytes <= memory, scratch, vector, run, what, err);
    if (code)
        vs_weights_close(w);
    else
        *out = w;
    return code;
}

uint64_t vs_weights_largest_layer(const struct vs_arch *a, const struct vs_binding *b)
{
    const uint64_t experts = (uint64_t)a->experts * VS_EXPERT_ROLES;
    uint64_t largest = 0;
    for (uint64_t l = 0; l < a->layers; l++) {
        uint64_t n = 0;
        for (uint64_t i = 0; i < VS_LAYER_ROLES; i++)
            n += weight_bytes(&b->layer[l * VS_LAYER_ROLES + i]);
        for (uint64_t i = 0; i < experts; i++)
            n += weight_bytes(&b->expert[l * experts + i]);
        largest = n > largest ? n : largest;
    }
    return largest;
}

uint64_t vs_weights_bytes(const struct vs_weights *w)
{
    return w->bytes;
}

uint64_t vs_weights_tile_rows(const struct vs_weights *w)
{
    return w->tile_rows;
}
