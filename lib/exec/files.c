/* SPDX-License-Identifier: Apache-2.0
 *
 * The files of OUT: rewritten weight files, weight files that move unread, everything else, and the index last.
 */
#include "exec/exec.h"

#define HASH_MOST (64ull << 20) /* other files above this move unread, unless --verify */

static enum vs_code see(struct vs_job *j, struct vs_seen_list *list, const char *file, const char *sha256, struct vs_err *err)
{
    if (!file)
        return vs_enomem(err, "a path", 0);
    struct vs_seen *items = vs_arena_room(&j->arena, list->items, list->count, sizeof *items);
    if (!items)
        return vs_enomem(err, "the receipt", 0);
    list->items = items;
    struct vs_seen *s = &list->items[list->count++];
    s->file = file;
    memcpy(s->sha256, sha256, VS_SHA256_HEX);
    return VS_OK;
}

#define COPY_STEP (64ull << 20) /* a multiple of every block size, so that steps keep the alignment */

static void count_moved(struct vs_job *j, uint64_t n, enum vs_copied how)
{
    bool shared = how == VS_COPIED_REFLINK || how == VS_COPIED_HARDLINK;
    *(shared ? &j->report.bytes_linked : &j->report.bytes_written) += n;
}

/* ---- weight files ---- */

static enum vs_code copy_bytes(struct vs_job *j, const struct vs_file *src, uint64_t src_at, int fd, const char *path, uint64_t dst_at,
                               uint64_t n, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    while (!code && n > 0) {
        uint64_t step = n < COPY_STEP ? n : COPY_STEP;
        enum vs_copied how = VS_COPIED_BYTES;
        if (n > COPY_STEP) /* later steps start on a block of the input */
            step -= (src_at + step) % 4096;
        code = vs_copy_range(src, src_at, fd, path, dst_at, step, &j->quiet, &how, err);
        if (!code)
            code = vs_task_step(&j->task, step, err);
        count_moved(j, step, how);
        src_at += step;
        dst_at += step;
        n -= step;
    }
    return code;
}

static const struct vs_row_init *inits_of(const struct vs_job *j, uint32_t table, enum vs_role *role)
{
    const struct vs_table_plan *t = &j->plan->tables[j->twin[table] ? 0 : table];
    *role = j->plan->checkpoint->tables[t->table].role;
    return t->inits;
}

static enum vs_code write_table(struct vs_job *j, const struct vs_segment *s, const struct vs_file *src, int fd, const struct vs_file *dst,
                                struct vs_err *err)
{
    const struct vs_checkpoint *c = j->plan->checkpoint;
    const struct vs_table *table = &c->tables[j->plan->tables[s->table].table];
    const struct vs_tensor *tensor = &c->tensors[table->tensor];
    struct vs_table_io io = {.plan = &j->plan->tables[s->table], .ranges = &j->ranges[s->table], .dtype = tensor->dtype,
                             .cols = table->cols, .row_bytes = table->cols * vs_dtype_bits(tensor->dtype) / 8, .src = src,
                             .src_at = s->from, .dst_fd = fd, .dst = dst, .dst_at = s->to};
    io.inits = inits_of(j, s->table, &io.role);
    if (2 * io.row_bytes > j->work_size)
        return vs_fail(err, VS_ELIMIT, "%.*s: a row takes %llu bytes, the workspace holds %llu; raise --memory", VS_STR(tensor->name),
                       (unsigned long long)io.row_bytes, (unsigned long long)j->work_size);
    enum vs_code code = vs_table_ranges(j, io.plan, io.inits, io.ranges, err);
    return code ? code : vs_table_write(j, &io, err);
}

static enum vs_code write_segments(struct vs_job *j, const struct vs_file_layout *layout, const struct vs_file *src, int fd,
                                   const struct vs_file *dst, struct vs_err *err)
{
    enum vs_code code = vs_pwrite_all(fd, dst->path, 0, layout->header.p, layout->header.n, err);
    j->report.bytes_written += layout->header.n;
    for (uint32_t i = 0; !code && i < layout->segment_count; i++) {
        const struct vs_segment *s = &layout->segments[i];
        if (s->table == VS_NO_TABLE)
            code = copy_bytes(j, src, s->from, fd, dst->path, s->to, s->size, err);
        else
            code = write_table(j, s, src, fd, dst, err);
    }
    return code;
}

static enum vs_code check_source(const struct vs_ckpt_file *f, const struct vs_file *src, struct vs_err *err)
{
    if (src->size == f->size && src->ino == f->inode && vs_file_mtime_ns(src) == f->mtime_ns)
        return VS_OK;
    return vs_fail(err, VS_EIO, "%s: has changed since its header was read (%llu bytes then, %llu now); run again when nobody writes to it",
                   f->path, (unsigned long long)f->size, (unsigned long long)src->size);
}

/* Blocks that are shared need no space. Only what is written is reserved, before anything is. */
static enum vs_code reserve(struct vs_job *j, uint32_t i, const struct vs_file *src, int fd, struct vs_err *err)
{
    const struct vs_ckpt_file *f = &j->plan->checkpoint->files[i];
    const struct vs_file_layout *layout = &j->x->layouts[i];
    enum vs_code code = VS_OK;
    if (!vs_can_share(src, fd))
        return vs_outdir_reserve(j->out, f->name, fd, 0, layout->header.p ? layout->size : f->size, err);
    for (uint32_t k = 0; !code && k < layout->segment_count; k++) {
        const struct vs_segment *s = &layout->segments[k];
        if (s->table != VS_NO_TABLE || (s->from - s->to) % 4096)
            code = vs_outdir_reserve(j->out, f->name, fd, s->to, s->size, err);
    }
    return code;
}

/* Links the file as it is; a copy where no link can be made. */
static enum vs_code link_file(struct vs_job *j, const struct vs_ckpt_file *f, struct vs_err *err)
{
    enum vs_copied how = VS_COPIED_BYTES;
    enum vs_code code = vs_outdir_copy(j->out, f->name, f->path, true, &j->quiet, &how, err);
    count_moved(j, f->size, how);
    return code;
}

static enum vs_code hash_weights(struct vs_job *j, const struct vs_file *f, char hex[VS_SHA256_HEX], struct vs_err *err)
{
    hex[0] = 0;
    return j->request->verify ? vs_job_hash(j, f, 0, f->size, hex, err) : VS_OK;
}

/* fd is where the file is being written; -1 for a file that was linked. */
static enum vs_code fill_weights(struct vs_job *j, uint32_t i, const struct vs_file *src, int fd, const struct vs_file *dst, struct vs_err *err)
{
    const struct vs_file_layout *layout = &j->x->layouts[i];
    enum vs_code code = VS_OK;
    if (layout->header.p)
        code = write_segments(j, layout, src, fd, dst, err);
    else if (fd >= 0)
        code = copy_bytes(j, src, 0, fd, dst->path, 0, src->size, err);
    return code ? code : vs_file_unchanged(src, err);
}

static enum vs_code weights(struct vs_job *j, uint32_t i, struct vs_err *err)
{
    const struct vs_ckpt_file *f = &j->plan->checkpoint->files[i];
    const struct vs_file_layout *layout = &j->x->layouts[i];
    bool link = !layout->header.p && j->request->hardlink;
    struct vs_file src = {.fd = -1}, dst = {.fd = -1};
    char hex[VS_SHA256_HEX];
    uint64_t linked_before = j->report.bytes_linked;
    int fd = -1;
    enum vs_code code = vs_file_open(f->path, &src, err);
    if (code || (code = check_source(f, &src, err)))
        goto out;
    if (link)
        code = link_file(j, f, err);
    else if (!(code = vs_outdir_create(j->out, f->name, f->path, 0, &fd, err)))
        code = reserve(j, i, &src, fd, err);
    const char *path = code ? NULL : vs_outdir_path(j->out, f->name, &j->arena);
    if (code || (!path && (code = vs_enomem(err, "a path", 0))) || (code = vs_file_open(path, &dst, err)))
        goto out;
    if ((code = fill_weights(j, i, &src, fd, &dst, err)))
        goto out;
    if (!(code = hash_weights(j, &src, hex, err)))
        code = see(j, &j->inputs, f->name, hex, err);
    if (!code && !(code = hash_weights(j, &dst, hex, err)))
        code = see(j, &j->outputs, f->name, hex, err);
    j->report.files_linked += j->report.bytes_linked - linked_before == src.size; /* no file is copied by links alone when it changes */
    j->report.bytes_total += layout->header.p ? layout->size : f->size;
out:
    vs_file_close(&src);
    vs_file_close(&dst);
    return code;
}

/* ---- everything else ---- */

/* Folders on the way to name. Files come sorted, so a folder is new when no earlier file was below it. */
static enum vs_code folders(struct vs_job *j, uint32_t i, struct vs_err *err)
{
    const char *name = j->plan->files[i].name;
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t n = (size_t)(slash - name) + 1;
        bool seen = false;
        for (uint32_t k = 0; k < i && !seen; k++)
            seen = strncmp(j->plan->files[k].name, name, n) == 0;
        if (seen)
            continue;
        char *folder = vs_arena_dup(&j->arena, name, n - 1);
        if (!folder)
            return vs_enomem(err, "a path", n);
        enum vs_code code = vs_outdir_mkdir(j->out, folder, err);
        if (code)
            return code;
    }
    return VS_OK;
}

/* How the receipt names an input: as in MODEL, or by its path when it came from elsewhere. */
static const char *input_name(const struct vs_job *j, const struct vs_file_plan *f)
{
    const char *dir = j->plan->checkpoint->dir;
    size_t n = strlen(dir);
    bool of_model = !f->source || (strncmp(f->source, dir, n) == 0 && strcmp(f->source + n + (f->source[n] == '/'), f->name) == 0);
    return of_model ? f->name : f->source;
}

static enum vs_code see_input(struct vs_job *j, const char *path, const char *name, char hex[VS_SHA256_HEX], struct vs_err *err)
{
    struct vs_file src = {.fd = -1};
    enum vs_code code = path ? vs_file_open(path, &src, err) : vs_enomem(err, "a path", 0);
    hex[0] = 0;
    if (!code && (j->request->verify || src.size <= HASH_MOST))
        code = vs_sha256_range(&src, 0, src.size, &j->quiet, hex, err);
    vs_file_close(&src);
    return code ? code : see(j, &j->inputs, name, hex, err);
}

static enum vs_code other(struct vs_job *j, uint32_t i, struct vs_err *err)
{
    const struct vs_file_plan *f = &j->plan->files[i];
    const char *dir = j->plan->checkpoint->dir, *source = f->source;
    char hex[VS_SHA256_HEX] = "";
    enum vs_copied how = VS_COPIED_BYTES;
    struct vs_file out = {.fd = -1};
    if (!source)
        source = vs_path_join(&j->arena, dir, f->name);
    enum vs_code code = folders(j, i, err);
    if (!code && source && vs_path_exists(source))
        code = see_input(j, source, input_name(j, f), hex, err);
    if (!code && f->text.p) {
        code = vs_outdir_write(j->out, f->name, source, f->text, err);
        vs_sha256_of(f->text, hex);
    } else if (!code) {
        code = vs_outdir_copy(j->out, f->name, source, false, &j->quiet, &how, err);
    }
    if (!code)
        code = see(j, &j->outputs, f->name, hex, err);
    const char *path = code ? NULL : vs_outdir_path(j->out, f->name, &j->arena);
    if (path && !(code = vs_file_open(path, &out, err))) {
        j->report.bytes_total += out.size;
        count_moved(j, out.size, how);
    }
    vs_file_close(&out);
    return code ? code : vs_task_step(&j->task, 0, err);
}

static enum vs_code index_file(struct vs_job *j, struct vs_err *err)
{
    const struct vs_checkpoint *c = j->plan->checkpoint;
    struct vs_str text = j->x->index;
    char hex[VS_SHA256_HEX] = "";
    if (!c->index_name)
        return VS_OK;
    const char *source = vs_path_join(&j->arena, c->dir, c->index_name);
    enum vs_code code = see_input(j, source, c->index_name, hex, err);
    if (!code)
        code = vs_outdir_write(j->out, c->index_name, source, text, err);
    if (!code) {
        vs_sha256_of(text, hex);
        code = see(j, &j->outputs, c->index_name, hex, err);
    }
    j->report.bytes_total += text.n;
    j->report.bytes_written += text.n;
    return code;
}

enum vs_code vs_job_files(struct vs_job *j, struct vs_err *err)
{
    enum vs_code code = VS_OK;
    char hex[VS_SHA256_HEX];
    for (uint32_t i = 0; !code && i < j->plan->checkpoint->file_count; i++)
        code = weights(j, i, err);
    for (uint32_t i = 0; !code && i < j->plan->file_count; i++)
        code = other(j, i, err);
    if (!code && j->request->init_file)
        code = see_input(j, j->request->init_file, j->request->init_file, hex, err);
    return code ? code : index_file(j, err);
}
