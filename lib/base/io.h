/* SPDX-License-Identifier: Apache-2.0
 *
 * All reading and writing. Inputs follow links and must be regular files; outputs are never written through a link,
 * never into an input and never visible before they are complete (formats.md 5.2 to 5.5 in prose: temp beside the
 * target, fsync, one rename).
 */
#ifndef VS_BASE_IO_H
#define VS_BASE_IO_H

#include <stdbool.h>
#include <sys/types.h>
#include <vs/err.h>
#include <vs/output.h>
#include <vs/vs.h>
#include "base/mem.h"

/* Fails with "PATH: cannot WHAT: the text of errno". */
enum vs_code vs_fail_errno(struct vs_err *err, enum vs_code code, const char *path, const char *what);
/* The same for a failed write; a full disk gets a sentence of its own. */
enum vs_code vs_fail_write(struct vs_err *err, const char *path);

/* ---- reading ---- */

struct vs_file {
    int fd;
    const char *path; /* arena or caller owned: must outlive the file */
    uint64_t size;
    dev_t dev;
    ino_t ino;
    struct timespec mtime;
};

/* A file that is missing or may not be read is VS_EFORMAT (exit 3: no input), as is one that is not regular; other failures VS_EIO. */
enum vs_code vs_file_open(const char *path, struct vs_file *out, struct vs_err *err) VS_NODISCARD;
static inline int64_t vs_file_mtime_ns(const struct vs_file *f) { return (int64_t)f->mtime.tv_sec * 1000000000 + f->mtime.tv_nsec; }
void vs_file_close(struct vs_file *f); /* accepts {0} and fd -1 */
/* Exactly n bytes or an error (VS_EFORMAT: "shrank while it was read"). */
enum vs_code vs_file_pread(const struct vs_file *f, uint64_t at, void *buf, size_t n, struct vs_err *err) VS_NODISCARD;
/* Somebody who looks on while a checkpoint is read, so that its bytes need not be read twice: the file and its number there,
 * place, bytes. Called by whoever reads, one call at a time. False: what the reading is for is settled, and no more is needed. */
struct vs_tap { bool (*saw)(void *user, const struct vs_file *f, uint32_t number, uint64_t at, const void *bytes, uint64_t n); void *user; };
/* The same bytes by two names: nothing needs to be compared. */
static inline bool vs_file_same_place(const struct vs_file *a, uint64_t at, const struct vs_file *b, uint64_t bt)
{
    return a->dev == b->dev && a->ino == b->ino && at == bt;
}
/* VS_EFORMAT when size or mtime differ from what vs_file_open saw. */
enum vs_code vs_file_unchanged(const struct vs_file *f, struct vs_err *err) VS_NODISCARD;
/* VS_EFORMAT for a git-lfs pointer, which stands where the file itself was not fetched; what else there is in f is not judged. */
enum vs_code vs_file_fetched(const struct vs_file *f, struct vs_err *err) VS_NODISCARD;
/* Whole file into memory (NUL-terminated beyond n), at most limit bytes (VS_ELIMIT), and no git-lfs pointer. Text is owned by the
 * caller: vs_free. */
enum vs_code vs_read_all(const char *path, uint64_t limit, char **text, size_t *n, struct vs_err *err) VS_NODISCARD;

/* What every tool says to a path that is not there; expected: what is taken there. */
enum vs_code vs_path_missing(const char *path, const char *expected, struct vs_err *err);
bool vs_path_is_dir(const char *path);
bool vs_path_exists(const char *path);
bool vs_path_has(const char *dir, const char *name); /* dir/name exists; no memory is needed to know */
/* dir + "/" + name in the arena; NULL when memory is short. */
char *vs_path_join(struct vs_arena *a, const char *dir, const char *name);
const char *vs_path_base(const char *path); /* last component */
/* One safe path component: no '/', '\\', NUL, not "." "..", no leading '~', <= 255 bytes, not empty. */
bool vs_name_is_safe(struct vs_str name);
/* Names in a directory, sorted bytewise, without "." and "..". */
enum vs_code vs_dir_list(const char *path, struct vs_arena *a, const char ***names, size_t *count, struct vs_err *err) VS_NODISCARD;

/* ---- copying ---- */

enum vs_copied { VS_COPIED_REFLINK, VS_COPIED_RANGE, VS_COPIED_BYTES, VS_COPIED_HARDLINK };

/* Copies n bytes between open files: FICLONERANGE where both offsets allow it, then copy_file_range, then read/write.
 * Polls run->cancel and reports progress of this copy alone: who draws one bar over many copies passes a run without
 * progress and steps a vs_task (base/run.h) of its own. *how (may be NULL) receives the way that moved most. */
enum vs_code vs_copy_range(const struct vs_file *src, uint64_t src_at, int dst_fd, const char *dst_path, uint64_t dst_at,
                           uint64_t n, const struct vs_run *run, enum vs_copied *how, struct vs_err *err) VS_NODISCARD;
/* Whether the file system shares blocks of src with the empty file dst_fd. Tried on the first block, so dst_fd may then begin
 * with it: the caller writes there anyway. */
bool vs_can_share(const struct vs_file *src, int dst_fd);
/* Writes all n bytes; a full disk is VS_EIO. path is for the message: the place the user knows. */
enum vs_code vs_pwrite_all(int fd, const char *path, uint64_t at, const void *p, size_t n, struct vs_err *err) VS_NODISCARD;

/* ---- a staged output directory ---- */

/* inputs: paths of files and directories that must not be written to: OUT equal to, inside of, or hard-linked with any
 * of them is VS_EEXIST, as is a path inside a Hugging Face cache, a link, a regular file, and a non-empty directory
 * without force. */
enum vs_code vs_outdir_begin(const char *out, bool force, const char *const *inputs, size_t input_count,
                             struct vs_outdir **d, struct vs_err *err) VS_NODISCARD;
/* Creates NAME (one safe component) for writing and reserves size bytes at once, so that a full disk is known early.
 * The descriptor belongs to the outdir; it is fsynced and closed by commit. source: the file that it is made from, and nobody may read
 * it who could not read that one; NULL, or of none: as the umask says. */
enum vs_code vs_outdir_create(struct vs_outdir *d, const char *name, const char *source, uint64_t size, int *fd,
                               struct vs_err *err) VS_NODISCARD;
/* Reserves a part of a file that was created with size 0 because the rest of it shares blocks with an input. */
enum vs_code vs_outdir_reserve(struct vs_outdir *d, const char *name, int fd, uint64_t at, uint64_t n, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_outdir_write(struct vs_outdir *d, const char *name, const char *source, struct vs_str text,
                              struct vs_err *err) VS_NODISCARD;
/* Copies a whole input file unchanged (reflink, else copy; hard link only when hardlink). *how may be NULL. */
enum vs_code vs_outdir_copy(struct vs_outdir *d, const char *name, const char *source, bool hardlink,
                            const struct vs_run *run, enum vs_copied *how, struct vs_err *err) VS_NODISCARD;
/* For copied sub-directories; names may then be "sub/file". */
enum vs_code vs_outdir_mkdir(struct vs_outdir *d, const char *name, struct vs_err *err) VS_NODISCARD;
const char *vs_outdir_path(const struct vs_outdir *d, const char *name, struct vs_arena *a); /* where NAME is now */
/* vs_outdir_commit and vs_outdir_abort: <vs/output.h> */

/* ---- replacing files in place (offset-patch --in-place): all or none ---- */
struct vs_replace { const char *path; struct vs_str text; bool create; }; /* create: the file may be absent; it is new then */
/* Would path be refused: a link, no regular file, in a Hugging Face cache, or a killed run's temporary file beside it? */
enum vs_code vs_replace_check(const char *path, struct vs_err *err) VS_NODISCARD;
/* Regular files only, not through links; temp + rename per file; a failure puts the earlier ones back and removes new ones. */
enum vs_code vs_replace_files(const struct vs_replace *files, size_t count, struct vs_err *err) VS_NODISCARD;

#endif
