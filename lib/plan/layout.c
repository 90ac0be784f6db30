/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of every weight file of OUT. A file without a growing table is not touched. In the others the header is
 * padded with spaces so that unchanged tensors keep their place within a 4096-byte block: then a copy-on-write file
 * system shares their blocks instead of copying them (formats.md 6.2). Where tables stand between unchanged tensors,
 * tables first may keep more of them in place than the order found; the better of the two is taken.
 */
#include <stdlib.h>
#include "format/safetensors.h"
#include "plan/extend.h"

#define BLOCK 4096u

struct order {
    const struct vs_tensor **tensors;   /* in the order of the output */
    uint32_t *tables;                   /* position in plan->tables[], or VS_NO_TABLE */
    uint64_t *sizes;                    /* bytes in the output */
    uint32_t count;
    struct vs_segment *segments; uint32_t segment_count; /* to: from the first byte after the header */
    uint64_t payload, aligned;          /* bytes; how many keep their place with residue */
    uint32_t residue;
};

static bool changes(const struct vs_table_plan *t)
{
    return t->init_count > 0 || t->rows_after != t->rows_before;
}

/* Per tensor of the checkpoint: its position in plan->tables[], VS_NO_TABLE where nothing changes. */
static enum vs_code map_tables(struct vs_planner *p, uint32_t **out, struct vs_err *err)
{
    const struct vs_checkpoint *c = p->checkpoint;
    uint32_t *map = *out = vs_arena_array(p->arena, c->tensor_count + 1, sizeof *map);
    if (!map)
        return vs_enomem(err, "the layout", c->tensor_count * sizeof *map);
    for (uint64_t i = 0; i < c->tensor_count; i++)
        map[i] = VS_NO_TABLE;
    for (uint32_t i = 0; i < p->plan->table_count; i++)
        if (changes(&p->plan->tables[i]))
            map[c->tables[p->plan->tables[i].table].tensor] = i;
    return VS_OK;
}

static int by_begin(const void *a, const void *b)
{
    const struct vs_tensor *x = *(const struct vs_tensor *const *)a, *y = *(const struct vs_tensor *const *)b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

static enum vs_code alloc_order(struct vs_planner *p, uint32_t count, struct order *o, struct vs_err *err)
{
    o->count = count;
    o->tensors = vs_arena_array(p->arena, count + 1, sizeof *o->tensors);
    o->tables = vs_arena_array(p->arena, count + 1, sizeof *o->tables);
    o->sizes = vs_arena_array(p->arena, count + 1, sizeof *o->sizes);
    o->segments = vs_arena_array(p->arena, count + 1, sizeof *o->segments);
    return o->tensors && o->tables && o->sizes && o->segments ? VS_OK : vs_enomem(err, "a file's layout", count * sizeof *o->segments);
}

static enum vs_code size_after(const struct vs_planner *p, struct order *o, uint32_t i, struct vs_err *err)
{
    const struct vs_tensor *t = o->tensors[i];
    o->sizes[i] = t->end - t->begin;
    if (o->tables[i] == VS_NO_TABLE)
        return VS_OK;
    const struct vs_table_plan *plan = &p->plan->tables[o->tables[i]];
    uint64_t row = o->sizes[i] / plan->rows_before;
    if (!vs_mul(row, plan->rows_after, &o->sizes[i]))
        return vs_fail(err, VS_ELIMIT, "%.*s: %llu rows of %llu bytes overflow", VS_STR(t->name), (unsigned long long)plan->rows_after,
                       (unsigned long long)row);
    return VS_OK;
}

/* The file's tensors as they lie; *touched when one of them grows. */
static enum vs_code as_found(struct vs_planner *p, uint32_t file, const uint32_t *table_of, struct order *o, bool *touched, struct vs_err *err)
{
    const struct vs_checkpoint *c = p->checkpoint;
    uint32_t count = 0;
    for (uint64_t i = 0; i < c->tensor_count; i++)
        count += c->tensors[i].file == file;
    enum vs_code code = alloc_order(p, count, o, err);
    if (code)
        return code;
    count = 0;
    for (uint64_t i = 0; i < c->tensor_count; i++)
        if (c->tensors[i].file == file)
            o->tensors[count++] = &c->tensors[i];
    qsort(o->tensors, count, sizeof *o->tensors, by_begin);
    *touched = false;
    for (uint32_t i = 0; !code && i < count; i++) {
        o->tables[i] = table_of[o->tensors[i] - c->tensors];
        *touched |= o->tables[i] != VS_NO_TABLE;
        code = size_after(p, o, i, err);
    }
    return code;
}

static enum vs_code tables_first(struct vs_planner *p, const struct order *found, struct order *o, struct vs_err *err)
{
    enum vs_code code = alloc_order(p, found->count, o, err);
    if (code)
        return code;
    uint32_t n = 0;
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < found->count; i++)
            if ((found->tables[i] != VS_NO_TABLE) == (pass == 0)) {
                o->tables[n] = found->tables[i];
                o->sizes[n] = found->sizes[i];
                o->tensors[n++] = found->tensors[i];
            }
    return VS_OK;
}

/* Neighbours that do not change and lie side by side become one segment. */
static enum vs_code segment(struct order *o, struct vs_err *err)
{
    o->segment_count = 0;
    o->payload = 0;
    for (uint32_t i = 0; i < o->count; i++) {
        struct vs_segment *last = o->segment_count ? &o->segments[o->segment_count - 1] : NULL;
        const struct vs_tensor *t = o->tensors[i];
        uint64_t size = o->sizes[i];
        if (last && last->table == VS_NO_TABLE && o->tables[i] == VS_NO_TABLE && last->from + last->size == t->begin)
            last->size += size;
        else
            o->segments[o->segment_count++] = (struct vs_segment){t->begin, o->payload, size, o->tables[i]};
        if (!vs_add(o->payload, size, &o->payload))
            return vs_fail(err, VS_ELIMIT, "%.*s: the file's size overflows", VS_STR(t->name));
    }
    return VS_OK;
}

static uint32_t residue_of(const struct vs_segment *s)
{
    return (uint32_t)((s->from - s->to) % BLOCK);
}

/* The place within a block where the data must begin for most unchanged bytes to stay where they are; the first of equals. */
static void align(struct order *o)
{
    uint64_t bytes[BLOCK] = {0};
    for (uint32_t i = 0; i < o->segment_count; i++)
        if (o->segments[i].table == VS_NO_TABLE)
            bytes[residue_of(&o->segments[i])] += o->segments[i].size;
    o->aligned = 0;
    o->residue = 0;
    for (uint32_t i = 0; i < o->segment_count; i++) {
        uint32_t residue = residue_of(&o->segments[i]);
        if (o->segments[i].table == VS_NO_TABLE && residue % 8 == 0 && bytes[residue] > o->aligned) {
            o->aligned = bytes[residue];
            o->residue = residue;
        }
    }
}

/* Every element at a multiple of its size, as the writers of this format arrange it. */
static bool naturally_aligned(const struct order *o)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < o->count; at += o->sizes[i++]) {
        unsigned size = vs_dtype_bits(o->tensors[i]->dtype) / 8;
        if (size > 1 && at % size)
            return false;
    }
    return true;
}

static enum vs_code grow_shape(struct vs_planner *p, uint32_t table, struct vs_tensor *t, struct vs_err *err)
{
    uint64_t *shape = vs_arena_array(p->arena, t->ndim, sizeof *shape);
    if (!shape)
        return vs_enomem(err, "a shape", t->ndim * sizeof *shape);
    memcpy(shape, t->shape, t->ndim * sizeof *shape);
    shape[p->checkpoint->tables[p->plan->tables[table].table].axis] = p->plan->tables[table].rows_after;
    t->shape = shape;
    return VS_OK;
}

static enum vs_code finish(struct vs_planner *p, uint32_t file, const struct order *o, struct vs_file_layout *out, struct vs_err *err)
{
    const struct vs_ckpt_file *f = &p->checkpoint->files[file];
    struct vs_tensor *tensors = vs_arena_array(p->arena, o->count + 1, sizeof *tensors);
    struct vs_buf header = {0};
    enum vs_code code = tensors ? VS_OK : vs_enomem(err, "a header", o->count * sizeof *tensors);
    for (uint32_t i = 0; !code && i < o->count; i++) {
        tensors[i] = *o->tensors[i];
        if (o->tables[i] != VS_NO_TABLE)
            code = grow_shape(p, o->tables[i], &tensors[i], err);
    }
    if (!code)
        code = vs_st_write_header(f->name, tensors, o->count, f->metadata, o->aligned ? o->residue : VS_ST_ANYWHERE, &header, err);
    char *text = code ? NULL : vs_arena_dup(p->arena, header.p, header.n);
    if (!code && !text)
        code = vs_enomem(err, "a header", header.n);
    *out = (struct vs_file_layout){.header = {text, header.n}, .segments = o->segments, .segment_count = o->segment_count};
    for (uint32_t i = 0; i < o->segment_count; i++)
        o->segments[i].to += header.n;
    if (!code && !vs_add(header.n, o->payload, &out->size))
        code = vs_fail(err, VS_ELIMIT, "%s: the file's size overflows", f->name);
    vs_buf_free(&header);
    return code;
}

static enum vs_code layout_file(struct vs_planner *p, uint32_t file, const uint32_t *table_of, struct vs_err *err)
{
    struct vs_file_layout *out = &p->x->layouts[file];
    struct order found = {0}, moved = {0}, *best = &found;
    bool touched;
    enum vs_code code = as_found(p, file, table_of, &found, &touched, err);
    if (code || !touched)
        return code;
    if ((code = segment(&found, err)) || (code = tables_first(p, &found, &moved, err)) || (code = segment(&moved, err)))
        return code;
    align(&found);
    align(&moved);
    if (moved.aligned > found.aligned && naturally_aligned(&moved))
        best = &moved;
    return finish(p, file, best, out, err);
}

enum vs_code vs_extend_layout(struct vs_planner *p, struct vs_err *err)
{
    uint32_t count = p->checkpoint->file_count, *table_of;
    p->x->layouts = vs_arena_array(p->arena, count + 1, sizeof *p->x->layouts);
    enum vs_code code = p->x->layouts ? VS_OK : vs_enomem(err, "the layout", count * sizeof *p->x->layouts);
    if (!code)
        code = map_tables(p, &table_of, err);
    for (uint32_t i = 0; !code && i < count; i++)
        code = layout_file(p, i, table_of, err);
    return code;
}
