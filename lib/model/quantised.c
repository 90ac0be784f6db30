/* SPDX-License-Identifier: Apache-2.0
 *
 * A table whose values are packed: its rows cannot be read, averaged or appended as they stand.
 */
#include <string.h>
#include "model/model_impl.h"

/* name with its ".weight" replaced (strip) or kept, and a suffix behind it. */
static enum vs_code has(const struct vs_checkpoint *c, struct vs_str name, bool strip, const char *suffix, bool *found, struct vs_err *err)
{
    struct vs_buf b = {0};
    if (strip && vs_str_ends(name, VS_LIT(".weight")))
        name.n -= strlen(".weight");
    vs_buf_str(&b, name);
    vs_buf_puts(&b, suffix);
    enum vs_code code = b.failed ? vs_enomem(err, c->path, 0) : VS_OK;
    *found = !code && vs_checkpoint_tensor(c, (struct vs_str){b.p, b.n}) != NULL;
    vs_buf_free(&b);
    return code;
}

enum vs_code vs_ckpt_quantised(const struct vs_checkpoint *c, struct vs_str name, const struct vs_tensor *t, const char **how,
                               struct vs_err *err)
{
    static const struct { bool strip; const char *suffix, *what; } marks[] = {
        {true, ".qweight", "GPTQ or AWQ"},
        {true, ".weight_packed", "compressed-tensors"},
        {false, ".absmax", "bitsandbytes"},
        {true, ".SCB", "bitsandbytes"},
        {true, ".weight_scale", "scaled FP8 or INT8"},
        {true, ".weight_scale_inv", "scaled FP8 by blocks"},
        {true, ".scales", "MLX, or another scheme with scales"},
    };
    enum vs_code code = VS_OK;
    *how = NULL;
    if (c->gguf) /* blocks lie in the rows themselves */
        return VS_OK;
    *how = t && !vs_dtype_is_float(t->dtype) ? vs_dtype_name(t->dtype) : NULL;
    bool found = false;
    for (size_t i = 0; !code && !found && i < sizeof marks / sizeof *marks; i++) {
        code = has(c, name, marks[i].strip, marks[i].suffix, &found, err);
        if (found)
            *how = marks[i].what;
    }
    return code;
}
