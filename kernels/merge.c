/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of a result put together on the host, in order, the same for every device.
 */
#include "backend.h"
#include "canon_f32.h"

void vs_diff_add_row(struct vs_f_diff *out, const struct vs_f_diff *row, uint64_t n)
{
    if (out->first == UINT64_MAX && row->first != UINT64_MAX)
        out->first = out->count + row->first;
    out->count += n;
    out->different += row->different;
    out->max_abs = row->max_abs > out->max_abs ? row->max_abs : out->max_abs;
    out->sum_squares += row->sum_squares;
    out->sum_reference += row->sum_reference;
}

static void class_add(struct vs_f_logit_class *out, const struct vs_f_logit_class *tile)
{
    const bool had_none = out->count == out->nan;
    out->count += tile->count;
    out->nan += tile->nan;
    out->inf += tile->inf;
    if (tile->count == tile->nan)
        return;
    if (had_none || tile->max > out->max) {
        out->sum_exp = (had_none ? 0 : out->sum_exp * vs_exp(out->max - tile->max)) + tile->sum_exp;
        out->max = tile->max;
        out->id = tile->id;
        return;
    }
    out->sum_exp += tile->sum_exp * vs_exp_below(tile->max, out->max);
}

void vs_logits_add_tile(struct vs_f_logit_stats *out, const struct vs_f_logit_stats *tile)
{
    for (int c = 0; c < VS_F_CLASSES; c++)
        class_add(&out->of[c], &tile->of[c]);
}

void vs_best_add(struct vs_f_best *out, struct vs_f_best part)
{
    if (part.id != UINT64_MAX && (out->id == UINT64_MAX || part.value > out->value))
        *out = part;
}
