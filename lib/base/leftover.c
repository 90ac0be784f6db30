/* SPDX-License-Identifier: Apache-2.0
 *
 * What killed runs leave behind: OUT.partial-XXXXXX beside OUT, .NAME.tmp-XXXXXX beside a file that was being replaced.
 * A run holds a lock on its directory for as long as it lives.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <vs/output.h>
#include "base/str.h"
#include "base/tree.h"

/* Does name read BEFORE base MARK and six random characters? */
static bool is_leftover(struct vs_str name, struct vs_str before, struct vs_str base, struct vs_str mark)
{
    if (name.n != before.n + base.n + mark.n + VS_RANDOM_CHARS)
        return false;
    return memcmp(name.p, before.p, before.n) == 0 && memcmp(name.p + before.n, base.p, base.n) == 0 &&
           memcmp(name.p + before.n + base.n, mark.p, mark.n) == 0;
}

static enum vs_leftover look_at(int parent_fd, const char *name, bool remove)
{
    int fd = vs_openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0);
    enum vs_leftover what = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 ? VS_LEFTOVER_DEAD : VS_LEFTOVER_IN_USE;
    if (what == VS_LEFTOVER_DEAD && remove && vs_tree_remove(parent_fd, name))
        what = VS_LEFTOVER_REMOVED;
    if (fd >= 0)
        close(fd);
    return what;
}

struct search {
    struct vs_arena arena;
    const char *path, *parent;
    int fd;
    bool remove;
};

static void visit(struct search *s, const char *name, void (*tell)(void *user, const char *path, enum vs_leftover what), void *user)
{
    struct vs_buf shown = {0};
    vs_buf_add(&shown, s->path, (size_t)(vs_path_base(s->path) - s->path));
    vs_buf_puts(&shown, name);
    vs_buf_add(&shown, "", 1);
    if (!shown.failed && vs_path_is_dir(shown.p))
        tell(user, shown.p, look_at(s->fd, name, s->remove));
    vs_buf_free(&shown);
}

void vs_output_leftovers(const char *out, bool remove, void (*tell)(void *user, const char *path, enum vs_leftover what), void *user)
{
    struct search s = {.remove = remove, .fd = -1};
    struct vs_err ignored;
    const char **names;
    size_t count = 0;
    s.path = vs_path_trim(&s.arena, out);
    s.parent = s.path ? vs_path_dir(&s.arena, s.path) : NULL;
    if (s.parent && vs_dir_list(s.parent, &s.arena, &names, &count, &ignored) == VS_OK)
        s.fd = vs_openat(AT_FDCWD, s.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    for (size_t i = 0; s.fd >= 0 && i < count; i++)
        if (is_leftover(vs_cstr(names[i]), VS_LIT(""), vs_cstr(vs_path_base(s.path)), VS_LIT(".partial-")))
            visit(&s, names[i], tell, user);
    if (s.fd >= 0)
        close(s.fd);
    vs_arena_free(&s.arena);
}

enum vs_code vs_replace_leftover(const char *path, struct vs_err *err)
{
    struct vs_arena a = {0};
    const char **names;
    size_t count;
    const char *dir = vs_path_dir(&a, path);
    enum vs_code code = dir ? vs_dir_list(dir, &a, &names, &count, err) : vs_enomem(err, path, 0);
    for (size_t i = 0; !code && i < count; i++)
        if (is_leftover(vs_cstr(names[i]), VS_LIT("."), vs_cstr(vs_path_base(path)), VS_LIT(".tmp-")))
            code = vs_fail(err, VS_EEXIST, "%s/%s: left by a run that was killed while it replaced files: one of it and %s is the former file; "
                           "put the former files back, then remove it", dir, names[i], vs_path_base(path));
    vs_arena_free(&a);
    return code;
}
