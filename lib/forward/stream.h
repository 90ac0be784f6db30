/* SPDX-License-Identifier: Apache-2.0
 *
 * What the schedule (weights.c) and the reading of it (stream.c) share.
 */
#ifndef VS_FORWARD_STREAM_H
#define VS_FORWARD_STREAM_H

#include <pthread.h>
#include "forward/weights.h"

/* Offsets are into the batch's buffer. */
struct vs_item { const struct vs_weight *of; uint64_t first, rows, data, scales, bias; uint32_t batch; bool plus_one; };
struct vs_load { uint64_t first, count, bytes, stored; }; /* items of one batch; bytes in the buffer; of w->bytes */

struct vs_weights {
    struct vs_dev *dev;
    const struct vs_checkpoint *c;
    const struct vs_run *run;
    const char *what;
    struct vs_item *items; uint64_t item_count, item_cap;
    struct vs_load *batches; uint32_t batch_count; uint64_t batch_cap;
    uint64_t bytes, tile_rows;
    struct vs_source *sources;         /* one for each file of c; those that are not read stay closed */
    bool shares, resident, loaded;     /* device memory is host memory; every batch has a buffer; they are filled */
    unsigned lanes; void *host[2], *device[2]; /* one or two; lanes */
    void **kept;                       /* [batch_count] with resident */
    uint8_t *scratch; uint64_t scratch_bytes;
    uint8_t *raw;                      /* a vector as stored */
    struct vs_task own, *task;         /* task: of many passes, or NULL */
    uint64_t at;                       /* next item */
    uint32_t entered, sent;            /* batches that the computation has entered, and that were sent */
    /* the reader */
    pthread_t thread; bool running;
    pthread_mutex_t lock; pthread_cond_t changed; bool has_lock;
    uint32_t filled, freed; bool stop;
    enum vs_code code; struct vs_err err;
};

uint64_t vs_stream_largest(const struct vs_weights *w); /* bytes of the largest batch */
enum vs_code vs_stream_open(struct vs_weights *w, struct vs_dev *dev, const struct vs_checkpoint *c, bool resident, uint64_t scratch,
                            uint64_t vector, const struct vs_run *run, const char *what, struct vs_err *err) VS_NODISCARD;

#endif
