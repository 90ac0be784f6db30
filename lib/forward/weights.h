/* SPDX-License-Identifier: Apache-2.0
 *
 * Weights in the order of use. A reader thread fills two buffers ahead of the computation; matrices come in tiles of rows,
 * so that memory is bounded whatever the size of a layer, unless whole layers are asked for. Weights that fit are kept for the next pass.
 *
 *     open -> (begin -> next ... next (-> again -> next ...) -> end)* -> close
 */
#ifndef VS_FORWARD_WEIGHTS_H
#define VS_FORWARD_WEIGHTS_H

#include "base/io.h"
#include "base/run.h"
#include "forward/arch.h"

/* What comes next: rows [first, first + rows) of a matrix with their bias, or a whole vector as float32 (of = its weight,
 * bias or NULL beside it). Device memory; valid until the next call. */
struct vs_piece {
    const struct vs_weight *of;
    struct vs_mat mat;
    const float *vector, *bias;
    uint64_t first, rows;
};

/* VS_LAYERS: the trunk, with a buffer for the largest layer, so that one layer after the other can be gone through again. */
enum vs_part_of_model { VS_TRUNK, VS_LAYERS, VS_HEAD };

struct vs_weights;
/* memory: bytes for the buffers; a layer of VS_LAYERS may have more, then there is one buffer instead of two. tile: rows of a
 * piece, the most; 0 = as the buffers have room. keep: hold everything when it fits into memory: later passes do not read. */
enum vs_code vs_weights_open(struct vs_dev *dev, const struct vs_checkpoint *c, const struct vs_arch *a, const struct vs_binding *b,
                             enum vs_part_of_model part, uint64_t memory, uint64_t tile, bool keep, const struct vs_run *run, struct vs_weights **out,
                             struct vs_err *err) VS_NODISCARD;
void vs_weights_close(struct vs_weights *w); /* accepts NULL; in the middle of a pass too */

uint64_t vs_weights_bytes(const struct vs_weights *w);      /* of one pass */
uint64_t vs_weights_largest_layer(const struct vs_arch *a, const struct vs_binding *b); /* bytes in a buffer, its experts included */
uint64_t vs_weights_tile_rows(const struct vs_weights *w);  /* the most rows that one piece has */

enum vs_code vs_weights_begin(struct vs_weights *w, struct vs_err *err) VS_NODISCARD;
/* Passes from the next one on are parts of the task, by the bytes that vs_weights_bytes counts; without one each draws its own bar. */
void vs_weights_task(struct vs_weights *w, struct vs_task *task);
/* From the next pass on the tap (NULL: none) sees what is read; it must outlive w. When it has enough the pass fails, and this is why. */
void vs_weights_tap(struct vs_weights *w, const struct vs_tap *tap);
bool vs_weights_stopped(const struct vs_weights *w);        /* by the tap; asked between passes. False for NULL */
/* out->of is NULL behind the last piece. */
enum vs_code vs_weights_next(struct vs_weights *w, struct vs_piece *out, struct vs_err *err) VS_NODISCARD;
/* Of VS_LAYERS: the layer at hand once more, from its first piece on. Nothing is read for it. */
void vs_weights_again(struct vs_weights *w);
enum vs_code vs_weights_end(struct vs_weights *w, struct vs_err *err) VS_NODISCARD;

/* Single rows of a table, converted: ids may repeat, each below v->rows. out[n * v->cols]; room: vs_view_row_room() bytes */
enum vs_code vs_view_rows(const struct vs_checkpoint *c, const struct vs_view *v, const uint32_t *ids, uint64_t n, uint8_t *room,
                          float *out, struct vs_err *err) VS_NODISCARD;
uint64_t vs_view_row_room(const struct vs_view *v);

/* read.c */
/* tap: NULL when nobody looks on; stopped: by it. cancel: as in vs_run, so that nobody has to wait for a slow disk who wants to stop. */
struct vs_source { struct vs_file file; const struct vs_tap *tap; const volatile sig_atomic_t *cancel; bool stopped; };
uint64_t vs_view_row_bytes(const struct vs_view *v);
/* Rows [first, first + rows) as they are stored, put in order; scratch: room of scratch_bytes, at least vs_view_scratch(). */
enum vs_code vs_view_read(struct vs_source *s, const struct vs_view *v, uint64_t first, uint64_t rows, uint8_t *out, uint8_t *scratch,
                          uint64_t scratch_bytes, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_view_read_scales(struct vs_source *s, const struct vs_view *v, uint64_t first, uint64_t rows, uint8_t *out,
                                 struct vs_err *err) VS_NODISCARD;
uint64_t vs_view_scratch(const struct vs_view *v);

#endif
