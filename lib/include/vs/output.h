/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions about an output directory before any work is done, which the calls that write ask again themselves; and the last step of
 * a run, which makes it visible.
 */
#ifndef VS_OUTPUT_H
#define VS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <vs/err.h>

VS_C_BEGIN

/* May OUT be written? VS_EEXIST when it is, holds or lies in one of the inputs (files and directories; missing ones are
 * passed over), when it is a link or a file, lies in a Hugging Face cache, or is not empty and force is not set (or is set, and nothing
 * in it says that it is a model, a tokenizer or an output: receipt, config, tokenizer, map); VS_EIO when the
 * directory that is to hold it cannot be opened or written to. Links on the way to OUT are followed; its last component is none. */
enum vs_code vs_output_check(const char *out, bool force, const char *const *inputs, size_t count, struct vs_err *err) VS_NODISCARD;

/* A directory OUT.partial-XXXXXX is where a run works; one that was killed leaves it behind. */
enum vs_leftover {
    VS_LEFTOVER_IN_USE, /* a run is at work there */
    VS_LEFTOVER_DEAD,
    VS_LEFTOVER_REMOVED /* it was dead */
};

/* Tells about every such directory beside OUT, sorted by name; removes dead ones when asked to. What cannot be read is passed over. */
void vs_output_leftovers(const char *out, bool remove, void (*tell)(void *user, const char *path, enum vs_leftover what), void *user);

/* An output on its way: owns OUT.partial-XXXXXX beside OUT until commit or abort. */
struct vs_outdir;
/* fsync everything, rename into place (with force: exchange, then delete the old one), fsync the parent. Frees d on success. */
enum vs_code vs_outdir_commit(struct vs_outdir *d, struct vs_err *err) VS_NODISCARD;
void vs_outdir_abort(struct vs_outdir *d); /* removes what was staged and frees d; accepts NULL */

VS_C_END

#endif
