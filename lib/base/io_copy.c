/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/io.h"
#include "base/run.h"

#define BLOCK ((uint64_t)4096)         /* what reflinks need both offsets to be multiples of */
#define STEP ((uint64_t)16 << 20)      /* bytes between two looks at run->cancel */
#define BUFFER ((uint64_t)1 << 20)

enum vs_code vs_fail_write(struct vs_err *err, const char *path)
{
    if (errno == ENOSPC || errno == EDQUOT)
        return vs_fail(err, VS_EIO, "%s: no space left on device; nothing is left behind, the input is untouched", path);
    return vs_fail_errno(err, VS_EIO, path, "write");
}

enum vs_code vs_pwrite_all(int fd, const char *path, uint64_t at, const void *p, size_t n, struct vs_err *err)
{
    const char *from = p;
    while (n) {
        ssize_t put = pwrite(fd, from, n < STEP ? n : STEP, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put == 0)
            errno = ENOSPC;
        if (put <= 0)
            return vs_fail_write(err, path);
        from += put;
        at += (uint64_t)put;
        n -= (size_t)put;
    }
    return VS_OK;
}

struct copy {
    const struct vs_file *src;
    uint64_t src_at;
    int dst_fd;
    const char *dst_path;
    uint64_t dst_at;
    struct vs_task task;
    uint64_t moved[3]; /* by enum vs_copied */
};

static enum vs_code advance(struct copy *c, enum vs_copied how, uint64_t n, struct vs_err *err)
{
    c->src_at += n;
    c->dst_at += n;
    c->moved[how] += n;
    return vs_task_step(&c->task, n, err);
}

static enum vs_code copy_bytes(struct copy *c, uint64_t n, struct vs_err *err)
{
    uint64_t size = n < BUFFER ? n : BUFFER;
    if (n == 0)
        return VS_OK;
    char *buffer = vs_malloc((size_t)size);
    if (!buffer)
        return vs_enomem(err, "a copy buffer", size);
    enum vs_code code = VS_OK;
    while (n && !code) {
        size_t part = (size_t)(n < size ? n : size);
        code = vs_file_pread(c->src, c->src_at, buffer, part, err);
        if (!code)
            code = vs_pwrite_all(c->dst_fd, c->dst_path, c->dst_at, buffer, part, err);
        if (!code)
            code = advance(c, VS_COPIED_BYTES, part, err);
        n -= part;
    }
    vs_free(buffer);
    return code;
}

/* Moves up to *n bytes inside the kernel and takes them off *n; stops early, without an error, where it cannot. */
static enum vs_code copy_in_kernel(struct copy *c, uint64_t *n, struct vs_err *err)
{
    while (*n) {
        off_t from = (off_t)c->src_at, to = (off_t)c->dst_at;
        ssize_t put = copy_file_range(c->src->fd, &from, c->dst_fd, &to, *n < STEP ? *n : STEP, 0);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO))
            return vs_fail_write(err, c->dst_path);
        if (put <= 0)
            return VS_OK; /* not between these file systems, or the source ended: the byte copy says so */
        *n -= (uint64_t)put;
        enum vs_code code = advance(c, VS_COPIED_RANGE, (uint64_t)put, err);
        if (code)
            return code;
    }
    return VS_OK;
}

static bool clone_range(struct copy *c, uint64_t n)
{
    struct file_clone_range r = {c->src->fd, c->src_at, n, c->dst_at};
    return ioctl(c->dst_fd, FICLONERANGE, &r) == 0;
}

bool vs_can_share(const struct vs_file *src, int dst_fd)
{
    struct copy c = {.src = src, .dst_fd = dst_fd};
    return src->size >= BLOCK && clone_range(&c, BLOCK);
}

/* Shares the whole blocks of the range where both sides are congruent; bytes before the first one are copied. */
static enum vs_code copy_shared(struct copy *c, uint64_t *n, struct vs_err *err)
{
    uint64_t head = (BLOCK - c->src_at % BLOCK) % BLOCK;
    if (c->src_at % BLOCK != c->dst_at % BLOCK || *n < head + BLOCK)
        return VS_OK;
    enum vs_code code = copy_bytes(c, head, err);
    if (code)
        return code;
    *n -= head;
    uint64_t middle = *n - *n % BLOCK;
    if (!clone_range(c, middle))
        return VS_OK;
    *n -= middle;
    return advance(c, VS_COPIED_REFLINK, middle, err);
}

enum vs_code vs_copy_range(const struct vs_file *src, uint64_t src_at, int dst_fd, const char *dst_path, uint64_t dst_at,
                           uint64_t n, const struct vs_run *run, enum vs_copied *how, struct vs_err *err)
{
    struct copy c = {.src = src, .src_at = src_at, .dst_fd = dst_fd, .dst_path = dst_path, .dst_at = dst_at};
    uint64_t end;
    if (!vs_add(src_at, n, &end) || end > src->size)
        return vs_fail(err, VS_EFORMAT, "%s: %llu bytes at %llu wanted, the file has %llu", src->path, (unsigned long long)n,
                       (unsigned long long)src_at, (unsigned long long)src->size);
    vs_task_begin(&c.task, run, vs_path_base(dst_path), n);
    enum vs_code code = vs_task_step(&c.task, 0, err);
    if (!code)
        code = copy_shared(&c, &n, err);
    if (!code)
        code = copy_in_kernel(&c, &n, err);
    if (!code)
        code = copy_bytes(&c, n, err);
    if (how) {
        *how = VS_COPIED_REFLINK;
        for (enum vs_copied way = VS_COPIED_RANGE; way <= VS_COPIED_BYTES; way++)
            if (c.moved[way] > c.moved[*how])
                *how = way;
    }
    return code;
}
