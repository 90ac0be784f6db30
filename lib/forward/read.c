/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows of a view out of a file: parts of fused tensors, transposed ones, single rows of tables.
 */
#include "forward/weights.h"

#define DIRECT 65536u       /* runs from this many bytes on are read straight to their place */
#define STEP ((uint64_t)1 << 20) /* bytes between two looks at cancel */

static uint64_t value_bits(const struct vs_view *v)
{
    return v->mxfp4 ? 4 : vs_dtype_bits(v->tensor->dtype);
}

uint64_t vs_view_row_bytes(const struct vs_view *v)
{
    uint64_t bytes = 0;
    if (v->mxfp4)
        return v->cols / 2;
    return vs_dtype_row_bytes(v->tensor->dtype, v->cols, &bytes) ? bytes : 0;
}

static uint64_t stored_row(const struct vs_view *v, uint64_t r)
{
    return v->first + r / v->block * v->step + r % v->block;
}

/* Rows from r on that lie one behind the other. */
static uint64_t run_of(const struct vs_view *v, uint64_t r, uint64_t end)
{
    uint64_t n = v->block - r % v->block;
    if (v->block == v->step)
        n = end - r;
    return n < end - r ? n : end - r;
}

uint64_t vs_view_scratch(const struct vs_view *v)
{
    uint64_t row = v->transposed ? v->stored_rows * value_bits(v) / 8 : v->step > v->block ? 2 * vs_view_row_bytes(v) : 0;
    return row;
}

static enum vs_code read_at(struct vs_source *s, uint32_t file, uint64_t at, uint8_t *out, uint64_t n, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    for (uint64_t done = 0; !code && done < n; done += STEP)
        code = s->cancel && *s->cancel ? vs_fail(err, VS_ECANCELED, "interrupted") :
                                         vs_file_pread(&s->file, at + done, out + done, n - done < STEP ? n - done : STEP, err);
    s->stopped = !code && s->tap && !s->tap->saw(s->tap->user, &s->file, file, at, out, n);
    return s->stopped ? vs_fail(err, VS_ECANCELED, "%s: the pass was given up", s->file.path) : code;
}

/* Many short runs: the whole stretch is read, then picked apart. */
static enum vs_code read_gathered(struct vs_source *s, const struct vs_view *v, uint64_t first, uint64_t rows, uint8_t *out, uint8_t *scratch,
                                  uint64_t scratch_bytes, struct vs_err *err)
{
    uint64_t row_bytes = vs_view_row_bytes(v), room = scratch_bytes / row_bytes, base = v->tensor->begin + v->offset;
    enum vs_code code = VS_OK;
    for (uint64_t r = first; !code && r < first + rows;) {
        uint64_t from = stored_row(v, r), n = 1;
        while (r + n < first + rows && stored_row(v, r + n) - from < room)
            n++;
        code = read_at(s, v->tensor->file, base + from * row_bytes, scratch, (stored_row(v, r + n - 1) - from + 1) * row_bytes, err);
        for (uint64_t i = 0; !code && i < n; i++)
            memcpy(out + (r - first + i) * row_bytes, scratch + (stored_row(v, r + i) - from) * row_bytes, row_bytes);
        r += n;
    }
    return code;
}

/* Stored [cols][stored_rows]: rows are columns there. */
static enum vs_code read_transposed(struct vs_source *s, const struct vs_view *v, uint64_t first, uint64_t rows, uint8_t *out, uint8_t *scratch,
                                    uint64_t scratch_bytes, struct vs_err *err)
{
    uint64_t size = value_bits(v) / 8, row_bytes = vs_view_row_bytes(v), base = v->tensor->begin + v->offset;
    uint64_t from = stored_row(v, first), span = stored_row(v, first + rows - 1) - from + 1, full = v->stored_rows;
    uint64_t lines = span == full ? scratch_bytes / (full * size) : 1;
    enum vs_code code = VS_OK;
    for (uint64_t i = 0; !code && i < v->cols; i += lines) {
        uint64_t n = v->cols - i < lines ? v->cols - i : lines;
        code = read_at(s, v->tensor->file, base + (i * full + from) * size, scratch, (n - 1) * full * size + span * size, err);
        for (uint64_t line = 0; !code && line < n; line++)
            for (uint64_t r = 0; r < rows; r++)
                memcpy(out + r * row_bytes + (i + line) * size, scratch + (line * full + stored_row(v, first + r) - from) * size, size);
    }
    return code;
}

enum vs_code vs_view_read(struct vs_source *s, const struct vs_view *v, uint64_t first, uint64_t rows, uint8_t *out, uint8_t *scratch,
                          uint64_t scratch_bytes, struct vs_err *err)
{
    uint64_t row_bytes = vs_view_row_bytes(v), n;
    enum vs_code code = VS_OK;
    if (v->transposed)
        return read_transposed(s, v, first, rows, out, scratch, scratch_bytes, err);
    if (v->block < v->step && v->block * row_bytes < DIRECT)
        return read_gathered(s, v, first, rows, out, scratch, scratch_bytes, err);
    for (uint64_t r = first; !code && r < first + rows; r += n) {
        n = run_of(v, r, first + rows);
        code = read_at(s, v->tensor->file, v->tensor->begin + v->offset + stored_row(v, r) * row_bytes, out + (r - first) * row_bytes, n * row_bytes,
                       err);
    }
    return code;
}

enum vs_code vs_view_read_scales(struct vs_source *s, const struct vs_view *v, uint64_t first, uint64_t rows, uint8_t *out, struct vs_err *err)
{
    uint64_t row_bytes = v->cols / 32, n;
    enum vs_code code = VS_OK;
    for (uint64_t r = first; !code && r < first + rows; r += n) {
        n = run_of(v, r, first + rows);
        code = read_at(s, v->scales->file, v->scales->begin + v->scale_offset + stored_row(v, r) * row_bytes, out + (r - first) * row_bytes,
                       n * row_bytes, err);
    }
    return code;
}

uint64_t vs_view_row_room(const struct vs_view *v)
{
    return vs_view_row_bytes(v) + vs_view_scratch(v);
}

enum vs_code vs_view_rows(const struct vs_checkpoint *c, const struct vs_view *v, const uint32_t *ids, uint64_t n, uint8_t *room,
                          float *out, struct vs_err *err)
{
    uint64_t row_bytes = vs_view_row_bytes(v);
    struct vs_source s = {0};
    for (uint64_t i = 0; i < n; i++)
        if (ids[i] >= v->rows)
            return vs_fail(err, VS_ELIMIT, "%s: row %u is asked for, it has %llu rows", c->files[v->tensor->file].name, ids[i],
                           (unsigned long long)v->rows);
    enum vs_code code = vs_file_open(c->files[v->tensor->file].path, &s.file, err);
    if (code)
        return code;
    for (uint64_t i = 0; !code && i < n; i++) {
        code = vs_view_read(&s, v, ids[i], 1, room, room + row_bytes, vs_view_scratch(v), err);
        if (!code)
            code = vs_k_to_f32(room, v->tensor->dtype, v->cols, out + i * v->cols, err);
    }
    vs_file_close(&s.file);
    return code;
}
