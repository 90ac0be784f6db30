/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories as objects, and where outputs must not lie: what outdir.c, replace.c, npy.c and check.c share.
 */
#ifndef VS_BASE_TREE_H
#define VS_BASE_TREE_H

#include "base/io.h"

/* Fails when OUT must not be written: a link, something else than a directory, in a Hugging Face cache, or in any way the
 * same as one of the inputs. The rest describes OUT: other is the name of something in it where nothing says that it is a
 * model, a tokenizer or an output of ours; else empty. */
struct vs_target { bool exists, empty; char other[64]; dev_t dev; ino_t ino; };
enum vs_code vs_target_check(const char *out, const char *const *inputs, size_t input_count, struct vs_target *t,
                             struct vs_err *err) VS_NODISCARD;
/* Fails when a file that is to be written lies in one of the inputs; NULLs and what is no directory are passed over. */
enum vs_code vs_file_outside(const char *path, const char *const *inputs, size_t count, struct vs_err *err) VS_NODISCARD;
/* openat that an interrupting signal does not disturb. */
int vs_openat(int dir_fd, const char *path, int flags, mode_t mode);
/* The directory part of path in the arena ("." when it has none); NULL when memory is short. */
char *vs_path_dir(struct vs_arena *a, const char *path);
/* What was renamed in the directory of path stays so when the power fails. */
enum vs_code vs_sync_dir_of(struct vs_arena *a, const char *path, struct vs_err *err) VS_NODISCARD;
enum vs_code vs_cache_check(const char *path, struct vs_err *err) VS_NODISCARD; /* refuses a path in a Hugging Face cache */

/* path without slashes at its end, in the arena; NULL when memory is short. */
char *vs_path_trim(struct vs_arena *a, const char *path);
/* Refuses to replace a file beside which a killed run has left its temporary file: VS_EEXIST. */
enum vs_code vs_replace_leftover(const char *path, struct vs_err *err) VS_NODISCARD;

#define VS_RANDOM_CHARS 6
/* PREFIX and so many random characters, in the arena; NULL when memory is short. */
char *vs_random_name(struct vs_arena *a, const char *prefix);
bool vs_tree_remove(int parent_fd, const char *name); /* a file or a whole directory, following no links */

#endif
