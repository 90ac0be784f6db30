/* SPDX-License-Identifier: Apache-2.0
 *
 * Read-ahead: a thread fills batch after batch; the computation takes them in the same order.
 *
 *     file --thread--> host lane --send--> device lane --> pieces        (two lanes, or one; one memory where the device shares it)
 */
#include "forward/stream.h"

static enum vs_code thread_trouble(struct vs_err *err)
{
    return vs_fail(err, VS_ENOMEM, "the thread that reads weights ahead could not be started");
}

/* ---- buffers ---- */

uint64_t vs_stream_largest(const struct vs_weights *w)
{
    uint64_t n = 1;
    for (uint32_t i = 0; i < w->batch_count; i++)
        n = w->batches[i].bytes > n ? w->batches[i].bytes : n;
    return n;
}

static enum vs_code make_buffers(struct vs_weights *w, struct vs_err *err)
{
    uint64_t n = vs_stream_largest(w);
    enum vs_code code = VS_OK;
    bool lanes = !w->resident || !w->shares;
    unsigned count = w->batch_count < w->lanes ? w->batch_count : w->lanes;
    for (unsigned i = 0; !code && lanes && i < count; i++)
        code = vs_dev_host_alloc(w->dev, n, &w->host[i], err);
    for (unsigned i = 0; !code && lanes && !w->shares && !w->resident && i < count; i++)
        code = vs_dev_alloc(w->dev, n, &w->device[i], err);
    for (uint32_t i = 0; !code && w->resident && i < w->batch_count; i++)
        code = vs_dev_alloc(w->dev, w->batches[i].bytes + 1, &w->kept[i], err);
    return code;
}

static uint8_t *host_of(const struct vs_weights *w, uint32_t batch)
{
    return w->resident && w->shares ? w->kept[batch] : w->host[batch % w->lanes];
}

static uint8_t *device_of(const struct vs_weights *w, uint32_t batch)
{
    return w->resident ? w->kept[batch] : w->shares ? w->host[batch % w->lanes] : w->device[batch % w->lanes];
}

static enum vs_code open_files(struct vs_weights *w, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    w->sources = vs_calloc(w->c->file_count + 1u, sizeof *w->sources);
    if (!w->sources)
        return vs_enomem(err, "files", w->c->file_count);
    for (uint32_t i = 0; i < w->c->file_count; i++)
        w->sources[i] = (struct vs_source){.file = {.fd = -1}, .cancel = w->run ? w->run->cancel : NULL};
    for (uint64_t i = 0; !code && i < w->item_count; i++) {
        const struct vs_view *views[2] = {&w->items[i].of->weight, &w->items[i].of->bias};
        for (int v = 0; !code && v < 2; v++) {
            uint32_t files[2] = {views[v]->tensor ? views[v]->tensor->file : 0, views[v]->scales ? views[v]->scales->file : 0};
            for (int s = 0; !code && views[v]->tensor && s < (views[v]->scales ? 2 : 1); s++)
                if (w->sources[files[s]].file.fd < 0)
                    code = vs_file_open(w->c->files[files[s]].path, &w->sources[files[s]].file, err);
        }
    }
    return code;
}

enum vs_code vs_stream_open(struct vs_weights *w, struct vs_dev *dev, const struct vs_checkpoint *c, bool resident, uint64_t scratch,
                            uint64_t vector, const struct vs_run *run, const char *what, struct vs_err *err)
{
    w->dev = dev;
    w->c = c;
    w->run = run;
    w->what = what;
    w->shares = vs_dev_shares(dev);
    w->resident = resident;
    w->scratch_bytes = scratch;
    w->scratch = vs_malloc(scratch);
    w->raw = vs_calloc(vector, 8); /* F64 is the widest */
    w->kept = vs_calloc(w->batch_count + 1u, sizeof *w->kept);
    if (!w->scratch || !w->raw || !w->kept)
        return vs_enomem(err, "room for reading", scratch);
    w->has_lock = pthread_mutex_init(&w->lock, NULL) == 0;
    if (!w->has_lock || pthread_cond_init(&w->changed, NULL) != 0) {
        if (w->has_lock)
            pthread_mutex_destroy(&w->lock);
        w->has_lock = false;
        return thread_trouble(err);
    }
    enum vs_code code = open_files(w, err);
    return code ? code : make_buffers(w, err);
}

void vs_weights_tap(struct vs_weights *w, const struct vs_tap *tap)
{
    for (uint32_t i = 0; i < w->c->file_count; i++)
        w->sources[i].tap = tap;
}

bool vs_weights_stopped(const struct vs_weights *w)
{
    for (uint32_t i = 0; w && i < w->c->file_count; i++)
        if (w->sources[i].stopped)
            return true;
    return false;
}

void vs_weights_task(struct vs_weights *w, struct vs_task *task)
{
    w->task = task;
}

void vs_weights_close(struct vs_weights *w)
{
    struct vs_err none;
    if (!w)
        return;
    (void)!vs_weights_end(w, &none);
    for (int i = 0; i < 2; i++) {
        vs_dev_host_free(w->dev, w->host[i]);
        vs_dev_free(w->dev, w->device[i]);
    }
    for (uint32_t i = 0; w->kept && i < w->batch_count; i++)
        vs_dev_free(w->dev, w->kept[i]);
    for (uint32_t i = 0; w->sources && i < w->c->file_count; i++)
        vs_file_close(&w->sources[i].file);
    if (w->has_lock) {
        pthread_cond_destroy(&w->changed);
        pthread_mutex_destroy(&w->lock);
    }
    vs_free(w->sources);
    vs_free(w->kept);
    vs_free(w->scratch);
    vs_free(w->raw);
    vs_free(w->items);
    vs_free(w->batches);
    vs_free(w);
}

/* ---- reading, on the thread ---- */

static enum vs_code read_vector(struct vs_weights *w, const struct vs_view *v, uint64_t first, uint64_t rows, bool plus_one, float *out)
{
    enum vs_code code = vs_view_read(&w->sources[v->tensor->file], v, first, rows, w->raw, w->scratch, w->scratch_bytes, &w->err);
    if (!code)
        code = vs_k_to_f32(w->raw, v->tensor->dtype, rows, out, &w->err);
    for (uint64_t i = 0; !code && plus_one && i < rows; i++)
        out[i] += 1;
    return code;
}

static enum vs_code read_item(struct vs_weights *w, const struct vs_item *i, uint8_t *buffer)
{
    const struct vs_view *v = &i->of->weight;
    enum vs_code code;
    if (v->cols == 1)
        code = read_vector(w, v, i->first, i->rows, i->plus_one, (float *)(void *)(buffer + i->data));
    else
        code = vs_view_read(&w->sources[v->tensor->file], v, i->first, i->rows, buffer + i->data, w->scratch, w->scratch_bytes, &w->err);
    if (!code && v->mxfp4)
        code = vs_view_read_scales(&w->sources[v->scales->file], v, i->first, i->rows, buffer + i->scales, &w->err);
    if (!code && i->of->bias.tensor)
        code = read_vector(w, &i->of->bias, i->first, i->rows, false, (float *)(void *)(buffer + i->bias));
    return code;
}

static bool is_stopped(struct vs_weights *w)
{
    pthread_mutex_lock(&w->lock);
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return stop;
}

static enum vs_code read_batch(struct vs_weights *w, uint32_t batch)
{
    enum vs_code code = VS_OK;
    for (uint64_t i = 0; !code && i < w->batches[batch].count; i++)
        code = is_stopped(w) ? VS_ECANCELED : read_item(w, &w->items[w->batches[batch].first + i], host_of(w, batch));
    return code;
}

/* A lane is free again when the batch before in it has left it. */
static bool may_fill(const struct vs_weights *w, uint32_t batch)
{
    return (w->resident && w->shares) || batch < w->freed + w->lanes;
}

static void *read_ahead(void *user)
{
    struct vs_weights *w = user;
    for (uint32_t batch = 0; batch < w->batch_count; batch++) {
        pthread_mutex_lock(&w->lock);
        while (!w->stop && !may_fill(w, batch))
            pthread_cond_wait(&w->changed, &w->lock);
        bool stop = w->stop;
        pthread_mutex_unlock(&w->lock);
        enum vs_code code = stop ? VS_ECANCELED : read_batch(w, batch);
        pthread_mutex_lock(&w->lock);
        if (code)
            w->code = code;
        else
            w->filled = batch + 1;
        pthread_cond_broadcast(&w->changed);
        pthread_mutex_unlock(&w->lock);
        if (code)
            break;
    }
    return NULL;
}

/* ---- taking ---- */

enum vs_code vs_weights_begin(struct vs_weights *w, struct vs_err *err)
{
    if (!w->task)
        vs_task_begin(&w->own, w->run, w->what, w->bytes);
    w->at = 0;
    w->entered = w->sent = w->filled = w->freed = 0;
    w->stop = false;
    w->code = VS_OK;
    if (w->loaded || !w->batch_count)
        return VS_OK;
    if (pthread_create(&w->thread, NULL, read_ahead, w) != 0)
        return thread_trouble(err);
    w->running = true;
    return VS_OK;
}

static enum vs_code wait_filled(struct vs_weights *w, uint32_t batch, struct vs_err *err)
{
    pthread_mutex_lock(&w->lock);
    while (w->filled <= batch && !w->code)
        pthread_cond_wait(&w->changed, &w->lock);
    enum vs_code code = w->filled > batch ? VS_OK : w->code;
    if (code)
        *err = w->err;
    pthread_mutex_unlock(&w->lock);
    return code;
}

static void set_freed(struct vs_weights *w, uint32_t count)
{
    pthread_mutex_lock(&w->lock);
    w->freed = count;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static enum vs_code send(struct vs_weights *w, uint32_t batch, struct vs_err *err)
{
    w->sent = batch + 1;
    return vs_dev_send(w->dev, batch % w->lanes, device_of(w, batch), host_of(w, batch), w->batches[batch].bytes, err);
}

static bool is_filled(struct vs_weights *w, uint32_t batch)
{
    pthread_mutex_lock(&w->lock);
    bool filled = w->filled > batch;
    pthread_mutex_unlock(&w->lock);
    return filled;
}

/* With two lanes the next batch is sent as soon as this one has arrived, so that copying and computing overlap. */
static enum vs_code arrive(struct vs_weights *w, uint32_t batch, struct vs_err *err)
{
    enum vs_code code = w->sent > batch ? VS_OK : send(w, batch, err);
    if (!code)
        code = vs_dev_arrived(w->dev, batch % w->lanes, err);
    if (!code)
        code = vs_dev_sent(w->dev, batch % w->lanes, err);
    if (code)
        return code;
    set_freed(w, batch + 1);
    return w->lanes > 1 && batch + 1 < w->batch_count && is_filled(w, batch + 1) ? send(w, batch + 1, err) : VS_OK;
}

static enum vs_code leave(struct vs_weights *w, uint32_t batch, struct vs_err *err)
{
    if (!w->shares)
        return vs_dev_used(w->dev, batch % w->lanes, err);
    enum vs_code code = vs_dev_wait(w->dev, err);
    set_freed(w, batch + 1);
    return code;
}

static struct vs_task *task_of(struct vs_weights *w)
{
    return w->task ? w->task : &w->own;
}

/* The batch that was entered last is done with. */
static enum vs_code step(struct vs_weights *w, struct vs_err *err)
{
    return vs_task_step(task_of(w), w->entered ? w->batches[w->entered - 1].stored : 0, err);
}

static enum vs_code enter(struct vs_weights *w, uint32_t batch, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    if (!w->loaded && batch)
        code = leave(w, batch - 1, err);
    if (!code && !w->loaded)
        code = wait_filled(w, batch, err);
    if (!code && !w->loaded && !w->shares)
        code = arrive(w, batch, err);
    if (!code)
        code = step(w, err);
    w->entered = batch + 1;
    return code;
}

enum vs_code vs_weights_next(struct vs_weights *w, struct vs_piece *out, struct vs_err *err)
{
    *out = (struct vs_piece){0};
    if (w->at == w->item_count)
        return VS_OK;
    const struct vs_item *i = &w->items[w->at];
    /* A batch may be a layer that is gone through several times: who wants to stop is asked at every piece. */
    enum vs_code code = i->batch < w->entered ? vs_task_step(task_of(w), 0, err) : enter(w, i->batch, err);
    if (code)
        return code;
    const uint8_t *buffer = device_of(w, i->batch);
    const struct vs_view *v = &i->of->weight;
    w->at++;
    *out = (struct vs_piece){.of = i->of, .first = i->first, .rows = i->rows};
    if (i->of->bias.tensor)
        out->bias = (const float *)(const void *)(buffer + i->bias);
    if (v->cols == 1)
        out->vector = (const float *)(const void *)(buffer + i->data);
    else
        out->mat = (struct vs_mat){.data = buffer + i->data, .dtype = v->mxfp4 ? VS_MXFP4 : v->tensor->dtype, .rows = i->rows, .cols = v->cols,
                                   .stride = vs_view_row_bytes(v), .scales = v->mxfp4 ? buffer + i->scales : NULL,
                                   .scale_stride = v->mxfp4 ? v->cols / 32 : 0};
    return VS_OK;
}

void vs_weights_again(struct vs_weights *w)
{
    w->at = w->batches[w->entered - 1].first;
}

/* Nobody reads or writes the buffers any more, a copy that was sent ahead of a pass that ends early included. */
static enum vs_code settle(struct vs_weights *w, struct vs_err *err)
{
    enum vs_code code = vs_dev_wait(w->dev, err);
    for (unsigned lane = 0; lane < w->lanes && !w->shares; lane++) {
        struct vs_err more;
        enum vs_code sent = vs_dev_sent(w->dev, lane, code ? &more : err);
        code = code ? code : sent;
    }
    return code;
}

enum vs_code vs_weights_end(struct vs_weights *w, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    bool complete = w->at == w->item_count && !w->code;
    if (w->running && (!w->shares || complete))
        code = settle(w, err);
    if (!code && complete && w->entered)
        code = step(w, err);
    w->entered = 0;
    if (!w->running)
        return code;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->running = false;
    w->loaded = w->resident && complete;
    for (uint32_t i = 0; !code && complete && i < w->c->file_count; i++)
        if (w->sources[i].file.fd >= 0)
            code = vs_file_unchanged(&w->sources[i].file, err);
    return code;
}
